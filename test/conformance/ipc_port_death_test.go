package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// destructions are the ways in which the holder of a receive right gives it up.
var destructions = []struct {
	name    string
	destroy func(s *stage, holder *task, p mach.Name)
}{
	{"destroy", func(s *stage, holder *task, p mach.Name) {
		s.Do(holder, func(a *actor) { a.ok(a.destroy(p)) })
	}},
	{"mod_refs", func(s *stage, holder *task, p mach.Name) {
		s.Do(holder, func(a *actor) { a.ok(a.modRefs(p, mach.RightReceive, -1)) })
	}},
	{"message", func(s *stage, holder *task, p mach.Name) {
		s.Do(holder, func(a *actor) {
			inbox := a.port()
			a.post(carrying(inbox, mach.MakeSend, 1, right(p, mach.MoveReceive)))
			a.ok(a.destroy(inbox))
		})
	}},
	{"task death", func(s *stage, holder *task, p mach.Name) { s.Kill(holder) }},
}

// TestIPC179_PortDestroyedDelivers: destroying a receive right with a port-destroyed request delivers the live
// receive right, with its queue, in message 69.
func TestIPC179_PortDestroyedDelivers(t *testing.T) {
	for _, way := range destructions {
		t.Run(way.name, func(t *testing.T) {
			s := newStage(t)
			server, keeper, client := s.Task("server"), s.Task("keeper"), s.Task("client")
			p := s.portOf(server)
			notify := s.portOf(keeper)
			once := s.GiveSendOnce(keeper, notify, server)
			send, known := s.GiveSend(server, p, client), s.GiveSend(server, p, keeper)
			carried := s.watched(client)
			s.Do(server, func(a *actor) {
				a.requestFor(p, mach.NotifyPortDestroyed, once)
				a.ok(a.setLimit(p, 3))
			})
			s.Do(client, func(a *actor) {
				a.post(simple(send, mach.CopySend, 1))
				a.post(carrying(send, mach.CopySend, 2, right(carried.port, mach.MoveReceive)))
				a.post(simple(send, mach.CopySend, 3))
			})
			blocked := s.Sender(client, simple(send, mach.CopySend, 4))
			way.destroy(s, server, p)
			require.False(t, blocked.done, "the port is alive")
			s.requireDead(false, carried)
			s.Do(keeper, func(a *actor) {
				m := a.take(notify)
				require.EqualValues(t, 69, m.ID)
				require.True(t, m.Complex)
				require.Len(t, m.Descs, 1)
				require.EqualValues(t, 16, m.Descs[0].Disp)
				require.Equal(t, known, m.Descs[0].Port, "it joins the name of the send right")
				require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(known))
				require.EqualValues(t, 3, a.status(known).Qlimit)
				require.Equal(t, ids(1, 2, 3, 4), a.drain(known))
			})
			require.Equal(t, mach.KernSuccess, blocked.result())
			s.Do(client, func(a *actor) {
				require.Equal(t, mach.TypeSend, a.typeOf(send))
				a.post(simple(send, mach.CopySend, 5))
			})
			s.Do(keeper, func(a *actor) { require.Equal(t, ids(5), a.drain(known)) })
		})
	}
}

// TestIPC180_DeliveredPortIsReset: the port delivered by port-destroyed has mscount 0 and seqno 0.
func TestIPC180_DeliveredPortIsReset(t *testing.T) {
	for _, way := range destructions {
		s := newStage(t)
		server, keeper := s.Task("server"), s.Task("keeper")
		p := s.portOf(server)
		notify := s.portOf(keeper)
		once := s.GiveSendOnce(keeper, notify, server)
		s.Do(server, func(a *actor) {
			for id := range mach.MsgID(3) {
				a.post(simple(p, mach.MakeSend, id))
			}
			a.take(p)
			a.requestFor(p, mach.NotifyPortDestroyed, once)
			require.EqualValues(t, 1, a.status(p).Seqno)
			require.EqualValues(t, 3, a.status(p).Mscount)
		})
		way.destroy(s, server, p)
		s.Do(keeper, func(a *actor) {
			p := a.take(notify).Descs[0].Port
			require.Equal(t, portStatus{Qlimit: 5, Msgcount: 2, Srights: true}, a.status(p), way.name)
			require.EqualValues(t, 0, a.take(p).Trailer.Seqno)
			require.EqualValues(t, 1, a.take(p).Trailer.Seqno)
		})
	}
}

// TestIPC181_NobodyToDeliverTo: if the port-destroyed notify port is dead the receive right is really
// destroyed.
func TestIPC181_NobodyToDeliverTo(t *testing.T) {
	for _, way := range destructions {
		for _, queued := range []bool{false, true} {
			s := newStage(t)
			server, keeper := s.Task("server"), s.Task("keeper")
			p, inner := s.watched(server), s.watched(server)
			notify := s.portOf(keeper)
			once := s.GiveSendOnce(keeper, notify, server)
			s.Do(server, func(a *actor) {
				a.requestFor(p.port, mach.NotifyPortDestroyed, once)
				a.post(carrying(p.port, mach.MakeSend, 1, right(inner.port, mach.MoveReceive)))
			})
			destroyKeeper := func() { s.Do(keeper, func(a *actor) { a.ok(a.destroy(notify)) }) }
			if !queued {
				destroyKeeper()
			}
			s.requireDead(false, p, inner)
			way.destroy(s, server, p.port)
			if queued {
				s.requireDead(false, p, inner)
				destroyKeeper() // with the notification in its queue
			}
			s.requireDead(true, p, inner)
		}
	}
}

