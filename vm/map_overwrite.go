package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Write overwrites mapped memory at addr with c, which it consumes whatever happens; nil is no data.
// Protection and inheritance of the destination stay. Historic vm_write (VM-078 to VM-083).
//
//	KERN_INVALID_ADDRESS     a page of the destination is in no region, or the range wraps
//	KERN_PROTECTION_FAILURE  a region is not writable
//
// or what a fault failed with; part may have been written then.
func (m *Map) Write(th *sched.Thread, addr mach.Addr, c *Copy) mach.Return {
	if c == nil {
		return mach.KernSuccess
	}
	ret := m.overwrite(th, addr, c)
	if ret != mach.KernSuccess {
		c.Discard(th)
	}
	return ret
}

// Copy copies within the map: it captures the source, then overwrites the destination, so the ranges
// may overlap. Errors are those of Read, then those of Write. Historic vm_copy (VM-084, VM-085).
func (m *Map) Copy(th *sched.Thread, src mach.Addr, size mach.Size, dst mach.Addr) mach.Return {
	return m.ReadOverwrite(th, src, size, m, dst)
}

// ReadOverwrite copies a range of m over mapped memory of to. Errors are those of Read, then those of
// Write. Historic vm_read_overwrite.
func (m *Map) ReadOverwrite(th *sched.Thread, src mach.Addr, size mach.Size, to *Map, dst mach.Addr) mach.Return {
	if size == 0 {
		return mach.KernSuccess
	}
	c, ret := m.copyin(th, src, size, false)
	if ret != mach.KernSuccess {
		return ret
	}
	return to.Write(th, dst, c)
}

// CopyoutOverwrite writes memory of a message over mapped memory and consumes it on success. Errors are
// those of Write.
func (m *Map) CopyoutOverwrite(th *sched.Thread, mem ipc.Memory, addr mach.Addr) mach.Return {
	return m.overwrite(th, addr, mem.(*Copy))
}

// overwrite replaces the memory at dst by c, which is consumed on success. Anonymous memory that is
// neither shared nor wired takes over the objects of c where both sides are whole pages; everything else
// is written through, so that sharers and managers see it. Historic vm_map_copy_overwrite.
func (m *Map) overwrite(th *sched.Thread, dst mach.Addr, c *Copy) mach.Return {
	if ret := m.destination(th, dst, c.size); ret != mach.KernSuccess {
		return ret
	}
	page := m.host.pageSize
	var ret mach.Return
	if !c.buffer && c.host == m.host && dst.Aligned(page) && c.offset == 0 && c.size.Aligned(page) {
		ret = m.overwriteAligned(th, dst, c)
	} else {
		ret = m.overwriteBytes(th, dst, c, 0, c.size)
	}
	if ret == mach.KernSuccess {
		c.Discard(th)
	}
	return ret
}

// destination checks the whole range before anything is written, waiting for entries in transition.
func (m *Map) destination(th *sched.Thread, dst mach.Addr, size mach.Size) mach.Return {
	start, end, wraps := m.span(dst, size)
	if wraps || end == 0 && size != 0 {
		return mach.KernInvalidAddress
	}
	for start < end {
		var wait *Entry
		ret := m.covered(start, end, func(e *Entry) mach.Return {
			if !e.prot.Allows(mach.ProtWrite) {
				return mach.KernProtectionFailure
			}
			if e.inTransition && wait == nil {
				wait = e
			}
			return mach.KernSuccess
		})
		if wait == nil || ret != mach.KernSuccess {
			return ret
		}
		m.waitTransition(th, wait.start, false)
	}
	return mach.KernSuccess
}

// overwriteAligned overwrites whole pages, entry by entry.
func (m *Map) overwriteAligned(th *sched.Thread, dst mach.Addr, c *Copy) mach.Return {
	at := dst
	for c.first != nil {
		from := c.first
		e, ok := m.lookup(at)
		switch {
		case !ok:
			return mach.KernInvalidAddress
		case !e.prot.Allows(mach.ProtWrite):
			return mach.KernProtectionFailure
		case e.inTransition:
			m.waitTransition(th, at, false)
			continue
		}
		m.changing()
		m.clipStart(e, at)
		m.clipEnd(e, at+mach.Addr(from.size()))
		c.clipEnd(from, from.start+mach.Addr(e.size()))
		end := e.end
		switch {
		case e.object == from.object && e.offset == from.offset && (from.object != nil || from.offset == 0):
			c.drop(th, from) // onto itself
		case e.stealable():
			m.steal(th, e, c, from)
		default:
			if ret := m.overwriteBytes(th, at, c, mach.Size(from.start), from.size()); ret != mach.KernSuccess {
				return ret
			}
			c.drop(th, from)
		}
		at = end
	}
	return mach.KernSuccess
}

