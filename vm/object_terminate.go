package vm

import (
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// terminate ends an object whose last reference, which is the caller's, is going. Steps T1 to T6 of the
// life cycle: break the association, let running activities finish, give back what only this kernel
// has, queue memory_object_terminate, let the next mapper in. The caller goes on with the object below.
// Historic vm_object_terminate.
//
// The kernel waits for nothing from the manager: paging can be in progress only where a kernel call or
// the cleaning of a trusted manager's page is under way (EMM-065).
func (o *Object) terminate(th *sched.Thread) {
	h := o.host
	returns := o.returnsPages()
	o.setPhase(PhaseTerminating)
	if below := o.shadow; below != nil && below.copy == o {
		below.copy = nil // nobody is left to receive its originals (VM-200)
	}
	a := o.assoc
	if a != nil {
		a.close(trace.StepT1)
		th.Preempt("association-broken")
	}
	o.waitIdle(th, false)
	o.refs = 0
	if a != nil {
		h.traceAssociation(a, trace.StepT2)
	}

	for p := o.first; p != nil; p = o.first {
		if !returns || p.contents != pageData || !(p.modified() || p.precious) {
			h.discardPage(p)
			continue
		}
		th.Preempt("before-data-return")
		h.tracePage(p, trace.PageResident, trace.PageEmpty, trace.PageTerminate)
		r := h.newReturn(a, false)
		r.take(p, p.offset+o.pagingOffset, p.modified())
		r.send(th)
	}

	o.assoc = nil
	if a != nil {
		h.traceAssociation(a, trace.StepT3)
		a.terminate(th, trace.StepT4, trace.StepT5)
	}
	o.free()
	if a != nil {
		h.traceAssociation(a, trace.StepT6)
	}
}

// returnsPages reports whether the end of the last reference returns modified and precious pages: the
// object has a manager, and its contents must survive (EMM-060, VD-19).
func (o *Object) returnsPages() bool {
	if o.assoc == nil {
		return false
	}
	return !o.temporary || o.canPersist && o.host.personality.TemporaryCache == personality.TemporaryReturn
}
