package vm

import (
	"fmt"

	"machvm/kernel/personality"
)

// checkObjects recounts everything the host keeps about objects, pages, queues and associations, and
// returns an error that names the first thing that does not add up. It may be called between any two
// steps, also while threads wait inside the kernel.
func (h *Host) checkObjects() error {
	if err := h.checkQueues(); err != nil {
		return err
	}
	objects, cached, inObjects, wired := 0, 0, 0, 0
	for o := h.firstAll; o != nil; o = o.allNext {
		objects++
		if o.phase == PhaseCached {
			cached++
		}
		real, w, err := o.checkPages()
		if err == nil {
			err = o.checkLife()
		}
		if err == nil {
			err = o.checkChain()
		}
		if err != nil {
			return fmt.Errorf("kernel %d: %s in phase %s: %w", h.node.ID(), o, o.phase, err)
		}
		inObjects += real
		wired += w
	}
	if objects != h.objects {
		return fmt.Errorf("vm: %d objects are listed, %d are counted", objects, h.objects)
	}
	if n := h.cache.length(); n != cached || n != h.cache.count {
		return fmt.Errorf("vm: the cache holds %d objects and counts %d; %d are in phase CACHED", n, h.cache.count, cached)
	}
	if wired != h.wired {
		return fmt.Errorf("vm: %d pages are wired, %d are counted", wired, h.wired)
	}
	if used := h.frames.total - h.frames.free(); inObjects > used {
		return fmt.Errorf("vm: objects hold %d frames, %d are not free (VM-220)", inObjects, used)
	}
	return h.checkAssociations()
}

func (h *Host) checkQueues() error {
	for _, q := range []*pageQueue{&h.active, &h.inactive} {
		n := 0
		for p := q.head; p != nil; p = p.qnext {
			if p.queue != q || p.wireCount > 0 || !p.real() {
				return fmt.Errorf("vm: the %s queue holds %s, which is wired, fictitious or elsewhere (page invariant 2)", q.name, p)
			}
			n++
		}
		if n != q.count {
			return fmt.Errorf("vm: the %s queue holds %d pages and counts %d", q.name, n, q.count)
		}
	}
	for _, fr := range h.frames.stack {
		if fr.pv != nil || fr.data != nil {
			return fmt.Errorf("vm: free frame %d is mapped or holds data (page invariant 4)", fr.number)
		}
	}
	return nil
}

func (c *objectCache) length() int {
	n := 0
	for o := c.head; o != nil; o = o.cacheNext {
		n++
	}
	return n
}

// checkPages recounts the pages of o, and tells how many have frames and how many are wired.
func (o *Object) checkPages() (real, wired int, err error) {
	resident, absent := 0, 0
	for p := o.first; p != nil; p = p.mnext {
		resident++
		if p.contents.absent() {
			absent++
		}
		if p.original == nil {
			if p.real() {
				real++
			}
			if p.wireCount > 0 {
				wired++
			}
		}
		if err := o.checkPage(p); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", p, err)
		}
	}
	indexed := o.pages.n
	if o.pages.tree != nil {
		indexed = o.pages.tree.Len()
	}
	switch {
	case resident != o.residentCount || resident != indexed:
		err = fmt.Errorf("%d pages are listed, %d indexed, %d counted", resident, indexed, o.residentCount)
	case absent != o.absentCount:
		err = fmt.Errorf("%d pages are absent, %d are counted (object invariant 1)", absent, o.absentCount)
	}
	return real, wired, err
}

