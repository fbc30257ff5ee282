package mig

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"machvm/kernel/mach"
)

// ArgKind is how an argument travels.
type ArgKind uint8

const (
	ArgDest   ArgKind = iota // header: the port a request is sent to
	ArgSeqno                 // trailer: sequence number
	ArgPort                  // descriptor: one right
	ArgPorts                 // descriptor: out-of-line array of rights
	ArgMemory                // descriptor: out-of-line bytes
	ArgWord                  // 32 bits
	ArgWide                  // 64 bits
	ArgBytes                 // inline bytes, count first
	ArgWords                 // inline words, count first
	ArgWides                 // inline 64-bit values, count first
)

func (k ArgKind) String() string {
	names := [...]string{"destination", "seqno", "port", "port array", "memory", "word", "wide", "bytes", "words", "wides"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// descriptor reports whether the argument has a descriptor.
func (k ArgKind) descriptor() bool { return k == ArgPort || k == ArgPorts || k == ArgMemory }

// Arg is one argument of a message.
type Arg struct {
	Name        string // as in the .defs
	Kind        ArgKind
	Type        reflect.Type           // Go type of the field, a slice for arrays; a marker for rights and memory
	Disposition [Sets]mach.Disposition // rights: what the sender does, by message set
	Poly        bool                   // the sender may use another disposition
	Strict      bool                   // polymorphic, but the receiver must see the kind of right the tag says
	Option      string                 // present only in a Form with this option
	Max         int                    // inline arrays: greatest number of elements
	Deallocate  bool                   // memory and arrays: taken from the sender
	Server      string                 // destination: who serves it

	field     int // index of the struct field
	companion int // index of the field with disposition or deallocate flag, -1 if none
}

// shape is the layout of one message as its prototype states it.
type shape struct {
	proto reflect.Type
	args  []Arg // wire order
	dest  *Arg
}

var (
	protoPort   = reflect.TypeFor[Port]()
	protoPorts  = reflect.TypeFor[Ports]()
	protoMemory = reflect.TypeFor[Memory]()
	typeDisp    = reflect.TypeFor[mach.Disposition]()
)

var dispositions = map[string]mach.Disposition{
	"move_receive": mach.MoveReceive, "move_send": mach.MoveSend, "move_send_once": mach.MoveSendOnce,
	"copy_send": mach.CopySend, "make_send": mach.MakeSend, "make_send_once": mach.MakeSendOnce,
}

// newShape reads a prototype. It panics, naming row and field, if the declaration is wrong.
func newShape(r *Row, dir Dir, t reflect.Type) *shape {
	fail := func(field, format string, a ...any) {
		panic(fmt.Sprintf("mig: %s %s, field %s: %s", r.Name, dir, field, fmt.Sprintf(format, a...)))
	}
	if t == nil || t.Kind() != reflect.Struct {
		fail("", "the prototype is %v, not a struct", t)
	}
	sh := &shape{proto: t}
	var head, descs, body []Arg
	companions := map[string]int{} // field name → index of its companion
	names := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("mig")
		if !ok {
			fail(f.Name, "it has no tag")
		}
		if key, of, ok := strings.Cut(tag, "="); ok && (key == "poly" || key == "dealloc") {
			if want := map[string]reflect.Type{"poly": typeDisp, "dealloc": reflect.TypeFor[bool]()}[key]; f.Type != want {
				fail(f.Name, "it must be a %v", want)
			}
			companions[of] = i
			continue
		}
		a := Arg{Type: f.Type, field: i, companion: -1}
		if err := a.parse(tag); err != nil {
			fail(f.Name, "%v", err)
		}
		if names[a.Name] {
			fail(f.Name, "%s occurs twice", a.Name)
		}
		names[a.Name] = true
		switch {
		case a.Kind == ArgDest && (dir == Reply || len(head) > 0):
			fail(f.Name, "only the first field of a request can be the destination")
		case a.Kind == ArgDest || a.Kind == ArgSeqno:
			head = append(head, a)
		case a.Kind.descriptor():
			descs = append(descs, a)
		default:
			body = append(body, a)
		}
	}
	sh.args = append(append(head, descs...), body...)
	for i := range sh.args {
		a := &sh.args[i]
		name := t.Field(a.field).Name
		if c, ok := companions[name]; ok {
			delete(companions, name)
			a.companion = c
			switch poly := t.Field(c).Type == typeDisp; {
			case poly && (a.Kind == ArgDest || a.Kind == ArgPort || a.Kind == ArgPorts):
				a.Poly = true
			case !poly && (a.Kind == ArgMemory || a.Kind == ArgPorts):
			default:
				fail(t.Field(c).Name, "it cannot accompany a %v", a.Kind)
			}
		}
		if a.Strict && !a.Poly {
			fail(name, "strict is for polymorphic rights")
		}
		if a.Kind == ArgDest {
			sh.dest = a
		}
	}
	for of, i := range companions { // unordered: any one shows the slip
		fail(t.Field(i).Name, "there is no field %s to accompany", of)
	}
	return sh
}

// parse fills a from a tag and from the type of the field.
func (a *Arg) parse(tag string) error {
	items := strings.Split(tag, ",")
	a.Name = items[0]
	if a.Name == "" {
		return fmt.Errorf("the tag begins with the argument's name")
	}
	cmu, trailer := mach.DispNone, false
	for _, item := range items[1:] {
		key, value, _ := strings.Cut(item, "=")
		if d, ok := dispositions[key]; ok {
			a.Disposition = [Sets]mach.Disposition{d, d, d}
			continue
		}
		switch key {
		case "dest":
			a.Server = value
		case "cmu":
			if cmu = dispositions[value]; cmu == mach.DispNone {
				return fmt.Errorf("unknown disposition %q in the tag", value)
			}
		case "option":
			a.Option = value
		case "deallocate":
			a.Deallocate = true
		case "trailer":
			trailer = true
		case "strict":
			a.Strict = true
		case "max":
			a.Max, _ = strconv.Atoi(value)
		default:
			return fmt.Errorf("unknown item %q in the tag", item)
		}
	}
	if cmu != mach.DispNone {
		a.Disposition[CMU], a.Disposition[GNU] = cmu, cmu
	}
	if trailer {
		if a.Type.Kind() != reflect.Uint32 || len(items) != 2 {
			return fmt.Errorf("what comes from the trailer is a uint32")
		}
		a.Kind = ArgSeqno
		return nil
	}
	return a.classify()
}

// classify derives the kind from the type and checks the rest of the tag against it.
func (a *Arg) classify() error {
	right := false
	switch t := a.Type; {
	case t == protoPort && a.Server != "":
		a.Kind, right = ArgDest, true
	case t == protoPort:
		a.Kind, right = ArgPort, true
	case t == protoPorts:
		a.Kind, right = ArgPorts, true
	case t == protoMemory:
		a.Kind = ArgMemory
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		a.Kind = ArgBytes
	case t.Kind() == reflect.Slice && isWord(t.Elem()) && t.Elem().Size() == 4:
		a.Kind = ArgWords
	case t.Kind() == reflect.Slice && isWide(t.Elem()):
		a.Kind = ArgWides
	case isWord(t):
		a.Kind = ArgWord
	case isWide(t):
		a.Kind = ArgWide
	default:
		return fmt.Errorf("type %v has no wire form", t)
	}
	array := a.Kind >= ArgBytes
	switch {
	case right != a.Disposition[OSF].Valid():
		return fmt.Errorf("a port, and only a port, has a disposition")
	case array != (a.Max > 0):
		return fmt.Errorf("an inline array, and only that, has a positive max")
	case a.Kind != ArgDest && a.Server != "":
		return fmt.Errorf("only a port can be the destination")
	case a.Option != "" && (a.Option != "name" || a.Kind != ArgPort):
		return fmt.Errorf("the only option is name, for ports")
	case a.Deallocate && a.Kind != ArgMemory && a.Kind != ArgPorts:
		return fmt.Errorf("only out-of-line data can be deallocated")
	case a.Kind == ArgDest && a.Disposition[OSF] == mach.MoveReceive:
		return fmt.Errorf("a receive right cannot be a destination")
	}
	return nil
}

// isWord reports whether a field of type t is one word on the wire.
func isWord(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Int32, reflect.Uint32:
		return true
	}
	return false
}

// isWide reports whether a field of type t is eight bytes on the wire.
func isWide(t reflect.Type) bool { return t.Kind() == reflect.Uint64 || t.Kind() == reflect.Int64 }
