package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// refuses requires that vm_map of an object fails without telling its manager of it, and without an effect.
func (e *emm) refuses(code mach.Return, change func(p *placed)) {
	e.t.Helper()
	e.c.step(func(v *space) {
		for _, object := range []mach.Name{mach.NameNull, e.c.port(e.m.port)} {
			for _, fixed := range []bool{false, true} {
				v.unchanged(func() {
					p := usual(object, 1)
					p.addr, p.fixed = va(1), fixed
					change(&p)
					v.is(code, v.vmMap(&p))
				})
			}
		}
	})
	e.m.see()
}

// TestVM018_MapNothing: vm_map with size 0 returns KERN_INVALID_ARGUMENT.
func TestVM018_MapNothing(t *testing.T) {
	newEMM(t).refuses(mach.KernInvalidArgument, func(p *placed) { p.size = 0 })
}

// TestVM019_MapWithUnknownProtection: vm_map with a protection bit outside read/write/execute returns
// KERN_INVALID_ARGUMENT.
func TestVM019_MapWithUnknownProtection(t *testing.T) {
	e := newEMM(t)
	for _, bit := range []mach.Prot{mach.ProtNoChange, mach.ProtWantsCopy, 0x80, 1 << 31} {
		e.refuses(mach.KernInvalidArgument, func(p *placed) { p.cur |= bit })
		e.refuses(mach.KernInvalidArgument, func(p *placed) { p.max |= bit })
	}
	e.c.step(func(v *space) {
		p := usual(mach.NameNull, 1)
		p.cur, p.max = mach.ProtAll, mach.ProtAll
		v.ok(v.vmMap(&p))
	})
}

// TestVM020_MapWithUnknownInheritance: vm_map with an inheritance value other than share, copy or none
// returns KERN_INVALID_ARGUMENT.
func TestVM020_MapWithUnknownInheritance(t *testing.T) {
	e := newEMM(t)
	for _, inherit := range []mach.Inherit{3, 4, 1 << 31} {
		e.refuses(mach.KernInvalidArgument, func(p *placed) { p.inherit = inherit })
	}
	e.c.step(func(v *space) {
		for _, inherit := range []mach.Inherit{mach.InheritShare, mach.InheritCopy, mach.InheritNone} {
			p := usual(mach.NameNull, 1)
			p.inherit = inherit
			v.ok(v.vmMap(&p))
			require.Equal(t, inherit, v.region(p.addr).Inheritance)
		}
	})
}

// TestVM021_MapNullObject: vm_map with a null memory object yields zero-filled memory and ignores offset
// and copy.
func TestVM021_MapNullObject(t *testing.T) {
	s := newStage(t)
	dirtyFrames(s, 8)
	s.In(s.Task("a"), func(v *space) {
		for i, offset := range []mach.Offset{0, at(3), 5, at(1) + 17} {
			for j, copied := range []bool{false, true} {
				p := usualAt(va(20*i+10*j), mach.NameNull, 2)
				p.offset, p.copy = offset, copied
				v.ok(v.vmMap(&p))
				require.Zero(t, v.region(p.addr).Offset)
				v.holds(p.addr, 0, 0)
				v.put(p.addr, 1)
				v.first(p.addr, 1)
			}
		}
	})
}

// TestVM022_MapDeadObject: vm_map with a dead memory object port returns KERN_INVALID_OBJECT; with
// DeadObjectMapsZero it behaves like a null memory object.
func TestVM022_MapDeadObject(t *testing.T) {
	for _, zero := range []bool{false, true} {
		s := newStage(t, withField("DeadObjectMapsZero", fmt.Sprint(zero)))
		s.In(s.Task("a"), func(v *space) {
			dead := v.deadName(1)
			p := usualAt(va(10), dead, 1)
			p.offset = 5 // a null object has no offsets
			if !zero {
				p.offset = 0
				v.is(mach.KernInvalidObject, v.vmMap(&p))
				v.lies()
				return
			}
			v.ok(v.vmMap(&p))
			require.Zero(t, v.region(va(10)).Offset)
			v.holds(va(10), 0)
		})
	}
}

// TestVM023_MapForeignPort: vm_map of a port that belongs to another kind of kernel object returns
// KERN_INVALID_OBJECT.
func TestVM023_MapForeignPort(t *testing.T) {
	for _, code := range []mach.Return{mach.KernInvalidObject, mach.KernInvalidArgument} {
		e := newEMM(t, withField("ForeignPortCode", code.String()))
		control := mach.NameNull
		e.c.step(func(v *space) { v.mapAt(va(10), e.c.port(e.m.port), 1) })
		control = e.GiveSend(e.m.task, e.m.control(0), e.c.task)
		e.c.step(func(v *space) {
			for _, object := range []mach.Name{v.target(), v.ThreadSelf(), v.HostSelf(), v.privileged(), control} {
				for _, copied := range []bool{false, true} {
					p := usual(object, 1)
					p.copy = copied
					v.is(code, v.vmMap(&p))
				}
			}
			v.lies(extent{10, 11})
		})
		e.m.see("init(a)")
	}
}

