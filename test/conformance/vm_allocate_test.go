package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestVM001_AllocateNothing: vm_allocate with size 0 returns KERN_SUCCESS, sets the address to 0 and
// creates no entry.
func TestVM001_AllocateNothing(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, allocate := range []func(mach.Addr, mach.Size) (mach.Addr, mach.Return){v.allocateAt, v.allocateAnywhere} {
			addr, ret := allocate(va(5)+3, 0)
			v.ok(ret)
			require.Zero(t, addr)
		}
		v.lies()
	})
}

// TestVM002_AnywhereTakesFirstGap: vm_allocate anywhere ignores the input address and places the region
// at the first gap from the bottom of the map.
func TestVM002_AnywhereTakesFirstGap(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(1), 1)
		v.have(va(4), 1)
		for _, step := range []struct {
			hint  mach.Addr
			pages int
			want  mach.Addr
		}{
			{va(100), 2, va(2)}, // the gap at 0 is too small
			{va(3), 1, va(0)},
			{va(2) + 1, 1, va(5)},
			{0, 1, va(6)},
		} {
			got, ret := v.allocateAnywhere(step.hint, mach.Size(step.pages)*page)
			v.ok(ret)
			require.Equal(t, step.want, got)
		}
	})
}

// TestVM003_FixedAddressIsTruncated: vm_allocate at a fixed unaligned address starts the region at the
// beginning of the page containing that address.
func TestVM003_FixedAddressIsTruncated(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for i, in := range []mach.Addr{0, 1, 0x123, mach.Addr(page - 1)} {
			start := va(10 * (i + 1))
			got, ret := v.allocateAt(start+in, page)
			v.ok(ret)
			require.Equal(t, start, got)
			require.Equal(t, start, v.region(start).Address)
			require.Equal(t, page, v.region(start).Size)
		}
	})
}

// TestVM004_LengthIsRoundedUp: The allocated length is the size rounded up to whole pages.
func TestVM004_LengthIsRoundedUp(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for i, c := range []struct{ size, want mach.Size }{
			{1, page}, {page - 1, page}, {page, page}, {page + 1, 2 * page}, {3*page - 1, 3 * page},
		} {
			start := va(10 * (i + 1))
			_, ret := v.allocateAt(start, c.size)
			v.ok(ret)
			require.Equal(t, c.want, v.region(start).Size)
		}
	})
}

// TestVM005_FreshRegionReadsZero: A freshly allocated region reads as zero bytes on every page.
func TestVM005_FreshRegionReadsZero(t *testing.T) {
	s := newStage(t)
	dirtyFrames(s, 8)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(3), 4)
		v.holds(va(3), 0, 0, 0, 0)
		got, ret := v.allocateAnywhere(0, 2*page)
		v.ok(ret)
		v.put(got, 7) // a first touch that writes
		require.Equal(t, make([]byte, page-1), v.read(got+1, int(page-1)))
		v.holds(got+va(1), 0)
	})
}

// dirtyFrames leaves bytes behind in the n page frames that are given out next.
func dirtyFrames(s *stage, n int) {
	s.t.Helper()
	s.In(s.Task("before"), func(v *space) {
		v.fill(va(1), n, 0x80)
		v.ok(v.deallocate(va(1), mach.Size(n)*page))
	})
}

// TestVM006_ReallocatedRegionReadsZero: A region deallocated after being written and then allocated again
// at the same address reads as zero.
func TestVM006_ReallocatedRegionReadsZero(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(3), 4, 0x11)
		v.ok(v.deallocate(va(3), 4*page))
		v.have(va(3), 4)
		v.holds(va(3), 0, 0, 0, 0)
		v.fill(va(7), 1, 0x21) // in the same region
		v.ok(v.deallocate(va(3), 1*page))
		v.have(va(3), 1)
		v.holds(va(3), 0, 0, 0, 0, 0x21)
	})
}

