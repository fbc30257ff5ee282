package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// MemoryObject is what a kernel tells the manager of a memory object.
var MemoryObject = mig.NewSubsystem("memory_object", 2200,
	"kernel to manager: what a kernel tells the manager of a memory object", source)

var (
	MemoryObjectInitRow            = MemoryObject.Simple(mig.Everywhere(2200), "memory_object_init", MemoryObjectInit[mig.Port]{})
	MemoryObjectTerminateRow       = MemoryObject.Simple(mig.Everywhere(2201), "memory_object_terminate", MemoryObjectTerminate[mig.Port]{})
	MemoryObjectCopyRow            = MemoryObject.Simple(mig.IDs{mig.CMU: 2202, mig.GNU: 2202}, "memory_object_copy", MemoryObjectCopy[mig.Port]{})
	MemoryObjectDataRequestRow     = MemoryObject.Simple(mig.Everywhere(2203), "memory_object_data_request", MemoryObjectDataRequest[mig.Port]{})
	MemoryObjectDataUnlockRow      = MemoryObject.Simple(mig.Everywhere(2204), "memory_object_data_unlock", MemoryObjectDataUnlock[mig.Port]{})
	MemoryObjectDataWriteRow       = MemoryObject.Simple(mig.IDs{mig.CMU: 2205}, "memory_object_data_write", MemoryObjectDataWrite[mig.Port, mig.Memory]{})
	MemoryObjectLockCompletedRow   = MemoryObject.Simple(mig.Everywhere(2206), "memory_object_lock_completed", MemoryObjectLockCompleted[mig.Port]{})
	MemoryObjectSupplyCompletedRow = MemoryObject.Simple(mig.Everywhere(2207), "memory_object_supply_completed", MemoryObjectSupplyCompleted[mig.Port]{})
	MemoryObjectDataReturnRow      = MemoryObject.Simple(mig.Everywhere(2208), "memory_object_data_return", MemoryObjectDataReturn[mig.Port, mig.Memory]{})
	// 2209 is the older form of change_completed, which CMU and GNU kept.
	MemoryObjectChangeCompletedCMURow = MemoryObject.Simple(mig.IDs{mig.CMU: 2209, mig.GNU: 2209}, "memory_object_change_completed", MemoryObjectChangeCompletedCMU[mig.Port]{})
	MemoryObjectSynchronizeRow        = MemoryObject.Simple(mig.IDs{mig.OSF: 2210}, "memory_object_synchronize", MemoryObjectSynchronize[mig.Port]{})
	MemoryObjectChangeCompletedRow    = MemoryObject.Simple(mig.IDs{mig.OSF: 2213}, "memory_object_change_completed", MemoryObjectChangeCompleted[mig.Port]{})
	MemoryObjectDiscardRequestRow     = MemoryObject.Simple(mig.IDs{mig.OSF: 2214}, "memory_object_discard_request", MemoryObjectDiscardRequest[mig.Port]{})
)

// MemoryObjectInit begins an association: a kernel has mapped the object for the first time, or again
// after a terminate. It comes exactly once per association and before every other message of it.
//
// The manager gets a send right for the control port and answers by making the object ready:
// memory_object_change_attributes with a copy strategy, in the CMU and GNU sets memory_object_ready or
// memory_object_set_attributes. Until then the mapper waits. There is no refusal; a manager that cannot
// serve the page size answers memory_object_destroy.
type MemoryObjectInit[P any] struct {
	MemoryObject     P         `mig:"memory_object,dest=manager,copy_send"`
	Seqno            uint32    `mig:"seqno,trailer"`
	MemoryControl    P         `mig:"memory_control,make_send"`
	MemoryObjectName P         `mig:"memory_object_name,make_send,option=name"` // stands for the object in vm_region
	PageSize         mach.Size `mig:"memory_object_page_size"`                  // of the calling kernel
}

