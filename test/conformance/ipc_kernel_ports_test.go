package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// oneWay is a call without a reply port.
func oneWay[T any](a *actor, row *mig.Row, v *T) *message {
	a.t.Helper()
	m := new(message)
	a.ok(user.CodecFor[T](row, mig.Request).Encode(v, m, a.Form()))
	return m
}

// TestIPC186_ServedInTheSend: a request to a kernel port of the sender's own kernel is complete, and its reply
// queued, when the sender's mach_msg send returns, unless the port is a closed memory control port.
func TestIPC186_ServedInTheSend(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	s.Do(task, func(a *actor) {
		reply := a.port()
		th := a.ThreadSelf()
		queued := func(want int) {
			t.Helper()
			e, ok := task.Space().Lookup(reply)
			require.True(t, ok)
			require.Equal(t, want, e.Port.Msgcount())
		}
		const name mach.Name = 0x7701
		a.ok(a.send(withReply(oneWay(a, defs.MachPortAllocateNameRow,
			&defs.MachPortAllocateName[mach.Name]{Task: a.target(), Right: mach.RightReceive, Name: name}), reply, mach.MakeSendOnce)))
		e, ok := task.Space().Lookup(name) // no trap between this and the send
		require.True(t, ok)
		require.Equal(t, mach.TypeReceive, e.Type)
		queued(1)
		a.ok(a.send(withReply(a.typeRequest(name), reply, mach.MakeSend)))
		queued(2)
		a.ok(a.send(withReply(oneWay(a, defs.HostPageSizeRow, &defs.HostPageSize[mach.Name]{Host: a.HostSelf()}), reply, mach.MakeSendOnce)))
		queued(3)
		a.ok(a.send(withReply(oneWay(a, defs.ThreadGetSpecialPortRow,
			&defs.ThreadGetSpecialPort[mach.Name]{Thread: th, WhichPort: defs.ThreadKernelPort}), reply, mach.MakeSendOnce)))
		queued(4)
	})
	for value, consumed := range map[string]bool{"queue": false, "reject": true} {
		t.Run("TermWindow="+value, func(t *testing.T) {
			e := newEMM(t, withField("TermWindow", value))
			r := e.c.mapPages(1)
			control := e.m.control(0)
			e.m.hold()
			e.Do(e.m.task, func(a *actor) {
				require.Equal(t, 0, e.portNamed(e.m, control).Msgcount())
				a.ok(user.MemoryObjectDataUnavailable(a, control, 0, page))
				require.Equal(t, 0, e.portNamed(e.m, control).Msgcount(), "it is executed")
			})
			w := e.at("association-broken", e.m.task, func(x *calls) {
				x.ok(x.unavailable(control, 0, page))
				want := 1
				if consumed {
					want = 0
				}
				require.Equal(t, want, e.portNamed(e.m, control).Msgcount())
				_, code := x.attributes(control, mach.FlavorAttribute)
				require.Equal(t, mach.KernInvalidArgument, code)
			})
			r.unmap()
			w.requireDone()
			e.m.do(func(x *calls) { x.ok(x.unavailable(control, 0, page)) })
			want := 2
			if consumed {
				want = 1
			}
			require.Equal(t, want, e.portNamed(e.m, control).Msgcount())
		})
	}
}

// TestIPC187_KernelReply: a reply from the kernel has id request + 100 and is delivered even if the reply port
// is full.
func TestIPC187_KernelReply(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		reply := a.withSend(a.port())
		a.fill(reply)
		requests := []*message{
			a.typeRequest(reply), a.typeRequest(0x7701),
			oneWay(a, defs.VMRegionRow, &defs.VMRegion[mach.Name]{TargetTask: a.target(), Address: 0}),
			oneWay(a, defs.HostPageSizeRow, &defs.HostPageSize[mach.Name]{Host: a.HostSelf()}),
			oneWay(a, defs.TaskThreadsRow, &defs.TaskThreads[mach.Name]{TargetTask: a.target()}),
			simple(a.target(), mach.CopySend, 123456),
		}
		want := ids(1, 2, 3, 4, 5)
		for i, m := range requests {
			d := []mach.Disposition{mach.MakeSendOnce, mach.CopySend, mach.MakeSend}[i%3]
			a.post(withReply(m, reply, d))
			want = append(want, m.ID+100)
			require.EqualValues(t, len(want), a.status(reply).Msgcount)
		}
		a.ok(a.setLimit(reply, 0))
		a.post(withReply(requests[0], reply, mach.MakeSendOnce))
		want = append(want, requests[0].ID+100)
		a.is(mach.SendTimedOut, a.trySend(simple(reply, mach.CopySend, 9)))
		require.Equal(t, want, a.drain(reply))
	})
}

