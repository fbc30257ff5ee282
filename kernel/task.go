package kernel

import (
	"fmt"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/vm"
)

// Task is an address space, a port name space, and the threads that use them.
//
// A task is active until task_terminate, then terminating while its threads leave the kernel, then dead.
// Its references are its own life, each thread that has not ended, and each call on its port that is under way;
// the map goes with the last of them, which may be later than the death of the ports (VM 2.19).
type Task struct {
	host  *Host
	id    uint32
	name  string
	space *ipc.Space
	vmap  *vm.Map
	state taskState
	refs  int

	self       ipc.Right // receive right of the control port
	handed     ipc.Right // what mach_task_self hands out; historic itk_sself
	bootstrap  ipc.Right
	exceptions exceptionPorts
	registered [mach.RegisteredPorts]ipc.Right

	threads   threadList // those that have not ended
	suspended int
	leaving   sched.Queue  // who waits for threads to end
	ender     bool         // some thread is in terminate and will go on to finish
	mortal    bool         // may die of an injected fault
	history   sched.Digest // what its programs have learned

	prev, next *Task // neighbours in host.tasks
}

// taskState is how far a task's life has come. Every transition is in this file.
type taskState uint8

const (
	taskActive      taskState = iota
	taskTerminating           // its threads have been told to end
	taskDead                  // its ports are dead; the map lives as long as there are references
)

func (s taskState) String() string { return [...]string{"active", "terminating", "dead"}[s] }

// NewTask makes a task with an empty address space and no parent. A name of "" becomes task and a number.
func (h *Host) NewTask(name string) *Task {
	id := h.sim.nextTask()
	if name == "" {
		name = fmt.Sprintf("task.%d", id)
	}
	h.sim.labelTask(id, name)
	return h.newTask(nil, id, name, nil)
}

// nextTask is the number of a new task.
func (s *Simulation) nextTask() uint32 {
	s.lastTask++
	return s.lastTask
}

// labelTask names a task in the trace, before anything of it is traced.
func (s *Simulation) labelTask(id uint32, name string) {
	s.tracer.Names().Label(trace.ClassTask, uint64(id), name)
}

// newTask makes a task with address space m, nil for an empty one, that inherits the parent's registered,
// bootstrap and exception ports; without a parent they are null. Historic task_create, ipc_task_init.
func (h *Host) newTask(parent *Task, id uint32, name string, m *vm.Map) *Task {
	s := h.sim
	t := &Task{host: h, id: id, name: name, vmap: m, refs: 1}
	event := trace.TaskEvent{Task: id, Op: trace.TaskCreate}
	if m != nil {
		event.Parent = parent.id
	} else {
		t.vmap = h.vm.NewMap(id, name)
	}
	trace.Emit(s.tracer, event)
	t.space = h.node.NewSpace(name, id)
	t.self = h.node.NewKernelPort(t)
	h.labelPort(&t.self, name+" task")
	t.handed = ipc.MakeSend(&t.self)
	if parent != nil {
		t.bootstrap = ipc.CopySend(&parent.bootstrap)
		t.exceptions.inherit(&parent.exceptions)
		for i := range t.registered {
			t.registered[i] = ipc.CopySend(&parent.registered[i])
		}
	}
	h.tasks.push(t)
	return t
}

// Name is the task's name, for people.
func (t *Task) Name() string { return t.name }

// ID is the task's number, unique in its simulation and never used again.
func (t *Task) ID() uint32 { return t.id }

// Host is the host the task lives on.
func (t *Task) Host() *Host { return t.host }

// Space is the task's port names.
func (t *Task) Space() *ipc.Space { return t.space }

// Map is the task's address space.
func (t *Task) Map() *vm.Map { return t.vmap }

// SetMortal says whether the task, a manager's, may die of a fault that is injected (sched.InjectDeath).
func (t *Task) SetMortal(mortal bool) { t.mortal = mortal }

// Alive reports whether nobody has begun to terminate the task.
func (t *Task) Alive() bool { return t.state == taskActive }

// Threads lists the threads that have not ended, in the order of their making.
func (t *Task) Threads() []*Thread { return t.threads.all() }

func (t *Task) String() string { return fmt.Sprintf("task %d %q", t.id, t.name) }

// KobjectType is KobjectTask, or none once the task has begun to end: a late request finds no task.
func (t *Task) KobjectType() ipc.KobjectType {
	if t.state != taskActive {
		return ipc.KobjectNone
	}
	return ipc.KobjectTask
}

// Accepts is true: a task port is never closed.
func (t *Task) Accepts(mach.MsgID) bool { return true }

// Serve executes a request that was sent to the task's port.
func (t *Task) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	t.reference()
	ret := t.host.serve(th, t, req, rep)
	t.release(th)
	return ret
}

// port is a new send right of the control port, null if the task is no longer active. Historic
// convert_task_to_port.
func (t *Task) port() ipc.Right {
	if t.state != taskActive {
		return ipc.Right{}
	}
	return ipc.MakeSend(&t.self)
}

// reference keeps the map until release.
func (t *Task) reference() { t.refs++ }

