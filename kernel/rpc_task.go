package kernel

import (
	"fmt"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/vm"
)

// The calls on tasks. A port of another kind, or of a task that is ending, gives KERN_INVALID_ARGUMENT.

var taskRoutines = []routine{
	onBlocking(defs.TaskCreateRow, taskCreate),
	on(defs.TaskCreateCMURow, taskCreateCMU),
	on(defs.TaskTerminateRow, taskTerminate),
	on(defs.TaskThreadsRow, taskThreads),
	on(defs.TaskSuspendRow, taskSuspend),
	on(defs.TaskResumeRow, taskResume),
}

func taskCreate(c call, req *defs.TaskCreate[ipc.Right, []ipc.Right], rep *defs.TaskCreateReply[ipc.Right]) (ret mach.Return) {
	rep.ChildTask, ret = c.createTask(req.InheritMemory)
	return ret
}

func taskCreateCMU(c call, req *defs.TaskCreateCMU[ipc.Right], rep *defs.TaskCreateReply[ipc.Right]) (ret mach.Return) {
	rep.ChildTask, ret = c.createTask(req.InheritMemory)
	return ret
}

// createTask makes a child of the task that was asked, with a fork of its memory or with none. The fork
// may wait for managers.
func (c call) createTask(inherit bool) (ipc.Right, mach.Return) {
	parent := c.task()
	if parent == nil {
		return ipc.Right{}, mach.KernInvalidArgument
	}
	id := c.host.sim.nextTask()
	name := fmt.Sprintf("%s.%d", parent.name, id)
	c.host.sim.labelTask(id, name)
	var m *vm.Map
	if inherit {
		m = parent.vmap.Fork(c.th, id, name)
	}
	return c.host.newTask(parent, id, name, m).port(), mach.KernSuccess
}

func taskTerminate(c call, req *defs.TaskTerminate[ipc.Right], _ *void) mach.Return {
	t, ok := c.object.(*Task)
	if !ok {
		return mach.KernInvalidArgument
	}
	return t.terminate(c.th)
}

func taskThreads(c call, req *defs.TaskThreads[ipc.Right], rep *defs.TaskThreadsReply[[]ipc.Right]) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	for x := t.threads.first; x != nil; x = x.next {
		rep.ThreadList = append(rep.ThreadList, x.port())
	}
	return mach.KernSuccess
}

func taskSuspend(c call, req *defs.TaskSuspend[ipc.Right], _ *void) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	t.suspend()
	return mach.KernSuccess
}

func taskResume(c call, req *defs.TaskResume[ipc.Right], _ *void) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	return t.resume()
}
