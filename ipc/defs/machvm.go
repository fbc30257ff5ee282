package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// MachVM holds the calls that the simulator serves in every message set and for which no source has a
// number: later calls of XNU, two calls that only the OSF manual has, and one that OSF MK made a trap.
// Its base, 4800, is above every subsystem of the originals.
var MachVM = mig.NewSubsystem("machvm", 4800, "calls without a number in the originals", source)

var (
	MachVMAllocateRow        = MachVM.Routine(mig.Everywhere(4800), "mach_vm_allocate", MachVMAllocate[mig.Port]{}, VMAddressReply{})
	MachVMMapRow             = MachVM.Routine(mig.Everywhere(4801), "mach_vm_map", MachVMMap[mig.Port]{}, VMAddressReply{})
	MachVMRemapRow           = MachVM.Routine(mig.Everywhere(4802), "mach_vm_remap", MachVMRemap[mig.Port]{}, VMRemapReply{})
	MachMakeMemoryEntryRow   = MachVM.Routine(mig.Everywhere(4803), "mach_make_memory_entry_64", MachMakeMemoryEntry[mig.Port]{}, MachMakeMemoryEntryReply[mig.Port]{})
	VMReadOverwriteRow       = MachVM.Routine(mig.Everywhere(4804), "vm_read_overwrite", VMReadOverwrite[mig.Port]{}, VMReadOverwriteReply{})
	MachPortInsertMemberRow  = MachVM.Routine(mig.Everywhere(4805), "mach_port_insert_member", MachPortInsertMember[mig.Port]{}, mig.Void{})
	MachPortExtractMemberRow = MachVM.Routine(mig.Everywhere(4806), "mach_port_extract_member", MachPortExtractMember[mig.Port]{}, mig.Void{})
)

// Flags of the mach_vm calls, in place of the anywhere argument.
const (
	VMFlagsFixed          uint32 = 0
	VMFlagsAnywhere       uint32 = 1
	VMFlagsOverwrite      uint32 = 0x4000   // remove what is mapped there
	VMFlagsReturnDataAddr uint32 = 0x100000 // keep the offset within the page
)

// Kinds of memory entries, or-ed into the permission.
const (
	MapMemOnly           uint32 = 0x10000
	MapMemNamedCreate    uint32 = 0x20000
	MapMemVMCopy         uint32 = 0x200000
	MapMemVMShare        uint32 = 0x400000
	MapMemPermissionMask uint32 = 7
)

// MachVMAllocate is vm_allocate with flags.
//
// Codes: those of vm_allocate; KERN_INVALID_ARGUMENT, unknown flags.
type MachVMAllocate[P any] struct {
	Target  P         `mig:"target,dest=task,copy_send"`
	Address mach.Addr `mig:"address"`
	Size    mach.Size `mig:"size"`
	Flags   uint32    `mig:"flags"`
}

// MachVMMap is vm_map with flags; the object may be a memory entry.
//
// Codes: those of vm_map; KERN_INVALID_ARGUMENT, unknown flags, or a range beyond the memory entry.
type MachVMMap[P any] struct {
	TargetTask    P            `mig:"target_task,dest=task,copy_send"`
	Address       mach.Addr    `mig:"address"`
	Size          mach.Size    `mig:"size"`
	Mask          mach.Addr    `mig:"mask"`
	Flags         uint32       `mig:"flags"`
	Object        P            `mig:"object,copy_send"`
	Offset        mach.Offset  `mig:"offset"`
	Copy          bool         `mig:"copy"`
	CurProtection mach.Prot    `mig:"cur_protection"`
	MaxProtection mach.Prot    `mig:"max_protection"`
	Inheritance   mach.Inherit `mig:"inheritance"`
}

// MachVMRemap is vm_remap with flags.
//
// Codes: those of vm_remap; KERN_INVALID_ARGUMENT, unknown flags.
type MachVMRemap[P any] struct {
	TargetTask    P            `mig:"target_task,dest=task,copy_send"`
	TargetAddress mach.Addr    `mig:"target_address"`
	Size          mach.Size    `mig:"size"`
	Mask          mach.Addr    `mig:"mask"`
	Flags         uint32       `mig:"flags"`
	SrcTask       P            `mig:"src_task,copy_send"`
	SrcAddress    mach.Addr    `mig:"src_address"`
	Copy          bool         `mig:"copy"`
	Inheritance   mach.Inherit `mig:"inheritance"`
}

// MachMakeMemoryEntry makes a port that names a range of memory and keeps it alive: the object behind a
// range, all mappings of a range, a copy of it, fresh memory, or a part of another entry.
//
// Codes: KERN_INVALID_TASK, not a task; KERN_INVALID_ARGUMENT, size 0, or not an entry as parent;
// KERN_PROTECTION_FAILURE, more access than the source gives; KERN_FAILURE, a limit.
type MachMakeMemoryEntry[P any] struct {
	TargetTask  P           `mig:"target_task,dest=task,copy_send"`
	Size        mach.Size   `mig:"size"`
	Offset      mach.Offset `mig:"offset"` // an address, or an offset in the parent
	Permission  uint32      `mig:"permission"`
	ParentEntry P           `mig:"parent_entry,copy_send"`
}

// MachMakeMemoryEntryReply holds the entry and the size that it covers.
type MachMakeMemoryEntryReply[P any] struct {
	ObjectHandle P         `mig:"object_handle,move_send"`
	Size         mach.Size `mig:"size"`
}

// VMReadOverwrite copies a range over memory that the caller has.
//
// Codes: those of vm_read for the source, then those of vm_write for the destination.
type VMReadOverwrite[P any] struct {
	TargetTask P         `mig:"target_task,dest=task,copy_send"`
	Address    mach.Addr `mig:"address"`
	Size       mach.Size `mig:"size"`
	Data       mach.Addr `mig:"data"` // in the calling task
}

// VMReadOverwriteReply holds the number of bytes that were copied.
type VMReadOverwriteReply struct {
	OutSize mach.Size `mig:"outsize"`
}

// MachPortInsertMember puts a port into one more set (ID-02).
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortInsertMember[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
	Pset mach.Name `mig:"pset"`
}

// MachPortExtractMember takes a port out of one set.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_NOT_IN_SET.
type MachPortExtractMember[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
	Pset mach.Name `mig:"pset"`
}
