package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Virtual memory, part of subsystem mach. vm_wire and vm_remap are in mach_host.go.
var (
	VMRegionRow                  = Mach.Routine(mig.IDs{mig.OSF: 2004}, "vm_region", VMRegion[mig.Port]{}, VMRegionReply[mig.Port]{})
	VMAllocateRow                = Mach.Routine(mig.Everywhere(2021), "vm_allocate", VMAllocate[mig.Port]{}, VMAddressReply{})
	VMDeallocateRow              = Mach.Routine(mig.Everywhere(2023), "vm_deallocate", VMDeallocate[mig.Port]{}, mig.Void{})
	VMProtectRow                 = Mach.Routine(mig.Everywhere(2024), "vm_protect", VMProtect[mig.Port]{}, mig.Void{})
	VMInheritRow                 = Mach.Routine(mig.Everywhere(2025), "vm_inherit", VMInherit[mig.Port]{}, mig.Void{})
	VMReadRow                    = Mach.Routine(mig.Everywhere(2026), "vm_read", VMRead[mig.Port]{}, VMReadReply[mig.Memory]{})
	VMWriteRow                   = Mach.Routine(mig.Everywhere(2027), "vm_write", VMWrite[mig.Port, mig.Memory]{}, mig.Void{})
	VMCopyRow                    = Mach.Routine(mig.Everywhere(2028), "vm_copy", VMCopy[mig.Port]{}, mig.Void{})
	VMRegionCMURow               = Mach.Routine(mig.IDs{mig.CMU: 2029, mig.GNU: 2029}, "vm_region", VMRegionCMU[mig.Port]{}, VMRegionCMUReply[mig.Port]{})
	VMStatisticsRow              = Mach.Routine(mig.IDs{mig.CMU: 2030, mig.GNU: 2030}, "vm_statistics", VMStatistics[mig.Port]{}, VMStatisticsReply{})
	VMMsyncRow                   = Mach.Routine(mig.IDs{mig.OSF: 2031}, "vm_msync", VMMsync[mig.Port]{}, mig.Void{})
	VMBehaviorSetRow             = Mach.Routine(mig.IDs{mig.OSF: 2036}, "vm_behavior_set", VMBehaviorSet[mig.Port]{}, mig.Void{})
	VMSetDefaultMemoryManagerRow = Mach.Routine(mig.Everywhere(2041), "vm_set_default_memory_manager", VMSetDefaultMemoryManager[mig.Port]{}, DefaultManagerReply[mig.Port]{})
	VMMapRow                     = Mach.Routine(mig.Everywhere(2089), "vm_map", VMMap[mig.Port]{}, VMAddressReply{})
	VMMachineAttributeRow        = Mach.Routine(mig.Everywhere(2099), "vm_machine_attribute", VMMachineAttribute[mig.Port]{}, VMMachineAttributeReply{})
)

// VMRegion describes the region that contains an address, or the next one above.
//
// Codes: KERN_INVALID_ARGUMENT, not a task, an unknown flavor, or a count below the flavor's size;
// KERN_INVALID_ADDRESS, no region at or above the address (VD-08).
type VMRegion[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Flavor     int32     `mig:"flavor"`     // RegionBasicInfo
	Count      uint32    `mig:"info_count"` // words the caller has room for
}

// VMRegionReply holds the region: RegionInfo.Words for the basic flavor.
type VMRegionReply[P any] struct {
	ObjectName P         `mig:"object_name,move_send"` // always null
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
	Info       []int32   `mig:"info,max=9"`
}

// VMAllocate makes zero-filled memory, somewhere or at an address. Size 0 gives address 0.
//
// Codes: KERN_INVALID_ARGUMENT, not a task, or a size that wraps; KERN_INVALID_ADDRESS, outside the
// address space; KERN_NO_SPACE, occupied or full.
type VMAllocate[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
	Anywhere   bool      `mig:"anywhere"`
}

// VMAddressReply holds the address that was chosen.
type VMAddressReply struct {
	Address mach.Addr `mig:"address"`
}

