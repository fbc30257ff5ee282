package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Kmsg is a message in flight. Its header and descriptors hold naked rights and memory; dispositions are
// those that arrive: 16, 17, 18. Remote is the destination right and Local the reply right, as the sender wrote
// them. Historic ipc_kmsg.
type Kmsg struct {
	Message mach.Message[Right, Memory]

	world    *World
	id       uint64 // for the trace
	from     *Node  // kernel of the sender
	sender   uint32 // task of the sender, 0 for a kernel
	token    [2]uint32
	seqno    uint32
	place    kmsgPlace
	circular bool // carries a receive right that would close a loop
	counted  bool // in the destination's msgcount
	accepted *acceptance
	due      mach.Time // on a link: earliest delivery

	next         *Kmsg // neighbour in one queue, or in the pool
	older, newer *Kmsg // neighbours among all live messages
	order        orderLink
}

// Desc is a descriptor in flight, UserDesc one as its sender or receiver sees it.
type (
	Desc     = mach.Desc[Right, Memory]
	UserDesc = mach.Desc[mach.Name, mach.Region]
)

// kmsgPlace is where a message is.
type kmsgPlace uint8

const (
	kmsgPool    kmsgPlace = iota
	kmsgHeld              // with whoever builds, executes or takes it
	kmsgWaiting           // with a sender that waits for room
	kmsgLinked            // on a link to another kernel, or waiting for its service thread
	kmsgQueued            // in the queue of its destination
	kmsgHanded            // handed to a receiver that has not run yet
	kmsgDying             // being destroyed
)

func (p kmsgPlace) String() string {
	return [...]string{"in the pool", "held", "waiting for room", "on a link", "queued", "handed over", "being destroyed"}[p]
}

// poolDescs and poolBody bound the capacity a message keeps in the pool.
const (
	poolDescs = 8
	poolBody  = 4096
)

// NewKmsg takes an empty message from the pool.
func (w *World) NewKmsg() *Kmsg {
	k := w.pool
	if k == nil {
		k = w.spares.kmsgs.New()
		m := &k.Message
		m.Reset()
		*k = Kmsg{Message: *m, world: w}
	} else {
		w.pool, k.next = k.next, nil
	}
	w.lastKmsg++
	k.id = w.lastKmsg
	k.place = kmsgHeld
	w.live.push(k)
	return k
}

// ID is the message's number, unique in its world.
func (k *Kmsg) ID() uint64 { return k.id }

// From is the kernel of the sender.
func (k *Kmsg) From() *Node { return k.from }

// Sender is the number of the sender's task, 0 for a kernel.
func (k *Kmsg) Sender() uint32 { return k.sender }

// SenderToken is the sender token of the trailer.
func (k *Kmsg) SenderToken() [2]uint32 { return k.token }

// Seqno is the sequence number a received message was given.
func (k *Kmsg) Seqno() uint32 { return k.seqno }

// Free gives an emptied message back to the pool. It panics if a right or memory is left in it.
func (k *Kmsg) Free() {
	if k.Message.Complex || k.holds(&k.Message.Remote) || k.holds(&k.Message.Local) {
		k.mustBeEmpty()
	}
	k.world.freeKmsg(k)
}

// holds reports whether a cell of the message has a right in it.
func (*Kmsg) holds(r *Right) bool { return r.kind != spentRight && r.port != nil }

func (k *Kmsg) mustBeEmpty() {
	k.visitRights(func(r Right, where string) {
		panic(fmt.Sprintf("ipc: linear rights: message %d freed with a %v in its %s", k.id, r, where))
	})
}

func (w *World) freeKmsg(k *Kmsg) {
	w.live.remove(k)
	m := &k.Message
	if cap(m.Descs) > poolDescs {
		m.Descs = nil
	}
	if cap(m.Body) > poolBody {
		m.Body = nil
	}
	clear(m.Descs[:cap(m.Descs)])
	m.Descs, m.Body = m.Descs[:0], m.Body[:0]
	// Field by field: most are as they should be already, and a copy of the whole costs as much as a send.
	m.ID, m.Remote, m.RemoteDisp, m.Local, m.LocalDisp, m.Complex = 0, Right{}, 0, Right{}, 0, false
	k.from, k.sender, k.token, k.seqno = nil, 0, [2]uint32{}, 0
	k.place, k.circular, k.counted, k.due = kmsgPool, false, false, 0
	if k.accepted != nil {
		k.accepted = nil
	}
	if k.order.kmsg != nil || k.order.more != nil {
		k.order = orderLink{}
	}
	k.next = w.pool
	w.pool = k
}

