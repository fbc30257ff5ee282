package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Rights: what names of control ports denote, and how their user references move.

// right follows the names of control ports, and learns which ports are task ports.
func (m *Monitor) right(r *trace.Record, e *trace.RightEvent) {
	if c := m.calls[r.Thread]; c != nil && c.self {
		m.tasks[e.Port] = e.Task
	}
	a := m.controls[e.Port]
	if a == nil || e.Task == 0 {
		return
	}
	n := a.named(e.Task)
	switch e.Op {
	case trace.RightInsert, trace.RightHarness:
		switch e.Right {
		case mach.RightSend:
			if n.due {
				n.due = false
				want := min(n.urefs+1, mach.UrefsMaxSend)
				if e.Urefs != want || e.Delta != 1 {
					m.kernelBroke("EMM-008", a.host, e.Port, "the name has %d user references after the message, and %d are due", e.Urefs, want)
				}
			}
			n.name, n.urefs = e.Name, e.Urefs
		case mach.RightReceive:
			if n.urefs > 0 && n.name != e.Name {
				m.kernelBroke("EMM-009", a.host, e.Port, "the receive right comes under the name %s, and %s names the send right", e.Name, n.name)
			}
			n.name = e.Name
		}
	case trace.RightRename:
		n.name = e.Name
	case trace.RightDead:
		n.urefs = 0
	case trace.RightExtract, trace.RightRelease:
		// Urefs is that of the entry afterwards, and counts a receive right or a dead name with it.
		c := m.calls[r.Thread]
		if e.Right == mach.RightSend && (c == nil || c.kind != msgPortDestroy) {
			n.urefs = uint32(max(0, int64(n.urefs)+int64(e.Delta)))
		} else {
			n.urefs = 0
		}
	}
}

// expectReference: a message with a send right for the control port of a was delivered to a task.
func (m *Monitor) expectReference(r *trace.Record, a *pair, task uint32) {
	n := a.named(task)
	n.due = true
	m.afterTrap(r.Thread, func() {
		if n := a.named(task); n.due {
			n.due = false
			if p := m.ports[a.control]; m.result.OK() && (p == nil || !p.dead) {
				m.kernelBroke("EMM-008", a.host, a.control, "a message with a send right was received, and the name of the receiver did not change")
			}
		}
	})
}

// controlDied: the control port of a is dead.
func (m *Monitor) controlDied(r *trace.Record, a *pair) {
	a.controlEnd = true
	c := m.calls[r.Thread]
	if c != nil && c.kind == msgPortDeallocate && a.received {
		m.kernelBroke("EMM-011", a.host, a.control, "mach_port_deallocate has destroyed the control port")
	}
	if a.live() && !m.objectGone(a) {
		m.kernelBroke("EMM-003", a.host, a.control, "the control port dies although the association is in force")
	}
	if a.received {
		a.clean = true
		m.coverage.controlDestroyed(a)
	}
	// The names of the task that destroys it go with it or become dead names, as it likes; all others die.
	by := uint32(0)
	if c != nil {
		by = c.Task
	}
	m.afterTrap(r.Thread, func() {
		for _, n := range a.names {
			if n.urefs == 0 || n.task == by || n.task == a.holder || m.dead[n.task] {
				continue
			}
			rule := "EMM-010"
			if a.ending == byDeath {
				rule = "EMM-105"
			}
			m.kernelBroke(rule, a.host, a.control, "the control port is dead, and the name %s of task %s is not a dead name",
				n.name, m.names.Name(trace.ClassTask, uint64(n.task)))
		}
	})
}

// objectGone reports whether the memory object of a is dead.
func (m *Monitor) objectGone(a *pair) bool {
	p := m.ports[a.port]
	return p != nil && p.dead
}

// objectDied: the memory object of b is dead. The kernel has until the end of the trap to notice.
func (m *Monitor) objectDied(r *trace.Record, b *pair) {
	if b.controlEnd || b.received {
		return
	}
	queued := b.terminated
	if queued {
		m.coverage.reach(arcUnreceived)
	}
	m.afterTrap(r.Thread, func() {
		switch {
		case b.controlEnd:
		case queued:
			m.kernelBroke("EMM-110", b.host, b.port, "the memory object died with an unreceived terminate, and the control port lives")
		case b.ending == inForce || b.ending == byDeath:
			m.kernelBroke("EMM-105", b.host, b.port, "the memory object is dead, and the control port lives")
		}
	})
}
