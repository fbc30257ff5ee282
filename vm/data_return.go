package vm

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// maxReturn is the greatest number of pages in one data_return (DATA_WRITE_MAX).
const maxReturn = 32

// A dataReturn is a data_return under construction: neighbouring pages of one kind on their way to the
// manager. The pages themselves travel, in an object of their own, so that memory pressure can page them
// out while the manager does not take them (H-3).
//
// Between the first page and send the owner must not wait: a page that left its object is not to be asked
// for before it is returned (EMM-155).
type dataReturn struct {
	host       *Host
	assoc      *association // captured: it may have ended for the object
	keeps      bool         // the kernel keeps its pages
	initialize bool         // data_initialize in place of data_return

	dirty  bool        // what all pages have in common
	offset mach.Offset // of the first page, in the memory object
	pages  int
	cargo  *Object
}

// newReturn begins a data_return to the manager of a.
func (h *Host) newReturn(a *association, keeps bool) dataReturn {
	return dataReturn{host: h, assoc: a, keeps: keeps}
}

// fits reports whether a page at offset off of the memory object may join the others.
func (r *dataReturn) fits(off mach.Offset, dirty bool) bool {
	return r.pages == 0 || r.pages < r.limit() && dirty == r.dirty &&
		off == r.offset+mach.Offset(r.pages)*mach.Offset(r.host.pageSize)
}

// limit is the number of pages in a message: one for a manager of the oldest kind.
func (r *dataReturn) limit() int {
	if r.assoc.of.oldManager {
		return 1
	}
	return maxReturn
}

// take adds page p at offset off of the memory object: a page of no object, or one that leaves its
// object and all mappings now.
func (r *dataReturn) take(p *Page, off mach.Offset, dirty bool) {
	if r.pages == 0 {
		r.offset, r.dirty = off, dirty
		r.cargo = r.host.newAnonymous(maxReturn * r.host.pageSize)
		r.cargo.message = true
		r.cargo.transient = r.assoc.of.internal
	}
	if o := p.object; o != nil {
		r.host.pageProtect(p, mach.ProtNone)
		p.unqueue()
		o.remove(p)
		p.wakeup() // whoever waits for it finds it gone
	}
	r.cargo.insert(p, mach.Offset(r.pages)*mach.Offset(r.host.pageSize))
	r.pages++
	p.lock, p.unlockRequest, p.precious, p.clustered = mach.ProtNone, mach.ProtNone, false, false
	p.dirty = true // the message holds the only copy
	p.busy = false
	p.activate()
}

// send queues the message, if it has a page.
func (r *dataReturn) send(th *sched.Thread) {
	if r.pages == 0 {
		return
	}
	h, a := r.host, r.assoc
	size := mach.Size(r.pages) * h.pageSize
	r.cargo.size = size
	data := h.newObjectCopy(r.cargo, 0, size)
	r.cargo, r.pages = nil, 0
	switch {
	case r.initialize:
		send(h, th, codecDataInitialize, &defs.MemoryObjectDataInitialize[ipc.Right, ipc.Memory]{
			MemoryObject: a.pagerRight(), MemoryControlPort: a.controlRight(), Offset: r.offset, Data: data,
		})
	case a.of.oldManager:
		send(h, th, codecDataWrite, &defs.MemoryObjectDataWrite[ipc.Right, ipc.Memory]{
			MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(), Offset: r.offset, Data: data,
		})
	default:
		send(h, th, codecDataReturn, &defs.MemoryObjectDataReturn[ipc.Right, ipc.Memory]{
			MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(), Offset: r.offset, Data: data,
			Dirty: r.dirty, KernelCopy: r.keeps,
		})
	}
}

// initialize sends p, a page pushed into a copy object that has a manager, out of its object at once
// (VM-152).
func (h *Host) initialize(th *sched.Thread, a *association, p *Page) {
	o := p.object
	o.existence.set(h, p.offset)
	r := h.newReturn(a, false)
	r.initialize = true
	r.take(p, p.offset+o.pagingOffset, true)
	r.send(th)
	h.stats.Pageouts++
}
