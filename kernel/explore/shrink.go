package explore

import (
	"slices"

	"machvm/kernel"
	"machvm/kernel/choice"
)

// DefaultShrinkTries is how many executions shrinking takes at most if nothing else is said.
const DefaultShrinkTries = 2000

// trial performs executions with given choices.
type trial struct {
	run    Run
	spares *kernel.Spares
	want   *Failure // what counts as failing
	depth  int
	left   int // executions that may still be made
}

// follower takes given options as far as they go and as far as they exist, then the first.
type follower struct {
	steps []choice.Step
	next  int
	depth int
}

// Choose is the next option, or the first. Beyond the depth it is fair, as exploration was.
func (f *follower) Choose(p choice.Point) int {
	i := f.next
	f.next++
	switch {
	case i < len(f.steps):
		if f.steps[i].Index < p.Width {
			return f.steps[i].Index
		}
		return 0
	case f.next > f.depth:
		return Fair{}.Choose(p)
	}
	return 0
}

// perform runs once and returns the choices that were made.
func (t *trial) perform(steps []choice.Step) ([]choice.Step, Result) {
	e := NewExecution(&follower{steps: steps, depth: t.depth}, t.spares)
	r := t.run(e)
	return e.Schedule.Steps, r
}

// show runs once more, for the report of the failure and for the choices with labels.
func (t *trial) show(steps []choice.Step) ([]choice.Step, *Failure) {
	rec := choice.NewRecorder(&follower{steps: steps, depth: t.depth})
	r := t.run(rec)
	return rec.Schedule.Steps, r.Failure
}

// size orders schedules: fewer deviations from the first option, then shorter, then smaller options.
func size(steps []choice.Step) [3]int {
	var s [3]int
	for i, step := range steps {
		if step.Index > 0 {
			s[0]++
			s[1] = i + 1
			s[2] += step.Index
		}
	}
	return s
}

// try performs candidate choices; if they fail as wanted and are smaller than best, they become it.
func (t *trial) try(candidate []choice.Step, best *[]choice.Step, failure **Failure) bool {
	if t.left <= 0 {
		return false
	}
	t.left--
	made, r := t.perform(candidate)
	if !r.Failure.same(t.want) || slices.Compare(sizeOf(made), sizeOf(*best)) >= 0 {
		return false
	}
	*best, *failure = made, r.Failure
	return true
}

func sizeOf(steps []choice.Step) []int { s := size(steps); return s[:] }

// shrink makes a failing schedule smaller until no single change makes it smaller, or the tries are used
// up: it takes first options instead of others, many at a time and then fewer; drops choices;
// deviates earlier; and takes earlier options.
func (t *trial) shrink(steps []choice.Step, failure *Failure) ([]choice.Step, *Failure) {
	best := steps
	for improved := true; improved && t.left > 0; {
		improved = t.calm(&best, &failure)
		improved = t.drop(&best, &failure) || improved
		improved = t.hasten(&best, &failure) || improved
		improved = t.lower(&best, &failure) || improved
	}
	return best, failure
}

// deviations are the places where another than the first option was taken.
func deviations(steps []choice.Step) (at []int) {
	for i, s := range steps {
		if s.Index > 0 {
			at = append(at, i)
		}
	}
	return at
}

// calm takes first options for ever smaller groups of deviations.
func (t *trial) calm(best *[]choice.Step, failure **Failure) (improved bool) {
	for group := len(deviations(*best)); group > 0; {
		found := false
		at := deviations(*best)
		for from := 0; from < len(at); from += group {
			candidate := slices.Clone(*best)
			for _, i := range at[from:min(from+group, len(at))] {
				candidate[i].Index = 0
			}
			if t.try(candidate, best, failure) {
				found, improved = true, true
				break // the places have changed
			}
		}
		if !found {
			group /= 2
		} else if n := len(deviations(*best)); group > n {
			group = n
		}
	}
	return improved
}

// drop leaves out single choices, so that those behind it come earlier.
func (t *trial) drop(best *[]choice.Step, failure **Failure) (improved bool) {
	for i := size(*best)[1] - 1; i >= 0; i-- {
		if i < len(*best) && t.try(slices.Delete(slices.Clone(*best), i, i+1), best, failure) {
			improved = true
		}
	}
	return improved
}

// hasten takes deviations at earlier points.
func (t *trial) hasten(best *[]choice.Step, failure **Failure) (improved bool) {
	for _, at := range deviations(*best) {
		for i := 0; i < min(at, len(*best)); i++ {
			if at >= len(*best) || (*best)[i].Index > 0 || (*best)[i].Width <= (*best)[at].Index {
				continue
			}
			candidate := slices.Clone(*best)
			candidate[i].Index, candidate[at].Index = candidate[at].Index, 0
			if t.try(candidate, best, failure) {
				improved = true
				break
			}
		}
	}
	return improved
}

// lower takes earlier options than those taken.
func (t *trial) lower(best *[]choice.Step, failure **Failure) (improved bool) {
	for i := 0; i < len(*best); i++ {
		for v := 1; i < len(*best) && v < (*best)[i].Index; v++ {
			candidate := slices.Clone(*best)
			candidate[i].Index = v
			if t.try(candidate, best, failure) {
				improved = true
				break
			}
		}
	}
	return improved
}