// TestVM007_AttributesOfNewRegion: A new region has protection read+write, maximum protection all and
// inheritance copy.
func TestVM007_AttributesOfNewRegion(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(3), 1)
		addr, ret := v.allocateAnywhere(0, page)
		v.ok(ret)
		for _, start := range []mach.Addr{va(3), addr} {
			r := v.region(start)
			require.Equal(t, mach.ProtRead|mach.ProtWrite, r.Protection)
			require.Equal(t, mach.ProtAll, r.MaxProtection)
			require.Equal(t, mach.InheritCopy, r.Inheritance)
			require.Equal(t, mach.BehaviorDefault, r.Behavior)
			require.False(t, r.Shared)
			require.Zero(t, r.UserWiredCount)
		}
	})
}

// TestVM008_FixedAddressOccupied: Allocating at a fixed address any page of which is already allocated
// returns KERN_NO_SPACE and changes nothing.
func TestVM008_FixedAddressOccupied(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 2, 1)
		for _, c := range []struct {
			addr mach.Addr
			size mach.Size
		}{
			{va(10), page}, {va(11), page}, {va(9), 2 * page}, {va(11), 2 * page}, {va(8), 5 * page},
			{va(10), 2 * page}, {va(11) + 5, 1}, {va(9), page + 1},
		} {
			v.unchanged(func() {
				addr, ret := v.allocateAt(c.addr, c.size)
				v.is(mach.KernNoSpace, ret)
				require.Equal(t, c.addr, addr)
			})
		}
		v.holds(va(10), 1, 2)
		v.have(va(9), 1) // the page before and the page behind are free
		v.have(va(12), 1)
	})
}

// TestVM009_FixedRangeOutsideMap: Allocating at a fixed range that is not wholly inside the map bounds
// returns KERN_INVALID_ADDRESS.
func TestVM009_FixedRangeOutsideMap(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		for _, c := range []struct {
			addr mach.Addr
			size mach.Size
		}{
			{top - va(1), 2 * page}, {top - va(1), page + 1}, {top, page}, {top, 1}, {top + va(100), page}, {0, mach.Size(top) + page},
			{^mach.Addr(0), 1}, {^mach.Addr(0) - va(2), 4 * page}, {va(1), ^mach.Size(0) - 2*page},
		} {
			v.unchanged(func() {
				_, ret := v.allocateAt(c.addr, c.size)
				v.is(mach.KernInvalidAddress, ret)
			})
		}
		v.have(top-va(1), 1)
	})
}

// TestVM010_AnywhereFull: An anywhere allocation that cannot fit returns KERN_NO_SPACE.
func TestVM010_AnywhereFull(t *testing.T) {
	s := newStage(t, withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.AddressTop = va(16) }))
	s.In(s.Task("a"), func(v *space) {
		full := func(pages int) {
			t.Helper()
			v.unchanged(func() {
				_, ret := v.allocateAnywhere(0, mach.Size(pages)*page)
				v.is(mach.KernNoSpace, ret)
			})
		}
		full(17)
		v.have(va(4), 8) // gaps of 4 pages at both ends
		full(5)
		full(8)
		_, ret := v.allocateAnywhere(0, 4*page)
		v.ok(ret)
		_, ret = v.allocateAnywhere(0, 4*page)
		v.ok(ret)
		full(1)
	})
}

// TestVM011_SizeRoundsToZero: A size that rounds up to 0 returns KERN_INVALID_ARGUMENT.
func TestVM011_SizeRoundsToZero(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, size := range []mach.Size{^mach.Size(0), ^mach.Size(0) - page + 2} {
			_, ret := v.allocateAt(va(1), size)
			v.is(mach.KernInvalidArgument, ret)
			_, ret = v.allocateAnywhere(va(1), size)
			v.is(mach.KernInvalidArgument, ret)
		}
		v.lies()
	})
}

// TestVM012_AllocationUsesNoFrames: vm_allocate consumes no page frame until the region is touched.
func TestVM012_AllocationUsesNoFrames(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		free := v.stats().Free
		v.have(va(1), 100_000) // more than there are frames
		require.Equal(t, free, v.stats().Free)
		require.Zero(t, v.stats().ZeroFills)
		v.put(va(50_000), 1)
		require.Equal(t, free-1, v.stats().Free)
		v.first(va(60_000), 0)
		require.Equal(t, free-2, v.stats().Free)
	})
}

