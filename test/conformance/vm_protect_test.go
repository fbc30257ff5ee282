package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestVM055_ProtectUnknownBit: vm_protect with an unknown bit returns KERN_INVALID_ARGUMENT.
func TestVM055_ProtectUnknownBit(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 1)
		v.unchanged(func() {
			for _, bit := range []mach.Prot{mach.ProtNoChange, mach.ProtWantsCopy, 0x40, 1 << 31} {
				for _, addr := range []mach.Addr{va(10), va(20)} { // also where nothing is
					v.is(mach.KernInvalidArgument, v.protect(addr, page, mach.ProtRead|bit))
					v.is(mach.KernInvalidArgument, v.protectMax(addr, page, mach.ProtRead|bit))
				}
			}
		})
	})
}

// TestVM056_ProtectHole: vm_protect over a range with a hole returns KERN_INVALID_ADDRESS and changes no
// entry.
func TestVM056_ProtectHole(t *testing.T) {
	ranges := []extent{{9, 11}, {11, 14}, {13, 16}, {9, 30}, {20, 21}}
	for _, skips := range []bool{false, true} {
		s := newStage(t, withField("ProtectSkipsHoles", fmt.Sprint(skips)))
		s.In(s.Task("a"), func(v *space) {
			v.have(va(10), 2)
			v.have(va(13), 2)
			if !skips {
				v.unchanged(func() {
					for _, r := range ranges {
						size := mach.Size(r.end-r.start) * page
						v.is(mach.KernInvalidAddress, v.protect(va(r.start), size, mach.ProtRead))
						v.is(mach.KernInvalidAddress, v.protectMax(va(r.start), size, mach.ProtRead))
					}
				})
				return
			}
			v.ok(v.protect(va(11), 3*page, mach.ProtRead))
			v.lies(extent{10, 11}, extent{11, 12}, extent{13, 14}, extent{14, 15})
			for i, want := range []mach.Prot{mach.ProtDefault, mach.ProtRead, mach.ProtRead, mach.ProtDefault} {
				require.Equal(t, want, v.regions()[i].Protection)
			}
		})
	}
}

// TestVM057_ProtectMoreThanMaximum: vm_protect requesting more than some entry's maximum returns
// KERN_PROTECTION_FAILURE and changes no entry.
func TestVM057_ProtectMoreThanMaximum(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 4)
		v.ok(v.protectMax(va(12), page, mach.ProtRead))
		v.unchanged(func() {
			for _, prot := range []mach.Prot{mach.ProtDefault, mach.ProtWrite, mach.ProtExecute, mach.ProtAll} {
				v.is(mach.KernProtectionFailure, v.protect(va(10), 4*page, prot))
				v.is(mach.KernProtectionFailure, v.protect(va(11), 2*page, prot))
				v.is(mach.KernProtectionFailure, v.protectMax(va(10), 4*page, prot))
			}
		})
		v.ok(v.protect(va(10), 4*page, mach.ProtRead))
		v.ok(v.protect(va(10), 2*page, mach.ProtAll))
	})
}

// TestVM058_MaximumCutsCurrent: Setting the maximum below the current protection lowers the current
// protection to the intersection.
func TestVM058_MaximumCutsCurrent(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for i, c := range []struct{ cur, max, want mach.Prot }{
			{mach.ProtDefault, mach.ProtRead, mach.ProtRead},
			{mach.ProtDefault, mach.ProtWrite | mach.ProtExecute, mach.ProtWrite},
			{mach.ProtRead, mach.ProtExecute, mach.ProtNone},
			{mach.ProtRead, mach.ProtDefault, mach.ProtRead},
			{mach.ProtAll, mach.ProtNone, mach.ProtNone},
		} {
			base := va(10 * (i + 1))
			v.fill(base, 1, 1)
			v.ok(v.protect(base, page, c.cur))
			v.ok(v.protectMax(base, page, c.max))
			r := v.region(base)
			require.Equal(t, c.want, r.Protection)
			require.Equal(t, c.max, r.MaxProtection)
		}
		v.is(mach.KernProtectionFailure, v.stores(va(10), 2)) // it was mapped writable
		v.first(va(10), 1)
		v.is(mach.KernProtectionFailure, v.loads(va(50)))
	})
}

