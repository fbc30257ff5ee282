package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// provocations are what causes each kind of notification to be sent to a port.
var provocations = []struct {
	id      mach.MsgID
	provoke func(a *actor, notify mach.Name)
}{
	{65, func(a *actor, notify mach.Name) {
		p := a.port()
		a.request(p, mach.NotifyDeadName, 0, notify)
		a.ok(a.destroy(p))
	}},
	{69, func(a *actor, notify mach.Name) {
		p := a.port()
		a.request(p, mach.NotifyPortDestroyed, 0, notify)
		a.ok(a.destroy(p))
	}},
	{70, func(a *actor, notify mach.Name) {
		p := a.withSend(a.fullPort())
		a.request(p, mach.NotifyNoSenders, 0, notify)
		a.ok(a.deallocate(p))
	}},
	{71, func(a *actor, notify mach.Name) { a.ok(a.deallocate(a.sendOnce(notify))) }},
	{72, func(a *actor, notify mach.Name) {
		p := a.withSend(a.port())
		a.request(p, mach.NotifyDeadName, 0, notify)
		a.ok(a.modRefs(p, mach.RightReceive, -1))
	}},
}

// forceSend sends with MACH_SEND_NOTIFY into a queue that is full.
func (a *actor) forceSend(p mach.Name, id mach.MsgID, notify mach.Name) mach.Return {
	return a.message(simple(p, mach.CopySend, id), msgArgs{Option: mach.SendMsg | mach.SendTimeout | mach.SendNotify, Notify: notify})
}

// TestIPC160_NotificationNumbers: notification ids are 65, 69, 70, 71 and 72 (66 with the msg-accepted
// switch).
func TestIPC160_NotificationNumbers(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		s := newStage(t, withField("MsgAccepted", map[bool]string{false: "false", true: "true"}[accepted]))
		s.Do(s.Task("program"), func(a *actor) {
			notify, full := a.port(), a.withSend(a.port())
			for _, p := range provocations {
				p.provoke(a, notify)
				require.Equal(t, ids(p.id), a.drain(notify))
			}
			a.fill(full)
			if !accepted {
				a.is(mach.SendTimedOut, a.forceSend(full, 6, notify))
				require.Len(t, a.drain(full), 5)
				require.Empty(t, a.drain(notify))
				return
			}
			a.is(mach.SendWillNotify, a.forceSend(full, 6, notify))
			require.Empty(t, a.drain(notify))
			require.Equal(t, ids(1, 2, 3, 4, 5, 6), a.drain(full))
			require.Equal(t, []note{{66, uint32(full)}}, a.notes(notify))
		})
	}
}

// TestIPC161_NotificationHeader: a notification has no reply port and its local type bits are 18.
func TestIPC161_NotificationHeader(t *testing.T) {
	s := newStage(t, withField("MsgAccepted", "true"))
	s.Do(s.Task("program"), func(a *actor) {
		notify, full := a.port(), a.withSend(a.port())
		check := func(id mach.MsgID) {
			m := a.take(notify)
			require.Equal(t, id, m.ID)
			require.Equal(t, notify, m.Local)
			require.EqualValues(t, 18, m.LocalDisp)
			require.Equal(t, mach.NameNull, m.Remote)
			require.Equal(t, mach.DispNone, m.RemoteDisp)
			require.Equal(t, id == mach.NotifyPortDestroyed, m.Complex)
		}
		for _, p := range provocations {
			p.provoke(a, notify)
			check(p.id)
			p.provoke(a, notify)
			b := a.rawTake(notify)
			require.EqualValues(t, 18<<8, word(b, 0)&^mach.BitsComplex)
			require.Zero(t, word(b, 2))
			require.Equal(t, uint32(notify), word(b, 3))
		}
		a.fill(full)
		a.is(mach.SendWillNotify, a.forceSend(full, 6, notify))
		a.drain(full)
		check(mach.NotifyMsgAccepted)
	})
}

