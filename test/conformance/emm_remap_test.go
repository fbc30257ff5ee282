package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// cacheLimit sets ObjectCacheMax.
func cacheLimit(n int) option {
	return withField("ObjectCacheMax", fmt.Sprint(n))
}

// temporaryCache sets TemporaryCache.
func temporaryCache(v personality.TemporaryCache) option {
	return withField("TemporaryCache", fmt.Sprint(v))
}

var temporaryCaches = []personality.TemporaryCache{
	personality.TemporaryNever, personality.TemporaryReturn, personality.TemporaryDiscard,
}

// newCached makes the stage with a manager whose objects are cached.
func newCached(t *testing.T, opts ...option) *emm {
	e := newEMM(t, opts...)
	e.m.readiness = defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, MayCache: true}
	return e
}

// TestEMM070_MapWaitsForTermination: A vm_map during termination waits until terminate is queued and
// then causes a new init.
func TestEMM070_MapWaitsForTermination(t *testing.T) {
	for _, last := range []bool{true, false} {
		e := newEMM(t)
		r := e.c.mapPages(1)
		r.see(0)
		other := e.newClient("other")
		mapper := e.at("association-broken", other.task, func(x *calls) {
			_, code := x.vmMap(mapping{object: other.port(e.m.port), size: page})
			require.Equal(t, mach.KernSuccess, code)
		})
		var early bool
		watcher := e.at("before-terminate", e.m.task, func(x *calls) {
			early = mapper.ended || len(e.m.all("init")) != 1 || x.status(e.m.port).messages != 0
		})
		if last {
			r.unmap()
		} else {
			destroyFirst(e)
		}
		watcher.requireDone()
		mapper.requireDone()
		require.False(t, early)
		e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)", "init(b)")
	}
}

// TestEMM071_TerminatePrecedesNextInit: On one object port terminate of an association precedes init
// of the next.
func TestEMM071_TerminatePrecedesNextInit(t *testing.T) {
	underSeeds(t, 100, func(e *emm) {
		for _, c := range []*client{e.c, e.newClient("other"), e.newClient("third")} {
			c.spawn("user", func(x *calls) mach.Return {
				for range 4 {
					addr, code := x.vmMap(mapping{object: c.port(e.m.port), size: page})
					if code != mach.KernSuccess {
						return code
					}
					x.store(addr, 'x')
					x.deallocate(addr, page)
				}
				return mach.KernSuccess
			})
		}
		e.settle()
		open := ""
		for _, m := range e.m.log {
			switch m.kind {
			case "init":
				require.Empty(t, open, "%v", e.m.trace())
				open = m.letter
			case "terminate":
				require.Equal(t, open, m.letter, "%v", e.m.trace())
				open = ""
			}
		}
		require.Empty(t, open)
	})
}

// TestEMM072_MapDoesNotWaitForReceipt: A vm_map after terminate is queued does not wait for the
// manager to receive it.
func TestEMM072_MapDoesNotWaitForReceipt(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	e.m.hold()
	r.unmap()
	j := e.c.startMap(e.m.port, 1)
	require.Equal(t, 2, e.m.status(e.m.port).messages) // terminate, and init behind it
	j.requireBlocked()                                 // for readiness
	e.m.resume()
	j.requireDone()
	e.m.see("init(a)", "terminate(a)", "init(b)")
}

// TestEMM073_AssociationsShareNoPage: A new association shares no page with the old one.
func TestEMM073_AssociationsShareNoPage(t *testing.T) {
	other := func(e *emm) {
		e.m.on("data_request", func(x *turn) {
			x.supply(x.control, x.offset, contents(x.offset+at(100)), supplied{})
		})
	}
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.see(0)
	r.see(1)
	r.unmap()
	other(e)
	r = e.c.mapPages(2)
	r.reads(0, contents(at(100))[0])
	r.reads(1, contents(at(101))[0])

	// The same while the old association's pages are still mapped.
	e = newEMM(t)
	r = e.c.mapPages(1)
	r.see(0)
	e.m.do(func(x *calls) { x.destroy(e.m.control(0), 0) })
	other(e)
	q := e.c.mapPages(1)
	q.reads(0, contents(at(100))[0])
	r.see(0)
	q.store(0, 'n')
	r.see(0)
	r.store(0, 'o')
	q.reads(0, 'n')
}

// TestEMM074_CachedObjectIsSilent: The last unmap of an object with may_cache TRUE sends no message.
func TestEMM074_CachedObjectIsSilent(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x')
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)")
	require.Equal(t, 0, e.m.status(e.m.port).messages)
	require.Equal(t, mach.TypeSend, e.m.portType(e.m.control(0)))
}

