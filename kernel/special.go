package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Special ports, exception ports and registered ports: naked send rights that a task or thread keeps for
// whoever asks. A child task inherits the registered, bootstrap and exception ports.

var specialRoutines = []routine{
	on(defs.TaskGetSpecialPortRow, taskGetSpecialPort),
	on(defs.TaskSetSpecialPortRow, taskSetSpecialPort),
	on(defs.ThreadGetSpecialPortRow, threadGetSpecialPort),
	on(defs.ThreadSetSpecialPortRow, threadSetSpecialPort),
	on(defs.TaskSetExceptionPortsRow, taskSetExceptionPorts),
	on(defs.ThreadSetExceptionPortsRow, threadSetExceptionPorts),
	on(defs.MachPortsRegisterRow, machPortsRegister),
	on(defs.MachPortsLookupRow, machPortsLookup),
}

// exceptionCount is the number of exceptions, from 1; exceptionMask is the set of all.
const (
	exceptionCount = 6
	exceptionMask  = 1<<(exceptionCount+1) - 2
)

// exceptionPorts says whom the kernel tells of each exception: a send right, or null for nobody. Where
// there is one exception port, as in CMU and GNU kernels, all rights are of that port.
type exceptionPorts [exceptionCount + 1]ipc.Right

// set gives the exceptions in mask, bit n for exception n, to the port of the send right r, which stays
// with the caller.
func (e *exceptionPorts) set(reap *sched.Reap, mask uint32, r *ipc.Right) {
	for i := range e {
		if mask>>i&1 != 0 {
			drop(reap, &e[i])
			e[i] = ipc.CopySend(r)
		}
	}
}

func (e *exceptionPorts) inherit(parent *exceptionPorts) {
	for i := range e {
		e[i] = ipc.CopySend(&parent[i])
	}
}

func (e *exceptionPorts) release(reap *sched.Reap) {
	for i := range e {
		drop(reap, &e[i])
	}
}

// hasExceptionPort says whether the exception port is a special port in the host's message set, which
// otherwise has calls of their own for exception ports.
func (h *Host) hasExceptionPort() bool { return h.form.Set != mig.OSF }

// taskSpecial is the special port of a task that a selector means, nil for an unknown one. all is what must be
// set with it: the ports of all exceptions.
func (c call) taskSpecial(t *Task, which int32) (port *ipc.Right, all *exceptionPorts) {
	switch {
	case which == defs.TaskKernelPort:
		return &t.handed, nil
	case which == defs.TaskBootstrapPort:
		return &t.bootstrap, nil
	case which == defs.TaskExceptionPort && c.host.hasExceptionPort():
		return &t.exceptions[defs.ExcBadAccess], &t.exceptions
	}
	return nil, nil
}

func (c call) threadSpecial(t *Thread, which int32) (port *ipc.Right, all *exceptionPorts) {
	switch {
	case which == defs.ThreadKernelPort:
		return &t.handed, nil
	case which == defs.ThreadExceptionPort && c.host.hasExceptionPort():
		return &t.exceptions[defs.ExcBadAccess], &t.exceptions
	}
	return nil, nil
}

// setSpecial consumes r if it succeeds.
func (c call) setSpecial(port *ipc.Right, all *exceptionPorts, r *ipc.Right) mach.Return {
	switch {
	case port == nil:
		return mach.KernInvalidArgument
	case all != nil:
		all.set(&c.th.Reap, exceptionMask, r)
		drop(&c.th.Reap, r)
	default:
		drop(&c.th.Reap, port)
		*port = r.Take()
	}
	return mach.KernSuccess
}

func taskGetSpecialPort(c call, req *defs.TaskGetSpecialPort[ipc.Right], rep *defs.GetSpecialPortReply[ipc.Right]) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	port, _ := c.taskSpecial(t, req.WhichPort)
	if port == nil {
		return mach.KernInvalidArgument
	}
	rep.SpecialPort = ipc.CopySend(port)
	return mach.KernSuccess
}

// taskSetSpecialPort replaces what mach_task_self hands out, not the control port, when it is asked to
// replace the kernel port.
func taskSetSpecialPort(c call, req *defs.TaskSetSpecialPort[ipc.Right], _ *void) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	port, all := c.taskSpecial(t, req.WhichPort)
	return c.setSpecial(port, all, &req.SpecialPort)
}

func threadGetSpecialPort(c call, req *defs.ThreadGetSpecialPort[ipc.Right], rep *defs.GetSpecialPortReply[ipc.Right]) mach.Return {
	t := c.thread()
	if t == nil {
		return mach.KernInvalidArgument
	}
	port, _ := c.threadSpecial(t, req.WhichPort)
	if port == nil {
		return mach.KernInvalidArgument
	}
	rep.SpecialPort = ipc.CopySend(port)
	return mach.KernSuccess
}

func threadSetSpecialPort(c call, req *defs.ThreadSetSpecialPort[ipc.Right], _ *void) mach.Return {
	t := c.thread()
	if t == nil {
		return mach.KernInvalidArgument
	}
	port, all := c.threadSpecial(t, req.WhichPort)
	return c.setSpecial(port, all, &req.SpecialPort)
}

func taskSetExceptionPorts(c call, req *defs.TaskSetExceptionPorts[ipc.Right], _ *void) mach.Return {
	t := c.task()
	if t == nil || !exceptionArguments(req.ExceptionMask, &req.NewPort, req.Behavior) {
		return mach.KernInvalidArgument
	}
	t.exceptions.set(&c.th.Reap, req.ExceptionMask, &req.NewPort)
	return mach.KernSuccess
}

func threadSetExceptionPorts(c call, req *defs.ThreadSetExceptionPorts[ipc.Right], _ *void) mach.Return {
	t := c.thread()
	if t == nil || !exceptionArguments(req.ExceptionMask, &req.NewPort, req.Behavior) {
		return mach.KernInvalidArgument
	}
	t.exceptions.set(&c.th.Reap, req.ExceptionMask, &req.NewPort)
	return mach.KernSuccess
}

// exceptionArguments reports whether the kernel can tell port of these exceptions in this way. Without a
// port the way does not matter.
func exceptionArguments(mask uint32, port *ipc.Right, behavior int32) bool {
	return mask&^exceptionMask == 0 && (!port.Live() || behavior == defs.ExceptionDefault)
}

func machPortsRegister(c call, req *defs.MachPortsRegister[ipc.Right, []ipc.Right], _ *void) mach.Return {
	t := c.task()
	if t == nil || len(req.InitPortSet) > mach.RegisteredPorts {
		return mach.KernInvalidArgument
	}
	for i := range t.registered {
		drop(&c.th.Reap, &t.registered[i])
		if i < len(req.InitPortSet) {
			t.registered[i] = req.InitPortSet[i].Take()
		}
	}
	return mach.KernSuccess
}

func machPortsLookup(c call, req *defs.MachPortsLookup[ipc.Right], rep *defs.MachPortsLookupReply[[]ipc.Right]) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	rep.InitPortSet = make([]ipc.Right, mach.RegisteredPorts)
	for i := range t.registered {
		rep.InitPortSet[i] = ipc.CopySend(&t.registered[i])
	}
	return mach.KernSuccess
}
