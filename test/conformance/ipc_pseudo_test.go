package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestIPC109_HeaderGivenBack: after MACH_SEND_TIMED_OUT the header is not swapped and carries dispositions 17
// or 18.
func TestIPC109_HeaderGivenBack(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		full, reply := a.withSend(a.port()), a.withSend(a.port())
		a.fill(full)
		for d := mach.MoveSend; d < mach.MakeSendOnce; d++ {
			if d == mach.MoveSendOnce {
				continue // never waits
			}
			for r, back := range map[mach.Disposition]mach.Disposition{mach.MoveSend: 17, mach.CopySend: 17, mach.MakeSend: 17, mach.MakeSendOnce: 18} {
				m := withReply(simple(full, d, 77, 1, 2, 3), reply, r)
				a.is(mach.SendTimedOut, a.trySend(m))
				require.Equal(t, full, m.Remote)
				require.EqualValues(t, 17, m.RemoteDisp)
				require.EqualValues(t, back, m.LocalDisp)
				require.Equal(t, back == 17, m.Local == reply)
				require.EqualValues(t, 77, m.ID)
				require.Equal(t, bytesOf(1, 2, 3), m.Body)
			}
		}
		// The same in a buffer.
		buffer, size := a.encoded(withReply(simple(full, mach.CopySend, 77, 5), reply, mach.MakeSendOnce))
		a.is(mach.SendTimedOut, a.rawSend(buffer, size))
		b := a.read(buffer, int(size))
		require.EqualValues(t, 17|18<<8, word(b, 0))
		require.Equal(t, uint32(full), word(b, 2))
		require.Equal(t, mach.TypeSendOnce, a.typeOf(mach.Name(word(b, 3))))
		require.EqualValues(t, 77, word(b, 5))
		require.EqualValues(t, 5, word(b, 6))
	})
}

// TestIPC110_SendOnceGivenBack: after a timed-out MAKE_SEND_ONCE reply the sender holds a new send-once name.
func TestIPC110_SendOnceGivenBack(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		full, reply := a.withSend(a.port()), a.port()
		a.fill(full)
		before := a.table()
		m := withReply(simple(full, mach.CopySend, 1), reply, mach.MakeSendOnce)
		a.is(mach.SendTimedOut, a.trySend(m))
		require.NotContains(t, before, m.Local)
		require.Equal(t, mach.TypeSendOnce, a.typeOf(m.Local))
		require.Len(t, a.table(), len(before)+1)
		require.EqualValues(t, 1, a.status(reply).Sorights)
		a.post(simple(m.Local, mach.MoveSendOnce, 5))
		require.Equal(t, ids(5), a.drain(reply))
	})

	// Without room for the name the right is destroyed, and the code says so.
	task := s.Task("full")
	s.Do(task, func(a *actor) {
		full, reply := a.withSend(a.port()), a.port()
		a.fill(full)
		task.Space().SetLimit(len(a.table()))
		m := withReply(simple(full, mach.CopySend, 1), reply, mach.MakeSendOnce)
		a.is(mach.SendTimedOut|mach.MsgIPCSpace, a.trySend(m))
		require.Equal(t, mach.NameNull, m.Local)
		require.Equal(t, full, m.Remote)
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(reply))
	})
}

// TestIPC111_SendGivenBack: after a timed-out COPY_SEND the sender has one reference more than before.
func TestIPC111_SendGivenBack(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, _, send := far(s, client)
	last := s.GiveSend(server, s.portOf(server), client)
	s.Do(client, func(a *actor) {
		full, own := a.withSend(a.port()), a.port()
		a.fill(full)
		refs := func(want ...int) {
			for i, name := range []mach.Name{full, send, own} {
				require.EqualValues(t, want[i], a.refs(name, mach.RightSend))
			}
		}
		refs(1, 1, 0)
		a.is(mach.SendTimedOut, a.trySend(withReply(simple(full, mach.CopySend, 1), send, mach.CopySend)))
		refs(2, 2, 0)
		a.is(mach.SendTimedOut, a.trySend(carrying(full, mach.MakeSend, 1, right(send, mach.CopySend), right(own, mach.MakeSend))))
		refs(3, 3, 1)
		require.EqualValues(t, 1, a.status(own).Mscount, "the make-send count stays")
		a.is(mach.SendTimedOut, a.trySend(carrying(full, mach.MoveSend, 1, right(send, mach.MoveSend), right(own, mach.MoveSend))))
		refs(3, 3, 1)
		m := carrying(full, mach.MoveSend, 1, right(last, mach.MoveSend))
		a.is(mach.SendTimedOut, a.trySend(m))
		require.Equal(t, mach.TypeSend, a.typeOf(m.Descs[0].Port), "the last reference comes back, if under a new name")
		require.EqualValues(t, 1, a.refs(m.Descs[0].Port, mach.RightSend))
	})
}

