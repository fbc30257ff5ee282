package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// MachHost is the interface of the host ports, to which OSF MK added later calls on other ports.
var MachHost = mig.NewSubsystem("mach_host", 2600,
	"the host: default manager, wiring, statistics; later calls of OSF MK", source)

var (
	HostDefaultMemoryManagerRow = MachHost.Routine(mig.IDs{mig.OSF: 2601}, "host_default_memory_manager", HostDefaultMemoryManager[mig.Port]{}, DefaultManagerReply[mig.Port]{})
	VMWireRow                   = MachHost.Routine(mig.Everywhere(2636), "vm_wire", VMWire[mig.Port]{}, mig.Void{})
	ThreadWireRow               = MachHost.Routine(mig.Everywhere(2637), "thread_wire", ThreadWire[mig.Port]{}, mig.Void{})
	HostStatisticsRow           = MachHost.Routine(mig.IDs{mig.OSF: 2643}, "host_statistics", HostStatistics[mig.Port]{}, HostStatisticsReply{})
	HostPageSizeRow             = MachHost.Routine(mig.IDs{mig.OSF: 2644}, "host_page_size", HostPageSize[mig.Port]{}, HostPageSizeReply{})
	MemoryObjectDiscardReplyRow = MachHost.Simple(mig.IDs{mig.OSF: 2660}, "memory_object_discard_reply", MemoryObjectDiscardReply[mig.Port]{})
	VMRemapRow                  = MachHost.Routine(mig.IDs{mig.OSF: 2679}, "vm_remap", VMRemap[mig.Port]{}, VMRemapReply{})
	ThreadSetExceptionPortsRow  = MachHost.Routine(mig.IDs{mig.OSF: 2680}, "thread_set_exception_ports", ThreadSetExceptionPorts[mig.Port]{}, mig.Void{})
	TaskSetExceptionPortsRow    = MachHost.Routine(mig.IDs{mig.OSF: 2681}, "task_set_exception_ports", TaskSetExceptionPorts[mig.Port]{}, mig.Void{})
)

// HostDefaultMemoryManager replaces the default memory manager for objects that have none yet, and says
// who it was; with a null port it only says so. It releases threads that wait for a manager.
//
// Codes: KERN_INVALID_HOST, not the privileged host port.
type HostDefaultMemoryManager[P any] struct {
	HostPriv       P         `mig:"host_priv,dest=host_priv,copy_send"`
	DefaultManager P         `mig:"default_manager,make_send"`
	ClusterSize    mach.Size `mig:"cluster_size"` // rounded up to pages
}

// VMWire makes a range resident and keeps it so, or with no access undoes that once.
//
// Codes: KERN_INVALID_HOST, not the privileged host port; KERN_INVALID_TASK, not a task;
// KERN_INVALID_ARGUMENT, not a protection; KERN_INVALID_ADDRESS, a hole; KERN_PROTECTION_FAILURE, access
// that a region does not allow; KERN_FAILURE, wired too often, or interrupted; a manager's error (VD-09).
type VMWire[P any] struct {
	HostPriv P         `mig:"host_priv,dest=host_priv,copy_send"`
	Task     P         `mig:"task,copy_send"`
	Address  mach.Addr `mig:"address"`
	Size     mach.Size `mig:"size"`
	Access   mach.Prot `mig:"access"`
}

// ThreadWire lets the calling thread, or no longer lets it, use the last free pages.
//
// Codes: KERN_INVALID_ARGUMENT, not the privileged host port, or not the calling thread.
type ThreadWire[P any] struct {
	HostPriv P    `mig:"host_priv,dest=host_priv,copy_send"`
	Thread   P    `mig:"thread,copy_send"`
	Wired    bool `mig:"wired"`
}

