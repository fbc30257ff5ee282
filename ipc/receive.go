package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// queueNamed finds what a receive name denotes: a port in no set, or a set.
//
// Errors: MACH_RCV_INVALID_NAME, also if the space is dead; MACH_RCV_IN_SET.
func (s *Space) queueNamed(name mach.Name) (*Port, *PortSet, mach.Return) {
	e := s.find(name)
	switch {
	case e == nil || s.dead:
		return nil, nil, mach.RcvInvalidName
	case e.kind == entryPortSet:
		return nil, e.set, mach.KernSuccess
	case !e.hasReceive():
		return nil, nil, mach.RcvInvalidName
	case len(e.port.sets) > 0:
		return nil, nil, mach.RcvInSet
	}
	return e.port, nil, mach.KernSuccess
}

// receive takes the first message of a port or set, or waits for one. Its sequence number is stamped, its
// slot is free again, and whoever blocked for it is served. limit is the room for header and body; a
// message that does not fit stays queued with MACH_RCV_LARGE and its size is returned.
//
// Errors: those of queueNamed; MACH_RCV_TOO_LARGE; MACH_RCV_TIMED_OUT, MACH_RCV_INTERRUPTED,
// MACH_RCV_PORT_DIED, MACH_RCV_PORT_CHANGED. Historic ipc_mqueue_receive.
func (s *Space) receive(th *sched.Thread, name mach.Name, option mach.Option, limit mach.Size, timeout mach.Timeout) (*Kmsg, mach.Size, mach.Return) {
	port, set, ret := s.queueNamed(name)
	if ret != mach.KernSuccess {
		return nil, 0, ret
	}
	var first *Kmsg
	wait := sched.Wait{Kind: sched.WaitPortReceive, Interruptible: true}
	list := (*waiterList)(nil)
	if set != nil {
		if o := set.order.head; o != nil {
			first = o.kmsg
		}
		set.touch()
		list, wait.What = &set.receivers, set
	} else {
		port.touch()
		first, list, wait.What = port.queue.head, &port.receivers, port
	}
	if first == nil && option&mach.RcvTimeout != 0 {
		if timeout == 0 {
			return nil, 0, mach.RcvTimedOut
		}
		wait.Deadline = s.node.world.after(timeout)
	}
	return s.node.world.takeFirst(th, first, list, wait, option, limit)
}

// takeFirst takes first, or waits on list for what comes.
func (w *World) takeFirst(th *sched.Thread, first *Kmsg, list *waiterList, wait sched.Wait, option mach.Option, limit mach.Size) (*Kmsg, mach.Size, mach.Return) {
	large := option&mach.RcvLarge != 0
	if first != nil {
		if size := first.Message.WireSize(); large && size > limit {
			return nil, size, mach.RcvTooLarge
		}
		p := first.dest()
		p.touch()
		k := p.dequeue()
		p.finish(k)
		return k, 0, mach.KernSuccess
	}
	wt := w.newWaiter(th, list)
	wt.large, wt.limit = large, limit
	result := th.Block(nil, wait)
	k, ended, code, size := wt.kmsg, wt.list == nil, wt.code, wt.size
	w.dropWaiter(wt)
	switch {
	case k != nil:
		k.dest().touch()
		k.dest().finish(k)
		return k, 0, mach.KernSuccess
	case ended:
		return nil, size, code
	case result == sched.TimedOut:
		return nil, 0, mach.RcvTimedOut
	}
	return nil, 0, mach.RcvInterrupted
}

// ReceiveReply takes the first message of a reply port of this kernel, or waits for one until deadline; 0:
// for ever. The destination right is used up; the caller owns the message and every other right in it.
//
// Errors: MACH_RCV_TIMED_OUT; MACH_RCV_INTERRUPTED; MACH_RCV_PORT_DIED, the port was destroyed.
func (n *Node) ReceiveReply(th *sched.Thread, reply *Right, deadline mach.Time) (*Kmsg, mach.Return) {
	p := reply.receivePort("ReceiveReply")
	if p == nil {
		return nil, mach.RcvPortDied
	}
	option := mach.OptNone
	wait := sched.Wait{Kind: sched.WaitPortReceive, What: p, Interruptible: true, Deadline: deadline}
	k, _, ret := n.world.takeFirst(th, p.queue.head, &p.receivers, wait, option, 0)
	if k == nil {
		return nil, ret
	}
	n.world.messageEvent(k, trace.MessageDeliver, 0, mach.KernSuccess)
	if dest := &k.Message.Remote; dest.kind == SendOnceRight && dest.port.Alive() {
		ReleaseQuietly(dest)
	}
	releaseCell(&th.Reap, &k.Message.Remote)
	return k, mach.KernSuccess
}
