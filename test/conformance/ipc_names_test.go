package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestIPC001_FreshSpaceNames: the first three names a fresh space hands out are 0x103, 0x203 and 0x303.
func TestIPC001_FreshSpaceNames(t *testing.T) {
	s := newStage(t)
	s.Spawn(s.Task("fresh"), "main", func(th user.Thread) {
		// Traps, so that no name goes to a reply port of the library.
		for _, want := range []mach.Name{0x103, 0x203, 0x303} {
			require.Equal(t, want, th.ReplyPort())
		}
	})
	s.Run()
}

// TestIPC002_FreedNameReused: freeing name 0x103 and allocating again yields 0x107.
func TestIPC002_FreedNameReused(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("fresh"), func(a *actor) {
		require.Equal(t, mach.Name(0x103), a.ReplyPort())
		a.ok(a.destroy(0x103))
		name, ret := a.allocate(mach.RightPortSet)
		a.ok(ret)
		require.Equal(t, mach.Name(0x107), name)
	})
}

// TestIPC003_StaleGeneration: a stale name whose index is in use with another generation is unknown to
// every call.
func TestIPC003_StaleGeneration(t *testing.T) {
	s := newStage(t, withField("DeallocUnknownOK", "false"))
	s.Do(s.Task("program"), func(a *actor) {
		self, other := a.port(), a.port()
		stale := a.port()
		a.ok(a.destroy(stale))
		live := a.withSend(a.port())
		require.Equal(t, stale>>8, live>>8, "the index is used again")
		require.NotEqual(t, stale, live)
		before := a.table()

		for call, ret := range a.everyCallOn(stale, other) {
			require.Equal(t, mach.KernInvalidName, ret, call)
		}
		a.is(mach.SendInvalidDest, a.trySend(simple(stale, mach.CopySend, 1)))
		a.is(mach.SendInvalidReply, a.trySend(withReply(simple(self, mach.MakeSend, 1), stale, mach.MakeSendOnce)))
		a.is(mach.SendInvalidRight, a.trySend(carrying(self, mach.MakeSend, 1, right(stale, mach.CopySend))))
		_, ret := a.poll(stale)
		a.is(mach.RcvInvalidName, ret)
		require.Equal(t, before, a.table(), "the right with the same index is untouched")
	})
}

// TestIPC004_DeliveredNamesAreValid: the kernel never returns NULL or DEAD as the name of a right that was
// delivered.
func TestIPC004_DeliveredNamesAreValid(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	s.Do(task, func(a *actor) {
		inbox := a.port()
		holds := func(name mach.Name, want mach.TypeBits) {
			require.True(t, name.Valid(), "%v is the name of a right", name)
			require.NotZero(t, a.typeOf(name)&want)
		}
		// Enough rounds to take one index through all of its generations.
		for range 70 {
			p := a.port()
			a.post(withReply(carrying(inbox, mach.MakeSend, 1,
				right(p, mach.MakeSend), right(p, mach.MakeSendOnce), right(p, mach.MoveReceive)), p, mach.MakeSendOnce))
			m := a.take(inbox)
			holds(m.Remote, mach.TypeSendOnce)
			holds(m.Local, mach.TypeReceive)
			holds(m.Descs[0].Port, mach.TypeSend)
			holds(m.Descs[1].Port, mach.TypeSendOnce)
			holds(m.Descs[2].Port, mach.TypeReceive)
			extracted, _, ret := a.extractRight(m.Descs[2].Port, mach.MakeSendOnce)
			a.ok(ret)
			holds(extracted, mach.TypeSendOnce)
			for _, name := range []mach.Name{extracted, m.Descs[1].Port, m.Remote, m.Descs[2].Port} {
				a.ok(a.destroy(name))
			}
			reply := a.ReplyPort()
			holds(reply, mach.TypeReceive)
			a.ok(a.destroy(reply))
			holds(a.TaskSelf(), mach.TypeSend)
			holds(a.ThreadSelf(), mach.TypeSend)
			holds(a.HostSelf(), mach.TypeSend)
		}
	})
}

