package mig

import (
	"fmt"
	"slices"

	"machvm/kernel/mach"
)

// Registry finds the rows of one message set by number. It does not change after it is made.
//
// The numbers of one subsystem's replies can be those of its later requests (2100 in subsystem mach);
// where only a number is given, a request is meant.
type Registry struct {
	set     Set
	rows    []*Row
	request map[mach.MsgID]*Row
	reply   map[mach.MsgID]*Row
}

// NewRegistry collects the rows that the set has. It panics if two requests have one number or two rows
// one name: such a slip shows when the program starts.
func NewRegistry(set Set, subsystems ...*Subsystem) *Registry {
	r := &Registry{set: set, request: map[mach.MsgID]*Row{}, reply: map[mach.MsgID]*Row{}}
	names := map[string]bool{}
	for _, s := range subsystems {
		for _, row := range s.rows {
			id := row.ID(set)
			if id == 0 {
				continue
			}
			if other, ok := r.request[id]; ok {
				panic(fmt.Sprintf("mig: %s and %s both have number %d in set %s", other, row, id, set))
			}
			if names[row.Name] {
				panic(fmt.Sprintf("mig: %s occurs twice in set %s", row, set))
			}
			names[row.Name] = true
			r.rows = append(r.rows, row)
			r.request[id] = row
			if id := row.ReplyID(set); id != 0 {
				r.reply[id] = row
			}
		}
	}
	slices.SortFunc(r.rows, func(a, b *Row) int { return int(a.ID(set) - b.ID(set)) })
	return r
}

// Set is the message set of the registry.
func (r *Registry) Set() Set { return r.set }

// Rows lists all rows in the order of their numbers.
func (r *Registry) Rows() []*Row { return r.rows }

// Request is the row whose request has the number, nil if there is none.
func (r *Registry) Request(id mach.MsgID) *Row { return r.request[id] }

// Reply is the row whose reply has the number, nil if there is none.
func (r *Registry) Reply(id mach.MsgID) *Row { return r.reply[id] }

// find is the row and the message that a number stands for.
func (r *Registry) find(id mach.MsgID) (*Row, Dir) {
	if row := r.request[id]; row != nil {
		return row, Request
	}
	return r.reply[id], Reply
}

// MessageName is the historic name of a message, a reply's with "_reply" behind it; "" if no row has the
// number.
func (r *Registry) MessageName(id mach.MsgID) string {
	row, dir := r.find(id)
	switch {
	case row == nil:
		return ""
	case dir == Reply:
		return row.Name + "_reply"
	}
	return row.Name
}

// MessageFields lists the arguments of a message in wire order; nil if no row has the number.
func (r *Registry) MessageFields(id mach.MsgID) []Arg {
	row, dir := r.find(id)
	if row == nil {
		return nil
	}
	return row.Args(dir)
}
