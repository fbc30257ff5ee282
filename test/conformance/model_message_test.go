package conformance

import "machvm/kernel/mach"

// refName is a name that the model expects: a fixed one, or that of an entry.
type refName struct {
	fixed mach.Name
	entry *refEntry
}

// refArgs is a mach_msg: a message as a program has it, and the arguments beside it.
type refArgs struct {
	msgArgs
	msg   *message
	words []uint32 // the body
}

// refResult is what a program sees of a mach_msg. Without a message there is only the code.
type refResult struct {
	code       mach.Return
	message    *refMessage // received or given back, nil if neither
	bare       bool        // only a header
	remote     refName
	remoteDisp mach.Disposition
	local      refName
	localDisp  mach.Disposition
	rights     []refName
	seqno      uint32
	trailer    mach.Size
}

// mach_msg of task t.
func (t *refTask) msg(a *refArgs) refResult {
	if a.Option&mach.SendMsg != 0 {
		if r := t.send(a); r.code != mach.KernSuccess {
			return r
		}
	}
	if a.Option&mach.RcvMsg != 0 {
		return t.receive(a)
	}
	return refResult{}
}

func headerDisp(d mach.Disposition) bool { return d >= mach.MoveSend && d <= mach.MakeSendOnce }

// send is the send half: it never waits.
func (t *refTask) send(a *refArgs) refResult {
	w, m := t.world, a.msg
	cancel := a.Option&mach.SendCancel != 0
	switch {
	case cancel && a.Notify == mach.NameNull:
		return refResult{code: mach.SendInvalidNotify}
	case !headerDisp(m.RemoteDisp),
		m.LocalDisp == mach.DispNone && m.Local != mach.NameNull,
		m.LocalDisp != mach.DispNone && !headerDisp(m.LocalDisp):
		return refResult{code: mach.SendInvalidHeader}
	}
	var canceller *refPort
	if cancel {
		e, ret := t.receiver(a.Notify)
		if ret != mach.KernSuccess {
			return refResult{code: mach.SendInvalidNotify}
		}
		canceller = e.port
	}
	k := &refMessage{id: m.ID, words: a.words, complex: m.Complex}
	if ret := t.sendHeader(k, m, canceller); ret != mach.KernSuccess {
		return refResult{code: ret}
	}
	if m.Complex {
		if ret := t.sendBody(k, m); ret != mach.KernSuccess {
			w.destroy(k)
			return refResult{code: ret}
		}
	}
	q := k.dest.port
	switch {
	case k.circular:
		w.destroy(k)
	case k.dest.kind == mach.PortSend && len(q.queue) >= q.limit && !q.dead:
		return t.giveBack(k)
	default:
		w.forward(k)
	}
	return refResult{}
}

// sendHeader takes both rights of a header, or none.
func (t *refTask) sendHeader(k *refMessage, m *message, canceller *refPort) mach.Return {
	w := t.world
	dest, reply := t.find(m.Remote), t.find(m.Local)
	carried := m.Local.Valid()
	same := carried && m.Local == m.Remote
	live := func() bool { return dest.kind != mach.TypeDeadName && dest.suits(m.RemoteDisp) }
	switch {
	case dest == nil:
		return mach.SendInvalidDest
	case carried && reply == nil:
		return mach.SendInvalidReply
	case carried && !reply.suits(m.LocalDisp):
		return mach.SendInvalidReply
	case !live():
		return mach.SendInvalidDest
	case same && (m.RemoteDisp == mach.MoveSendOnce || m.LocalDisp == mach.MoveSendOnce):
		return mach.SendInvalidDest
	case same && m.RemoteDisp == mach.MoveSend && m.LocalDisp == mach.MoveSend && dest.urefs < 2:
		return mach.SendInvalidDest
	}
	// A copy or a made right must be had before what it comes from is moved.
	var destAsked, replyAsked *refPort
	if same && m.RemoteDisp == mach.MoveSend && m.LocalDisp != mach.MoveSend {
		k.reply, _ = w.copyin(reply, m.LocalDisp)
		k.dest, destAsked = w.copyin(dest, m.RemoteDisp)
	} else {
		k.dest, destAsked = w.copyin(dest, m.RemoteDisp)
		switch {
		case carried:
			k.reply, replyAsked = w.copyin(reply, m.LocalDisp)
			if same && replyAsked != nil {
				destAsked, replyAsked = replyAsked, nil
			}
		case m.Local == mach.NameDead:
			k.reply.dead = true
		}
	}
	if destAsked != nil && destAsked == canceller {
		destAsked.sorights--
		destAsked = nil
	}
	w.deleted(destAsked, m.Remote)
	w.deleted(replyAsked, m.Local)
	return mach.KernSuccess
}

