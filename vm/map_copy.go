package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Copy is memory in transit between address spaces: data that was captured and is not yet placed.
// Historic vm_map_copy. It has one of two forms: the bytes themselves, for small physical copies, or a
// chain of entries with their own object references, which also serves for a single object and for
// pages. Whoever has a Copy places it once or discards it.
type Copy struct {
	entryList           // ascending from 0, without holes, whole pages
	data      []byte    // the bytes, if buffer
	buffer    bool      // the form is bytes
	offset    mach.Size // of the first byte in its first page
	size      mach.Size // bytes of data

	host     *Host
	live     bool
	cursor   *Entry // where the last search ended
	nextFree *Copy
	prevCopy *Copy // the host's copies in transit, oldest first
	nextCopy *Copy
}

var _ ipc.Memory = (*Copy)(nil)

// bufferMax is the size up to which a physical copy travels as bytes. Historic: msg_ool_size_small.
const bufferMax mach.Size = 2048

// copyMapMax bounds one large physical copy: seven eighths of the 8 MiB that the originals copy through.
const copyMapMax mach.Size = 7 << 20

// newCopy is an empty copy of size bytes that start offset bytes into their first page.
func (h *Host) newCopy(offset, size mach.Size) *Copy {
	s := &h.maps
	c := s.copies
	if c == nil {
		c = &Copy{host: h}
	} else {
		s.copies = c.nextFree
		c.nextFree = nil
	}
	c.offset, c.size, c.live = offset, size, true
	c.prevCopy = s.lastCopy
	if c.prevCopy == nil {
		s.firstCopy = c
	} else {
		c.prevCopy.nextCopy = c
	}
	s.lastCopy = c
	return c
}

// done ends c, whose contents have been taken.
func (c *Copy) done() {
	s := &c.host.maps
	if !c.live {
		panic("vm: memory in transit was used twice")
	}
	if c.prevCopy == nil {
		s.firstCopy = c.nextCopy
	} else {
		c.prevCopy.nextCopy = c.nextCopy
	}
	if c.nextCopy == nil {
		s.lastCopy = c.prevCopy
	} else {
		c.nextCopy.prevCopy = c.prevCopy
	}
	*c = Copy{host: c.host, data: c.data[:0], nextFree: s.copies}
	s.copies = c
}

// newObjectCopy is a copy of size bytes of o from off on; it takes over the caller's reference. The
// receiver gets the object itself, not a copy-on-write share. Historic: the object form of vm_map_copy.
func (h *Host) newObjectCopy(o *Object, off mach.Offset, size mach.Size) *Copy {
	in := mach.Size(off) & (h.pageSize - 1)
	c := h.newCopy(in, size)
	e := h.maps.newEntry()
	e.end = mach.Addr((in + size).Round(h.pageSize))
	e.object, e.offset = o, off.Trunc(h.pageSize)
	e.fresh()
	c.append(e)
	return c
}

// NewBytes is a copy that holds the bytes of p, for the out-of-line data of the kernel's own replies.
func (h *Host) NewBytes(p []byte) *Copy {
	c := h.newCopy(0, mach.Size(len(p)))
	c.buffer = true
	c.data = append(c.data[:0], p...)
	return c
}

// Size is the length of the data in bytes.
func (c *Copy) Size() mach.Size { return c.size }

// Discard frees the copy. Objects that nobody else uses terminate (VM-182). Historic vm_map_copy_discard.
func (c *Copy) Discard(th *sched.Thread) {
	for c.first != nil {
		c.drop(th, c.first)
	}
	c.done()
}

// take takes e, with its reference, out of c.
func (c *Copy) take(e *Entry) {
	c.unlink(e)
	c.cursor = nil
}

// drop releases one entry of c.
func (c *Copy) drop(th *sched.Thread, e *Entry) {
	o, off, size, needsCopy := e.object, e.offset, e.size(), e.needsCopy
	c.take(e)
	c.host.maps.freeEntry(e)
	if o != nil {
		o.releasePiece(th, off, size, needsCopy)
	}
}

// clipEnd splits e, an entry of c, so that it ends at a. Historic vm_map_copy_clip_end.
func (c *Copy) clipEnd(e *Entry, a mach.Addr) {
	if a >= e.end {
		return
	}
	n := e.clone(c.host)
	n.start = a
	n.offset += mach.Offset(a - e.start)
	e.end = a
	if n.object != nil {
		n.object.reference()
	}
	c.insertAfter(e, n)
}

// at is the entry of c that holds position a, which counts from the start of c's first page.
func (c *Copy) at(a mach.Addr) *Entry {
	e := c.cursor
	if e == nil || e.start > a {
		e = c.first
	}
	for e.end <= a {
		e = e.next
	}
	c.cursor = e
	return e
}

// isolate makes the page at position a an entry of its own.
func (c *Copy) isolate(a mach.Addr) *Entry {
	e := c.at(a)
	if e.start < a {
		c.clipEnd(e, a)
		e = e.next
	}
	c.clipEnd(e, a+mach.Addr(c.host.pageSize))
	return e
}

// readBytes reads len(p) bytes of the data from off on. It may wait for managers.
//
// Errors are those of a fault: KERN_MEMORY_ERROR, KERN_MEMORY_FAILURE, a manager's own reason, or
// KERN_ABORTED when interruptible and the thread was aborted.
func (c *Copy) readBytes(th *sched.Thread, off mach.Size, p []byte, interruptible bool) mach.Return {
	if c.buffer {
		copy(p, c.data[off:])
		return mach.KernSuccess
	}
	return c.readAt(th, mach.Addr(c.offset+off), p, interruptible)
}

