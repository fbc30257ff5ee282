package pagers

import (
	"slices"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Discipline says what the numbers of messages are used for. Threads take messages off a port in the order in
// which they were queued, but may get to their handlers in any other. The number that each message was stamped
// with restores the order, for every port by itself.
type Discipline uint8

const (
	// Unordered: whoever has a message handles it. With several threads a request may be answered before
	// the page that was returned ahead of it is stored. Two handlers of one object may run at a time.
	Unordered Discipline = iota
	// FullSerialisation: a message waits until the one before it is done. One handler of a port runs at a
	// time, up to its call of Proceed; those of different ports run side by side.
	FullSerialisation
	// OrderedStart: a message waits until the one before it has started. Requests for data and for access run
	// side by side, and wait for the data that came back before them. Data coming back waits for data
	// of the same pages only. Every other message is handled alone, after all before it.
	OrderedStart
	// Queued: a thread that has a message before its turn leaves it to the one that is at work on the port,
	// and receives another. One handler of a port runs at a time, and no thread ever waits for another (H-18).
	Queued
)

func (d Discipline) String() string {
	switch d {
	case FullSerialisation:
		return "full serialisation"
	case OrderedStart:
		return "ordered start"
	case Queued:
		return "queued"
	}
	return "unordered"
}

// role is what a message does to its object, as far as OrderedStart cares.
type role uint8

const (
	alone role = iota
	reader
	writer
)

// turn is one message of a port, from the moment a thread has it until its handler is done.
type turn struct {
	seqno    uint32
	role     role
	from, to mach.Offset // writer: the data
	thread   user.Thread
	gate     mach.Name         // waiting: where the thread is told to go on
	message  *mach.UserMessage // waiting, but no thread does: the message
	result   mach.Return       // of receiving it
	holds    bool              // started, and nothing may start before it is done
	left     bool              // the order is no longer its business
	dead     bool              // waiting, but its thread was terminated
}

// sequence is the order of one port: the number that may start next, and what has started. A thread that is
// terminated leaves its number behind as done; if it was to wake another, that goes on with the next message.
type sequence struct {
	discipline Discipline
	next       uint32
	started    []*turn
	waiting    []*turn
	over       bool // the port is gone, so a number may be missing for ever
}

// turnOf is the turn of the message in c.
func (d Discipline) turnOf(c *Call, result mach.Return) turn {
	t := turn{seqno: c.Seqno, thread: c.Thread, result: result}
	if d != OrderedStart {
		return t
	}
	form := c.Thread.Form()
	var r DataReturn
	switch id := c.Message.ID; id {
	case defs.MemoryObjectDataRequestRow.ID(form.Set), defs.MemoryObjectDataUnlockRow.ID(form.Set):
		t.role = reader
	case defs.MemoryObjectDataReturnRow.ID(form.Set):
		if dataReturnCodec.Decode(c.Message, &r, form) == mach.KernSuccess {
			t.writes(r.Offset, r.Data)
		}
	case defs.MemoryObjectDataWriteRow.ID(form.Set):
		var w DataWrite
		if dataWriteCodec.Decode(c.Message, &w, form) == mach.KernSuccess {
			t.writes(w.Offset, w.Data)
		}
	case defs.MemoryObjectDataInitializeRow.ID(form.Set):
		var w DataInitialize
		if dataInitializeCodec.Decode(c.Message, &w, form) == mach.KernSuccess {
			t.writes(w.Offset, w.Data)
		}
	}
	return t
}

func (t *turn) writes(off mach.Offset, data mach.Region) {
	t.role, t.from, t.to = writer, off, off+mach.Offset(data.Size)
}

// admits reports whether t may start.
func (q *sequence) admits(t *turn) bool {
	switch ahead := int32(t.seqno - q.next); {
	case ahead < 0:
		return true // of a time before the numbers were set anew
	case ahead > 0 && !q.over:
		return false
	}
	for _, s := range q.started {
		switch {
		case s.holds, t.role == alone, t.role == reader && s.role == writer:
			return false
		case t.role == writer && s.role == writer && t.from < s.to && s.from < t.to:
			return false
		}
	}
	return true
}

// start lets t, which is admitted, start.
func (q *sequence) start(t *turn) {
	t.holds = t.role == alone
	q.started = append(q.started, t)
	if int32(t.seqno-q.next) >= 0 {
		q.next = t.seqno + 1
	}
}

// enter waits until t may start.
func (s *Server) enter(u user.Thread, q *sequence, t *turn) {
	if !q.admits(t) {
		t.gate = s.takeGate(u) // others run meanwhile, so it has to be asked again
	}
	if q.admits(t) {
		s.giveGate(t.gate)
		q.start(t)
		s.admit(u, q)
		return
	}
	// Whoever makes way for t starts it and then sends a message to the gate. If somebody has taken the
	// gate away nothing can be waited for.
	s.admit(u, q) // only after the death of a thread is there somebody to wake
	q.waiting = append(q.waiting, t)
	defer q.deserted(t)
	var m mach.UserMessage
	if user.Receive(u, &m, t.gate) == mach.KernSuccess {
		s.giveGate(t.gate)
	} else if slices.Contains(q.waiting, t) {
		q.waiting = without(q.waiting, t)
		q.start(t)
	}
	t.gate = mach.NameNull
}

// deserted gives up a turn whose thread is terminated while it waits for it: t still has its gate.
func (q *sequence) deserted(t *turn) {
	if t.gate == mach.NameNull {
		return
	}
	t.dead = true
	q.started = without(q.started, t)
}

// leave says that t is done.
func (s *Server) leave(u user.Thread, q *sequence, t *turn) {
	if t.left {
		return
	}
	t.left = true
	q.started = without(q.started, t)
	s.admit(u, q)
}

// put leaves the message of c to whoever is at work on its port. It reports whether somebody is.
func (q *sequence) put(c *Call) bool {
	if q.discipline != Queued || q.admits(&c.turn) {
		return false
	}
	m := *c.Message
	m.Descs, m.Body = slices.Clone(m.Descs), slices.Clone(m.Body)
	t := c.turn
	t.message = &m
	q.waiting = append(q.waiting, &t)
	return true
}

// take starts the next message that was left, if it may start, and makes it the one of c.
func (q *sequence) take(c *Call) bool {
	t := q.first()
	if t == nil || t.message == nil || !q.admits(t) {
		return false
	}
	q.waiting = without(q.waiting, t)
	c.Message, c.turn = t.message, *t
	c.turn.thread = c.Thread
	q.start(&c.turn)
	return true
}

// admit starts every waiting turn that may start, and wakes its thread.
func (s *Server) admit(u user.Thread, q *sequence) {
	for {
		t := q.first()
		if t == nil || t.message != nil || !q.admits(t) {
			return
		}
		q.waiting = without(q.waiting, t)
		q.start(t)
		if t.dead {
			q.started = without(q.started, t)
			continue
		}
		s.wake(u, q, t)
	}
}

// wake tells the thread of a turn that it has started. If the thread that is to tell it is being terminated, the
// turn waits on.
func (s *Server) wake(u user.Thread, q *sequence, t *turn) {
	told := false
	defer func() {
		if !told {
			q.started = without(q.started, t)
			q.waiting = append(q.waiting, t)
			if q.next == t.seqno+1 {
				q.next--
			}
		}
	}()
	m := mach.UserMessage{Remote: t.gate, RemoteDisp: mach.MakeSendOnce}
	user.Msg(u, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
	told = true
}

// first is the waiting turn with the lowest number.
func (q *sequence) first() (first *turn) {
	for _, t := range q.waiting {
		if first == nil || int32(t.seqno-first.seqno) < 0 {
			first = t
		}
	}
	return first
}

// takeGate is a port on which a thread can wait. Threads give theirs back, so there are no more of them than
// threads have ever waited at a time.
func (s *Server) takeGate(u user.Thread) mach.Name {
	if n := len(s.gates); n > 0 {
		gate := s.gates[n-1]
		s.gates = s.gates[:n-1]
		return gate
	}
	return u.ReplyPort()
}

func (s *Server) giveGate(gate mach.Name) {
	if gate != mach.NameNull {
		s.gates = append(s.gates, gate)
	}
}

// expect begins the order of a port with a number.
func (s *Server) expect(port mach.Name, seqno uint32) {
	if s.discipline != Unordered {
		s.orders[port] = &sequence{discipline: s.discipline, next: seqno}
	}
}

// forget ends the order of a port that is gone. Messages that threads have of it are handled in the order of
// their numbers, but a number that is missing is no longer waited for.
func (s *Server) forget(u user.Thread, port mach.Name) {
	if q := s.orders[port]; q != nil {
		delete(s.orders, port)
		q.over = true
		s.admit(u, q)
		s.work(&Call{Thread: u, Server: s, order: q})
	}
}

// Proceed lets the next message of the port start although this handler goes on: for what takes long and needs no
// order. It may be called at any time in a handler, and again.
func (c *Call) Proceed() {
	if c.order != nil {
		c.Server.leave(c.Thread, c.order, &c.turn)
	}
}
