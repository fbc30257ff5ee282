package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestIPC098_SixthSend: with five unreceived messages, the sixth send through a send right with timeout 0
// answers MACH_SEND_TIMED_OUT.
func TestIPC098_SixthSend(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		for i := range 5 {
			a.ok(a.trySend(simple(p, mach.CopySend, mach.MsgID(i))))
		}
		for _, d := range []mach.Disposition{mach.CopySend, mach.MakeSend, mach.MoveSend} {
			a.is(mach.SendTimedOut, a.trySend(simple(p, d, 9)))
		}
		buffer, size := a.encoded(simple(p, mach.CopySend, 9))
		a.is(mach.SendTimedOut, a.rawSend(buffer, size))
		require.EqualValues(t, 5, a.status(p).Msgcount)
		a.take(p)
		a.ok(a.trySend(simple(p, mach.CopySend, 5)))
		// With a longer timeout it answers when that has passed.
		began := s.sim.Now()
		a.is(mach.SendTimedOut, a.message(simple(p, mach.CopySend, 9), msgArgs{Option: mach.SendMsg | mach.SendTimeout, Timeout: 7}))
		require.Equal(t, 7*mach.Millisecond, s.sim.Now()-began)
		require.Equal(t, ids(1, 2, 3, 4, 5), a.drain(p))
	})
}

// TestIPC099_SendOnceSkipsLimit: a send through a send-once right succeeds on a full queue.
func TestIPC099_SendOnceSkipsLimit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		once := a.sendOnce(p)
		a.fill(p)
		a.ok(a.trySend(simple(once, mach.MoveSendOnce, 6)))
		a.ok(a.trySend(simple(p, mach.MakeSendOnce, 7)))
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.CopySend, 8)))
		require.Equal(t, ids(1, 2, 3, 4, 5, 6, 7), a.drain(p))
		a.ok(a.setLimit(p, 0))
		a.ok(a.trySend(simple(p, mach.MakeSendOnce, 9)))
		require.Equal(t, ids(9), a.drain(p))
	})
}

// TestIPC100_SendersInOrder: blocked senders are served in the order in which they blocked.
func TestIPC100_SendersInOrder(t *testing.T) {
	s := newStage(t)
	server, first, second := s.Task("server"), s.Task("first"), s.Task("second")
	p := s.portOf(server)
	one, two := s.GiveSend(server, p, first), s.GiveSend(server, p, second)
	s.Do(server, func(a *actor) { a.fillByMake(p) })
	var senders []*waiting
	for i := range 3 {
		senders = append(senders, s.Sender(second, simple(two, mach.CopySend, mach.MsgID(20+i))),
			s.Sender(first, simple(one, mach.CopySend, mach.MsgID(10+i))))
	}
	for _, w := range senders {
		require.False(t, w.done)
	}
	// One message makes room for one sender, and no newcomer takes that room.
	s.Do(server, func(a *actor) {
		require.EqualValues(t, 1, a.take(p).ID)
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.MakeSend, 99)))
	})
	for i, w := range senders {
		require.Equal(t, i == 0, w.done)
	}
	s.Do(server, func(a *actor) { require.Equal(t, ids(2, 3, 4, 5, 20, 10, 21, 11, 22, 12), a.drain(p)) })
	for _, w := range senders {
		require.Equal(t, mach.KernSuccess, w.result())
	}
	s.Run()
}

// TestIPC101_SendingOrder: messages from one task through send rights arrive in sending order.
func TestIPC101_SendingOrder(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	var want []mach.MsgID
	for i := range 40 {
		want = append(want, mach.MsgID(i))
	}
	s.Go(client, "sender", func(a *actor) {
		a.ok(a.modRefs(send, mach.RightSend, 20))
		for _, id := range want {
			d := mach.CopySend
			if id%2 == 1 {
				d = mach.MoveSend
			}
			a.ok(a.send(simple(send, d, id)))
		}
	})
	s.Go(server, "receiver", func(a *actor) {
		for _, id := range want {
			require.Equal(t, id, a.receive(p).ID)
			if id%3 == 0 {
				a.Yield()
			}
		}
	})
	s.Run()
}

// TestIPC102_SendOnceOvertakes: a message sent through a send-once right may be received before an older
// blocked send.
func TestIPC102_SendOnceOvertakes(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var p mach.Name
	s.Do(task, func(a *actor) {
		p = a.withSend(a.port())
		a.fill(p)
	})
	blocked := s.Sender(task, simple(p, mach.CopySend, 10))
	s.Do(task, func(a *actor) {
		a.post(simple(p, mach.MakeSendOnce, 11))
		require.False(t, blocked.done)
		require.Equal(t, ids(1, 2, 3, 4, 5, 11, 10), a.drain(p))
	})
	require.Equal(t, mach.KernSuccess, blocked.result())
	s.Run()
}

