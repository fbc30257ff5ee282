package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestVM162_OneTerminate: Removing the last reference to a non-cachable external object sends exactly
// one memory_object_terminate.
func TestVM162_OneTerminate(t *testing.T) {
	remove := map[string]func(e *emm, r *mapped){
		"the mapping itself": func(_ *emm, r *mapped) { r.unmap() },
		"the whole space": func(e *emm, _ *mapped) {
			e.c.step(func(v *space) { v.ok(v.deallocate(0, mach.Size(e.k.VM().AddressTop()))) })
		},
		"page by page": func(_ *emm, r *mapped) { r.unmapPage(2); r.unmapPage(0); r.unmapPage(1) },
		"the task":     func(e *emm, _ *mapped) { e.c.terminate() },
		"under a thread's fault": func(e *emm, r *mapped) {
			e.m.silent("data_request")
			j := r.startLoad(1)
			r.unmap()
			e.c.kill(j)
			e.settle()
		},
	}
	for name, f := range remove {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			r := e.c.mapPages(3)
			r.see(0)
			e.m.never("terminate")
			f(e, r)
			require.Equal(t, 1, e.m.count("terminate"))
			require.Zero(t, e.k.VM().References(e.object()))
		})
	}
}

// TestVM163_OneOfTwoMappings: Removing one of two mappings sends no terminate.
func TestVM163_OneOfTwoMappings(t *testing.T) {
	for _, first := range []bool{true, false} {
		e := newEMM(t)
		r, q := e.c.mapPages(2), e.c.mapPages(2)
		other := e.newClient("other").mapPages(1)
		require.Equal(t, 3, e.k.VM().Mappings(e.object()))
		if !first {
			r, q = q, r
		}
		r.unmap()
		other.unmap()
		require.Equal(t, 1, e.k.VM().Mappings(e.object()))
		e.m.never("terminate")
		q.see(0)
		q.store(1, 'x')
		q.unmap()
		require.Equal(t, 1, e.m.count("terminate"))
	}
}

// TestVM164_SplitMapping: Splitting a mapping and removing one part sends no terminate.
func TestVM164_SplitMapping(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 4)
		v.ok(v.protect(va(12), page, mach.ProtRead))
		v.lies(extent{10, 12}, extent{12, 13}, extent{13, 14})
	})
	require.Equal(t, 3, e.k.VM().Mappings(e.object()))
	require.Equal(t, 3, e.k.VM().References(e.object()))
	for _, part := range []struct{ page, left int }{{12, 2}, {11, 2}, {13, 1}} { // the second splits once more
		e.c.step(func(v *space) { v.unmapAt(va(part.page), 1) })
		require.Equal(t, part.left, e.k.VM().Mappings(e.object()))
		require.Equal(t, part.left, e.k.VM().References(e.object()))
		e.m.never("terminate")
	}
	e.c.step(func(v *space) {
		v.first(va(10), 1)
		v.unmapAt(va(10), 1)
	})
	require.Equal(t, 1, e.m.count("terminate"))
}

// TestVM165_ReceiveRightMoves: The terminate message moves the receive right of the control port to the
// manager.
func TestVM165_ReceiveRightMoves(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	a := e.m.control(0)
	require.Equal(t, mach.TypeSend, e.m.portType(a))
	port := e.portNamed(e.m, a)
	require.IsType(t, ipc.InKernel{}, port.Receiver())
	r.unmap()
	got := e.m.last("terminate")
	require.Equal(t, a, got.control)
	require.Same(t, port, e.portNamed(e.m, a))
	require.IsType(t, ipc.InSpace{}, port.Receiver())
	require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(a))
	e.m.do(func(x *calls) { // it is an ordinary port now
		x.ok(x.noteMade(a, 77))
		m, code := x.receive(a)
		x.ok(code)
		require.Equal(t, mach.MsgID(77), m.ID)
		x.ok(x.destroyPort(a))
	})

	// In the message that was received the right is a receive right that was moved.
	var control []mach.Disposition
	for _, d := range got.message.Descs {
		control = append(control, d.Disp)
	}
	require.Equal(t, []mach.Disposition{mach.MoveReceive}, control)
	require.Equal(t, mach.MoveSend.Arrives(), got.message.LocalDisp)
}

