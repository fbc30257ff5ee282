package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestIPC193_TerminateDelivers: memory_object_terminate delivers the control port's receive right to the holder
// of the memory object port.
func TestIPC193_TerminateDelivers(t *testing.T) {
	for _, named := range []bool{false, true} {
		for _, destroyed := range []bool{false, true} {
			e := newEMM(t, withField("TerminateWithName", map[bool]string{false: "false", true: "true"}[named]))
			r := e.c.mapPages(1)
			control := e.m.control(0)
			port := e.portNamed(e.m, control)
			e.m.do(func(x *calls) {
				require.Equal(t, mach.TypeSend, x.portType(control))
				if destroyed {
					x.ok(x.destroy(control, 0))
				}
			})
			if !destroyed {
				r.unmap()
			}
			e.m.see("init(a)", "terminate(a)")
			last := e.m.last("terminate")
			require.Equal(t, port, e.portNamed(e.m, last.control), "it is the port of the init")
			require.EqualValues(t, 16, last.message.Descs[0].Disp)
			e.m.do(func(x *calls) {
				require.Equal(t, mach.TypeSend|mach.TypeReceive, x.portType(last.control))
				require.Equal(t, mach.SendTimedOut, func() (code mach.Return) {
					for range mach.QlimitDefault {
						x.ok(x.note(control, 7000, 0))
					}
					return x.note(control, 7000, 0)
				}())
				m, code := x.receive(control)
				x.ok(code)
				require.EqualValues(t, 7000, m.ID, "messages to it are the manager's now")
			})
			if named {
				require.Len(t, last.message.Descs, 2)
				require.NotZero(t, e.m.portType(last.name)&mach.TypeReceive)
				require.NotEqual(t, last.control, last.name)
			} else {
				require.Len(t, last.message.Descs, 1)
			}
			if destroyed {
				r.unmap()
			}
		}
	}
}

// TestIPC194_ControlPortName: the control port's receive right joins the name of a send right the pager already
// holds for it, and gets a new name if the pager holds none.
func TestIPC194_ControlPortName(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		e := newEMM(t)
		r := e.c.mapPages(3)
		for p := range 3 {
			r.see(p)
		}
		control := e.m.control(0)
		refs := e.m.refs(control, mach.RightSend)
		require.EqualValues(t, 4, refs, "init and three data_requests")
		e.m.do(func(x *calls) {
			if !keeps {
				x.ok(x.modRefs(control, mach.RightSend, -int32(refs)))
				require.Equal(t, mach.TypeNone, x.portType(control))
			}
		})
		r.unmap()
		got := e.m.last("terminate").control
		if keeps {
			require.Equal(t, control, got)
			require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(got))
			require.Equal(t, refs, e.m.refs(got, mach.RightSend))
		} else {
			require.NotEqual(t, control, got)
			require.Equal(t, mach.TypeReceive, e.m.portType(got))
			require.Equal(t, mach.TypeNone, e.m.portType(control))
		}
	}
}

