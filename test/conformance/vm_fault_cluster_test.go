package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// newClustered makes the stage with a silent manager whose clusters are n pages, and maps pages with a
// behavior.
func newClustered(t *testing.T, n, from, pages int, b mach.Behavior, opts ...option) (*emm, *mapped) {
	t.Helper()
	e := newSilent(t, opts...)
	e.m.readiness.ClusterSize = int32(n) * int32(page)
	r := e.c.mapRange(e.m.port, at(from), pages)
	e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), b)) })
	return e, r
}

// requested is the pages of the last data request.
func (e *emm) requested() extent {
	e.t.Helper()
	x := e.m.last("data_request")
	start := int(x.offset / at(1))
	return extent{start, start + int(x.length/page)}
}

// TestVM121_ClusterErrorIsDiscarded: An error on a page that was requested only for clustering is
// discarded silently.
func TestVM121_ClusterErrorIsDiscarded(t *testing.T) {
	for _, wakes := range []string{"all", "first"} { // with first an error waits for the next who comes
		e, r := newClustered(t, 4, 0, 4, mach.BehaviorSequential, withField("DataErrorWakes", wakes))
		reader := r.startLoad(0)
		require.Equal(t, extent{0, 4}, e.requested())
		e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), at(1), 3*page, 0x4000123)) })
		reader.requireBlocked()
		e.supplyPages(0)
		reader.requireValue(1)
		require.Equal(t, 1, e.info().Resident)
		again := r.startLoad(1) // the error is lost, the page asked for again
		again.requireBlocked()
		require.Equal(t, 2, e.m.count("data_request"))
		require.Equal(t, extent{1, 4}, e.requested())
		waiter := r.startLoad(2) // of these one is waited for now
		e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), at(2), 2*page, 0x4000123)) })
		waiter.requireFails(0x4000123)
		e.supplyPages(1)
		again.requireValue(2)
	}
}

// TestVM135_RandomIsNotClustered: Random behavior and one-page clusters suppress page-in clustering.
func TestVM135_RandomIsNotClustered(t *testing.T) {
	for _, c := range []struct {
		cluster  int
		behavior mach.Behavior
		field    string
		want     extent
	}{
		{4, mach.BehaviorRandom, "true", extent{1, 2}},
		{1, mach.BehaviorSequential, "true", extent{1, 2}},
		{1, mach.BehaviorReverseSequential, "true", extent{1, 2}},
		{1, mach.BehaviorDefault, "true", extent{1, 2}},
		{0, mach.BehaviorSequential, "true", extent{1, 2}}, // a manager that says nothing
		{4, mach.BehaviorSequential, "false", extent{1, 2}},
		{4, mach.BehaviorDefault, "true", extent{1, 3}},
		{4, mach.BehaviorSequential, "true", extent{1, 4}},
		{4, mach.BehaviorReverseSequential, "true", extent{0, 2}},
	} {
		e, r := newClustered(t, c.cluster, 0, 4, c.behavior, withField("ClusterPagein", c.field))
		j := r.startLoad(1)
		require.Equal(t, c.want, e.requested(), "%+v", c)
		for n := c.want.start; n < c.want.end; n++ {
			e.supplyPages(n)
		}
		j.requireValue(2)
		require.EqualValues(t, 1, e.stats().Pageins)
	}
}

// TestVM136_ClusterBounds: A clustered request never extends beyond the map entry, the aligned cluster, a
// resident page or a page known absent.
func TestVM136_ClusterBounds(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, pages int // what is mapped
		resident    []int
		unavailable []int // the manager has said so
		behavior    mach.Behavior
		touch       int
		want        extent
	}{
		{name: "whole cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 8}},
		{name: "end of cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 6, want: extent{6, 8}},
		{name: "last of cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 7, want: extent{7, 8}},
		{name: "last of cluster by default", pages: 12, touch: 7, want: extent{7, 8}},
		{name: "start of cluster", pages: 12, behavior: mach.BehaviorReverseSequential, touch: 6, want: extent{4, 7}},
		{name: "first of cluster", pages: 12, behavior: mach.BehaviorReverseSequential, touch: 4, want: extent{4, 5}},
		{name: "end of entry", from: 4, pages: 3, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 7}},
		{name: "end of entry by default", from: 4, pages: 1, touch: 4, want: extent{4, 5}},
		{name: "start of entry", from: 5, pages: 3, behavior: mach.BehaviorReverseSequential, touch: 7, want: extent{5, 8}},
		{name: "resident ahead", pages: 12, resident: []int{6}, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 6}},
		{name: "resident behind", pages: 12, resident: []int{5}, behavior: mach.BehaviorReverseSequential, touch: 7, want: extent{6, 8}},
		{name: "known absent", pages: 12, unavailable: []int{6}, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, r := newClustered(t, 4, c.from, c.pages, mach.BehaviorRandom)
			for _, n := range c.resident {
				j := r.startLoad(n - c.from)
				e.supplyPages(n)
				j.requireDone()
			}
			for _, n := range c.unavailable {
				r.abandonLoad(n - c.from) // nobody takes the zeros
				e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), at(n), page)) })
			}
			e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), c.behavior)) })
			j := r.startLoad(c.touch - c.from)
			require.Equal(t, c.want, e.requested())
			for n := c.want.start; n < c.want.end; n++ {
				e.supplyPages(n)
			}
			j.requireDone()
		})
	}
	// What was never paged out the existence map shows as absent.
	for _, c := range []struct {
		behavior mach.Behavior
		touch    int
		want     extent
	}{
		{mach.BehaviorSequential, 0, extent{0, 2}},
		{mach.BehaviorReverseSequential, 3, extent{3, 4}},
		{mach.BehaviorSequential, 4, extent{4, 8}},
		{mach.BehaviorReverseSequential, 7, extent{4, 8}},
	} {
		t.Run("never paged out", func(t *testing.T) {
			e := newPressed(t)
			d := e.newDefaultManager("default", 4)
			r := e.c.anonymous(8)
			for _, p := range []int{0, 1, 3, 4, 5, 6, 7} {
				r.store(p, 'a'+byte(p))
			}
			e.squeeze()
			require.Empty(t, r.residentIn())
			e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), c.behavior)) })
			r.reads(c.touch, 'a'+byte(c.touch))
			m := d.last("data_request")
			require.Equal(t, c.want, extent{int(m.offset / at(1)), int(m.offset/at(1)) + int(m.length/page)})
			require.Equal(t, 1, d.count("data_request"))
			r.reads(2, 0)
			require.Equal(t, 1, d.count("data_request"))
		})
	}
}
