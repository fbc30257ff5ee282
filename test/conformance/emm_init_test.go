package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// mapWaits sets MapWaitsForReady.
func mapWaits(yes bool) option {
	return withField("MapWaitsForReady", fmt.Sprint(yes))
}

// TestEMM027_FirstMapSendsOneInit: The first vm_map of an object port by a kernel sends exactly one
// init.
func TestEMM027_FirstMapSendsOneInit(t *testing.T) {
	e := newEMM(t)
	e.m.see()
	r := e.c.mapPages(4)
	e.m.see("init(a)")
	require.Equal(t, e.m.port, e.m.last("init").object)
	r.see(0)
	e.c.mapPages(2)
	e.m.see("init(a)", "data_request(a,0,r--)")
}

// TestEMM028_ConcurrentFirstMapsSendOneInit: Concurrent first mappings of one port send exactly one
// init.
func TestEMM028_ConcurrentFirstMapsSendOneInit(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	e.m.hold()
	maps := []*job{e.c.startMap(e.m.port, 1), e.c.startMap(e.m.port, 1), other.startMap(e.m.port, 1)}
	require.Equal(t, 1, e.m.status(e.m.port).messages)
	e.m.resume()
	for _, j := range maps {
		j.requireDone()
	}
	e.m.see("init(a)")

	// Whoever comes first, and wherever the threads are switched.
	underSeeds(t, 50, func(e *emm) {
		other := e.newClient("other")
		maps := []*job{
			e.c.spawnMap(e.m.port, 1), other.spawnMap(e.m.port, 1), e.c.spawnMap(e.m.port, 2), other.spawnMap(e.m.port, 2),
		}
		e.settle()
		for _, j := range maps {
			j.requireDone()
		}
		e.m.see("init(a)")
	})
}

// TestEMM029_InitComesFirst: init is the first message of an association on the object port.
func TestEMM029_InitComesFirst(t *testing.T) {
	underSeeds(t, 50, func(e *emm) {
		other := e.newClient("other")
		for _, c := range []*client{e.c, other} {
			c.spawn("reader", func(x *calls) mach.Return {
				for range 3 {
					addr, code := x.vmMap(mapping{object: c.port(e.m.port), size: 2 * page})
					if code == mach.KernSuccess {
						x.load(addr)
						x.store(addr+mach.Addr(page), 'x')
						code = x.deallocate(addr, 2*page)
					}
					if code != mach.KernSuccess {
						return code
					}
				}
				return mach.KernSuccess
			})
		}
		e.settle()
		seen := map[string]bool{}
		for _, m := range e.m.log {
			require.Equal(t, m.kind == "init", !seen[m.letter], "%v in %v", m, e.m.trace())
			seen[m.letter] = true
		}
		require.NotEmpty(t, seen)
	}, mapWaits(false))
}

// TestEMM030_InitAnnouncesPageSize: init announces the kernel's page size.
func TestEMM030_InitAnnouncesPageSize(t *testing.T) {
	e := newEMM(t)
	big := e.boot("big", 4*page)
	e.c.mapPages(1)
	require.Equal(t, page, e.m.last("init").pageSize)
	e.newClientOn(big, "far").mapRange(e.m.port, 0, 4)
	require.Equal(t, 4*page, e.m.last("init").pageSize)
	e.m.see("init(a)", "init(b)")
}

// TestEMM031_MapWaitsForReadiness: vm_map does not return before the object is ready.
func TestEMM031_MapWaitsForReadiness(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	first, second := e.c.startMap(e.m.port, 1), e.c.startMap(e.m.port, 1)
	first.requireBlocked()
	second.requireBlocked()
	e.m.do(func(x *calls) { x.ready(e.m.control(0), e.m.readiness) })
	first.requireDone()
	second.requireDone()
	e.c.startMap(e.m.port, 1).requireDone()

	e = newEMM(t, mapWaits(false))
	e.m.silent("init")
	e.c.startMap(e.m.port, 1).requireDone()
	e.m.see("init(a)")
}

// TestEMM032_NoRequestBeforeReadiness: No data_request is sent before the manager has made the object
// ready.
func TestEMM032_NoRequestBeforeReadiness(t *testing.T) {
	for _, waits := range []bool{true, false} {
		e := newEMM(t, mapWaits(waits))
		e.m.silent("init")
		read := e.c.start("reader", func(x *calls) mach.Return {
			addr, code := x.vmMap(mapping{object: e.c.port(e.m.port), size: page})
			if code == mach.KernSuccess {
				_, code = x.load(addr)
			}
			return code
		})
		read.requireBlocked()
		e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 1), mach.NameNull) }) // refused
		read.requireBlocked()
		e.m.see("init(a)")
		e.m.do(func(x *calls) { x.ready(e.m.control(0), e.m.readiness) })
		read.requireDone()
		e.m.see("init(a)", "data_request(a,0,r--)")
	}
}

