package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// PortSet is a set of receive rights of one space, received from as one queue. The order of that queue is:
// a message sent to a member goes to the end; when a port joins, its messages go to the end in their
// order; when it leaves, they leave. A port in several sets has its messages in the order of each, and
// taking one removes it from all (IPC-050, IPC-051).
type PortSet struct {
	space     *Space
	id        uint64 // for the trace; ports and sets share their numbers
	entry     *entry
	members   memberList
	order     orderList
	receivers waiterList
}

// Name is the set's name in its space.
func (s *PortSet) Name() mach.Name { return s.entry.name }

// Ports is the members in the order they joined.
func (s *PortSet) Ports() []*Port {
	var ps []*Port
	for m := s.members.head; m != nil; m = m.next {
		ps = append(ps, m.port)
	}
	return ps
}

// member is one membership.
type member struct {
	set        *PortSet
	port       *Port
	prev, next *member // neighbours in the set
}

type memberList struct {
	head, tail *member
	n          int
}

func (l *memberList) push(m *member) {
	m.prev = l.tail
	if l.tail == nil {
		l.head = m
	} else {
		l.tail.next = m
	}
	l.tail = m
	l.n++
}

func (l *memberList) remove(m *member) {
	if m.prev == nil {
		l.head = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		l.tail = m.prev
	} else {
		m.next.prev = m.prev
	}
	m.prev, m.next = nil, nil
	l.n--
}

// orderLink is the place of one message in the order of one set. A message has one of its own, and more
// only if its port is in more sets.
type orderLink struct {
	kmsg       *Kmsg
	set        *PortSet // nil: not in use
	prev, next *orderLink
	more       *orderLink
}

type orderList struct{ head, tail *orderLink }

func (l *orderList) remove(o *orderLink) {
	if o.prev == nil {
		l.head = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.tail = o.prev
	} else {
		o.next.prev = o.prev
	}
	o.prev, o.next = nil, nil
}

// append puts a queued message at the end of the set's order.
func (s *PortSet) append(k *Kmsg) {
	o := &k.order
	for o.set != nil && o.more != nil {
		o = o.more
	}
	if o.set != nil {
		o.more = &orderLink{}
		o = o.more
	}
	o.kmsg, o.set, o.prev = k, s, s.order.tail
	if s.order.tail == nil {
		s.order.head = o
	} else {
		s.order.tail.next = o
	}
	s.order.tail = o
}

// forget takes a message out of the set's order.
func (s *PortSet) forget(k *Kmsg) {
	for o := &k.order; o != nil; o = o.more {
		if o.set == s {
			s.order.remove(o)
			o.set = nil
			return
		}
	}
}

// forgetAll takes a message out of the order of every set.
func (k *Kmsg) forgetAll() {
	for o := &k.order; o != nil; o = o.more {
		if o.set != nil {
			o.set.order.remove(o)
		}
	}
	k.order = orderLink{}
}

// membership is p's membership in s, nil if it has none.
func (p *Port) membership(s *PortSet) *member {
	for _, m := range p.sets {
		if m.set == s {
			return m
		}
	}
	return nil
}

// join adds p to the set. Threads that wait on the port itself must look again; its messages become
// receivable from the set at once, and go to waiting receivers (IPC-049, IPC-052).
func (s *PortSet) join(p *Port) {
	p.receivers.wakeAll(mach.RcvPortChanged)
	m := &member{set: s, port: p}
	s.members.push(m)
	p.sets = append(p.sets, m)
	p.event(trace.PortJoin, s.id)
	for k := p.queue.head; k != nil; k = k.next {
		s.append(k)
	}
	for s.order.head != nil && s.receivers.head != nil {
		s.order.head.kmsg.dest().offer(&s.receivers)
	}
}

