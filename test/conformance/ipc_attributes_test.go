package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// TestIPC060_QueueLimitBound: setting a queue limit above 16 answers KERN_INVALID_VALUE, even for an unknown
// name.
func TestIPC060_QueueLimitBound(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.port()
		for _, limit := range []int32{17, 1000, -1} {
			a.is(mach.KernInvalidValue, a.setLimit(p, limit))
			a.is(mach.KernInvalidValue, a.setLimit(0x7701, limit))
			require.EqualValues(t, 5, a.status(p).Qlimit)
		}
		for limit := range int32(17) {
			a.ok(a.setLimit(p, limit))
			require.EqualValues(t, limit, a.status(p).Qlimit)
		}
		a.is(mach.KernInvalidName, a.setLimit(0x7701, 16))
		a.is(mach.KernInvalidRight, a.setLimit(a.set(), 16))
	})
}

// TestIPC061_QueueLimitZero: queue limit 0 is legal and makes every send through a send right block.
func TestIPC061_QueueLimitZero(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var p mach.Name
	s.Do(task, func(a *actor) {
		p = a.withSend(a.port())
		a.ok(a.setLimit(p, 0))
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.CopySend, 1)))
	})
	receiver := s.Receiver(task, p)
	sender := s.Sender(task, simple(p, mach.CopySend, 2))
	require.False(t, sender.done, "although a receiver waits")
	require.False(t, receiver.done)
	s.Do(task, func(a *actor) {
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.CopySend, 3)))
		a.ok(a.setLimit(p, 1))
	})
	require.Equal(t, mach.KernSuccess, sender.result())
	require.Equal(t, mach.KernSuccess, receiver.result())
	require.EqualValues(t, 2, receiver.msg.ID)
	s.Run()
}

// TestIPC062_RaisedLimit: raising the limit by n releases at most n blocked senders, oldest first.
func TestIPC062_RaisedLimit(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var p mach.Name
	s.Do(task, func(a *actor) {
		p = a.withSend(a.port())
		a.ok(a.setLimit(p, 1))
		a.post(simple(p, mach.CopySend, 1))
	})
	var senders []*waiting
	for i := range 4 {
		senders = append(senders, s.Sender(task, simple(p, mach.CopySend, mach.MsgID(10+i))))
	}
	raise := func(limit int32, released int) {
		s.Do(task, func(a *actor) {
			a.ok(a.setLimit(p, limit))
			require.EqualValues(t, 1+released, a.status(p).Msgcount)
		})
		for i, sender := range senders {
			require.Equal(t, i < released, sender.done, "sender %d at limit %d", i, limit)
		}
	}
	raise(3, 2)
	raise(2, 2) // lowering evicts nothing and lets nobody in
	raise(3, 2)
	raise(4, 3)
	s.Do(task, func(a *actor) { require.Equal(t, ids(1, 10, 11, 12, 13), a.drain(p)) })
	require.True(t, senders[3].done)
	s.Run()
}

// TestIPC063_SetSeqno: mach_port_set_seqno(v) makes the next message carry v.
func TestIPC063_SetSeqno(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.fill(p)
		require.EqualValues(t, 0, a.take(p).Trailer.Seqno)
		a.ok(a.setSeqno(p, 0xffffffff))
		require.EqualValues(t, uint32(0xffffffff), a.status(p).Seqno)
		require.EqualValues(t, uint32(0xffffffff), a.take(p).Trailer.Seqno)
		require.EqualValues(t, 0, a.take(p).Trailer.Seqno)
		a.ok(a.setSeqno(p, 41))
		require.EqualValues(t, 41, a.take(p).Trailer.Seqno)
		require.EqualValues(t, 42, a.take(p).Trailer.Seqno)
		a.is(mach.KernInvalidName, a.setSeqno(0x7701, 1))
		a.is(mach.KernInvalidRight, a.setSeqno(a.deadName(1), 1))
	})
}

