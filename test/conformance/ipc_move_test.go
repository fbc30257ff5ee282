package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// A mover takes a receive right from one task to another, and returns the new holder's name for it.
type mover func(p mach.Name) mach.Name

// ways are how a receive right can move: in the body of a message, in an array, by mach_port_insert_right
// and by mach_port_extract_right.
var ways = []struct {
	name string
	make func(s *stage, from, to *task) mover
}{
	{"message", func(s *stage, from, to *task) mover {
		return s.mailed(from, to, func(a *actor, out, p mach.Name) {
			a.post(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive)))
		}, func(a *actor, m *message) mach.Name { return m.Descs[0].Port })
	}},
	{"array", func(s *stage, from, to *task) mover {
		return s.mailed(from, to, func(a *actor, out, p mach.Name) {
			a.post(carrying(out, mach.CopySend, 1, a.array(mach.MoveReceive, p)))
		}, func(a *actor, m *message) mach.Name { return a.names(m.Descs[0].Memory)[0] })
	}},
	{"insert", func(s *stage, from, to *task) mover {
		control := s.GiveTaskPort(to, from)
		free := mach.Name(0x7701)
		return func(p mach.Name) (name mach.Name) {
			s.Do(from, func(a *actor) {
				a.ok(a.on(control).insertRight(free, p, mach.MoveReceive))
			})
			name, free = free, free+0x100
			return name
		}
	}},
	{"extract", func(s *stage, from, to *task) mover {
		control := s.GiveTaskPort(from, to)
		return func(p mach.Name) (name mach.Name) {
			s.Do(to, func(a *actor) {
				var ret mach.Return
				name, _, ret = a.on(control).extractRight(p, mach.MoveReceive)
				a.ok(ret)
			})
			return name
		}
	}},
}

// mailed is a mover that sends a message by a port of its own.
func (s *stage) mailed(from, to *task, send func(a *actor, out, p mach.Name), received func(a *actor, m *message) mach.Name) mover {
	inbox := s.portOf(to)
	out := s.GiveSend(to, inbox, from)
	return func(p mach.Name) (name mach.Name) {
		s.Do(from, func(a *actor) { send(a, out, p) })
		s.Do(to, func(a *actor) { name = received(a, a.take(inbox)) })
		return name
	}
}

// eachWay runs a test with every way in which a receive right can move from a task "server" to a task
// "heir".
func eachWay(t *testing.T, test func(t *testing.T, s *stage, server, heir *task, move mover), options ...option) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := newStage(t, options...)
			server, heir := s.Task("server"), s.Task("heir")
			test(t, s, server, heir, way.make(s, server, heir))
		})
	}
}

// TestIPC141_MovingResetsMakeSendCount: moving a receive right sets mscount to 0.
func TestIPC141_MovingResetsMakeSendCount(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p := s.portOf(server)
		s.Do(server, func(a *actor) {
			for range 3 {
				a.makeSend(p)
			}
			require.EqualValues(t, 3, a.status(p).Mscount)
			a.ok(a.deallocate(p))
		})
		p = move(p)
		s.Do(heir, func(a *actor) {
			require.Zero(t, a.status(p).Mscount)
			require.True(t, a.status(p).Srights, "the send rights that were made are still there")
			a.makeSend(p)
			require.EqualValues(t, 1, a.status(p).Mscount)
		})
	})
}

// TestIPC142_MovingResetsSeqno: moving a receive right sets seqno to 0.
func TestIPC142_MovingResetsSeqno(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p := s.portOf(server)
		s.Do(server, func(a *actor) {
			a.ok(a.setSeqno(p, 7))
			a.post(simple(p, mach.MakeSend, 1))
			a.post(simple(p, mach.MakeSend, 2))
			require.EqualValues(t, 7, a.take(p).Trailer.Seqno)
		})
		p = move(p)
		s.Do(heir, func(a *actor) {
			require.Zero(t, a.status(p).Seqno)
			a.post(simple(p, mach.MakeSend, 3))
			for i, id := range ids(2, 3) {
				m := a.take(p)
				require.Equal(t, id, m.ID)
				require.EqualValues(t, i, m.Trailer.Seqno)
			}
		})
	})
}