// TestIPC188_UnknownCall: an unknown id to a kernel port that is not closed yields MIG_BAD_ID and destroys the
// request's rights.
func TestIPC188_UnknownCall(t *testing.T) {
	for _, kind := range []string{"task", "thread", "host", "host_priv", "control"} {
		t.Run(kind, func(t *testing.T) {
			e := newEMM(t)
			r := e.c.mapPages(1)
			task := e.m.task
			priv := e.given(task.GiveHostPriv())
			moved, lost, array := e.watched(task), e.watched(task), e.watched(task)
			e.Do(task, func(a *actor) {
				dest := map[string]mach.Name{"task": a.target(), "thread": a.ThreadSelf(), "host": a.HostSelf(),
					"host_priv": priv, "control": e.m.control(0)}[kind]
				reply, once := a.port(), a.port()
				for _, id := range ids(1, 5000, 2999, -1, 3200+1000) {
					m := a.exchange(reply, withReply(simple(dest, mach.CopySend, id), reply, mach.MakeSendOnce))
					require.Equal(t, id+100, m.ID)
					require.EqualValues(t, -303, int32(word(m.Body, 0)))
				}
				a.makeSend(lost.port)
				m := a.exchange(reply, withReply(carrying(dest, mach.CopySend, 5000, right(moved.port, mach.MoveReceive),
					right(once, mach.MakeSendOnce), right(lost.port, mach.MoveSend), a.array(mach.MoveReceive, array.port),
					region(a.memory(pattern(9000)), mach.CopyVirtual, true)), reply, mach.MakeSend))
				require.Equal(t, mach.MigBadID, mach.Return(int32(word(m.Body, 0))))
				require.False(t, m.Complex)
				require.Equal(t, ids(mach.NotifySendOnce), a.drain(once))
				require.Equal(t, mach.TypeReceive, a.typeOf(lost.port))
				// Without a reply port all is lost without a word.
				a.post(carrying(dest, mach.CopySend, 5000, right(once, mach.MakeSendOnce)))
				require.Equal(t, ids(mach.NotifySendOnce), a.drain(once))
			})
			e.requireDead(true, moved, array)
			e.requireDead(false, lost)
			r.unmap()
		})
	}
}

// exchange sends a message and takes what comes to a port.
func (a *actor) exchange(reply mach.Name, m *message) *message {
	a.t.Helper()
	a.post(m)
	return a.take(reply)
}

