package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// server is a kernel object that answers id 2000, takes the rights of id 2001 and answers 2004 late.
type server struct {
	closed bool
	served []mach.MsgID
	kept   []Right
	gate   sched.Queue
}

func (k *server) KobjectType() KobjectType {
	if k.closed {
		return KobjectNone
	}
	return KobjectPagingRequest
}

func (k *server) Accepts(id mach.MsgID) bool { return !k.closed || id == 2002 }

func (k *server) Serve(th *sched.Thread, req, rep *Kmsg) mach.Return {
	id := req.Message.ID
	k.served = append(k.served, id)
	switch id {
	case 2000, 2002:
		rep.Message.ID = id + mach.ReplyOffset
		rep.Message.Body = append(rep.Message.Body, "\x00\x00\x00\x00ok.."...)
		return mach.KernSuccess
	case 2001:
		for i := range req.Message.Descs {
			k.kept = append(k.kept, req.Message.Descs[i].Port.Take())
		}
		return mach.MigNoReply
	case 2003:
		ErrorReply(req, rep, mach.KernInvalidArgument)
		return mach.KernInvalidArgument
	case 2004:
		th.Block(&k.gate, sched.Wait{})
		return mach.KernInvalidArgument // a simple routine: no reply
	}
	return mach.MigBadID
}

func (k *server) VisitRights(f func(Right, string)) {
	for _, r := range k.kept {
		f(r, "server")
	}
}

// own registers a naked receive right with the recount.
type own struct{ r *Right }

func (o own) VisitRights(f func(Right, string)) {
	if !o.r.IsSpent() && !o.r.IsNull() {
		f(*o.r, "kernel")
	}
}

// object makes a served port and a send right for it in s.
func (r *rig) object(n *Node, s *Space) (*server, *Right, mach.Name) {
	k := &server{}
	recv := n.NewKernelPort(k)
	r.w.AddHolder(k)
	r.w.AddHolder(own{&recv})
	right := recv.Port().KernelMakeSend()
	var reap sched.Reap
	name, ret := s.Copyout(&reap, &right)
	require.Equal(r, mach.KernSuccess, ret)
	return k, &recv, name
}

func TestKernelService(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	k, recv, c := r.object(r.n, a)
	r.do(func(th *sched.Thread) {
		reply, x := r.receive(a), r.receive(a)
		require.Equal(t, mach.KernSuccess, a.SetQlimit(reply, 0))
		require.Equal(t, mach.KernSuccess, send(th, a, header(2000, c, mach.CopySend, reply, mach.MakeSendOnce)))
		m := r.take(th, a, reply)
		require.Equal(t, []any{mach.MsgID(2100), "ok..", kernelToken}, []any{m.ID, string(m.Body[4:]), m.Trailer.Sender}, "IPC-187")
		// Rights the routine keeps, and rights an error destroys (IPC-189).
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(2001, c, mach.CopySend, 0, 0), port(x, mach.MakeSend))))
		require.True(t, r.status(a, x).Srights)
		Release(&th.Reap, &k.kept[0])
		k.kept = nil
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(2003, c, mach.CopySend, reply, mach.MakeSendOnce), port(x, mach.MakeSendOnce))))
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, x))
		require.Equal(t, uint32(mach.KernInvalidArgument), word0(r.take(th, a, reply)))
		bad := mach.MigBadID
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(4000, c, mach.CopySend, reply, mach.MakeSendOnce), port(x, mach.MoveReceive))))
		m = r.take(th, a, reply)
		require.Equal(t, []any{mach.MsgID(4100), uint32(bad)}, []any{m.ID, word0(m)}, "IPC-188")
		require.Equal(t, mach.TypeNone, r.typeOf(a, x))
		require.Equal(t, mach.KernSuccess, send(th, a, header(2003, c, mach.CopySend, 0, 0)), "IPC-190")
		require.Equal(t, 0, recv.Port().Msgcount()+int(recv.Port().Seqno()))
	})
	require.Equal(t, []mach.MsgID{2000, 2001, 2003, 4000, 2003}, k.served)
}