// TestIPC103_PortDiesUnderSender: a blocked sender whose port dies returns success and its message is
// destroyed.
func TestIPC103_PortDiesUnderSender(t *testing.T) {
	for value, want := range map[string]mach.Return{"success": mach.KernSuccess, "invalid": mach.SendInvalidDest} {
		t.Run("SendToDyingPort="+value, func(t *testing.T) {
			s := newStage(t, withField("SendToDyingPort", value))
			client := s.Task("client")
			server, p, send := far(s, client)
			var reply, carried mach.Name
			s.Do(server, func(a *actor) { a.fillByMake(p) })
			s.Do(client, func(a *actor) { reply, carried = a.port(), a.withSend(a.port()) })
			blocked := s.Sender(client, withReply(carrying(send, mach.CopySend, 1, right(carried, mach.MoveReceive)), reply, mach.MakeSendOnce))
			second := s.Sender(client, simple(send, mach.CopySend, 2))
			require.False(t, blocked.done)
			s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
			require.Equal(t, want, blocked.result())
			require.Equal(t, want, second.result())
			s.Do(client, func(a *actor) {
				require.Equal(t, mach.TypeDeadName, a.typeOf(send))
				require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
				require.Equal(t, mach.TypeDeadName, a.typeOf(carried))
			})
			s.Run()
		})
	}
}

// TestIPC104_RightMovesUnderSender: a sender blocked while the receive right moves stays blocked and its
// message is later received by the new holder.
func TestIPC104_RightMovesUnderSender(t *testing.T) {
	s := newStage(t)
	client, heir := s.Task("client"), s.Task("heir")
	server, p, send := far(s, client)
	inbox := s.portOf(heir)
	out := s.GiveSend(heir, inbox, server)
	s.Do(server, func(a *actor) { a.fillByMake(p) })
	blocked := s.Sender(client, simple(send, mach.CopySend, 6))
	s.Do(server, func(a *actor) { a.post(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive))) })
	require.False(t, blocked.done, "in transit")
	s.Do(heir, func(a *actor) {
		moved := a.take(inbox).Descs[0].Port
		require.False(t, blocked.done)
		require.Equal(t, ids(1, 2, 3, 4, 5, 6), a.drain(moved))
	})
	require.Equal(t, mach.KernSuccess, blocked.result())
	s.Run()
}

// TestIPC106_AbortedSender: aborting a blocked sender yields MACH_SEND_INTERRUPTED with the rights returned.
func TestIPC106_AbortedSender(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	carried := s.GiveSend(server, s.portOf(server), client)
	once := s.GiveSendOnce(server, p, client)
	var reply, moved mach.Name
	s.Do(server, func(a *actor) { a.fillByMake(p) })
	s.Do(client, func(a *actor) { reply, moved = a.port(), a.port() })
	blocked := s.Sender(client, withReply(carrying(send, mach.MoveSend, 1, right(carried, mach.MoveSend),
		right(moved, mach.MoveReceive), right(once, mach.MoveSendOnce)), reply, mach.MakeSendOnce))
	s.Do(client, func(a *actor) {
		a.unknown(carried)
		a.unknown(moved)
		a.abort(blocked)
	})
	require.Equal(t, mach.SendInterrupted, blocked.result())
	s.Do(client, func(a *actor) {
		m := blocked.msg
		require.EqualValues(t, 1, m.ID)
		for _, c := range []struct {
			name mach.Name
			disp mach.Disposition
			want mach.TypeBits
		}{
			{m.Remote, m.RemoteDisp, mach.TypeSend}, {m.Local, m.LocalDisp, mach.TypeSendOnce},
			{m.Descs[0].Port, m.Descs[0].Disp, mach.TypeSend}, {m.Descs[1].Port, m.Descs[1].Disp, mach.TypeReceive},
			{m.Descs[2].Port, m.Descs[2].Disp, mach.TypeSendOnce},
		} {
			require.Equal(t, c.want, a.typeOf(c.name))
			require.Equal(t, map[mach.TypeBits]mach.Disposition{mach.TypeSend: mach.PortSend, mach.TypeSendOnce: mach.PortSendOnce,
				mach.TypeReceive: mach.PortReceive}[c.want], c.disp)
		}
		require.Empty(t, a.notes(reply))
	})
	// One of several leaves the others where they are.
	var queue []*waiting
	for id := range mach.MsgID(4) {
		queue = append(queue, s.Sender(client, simple(blocked.msg.Remote, mach.CopySend, 20+id)))
	}
	s.Do(client, func(a *actor) {
		a.abort(queue[1])
		a.abort(queue[3])
	})
	s.Do(server, func(a *actor) { require.Equal(t, ids(1, 2, 3, 4, 5, 20, 22), a.drain(p)) })
	for i, w := range queue {
		require.Equal(t, map[bool]mach.Return{true: mach.SendInterrupted, false: mach.KernSuccess}[i%2 == 1], w.result())
	}
	s.Run()
}

