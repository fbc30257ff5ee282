package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestIPC115_ReceiveNeedsRight: receiving on a send right, dead name or unknown name answers
// MACH_RCV_INVALID_NAME.
func TestIPC115_ReceiveNeedsRight(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	_, _, send := far(s, client)
	s.Do(client, func(a *actor) {
		own := a.port()
		for _, name := range []mach.Name{send, a.sendOnce(own), a.deadName(1), 0x7701, mach.NameNull, mach.NameDead} {
			_, ret := a.poll(name)
			a.is(mach.RcvInvalidName, ret)
			a.is(mach.RcvInvalidName, a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: name, RcvLimit: 1 << 16}))
			a.is(mach.RcvInvalidName, a.MsgRaw(a.page(), mach.RcvMsg, 0, 100, name, 0, mach.NameNull))
		}
	})
}

// TestIPC116_ZeroTimeout: a zero receive timeout on an empty port answers MACH_RCV_TIMED_OUT at once.
func TestIPC116_ZeroTimeout(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, set := a.port(), a.set()
		poll := func(name mach.Name, timeout mach.Timeout) mach.Time {
			began := s.sim.Now()
			a.is(mach.RcvTimedOut, a.message(new(message), msgArgs{Option: mach.RcvMsg | mach.RcvTimeout, RcvName: name, RcvLimit: 1 << 16, Timeout: timeout}))
			return s.sim.Now() - began
		}
		for _, name := range []mach.Name{p, set} {
			require.Zero(t, poll(name, 0))
			require.EqualValues(t, 7*mach.Millisecond, poll(name, 7))
		}
		require.Zero(t, a.status(p).Seqno)
	})
}

// TestIPC117_FirstSeqno: the first message received from a new port has seqno 0, the next 1.
func TestIPC117_FirstSeqno(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.fill(p)
		for want := range uint32(5) {
			require.Equal(t, want, a.status(p).Seqno)
			require.Equal(t, want, a.take(p).Trailer.Seqno)
		}
		// The number advances whether or not it is asked for.
		a.post(simple(p, mach.CopySend, 1))
		a.ok(a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: p, RcvLimit: 100}))
		require.EqualValues(t, 6, a.status(p).Seqno)
	})
}

// TestIPC118_SeqnoAtHandOver: the seqno of a message handed to a waiting thread is fixed at hand-over, so
// threads that run later still see queue order.
func TestIPC118_SeqnoAtHandOver(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	p := s.portOf(task)
	first, second := s.Receiver(task, p), s.Receiver(task, p)
	s.Do(task, func(a *actor) {
		a.suspend(first)
		for id := range mach.MsgID(3) {
			a.post(simple(p, mach.MakeSend, id))
		}
		m := a.take(p)
		require.EqualValues(t, 2, m.ID)
		require.EqualValues(t, 2, m.Trailer.Seqno)
	})
	require.False(t, first.done)
	require.Equal(t, mach.KernSuccess, second.result())
	require.EqualValues(t, 1, second.msg.ID)
	require.EqualValues(t, 1, second.msg.Trailer.Seqno)
	s.Do(task, func(a *actor) {
		require.EqualValues(t, 1, a.status(p).Msgcount, "the first is not received yet")
		a.resume(first)
	})
	require.Equal(t, mach.KernSuccess, first.result())
	require.EqualValues(t, 0, first.msg.ID)
	require.EqualValues(t, 0, first.msg.Trailer.Seqno)
	s.Run()
}

// TestIPC119_ReceiversInOrder: waiting receivers are served in the order in which they blocked.
func TestIPC119_ReceiversInOrder(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	for _, fromSet := range []bool{false, true} {
		p := s.portOf(task)
		name := p
		s.Do(task, func(a *actor) {
			if fromSet {
				name = a.set()
				a.ok(a.moveMember(p, name))
			}
		})
		var receivers []*waiting
		for range 4 {
			receivers = append(receivers, s.Receiver(task, name))
		}
		for i := range receivers {
			s.Do(task, func(a *actor) { a.post(simple(p, mach.MakeSend, mach.MsgID(i))) })
			for j, r := range receivers {
				require.Equal(t, j <= i, r.done)
			}
			require.EqualValues(t, i, receivers[i].msg.ID)
		}
	}

	// The order holds over all the sets that a port is in.
	p := s.portOf(task)
	var sets [3]mach.Name
	s.Do(task, func(a *actor) {
		for i := range sets {
			sets[i] = a.set()
			a.ok(a.insertMember(p, sets[i]))
		}
	})
	var receivers []*waiting
	for _, i := range []int{1, 0, 2, 0, 1} {
		receivers = append(receivers, s.Receiver(task, sets[i]))
	}
	for i, r := range receivers {
		s.Do(task, func(a *actor) { a.post(simple(p, mach.MakeSend, mach.MsgID(i))) })
		require.Equal(t, mach.KernSuccess, r.result())
		require.EqualValues(t, i, r.msg.ID)
	}
	s.Run()
}

