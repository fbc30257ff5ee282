package trace

import (
	"io"
	"iter"
	"math/bits"

	"machvm/kernel/mach"
)

// DefaultRing is how many records a new tracer keeps.
const DefaultRing = 4096

// firstRing is the size a ring starts with; it doubles as it fills, so that short runs stay small.
const firstRing = 64

// Sink receives records as they happen. The record is valid during the call only: copy it to keep it.
// A sink must not emit events.
type Sink interface {
	Record(r *Record)
}

// Tracer records the events of one simulation. A nil tracer is legal and records nothing.
type Tracer struct {
	// Read by every Emit.

	mask   Mask // kinds that somebody wants
	ring   []Record
	count  uint64 // records so far; record number count is in ring[(count-1) % len(ring)]
	time   mach.Time
	thread uint32
	host   uint16
	sinks  []sinkEntry

	ringMax  int  // 0: keeps nothing
	ringMask Mask // kinds the ring wants
	names    *Names
}

type sinkEntry struct {
	Sink
	mask Mask
}

// New is a tracer that keeps the last DefaultRing events of every kind.
func New() *Tracer {
	t := &Tracer{ringMask: All, names: NewNames()}
	t.SetRing(DefaultRing)
	return t
}

// Emit records e, if somebody wants its kind, with the current context.
func Emit[E Event](t *Tracer, e E) {
	if t == nil {
		return
	}
	k := e.Kind()
	if !t.mask.Has(k) {
		return
	}
	r := t.next(k)
	*at[E](r) = e
	if t.sinks != nil {
		t.deliver(r)
	}
}

// next is the slot for the next record, stamped.
func (t *Tracer) next(k Kind) *Record {
	if t.count == uint64(len(t.ring)) && len(t.ring) < t.ringMax {
		t.grow()
	}
	r := &t.ring[t.count&uint64(len(t.ring)-1)]
	t.count++
	r.Seq, r.Time, r.Thread, r.Host, r.Kind = t.count, t.time, t.thread, t.host, k
	return r
}

func (t *Tracer) grow() {
	ring := make([]Record, 2*len(t.ring))
	copy(ring, t.ring)
	t.ring = ring
}

func (t *Tracer) deliver(r *Record) {
	for i := range t.sinks {
		if t.sinks[i].mask.Has(r.Kind) {
			t.sinks[i].Record(r)
		}
	}
}

// On reports whether anybody wants events of kind k.
func (t *Tracer) On(k Kind) bool { return t != nil && t.mask.Has(k) }

// SetContext says who runs from now on: the scheduler calls it when it resumes a thread.
func (t *Tracer) SetContext(host uint16, thread uint32) {
	if t != nil {
		t.host, t.thread = host, thread
	}
}

// Context is what SetContext set last.
func (t *Tracer) Context() (host uint16, thread uint32) {
	if t == nil {
		return 0, 0
	}
	return t.host, t.thread
}

// SetTime says what time it is from now on: the clock calls it when it moves.
func (t *Tracer) SetTime(now mach.Time) {
	if t != nil {
		t.time = now
	}
}

// Seq is the number of the last record, 0 before the first.
func (t *Tracer) Seq() uint64 {
	if t == nil {
		return 0
	}
	return t.count
}

// Names is the tracer's registry of names; nil, which is legal, for a nil tracer.
func (t *Tracer) Names() *Names {
	if t == nil {
		return nil
	}
	return t.names
}

// SetRing makes the ring keep the last size records, rounded up to a power of two; 0 switches it off. It
// forgets what the ring held.
func (t *Tracer) SetRing(size int) {
	t.ringMax = 0
	if size > 0 {
		t.ringMax = 1 << bits.Len(uint(size-1))
	}
	t.forget()
}

// SetMask says which kinds the ring wants. The ring also holds what only a sink wants.
func (t *Tracer) SetMask(m Mask) {
	t.ringMask = m
	t.updateMask()
}

// AddSink hands events of the kinds in m to s from now on, after the sinks added before. Sinks are compared
// with ==, so s should be a pointer.
func (t *Tracer) AddSink(s Sink, m Mask) {
	t.sinks = append(t.sinks, sinkEntry{s, m})
	t.updateMask()
}

// RemoveSink takes s out, wherever it was added.
func (t *Tracer) RemoveSink(s Sink) {
	var keep []sinkEntry
	for _, e := range t.sinks {
		if e.Sink != s {
			keep = append(keep, e)
		}
	}
	t.sinks = keep
	t.updateMask()
}

// DropSinks takes all sinks out.
func (t *Tracer) DropSinks() {
	t.sinks = nil
	t.updateMask()
}

// Reset forgets records, labels, time and context, so that the tracer can serve another run. Settings,
// sinks and memory stay.
func (t *Tracer) Reset() {
	if t == nil {
		return
	}
	t.count, t.time, t.thread, t.host = 0, 0, 0, 0
	t.names.reset()
}

func (t *Tracer) forget() {
	// A ring that keeps nothing still has the one slot in which a record is built for the sinks.
	t.ring, t.count = make([]Record, max(1, min(t.ringMax, firstRing))), 0
	t.updateMask()
}

func (t *Tracer) updateMask() {
	t.mask = 0
	if t.ringMax > 0 {
		t.mask = t.ringMask & All
	}
	for _, e := range t.sinks {
		t.mask |= e.mask & All
	}
}

// Records are the records in the ring, oldest first. They are valid until the next event.
func (t *Tracer) Records() iter.Seq[*Record] { return t.last(DefaultRing << 20) }

// Last are the last n records in the ring, or fewer if it holds fewer, oldest first, as a copy.
func (t *Tracer) Last(n int) []Record {
	var out []Record
	for r := range t.last(n) {
		out = append(out, *r)
	}
	return out
}

func (t *Tracer) last(n int) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		if t == nil || t.ringMax == 0 || n <= 0 {
			return
		}
		size := uint64(len(t.ring))
		end := t.count
		for i := end - min(end, size, uint64(n)); i < end; i++ {
			if !yield(&t.ring[i&(size-1)]) {
				return
			}
		}
	}
}

// Dump writes the last n records of the ring to w, one line each: what a failure report shows.
func (t *Tracer) Dump(w io.Writer, f Formatter, n int) error {
	s := NewText(w, f)
	for r := range t.last(n) {
		s.Record(r)
	}
	return s.Err()
}

// Note emits text as one or more Note events of the given sort.
func (t *Tracer) Note(op NoteOp, text string) {
	if !t.On(KindNote) {
		return
	}
	for {
		n, rest := NewNote(op, text)
		Emit(t, n)
		if rest == "" {
			return
		}
		text = rest
	}
}
