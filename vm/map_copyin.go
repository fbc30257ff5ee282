package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// CopyinMemory captures out-of-line memory of a message. A small physical copy becomes bytes, a large
// one new memory; the rest shares pages until somebody writes, except for the first and last page where
// the data cover them only in part (ID-14). With deallocate the pages that the range overlaps leave the
// map, and what is anonymous and not shared is moved. A large physical copy that deallocates is a move.
//
//	MACH_SEND_INVALID_MEMORY  a page is in no region or not readable, or could not be read
//	MACH_MSG_VM_KERNEL        a large physical copy beyond what the kernel can hold
func (m *Map) CopyinMemory(th *sched.Thread, addr mach.Addr, size mach.Size, opt mach.CopyOption, deallocate bool) (ipc.Memory, mach.CopyOption, mach.Return) {
	var c *Copy
	ret := mach.KernSuccess
	switch {
	case opt == mach.CopyPhysical && size <= bufferMax:
		if c, ret = m.copyinBuffer(th, addr, size); ret == mach.KernSuccess && deallocate {
			m.Deallocate(th, addr, size)
		}
	case opt == mach.CopyPhysical && !deallocate:
		if size > copyMapMax {
			return nil, opt, mach.MsgVMKernel
		}
		c, ret = m.copyinPhysical(th, addr, size)
	default:
		opt = mach.CopyVirtual
		c, ret = m.copyinEdged(th, addr, size, deallocate)
	}
	if ret != mach.KernSuccess {
		return nil, opt, mach.SendInvalidMemory
	}
	return c, opt, mach.KernSuccess
}

// Read captures [addr, addr+size) for vm_read: copy-on-write, unaffected by later writes, at the same
// place in its page (VM-072 to VM-077). A range of no bytes gives no copy.
//
//	KERN_INVALID_ADDRESS     a page is in no region, or the range wraps
//	KERN_PROTECTION_FAILURE  a region is not readable, now or at most
//
// or what fetching the pages of a strategy-none object failed with.
func (m *Map) Read(th *sched.Thread, addr mach.Addr, size mach.Size) (*Copy, mach.Return) {
	if size == 0 {
		return nil, mach.KernSuccess
	}
	return m.copyinEdged(th, addr, size, false)
}

// source checks that every page of the byte range is in a region and readable, and gives the pages.
// ceiling asks for the maximum protection only.
func (m *Map) source(addr mach.Addr, size mach.Size, ceiling bool) (start, end mach.Addr, ret mach.Return) {
	start, end, wraps := m.span(addr, size)
	if wraps || end == 0 {
		return 0, 0, mach.KernInvalidAddress
	}
	return start, end, m.covered(start, end, func(e *Entry) mach.Return { return e.readable(ceiling) })
}

func (e *Entry) readable(ceiling bool) mach.Return {
	if !ceiling && !e.prot.Allows(mach.ProtRead) || !e.maxProt.Allows(mach.ProtRead) {
		return mach.KernProtectionFailure
	}
	return mach.KernSuccess
}

// copyinBuffer captures a few bytes now. Historic vm_map_copyin_kernel_buffer.
func (m *Map) copyinBuffer(th *sched.Thread, addr mach.Addr, size mach.Size) (*Copy, mach.Return) {
	if _, _, ret := m.source(addr, size, false); ret != mach.KernSuccess {
		return nil, ret
	}
	c := m.host.newCopy(0, size)
	c.buffer = true
	if mach.Size(cap(c.data)) < size {
		c.data = make([]byte, bufferMax)
	}
	c.data = c.data[:size]
	if ret := m.ReadBytes(th, addr, c.data); ret != mach.KernSuccess {
		c.Discard(th)
		return nil, ret
	}
	return c, mach.KernSuccess
}

// copyinPhysical copies the bytes now, into new memory that begins with a page.
func (m *Map) copyinPhysical(th *sched.Thread, addr mach.Addr, size mach.Size) (*Copy, mach.Return) {
	if _, _, ret := m.source(addr, size, false); ret != mach.KernSuccess {
		return nil, ret
	}
	h := m.host
	o := h.newAnonymous(size.Round(h.pageSize))
	c := h.newObjectCopy(o, 0, size)
	buf := h.scratch()
	defer h.giveBack(buf)
	for off := mach.Size(0); off < size; off += h.pageSize {
		n := min(h.pageSize, size-off)
		if ret := m.ReadBytes(th, addr+mach.Addr(off), buf[:n]); ret != mach.KernSuccess {
			c.Discard(th)
			return nil, ret
		}
		p, ret := h.grabOrWait(th)
		if ret != mach.KernSuccess {
			c.Discard(th)
			return nil, ret
		}
		copy(h.frames.write(p.frame), buf[:n])
		o.keep(p, mach.Offset(off))
	}
	return c, mach.KernSuccess
}

