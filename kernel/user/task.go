package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	taskWire             = NewRoutine[defs.TaskWire[mach.Name], mig.Void](defs.TaskWireRow)
	taskCreate           = NewRoutine[defs.TaskCreate[mach.Name, mach.Region], defs.TaskCreateReply[mach.Name]](defs.TaskCreateRow)
	taskCreateCMU        = NewRoutine[defs.TaskCreateCMU[mach.Name], defs.TaskCreateReply[mach.Name]](defs.TaskCreateCMURow)
	taskTerminate        = NewRoutine[defs.TaskTerminate[mach.Name], mig.Void](defs.TaskTerminateRow)
	taskThreads          = NewRoutine[defs.TaskThreads[mach.Name], defs.TaskThreadsReply[mach.Region]](defs.TaskThreadsRow)
	taskSuspend          = NewRoutine[defs.TaskSuspend[mach.Name], mig.Void](defs.TaskSuspendRow)
	taskResume           = NewRoutine[defs.TaskResume[mach.Name], mig.Void](defs.TaskResumeRow)
	taskGetSpecialPort   = NewRoutine[defs.TaskGetSpecialPort[mach.Name], defs.GetSpecialPortReply[mach.Name]](defs.TaskGetSpecialPortRow)
	taskSetSpecialPort   = NewRoutine[defs.TaskSetSpecialPort[mach.Name], mig.Void](defs.TaskSetSpecialPortRow)
	taskSetExceptions    = NewRoutine[defs.TaskSetExceptionPorts[mach.Name], mig.Void](defs.TaskSetExceptionPortsRow)
	machPortsRegister    = NewRoutine[defs.MachPortsRegister[mach.Name, mach.Region], mig.Void](defs.MachPortsRegisterRow)
	machPortsLookup      = NewRoutine[defs.MachPortsLookup[mach.Name], defs.MachPortsLookupReply[mach.Region]](defs.MachPortsLookupRow)
	threadTerminate      = NewRoutine[defs.ThreadTerminate[mach.Name], mig.Void](defs.ThreadTerminateRow)
	threadSuspend        = NewRoutine[defs.ThreadSuspend[mach.Name], mig.Void](defs.ThreadSuspendRow)
	threadResume         = NewRoutine[defs.ThreadResume[mach.Name], mig.Void](defs.ThreadResumeRow)
	threadAbort          = NewRoutine[defs.ThreadAbort[mach.Name], mig.Void](defs.ThreadAbortRow)
	threadGetSpecialPort = NewRoutine[defs.ThreadGetSpecialPort[mach.Name], defs.GetSpecialPortReply[mach.Name]](defs.ThreadGetSpecialPortRow)
	threadSetSpecialPort = NewRoutine[defs.ThreadSetSpecialPort[mach.Name], mig.Void](defs.ThreadSetSpecialPortRow)
	threadSetExceptions  = NewRoutine[defs.ThreadSetExceptionPorts[mach.Name], mig.Void](defs.ThreadSetExceptionPortsRow)
)

// TaskWire says whether memory that the task allocates from now on is wired (OSF).
func TaskWire(t Thread, task mach.Name, mustWire bool) mach.Return {
	return do(t, taskWire, &defs.TaskWire[mach.Name]{TargetTask: task, MustWire: mustWire})
}

// TaskCreate makes a task, with a copy of the parent's memory or with none.
func TaskCreate(t Thread, parent mach.Name, inheritMemory bool) (mach.Name, mach.Return) {
	if t.Form().Set != mig.OSF {
		rep, r := Call(t, taskCreateCMU, &defs.TaskCreateCMU[mach.Name]{TargetTask: parent, InheritMemory: inheritMemory})
		return rep.ChildTask, r
	}
	rep, r := Call(t, taskCreate, &defs.TaskCreate[mach.Name, mach.Region]{TargetTask: parent, InheritMemory: inheritMemory})
	return rep.ChildTask, r
}

// TaskTerminate ends a task. If it is the caller's own, the call does not return.
func TaskTerminate(t Thread, task mach.Name) mach.Return {
	return do(t, taskTerminate, &defs.TaskTerminate[mach.Name]{TargetTask: task})
}

// TaskThreads lists the threads of a task, one reference for each.
func TaskThreads(t Thread, task mach.Name) ([]mach.Name, mach.Return) {
	rep, r := Call(t, taskThreads, &defs.TaskThreads[mach.Name]{TargetTask: task})
	if r != mach.KernSuccess {
		return nil, r
	}
	return takeNames(t, rep.ThreadList)
}

