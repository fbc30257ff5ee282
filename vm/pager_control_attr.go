package vm

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
)

// The control calls that act on the object as a whole.

// changeAttributes is memory_object_change_attributes of OSF.
//
//	KERN_INVALID_ARGUMENT  no object, an unknown flavor or another number of words: rejected without
//	                       completion. A bad value: rejected too, but the completion is sent (EMM-192).
func (c *controlCall) changeAttributes(m *defs.MemoryObjectChangeAttributes[ipc.Right]) mach.Return {
	if !c.takeReply(&m.ReplyTo) || c.object == nil {
		return mach.KernInvalidArgument
	}
	n, ok := c.object.attributes.withFlavor(c.host, m.Flavor, m.Attributes)
	if !ok {
		return mach.KernInvalidArgument
	}
	ret := c.object.setAttributes(n, true)
	c.drop()
	if c.replies() {
		c.host.sendChangeCompleted(c.th, c.assoc, &c.reply, m.Flavor)
	}
	return ret
}

// changeAttributesCMU is memory_object_change_attributes of CMU and GNU; the rules are those of OSF.
func (c *controlCall) changeAttributesCMU(m *defs.MemoryObjectChangeAttributesCMU[ipc.Right]) mach.Return {
	if !c.takeReply(&m.ReplyTo) || c.object == nil {
		return mach.KernInvalidArgument
	}
	ret := c.setBoth(m.MayCache, m.CopyStrategy, true)
	c.drop()
	if c.replies() {
		c.host.sendChangeCompletedCMU(c.th, &c.reply, m.MayCache, m.CopyStrategy)
	}
	return ret
}

// ready is memory_object_ready.
//
// KERN_INVALID_ARGUMENT: no object, or an illegal strategy.
func (c *controlCall) ready(m *defs.MemoryObjectReady[ipc.Right]) mach.Return {
	if c.object == nil {
		return mach.KernInvalidArgument
	}
	return c.setBoth(m.MayCache, m.CopyStrategy, true)
}

// setAttributes is memory_object_set_attributes, by which a manager also says that it is of the oldest
// kind.
//
// KERN_INVALID_ARGUMENT: no object, or an illegal strategy.
func (c *controlCall) setAttributes(m *defs.MemoryObjectSetAttributes[ipc.Right]) mach.Return {
	if c.object == nil {
		return mach.KernInvalidArgument
	}
	ret := c.setBoth(m.MayCache, m.CopyStrategy, m.ObjectReady)
	if ret == mach.KernSuccess {
		c.object.oldManager = true
	}
	return ret
}

func (c *controlCall) setBoth(mayCache bool, strategy mach.CopyStrategy, ready bool) mach.Return {
	n := c.object.attributes
	n.canPersist, n.strategy = mayCache, strategy
	return c.object.setAttributes(n, ready)
}

// getAttributes is memory_object_get_attributes of OSF.
//
// KERN_INVALID_ARGUMENT: no object, an unknown flavor, or room for fewer words than it has.
func (c *controlCall) getAttributes(m *defs.MemoryObjectGetAttributes[ipc.Right], r *defs.MemoryObjectGetAttributesReply) mach.Return {
	if c.object == nil || m.Flavor.Words() == 0 || int64(m.Count) < int64(m.Flavor.Words()) {
		return mach.KernInvalidArgument
	}
	var ok bool
	if r.Attributes, ok = c.object.words(m.Flavor, nil); !ok {
		return mach.KernInvalidArgument
	}
	return mach.KernSuccess
}

// getAttributesCMU is memory_object_get_attributes of CMU and GNU.
//
// KERN_INVALID_ARGUMENT: no object.
func (c *controlCall) getAttributesCMU(_ *defs.MemoryObjectGetAttributesCMU[ipc.Right], r *defs.MemoryObjectGetAttributesCMUReply) mach.Return {
	o := c.object
	if o == nil {
		return mach.KernInvalidArgument
	}
	r.ObjectReady, r.MayCache, r.CopyStrategy = o.phase.ready(), o.canPersist, o.strategy
	return mach.KernSuccess
}

// destroy is memory_object_destroy, which always succeeds, whatever the reason.
func (c *controlCall) destroy(*defs.MemoryObjectDestroy[ipc.Right]) mach.Return {
	if c.object != nil {
		c.object.destroy(c.th)
	}
	return mach.KernSuccess
}
