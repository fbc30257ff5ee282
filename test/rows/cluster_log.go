package rows

import (
	"fmt"
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// MessageLog notes the messages by which the hosts of a cluster share an object, from the trace: between
// kernels and servers, and between servers. Setting up, terminating and keeping house are left out. A message
// counts once, when it is sent; an answer of a routine is a message of its own, and there are no routines among
// these.
type MessageLog struct {
	cluster *Cluster
	homes   map[uint64]int  // of ports: where they are
	seen    map[uint64]bool // messages that were noted when they were sent
	sent    []Sent
}

// Sent is one message.
type Sent struct {
	Row      *mig.Row
	From, To int // numbers of hosts, 0 for the machine of a central server
	// Letter is what the message is, as the published sequences write it: D data_request, U data_unlock, S supply, G
	// grant to a kernel, F flush, B data coming back, C lock_completed; between servers Q request, P page, g
	// grant, I invalidation, K its acknowledgement.
	Letter    string
	Requester int // of a request: who wants the page
	Offset    mach.Offset
}

// letters are the messages that count. A lock_request is G or F.
var letters = map[*mig.Row]string{
	defs.MemoryObjectDataRequestRow:   "D",
	defs.MemoryObjectDataUnlockRow:    "U",
	defs.MemoryObjectDataSupplyRow:    "S",
	defs.MemoryObjectLockRequestRow:   "G",
	defs.MemoryObjectDataReturnRow:    "B",
	defs.MemoryObjectDataWriteRow:     "B",
	defs.MemoryObjectLockCompletedRow: "C",
	defs.CoherentRequestRow:           "Q",
	defs.CoherentProvideRow:           "P",
	defs.CoherentGrantRow:             "g",
	defs.CoherentInvalidateRow:        "I",
	defs.CoherentInvalidatedRow:       "K",
}

func newMessageLog(k *Cluster) *MessageLog {
	l := &MessageLog{cluster: k, homes: map[uint64]int{}, seen: map[uint64]bool{}}
	k.Sim.Tracer().AddSink(l, trace.MaskOf(trace.KindMessage))
	return l
}

// Record notes r.
func (l *MessageLog) Record(r *trace.Record) {
	m, ok := trace.As[trace.Message](r)
	if !ok || m.Op != trace.MessageSend && m.Op != trace.MessageKernel {
		return
	}
	row := defs.Registry(mig.OSF).Request(m.ID)
	letter := letters[row]
	if letter == "" {
		return
	}
	// A request to a kernel of another host is seen twice: when it is sent and when it is served.
	if l.seen[m.Kmsg] {
		delete(l.seen, m.Kmsg)
		return
	}
	s := Sent{Row: row, From: l.cluster.number(r.Host), To: l.home(m.Dest), Letter: letter, Offset: mach.Offset(argument(row, &m, "offset"))}
	if m.Op == trace.MessageSend && (letter == "G" || letter == "S") {
		l.seen[m.Kmsg] = true
	}
	if letter == "G" && argument(row, &m, "should_flush") != 0 {
		s.Letter = "F"
	}
	if letter == "Q" {
		s.Requester = l.home(m.Desc[0].Value)
	}
	l.sent = append(l.sent, s)
}

// home is where a port is.
func (l *MessageLog) home(port uint64) int {
	n, ok := l.homes[port]
	if !ok {
		for p := range l.cluster.Sim.World().Ports() {
			if p.ID() == port {
				n = l.cluster.place(p)
			}
		}
		l.homes[port] = n
	}
	return n
}

// argument is a scalar argument in the body of a message.
func argument(row *mig.Row, m *trace.Message, name string) uint64 {
	at := 0
	for _, a := range row.Args(mig.Request) {
		switch a.Kind {
		case mig.ArgWide:
			if a.Name == name {
				return mach.Words.Uint64(m.Body[at:])
			}
			at += 8
		case mig.ArgWord:
			if a.Name == name {
				return uint64(mach.Words.Uint32(m.Body[at:]))
			}
			at += 4
		}
	}
	return 0
}

// Reset forgets what was noted.
func (l *MessageLog) Reset() { l.sent = nil }

// Sent lists what was noted since the last Reset.
func (l *MessageLog) Sent() []Sent { return l.sent }

// Count counts the messages with one of the letters, all if there are none.
func (l *MessageLog) Count(which string) (remote, local int) {
	for _, s := range l.sent {
		switch {
		case which != "" && !strings.Contains(which, s.Letter):
		case s.From != s.To:
			remote++
		default:
			local++
		}
	}
	return remote, local
}

// Forwards counts the requests that were passed on.
func (l *MessageLog) Forwards() (n int) {
	for _, s := range l.sent {
		if s.Letter == "Q" && s.Requester != s.From {
			n++
		}
	}
	return n
}

// Sequence is the messages in the notation of the published sequences: D1 at host 1, Q2>1 from 2 to 1, Q1>3(2) if
// it is on behalf of 2.
func (l *MessageLog) Sequence() string {
	var words []string
	for _, s := range l.sent {
		kernel := s.From
		if s.Letter == "S" || s.Letter == "G" || s.Letter == "F" {
			kernel = s.To
		}
		w := fmt.Sprintf("%s%d", s.Letter, kernel)
		if s.Row.Subsystem == defs.Coherent {
			w = fmt.Sprintf("%s%d>%d", s.Letter, s.From, s.To)
			if s.Letter == "Q" && s.Requester != s.From {
				w += fmt.Sprintf("(%d)", s.Requester)
			}
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
