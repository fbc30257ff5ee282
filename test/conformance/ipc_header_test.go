package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// far makes a port in a task of its own and gives client a send right for it.
func far(s *stage, client *task) (server *task, port, send mach.Name) {
	server = s.Task("server")
	s.Do(server, func(a *actor) { port = a.port() })
	return server, port, s.GiveSend(server, port, client)
}

// TestIPC067_SendSize: a send_size below 24 or not a multiple of 4 answers MACH_SEND_MSG_TOO_SMALL with no
// effect.
func TestIPC067_SendSize(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	s.Do(client, func(a *actor) {
		before := a.table()
		buffer := a.page()
		m := encode(simple(send, mach.MoveSend, 1, 2, 3))
		a.write(buffer, m)
		for _, size := range []mach.Size{0, 1, 4, 20, 23, 25, 26, 27, 29, 31} {
			a.is(mach.SendMsgTooSmall, a.rawSend(buffer, size))
		}
		require.Equal(t, m, a.read(buffer, len(m)), "the buffer is as it was")
		bad := simple(send, mach.MoveSend, 1)
		bad.Body = []byte{1, 2, 3}
		a.is(mach.SendMsgTooSmall, a.trySend(bad))
		require.Equal(t, before, a.table())
		for _, size := range []mach.Size{24, 28, 32} {
			a.write(buffer, encode(simple(send, mach.CopySend, mach.MsgID(size))))
			a.ok(a.rawSend(buffer, size))
		}
	})
	s.Do(server, func(a *actor) { require.Equal(t, ids(24, 28, 32), a.drain(p)) })
}

// TestIPC068_RemoteDisposition: a remote disposition of 0 or 16 answers MACH_SEND_INVALID_HEADER.
func TestIPC068_RemoteDisposition(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		before := a.table()
		for _, d := range []mach.Disposition{mach.DispNone, mach.MoveReceive, 1, 15, 22, 255} {
			a.is(mach.SendInvalidHeader, a.trySend(simple(p, d, 1)))
			a.is(mach.SendInvalidHeader, a.trySend(simple(mach.NameNull, d, 1)))
			a.is(mach.SendInvalidHeader, a.rawSend(a.encoded(simple(p, d, 1))))
		}
		a.is(mach.SendInvalidHeader, a.trySend(withReply(simple(p, mach.CopySend, 1), p, mach.MoveReceive)))
		require.Equal(t, before, a.table())
		require.Zero(t, a.status(p).Msgcount)
	})
}

// TestIPC069_LocalDisposition: a zero local disposition with a non-NULL local name answers
// MACH_SEND_INVALID_HEADER.
func TestIPC069_LocalDisposition(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		for _, local := range []mach.Name{p, 0x7701, mach.NameDead} {
			m := withReply(simple(p, mach.MoveSend, 1), local, mach.DispNone)
			a.is(mach.SendInvalidHeader, a.trySend(m))
			a.is(mach.SendInvalidHeader, a.rawSend(a.encoded(m)))
		}
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
		require.Zero(t, a.status(p).Msgcount)
		// The reverse, a disposition without a name, is no reply.
		a.post(withReply(simple(p, mach.MoveSend, 1), mach.NameNull, mach.CopySend))
		require.Equal(t, mach.NameNull, a.take(p).Remote)
	})
}

// TestIPC070_DeadDestination: a dead name as destination answers MACH_SEND_INVALID_DEST and keeps its
// references.
func TestIPC070_DeadDestination(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
	s.Do(client, func(a *actor) {
		made := a.deadName(3)
		for d := mach.MoveSend; d <= mach.MakeSendOnce; d++ {
			a.is(mach.SendInvalidDest, a.trySend(simple(made, d, 1)))
			a.is(mach.SendInvalidDest, a.trySend(simple(send, d, 1)))
		}
		require.EqualValues(t, 3, a.refs(made, mach.RightDeadName))
		require.EqualValues(t, 1, a.refs(send, mach.RightDeadName))
		a.is(mach.SendInvalidDest, a.trySend(simple(mach.NameDead, mach.CopySend, 1)))
		a.is(mach.SendInvalidDest, a.trySend(simple(mach.NameNull, mach.CopySend, 1)))
	})
}

// TestIPC071_DeadReply: a dead name as reply with MOVE_SEND loses one reference and the receiver sees DEAD.
func TestIPC071_DeadReply(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, dead := a.withSend(a.port()), a.deadName(3)
		left := uint32(3)
		for _, d := range []mach.Disposition{mach.MoveSend, mach.CopySend, mach.MoveSendOnce} {
			a.post(withReply(simple(p, mach.CopySend, 1), dead, d))
			if d != mach.CopySend {
				left--
			}
			require.Equal(t, left, a.refs(dead, mach.RightDeadName))
			require.Equal(t, mach.NameDead, a.take(p).Remote)
		}
		a.post(withReply(simple(p, mach.CopySend, 1), dead, mach.MoveSend))
		a.unknown(dead)
		require.Equal(t, mach.NameDead, a.take(p).Remote)
	})
}

