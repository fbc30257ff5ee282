package mig

import (
	"fmt"
	"io/fs"
	"reflect"

	"machvm/kernel/mach"
)

// Subsystem is one interface: the routines of one historic .defs file. It is built while the program
// starts and does not change afterwards.
type Subsystem struct {
	Name string
	Base mach.MsgID
	Doc  string // one sentence
	rows []*Row
	src  fs.FS // Go source with the message structs, for their prose
}

// NewSubsystem begins an interface. src holds the Go files that declare its messages: the doc comment of
// a struct is the prose of its row.
func NewSubsystem(name string, base mach.MsgID, doc string, src fs.FS) *Subsystem {
	return &Subsystem{Name: name, Base: base, Doc: doc, src: src}
}

// Rows lists the rows in the order of their declaration.
func (s *Subsystem) Rows() []*Row { return s.rows }

// Row is one message with its reply, if it has one.
type Row struct {
	Subsystem *Subsystem
	Name      string // historic name of the routine
	Kind      Kind
	ids       IDs
	shapes    [2]*shape // by Dir; no reply shape for a simple routine
}

// Simple adds a message without reply. request is a zero value of the message struct in prototype form,
// such as MemoryObjectInit[mig.Port]{}.
func (s *Subsystem) Simple(ids IDs, name string, request any) *Row {
	return s.add(&Row{Name: name, Kind: Simple, ids: ids}, request, nil)
}

// Routine adds a message with a reply; reply is mig.Void{} if only the return code comes back.
func (s *Subsystem) Routine(ids IDs, name string, request, reply any) *Row {
	return s.add(&Row{Name: name, Kind: Routine, ids: ids}, request, reply)
}

// add checks a row and makes it part of s. It panics on a slip in the declaration, which can only
// happen while the program starts.
func (s *Subsystem) add(r *Row, request, reply any) *Row {
	r.Subsystem = s
	for _, id := range r.ids {
		if id != 0 && (id < s.Base || id >= s.Base+2*mach.ReplyOffset) {
			panic(fmt.Sprintf("mig: %s: number %d is outside subsystem %s", r.Name, id, s.Name))
		}
	}
	r.shapes[Request] = newShape(r, Request, reflect.TypeOf(request))
	if r.shapes[Request].dest == nil {
		panic(fmt.Sprintf("mig: %s: the request has no destination", r.Name))
	}
	if r.Kind == Routine {
		r.shapes[Reply] = newShape(r, Reply, reflect.TypeOf(reply))
	}
	s.rows = append(s.rows, r)
	return r
}

// ID is the number of the request in a set, 0 if the set lacks it.
func (r *Row) ID(set Set) mach.MsgID {
	if int(set) >= Sets {
		return 0
	}
	return r.ids[set]
}

// ReplyID is the number of the reply, 0 if there is none.
func (r *Row) ReplyID(set Set) mach.MsgID {
	if id := r.ID(set); id != 0 && r.Kind == Routine {
		return id + mach.ReplyOffset
	}
	return 0
}

// Server says who answers the request: manager, control, task, host, ...
func (r *Row) Server() string { return r.shapes[Request].dest.Server }

// Args lists the arguments of one message in wire order: destination, ports and memory, then the rest.
func (r *Row) Args(dir Dir) []Arg {
	if r.shapes[dir] == nil {
		return nil
	}
	return r.shapes[dir].args
}

func (r *Row) String() string { return r.Name }
