package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// PageoutLimits keep the pageout daemon from flooding managers with pages (H-17). A zero field has its default.
type PageoutLimits struct {
	// Laundry is the number of clusters that trusted managers may have at a time; 0: 10. A daemon that has
	// reached it waits until less than half is left. It enters the reserve formula.
	Laundry int
	// Burst is the number of pages given to untrusted managers between two pauses; 0: 10.
	Burst int
	// Pause is how long the daemon pauses for each page of a burst, in virtual time, in the beginning: it adapts;
	// 0: 30 ms.
	Pause mach.Time
}

// resolve puts defaults where nothing is set. It fails for what is no limit.
func (l *PageoutLimits) resolve() error {
	if l.Laundry < 0 || l.Burst < 0 || l.Pause > 3600*1000*millisecond {
		return fmt.Errorf("vm: limits of the pageout daemon %+v", *l)
	}
	if l.Laundry == 0 {
		l.Laundry = 10
	}
	if l.Burst == 0 {
		l.Burst = 10
	}
	if l.Pause == 0 {
		l.Pause = 30 * millisecond
	}
	return nil
}

const (
	// burstMin and calmMax decide how the pause adapts: above so much laundry after a pause it grows, after
	// more than so many pauses without it shrinks. The originals have room for other values and never
	// set any.
	burstMin = 0
	calmMax  = 0

	millisecond = mach.Time(1_000_000)
	// emptyWait is the least pause when there is nothing to throw out.
	emptyWait = 200 * millisecond
)

// daemon is the pageout daemon of a host: a thread of the kernel that keeps some pages free. It is made when
// memory gets short for the first time. Historic vm_pageout.
//
// It sleeps until somebody takes a page below the minimum, or below the target while few pages are
// inactive. Then it makes passes: each turns active pages into inactive ones, and throws out inactive pages
// from the head, until the target is reached and nobody waits. Between two passes it pauses, so that managers
// come to do their part. A daemon that has found nothing to do with any page, and sees nothing change, does
// not go on pausing as the originals do, for a simulation could never come to its end: it sleeps
// until a page is queued, somebody needs a page, or a default manager is registered.
type daemon struct {
	host   *Host
	thread *sched.Thread // nil: not needed yet
	asleep sched.Queue   // the thread, outside passes and pauses
	clean  sched.Queue   // the thread, while the laundry is full

	wait  mach.Time // pause for each page of a burst
	calm  int       // pauses without laundry
	burst int       // pages given to untrusted managers in this pass

	needMore bool // memory is very short: better candidates are wanted
	news     bool // something has changed since the last pass
	idle     int  // passes since anything was achieved
	extra    int  // pages that are to go although there are enough; see PageoutOne
}

func (d *daemon) init(h *Host) { d.host, d.wait = h, h.limits.Pause }

// wake tells the daemon that pages are needed, or can be had.
func (d *daemon) wake() {
	d.news = true
	if d.thread == nil {
		d.start()
	}
	d.asleep.Wake(sched.Awakened)
}

// note tells the daemon that somebody else has queued a page.
func (d *daemon) note() {
	if d.thread == nil || d.host.sched.Current() == d.thread {
		return
	}
	if d.news = true; d.idle > 0 {
		d.asleep.Wake(sched.Awakened)
	}
}

func (d *daemon) start() {
	h := d.host
	d.thread = h.sched.Spawn(h.node.Name()+"/pageout", d.run)
	d.thread.SetHost(h.node.ID())
	d.thread.SetDaemon(true)
	h.privileged[d.thread] = 1 // its part of the reserve has been counted
	if h.tracer != nil {
		h.tracer.Names().Label(trace.ClassThread, uint64(d.thread.ID()), d.thread.Name())
	}
}

// run is the life of the daemon.
func (d *daemon) run(th *sched.Thread) {
	for {
		d.pass(th)
		th.Drain()
		switch {
		case d.satisfied():
			d.idle = 0
			d.sleep(th)
		case d.idle > d.host.active.count+d.host.inactive.count && !d.news:
			d.sleep(th)
			d.idle = 0
		default:
			d.pause(th)
		}
	}
}

// satisfied reports whether there are pages enough (VM-214).
func (d *daemon) satisfied() bool {
	h := d.host
	return h.frames.free() >= h.targets.free && h.pageWait.Empty() && d.extra == 0
}

// Pageable reports whether the host has a pageout daemon, or will have one.
func (h *Host) Pageable() bool { return h.wakeDaemon != nil }

// PageoutOne lets the pageout daemon throw out one page more than it has to, as if none had been used of late.
func (h *Host) PageoutOne() {
	for _, q := range []*pageQueue{&h.active, &h.inactive} {
		for p := q.head; p != nil; p = p.qnext {
			p.unreference()
		}
	}
	if p := h.active.head; h.inactive.head == nil && p != nil && !p.busy {
		p.deactivate()
	}
	h.daemon.extra++
	h.wakeDaemon()
}

