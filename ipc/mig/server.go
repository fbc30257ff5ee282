package mig

import (
	"fmt"

	"machvm/kernel/mach"
)

// Server dispatches requests to handlers by message number. C is whatever a handler needs to know beside
// its arguments. A server belongs to one program or one host: build it, then only Dispatch.
//
// Who owns what a request carries:
//
//   - In the user form the message stays as it is. If the result is Owned the rights and the memory in it
//     are the handler's; otherwise the caller of Dispatch destroys the message.
//   - In the linear form a handler takes a right or memory by moving it out of the request struct. What
//     it leaves, whatever its result, is in the message again when Dispatch returns, for the caller to
//     destroy. A handler that fails puts nothing into its reply.
type Server[C, P, M any] struct {
	form  Form
	table map[mach.MsgID]handler[C, P, M]
}

type handler[C, P, M any] struct {
	row   *Row
	serve func(ctx C, in, out *mach.Message[P, M]) mach.Return
}

// NewServer makes a server without handlers for messages of the given form.
func NewServer[C, P, M any](form Form) *Server[C, P, M] {
	return &Server[C, P, M]{form: form, table: map[mach.MsgID]handler[C, P, M]{}}
}

// On has h serve a routine. The request and the reply belong to the dispatcher: h must not keep a
// pointer to either, nor use one after it returns. h may block.
//
// A row without number in the server's message set is passed over. A second handler for one number is a
// slip in the program and panics.
func On[C, T, R, P, M any](s *Server[C, P, M], req *Codec[T, P, M], rep *Codec[R, P, M], h func(ctx C, req *T, rep *R) mach.Return) {
	if req.dir != Request || rep.dir != Reply || req.row != rep.row {
		panic(fmt.Sprintf("mig: server: the codecs are not request and reply of %s", req.row))
	}
	type call struct {
		req T
		rep R
	}
	var idle []*call
	s.add(req.row, func(ctx C, in, out *mach.Message[P, M]) mach.Return {
		c := pop(&idle)
		code := req.Decode(in, &c.req, s.form)
		if code == mach.KernSuccess {
			if code = h(ctx, &c.req, &c.rep); code == mach.KernSuccess {
				code = rep.Encode(&c.rep, out, s.form)
			}
			req.Restore(&c.req, in, s.form)
		}
		*c = call{}
		idle = append(idle, c)
		return code
	})
}

// OnSimple has h serve a simple routine, or a routine whose answer h sends by itself, returning
// MIG_NO_REPLY. The rules of On apply.
func OnSimple[C, T, P, M any](s *Server[C, P, M], req *Codec[T, P, M], h func(ctx C, req *T) mach.Return) {
	if req.dir != Request {
		panic(fmt.Sprintf("mig: server: the codec is not the request of %s", req.row))
	}
	var idle []*T
	s.add(req.row, func(ctx C, in, out *mach.Message[P, M]) mach.Return {
		v := pop(&idle)
		code := req.Decode(in, v, s.form)
		if code == mach.KernSuccess {
			code = h(ctx, v)
			req.Restore(v, in, s.form)
		}
		*v = *new(T)
		idle = append(idle, v)
		return code
	})
}

// pop takes a value from the idle ones, or makes one. Several threads can be inside one handler, so one
// value is not enough; a value whose thread is killed inside the handler does not come back.
func pop[X any](idle *[]*X) *X {
	if n := len(*idle); n > 0 {
		x := (*idle)[n-1]
		*idle = (*idle)[:n-1]
		return x
	}
	return new(X)
}

func (s *Server[C, P, M]) add(row *Row, serve func(ctx C, in, out *mach.Message[P, M]) mach.Return) {
	id := row.ID(s.form.Set)
	if id == 0 {
		return
	}
	if other, ok := s.table[id]; ok {
		panic(fmt.Sprintf("mig: server: %s and %s have the same number %d", other.row, row, id))
	}
	s.table[id] = handler[C, P, M]{row, serve}
}

// Serves reports whether some handler serves the row.
func (s *Server[C, P, M]) Serves(row *Row) bool {
	h, ok := s.table[row.ID(s.form.Set)]
	return ok && h.row == row
}

// Dispatch runs the handler for in and makes out the reply, which carries no rights in its header: the
// caller addresses and sends it, or drops it if the request named no reply port or if the code is
// MIG_NO_REPLY. out must be another message than in.
//
// known is false if no handler serves the number; the reply then says MIG_BAD_ID, and in is untouched so
// that another server may be tried. code is the handler's result, MIG_NO_REPLY included, or the error of
// decoding the request.
func (s *Server[C, P, M]) Dispatch(ctx C, in, out *mach.Message[P, M]) (code mach.Return, known bool) {
	h, known := s.table[in.ID]
	if !known {
		PutReturn(out, in.ID, mach.MigBadID)
		return mach.MigBadID, false
	}
	out.ID = 0
	code = h.serve(ctx, in, out)
	if code != mach.KernSuccess || out.ID == 0 {
		PutReturn(out, in.ID, code)
	}
	return code, true
}

// Owned reports whether, after a handler's result, the rights and the memory of a request are the
// handler's; otherwise they are to be destroyed.
func Owned(code mach.Return) bool { return code == mach.KernSuccess || code == mach.MigNoReply }

// PutReturn makes m the reply to a request that carries nothing but a code. Historic mig_reply_error_t.
func PutReturn[P, M any](m *mach.Message[P, M], request mach.MsgID, code mach.Return) {
	m.ID = request + mach.ReplyOffset
	m.Complex = false
	m.Descs = m.Descs[:0]
	m.Body = mach.Words.AppendUint32(m.Body[:0], uint32(code))
}
