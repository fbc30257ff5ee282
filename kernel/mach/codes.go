package mach

// Kernel codes. Each comment says who returns the code and why.
const (
	KernSuccess           Return = 0
	KernInvalidAddress    Return = 1  // an address in no region, or outside the map
	KernProtectionFailure Return = 2  // an access that a region does not allow
	KernNoSpace           Return = 3  // no room at the address asked for, or none at all
	KernInvalidArgument   Return = 4  // a null or wrong object, an unknown flavor, an illegal value
	KernFailure           Return = 5  // a failure without a better code
	KernResourceShortage  Return = 6  // the kernel lacks something it needs
	KernNotReceiver       Return = 7  // historic
	KernNoAccess          Return = 8  // not privileged
	KernMemoryFailure     Return = 9  // a page of a destroyed object or of one whose manager died; permanent
	KernMemoryError       Return = 10 // the manager could not provide the page; may pass
	KernAlreadyInSet      Return = 11 // historic
	KernNotInSet          Return = 12 // the port is in no set, or not in that one
	KernNameExists        Return = 13 // the name is in use
	KernAborted           Return = 14 // the operation was aborted
	KernInvalidName       Return = 15 // the name denotes nothing
	KernInvalidTask       Return = 16 // not a task, or a dead one
	KernInvalidRight      Return = 17 // the name lacks the right
	KernInvalidValue      Return = 18 // a value out of range
	KernUrefsOverflow     Return = 19 // too many user references
	KernInvalidCapability Return = 20 // a null or dead right where a live one is needed
	KernRightExists       Return = 21 // the space knows the port under another name
	KernInvalidHost       Return = 22 // not a host, or not the privileged one
	KernMemoryPresent     Return = 23 // the page supplied is already there, or was not asked for
	KernMemoryDataMoved   Return = 24 // kernel internal: look again
	KernMemoryRestartCopy Return = 25 // kernel internal: copy quickly instead
	KernInvalidObject     Return = 29 // the port is no memory object, or its manager failed to map it
	KernInvalidMemControl Return = 34 // historic KERN_INVALID_MEMORY_CONTROL
	KernTerminated        Return = 37 // the thread or task is gone
	KernReturnMax         Return = 0x100
)

// Send codes of mach_msg.
const (
	SendInvalidData      Return = 0x10000002 // the buffer is not readable
	SendInvalidDest      Return = 0x10000003 // the destination names no usable right
	SendTimedOut         Return = 0x10000004 // no queue room within the timeout
	SendWillNotify       Return = 0x10000005 // forced into the queue, msg-accepted will follow (ID-18)
	SendNotifyInProgress Return = 0x10000006 // one such message is outstanding (ID-18)
	SendInterrupted      Return = 0x10000007 // aborted while waiting for room
	SendMsgTooSmall      Return = 0x10000008 // shorter than its header or descriptors
	SendInvalidReply     Return = 0x10000009 // the reply right is unusable
	SendInvalidRight     Return = 0x1000000a // a right in the body is unusable
	SendInvalidNotify    Return = 0x1000000b // the notify argument names no receive right
	SendInvalidMemory    Return = 0x1000000c // out-of-line memory is not readable
	SendNoBuffer         Return = 0x1000000d // no kernel memory for the message
	SendNoNotify         Return = 0x1000000e // (ID-18)
	SendInvalidType      Return = 0x1000000f // unknown descriptor, disposition or copy option
	SendInvalidHeader    Return = 0x10000010 // a header disposition is illegal
	SendInvalidTrailer   Return = 0x10000011
)

// Receive codes of mach_msg.
const (
	RcvInvalidName    Return = 0x10004002 // no receive right or port set
	RcvTimedOut       Return = 0x10004003 // no message within the timeout
	RcvTooLarge       Return = 0x10004004 // the message does not fit the buffer
	RcvInterrupted    Return = 0x10004005 // aborted while waiting
	RcvPortChanged    Return = 0x10004006 // the port joined a set
	RcvInvalidNotify  Return = 0x10004007 // the notify argument names no receive right
	RcvInvalidData    Return = 0x10004008 // the buffer is not writable
	RcvPortDied       Return = 0x10004009 // the receive right or set went
	RcvInSet          Return = 0x1000400a // the port is in a set: receive from that
	RcvHeaderError    Return = 0x1000400b // header rights could not be delivered
	RcvBodyError      Return = 0x1000400c // some body rights or memory could not be delivered
	RcvInvalidType    Return = 0x1000400d // bad scatter list
	RcvScatterSmall   Return = 0x1000400e // a scatter region is too small
	RcvInvalidTrailer Return = 0x1000400f // unknown trailer asked for
)

// Detail bits or-ed into message codes.
const (
	MsgIPCSpace  Return = 0x2000 // no name available
	MsgVMSpace   Return = 0x1000 // no address range
	MsgIPCKernel Return = 0x800  // kernel shortage for a right
	MsgVMKernel  Return = 0x400  // kernel shortage for memory
	MsgMask      Return = 0x3c00
)

