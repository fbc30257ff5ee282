package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Answers: data_supply, data_unavailable and data_error, what they do to pages, supply_completed.

// outstanding counts the pages of a range that are asked for.
func (a *pair) outstanding(start, end mach.Offset, pageSize mach.Size) (n int) {
	a.in(start, end, pageSize, func(p *page) {
		if p.state == stateWaiting {
			n++
		}
	})
	return n
}

// supplyEndsAt is the end of the data of a supply, in whole pages.
func (m *Monitor) supplyEndsAt(c *call) mach.Offset {
	size := mach.Size(c.desc(c.data).Value)
	if h := m.host(c.pair.host); h.pageSize != 0 {
		size = size.Trunc(h.pageSize)
	}
	return c.start() + mach.Offset(size)
}

// supplyBegins: a manager supplies data.
func (m *Monitor) supplyBegins(c *call) {
	a := c.pair
	h := m.host(a.host)
	c.accepted = c.start()
	lock, size := mach.Prot(c.get(fieldLock)), mach.Size(c.desc(c.data).Value)
	whole := h.pageSize == 0 || size.Aligned(h.pageSize) ||
		!h.habit(func(p *personality.Personality) bool { return p.SupplyPartialPage == personality.PartialReject })
	c.valid = lock.Valid() && whole && c.start()+mach.Offset(size) >= c.start() && (h.pageSize == 0 || c.start().Aligned(h.pageSize))
	if !lock.Valid() {
		m.taskBroke("EMM-132", c.Task, a.port, "the lock value %s has bits that are no access", lock)
		return
	}
	if a.internal || a.object == 0 || !c.valid || h.pageSize == 0 {
		return
	}
	end := m.supplyEndsAt(c)
	for off := range offsets(c.start(), end, h.pageSize) {
		p := a.page(off)
		switch {
		case p.state == stateWaiting && p.carrier != 0 && m.isQueued(a.port, p.carrier):
			m.taskBroke("EMM-155", c.Task, a.port, "page %#x is supplied although its data_return was not received yet", uint64(off))
			return
		case p.state == stateWaiting:
		case h.habit(func(q *personality.Personality) bool { return q.AcceptUnrequestedSupply }) && p.state == stateEmpty:
		case m.wantedElsewhere(a, off):
			m.taskBroke("EMM-241", c.Task, a.port, "page %#x was asked for by another kernel", uint64(off))
			return
		default:
			m.taskBroke("EMM-127", c.Task, a.port, "page %#x is supplied and was not asked for", uint64(off))
			return
		}
	}
}

// isQueued reports whether a message is in the queue of a port.
func (m *Monitor) isQueued(id, kmsg uint64) bool {
	p := m.ports[id]
	if p == nil {
		return false
	}
	for i := range p.queue {
		if p.queue[i].kmsg == kmsg {
			return true
		}
	}
	return false
}

// wantedElsewhere reports whether another kernel waits for a page of the memory object.
func (m *Monitor) wantedElsewhere(a *pair, off mach.Offset) bool {
	for _, b := range m.ports[a.port].pairs {
		if b.host != a.host && b.live() && b.pages[off] != nil && b.pages[off].state == stateWaiting {
			return true
		}
	}
	return false
}

// supplied: a kernel says that a page was accepted.
func (m *Monitor) supplied(p *page, e *trace.PageState, c *call) {
	a, off := p.pair, uint64(p.offset)
	h := m.host(a.host)
	switch {
	case c == nil || !c.supplies() || c.pair == nil:
	case c.pair != a:
		m.kernelBroke("EMM-241", a.host, a.port, "page %#x is filled by a supply through the control port of another association", off)
	default:
		m.accepted(p, e, c)
	}
	switch accepts := h.habit(func(q *personality.Personality) bool { return q.AcceptUnrequestedSupply }); {
	case p.state == stateResident:
		m.kernelBroke("EMM-125", a.host, a.port, "page %#x was resident, and is overwritten by a supply", off)
	case p.state != stateWaiting && h.habits != nil && !accepts:
		m.kernelBroke("EMM-127", a.host, a.port, "page %#x is accepted and was not asked for", off)
	}
	if e.Dirty {
		m.kernelBroke("EMM-124", a.host, a.port, "page %#x is modified after a supply", off)
	}
	m.partly(p)
	waiters := m.waiting(p)
	m.leave(p, stateResident)
	p.waiters, p.lock, p.precious, p.noChange = waiters, e.Lock, e.Precious, false
}

