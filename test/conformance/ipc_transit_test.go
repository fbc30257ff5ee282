package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// watched is a port whose life is watched by a client that has a send right for it.
type watched struct {
	port, send mach.Name
	client     *task
}

func (s *stage) watched(owner *task) watched {
	w := watched{port: s.portOf(owner), client: s.Task("watcher")}
	w.send = s.GiveSend(owner, w.port, w.client)
	return w
}

// requireDead says which ports have died.
func (s *stage) requireDead(dead bool, ports ...watched) {
	s.t.Helper()
	for i, w := range ports {
		s.Do(w.client, func(a *actor) {
			s.t.Helper()
			want := mach.TypeSend
			if dead {
				want = mach.TypeDeadName
			}
			require.Equal(s.t, want, a.typeOf(w.send), "port %d", i)
		})
	}
}

// losses are the ways in which a message with a receive right is lost. Each loses m, which must carry
// one, in the given task.
var losses = []struct {
	name string
	lose func(s *stage, task *task, m func(a *actor, dest mach.Name) *message)
}{
	{"port destroyed", func(s *stage, task *task, m func(a *actor, dest mach.Name) *message) {
		s.Do(task, func(a *actor) {
			inbox := a.port()
			a.post(m(a, inbox))
			a.ok(a.destroy(inbox))
		})
	}},
	{"too large", func(s *stage, task *task, m func(a *actor, dest mach.Name) *message) {
		s.Do(task, func(a *actor) {
			inbox := a.port()
			a.post(m(a, inbox))
			a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: inbox, RcvLimit: 30}))
		})
	}},
	{"body error", func(s *stage, task *task, m func(a *actor, dest mach.Name) *message) {
		s.Do(task, func(a *actor) {
			bad := m(a, a.port())
			bad.Descs = append(bad.Descs, right(0x7701, mach.CopySend))
			a.is(mach.SendInvalidRight, a.trySend(bad))
		})
	}},
	{"receiver dies", func(s *stage, task *task, m func(a *actor, dest mach.Name) *message) {
		victim := s.Task("victim")
		out := s.GiveSend(victim, s.portOf(victim), task)
		s.Do(task, func(a *actor) {
			sent := m(a, out)
			sent.RemoteDisp = mach.CopySend
			a.post(sent)
		})
		s.Kill(victim)
	}},
	{"no room for names", func(s *stage, task *task, m func(a *actor, dest mach.Name) *message) {
		heir := s.Task("heir")
		inbox := s.portOf(heir)
		out := s.GiveSend(heir, inbox, task)
		s.Do(task, func(a *actor) {
			sent := m(a, out)
			sent.RemoteDisp = mach.CopySend
			a.post(sent)
		})
		s.Do(heir, func(a *actor) {
			heir.Space().SetLimit(len(a.table()))
			_, ret := a.poll(inbox)
			a.is(mach.RcvBodyError|mach.MsgIPCSpace, ret)
		})
	}},
}

// TestIPC153_ReceiveRightInDestroyedMessage: destroying a message destroys a receive right in it and every
// message queued on that port.
func TestIPC153_ReceiveRightInDestroyedMessage(t *testing.T) {
	for _, loss := range losses {
		for _, inArray := range []bool{false, true} {
			if inArray && loss.name == "no room for names" {
				continue
			}
			t.Run(loss.name, func(t *testing.T) {
				s := newStage(t)
				task, client := s.Task("program"), s.Task("client")
				p, inner, innermost := s.watched(task), s.watched(task), s.watched(task)
				reply := s.portOf(client)
				s.Do(task, func(a *actor) {
					a.post(carrying(p.port, mach.MakeSend, 1, right(inner.port, mach.MoveReceive)))
					a.post(simple(p.port, mach.MakeSend, 2))
				})
				toP, toInner := s.GiveSend(p.client, p.send, client), s.GiveSend(p.client, inner.send, client)
				s.Do(client, func(a *actor) {
					for range 2 {
						a.post(withReply(simple(toP, mach.CopySend, 3), reply, mach.MakeSendOnce))
					}
					a.post(withReply(simple(toInner, mach.CopySend, 4), reply, mach.MakeSendOnce))
				})
				toInner = s.GiveSend(p.client, inner.send, task)
				s.Do(task, func(a *actor) {
					a.post(carrying(toInner, mach.CopySend, 5, right(innermost.port, mach.MoveReceive)))
				})
				s.requireDead(false, p, inner, innermost)
				loss.lose(s, task, func(a *actor, dest mach.Name) *message {
					d := right(p.port, mach.MoveReceive)
					if inArray {
						d = a.array(mach.MoveReceive, p.port)
					}
					return carrying(dest, mach.MakeSend, 7, d)
				})
				s.requireDead(true, p, inner, innermost)
				s.Do(client, func(a *actor) {
					require.Equal(t, ids(mach.NotifySendOnce, mach.NotifySendOnce, mach.NotifySendOnce), a.drain(reply))
				})
			})
		}
	}
}

