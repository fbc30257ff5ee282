package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestIPC084_AscendingDescriptors: body descriptors are processed in ascending order.
func TestIPC084_AscendingDescriptors(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}} {
		s := newStage(t)
		server, client := s.Task("server"), s.Task("client")
		var inbox, notify mach.Name
		s.Do(client, func(a *actor) { inbox, notify = a.port(), a.port() })
		sends := make([]mach.Name, 3)
		for i := range sends {
			sends[i] = s.GiveSend(server, s.portOf(server), client)
		}
		s.Do(client, func(a *actor) {
			var descs []desc
			var want []note
			for _, i := range order {
				a.request(sends[i], mach.NotifyDeadName, 0, notify)
				descs = append(descs, right(sends[i], mach.MoveSend))
				want = append(want, note{mach.NotifyPortDeleted, uint32(sends[i])})
			}
			// A failing last descriptor comes after all the others have taken effect.
			descs = append(descs, right(sends[order[0]], mach.CopySend))
			a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1, descs...)))
			require.Equal(t, want, a.notes(notify))
			require.Empty(t, a.drain(inbox))
		})
	}
}

// TestIPC085_MoveTwice: MOVE_SEND twice of a one-reference right fails with MACH_SEND_INVALID_RIGHT.
func TestIPC085_MoveTwice(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	_, _, send := far(s, client)
	s.Do(client, func(a *actor) {
		inbox := a.port()
		a.ok(a.modRefs(send, mach.RightSend, 1))
		twice := func() mach.Return {
			return a.trySend(carrying(inbox, mach.MakeSend, 1, right(send, mach.MoveSend), right(send, mach.MoveSend)))
		}
		a.ok(twice()) // with two references it is legal
		a.unknown(send)
		send = a.take(inbox).Descs[0].Port
		require.EqualValues(t, 2, a.refs(send, mach.RightSend))
		a.ok(a.deallocate(send))
		a.is(mach.SendInvalidRight, twice())
		a.unknown(send)
		require.Empty(t, a.drain(inbox))
	})
}

// TestIPC086_CopyThenMove: COPY_SEND followed by MOVE_SEND of a one-reference right succeeds.
func TestIPC086_CopyThenMove(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	_, _, send := far(s, client)
	s.Do(client, func(a *actor) {
		inbox := a.port()
		a.post(carrying(inbox, mach.MakeSend, 1, right(send, mach.CopySend), right(send, mach.MoveSend)))
		a.unknown(send)
		m := a.take(inbox)
		require.Equal(t, m.Descs[0].Port, m.Descs[1].Port)
		send = m.Descs[0].Port
		require.EqualValues(t, 2, a.refs(send, mach.RightSend))
		a.ok(a.deallocate(send))
		a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1, right(send, mach.MoveSend), right(send, mach.CopySend))))
	})
}

// TestIPC087_MoveReceiveThenMake: MOVE_RECEIVE followed by MAKE_SEND of the same name fails and the port
// dies.
func TestIPC087_MoveReceiveThenMake(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	for _, made := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce, mach.MoveReceive} {
		p := s.portOf(server)
		send := s.GiveSend(server, p, client)
		s.Do(server, func(a *actor) {
			inbox := a.port()
			a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveReceive), right(p, made))))
			a.unknown(p)
			require.Empty(t, a.drain(inbox))
			// The other way round the made right is taken first.
			q := a.port()
			if made != mach.MoveReceive {
				a.post(carrying(inbox, mach.MakeSend, 1, right(q, made), right(q, mach.MoveReceive)))
				m := a.take(inbox)
				require.Equal(t, mach.TypeReceive, a.typeOf(m.Descs[1].Port)&mach.TypeReceive)
			}
		})
		s.Do(client, func(a *actor) { require.Equal(t, mach.TypeDeadName, a.typeOf(send)) })
	}
}

// TestIPC088_BodyErrorDestroysHeader: a body error destroys the header rights; a MAKE_SEND_ONCE reply yields a
// send-once notification on the reply port.
func TestIPC088_BodyErrorDestroysHeader(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	once := s.GiveSendOnce(server, p, client)
	s.Do(client, func(a *actor) {
		reply := a.port()
		bad := right(0x7701, mach.CopySend)
		a.is(mach.SendInvalidRight, a.trySend(withReply(carrying(once, mach.MoveSendOnce, 1, bad), reply, mach.MakeSendOnce)))
		a.unknown(once)
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
		a.is(mach.SendInvalidRight, a.trySend(withReply(carrying(send, mach.MoveSend, 1, bad), a.sendOnce(reply), mach.MoveSendOnce)))
		a.unknown(send)
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
		a.makeSend(reply)
		a.is(mach.SendInvalidRight, a.trySend(carrying(reply, mach.MoveSend, 1, bad)))
		require.False(t, a.status(reply).Srights)
	})
	s.Do(server, func(a *actor) {
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(p), "the destination right went unused")
		require.False(t, a.status(p).Srights)
	})
}

