package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// windowPoints are the preemption points of a termination at which the association is broken and
// terminate is not queued yet.
var windowPoints = []string{"association-broken", "before-terminate"}

var (
	dataSupply  = user.CodecFor[defs.MemoryObjectDataSupply[mach.Name, mach.Region]](defs.MemoryObjectDataSupplyRow, mig.Request)
	lockRequest = user.CodecFor[defs.MemoryObjectLockRequest[mach.Name]](defs.MemoryObjectLockRequestRow, mig.Request)
)

// TestEMM043_NoTerminateWithoutCause: The kernel sends terminate only when no mapping remains or the
// manager has asked for it.
func TestEMM043_NoTerminateWithoutCause(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	r, q := e.c.mapPages(3), other.mapPages(3)
	p := e.c.mapRange(e.m.port, at(1), 1)
	r.store(0, 'x')
	e.c.dropPort(e.m.port) // rights are no mappings
	other.dropPort(e.m.port)
	e.m.do(func(x *calls) { x.modRefs(e.m.control(0), mach.RightSend, -2) })
	e.m.never("terminate")
	r.unmap()
	e.m.never("terminate")
	q.unmap()
	e.m.never("terminate")
	p.unmap() // no mapping is left
	require.Equal(t, 1, e.m.count("terminate"))

	e = newEMM(t)
	r = e.c.mapPages(1)
	e.m.never("terminate")
	e.m.do(func(x *calls) { x.destroy(e.m.control(0), 0) }) // the manager has asked for it
	require.Equal(t, 1, e.m.count("terminate"))
	r.unmap()
}

// TestEMM044_OneTerminatePerAssociation: At most one terminate is sent per association.
func TestEMM044_OneTerminatePerAssociation(t *testing.T) {
	for _, point := range windowPoints {
		e := newEMM(t)
		r := e.c.mapPages(1)
		r.store(0, 'x')
		w := e.at(point, e.m.task, func(x *calls) { x.destroy(e.m.control(0), 0) })
		r.unmap()
		w.requireDone()
		e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")
	}
	underSeeds(t, 100, func(e *emm) {
		r := e.c.mapPages(2)
		r.store(0, 'x')
		a := e.m.control(0)
		jobs := []*job{r.spawnUnmap()}
		for range 2 {
			jobs = append(jobs, e.m.spawn("destroyer", func(x *calls) mach.Return { return x.destroy(a, 0) }))
		}
		e.settle()
		for _, j := range jobs {
			j.requireDone()
		}
		require.Equal(t, 1, e.m.count("terminate"), "%v", e.m.trace())
	})
}

// TestEMM045_TerminateIsTheLastMessage: terminate is the last message of its association on the object
// port.
func TestEMM045_TerminateIsTheLastMessage(t *testing.T) {
	underSeeds(t, 100, func(e *emm) {
		r := e.c.mapPages(4)
		for p := range 3 {
			r.store(p, 'x')
		}
		a := e.m.control(0)
		e.c.spawn("late reader", func(x *calls) mach.Return { x.load(r.addr + 3*mach.Addr(page)); return mach.KernSuccess })
		e.m.spawn("caller", func(x *calls) mach.Return {
			x.change(a, mach.FlavorPerformance, words(0, 0), e.m.port)
			x.lock(a, locking{size: 4 * page, ret: mach.ReturnDirty, value: mach.ProtNoChange, reply: e.m.port})
			return mach.KernSuccess
		})
		e.c.spawn("unmapper", func(x *calls) mach.Return { return x.deallocate(r.addr, r.size()) })
		e.settle()
		log := e.m.trace()
		end := slices.Index(log, "terminate(a)")
		require.GreaterOrEqual(t, end, 0)
		for _, m := range log[end+1:] {
			require.NotContains(t, m, "(a", "%v", log)
		}
	})
}

