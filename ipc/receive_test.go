package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func TestPseudoReceive(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	mem := newArena(8)
	r.do(func(th *sched.Thread) {
		dest := r.receive(b)
		require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 0))
		d := r.give(b, dest, mach.MakeSend, a)
		reply, moved := r.receive(a), r.receive(a)
		set, _ := a.Allocate(mach.RightPortSet)
		require.Equal(t, mach.KernSuccess, a.InsertMember(moved, set))
		require.Equal(t, mach.KernSuccess, send(th, a, header(9, moved, mach.MakeSendOnce, 0, 0)))
		addr, _ := mem.alloc(4096)
		copy(mem.bytes[addr:], "hello")
		m := with(header(4, d, mach.MoveSend, reply, mach.MakeSendOnce), port(moved, mach.MakeSend), port(moved, mach.MoveReceive),
			UserDesc{Kind: mach.DescMemory, Memory: mach.Region{Address: addr, Size: 5}, Copy: mach.CopyVirtual, Deallocate: true})
		m.Body = []byte("body")
		ret := a.Msg(th, mem, m, &MsgArgs{Option: mach.SendMsg | mach.SendTimeout})
		require.Equal(t, mach.SendTimedOut, ret)
		require.Equal(t, mach.PortSend, m.RemoteDisp, "IPC-109")
		require.Equal(t, mach.PortSendOnce, m.LocalDisp)
		require.Equal(t, mach.TypeSend, r.typeOf(a, m.Remote))
		require.Equal(t, mach.TypeSendOnce, r.typeOf(a, m.Local), "IPC-110")
		require.Equal(t, m.Descs[0].Port, m.Descs[1].Port)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, r.typeOf(a, m.Descs[1].Port), "IPC-112")
		st := r.status(a, m.Descs[1].Port)
		require.Equal(t, []any{0, uint32(0), uint32(0), 1}, []any{st.Sets, st.Seqno, st.Mscount, st.Msgcount})
		require.Equal(t, "hello", string(mem.bytes[m.Descs[2].Memory.Address:][:5]), "IPC-113")
		require.Equal(t, "body", string(m.Body))
		require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 1))
		require.Equal(t, mach.KernSuccess, a.Msg(th, mem, m, &MsgArgs{Option: mach.SendMsg | mach.SendTimeout}), "IPC-114")
		got := &mach.UserMessage{}
		require.Equal(t, mach.KernSuccess, b.Msg(th, mem, got, &MsgArgs{Option: mach.RcvMsg, RcvName: dest, RcvLimit: 1000}))
		require.Equal(t, "hello", string(mem.bytes[got.Descs[2].Memory.Address:][:5]))
		require.Zero(t, mem.copies)
	})
}

func TestPseudoReceiveIntoDeadSpace(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	dest := r.receive(b)
	require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 0))
	d := r.give(b, dest, mach.MakeSend, a)
	var ret mach.Return
	x := r.spawn("sender", func(th *sched.Thread) {
		ret = a.Msg(th, nil, header(1, d, mach.MoveSend, 0, 0), &MsgArgs{Option: mach.SendMsg})
	})
	r.run()
	x.Kill()
	a.Terminate(&x.Reap)
	r.run()
	require.Equal(t, mach.SendInterrupted|mach.MsgIPCSpace, ret)
	require.False(t, r.status(b, dest).Srights)
}

func TestRcvNotify(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest, notify := r.receive(b), r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		reply := r.receive(a)
		rcv := func(notify mach.Name) (*mach.UserMessage, mach.Return) {
			m := &mach.UserMessage{}
			return m, b.Msg(th, nil, m, &MsgArgs{Option: mach.RcvMsg | mach.RcvTimeout | mach.RcvNotify, RcvName: dest, RcvLimit: 100, Notify: notify})
		}
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, reply, mach.MakeSend)))
		m, ret := rcv(notify)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.TypeSend|mach.TypeDNRequest, r.typeOf(b, m.Remote), "IPC-133")
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, reply, mach.MakeSend)))
		rcv(notify)
		require.Equal(t, 1, r.status(b, notify).Sorights)
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, mach.NameDead, mach.MoveSend)))
		m, ret = rcv(notify)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.NameDead, m.Remote, "IPC-134")
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, reply, mach.MakeSendOnce)))
		_, ret = rcv(0x9999)
		require.Equal(t, mach.RcvInvalidNotify, ret, "IPC-135")
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, reply))
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, reply))
		require.Equal(t, []mach.MsgID{mach.NotifyDeadName}, r.ids(th, b, notify))
	})
}

