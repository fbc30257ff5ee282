package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Fork makes the map of a child task: what is inherited by sharing, by copying, or not at all. Wirings
// are never inherited (VM-105, VM-140 to VM-146). A region that must be copied at once and cannot be is
// left out. It may wait for managers. Historic vm_map_fork.
func (m *Map) Fork(th *sched.Thread, task uint32, name string) *Map {
	child := m.host.NewMap(task, name)
	child.curLimit, child.maxLimit = m.curLimit, m.maxLimit
	for e := m.first; e != nil; {
		at := e.end
		switch e.inherit {
		case mach.InheritShare:
			m.forkShare(child, e)
		case mach.InheritCopy:
			at = m.forkCopy(th, child, e)
		}
		if e = m.from(at); e != nil && e.start < at {
			// Something larger was mapped there while copying waited.
			m.changing()
			m.clipStart(e, at)
		}
	}
	return child
}

// forkShare gives the child e's object itself.
func (m *Map) forkShare(child *Map, e *Entry) {
	m.makeShared(e)
	n := e.inherited(m.host)
	n.shared = true
	child.append1(n)
}

// inherited is a copy of e without its wirings.
func (e *Entry) inherited(h *Host) *Entry {
	n := e.clone(h)
	n.wired, n.userWired = 0, 0
	n.inTransition, n.needsWakeup, n.shared = false, false, false
	return n
}

// append1 links e behind all other entries.
func (m *Map) append1(e *Entry) {
	m.link(m.last, e)
	m.traceMapping(e, trace.MappingEnter)
}

// makeShared readies e for a second entry that names the same object read/write, and adds the reference
// that one will have. Symmetric memory becomes delay: from now on whoever copies it must save originals
// (VM-145). A pending copy is resolved first, and an object that others copied symmetrically, or that is
// larger than the region, stays out of the sharing behind a shadow (VM-146).
//
// No shadow is put over wired pages: writes through the wiring would miss them. They need none, because
// a symmetric copy never covers them.
func (m *Map) makeShared(e *Entry) {
	m.changing()
	o := e.object
	switch {
	case o == nil:
		m.giveObject(e)
	case e.needsCopy:
		m.resolveCopy(e)
	case o.strategy == mach.CopySymmetric && e.wired == 0 &&
		(o.shadowed || o.internal && !e.shared && o.size > e.size()):
		e.setObject(m.host.shadowOf(e), 0)
		m.traceMapping(e, trace.MappingReplace)
		m.pmap.protect(e.start, e.end, e.prot&^mach.ProtWrite)
	}
	o = e.object
	o.reference()
	if o.strategy == mach.CopySymmetric {
		o.strategy = mach.CopyDelay
	}
	e.shared = true
}

// forkCopy gives the child a copy of e and returns the address up to which that was done.
func (m *Map) forkCopy(th *sched.Thread, child *Map, e *Entry) mach.Addr {
	n := e.inherited(m.host)
	start, end := e.start, e.end
	if m.captureQuickly(e, n) {
		child.append1(n)
		return end
	}
	if e.readable(true) != mach.KernSuccess {
		n.object = nil
		m.host.maps.freeEntry(n)
		return end
	}
	got, ret := m.capture(th, e, true)
	switch {
	case ret != mach.KernSuccess:
	case got == nil:
		end = start // the map changed: look again
	default:
		end = start + got.end
		n.start, n.end = start, end
		n.object, n.offset, n.needsCopy = got.object, got.offset, got.needsCopy
		m.host.maps.freeEntry(got)
		child.append1(n)
		return end
	}
	m.host.maps.freeEntry(n)
	return end
}
