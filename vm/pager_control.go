package vm

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// What managers ask of the kernel by a control port. A call is executed in the thread that sends it, at
// once and never queued, as long as the association is in force (EMM-022). Afterwards the kernel takes
// nothing more from the port: calls wait there for the manager, who gets the receive right with
// terminate (EMM-049). get_attributes alone is answered even then, with KERN_INVALID_ARGUMENT.

// A controlCall is one call being executed.
type controlCall struct {
	ipc.Frame // shows reply to the recount while the call waits
	host      *Host
	th        *sched.Thread
	assoc     *association
	object    *Object   // nil: the association is broken
	held      bool      // the call has its reference on object
	reply     ipc.Right // the reply right, until it is used
	next      *controlCall
}

// VisitRights shows the reply right that the call holds.
func (c *controlCall) VisitRights(visit func(ipc.Right, string)) {
	if !c.reply.IsSpent() {
		visit(c.reply, "control call on "+c.assoc.of.String())
	}
}

type controlServer = mig.Server[*controlCall, ipc.Right, ipc.Memory]

// Accepts says which calls the kernel executes: all of them while the association is in force.
func (a *association) Accepts(id mach.MsgID) bool {
	return !a.broken() || a.acceptsWhileClosed(a.host.isGetAttributes(id))
}

func (h *Host) isGetAttributes(id mach.MsgID) bool {
	set := h.form().Set
	return id != 0 && (id == defs.MemoryObjectGetAttributesRow.ID(set) || id == defs.MemoryObjectGetAttributesCMURow.ID(set))
}

// Serve executes a control call. For its duration the object has one more reference, and is out of the
// cache.
func (a *association) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	h := a.host
	c := h.newCall(th, a)
	if c.object = a.object; c.object != nil {
		c.object.take()
		c.held = true
	}
	code, known := h.control.Dispatch(c, &req.Message, &rep.Message)
	if known && !h.isGetAttributes(req.Message.ID) {
		rep.Message.ID = 0
	}
	if !known {
		code = h.refuse(th, a, req, rep)
	}
	if !c.reply.IsSpent() {
		ipc.Release(&th.Reap, &c.reply) // the call was rejected without completion (EMM-017)
	}
	c.drop()
	h.endCall(c)
	return code
}

// drop gives up the call's reference, which may cache or terminate the object.
func (c *controlCall) drop() {
	if c.held {
		c.held = false
		c.object.release(c.th)
	}
}

func (h *Host) newCall(th *sched.Thread, a *association) *controlCall {
	c := h.calls
	if c == nil {
		c = &controlCall{host: h}
		c.Holder = c
	} else {
		h.calls = c.next
	}
	c.th, c.assoc, c.next = th, a, nil
	h.node.World().PushFrame(&c.Frame)
	return c
}

func (h *Host) endCall(c *controlCall) {
	h.node.World().PopFrame(&c.Frame)
	c.th, c.assoc, c.object, c.reply = nil, nil, nil, ipc.Right{}
	c.next, h.calls = h.calls, c
}

// takeReply moves the reply right of a request into the call. It refuses a receive right, to which
// nothing can be sent.
func (c *controlCall) takeReply(r *ipc.Right) bool {
	c.reply = r.Take()
	return c.reply.Kind() != ipc.ReceiveRight
}

// replies reports whether a completion is wanted.
func (c *controlCall) replies() bool { return !c.reply.IsNull() }

// span is the range [off, off+size) of the memory object in object offsets, clipped to those that exist.
func (o *Object) span(off mach.Offset, size mach.Size) (start, end mach.Offset) {
	end = off + mach.Offset(size)
	if end < off {
		end = ^mach.Offset(0)
	}
	return max(off, o.pagingOffset) - o.pagingOffset, max(end, o.pagingOffset) - o.pagingOffset
}

