package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// unserved is the calls of the kernel that no routine serves, with the reason.
var unserved = map[string]string{}

// TestCompleteness: every row of the kernel's interfaces is served or noted above, in every message set.
func TestCompleteness(t *testing.T) {
	noted := map[string]bool{}
	for set := range mig.Set(mig.Sets) {
		for _, row := range Unserved(set) {
			require.Contains(t, unserved, row.Name, "set %v: nobody serves %v", set, row)
			noted[row.Name] = true
		}
	}
	for name := range unserved { // unordered: only failures show
		require.True(t, noted[name], "%s is served: take the note away", name)
	}
	// No routine is listed twice, and each is the kernel's.
	seen := map[*mig.Row]bool{}
	for _, group := range routines {
		for _, r := range group {
			require.False(t, seen[r.row], "%v twice", r.row)
			seen[r.row] = true
			require.Contains(t, kernelServers, r.row.Server(), r.row)
		}
	}
}

// rawCall sends a request with no arguments but those in body, and returns the code of its reply.
func rawCall(t *testing.T, u user.Thread, port mach.Name, id mach.MsgID, body ...byte) mach.Return {
	reply := u.ReplyPort()
	m := mach.UserMessage{ID: id, Remote: port, RemoteDisp: mach.CopySend, Local: reply, LocalDisp: mach.MakeSendOnce, Body: body}
	opt := mach.SendMsg | mach.RcvMsg | mach.RcvTimeout
	ret := u.Msg(&m, opt, user.ReceiveLimit, reply, 0, mach.NameNull)
	user.MachPortModRefs(u, user.Self(u), reply, mach.RightReceive, -1)
	if ret != mach.KernSuccess {
		return ret
	}
	if m.ID == mach.NotifySendOnce {
		return mach.MigNoReply // the reply right was given up unused
	}
	require.Equal(t, id+mach.ReplyOffset, m.ID)
	require.Len(t, m.Body, 4)
	return mach.Return(mach.Words.Uint32(m.Body))
}

// TestUnknownCall: a number that nobody serves gives MIG_BAD_ID, one without its arguments
// MIG_BAD_ARGUMENTS; a control call on a port of another kind finds no object (IPC-188, IPC-191).
func TestUnknownCall(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		for _, port := range []mach.Name{u.TaskSelf(), u.ThreadSelf(), u.HostSelf()} {
			require.Equal(t, mach.MigBadID, rawCall(t, u, port, 4711))
			require.Equal(t, mach.MigBadID, rawCall(t, u, port, mach.NotifySendOnce))
			require.Equal(t, mach.MigBadArguments, rawCall(t, u, port, defs.VMAllocateRow.ID(mig.OSF)))
			_, ret := user.MemoryObjectGetAttributes(u, port, mach.FlavorAttribute, 4)
			require.Equal(t, mach.KernInvalidArgument, ret)
			require.Equal(t, mach.MigNoReply, rawCall(t, u, port, defs.MemoryObjectDestroyRow.ID(mig.OSF), 0, 0, 0, 0))
		}
	})
}

// TestWrongKind: a call on a port of the wrong kind fails with an argument error, not with a send error
// (IPC-191, IPC-192).
func TestWrongKind(t *testing.T) {
	r := newRig(t)
	task := r.host.NewTask("p")
	priv, err := task.GiveHostPriv()
	require.NoError(t, err)
	task.Spawn("main", func(u user.Thread) {
		self, thread, host := user.Self(u), u.ThreadSelf(), u.HostSelf()
		var addr mach.Addr
		for _, port := range []mach.Name{thread, host, priv} {
			require.Equal(t, mach.KernInvalidArgument, user.VMAllocate(u, port, &addr, 1, true))
			require.Equal(t, mach.KernInvalidArgument, user.TaskTerminate(u, port))
			require.Equal(t, mach.KernInvalidArgument, user.TaskSuspend(u, port))
			require.Equal(t, mach.KernInvalidTask, user.VMMsync(u, port, 0, 0, 0))
			require.Equal(t, mach.KernInvalidTask, user.MachPortDestroy(u, port, 1))
			require.Equal(t, mach.KernInvalidTask, user.VMWire(u, priv, port, 0, 1, mach.ProtRead))
		}
		for _, port := range []mach.Name{self, host, priv} {
			require.Equal(t, mach.KernInvalidArgument, user.ThreadAbort(u, port))
			require.Equal(t, mach.KernInvalidArgument, user.ThreadTerminate(u, port))
			require.Equal(t, mach.KernInvalidArgument, user.ThreadWire(u, priv, port, true))
		}
		for _, port := range []mach.Name{self, thread} {
			_, ret := user.HostStatistics(u, port)
			require.Equal(t, mach.KernInvalidHost, ret)
			_, ret = user.HostPageSize(u, port)
			require.Equal(t, mach.KernInvalidArgument, ret)
		}
		for _, port := range []mach.Name{self, thread, host} {
			require.Equal(t, mach.KernInvalidHost, user.VMWire(u, port, self, 0, 1, mach.ProtRead))
		}
		for _, port := range []mach.Name{host, priv} {
			size, ret := user.HostPageSize(u, port)
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, u.PageSize(), size)
			c, ret := user.HostStatistics(u, port)
			require.Equal(t, mach.KernSuccess, ret)
			require.NotZero(t, c.FreeCount)
		}
		require.Equal(t, mach.KernSuccess, user.ThreadWire(u, priv, thread, true))
		require.Equal(t, mach.KernSuccess, user.ThreadWire(u, priv, thread, false))
	})
	r.finish()
}

