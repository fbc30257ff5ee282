package trace

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"machvm/kernel/mach"
)

// Level is how much detail somebody wants to see.
type Level uint8

const (
	// Student is what a reader of the protocol needs: messages, faults that reach a manager or fail, mappings,
	// exceptions, ends of threads and tasks, and notes.
	Student Level = iota
	// Full is everything.
	Full
)

var levelNames = []string{"student", "full"}

func (l Level) String() string { return spell(l, "level", levelNames) }

// ParseLevel finds the level with the given name. It fails for a name that no level has.
func ParseLevel(s string) (Level, error) {
	for l, name := range levelNames {
		if name == s {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("trace: no level is named %q; there are %s", s, strings.Join(levelNames, ", "))
}

// Level is the lowest level that shows the record.
func (r *Record) Level() Level {
	show := false
	switch r.Kind {
	case KindMessage, KindException, KindNote:
		show = true
	case KindFault:
		f := at[Fault](r)
		show = f.Stage == FaultAsk || f.Stage == FaultEnd && (!f.Code.OK() || f.How == FaultPagedIn || f.How == FaultUnlocked)
	case KindMapping:
		op := at[Mapping](r).Op
		show = op == MappingEnter || op == MappingRemove || op == MappingExtend
	case KindThread:
		op := at[Thread](r).Op
		show = op == ThreadExit || op == ThreadKill
	case KindTask:
		show = at[TaskEvent](r).Op == TaskTerminate
	}
	if show {
		return Student
	}
	return Full
}

// Formatter turns records into text.
type Formatter interface {
	// Append adds the text of r to b, with a line break at its end, or nothing if r is not to be shown.
	Append(b []byte, r *Record) []byte
}

// Timeline writes one line per event: step, host, thread, a mark, and what happened there.
//
//	12 k0 pager    <- memory_object_terminate(memory_object=hello.txt, memory_control=receive right control#1) seqno 4
//
// The marks:
//
//	-> accepted into a queue    <- delivered to a task    => served by the kernel    xx destroyed    x> refused
//	** fault    ## mapping    !! exception or failed expectation    ok expectation    // note
//	-- object, page, port, right, thread, task    >> << trap    ?? choice
//
// A message that the kernel sends has "kernel" for its thread. Offsets and sizes are hexadecimal, counts are
// not. Virtual time stands behind the line, and only once it has moved.
type Timeline struct {
	Names *Names
	Level Level
	Mask  Mask // kinds to show; 0: all
	// Renumber counts the lines shown and not the events recorded: a transcript then keeps its numbers when
	// the kernel learns to record more.
	Renumber bool

	lines uint64
}

// Append adds the line of r.
func (t *Timeline) Append(b []byte, r *Record) []byte {
	if t.Level < r.Level() || t.Mask != 0 && !t.Mask.Has(r.Kind) {
		return b
	}
	step := r.Seq
	if t.Renumber {
		t.lines++
		step = t.lines
	}
	w := writer{b: fmt.Appendf(b, "%5d ", step), names: t.Names, host: r.Host, full: t.Level == Full}
	start := len(w.b)
	w.name(ClassHost, uint64(r.Host)).column(start, 2)
	start = len(w.b)
	w.who(r).column(start, 8)
	r.Event().line(&w)
	if w.full && w.fromKernel(r) && r.Thread != 0 {
		w.str(" in ").thread(r.Thread)
	}
	if r.Time != 0 {
		w.str(" @").str(FormatTime(r.Time))
	}
	return append(w.b, '\n')
}

// Describe is what happened, without step, host and thread.
func (r *Record) Describe(names *Names) string {
	w := writer{names: names, host: r.Host}
	r.Event().line(&w)
	return string(w.b)
}

// fromKernel reports whether r is a message on its way that the kernel sent.
func (w *writer) fromKernel(r *Record) bool {
	if r.Kind != KindMessage {
		return false
	}
	m := at[Message](r)
	return m.FromKernel && (m.Op == MessageSend || m.Op == MessageRefuse)
}

func (w *writer) who(r *Record) *writer {
	if w.fromKernel(r) {
		return w.str("kernel")
	}
	return w.thread(r.Thread)
}

var units = []struct {
	size mach.Time
	name string
}{{1_000_000_000, "s"}, {1_000_000, "ms"}, {1_000, "us"}, {1, "ns"}}

// FormatTime writes a virtual time exactly, in the largest unit that fits: "1.5ms".
func FormatTime(t mach.Time) string {
	for _, u := range units {
		if t >= u.size {
			s := strconv.FormatUint(uint64(t/u.size), 10)
			if rest := t % u.size; rest != 0 {
				s += strings.TrimRight(fmt.Sprintf(".%0*d", digits(u.size), rest), "0")
			}
			return s + u.name
		}
	}
	return "0"
}

// digits is the number of zeros of a power of ten.
func digits(n mach.Time) int { return len(strconv.FormatUint(uint64(n), 10)) - 1 }

// Text is a sink that writes what a formatter makes of each record.
type Text struct {
	w   io.Writer
	f   Formatter
	buf []byte
	err error
}

// NewText is a sink that writes to w, one Write per record shown.
func NewText(w io.Writer, f Formatter) *Text { return &Text{w: w, f: f} }

// Record writes r.
func (s *Text) Record(r *Record) {
	s.buf = s.f.Append(s.buf[:0], r)
	if len(s.buf) > 0 && s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
}

// Err is the first error of the writer; nothing is written after it.
func (s *Text) Err() error { return s.err }