// TestIPC189_FailedCallKeepsNothing: a kernel error reply leaves no right of the request with the kernel: moved
// rights are destroyed.
func TestIPC189_FailedCallKeepsNothing(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	for _, c := range []struct {
		name string
		want mach.Return
		call func(a *actor, p mach.Name, d mach.Disposition) mach.Return
	}{
		{"mach_port_insert_right under a bad name", mach.KernInvalidValue, func(a *actor, p mach.Name, d mach.Disposition) mach.Return {
			return a.insertRight(mach.NameNull, p, d)
		}},
		{"mach_port_insert_right under a name in use", mach.KernNameExists, func(a *actor, p mach.Name, d mach.Disposition) mach.Return {
			return a.insertRight(a.deadName(1), p, d)
		}},
		{"a call for a thread", mach.KernInvalidTask, func(a *actor, p mach.Name, d mach.Disposition) mach.Return {
			return a.on(a.ThreadSelf()).insertRight(0x7701, p, d)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.portOf(server)
			send, once := s.GiveSend(server, p, client), s.GiveSendOnce(server, p, client)
			moved := s.watched(client)
			s.Do(client, func(a *actor) {
				a.is(c.want, c.call(a, send, mach.MoveSend))
				a.unknown(send)
				a.is(c.want, c.call(a, once, mach.MoveSendOnce))
				a.unknown(once)
				a.is(c.want, c.call(a, moved.port, mach.MoveReceive))
				a.unknown(moved.port)
			})
			s.requireDead(true, moved)
			s.Do(server, func(a *actor) {
				require.Equal(t, ids(mach.NotifySendOnce), a.drain(p))
				require.Equal(t, portStatus{Qlimit: 5, Seqno: 1, Mscount: 1}, a.status(p))
			})
		})
	}
	// The same with an array, and with a right among numbers.
	p := s.portOf(server)
	var sends []mach.Name
	for range mach.RegisteredPorts + 2 {
		sends = append(sends, s.GiveSend(server, p, client))
	}
	s.Do(client, func(a *actor) {
		reply := a.port()
		refused := func(m *message) {
			t.Helper()
			require.Equal(t, mach.KernInvalidArgument, mach.Return(int32(word(a.exchange(reply, withReply(m, reply, mach.MakeSendOnce)).Body, 0))))
		}
		refused(carrying(a.target(), mach.CopySend, defs.MachPortsRegisterRow.ID(mig.OSF), a.array(mach.MoveSend, sends[1:]...)))
		require.EqualValues(t, 1, a.refs(sends[0], mach.RightSend))
		m := oneWay(a, defs.VMMapRow, &defs.VMMap[mach.Name]{TargetTask: a.target(), Size: 0, Anywhere: true, MemoryObject: sends[0],
			CurProtection: mach.ProtRead, MaxProtection: mach.ProtAll})
		m.Descs[0].Disp = mach.MoveSend
		refused(m)
		a.unknown(sends[0])
	})
	s.Do(server, func(a *actor) { require.False(t, a.status(p).Srights) })
}

// TestIPC190_SilentFailure: a request without reply port that fails is silent.
func TestIPC190_SilentFailure(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	e.Do(e.m.task, func(a *actor) {
		control := e.m.control(0)
		before := a.table()
		for _, m := range []*message{
			a.typeRequest(0x7701),
			oneWay(a, defs.MachPortDestroyRow, &defs.MachPortDestroy[mach.Name]{Task: a.target(), Name: 0x7701}),
			oneWay(a, defs.VMDeallocateRow, &defs.VMDeallocate[mach.Name]{TargetTask: a.target(), Address: 0xfff, Size: ^mach.Size(0)}),
			oneWay(a, defs.MemoryObjectDataErrorRow, &defs.MemoryObjectDataError[mach.Name]{MemoryControl: control, Offset: 1, Size: 1}),
			simple(a.target(), mach.CopySend, 5000),
			simple(control, mach.CopySend, 5000),
			withReply(a.typeRequest(0x7701), mach.NameDead, mach.CopySend),
		} {
			a.post(m)
		}
		require.Equal(t, before, a.table())
		dying := a.port()
		m := withReply(a.typeRequest(0x7701), dying, mach.MakeSend)
		a.ok(a.destroy(dying))
		a.is(mach.SendInvalidReply, a.trySend(m)) // of that, the sender hears
	})
	r.unmap()
	e.m.see("init(a)", "terminate(a)")
}

