package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// receiveNotify receives from a port with a dead-name request for the reply right.
func (a *actor) receiveNotify(name, notify mach.Name) (*message, mach.Return) {
	m := new(message)
	ret := a.message(m, msgArgs{Option: mach.RcvMsg | mach.RcvTimeout | mach.RcvNotify, RcvName: name, RcvLimit: 1 << 16, Notify: notify})
	return m, ret
}

// TestIPC133_RequestOnNewReply: RCV_NOTIFY registers a dead-name request only if the reply right created a new
// name.
func TestIPC133_RequestOnNewReply(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	known := s.portOf(client)
	held := s.GiveSend(client, known, server)
	var replies [2]mach.Name
	s.Do(client, func(a *actor) {
		replies = [2]mach.Name{a.port(), a.port()}
		a.post(withReply(simple(send, mach.CopySend, 1), replies[0], mach.MakeSendOnce))
		a.post(withReply(simple(send, mach.CopySend, 2), replies[1], mach.MakeSend))
		a.post(withReply(simple(send, mach.CopySend, 3), known, mach.MakeSend))
		a.post(withReply(simple(send, mach.CopySend, 4), replies[1], mach.MakeSend))
	})
	var notify mach.Name
	var got []mach.Name
	s.Do(server, func(a *actor) {
		notify = a.port()
		for i, want := range []mach.TypeBits{mach.TypeSendOnce | mach.TypeDNRequest, mach.TypeSend | mach.TypeDNRequest, mach.TypeSend,
			mach.TypeSend | mach.TypeDNRequest} {
			m, ret := a.receiveNotify(p, notify)
			a.ok(ret)
			require.EqualValues(t, i+1, m.ID)
			require.Equal(t, want, a.typeOf(m.Remote))
			got = append(got, m.Remote)
		}
		require.Equal(t, held, got[2])
		require.Equal(t, got[1], got[3])
		require.EqualValues(t, 2, a.status(notify).Sorights, "a request that was not registered left nothing behind")
	})
	s.Do(client, func(a *actor) {
		for _, name := range []mach.Name{replies[0], replies[1], known} {
			a.ok(a.destroy(name))
		}
	})
	s.Do(server, func(a *actor) {
		require.Equal(t, []note{{mach.NotifyDeadName, uint32(got[0])}, {mach.NotifyDeadName, uint32(got[1])}}, a.notes(notify))
		require.EqualValues(t, 2, a.refs(got[0], mach.RightDeadName))
		require.EqualValues(t, 3, a.refs(got[1], mach.RightDeadName))
		require.EqualValues(t, 2, a.refs(held, mach.RightDeadName))
	})
}

// TestIPC134_DeadReplyNotRequested: RCV_NOTIFY with a reply that is DEAD on arrival generates no dead-name
// notification.
func TestIPC134_DeadReplyNotRequested(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, notify, dying := a.withSend(a.port()), a.port(), a.port()
		a.post(withReply(simple(p, mach.CopySend, 1), mach.NameDead, mach.CopySend))
		a.post(withReply(simple(p, mach.CopySend, 2), dying, mach.MakeSendOnce))
		a.post(simple(p, mach.CopySend, 3))
		a.ok(a.destroy(dying))
		for _, want := range []mach.Name{mach.NameDead, mach.NameDead, mach.NameNull} {
			m, ret := a.receiveNotify(p, notify)
			a.ok(ret)
			require.Equal(t, want, m.Remote)
		}
		require.Empty(t, a.notes(notify))
		require.Zero(t, a.status(notify).Sorights)
	})
}

// TestIPC135_NotifyNeedsReceiveRight: RCV_NOTIFY with a notify name that is not a receive right destroys the
// message and answers MACH_RCV_INVALID_NOTIFY.
func TestIPC135_NotifyNeedsReceiveRight(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	other := s.GiveSend(client, s.portOf(client), server)
	var reply mach.Name
	s.Do(client, func(a *actor) { reply = a.port() })
	for i := range 7 {
		var carried mach.Name
		s.Do(client, func(a *actor) {
			carried = a.withSend(a.port())
			a.post(withReply(carrying(send, mach.CopySend, 5, right(carried, mach.MoveReceive)), reply, mach.MakeSendOnce))
		})
		s.Do(server, func(a *actor) {
			bad := []mach.Name{mach.NameNull, mach.NameDead, 0x7701, other, a.set(), a.deadName(1), a.sendOnce(p)}[i]
			m, ret := a.receiveNotify(p, bad)
			a.is(mach.RcvInvalidNotify, ret)
			require.EqualValues(t, 5, m.ID)
			require.Equal(t, p, m.Local)
			require.Equal(t, mach.NameNull, m.Remote)
			require.Empty(t, m.Descs)
			require.EqualValues(t, i+1, a.status(p).Seqno)
		})
		s.Do(client, func(a *actor) {
			require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
			require.Equal(t, mach.TypeDeadName, a.typeOf(carried))
		})
	}
}

