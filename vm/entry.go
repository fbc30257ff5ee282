package vm

import "machvm/kernel/mach"

// Entry is one region of an address map, or one piece of memory in a Copy. Historic vm_map_entry.
//
// An entry with an object holds one reference on it. In a map, start and end are addresses; in a Copy
// they are distances from the beginning of its first page.
//
//	userWired > 0  implies  wired > 0
//	needsCopy      implies  object != nil, !shared and wired == 0
type Entry struct {
	start, end mach.Addr
	object     *Object     // nil: anonymous memory that nobody has touched
	offset     mach.Offset // of start inside object
	prot       mach.Prot
	maxProt    mach.Prot
	inherit    mach.Inherit
	behavior   mach.Behavior

	needsCopy    bool   // a symmetric copy was made: insert a shadow before the first write
	shared       bool   // another entry refers to the same object read/write
	inTransition bool   // being wired: others wait on the map
	needsWakeup  bool   // somebody waits for the end of the transition
	pendingMove  bool   // in a Copy under construction: not taken from the source map yet
	wired        uint32 // wirings; all user wirings together are one
	userWired    uint32 // user wirings

	m          *Map // the map it is in; nil inside a Copy
	prev, next *Entry
	// Neighbours among the map entries that name object; kept by mapped and unmapped.
	above, below *Entry
}

// maxWirings bounds the user wirings of one entry.
const maxWirings = 65535

func (e *Entry) size() mach.Size { return mach.Size(e.end - e.start) }

// offsetOf is the offset of address a inside the entry's object.
func (e *Entry) offsetOf(a mach.Addr) mach.Offset { return e.offset + mach.Offset(a-e.start) }

// objectEnd is the offset of the end of the entry inside its object.
func (e *Entry) objectEnd() mach.Offset { return e.offset + mach.Offset(e.end-e.start) }

// clone copies everything but the places the entry stands in.
func (e *Entry) clone(h *Host) *Entry {
	n := h.maps.newEntry()
	*n = *e
	n.m, n.prev, n.next, n.above, n.below = nil, nil, nil, nil, nil
	return n
}

// fresh gives an entry that enters a map from elsewhere the attributes of new memory.
func (e *Entry) fresh() {
	e.prot, e.maxProt, e.inherit = mach.ProtDefault, mach.ProtAll, mach.InheritCopy
	e.behavior = mach.BehaviorDefault
	e.shared, e.inTransition, e.needsWakeup = false, false, false
	e.wired, e.userWired = 0, 0
}

// entryList is a chain of entries in ascending order.
type entryList struct {
	first, last *Entry
	count       int
}

// insertAfter puts e behind at, or in front when at is nil.
func (l *entryList) insertAfter(at, e *Entry) {
	e.prev = at
	if at == nil {
		e.next, l.first = l.first, e
	} else {
		e.next, at.next = at.next, e
	}
	if e.next == nil {
		l.last = e
	} else {
		e.next.prev = e
	}
	l.count++
}

func (l *entryList) append(e *Entry) { l.insertAfter(l.last, e) }

func (l *entryList) unlink(e *Entry) {
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
	l.count--
}

// mappingList is the set of map entries that name an object, in the order they came. Its length is the
// number of address space mappings of a memory object.
type mappingList struct {
	first, last *Entry
	count       int
}

// mapped records that map entry e, which holds a reference already, names o.
func (o *Object) mapped(e *Entry) {
	if e.m.unmapped {
		return
	}
	l := &o.mappings
	e.above, e.below = l.last, nil
	if l.last == nil {
		l.first = e
	} else {
		l.last.below = e
	}
	l.last = e
	l.count++
}

// unmapped records that map entry e names o no longer. The reference stays with the caller.
func (o *Object) unmapped(e *Entry) {
	if e.m.unmapped {
		return
	}
	l := &o.mappings
	if e.above == nil {
		l.first = e.below
	} else {
		e.above.below = e.below
	}
	if e.below == nil {
		l.last = e.above
	} else {
		e.below.above = e.above
	}
	e.above, e.below = nil, nil
	l.count--
}

// forEachEntry visits the map entries that name o until visit returns false.
func (o *Object) forEachEntry(visit func(*Entry) bool) {
	for e := o.mappings.first; e != nil; {
		next := e.below
		if !visit(e) {
			return
		}
		e = next
	}
}

// setObject makes e, which is in a map, name object o at offset off. The caller has seen to the
// references: e gets one on o and gives up the one on what it named before.
func (e *Entry) setObject(o *Object, off mach.Offset) {
	if e.m != nil && e.object != nil {
		e.object.unmapped(e)
	}
	e.object, e.offset = o, off
	if e.m != nil && o != nil {
		o.mapped(e)
	}
}