// TestIPC064_SetMscountIsSilent: mach_port_set_mscount never produces a notification by itself.
func TestIPC064_SetMscountIsSilent(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, notify := a.fullPort(), a.port()
		a.request(p, mach.NotifyNoSenders, 10, notify)
		for _, v := range []uint32{9, 10, 11, 0xffffffff, 0} {
			a.ok(a.setMscount(p, v))
			require.Equal(t, v, a.status(p).Mscount)
			require.Empty(t, a.notes(notify))
			require.True(t, a.status(p).NSRequest)
		}
		a.ok(a.setMscount(p, 20))
		a.makeSend(p)
		require.EqualValues(t, 21, a.status(p).Mscount)
		a.ok(a.deallocate(p))
		require.Equal(t, []note{{mach.NotifyNoSenders, 21}}, a.notes(notify))
		a.is(mach.KernInvalidName, a.setMscount(0x7701, 1))
		a.is(mach.KernInvalidRight, a.setMscount(a.set(), 1))
	})
}

// TestIPC065_AttributeArguments: mach_port_get_attributes with an unknown flavor answers
// KERN_INVALID_ARGUMENT, with too small a count KERN_FAILURE.
func TestIPC065_AttributeArguments(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.port()
		get := func(name mach.Name, flavor int32, count uint32, want mach.Return, words int) {
			info, ret := a.getAttributes(name, flavor, count)
			require.Equal(t, want, ret, "flavor %d, count %d", flavor, count)
			if want == mach.KernSuccess {
				require.Len(t, info, words)
			}
		}
		for _, flavor := range []int32{0, 4, -1, 1000} {
			get(p, flavor, 10, mach.KernInvalidArgument, 0)
		}
		get(p, mach.PortLimitsInfo, 0, mach.KernFailure, 0)
		get(p, mach.PortDNRequestsSize, 0, mach.KernFailure, 0)
		for count := range uint32(mach.ReceiveStatusWords) {
			get(p, mach.PortReceiveStatus, count, mach.KernFailure, 0)
		}
		get(p, mach.PortLimitsInfo, 1, mach.KernSuccess, 1)
		get(p, mach.PortDNRequestsSize, 1, mach.KernSuccess, 1)
		get(p, mach.PortReceiveStatus, mach.ReceiveStatusWords, mach.KernSuccess, mach.ReceiveStatusWords)
		get(0x7701, mach.PortLimitsInfo, 1, mach.KernInvalidName, 0)
		get(a.set(), mach.PortLimitsInfo, 1, mach.KernInvalidRight, 0)

		// mach_port_set_attributes judges its arguments alike.
		for _, flavor := range []int32{0, mach.PortReceiveStatus, 4, -1} {
			a.is(mach.KernInvalidArgument, a.setAttributes(p, flavor, 3))
		}
		a.is(mach.KernFailure, a.setAttributes(p, mach.PortLimitsInfo))
		a.is(mach.KernFailure, a.setAttributes(p, mach.PortDNRequestsSize))
		a.ok(a.setAttributes(p, mach.PortDNRequestsSize, 12))
		info, ret := a.getAttributes(p, mach.PortDNRequestsSize, 1)
		a.ok(ret)
		require.Equal(t, []int32{12}, info)
		require.EqualValues(t, 5, a.status(p).Qlimit)
	})
}

// TestIPC066_MessageCount: the receive-status msgcount includes forced and send-once messages and may exceed
// qlimit.
func TestIPC066_MessageCount(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		count := func(want int) { require.EqualValues(t, want, a.status(p).Msgcount) }
		a.fill(p)
		count(5)
		a.post(simple(p, mach.MakeSendOnce, 6))
		count(6)
		a.ok(a.destroy(a.sendOnce(p))) // a notification
		count(7)
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.CopySend, 9)))
		for left := 6; left >= 0; left-- {
			a.take(p)
			count(left)
		}
		require.EqualValues(t, 5, a.status(p).Qlimit)
	})
}