// TestEMM033_CopyStrategyMakesReady: A successful change_attributes that sets a copy strategy makes
// the object ready.
func TestEMM033_CopyStrategyMakesReady(t *testing.T) {
	delay := int32(mach.CopyDelay)
	for _, c := range []struct {
		flavor mach.Flavor
		words  []int32
	}{
		{mach.FlavorBehavior, words(delay, 0, 0, 0, 0)},
		{mach.FlavorAttribute, words(delay, int32(page), 0, 0)},
		{mach.FlavorOldBehavior, words(delay, 0, 0)},
		{mach.FlavorOldAttribute, words(0, 0, delay)},
		{mach.FlavorBehavior, words(int32(mach.CopyNone), 0, 0, 0, 0)},
		{mach.FlavorBehavior, words(int32(mach.CopyTemporary), 0, 0, 0, 0)},
	} {
		e := newEMM(t)
		e.m.silent("init")
		j := e.c.startMap(e.m.port, 1)
		bad := append([]int32(nil), c.words...)
		for i := range bad {
			bad[i] = 77 // no strategy, and no boolean
		}
		e.m.do(func(x *calls) { x.change(e.m.control(0), c.flavor, bad, mach.NameNull) })
		j.requireBlocked() // an unsuccessful call does not
		e.m.do(func(x *calls) { x.change(e.m.control(0), c.flavor, c.words, mach.NameNull) })
		j.requireDone()
	}

	for _, preset := range []personality.Personality{personality.CMU30(), personality.GNUMach()} {
		e := newEMM(t, withPreset(preset))
		e.m.silent("init")
		r := e.c.mapPages(1)
		read := r.startLoad(0)
		read.requireBlocked()
		e.m.see("init(a)")
		e.m.do(func(x *calls) { x.changeCMU(e.m.control(0), false, mach.CopyDelay, mach.NameNull) })
		read.requireValue(contents(0)[0])
	}
}

// TestEMM034_PerformanceAloneDoesNotMakeReady: A PERFORMANCE attribute call before any strategy is
// known fails and leaves the object not ready.
func TestEMM034_PerformanceAloneDoesNotMakeReady(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	j := e.c.startMap(e.m.port, 1)
	a := e.m.control(0)
	e.m.do(func(x *calls) {
		x.change(a, mach.FlavorPerformance, words(int32(4*page), 1), e.m.port)
		got, code := x.attributes(a, mach.FlavorAttribute)
		require.Equal(t, mach.KernSuccess, code)
		require.Equal(t, words(int32(mach.CopyInvalid), int32(page), 0, 0), got) // nothing of it was stored
	})
	j.requireBlocked()
	e.m.see("init(a)", "change_completed(a,PERFORMANCE)")

	e.m.do(func(x *calls) { x.ready(a, e.m.readiness) })
	j.requireDone()
	e.m.do(func(x *calls) {
		x.change(a, mach.FlavorPerformance, words(int32(4*page), 1), mach.NameNull)
		got, _ := x.attributes(a, mach.FlavorPerformance)
		require.Equal(t, words(int32(4*page), 1), got)
	})

	// CMU and GNU have no flavors: each of their attribute calls names a strategy.
	for _, preset := range []personality.Personality{personality.CMU30(), personality.GNUMach()} {
		e := newEMM(t, withPreset(preset))
		e.m.silent("init")
		read := e.c.mapPages(1).startLoad(0)
		e.m.do(func(x *calls) {
			require.Equal(t, mach.MigBadID, x.change(e.m.control(0), mach.FlavorPerformance, words(0, 1), mach.NameNull))
		})
		read.requireBlocked()
		e.m.see("init(a)")
		e.m.do(func(x *calls) { x.ready(e.m.control(0), e.m.readiness) })
		read.requireValue(contents(0)[0])
	}
}

// TestEMM035_SecondMapSendsNothing: A second mapping by the same kernel while associated sends no
// message.
func TestEMM035_SecondMapSendsNothing(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.see(0)
	other := e.newClient("other")
	for _, c := range []*client{e.c, other} {
		q := c.mapPages(2)
		q.see(0)
		e.m.see("init(a)", "data_request(a,0,r--)")
	}
}

// TestEMM036_OffsetsShareOneObject: Mappings of the same object with different offsets share one VM
// object and one control port.
func TestEMM036_OffsetsShareOneObject(t *testing.T) {
	e := newEMM(t)
	low, high := e.c.mapRange(e.m.port, 0, 3), e.newClient("other").mapRange(e.m.port, at(2), 2)
	high.store(0, 'x') // page 2 of the object
	low.reads(2, 'x')
	low.store(2, 'y')
	high.reads(0, 'y')
	high.see(1) // page 3
	low.unmap()
	high.reads(0, 'y')
	high.unmap()
	e.m.see("init(a)", "data_request(a,2,rw-)", "data_request(a,3,r--)", "data_return(a,2,dirty)", "terminate(a)")
}

