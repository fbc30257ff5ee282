package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// TestEMM054_DirtyPagesAreReturned: All dirty pages of a non-temporary object are returned before
// terminate.
func TestEMM054_DirtyPagesAreReturned(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(5)
	for p := range 4 {
		if p != 1 {
			r.store(p, byte('p'+p))
		}
	}
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,2,rw-)", "data_request(a,3,rw-)",
		"data_return(a,0,dirty)", "data_return(a,2,dirty)", "data_return(a,3,dirty)", "terminate(a)")
	for _, p := range []int{0, 2, 3} {
		require.Equal(t, append([]byte{byte('p' + p)}, contents(at(p))[1:]...), e.m.kept[at(p)])
	}
}

// TestEMM055_PreciousPagesAreReturnedClean: All clean precious pages of a non-temporary object are
// returned before terminate with dirty FALSE.
func TestEMM055_PreciousPagesAreReturnedClean(t *testing.T) {
	e := newEMM(t)
	e.m.supplies = supplied{precious: true}
	r := e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x')
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)",
		"data_return(a,0,clean)", "data_return(a,1,dirty)", "terminate(a)")
	require.Equal(t, contents(0), e.m.kept[0])
}

// TestEMM056_CleanPagesAreDropped: Clean non-precious pages are dropped at termination without a
// message.
func TestEMM056_CleanPagesAreDropped(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	free := e.k.VM().Stats().Free
	for p := range 3 {
		r.see(p)
	}
	require.Equal(t, 3, e.resident(e.m.port))
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,2,r--)", "terminate(a)")
	require.Equal(t, free, e.k.VM().Stats().Free)
}

// TestEMM057_ReturnedPagesAreNotKept: Pages returned at termination have kernel_copy FALSE.
func TestEMM057_ReturnedPagesAreNotKept(t *testing.T) {
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) {
		x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset == 0})
	})
	r := e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x')
	r.unmap()
	returns := e.m.all("data_return")
	require.NotEmpty(t, returns)
	for _, m := range returns {
		require.False(t, m.kernelCopy)
	}
	require.Equal(t, 2, len(e.m.kept))
}

// TestEMM058_PagesAreReturnedOnce: Each page is returned at most once at termination.
func TestEMM058_PagesAreReturnedOnce(t *testing.T) {
	underSeeds(t, 50, func(e *emm) {
		e.m.supplies = supplied{precious: true}
		r := e.c.mapPages(4)
		for p := range 4 {
			r.store(p, 'x')
		}
		a := e.m.control(0)
		e.m.spawn("locker", func(x *calls) mach.Return { // leaves the pages clean, but precious
			return x.lock(a, locking{size: 2 * page, ret: mach.ReturnDirty, value: mach.ProtNoChange, reply: e.m.port})
		})
		r.spawnUnmap()
		e.settle()
		// What the termination returns comes behind the completion of the call, if that was executed.
		log := e.m.trace()
		if i := slices.Index(log, "lock_completed(a,0,2)"); i >= 0 {
			log = log[i:]
		}
		for p := range 4 {
			n := 0
			for _, m := range log {
				if strings.HasPrefix(m, "data_return(a,"+string(rune('0'+p))) {
					n++
				}
			}
			require.Equal(t, 1, n, "page %d in %v", p, log)
		}
	})
}

// TestEMM059_HardwareModifiedPagesAreDirty: A modification known only to the MMU makes a page dirty at
// termination.
func TestEMM059_HardwareModifiedPagesAreDirty(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.see(0)
	faults := e.k.VM().Stats().Faults
	r.store(0, 'x') // the page is mapped for writing: no fault tells the kernel
	require.Equal(t, faults, e.k.VM().Stats().Faults)
	r.see(1)
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "data_return(a,0,dirty)", "terminate(a)")
}

// TestEMM060_TemporaryObjectsReturnNothing: A temporary object is terminated without returning any
// page.
func TestEMM060_TemporaryObjectsReturnNothing(t *testing.T) {
	before := []string{"init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)"}
	run := func(keep personality.TemporaryCache, cache bool) *emm {
		e := newEMM(t, temporaryCache(keep), cacheLimit(1))
		e.m.readiness = defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, Temporary: true, MayCache: cache}
		e.m.on("data_request", func(x *turn) {
			x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset == 0})
		})
		r := e.c.mapPages(2)
		r.see(0)
		r.store(1, 'x')
		r.unmap()
		return e
	}
	for _, keep := range temporaryCaches {
		run(keep, false).m.see(append(before, "terminate(a)")...)
	}
	run(personality.TemporaryNever, true).m.see(append(before, "terminate(a)")...)

	// Where such an object is cached, the personality says what becomes of its pages when it is trimmed.
	for _, keep := range []personality.TemporaryCache{personality.TemporaryDiscard, personality.TemporaryReturn} {
		e := run(keep, true)
		e.m.see(before...)
		e.c.mapRange(e.m.newObject(), 0, 1).unmap() // takes the place in the cache
		if keep == personality.TemporaryDiscard {
			e.m.see(append(before, "terminate(a)")...)
		} else {
			e.m.see(append(before, "data_return(a,0,clean)", "data_return(a,1,dirty)", "terminate(a)")...)
		}
	}
}