// TestIPC120_TooLarge: a message larger than receive_limit without RCV_LARGE is destroyed, answers
// MACH_RCV_TOO_LARGE with an empty trailer and consumes a seqno.
func TestIPC120_TooLarge(t *testing.T) {
	for _, trailer := range []string{"empty", "requested"} {
		t.Run("TooLargeTrailer="+trailer, func(t *testing.T) {
			s := newStage(t, withField("TooLargeTrailer", trailer))
			s.Do(s.Task("program"), func(a *actor) {
				p, carried := a.withSend(a.port()), a.withSend(a.port())
				a.ok(a.setSeqno(p, 30))
				limited := msgArgs{Option: mach.RcvMsg | mach.RcvTrailerSeqno, RcvName: p, RcvLimit: 40}
				large := carrying(p, mach.CopySend, 9, right(carried, mach.MoveReceive))
				a.post(large)
				m := new(message)
				a.is(mach.RcvTooLarge, a.message(m, limited))
				want := message{ID: 9, Local: p, LocalDisp: 17, Trailer: mach.Trailer{Size: 8}}
				if trailer == "requested" {
					want.Trailer = mach.Trailer{Size: 12, Seqno: 30}
				}
				require.Equal(t, want.ID, m.ID)
				require.Equal(t, want.Local, m.Local)
				require.Equal(t, want.LocalDisp, m.LocalDisp)
				require.Equal(t, mach.NameNull, m.Remote)
				require.Empty(t, m.Descs)
				require.Empty(t, m.Body)
				require.Equal(t, want.Trailer, m.Trailer)
				require.Equal(t, mach.TypeDeadName, a.typeOf(carried), "what it carried is destroyed")
				require.Zero(t, a.status(p).Msgcount)

				a.post(simple(p, mach.CopySend, 10, 1, 2, 3, 4))
				buffer := a.page()
				a.is(mach.RcvTooLarge, a.MsgRaw(buffer, mach.RcvMsg|mach.RcvTrailerSeqno, 0, 40, p, 0, mach.NameNull))
				b := a.read(buffer, 40)
				require.EqualValues(t, 24, word(b, 1))
				require.Equal(t, uint32(p), word(b, 3))
				require.EqualValues(t, want.Trailer.Size, word(b, 7))

				a.post(withReply(simple(p, mach.CopySend, 11, 1, 2, 3, 4), mach.NameDead, mach.CopySend))
				a.is(mach.RcvTooLarge, a.message(m, limited))
				require.Equal(t, mach.NameDead, m.Remote, "a reply of DEAD shows all the same")
				a.post(simple(p, mach.CopySend, 12))
				require.EqualValues(t, 33, a.take(p).Trailer.Seqno)
			})
		})
	}
}

