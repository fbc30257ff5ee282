package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
)

// eachNet runs a test with several hosts under different habits of the network: messages cross at once, or
// take time, and which comes first is decided in order or at random.
func eachNet(t *testing.T, hosts int, test func(t *testing.T, s *stage)) {
	for _, delay := range []mach.Time{0, 3 * mach.Millisecond} {
		for seed := range 6 {
			t.Run(fmt.Sprintf("delay=%d/seed=%d", delay, seed), func(t *testing.T) {
				choose := choice.Chooser(choice.First{})
				if seed > 0 {
					choose = choice.NewRandom(uint64(seed))
				}
				test(t, newStage(t, withHosts(hosts), withChooser(choose), withConfig(func(c *kernel.Config, _ *kernel.HostConfig) { c.LinkDelay = delay })))
			})
		}
	}
}

// sendWhole sends m and waits for room; m may come to its place later.
func (a *actor) sendWhole(m *message) {
	a.t.Helper()
	a.ok(a.send(m))
}

// carry moves a receive right from one task to another, by a message.
func (s *stage) carry(from *task, p mach.Name, to *task) mach.Name {
	s.t.Helper()
	return s.mailed(from, to, func(a *actor, out, p mach.Name) {
		a.sendWhole(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive)))
	}, func(a *actor, m *message) mach.Name { return m.Descs[0].Port })(p)
}

// TestIPC214_NameStaysAcrossHosts: send rights keep working, unchanged in name, when the receive right moves to
// another kernel.
func TestIPC214_NameStaysAcrossHosts(t *testing.T) {
	eachNet(t, 3, func(t *testing.T, s *stage) {
		server, near, far, third := s.TaskOn(0, "server"), s.TaskOn(0, "near"), s.TaskOn(1, "far"), s.TaskOn(2, "third")
		p := s.portOf(server)
		holders := []*task{server, near, far, third}
		var names []mach.Name
		for _, h := range holders[1:] {
			names = append(names, s.GiveSend(server, p, h))
		}
		s.Do(server, func(a *actor) { a.makeSend(p) })
		names = append([]mach.Name{p}, names...)
		once := s.GiveSendOnce(server, p, near)
		s.Do(far, func(a *actor) { a.ok(a.modRefs(names[2], mach.RightSend, 6)) })
		at := server
		for _, to := range []*task{far, third, near, far} {
			p = s.carry(at, p, to)
			at = to
			require.Equal(t, names[slices.Index(holders, to)], p, "the receive right joins the name of the send right")
			for i, h := range holders {
				s.Do(h, func(a *actor) {
					require.NotZero(t, a.typeOf(names[i])&mach.TypeSend)
					require.EqualValues(t, map[bool]uint32{true: 7, false: 1}[h == far], a.refs(names[i], mach.RightSend))
					a.sendWhole(simple(names[i], mach.CopySend, mach.MsgID(100+i), uint32(i)))
				})
				s.Do(to, func(a *actor) {
					m := a.take(p)
					require.EqualValues(t, 100+i, m.ID)
					require.Equal(t, bytesOf(uint32(i)), m.Body)
					require.Equal(t, p, m.Local)
				})
			}
		}
		s.Do(near, func(a *actor) {
			require.Equal(t, mach.TypeSendOnce, a.typeOf(once))
			a.post(simple(once, mach.MoveSendOnce, 9))
		})
		s.Do(at, func(a *actor) { require.Equal(t, ids(9), a.drain(p)) })
		s.Do(far, func(a *actor) { a.ok(a.modRefs(p, mach.RightReceive, -1)) })
		for i, h := range holders {
			s.Do(h, func(a *actor) { require.Equal(t, mach.TypeDeadName, a.typeOf(names[i])) })
		}
	})
}

