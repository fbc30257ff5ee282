package monitor

import (
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// The life cycle of associations: init, readiness, the cache, terminate, destroy, death.

// init: a kernel begins an association.
func (m *Monitor) init(r *trace.Record, e *message, c *call) {
	control := e.controlPort()
	if !arrivesAs(e.desc(e.control), mach.PortSend) {
		m.kernelBroke("EMM-002", r.Host, e.Dest, "init does not bring a send right for the control port")
	}
	if old := m.controls[control]; old != nil {
		if old.host != r.Host {
			m.kernelBroke("EMM-238", r.Host, e.Dest, "the control port is that of kernel %s", m.names.Name(trace.ClassHost, uint64(old.host)))
		} else {
			m.kernelBroke("EMM-007", r.Host, e.Dest, "an earlier association used this control port")
		}
	}
	p := m.port(e.Dest)
	if p.internal {
		m.kernelBroke("EMM-222", r.Host, e.Dest, "init for an object that the kernel made itself")
	}
	if h := m.host(r.Host); h.pageSize != 0 && mach.Size(e.get(fieldPageSize)) != h.pageSize {
		m.kernelBroke("EMM-030", r.Host, e.Dest, "init announces pages of %#x bytes, and they have %#x", e.get(fieldPageSize), uint64(h.pageSize))
	}
	if a := p.current(r.Host); a != nil {
		m.initTooEarly(r, a)
	}
	if c != nil && c.kind == msgMap {
		d := c.desc(c.object)
		if d.Value == trace.PortNull {
			m.kernelBroke("EMM-024", r.Host, e.Dest, "init during a vm_map of the null port")
		} else if m.kernels(d.Value) {
			m.kernelBroke("EMM-025", r.Host, e.Dest, "init for a port of the kernel itself")
		}
	}
	a := m.newPair(r.Host, e.Dest, control, false)
	p.initing = 0
	if c != nil {
		c.init = a
	}
	m.coverage.begun(m, a)
}

// kernels reports whether a port is known to stand for something else in a kernel: a task, or an association.
func (m *Monitor) kernels(id uint64) bool {
	a := m.controls[id]
	return m.tasks[id] != 0 || a != nil && a.live()
}

// initTooEarly: an init while the earlier association a is not over.
func (m *Monitor) initTooEarly(r *trace.Record, a *pair) {
	switch {
	case a.ending == inForce && a.phase == trace.PhaseCached:
		m.kernelBroke("EMM-075", a.host, a.port, "init for a cached object")
	case a.ending == inForce && m.mapping2(a):
		m.kernelBroke("EMM-028", a.host, a.port, "a second init for mappings made at the same time")
	case a.ending == inForce && a.ready:
		m.kernelBroke("EMM-035", a.host, a.port, "init although the kernel has the object mapped")
	case a.ending == inForce:
		m.kernelBroke("EMM-027", a.host, a.port, "a second init for one association")
	case a.ending != byDeath && !a.terminated:
		m.kernelBroke("EMM-071", a.host, a.port, "init before the terminate of the earlier association")
	}
}

// mapping2 reports whether several threads are mapping the memory object of a.
func (m *Monitor) mapping2(a *pair) bool {
	n := 0
	for _, c := range m.calls { // unordered: only counted
		if c.kind == msgMap && c.host == a.host && c.desc(c.object).Value == a.port {
			n++
		}
	}
	return n > 1
}

// terminate: a kernel ends an association.
func (m *Monitor) terminate(r *trace.Record, e *message, c *call) {
	d := e.desc(e.control)
	if !arrivesAs(d, mach.PortReceive) {
		m.kernelBroke("EMM-004", r.Host, e.Dest, "terminate does not bring the receive right of the control port")
	}
	if h := m.host(r.Host); h.habits != nil {
		switch with := h.habits.TerminateWithName; {
		case !with && e.NDesc != 1:
			m.kernelBroke("EMM-012", r.Host, e.Dest, "terminate carries %d rights", e.NDesc)
		case with && (e.NDesc != 2 || !arrivesAs(e.desc(1), mach.PortReceive)):
			m.kernelBroke("EMM-013", r.Host, e.Dest, "terminate does not bring the receive right of the name port")
		}
	}
	a := m.controls[live(d.Value)]
	switch {
	case a == nil:
		if m.whole {
			m.kernelBroke("EMM-029", r.Host, e.Dest, "terminate of an association that had no init")
		}
		return
	case a.port != e.Dest || a.host != r.Host:
		m.kernelBroke("EMM-047", r.Host, e.Dest, "the control port is that of another association")
		return
	case a.terminated && a.ending == byDestroy && c != nil && c.kind == msgDestroy:
		m.kernelBroke("EMM-099", a.host, a.port, "a second terminate because of a second destroy")
	case a.terminated && a.ending == byDestroy:
		m.kernelBroke("EMM-098", a.host, a.port, "terminate for an object that was destroyed before")
	case a.terminated:
		m.kernelBroke("EMM-044", a.host, a.port, "a second terminate")
	case a.ending == byDeath && e.Op == trace.MessageSend:
		if a.wasCached {
			m.kernelBroke("EMM-109", a.host, a.port, "terminate of a cached object whose port has died")
		} else {
			m.kernelBroke("EMM-104", a.host, a.port, "terminate although the memory object has died")
		}
	case a.ending == inForce:
		m.kernelBroke("EMM-043", a.host, a.port, "terminate although the association is in force")
	}
	if !a.terminated {
		m.lastPages(a)
	}
	a.terminated, a.terminate = true, e.Kmsg
	m.coverage.terminated(a, e.Op == trace.MessageSend)
}

// tooLate reports messages about an association that is over.
func (m *Monitor) tooLate(r *trace.Record, e *message, a *pair, c *call) bool {
	completion := e.kind == msgLockCompleted || e.kind == msgSupplyCompleted || e.kind == msgChangeCompleted
	switch {
	case a.terminated && e.controlPort() == trace.PortNull:
		return false // a completion that says that it is over
	case a.terminated && completion && e.Dest == a.port:
		m.kernelBroke("EMM-064", a.host, e.Dest, "a completion after terminate")
	case a.terminated && a.received:
		m.kernelBroke("EMM-006", a.host, e.Dest, "the kernel uses the control port, and the manager has received terminate")
	case a.terminated && a.ending == byDestroy && (e.kind == msgDataReturn || e.kind == msgDataWrite):
		m.kernelBroke("EMM-102", a.host, e.Dest, "a page of a destroyed object is returned")
	case a.terminated && !completion:
		m.kernelBroke("EMM-045", a.host, e.Dest, "a message after terminate")
	case a.ending == byDestroy && (e.kind == msgDataRequest || e.kind == msgDataUnlock || e.kind == msgSynchronize):
		m.kernelBroke("EMM-091", a.host, e.Dest, "the object was destroyed")
	case a.ending == byDestroy && e.kind == msgDataReturn && c != nil && c.kind == msgDestroy && c.pair == a:
		if c.cached {
			m.kernelBroke("EMM-100", a.host, e.Dest, "destroy of a cached object returns a page")
		} else {
			m.kernelBroke("EMM-088", a.host, e.Dest, "destroy returns a page")
		}
	default:
		return false
	}
	return true
}

// step: a kernel says how far it has come with an association.
func (m *Monitor) step(r *trace.Record, e *trace.Association) {
	a := m.controls[e.ControlPort]
	if a == nil {
		return
	}
	c := m.calls[r.Thread]
	switch e.Step {
	case trace.StepInit:
		if old := m.objects[e.Object]; old != nil && old != a {
			rule := "EMM-073"
			if old.ending == byDestroy {
				rule = "EMM-097"
			}
			m.kernelBroke(rule, a.host, a.port, "the new association has the VM object of an old one")
		}
		a.object = e.Object
		m.objects[e.Object] = a
	case trace.StepReady:
		a.kernelSays = true
		if !a.ready && !a.internal && m.host(a.host).habits != nil {
			m.kernelBroke("EMM-033", a.host, a.port, "the object is ready, and no valid attributes with a copy strategy were set")
		}
		a.ready = true
	case trace.StepT1:
		m.broken(a, c, byUnmap)
	case trace.StepD1:
		m.broken(a, c, byDestroy)
	case trace.StepP3:
		m.broken(a, c, byDeath)
	}
}

// broken: an association is broken.
func (m *Monitor) broken(a *pair, c *call, how ending) {
	a.wasCached = a.phase == trace.PhaseCached || a.trimmed || c != nil && c.pair == a && c.cached
	switch {
	case !a.live():
	case how == byUnmap && a.mappings > 0 && c != nil && c.pair == a && c.attributes():
		m.kernelBroke("EMM-082", a.host, a.port, "clearing may_cache ends the association, and %d mappings remain", a.mappings)
	case how == byUnmap && a.mappings > 0 && a.clipped:
		m.kernelBroke("EMM-066", a.host, a.port, "the association ends, and %d pieces of a region remain", a.mappings)
	case how == byUnmap && a.mappings > 0 && a.entered:
		m.kernelBroke("EMM-046", a.host, a.port, "the association ends, and %d mappings remain", a.mappings)
	case how == byUnmap && a.mappings > 0:
		m.kernelBroke("EMM-043", a.host, a.port, "the association ends, and %d mappings remain", a.mappings)
	case how == byDestroy && (c == nil || c.kind != msgDestroy):
		m.kernelBroke("EMM-043", a.host, a.port, "the association ends by a destroy that nobody called")
	case how == byDestroy && c.pair != a && c.pair != nil:
		m.kernelBroke("EMM-101", a.host, a.port, "destroy ends the association of another kernel")
	}
	a.ending, a.endedAt, a.endedBy = how, m.now.Seq, m.now.Thread
	if c != nil {
		c.ended = a
	}
	m.uncache(a)
	for _, f := range m.faults { // unordered: each is looked at alone
		if f.page != nil && f.page.pair == a && f.page.state == stateWaiting && how != byUnmap {
			f.lost = a
		}
	}
	for _, d := range m.calls { // unordered: each is looked at alone
		if d.kind == msgMap && d.host == a.host && d.desc(d.object).Value == a.port && !a.ready && how != byUnmap {
			d.unready = a
		}
	}
	m.coverage.broken(m, a, c, how)
}

// phase: a kernel says in which phase an object is.
func (m *Monitor) phase(r *trace.Record, e *trace.ObjectPhase) {
	a := m.objects[e.Object]
	if e.To == trace.PhaseIniting {
		m.port(e.Port).initing = r.Host
	}
	if a == nil {
		return
	}
	was := a.phase
	a.phase = e.To
	h := m.host(a.host)
	switch {
	case e.To == trace.PhaseCached:
		if a.attributes.temporary && h.habit(func(p *personality.Personality) bool { return p.TemporaryCache == personality.TemporaryNever }) {
			m.kernelBroke("EMM-084", a.host, a.port, "a temporary object is cached")
		}
		if !a.ready {
			m.kernelBroke("EMM-085", a.host, a.port, "an object that never was ready is cached")
		}
		h.cached = append(h.cached, a)
	case was == trace.PhaseCached && e.To == trace.PhaseTerminating:
		m.evicted(a, len(h.cached) > 0 && h.cached[0] == a)
		a.trimmed = true
	case was == trace.PhaseActive && e.To == trace.PhaseTerminating:
		c := m.calls[r.Thread]
		if a.uncachedBy == r.Thread && !a.remapped && (c == nil || c.pair != a) {
			m.evicted(a, a.oldest)
			break
		}
		if h.habits != nil && a.attributes.mayCache && !a.attributes.temporary && a.ready && (c == nil || c.pair != a) && h.habits.ObjectCacheMax > 0 && a.entered {
			m.kernelBroke("EMM-074", a.host, a.port, "the object may be cached, and its last unmap ends the association")
		}
	}
	if was == trace.PhaseCached && e.To != trace.PhaseCached {
		a.uncachedBy, a.remapped, a.oldest = r.Thread, false, len(h.cached) > 0 && h.cached[0] == a
		m.uncache(a)
	}
	m.coverage.phase(m, a, e, m.calls[r.Thread])
}

// evicted: the cache gives an association up, by itself.
func (m *Monitor) evicted(a *pair, oldest bool) {
	a.trimmed = true
	if !oldest && m.host(a.host).habit(func(p *personality.Personality) bool { return p.ObjectCacheMax >= 0 }) {
		m.kernelBroke("EMM-077", a.host, a.port, "the cache gives up an object although another was released longer ago")
	}
}

func (m *Monitor) uncache(a *pair) {
	h := m.host(a.host)
	if i := slices.Index(h.cached, a); i >= 0 {
		h.cached = slices.Delete(h.cached, i, i+1)
	}
}

// destroyEnds: the manager's destroy is done.
func (m *Monitor) destroyEnds(c *call) {
	a := c.pair
	switch {
	case c.refused:
		m.kernelBroke("EMM-087", a.host, a.port, "destroy is refused: %v", c.result)
	case !a.terminated && a.ending != byDeath && !m.objectGone(a) && (a.live() || c.ended == a):
		m.kernelBroke("EMM-086", a.host, a.port, "destroy is done, and there is no terminate")
	}
}

// received: a manager has received a message of a kernel.
func (m *Monitor) received(r *trace.Record, e *message) {
	a := m.controls[e.controlPort()]
	if a == nil {
		return
	}
	if e.kind == msgTerminate {
		a.received, a.holder = true, e.Task
		m.coverage.received(m, a, e)
		return
	}
	if arrivesAs(e.desc(e.control), mach.PortSend) && e.Task != 0 {
		m.expectReference(r, a, e.Task)
	}
	m.coverage.received(m, a, e)
}

// noSenders: a no-senders notification is sent.
func (m *Monitor) noSenders(r *trace.Record, e *message) {
	p := m.ports[m.lastNoSenders]
	if p == nil {
		return
	}
	for _, a := range p.pairs {
		switch {
		case a.live() && !p.dead && !p.moving:
			m.kernelBroke("EMM-018", a.host, p.id, "a no-senders notification, and an association is in force")
		case !a.live() && a.ending != byDeath && !a.terminated && !p.dead:
			m.kernelBroke("EMM-019", a.host, p.id, "a no-senders notification before terminate")
		}
	}
}
