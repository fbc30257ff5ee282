package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func TestMoveReceiveRight(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := newRig(t, func(p *personality.Personality) {
			if keep {
				p.NSRequestOnMove = personality.MoveKeep
			}
		})
		a, b := r.space("a"), r.space("b")
		blocked := mach.KernFailure
		var moved, dest, d mach.Name
		r.do(func(th *sched.Thread) {
			dest = r.receive(b)
			d = r.give(b, dest, mach.MakeSend, a)
			moved = r.receive(a)
			require.Equal(t, mach.KernSuccess, a.SetQlimit(moved, 2))
			require.Equal(t, mach.KernSuccess, a.SetSeqno(moved, 9))
			r.give(a, moved, mach.MakeSend, a)
			notify := r.receive(a)
			r.ask(a, moved, mach.NotifyNoSenders, 0, notify)
			r.ask(a, moved, mach.NotifyPortDestroyed, 0, notify)
			r.ask(a, moved, mach.NotifyDeadName, 0, notify)
			for id := range mach.MsgID(2) {
				require.Equal(t, mach.KernSuccess, send(th, a, header(id, moved, mach.CopySend, 0, 0)))
			}
		})
		r.spawn("blocked", func(th *sched.Thread) {
			blocked = a.Msg(th, nil, header(2, moved, mach.CopySend, 0, 0), &MsgArgs{Option: mach.SendMsg})
		})
		require.Equal(t, 1, r.run())
		r.do(func(th *sched.Thread) {
			require.Equal(t, mach.KernSuccess, send(th, a, with(header(7, d, mach.CopySend, 0, 0), port(moved, mach.MoveReceive))))
			p := d2port(a, moved)
			require.Equal(t, InTransit{d2port(b, dest)}, p.Receiver())
			require.Equal(t, mach.TypeSend|mach.TypeDNRequest, r.typeOf(a, moved), "IPC-149")
			ns, pd, _ := p.Requests()
			require.Equal(t, []bool{keep, true}, []bool{ns, pd}, "IPC-150, IPC-151")
			require.Equal(t, mach.SendTimedOut, send(th, a, header(3, moved, mach.CopySend, 0, 0)), "IPC-152")
			require.NoError(t, r.w.Check())
			q := r.take(th, b, dest).Descs[0].Port
			require.Equal(t, ReceiveStatus{Qlimit: 2, Msgcount: 2, Srights: true, PortDestroyed: true, NoSenders: keep}, r.status(b, q))
			first := r.take(th, b, q)
			require.Equal(t, []any{mach.MsgID(0), uint32(0)}, []any{first.ID, first.Trailer.Seqno}, "IPC-142")
			require.Equal(t, []mach.MsgID{1, 2}, r.ids(th, b, q), "IPC-104, IPC-144")
		})
		require.Equal(t, mach.KernSuccess, blocked)
	}
}

func TestMoveWakesReceivers(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	dest := r.receive(b)
	d := r.give(b, dest, mach.MakeSend, a)
	p, q := r.receive(a), r.receive(a)
	set, _ := a.Allocate(mach.RightPortSet)
	require.Equal(t, mach.KernSuccess, a.MoveMember(q, set))
	codes := map[mach.Name]mach.Return{}
	for _, n := range []mach.Name{p, set} {
		r.spawn("receiver", func(th *sched.Thread) {
			codes[n] = a.Msg(th, nil, &mach.UserMessage{}, &MsgArgs{Option: mach.RcvMsg, RcvName: n, RcvLimit: 100})
		})
	}
	r.run()
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(p, mach.MoveReceive), port(q, mach.MoveReceive))))
	})
	require.Equal(t, map[mach.Name]mach.Return{p: mach.RcvPortDied}, codes, "IPC-145, IPC-146")
	r.do(func(th *sched.Thread) { a.Destroy(&th.Reap, set) })
	require.Equal(t, mach.RcvPortDied, codes[set], "IPC-053")
}

func TestCircular(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		// A port to itself, with a full queue (IPC-155, IPC-156).
		p := r.receive(a)
		s := r.give(a, p, mach.MakeSend, b)
		require.Equal(t, mach.KernSuccess, a.SetQlimit(p, 0))
		require.Equal(t, mach.KernSuccess, a.Msg(th, nil, with(header(1, p, mach.MakeSend, 0, 0), port(p, mach.MoveReceive)), &MsgArgs{Option: mach.SendMsg}))
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, s))

		// Two ports, each in the queue of the other (IPC-157).
		x, y := r.receive(a), r.receive(a)
		sx, sy := r.give(a, x, mach.MakeSend, b), r.give(a, y, mach.MakeSend, b)
		z := r.receive(a)
		sz := r.give(a, z, mach.MakeSend, b)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, y, mach.MakeSend, 0, 0), port(x, mach.MoveReceive), port(z, mach.MoveReceive))))
		k := r.give(a, y, mach.MoveReceive, b)
		require.Equal(t, sy, k)
		require.Equal(t, mach.KernSuccess, send(th, b, with(header(1, sx, mach.CopySend, 0, 0), port(k, mach.MoveReceive))))
		for _, n := range []mach.Name{sx, sy, sz} {
			require.Equal(t, mach.TypeDeadName, r.typeOf(b, n))
		}
	})
}

