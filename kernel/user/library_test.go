package user_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

func TestException(t *testing.T) {
	f := newFake(mig.OSF)
	_, err := f.Load64(0x9999)
	require.ErrorIs(t, err, mach.KernInvalidAddress)
	require.NotErrorIs(t, err, mach.KernProtectionFailure)
	require.Equal(t, mach.KernInvalidAddress, mach.Code(err))
	require.EqualError(t, err, "EXC_BAD_ACCESS KERN_INVALID_ADDRESS at 0x9999")
	var x *user.Exception
	require.True(t, errors.As(err, &x))
	require.Equal(t, mach.Addr(0x9999), x.Addr)
}

// The reply port and the name of the task are asked for once.
func TestCachedNames(t *testing.T) {
	f := newFake(mig.OSF)
	for range 3 {
		require.Equal(t, mach.KernSuccess, user.TaskSuspend(f, user.Self(f)))
	}
	require.Equal(t, 1, f.replies)
	require.Equal(t, 1, f.self)
}

func TestWrongSet(t *testing.T) {
	require.Equal(t, mach.MigBadID, user.MemoryObjectReady(newFake(mig.OSF), 20, true, mach.CopyDelay))
	require.Equal(t, mach.MigBadID, user.VMMsync(newFake(mig.CMU), 7, 0, 0, 0))
	_, r := user.HostStatistics(newFake(mig.GNU), 9)
	require.Equal(t, mach.MigBadID, r)
	f := newFake(mig.OSF)
	require.Equal(t, mach.MigBadArguments, user.MemoryObjectChangeAttributes(f, 20, 99, make([]int32, 7), user.ReplyPort{}))
	require.Empty(t, f.log)
}

// An interrupted send is repeated as it came back, an interrupted receive without the send.
func TestInterruptedCall(t *testing.T) {
	f := newFake(mig.OSF)
	f.results = []mach.Return{mach.SendInterrupted, mach.SendInterrupted | mach.MsgIPCSpace}
	require.Equal(t, mach.SendInterrupted|mach.MsgIPCSpace, user.TaskSuspend(f, 7), "not the same message any more")
	require.Equal(t, mach.SendMsg|mach.RcvMsg, f.opts[1])

	f = newFake(mig.OSF)
	f.inbox = []mach.UserMessage{{ID: 2156, Body: []byte{0, 0, 0, 0}}}
	f.results = []mach.Return{mach.SendInterrupted, mach.RcvInterrupted, mach.RcvInterrupted}
	require.Equal(t, mach.KernSuccess, user.TaskSuspend(f, 7))
	both := mach.SendMsg | mach.RcvMsg
	require.Equal(t, []mach.Option{both, both, mach.RcvMsg, mach.RcvMsg}, f.opts)

	f = newFake(mig.OSF)
	f.results = []mach.Return{mach.SendInterrupted}
	var m mach.UserMessage
	require.Equal(t, mach.SendInterrupted, user.Msg(f, &m, mach.SendMsg|mach.SendInterr, 0, 0, 0, 0))
	f.results = []mach.Return{mach.RcvInterrupted}
	require.Equal(t, mach.RcvInterrupted, user.Msg(f, &m, mach.RcvMsg|mach.RcvInterr, 0, 5, 0, 0))
}

func TestServerCode(t *testing.T) {
	f := newFake(mig.OSF)
	f.reply = func(m *mach.UserMessage) { mig.PutReturn(m, m.ID-mach.ReplyOffset, mach.KernNoSpace) }
	addr := mach.Addr(0x1000)
	require.Equal(t, mach.KernNoSpace, user.VMAllocate(f, 7, &addr, 1, false))
	require.Equal(t, mach.Addr(0x1000), addr, "no address without success")
	require.Equal(t, []string{"vm_allocate(7, 0x1000, 0x1, false)"}, f.log)
}

// What a wrong answer carries is given up.
func TestReplyMismatch(t *testing.T) {
	f := newFake(mig.OSF)
	first := true
	f.reply = func(m *mach.UserMessage) {
		if !first {
			return
		}
		first = false
		m.ID = mach.NotifyPortDestroyed
		m.Complex, m.Body = true, nil
		m.Remote, m.RemoteDisp = 40, mach.PortSendOnce
		m.Descs = []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescPort, Disp: mach.PortReceive, Port: 41},
			{Kind: mach.DescPort, Disp: mach.PortSend, Port: mach.NameDead},
			{Kind: mach.DescPorts, Disp: mach.PortSend, Memory: f.place([]byte{42, 0, 0, 0, 0, 0, 0, 0})},
			{Kind: mach.DescMemory, Memory: mach.Region{Address: 0x8000, Size: 5}}}
	}
	require.Equal(t, mach.MigReplyMismatch, user.TaskResume(f, 7))
	require.Equal(t, []string{"task_resume(7)", "mach_port_deallocate(7, 0x28)",
		"mach_port_mod_refs(7, 0x29, RECEIVE, -1)", "mach_port_deallocate(7, 0x2a)", "vm_deallocate(7, 0x1000, 0x8)",
		"vm_deallocate(7, 0x8000, 0x5)"}, f.log)
}

