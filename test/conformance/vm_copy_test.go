package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestVM072_ReadNothing: vm_read of size 0 succeeds.
func TestVM072_ReadNothing(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 1, 1)
		v.ok(v.protect(va(10), page, mach.ProtNone))
		v.unchanged(func() {
			for _, addr := range []mach.Addr{va(10), va(10) + 5, va(50), ^mach.Addr(0)} {
				r, ret := v.vmRead(addr, 0)
				v.ok(ret)
				require.Zero(t, r.Size)
			}
		})
	})
}

// TestVM073_ReadHole: vm_read of a range with a hole returns KERN_INVALID_ADDRESS.
func TestVM073_ReadHole(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 2, 1)
		v.fill(va(13), 2, 3)
		v.unchanged(func() {
			for _, c := range []struct {
				addr mach.Addr
				size mach.Size
			}{
				{va(20), 1}, {va(10) - 1, 2}, {va(12) - 1, 2}, {va(10), 5 * page}, {va(13), 2*page + 1}, {va(12), page},
			} {
				_, ret := v.vmRead(c.addr, c.size)
				v.is(mach.KernInvalidAddress, ret)
			}
		})
		r := v.take(va(10), 2*page)
		v.holds(r.Address, 1, 2)
	})
}

// TestVM074_ReadUnreadable: vm_read of a range that lacks read permission returns KERN_PROTECTION_FAILURE.
func TestVM074_ReadUnreadable(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 3, 1)
		for _, prot := range []mach.Prot{mach.ProtNone, mach.ProtWrite, mach.ProtExecute} {
			v.ok(v.protect(va(11), page, prot))
			for _, r := range []extent{{11, 12}, {10, 12}, {10, 13}} {
				v.unchanged(func() {
					_, ret := v.vmRead(va(r.start), mach.Size(r.end-r.start)*page)
					v.is(mach.KernProtectionFailure, ret)
				})
			}
		}
		v.ok(v.protect(va(11), page, mach.ProtRead))
		r := v.take(va(10), 3*page)
		v.holds(r.Address, 1, 2, 3)
		v.ok(v.protectMax(va(11), page, mach.ProtWrite))
		_, ret := v.vmRead(va(11), 1)
		v.is(mach.KernProtectionFailure, ret)

		above := usualAt(va(20), mach.NameNull, 1) // a current protection above the maximum
		above.max = mach.ProtWrite
		v.ok(v.vmMap(&above))
		v.first(va(20), 0)
		_, ret = v.vmRead(va(20), 1)
		v.is(mach.KernProtectionFailure, ret)
	})
}

// TestVM075_ReadWraps: vm_read of a range that wraps returns KERN_INVALID_ADDRESS.
func TestVM075_ReadWraps(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(0), 1, 1)
		v.fill(va(10), 1, 1)
		v.unchanged(func() {
			for _, size := range []mach.Size{^mach.Size(0), -mach.Size(va(10)), -mach.Size(va(10)) + 1, -mach.Size(va(10)) - 1} {
				_, ret := v.vmRead(va(10), size)
				v.is(mach.KernInvalidAddress, ret)
			}
			_, ret := v.vmRead(^mach.Addr(0), 2)
			v.is(mach.KernInvalidAddress, ret)
		})
	})
}

// TestVM076_ReadKeepsOffsetInPage: Data obtained with vm_read keeps the in-page offset of the source
// address.
func TestVM076_ReadKeepsOffsetInPage(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 4)
		all := pattern(int(4 * page))
		v.write(va(10), all)
		for _, c := range []struct {
			in   mach.Addr
			size mach.Size
		}{
			{0, page}, {1, 1}, {0x123, page}, {mach.Addr(page) - 1, 2}, {0x800, 3 * page}, {mach.Addr(page) + 7, 2*page + 5},
		} {
			r := v.take(va(10)+c.in, c.size)
			require.Equal(t, c.in%va(1), r.Address%va(1))
			require.Equal(t, c.size, r.Size)
			require.Equal(t, all[c.in:c.in+mach.Addr(c.size)], v.read(r.Address, int(c.size)))
		}
	})
}

