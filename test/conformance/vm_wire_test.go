package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestVM093_WireNullHostOrTask: vm_wire with a null host returns KERN_INVALID_HOST and with a null task
// KERN_INVALID_TASK.
func TestVM093_WireNullHostOrTask(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 1)
		priv, self := v.privileged(), v.target()
		child, ret := user.TaskCreate(v, self, false)
		v.ok(ret)
		v.ok(user.TaskTerminate(v, child))
		v.is(mach.SendInvalidDest, user.VMWire(v, mach.NameNull, self, va(10), page, mach.ProtRead))
		for _, host := range []mach.Name{self, v.ThreadSelf()} { // converted to a null host
			v.is(mach.KernInvalidHost, user.VMWire(v, host, self, va(10), page, mach.ProtRead))
			v.is(mach.KernInvalidHost, user.VMWire(v, host, mach.NameNull, va(10), page, 0x40))
		}
		for _, task := range []mach.Name{mach.NameNull, child, v.ThreadSelf(), priv} {
			v.is(mach.KernInvalidTask, user.VMWire(v, priv, task, va(10), page, mach.ProtRead))
			v.is(mach.KernInvalidTask, user.VMWire(v, priv, task, va(10), page, mach.ProtNone))
		}
		require.Zero(t, v.stats().Wired)
		v.ok(user.VMWire(v, priv, self, va(10), page, mach.ProtRead))
		require.Equal(t, 1, v.stats().Wired)
	})
}

// wireCodes are the values of WireRangeCodes, with the code for a hole and that for missing access.
var wireCodes = map[string][2]mach.Return{
	"osf": {mach.KernInvalidAddress, mach.KernProtectionFailure},
	"cmu": {mach.KernFailure, mach.KernFailure},
	"gnu": {mach.KernNoSpace, mach.KernNoSpace},
}

// nothingWired requires that no page and no region is wired.
func (v *space) nothingWired() {
	v.t.Helper()
	require.Zero(v.t, v.stats().Wired)
	for _, r := range v.regions() {
		require.Zero(v.t, r.UserWiredCount, "%v", r.Address)
	}
}

// TestVM094_WireHole: vm_wire over a hole returns KERN_INVALID_ADDRESS and leaves nothing wired.
func TestVM094_WireHole(t *testing.T) {
	for value, codes := range wireCodes {
		s := newStage(t, withField("WireRangeCodes", value))
		s.In(s.Task("a"), func(v *space) {
			v.have(va(10), 2)
			v.have(va(13), 2)
			for _, r := range []extent{{10, 13}, {10, 15}, {9, 11}, {20, 21}, {13, 16}, {12, 14}} {
				v.is(codes[0], v.wire(va(r.start), mach.Size(r.end-r.start)*page, mach.ProtRead))
				v.nothingWired()
			}
			v.wired(va(11), 1) // what was wired before stays
			v.is(codes[0], v.wire(va(10), 5*page, mach.ProtRead))
			require.EqualValues(t, 1, v.region(va(11)).UserWiredCount)
			require.Equal(t, 1, v.stats().Wired)
		})
	}
}

// TestVM095_WireForbidden: vm_wire for access the region does not permit returns KERN_PROTECTION_FAILURE
// and leaves nothing wired.
func TestVM095_WireForbidden(t *testing.T) {
	for value, codes := range wireCodes {
		s := newStage(t, withField("WireRangeCodes", value))
		s.In(s.Task("a"), func(v *space) {
			v.have(va(10), 3)
			v.ok(v.protect(va(12), page, mach.ProtRead))
			for _, access := range []mach.Prot{mach.ProtWrite, mach.ProtDefault, mach.ProtExecute, mach.ProtAll} {
				v.is(codes[1], v.wire(va(10), 3*page, access))
				v.is(codes[1], v.wire(va(12), page, access))
				v.nothingWired()
			}
			v.ok(v.wire(va(10), 3*page, mach.ProtRead))
			require.Equal(t, 3, v.stats().Wired)
		})
	}
}

