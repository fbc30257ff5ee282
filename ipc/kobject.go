package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// KobjectType is the type of a kernel object behind a port. Historic ipc_kobject_type_t, OSF numbering.
type KobjectType uint8

const (
	KobjectNone             KobjectType = 0
	KobjectTask             KobjectType = 2
	KobjectHost             KobjectType = 3
	KobjectHostPriv         KobjectType = 4
	KobjectPager            KobjectType = 8 // a memory object port with an association in force
	KobjectPagingRequest    KobjectType = 9 // a memory control port with an association in force
	KobjectPagerTerminating KobjectType = 15
	KobjectPagingName       KobjectType = 16
	KobjectAct              KobjectType = 20
)

func (t KobjectType) String() string {
	switch t {
	case KobjectNone:
		return "none"
	case KobjectTask:
		return "TASK"
	case KobjectHost:
		return "HOST"
	case KobjectHostPriv:
		return "HOST_PRIV"
	case KobjectPager:
		return "PAGER"
	case KobjectPagingRequest:
		return "PAGING_REQUEST"
	case KobjectPagerTerminating:
		return "PAGER_TERMINATING"
	case KobjectPagingName:
		return "PAGING_NAME"
	case KobjectAct:
		return "ACT"
	}
	return fmt.Sprintf("kobject(%d)", uint8(t))
}

// Kobject is a kernel object whose port a kernel receives for.
type Kobject interface {
	// KobjectType is the type of the object: none for a closed memory control port.
	KobjectType() KobjectType
	// Accepts reports whether the kernel executes a message with this id now. If not, the port is closed
	// for it: the message is queued as on any ordinary port (EMM-049).
	Accepts(id mach.MsgID) bool
	// Serve executes the request in the thread of its sender, or, if the sender is on another kernel, in
	// the service thread of this one. The reply right is req's Local; a routine that keeps it takes it.
	//
	// The routine fills rep's message including its id; an id of 0 means that there is no reply. With
	// KERN_SUCCESS and MIG_NO_REPLY it owns what it took from req, and what is left is released. With any
	// other code what is left in req is destroyed, except the reply right if rep has an id. MIG_BAD_ID
	// without a reply in rep is answered with an error reply.
	Serve(th *sched.Thread, req, rep *Kmsg) mach.Return
}

// IdleKobject is a Kobject that wants to be told when its port has lost its last send right. Historic
// ipc_kobject_notify.
type IdleKobject interface {
	Kobject
	// NoSenders runs from the Reap, if there is no send right then either.
	NoSenders(th *sched.Thread)
}

// idle is a port without senders, waiting on a Reap for its kernel object to be told.
type idle struct{ port *Port }

func (i idle) Reap(th *sched.Thread) {
	if ko, ok := i.port.kobject.(IdleKobject); ok && i.port.Alive() && i.port.srights == 0 {
		ko.NoSenders(th)
	}
}

// Association is what a kernel keeps about a memory object port whose receive right somebody else holds.
type Association interface {
	// PortDied says that the port died. It runs from the Reap, after the dead-name notifications, in node
	// order.
	PortDied(th *sched.Thread)
}

// serves reports whether the receiver of p is a kernel that executes k now.
func (p *Port) serves(k *Kmsg) bool {
	_, ok := p.state.(InKernel)
	return ok && (p.kobject == nil || p.kobject.Accepts(k.Message.ID))
}

// service is a message for a kernel object, waiting on a Reap to be executed.
type service Kmsg

func (s *service) Reap(th *sched.Thread) {
	k := (*Kmsg)(s)
	w := k.world
	if k.dest().serves(k) {
		w.serve(th, k, false)
	} else {
		w.post(&th.Reap, k)
	}
}

// serve executes a request in thread th, and sends the reply if there is one. A reply to an object of the
// same kernel is executed in turn. drain says that no state is open above, so that deferred
// destruction can be done before the reply is sent. Historic ipc_kobject_server.
func (w *World) serve(th *sched.Thread, k *Kmsg, drain bool) {
	for k != nil {
		p := k.dest()
		p.touchService(k.Message.ID)
		n, reap := p.node, &th.Reap
		rep := w.NewKmsg()
		rep.from, rep.token = n, kernelToken
		w.messageEvent(k, trace.MessageKernel, 0, mach.KernSuccess)
		ret := mach.MigBadID
		if p.kobject != nil {
			ret = p.kobject.Serve(th, k, rep)
		}
		if ret == mach.MigBadID && rep.Message.ID == 0 {
			ErrorReply(k, rep, ret)
		}
		if rep.Message.ID == 0 && ret != mach.KernSuccess && ret != mach.MigNoReply {
			k.refuse(ret) // only the trace will know
		}

		// The destination right goes first; a send-once right goes quietly, since its notification would
		// come straight back here.
		if dest := &k.Message.Remote; dest.kind == SendOnceRight && dest.port.Alive() {
			ReleaseQuietly(dest)
		}
		releaseCell(reap, &k.Message.Remote)
		if rep.Message.ID == 0 || ret == mach.MigNoReply {
			rep.discardHeader(reap)
			rep.discardBody(reap, len(rep.Message.Descs))
			w.freeKmsg(rep)
			rep = nil
		} else if k.Message.Local.kind != spentRight {
			rep.Message.Remote = k.Message.Local.Take()
		}
		// What the routine has left is destroyed as Kmsg.Destroy would.
		w.cleaning = true
		releaseCell(reap, &k.Message.Local)
		k.discardBody(reap, len(k.Message.Descs))
		w.freeKmsg(k)
		w.clean(reap)
		if drain {
			th.Drain()
		}
		if k = nil; rep == nil {
			return
		}
		if !rep.Message.Remote.Live() {
			rep.Destroy(reap) // nobody to answer (IPC-190)
			return
		}
		rep.bind(reap)
		if q := rep.dest(); q.linkFrom(n) == nil && q.serves(rep) {
			k = rep
		} else {
			w.post(reap, rep)
		}
	}
}

// ErrorReply fills rep with the bare reply that carries a code: the request's id + 100 and one word. Historic
// mig_reply_error_t.
func ErrorReply(req, rep *Kmsg, code mach.Return) {
	rep.Message.ID = req.Message.ID + mach.ReplyOffset
	rep.Message.Body = mach.Words.AppendUint32(rep.Message.Body[:0], uint32(code))
}