// TestIPC121_LargeStays: with RCV_LARGE the message stays first in the queue, its size is reported and a
// second receive gets it with the same seqno it would have had.
func TestIPC121_LargeStays(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	p := s.portOf(task)
	s.Do(task, func(a *actor) {
		a.makeSend(p)
		a.ok(a.setSeqno(p, 5))
		a.post(simple(p, mach.CopySend, 1, 10, 20, 30, 40))
		a.post(simple(p, mach.CopySend, 2))
		buffer := a.page()
		for range 2 {
			a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: mach.RcvMsg | mach.RcvLarge, RcvName: p, RcvLimit: 40}))
			a.is(mach.RcvTooLarge, a.MsgRaw(buffer, mach.RcvMsg|mach.RcvLarge, 0, 40, p, 0, mach.NameNull))
			require.EqualValues(t, 40, word(a.read(buffer, 8), 1), "header and body, without trailer")
			require.EqualValues(t, 2, a.status(p).Msgcount)
			require.EqualValues(t, 5, a.status(p).Seqno)
		}
		m := a.take(p)
		require.EqualValues(t, 1, m.ID)
		require.Equal(t, bytesOf(10, 20, 30, 40), m.Body)
		require.EqualValues(t, 5, m.Trailer.Seqno)
		require.Equal(t, ids(2), a.drain(p))
	})
	// A blocked receiver without room is told, and the message goes on to the next.
	small := s.ReceiverWith(task, msgArgs{Option: mach.RcvMsg | mach.RcvLarge, RcvName: p, RcvLimit: 40})
	roomy := s.Receiver(task, p)
	s.Do(task, func(a *actor) { a.post(simple(p, mach.CopySend, 3, 1, 2, 3)) })
	require.Equal(t, mach.RcvTooLarge, small.result())
	require.Equal(t, mach.KernSuccess, roomy.result())
	require.EqualValues(t, 3, roomy.msg.ID)
	require.EqualValues(t, 7, roomy.msg.Trailer.Seqno)
	// One whose buffer it just fits gets it, and one without the option loses it.
	fits := s.ReceiverWith(task, msgArgs{Option: mach.RcvMsg | mach.RcvLarge, RcvName: p, RcvLimit: 44})
	loses := s.ReceiverWith(task, msgArgs{Option: mach.RcvMsg, RcvName: p, RcvLimit: 40})
	var told uint32
	s.Go(task, "raw", func(a *actor) {
		buffer := a.page()
		a.is(mach.RcvTooLarge, a.MsgRaw(buffer, mach.RcvMsg|mach.RcvLarge, 0, 40, p, 0, mach.NameNull))
		told = word(a.read(buffer, 8), 1)
	})
	s.Settle()
	s.Do(task, func(a *actor) {
		for range 3 {
			a.post(simple(p, mach.CopySend, 4, 1, 2, 3))
		}
		require.EqualValues(t, 3, a.status(p).Msgcount, "two are handed over and one stays")
	})
	require.Equal(t, mach.KernSuccess, fits.result())
	require.Equal(t, bytesOf(1, 2, 3), fits.msg.Body)
	require.Equal(t, mach.RcvTooLarge, loses.result())
	require.EqualValues(t, 36, told)
	s.Do(task, func(a *actor) { require.EqualValues(t, 10, a.take(p).Trailer.Seqno) })
	s.Run()
}

// TestIPC122_TooLargeAnswersReply: destroying a too-large message sends a send-once notification for a
// send-once reply right.
func TestIPC122_TooLargeAnswersReply(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	var reply mach.Name
	s.Do(client, func(a *actor) {
		reply = a.port()
		a.post(withReply(simple(send, mach.CopySend, 1, 1, 2, 3), reply, mach.MakeSendOnce))
	})
	s.Do(server, func(a *actor) {
		a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: p, RcvLimit: 43}))
	})
	s.Do(client, func(a *actor) {
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
		require.Zero(t, a.status(reply).Sorights)
	})
}

// TestIPC123_LimitCoversTrailer: receive_limit must cover header, body and the requested trailer.
func TestIPC123_LimitCoversTrailer(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, q := a.withSend(a.port()), a.withSend(a.port())
		buffer := a.page()
		for _, c := range []struct {
			m    *message
			size mach.Size
		}{{simple(p, mach.CopySend, 1), 24}, {simple(p, mach.CopySend, 1, 2, 3), 32}, {carrying(p, mach.CopySend, 1, right(q, mach.CopySend)), 40}} {
			for opt, trailer := range map[mach.Option]mach.Size{0: 8, mach.RcvTrailerSeqno: 12, mach.RcvTrailerSender: 20} {
				a.post(c.m)
				opt |= mach.RcvMsg | mach.RcvLarge
				for _, limit := range []mach.Size{0, 8, 24, c.size, c.size + trailer - 1} {
					a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: opt, RcvName: p, RcvLimit: limit}))
				}
				a.is(mach.RcvTooLarge, a.MsgRaw(buffer, opt, 0, c.size+trailer-1, p, 0, mach.NameNull))
				m := new(message)
				a.ok(a.message(m, msgArgs{Option: opt, RcvName: p, RcvLimit: c.size + trailer}))
				require.Equal(t, trailer, m.Trailer.Size)
				a.post(c.m)
				a.ok(a.MsgRaw(buffer, opt, 0, c.size+trailer, p, 0, mach.NameNull))
			}
		}
	})
}