// TestEMM075_CachedObjectIsFoundAgain: Re-mapping a cached object sends no init and finds its resident
// pages.
func TestEMM075_CachedObjectIsFoundAgain(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(3)
	r.see(0)
	r.store(1, 'x')
	r.unmap()
	q := e.newClient("other").mapPages(3)
	q.see(0)
	q.reads(1, 'x')
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)")
	q.see(2) // was not resident
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "data_request(a,2,r--)")
}

// TestEMM077_OldestCachedObjectIsTerminated: When the cache exceeds its limit the object released
// longest ago is terminated.
func TestEMM077_OldestCachedObjectIsTerminated(t *testing.T) {
	e := newCached(t, cacheLimit(2))
	objects := []mach.Name{e.m.newObject(), e.m.newObject(), e.m.newObject()}
	use := func(i int) *mapped {
		r := e.c.mapRange(objects[i], 0, 1)
		r.see(0)
		return r
	}
	var regions []*mapped
	for i := range objects {
		regions = append(regions, use(i)) // a, b, c
	}
	for _, i := range []int{1, 0} { // the order of release counts, not that of mapping
		regions[i].unmap()
	}
	e.m.never("terminate")
	use(1).unmap() // released again: now the youngest
	e.m.never("terminate")
	regions[2].unmap()
	require.Equal(t, "a", e.m.last("terminate").letter)
	use(1).unmap()
	use(2).unmap()
	require.Equal(t, 1, e.m.count("terminate"))
	use(0).unmap() // a new association
	require.Equal(t, 2, e.m.count("terminate"))
	require.Equal(t, "b", e.m.last("terminate").letter)

	// Without a limit of their number, objects are kept as long as they have pages.
	e = newCached(t, cacheLimit(-1))
	for range 8 {
		r := e.c.mapRange(e.m.newObject(), 0, 1)
		r.see(0)
		r.unmap()
	}
	e.m.never("terminate")
	e.c.mapRange(e.m.newObject(), 0, 1).unmap()
	require.Equal(t, 1, e.m.count("terminate"))
}

// TestEMM078_TrimmingReturnsPages: Trimming a cached object returns its dirty and precious pages
// before terminate.
func TestEMM078_TrimmingReturnsPages(t *testing.T) {
	e := newCached(t, cacheLimit(1))
	e.m.on("data_request", func(x *turn) {
		x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset == at(2)})
	})
	r := e.c.mapPages(3)
	r.store(0, 'x')
	r.see(1)
	r.see(2)
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "data_request(a,2,r--)")
	e.c.mapRange(e.m.newObject(), 0, 1).unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "data_request(a,2,r--)",
		"data_return(a,0,dirty)", "data_return(a,2,clean)", "terminate(a)")
}

// uncache clears may_cache of the first association, with a completion to the object port.
func uncache(e *emm) {
	e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 0), e.m.port) })
}

// TestEMM079_ClearingMayCacheTerminates: Clearing may_cache on a cached object terminates it.
func TestEMM079_ClearingMayCacheTerminates(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	r.unmap()
	e.m.never("terminate")
	e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 0), mach.NameNull) })
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")
	require.Equal(t, byte('x'), e.m.kept[0][0])
}

// TestEMM080_TerminatePrecedesChangeCompleted: The terminate caused by clearing may_cache precedes
// change_completed.
func TestEMM080_TerminatePrecedesChangeCompleted(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	r.unmap()
	uncache(e)
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)", "change_completed(null,PERFORMANCE)")
}

// TestEMM081_ChangeCompletedWithNullControl: change_completed carries a null control port if the
// change terminated the object.
func TestEMM081_ChangeCompletedWithNullControl(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(1)
	uncache(e)
	require.Equal(t, e.m.control(0), e.m.last("change_completed").control) // still mapped
	e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 1), mach.NameNull) })
	r.unmap()
	uncache(e)
	last := e.m.last("change_completed")
	require.Equal(t, mach.NameNull, last.control)
	require.Equal(t, mach.FlavorPerformance, last.flavor)

	// The completions of CMU and GNU have no control port to carry.
	for _, preset := range []personality.Personality{personality.CMU30(), personality.GNUMach()} {
		e := newCached(t, withPreset(preset))
		r := e.c.mapPages(1)
		r.see(0) // GNU keeps only objects with pages
		r.unmap()
		e.m.never("terminate")
		e.m.do(func(x *calls) { x.changeCMU(e.m.control(0), false, mach.CopyDelay, e.m.port) })
		e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)", "change_completed(false,delay)")
		require.Empty(t, e.m.last("change_completed").message.Descs)
	}
}