// A reply port whose answer may still come is not used again; one that is gone is forgotten.
func TestReplyPortAfterErrors(t *testing.T) {
	f := newFake(mig.OSF)
	f.results = []mach.Return{mach.RcvPortDied}
	require.Equal(t, mach.RcvPortDied, user.TaskResume(f, 7))
	require.Equal(t, []string{"mach_port_mod_refs(7, 0x64, RECEIVE, -1)"}, f.log)
	require.Equal(t, 2, f.replies)

	f.results, f.log = []mach.Return{mach.SendInvalidReply}, nil
	require.Equal(t, mach.SendInvalidReply, user.TaskResume(f, 7))
	require.Empty(t, f.log)
	require.Equal(t, mach.KernSuccess, user.TaskResume(f, 7))
	require.Equal(t, 3, f.replies)

	f.results, f.log = []mach.Return{mach.SendInvalidDest}, nil
	require.Equal(t, mach.SendInvalidDest, user.TaskResume(f, 7))
	require.Equal(t, mach.KernSuccess, user.TaskResume(f, 7))
	require.Equal(t, 3, f.replies, "a failed send does not touch the reply port")

	// After an error in the body the reply right is gone, and its notification waits where an answer would.
	f.results, f.log = []mach.Return{mach.SendInvalidRight}, nil
	require.Equal(t, mach.SendInvalidRight, user.MachPortInsertRight(f, 7, 30, 31, mach.CopySend))
	require.Equal(t, []string{"mach_port_mod_refs(7, 0x66, RECEIVE, -1)"}, f.log)
	require.Equal(t, mach.KernSuccess, user.TaskResume(f, 7))
	require.Equal(t, 4, f.replies)
}

func TestTrySend(t *testing.T) {
	f := newFake(mig.OSF)
	f.results = []mach.Return{mach.SendTimedOut}
	req := &defs.MemoryObjectTerminate[mach.Name]{MemoryObject: 40, MemoryControl: 41}
	require.Equal(t, mach.SendTimedOut, user.TrySend(f, user.TerminateCodec, req, 10))
	require.Equal(t, mach.SendMsg|mach.SendTimeout, f.opts[0])
	require.Equal(t, []string{"mach_port_deallocate(7, 0x28)"}, f.tidy)
	require.Equal(t, []string{"mach_port_mod_refs(7, 0x29, RECEIVE, -1)"}, f.log)
}

func TestMemoryHelpers(t *testing.T) {
	f := newFake(mig.OSF)
	r, code := user.StoreNames(f, []mach.Name{1, 2})
	require.Equal(t, mach.KernSuccess, code)
	names, err := user.LoadNames(f, r)
	require.NoError(t, err)
	require.Equal(t, []mach.Name{1, 2}, names)
	r, code = user.StoreNames(f, nil)
	require.Equal(t, mach.KernSuccess, code)
	require.Zero(t, r)
	names, err = user.LoadNames(f, r)
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = user.LoadNames(f, mach.Region{Address: 0x9999, Size: 4})
	require.ErrorIs(t, err, mach.KernInvalidAddress)
}

func serverOf(f *fake, result *mach.Return, seen *[]string) *user.Server[*fake] {
	s := user.NewServer[*fake](f)
	user.On(s, user.DefaultPagerObjectCreateCall, func(_ *fake, q *defs.DefaultPagerObjectCreate[mach.Name],
		r *defs.DefaultPagerObjectCreateReply[mach.Name]) mach.Return {
		*seen = append(*seen, "create "+q.ObjectSize.String())
		r.MemoryObject = 77
		return *result
	})
	user.OnSimple(s, user.TerminateCodec, func(_ *fake, q *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
		*seen = append(*seen, "terminate")
		require.NotNil(nil2t{}, q)
		return *result
	})
	return s
}

// nil2t satisfies require.TestingT for a check inside a handler that cannot fail.
type nil2t struct{}

func (nil2t) Errorf(string, ...any) { panic("a handler without a request") }
func (nil2t) FailNow()              {}

func create(f *fake) mach.UserMessage {
	var m mach.UserMessage
	user.DefaultPagerObjectCreateCall.Request.Encode(&defs.DefaultPagerObjectCreate[mach.Name]{DefaultPager: 5, ObjectSize: 64}, &m, f.form)
	m.Local, m.LocalDisp, m.Remote, m.RemoteDisp = 5, mach.PortSend, 90, mach.PortSendOnce
	return m
}

func terminate(f *fake) mach.UserMessage {
	var m mach.UserMessage
	user.TerminateCodec.Encode(&defs.MemoryObjectTerminate[mach.Name]{MemoryObject: 5, MemoryControl: 6}, &m, f.form)
	m.Local, m.LocalDisp, m.Remote, m.RemoteDisp = 5, mach.PortSend, 0, 0
	m.Descs[0].Disp = mach.PortReceive
	return m
}

