package kernel

import (
	"fmt"
	"runtime/debug"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// Thread is a thread of a task. Its program is a Go function, which sees it as a user.Thread.
//
// A thread that is killed leaves its wait if that can be interrupted, and unwinds at the boundary of the
// kernel: its trap does not return. Deferred functions of the program run; a trap in one of them unwinds
// again.
type Thread struct {
	task *Task
	name string // task and thread
	th   *sched.Thread
	body func(user.Thread)

	self       ipc.Right // receive right of the control port
	handed     ipc.Right // what mach_thread_self hands out
	reply      ipc.Right // receive right of the port on which an exception is answered, while one is
	exceptions exceptionPorts

	mode      mode
	ended     bool
	suspended int    // thread_suspends not yet undone
	turns     uint32 // traps and accesses; see enter
	done      sched.Queue

	args      ipc.MsgArgs // of the mach_msg under way
	scatter   ipc.Scatter
	scratch   user.Scratch
	exception *user.Exception
	crash     *Crash

	prev, next *Thread // neighbours in task.threads
}

var _ user.Thread = (*Thread)(nil)

// mode says whose code a thread runs, which decides whose fault a panic is.
type mode uint8

const (
	inProgram mode = iota
	inKernel
)

// killed is the private panic that takes a killed thread out of its program.
type killed struct{}

// Spawn makes a thread of the task whose program is body. A task that is ending gets none: the result is nil.
func (t *Task) Spawn(name string, body func(user.Thread)) *Thread {
	if t.state != taskActive {
		return nil
	}
	h, s := t.host, t.host.sim
	x := s.spares.threads.New()
	*x = Thread{task: t, name: t.name + "/" + name, body: body}
	x.th = s.sched.Spawn(x.name, x.main)
	x.th.Local = x
	x.th.SetHost(h.ID())
	x.th.SetTask(t.id)
	s.tracer.Names().Label(trace.ClassThread, uint64(x.th.ID()), x.name)
	x.self = h.node.NewKernelPort(x)
	h.labelPort(&x.self, x.name+" thread")
	x.handed = ipc.MakeSend(&x.self)
	t.threads.push(x)
	t.reference()
	for range t.suspended {
		x.th.Suspend()
	}
	x.th.OnExit(x.abandoned)
	return x
}

// main is the life of a thread.
func (t *Thread) main(th *sched.Thread) {
	if !th.Killed() {
		t.run()
	}
	if t.crash != nil {
		t.task.terminate(th)
	}
	t.end(th)
}

// run runs the program until it returns, panics, or is killed.
func (t *Thread) run() {
	defer t.caught()
	t.body(t)
}

// caught ends a panic on its way out of the program: that of a killed thread, or the program's own. What
// comes out of the kernel goes on: a broken invariant, or the end of the simulation.
func (t *Thread) caught() {
	if t.mode == inKernel {
		return
	}
	switch p := recover(); p.(type) {
	case nil, killed:
	default:
		s := t.task.host.sim
		t.crash = &Crash{Thread: t, Step: s.sched.Steps(), Value: p, Stack: debug.Stack()}
		s.crashes = append(s.crashes, t.crash)
		s.tracer.Note(trace.NoteFail, t.crash.Error())
	}
}

// end is the last act of a thread: it gives up its rights and its reference on the task. The last thread
// of a task whose terminator was interrupted terminates it in its stead.
func (t *Thread) end(th *sched.Thread) {
	t.ended = true
	t.touch(true)
	task, reap := t.task, &th.Reap
	drop(reap, &t.reply)
	drop(reap, &t.handed)
	t.exceptions.release(reap)
	drop(reap, &t.self)
	task.threads.remove(t)
	t.done.WakeAll(sched.Awakened)
	task.leaving.WakeAll(sched.Awakened)
	if task.state == taskTerminating && task.threads.first == nil && !task.ender {
		task.finish(th)
	}
	task.release(th)
}

// abandoned ends a thread that went on after it was killed and never runs again.
func (t *Thread) abandoned(*sched.Thread) {
	if !t.ended {
		t.task.host.kernelThread("reaper", t.end)
	}
}

// terminate ends the thread and waits until it has ended. A thread that terminates itself ends with the
// trap. Historic thread_terminate.
//
// Codes: KERN_FAILURE, it is ending already; KERN_ABORTED, the wait was aborted: it ends all the same.
func (t *Thread) terminate(th *sched.Thread) mach.Return {
	if t.ended || t.th.Killed() {
		return mach.KernFailure
	}
	t.th.Kill()
	for t.th != th && !t.ended {
		if th.Block(&t.done, sched.Wait{Kind: sched.WaitThread, What: t, Interruptible: true}) == sched.Interrupted {
			return mach.KernAborted
		}
	}
	return mach.KernSuccess
}

// suspend stops the thread once more, resume once less.
func (t *Thread) suspend() {
	t.suspended++
	t.th.Suspend()
}

func (t *Thread) resume() mach.Return {
	if t.suspended == 0 {
		return mach.KernFailure
	}
	t.suspended--
	t.th.Resume()
	return mach.KernSuccess
}

// abort interrupts what the thread does in the kernel; a thread that runs its program is left alone.
func (t *Thread) abort() {
	if t.mode == inKernel {
		t.th.Abort()
	}
}

// Task is the task of the thread.
func (t *Thread) Task() *Task { return t.task }

// Name is the name of the task and that of the thread: "pager/main".
func (t *Thread) Name() string { return t.name }

// ID is the thread's number, unique in its simulation and never used again.
func (t *Thread) ID() uint32 { return t.th.ID() }

// Sched is the thread as the scheduler sees it.
func (t *Thread) Sched() *sched.Thread { return t.th }

// Ended reports whether the thread has ended.
func (t *Thread) Ended() bool { return t.ended }

// Exception is the last exception that nobody handled, nil if there was none.
func (t *Thread) Exception() *user.Exception { return t.exception }

// Crash is the panic of the thread's program, nil if there was none.
func (t *Thread) Crash() *Crash { return t.crash }

// SetDaemon makes the thread a service thread, whose waiting is no deadlock, or an ordinary one again.
func (t *Thread) SetDaemon(daemon bool) { t.th.SetDaemon(daemon) }

func (t *Thread) String() string { return t.th.String() }

// KobjectType is KobjectAct, or none once the thread has ended.
func (t *Thread) KobjectType() ipc.KobjectType {
	if t.ended {
		return ipc.KobjectNone
	}
	return ipc.KobjectAct
}

// Accepts is true: a thread port is never closed.
func (t *Thread) Accepts(mach.MsgID) bool { return true }

// Serve executes a request that was sent to the thread's port.
func (t *Thread) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	return t.task.host.serve(th, t, req, rep)
}

