package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// What a manager asks of a kernel by the control port. These calls are part of subsystem mach.
var (
	MemoryObjectGetAttributesRow        = Mach.Routine(mig.IDs{mig.OSF: 2002}, "memory_object_get_attributes", MemoryObjectGetAttributes[mig.Port]{}, MemoryObjectGetAttributesReply{})
	MemoryObjectChangeAttributesRow     = Mach.Simple(mig.IDs{mig.OSF: 2003}, "memory_object_change_attributes", MemoryObjectChangeAttributes[mig.Port]{})
	MemoryObjectSynchronizeCompletedRow = Mach.Simple(mig.IDs{mig.OSF: 2032}, "memory_object_synchronize_completed", MemoryObjectSynchronizeCompleted[mig.Port]{})
	MemoryObjectDataProvidedRow         = Mach.Simple(mig.IDs{mig.CMU: 2038}, "memory_object_data_provided", MemoryObjectDataProvided[mig.Port, mig.Memory]{})
	MemoryObjectDataUnavailableRow      = Mach.Simple(mig.Everywhere(2039), "memory_object_data_unavailable", MemoryObjectDataUnavailable[mig.Port]{})
	MemoryObjectGetAttributesCMURow     = Mach.Routine(mig.IDs{mig.CMU: 2040, mig.GNU: 2040}, "memory_object_get_attributes", MemoryObjectGetAttributesCMU[mig.Port]{}, MemoryObjectGetAttributesCMUReply{})
	MemoryObjectLockRequestOldRow       = Mach.Simple(mig.IDs{mig.CMU: 2043}, "xxx_memory_object_lock_request", MemoryObjectLockRequestOld[mig.Port]{})
	MemoryObjectLockRequestRow          = Mach.Simple(mig.Everywhere(2044), "memory_object_lock_request", MemoryObjectLockRequest[mig.Port]{})
	MemoryObjectDataErrorRow            = Mach.Simple(mig.Everywhere(2090), "memory_object_data_error", MemoryObjectDataError[mig.Port]{})
	MemoryObjectSetAttributesRow        = Mach.Simple(mig.IDs{mig.CMU: 2091}, "memory_object_set_attributes", MemoryObjectSetAttributes[mig.Port]{})
	MemoryObjectDestroyRow              = Mach.Simple(mig.Everywhere(2092), "memory_object_destroy", MemoryObjectDestroy[mig.Port]{})
	MemoryObjectDataSupplyRow           = Mach.Simple(mig.Everywhere(2093), "memory_object_data_supply", MemoryObjectDataSupply[mig.Port, mig.Memory]{})
	MemoryObjectReadyRow                = Mach.Simple(mig.IDs{mig.CMU: 2094, mig.GNU: 2094}, "memory_object_ready", MemoryObjectReady[mig.Port]{})
	MemoryObjectChangeAttributesCMURow  = Mach.Simple(mig.IDs{mig.CMU: 2095, mig.GNU: 2095}, "memory_object_change_attributes", MemoryObjectChangeAttributesCMU[mig.Port]{})
)

// MemoryObjectGetAttributes asks for the attributes of an object in one flavor. It is the one routine of
// the interface, so its reply tells that everything sent before was done.
//
// Codes: KERN_INVALID_ARGUMENT, an unknown flavor, a count below the flavor's size, or a control port
// whose association has ended.
type MemoryObjectGetAttributes[P any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Flavor        mach.Flavor `mig:"flavor"`
	Count         uint32      `mig:"attributes_count"` // words the caller has room for
}

// MemoryObjectGetAttributesReply holds as many words as the flavor has.
type MemoryObjectGetAttributesReply struct {
	Attributes []int32 `mig:"attributes,max=6"`
}

// MemoryObjectChangeAttributes sets the attributes of one flavor; the first call that names a copy
// strategy makes the object ready. If a reply right is given, memory_object_change_completed follows: on
// success and for a bad value, but not for an unknown flavor or a wrong number of words.
type MemoryObjectChangeAttributes[P any] struct {
	MemoryControl P                `mig:"memory_control,dest=control,copy_send"`
	Flavor        mach.Flavor      `mig:"flavor"`
	Attributes    []int32          `mig:"attributes,max=6"` // exactly the flavor's words
	ReplyTo       P                `mig:"reply_to,make_send"`
	ReplyToType   mach.Disposition `mig:"poly=ReplyTo"`
}

// MemoryObjectSynchronizeCompleted answers a memory_object_synchronize with the same offset and length
// and releases the client. Another range is rejected, which only the kernel notices.
type MemoryObjectSynchronizeCompleted[P any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset `mig:"offset"`
	Length        mach.Size   `mig:"length"`
}

// MemoryObjectDataProvided is the oldest form of memory_object_data_supply: not precious, no reply, the
// memory stays with the manager.
type MemoryObjectDataProvided[P, M any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset `mig:"offset"`
	Data          M           `mig:"data"`
	LockValue     mach.Prot   `mig:"lock_value"`
}

// MemoryObjectDataUnavailable answers a memory_object_data_request: the manager has no data for these
// pages, the kernel provides what lies below, zeros in the end. Only pages that are waited for are
// touched.
type MemoryObjectDataUnavailable[P any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset `mig:"offset"`
	Size          mach.Size   `mig:"size"` // whole pages, or the call is rejected
}