// sendBody takes the rights of a body in order.
func (t *refTask) sendBody(k *refMessage, m *message) mach.Return {
	if len(m.Descs) == 0 {
		return mach.SendMsgTooSmall
	}
	for _, d := range m.Descs {
		r, ret := t.bodyRight(d.Port, d.Disp)
		if ret != mach.KernSuccess {
			return ret
		}
		if r.kind == mach.PortReceive && r.port != nil {
			if k.dest.port.reaches(r.port) {
				k.circular = true
			} else {
				r.port.to = k.dest.port
			}
		}
		k.body = append(k.body, r)
	}
	return mach.KernSuccess
}

// bodyRight takes one right of a body.
func (t *refTask) bodyRight(name mach.Name, d mach.Disposition) (refRight, mach.Return) {
	e := t.find(name)
	switch {
	case !d.Valid():
		return refRight{}, mach.SendInvalidType
	case !name.Valid():
		return refRight{kind: d.Arrives(), dead: name == mach.NameDead}, mach.KernSuccess
	case e == nil || !e.suits(d):
		return refRight{}, mach.SendInvalidRight
	}
	r, asked := t.world.copyin(e, d)
	t.world.deleted(asked, name)
	return r, mach.KernSuccess
}

// giveBack gives a message that could not be sent back to its sender.
func (t *refTask) giveBack(k *refMessage) refResult {
	r := refResult{code: mach.SendTimedOut, message: k, remoteDisp: k.dest.kind, localDisp: k.reply.kind}
	r.remote = t.world.copyout(t, k.dest)
	r.local = t.world.copyout(t, k.reply)
	for _, x := range k.body {
		r.rights = append(r.rights, t.world.copyout(t, x))
	}
	return r
}

// receive is the receive half: it never waits.
func (t *refTask) receive(a *refArgs) refResult {
	w, e := t.world, t.find(a.RcvName)
	var p *refPort
	switch {
	case e == nil || !e.has(mach.TypeReceive|mach.TypePortSet):
		return refResult{code: mach.RcvInvalidName}
	case e.set != nil:
		if len(e.set.queue) == 0 {
			return refResult{code: mach.RcvTimedOut}
		}
		p = e.set.queue[0].dest.port
	case len(e.port.sets) > 0:
		return refResult{code: mach.RcvInSet}
	case len(e.port.queue) == 0:
		return refResult{code: mach.RcvTimedOut}
	default:
		p = e.port
	}
	fits := p.queue[0].size()+a.Option.TrailerSize() <= a.RcvLimit
	if !fits && a.Option&mach.RcvLarge != 0 {
		return refResult{code: mach.RcvTooLarge}
	}
	k := p.take()
	r := refResult{message: k, seqno: p.seqno, trailer: a.Option.TrailerSize(), local: refName{entry: p.holder},
		localDisp: k.dest.kind, remoteDisp: k.reply.kind}
	p.seqno++
	notify, ret := t.receiver(a.Notify)
	switch {
	case !fits:
		return t.discard(r, mach.RcvTooLarge)
	case a.Option&mach.RcvNotify != 0 && ret != mach.KernSuccess:
		return t.discard(r, mach.RcvInvalidNotify)
	}
	had := len(t.entries)
	r.remote = w.copyout(t, k.reply)
	if a.Option&mach.RcvNotify != 0 && len(t.entries) > had {
		notify.port.sorights++
		r.remote.entry.askFor(notify.port)
	}
	w.consume(k.dest)
	for _, x := range k.body {
		r.rights = append(r.rights, w.copyout(t, x))
	}
	return r
}

// consume uses up the right that a message was sent to.
func (w *refWorld) consume(dest refRight) {
	if dest.kind == mach.PortSend {
		w.sendGone(dest.port)
		return
	}
	dest.port.sorights--
}

// discard destroys a message in the act of receiving it.
func (t *refTask) discard(r refResult, code mach.Return) refResult {
	w := t.world
	r.code, r.bare = code, true
	if !w.habits.fullTrailer {
		r.trailer = mach.OptNone.TrailerSize()
	}
	if r.message.reply.dead { // as it was sent
		r.remote.fixed = mach.NameDead
	}
	w.consume(r.message.dest)
	rest := *r.message
	rest.dest = refRight{}
	w.destroy(&rest)
	return r
}