// TestTerminate is the promise: the receive right of the control port moves to the manager with exactly
// the messages that came after the port was closed.
func TestTerminate(t *testing.T) {
	r := newRig(t)
	mgr, c := r.space("manager"), r.space("client")
	k, recv, ctl := r.object(r.n, mgr)
	object := r.receive(mgr)
	var reap sched.Reap
	pager, _ := mgr.ExtractRight(&reap, object, mach.MakeSend)
	guard := CopySend(&pager)
	r.w.AddHolder(own{&pager})
	r.w.AddHolder(own{&guard})
	other := r.give(mgr, ctl, mach.CopySend, c)
	recv.Port().SetAssociation(r.n, nil)
	r.do(func(th *sched.Thread) {
		notify := r.receive(mgr)
		r.ask(mgr, object, mach.NotifyNoSenders, 0, notify)
		require.Equal(t, mach.KernSuccess, send(th, mgr, header(2005, ctl, mach.CopySend, 0, 0)))
		k.closed = true
		reply := r.receive(mgr)
		for id := mach.MsgID(1); id <= 5; id++ {
			require.Equal(t, mach.KernSuccess, send(th, mgr, header(id, ctl, mach.CopySend, reply, mach.MakeSendOnce)))
		}
		require.Equal(t, mach.KernSuccess, send(th, mgr, header(2002, ctl, mach.CopySend, reply, mach.MakeSendOnce)))
		require.Equal(t, mach.MsgID(2102), r.take(th, mgr, reply).ID)
		require.Equal(t, mach.SendTimedOut, send(th, c, header(6, other, mach.CopySend, 0, 0)), "IPC-196")
		require.NoError(t, r.w.Check())

		msg := r.w.NewKmsg()
		msg.Message.ID = 2201
		msg.Message.Remote = pager.Take()
		msg.Message.Descs = append(msg.Message.Descs, Desc{Port: recv.Take()})
		p := msg.Message.Descs[0].Port.Port()
		require.Equal(t, mach.KernSuccess, r.n.Send(th, msg))
		require.Nil(t, p.Kobject())
		require.NoError(t, r.w.Check())
		Release(&th.Reap, &guard)
		require.Empty(t, r.ids(th, mgr, notify))
		require.Equal(t, mach.SendTimedOut, send(th, c, header(2002, other, mach.CopySend, 0, 0)))

		got := r.take(th, mgr, object)
		require.Equal(t, []any{mach.MsgID(2201), ctl, mach.PortReceive}, []any{got.ID, got.Descs[0].Port, got.Descs[0].Disp}, "IPC-193, IPC-194")
		require.Equal(t, mach.NotifyNoSenders, r.take(th, mgr, notify).ID, "IPC-198")
		require.Equal(t, 5, r.status(mgr, ctl).Msgcount)
		for id := mach.MsgID(1); id <= 5; id++ {
			m := r.take(th, mgr, ctl)
			require.Equal(t, []any{id, uint32(id - 1)}, []any{m.ID, m.Trailer.Seqno}, "IPC-195")
			require.Equal(t, mach.TypeSendOnce, r.typeOf(mgr, m.Remote))
		}
		require.Equal(t, mach.KernSuccess, send(th, c, header(9, other, mach.CopySend, 0, 0)))
		require.Equal(t, []mach.MsgID{9}, r.ids(th, mgr, ctl))
		require.Equal(t, mach.KernSuccess, mgr.Destroy(&th.Reap, ctl))
		require.Equal(t, mach.TypeDeadName, r.typeOf(c, other))
	})
	require.Equal(t, []mach.MsgID{2005, 2002}, k.served)
}

func TestTerminateToDyingManager(t *testing.T) {
	r := newRig(t)
	mgr := r.space("manager")
	k, recv, ctl := r.object(r.n, mgr)
	object := r.receive(mgr)
	r.do(func(th *sched.Thread) {
		pager, _ := mgr.ExtractRight(&th.Reap, object, mach.MakeSend)
		k.closed = true
		msg := r.w.NewKmsg()
		msg.Message.Remote = pager.Take()
		msg.Message.Descs = append(msg.Message.Descs, Desc{Port: recv.Take()})
		require.Equal(t, mach.KernSuccess, r.n.Send(th, msg))
		require.Equal(t, mach.KernSuccess, mgr.Destroy(&th.Reap, object))
		require.Equal(t, mach.TypeDeadName, r.typeOf(mgr, ctl), "IPC-199")
		msg = r.w.NewKmsg()
		require.Equal(t, mach.SendInvalidDest, r.n.Send(th, msg))
	})
}

