package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// supplyArgs is a memory_object_data_supply. Offsets are those of the memory object.
type supplyArgs struct {
	assoc    *association
	offset   mach.Offset
	data     *Copy // consumed; nil for no data
	lock     mach.Prot
	precious bool
}

// supply puts the pages of a supply where they were asked for, in ascending order, until one is not
// accepted; what is behind it stays asked for. The caller holds a reference and a paging reference. It
// waits for busy pages and for memory.
//
//	KERN_MEMORY_PRESENT  the page at offset at was not accepted; precious pages from there on have been
//	                     returned, others freed
//
// Any other code than success comes from reading the data; then the supply was abandoned.
// Historic memory_object_data_supply.
func (o *Object) supply(th *sched.Thread, s supplyArgs) (result mach.Return, at mach.Offset) {
	if s.data == nil {
		return mach.KernSuccess, 0
	}
	defer s.data.Discard(th)
	h := o.host
	pages := int(s.data.Size() / h.pageSize)
	refused := h.newReturn(s.assoc, false)
	for i := range pages {
		p, ret := s.data.stealPage(th, h, i)
		if ret != mach.KernSuccess {
			refused.send(th)
			return ret, 0
		}
		off := s.offset + mach.Offset(i)*mach.Offset(h.pageSize)
		if result == mach.KernSuccess {
			if o.accept(th, p, off, &s) {
				continue
			}
			result, at = mach.KernMemoryPresent, off
		}
		if !s.precious {
			p.free()
			break
		}
		if !refused.fits(off, false) {
			refused.send(th)
		}
		refused.take(p, off, false)
	}
	refused.send(th)
	return result, at
}

// accept makes p, a busy page in no object, the page at offset off of the memory object, if that was
// asked for or the personality takes what nobody asked for. Otherwise p stays with the caller.
func (o *Object) accept(th *sched.Thread, p *Page, off mach.Offset, s *supplyArgs) bool {
	if off < o.pagingOffset {
		return false
	}
	off -= o.pagingOffset
	for {
		q := o.lookup(off)
		switch {
		case q == nil:
			if !o.host.personality.AcceptUnrequestedSupply {
				return false
			}
			o.insert(p, off)
			p.supplied(trace.PageEmpty, s)
			p.deactivate()
			p.done()
			return true
		case q.contents == pageRequested:
			q.setFrame(p.frame)
			p.frame = nil
			p.free()
			q.become(pageData)
			o.requeue(q)
			q.supplied(trace.PagePlaceholder, s)
			q.activate()
			q.done()
			return true
		case q.busy && q.contents == pageData:
			q.await(th, false)
		default:
			return false
		}
	}
}

// supplied gives p the state a page has when it comes from its manager: clean, whatever was done to its
// frame before (EMM-124).
func (p *Page) supplied(from trace.PagePhase, s *supplyArgs) {
	p.clean()
	p.frame.referenced = false
	p.lock, p.unlockRequest, p.precious = s.lock, mach.ProtNone, s.precious
	p.host.tracePage(p, from, trace.PageResident, trace.PageSupply)
}

// unavailable answers the requests in a range with nothing: the waiting faults look below, or get zeros.
// Pages nobody asked for are touched only where the personality notes their absence (E-33).
func (o *Object) unavailable(off, end mach.Offset) {
	h := o.host
	page := mach.Offset(h.pageSize)
	for p := o.next(off, end); p != nil; p = o.next(p.offset+1, end) {
		if p.contents == pageRequested {
			p.dropFrame()
			p.become(pageUnavailable)
			h.tracePage(p, trace.PagePlaceholder, trace.PageAbsent, trace.PageUnavailable)
			p.done()
		}
	}
	if !h.personality.UnavailablePrefill {
		return
	}
	for ; off < end && o.absentCount < absentLimit; off += page {
		if o.lookup(off) == nil {
			p := o.newPlaceholder(off)
			p.become(pageUnavailable)
			h.tracePage(p, trace.PageEmpty, trace.PageAbsent, trace.PageUnavailable)
			p.done()
		}
		if off+page < off {
			return
		}
	}
}

// fail answers the requests in a range with an error. A page that was asked for only as a neighbour is
// forgotten, and so is one that nobody waits for, unless the personality keeps the error for whoever
// comes next.
func (o *Object) fail(off, end mach.Offset, reason mach.Return) {
	h := o.host
	code, restart := h.errorCode(reason)
	for p := o.next(off, end); p != nil; p = o.next(off, end) {
		off = p.offset + 1
		if p.contents != pageRequested {
			continue
		}
		switch {
		case p.clustered:
			h.tracePage(p, trace.PagePlaceholder, trace.PageEmpty, trace.PageDataError)
			p.free()
		case restart:
			h.tracePage(p, trace.PagePlaceholder, trace.PageEmpty, trace.PageDataError)
			p.dropFrame()
			p.become(pageRestart)
			p.done()
		default:
			h.tracePage(p, trace.PagePlaceholder, trace.PageError, trace.PageDataError)
			p.fail(code)
		}
	}
}

// errorCode is what a fault returns for the reason of a data_error, or that it starts over instead
// (E-19).
func (h *Host) errorCode(reason mach.Return) (code mach.Return, restart bool) {
	switch h.personality.ErrorPassThrough {
	case personality.PassSystem:
		if reason.ErrorSystem() != 0 {
			return reason, false
		}
	case personality.PassMax:
		if reason == mach.KernMemoryDataMoved {
			return mach.KernSuccess, true
		}
		if reason > mach.KernReturnMax {
			return reason, false
		}
	}
	return mach.KernMemoryError, false
}