// TestIPC215_OldHomeFirst: messages queued at the old home are received before messages sent to the new home.
func TestIPC215_OldHomeFirst(t *testing.T) {
	eachNet(t, 3, func(t *testing.T, s *stage) {
		server, heir := s.TaskOn(0, "server"), s.TaskOn(1, "heir")
		senders := []*task{s.TaskOn(0, "near"), s.TaskOn(1, "new near"), s.TaskOn(2, "third")}
		p := s.portOf(server)
		var names []mach.Name
		for _, c := range senders {
			names = append(names, s.GiveSend(server, p, c))
		}
		s.Do(server, func(a *actor) { a.ok(a.setLimit(p, mach.QlimitMax)) })
		inbox := s.portOf(heir)
		out := s.GiveSend(heir, inbox, server)
		post := func(phase mach.MsgID) {
			for i, c := range senders {
				s.Do(c, func(a *actor) { a.sendWhole(simple(names[i], mach.CopySend, phase, uint32(i))) })
			}
		}
		post(1)
		s.Do(server, func(a *actor) { a.sendWhole(carrying(out, mach.CopySend, 9, right(p, mach.MoveReceive))) })
		post(2)
		s.Do(heir, func(a *actor) { p = a.take(inbox).Descs[0].Port })
		post(3)
		s.Do(heir, func(a *actor) {
			require.Equal(t, ids(1, 1, 1, 2, 2, 2, 3, 3, 3), a.drain(p))
			require.EqualValues(t, 9, a.status(p).Seqno)
		})
	})
}

// TestIPC216_OrderAcrossMigration: two sends from one kernel to one port through send rights are received in order
// across a migration.
func TestIPC216_OrderAcrossMigration(t *testing.T) {
	const messages = 24 // of each kernel
	eachNet(t, 3, func(t *testing.T, s *stage) {
		homes := []*task{s.TaskOn(0, "first"), s.TaskOn(1, "second"), s.TaskOn(2, "third")}
		p := s.portOf(homes[0])
		inbox := make([]mach.Name, 3)
		for i, h := range homes {
			inbox[i] = s.portOf(h)
		}
		// Two tasks of every kernel take turns: who has sent a message passes a baton to the other.
		for k := range 3 {
			var baton [2]mach.Name
			var pair [2]*task
			for n := range pair {
				pair[n] = s.TaskOn(k, fmt.Sprintf("sender %d of %d", n, k))
				baton[n] = s.portOf(pair[n])
			}
			for n, c := range pair {
				name := s.GiveSend(homes[0], p, c)
				pass := s.GiveSend(pair[1-n], baton[1-n], c)
				s.Go(c, "sender", func(a *actor) {
					for i := n; i < messages; i += 2 {
						if i > 0 {
							a.receive(baton[n])
						}
						a.sendWhole(simple(name, mach.CopySend, mach.MsgID(k), uint32(i)))
						if i+1 < messages {
							a.sendWhole(simple(pass, mach.CopySend, 1))
						}
					}
				})
			}
		}
		// The receive right goes round, and every home receives a few messages.
		const end mach.MsgID = 77
		total, migrations := 0, 0
		got := make([][]uint32, 3)
		for i, h := range homes {
			out := s.GiveSend(homes[(i+1)%3], inbox[(i+1)%3], h)
			s.Go(h, "home", func(a *actor) {
				for name := p; ; {
					if i != 0 || migrations > 0 {
						m := a.receive(inbox[i])
						if m.ID == end {
							a.sendWhole(simple(out, mach.CopySend, end))
							return
						}
						name = m.Descs[0].Port
					}
					for range 3 {
						m := a.receive(name)
						got[m.ID] = append(got[m.ID], word(m.Body, 0))
						total++
					}
					if total == 3*messages {
						break
					}
					migrations++
					a.sendWhole(carrying(out, mach.CopySend, 1, right(name, mach.MoveReceive)))
				}
				a.sendWhole(simple(out, mach.CopySend, end)) // goes round once
			})
		}
		s.Run()
		require.Equal(t, 3*messages, total)
		require.Equal(t, messages-1, migrations)
		for k := range got {
			for i, v := range got[k] {
				require.EqualValues(t, i, v, "kernel %d", k)
			}
		}
	})
}