// TestVM077_ReadIsSnapshot: Later writes in the source task do not alter data obtained with vm_read.
func TestVM077_ReadIsSnapshot(t *testing.T) {
	for _, strategy := range []mach.CopyStrategy{mach.CopyNone, mach.CopyDelay} {
		e := newEMM(t)
		e.m.readiness.CopyStrategy = strategy
		e.c.step(func(v *space) {
			v.fill(va(10), 3, 1)
			v.mapAt(va(20), e.c.port(e.m.port), 3)
			v.first(va(21), 2) // one page is resident
			v.have(va(30), 3)  // never touched
			v.fill(va(40), 3, 1)
			v.share(va(50), va(40), 3)
		})
		source := mach.NameNull
		reader := e.newClient("reader")
		source = e.GiveTaskPort(e.c.task, reader.task)
		var got []mach.Region
		reader.step(func(v *space) {
			for _, base := range []mach.Addr{va(10), va(20), va(30), va(40)} {
				got = append(got, v.of(source).take(base, 3*page))
			}
		})
		e.c.step(func(v *space) {
			for _, base := range []mach.Addr{va(10), va(20), va(30), va(50)} {
				v.write(base, fillOf('x'))
				v.write(base+va(2), fillOf('x'))
			}
		})
		reader.step(func(v *space) {
			v.holds(got[0].Address, 1, 2, 3)
			v.holds(got[1].Address, 1, 2, 3)
			v.holds(got[2].Address, 0, 0, 0)
			v.holds(got[3].Address, 1, 2, 3)
			for _, r := range got { // nor the other way
				v.write(r.Address+va(1), fillOf('y'))
			}
		})
		e.c.step(func(v *space) {
			v.holds(va(10), 'x', 2, 'x')
			v.holds(va(20), 'x', 2, 'x')
			v.holds(va(30), 'x', 0, 'x')
			v.holds(va(40), 'x', 2, 'x')
		})
	}
}

// TestVM078_WriteUnwritable: vm_write to a range without write permission returns
// KERN_PROTECTION_FAILURE.
func TestVM078_WriteUnwritable(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 3, 1)
		v.fill(va(20), 3, 0x71)
		for _, prot := range []mach.Prot{mach.ProtNone, mach.ProtRead, mach.ProtRead | mach.ProtExecute} {
			v.ok(v.protect(va(11), page, prot))
			for _, c := range []struct {
				addr mach.Addr
				size mach.Size
			}{{va(11), page}, {va(11) + 5, 1}, {va(10), 3 * page}, {va(10) + 1, page}} {
				v.is(mach.KernProtectionFailure, v.vmWrite(c.addr, va(20), c.size))
			}
			v.ok(v.protect(va(11), page, mach.ProtDefault))
			v.holds(va(10), 1, 2, 3) // the range is checked before anything is written
		}
		v.ok(v.protect(va(11), page, mach.ProtWrite))
		v.ok(v.vmWrite(va(11), va(20), page)) // write alone will do
		v.ok(v.protect(va(11), page, mach.ProtRead))
		v.holds(va(10), 1, 0x71, 3)
	})
}

// TestVM079_WriteHole: vm_write to a range with a hole returns KERN_INVALID_ADDRESS.
func TestVM079_WriteHole(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 2, 1)
		v.fill(va(13), 2, 4)
		v.fill(va(20), 6, 0x71)
		for _, c := range []struct {
			addr mach.Addr
			size mach.Size
		}{
			{va(12), 1}, {va(9), 2 * page}, {va(10) - 1, 2}, {va(11), 2 * page}, {va(10), 5 * page}, {va(14), page + 1},
		} {
			v.is(mach.KernInvalidAddress, v.vmWrite(c.addr, va(20), c.size))
			v.holds(va(10), 1, 2)
			v.holds(va(13), 4, 5)
		}
		require.Equal(t, []extent{{10, 12}, {13, 15}}, v.layout()[:2])
	})
}

// TestVM080_WriteKeepsAttributes: vm_write keeps protection and inheritance of the destination.
func TestVM080_WriteKeepsAttributes(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(20), 2, 0x71)
		for i, write := range []func(to mach.Addr){
			func(to mach.Addr) { v.ok(v.vmWrite(to, va(20), 2*page)) },
			func(to mach.Addr) { v.ok(v.vmWrite(to+1, va(20)+5, page)) },
			func(to mach.Addr) { v.ok(v.vmCopy(va(20), 2*page, to)) },
		} {
			to := va(100 + 10*i)
			v.have(to, 2)
			v.ok(v.protectMax(to, page, mach.ProtDefault))
			v.ok(v.protect(to+va(1), page, mach.ProtAll))
			v.ok(v.inherit(to, page, mach.InheritNone))
			v.ok(v.inherit(to+va(1), page, mach.InheritShare))
			v.keepsAttributes(func() { write(to) })
			require.EqualValues(t, []byte{0x71}, v.read(to+1, 1))
		}
	})
}

