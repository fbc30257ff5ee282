package explore

import (
	"errors"
	"fmt"
	"slices"

	"machvm/kernel"
	"machvm/kernel/choice"
)

// DFS tries every combination of choices, depth first, by running everything again from the start: an
// odometer whose digits are the choice points of the last execution. The last digit that can advance
// does, and those behind it fall off; no state is cloned.
type DFS struct {
	bound  Bound
	reduce bool

	path   []node
	frozen int // nodes before it are not advanced: they are another's
	depth  int // nodes that the execution under way has passed
	began  bool
	ended  bool
	cut    bool  // the bound has left something out
	drift  error // the same choices led elsewhere
	pruned bool  // the execution under way can show nothing new

	seen    *visited           // nil: states are not told apart
	machine *kernel.Simulation // of the execution under way

	// Under reduction only.
	edge     edge
	asleep   []sleeper // where the execution stands
	history  history
	initials []uint64
	observed bool // somebody says what steps touch
}

// node is one choice point on the path.
type node struct {
	kind  choice.Kind
	name  string
	width int
	index int // the option taken
	spent int // of the bound, before this point

	// Under reduction only.
	threads   []uint64  // the thread of each option; nil at points that choose no thread
	sleep     []sleeper // threads that need not be taken
	want      uint64    // options to be tried, unless they sleep
	event     int       // which the option taken begins
	touch     Footprint // of the option taken, as far as it has been run
	known     bool      // it has been run
	varied    bool      // points of other kinds lie in its step
	crossing  *crossing // nil: no other part has the point
	published bool      // the crossing knows what the option taken touches
}

// NewDFS is the exhaustive search, within a bound; the zero Bound is none.
func NewDFS(b Bound) *DFS { return &DFS{bound: b} }

// NewReducedDFS is the exhaustive search that leaves out executions which differ from one that is tried in
// the order of steps that do not touch the same things; see Footprint. It is by source sets and sleep sets.
func NewReducedDFS() *DFS { return &DFS{reduce: true} }

// Next begins the next execution.
func (d *DFS) Next() choice.Chooser {
	if d.ended {
		return nil
	}
	d.began, d.depth, d.pruned, d.machine = true, 0, false, nil
	d.edge.open = false
	d.asleep = d.asleep[:0]
	if n := len(d.path); d.reduce && n > 0 {
		d.history.restart(d.path[n-1].event)
	} else {
		d.history.restart(0)
	}
	return d
}

// Choose repeats the path as far as it goes, and then takes first options.
func (d *DFS) Choose(p choice.Point) int {
	if d.Failed() != nil {
		return 0
	}
	if d.reduce {
		d.closeEdge(p)
	}
	if d.depth == len(d.path) {
		if d.push(p); d.seen != nil && d.revisits(p, d.path[d.depth].spent) {
			d.path = d.path[:d.depth]
			d.pruned = true
			return 0
		}
	} else if n := &d.path[d.depth]; n.kind != p.Kind || n.name != p.Name || n.width != p.Width {
		d.drift = fmt.Errorf("explore: the same choices led to another point: %v %s of %d, and now %v %s of %d",
			n.kind, n.name, n.width, p.Kind, p.Name, p.Width)
		return 0
	}
	n := &d.path[d.depth]
	if n.index == n.width { // every option sleeps
		d.path = d.path[:d.depth]
		d.pruned = true
		return 0
	}
	d.depth++
	if d.reduce {
		d.openEdge(d.depth - 1)
	}
	return n.index
}

// push adds a digit for a point that was not reached before.
func (d *DFS) push(p choice.Point) {
	n := node{kind: p.Kind, name: p.Name, width: p.Width}
	if k := len(d.path); k > 0 {
		last := &d.path[k-1]
		n.spent = last.spent + d.bound.cost(last.kind, last.name, last.index)
	}
	if d.reduce {
		d.openNode(&n, p)
	}
	d.path = append(d.path, n)
}

// Failed is why the execution under way should end.
func (d *DFS) Failed() error {
	switch {
	case d.drift != nil:
		return d.drift
	case d.pruned:
		return errPruned
	}
	return nil
}

// Done turns the odometer.
func (d *DFS) Done(broken bool) {
	if broken && d.edge.open {
		d.edge.own.addEverything()
	}
	d.endEdge()
	if d.reduce && !d.observed && len(d.path) > 0 {
		d.drift = errors.New("explore: nobody says what steps touch, so none can be left out: call Observe")
	}
	if d.depth < len(d.path) && d.drift == nil {
		d.drift = fmt.Errorf("explore: the same choices led to a shorter run: %d choices, and now %d", len(d.path), d.depth)
	}
	if d.drift != nil {
		d.ended = true
		return
	}
	if d.reduce {
		d.findRaces(broken)
	}
	for len(d.path) > d.frozen {
		if d.advance(&d.path[len(d.path)-1]) {
			return
		}
		d.path = d.path[:len(d.path)-1]
	}
	d.ended = true
}

// advance takes the next option of the last digit that the bound allows and that does not sleep.
func (d *DFS) advance(n *node) bool {
	n.retire()
	if d.reduce {
		return n.turn()
	}
	for n.index++; n.index < n.width; n.index++ {
		if n.spent+d.bound.cost(n.kind, n.name, n.index) > d.bound.Budget && d.bound.Cost != nil {
			d.cut = true
			continue
		}
		if !n.sleeps(n.index) {
			return true
		}
	}
	return false
}

// turn takes the next option that is wanted and does not sleep. A point of another kind tries all, in order.
func (n *node) turn() bool {
	if n.threads == nil {
		n.index++
		return n.index < n.width
	}
	for i := range n.width {
		if n.want&option(i) != 0 && !n.sleeps(i) {
			n.index = i
			return true
		}
	}
	return false
}

// Left reports whether executions remain.
func (d *DFS) Left() bool { return !d.ended }

// Split gives away the options after the one taken at the first digit that has any.
func (d *DFS) Split() Strategy {
	if d.reduce {
		return d.splitReduced()
	}
	if d.ended || !d.began {
		return nil
	}
	for i := d.frozen; i < len(d.path); i++ {
		if i == len(d.path)-1 {
			// The option taken here has not been run yet, so nothing is known of its steps.
			return nil
		}
		rest := d.path[i].clone()
		if !d.advance(&rest) {
			d.frozen = i + 1
			continue
		}
		path := make([]node, 0, len(d.path))
		for _, n := range d.path[:i] {
			path = append(path, n.clone())
		}
		d.frozen = i + 1
		var seen *visited
		if d.seen != nil {
			seen = &visited{d.seen.all, map[uint64]bool{}}
		}
		return &DFS{bound: d.bound, seen: seen, path: append(path, rest), frozen: i, began: true, cut: d.cut}
	}
	return nil
}

// clone is a copy that shares nothing that changes.
func (n *node) clone() node {
	c := *n
	c.sleep, c.touch = slices.Clone(n.sleep), n.touch.clone()
	return c
}

// Scope is all schedules, or those within the bound.
func (d *DFS) Scope() (string, bool) {
	what, all := d.scope()
	if d.seen != nil {
		what += ", no state twice"
	}
	return what, all
}

func (d *DFS) scope() (string, bool) {
	if d.bound.Cost == nil {
		return "all schedules", true
	}
	return "all schedules with at most " + d.bound.String(), !d.cut
}