// waiting counts the threads that wait for a page.
func (m *Monitor) waiting(p *page) (n int) {
	for _, f := range m.faults { // unordered: only counted
		if f.page == p {
			n++
		}
	}
	return n
}

// partly notes that a request was answered in part.
func (m *Monitor) partly(p *page) {
	if !p.group {
		return
	}
	for _, q := range p.pair.ordered {
		if q != p && q.asked && q.request == p.request {
			q.partial = true
		}
	}
}

// accepted checks an accepted page against the supply.
func (m *Monitor) accepted(p *page, e *trace.PageState, c *call) {
	a, off := p.pair, uint64(p.offset)
	end := c.start() + mach.Offset(c.desc(c.data).Value)
	size := mach.Offset(m.host(a.host).pageSize)
	switch {
	case p.offset < c.accepted || p.offset >= end:
		m.kernelBroke("EMM-126", a.host, a.port, "page %#x is not the next one of the supply", off)
	case p.offset+size > end:
		m.kernelBroke("EMM-133", a.host, a.port, "page %#x is not whole in the supply, and is accepted", off)
	case p.offset > c.accepted:
		m.kernelBroke("EMM-128", a.host, a.port, "page %#x is behind the point where the supply stopped, and is accepted", off)
	}
	c.accepted, c.counted = p.offset+size, true
	if lock := mach.Prot(c.get(fieldLock)); e.Lock != lock {
		rule := "EMM-121"
		if p.flushed {
			rule = "EMM-178"
		}
		m.kernelBroke(rule, a.host, a.port, "the lock of page %#x is %s, and that of the supply %s", off, e.Lock, lock)
	}
}

// supplyCompleted: a kernel tells what became of a supply.
func (m *Monitor) supplyCompleted(r *trace.Record, e *message, c *call) {
	a := c.pair
	result, at := mach.Return(int32(e.get(fieldResult))), mach.Offset(e.get(fieldErrorOffset))
	end := m.supplyEndsAt(c)
	switch {
	case !c.wantsReply() || c.completed > 1:
		m.kernelBroke("EMM-130", a.host, e.Dest, "completion %d of a supply that wants %d", c.completed, oneIf(c.wantsReply()))
	case !c.valid:
		m.kernelBroke("EMM-132", a.host, e.Dest, "a completion of a supply with bad arguments")
	case e.start() != c.start() || uint64(e.size()) != c.desc(c.data).Value:
		m.kernelBroke("EMM-131", a.host, e.Dest, "the supply was of %#x bytes at %#x", c.desc(c.data).Value, uint64(c.start()))
	case a.internal || a.object == 0 || m.host(a.host).pageSize == 0 || c.ended != nil:
	case result.OK() && (c.accepted != end || at != 0), !result.OK() && (result != mach.KernMemoryPresent || at != c.accepted || c.accepted >= end):
		m.kernelBroke("EMM-126", a.host, e.Dest, "pages up to %#x of %#x were accepted, and the result is %v at %#x",
			uint64(c.accepted), uint64(end), result, uint64(at))
	}
	if !result.OK() && c.is(fieldPrecious) && a.object != 0 {
		m.preciousReturned(e, c, at, end)
	}
}

