package monitor

import (
	"maps"
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Faults and mappings: what clients see of the protocol.

// faulted follows a page fault.
func (m *Monitor) faulted(r *trace.Record, e *trace.Fault) {
	switch e.Stage {
	case trace.FaultBegin:
		f := m.faults[r.Thread]
		if f == nil {
			f = new(fault)
			m.faults[r.Thread] = f
		}
		*f = fault{task: e.Task, begun: r.Seq, access: e.Access}
	case trace.FaultAsk:
		m.asked(r, e)
	case trace.FaultEnd:
		f := m.faults[r.Thread]
		if f == nil {
			return
		}
		delete(m.faults, r.Thread)
		if a := m.objects[e.Object]; a != nil && !a.internal {
			m.faultEnds(e, f, a)
		}
	}
}

// asked: a fault waits for data.
func (m *Monitor) asked(r *trace.Record, e *trace.Fault) {
	a, f := m.objects[e.Object], m.faults[r.Thread]
	if a == nil || a.internal || f == nil {
		return
	}
	p := a.page(e.Offset)
	f.page, f.blocked = p, false
	if f.request == p && p.asked {
		switch {
		case e.Access&mach.ProtWrite != 0 && f.wanted&mach.ProtWrite == 0:
			m.kernelBroke("EMM-116", a.host, a.port, "page %#x is wanted for writing, and the request does not say so", uint64(p.offset))
		case e.Access&mach.ProtWrite == 0 && f.wanted&mach.ProtWrite != 0:
			m.kernelBroke("EMM-117", a.host, a.port, "page %#x is wanted for reading, and the request says more", uint64(p.offset))
		}
		f.request = nil
	}
	m.coverage.asked(p, e.Access)
	if p.state == stateWaiting {
		p.access |= e.Access
	}
}

// faultEnds: a fault on a page of an external object is over.
func (m *Monitor) faultEnds(e *trace.Fault, f *fault, a *pair) {
	if f.aborted || e.Code.OK() && e.How == trace.FaultUnknown || e.Code == mach.KernAborted {
		return
	}
	h := m.host(a.host)
	if h.habits == nil {
		return
	}
	off, gone := uint64(e.Offset), h.habits.DestroyedFaultCode
	p := a.page(e.Offset)
	switch {
	case f.err && f.page == p:
		m.errorTaken(e, f, a)
	case f.lost == a && f.page == p:
		rule := "EMM-095"
		if a.ending == byDeath {
			rule = "EMM-106"
		}
		if e.Code != gone {
			m.kernelBroke(rule, a.host, a.port, "the manager of page %#x has gone while a thread waited, and the access ends with %v", off, e.Code)
		}
	case a.live() && p.err != 0 && e.Code == p.errCode && f.page == nil && f.begun > p.err && p.state == stateEmpty && !e.Code.OK():
		m.kernelBroke("EMM-146", a.host, a.port, "page %#x: an earlier error is returned again without a new request", off)
	case a.ending == byDestroy || a.ending == byDeath:
		m.orphaned(e, f, a, p, h.habits)
	case a.live() && p.arc.wasZero && f.page == p && e.Code.OK() && e.How == trace.FaultPagedIn && p.state != stateResident:
		m.kernelBroke("EMM-138", a.host, a.port, "the manager does not have page %#x, and it is said to be paged in", off)
	}
}

// errorTaken: a thread waited for a page when the manager reported an error.
func (m *Monitor) errorTaken(e *trace.Fault, f *fault, a *pair) {
	if e.Code == f.code {
		return
	}
	rule := "EMM-145"
	switch {
	case e.Code.OK():
		rule = "EMM-143"
	case f.code == mach.KernMemoryError:
		rule = "EMM-144"
	}
	m.kernelBroke(rule, a.host, a.port, "the manager has reported an error for page %#x, and the access ends with %v in place of %v", uint64(e.Offset), e.Code, f.code)
}

// orphaned: an access to an object whose manager is gone.
func (m *Monitor) orphaned(e *trace.Fault, f *fault, a *pair, p *page, h *personality.Personality) {
	off := uint64(p.offset)
	death := a.ending == byDeath
	pick := func(destroyed, dead string) string {
		if death {
			return dead
		}
		return destroyed
	}
	switch resident := p.state == stateResident; {
	case resident && e.Access&p.lock != 0 && e.Code != h.DestroyedFaultCode && !death:
		m.kernelBroke("EMM-103", a.host, a.port, "the lock of page %#x prohibits the access, nobody can lift it, and the access ends with %v", off, e.Code)
	case resident && e.Access&p.lock == 0 && e.Code == h.DestroyedFaultCode && !h.DropPagesOnManagerDeath && p.changed < a.endedAt && f.begun > a.endedAt:
		m.kernelBroke(pick("EMM-092", "EMM-107"), a.host, a.port, "page %#x is resident, and the access ends with %v", off, e.Code)
	case !resident && e.Code.OK() && e.How == trace.FaultZeroFilled && !p.arc.wasZero:
		m.kernelBroke(pick("EMM-094", "EMM-108"), a.host, a.port, "page %#x is not resident, and reads as zeros", off)
	case !resident && e.Code.OK() && e.How == trace.FaultPagedIn:
		m.kernelBroke(pick("EMM-093", "EMM-108"), a.host, a.port, "page %#x is not resident, and the access succeeds", off)
	}
}

// mapping follows how often objects are mapped.
func (m *Monitor) mapping(r *trace.Record, e *trace.Mapping) {
	a := m.objects[e.Object]
	if a == nil {
		return
	}
	a.mappings = int(e.Mappings)
	c := m.calls[r.Thread]
	switch e.Op {
	case trace.MappingEnter:
		if c != nil && c.kind == msgMap && !e.Copy && !c.is(fieldCopy) { // the manager may have made an object of the copy
			if b := m.pairOf(c.desc(c.object).Value, c.host); b != nil && b != a && b.object != 0 && b.live() {
				m.kernelBroke("EMM-036", b.host, b.port, "the mapping is of another VM object")
			}
		}
		a.entered, a.remapped = true, true
		if c != nil && c.kind == msgMap {
			c.mapped = a
		}
	case trace.MappingClip:
		a.clipped = true
	case trace.MappingRemove:
		if e.Mappings == 0 {
			a.clipped = false
		}
	}
}

// mapBegins: a program maps something.
func (m *Monitor) mapBegins(c *call) {
	d := c.desc(c.object)
	if p := m.ports[d.Value]; p != nil && p.initing == c.host {
		m.coverage.reach(arcMapIniting)
	} else if a := m.pairOf(d.Value, c.host); a != nil {
		m.coverage.mapped(m, a)
	}
}

// mapEnds: vm_map returns.
func (m *Monitor) mapEnds(r *trace.Record, c *call, ret mach.Return) {
	h := m.host(c.host)
	d := c.desc(c.object)
	if d.Value == trace.PortDead {
		if ret != mach.KernInvalidObject && h.habit(func(p *personality.Personality) bool { return !p.DeadObjectMapsZero }) && !ordinaryRefusal(ret) {
			m.kernelBroke("EMM-026", c.host, trace.PortNull, "vm_map of a dead name returns %v", ret)
		}
		return
	}
	p := m.ports[d.Value]
	if h.habits != nil && m.kernels(d.Value) && (p == nil || !p.dead) {
		if ret != h.habits.ForeignPortCode && !ordinaryRefusal(ret) {
			m.kernelBroke("EMM-025", c.host, d.Value, "vm_map of a port of the kernel itself returns %v", ret)
		}
		return
	}
	if p == nil || d.Value == trace.PortNull || h.habits == nil {
		return
	}
	a := p.current(c.host)
	waits := h.habits.MapWaitsForReady
	switch {
	case c.waited != nil && p.dead && c.waited.host == c.host:
		if ret != mach.KernInvalidObject && !h.habits.DeadObjectMapsZero {
			m.kernelBroke("EMM-112", c.host, d.Value, "the port died while vm_map waited for a termination, and vm_map returns %v", ret)
		}
	case c.unready != nil && waits:
		rule := "EMM-041"
		if c.unready.ending == byDeath {
			rule = "EMM-042"
		}
		if ret != mach.KernInvalidObject && ret != mach.KernAborted {
			m.kernelBroke(rule, c.host, d.Value, "the manager has gone before it was ready, and vm_map returns %v", ret)
		}
	case c.aborted && a != nil && !a.ready && ret.OK() && waits:
		m.kernelBroke("EMM-039", c.host, d.Value, "vm_map was aborted before the object was ready, and returns %v", ret)
	case !ret.OK():
		if c.init != nil {
			c.init.failed = true
		}
	case p.dead:
	case a == nil && m.whole && !p.kernel:
		m.kernelBroke("EMM-027", c.host, d.Value, "vm_map succeeds, and no init was sent")
	case c.mapped == nil || c.mapped.port != d.Value:
	case !c.mapped.live() && c.mapped.endedAt < c.seq:
		m.kernelBroke("EMM-070", c.host, d.Value, "vm_map succeeds with an association that had ended")
	case c.mapped.live() && !c.mapped.ready && waits:
		m.kernelBroke("EMM-031", c.host, d.Value, "vm_map succeeds, and the object is not ready")
	}
}

// ordinaryRefusal reports whether vm_map may return ret for reasons of its own.
func ordinaryRefusal(ret mach.Return) bool {
	switch ret {
	case mach.KernInvalidArgument, mach.KernInvalidAddress, mach.KernNoSpace, mach.KernInvalidTask, mach.KernResourceShortage:
		return true
	}
	return false
}

// owed reports what is still due at the end of a run that has come to rest.
func (m *Monitor) owed() {
	m.now = nil
	for _, a := range m.pairs {
		switch {
		case !a.live() && a.ending != byDeath && !a.terminated && !m.ending(a):
			m.kernelBroke("EMM-250", a.host, a.port, "the association was broken, and there is no terminate")
		case a.live() && a.failed && !a.entered && a.mappings == 0 && a.phase == trace.PhaseUnready && !m.inMap(a):
			m.kernelBroke("EMM-037", a.host, a.port, "the vm_map that caused the init has failed, and there is no terminate")
		}
		if !a.live() {
			continue
		}
		for _, p := range a.ordered {
			if p.due && p.cause == trace.PageEvict {
				rule := "EMM-136"
				if p.dueDirty {
					rule = "EMM-154"
				}
				m.kernelBroke(rule, a.host, a.port, "page %#x was thrown out and never returned", uint64(p.offset))
			}
		}
		m.unanswered(a)
	}
	for _, thread := range slices.Sorted(maps.Keys(m.faults)) {
		m.lostWakeup(m.faults[thread])
	}
}

// unanswered: a manager owes answers.
func (m *Monitor) unanswered(a *pair) {
	p := m.ports[a.port]
	if p == nil || p.receiver == 0 || len(p.queue) > 0 {
		return
	}
	for _, q := range a.ordered {
		if q.asked && q.state == stateWaiting {
			m.taskBroke("EMM-245", p.receiver, a.port, "page %#x was asked for and not answered", uint64(q.offset))
			break
		}
	}
	for _, s := range a.syncs {
		m.taskBroke("EMM-207", p.receiver, a.port, "a synchronize of %#x bytes at %#x was not answered", uint64(s.size), uint64(s.offset))
	}
	if !a.ready && m.inMap(a) {
		m.taskBroke("EMM-031", p.receiver, a.port, "the manager never makes the object ready, and a mapper waits")
	}
}

// ending reports whether a thread is still at work that ends a.
func (m *Monitor) ending(a *pair) bool {
	for _, c := range m.calls { // unordered: any will do
		if c.ended == a {
			return true
		}
	}
	return false
}

// inMap reports whether a thread is mapping the memory object of a.
func (m *Monitor) inMap(a *pair) bool {
	for _, c := range m.calls { // unordered: any will do
		if c.kind == msgMap && c.host == a.host && c.desc(c.object).Value == a.port {
			return true
		}
	}
	return false
}

// lostWakeup: nothing can run any more, and a thread waits for what has happened.
func (m *Monitor) lostWakeup(f *fault) {
	if f.aborted || !f.blocked {
		return
	}
	if p := f.page; p != nil && f.unlock == nil && p.state == stateResident && p.lock == 0 && p.pair.live() && p.cause == trace.PageSupply {
		m.kernelBroke("EMM-121", p.pair.host, p.pair.port, "page %#x was supplied, and a thread still waits for it", uint64(p.offset))
	}
	if p := f.unlock; p != nil && f.relocked && p.state == stateResident && p.wanted == 0 && p.pair.live() && f.access&p.lock != 0 {
		m.kernelBroke("EMM-183", p.pair.host, p.pair.port, "the lock of page %#x was set again, and a thread that waits has not asked again", uint64(p.offset))
	}
}
