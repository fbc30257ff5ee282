package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

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
	t.Run("absent page", func(t *testing.T) {
		for _, absent := range []bool{false, true} {
			e := newPressed(t)
			d := e.newDefaultManager("default", 1)
			r := e.c.anonymous(3)
			r.write(0, 3, 'a')
			e.Fork(e.c.task)
			r.store(0, 'x')
			e.squeeze()
			upper, usual := d.keeps(0, 'x'), d.answers["data_request"]
			var request *received
			d.on("data_request", func(x *turn) {
				if x.on != upper {
					usual(x)
				} else {
					request = x.received
				}
			})
			if absent {
				r.abandonLoad(0) // nobody relies on the object any more, but it waits for the page
				o := e.below(r.addr)[0]
				require.Equal(t, []int{1, 0}, []int{o.Absent, o.Paging})
			}
			r.store(1, 'y')
			require.Zero(t, e.stats().Bypasses, "page 2 is still seen")
			r.store(2, 'z')
			if !absent {
				require.EqualValues(t, 1, e.stats().Bypasses)
				continue
			}
			require.Zero(t, e.stats().Bypasses)
			require.Len(t, e.below(r.addr), 2)
			d.do(func(x *calls) { x.ok(x.supply(request.control, 0, d.store[upper][0], supplied{})) })
			e.c.step(func(v *space) { // growing memory is another occasion
				addr, ret := v.allocateAt(r.at(3), page)
				v.ok(ret)
				require.Equal(t, r.at(3), addr)
			})
			require.EqualValues(t, 1, e.stats().Bypasses)
			for p, b := range []byte("xyz") {
				r.reads(p, b)
			}
		}
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

	// On paging space pages count as much as in memory, on both sides, unless the kernel bypasses without pagers only.
	for _, withPager := range []bool{true, false} {
		e := newPressed(t, withField("BypassWithPager", fmt.Sprint(withPager)))
		d := e.newDefaultManager("default", 1)
		r := e.c.anonymous(4)
		r.write(0, 4, 1)
		child := r.in(e.Fork(e.c.task))
		r.write(0, 3, 0x11)
		e.squeeze()
		require.Equal(t, 2, d.count("create"))
		require.Empty(t, r.residentIn())
		require.Zero(t, e.stats().Bypasses)
		r.store(3, 0x14)
		if withPager {
			require.Len(t, e.below(r.addr), 1)
			require.EqualValues(t, 1, e.stats().Bypasses)
		} else {
			require.Len(t, e.below(r.addr), 2)
			require.Zero(t, e.stats().Bypasses)
		}
		for p := range 4 {
			r.reads(p, 0x11+byte(p))
			child.reads(p, 1+byte(p))
		}
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
