package vm

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// The control calls that act on pages. Each of them checks its arguments first: a call that is rejected
// changes nothing and sends no completion.

// dataSupply is memory_object_data_supply.
//
//	KERN_INVALID_ARGUMENT  no object; an offset inside a page, or that wraps; lock bits that are none; a
//	                       partial last page where the personality rejects it; rejected without completion
//	KERN_MEMORY_PRESENT    a page was not accepted
func (c *controlCall) dataSupply(m *defs.MemoryObjectDataSupply[ipc.Right, ipc.Memory]) mach.Return {
	if !c.takeReply(&m.ReplyTo) {
		return mach.KernInvalidArgument
	}
	data, ok := m.Data.(*Copy)
	o, h := c.object, c.host
	length := mach.Size(0)
	if ok {
		length = data.Size()
	}
	switch {
	case o == nil,
		m.Data != nil && !ok,
		!m.Offset.Aligned(h.pageSize) || m.Offset+mach.Offset(length) < m.Offset,
		!m.LockValue.Valid(),
		!length.Aligned(h.pageSize) && h.personality.SupplyPartialPage == personality.PartialReject:
		return mach.KernInvalidArgument
	}
	m.Data = nil
	o.beginPaging()
	result, at := o.supply(c.th, supplyArgs{
		assoc: c.assoc, offset: m.Offset, data: data, lock: m.LockValue, precious: m.Precious,
	})
	if c.replies() && (result == mach.KernSuccess || result == mach.KernMemoryPresent) {
		h.sendSupplyCompleted(c.th, c.assoc, &c.reply, m.Offset, length, result, at)
	}
	o.endPaging()
	return result
}

// dataProvided is the oldest form of dataSupply.
func (c *controlCall) dataProvided(m *defs.MemoryObjectDataProvided[ipc.Right, ipc.Memory]) mach.Return {
	s := defs.MemoryObjectDataSupply[ipc.Right, ipc.Memory]{Offset: m.Offset, Data: m.Data, LockValue: m.LockValue}
	m.Data = nil
	ret := c.dataSupply(&s)
	m.Data = s.Data
	return ret
}

// dataUnavailable is memory_object_data_unavailable.
//
// KERN_INVALID_ARGUMENT: no object, or a range that is not made of whole pages.
func (c *controlCall) dataUnavailable(m *defs.MemoryObjectDataUnavailable[ipc.Right]) mach.Return {
	if c.object == nil || !m.Size.Aligned(c.host.pageSize) || !m.Offset.Aligned(c.host.pageSize) {
		return mach.KernInvalidArgument
	}
	start, end := c.object.span(m.Offset, m.Size)
	c.object.unavailable(start, end)
	return mach.KernSuccess
}

// dataError is memory_object_data_error.
//
// KERN_INVALID_ARGUMENT: no object, or a range that is not made of whole pages.
func (c *controlCall) dataError(m *defs.MemoryObjectDataError[ipc.Right]) mach.Return {
	if c.object == nil || !m.Size.Aligned(c.host.pageSize) || !m.Offset.Aligned(c.host.pageSize) {
		return mach.KernInvalidArgument
	}
	start, end := c.object.span(m.Offset, m.Size)
	c.object.fail(start, end, m.ErrorValue)
	return mach.KernSuccess
}

// lockRequest is memory_object_lock_request.
//
//	KERN_INVALID_ARGUMENT  no object, an unknown way of returning, or a lock that is neither a set of
//	                       accesses nor no-change; rejected without completion
//	KERN_ABORTED           the thread was aborted while the call waited for a page; no completion
func (c *controlCall) lockRequest(m *defs.MemoryObjectLockRequest[ipc.Right]) mach.Return {
	if !c.takeReply(&m.ReplyTo) {
		return mach.KernInvalidArgument
	}
	o, h := c.object, c.host
	if o == nil || !m.ShouldReturn.Valid() || !m.LockValue.Valid() && m.LockValue != mach.ProtNoChange {
		return mach.KernInvalidArgument
	}
	size := m.Size.Round(h.pageSize)
	if size < m.Size {
		size = m.Size.Trunc(h.pageSize)
	}
	start, end := o.span(m.Offset.Trunc(h.pageSize), size)
	o.beginPaging()
	interrupted := o.lockRequest(c.th, lockArgs{
		assoc: c.assoc, offset: start, size: mach.Size(end - start),
		pick: m.ShouldReturn, flush: m.ShouldFlush, lock: m.LockValue,
	})
	if c.replies() && !interrupted {
		length := m.Size
		if h.personality.LockCompletedLength == personality.LengthRounded {
			length = size
		}
		h.sendLockCompleted(c.th, c.assoc, &c.reply, m.Offset, length)
	}
	o.endPaging()
	if interrupted {
		return mach.KernAborted
	}
	return mach.KernSuccess
}

// lockRequestOld is the form of lockRequest that knows no precious pages.
func (c *controlCall) lockRequestOld(m *defs.MemoryObjectLockRequestOld[ipc.Right]) mach.Return {
	n := defs.MemoryObjectLockRequest[ipc.Right]{
		Offset: m.Offset, Size: m.Size, ShouldFlush: m.ShouldFlush, LockValue: m.LockValue, ReplyTo: m.ReplyTo.Take(),
	}
	if m.ShouldClean {
		n.ShouldReturn = mach.ReturnDirty
	}
	return c.lockRequest(&n)
}

// synchronizeCompleted is memory_object_synchronize_completed.
//
// KERN_INVALID_ARGUMENT: no object, or no synchronize with this range is outstanding.
func (c *controlCall) synchronizeCompleted(m *defs.MemoryObjectSynchronizeCompleted[ipc.Right]) mach.Return {
	if c.object == nil {
		return mach.KernInvalidArgument
	}
	return c.object.synchronizeCompleted(m.Offset, m.Length)
}