// TestEMM046_AnotherMappingKeepsTheAssociation: Removing a mapping while another mapping by the same
// kernel remains sends no terminate.
func TestEMM046_AnotherMappingKeepsTheAssociation(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	r, q := e.c.mapPages(1), other.mapPages(1)
	r.unmap()
	q.see(0)
	e.m.see("init(a)", "data_request(a,0,r--)")
	r = e.c.mapPages(1)
	q.unmap()
	r.see(0)
	e.m.see("init(a)", "data_request(a,0,r--)")
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
}

// TestEMM047_TerminateIdentifiesTheKernel: terminate identifies the kernel by its control port.
func TestEMM047_TerminateIdentifiesTheKernel(t *testing.T) {
	e := newEMM(t)
	far := e.newClientOn(e.boot("far", page), "far")
	near, distant := e.c.mapPages(1), far.mapPages(1)
	a, b := e.m.control(0), e.m.control(1)
	require.NotEqual(t, a, b)
	distant.unmap()
	require.Equal(t, b, e.m.last("terminate").control)
	near.see(0)
	near.unmap()
	require.Equal(t, a, e.m.last("terminate").control)
	e.m.see("init(a)", "init(b)", "terminate(b)", "data_request(a,0,r--)", "terminate(a)")
}

// raceSupplyWithUnmap lets a supply with a reply right, for the page of a read that was given up, race with the
// last unmap, and reports whether the kernel took it up.
func raceSupplyWithUnmap(t *testing.T, e *emm) (executed bool) {
	e.m.silent("data_request")
	r := e.c.mapPages(1)
	r.abandonLoad(0)
	a := e.m.control(0)
	e.m.spawn("supplier", func(x *calls) mach.Return {
		return x.supply(a, 0, contents(0), supplied{reply: e.m.port})
	})
	r.spawnUnmap()
	e.settle()
	log := e.m.trace()
	require.Equal(t, []string{"init(a)", "data_request(a,0,r--)"}, log[:2])
	switch queued := e.m.status(a).messages; queued {
	case 0:
		require.Equal(t, []string{"supply_completed(a,0,1,KERN_SUCCESS)", "terminate(a)"}, log[2:])
		return true
	case 1:
		require.Equal(t, []string{"terminate(a)"}, log[2:])
		e.m.do(func(x *calls) {
			m, _ := x.receive(a)
			require.Equal(t, defs.MemoryObjectDataSupplyRow.ID(mig.OSF), m.ID)
			require.Equal(t, contents(0), x.bytes(m.Descs[0].Memory))
		})
	default:
		t.Fatalf("%d messages in the control port", queued)
	}
	return false
}

// TestEMM048_ExecutedCallsAreNotInTheControlPort: A control message that the kernel takes up before
// the association is broken is executed and is not found in the control port.
func TestEMM048_ExecutedCallsAreNotInTheControlPort(t *testing.T) {
	took, left := 0, 0
	underSeeds(t, 100, func(e *emm) {
		if raceSupplyWithUnmap(t, e) {
			took++
		} else {
			left++
		}
	})
	require.NotZero(t, took)
	require.NotZero(t, left)
}