// TestEMM061_LockedPagesAreReturned: A page lock does not prevent a page from being returned at
// termination.
func TestEMM061_LockedPagesAreReturned(t *testing.T) {
	e := newEMM(t)
	e.m.supplies = supplied{precious: true, lock: mach.ProtWrite}
	r := e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x') // by data_unlock
	e.m.do(func(x *calls) {
		x.lock(e.m.control(0), locking{size: 2 * page, value: mach.ProtAll})
	})
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "data_unlock(a,1,rw-)",
		"data_return(a,0,clean)", "data_return(a,1,dirty)", "terminate(a)")
}

// TestEMM062_PlaceholdersAreDropped: Placeholders of aborted faults are dropped at termination without
// any message.
func TestEMM062_PlaceholdersAreDropped(t *testing.T) {
	e := newEMM(t)
	e.m.silent("data_request")
	r := e.c.mapPages(2)
	for p := range 2 {
		r.abandonLoad(p)
	}
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "terminate(a)")
	a := e.m.control(0)
	e.m.do(func(x *calls) { // the late answer is the manager's again
		x.supply(a, 0, contents(0), supplied{})
		require.Equal(t, []string{"memory_object_data_supply"}, x.drain(a))
	})
}

// slowSupply has the kernel take up a supply that it cannot finish: the data are a page of another memory
// object, whose manager does not answer until finish is called. The client's mapping r of the supplied
// page, whose read was abandoned, is the only one.
func slowSupply(t *testing.T) (e *emm, r *mapped, supply *job, finish func()) {
	e = newEMM(t)
	e.m.silent("data_request")
	r = e.c.mapPages(1)
	r.abandonLoad(0)
	source := e.m.newObject()
	supply = e.m.start("supplier", func(x *calls) mach.Return {
		addr, code := x.vmMap(mapping{object: x.makeSend(source), size: page})
		if code != mach.KernSuccess {
			return code
		}
		return x.supplyRegion(e.m.control(0), 0, mach.Region{Address: addr, Size: page}, supplied{reply: e.m.port})
	})
	supply.requireBlocked()
	return e, r, supply, func() {
		e.m.do(func(x *calls) { x.supply(e.m.control(1), 0, contents(at(9)), supplied{}) })
	}
}

// TestEMM063_TerminationWaitsForExecutingCalls: Termination begins only after control calls being
// executed on the object have ended.
func TestEMM063_TerminationWaitsForExecutingCalls(t *testing.T) {
	e, r, supply, finish := slowSupply(t)
	r.unmap()
	supply.requireBlocked()
	require.Equal(t, 0, e.k.VM().Mappings(e.portNamed(e.m, e.m.port)))
	e.m.never("terminate")
	finish()
	supply.requireDone()
	e.m.see("init(a)", "data_request(a,0,r--)", "supply_completed(a,0,1,KERN_SUCCESS)", "terminate(a)")
	require.Equal(t, 0, e.m.status(e.m.control(0)).messages)
}

// TestEMM064_CompletionsPrecedeTerminate: A completion sent to the object port by a call executed
// before termination precedes terminate.
func TestEMM064_CompletionsPrecedeTerminate(t *testing.T) {
	e, r, _, finish := slowSupply(t)
	r.unmap()
	finish()
	e.m.see("init(a)", "data_request(a,0,r--)", "supply_completed(a,0,1,KERN_SUCCESS)", "terminate(a)")

	underSeeds(t, 100, func(e *emm) {
		r := e.c.mapPages(1)
		r.store(0, 'x')
		a := e.m.control(0)
		e.m.spawn("caller", func(x *calls) mach.Return {
			x.change(a, mach.FlavorPerformance, words(0, 0), e.m.port)
			x.lock(a, locking{size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange, reply: e.m.port})
			return x.supply(a, 0, contents(0), supplied{reply: e.m.port})
		})
		r.spawnUnmap()
		e.settle()
		log := e.m.trace()
		require.Equal(t, "terminate(a)", log[len(log)-1], "%v", log)
		completed := 0
		for _, m := range log {
			if strings.Contains(m, "_completed(a,") {
				completed++
			}
		}
		require.Equal(t, 3, completed+e.m.status(a).messages, "%v", log) // each call was executed, or is there
	})
}

