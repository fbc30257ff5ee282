package pagers

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// The messages a manager receives, as a program sees them.
type (
	Init               = defs.MemoryObjectInit[mach.Name]
	Terminate          = defs.MemoryObjectTerminate[mach.Name]
	Copy               = defs.MemoryObjectCopy[mach.Name]
	DataRequest        = defs.MemoryObjectDataRequest[mach.Name]
	DataUnlock         = defs.MemoryObjectDataUnlock[mach.Name]
	DataWrite          = defs.MemoryObjectDataWrite[mach.Name, mach.Region]
	LockCompleted      = defs.MemoryObjectLockCompleted[mach.Name]
	SupplyCompleted    = defs.MemoryObjectSupplyCompleted[mach.Name]
	DataReturn         = defs.MemoryObjectDataReturn[mach.Name, mach.Region]
	ChangeCompletedCMU = defs.MemoryObjectChangeCompletedCMU[mach.Name]
	Synchronize        = defs.MemoryObjectSynchronize[mach.Name]
	ChangeCompleted    = defs.MemoryObjectChangeCompleted[mach.Name]
	DiscardRequest     = defs.MemoryObjectDiscardRequest[mach.Name]
	Create             = defs.MemoryObjectCreate[mach.Name]
	DataInitialize     = defs.MemoryObjectDataInitialize[mach.Name, mach.Region]

	PortDeleted   = defs.NotifyPortDeleted[mach.Name]
	PortDestroyed = defs.NotifyPortDestroyed[mach.Name]
	NoSenders     = defs.NotifyNoSenders[mach.Name]
	SendOnce      = defs.NotifySendOnce[mach.Name]
	DeadName      = defs.NotifyDeadName[mach.Name]
)

// Handler is a manager: one method per message. A method that returns KERN_SUCCESS or MIG_NO_REPLY owns the
// rights and the memory in its message; after any other result the server destroys them, and with a
// terminate also the control port (EMM-040, EMM-069). Embed Base and write only the methods that matter.
type Handler interface {
	Init(*Call, *Init) mach.Return
	Terminate(*Call, *Terminate) mach.Return
	Copy(*Call, *Copy) mach.Return
	DataRequest(*Call, *DataRequest) mach.Return
	DataUnlock(*Call, *DataUnlock) mach.Return
	DataWrite(*Call, *DataWrite) mach.Return
	LockCompleted(*Call, *LockCompleted) mach.Return
	SupplyCompleted(*Call, *SupplyCompleted) mach.Return
	DataReturn(*Call, *DataReturn) mach.Return
	ChangeCompletedCMU(*Call, *ChangeCompletedCMU) mach.Return
	Synchronize(*Call, *Synchronize) mach.Return
	ChangeCompleted(*Call, *ChangeCompleted) mach.Return
	DiscardRequest(*Call, *DiscardRequest) mach.Return
	Create(*Call, *Create) mach.Return
	DataInitialize(*Call, *DataInitialize) mach.Return

	PortDeleted(*Call, *PortDeleted) mach.Return
	PortDestroyed(*Call, *PortDestroyed) mach.Return
	NoSenders(*Call, *NoSenders) mach.Return
	SendOnce(*Call, *SendOnce) mach.Return
	DeadName(*Call, *DeadName) mach.Return

	// Other gets every message that is none of these, such as what clients send to the port of an object.
	// Its result means the same; the message is c.Message.
	Other(*Call) mach.Return
}

// The messages as a program receives them.
var (
	initCodec               = user.CodecFor[Init](defs.MemoryObjectInitRow, mig.Request)
	terminateCodec          = user.CodecFor[Terminate](defs.MemoryObjectTerminateRow, mig.Request)
	copyCodec               = user.CodecFor[Copy](defs.MemoryObjectCopyRow, mig.Request)
	dataRequestCodec        = user.CodecFor[DataRequest](defs.MemoryObjectDataRequestRow, mig.Request)
	dataUnlockCodec         = user.CodecFor[DataUnlock](defs.MemoryObjectDataUnlockRow, mig.Request)
	dataWriteCodec          = user.CodecFor[DataWrite](defs.MemoryObjectDataWriteRow, mig.Request)
	lockCompletedCodec      = user.CodecFor[LockCompleted](defs.MemoryObjectLockCompletedRow, mig.Request)
	supplyCompletedCodec    = user.CodecFor[SupplyCompleted](defs.MemoryObjectSupplyCompletedRow, mig.Request)
	dataReturnCodec         = user.CodecFor[DataReturn](defs.MemoryObjectDataReturnRow, mig.Request)
	changeCompletedCMUCodec = user.CodecFor[ChangeCompletedCMU](defs.MemoryObjectChangeCompletedCMURow, mig.Request)
	synchronizeCodec        = user.CodecFor[Synchronize](defs.MemoryObjectSynchronizeRow, mig.Request)
	changeCompletedCodec    = user.CodecFor[ChangeCompleted](defs.MemoryObjectChangeCompletedRow, mig.Request)
	discardRequestCodec     = user.CodecFor[DiscardRequest](defs.MemoryObjectDiscardRequestRow, mig.Request)
	createCodec             = user.CodecFor[Create](defs.MemoryObjectCreateRow, mig.Request)
	dataInitializeCodec     = user.CodecFor[DataInitialize](defs.MemoryObjectDataInitializeRow, mig.Request)
	portDeletedCodec        = user.CodecFor[PortDeleted](defs.NotifyPortDeletedRow, mig.Request)
	portDestroyedCodec      = user.CodecFor[PortDestroyed](defs.NotifyPortDestroyedRow, mig.Request)
	noSendersCodec          = user.CodecFor[NoSenders](defs.NotifyNoSendersRow, mig.Request)
	sendOnceCodec           = user.CodecFor[SendOnce](defs.NotifySendOnceRow, mig.Request)
	deadNameCodec           = user.CodecFor[DeadName](defs.NotifyDeadNameRow, mig.Request)
)

// table has h serve every message of the interface.
func table(t user.Thread, h Handler) *user.Server[*Call] {
	s := user.NewServer[*Call](t)
	mig.OnSimple(s, initCodec, h.Init)
	mig.OnSimple(s, terminateCodec, h.Terminate)
	mig.OnSimple(s, copyCodec, h.Copy)
	mig.OnSimple(s, dataRequestCodec, h.DataRequest)
	mig.OnSimple(s, dataUnlockCodec, h.DataUnlock)
	mig.OnSimple(s, dataWriteCodec, h.DataWrite)
	mig.OnSimple(s, lockCompletedCodec, h.LockCompleted)
	mig.OnSimple(s, supplyCompletedCodec, h.SupplyCompleted)
	mig.OnSimple(s, dataReturnCodec, h.DataReturn)
	mig.OnSimple(s, changeCompletedCMUCodec, h.ChangeCompletedCMU)
	mig.OnSimple(s, synchronizeCodec, h.Synchronize)
	mig.OnSimple(s, changeCompletedCodec, h.ChangeCompleted)
	mig.OnSimple(s, discardRequestCodec, h.DiscardRequest)
	mig.OnSimple(s, createCodec, h.Create)
	mig.OnSimple(s, dataInitializeCodec, h.DataInitialize)
	mig.OnSimple(s, portDeletedCodec, h.PortDeleted)
	mig.OnSimple(s, portDestroyedCodec, h.PortDestroyed)
	mig.OnSimple(s, noSendersCodec, h.NoSenders)
	mig.OnSimple(s, sendOnceCodec, h.SendOnce)
	mig.OnSimple(s, deadNameCodec, h.DeadName)
	return s
}