// TestEMM049_LateCallsWaitInTheControlPort: Every control message sent after the association was
// broken is still in the control port when the manager receives it, in send order; only a
// get_attributes sent before terminate is queued is answered with KERN_INVALID_ARGUMENT instead.
func TestEMM049_LateCallsWaitInTheControlPort(t *testing.T) {
	for _, window := range []personality.TermWindow{personality.TermQueue, personality.TermReject} {
		e := newEMM(t, withField("TermWindow", fmt.Sprint(window)))
		r := e.c.mapPages(1)
		r.store(0, 'x')
		a := e.m.control(0)
		get := func(x *calls) {
			_, code := x.attributes(a, mach.FlavorPerformance)
			require.Equal(t, mach.KernInvalidArgument, code)
		}
		var notify mach.Name
		e.m.hold()
		first := e.at("association-broken", e.m.task, func(x *calls) {
			notify = x.allocatePort()
			require.Equal(t, mach.KernSuccess, x.supply(a, 0, contents(0), supplied{reply: notify}))
			require.Equal(t, mach.KernSuccess, x.dataError(a, 0, page, mach.KernFailure))
			get(x)
		})
		second := e.at("before-terminate", e.m.task, func(x *calls) {
			require.Equal(t, mach.KernSuccess, x.change(a, mach.FlavorPerformance, words(0, 1), mach.NameNull))
			require.Equal(t, mach.KernSuccess, x.destroy(a, 0))
			get(x)
		})
		r.unmap()
		first.requireDone()
		second.requireDone()
		// terminate is queued: from here on every call waits for the manager.
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.unavailable(a, 0, page)) })
		e.m.resume()
		e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")

		want := []string{"memory_object_data_supply", "memory_object_data_error", "memory_object_change_attributes",
			"memory_object_destroy", "memory_object_data_unavailable"}
		if window == personality.TermReject {
			want = want[4:]
			e.m.do(func(x *calls) {
				m, code := x.receive(notify) // the reply right was destroyed with the supply
				require.Equal(t, mach.KernSuccess, code)
				require.Equal(t, mach.NotifySendOnce, m.ID)
			})
		}
		e.m.do(func(x *calls) { require.Equal(t, want, x.drain(a)) })
	}
}

// TestEMM050_LateCallsAreIntact: Out-of-line data and port rights of unconsumed control messages are
// intact when the manager receives them.
func TestEMM050_LateCallsAreIntact(t *testing.T) {
	data := append(contents(0), contents(at(1))...)
	var a, once, send mach.Name
	late := func(window personality.TermWindow) *emm {
		e := newEMM(t, withField("TermWindow", fmt.Sprint(window)))
		r := e.c.mapPages(1)
		a = e.m.control(0)
		w := e.at("association-broken", e.m.task, func(x *calls) {
			once, send = x.allocatePort(), x.allocatePort()
			x.supply(a, 0, data, supplied{reply: once, precious: true, lock: mach.ProtWrite})
			x.lock(a, locking{size: page, value: mach.ProtNone, reply: send, disp: mach.MakeSend})
		})
		r.unmap()
		w.requireDone()
		return e
	}
	e := late(personality.TermReject) // everything is destroyed, as by any rejected call
	e.m.do(func(x *calls) {
		require.Equal(t, 0, x.status(a).messages)
		m, code := x.receive(once)
		require.Equal(t, mach.KernSuccess, code)
		require.Equal(t, mach.NotifySendOnce, m.ID)
		require.False(t, x.status(send).hasSenders)
	})

	e = late(personality.TermQueue)
	e.m.do(func(x *calls) {
		m, code := x.receive(a)
		require.Equal(t, mach.KernSuccess, code)
		var s defs.MemoryObjectDataSupply[mach.Name, mach.Region]
		require.Equal(t, mach.KernSuccess, dataSupply.Decode(m, &s, x.Form()))
		require.Equal(t, data, x.bytes(s.Data))
		require.True(t, s.Precious)
		require.Equal(t, mach.ProtWrite, s.LockValue)
		require.Equal(t, mach.TypeSendOnce, x.portType(s.ReplyTo))

		m, code = x.receive(a)
		require.Equal(t, mach.KernSuccess, code)
		var l defs.MemoryObjectLockRequest[mach.Name]
		require.Equal(t, mach.KernSuccess, lockRequest.Decode(m, &l, x.Form()))
		require.Equal(t, send, l.ReplyTo) // a send right joins the receive right's name
		require.Equal(t, mach.TypeSend|mach.TypeReceive, x.portType(send))

		// The rights work.
		require.Equal(t, mach.KernSuccess, x.noteOnce(s.ReplyTo, 77))
		m, _ = x.receive(once)
		require.EqualValues(t, 77, m.ID)
		require.Equal(t, mach.KernSuccess, x.note(l.ReplyTo, 78, 0))
		m, _ = x.receive(send)
		require.EqualValues(t, 78, m.ID)
	})
}

