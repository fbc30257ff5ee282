package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// gluing reports whether regions are merged again where nothing tells them apart: GNU Mach does, after
// allocation, vm_protect and vm_inherit; OSF and CMU only let the region before an allocation grow (VD-14).
func (m *Map) gluing() bool {
	return m.host.personality.EntryCoalescing == personality.CoalesceBoth
}

// joinAbove makes w part of the region behind it, whose memory grows downwards.
func (m *Map) joinAbove(next *Entry, w *placement) bool {
	size := mach.Offset(w.size)
	if o := next.object; o != nil {
		if o.refs > 1 || !o.inPieces() || o.message || o.shadow != nil || next.offset < size {
			return false
		}
		o.removePages(next.offset-size, w.size)
	}
	m.changing()
	m.extendDown(next, w.addr)
	if next.object != nil {
		next.offset -= size
	}
	m.traceMapping(next, trace.MappingExtend)
	return true
}

// glue merges the regions of [start, end), and its neighbours, that nothing tells apart. Historic
// vm_map_coalesce_entry.
func (m *Map) glue(start, end mach.Addr) {
	if !m.gluing() {
		return
	}
	e := m.from(start)
	for e != nil && e.start <= end {
		next := e.next
		if e.prev != nil && e.prev.sticksTo(e) {
			m.merge(e.prev, e)
		}
		e = next
	}
}

// sticksTo reports whether n only continues e.
func (e *Entry) sticksTo(n *Entry) bool {
	return e.end == n.start && e.object == n.object && (e.object == nil || e.objectEnd() == n.offset) &&
		e.prot == n.prot && e.maxProt == n.maxProt && e.inherit == n.inherit && e.behavior == n.behavior &&
		e.needsCopy == n.needsCopy && !e.shared && !n.shared && !e.inTransition && !n.inTransition &&
		e.wired == n.wired && e.userWired == n.userWired
}

// merge lets e take the place of n, which continues it, and drops n's reference, which is not the last.
func (m *Map) merge(e, n *Entry) {
	m.changing()
	end := n.end
	m.detach(n)
	if o := n.object; o != nil {
		o.refs--
	}
	m.host.maps.freeEntry(n)
	m.extend(e, end)
	m.traceMapping(e, trace.MappingExtend)
}