// TestIPC162_OneShot: each request is one-shot.
func TestIPC162_OneShot(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, far, send := far(s, client)
	s.Do(client, func(a *actor) {
		notify := a.port()
		fired := func(want ...note) {
			t.Helper()
			require.Equal(t, want, a.notes(notify))
			require.Zero(t, a.status(notify).Sorights)
		}
		p := a.withSend(a.fullPort())
		a.request(p, mach.NotifyNoSenders, 0, notify)
		a.ok(a.deallocate(p))
		fired(note{mach.NotifyNoSenders, 1})
		require.False(t, a.status(p).NSRequest)
		a.makeSend(p)
		a.ok(a.deallocate(p))
		fired()

		a.request(p, mach.NotifyPortDestroyed, 0, notify)
		a.ok(a.destroy(p))
		back := a.notes(notify)
		require.Len(t, back, 1)
		p = mach.Name(back[0].Value)
		require.False(t, a.status(p).PDRequest)
		a.makeSend(p)
		a.ok(a.modRefs(p, mach.RightReceive, -1))
		fired()
		require.Equal(t, mach.TypeDeadName, a.typeOf(p))

		q := a.withSend(a.port())
		a.request(q, mach.NotifyDeadName, 0, notify)
		a.ok(a.modRefs(q, mach.RightReceive, -1))
		fired(note{mach.NotifyDeadName, uint32(q)})
		require.Equal(t, mach.TypeDeadName, a.typeOf(q))
		a.ok(a.deallocate(q))
		a.ok(a.deallocate(q))
		fired()

		// A name that is used again has no request any more.
		a.request(send, mach.NotifyDeadName, 0, notify)
		a.ok(a.deallocate(send))
		fired(note{mach.NotifyPortDeleted, uint32(send)})
	})
	again := s.GiveSend(server, far, client)
	s.Do(client, func(a *actor) {
		require.Equal(t, mach.TypeSend, a.typeOf(again))
		if again != send {
			a.ok(a.rename(again, send))
		}
		a.ok(a.deallocate(send))
	})
}

// requestable makes a name of this task for which a request of the kind can be registered, and returns what
// fires it.
func (a *actor) requestable(id mach.MsgID) (name mach.Name, fire func()) {
	a.t.Helper()
	name = a.withSend(a.fullPort())
	switch id {
	case mach.NotifyNoSenders:
		return name, func() { a.ok(a.deallocate(name)) }
	case mach.NotifyPortDestroyed:
		return name, func() { a.ok(a.destroy(name)) }
	default:
		return name, func() { a.ok(a.modRefs(name, mach.RightReceive, -1)) }
	}
}

// requests are the kinds of requests.
var requests = ids(mach.NotifyPortDestroyed, mach.NotifyNoSenders, mach.NotifyDeadName)

// TestIPC163_ReplacedRequest: registering returns the previously registered send-once right, which is moved
// and not notified.
func TestIPC163_ReplacedRequest(t *testing.T) {
	for _, id := range requests {
		s := newStage(t)
		s.Do(s.Task("program"), func(a *actor) {
			name, fire := a.requestable(id)
			first, second := a.port(), a.port()
			require.Equal(t, mach.NameNull, a.request(name, id, 0, first))
			previous := a.request(name, id, 0, second)
			require.Equal(t, mach.TypeSendOnce, a.typeOf(previous))
			require.Empty(t, a.notes(first))
			require.EqualValues(t, 1, a.status(first).Sorights)
			fire()
			require.Empty(t, a.notes(first), "the request is not its any more")
			require.Equal(t, ids(id), a.drain(second))
			a.post(simple(previous, mach.MoveSendOnce, 5))
			require.Equal(t, ids(5), a.drain(first), "it is a right for the first port")
		})
	}
}

// TestIPC164_CancelledRequest: a request with NULL cancels.
func TestIPC164_CancelledRequest(t *testing.T) {
	for _, id := range requests {
		s := newStage(t)
		s.Do(s.Task("program"), func(a *actor) {
			name, fire := a.requestable(id)
			notify := a.port()
			require.Equal(t, mach.NameNull, a.request(name, id, 0, mach.NameNull))
			a.request(name, id, 0, notify)
			previous := a.request(name, id, 0, mach.NameNull)
			require.Equal(t, mach.TypeSendOnce, a.typeOf(previous))
			require.Zero(t, a.typeOf(name)&mach.TypeDNRequest)
			require.False(t, a.status(name).NSRequest)
			require.False(t, a.status(name).PDRequest)
			require.Equal(t, mach.NameNull, a.request(name, id, 0, mach.NameNull))
			once := a.sendOnce(name)
			fire()
			require.Empty(t, a.notes(notify))
			if id == mach.NotifyDeadName {
				require.EqualValues(t, 1, a.refs(name, mach.RightDeadName))
			}
			if id == mach.NotifyPortDestroyed {
				require.Equal(t, mach.TypeDeadName, a.typeOf(once), "the port is really destroyed")
			}
			a.post(simple(previous, mach.MoveSendOnce, 5))
			require.Equal(t, ids(5), a.drain(notify))
		})
	}
}

