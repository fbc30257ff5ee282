package ipc

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func TestHeaderRights(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest := r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		reply := r.receive(a)
		m := header(77, d, mach.CopySend, reply, mach.MakeSendOnce)
		m.Body = []byte("12345678")
		require.Equal(t, mach.KernSuccess, send(th, a, m))
		got := r.take(th, b, dest)
		require.Equal(t, mach.MsgID(77), got.ID)
		require.Equal(t, []byte("12345678"), got.Body)
		require.Equal(t, dest, got.Local)
		require.Equal(t, mach.PortSend, got.LocalDisp, "IPC-126")
		require.Equal(t, mach.PortSendOnce, got.RemoteDisp, "IPC-125")
		require.Equal(t, mach.TypeSendOnce, r.typeOf(b, got.Remote))
		require.Equal(t, mach.Trailer{Size: 20, Sender: [2]uint32{1, 0}}, got.Trailer)
		require.Equal(t, mach.KernSuccess, send(th, b, header(177, got.Remote, mach.MoveSendOnce, 0, 0)))
		require.Equal(t, mach.TypeNone, r.typeOf(b, got.Remote))
		back := r.take(th, a, reply)
		require.Equal(t, mach.PortSendOnce, back.LocalDisp)
		require.Equal(t, mach.NameNull, back.Remote)

		bad := func(want mach.Return, m *mach.UserMessage) {
			t.Helper()
			require.Equal(t, want, send(th, a, m))
		}
		bad(mach.SendInvalidHeader, header(1, d, 0, 0, 0))
		bad(mach.SendInvalidHeader, header(1, d, mach.MoveReceive, 0, 0))
		bad(mach.SendInvalidHeader, header(1, d, mach.CopySend, reply, 0))
		bad(mach.SendInvalidDest, header(1, 0, mach.CopySend, 0, 0))
		bad(mach.SendInvalidDest, header(1, mach.NameDead, mach.CopySend, 0, 0))
		bad(mach.SendInvalidDest, header(1, d, mach.MakeSend, 0, 0))
		bad(mach.SendInvalidReply, header(1, d, mach.MoveSend, 0x9999, mach.MakeSendOnce))
		bad(mach.SendInvalidReply, header(1, d, mach.MoveSend, reply, mach.MoveSend))
		require.Equal(t, 1, r.urefs(a, d, mach.RightSend), "IPC-072")
		odd := header(1, d, mach.CopySend, 0, 0)
		odd.Body = []byte("abc")
		bad(mach.SendMsgTooSmall, odd)
		dead, _ := a.Allocate(mach.RightDeadName)
		bad(mach.SendInvalidDest, header(1, dead, mach.MoveSend, 0, 0))
		require.Equal(t, 1, r.urefs(a, dead, mach.RightDeadName), "IPC-070")
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, dead, mach.MoveSend)))
		require.Equal(t, mach.TypeNone, r.typeOf(a, dead), "IPC-071")
		require.Equal(t, mach.NameDead, r.take(th, b, dest).Remote)
		require.Equal(t, mach.KernSuccess, send(th, a, header(1, d, mach.CopySend, mach.NameDead, mach.CopySend)))
		require.Equal(t, mach.NameDead, r.take(th, b, dest).Remote, "IPC-079")
		require.Equal(t, mach.KernSuccess, a.Msg(th, nil, m, &MsgArgs{}), "IPC-080")
	})
}

