package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	objectGetAttributes    = NewRoutine[defs.MemoryObjectGetAttributes[mach.Name], defs.MemoryObjectGetAttributesReply](defs.MemoryObjectGetAttributesRow)
	objectGetAttributesCMU = NewRoutine[defs.MemoryObjectGetAttributesCMU[mach.Name], defs.MemoryObjectGetAttributesCMUReply](defs.MemoryObjectGetAttributesCMURow)

	objectChangeAttributes     = simple[defs.MemoryObjectChangeAttributes[mach.Name]](defs.MemoryObjectChangeAttributesRow)
	objectChangeAttributesCMU  = simple[defs.MemoryObjectChangeAttributesCMU[mach.Name]](defs.MemoryObjectChangeAttributesCMURow)
	objectSetAttributes        = simple[defs.MemoryObjectSetAttributes[mach.Name]](defs.MemoryObjectSetAttributesRow)
	objectReady                = simple[defs.MemoryObjectReady[mach.Name]](defs.MemoryObjectReadyRow)
	objectDataSupply           = simple[defs.MemoryObjectDataSupply[mach.Name, mach.Region]](defs.MemoryObjectDataSupplyRow)
	objectDataProvided         = simple[defs.MemoryObjectDataProvided[mach.Name, mach.Region]](defs.MemoryObjectDataProvidedRow)
	objectDataUnavailable      = simple[defs.MemoryObjectDataUnavailable[mach.Name]](defs.MemoryObjectDataUnavailableRow)
	objectDataError            = simple[defs.MemoryObjectDataError[mach.Name]](defs.MemoryObjectDataErrorRow)
	objectLockRequest          = simple[defs.MemoryObjectLockRequest[mach.Name]](defs.MemoryObjectLockRequestRow)
	objectLockRequestOld       = simple[defs.MemoryObjectLockRequestOld[mach.Name]](defs.MemoryObjectLockRequestOldRow)
	objectDestroy              = simple[defs.MemoryObjectDestroy[mach.Name]](defs.MemoryObjectDestroyRow)
	objectSynchronizeCompleted = simple[defs.MemoryObjectSynchronizeCompleted[mach.Name]](defs.MemoryObjectSynchronizeCompletedRow)
	objectDiscardReply         = simple[defs.MemoryObjectDiscardReply[mach.Name]](defs.MemoryObjectDiscardReplyRow)
)

// ReplyPort is where a control call reports its completion: a port and the disposition to send it with; 0
// is the call's own, which makes a right from a receive right. The zero value asks for no report.
type ReplyPort struct {
	Name mach.Name
	Disp mach.Disposition
}

