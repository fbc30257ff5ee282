package vm

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// VM-001 to VM-014.
func TestAllocate(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := mach.Addr(12345)
		require.Equal(t, ok, m.Allocate(th, &a, 0, false))
		require.Zero(t, a)
		require.Zero(t, m.Count())

		a = 10*pg + 5
		require.Equal(t, ok, m.Allocate(th, &a, pg+1, false))
		require.Equal(t, mach.Addr(10*pg), a)
		require.Equal(t, [][2]mach.Addr{{10 * pg, 12 * pg}}, regions(m))
		require.Equal(t, string(make([]byte, 2*pg)), load(t, th, m, a, 2*pg))

		require.Equal(t, noSpace, m.Allocate(th, &a, pg, false))
		b := mach.Addr(9 * pg)
		require.Equal(t, noSpace, m.Allocate(th, &b, 2*pg, false))
		b = m.max - pg
		require.Equal(t, badAddr, m.Allocate(th, &b, 2*pg, false))
		require.Equal(t, badArg, m.Allocate(th, &b, math.MaxUint64-3, true))
		require.Equal(t, noSpace, m.Allocate(th, &b, mach.Size(m.max), true))

		c := mach.Addr(50 * pg)
		require.Equal(t, ok, m.Allocate(th, &c, pg, true))
		require.Zero(t, c)
		d := alloc(t, th, m, 1)
		require.Equal(t, mach.Addr(pg), d)
		require.Equal(t, [][2]mach.Addr{{0, 2 * pg}, {10 * pg, 12 * pg}}, regions(m), "the region grows")
		info, ret := m.Region(&d)
		require.Equal(t, ok, ret)
		require.Equal(t, RegionInfo{Size: 2 * pg, Prot: mach.ProtDefault, MaxProt: mach.ProtAll, Inherit: mach.InheritCopy}, info)
	})
}

// VM-006, VM-012, VM-016.
func TestAllocateAgain(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		free := r.host.frames.free()
		a := alloc(t, th, m, 4)
		require.Equal(t, free, r.host.frames.free())
		store(t, th, m, a, strings.Repeat("x", 4*pg))
		require.Equal(t, free-4, r.host.frames.free())
		require.Equal(t, ok, m.Deallocate(th, a+2*pg, 2*pg))
		require.Equal(t, free-2, r.host.frames.free(), "VD-17")
		require.Equal(t, a+2*pg, alloc(t, th, m, 2))
		require.Equal(t, 1, m.Count())
		require.Equal(t, "xx\x00\x00", load(t, th, m, a+2*pg-2, 4))
		m.Destroy(th)
		require.Equal(t, free, r.host.frames.free())
	})
}

// VM-024 to VM-027.
func TestPlacement(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		at := func(a MapArgs) (mach.Addr, mach.Return) {
			if a.Size == 0 {
				a.Size = pg
			}
			a.Cur, a.Max = mach.ProtDefault, mach.ProtAll
			ret := m.MapObject(th, &a)
			return a.Addr, ret
		}
		_, ret := at(MapArgs{Addr: 3 * pg, Mask: 2*pg - 1})
		require.Equal(t, noSpace, ret)
		a, ret := at(MapArgs{Addr: pg, Mask: 8*pg - 1, Anywhere: true})
		require.Equal(t, ok, ret)
		require.Equal(t, mach.Addr(8*pg), a)
		a, ret = at(MapArgs{Addr: 8*pg + 7, Anywhere: true})
		require.Equal(t, ok, ret)
		require.Equal(t, mach.Addr(9*pg), a)
		a, ret = at(MapArgs{Addr: m.max - pg, Anywhere: true})
		require.Equal(t, ok, ret)
		require.Equal(t, m.max-pg, a)
		_, ret = at(MapArgs{Addr: m.max - pg, Anywhere: true})
		require.Equal(t, noSpace, ret, "no wrapping round")
		_, ret = at(MapArgs{Addr: m.max + pg, Anywhere: true})
		require.Equal(t, noSpace, ret)
		_, ret = at(MapArgs{Addr: 20 * pg, Mask: ^mach.Addr(0) &^ (pg - 1), Anywhere: true})
		require.Equal(t, noSpace, ret)
		a, ret = at(MapArgs{Addr: 2 * pg, Size: 7 * pg, Anywhere: true})
		require.Equal(t, ok, ret)
		require.Equal(t, mach.Addr(10*pg), a, "[2, 8) is too small")
		require.Nil(t, m.firstFree())

		bad := MapArgs{Size: pg, Cur: 8, Max: mach.ProtAll}
		require.Equal(t, badArg, m.MapObject(th, &bad))
		bad = MapArgs{Size: pg, Max: 8}
		require.Equal(t, badArg, m.MapObject(th, &bad))
		bad = MapArgs{Size: pg, Inherit: 3}
		require.Equal(t, badArg, m.MapObject(th, &bad))
		bad = MapArgs{}
		require.Equal(t, badArg, m.MapObject(th, &bad))
	})
}

