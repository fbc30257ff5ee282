package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// Msync brings the managers of a range up to date: modified and precious pages are returned, with
// SyncInvalidate all pages are discarded afterwards, and each manager is asked to confirm. Holes and
// anonymous memory are skipped, and the protection of a region plays no part. All are asked before any answer is
// waited for, unless one request has to wait for another that it overlaps. Historic vm_msync (VM-221 to VM-226).
//
//	KERN_INVALID_ARGUMENT  both synchronous and asynchronous, the range wraps, or the personality has
//	                       the call for show only
//	KERN_MEMORY_ERROR      an object was destroyed or its manager died before it confirmed
//	KERN_ABORTED           the thread was aborted
func (m *Map) Msync(th *sched.Thread, addr mach.Addr, size mach.Size, flags mach.SyncFlags) mach.Return {
	const both = mach.SyncSynchronous | mach.SyncAsynchronous
	if flags&both == both {
		return mach.KernInvalidArgument
	}
	if size == 0 {
		return mach.KernSuccess
	}
	if m.host.personality.Msync != personality.MsyncFull {
		return mach.KernInvalidArgument
	}
	at, end, nothing, ret := m.rangeOf(addr, size)
	if nothing {
		return ret
	}
	at, end = m.clamp(at, end)
	var asked []*syncRequest
	ret = mach.KernSuccess
	for at < end && ret == mach.KernSuccess {
		e := m.from(at)
		if e == nil || e.start >= end {
			break
		}
		start := max(at, e.start)
		at = min(e.end, end)
		o := e.object
		if o == nil || o.internal {
			continue
		}
		off := e.offsetOf(start)
		o.reference()
		var s *syncRequest
		if s, ret = o.synchronize(th, off, mach.Size(at-start), flags); s != nil {
			asked = append(asked, s)
		} else {
			o.release(th)
		}
	}
	for _, s := range asked {
		if ret == mach.KernSuccess {
			ret = s.finish(th)
		}
		s.object.release(th)
	}
	return ret
}
