package choice

import "fmt"

// Divergence says where a replayed run stopped being the run that was recorded.
type Divergence struct {
	Step  int    // number of the step, counted from 1
	What  string // what differs: "kind", "point", "width" or "label"
	Want  Step   // as recorded
	Found Step   // as met, with the recorded index
}

func (d *Divergence) Error() string {
	return fmt.Sprintf("the run differs from its schedule at step %d: %s: recorded %q, found %q",
		d.Step, d.What, d.Want, d.Found)
}

// OnDivergence says what a Replayer does once the run has left the schedule.
type OnDivergence uint8

const (
	Fail     OnDivergence = iota // Failed gives the divergence, so that the scheduler ends the run
	FallBack                     // go on with the first option
)

// Replayer repeats a schedule. After the last step, and after a divergence, it takes first options.
type Replayer struct {
	schedule *Schedule
	policy   OnDivergence
	next     int // index of the step to come
	extra    int // choices met after the last step
	diverged *Divergence
}

// NewReplayer repeats s, which must not change meanwhile.
func NewReplayer(s *Schedule, policy OnDivergence) *Replayer {
	return &Replayer{schedule: s, policy: policy}
}

// Choose returns the index of the next step, if p is the point the step was recorded at.
func (r *Replayer) Choose(p Point) int {
	if r.diverged != nil {
		return 0
	}
	if r.next == len(r.schedule.Steps) {
		r.extra++
		return 0
	}
	want := r.schedule.Steps[r.next]
	r.next++
	found := Step{Kind: p.Kind, Name: p.Name, Index: want.Index, Width: p.Width}
	if want.Label != "" && want.Index < p.Width {
		found.Label = p.Label(want.Index)
	}
	if what := difference(want, found); what != "" {
		r.diverged = &Divergence{Step: r.next, What: what, Want: want, Found: found}
		return 0
	}
	return want.Index
}

func difference(want, found Step) string {
	switch {
	case want.Kind != found.Kind:
		return "kind"
	case want.Name != found.Name:
		return "point"
	case want.Width != found.Width:
		return "width"
	case want.Label != found.Label:
		return "label"
	}
	return ""
}

// Diverged is where the run left the schedule, nil if it did not.
func (r *Replayer) Diverged() *Divergence { return r.diverged }

// Failed is the divergence if the replayer was told to fail on one.
func (r *Replayer) Failed() error {
	if r.diverged == nil || r.policy == FallBack {
		return nil
	}
	return r.diverged
}

// Left is how many steps of the schedule the run has not reached.
func (r *Replayer) Left() int { return len(r.schedule.Steps) - r.next }

// Extra is how many choices the run met after the last step. A trimmed or shortened schedule has some.
func (r *Replayer) Extra() int { return r.extra }
