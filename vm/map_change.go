package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// span turns the byte range of a call into whole pages, start rounded down and the sum rounded up. wraps
// says that the range does not end inside the address space; an end of exactly the top gives 0.
func (m *Map) span(addr mach.Addr, size mach.Size) (start, end mach.Addr, wraps bool) {
	page := m.host.pageSize
	sum := addr + mach.Addr(size)
	start, end = addr.Trunc(page), sum.Round(page)
	return start, end, sum < addr && sum != 0
}

// rangeOf is span for the calls that change a range in place.
//
//	nothing  the range is empty: the call succeeds without effect
//	ret      KERN_INVALID_ARGUMENT for a range that wraps (VD-12)
func (m *Map) rangeOf(addr mach.Addr, size mach.Size) (start, end mach.Addr, nothing bool, ret mach.Return) {
	if size == 0 && !m.host.personality.ZeroSizeRounds {
		return 0, 0, true, mach.KernSuccess
	}
	start, end, wraps := m.span(addr, size)
	if wraps || end == 0 && size != 0 {
		if m.host.personality.WrapClamps {
			return 0, 0, true, mach.KernSuccess
		}
		return 0, 0, true, mach.KernInvalidArgument
	}
	return start, end, start >= end, mach.KernSuccess
}

// clamp cuts [start, end) to the map. Historic VM_MAP_RANGE_CHECK.
func (m *Map) clamp(start, end mach.Addr) (mach.Addr, mach.Addr) {
	start, end = max(start, m.min), min(end, m.max)
	return min(start, end), end
}

// Deallocate removes every page that the range touches; holes are skipped. User wirings are dropped,
// however many. Objects lose their references in ascending order of address, each after its translations
// are gone, and those nobody else uses terminate inside the call (VM-043 to VM-054).
//
//	KERN_INVALID_ARGUMENT  the range wraps
//	KERN_FAILURE           the kernel has wired a part; what lies below it has been removed
func (m *Map) Deallocate(th *sched.Thread, addr mach.Addr, size mach.Size) mach.Return {
	if size == 0 {
		return mach.KernSuccess
	}
	start, end, wraps := m.span(addr, size)
	if wraps {
		if m.host.personality.WrapClamps {
			return mach.KernSuccess
		}
		return mach.KernInvalidArgument
	}
	if end == 0 {
		end = m.max
	}
	start, end = m.clamp(start, end)
	return m.remove(th, start, end, removeUser)
}

// DeallocateRange is Deallocate under the name that the message code knows.
func (m *Map) DeallocateRange(th *sched.Thread, addr mach.Addr, size mach.Size) mach.Return {
	return m.Deallocate(th, addr, size)
}

// removal says what a removal may take away.
type removal uint8

const (
	removeUser  removal = iota // stops at wirings of the kernel
	removeForce                // takes everything
)

// remove takes [start, end) out of the map. Historic vm_map_delete.
//
// Entries leave the map, with all traces in the pmap and the object's mappings, before a reference is
// dropped; so whatever dropping it waits for, nobody ever sees a region half removed.
func (m *Map) remove(th *sched.Thread, start, end mach.Addr, how removal) mach.Return {
	for {
		gone, wait, ret := m.cut(start, end, how)
		if gone.last != nil {
			start = gone.last.end
		}
		m.host.releaseEntries(th, &gone)
		if !wait || ret != mach.KernSuccess {
			return ret
		}
		m.waitTransition(th, start, false)
	}
}

// cut takes the entries of [start, end) out of the map without waiting, up to one in transition (wait)
// or one the kernel has wired (KERN_FAILURE). It returns them with their references.
func (m *Map) cut(start, end mach.Addr, how removal) (gone entryList, wait bool, ret mach.Return) {
	e := m.from(start)
	if e == nil || e.start >= end {
		return gone, false, mach.KernSuccess
	}
	m.changing()
	for e != nil && e.start < end {
		if e.inTransition {
			return gone, true, mach.KernSuccess
		}
		if e.kernelWired() && how != removeForce {
			return gone, false, mach.KernFailure
		}
		m.clipStart(e, start)
		m.clipEnd(e, end)
		next := e.next
		m.unwireEntry(e)
		m.pmap.remove(e.start, e.end)
		m.detach(e)
		m.traceMapping(e, trace.MappingRemove)
		gone.append(e)
		e = next
	}
	return gone, false, mach.KernSuccess
}

// releaseEntries drops the references of a chain of entries, in ascending order, and the entries.
func (h *Host) releaseEntries(th *sched.Thread, l *entryList) {
	for e := l.first; e != nil; e = l.first {
		l.unlink(e)
		o, off, size, needsCopy := e.object, e.offset, e.size(), e.needsCopy
		h.maps.freeEntry(e)
		if o != nil {
			o.releasePiece(th, off, size, needsCopy)
		}
	}
}

