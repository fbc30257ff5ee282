package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Codecs of exception_raise, for servers and for programs that pass exceptions on.
var (
	ExceptionRaiseCall    = NewRoutine[defs.ExceptionRaise[mach.Name], mig.Void](defs.ExceptionRaiseRow)
	ExceptionRaiseCMUCall = NewRoutine[defs.ExceptionRaiseCMU[mach.Name], mig.Void](defs.ExceptionRaiseCMURow)
)

// ExceptionRaise tells an exception server of an exception of a thread; code and subcode are those of the
// exception. KERN_SUCCESS lets the thread run on.
func ExceptionRaise(t Thread, server, thread, task mach.Name, exception int32, code, subcode int64) mach.Return {
	if t.Form().Set == mig.OSF {
		return do(t, ExceptionRaiseCall, &defs.ExceptionRaise[mach.Name]{ExceptionPort: server, Thread: thread, Task: task,
			Exception: exception, Code: []int64{code, subcode}})
	}
	return do(t, ExceptionRaiseCMUCall, &defs.ExceptionRaiseCMU[mach.Name]{ExceptionPort: server, Thread: thread, Task: task,
		Exception: exception, Code: code, Subcode: subcode})
}

// OnExceptionRaise has h serve exception_raise in the form of s's message set.
func OnExceptionRaise[C any](s *Server[C], h func(ctx C, exception int32, thread, task mach.Name, code, subcode int64) mach.Return) {
	On(s, ExceptionRaiseCall, func(ctx C, q *defs.ExceptionRaise[mach.Name], _ *mig.Void) mach.Return {
		var code [2]int64
		copy(code[:], q.Code)
		return h(ctx, q.Exception, q.Thread, q.Task, code[0], code[1])
	})
	On(s, ExceptionRaiseCMUCall, func(ctx C, q *defs.ExceptionRaiseCMU[mach.Name], _ *mig.Void) mach.Return {
		return h(ctx, q.Exception, q.Thread, q.Task, q.Code, q.Subcode)
	})
}
