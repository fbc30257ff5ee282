// Package user is the system library: all that a program can do. It knows the trap interface and the
// messages, and nothing of the kernel behind them. Historic libmach.
//
//	thread.go          Thread: the traps, access to memory, facts about the host; Exception
//	msg.go             Msg, Receive: mach_msg with the library's retries
//	call.go            routines and simple routines by codec; the reply port; Scratch
//	destroy.go         releasing rights and memory of messages
//	serve.go           Serve: receive, dispatch, reply
//	memory.go          names and bytes in a task's memory
//	vm.go              vm_allocate and its family
//	vm_more.go         vm calls that not every message set has
//	task.go            tasks, threads, registered and special ports
//	host.go            the host: default manager, wiring, statistics
//	port.go            mach_port calls
//	port_status.go     mach_port calls that describe and set up ports and sets
//	memory_control.go  what a manager asks of a kernel
//	memory_object.go   what a kernel tells a manager, for programs that stand in for one
//	default_pager.go   administration of a default pager
//	exception.go       exception_raise
//
// A typed function sends one message and, for a routine, waits for its reply. It is named after the
// routine, takes the thread first, then the routine's arguments in their order, and returns what the
// routine gives out and a mach.Return. The codes are those of the routine, those of mach_msg for the
// way there and back, and:
//
//	MIG_BAD_ID          the host's message set lacks the call, or nobody serves it
//	MIG_BAD_ARGUMENTS   an array is longer than the call allows, or the answer is malformed
//	MIG_TYPE_ERROR      the answer carries something else than declared
//	MIG_REPLY_MISMATCH  the answer is another message; so it is if the server died with the request
//
// Only a code of the first kind says that the server has seen the request.
package user