// TestIPC143_MovingKeepsLimit: moving a receive right keeps its queue limit.
func TestIPC143_MovingKeepsLimit(t *testing.T) {
	for _, limit := range []int{0, 2, mach.QlimitMax} {
		eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
			p := s.portOf(server)
			s.Do(server, func(a *actor) { a.ok(a.setLimit(p, int32(limit))) })
			p = move(p)
			s.Do(heir, func(a *actor) {
				require.EqualValues(t, limit, a.status(p).Qlimit)
				for range limit {
					a.post(simple(p, mach.MakeSend, 1))
				}
				a.is(mach.SendTimedOut, a.trySend(simple(p, mach.MakeSend, 2)))
			})
		})
	}
}

// TestIPC144_QueueMoves: messages queued before and during the move are received by the new holder in order.
func TestIPC144_QueueMoves(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	s.Do(server, func(a *actor) { a.ok(a.setLimit(p, 16)) })
	next := mach.MsgID(0)
	client2 := s.Task("second client")
	send2 := s.GiveSend(client, send, client2)
	post := func() {
		for i := range 2 {
			next++
			by, name := client, send
			if i == 1 {
				by, name = client2, send2
			}
			s.Do(by, func(a *actor) { a.post(simple(name, mach.CopySend, next, uint32(next))) })
		}
	}
	post()
	// The right goes through a task that receives none of the messages, and comes back to it later.
	stations := []*task{s.Task("first"), s.Task("second"), s.Task("first"), server}
	holder := server
	for _, to := range stations {
		inbox := s.portOf(to)
		out := s.GiveSend(to, inbox, holder)
		s.Do(holder, func(a *actor) { a.post(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive))) })
		post()
		s.Do(to, func(a *actor) { p = a.take(inbox).Descs[0].Port })
		holder = to
		if to == s.Task("first") {
			post()
		}
	}
	require.EqualValues(t, 14, next)
	s.Do(holder, func(a *actor) {
		require.EqualValues(t, next, a.status(p).Msgcount)
		for want := range next {
			m := a.take(p)
			require.Equal(t, want+1, m.ID)
			require.Equal(t, bytesOf(uint32(want+1)), m.Body)
			require.EqualValues(t, want, m.Trailer.Seqno)
			require.Equal(t, p, m.Local)
		}
	})
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p := s.portOf(server)
		s.Do(server, func(a *actor) { a.fillByMake(p) })
		p = move(p)
		s.Do(heir, func(a *actor) { require.Equal(t, ids(1, 2, 3, 4, 5), a.drain(p)) })
	})
}

// TestIPC145_MovingLeavesSets: moving a receive right removes it from its port sets without waking set
// receivers.
func TestIPC145_MovingLeavesSets(t *testing.T) {
	for _, multi := range []string{"true", "false"} {
		eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
			var p, other, idle, busy mach.Name
			s.Do(server, func(a *actor) {
				p, other, idle, busy = a.port(), a.port(), a.set(), a.set()
				a.ok(a.moveMember(p, idle))
				a.ok(a.moveMember(other, idle))
				if multi == "true" {
					a.ok(a.insertMember(p, busy))
				}
			})
			waits := s.Receiver(server, idle)
			p = move(p)
			require.False(t, waits.done)
			s.Do(server, func(a *actor) {
				members, ret := a.getSetStatus(idle)
				a.ok(ret)
				require.Equal(t, []mach.Name{other}, members)
				members, ret = a.getSetStatus(busy)
				a.ok(ret)
				require.Empty(t, members)
			})
			s.Do(heir, func(a *actor) {
				require.Zero(t, a.status(p).Pset)
				a.post(simple(p, mach.MakeSend, 4))
			})
			require.False(t, waits.done, "what is sent to the port is no longer for the set")
			s.Do(heir, func(a *actor) { require.Equal(t, ids(4), a.drain(p)) })
			s.Do(server, func(a *actor) { a.post(simple(other, mach.MakeSend, 5)) })
			require.Equal(t, mach.KernSuccess, waits.result())
			require.EqualValues(t, 5, waits.msg.ID)
			s.Run()
		}, withField("MultiSet", multi))

		// Messages of the port leave the set with it, the others stay.
		s := newStage(t, withField("MultiSet", multi))
		s.Do(s.Task("program"), func(a *actor) {
			p, other, set, inbox := a.port(), a.port(), a.set(), a.port()
			a.ok(a.moveMember(p, set))
			a.ok(a.moveMember(other, set))
			for i := range mach.MsgID(2) {
				a.post(simple(p, mach.MakeSend, 10+i))
				a.post(simple(other, mach.MakeSend, 20+i))
			}
			a.post(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveReceive)))
			require.Equal(t, ids(20, 21), a.drain(set))
			require.Equal(t, ids(10, 11), a.drain(a.take(inbox).Descs[0].Port))
		})
	}
}

