package pagers

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Dialect says in which words a server speaks to a kernel of the CMU message set, which knows older ones. To
// kernels of the other sets there is one way to say a thing, and the methods of Call say it: the same handler
// serves kernels of every set.
type Dialect uint8

const (
	// Newest: memory_object_ready, memory_object_data_supply. Data comes back by memory_object_data_return.
	Newest Dialect = iota
	// Oldest: memory_object_set_attributes, memory_object_data_provided and the older lock_request, as far as they
	// can say what is to be said. The kernel then asks for one page at a time, and data comes back by
	// memory_object_data_write.
	Oldest
)

func (d Dialect) set(s *Server) { s.dialect = d }

// oldest reports whether c speaks to a kernel that knows the oldest calls and is to hear them.
func (c *Call) oldest() bool { return c.Server.dialect == Oldest && c.Thread.Form().Set == mig.CMU }

var (
	attributesCodec    = user.CodecFor[defs.MemoryObjectChangeAttributes[mach.Name]](defs.MemoryObjectChangeAttributesRow, mig.Request)
	attributesCMUCodec = user.CodecFor[defs.MemoryObjectChangeAttributesCMU[mach.Name]](defs.MemoryObjectChangeAttributesCMURow, mig.Request)
	readyCodec         = user.CodecFor[defs.MemoryObjectReady[mach.Name]](defs.MemoryObjectReadyRow, mig.Request)
	setAttributesCodec = user.CodecFor[defs.MemoryObjectSetAttributes[mach.Name]](defs.MemoryObjectSetAttributesRow, mig.Request)
	providedCodec      = user.CodecFor[defs.MemoryObjectDataProvided[mach.Name, mach.Region]](defs.MemoryObjectDataProvidedRow, mig.Request)
	oldLockCodec       = user.CodecFor[defs.MemoryObjectLockRequestOld[mach.Name]](defs.MemoryObjectLockRequestOldRow, mig.Request)
)

// Ready answers an init: it sets the attributes, and the object is ready. Kernels of the CMU and GNU message
// sets take the copy strategy and may_cache only.
func (c *Call) Ready(control mach.Name, a Attributes) mach.Return {
	switch {
	case c.Thread.Form().Set == mig.OSF:
		return c.ChangeAttributes(control, a, mach.NameNull)
	case c.oldest():
		return try(c, setAttributesCodec, &defs.MemoryObjectSetAttributes[mach.Name]{MemoryControl: control,
			ObjectReady: true, MayCache: a.MayCache, CopyStrategy: a.CopyStrategy})
	}
	return try(c, readyCodec, &defs.MemoryObjectReady[mach.Name]{MemoryControl: control,
		MayCache: a.MayCache, CopyStrategy: a.CopyStrategy})
}

// ChangeAttributes sets the attributes of an object. replyTo is the receive right that gets change_completed, in the
// form of the kernel's message set (Handler has a method for each); null: nobody is told.
func (c *Call) ChangeAttributes(control mach.Name, a Attributes, replyTo mach.Name) mach.Return {
	if c.Thread.Form().Set == mig.OSF {
		return try(c, attributesCodec, &defs.MemoryObjectChangeAttributes[mach.Name]{MemoryControl: control,
			Flavor: mach.FlavorAttribute, Attributes: a.Words(mach.FlavorAttribute), ReplyTo: replyTo})
	}
	return try(c, attributesCMUCodec, &defs.MemoryObjectChangeAttributesCMU[mach.Name]{MemoryControl: control,
		MayCache: a.MayCache, CopyStrategy: a.CopyStrategy, ReplyTo: replyTo})
}

// GetAttributes asks a kernel what the attributes are. Those that its message set does not know are zero. It is the
// one call that waits for an answer, and once terminate is on its way only this very manager could give it:
// a manager needs another thread that drains the control port (H-12).
//
// Codes: KERN_INVALID_ARGUMENT, the association has ended.
func (c *Call) GetAttributes(control mach.Name) (a Attributes, ret mach.Return) {
	if c.Thread.Form().Set == mig.OSF {
		words, ret := user.MemoryObjectGetAttributes(c.Thread, control, mach.FlavorAttribute, uint32(mach.FlavorAttribute.Words()))
		if ret == mach.KernSuccess && !a.Parse(mach.FlavorAttribute, words) {
			ret = mach.MigBadArguments
		}
		a.Ready = a.CopyStrategy != mach.CopyInvalid
		return a, ret
	}
	r, ret := user.MemoryObjectGetAttributesCMU(c.Thread, control)
	return Attributes{Ready: r.ObjectReady, MayCache: r.MayCache, CopyStrategy: r.CopyStrategy}, ret
}

// supply sends data that lies at r and leaves the task with the message, or, if keep is set, stays.
func (c *Call) supply(control mach.Name, s *Supply, r mach.Region, keep bool) mach.Return {
	if c.oldest() && !s.Precious && s.ReplyTo == mach.NameNull {
		ret := try(c, providedCodec, &defs.MemoryObjectDataProvided[mach.Name, mach.Region]{MemoryControl: control,
			Offset: s.Offset, Data: r, LockValue: s.Lock})
		if !keep {
			user.Deallocate(c.Thread, r)
		}
		return ret
	}
	ret := try(c, supplyCodec, &defs.MemoryObjectDataSupply[mach.Name, mach.Region]{MemoryControl: control,
		Offset: s.Offset, Data: r, Deallocate: !keep, LockValue: s.Lock, Precious: s.Precious, ReplyTo: s.ReplyTo})
	if ret == mach.SendInvalidDest && !keep {
		user.Deallocate(c.Thread, r) // not sent at all, so it is still here
	}
	return ret
}

// oldLock is l in the older form of lock_request, which says clean where the newer says what to return.
func (c *Call) oldLock(control mach.Name, l Lock) (ret mach.Return, said bool) {
	if !c.oldest() || l.Return != mach.ReturnNone && l.Return != mach.ReturnDirty {
		return mach.KernSuccess, false
	}
	return try(c, oldLockCodec, &defs.MemoryObjectLockRequestOld[mach.Name]{MemoryControl: control, Offset: l.Offset, Size: l.Size,
		ShouldClean: l.Return == mach.ReturnDirty, ShouldFlush: l.Flush, LockValue: l.Value, ReplyTo: l.ReplyTo}), true
}