// TestIPC195_LateCallIsReceived: a control call sent after the association was broken is queued and can be
// received by the pager, with seqno starting at 0.
func TestIPC195_LateCallIsReceived(t *testing.T) {
	for _, window := range []string{"queue", "reject"} {
		t.Run("TermWindow="+window, func(t *testing.T) {
			e := newEMM(t, withField("TermWindow", window))
			r := e.c.mapPages(1)
			control := e.m.control(0)
			other := e.newTask("other")
			theirs := e.GiveSend(e.m.task, control, other)
			e.m.hold()
			reply := e.portOf(other)
			w := e.at("association-broken", other, func(x *calls) {
				x.ok(x.supply(theirs, 0, contents(at(3)), supplied{reply: reply}))
				x.ok(x.dataError(theirs, at(1), page, mach.KernFailure))
			})
			r.unmap()
			w.requireDone()
			e.Do(other, func(a *actor) {
				a.ok(user.MemoryObjectDataUnavailable(a, theirs, at(2), page))
				a.ok(user.MemoryObjectDestroy(a, theirs, 0))
			})
			e.m.resume()
			e.m.see("init(a)", "terminate(a)")
			want := ids(2093, 2090, 2039, 2092)
			if window == "reject" {
				want = want[2:]
			}
			e.Do(e.m.task, func(a *actor) {
				require.EqualValues(t, len(want), a.status(control).Msgcount)
				for seqno, id := range want {
					m := a.take(control)
					require.Equal(t, id, m.ID)
					require.EqualValues(t, seqno, m.Trailer.Seqno)
					require.Equal(t, control, m.Local)
					if id == 2093 {
						require.Equal(t, contents(at(3)), a.read(m.Descs[0].Memory.Address, int(m.Descs[0].Memory.Size)))
					}
				}
			})
			e.Do(other, func(a *actor) {
				if window == "reject" {
					require.Equal(t, ids(mach.NotifySendOnce), a.drain(reply))
				} else {
					require.Empty(t, a.drain(reply))
				}
				a.post(simple(theirs, mach.CopySend, 7000)) // the port goes on
			})
			e.Do(e.m.task, func(a *actor) { require.Equal(t, ids(7000), a.drain(control)) })
		})
	}
}

// TestIPC196_SixthLateCall: the sixth such call with timeout 0, before the pager has received any of them,
// answers MACH_SEND_TIMED_OUT.
func TestIPC196_SixthLateCall(t *testing.T) {
	for _, window := range []string{"queue", "reject"} {
		for _, limit := range []int{mach.QlimitDefault, 1, 9} {
			e := newEMM(t, withField("TermWindow", window), withField("KernelPortQlimit", fmt.Sprint(limit)))
			r := e.c.mapPages(1)
			control := e.m.control(0)
			call := func(a *actor) mach.Return {
				m := new(message)
				a.ok(dataErrorCall.Encode(&dataError{MemoryControl: control, Size: page}, m, a.Form()))
				return a.trySend(m)
			}
			e.m.hold()
			e.Do(e.m.task, func(a *actor) {
				for range 20 {
					a.ok(call(a)) // the kernel takes every one
				}
			})
			w := e.at("association-broken", e.m.task, func(x *calls) {
				a := e.actor(x.Thread)
				for range limit {
					a.ok(call(a))
				}
				if window == "reject" {
					for range 20 {
						a.ok(call(a))
					}
				} else {
					a.is(mach.SendTimedOut, call(a))
				}
			})
			r.unmap()
			w.requireDone()
			e.Do(e.m.task, func(a *actor) {
				if window == "reject" {
					for range limit {
						a.ok(call(a))
					}
				}
				a.is(mach.SendTimedOut, call(a))
			})
			e.m.resume() // terminate is received, the calls are not
			require.Equal(t, 1, e.m.count("terminate"))
			e.Do(e.m.task, func(a *actor) {
				a.is(mach.SendTimedOut, call(a))
				a.take(control)
				a.ok(call(a))
				a.is(mach.SendTimedOut, call(a))
				require.EqualValues(t, limit, a.status(control).Qlimit)
			})
		}
	}
}

// TestIPC197_InitAfterTerminate: a new memory_object_init for the same memory object is received after the
// terminate.
func TestIPC197_InitAfterTerminate(t *testing.T) {
	for _, point := range windowPoints {
		e := newEMM(t)
		r := e.c.mapPages(1)
		second := e.newClient("second")
		name := second.port(e.m.port)
		w := e.at(point, second.task, func(x *calls) {
			_, code := x.vmMap(mapping{object: name, size: page})
			x.ok(code)
		})
		r.unmap()
		w.requireDone()
		e.m.see("init(a)", "terminate(a)", "init(b)")
		require.NotEqual(t, e.m.control(0), e.m.control(1))
	}
	underSeeds(t, 50, func(e *emm) {
		r := e.c.mapPages(1)
		second := e.newClient("second")
		jobs := []*job{r.spawnUnmap(), second.spawnMap(e.m.port, 1)}
		e.settle()
		for _, j := range jobs {
			j.requireDone()
		}
		if e.m.count("init") == 2 {
			e.m.see("init(a)", "terminate(a)", "init(b)")
		} else {
			e.m.see("init(a)") // the second mapping came in time
		}
	})
}

