package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/vm"
)

// delayed is a stage on which the client has four pages of a memory object of strategy delay at va(10), all
// of them resident.
func delayed(t *testing.T, opts ...option) *emm {
	t.Helper()
	e := newEMM(t, opts...)
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

	// One that has its page on paging space is not used again, nor is it lost.
	e, first = pagedOutCopy(t)
	e.copyTo(va(30), 4)
	require.NotEqual(t, first.ID, e.below(va(30))[0].ID)
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2, 3, 4)
		v.holds(va(30), 0x11, 2, 3, 4)
	})
}

// pagedOutCopy is delayed with a copy of four pages at page 20, which has saved the original of page 0 and had it
// paged out.
func pagedOutCopy(t *testing.T) (*emm, vm.ObjectInfo) {
	t.Helper()
	e := delayed(t, withFrames(fewFrames))
	keeper(e.m)
	d := e.newDefaultManager("default", 1)
	e.copyTo(va(20), 4)
	e.c.step(func(v *space) { v.fills(va(10), 0x11) })
	e.squeeze()
	o := e.below(va(20))[0]
	require.Equal(t, 1, d.count("data_return"))
	require.Empty(t, pagesOf(o))
	require.Equal(t, vm.PhaseActive, o.Phase)
	return e, o
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

	// It does not matter where the previous one has its pages.
	e, older := pagedOutCopy(t)
	e.copyTo(va(30), 4)
	newer := e.below(va(30))[0]
	require.Equal(t, []uint64{older.ID, newer.ID, e.info().ID}, identities(e.below(va(20))))
	e.c.step(func(v *space) { v.fills(va(11), 0x12) })
	require.Equal(t, []int{1}, pagesOf(e.below(va(30))[0]))
	require.Empty(t, pagesOf(e.below(va(20))[0]))
	e.c.step(func(v *space) { v.holds(va(20), 1, 2, 3, 4) })
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

	// On paging space it is in the copy as well: nothing is sent there, and it is not overwritten.
	e, copied := pagedOutCopy(t)
	require.Empty(t, pagesOf(e.info()), "the next store is a fault")
	initialized, returned := e.sent(initializeID()), e.sent(dataReturnID())
	e.c.step(func(v *space) { v.fills(va(10), 0x21) })
	require.Empty(t, pagesOf(e.below(va(20))[0]))
	require.Equal(t, copied.ID, e.info().Copy)
	require.Equal(t, initialized, e.sent(initializeID()))
	require.Equal(t, returned, e.sent(dataReturnID()))
	e.c.step(func(v *space) {
		v.holds(va(20), 1, 2, 3, 4)
		v.holds(va(10), 0x21, 2, 3, 4)
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
