package kernel

import (
	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// Every trap runs between enter and leave:
//
//	enter   the step ends; another thread may go on; a killed thread unwinds; an abort that came while the
//	        thread ran its program is forgotten; the trap enters the trace
//	(work)  may block
//	leave   destruction that was put off is done (EMM 3.9, IPC 3.11); a killed thread unwinds, a
//	        suspended one stops; the result enters the trace
//
// The audits of a checked run look at the machine between two steps, so after every trap as well.

// fairTurns is how many traps and accesses a thread may make before it lets the others run once. A program
// that waits by polling would otherwise wait for ever where the first choice is always to run on.
const fairTurns = 1 << 16

// enter brings the thread into the kernel.
func (t *Thread) enter(e *trace.Trap) {
	t.admit()
	if !t.th.Pass() {
		t.th.TrapPoint(e.Name.String())
		t.suffer(e)
	}
	if t.task.host.sim.sched.Observed() {
		t.touched(gentle(e))
	}
	if t.th.Killed() {
		t.unwind()
	}
	t.th.ClearAbort()
	if tr := t.task.host.sim.tracer; tr.On(trace.KindTrap) {
		e.Task = t.task.id
		trace.Emit(tr, *e)
	}
}

// suffer lets the faults happen that may be injected at a trap.
func (t *Thread) suffer(e *trace.Trap) {
	s := t.task.host.sim.sched
	if t.task.mortal && e.Name == trace.TrapMsg && !t.th.Killed() && s.Inject(sched.InjectDeath, t.task.name) {
		t.touch(false)
		t.task.terminate(t.th)
		t.release() // does not return
	}
	if t.task.host.vm.Pageable() && s.Inject(sched.InjectPageout, t.task.host.name) {
		t.touch(false)
		t.task.host.vm.PageoutOne()
	}
}

// gentle reports whether a trap touches nothing of the kernel but what is said on its way. A message at an address is
// read from memory, and what is done for a request is said where it is done.
func gentle(e *trace.Trap) bool {
	switch e.Name {
	case trace.TrapMsg:
		return e.Addr == 0
	case trace.TrapLoad, trace.TrapStore, trace.TrapTaskSelf, trace.TrapThreadSelf, trace.TrapHostSelf, trace.TrapReplyPort, trace.TrapSwitch:
		return true
	}
	return false
}

// touch says what the thread's next step touches, beside what is said elsewhere: what its task owns, and, unless
// it is gentle, everything its kernel has.
func (t *Thread) touch(gentle bool) {
	if t.task.host.sim.sched.Observed() {
		t.touched(gentle)
	}
}

func (t *Thread) touched(gentle bool) {
	s := t.task.host.sim.sched
	s.Touch(sched.ResourceTask, uint64(t.task.id), true)
	s.Touch(sched.ResourceKernel, 0, !gentle)
}

// admit is the part of enter that every access has too.
func (t *Thread) admit() {
	if c := t.task.host.sim.sched.Current(); c != t.th {
		t.misused(c)
	}
	t.mode = inKernel
	if t.turns++; t.turns%fairTurns == 0 {
		t.th.Yield()
	}
}

// leave takes the thread back to its program.
func (t *Thread) leave(n trace.TrapName, code mach.Return) {
	t.release()
	if tr := t.task.host.sim.tracer; tr.On(trace.KindTrap) {
		trace.Emit(tr, trace.Trap{Task: t.task.id, Name: n, Code: code, Exit: true})
	}
	t.know(code)
	t.mode = inProgram
}

// release is the part of leave that every access has too.
func (t *Thread) release() {
	t.th.Drain()
	if t.th.Suspended() && !t.th.Killed() {
		t.th.Yield()
	}
	if t.th.Killed() {
		t.unwind()
	}
	t.th.ClearAbort()
}

// unwind takes a killed thread out of its program.
func (t *Thread) unwind() {
	t.mode = inProgram
	panic(killed{})
}

// Msg is the trap mach_msg. Its codes are those of ipc.Space.Msg; without a message to send or to receive
// into, MACH_SEND_INVALID_DATA or MACH_RCV_INVALID_DATA.
func (t *Thread) Msg(m *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	t.enter(&trace.Trap{Name: trace.TrapMsg, ID: sentID(m, opt)})
	ret := t.msg(m, opt, rcvLimit, rcvName, timeout, notify, nil)
	t.leave(trace.TrapMsg, ret)
	t.knowMessage(m)
	return ret
}

// sentID is the number of the message that is sent, 0 if none is.
func sentID(m *mach.UserMessage, opt mach.Option) mach.MsgID {
	if m != nil && opt&mach.SendMsg != 0 {
		return m.ID
	}
	return 0
}

func (t *Thread) msg(m *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name, scatter *ipc.Scatter) mach.Return {
	if m == nil {
		switch {
		case opt&mach.SendMsg != 0:
			return mach.SendInvalidData
		case opt&mach.RcvMsg != 0:
			return mach.RcvInvalidData
		}
		return mach.KernSuccess
	}
	// Field by field: the whole at once goes through a temporary, which costs more than the rest of the trap.
	a := &t.args
	a.Option, a.RcvLimit, a.RcvName, a.Timeout, a.Notify = opt&^mach.SendAlways, rcvLimit, rcvName, timeout, notify
	a.Scatter = scatter
	return t.task.space.Msg(t.th, t.task.vmap, m, a)
}

// MsgOverwrite is Msg with a separate message to receive into, nil for the same; with RcvOverwrite its
// descriptors are the scatter list.
func (t *Thread) MsgOverwrite(m, rcv *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	t.enter(&trace.Trap{Name: trace.TrapMsg, ID: sentID(m, opt)})
	ret := mach.KernSuccess
	if opt&mach.SendMsg != 0 {
		ret = t.msg(m, opt&^mach.RcvMsg, 0, mach.NameNull, timeout, notify, nil)
		t.th.Drain() // nothing the send destroyed may wait as long as a receive does
	}
	if ret == mach.KernSuccess && opt&mach.RcvMsg != 0 {
		var scatter *ipc.Scatter
		switch {
		case rcv == nil:
			rcv = m
		case opt&mach.RcvOverwrite != 0:
			// The message is overwritten while the list is in use.
			t.scatter.Descs = append(t.scatter.Descs[:0], rcv.Descs...)
			scatter = &t.scatter
		}
		ret = t.msg(rcv, opt&^mach.SendMsg, rcvLimit, rcvName, timeout, notify, scatter)
	}
	t.leave(trace.TrapMsg, ret)
	t.knowMessage(m)
	t.knowMessage(rcv)
	return ret
}

// MsgRaw is mach_msg with the message as bytes in the task's memory. Its codes are those of ipc.Space.MsgRaw.
func (t *Thread) MsgRaw(addr mach.Addr, opt mach.Option, sendSize, rcvSize mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	return t.MsgRawOverwrite(addr, opt, sendSize, rcvSize, rcvName, timeout, notify, addr, 0)
}

// MsgRawOverwrite is MsgRaw with a separate buffer to receive into.
func (t *Thread) MsgRawOverwrite(addr mach.Addr, opt mach.Option, sendSize, rcvSize mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name, rcvAddr mach.Addr, scatterSize mach.Size) mach.Return {
	t.enter(&trace.Trap{Name: trace.TrapMsg, Addr: addr, Size: sendSize})
	t.args = ipc.MsgArgs{Option: opt &^ mach.SendAlways, RcvLimit: rcvSize, RcvName: rcvName, Timeout: timeout, Notify: notify}
	ret := t.task.space.MsgRaw(t.th, t.task.vmap, ipc.RawArgs{Send: addr, SendSize: sendSize, Receive: rcvAddr, ScatterSize: scatterSize}, &t.args)
	t.leave(trace.TrapMsg, ret)
	return ret
}

// TaskSelf is a send right for the thread's task, or for what task_set_special_port put in its place; null
// on any failure. Historic mach_task_self.
func (t *Thread) TaskSelf() mach.Name {
	t.enter(&trace.Trap{Name: trace.TrapTaskSelf})
	r := ipc.CopySend(&t.task.handed)
	return t.give(trace.TrapTaskSelf, &r)
}

// ThreadSelf is a send right for the thread. Historic mach_thread_self.
func (t *Thread) ThreadSelf() mach.Name {
	t.enter(&trace.Trap{Name: trace.TrapThreadSelf})
	r := ipc.CopySend(&t.handed)
	return t.give(trace.TrapThreadSelf, &r)
}

// HostSelf is a send right for the host. Historic mach_host_self.
func (t *Thread) HostSelf() mach.Name {
	t.enter(&trace.Trap{Name: trace.TrapHostSelf})
	r := t.task.host.self.send()
	return t.give(trace.TrapHostSelf, &r)
}

// give ends a trap that hands out a right.
func (t *Thread) give(n trace.TrapName, r *ipc.Right) mach.Name {
	name, ret := t.task.space.Copyout(&t.th.Reap, r)
	t.leave(n, ret)
	t.know(ret, uint64(name))
	return name
}

// ReplyPort is a new port, whose receive right the task has; null on any failure. Historic mach_reply_port.
func (t *Thread) ReplyPort() mach.Name {
	t.enter(&trace.Trap{Name: trace.TrapReplyPort})
	name := t.task.space.AllocateReply()
	t.leave(trace.TrapReplyPort, mach.KernSuccess)
	t.know(mach.KernSuccess, uint64(name))
	return name
}

// Yield lets all other threads that are ready run first. Historic thread_switch.
func (t *Thread) Yield() {
	t.enter(&trace.Trap{Name: trace.TrapSwitch})
	t.th.Yield()
	t.leave(trace.TrapSwitch, mach.KernSuccess)
}

// Sleep waits for d milliseconds of virtual time, or until a thread_abort.
func (t *Thread) Sleep(d mach.Timeout) {
	t.enter(&trace.Trap{Name: trace.TrapSleep})
	t.th.Sleep(mach.Time(d) * mach.Millisecond)
	t.leave(trace.TrapSleep, mach.KernSuccess)
}

// Spawn starts another thread of the task. What a service thread starts is one as well.
func (t *Thread) Spawn(name string, body func(user.Thread)) {
	t.enter(&trace.Trap{Name: trace.TrapOther})
	if x := t.task.Spawn(name, body); x != nil {
		x.SetDaemon(t.th.Daemon())
	}
	t.leave(trace.TrapOther, mach.KernSuccess)
}

// Choose asks whoever decides this run to pick one of the options at a point that the program names: a fault that
// is to be injected. It is the first one if nobody decides. It is no trap, and no other thread runs.
func (t *Thread) Choose(point string, options []string) int {
	if c := t.task.host.sim.sched.Current(); c != t.th {
		t.misused(c)
	}
	return t.th.Decide(choice.KindFault, point, options)
}

// PageSize is the page size of the host.
func (t *Thread) PageSize() mach.Size { return t.task.host.vm.PageSize() }

// Form is how messages are encoded on the host.
func (t *Thread) Form() mig.Form { return t.task.host.form }

// Scratch is the system library's state of the thread.
func (t *Thread) Scratch() *user.Scratch { return &t.scratch }
