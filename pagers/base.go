package pagers

import (
	"machvm/kernel/mach"
)

// Base is a complete manager of memory that nobody stores: an object reads as zeros, pages that come back
// are forgotten, every access is granted. Embed it and replace what should be otherwise. Its methods show
// the duties that come with each message: one reference of the control port is released, the memory is
// deallocated, and terminate ends with the control port destroyed.
type Base struct{}

// Init makes the object ready: copies are delayed, nothing is cached.
func (Base) Init(c *Call, m *Init) mach.Return {
	c.Ready(m.MemoryControl, Attributes{CopyStrategy: mach.CopyDelay})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// Terminate drains the control port and destroys it.
func (Base) Terminate(c *Call, m *Terminate) mach.Return {
	c.Drain(m.MemoryControl, nil)
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	return mach.KernSuccess
}

// Copy declines to manage the copy: its port dies, and what was not copied yet is lost to it.
func (Base) Copy(*Call, *Copy) mach.Return { return mach.KernFailure }

// DataRequest says that there is no data, which the kernel takes for zeros.
func (Base) DataRequest(c *Call, m *DataRequest) mach.Return {
	c.DataUnavailable(m.MemoryControl, m.Offset, m.Length)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataUnlock grants the access.
func (Base) DataUnlock(c *Call, m *DataUnlock) mach.Return {
	c.LockRequest(m.MemoryControl, Lock{Offset: m.Offset, Size: m.Length})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataWrite forgets the data.
func (Base) DataWrite(c *Call, m *DataWrite) mach.Return {
	c.Deallocate(m.Data)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// LockCompleted takes notice.
func (Base) LockCompleted(c *Call, m *LockCompleted) mach.Return {
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// SupplyCompleted takes notice.
func (Base) SupplyCompleted(c *Call, m *SupplyCompleted) mach.Return {
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataReturn forgets the data.
func (Base) DataReturn(c *Call, m *DataReturn) mach.Return {
	c.Deallocate(m.Data)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// ChangeCompletedCMU takes notice.
func (Base) ChangeCompletedCMU(*Call, *ChangeCompletedCMU) mach.Return { return mach.KernSuccess }

// Synchronize says that everything returned before is stored.
func (Base) Synchronize(c *Call, m *Synchronize) mach.Return {
	c.SynchronizeCompleted(m.MemoryControl, m.Offset, m.Length)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// ChangeCompleted takes notice; the control port is null if the change ended the association.
func (Base) ChangeCompleted(c *Call, m *ChangeCompleted) mach.Return {
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DiscardRequest takes notice. A manager that asked for such messages answers with memory_object_discard_reply.
func (Base) DiscardRequest(c *Call, m *DiscardRequest) mach.Return {
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// Create declines: only a default manager is offered objects.
func (Base) Create(*Call, *Create) mach.Return { return mach.KernFailure }

// DataInitialize forgets the data.
func (Base) DataInitialize(c *Call, m *DataInitialize) mach.Return {
	c.Deallocate(m.Data)
	c.Release(m.MemoryControlPort)
	return mach.KernSuccess
}

// PortDeleted takes notice.
func (Base) PortDeleted(*Call, *PortDeleted) mach.Return { return mach.KernSuccess }

// PortDestroyed declines the receive right that it could save, so that the port dies.
func (Base) PortDestroyed(*Call, *PortDestroyed) mach.Return { return mach.KernFailure }

// NoSenders takes notice.
func (Base) NoSenders(*Call, *NoSenders) mach.Return { return mach.KernSuccess }

// SendOnce takes notice: a reply that will never come.
func (Base) SendOnce(*Call, *SendOnce) mach.Return { return mach.KernSuccess }

// DeadName releases the reference of the dead name that came with the notification.
func (Base) DeadName(c *Call, m *DeadName) mach.Return {
	c.Release(m.Name)
	return mach.KernSuccess
}

// Other declines, so that the server destroys what the message carries.
func (Base) Other(*Call) mach.Return { return mach.MigBadID }

var _ Handler = Base{}