// TestMemoryCalls drives every call on an address space once, in each message set that has it.
func TestMemoryCalls(t *testing.T) {
	for _, name := range personality.Names() {
		t.Run(name, func(t *testing.T) {
			pers, err := personality.ByName(name)
			require.NoError(t, err)
			r := newRigWith(t, Config{}, HostConfig{Personality: pers})
			task := r.host.NewTask("p")
			priv, err := task.GiveHostPriv()
			require.NoError(t, err)
			task.Spawn("main", func(u user.Thread) { memoryCalls(t, u, priv) })
			r.finish()
		})
	}
}

func memoryCalls(t *testing.T, u user.Thread, priv mach.Name) {
	ok := func(ret mach.Return) {
		t.Helper()
		require.Equal(t, mach.KernSuccess, ret)
	}
	self, page, set := user.Self(u), u.PageSize(), u.Form().Set
	var addr mach.Addr
	ok(user.VMAllocate(u, self, &addr, 4*page, true))
	require.NoError(t, u.Store(addr, []byte("hello")))
	ok(user.VMProtect(u, self, addr+mach.Addr(3*page), page, false, mach.ProtRead))
	require.ErrorIs(t, u.Store64(addr+mach.Addr(3*page), 1), mach.KernProtectionFailure)
	ok(user.VMInherit(u, self, addr, page, mach.InheritShare))
	ok(user.VMCopy(u, self, addr, page, addr+mach.Addr(page)))
	b := make([]byte, 5)
	require.NoError(t, u.Load(addr+mach.Addr(page), b))
	require.Equal(t, "hello", string(b))

	data, ret := user.VMRead(u, self, addr, 5)
	ok(ret)
	got, err := user.LoadBytes(u, data)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	ok(user.VMWrite(u, self, addr+mach.Addr(2*page), data))
	none, ret := user.VMRead(u, self, addr, 0)
	ok(ret)
	require.Zero(t, none)
	n, ret := user.VMReadOverwrite(u, self, addr, 5, addr+8)
	ok(ret)
	require.EqualValues(t, 5, n)
	require.NoError(t, u.Load(addr+8, b))
	require.Equal(t, "hello", string(b))

	region, ret := user.VMRegion(u, self, addr)
	ok(ret)
	require.Equal(t, addr, region.Address)
	require.Equal(t, mach.InheritShare, region.Inheritance)
	_, ret = user.VMRegion(u, self, 0xb0000000)
	require.Contains(t, []mach.Return{mach.KernInvalidAddress, mach.KernNoSpace}, ret)

	ok(user.VMWire(u, priv, self, addr, page, mach.ProtRead))
	ok(user.VMWire(u, priv, self, addr, page, mach.ProtNone))
	_, ret = user.VMMachineAttribute(u, self, addr, page, defs.MattrCache, defs.MattrValCacheFlush)
	ok(ret)

	at := addr
	ok(user.MachVMAllocate(u, self, &at, page, defs.VMFlagsOverwrite))
	v, err := u.Load64(at)
	require.NoError(t, err)
	require.Zero(t, v, "the old page is gone")
	require.Equal(t, mach.KernInvalidArgument, user.MachVMAllocate(u, self, &at, page, 2))
	ok(user.MachVMMap(u, self, &at, page, 0, defs.VMFlagsAnywhere, mach.NameNull, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
	_, _, ret = user.MachVMRemap(u, self, &at, page, 0, defs.VMFlagsAnywhere, self, addr, false, mach.InheritCopy)
	ok(ret)
	_, _, ret = user.MachVMRemap(u, self, &at, page, 0, defs.VMFlagsOverwrite, self, addr, false, mach.InheritCopy)
	require.Equal(t, mach.KernInvalidArgument, ret)

	switch set {
	case mig.OSF:
		cur, max, ret := user.VMRemap(u, self, &at, page, 0, true, self, addr, true, mach.InheritCopy)
		ok(ret)
		require.Equal(t, mach.ProtDefault, cur)
		require.Equal(t, mach.ProtAll, max)
		_, _, ret = user.VMRemap(u, self, &at, page, 0, true, priv, addr, true, mach.InheritCopy)
		require.Equal(t, mach.KernInvalidArgument, ret)
		ok(user.VMBehaviorSet(u, self, addr, page, mach.BehaviorRandom))
		ok(user.VMMsync(u, self, addr, page, mach.SyncSynchronous))
		require.Equal(t, mach.KernInvalidArgument, user.VMMsync(u, self, addr, page, mach.SyncSynchronous|mach.SyncAsynchronous))
		ok(user.TaskWire(u, self, true))
		ok(user.VMAllocate(u, self, &at, page, true))
		wired, ret := user.VMRegion(u, self, at)
		ok(ret)
		require.EqualValues(t, 1, wired.UserWiredCount)
	case mig.CMU, mig.GNU:
		s, ret := user.VMStatistics(u, self)
		ok(ret)
		require.EqualValues(t, page, s.PageSize)
		require.NotZero(t, s.Faults)
	}
	if set == mig.GNU {
		host := u.HostSelf()
		ok(user.VMSetSizeLimit(u, host, self, 1<<20, 1<<20))
		cur, max, ret := user.VMGetSizeLimit(u, self)
		ok(ret)
		require.Equal(t, [2]mach.Size{1 << 20, 1 << 20}, [2]mach.Size{cur, max})
		require.Equal(t, mach.KernNoAccess, user.VMSetSizeLimit(u, host, self, 1<<21, 1<<21))
		ok(user.VMSetSizeLimit(u, priv, self, 1<<30, 1<<30))
		ok(user.VMWireAll(u, priv, self, defs.WireCurrent))
		ok(user.VMWireAll(u, priv, self, 0))
		require.Equal(t, mach.KernInvalidArgument, user.VMWireAll(u, priv, self, 8))
	}
	ok(user.VMDeallocate(u, self, addr, 4*page))
	_, err = u.Load64(addr)
	require.ErrorIs(t, err, mach.KernInvalidAddress)
}

// TestPortCalls drives every call on names once.
func TestPortCalls(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self := user.Self(u)
		ok := func(ret mach.Return) {
			t.Helper()
			require.Equal(t, mach.KernSuccess, ret)
		}
		p, ret := user.MachPortAllocate(u, self, mach.RightReceive)
		ok(ret)
		ok(user.MachPortAllocateName(u, self, mach.RightPortSet, 0x7701))
		set := mach.Name(0x7701)
		ok(user.MachPortInsertRight(u, self, p, p, mach.MakeSend))
		typ, ret := user.MachPortType(u, self, p)
		ok(ret)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, typ)
		refs, ret := user.MachPortGetRefs(u, self, p, mach.RightSend)
		ok(ret)
		require.EqualValues(t, 1, refs)
		ok(user.MachPortModRefs(u, self, p, mach.RightSend, 2))
		ok(user.MachPortMoveMember(u, self, p, set))
		members, ret := user.MachPortGetSetStatus(u, self, set)
		ok(ret)
		require.Equal(t, []mach.Name{p}, members)
		ok(user.MachPortExtractMember(u, self, p, set))
		ok(user.MachPortInsertMember(u, self, p, set))
		ok(user.MachPortSetQlimit(u, self, p, 7))
		ok(user.MachPortSetSeqno(u, self, p, 9))
		ok(user.MachPortSetMscount(u, self, p, 11))
		info, ret := user.MachPortGetAttributes(u, self, p, mach.PortReceiveStatus, mach.ReceiveStatusWords)
		ok(ret)
		require.Equal(t, []int32{1, 9, 11, 7, 0, 0, 1, 0, 0, 0}, info[:10])
		require.Equal(t, mach.KernInvalidValue, user.MachPortSetAttributes(u, self, p, mach.PortLimitsInfo, []int32{-1}))

		previous, ret := user.MachPortRequestNotification(u, self, p, mach.NotifyPortDestroyed, 0, u.ReplyPort(), mach.MakeSendOnce)
		ok(ret)
		require.Equal(t, mach.NameNull, previous)
		previous, ret = user.MachPortRequestNotification(u, self, p, mach.NotifyPortDestroyed, 0, mach.NameNull, mach.MoveSendOnce)
		ok(ret)
		require.True(t, previous.Valid(), "the request taken back is the caller's")
		ok(user.MachPortDeallocate(u, self, previous))

		// A right goes to another task, under a name of our choice, and comes back.
		child, ret := user.TaskCreate(u, self, false)
		ok(ret)
		ok(user.MachPortInsertRight(u, child, 0x1234, p, mach.CopySend))
		require.Equal(t, mach.KernRightExists, user.MachPortInsertRight(u, child, 0x1235, p, mach.CopySend))
		require.Equal(t, mach.KernNameExists, user.MachPortInsertRight(u, child, 0x1234, u.ReplyPort(), mach.MakeSend))
		back, kind, ret := user.MachPortExtractRight(u, child, 0x1234, mach.MoveSend)
		ok(ret)
		require.Equal(t, mach.PortSend, kind)
		require.Equal(t, p, back)
		_, _, ret = user.MachPortExtractRight(u, child, 0x1234, mach.MoveSend)
		require.Equal(t, mach.KernInvalidName, ret)
		ok(user.MachPortInsertRight(u, child, 0x1234, p, mach.MoveReceive))
		_, kind, ret = user.MachPortExtractRight(u, child, 0x1234, mach.MoveReceive)
		ok(ret)
		require.Equal(t, mach.PortReceive, kind)

		ok(user.MachPortRename(u, self, p, 0x9901))
		names, types, ret := user.MachPortNames(u, self)
		ok(ret)
		require.Contains(t, names, mach.Name(0x9901))
		require.Len(t, types, len(names))

		q := mach.Name(0x5501)
		ok(user.MachPortAllocateQos(u, self, mach.RightReceive, user.Qos{Name: true}, &q))
		require.Equal(t, mach.KernInvalidArgument, user.MachPortAllocateQos(u, self, mach.RightReceive, user.Qos{RealTime: true}, &q))
		ok(user.MachPortAllocateFull(u, self, mach.RightReceive, mach.NameNull, user.Qos{}, &q))
		_, ret = user.MachPortAllocateSubsystem(u, self, mach.NameNull)
		require.Equal(t, mach.KernInvalidArgument, ret)
		_, ret = user.MachPortAllocateSubsystem(u, self, 0x9901)
		ok(ret)
		ok(user.MachPortDestroy(u, self, 0x9901))
		require.Equal(t, mach.KernInvalidName, user.MachPortDestroy(u, self, 0x9901))
	})
}

