package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/vm"
)

// delayed is a stage on which the client has four pages of a memory object of strategy delay at va(10), all
// of them resident.
func delayed(t *testing.T) *emm {
	t.Helper()
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 4)
		v.holds(va(10), 1, 2, 3, 4)
	})
	return e
}

// copyTo maps a copy of the first n pages of the memory object.
func (e *emm) copyTo(addr mach.Addr, n int) {
	e.t.Helper()
	e.c.step(func(v *space) { v.copyAt(addr, e.c.port(e.m.port), n) })
}

// below is the objects of the client's region at an address.
func (e *emm) below(addr mach.Addr) []vm.ObjectInfo {
	e.t.Helper()
	return e.chain(e.c.task, addr)
}

// TestVM147_CopyObjectIsReused: A copy made of a delay object reuses the previous copy object if that
// has neither pages nor pager.
func TestVM147_CopyObjectIsReused(t *testing.T) {
	e := delayed(t)
	e.copyTo(va(20), 2)
	first := e.below(va(20))[0]
	require.Equal(t, first.ID, e.info().Copy)
	e.c.step(func(v *space) { v.holds(va(20), 1, 2) }) // reading leaves nothing in it
	e.copyTo(va(30), 4)                                // a larger one
	second := e.below(va(30))[0]
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Refs+1, second.Refs)
	require.GreaterOrEqual(t, second.Size, 4*page)
	e.c.step(func(v *space) { v.fills(va(13), 0x11) })
	require.Equal(t, []int{3}, pagesOf(e.below(va(30))[0]))
	e.copyTo(va(40), 4) // it has a page: a new one
	require.NotEqual(t, first.ID, e.below(va(40))[0].ID)
	e.c.step(func(v *space) {
		v.holds(va(30), 1, 2, 3, 4)
		v.holds(va(40), 1, 2, 3, 0x11)
	})
}

// TestVM148_CopyObjectsAreChained: Otherwise the new copy object is placed between the original and the
// previous copy object.
func TestVM148_CopyObjectsAreChained(t *testing.T) {
	e := delayed(t)
	original := e.info().ID
	var copies []uint64 // newest first
	for i := range 3 {
		at := va(20 + 10*i)
		e.copyTo(at, 4)
		newest := e.below(at)[0]
		copies = append([]uint64{newest.ID}, copies...)
		require.Equal(t, newest.ID, e.info().Copy)
		require.Equal(t, original, newest.Shadow)
		require.Zero(t, newest.ShadowOffset)
		for older := range i + 1 {
			want := append([]uint64{}, copies[i-older:]...)
			// From an older copy every newer one is below, then the original.
			chain := identities(e.below(va(20 + 10*older)))
			require.Equal(t, want[0], chain[0])
			require.Equal(t, reversed(copies[:i-older+1], original), chain)
		}
		e.c.step(func(v *space) { v.fills(va(10+i), byte(0x11+i)) })
		require.Equal(t, []int{i}, pagesOf(e.below(at)[0]))
	}
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2, 3, 4)
		v.holds(va(30), 0x11, 2, 3, 4)
		v.holds(va(40), 0x11, 0x12, 3, 4)
		v.holds(va(10), 0x11, 0x12, 0x13, 4)
	})
}

// reversed is a list backwards, with one more behind.
func reversed(list []uint64, last uint64) []uint64 {
	r := []uint64{}
	for i := len(list) - 1; i >= 0; i-- {
		r = append(r, list[i])
	}
	return append(r, last)
}

