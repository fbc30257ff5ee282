package vm

import (
	"fmt"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// evict throws out p, which is not busy and on no queue. All mappings go before the modified bit is read, so
// that nothing is written unseen (VM-204). Clean pages are freed, others go to their manager; the first
// one of an anonymous object makes it a manager. Without one it stays.
func (h *Host) evict(th *sched.Thread, p *Page) eviction {
	o := p.object
	p.busy = true
	h.pageProtect(p, mach.ProtNone)
	if !p.modified() && !p.precious {
		h.drop(th, p)
		return evictFreed
	}
	if !o.phase.created() {
		if gone := o.collapseUnder(th, p); gone {
			return evictSpared
		}
		if !o.phase.created() && !h.createPager(th, o) {
			p.giveBack()
			return evictStuck
		}
	}
	switch {
	case o.assoc == nil:
		h.lose(th, p)
		return evictFreed
	case o.internal:
		return h.cleanInPlace(th, p)
	}
	h.giveAway(th, p)
	return evictExternal
}

// drop frees p. Without a count limit, a cached object that thereby loses its last page goes too (VD-05).
func (h *Host) drop(th *sched.Thread, p *Page) {
	o := p.object
	h.tracePage(p, trace.PageBusy, trace.PageEmpty, trace.PageEvict)
	p.free()
	o.collect(th)
}

// lose frees the modified page p of an object that lost its manager: nobody will ever see these data (VM-208,
// EMM-102). Even if the manager never had it the page must not read as zeros from now on.
func (h *Host) lose(th *sched.Thread, p *Page) {
	p.object.existence.set(h, p.offset)
	h.drop(th, p)
}

// collect ends o if the cache holds it for the sake of pages that are gone.
func (o *Object) collect(th *sched.Thread) {
	if o.phase == PhaseCached && o.residentCount == 0 && o.paging == 0 && o.host.personality.ObjectCacheMax < 0 {
		o.uncache()
		o.terminate(th)
	}
}

// collapseUnder shortens the chain below o, the object of the busy page p, so that o may get the manager
// of the object below instead of a new one. It reports whether o ended meanwhile.
func (o *Object) collapseUnder(th *sched.Thread, p *Page) (gone bool) {
	o.reference()
	o.collapse(th)
	if gone = o.refs == 1; gone {
		p.giveBack()
	}
	o.release(th)
	return gone
}

// giveAway returns the busy page p to its manager, whom nobody trusts to free it: the page leaves its
// object now and travels in the message, from where it can be paged out in turn (H-3). Until the message is
// queued a placeholder makes whoever wants the page wait, so that it is returned before it is asked for
// again (VM-205). Pages beside it go along if the personality packs more than one into a message.
func (h *Host) giveAway(th *sched.Thread, p *Page) {
	o, a := p.object, p.object.assoc
	dirty := p.modified()
	o.beginPaging()
	first, last := o.kin(p, mach.Size(h.personality.PageoutCluster)*h.pageSize, dirty)
	r := h.newReturn(a, false)
	page := mach.Offset(h.pageSize)
	for off := first; off <= last; off += page {
		q := o.lookup(off)
		h.tracePage(q, trace.PageResident, trace.PageEmpty, trace.PageEvict)
		r.take(q, off+o.pagingOffset, dirty)
		o.newPlaceholder(off)
	}
	cargo := r.cargo
	double := h.personality.DoublePaging && h.veryLow() && h.defaultManager.port.Live() && !h.defaultManager.serves(a)
	if double {
		cargo.reference()
	}
	th.Preempt("before-data-return")
	r.send(th)
	h.stats.Pageouts++
	for off := first; off <= last; off += page {
		o.lookup(off).free()
	}
	o.endPaging()
	o.collect(th)
	if double {
		h.pageTwice(th, cargo)
	}
}

// pageTwice sends what was just given to a manager to the default manager as well, for memory is too
// short to wait until it is freed (H-16). It takes over the caller's reference.
func (h *Host) pageTwice(th *sched.Thread, cargo *Object) {
	for p := cargo.first; p != nil && cargo.refs > 1; {
		next := p.mnext
		if !p.busy && p.wireCount == 0 && p.contents == pageData {
			p.unqueue()
			if h.evict(th, p) == evictStuck {
				break
			}
			next = cargo.first // it may have waited
			for next != nil && (next.busy || next.contents != pageData || next.wireCount > 0) {
				next = next.mnext
			}
		}
		p = next
	}
	cargo.release(th)
}

// kin is the range of pages that go with p, the page to be returned: neighbours on both sides within the
// aligned cluster, as long as they are resident, at rest and of the same kind (VM-215).
func (o *Object) kin(p *Page, cluster mach.Size, dirty bool) (first, last mach.Offset) {
	page := mach.Offset(o.host.pageSize)
	first, last = p.offset, p.offset
	in := (p.offset + o.pagingOffset) & (mach.Offset(cluster) - 1)
	below, above := in, mach.Offset(cluster)-page-in
	like := func(off mach.Offset) bool {
		q := o.lookup(off)
		return q != nil && !q.busy && q.contents == pageData && !q.cleaning && q.queue != nil &&
			(dirty && q.modified() || !dirty && q.precious && !q.modified())
	}
	for ; below > 0 && first >= page && like(first-page); below -= page {
		first -= page
	}
	for ; above > 0 && like(last+page); above -= page {
		last += page
	}
	return first, last
}

// A cleaning is a cluster that a trusted manager is writing, while the pages stay where they are. Historic:
// the object vm_paging_object_allocate makes.
type cleaning struct {
	object *Object // has a paging reference as long as pages is not 0
	pages  int     // not yet given back by the manager
}

// end notes that one page is clean, or that nobody waits for it any more.
func (c *cleaning) end() {
	if c.pages--; c.pages == 0 {
		c.object.endPaging()
	}
}

// cleanInPlace sends the busy page p and its neighbours to the default manager. The message carries aliases:
// pages with the same frames. p itself is freed when the manager has deallocated its alias, and whoever
// wants it waits until then; the neighbours stay in use, and are clean afterwards unless somebody has
// written to them. Historic vm_pageout_cluster.
func (h *Host) cleanInPlace(th *sched.Thread, p *Page) eviction {
	o, a := p.object, p.object.assoc
	o.beginPaging()
	h.daemon.throttle(th)
	p.laundry = true
	if o.assoc != a { // it lost its manager meanwhile
		p.laundered()
		h.lose(th, p)
		o.endPaging()
		return evictFreed
	}
	dirty := p.modified()
	first, last := o.kin(p, max(o.clusterSize, h.pageSize), dirty)
	page := mach.Offset(h.pageSize)
	c := &cleaning{object: o}
	r := h.newReturn(a, false)
	r.offset, r.dirty = first+o.pagingOffset, dirty
	r.cargo = h.newAnonymous(mach.Size(last-first) + h.pageSize)
	r.cargo.message, r.cargo.transient = true, true
	for off := first; off <= last; off += page {
		q := o.lookup(off)
		q.modified()
		q.frame.modified = false
		q.dirty = true // until the manager has it
		q.precious, q.lock, q.unlockRequest = false, mach.ProtNone, mach.ProtNone
		q.cleaning = true
		o.existence.set(h, off)
		q.alias = h.newPage()
		q.alias.original, q.alias.cleaningOf, q.alias.frame = q, c, q.frame
		q.alias.become(pageData)
		q.alias.busy = false
		r.cargo.insert(q.alias, off-first)
		r.pages++
		c.pages++
	}
	if o.message {
		h.stats.DoublePageouts += uint64(c.pages)
	}
	p.pageout = true
	p.wire()
	h.tracePage(p, trace.PageResident, trace.PageBusy, trace.PageEvict)
	th.Preempt("before-data-return")
	r.send(th)
	h.stats.Pageouts++
	return evictInternal
}

// throttle waits while trusted managers have as much as they may, and counts one cluster more (VM-209).
func (d *daemon) throttle(th *sched.Thread) {
	h := d.host
	for limit := h.limits.Laundry; h.laundry >= limit; limit = h.limits.enough() {
		th.Block(&d.clean, sched.Wait{Kind: sched.WaitMemory, What: (*laundry)(h)})
	}
	h.laundry++
}

// enough is the number of clusters of which less must be left before a daemon that has waited goes on.
func (l *PageoutLimits) enough() int { return max(l.Laundry/2, 1) }

// laundry is the wait for clusters to be cleaned, as a report shows it.
type laundry Host

// WaitName says how many clusters are dirty still.
func (l *laundry) WaitName() string {
	return fmt.Sprintf("the default manager, which has %d clusters to write", l.laundry)
}

// HeldBy names the default manager.
func (l *laundry) HeldBy() string {
	if !l.defaultManager.port.Live() {
		return ""
	}
	p := l.defaultManager.port.Port()
	return fmt.Sprintf("the receiver of %v (%v)", p, p.Receiver())
}

// laundered notes that the cluster of p, if it is counted, is clean.
func (p *Page) laundered() {
	if !p.laundry {
		return
	}
	p.laundry = false
	h := p.host
	if h.laundry--; h.laundry < h.limits.enough() {
		h.daemon.clean.WakeAll(sched.Awakened)
	}
}

// cleaned notes that the manager has given back the alias of p. A page that was to go is freed, unless it
// was written to meanwhile: then it is in use again (VM-216). of is nil if p was not waiting for it
// any more. Historic vm_pageout_object_terminate.
func (p *Page) cleaned(of *cleaning) {
	p.alias = nil
	if of == nil {
		return
	}
	h := p.host
	p.cleaning = false
	p.laundered()
	switch {
	case !p.pageout:
		p.dirty = p.frame.modified
		if p.queue == nil && p.wireCount == 0 {
			if p.referenced() {
				p.activate()
			} else {
				p.deactivate()
			}
		}
		p.wakeup()
	default:
		p.pageout = false
		h.pageProtect(p, mach.ProtNone)
		if p.dirty = p.frame.modified; p.dirty {
			h.stats.Reactivations++
			p.unwire()
			p.done()
			break
		}
		h.tracePage(p, trace.PageBusy, trace.PageEmpty, trace.PageEvict)
		p.free()
	}
	of.end()
}

// keepCleaning ends the wait for p to be cleaned, since its manager is gone or has given the object up. The
// page stays; the message has its alias all the same.
func (p *Page) keepCleaning() {
	of := p.alias.cleaningOf
	p.alias.cleaningOf = nil
	p.cleaning = false
	p.laundered()
	if p.pageout {
		p.pageout = false
		p.unwire()
		p.done()
	} else {
		p.wakeup()
	}
	of.end()
}

// handOver makes the frame of p, which is to be freed, that of its alias alone.
func (p *Page) handOver() {
	a := p.alias
	of := a.cleaningOf
	a.original, a.cleaningOf = nil, nil
	p.alias, p.frame = nil, nil
	if a.wireCount > 0 {
		a.countWired(1)
	}
	p.laundered()
	if of != nil {
		of.end()
	}
}

// InTransit is the number of frames that are neither free, on a queue, nor wired: of busy pages on no queue,
// and of pages in messages to the default manager.
func (h *Host) InTransit() int {
	n := 0
	for o := h.firstAll; o != nil; o = o.allNext {
		for p := o.first; p != nil; p = p.mnext {
			if p.real() && p.original == nil && p.queue == nil && p.wireCount == 0 {
				n++
			}
		}
	}
	return n
}

// serves reports whether the default manager also serves the object of a.
func (m *defaultManager) serves(a *association) bool {
	if !a.pager.Live() || !m.port.Live() {
		return false
	}
	x, ok := a.pager.Port().Receiver().(ipc.InSpace)
	y, yes := m.port.Port().Receiver().(ipc.InSpace)
	return ok && yes && x.Space() == y.Space()
}
