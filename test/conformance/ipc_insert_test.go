package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestIPC039_InsertUnderReceiveName: inserting a send right under the receive name of the same port adds
// SEND to it.
func TestIPC039_InsertUnderReceiveName(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var p mach.Name
	s.Do(server, func(a *actor) {
		p = a.port()
		a.ok(a.insertRight(p, p, mach.MakeSend))
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
		a.ok(a.insertRight(p, p, mach.CopySend))
		require.EqualValues(t, 2, a.refs(p, mach.RightSend))
		a.ok(a.insertRight(p, p, mach.MoveSend))
		require.EqualValues(t, 2, a.refs(p, mach.RightSend))
	})
	// The same from another task, and the receive right joining send rights.
	send, port := s.GiveSend(server, p, client), s.GiveTaskPort(server, client)
	s.Do(client, func(a *actor) {
		a.ok(a.on(port).insertRight(p, send, mach.MoveSend))
		a.unknown(send)
		// A port that the task does not know takes a name of its own.
		a.ok(a.on(port).insertRight(0x8801, a.port(), mach.MakeSend))
		require.Equal(t, mach.TypeSend, a.on(port).typeOf(0x8801))
		a.ok(a.on(port).insertRight(0x8802, a.port(), mach.MoveReceive))
		require.Equal(t, mach.TypeReceive, a.on(port).typeOf(0x8802))
	})
	s.Do(server, func(a *actor) {
		require.EqualValues(t, 3, a.refs(p, mach.RightSend))
		a.ok(a.insertRight(p, p, mach.MoveReceive))
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		require.EqualValues(t, 3, a.refs(p, mach.RightSend))
	})
}

// TestIPC040_InsertKnownPort: inserting a send right for a port known under another name answers
// KERN_RIGHT_EXISTS even if the given name is in use.
func TestIPC040_InsertKnownPort(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		receive, both := a.port(), a.withSend(a.port())
		used := []mach.Name{a.deadName(1), a.set(), a.port(), a.sendOnce(both), 0x7701}
		before := a.table()
		for _, name := range used {
			a.is(mach.KernRightExists, a.insertRight(name, both, mach.CopySend))
			a.is(mach.KernRightExists, a.insertRight(name, receive, mach.MakeSend))
		}
		require.Equal(t, before, a.table())
		require.EqualValues(t, 1, a.refs(both, mach.RightSend))
	})
}

// TestIPC041_InsertSendOnceUnderUsedName: inserting a send-once right under any used name answers
// KERN_NAME_EXISTS.
func TestIPC041_InsertSendOnceUnderUsedName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		receive, both := a.port(), a.withSend(a.port())
		before := a.table()
		for _, name := range []mach.Name{receive, both} {
			a.is(mach.KernNameExists, a.insertRight(name, name, mach.MakeSendOnce))
			require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(name))
		}
		require.Equal(t, before, a.table())
		for _, name := range []mach.Name{a.set(), a.deadName(1), a.sendOnce(both)} {
			a.is(mach.KernNameExists, a.insertRight(name, receive, mach.MakeSendOnce))
		}
		a.ok(a.insertRight(0x7701, receive, mach.MakeSendOnce))
		require.Equal(t, mach.TypeSendOnce, a.typeOf(0x7701))
		a.is(mach.KernNameExists, a.insertRight(0x7701, receive, mach.MakeSendOnce))
	})
}

// TestIPC042_InsertNothing: inserting NULL or DEAD as the right answers KERN_INVALID_CAPABILITY.
func TestIPC042_InsertNothing(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		dead := a.deadName(2)
		before := a.table()
		for _, d := range []mach.Disposition{mach.MoveReceive, mach.MoveSend, mach.MoveSendOnce, mach.CopySend, mach.MakeSend, mach.MakeSendOnce} {
			a.is(mach.KernInvalidCapability, a.insertRight(0x7701, mach.NameNull, d))
			a.is(mach.KernInvalidCapability, a.insertRight(0x7701, mach.NameDead, d))
		}
		a.is(mach.KernInvalidCapability, a.insertRight(0x7701, dead, mach.CopySend))
		require.Equal(t, before, a.table())
		a.is(mach.KernInvalidValue, a.insertRight(mach.NameNull, mach.NameNull, mach.CopySend))
		a.is(mach.KernInvalidValue, a.insertRight(mach.NameDead, mach.NameNull, mach.CopySend))
	})
}

