package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// CopyoutMemory places memory of a message in the lowest space that holds it, as new memory: read and
// write, all at most, copy inheritance (IPC-208). What was copied virtually keeps its place in the page.
// Memory of another host arrives as bytes. It consumes mem on success.
//
//	KERN_NO_SPACE  no space is large enough
//
// or, for bytes and for memory of another host, what a fault failed with.
func (m *Map) CopyoutMemory(th *sched.Thread, mem ipc.Memory) (mach.Addr, mach.Return) {
	return m.Copyout(th, mem.(*Copy))
}

// Copyout is CopyoutMemory for a Copy. Historic vm_map_copyout.
func (m *Map) Copyout(th *sched.Thread, c *Copy) (mach.Addr, mach.Return) {
	if c.buffer || c.host != m.host {
		return m.copyoutBytes(th, c)
	}
	w := newMemory((c.offset + c.size).Round(m.host.pageSize))
	w.addr, w.anywhere = m.min, true
	prev, ret := m.findPlace(&w)
	if ret != mach.KernSuccess {
		return 0, ret
	}
	m.changing()
	for e := c.first; e != nil; e = c.first {
		c.unlink(e)
		e.start += w.addr
		e.end += w.addr
		m.link(prev, e)
		m.traceMapping(e, trace.MappingEnter)
		prev = e
	}
	addr := w.addr + mach.Addr(c.offset)
	c.done()
	if m.wiringRequired {
		// The memory has arrived; that it cannot be wired does not undo that.
		m.wire(th, w.addr, w.addr+mach.Addr(w.size), mach.ProtDefault, wireUser)
	}
	return addr, mach.KernSuccess
}

// copyoutBytes places the bytes of c in new memory.
func (m *Map) copyoutBytes(th *sched.Thread, c *Copy) (mach.Addr, mach.Return) {
	in := mach.Addr(c.offset & (m.host.pageSize - 1))
	var addr mach.Addr
	if ret := m.Allocate(th, &addr, mach.Size(in)+c.size, true); ret != mach.KernSuccess {
		return 0, ret
	}
	if ret := m.writeFrom(th, addr+in, c); ret != mach.KernSuccess {
		m.Deallocate(th, addr, mach.Size(in)+c.size)
		return 0, ret
	}
	c.Discard(th)
	return addr + in, mach.KernSuccess
}

// writeFrom stores the bytes of c at addr, as its owner would. Pages of c that nobody ever wrote are
// stored only where something is to be overwritten.
func (m *Map) writeFrom(th *sched.Thread, addr mach.Addr, c *Copy) mach.Return {
	if c.buffer {
		return m.WriteBytes(th, addr, c.data)
	}
	buf := c.host.scratch()
	defer c.host.giveBack(buf)
	for off := mach.Size(0); off < c.size; {
		at := mach.Addr(c.offset + off)
		n := min(c.host.pageSize-mach.Size(at)&(c.host.pageSize-1), c.size-off)
		if !c.hole(at) || !m.untouched(addr+mach.Addr(off), n) {
			if ret := c.readAt(th, at, buf[:n], true); ret != mach.KernSuccess {
				return ret
			}
			if ret := m.WriteBytes(th, addr+mach.Addr(off), buf[:n]); ret != mach.KernSuccess {
				return ret
			}
		}
		off += n
	}
	return mach.KernSuccess
}

// hole reports whether the page of position a is known to be zeros.
func (c *Copy) hole(a mach.Addr) bool {
	e := c.at(a)
	if e.object == nil {
		return true
	}
	p, known := e.object.peek(e.offsetOf(a).Trunc(c.host.pageSize))
	return known && p == nil
}

// untouched reports whether n bytes at a are known to be zeros in writable memory.
func (m *Map) untouched(a mach.Addr, n mach.Size) bool {
	page := m.host.pageSize
	for at := a.Trunc(page); at < a+mach.Addr(n); at += mach.Addr(page) {
		e, ok := m.lookup(at)
		if !ok || !e.prot.Allows(mach.ProtDefault) {
			return false
		}
		if e.object != nil {
			if p, known := e.object.peek(e.offsetOf(at)); !known || p != nil {
				return false
			}
		}
	}
	return true
}
