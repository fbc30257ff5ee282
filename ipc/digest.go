package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Digest adds the ports, their queues and all spaces. Ports in spaces count by space and name, so that it does not
// matter in which order they were made. Without counts it is left out how many messages and rights have passed.
func (w *World) Digest(d *sched.Digest, counts bool) {
	sum := uint64(0)
	for p := w.ports.head; p != nil; p = p.next {
		var one sched.Digest
		p.digest(&one, counts)
		sum += one.Sum()
	}
	d.Word(sum)
	for _, n := range w.nodes {
		for _, s := range n.spaces {
			s.digest(d)
		}
		for _, l := range n.links {
			if l != nil {
				d.Words(uint64(l.from.id), uint64(l.to.id))
				for k := l.queue.head; k != nil; k = k.next {
					k.digest(d)
				}
			}
		}
	}
}

// identity tells the port from others.
func (p *Port) identity() uint64 {
	if p == nil {
		return 0
	}
	if at, ok := p.state.(InSpace); ok {
		return uint64(at.entry.space.task)<<32 | uint64(at.entry.name)
	}
	return 1<<63 | p.id
}

func (r *Right) digest(d *sched.Digest) { d.Words(r.port.identity(), uint64(r.kind)) }

func (p *Port) digest(d *sched.Digest, counts bool) {
	d.Word(p.identity())
	switch at := p.state.(type) {
	case InKernel:
		d.Words(1, uint64(at.node.id))
	case InReply:
		d.Words(2, uint64(at.node.id))
	case InTransit:
		d.Words(3, at.to.identity())
	case InLimbo:
		d.Word(4)
	}
	if counts {
		d.Words(uint64(p.mscount), uint64(p.seqno))
	}
	d.Words(uint64(p.srights), uint64(p.sorights), uint64(p.qlimit), uint64(p.msgcount),
		uint64(p.senders.len()), uint64(p.dnrequests.len()))
	d.Flags(p.nms, p.nsidle, p.kobject != nil)
	p.nsrequest.digest(d)
	p.pdrequest.digest(d)
	for _, m := range p.sets {
		d.Word(uint64(m.set.entry.name))
	}
	for k := p.queue.head; k != nil; k = k.next {
		k.digest(d)
	}
}

// Digester is out-of-line memory that can say what is in it.
type Digester interface{ Digest(d *sched.Digest) }

func (k *Kmsg) digest(d *sched.Digest) {
	m := &k.Message
	d.Words(uint64(uint32(m.ID)), uint64(k.sender), uint64(k.place))
	m.Remote.digest(d)
	m.Local.digest(d)
	d.Bytes(m.Body)
	for i := range m.Descs {
		x := &m.Descs[i]
		d.Words(uint64(x.Kind), uint64(x.Disp))
		x.Port.digest(d)
		for j := range x.Ports {
			x.Ports[j].digest(d)
		}
		if x.Memory != nil {
			d.Word(uint64(x.Memory.Size()))
			if c, ok := x.Memory.(Digester); ok {
				c.Digest(d)
			}
		}
	}
}

func (s *Space) digest(d *sched.Digest) {
	d.Words(uint64(s.task), uint64(s.count), uint64(s.free))
	d.Flags(s.dead)
	for e := range s.all() {
		d.Words(uint64(e.name), uint64(e.kind), uint64(e.urefs), e.port.identity())
		d.Flags(e.request != nil, e.accepted != nil)
		if e.set != nil {
			d.Words(uint64(e.set.members.n))
			for o := e.set.order.head; o != nil; o = o.next {
				d.Word(o.kmsg.dest().identity())
			}
		}
	}
}

// DigestMessage adds a message as a program has received it.
func DigestMessage(d *sched.Digest, m *mach.UserMessage) {
	d.Words(uint64(uint32(m.ID)), uint64(m.Remote), uint64(m.Local), uint64(m.RemoteDisp), uint64(m.LocalDisp))
	d.Bytes(m.Body)
	for i := range m.Descs {
		x := &m.Descs[i]
		d.Words(uint64(x.Kind), uint64(x.Disp), uint64(x.Port), uint64(x.Memory.Address), uint64(x.Memory.Size))
		for _, n := range x.Ports {
			d.Word(uint64(n))
		}
	}
}
