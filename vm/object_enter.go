package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// enter finds or makes the VM object of the memory object port that is a send right for, which is only
// borrowed, and gives it one more reference. size is what the first mapper knows about the object's
// size. Of several simultaneous first mappers exactly one sends init (EMM-028). The result is nil, and
// stands for anonymous memory, for the null port and, where the personality says so, for a dead one.
// Historic vm_object_enter.
//
// It waits, not interruptibly, for a terminate of the same port to be queued and for init of another
// mapper to be queued; it does not wait for readiness.
//
//	KERN_INVALID_OBJECT  the port is dead, or died during the wait (EMM-026, EMM-112)
//	ForeignPortCode      the port represents another kernel object (EMM-025)
func (h *Host) enter(th *sched.Thread, port *ipc.Right, size mach.Size) (*Object, mach.Return) {
	if port.IsNull() {
		return nil, mach.KernSuccess
	}
	h.stats.Lookups++
	for {
		if port.IsDead() {
			if h.personality.DeadObjectMapsZero {
				return nil, mach.KernSuccess
			}
			return nil, mach.KernInvalidObject
		}
		p := port.Port()
		if p.Kobject() != nil {
			return nil, h.personality.ForeignPortCode
		}
		a, _ := p.Association(h.node).(*association)
		switch {
		case a == nil:
			return h.associate(th, port, size), mach.KernSuccess
		case a.broken():
			th.Block(&a.mappers, sched.Wait{Kind: sched.WaitTerminating, What: a})
		default:
			o := a.object
			o.take()
			h.stats.Hits++
			o.waitInitialized(th)
			return o, mach.KernSuccess
		}
	}
}

// associate makes the object of a port that has none in this kernel, and announces it. If the port dies before that,
// nobody hears of the object, which is an orphan then.
func (h *Host) associate(th *sched.Thread, port *ipc.Right, size mach.Size) *Object {
	o := h.newObject(size)
	o.strategy = mach.CopyInvalid
	o.clusterSize = h.pageSize
	a := h.newAssociation(o, ipc.CopySend(port))
	o.setPhase(PhaseIniting)
	th.Preempt("before-init")
	if o.assoc != a {
		return o
	}
	h.sendInit(th, a)
	h.traceAssociation(a, trace.StepInit)
	o.setPhase(PhaseUnready)
	return o
}

// take adds a reference to an object found through a port, out of the cache if it is there.
func (o *Object) take() {
	if o.phase == PhaseCached {
		o.uncache()
		return
	}
	o.reference()
}

// objectOf is the object this kernel associates with port p, nil if there is none in force.
func (h *Host) objectOf(p *ipc.Port) *Object {
	if a, ok := p.Association(h.node).(*association); ok {
		return a.object
	}
	return nil
}