// HostStatistics asks for counters of the host.
//
// Codes: KERN_INVALID_HOST, not a host; KERN_INVALID_ARGUMENT, an unknown flavor; KERN_FAILURE, a count
// below the flavor's size.
type HostStatistics[P any] struct {
	HostPriv P      `mig:"host_priv,dest=host,copy_send"`
	Flavor   int32  `mig:"flavor"` // HostVMInfo
	Count    uint32 `mig:"host_info_out_count"`
}

// HostStatisticsReply holds the counters: VMCounters.Words for the vm flavor.
type HostStatisticsReply struct {
	Info []int32 `mig:"host_info_out,max=12"`
}

// HostPageSize asks for the page size of the host.
//
// Codes: KERN_INVALID_ARGUMENT, not a host.
type HostPageSize[P any] struct {
	Host P `mig:"host,dest=host,copy_send"`
}

// HostPageSizeReply holds the page size in bytes.
type HostPageSizeReply struct {
	PageSize mach.Size `mig:"page_size"`
}

// MemoryObjectDiscardReply answers a memory_object_discard_request: the discard range is flushed as a
// memory_object_lock_request would flush it, and may be the requested range, another one or empty. With
// a reply right, memory_object_lock_completed follows.
type MemoryObjectDiscardReply[P any] struct {
	MemoryControl   P                 `mig:"memory_control,dest=control,copy_send"`
	RequestedOffset mach.Offset       `mig:"requested_offset"`
	RequestedSize   mach.Size         `mig:"requested_size"`
	DiscardOffset   mach.Offset       `mig:"discard_offset"`
	DiscardSize     mach.Size         `mig:"discard_size"`
	ShouldReturn    mach.ShouldReturn `mig:"should_return"`
	ReplyTo         P                 `mig:"reply_to,make_send"`
	ReplyToType     mach.Disposition  `mig:"poly=ReplyTo"`
}

// VMRemap maps a range of one task into another, or the same, shared or as a copy.
//
// Codes: KERN_INVALID_ARGUMENT, not two tasks, size 0, or not an inheritance; KERN_INVALID_ADDRESS, a
// hole in the source; and those of placing memory as vm_map does.
type VMRemap[P any] struct {
	TargetTask    P            `mig:"target_task,dest=task,copy_send"`
	TargetAddress mach.Addr    `mig:"target_address"`
	Size          mach.Size    `mig:"size"`
	Mask          mach.Addr    `mig:"mask"`
	Anywhere      bool         `mig:"anywhere"`
	SrcTask       P            `mig:"src_task,copy_send"`
	SrcAddress    mach.Addr    `mig:"src_address"`
	Copy          bool         `mig:"copy"`
	Inheritance   mach.Inherit `mig:"inheritance"`
}

// VMRemapReply holds the address and the protections that all source regions have in common.
type VMRemapReply struct {
	TargetAddress mach.Addr `mig:"target_address"`
	CurProtection mach.Prot `mig:"cur_protection"`
	MaxProtection mach.Prot `mig:"max_protection"`
}

// ThreadSetExceptionPorts says who is told of a thread's exceptions.
//
// Codes: KERN_INVALID_ARGUMENT, not a thread, or an unknown exception or behavior.
type ThreadSetExceptionPorts[P any] struct {
	Thread        P      `mig:"thread,dest=thread,copy_send"`
	ExceptionMask uint32 `mig:"exception_mask"` // bit n for exception n
	NewPort       P      `mig:"new_port,copy_send"`
	Behavior      int32  `mig:"behavior"` // ExceptionDefault
	NewFlavor     int32  `mig:"new_flavor"`
}

// TaskSetExceptionPorts says who is told of exceptions that a task's threads do not handle themselves.
//
// Codes: KERN_INVALID_ARGUMENT, not a task, or an unknown exception or behavior.
type TaskSetExceptionPorts[P any] struct {
	Task          P      `mig:"task,dest=task,copy_send"`
	ExceptionMask uint32 `mig:"exception_mask"`
	NewPort       P      `mig:"new_port,copy_send"`
	Behavior      int32  `mig:"behavior"`
	NewFlavor     int32  `mig:"new_flavor"`
}
