package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Allocate makes size bytes of zero-filled memory, anywhere from the bottom of the map or at *addr, and
// sets *addr to where they begin. No page frame is used before it is touched (VM-001 to VM-017).
//
//	KERN_INVALID_ARGUMENT  the size rounds up to 0
//	KERN_INVALID_ADDRESS   a fixed range leaves the map
//	KERN_NO_SPACE          a fixed range is occupied, or no space is large enough
func (m *Map) Allocate(th *sched.Thread, addr *mach.Addr, size mach.Size, anywhere bool) mach.Return {
	if size == 0 {
		*addr = 0
		return mach.KernSuccess
	}
	page := m.host.pageSize
	size = size.Round(page)
	if size == 0 {
		return mach.KernInvalidArgument
	}
	want := newMemory(size)
	if want.anywhere = anywhere; anywhere {
		want.addr = m.min
	} else {
		want.addr = addr.Trunc(page)
	}
	ret := m.enter(th, &want)
	if ret == mach.KernSuccess {
		*addr = want.addr
	}
	return ret
}

// AllocateBytes makes memory anywhere that holds p, for arrays of port names.
func (m *Map) AllocateBytes(th *sched.Thread, p []byte) (mach.Addr, mach.Return) {
	var addr mach.Addr
	if ret := m.Allocate(th, &addr, mach.Size(len(p)), true); ret != mach.KernSuccess {
		return 0, ret
	}
	if ret := m.WriteBytes(th, addr, p); ret != mach.KernSuccess {
		m.Deallocate(th, addr, mach.Size(len(p)))
		return 0, ret
	}
	return addr, mach.KernSuccess
}

// MapArgs are the arguments of vm_map.
type MapArgs struct {
	Addr      mach.Addr // hint or exact address; the result
	Size      mach.Size
	Mask      mach.Addr  // bits that must be zero in the result
	Anywhere  bool       // first fit at or above Addr
	Overwrite bool       // exact address: take away what is there (XNU's flag)
	Object    *ipc.Right // the memory object, borrowed; null: anonymous memory
	Offset    mach.Offset
	Copy      bool // a private copy, taken now
	Cur, Max  mach.Prot
	Inherit   mach.Inherit
}

// MapObject maps a memory object, or anonymous memory, and sets a.Addr. The first mapping of a memory
// object announces it to its manager, and the call waits until the manager has declared attributes.
// Historic vm_map (VM-018 to VM-042).
//
//	KERN_INVALID_ARGUMENT  size 0, an unknown protection or inheritance, an offset inside a page
//	KERN_INVALID_OBJECT    the port is dead, belongs to another kind of kernel object, or its manager
//	                       destroyed the object or died before declaring it ready
//	KERN_ABORTED           the thread was aborted while it waited for the manager
//	KERN_INVALID_ADDRESS   a fixed range leaves the map
//	KERN_NO_SPACE          a fixed range is occupied or violates Mask, or no space is large enough
//
// With Copy also what the copy of a strategy-none object can fail with.
func (m *Map) MapObject(th *sched.Thread, a *MapArgs) mach.Return {
	page := m.host.pageSize
	if a.Size == 0 || !a.Cur.Valid() || !a.Max.Valid() || !a.Inherit.Valid() {
		return mach.KernInvalidArgument
	}
	want := newMemory(a.Size.Round(page))
	if want.size == 0 {
		return mach.KernInvalidArgument
	}
	want.addr, want.mask = a.Addr.Trunc(page), a.Mask
	want.anywhere, want.overwrite = a.Anywhere, a.Overwrite && !a.Anywhere
	want.prot, want.maxProt, want.inherit = a.Cur, a.Max, a.Inherit
	anonymous := a.Object == nil || a.Object.IsNull() ||
		a.Object.IsDead() && m.host.personality.DeadObjectMapsZero
	if !anonymous {
		if !a.Offset.Aligned(page) {
			return mach.KernInvalidArgument
		}
		if a.Object.Live() {
			if n, ok := a.Object.Port().Kobject().(interface{ Entry() *MemoryEntry }); ok {
				return m.mapEntry(th, a, n.Entry())
			}
		}
		if ret := m.nameObject(th, a, &want); ret != mach.KernSuccess {
			return ret
		}
	}
	ret := m.enter(th, &want)
	if ret != mach.KernSuccess {
		if want.object != nil {
			// The manager of an object that was announced for this call sees it terminate (VM-036).
			want.object.release(th)
		}
		return ret
	}
	a.Addr = want.addr
	return mach.KernSuccess
}

