package trace

import (
	"encoding/hex"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"unicode"

	"machvm/kernel/mach"
)

// AttrType says which part of an Attr holds its value.
type AttrType uint8

const (
	AttrUint AttrType = iota // Num
	AttrInt                  // Num, as a two's complement
	AttrBool                 // Num, 0 or 1
	AttrText                 // Text
)

// Attr is one field of an event in flat form: a nested field is called desc0_kind.
type Attr struct {
	Key  string
	Type AttrType
	Num  uint64
	Text string // text, or bytes in hexadecimal with the zero bytes at the end left out
	Name string // what Num is called: the label of an id, the word of an enumeration; "" if nothing
}

// attrPlan is how to reach a field of an event, worked out once.
type attrPlan struct {
	key    string
	typ    reflect.Type
	index  []int   // of fields and array elements, outermost first
	offset uintptr // of the field in the event
	prefix string  // how it begins in JSON: ,"key":
	named  string  // the same for what it is called
	kind   reflect.Kind
	signed bool
	words  []string // what the first numbers are called, as JSON, where the type spells them
	// optional fields belong to an element of an array and are left out if they are zero.
	optional bool
	class    Class
	form     attrForm
}

type attrForm uint8

const (
	formNumber  attrForm = iota // a number without a name, or an id with a class
	formSpelled                 // a number whose type spells it
	formMessage                 // a message number
	formBool
	formText  // bytes that are a text
	formBytes // bytes
)

var (
	stringerType = reflect.TypeFor[fmt.Stringer]()
	messageType  = reflect.TypeFor[mach.MsgID]()
	// Types that have a spelling which says no more than the number.
	plainTypes = map[reflect.Type]bool{
		reflect.TypeFor[mach.Addr](): true, reflect.TypeFor[mach.Size](): true, reflect.TypeFor[mach.Offset](): true,
	}
)

// planOf lists the fields of an event type. It panics if two fields would have one key, or one would have a
// key that each record has.
func planOf(t reflect.Type) []attrPlan {
	var out []attrPlan
	for f := range t.Fields() {
		out = addPlan(out, f.Type, attrPlan{key: snake(f.Name), index: f.Index, offset: f.Offset, class: parseClass(f.Tag.Get("name"))})
	}
	taken := map[string]bool{"seq": true, "time": true, "host": true, "host_name": true, "thread": true,
		"thread_name": true, "kind": true, "line": true}
	for _, p := range out {
		for _, key := range []string{p.key, p.key + "_name"} {
			if taken[key] {
				panic(fmt.Sprintf("trace: %v: a second field with the key %q", t, key))
			}
			taken[key] = true
		}
	}
	return out
}

// addPlan adds the plan of a field of type t, or the plans of what is in it.
func addPlan(out []attrPlan, t reflect.Type, p attrPlan) []attrPlan {
	switch {
	case t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8:
		p.form = formBytes
		if t.Implements(stringerType) {
			p.form = formText
		}
	case t.Kind() == reflect.Array:
		p.optional = true
		for i := range t.Len() {
			q := p
			q.key = fmt.Sprintf("%s%d", p.key, i)
			q.index = append(p.index[:len(p.index):len(p.index)], i)
			q.offset += uintptr(i) * t.Elem().Size()
			out = addPlan(out, t.Elem(), q)
		}
		return out
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			q := p
			q.key = p.key + "_" + snake(f.Name)
			q.index = append(p.index[:len(p.index):len(p.index)], f.Index...)
			q.offset += f.Offset
			q.class = parseClass(f.Tag.Get("name"))
			out = addPlan(out, f.Type, q)
		}
		return out
	case t.Kind() == reflect.Bool:
		p.form = formBool
	case t == messageType:
		p.form = formMessage
	case t.Implements(stringerType) && !plainTypes[t]:
		p.form = formSpelled
	}
	p.typ, p.kind = t, t.Kind()
	p.signed = p.kind >= reflect.Int && p.kind <= reflect.Int64
	if p.form == formSpelled {
		for n := range uint64(firstWords) {
			p.words = append(p.words, p.word(n))
		}
	}
	p.prefix, p.named = `,"`+p.key+`":`, `,"`+p.key+`_name":`
	return append(out, p)
}

// firstWords is how many numbers of a field that its type spells have their spelling ready.
const firstWords = 32

// word is what the type of a field calls a number, as JSON.
func (p *attrPlan) word(n uint64) string {
	v := reflect.New(p.typ).Elem()
	if p.signed {
		v.SetInt(int64(n))
	} else {
		v.SetUint(n)
	}
	return string(appendText(nil, v.Interface().(fmt.Stringer).String()))
}

// snake is a Go name in lower case with underscores: DestKind becomes dest_kind.
func snake(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		if unicode.IsUpper(r) && lower {
			b.WriteByte('_')
		}
		lower = !unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// value is the planned field of the event v.
func (p *attrPlan) value(v reflect.Value) reflect.Value {
	for _, i := range p.index {
		if v.Kind() == reflect.Array {
			v = v.Index(i)
		} else {
			v = v.Field(i)
		}
	}
	return v
}

// Attrs lists the fields of r's event in the order of its struct.
func (r *Record) Attrs(names *Names) iter.Seq[Attr] {
	return func(yield func(Attr) bool) {
		k := &kinds[r.Kind]
		event := k.view(r)
		for i := range k.plan {
			p := &k.plan[i]
			if v := p.value(event); !p.optional || !v.IsZero() {
				if !yield(p.attr(v, r.Host, names)) {
					return
				}
			}
		}
	}
}

func (p *attrPlan) attr(v reflect.Value, host uint16, names *Names) Attr {
	a := Attr{Key: p.key}
	switch {
	case p.form == formText:
		a.Type, a.Text = AttrText, v.Interface().(fmt.Stringer).String()
		return a
	case p.form == formBytes:
		a.Type, a.Text = AttrText, hex.EncodeToString(trimZeros(v.Bytes()))
		return a
	case p.form == formBool:
		a.Type = AttrBool
		if v.Bool() {
			a.Num = 1
		}
		return a
	case v.CanInt():
		a.Type, a.Num = AttrInt, uint64(v.Int())
	default:
		a.Num = v.Uint()
	}
	switch {
	case p.class != ClassNone:
		a.Name = names.Name(p.class, a.Num)
	case p.form == formMessage:
		a.Name = names.Message(host, mach.MsgID(v.Int()))
	case p.form == formSpelled:
		a.Name = v.Interface().(fmt.Stringer).String()
	}
	return a
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
