package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// QoS is the quality-of-service argument of port allocation. Historic mach_port_qos_t.
type QoS struct {
	Name bool // the caller chose the name
	RT   bool // real-time port
}

// Allocate makes a receive right, port set or dead name under a name of the kernel's choice. Historic
// mach_port_allocate. A receive right has no-senders detection unless right is RightReceiveNoNMS or the
// personality says that plain ports lack it (IPC-020).
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_VALUE, right is SEND, SEND_ONCE or unknown; KERN_NO_SPACE.
func (s *Space) Allocate(right mach.RightCode) (mach.Name, mach.Return) {
	return s.allocate(right, mach.NameNull, false, !s.node.pers.PlainPortsNoNMS)
}

// AllocateName is Allocate with the caller's name. Historic mach_port_allocate_name. The port has no-senders
// detection.
//
// Further errors: KERN_INVALID_VALUE, name NULL or DEAD; KERN_NAME_EXISTS.
func (s *Space) AllocateName(right mach.RightCode, name mach.Name) mach.Return {
	_, ret := s.allocate(right, name, true, true)
	return ret
}

// AllocateQoS is Allocate under a quality of service, which may say to use name. Historic
// mach_port_allocate_qos.
//
// Further errors: KERN_INVALID_VALUE, a chosen name is NULL or DEAD, or real time for anything but a
// receive right; KERN_INVALID_ARGUMENT, real time, which this kernel lacks.
func (s *Space) AllocateQoS(right mach.RightCode, qos QoS, name mach.Name) (mach.Name, mach.Return) {
	return s.AllocateFull(right, false, qos, name)
}

// AllocateFull is the superset of the others. A subsystem binds the port to an RPC subsystem, which has no
// effect here. Historic mach_port_allocate_full.
//
// Further errors: KERN_INVALID_VALUE, a subsystem with anything but a receive right.
func (s *Space) AllocateFull(right mach.RightCode, subsystem bool, qos QoS, name mach.Name) (mach.Name, mach.Return) {
	switch {
	case s.dead:
		return mach.NameNull, mach.KernInvalidTask
	case qos.Name && !name.Valid(), (qos.RT || subsystem) && right != mach.RightReceive:
		return mach.NameNull, mach.KernInvalidValue
	case qos.RT:
		return mach.NameNull, mach.KernInvalidArgument
	}
	return s.allocate(right, name, qos.Name, true)
}

// AllocateReply is the trap mach_reply_port: a receive right with detection, or NULL on any failure.
func (s *Space) AllocateReply() mach.Name {
	name, _ := s.allocate(mach.RightReceive, mach.NameNull, false, true)
	return name
}

func (s *Space) allocate(right mach.RightCode, name mach.Name, named, nms bool) (mach.Name, mach.Return) {
	switch {
	case s.dead:
		return mach.NameNull, mach.KernInvalidTask
	case named && !name.Valid():
		return mach.NameNull, mach.KernInvalidValue
	}
	switch right {
	case mach.RightReceive, mach.RightPortSet, mach.RightDeadName:
	case mach.RightReceiveNoNMS:
		nms = false
	default:
		return mach.NameNull, mach.KernInvalidValue
	}
	var e *entry
	if named {
		if s.find(name) != nil {
			return mach.NameNull, mach.KernNameExists
		}
		e = s.place(name)
	} else {
		e = s.generate()
	}
	if e == nil {
		return mach.NameNull, mach.KernNoSpace
	}
	switch right {
	case mach.RightPortSet:
		w := s.node.world
		w.sched.Touch(sched.ResourceIDs, 0, true)
		w.lastPort++
		e.makeSet(&PortSet{space: s, id: w.lastPort})
	case mach.RightDeadName:
		e.makeDeadName(1)
	default:
		p := s.node.world.newPort()
		p.nms = nms
		e.makeReceive(p)
	}
	return e.name, mach.KernSuccess
}

// Names lists all live names and what they denote, as Type answers: ascending index, then the names beside
// the table. Historic mach_port_names.
//
// Errors: KERN_INVALID_TASK.
func (s *Space) Names() ([]mach.Name, []mach.TypeBits, mach.Return) {
	if s.dead {
		return nil, nil, mach.KernInvalidTask
	}
	names := make([]mach.Name, 0, s.count)
	types := make([]mach.TypeBits, 0, s.count)
	for e := range s.all() {
		names = append(names, e.name)
		types = append(types, e.typeBits())
	}
	return names, types, mach.KernSuccess
}

// Type says what a name denotes, and whether a request is registered on it. Historic mach_port_type.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME.
func (s *Space) Type(name mach.Name) (mach.TypeBits, mach.Return) {
	e, ret := s.named(name)
	if e == nil {
		return mach.TypeNone, ret
	}
	return e.typeBits(), mach.KernSuccess
}

// named finds the entry a port call is about.
func (s *Space) named(name mach.Name) (*entry, mach.Return) {
	if s.dead {
		return nil, mach.KernInvalidTask
	}
	e := s.find(name)
	if e == nil {
		return nil, mach.KernInvalidName
	}
	return e, mach.KernSuccess
}

// receiveRight finds the entry of a receive right a port call is about.
func (s *Space) receiveRight(name mach.Name) (*entry, mach.Return) {
	e, ret := s.named(name)
	if e != nil && !e.hasReceive() {
		return nil, mach.KernInvalidRight
	}
	return e, ret
}

// Rename moves an entry with its references and requests to another name. Historic mach_port_rename.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_VALUE, to is NULL or DEAD; KERN_NAME_EXISTS, to is in use, also
// by the entry itself; KERN_INVALID_NAME, from denotes nothing.
func (s *Space) Rename(from, to mach.Name) mach.Return {
	switch {
	case s.dead:
		return mach.KernInvalidTask
	case !to.Valid():
		return mach.KernInvalidValue
	case s.find(to) != nil:
		return mach.KernNameExists
	}
	e := s.find(from)
	if e == nil {
		return mach.KernInvalidName
	}
	s.release(e)
	e.name = to
	s.hold(e)
	e.event(trace.RightRename, e.rightCode(), 0)
	return mach.KernSuccess
}

// CopyoutSend gives a send right to the space and consumes it, as the traps mach_task_self and its like do.
// Every other kind of right is taken too. Null and Dead give NULL and DEAD.
//
// Errors: KERN_INVALID_TASK, KERN_NO_SPACE; the right is released.
func (s *Space) CopyoutSend(reap *sched.Reap, r *Right) (mach.Name, mach.Return) {
	return s.Copyout(reap, r)
}

// Copyout gives a right to the space and consumes it; see CopyoutSend. Historic ipc_object_copyout.
func (s *Space) Copyout(reap *sched.Reap, r *Right) (mach.Name, mach.Return) {
	name, _, ok := s.copyout(reap, r)
	switch {
	case ok:
		return name, mach.KernSuccess
	case s.dead:
		return mach.NameNull, mach.KernInvalidTask
	}
	return mach.NameNull, mach.KernNoSpace
}