// TestIPC165_FailedRequest: a failed request call notifies its own notify port with send-once.
func TestIPC165_FailedRequest(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	_, _, send := far(s, client)
	s.Do(client, func(a *actor) {
		receive, dead, full := a.port(), a.deadName(1), a.deadName(mach.UrefsMaxDead)
		set, once := a.set(), a.sendOnce(receive)
		notify := a.port()
		for _, c := range []struct {
			want mach.Return
			name mach.Name
			id   mach.MsgID
			sync uint32
		}{
			{mach.KernInvalidValue, receive, mach.NotifyPortDeleted, 0},
			{mach.KernInvalidValue, receive, mach.NotifySendOnce, 0},
			{mach.KernInvalidValue, receive, 0, 0},
			{mach.KernInvalidValue, receive, mach.NotifyPortDestroyed, 1},
			{mach.KernInvalidName, 0x7701, mach.NotifyPortDestroyed, 0},
			{mach.KernInvalidName, 0x7701, mach.NotifyNoSenders, 0},
			{mach.KernInvalidName, 0x7701, mach.NotifyDeadName, 0},
			{mach.KernInvalidRight, send, mach.NotifyPortDestroyed, 0},
			{mach.KernInvalidRight, send, mach.NotifyNoSenders, 0},
			{mach.KernInvalidRight, once, mach.NotifyNoSenders, 0},
			{mach.KernInvalidRight, receive, mach.NotifyNoSenders, 0}, // without detection
			{mach.KernInvalidRight, set, mach.NotifyPortDestroyed, 0},
			{mach.KernInvalidRight, set, mach.NotifyDeadName, 0},
			{mach.KernInvalidArgument, dead, mach.NotifyDeadName, 0},
			{mach.KernUrefsOverflow, full, mach.NotifyDeadName, 1},
		} {
			previous, ret := a.requestNotification(c.name, c.id, c.sync, notify)
			require.Equal(t, c.want, ret, "%d for %v", c.id, c.name)
			require.Equal(t, mach.NameNull, previous)
			require.Equal(t, ids(mach.NotifySendOnce), a.drain(notify), "%d for %v", c.id, c.name)
			require.Zero(t, a.status(notify).Sorights)
		}
		// A right of another port that was moved into the call is lost with it.
		given := a.sendOnce(receive)
		_, ret := user.MachPortRequestNotification(a, a.target(), 0x7701, mach.NotifyDeadName, 0, given, mach.MoveSendOnce)
		a.is(mach.KernInvalidName, ret)
		a.unknown(given)
		require.Equal(t, ids(mach.NotifySendOnce), a.drain(receive))
		_, ret = user.MachPortRequestNotification(a, a.target(), receive, mach.NotifyDeadName, 0, mach.NameDead, mach.MoveSendOnce)
		a.is(mach.KernInvalidCapability, ret)
	})
}

// TestIPC176_RequestOnDeadName: a dead-name request on a dead name with sync 0 answers KERN_INVALID_ARGUMENT;
// with sync 1 it fires at once and adds a reference.
func TestIPC176_RequestOnDeadName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		notify, died := a.port(), a.withSend(a.port())
		a.ok(a.modRefs(died, mach.RightReceive, -1))
		for _, dead := range []mach.Name{a.deadName(1), died} {
			_, ret := a.requestNotification(dead, mach.NotifyDeadName, 0, notify)
			a.is(mach.KernInvalidArgument, ret)
			require.EqualValues(t, 1, a.refs(dead, mach.RightDeadName))
			require.Equal(t, ids(mach.NotifySendOnce), a.drain(notify))
			for refs, sync := range []uint32{1, 2, 0xffffffff} {
				require.Equal(t, mach.NameNull, a.request(dead, mach.NotifyDeadName, sync, notify))
				require.Equal(t, []note{{mach.NotifyDeadName, uint32(dead)}}, a.notes(notify))
				require.EqualValues(t, refs+2, a.refs(dead, mach.RightDeadName))
				require.Equal(t, mach.TypeDeadName, a.typeOf(dead), "nothing stays registered")
			}
			_, ret = a.requestNotification(dead, mach.NotifyDeadName, 1, mach.NameNull)
			a.is(mach.KernInvalidArgument, ret)
			require.EqualValues(t, 4, a.refs(dead, mach.RightDeadName))
		}
	})
}

// TestIPC177_RequestOnSet: a dead-name request on a port set answers KERN_INVALID_RIGHT.
func TestIPC177_RequestOnSet(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		set, notify := a.set(), a.port()
		for _, n := range []mach.Name{notify, mach.NameNull} {
			for _, sync := range []uint32{0, 1} {
				_, ret := a.requestNotification(set, mach.NotifyDeadName, sync, n)
				a.is(mach.KernInvalidRight, ret)
			}
		}
		require.Equal(t, mach.TypePortSet, a.typeOf(set))
	})
}

// TestIPC178_PortDestroyedSync: a port-destroyed request with non-zero sync answers KERN_INVALID_VALUE.
func TestIPC178_PortDestroyedSync(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, notify := a.port(), a.port()
		for _, sync := range []uint32{1, 2, 0x80000000, 0xffffffff} {
			for _, name := range []mach.Name{p, 0x7701, mach.NameNull, a.set()} {
				_, ret := a.requestNotification(name, mach.NotifyPortDestroyed, sync, notify)
				a.is(mach.KernInvalidValue, ret)
			}
		}
		require.False(t, a.status(p).PDRequest)
		a.request(p, mach.NotifyPortDestroyed, 0, notify)
		require.True(t, a.status(p).PDRequest)
	})
}
