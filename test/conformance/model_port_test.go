package conformance

import (
	"slices"

	"machvm/kernel/mach"
)

// The reference model: what the rules say about ports, rights and messages, in as few words as will do. It is
// written from the rules alone and shares nothing with the kernel; counts are kept, not recounted.
// A test drives it and the kernel with the same programs.

// refWorld is all ports of one host.
type refWorld struct {
	habits refHabits
	tasks  []*refTask
	ports  int
	// dying is the messages being destroyed: those that are found meanwhile wait at the end.
	dying []*refMessage
}

// refHabits are the fields of the personality that the model knows.
type refHabits struct {
	keepNoSenders bool // NSRequestOnMove=keep
	unknownIsBad  bool // DeallocUnknownOK=off
	plainDetects  bool // PlainPortsNoNMS=off
	oneSet        bool // MultiSet=off
	fullTrailer   bool // TooLargeTrailer=requested
}

// refPort is a port.
type refPort struct {
	id       int
	dead     bool
	holder   *refEntry // who has the receive right; nil: a message
	to       *refPort  // in a message: where that goes, once it is known
	queue    []*refMessage
	sets     []*refSet
	limit    int
	seqno    uint32
	mscount  uint32
	srights  int
	sorights int
	detects  bool     // whether no-senders can be asked for
	ns, pd   *refPort // the ports whose send-once rights are registered
	asks     []*refAsk
}

// refAsk is a dead-name request: notify has a send-once right less to give away.
type refAsk struct {
	entry  *refEntry
	notify *refPort
}

// refSet is a port set. queue is the messages of its members in the order of receiving.
type refSet struct {
	entry   *refEntry
	members []*refPort
	queue   []*refMessage
}

// refRight is a right in a message.
type refRight struct {
	kind mach.Disposition // as it arrives: PortSend, PortSendOnce, PortReceive
	port *refPort         // nil: NULL or DEAD
	dead bool             // DEAD
}

func (r refRight) null() bool { return r.port == nil }

// refMessage is a message in flight.
type refMessage struct {
	id       mach.MsgID
	dest     refRight
	reply    refRight
	complex  bool
	body     []refRight
	words    []uint32
	circular bool
}

func (m *refMessage) size() mach.Size {
	n := mach.HeaderSize + mach.Size(4*len(m.words))
	if m.complex {
		n += 4 + mach.DescriptorSize*mach.Size(len(m.body))
	}
	return n
}

func (w *refWorld) newPort(detects bool) *refPort {
	w.ports++
	return &refPort{id: w.ports, limit: mach.QlimitDefault, detects: detects}
}

// reaches reports whether p, or the port its receive right is on its way to, and so on, is q.
func (p *refPort) reaches(q *refPort) bool {
	for ; p != nil; p = p.to {
		if p == q {
			return true
		}
	}
	return false
}

// release gives up a right that is in no space.
func (w *refWorld) release(r refRight) {
	if r.port == nil || r.port.dead {
		return
	}
	switch r.kind {
	case mach.PortSend:
		w.sendGone(r.port)
	case mach.PortSendOnce:
		w.notify(r.port, mach.NotifySendOnce) // which uses the right up
	case mach.PortReceive:
		w.end(r.port)
	}
}

// sendGone counts a send right less, and tells who wants to know that it was the last.
func (w *refWorld) sendGone(p *refPort) {
	if p.dead {
		return
	}
	if p.srights--; p.srights == 0 && p.ns != nil {
		q := p.ns
		p.ns = nil
		w.notify(q, mach.NotifyNoSenders, p.mscount)
	}
}

// notify sends a notification through a send-once right for q.
func (w *refWorld) notify(q *refPort, id mach.MsgID, words ...uint32) {
	w.forward(&refMessage{id: id, dest: refRight{kind: mach.PortSendOnce, port: q}, words: words})
}

// forward puts a message into the queue of its destination, whatever the limit.
func (w *refWorld) forward(m *refMessage) {
	q := m.dest.port
	if q.dead {
		w.destroy(m)
		return
	}
	q.queue = append(q.queue, m)
	for _, s := range q.sets {
		s.queue = append(s.queue, m)
	}
}

// destroy gives up everything in a message.
func (w *refWorld) destroy(m *refMessage) {
	w.dying = append(w.dying, m)
	if len(w.dying) > 1 {
		return
	}
	for len(w.dying) > 0 {
		m := w.dying[0]
		w.release(m.dest)
		w.release(m.reply)
		for _, r := range m.body {
			w.release(r)
		}
		w.dying = w.dying[1:]
	}
}

// lift takes the receive right of a port out of its space.
func (w *refWorld) lift(p *refPort) {
	p.leaveSets()
	p.holder, p.to = nil, nil
	p.mscount, p.seqno = 0, 0
	w.forgetNoSenders(p)
}

// forgetNoSenders is what a move does to a no-senders request.
func (w *refWorld) forgetNoSenders(p *refPort) {
	if q := p.ns; q != nil && !w.habits.keepNoSenders {
		p.ns = nil
		w.notify(q, mach.NotifySendOnce)
	}
}

// end destroys the receive right of a port: the port dies, unless somebody has asked for it.
func (w *refWorld) end(p *refPort) {
	p.leaveSets()
	p.holder, p.to = nil, nil
	p.mscount, p.seqno = 0, 0
	if q := p.pd; q != nil {
		p.pd = nil
		if q.dead || !q.reaches(p) {
			w.forgetNoSenders(p)
			p.to = q
			w.forward(&refMessage{id: mach.NotifyPortDestroyed, dest: refRight{kind: mach.PortSendOnce, port: q},
				complex: true, body: []refRight{{kind: mach.PortReceive, port: p}}})
			return
		}
		q.sorights--
	}
	p.dead = true
	asks := p.asks
	for _, t := range w.tasks {
		for _, e := range t.entries {
			if e.port == p {
				e.die()
			}
		}
	}
	if q := p.ns; q != nil {
		p.ns = nil
		w.notify(q, mach.NotifySendOnce)
	}
	queue := p.queue
	p.queue = nil
	for _, m := range queue {
		w.destroy(m)
	}
	for _, ask := range asks {
		w.notify(ask.notify, mach.NotifyDeadName, uint32(ask.entry.name))
	}
}

// die makes a name a dead name. One reference more belongs to the notification, if one was asked for.
func (e *refEntry) die() {
	if e.kind == mach.TypeSendOnce {
		e.urefs = 1
	}
	if e.ask != nil {
		e.ask = nil
		e.urefs++
	}
	e.kind, e.port = mach.TypeDeadName, nil
}

// join and leave change the membership of a port in a set.
func (s *refSet) join(p *refPort) {
	s.members = append(s.members, p)
	p.sets = append(p.sets, s)
	s.queue = append(s.queue, p.queue...)
}

func (s *refSet) leave(p *refPort) {
	s.members = without(s.members, p)
	p.sets = without(p.sets, s)
	s.queue = slices.DeleteFunc(s.queue, func(m *refMessage) bool { return m.dest.port == p })
}

func (p *refPort) leaveSets() {
	for len(p.sets) > 0 {
		p.sets[0].leave(p)
	}
}

// take removes the oldest message.
func (p *refPort) take() *refMessage {
	m := p.queue[0]
	p.queue = p.queue[1:]
	for _, s := range p.sets {
		s.queue = without(s.queue, m)
	}
	return m
}

// without is list without x.
func without[E comparable](list []E, x E) []E {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
