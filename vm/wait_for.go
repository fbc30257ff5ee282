package vm

import (
	"machvm/ipc"
	"machvm/kernel/sched"
)

// What reports of who waits for whom ask of the things that threads wait for here. ManagerPort is the memory object
// port whose receiver owes an answer, nil if none does. WaitOver reports whether what is waited for has come: a thread
// that waits all the same was not woken.

func (o *Object) managerPort() *ipc.Port {
	if o == nil || o.assoc == nil || !o.assoc.pager.Live() {
		return nil
	}
	return o.assoc.pager.Port()
}

// ManagerPort is the port of the manager that was asked for the page, or for an unlock.
func (p *Page) ManagerPort() *ipc.Port {
	if p.object == nil || p.contents != pageRequested && p.unlockRequest == 0 {
		return nil
	}
	return p.object.managerPort()
}

// ManagerPort is the port of the manager that is to make the object ready.
func (e *eventReady) ManagerPort() *ipc.Port { return (*Object)(e).managerPort() }

// ManagerPort is the port of the manager that owes the pages.
func (e *eventRoom) ManagerPort() *ipc.Port { return (*Object)(e).managerPort() }

// ManagerPort is the port of the manager that owes the answer.
func (s *syncRequest) ManagerPort() *ipc.Port { return s.object.managerPort() }

// WaitOver is whether the page has come.
func (p *Page) WaitOver(sched.Wait) bool {
	return p.object != nil && !p.busy && p.contents == pageData && p.unlockRequest == 0 && p.lock == 0 && p.wireCount == 0 && !p.cleaning
}

// WaitOver is whether the object has been announced.
func (e *eventInitialized) WaitOver(sched.Wait) bool { return e.phase != PhaseIniting }

// WaitOver is whether the object is ready.
func (e *eventReady) WaitOver(sched.Wait) bool { return !e.phase.created() || e.phase.ready() }

// WaitOver is whether no activity relies on the object.
func (e *eventIdle) WaitOver(sched.Wait) bool { return e.paging == 0 }

// WaitOver is whether fewer pages are absent than may be.
func (e *eventRoom) WaitOver(sched.Wait) bool { return e.absentCount < absentLimit }

// WaitOver is whether the manager has answered.
func (s *syncRequest) WaitOver(sched.Wait) bool { return s.completed || s.failed }

// WaitOver is whether there are pages for anybody.
func (f *freePages) WaitOver(sched.Wait) bool { return f.frames.free() >= max(1, f.targets.free) }