// TestEMM082_ClearingMayCacheWhileMapped: Clearing may_cache while mapped sends no terminate until the
// last unmap.
func TestEMM082_ClearingMayCacheWhileMapped(t *testing.T) {
	e := newCached(t)
	r, q := e.c.mapPages(1), e.newClient("other").mapPages(1)
	uncache(e)
	r.unmap()
	q.see(0)
	e.m.see("init(a)", "change_completed(a,PERFORMANCE)", "data_request(a,0,r--)")
	q.unmap()
	e.m.see("init(a)", "change_completed(a,PERFORMANCE)", "data_request(a,0,r--)", "terminate(a)")
}

// TestEMM083_ControlCallsLeaveTheObjectCached: A control call on a cached object leaves it cached
// afterwards, unless it clears may_cache, sets temporary or is destroy.
func TestEMM083_ControlCallsLeaveTheObjectCached(t *testing.T) {
	for _, call := range []func(x *calls, a mach.Name) mach.Return{
		func(x *calls, a mach.Name) mach.Return { return x.supply(a, at(1), contents(at(1)), supplied{}) },
		func(x *calls, a mach.Name) mach.Return { return x.unavailable(a, 0, 2*page) },
		func(x *calls, a mach.Name) mach.Return { return x.dataError(a, 0, 2*page, mach.KernFailure) },
		func(x *calls, a mach.Name) mach.Return {
			return x.lock(a, locking{size: 2 * page, ret: mach.ReturnAll, value: mach.ProtNone})
		},
		func(x *calls, a mach.Name) mach.Return {
			return x.change(a, mach.FlavorPerformance, words(int32(2*page), 1), mach.NameNull)
		},
		func(x *calls, a mach.Name) mach.Return {
			_, code := x.attributes(a, mach.FlavorPerformance)
			return code
		},
		func(x *calls, a mach.Name) mach.Return { return x.synchronizeCompleted(a, 0, page) },
	} {
		e := newCached(t)
		r := e.c.mapPages(1)
		r.see(0)
		r.unmap()
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, call(x, e.m.control(0))) })
		e.m.see("init(a)", "data_request(a,0,r--)")
		e.c.mapPages(1).see(0)
		e.m.see("init(a)", "data_request(a,0,r--)")
	}
	for _, keep := range temporaryCaches {
		ends := func(call func(x *calls, a mach.Name)) bool {
			e := newCached(t, temporaryCache(keep))
			e.c.mapPages(1).unmap()
			e.m.do(func(x *calls) { call(x, e.m.control(0)) })
			return e.m.count("terminate") == 1
		}
		require.True(t, ends(func(x *calls, a mach.Name) {
			x.change(a, mach.FlavorPerformance, words(0, 0), mach.NameNull)
		}))
		require.True(t, ends(func(x *calls, a mach.Name) { x.destroy(a, 0) }))
		temporary := ends(func(x *calls, a mach.Name) {
			x.change(a, mach.FlavorBehavior, words(int32(mach.CopyDelay), 1, 0, 0, 0), mach.NameNull)
		})
		require.Equal(t, keep == personality.TemporaryNever, temporary, "%v", keep)
	}
}

// TestEMM084_TemporaryObjectsAreNotCached: An object that is temporary is never cached.
func TestEMM084_TemporaryObjectsAreNotCached(t *testing.T) {
	for _, keep := range temporaryCaches {
		e := newCached(t, temporaryCache(keep))
		e.m.readiness.Temporary = true
		e.c.mapPages(1).unmap()
		if keep == personality.TemporaryNever {
			e.m.see("init(a)", "terminate(a)")
		} else {
			e.m.see("init(a)")
		}
	}
	e := newCached(t)
	e.c.mapPages(1).unmap()
	e.m.see("init(a)") // without temporary it is
}

// TestEMM085_NeverReadyObjectsAreNotCached: A never-ready object is never cached.
func TestEMM085_NeverReadyObjectsAreNotCached(t *testing.T) {
	cachable := func(e *emm) { // as far as a manager that is not ready can say so
		e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 1), mach.NameNull) })
	}
	e := newEMM(t, mapWaits(false))
	e.m.silent("init")
	r := e.c.mapPages(1)
	cachable(e)
	r.unmap()
	e.m.see("init(a)", "terminate(a)")

	e = newEMM(t)
	e.m.silent("init")
	j := e.c.startMap(e.m.port, 1)
	cachable(e)
	e.c.abort(j)
	j.requireFails(mach.KernAborted)
	e.m.see("init(a)", "terminate(a)")

	// The oldest call of CMU can say so for an object that it does not make ready.
	for _, ready := range []bool{false, true} {
		e := newEMM(t, withPreset(personality.CMU30()))
		e.m.silent("init")
		r := e.c.mapPages(1)
		e.m.do(func(x *calls) {
			x.ok(user.MemoryObjectSetAttributes(x, e.m.control(0), ready, true, mach.CopyDelay))
		})
		r.unmap()
		if ready {
			e.m.see("init(a)")
		} else {
			e.m.see("init(a)", "terminate(a)")
		}
	}
}
