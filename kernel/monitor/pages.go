package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Pages: what a kernel says about the pages of external objects, held against what it was told and what it
// tells its managers. Pages of objects that kernels make themselves move between objects and are left out.

// pageState: a page has changed.
func (m *Monitor) pageState(r *trace.Record, e *trace.PageState) {
	a := m.objects[e.Object]
	if a == nil || a.internal {
		return
	}
	p := a.page(e.Offset)
	c := m.calls[r.Thread]
	m.coverage.page(m, p, e, m.faults[r.Thread])
	switch e.Cause {
	case trace.PageFault, trace.PageCluster:
		m.placed(p, e)
	case trace.PageSupply:
		m.supplied(p, e, c)
	case trace.PageUnavailable, trace.PageDataError:
		m.resolved(p, e, c)
	case trace.PageLock, trace.PageClean, trace.PageFlush:
		m.locked(p, e, c)
	case trace.PageEvict, trace.PageTerminate:
		if e.To == trace.PageEmpty {
			m.leaves(p, e)
		}
	case trace.PageUnlock:
		p.before, p.wanted = p.wanted, e.Wanted
	case trace.PageStore:
		if p.state == stateResident && p.lock&mach.ProtWrite != 0 {
			m.kernelBroke("EMM-179", a.host, a.port, "page %#x is written to, and its lock is %s", uint64(p.offset), p.lock)
		}
		p.dirty, p.zero = true, false
	case trace.PageAbort:
		m.leave(p, stateEmpty)
	}
	p.cause, p.changed = e.Cause, r.Seq
}

// leave gives p a state in which it is not resident.
func (m *Monitor) leave(p *page, s pageState) {
	a := p.pair
	was, is := p.state == stateWaiting, s == stateWaiting
	if was && !is {
		a.absent--
	} else if is && !was {
		a.absent++
	}
	p.state, p.asked, p.partial, p.resident = s, false, false, false
	if s != stateResident {
		p.dirty, p.precious, p.zero, p.lock, p.wanted, p.before = false, false, false, 0, 0, 0
	}
}

// placed: a page was asked for, or zeros took the place of one that the manager does not have.
func (m *Monitor) placed(p *page, e *trace.PageState) {
	if e.To == trace.PageResident {
		m.leave(p, stateResident)
		p.zero, p.dirty = true, e.Dirty
		p.lock, p.wanted, p.before, p.precious = 0, 0, 0, false
		return
	}
	resident := p.state == stateResident
	if p.state == stateAbsent {
		m.leave(p, stateEmpty) // forgotten to make room
	}
	asked, partial := p.asked, p.partial
	m.leave(p, stateWaiting)
	p.asked, p.partial, p.resident = asked, partial, resident
	p.access, p.clustered = e.Wanted, e.Cause == trace.PageCluster
}

// leaves: a page is taken off its object, by pageout or at the end of the association.
func (m *Monitor) leaves(p *page, e *trace.PageState) {
	a := p.pair
	if p.state == stateResident && p.dirty && !e.Dirty {
		rule := "EMM-154"
		if e.Cause == trace.PageTerminate {
			rule = "EMM-059"
		}
		m.kernelBroke(rule, a.host, a.port, "page %#x was written to, and leaves as if it were clean", uint64(p.offset))
	}
	m.owe(p, e, a.live() || e.Cause == trace.PageTerminate)
	m.leave(p, stateEmpty)
}

// owe notes that a page has to be returned if it is modified or precious.
func (m *Monitor) owe(p *page, e *trace.PageState, returns bool) {
	p.due = returns && (e.Dirty || e.Precious)
	p.dueDirty, p.dueKeep, p.duePrec = e.Dirty, false, e.Precious
}