// TestFailedCallDestroysRights: what a request carried is gone when the routine fails (IPC-189).
func TestFailedCallDestroysRights(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self := user.Self(u)
		p := u.ReplyPort()
		require.Equal(t, mach.KernInvalidValue, user.MachPortInsertRight(u, self, mach.NameDead, p, mach.MoveReceive))
		_, ret := user.MachPortType(u, self, p)
		require.Equal(t, mach.KernInvalidName, ret, "the receive right went with the request")
	})
}

// TestSpecialPorts: the kernel port is only what mach_task_self hands out; ports are given back as they are replaced.
func TestSpecialPorts(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self, thread := user.Self(u), u.ThreadSelf()
		p := u.ReplyPort()
		require.Equal(t, mach.KernSuccess, user.MachPortInsertRight(u, self, p, p, mach.MakeSend))
		require.Equal(t, mach.KernSuccess, user.TaskSetSpecialPort(u, self, defs.TaskKernelPort, p))
		require.Equal(t, p, u.TaskSelf())
		got, ret := user.TaskGetSpecialPort(u, self, defs.TaskKernelPort)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, p, got)
		require.Equal(t, mach.KernSuccess, user.TaskSetSpecialPort(u, self, defs.TaskKernelPort, self))
		require.Equal(t, mach.KernSuccess, user.ThreadSetSpecialPort(u, thread, defs.ThreadKernelPort, p))
		require.Equal(t, p, u.ThreadSelf())
		got, ret = user.ThreadGetSpecialPort(u, thread, defs.ThreadKernelPort)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, p, got)
		require.Equal(t, mach.KernInvalidArgument, user.TaskSetSpecialPort(u, self, 77, p))
		_, ret = user.TaskGetSpecialPort(u, self, defs.TaskExceptionPort)
		require.Equal(t, mach.KernInvalidArgument, ret, "OSF has calls of their own for exception ports")
		require.Equal(t, mach.KernInvalidArgument, user.MachPortsRegister(u, self, []mach.Name{p, p, p, p}))
		require.Equal(t, mach.KernSuccess, user.MachPortsRegister(u, self, []mach.Name{p, 0, p}))
		require.Equal(t, mach.KernSuccess, user.MachPortsRegister(u, self, nil))
		ports, ret := user.MachPortsLookup(u, self)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, []mach.Name{0, 0, 0}, ports)
	})
}

