package scenario

import (
	"bytes"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// student is the transcript: the timeline at its lower level, without the lines that only show how a call
// is carried out. Left out are
//
//   - the reply of a call that says no more than KERN_SUCCESS, and that a reply was queued (that it came is
//     shown if it says more);
//   - how a pager written in Go keeps house: its calls for buffers and references, and the mappings of its
//     buffers;
//   - how data that a script gives as bytes gets into a message: memory is allocated, and leaves again;
//   - threads of the harness and of the kernel.
//
// What the harness does for a script is a note.
type student struct {
	p    *play
	line trace.Timeline
}

// housekeeping are the calls of a pager in Go that teach nothing.
var housekeeping = map[mach.MsgID]bool{}

func init() {
	for set := range mig.Set(mig.Sets) {
		for _, row := range defs.Registry(set).Rows() {
			switch row.Name {
			case "vm_allocate", "vm_deallocate", "mach_port_allocate", "mach_port_deallocate", "mach_port_move_member",
				"mach_port_insert_right", "mach_port_request_notification":
				housekeeping[row.ID(set)] = true
			}
		}
	}
}

// Append adds the line of r, if it is to be shown.
func (s *student) Append(b []byte, r *trace.Record) []byte {
	if r.Level() > trace.Student || s.hidden(r) {
		return b
	}
	start := len(b)
	b = s.line.Append(b, r)
	if m, ok := trace.As[trace.Message](r); ok {
		b = s.shorten(b, start, r.Host, &m)
	}
	return b
}

// hidden reports whether r is one of the lines a student does without.
func (s *student) hidden(r *trace.Record) bool {
	if s.p.harness[r.Thread] {
		return true
	}
	switch r.Kind {
	case trace.KindMessage:
		m, _ := trace.As[trace.Message](r)
		return s.plumbing(r.Host, &m, s.p.quiet[m.Task] || s.p.placing[r.Thread])
	case trace.KindMapping:
		m, _ := trace.As[trace.Mapping](r)
		return s.p.quiet[m.Task] || s.p.placing[r.Thread]
	case trace.KindThread:
		return !s.p.ours[r.Thread]
	}
	return false
}

// plumbing reports whether m shows only how a call is carried out, or a housekeeping call of one who is to
// be quiet about them.
func (s *student) plumbing(host uint16, m *trace.Message, quiet bool) bool {
	reg := defs.Registry(s.p.form(host).Set)
	if reg.Request(m.ID) != nil || reg.Reply(m.ID) == nil {
		return m.Op == trace.MessageKernel && quiet && housekeeping[m.ID]
	}
	if m.FromKernel && (m.Op == trace.MessageSend || m.Op == trace.MessageDestroy) {
		return true
	}
	if m.Op != trace.MessageDeliver {
		return false
	}
	if quiet && housekeeping[m.ID-mach.ReplyOffset] {
		return true
	}
	return m.BodyLen == 4 && m.NDesc == 0 && mach.Words.Uint32(m.Body[:]) == uint32(mach.KernSuccess)
}

// shorten takes what every call has out of its line: the reply port, and arguments without a value.
func (s *student) shorten(b []byte, start int, host uint16, m *trace.Message) []byte {
	line := append([]byte(nil), b[start:]...)
	cut := func(text string) { line = bytes.Replace(line, []byte(text), nil, 1) }
	names := s.line.Names
	if m.Reply != trace.PortNull && m.ReplyKind.Arrives() == mach.PortSendOnce {
		cut(" reply to send-once right " + names.Name(trace.ClassPort, m.Reply))
	}
	if m.Op == trace.MessageDeliver && m.DestKind == mach.PortSendOnce && defs.Registry(s.p.form(host).Set).Reply(m.ID) != nil {
		cut(" to send-once right " + names.Name(trace.ClassPort, m.Dest))
	}
	cut(", reply_to=MACH_PORT_NULL")
	return append(b[:start], line...)
}
