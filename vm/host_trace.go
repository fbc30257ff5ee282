package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// tracePhases are the phases of objects as the trace names them.
var tracePhases = [phases]trace.Phase{
	PhaseAnonymous: trace.PhaseInternal, PhaseIniting: trace.PhaseIniting, PhaseUnready: trace.PhaseUnready,
	PhaseActive: trace.PhaseActive, PhaseCached: trace.PhaseCached, PhaseDestroying: trace.PhaseTerminating,
	PhaseOrphan: trace.PhaseOrphan, PhaseTerminating: trace.PhaseTerminating, PhaseGone: trace.PhaseFreed,
}

// tracePhase tells that o, which was in phase was, has left it.
func (h *Host) tracePhase(o *Object, was Phase) {
	if !h.tracer.On(trace.KindObjectPhase) {
		return
	}
	e := trace.ObjectPhase{Object: o.id, From: tracePhases[was], To: tracePhases[o.phase]}
	if was == PhaseAnonymous && !o.internal {
		e.From = trace.PhaseNone
	}
	if o.assoc != nil {
		e.Port = o.assoc.objectPort
	}
	trace.Emit(h.tracer, e)
}

// traceAssociation tells of a step in the life of a.
func (h *Host) traceAssociation(a *association, step trace.AssociationStep) {
	if !h.tracer.On(trace.KindAssociation) {
		return
	}
	trace.Emit(h.tracer, trace.Association{
		Object: a.of.id, ObjectPort: a.objectPort, ControlPort: a.controlPort, Step: step,
	})
}

// tracePage tells that p went from one state to another, or stayed there with something changed.
func (h *Host) tracePage(p *Page, from, to trace.PagePhase, cause trace.PageCause) {
	if !h.tracer.On(trace.KindPageState) || p.object == nil {
		return
	}
	trace.Emit(h.tracer, trace.PageState{
		Object: p.object.id, Offset: p.offset, Lock: p.lock, Wanted: p.unlockRequest,
		From: from, To: to, Cause: cause,
		Dirty: p.dirty || p.frame != nil && p.frame.modified, Precious: p.precious, Wired: p.wireCount > 0,
	})
}

// traceRequest tells that p is a placeholder now, for which its manager is asked for access.
func (h *Host) traceRequest(p *Page, cause trace.PageCause, access mach.Prot) {
	if !h.tracer.On(trace.KindPageState) {
		return
	}
	trace.Emit(h.tracer, trace.PageState{Object: p.object.id, Offset: p.offset, Wanted: access,
		From: trace.PageEmpty, To: trace.PagePlaceholder, Cause: cause})
}

// traceStore tells that the page at va of an object with a manager, which was unmodified, is being written to.
func (m *Map) traceStore(va mach.Addr) {
	h := m.host
	if !h.tracer.On(trace.KindPageState) {
		return
	}
	e, ok := m.lookup(va)
	if !ok || e.object == nil || e.object.assoc == nil {
		return
	}
	if p := e.object.lookup(e.offsetOf(va.Trunc(h.pageSize))); p != nil {
		h.tracePage(p, trace.PageResident, trace.PageResident, trace.PageStore)
	}
}