// TestIPC191_WrongObject: a call on a port of the wrong kernel-object type fails with an argument error, not with
// a send error.
func TestIPC191_WrongObject(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	priv := e.given(e.m.task.GiveHostPriv())
	e.Do(e.m.task, func(a *actor) {
		ports := map[string]mach.Name{"task": a.target(), "thread": a.ThreadSelf(), "host": a.HostSelf(), "host_priv": priv,
			"control": e.m.control(0)}
		// What is a port of the right type for itself; a privileged host will do as a host.
		calls := map[string]map[string]func(p mach.Name) mach.Return{
			"task": {
				"mach_port_type":    func(p mach.Name) mach.Return { _, ret := a.on(p).portType(priv); return ret },
				"mach_port_destroy": func(p mach.Name) mach.Return { return a.on(p).destroy(a.deadName(1)) },
				"vm_allocate":       func(p mach.Name) mach.Return { var addr mach.Addr; return user.VMAllocate(a, p, &addr, page, true) },
				"vm_region":         func(p mach.Name) mach.Return { _, ret := user.VMRegion(a, p, 0); return ret },
				"task_threads":      func(p mach.Name) mach.Return { _, ret := user.TaskThreads(a, p); return ret },
				"task_get_special_port": func(p mach.Name) mach.Return {
					_, ret := user.TaskGetSpecialPort(a, p, defs.TaskBootstrapPort)
					return ret
				},
				"mach_ports_lookup": func(p mach.Name) mach.Return { _, ret := user.MachPortsLookup(a, p); return ret },
			},
			"thread": {
				"thread_abort": func(p mach.Name) mach.Return { return user.ThreadAbort(a, p) },
				"thread_get_special_port": func(p mach.Name) mach.Return {
					_, ret := user.ThreadGetSpecialPort(a, p, defs.ThreadKernelPort)
					return ret
				},
			},
			"host": {
				"host_page_size":  func(p mach.Name) mach.Return { _, ret := user.HostPageSize(a, p); return ret },
				"host_statistics": func(p mach.Name) mach.Return { _, ret := user.HostStatistics(a, p); return ret },
			},
			"host_priv": {
				"vm_wire": func(p mach.Name) mach.Return {
					return user.VMWire(a, p, a.target(), a.page(), page, mach.ProtRead)
				},
			},
			"control": {
				"memory_object_get_attributes": func(p mach.Name) mach.Return {
					_, ret := user.MemoryObjectGetAttributes(a, p, mach.FlavorAttribute, 6)
					return ret
				},
			},
		}
		for kind, list := range calls {
			for name, call := range list {
				for has, p := range ports {
					what := fmt.Sprintf("%s of a %s", name, has)
					ret := call(p)
					if has == kind || kind == "host" && has == "host_priv" {
						require.NotContains(t, argumentErrors, ret, what)
						require.Zero(t, uint32(ret)&0x10000000, what)
						continue
					}
					require.Contains(t, argumentErrors, ret, "%s: %v", what, ret)
				}
			}
		}
		// A port of no kernel object is no kernel's business.
		own := a.withSend(a.port())
		a.post(withReply(a.on(own).typeRequest(0x7701), own, mach.MakeSendOnce))
		require.Equal(t, ids(3201), a.drain(own))
	})
	// An object that is gone is none.
	victim := e.Task("victim")
	port := e.GiveTaskPort(victim, e.m.task)
	e.Kill(victim)
	e.Do(e.m.task, func(a *actor) { require.Equal(t, mach.TypeDeadName, a.typeOf(port)) })
	r.unmap()
}

// argumentErrors are the codes with which a routine refuses the object it was sent to.
var argumentErrors = []mach.Return{mach.KernInvalidArgument, mach.KernInvalidTask, mach.KernInvalidHost}

// TestIPC192_HostConversion: convert of a privileged host port to a host succeeds, of a host port to a
// privileged host fails.
func TestIPC192_HostConversion(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	priv := s.given(task.GiveHostPriv())
	s.Do(task, func(a *actor) {
		host := a.HostSelf()
		require.NotEqual(t, host, priv)
		for _, p := range []mach.Name{host, priv} {
			size, ret := user.HostPageSize(a, p)
			a.ok(ret)
			require.Equal(t, a.PageSize(), size)
			_, ret = user.HostStatistics(a, p)
			a.ok(ret)
		}
		addr := a.page()
		a.is(mach.KernInvalidHost, user.VMWire(a, host, a.target(), addr, page, mach.ProtRead))
		a.ok(user.VMWire(a, priv, a.target(), addr, page, mach.ProtRead))
		a.ok(user.VMWire(a, priv, a.target(), addr, page, mach.ProtNone))
		a.is(mach.KernInvalidArgument, user.ThreadWire(a, host, a.ThreadSelf(), true))
		a.ok(user.ThreadWire(a, priv, a.ThreadSelf(), true))
		a.ok(user.ThreadWire(a, priv, a.ThreadSelf(), false))
	})
}
