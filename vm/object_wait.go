package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// The events of an object that threads wait for. Each is the object itself under the name a report
// shows.
type (
	eventInitialized Object // init is queued
	eventReady       Object // the manager has declared attributes, or is gone
	eventIdle        Object // no activity relies on the object
	eventRoom        Object // fewer pages are absent
)

// WaitName describes the wait for init to be queued.
func (e *eventInitialized) WaitName() string { return (*Object)(e).String() + " to be announced" }

// WaitName describes the wait for the manager's first attributes.
func (e *eventReady) WaitName() string { return (*Object)(e).String() + " to be made ready" }

// HeldBy names the manager.
func (e *eventReady) HeldBy() string { return (*Object)(e).manager() }

// WaitName describes the wait for activities to end.
func (e *eventIdle) WaitName() string {
	return fmt.Sprintf("%d activities on %s", e.paging, (*Object)(e))
}

// WaitName describes the wait at the absent limit.
func (e *eventRoom) WaitName() string {
	return fmt.Sprintf("%s, which waits for %d pages already", (*Object)(e), e.absentCount)
}

// HeldBy names the manager that owes the pages.
func (e *eventRoom) HeldBy() string { return (*Object)(e).manager() }

// waitInitialized waits until o has been announced to its manager. Queueing that message needs no action
// of anybody else, so the wait is not interruptible.
func (o *Object) waitInitialized(th *sched.Thread) {
	for o.phase == PhaseIniting {
		th.Block(&o.initWait, sched.Wait{Kind: sched.WaitObject, What: (*eventInitialized)(o)})
	}
}

// awaitReady waits until the manager has declared attributes or is gone.
func (o *Object) awaitReady(th *sched.Thread, interruptible bool) sched.Result {
	for o.phase.created() && !o.phase.ready() {
		r := th.Block(&o.readyWait, sched.Wait{
			Kind: sched.WaitReady, What: (*eventReady)(o), Interruptible: interruptible,
		})
		if r == sched.Interrupted {
			return r
		}
	}
	return sched.Awakened
}

// waitReady is the wait of vm_map for its manager.
//
//	KERN_ABORTED         the thread was aborted (EMM-039)
//	KERN_INVALID_OBJECT  the manager destroyed the object or died (EMM-041, EMM-042)
//
// Where the personality does not wait for readiness it succeeds at once.
func (o *Object) waitReady(th *sched.Thread) mach.Return {
	if o.internal || !o.host.personality.MapWaitsForReady {
		return mach.KernSuccess
	}
	if o.awaitReady(th, true) == sched.Interrupted {
		return mach.KernAborted
	}
	if o.assoc == nil {
		return mach.KernInvalidObject
	}
	return mach.KernSuccess
}

// waitIdle waits until no activity relies on o.
func (o *Object) waitIdle(th *sched.Thread, interruptible bool) sched.Result {
	for o.paging > 0 {
		r := th.Block(&o.idleWait, sched.Wait{
			Kind: sched.WaitObject, What: (*eventIdle)(o), Interruptible: interruptible,
		})
		if r == sched.Interrupted {
			return r
		}
	}
	return sched.Awakened
}

// waitRoom waits until fewer pages of o are absent.
func (o *Object) waitRoom(th *sched.Thread, interruptible bool) sched.Result {
	return th.Block(&o.roomWait, sched.Wait{
		Kind: sched.WaitObject, What: (*eventRoom)(o), Interruptible: interruptible,
	})
}

// wakesAll reports whether a data_error goes to every thread that waits for the page, and to no other.
func (h *Host) wakesAll() bool { return h.personality.DataErrorWakes == personality.WakesAll }

// forgetUnavailable frees the pages of which the manager has nothing and which nobody has used yet, and
// reports whether that brought o below the absent limit. They only save a request.
func (o *Object) forgetUnavailable() bool {
	for p := o.first; p != nil; {
		next := p.mnext
		if p.contents == pageUnavailable {
			p.free()
		}
		p = next
	}
	return o.absentCount <= absentLimit
}
