package trace

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"machvm/kernel/mach"
)

// JSONVersion is the version of the JSON form.
const JSONVersion = 1

// JSON is a sink that writes each record as one line of JSON. The first line says what follows:
//
//	{"trace":"machvm","version":1}
//	{"seq":1,"time":0,"host":0,"host_name":"k0","thread":2,"thread_name":"pager","kind":"fault",...,"line":"** ..."}
//
// Fields come in the order of the event's struct. Numbers are written as integers of up to 64 bits, and what they
// are called stands beside them under the same key with _name. "line" is what Timeline would say. Reader needs
// neither the line nor the names.
type JSON struct {
	// Lines has each record say what Timeline would. It takes longer than everything else about a record.
	Lines bool

	w       io.Writer
	names   *Names
	buf     []byte
	line    writer
	spelled map[spelling]string // what numbers of fields are called, as JSON; looked up only
	header  bool                // written
	place   []byte              // host and thread of the last record, and what they are called, as of version
	host    uint16
	thread  uint32
	version uint64
	err     error
}

// spelling is a number of a field.
type spelling struct {
	p *attrPlan
	n uint64
}

// NewJSON is a sink that writes to w, one Write per record.
func NewJSON(w io.Writer, names *Names) *JSON {
	return &JSON{w: w, names: names, spelled: map[spelling]string{}}
}

// Record writes r.
func (s *JSON) Record(r *Record) {
	if s.err != nil {
		return
	}
	b := s.buf[:0]
	if !s.header {
		b = fmt.Appendf(b, "{\"trace\":\"machvm\",\"version\":%d}\n", JSONVersion)
		s.header = true
	}
	b = strconv.AppendUint(append(b, `{"seq":`...), r.Seq, 10)
	b = strconv.AppendUint(append(b, `,"time":`...), uint64(r.Time), 10)
	b = append(b, s.where(r)...)
	b = append(append(append(b, `,"kind":"`...), kinds[r.Kind].name...), '"')
	plan := kinds[r.Kind].plan
	for i := range plan {
		b = s.field(b, r, &plan[i])
	}
	if s.Lines {
		s.line.b, s.line.names, s.line.host = s.line.b[:0], s.names, r.Host
		r.Event().line(&s.line)
		b = appendText(append(b, `,"line":`...), string(s.line.b))
	}
	b = append(b, "}\n"...)
	_, s.err = s.w.Write(b)
	s.buf = b
}

// where is host and thread of r, and what they are called: mostly as it was for the record before.
func (s *JSON) where(r *Record) []byte {
	if s.place == nil || r.Host != s.host || r.Thread != s.thread || s.names.changes() != s.version {
		b := strconv.AppendUint(append(s.place[:0], `,"host":`...), uint64(r.Host), 10)
		b = s.name(append(b, `,"host_name":`...), ClassHost, uint64(r.Host))
		b = strconv.AppendUint(append(b, `,"thread":`...), uint64(r.Thread), 10)
		s.place = s.name(append(b, `,"thread_name":`...), ClassThread, uint64(r.Thread))
		s.host, s.thread, s.version = r.Host, r.Thread, s.names.changes()
	}
	return s.place
}

// Err is the first error of the writer; nothing is written after it.
func (s *JSON) Err() error { return s.err }

// field appends one field of r's event, if it is to be there.
func (s *JSON) field(b []byte, r *Record, p *attrPlan) []byte {
	if p.form == formBytes || p.form == formText {
		raw := r.bytes(p)
		b = append(b, p.prefix...)
		if p.form == formText {
			v := reflect.New(p.typ).Elem()
			reflect.Copy(v, reflect.ValueOf(raw))
			return appendText(b, v.Interface().(fmt.Stringer).String())
		}
		return append(appendHex(append(b, '"'), trimZeros(raw)), '"')
	}
	n := r.number(p)
	if p.optional && n == 0 {
		return b
	}
	b = append(b, p.prefix...)
	switch {
	case p.form == formBool:
		return strconv.AppendBool(b, n != 0)
	case p.signed:
		b = strconv.AppendInt(b, int64(n), 10)
	default:
		b = strconv.AppendUint(b, n, 10)
	}
	switch {
	case p.class != ClassNone:
		return s.name(append(b, p.named...), p.class, n)
	case p.form == formMessage:
		return appendText(append(b, p.named...), s.names.Message(r.Host, mach.MsgID(n)))
	case p.form == formSpelled:
		return append(append(b, p.named...), s.spell(p, n)...)
	}
	return b
}

// name appends what an id is called.
func (s *JSON) name(b []byte, c Class, id uint64) []byte {
	start := len(b) + 1
	b = s.names.append(append(b, '"'), c, id)
	if plainText(b[start:]) {
		return append(b, '"')
	}
	return appendText(b[:start-1], string(b[start:]))
}

// spell is what the number n of a field is called, as JSON.
func (s *JSON) spell(p *attrPlan, n uint64) string {
	if n < uint64(len(p.words)) {
		return p.words[n]
	}
	text, ok := s.spelled[spelling{p, n}]
	if !ok {
		text = p.word(n)
		if len(s.spelled) < maxSpelled {
			s.spelled[spelling{p, n}] = text
		}
	}
	return text
}

// maxSpelled bounds what a sink remembers: some fields have any number.
const maxSpelled = 4096

// appendText appends v as a string of JSON.
func appendText(b []byte, v string) []byte {
	if plainText(v) {
		return append(append(append(b, '"'), v...), '"')
	}
	return appendQuoted(b, v)
}

// appendQuoted is appendText for a text that needs care. Angle brackets stay as they are.
func appendQuoted(b []byte, v string) []byte {
	w := appender{b}
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // every string has a form
	}
	return w.b[:len(w.b)-1] // without the encoder's line break
}

// appender is a slice as a writer.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// plainText reports whether v stands for itself in a string of JSON.
func plainText[T string | []byte](v T) bool {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}

// appendHex appends bytes in hexadecimal.
func appendHex(b, raw []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range raw {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}