// TestEMM051_FirstDrainedMessageHasNumberZero: The first message the manager receives from the control
// port has sequence number 0.
func TestEMM051_FirstDrainedMessageHasNumberZero(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	for p := range 3 {
		r.store(p, 'x') // a number of calls are executed before
	}
	a := e.m.control(0)
	w := e.at("before-terminate", e.m.task, func(x *calls) { x.destroy(a, 0) })
	r.unmap()
	w.requireDone()
	e.m.do(func(x *calls) {
		x.note(a, 77, 0)
		for n := range 2 {
			m, code := x.receive(a)
			require.Equal(t, mach.KernSuccess, code)
			require.EqualValues(t, n, m.Trailer.Seqno)
		}
	})
}

// TestEMM052_ClosedControlPortHasAQueueLimit: Messages sent to the control port from the break of the
// association until terminate is received are queued up to the port's limit, and the next sender
// blocks.
func TestEMM052_ClosedControlPortHasAQueueLimit(t *testing.T) {
	for _, limit := range []int{mach.QlimitDefault, 2} {
		for _, window := range []personality.TermWindow{personality.TermQueue, personality.TermReject} {
			e := newEMM(t, withField("KernelPortQlimit", fmt.Sprint(limit)), withField("TermWindow", fmt.Sprint(window)))
			r := e.c.mapPages(1)
			a := e.m.control(0)
			fill := func(x *calls) {
				for n := range limit {
					require.Equal(t, mach.KernSuccess, x.note(a, mach.MsgID(7000+n), 0))
				}
				require.Equal(t, mach.SendTimedOut, x.note(a, 7777, 0))
			}
			e.m.hold()
			if window == personality.TermQueue {
				w := e.at("association-broken", e.m.task, fill)
				r.unmap()
				w.requireDone()
			} else {
				r.unmap() // with reject, calls wait only from here on
				e.m.do(fill)
			}
			next := e.m.start("next sender", func(x *calls) mach.Return { return x.noteWaiting(a, 7999) })
			next.requireBlocked()
			e.m.resume()
			require.Equal(t, 1, e.m.count("terminate"))
			require.Equal(t, limit, e.m.status(a).qlimit)
			next.requireBlocked() // until the manager makes room
			e.m.do(func(x *calls) {
				m, code := x.receive(a)
				require.Equal(t, mach.KernSuccess, code)
				require.EqualValues(t, 7000, m.ID)
			})
			next.requireDone()
			require.Equal(t, limit, e.m.status(a).messages)
		}
	}
}

// TestEMM053_DestroyedControlPortDestroysItsMessages: Destroying the control port without draining
// destroys the queued messages with their rights and memory.
func TestEMM053_DestroyedControlPortDestroysItsMessages(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	a := e.m.control(0)
	var reply, sent mach.Name
	var free int
	e.m.hold()
	w := e.at("association-broken", e.m.task, func(x *calls) {
		reply, sent = x.allocatePort(), x.allocatePort()
		free = e.k.VM().Stats().Free
		x.supply(a, 0, append(contents(0), contents(0)...), supplied{reply: reply})
		x.lock(a, locking{size: page, reply: sent, disp: mach.MakeSend})
		require.Less(t, e.k.VM().Stats().Free, free)
	})
	r.unmap()
	w.requireDone()
	rpc := e.m.start("caller", func(x *calls) mach.Return {
		_, code := x.attributes(a, mach.FlavorPerformance)
		return code
	})
	rpc.requireBlocked() // behind terminate nobody answers but the manager
	e.m.resume()
	require.Equal(t, 3, e.m.status(a).messages)
	e.m.do(func(x *calls) {
		require.Equal(t, mach.KernSuccess, x.destroyPort(a))
		m, code := x.receive(reply)
		require.Equal(t, mach.KernSuccess, code)
		require.Equal(t, mach.NotifySendOnce, m.ID)
		require.False(t, x.status(sent).hasSenders)
	})
	require.Equal(t, free, e.k.VM().Stats().Free)
	require.NotEqual(t, mach.KernSuccess, rpc.requireEnded())
}
