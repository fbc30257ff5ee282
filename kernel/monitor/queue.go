package monitor

import (
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Messages and queues: the order of messages, sequence numbers, what is left in a dead queue.

// message looks at a step in the life of a message.
func (m *Monitor) message(r *trace.Record, raw trace.Message) {
	e := m.host(r.Host).message(raw)
	switch e.Op {
	case trace.MessageSend:
		m.enqueued(r, &e)
		if e.FromKernel {
			m.posted(r, &e)
		} else if e.kind.control() {
			m.queuedControl(r, &e)
		}
	case trace.MessageDeliver:
		m.endCall(r.Thread, mach.KernSuccess)
		m.delivered(r, &e)
	case trace.MessageKernel:
		if p := m.ports[e.Dest]; p != nil && len(p.queue) > 0 {
			m.remove(p, e.Kmsg, 0, false)
		}
		m.served(r, &e)
	case trace.MessageDestroy:
		m.destroyed(r, &e)
	case trace.MessageRefuse:
		if c := m.calls[r.Thread]; c != nil && c.Kmsg == e.Kmsg && c.layout != other {
			c.refused, c.result = true, e.Code
		} else if e.FromKernel {
			m.kernelBroke("EMM-015", r.Host, e.Dest, "a message of the kernel was not accepted: %v", e.Code)
		}
	}
}

// contents is a digest of the rights and the memory in a message.
func contents(e *trace.Message) uint64 {
	h := uint64(e.NDesc)
	for i := range min(int(e.NDesc), len(e.Desc)) {
		d := &e.Desc[i]
		h = h*1_099_511_628_211 ^ d.Value<<8 ^ uint64(d.Kind)
	}
	return h
}

// enqueued: a message was accepted by a queue, or set out for one.
func (m *Monitor) enqueued(r *trace.Record, e *message) {
	p := m.port(e.Dest)
	if a := m.controls[e.Dest]; a != nil && !a.live() && !a.received && !e.FromKernel && e.DestKind != mach.PortSendOnce {
		if p.limit > 0 && len(p.queue) >= p.limit {
			m.kernelBroke("EMM-052", a.host, e.Dest, "message %d is accepted by a closed control port that has room for %d", len(p.queue)+1, p.limit)
		}
	}
	p.queue = append(p.queue, queued{kmsg: e.Kmsg, from: r.Host, hash: contents(&e.Message)})
	m.lastQueued = e.Dest
}

// handedOver: a thread that waited for a message goes on, so the message that was queued last is dequeued, though
// the thread will be seen to receive it only when it runs.
func (m *Monitor) handedOver() {
	if p := m.ports[m.lastQueued]; p != nil && len(p.queue) > 0 {
		p.queue[len(p.queue)-1].handed = true
	}
	m.lastQueued = 0
}

// remove takes a message off a queue; seqno is the number it was received with. overtaken says that an earlier
// message of the same kernel has a higher number.
func (m *Monitor) remove(p *port, kmsg uint64, seqno uint32, received bool) (q queued, overtaken bool) {
	for i := range p.queue {
		if p.queue[i].kmsg != kmsg {
			continue
		}
		q = p.queue[i]
		overtaken = received && q.passed && !q.stale && seqno > q.passedBy
		for j := range p.queue[:i] {
			if earlier := &p.queue[j]; received && earlier.from == q.from && (!earlier.passed || seqno < earlier.passedBy) {
				earlier.passed, earlier.passedBy = true, seqno
			}
		}
		p.queue = append(p.queue[:i], p.queue[i+1:]...)
		return q, overtaken
	}
	return queued{}, false
}

// delivered: a task has received a message.
func (m *Monitor) delivered(r *trace.Record, e *message) {
	p := m.port(e.Dest)
	q, overtaken := m.remove(p, e.Kmsg, e.Seqno, true)
	a := m.controls[e.Dest]
	switch {
	case overtaken && a != nil:
		m.kernelBroke("EMM-049", a.host, e.Dest, "a control message is received before one that was sent earlier")
	case overtaken && len(p.pairs) > 0:
		m.kernelBroke("EMM-219", r.Host, e.Dest, "a message is received before one that the same kernel queued earlier")
	}
	if a != nil && q.kmsg != 0 && q.hash != contents(&e.Message) {
		m.kernelBroke("EMM-050", a.host, e.Dest, "rights or memory of the message are not what was sent")
	}
	if q.kmsg != 0 {
		m.numbered(r, e, p, a, q)
	}
	if p.born && len(p.pairs) > 0 && !p.moving && !q.handed && e.Task != 0 && p.receiver != e.Task && q.kmsg != 0 {
		m.kernelBroke("EMM-020", r.Host, e.Dest, "the receiver is not the task that has the receive right")
	}
	if a != nil {
		a.drained = true
		if e.kind.control() && a.live() {
			m.kernelBroke("EMM-022", a.host, e.Dest, "a control call was queued although its association is in force")
		}
	}
	if e.FromKernel && e.kind.toManager() {
		m.received(r, e)
	}
}

// numbered checks the sequence number of a received message. Threads may be seen to receive messages in another
// order than they were dequeued in, so a number is wrong if it was seen before, or if it is greater than the
// number of messages that were there.
func (m *Monitor) numbered(r *trace.Record, e *message, p *port, a *pair, q queued) {
	if q.stale || p.moved && m.booted > 1 {
		return // dequeued before the number was set anew, or on a link while the port moved
	}
	switch ahead := e.Seqno - p.seqno; {
	case !p.seqnoKnown:
		p.seqno, p.seqnoKnown = e.Seqno+1, len(p.queue) == 0
		p.ahead = p.ahead[:0]
	case ahead == 0:
		for p.seqno++; slices.Contains(p.ahead, p.seqno); p.seqno++ {
			p.ahead = slices.DeleteFunc(p.ahead, func(n uint32) bool { return n == p.seqno })
		}
	case ahead <= uint32(len(p.queue)+len(p.ahead)) && !slices.Contains(p.ahead, e.Seqno):
		p.ahead = append(p.ahead, e.Seqno)
		return
	default:
		m.kernelBroke(seqnoRule(e, p, a), r.Host, e.Dest, "sequence number %d, and %d is due", e.Seqno, p.seqno)
		p.seqno, p.ahead = e.Seqno+1, p.ahead[:0]
	}
	p.set = false
}

// seqnoRule is the rule that a wrong number breaks.
func seqnoRule(e *message, p *port, a *pair) string {
	switch {
	case p.set:
		return "EMM-217"
	case a != nil && !a.drained && a.queued:
		return "EMM-051"
	case a != nil && !a.drained:
		return "EMM-023"
	case p.moved && p.seqno == 0:
		return "EMM-216"
	case len(p.pairs) > 0:
		return "EMM-212"
	case e.kind == msgLockCompleted || e.kind == msgSupplyCompleted || e.kind == msgChangeCompleted:
		return "EMM-214"
	}
	return "EMM-215"
}

// destroyed: a message is gone with what it carried.
func (m *Monitor) destroyed(r *trace.Record, e *message) {
	p := m.port(e.Dest)
	q, _ := m.remove(p, e.Kmsg, 0, false)
	if q.kmsg == 0 && e.FromKernel && e.Dest != trace.PortNull {
		m.posted(r, e) // its destination had died: the kernel has sent it all the same
	}
	if q.kmsg != 0 && !p.dead && !p.moving {
		p.seqnoKnown = false // a receive that failed has used up a number
		if a := m.controls[e.Dest]; a != nil && !a.received && a.ending != inForce && a.ending != byDeath {
			m.afterTrap(r.Thread, func() {
				if !p.dead {
					m.kernelBroke("EMM-049", a.host, a.control, "a message that waited for the manager in the control port was destroyed")
				}
			})
		}
	}
}

// queuedControl: a control call was queued and not served.
func (m *Monitor) queuedControl(r *trace.Record, e *message) {
	a := m.controls[e.Dest]
	if a == nil {
		return
	}
	if a.live() && r.Host == a.host {
		m.kernelBroke("EMM-022", a.host, e.Dest, "a control call is queued although its association is in force")
	}
	a.queued = a.queued || !a.received
}

// portEvent follows the receive rights of ports.
func (m *Monitor) portEvent(r *trace.Record, e *trace.PortEvent) {
	p := m.port(e.Port)
	a := m.controls[e.Port]
	switch e.Op {
	case trace.PortCreate:
		*p = port{id: e.Port, receiver: e.Task, kernel: e.Task == 0, born: true, seqnoKnown: true}
		m.receives[receiveKey{e.Task, e.Name}] = e.Port
	case trace.PortMove:
		if a != nil && a.live() && p.receiver == 0 {
			m.kernelBroke("EMM-003", a.host, e.Port, "the kernel gives the receive right of the control port away although the association is in force")
		}
		delete(m.receives, receiveKey{e.Task, e.Name})
		p.receiver, p.moving = 0, true
		p.seqno, p.seqnoKnown, p.moved, p.set = 0, p.born, true, false
		p.ahead = p.ahead[:0]
		for i := range p.queue {
			p.queue[i].passed, p.queue[i].stale = false, p.queue[i].handed
		}
	case trace.PortArrive:
		p.receiver, p.moving = e.Task, false
		m.receives[receiveKey{e.Task, e.Name}] = e.Port
	case trace.PortLimit:
		p.limit = int(e.Other)
	case trace.PortNoSenders:
		m.lastNoSenders = e.Port
		for _, b := range p.pairs {
			if b.live() && !p.dead && !p.moving {
				m.kernelBroke("EMM-001", b.host, e.Port, "the memory object has no senders, and an association with the kernel is in force")
			}
		}
	case trace.PortDie:
		p.dead, p.moving, p.receiver = true, false, 0
		m.died(r, p, a)
	}
}

// died: a port is dead.
func (m *Monitor) died(r *trace.Record, p *port, a *pair) {
	if a != nil {
		m.controlDied(r, a)
	}
	for _, b := range p.pairs {
		m.objectDied(r, b)
	}
	if a == nil && len(p.pairs) == 0 || len(p.queue) == 0 {
		return
	}
	home := r.Host
	if a != nil {
		home = a.host
	}
	m.afterTrap(r.Thread, func() {
		left := 0
		for i := range p.queue {
			// A message of another host may be on its way still: it is destroyed when it arrives.
			left += oneIf(!p.queue[i].handed && p.queue[i].from == home)
		}
		if left == 0 {
			return
		}
		if a != nil {
			m.kernelBroke("EMM-053", a.host, p.id, "the control port is dead, and %d messages in its queue were not destroyed", left)
		} else {
			m.kernelBroke("EMM-114", p.pairs[0].host, p.id, "the memory object is dead, and %d messages in its queue were not destroyed", left)
		}
	})
}
