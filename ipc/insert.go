package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// InsertRight gives a naked right to the space under the caller's name. Historic mach_port_insert_right. It
// consumes the right if it succeeds, and leaves it to the caller otherwise: a failed request is destroyed
// with the rights in it (IPC-043, IPC-044).
//
// Errors, in this order: KERN_INVALID_VALUE, name NULL or DEAD; KERN_INVALID_CAPABILITY, the right is
// null or dead; KERN_INVALID_TASK; KERN_RIGHT_EXISTS, the space knows the port under another
// name; KERN_UREFS_OVERFLOW; KERN_NAME_EXISTS; KERN_NO_SPACE.
func (s *Space) InsertRight(reap *sched.Reap, name mach.Name, r *Right) mach.Return {
	switch k := r.Kind(); {
	case !name.Valid():
		return mach.KernInvalidValue
	case k == NullRight || k == DeadRight:
		return mach.KernInvalidCapability
	case s.dead:
		return mach.KernInvalidTask
	}
	p := r.port
	var known *entry
	if p.Alive() && r.kind != SendOnceRight {
		known = s.byPort[p]
	}
	switch {
	case known != nil && known.name != name:
		return mach.KernRightExists
	case known != nil && r.kind == SendRight && known.hasSend():
		if known.urefs == mach.UrefsMaxSend {
			return mach.KernUrefsOverflow
		}
	case known == nil && s.find(name) != nil:
		return mach.KernNameExists
	case !p.Alive():
		return mach.KernInvalidCapability
	}
	if known == nil {
		if known = s.place(name); known == nil {
			return mach.KernNoSpace
		}
	}
	s.settle(reap, known, r)
	return mach.KernSuccess
}

// ExtractRight takes a right out of the space as if the task had sent it with the given disposition; what
// the right is shows its kind. Historic mach_port_extract_right. A dead name gives Dead for COPY_SEND,
// MOVE_SEND and MOVE_SEND_ONCE.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_VALUE, disposition unknown; KERN_INVALID_NAME;
// KERN_INVALID_RIGHT, the name lacks what the disposition needs.
func (s *Space) ExtractRight(reap *sched.Reap, name mach.Name, disp mach.Disposition) (Right, mach.Return) {
	if s.dead {
		return Right{}, mach.KernInvalidTask
	}
	if !disp.Valid() {
		return Right{}, mach.KernInvalidValue
	}
	e, ret := s.named(name)
	if e == nil {
		return Right{}, ret
	}
	if !e.suits(disp, true) {
		return Right{}, mach.KernInvalidRight
	}
	r, gone := s.take(reap, e, disp)
	s.node.world.notifyDeleted(reap, gone)
	return r, mach.KernSuccess
}