// TestIPC089_BodyErrorInTheMiddle: a body error at descriptor k destroys the rights of descriptors before k and
// leaves names of descriptors after k untouched.
func TestIPC089_BodyErrorInTheMiddle(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var ports, sends [4]mach.Name
	for i := range ports {
		ports[i] = s.portOf(server)
		sends[i] = s.GiveSend(server, ports[i], client)
	}
	s.Do(client, func(a *actor) {
		inbox := a.port()
		moved, stays := a.withSend(a.port()), a.withSend(a.port())
		once := a.sendOnce(inbox)
		a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1,
			right(sends[0], mach.MoveSend), right(once, mach.MoveSendOnce), right(moved, mach.MoveReceive),
			right(sends[1], mach.MakeSend), // the failing one
			right(sends[2], mach.MoveSend), right(stays, mach.MoveReceive))))
		a.unknown(sends[0])
		a.unknown(once)
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(inbox))
		require.Equal(t, mach.TypeDeadName, a.typeOf(moved), "its receive right was taken and died")
		for _, name := range sends[1:] {
			require.Equal(t, mach.TypeSend, a.typeOf(name))
			require.EqualValues(t, 1, a.refs(name, mach.RightSend))
		}
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(stays))
	})
	s.Do(server, func(a *actor) {
		for i, p := range ports {
			require.Equal(t, i != 0, a.status(p).Srights)
		}
	})
}

// TestIPC090_BodyErrorGivesNothingBack: a body error never produces a pseudo-receive.
func TestIPC090_BodyErrorGivesNothingBack(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	_, _, send := far(s, client)
	s.Do(client, func(a *actor) {
		full, reply := a.withSend(a.port()), a.port()
		a.fill(full)
		build := func() *message {
			return withReply(carrying(full, mach.CopySend, 1, right(send, mach.CopySend), right(0x7701, mach.CopySend)), reply, mach.MakeSend)
		}
		before := a.table()
		m := build()
		a.is(mach.SendInvalidRight, a.trySend(m))
		require.Equal(t, build(), m, "the message is as it was written")
		buffer, size := a.encoded(build())
		a.is(mach.SendInvalidRight, a.rawSend(buffer, size))
		require.Equal(t, encode(build()), a.read(buffer, int(size)), "and so is the buffer")
		require.Equal(t, before, a.table())
		for _, name := range []mach.Name{full, send} {
			require.EqualValues(t, 1, a.refs(name, mach.RightSend))
		}
	})
}

// TestIPC091_NullAndDeadPass: NULL and DEAD in port descriptors pass through and are not errors.
func TestIPC091_NullAndDeadPass(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		before := a.table()
		var descs []desc
		for d := mach.MoveReceive; d <= mach.MakeSendOnce; d++ {
			descs = append(descs, right(mach.NameNull, d), right(mach.NameDead, d))
		}
		a.post(carrying(p, mach.CopySend, 1, descs...))
		a.ok(a.rawSend(a.encoded(carrying(p, mach.CopySend, 1, descs...))))
		for range 2 {
			m := a.take(p)
			require.Len(t, m.Descs, len(descs))
			for i, d := range m.Descs {
				require.Equal(t, descs[i].Port, d.Port)
				require.Equal(t, descs[i].Disp.Arrives(), d.Disp)
			}
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC092_NoDescriptors: a complex message with zero descriptors answers MACH_SEND_MSG_TOO_SMALL.
func TestIPC092_NoDescriptors(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, reply := a.withSend(a.port()), a.port()
		a.is(mach.SendMsgTooSmall, a.trySend(withReply(carrying(p, mach.CopySend, 1), reply, mach.MakeSendOnce)))
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply), "the header was taken")
		a.is(mach.SendMsgTooSmall, a.rawSend(a.encoded(withReply(carrying(p, mach.CopySend, 1), reply, mach.MakeSendOnce))))
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
		// Nor is there room for the count, or for as many descriptors as it says.
		bare := simple(p, mach.CopySend, 1)
		bare.Complex = true
		b := encode(bare)[:24]
		buffer := a.page()
		a.write(buffer, b)
		a.is(mach.SendMsgTooSmall, a.rawSend(buffer, 24))
		b = encode(carrying(p, mach.CopySend, 1, right(p, mach.CopySend)))
		putWord(b, 6, 2)
		a.write(buffer, b)
		a.is(mach.SendMsgTooSmall, a.rawSend(buffer, mach.Size(len(b))))
		putWord(b, 6, 0xffffffff)
		a.write(buffer, b)
		a.is(mach.SendMsgTooSmall, a.rawSend(buffer, mach.Size(len(b))))
		require.Empty(t, a.drain(p))
	})
}