// TestIPC124_SizeWithoutTrailer: msgh_size excludes the trailer.
func TestIPC124_SizeWithoutTrailer(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		buffer := a.page()
		a.post(simple(p, mach.CopySend, 1))
		typed := new(message)
		a.ok(a.message(typed, msgArgs{Option: mach.RcvMsg | mach.RcvTrailerSender, RcvName: p, RcvLimit: 100}))
		for opt, trailer := range map[mach.Option]uint32{0: 8, mach.RcvTrailerSeqno: 12, mach.RcvTrailerSender: 20} {
			for words := range uint32(4) {
				seqno := a.status(p).Seqno
				a.post(simple(p, mach.CopySend, 1, make([]uint32, words)...))
				a.ok(a.MsgRaw(buffer, mach.RcvMsg|opt, 0, 200, p, 0, mach.NameNull))
				b := a.read(buffer, 64)
				require.Equal(t, 24+4*words, word(b, 1))
				// The trailer stands behind the message: type, size, and what was asked for.
				full := bytesOf(0, trailer, seqno, typed.Trailer.Sender[0], typed.Trailer.Sender[1])
				at := 24 + 4*words
				require.Equal(t, full[:trailer], b[at:at+trailer])
			}
			a.post(carrying(p, mach.CopySend, 1, right(mach.NameNull, mach.CopySend)))
			a.ok(a.MsgRaw(buffer, mach.RcvMsg|opt, 0, 200, p, 0, mach.NameNull))
			require.EqualValues(t, 40, word(a.read(buffer, 64), 1))
		}
	})
}

// TestIPC125_FieldsSwapped: remote and local fields and their bits are swapped in a received message.
func TestIPC125_FieldsSwapped(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		dest, reply := a.withSend(a.port()), a.withSend(a.port())
		sent := func() *message { return withReply(simple(dest, mach.MakeSendOnce, 1), reply, mach.CopySend) }
		a.post(sent())
		m := a.take(dest)
		require.Equal(t, reply, m.Remote)
		require.Equal(t, dest, m.Local)
		require.EqualValues(t, 17, m.RemoteDisp)
		require.EqualValues(t, 18, m.LocalDisp)
		a.ok(a.rawSend(a.encoded(sent())))
		b := a.rawTake(dest)
		require.Equal(t, uint32(17|18<<8), word(b, 0))
		require.Equal(t, uint32(reply), word(b, 2))
		require.Equal(t, uint32(dest), word(b, 3))
		a.post(simple(dest, mach.CopySend, 1))
		m = a.take(dest)
		require.Equal(t, mach.NameNull, m.Remote)
		require.Equal(t, mach.DispNone, m.RemoteDisp)
	})
}

// TestIPC126_LocalBits: the local type bits of a received message are 17 or 18 according to the right it was
// sent to.
func TestIPC126_LocalBits(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.makeSend(p)
		for d, want := range map[mach.Disposition]mach.Disposition{mach.MoveSend: 17, mach.CopySend: 17, mach.MakeSend: 17, mach.MakeSendOnce: 18} {
			a.post(simple(p, d, 1))
			require.Equal(t, want, a.take(p).LocalDisp)
		}
		a.post(simple(a.sendOnce(p), mach.MoveSendOnce, 1))
		require.EqualValues(t, 18, a.take(p).LocalDisp)
	})
}

// TestIPC127_SendJoinsName: a received send right the task already holds adds one reference to the existing
// name.
func TestIPC127_SendJoinsName(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	inbox := s.portOf(client)
	out := s.GiveSend(client, inbox, server)
	s.Do(server, func(a *actor) {
		a.post(withReply(simple(out, mach.CopySend, 1), p, mach.MakeSend))
		a.post(carrying(out, mach.CopySend, 2, right(p, mach.MakeSend), right(p, mach.MakeSend)))
	})
	s.Do(client, func(a *actor) {
		names := len(a.table())
		require.Equal(t, send, a.take(inbox).Remote)
		require.EqualValues(t, 2, a.refs(send, mach.RightSend))
		for _, d := range a.take(inbox).Descs {
			require.Equal(t, send, d.Port)
		}
		require.EqualValues(t, 4, a.refs(send, mach.RightSend))
		require.Len(t, a.table(), names)
		a.ok(a.modRefs(send, mach.RightSend, -4))
	})
	s.Do(server, func(a *actor) { require.False(t, a.status(p).Srights, "one name is one right") })
}

// TestIPC128_SendJoinsReceive: a received send right for a port whose receive right the task holds appears
// under the receive name.
func TestIPC128_SendJoinsReceive(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	inbox := s.portOf(server)
	out := s.GiveSend(server, inbox, client)
	s.Do(client, func(a *actor) {
		a.post(carrying(out, mach.CopySend, 1, right(send, mach.CopySend), right(send, mach.MoveSend)))
	})
	s.Do(server, func(a *actor) {
		names := len(a.table())
		for _, d := range a.take(inbox).Descs {
			require.Equal(t, p, d.Port)
		}
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		require.EqualValues(t, 2, a.refs(p, mach.RightSend))
		require.Len(t, a.table(), names)
	})
}