// port is a new send right of the control port, null if the thread has ended. Historic
// convert_act_to_port.
func (t *Thread) port() ipc.Right {
	if t.ended {
		return ipc.Right{}
	}
	return ipc.MakeSend(&t.self)
}

// WaitName names the thread in a report: who waits for it waits for its end.
func (t *Thread) WaitName() string { return t.th.String() + " to end" }

// WaitID names the thread in the trace.
func (t *Thread) WaitID() uint64 { return uint64(t.th.ID()) }

func (t *Thread) visitRights(visit func(r ipc.Right, owner string)) {
	show(visit, t.self, t.name, ": control port")
	show(visit, t.handed, t.name, ": self port")
	show(visit, t.reply, t.name, ": reply port of an exception")
	for _, r := range t.exceptions {
		show(visit, r, t.name, ": exception port")
	}
}

// threadList is the threads of a task, oldest first.
type threadList struct{ first, last *Thread }

func (l *threadList) push(t *Thread) {
	t.prev = l.last
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
}

func (l *threadList) remove(t *Thread) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

func (l *threadList) all() []*Thread {
	var ts []*Thread
	for t := l.first; t != nil; t = t.next {
		ts = append(ts, t)
	}
	return ts
}

// misused panics in the thread that called a trap of t, which is another.
func (t *Thread) misused(current *sched.Thread) {
	panic(fmt.Sprintf("kernel: a trap of %v was called by %v: only its own program may use a thread, while it runs", t.th, current))
}