// TestIPC154_RequestSavesReceiveRight: a receive right in a destroyed message whose port has a
// port-destroyed request is delivered to the request instead.
func TestIPC154_RequestSavesReceiveRight(t *testing.T) {
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			s := newStage(t)
			task, keeper := s.Task("program"), s.Task("keeper")
			p, inner := s.watched(task), s.watched(task)
			notify := s.portOf(keeper)
			once := s.GiveSendOnce(keeper, notify, task)
			s.Do(task, func(a *actor) {
				_, ret := user.MachPortRequestNotification(a, a.target(), p.port, mach.NotifyPortDestroyed, 0, once, mach.MoveSendOnce)
				a.ok(ret)
				a.post(simple(p.port, mach.MakeSend, 1))
				a.post(carrying(p.port, mach.MakeSend, 2, right(inner.port, mach.MoveReceive)))
			})
			loss.lose(s, task, func(a *actor, dest mach.Name) *message {
				return carrying(dest, mach.MakeSend, 7, right(p.port, mach.MoveReceive))
			})
			s.requireDead(false, p, inner)
			s.Do(keeper, func(a *actor) {
				m := a.take(notify)
				require.Equal(t, mach.NotifyPortDestroyed, m.ID)
				saved := m.Descs[0].Port
				require.False(t, a.status(saved).PDRequest)
				require.EqualValues(t, 1, a.take(saved).ID)
				require.Equal(t, mach.TypeReceive, a.typeOf(a.take(saved).Descs[0].Port))
				require.Empty(t, a.drain(notify))
			})
		})
	}
}

// TestIPC155_SentToItself: sending a receive right to its own port succeeds and destroys the port.
func TestIPC155_SentToItself(t *testing.T) {
	for _, d := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce, mach.CopySend} {
		s := newStage(t)
		client := s.Task("client")
		p := s.watched(client)
		inner := s.watched(client)
		var reply mach.Name
		s.Do(client, func(a *actor) {
			reply = a.port()
			if d == mach.CopySend {
				a.makeSend(p.port)
			}
			a.post(withReply(simple(p.port, mach.MakeSend, 1), reply, mach.MakeSendOnce))
			a.post(carrying(p.port, mach.MakeSend, 2, right(inner.port, mach.MoveReceive)))
			a.post(withReply(carrying(p.port, d, 3, right(p.port, mach.MoveReceive)), reply, mach.MakeSendOnce))
			if d == mach.CopySend {
				require.Equal(t, mach.TypeDeadName, a.typeOf(p.port))
				require.EqualValues(t, 1, a.refs(p.port, mach.RightDeadName))
			} else {
				a.unknown(p.port)
			}
			require.Equal(t, ids(mach.NotifySendOnce, mach.NotifySendOnce), a.drain(reply))
		})
		s.requireDead(true, p, inner)
	}
	// A port-destroyed request saves it.
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, notify := a.withSend(a.port()), a.port()
		a.post(simple(p, mach.CopySend, 1))
		a.request(p, mach.NotifyPortDestroyed, 0, notify)
		a.post(carrying(p, mach.CopySend, 3, right(p, mach.MoveReceive)))
		require.Equal(t, []note{{mach.NotifyPortDestroyed, uint32(p)}}, a.notes(notify))
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		require.Equal(t, ids(1), a.drain(p))
	})
}

// TestIPC156_CircularNeverBlocks: a circular send to a full queue does not block.
func TestIPC156_CircularNeverBlocks(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	p, q := s.watched(task), s.watched(task)
	s.Do(task, func(a *actor) {
		a.makeSend(p.port)
		a.fill(p.port)
		a.ok(a.send(carrying(p.port, mach.CopySend, 9, right(p.port, mach.MoveReceive))))
	})
	s.requireDead(true, p)
	// By way of another port, and with queue limit 0.
	p = s.watched(task)
	s.Do(task, func(a *actor) {
		a.makeSend(p.port)
		a.makeSend(q.port)
		a.post(carrying(q.port, mach.CopySend, 1, right(p.port, mach.MoveReceive)))
		a.fill(p.port)
		a.is(mach.SendTimedOut, a.trySend(simple(p.port, mach.CopySend, 1)))
		a.ok(a.send(carrying(p.port, mach.CopySend, 9, right(q.port, mach.MoveReceive))))
		r := a.withSend(a.port())
		a.ok(a.setLimit(r, 0))
		a.post(carrying(r, mach.CopySend, 9, right(r, mach.MoveReceive)))
		require.Equal(t, mach.TypeDeadName, a.typeOf(r))
	})
	s.requireDead(true, p, q)
}