// A chain of ports, each in the queue of the next, dies in one go and without deep recursion (IPC-153).
func TestDeepChain(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	reply := r.receive(b)
	var watch mach.Name
	r.do(func(th *sched.Thread) {
		inner := r.receive(a)
		watch = r.give(a, inner, mach.MakeSend, b)
		for i := range mach.MsgID(20000) {
			outer := r.receive(a)
			once := r.give(b, reply, mach.MakeSendOnce, a)
			require.Equal(t, mach.KernSuccess, send(th, a, with(header(i, outer, mach.MakeSend, once, mach.MoveSendOnce), port(inner, mach.MoveReceive))))
			inner = outer
		}
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, inner))
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, watch))
		require.Len(t, r.ids(th, b, reply), 20000)
	})
}

func TestPortDestroyed(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		back := r.receive(b)
		once := func() *Right {
			var reap sched.Reap
			x, ret := b.ExtractRight(&reap, back, mach.MakeSendOnce)
			require.Equal(t, mach.KernSuccess, ret)
			return &x
		}
		p := r.receive(a)
		s := r.give(a, p, mach.MakeSend, b)
		require.Equal(t, mach.KernSuccess, send(th, b, header(5, s, mach.CopySend, 0, 0)))
		refused := once()
		_, ret := a.RequestNotification(&th.Reap, p, mach.NotifyPortDestroyed, 1, refused)
		require.Equal(t, mach.KernInvalidValue, ret, "IPC-178")
		Release(&th.Reap, refused)
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, b, back), "IPC-165")
		prev, ret := a.RequestNotification(&th.Reap, p, mach.NotifyPortDestroyed, 0, once())
		require.Equal(t, []any{mach.KernSuccess, true}, []any{ret, prev.IsNull()})
		prev, _ = a.RequestNotification(&th.Reap, p, mach.NotifyPortDestroyed, 0, once())
		require.Equal(t, SendOnceRight, prev.Kind(), "IPC-163")
		ReleaseQuietly(&prev)
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, p))
		m := r.take(th, b, back)
		require.Equal(t, mach.NotifyPortDestroyed, m.ID, "IPC-179")
		require.Equal(t, s, m.Descs[0].Port)
		require.Equal(t, ReceiveStatus{Qlimit: 5, Msgcount: 1, Srights: true, Sorights: 0}, r.status(b, s), "IPC-180")

		// In a destroyed message, and at task death (IPC-154, IPC-183).
		q := r.receive(a)
		_, ret = a.RequestNotification(&th.Reap, q, mach.NotifyPortDestroyed, 0, once())
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, q, mach.MakeSend, 0, 0), port(q, mach.MoveReceive))))
		m = r.take(th, b, back)
		require.Equal(t, mach.NotifyPortDestroyed, m.ID)
		q = r.give(b, m.Descs[0].Port, mach.MoveReceive, a)
		_, ret = a.RequestNotification(&th.Reap, q, mach.NotifyPortDestroyed, 0, once())
		require.Equal(t, mach.KernSuccess, ret)
		a.Terminate(&th.Reap)
		require.Equal(t, mach.NotifyPortDestroyed, r.take(th, b, back).ID)

		// A request that points to its own port, and one to a dead port (IPC-181, IPC-182).
		c := r.space("c")
		own, gone, x := r.receive(c), r.receive(c), r.receive(c)
		so, sx := r.give(c, own, mach.MakeSend, b), r.give(c, x, mach.MakeSend, b)
		r.ask(c, own, mach.NotifyPortDestroyed, 0, own)
		r.ask(c, x, mach.NotifyPortDestroyed, 0, gone)
		c.Destroy(&th.Reap, gone)
		c.Destroy(&th.Reap, own)
		c.Destroy(&th.Reap, x)
		require.Equal(t, []mach.TypeBits{mach.TypeDeadName, mach.TypeDeadName}, []mach.TypeBits{r.typeOf(b, so), r.typeOf(b, sx)})
	})
}

func TestTaskDeath(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		out, in := r.receive(b), r.receive(a)
		d := r.give(b, out, mach.MakeSend, a)
		i := r.give(a, in, mach.MakeSend, b)
		gone, stays := r.receive(b), r.receive(a)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(stays, mach.MoveReceive))))
		w := r.give(b, gone, mach.MakeSend, b)
		require.Equal(t, mach.KernSuccess, send(th, b, with(header(2, i, mach.CopySend, 0, 0), port(gone, mach.MoveReceive))))
		a.Terminate(&th.Reap)
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, w), "IPC-159")
		m := r.take(th, b, out)
		require.Equal(t, mach.TypeReceive, r.typeOf(b, m.Descs[0].Port), "IPC-158")
	})
}