// TestVM096_WiredMemoryDoesNotFault: After vm_wire no access of the permitted kinds causes a fault.
func TestVM096_WiredMemoryDoesNotFault(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.have(va(10), 3)
		v.mapAt(va(20), e.c.port(e.m.port), 3)
		v.fill(va(30), 3, 1)
		copied := v.take(va(30), 3*page).Address // a pending copy on both sides
		v.have(va(50), 3)
		v.ok(v.protect(va(50), 3*page, mach.ProtRead))
		for _, base := range []mach.Addr{va(10), va(20), va(30), copied} {
			v.ok(v.wire(base, 3*page, mach.ProtRead)) // the region permits writing as well
		}
		v.ok(v.wire(va(50), 3*page, mach.ProtRead))
		faults := v.stats().Faults
		for _, base := range []mach.Addr{va(10), va(20), va(30), copied, va(50)} {
			for i := range 3 {
				v.ok(v.loads(base + va(i)))
				if base != va(50) {
					v.put(base+va(i), 'x')
				}
			}
		}
		require.Equal(t, faults, v.stats().Faults)
		for _, base := range []mach.Addr{va(10), va(20)} { // nor when less is permitted than was
			v.ok(v.protect(base, 3*page, mach.ProtRead))
			v.ok(v.loads(base + va(1)))
		}
		require.Equal(t, faults, v.stats().Faults)
	})
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)", "data_request(a,2,rw-)")
}

// TestVM097_WiringCopies: Wiring a copy-on-write region for reading copies its pages at once.
func TestVM097_WiringCopies(t *testing.T) {
	for _, prot := range []mach.Prot{mach.ProtDefault, mach.ProtRead} {
		s := newStage(t)
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(10), 3, 1)
			data := v.take(va(10), 3*page).Address
			v.ok(v.protect(data, 3*page, prot))
			before := v.stats()
			v.ok(v.wire(data, 2*page, mach.ProtRead))
			require.Equal(t, before.CowFaults+2, v.stats().CowFaults)
			require.Equal(t, before.Free-2, v.stats().Free)
			for i := range 2 {
				p, ok := v.pageOf(data + va(i))
				require.True(t, ok)
				require.Equal(t, 1, p.WireCount)
			}
			_, ok := v.pageOf(data + va(2))
			require.False(t, ok, "the rest is still a copy to be made")
			v.holds(data, 1, 2, 3)
			v.put(va(10), 'x')
			v.holds(data, 1)
			v.ok(v.protect(data, 3*page, mach.ProtDefault))
			v.put(data+va(1), 'y')
			v.holds(va(11), 2)
		})
	}
}

// TestVM098_WiringsNest: A region wired twice by the user stays wired after one unwire.
func TestVM098_WiringsNest(t *testing.T) {
	for _, nest := range []bool{true, false} {
		s := newStage(t, withField("WiringsNest", fmt.Sprint(nest)))
		s.In(s.Task("a"), func(v *space) {
			v.have(va(10), 2)
			v.wired(va(10), 2)
			v.wired(va(10), 2)
			v.ok(v.wire(va(10), 2*page, mach.ProtNone))
			if !nest {
				v.nothingWired()
				return
			}
			require.Equal(t, 2, v.stats().Wired)
			require.EqualValues(t, 1, v.region(va(10)).UserWiredCount)
			v.ok(v.wire(va(10), page, mach.ProtNone)) // one page
			require.Equal(t, 1, v.stats().Wired)
			v.ok(v.wire(va(10), 2*page, mach.ProtNone))
			v.nothingWired()
		})
	}
}

// TestVM099_UnwireSkips: Unwiring ignores holes and unwired entries.
func TestVM099_UnwireSkips(t *testing.T) {
	unwirings := []extent{{10, 15}, {10, 12}, {11, 40}, {14, 16}}
	for value, codes := range wireCodes {
		for _, r := range unwirings {
			s := newStage(t, withField("WireRangeCodes", value))
			s.In(s.Task("a"), func(v *space) {
				v.have(va(10), 2) // not wired
				v.have(va(14), 1) // wired, behind a hole
				v.wired(va(14), 1)
				ret := v.wire(va(r.start), mach.Size(r.end-r.start)*page, mach.ProtNone)
				if value == "cmu" && r.start < 14 {
					v.is(mach.KernInvalidArgument, ret) // what is not wired cannot be unwired
					require.Equal(t, 1, v.stats().Wired)
					return
				}
				if value == "cmu" {
					return // its code for a hole behind the range is nobody's rule
				}
				v.ok(ret)
				if r.end > 14 {
					v.nothingWired()
				} else {
					require.Equal(t, 1, v.stats().Wired)
				}
				v.is(codes[0], v.wire(va(12), 3*page, mach.ProtNone)) // the start must be in a region
			})
		}
	}
}