// dataRequest: a kernel asks for pages.
func (m *Monitor) dataRequest(r *trace.Record, e *message, a *pair) {
	h := m.host(a.host)
	start, size := e.start(), e.size()
	access := mach.Prot(e.get(fieldAccess))
	if !a.ready && !a.internal {
		m.kernelBroke("EMM-032", a.host, e.Dest, "data is asked for before the manager has made the object ready")
	}
	if access&(mach.ProtRead|mach.ProtExecute) == 0 {
		m.kernelBroke("EMM-115", a.host, e.Dest, "the access asked for is %s", access)
	}
	if h.pageSize == 0 {
		return
	}
	if size == 0 || !start.Aligned(h.pageSize) || !size.Aligned(h.pageSize) {
		m.kernelBroke("EMM-118", a.host, e.Dest, "%#x bytes at %#x are not whole pages of %#x bytes", uint64(size), uint64(start), uint64(h.pageSize))
		return
	}
	if a.internal || a.object == 0 {
		return
	}
	if a.absent > absentLimit+int(size/h.pageSize) {
		m.kernelBroke("EMM-151", a.host, e.Dest, "%d pages are outstanding", a.absent)
	}
	if size > h.pageSize && h.habits != nil {
		cluster := mach.Offset(max(a.attributes.cluster, h.pageSize))
		if !h.habits.ClusterPagein || start/cluster != (start+mach.Offset(size)-1)/cluster {
			m.kernelBroke("EMM-152", a.host, e.Dest, "%#x bytes at %#x are not inside one cluster of %#x bytes", uint64(size), uint64(start), uint64(cluster))
		}
	}
	f := m.faults[r.Thread]
	for off := range offsets(start, start+mach.Offset(size), h.pageSize) {
		p := a.page(off)
		m.requested(e, p, size > h.pageSize, access)
		if f != nil && (f.request == nil || !p.clustered) {
			f.request, f.wanted = p, access
		}
		p.asked, p.request, p.group = true, r.Seq, size > h.pageSize
		m.coverage.requested(m, p, access)
	}
}

// absentLimit is the number of absent pages of an external object above which faults wait.
const absentLimit = 50

// requested checks one page of a data_request.
func (m *Monitor) requested(e *message, p *page, clustered bool, access mach.Prot) {
	a, off := p.pair, uint64(p.offset)
	switch {
	case p.asked && p.partial:
		m.kernelBroke("EMM-122", a.host, e.Dest, "page %#x is still outstanding: only other pages of its request were answered", off)
	case p.asked && access&^p.access != 0:
		m.kernelBroke("EMM-150", a.host, e.Dest, "page %#x is asked for again because of another access", off)
	case p.asked:
		m.kernelBroke("EMM-119", a.host, e.Dest, "page %#x is outstanding already", off)
	case p.resident && clustered:
		m.kernelBroke("EMM-152", a.host, e.Dest, "page %#x is resident", off)
	case p.resident && p.waiters == 0 && p.cause == trace.PageFault && p.arc.supplied:
		m.kernelBroke("EMM-149", a.host, e.Dest, "page %#x was supplied after its waiter had gone, and is resident", off)
	case p.resident || p.state == stateResident:
		m.kernelBroke("EMM-120", a.host, e.Dest, "page %#x is resident", off)
	}
	p.resident = false
	if p.due {
		m.kernelBroke("EMM-155", a.host, e.Dest, "page %#x has not been returned yet", off)
		p.due = false
	}
}