// The codecs of the control calls, in the kernel's form.
var (
	controlDataSupply            = request[defs.MemoryObjectDataSupply[ipc.Right, ipc.Memory]](defs.MemoryObjectDataSupplyRow)
	controlDataProvided          = request[defs.MemoryObjectDataProvided[ipc.Right, ipc.Memory]](defs.MemoryObjectDataProvidedRow)
	controlDataUnavailable       = request[defs.MemoryObjectDataUnavailable[ipc.Right]](defs.MemoryObjectDataUnavailableRow)
	controlDataError             = request[defs.MemoryObjectDataError[ipc.Right]](defs.MemoryObjectDataErrorRow)
	controlLockRequest           = request[defs.MemoryObjectLockRequest[ipc.Right]](defs.MemoryObjectLockRequestRow)
	controlLockRequestOld        = request[defs.MemoryObjectLockRequestOld[ipc.Right]](defs.MemoryObjectLockRequestOldRow)
	controlChangeAttributes      = request[defs.MemoryObjectChangeAttributes[ipc.Right]](defs.MemoryObjectChangeAttributesRow)
	controlChangeAttributesCMU   = request[defs.MemoryObjectChangeAttributesCMU[ipc.Right]](defs.MemoryObjectChangeAttributesCMURow)
	controlReady                 = request[defs.MemoryObjectReady[ipc.Right]](defs.MemoryObjectReadyRow)
	controlSetAttributes         = request[defs.MemoryObjectSetAttributes[ipc.Right]](defs.MemoryObjectSetAttributesRow)
	controlDestroy               = request[defs.MemoryObjectDestroy[ipc.Right]](defs.MemoryObjectDestroyRow)
	controlSynchronizeCompleted  = request[defs.MemoryObjectSynchronizeCompleted[ipc.Right]](defs.MemoryObjectSynchronizeCompletedRow)
	controlGetAttributes         = request[defs.MemoryObjectGetAttributes[ipc.Right]](defs.MemoryObjectGetAttributesRow)
	controlGetAttributesCMU      = request[defs.MemoryObjectGetAttributesCMU[ipc.Right]](defs.MemoryObjectGetAttributesCMURow)
	controlGetAttributesReply    = reply[defs.MemoryObjectGetAttributesReply](defs.MemoryObjectGetAttributesRow)
	controlGetAttributesCMUReply = reply[defs.MemoryObjectGetAttributesCMUReply](defs.MemoryObjectGetAttributesCMURow)
)

// newControlServer is the table of control calls in the host's message set.
func newControlServer(f mig.Form) *controlServer {
	s := mig.NewServer[*controlCall, ipc.Right, ipc.Memory](f)
	mig.OnSimple(s, controlDataSupply, (*controlCall).dataSupply)
	mig.OnSimple(s, controlDataProvided, (*controlCall).dataProvided)
	mig.OnSimple(s, controlDataUnavailable, (*controlCall).dataUnavailable)
	mig.OnSimple(s, controlDataError, (*controlCall).dataError)
	mig.OnSimple(s, controlLockRequest, (*controlCall).lockRequest)
	mig.OnSimple(s, controlLockRequestOld, (*controlCall).lockRequestOld)
	mig.OnSimple(s, controlChangeAttributes, (*controlCall).changeAttributes)
	mig.OnSimple(s, controlChangeAttributesCMU, (*controlCall).changeAttributesCMU)
	mig.OnSimple(s, controlReady, (*controlCall).ready)
	mig.OnSimple(s, controlSetAttributes, (*controlCall).setAttributes)
	mig.OnSimple(s, controlDestroy, (*controlCall).destroy)
	mig.OnSimple(s, controlSynchronizeCompleted, (*controlCall).synchronizeCompleted)
	mig.On(s, controlGetAttributes,
		controlGetAttributesReply, (*controlCall).getAttributes)
	mig.On(s, controlGetAttributesCMU,
		controlGetAttributesCMUReply, (*controlCall).getAttributesCMU)
	return s
}

func reply[T any](row *mig.Row) *mig.Codec[T, ipc.Right, ipc.Memory] {
	return mig.For[T, ipc.Right, ipc.Memory](row, mig.Reply)
}