// TestVM024_FixedAgainstMask: A fixed address with a bit of the mask set returns KERN_NO_SPACE.
func TestVM024_FixedAgainstMask(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, mask := range []mach.Addr{va(1), va(3), va(8), va(16) - 1, va(1) | 1<<40} {
			p := usualAt(va(9)|va(2), mach.NameNull, 1) // 11
			p.mask = mask
			v.unchanged(func() { v.is(mach.KernNoSpace, v.vmMap(&p)) })
		}
		for i, mask := range []mach.Addr{va(16) - 1, va(1), 1} {
			p := usualAt(va(16*(i+1)), mach.NameNull, 1)
			p.mask = mask
			v.ok(v.vmMap(&p))
			require.Equal(t, va(16*(i+1)), p.addr)
		}
	})
}

// TestVM025_ChosenAddressFitsMask: An address chosen by the kernel has no bit of the mask set.
func TestVM025_ChosenAddressFitsMask(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for i, c := range []struct{ hint, mask, want mach.Addr }{
			{0, va(16) - 1, va(0)},
			{0, va(16) - 1, va(16)},
			{va(17), va(16) - 1, va(32)},
			{va(33), va(2), va(33)},         // no alignment: one bit
			{va(34), va(2), va(36)},         // 34 and 35 have it
			{va(40), va(64) - 1, va(64)},    // above the hint
			{va(64), va(1) | va(4), va(66)}, // 64 is taken, 65 has a bit
		} {
			p := usual(mach.NameNull, 1)
			p.addr, p.mask = c.hint, c.mask
			v.ok(v.vmMap(&p))
			require.Zero(t, p.addr&c.mask, "case %d", i)
			require.Equal(t, c.want, p.addr, "case %d", i)
		}
	})
}

// TestVM026_MaskWraps: A mask whose rounding wraps the address space returns KERN_NO_SPACE and leaves the
// map unlocked.
func TestVM026_MaskWraps(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(0, 1) // the one address without bits
		for _, mask := range []mach.Addr{^mach.Addr(0), ^mach.Addr(0) - va(1) + 1, 1<<63 | (1<<63 - 1)} {
			p := usual(mach.NameNull, 1)
			p.addr, p.mask = va(1), mask
			v.is(mach.KernNoSpace, v.vmMap(&p))
			_, ret := v.allocateAnywhere(0, page)
			v.ok(ret)
		}
	})
}

// TestVM027_AnywhereSearchesUpward: vm_map anywhere searches upward from the supplied address and does not
// wrap to lower addresses.
func TestVM027_AnywhereSearchesUpward(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.have(va(100), 2)
		for _, c := range []struct {
			hint  mach.Addr
			pages int
			want  mach.Addr
		}{
			{va(50), 1, va(50)},
			{va(50), 1, va(51)},
			{va(98), 3, va(102)}, // the gap before is too small
			{va(100), 1, va(105)},
			{va(101) + 5, 1, va(106)},
			{va(90) + 5, 1, va(90)},
			{top - va(3), 2, top - va(3)},
			{top - va(3), 1, top - va(1)},
		} {
			p := usual(mach.NameNull, c.pages)
			p.addr = c.hint
			v.ok(v.vmMap(&p))
			require.Equal(t, c.want, p.addr)
		}
		for _, hint := range []mach.Addr{top - va(3), top - va(1), top, top + va(1), ^mach.Addr(0)} {
			p := usual(mach.NameNull, 1)
			p.addr = hint
			v.unchanged(func() { v.is(mach.KernNoSpace, v.vmMap(&p)) })
		}
	})
}

// TestVM028_FirstMappingSendsInit: The first mapping of a memory object sends exactly one
// memory_object_init with a fresh control port and the page size.
func TestVM028_FirstMappingSendsInit(t *testing.T) {
	e := newEMM(t)
	second := e.m.newObject()
	e.c.step(func(v *space) { v.mapAt(va(10), e.c.port(e.m.port), 2) })
	e.m.see("init(a)")
	e.c.step(func(v *space) { v.mapAt(va(20), e.c.port(second), 1) })
	e.m.see("init(a)")
	e.m.seeOn(second, "init(b)")
	require.NotEqual(t, e.m.control(0), e.m.control(1))
	for _, x := range e.m.all("init") {
		require.Equal(t, page, x.pageSize)
		require.Equal(t, mach.TypeSend, e.m.portType(x.control))
	}

	large := newEMM(t, withPageSize(4*page))
	large.c.step(func(v *space) { v.mapAt(va(12), large.c.port(large.m.port), 1) })
	require.Equal(t, 4*page, large.m.last("init").pageSize)
}

