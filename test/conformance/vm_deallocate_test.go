package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestVM043_DeallocateNothing: vm_deallocate of size 0 succeeds for any address.
func TestVM043_DeallocateNothing(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 1, 1)
		v.unchanged(func() {
			for _, addr := range []mach.Addr{0, va(10), va(10) + 5, va(50), top - 1, top, ^mach.Addr(0)} {
				v.ok(v.deallocate(addr, 0))
			}
		})
		v.holds(va(10), 1)
	})
}

// TestVM044_DeallocateUnallocated: vm_deallocate of a never allocated range succeeds.
func TestVM044_DeallocateUnallocated(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.ok(v.deallocate(va(1), page))
		v.fill(va(10), 1, 1)
		v.fill(va(20), 1, 2)
		v.unchanged(func() {
			v.ok(v.deallocate(va(1), 9*page))
			v.ok(v.deallocate(va(11), 9*page))
			v.ok(v.deallocate(va(30), mach.Size(top-va(30))))
			v.ok(v.deallocate(top, page))
			v.ok(v.deallocate(top+va(7), 1))
		})
		v.ok(v.deallocate(va(5), 20*page)) // holes in front, between and behind
		v.lies()
		v.ok(v.deallocate(va(5), 20*page)) // again
	})
}

// TestVM045_DeallocateTouchedPages: vm_deallocate removes every page that the byte range touches.
func TestVM045_DeallocateTouchedPages(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for i, c := range []struct {
			addr mach.Addr
			size mach.Size
			gone extent
		}{
			{va(2), page, extent{2, 3}},
			{va(2) + 1, 1, extent{2, 3}},
			{va(2) + 1, page, extent{2, 4}},
			{va(3) - 1, 2, extent{2, 4}},
			{va(2), page + 1, extent{2, 4}},
			{va(3) - 1, page + 2, extent{2, 5}},
		} {
			base := va(10 * (i + 1))
			v.have(base, 6)
			v.ok(v.deallocate(base+c.addr, c.size))
			var left []extent
			for _, r := range v.layout() {
				if n := 10 * (i + 1); r.start >= n {
					left = append(left, extent{r.start - n, r.end - n})
				}
			}
			require.Equal(t, []extent{{0, c.gone.start}, {c.gone.end, 6}}, left, "case %d", i)
		}
	})
}

// TestVM046_DeallocateWraps: vm_deallocate of a range that wraps the address space returns
// KERN_INVALID_ARGUMENT.
func TestVM046_DeallocateWraps(t *testing.T) {
	for _, clamps := range []bool{false, true} {
		s := newStage(t, withField("WrapClamps", fmt.Sprint(clamps)))
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(0), 1, 1)
			v.fill(va(10), 1, 2)
			want := mach.KernInvalidArgument
			if clamps {
				want = mach.KernSuccess // and nothing is done
			}
			v.unchanged(func() {
				v.is(want, v.deallocate(va(10), ^mach.Size(0)))
				v.is(want, v.deallocate(^mach.Addr(0), 2))
				v.is(want, v.deallocate(^mach.Addr(0)-va(1)+1, 2*page))
			})
			v.first(va(0), 1)
			v.first(va(10), 2)
		})
	}
}

// TestVM047_DeallocateToTheTop: vm_deallocate of a range whose end rounds exactly to zero succeeds.
func TestVM047_DeallocateToTheTop(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, c := range []struct {
			addr mach.Addr
			size mach.Size
		}{
			{va(10), -mach.Size(va(10))},                  // ends at 2^64
			{va(10), -mach.Size(va(10)) - page + 1},       // in the last page
			{va(10) + 1, -mach.Size(va(10)) - 1 - page/2}, // likewise
		} {
			v.fill(va(5), 1, 1)
			v.have(va(10), 3)
			v.have(va(100), 1)
			v.ok(v.deallocate(c.addr, c.size))
			v.lies(extent{5, 6})
			v.first(va(5), 1)
			v.ok(v.deallocate(va(5), page))
		}
		v.ok(v.deallocate(^mach.Addr(0)-99, 100))
		v.ok(v.deallocate(^mach.Addr(0)-99, 50))
	})
}

