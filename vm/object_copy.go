package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// copyQuickly makes a symmetric copy of o, which only anonymous memory allows: both sides share o with
// one more reference, and whoever writes first inserts a shadow. The caller marks both entries
// needs-copy and takes the write permission from the range. Historic vm_object_copy_quickly.
func (o *Object) copyQuickly() bool {
	if o.strategy != mach.CopySymmetric {
		return false
	}
	o.reference()
	o.shadowed = true
	return true
}

// copyStrategically copies size bytes of o from off on as its manager wants it. The result is an object
// with one reference for the caller, the offset of the copy in it, and whether the copy must be mapped
// needs-copy. It waits, interruptibly, until the manager has said how. Historic vm_object_copy_strategically.
//
//	KERN_MEMORY_RESTART_COPY  the object is symmetric: copy quickly
//	MACH_SEND_INTERRUPTED     the thread was aborted
//	DestroyedFaultCode        the manager is gone and had not said how, or its pages are needed now
//
// and whatever a fault returns, where the pages are copied now.
func (o *Object) copyStrategically(th *sched.Thread, off mach.Offset, size mach.Size) (*Object, mach.Offset, bool, mach.Return) {
	if !o.internal && o.awaitReady(th, true) == sched.Interrupted {
		return nil, 0, false, mach.SendInterrupted
	}
	switch o.strategy {
	case mach.CopyNone:
		n, ret := o.copySlowly(th, off, size, true)
		return n, 0, false, ret
	case mach.CopyCall:
		n, ret := o.copyCall(th, off, size)
		return n, 0, false, ret
	case mach.CopyDelay:
		n, ret := o.copyDelayed(th, off, size)
		return n, off, true, ret
	case mach.CopySymmetric:
		return nil, 0, false, mach.KernMemoryRestartCopy
	}
	return nil, 0, false, o.host.personality.DestroyedFaultCode
}

// copySlowly fetches and copies size bytes of o from off on now, page by page, into a new object.
// Historic vm_object_copy_slowly.
//
//	KERN_INVALID_ARGUMENT  size is 0
//	MACH_SEND_INTERRUPTED  interruptible, and the thread was aborted; or it was killed while memory was short
//
// and whatever a fault returns.
func (o *Object) copySlowly(th *sched.Thread, off mach.Offset, size mach.Size, interruptible bool) (*Object, mach.Return) {
	h := o.host
	if size == 0 {
		return nil, mach.KernInvalidArgument
	}
	n := h.newAnonymous(size)
	for at := mach.Offset(0); mach.Size(at) < size; {
		r := h.faultPage(th, faultArgs{
			object: o, offset: off + at, access: mach.ProtRead, prot: mach.ProtRead,
			lo: off, hi: off + mach.Offset(size), behavior: mach.BehaviorSequential, interruptible: interruptible,
		})
		ret := mach.KernSuccess
		switch r.outcome {
		case faultSuccess:
			p := h.grabPage(th)
			if p != nil {
				h.copyPage(p, r.page)
				n.insert(p, at)
				p.activate()
				p.done()
				at += mach.Offset(h.pageSize)
			}
			r.page.settle()
			h.endFault(&r)
			if p == nil && h.waitForPage(th) {
				ret = mach.SendInterrupted
			}
		case faultRetry:
		case faultMemoryShortage:
			if h.waitForPage(th) {
				ret = mach.SendInterrupted
			}
		case faultInterrupted:
			ret = mach.SendInterrupted
		case faultError:
			ret = r.code
		}
		if ret != mach.KernSuccess {
			n.release(th)
			return nil, ret
		}
	}
	return n, mach.KernSuccess
}

// copyDelayed makes an asymmetric copy of o: an object above it, into which the original of a page is
// pushed before it changes. The newest copy stands between o and the older ones, which see through it
// what is pushed (VM-147 to VM-149). No page is asked for (EMM-203). Historic vm_object_copy_delayed.
//
// It waits, interruptibly, for activities on o to cease: a fault under way might let a write through.
func (o *Object) copyDelayed(th *sched.Thread, off mach.Offset, size mach.Size) (*Object, mach.Return) {
	h := o.host
	need := mach.Size(off) + size
	n := o.copy
	if n != nil && n.residentCount == 0 && !n.phase.created() {
		n.reference()
		n.size = max(n.size, need)
	} else {
		older := n
		if older != nil {
			need = max(need, older.size) // it receives the pushes for the older ones too
		}
		n = h.newAnonymous(need)
		if older != nil {
			// The reference that older had on o is now n's.
			older.shadow = n
			n.refs++
		} else {
			o.reference()
		}
		n.shadow, n.shadowed = o, true
		o.copy = n
	}
	if o.waitIdle(th, true) == sched.Interrupted {
		n.release(th)
		return nil, mach.SendInterrupted
	}
	for p := o.first; p != nil; p = p.mnext {
		if p.contents == pageData {
			h.pageProtect(p, mach.ProtAll&^mach.ProtWrite)
		}
	}
	return n, mach.KernSuccess
}

// copyCall lets the manager of o copy size bytes from off on: it gets a port for the copy, after the
// modified pages of the range. The result is the object of that port (CMU and GNU). Historic
// vm_object_copy_call.
func (o *Object) copyCall(th *sched.Thread, off mach.Offset, size mach.Size) (*Object, mach.Return) {
	h, a := o.host, o.assoc
	if a == nil {
		return nil, h.personality.DestroyedFaultCode
	}
	o.beginPaging()
	interrupted := o.lockRequest(th, lockArgs{
		assoc: a, offset: off, size: size.Round(h.pageSize),
		pick: mach.ReturnDirty, lock: mach.ProtWrite,
	})
	if interrupted || a.broken() {
		o.endPaging()
		if interrupted {
			return nil, mach.SendInterrupted
		}
		return nil, h.personality.DestroyedFaultCode
	}
	receive := h.node.NewPort()
	port := ipc.MakeSend(&receive)
	h.sendCopy(th, a, off+o.pagingOffset, size, &receive)
	o.endPaging()
	n, ret := h.enter(th, &port, size)
	ipc.Release(&th.Reap, &port)
	if ret == mach.KernSuccess && n == nil {
		ret = mach.KernInvalidObject
	}
	return n, ret
}