// TestVM059_MaximumNeverRises: The maximum protection can never be raised.
func TestVM059_MaximumNeverRises(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 2)
		v.ok(v.protectMax(va(10), 2*page, mach.ProtDefault))
		v.ok(v.protectMax(va(11), page, mach.ProtRead))
		for _, max := range []mach.Prot{mach.ProtAll, mach.ProtDefault, mach.ProtWrite, mach.ProtRead | mach.ProtExecute} {
			v.is(mach.KernProtectionFailure, v.protectMax(va(11), page, max))
			require.Equal(t, mach.ProtRead, v.region(va(11)).MaxProtection)
		}
		v.is(mach.KernProtectionFailure, v.protectMax(va(10), page, mach.ProtAll))
		require.Equal(t, mach.ProtDefault, v.region(va(10)).MaxProtection)
		v.is(mach.KernProtectionFailure, v.protect(va(11), page, mach.ProtDefault))
		v.ok(v.protectMax(va(11), page, mach.ProtRead)) // as it is
	})
}

// TestVM060_ProtectClips: vm_protect clips so that only the pages touched by the range change.
func TestVM060_ProtectClips(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 6, 1)
		v.ok(v.protect(va(12)+5, page, mach.ProtRead)) // touches two pages
		v.lies(extent{10, 12}, extent{12, 14}, extent{14, 16})
		for i, want := range []mach.Prot{mach.ProtDefault, mach.ProtRead, mach.ProtDefault} {
			require.Equal(t, want, v.regions()[i].Protection)
		}
		for i := range 6 {
			if i == 2 || i == 3 {
				v.is(mach.KernProtectionFailure, v.stores(va(10+i), 9))
			} else {
				v.put(va(10+i)+1, byte(1+i))
			}
		}
		v.holds(va(10), 1, 2, 3, 4, 5, 6)
		v.ok(v.protectMax(va(14), 1, mach.ProtRead))
		v.lies(extent{10, 12}, extent{12, 14}, extent{14, 15}, extent{15, 16})
		require.Equal(t, mach.ProtAll, v.region(va(15)).MaxProtection)
	})
}

// TestVM061_WriteAfterProtect: After write permission is removed the next write raises
// KERN_PROTECTION_FAILURE even if the page was mapped writable.
func TestVM061_WriteAfterProtect(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 2)
		v.put(va(20), 'x')
		v.have(va(30), 2)
		v.put(va(30), 1)
		v.wired(va(30), 2)
		for _, base := range []mach.Addr{va(10), va(20), va(30)} {
			v.put(base+1, 5)
			v.ok(v.protect(base, 2*page, mach.ProtRead))
			v.raises(v.Store(base+1, []byte{6}), mach.KernProtectionFailure, base+1)
			v.raises(v.Store64(base+8, 6), mach.KernProtectionFailure, base+8)
			v.raises(v.Store(base+va(1), []byte{6}), mach.KernProtectionFailure, base+va(1))
			v.first(base+1, 5)
		}
	})
}

// TestVM062_PermissionsKeepContents: Contents are unchanged by removing and restoring permissions.
func TestVM062_PermissionsKeepContents(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 3, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 3)
		v.write(va(20), fillOf(1)) // the others have not been requested
		for _, prot := range []mach.Prot{mach.ProtNone, mach.ProtRead, mach.ProtWrite, mach.ProtExecute} {
			for _, base := range []mach.Addr{va(10), va(20)} {
				v.ok(v.protect(base, 3*page, prot))
				if prot&mach.ProtRead == 0 {
					v.is(mach.KernProtectionFailure, v.loads(base))
				}
				v.ok(v.protect(base, 3*page, mach.ProtDefault))
				v.holds(base, 1, 2, 3)
			}
		}
		v.put(va(10), 1)
		v.put(va(20), 1)
		v.holds(va(10), 1, 2, 3)
		v.holds(va(20), 1, 2, 3)
	})
}