// VM-181, the overwriting placement: the old region goes, and nothing else.
func TestOverwritePlacement(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("x", 4*pg))
		w := MapArgs{Addr: a + pg, Size: 2 * pg, Overwrite: true, Cur: mach.ProtRead, Max: mach.ProtRead}
		require.Equal(t, ok, m.MapObject(th, &w))
		require.Equal(t, "x\x00", load(t, th, m, a+pg-1, 2))
		require.Equal(t, "\x00x", load(t, th, m, a+3*pg-1, 2))
		require.Equal(t, 3, m.Count())
	})
}

// VM-043 to VM-050, VM-053.
func TestDeallocate(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 5)
		store(t, th, m, a, strings.Repeat("x", 5*pg))
		require.Equal(t, ok, m.Deallocate(th, a+7, 0))
		require.Equal(t, ok, m.Deallocate(th, 100*pg, 3*pg))
		require.Equal(t, badArg, m.Deallocate(th, a+pg, math.MaxUint64-5))
		require.Equal(t, 1, m.Count())
		o := m.first.object
		require.Equal(t, ok, m.Deallocate(th, a+2*pg-1, 2))
		require.Equal(t, [][2]mach.Addr{{a, a + pg}, {a + 3*pg, a + 5*pg}}, regions(m))
		require.Equal(t, 2, o.refs)
		require.Equal(t, 2, o.mappings.count)
		require.Equal(t, Exception{badAddr, a + 2*pg}, m.Load(th, a+2*pg, make([]byte, 1)))
		require.Equal(t, Exception{badAddr, a + pg}, m.Store(th, a+pg-1, []byte("yy")))
		require.Equal(t, ok, m.Deallocate(th, pg*4, math.MaxUint64-4*pg+1), "to the very top")
		require.Equal(t, [][2]mach.Addr{{a, a + pg}, {a + 3*pg, a + 4*pg}}, regions(m))
	})
}

// VM-055 to VM-063, VM-065, VM-066.
func TestProtect(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("x", 4*pg))
		require.Equal(t, badArg, m.Protect(a, pg, false, 8))
		require.Equal(t, badAddr, m.Protect(a+3*pg, 2*pg, false, readOnly))
		require.Equal(t, badAddr, m.Protect(a+9*pg, 2*pg, false, readOnly))
		require.Equal(t, 1, m.Count(), "nothing was split")
		require.Equal(t, ok, m.Protect(a+pg, 2, false, readOnly))
		require.Equal(t, 3, m.Count())
		require.Equal(t, Exception{badProt, a + pg}, m.Store(th, a+pg, []byte("y")))
		require.Equal(t, "x", load(t, th, m, a+pg, 1))
		require.Equal(t, ok, m.Protect(a+pg, pg, true, readOnly))
		require.Equal(t, badProt, m.Protect(a, 4*pg, false, mach.ProtDefault))
		store(t, th, m, a, "y")
		require.Equal(t, ok, m.Protect(a, pg, true, mach.ProtWrite|mach.ProtExecute))
		require.Equal(t, Exception{badProt, a}, m.Load(th, a, make([]byte, 1)))
		require.Equal(t, badArg, m.Protect(a, math.MaxUint64, false, readOnly))
		require.Equal(t, ok, m.Protect(a+1, 0, false, 0), "size 0 does nothing")

		require.Equal(t, badArg, m.Inherit(a, pg, 3))
		require.Equal(t, ok, m.Inherit(a+3*pg, 100*pg, mach.InheritNone))
		require.Equal(t, badArg, m.Behavior(a, pg, 9))
		require.Equal(t, badAddr, m.Behavior(a+3*pg, 2*pg, mach.BehaviorRandom))
		require.Equal(t, ok, m.Behavior(a+3*pg, pg, mach.BehaviorRandom))
		info, _ := m.Region(&[]mach.Addr{a + 3*pg}[0])
		require.Equal(t, mach.BehaviorRandom, info.Behavior)
		require.Equal(t, mach.InheritNone, info.Inherit)
	})
}

// The switches of the map side (VD-07, VD-08, VD-11, VD-12).
func TestMapPersonality(t *testing.T) {
	r := newRig(t, Config{}, func(p *personality.Personality) {
		p.ProtectSkipsHoles, p.RegionEndCode, p.ZeroSizeRounds, p.WrapClamps = true, noSpace, true, true
	})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 3)
		require.Equal(t, ok, m.Protect(a+2*pg, 9*pg, false, readOnly))
		require.Equal(t, ok, m.Protect(a+1, 0, false, mach.ProtNone))
		require.Equal(t, [][2]mach.Addr{{a, a + pg}, {a + pg, a + 2*pg}, {a + 2*pg, a + 3*pg}}, regions(m))
		require.Equal(t, ok, m.Deallocate(th, a+pg, math.MaxUint64-1))
		require.Equal(t, 3, m.Count())
		at := mach.Addr(99 * pg)
		_, ret := m.Region(&at)
		require.Equal(t, noSpace, ret)
	})
}