// TestVM100_WiredPageOnNoQueue: A wired page is on no page queue and is counted once in wire_count however
// many wirings it has.
func TestVM100_WiredPageOnNoQueue(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	other.step(func(v *space) { v.mapAt(va(10), other.port(e.m.port), 1) })
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 1)
		v.mapAt(va(20), e.c.port(e.m.port), 1)
		v.ok(v.loads(va(10)))
		require.Equal(t, "active", e.pageAt(0).Queue)
		s := v.stats()
		v.wired(va(10), 1)
		v.wired(va(10), 1)
		v.wired(va(20), 1)
		require.Empty(t, e.pageAt(0).Queue)
		require.Equal(t, s.Active-1, v.stats().Active)
	})
	other.step(func(v *space) {
		v.wired(va(10), 1)
		require.Equal(t, 1, v.stats().Wired)
		c, ret := user.HostStatistics(v, v.HostSelf())
		v.ok(ret)
		require.EqualValues(t, 1, c.WireCount)
		v.ok(v.wire(va(10), page, mach.ProtNone))
		require.Equal(t, 1, v.stats().Wired)
	})
	require.Empty(t, e.pageAt(0).Queue)
	e.c.step(func(v *space) {
		v.ok(v.deallocate(va(10), page))
		require.Equal(t, 1, v.stats().Wired)
		v.ok(v.wire(va(20), page, mach.ProtNone))
		require.Zero(t, v.stats().Wired)
	})
	require.Equal(t, "active", e.pageAt(0).Queue)
}

// TestVM101_UnwiredPageIsActive: A page unwired to zero is placed on the active queue with its reference
// bit set.
//
// No interface tells the reference bit of a page: what a test sees is the queue.
func TestVM101_UnwiredPageIsActive(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 2)
		v.ok(v.loads(va(10)))
		v.ok(v.loads(va(11))) // the page before is behind it, and inactive
		require.Equal(t, "inactive", e.pageAt(0).Queue)
		s := v.stats()
		v.wired(va(10), 1)
		v.wired(va(10), 1)
		require.Equal(t, s.Inactive-1, v.stats().Inactive)
		v.ok(v.wire(va(10), page, mach.ProtNone))
		require.Empty(t, e.pageAt(0).Queue)
		v.ok(v.wire(va(10), page, mach.ProtNone))
		require.Equal(t, "active", e.pageAt(0).Queue)
		require.Equal(t, s.Active+1, v.stats().Active)
	})
}

// TestVM102_WiringFaultFails: If a wiring fault fails, pages wired earlier in the same call are unwired and
// the fault's error is returned.
func TestVM102_WiringFaultFails(t *testing.T) {
	for _, reason := range []mach.Return{mach.KernFailure, 0x4000123} {
		e := newEMM(t)
		usual := contents
		e.m.on("data_request", func(x *turn) {
			if x.offset == at(2) {
				x.ok(x.dataError(x.control, x.offset, x.length, reason))
			} else {
				x.ok(x.supply(x.control, x.offset, usual(x.offset), supplied{}))
			}
		})
		e.c.step(func(v *space) {
			v.have(va(8), 1)
			v.mapAt(va(9), mach.NameNull, 1)
			v.mapAt(va(10), e.c.port(e.m.port), 4)
			want := mach.KernMemoryError
			if reason.ErrorSystem() != 0 {
				want = reason
			}
			v.is(want, v.wire(va(8), 6*page, mach.ProtRead))
			v.nothingWired()
			for i := range 2 {
				require.Zero(t, e.pageAt(i).WireCount)
				require.Equal(t, "active", e.pageAt(i).Queue)
			}
			v.ok(v.deallocate(va(8), 6*page)) // nothing is in transition
			v.lies()
		})
		e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)", "data_request(a,2,rw-)", "terminate(a)")
	}
}

// TestVM103_WiringTask: With the task's wiring flag set every later allocation is wired before the call
// returns.
func TestVM103_WiringTask(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.have(va(5), 1)
		v.ok(user.TaskWire(v, v.target(), true))
		require.Zero(t, v.stats().Wired, "only what comes later")
		v.have(va(10), 2)
		require.Equal(t, 2, v.stats().Wired)
		v.mapAt(va(20), e.c.port(e.m.port), 2)
		require.Equal(t, 4, v.stats().Wired)
		addr, ret := v.allocateAnywhere(0, page)
		v.ok(ret)
		require.Equal(t, 5, v.stats().Wired)
		faults := v.stats().Faults
		v.put(va(11), 1)
		v.put(va(21), 1)
		v.put(addr, 1)
		require.Equal(t, faults, v.stats().Faults)
		v.ok(user.TaskWire(v, v.target(), false))
		v.have(va(30), 1)
		require.Equal(t, 5, v.stats().Wired)
		require.Zero(t, v.region(va(5)).UserWiredCount)
	})
	require.Equal(t, 2, e.m.count("data_request"))
}

