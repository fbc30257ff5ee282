package pagers

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// order keeps the messages of one port in the order of their sequence numbers while several threads receive them.
// A thread that has received a message puts it here; unless another is at work on the port, it handles what
// is next, as long as that has come. So no thread ever waits for another (H-18), and terminate is not
// handled before what was queued in front of it (H-26).
type order struct {
	next    uint32                       // sequence number of the message to be handled next
	waiting map[uint32]*mach.UserMessage // received too early; looked up only
	busy    bool                         // a thread handles messages of the port
}

// Pool makes the server one that any number of threads may run at a time. Call it before ports are added.
func (s *Server) Pool() { s.orders = map[mach.Name]*order{} }

// admit begins to count the messages of a port that is to be served.
func (s *Server) admit(t user.Thread, port mach.Name) mach.Return {
	if s.orders == nil {
		return mach.KernSuccess
	}
	status, ret := user.MachPortGetReceiveStatus(t, user.Self(t), port)
	if ret == mach.KernSuccess {
		s.orders[port] = &order{next: status.Seqno, waiting: map[uint32]*mach.UserMessage{}}
	}
	return ret
}

// inOrder handles c's message, now or when it is its turn, and whatever of its port can be handled after it.
func (s *Server) inOrder(c *Call) {
	o := s.orders[c.Port]
	if o == nil {
		s.handle(c)
		return
	}
	m := *c.Message
	m.Descs = append(m.Descs[:0:0], m.Descs...)
	m.Body = append(m.Body[:0:0], m.Body...)
	o.waiting[c.Seqno] = &m
	if o.busy {
		return
	}
	o.busy = true
	defer func() { o.busy = false }() // also when the thread is killed
	for {
		m, here := o.waiting[o.next]
		if !here {
			break
		}
		delete(o.waiting, o.next)
		c.Message, c.Port, c.Seqno = m, m.Local, o.next
		o.next++
		s.handle(c)
	}
}
