package user

import (
	"machvm/ipc/defs"
	"machvm/kernel/mach"
)

// Codecs of what a kernel tells a manager. A manager decodes with them; a program that stands in for a
// kernel, as a proxy or to try a manager out, sends with them: Send(t, InitCodec, &defs.MemoryObjectInit...).
var (
	InitCodec               = simple[defs.MemoryObjectInit[mach.Name]](defs.MemoryObjectInitRow)
	TerminateCodec          = simple[defs.MemoryObjectTerminate[mach.Name]](defs.MemoryObjectTerminateRow)
	CopyCodec               = simple[defs.MemoryObjectCopy[mach.Name]](defs.MemoryObjectCopyRow)
	DataRequestCodec        = simple[defs.MemoryObjectDataRequest[mach.Name]](defs.MemoryObjectDataRequestRow)
	DataUnlockCodec         = simple[defs.MemoryObjectDataUnlock[mach.Name]](defs.MemoryObjectDataUnlockRow)
	DataWriteCodec          = simple[defs.MemoryObjectDataWrite[mach.Name, mach.Region]](defs.MemoryObjectDataWriteRow)
	LockCompletedCodec      = simple[defs.MemoryObjectLockCompleted[mach.Name]](defs.MemoryObjectLockCompletedRow)
	SupplyCompletedCodec    = simple[defs.MemoryObjectSupplyCompleted[mach.Name]](defs.MemoryObjectSupplyCompletedRow)
	DataReturnCodec         = simple[defs.MemoryObjectDataReturn[mach.Name, mach.Region]](defs.MemoryObjectDataReturnRow)
	ChangeCompletedCodec    = simple[defs.MemoryObjectChangeCompleted[mach.Name]](defs.MemoryObjectChangeCompletedRow)
	ChangeCompletedCMUCodec = simple[defs.MemoryObjectChangeCompletedCMU[mach.Name]](defs.MemoryObjectChangeCompletedCMURow)
	SynchronizeCodec        = simple[defs.MemoryObjectSynchronize[mach.Name]](defs.MemoryObjectSynchronizeRow)
	DiscardRequestCodec     = simple[defs.MemoryObjectDiscardRequest[mach.Name]](defs.MemoryObjectDiscardRequestRow)

	CreateCodec         = simple[defs.MemoryObjectCreate[mach.Name]](defs.MemoryObjectCreateRow)
	DataInitializeCodec = simple[defs.MemoryObjectDataInitialize[mach.Name, mach.Region]](defs.MemoryObjectDataInitializeRow)
)

// Codecs of notifications.
var (
	PortDeletedCodec   = simple[defs.NotifyPortDeleted[mach.Name]](defs.NotifyPortDeletedRow)
	MsgAcceptedCodec   = simple[defs.NotifyMsgAccepted[mach.Name]](defs.NotifyMsgAcceptedRow)
	PortDestroyedCodec = simple[defs.NotifyPortDestroyed[mach.Name]](defs.NotifyPortDestroyedRow)
	NoSendersCodec     = simple[defs.NotifyNoSenders[mach.Name]](defs.NotifyNoSendersRow)
	SendOnceCodec      = simple[defs.NotifySendOnce[mach.Name]](defs.NotifySendOnceRow)
	DeadNameCodec      = simple[defs.NotifyDeadName[mach.Name]](defs.NotifyDeadNameRow)
)
