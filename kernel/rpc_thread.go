package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
)

// The calls on threads. A port of another kind gives KERN_INVALID_ARGUMENT.

var threadRoutines = []routine{
	on(defs.ThreadTerminateRow, threadTerminate),
	on(defs.ThreadSuspendRow, threadSuspend),
	on(defs.ThreadResumeRow, threadResume),
	on(defs.ThreadAbortRow, threadAbort),
}

func threadTerminate(c call, req *defs.ThreadTerminate[ipc.Right], _ *void) mach.Return {
	t, ok := c.object.(*Thread)
	if !ok {
		return mach.KernInvalidArgument
	}
	return t.terminate(c.th)
}

// running is the thread that the request was sent to.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread; KERN_TERMINATED, it is ending.
func (c call) running() (*Thread, mach.Return) {
	t, ok := c.object.(*Thread)
	switch {
	case !ok:
		return nil, mach.KernInvalidArgument
	case t.ended || t.th.Killed():
		return nil, mach.KernTerminated
	}
	return t, mach.KernSuccess
}

func threadSuspend(c call, req *defs.ThreadSuspend[ipc.Right], _ *void) mach.Return {
	t, ret := c.running()
	if t != nil {
		t.suspend()
	}
	return ret
}

func threadResume(c call, req *defs.ThreadResume[ipc.Right], _ *void) mach.Return {
	t, ret := c.running()
	if t != nil {
		return t.resume()
	}
	return ret
}

func threadAbort(c call, req *defs.ThreadAbort[ipc.Right], _ *void) mach.Return {
	t, ret := c.running()
	if t != nil {
		t.abort()
	}
	return ret
}