// MemoryObjectTerminate ends an association: no mapping of the object remains and the kernel does not
// cache it, or the manager has called memory_object_destroy. It is the last message of the association
// and comes at most once; if the manager's port dies it does not come at all.
//
// The kernel gives up all its rights: its send right for the object is the one the message was sent with,
// and the receive right of the control port is in it, with whatever the manager had already sent there.
// There is no answer. The manager may receive what it had sent, and destroys the control port.
type MemoryObjectTerminate[P any] struct {
	MemoryObject     P      `mig:"memory_object,dest=manager,move_send"`
	Seqno            uint32 `mig:"seqno,trailer"`
	MemoryControl    P      `mig:"memory_control,move_receive"` // tells which kernel, if there are several
	MemoryObjectName P      `mig:"memory_object_name,move_receive,option=name"`
}

// MemoryObjectCopy says that a range of an object with copy strategy CALL is being copied. Pages that
// are dirty in the kernel were returned before. The manager becomes the manager of the new object; it
// gets an init for it when the copy is first used. There is no answer.
type MemoryObjectCopy[P any] struct {
	OldMemoryObject  P           `mig:"old_memory_object,dest=manager,copy_send"`
	Seqno            uint32      `mig:"seqno,trailer"`
	OldMemoryControl P           `mig:"old_memory_control,make_send"`
	Offset           mach.Offset `mig:"offset"`
	Length           mach.Size   `mig:"length"`
	NewMemoryObject  P           `mig:"new_memory_object,move_receive"`
}

// MemoryObjectDataRequest asks for pages that are not resident. The manager answers every page of the
// range, at once or later, in any order and in any number of calls, with memory_object_data_supply,
// memory_object_data_unavailable or memory_object_data_error.
//
// No page is requested while it is resident or while an earlier request for it is outstanding.
type MemoryObjectDataRequest[P any] struct {
	MemoryObject  P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32      `mig:"seqno,trailer"`
	MemoryControl P           `mig:"memory_control,make_send"`
	Offset        mach.Offset `mig:"offset"` // page aligned
	Length        mach.Size   `mig:"length"` // whole pages
	DesiredAccess mach.Prot   `mig:"desired_access"`
}

// MemoryObjectDataUnlock says that a thread wants an access to a resident page which the page's lock
// prohibits. The manager answers with memory_object_lock_request: a weaker lock, or a flush, after which
// the kernel asks for the page again and memory_object_data_error refuses it.
type MemoryObjectDataUnlock[P any] struct {
	MemoryObject  P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32      `mig:"seqno,trailer"`
	MemoryControl P           `mig:"memory_control,make_send"`
	Offset        mach.Offset `mig:"offset"`
	Length        mach.Size   `mig:"length"`
	DesiredAccess mach.Prot   `mig:"desired_access"` // all that threads have wanted since locks were last cleared
}

// MemoryObjectDataWrite returns one modified page, which the kernel does not keep, to a manager that
// became ready through memory_object_set_attributes. There is no answer; the manager deallocates the
// memory.
type MemoryObjectDataWrite[P, M any] struct {
	MemoryObject  P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32      `mig:"seqno,trailer"`
	MemoryControl P           `mig:"memory_control,make_send"`
	Offset        mach.Offset `mig:"offset"`
	Data          M           `mig:"data"`
}

// MemoryObjectLockCompleted says that a memory_object_lock_request, or a memory_object_discard_reply,
// which named a reply right is done and that every page it returned was sent before. It goes to that
// right. There is no answer.
type MemoryObjectLockCompleted[P any] struct {
	MemoryObject     P                `mig:"memory_object,dest=manager,move_send_once"` // the reply right of the request
	MemoryObjectType mach.Disposition `mig:"poly=MemoryObject"`
	Seqno            uint32           `mig:"seqno,trailer"`
	MemoryControl    P                `mig:"memory_control,make_send"`
	Offset           mach.Offset      `mig:"offset"` // as requested
	Length           mach.Size        `mig:"length"`
}