// TestEMM065_KernelDoesNotWaitForTheManager: The kernel does not wait for the manager to process
// terminate.
func TestEMM065_KernelDoesNotWaitForTheManager(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	e.m.hold()
	r.unmap() // returns
	require.Equal(t, 2, e.m.status(e.m.port).messages)
	_, alive := e.k.VM().ObjectInfo(e.portNamed(e.m, e.m.port))
	require.False(t, alive)
	e.m.resume()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")
}

// TestEMM066_SplitRegionTerminatesWithItsLastPiece: A region split by protection changes terminates
// its object only when its last piece is gone.
func TestEMM066_SplitRegionTerminatesWithItsLastPiece(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	e.c.do(func(x *calls) {
		require.Equal(t, mach.KernSuccess, x.protect(r.addr+mach.Addr(page), page, mach.ProtRead))
	})
	require.Equal(t, 3, e.k.VM().Mappings(e.portNamed(e.m, e.m.port)))
	for _, p := range []int{1, 0} {
		r.unmapPage(p)
		e.m.see("init(a)")
	}
	r.unmapPage(2)
	e.m.see("init(a)", "terminate(a)")
}

// TestEMM067_TaskDeathEndsLikeDeallocation: The death of the last task that maps the object ends in
// the same messages as vm_deallocate.
func TestEMM067_TaskDeathEndsLikeDeallocation(t *testing.T) {
	run := func(end func(e *emm, r *mapped)) []string {
		e := newEMM(t)
		e.m.on("data_request", func(x *turn) {
			x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset == 0})
		})
		other := e.newClient("other")
		q := other.mapPages(1)
		r := e.c.mapPages(3)
		r.see(0)
		r.store(1, 'x')
		r.see(2)
		other.terminate() // not the last
		e.m.never("terminate")
		_ = q
		end(e, r)
		return e.m.trace()
	}
	want := run(func(_ *emm, r *mapped) { r.unmap() })
	require.Equal(t, "terminate(a)", want[len(want)-1])
	require.Equal(t, want, run(func(e *emm, _ *mapped) { e.c.terminate() }))
}

// TestEMM068_CopiesDelayTermination: A copy object or undelivered out-of-line copy that shadows the
// object delays its termination.
func TestEMM068_CopiesDelayTermination(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	other := e.newClient("other")
	var q *mapped
	other.do(func(x *calls) {
		addr, code := x.vmMap(mapping{object: other.port(e.m.port), size: 2 * page, copy: true})
		require.Equal(t, mach.KernSuccess, code)
		q = &mapped{c: other, addr: addr, pages: 2}
	})
	r.unmap()
	q.see(0) // through the shadow
	e.m.see("init(a)", "data_request(a,0,r--)")
	q.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")

	// Out-of-line memory that nobody has received yet.
	e = newEMM(t)
	r = e.c.mapPages(2)
	var box mach.Name
	e.c.do(func(x *calls) {
		box = x.allocatePort()
		require.Equal(t, mach.KernSuccess, x.sendMemory(box, 77, mach.Region{Address: r.addr, Size: r.size()}))
	})
	r.unmap()
	require.Equal(t, 0, e.k.VM().Mappings(e.portNamed(e.m, e.m.port)))
	e.m.see("init(a)")
	e.c.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroyPort(box)) })
	e.m.see("init(a)", "terminate(a)")
}

// TestEMM069_FailedTerminateHandlerDestroysControlPort: A handler failure for terminate destroys the
// control receive right.
func TestEMM069_FailedTerminateHandlerDestroysControlPort(t *testing.T) {
	for _, c := range []struct {
		code  mach.Return
		keeps bool
	}{{mach.KernSuccess, true}, {mach.MigNoReply, true}, {mach.KernFailure, false}} {
		e := newEMM(t)
		e.m.on("terminate", func(x *turn) { x.result = c.code })
		r := e.c.mapPages(1)
		other := e.newTask("other")
		theirs := e.GiveSend(e.m.task, e.m.control(0), other)
		r.unmap()
		e.m.see("init(a)", "terminate(a)")
		want := mach.TypeDeadName
		if c.keeps {
			want = mach.TypeSend
		}
		e.in(other, func(x *calls) { require.Equal(t, want, x.portType(theirs)) })
	}
}
