package pagers

import (
	"slices"
	"strconv"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Server receives the messages of a manager and hands each to its handler. Its ports are the members of
// one port set, so that one thread can serve any number of memory objects, and several threads any number of
// them at a time. With one thread the messages of a port are handled in the order in which they were queued;
// with more, as its Discipline says.
type Server struct {
	handler Handler
	table   *user.Server[*Call]
	set     mach.Name
	observe func(*Call)

	faults     *faults // nil: nothing goes wrong on purpose
	dialect    Dialect
	threads    int
	discipline Discipline
	orders     map[mach.Name]*sequence // by port; unused without a discipline
	gates      []mach.Name             // ports on which no thread waits now

	// pending, if there is one, does what is left to do before the next receive and reports whether some is
	// left still; then the wait is bounded.
	pending func(*Call) bool
}

// Call is what a handler is told beside its message.
type Call struct {
	Thread user.Thread
	Server *Server
	Port   mach.Name // the port the message arrived on, by the server's name
	Seqno  uint32    // position of the message on that port (what the seqnos_ forms of handlers are told)
	// Message is the whole message in the user's form.
	Message *mach.UserMessage

	out   mach.UserMessage // where a reply is built
	order *sequence        // nil: none is kept
	turn  turn
}

// New makes a server for h, without ports. The thread need not be the one that runs it. Without options the server
// has one thread.
func New(t user.Thread, h Handler, options ...Option) (*Server, mach.Return) {
	set, ret := user.MachPortAllocate(t, user.Self(t), mach.RightPortSet)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	s := &Server{handler: h, table: table(t, h), set: set, threads: 1, orders: map[mach.Name]*sequence{}}
	for _, o := range options {
		o.set(s)
	}
	return s, mach.KernSuccess
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
	if ret = s.join(t, port, 0); ret != mach.KernSuccess {
		user.MachPortDestroy(t, user.Self(t), port)
		return mach.NameNull, ret
	}
	return port, mach.KernSuccess
}

// AddPort serves a port whose receive right the task has. Its messages are numbered from 0, as those of a
// port are whose receive right has just come (EMM-216).
func (s *Server) AddPort(t user.Thread, port mach.Name) mach.Return { return s.AddPortAt(t, port, 0) }

// AddPortAt is AddPort with the number that the next message is to have, to go on where another manager of the
// port stopped. Without a discipline the numbers stay what they are unless seqno says otherwise.
func (s *Server) AddPortAt(t user.Thread, port mach.Name, seqno uint32) mach.Return {
	if s.discipline != Unordered || seqno != 0 {
		if ret := user.MachPortSetSeqno(t, user.Self(t), port, seqno); ret != mach.KernSuccess {
			return ret
		}
	}
	return s.join(t, port, seqno)
}

// join puts a port, whose next message will have the number, into the set.
func (s *Server) join(t user.Thread, port mach.Name, seqno uint32) mach.Return {
	s.forget(t, port)
	s.expect(port, seqno)
	ret := user.MachPortMoveMember(t, user.Self(t), port, s.set)
	if ret != mach.KernSuccess {
		s.forget(t, port)
	}
	return ret
}

// RemovePort ends the service of a port, waits until all messages taken from it are done, and gives the number
// that the next one would have. Its receive right can go to another manager then. A handler of a message
// of this very port would wait for itself: KERN_INVALID_ARGUMENT.
func (s *Server) RemovePort(t user.Thread, port mach.Name) (seqno uint32, ret mach.Return) {
	q := s.orders[port]
	if q != nil && slices.ContainsFunc(q.started, func(o *turn) bool { return o.thread == t }) {
		return 0, mach.KernInvalidArgument
	}
	if ret = user.MachPortMoveMember(t, user.Self(t), port, mach.NameNull); ret != mach.KernSuccess {
		return 0, ret
	}
	status, ret := user.MachPortGetReceiveStatus(t, user.Self(t), port)
	if ret == mach.KernSuccess && q != nil {
		last := turn{seqno: status.Seqno, thread: t}
		s.enter(t, q, &last)
		s.leave(t, q, &last)
		delete(s.orders, port)
	}
	return status.Seqno, ret
}

// DestroyPort destroys a port that the server serves. Kernels that use it lose their manager.
func (s *Server) DestroyPort(t user.Thread, port mach.Name) mach.Return {
	ret := user.MachPortDestroy(t, user.Self(t), port)
	s.forget(t, port)
	return ret
}

// Run serves messages, with as many threads as the server has, until a receive fails, as when the port set is
// destroyed, and returns why.
func (s *Server) Run(t user.Thread) mach.Return {
	for i := 2; i <= s.threads; i++ {
		t.Spawn("service "+strconv.Itoa(i), func(t user.Thread) { s.serve(t) })
	}
	return s.serve(t)
}

// serve is the program of a service thread.
func (s *Server) serve(t user.Thread) mach.Return {
	var m mach.UserMessage
	c := Call{Thread: t, Server: s}
	for {
		c.Message = &m
		opt, wait := mach.OptNone, mach.Timeout(0)
		if s.pending != nil && s.pending(&c) {
			opt, wait = mach.RcvTimeout, 1
		}
		ret := s.receive(t, &m, opt, wait)
		if ret == mach.RcvTimedOut {
			continue
		}
		if !s.dispatch(&c, ret) {
			return ret
		}
	}
}

// Step serves at most one message and reports whether one came within the timeout.
func (s *Server) Step(t user.Thread, timeout mach.Timeout) (served bool, ret mach.Return) {
	var m mach.UserMessage
	ret = s.receive(t, &m, mach.RcvTimeout, timeout)
	if ret == mach.RcvTimedOut {
		return false, mach.KernSuccess
	}
	if !s.dispatch(&Call{Thread: t, Server: s, Message: &m}, ret) {
		return false, ret
	}
	return true, mach.KernSuccess
}

// receive takes a message. A message that is too long is destroyed by the kernel, and then nobody may be told
// its number, which all after it would wait for: where numbers matter, none is too long.
func (s *Server) receive(t user.Thread, m *mach.UserMessage, o mach.Option, timeout mach.Timeout) mach.Return {
	limit := user.ReceiveLimit
	if s.discipline != Unordered {
		limit = anyLength
	}
	return user.Msg(t, m, mach.RcvMsg|mach.RcvTrailerSeqno|o, limit, s.set, timeout, mach.NameNull)
}

const anyLength = ^mach.Size(0)

// dispatch hands a received message to the handler. ret is the result of the receive; a message that did
// not arrive whole is destroyed, if the kernel has not done so. It reports whether anything was received.
func (s *Server) dispatch(c *Call, ret mach.Return) bool {
	switch ret.Base() {
	case mach.KernSuccess, mach.RcvBodyError:
	case mach.RcvTooLarge, mach.RcvHeaderError:
		return true
	default:
		return false
	}
	c.identify()
	if c.order = s.orders[c.Port]; c.order == nil {
		s.handle(c, ret)
		return true
	}
	c.turn = s.discipline.turnOf(c, ret)
	if !c.order.put(c) {
		s.enter(c.Thread, c.order, &c.turn)
		s.inTurn(c)
	}
	s.work(c)
	return true
}

// identify reads port and number off the message.
func (c *Call) identify() { c.Port, c.Seqno = c.Message.Local, c.Message.Trailer.Seqno }

// inTurn handles a message whose turn has started.
func (s *Server) inTurn(c *Call) {
	defer s.leave(c.Thread, c.order, &c.turn) // also if the thread is killed in the handler
	s.handle(c, c.turn.result)
}

// work handles the messages of a port that were left to whoever is at work there, as far as their turn has come.
func (s *Server) work(c *Call) {
	for c.order.take(c) {
		c.identify()
		s.inTurn(c)
	}
}

// handle calls the handler, and destroys a message that it does not take.
func (s *Server) handle(c *Call, ret mach.Return) {
	if ret != mach.KernSuccess {
		user.Destroy(c.Thread, c.Message)
		return
	}
	if s.observe != nil {
		s.observe(c)
	}
	if s.faults != nil {
		s.faults.watch(c)
	}
	code, known := s.table.Dispatch(c, c.Message, &c.out)
	if !known {
		code = s.handler.Other(c)
	}
	if !mig.Owned(code) {
		user.Destroy(c.Thread, c.Message)
	}
}