// TestIPC072_UnusableReply: an unusable reply right answers MACH_SEND_INVALID_REPLY and leaves the
// destination right untouched.
func TestIPC072_UnusableReply(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	once := s.GiveSendOnce(server, p, client)
	other := s.GiveSend(s.Task("bystander"), s.portOf(s.Task("bystander")), client)
	s.Do(client, func(a *actor) {
		receive, dead, set := a.port(), a.deadName(1), a.set()
		before := a.table()
		for _, c := range []struct {
			reply mach.Name
			disp  mach.Disposition
		}{
			{0x7701, mach.CopySend}, {0x7701, mach.MakeSendOnce}, {receive, mach.CopySend}, {receive, mach.MoveSend},
			{receive, mach.MoveSendOnce}, {other, mach.MakeSend}, {other, mach.MakeSendOnce}, {other, mach.MoveSendOnce},
			{once, mach.MoveSend}, {once, mach.CopySend}, {once, mach.MakeSend}, {dead, mach.MakeSend},
			{dead, mach.MakeSendOnce}, {set, mach.CopySend},
		} {
			for _, d := range []mach.Disposition{mach.MoveSend, mach.CopySend} {
				require.Equal(t, mach.SendInvalidReply, a.trySend(withReply(simple(send, d, 1), c.reply, c.disp)), "%v as %v", c.reply, c.disp)
			}
			if c.reply != once {
				a.is(mach.SendInvalidReply, a.trySend(withReply(simple(once, mach.MoveSendOnce, 1), c.reply, c.disp)))
			}
		}
		require.Equal(t, before, a.table())
		require.EqualValues(t, 1, a.refs(send, mach.RightSend))
		// Both names are looked up before any right is judged.
		a.is(mach.SendInvalidDest, a.trySend(withReply(simple(0x7701, mach.CopySend, 1), 0x7801, mach.CopySend)))
		a.is(mach.SendInvalidReply, a.trySend(withReply(simple(send, mach.MakeSend, 1), 0x7801, mach.CopySend)))
		a.is(mach.SendInvalidReply, a.trySend(withReply(simple(send, mach.MakeSend, 1), receive, mach.CopySend)))
		a.is(mach.SendInvalidDest, a.trySend(withReply(simple(send, mach.MakeSend, 1), receive, mach.MakeSend)))
	})
	s.Do(server, func(a *actor) { require.Empty(t, a.drain(p)) })
}

// TestIPC073_MoveAndCopy: MOVE_SEND destination with COPY_SEND reply of the same right with one reference
// succeeds.
func TestIPC073_MoveAndCopy(t *testing.T) {
	for _, c := range [][2]mach.Disposition{{mach.MoveSend, mach.CopySend}, {mach.CopySend, mach.MoveSend}} {
		s := newStage(t)
		client := s.Task("client")
		server, p, send := far(s, client)
		s.Do(client, func(a *actor) {
			a.post(withReply(simple(send, c[0], 1), send, c[1]))
			a.unknown(send)
		})
		s.Do(server, func(a *actor) {
			m := a.take(p)
			require.Equal(t, p, m.Local)
			require.Equal(t, p, m.Remote)
			require.EqualValues(t, 1, a.refs(p, mach.RightSend))
			a.ok(a.deallocate(p))
			require.False(t, a.status(p).Srights)
		})
	}
}

// TestIPC074_MoveBothWithOne: MOVE_SEND for both with one reference fails with MACH_SEND_INVALID_DEST and
// keeps the reference.
func TestIPC074_MoveBothWithOne(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	s.Do(client, func(a *actor) {
		a.is(mach.SendInvalidDest, a.trySend(withReply(simple(send, mach.MoveSend, 1), send, mach.MoveSend)))
		require.EqualValues(t, 1, a.refs(send, mach.RightSend))
		both := a.withSend(a.port())
		a.is(mach.SendInvalidDest, a.trySend(withReply(simple(both, mach.MoveSend, 1), both, mach.MoveSend)))
		require.EqualValues(t, 1, a.refs(both, mach.RightSend))
	})
	s.Do(server, func(a *actor) { require.Empty(t, a.drain(p)) })
}

