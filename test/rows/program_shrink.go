package rows

import (
	"slices"

	"machvm/kernel/mach"
)

// Shrunk is a program that fails too and is shorter or simpler, if there is one: without parts of its steps, large
// ones first, with less of a setup, and with smaller operands. It asks fails at most so many times.
func (p Program) Shrunk(fails func(Program) bool, runs int) Program {
	try := func(q Program) bool {
		if runs--; runs < 0 || !fails(q) {
			return false
		}
		p = q
		return true
	}
	for again := true; again && runs > 0; {
		again = false
		for size := max(len(p.Steps)/2, 1); size > 0; size /= 2 {
			for i := len(p.Steps) - size; i >= 0; i -= size {
				if i+size <= len(p.Steps) {
					again = try(p.without(i, size)) || again
				}
			}
		}
		for slices.ContainsFunc(p.Setup.smaller(), func(s Setup) bool { return try(Program{Setup: s, Steps: p.Steps}) }) {
			again = true
		}
		for slices.ContainsFunc(p.renumbered(), try) {
			again = true
		}
		for i := range p.Steps {
			for slices.ContainsFunc(p.Steps[i].smaller(), func(s Step) bool { return try(p.with(i, s)) }) {
				again = true
			}
		}
	}
	return p
}

func (p Program) without(i, n int) Program {
	return Program{Setup: p.Setup, Steps: slices.Delete(slices.Clone(p.Steps), i, i+n)}
}

func (p Program) with(i int, s Step) Program {
	q := Program{Setup: p.Setup, Steps: slices.Clone(p.Steps)}
	q.Steps[i] = s
	return q
}

// renumbered is the program with one task, memory object or memory entry in a lower slot, in every way.
func (p Program) renumbered() (list []Program) {
	add := func(used []bool, at ...func(s *Step) *int) {
		for from := range used {
			to := slices.Index(used, false)
			if !used[from] || to < 0 || to > from {
				continue
			}
			q := Program{Setup: p.Setup, Steps: slices.Clone(p.Steps)}
			for i := range q.Steps {
				for _, f := range at {
					if n := f(&q.Steps[i]); *n == from {
						*n = to
					}
				}
			}
			list = append(list, q)
		}
	}
	objects, tasks := make([]bool, max(maxObjects, maxEntries)), make([]bool, maxTasks)
	for _, s := range p.Steps {
		objects[s.Object], tasks[s.Task] = true, true
		if s.with(s.Other) {
			tasks[s.Other] = true
		}
	}
	add(objects, func(s *Step) *int { return &s.Object })
	add(tasks, func(s *Step) *int { return &s.Task }, func(s *Step) *int { return &s.Other })
	return list
}

// smaller is the setup with one thing less, in every way.
func (s Setup) smaller() (list []Setup) {
	add := func(change func(s *Setup)) {
		t := s
		t.Habits, t.Objects = slices.Clone(s.Habits), slices.Clone(s.Objects)
		change(&t)
		list = append(list, t)
	}
	for i := range s.Habits {
		add(func(s *Setup) { s.Habits = slices.Delete(s.Habits, i, i+1) })
	}
	if s.Schedule != 0 {
		add(func(s *Setup) { s.Schedule = 0 })
	}
	if n := len(s.Objects); n > 0 {
		add(func(s *Setup) { s.Objects = s.Objects[:n-1] })
	}
	if s.Frames > 0 {
		add(func(s *Setup) { s.Frames = 0 })
	}
	if s.Paging > 0 {
		add(func(s *Setup) { s.Paging, s.Frames = 0, 0 })
		add(func(s *Setup) { s.Paging = 1 })
	}
	if s.Tasks > 1 {
		add(func(s *Setup) { s.Tasks-- })
	}
	for i, o := range s.Objects {
		simple := Object{Strategy: mach.CopyDelay, Pages: 1}
		change := func(to Object) {
			if to != o {
				add(func(s *Setup) { s.Objects[i] = to })
			}
		}
		change(simple)
		for _, f := range []func(*Object){
			func(o *Object) { o.Strategy = mach.CopyDelay },
			func(o *Object) { o.MayCache = false },
			func(o *Object) { o.Precious = false },
			func(o *Object) { o.Locked = false },
			func(o *Object) { o.Cluster = 0 },
			func(o *Object) { o.Pages = min(o.Pages, 1) },
		} {
			to := o
			f(&to)
			change(to)
		}
	}
	return list
}

// smaller is the step with one operand simpler, in every way, the simplest first.
func (s Step) smaller() (list []Step) {
	add := func(change func(s *Step)) {
		t := s
		change(&t)
		if t != s && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	// Multiples of the unit are simpler than what is not, so that there is no way back.
	operand := func(at func(s *Step) *int, unit int) {
		n := *at(&s)
		down := n / unit * unit
		list := []int{0, unit, n / 2 / unit * unit, down - unit}
		if down != n {
			list = append(list, down, down+unit, 1, n/2, n-1)
		}
		for _, m := range list {
			if m >= 0 && (m < n || m == down+unit && down != n) {
				add(func(s *Step) { *at(s) = m })
			}
		}
	}
	operand(func(s *Step) *int { return &s.Size }, PageSize)
	operand(func(s *Step) *int { return &s.Addr }, PageSize)
	operand(func(s *Step) *int { return &s.To }, PageSize)
	operand(func(s *Step) *int { return &s.Value }, 1)
	operand(func(s *Step) *int { return &s.Task }, 1)
	operand(func(s *Step) *int { return &s.Other }, 1)
	operand(func(s *Step) *int { return &s.Object }, 1)
	add(func(s *Step) { s.Copy = false })
	add(func(s *Step) { s.Flush = false })
	add(func(s *Step) { s.Return = false })
	add(func(s *Step) { s.Along = false })
	add(func(s *Step) { s.Wanted = true })
	add(func(s *Step) { s.Prot = mach.ProtDefault })
	add(func(s *Step) { s.Max = mach.ProtAll })
	add(func(s *Step) { s.Inherit = mach.InheritCopy })
	return list
}
