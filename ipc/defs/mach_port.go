package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// MachPort is the interface to a task's port names.
var MachPort = mig.NewSubsystem("mach_port", 3200, "names and rights of a task", source)

var (
	MachPortNamesRow               = MachPort.Routine(mig.Everywhere(3200), "mach_port_names", MachPortNames[mig.Port]{}, MachPortNamesReply[mig.Memory]{})
	MachPortTypeRow                = MachPort.Routine(mig.Everywhere(3201), "mach_port_type", MachPortType[mig.Port]{}, MachPortTypeReply{})
	MachPortRenameRow              = MachPort.Routine(mig.Everywhere(3202), "mach_port_rename", MachPortRename[mig.Port]{}, mig.Void{})
	MachPortAllocateNameRow        = MachPort.Routine(mig.Everywhere(3203), "mach_port_allocate_name", MachPortAllocateName[mig.Port]{}, mig.Void{})
	MachPortAllocateRow            = MachPort.Routine(mig.Everywhere(3204), "mach_port_allocate", MachPortAllocate[mig.Port]{}, MachPortNameReply{})
	MachPortDestroyRow             = MachPort.Routine(mig.Everywhere(3205), "mach_port_destroy", MachPortDestroy[mig.Port]{}, mig.Void{})
	MachPortDeallocateRow          = MachPort.Routine(mig.Everywhere(3206), "mach_port_deallocate", MachPortDeallocate[mig.Port]{}, mig.Void{})
	MachPortGetRefsRow             = MachPort.Routine(mig.Everywhere(3207), "mach_port_get_refs", MachPortGetRefs[mig.Port]{}, MachPortGetRefsReply{})
	MachPortModRefsRow             = MachPort.Routine(mig.Everywhere(3208), "mach_port_mod_refs", MachPortModRefs[mig.Port]{}, mig.Void{})
	MachPortAllocateSubsystemRow   = MachPort.Routine(mig.IDs{mig.OSF: 3209}, "mach_port_allocate_subsystem", MachPortAllocateSubsystem[mig.Port]{}, MachPortNameReply{})
	MachPortSetQlimitRow           = MachPort.Routine(mig.IDs{mig.CMU: 3210, mig.GNU: 3210}, "mach_port_set_qlimit", MachPortSetQlimit[mig.Port]{}, mig.Void{})
	MachPortSetMscountRow          = MachPort.Routine(mig.Everywhere(3211), "mach_port_set_mscount", MachPortSetMscount[mig.Port]{}, mig.Void{})
	MachPortGetSetStatusRow        = MachPort.Routine(mig.Everywhere(3212), "mach_port_get_set_status", MachPortGetSetStatus[mig.Port]{}, MachPortGetSetStatusReply[mig.Memory]{})
	MachPortMoveMemberRow          = MachPort.Routine(mig.Everywhere(3213), "mach_port_move_member", MachPortMoveMember[mig.Port]{}, mig.Void{})
	MachPortRequestNotificationRow = MachPort.Routine(mig.Everywhere(3214), "mach_port_request_notification", MachPortRequestNotification[mig.Port]{}, MachPortRequestNotificationReply[mig.Port]{})
	MachPortInsertRightRow         = MachPort.Routine(mig.Everywhere(3215), "mach_port_insert_right", MachPortInsertRight[mig.Port]{}, mig.Void{})
	MachPortExtractRightRow        = MachPort.Routine(mig.Everywhere(3216), "mach_port_extract_right", MachPortExtractRight[mig.Port]{}, MachPortExtractRightReply[mig.Port]{})
	MachPortGetReceiveStatusRow    = MachPort.Routine(mig.IDs{mig.CMU: 3217, mig.GNU: 3217}, "mach_port_get_receive_status", MachPortGetReceiveStatus[mig.Port]{}, MachPortGetReceiveStatusReply{})
	MachPortSetSeqnoRow            = MachPort.Routine(mig.Everywhere(3218), "mach_port_set_seqno", MachPortSetSeqno[mig.Port]{}, mig.Void{})
	MachPortGetAttributesRow       = MachPort.Routine(mig.IDs{mig.OSF: 3219}, "mach_port_get_attributes", MachPortGetAttributes[mig.Port]{}, MachPortGetAttributesReply{})
	MachPortSetAttributesRow       = MachPort.Routine(mig.IDs{mig.OSF: 3220}, "mach_port_set_attributes", MachPortSetAttributes[mig.Port]{}, mig.Void{})
	MachPortAllocateQosRow         = MachPort.Routine(mig.IDs{mig.OSF: 3229}, "mach_port_allocate_qos", MachPortAllocateQos[mig.Port]{}, MachPortNameReply{})
	MachPortAllocateFullRow        = MachPort.Routine(mig.IDs{mig.OSF: 3230}, "mach_port_allocate_full", MachPortAllocateFull[mig.Port]{}, MachPortNameReply{})
)

// MachPortNames lists the names of a task and what each denotes.
//
// Codes: KERN_INVALID_TASK; KERN_RESOURCE_SHORTAGE.
type MachPortNames[P any] struct {
	Task P `mig:"task,dest=task,copy_send"`
}