// handOver lets a receiver take a message off the queue, and stops it before it can copy the message out.
func (s *stage) handOver(task *task, port mach.Name, m *message) *waiting {
	w := s.Receiver(task, port)
	s.Do(task, func(a *actor) {
		a.suspend(w)
		a.post(m)
	})
	require.False(s.t, w.done)
	return w
}

// TestIPC136_RightLeftMeanwhile: if the receive right left the space between dequeue and copyout,
// msgh_local_port is NULL; if the port died, DEAD.
func TestIPC136_RightLeftMeanwhile(t *testing.T) {
	for _, c := range []struct {
		what string
		want mach.Name
	}{{"stays", 0}, {"renamed", 0x5501}, {"moved", mach.NameNull}, {"dies", mach.NameDead}} {
		for _, d := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce} {
			s := newStage(t)
			task := s.Task("program")
			p, q, inbox := s.portOf(task), s.portOf(task), s.portOf(task)
			w := s.handOver(task, p, withReply(carrying(p, d, 8, right(q, mach.MakeSend)), q, mach.MakeSendOnce))
			s.Do(task, func(a *actor) {
				switch c.what {
				case "stays":
					c.want = p
				case "renamed":
					a.ok(a.rename(p, c.want))
				case "moved":
					a.post(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveReceive)))
				case "dies":
					a.ok(a.destroy(p))
				}
				a.resume(w)
			})
			require.Equal(t, mach.KernSuccess, w.result(), c.what)
			require.Equal(t, c.want, w.msg.Local, c.what)
			require.EqualValues(t, 8, w.msg.ID)
			s.Do(task, func(a *actor) {
				require.Equal(t, mach.TypeSendOnce, a.typeOf(w.msg.Remote), "reply and body arrive")
				require.Equal(t, q, w.msg.Descs[0].Port)
				if c.what != "moved" {
					return
				}
				// The new holder hears of the destination right, which was not used there.
				moved := a.take(inbox).Descs[0].Port
				heard := []note(nil)
				if d == mach.MakeSendOnce {
					heard = []note{{ID: mach.NotifySendOnce}}
				}
				require.Equal(t, heard, a.notes(moved))
				require.Zero(t, a.status(moved).Sorights)
				require.False(t, a.status(moved).Srights)
			})
			s.Run()
		}
	}
}

// TestIPC137_NeverHalfDead: reply and destination for one port are never half dead in one received header.
func TestIPC137_NeverHalfDead(t *testing.T) {
	for _, reply := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce} {
		for _, dies := range []bool{false, true} {
			s := newStage(t)
			task := s.Task("program")
			p := s.portOf(task)
			w := s.handOver(task, p, withReply(simple(p, mach.MakeSend, 1), p, reply))
			s.Do(task, func(a *actor) {
				if dies {
					a.ok(a.destroy(p))
				}
				a.resume(w)
			})
			require.Equal(t, mach.KernSuccess, w.result())
			if dies {
				require.Equal(t, mach.NameDead, w.msg.Local)
				require.Equal(t, mach.NameDead, w.msg.Remote)
			} else {
				require.Equal(t, p, w.msg.Local)
				require.True(t, w.msg.Remote.Valid())
				require.Equal(t, reply == mach.MakeSend, w.msg.Remote == p)
			}
			s.Run()
		}
	}
}

// TestIPC138_BodyCopyoutFails: a body right that cannot be copied out reads NULL and the call answers
// MACH_RCV_BODY_ERROR with detail bits while the rest is delivered.
func TestIPC138_BodyCopyoutFails(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	var reply, fresh, moved, after mach.Name
	data := pattern(3000)
	s.Do(client, func(a *actor) {
		reply, fresh, moved, after = a.port(), a.port(), a.withSend(a.port()), a.port()
		a.post(withWords(withReply(carrying(send, mach.CopySend, 6, right(send, mach.CopySend), right(fresh, mach.MakeSend),
			right(after, mach.MakeSendOnce), right(moved, mach.MoveReceive), right(send, mach.CopySend),
			desc{Kind: mach.DescMemory, Memory: a.memory(data), Copy: mach.CopyVirtual}), reply, mach.MakeSendOnce), 1, 2))
	})
	s.Do(server, func(a *actor) {
		// Room for the reply right and for one more.
		server.Space().SetLimit(len(a.table()) + 2)
		m, ret := a.poll(p)
		a.is(mach.RcvBodyError|mach.MsgIPCSpace, ret)
		require.EqualValues(t, 6, m.ID)
		require.Equal(t, mach.TypeSendOnce, a.typeOf(m.Remote))
		require.Equal(t, p, m.Descs[0].Port, "a right that needs no new name")
		require.Equal(t, mach.TypeSend, a.typeOf(m.Descs[1].Port))
		require.Equal(t, mach.NameNull, m.Descs[2].Port)
		require.Equal(t, mach.NameNull, m.Descs[3].Port)
		require.Equal(t, p, m.Descs[4].Port)
		require.Equal(t, data, a.read(m.Descs[5].Memory.Address, len(data)))
		require.Equal(t, bytesOf(1, 2), m.Body)
	})
	s.Do(client, func(a *actor) {
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(after), "what cannot be delivered is destroyed")
		require.Equal(t, mach.TypeDeadName, a.typeOf(moved))
		require.Empty(t, a.notes(reply))
	})
}

