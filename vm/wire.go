package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// wiring says who wires: all wirings of the user count as one beside those of the kernel.
type wiring uint8

const (
	wireUser wiring = iota
	wireKernel
)

// Wire keeps the pages of a range in memory, so that no access of the given kinds faults; with
// mach.ProtNone it takes one such wiring back, skipping what is not wired. Whether the caller may wire
// at all is not looked at. Historic vm_wire (VM-093 to VM-106).
//
//	KERN_INVALID_ARGUMENT    an unknown access, or the range wraps
//	KERN_INVALID_ADDRESS     a page is in no region; for unwiring, the first one
//	KERN_PROTECTION_FAILURE  a region does not allow access
//	KERN_RESOURCE_SHORTAGE   more than MaxWired pages would be wired
//	KERN_FAILURE             too many wirings, or the thread was aborted while it waited
//
// or what a fault returned. On failure nothing stays wired. WireRangeCodes changes the second and third.
func (m *Map) Wire(th *sched.Thread, addr mach.Addr, size mach.Size, access mach.Prot) mach.Return {
	return m.wireBy(th, addr, size, access, wireUser)
}

// WireKernel is Wire on behalf of the kernel: such a wiring also keeps the region (VM-051).
func (m *Map) WireKernel(th *sched.Thread, addr mach.Addr, size mach.Size, access mach.Prot) mach.Return {
	return m.wireBy(th, addr, size, access, wireKernel)
}

func (m *Map) wireBy(th *sched.Thread, addr mach.Addr, size mach.Size, access mach.Prot, by wiring) mach.Return {
	if !access.Valid() {
		return mach.KernInvalidArgument
	}
	start, end, nothing, ret := m.rangeOf(addr, size)
	if nothing {
		return ret
	}
	if start, end = m.clamp(start, end); start == end {
		return mach.KernSuccess
	}
	if access == mach.ProtNone {
		return m.unwire(start, end, by)
	}
	return m.wire(th, start, end, access, by)
}

// wire wires [start, end). Historic vm_map_wire.
func (m *Map) wire(th *sched.Thread, start, end mach.Addr, access mach.Prot, by wiring) mach.Return {
	at := start
	for at < end {
		var ret mach.Return
		e, ok := m.lookup(at)
		switch {
		case !ok:
			ret = m.wireHole()
		case e.inTransition:
			if m.waitTransition(th, at, true) != sched.Interrupted {
				continue
			}
			ret = mach.KernFailure
		case !e.prot.Allows(access):
			ret = m.wireDenied()
		case e.end < end && (e.next == nil || e.next.start > e.end):
			ret = m.wireHole()
		case by == wireUser && e.userWired >= maxWirings:
			ret = mach.KernFailure
		default:
			at, ret = m.wireEntry(th, e, at, end, by)
		}
		if ret != mach.KernSuccess {
			m.unwireRange(start, at, by, false)
			return ret
		}
	}
	return mach.KernSuccess
}

func (m *Map) wireHole() mach.Return {
	switch m.host.personality.WireRangeCodes {
	case personality.WireCMU:
		return mach.KernFailure
	case personality.WireGNU:
		return mach.KernNoSpace
	}
	return mach.KernInvalidAddress
}

func (m *Map) wireDenied() mach.Return {
	switch m.host.personality.WireRangeCodes {
	case personality.WireCMU:
		return mach.KernFailure
	case personality.WireGNU:
		return mach.KernNoSpace
	}
	return mach.KernProtectionFailure
}

// SetMaxWired bounds the wired pages of the host; 0 is the default: all but what faults need to go on.
func (h *Host) SetMaxWired(pages int) { h.maps.maxWired = pages }

// mayWire reports whether n more bytes may be wired. Without a bound, wiring everything would be
// possible, and then faults would wait for ever.
func (h *Host) mayWire(n mach.Size) bool {
	limit := h.maps.maxWired
	if limit == 0 {
		limit = h.frames.total - h.targets.free - h.targets.reserved
	}
	return h.wired+int(n/h.pageSize) <= limit
}

// WiredSize is the number of bytes in wired regions, for the limit of unprivileged wirings (VM-106).
func (m *Map) WiredSize() mach.Size { return m.sizeWired }