// TestIPC005_OneNamePerPort: a space holds at most one name that denotes send and/or receive rights for a
// given port.
func TestIPC005_OneNamePerPort(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var p, inbox mach.Name
	s.Do(server, func(a *actor) { p = a.port() })
	s.Do(client, func(a *actor) { inbox = a.port() })
	out := s.GiveSend(client, inbox, server)

	s.Do(server, func(a *actor) {
		a.post(withReply(carrying(out, mach.CopySend, 1, right(p, mach.MakeSend), right(p, mach.MakeSend)), p, mach.MakeSend))
		a.makeSend(p)
		a.post(carrying(out, mach.CopySend, 2, right(p, mach.MoveReceive), right(p, mach.MoveSend)))
	})
	s.Do(client, func(a *actor) {
		before := len(a.table())
		first := a.take(inbox)
		name := first.Remote
		require.Equal(t, name, first.Descs[0].Port)
		require.Equal(t, name, first.Descs[1].Port)
		require.Equal(t, mach.TypeSend, a.typeOf(name))
		second := a.take(inbox)
		require.Equal(t, name, second.Descs[0].Port)
		require.Equal(t, name, second.Descs[1].Port)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(name))
		require.EqualValues(t, 4, a.refs(name, mach.RightSend))
		require.Len(t, a.table(), before+1)
		a.is(mach.KernRightExists, a.insertRight(0x7777, name, mach.MakeSend))
		extracted, _, ret := a.extractRight(name, mach.MakeSend)
		a.ok(ret)
		require.Equal(t, name, extracted)
		require.Len(t, a.table(), before+1)
	})
}

// TestIPC006_SendOnceNames: each send-once right in a space has a name of its own, even for one port.
func TestIPC006_SendOnceNames(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.post(withReply(carrying(p, mach.CopySend, 1, right(p, mach.MakeSendOnce), right(p, mach.MakeSendOnce)), p, mach.MakeSendOnce))
		m := a.take(p)
		names := map[mach.Name]bool{p: true, a.sendOnce(p): true, m.Remote: true, m.Descs[0].Port: true, m.Descs[1].Port: true}
		require.Len(t, names, 5)
		for name := range names {
			if name != p {
				require.Equal(t, mach.TypeSendOnce, a.typeOf(name))
			}
		}
		require.EqualValues(t, 4, a.status(p).Sorights)
	})
}

// TestIPC007_TypeCombinations: mach_port_type never reports a combination other than SEND, RECEIVE,
// SEND+RECEIVE, SEND_ONCE, PORT_SET and DEAD_NAME, plus the request bit.
func TestIPC007_TypeCombinations(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var far mach.Name
	s.Do(server, func(a *actor) { far = a.port() })
	send := s.GiveSend(server, far, client)
	s.Do(client, func(a *actor) {
		receive, both, notify := a.port(), a.withSend(a.port()), a.port()
		sendOnce, set, dead := a.sendOnce(both), a.set(), a.deadName(1)
		want := map[mach.Name]mach.TypeBits{
			send: mach.TypeSend, receive: mach.TypeReceive, both: mach.TypeSend | mach.TypeReceive,
			sendOnce: mach.TypeSendOnce, set: mach.TypePortSet, dead: mach.TypeDeadName,
		}
		for name, bits := range want {
			require.Equal(t, bits, a.typeOf(name))
		}
		for _, name := range []mach.Name{send, receive, both, sendOnce} {
			require.Equal(t, mach.NameNull, a.request(name, mach.NotifyDeadName, 0, notify))
			require.Equal(t, want[name]|mach.TypeDNRequest, a.typeOf(name))
		}
		a.ok(a.modRefs(both, mach.RightReceive, -1))
		require.Equal(t, mach.TypeDeadName, a.typeOf(both), "the request has fired")
		require.Equal(t, mach.TypeDeadName, a.typeOf(sendOnce))
		for name, bits := range a.table() {
			switch bits &^ mach.TypeDNRequest {
			case mach.TypeSend, mach.TypeReceive, mach.TypeSend | mach.TypeReceive, mach.TypeSendOnce, mach.TypePortSet, mach.TypeDeadName:
			default:
				t.Errorf("%v denotes %v", name, bits)
			}
		}
	})
}