// TestIPC129_SendOnceNewName: a received send-once right gets a new name even when the receiver holds the
// receive right.
func TestIPC129_SendOnceNewName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		inbox, p := a.port(), a.withSend(a.port())
		before := a.table()
		a.post(withReply(carrying(inbox, mach.MakeSend, 1, right(p, mach.MakeSendOnce)), p, mach.MakeSendOnce))
		m := a.take(inbox)
		for _, name := range []mach.Name{m.Remote, m.Descs[0].Port} {
			require.NotContains(t, before, name)
			require.Equal(t, mach.TypeSendOnce, a.typeOf(name))
		}
		require.NotEqual(t, m.Remote, m.Descs[0].Port)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
	})
}

// TestIPC130_ReceiveJoinsSend: a received receive right takes over the name of a send right already held,
// keeping its references.
func TestIPC130_ReceiveJoinsSend(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	inbox := s.portOf(client)
	out := s.GiveSend(client, inbox, server)
	s.Do(client, func(a *actor) {
		a.ok(a.modRefs(send, mach.RightSend, 3))
		a.request(send, mach.NotifyDeadName, 0, inbox)
	})
	other := s.portOf(server)
	s.Do(server, func(a *actor) {
		a.post(carrying(out, mach.CopySend, 1, right(p, mach.MoveReceive), right(other, mach.MoveReceive)))
	})
	s.Do(client, func(a *actor) {
		before := a.table()
		m := a.take(inbox)
		require.Equal(t, send, m.Descs[0].Port)
		require.EqualValues(t, 16, m.Descs[0].Disp)
		require.Equal(t, mach.TypeSend|mach.TypeReceive|mach.TypeDNRequest, a.typeOf(send))
		require.EqualValues(t, 4, a.refs(send, mach.RightSend))
		require.NotContains(t, before, m.Descs[1].Port)
		require.Equal(t, mach.TypeReceive, a.typeOf(m.Descs[1].Port))
		require.Empty(t, a.notes(inbox))
	})
}

// TestIPC131_AnyOrder: receive, send, send of one port in any order end under one name with two send
// references.
func TestIPC131_AnyOrder(t *testing.T) {
	for at := range 3 {
		for _, apart := range []bool{false, true} {
			s := newStage(t)
			server, client := s.Task("server"), s.Task("client")
			p, inbox := s.portOf(server), s.portOf(client)
			out := s.GiveSend(client, inbox, server)
			s.Do(server, func(a *actor) {
				a.makeSend(p)
				a.ok(a.modRefs(p, mach.RightSend, 1))
				descs := []desc{right(p, mach.MoveSend), right(p, mach.MoveSend), right(p, mach.MoveSend)}
				descs[at] = right(p, mach.MoveReceive)
				if apart {
					for _, d := range descs {
						a.post(carrying(out, mach.CopySend, 1, d))
					}
				} else {
					a.post(carrying(out, mach.CopySend, 1, descs...))
				}
				a.unknown(p)
			})
			s.Do(client, func(a *actor) {
				names := map[mach.Name]bool{}
				for m, ret := a.poll(inbox); ret == mach.KernSuccess; m, ret = a.poll(inbox) {
					for _, d := range m.Descs {
						names[d.Port] = true
					}
				}
				require.Len(t, names, 1)
				for name := range names {
					require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(name))
					require.EqualValues(t, 2, a.refs(name, mach.RightSend))
				}
			})
		}
	}
}

// TestIPC132_DiedInTransit: a right whose port died in transit is received as DEAD and creates no entry.
func TestIPC132_DiedInTransit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		inbox := a.port()
		p, q := a.withSend(a.port()), a.port()
		array := a.memory(bytesOf(uint32(p), uint32(inbox)))
		a.post(withReply(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveSend), right(p, mach.MakeSendOnce)), p, mach.MakeSend))
		a.post(withReply(carrying(inbox, mach.MakeSend, 2, desc{Kind: mach.DescPorts, Memory: array, Disp: mach.MakeSend}), q, mach.MakeSendOnce))
		a.ok(a.destroy(p))
		a.ok(a.destroy(q))
		before := a.table()
		m := a.take(inbox)
		require.Equal(t, mach.NameDead, m.Remote)
		require.EqualValues(t, 17, m.RemoteDisp)
		require.Equal(t, mach.NameDead, m.Descs[0].Port)
		require.Equal(t, mach.NameDead, m.Descs[1].Port)
		require.Equal(t, before, a.table())
		m = a.take(inbox)
		require.Equal(t, mach.NameDead, m.Remote)
		require.Equal(t, bytesOf(uint32(mach.NameDead), uint32(inbox)), a.read(m.Descs[0].Memory.Address, 8))
		before[inbox] |= mach.TypeSend
		require.Equal(t, before, a.table())
	})
}
