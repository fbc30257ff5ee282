package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// faultArgs says which page a fault wants.
type faultArgs struct {
	object   *Object // the caller holds a reference
	offset   mach.Offset
	access   mach.Prot   // what the fault wants to do
	prot     mach.Prot   // what a translation may allow
	lo, hi   mach.Offset // range of the map entry inside object: bounds of clustering
	behavior mach.Behavior

	mustBeResident bool // unwiring: the page is there; neither ask for it nor make one
	interruptible  bool

	task uint32 // for the trace: who faults where; 0 for the kernel's own accesses
	va   mach.Addr
}

// faultOutcome is how a page search ended. Except after success nothing is held any more.
type faultOutcome uint8

const (
	faultSuccess        faultOutcome = iota
	faultRetry                       // what was looked up before may have changed: start over
	faultInterrupted                 // the thread was aborted
	faultMemoryShortage              // wait for a page, then start over
	faultError                       // the access fails with code
)

// faultResult is what a page search found. After success page is busy, its object has one paging
// reference, and if top is not nil that is a busy placeholder in the object asked for, which then has a
// paging reference too. prot is what a translation may allow.
type faultResult struct {
	outcome faultOutcome
	code    mach.Return
	page    *Page
	top     *Page
	prot    mach.Prot
	how     trace.FaultHow // where the page came from
}

// absentLimit is the number of absent pages of an external object above which faults wait.
const absentLimit = 50

// search is a page search under way. The object asked for has one paging reference all the time, the
// current one another if it is a lower one.
type search struct {
	faultArgs
	host *Host
	th   *sched.Thread
	o    *Object     // current object
	off  mach.Offset // of the page in o
	need mach.Prot   // of the page in o
	top  *Page       // placeholder in the object asked for, once the search went below it
	how  trace.FaultHow
}

// faultPage finds or makes the page of a fault: it walks down the shadows, asks managers for what they
// may have, waits, copies up what a write must not change below, and saves the original for a copy object
// before it changes. It touches no map. Historic vm_fault_page.
//
// What holds throughout:
//
//  1. The page found is busy from the moment it is chosen, so nobody takes, moves or answers it.
//  2. Every object between the one asked for and the current one stays: the caller's reference keeps the
//     chain, the paging references keep its ends from being collapsed or losing their ports unnoticed.
//  3. While a placeholder stands in the object asked for, a second fault on the page waits there and
//     finds what this one leaves.
//  4. After every wait the page is looked up again, from the object asked for downwards: data may arrive
//     in another page, in none, or be pushed into an object above.
//  5. A thread that waits for a busy page keeps its paging references. One that waits for readiness, an
//     unlock, room or a cleaning keeps a reference only, so that neither copies nor the end of an
//     association wait for a manager.
func (h *Host) faultPage(th *sched.Thread, args faultArgs) faultResult {
	s := search{faultArgs: args, host: h, th: th, o: args.object, off: args.offset, need: args.access, how: trace.FaultResident}
	s.object.beginPaging()
	for {
		if !s.o.phase.alive() {
			panic("vm: a fault met " + s.o.String() + ", which has ended although the fault has a reference")
		}
		p := s.o.lookup(s.off)
		switch {
		case p == nil:
			if s.mayHave() {
				if r, ended := s.ask(); ended {
					return r
				}
				s.rewind()
				continue
			}
			if s.o == s.object && !s.mustBeResident {
				s.top = s.o.newPlaceholder(s.off)
			}
		case p.busy || p.contents == pageFailed && h.wakesAll():
			// Whoever comes after an error waits until those it was for have taken it.
			if p.contents == pageRequested {
				p.clustered = false // somebody waits for it now: an error is for them (EMM-143)
				s.asked()
			}
			r, code := p.await(th, s.interruptible)
			if code != mach.KernSuccess {
				return s.fail(code)
			}
			if r != sched.Awakened {
				return s.end(r)
			}
			s.rewind()
			continue
		case p.contents == pageFailed:
			code := p.code
			p.free()
			return s.fail(code)
		case p.contents == pageRestart:
			p.free()
			return s.end(sched.Restart)
		case p.contents == pageUnavailable:
			if s.o.shadow == nil {
				return s.zero(p)
			}
			if s.o == s.object {
				p.become(pageHeld)
				p.busy = true
				s.top = p
			} else {
				p.free()
			}
		case p.cleaning && s.access&mach.ProtWrite != 0 && (s.o != s.object || s.o.copy != nil):
			return s.awaitPage(p)
		case s.need&p.lock != 0:
			if r, ended := s.unlock(p); ended {
				return r
			}
			continue
		default:
			p.busy = true
			p.clustered = false
			return s.found(p)
		}
		if s.o.shadow == nil {
			if s.mustBeResident {
				panic("vm: a wired page of " + s.object.String() + " is not resident")
			}
			return s.zero(nil)
		}
		s.descend()
	}
}

