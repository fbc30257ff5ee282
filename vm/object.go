package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// An Object is this kernel's cache of a memory object, or a piece of anonymous memory.
//
// Invariants, recounted by checkObjects:
//
//  1. absentCount is the number of pages in states requested and unavailable.
//  2. refs is 0 exactly while the object is cached or being terminated.
//  3. a cached object may persist, has a manager and no shadow.
//  4. an external object has no shadow.
//  5. if o.copy is c then c.shadow is o, at offset 0.
//  6. a phase with a manager has an association, every other has none.
//  7. an offset has at most one page.
//  8. while paging is not 0 the object is neither collapsed, terminated nor stripped of its pages.
type Object struct {
	host *Host
	id   uint64

	// Fixed when the object is made.
	internal bool // made by the kernel; its manager, if any, is the default manager
	message  bool // holds memory of a message: never merged with other memory (H-29)

	// transient memory is that of a message to a trusted manager. It stays off the page queues, for the
	// daemon would give it to the manager who is to read it. Pages cleaned in place are aliased in it.
	transient bool

	// Changed by the owner of a reference; to be read again after every wait.
	phase        Phase
	refs         int // map entries, shadows above, kernel activities; the cache counts none
	size         mach.Size
	shadow       *Object // supplies what is missing here; holds a reference
	shadowOffset mach.Offset
	copy         *Object // receives originals before they change; holds no reference
	pagingOffset mach.Offset
	assoc        *association // nil: no manager
	existence    *existence   // pages known to the manager of an internal object

	attributes

	shadowed bool // a symmetric copy refers to it: not to be changed through sharing

	// Pages.
	pages         pageIndex
	first, last   *Page // insertion order: it decides the order of returns at termination
	residentCount int
	absentCount   int
	lastAlloc     mach.Offset // last offset a fault found: drives deactivate-behind

	// Activities that rely on the association or on a busy page.
	paging int

	mappings  mappingList // entries of maps that name this object
	initWait  sched.Queue
	readyWait sched.Queue
	idleWait  sched.Queue // paging falls to 0
	roomWait  sched.Queue // absentCount falls
	msyncs    *syncRequest

	cacheNext, cachePrev *Object
	allNext, allPrev     *Object // every object of the host, oldest first
}

// newObject makes an object of size bytes with one reference, anonymous until told otherwise.
func (h *Host) newObject(size mach.Size) *Object {
	h.lastObject++
	o := h.spareObjects
	if o == nil {
		o = h.spares.objects.New()
	} else {
		h.spareObjects = o.allNext
	}
	*o = Object{host: h, id: h.lastObject, refs: 1, size: size, lastAlloc: ^mach.Offset(0)}
	o.allPrev = h.lastAll
	if h.lastAll == nil {
		h.firstAll = o
	} else {
		h.lastAll.allNext = o
	}
	h.lastAll = o
	h.objects++
	return o
}

// newAnonymous makes zero-filled memory of size bytes with one reference.
func (h *Host) newAnonymous(size mach.Size) *Object {
	o := h.newObject(size)
	o.internal, o.temporary, o.strategy = true, true, mach.CopySymmetric
	return o
}

// free forgets o, which has neither pages nor ports.
func (o *Object) free() {
	h := o.host
	if o.residentCount != 0 || o.assoc != nil || o.paging != 0 || o.mappings.count != 0 {
		panic(fmt.Sprintf("vm: %s was freed while in use (object invariant 8)", o))
	}
	o.setPhase(PhaseGone)
	if o.allPrev == nil {
		h.firstAll = o.allNext
	} else {
		o.allPrev.allNext = o.allNext
	}
	if o.allNext == nil {
		h.lastAll = o.allPrev
	} else {
		o.allNext.allPrev = o.allPrev
	}
	o.allPrev, o.shadow, o.copy = nil, nil, nil
	o.allNext, h.spareObjects = h.spareObjects, o
	h.objects--
}

func (o *Object) String() string {
	return o.host.tracer.Names().Name(trace.ClassObject, o.id)
}

