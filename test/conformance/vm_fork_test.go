package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestVM140_ForkedCopyIsPrivate: After a fork of a copy-inherited region, writes by either side are
// invisible to the other.
func TestVM140_ForkedCopyIsPrivate(t *testing.T) {
	ofEvery(t, func(e *emm) {
		e.c.step(func(v *space) { v.fills(va(13), 4) }) // one page is modified before
		child := e.Fork(e.c.task)
		e.In(child, func(v *space) {
			v.fills(va(10), 0x11)
			v.holds(va(10), 0x11, 2, 3, 4)
		})
		e.c.step(func(v *space) {
			v.holds(va(10), 1, 2, 3, 4)
			v.fills(va(11), 0x22)
			v.fills(va(13), 0x24)
		})
		e.In(child, func(v *space) {
			v.holds(va(10), 0x11, 2, 3, 4)
			v.fills(va(11), 0x12)
		})
		grandchild := e.Fork(child)
		e.In(child, func(v *space) { v.fills(va(10), 0x31, 0x32, 0x33, 0x34) })
		e.In(grandchild, func(v *space) {
			v.holds(va(10), 0x11, 0x12, 3, 4)
			v.fills(va(12), 0x43)
		})
		e.end(grandchild)
		e.c.step(func(v *space) { v.holds(va(10), 1, 0x22, 3, 0x24) })
		e.In(child, func(v *space) { v.holds(va(10), 0x31, 0x32, 0x33, 0x34) })
	}, anonymous, ofDelay, ofNone, copyOfDelay, copyOfNone)

	s := newStage(t)
	s.In(s.Task("a"), func(v *space) { v.have(va(10), 2) }) // never touched
	child := s.Fork(s.Task("a"))
	s.In(s.Task("a"), func(v *space) { v.fills(va(10), 1) })
	s.In(child, func(v *space) {
		v.holds(va(10), 0, 0)
		v.fills(va(11), 2)
	})
	s.In(s.Task("a"), func(v *space) { v.holds(va(10), 1, 0) })
}

// TestVM141_ForkedShareIsShared: After a fork of a share-inherited region, writes by either side are
// visible to the other.
func TestVM141_ForkedShareIsShared(t *testing.T) {
	ofEvery(t, func(e *emm) {
		e.c.step(func(v *space) { v.ok(v.inherit(va(10), 4*page, mach.InheritShare)) })
		child := e.Fork(e.c.task)
		e.In(child, func(v *space) {
			v.holds(va(10), 1, 2, 3, 4)
			v.fills(va(10), 0x11)
		})
		e.c.step(func(v *space) {
			v.holds(va(10), 0x11, 2, 3, 4)
			v.fills(va(10), 0x21, 0x22)
		})
		grandchild := e.Fork(child)
		e.In(grandchild, func(v *space) {
			v.holds(va(10), 0x21, 0x22, 3, 4)
			v.fills(va(11), 0x32)
			v.fills(va(13), 0x34)
		})
		e.end(child)
		e.c.step(func(v *space) {
			v.holds(va(10), 0x21, 0x32, 3, 0x34)
			v.put(va(12), 0x43)
		})
		e.In(grandchild, func(v *space) { v.first(va(12), 0x43) })
	}, anonymous, ofDelay, ofNone, copyOfDelay, copyOfNone)

	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 2) // never touched
		v.ok(v.inherit(va(10), 2*page, mach.InheritShare))
	})
	child := s.Fork(s.Task("a"))
	s.In(s.Task("a"), func(v *space) { v.fills(va(10), 1) })
	s.In(child, func(v *space) {
		v.holds(va(10), 1, 0)
		v.fills(va(11), 2)
	})
	s.In(s.Task("a"), func(v *space) { v.holds(va(10), 1, 2) })
}

// TestVM142_NotInherited: A none-inherited region is absent from the child.
func TestVM142_NotInherited(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 4, 1)
		v.have(va(20), 1)
		v.mapAt(va(30), e.c.port(e.m.port), 2)
		v.have(va(40), 1)
		v.ok(v.inherit(va(11), 2*page, mach.InheritNone)) // a part of a region
		v.ok(v.inherit(va(20), page, mach.InheritNone))
		v.ok(v.inherit(va(30), 2*page, mach.InheritNone))
	})
	child := e.Fork(e.c.task)
	require.Equal(t, 1, e.k.VM().Mappings(e.object()))
	e.In(child, func(v *space) {
		v.lies(extent{10, 11}, extent{13, 14}, extent{40, 41})
		v.holds(va(10), 1)
		v.holds(va(13), 4)
		for _, n := range []int{11, 12, 20, 30, 31} {
			v.is(mach.KernInvalidAddress, v.loads(va(n)))
		}
		v.have(va(11), 2) // there is room
		v.holds(va(11), 0, 0)
	})
	e.c.step(func(v *space) { v.holds(va(10), 1, 2, 3, 4) })
}