// TestSameName is the table of header rights for one name: what is left of the sender's name says it all.
func TestSameName(t *testing.T) {
	const mks, mko, cp, mv, mvo = mach.MakeSend, mach.MakeSendOnce, mach.CopySend, mach.MoveSend, mach.MoveSendOnce
	disps := []mach.Disposition{mks, mko, cp, mv, mvo}
	for _, kind := range []string{"receive", "send+receive", "send 1", "send 2", "once", "dead"} {
		for _, dd := range disps {
			for _, rd := range disps {
				t.Run(fmt.Sprintf("%s/%v/%v", kind, dd, rd), func(t *testing.T) {
					rg := newRig(t)
					a, b := rg.space("a"), rg.space("b")
					recv := rg.receive(b)
					name, hasSend, hasRecv, urefs := recv, true, false, 1
					s := a
					switch kind {
					case "receive":
						s, hasSend, hasRecv, urefs = b, false, true, 0
					case "send+receive":
						s, hasRecv = b, true
						rg.give(b, recv, mks, b)
					case "send 1":
						name = rg.give(b, recv, mks, a)
					case "send 2":
						name, urefs = rg.give(b, recv, mks, a), 2
						rg.give(b, recv, mks, a)
					case "once":
						name, hasSend = rg.give(b, recv, mko, a), false
					case "dead":
						name, _ = a.Allocate(mach.RightDeadName)
						hasSend = false
					}
					suits := func(d mach.Disposition) bool {
						switch d {
						case mks, mko:
							return hasRecv
						case cp, mv:
							return hasSend
						}
						return kind == "once"
					}
					want := mach.KernSuccess
					switch {
					case !suits(rd) && !(kind == "dead" && rd >= mv && rd <= cp):
						want = mach.SendInvalidReply
					case kind == "dead", dd == mvo || rd == mvo, !suits(dd), dd == mv && rd == mv && urefs < 2:
						want = mach.SendInvalidDest
					}
					before, _ := s.Lookup(name)
					rg.do(func(th *sched.Thread) {
						require.Equal(t, want, send(th, s, header(1, name, dd, name, rd)))
						after, _ := s.Lookup(name)
						if want != mach.KernSuccess {
							require.Equal(t, before, after)
							return
						}
						left := urefs
						for _, d := range []mach.Disposition{dd, rd} {
							if d == mv {
								left--
							}
						}
						ty := mach.TypeNone
						if hasRecv {
							ty |= mach.TypeReceive
						}
						if left > 0 {
							ty |= mach.TypeSend
							require.Equal(t, left, after.Urefs)
						}
						require.Equal(t, ty, after.Type)
						require.Equal(t, dd.Arrives(), rg.take(th, b, recv).LocalDisp)
					})
				})
			}
		}
	}
}

func TestBodyRights(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	r.do(func(th *sched.Thread) {
		dest := r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		x := r.receive(a)
		other := r.receive(b)
		y := r.give(b, other, mach.MakeSend, a)

		// Receive, send, send of one port end under one name (IPC-131).
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, d, mach.CopySend, 0, 0),
			port(x, mach.MakeSend), port(x, mach.MoveReceive), port(0, mach.MakeSend), port(mach.NameDead, mach.MoveReceive))))
		got := r.take(th, b, dest)
		require.Len(t, got.Descs, 4)
		n := got.Descs[0].Port
		require.Equal(t, n, got.Descs[1].Port)
		require.Equal(t, mach.PortReceive, got.Descs[1].Disp)
		require.Equal(t, mach.NameNull, got.Descs[2].Port, "IPC-091")
		require.Equal(t, mach.NameDead, got.Descs[3].Port)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, r.typeOf(b, n), "IPC-130")
		require.Equal(t, ReceiveStatus{Qlimit: 5, Srights: true}, r.status(b, n), "IPC-141")
		require.Equal(t, mach.TypeNone, r.typeOf(a, x))

		// MOVE_SEND twice of one reference; the right before it is destroyed (IPC-085, IPC-089).
		reply, z := r.receive(a), r.receive(a)
		ret := send(th, a, with(header(1, d, mach.CopySend, reply, mach.MakeSendOnce),
			port(y, mach.MoveSend), port(y, mach.MoveSend), port(z, mach.MoveReceive)))
		require.Equal(t, mach.SendInvalidRight, ret)
		require.Equal(t, mach.TypeNone, r.typeOf(a, y))
		require.Equal(t, mach.TypeReceive, r.typeOf(a, z))
		require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, reply), "IPC-088")
		require.False(t, r.status(b, other).Srights)

		// COPY then MOVE is fine (IPC-086).
		y = r.give(b, other, mach.MakeSend, a)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(y, mach.CopySend), port(y, mach.MoveSend))))
		got = r.take(th, b, dest)
		require.Equal(t, other, got.Descs[0].Port)
		require.Equal(t, 2, r.urefs(b, other, mach.RightSend), "IPC-127")

		// MOVE_RECEIVE then MAKE_SEND: the port dies (IPC-087).
		p := r.give(a, z, mach.MakeSend, b)
		require.Equal(t, mach.SendInvalidRight, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(z, mach.MoveReceive), port(z, mach.MakeSend))))
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, p))

		require.Equal(t, mach.SendMsgTooSmall, send(th, a, with(header(1, d, mach.CopySend, 0, 0))), "IPC-092")
		bad := port(d, 22)
		require.Equal(t, mach.SendInvalidType, send(th, a, with(header(1, d, mach.CopySend, 0, 0), bad)), "IPC-093")
		bad = port(d, mach.CopySend)
		bad.Kind = 9
		require.Equal(t, mach.SendInvalidType, send(th, a, with(header(1, d, mach.CopySend, 0, 0), bad)))
		set, _ := a.Allocate(mach.RightPortSet)
		for disp := mach.MoveReceive; disp <= mach.MakeSendOnce; disp++ {
			require.Equal(t, mach.SendInvalidRight, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(set, disp))), "IPC-059")
		}
		dead, _ := a.Allocate(mach.RightDeadName)
		for _, disp := range []mach.Disposition{mach.MakeSend, mach.MakeSendOnce, mach.MoveReceive} {
			require.Equal(t, mach.SendInvalidRight, send(th, a, with(header(1, d, mach.CopySend, 0, 0), port(dead, disp))), "IPC-097")
		}

		// A right whose port dies under way arrives as DEAD (IPC-132).
		v := r.receive(a)
		require.Equal(t, mach.KernSuccess, send(th, a, with(header(1, d, mach.CopySend, v, mach.MakeSend), port(v, mach.MakeSendOnce))))
		require.Equal(t, mach.KernSuccess, a.Destroy(&th.Reap, v))
		got = r.take(th, b, dest)
		require.Equal(t, []mach.Name{mach.NameDead, mach.NameDead}, []mach.Name{got.Remote, got.Descs[0].Port})
	})
}