// MachPortNamesReply holds two arrays of words with equal counts.
type MachPortNamesReply[M any] struct {
	Names M `mig:"names"`
	Types M `mig:"types"`
}

// MachPortType asks what a name denotes.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME.
type MachPortType[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
}

// MachPortTypeReply holds the type bits.
type MachPortTypeReply struct {
	Type mach.TypeBits `mig:"ptype"`
}

// MachPortRename gives a right another name.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, the new name is null or dead; KERN_NAME_EXISTS, it is in
// use; KERN_INVALID_NAME, the old one denotes nothing.
type MachPortRename[P any] struct {
	Task    P         `mig:"task,dest=task,copy_send"`
	OldName mach.Name `mig:"old_name"`
	NewName mach.Name `mig:"new_name"`
}

// MachPortAllocateName is mach_port_allocate with a name of the caller's choice.
//
// Codes: those of mach_port_allocate; KERN_INVALID_VALUE, the name is null or dead; KERN_NAME_EXISTS.
type MachPortAllocateName[P any] struct {
	Task  P              `mig:"task,dest=task,copy_send"`
	Right mach.RightCode `mig:"right"`
	Name  mach.Name      `mig:"name"`
}

// MachPortAllocate makes a port, a port set or a dead name.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, another kind of right; KERN_NO_SPACE;
// KERN_RESOURCE_SHORTAGE.
type MachPortAllocate[P any] struct {
	Task  P              `mig:"task,dest=task,copy_send"`
	Right mach.RightCode `mig:"right"`
}

// MachPortNameReply holds the new name.
type MachPortNameReply struct {
	Name mach.Name `mig:"name"`
}

// MachPortDestroy gives up everything that a name denotes.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME.
type MachPortDestroy[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
}

// MachPortDeallocate gives up one reference to a send right, a send-once right or a dead name.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME (ID-03); KERN_INVALID_RIGHT, only a receive right, or a
// port set.
type MachPortDeallocate[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
}

// MachPortGetRefs asks for the number of references to one right under a name, 0 if it lacks that right.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, an unknown right; KERN_INVALID_NAME.
type MachPortGetRefs[P any] struct {
	Task  P              `mig:"task,dest=task,copy_send"`
	Name  mach.Name      `mig:"name"`
	Right mach.RightCode `mig:"right"`
}

// MachPortGetRefsReply holds the count.
type MachPortGetRefsReply struct {
	Refs uint32 `mig:"refs"`
}

// MachPortModRefs changes the number of references to one right under a name.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, an unknown right or an impossible count;
// KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_UREFS_OVERFLOW.
type MachPortModRefs[P any] struct {
	Task  P              `mig:"task,dest=task,copy_send"`
	Name  mach.Name      `mig:"name"`
	Right mach.RightCode `mig:"right"`
	Delta int32          `mig:"delta"`
}

// MachPortAllocateSubsystem makes a port bound to an RPC subsystem. The binding has no effect.
//
// Codes: those of mach_port_allocate; KERN_INVALID_ARGUMENT, not a subsystem.
type MachPortAllocateSubsystem[P any] struct {
	Task      P `mig:"task,dest=task,copy_send"`
	Subsystem P `mig:"subsys,copy_send"`
}

// MachPortSetQlimit sets the queue limit of a port.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, above the maximum; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortSetQlimit[P any] struct {
	Task   P         `mig:"task,dest=task,copy_send"`
	Name   mach.Name `mig:"name"`
	Qlimit uint32    `mig:"qlimit"`
}

// MachPortSetMscount sets the make-send count of a port.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortSetMscount[P any] struct {
	Task    P         `mig:"task,dest=task,copy_send"`
	Name    mach.Name `mig:"name"`
	Mscount uint32    `mig:"mscount"`
}

// MachPortGetSetStatus lists the members of a port set.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT, not a port set;
// KERN_RESOURCE_SHORTAGE.
type MachPortGetSetStatus[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
}

// MachPortGetSetStatusReply holds an array of names.
type MachPortGetSetStatusReply[M any] struct {
	Members M `mig:"members"`
}

// MachPortMoveMember takes a port out of its sets and puts it into another, or into none.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_NOT_IN_SET.
type MachPortMoveMember[P any] struct {
	Task   P         `mig:"task,dest=task,copy_send"`
	Member mach.Name `mig:"member"`
	After  mach.Name `mig:"after"`
}

// MachPortRequestNotification asks for a port-destroyed, no-senders or dead-name notification, or with a
// null notify port takes the request back.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_CAPABILITY, notify is dead; KERN_INVALID_VALUE, another id, or a
// sync that is not allowed; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_INVALID_ARGUMENT and
// KERN_UREFS_OVERFLOW for dead names.
type MachPortRequestNotification[P any] struct {
	Task       P                `mig:"task,dest=task,copy_send"`
	Name       mach.Name        `mig:"name"`
	ID         mach.MsgID       `mig:"id"`
	Sync       uint32           `mig:"sync"`
	Notify     P                `mig:"notify,make_send_once,strict"`
	NotifyType mach.Disposition `mig:"poly=Notify"`
}

