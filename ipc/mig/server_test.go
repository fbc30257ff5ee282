package mig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// cell is a linear right for the kernel side of the tests.
type cell struct {
	id    int
	kind  mach.Disposition
	spent bool
}

func (c cell) IsSpent() bool                 { return c.spent }
func (c cell) Disposition() mach.Disposition { return c.kind }

func (c *cell) take() cell {
	t := *c
	*c = cell{spent: true}
	return t
}

type (
	kernelPut = put[cell, *int, []cell]
	kernelMsg = mach.Message[cell, *int]
)

var (
	kputReq = mig.For[kernelPut, cell, *int](putRow, mig.Request)
	kputRep = mig.For[putReply[cell], cell, *int](putRow, mig.Reply)
)

func TestUserServer(t *testing.T) {
	s := mig.NewServer[*int, name, region](withName)
	result := mach.KernSuccess
	mig.On(s, putReq, putRep, func(calls *int, q *userPut, r *putReply[name]) mach.Return {
		*calls++
		require.Equal(t, name(8), q.Right)
		require.Zero(t, *r)
		r.Back, r.Count = q.Right, 1
		return result
	})
	mig.OnSimple(s, hitReq, func(calls *int, q *hit[name]) mach.Return {
		*calls += int(q.N)
		return mach.MigNoReply
	})
	require.True(t, s.Serves(putRow))
	require.Panics(t, func() { mig.OnSimple(s, hitReq, nil) }, "one handler for one number")
	gnu := mig.NewServer[*int, name, region](mig.Form{Set: mig.CMU})
	mig.OnSimple(gnu, hitReq, func(*int, *hit[name]) mach.Return { return 0 })
	require.False(t, gnu.Serves(hitRow), "the set lacks the call")

	calls := 0
	v := sample()
	var m, out mach.UserMessage
	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, withName))
	in := received(&m, 70)
	descs := append([]mach.Desc[name, region](nil), in.Descs...)

	code, known := s.Dispatch(&calls, in, &out)
	require.True(t, known)
	require.Equal(t, mach.KernSuccess, code)
	require.True(t, mig.Owned(code))
	var r putReply[name]
	require.Equal(t, mach.KernSuccess, putRep.Decode(&out, &r, mig.Form{}))
	require.Equal(t, putReply[name]{8, 1}, r)
	require.Equal(t, descs, in.Descs, "a user message stays whole")

	result = mach.KernNoSpace
	code, known = s.Dispatch(&calls, in, &out)
	require.True(t, known)
	require.False(t, mig.Owned(code))
	require.Equal(t, mach.KernNoSpace, putRep.Decode(&out, &r, mig.Form{}))

	result = mach.MigNoReply
	code, _ = s.Dispatch(&calls, in, &out)
	require.Equal(t, mach.MigNoReply, code)
	require.True(t, mig.Owned(code))

	in.Body = in.Body[:4]
	code, known = s.Dispatch(&calls, in, &out)
	require.True(t, known)
	require.Equal(t, mach.MigBadArguments, code)
	require.Equal(t, 3, calls, "a malformed request reaches no handler")

	in.ID = 150
	code, known = s.Dispatch(&calls, in, &out)
	require.False(t, known)
	require.Equal(t, mach.MigBadID, code)
	require.Equal(t, mach.MsgID(250), out.ID)
	require.Equal(t, descs, in.Descs)

	require.Equal(t, mach.KernSuccess, hitReq.Encode(&hit[name]{Server: 3, N: 40}, &m, mig.Form{}))
	code, known = s.Dispatch(&calls, received(&m, 70), &out)
	require.True(t, known)
	require.Equal(t, mach.MigNoReply, code)
	require.Equal(t, 43, calls)
}

func kernelRequest(t *testing.T) *kernelMsg {
	n := new(int)
	v := kernelPut{Server: cell{id: 1, kind: mach.PortSend}, Right: cell{id: 2, kind: mach.PortSendOnce},
		Once: cell{id: 3, kind: mach.PortSendOnce}, Extra: cell{id: 4, kind: mach.PortReceive}, Data: n,
		All: []cell{{id: 5, kind: mach.PortSend}, {id: 6, kind: mach.PortSend}}}
	m := &kernelMsg{}
	require.Equal(t, mach.KernSuccess, kputReq.Encode(&v, m, withName))
	require.Equal(t, mach.PortSendOnce, m.Descs[0].Disp, "a polymorphic right says itself what it is")
	require.Equal(t, mach.PortSend, m.RemoteDisp)
	require.Zero(t, v.Right)
	return m
}