// release gives a reference up. The last one destroys the map, which may terminate memory objects and
// block. Historic task_deallocate.
func (t *Task) release(th *sched.Thread) {
	if t.refs--; t.refs > 0 {
		return
	}
	if t.state != taskDead {
		panic(fmt.Sprintf("kernel: task references: %v is %v and has none left", t, t.state))
	}
	t.touchKernel()
	t.host.tasks.remove(t)
	t.vmap.Release(th)
}

// touchKernel says that the running thread may change anything.
func (t *Task) touchKernel() { t.host.sim.sched.Touch(sched.ResourceKernel, 0, true) }

// TouchesLittle reports whether a request to the task touches its own names and map only, and says that it touches
// the task.
func (t *Task) TouchesLittle(id mach.MsgID) bool {
	t.host.sim.sched.Touch(sched.ResourceTask, uint64(t.id), true)
	switch t.host.server.rows.Request(id) {
	case defs.VMAllocateRow:
		t.host.vm.TouchMemory(true)
		return true
	case defs.MachPortDeallocateRow, defs.MachPortAllocateRow:
		return true
	}
	return false
}

// terminate ends the task: its threads stop and leave their waits, then it gives up everything it has
// (finish). The caller waits for the threads, unless it is one of them and ends by itself; if it is
// killed while it waits, the last thread to leave goes on. Historic task_terminate.
//
// Codes: KERN_FAILURE, the task is ending already; KERN_ABORTED, the wait was aborted: the task ends all
// the same.
func (t *Task) terminate(th *sched.Thread) mach.Return {
	if t.state != taskActive {
		return mach.KernFailure
	}
	t.state = taskTerminating
	trace.Emit(t.host.sim.tracer, trace.TaskEvent{Task: t.id, Op: trace.TaskTerminate})
	for x := t.threads.first; x != nil; x = x.next {
		x.th.Kill()
	}
	t.ender = true
	// A thread that terminates its own task is killed already and waits all the same.
	wait := sched.Wait{Kind: sched.WaitThread, What: t, Interruptible: !t.has(th)}
	for !t.onlyThread(th) {
		if th.Block(&t.leaving, wait) == sched.Interrupted {
			t.ender = false
			return mach.KernAborted
		}
	}
	t.finish(th)
	return mach.KernSuccess
}

// onlyThread reports whether nobody but th is left in the task.
func (t *Task) onlyThread(th *sched.Thread) bool {
	return t.threads.first == nil || t.threads.first == t.threads.last && t.threads.first.th == th
}

func (t *Task) has(th *sched.Thread) bool {
	x, ok := th.Local.(*Thread)
	return ok && x.task == t
}

// finish gives up everything a terminating task without threads has, in the order of IPC 4.6: the naked
// rights of the task, its space entry by entry, its control port, and the reference that stands for its
// life.
func (t *Task) finish(th *sched.Thread) {
	t.state = taskDead
	t.touchKernel()
	reap := &th.Reap
	drop(reap, &t.handed)
	t.exceptions.release(reap)
	drop(reap, &t.bootstrap)
	for i := range t.registered {
		drop(reap, &t.registered[i])
	}
	t.space.Terminate(reap)
	drop(reap, &t.self)
	t.leaving.WakeAll(sched.Awakened)
	t.release(th)
}

// WaitName names the task in a report: who waits for it waits for its threads to end.
func (t *Task) WaitName() string { return t.String() + " to end" }

// HeldBy names the threads that have not ended.
func (t *Task) HeldBy() string {
	s := ""
	for x := t.threads.first; x != nil; x = x.next {
		if s != "" {
			s += ", "
		}
		s += x.th.String()
	}
	return s
}

// visitRights shows the naked rights of the task and its threads to the recount.
func (t *Task) visitRights(visit func(r ipc.Right, owner string)) {
	show(visit, t.self, t.name, ": control port")
	show(visit, t.handed, t.name, ": self port")
	show(visit, t.bootstrap, t.name, ": bootstrap port")
	for _, r := range t.exceptions {
		show(visit, r, t.name, ": exception port")
	}
	for _, r := range t.registered {
		show(visit, r, t.name, ": registered port")
	}
	for x := t.threads.first; x != nil; x = x.next {
		x.visitRights(visit)
	}
}

// suspend stops all threads of the task once more, resume once less. A thread runs while neither its own
// count nor the task's holds it.
func (t *Task) suspend() {
	t.suspended++
	for x := t.threads.first; x != nil; x = x.next {
		x.th.Suspend()
	}
	trace.Emit(t.host.sim.tracer, trace.TaskEvent{Task: t.id, Op: trace.TaskSuspend})
}

func (t *Task) resume() mach.Return {
	if t.suspended == 0 {
		return mach.KernFailure
	}
	t.suspended--
	for x := t.threads.first; x != nil; x = x.next {
		x.th.Resume()
	}
	trace.Emit(t.host.sim.tracer, trace.TaskEvent{Task: t.id, Op: trace.TaskResume})
	return mach.KernSuccess
}

// taskList is the tasks of a host, oldest first.
type taskList struct{ first, last *Task }

func (l *taskList) push(t *Task) {
	t.prev = l.last
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
}

func (l *taskList) remove(t *Task) {
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

func (l *taskList) all() []*Task {
	var ts []*Task
	for t := l.first; t != nil; t = t.next {
		ts = append(ts, t)
	}
	return ts
}