// TestVM013_SuccessiveAnywhere: Two successive anywhere allocations of one page return increasing
// addresses with no free page-sized gap below the second.
func TestVM013_SuccessiveAnywhere(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, hole := range []int{1, 2, 5} {
			v.have(va(hole), 1)
		}
		last := mach.Addr(0)
		for i := range 6 {
			addr, ret := v.allocateAnywhere(va(3), page)
			v.ok(ret)
			if i > 0 {
				require.Greater(t, addr, last)
			}
			last = addr
			below := mach.Addr(0)
			for _, r := range v.regions() {
				if r.Address < addr {
					require.Equal(t, below, r.Address, "a gap below %v", addr)
					below = r.Address + mach.Addr(r.Size)
				}
			}
			require.GreaterOrEqual(t, below, addr)
		}
	})
}

// TestVM014_AllocationExtendsRegion: An anonymous allocation directly following an unshared, unwired,
// identical-attribute entry whose object can be grown extends that entry instead of adding one.
func TestVM014_AllocationExtendsRegion(t *testing.T) {
	for _, coalescing := range []string{"forward", "both"} {
		s := newStage(t, withField("EntryCoalescing", coalescing))
		s.In(s.Task("a"), func(v *space) {
			v.have(va(10), 2) // never touched
			v.have(va(12), 1)
			v.lies(extent{10, 13})
			v.put(va(10), 1)
			v.have(va(13), 2) // there is an object to grow
			v.lies(extent{10, 15})
			v.put(va(14), 2)
			v.first(va(10), 1)
			v.first(va(14), 2)
			_, chain := v.inspect(va(14))
			require.Len(t, chain, 1)
			require.Equal(t, 5*page, chain[0].Size)
			v.have(va(30), 1)
			v.have(va(29), 1) // before it
			if coalescing == "both" {
				v.lies(extent{10, 15}, extent{29, 31})
			} else {
				v.lies(extent{10, 15}, extent{29, 30}, extent{30, 31})
			}
			v.put(va(29), 3)
			v.first(va(30), 0)
		})
	}
	for name, change := range map[string]func(v *space){
		"protection":  func(v *space) { v.ok(v.protect(va(10), page, mach.ProtRead)) },
		"maximum":     func(v *space) { v.ok(v.protectMax(va(10), page, mach.ProtDefault)) },
		"inheritance": func(v *space) { v.ok(v.inherit(va(10), page, mach.InheritNone)) },
		"behavior":    func(v *space) { v.ok(v.behave(va(10), page, mach.BehaviorRandom)) },
		"wired":       func(v *space) { v.wired(va(10), 1) },
		"shared":      func(v *space) { v.share(va(20), va(10), 1) },
		"was shared":  func(v *space) { v.share(va(20), va(10), 1); v.ok(v.deallocate(va(20), page)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.In(s.Task("a"), func(v *space) {
				v.have(va(10), 1)
				change(v)
				v.have(va(11), 1)
				require.Equal(t, []extent{{10, 11}, {11, 12}}, v.layout()[:2])
				require.Equal(t, mach.ProtDefault, v.region(va(11)).Protection)
				require.Zero(t, v.region(va(11)).UserWiredCount)
			})
		})
	}
}

