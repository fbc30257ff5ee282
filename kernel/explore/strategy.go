package explore

import (
	"errors"

	"machvm/kernel/choice"
)

// Strategy proposes executions, one after the other.
type Strategy interface {
	// Next is the chooser of the next execution, nil if nothing is left to try.
	Next() choice.Chooser
	// Done follows each execution that Next began, and says whether it was broken off before its end.
	Done(broken bool)
	// Split gives away part of what is left to try, nil if there is nothing to divide. Both parts together
	// try what the whole would have tried. They share nothing.
	Split() Strategy
	// Left reports whether something is left to try.
	Left() bool
	// Scope is which executions there are, in words, and whether they are all that can happen.
	Scope() (what string, all bool)
}

// errPruned ends an execution that would only repeat what others have shown.
var errPruned = errors.New("explore: nothing new can follow")

// frame is what every execution's chooser has around the strategy's: first the prefix, best effort; then
// the strategy, for the kinds of points that are explored; and from a depth on the fair tail.
type frame struct {
	prefix  *choice.Replayer // nil: none
	inner   choice.Chooser
	kinds   kindSet
	depth   int // choices after which the tail begins; 0: never
	asked   int
	fair    int // choices of the tail
	skipped int // choices that were not the strategy's because of their kind
}

// kindSet is a set of kinds of points; the zero value is all of them.
type kindSet uint32

func kindsOf(kinds []choice.Kind) (s kindSet) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k choice.Kind) bool { return s == 0 || s&(1<<k) != 0 }

// Choose asks whose turn it is.
func (f *frame) Choose(p choice.Point) int {
	f.asked++
	if f.prefix != nil && f.prefix.Left() > 0 && f.prefix.Diverged() == nil {
		if i := choice.Ask(f.prefix, p); f.prefix.Diverged() == nil {
			return i
		}
	}
	switch {
	case f.depth > 0 && f.asked > f.depth:
		f.fair++
		return Fair{}.Choose(p)
	case !f.kinds.has(p.Kind):
		f.skipped++
		return 0
	}
	return choice.Ask(f.inner, p)
}

// mostlyFair reports whether in at least half of the steps nobody had to give way to the strategy's wishes: each of
// its choices is one step, and elsewhere threads take turns or nobody else can run.
func (f *frame) mostlyFair(steps uint64) bool { return 2*uint64(f.asked-f.fair) <= steps }

// Failed is the strategy's wish to end the execution.
func (f *frame) Failed() error { return choice.Failed(f.inner) }

// Fair lets all threads take turns: at every trap the next ready thread goes on. An execution that does not
// end under it is a livelock.
type Fair struct{}

// Choose is the head of the ready list at a trap and at a block, and the first option elsewhere.
func (Fair) Choose(p choice.Point) int {
	if p.Kind == choice.KindThread && p.Name != blockPoint {
		return 1
	}
	return 0
}

// blockPoint is the name of the points at which no thread could run on.
const blockPoint = "block"
