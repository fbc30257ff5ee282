package conformance

import (
	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// waiting is a thread that makes one mach_msg, which may block.
type waiting struct {
	s      *stage
	thread mach.Name // its control port, as its task names it
	msg    *message
	done   bool
	code   mach.Return
}

// result is the code of a mach_msg that has returned.
func (w *waiting) result() mach.Return {
	w.s.t.Helper()
	require.True(w.s.t, w.done, "mach_msg has returned")
	return w.code
}

// Sender starts a thread that sends m, and lets it run until it has sent or waits for room.
func (s *stage) Sender(task *task, m *message) *waiting {
	s.t.Helper()
	return s.waiting(task, "sender", m, msgArgs{Option: mach.SendMsg})
}

// Receiver starts a thread that receives from a port or set, and lets it run until it has a message or waits
// for one.
func (s *stage) Receiver(task *task, name mach.Name) *waiting {
	s.t.Helper()
	return s.ReceiverWith(task, msgArgs{Option: mach.RcvMsg | mach.RcvTrailerSeqno, RcvLimit: receiveLimit, RcvName: name})
}

// ReceiverWith is Receiver with other arguments.
func (s *stage) ReceiverWith(task *task, args msgArgs) *waiting {
	s.t.Helper()
	return s.waiting(task, "receiver", new(message), args)
}

func (s *stage) waiting(task *task, name string, m *message, args msgArgs) *waiting {
	s.t.Helper()
	w := &waiting{s: s, msg: m}
	s.Go(task, name, func(a *actor) {
		w.thread = a.ThreadSelf()
		w.code = a.message(m, args)
		w.done = true
	})
	s.Settle()
	return w
}

// suspend, resume and abort act on a waiting thread of the actor's task.
func (a *actor) suspend(w *waiting) { a.t.Helper(); a.ok(user.ThreadSuspend(a, w.thread)) }
func (a *actor) resume(w *waiting)  { a.t.Helper(); a.ok(user.ThreadResume(a, w.thread)) }
func (a *actor) abort(w *waiting)   { a.t.Helper(); a.ok(user.ThreadAbort(a, w.thread)) }