// TestIPC043_FailedInsertOfSendOnce: a failed mach_port_insert_right of a MAKE_SEND_ONCE right queues a
// send-once notification on the port.
func TestIPC043_FailedInsertOfSendOnce(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, used := a.port(), a.deadName(1)
		for _, name := range []mach.Name{used, mach.NameNull, mach.NameDead} {
			a.isNot(mach.KernSuccess, a.insertRight(name, p, mach.MakeSendOnce))
			require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(p))
		}
		a.is(mach.KernNameExists, a.insertRight(used, a.sendOnce(p), mach.MoveSendOnce))
		require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(p))
		require.Zero(t, a.status(p).Sorights)
		a.ok(a.insertRight(0x7701, p, mach.MakeSendOnce))
		require.Empty(t, a.notes(p))
	})
}

// TestIPC044_FailedInsertOfReceive: a failed mach_port_insert_right of a MOVE_RECEIVE right destroys the
// port.
func TestIPC044_FailedInsertOfReceive(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var p, notify mach.Name
	s.Do(server, func(a *actor) { p = a.port() })
	send := s.GiveSend(server, p, client)
	s.Do(client, func(a *actor) {
		notify = a.port()
		a.request(send, mach.NotifyDeadName, 0, notify)
	})
	s.Do(server, func(a *actor) {
		a.is(mach.KernNameExists, a.insertRight(a.deadName(1), p, mach.MoveReceive))
		a.unknown(p)
	})
	s.Do(client, func(a *actor) {
		require.Equal(t, mach.TypeDeadName, a.typeOf(send))
		require.Equal(t, []note{{mach.NotifyDeadName, uint32(send)}}, a.notes(notify))
	})
}

// TestIPC045_ExtractUnknownDisposition: mach_port_extract_right with a disposition outside 16..21 answers
// KERN_INVALID_VALUE.
func TestIPC045_ExtractUnknownDisposition(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		before := a.table()
		for _, d := range []mach.Disposition{0, 1, 15, 22, 255} {
			for _, name := range []mach.Name{p, 0x7701} {
				_, _, ret := a.extractRight(name, d)
				a.is(mach.KernInvalidValue, ret)
			}
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC046_ExtractDeadName: extracting a dead name as COPY_SEND succeeds, returns DEAD and keeps its
// references.
func TestIPC046_ExtractDeadName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		dead := a.deadName(3)
		name, _, ret := a.extractRight(dead, mach.CopySend)
		a.ok(ret)
		require.Equal(t, mach.NameDead, name)
		require.EqualValues(t, 3, a.refs(dead, mach.RightDeadName))
		for i, d := range []mach.Disposition{mach.MoveSend, mach.MoveSendOnce} {
			name, _, ret := a.extractRight(dead, d)
			a.ok(ret)
			require.Equal(t, mach.NameDead, name)
			require.EqualValues(t, 2-i, a.refs(dead, mach.RightDeadName))
		}
		for _, d := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce, mach.MoveReceive} {
			_, _, ret := a.extractRight(dead, d)
			a.is(mach.KernInvalidRight, ret)
		}
		require.EqualValues(t, 1, a.refs(dead, mach.RightDeadName))
	})
}

// TestIPC047_ExtractMakesSend: extracting with MAKE_SEND reports acquired type 17 and increments mscount.
func TestIPC047_ExtractMakesSend(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var p mach.Name
	s.Do(server, func(a *actor) { p = a.port() })
	port := s.GiveTaskPort(server, client)
	s.Do(client, func(a *actor) {
		name, acquired, ret := a.on(port).extractRight(p, mach.MakeSend)
		a.ok(ret)
		require.EqualValues(t, 17, acquired)
		require.Equal(t, mach.TypeSend, a.typeOf(name))
		require.EqualValues(t, 1, a.on(port).status(p).Mscount)
		once, acquired, ret := a.on(port).extractRight(p, mach.MakeSendOnce)
		a.ok(ret)
		require.EqualValues(t, 18, acquired)
		require.Equal(t, mach.TypeSendOnce, a.typeOf(once))
		require.EqualValues(t, 1, a.on(port).status(p).Mscount)
		again, acquired, ret := a.on(port).extractRight(p, mach.MakeSend)
		a.ok(ret)
		require.EqualValues(t, 17, acquired)
		require.Equal(t, name, again)
		require.EqualValues(t, 2, a.refs(name, mach.RightSend))
		require.EqualValues(t, 2, a.on(port).status(p).Mscount)
		// It is as if the task had sent the right, so that one who waits for its name to go hears of it.
		notify := a.port()
		a.request(once, mach.NotifyDeadName, 0, notify)
		moved, acquired, ret := a.extractRight(once, mach.MoveSendOnce)
		a.ok(ret)
		require.EqualValues(t, 18, acquired)
		require.Equal(t, mach.TypeSendOnce, a.typeOf(moved))
		require.Equal(t, []note{{mach.NotifyPortDeleted, uint32(once)}}, a.notes(notify))
	})
}
