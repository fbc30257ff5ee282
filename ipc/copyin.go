package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// suits reports whether a right can be taken from the name with disposition d. A dead name suits the
// dispositions of send and send-once rights where deadOK says so: the right travels as Dead. Historic
// ipc_right_copyin_check.
func (e *entry) suits(d mach.Disposition, deadOK bool) bool {
	switch d {
	case mach.MoveReceive, mach.MakeSend, mach.MakeSendOnce:
		return e.hasReceive()
	case mach.MoveSend, mach.CopySend:
		return e.hasSend() || deadOK && e.kind == entryDeadName
	case mach.MoveSendOnce:
		return e.kind == entrySendOnce || deadOK && e.kind == entryDeadName
	}
	return false
}

// take takes a right from a name that suits d. If the name goes, its dead-name request comes back for the
// caller to answer. Historic ipc_right_copyin.
func (s *Space) take(reap *sched.Reap, e *entry, d mach.Disposition) (r Right, gone deletion) {
	if e.kind == entryDeadName {
		if d != mach.CopySend {
			e.dropDead(1)
		}
		return DeadValue(), gone
	}
	p := e.port
	p.touch()
	switch d {
	case mach.MoveSend:
		e.event(trace.RightExtract, mach.RightSend, -1)
	case mach.MoveSendOnce:
		e.event(trace.RightExtract, mach.RightSendOnce, -1)
	case mach.MoveReceive:
		e.event(trace.RightExtract, mach.RightReceive, -1)
	}
	switch d {
	case mach.MakeSend:
		p.mscount++
		return p.newSend(), gone
	case mach.MakeSendOnce:
		return p.newSendOnce(), gone
	case mach.CopySend:
		return p.newSend(), gone
	case mach.MoveSend:
		switch {
		case e.urefs > 1:
			e.urefs--
			return p.newSend(), gone
		case e.kind == entrySendReceive:
			e.loseSend()
		default:
			gone = e.free()
		}
		return Right{p, SendRight}, gone
	case mach.MoveSendOnce:
		gone = e.free()
		return Right{p, SendOnceRight}, gone
	}
	// MOVE_RECEIVE
	if e.kind == entrySendReceive {
		e.loseReceive(reap)
	} else {
		p.leave(reap)
		gone = e.free()
	}
	p.move(reap)
	return Right{p, ReceiveRight}, gone
}

// copyinHeader takes the destination and the reply right of a message, or neither. The destination
// must be live. With cancel, the port-deleted that the loss of the destination name would cause is not sent
// if it would go to that port. Historic ipc_kmsg_copyin_header.
//
// Errors: MACH_SEND_INVALID_HEADER, MACH_SEND_INVALID_DEST, MACH_SEND_INVALID_REPLY.
func (s *Space) copyinHeader(reap *sched.Reap, k *Kmsg, m *mach.UserMessage, cancel *Port) mach.Return {
	dd, rd := m.RemoteDisp, m.LocalDisp
	de := s.find(m.Remote)
	if de == nil {
		return mach.SendInvalidDest
	}
	if !m.Local.Valid() {
		if !de.suits(dd, false) {
			return mach.SendInvalidDest
		}
		k.Message.Local = Right{}
		if m.Local == mach.NameDead {
			k.Message.Local = DeadValue()
		}
		r, gone := s.take(reap, de, dd)
		k.Message.Remote = r
		s.answerDeletion(reap, gone, cancel)
	} else {
		re := s.find(m.Local)
		switch {
		case re == nil || !re.suits(rd, true):
			return mach.SendInvalidReply
		case re == de && (dd == mach.MoveSendOnce || rd == mach.MoveSendOnce):
			return mach.SendInvalidDest
		case !de.suits(dd, false):
			return mach.SendInvalidDest
		case re == de && dd == mach.MoveSend && rd == mach.MoveSend && de.urefs < 2:
			return mach.SendInvalidDest
		}
		var dgone, rgone deletion
		if re == de && dd == mach.MoveSend {
			// The right that stays is made first, so that one reference is enough for both.
			k.Message.Local, rgone = s.take(reap, re, rd)
			k.Message.Remote, dgone = s.take(reap, de, dd)
		} else {
			k.Message.Remote, dgone = s.take(reap, de, dd)
			k.Message.Local, rgone = s.take(reap, re, rd)
		}
		if re == de && dgone.notify.IsNull() {
			dgone, rgone = rgone, deletion{}
		}
		s.answerDeletion(reap, dgone, cancel)
		s.node.world.notifyDeleted(reap, rgone)
	}
	k.Message.RemoteDisp, k.Message.LocalDisp = dd.Arrives(), rd.Arrives()
	return mach.KernSuccess
}

// answerDeletion sends port-deleted for a destination name that went, unless the sender cancels it with the very port it
// would go to (IPC-082).
func (s *Space) answerDeletion(reap *sched.Reap, gone deletion, cancel *Port) {
	if cancel != nil && gone.notify.kind == SendOnceRight && gone.notify.port == cancel {
		ReleaseQuietly(&gone.notify)
		return
	}
	s.node.world.notifyDeleted(reap, gone)
}

// checkHeader is what can be said about a header without looking at the space.
func checkHeader(m *mach.UserMessage) mach.Return {
	legal := func(d mach.Disposition) bool { return d >= mach.MoveSend && d <= mach.MakeSendOnce }
	switch {
	case !legal(m.RemoteDisp):
		return mach.SendInvalidHeader
	case m.LocalDisp == mach.DispNone && m.Local != mach.NameNull:
		return mach.SendInvalidHeader
	case m.LocalDisp != mach.DispNone && !legal(m.LocalDisp):
		return mach.SendInvalidHeader
	}
	return mach.KernSuccess
}
