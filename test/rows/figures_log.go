package rows

import (
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// protocolLog notes the messages of the pager protocol in their order, and how often each page that was asked for was
// answered.
type protocolLog struct {
	words   []string // what a manager asks is in brackets
	seen    map[uint64]bool
	pending []pageRequest
	fewest  int
	most    int
	any     bool
}

// pageRequest is a page that a kernel has asked for, and its answers until it asks again or has it back.
type pageRequest struct {
	control uint64
	offset  mach.Offset
	answers int
}

// Record notes r.
func (l *protocolLog) Record(r *trace.Record) {
	m, ok := trace.As[trace.Message](r)
	if !ok || m.Op != trace.MessageSend && m.Op != trace.MessageKernel {
		return
	}
	row := defs.Registry(mig.OSF).Request(m.ID)
	if row == nil {
		return
	}
	name, ours := strings.CutPrefix(row.Name, "memory_object_")
	if !ours || l.seen[m.Kmsg] {
		return
	}
	if l.seen == nil {
		l.seen = map[uint64]bool{}
	}
	l.seen[m.Kmsg] = true
	if row.Subsystem != defs.MemoryObject {
		if name == "change_attributes" {
			name = "ready" // the call that makes it so
		}
		name = "[" + name + "]"
	}
	l.words = append(l.words, name)
	switch row {
	case defs.MemoryObjectDataRequestRow:
		l.ask(&m, row)
	case defs.MemoryObjectDataSupplyRow:
		l.answer(m.Dest, mach.Offset(argument(row, &m, "offset")), mach.Size(m.Desc[0].Value))
	case defs.MemoryObjectDataUnavailableRow, defs.MemoryObjectDataErrorRow:
		l.answer(m.Dest, mach.Offset(argument(row, &m, "offset")), mach.Size(argument(row, &m, "size")))
	}
}

// ask notes the pages of a data_request. One that was asked for before has had all its answers.
func (l *protocolLog) ask(m *trace.Message, row *mig.Row) {
	control, off := m.Desc[0].Value, mach.Offset(argument(row, m, "offset"))
	for end := off + mach.Offset(argument(row, m, "length")); off < end; off += mach.Offset(mach.DefaultPageSize) {
		known := false
		for i := range l.pending {
			if p := &l.pending[i]; p.control == control && p.offset == off {
				l.judge(*p)
				p.answers, known = 0, true
			}
		}
		if !known {
			l.pending = append(l.pending, pageRequest{control: control, offset: off})
		}
	}
}

// answer notes an answer to each page of a range.
func (l *protocolLog) answer(control uint64, off mach.Offset, size mach.Size) {
	for i := range l.pending {
		if p := &l.pending[i]; p.control == control && p.offset >= off && p.offset < off+mach.Offset(size) {
			p.answers++
		}
	}
}

func (l *protocolLog) judge(p pageRequest) {
	if !l.any || p.answers < l.fewest {
		l.fewest = p.answers
	}
	l.most = max(l.most, p.answers)
	l.any = true
}

// answers is the fewest and the most answers that a page got, once all is over.
func (l *protocolLog) answers() (fewest, most int) {
	for _, p := range l.pending {
		l.judge(p)
	}
	l.pending = nil
	return l.fewest, l.most
}

// count is the number of messages of kernels, and of calls of managers.
func (l *protocolLog) count() (kernel, manager int) {
	for _, w := range l.words {
		if strings.HasPrefix(w, "[") {
			manager++
		} else {
			kernel++
		}
	}
	return kernel, manager
}
