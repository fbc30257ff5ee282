package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// request is one dead-name request: on a name, answered through a send-once right. A port keeps its
// requests in the order of registration, which is the order in which they fire (ID-24).
type request struct {
	port       *Port
	entry      *entry // nil once the name has become a dead name
	node       *Node  // of the name's space
	name       mach.Name
	notify     Right
	prev, next *request // next also chains the pool
}

// requestList is the dead-name requests of one port, oldest first.
type requestList struct {
	head, tail *request
	n          int
}

func (l *requestList) len() int { return l.n }

// register puts a dead-name request on e, which has none.
func (e *entry) register(notify Right) {
	w := e.port.world
	r := w.requests
	if r == nil {
		r = new(request)
	} else {
		w.requests = r.next
	}
	l := &e.port.dnrequests
	*r = request{port: e.port, entry: e, node: e.space.node, notify: notify, prev: l.tail}
	if l.tail == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
	l.n++
	e.request = r
}

// settle fixes the name that the dead-name notification will carry (IPC-011).
func (r *request) settle() { r.name, r.entry = r.entry.name, nil }

// take cancels the request and returns its right.
func (r *request) take() Right {
	notify := r.notify
	r.entry.request = nil
	r.discard()
	return notify
}

// discard takes r off its port.
func (r *request) discard() {
	l, w := &r.port.dnrequests, r.port.world
	if r.prev == nil {
		l.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	l.n--
	*r = request{next: w.requests}
	w.requests = r
}

// takeRequest empties the cell of a registered right; it may be filled again.
func takeRequest(r *Right) Right {
	t := *r
	*r = Right{}
	return t
}

// RequestNotification registers, replaces or, with a null notify, cancels a request: NotifyPortDestroyed and
// NotifyNoSenders on a receive right, NotifyDeadName on any name for a right. It returns the right that was registered
// before, which the caller owns. Historic mach_port_request_notification. notify is consumed if the call
// succeeds and stays with the caller otherwise (IPC-165).
//
// Errors, in this order: KERN_INVALID_TASK; KERN_INVALID_CAPABILITY, notify is dead; KERN_INVALID_VALUE,
// unknown id, or port-destroyed with sync not 0; KERN_INVALID_NAME; KERN_INVALID_RIGHT, no receive right,
// a port without no-senders detection, or a port set; KERN_INVALID_ARGUMENT, dead-name on a dead name with
// sync 0 or notify null; KERN_UREFS_OVERFLOW, dead-name on a dead name without room for a reference.
func (s *Space) RequestNotification(reap *sched.Reap, name mach.Name, id mach.MsgID, sync uint32, notify *Right) (previous Right, ret mach.Return) {
	switch {
	case s.dead:
		return Right{}, mach.KernInvalidTask
	case notify.IsDead() || !notify.IsNull() && notify.kind != SendOnceRight:
		return Right{}, mach.KernInvalidCapability
	}
	switch id {
	case mach.NotifyPortDestroyed, mach.NotifyNoSenders:
		if id == mach.NotifyPortDestroyed && sync != 0 {
			return Right{}, mach.KernInvalidValue
		}
		e, ret := s.receiveRight(name)
		if e == nil {
			return Right{}, ret
		}
		p := e.port
		if id == mach.NotifyPortDestroyed {
			previous, p.pdrequest = p.pdrequest, notify.Take()
			return previous, mach.KernSuccess
		}
		if !p.nms {
			return Right{}, mach.KernInvalidRight
		}
		return p.requestNoSenders(reap, sync, notify.Take()), mach.KernSuccess
	case mach.NotifyDeadName:
		return s.requestDeadName(reap, name, sync, notify)
	}
	return Right{}, mach.KernInvalidValue
}

// requestNoSenders arms the no-senders request, or answers it at once if there are no senders and the
// make-send count has reached sync (IPC-166, IPC-167).
func (p *Port) requestNoSenders(reap *sched.Reap, sync uint32, notify Right) (previous Right) {
	previous = takeRequest(&p.nsrequest)
	if !notify.IsNull() && p.srights == 0 && sync <= p.mscount {
		p.world.notifyNoSenders(reap, p, notify, p.mscount)
	} else {
		p.nsrequest, p.nsidle = notify, p.srights == 0
	}
	return previous
}

func (s *Space) requestDeadName(reap *sched.Reap, name mach.Name, sync uint32, notify *Right) (previous Right, ret mach.Return) {
	e, ret := s.named(name)
	switch {
	case e == nil:
		return Right{}, ret
	case e.kind == entryPortSet:
		return Right{}, mach.KernInvalidRight
	case e.kind == entryDeadName:
		if sync == 0 || notify.IsNull() {
			return Right{}, mach.KernInvalidArgument
		}
		if e.urefs == mach.UrefsMaxDead {
			return Right{}, mach.KernUrefsOverflow
		}
		e.urefs++
		s.node.world.notifyName(reap, s.node, mach.NotifyDeadName, notify.Take(), name)
		return Right{}, mach.KernSuccess
	}
	if e.request != nil {
		previous = e.request.take()
	}
	if !notify.IsNull() {
		e.register(notify.Take())
	}
	return previous, mach.KernSuccess
}