// releasePiece drops the reference of an entry that named size bytes of o from off on. If the rest of o
// lives on, the pages of a piece that nobody else can reach are freed (VD-17).
func (o *Object) releasePiece(th *sched.Thread, off mach.Offset, size mach.Size, needsCopy bool) {
	if o.refs > 1 && !needsCopy && o.inPieces() && o.host.personality.FreeUnmappedPages {
		o.removePages(off, size)
	}
	o.release(th)
}

// inPieces reports that o was never copied or shared: whoever has a reference has a part of its own, cut
// off by clipping.
func (o *Object) inPieces() bool {
	return o.internal && !o.phase.created() && !o.shadowed && o.copy == nil &&
		o.strategy == mach.CopySymmetric && o.paging == 0
}

// kernelWired reports whether e has wirings beside those of the user.
func (e *Entry) kernelWired() bool {
	if e.userWired > 0 {
		return e.wired > 1
	}
	return e.wired > 0
}

// Protect sets the current protection of a range, or with setMax the maximum, which also cuts the
// current one. Translations lose what is no longer allowed; what becomes allowed is left to faults
// (VM-055 to VM-063).
//
//	KERN_INVALID_ARGUMENT    an unknown protection bit, or the range wraps
//	KERN_INVALID_ADDRESS     a page of the range is in no region; nothing is changed
//	KERN_PROTECTION_FAILURE  a region's maximum lacks prot; nothing is changed
func (m *Map) Protect(addr mach.Addr, size mach.Size, setMax bool, prot mach.Prot) mach.Return {
	if !prot.Valid() {
		return mach.KernInvalidArgument
	}
	start, end, nothing, ret := m.rangeOf(addr, size)
	if nothing {
		return ret
	}
	check := func(e *Entry) mach.Return {
		if !e.maxProt.Allows(prot) {
			return mach.KernProtectionFailure
		}
		return mach.KernSuccess
	}
	if m.host.personality.ProtectSkipsHoles {
		for e := m.from(start); e != nil && e.start < end; e = e.next {
			if ret := check(e); ret != mach.KernSuccess {
				return ret
			}
		}
	} else if ret := m.covered(start, end, check); ret != mach.KernSuccess {
		return ret
	}
	m.eachClipped(start, end, func(e *Entry) {
		was := e.prot
		if setMax {
			m.setMaxProt(e, prot)
			e.prot &= prot
		} else {
			e.prot = prot
		}
		if e.prot != was {
			m.pmap.protect(e.start, e.end, e.prot)
		}
		m.traceMapping(e, trace.MappingProtect)
	})
	m.glue(start, end)
	return mach.KernSuccess
}

// setMaxProt changes a maximum protection and what is charged to the size limit (VM-041).
func (m *Map) setMaxProt(e *Entry, prot mach.Prot) {
	n := e.size()
	m.discount(e, n)
	e.maxProt = prot
	m.account(e, n)
}

// eachClipped changes the entries of [start, end), split at its ends; holes are skipped.
func (m *Map) eachClipped(start, end mach.Addr, change func(*Entry)) {
	e := m.from(start)
	if e == nil || e.start >= end {
		return
	}
	m.changing()
	m.clipStart(e, start)
	for ; e != nil && e.start < end; e = e.next {
		m.clipEnd(e, end)
		change(e)
	}
}

// Inherit sets what children get of a range; holes are skipped (VM-064, VM-065).
//
//	KERN_INVALID_ARGUMENT  an unknown value, or the range wraps
func (m *Map) Inherit(addr mach.Addr, size mach.Size, inherit mach.Inherit) mach.Return {
	if !inherit.Valid() {
		return mach.KernInvalidArgument
	}
	start, end, nothing, ret := m.rangeOf(addr, size)
	if nothing {
		return ret
	}
	start, end = m.clamp(start, end)
	m.eachClipped(start, end, func(e *Entry) {
		e.inherit = inherit
		m.traceMapping(e, trace.MappingInherit)
	})
	m.glue(start, end)
	return mach.KernSuccess
}

// Behavior announces the reference pattern of a range, which page-in clustering follows (VM-066).
//
//	KERN_INVALID_ARGUMENT  an unknown behavior
//	KERN_INVALID_ADDRESS   the range wraps, leaves the map, or has a hole; nothing is changed
func (m *Map) Behavior(addr mach.Addr, size mach.Size, b mach.Behavior) mach.Return {
	if !b.Valid() {
		return mach.KernInvalidArgument
	}
	if size == 0 && !m.host.personality.ZeroSizeRounds {
		return mach.KernSuccess
	}
	start, end, wraps := m.span(addr, size)
	if wraps || end == 0 || start < m.min || end > m.max {
		return mach.KernInvalidAddress
	}
	if start == end {
		return mach.KernSuccess
	}
	if ret := m.covered(start, end, nil); ret != mach.KernSuccess {
		return ret
	}
	m.eachClipped(start, end, func(e *Entry) { e.behavior = b })
	return mach.KernSuccess
}
