package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func TestNameGeneration(t *testing.T) {
	r := newRig(t)
	s := r.space("a")
	for _, want := range []mach.Name{0x103, 0x203, 0x303} {
		n, ret := s.Allocate(mach.RightDeadName)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, want, n)
	}
	var reap sched.Reap
	require.Equal(t, mach.KernSuccess, s.Destroy(&reap, 0x103))
	require.Equal(t, mach.KernSuccess, s.Destroy(&reap, 0x203))
	n, _ := s.Allocate(mach.RightDeadName)
	require.Equal(t, mach.Name(0x207), n, "the index freed last comes first, with the next generation")
	n, _ = s.Allocate(mach.RightDeadName)
	require.Equal(t, mach.Name(0x107), n)
	_, ret := s.Type(0x103)
	require.Equal(t, mach.KernInvalidName, ret, "IPC-003")
	for i := 2; i < 64; i++ { // an index repeats a name after 64 uses
		require.Equal(t, mach.KernSuccess, s.Destroy(&reap, n))
		n, _ = s.Allocate(mach.RightDeadName)
	}
	require.Equal(t, mach.Name(0x1ff), n)
	require.Equal(t, mach.KernSuccess, s.Destroy(&reap, n))
	n, _ = s.Allocate(mach.RightDeadName)
	require.Equal(t, mach.Name(0x103), n)
	require.NoError(t, r.w.Check())
}

func TestChosenNames(t *testing.T) {
	r := newRig(t)
	s := r.space("a")
	var reap sched.Reap
	require.Equal(t, mach.KernInvalidValue, s.AllocateName(mach.RightReceive, mach.NameNull))
	require.Equal(t, mach.KernInvalidValue, s.AllocateName(mach.RightSend, mach.NameDead))
	require.Equal(t, mach.KernSuccess, s.AllocateName(mach.RightDeadName, 0x203))
	require.Equal(t, mach.KernSuccess, s.AllocateName(mach.RightDeadName, 0x255)) // same index, beside
	require.Equal(t, mach.KernNameExists, s.AllocateName(mach.RightReceive, 0x203))
	a, _ := s.Allocate(mach.RightReceive)
	b, _ := s.Allocate(mach.RightReceive)
	require.Equal(t, []mach.Name{0x103, 0x303}, []mach.Name{a, b}, "a chosen name takes its index")
	require.Equal(t, mach.KernSuccess, s.AllocateName(mach.RightPortSet, 0xffffff00))
	names, types, _ := s.Names()
	require.Equal(t, []mach.Name{0x103, 0x203, 0x303, 0x255, 0xffffff00}, names)
	require.Len(t, types, 5)
	require.Equal(t, mach.KernSuccess, s.Rename(0x203, 0x42))
	require.Equal(t, mach.KernInvalidName, s.Rename(0x203, 0x43))
	require.Equal(t, mach.KernNameExists, s.Rename(0x42, 0x42))
	require.Equal(t, mach.KernInvalidValue, s.Rename(0x42, mach.NameDead))
	c, _ := s.Allocate(mach.RightReceive)
	require.Equal(t, mach.Name(0x203), c, "the index the rename freed is the next")
	for _, n := range []mach.Name{0x42, 0x255, 0xffffff00, 0x103, 0x303, 0x203} {
		require.Equal(t, mach.KernSuccess, s.Destroy(&reap, n))
	}
	require.Zero(t, s.count)
	require.NoError(t, r.w.Check())
}

func TestTableFull(t *testing.T) {
	r := newRig(t)
	s := r.space("a")
	s.SetLimit(1)
	r.receive(s)
	_, ret := s.Allocate(mach.RightReceive)
	require.Equal(t, mach.KernNoSpace, ret)
	require.Equal(t, mach.KernNoSpace, s.AllocateName(mach.RightReceive, 0x999))
}

func TestAllocateRights(t *testing.T) {
	r := newRig(t)
	s := r.space("a")
	for _, right := range []mach.RightCode{mach.RightSend, mach.RightSendOnce, 5, 7} {
		_, ret := s.Allocate(right)
		require.Equal(t, mach.KernInvalidValue, ret)
	}
	n, _ := s.Allocate(mach.RightReceive)
	require.Equal(t, ReceiveStatus{Qlimit: 5}, r.status(s, n), "IPC-012")
	d, _ := s.Allocate(mach.RightDeadName)
	require.Equal(t, 1, r.urefs(s, d, mach.RightDeadName))
	_, ret := s.AllocateQoS(mach.RightPortSet, QoS{RT: true}, 0)
	require.Equal(t, mach.KernInvalidValue, ret)
	_, ret = s.AllocateQoS(mach.RightReceive, QoS{RT: true}, 0)
	require.Equal(t, mach.KernInvalidArgument, ret)
	_, ret = s.AllocateFull(mach.RightPortSet, true, QoS{}, 0)
	require.Equal(t, mach.KernInvalidValue, ret)
	n, ret = s.AllocateQoS(mach.RightReceive, QoS{Name: true}, 0x777)
	require.Equal(t, mach.KernSuccess, ret)
	require.Equal(t, mach.Name(0x777), n)
}