// TestVM081_AlignedWriteMovesObject: An aligned vm_write over unshared, unwired anonymous memory replaces
// the destination object by the source object.
func TestVM081_AlignedWriteMovesObject(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(20), 2, 0x71)
		source, _ := v.inspect(va(20))

		for _, touched := range []bool{true, false} {
			v.have(va(10), 2)
			if touched {
				v.fill(va(12), 1, 9) // of the same object
				v.put(va(10), 1)
			}
			free := v.stats().Free
			v.ok(v.vmWrite(va(10), va(20), 2*page))
			e, _ := v.inspect(va(10))
			require.Equal(t, source.Object, e.Object)
			require.GreaterOrEqual(t, v.stats().Free, free, "nothing was copied")
			v.holds(va(10), 0x71, 0x72)
			v.put(va(10), 'x')
			v.put(va(21), 'y')
			v.first(va(20), 0x71)
			v.first(va(11), 0x72)
			v.put(va(21), 0x72)
			v.ok(v.deallocate(va(10), 3*page))
			source, _ = v.inspect(va(20)) // the write gave it a shadow
		}

		for name, c := range map[string]struct {
			at, from mach.Addr
			prepare  func()
		}{
			"unaligned": {1, 0, func() {}},
			"wired":     {0, 0, func() { v.wired(va(10), 2) }},
			"shared":    {0, 0, func() { v.share(va(30), va(10), 2) }},
		} {
			v.fill(va(10), 2, 1)
			c.prepare()
			before, _ := v.inspect(va(10))
			v.ok(v.vmWrite(va(10)+c.at, va(20)+c.from, page))
			after, _ := v.inspect(va(10))
			require.Equal(t, before.Object, after.Object, name)
			v.first(va(10)+c.at, 0x71)
			v.ok(v.deallocate(va(10), 2*page))
			v.ok(v.deallocate(va(30), 2*page))
		}
	})
}

// TestVM082_WriteIntoMemoryObject: vm_write over a mapping of a permanent memory object copies bytes into
// that object so that its manager sees them.
func TestVM082_WriteIntoMemoryObject(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	other.step(func(v *space) { v.mapAt(va(50), other.port(e.m.port), 3) })
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 3)
		v.fill(va(20), 3, 0x71)
		v.ok(v.vmWrite(va(11), va(20), page))       // a page
		v.ok(v.vmWrite(va(12)+5, va(21)+5, page/2)) // a part of one
		for i := range 3 {
			region, _ := v.inspect(va(10 + i))
			require.Equal(t, e.info().ID, region.Object)
		}
	})
	other.step(func(v *space) {
		v.holds(va(51), 0x71)
		v.first(va(52), 3)
		v.first(va(52)+5, 0x72)
		v.ok(v.deallocate(va(50), 3*page))
	})
	e.c.step(func(v *space) { v.ok(v.deallocate(va(10), 3*page)) })
	require.Equal(t, fillOf(0x71), e.m.kept[at(1)])
	want := fillOf(3)
	copy(want[5:5+page/2], fillOf(0x72))
	require.Equal(t, want, e.m.kept[at(2)])
	require.NotContains(t, e.m.kept, at(0))
}

// TestVM083_WriteToShared: vm_write over memory shared by inheritance is seen by all sharers.
func TestVM083_WriteToShared(t *testing.T) {
	s := newStage(t)
	parent := s.Task("parent")
	s.In(parent, func(v *space) {
		v.fill(va(10), 3, 1)
		v.ok(v.inherit(va(10), 3*page, mach.InheritShare))
		v.fill(va(20), 3, 0x71)
	})
	child := s.Fork(parent)
	third := s.Fork(child)
	s.In(child, func(v *space) {
		v.ok(v.vmWrite(va(10), va(20), page))
		v.ok(v.vmWrite(va(11)+9, va(20), 7))
	})
	for _, task := range []*task{parent, child, third} {
		s.In(task, func(v *space) {
			v.holds(va(10), 0x71)
			v.first(va(11), 2)
			v.first(va(11)+9, 0x71)
			v.first(va(11)+16, 2)
		})
	}
	s.In(parent, func(v *space) { v.ok(v.vmCopy(va(21), page, va(12))) })
	s.In(third, func(v *space) { v.holds(va(12), 0x72) })
}