// TestIPC075_MoveBothWithTwo: MOVE_SEND for both with two references succeeds and frees the name.
func TestIPC075_MoveBothWithTwo(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	var notify mach.Name
	s.Do(client, func(a *actor) {
		notify = a.port()
		a.ok(a.modRefs(send, mach.RightSend, 1))
		a.request(send, mach.NotifyDeadName, 0, notify)
		a.post(withReply(simple(send, mach.MoveSend, 1), send, mach.MoveSend))
		a.unknown(send)
		require.Equal(t, []note{{mach.NotifyPortDeleted, uint32(send)}}, a.notes(notify))
	})
	s.Do(server, func(a *actor) {
		m := a.take(p)
		require.Equal(t, p, m.Remote)
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
	})
}

// TestIPC076_SendOnceForBoth: MOVE_SEND_ONCE destination paired with any reply disposition on the same name
// fails without effect.
func TestIPC076_SendOnceForBoth(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		once := a.sendOnce(p)
		before := a.table()
		for d := mach.MoveSend; d <= mach.MakeSendOnce; d++ {
			want := mach.SendInvalidReply
			if d == mach.MoveSendOnce {
				want = mach.SendInvalidDest
			}
			a.is(want, a.trySend(withReply(simple(once, mach.MoveSendOnce, 1), once, d)))
			if d != mach.MoveSendOnce {
				a.is(mach.SendInvalidDest, a.trySend(withReply(simple(once, d, 1), once, mach.MoveSendOnce)))
				a.is(mach.SendInvalidReply, a.trySend(withReply(simple(p, d, 1), p, mach.MoveSendOnce)))
			}
		}
		require.Equal(t, before, a.table())
		require.Empty(t, a.drain(p))
		a.post(simple(once, mach.MoveSendOnce, 9))
		require.Equal(t, ids(9), a.drain(p))
	})
}

// TestIPC077_DataUnchanged: msgh_id and body data reach the receiver unchanged.
func TestIPC077_DataUnchanged(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		words := []uint32{0, 1, 0xffffffff, 0x12345678, 0x80000000, uint32(p)}
		for _, id := range []mach.MsgID{0, 1, -1, 0x7fffffff, -0x80000000, mach.NotifyNoSenders, 3204} {
			sent := simple(p, mach.CopySend, id, words...)
			a.post(sent)
			a.ok(a.rawSend(a.encoded(sent)))
			a.post(withWords(carrying(p, mach.CopySend, id, right(mach.NameNull, mach.CopySend)), words...))
			for range 3 {
				m := a.take(p)
				require.Equal(t, id, m.ID)
				require.Equal(t, bytesOf(words...), m.Body)
			}
			a.post(sent)
			b := a.rawTake(p)
			require.Equal(t, uint32(id), word(b, 5))
			require.Equal(t, bytesOf(words...), b[24:24+4*len(words)])
		}
	})
}

// TestIPC078_SizeFieldIgnored: msgh_size given by the sender is ignored.
func TestIPC078_SizeFieldIgnored(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		for _, lie := range []uint32{0, 3, 24, 1 << 20, 0xffffffff} {
			m := encode(simple(p, mach.CopySend, 1, 11, 22))
			putWord(m, 1, lie)
			buffer := a.page()
			a.write(buffer, m)
			a.ok(a.rawSend(buffer, mach.Size(len(m))))
			b := a.rawTake(p)
			require.EqualValues(t, 32, word(b, 1))
			require.Equal(t, bytesOf(11, 22), b[24:32])
		}
	})
}

// TestIPC079_ReplyDead: a reply of DEAD is delivered as DEAD.
func TestIPC079_ReplyDead(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		before := a.table()
		for d := mach.MoveSend; d <= mach.MakeSendOnce; d++ {
			a.post(withReply(simple(p, mach.CopySend, 1), mach.NameDead, d))
			require.Equal(t, mach.NameDead, a.take(p).Remote)
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC080_NeitherHalf: a mach_msg call with neither SEND nor RCV succeeds and does nothing.
func TestIPC080_NeitherHalf(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.post(simple(p, mach.CopySend, 1))
		before := a.table()
		m := withReply(simple(p, mach.MoveSend, 2), 0x7701, mach.MoveReceive)
		for _, opt := range []mach.Option{0, mach.SendTimeout | mach.RcvTimeout, mach.SendCancel | mach.RcvNotify | mach.RcvLarge} {
			a.ok(a.message(m, msgArgs{Option: opt, RcvName: p, RcvLimit: 1 << 16}))
			require.Equal(t, withReply(simple(p, mach.MoveSend, 2), 0x7701, mach.MoveReceive), m)
			a.ok(a.MsgRaw(0, opt, 0, 0, p, 0, mach.NameNull))
		}
		require.Equal(t, before, a.table())
		require.Equal(t, ids(1), a.drain(p))
	})
}