// TestVM048_AccessAfterDeallocate: After vm_deallocate an access to the range raises an exception with
// KERN_INVALID_ADDRESS.
func TestVM048_AccessAfterDeallocate(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 3, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 3)
		v.put(va(21), 1)
		for _, base := range []mach.Addr{va(10), va(20)} {
			v.ok(v.deallocate(base+va(1), page))
			v.raises(v.Load(base+va(1)+7, make([]byte, 1)), mach.KernInvalidAddress, base+va(1)+7)
			v.raises(v.Store(base+va(2)-1, []byte{1}), mach.KernInvalidAddress, base+va(2)-1)
			_, err := v.Load64(base + va(1))
			v.raises(err, mach.KernInvalidAddress, base+va(1))
			v.raises(v.Store64(base+va(1), 1), mach.KernInvalidAddress, base+va(1))
			v.ok(v.loads(base))
			v.ok(v.stores(base+va(2), 1))
		}
	})
}

// TestVM049_DeallocateInOneTask: vm_deallocate in one task does not affect mappings of the same object in
// other tasks.
func TestVM049_DeallocateInOneTask(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	other.step(func(v *space) { v.mapAt(va(10), other.port(e.m.port), 2) })
	e.c.step(func(v *space) {
		v.mapAt(va(30), e.c.port(e.m.port), 2)
		v.put(va(30), 'x')
		v.fill(va(10), 2, 1)
		v.ok(v.inherit(va(10), 2*page, mach.InheritShare))
	})
	other.step(func(v *space) { v.first(va(10), 'x') })
	child := e.Fork(e.c.task)
	e.In(child, func(v *space) { v.first(va(10), 1) })
	e.c.step(func(v *space) { v.ok(v.deallocate(0, 100*page)) })
	e.In(child, func(v *space) {
		v.holds(va(10), 1, 2)
		v.put(va(10), 7)
		v.ok(v.deallocate(0, 100*page))
	})
	other.step(func(v *space) {
		v.first(va(10), 'x')
		v.first(va(11), 2)
		v.put(va(11), 'y')
	})
	e.m.never("terminate")
	require.Equal(t, 1, e.k.VM().Mappings(e.object()))
	require.Equal(t, 1, e.k.VM().References(e.object()))
}

// TestVM050_DeallocateUserWired: vm_deallocate removes user wirings however often the range was wired.
func TestVM050_DeallocateUserWired(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 3)
		v.wired(va(10), 3)
		v.wired(va(10), 3)
		v.wired(va(11), 1)
		require.EqualValues(t, 3, v.region(va(11)).UserWiredCount)
		require.Equal(t, 3, v.stats().Wired)
		v.ok(v.deallocate(va(11), page))
		v.lies(extent{10, 11}, extent{12, 13})
		require.Equal(t, 2, v.stats().Wired)
		v.ok(v.deallocate(va(10), 3*page))
		v.lies()
		require.Zero(t, v.stats().Wired)
	})
}

// TestVM051_DeallocateKernelWired: vm_deallocate of a range holding a kernel wiring returns KERN_FAILURE.
func TestVM051_DeallocateKernelWired(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		m := v.own().Map()
		v.fill(va(10), 5, 1)
		v.ok(m.WireKernel(v.sched(), va(12), page, mach.ProtDefault))
		v.wired(va(12), 1) // a wiring of the user beside it
		v.is(mach.KernFailure, v.deallocate(va(12), page))
		v.is(mach.KernFailure, v.deallocate(va(10), 5*page))
		v.lies(extent{12, 13}, extent{13, 15}) // what came before it has been removed
		v.holds(va(12), 3, 4, 5)
		require.Equal(t, 1, v.stats().Wired)
		v.ok(m.WireKernel(v.sched(), va(12), page, mach.ProtNone))
		v.ok(v.deallocate(va(10), 5*page))
		v.lies()
		require.Zero(t, v.stats().Wired)
	})
}

