package kernel

import (
	"fmt"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// What a test or scenario may do to tasks from outside, between or before runs, without a message. Every
// right that is handed out this way shows in the trace as harness.

// Terminate ends the task as task_terminate would, in a thread of the kernel: it takes effect when the
// simulation runs.
func (t *Task) Terminate() {
	t.host.kernelThread("terminate "+t.name, func(th *sched.Thread) { t.terminate(th) })
}

// Terminate ends the thread as thread_terminate would, at once if it is not in an uninterruptible wait.
// It takes effect when the simulation runs.
func (t *Thread) Terminate() {
	t.task.host.kernelThread("terminate "+t.name, func(th *sched.Thread) { t.terminate(th) })
}

// Suspend stops all threads of the task once more; Resume once less, which fails with KERN_FAILURE if they
// are not suspended.
func (t *Task) Suspend()            { t.suspend() }
func (t *Task) Resume() mach.Return { return t.resume() }

// Evict throws out up to n pages, as if memory were short, and stops where no page can go. It takes effect when
// the simulation runs.
func (h *Host) Evict(n int) {
	h.kernelThread("evict", func(th *sched.Thread) {
		for range n {
			if !h.vm.EvictOne(th) {
				return
			}
			th.Drain()
		}
	})
}

// GiveSend gives t a send right for the port that from names: a made one if the name is of a receive right,
// else a copy. It returns t's name for it.
//
// It fails if the name denotes neither, or if t has no room.
func (t *Task) GiveSend(from *Task, name mach.Name) (mach.Name, error) {
	disp := mach.CopySend
	if e, ok := from.space.Lookup(name); ok && e.Type&mach.TypeReceive != 0 {
		disp = mach.MakeSend
	}
	return t.give(from, name, disp, mach.RightSend)
}

// GiveSendOnce gives t a send-once right for the port of a receive right that from has.
func (t *Task) GiveSendOnce(from *Task, name mach.Name) (mach.Name, error) {
	return t.give(from, name, mach.MakeSendOnce, mach.RightSendOnce)
}

// GiveReceive moves a receive right from another task to t, as a message would.
func (t *Task) GiveReceive(from *Task, name mach.Name) (mach.Name, error) {
	return t.give(from, name, mach.MoveReceive, mach.RightReceive)
}

func (t *Task) give(from *Task, name mach.Name, disp mach.Disposition, right mach.RightCode) (mach.Name, error) {
	var got mach.Name
	err := t.host.outside(func(reap *sched.Reap) error {
		r, ret := from.space.ExtractRight(reap, name, disp)
		if ret != mach.KernSuccess {
			return fmt.Errorf("kernel: %v of %s of %v: %w", disp, name, from, ret)
		}
		var err error
		got, err = t.insert(reap, &r, right)
		return err
	})
	return got, err
}

// GiveHostPriv gives the task a send right for its privileged host port.
func (t *Task) GiveHostPriv() (mach.Name, error) {
	r := t.host.priv.send()
	return t.insertOutside(&r)
}

// GiveTaskPort gives the task a send right for the control port of another task.
func (t *Task) GiveTaskPort(other *Task) (mach.Name, error) {
	r := other.port()
	if r.IsNull() {
		return mach.NameNull, fmt.Errorf("kernel: %v has no port: it is %v", other, other.state)
	}
	return t.insertOutside(&r)
}

// GiveThreadPort gives the task a send right for the control port of a thread.
func (t *Task) GiveThreadPort(other *Thread) (mach.Name, error) {
	r := other.port()
	if r.IsNull() {
		return mach.NameNull, fmt.Errorf("kernel: %v has no port: it has ended", other)
	}
	return t.insertOutside(&r)
}

func (t *Task) insertOutside(r *ipc.Right) (mach.Name, error) {
	var got mach.Name
	err := t.host.outside(func(reap *sched.Reap) (err error) {
		got, err = t.insert(reap, r, mach.RightSend)
		return err
	})
	return got, err
}

// insert consumes r whether or not there is room for it.
func (t *Task) insert(reap *sched.Reap, r *ipc.Right, right mach.RightCode) (mach.Name, error) {
	port := uint64(trace.PortDead)
	if p := r.Port(); p != nil {
		port = p.ID()
	}
	name, ret := t.space.Copyout(reap, r)
	if ret != mach.KernSuccess {
		return mach.NameNull, fmt.Errorf("kernel: %v gets no right: %w", t, ret)
	}
	e, _ := t.space.Lookup(name)
	trace.Emit(t.host.sim.tracer, trace.RightEvent{Port: port, Task: t.id, Name: name, Right: right, Delta: 1,
		Urefs: uint32(e.Urefs), Op: trace.RightHarness})
	return name, nil
}

// outside does something that may cause destruction without a thread to do it in. What must be done is
// left to a thread of the kernel.
func (h *Host) outside(f func(reap *sched.Reap) error) error {
	if th := h.sim.sched.Current(); th != nil {
		return f(&th.Reap)
	}
	var reap sched.Reap
	err := f(&reap)
	if reap.Len() > 0 {
		h.kernelThread("reaper", func(th *sched.Thread) { th.Reap = reap })
	}
	return err
}

// Rights lists what the task's names denote, in the order of mach_port_names.
func (t *Task) Rights() []ipc.EntryInfo {
	var es []ipc.EntryInfo
	for e := range t.space.Entries() {
		es = append(es, e)
	}
	return es
}

// Port is the control port of the task, for inspection; nil once the task has ended.
func (t *Task) Port() *ipc.Port { return t.self.Port() }

// Port is the control port of the thread, for inspection; nil once the thread has ended.
func (t *Thread) Port() *ipc.Port { return t.self.Port() }

// Port and PrivPort are the host's ports, for inspection.
func (h *Host) Port() *ipc.Port     { return h.self.right.Port() }
func (h *Host) PrivPort() *ipc.Port { return h.priv.right.Port() }