// TestIPC146_ReceiversOfMovedPort: threads blocked receiving on the port get MACH_RCV_PORT_DIED.
func TestIPC146_ReceiversOfMovedPort(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p := s.portOf(server)
		s.Do(server, func(a *actor) { a.makeSend(p) }) // the name stays
		receivers := []*waiting{s.Receiver(server, p), s.Receiver(server, p)}
		other := s.portOf(server)
		bystander := s.Receiver(server, other)
		moved := move(p)
		for _, r := range receivers {
			require.Equal(t, mach.RcvPortDied, r.result())
		}
		require.False(t, bystander.done)
		s.Do(server, func(a *actor) {
			_, ret := a.poll(p)
			a.is(mach.RcvInvalidName, ret)
			a.post(simple(other, mach.MakeSend, 1))
		})
		require.Equal(t, mach.KernSuccess, bystander.result())
		s.Do(heir, func(a *actor) {
			a.post(simple(moved, mach.MakeSend, 4))
			require.Equal(t, ids(4), a.drain(moved), "nothing was taken by those who waited")
		})
	})
}

// TestIPC147_OldHolderKeepsSend: the old holder keeps its send rights under the same name with the same
// references.
func TestIPC147_OldHolderKeepsSend(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p := s.portOf(server)
		var once mach.Name
		s.Do(server, func(a *actor) {
			once = a.sendOnce(p)
			a.makeSend(p)
			a.ok(a.modRefs(p, mach.RightSend, 4))
		})
		moved := move(p)
		s.Do(server, func(a *actor) {
			require.Equal(t, mach.TypeSend, a.typeOf(p))
			require.EqualValues(t, 5, a.refs(p, mach.RightSend))
			require.Equal(t, mach.TypeSendOnce, a.typeOf(once))
			a.post(simple(p, mach.CopySend, 8))
			a.post(simple(once, mach.MoveSendOnce, 9))
			a.is(mach.SendInvalidRight, a.trySend(carrying(p, mach.CopySend, 1, right(p, mach.MakeSend))))
		})
		s.Do(heir, func(a *actor) {
			require.Equal(t, mach.TypeReceive, a.typeOf(moved))
			require.Equal(t, ids(8, 9), a.drain(moved))
		})
		s.Do(server, func(a *actor) { a.ok(a.modRefs(p, mach.RightSend, -5)) })
		s.Do(heir, func(a *actor) { require.False(t, a.status(moved).Srights, "five references are one right") })
	})
}

// TestIPC148_RequestOnReceiveName: a dead-name request on a pure receive name is answered with port-deleted
// when the right moves.
func TestIPC148_RequestOnReceiveName(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p, notify := s.portOf(server), s.portOf(server)
		s.Do(server, func(a *actor) { a.request(p, mach.NotifyDeadName, 0, notify) })
		moved := move(p)
		s.Do(server, func(a *actor) {
			a.unknown(p)
			require.Equal(t, []note{{mach.NotifyPortDeleted, uint32(p)}}, a.notes(notify))
			require.Zero(t, a.status(notify).Sorights)
		})
		s.Do(heir, func(a *actor) { a.ok(a.destroy(moved)) })
		s.Do(server, func(a *actor) { require.Empty(t, a.notes(notify), "the request is gone") })
	})
}

// TestIPC149_RequestOnSendStays: a dead-name request on SEND+RECEIVE stays registered when the receive right
// moves.
func TestIPC149_RequestOnSendStays(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p, notify := s.portOf(server), s.portOf(server)
		s.Do(server, func(a *actor) {
			a.makeSend(p)
			a.request(p, mach.NotifyDeadName, 0, notify)
		})
		moved := move(p)
		s.Do(server, func(a *actor) {
			require.Empty(t, a.notes(notify))
			require.Equal(t, mach.TypeSend|mach.TypeDNRequest, a.typeOf(p))
		})
		s.Do(heir, func(a *actor) { a.ok(a.destroy(moved)) })
		s.Do(server, func(a *actor) {
			require.Equal(t, []note{{mach.NotifyDeadName, uint32(p)}}, a.notes(notify))
			require.EqualValues(t, 2, a.refs(p, mach.RightDeadName))
		})
	})
}