// TestIPC081_FailedSendEndsCall: if the send half fails the receive half is not attempted.
func TestIPC081_FailedSendEndsCall(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, full := a.withSend(a.port()), a.withSend(a.port())
		a.fill(full)
		a.post(simple(p, mach.CopySend, 1))
		both := msgArgs{Option: mach.SendMsg | mach.RcvMsg | mach.SendTimeout | mach.RcvTimeout, RcvName: p, RcvLimit: 1 << 16}
		a.is(mach.SendInvalidDest, a.message(simple(0x7701, mach.CopySend, 2), both))
		a.is(mach.SendInvalidHeader, a.message(simple(p, mach.DispNone, 2), both))
		a.is(mach.SendTimedOut, a.message(simple(full, mach.CopySend, 2), both))
		a.is(mach.SendInvalidRight, a.message(carrying(p, mach.CopySend, 2, right(0x7701, mach.CopySend)), both))
		require.EqualValues(t, 1, a.status(p).Msgcount)
		m := simple(p, mach.CopySend, 2)
		a.ok(a.message(m, both))
		require.EqualValues(t, 1, m.ID, "a call that sends well receives too")
		require.Equal(t, ids(2), a.drain(p))
	})
}

// TestIPC082_CancelledPortDeleted: with SEND_CANCEL and the notify port of the removed request, no
// port-deleted is generated.
func TestIPC082_CancelledPortDeleted(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, first := far(s, client)
	second, third := s.GiveSend(server, s.portOf(server), client), s.GiveSend(server, s.portOf(server), client)
	s.Do(client, func(a *actor) {
		notify, other := a.port(), a.port()
		use := func(name mach.Name, d mach.Disposition, opt mach.Option, cancel mach.Name, want ...note) {
			a.request(name, mach.NotifyDeadName, 0, notify)
			a.ok(a.message(simple(name, d, 1), msgArgs{Option: mach.SendMsg | opt, Notify: cancel}))
			a.unknown(name)
			require.Equal(t, want, a.notes(notify))
			require.Zero(t, a.status(notify).Sorights, "the right of the request is gone in every case")
			require.Empty(t, a.notes(other))
		}
		use(first, mach.MoveSend, mach.SendCancel, notify)
		for _, c := range []struct {
			opt    mach.Option
			cancel mach.Name
		}{{mach.OptNone, notify}, {mach.SendCancel, other}} {
			own := a.port()
			once := a.sendOnce(own)
			use(once, mach.MoveSendOnce, c.opt, c.cancel, note{mach.NotifyPortDeleted, uint32(once)})
		}
		use(a.sendOnce(a.port()), mach.MoveSendOnce, mach.SendCancel, notify)

		// A name that goes for destination and reply at once.
		a.ok(a.modRefs(second, mach.RightSend, 1))
		a.request(second, mach.NotifyDeadName, 0, notify)
		a.ok(a.message(withReply(simple(second, mach.MoveSend, 2), second, mach.MoveSend), msgArgs{Option: mach.SendMsg | mach.SendCancel, Notify: notify}))
		a.unknown(second)
		require.Empty(t, a.notes(notify))
		a.request(third, mach.NotifyDeadName, 0, notify)
		a.ok(a.message(withReply(simple(third, mach.CopySend, 2), third, mach.MoveSend), msgArgs{Option: mach.SendMsg | mach.SendCancel, Notify: notify}))
		a.unknown(third)
		require.Empty(t, a.notes(notify))
		require.Zero(t, a.status(notify).Sorights)
	})
	s.Do(server, func(a *actor) { require.Equal(t, ids(1), a.drain(p)) })
}

// TestIPC083_CancelNeedsReceiveRight: SEND_CANCEL with a notify name that is not a receive right answers
// MACH_SEND_INVALID_NOTIFY with no effect.
func TestIPC083_CancelNeedsReceiveRight(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	s.Do(client, func(a *actor) {
		notify := a.port()
		a.request(send, mach.NotifyDeadName, 0, notify)
		before := a.table()
		for _, bad := range []mach.Name{mach.NameNull, mach.NameDead, 0x7701, send, a.set(), a.deadName(1), a.sendOnce(notify)} {
			a.is(mach.SendInvalidNotify, a.message(simple(send, mach.MoveSend, 1), msgArgs{Option: mach.SendMsg | mach.SendCancel, Notify: bad}))
		}
		for name, bits := range before {
			require.Equal(t, bits, a.typeOf(name))
		}
		require.Empty(t, a.notes(notify))
	})
	s.Do(server, func(a *actor) { require.Empty(t, a.drain(p)) })
}