func TestNoSendersDetection(t *testing.T) {
	r := newRig(t)
	s := r.space("a")
	var reap sched.Reap
	plain, _ := s.Allocate(mach.RightReceive)
	none := Right{}
	_, ret := s.RequestNotification(&reap, plain, mach.NotifyNoSenders, 0, &none)
	require.Equal(t, mach.KernInvalidRight, ret, "IPC-020")
	full := r.receive(s)
	_, ret = s.RequestNotification(&reap, full, mach.NotifyNoSenders, 0, &none)
	require.Equal(t, mach.KernSuccess, ret)

	r = newRig(t, func(p *personality.Personality) { p.PlainPortsNoNMS = false })
	s = r.space("a")
	plain, _ = s.Allocate(mach.RightReceive)
	_, ret = s.RequestNotification(&reap, plain, mach.NotifyNoSenders, 0, &none)
	require.Equal(t, mach.KernSuccess, ret)
	without, _ := s.Allocate(mach.RightReceiveNoNMS)
	_, ret = s.RequestNotification(&reap, without, mach.NotifyNoSenders, 0, &none)
	require.Equal(t, mach.KernInvalidRight, ret)
}

func TestReferences(t *testing.T) {
	r := newRig(t)
	s, u := r.space("a"), r.space("b")
	var reap sched.Reap
	recv := r.receive(s)
	set, _ := s.Allocate(mach.RightPortSet)
	send := r.give(s, recv, mach.MakeSend, u)
	once := r.give(s, recv, mach.MakeSendOnce, u)

	require.Equal(t, mach.KernInvalidValue, u.ModRefs(&reap, 0x4444, 5, 1), "IPC-023")
	require.Equal(t, mach.KernInvalidName, u.ModRefs(&reap, 0x4444, mach.RightSend, 1))
	require.Equal(t, mach.KernInvalidRight, u.ModRefs(&reap, send, mach.RightReceive, 0), "IPC-024")
	require.Equal(t, mach.KernInvalidValue, u.ModRefs(&reap, send, mach.RightSend, -2), "IPC-025")
	require.Equal(t, mach.KernSuccess, u.ModRefs(&reap, send, mach.RightSend, 65533))
	require.Equal(t, mach.KernUrefsOverflow, u.ModRefs(&reap, send, mach.RightSend, 1), "IPC-026")
	require.Equal(t, 65534, r.urefs(u, send, mach.RightSend))
	require.Equal(t, send, r.give(s, recv, mach.MakeSend, u), "IPC-028")
	require.Equal(t, 65534, r.urefs(u, send, mach.RightSend))
	right, _ := s.ExtractRight(&reap, recv, mach.MakeSend)
	require.Equal(t, mach.KernUrefsOverflow, u.InsertRight(&reap, send, &right), "IPC-029")
	Release(&reap, &right)

	for _, d := range []int32{1, -2} {
		require.Equal(t, mach.KernInvalidValue, s.ModRefs(&reap, recv, mach.RightReceive, d), "IPC-030")
		require.Equal(t, mach.KernInvalidValue, s.ModRefs(&reap, set, mach.RightPortSet, d))
		require.Equal(t, mach.KernInvalidValue, u.ModRefs(&reap, once, mach.RightSendOnce, d))
	}
	require.Equal(t, mach.KernSuccess, s.ModRefs(&reap, recv, mach.RightReceive, 0))
	require.Equal(t, 0, r.urefs(s, recv, mach.RightSend), "IPC-021")
	require.Equal(t, 1, r.urefs(s, recv, mach.RightReceive), "IPC-022")
	require.Equal(t, 1, r.urefs(s, set, mach.RightPortSet))
	require.Equal(t, 1, r.urefs(u, once, mach.RightSendOnce))
	require.Equal(t, mach.KernInvalidRight, s.Deallocate(&reap, recv), "IPC-032")
	require.Equal(t, mach.KernInvalidRight, s.Deallocate(&reap, set), "ID-21")
	require.Equal(t, mach.KernSuccess, s.Deallocate(&reap, 0x4444), "IPC-033")

	require.Equal(t, recv, r.give(s, recv, mach.MakeSend, s), "IPC-128")
	require.Equal(t, mach.TypeSend|mach.TypeReceive, r.typeOf(s, recv))
	require.Equal(t, mach.KernSuccess, s.Deallocate(&reap, recv), "IPC-031")
	require.Equal(t, mach.TypeReceive, r.typeOf(s, recv))
	r.give(s, recv, mach.MakeSend, s)
	r.give(s, recv, mach.MakeSend, s)
	require.Equal(t, mach.KernSuccess, s.ModRefs(&reap, recv, mach.RightReceive, -1), "IPC-035")
	require.Equal(t, mach.TypeDeadName, r.typeOf(s, recv))
	require.Equal(t, 2, r.urefs(s, recv, mach.RightDeadName))
	require.Equal(t, mach.TypeDeadName, r.typeOf(u, send))
	require.Equal(t, 65534, r.urefs(u, send, mach.RightDeadName), "IPC-037")
	require.Equal(t, 1, r.urefs(u, once, mach.RightDeadName), "IPC-038")
	require.Equal(t, mach.KernSuccess, u.ModRefs(&reap, send, mach.RightDeadName, 1), "IPC-027")
	require.Equal(t, mach.KernUrefsOverflow, u.ModRefs(&reap, send, mach.RightDeadName, 1))
	require.Equal(t, mach.KernSuccess, u.Deallocate(&reap, once), "IPC-034")
	require.Equal(t, mach.TypeNone, r.typeOf(u, once))
	require.NoError(t, r.w.Check())
}