// TestGive: rights can be handed out from outside, and show in the trace as that.
func TestGive(t *testing.T) {
	r := newRig(t)
	out := r.transcript()
	a, b := r.host.NewTask("a"), r.host.NewTask("b")
	p, ret := a.Space().Allocate(mach.RightReceive)
	require.Equal(t, mach.KernSuccess, ret)
	send, err := b.GiveSend(a, p)
	require.NoError(t, err)
	again, err := b.GiveSend(a, p)
	require.NoError(t, err)
	require.Equal(t, send, again)
	once, err := b.GiveSendOnce(a, p)
	require.NoError(t, err)
	require.NotEqual(t, send, once)
	moved, err := b.GiveReceive(a, p)
	require.NoError(t, err)
	require.Equal(t, send, moved)
	copied, err := a.GiveSend(b, send)
	require.NoError(t, err)
	require.Equal(t, a.portNamed(copied), b.portNamed(send))
	_, err = a.GiveSend(b, 0x999)
	require.ErrorIs(t, err, mach.KernInvalidName)
	_, err = a.GiveReceive(b, once)
	require.ErrorIs(t, err, mach.KernInvalidRight)
	require.Len(t, b.Rights(), 2)
	require.Equal(t, mach.TypeSend|mach.TypeReceive, b.Rights()[0].Type)
	require.Equal(t, 2, b.Rights()[0].Urefs)
	require.Contains(t, out.String(), "(harness)")
	a.Terminate()
	r.finish()
	_, err = b.GiveTaskPort(a)
	require.Error(t, err)
	_, err = a.GiveTaskPort(b)
	require.ErrorIs(t, err, mach.KernInvalidTask)
	require.Equal(t, ipc.KobjectTask, b.Port().Kobject().KobjectType())
	require.Equal(t, ipc.KobjectHost, r.host.Port().Kobject().KobjectType())
	require.Equal(t, ipc.KobjectHostPriv, r.host.PrivPort().Kobject().KobjectType())
}

