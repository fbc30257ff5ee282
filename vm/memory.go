package vm

import (
	"fmt"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// memory is the physical memory of a host: frames, page structures, page queues, and the rules by which
// a thread gets a page.
type memory struct {
	frames           frames
	active, inactive pageQueue
	wired            int   // wired pages
	laundry          int   // clusters handed to trusted managers and not yet cleaned
	spare            *Page // page structures for reuse, linked by qnext

	policy  Policy         // which page goes
	chooser choice.Chooser // decides between victims; nil: the first

	limits     PageoutLimits
	targets    pageTargets
	pageWait   sched.Queue           // threads that wait for a free page
	privileged map[*sched.Thread]int // threads that may use the reserve, and how often they were told so

	// wakeDaemon tells the pageout daemon that memory is short; nil while there is none.
	wakeDaemon func()
	// noteQueued tells the daemon that a page came on a queue; nil while there is none.
	noteQueued func()
}

// pageTargets are the marks that decide when pages are short.
type pageTargets struct {
	reserved int // free pages that only privileged threads may take
	minimum  int // below it the daemon starts
	free     int // the daemon stops here
	inactive int // inactive pages wanted; recomputed by each pass of the daemon

	atStart int  // free pages when the daemon started, from which the others are computed
	fixed   bool // there is no daemon, and nothing to compute
}

// daemonReserve is what the pageout daemon adds to the reserve, as a privileged thread does with one page.
const daemonReserve = 5

// reserve adds n pages to the reserve and computes the marks above it. Historic vm_page_free_reserve.
func (t *pageTargets) reserve(n int) {
	t.reserved += n
	if t.fixed {
		return
	}
	after := t.atStart - t.reserved
	t.minimum = t.reserved + 10 + after/100
	t.free = max(t.reserved+15+after/80, t.minimum+5)
}

func (m *memory) init(c Config) {
	m.frames = newFrames(c.Frames, c.Spares, c.PageSize)
	m.active.name, m.inactive.name = "active", "inactive"
	m.limits = c.Pageout
	m.privileged = map[*sched.Thread]int{}
	if m.policy, m.chooser = c.Policy, c.Chooser; m.policy == nil {
		m.policy = MachPolicy{}
	}
	if choice.Greedy(m.chooser) {
		m.chooser = nil
	}
	switch t := &m.targets; {
	case c.WithoutPageout:
		t.free, t.fixed = 1, true
	case c.Node.Personality().OSFReserveQuirk:
		// The reserve of the daemon is there before the number of pages is known, and takes the place of
		// the formula, until a thread becomes privileged (VD-23).
		t.reserve(daemonReserve)
		t.atStart = c.Frames
	default:
		t.atStart = c.Frames
		t.reserve(2*c.Pageout.Laundry + c.CPUs + daemonReserve)
	}
}

// SetPrivileged lets th use the reserve, or takes that back as often as it was given. The reserve grows
// by one page for each such thread. Historic: the privilege that thread_wire gives.
func (h *Host) SetPrivileged(th *sched.Thread, on bool) {
	n := h.privileged[th]
	switch {
	case on && n == 0:
		h.targets.reserve(1)
		th.OnExit(func(t *sched.Thread) {
			if h.privileged[t] > 0 {
				delete(h.privileged, t)
				h.targets.reserve(-1)
			}
		})
		fallthrough
	case on:
		h.privileged[th] = n + 1
	case n == 1:
		h.targets.reserve(-1)
		fallthrough
	case n > 0:
		if n--; n == 0 {
			delete(h.privileged, th)
		} else {
			h.privileged[th] = n
		}
	}
}

// newPage is a page structure in no object, busy and held, without a frame.
func (h *Host) newPage() *Page {
	p := h.spare
	if p == nil {
		p = h.spares.pages.New()
		*p = Page{host: h, contents: pageFree}
	} else {
		h.spare = p.qnext
		p.qnext = nil
	}
	p.become(pageHeld)
	p.busy = true
	return p
}

// newPlaceholder is a busy page without a frame, at off in o.
func (o *Object) newPlaceholder(off mach.Offset) *Page {
	p := o.host.newPage()
	o.insert(p, off)
	return p
}

// grabPage takes a free page, busy and held, in no object; it reads as zeros. It is nil where th may not
// have one: then th must let go of everything it holds and wait. Historic vm_page_grab.
func (h *Host) grabPage(th *sched.Thread) *Page {
	fr := h.grabFrame(th)
	if fr == nil {
		return nil
	}
	p := h.newPage()
	p.frame = fr
	return p
}

// grabFrame takes a free frame by the rules of grabPage.
func (h *Host) grabFrame(th *sched.Thread) *frame {
	free := h.frames.free()
	if free == 0 || free < h.targets.reserved && h.privileged[th] == 0 || h.sched.Inject(sched.InjectShortage, "memory of "+h.node.Name()) {
		h.needPages()
		return nil
	}
	fr := h.frames.pop()
	if free--; free < h.targets.minimum || free < h.targets.free && h.inactive.count < h.targets.inactive {
		h.needPages()
	}
	return fr
}

func (h *Host) needPages() {
	if h.wakeDaemon != nil {
		h.wakeDaemon()
	}
}

// waitForPage waits until pages are free, and reports whether the thread was killed instead: then there may never
// be one, and it must give up. An abort does not end the wait. The caller holds no busy page, or memory might
// never become free. Privileged threads go first. Historic vm_page_wait, where even the dead wait.
func (h *Host) waitForPage(th *sched.Thread) (killed bool) {
	enough := h.targets.free
	switch {
	case h.privileged[th] > 0:
		enough = 1
	case h.wakeDaemon == nil:
		enough = max(1, h.targets.reserved) // nobody works towards the target
	}
	if h.frames.free() >= enough {
		return false
	}
	if h.pageWait.Empty() {
		h.needPages()
	}
	return th.Block(&h.pageWait, sched.Wait{Kind: sched.WaitMemory, What: (*freePages)(h), Mortal: true}) == sched.Interrupted
}

// freePages is the wait for memory, as a report shows it.
type freePages Host

// WaitName describes the shortage.
func (f *freePages) WaitName() string {
	return fmt.Sprintf("a page: %d are free, %d are reserved", f.frames.free(), f.targets.reserved)
}

// releaseFrame makes fr free; one thread that waits for memory looks again. Only a privileged one can use
// a page of the reserve, and must get it, for it may be the one who frees more.
func (h *Host) releaseFrame(fr *frame) {
	h.frames.push(fr)
	if h.pageWait.Empty() {
		return
	}
	for th := h.pageWait.Front(); th != nil; th = h.pageWait.Next(th) {
		if h.privileged[th] > 0 {
			h.pageWait.WakeThread(th, sched.Awakened)
			return
		}
	}
	if h.frames.free() >= h.targets.reserved {
		h.pageWait.Wake(sched.Awakened)
	}
}

// free ends p: it leaves its object and its queue, its frame is free, and whoever waits for it looks
// again. Its frame is mapped nowhere. Historic vm_page_free.
func (p *Page) free() {
	h := p.host
	if p.alias != nil {
		p.handOver()
	}
	original, of := p.original, p.cleaningOf
	if p.wireCount > 0 {
		p.countWired(-1)
		p.wireCount = 0
	}
	p.unqueue()
	p.become(pageFree)
	if p.object != nil {
		p.object.remove(p)
	}
	p.wakeup()
	fr := p.frame
	*p = Page{host: h, contents: pageFree, qnext: h.spare}
	h.spare = p
	switch {
	case original != nil:
		original.cleaned(of) // the frame is the original's
	case fr != nil:
		h.releaseFrame(fr)
	}
}

// discardPage frees p and every mapping of it.
func (h *Host) discardPage(p *Page) {
	h.pageProtect(p, mach.ProtNone)
	p.free()
}

// zeroFill makes the held page p, which has a frame, a page of zeros.
func (h *Host) zeroFill(p *Page) {
	h.frames.clear(p.frame)
	p.frame.modified = false
	p.become(pageData)
	h.stats.ZeroFills++
}

// copyPage makes the held page dst, which has a frame, a copy of src. The copy is nowhere but here, so
// it counts as modified.
func (h *Host) copyPage(dst, src *Page) {
	h.frames.copy(dst.frame, src.frame)
	dst.become(pageData)
	dst.dirty = true
}