// TestVM166_SendRightMoves: The terminate message moves the kernel's own send right of the memory object
// port, after which the kernel keeps none.
func TestVM166_SendRightMoves(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	e.c.dropPort(e.m.port)
	e.m.requestNoSenders(e.m.port)
	require.Equal(t, []ipc.RightKind{ipc.SendRight}, e.kernelRights(e.m, e.m.port))
	require.True(t, e.m.status(e.m.port).hasSenders)
	e.m.never("no_senders")
	e.m.hold()
	r.unmap()
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	require.True(t, e.m.status(e.m.port).hasSenders) // the one in the message
	e.m.never("no_senders")
	e.m.resume()
	require.Equal(t, 1, e.m.count("terminate"))
	require.Equal(t, 1, e.m.count("no_senders"))
	require.False(t, e.m.status(e.m.port).hasSenders)
}

// TestVM167_CallsNotTakenUp: Calls sent to the control port and not taken up by the kernel before
// termination can be received by the manager from that port.
func TestVM167_CallsNotTakenUp(t *testing.T) {
	for _, window := range []personality.TermWindow{personality.TermQueue, personality.TermReject} {
		e := newEMM(t, withField("TermWindow", fmt.Sprint(window)))
		r := e.c.mapPages(2)
		r.see(0)
		a := e.m.control(0)
		e.m.hold()
		w := e.at("before-terminate", e.m.task, func(x *calls) {
			x.ok(x.supply(a, at(1), contents(at(1)), supplied{precious: true}))
			x.ok(x.dataError(a, 0, page, mach.KernFailure))
		})
		r.unmap()
		w.requireDone()
		e.m.do(func(x *calls) { x.ok(x.destroy(a, 0)) }) // terminate is queued
		e.m.resume()
		e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
		e.m.do(func(x *calls) {
			if window == personality.TermQueue {
				m, code := x.receive(a)
				x.ok(code)
				require.Equal(t, "memory_object_data_supply", callName(x.Form().Set, m.ID))
				require.Equal(t, contents(at(1)), x.bytes(m.Descs[0].Memory))
				user.Destroy(x, m)
				require.Equal(t, []string{"memory_object_data_error", "memory_object_destroy"}, x.drain(a))
			} else {
				require.Equal(t, []string{"memory_object_destroy"}, x.drain(a))
			}
		})
	}
}

// endings are ways for the last reference of the manager's object to go.
var endings = []struct {
	name string
	end  func(e *emm, r *mapped)
}{
	{"unmap", func(_ *emm, r *mapped) { r.unmap() }},
	{"death of the task", func(e *emm, _ *mapped) { e.c.terminate() }},
	{"trim of the cache", func(e *emm, r *mapped) {
		e.m.do(func(x *calls) { x.ok(x.change(e.m.control(0), mach.FlavorPerformance, words(0, 1), mach.NameNull)) })
		r.unmap()
		e.m.never("terminate")
		e.m.do(func(x *calls) { x.ok(x.change(e.m.control(0), mach.FlavorPerformance, words(0, 0), mach.NameNull)) })
	}},
}

// atTheEnd plays a scene with each way of ending, and looks at what the manager sees of it.
func atTheEnd(t *testing.T, scene func(e *emm, r *mapped), want ...string) {
	t.Helper()
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			e := newEMM(t)
			r := e.c.mapPages(4)
			scene(e, r)
			before := len(e.m.trace())
			ending.end(e, r)
			require.Equal(t, append(want, "terminate(a)"), e.m.trace()[before:])
		})
	}
}

