package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// What steps touch, for exploration. A port stands for its counts, its queue, its receivers and senders,
// and its members of sets. Names need no word of their own: a space is touched by threads of its task, by calls to the
// task's port, and by the death of ports, and the latter two touch the kernel.

// touch says that the running thread changes something about p. It costs a comparison if nobody listens.
func (p *Port) touch() {
	if p.world.sched.Observed() {
		p.touched()
	}
}

func (p *Port) touched() {
	s := p.world.sched
	s.Touch(sched.ResourcePort, p.id, true)
	for _, m := range p.sets {
		s.Touch(sched.ResourcePort, m.set.id, true)
	}
}

// touch says that the running thread receives from s.
func (s *PortSet) touch() { s.space.node.world.sched.Touch(sched.ResourcePort, s.id, true) }

// touchKernel says that the running thread may change anything a kernel has.
func (w *World) touchKernel() { w.sched.Touch(sched.ResourceKernel, 0, true) }

// touchDeath says that p dies: nobody notices if nobody but its holder knows it.
func (p *Port) touchDeath() {
	if !p.world.sched.Observed() {
		return
	}
	p.touched()
	alone := p.srights == 0 && p.sorights == 0 && p.names.head == nil && p.queue.head == nil && p.senders.head == nil &&
		p.receivers.head == nil && p.dnrequests.head == nil && p.nsrequest.IsNull() && p.pdrequest.IsNull() && len(p.routes) == 0
	for _, a := range p.associations {
		alone = alone && a == nil
	}
	if !alone {
		p.world.touchKernel()
	}
}

// Gentle is a Kobject that can say of a request what else than everything it touches.
type Gentle interface {
	// TouchesLittle reports whether a request touches nothing of the kernel but what it has said by then, what it
	// will say, and ports.
	TouchesLittle(id mach.MsgID) bool
}

// touchService says that the kernel executes a request sent to p.
func (p *Port) touchService(id mach.MsgID) {
	if !p.world.sched.Observed() {
		return
	}
	if g, ok := p.kobject.(Gentle); !ok || !g.TouchesLittle(id) {
		p.world.touchKernel()
	}
}