// copyinEdged is copyin with zeros around the data in the first and last page (ZeroCopyEdges).
func (m *Map) copyinEdged(th *sched.Thread, addr mach.Addr, size mach.Size, destroy bool) (*Copy, mach.Return) {
	c, ret := m.copyin(th, addr, size, destroy)
	if ret != mach.KernSuccess || !m.host.personality.ZeroCopyEdges {
		return c, ret
	}
	page := m.host.pageSize
	lo, hi := mach.Addr(c.offset), mach.Addr(c.offset+c.size)
	first, last := lo.Trunc(page), hi.Trunc(page)
	if first < lo || first == last {
		ret = c.ownPage(th, first, lo, min(hi, first+mach.Addr(page)))
	}
	if ret == mach.KernSuccess && last < hi && last != first {
		ret = c.ownPage(th, last, last, hi)
	}
	if ret != mach.KernSuccess {
		c.Discard(th)
		return nil, ret
	}
	return c, mach.KernSuccess
}

// ownPage gives c its own page at position at, with the bytes of [lo, hi) and zeros around them. Memory
// that nobody touched is zero already.
func (c *Copy) ownPage(th *sched.Thread, at, lo, hi mach.Addr) mach.Return {
	if c.at(at).object == nil {
		return mach.KernSuccess
	}
	h := c.host
	var o *Object
	if !c.hole(at) {
		buf := h.scratch()
		defer h.giveBack(buf)
		clear(buf)
		if ret := c.readAt(th, lo, buf[lo-at:hi-at], true); ret != mach.KernSuccess {
			return ret
		}
		p, ret := h.grabOrWait(th)
		if ret != mach.KernSuccess {
			return ret
		}
		copy(h.frames.write(p.frame), buf)
		o = h.newAnonymous(h.pageSize)
		o.keep(p, 0)
	}
	e := c.isolate(at)
	was, off, needsCopy := e.object, e.offset, e.needsCopy
	e.object, e.offset, e.needsCopy = o, 0, false
	was.releasePiece(th, off, h.pageSize, needsCopy)
	return mach.KernSuccess
}

// copyin captures [addr, addr+size), whole pages, sharing what can be shared: untouched and symmetric
// memory without waiting, the rest by its copy strategy, wired memory by copying it now. With destroy the
// range leaves the map when everything has been captured, and what is anonymous and not shared is moved.
// Historic vm_map_copyin.
//
//	KERN_INVALID_ADDRESS     a page is in no region, or the range wraps
//	KERN_PROTECTION_FAILURE  a region is not readable, now or at most
//
// or what copying an object failed with. On failure nothing has left the map.
func (m *Map) copyin(th *sched.Thread, addr mach.Addr, size mach.Size, destroy bool) (*Copy, mach.Return) {
	start, end, ret := m.source(addr, size, false)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	c := m.host.newCopy(mach.Size(addr-start), size)
	for at := start; at < end; {
		e, ret := m.captured(at, end, false)
		if ret != mach.KernSuccess {
			c.Discard(th)
			return nil, ret
		}
		var n *Entry
		if destroy && e.movable() {
			// Taken last, in one go: until then others may go on using and copying it.
			n = m.host.maps.newEntry()
			n.end, n.pendingMove = e.end-at, true
		} else if n, ret = m.capture(th, e, false); ret != mach.KernSuccess {
			c.Discard(th)
			return nil, ret
		}
		if n == nil {
			continue // the map changed meanwhile
		}
		n.start += at - start
		n.end += at - start
		c.append(n)
		at = start + n.end
	}
	if destroy {
		if ret := m.moveOut(th, c, start); ret != mach.KernSuccess {
			c.Discard(th)
			return nil, ret
		}
		m.remove(th, start, end, removeUser)
	}
	return c, mach.KernSuccess
}

// captured is the entry at at, clipped to [at, end), if it is readable.
func (m *Map) captured(at, end mach.Addr, ceiling bool) (*Entry, mach.Return) {
	e, ok := m.lookup(at)
	if !ok {
		return nil, mach.KernInvalidAddress
	}
	if ret := e.readable(ceiling); ret != mach.KernSuccess {
		return nil, ret
	}
	if at > e.start || end < e.end {
		m.changing()
		m.clipStart(e, at)
		m.clipEnd(e, end)
	}
	return e, mach.KernSuccess
}

// movable reports whether e can leave the map for a Copy as it is: nobody else writes to its memory.
func (e *Entry) movable() bool {
	return !e.inTransition && !e.kernelWired() && (e.object == nil || e.object.internal && !e.shared)
}

