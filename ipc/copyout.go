package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// copyout gives a right to the space under a name of its own or of the kernel's choice, and consumes it.
// created says that the name is new. Null and Dead, and rights of a port that has died, give NULL and DEAD. If
// the space is dead or its table full the right is released and ok is false. Historic ipc_object_copyout.
func (s *Space) copyout(reap *sched.Reap, r *Right) (name mach.Name, created *entry, ok bool) {
	switch {
	case r.Kind() == NullRight:
		return mach.NameNull, nil, true
	case r.IsDead():
		Release(reap, r)
		return mach.NameDead, nil, true
	case s.dead:
		Release(reap, r)
		return mach.NameNull, nil, false
	}
	var e *entry
	if r.kind != SendOnceRight {
		e = s.byPort[r.port]
	}
	if e == nil {
		if e = s.generate(); e == nil {
			Release(reap, r)
			return mach.NameNull, nil, false
		}
		created = e
	}
	s.settle(reap, e, r)
	return e.name, created, true
}

// settle puts a live right into an entry that is fresh or is the space's name for its port, and consumes it. A
// send right that joins others adds a reference, up to the greatest count (IPC-028).
func (s *Space) settle(reap *sched.Reap, e *entry, r *Right) {
	t := r.Take()
	p := t.port
	p.touch()
	switch t.kind {
	case SendRight:
		if !e.hasSend() {
			e.makeSend(p, 1)
			e.event(trace.RightInsert, mach.RightSend, 1)
			return
		}
		if e.urefs < mach.UrefsMaxSend {
			e.urefs++
		}
		e.event(trace.RightInsert, mach.RightSend, 1)
		p.dropSend(reap) // two rights have become one; the name still holds one
	case SendOnceRight:
		e.makeSendOnce(p)
		e.event(trace.RightInsert, mach.RightSendOnce, 1)
	case ReceiveRight:
		p.world.touchKernel()
		p.leave(reap) // a destination, if it had one, no longer counts
		e.makeReceive(p)
		e.event(trace.RightInsert, mach.RightReceive, 1)
	}
}

// copyoutDest consumes the destination right of a message that is being received, and returns the field that shows it: the
// space's name for the port, NULL if the receive right has meanwhile left the space, DEAD if the port died
// (IPC-136). Historic ipc_object_copyout_dest.
func (s *Space) copyoutDest(reap *sched.Reap, r *Right) mach.Name {
	t := r.Take()
	p := t.port
	if p == nil || !p.Alive() {
		return mach.NameDead
	}
	p.touch()
	name := mach.NameNull
	if at, ok := p.state.(InSpace); ok && at.entry.space == s {
		name = at.entry.name
	}
	switch {
	case t.kind == SendRight:
		p.dropSend(reap)
	case name != mach.NameNull:
		p.sorights--
	default:
		p.world.notifySendOnce(reap, t)
	}
	return name
}

// copyoutHeader gives the reply right to the receiver and consumes the destination right. notify, if not
// nil, is the port that a dead-name request on a newly created reply name is to notify (IPC-133).
//
// Errors: MACH_RCV_HEADER_ERROR with MACH_MSG_IPC_SPACE; the reply right is gone then and the destination
// right is still in k. Historic ipc_kmsg_copyout_header.
func (s *Space) copyoutHeader(reap *sched.Reap, k *Kmsg, m *mach.UserMessage, notify *Port) mach.Return {
	reply, created, ok := s.copyout(reap, &k.Message.Local)
	k.Message.Local = Right{}
	if !ok {
		return mach.RcvHeaderError | mach.MsgIPCSpace
	}
	if created != nil && notify != nil {
		created.register(notify.newSendOnce())
	}
	m.RemoteDisp, m.LocalDisp = k.Message.LocalDisp, k.Message.RemoteDisp
	m.Remote = reply
	m.Local = s.copyoutDest(reap, &k.Message.Remote)
	k.Message.Remote = Right{}
	return mach.KernSuccess
}
