package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Destroy removes everything a name denotes, whatever it is. Historic mach_port_destroy.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME.
func (s *Space) Destroy(reap *sched.Reap, name mach.Name) mach.Return {
	e, ret := s.named(name)
	if e != nil {
		s.destroy(reap, e)
	}
	return ret
}

// Deallocate drops one reference of a send, send-once or dead-name right. Historic mach_port_deallocate.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_RIGHT, a pure receive right or a port set; KERN_INVALID_NAME,
// the name denotes nothing and the personality does not call that success (IPC-033).
func (s *Space) Deallocate(reap *sched.Reap, name mach.Name) mach.Return {
	e, ret := s.named(name)
	if e == nil {
		if ret == mach.KernInvalidName && s.node.pers.DeallocUnknownOK {
			return mach.KernSuccess
		}
		return ret
	}
	switch e.kind {
	case entrySend, entrySendReceive:
		s.dropSend(reap, e, 1)
	case entrySendOnce:
		s.destroy(reap, e)
	case entryDeadName:
		e.dropDead(1)
	default:
		return mach.KernInvalidRight
	}
	return mach.KernSuccess
}

// ModRefs changes the reference count of one right of a name. Historic mach_port_mod_refs.
//
// Errors, in this order: KERN_INVALID_VALUE, right code unknown; KERN_INVALID_TASK; KERN_INVALID_NAME;
// KERN_INVALID_RIGHT, the name lacks the right; KERN_INVALID_VALUE, the delta would make the count negative or is not
// possible for the right; KERN_UREFS_OVERFLOW.
func (s *Space) ModRefs(reap *sched.Reap, name mach.Name, right mach.RightCode, delta int32) mach.Return {
	if s.dead {
		return mach.KernInvalidTask
	}
	if right > mach.RightDeadName {
		return mach.KernInvalidValue
	}
	e, ret := s.named(name)
	if e == nil {
		return ret
	}
	if entryTypes[e.kind]&typeFor(right) == 0 {
		return mach.KernInvalidRight
	}
	if delta == 0 {
		return mach.KernSuccess
	}
	switch right {
	case mach.RightSend, mach.RightDeadName:
		return s.modCount(reap, e, right, int64(delta))
	}
	if delta != -1 {
		return mach.KernInvalidValue
	}
	if e.kind == entrySendReceive {
		s.dropReceive(reap, e)
	} else {
		s.destroy(reap, e)
	}
	return mach.KernSuccess
}

// modCount is ModRefs for the rights that have a count.
func (s *Space) modCount(reap *sched.Reap, e *entry, right mach.RightCode, delta int64) mach.Return {
	top := int64(mach.UrefsMaxSend)
	if right == mach.RightDeadName {
		top = mach.UrefsMaxDead
	}
	switch n := int64(e.urefs) + delta; {
	case n < 0:
		return mach.KernInvalidValue
	case n > top:
		return mach.KernUrefsOverflow
	case delta > 0:
		e.urefs = uint16(n)
		e.event(trace.RightInsert, right, int(delta))
	case right == mach.RightDeadName:
		e.dropDead(uint16(-delta))
	default:
		s.dropSend(reap, e, uint16(-delta))
	}
	return mach.KernSuccess
}

// GetRefs is the number of references a name has for one right, 0 if it lacks the right. Historic
// mach_port_get_refs.
//
// Errors: KERN_INVALID_VALUE, right code unknown; KERN_INVALID_TASK; KERN_INVALID_NAME.
func (s *Space) GetRefs(name mach.Name, right mach.RightCode) (uint32, mach.Return) {
	if s.dead {
		return 0, mach.KernInvalidTask
	}
	if right > mach.RightDeadName {
		return 0, mach.KernInvalidValue
	}
	e, ret := s.named(name)
	switch {
	case e == nil:
		return 0, ret
	case entryTypes[e.kind]&typeFor(right) == 0:
		return 0, mach.KernSuccess
	case right == mach.RightSend || right == mach.RightDeadName:
		return uint32(e.urefs), mach.KernSuccess
	}
	return 1, mach.KernSuccess
}

// dropSend takes n of a send right's references. With the last one the send right goes, and the name with
// it unless it denotes the receive right too; first no-senders, then port-deleted (IPC-175).
func (s *Space) dropSend(reap *sched.Reap, e *entry, n uint16) {
	e.event(trace.RightRelease, mach.RightSend, -int(n))
	if n < e.urefs {
		e.urefs -= n
		return
	}
	p := e.port
	p.touch()
	if e.kind == entrySendReceive {
		e.loseSend()
		p.dropSend(reap)
		return
	}
	gone := e.free()
	p.dropSend(reap)
	p.world.notifyDeleted(reap, gone)
}

// dropDead takes n of a dead name's references.
func (e *entry) dropDead(n uint16) {
	e.event(trace.RightRelease, mach.RightDeadName, -int(n))
	if e.urefs -= n; e.urefs == 0 {
		e.free()
	}
}

// dropReceive destroys the receive right of SEND+RECEIVE. The name becomes a dead name: its request, if
// any, fires as dead-name, and the send right is not counted down (IPC-035).
func (s *Space) dropReceive(reap *sched.Reap, e *entry) {
	p := e.port
	e.event(trace.RightRelease, mach.RightReceive, -1)
	e.loseReceive(reap)
	p.destroy(reap)
}

// destroy removes everything under a name, in the order of the historic ipc_right_destroy.
func (s *Space) destroy(reap *sched.Reap, e *entry) {
	w, p := s.node.world, e.port
	w.touchKernel()
	e.event(trace.RightRelease, e.rightCode(), -1)
	switch e.kind {
	case entryDeadName:
		e.free()
	case entryPortSet:
		set := e.set
		e.free()
		set.destroy()
	case entrySend:
		gone := e.free()
		p.dropSend(reap)
		w.notifyDeleted(reap, gone)
	case entrySendOnce:
		gone := e.free()
		w.notifySendOnce(reap, Right{p, SendOnceRight})
		w.notifyDeleted(reap, gone)
	case entryReceive:
		p.leave(reap)
		gone := e.free()
		p.destroy(reap)
		w.notifyDeleted(reap, gone)
	case entrySendReceive:
		notify, mscount, fire := p.dropSendCount()
		p.leave(reap)
		gone := e.free()
		p.destroy(reap)
		if fire {
			w.notifyNoSenders(reap, p, notify, mscount)
		}
		w.notifyDeleted(reap, gone)
	}
}