// TestIPC107_KernelNeverWaits: kernel messages and notifications never block and never fail for a full queue.
func TestIPC107_KernelNeverWaits(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	var full mach.Name
	s.Do(client, func(a *actor) {
		full = a.withSend(a.port())
		a.request(send, mach.NotifyDeadName, 0, full)
		a.fill(full)
		a.ok(a.setLimit(full, 0))
		a.ok(a.destroy(a.sendOnce(full)))
		// A request whose reply goes to the full port.
		m := a.typeRequest(full)
		a.post(withReply(m, full, mach.MakeSendOnce))
		a.post(withReply(m, full, mach.CopySend))
		require.EqualValues(t, 8, a.status(full).Msgcount)
	})
	s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
	s.Do(client, func(a *actor) {
		require.Equal(t, ids(1, 2, 3, 4, 5, mach.NotifySendOnce, 3301, 3301, mach.NotifyDeadName), a.drain(full))
	})

	// What a kernel tells a manager.
	manager := s.Task("manager")
	object := s.portOf(manager)
	mapped := s.GiveSend(manager, object, client)
	s.Do(manager, func(a *actor) { a.fillByMake(object) })
	s.Go(client, "mapper", func(a *actor) {
		var addr mach.Addr
		a.ok(user.VMMap(a, a.target(), &addr, a.PageSize(), 0, true, mapped, 0, false, mach.ProtRead, mach.ProtRead, mach.InheritNone))
	})
	s.Settle()
	s.Do(manager, func(a *actor) {
		require.EqualValues(t, 6, a.status(object).Msgcount)
		for id := range mach.MsgID(5) {
			require.Equal(t, id+1, a.take(object).ID)
		}
		m := a.take(object)
		require.EqualValues(t, 2200, m.ID)
		a.ok(user.MakeReady(a, m.Descs[0].Port, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay}))
	})
	s.Run()
}

// TestIPC108_DestroyedMessageFreesSlot: a receive that destroys a too-large message still frees a slot for a
// blocked sender.
func TestIPC108_DestroyedMessageFreesSlot(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var p mach.Name
	s.Do(task, func(a *actor) {
		p = a.withSend(a.port())
		a.fill(p)
	})
	blocked := s.Sender(task, simple(p, mach.CopySend, 6))
	s.Do(task, func(a *actor) {
		a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: p, RcvLimit: 24}))
		require.EqualValues(t, 5, a.status(p).Msgcount)
		require.Equal(t, ids(2, 3, 4, 5, 6), a.drain(p))
	})
	require.Equal(t, mach.KernSuccess, blocked.result())
	s.Run()
}

// TestIPC105_PortDiesDuringCopyin: sending to a port that died after header copyin succeeds and destroys the
// message.
func TestIPC105_PortDiesDuringCopyin(t *testing.T) {
	for _, value := range []string{"success", "invalid"} { // the field is about senders that wait for room
		t.Run("SendToDyingPort="+value, func(t *testing.T) {
			s := newStage(t, withField("SendToDyingPort", value))
			manager, client := s.Task("manager"), s.Task("client")
			server, p, send := far(s, client)
			object := s.portOf(manager)
			mapped := s.GiveSend(manager, object, client)
			var reply, carried, control mach.Name
			s.Do(client, func(a *actor) { reply, carried = a.port(), a.withSend(a.port()) })

			// The body of the message reads a page that the manager is slow to provide.
			sent, code := false, mach.KernFailure
			s.Go(client, "sender", func(a *actor) {
				var addr mach.Addr
				a.ok(user.VMMap(a, a.target(), &addr, a.PageSize(), 0, true, mapped, 0, false, mach.ProtDefault, mach.ProtDefault, mach.InheritNone))
				code = a.trySend(withReply(carrying(send, mach.MoveSend, 1, right(carried, mach.MoveReceive),
					desc{Kind: mach.DescMemory, Memory: mach.Region{Address: addr, Size: 64}, Copy: mach.CopyPhysical}), reply, mach.MakeSendOnce))
				sent = true
				a.ok(user.VMDeallocate(a, a.target(), addr, a.PageSize()))
			})
			s.Settle()
			s.Do(manager, func(a *actor) {
				control = a.take(object).Descs[0].Port
				a.ok(user.MakeReady(a, control, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay}))
			})
			require.False(t, sent)
			s.Do(client, func(a *actor) { a.unknown(send) })
			s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
			require.False(t, sent, "it still waits for the page")
			s.Do(manager, func(a *actor) {
				require.EqualValues(t, 2203, a.take(object).ID)
				a.ok(user.MemoryObjectDataUnavailable(a, control, 0, a.PageSize()))
			})
			require.True(t, sent)
			require.Equal(t, mach.KernSuccess, code)
			s.Do(client, func(a *actor) {
				require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
				require.Equal(t, mach.TypeDeadName, a.typeOf(carried))
			})
			s.Run()
		})
	}
}