// TestVM084_CopyOverlapping: vm_copy with overlapping ranges behaves as if the source had been captured
// first.
func TestVM084_CopyOverlapping(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		for _, c := range []struct {
			from, to int
			size     int
		}{
			{0, int(page), int(4 * page)},
			{int(page), 0, int(4 * page)},
			{0, int(2 * page), int(3 * page)},
			{0, 100, int(4 * page)},
			{100, 0, int(4 * page)},
			{int(page) + 5, 7, int(3 * page)},
			{7, int(page) + 5, int(3 * page)},
			{3, 4, 10},
		} {
			want := pattern(int(6 * page))
			v.have(va(10), 6)
			v.write(va(10), want)
			v.ok(v.vmCopy(va(10)+mach.Addr(c.from), mach.Size(c.size), va(10)+mach.Addr(c.to)))
			copy(want[c.to:c.to+c.size], want[c.from:c.from+c.size])
			require.Equal(t, want, v.read(va(10), int(6*page)), "%v", c)
			v.ok(v.deallocate(va(10), 6*page))
		}
	})
}

// TestVM085_CopyOntoItself: vm_copy of a range onto itself changes nothing and succeeds.
func TestVM085_CopyOntoItself(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.have(va(10), 4)
		v.mapAt(va(20), e.c.port(e.m.port), 4)
		v.have(va(30), 4)
		v.wired(va(30), 4)
		v.have(va(40), 4)
		v.share(va(50), va(40), 4)
		all := pattern(int(4 * page))
		for _, base := range []mach.Addr{va(10), va(20), va(30), va(40)} {
			v.write(base, all)
			v.keepsAttributes(func() {
				v.ok(v.vmCopy(base, 4*page, base))
				v.ok(v.vmCopy(base+va(1), page, base+va(1)))
				v.ok(v.vmCopy(base+5, 2*page+3, base+5))
			})
			require.Equal(t, all, v.read(base, len(all)))
			v.put(base, all[0]) // it can still be written
		}
		require.Equal(t, all, v.read(va(50), len(all)))
	})
}

// TestVM086_RemapShares: vm_remap without copy makes later writes on either side visible on the other.
func TestVM086_RemapShares(t *testing.T) {
	e := newEMM(t)
	parent := e.newTask("parent")
	e.In(parent, func(v *space) { v.fill(va(60), 2, 1) })
	pending := e.Fork(parent) // va(60) is a pending copy there
	other := e.newTask("other")
	for _, task := range []*task{e.c.task, pending} {
		target := e.GiveTaskPort(other, task)
		e.In(task, func(v *space) {
			var bases []mach.Addr
			if task == e.c.task {
				v.fill(va(10), 2, 1)
				v.mapAt(va(20), e.c.port(e.m.port), 2)
				v.have(va(30), 2) // never touched
				bases = []mach.Addr{va(10), va(20), va(30)}
			} else {
				bases = []mach.Addr{va(60)}
			}
			for _, base := range bases {
				was := v.read(base+va(1), 1)[0]
				v.share(base+va(5), base, 2)
				v.ok(v.of(target).remap(&remapped{addr: base, source: base, size: 2 * page}))
				v.first(base+va(6), was)
				v.put(base, 'a')
				v.first(base+va(5), 'a')
				v.put(base+va(6), 'b')
				v.first(base+va(1), 'b')
			}
		})
	}
	e.In(other, func(v *space) {
		for _, base := range []mach.Addr{va(10), va(20), va(30), va(60)} {
			v.first(base, 'a')
			v.first(base+va(1), 'b')
			v.put(base, 'c')
		}
	})
	e.c.step(func(v *space) {
		for _, base := range []mach.Addr{va(10), va(20), va(30)} {
			v.first(base, 'c')
			v.first(base+va(5), 'c')
		}
	})
	e.In(parent, func(v *space) { v.holds(va(60), 1, 2) })
}

