package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// contents says what a page structure stands for. Together with busy it is the state the pager protocol
// speaks of: no structure is E(mpty), requested is P, data is R or, busy, B, unavailable is Z, failed is X.
type contents uint8

const (
	// pageHeld is a busy page that holds nothing yet: a placeholder, or a page being filled.
	pageHeld contents = iota
	// pageData is a page with contents and a frame.
	pageData
	// pageRequested is a busy page whose data was asked of the manager.
	pageRequested
	// pageUnavailable is a page of which the manager said that it has nothing: look below, or zero fill.
	pageUnavailable
	// pageFailed is a page of which the manager reported an error.
	pageFailed
	// pageRestart sends the waiting faults back to their start (E-19, ErrorPassThrough=max only).
	pageRestart
	// pageFree is a structure in no use.
	pageFree
)

func (c contents) String() string {
	return [...]string{"held", "data", "requested", "unavailable", "failed", "restart", "free"}[c]
}

// absent reports whether the page counts against the absent limit of its object (P and Z).
func (c contents) absent() bool { return c == pageRequested || c == pageUnavailable }

// contentsNext are the legal changes of a page's contents. A change that is not here is a broken
// invariant of the kernel.
var contentsNext = [...][]contents{
	pageHeld:        {pageData, pageRequested, pageUnavailable, pageFree},
	pageData:        {pageHeld, pageFree},
	pageRequested:   {pageData, pageHeld, pageUnavailable, pageFailed, pageRestart, pageFree},
	pageUnavailable: {pageHeld, pageFree},
	pageFailed:      {pageFree},
	pageRestart:     {pageFree},
	pageFree:        {pageHeld},
}

// A Page is a page of an object, resident or expected, or a page on its way between objects. It is
// either real, with a frame, or fictitious.
//
// Invariants: a page is on at most one queue and on none while wired; only a page with data is dirty;
// a page is freed only when no mapping of its frame is left.
type Page struct {
	host *Host

	// Stable while the page is busy or wired.
	object *Object // nil: in no object
	offset mach.Offset
	frame  *frame // nil: fictitious

	// Must be read again after a wait unless the page is busy by the reader's doing.
	contents      contents
	busy          bool        // in transit: everybody else waits
	dirty         bool        // modified as far as software knows; see modified
	precious      bool        // the manager keeps no copy
	reference     bool        // used, as far as software knows
	cleaning      bool        // a clean in place is under way: copy-on-write faults wait
	pageout       bool        // cleaning: to be freed afterwards; busy and wired meanwhile
	laundry       bool        // counted in Host.laundry
	clustered     bool        // asked for as a neighbour only; nobody has faulted on it
	lock          mach.Prot   // accesses the manager prohibits
	unlockRequest mach.Prot   // accesses an outstanding data_unlock asks for
	code          mach.Return // pageFailed: what the fault returns
	takers        int         // pageFailed: threads that are still to take the error (E-18)
	wireCount     int
	number        uint64    // pageRequested: of the request, unique in the host
	requestedAt   uint64    // pageRequested: the step in which the request was made
	deadline      mach.Time // pageRequested: when the watchdog gives up

	// While p is cleaned in place its alias, in the message to the manager, has the same frame; what was
	// cleaned is the original of the alias.
	alias, original *Page
	cleaningOf      *cleaning // of an alias: the pageout it belongs to, nil once that was given up

	waiters sched.Queue

	queue        *pageQueue // the queue it is on, if any
	qnext, qprev *Page
	mnext, mprev *Page // neighbours in the object's insertion order
}

func (p *Page) String() string {
	if p.object == nil {
		return fmt.Sprintf("page %s (in no object)", p.contents)
	}
	return fmt.Sprintf("page %s of %s (%s)", p.offset, p.object, p.contents)
}

// real reports whether p has a frame.
func (p *Page) real() bool { return p.frame != nil }

// become changes what p stands for and keeps the object's absent count.
func (p *Page) become(c contents) {
	legal := false
	for _, n := range contentsNext[p.contents] {
		legal = legal || n == c
	}
	if !legal {
		panic(fmt.Sprintf("vm: %s may not become %s", p, c))
	}
	was := p.contents
	p.contents = c
	if o := p.object; o != nil {
		switch {
		case !was.absent() && c.absent():
			o.absentCount++
		case was.absent() && !c.absent():
			o.absentResolved()
		}
	}
}