// MemoryObjectGetAttributesCMU asks for all attributes that CMU and GNU kernels know.
//
// Codes: KERN_INVALID_ARGUMENT, a control port whose association has ended.
type MemoryObjectGetAttributesCMU[P any] struct {
	MemoryControl P `mig:"memory_control,dest=control,copy_send"`
}

// MemoryObjectGetAttributesCMUReply holds the attributes.
type MemoryObjectGetAttributesCMUReply struct {
	ObjectReady  bool              `mig:"object_ready"`
	MayCache     bool              `mig:"may_cache"`
	CopyStrategy mach.CopyStrategy `mig:"copy_strategy"`
}

// MemoryObjectLockRequestOld is memory_object_lock_request as it was before precious pages: should_clean
// returns dirty pages. CMU Mach 3.0 kept it as xxx_memory_object_lock_request.
type MemoryObjectLockRequestOld[P any] struct {
	MemoryControl P                `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset      `mig:"offset"`
	Size          mach.Size        `mig:"size"`
	ShouldClean   bool             `mig:"should_clean"`
	ShouldFlush   bool             `mig:"should_flush"`
	LockValue     mach.Prot        `mig:"lock_value"`
	ReplyTo       P                `mig:"reply_to,make_send,cmu=make_send_once"`
	ReplyToType   mach.Disposition `mig:"poly=ReplyTo"`
}

// MemoryObjectLockRequest controls the resident pages of a range: returns those that should_return
// names, then flushes them or sets their lock. It answers a memory_object_data_unlock, or comes
// unasked. With a reply right, memory_object_lock_completed follows everything that the call returned.
// A lock value outside read, write and execute, other than no-change, is rejected.
type MemoryObjectLockRequest[P any] struct {
	MemoryControl P                 `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset       `mig:"offset"`
	Size          mach.Size         `mig:"size"`
	ShouldReturn  mach.ShouldReturn `mig:"should_return"`
	ShouldFlush   bool              `mig:"should_flush"`
	LockValue     mach.Prot         `mig:"lock_value"` // accesses to prohibit
	ReplyTo       P                 `mig:"reply_to,make_send,cmu=make_send_once"`
	ReplyToType   mach.Disposition  `mig:"poly=ReplyTo"`
}

// MemoryObjectDataError answers a memory_object_data_request: the pages cannot be provided. The threads
// that wait for them get an error; which code, E-19 decides.
type MemoryObjectDataError[P any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset `mig:"offset"`
	Size          mach.Size   `mig:"size"` // whole pages, or the call is rejected
	ErrorValue    mach.Return `mig:"error_value"`
}

// MemoryObjectSetAttributes is the oldest way to answer a memory_object_init. A manager that became
// ready by it is served page by page and gets memory_object_data_write in place of data_return.
type MemoryObjectSetAttributes[P any] struct {
	MemoryControl P                 `mig:"memory_control,dest=control,copy_send"`
	ObjectReady   bool              `mig:"object_ready"`
	MayCache      bool              `mig:"may_cache"`
	CopyStrategy  mach.CopyStrategy `mig:"copy_strategy"`
}

// MemoryObjectDestroy ends the association by the manager's wish. Mappings stay; their pages that are
// not resident are lost. memory_object_terminate follows. The reason has no effect.
type MemoryObjectDestroy[P any] struct {
	MemoryControl P           `mig:"memory_control,dest=control,copy_send"`
	Reason        mach.Return `mig:"reason"`
}

// MemoryObjectDataSupply answers a memory_object_data_request with data. With a reply right,
// memory_object_supply_completed follows, unless a bad argument rejects the call: a lock value outside
// read, write and execute, or an offset within a page.
type MemoryObjectDataSupply[P, M any] struct {
	MemoryControl P                `mig:"memory_control,dest=control,copy_send"`
	Offset        mach.Offset      `mig:"offset"`
	Data          M                `mig:"data"`
	Deallocate    bool             `mig:"dealloc=Data"` // the memory leaves the manager
	LockValue     mach.Prot        `mig:"lock_value"`   // accesses to prohibit
	Precious      bool             `mig:"precious"`     // the manager keeps no copy
	ReplyTo       P                `mig:"reply_to,make_send,cmu=make_send_once"`
	ReplyToType   mach.Disposition `mig:"poly=ReplyTo"`
}

// MemoryObjectReady answers a memory_object_init in the CMU and GNU sets: sets both attributes and makes
// the object ready.
type MemoryObjectReady[P any] struct {
	MemoryControl P                 `mig:"memory_control,dest=control,copy_send"`
	MayCache      bool              `mig:"may_cache"`
	CopyStrategy  mach.CopyStrategy `mig:"copy_strategy"`
}

// MemoryObjectChangeAttributesCMU sets both attributes that CMU and GNU kernels know. With a reply
// right, memory_object_change_completed follows.
type MemoryObjectChangeAttributesCMU[P any] struct {
	MemoryControl P                 `mig:"memory_control,dest=control,copy_send"`
	MayCache      bool              `mig:"may_cache"`
	CopyStrategy  mach.CopyStrategy `mig:"copy_strategy"`
	ReplyTo       P                 `mig:"reply_to,make_send_once"`
	ReplyToType   mach.Disposition  `mig:"poly=ReplyTo"`
}