func TestQueueLimitAndBlockedSenders(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	dest := r.receive(b)
	d := r.give(b, dest, mach.MakeSend, a)
	once := r.give(b, dest, mach.MakeSendOnce, a)
	codes := map[string]mach.Return{}
	block := func(name string, id mach.MsgID, option mach.Option, timeout mach.Timeout) *sched.Thread {
		return r.spawn(name, func(th *sched.Thread) {
			codes[name] = a.Msg(th, nil, header(id, d, mach.CopySend, 0, 0), &MsgArgs{Option: mach.SendMsg | option, Timeout: timeout})
		})
	}
	r.do(func(th *sched.Thread) {
		for id := range mach.MsgID(5) {
			require.Equal(t, mach.KernSuccess, send(th, a, header(id, d, mach.CopySend, 0, 0)))
		}
		require.Equal(t, mach.SendTimedOut, send(th, a, header(9, d, mach.CopySend, 0, 0)), "IPC-098")
		require.Equal(t, 2, r.urefs(a, d, mach.RightSend), "IPC-111")
		require.Equal(t, mach.KernSuccess, send(th, a, header(6, once, mach.MoveSendOnce, 0, 0)), "IPC-099")
	})
	block("s1", 11, 0, 0)
	block("s2", 12, 0, 0)
	x := block("s3", 13, 0, 0)
	require.Equal(t, 3, r.run())
	require.Equal(t, 6, r.status(b, dest).Msgcount, "IPC-066")
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 8)) // room for 2
		require.Equal(t, 1, d2port(b, dest).BlockedSenders(), "IPC-062")
	})
	require.Equal(t, mach.KernSuccess, codes["s1"])
	x.Abort()
	r.run()
	require.Equal(t, mach.SendInterrupted, codes["s3"], "IPC-106")
	require.Equal(t, 3, r.urefs(a, d, mach.RightSend))
	block("s4", 14, mach.SendTimeout, 7)
	r.run()
	require.Equal(t, mach.SendTimedOut, codes["s4"])
	require.Equal(t, 7*mach.Millisecond, r.s.Now())
	block("s5", 15, 0, 0)
	block("s6", 16, 0, 0)
	r.run()
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.RcvTooLarge, b.Msg(th, nil, &mach.UserMessage{}, &MsgArgs{Option: mach.RcvMsg, RcvName: dest, RcvLimit: 3}))
		require.Equal(t, 8, r.status(b, dest).Msgcount, "IPC-108: the slot went to s5")
		require.Equal(t, []mach.MsgID{1, 2, 3, 4, 6, 11, 12, 15, 16}, r.ids(th, b, dest), "IPC-100")
		require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 0))
		require.Equal(t, mach.SendTimedOut, send(th, a, header(9, d, mach.CopySend, 0, 0)), "IPC-061")
		require.Equal(t, mach.KernInvalidValue, b.SetQlimit(0x7777, 17), "IPC-060")
	})
	block("s7", 17, 0, 0)
	r.run()
	r.do(func(th *sched.Thread) { require.Equal(t, mach.KernSuccess, b.Destroy(&th.Reap, dest)) })
	require.Equal(t, mach.KernSuccess, codes["s7"], "IPC-103")
}