// MemoryObjectSupplyCompleted says what became of a memory_object_data_supply that named a reply right:
// accepted, or KERN_MEMORY_PRESENT and the offset of the first page that was not. Precious pages that
// were not accepted are returned before. It goes to that right. There is no answer.
type MemoryObjectSupplyCompleted[P any] struct {
	MemoryObject     P                `mig:"memory_object,dest=manager,move_send_once"`
	MemoryObjectType mach.Disposition `mig:"poly=MemoryObject"`
	Seqno            uint32           `mig:"seqno,trailer"`
	MemoryControl    P                `mig:"memory_control,make_send"`
	Offset           mach.Offset      `mig:"offset"` // of the supply
	Length           mach.Size        `mig:"length"`
	Result           mach.Return      `mig:"result"`
	ErrorOffset      mach.Offset      `mig:"error_offset"` // 0 on success
}

// MemoryObjectDataReturn hands pages back: dirty ones, precious ones, or any page if a lock_request asked
// for anything. All pages of one message agree in both flags. There is no answer; the memory is the
// manager's, which deallocates it when it has stored the data.
type MemoryObjectDataReturn[P, M any] struct {
	MemoryObject  P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32      `mig:"seqno,trailer"`
	MemoryControl P           `mig:"memory_control,make_send"`
	Offset        mach.Offset `mig:"offset"`
	Data          M           `mig:"data"` // whole pages
	Dirty         bool        `mig:"dirty"`
	KernelCopy    bool        `mig:"kernel_copy"` // the kernel still caches the pages
}

// MemoryObjectChangeCompletedCMU says that a memory_object_change_attributes of the CMU and GNU form
// which named a reply right has taken effect. There is no answer.
type MemoryObjectChangeCompletedCMU[P any] struct {
	MemoryObject     P                 `mig:"memory_object,dest=manager,move_send_once"`
	MemoryObjectType mach.Disposition  `mig:"poly=MemoryObject"`
	Seqno            uint32            `mig:"seqno,trailer"`
	MayCache         bool              `mig:"may_cache"`
	CopyStrategy     mach.CopyStrategy `mig:"copy_strategy"`
}

// MemoryObjectSynchronize passes a client's vm_msync on, after the pages that its flags ask for were
// returned. The manager answers memory_object_synchronize_completed with the same offset and length;
// the client waits for it. Several may be outstanding, never overlapping.
type MemoryObjectSynchronize[P any] struct {
	MemoryObject  P              `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32         `mig:"seqno,trailer"`
	MemoryControl P              `mig:"memory_control,make_send"`
	Offset        mach.Offset    `mig:"offset"`
	Length        mach.Size      `mig:"length"`
	SyncFlags     mach.SyncFlags `mig:"sync_flags"`
}

// MemoryObjectChangeCompleted says that a memory_object_change_attributes which named a reply right has
// taken effect, or was refused for a bad value. A null control port tells that the change terminated the
// object; the terminate was queued before. There is no answer.
type MemoryObjectChangeCompleted[P any] struct {
	MemoryObject     P                `mig:"memory_object,dest=manager,move_send_once"`
	MemoryObjectType mach.Disposition `mig:"poly=MemoryObject"`
	Seqno            uint32           `mig:"seqno,trailer"`
	MemoryControl    P                `mig:"memory_control,make_send"`
	Flavor           mach.Flavor      `mig:"flavor"` // of the request
}

// MemoryObjectDiscardRequest asks a manager with advisory pageout which page may go (E-38). It answers
// memory_object_discard_reply, which names this range, another one or none.
type MemoryObjectDiscardRequest[P any] struct {
	MemoryObject  P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno         uint32      `mig:"seqno,trailer"`
	MemoryControl P           `mig:"memory_control,make_send"`
	Offset        mach.Offset `mig:"offset"`
	Length        mach.Size   `mig:"length"`
}
