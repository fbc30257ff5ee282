package conformance

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"machvm/kernel"
)

// randomRun is a random program in a form in which it can be run again, whole or in part.
type randomRun struct {
	habits  refHabits
	met     bool // it begins with the steps of meet
	steps   []recipe
	failure string // what is wrong, "" if nothing
}

// recipe is how a step was drawn: its kind and the choices. Each step has its own, so that the others mean
// what they did if one is left out.
type recipe struct {
	kind    int
	choices []int
}

// GoString is for rapid, which prints what it has drawn.
func (p randomRun) GoString() string { return fmt.Sprintf("of %d steps", len(p.steps)) }

// drawRun draws a program of n steps while it runs, up to the first failure.
func drawRun(t *rapid.T, n int, spares *kernel.Spares) randomRun {
	flip := rapid.Bool()
	p := randomRun{habits: refHabits{keepNoSenders: flip.Draw(t, ""), unknownIsBad: flip.Draw(t, ""), plainDetects: flip.Draw(t, ""),
		oneSet: flip.Draw(t, ""), fullTrailer: flip.Draw(t, "")}, met: flip.Draw(t, "")}
	m := newMachine(p.habits, spares)
	defer m.sim.Shutdown()
	p.failure = m.play(p.met, func(i int) (step, bool) {
		if i == n {
			return step{}, false
		}
		s, r := m.random(t)
		p.steps = append(p.steps, r)
		return s, true
	})
	return p
}

// run runs the program again, on a machine of its own, and returns what is wrong.
func (p randomRun) run(spares *kernel.Spares, log func(string)) string {
	m := newMachine(p.habits, spares)
	defer m.sim.Shutdown()
	m.log = log
	return m.play(p.met, func(i int) (step, bool) {
		if i == len(p.steps) {
			return step{}, false
		}
		return m.again(p.steps[i]), true
	})
}

// play makes the steps that next gives, and a last one that looks at everything.
func (m *machine) play(met bool, next func(i int) (step, bool)) string {
	if met {
		for _, s := range m.meet() {
			m.do(s)
		}
	}
	for i := 0; m.failure == ""; i++ {
		s, more := next(i)
		if !more {
			m.do(m.lookAround())
			break
		}
		m.do(s)
	}
	return m.failure
}

// text is the program as steps, each with what should come of it.
func (p randomRun) text(spares *kernel.Spares) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the shortest program found: %d steps under %+v, acquainted before: %v\n", len(p.steps), p.habits, p.met)
	failure := p.run(spares, func(line string) { fmt.Fprintln(&b, line) })
	return b.String() + failure
}

// shrinkRuns is how often a failing program is run at most to make it shorter.
const shrinkRuns = 20_000

// shrunk is a program that fails too and is shorter or simpler, if there is one: without parts of its steps, large
// ones first, and with smaller choices.
func (p randomRun) shrunk(spares *kernel.Spares) randomRun {
	runs := 0
	try := func(q randomRun) bool {
		if runs++; runs > shrinkRuns {
			return false
		}
		if q.failure = q.run(spares, nil); q.failure == "" {
			return false
		}
		p = q
		return true
	}
	for again := true; again; {
		again = p.met && try(randomRun{habits: p.habits, steps: p.steps})
		again = p.habits != (refHabits{}) && try(randomRun{met: p.met, steps: p.steps}) || again
		for size := max(len(p.steps)/2, 1); size > 0; size /= 2 {
			for i := len(p.steps) - size; i >= 0; i -= size {
				q := p
				q.steps = slices.Delete(slices.Clone(p.steps), i, i+size)
				again = try(q) || again
			}
		}
		for i := range p.steps {
			for j := range p.steps[i].choices {
				for old := p.steps[i].choices[j]; old > 0; old = p.steps[i].choices[j] {
					if !try(p.with(i, j, 0)) && !try(p.with(i, j, old/2)) && !try(p.with(i, j, old-1)) {
						break
					}
					again = true
				}
			}
		}
	}
	return p
}

// with is the program with another choice.
func (p randomRun) with(i, j, choice int) randomRun {
	p.steps = slices.Clone(p.steps)
	p.steps[i].choices = slices.Clone(p.steps[i].choices)
	p.steps[i].choices[j] = choice
	return p
}