// TestVM168_DirtyPagesReturn: Dirty pages of a permanent object are returned before the terminate
// message.
func TestVM168_DirtyPagesReturn(t *testing.T) {
	atTheEnd(t, func(e *emm, r *mapped) {
		r.store(2, 'x') // insertion order decides the order of returns
		r.see(0)
		r.see(1)
		r.store(1, 'y')
		e.t.Cleanup(func() {
			require.Equal(e.t, byte('x'), e.m.kept[at(2)][0])
			require.Equal(e.t, contents(at(2))[1:], e.m.kept[at(2)][1:])
			require.Equal(e.t, byte('y'), e.m.kept[at(1)][0])
		})
	}, "data_return(a,2,dirty)", "data_return(a,1,dirty)")
}

// TestVM169_PreciousPagesReturn: Precious clean pages are returned before the terminate message with
// dirty false.
func TestVM169_PreciousPagesReturn(t *testing.T) {
	atTheEnd(t, func(e *emm, r *mapped) {
		e.m.supplies.precious = true
		r.see(3)
		r.see(1)
		r.store(1, 'y') // precious and dirty
		r.see(0)
		e.m.supplies.precious = false
		r.see(2)
	}, "data_return(a,3,clean)", "data_return(a,1,dirty)", "data_return(a,0,clean)")
}

// TestVM170_CleanPagesVanish: Clean non-precious pages are dropped without a message.
func TestVM170_CleanPagesVanish(t *testing.T) {
	atTheEnd(t, func(e *emm, r *mapped) {
		for p := range 4 {
			r.see(p)
		}
		// One that was modified and given back is clean again.
		r.store(2, 'x')
		e.m.do(func(x *calls) {
			x.ok(x.lock(e.m.control(0), locking{size: 4 * page, ret: mach.ReturnDirty, value: mach.ProtNoChange}))
		})
		require.Equal(e.t, 1, e.m.count("data_return"))
		require.Equal(e.t, 4, e.resident(e.m.port))
	})
}

// TestVM171_KernelKeepsNothing: Pages returned at termination are flagged as not kept by the kernel.
func TestVM171_KernelKeepsNothing(t *testing.T) {
	for _, ending := range endings {
		e := newEMM(t)
		r := e.c.mapPages(3)
		r.store(0, 'x')
		e.m.supplies.precious = true
		r.see(1)
		r.store(2, 'y')
		e.m.do(func(x *calls) {
			x.ok(x.lock(e.m.control(0), locking{size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange}))
		})
		require.True(t, e.m.last("data_return").kernelCopy) // a return that is none of a termination
		r.store(0, 'z')
		ending.end(e, r)
		returns := e.m.all("data_return")[1:]
		require.Len(t, returns, 3)
		for _, m := range returns {
			require.False(t, m.kernelCopy, "%v", m)
		}
	}
}

// TestVM172_TemporaryObjects: Temporary objects are never cached and are terminated without returning
// any page.
func TestVM172_TemporaryObjects(t *testing.T) {
	for _, cache := range []bool{false, true} {
		for _, c := range []struct {
			field  string
			cached bool // if it is cachable
			end    []string
		}{
			{"never", false, nil},
			{"return", true, []string{"data_return(a,0,dirty)", "data_return(a,1,clean)"}},
			{"discard", true, nil},
		} {
			t.Run(fmt.Sprintf("%s, cachable %v", c.field, cache), func(t *testing.T) {
				e := newEMM(t, withField("TemporaryCache", c.field), withField("ObjectCacheMax", "1"))
				e.m.readiness.Temporary, e.m.readiness.MayCache = true, cache
				r := e.c.mapPages(2)
				r.store(0, 'x')
				e.m.supplies.precious = true
				r.see(1)
				want := slices.Clone(e.m.trace())
				r.unmap()
				if cache && c.cached {
					e.m.see(want...)
					next := e.m.newObject()
					e.c.mapRange(next, 0, 1).unmap() // trims the cache
					want = append(want, c.end...)
				}
				e.m.see(append(want, "terminate(a)")...)
			})
		}
	}
}