// TestEMM037_FailedMapEndsInTerminate: A vm_map that fails after init has been sent is followed by
// terminate unless the object is cachable or otherwise referenced.
func TestEMM037_FailedMapEndsInTerminate(t *testing.T) {
	failing := func(e *emm) {
		taken := e.c.mapRange(mach.NameNull, 0, 1)
		e.c.do(func(x *calls) {
			_, code := x.vmMap(mapping{object: e.c.port(e.m.port), size: page, address: taken.addr, fixed: true})
			require.Equal(t, mach.KernNoSpace, code)
		})
	}
	e := newEMM(t)
	failing(e)
	e.m.see("init(a)", "terminate(a)")

	e = newEMM(t)
	e.m.readiness = defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, MayCache: true}
	failing(e)
	e.m.see("init(a)")

	e = newEMM(t)
	r := e.c.mapPages(1)
	failing(e)
	e.m.see("init(a)")
	r.see(0)
}

// TestEMM038_TerminateMayFollowInitAtOnce: terminate may follow init without any attribute call by the
// manager.
func TestEMM038_TerminateMayFollowInitAtOnce(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	j := e.c.startMap(e.m.port, 1)
	e.c.abort(j)
	j.requireFails(mach.KernAborted)
	e.m.see("init(a)", "terminate(a)")

	e = newEMM(t, mapWaits(false))
	e.m.silent("init")
	e.c.mapPages(1).unmap()
	e.m.see("init(a)", "terminate(a)")
}

// TestEMM039_AbortedMapDropsItsReference: Aborting a thread that waits in vm_map for readiness returns
// KERN_ABORTED and drops its reference.
func TestEMM039_AbortedMapDropsItsReference(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	first, second := e.c.startMap(e.m.port, 1), e.c.startMap(e.m.port, 1)
	e.c.abort(first)
	first.requireFails(mach.KernAborted)
	second.requireBlocked()
	e.m.see("init(a)") // the other one still refers to the object
	e.c.abort(second)
	second.requireFails(mach.KernAborted)
	e.m.see("init(a)", "terminate(a)")
	require.Equal(t, 0, e.k.VM().References(e.portNamed(e.m, e.m.port)))

	e = newEMM(t, mapWaits(false))
	e.m.silent("init")
	e.c.startMap(e.m.port, 1).requireDone() // there is no such wait
}

// TestEMM040_FailedInitHandlerDropsControlRight: A handler result other than success or no-reply for
// init drops the received control right.
func TestEMM040_FailedInitHandlerDropsControlRight(t *testing.T) {
	for _, c := range []struct {
		code  mach.Return
		keeps bool
	}{{mach.KernSuccess, true}, {mach.MigNoReply, true}, {mach.KernFailure, false}, {mach.KernInvalidArgument, false}} {
		e := newEMM(t)
		e.m.on("init", func(x *turn) {
			x.ready(x.control, e.m.readiness)
			x.result = c.code
		})
		r := e.c.mapPages(1)
		a := e.m.control(0)
		if c.keeps {
			require.Equal(t, mach.TypeSend, e.m.portType(a))
			continue
		}
		require.Equal(t, mach.TypeNone, e.m.portType(a))
		// The next message brings the port again.
		r.see(0)
		require.Equal(t, mach.TypeSend, e.m.portType(e.m.last("data_request").control))
		e.m.see("init(a)", "data_request(a,0,r--)")
	}
}

// TestEMM041_DestroyFailsWaitingMap: vm_map waiting for readiness returns KERN_INVALID_OBJECT if the
// manager destroys the object.
func TestEMM041_DestroyFailsWaitingMap(t *testing.T) {
	e := newEMM(t)
	e.m.on("init", func(x *turn) { x.destroy(x.control, mach.KernFailure) })
	require.Equal(t, mach.KernInvalidObject, e.c.tryMap(e.c.port(e.m.port)))
	e.m.see("init(a)", "terminate(a)")

	e = newEMM(t)
	e.m.silent("init")
	first, second := e.c.startMap(e.m.port, 1), e.newClient("other").startMap(e.m.port, 1)
	first.requireBlocked()
	e.m.do(func(x *calls) { x.destroy(e.m.control(0), 0) })
	first.requireFails(mach.KernInvalidObject)
	second.requireFails(mach.KernInvalidObject)
	e.m.see("init(a)", "terminate(a)")

	e = newEMM(t, mapWaits(false))
	e.m.silent("init")
	r := e.c.mapPages(1)
	read := r.startLoad(0)
	e.m.do(func(x *calls) { x.destroy(e.m.control(0), 0) })
	read.requireFails(mach.KernMemoryFailure)
	e.m.see("init(a)", "terminate(a)")
}

// TestEMM042_PortDeathFailsWaitingMap: vm_map waiting for readiness returns KERN_INVALID_OBJECT if the
// object port dies.
func TestEMM042_PortDeathFailsWaitingMap(t *testing.T) {
	e := newEMM(t)
	e.m.silent("init")
	first, second := e.c.startMap(e.m.port, 1), e.newClient("other").startMap(e.m.port, 1)
	first.requireBlocked()
	e.m.do(func(x *calls) { x.destroyPort(e.m.port) })
	first.requireFails(mach.KernInvalidObject)
	second.requireFails(mach.KernInvalidObject)
	e.m.see("init(a)")

	e = newEMM(t, mapWaits(false))
	e.m.silent("init")
	read := e.c.mapPages(1).startLoad(0)
	e.m.do(func(x *calls) { x.destroyPort(e.m.port) })
	read.requireFails(mach.KernMemoryFailure)
}
