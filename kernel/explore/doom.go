package explore

import (
	"fmt"

	"machvm/kernel/choice"
)

// DefaultDoomTries is how many executions the search for the fatal choice takes at most.
const DefaultDoomTries = 2000

// Doom is the first choice after which every continuation fails.
type Doom struct {
	// Choice is its number in the schedule of the failing run, first options included, counted from 1; 0 if
	// the run is bound to fail from the beginning.
	Choice int         `json:"choice"`
	Step   choice.Step `json:"-"`
	Text   string      `json:"step,omitempty"`
}

func (d *Doom) String() string {
	if d.Choice == 0 {
		return "every schedule fails"
	}
	return fmt.Sprintf("failure is certain after choice %d: %v", d.Choice, d.Step)
}

// doom walks back from the end of a failing run. Behind every choice all continuations are known to fail, so
// at each only the other options need be tried. It is nil if the tries do not suffice.
func (t *trial) doom(steps []choice.Step) *Doom {
	for k := len(steps) - 1; k >= 0; k-- {
		for option := range steps[k].Width {
			if option == steps[k].Index {
				continue
			}
			switch passes, known := t.passes(steps[:k], option); {
			case !known:
				return nil
			case passes:
				return &Doom{Choice: k + 1, Step: steps[k], Text: steps[k].String()}
			}
		}
	}
	return &Doom{}
}

// passes reports whether some execution that begins with the given choices and one more does not fail.
// known is false if the tries are used up.
func (t *trial) passes(steps []choice.Step, option int) (passes, known bool) {
	d := NewDFS(Bound{})
	for d.Left() {
		if t.left <= 0 {
			return false, false
		}
		t.left--
		r := t.run(NewExecution(&branch{follower{steps: steps, depth: t.depth}, option, d.Next()}, t.spares))
		if err := d.Failed(); err != nil {
			return false, false
		}
		if r.Failure == nil {
			return true, true
		}
		d.Done(true)
	}
	return false, true
}

// branch takes given options, then a certain one, and then asks.
type branch struct {
	follower
	option int
	rest   choice.Chooser
}

// Choose is the given option, or what the rest says.
func (b *branch) Choose(p choice.Point) int {
	switch i := b.next; {
	case i < len(b.steps):
		return b.follower.Choose(p)
	case i == len(b.steps):
		b.next++
		if b.option < p.Width {
			return b.option
		}
		return 0
	}
	if b.next++; b.next > b.depth {
		return Fair{}.Choose(p)
	}
	return choice.Ask(b.rest, p)
}

// Failed is the wish of the rest.
func (b *branch) Failed() error { return choice.Failed(b.rest) }
