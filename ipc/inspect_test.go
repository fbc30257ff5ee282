package ipc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

func TestAttributes(t *testing.T) {
	for _, multi := range []bool{true, false} {
		r := newRig(t, func(p *personality.Personality) { p.MultiSet = multi })
		a := r.space("a")
		p := r.receive(a)
		s1, _ := a.Allocate(mach.RightPortSet)
		s2, _ := a.Allocate(mach.RightPortSet)
		require.Equal(t, mach.KernSuccess, a.InsertMember(p, s1))
		want := mach.KernSuccess
		if !multi {
			want = mach.KernAlreadyInSet
		}
		require.Equal(t, want, a.InsertMember(p, s2), "ID-02")
		get := func(name mach.Name, flavor int32, count int) ([]uint32, mach.Return) {
			return a.GetAttributes(name, flavor, count)
		}
		words, ret := get(p, mach.PortReceiveStatus, 10)
		require.Equal(t, mach.KernSuccess, ret)
		set := uint32(s1)
		if multi {
			set = 2
		}
		require.Equal(t, []uint32{set, 0, 0, 5, 0, 0, 0, 0, 0, 0}, words)
		_, ret = get(p, 9, 10)
		require.Equal(t, mach.KernInvalidArgument, ret, "IPC-065")
		_, ret = get(p, mach.PortReceiveStatus, 9)
		require.Equal(t, mach.KernFailure, ret)
		_, ret = get(0x999, mach.PortLimitsInfo, 1)
		require.Equal(t, mach.KernInvalidName, ret)
		_, ret = get(s1, mach.PortLimitsInfo, 1)
		require.Equal(t, mach.KernInvalidRight, ret)
		require.Equal(t, mach.KernSuccess, a.SetAttributes(p, mach.PortLimitsInfo, []uint32{7}))
		words, _ = get(p, mach.PortLimitsInfo, 1)
		require.Equal(t, []uint32{7}, words)
		require.Equal(t, mach.KernSuccess, a.SetAttributes(p, mach.PortDNRequestsSize, []uint32{32}))
		words, _ = get(p, mach.PortDNRequestsSize, 1)
		require.Equal(t, []uint32{32}, words)
		require.Equal(t, mach.KernInvalidValue, a.SetAttributes(0x999, mach.PortLimitsInfo, []uint32{17}))
		require.Equal(t, mach.KernInvalidArgument, a.SetAttributes(p, mach.PortReceiveStatus, make([]uint32, 10)))
		require.Equal(t, mach.KernFailure, a.SetAttributes(p, mach.PortLimitsInfo, nil))
	}
}

func TestDescribe(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	p := r.receive(a)
	r.give(a, p, mach.MakeSend, a)
	set, _ := a.Allocate(mach.RightPortSet)
	dead, _ := a.Allocate(mach.RightDeadName)
	require.Equal(t, mach.Name(0x303), dead)
	require.Equal(t, mach.KernSuccess, a.MoveMember(p, set))
	r.ask(a, p, mach.NotifyDeadName, 0, p)
	require.Equal(t, "space of a, 3 names\n"+
		"  0x103 SEND+RECEIVE+DNREQUEST of port#1 x1 (0/5 messages, seqno 0)\n"+
		"  0x203 PORT_SET of 1 ports\n"+
		"  0x303 DEAD_NAME x1\n", a.Describe())
	q := d2port(a, p)
	require.Equal(t, "port#1: in a as 0x103, 0/5 messages, seqno 0, make-send 1, 1 send, 1 send-once, in 1 sets, requests: 1 dead-name", q.Describe())
	require.Equal(t, "a", q.HeldBy())
	n, ok := a.NameOf(q)
	require.Equal(t, []any{p, true}, []any{n, ok})
	count := 0
	for range a.Entries() {
		count++
	}
	require.Equal(t, 3, count)
}

// TestTrace reads the life of one message, and of a port that goes with another, from the trace.
func TestTrace(t *testing.T) {
	s := sched.New(sched.Config{})
	t.Cleanup(s.Shutdown)
	tr := trace.New()
	w := NewWorld(Config{Sched: s, Tracer: tr})
	n := w.NewNode(1, "A", personality.OSFManual())
	r := &rig{T: t, s: s, w: w, n: n}
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest := r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		x := r.receive(a)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(7, d, mach.CopySend, 0, 0), port(x, mach.MoveReceive))))
		r.take(th, b, dest)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(8, d, mach.CopySend, d, mach.CopySend)))&^mach.SendMsgTooSmall)
		require.Equal(t, mach.KernSuccess, b.Destroy(&th.Reap, dest))
	})
	var got []string
	for rec := range tr.Records() {
		if e, ok := trace.As[trace.Message](rec); ok {
			got = append(got, strings.Join([]string{e.Op.String(), mach.Name(e.ID).String(), e.Code.String()}, " "))
		}
		if e, ok := trace.As[trace.PortEvent](rec); ok {
			got = append(got, e.Op.String())
		}
	}
	require.Equal(t, []string{"create", "create", "move", "send 0x7 KERN_SUCCESS", "deliver 0x7 KERN_SUCCESS", "arrive",
		"refuse 0x8 MACH_SEND_MSG_TOO_SMALL", "destroy 0x8 KERN_SUCCESS", "move", "die"}, got)
}

// TestNotificationToKernel: a notification for a port of the kernel's own is executed from the Reap.
func TestNotificationToKernel(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	k, recv, _ := r.object(r.n, a)
	p := r.receive(a)
	r.do(func(th *sched.Thread) {
		notify := recv.Port().KernelMakeSendOnce()
		_, ret := a.RequestNotification(&th.Reap, p, mach.NotifyDeadName, 0, &notify)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, p))
		require.Empty(t, k.served)
		th.Drain()
		require.Equal(t, []mach.MsgID{mach.NotifyPortDeleted}, k.served)
		require.Zero(t, recv.Port().Sorights())
	})
}
