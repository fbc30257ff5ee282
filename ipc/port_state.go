package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Receiver is the place of a port's receive right: InSpace, InKernel, InReply, InTransit, InLimbo, or
// Dead when there is none.
//
//	from                           transition   to         when
//	limbo, in transit              arrive       in space, with a kernel: made, or copied out of a message
//	in space, with a kernel        leave        limbo      moved into a message, or being destroyed
//	in transit                     leave        limbo      its message is received or destroyed
//	limbo                          transit      in transit the message that carries it has a destination
//	limbo                          die          dead       destroyed, and nobody asked for it
//
// Limbo lasts for one kernel step, except in a circular message, which is destroyed when it is sent.
type Receiver interface{ receiver() }

// InSpace: a task holds the receive right under a name.
type InSpace struct{ entry *entry }

// InKernel: a kernel holds it. Messages are executed in the sender's thread, unless the port is closed.
type InKernel struct{ node *Node }

// InReply: a kernel holds it and takes replies to its own requests from its queue.
type InReply struct{ node *Node }

// InTransit: a message whose destination is known carries it.
type InTransit struct{ to *Port }

// InLimbo: it is in no space and not bound for any port.
type InLimbo struct{}

// Dead: there is no receive right any more.
type Dead struct{}

func (InSpace) receiver()   {}
func (InKernel) receiver()  {}
func (InReply) receiver()   {}
func (InTransit) receiver() {}
func (InLimbo) receiver()   {}
func (Dead) receiver()      {}

// Space is the space that holds the receive right.
func (s InSpace) Space() *Space { return s.entry.space }

// Name is the name of the receive right in its space.
func (s InSpace) Name() mach.Name { return s.entry.name }

// Node is the kernel that holds the receive right.
func (s InKernel) Node() *Node { return s.node }

// Node is the kernel that holds the receive right.
func (s InReply) Node() *Node { return s.node }

// To is the destination of the message that carries the receive right.
func (s InTransit) To() *Port { return s.to }

func (s InSpace) String() string {
	return fmt.Sprintf("in %s as %v", s.entry.space.label, s.entry.name)
}
func (s InKernel) String() string  { return "with kernel " + s.node.name }
func (s InReply) String() string   { return "reply port of kernel " + s.node.name }
func (s InTransit) String() string { return fmt.Sprintf("in transit to %v", s.to) }
func (InLimbo) String() string     { return "in limbo" }
func (Dead) String() string        { return "dead" }

// Home is the kernel of the space, or the kernel itself, that holds the receive right; for a right in
// transit, the home of the port whose queue carries it; for a dead port, the last one.
func (p *Port) Home() *Node {
	for {
		t, ok := p.state.(InTransit)
		if !ok {
			return p.node
		}
		p = t.to
	}
}

// arrive puts the receive right into a place that holds one: a space, a kernel, or a kernel's replies.
func (p *Port) arrive(at Receiver) {
	switch p.state.(type) {
	case InLimbo, InTransit:
	default:
		panic(fmt.Sprintf("ipc: INV-2: the receive right of %v arrives %v while it is %v", p, at, p.state))
	}
	switch at := at.(type) {
	case InSpace:
		p.node = at.entry.space.node
	case InKernel:
		p.node = at.node
	case InReply:
		p.node = at.node
	default:
		panic(fmt.Sprintf("ipc: INV-2: a receive right cannot arrive %v", at))
	}
	op := trace.PortArrive
	if p.fresh {
		op, p.fresh = trace.PortCreate, false
	}
	p.state = at
	p.event(op, 0)
}

// leave takes the receive right out of its place into limbo: members leave their sets, waiting receivers
// learn that the port went, both counters start again, and a kernel that gives it away stops serving it. A
// right already on its way, whose message is being destroyed, only loses its destination. Historic
// ipc_port_clear_receiver.
func (p *Port) leave(reap *sched.Reap) {
	switch p.state.(type) {
	case InSpace, InKernel, InReply:
	case InTransit:
		p.state = InLimbo{}
		return
	case InLimbo:
		return
	default:
		panic(fmt.Sprintf("ipc: INV-2: the receive right of %v leaves while it is %v", p, p.state))
	}
	p.event(trace.PortMove, 0)
	p.leaveSets()
	p.receivers.wakeAll(mach.RcvPortDied)
	p.mscount, p.seqno = 0, 0
	p.kobject = nil
	p.state = InLimbo{}
}

// move is leave for a right that goes into a message: the move also cancels the no-senders request, whose
// right is answered now, ahead of that message (IPC-151).
func (p *Port) move(reap *sched.Reap) {
	p.leave(reap)
	p.cancelNoSenders(reap)
}

// cancelNoSenders answers the no-senders request of a receive right that moves with send-once, where the
// personality says so (IPC-151, ID-01).
func (p *Port) cancelNoSenders(reap *sched.Reap) {
	if p.nsrequest.IsNull() || p.node.pers.NSRequestOnMove == personality.MoveKeep {
		return
	}
	r := takeRequest(&p.nsrequest)
	Release(reap, &r)
}

// transit binds a receive right in limbo for port to. If following the destinations from to leads back to
// p the move would close a loop: nothing changes and the answer is false. Historic
// ipc_port_check_circularity.
func (p *Port) transit(to *Port) bool {
	if _, ok := p.state.(InLimbo); !ok {
		panic(fmt.Sprintf("ipc: INV-2: %v goes in transit while it is %v", p, p.state))
	}
	for q := to; ; {
		if q == p {
			return false
		}
		t, ok := q.state.(InTransit)
		if !ok {
			break
		}
		q = t.to
	}
	p.state = InTransit{to}
	return true
}

// die ends a port whose receive right is in limbo.
func (p *Port) die() {
	if _, ok := p.state.(InLimbo); !ok {
		panic(fmt.Sprintf("ipc: INV-2: %v dies while its receive right is %v", p, p.state))
	}
	p.state = Dead{}
	p.died = p.world.now()
	p.event(trace.PortDie, 0)
}