// stealable reports whether the memory of e may be replaced rather than written: nobody else shares it,
// no manager sees it, and no page of it is wired.
func (e *Entry) stealable() bool {
	return e.wired == 0 && (e.needsCopy || !e.shared && (e.object == nil || e.object.internal))
}

// steal makes e name what from names, and drops what it named: one of the ways in which a memory object
// loses its last mapping (VM-181).
func (m *Map) steal(th *sched.Thread, e *Entry, c *Copy, from *Entry) {
	was, off, size, needsCopy := e.object, e.offset, e.size(), e.needsCopy
	m.pmap.remove(e.start, e.end)
	e.setObject(from.object, from.offset)
	e.needsCopy = from.needsCopy
	m.traceMapping(e, trace.MappingReplace)
	c.take(from)
	m.host.maps.freeEntry(from)
	if was != nil {
		was.releasePiece(th, off, size, needsCopy)
	}
}

// overwriteBytes writes n bytes of c, from its byte off on, through the memory at dst, page by page.
func (m *Map) overwriteBytes(th *sched.Thread, dst mach.Addr, c *Copy, off, n mach.Size) mach.Return {
	page := m.host.pageSize
	buf := m.host.scratch()
	defer m.host.giveBack(buf)
	for n > 0 {
		k := min(page-mach.Size(dst)&(page-1), n)
		ret := m.overwritePage(th, dst, c, off, buf[:k])
		if ret == mach.KernMemoryRestartCopy {
			continue
		}
		if ret != mach.KernSuccess {
			return ret
		}
		dst += mach.Addr(k)
		off += k
		n -= k
	}
	return mach.KernSuccess
}

// overwritePage writes len(buf) bytes of c, which lie in one page at dst, and uses buf on the way. It
// faults the destination first and then the source; the destination is wired and not busy meanwhile, so
// that the source may be the same page. If the map changed during the wait it gives
// KERN_MEMORY_RESTART_COPY and has written nothing. Historic vm_fault_copy.
func (m *Map) overwritePage(th *sched.Thread, dst mach.Addr, c *Copy, off mach.Size, buf []byte) mach.Return {
	h := m.host
	va := dst.Trunc(h.pageSize)
	l, ret := m.locate(va, mach.ProtWrite)
	if ret != mach.KernSuccess {
		return ret
	}
	o := l.object
	o.reference()
	r := h.faultPage(th, faultArgs{
		object: o, offset: l.offset, access: l.access | mach.ProtDefault, prot: l.prot,
		lo: l.lo, hi: l.hi, behavior: l.behavior, task: m.task, va: va,
	})
	ret = mach.KernMemoryRestartCopy
	switch r.outcome {
	case faultError:
		ret = r.code
	case faultMemoryShortage:
		if h.waitForPage(th) {
			ret = mach.KernAborted
		}
	case faultSuccess:
		p := r.page
		copied := p.object.copy
		p.wire()
		p.done()
		got := c.readBytes(th, off, buf, false)
		switch {
		case got != mach.KernSuccess:
			ret = got
		case m.stillAt(va, &l) && p.object.copy == copied:
			copy(h.frames.write(p.frame)[mach.Size(dst)&(h.pageSize-1):], buf)
			p.dirty = true
			h.tracePage(p, trace.PageResident, trace.PageResident, trace.PageStore)
			ret = mach.KernSuccess
		}
		p.unwire()
		h.endSearch(&r)
	}
	o.release(th)
	return ret
}

// stillAt reports whether va still leads where l found it, for writing.
func (m *Map) stillAt(va mach.Addr, l *located) bool {
	if m.timestamp == l.version {
		return true
	}
	e, ok := m.lookup(va)
	return ok && e.prot.Allows(mach.ProtWrite) && !e.needsCopy && e.object == l.object && e.offsetOf(va) == l.offset
}