// TestVM149_CopyWriteProtectsEverywhere: Making a delayed copy removes write permission from every
// mapping of the original's resident pages in all tasks.
func TestVM149_CopyWriteProtectsEverywhere(t *testing.T) {
	e := newEMM(t)
	clients := []*client{e.c, e.newClient("second"), e.newClient("third")}
	for _, c := range clients {
		c.step(func(v *space) {
			v.mapAt(va(10), c.port(e.m.port), 4)
			v.mapAt(va(50), c.port(e.m.port), 4)
			for p := range 3 { // the last page is not resident
				v.put(va(10+p), byte(p+1))
				v.put(va(50+p), byte(p+1))
			}
		})
	}
	everywhere := func(f func(c *client, addr mach.Addr)) {
		for _, c := range clients {
			for p := range 3 {
				f(c, va(10+p))
				f(c, va(50+p))
			}
		}
	}
	everywhere(func(c *client, addr mach.Addr) { require.True(t, writable(c.task, addr)) })
	e.copyTo(va(20), 3)
	everywhere(func(c *client, addr mach.Addr) { require.False(t, writable(c.task, addr), "%v at %v", c.task, addr) })
	clients[1].step(func(v *space) { v.put(va(10), 0x11) })
	clients[2].step(func(v *space) { v.put(va(51), 0x12) })
	e.c.step(func(v *space) {
		v.put(va(52), 0x13)
		for p := range 3 {
			v.first(va(20+p), byte(p+1))
			v.first(va(10+p), byte(0x11+p))
		}
	})
}

// TestVM150_PushIntoNewestCopy: The first write to an original page after a delayed copy pushes the old
// contents into the newest copy object only.
func TestVM150_PushIntoNewestCopy(t *testing.T) {
	e := delayed(t)
	e.copyTo(va(20), 4)
	e.c.step(func(v *space) { v.fills(va(13), 0x14) })
	e.copyTo(va(30), 4)
	e.c.step(func(v *space) { v.fills(va(12), 0x13) })
	e.copyTo(va(40), 4)
	pages := func(addr mach.Addr) []int { return pagesOf(e.below(addr)[0]) }
	require.Equal(t, []int{3}, pages(va(20)))
	require.Equal(t, []int{2}, pages(va(30)))
	require.Equal(t, []int{}, pages(va(40)))

	used, cow := e.used(), e.stats().CowFaults
	e.c.step(func(v *space) { v.put(va(10), 0x11) })
	require.Equal(t, []int{0}, pages(va(40)))
	require.Equal(t, used+1, e.used())
	e.c.step(func(v *space) { v.put(va(10), 0x21) }) // not the first write
	drop(e.c.task)
	e.c.step(func(v *space) { v.put(va(10)+1, 0x22) })
	require.Equal(t, used+1, e.used())
	require.Equal(t, cow, e.stats().CowFaults)
	require.Equal(t, []int{3}, pages(va(20)))
	require.Equal(t, []int{2}, pages(va(30)))
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2, 3, 4)
		v.holds(va(30), 1, 2, 3, 0x14)
		v.holds(va(40), 1, 2, 0x13, 0x14)
	})
	require.Equal(t, used+1, e.used()) // the older ones look through the newest
}

// TestVM151_NoNeedlessPush: No push occurs for a page beyond the copy's size, already in the copy, or
// already paged out by it.
func TestVM151_NoNeedlessPush(t *testing.T) {
	e := delayed(t)
	e.copyTo(va(20), 2)
	used := e.used()
	e.c.step(func(v *space) { v.fills(va(12), 0x13, 0x14) }) // beyond its size
	require.Empty(t, pagesOf(e.below(va(20))[0]))
	require.Equal(t, used, e.used())

	e.c.step(func(v *space) { v.fills(va(10), 0x11) })
	require.Equal(t, []int{0}, pagesOf(e.below(va(20))[0]))
	require.Equal(t, used+1, e.used())
	e.c.step(func(v *space) { // already there, and the page becomes read-only once more
		v.ok(v.protect(va(10), page, mach.ProtRead))
		v.ok(v.protect(va(10), page, mach.ProtDefault))
		v.fills(va(10), 0x21)
	})
	require.Equal(t, used+1, e.used())
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2)
		v.holds(va(10), 0x21, 2, 0x13, 0x14)
	})
}

