package scenario

import (
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// journal listens to the trace and keeps what expectations ask about: the messages of every port in the
// order they were queued, and the exceptions of every thread. It also names control ports and VM objects
// after the memory object they belong to.
type journal struct {
	p          *play
	sent       map[uint64][]*sentMessage // by destination port
	exceptions []trace.Record
	received   map[uint64][]starlark.Value // what managers got, by memory object port
}

// journalKinds are the events a journal wants.
var journalKinds = trace.MaskOf(trace.KindMessage, trace.KindAssociation, trace.KindException)

// sentMessage is a message that was accepted by its destination's queue.
type sentMessage struct {
	name   string
	host   uint16 // where it was sent
	kernel bool   // by the kernel
	fields starlark.StringDict
	names  []string // of the fields, in wire order
}

// portRef is a port inside a recorded message, with the kind of right that travelled.
type portRef struct {
	handle
	p    *play
	id   uint64
	disp mach.Disposition
}

func newJournal(p *play) *journal {
	return &journal{p: p, sent: map[uint64][]*sentMessage{}, received: map[uint64][]starlark.Value{}}
}

// Record notes r. It is called inside the kernel and must not block.
func (j *journal) Record(r *trace.Record) {
	switch r.Kind {
	case trace.KindMessage:
		if m, ok := trace.As[trace.Message](r); ok && m.Op == trace.MessageSend {
			j.label(&m, r.Host)
			j.sent[m.Dest] = append(j.sent[m.Dest], j.decode(&m, r.Host))
		}
	case trace.KindAssociation:
		if a, ok := trace.As[trace.Association](r); ok && a.Step == trace.StepInit {
			j.p.names.Number(trace.ClassObject, a.Object, j.p.names.Name(trace.ClassPort, a.ObjectPort)+".object")
		}
	case trace.KindException:
		j.exceptions = append(j.exceptions, *r)
	}
}

// label names the control port that an init carries after its memory object, and both ports of a create.
func (j *journal) label(m *trace.Message, host uint16) {
	set := j.p.form(host).Set
	if m.ID == defs.MemoryObjectInitRow.ID(set) && m.NDesc > 0 && m.Desc[0].Kind == mach.DescPort {
		j.p.names.Number(trace.ClassPort, m.Desc[0].Value, j.p.names.Name(trace.ClassPort, m.Dest)+".control")
	}
	if m.ID == defs.MemoryObjectCreateRow.ID(set) && m.NDesc > 1 && m.Desc[1].Kind == mach.DescPort {
		j.p.names.Number(trace.ClassPort, m.Desc[0].Value, "anonymous")
		j.p.names.Label(trace.ClassPort, m.Desc[1].Value, j.p.names.Name(trace.ClassPort, m.Desc[0].Value)+".control")
	}
}

// decode reads a message event by the row of its number. What the event does not hold whole (more than a
// few descriptors, a long body) is left out.
func (j *journal) decode(m *trace.Message, host uint16) *sentMessage {
	form := j.p.form(host)
	reg := defs.Registry(form.Set)
	s := &sentMessage{name: reg.MessageName(m.ID), host: host, kernel: m.FromKernel, fields: starlark.StringDict{}}
	row, dir := reg.Request(m.ID), mig.Request
	if row == nil {
		row, dir = reg.Reply(m.ID), mig.Reply
	}
	if row == nil {
		s.name = j.p.names.Message(host, m.ID)
		return s
	}
	body, next := m.Body[:min(int(m.BodyLen), len(m.Body))], 0
	if dir == mig.Reply && len(body) >= 4 {
		s.add("return", code{mach.Return(mach.Words.Uint32(body))})
		body = body[4:]
	}
	for _, a := range row.Args(dir) {
		if a.Option == "name" && !form.WithName {
			continue
		}
		switch a.Kind {
		case mig.ArgDest:
			s.add(a.Name, portRef{p: j.p, id: m.Dest, disp: m.DestKind})
		case mig.ArgSeqno:
		case mig.ArgPort, mig.ArgMemory, mig.ArgPorts:
			if next < min(int(m.NDesc), len(m.Desc)) {
				d := m.Desc[next]
				if a.Kind == mig.ArgPort {
					s.add(a.Name, portRef{p: j.p, id: d.Value, disp: d.Disp})
				} else {
					s.add(a.Name, starlark.MakeUint64(d.Value))
				}
			}
			next++
		default:
			v, rest, ok := readInline(body, a)
			if !ok {
				return s
			}
			s.add(a.Name, v)
			body = rest
		}
	}
	return s
}

func (s *sentMessage) add(name string, v starlark.Value) {
	s.fields[name] = v
	s.names = append(s.names, name)
}

func (s *sentMessage) String() string {
	var b strings.Builder
	b.WriteString(s.name + "(")
	for i, name := range s.names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + s.fields[name].String())
	}
	b.WriteString(")")
	return b.String()
}

// messages are those sent to a port, from one host or from all (0).
func (j *journal) messages(port uint64, host uint16) []*sentMessage {
	if host == 0 {
		return j.sent[port]
	}
	var some []*sentMessage
	for _, m := range j.sent[port] {
		if m.host == host {
			some = append(some, m)
		}
	}
	return some
}

func (portRef) Type() string { return "port" }

func (r portRef) String() string {
	name := r.p.names.Name(trace.ClassPort, r.id)
	switch r.disp.Arrives() {
	case mach.PortReceive:
		return "RECEIVE of " + name
	case mach.PortSendOnce:
		return "SEND_ONCE of " + name
	}
	return name
}