// reference adds a reference. The caller relies on one already; a cached object is taken up by uncache.
func (o *Object) reference() {
	if o.refs == 0 {
		panic(fmt.Sprintf("vm: %s has no reference to add to (object invariant 2)", o))
	}
	o.refs++
}

// release drops a reference. The last one caches or terminates the object, and then perhaps those
// below it, top first. Historic vm_object_deallocate.
//
// Conditions: the caller holds no busy page. May wait for paging to cease, and send messages.
func (o *Object) release(th *sched.Thread) {
	for o != nil {
		switch {
		case o.refs > 1:
			o.refs--
			return
		case o.phase == PhaseIniting:
			// The decision is taken again: somebody may have found the object meanwhile (VM-189).
			o.waitInitialized(th)
		case o.cachable():
			o.enterCache(th)
			return
		default:
			below := o.shadow
			o.terminate(th)
			o = below
		}
	}
}

// beginPaging notes an activity that relies on the association or on busy pages of o.
func (o *Object) beginPaging() { o.paging++ }

// endPaging ends such an activity.
func (o *Object) endPaging() {
	if o.paging == 0 {
		panic(fmt.Sprintf("vm: %s has no paging to end", o))
	}
	o.paging--
	if o.paging == 0 {
		o.idleWait.WakeAll(sched.Awakened)
	}
}

// absentResolved notes that an absent page is absent no more.
func (o *Object) absentResolved() {
	o.absentCount--
	o.roomWait.WakeAll(sched.Awakened)
}

// lookup is the page at off, or nil.
func (o *Object) lookup(off mach.Offset) *Page { return o.pages.get(o.host, off) }

// insert makes p the page at off; there is none yet.
func (o *Object) insert(p *Page, off mach.Offset) {
	if p.object != nil {
		panic(fmt.Sprintf("vm: %s was inserted a second time (object invariant 7)", p))
	}
	p.object, p.offset = o, off
	o.pages.insert(o.host, p)
	o.link(p)
	o.residentCount++
	if p.contents.absent() {
		o.absentCount++
	}
}

// remove takes p out of its object. Whoever waits for it is not told.
func (o *Object) remove(p *Page) {
	if p.object != o {
		panic(fmt.Sprintf("vm: %s is not in %s", p, o))
	}
	o.pages.remove(p)
	o.unlink(p)
	o.residentCount--
	if p.contents.absent() {
		o.absentResolved()
	}
	p.object = nil
}

// requeue makes p the youngest page of its object in insertion order.
func (o *Object) requeue(p *Page) {
	o.unlink(p)
	o.link(p)
}

func (o *Object) link(p *Page) {
	p.mprev, p.mnext = o.last, nil
	if o.last == nil {
		o.first = p
	} else {
		o.last.mnext = p
	}
	o.last = p
}

func (o *Object) unlink(p *Page) {
	if p.mprev == nil {
		o.first = p.mnext
	} else {
		p.mprev.mnext = p.mnext
	}
	if p.mnext == nil {
		o.last = p.mprev
	} else {
		p.mnext.mprev = p.mprev
	}
	p.mnext, p.mprev = nil, nil
}

// next is the page of o with the lowest offset in [off, end), or nil.
func (o *Object) next(off, end mach.Offset) *Page {
	if p := o.pages.from(o.host, off); p != nil && p.offset < end {
		return p
	}
	return nil
}

// protectPages reduces the access every mapping has to the resident pages in [off, off+size), or only
// those of one address space. Historic vm_object_pmap_protect.
func (o *Object) protectPages(off mach.Offset, size mach.Size, prot mach.Prot) {
	end := off + mach.Offset(size)
	for p := o.next(off, end); p != nil; p = o.next(p.offset+1, end) {
		if p.contents == pageData && p.real() {
			o.host.pageProtect(p, prot)
		}
	}
}

// removePages frees the pages in [off, off+size). The caller knows that nobody uses them: the object is
// anonymous, has one reference and no paging in progress. Historic vm_object_page_remove.
func (o *Object) removePages(off mach.Offset, size mach.Size) {
	end := off + mach.Offset(size)
	for p := o.next(off, end); p != nil; p = o.next(off, end) {
		off = p.offset + 1
		o.host.pageProtect(p, mach.ProtNone)
		p.free()
	}
}