// TestIPC157_ClosedLoop: closing a two-port loop destroys both ports.
func TestIPC157_ClosedLoop(t *testing.T) {
	for _, n := range []int{2, 3, 6} {
		s := newStage(t)
		task := s.Task("program")
		var loop []watched
		for range n {
			loop = append(loop, s.watched(task))
		}
		outside := s.watched(task)
		s.Do(task, func(a *actor) {
			for _, w := range loop {
				a.makeSend(w.port)
			}
			a.post(carrying(loop[0].port, mach.CopySend, 1, right(outside.port, mach.MoveReceive)))
			// Each port goes into the queue of the one behind it.
			for i := range n - 1 {
				a.post(carrying(loop[i+1].port, mach.CopySend, 2, right(loop[i].port, mach.MoveReceive)))
			}
		})
		s.requireDead(false, append(loop, outside)...)
		s.Do(task, func(a *actor) {
			a.post(carrying(loop[0].port, mach.CopySend, 3, right(loop[n-1].port, mach.MoveReceive)))
			for _, w := range loop {
				require.Equal(t, mach.TypeDeadName, a.typeOf(w.port))
			}
		})
		s.requireDead(true, append(loop, outside)...)
	}
	// A chain that ends with a port which somebody holds is no loop.
	s := newStage(t)
	task := s.Task("program")
	p, q, r := s.watched(task), s.watched(task), s.watched(task)
	s.Do(task, func(a *actor) {
		a.makeSend(q.port)
		a.post(carrying(q.port, mach.CopySend, 1, right(p.port, mach.MoveReceive)))
		a.post(carrying(r.port, mach.MakeSend, 2, right(q.port, mach.MoveReceive)))
	})
	s.requireDead(false, p, q, r)
	s.Do(task, func(a *actor) {
		require.Equal(t, q.port, a.take(r.port).Descs[0].Port)
		require.Equal(t, mach.TypeReceive, a.typeOf(a.take(q.port).Descs[0].Port))
	})
}

// TestIPC158_TaskDeathAndMessages: task death destroys messages queued on its ports, but not messages it sent.
func TestIPC158_TaskDeathAndMessages(t *testing.T) {
	s := newStage(t)
	victim, client := s.Task("victim"), s.Task("client")
	p := s.portOf(victim)
	send := s.GiveSend(victim, p, client)
	inbox, reply := s.portOf(client), s.portOf(client)
	out := s.GiveSend(client, inbox, victim)
	carried, sentAway := s.watched(client), s.watched(victim)
	data := pattern(6000)
	s.Do(client, func(a *actor) {
		a.post(withReply(carrying(send, mach.CopySend, 1, right(carried.port, mach.MoveReceive)), reply, mach.MakeSendOnce))
	})
	s.Do(victim, func(a *actor) {
		a.post(withReply(carrying(out, mach.CopySend, 2, right(sentAway.port, mach.MoveReceive), right(out, mach.CopySend),
			region(a.memory(data), mach.CopyVirtual, false)), p, mach.MakeSend))
		a.post(simple(out, mach.CopySend, 3, 5))
	})
	s.Kill(victim)
	s.requireDead(true, carried)
	s.requireDead(false, sentAway)
	s.Do(client, func(a *actor) {
		require.Equal(t, mach.TypeDeadName, a.typeOf(send))
		require.Equal(t, ids(mach.NotifySendOnce), a.drain(reply))
		m := a.take(inbox)
		require.Equal(t, mach.NameDead, m.Remote, "its port died with it")
		require.Equal(t, mach.TypeReceive, a.typeOf(m.Descs[0].Port))
		require.Equal(t, inbox, m.Descs[1].Port)
		require.Equal(t, data, a.read(m.Descs[2].Memory.Address, len(data)))
		require.Equal(t, bytesOf(5), a.take(inbox).Body)
	})
}

// TestIPC159_RightOnDeadTasksPort: a receive right queued in a message on a dead task's port dies with it.
func TestIPC159_RightOnDeadTasksPort(t *testing.T) {
	s := newStage(t)
	victim, client := s.Task("victim"), s.Task("client")
	p := s.portOf(victim)
	send := s.GiveSend(victim, p, client)
	direct, inArray, behind := s.watched(client), s.watched(client), s.watched(client)
	s.Do(client, func(a *actor) {
		a.post(carrying(direct.port, mach.MakeSend, 1, right(behind.port, mach.MoveReceive)))
		a.post(carrying(send, mach.CopySend, 2, right(direct.port, mach.MoveReceive), a.array(mach.MoveReceive, inArray.port)))
	})
	s.requireDead(false, direct, inArray, behind)
	s.Kill(victim)
	s.requireDead(true, direct, inArray, behind)
	// So does one that is queued behind a port which travels itself.
	victim = s.Task("second victim")
	send = s.GiveSend(victim, s.portOf(victim), client)
	near, beyond := s.watched(client), s.watched(client)
	s.Do(client, func(a *actor) {
		a.makeSend(near.port)
		a.post(carrying(send, mach.CopySend, 1, right(near.port, mach.MoveReceive)))
		a.post(carrying(near.port, mach.CopySend, 2, right(beyond.port, mach.MoveReceive)))
	})
	s.requireDead(false, near, beyond)
	s.Kill(victim)
	s.requireDead(true, near, beyond)
}