// TestIPC198_KernelLetsGo: after terminate the kernel holds no send right for the memory object port; the last
// one is released when the terminate is received.
func TestIPC198_KernelLetsGo(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(1, 'x')
	e.c.dropPort(e.m.port)
	e.m.requestNoSenders(e.m.port)
	require.Equal(t, []ipc.RightKind{ipc.SendRight}, e.kernelRights(e.m, e.m.port))
	e.m.hold()
	r.unmap()
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	require.True(t, e.m.status(e.m.port).hasSenders, "the queued terminate was sent through the last one")
	e.m.never("no_senders")
	e.Do(e.m.task, func(a *actor) {
		require.EqualValues(t, 2208, a.take(e.m.port).ID)
		require.True(t, a.status(e.m.port).Srights)
		require.EqualValues(t, 2201, a.take(e.m.port).ID)
		require.False(t, a.status(e.m.port).Srights)
	})
	require.Equal(t, 1, e.m.count("no_senders"))
	// Nor does memory_object_destroy leave a right behind, although the memory is still mapped.
	e = newEMM(t)
	r = e.c.mapPages(1)
	e.c.dropPort(e.m.port)
	e.m.do(func(x *calls) { x.ok(x.destroy(e.m.control(0), 0)) })
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	require.False(t, e.m.status(e.m.port).hasSenders)
	r.unmap()
}

// TestIPC199_ObjectDiesWithTerminate: if the memory object port dies with the terminate still queued, the control
// port dies.
func TestIPC199_ObjectDiesWithTerminate(t *testing.T) {
	for _, task := range []bool{false, true} {
		e := newEMM(t)
		r := e.c.mapPages(1)
		control := e.m.control(0)
		other := e.newTask("other")
		theirs := e.GiveSend(e.m.task, control, other)
		carried := e.watched(other)
		notify := e.portOf(other)
		e.Do(other, func(a *actor) { a.request(theirs, mach.NotifyDeadName, 0, notify) })
		e.m.hold()
		r.unmap()
		e.Do(other, func(a *actor) {
			require.Empty(t, a.notes(notify))
			a.post(carrying(theirs, mach.CopySend, 7000, right(carried.port, mach.MoveReceive)))
		})
		e.requireDead(false, carried)
		if task {
			e.Kill(e.m.task)
		} else {
			e.Do(e.m.task, func(a *actor) { a.ok(a.destroy(e.m.port)) })
			require.Equal(t, mach.TypeDeadName, e.m.portType(control))
		}
		e.Do(other, func(a *actor) {
			require.Equal(t, []note{{mach.NotifyDeadName, uint32(theirs)}}, a.notes(notify))
			require.Equal(t, mach.TypeDeadName, a.typeOf(theirs))
		})
		e.requireDead(true, carried)
		e.m.never("terminate")
	}
}

// TestIPC200_ObjectDiesFirst: if the memory object port dies first, no terminate is delivered and the control
// port becomes a dead name for its holders.
func TestIPC200_ObjectDiesFirst(t *testing.T) {
	for _, task := range []bool{false, true} {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.store(0, 'x')
		control := e.m.control(0)
		other := e.newTask("other")
		theirs := e.GiveSend(e.m.task, control, other)
		e.Do(other, func(a *actor) { require.Equal(t, mach.TypeSend, a.typeOf(theirs)) })
		if task {
			e.Kill(e.m.task)
		} else {
			refs := e.m.refs(control, mach.RightSend)
			e.Do(e.m.task, func(a *actor) { a.ok(a.destroy(e.m.port)) })
			require.Equal(t, mach.TypeDeadName, e.m.portType(control))
			require.Equal(t, refs, e.m.refs(control, mach.RightDeadName))
		}
		e.Do(other, func(a *actor) {
			require.Equal(t, mach.TypeDeadName, a.typeOf(theirs))
			a.is(mach.SendInvalidDest, user.MemoryObjectDestroy(a, theirs, 0))
		})
		r.unmap()
		require.Zero(t, e.sent(2201))
		e.m.never("terminate")
	}
}

