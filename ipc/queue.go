package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// waiter is a thread that waits for room in a queue, or for a message. Whoever ends the wait takes it off its
// list first, so that an abort or timeout that comes in the same instant loses (IPC-140).
type waiter struct {
	th    *sched.Thread
	list  *waiterList // nil once the wait has been ended
	stamp uint64      // order of blocking, over all lists
	kmsg  *Kmsg       // sender: the message that waits; receiver: the message handed over
	code  mach.Return // why the wait was ended, if kmsg does not say it

	large bool      // receiver: MACH_RCV_LARGE
	limit mach.Size // receiver: most bytes of message, without trailer
	size  mach.Size // receiver: size of the message that was too large

	prev, next *waiter // next also chains the pool
}

// waiterList is a FIFO of waiters.
type waiterList struct {
	head, tail *waiter
}

func (l *waiterList) len() (n int) {
	for w := l.head; w != nil; w = w.next {
		n++
	}
	return n
}

// newWaiter takes a waiter from the pool and puts it at the end of l.
func (w *World) newWaiter(th *sched.Thread, l *waiterList) *waiter {
	wt := w.waiters
	if wt == nil {
		wt = new(waiter)
	} else {
		w.waiters = wt.next
	}
	w.stamps++
	*wt = waiter{th: th, list: l, stamp: w.stamps, prev: l.tail}
	if l.tail == nil {
		l.head = wt
	} else {
		l.tail.next = wt
	}
	l.tail = wt
	return wt
}

// dropWaiter gives a waiter back whose thread has looked at it.
func (w *World) dropWaiter(wt *waiter) {
	wt.unlink()
	*wt = waiter{next: w.waiters}
	w.waiters = wt
}

// unlink takes the waiter off its list, if it is still on it.
func (wt *waiter) unlink() {
	l := wt.list
	if l == nil {
		return
	}
	if wt.prev == nil {
		l.head = wt.next
	} else {
		wt.prev.next = wt.next
	}
	if wt.next == nil {
		l.tail = wt.prev
	} else {
		wt.next.prev = wt.prev
	}
	wt.list, wt.prev, wt.next = nil, nil, nil
}

// end ends the wait with a code.
func (wt *waiter) end(code mach.Return) {
	wt.unlink()
	wt.code = code
	wt.th.Wake(sched.Awakened)
}

// wakeAll ends every wait with a code, oldest first.
func (l *waiterList) wakeAll(code mach.Return) {
	for l.head != nil {
		l.head.end(code)
	}
}

// waiting is the list whose oldest receiver a message to p goes to: the port's own, or that of a set that
// holds it.
func (p *Port) waiting() *waiterList {
	l := &p.receivers
	for _, m := range p.sets {
		if r := &m.set.receivers; r.head != nil && (l.head == nil || r.head.stamp < l.head.stamp) {
			l = r
		}
	}
	return l
}

// accept takes a message that has its slot: the oldest waiting receiver gets it with its sequence number
// at once (IPC-118), and otherwise it joins the queue.
func (p *Port) accept(k *Kmsg) {
	k.place = kmsgQueued
	p.queue.push(k)
	for _, m := range p.sets {
		m.set.append(k)
	}
	if p.queue.head != k {
		return // others wait before it, so nobody waits for it
	}
	for p.queue.head != nil {
		l := p.waiting()
		if l.head == nil {
			return
		}
		p.offer(l)
	}
}

// offer gives p's first message to the oldest receiver on l. One that wants large messages left and has no
// room for this one is told so instead.
func (p *Port) offer(l *waiterList) {
	wt := l.head
	if size := p.queue.head.Message.WireSize(); wt.large && size > wt.limit {
		wt.size = size
		wt.end(mach.RcvTooLarge)
		return
	}
	k := p.dequeue()
	k.place = kmsgHanded
	wt.kmsg = k
	wt.end(mach.KernSuccess)
}

// dequeue takes the first message off the queue and gives it the next sequence number.
func (p *Port) dequeue() *Kmsg {
	k := p.queue.pop()
	k.forgetAll()
	k.place = kmsgHeld
	k.seqno = p.seqno
	p.seqno++
	return k
}

// finish is the end of a receive: the message no longer counts, and a blocked sender may get its slot. It
// happens whether or not the message can be delivered (IPC-108).
func (p *Port) finish(k *Kmsg) {
	k.place = kmsgHeld
	p.uncount(k)
	p.grant()
}

func (p *Port) count(k *Kmsg) {
	p.msgcount++
	k.counted = true
}

func (p *Port) uncount(k *Kmsg) {
	if k.counted {
		p.msgcount--
		k.counted = false
	}
}

// hasRoom reports whether a send through a send right need not wait.
func (p *Port) hasRoom() bool { return p.msgcount < p.qlimit }

// grant lets blocked senders in, oldest first, while there is room. Their messages are accepted now, so
// no newcomer can take the slot (ID-17).
func (p *Port) grant() {
	for p.senders.head != nil && p.hasRoom() && p.Alive() {
		wt := p.senders.head
		k := wt.kmsg
		wt.kmsg = nil
		wt.end(mach.KernSuccess)
		p.admit(k)
	}
}

// admit accepts a message for an ordinary port: counted, and queued here or put on the link towards
// the port's kernel.
func (p *Port) admit(k *Kmsg) {
	p.count(k)
	p.world.messageEvent(k, trace.MessageSend, 0, mach.KernSuccess)
	if l := p.linkFrom(k.from); l != nil {
		p.world.touchKernel()
		l.push(k)
		return
	}
	p.accept(k)
}

// WaitName names the port in reports of blocked threads.
func (p *Port) WaitName() string { return p.String() }

// HeldBy names who would end a wait for room in the port's queue: the holder of the receive right.
func (p *Port) HeldBy() string {
	switch at := p.state.(type) {
	case InSpace:
		return at.entry.space.label
	case InKernel:
		return "kernel " + at.node.name
	case InTransit:
		return "the receiver of " + at.to.String()
	}
	return ""
}

// WaitName names the set in reports of blocked threads.
func (s *PortSet) WaitName() string { return "port set " + s.entry.name.String() }