// TestVM153_WaitersLookIntoTheCopy: Threads waiting for an original page that was pushed restart their
// fault from the map.
func TestVM153_WaitersLookIntoTheCopy(t *testing.T) {
	// A page of the original is asked for, and both a writer and readers of copies wait for it. Whoever
	// goes first, the copies keep what the manager supplied.
	scene := func(e *emm, writerFirst bool) {
		e.c.step(func(v *space) {
			v.mapAt(va(10), e.c.port(e.m.port), 4)
			v.copyAt(va(20), e.c.port(e.m.port), 4)
			v.fills(va(13), 0x14) // so that the next copy is another object
			v.copyAt(va(30), e.c.port(e.m.port), 4)
		})
		e.m.silent("data_request")
		var writer, older, newer *job
		write := func() {
			writer = e.c.spawn("writer", func(x *calls) mach.Return { return x.store(va(10), 0x11) })
		}
		read := func() {
			older = e.c.spawn("older", func(x *calls) (ret mach.Return) { older.value, ret = x.load(va(20)); return ret })
			newer = e.c.spawn("newer", func(x *calls) (ret mach.Return) { newer.value, ret = x.load(va(30)); return ret })
		}
		if writerFirst {
			write()
			e.settle()
			read()
		} else {
			read()
			e.settle()
			write()
		}
		e.settle()
		for _, j := range []*job{writer, older, newer} {
			j.requireBlocked()
		}
		require.Equal(e.t, 2, e.m.count("data_request"), "%v", e.m.trace()) // pages 3 and 0
		e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), 0, contents(0), supplied{})) })
		writer.requireDone()
		older.requireValue(1)
		newer.requireValue(1)
		require.Equal(e.t, []int{0}, pagesOf(e.below(va(30))[0]))
		e.c.step(func(v *space) {
			v.holds(va(20), 1)
			v.holds(va(30), 1)
			v.first(va(10), 0x11)
		})
	}
	for _, writerFirst := range []bool{true, false} {
		scene(newEMM(t), writerFirst)
		underSeeds(t, 50, func(e *emm) { scene(e, writerFirst) })
	}
}

// layered is a stage on which task a and its child share two pages at va(10) copy-on-write, below a shadow
// in which a has its own first page.
func layered(t *testing.T, opts ...option) (s *stage, a, child *task) {
	t.Helper()
	s = newStage(t, opts...)
	a = s.Task("a")
	s.In(a, func(v *space) { v.fill(va(10), 4, 1) })
	child = s.Fork(a)
	s.In(a, func(v *space) { v.fills(va(10), 0x11) })
	require.Len(t, s.chain(a, va(10)), 2)
	return s, a, child
}

// TestVM154_Collapse: A backing object with one reference, internal, idle and not a copy object
// collapses into an upper object that never had a pager.
func TestVM154_Collapse(t *testing.T) {
	s, a, child := layered(t)
	s.In(a, func(v *space) { v.fills(va(11), 0x12) })
	require.Len(t, s.chain(a, va(10)), 2) // the child has a reference
	require.Zero(t, s.stats().Collapses)
	s.end(child)
	top := s.top(a, va(10)).ID
	s.In(a, func(v *space) { v.fills(va(12), 0x13) })
	require.Equal(t, []uint64{top}, identities(s.chain(a, va(10))))
	require.Equal(t, uint64(1), s.stats().Collapses)
	require.Equal(t, []int{0, 1, 2, 3}, pagesOf(s.top(a, va(10))))
	s.In(a, func(v *space) { v.holds(va(10), 0x11, 0x12, 0x13, 4) })

	// Several at once.
	for p := range 3 {
		s.Fork(a)
		s.In(a, func(v *space) { v.fills(va(10+p), 0x21) })
	}
	require.Len(t, s.chain(a, va(10)), 4)
	for _, task := range s.Host(0).Tasks()[1:] {
		s.end(task)
	}
	s.In(a, func(v *space) { v.fills(va(13), 0x24) })
	require.Len(t, s.chain(a, va(10)), 1)
	require.Equal(t, uint64(4), s.stats().Collapses)

	// A copy object stays: the original pushes into it. So does an external object.
	e := delayed(t)
	e.copyTo(va(20), 4)
	copied := e.below(va(20))[0].ID
	for p := range 4 {
		e.c.step(func(v *space) { v.fills(va(20+p), byte(0x11+p)) })
		chain := e.below(va(20))
		require.Equal(t, []uint64{copied, e.info().ID}, identities(chain[1:]))
		require.Equal(t, 1, chain[1].Refs)
	}
	require.Zero(t, e.stats().Collapses)
}