func TestKernelRPC(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	p := r.receive(a)
	reply := r.n.NewReplyPort()
	r.w.AddHolder(own{&reply})
	codes := []mach.Return{}
	call := func(deadline mach.Time) func(th *sched.Thread) {
		return func(th *sched.Thread) {
			k, ret := r.n.ReceiveReply(th, &reply, deadline)
			codes = append(codes, ret)
			if k != nil {
				require.Equal(t, mach.MsgID(2500), k.Message.ID)
				k.Destroy(&th.Reap)
			}
		}
	}
	r.spawn("kernel", call(0))
	r.do(func(th *sched.Thread) {
		msg := r.w.NewKmsg()
		msg.Message.ID = 2400
		x, _ := a.ExtractRight(&th.Reap, p, mach.MakeSend)
		msg.Message.Remote = x.Take()
		msg.Message.Local = MakeSendOnce(&reply)
		require.Equal(t, mach.KernSuccess, r.n.Send(th, msg))
		m := r.take(th, a, p)
		require.Equal(t, mach.KernSuccess, send(th, a, header(2500, m.Remote, mach.MoveSendOnce, 0, 0)))
	})
	r.spawn("kernel", call(5))
	r.run()
	r.spawn("kernel", call(0))
	r.run()
	r.do(func(th *sched.Thread) { Release(&th.Reap, &reply) })
	require.Equal(t, []mach.Return{mach.KernSuccess, mach.RcvTimedOut, mach.RcvPortDied}, codes)
}

func TestSpentRightsPanic(t *testing.T) {
	r := newRig(t)
	x := r.n.NewPort()
	y := x.Take()
	for name, f := range map[string]func(){
		"Take": func() { x.Take() }, "Release": func() { Release(&sched.Reap{}, &x) }, "MakeSend": func() { MakeSend(&x) },
		"CopySend": func() { CopySend(&x) }, "Port": func() { x.Port() },
	} {
		require.Panics(t, f, name)
	}
	err := r.w.Check()
	require.ErrorContains(t, err, "INV-2: port#1 (with kernel A) has 0 receive rights")
	Release(&sched.Reap{}, &y)
	require.NoError(t, r.w.Check())
}

func TestAuditNamesTheLeaker(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	var reap sched.Reap
	p := r.receive(a)
	x, _ := a.ExtractRight(&reap, p, mach.MakeSend)
	require.EqualError(t, r.w.Check(), "INV-1: port#1 (in a as 0x103) counts 1 send rights, 0 exist; found: receive: a 0x103")
	f := Frame{Holder: own{&x}}
	r.w.PushFrame(&f)
	require.NoError(t, r.w.Check())
	r.w.PopFrame(&f)
	Release(&reap, &x)
	port := d2port(a, p)
	port.msgcount++
	require.ErrorContains(t, r.w.Check(), "INV-3")
	port.msgcount--
	port.state = InTransit{port}
	require.Error(t, r.w.Check())
}

// two makes a second kernel.
func (r *rig) two(c choice.Chooser) *Node {
	r.w.chooser = c
	return r.w.NewNode(2, "B", personality.OSFManual())
}

func TestTwoKernels(t *testing.T) {
	r := newRig(t)
	n2 := r.two(nil)
	a, b := r.space("a"), n2.NewSpace("b", 9)
	dest := r.receive(b)
	d := r.give(b, dest, mach.MakeSend, a)
	r.do(func(th *sched.Thread) {
		for id := range mach.MsgID(5) {
			require.Equal(t, mach.KernSuccess, send(th, a, header(id, d, mach.CopySend, 0, 0)))
		}
		require.Equal(t, mach.SendTimedOut, send(th, a, header(9, d, mach.CopySend, 0, 0)), "the limit is exact")
		_, ret := poll(th, b, dest)
		require.Equal(t, mach.RcvTimedOut, ret, "nothing has arrived yet")
		// The receive right moves to kernel A while messages are on their way; a later message from A
		// must not overtake them (IPC-214 to IPC-216).
		require.Equal(t, d, r.give(b, dest, mach.MoveReceive, a))
		require.Equal(t, mach.KernSuccess, a.SetQlimit(d, 16))
		require.Equal(t, mach.KernSuccess, send(th, a, header(5, d, mach.CopySend, 0, 0)))
	})
	r.do(func(th *sched.Thread) {
		require.Equal(t, []mach.MsgID{0, 1, 2, 3, 4, 5}, r.ids(th, a, d))
		require.Empty(t, d2port(a, d).routes)
		require.Equal(t, r.n, d2port(a, d).Home())
	})
}