// request makes the placeholder p wait for the manager, who is asked for access, and returns the number of the
// request.
func (p *Page) request(cause trace.PageCause, access mach.Prot) uint64 {
	h := p.host
	h.traceRequest(p, cause, access)
	h.lastRequest++
	p.become(pageRequested)
	p.number, p.requestedAt = h.lastRequest, h.sched.Steps()
	h.watchdog.note(p)
	return p.number
}

// dropFrame frees the frame of p, if it has one.
func (p *Page) dropFrame() {
	if fr := p.frame; fr != nil {
		if p.alias != nil || p.original != nil {
			panic("vm: " + p.String() + " loses a frame that it shares")
		}
		p.frame = nil
		p.host.releaseFrame(fr)
	}
}

// setFrame gives the held page p the frame fr in place of the one it may have.
func (p *Page) setFrame(fr *frame) {
	p.dropFrame()
	p.frame = fr
}

// done ends the transit of p: it is no longer busy, and whoever waited for it looks again.
func (p *Page) done() {
	p.busy = false
	p.wakeup()
}

// giveBack ends the transit of p after nothing was done with it.
func (p *Page) giveBack() {
	p.settle()
	p.done()
}

// wakeup makes everybody who waits for p look at it again.
func (p *Page) wakeup() { p.waiters.WakeAll(sched.Awakened) }

// restart sends everybody who waits for p back to the start of what they do.
func (p *Page) restart() { p.waiters.WakeAll(sched.Restart) }

// await waits until somebody wakes those who wait for p, and tells how that ended: with an error the
// manager reported for the data, code is what it becomes for the waiter (E-18). After a wait p may be
// another page, or none.
func (p *Page) await(th *sched.Thread, interruptible bool) (r sched.Result, code mach.Return) {
	r = th.Block(&p.waiters, sched.Wait{
		Kind: sched.WaitPage, What: p, A: uint64(p.offset), Interruptible: interruptible,
	})
	if th.Word == errorTaker {
		th.Word = 0
		code = p.takeError()
	}
	return r, code
}

// errorTaker in the word of a woken thread says that it waited for p when the manager reported an error.
const errorTaker = 1

// fail reports code to everybody who waits for p, and to nobody else: the page is empty again when the
// last of them has taken it. Where the personality wants it the first who looks at p takes it.
func (p *Page) fail(code mach.Return) {
	p.dropFrame()
	p.become(pageFailed)
	p.code = code
	if !p.host.wakesAll() {
		p.done()
		return
	}
	p.takers = p.waiters.Len()
	for t := p.waiters.Front(); t != nil; t = p.waiters.Next(t) {
		t.Word = errorTaker
	}
	p.done()
	if p.takers == 0 {
		p.free()
	}
}

// takeError is one waiter taking the error.
func (p *Page) takeError() mach.Return {
	code := p.code
	p.takers--
	if p.takers == 0 {
		p.free()
	}
	return code
}

// WaitName says for a report which page of which object a thread waits for and why it is not there.
func (p *Page) WaitName() string {
	switch {
	case p.object == nil:
		return "a page in no object"
	case p.contents == pageRequested:
		return fmt.Sprintf("page %s of %s, requested in step %d", p.offset, p.object, p.requestedAt)
	case p.unlockRequest != 0:
		return fmt.Sprintf("page %s of %s, unlock for %s requested", p.offset, p.object, p.unlockRequest)
	case p.wireCount > 0 && !p.busy:
		return fmt.Sprintf("page %s of %s, which is wired", p.offset, p.object)
	}
	return fmt.Sprintf("page %s of %s, which is busy", p.offset, p.object)
}

// WaitID is the object of p, for the trace.
func (p *Page) WaitID() uint64 {
	if p.object == nil {
		return 0
	}
	return p.object.id
}

// HeldBy names who has to answer before the wait for p can end.
func (p *Page) HeldBy() string {
	if p.object == nil || p.contents != pageRequested && p.unlockRequest == 0 {
		return ""
	}
	return p.object.manager()
}

// modified folds the hardware's modified bit into dirty and returns it.
func (p *Page) modified() bool {
	if !p.dirty && p.frame != nil && p.frame.modified {
		p.dirty = true
	}
	return p.dirty
}

// clean makes p unmodified for software and hardware.
func (p *Page) clean() {
	p.dirty = false
	if p.frame != nil {
		p.frame.modified = false
	}
}