// TestVM155_CollapseKeepsUpperPages: Collapse keeps the upper object's page where both have one and
// frees the backing page.
func TestVM155_CollapseKeepsUpperPages(t *testing.T) {
	s, a, child := layered(t)
	s.end(child)
	require.Equal(t, 5, s.used())
	require.Equal(t, 1, s.Host(0).VM().InaccessiblePages())
	s.In(a, func(v *space) { v.fills(va(11), 0x12) })
	require.Len(t, s.chain(a, va(10)), 1)
	require.Equal(t, 4, s.used())
	require.Zero(t, s.Host(0).VM().InaccessiblePages())
	s.In(a, func(v *space) { v.holds(va(10), 0x11, 0x12, 3, 4) })

	// Pages that the upper object does not show are freed too.
	s = newStage(t)
	a = s.Task("a")
	s.In(a, func(v *space) {
		v.fill(va(10), 4, 1)
		v.ok(v.inherit(va(10), page, mach.InheritNone))
		v.ok(v.inherit(va(13), page, mach.InheritNone))
	})
	child = s.Fork(a)
	s.In(child, func(v *space) { v.fills(va(11), 0x12) })
	require.Equal(t, at(1), s.top(child, va(11)).ShadowOffset)
	s.end(a)
	s.In(child, func(v *space) { v.fills(va(12), 0x13) })
	require.Len(t, s.chain(child, va(11)), 1)
	require.Equal(t, 2, s.used())
	s.In(child, func(v *space) { v.holds(va(11), 0x12, 0x13) })
}

// TestVM157_NoCollapseDuringPaging: No collapse or bypass happens while either object has paging in
// progress or the upper one has absent pages.
func TestVM157_NoCollapseDuringPaging(t *testing.T) {
	// Two shadows above a copy of a memory object; the manager has not supplied page 3.
	scene := func(t *testing.T) (e *emm, child *task) {
		e = newEMM(t)
		e.copyTo(va(10), 4)
		e.c.step(func(v *space) { v.fills(va(10), 0x11) })
		child = e.Fork(e.c.task)
		e.c.step(func(v *space) {
			v.fills(va(11), 0x12)
			v.first(va(12), 3)
		})
		require.Len(t, e.below(va(10)), 4)
		e.m.silent("data_request")
		return e, child
	}
	load := func(e *emm, task *task) *job {
		return e.start(task, "load", func(x *calls) mach.Return { _, ret := x.load(va(13)); return ret })
	}
	answer := func(e *emm) {
		e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), at(3), contents(at(3)), supplied{})) })
	}
	t.Run("upper object, collapse", func(t *testing.T) {
		e, child := scene(t)
		e.end(child)
		reader := load(e, e.c.task)
		reader.requireBlocked()
		require.Equal(t, 1, e.below(va(10))[0].Paging)
		e.c.step(func(v *space) { v.put(va(10), 0x21) }) // copies up, and would collapse
		require.Len(t, e.below(va(10)), 4)
		require.Zero(t, e.stats().Collapses)
		answer(e)
		reader.requireDone()
		require.Len(t, e.below(va(10)), 4)
		e.c.step(func(v *space) { v.put(va(13), 0x24) })
		require.Len(t, e.below(va(10)), 3)
		require.Equal(t, uint64(1), e.stats().Collapses)
	})
	t.Run("upper object, bypass", func(t *testing.T) {
		e, _ := scene(t)
		reader := load(e, e.c.task)
		reader.requireBlocked()
		e.c.step(func(v *space) { v.put(va(10), 0x21) }) // now nothing of the shadow below is seen
		require.Len(t, e.below(va(10)), 4)
		require.Zero(t, e.stats().Bypasses)
		answer(e)
		reader.requireDone()
		e.c.step(func(v *space) { v.put(va(13), 0x24) })
		require.Len(t, e.below(va(10)), 3)
		require.Equal(t, uint64(1), e.stats().Bypasses)
	})
	t.Run("backing object", func(t *testing.T) {
		e, child := scene(t)
		answering := e.start(e.c.task, "store", func(x *calls) mach.Return { return x.store(va(13), 0x24) })
		answer(e)
		answering.requireDone()
		e.m.do(func(x *calls) {
			x.ok(x.lock(e.m.control(0), locking{offset: at(3), size: page, flush: true, value: mach.ProtNoChange}))
		})
		reader := load(e, child) // of a page that the upper object has, and only that
		reader.requireBlocked()
		require.Equal(t, 1, e.below(va(10))[1].Paging)
		e.c.step(func(v *space) { v.put(va(10), 0x21) })
		require.Len(t, e.below(va(10)), 4)
		require.Zero(t, e.stats().Bypasses)
		answer(e)
		reader.requireDone()
		e.c.step(func(v *space) { v.put(va(12), 0x23) })
		require.Len(t, e.below(va(10)), 3)
		require.Equal(t, uint64(1), e.stats().Bypasses)
	})
}