// MachPortRequestNotificationReply holds the right that was registered before.
type MachPortRequestNotificationReply[P any] struct {
	Previous P `mig:"previous,move_send_once"`
}

// MachPortInsertRight gives a task a right under a name.
//
// Codes: KERN_INVALID_VALUE, the name is null or dead; KERN_INVALID_CAPABILITY, the right is;
// KERN_INVALID_TASK; KERN_RIGHT_EXISTS, the task knows the port by another name; KERN_UREFS_OVERFLOW;
// KERN_NAME_EXISTS.
type MachPortInsertRight[P any] struct {
	Task     P                `mig:"task,dest=task,copy_send"`
	Name     mach.Name        `mig:"name"`
	Poly     P                `mig:"poly,make_send"`
	PolyType mach.Disposition `mig:"poly=Poly"`
}

// MachPortExtractRight takes a right from a task as if the task had sent it.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_VALUE, not a disposition; KERN_INVALID_NAME;
// KERN_INVALID_RIGHT.
type MachPortExtractRight[P any] struct {
	Task        P                `mig:"task,dest=task,copy_send"`
	Name        mach.Name        `mig:"name"`
	DesiredType mach.Disposition `mig:"msgt_name"`
}

// MachPortExtractRightReply holds the right; its companion says of which kind it is.
type MachPortExtractRightReply[P any] struct {
	Poly     P                `mig:"poly,move_send"`
	PolyType mach.Disposition `mig:"poly=Poly"`
}

// MachPortGetReceiveStatus describes the port of a receive right.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortGetReceiveStatus[P any] struct {
	Task P         `mig:"task,dest=task,copy_send"`
	Name mach.Name `mig:"name"`
}

// MachPortGetReceiveStatusReply holds the state of the port. Historic mach_port_status_t.
type MachPortGetReceiveStatusReply struct {
	Pset      mach.Name `mig:"pset"`
	Seqno     uint32    `mig:"seqno"`
	Mscount   uint32    `mig:"mscount"`
	Qlimit    uint32    `mig:"qlimit"`
	Msgcount  uint32    `mig:"msgcount"`
	Sorights  uint32    `mig:"sorights"`
	Srights   bool      `mig:"srights"`
	PDRequest bool      `mig:"pdrequest"`
	NSRequest bool      `mig:"nsrequest"`
}

// MachPortSetSeqno sets the number of the next message received from a port.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortSetSeqno[P any] struct {
	Task  P         `mig:"task,dest=task,copy_send"`
	Name  mach.Name `mig:"name"`
	Value uint32    `mig:"seqno"`
}

// MachPortGetAttributes asks for one flavor of what is known about the port of a receive right.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, an unknown flavor; KERN_FAILURE, a count below the
// flavor's size; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
type MachPortGetAttributes[P any] struct {
	Task   P         `mig:"task,dest=task,copy_send"`
	Name   mach.Name `mig:"name"`
	Flavor int32     `mig:"flavor"` // mach.PortLimitsInfo, ...
	Count  uint32    `mig:"port_info_out_count"`
}

// MachPortGetAttributesReply holds the words of the flavor.
type MachPortGetAttributesReply struct {
	Info []int32 `mig:"port_info_out,max=10"`
}

// MachPortSetAttributes sets the queue limit or sizes the request table.
//
// Codes: those of mach_port_get_attributes; KERN_INVALID_VALUE, a queue limit above the maximum.
type MachPortSetAttributes[P any] struct {
	Task   P         `mig:"task,dest=task,copy_send"`
	Name   mach.Name `mig:"name"`
	Flavor int32     `mig:"flavor"`
	Info   []int32   `mig:"port_info,max=10"`
}

// MachPortAllocateQos is mach_port_allocate with a quality of service.
//
// Codes: those of mach_port_allocate_name; KERN_INVALID_VALUE, a real-time right other than receive;
// KERN_INVALID_ARGUMENT, no real-time support.
type MachPortAllocateQos[P any] struct {
	Task        P              `mig:"task,dest=task,copy_send"`
	Right       mach.RightCode `mig:"right"`
	QosName     bool           `mig:"qos_name"` // use Name
	QosRealTime bool           `mig:"qos_rt"`
	Name        mach.Name      `mig:"name"`
}

// MachPortAllocateFull is all allocation calls in one.
//
// Codes: those of mach_port_allocate_qos and mach_port_allocate_subsystem; KERN_INVALID_VALUE, a
// subsystem with a right other than receive.
type MachPortAllocateFull[P any] struct {
	Task        P              `mig:"task,dest=task,copy_send"`
	Right       mach.RightCode `mig:"right"`
	Subsystem   P              `mig:"subs,copy_send"`
	QosName     bool           `mig:"qos_name"`
	QosRealTime bool           `mig:"qos_rt"`
	Name        mach.Name      `mig:"name"`
}