func TestRemoteKernelObject(t *testing.T) {
	r := newRig(t)
	n2 := r.two(nil)
	a := r.space("a")
	k, recv, c := r.object(n2, a)
	reply := r.receive(a)
	r.do(func(th *sched.Thread) {
		for _, id := range []mach.MsgID{2000, 2004, 2000} {
			require.Equal(t, mach.KernSuccess, send(th, a, header(id, c, mach.CopySend, reply, mach.MakeSendOnce)))
		}
		require.Empty(t, k.served, "IPC-219: asynchronous")
	})
	require.Equal(t, []mach.MsgID{2000, 2004}, k.served, "in arrival order")
	// The port closes while calls wait: they are queued on it, in order.
	k.closed = true
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, send(th, a, header(2006, c, mach.CopySend, 0, 0)))
	})
	k.gate.Wake(sched.Awakened)
	r.run()
	require.Equal(t, []mach.MsgID{2000, 2004}, k.served)
	var queued []mach.MsgID
	recv.Port().Queued(func(k *Kmsg) bool { queued = append(queued, k.Message.ID); return true })
	require.Equal(t, []mach.MsgID{2000, 2006}, queued)
	r.do(func(th *sched.Thread) {
		require.Equal(t, []mach.MsgID{2100, mach.NotifySendOnce}, r.ids(th, a, reply))
		Release(&th.Reap, recv)
	})
	r.do(func(th *sched.Thread) {
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, reply))
		require.Equal(t, mach.TypeDeadName, r.typeOf(a, c))
	})
}

func TestDeathAcrossKernels(t *testing.T) {
	r := newRig(t)
	n2 := r.two(nil)
	a, b := r.space("a"), n2.NewSpace("b", 9)
	p := r.receive(a)
	s := r.give(a, p, mach.MakeSend, b)
	n := r.receive(b)
	r.ask(b, s, mach.NotifyDeadName, 0, n)
	ns := r.receive(a)
	r.give(a, p, mach.MakeSend, a)
	r.ask(a, p, mach.NotifyNoSenders, 0, ns)
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, a.Deallocate(&th.Reap, p))
		require.Equal(t, mach.KernSuccess, send(th, b, header(1, s, mach.CopySend, 0, 0)))
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, p))
	})
	r.do(func(th *sched.Thread) {
		require.Equal(t, []mach.MsgID{mach.NotifyDeadName}, r.ids(th, b, n), "IPC-218")
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, ns))
	})
}

// last takes the last option at every delivery.
type last struct{ points int }

func (l *last) Choose(p choice.Point) int {
	l.points++
	return p.Width - 1
}

func TestDeliveryChoice(t *testing.T) {
	r := newRig(t)
	c := &last{}
	n2 := r.two(c)
	n3 := r.w.NewNode(3, "C", personality.OSFManual())
	b := n2.NewSpace("b", 9)
	a, z := r.space("a"), n3.NewSpace("z", 10)
	dest := r.receive(b)
	da, dz := r.give(b, dest, mach.MakeSend, a), r.give(b, dest, mach.MakeSend, z)
	r.do(func(th *sched.Thread) {
		for id := range mach.MsgID(2) {
			require.Equal(t, mach.KernSuccess, send(th, a, header(id, da, mach.CopySend, 0, 0)))
			require.Equal(t, mach.KernSuccess, send(th, z, header(10+id, dz, mach.CopySend, 0, 0)))
		}
	})
	require.Equal(t, 2, c.points)
	r.do(func(th *sched.Thread) { require.Equal(t, []mach.MsgID{10, 11, 0, 1}, r.ids(th, b, dest)) })
}

func TestLinkDelay(t *testing.T) {
	r := newRig(t)
	r.w.delay = 500
	n2 := r.two(nil)
	a, b := r.space("a"), n2.NewSpace("b", 9)
	dest := r.receive(b)
	d := r.give(b, dest, mach.MakeSend, a)
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, 0, 0)))
		require.Zero(t, r.s.Now())
	})
	require.Equal(t, mach.Time(500), r.s.Now())
	r.do(func(th *sched.Thread) { require.Equal(t, []mach.MsgID{1}, r.ids(th, b, dest)) })
}

// TestFailedRequestOrder: a request that failed is destroyed like any message: those on a port that dies with it
// come after the dead-name notifications of that port.
func TestFailedRequestOrder(t *testing.T) {
	r := newRig(t)
	s := r.space("client")
	_, _, object := r.object(r.n, s)
	note, p := r.receive(s), r.receive(s)
	require.Equal(t, p, r.give(s, p, mach.MakeSend, s))
	r.ask(s, p, mach.NotifyDeadName, 0, note)
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, send(th, s, with(header(1, p, mach.CopySend, 0, 0), port(note, mach.MakeSendOnce))))
		require.Equal(t, mach.KernSuccess, send(th, s, with(header(2003, object, mach.CopySend, 0, 0), port(p, mach.MoveReceive))))
		require.Equal(t, []mach.MsgID{mach.NotifyDeadName, mach.NotifySendOnce}, r.ids(th, s, note))
	})
}