// TestVM015_AllocationAddsRegion: An anonymous allocation after an entry whose object has a pager, a
// shadow, a copy, paging in progress or a second reference creates a separate entry.
func TestVM015_AllocationAddsRegion(t *testing.T) {
	t.Run("pager", func(t *testing.T) {
		e := newEMM(t)
		e.c.step(func(v *space) {
			v.mapAt(va(10), e.c.port(e.m.port), 1)
			v.have(va(11), 1)
			v.lies(extent{10, 11}, extent{11, 12})
			v.first(va(11), 0)
		})
		e.m.never("data_request")

		// The default manager is one as well.
		e = newPressed(t)
		d := e.newDefaultManager("default", 1)
		e.c.step(func(v *space) {
			v.have(va(10), 1)
			v.put(va(10), 'a')
			v.have(va(20), 1)
			v.put(va(20), 'b')
			v.have(va(21), 1)
			v.lies(extent{10, 11}, extent{20, 22}) // without one a region grows
		})
		e.squeeze()
		require.Equal(t, 2, d.count("create"))
		e.c.step(func(v *space) {
			v.have(va(11), 1)
			v.have(va(22), 1)
			v.lies(extent{10, 11}, extent{11, 12}, extent{20, 22}, extent{22, 23})
			v.put(va(11), 'c')
			v.first(va(10), 'a')
			v.first(va(20), 'b')
			v.first(va(11), 'c')
			v.first(va(22), 0)
		})
	})
	t.Run("shadow", func(t *testing.T) {
		s := newStage(t)
		parent := s.Task("a")
		s.In(parent, func(v *space) { v.fill(va(10), 2, 1) })
		s.In(s.Fork(parent), func(v *space) {
			v.put(va(10), 9)
			_, chain := v.inspect(va(10))
			require.Len(t, chain, 2)
			v.have(va(12), 1)
			v.lies(extent{10, 12}, extent{12, 13})
			v.first(va(12), 0)
		})
	})
	t.Run("copy", func(t *testing.T) {
		// Memory that was moved in a message has the object of its sender's sharing, of which a copy was made.
		s := newStage(t)
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(10), 1, 1)
			v.share(va(20), va(10), 1)
			r := v.take(va(20), page) // a delayed copy
			_, chain := v.inspect(va(20))
			require.NotZero(t, chain[0].Copy)
			v.have(va(21), 1)
			require.Contains(t, v.layout(), extent{21, 22})
			v.first(va(21), 0)
			v.holds(r.Address, 1)
		})
	})
	t.Run("paging in progress", func(t *testing.T) {
		e := newEMM(t)
		e.m.silent("data_request")
		e.c.step(func(v *space) { v.copyAt(va(10), e.c.port(e.m.port), 1) })
		reader := e.c.start("load", func(x *calls) mach.Return { return x.space().loads(va(10)) })
		reader.requireBlocked()
		e.c.step(func(v *space) {
			_, chain := v.inspect(va(10))
			require.NotZero(t, chain[0].Paging)
			v.have(va(11), 1)
			v.lies(extent{10, 11}, extent{11, 12})
			v.first(va(11), 0)
		})
		e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), 0, contents(0), supplied{})) })
		reader.requireDone()
	})
	t.Run("second reference", func(t *testing.T) {
		s := newStage(t)
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(10), 2, 1)
			v.ok(v.protect(va(11), page, mach.ProtRead)) // two regions of one object
			v.ok(v.protect(va(11), page, mach.ProtDefault))
			_, chain := v.inspect(va(11))
			require.Equal(t, 2, chain[0].Refs)
			v.have(va(12), 1)
			v.lies(extent{10, 11}, extent{11, 12}, extent{12, 13})
			v.first(va(12), 0)
		})
	})
}

// TestVM016_GrowthDiscardsLeftovers: Growing an object over a previously deallocated part discards
// leftover pages so that the new range reads zero.
func TestVM016_GrowthDiscardsLeftovers(t *testing.T) {
	for _, freed := range []bool{true, false} {
		value := map[bool]string{true: "true", false: "false"}[freed]
		s := newStage(t, withField("FreeUnmappedPages", value))
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(10), 3, 1)
			free := v.stats().Free
			v.ok(v.deallocate(va(11), 2*page))
			if freed {
				require.Equal(t, free+2, v.stats().Free)
			} else {
				require.Equal(t, free, v.stats().Free, "the pages are left over")
			}
			v.have(va(11), 2)
			v.lies(extent{10, 13})
			require.Equal(t, free+2, v.stats().Free)
			v.holds(va(10), 1, 0, 0)
		})
	}
}

// TestVM017_AllocateInNullTask: An allocation in a null task reports KERN_INVALID_ARGUMENT from the kernel
// routine and an invalid destination through IPC.
func TestVM017_AllocateInNullTask(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		child, ret := user.TaskCreate(v, v.target(), false)
		v.ok(ret)
		v.ok(user.TaskTerminate(v, child))
		for name, want := range map[mach.Name]mach.Return{
			mach.NameNull:  mach.SendInvalidDest,
			child:          mach.SendInvalidDest, // a dead name
			v.ThreadSelf(): mach.KernInvalidArgument,
			v.HostSelf():   mach.KernInvalidArgument,
		} {
			addr := va(1)
			v.is(want, user.VMAllocate(v, name, &addr, page, true))
			v.is(want, user.VMAllocate(v, name, &addr, page, false))
		}
		v.lies()
	})
}