// VMDeallocate removes all mappings from a range; holes in it are no error.
//
// Codes: KERN_INVALID_ARGUMENT, not a task, or a range that wraps; KERN_FAILURE, memory wired by the
// kernel.
type VMDeallocate[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
}

// VMProtect sets the current protection of a range, or lowers its maximum protection, all or nothing.
//
// Codes: KERN_INVALID_ARGUMENT, not a task or not a protection; KERN_INVALID_ADDRESS, a hole (VD-07);
// KERN_PROTECTION_FAILURE, more than a region's maximum.
type VMProtect[P any] struct {
	TargetTask    P         `mig:"target_task,dest=task,copy_send"`
	Address       mach.Addr `mig:"address"`
	Size          mach.Size `mig:"size"`
	SetMaximum    bool      `mig:"set_maximum"`
	NewProtection mach.Prot `mig:"new_protection"`
}

// VMInherit says what child tasks get of a range.
//
// Codes: KERN_INVALID_ARGUMENT, not a task or not an inheritance.
type VMInherit[P any] struct {
	TargetTask     P            `mig:"target_task,dest=task,copy_send"`
	Address        mach.Addr    `mig:"address"`
	Size           mach.Size    `mig:"size"`
	NewInheritance mach.Inherit `mig:"new_inheritance"`
}

// VMRead copies a range into new memory of the caller, copy-on-write.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_INVALID_ADDRESS, a hole; KERN_PROTECTION_FAILURE, not
// readable; KERN_NO_SPACE, no room in the caller; KERN_MEMORY_ERROR and others from a manager.
type VMRead[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
}

// VMReadReply holds the copy.
type VMReadReply[M any] struct {
	Data M `mig:"data"`
}

// VMWrite overwrites a range with the data.
//
// Codes: KERN_INVALID_ARGUMENT, not a task; KERN_INVALID_ADDRESS, a hole; KERN_PROTECTION_FAILURE, not
// writable; a manager's error, after which part may be written.
type VMWrite[P, M any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Data       M         `mig:"data"`
}

// VMCopy copies one range over another of the same task; they may overlap.
//
// Codes: those of vm_read for the source, then those of vm_write for the destination.
type VMCopy[P any] struct {
	TargetTask    P         `mig:"target_task,dest=task,copy_send"`
	SourceAddress mach.Addr `mig:"source_address"`
	Size          mach.Size `mig:"size"`
	DestAddress   mach.Addr `mig:"dest_address"`
}

// VMRegionCMU is vm_region in the CMU and GNU sets, which have one flavor.
type VMRegionCMU[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
}

// VMRegionCMUReply holds the region, and the name port of the object at the bottom of its shadow chain.
type VMRegionCMUReply[P any] struct {
	ObjectName    P            `mig:"object_name,move_send"`
	Address       mach.Addr    `mig:"address"`
	Size          mach.Size    `mig:"size"`
	Protection    mach.Prot    `mig:"protection"`
	MaxProtection mach.Prot    `mig:"max_protection"`
	Inheritance   mach.Inherit `mig:"inheritance"`
	IsShared      bool         `mig:"is_shared"`
	Offset        mach.Offset  `mig:"offset"`
}