// descend goes on in the object below. What is found there is only read.
func (s *search) descend() {
	below := s.o.shadow
	s.off += s.o.shadowOffset
	s.need = mach.ProtRead
	below.beginPaging()
	s.leave()
	s.o = below
}

// rewind goes back to the object below the one asked for, after the thread was away: meanwhile a copy may
// have come between two objects of the chain, or the original of a page been pushed into one above the
// current, which then shows something else. The originals only wake those still asleep, so that a thread
// awakened for another reason just before (vm_fault_page of OSF MK) reads the changed page.
func (s *search) rewind() {
	if s.o != s.object {
		s.leave()
		s.o, s.off, s.need = s.object, s.offset, s.access
		if s.top != nil {
			s.descend()
		}
	}
}

// leave gives up the paging reference of a lower object.
func (s *search) leave() {
	if s.o != s.object {
		s.o.endPaging()
	}
}

// cleanup gives up everything.
func (s *search) cleanup() {
	s.leave()
	if s.top != nil {
		s.top.free()
		s.top = nil
	}
	s.object.endPaging()
}

func (s *search) end(r sched.Result) faultResult {
	s.cleanup()
	return afterWait(r)
}

func (s *search) fail(code mach.Return) faultResult {
	s.cleanup()
	return faultResult{outcome: faultError, code: code}
}

func (s *search) shortage() faultResult {
	s.cleanup()
	return faultResult{outcome: faultMemoryShortage}
}

// afterWait is the outcome of a search that gave everything up to wait, or to start over.
func afterWait(r sched.Result) faultResult {
	if r == sched.Interrupted {
		return faultResult{outcome: faultInterrupted}
	}
	return faultResult{outcome: faultRetry}
}

// awaitPage waits for a change of p, a page of the current object that is not busy, holding nothing but
// a reference.
func (s *search) awaitPage(p *Page) faultResult {
	o := s.o
	o.reference()
	s.cleanup()
	r, _ := p.await(s.th, s.interruptible)
	o.release(s.th)
	return afterWait(r)
}

// mayHave reports whether the manager of the current object may have the page.
func (s *search) mayHave() bool {
	return s.o.phase.created() && !s.mustBeResident && s.o.existence.state(s.o.host, s.off) != existsNot
}

// ask requests the page of the current object from its manager. The search then goes on; ended is true
// if it is over instead: there is no manager any more, or the search gave everything up and waited.
func (s *search) ask() (r faultResult, ended bool) {
	o, th, h := s.o, s.th, s.host
	switch {
	case !o.phase.ready():
		o.reference()
		s.cleanup()
		w := o.awaitReady(th, s.interruptible)
		o.release(th)
		return afterWait(w), true
	case o.assoc == nil:
		return s.fail(h.personality.DestroyedFaultCode), true
	case !o.internal && o.absentCount > absentLimit && !o.forgetUnavailable():
		o.reference()
		s.cleanup()
		w := o.waitRoom(th, s.interruptible)
		o.release(th)
		return afterWait(w), true
	}
	var fr *frame
	if o.internal {
		// Who asks the default manager owns the frame already, or paging in could need paging out.
		if fr = h.grabFrame(th); fr == nil {
			return s.shortage(), true
		}
	}
	p := o.newPlaceholder(s.off)
	p.frame = fr
	a, number := o.assoc, p.request(trace.PageFault, s.need)
	th.Preempt("placeholder-inserted")
	if o.assoc != a || o.lookup(s.off) != p || p.contents != pageRequested || p.number != number {
		return r, false // answered, or given up with the association, before it was sent
	}
	start, length := s.cluster(p)
	h.stats.Pageins++
	h.sendDataRequest(th, a, start+o.pagingOffset, length, s.need)
	return r, false
}

// asked notes that the fault needs the manager of the current object.
func (s *search) asked() {
	s.how = trace.FaultPagedIn
	trace.Emit(s.host.tracer, trace.Fault{
		Addr: s.va, Object: s.o.id, Offset: s.off, Task: s.task, Access: s.need, Stage: trace.FaultAsk,
	})
}

// unlock asks the manager to lift the lock of p that the access runs into, unless it was asked before,
// and waits. The first request for an access only sends; the next look at the page then waits.
func (s *search) unlock(p *Page) (r faultResult, ended bool) {
	o := s.o
	switch {
	case o.assoc == nil:
		return s.fail(s.host.personality.DestroyedFaultCode), true
	case s.need&^p.unlockRequest == 0:
		return s.awaitPage(p), true
	case !o.phase.ready():
		o.reference()
		s.cleanup()
		w := o.awaitReady(s.th, s.interruptible)
		o.release(s.th)
		return afterWait(w), true
	}
	p.unlockRequest |= s.need
	s.host.tracePage(p, trace.PageResident, trace.PageResident, trace.PageUnlock)
	s.host.sendDataUnlock(s.th, o.assoc, p.offset+o.pagingOffset, p.unlockRequest)
	return r, false
}