// part takes p out of the set with its messages. Receivers of the set go on waiting.
func (s *PortSet) part(p *Port, m *member) {
	for k := p.queue.head; k != nil; k = k.next {
		s.forget(k)
	}
	s.members.remove(m)
	p.event(trace.PortLeave, s.id)
	for i := range p.sets {
		if p.sets[i] == m {
			p.sets = append(p.sets[:i], p.sets[i+1:]...)
			break
		}
	}
	if len(p.sets) == 0 {
		p.sets = nil
	}
}

// leaveSets takes p out of every set.
func (p *Port) leaveSets() {
	for len(p.sets) > 0 {
		m := p.sets[len(p.sets)-1]
		m.set.part(p, m)
	}
}

// destroy ends the set: members leave it and keep their messages, waiting receivers get
// MACH_RCV_PORT_DIED (IPC-053).
func (s *PortSet) destroy() {
	for s.members.head != nil {
		s.part(s.members.head.port, s.members.head)
	}
	s.receivers.wakeAll(mach.RcvPortDied)
}

// memberAndSet checks the arguments of the calls below in their order.
func (s *Space) memberAndSet(name, set mach.Name) (*Port, *PortSet, mach.Return) {
	e, ret := s.receiveRight(name)
	if e == nil {
		return nil, nil, ret
	}
	t := s.find(set)
	switch {
	case t == nil:
		return nil, nil, mach.KernInvalidName
	case t.kind != entryPortSet:
		return nil, nil, mach.KernInvalidRight
	}
	return e.port, t.set, mach.KernSuccess
}

// MoveMember takes a port out of all its sets and puts it into after, or into none if after is NULL. Moving
// it into the only set it is in changes nothing (IPC-055). Historic mach_port_move_member.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_NOT_IN_SET, after is NULL and the
// port is in no set.
func (s *Space) MoveMember(name, after mach.Name) mach.Return {
	if after == mach.NameNull {
		e, ret := s.receiveRight(name)
		switch {
		case e == nil:
			return ret
		case len(e.port.sets) == 0:
			return mach.KernNotInSet
		}
		e.port.leaveSets()
		return mach.KernSuccess
	}
	p, set, ret := s.memberAndSet(name, after)
	if ret != mach.KernSuccess {
		return ret
	}
	if len(p.sets) == 1 && p.sets[0].set == set {
		return mach.KernSuccess
	}
	p.leaveSets()
	set.join(p)
	return mach.KernSuccess
}

// InsertMember puts a port into one more set; into one it is in already changes nothing. Historic
// mach_port_insert_member.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_ALREADY_IN_SET, the port is in
// another set and the personality allows one.
func (s *Space) InsertMember(name, set mach.Name) mach.Return {
	p, t, ret := s.memberAndSet(name, set)
	switch {
	case ret != mach.KernSuccess:
		return ret
	case p.membership(t) != nil:
		return mach.KernSuccess
	case len(p.sets) > 0 && !s.node.pers.MultiSet:
		return mach.KernAlreadyInSet
	}
	t.join(p)
	return mach.KernSuccess
}

// ExtractMember takes a port out of one set. Historic mach_port_extract_member.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT; KERN_NOT_IN_SET, the port is not in
// that set.
func (s *Space) ExtractMember(name, set mach.Name) mach.Return {
	p, t, ret := s.memberAndSet(name, set)
	if ret != mach.KernSuccess {
		return ret
	}
	m := p.membership(t)
	if m == nil {
		return mach.KernNotInSet
	}
	t.part(p, m)
	return mach.KernSuccess
}

// GetSetStatus is the names of a set's members, in the order they joined. It adds no references. Historic
// mach_port_get_set_status.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT, no port set.
func (s *Space) GetSetStatus(name mach.Name) ([]mach.Name, mach.Return) {
	e, ret := s.named(name)
	switch {
	case e == nil:
		return nil, ret
	case e.kind != entryPortSet:
		return nil, mach.KernInvalidRight
	}
	names := make([]mach.Name, 0, e.set.members.n)
	for m := e.set.members.head; m != nil; m = m.next {
		names = append(names, m.port.state.(InSpace).entry.name)
	}
	return names, mach.KernSuccess
}
