package trace

import (
	"strings"
	"unicode/utf8"
)

// Short is a short text inside an event, such as the name of a point. Zero bytes end it.
type Short [24]byte

// ShortOf is the first 24 bytes of s.
func ShortOf(s string) (t Short) {
	copy(t[:], s)
	return t
}

func (t Short) String() string { return textOf(t[:]) }

// textOf is b up to its first zero byte, without what is no UTF-8 (a text may have been cut in a letter).
func textOf(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "")
}

// Choice is a decision of the chooser between several options.
type Choice struct {
	Sort  Short // kind of the choice
	Point Short
	Index uint32
	Width uint32
}

// Kind is KindChoice.
func (Choice) Kind() Kind { return KindChoice }

func (c Choice) line(w *writer) {
	w.mark("??").str(c.Sort.String()).str(" ").str(c.Point.String()).str(" ")
	w.dec(uint64(c.Index)).str("/").dec(uint64(c.Width))
}

// Preempt is a preemption point that a thread passes.
type Preempt struct {
	Object uint64 `name:"object"` // whose point it is; 0: nobody's
	Point  Short
}

// Kind is KindPreempt.
func (Preempt) Kind() Kind { return KindPreempt }

func (p Preempt) line(w *writer) {
	w.mark("??").str("may switch at ").str(p.Point.String())
	if p.Object != 0 {
		w.str(" of ").object(p.Object)
	}
}

// NoteOp is the sort of a note.
type NoteOp uint8

const (
	NoteInfo NoteOp = iota
	NotePass        // an expectation held
	NoteFail        // an expectation did not hold
)

var noteOpNames = []string{"info", "pass", "fail"}
var noteMarks = []string{"//", "ok", "!!"}

func (o NoteOp) String() string { return spell(o, "note", noteOpNames) }

// NoteSize is how many bytes of text a note holds.
const NoteSize = 176

// NoteText is the text of a note. Zero bytes end it.
type NoteText [NoteSize]byte

func (t NoteText) String() string { return textOf(t[:]) }

// Note is a remark of whoever runs the simulation, such as the result of an expectation.
type Note struct {
	Text NoteText
	Op   NoteOp
}

// NewNote is a note of as much of text as fits, and the rest. Line breaks and zero bytes become spaces.
func NewNote(op NoteOp, text string) (n Note, rest string) {
	text = strings.Map(func(r rune) rune {
		if r == 0 || r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	size := len(text)
	if size > NoteSize {
		size = NoteSize
		for !utf8.RuneStart(text[size]) {
			size--
		}
	}
	copy(n.Text[:], text[:size])
	n.Op = op
	return n, text[size:]
}

// Kind is KindNote.
func (Note) Kind() Kind { return KindNote }

func (n Note) line(w *writer) { w.mark(spell(n.Op, "", noteMarks)).str(n.Text.String()) }