// TestVM143_NoInheritance: task_create without inheritance gives an empty map.
func TestVM143_NoInheritance(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 1, 1)
		v.fill(va(20), 1, 2)
		v.ok(v.inherit(va(20), page, mach.InheritShare))
		v.mapAt(va(30), e.c.port(e.m.port), 1)
		child := v.of(v.createTask(false))
		child.lies()
		require.Equal(t, 1, e.k.VM().Mappings(e.object()))
		full := v.of(v.createTask(true))
		full.lies(extent{10, 11}, extent{20, 21}, extent{30, 31})
		_, ret := child.allocateAt(0, mach.Size(e.k.VM().AddressTop()))
		v.ok(ret)
	})
}

// TestVM144_ForkCopiesNoPage: Fork copies no page of an unwired symmetric region.
func TestVM144_ForkCopiesNoPage(t *testing.T) {
	s := newStage(t)
	a := s.Task("a")
	s.In(a, func(v *space) { v.fill(va(10), 4, 1) })
	used, before := s.used(), s.stats()
	child := s.Fork(a)
	require.Equal(t, s.chain(a, va(10)), s.chain(child, va(10)))
	s.In(child, func(v *space) { v.holds(va(10), 1, 2, 3, 4) })
	s.In(a, func(v *space) { v.holds(va(10), 1, 2, 3, 4) })
	require.Equal(t, used, s.used())
	require.Equal(t, before.CowFaults, s.stats().CowFaults)
	require.Equal(t, before.ZeroFills, s.stats().ZeroFills)
	s.In(child, func(v *space) { v.put(va(12), 0x11) }) // now one is copied
	require.Equal(t, used+1, s.used())
	require.Equal(t, before.CowFaults+1, s.stats().CowFaults)
	s.In(a, func(v *space) { v.put(va(12), 0x22) })
	require.Equal(t, used+2, s.used())
}

// TestVM145_SharedBecomesDelay: A share-inherited anonymous region changes to the delay strategy.
func TestVM145_SharedBecomesDelay(t *testing.T) {
	s := newStage(t)
	a := s.Task("a")
	s.In(a, func(v *space) {
		for _, start := range []mach.Addr{va(10), va(20), va(30)} {
			v.have(start, 2)
		}
		v.fills(va(10), 1, 2)
		v.fills(va(30), 3, 4)
		v.ok(v.inherit(va(10), 2*page, mach.InheritShare))
		v.ok(v.inherit(va(20), 2*page, mach.InheritShare)) // never touched
	})
	require.Equal(t, mach.CopySymmetric, s.top(a, va(10)).Strategy)
	child := s.Fork(a)
	for _, start := range []mach.Addr{va(10), va(20)} {
		o := s.top(a, start)
		require.Equal(t, mach.CopyDelay, o.Strategy)
		require.Equal(t, o.ID, s.top(child, start).ID)
		for _, task := range []*task{a, child} {
			e, _ := inspect(t, task, start)
			require.True(t, e.Shared)
			require.False(t, e.NeedsCopy)
		}
	}
	require.Equal(t, mach.CopySymmetric, s.top(a, va(30)).Strategy) // copied
	s.In(a, func(v *space) {
		// What sharing has changed shows in a copy: originals are pushed into it.
		v.ok(v.inherit(va(10), 2*page, mach.InheritCopy))
	})
	copied := s.Fork(a)
	s.In(child, func(v *space) { v.fills(va(10), 0x11) })
	require.Equal(t, []int{0}, pagesOf(s.top(copied, va(10))))
	s.In(a, func(v *space) { v.holds(va(10), 0x11, 2) })
	s.In(copied, func(v *space) { v.holds(va(10), 1, 2) })
}

// TestVM146_ShareOfPendingCopy: Share inheritance of a pending copy-on-write region inserts a shadow
// before sharing.
func TestVM146_ShareOfPendingCopy(t *testing.T) {
	s := newStage(t)
	a := s.Task("a")
	s.In(a, func(v *space) { v.fill(va(10), 2, 1) })
	copied := s.Fork(a)
	pending, _ := inspect(t, a, va(10))
	require.True(t, pending.NeedsCopy)
	below := s.top(a, va(10)).ID
	s.In(a, func(v *space) { v.ok(v.inherit(va(10), 2*page, mach.InheritShare)) })
	sharer := s.Fork(a)
	for _, task := range []*task{a, sharer} {
		e, chain := inspect(t, task, va(10))
		require.True(t, e.Shared)
		require.False(t, e.NeedsCopy)
		require.Len(t, chain, 2)
		require.Equal(t, below, chain[1].ID)
		require.Equal(t, mach.CopyDelay, chain[0].Strategy)
	}
	require.Equal(t, s.top(a, va(10)).ID, s.top(sharer, va(10)).ID)
	require.Equal(t, []uint64{below}, identities(s.chain(copied, va(10))))

	s.In(a, func(v *space) { v.fills(va(10), 0x11) })
	s.In(sharer, func(v *space) {
		v.holds(va(10), 0x11, 2)
		v.fills(va(11), 0x22)
	})
	s.In(copied, func(v *space) {
		v.holds(va(10), 1, 2)
		v.fills(va(10), 0x31, 0x32)
	})
	s.In(a, func(v *space) { v.holds(va(10), 0x11, 0x22) })
	s.In(sharer, func(v *space) { v.holds(va(10), 0x11, 0x22) })
}