// nameObject finds or makes the object of a memory object port, and with a.Copy a copy of its range.
// On success want holds a reference.
func (m *Map) nameObject(th *sched.Thread, a *MapArgs, want *placement) mach.Return {
	o, ret := m.host.enter(th, a.Object, want.size)
	if ret != mach.KernSuccess || o == nil {
		return ret
	}
	if ret := o.waitReady(th); ret != mach.KernSuccess {
		o.release(th)
		return ret
	}
	want.object, want.offset = o, a.Offset
	if !a.Copy {
		return mach.KernSuccess
	}
	copied, off, needsCopy, ret := o.copyStrategically(th, a.Offset, want.size)
	if ret == mach.KernMemoryRestartCopy {
		// Symmetric memory behind a port: a pager of the kernel's own.
		o.copyQuickly()
		o.protectPages(a.Offset, want.size, mach.ProtAll&^mach.ProtWrite)
		copied, off, needsCopy, ret = o, a.Offset, true, mach.KernSuccess
	}
	o.release(th)
	want.object, want.offset, want.needsCopy = copied, off, needsCopy
	if ret != mach.KernSuccess {
		want.object = nil
	}
	return ret
}

// placement is a region that is to be entered, and where.
type placement struct {
	addr      mach.Addr // hint or exact address, page aligned; the result
	size      mach.Size // whole pages, not 0
	mask      mach.Addr
	anywhere  bool
	overwrite bool // exact address: take away what is there
	object    *Object
	offset    mach.Offset
	needsCopy bool
	prot      mach.Prot
	maxProt   mach.Prot
	inherit   mach.Inherit
}

// newMemory is a placement with the attributes of new memory (VM-007).
func newMemory(size mach.Size) placement {
	return placement{size: size, prot: mach.ProtDefault, maxProt: mach.ProtAll, inherit: mach.InheritCopy}
}

// enter makes a region, whose object reference moves into the map on success only. It waits where a
// region in transition is overwritten, where joining to the region before drops an object, where what was
// overwritten is released, and where new regions must be wired. Historic vm_map_enter.
func (m *Map) enter(th *sched.Thread, w *placement) mach.Return {
	var gone entryList // overwritten, released when the new region is in place
	ret := m.place(th, w, &gone)
	m.host.releaseEntries(th, &gone)
	if ret == mach.KernSuccess && m.wiringRequired {
		ret = m.wire(th, w.addr, w.addr+mach.Addr(w.size), w.prot, wireUser)
	}
	return ret
}

func (m *Map) place(th *sched.Thread, w *placement, gone *entryList) mach.Return {
	for {
		prev, ret := m.room(th, w, gone)
		if ret != mach.KernSuccess {
			return ret
		}
		version := m.timestamp
		if m.join(th, prev, w) {
			m.glue(w.addr, w.addr+mach.Addr(w.size))
			return mach.KernSuccess
		}
		if m.timestamp != version {
			continue // joining waited and the place may be taken
		}
		m.changing()
		e := m.newRegion(w)
		m.link(prev, e)
		m.traceMapping(e, trace.MappingEnter)
		return mach.KernSuccess
	}
}

// room is findPlace that makes the place free first if w may overwrite.
func (m *Map) room(th *sched.Thread, w *placement, gone *entryList) (prev *Entry, ret mach.Return) {
	if w.overwrite {
		if ret := m.makeRoom(th, w, gone); ret != mach.KernSuccess {
			return nil, ret
		}
	}
	return m.findPlace(w)
}