// wireEntry wires the part of e in [at, end) and returns where it ends, or at when it fails.
func (m *Map) wireEntry(th *sched.Thread, e *Entry, at, end mach.Addr, by wiring) (mach.Addr, mach.Return) {
	m.changing()
	if e.wired > 0 {
		m.clipStart(e, at)
		m.clipEnd(e, end)
		m.countWiring(e, by)
		return e.end, mach.KernSuccess
	}
	if !m.host.mayWire(mach.Size(min(e.end, end) - at)) {
		return at, mach.KernResourceShortage
	}
	// Before clipping, so that one object serves the whole region.
	switch {
	case e.needsCopy:
		m.resolveCopy(e)
	case e.object == nil:
		m.giveObject(e)
	}
	m.clipStart(e, at)
	m.clipEnd(e, end)
	m.countWiring(e, by)
	m.traceMapping(e, trace.MappingWire)
	e.inTransition = true
	end = e.end
	va, ret := at, mach.KernSuccess
	for ; va < end; va += mach.Addr(m.host.pageSize) {
		if ret = m.fault(th, va, mach.ProtNone, faultWire); ret != mach.KernSuccess {
			break
		}
	}
	// The region may have been split meanwhile, but nobody may take it away.
	m.changing()
	wake := false
	for e := m.from(at); e != nil && e.start < end; e = e.next {
		wake = wake || e.needsWakeup
		e.inTransition, e.needsWakeup = false, false
		if ret != mach.KernSuccess {
			m.unwirePages(e, va)
			m.dropWiring(e, by)
		}
	}
	if wake {
		m.transition.WakeAll(sched.Awakened)
	}
	if ret != mach.KernSuccess {
		return at, ret
	}
	return end, mach.KernSuccess
}

// countWiring adds a wiring of e, dropWiring takes one away. The first one is charged to sizeWired.
func (m *Map) countWiring(e *Entry, by wiring) {
	n := e.size()
	m.discount(e, n)
	if by == wireUser {
		if e.userWired == 0 {
			e.wired++
		}
		e.userWired++
	} else {
		e.wired++
	}
	m.account(e, n)
}

func (m *Map) dropWiring(e *Entry, by wiring) {
	n := e.size()
	m.discount(e, n)
	if by == wireUser {
		if e.userWired--; e.userWired == 0 {
			e.wired--
		}
	} else {
		e.wired--
	}
	m.account(e, n)
}

// unwire takes back one wiring of what is wired in [start, end). Historic vm_map_unwire.
func (m *Map) unwire(start, end mach.Addr, by wiring) mach.Return {
	if _, ok := m.lookup(start); !ok {
		return m.wireHole()
	}
	if m.host.personality.WireRangeCodes == personality.WireCMU {
		unwired := m.covered(start, end, func(e *Entry) mach.Return {
			if e.wired == 0 {
				return mach.KernInvalidArgument
			}
			return mach.KernSuccess
		})
		if unwired != mach.KernSuccess {
			return mach.KernInvalidArgument
		}
	}
	m.unwireRange(start, end, by, !m.host.personality.WiringsNest)
	return mach.KernSuccess
}

// unwireRange takes back one wiring, or all of the user's. It skips holes, entries in transition, and what has no
// such wiring.
func (m *Map) unwireRange(start, end mach.Addr, by wiring, all bool) {
	if start >= end {
		return
	}
	m.eachClipped(start, end, func(e *Entry) {
		if e.inTransition || by == wireUser && e.userWired == 0 || by == wireKernel && !e.kernelWired() {
			return
		}
		if by == wireUser && all {
			n := e.size()
			m.discount(e, n)
			e.userWired = 1
			m.account(e, n)
		}
		m.dropWiring(e, by)
		if e.wired == 0 {
			m.unwirePages(e, e.end)
		}
		m.traceMapping(e, trace.MappingUnwire)
	})
}

// unwireEntry drops all wirings of an entry that is to go away.
func (m *Map) unwireEntry(e *Entry) {
	if e.wired == 0 {
		return
	}
	n := e.size()
	m.discount(e, n)
	e.wired, e.userWired = 0, 0
	m.account(e, n)
	m.unwirePages(e, e.end)
}

// unwirePages lets go of the pages of e below address stop, which were wired once each. They are in e's
// own object: wiring has copied them up, and no shadow is put over the object of a wired entry.
// Historic vm_fault_unwire.
func (m *Map) unwirePages(e *Entry, stop mach.Addr) {
	for va := e.start; va < e.end; va += mach.Addr(m.host.pageSize) {
		// Above stop an access may have entered a translation while the wiring was under way.
		m.pmap.changeWiring(va, false)
		if va >= stop {
			continue
		}
		if p := e.object.lookup(e.offsetOf(va)); p != nil && p.wireCount > 0 {
			p.unwire()
		}
	}
}

// transition is what a thread waits for at an entry in transition.
type transition Map

// WaitName describes the wait.
func (t *transition) WaitName() string {
	return fmt.Sprintf("a region of task %d that is being wired", t.task)
}

// waitTransition waits until the entry at a is in transition no more, or somebody thinks so. The map
// must be looked up again afterwards.
func (m *Map) waitTransition(th *sched.Thread, a mach.Addr, interruptible bool) sched.Result {
	e := m.from(a)
	if e == nil || !e.inTransition {
		return sched.Awakened
	}
	e.needsWakeup = true
	return th.Block(&m.transition, sched.Wait{
		Kind: sched.WaitMap, What: (*transition)(m), A: uint64(e.start), Interruptible: interruptible,
	})
}
