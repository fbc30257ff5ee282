package ipc

import (
	"slices"

	"machvm/kernel/sched"
)

// What reports of who waits for whom ask of ports.

// ReceiverTask is the number of the task that has the receive right, or will have it: a right in transit is with the
// receiver of the message. It is 0 if no task has.
func (p *Port) ReceiverTask() uint32 {
	for range p.world.lastPort {
		switch at := p.state.(type) {
		case InSpace:
			return at.entry.space.task
		case InTransit:
			p = at.to
			continue
		}
		break
	}
	return 0
}

// SenderTasks lists the tasks that have a send or send-once right for p, in the order of their numbers, and reports
// whether a kernel or a message in flight may have one besides.
func (p *Port) SenderTasks() (tasks []uint32, others bool) {
	extant := p.srights + p.sorights
	for e := p.names.head; e != nil; e = e.next {
		if e.hasSend() || e.kind == entrySendOnce {
			tasks = append(tasks, e.space.task)
			extant--
		}
	}
	slices.Sort(tasks)
	return slices.Compact(tasks), extant > 0
}

// Carriers lists the ports in whose queues messages lie that carry a right for p, oldest message first.
func (p *Port) Carriers() (ports []*Port) {
	for k := p.world.live.head; k != nil; k = k.newer {
		carries := false
		k.visitRights(func(r Right, where string) {
			carries = carries || r.port == p && where != "destination"
		})
		if to := k.dest(); carries && to != nil && !slices.Contains(ports, to) && k.place == kmsgQueued {
			ports = append(ports, to)
		}
	}
	return ports
}

// WaitOver reports whether what a thread waits for at p has come: a message, or room for one.
func (p *Port) WaitOver(w sched.Wait) bool {
	if !p.Alive() {
		return true
	}
	if w.Kind == sched.WaitPortSend {
		return p.msgcount < p.qlimit
	}
	return p.queue.head != nil
}

// WaitOver reports whether a message is there.
func (s *PortSet) WaitOver(sched.Wait) bool { return s.order.head != nil }