// makeRoom takes what stands in the place of w out of the map.
func (m *Map) makeRoom(th *sched.Thread, w *placement, gone *entryList) mach.Return {
	end := w.addr + mach.Addr(w.size)
	for {
		if ret := m.fits(w); ret != mach.KernSuccess {
			return ret
		}
		if w.maxProt != mach.ProtNone && m.size-m.sizeNone-m.charged(w.addr, end)+w.size > m.curLimit {
			return mach.KernNoSpace
		}
		cut, wait, ret := m.cut(w.addr, end, removeUser)
		for e := cut.first; e != nil; e = cut.first {
			cut.unlink(e)
			gone.append(e)
		}
		if !wait {
			return ret
		}
		m.waitTransition(th, w.addr, false)
	}
}

// charged is how many bytes of [start, end) count against the size limit.
func (m *Map) charged(start, end mach.Addr) (n mach.Size) {
	for e := m.from(start); e != nil && e.start < end; e = e.next {
		if e.maxProt != mach.ProtNone {
			n += mach.Size(min(e.end, end) - max(e.start, start))
		}
	}
	return n
}

func (m *Map) newRegion(w *placement) *Entry {
	e := m.host.maps.newEntry()
	e.start, e.end = w.addr, w.addr+mach.Addr(w.size)
	e.object, e.offset, e.needsCopy = w.object, w.offset, w.needsCopy
	e.prot, e.maxProt, e.inherit = w.prot, w.maxProt, w.inherit
	return e
}

// fits checks a fixed range against mask and map.
func (m *Map) fits(w *placement) mach.Return {
	end := w.addr + mach.Addr(w.size)
	switch {
	case w.addr&w.mask != 0:
		return mach.KernNoSpace
	case w.addr < m.min || end > m.max || end <= w.addr:
		return mach.KernInvalidAddress
	}
	return mach.KernSuccess
}

func (m *Map) overLimit(w *placement) bool {
	return w.maxProt != mach.ProtNone && m.size-m.sizeNone+w.size > m.curLimit
}

// findPlace settles w.addr and finds the entry before it.
func (m *Map) findPlace(w *placement) (prev *Entry, ret mach.Return) {
	if w.anywhere {
		addr, before, ok := m.findSpace(w.addr, w.size, w.mask)
		if !ok || m.overLimit(w) {
			return nil, mach.KernNoSpace
		}
		w.addr = addr
		return before, mach.KernSuccess
	}
	if ret := m.fits(w); ret != mach.KernSuccess {
		return nil, ret
	}
	prev, inside := m.lookup(w.addr)
	next := m.after(prev)
	if inside || next != nil && next.start < w.addr+mach.Addr(w.size) || m.overLimit(w) {
		return nil, mach.KernNoSpace
	}
	return prev, mach.KernSuccess
}

// join makes w part of the region before it, or with EntryCoalescing=both of the one behind, if both
// are anonymous memory with the same attributes (VM-014, VM-015). If it waited, the version has moved.
func (m *Map) join(th *sched.Thread, prev *Entry, w *placement) bool {
	if w.object != nil {
		return false
	}
	if m.alike(prev, w) && prev.end == w.addr {
		version := m.timestamp
		if m.joinBelow(th, prev, w) {
			return true
		}
		if m.timestamp != version {
			return false
		}
	}
	next := m.after(prev)
	return m.gluing() && m.alike(next, w) && next.start == w.addr+mach.Addr(w.size) && m.joinAbove(next, w)
}

// alike reports whether e could be part of the same region as w.
func (m *Map) alike(e *Entry, w *placement) bool {
	return e != nil && !e.shared && !e.inTransition && !e.needsCopy && e.wired == 0 &&
		e.inherit == w.inherit && e.prot == w.prot && e.maxProt == w.maxProt &&
		e.behavior == mach.BehaviorDefault
}

func (m *Map) joinBelow(th *sched.Thread, prev *Entry, w *placement) bool {
	version := m.timestamp
	if o := prev.object; o != nil {
		// Collapsing may wait, and the region may go meanwhile.
		o.reference()
		o.collapse(th)
		o.release(th)
		if m.timestamp != version || !o.coalesce(th, prev.offset, prev.size(), w.size) {
			return false
		}
	}
	m.changing()
	m.extend(prev, w.addr+mach.Addr(w.size))
	m.traceMapping(prev, trace.MappingExtend)
	return true
}