// TestIPC093_UnknownTypes: an unknown descriptor type, copy option or disposition answers
// MACH_SEND_INVALID_TYPE.
func TestIPC093_UnknownTypes(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		region := mach.Region{Address: a.page(), Size: 16}
		var bad []desc
		for _, kind := range []mach.DescKind{4, 5, 255} {
			bad = append(bad, desc{Kind: kind, Port: p, Disp: mach.CopySend})
		}
		for _, c := range []mach.CopyOption{2, 3, 4, 255} {
			bad = append(bad, desc{Kind: mach.DescMemory, Memory: region, Copy: c},
				desc{Kind: mach.DescVolatileMem, Memory: region, Copy: c},
				desc{Kind: mach.DescPorts, Memory: region, Copy: c, Disp: mach.CopySend})
		}
		for _, d := range []mach.Disposition{0, 1, 15, 22, 255} {
			bad = append(bad, right(p, d), right(mach.NameNull, d), desc{Kind: mach.DescPorts, Memory: region, Disp: d})
		}
		for _, b := range bad {
			require.Equal(t, mach.SendInvalidType, a.trySend(carrying(p, mach.CopySend, 1, b)), "%+v", b)
			require.Equal(t, mach.SendInvalidType, a.rawSend(a.encoded(carrying(p, mach.CopySend, 1, b))), "%+v", b)
			require.Equal(t, mach.SendInvalidType, a.trySend(carrying(p, mach.CopySend, 1, right(p, mach.CopySend), b)), "%+v", b)
		}
		require.Empty(t, a.drain(p))
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
	})
}

// TestIPC094_SimpleIsData: without the complex bit, descriptors in the body are not interpreted.
func TestIPC094_SimpleIsData(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, q := a.withSend(a.port()), a.withSend(a.port())
		b := encode(carrying(p, mach.CopySend, 1, right(q, mach.MoveSend), right(0x7701, mach.MoveReceive)))
		putWord(b, 0, word(b, 0)&^mach.BitsComplex)
		buffer := a.page()
		a.write(buffer, b)
		a.ok(a.rawSend(buffer, mach.Size(len(b))))
		require.EqualValues(t, 1, a.refs(q, mach.RightSend))
		m := a.take(p)
		require.False(t, m.Complex)
		require.Empty(t, m.Descs)
		require.Equal(t, b[24:], m.Body)
	})
}

// TestIPC095_PortDeletedFirst: port-deleted notifications caused by copyin are queued before the message
// itself.
func TestIPC095_PortDeletedFirst(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	sends := make([]mach.Name, 3)
	for i := range sends {
		sends[i] = s.GiveSend(server, s.portOf(server), client)
	}
	s.Do(client, func(a *actor) {
		inbox := a.port()
		once := a.sendOnce(inbox)
		for _, name := range append(slices.Clone(sends), once) {
			a.request(name, mach.NotifyDeadName, 0, inbox)
		}
		a.post(withReply(carrying(once, mach.MoveSendOnce, 7, right(sends[1], mach.MoveSend), right(sends[2], mach.MoveSend)), sends[0], mach.MoveSend))
		require.Equal(t, []note{
			{mach.NotifyPortDeleted, uint32(once)}, {mach.NotifyPortDeleted, uint32(sends[0])},
			{mach.NotifyPortDeleted, uint32(sends[1])}, {mach.NotifyPortDeleted, uint32(sends[2])},
			{ID: 7},
		}, a.notes(inbox))
	})
}

// TestIPC096_MakeSendCount: MAKE_SEND increments mscount; COPY_SEND and MOVE_SEND do not.
func TestIPC096_MakeSendCount(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, inbox := a.port(), a.port()
		made := func(want int) { require.EqualValues(t, want, a.status(p).Mscount) }
		a.post(simple(p, mach.MakeSend, 1))
		made(1)
		a.post(withReply(simple(inbox, mach.MakeSend, 1), p, mach.MakeSend))
		made(2)
		a.post(carrying(inbox, mach.MakeSend, 1, right(p, mach.MakeSend), right(p, mach.MakeSend)))
		made(4)
		a.post(withReply(carrying(inbox, mach.MakeSend, 1, right(p, mach.MakeSendOnce)), p, mach.MakeSendOnce))
		made(4)
		a.drain(inbox)
		require.EqualValues(t, 3, a.refs(p, mach.RightSend))
		a.post(withReply(carrying(p, mach.CopySend, 1, right(p, mach.CopySend)), p, mach.CopySend))
		made(4)
		a.post(withReply(carrying(p, mach.MoveSend, 1, right(p, mach.MoveSend)), p, mach.MoveSend))
		made(4)
		a.makeSend(p)
		made(5)
	})
}

// TestIPC097_MakeFromDeadName: MAKE_SEND, MAKE_SEND_ONCE and MOVE_RECEIVE of a dead name answer
// MACH_SEND_INVALID_RIGHT.
func TestIPC097_MakeFromDeadName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		inbox, dead := a.port(), a.deadName(4)
		was := a.withSend(a.port())
		a.ok(a.modRefs(was, mach.RightReceive, -1))
		for _, name := range []mach.Name{dead, was} {
			refs := a.refs(name, mach.RightDeadName)
			for _, d := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce, mach.MoveReceive} {
				a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1, right(name, d))))
			}
			require.Equal(t, refs, a.refs(name, mach.RightDeadName))
		}
		a.post(carrying(inbox, mach.MakeSend, 1, right(dead, mach.CopySend), right(dead, mach.MoveSend), right(dead, mach.MoveSendOnce)))
		require.EqualValues(t, 2, a.refs(dead, mach.RightDeadName))
		for _, d := range a.take(inbox).Descs {
			require.Equal(t, mach.NameDead, d.Port)
		}
	})
}