// TestIPC201_ObjectMoves: moving the memory object's receive right to another task redirects kernel upcalls to
// that task and keeps the VM object.
func TestIPC201_ObjectMoves(t *testing.T) {
	e := newEMM(t)
	heir := e.newManager("heir")
	r := e.c.mapPages(3)
	r.store(0, 'x')
	before := e.m.trace()
	own := heir.port
	e.m.moveObject(heir)
	require.NotEqual(t, own, heir.port)
	r.reads(0, 'x') // the page is still there
	heir.see()
	r.see(1)
	other := e.newClient("other")
	q := other.mapName(e.GiveSend(e.c.task, e.c.port(e.m.port), other.task), 0, 3)
	q.reads(0, 'x')
	heir.see("data_request(a,1,r--)")
	r.unmap()
	q.unmap()
	heir.see("data_request(a,1,r--)", "data_return(a,0,dirty)", "terminate(a)")
	require.Equal(t, mach.TypeSend|mach.TypeReceive, heir.portType(heir.last("terminate").control))
	require.Equal(t, before, e.m.trace(), "the old holder hears nothing more")
	require.Equal(t, mach.TypeSend, e.m.portType(e.m.control(0)))

	// What was queued for the old holder, and not received, goes along.
	e = newEMM(t)
	heir = e.newManager("heir")
	r = e.c.mapPages(1)
	e.m.hold()
	load := r.startLoad(0)
	e.m.moveObject(heir)
	heir.see("data_request(a,0,r--)")
	load.requireValue(contents(0)[0])
	r.unmap()
	heir.see("data_request(a,0,r--)", "terminate(a)")
}

// TestIPC202_UpcallAddsReference: every kernel upcall that carries the control port as MAKE_SEND adds one reference
// to the pager's name for it, up to 65534.
func TestIPC202_UpcallAddsReference(t *testing.T) {
	e := newEMM(t)
	e.m.supplies = supplied{lock: mach.ProtWrite, reply: e.m.port}
	r := e.c.mapPages(3)
	control := e.m.control(0)
	requireRefs := func(want int) {
		t.Helper()
		require.EqualValues(t, want, e.m.refs(control, mach.RightSend))
		for _, m := range e.m.log {
			require.Equal(t, control, m.control, "%v", m)
		}
	}
	requireRefs(1) // init
	r.see(0)
	e.m.see("init(a)", "data_request(a,0,r--)", "supply_completed(a,0,1,KERN_SUCCESS)")
	requireRefs(3)
	r.store(0, 'x')
	require.Equal(t, 1, e.m.count("data_unlock"))
	requireRefs(4)
	e.m.do(func(x *calls) {
		x.ok(x.lock(control, locking{size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange, reply: e.m.port}))
	})
	require.Equal(t, []string{"data_return(a,0,dirty,kept)", "lock_completed(a,0,1)"}, e.m.trace()[4:])
	requireRefs(6)
	e.m.do(func(x *calls) { x.ok(x.change(control, mach.FlavorPerformance, words(0, 0), e.m.port)) })
	requireRefs(7)
	e.m.do(func(x *calls) { x.ok(x.modRefs(control, mach.RightSend, mach.UrefsMaxSend-8)) })
	requireRefs(mach.UrefsMaxSend - 1)
	for p := 1; p < 3; p++ {
		r.see(p)
		requireRefs(mach.UrefsMaxSend)
	}
	r.unmap()
	requireRefs(mach.UrefsMaxSend)
	require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(control))
}
