package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

func TestDeadNameAndPortDeleted(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		n := r.receive(b)
		p := r.receive(a)
		s := r.give(a, p, mach.MakeSend, b)
		o := r.give(a, p, mach.MakeSendOnce, b)
		r.ask(b, s, mach.NotifyDeadName, 0, n)
		r.ask(b, o, mach.NotifyDeadName, 0, n)
		require.Equal(t, mach.TypeSend|mach.TypeDNRequest, r.typeOf(b, s))
		require.Equal(t, mach.KernSuccess, b.Rename(s, 0x4711), "IPC-009")
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, p))
		m := r.take(th, b, n)
		require.Equal(t, []any{mach.NotifyDeadName, uint32(0x4711)}, []any{m.ID, word0(m)}, "IPC-011")
		require.Equal(t, []any{mach.NameNull, mach.PortSendOnce}, []any{m.Remote, m.LocalDisp}, "IPC-161")
		require.Equal(t, uint32(o), word0(r.take(th, b, n)))
		require.Equal(t, 2, r.urefs(b, 0x4711, mach.RightDeadName))
		require.Equal(t, 2, r.urefs(b, o, mach.RightDeadName))
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, o), "IPC-162")

		null := Right{}
		_, ret := b.RequestNotification(&th.Reap, o, mach.NotifyDeadName, 1, &null)
		require.Equal(t, mach.KernInvalidArgument, ret)
		x, _ := b.ExtractRight(&th.Reap, n, mach.MakeSendOnce)
		_, ret = b.RequestNotification(&th.Reap, o, mach.NotifyDeadName, 0, &x)
		require.Equal(t, mach.KernInvalidArgument, ret, "IPC-176")
		_, ret = b.RequestNotification(&th.Reap, o, mach.NotifyDeadName, 1, &x)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, 3, r.urefs(b, o, mach.RightDeadName))
		require.Equal(t, []mach.MsgID{mach.NotifyDeadName}, r.ids(th, b, n))
		set, _ := b.Allocate(mach.RightPortSet)
		x, _ = b.ExtractRight(&th.Reap, n, mach.MakeSendOnce)
		_, ret = b.RequestNotification(&th.Reap, set, mach.NotifyDeadName, 0, &x)
		require.Equal(t, mach.KernInvalidRight, ret, "IPC-177")
		_, ret = b.RequestNotification(&th.Reap, set, 99, 0, &x)
		require.Equal(t, mach.KernInvalidValue, ret)
		dead := DeadValue()
		_, ret = b.RequestNotification(&th.Reap, set, 99, 0, &dead)
		require.Equal(t, mach.KernInvalidCapability, ret)
		Release(&th.Reap, &x)
		r.ids(th, b, n)

		// The order when a send-once right and a last send right go (IPC-174, IPC-175).
		q := r.receive(b)
		o = r.give(b, q, mach.MakeSendOnce, b)
		r.ask(b, o, mach.NotifyDeadName, 0, q)
		require.Equal(t, mach.KernSuccess, b.Deallocate(&th.Reap, o))
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce, mach.NotifyPortDeleted}, r.ids(th, b, q))
		c := r.space("c")
		s = r.give(b, q, mach.MakeSend, c)
		nc := r.give(b, q, mach.MakeSendOnce, c)
		right, _ := c.ExtractRight(&th.Reap, nc, mach.MoveSendOnce)
		_, ret = c.RequestNotification(&th.Reap, s, mach.NotifyDeadName, 0, &right)
		require.Equal(t, mach.KernSuccess, ret)
		r.ask(b, q, mach.NotifyNoSenders, 0, q)
		require.Equal(t, mach.KernSuccess, c.Deallocate(&th.Reap, s))
		require.Equal(t, []mach.MsgID{mach.NotifyNoSenders, mach.NotifyPortDeleted}, r.ids(th, b, q))

		// Port-deleted is queued before the message whose copyin caused it (IPC-095, IPC-173).
		o = r.give(b, q, mach.MakeSendOnce, c)
		right, _ = b.ExtractRight(&th.Reap, q, mach.MakeSendOnce)
		c.RequestNotification(&th.Reap, o, mach.NotifyDeadName, 0, &right)
		require.Equal(t, mach.KernSuccess, send(th, c, header(1000, o, mach.MoveSendOnce, 0, 0)))
		require.Equal(t, []mach.MsgID{mach.NotifyPortDeleted, 1000}, r.ids(th, b, q))
	})
}

