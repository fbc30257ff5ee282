package defs

import (
	"machvm/ipc/mig"
)

// Mach is the kernel's oldest interface. Its calls are declared in this file (tasks and threads), in
// mach_vm.go and in memory_control.go.
var Mach = mig.NewSubsystem("mach", 2000,
	"tasks, threads, virtual memory and, by the control port, memory objects", source)

var (
	TaskWireRow             = Mach.Routine(mig.IDs{mig.OSF: 2000}, "task_wire", TaskWire[mig.Port]{}, mig.Void{})
	TaskCreateRow           = Mach.Routine(mig.IDs{mig.OSF: 2001}, "task_create", TaskCreate[mig.Port, mig.Ports]{}, TaskCreateReply[mig.Port]{})
	TaskCreateCMURow        = Mach.Routine(mig.IDs{mig.CMU: 2007, mig.GNU: 2007}, "task_create", TaskCreateCMU[mig.Port]{}, TaskCreateReply[mig.Port]{})
	TaskTerminateRow        = Mach.Routine(mig.Everywhere(2008), "task_terminate", TaskTerminate[mig.Port]{}, mig.Void{})
	TaskThreadsRow          = Mach.Routine(mig.Everywhere(2011), "task_threads", TaskThreads[mig.Port]{}, TaskThreadsReply[mig.Ports]{})
	ThreadTerminateRow      = Mach.Routine(mig.Everywhere(2016), "thread_terminate", ThreadTerminate[mig.Port]{}, mig.Void{})
	MachPortsRegisterRow    = Mach.Routine(mig.Everywhere(2033), "mach_ports_register", MachPortsRegister[mig.Port, mig.Ports]{}, mig.Void{})
	MachPortsLookupRow      = Mach.Routine(mig.Everywhere(2034), "mach_ports_lookup", MachPortsLookup[mig.Port]{}, MachPortsLookupReply[mig.Ports]{})
	TaskSuspendRow          = Mach.Routine(mig.Everywhere(2056), "task_suspend", TaskSuspend[mig.Port]{}, mig.Void{})
	TaskResumeRow           = Mach.Routine(mig.Everywhere(2057), "task_resume", TaskResume[mig.Port]{}, mig.Void{})
	TaskGetSpecialPortRow   = Mach.Routine(mig.Everywhere(2058), "task_get_special_port", TaskGetSpecialPort[mig.Port]{}, GetSpecialPortReply[mig.Port]{})
	TaskSetSpecialPortRow   = Mach.Routine(mig.Everywhere(2059), "task_set_special_port", TaskSetSpecialPort[mig.Port]{}, mig.Void{})
	ThreadSuspendRow        = Mach.Routine(mig.Everywhere(2062), "thread_suspend", ThreadSuspend[mig.Port]{}, mig.Void{})
	ThreadResumeRow         = Mach.Routine(mig.Everywhere(2063), "thread_resume", ThreadResume[mig.Port]{}, mig.Void{})
	ThreadAbortRow          = Mach.Routine(mig.Everywhere(2064), "thread_abort", ThreadAbort[mig.Port]{}, mig.Void{})
	ThreadGetSpecialPortRow = Mach.Routine(mig.Everywhere(2067), "thread_get_special_port", ThreadGetSpecialPort[mig.Port]{}, GetSpecialPortReply[mig.Port]{})
	ThreadSetSpecialPortRow = Mach.Routine(mig.Everywhere(2068), "thread_set_special_port", ThreadSetSpecialPort[mig.Port]{}, mig.Void{})
)

// Selectors of special ports.
const (
	TaskKernelPort      int32 = 1
	TaskExceptionPort   int32 = 3 // CMU, GNU
	TaskBootstrapPort   int32 = 4
	ThreadKernelPort    int32 = 1
	ThreadExceptionPort int32 = 3 // CMU, GNU
)

// TaskWire says whether memory that the task allocates from now on is wired.
//
// Codes: KERN_INVALID_ARGUMENT, not a task.
type TaskWire[P any] struct {
	TargetTask P    `mig:"target_task,dest=task,copy_send"`
	MustWire   bool `mig:"must_wire"`
}

// TaskCreate makes a task, with a copy of the target's memory as its inheritance attributes say, or with
// none. Ledgers are accepted and have no effect.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_RESOURCE_SHORTAGE.
type TaskCreate[P, A any] struct {
	TargetTask    P    `mig:"target_task,dest=task,copy_send"`
	LedgerPorts   A    `mig:"ledger_ports,copy_send"`
	InheritMemory bool `mig:"inherit_memory"`
}

