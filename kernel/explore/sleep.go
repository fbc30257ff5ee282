package explore

import (
	"slices"

	"machvm/kernel/choice"
	"machvm/kernel/sched"
)

// Sleep sets (Godefroid). When an option of a point has been tried with everything that can follow, it sleeps in the
// subtrees of its younger siblings: taken there, it would lead to executions that differ from those tried only in
// the order of steps that commute. It wakes when a step is taken that touches what it touches. A point where all
// options sleep ends the execution.
//
//  1. What a step does depends on nothing but what its footprint names, so a thread that sleeps would still
//     take the same step.
//  2. A footprint may name more than the step touched, never less: naming more only wakes sleepers early.
//     The footprint of an option is everything its step touched, up to the next point that chooses a thread or to its
//     end, in any of the executions in which it was taken: points of other kinds lie inside a step and make several of it.
//  3. The footprint of a step that did not come to its end is everything.

// sleeper is a thread whose next step need not be taken.
type sleeper struct {
	thread uint64
	touch  Footprint
}

// edge is what has happened since the last point that chose a thread.
type edge struct {
	open   bool
	from   int       // node of that point
	thread uint64    // who was chosen
	event  int       // its step
	own    Footprint // what that step touched
	all    Footprint // what anybody touched
}

// Step is told by the scheduler that a thread, or a timer, begins a step.
func (d *DFS) Step(t *sched.Thread) {
	d.observed = true
	if d.pruned || d.drift != nil {
		return // the execution is over, and only comes to a halt
	}
	d.history.step(idOf(t))
	if t != nil && d.edge.open && d.history.n-1 != d.edge.event && d.dreams(idOf(t)) {
		d.pruned = true // it is the only one that can run, and it sleeps
	}
}

func idOf(t *sched.Thread) uint64 {
	if t == nil {
		return 0
	}
	return uint64(t.ID())
}

// Touch is told by the scheduler what is touched, by whom.
func (d *DFS) Touch(by *sched.Thread, r sched.Resource, id uint64, write bool) {
	if d.pruned || d.drift != nil {
		return
	}
	d.history.touch(idOf(by), r, id, write)
	if !d.edge.open {
		return
	}
	d.edge.all.add(r, id, write)
	if d.history.n-1 == d.edge.event {
		d.edge.own.add(r, id, write)
	}
}

// dreams reports whether a thread that now runs without having been chosen sleeps.
func (d *DFS) dreams(thread uint64) bool {
	for _, s := range d.path[d.edge.from].sleep {
		if s.thread == thread {
			return !s.touch.conflicts(&d.edge.all) && !d.edge.all.has(sched.ResourceThread, thread)
		}
	}
	return false
}

// closeEdge ends the edge at the point p, if p chooses a thread.
func (d *DFS) closeEdge(p choice.Point) {
	if !d.edge.open {
		return
	}
	if !choosesThread(p) {
		d.path[d.edge.from].varied = true
		return
	}
	d.endEdge()
}

// endEdge notes what the option touched, and finds who sleeps on.
func (d *DFS) endEdge() {
	e := &d.edge
	if !e.open {
		return
	}
	e.open = false
	n := &d.path[e.from]
	n.touch.merge(&e.own)
	n.known = true
	d.asleep = d.asleep[:0]
	for _, s := range n.sleep {
		if !s.touch.conflicts(&e.all) && !e.all.has(sched.ResourceThread, s.thread) {
			d.asleep = append(d.asleep, s)
		}
	}
}

// openNode finds the first option of a new node that does not sleep; its index is the width if all do.
func (d *DFS) openNode(n *node, p choice.Point) {
	if !choosesThread(p) {
		n.want = ^uint64(0)
		return
	}
	n.threads = make([]uint64, p.Width)
	for i := range n.threads {
		n.threads[i] = p.ID(i)
	}
	n.sleep = slices.Clone(d.asleep)
	for n.index < n.width && n.sleeps(n.index) {
		n.index++
	}
	if n.want = option(n.index); n.width > maxOptions {
		n.want = ^uint64(0)
	}
}

// openEdge begins the edge of the option taken at node i.
func (d *DFS) openEdge(i int) {
	n := &d.path[i]
	if n.threads == nil {
		n.event = max(d.history.n-1, 0)
		return
	}
	d.edge.open, d.edge.from, d.edge.thread = true, i, n.threads[n.index]
	d.edge.own.reset()
	d.edge.all.reset()
	d.edge.event = d.history.begin(n.threads[n.index], i)
	n.event = d.edge.event
}

func choosesThread(p choice.Point) bool {
	return (p.Kind == choice.KindThread || p.Kind == choice.KindPreempt) && p.ID(0) != 0
}

// sleeps reports whether option i need not be taken.
func (n *node) sleeps(i int) bool {
	return n.threads != nil && slices.ContainsFunc(n.sleep, func(s sleeper) bool { return s.thread == n.threads[i] })
}

// retire lets the option that has been tried sleep from now on.
func (n *node) retire() {
	if n.threads != nil {
		n.sleep = append(n.sleep, sleeper{n.threads[n.index], n.touch.clone()})
		n.touch.reset()
		n.known, n.varied = false, false
	}
}