func TestSendCancel(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	r.do(func(th *sched.Thread) {
		p, n := r.receive(a), r.receive(a)
		o := r.give(a, p, mach.MakeSendOnce, a)
		r.ask(a, o, mach.NotifyDeadName, 0, n)
		call := func(notify mach.Name) mach.Return {
			return a.Msg(th, nil, header(1, o, mach.MoveSendOnce, 0, 0), &MsgArgs{Option: mach.SendMsg | mach.SendCancel, Notify: notify})
		}
		require.Equal(t, mach.SendInvalidNotify, call(0))
		require.Equal(t, mach.SendInvalidNotify, call(o), "IPC-083")
		require.Equal(t, mach.KernSuccess, call(n), "IPC-082")
		require.Empty(t, r.ids(th, a, n))
		require.Zero(t, r.status(a, n).Sorights)
		o = r.give(a, p, mach.MakeSendOnce, a)
		r.ask(a, o, mach.NotifyDeadName, 0, n)
		require.Equal(t, mach.KernSuccess, call(p))
		require.Equal(t, []mach.MsgID{mach.NotifyPortDeleted}, r.ids(th, a, n))
	})
}

func TestNoSenders(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		p, n := r.receive(a), r.receive(a)
		r.ask(a, p, mach.NotifyNoSenders, 0, n)
		require.Equal(t, []mach.MsgID{mach.NotifyNoSenders}, r.ids(th, a, n), "IPC-166")
		r.ask(a, p, mach.NotifyNoSenders, 1, n)
		require.Empty(t, r.ids(th, a, n), "IPC-167")
		s := r.give(a, p, mach.MakeSend, b)
		o := r.give(a, p, mach.MakeSendOnce, b)
		// The right travels as destination: the request waits until the message is received (IPC-169).
		require.Equal(t, mach.KernSuccess, send(th, b, header(1, s, mach.MoveSend, 0, 0)))
		require.Empty(t, r.ids(th, a, n))
		r.take(th, a, p)
		m := r.take(th, a, n)
		require.Equal(t, []any{mach.NotifyNoSenders, uint32(1)}, []any{m.ID, word0(m)}, "IPC-168")
		require.Equal(t, mach.TypeSendOnce, r.typeOf(b, o))
		require.Equal(t, mach.KernSuccess, a.SetMscount(p, 0), "IPC-064")

		// Armed at death: send-once, except where the last sender goes with it (IPC-170, IPC-171).
		r.give(a, p, mach.MakeSend, a)
		r.ask(a, p, mach.NotifyNoSenders, 0, n)
		require.Equal(t, mach.KernSuccess, a.ModRefs(&th.Reap, p, mach.RightReceive, -1))
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, n))
		q := r.receive(a)
		r.give(a, q, mach.MakeSend, a)
		r.ask(a, q, mach.NotifyNoSenders, 0, n)
		r.ask(a, q, mach.NotifyDeadName, 0, n)
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, q))
		m = r.take(th, a, n)
		require.Equal(t, []any{mach.NotifyNoSenders, uint32(1)}, []any{m.ID, word0(m)})
		require.Equal(t, mach.NotifyPortDeleted, r.take(th, a, n).ID)
	})
}

// assoc notes its call among the events of a port's death.
type assoc struct{ log func(string) }

func (x *assoc) PortDied(*sched.Thread) { x.log("hook") }

func TestOrderOfDeath(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		n, p := r.receive(b), r.receive(a)
		s := r.give(a, p, mach.MakeSend, b)
		o := r.give(b, n, mach.MakeSendOnce, a)
		right, _ := a.ExtractRight(&th.Reap, o, mach.MoveSendOnce)
		_, ret := a.RequestNotification(&th.Reap, p, mach.NotifyNoSenders, 0, &right)
		require.Equal(t, mach.KernSuccess, ret)
		r.ask(b, s, mach.NotifyDeadName, 0, n)
		require.Equal(t, mach.KernSuccess, send(th, b, header(1, s, mach.CopySend, n, mach.MakeSendOnce)))
		hooks := []int{}
		d2port(a, p).SetAssociation(r.n, &assoc{func(string) { hooks = append(hooks, r.status(b, n).Msgcount) }})
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, p))
		require.Empty(t, hooks)
		th.Drain()
		require.Equal(t, []int{3}, hooks, "IPC-184: the hook runs after the notifications")
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce, mach.NotifySendOnce, mach.NotifyDeadName}, r.ids(th, b, n))
	})
}