// EntryCoalescing=both: regions that nothing tells apart are one again.
func TestGlue(t *testing.T) {
	r := newRig(t, Config{}, func(p *personality.Personality) { p.EntryCoalescing = personality.CoalesceBoth })
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		at := func(page, n int) {
			a := mach.Addr(page * pg)
			require.Equal(t, ok, m.Allocate(th, &a, mach.Size(n*pg), false))
			require.NoError(t, r.host.CheckIdle())
		}
		at(4, 2)
		at(2, 2)
		require.Equal(t, [][2]mach.Addr{{2 * pg, 6 * pg}}, regions(m))
		at(8, 2)
		at(6, 2)
		require.Equal(t, [][2]mach.Addr{{2 * pg, 10 * pg}}, regions(m))
		store(t, th, m, 2*pg, strings.Repeat("x", 8*pg))
		require.Equal(t, ok, m.Protect(4*pg, 2*pg, false, readOnly))
		require.Equal(t, ok, m.Inherit(4*pg, 2*pg, mach.InheritNone))
		require.Equal(t, 3, m.Count())
		require.Equal(t, ok, m.Protect(4*pg, 2*pg, false, mach.ProtDefault))
		require.Equal(t, ok, m.Inherit(5*pg, pg, mach.InheritCopy))
		require.Equal(t, [][2]mach.Addr{{2 * pg, 4 * pg}, {4 * pg, 5 * pg}, {5 * pg, 10 * pg}}, regions(m))
		require.Equal(t, ok, m.Inherit(4*pg, pg, mach.InheritCopy))
		require.Equal(t, [][2]mach.Addr{{2 * pg, 10 * pg}}, regions(m))
		require.Equal(t, 1, m.first.object.refs)
		require.Equal(t, strings.Repeat("x", 8*pg), load(t, th, m, 2*pg, 8*pg))
		require.Equal(t, ok, m.Deallocate(th, 2*pg, 2*pg))
		at(2, 2)
		require.Equal(t, strings.Repeat("\x00", 2*pg)+"x", load(t, th, m, 2*pg, 2*pg+1))
		require.Equal(t, 1, m.Count())
	})
}

// VM-067 to VM-069.
func TestRegion(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := mach.Addr(4 * pg)
		require.Equal(t, ok, m.Allocate(th, &a, 2*pg, false))
		for _, from := range []mach.Addr{0, 4 * pg, 5*pg + 3} {
			at := from
			info, ret := m.Region(&at)
			require.Equal(t, ok, ret)
			require.Equal(t, a, at)
			require.EqualValues(t, 2*pg, info.Size)
		}
		at := mach.Addr(6 * pg)
		_, ret := m.Region(&at)
		require.Equal(t, badAddr, ret)
		require.Contains(t, m.Describe(), "0x100-0x180 rw-/rwx copy, zero-filled, untouched")
	})
}

func TestPagesPhys(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 3)
		store(t, th, m, a+pg, "x")
		list, ret := m.PagesPhys(a, 4*pg)
		require.Equal(t, ok, ret)
		require.Equal(t, []uint64{0, pg, 0, 0}, list, "the first page of memory is at the second address")
		_, ret = m.PagesPhys(a+1, pg)
		require.Equal(t, badArg, ret)
	})
}

// VM-040 to VM-042.
func TestSizeLimit(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		require.Equal(t, badArg, m.SetSizeLimit(5*pg, 4*pg, true))
		require.Equal(t, ok, m.SetSizeLimit(4*pg, 8*pg, false))
		require.Equal(t, mach.KernNoAccess, m.SetSizeLimit(4*pg, 9*pg, false))
		a := alloc(t, th, m, 4)
		var b mach.Addr
		require.Equal(t, noSpace, m.Allocate(th, &b, pg, true))
		none := MapArgs{Size: 9 * pg, Anywhere: true}
		require.Equal(t, ok, m.MapObject(th, &none), "what can never be accessed is not charged")
		require.Equal(t, ok, m.Protect(a, pg, true, mach.ProtNone))
		require.Equal(t, ok, m.Allocate(th, &b, pg, true))
	})
}

// VM-109, and the fast paths of words.
func TestWords(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		require.True(t, m.Store64(th, a+pg-4, 0x1122334455667788).OK())
		require.True(t, m.Store64(th, a+8, 42).OK())
		v, x := m.Load64(th, a+pg-4)
		require.True(t, x.OK())
		require.Equal(t, uint64(0x1122334455667788), v)
		v, _ = m.Load64(th, a+8)
		require.Equal(t, uint64(42), v)
		_, x = m.Load64(th, a+2*pg-4)
		require.Equal(t, Exception{badAddr, a + 2*pg}, x)
		require.Equal(t, ok, m.Protect(a, pg, false, readOnly))
		require.Equal(t, Exception{badProt, a + 8}, m.Store64(th, a+8, 1))
		require.Equal(t, Exception{badProt, a}, m.Execute(th, a, make([]byte, 1)))
	})
}
