package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// shadow makes an object of size bytes that shows o from offset off on until it is written. The caller's
// reference on o becomes the shadow's. Historic vm_object_shadow.
func (h *Host) shadow(o *Object, off mach.Offset, size mach.Size) *Object {
	n := h.newAnonymous(size)
	n.shadow, n.shadowOffset = o, off
	return n
}

// collapse shortens the chain of shadows below o as long as that is possible: an object below that only
// o needs is merged into o, one of which o sees nothing any more is passed by. The caller holds a
// reference. May wait, for an object that is passed by may lose its last reference. Historic
// vm_object_collapse.
//
// Neither is done while an activity relies on one of the two, or while o waits for data (VM-157), nor to a
// copy object, into which the object below it still pushes.
func (o *Object) collapse(th *sched.Thread) {
	for {
		below := o.shadow
		switch {
		case below == nil || !below.internal || below.transient,
			o.paging != 0 || o.absentCount != 0 || below.paging != 0,
			below.shadow != nil && below.shadow.copy != nil:
			return
		case below.refs == 1 && !o.phase.created() && !o.host.withoutCollapse:
			o.merge(below)
		case !o.host.withoutBypass && o.seesNothingOf(below):
			o.bypass(th, below)
		default:
			return
		}
	}
}

// merge takes over pages, manager and shadow of the object below, which nobody else needs, and ends it
// without a message (VM-154 to VM-156).
func (o *Object) merge(below *Object) {
	h := o.host
	for p := below.first; p != nil; p = below.first {
		h.stats.CollapseVisits++
		off, visible := o.above(p.offset)
		if !visible || o.lookup(off) != nil {
			h.discardPage(p)
			continue
		}
		below.remove(p)
		o.insert(p, off)
	}
	if below.phase.created() {
		if a := below.assoc; a != nil {
			a.object, a.of = o, o
			o.assoc, below.assoc = a, nil
		}
		o.pagingOffset = below.pagingOffset + o.shadowOffset
		o.clusterSize = below.clusterSize
		if o.shadowOffset == 0 && o.size == below.size {
			o.existence = below.existence
		}
		o.setPhase(below.phase)
	}
	o.shadow, o.shadowOffset = below.shadow, o.shadowOffset+below.shadowOffset
	below.refs = 0
	below.free()
	h.stats.Collapses++
}

// above is the offset in o of the page at off in its shadow, and whether o shows that page.
func (o *Object) above(off mach.Offset) (mach.Offset, bool) {
	if off < o.shadowOffset || mach.Size(off-o.shadowOffset) >= o.size {
		return 0, false
	}
	return off - o.shadowOffset, true
}

// seesNothingOf reports whether o has a page of its own wherever the object below has one or may have
// one on backing store (VM-158, VM-159).
func (o *Object) seesNothingOf(below *Object) bool {
	h := o.host
	withPager := h.personality.BypassWithPager
	if (o.phase.created() || below.phase.created()) && !withPager || below.phase.created() && below.existence == nil {
		return false
	}
	has := func(off mach.Offset) bool {
		return o.lookup(off) != nil || o.phase.created() && o.existence.state(h, off) == exists
	}
	for p := below.first; p != nil; p = p.mnext {
		h.stats.CollapseVisits++
		if off, visible := o.above(p.offset); visible && !has(off) {
			return false
		}
	}
	if !below.phase.created() {
		return true
	}
	for off := mach.Offset(0); mach.Size(off) < o.size; off += mach.Offset(h.pageSize) {
		h.stats.CollapseVisits++
		if below.existence.state(h, off+o.shadowOffset) != existsNot && !has(off) {
			return false
		}
	}
	return true
}

// bypass makes o a shadow of what is below the object below.
func (o *Object) bypass(th *sched.Thread, below *Object) {
	next := below.shadow
	if next != nil {
		next.reference()
	}
	o.shadow, o.shadowOffset = next, o.shadowOffset+below.shadowOffset
	if below.copy == o {
		below.copy = nil
	}
	o.host.stats.Bypasses++
	below.release(th)
}

// coalesce lets o, of which one entry uses prevSize bytes from off on, grow by nextSize bytes in place of
// a second object. It refuses where somebody else could see the difference. Pages left behind the old
// end from earlier use are freed. Historic vm_object_coalesce.
func (o *Object) coalesce(th *sched.Thread, off mach.Offset, prevSize, nextSize mach.Size) bool {
	o.collapse(th)
	if o.refs > 1 || !o.internal || o.message || o.phase.created() || o.shadow != nil || o.copy != nil || o.paging != 0 {
		return false
	}
	end := off + mach.Offset(prevSize)
	o.removePages(end, nextSize)
	o.size = max(o.size, mach.Size(end)+nextSize)
	return true
}