func d2port(s *Space, n mach.Name) *Port {
	e, _ := s.Lookup(n)
	return e.Port
}

func TestSendToDyingPortInvalid(t *testing.T) {
	r := newRig(t, func(p *personality.Personality) { p.SendToDyingPort = personality.DyingInvalid })
	a := r.space("a")
	dest := r.receive(a)
	require.Equal(t, mach.KernSuccess, a.SetQlimit(dest, 0))
	var ret mach.Return
	r.spawn("s", func(th *sched.Thread) {
		ret = a.Msg(th, nil, header(1, dest, mach.MakeSend, 0, 0), &MsgArgs{Option: mach.SendMsg})
	})
	r.run()
	r.do(func(th *sched.Thread) { a.Destroy(&th.Reap, dest) })
	require.Equal(t, mach.SendInvalidDest, ret)
}

func TestReceiversAndSeqno(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	p := r.receive(a)
	var order []string
	wait := func(name string, option mach.Option, limit mach.Size) *sched.Thread {
		return r.spawn(name, func(th *sched.Thread) {
			m := &mach.UserMessage{}
			g := &MsgArgs{Option: mach.RcvMsg | mach.RcvTrailerSeqno | option, RcvName: p, RcvLimit: limit, Timeout: 3}
			ret := a.Msg(th, nil, m, g)
			order = append(order, fmt.Sprintf("%s %v id %d seqno %d", name, ret, m.ID, m.Trailer.Seqno))
			if ret == mach.RcvTooLarge {
				require.Equal(t, mach.Size(32), g.Size)
			}
		})
	}
	wait("r1", mach.RcvLarge, 40)
	wait("r2", 0, 100)
	wait("r3", 0, 100)
	wait("r4", mach.RcvTimeout, 100)
	x := wait("r5", 0, 100)
	r.s.At(1, func() {})
	r.run() // r4 times out
	x.Abort()
	r.run()
	r.do(func(th *sched.Thread) {
		for id := range mach.MsgID(2) {
			m := header(id, p, mach.MakeSendOnce, 0, 0)
			m.Body = make([]byte, 8)
			require.Equal(t, mach.KernSuccess, send(th, a, m))
		}
	})
	require.Equal(t, []string{"r4 MACH_RCV_TIMED_OUT id 0 seqno 0", "r5 MACH_RCV_INTERRUPTED id 0 seqno 0",
		"r1 MACH_RCV_TOO_LARGE id 0 seqno 0", "r2 KERN_SUCCESS id 0 seqno 0", "r3 KERN_SUCCESS id 1 seqno 1"}, order)
	r.do(func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, a.SetSeqno(p, 40))
		big := header(5, p, mach.MakeSend, p, mach.MakeSendOnce)
		big.Body = make([]byte, 100)
		require.Equal(t, mach.KernSuccess, send(th, a, big))
		m := &mach.UserMessage{}
		g := &MsgArgs{Option: mach.RcvMsg | mach.RcvLarge, RcvName: p, RcvLimit: 131}
		require.Equal(t, mach.RcvTooLarge, a.Msg(th, nil, m, g), "IPC-121, IPC-123")
		require.Equal(t, mach.Size(124), g.Size)
		require.Equal(t, uint32(40), r.status(a, p).Seqno)
		g.Option = mach.RcvMsg | mach.RcvTrailerSeqno
		require.Equal(t, mach.RcvTooLarge, a.Msg(th, nil, m, g), "IPC-120")
		require.Equal(t, p, m.Local)
		require.Equal(t, mach.NameNull, m.Remote)
		require.Equal(t, mach.Trailer{Size: 8}, m.Trailer)
		got := r.take(th, a, p)
		require.Equal(t, mach.NotifySendOnce, got.ID, "IPC-122")
		require.Equal(t, uint32(41), got.Trailer.Seqno, "IPC-063")
		require.Equal(t, kernelToken, got.Trailer.Sender)
		_, ret := poll(th, a, p)
		require.Equal(t, mach.RcvTimedOut, ret, "IPC-116")
		for _, n := range []mach.Name{0, mach.NameDead, 0x7777} {
			_, ret = poll(th, a, n)
			require.Equal(t, mach.RcvInvalidName, ret, "IPC-115")
		}
		require.Equal(t, mach.RcvInvalidTrailer, a.Msg(th, nil, m, &MsgArgs{Option: mach.RcvMsg | 3<<24, RcvName: p}))
	})
}
