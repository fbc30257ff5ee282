package pagers

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Attributes are the attributes of a memory object; Ready is implied.
type Attributes = defs.ObjectAttributes

// What a manager asks of a kernel. A control port is the kernel's until terminate has been received, and
// then does not hold up its senders; a port that only pretends to be one, or is closed, queues like any
// other. So every message is sent without waiting: what the queue has no room for is given up, which the
// code MACH_SEND_TIMED_OUT tells. A manager that waited there could wait for itself.
var (
	supplyCodec        = user.CodecFor[defs.MemoryObjectDataSupply[mach.Name, mach.Region]](defs.MemoryObjectDataSupplyRow, mig.Request)
	unavailableCodec   = user.CodecFor[defs.MemoryObjectDataUnavailable[mach.Name]](defs.MemoryObjectDataUnavailableRow, mig.Request)
	errorCodec         = user.CodecFor[defs.MemoryObjectDataError[mach.Name]](defs.MemoryObjectDataErrorRow, mig.Request)
	lockCodec          = user.CodecFor[defs.MemoryObjectLockRequest[mach.Name]](defs.MemoryObjectLockRequestRow, mig.Request)
	destroyCodec       = user.CodecFor[defs.MemoryObjectDestroy[mach.Name]](defs.MemoryObjectDestroyRow, mig.Request)
	syncCompletedCodec = user.CodecFor[defs.MemoryObjectSynchronizeCompleted[mach.Name]](defs.MemoryObjectSynchronizeCompletedRow, mig.Request)
)

func try[T any](c *Call, codec *user.Codec[T], v *T) mach.Return {
	if c.Server.faults != nil {
		return say(c, codec, v)
	}
	return user.TrySend(c.Thread, codec, v, 0)
}

// Supply says how data is supplied.
type Supply struct {
	Offset   mach.Offset
	Data     []byte // whole pages
	Lock     mach.Prot
	Precious bool
	ReplyTo  mach.Name // receive right that gets supply_completed; null: nobody is told
}

// DataSupply answers a data_request with data. The data is put into fresh memory, which leaves the task
// with the message.
func (c *Call) DataSupply(control mach.Name, s Supply) mach.Return {
	r, ret := user.StoreNew(c.Thread, s.Data)
	if ret != mach.KernSuccess {
		return ret
	}
	return c.supply(control, &s, r, false)
}

// DataUnavailable answers a data_request: there is nothing; the kernel provides zeros or what lies below.
func (c *Call) DataUnavailable(control mach.Name, off mach.Offset, size mach.Size) mach.Return {
	return try(c, unavailableCodec, &defs.MemoryObjectDataUnavailable[mach.Name]{MemoryControl: control, Offset: off, Size: size})
}

// DataError answers a data_request: the pages cannot be provided.
func (c *Call) DataError(control mach.Name, off mach.Offset, size mach.Size, reason mach.Return) mach.Return {
	return try(c, errorCodec, &defs.MemoryObjectDataError[mach.Name]{MemoryControl: control, Offset: off, Size: size, ErrorValue: reason})
}

// Lock is the rest of a lock_request.
type Lock struct {
	Offset  mach.Offset
	Size    mach.Size
	Return  mach.ShouldReturn
	Flush   bool
	Value   mach.Prot // accesses to prohibit; none allows all
	ReplyTo mach.Name // receive right that gets lock_completed; null: nobody is told
}

// LockRequest controls resident pages: returns, flushes, locks or unlocks them.
func (c *Call) LockRequest(control mach.Name, l Lock) mach.Return {
	if ret, said := c.oldLock(control, l); said {
		return ret
	}
	return try(c, lockCodec, &defs.MemoryObjectLockRequest[mach.Name]{MemoryControl: control, Offset: l.Offset, Size: l.Size,
		ShouldReturn: l.Return, ShouldFlush: l.Flush, LockValue: l.Value, ReplyTo: l.ReplyTo})
}

// DestroyObject ends the association; terminate follows.
func (c *Call) DestroyObject(control mach.Name, reason mach.Return) mach.Return {
	return try(c, destroyCodec, &defs.MemoryObjectDestroy[mach.Name]{MemoryControl: control, Reason: reason})
}

// SynchronizeCompleted answers a synchronize with the same range.
func (c *Call) SynchronizeCompleted(control mach.Name, off mach.Offset, size mach.Size) mach.Return {
	return try(c, syncCompletedCodec, &defs.MemoryObjectSynchronizeCompleted[mach.Name]{MemoryControl: control, Offset: off, Length: size})
}

// Release gives up one reference of a send right, such as that of the control port in a message. Null and
// dead names are nothing to release.
func (c *Call) Release(port mach.Name) {
	if port.Valid() {
		user.MachPortDeallocate(c.Thread, user.Self(c.Thread), port)
	}
}

// DestroyPort gives up everything the task has under a name: what a manager does with a control port after
// terminate (EMM-055).
func (c *Call) DestroyPort(port mach.Name) {
	if port.Valid() {
		user.MachPortDestroy(c.Thread, user.Self(c.Thread), port)
		c.Server.forget(c.Thread, port)
	}
}

// Deallocate gives up memory that came with a message.
func (c *Call) Deallocate(r mach.Region) { user.Deallocate(c.Thread, r) }

// Drain receives what was sent to a control port in vain, after terminate has brought its receive right.
// A routine is answered with KERN_INVALID_ARGUMENT, as the kernel would have answered, so that the thread
// that waits goes on; everything else a message carries is given up. keep, if there is one, sees each
// message first and may take what it carries by returning true. The result is how many there were.
func (c *Call) Drain(control mach.Name, keep func(*mach.UserMessage) bool) int {
	var m, out mach.UserMessage
	for n := 0; ; n++ {
		if ret := user.TryReceive(c.Thread, &m, control, 0); ret.Base() != mach.RcvBodyError && ret != mach.KernSuccess {
			return n
		}
		if keep != nil && keep(&m) {
			continue
		}
		row := defs.Registry(c.Thread.Form().Set).Request(m.ID)
		if row != nil && row.Kind == mig.Routine && m.Remote.Valid() {
			mig.PutReturn(&out, m.ID, mach.KernInvalidArgument)
			out.Remote, out.RemoteDisp = m.Remote, m.RemoteDisp
			if user.Msg(c.Thread, &out, mach.SendMsg|mach.SendTimeout, 0, mach.NameNull, 0, mach.NameNull) == mach.KernSuccess {
				m.Remote, m.RemoteDisp = mach.NameNull, mach.DispNone
			}
		}
		user.Destroy(c.Thread, &m)
	}
}