// MIG codes.
const (
	MigTypeError     Return = -300 // a descriptor is not of the declared type
	MigReplyMismatch Return = -301 // the reply has another id
	MigRemoteError   Return = -302
	MigBadID         Return = -303 // nobody serves that id
	MigBadArguments  Return = -304 // the body has another size than declared
	MigNoReply       Return = -305 // the routine took the request and will answer by itself
)

var detailBits = []struct {
	bit  Return
	name string
}{
	{MsgIPCSpace, "MACH_MSG_IPC_SPACE"}, {MsgVMSpace, "MACH_MSG_VM_SPACE"},
	{MsgIPCKernel, "MACH_MSG_IPC_KERNEL"}, {MsgVMKernel, "MACH_MSG_VM_KERNEL"},
}

var codeNames = map[Return]string{
	KernSuccess: "KERN_SUCCESS", KernInvalidAddress: "KERN_INVALID_ADDRESS",
	KernProtectionFailure: "KERN_PROTECTION_FAILURE", KernNoSpace: "KERN_NO_SPACE",
	KernInvalidArgument: "KERN_INVALID_ARGUMENT", KernFailure: "KERN_FAILURE",
	KernResourceShortage: "KERN_RESOURCE_SHORTAGE", KernNotReceiver: "KERN_NOT_RECEIVER",
	KernNoAccess: "KERN_NO_ACCESS", KernMemoryFailure: "KERN_MEMORY_FAILURE",
	KernMemoryError: "KERN_MEMORY_ERROR", KernAlreadyInSet: "KERN_ALREADY_IN_SET",
	KernNotInSet: "KERN_NOT_IN_SET", KernNameExists: "KERN_NAME_EXISTS", KernAborted: "KERN_ABORTED",
	KernInvalidName: "KERN_INVALID_NAME", KernInvalidTask: "KERN_INVALID_TASK",
	KernInvalidRight: "KERN_INVALID_RIGHT", KernInvalidValue: "KERN_INVALID_VALUE",
	KernUrefsOverflow: "KERN_UREFS_OVERFLOW", KernInvalidCapability: "KERN_INVALID_CAPABILITY",
	KernRightExists: "KERN_RIGHT_EXISTS", KernInvalidHost: "KERN_INVALID_HOST",
	KernMemoryPresent: "KERN_MEMORY_PRESENT", KernMemoryDataMoved: "KERN_MEMORY_DATA_MOVED",
	KernMemoryRestartCopy: "KERN_MEMORY_RESTART_COPY", KernInvalidObject: "KERN_INVALID_OBJECT",
	KernInvalidMemControl: "KERN_INVALID_MEMORY_CONTROL", KernTerminated: "KERN_TERMINATED",
	KernReturnMax: "KERN_RETURN_MAX",

	SendInvalidData: "MACH_SEND_INVALID_DATA", SendInvalidDest: "MACH_SEND_INVALID_DEST",
	SendTimedOut: "MACH_SEND_TIMED_OUT", SendWillNotify: "MACH_SEND_WILL_NOTIFY",
	SendNotifyInProgress: "MACH_SEND_NOTIFY_IN_PROGRESS", SendInterrupted: "MACH_SEND_INTERRUPTED",
	SendMsgTooSmall: "MACH_SEND_MSG_TOO_SMALL", SendInvalidReply: "MACH_SEND_INVALID_REPLY",
	SendInvalidRight: "MACH_SEND_INVALID_RIGHT", SendInvalidNotify: "MACH_SEND_INVALID_NOTIFY",
	SendInvalidMemory: "MACH_SEND_INVALID_MEMORY", SendNoBuffer: "MACH_SEND_NO_BUFFER",
	SendNoNotify: "MACH_SEND_NO_NOTIFY", SendInvalidType: "MACH_SEND_INVALID_TYPE",
	SendInvalidHeader: "MACH_SEND_INVALID_HEADER", SendInvalidTrailer: "MACH_SEND_INVALID_TRAILER",

	RcvInvalidName: "MACH_RCV_INVALID_NAME", RcvTimedOut: "MACH_RCV_TIMED_OUT",
	RcvTooLarge: "MACH_RCV_TOO_LARGE", RcvInterrupted: "MACH_RCV_INTERRUPTED",
	RcvPortChanged: "MACH_RCV_PORT_CHANGED", RcvInvalidNotify: "MACH_RCV_INVALID_NOTIFY",
	RcvInvalidData: "MACH_RCV_INVALID_DATA", RcvPortDied: "MACH_RCV_PORT_DIED",
	RcvInSet: "MACH_RCV_IN_SET", RcvHeaderError: "MACH_RCV_HEADER_ERROR",
	RcvBodyError: "MACH_RCV_BODY_ERROR", RcvInvalidType: "MACH_RCV_INVALID_TYPE",
	RcvScatterSmall: "MACH_RCV_SCATTER_SMALL", RcvInvalidTrailer: "MACH_RCV_INVALID_TRAILER",

	MigTypeError: "MIG_TYPE_ERROR", MigReplyMismatch: "MIG_REPLY_MISMATCH",
	MigRemoteError: "MIG_REMOTE_ERROR", MigBadID: "MIG_BAD_ID",
	MigBadArguments: "MIG_BAD_ARGUMENTS", MigNoReply: "MIG_NO_REPLY",
}