// veryLow reports whether only privileged threads get pages now, or nearly so.
func (h *Host) veryLow() bool { return h.frames.free() <= h.targets.reserved }

// WaitName says what the sleeping daemon waits for.
func (d *daemon) WaitName() string {
	if d.idle == 0 {
		return "a shortage of memory"
	}
	return fmt.Sprintf("a page that can be paged out, with %d pages free", d.host.frames.free())
}

func (d *daemon) sleep(th *sched.Thread) {
	th.Block(&d.asleep, sched.Wait{Kind: sched.WaitMemory, What: d})
}

// pause lets others run, in virtual time, and then adapts the length of pauses.
func (d *daemon) pause(th *sched.Thread) {
	h := d.host
	pause := mach.Time(d.burst) * d.wait
	if h.active.count+h.inactive.count == 0 || d.burst < h.limits.Burst {
		pause = max(pause, emptyWait)
	}
	th.Block(nil, sched.Wait{Kind: sched.WaitTimer, Deadline: h.sched.After(pause)})
	if h.laundry > burstMin {
		d.wait += millisecond
		d.calm = 0
	} else if d.calm++; d.calm > calmMax {
		d.wait = max(d.wait*3/4, millisecond)
		d.calm = 0
	}
}

// trusted reports whether the manager of p's object, if it ever gets one, is the default manager.
func trusted(p *Page) bool { return p.object.internal }

// pass throws out pages until there are enough, there is nothing left to throw out, the burst is over, or a
// page has to stay for want of a manager.
func (d *daemon) pass(th *sched.Thread) {
	h := d.host
	d.burst, d.news = 0, false
	d.idle++
	h.sampleBits()
	h.policy.refill(&h.memory, d.preference(d.needMore || h.veryLow()))
	d.needMore = false
	later := 0 // pages in a row that cannot go before another thread has run
	for !d.satisfied() && d.burst < h.limits.Burst {
		prefer := d.preference(h.veryLow())
		p := h.policy.victim(&h.memory, prefer)
		if p == nil {
			d.extra = 0
			return
		}
		if prefer != nil && !prefer(p) {
			d.needMore = true
		}
		switch fate := h.judge(th, p); fate {
		case evictSpared:
		case evictLater:
			if later++; later >= h.inactive.count {
				d.extra = 0
				return
			}
		case evictStuck:
			d.extra = 0
			return
		case evictExternal:
			d.burst++
			fallthrough
		default:
			d.idle = 0
			d.extra = max(d.extra-1, 0)
		}
		th.Drain()
	}
}

// preference is what pages to throw out first: those of the default manager, which needs no help from
// others, while memory is very low and there is one. Nil is no preference.
func (d *daemon) preference(low bool) func(*Page) bool {
	if low && d.host.defaultManager.port.Live() {
		return trusted
	}
	return nil
}

// sampleBits tells a policy that lives on references, and not on bits, which pages have been used.
func (h *Host) sampleBits() {
	if _, mach := h.policy.(MachPolicy); mach {
		return
	}
	for _, q := range []*pageQueue{&h.active, &h.inactive} {
		last := q.tail // what is touched may come behind it
		for p := q.head; p != nil; {
			next := p.qnext
			if p == last {
				next = nil
			}
			if p.frame.referenced {
				p.frame.referenced = false
				h.policy.touch(&h.memory, p, false)
			}
			p = next
		}
	}
}

// eviction is what became of a page that was to go.
type eviction uint8

const (
	evictSpared   eviction = iota // it stays, or somebody else deals with it
	evictLater                    // it stays a candidate until its manager has been told of its object
	evictStuck                    // it stays because no manager would take it
	evictFreed                    // its frame is free
	evictInternal                 // it is on its way to the default manager
	evictExternal                 // it is in a message to another manager
)

// judge decides about p, which the policy has picked and taken off its queue. Historic: the second half of
// vm_pageout_scan.
func (h *Host) judge(th *sched.Thread, p *Page) eviction {
	o := p.object
	switch {
	case o.phase == PhaseIniting:
		p.deactivate() // its manager is being told; look again later
		return evictLater
	case p.cleaning && !p.busy && p.wireCount == 0:
		// Cleaned as a neighbour, and now chosen itself: it goes when it is clean.
		p.busy, p.pageout = true, true
		p.wire()
		return evictInternal
	case p.busy, !o.phase.alive():
		return evictSpared // whoever is at it puts it back
	case h.policy.spares(&h.memory, p):
		h.stats.Reactivations++
		return evictSpared
	}
	return h.evict(th, p)
}
