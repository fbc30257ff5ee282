package defs

import "machvm/ipc/mig"

// Exc is what the kernel tells an exception server.
var Exc = mig.NewSubsystem("exc", 2400, "kernel to exception server", source)

var (
	ExceptionRaiseCMURow = Exc.Routine(mig.IDs{mig.CMU: 2400, mig.GNU: 2400}, "exception_raise", ExceptionRaiseCMU[mig.Port]{}, mig.Void{})
	// In OSF MK 2400 is the number of the older form, which it no longer has.
	ExceptionRaiseRow = Exc.Routine(mig.IDs{mig.OSF: 2401}, "exception_raise", ExceptionRaise[mig.Port]{}, mig.Void{})
)

// Exceptions, and how they are reported.
const (
	ExcBadAccess           int32 = 1 // code: why, subcode: the address
	ExcBadInstructionint32       = 2
	ExcArithmetic          int32 = 3
	ExcEmulation           int32 = 4
	ExcSoftware            int32 = 5
	ExcBreakpoint          int32 = 6

	ExceptionDefault int32 = 1 // by exception_raise
)

// ExceptionRaise says that a thread met an exception. The thread waits for the reply and runs on if it is
// KERN_SUCCESS; any other code passes the exception to the next server.
type ExceptionRaise[P any] struct {
	ExceptionPort P       `mig:"exception_port,dest=exception,copy_send"`
	Thread        P       `mig:"thread,copy_send"`
	Task          P       `mig:"task,copy_send"`
	Exception     int32   `mig:"exception"`
	Code          []int64 `mig:"code,max=2"` // code and subcode, widened to hold an address
}

// ExceptionRaiseCMU is exception_raise in the CMU and GNU sets.
type ExceptionRaiseCMU[P any] struct {
	ExceptionPort P     `mig:"exception_port,dest=exception,copy_send"`
	Thread        P     `mig:"thread,copy_send"`
	Task          P     `mig:"task,copy_send"`
	Exception     int32 `mig:"exception"`
	Code          int64 `mig:"code"`
	Subcode       int64 `mig:"subcode"`
}