// TestVM029_MapWaitsForReady: vm_map of an external object does not return before the manager has declared
// the object ready, unless the thread is aborted (KERN_ABORTED) or the association ends
// (KERN_INVALID_OBJECT).
func TestVM029_MapWaitsForReady(t *testing.T) {
	for name, c := range map[string]struct {
		event func(e *emm, j *job)
		want  mach.Return
	}{
		"ready": {func(e *emm, _ *job) {
			e.m.do(func(x *calls) { x.ok(x.ready(e.m.control(0), e.m.readiness)) })
		}, mach.KernSuccess},
		"abort": {func(e *emm, j *job) { e.c.abort(j) }, mach.KernAborted},
		"destroy": {func(e *emm, _ *job) {
			e.m.do(func(x *calls) { x.ok(x.destroy(e.m.control(0), mach.KernFailure)) })
		}, mach.KernInvalidObject},
		"port dies": {func(e *emm, _ *job) {
			e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) })
		}, mach.KernInvalidObject},
		"manager dies": {func(e *emm, _ *job) { e.m.terminate() }, mach.KernInvalidObject},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			e.m.silent("init")
			j := e.c.startMap(e.m.port, 1)
			j.requireBlocked()
			e.m.see("init(a)")
			// An attribute call without a strategy does not make it ready.
			e.m.do(func(x *calls) {
				x.change(e.m.control(0), mach.FlavorPerformance, words(int32(page), 0), mach.NameNull)
			})
			j.requireBlocked()
			require.Zero(t, e.c.task.Map().Count())
			c.event(e, j)
			j.requireFails(c.want)
			if c.want == mach.KernSuccess {
				require.Equal(t, 1, e.c.task.Map().Count())
			} else {
				require.Zero(t, e.c.task.Map().Count())
			}
		})
	}
	t.Run("MapWaitsForReady=false", func(t *testing.T) {
		e := newEMM(t, withField("MapWaitsForReady", "false"))
		e.m.silent("init")
		e.c.startMap(e.m.port, 1).requireDone()
		e.m.see("init(a)")
	})
}

// TestVM030_SecondMappingSendsNothing: Mapping an already associated memory object again sends no message
// to the manager.
func TestVM030_SecondMappingSendsNothing(t *testing.T) {
	e := newEMM(t)
	object := e.c.port(e.m.port)
	e.c.step(func(v *space) { v.mapAt(va(10), object, 1) })
	e.c.step(func(v *space) {
		v.mapAt(va(20), object, 1)
		p := usualAt(va(30), object, 3)
		p.offset = at(5)
		v.ok(v.vmMap(&p))
		v.copyAt(va(40), object, 1)
	})
	other := e.newClient("other")
	other.step(func(v *space) { v.mapAt(va(10), other.port(e.m.port), 1) })
	e.m.see("init(a)")
	require.Equal(t, 4, e.k.VM().Mappings(e.object()))
}

// TestVM031_RacingMappers: Two tasks racing to map an unassociated object cause one init, and the loser
// waits until initialisation completes.
func TestVM031_RacingMappers(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	other := e.newClient("other")
	first, second := e.c.spawnMap(e.m.port, 1), other.spawnMap(e.m.port, 1)
	e.settle()
	first.requireBlocked()
	second.requireBlocked()
	e.m.see("init(a)")
	e.m.do(func(x *calls) { x.ok(x.ready(e.m.control(0), e.m.readiness)) })
	first.requireDone()
	second.requireDone()
	e.m.see("init(a)")
	require.Equal(t, 2, e.k.VM().Mappings(e.object()))

	underSeeds(t, 50, func(e *emm) {
		other := e.newClient("other")
		first, second := e.c.spawnMap(e.m.port, 1), other.spawnMap(e.m.port, 1)
		e.settle()
		first.requireDone()
		second.requireDone()
		e.m.see("init(a)")
		require.Equal(t, 2, e.k.VM().Mappings(e.object()))
	})
}

// TestVM032_MappingsShareWrites: Two mappings of one memory object at the same page alignment see each
// other's writes immediately.
func TestVM032_MappingsShareWrites(t *testing.T) {
	e := newEMM(t)
	object := e.c.port(e.m.port)
	other := e.newClient("other")
	other.step(func(v *space) { v.mapAt(va(77), other.port(e.m.port), 3) })
	e.c.step(func(v *space) {
		v.mapAt(va(10), object, 3)
		p := usualAt(va(20), object, 2)
		p.offset = at(1)
		v.ok(v.vmMap(&p))
		v.put(va(11), 'a')
		v.first(va(20), 'a')
		v.put(va(21)+5, 'b')
		v.first(va(12)+5, 'b')
		v.first(va(12), 3)
	})
	other.step(func(v *space) {
		v.first(va(78), 'a')
		v.first(va(79)+5, 'b')
		v.put(va(78), 'c')
	})
	e.c.step(func(v *space) {
		v.first(va(11), 'c')
		v.first(va(20), 'c')
	})
}