// TestOlderPortCalls: the calls that only the CMU and GNU message sets have.
func TestOlderPortCalls(t *testing.T) {
	r := newRigWith(t, Config{}, HostConfig{Personality: personality.CMU30()})
	r.do(func(u user.Thread) {
		self, p := user.Self(u), u.ReplyPort()
		require.Equal(t, mach.KernSuccess, user.MachPortSetQlimit(u, self, p, 3))
		s, ret := user.MachPortGetReceiveStatus(u, self, p)
		require.Equal(t, mach.KernSuccess, ret)
		require.EqualValues(t, 3, s.Qlimit)
		require.Equal(t, mach.KernInvalidValue, user.MachPortSetQlimit(u, self, p, 99))
		thread := u.ThreadSelf()
		require.Equal(t, mach.KernInvalidArgument, user.ThreadSetSpecialPort(u, thread, 9, self))
		_, ret = user.ThreadGetSpecialPort(u, thread, 9)
		require.Equal(t, mach.KernInvalidArgument, ret)
	})
}

// TestHarnessSuspend: a task can be stopped from outside.
func TestHarnessSuspend(t *testing.T) {
	r := newRig(t)
	ran := false
	x := r.program("p", func(user.Thread) { ran = true })
	x.Task().Suspend()
	require.Equal(t, Deadlock, r.sim.Run().Kind)
	require.False(t, ran)
	require.Equal(t, mach.KernSuccess, x.Task().Resume())
	require.Equal(t, mach.KernFailure, x.Task().Resume())
	r.finish()
	require.True(t, ran)
	require.Equal(t, "p/main", x.Name())
}