// What a kernel handler does not take is in the message again.
func TestLinearServer(t *testing.T) {
	var taken []cell
	result := mach.KernSuccess
	s := mig.NewServer[int, cell, *int](withName)
	mig.On(s, kputReq, kputRep, func(_ int, q *kernelPut, r *putReply[cell]) mach.Return {
		require.Zero(t, q.Server, "the destination stays in the header")
		taken = append(taken, q.Right.take(), q.All[1].take())
		q.Data = nil
		if result == mach.KernSuccess {
			r.Back = cell{id: 9, kind: mach.PortSend}
		}
		return result
	})
	for _, result = range []mach.Return{mach.KernSuccess, mach.KernFailure} {
		taken = nil
		in, out := kernelRequest(t), &kernelMsg{}
		code, known := s.Dispatch(0, in, out)
		require.True(t, known)
		require.Equal(t, result, code)
		require.Equal(t, []cell{{id: 2, kind: mach.PortSendOnce}, {id: 6, kind: mach.PortSend}}, taken)
		require.Zero(t, in.Descs[0].Port)
		require.Equal(t, 3, in.Descs[1].Port.id)
		require.Equal(t, 4, in.Descs[2].Port.id)
		require.Nil(t, in.Descs[3].Memory)
		require.Equal(t, []cell{{id: 5, kind: mach.PortSend}, {}}, in.Descs[4].Ports)
		require.Equal(t, 1, in.Remote.id, "the destination is not Dispatch's business")
		require.Equal(t, result == mach.KernSuccess, len(out.Descs) == 1 && out.Descs[0].Port.id == 9)
		require.Equal(t, mach.MsgID(200), out.ID)
	}
	in := kernelRequest(t)
	in.Descs[1].Disp = mach.PortSend
	before := append([]mach.Desc[cell, *int](nil), in.Descs...)
	code, _ := s.Dispatch(0, in, &kernelMsg{})
	require.Equal(t, mach.MigTypeError, code)
	require.Equal(t, before, in.Descs)
}

func TestVisitSkipsTaken(t *testing.T) {
	in := kernelRequest(t)
	var v kernelPut
	require.Equal(t, mach.KernSuccess, kputReq.Decode(in, &v, withName))
	v.Once.take()
	v.All[0].take()
	var ids []int
	kputReq.Ports(&v, withName, func(p *cell, d mach.Disposition) { ids = append(ids, p.id, int(d)) })
	require.Equal(t, []int{0, 17, 2, 18, 4, 16, 6, 17}, ids)
	n := 0
	kputReq.Memories(&v, func(p **int) { require.NotNil(t, *p); n++ })
	require.Equal(t, 1, n)
}

// Several threads can be inside one handler: each has its own request.
func TestReentrance(t *testing.T) {
	s := mig.NewServer[int, name, region](mig.Form{})
	var seen []int32
	encode := func(n int32) *mach.UserMessage {
		m := &mach.UserMessage{}
		require.Equal(t, mach.KernSuccess, hitReq.Encode(&hit[name]{Server: 1, N: n}, m, mig.Form{}))
		return m
	}
	mig.OnSimple(s, hitReq, func(depth int, q *hit[name]) mach.Return {
		if depth < 2 {
			s.Dispatch(depth+1, encode(q.N+1), &mach.UserMessage{})
		}
		seen = append(seen, q.N)
		return mach.KernSuccess
	})
	var out mach.UserMessage
	code, _ := s.Dispatch(0, encode(10), &out)
	require.Equal(t, mach.KernSuccess, code)
	require.Equal(t, []int32{12, 11, 10}, seen)
	require.Equal(t, mach.MsgID(201), out.ID, "a simple routine called with a reply port answers with its code")
	require.Equal(t, []byte{0, 0, 0, 0}, out.Body)
}

func BenchmarkDispatch(b *testing.B) {
	s := mig.NewServer[int, name, region](mig.Form{})
	mig.OnSimple(s, hitReq, func(int, *hit[name]) mach.Return { return mach.KernSuccess })
	var in, out mach.UserMessage
	hitReq.Encode(&hit[name]{Server: 1}, &in, mig.Form{})
	b.ReportAllocs()
	for b.Loop() {
		s.Dispatch(0, &in, &out)
	}
}