func TestPortSets(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	r.do(func(th *sched.Thread) {
		p, q := r.receive(a), r.receive(a)
		s1, _ := a.Allocate(mach.RightPortSet)
		s2, _ := a.Allocate(mach.RightPortSet)
		post := func(n mach.Name, ids ...mach.MsgID) {
			for _, id := range ids {
				require.Equal(t, mach.KernSuccess, send(th, a, header(id, n, mach.MakeSendOnce, 0, 0)))
			}
		}
		require.Equal(t, mach.KernNotInSet, a.MoveMember(p, 0), "IPC-054")
		require.Equal(t, mach.KernInvalidName, a.MoveMember(0x999, 0))
		require.Equal(t, mach.KernInvalidRight, a.MoveMember(s1, s2))
		require.Equal(t, mach.KernInvalidName, a.MoveMember(p, 0x999))
		require.Equal(t, mach.KernInvalidRight, a.MoveMember(p, q))
		post(p, 1, 2)
		require.Equal(t, mach.KernSuccess, a.MoveMember(q, s1))
		post(q, 3)
		require.Equal(t, mach.KernSuccess, a.MoveMember(p, s1))
		post(p, 4)
		post(q, 5)
		_, ret := poll(th, a, p)
		require.Equal(t, mach.RcvInSet, ret, "IPC-048")
		require.Equal(t, mach.KernSuccess, a.MoveMember(p, s1), "IPC-055")
		require.Equal(t, mach.KernSuccess, a.InsertMember(p, s2))
		post(p, 6)
		names, _ := a.GetSetStatus(s1)
		require.Equal(t, []mach.Name{q, p}, names)
		m := r.take(th, a, s1)
		require.Equal(t, []any{mach.MsgID(3), q, uint32(0)}, []any{m.ID, m.Local, m.Trailer.Seqno}, "IPC-050, IPC-056")
		m = r.take(th, a, s2)
		require.Equal(t, []any{mach.MsgID(1), p}, []any{m.ID, m.Local})
		m = r.take(th, a, s1)
		require.Equal(t, []any{mach.MsgID(2), p, uint32(1)}, []any{m.ID, m.Local, m.Trailer.Seqno})
		require.Equal(t, mach.KernSuccess, a.ExtractMember(p, s1))
		require.Equal(t, mach.KernNotInSet, a.ExtractMember(p, s1))
		require.Equal(t, []mach.MsgID{5}, r.ids(th, a, s1))
		require.Equal(t, []mach.MsgID{4, 6}, r.ids(th, a, s2), "IPC-051")
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, s2))
		require.Equal(t, mach.TypeReceive, r.typeOf(a, p))
	})

	// A set's receiver is served by a port that joins, a port's receiver learns of it (IPC-049, IPC-052).
	p, q := r.receive(a), r.receive(a)
	set, _ := a.Allocate(mach.RightPortSet)
	codes := map[mach.Name]mach.Return{}
	var id mach.MsgID
	for _, n := range []mach.Name{set, p} {
		r.spawn("receiver", func(th *sched.Thread) {
			m := &mach.UserMessage{}
			codes[n] = a.Msg(th, nil, m, &MsgArgs{Option: mach.RcvMsg, RcvName: n, RcvLimit: 100})
			if n == set {
				id = m.ID
			}
		})
	}
	r.run()
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, send(th, a, header(8, q, mach.MakeSend, 0, 0)))
		require.Equal(t, mach.KernSuccess, a.MoveMember(p, set))
		require.Equal(t, mach.KernSuccess, a.MoveMember(q, set))
	})
	require.Equal(t, map[mach.Name]mach.Return{set: mach.KernSuccess, p: mach.RcvPortChanged}, codes)
	require.Equal(t, mach.MsgID(8), id)
}