func TestReceiveRightLeavesAfterHandover(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	for _, dies := range []bool{false, true} {
		p := r.receive(a)
		once := r.give(a, p, mach.MakeSendOnce, b)
		var got mach.UserMessage
		r.spawn("receiver", func(th *sched.Thread) {
			require.Equal(t, mach.KernSuccess, a.Msg(th, nil, &got, &MsgArgs{Option: mach.RcvMsg, RcvName: p, RcvLimit: 100}))
		})
		r.run()
		var q mach.Name
		r.do(func(th *sched.Thread) {
			require.Equal(t, mach.KernSuccess, send(th, b, header(3, once, mach.MoveSendOnce, 0, 0)))
			if dies {
				a.Destroy(&th.Reap, p)
			} else {
				q = r.give(a, p, mach.MoveReceive, b)
			}
		})
		require.Equal(t, mach.MsgID(3), got.ID)
		if dies {
			require.Equal(t, mach.NameDead, got.Local, "IPC-136")
			continue
		}
		require.Equal(t, mach.NameNull, got.Local)
		r.do(func(th *sched.Thread) { require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, b, q)) })
	}
}

func TestBodyErrorOnReceive(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest := r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		x, y := r.receive(a), r.receive(a)
		m := with(header(1, d, mach.CopySend, 0, 0), port(x, mach.MakeSend), port(y, mach.MakeSendOnce))
		m.Body = []byte("rest")
		require.Equal(t, mach.KernSuccess, send(th, a, m))
		b.SetLimit(2)
		got, ret := poll(th, b, dest)
		require.Equal(t, mach.RcvBodyError|mach.MsgIPCSpace, ret, "IPC-138")
		require.Equal(t, mach.TypeSend, r.typeOf(b, got.Descs[0].Port))
		require.Equal(t, mach.NameNull, got.Descs[1].Port)
		require.Equal(t, "rest", string(got.Body))
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, y))
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, y, mach.MakeSendOnce)))
		got, ret = poll(th, b, dest)
		require.Equal(t, mach.RcvHeaderError|mach.MsgIPCSpace, ret)
		require.Equal(t, dest, got.Local)
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, y))
	})
}

func TestMsgAccepted(t *testing.T) {
	r := newRig(t, func(p *personality.Personality) { p.MsgAccepted = true })
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest, notify := r.receive(b), r.receive(a)
		d := r.give(b, dest, mach.MakeSend, a)
		require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 0))
		try := func(n mach.Name) mach.Return {
			return a.Msg(th, nil, header(1, d, mach.CopySend, 0, 0), &MsgArgs{Option: mach.SendMsg | mach.SendNotify, Notify: n})
		}
		require.Equal(t, mach.SendInvalidNotify, try(d))
		require.Equal(t, mach.SendWillNotify, try(notify))
		require.Equal(t, mach.TypeSend|mach.TypeMsgAccepted, r.typeOf(a, d))
		require.Equal(t, mach.SendNotifyInProgress, try(notify))
		r.take(th, b, dest)
		m := r.take(th, a, notify)
		require.Equal(t, mach.NotifyMsgAccepted, m.ID)
		require.Equal(t, uint32(d), word0(m))
		require.Equal(t, mach.SendWillNotify, try(notify))
		a.Destroy(&th.Reap, d)
		b.Destroy(&th.Reap, dest)
		require.Zero(t, word0(r.take(th, a, notify)))
	})
}
