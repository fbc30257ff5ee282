package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// lockArgs says what a lock request does to the resident pages of a range.
type lockArgs struct {
	assoc  *association // where returns go
	offset mach.Offset  // in the object
	size   mach.Size
	pick   mach.ShouldReturn // which pages are returned
	flush  bool              // and then freed
	lock   mach.Prot         // accesses to prohibit from now on, or ProtNoChange
}

// returnPrecious picks precious pages, modified or not, and no others (EMM-210). It is beside the values
// a manager can choose.
const returnPrecious mach.ShouldReturn = -1

// picks reports whether p is returned.
func (l *lockArgs) picks(p *Page) bool {
	switch l.pick {
	case mach.ReturnDirty:
		return p.modified()
	case mach.ReturnAll:
		return p.modified() || p.precious
	case mach.ReturnAnything:
		return true
	case returnPrecious:
		return p.precious
	}
	return false
}

// changes reports whether the request does anything to p that a wiring forbids.
func (l *lockArgs) changes(p *Page) bool {
	return l.flush || l.lock != mach.ProtNoChange && l.lock != p.lock || l.picks(p)
}

// lockRequest restricts, returns and flushes the resident pages of a range, in this order for each page
// and in ascending order of pages, so that nobody changes a page after it was captured. What is not
// resident is not affected (EMM-177). The caller holds a reference and a paging reference.
//
// It waits for busy pages and for wired ones that it would change, until they are unwired or the
// association ends; pages then left are left alone. The result says whether an abort ended it.
// Historic memory_object_lock_request, memory_object_lock_page.
func (o *Object) lockRequest(th *sched.Thread, l lockArgs) (interrupted bool) {
	h := o.host
	batch := h.newReturn(l.assoc, !l.flush)
	end := l.offset + mach.Offset(l.size)
	if end < l.offset {
		end = ^mach.Offset(0)
	}
	for at := l.offset; ; {
		p := o.next(at, end)
		if p == nil {
			break
		}
		if p.contents != pageData && p.contents != pageHeld {
			at = p.offset + 1
			continue
		}
		wired := p.wireCount > 0
		if p.busy || p.cleaning || wired && l.changes(p) {
			batch.send(th)
			if r, _ := p.await(th, true); r == sched.Interrupted {
				return true
			}
			if l.assoc.broken() {
				return false
			}
			continue
		}
		if wired {
			p.unlockRequest = mach.ProtNone
			h.tracePage(p, trace.PageResident, trace.PageResident, trace.PageLock)
			p.wakeup()
			at = p.offset + 1
			continue
		}
		returned := l.picks(p)
		var kept *Page
		if returned && !l.flush {
			if kept = h.grabPage(th); kept == nil {
				batch.send(th)
				if h.waitForPage(th) {
					return true
				}
				if l.assoc.broken() {
					return false
				}
				continue
			}
		}
		l.restrict(p)
		at = p.offset + 1
		switch off, dirty := p.offset+o.pagingOffset, p.modified(); {
		case !returned && l.flush:
			h.tracePage(p, trace.PageResident, trace.PageEmpty, trace.PageFlush)
			h.discardPage(p)
		case !returned:
			if l.lock != mach.ProtNoChange {
				h.tracePage(p, trace.PageResident, trace.PageResident, trace.PageLock)
			}
		default:
			if !batch.fits(off, dirty) {
				batch.send(th)
			}
			if l.flush {
				h.tracePage(p, trace.PageResident, trace.PageEmpty, trace.PageFlush)
				batch.take(p, off, dirty)
				break
			}
			h.pageProtect(p, mach.ProtNone)
			h.copyPage(kept, p)
			p.clean()
			h.tracePage(p, trace.PageResident, trace.PageResident, trace.PageClean)
			batch.take(kept, off, dirty)
		}
	}
	batch.send(th)
	return false
}

// restrict makes the lock of the request that of p: a replacement, not an addition (EMM-173). Whoever
// waits for an unlock looks again.
func (l *lockArgs) restrict(p *Page) {
	lock := l.lock
	if l.flush {
		lock = mach.ProtAll
	}
	if lock == mach.ProtNoChange {
		return
	}
	p.host.pageProtect(p, mach.ProtAll&^lock)
	p.lock, p.unlockRequest = lock, mach.ProtNone
	p.wakeup()
}