// dest is the port the message is for.
func (k *Kmsg) dest() *Port { return k.Message.Remote.port }

// Destroy destroys the message with every right and all memory in it: destination, reply, then descriptors in
// order. Messages found meanwhile, on ports that die by it, wait until this one is done, which bounds
// recursion and fixes the order of the notifications. Historic ipc_kmsg_destroy.
func (k *Kmsg) Destroy(reap *sched.Reap) { k.world.destroyKmsg(reap, k) }

func (w *World) destroyKmsg(reap *sched.Reap, k *Kmsg) {
	k.place = kmsgDying
	w.dying.push(k)
	if !w.cleaning {
		w.clean(reap)
	}
}

// clean destroys the messages that wait for it, and those that are found meanwhile.
func (w *World) clean(reap *sched.Reap) {
	w.cleaning = true
	for k := w.dying.pop(); k != nil; k = w.dying.pop() {
		w.messageEvent(k, trace.MessageDestroy, 0, mach.KernSuccess)
		k.discardHeader(reap)
		k.discardBody(reap, len(k.Message.Descs))
		k.settleAccepted(reap)
		w.freeKmsg(k)
	}
	w.cleaning = false
}

func (k *Kmsg) discardHeader(reap *sched.Reap) {
	releaseCell(reap, &k.Message.Remote)
	releaseCell(reap, &k.Message.Local)
}

// discardBody destroys what the first n descriptors hold.
func (k *Kmsg) discardBody(reap *sched.Reap, n int) {
	for i := range n {
		d := &k.Message.Descs[i]
		releaseCell(reap, &d.Port)
		for j := range d.Ports {
			releaseCell(reap, &d.Ports[j])
		}
		d.Ports = nil
		if d.Memory != nil {
			reap.Add(discard{d.Memory})
			d.Memory = nil
		}
	}
}

// releaseCell releases what is in a cell of a message, if anything is left there.
func releaseCell(reap *sched.Reap, r *Right) {
	if r.kind != spentRight {
		Release(reap, r)
	}
	*r = Right{}
}

// visitRights calls f with every live right in the message and the field it is in.
func (k *Kmsg) visitRights(f func(r Right, where string)) {
	see := func(r *Right, where string) {
		if k.holds(r) {
			f(*r, where)
		}
	}
	m := &k.Message
	see(&m.Remote, "destination")
	see(&m.Local, "reply field")
	for i := range m.Descs {
		see(&m.Descs[i].Port, "body")
		for j := range m.Descs[i].Ports {
			see(&m.Descs[i].Ports[j], "port array")
		}
	}
}

// kmsgQueue is a FIFO of messages.
type kmsgQueue struct {
	head, tail *Kmsg
	n          int
}

func (q *kmsgQueue) push(k *Kmsg) {
	if k.next = nil; q.tail == nil {
		q.head = k
	} else {
		q.tail.next = k
	}
	q.tail = k
	q.n++
}

func (q *kmsgQueue) pop() *Kmsg {
	k := q.head
	if k == nil {
		return nil
	}
	if q.head = k.next; q.head == nil {
		q.tail = nil
	}
	k.next = nil
	q.n--
	return k
}

// kmsgList is all live messages, oldest first.
type kmsgList struct{ head, tail *Kmsg }

func (l *kmsgList) push(k *Kmsg) {
	k.older = l.tail
	if l.tail == nil {
		l.head = k
	} else {
		l.tail.newer = k
	}
	l.tail = k
}

func (l *kmsgList) remove(k *Kmsg) {
	if k.older == nil {
		l.head = k.newer
	} else {
		k.older.newer = k.newer
	}
	if k.newer == nil {
		l.tail = k.older
	} else {
		k.newer.older = k.older
	}
	k.older, k.newer = nil, nil
}