func TestInsertAndExtract(t *testing.T) {
	r := newRig(t)
	s, u := r.space("a"), r.space("b")
	var reap sched.Reap
	recv := r.receive(s)
	make := func(d mach.Disposition) *Right {
		right, ret := s.ExtractRight(&reap, recv, d)
		require.Equal(t, mach.KernSuccess, ret)
		return &right
	}
	null, dead := Right{}, DeadValue()
	require.Equal(t, mach.KernInvalidCapability, u.InsertRight(&reap, 0x500, &null), "IPC-042")
	require.Equal(t, mach.KernInvalidCapability, u.InsertRight(&reap, 0x500, &dead))
	x := make(mach.MakeSend)
	require.Equal(t, mach.KernInvalidValue, u.InsertRight(&reap, mach.NameDead, x))
	require.Equal(t, mach.KernSuccess, u.InsertRight(&reap, 0x500, x))
	require.True(t, x.IsSpent())
	d, _ := u.Allocate(mach.RightDeadName)
	x = make(mach.MakeSend)
	require.Equal(t, mach.KernRightExists, u.InsertRight(&reap, d, x), "IPC-040")
	require.Equal(t, mach.KernSuccess, u.InsertRight(&reap, 0x500, x))
	require.Equal(t, 2, r.urefs(u, 0x500, mach.RightSend))
	x = make(mach.MakeSendOnce)
	require.Equal(t, mach.KernNameExists, u.InsertRight(&reap, 0x500, x), "IPC-041")
	Release(&reap, x)
	require.Equal(t, 1, r.status(s, recv).Msgcount, "IPC-043: a send-once notification")
	x = make(mach.MakeSend)
	require.Equal(t, mach.KernSuccess, s.InsertRight(&reap, recv, x), "IPC-039")
	require.Equal(t, mach.TypeSend|mach.TypeReceive, r.typeOf(s, recv))

	_, ret := s.ExtractRight(&reap, recv, 22)
	require.Equal(t, mach.KernInvalidValue, ret, "IPC-045")
	_, ret = s.ExtractRight(&reap, 0x9999, mach.CopySend)
	require.Equal(t, mach.KernInvalidName, ret)
	_, ret = s.ExtractRight(&reap, recv, mach.MoveSendOnce)
	require.Equal(t, mach.KernInvalidRight, ret)
	before := r.status(s, recv).Mscount
	x = make(mach.MakeSend)
	require.Equal(t, before+1, r.status(s, recv).Mscount, "IPC-047")
	require.Equal(t, mach.PortSend, x.Disposition())
	Release(&reap, x)
	right, ret := u.ExtractRight(&reap, d, mach.CopySend)
	require.Equal(t, mach.KernSuccess, ret, "IPC-046")
	require.True(t, right.IsDead())
	require.Equal(t, 1, r.urefs(u, d, mach.RightDeadName))

	x = make(mach.MoveReceive)
	require.Equal(t, mach.KernSuccess, u.InsertRight(&reap, 0x500, x))
	require.Equal(t, mach.TypeSend|mach.TypeReceive, r.typeOf(u, 0x500))
	require.Equal(t, mach.TypeSend, r.typeOf(s, recv), "IPC-147")
	require.NoError(t, r.w.Check())
}

func TestTerminatedSpace(t *testing.T) {
	r := newRig(t)
	s, u := r.space("a"), r.space("b")
	var reap sched.Reap
	recv := r.receive(s)
	send := r.give(s, recv, mach.MakeSend, u)
	set, _ := s.Allocate(mach.RightPortSet)
	require.Equal(t, mach.KernSuccess, s.InsertMember(recv, set))
	s.Terminate(&reap)
	require.False(t, s.Active())
	require.Equal(t, mach.TypeDeadName, r.typeOf(u, send))
	_, ret := s.Allocate(mach.RightReceive)
	require.Equal(t, mach.KernInvalidTask, ret, "IPC-018")
	require.Equal(t, mach.KernInvalidTask, s.ModRefs(&reap, recv, 9, 1))
	require.NoError(t, r.w.Check())
}