// zero ends a search at the bottom: the page reads as zeros and belongs to the object asked for. p is
// the page of the current object that its manager does not have, nil if there is none.
func (s *search) zero(p *Page) faultResult {
	fr := s.host.grabFrame(s.th)
	if fr == nil {
		return s.shortage()
	}
	absent := s.o == s.object && p != nil
	if absent {
		p.become(pageHeld)
		p.busy = true
	} else {
		if p != nil {
			p.free()
		}
		s.leave()
		s.o, s.off = s.object, s.offset
		p, s.top = s.top, nil
	}
	p.setFrame(fr)
	s.host.zeroFill(p)
	p.dirty = p.object.shadow != nil // what is below may change, and these zeros be nowhere else
	if absent {
		s.host.tracePage(p, trace.PageAbsent, trace.PageResident, trace.PageFault)
	}
	s.how = trace.FaultZeroFilled
	s.o.requeue(p)
	return s.found(p)
}

// found ends a search that has the busy page p of the current object.
func (s *search) found(p *Page) faultResult {
	if s.o != s.object {
		if s.access&mach.ProtWrite == 0 {
			s.prot &^= mach.ProtWrite
		} else if p = s.copyUp(p); p == nil {
			return s.shortage()
		}
	}
	if s.object.copy != nil {
		if r, ended := s.push(p); ended {
			return r
		}
	}
	if s.top == nil && s.o != s.object {
		s.object.endPaging() // an unwiring fault goes down without a placeholder
	}
	p.deactivateBehind()
	return faultResult{outcome: faultSuccess, page: p, top: s.top, prot: s.prot, how: s.how}
}

// copyUp gives the object asked for its own copy of the busy page p of a lower one, for a write. It is
// nil where there is no memory; then p is not busy any more.
func (s *search) copyUp(p *Page) *Page {
	fr := s.host.grabFrame(s.th)
	if fr == nil {
		p.giveBack()
		return nil
	}
	n := s.top
	s.top = nil
	n.setFrame(fr)
	s.host.copyPage(n, p)
	n.reference = true
	// Readers of p through the object asked for must find the copy from now on.
	s.host.pageProtect(p, mach.ProtNone)
	p.deactivate()
	p.done()
	s.leave()
	s.o, s.off = s.object, s.offset
	s.o.requeue(n)
	s.how = trace.FaultCopied
	s.host.stats.CowFaults++
	s.o.endPaging()
	s.o.collapse(s.th)
	s.o.beginPaging()
	return n
}

// push saves the original of the busy page p for the copy object of the object asked for, before a write
// changes it. A fault that does not write leaves that to the one that will (VM-150 to VM-153).
func (s *search) push(p *Page) (r faultResult, ended bool) {
	c := s.object.copy
	off := s.offset - c.shadowOffset
	if s.access&mach.ProtWrite == 0 {
		s.prot &^= mach.ProtWrite
		return r, false
	}
	if s.mustBeResident || mach.Size(off) >= c.size {
		return r, false
	}
	q := c.lookup(off)
	switch {
	case q != nil && q.busy:
		c.reference()
		p.giveBack()
		s.cleanup()
		w, _ := q.await(s.th, s.interruptible)
		c.release(s.th)
		return afterWait(w), true
	case q != nil && q.contents != pageUnavailable, c.existence.state(s.host, off) == exists:
		return r, false // it has its own
	}
	fr := s.host.grabFrame(s.th)
	if fr == nil {
		p.giveBack()
		return s.shortage(), true
	}
	if q != nil {
		q.free() // its manager has nothing: what is below shows through
	}
	q = c.newPlaceholder(off)
	q.setFrame(fr)
	s.host.copyPage(q, p)
	s.host.stats.Pushes++
	s.host.pageProtect(p, mach.ProtNone)
	if a := c.assoc; a != nil && c.existence.state(s.host, off) != existsNot {
		c.beginPaging()
		s.host.initialize(s.th, a, q)
		c.endPaging()
	} else {
		q.activate()
		q.done()
	}
	p.restart() // others waiting for p must look into the copy first
	return r, false
}

// deactivateBehind notes that a fault found p: a program that reads on does not need the page before it
// (VM-137).
func (p *Page) deactivateBehind() {
	o, page := p.object, mach.Offset(p.host.pageSize)
	if p.offset == o.lastAlloc+page {
		if q := o.lookup(o.lastAlloc); q != nil && !q.busy && q.contents == pageData {
			q.deactivate()
		}
	}
	o.lastAlloc = p.offset
}