// TestVM063_WriteAgainAfterCopy: Restoring write permission on a copy-on-write region does not make writes
// visible to the other side of the copy.
func TestVM063_WriteAgainAfterCopy(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 2)
		v.first(va(20), 1)
		copies := []mach.Addr{v.take(va(10), 2*page).Address, v.take(va(20), 2*page).Address}
		for i, base := range []mach.Addr{va(10), va(20)} {
			for _, side := range []mach.Addr{base, copies[i]} {
				v.ok(v.protect(side, 2*page, mach.ProtRead))
				v.is(mach.KernProtectionFailure, v.stores(side, 8))
				v.ok(v.protect(side, 2*page, mach.ProtAll))
			}
			v.put(base, 'x')
			v.first(copies[i], 1)
			v.put(copies[i]+va(1), 'y')
			v.first(base+va(1), 2)
			v.first(base, 'x')
		}
	})
	parent := e.newTask("parent")
	e.In(parent, func(v *space) { v.fill(va(10), 2, 1) })
	child := e.Fork(parent)
	for i, task := range []*task{parent, child} {
		e.In(task, func(v *space) {
			v.ok(v.protect(va(10), 2*page, mach.ProtRead))
			v.ok(v.protect(va(10), 2*page, mach.ProtDefault))
			v.put(va(10+i), 'x')
		})
	}
	e.In(parent, func(v *space) { v.first(va(11), 2) })
	e.In(child, func(v *space) { v.first(va(10), 1) })
}

// TestVM064_InheritUnknown: vm_inherit with an invalid value returns KERN_INVALID_ARGUMENT.
func TestVM064_InheritUnknown(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 1)
		v.unchanged(func() {
			for _, inherit := range []mach.Inherit{3, 4, 1 << 31} {
				v.is(mach.KernInvalidArgument, v.inherit(va(10), page, inherit))
				v.is(mach.KernInvalidArgument, v.inherit(va(20), page, inherit))
			}
		})
	})
}

// TestVM065_InheritSkipsHoles: vm_inherit skips holes and returns KERN_SUCCESS.
func TestVM065_InheritSkipsHoles(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 3)
		v.have(va(20), 3)
		v.unchanged(func() {
			v.ok(v.inherit(va(1), 2*page, mach.InheritNone))
			v.ok(v.inherit(top-va(1), 5*page, mach.InheritNone))
		})
		v.ok(v.inherit(va(12), 9*page, mach.InheritShare))
		v.lies(extent{10, 12}, extent{12, 13}, extent{20, 21}, extent{21, 23})
		for i, want := range []mach.Inherit{mach.InheritCopy, mach.InheritShare, mach.InheritShare, mach.InheritCopy} {
			require.Equal(t, want, v.regions()[i].Inheritance)
		}
		v.ok(v.inherit(0, 100*page, mach.InheritNone))
		for _, r := range v.regions() {
			require.Equal(t, mach.InheritNone, r.Inheritance)
		}
	})
}

// TestVM066_BehaviorUnknownOrHole: vm_behavior_set with an unknown behavior returns KERN_INVALID_ARGUMENT
// and over a hole KERN_INVALID_ADDRESS.
func TestVM066_BehaviorUnknownOrHole(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 3)
		v.have(va(20), 3)
		v.unchanged(func() {
			for _, b := range []mach.Behavior{-1, 4, 100} {
				v.is(mach.KernInvalidArgument, v.behave(va(10), page, b))
				v.is(mach.KernInvalidArgument, v.behave(va(15), page, b))
			}
			for _, r := range []extent{{9, 11}, {12, 14}, {12, 21}, {15, 16}, {22, 24}} {
				v.is(mach.KernInvalidAddress, v.behave(va(r.start), mach.Size(r.end-r.start)*page, mach.BehaviorRandom))
			}
			v.is(mach.KernInvalidAddress, v.behave(top-va(1), 2*page, mach.BehaviorRandom))
			v.is(mach.KernInvalidAddress, v.behave(va(10), ^mach.Size(0), mach.BehaviorRandom))
		})
		for b := mach.BehaviorDefault; b <= mach.BehaviorReverseSequential; b++ {
			v.ok(v.behave(va(11), page, b))
			require.Equal(t, b, v.region(va(11)).Behavior)
			require.Equal(t, mach.BehaviorDefault, v.region(va(10)).Behavior)
			require.Equal(t, mach.BehaviorDefault, v.region(va(12)).Behavior)
		}
	})
}

// TestVM067_RegionOfAddress: vm_region for an address inside a region returns the start of that region.
func TestVM067_RegionOfAddress(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 3)
		v.have(va(20), 1)
		for _, addr := range []mach.Addr{va(10), va(10) + 1, va(11), va(12) + 5, va(13) - 1} {
			r := v.region(addr)
			require.Equal(t, va(10), r.Address)
			require.Equal(t, 3*page, r.Size)
		}
		v.ok(v.protect(va(11), page, mach.ProtRead)) // a region is an entry
		require.Equal(t, va(11), v.region(va(12)-1).Address)
		require.Equal(t, va(12), v.region(va(12)).Address)
	})
}

