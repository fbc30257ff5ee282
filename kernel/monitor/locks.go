package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Locks: lock_request, what it does to pages, what it returns, lock_completed.

// pick is which pages a lock_request returns.
func (c *call) pick() mach.ShouldReturn {
	pick := mach.ShouldReturn(int32(c.get(fieldReturn)))
	if c.kind == msgLockRequestOld && pick != mach.ReturnNone {
		return mach.ReturnDirty
	}
	return pick
}

// picks reports whether a lock_request returns a page.
func picks(pick mach.ShouldReturn, dirty, precious bool) bool {
	switch pick {
	case mach.ReturnDirty:
		return dirty
	case mach.ReturnAll:
		return dirty || precious
	}
	return pick == mach.ReturnAnything
}

// span is the range of a lock_request in whole pages.
func (m *Monitor) span(c *call) (start, end mach.Offset) {
	start, end = c.start(), c.end()
	if h := m.host(c.host); h.pageSize != 0 {
		size := c.size().Round(h.pageSize)
		if size < c.size() {
			size = c.size().Trunc(h.pageSize)
		}
		start = start.Trunc(h.pageSize)
		if end = start + mach.Offset(size); end < start {
			end = ^mach.Offset(0)
		}
	}
	return start, end
}

// lockBegins: a manager restricts, returns or flushes pages.
func (m *Monitor) lockBegins(c *call) {
	a := c.pair
	lock := mach.Prot(c.get(fieldLock))
	c.valid = (lock.Valid() || lock == mach.ProtNoChange) && c.pick().Valid()
	if !c.valid {
		m.taskBroke("EMM-176", c.Task, a.port, "the lock value is %s, and should_return %v", lock, c.pick())
		return
	}
	start, end := m.span(c)
	a.in(start, end, m.host(a.host).pageSize, func(p *page) {
		if p.state == stateResident {
			c.snapshot = append(c.snapshot, p)
		}
	})
}

// locked: a kernel says that a lock_request, or a vm_msync, has passed a page.
func (m *Monitor) locked(p *page, e *trace.PageState, c *call) {
	a, off := p.pair, uint64(p.offset)
	ours := c != nil && c.lock() && c.pair == a
	if p.state != stateResident {
		m.kernelBroke("EMM-177", a.host, a.port, "page %#x is not resident, and is affected by a lock_request", off)
	}
	if ours {
		m.lockApplied(p, e, c)
	}
	switch e.Cause {
	case trace.PageLock:
		p.lock, p.wanted, p.before, p.noChange = e.Lock, e.Wanted, 0, ours && mach.Prot(c.get(fieldLock)) == mach.ProtNoChange && !e.Wired
		m.relocked(p)
	case trace.PageClean:
		if p.precious && !e.Precious {
			m.kernelBroke("EMM-167", a.host, a.port, "page %#x was precious, and is not any more", off)
		}
		p.due, p.dueDirty, p.dueKeep, p.duePrec = true, p.dirty, true, p.precious
		p.dirty, p.lock, p.wanted = false, e.Lock, e.Wanted
		p.noChange = ours && mach.Prot(c.get(fieldLock)) == mach.ProtNoChange
		if !p.noChange {
			m.relocked(p)
		}
	case trace.PageFlush:
		if p.dirty && !e.Dirty {
			m.kernelBroke("EMM-154", a.host, a.port, "page %#x was written to, and leaves as if it were clean", off)
		}
		p.due = false
		if ours {
			p.due = picks(c.pick(), e.Dirty, e.Precious)
		} else if c != nil && c.kind == msgMsync {
			flags := mach.SyncFlags(c.get(fieldSync))
			p.due = flags&(mach.SyncSynchronous|mach.SyncAsynchronous) != 0 && (e.Dirty || e.Precious) || e.Precious
		}
		p.dueDirty, p.dueKeep, p.duePrec = e.Dirty, false, e.Precious
		m.leave(p, stateEmpty)
		p.flushed = true
	}
}

// lockApplied checks what a lock_request has done to a page.
func (m *Monitor) lockApplied(p *page, e *trace.PageState, c *call) {
	a, off := p.pair, uint64(p.offset)
	lock := mach.Prot(c.get(fieldLock))
	flush := c.is(fieldFlush)
	switch {
	case e.Wired && (e.Cause != trace.PageLock || e.Lock != p.lock):
		m.kernelBroke("EMM-187", a.host, a.port, "page %#x is wired, and is changed", off)
	case flush && e.Cause != trace.PageFlush:
		m.kernelBroke("EMM-168", a.host, a.port, "page %#x stays resident", off)
	case !flush && e.Cause == trace.PageFlush:
		m.kernelBroke("EMM-166", a.host, a.port, "page %#x does not stay resident", off)
	case flush:
	case lock == mach.ProtNoChange && e.Lock != p.lock:
		m.kernelBroke("EMM-174", a.host, a.port, "the lock of page %#x was %s, and is %s", off, p.lock, e.Lock)
	case lock != mach.ProtNoChange && e.Lock != lock && !e.Wired:
		m.kernelBroke("EMM-173", a.host, a.port, "the lock of page %#x is %s, and the request says %s", off, e.Lock, lock)
	}
}

