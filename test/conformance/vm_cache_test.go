package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/vm"
)

// TestVM183_Cached: A cachable object that is not temporary and whose last mapping disappears sends no
// message and keeps its pages.
func TestVM183_Cached(t *testing.T) {
	e := newEMM(t)
	e.m.cachable()
	r := e.c.mapPages(3)
	r.store(0, 'x')
	r.see(1)
	want := e.m.trace()
	r.unmap()
	e.m.see(want...)
	require.Equal(t, vm.PhaseCached, e.info().Phase)
	require.Equal(t, []int{0, 1}, pagesOf(e.info()))
	require.True(t, e.pageAt(0).Dirty)
	e.c.terminate()
	e.m.see(want...)

	for name, opposite := range map[string]func(m *manager){
		"not cachable": func(*manager) {},
		"temporary":    func(m *manager) { m.readiness.MayCache, m.readiness.Temporary = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			opposite(e.m)
			e.c.mapPages(1).unmap()
			e.m.see("init(a)", "terminate(a)")
		})
	}
	// Without a limit on their number only objects with resident pages stay.
	e = newEMM(t, withField("ObjectCacheMax", "-1"))
	e.m.cachable()
	e.c.mapPages(1).unmap()
	e.m.see("init(a)", "terminate(a)")
	r = e.c.mapPages(1)
	r.see(0)
	r.unmap()
	e.m.see("init(a)", "terminate(a)", "init(b)", "data_request(b,0,r--)")
	require.Equal(t, vm.PhaseCached, e.info().Phase)
}

// TestVM184_CachedPagesAreDeactivated: Pages of an object entering the cache are deactivated.
func TestVM184_CachedPagesAreDeactivated(t *testing.T) {
	for field, queue := range map[string]string{"true": "inactive", "false": "active"} {
		e := newEMM(t, withField("CacheDeactivates", field))
		e.m.cachable()
		r := e.c.mapPages(5)
		for _, p := range []int{4, 0, 2} { // not one after the other
			r.see(p)
		}
		for _, p := range e.info().Pages {
			require.Equal(t, "active", p.Queue)
		}
		r.unmap()
		require.Len(t, e.info().Pages, 3)
		for _, p := range e.info().Pages {
			require.Equal(t, queue, p.Queue)
		}
	}
}

// TestVM185_RemappedFromCache: Remapping a cached object sends no init, counts a hit and finds the old
// data.
func TestVM185_RemappedFromCache(t *testing.T) {
	e := newEMM(t)
	e.m.cachable()
	r := e.c.mapPages(3)
	r.store(0, 'x')
	r.see(1)
	r.unmap()
	want := e.m.trace()
	before := e.stats()
	require.Equal(t, vm.PhaseCached, e.info().Phase)
	other := e.newClient("other").mapPages(3)
	require.Equal(t, before.Lookups+1, e.stats().Lookups)
	require.Equal(t, before.Hits+1, e.stats().Hits)
	require.Equal(t, vm.PhaseActive, e.info().Phase)
	require.Equal(t, 1, e.info().Refs)
	other.reads(0, 'x')
	other.see(1)
	e.m.see(want...)
	other.see(2)
	e.m.see(append(want, "data_request(a,2,r--)")...)
}

// TestVM186_OldestIsTrimmed: When the cache exceeds its limit the object cached longest ago is
// terminated first.
func TestVM186_OldestIsTrimmed(t *testing.T) {
	e := newEMM(t, withField("ObjectCacheMax", "2"))
	e.m.cachable()
	for len(e.m.object) < 4 {
		e.m.newObject()
	}
	o := e.m.object
	use := func(name mach.Name) {
		r := e.c.mapRange(name, 0, 1)
		r.store(0, 'x')
		r.unmap()
	}
	cached := func(want ...mach.Name) {
		t.Helper()
		for _, name := range o {
			info, ok := e.m.info(name)
			require.Equal(t, slices.Contains(want, name), ok && info.Phase == vm.PhaseCached)
		}
	}
	for _, name := range []mach.Name{o[0], o[1]} {
		use(name)
	}
	cached(o[0], o[1])
	require.Empty(t, e.terminated())
	use(o[2])
	cached(o[1], o[2])
	require.Equal(t, []mach.Name{o[0]}, e.terminated())
	e.m.seeOn(o[0], "init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")
	use(o[1]) // from now on it is the youngest
	use(o[3])
	cached(o[1], o[3])
	use(o[0])
	cached(o[3], o[0])
	require.Equal(t, []mach.Name{o[0], o[2], o[1]}, e.terminated())

	e = newEMM(t, withField("ObjectCacheMax", "0"))
	e.m.cachable()
	e.c.mapPages(1).unmap()
	e.m.see("init(a)", "terminate(a)")
}