// TaskSuspend stops all threads of a task, once more than before.
func TaskSuspend(t Thread, task mach.Name) mach.Return {
	return do(t, taskSuspend, &defs.TaskSuspend[mach.Name]{TargetTask: task})
}

// TaskResume undoes one TaskSuspend.
func TaskResume(t Thread, task mach.Name) mach.Return {
	return do(t, taskResume, &defs.TaskResume[mach.Name]{TargetTask: task})
}

// TaskGetSpecialPort gives a right for a special port of the task, such as defs.TaskBootstrapPort.
func TaskGetSpecialPort(t Thread, task mach.Name, which int32) (mach.Name, mach.Return) {
	rep, r := Call(t, taskGetSpecialPort, &defs.TaskGetSpecialPort[mach.Name]{Task: task, WhichPort: which})
	return rep.SpecialPort, r
}

// TaskSetSpecialPort replaces a special port of the task; the caller has a send right for the new one.
func TaskSetSpecialPort(t Thread, task mach.Name, which int32, port mach.Name) mach.Return {
	return do(t, taskSetSpecialPort, &defs.TaskSetSpecialPort[mach.Name]{Task: task, WhichPort: which, SpecialPort: port})
}

// TaskSetExceptionPorts says who is told of a task's exceptions (OSF).
func TaskSetExceptionPorts(t Thread, task mach.Name, mask uint32, port mach.Name, behavior, flavor int32) mach.Return {
	return do(t, taskSetExceptions, &defs.TaskSetExceptionPorts[mach.Name]{Task: task, ExceptionMask: mask, NewPort: port,
		Behavior: behavior, NewFlavor: flavor})
}

// MachPortsRegister replaces the registered ports of a task.
func MachPortsRegister(t Thread, task mach.Name, ports []mach.Name) mach.Return {
	array, r := StoreNames(t, ports)
	if r != mach.KernSuccess {
		return r
	}
	r = do(t, machPortsRegister, &defs.MachPortsRegister[mach.Name, mach.Region]{TargetTask: task, InitPortSet: array})
	Deallocate(t, array)
	return r
}

// MachPortsLookup lists the registered ports of a task, null for an empty slot, one reference for each.
func MachPortsLookup(t Thread, task mach.Name) ([]mach.Name, mach.Return) {
	rep, r := Call(t, machPortsLookup, &defs.MachPortsLookup[mach.Name]{TargetTask: task})
	if r != mach.KernSuccess {
		return nil, r
	}
	return takeNames(t, rep.InitPortSet)
}

// ThreadTerminate ends a thread. If it is the caller, the call does not return.
func ThreadTerminate(t Thread, thread mach.Name) mach.Return {
	return do(t, threadTerminate, &defs.ThreadTerminate[mach.Name]{TargetThread: thread})
}

// ThreadSuspend stops a thread, once more than before.
func ThreadSuspend(t Thread, thread mach.Name) mach.Return {
	return do(t, threadSuspend, &defs.ThreadSuspend[mach.Name]{TargetThread: thread})
}

// ThreadResume undoes one ThreadSuspend.
func ThreadResume(t Thread, thread mach.Name) mach.Return {
	return do(t, threadResume, &defs.ThreadResume[mach.Name]{TargetThread: thread})
}

// ThreadAbort interrupts what a thread waits for.
func ThreadAbort(t Thread, thread mach.Name) mach.Return {
	return do(t, threadAbort, &defs.ThreadAbort[mach.Name]{TargetThread: thread})
}

// ThreadGetSpecialPort gives a right for a special port of the thread.
func ThreadGetSpecialPort(t Thread, thread mach.Name, which int32) (mach.Name, mach.Return) {
	rep, r := Call(t, threadGetSpecialPort, &defs.ThreadGetSpecialPort[mach.Name]{Thread: thread, WhichPort: which})
	return rep.SpecialPort, r
}

// ThreadSetSpecialPort replaces a special port of the thread; the caller has a send right for the new one.
func ThreadSetSpecialPort(t Thread, thread mach.Name, which int32, port mach.Name) mach.Return {
	return do(t, threadSetSpecialPort, &defs.ThreadSetSpecialPort[mach.Name]{Thread: thread, WhichPort: which, SpecialPort: port})
}

// ThreadSetExceptionPorts says who is told of a thread's exceptions (OSF).
func ThreadSetExceptionPorts(t Thread, thread mach.Name, mask uint32, port mach.Name, behavior, flavor int32) mach.Return {
	return do(t, threadSetExceptions, &defs.ThreadSetExceptionPorts[mach.Name]{Thread: thread, ExceptionMask: mask, NewPort: port,
		Behavior: behavior, NewFlavor: flavor})
}
