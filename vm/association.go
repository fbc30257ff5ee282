package vm

import (
	"fmt"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// An association pairs a memory object port with a VM object of this kernel, from the first mapping to
// terminate, or to the death of the port. It holds the kernel's rights: a send right for the object port
// and the receive right of the control port, which is made for this association alone (EMM-007).
//
// It is what the object port remembers of this kernel, and the kernel object behind the control port.
// An activity that captured it may go on sending after the object has lost it: until terminate takes
// them, the rights stay here.
type association struct {
	host   *Host
	object *Object // what control calls act on; nil once the association is broken
	of     *Object // the object it belongs to, or belonged to, for reports

	pager   ipc.Right // send right for the object port; Null after terminate or port death
	control ipc.Right // receive right; Null after terminate or port death
	name    ipc.Right // receive right of the name port, if the personality has one

	objectPort, controlPort uint64 // ids of the ports, for the trace

	// mappers sleep on a port whose association is broken until terminate is queued or the port dies.
	mappers sched.Queue

	prev, next *association // every association that holds rights
}

// newAssociation makes the ports of an association between o and a memory object port, for which pager
// is a send right that it takes over.
func (h *Host) newAssociation(o *Object, pager ipc.Right) *association {
	a := &association{host: h, object: o, of: o, pager: pager}
	a.control = h.node.NewKernelPort(a)
	if h.personality.TerminateWithName {
		a.name = h.node.NewKernelPort(nameObject{h})
	}
	a.pager.Port().SetAssociation(h.node, a)
	a.objectPort, a.controlPort = a.pager.Port().ID(), a.control.Port().ID()
	a.prev = h.lastAssociation
	if a.prev == nil {
		h.firstAssociation = a
	} else {
		a.prev.next = a
	}
	h.lastAssociation = a
	o.assoc = a
	return a
}

// broken reports whether the association has ended for the object: terminate is being prepared, was
// queued, or will never come.
func (a *association) broken() bool { return a.object == nil }

// close breaks the association (EMM T1, D1): the object port is TERMINATING, so that mappers wait, and
// the kernel takes nothing more from the control port, which now behaves like any port whose
// receiver does not look (EMM-049, EMM-052).
func (a *association) close(step trace.AssociationStep) {
	a.object = nil
	if p := a.control.Port(); p.Qlimit() != a.host.personality.KernelPortQlimit {
		p.SetQlimit(a.host.personality.KernelPortQlimit)
	}
	a.host.traceAssociation(a, step)
}

// ended takes a off the books once it holds no right; mappers look again (T5).
func (a *association) ended(port *ipc.Port) {
	port.SetAssociation(a.host.node, nil)
	if a.prev == nil {
		a.host.firstAssociation = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		a.host.lastAssociation = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
	a.mappers.WakeAll(sched.Awakened)
}

// terminate queues memory_object_terminate with all rights of the association and lets the next mapper
// in (EMM T4 and T5, D5). A guard right keeps no-senders of the object port behind it (EMM-019).
func (a *association) terminate(th *sched.Thread, queued, free trace.AssociationStep) {
	th.Preempt("before-terminate")
	port := a.pager.Port()
	guard := ipc.CopySend(&a.pager)
	a.host.sendTerminate(th, a)
	a.pager, a.control, a.name = ipc.Right{}, ipc.Right{}, ipc.Right{}
	a.host.traceAssociation(a, queued)
	a.ended(port)
	if free != queued {
		a.host.traceAssociation(a, free)
	}
	ipc.Release(&th.Reap, &guard)
}

// PortDied is called when the memory object port has died. While terminate is being prepared only the
// mappers need to know (P3'). Otherwise there is nobody to send terminate to: the kernel gives up its
// rights, which kills the control port, and the object is an orphan (EMM P3 to P6).
func (a *association) PortDied(th *sched.Thread) {
	if a.broken() {
		a.mappers.WakeAll(sched.Awakened)
		return
	}
	o := a.object
	o.take()
	o.canPersist = false
	o.assoc, a.object = nil, nil
	a.host.traceAssociation(a, trace.StepP3)
	port := a.pager.Port()
	pager, control, name := a.pager.Take(), a.control.Take(), a.name.Take()
	a.pager, a.control, a.name = ipc.Right{}, ipc.Right{}, ipc.Right{}
	a.ended(port)
	ipc.Release(&th.Reap, &pager)
	ipc.Release(&th.Reap, &control)
	ipc.Release(&th.Reap, &name)
	a.host.traceAssociation(a, trace.StepP4)
	o.setPhase(PhaseOrphan)
	o.abortActivity()
	o.dropPages()
	a.host.traceAssociation(a, trace.StepP5)
	o.release(th)
	a.host.traceAssociation(a, trace.StepP6)
}

// KobjectType is PAGING_REQUEST while control calls act on an object.
func (a *association) KobjectType() ipc.KobjectType {
	if a.broken() {
		return ipc.KobjectNone
	}
	return ipc.KobjectPagingRequest
}

// WaitName describes the wait of a mapper for terminate to be queued.
func (a *association) WaitName() string {
	return fmt.Sprintf("the termination of %s", a.of)
}

// WaitID is the memory object port, for the trace.
func (a *association) WaitID() uint64 { return a.objectPort }

// VisitRights shows the recount every right that the host's associations hold, and that for the default
// manager.
func (h *Host) VisitRights(visit func(r ipc.Right, owner string)) {
	visit(h.defaultManager.port, fmt.Sprintf("default manager of kernel %d", h.node.ID()))
	for a := h.firstAssociation; a != nil; a = a.next {
		owner := fmt.Sprintf("%s of kernel %d", a.of, h.node.ID())
		visit(a.pager, owner)
		visit(a.control, owner)
		visit(a.name, owner)
	}
}

// manager names the receiver of o's memory object port, for reports.
func (o *Object) manager() string {
	if o.assoc == nil || !o.assoc.pager.Live() {
		return ""
	}
	p := o.assoc.pager.Port()
	return fmt.Sprintf("the receiver of %v (%v)", p, p.Receiver())
}

// nameObject is the kernel object of a name port, which names a memory object and does nothing.
type nameObject struct{ host *Host }

func (nameObject) KobjectType() ipc.KobjectType { return ipc.KobjectPagingName }
func (nameObject) Accepts(mach.MsgID) bool      { return true }
func (n nameObject) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	return n.host.refuse(th, n, req, rep)
}

// nameRight is a send right for the name port of o, Null where there is none (vm_region of CMU and GNU).
func (o *Object) nameRight() ipc.Right {
	if o.assoc == nil || o.assoc.name.IsNull() {
		return ipc.Right{}
	}
	return ipc.MakeSend(&o.assoc.name)
}

// acceptsWhileClosed reports whether the kernel executes a control call although the association is
// broken: get_attributes, whose sender waits for an answer, and with TermWindow=reject everything.
func (a *association) acceptsWhileClosed(get bool) bool {
	return get || a.host.personality.TermWindow == personality.TermReject
}
