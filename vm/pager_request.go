package vm

import (
	"fmt"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// What the kernel tells managers. Every message goes to the object port of an association, or to a
// reply right; it ignores the queue limit and never blocks (EMM-015, EMM-016). Those about an
// association are sent while the sender holds a paging reference or is the thread that ends it, so none
// can follow its terminate (EMM-045).

var (
	codecInit           = request[defs.MemoryObjectInit[ipc.Right]](defs.MemoryObjectInitRow)
	codecTerminate      = request[defs.MemoryObjectTerminate[ipc.Right]](defs.MemoryObjectTerminateRow)
	codecCopy           = request[defs.MemoryObjectCopy[ipc.Right]](defs.MemoryObjectCopyRow)
	codecDataRequest    = request[defs.MemoryObjectDataRequest[ipc.Right]](defs.MemoryObjectDataRequestRow)
	codecDataUnlock     = request[defs.MemoryObjectDataUnlock[ipc.Right]](defs.MemoryObjectDataUnlockRow)
	codecDataWrite      = request[defs.MemoryObjectDataWrite[ipc.Right, ipc.Memory]](defs.MemoryObjectDataWriteRow)
	codecDataReturn     = request[defs.MemoryObjectDataReturn[ipc.Right, ipc.Memory]](defs.MemoryObjectDataReturnRow)
	codecDataInitialize = request[defs.MemoryObjectDataInitialize[ipc.Right, ipc.Memory]](defs.MemoryObjectDataInitializeRow)
	codecLockCompleted  = request[defs.MemoryObjectLockCompleted[ipc.Right]](defs.MemoryObjectLockCompletedRow)
	codecSupplied       = request[defs.MemoryObjectSupplyCompleted[ipc.Right]](defs.MemoryObjectSupplyCompletedRow)
	codecChanged        = request[defs.MemoryObjectChangeCompleted[ipc.Right]](defs.MemoryObjectChangeCompletedRow)
	codecChangedCMU     = request[defs.MemoryObjectChangeCompletedCMU[ipc.Right]](defs.MemoryObjectChangeCompletedCMURow)
	codecSynchronize    = request[defs.MemoryObjectSynchronize[ipc.Right]](defs.MemoryObjectSynchronizeRow)
)

func request[T any](row *mig.Row) *mig.Codec[T, ipc.Right, ipc.Memory] {
	return mig.For[T, ipc.Right, ipc.Memory](row, mig.Request)
}

// form is the shape the host's messages have.
func (h *Host) form() mig.Form {
	return mig.Form{
		Set:      mig.Set(h.personality.MessageSet),
		WithName: h.personality.TerminateWithName,
	}
}

// send sends the message v states. It is consumed whatever becomes of it: the destination may have died.
func send[T any](h *Host, th *sched.Thread, c *mig.Codec[T, ipc.Right, ipc.Memory], v *T) {
	k := h.node.World().NewKmsg()
	if ret := c.Encode(v, &k.Message, h.form()); ret != mach.KernSuccess {
		panic(fmt.Sprintf("vm: %s cannot be sent by kernel %d: %v", c.Row(), h.node.ID(), ret))
	}
	h.node.Send(th, k)
}

// pagerRight is the destination of a message about the association.
func (a *association) pagerRight() ipc.Right { return ipc.CopySend(&a.pager) }

// controlRight is the control port as a message carries it: Null once the rights are gone.
func (a *association) controlRight() ipc.Right {
	if a.control.IsNull() {
		return ipc.Right{}
	}
	return ipc.MakeSend(&a.control)
}

func (h *Host) sendInit(th *sched.Thread, a *association) {
	m := defs.MemoryObjectInit[ipc.Right]{
		MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(), PageSize: h.pageSize,
	}
	if !a.name.IsNull() {
		m.MemoryObjectName = ipc.MakeSend(&a.name)
	}
	send(h, th, codecInit, &m)
}

// sendTerminate gives all rights of the association away.
func (h *Host) sendTerminate(th *sched.Thread, a *association) {
	send(h, th, codecTerminate, &defs.MemoryObjectTerminate[ipc.Right]{
		MemoryObject: a.pager.Take(), MemoryControl: a.control.Take(), MemoryObjectName: a.name.Take(),
	})
}

func (h *Host) sendDataRequest(th *sched.Thread, a *association, off mach.Offset, length mach.Size, access mach.Prot) {
	send(h, th, codecDataRequest, &defs.MemoryObjectDataRequest[ipc.Right]{
		MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(),
		Offset: off, Length: length, DesiredAccess: access,
	})
}

// sendDataUnlock asks for access to one page.
func (h *Host) sendDataUnlock(th *sched.Thread, a *association, off mach.Offset, access mach.Prot) {
	send(h, th, codecDataUnlock, &defs.MemoryObjectDataUnlock[ipc.Right]{
		MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(),
		Offset: off, Length: h.pageSize, DesiredAccess: access,
	})
}

func (h *Host) sendSynchronize(th *sched.Thread, a *association, off mach.Offset, length mach.Size, flags mach.SyncFlags) {
	send(h, th, codecSynchronize, &defs.MemoryObjectSynchronize[ipc.Right]{
		MemoryObject: a.pagerRight(), MemoryControl: a.controlRight(),
		Offset: off, Length: length, SyncFlags: flags,
	})
}

// sendCopy tells the manager that a range of its object is copied and gives it the receive right of the
// copy's port (CMU and GNU).
func (h *Host) sendCopy(th *sched.Thread, a *association, off mach.Offset, length mach.Size, port *ipc.Right) {
	send(h, th, codecCopy, &defs.MemoryObjectCopy[ipc.Right]{
		OldMemoryObject: a.pagerRight(), OldMemoryControl: a.controlRight(),
		Offset: off, Length: length, NewMemoryObject: port.Take(),
	})
}

func (h *Host) sendLockCompleted(th *sched.Thread, a *association, reply *ipc.Right, off mach.Offset, length mach.Size) {
	send(h, th, codecLockCompleted, &defs.MemoryObjectLockCompleted[ipc.Right]{
		MemoryObject: reply.Take(), MemoryControl: a.controlRight(),
		Offset: off, Length: length,
	})
}

func (h *Host) sendSupplyCompleted(th *sched.Thread, a *association, reply *ipc.Right, off mach.Offset, length mach.Size, result mach.Return, at mach.Offset) {
	send(h, th, codecSupplied, &defs.MemoryObjectSupplyCompleted[ipc.Right]{
		MemoryObject: reply.Take(), MemoryControl: a.controlRight(),
		Offset: off, Length: length, Result: result, ErrorOffset: at,
	})
}

// sendChangeCompleted carries a null control port if the association has ended (EMM-081).
func (h *Host) sendChangeCompleted(th *sched.Thread, a *association, reply *ipc.Right, flavor mach.Flavor) {
	m := defs.MemoryObjectChangeCompleted[ipc.Right]{
		MemoryObject: reply.Take(), Flavor: flavor,
	}
	if !a.broken() {
		m.MemoryControl = a.controlRight()
	}
	send(h, th, codecChanged, &m)
}

func (h *Host) sendChangeCompletedCMU(th *sched.Thread, reply *ipc.Right, mayCache bool, strategy mach.CopyStrategy) {
	send(h, th, codecChangedCMU, &defs.MemoryObjectChangeCompletedCMU[ipc.Right]{
		MemoryObject: reply.Take(),
		MayCache:     mayCache, CopyStrategy: strategy,
	})
}