// TestVM104_CopyOfWired: Copying a wired source copies its pages immediately, whatever the strategy.
func TestVM104_CopyOfWired(t *testing.T) {
	for _, strategy := range []mach.CopyStrategy{mach.CopyNone, mach.CopyDelay} {
		e := newEMM(t)
		e.m.readiness.CopyStrategy = strategy
		e.c.step(func(v *space) {
			v.fill(va(10), 3, 1)
			v.mapAt(va(20), e.c.port(e.m.port), 3)
			for _, base := range []mach.Addr{va(10), va(20)} {
				v.wired(base, 3)
				before := v.stats()
				data := v.take(base, 3*page).Address
				require.Equal(t, before.Free-3, v.stats().Free)
				for i := range 3 {
					_, ok := v.pageOf(data + va(i))
					require.True(t, ok)
				}
				faults := v.stats().Faults
				v.put(base+va(1), 'x') // still writable without a fault
				require.Equal(t, faults, v.stats().Faults)
				v.holds(data, 1, 2, 3)
				require.Equal(t, before.Wired, v.stats().Wired)
				require.EqualValues(t, 1, v.region(base).UserWiredCount)
				require.Zero(t, v.region(data).UserWiredCount)
			}
		})
	}
}

// TestVM105_ChildrenAreNotWired: Children do not inherit wirings.
func TestVM105_ChildrenAreNotWired(t *testing.T) {
	s := newStage(t)
	parent := s.Task("parent")
	s.In(parent, func(v *space) {
		v.fill(va(10), 2, 1)
		v.fill(va(20), 2, 1)
		v.ok(v.inherit(va(20), 2*page, mach.InheritShare))
		v.wired(va(10), 2)
		v.wired(va(20), 2)
		v.wired(va(20), 2)
	})
	child := s.Fork(parent)
	require.Equal(t, 4, s.stats().Wired)
	s.In(child, func(v *space) {
		require.Len(t, v.regions(), 2)
		for _, r := range v.regions() {
			require.Zero(t, r.UserWiredCount)
		}
		v.holds(va(10), 1, 2)
		v.holds(va(20), 1, 2)
		v.put(va(20), 'x')
		v.ok(v.deallocate(va(10), 20*page))
	})
	require.Equal(t, 4, s.stats().Wired)
	s.In(parent, func(v *space) {
		v.first(va(20), 'x')
		v.ok(v.wire(va(20), 2*page, mach.ProtNone))
		v.ok(v.wire(va(20), 2*page, mach.ProtNone))
	})
	require.Equal(t, 2, s.stats().Wired)
}

// TestVM106_UnprivilegedWiring: An unprivileged host port limits wiring to 8 MiB per task with
// KERN_NO_ACCESS.
func TestVM106_UnprivilegedWiring(t *testing.T) {
	e := newEMM(t, withPreset(personality.GNUMach()), withFrames(6000))
	const limit = int(8 << 20 / page)
	e.c.step(func(v *space) {
		host, self := v.HostSelf(), v.target()
		v.have(va(10), 2*limit)
		wire := func(n int) mach.Return {
			return user.VMWire(v, host, self, va(10), mach.Size(n)*page, mach.ProtRead)
		}
		v.is(mach.KernNoAccess, wire(limit+1))
		v.nothingWired()
		v.ok(wire(limit))
		require.Equal(t, limit, v.stats().Wired)
		v.is(mach.KernNoAccess, user.VMWire(v, host, self, va(10+limit), page, mach.ProtRead))
		v.ok(user.VMWire(v, host, self, va(10), page, mach.ProtNone))
		v.ok(user.VMWire(v, host, self, va(10+limit), page, mach.ProtRead))
		v.ok(v.wire(va(11+limit), 10*page, mach.ProtRead)) // the privileged port has no limit
		require.Equal(t, limit+10, v.stats().Wired)
	})
}