// TestVM173_HardwareModification: Modification known only to the MMU counts as dirty at termination.
func TestVM173_HardwareModification(t *testing.T) {
	for _, dropped := range []bool{false, true} {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.see(0)
		r.see(1)
		faults := e.stats().Faults
		r.store(0, 'x') // the translation allows it: the kernel hears nothing of it
		require.Equal(t, faults, e.stats().Faults)
		if dropped {
			drop(e.c.task)
		}
		r.unmap()
		require.Equal(t, []string{"data_return(a,0,dirty)", "terminate(a)"}, e.m.trace()[3:])
		require.Equal(t, byte('x'), e.m.kept[0][0])
	}
}

// TestVM174_TerminationWaitsForPaging: Termination waits for paging in progress before touching pages.
func TestVM174_TerminationWaitsForPaging(t *testing.T) {
	// A lock request relies on the object while it waits for a wired page, which the last unmap unwires. It
	// is the lock request that returns the page, and its completion comes first.
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	e.c.step(func(v *space) { v.wired(r.at(0), 1) })
	a := e.m.control(0)
	locker := e.m.start("locker", func(x *calls) mach.Return {
		return x.lock(a, locking{size: 2 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange, reply: e.m.port})
	})
	locker.requireBlocked()
	require.Equal(t, 1, e.info().Paging)
	r.unmap()
	locker.requireDone()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "lock_completed(a,0,2)", "terminate(a)")

	// A supply that waits for memory holds up memory_object_destroy, and its page is not lost.
	e = newEMM(t, withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.Frames, h.WithoutPageout = 16, true }))
	e.m.silent("data_request")
	r = e.c.mapPages(2)
	r.abandonLoad(0)
	a = e.m.control(0)
	hog := e.newTask("hog")
	var data mach.Region
	e.m.do(func(x *calls) {
		var code mach.Return
		data, code = user.StoreNew(x, contents(0))
		x.ok(code)
	})
	e.In(hog, func(v *space) { v.fill(va(10), e.stats().Free, 1) })
	require.Zero(t, e.stats().Free)
	supplier := e.m.start("supplier", func(x *calls) mach.Return {
		return x.supplyRegion(a, 0, data, supplied{reply: e.m.port}) // the manager keeps its own
	})
	supplier.requireBlocked()
	destroyer := e.m.start("destroyer", func(x *calls) mach.Return { return x.destroy(a, mach.KernFailure) })
	destroyer.requireBlocked()
	e.m.never("terminate")
	e.In(hog, func(v *space) { v.unmapAt(va(10), 2) })
	supplier.requireDone()
	destroyer.requireDone()
	e.m.see("init(a)", "data_request(a,0,r--)", "supply_completed(a,0,1,KERN_MEMORY_PRESENT)", "terminate(a)")

	// A page that the default manager has to write stays where it is until that is done, and the end of the last
	// mapping waits for it.
	e = newPressed(t)
	d := e.newDefaultManager("default", 1)
	d.on("create", func(x *turn) { d.privileged(x) }) // and leave the data in the queue
	r = e.c.anonymous(1)
	r.store(0, 'a')
	e.squeeze()
	require.Equal(t, []string{"data_return of 1 pages"}, d.queued(d.theObject()))
	require.Equal(t, []int{0}, r.residentIn())
	unmap := r.spawnUnmap()
	e.settle()
	unmap.requireBlocked()
	require.Zero(t, e.sent(terminateID()))
	var m *mach.UserMessage
	d.do(func(x *calls) {
		var code mach.Return
		m, code = x.receive(d.theObject())
		x.ok(code)
	})
	require.Equal(t, dataReturnID(), m.ID)
	unmap.requireBlocked() // the manager has the data now, in the kernel's page
	require.Zero(t, e.sent(terminateID()))
	d.do(func(x *calls) { user.Destroy(x, m) })
	unmap.requireDone()
	require.Equal(t, 1, e.sent(terminateID()))
}