// TaskCreateCMU is task_create in the CMU and GNU sets, which have no ledgers.
type TaskCreateCMU[P any] struct {
	TargetTask    P    `mig:"target_task,dest=task,copy_send"`
	InheritMemory bool `mig:"inherit_memory"`
}

// TaskCreateReply holds the control port of the new task.
type TaskCreateReply[P any] struct {
	ChildTask P `mig:"child_task,move_send"`
}

// TaskTerminate ends a task: its threads, its rights, and its memory once nothing refers to it.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_FAILURE, it is ending already.
type TaskTerminate[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// TaskThreads lists the threads of a task.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_RESOURCE_SHORTAGE.
type TaskThreads[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// TaskThreadsReply holds the threads' control ports.
type TaskThreadsReply[A any] struct {
	ThreadList A `mig:"thread_list,move_send"`
}

// ThreadTerminate ends a thread.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread; KERN_FAILURE, it is ending already.
type ThreadTerminate[P any] struct {
	TargetThread P `mig:"target_thread,dest=thread,copy_send"`
}

// MachPortsRegister replaces the ports that the task has registered; slots without a port become null.
//
// Codes: KERN_INVALID_ARGUMENT, not a task, or more ports than slots.
type MachPortsRegister[P, A any] struct {
	TargetTask  P `mig:"target_task,dest=task,copy_send"`
	InitPortSet A `mig:"init_port_set,copy_send"`
}

// MachPortsLookup asks for the registered ports.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_RESOURCE_SHORTAGE.
type MachPortsLookup[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// MachPortsLookupReply holds one port for each slot, null where it is empty.
type MachPortsLookupReply[A any] struct {
	InitPortSet A `mig:"init_port_set,move_send"`
}

// TaskSuspend stops all threads of a task, once more than it was stopped before.
//
// Codes: KERN_INVALID_ARGUMENT, not a task.
type TaskSuspend[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// TaskResume undoes one task_suspend.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_FAILURE, it is not suspended.
type TaskResume[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// TaskGetSpecialPort asks for a send right of one of the task's special ports.
//
// Codes: KERN_INVALID_ARGUMENT, not a task or an unknown selector; KERN_FAILURE, the task is dead.
type TaskGetSpecialPort[P any] struct {
	Task      P     `mig:"task,dest=task,copy_send"`
	WhichPort int32 `mig:"which_port"`
}

// GetSpecialPortReply holds the port, null if none is set.
type GetSpecialPortReply[P any] struct {
	SpecialPort P `mig:"special_port,move_send"`
}

// TaskSetSpecialPort replaces a special port of the task.
//
// Codes: KERN_INVALID_ARGUMENT, not a task or an unknown selector; KERN_FAILURE, the task is dead.
type TaskSetSpecialPort[P any] struct {
	Task        P     `mig:"task,dest=task,copy_send"`
	WhichPort   int32 `mig:"which_port"`
	SpecialPort P     `mig:"special_port,copy_send"`
}

// ThreadSuspend stops a thread, once more than it was stopped before.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread; KERN_TERMINATED, it has ended.
type ThreadSuspend[P any] struct {
	TargetThread P `mig:"target_thread,dest=thread,copy_send"`
}

// ThreadResume undoes one thread_suspend.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread; KERN_FAILURE, it is not suspended; KERN_TERMINATED.
type ThreadResume[P any] struct {
	TargetThread P `mig:"target_thread,dest=thread,copy_send"`
}

// ThreadAbort interrupts what the thread waits for: a blocked mach_msg returns, a page fault is tried
// again.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread; KERN_TERMINATED, it has ended.
type ThreadAbort[P any] struct {
	TargetThread P `mig:"target_thread,dest=thread,copy_send"`
}

// ThreadGetSpecialPort asks for a send right of one of the thread's special ports.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread or an unknown selector; KERN_FAILURE, the thread is dead.
type ThreadGetSpecialPort[P any] struct {
	Thread    P     `mig:"thread,dest=thread,copy_send"`
	WhichPort int32 `mig:"which_port"`
}

// ThreadSetSpecialPort replaces a special port of the thread.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread or an unknown selector; KERN_FAILURE, the thread is dead.
type ThreadSetSpecialPort[P any] struct {
	Thread      P     `mig:"thread,dest=thread,copy_send"`
	WhichPort   int32 `mig:"which_port"`
	SpecialPort P     `mig:"special_port,copy_send"`
}
