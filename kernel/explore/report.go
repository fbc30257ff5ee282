package explore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"machvm/kernel/choice"
)

// Verdict is what an exploration has shown.
type Verdict uint8

const (
	Verified  Verdict = iota // every execution was tried, and none failed
	NoFailure                // none of those tried failed; there are others
	Failed                   // some failed, or something never happened that was to happen sometimes
)

func (v Verdict) String() string { return [...]string{"verified", "no failure", "failed"}[v] }

// MarshalText is the name of the verdict.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Report is the result of an exploration.
type Report struct {
	Verdict    Verdict       `json:"verdict"`
	Scope      string        `json:"scope"`      // which executions there were to try
	Stopped    string        `json:"stopped"`    // why not all of them were tried; "" if they were
	Executions uint64        `json:"executions"` // performed to their end
	Pruned     uint64        `json:"pruned"`     // broken off, since nothing new could follow
	Unfinished uint64        `json:"unfinished"` // ended by their step limit without a verdict
	States     []uint64      `json:"-"`          // fingerprints of different final states, ascending
	StateCount int           `json:"states"`
	Visited    int           `json:"visited,omitempty"` // different states at points, if they were told apart
	Depth      int           `json:"depth"`             // most choices of an execution
	Chance     float64       `json:"chance,omitempty"`  // PCT: with which all of them together find a failure of the depth, at least
	Sometimes  []Observation `json:"sometimes,omitempty"`
	Failures   []Found       `json:"failures,omitempty"` // different ones, in the order of discovery
}

// Found is a failure and how to see it again.
type Found struct {
	Failure   *Failure         `json:"failure"`
	Execution uint64           `json:"execution"` // number of the execution that found it, from 1
	Schedule  *choice.Schedule `json:"-"`         // every choice of that execution
	Text      string           `json:"schedule"`  // the minimal schedule, or else the whole, as text
	Minimal   *choice.Schedule `json:"-"`         // nil: not looked for
	Tries     int              `json:"tries"`     // executions that shrinking took
	Doom      *Doom            `json:"doom,omitempty"`

	steps []choice.Step
	seed  uint64
}

// finish gives the verdict, and works on the failures.
func (x *exploration) finish() Report {
	r := &x.report
	r.States = slices.Sorted(maps.Keys(x.states))
	r.StateCount = len(r.States)
	if r.Scope == "" {
		r.Scope, _ = x.cfg.Strategy.Scope()
	}
	if len(r.Failures) == 0 || x.cfg.KeepGoing {
		for _, o := range r.Sometimes {
			if !o.Held {
				r.Failures = append(r.Failures, Found{Failure: &Failure{Kind: Property, Name: "never: " + o.Name,
					Report: fmt.Sprintf("%q held in none of %d executions", o.Name, r.Executions)}})
			}
		}
	}
	switch {
	case len(r.Failures) > 0:
		r.Verdict = Failed
	case r.Stopped != "" || !x.whole || r.Unfinished > 0:
		r.Verdict = NoFailure
	}
	if p, ok := x.cfg.Strategy.(*PCT); ok {
		miss := 1.0
		for range r.Executions {
			miss *= 1 - p.Chance()
		}
		r.Chance = 1 - miss
	}
	for i := range r.Failures {
		x.study(&r.Failures[i])
	}
	return *r
}

// study repeats a failure with labels, shrinks it, and looks for the choice that made it certain.
func (x *exploration) study(f *Found) {
	if f.steps == nil && f.Execution == 0 || f.Failure.Kind == Unreproducible {
		return
	}
	t := trial{run: x.runs[0], spares: x.spares[0], want: f.Failure, depth: x.depth}
	again, failure := t.show(f.steps)
	if !failure.same(f.Failure) {
		f.Failure = &Failure{Kind: Unreproducible, Name: f.Failure.Error(),
			Report: "the same choices did not fail again: the scenario depends on something other than its schedule\n" + f.Failure.Report}
		f.Schedule = x.schedule(f, f.steps)
		f.Text = f.Schedule.String()
		return
	}
	f.Schedule = x.schedule(f, again)
	f.Failure = failure
	best := again
	if n := tries(x.cfg.ShrinkTries, DefaultShrinkTries); n > 0 {
		t.left = n
		best, _ = t.shrink(again, failure)
		best, f.Failure = t.show(best)
		f.Tries = n - t.left
		f.Minimal = x.schedule(f, best)
		f.Minimal.Trim()
	}
	if n := tries(x.cfg.DoomTries, DefaultDoomTries); n > 0 {
		t.left = n
		f.Doom = t.doom(best)
	}
	if f.Text = f.Schedule.String(); f.Minimal != nil {
		f.Text = f.Minimal.String()
	}
}

func tries(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return n
}

func (x *exploration) schedule(f *Found, steps []choice.Step) *choice.Schedule {
	return &choice.Schedule{Scenario: x.cfg.Scenario, Hash: x.cfg.Hash, Faults: x.cfg.Faults, Seed: f.seed, Steps: slices.Clone(steps)}
}

// Summary is the report in one line.
func (r Report) Summary() string {
	switch {
	case r.Verdict == Verified:
		return fmt.Sprintf("verified (%d executions, all)", r.Executions)
	case r.Verdict == NoFailure && r.Stopped == "" && r.Unfinished == 0:
		return fmt.Sprintf("no failure (%d executions: %s)", r.Executions, r.Scope)
	case r.Verdict == NoFailure:
		return fmt.Sprintf("no failure in %d of many", r.Executions)
	}
	return fmt.Sprintf("failed: %v", r.Failures[0].Failure)
}

// String is the report as text.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Summary())
	fmt.Fprintf(&b, "  tried: %s\n", r.Scope)
	if r.Stopped != "" {
		fmt.Fprintf(&b, "  stopped by: %s\n", r.Stopped)
	}
	fmt.Fprintf(&b, "  executions: %d", r.Executions)
	if r.Pruned > 0 {
		fmt.Fprintf(&b, ", and %d broken off", r.Pruned)
	}
	if r.Unfinished > 0 {
		fmt.Fprintf(&b, ", %d of them unfinished", r.Unfinished)
	}
	fmt.Fprintf(&b, "\n  final states: %d\n  most choices: %d\n", r.StateCount, r.Depth)
	if r.Visited > 0 {
		fmt.Fprintf(&b, "  states at points: %d\n", r.Visited)
	}
	if r.Chance > 0 {
		fmt.Fprintf(&b, "  chance to find a failure of this depth: at least %.3g\n", r.Chance)
	}
	for _, o := range r.Sometimes {
		reached := "never"
		if o.Held {
			reached = "reached"
		}
		fmt.Fprintf(&b, "  sometimes %q: %s\n", o.Name, reached)
	}
	for _, f := range r.Failures {
		b.WriteString(f.String())
	}
	return b.String()
}

// String is the failure, its schedule and its report, as text.
func (f Found) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", f.Failure)
	if f.Execution > 0 {
		fmt.Fprintf(&b, "  found by execution %d", f.Execution)
		if f.Minimal != nil {
			fmt.Fprintf(&b, "; shrunk from %d choices to %d", len(f.Schedule.Steps), len(f.Minimal.Steps))
		}
		b.WriteByte('\n')
	}
	if f.Doom != nil {
		fmt.Fprintf(&b, "  %v\n", f.Doom)
	}
	if f.Text != "" {
		b.WriteString("  schedule:\n" + indent(f.Text))
	}
	if f.Failure.Report != "" {
		b.WriteString("  report:\n" + indent(f.Failure.Report))
	}
	return b.String()
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}
