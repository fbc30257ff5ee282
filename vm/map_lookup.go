package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// lookup finds the entry that holds a. When there is none it gives false and the entry before a, nil
// when a lies before the first. Historic vm_map_lookup_entry.
func (m *Map) lookup(a mach.Addr) (*Entry, bool) {
	if e := m.hint; e != nil && a >= e.start {
		if a < e.end {
			return e, true
		}
		if n := e.next; n == nil || a < n.start {
			return e, false
		} else if a < n.end {
			m.hint = n
			return n, true
		}
	}
	var e *Entry
	m.tree.DescendLessOrEqual(slot{start: a}, func(s slot) bool {
		e = s.entry
		return false
	})
	if e == nil {
		return nil, false
	}
	m.hint = e
	return e, a < e.end
}

// Contains reports whether a region contains a.
func (m *Map) Contains(a mach.Addr) bool {
	_, ok := m.lookup(a)
	return ok
}

// from is the first entry that ends above a: the one that holds a, or the next one.
func (m *Map) from(a mach.Addr) *Entry {
	e, ok := m.lookup(a)
	if !ok {
		return m.after(e)
	}
	return e
}

// after is the entry behind e, the first one when e is nil.
func (m *Map) after(e *Entry) *Entry {
	if e == nil {
		return m.first
	}
	return e.next
}

// spaceAround is the space behind prev up to the next entry; it may be empty.
func (m *Map) spaceAround(prev *Entry) (lo, hi mach.Addr) {
	lo, hi = m.min, m.max
	if prev != nil {
		lo = prev.end
	}
	if n := m.after(prev); n != nil {
		hi = n.start
	}
	return lo, hi
}

// covered reports whether every page of [start, end) is in an entry, and visits the entries.
// visit may be nil; its first result other than success ends the walk and is returned.
func (m *Map) covered(start, end mach.Addr, visit func(*Entry) mach.Return) mach.Return {
	e, ok := m.lookup(start)
	if !ok {
		return mach.KernInvalidAddress
	}
	for {
		if visit != nil {
			if ret := visit(e); ret != mach.KernSuccess {
				return ret
			}
		}
		if e.end >= end {
			return mach.KernSuccess
		}
		if e.next == nil || e.next.start != e.end {
			return mach.KernInvalidAddress
		}
		e = e.next
	}
}

// located is where a faulting address leads: the outcome of locate.
type located struct {
	object   *Object
	offset   mach.Offset
	prot     mach.Prot // what a translation may allow
	access   mach.Prot // what the fault asks for: more than its cause when the entry is wired
	wired    bool
	behavior mach.Behavior
	lo, hi   mach.Offset // the entry's range inside the object
	version  uint64
}

// locate finds what a fault at va concerns, and makes the entry ready for the access: a pending
// symmetric copy is resolved by a shadow before a write, and untouched memory gets its object.
// Historic vm_map_lookup_locked.
//
//	KERN_INVALID_ADDRESS     va is in no entry
//	KERN_PROTECTION_FAILURE  the entry does not allow access
func (m *Map) locate(va mach.Addr, access mach.Prot) (l located, ret mach.Return) {
	e, ok := m.lookup(va)
	if !ok {
		return l, mach.KernInvalidAddress
	}
	if !e.prot.Allows(access) {
		return l, mach.KernProtectionFailure
	}
	l.prot, l.access = e.prot, access
	if l.wired = e.wired > 0; l.wired {
		l.access = e.prot
	}
	if e.needsCopy {
		if l.access&mach.ProtWrite != 0 || l.wired {
			m.changing()
			m.resolveCopy(e)
		} else {
			l.prot &^= mach.ProtWrite
		}
	}
	if e.object == nil {
		m.changing()
		m.giveObject(e)
	}
	l.object, l.offset = e.object, e.offsetOf(va)
	l.behavior = e.behavior
	l.lo, l.hi = e.offset, e.objectEnd()
	l.version = m.timestamp
	return l, mach.KernSuccess
}

// resolveCopy puts a shadow between e and its object, so that writes through e stay with e. The
// translations of the range may stay: they do not allow writing.
func (m *Map) resolveCopy(e *Entry) {
	e.setObject(m.host.shadowOf(e), 0)
	e.needsCopy = false
	m.traceMapping(e, trace.MappingReplace)
}

// shadowOf is a new shadow of the part of e's object that e maps; e's reference has become the
// shadow's.
func (h *Host) shadowOf(e *Entry) *Object {
	return h.shadow(e.object, e.offset, e.size())
}

// giveObject makes the object of memory that was never touched.
func (m *Map) giveObject(e *Entry) {
	e.setObject(m.host.newAnonymous(e.size()), 0)
}
