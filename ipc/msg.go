package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// MsgArgs is the arguments of mach_msg beside the message, and one result.
type MsgArgs struct {
	Option   mach.Option
	RcvLimit mach.Size // room for header, body and trailer
	RcvName  mach.Name // receive right or port set
	Timeout  mach.Timeout
	Notify   mach.Name // for SEND_CANCEL, SEND_NOTIFY and RCV_NOTIFY
	Scatter  *Scatter  // with RCV_OVERWRITE

	// Size is set by the receive half: the size, without trailer, of the message that was received or
	// destroyed, or that was too large and stays queued.
	Size mach.Size

	givenBack bool // the send half gave the message back
	dequeued  bool // the receive half took a message
}

// Msg is mach_msg with a typed message: m is sent, and then overwritten by what is received. The
// slices of m are used again. After MACH_SEND_TIMED_OUT and MACH_SEND_INTERRUPTED m is the message given
// back; after other send errors it is unchanged. The caller drains th's Reap afterwards.
//
// Codes are those of the historic mach_msg; each is explained at the step that returns it.
func (s *Space) Msg(th *sched.Thread, as AddressSpace, m *mach.UserMessage, a *MsgArgs) mach.Return {
	a.Size, a.givenBack, a.dequeued = 0, false, false
	if a.Option&mach.SendMsg != 0 {
		if ret := s.sendHalf(th, as, m, a); ret != mach.KernSuccess {
			return ret
		}
	}
	if a.Option&mach.RcvMsg == 0 {
		return mach.KernSuccess
	}
	if a.Option&mach.SendMsg != 0 {
		th.Drain() // nothing the send destroyed may wait as long as a receive does
	}
	return s.receiveHalf(th, as, m, a, nil)
}

// sendHalf copies a message in and delivers it. Historic mach_msg_send.
//
// Errors: MACH_SEND_MSG_TOO_SMALL, the body is no whole number of words; MACH_SEND_INVALID_NOTIFY,
// SEND_CANCEL without the name of a receive right; those of checkHeader, copyinHeader and copyinBody; and,
// with the message given back, those of deliver.
func (s *Space) sendHalf(th *sched.Thread, as AddressSpace, m *mach.UserMessage, a *MsgArgs) mach.Return {
	var cancel *Port
	ret := mach.KernSuccess
	switch {
	case len(m.Body)%4 != 0:
		ret = mach.SendMsgTooSmall
	case a.Option&mach.SendCancel != 0 && a.Notify == mach.NameNull:
		ret = mach.SendInvalidNotify
	default:
		ret = checkHeader(m)
	}
	if ret == mach.KernSuccess {
		switch {
		case s.dead:
			ret = mach.SendInvalidDest
		case a.Option&mach.SendCancel != 0:
			if e := s.findReceive(a.Notify); e != nil {
				cancel = e.port
			} else {
				ret = mach.SendInvalidNotify
			}
		}
	}
	k := s.node.world.NewKmsg()
	k.from, k.sender, k.token = s.node, s.task, s.token
	k.Message.ID = m.ID
	if ret == mach.KernSuccess {
		ret = s.copyinHeader(&th.Reap, k, m, cancel)
	}
	if ret != mach.KernSuccess {
		k.refuse(ret)
		k.Free()
		return ret
	}
	k.Message.Body = append(k.Message.Body, m.Body...)
	if m.Complex {
		if ret := s.copyinBody(th, as, k, m); ret != mach.KernSuccess {
			k.refuse(ret)
			k.Destroy(&th.Reap)
			return ret
		}
	}
	ret = s.deliver(th, k, a)
	switch ret {
	case mach.SendTimedOut, mach.SendInterrupted, mach.SendInvalidNotify, mach.SendNotifyInProgress:
		k.refuse(ret)
		a.givenBack = true
		ret |= s.pseudoReceive(th, as, k, m)
	}
	return ret
}

// deliver is send with MACH_SEND_NOTIFY where the personality has it.
func (s *Space) deliver(th *sched.Thread, k *Kmsg, a *MsgArgs) mach.Return {
	if a.Option&mach.SendNotify != 0 && s.node.pers.MsgAccepted {
		return s.sendNotify(th, k, a)
	}
	return s.send(th, k, a.Option, a.Timeout)
}

func (k *Kmsg) refuse(ret mach.Return) {
	k.world.messageEvent(k, trace.MessageRefuse, 0, ret)
}