// capture copies a whole entry. The result starts at 0 and may be shorter than e; it is nil when the
// map changed meanwhile and must be looked up again.
func (m *Map) capture(th *sched.Thread, e *Entry, ceiling bool) (*Entry, mach.Return) {
	n := m.host.maps.newEntry()
	n.fresh()
	n.end = e.end - e.start
	if m.captureQuickly(e, n) {
		return n, mach.KernSuccess
	}
	start, o, off, version := e.start, e.object, e.offset, m.timestamp
	o.reference()
	var ret mach.Return
	if e.wired > 0 {
		n.object, ret = o.copySlowly(th, off, e.size(), true)
	} else {
		n.object, n.offset, n.needsCopy, ret = o.copyStrategically(th, off, e.size())
	}
	o.release(th)
	if ret != mach.KernSuccess {
		n.object = nil
	}
	if ret == mach.KernSuccess && m.timestamp != version {
		// What was copied must still be what is mapped there.
		e, ok := m.lookup(start)
		switch {
		case !ok:
			ret = mach.KernInvalidAddress
		case e.object != o || e.offsetOf(start) != off:
			ret = mach.KernMemoryRestartCopy
		default:
			ret = e.readable(ceiling)
			n.end = min(n.end, e.end-start)
		}
	}
	if ret != mach.KernSuccess {
		o := n.object
		m.host.maps.freeEntry(n)
		if o != nil {
			o.release(th)
		}
		if ret == mach.KernMemoryRestartCopy {
			return nil, mach.KernSuccess
		}
		return nil, ret
	}
	return n, mach.KernSuccess
}

// captureQuickly shares e with n if that needs no waiting: both put a shadow in between before they
// write. The write permission of e's pages goes now.
func (m *Map) captureQuickly(e, n *Entry) bool {
	o := e.object
	if o == nil {
		return true
	}
	if e.wired > 0 || !o.copyQuickly() {
		return false
	}
	n.object, n.offset, n.needsCopy = o, e.offset, true
	if !e.needsCopy {
		m.changing()
		e.needsCopy = true
		m.pmap.protect(e.start, e.end, e.prot&^mach.ProtWrite)
	}
	return true
}

// moveOut takes the pieces of c that were left for the end out of the map. A piece that can be moved no
// longer is copied, which may wait; then it looks at all of them again.
func (m *Map) moveOut(th *sched.Thread, c *Copy, start mach.Addr) mach.Return {
	for {
		n, ret := m.unmovable(c, start)
		if ret != mach.KernSuccess {
			return ret
		}
		if n == nil {
			break
		}
		if ret := m.captureInstead(th, c, n, start); ret != mach.KernSuccess {
			return ret
		}
	}
	for n := c.first; n != nil; {
		next := n.next
		if n.pendingMove {
			gone, _, _ := m.cut(start+n.start, start+n.end, removeUser)
			before := n.prev
			c.take(n)
			m.host.maps.freeEntry(n)
			for e := gone.first; e != nil; e = gone.first {
				gone.unlink(e)
				e.fresh()
				e.start -= start
				e.end -= start
				c.insertAfter(before, e)
				before = e
			}
		}
		n = next
	}
	return mach.KernSuccess
}

// unmovable is a piece of c that is to be moved and cannot be, nil if there is none.
func (m *Map) unmovable(c *Copy, start mach.Addr) (*Entry, mach.Return) {
	for n := c.first; n != nil; n = n.next {
		if !n.pendingMove {
			continue
		}
		movable := true
		ret := m.covered(start+n.start, start+n.end, func(e *Entry) mach.Return {
			movable = movable && e.movable()
			return e.readable(false)
		})
		if ret != mach.KernSuccess {
			return nil, ret
		}
		if !movable {
			return n, mach.KernSuccess
		}
	}
	return nil, mach.KernSuccess
}

// captureInstead replaces the piece n of c, which cannot be moved, by copies.
func (m *Map) captureInstead(th *sched.Thread, c *Copy, n *Entry, start mach.Addr) mach.Return {
	for at := n.start; at < n.end; {
		e, ret := m.captured(start+at, start+n.end, false)
		if ret != mach.KernSuccess {
			return ret
		}
		got, ret := m.capture(th, e, false)
		if ret != mach.KernSuccess {
			return ret
		}
		if got == nil {
			continue
		}
		got.start, got.end = at, at+got.end
		at = got.end
		c.insertAfter(n.prev, got)
		n.start = at
	}
	c.take(n)
	m.host.maps.freeEntry(n)
	return mach.KernSuccess
}
