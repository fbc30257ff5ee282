package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// RemapArgs are the arguments of vm_remap.
type RemapArgs struct {
	Addr       mach.Addr // hint or exact address in the target; the result
	Size       mach.Size
	Mask       mach.Addr // bits that must be zero in the result
	Anywhere   bool      // first fit at or above Addr
	Overwrite  bool      // exact address: take away what is there (XNU's flag)
	Source     *Map
	SourceAddr mach.Addr
	Copy       bool // a copy, not the memory itself
	Inherit    mach.Inherit

	Cur, Max mach.Prot // results: what all regions have in common
}

// Remap maps a range of a.Source into m, as the same memory or as a copy of it. Each region keeps its
// protections. Historic vm_remap (VM-086 to VM-090).
//
//	KERN_INVALID_ARGUMENT  size 0, an unknown inheritance, or a source range that wraps
//	KERN_INVALID_ADDRESS   a page of the source is in no region; a fixed range leaves the map
//	KERN_NO_SPACE          a fixed range is occupied or violates Mask, or no space is large enough
//
// or what copying failed with. On failure no reference is kept.
func (m *Map) Remap(th *sched.Thread, a *RemapArgs) mach.Return {
	return m.remap(th, a, func(*Entry) {})
}

// remap is Remap that changes each entry before it goes into the map.
func (m *Map) remap(th *sched.Thread, a *RemapArgs, change func(*Entry)) mach.Return {
	page := m.host.pageSize
	size := a.Size.Round(page)
	if size == 0 || !a.Inherit.Valid() || a.Source == nil || a.Source.host != m.host {
		return mach.KernInvalidArgument
	}
	start := a.SourceAddr.Trunc(page)
	if start+mach.Addr(size) <= start {
		return mach.KernInvalidArgument
	}
	var got entryList
	ret := a.Source.extract(th, start, start+mach.Addr(size), a, &got)
	w := newMemory(size)
	w.addr, w.mask = a.Addr.Trunc(page), a.Mask
	w.anywhere, w.overwrite = a.Anywhere, a.Overwrite && !a.Anywhere
	var prev *Entry
	var gone entryList // overwritten
	if ret == mach.KernSuccess {
		prev, ret = m.room(th, &w, &gone)
	}
	if ret != mach.KernSuccess {
		m.host.releaseEntries(th, &gone)
		m.host.releaseEntries(th, &got)
		return ret
	}
	m.changing()
	for e := got.first; e != nil; e = got.first {
		got.unlink(e)
		change(e)
		e.start += w.addr
		e.end += w.addr
		m.link(prev, e)
		m.traceMapping(e, trace.MappingEnter)
		prev = e
	}
	a.Addr = w.addr
	m.host.releaseEntries(th, &gone)
	if m.wiringRequired {
		return m.wire(th, w.addr, w.addr+mach.Addr(size), mach.ProtNone, wireUser)
	}
	return mach.KernSuccess
}

// extract collects entries for [start, end), which begin at 0, and intersects their protections.
// Historic vm_remap_extract.
func (m *Map) extract(th *sched.Thread, start, end mach.Addr, a *RemapArgs, got *entryList) mach.Return {
	a.Cur, a.Max = mach.ProtAll, mach.ProtAll
	for at := start; at < end; {
		e, ok := m.lookup(at)
		if !ok {
			return mach.KernInvalidAddress
		}
		n, ret := m.extractEntry(th, e, at, end, a.Copy)
		if ret != mach.KernSuccess {
			return ret
		}
		if n == nil {
			continue
		}
		n.inherit = a.Inherit
		a.Cur &= n.prot
		a.Max &= n.maxProt
		at = n.end
		n.start -= start
		n.end -= start
		got.append(n)
	}
	return mach.KernSuccess
}

// extractEntry makes an entry for the part of e in [at, end), nil when the map changed meanwhile.
func (m *Map) extractEntry(th *sched.Thread, e *Entry, at, end mach.Addr, copied bool) (*Entry, mach.Return) {
	if !copied {
		m.makeShared(e)
		n := e.inherited(m.host)
		n.shared = true
		n.start, n.end = at, min(end, e.end)
		n.offset = e.offsetOf(at)
		return n, mach.KernSuccess
	}
	m.changing()
	m.clipStart(e, at)
	m.clipEnd(e, end)
	n := e.inherited(m.host)
	got, ret := m.capture(th, e, false)
	if got == nil {
		n.object = nil
		m.host.maps.freeEntry(n)
		return nil, ret
	}
	n.end = at + got.end
	n.object, n.offset, n.needsCopy = got.object, got.offset, got.needsCopy
	m.host.maps.freeEntry(got)
	return n, mach.KernSuccess
}