// dataUnlock: a kernel asks for more access to a page.
func (m *Monitor) dataUnlock(r *trace.Record, e *message, a *pair) {
	h := m.host(a.host)
	access := mach.Prot(e.get(fieldAccess))
	if h.pageSize != 0 && (e.size() != h.pageSize || !e.start().Aligned(h.pageSize)) {
		m.kernelBroke("EMM-118", a.host, e.Dest, "%#x bytes at %#x are not one page", uint64(e.size()), uint64(e.start()))
		return
	}
	if a.internal || a.object == 0 {
		return
	}
	p := a.page(e.start())
	off := uint64(p.offset)
	if f := m.faults[r.Thread]; f != nil {
		f.unlock, f.relocked = p, false
	}
	switch {
	case p.state == stateWaiting:
		m.kernelBroke("EMM-150", a.host, e.Dest, "page %#x is outstanding", off)
	case p.state != stateResident && p.flushed:
		m.kernelBroke("EMM-184", a.host, e.Dest, "page %#x was flushed", off)
	case p.state != stateResident:
		m.kernelBroke("EMM-180", a.host, e.Dest, "page %#x is not resident", off)
	case access&p.lock == 0:
		m.kernelBroke("EMM-180", a.host, e.Dest, "the lock of page %#x is %s and does not prohibit %s", off, p.lock, access)
	case access&^p.before == 0 && p.noChange:
		m.kernelBroke("EMM-175", a.host, e.Dest, "page %#x: the request for %s was outstanding over a lock_request without change", off, p.before)
	case access&^p.before == 0:
		m.kernelBroke("EMM-181", a.host, e.Dest, "page %#x: a request for %s is outstanding", off, p.before)
	case p.before&^access != 0:
		m.kernelBroke("EMM-182", a.host, e.Dest, "page %#x: a request for %s is outstanding too", off, p.before)
	}
	p.noChange = false
}

// dataReturn: a kernel hands pages back.
func (m *Monitor) dataReturn(r *trace.Record, e *message, a *pair, c *call) {
	h := m.host(a.host)
	size := mach.Size(e.desc(e.data).Value)
	start := e.start()
	if e.kind == msgDataInitialize && !a.internal {
		m.kernelBroke("EMM-226", a.host, e.Dest, "data_initialize for an object that the kernel did not make")
	}
	if a.internal && a.ending == byUnmap && r.Thread == a.endedBy && e.kind != msgDataInitialize {
		m.kernelBroke("EMM-234", a.host, e.Dest, "a page of an object that the kernel made is returned at its end")
	}
	if h.pageSize == 0 {
		return
	}
	if size == 0 || !start.Aligned(h.pageSize) || !size.Aligned(h.pageSize) {
		m.kernelBroke("EMM-118", a.host, e.Dest, "%#x bytes at %#x are not whole pages", uint64(size), uint64(start))
		return
	}
	if n := size / h.pageSize; n > maxReturn {
		m.kernelBroke("EMM-189", a.host, e.Dest, "%d pages are returned in one message", n)
	}
	if a.internal || a.object == 0 {
		return
	}
	dirty, keep := e.is(fieldDirty), e.is(fieldKernelCopy)
	if e.kind == msgDataWrite {
		dirty = true
	}
	var dirtyPages, cleanPages int
	for off := range offsets(start, start+mach.Offset(size), h.pageSize) {
		p := a.page(off)
		if p.due && p.dueDirty {
			dirtyPages++
		} else if p.due {
			cleanPages++
		}
	}
	if dirtyPages > 0 && cleanPages > 0 {
		rule := "EMM-158"
		if c != nil && c.lock() {
			rule = "EMM-190"
		}
		m.kernelBroke(rule, a.host, e.Dest, "%d modified and %d clean pages in one message", dirtyPages, cleanPages)
	}
	for off := range offsets(start, start+mach.Offset(size), h.pageSize) {
		p := a.page(off)
		if p.due {
			m.returnsDue(e, p, c, dirty && (dirtyPages == 0 || cleanPages == 0), dirtyPages > 0 && cleanPages > 0, keep)
		} else {
			m.returnsMore(e, p, c, dirty, keep)
		}
		p.due, p.carrier = false, e.Kmsg
		if !a.live() && r.Thread == a.endedBy {
			p.returned = true
		}
	}
	if c != nil && len(c.sync) > 0 && c.kind == msgMsync {
		m.returnsLate(e, a, c, start, start+mach.Offset(size))
	}
}

// maxReturn is the greatest number of pages in one data_return.
const maxReturn = 32