// VMStatistics asks for the memory counters of the host.
//
// Codes: KERN_INVALID_ARGUMENT, not a task.
type VMStatistics[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// VMStatisticsReply holds the counters. Historic vm_statistics_data_t.
type VMStatisticsReply struct {
	PageSize      uint32 `mig:"pagesize"`
	FreeCount     uint32 `mig:"free_count"`
	ActiveCount   uint32 `mig:"active_count"`
	InactiveCount uint32 `mig:"inactive_count"`
	WireCount     uint32 `mig:"wire_count"`
	ZeroFillCount uint32 `mig:"zero_fill_count"`
	Reactivations uint32 `mig:"reactivations"`
	Pageins       uint32 `mig:"pageins"`
	Pageouts      uint32 `mig:"pageouts"`
	Faults        uint32 `mig:"faults"`
	CowFaults     uint32 `mig:"cow_faults"`
	Lookups       uint32 `mig:"lookups"`
	Hits          uint32 `mig:"hits"`
}

// VMMsync returns the modified pages of a range to their managers, discards pages if asked, and waits
// until each manager has answered memory_object_synchronize.
//
// Codes: KERN_INVALID_ARGUMENT, both synchronous and asynchronous; KERN_INVALID_TASK, not a task;
// KERN_MEMORY_ERROR, an object was destroyed or its manager died meanwhile (E-07).
type VMMsync[P any] struct {
	TargetTask P              `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr      `mig:"address"`
	Size       mach.Size      `mig:"size"`
	SyncFlags  mach.SyncFlags `mig:"sync_flags"`
}

// VMBehaviorSet announces how a range will be referenced.
//
// Codes: KERN_INVALID_ARGUMENT, not a task or not a behavior; KERN_INVALID_ADDRESS, a hole or a range
// that wraps.
type VMBehaviorSet[P any] struct {
	TargetTask  P             `mig:"target_task,dest=task,copy_send"`
	Address     mach.Addr     `mig:"address"`
	Size        mach.Size     `mig:"size"`
	NewBehavior mach.Behavior `mig:"new_behavior"`
}

// VMSetDefaultMemoryManager is the older form of host_default_memory_manager: without a cluster size.
// OSF consumes the caller's send right, CMU and GNU make one.
type VMSetDefaultMemoryManager[P any] struct {
	HostPriv       P `mig:"host_priv,dest=host_priv,copy_send"`
	DefaultManager P `mig:"default_manager,move_send,cmu=make_send"`
}

// DefaultManagerReply holds the manager that was in charge before the call.
type DefaultManagerReply[P any] struct {
	DefaultManager P `mig:"default_manager,move_send"`
}

// VMMap maps a memory object, or zero-filled memory if the port is null. The first mapping of an object
// sends memory_object_init and waits until the manager is ready (E-02).
//
// Codes: KERN_INVALID_ARGUMENT, not a task, size 0, an offset within a page, or an illegal protection or
// inheritance; KERN_INVALID_OBJECT, no memory object, or its manager failed to map it;
// KERN_INVALID_ADDRESS, outside the address space; KERN_NO_SPACE, occupied, full or against the mask;
// KERN_ABORTED, the wait was aborted; a manager's error while copying.
type VMMap[P any] struct {
	TargetTask    P            `mig:"target_task,dest=task,copy_send"`
	Address       mach.Addr    `mig:"address"`
	Size          mach.Size    `mig:"size"`
	Mask          mach.Addr    `mig:"mask"` // bits that must be zero in the address
	Anywhere      bool         `mig:"anywhere"`
	MemoryObject  P            `mig:"memory_object,copy_send"`
	Offset        mach.Offset  `mig:"offset"`
	Copy          bool         `mig:"copy"`
	CurProtection mach.Prot    `mig:"cur_protection"`
	MaxProtection mach.Prot    `mig:"max_protection"`
	Inheritance   mach.Inherit `mig:"inheritance"`
}

// VMMachineAttribute gets or sets an attribute of the simulated MMU.
//
// Codes: KERN_INVALID_ADDRESS, outside the address space (VD-20); KERN_INVALID_ARGUMENT, not a task, or
// an attribute or value that the machine does not have.
type VMMachineAttribute[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
	Attribute  int32     `mig:"attribute"`
	Value      int32     `mig:"value"`
}

// VMMachineAttributeReply holds the value.
type VMMachineAttributeReply struct {
	Value int32 `mig:"value"`
}

// Attributes and values of vm_machine_attribute.
const (
	MattrCache     int32 = 1
	MattrMigrate   int32 = 2
	MattrReplicate int32 = 4

	MattrValOff         int32 = 0
	MattrValOn          int32 = 1
	MattrValGet         int32 = 2
	MattrValCacheFlush  int32 = 6
	MattrValDCacheFlush int32 = 7
	MattrValICacheFlush int32 = 8
	MattrValCacheSync   int32 = 9
	MattrValGetInfo     int32 = 10
)