func (o *Object) checkPage(p *Page) error {
	held := p.contents == pageHeld || p.contents == pageRequested
	switch {
	case p.object != o:
		return fmt.Errorf("it is listed in %s", o)
	case o.lookup(p.offset) != p:
		return fmt.Errorf("the index finds another page (object invariant 7)")
	case held && !p.busy:
		return fmt.Errorf("it is not busy")
	case p.contents != pageHeld && p.contents != pageRequested && p.contents != pageData && p.busy:
		return fmt.Errorf("it is busy")
	case p.contents == pageData && !p.real():
		return fmt.Errorf("it has no frame")
	case p.contents != pageData && (p.dirty || p.precious || p.unlockRequest != 0 || p.wireCount > 0 || p.queue != nil):
		return fmt.Errorf("it is dirty, precious, wired, queued or to be unlocked (page invariant 1)")
	case !p.unlockRequest.Valid():
		return fmt.Errorf("an unlock is requested for %s", p.unlockRequest)
	case p.unlockRequest != 0 && o.assoc == nil && o.phase != PhaseDestroying:
		return fmt.Errorf("an unlock is requested of no manager")
	case p.contents == pageRequested && o.phase == PhaseOrphan:
		return fmt.Errorf("data is requested of no manager")
	case p.pageout && !(p.cleaning && p.busy && p.wireCount == 1):
		return fmt.Errorf("it is to be freed after cleaning, and not busy, wired once and being cleaned")
	case p.cleaning && (p.alias == nil || p.alias.original != p || o.paging == 0):
		return fmt.Errorf("it is being cleaned without an alias or an activity")
	case p.alias != nil && p.alias.frame != p.frame, p.original != nil && !o.transient:
		return fmt.Errorf("it does not share its frame with its alias, or is one outside a message")
	case o.transient && p.queue != nil:
		return fmt.Errorf("it belongs to a message to a trusted manager and is on a queue")
	case p.contents == pageFree:
		return fmt.Errorf("it is in an object")
	case p.takers > 0 && p.contents != pageFailed:
		return fmt.Errorf("%d threads are to take an error from it", p.takers)
	}
	return nil
}

// checkLife holds the phase of o against its references, its place in the cache and its association.
func (o *Object) checkLife() error {
	switch {
	case o.phase == PhaseGone:
		return fmt.Errorf("it is listed")
	case o.refs < 0 || o.paging < 0:
		return fmt.Errorf("%d references, %d activities", o.refs, o.paging)
	case (o.refs == 0) != (o.phase == PhaseCached) && o.phase != PhaseTerminating:
		return fmt.Errorf("%d references (object invariant 2)", o.refs)
	}
	managed := o.assoc != nil
	switch o.phase {
	case PhaseIniting, PhaseUnready, PhaseActive, PhaseCached:
		if !managed || o.assoc.object != o {
			return fmt.Errorf("it has no association in force (object invariant 6)")
		}
	case PhaseAnonymous, PhaseDestroying, PhaseOrphan:
		if managed {
			return fmt.Errorf("it has an association (object invariant 6)")
		}
	}
	if o.phase == PhaseCached {
		never := o.host.personality.TemporaryCache == personality.TemporaryNever
		if !o.canPersist || o.shadow != nil || o.temporary && never || o.mappings.count > 0 {
			return fmt.Errorf("it may not be cached (object invariant 3)")
		}
	}
	return nil
}

// checkChain checks what o says of its neighbours in a chain of copies.
func (o *Object) checkChain() error {
	switch {
	case !o.internal && o.shadow != nil:
		return fmt.Errorf("it has a shadow (object invariant 4)")
	case o.copy != nil && (o.copy.shadow != o || o.copy.shadowOffset != 0):
		return fmt.Errorf("its copy is %s, whose shadow is another (object invariant 5)", o.copy)
	case o.shadow != nil && !o.shadow.phase.alive():
		return fmt.Errorf("its shadow %s has ended", o.shadow)
	case o.copy != nil && !o.copy.phase.alive():
		return fmt.Errorf("its copy %s has ended", o.copy)
	}
	return nil
}

// checkAssociations holds every association against its ports.
func (h *Host) checkAssociations() error {
	for a := h.firstAssociation; a != nil; a = a.next {
		switch o := a.object; {
		case a.pager.Port() == nil || a.control.Port() == nil:
			return fmt.Errorf("vm: an association of %s is listed without its rights", a.of)
		case a.pager.Port().Alive() && a.pager.Port().Association(h.node) != a:
			return fmt.Errorf("vm: %v does not know its association with %s", a.pager.Port(), a.of)
		case a.control.Port().Kobject() != a:
			return fmt.Errorf("vm: %v is not the control port of %s", a.control.Port(), a.of)
		case o != nil && o.assoc != a:
			return fmt.Errorf("vm: %s does not know its association", o)
		case o != nil && a.control.Port().Msgcount() > 0:
			return fmt.Errorf("vm: %d calls are queued on the control port of %s although it is open (EMM-022)",
				a.control.Port().Msgcount(), o)
		}
	}
	return nil
}