// TestVM158_Bypass: A fully shadowed backing object is bypassed even when it has other references.
func TestVM158_Bypass(t *testing.T) {
	for _, withPager := range []string{"true", "false"} {
		s, a, child := layered(t, withField("BypassWithPager", withPager))
		below := s.chain(a, va(10))[1]
		require.Equal(t, 2, below.Refs)
		s.In(a, func(v *space) { v.fills(va(11), 0x12, 0x13) })
		require.Equal(t, below.ID, s.chain(a, va(10))[1].ID) // page 3 is still seen
		require.Zero(t, s.stats().Bypasses)
		s.In(a, func(v *space) { v.fills(va(13), 0x14) })
		require.Len(t, s.chain(a, va(10)), 1)
		require.Equal(t, uint64(1), s.stats().Bypasses)
		require.Zero(t, s.stats().Collapses)
		require.Equal(t, below.ID, s.top(child, va(10)).ID)
		require.Equal(t, 1, s.top(child, va(10)).Refs)
		s.In(a, func(v *space) { v.holds(va(10), 0x11, 0x12, 0x13, 0x14) })
		s.In(child, func(v *space) {
			v.holds(va(10), 1, 2, 3, 4)
			v.fills(va(10), 0x21)
		})
		s.In(a, func(v *space) { v.holds(va(10), 0x11, 0x12, 0x13, 0x14) })
	}
}

// TestVM160_ExitDoesNotShorten: The exit of a child alone does not shorten the parent's shadow chain; the
// parent's next copy-up may.
func TestVM160_ExitDoesNotShorten(t *testing.T) {
	s, a, child := layered(t)
	s.In(child, func(v *space) { v.fills(va(10), 0x21) })
	h := s.Host(0).VM()
	require.Equal(t, 2, h.ShadowDepth())
	s.end(child)
	require.Equal(t, 2, h.ShadowDepth())
	require.Equal(t, 1, h.InaccessiblePages())
	s.In(a, func(v *space) {
		v.holds(va(10), 0x11, 2, 3, 4) // nor does reading
		v.put(va(10), 0x12)            // nor a write that copies nothing
	})
	require.Equal(t, 2, h.ShadowDepth())
	require.Zero(t, s.stats().Collapses)
	s.In(a, func(v *space) { v.put(va(11), 0x12) })
	require.Equal(t, 1, h.ShadowDepth())
	require.Zero(t, h.InaccessiblePages())
}

// TestVM161_CopyKeepsMemoryObject: An object in the chain of a copy object keeps the memory object alive
// although no region names it directly.
func TestVM161_CopyKeepsMemoryObject(t *testing.T) {
	e := delayed(t)
	e.copyTo(va(20), 4)
	e.c.step(func(v *space) {
		v.fills(va(20), 0x11) // a shadow above the copy object
		v.unmapAt(va(10), 4)
	})
	h := e.k.VM()
	require.Zero(t, h.Mappings(e.object()))
	require.Equal(t, 1, h.Reach(e.object()))
	require.Equal(t, 1, h.References(e.object()))
	e.m.never("terminate")
	e.c.step(func(v *space) {
		v.holds(va(20), 0x11, 2, 3, 4)
		v.unmapAt(va(20), 4)
	})
	require.Equal(t, []mach.Name{e.m.port}, e.terminated())
}
