package pagers

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Server receives the messages of a manager and hands each to its handler. Its ports are the members of
// one port set, so that one thread can serve any number of memory objects; messages of one object are
// served in the order in which they were queued. Several threads may run a server after Pool.
type Server struct {
	handler Handler
	table   *user.Server[*Call]
	set     mach.Name
	observe func(*Call)
	orders  map[mach.Name]*order // of the ports, when several threads run the server; nil: one does
}

// Call is what a handler is told beside its message.
type Call struct {
	Thread user.Thread
	Server *Server
	Port   mach.Name // the port the message arrived on, by the server's name
	Seqno  uint32    // position of the message on that port (what the seqnos_ forms of handlers are told)
	// Message is the whole message in the user's form.
	Message *mach.UserMessage

	out mach.UserMessage // where a reply is built
}

// New makes a server for h, without ports. The thread need not be the one that runs it.
func New(t user.Thread, h Handler) (*Server, mach.Return) {
	set, ret := user.MachPortAllocate(t, user.Self(t), mach.RightPortSet)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	return &Server{handler: h, table: table(t, h), set: set}, mach.KernSuccess
}

// Observe has f called with every message before its handler, for tests and for counting.
func (s *Server) Observe(f func(*Call)) { s.observe = f }

// PortSet is the name of the set that the server receives from.
func (s *Server) PortSet() mach.Name { return s.set }

// AllocatePort makes a port, such as a memory object, and serves it.
func (s *Server) AllocatePort(t user.Thread) (mach.Name, mach.Return) {
	port, ret := user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
	if ret != mach.KernSuccess {
		return mach.NameNull, ret
	}
	if ret = s.AddPort(t, port); ret != mach.KernSuccess {
		user.MachPortDestroy(t, user.Self(t), port)
		return mach.NameNull, ret
	}
	return port, mach.KernSuccess
}

// AddPort serves a port whose receive right the task already has.
func (s *Server) AddPort(t user.Thread, port mach.Name) mach.Return {
	if ret := s.admit(t, port); ret != mach.KernSuccess {
		return ret
	}
	return user.MachPortMoveMember(t, user.Self(t), port, s.set)
}

// Run serves messages until a receive fails, as when the port set is destroyed, and returns why.
func (s *Server) Run(t user.Thread) mach.Return {
	var m mach.UserMessage
	c := Call{Thread: t, Server: s}
	for {
		c.Message = &m
		ret := user.Receive(t, &m, s.set)
		if !s.dispatch(&c, ret) {
			return ret
		}
	}
}

// Step serves at most one message and reports whether one came within the timeout.
func (s *Server) Step(t user.Thread, timeout mach.Timeout) (served bool, ret mach.Return) {
	var m mach.UserMessage
	ret = user.TryReceive(t, &m, s.set, timeout)
	if ret == mach.RcvTimedOut {
		return false, mach.KernSuccess
	}
	if !s.dispatch(&Call{Thread: t, Server: s, Message: &m}, ret) {
		return false, ret
	}
	return true, mach.KernSuccess
}

// dispatch hands a received message to the handler. ret is the result of the receive; a message that did
// not arrive whole is destroyed, if the kernel has not done so. It reports whether anything was received.
func (s *Server) dispatch(c *Call, ret mach.Return) bool {
	switch ret.Base() {
	case mach.KernSuccess:
	case mach.RcvBodyError:
		user.Destroy(c.Thread, c.Message)
		return true
	case mach.RcvTooLarge, mach.RcvHeaderError:
		return true
	default:
		return false
	}
	m := c.Message
	c.Port, c.Seqno = m.Local, m.Trailer.Seqno
	if s.orders != nil {
		s.inOrder(c)
	} else {
		s.handle(c)
	}
	return true
}

// handle hands c's message to its handler.
func (s *Server) handle(c *Call) {
	m := c.Message
	if s.observe != nil {
		s.observe(c)
	}
	code, known := s.table.Dispatch(c, m, &c.out)
	if !known {
		code = s.handler.Other(c)
	}
	if !mig.Owned(code) {
		user.Destroy(c.Thread, m)
	}
}