// readAt is readBytes with a position that counts from the start of c's first page.
func (c *Copy) readAt(th *sched.Thread, a mach.Addr, p []byte, interruptible bool) mach.Return {
	page := c.host.pageSize
	for len(p) > 0 {
		e := c.at(a)
		in := mach.Size(a) & (page - 1)
		n := min(page-in, mach.Size(len(p)))
		if e.object == nil {
			clear(p[:n])
		} else if ret := e.object.read(th, e.offsetOf(a), p[:n], interruptible); ret != mach.KernSuccess {
			return ret
		}
		p = p[n:]
		a += mach.Addr(n)
	}
	return mach.KernSuccess
}

// read reads bytes of one page of o at off, below a reference of the caller. It asks the manager if it
// must, and makes no page where there is none to read.
func (o *Object) read(th *sched.Thread, off mach.Offset, p []byte, interruptible bool) mach.Return {
	h := o.host
	in := mach.Size(off) & (h.pageSize - 1)
	off = off.Trunc(h.pageSize)
	for {
		if page, known := o.peek(off); known {
			if page == nil {
				clear(p)
			} else {
				copy(p, h.frames.read(page.frame)[in:])
			}
			return mach.KernSuccess
		}
		r := h.faultPage(th, faultArgs{
			object: o, offset: off, access: mach.ProtRead, prot: mach.ProtRead,
			lo: off, hi: off + mach.Offset(h.pageSize), interruptible: interruptible,
		})
		switch r.outcome {
		case faultSuccess:
			copy(p, h.frames.read(r.page.frame)[in:])
			r.page.settle()
			h.endFault(&r)
			return mach.KernSuccess
		case faultInterrupted:
			return mach.KernAborted
		case faultMemoryShortage:
			if h.waitForPage(th) {
				return mach.KernAborted
			}
		case faultError:
			return r.code
		}
	}
}

// peek finds what a reader of o at off would see, where that is known without waiting or asking: a page,
// or nil for zeros.
func (o *Object) peek(off mach.Offset) (p *Page, known bool) {
	for {
		if p := o.lookup(off); p != nil {
			return p, !p.busy && p.contents == pageData && p.lock&mach.ProtRead == 0
		}
		if o.phase.created() {
			return nil, false
		}
		if o.shadow == nil {
			return nil, true
		}
		off += o.shadowOffset
		o = o.shadow
	}
}

// grabOrWait is grabPage that waits until there is a page. The caller holds no busy page.
//
// KERN_ABORTED: the thread was killed.
func (h *Host) grabOrWait(th *sched.Thread) (*Page, mach.Return) {
	for {
		if p := h.grabPage(th); p != nil {
			return p, mach.KernSuccess
		}
		if h.waitForPage(th) {
			return nil, mach.KernAborted
		}
	}
}

// keep makes the grabbed page p, whose bytes have been written, the page of the anonymous object o at off.
func (o *Object) keep(p *Page, off mach.Offset) {
	p.become(pageData)
	p.dirty = true
	o.insert(p, off)
	p.done()
	p.activate()
}

// stealPage takes page i of the data, in pages of host to, out of c: a busy page in no object and on no
// queue. It is moved without copying when c is its only owner. What c holds at that place is undefined
// afterwards. A last page that the data fill in part ends in zeros. It waits for memory, and may ask
// managers.
//
// Errors are those of readBytes, and KERN_ABORTED for a thread that is killed while it waits for memory.
func (c *Copy) stealPage(th *sched.Thread, to *Host, i int) (*Page, mach.Return) {
	off := mach.Size(i) * to.pageSize
	n := min(to.pageSize, c.size-off)
	if !c.buffer && c.host == to && c.offset == 0 && n == to.pageSize {
		if p := c.takePage(mach.Addr(off)); p != nil {
			return p, mach.KernSuccess
		}
	}
	buf := to.scratch()
	defer to.giveBack(buf)
	clear(buf[n:])
	if ret := c.readBytes(th, off, buf[:n], false); ret != mach.KernSuccess {
		return nil, ret
	}
	p, ret := to.grabOrWait(th)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	copy(to.frames.write(p.frame), buf)
	p.become(pageData)
	return p, mach.KernSuccess
}

// takePage moves the page at position a out of its object if nobody but c can see it there.
func (c *Copy) takePage(a mach.Addr) *Page {
	e := c.at(a)
	o := e.object
	if o == nil || e.needsCopy || o.refs != 1 || !o.inPieces() {
		return nil
	}
	p := o.lookup(e.offsetOf(a))
	if p == nil || p.busy || p.contents != pageData || p.wireCount > 0 || p.alias != nil || p.original != nil {
		return nil
	}
	c.host.pageProtect(p, mach.ProtNone)
	p.unqueue()
	p.busy = true
	o.remove(p)
	return p
}

// scratch is a buffer of one page for bytes on their way; give it back.
func (h *Host) scratch() []byte {
	s := &h.maps
	if n := len(s.buffers); n > 0 {
		b := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		return b
	}
	return make([]byte, h.pageSize)
}

func (h *Host) giveBack(b []byte) { h.maps.buffers = append(h.maps.buffers, b) }