// preciousReturned checks that the precious pages which were not accepted have been returned.
func (m *Monitor) preciousReturned(e *message, c *call, at, end mach.Offset) {
	size := mach.Offset(m.host(c.pair.host).pageSize)
	if size == 0 {
		return
	}
	for off := range offsets(at, end, mach.Size(size)) {
		if p := c.pair.pages[off]; p == nil || p.carrier < c.Kmsg {
			m.kernelBroke("EMM-129", c.pair.host, e.Dest, "precious page %#x was not accepted and not returned", uint64(off))
			return
		}
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *Monitor) supplyEnds(c *call) {
	a := c.pair
	good := !c.refused || c.result == mach.KernMemoryPresent
	switch {
	case !c.valid && good && m.host(a.host).pageSize != 0 && !mach.Prot(c.get(fieldLock)).Valid():
		m.kernelBroke("EMM-132", a.host, a.port, "a supply with an invalid lock value is accepted")
	case c.valid && good && c.wantsReply() && c.completed == 0 && a.live():
		m.kernelBroke("EMM-130", a.host, a.port, "a supply with a reply right has no completion")
	}
}

// answerBegins: a manager has no data, or an error.
func (m *Monitor) answerBegins(c *call) {
	a := c.pair
	h := m.host(a.host)
	c.valid = h.pageSize == 0 || c.size().Aligned(h.pageSize)
	switch {
	case !c.valid:
		m.taskBroke("EMM-142", c.Task, a.port, "%#x bytes are not whole pages", uint64(c.size()))
	case a.internal || a.object == 0 || c.size() == 0:
	case a.outstanding(c.start(), c.end(), h.pageSize) == 0 && !h.habit(func(p *personality.Personality) bool { return p.UnavailablePrefill }):
		m.taskBroke("EMM-141", c.Task, a.port, "no page from %#x to %#x was asked for", uint64(c.start()), uint64(c.end()))
	}
}

func (m *Monitor) answerEnds(c *call) {
	if !c.valid && !c.refused {
		m.kernelBroke("EMM-142", c.pair.host, c.pair.port, "%#x bytes are not whole pages, and the call is accepted", uint64(c.size()))
	}
}

// resolved: a kernel says that a page was answered with nothing or with an error.
func (m *Monitor) resolved(p *page, e *trace.PageState, c *call) {
	a := p.pair
	h := m.host(a.host)
	prefill := e.Cause == trace.PageUnavailable && h.habit(func(q *personality.Personality) bool { return q.UnavailablePrefill })
	if p.state != stateWaiting && h.habits != nil && !prefill {
		m.kernelBroke("EMM-141", a.host, a.port, "page %#x was not asked for, and is answered", uint64(p.offset))
	}
	m.partly(p)
	if e.Cause == trace.PageUnavailable {
		m.leave(p, stateAbsent)
		return
	}
	if c != nil && c.kind == msgDataError && h.habits != nil {
		p.err = c.seq
		restart := false
		p.errCode, restart = errorCode(h.habits, mach.Return(int32(c.get(fieldReason))))
		all := h.habits.DataErrorWakes == personality.WakesAll
		for _, f := range m.faults { // unordered: each is looked at alone
			if f.page == p && all && !restart && f.blocked {
				f.err, f.code = true, p.errCode
			}
		}
		if !all || restart {
			p.err = 0
		}
	}
	m.leave(p, stateEmpty)
}

// errorCode is what a fault returns for the reason of a data_error, or that it starts over instead (E-19).
func errorCode(h *personality.Personality, reason mach.Return) (code mach.Return, restart bool) {
	switch h.ErrorPassThrough {
	case personality.PassSystem:
		if reason.ErrorSystem() != 0 {
			return reason, false
		}
	case personality.PassMax:
		if reason == mach.KernMemoryDataMoved {
			return 0, true
		}
		if reason > mach.KernReturnMax {
			return reason, false
		}
	}
	return mach.KernMemoryError, false
}