// TestIPC217_NoSendersOfAllHosts: no-senders waits for all kernels.
func TestIPC217_NoSendersOfAllHosts(t *testing.T) {
	eachNet(t, 3, func(t *testing.T, s *stage) {
		server := s.TaskOn(0, "server")
		var p, notify mach.Name
		s.Do(server, func(a *actor) {
			p, notify = a.withSend(a.fullPort()), a.port()
			a.request(p, mach.NotifyNoSenders, 0, notify)
		})
		clients := []*task{s.TaskOn(1, "one"), s.TaskOn(2, "two"), s.TaskOn(0, "near"), s.TaskOn(1, "three")}
		var names []mach.Name
		for _, c := range clients {
			names = append(names, s.GiveSend(server, p, c))
		}
		silent := func() {
			t.Helper()
			s.Do(server, func(a *actor) {
				require.Empty(t, a.notes(notify))
				require.True(t, a.status(p).Srights)
			})
		}
		s.Do(server, func(a *actor) { a.ok(a.deallocate(p)) })
		silent()
		s.Do(clients[2], func(a *actor) { a.ok(a.deallocate(names[2])) })
		silent()
		s.Kill(clients[1])
		silent()
		// A right on its way between two other kernels counts, too.
		last := s.TaskOn(2, "last")
		inbox := s.portOf(last)
		out := s.GiveSend(last, inbox, clients[0])
		s.Do(clients[0], func(a *actor) { a.sendWhole(carrying(out, mach.CopySend, 1, right(names[0], mach.MoveSend))) })
		s.Do(clients[3], func(a *actor) { a.ok(a.destroy(names[3])) })
		silent()
		s.Do(last, func(a *actor) {
			name := a.take(inbox).Descs[0].Port
			a.sendWhole(simple(name, mach.MoveSend, 5)) // its use as a destination
			a.unknown(name)
		})
		silent()
		s.Do(server, func(a *actor) {
			require.Equal(t, ids(5), a.drain(p))
			require.Equal(t, []note{{mach.NotifyNoSenders, 5}}, a.notes(notify))
		})
	})
}

// TestIPC218_DeathOnAllHosts: port death produces dead-name notifications on every kernel that has requests.
func TestIPC218_DeathOnAllHosts(t *testing.T) {
	eachNet(t, 3, func(t *testing.T, s *stage) {
		for _, moves := range []bool{false, true} {
			server := s.TaskOn(0, "server")
			p := s.portOf(server)
			var clients []*task
			var names, notify []mach.Name
			for k := range 3 {
				for i := range 2 {
					c := s.TaskOn(k, fmt.Sprintf("client %d of %d", i, k))
					n := s.GiveSend(server, p, c)
					if i == 1 {
						n = s.GiveSendOnce(server, p, c)
					}
					clients, names, notify = append(clients, c), append(names, n), append(notify, s.portOf(c))
					s.Do(c, func(a *actor) { a.request(n, mach.NotifyDeadName, 0, notify[len(notify)-1]) })
				}
			}
			quiet := s.TaskOn(1, "without a request")
			unasked := s.GiveSend(server, p, quiet)
			if moves {
				heir := s.TaskOn(1, "heir")
				p = s.carry(server, p, heir)
				server = heir
			}
			s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
			for i, c := range clients {
				s.Do(c, func(a *actor) {
					require.Equal(t, []note{{mach.NotifyDeadName, uint32(names[i])}}, a.notes(notify[i]))
					require.Equal(t, mach.TypeDeadName, a.typeOf(names[i]))
					require.EqualValues(t, 2, a.refs(names[i], mach.RightDeadName))
				})
			}
			s.Do(quiet, func(a *actor) { require.Equal(t, mach.TypeDeadName, a.typeOf(unasked)) })
		}
	})
}

