package monitor

import (
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Synchronize, and the default manager.

// synchronize: a kernel passes a vm_msync on.
func (m *Monitor) synchronize(r *trace.Record, e *message, a *pair, c *call) {
	start, end := e.start(), e.start()+mach.Offset(e.size())
	for _, s := range a.syncs {
		if start < s.offset+mach.Offset(s.size) && s.offset < end {
			m.kernelBroke("EMM-209", a.host, e.Dest, "a synchronize of %#x bytes at %#x is outstanding", uint64(s.size), uint64(s.offset))
		}
	}
	for _, p := range a.ordered {
		if p.due && p.offset >= start && p.offset < end && (p.cause == trace.PageClean || p.cause == trace.PageFlush) {
			m.kernelBroke("EMM-206", a.host, e.Dest, "page %#x is not yet returned", uint64(p.offset))
			p.due = false
		}
	}
	s := &synced{offset: start, size: e.size()}
	a.syncs = append(a.syncs, s)
	if c != nil && c.kind == msgMsync {
		s.call = c
		c.sync = append(c.sync, s)
	}
}

// returnsLate: a vm_msync returns pages after it has sent its synchronize.
func (m *Monitor) returnsLate(e *message, a *pair, c *call, start, end mach.Offset) {
	for _, s := range c.sync {
		if slices.Contains(a.syncs, s) && start < s.offset+mach.Offset(s.size) && s.offset < end {
			m.kernelBroke("EMM-206", a.host, e.Dest, "a page is returned after the synchronize of its range")
			return
		}
	}
}

// synchronizeCompleted: a manager answers a synchronize.
func (m *Monitor) synchronizeCompleted(c *call) {
	a := c.pair
	i := slices.IndexFunc(a.syncs, func(s *synced) bool { return s.offset == c.start() && s.size == c.size() })
	if c.valid = i >= 0; c.valid {
		a.syncs = slices.Delete(a.syncs, i, i+1)
		return
	}
	m.taskBroke("EMM-208", c.Task, a.port, "no synchronize of %#x bytes at %#x is outstanding", uint64(c.size()), uint64(c.start()))
}

// msyncEnds: vm_msync returns.
func (m *Monitor) msyncEnds(c *call, ret mach.Return) {
	h := m.host(c.host)
	const both = mach.SyncSynchronous | mach.SyncAsynchronous
	if !h.habit(func(p *personality.Personality) bool { return p.Msync == personality.MsyncFull }) {
		return
	}
	if mach.SyncFlags(c.get(fieldSync))&both == both {
		if ret != mach.KernInvalidArgument {
			m.kernelBroke("EMM-205", c.host, c.Dest, "vm_msync with both flags returns %v", ret)
		}
		return
	}
	for _, a := range m.pairs {
		for _, s := range a.syncs {
			switch {
			case s.call != c:
			case a.live() && ret.OK():
				m.kernelBroke("EMM-207", a.host, a.port, "vm_msync succeeds, and its synchronize of %#x bytes at %#x is outstanding", uint64(s.size), uint64(s.offset))
			case !a.live() && ret != mach.KernMemoryError && ret != mach.KernAborted:
				m.kernelBroke("EMM-113", a.host, a.port, "the association has ended under vm_msync, and it returns %v", ret)
			}
		}
		if len(a.syncs) > 0 && !a.live() {
			a.syncs = slices.DeleteFunc(a.syncs, func(s *synced) bool { return s.call == c })
		}
	}
}

// create: a kernel gives the default manager an object.
func (m *Monitor) create(r *trace.Record, e *message) {
	object := e.desc(e.object)
	if !arrivesAs(object, mach.PortReceive) {
		m.kernelBroke("EMM-221", r.Host, e.Dest, "create does not bring the receive right of the new object")
	}
	if len(m.defaultManagers) > 0 && !slices.Contains(m.defaultManagers, e.Dest) {
		m.kernelBroke("EMM-230", r.Host, e.Dest, "create goes to a port that was never a default manager")
	}
	control := e.controlPort()
	if old := m.controls[control]; old != nil {
		m.kernelBroke("EMM-007", r.Host, e.Dest, "an earlier association used this control port")
	}
	a := m.newPair(r.Host, live(object.Value), control, true)
	a.ready, a.kernelSays, a.first, a.phase = true, true, true, trace.PhaseInternal
	m.port(a.port).internal = true
}

// setDefaultManager: a program asks for the default manager, or installs one.
func (m *Monitor) setDefaultManager(c *call) {
	if id := live(c.desc(c.object).Value); id != trace.PortNull && !slices.Contains(m.defaultManagers, id) {
		m.defaultManagers = append(m.defaultManagers, id)
	}
}

// defaultManagerTold: a kernel names the default manager that was in charge.
func (m *Monitor) defaultManagerTold(c *call, e *trace.Message, ret mach.Return) {
	h := m.host(c.host)
	id := live(c.desc(c.object).Value)
	if !ret.OK() {
		return
	}
	was := live(e.Desc[0].Value)
	if h.managerKnown && was != h.manager {
		rule := "EMM-229"
		if id == trace.PortNull {
			rule = "EMM-228"
		}
		m.kernelBroke(rule, c.host, was, "the manager in charge was %s", m.names.Name(trace.ClassPort, h.manager))
	}
	h.managerKnown = true
	if h.manager = was; id != trace.PortNull {
		h.manager = id
	}
}
