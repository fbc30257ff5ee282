package rows

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
)

// Unstated is the number of messages of a row about which the historic suite says nothing.
const Unstated = -1

// Row is one thing that a benchmark measures: an operation of one thread, repeated. Rows carry the names of OSF's
// benchmark suite mach_perf where it has them.
type Row struct {
	Name     string // group/operation, with the size of the surroundings behind it: "vm/allocate/100"
	Historic string // what mach_perf calls it; "" where it has no such row
	// Messages is how many messages of the pager protocol one operation takes between kernel and manager, in both
	// directions, the client's own call not counted; or Unstated.
	Messages int
	Note     string // what else is to be known

	batch   int       // operations that are measured in one go
	top     mach.Addr // where a task's addresses end; 0: where they do on any host
	manager bool      // the operation is the manager's and not the client's
	// setup is called once, before and after around each batch. What they take is not measured.
	setup  func(b *Bench)
	before func(b *Bench, n int)
	op     func(b *Bench, i int) // i counts within the batch
	after  func(b *Bench, n int)
}

// Rows are all rows: of the pager protocol, of memory, of messages and ports, of tasks.
func Rows() []Row {
	var all []Row
	for _, group := range [][]Row{pagerRows(), vmRows(), ipcRows(), portRows(), taskRows()} {
		all = append(all, group...)
	}
	return all
}

// Find is the row of the given name.
//
// It fails if no row has the name; the error lists the rows of the same group.
func Find(name string) (Row, error) {
	var near []string
	group, _, _ := strings.Cut(name, "/")
	for _, r := range Rows() {
		if r.Name == name {
			return r, nil
		}
		if g, _, _ := strings.Cut(r.Name, "/"); g == group {
			near = append(near, r.Name)
		}
	}
	if near == nil {
		return Row{}, fmt.Errorf("no row is named %q; the groups are pager, vm, ipc, port, task", name)
	}
	return Row{}, fmt.Errorf("no row is named %q; of that group there are %s", name, strings.Join(near, ", "))
}