// returnsDue checks the return of a page that had to be returned.
func (m *Monitor) returnsDue(e *message, p *page, c *call, dirty, mixed, keep bool) {
	a, off := p.pair, uint64(p.offset)
	if keep != p.dueKeep && e.kind != msgDataWrite { // which does not say
		rule := "EMM-154"
		switch {
		case p.cause == trace.PageTerminate:
			rule = "EMM-057"
		case p.cause == trace.PageFlush:
			rule = "EMM-168"
		case p.cause == trace.PageClean:
			rule = "EMM-166"
		}
		m.kernelBroke(rule, a.host, e.Dest, "page %#x: kernel_copy is %v", off, keep)
	}
	if dirty == p.dueDirty || mixed || e.kind == msgDataWrite {
		return
	}
	switch {
	case p.dueDirty && p.cause == trace.PageTerminate:
		m.kernelBroke("EMM-059", a.host, e.Dest, "page %#x is modified, and returned as clean", off)
	case p.dueDirty:
		m.kernelBroke("EMM-154", a.host, e.Dest, "page %#x is modified, and returned as clean", off)
	case p.cause == trace.PageTerminate:
		m.kernelBroke("EMM-055", a.host, e.Dest, "page %#x is clean, and returned as modified", off)
	default:
		m.kernelBroke("EMM-136", a.host, e.Dest, "page %#x is clean, and returned as modified", off)
	}
}

// returnsMore looks at the return of a page that nobody knew had to be returned.
func (m *Monitor) returnsMore(e *message, p *page, c *call, dirty, keep bool) {
	a, off := p.pair, uint64(p.offset)
	switch {
	case c != nil && c.supplies() && c.is(fieldPrecious):
		// A precious page of a supply that was not accepted goes back.
	case c != nil && c.lock() && c.pair == a:
		m.returnsUnasked(e, p, c)
	case a.ending == byUnmap && p.returned:
		m.kernelBroke("EMM-058", a.host, e.Dest, "page %#x is returned a second time", off)
	case a.ending == byUnmap && p.state == stateWaiting:
		m.kernelBroke("EMM-062", a.host, e.Dest, "page %#x is not resident: it was asked for and never came", off)
	case a.ending == byUnmap:
		m.kernelBroke("EMM-056", a.host, e.Dest, "page %#x is neither modified nor precious", off)
	case p.cause == trace.PageEvict && p.arc.wasZero:
		m.kernelBroke("EMM-139", a.host, e.Dest, "page %#x is of zeros and was never written to", off)
	case p.cause == trace.PageEvict:
		m.kernelBroke("EMM-137", a.host, e.Dest, "page %#x is neither modified nor precious", off)
	}
}

// lastPages checks, when terminate is queued, that nothing is left which the manager has to get.
func (m *Monitor) lastPages(a *pair) {
	if a.ending != byUnmap || a.internal || a.object == 0 {
		return
	}
	h := m.host(a.host)
	if h.habits == nil {
		return
	}
	temporary := a.attributes.temporary
	if temporary && h.habits.TemporaryCache != personality.TemporaryNever {
		return // the last user has gone, and what becomes of the pages depends
	}
	for _, p := range a.ordered {
		off := uint64(p.offset)
		switch {
		case temporary && p.returned:
			m.kernelBroke("EMM-060", a.host, a.port, "page %#x of a temporary object was returned", off)
		case temporary:
		case p.due || p.state == stateResident && (p.dirty || p.precious):
			rule := "EMM-054"
			switch dirty := p.dirty || p.due && p.dueDirty; {
			case a.wasCached:
				rule = "EMM-078"
			case p.lock != 0:
				rule = "EMM-061"
			case !dirty:
				rule = "EMM-055"
			}
			m.kernelBroke(rule, a.host, a.port, "page %#x was not returned before terminate", off)
		}
		p.due = false
	}
}
