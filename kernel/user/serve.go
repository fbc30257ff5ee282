package user

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Server is a table of handlers of a program.
type Server[C any] = mig.Server[C, mach.Name, mach.Region]

// NewServer makes a table without handlers for a program on t's host.
func NewServer[C any](t Thread) *Server[C] {
	return mig.NewServer[C, mach.Name, mach.Region](t.Form())
}

// On has h serve a routine; see mig.On.
func On[C, Q, R any](s *Server[C], c Routine[Q, R], h func(ctx C, req *Q, rep *R) mach.Return) {
	mig.On(s, c.Request, c.Reply, h)
}

// OnSimple has h serve a simple routine; see mig.OnSimple.
func OnSimple[C, Q any](s *Server[C], c *Codec[Q], h func(ctx C, req *Q) mach.Return) {
	mig.OnSimple(s, c, h)
}

// Serve receives messages from a port or port set and answers them, until a receive fails; it returns why.
// Historic mach_msg_server.
func Serve[C any](t Thread, ctx C, name mach.Name, servers ...*Server[C]) mach.Return {
	var in, out mach.UserMessage
	for {
		if r := Receive(t, &in, name); r != mach.KernSuccess {
			if r.Base() == mach.RcvBodyError {
				Destroy(t, &in) // received, but not whole
				continue
			}
			return r
		}
		ServeMessage(t, ctx, &in, &out, servers...)
	}
}

// ServeMessage offers a received message to one server after the other, sends the reply and destroys the
// request if its handler did not take it. The reply port is used up, unless the handler returned
// MIG_NO_REPLY and answers by itself. out is where the reply is built. The result is the handler's;
// MIG_BAD_ID if no server knows the message.
func ServeMessage[C any](t Thread, ctx C, in, out *mach.UserMessage, servers ...*Server[C]) mach.Return {
	code := mach.MigBadID
	mig.PutReturn(out, in.ID, code)
	for _, s := range servers {
		c, known := s.Dispatch(ctx, in, out)
		if known {
			code = c
			break
		}
	}
	if code != mach.MigNoReply && in.Remote.Valid() {
		out.Remote, out.RemoteDisp = in.Remote, in.RemoteDisp
		out.Local, out.LocalDisp = mach.NameNull, mach.DispNone
		in.Remote, in.RemoteDisp = mach.NameNull, mach.DispNone
		reply(t, out)
	}
	if !mig.Owned(code) {
		Destroy(t, in)
	}
	return code
}

// reply sends m. If it cannot be sent because its receiver is gone, what it carries is given up.
func reply(t Thread, m *mach.UserMessage) {
	r := Msg(t, m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
	if r == mach.SendInvalidDest {
		releaseUnsent(t, m)
	}
}

// releaseUnsent gives up what a message that never left the task would have moved; what it would have
// copied or made is no right of the message. The name of the destination is released too: it has become
// a dead name.
func releaseUnsent(t Thread, m *mach.UserMessage) {
	Release(t, m.Remote, m.RemoteDisp)
	if !m.Complex {
		return
	}
	for i := range m.Descs {
		switch d := &m.Descs[i]; {
		case d.Kind == mach.DescPort:
			Release(t, d.Port, d.Disp)
		case d.Kind == mach.DescPorts && d.Disp <= mach.MoveSendOnce:
			ReleaseArray(t, d.Memory, d.Disp)
		case d.Deallocate:
			Deallocate(t, d.Memory)
		}
	}
}