// TestIPC150_PortDestroyedRequestMoves: a port-destroyed request survives the move.
func TestIPC150_PortDestroyedRequestMoves(t *testing.T) {
	eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
		p, notify := s.portOf(server), s.portOf(server)
		s.Do(server, func(a *actor) { a.request(p, mach.NotifyPortDestroyed, 0, notify) })
		moved := move(p)
		s.Do(heir, func(a *actor) {
			require.True(t, a.status(moved).PDRequest)
			a.post(simple(moved, mach.MakeSend, 3))
			a.ok(a.destroy(moved))
		})
		s.Do(server, func(a *actor) {
			m := a.take(notify)
			require.Equal(t, mach.NotifyPortDestroyed, m.ID)
			require.Equal(t, ids(3), a.drain(m.Descs[0].Port))
		})
	})
}

// TestIPC151_NoSendersRequestOnMove: moving a receive right cancels its no-senders request and answers it
// with a send-once notification; with NSRequestOnMove=keep the request survives the move.
func TestIPC151_NoSendersRequestOnMove(t *testing.T) {
	for _, keep := range []bool{false, true} {
		value := map[bool]string{false: "cancel", true: "keep"}[keep]
		for _, plain := range []bool{false, true} {
			eachWay(t, func(t *testing.T, s *stage, server, heir *task, move mover) {
				client := s.Task("client")
				var p, notify mach.Name
				s.Do(server, func(a *actor) {
					if p, notify = a.fullPort(), a.port(); plain {
						p = a.port()
					}
					a.makeSend(p)
					a.makeSend(p)
					a.request(p, mach.NotifyNoSenders, 0, notify)
				})
				send := s.GiveSend(server, p, client)
				moved := move(p)
				s.Do(heir, func(a *actor) { require.Equal(t, keep, a.status(moved).NSRequest) })
				s.Do(server, func(a *actor) {
					want := []note{{ID: mach.NotifySendOnce}}
					if keep {
						want = nil
					}
					require.Equal(t, want, a.notes(notify))
					a.ok(a.modRefs(p, mach.RightSend, -2))
					require.Empty(t, a.notes(notify), "there is one sender more")
				})
				s.Do(heir, func(a *actor) { a.makeSend(moved); a.ok(a.deallocate(moved)) })
				s.Do(client, func(a *actor) { a.ok(a.deallocate(send)) })
				s.Do(server, func(a *actor) {
					want := []note{{mach.NotifyNoSenders, 1}}
					if !keep {
						want = nil
					}
					require.Equal(t, want, a.notes(notify))
				})
			}, withField("NSRequestOnMove", value), withField("PlainPortsNoNMS", map[bool]string{false: "true", true: "false"}[plain]))
		}
	}
	// The cancellation is queued before the message that carries the right.
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, inbox := a.fullPort(), a.port()
		a.makeSend(p)
		a.request(p, mach.NotifyNoSenders, 0, inbox)
		a.post(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveReceive)))
		require.Equal(t, ids(mach.NotifySendOnce, 1), a.drain(inbox))
	})
}

// TestIPC152_PortInTransitAccepts: a port in transit accepts messages up to its queue limit.
func TestIPC152_PortInTransitAccepts(t *testing.T) {
	for _, limit := range []int32{2, mach.QlimitDefault, mach.QlimitMax} {
		s := newStage(t)
		client := s.Task("client")
		server, p, send := far(s, client)
		once := s.GiveSendOnce(server, p, client)
		heir := s.Task("heir")
		inbox := s.portOf(heir)
		out := s.GiveSend(heir, inbox, server)
		s.Do(server, func(a *actor) {
			a.ok(a.setLimit(p, limit))
			a.post(simple(p, mach.MakeSend, 0))
			a.post(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive)))
		})
		var want []mach.MsgID
		s.Do(client, func(a *actor) {
			for id := range mach.MsgID(limit) {
				want = append(want, id)
				if id > 0 {
					a.post(simple(send, mach.CopySend, id))
				}
			}
			a.is(mach.SendTimedOut, a.trySend(simple(send, mach.CopySend, 99)))
			a.post(simple(once, mach.MoveSendOnce, 50))
		})
		blocked := s.Sender(client, simple(send, mach.CopySend, 51))
		require.False(t, blocked.done)
		s.Do(heir, func(a *actor) {
			p := a.take(inbox).Descs[0].Port
			require.False(t, blocked.done)
			require.EqualValues(t, limit+1, a.status(p).Msgcount)
			require.Equal(t, append(want, 50, 51), a.drain(p))
		})
		require.Equal(t, mach.KernSuccess, blocked.result())
	}
}