// TestIPC182_RequestToItself: a port whose port-destroyed request points to itself is really destroyed.
func TestIPC182_RequestToItself(t *testing.T) {
	for _, way := range destructions {
		s := newStage(t)
		server := s.Task("server")
		p, inner := s.watched(server), s.watched(server)
		s.Do(server, func(a *actor) {
			a.request(p.port, mach.NotifyPortDestroyed, 0, p.port)
			a.post(carrying(p.port, mach.MakeSend, 1, right(inner.port, mach.MoveReceive)))
		})
		way.destroy(s, server, p.port)
		s.requireDead(true, p, inner)
	}
	// So is one whose request points to a port in its own queue.
	s := newStage(t)
	server := s.Task("server")
	p, inner := s.watched(server), s.watched(server)
	s.Do(server, func(a *actor) {
		a.request(p.port, mach.NotifyPortDestroyed, 0, inner.port)
		a.post(carrying(p.port, mach.MakeSend, 1, right(inner.port, mach.MoveReceive)))
		a.ok(a.destroy(p.port))
	})
	s.requireDead(true, p, inner)
}

// TestIPC183_PortDestroyedAtTaskDeath: port-destroyed is honoured at task death.
func TestIPC183_PortDestroyedAtTaskDeath(t *testing.T) {
	s := newStage(t)
	server, keeper := s.Task("server"), s.Task("keeper")
	notify := s.portOf(keeper)
	kept, inQueue, lost := s.watched(server), s.watched(server), s.watched(server)
	for _, w := range []watched{kept, inQueue} {
		once := s.GiveSendOnce(keeper, notify, server)
		s.Do(server, func(a *actor) { a.requestFor(w.port, mach.NotifyPortDestroyed, once) })
	}
	s.Do(server, func(a *actor) {
		a.post(simple(kept.port, mach.MakeSend, 3))
		a.post(carrying(lost.port, mach.MakeSend, 4, right(inQueue.port, mach.MoveReceive)))
	})
	s.Kill(server)
	s.requireDead(false, kept, inQueue)
	s.requireDead(true, lost)
	s.Do(keeper, func(a *actor) {
		first, second := a.take(notify), a.take(notify)
		for _, m := range []*message{first, second} {
			require.Equal(t, mach.NotifyPortDestroyed, m.ID)
			require.Equal(t, mach.TypeReceive, a.typeOf(m.Descs[0].Port))
		}
		require.Equal(t, ids(3), append(a.drain(first.Descs[0].Port), a.drain(second.Descs[0].Port)...))
		require.Empty(t, a.drain(notify))
	})
}

// TestIPC184_OrderAtPortDeath: at port death the order is: send-once for the no-senders request, destruction of
// queued messages, dead-name notifications, kernel-object hook.
func TestIPC184_OrderAtPortDeath(t *testing.T) {
	e := newEMM(t)
	watcher := e.Task("watcher")
	collector := e.portOf(watcher)
	r := e.c.mapPages(1)
	object, control := e.m.port, e.m.control(0)
	e.m.hold()
	seen := e.GiveSend(e.m.task, object, watcher)
	// The only send right of another port is in a message in the queue.
	var inQueue mach.Name
	e.m.do(func(x *calls) { inQueue = x.allocateObject() })
	once := func() mach.Name { return e.GiveSendOnce(watcher, collector, e.m.task) }
	toQueue, toObject, toControl := once(), once(), once()
	e.Do(e.m.task, func(a *actor) {
		a.post(carrying(object, mach.MakeSend, 1, right(inQueue, mach.MakeSend)))
		a.requestFor(inQueue, mach.NotifyNoSenders, toQueue)
		a.requestFor(object, mach.NotifyNoSenders, toObject)
		a.requestFor(control, mach.NotifyDeadName, toControl)
	})
	e.Do(watcher, func(a *actor) { a.request(seen, mach.NotifyDeadName, 0, collector) })
	e.Do(e.m.task, func(a *actor) { a.ok(a.modRefs(object, mach.RightReceive, -1)) })
	e.Do(watcher, func(a *actor) {
		require.Equal(t, []note{
			{ID: mach.NotifySendOnce},              // the no-senders request
			{mach.NotifyNoSenders, 1},              // the message in the queue
			{mach.NotifyDeadName, uint32(seen)},    // who has rights for the port
			{mach.NotifyDeadName, uint32(control)}, // the memory that the port stood for
		}, a.notes(collector))
	})
	r.unmap()
	e.m.object = nil
}

// TestIPC185_DeadNotifyPort: notifications to a dead port vanish without effect.
func TestIPC185_DeadNotifyPort(t *testing.T) {
	s := newStage(t)
	server := s.Task("server")
	s.Do(server, func(a *actor) {
		notify := a.port()
		deleted, noSenders, dies := a.port(), a.withSend(a.fullPort()), a.withSend(a.port())
		once := a.sendOnce(notify)
		a.request(deleted, mach.NotifyDeadName, 0, notify)
		a.request(noSenders, mach.NotifyNoSenders, 0, notify)
		a.request(dies, mach.NotifyDeadName, 0, notify)
		a.ok(a.destroy(notify))
		require.True(t, a.status(noSenders).NSRequest)

		a.ok(a.destroy(deleted))
		a.unknown(deleted)
		a.ok(a.deallocate(noSenders))
		require.Equal(t, portStatus{Qlimit: 5, Mscount: 1}, a.status(noSenders), "the request is used up all the same")
		a.ok(a.modRefs(dies, mach.RightReceive, -1))
		require.EqualValues(t, 2, a.refs(dies, mach.RightDeadName))
		require.Equal(t, mach.TypeDeadName, a.typeOf(once))
		a.ok(a.deallocate(once))
		a.unknown(once)
	})
}