// MemoryObjectDataSupply answers a data request with data; deallocate takes it from the caller.
func MemoryObjectDataSupply(t Thread, control mach.Name, offset mach.Offset, data mach.Region, deallocate bool,
	lock mach.Prot, precious bool, reply ReplyPort) mach.Return {
	return Send(t, objectDataSupply, &defs.MemoryObjectDataSupply[mach.Name, mach.Region]{MemoryControl: control, Offset: offset,
		Data: data, Deallocate: deallocate, LockValue: lock, Precious: precious, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}

// MemoryObjectDataProvided is the oldest form of MemoryObjectDataSupply (CMU).
func MemoryObjectDataProvided(t Thread, control mach.Name, offset mach.Offset, data mach.Region, lock mach.Prot) mach.Return {
	return Send(t, objectDataProvided, &defs.MemoryObjectDataProvided[mach.Name, mach.Region]{MemoryControl: control, Offset: offset,
		Data: data, LockValue: lock})
}

// MemoryObjectDataUnavailable answers a data request: there is no data.
func MemoryObjectDataUnavailable(t Thread, control mach.Name, offset mach.Offset, size mach.Size) mach.Return {
	return Send(t, objectDataUnavailable, &defs.MemoryObjectDataUnavailable[mach.Name]{MemoryControl: control, Offset: offset, Size: size})
}

// MemoryObjectDataError answers a data request: the data cannot be provided.
func MemoryObjectDataError(t Thread, control mach.Name, offset mach.Offset, size mach.Size, reason mach.Return) mach.Return {
	return Send(t, objectDataError, &defs.MemoryObjectDataError[mach.Name]{MemoryControl: control, Offset: offset, Size: size, ErrorValue: reason})
}

// MemoryObjectLockRequest returns, flushes or locks the resident pages of a range.
func MemoryObjectLockRequest(t Thread, control mach.Name, offset mach.Offset, size mach.Size, ret mach.ShouldReturn, flush bool,
	lock mach.Prot, reply ReplyPort) mach.Return {
	return Send(t, objectLockRequest, &defs.MemoryObjectLockRequest[mach.Name]{MemoryControl: control, Offset: offset, Size: size,
		ShouldReturn: ret, ShouldFlush: flush, LockValue: lock, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}

// MemoryObjectLockRequestOld is MemoryObjectLockRequest with a boolean clean (CMU).
func MemoryObjectLockRequestOld(t Thread, control mach.Name, offset mach.Offset, size mach.Size, clean, flush bool,
	lock mach.Prot, reply ReplyPort) mach.Return {
	return Send(t, objectLockRequestOld, &defs.MemoryObjectLockRequestOld[mach.Name]{MemoryControl: control, Offset: offset, Size: size,
		ShouldClean: clean, ShouldFlush: flush, LockValue: lock, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}

// MemoryObjectChangeAttributes sets the attributes of one flavor (OSF).
func MemoryObjectChangeAttributes(t Thread, control mach.Name, flavor mach.Flavor, words []int32, reply ReplyPort) mach.Return {
	return Send(t, objectChangeAttributes, &defs.MemoryObjectChangeAttributes[mach.Name]{MemoryControl: control, Flavor: flavor,
		Attributes: words, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}

// MemoryObjectChangeAttributesCMU sets both attributes of CMU and GNU kernels (CMU, GNU).
func MemoryObjectChangeAttributesCMU(t Thread, control mach.Name, mayCache bool, strategy mach.CopyStrategy, reply ReplyPort) mach.Return {
	return Send(t, objectChangeAttributesCMU, &defs.MemoryObjectChangeAttributesCMU[mach.Name]{MemoryControl: control,
		MayCache: mayCache, CopyStrategy: strategy, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}

// MemoryObjectReady answers an init (CMU, GNU).
func MemoryObjectReady(t Thread, control mach.Name, mayCache bool, strategy mach.CopyStrategy) mach.Return {
	return Send(t, objectReady, &defs.MemoryObjectReady[mach.Name]{MemoryControl: control, MayCache: mayCache, CopyStrategy: strategy})
}

// MemoryObjectSetAttributes is the oldest way to answer an init (CMU).
func MemoryObjectSetAttributes(t Thread, control mach.Name, ready, mayCache bool, strategy mach.CopyStrategy) mach.Return {
	return Send(t, objectSetAttributes, &defs.MemoryObjectSetAttributes[mach.Name]{MemoryControl: control, ObjectReady: ready,
		MayCache: mayCache, CopyStrategy: strategy})
}

// MakeReady answers an init in whatever way the host's message set has: with the attribute flavor, or with
// memory_object_ready, which knows only caching and strategy.
func MakeReady(t Thread, control mach.Name, a defs.ObjectAttributes) mach.Return {
	if t.Form().Set == mig.OSF {
		return MemoryObjectChangeAttributes(t, control, mach.FlavorAttribute, a.Words(mach.FlavorAttribute), ReplyPort{})
	}
	return MemoryObjectReady(t, control, a.MayCache, a.CopyStrategy)
}

// MemoryObjectGetAttributes gives the words of one flavor, at most count (OSF).
func MemoryObjectGetAttributes(t Thread, control mach.Name, flavor mach.Flavor, count uint32) ([]int32, mach.Return) {
	rep, r := Call(t, objectGetAttributes, &defs.MemoryObjectGetAttributes[mach.Name]{MemoryControl: control, Flavor: flavor, Count: count})
	return rep.Attributes, r
}

// MemoryObjectGetAttributesCMU gives the attributes of CMU and GNU kernels (CMU, GNU).
func MemoryObjectGetAttributesCMU(t Thread, control mach.Name) (defs.MemoryObjectGetAttributesCMUReply, mach.Return) {
	return Call(t, objectGetAttributesCMU, &defs.MemoryObjectGetAttributesCMU[mach.Name]{MemoryControl: control})
}

// MemoryObjectDestroy ends the association by the manager's wish.
func MemoryObjectDestroy(t Thread, control mach.Name, reason mach.Return) mach.Return {
	return Send(t, objectDestroy, &defs.MemoryObjectDestroy[mach.Name]{MemoryControl: control, Reason: reason})
}

// MemoryObjectSynchronizeCompleted answers a synchronize (OSF).
func MemoryObjectSynchronizeCompleted(t Thread, control mach.Name, offset mach.Offset, length mach.Size) mach.Return {
	return Send(t, objectSynchronizeCompleted, &defs.MemoryObjectSynchronizeCompleted[mach.Name]{MemoryControl: control, Offset: offset, Length: length})
}

// Discard is the ranges of a MemoryObjectDiscardReply.
type Discard struct {
	RequestedOffset mach.Offset
	RequestedSize   mach.Size
	Offset          mach.Offset // what may go
	Size            mach.Size
}

// MemoryObjectDiscardReply answers a discard request (OSF).
func MemoryObjectDiscardReply(t Thread, control mach.Name, d Discard, ret mach.ShouldReturn, reply ReplyPort) mach.Return {
	return Send(t, objectDiscardReply, &defs.MemoryObjectDiscardReply[mach.Name]{MemoryControl: control,
		RequestedOffset: d.RequestedOffset, RequestedSize: d.RequestedSize, DiscardOffset: d.Offset, DiscardSize: d.Size,
		ShouldReturn: ret, ReplyTo: reply.Name, ReplyToType: reply.Disp})
}