// TestIPC112_ReceiveGivenBack: after a timed-out MOVE_RECEIVE the sender again holds the receive right, with
// mscount and seqno 0 and no set.
func TestIPC112_ReceiveGivenBack(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		full := a.withSend(a.port())
		a.fill(full)
		for _, kept := range []bool{false, true} {
			p, set := a.port(), a.set()
			a.ok(a.setLimit(p, 9))
			a.post(simple(p, mach.MakeSend, 1))
			a.post(simple(p, mach.MakeSend, 2))
			a.take(p)
			if kept {
				a.makeSend(p)
			}
			a.ok(a.moveMember(p, set))
			require.EqualValues(t, 1, a.status(p).Seqno)
			require.NotZero(t, a.status(p).Mscount)
			m := carrying(full, mach.CopySend, 1, right(p, mach.MoveReceive))
			a.is(mach.SendTimedOut, a.trySend(m))
			back := m.Descs[0].Port
			require.EqualValues(t, 16, m.Descs[0].Disp)
			if kept {
				require.Equal(t, p, back, "under the name of the send right")
			}
			require.NotZero(t, a.typeOf(back)&mach.TypeReceive)
			require.Equal(t, portStatus{Qlimit: 9, Msgcount: 1, Srights: true}, a.status(back))
			require.Zero(t, a.setOf(back))
			require.Equal(t, ids(2), a.drain(back))
		}
	})
}

// TestIPC113_MemoryGivenBack: after a timed-out send with a deallocated region the data is readable at the
// address written back into the buffer.
func TestIPC113_MemoryGivenBack(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		full := a.withSend(a.port())
		a.fill(full)
		for _, c := range []struct {
			copy mach.CopyOption
			size mach.Size
		}{{mach.CopyVirtual, 3 * a.PageSize()}, {mach.CopyVirtual, 100}, {mach.CopyPhysical, 100}, {mach.CopyPhysical, 2 * a.PageSize()}} {
			data := pattern(int(c.size))
			region := a.memory(data)
			m := carrying(full, mach.CopySend, 1, desc{Kind: mach.DescMemory, Memory: region, Copy: c.copy, Deallocate: true})
			a.is(mach.SendTimedOut, a.trySend(m))
			require.Equal(t, c.size, m.Descs[0].Memory.Size)
			require.Equal(t, data, a.read(m.Descs[0].Memory.Address, len(data)))
			// The same in a buffer.
			region = a.memory(data)
			buffer, size := a.encoded(carrying(full, mach.CopySend, 1, desc{Kind: mach.DescMemory, Memory: region, Copy: c.copy, Deallocate: true}))
			a.is(mach.SendTimedOut, a.rawSend(buffer, size))
			back := mach.GetDescriptor(a.read(buffer+28, 12))
			require.Equal(t, c.size, back.Memory.Size)
			require.Equal(t, data, a.read(back.Memory.Address, len(data)))
		}
	})
}

// TestIPC114_SendAgain: resending the returned buffer as it stands is legal.
func TestIPC114_SendAgain(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	carried := s.GiveSend(server, s.portOf(server), client)
	data := pattern(5000)
	s.Do(server, func(a *actor) { a.fillByMake(p) })
	var typed *message
	var buffer mach.Addr
	var size mach.Size
	s.Do(client, func(a *actor) {
		build := func(d mach.Disposition) *message {
			reply, moved := a.port(), a.port()
			return withReply(carrying(send, mach.CopySend, 7, right(carried, d), right(moved, mach.MoveReceive),
				right(a.sendOnce(reply), mach.MoveSendOnce),
				desc{Kind: mach.DescMemory, Memory: a.memory(data), Copy: mach.CopyVirtual, Deallocate: true}), reply, mach.MakeSendOnce)
		}
		typed = build(mach.CopySend)
		a.is(mach.SendTimedOut, a.trySend(typed))
		a.is(mach.SendTimedOut, a.trySend(typed))
		buffer, size = a.encoded(build(mach.MoveSend))
		a.is(mach.SendTimedOut, a.rawSend(buffer, size))
		a.is(mach.SendTimedOut, a.rawSend(buffer, size))
	})
	s.Do(server, func(a *actor) { a.drain(p) })
	s.Do(client, func(a *actor) {
		a.post(typed)
		a.ok(a.rawSend(buffer, size))
	})
	s.Do(server, func(a *actor) {
		for range 2 {
			m := a.take(p)
			require.EqualValues(t, 7, m.ID)
			require.Equal(t, mach.TypeSendOnce, a.typeOf(m.Remote))
			require.NotZero(t, a.typeOf(m.Descs[0].Port)&mach.TypeSend)
			require.Equal(t, mach.TypeReceive, a.typeOf(m.Descs[1].Port))
			require.Equal(t, mach.TypeSendOnce, a.typeOf(m.Descs[2].Port))
			require.Equal(t, data, a.read(m.Descs[3].Memory.Address, len(data)))
		}
	})
}