// TestIPC139_DestinationConsumed: receiving consumes the destination right and gives the receiver no reference
// for it.
func TestIPC139_DestinationConsumed(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, notify := a.fullPort(), a.port()
		a.makeSend(p)
		a.request(p, mach.NotifyNoSenders, 0, notify)
		a.post(simple(p, mach.MoveSend, 1))
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		require.True(t, a.status(p).Srights, "the message holds the right")
		require.Empty(t, a.notes(notify))
		require.Equal(t, p, a.take(p).Local)
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		require.False(t, a.status(p).Srights)
		require.Equal(t, []note{{mach.NotifyNoSenders, 1}}, a.notes(notify))

		before := a.table()
		a.post(simple(p, mach.MakeSendOnce, 2))
		require.EqualValues(t, 1, a.status(p).Sorights)
		a.take(p)
		require.Zero(t, a.status(p).Sorights)
		require.Equal(t, before, a.table())
		require.Empty(t, a.notes(p))
	})
}

// TestIPC140_AbortedReceiver: aborting a blocked receiver answers MACH_RCV_INTERRUPTED and takes no message.
func TestIPC140_AbortedReceiver(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	p := s.portOf(task)
	var set mach.Name
	s.Do(task, func(a *actor) { set = a.set() })
	aborted, waits, onSet := s.Receiver(task, p), s.Receiver(task, p), s.Receiver(task, set)
	s.Do(task, func(a *actor) {
		a.abort(aborted)
		a.abort(onSet)
	})
	require.Equal(t, mach.RcvInterrupted, aborted.result())
	require.Equal(t, mach.RcvInterrupted, onSet.result())
	require.False(t, waits.done)
	s.Do(task, func(a *actor) { a.post(simple(p, mach.MakeSend, 4)) })
	require.Equal(t, mach.KernSuccess, waits.result())
	require.EqualValues(t, 4, waits.msg.ID)
	require.EqualValues(t, 0, waits.msg.Trailer.Seqno)

	// A message that was handed over before the abort is received all the same.
	handed := s.handOver(task, p, simple(p, mach.MakeSend, 5))
	s.Do(task, func(a *actor) {
		a.abort(handed)
		a.resume(handed)
	})
	require.Equal(t, mach.KernSuccess, handed.result())
	require.EqualValues(t, 5, handed.msg.ID)

	// Such an abort is spent, and the next receive of the thread waits.
	var thread mach.Name
	var got []mach.MsgID
	s.Go(task, "again", func(a *actor) {
		thread = a.ThreadSelf()
		for range 2 {
			got = append(got, a.receive(p).ID)
		}
	})
	s.Settle()
	s.Do(task, func(a *actor) {
		a.ok(user.ThreadSuspend(a, thread))
		a.post(simple(p, mach.MakeSend, 6))
		a.ok(user.ThreadAbort(a, thread))
		a.ok(user.ThreadResume(a, thread))
	})
	require.Equal(t, ids(6), got)
	s.Do(task, func(a *actor) { a.post(simple(p, mach.MakeSend, 7)) })
	require.Equal(t, ids(6, 7), got)

	// One of several leaves the others in their order.
	var queue []*waiting
	for range 4 {
		queue = append(queue, s.Receiver(task, p))
	}
	s.Do(task, func(a *actor) {
		a.abort(queue[1])
		a.abort(queue[3])
	})
	for _, i := range []int{0, 2} {
		s.Do(task, func(a *actor) { a.post(simple(p, mach.MakeSend, mach.MsgID(i))) })
		require.Equal(t, mach.KernSuccess, queue[i].result())
		require.Equal(t, mach.RcvInterrupted, queue[i+1].result())
	}
	s.Run()
}
