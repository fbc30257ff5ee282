package explore

import (
	"fmt"

	"machvm/kernel/choice"
)

// Bound limits an exhaustive search to schedules that deviate little from the first option. Few deviations
// suffice for most failures, and the number of schedules within a bound is polynomial in their length.
type Bound struct {
	Name string
	// Cost is what option i of a point uses up; nil: there is no bound.
	Cost   func(kind choice.Kind, point string, i int) int
	Budget int
}

// Preemptions allows n switches away from threads that could have run on. Choices where no thread can run on,
// and those that choose no thread, cost nothing.
func Preemptions(n int) Bound {
	return Bound{Name: "preemptions", Budget: n, Cost: func(kind choice.Kind, point string, i int) int {
		if i > 0 && (kind == choice.KindPreempt || kind == choice.KindThread && point != blockPoint) {
			return 1
		}
		return 0
	}}
}

// Delays allows n delays: the option number i of any point costs i, for so many others had to give way.
func Delays(n int) Bound {
	return Bound{Name: "delays", Budget: n, Cost: func(_ choice.Kind, _ string, i int) int { return i }}
}

func (b Bound) cost(kind choice.Kind, point string, i int) int {
	if b.Cost == nil {
		return 0
	}
	return b.Cost(kind, point, i)
}

func (b Bound) String() string { return fmt.Sprintf("%d %s", b.Budget, b.Name) }