func TestServe(t *testing.T) {
	f := newFake(mig.OSF)
	result, seen := mach.KernSuccess, []string{}
	other := user.NewServer[*fake](f)
	unknown := terminate(f)
	unknown.ID, unknown.Remote, unknown.RemoteDisp = 9999, 91, mach.PortSend
	f.inbox = []mach.UserMessage{create(f), terminate(f), unknown}
	require.Equal(t, mach.RcvPortDied, user.Serve(f, f, 5, other, serverOf(f, &result, &seen)))
	require.Equal(t, []string{"create 0x40", "terminate"}, seen)
	require.Equal(t, []string{
		"default_pager_object_create_reply(to 90 MOVE_SEND_ONCE: KERN_SUCCESS, 77 MAKE_SEND)",
		"message 10099 to 0x5b [209 254 255 255]", // MIG_BAD_ID
		"mach_port_mod_refs(7, 0x6, RECEIVE, -1)", // of the unknown message; the handler owns the other one
	}, f.log)

	// A failed handler: the code goes back and the request is destroyed, but for the reply right.
	f, seen, result = newFake(mig.OSF), nil, mach.KernFailure
	f.inbox = []mach.UserMessage{create(f), terminate(f)}
	require.Equal(t, mach.RcvPortDied, user.Serve(f, f, 5, serverOf(f, &result, &seen)))
	require.Equal(t, []string{
		"default_pager_object_create_reply(to 90 MOVE_SEND_ONCE: KERN_FAILURE)",
		"mach_port_mod_refs(7, 0x6, RECEIVE, -1)",
	}, f.log)
	require.Empty(t, f.tidy)

	// A handler that answers by itself keeps everything.
	f, seen, result = newFake(mig.OSF), nil, mach.MigNoReply
	f.inbox = []mach.UserMessage{create(f), terminate(f)}
	require.Equal(t, mach.RcvPortDied, user.Serve(f, f, 5, serverOf(f, &result, &seen)))
	require.Equal(t, []string{"create 0x40", "terminate"}, seen)
	require.Empty(t, f.log)

	// A message that was not received whole is destroyed, a reply without receiver given up.
	f, seen, result = newFake(mig.OSF), nil, mach.KernSuccess
	f.inbox = []mach.UserMessage{create(f)}
	f.results = []mach.Return{mach.RcvBodyError | mach.MsgVMSpace, mach.KernSuccess, mach.SendInvalidDest}
	require.Equal(t, mach.RcvPortDied, user.Serve(f, f, 5, serverOf(f, &result, &seen)))
	require.Equal(t, []string{"create 0x40"}, seen)
	require.Equal(t, []string{"mach_port_deallocate(7, 0x5a)"}, f.tidy, "the dead name of the reply right")
}

func TestServeException(t *testing.T) {
	for _, set := range []mig.Set{mig.OSF, mig.GNU} {
		f := newFake(set)
		s := user.NewServer[int](f)
		user.OnExceptionRaise(s, func(_ int, exception int32, thread, task mach.Name, code, subcode int64) mach.Return {
			require.Equal(t, []any{defs.ExcBadAccess, mach.Name(8), mach.Name(7), int64(1), int64(1 << 40)},
				[]any{exception, thread, task, code, subcode})
			return mach.KernFailure
		})
		var in, out mach.UserMessage
		if set == mig.OSF {
			user.ExceptionRaiseCall.Request.Encode(&defs.ExceptionRaise[mach.Name]{Thread: 8, Task: 7, Exception: defs.ExcBadAccess,
				Code: []int64{1, 1 << 40}}, &in, f.form)
		} else {
			user.ExceptionRaiseCMUCall.Request.Encode(&defs.ExceptionRaiseCMU[mach.Name]{Thread: 8, Task: 7, Exception: defs.ExcBadAccess,
				Code: 1, Subcode: 1 << 40}, &in, f.form)
		}
		in.Remote = 0
		require.Equal(t, mach.KernFailure, user.ServeMessage(f, 0, &in, &out, s))
		require.Empty(t, f.log)
		require.Empty(t, f.tidy, "COPY_SEND names in a message that was never received are nobody's to release")
	}
}

func BenchmarkCall(b *testing.B) {
	f := &quiet{fake: newFake(mig.OSF)}
	b.ReportAllocs()
	for b.Loop() {
		if user.VMProtect(f, 7, 0x1000, 0x1000, false, mach.ProtRead) != mach.KernSuccess {
			b.Fatal("vm_protect failed")
		}
	}
}

func TestCallDoesNotAllocate(t *testing.T) {
	f := &quiet{fake: newFake(mig.OSF)}
	user.VMProtect(f, 7, 0x1000, 0x1000, false, mach.ProtRead)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		user.VMProtect(f, 7, 0x1000, 0x1000, false, mach.ProtRead)
		user.MemoryObjectDataSupply(f, 20, 0, mach.Region{Address: 0x1000, Size: 4096}, true, 0, false, user.ReplyPort{})
	}))
}

// quiet is a fake that notes nothing.
type quiet struct{ *fake }

func (q *quiet) Msg(m *mach.UserMessage, opt mach.Option, limit mach.Size, rcv mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	if opt&mach.RcvMsg != 0 {
		m.Remote, m.RemoteDisp = 0, 0
		mig.PutReturn(m, m.ID, mach.KernSuccess)
	}
	return mach.KernSuccess
}