// TestVM052_DeallocateWaitsForWiring: vm_deallocate waits for an entry that another thread is wiring.
func TestVM052_DeallocateWaitsForWiring(t *testing.T) {
	e := newEMM(t)
	e.m.silent("data_request")
	e.c.step(func(v *space) {
		v.have(va(9), 1)
		v.mapAt(va(10), e.c.port(e.m.port), 2)
	})
	wirer := e.c.start("vm_wire", func(x *calls) mach.Return { return x.space().wire(va(10), 2*page, mach.ProtRead) })
	wirer.requireBlocked()
	killer := e.c.start("vm_deallocate", func(x *calls) mach.Return { return x.space().deallocate(va(9), 3*page) })
	killer.requireBlocked()
	e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), 0, contents(0), supplied{})) })
	wirer.requireBlocked()
	killer.requireBlocked()
	e.m.never("terminate")
	require.NotZero(t, e.k.VM().Mappings(e.object()))
	e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), at(1), contents(at(1)), supplied{})) })
	wirer.requireDone()
	killer.requireDone()
	e.c.step(func(v *space) {
		v.lies()
		require.Zero(t, v.stats().Wired)
	})
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)", "terminate(a)")
}

// TestVM053_DeallocateMiddle: Deallocating the middle of a region leaves two regions, each holding a
// reference to the object.
func TestVM053_DeallocateMiddle(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 4)
		v.fill(va(20), 4, 1)
		require.Equal(t, 1, e.k.VM().References(e.object()))
		v.ok(v.deallocate(va(11), 2*page))
		v.ok(v.deallocate(va(21), 2*page))
		v.lies(extent{10, 11}, extent{13, 14}, extent{20, 21}, extent{23, 24})
		require.Equal(t, 2, e.k.VM().References(e.object()))
		require.Equal(t, 2, e.k.VM().Mappings(e.object()))
		left, chain := v.inspect(va(20))
		right, _ := v.inspect(va(23))
		require.Equal(t, left.Object, right.Object)
		require.Equal(t, at(3), right.Offset-left.Offset)
		require.Equal(t, 2, chain[0].Refs)
		v.holds(va(10), 1)
		v.holds(va(13), 4)
		v.holds(va(20), 1)
		v.holds(va(23), 4)
		v.ok(v.deallocate(va(10), page))
	})
	e.m.never("terminate")
	e.c.step(func(v *space) {
		v.ok(v.deallocate(va(13), page))
		v.holds(va(20), 1)
		v.ok(v.deallocate(va(20), page))
		v.holds(va(23), 4)
	})
	e.m.last("terminate")
}

// TestVM054_MappingsGoBeforeReference: MMU mappings of a deallocated range are gone before the object
// reference is dropped.
func TestVM054_MappingsGoBeforeReference(t *testing.T) {
	for _, point := range []string{"association-broken", "before-data-return", "before-terminate"} {
		t.Run(point, func(t *testing.T) {
			e := newEMM(t)
			e.c.step(func(v *space) {
				v.mapAt(va(10), e.c.port(e.m.port), 2)
				v.put(va(10), 'x')
				v.put(va(11), 'y')
				v.ok(v.loads(va(11)))
			})
			reader := e.at(point, e.c.task, func(x *calls) {
				e.m.never("terminate")
				v := x.space()
				for i := range 2 {
					v.is(mach.KernInvalidAddress, v.loads(va(10+i)))
					v.is(mach.KernInvalidAddress, v.stores(va(10+i), 'z'))
				}
			})
			e.c.step(func(v *space) { v.ok(v.deallocate(va(10), 2*page)) })
			reader.requireDone()
			e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)", "data_return(a,0,dirty)", "data_return(a,1,dirty)", "terminate(a)")
			require.EqualValues(t, 'x', e.m.kept[0][0])
			require.EqualValues(t, 'y', e.m.kept[at(1)][0])
		})
	}
}