// TestIPC219_RemoteRequests: a request to another kernel's port is executed asynchronously in arrival order.
func TestIPC219_RemoteRequests(t *testing.T) {
	s := newStage(t, withHosts(2))
	near, far := s.TaskOn(0, "near"), s.TaskOn(1, "far")
	control := s.GiveTaskPort(far, near)
	var reply mach.Name
	s.Do(near, func(a *actor) {
		reply = a.port()
		make := func(name mach.Name) *message {
			return withReply(oneWay(a, defs.MachPortAllocateNameRow,
				&defs.MachPortAllocateName[mach.Name]{Task: control, Right: mach.RightReceive, Name: name}), reply, mach.MakeSendOnce)
		}
		a.post(make(0x7701))
		_, there := far.Space().Lookup(0x7701)
		require.False(t, there, "the sender goes on before the request is executed")
		_, ret := a.poll(reply)
		a.is(mach.RcvTimedOut, ret)
	})
	_, there := far.Space().Lookup(0x7701)
	require.True(t, there)
	s.Do(near, func(a *actor) { require.Equal(t, ids(3303), a.drain(reply)) })

	// In order: of ten requests that build on each other none fails; queue limits are of no account.
	eachNet(t, 3, func(t *testing.T, s *stage) {
		near, far := s.TaskOn(0, "near"), s.TaskOn(1, "far")
		control := s.GiveTaskPort(far, near)
		var reply mach.Name
		s.Do(near, func(a *actor) {
			reply = a.port()
			a.post(withReply(oneWay(a, defs.MachPortAllocateNameRow,
				&defs.MachPortAllocateName[mach.Name]{Task: control, Right: mach.RightReceive, Name: 0x100}), reply, mach.MakeSendOnce))
			for i := range mach.Name(10) {
				a.post(withReply(oneWay(a, defs.MachPortRenameRow,
					&defs.MachPortRename[mach.Name]{Task: control, OldName: 0x100 * (i + 1), NewName: 0x100 * (i + 2)}), reply, mach.MakeSendOnce))
			}
		})
		s.Do(near, func(a *actor) {
			for i := range 11 {
				m := a.take(reply)
				require.Equal(t, mach.KernSuccess, mach.Return(word(m.Body, 0)), "request %d", i)
			}
			_, ret := a.poll(reply)
			a.is(mach.RcvTimedOut, ret)
			// A call that waits for its answer works as at home, and so do errors.
			_, ret = a.on(control).portType(0x100 * 11)
			a.ok(ret)
			_, ret = a.on(control).portType(0x100)
			a.is(mach.KernInvalidName, ret)
		})
		_, there := far.Space().Lookup(0x100 * 11)
		require.True(t, there)
	})
}

// TestIPC220_TwoKernelsOneObject: two kernels mapping one memory object give the pager two inits and two
// terminates with different control ports.
func TestIPC220_TwoKernelsOneObject(t *testing.T) {
	for _, farFirst := range []bool{false, true} {
		e := newEMM(t)
		far := e.newClientOn(e.boot("far", page), "far")
		near, distant := e.c.mapPages(1), far.mapPages(1)
		again := far.mapPages(1) // of a kernel that has one already
		e.m.see("init(a)", "init(b)")
		a, b := e.m.control(0), e.m.control(1)
		require.NotEqual(t, a, b)
		near.see(0)
		distant.store(0, 'x')
		near.see(0) // coherence is the manager's business
		again.reads(0, 'x')
		e.m.see("init(a)", "init(b)", "data_request(a,0,r--)", "data_request(b,0,rw-)")
		want := []string{"data_return(b,0,dirty)", "terminate(b)", "terminate(a)"}
		if farFirst {
			distant.unmap()
			again.unmap()
			near.unmap()
		} else {
			want = []string{"terminate(a)", "data_return(b,0,dirty)", "terminate(b)"}
			near.unmap()
			again.unmap()
			distant.unmap()
		}
		require.Equal(t, want, e.m.trace()[4:])
		for _, control := range []mach.Name{a, b} {
			require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(control))
		}
		// Both may come back, each with a control port of its own again.
		near, distant = e.c.mapPages(1), far.mapPages(1)
		require.Equal(t, []string{"init(c)", "init(d)"}, e.m.trace()[7:])
		e.m.do(func(x *calls) { x.ok(x.destroy(e.m.control(3), 0)) })
		require.Equal(t, []string{"init(c)", "init(d)", "terminate(d)"}, e.m.trace()[7:])
		near.see(0)
		distant.fails(0, mach.KernMemoryFailure)
		near.unmap()
		distant.unmap()
	}
}