// TestVM187_Uncaching: Clearing may-cache on an unmapped cached object terminates it, and terminate
// precedes the completion reply.
func TestVM187_Uncaching(t *testing.T) {
	e := newEMM(t)
	e.m.cachable()
	r := e.c.mapPages(2)
	r.store(1, 'x')
	r.unmap()
	a := e.m.control(0)
	change := func(may int32) {
		e.m.do(func(x *calls) { x.ok(x.change(a, mach.FlavorPerformance, words(0, may), e.m.port)) })
	}
	change(1) // as it is
	e.m.see("init(a)", "data_request(a,1,rw-)", "change_completed(a,PERFORMANCE)")
	change(0)
	e.m.see("init(a)", "data_request(a,1,rw-)", "change_completed(a,PERFORMANCE)",
		"data_return(a,1,dirty)", "terminate(a)", "change_completed(null,PERFORMANCE)")

	// A mapped one goes on, and ends with its last mapping.
	e = newEMM(t)
	e.m.cachable()
	r = e.c.mapPages(1)
	a = e.m.control(0)
	change(0)
	e.m.see("init(a)", "change_completed(a,PERFORMANCE)")
	r.unmap()
	e.m.see("init(a)", "change_completed(a,PERFORMANCE)", "terminate(a)")
}

// TestVM188_ZeroReferences: An object with zero references is either cached or being terminated.
func TestVM188_ZeroReferences(t *testing.T) {
	e := newEMM(t)
	e.m.cachable()
	refs := func(want int, phase vm.Phase) {
		t.Helper()
		require.Equal(t, want, e.k.VM().References(e.object()))
		require.Equal(t, phase, e.info().Phase)
		require.NoError(t, e.sim.Check())
	}
	e.m.silent("init")
	mapper := e.c.startMap(e.m.port, 1)
	refs(1, vm.PhaseUnready) // the call
	e.m.do(func(x *calls) { x.ok(x.ready(e.m.control(0), e.m.readiness)) })
	mapper.requireDone()
	refs(1, vm.PhaseActive)
	r := e.c.mapPages(1)
	refs(2, vm.PhaseActive)
	var data mach.Region
	e.c.step(func(v *space) { data = v.take(r.addr, page) })
	refs(3, vm.PhaseActive)
	e.c.step(func(v *space) {
		for _, r := range v.regions() {
			if r.Address != data.Address {
				v.ok(v.deallocate(r.Address, r.Size))
			}
		}
	})
	refs(1, vm.PhaseActive) // the copy
	e.c.step(func(v *space) { v.ok(v.deallocate(data.Address, data.Size)) })
	refs(0, vm.PhaseCached)
	e.m.do(func(x *calls) { // a call takes it out of the cache while it lasts
		_, code := x.attributes(e.m.control(0), mach.FlavorPerformance)
		x.ok(code)
	})
	refs(0, vm.PhaseCached)
	r = e.c.mapPages(1)
	refs(1, vm.PhaseActive)
	r.store(0, 'x')
	e.m.do(func(x *calls) { x.ok(x.change(e.m.control(0), mach.FlavorPerformance, words(0, 0), mach.NameNull)) })
	seen := 0
	for _, point := range []string{"association-broken", "before-data-return", "before-terminate"} {
		w := e.at(point, e.newTask("looks"), func(*calls) {
			seen++
			require.NoError(t, e.sim.Check())
			require.Zero(t, e.k.VM().References(e.object()))
			require.Contains(t, e.k.VM().DescribeObjects(), vm.PhaseTerminating.String())
		})
		defer w.requireDone()
	}
	r.unmap()
	require.Equal(t, 3, seen)
	require.NotContains(t, e.k.VM().DescribeObjects(), vm.PhaseTerminating.String())
}

// TestVM189_LastDropWaitsForInit: The last drop of an object still being initialised waits until
// initialisation completes.
func TestVM189_LastDropWaitsForInit(t *testing.T) {
	init, end := defs.MemoryObjectInitRow.ID(mig.OSF), defs.MemoryObjectTerminateRow.ID(mig.OSF)
	underSeeds(t, 100, func(e *emm) {
		// Mappers whose placement fails, and one that is killed, drop the reference at once.
		e.m.readiness.CopyStrategy = mach.CopyNone
		var clients []*client
		for i := range 3 {
			c := e.newClient("mapper")
			clients = append(clients, c)
			name := c.port(e.m.port)
			j := c.spawn("vm_map", func(x *calls) mach.Return {
				v := x.space()
				p := usualAt(va(10), name, 1)
				p.mask = va(1) // which va(11) has, and va(10) has not
				if i == 0 {
					p.addr = va(11)
				}
				if ret := v.vmMap(&p); ret != mach.KernSuccess {
					return ret
				}
				return v.deallocate(va(10), page)
			})
			if i == 1 {
				c.spawn("killer", func(x *calls) mach.Return { return user.ThreadTerminate(x, j.thread) })
			}
		}
		e.settle()
		for _, c := range clients {
			c.terminate() // the killed one may have left a mapping
		}
		require.Equal(e.t, e.sent(init), e.sent(end))
		require.Equal(e.t, e.m.count("init"), e.m.count("terminate"))
		last := "terminate"
		for _, m := range e.m.log {
			if m.on == e.m.port {
				require.NotEqual(e.t, last, m.kind, "%v", e.m.trace())
				last = m.kind
			}
		}
	})
}
