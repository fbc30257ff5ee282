package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// send delivers a copied-in message of a task. It consumes k unless it answers MACH_SEND_TIMED_OUT or
// MACH_SEND_INTERRUPTED, after which the caller gives the message back. th executes the request if the
// receiver is this kernel. Historic ipc_mqueue_send.
func (s *Space) send(th *sched.Thread, k *Kmsg, option mach.Option, timeout mach.Timeout) mach.Return {
	w, p := s.node.world, k.dest()
	for {
		p.touch()
		remote := p.linkFrom(k.from)
		switch {
		case p.serves(k):
			if remote == nil {
				w.serve(th, k, true)
			} else {
				w.messageEvent(k, trace.MessageSend, 0, mach.KernSuccess)
				w.touchKernel()
				remote.push(k)
			}
			return mach.KernSuccess
		case k.circular || !p.Alive():
			w.destroyKmsg(&th.Reap, k)
			return mach.KernSuccess
		case option&mach.SendTimeout != 0 && !p.serves(k) && w.sched.Inject(sched.InjectQueue, "the queue of "+p.String()):
			return mach.SendTimedOut
		case p.hasRoom() || k.Message.RemoteDisp == mach.PortSendOnce:
			p.admit(k)
			return mach.KernSuccess
		case option&mach.SendTimeout != 0 && timeout == 0:
			return mach.SendTimedOut
		}
		if th.Reap.Len() == 0 {
			return s.waitForRoom(th, k, option, timeout)
		}
		// What copyin has left behind must not wait as long as this thread. It may change everything.
		th.Drain()
		if th.Reap.Len() != 0 {
			return s.waitForRoom(th, k, option, timeout)
		}
	}
}

// waitForRoom blocks until the message has a slot, the port dies, the timeout passes or the thread is
// aborted. A slot is granted with the message in it (grant), so that nothing is left to check afterwards.
func (s *Space) waitForRoom(th *sched.Thread, k *Kmsg, option mach.Option, timeout mach.Timeout) mach.Return {
	w, p := s.node.world, k.dest()
	wait := sched.Wait{Kind: sched.WaitPortSend, What: p, Interruptible: true}
	if option&mach.SendTimeout != 0 {
		wait.Deadline = w.after(timeout)
	}
	wt := w.newWaiter(th, &p.senders)
	wt.kmsg = k
	k.place = kmsgWaiting
	result := th.Block(nil, wait)
	ended, code := wt.list == nil, wt.code
	w.dropWaiter(wt)
	switch {
	case ended && code == mach.KernSuccess:
		return mach.KernSuccess
	case ended: // the port died
		w.destroyKmsg(&th.Reap, k)
		if s.node.pers.SendToDyingPort == personality.DyingInvalid {
			return mach.SendInvalidDest
		}
		return mach.KernSuccess
	}
	k.place = kmsgHeld
	if result == sched.TimedOut {
		return mach.SendTimedOut
	}
	return mach.SendInterrupted
}

// after is the virtual time at which a timeout passes.
func (w *World) after(t mach.Timeout) mach.Time {
	return w.sched.After(mach.Time(t) * mach.Millisecond)
}

// post delivers a message that ignores the queue limit and has no thread behind it: notifications, replies of
// kernels, kernel messages. A request for this kernel's own object is executed from the Reap.
func (w *World) post(reap *sched.Reap, k *Kmsg) {
	p := k.dest()
	p.touch()
	remote := p.linkFrom(k.from)
	switch {
	case p.serves(k) && remote == nil:
		reap.Add((*service)(k))
	case p.serves(k):
		w.touchKernel()
		w.messageEvent(k, trace.MessageSend, 0, mach.KernSuccess)
		remote.push(k)
	case k.circular || !p.Alive():
		w.destroyKmsg(reap, k)
	default:
		p.admit(k)
	}
}
