package rows

import "slices"

// move is a step in its place: what comes of it, and what goes on along with it.
type move struct {
	Step
	number int
	want   outcome
	after  bool // what goes on is awaited before it begins
	along  bool // it goes on when the next begins
}

// moves is the steps that do something, and those that look at what is left: what tasks have in the end, and what
// managers have when all tasks are gone.
//
// Not more than one step of a task goes on along with others, and only where that makes no difference: the two are
// about memory that they do not share. What managers and the machine do may always go on, unless somebody wires.
func (p Program) moves() (list []move) {
	w := newWorld(&p.Setup)
	var busy *Step // of a task, and going on
	var theirs []*refBytes
	cleaning := false // a manager is
	for i, s := range p.whole() {
		mine := w.touches(s)
		shared := slices.ContainsFunc(mine, func(c *refBytes) bool { return slices.Contains(theirs, c) })
		m := move{Step: s, number: i + 1, want: w.step(s)}
		if m.want.skip {
			continue
		}
		client := s.Op < OpClean
		m.along = s.Along && s.quiet()
		m.after = s.alone() || cleaning && s.Op == OpClean ||
			busy != nil && client && (shared || m.along || s.Task == busy.Task || s.with(busy.Task))
		if m.after || !m.along {
			busy, theirs, cleaning = nil, nil, false
		}
		switch {
		case m.along && client:
			busy, theirs = &s, mine
		case m.along:
			cleaning = cleaning || s.Op == OpClean
		}
		list = append(list, m)
	}
	return list
}

// whole is the steps and those that look at what is left.
func (p Program) whole() []Step {
	steps := slices.Clone(p.Steps)
	for i := range maxTasks {
		steps = append(steps, Step{Op: OpLook, Task: i})
	}
	for i := range maxTasks {
		steps = append(steps, Step{Op: OpTerminate, Task: i})
	}
	for i := range p.Setup.Objects {
		steps = append(steps, Step{Op: OpStored, Object: i}, Step{Op: OpGone, Object: i})
	}
	return steps
}

// alone reports whether nothing may go on along with a step: what waits for wired pages, and what wires them.
func (s Step) alone() bool {
	return s.Op == OpWire || s.Op == OpUnwire || s.Op == OpSync || s.Op == OpStored || s.Op == OpGone || s.Op == OpPress
}

// quiet reports whether a step can go on while others begin: nothing that comes of it is needed.
func (s Step) quiet() bool {
	switch s.Op {
	case OpStore, OpLoad, OpCopy, OpDeallocate, OpProtect, OpInherit, OpTerminate, OpClean, OpEvict:
		return true
	}
	return false
}

// with reports whether a step is about another task as well.
func (s Step) with(task int) bool {
	switch s.Op {
	case OpRead, OpReadOverwrite, OpWrite, OpRemap, OpFork, OpSend:
		return s.Other == task
	case OpMakeEntry, OpMapEntry:
		return true // the memory may be of anybody
	}
	return false
}

// touches is the bytes that a step may read or write, and some more.
func (w *world) touches(s Step) (list []*refBytes) {
	add := func(slot, addr, size int) {
		if t := w.task(slot); t != nil {
			t.each(addr, size, func(p *refPage) { list = append(list, p.refBytes) })
		}
	}
	switch {
	case s.Op >= OpClean:
		return nil
	case s.Op == OpMapObject && s.Object < len(w.objects):
		return w.objects[s.Object].pages[:]
	case s.Op == OpFork || s.Op == OpLook:
		add(s.Task, 0, maxPages*PageSize*2)
		return list
	}
	for _, slot := range []int{s.Task, s.Other} {
		add(slot, s.Addr, s.Size)
		add(slot, s.To, s.Size)
	}
	return list
}
