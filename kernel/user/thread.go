package user

import (
	"fmt"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Thread is a thread as its own program sees it: the traps. Only the program that was given a Thread may
// use it, and only while it runs. Every trap is a point where another thread may go on. A trap of a
// thread that is being terminated does not return; deferred functions run.
type Thread interface {
	// Msg is the trap mach_msg with the message in Go form: with SendMsg, m is sent; with RcvMsg, m is
	// overwritten by the received message, whose wire size with trailer must not exceed rcvLimit. After
	// a send that failed with MACH_SEND_TIMED_OUT or MACH_SEND_INTERRUPTED m is the message given back.
	// Programs call the function Msg, which repeats interrupted calls.
	Msg(m *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return
	// MsgOverwrite is Msg with a separate message to receive into; with RcvOverwrite the descriptors of
	// rcv are the scatter list. Historic mach_msg_overwrite.
	MsgOverwrite(m, rcv *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return
	// MsgRaw is mach_msg with the message as bytes in the task's memory at addr.
	MsgRaw(addr mach.Addr, opt mach.Option, sendSize, rcvSize mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return
	// MsgRawOverwrite is MsgRaw with a separate buffer to receive into, whose first scatterSize bytes are
	// a scatter list.
	MsgRawOverwrite(addr mach.Addr, opt mach.Option, sendSize, rcvSize mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name, rcvAddr mach.Addr, scatterSize mach.Size) mach.Return

	// TaskSelf, ThreadSelf and HostSelf give the caller a send right for its task, its thread or its host,
	// one reference more with each call, or null. ReplyPort makes a port and gives its receive right.
	// Historic mach_task_self, mach_thread_self, mach_host_self, mach_reply_port.
	TaskSelf() mach.Name
	ThreadSelf() mach.Name
	HostSelf() mach.Name
	ReplyPort() mach.Name

	// Load reads len(p) bytes of the task's memory, Store writes them, as a processor would: they fault,
	// and wait for managers. The error is an *Exception; bytes before its address were accessed.
	Load(addr mach.Addr, p []byte) error
	Store(addr mach.Addr, p []byte) error
	// Load64 and Store64 access eight bytes, little endian.
	Load64(addr mach.Addr) (uint64, error)
	Store64(addr mach.Addr, v uint64) error

	// Yield lets other threads run. Sleep waits; a thread_abort ends the wait.
	Yield()
	Sleep(d mach.Timeout)
	// Spawn starts another thread of the task; what a service thread starts is one as well.
	Spawn(name string, body func(Thread))

	// Choose picks one of the options at a point of the program's own, for a program that injects faults: the
	// first, unless whoever decides the run wants another. Exploration tries them all.
	Choose(point string, options []string) int

	// PageSize and Form are facts about the host that a program may know: the page size, and the form
	// that messages have under the host's personality.
	PageSize() mach.Size
	Form() mig.Form

	// Scratch is the library's own state of this thread; it begins as the zero value.
	Scratch() *Scratch
}

// Exception is a memory access that failed: what a processor would report as EXC_BAD_ACCESS with a code
// and an address.
type Exception struct {
	Code mach.Return
	Addr mach.Addr
}

func (e *Exception) Error() string { return fmt.Sprintf("EXC_BAD_ACCESS %v at %v", e.Code, e.Addr) }

// Unwrap makes errors.Is(err, mach.KernInvalidAddress) and mach.Code(err) work.
func (e *Exception) Unwrap() error { return e.Code }