// TestIPC008_NamesAndTypes: mach_port_names returns equally long name and type arrays and each type equals
// mach_port_type of that name.
func TestIPC008_NamesAndTypes(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		notify, both := a.port(), a.withSend(a.port())
		mine := []mach.Name{notify, both, a.sendOnce(both), a.set(), a.deadName(2)}
		chosen := []mach.Name{0x00100001, 0x00100002, 0x7fffff01, 0xabcdef01}
		for _, i := range []int{2, 0, 3, 1} {
			a.ok(a.allocateName(mach.RightReceive, chosen[i]))
		}
		mine = append(mine, chosen...)
		a.request(both, mach.NotifyDeadName, 0, notify)
		names, types, ret := a.portNames()
		a.ok(ret)
		require.Len(t, types, len(names))
		for i, name := range names {
			require.Equal(t, a.typeOf(name), types[i])
		}
		require.Subset(t, names, mine)
		require.Equal(t, chosen, names[len(names)-4:], "chosen names come last, in ascending order")
	})
}

// TestIPC009_RenameKeepsEverything: mach_port_rename keeps urefs, rights and dead-name request, and the old
// name becomes unknown.
func TestIPC009_RenameKeepsEverything(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		old, notify := a.withSend(a.port()), a.port()
		a.ok(a.modRefs(old, mach.RightSend, 2))
		a.request(old, mach.NotifyDeadName, 0, notify)
		a.post(simple(old, mach.CopySend, 7))

		a.ok(a.rename(old, 0x5501))
		a.unknown(old)
		require.Equal(t, mach.TypeSend|mach.TypeReceive|mach.TypeDNRequest, a.typeOf(0x5501))
		require.EqualValues(t, 3, a.refs(0x5501, mach.RightSend))
		m := a.take(0x5501)
		require.EqualValues(t, 7, m.ID)
		require.Equal(t, mach.Name(0x5501), m.Local)
		require.Empty(t, a.notes(notify), "a rename notifies nobody")

		set, dead := a.set(), a.deadName(5)
		a.ok(a.moveMember(0x5501, set))
		a.ok(a.rename(set, 0x5502))
		a.ok(a.rename(dead, 0x5503))
		members, ret := a.getSetStatus(0x5502)
		a.ok(ret)
		require.Equal(t, []mach.Name{0x5501}, members)
		require.EqualValues(t, 5, a.refs(0x5503, mach.RightDeadName))
	})
}

// TestIPC010_RenameRefused: mach_port_rename to a name in use answers KERN_NAME_EXISTS, to NULL or DEAD
// KERN_INVALID_VALUE.
func TestIPC010_RenameRefused(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, dead, set := a.port(), a.deadName(1), a.set()
		before := a.table()
		for _, used := range []mach.Name{p, dead, set} {
			a.is(mach.KernNameExists, a.rename(p, used))
		}
		a.is(mach.KernInvalidValue, a.rename(p, mach.NameNull))
		a.is(mach.KernInvalidValue, a.rename(p, mach.NameDead))
		a.is(mach.KernInvalidName, a.rename(0x7701, 0x8801))
		require.Equal(t, before, a.table())
	})
}

// TestIPC011_RenamedDeadName: a dead-name notification for a renamed right carries the new name.
func TestIPC011_RenamedDeadName(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var p, notify mach.Name
	s.Do(server, func(a *actor) { p = a.port() })
	send := s.GiveSend(server, p, client)
	s.Do(client, func(a *actor) {
		notify = a.port()
		a.request(send, mach.NotifyDeadName, 0, notify)
		a.ok(a.rename(send, 0x6601))
	})
	s.Do(server, func(a *actor) { a.ok(a.destroy(p)) })
	s.Do(client, func(a *actor) {
		require.Equal(t, []note{{mach.NotifyDeadName, 0x6601}}, a.notes(notify))
		require.Equal(t, mach.TypeDeadName, a.typeOf(0x6601))
	})
}
