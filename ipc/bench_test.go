package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// quiet is a rig without audits.
func quiet(t testing.TB) (*sched.Scheduler, *World, *Node) {
	s := sched.New(sched.Config{})
	t.Cleanup(s.Shutdown)
	w := NewWorld(Config{Sched: s})
	return s, w, w.NewNode(1, "A", personality.Mach())
}

// pair is a port of b with a send right in a.
func pair(t testing.TB, n *Node) (a, b *Space, dest, d mach.Name) {
	a, b = n.NewSpace("a", 1), n.NewSpace("b", 2)
	dest, _ = b.Allocate(mach.RightReceive)
	var reap sched.Reap
	x, ret := b.ExtractRight(&reap, dest, mach.MakeSend)
	require.Equal(t, mach.KernSuccess, ret)
	d, _ = a.Copyout(&reap, &x)
	return a, b, dest, d
}

// exchange sends and receives without waiting, n times.
func exchange(n int, a, b *Space, dest, d mach.Name, descs int) func(*sched.Thread) {
	return func(th *sched.Thread) {
		out, in := &mach.UserMessage{Body: make([]byte, 32)}, &mach.UserMessage{}
		sa := &MsgArgs{Option: mach.SendMsg}
		ra := &MsgArgs{Option: mach.RcvMsg | mach.RcvTrailerSeqno, RcvName: dest, RcvLimit: 200}
		for range n {
			out.Remote, out.RemoteDisp = d, mach.CopySend
			out.Complex, out.Descs = descs > 0, out.Descs[:0]
			for range descs {
				out.Descs = append(out.Descs, port(d, mach.CopySend))
			}
			if a.Msg(th, nil, out, sa) != mach.KernSuccess || b.Msg(th, nil, in, ra) != mach.KernSuccess {
				panic("exchange failed")
			}
		}
	}
}

func BenchmarkSendReceive(b *testing.B) {
	for descs, name := range []string{"simple", "one right"} {
		b.Run(name, func(b *testing.B) {
			s, _, n := quiet(b)
			x, y, dest, d := pair(b, n)
			b.ReportAllocs()
			s.Spawn("both", exchange(b.N, x, y, dest, d, descs))
			s.Run()
		})
	}
}

func BenchmarkNullRPC(b *testing.B) {
	s, _, n := quiet(b)
	client, server, dest, d := pair(b, n)
	reply := client.AllocateReply()
	b.ReportAllocs()
	s.Spawn("server", func(th *sched.Thread) {
		m := &mach.UserMessage{}
		g := &MsgArgs{Option: mach.RcvMsg, RcvName: dest, RcvLimit: 200}
		for server.Msg(th, nil, m, g) == mach.KernSuccess {
			m.RemoteDisp, m.Local, m.LocalDisp = mach.MoveSendOnce, 0, 0
			g.Option = mach.SendMsg | mach.RcvMsg
		}
	})
	s.Spawn("client", func(th *sched.Thread) {
		m := &mach.UserMessage{}
		g := &MsgArgs{Option: mach.SendMsg | mach.RcvMsg, RcvName: reply, RcvLimit: 200}
		for range b.N {
			m.Remote, m.RemoteDisp, m.Local, m.LocalDisp = d, mach.CopySend, reply, mach.MakeSendOnce
			if client.Msg(th, nil, m, g) != mach.KernSuccess {
				panic("rpc failed")
			}
		}
	})
	s.Run()
}

func TestSendReceiveDoesNotAllocate(t *testing.T) {
	s, w, n := quiet(t)
	a, b, dest, d := pair(t, n)
	var allocs float64
	s.Spawn("both", func(th *sched.Thread) {
		out, in := &mach.UserMessage{Body: make([]byte, 32)}, &mach.UserMessage{}
		sa := &MsgArgs{Option: mach.SendMsg}
		ra := &MsgArgs{Option: mach.RcvMsg, RcvName: dest, RcvLimit: 200}
		allocs = testing.AllocsPerRun(100, func() {
			out.Remote, out.RemoteDisp, out.Complex = d, mach.CopySend, true
			out.Descs = append(out.Descs[:0], port(d, mach.CopySend))
			if a.Msg(th, nil, out, sa) != mach.KernSuccess || b.Msg(th, nil, in, ra) != mach.KernSuccess {
				panic("exchange failed")
			}
		})
	})
	s.Run()
	require.Zero(t, allocs)
	require.NoError(t, w.Check())
}