// receiveHalf receives a message into m. raw, if not nil, is the buffer of the raw door. Historic
// mach_msg_receive.
//
// Errors: MACH_RCV_INVALID_TRAILER, unknown trailer elements; those of receive and of Scatter.valid, after
// which nothing was dequeued; MACH_RCV_TOO_LARGE, MACH_RCV_SCATTER_SMALL, MACH_RCV_INVALID_TYPE,
// MACH_RCV_INVALID_NOTIFY, MACH_RCV_HEADER_ERROR, after which the message is destroyed and m is a bare
// header; MACH_RCV_BODY_ERROR with the detail bits of what could not be delivered.
func (s *Space) receiveHalf(th *sched.Thread, as AddressSpace, m *mach.UserMessage, a *MsgArgs, raw *rawBuffer) mach.Return {
	if a.Option.TrailerElements() < 0 {
		return mach.RcvInvalidTrailer
	}
	scatter := a.Scatter
	if a.Option&mach.RcvOverwrite == 0 {
		scatter = nil
	} else {
		if _, _, ret := s.queueNamed(a.RcvName); ret != mach.KernSuccess {
			return ret
		}
		if raw != nil {
			var ret mach.Return
			if scatter, ret = raw.readScatter(th, as); ret != mach.KernSuccess {
				return ret
			}
		}
		if ret := scatter.valid(); ret != mach.KernSuccess {
			return ret
		}
	}
	trailer := a.Option.TrailerSize()
	room := mach.Size(0)
	if a.RcvLimit > trailer {
		room = a.RcvLimit - trailer
	}
	k, size, ret := s.receive(th, a.RcvName, a.Option, room, a.Timeout)
	if ret != mach.KernSuccess {
		a.Size = size
		return ret
	}
	a.Size, a.dequeued = k.Message.WireSize(), true
	k.settleAccepted(&th.Reap)
	s.node.world.messageEvent(k, trace.MessageDeliver, s.task, mach.KernSuccess)

	var notify *Port
	switch {
	case a.Size > room:
		ret = mach.RcvTooLarge
	default:
		ret = scatter.check(k)
	}
	if ret == mach.KernSuccess && raw != nil && !s.node.pers.KeepRightsOnInvalidData {
		if !raw.probe(th, as, a.Size+trailer) {
			ret = mach.RcvInvalidData
		}
	}
	if ret == mach.KernSuccess && a.Option&mach.RcvNotify != 0 {
		if e := s.findReceive(a.Notify); e != nil && !s.dead {
			notify = e.port
		} else {
			ret = mach.RcvInvalidNotify
		}
	}
	m.Reset()
	m.ID = k.Message.ID
	if ret == mach.KernSuccess {
		ret = s.copyoutHeader(&th.Reap, k, m, notify)
	}
	if ret != mach.KernSuccess {
		s.destroyReceived(th, k, m, a)
		return ret
	}
	m.Body = append(m.Body, k.Message.Body...)
	k.fillTrailer(m, a.Option)
	detail := mach.KernSuccess
	if k.Message.Complex {
		detail = s.copyoutBody(th, as, k, m, scatter)
	}
	k.Free()
	if detail != mach.KernSuccess {
		return mach.RcvBodyError | detail
	}
	return mach.KernSuccess
}

// fillTrailer gives m the trailer its receiver asked for.
func (k *Kmsg) fillTrailer(m *mach.UserMessage, o mach.Option) {
	m.Trailer = mach.Trailer{Size: o.TrailerSize()}
	if n := o.TrailerElements(); n >= 1 {
		m.Trailer.Seqno = k.seqno
		if n >= 2 {
			m.Trailer.Sender = k.token
		}
	}
}

// destroyReceived ends a receive that failed after the message was dequeued: the receiver gets a bare header with
// the destination, and everything in the message is destroyed. The destination right counts as received.
func (s *Space) destroyReceived(th *sched.Thread, k *Kmsg, m *mach.UserMessage, a *MsgArgs) {
	m.Reset()
	m.ID = k.Message.ID
	m.RemoteDisp, m.LocalDisp = k.Message.LocalDisp, k.Message.RemoteDisp
	m.Local = s.copyoutDest(&th.Reap, &k.Message.Remote)
	k.Message.Remote = Right{}
	if k.Message.Local.kind == DeadRight {
		m.Remote = mach.NameDead
	}
	if s.node.pers.TooLargeTrailer == personality.TrailerRequested {
		k.fillTrailer(m, a.Option)
	} else {
		m.Trailer.Size = mach.OptNone.TrailerSize()
	}
	k.Destroy(&th.Reap)
}
