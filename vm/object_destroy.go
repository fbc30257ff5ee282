package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// destroy ends the association of o at its manager's wish, although o may be in use (steps D1 to D5).
// The caller holds a reference. Pages stay with o, which is an orphan from now on: what is resident can
// be used, everything else fails. No page is returned but those that an activity has taken off already.
//
// A second destroy finds nothing to do.
func (o *Object) destroy(th *sched.Thread) {
	a := o.assoc
	if a == nil {
		return
	}
	h := o.host
	o.setPhase(PhaseDestroying)
	o.canPersist = false
	a.close(trace.StepD1)
	o.assoc = nil // no activity can begin that sends; those under way have captured a
	h.traceAssociation(a, trace.StepD2)
	th.Preempt("association-broken")
	o.abortActivity()
	h.traceAssociation(a, trace.StepD3)
	o.waitIdle(th, false)
	h.traceAssociation(a, trace.StepD4)
	a.terminate(th, trace.StepD5, trace.StepD5)
	o.setPhase(PhaseOrphan)
	o.dropPages()
}

// abortActivity ends every wait for the manager that o has lost: requests for data and unlocks, lock
// requests that wait for a wired page, readiness, the absent limit, synchronizes. Whoever waited looks
// again and fails. Answers that came are taken back with what was not yet used of them.
func (o *Object) abortActivity() {
	for p := o.first; p != nil; {
		next := p.mnext
		switch p.contents {
		case pageRequested, pageUnavailable:
			o.host.tracePage(p, trace.PagePlaceholder, trace.PageEmpty, trace.PageAbort)
			p.free()
		case pageData:
			p.unlockRequest = mach.ProtNone
			if p.cleaning {
				p.keepCleaning()
			} else if !p.busy {
				p.wakeup()
			}
		}
		p = next
	}
	o.readyWait.WakeAll(sched.Awakened)
	o.failSyncs()
}

// dropPages discards the resident pages of an orphan that nobody uses at this moment, where the
// personality does not keep them (E-05).
func (o *Object) dropPages() {
	if !o.host.personality.DropPagesOnManagerDeath {
		return
	}
	for p := o.first; p != nil; {
		next := p.mnext
		if !p.busy && p.wireCount == 0 && p.takers == 0 {
			o.host.discardPage(p)
		}
		p = next
	}
}
