package user

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Codec translates one message of a program.
type Codec[T any] = mig.Codec[T, mach.Name, mach.Region]

// CodecFor makes the codec of a row's request or reply; make codecs while the program starts.
func CodecFor[T any](row *mig.Row, dir mig.Dir) *Codec[T] {
	return mig.For[T, mach.Name, mach.Region](row, dir)
}

// Scratch is what the library remembers for one thread.
type Scratch struct {
	reply mach.Name           // receive right for replies, null until needed
	task  mach.Name           // what TaskSelf gave
	idle  []*mach.UserMessage // messages to use again
}

// take is a message without contents.
func (s *Scratch) take() *mach.UserMessage {
	if n := len(s.idle); n > 0 {
		m := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return m
	}
	return new(mach.UserMessage)
}

// put gives m back; what it carried has other owners by now.
func (s *Scratch) put(m *mach.UserMessage) {
	m.Reset()
	s.idle = append(s.idle, m)
}

// Self is the name of the caller's task. It is asked for once, so it costs one reference for each thread.
// Historic mach_task_self, the library's.
func Self(t Thread) mach.Name {
	s := t.Scratch()
	if s.task == mach.NameNull {
		s.task = t.TaskSelf()
	}
	return s.task
}

// Send sends a simple routine and waits for room in the queue.
func Send[T any](t Thread, c *Codec[T], v *T) mach.Return { return send(t, c, v, mach.OptNone, 0) }

// TrySend is Send with a bound on the wait. After MACH_SEND_TIMED_OUT the message is destroyed: what it
// had moved out of the task is lost, what it had copied or made is as before.
func TrySend[T any](t Thread, c *Codec[T], v *T, timeout mach.Timeout) mach.Return {
	return send(t, c, v, mach.SendTimeout, timeout)
}

func send[T any](t Thread, c *Codec[T], v *T, opt mach.Option, timeout mach.Timeout) mach.Return {
	s := t.Scratch()
	m := s.take()
	defer s.put(m)
	if r := c.Encode(v, m, t.Form()); r != mach.KernSuccess {
		return r
	}
	r := Msg(t, m, mach.SendMsg|opt, 0, mach.NameNull, timeout, mach.NameNull)
	if givenBack(r) {
		DestroyUnsent(t, m)
	}
	return r
}

// givenBack reports whether a send with this result has put its message back into the task.
func givenBack(r mach.Return) bool {
	switch r.Base() {
	case mach.SendTimedOut, mach.SendInterrupted:
		return true
	}
	return false
}

// Routine is the pair of codecs of a routine.
type Routine[Q, R any] struct {
	Request *Codec[Q]
	Reply   *Codec[R]
}

// NewRoutine makes the codecs of a row; make them while the program starts.
func NewRoutine[Q, R any](row *mig.Row) Routine[Q, R] {
	return Routine[Q, R]{CodecFor[Q](row, mig.Request), CodecFor[R](row, mig.Reply)}
}

// Call sends a routine with the thread's reply port and waits for the answer, which is zero after an error.
func Call[Q, R any](t Thread, c Routine[Q, R], req *Q) (rep R, r mach.Return) {
	s := t.Scratch()
	m := s.take()
	defer s.put(m)
	form := t.Form()
	if r := c.Request.Encode(req, m, form); r != mach.KernSuccess {
		return rep, r
	}
	if s.reply == mach.NameNull {
		s.reply = t.ReplyPort()
	}
	m.Local, m.LocalDisp = s.reply, mach.MakeSendOnce
	r = Msg(t, m, mach.SendMsg|mach.RcvMsg, ReceiveLimit, s.reply, 0, mach.NameNull)
	if r != mach.KernSuccess {
		s.callFailed(t, m, r)
		return rep, r
	}
	if r = c.Reply.Decode(m, &rep, form); r != mach.KernSuccess {
		Destroy(t, m) // a failed reply carries nothing; another message may
	}
	return rep, r
}

// do is Call for a routine of which only the code matters.
func do[Q, R any](t Thread, c Routine[Q, R], req *Q) mach.Return {
	_, r := Call(t, c, req)
	return r
}

// callFailed tidies up after mach_msg failed with r in a call. A reply port on which something may still come,
// the answer or the notification of a reply right that went with its message, is of no use for the next
// call: it is destroyed, as mig_dealloc_reply_port does.
func (s *Scratch) callFailed(t Thread, m *mach.UserMessage, r mach.Return) {
	switch r.Base() {
	case mach.SendInvalidReply, mach.RcvInvalidName:
		s.reply = mach.NameNull // the port went by other hands
	case mach.SendInvalidDest, mach.SendInvalidHeader: // nothing has left the task
	case mach.SendTimedOut, mach.SendInterrupted:
		DestroyUnsent(t, m)
	case mach.RcvBodyError:
		Destroy(t, m)
	default:
		old := s.reply
		s.reply = mach.NameNull
		MachPortModRefs(t, Self(t), old, mach.RightReceive, -1)
	}
}

// simple is the codec of a simple routine.
func simple[T any](row *mig.Row) *Codec[T] { return CodecFor[T](row, mig.Request) }