// relocked: threads that wait for an unlock of p look again.
func (m *Monitor) relocked(p *page) {
	for _, f := range m.faults { // unordered: each is looked at alone
		if f.unlock == p {
			f.relocked = true
		}
	}
}

// returnsUnasked: a lock_request returns a page that it was not to return.
func (m *Monitor) returnsUnasked(e *message, p *page, c *call) {
	a, off := p.pair, uint64(p.offset)
	rule := ""
	switch pick := c.pick(); {
	case pick == mach.ReturnNone && c.is(fieldFlush):
		rule = "EMM-161"
	case pick == mach.ReturnNone:
		rule = "EMM-160"
	case pick == mach.ReturnDirty && c.is(fieldFlush) && p.duePrec:
		rule = "EMM-163"
	case pick == mach.ReturnDirty:
		rule = "EMM-162"
	case pick == mach.ReturnAll:
		rule = "EMM-164"
	default:
		return
	}
	m.kernelBroke(rule, a.host, e.Dest, "page %#x is returned", off)
}

// lockCompleted: a kernel says that a lock_request is done.
func (m *Monitor) lockCompleted(r *trace.Record, e *message, c *call) {
	a := c.pair
	switch {
	case !c.wantsReply() && c.kind != msgDiscardReply:
		m.kernelBroke("EMM-172", a.host, e.Dest, "a completion of a request without a reply right")
	case c.completed > 1:
		m.kernelBroke("EMM-170", a.host, e.Dest, "completion %d of one request", c.completed)
	case !c.valid && c.kind != msgDiscardReply:
		m.kernelBroke("EMM-176", a.host, e.Dest, "a completion of a request with an invalid lock value")
	}
	if c.lock() {
		m.lockDone(c, true)
	}
}

// lockDone checks, when a lock_request is done, that each page of its range was seen to.
func (m *Monitor) lockDone(c *call, completion bool) {
	a := c.pair
	if !a.live() || !c.valid {
		return
	}
	lock, flush := mach.Prot(c.get(fieldLock)), c.is(fieldFlush)
	for _, p := range c.snapshot {
		off := uint64(p.offset)
		if p.due && (p.cause == trace.PageClean || p.cause == trace.PageFlush) && p.changed > c.seq {
			if completion {
				m.kernelBroke("EMM-169", a.host, a.port, "page %#x is not returned before the completion", off)
			} else {
				m.kernelBroke(returnRule(c.pick()), a.host, a.port, "page %#x is not returned", off)
			}
			p.due = false
			continue
		}
		if p.changed > c.seq || p.state != stateResident {
			continue
		}
		switch {
		case flush:
			m.kernelBroke("EMM-168", a.host, a.port, "page %#x stays resident", off)
		case picks(c.pick(), p.dirty, p.precious):
			m.kernelBroke(returnRule(c.pick()), a.host, a.port, "page %#x is not returned", off)
		case lock != mach.ProtNoChange && p.lock != lock:
			m.kernelBroke("EMM-173", a.host, a.port, "the lock of page %#x stays %s", off, p.lock)
		}
	}
	c.snapshot = c.snapshot[:0]
}

func returnRule(pick mach.ShouldReturn) string {
	switch pick {
	case mach.ReturnDirty:
		return "EMM-162"
	case mach.ReturnAll:
		return "EMM-164"
	}
	return "EMM-165"
}

// lockEnds checks what a lock_request owes.
func (m *Monitor) lockEnds(c *call) {
	a := c.pair
	switch {
	case c.refused && c.valid:
		return // aborted
	case !c.valid && !c.refused:
		m.kernelBroke("EMM-176", a.host, a.port, "an invalid lock value is accepted")
	case !c.valid:
	case c.wantsReply() && c.completed == 0 && len(c.snapshot) == 0:
		m.kernelBroke("EMM-171", a.host, a.port, "a lock_request of no resident page has no completion")
	case c.wantsReply() && c.completed == 0:
		m.kernelBroke("EMM-170", a.host, a.port, "a lock_request with a reply right has no completion")
	}
	if c.valid && !c.refused {
		m.lockDone(c, false)
	}
}
