package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// MemoryObjectDefault is what a kernel tells the default memory manager beside what every manager hears.
var MemoryObjectDefault = mig.NewSubsystem("memory_object_default", 2250,
	"kernel to default memory manager: objects the kernel makes itself", source)

var (
	MemoryObjectCreateRow         = MemoryObjectDefault.Simple(mig.Everywhere(2250), "memory_object_create", MemoryObjectCreate[mig.Port]{})
	MemoryObjectDataInitializeRow = MemoryObjectDefault.Simple(mig.Everywhere(2251), "memory_object_data_initialize", MemoryObjectDataInitialize[mig.Port, mig.Memory]{})
)

// MemoryObjectCreate gives the default manager a new memory object: the kernel wants to page out memory
// that has no manager yet. It goes to the manager's service port.
//
// There is no answer and no init: the object is ready at once, and data messages for it may already be
// queued on its port. Requests for pages that were never written are answered
// memory_object_data_unavailable. The manager must not change the contents nor give the ports away. Like
// every manager it gets a terminate at the end. A manager that refuses loses the receive right, which
// destroys the object.
type MemoryObjectCreate[P any] struct {
	OldMemoryObject P         `mig:"old_memory_object,dest=default_manager,move_send"` // the service port
	Seqno           uint32    `mig:"seqno,trailer"`
	NewMemoryObject P         `mig:"new_memory_object,move_receive"`
	NewObjectSize   mach.Size `mig:"new_object_size"` // a hint: the object may grow
	NewControlPort  P         `mig:"new_control_port,make_send"`
	NewName         P         `mig:"new_name,make_send,option=name"`
	NewPageSize     mach.Size `mig:"new_page_size"`
}

// MemoryObjectDataInitialize hands over pages like memory_object_data_return, dirty and not kept, except
// that a page for which the manager already holds data stays as it is. It carries the pages pushed into a
// copy that has a manager. There is no answer.
type MemoryObjectDataInitialize[P, M any] struct {
	MemoryObject      P           `mig:"memory_object,dest=manager,copy_send"`
	Seqno             uint32      `mig:"seqno,trailer"`
	MemoryControlPort P           `mig:"memory_control_port,make_send"`
	Offset            mach.Offset `mig:"offset"`
	Data              M           `mig:"data"`
}