// TestVM033_CopyIsPrivate: Writes through a mapping made with copy=true are never seen by other mappings
// nor returned to the manager.
func TestVM033_CopyIsPrivate(t *testing.T) {
	for _, strategy := range []mach.CopyStrategy{mach.CopyNone, mach.CopyDelay} {
		e := newEMM(t)
		e.m.readiness.CopyStrategy = strategy
		object := e.c.port(e.m.port)
		e.c.step(func(v *space) {
			v.mapAt(va(10), object, 2)
			v.first(va(10), 1) // page 0 is resident, page 1 is not
			v.copyAt(va(20), object, 2)
			v.copyAt(va(30), object, 2)
			v.put(va(20), 'a')
			v.put(va(21), 'b')
			v.put(va(31), 'c')
			v.holds(va(10), 1, 2)
			v.first(va(30), 1)
			v.first(va(31), 'c')
			v.first(va(20), 'a')
			v.first(va(21), 'b')
			v.ok(v.deallocate(va(20), 2*page))
			v.ok(v.deallocate(va(30), 2*page))
			v.ok(v.deallocate(va(10), 2*page))
		})
		e.m.never("data_return")
		require.Equal(t, 1, e.m.count("terminate"))
	}
}

// TestVM034_DelayedCopyKeepsOldContents: Writes through a direct mapping made after a copy=true mapping
// are not visible in the copy when the strategy is delay.
func TestVM034_DelayedCopyKeepsOldContents(t *testing.T) {
	e := newEMM(t)
	object := e.c.port(e.m.port)
	e.c.step(func(v *space) {
		v.mapAt(va(10), object, 4)
		v.put(va(10), 'o') // resident and modified
		v.first(va(11), 2) // resident
		v.copyAt(va(20), object, 4)
		v.first(va(21), 2)
		for i := range 3 {
			v.put(va(10+i), 'x') // also one that is not resident
		}
		v.first(va(20), 'o')
		v.holds(va(21), 2, 3, 4)
		v.put(va(13), 'x') // after the copy has read it
		v.holds(va(23), 4)
		v.first(va(10), 'x')
	})
	other := e.newClient("other")
	other.step(func(v *space) {
		v.copyAt(va(10), other.port(e.m.port), 1)
		v.first(va(10), 'x')
	})
}

// TestVM035_CopyOfStrategyNoneFetches: A copy=true mapping of a strategy-none object fetches every page
// that is not resident from the manager before returning.
func TestVM035_CopyOfStrategyNoneFetches(t *testing.T) {
	e := newEMM(t)
	e.m.readiness.CopyStrategy = mach.CopyNone
	object := e.c.port(e.m.port)
	e.c.step(func(v *space) {
		v.mapAt(va(10), object, 4)
		v.put(va(12), 'x')
	})
	e.m.silent("data_request")
	copier := e.c.start("vm_map", func(x *calls) mach.Return {
		p := usualAt(va(20), object, 4).copied()
		return x.space().vmMap(&p)
	})
	for _, n := range []int{0, 1, 3} {
		copier.requireBlocked()
		require.Equal(t, at(n), e.m.last("data_request").offset)
		e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), at(n), contents(at(n)), supplied{})) })
	}
	copier.requireDone()
	e.m.see("init(a)", "data_request(a,2,rw-)", "data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,3,r--)")
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2)
		v.first(va(22), 'x')
		v.holds(va(23), 4)
	})
}

// TestVM036_FailedPlacementTerminates: If placement fails after a first mapping caused init, the object
// reference is dropped and, unless cachable, terminate follows.
func TestVM036_FailedPlacementTerminates(t *testing.T) {
	for _, cachable := range []bool{false, true} {
		e := newEMM(t)
		e.m.readiness.MayCache = cachable
		e.c.step(func(v *space) {
			v.have(va(10), 1)
			p := usualAt(va(9), e.c.port(e.m.port), 2)
			v.is(mach.KernNoSpace, v.vmMap(&p))
			v.lies(extent{10, 11})
		})
		if cachable {
			e.m.see("init(a)")
			require.Zero(t, e.info().Refs)
		} else {
			e.m.see("init(a)", "terminate(a)")
			require.Zero(t, e.k.VM().References(e.object()))
		}
	}
}