// TestVM087_RemapCopies: vm_remap with copy isolates the two sides.
func TestVM087_RemapCopies(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 4, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 4)
		v.have(va(30), 4)
		v.fill(va(40), 4, 1)
		v.wired(va(40), 4)
		for _, base := range []mach.Addr{va(10), va(20), va(30), va(40)} {
			v.ok(v.remap(&remapped{addr: base + va(5), source: base, size: 3 * page, copy: true, inherit: mach.InheritCopy}))
			require.Equal(t, mach.InheritCopy, v.region(base+va(5)).Inheritance)
			require.Equal(t, 3*page, v.region(base+va(5)).Size)
			second := byte(2)
			if base == va(30) {
				second = 0
			}
			v.first(base+va(6), second)
			v.put(base, 'a')
			v.put(base+va(6), 'b')
			v.isNot('a', mach.Return(v.read(base+va(5), 1)[0]))
			v.first(base+va(1), second)
			v.first(base, 'a')
			v.first(base+va(6), 'b')
		}
	})
	e.m.never("data_return")
}

// TestVM088_RemapIntersectsProtections: vm_remap returns the intersection of current and of maximum
// protections over all source entries.
func TestVM088_RemapIntersectsProtections(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 4)
		v.ok(v.protectMax(va(11), page, mach.ProtRead|mach.ProtExecute)) // r--/r-x
		v.ok(v.protectMax(va(12), page, mach.ProtDefault))               // rw-/rw-
		v.ok(v.protect(va(13), page, mach.ProtWrite))                    // -w-/rwx
		for i, c := range []struct {
			start, end int
			cur, max   mach.Prot
		}{
			{10, 11, mach.ProtDefault, mach.ProtAll},
			{11, 12, mach.ProtRead, mach.ProtRead | mach.ProtExecute},
			{10, 12, mach.ProtRead, mach.ProtRead | mach.ProtExecute},
			{10, 13, mach.ProtRead, mach.ProtRead},
			{12, 14, mach.ProtWrite, mach.ProtDefault},
			{10, 14, mach.ProtNone, mach.ProtRead},
		} {
			for j, copied := range []bool{false, true} {
				if copied && c.end == 14 {
					continue // the last page cannot be read
				}
				r := remapped{addr: va(100 + 20*i + 10*j), source: va(c.start), size: mach.Size(c.end-c.start) * page, copy: copied}
				v.ok(v.remap(&r))
				require.Equal(t, []mach.Prot{c.cur, c.max}, []mach.Prot{r.cur, r.max}, "case %d", i)
				for n := c.start; n < c.end; n++ { // the regions keep their own
					from, to := v.region(va(n)), v.region(r.addr+va(n-c.start))
					require.Equal(t, []mach.Prot{from.Protection, from.MaxProtection}, []mach.Prot{to.Protection, to.MaxProtection})
				}
			}
		}
	})
}

// TestVM089_RemapBadArguments: vm_remap with size 0 or bad inheritance returns KERN_INVALID_ARGUMENT.
func TestVM089_RemapBadArguments(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 2, 1)
		v.unchanged(func() {
			for _, copied := range []bool{false, true} {
				v.is(mach.KernInvalidArgument, v.remap(&remapped{addr: va(20), source: va(10), copy: copied}))
				v.is(mach.KernInvalidArgument, v.remap(&remapped{addr: va(20), source: va(10), size: page, copy: copied, inherit: 3}))
				v.is(mach.KernInvalidArgument, v.remap(&remapped{addr: va(20), source: va(10), size: page, copy: copied, inherit: 1 << 31}))
			}
		})
		_, chain := v.inspect(va(10))
		require.Equal(t, 1, chain[0].Refs)
	})
}

// TestVM090_RemapHole: vm_remap over a source hole returns KERN_INVALID_ADDRESS and leaves no extra
// references.
func TestVM090_RemapHole(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 2)
		v.fill(va(12), 1, 1)
		before := v.layout()
		for _, copied := range []bool{false, true} {
			for _, r := range []extent{{10, 14}, {12, 14}, {9, 11}, {20, 21}} {
				v.is(mach.KernInvalidAddress, v.remap(&remapped{addr: va(30), source: va(r.start), size: mach.Size(r.end-r.start) * page, copy: copied}))
			}
		}
		require.Equal(t, before, v.layout())
		require.Equal(t, 1, e.k.VM().References(e.object()))
		_, chain := v.inspect(va(12))
		require.Equal(t, 1, chain[0].Refs)
		v.first(va(12), 1)
		v.ok(v.deallocate(va(10), 2*page))
	})
	e.m.last("terminate")
}