// TestVM068_RegionAboveHole: vm_region for an address in a hole returns the next higher region.
func TestVM068_RegionAboveHole(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 3)
		v.have(va(20), 2)
		for _, c := range []struct{ addr, want mach.Addr }{
			{0, va(10)}, {va(10) - 1, va(10)}, {va(13), va(20)}, {va(20) - 1, va(20)}, {va(15) + 3, va(20)},
		} {
			r := v.region(c.addr)
			require.Equal(t, c.want, r.Address)
			require.Equal(t, map[mach.Addr]mach.Size{va(10): 3 * page, va(20): 2 * page}[c.want], r.Size)
		}
	})
}

// TestVM069_RegionAboveLast: vm_region above the last region returns KERN_INVALID_ADDRESS.
func TestVM069_RegionAboveLast(t *testing.T) {
	for _, code := range []mach.Return{mach.KernInvalidAddress, mach.KernNoSpace} {
		s := newStage(t, withField("RegionEndCode", code.String()))
		top := s.Host(0).VM().AddressTop()
		s.In(s.Task("a"), func(v *space) {
			beyond := func(addr mach.Addr) {
				t.Helper()
				_, ret := user.VMRegion(v, v.target(), addr)
				v.is(code, ret)
			}
			beyond(0)
			v.have(va(10), 3)
			for _, addr := range []mach.Addr{va(13), va(100), top - 1, top, ^mach.Addr(0)} {
				beyond(addr)
			}
			require.Equal(t, va(10), v.region(va(13)-1).Address)
		})
	}
}

var regionCall = user.NewRoutine[defs.VMRegion[mach.Name], defs.VMRegionReply[mach.Name]](defs.VMRegionRow)

// TestVM070_RegionFlavor: vm_region with an unknown flavor or too small a count returns
// KERN_INVALID_ARGUMENT.
func TestVM070_RegionFlavor(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 1)
		for _, c := range []struct {
			flavor int32
			count  uint32
			want   mach.Return
		}{
			{defs.RegionBasicInfo, defs.RegionBasicInfoWords, mach.KernSuccess},
			{defs.RegionBasicInfo, defs.RegionBasicInfoWords + 5, mach.KernSuccess},
			{defs.RegionBasicInfo, defs.RegionBasicInfoWords - 1, mach.KernInvalidArgument},
			{defs.RegionBasicInfo, 0, mach.KernInvalidArgument},
			{defs.RegionBasicInfo + 1, 100, mach.KernInvalidArgument},
			{0, 100, mach.KernInvalidArgument},
			{-1, 100, mach.KernInvalidArgument},
		} {
			rep, ret := user.Call(v, regionCall, &defs.VMRegion[mach.Name]{TargetTask: v.target(), Address: va(10), Flavor: c.flavor, Count: c.count})
			v.is(c.want, ret)
			if ret == mach.KernSuccess {
				require.Len(t, rep.Info, defs.RegionBasicInfoWords)
			}
		}
	})
}

// TestVM071_RegionShared: vm_region reports shared only for entries marked shared by inheritance or remap,
// not for two independent maps of one object.
func TestVM071_RegionShared(t *testing.T) {
	e := newEMM(t)
	object := e.c.port(e.m.port)
	e.c.step(func(v *space) {
		v.mapAt(va(10), object, 1)
		v.mapAt(va(20), object, 1)
		v.have(va(30), 2)
		v.ok(v.inherit(va(30), page, mach.InheritShare))
		v.fill(va(40), 1, 1)
		v.fill(va(50), 1, 1)
		for _, r := range v.regions() {
			require.False(t, r.Shared, "%v", r.Address)
		}
		v.share(va(60), va(50), 1)
		v.ok(v.remap(&remapped{addr: va(70), source: va(40), size: page, copy: true, inherit: mach.InheritCopy}))
	})
	shared := func(v *space) {
		t.Helper()
		for _, r := range v.regions() {
			switch r.Address {
			case va(30), va(50), va(60):
				require.True(t, r.Shared, "%v", r.Address)
			default:
				require.False(t, r.Shared, "%v", r.Address)
			}
		}
	}
	child := e.Fork(e.c.task)
	e.c.step(shared)
	e.In(child, func(v *space) {
		require.True(t, v.region(va(30)).Shared)
		require.False(t, v.region(va(31)).Shared)
		require.False(t, v.region(va(40)).Shared)
	})
}
