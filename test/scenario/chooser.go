package scenario

import (
	"machvm/kernel/choice"
)

// chooser decides for one run: the rules of the script first, then whoever the run was given. It also
// keeps threads that wait for a preemption point (t.at) out of the way until the kernel gets there.
type chooser struct {
	rules []*rule
	head  choice.Chooser // the rules, then base
	base  choice.Chooser // nil: the first option
	held  map[string]*point
	// replay repeats an earlier run, which has all decisions in it: rules and held threads have no say.
	replay *choice.Replayer
}

// rule is one schedule(...) of a script.
type rule struct {
	*choice.Script
	at string // file:line
}

// point is what a thread waits for with t.at.
type point struct {
	name    string
	reached bool
}

func newChooser(base choice.Chooser) *chooser {
	return &chooser{head: base, base: base, held: map[string]*point{}}
}

// add puts a rule behind those before it.
func (c *chooser) add(at string, r choice.Rule) error {
	s, err := choice.NewScript(r)
	if err != nil {
		return err
	}
	s.Else = c.base
	if n := len(c.rules); n > 0 {
		c.rules[n-1].Else = s
	} else {
		c.head = s
	}
	c.rules = append(c.rules, &rule{s, at})
	return nil
}

// unused is the first rule that never decided anything, nil if there is none.
func (c *chooser) unused() *rule {
	if c.replay != nil {
		return nil
	}
	for _, r := range c.rules {
		if len(r.Unused()) > 0 {
			return r
		}
	}
	return nil
}

// Choose picks a thread that waits for this very point, or else what the rules say.
func (c *chooser) Choose(p choice.Point) int {
	if c.replay != nil {
		i := choice.Ask(c.replay, p)
		c.reach(p, i)
		return i
	}
	if p.Kind == choice.KindPreempt && len(c.held) > 0 {
		for i := range p.Width {
			if c.reach(p, i) {
				return i
			}
		}
	}
	i := choice.Ask(c.head, p)
	if len(c.held) == 0 || p.Kind != choice.KindThread && p.Kind != choice.KindPreempt {
		return i
	}
	for k := range p.Width {
		if j := (i + k) % p.Width; c.held[p.Label(j)] == nil {
			return j
		}
	}
	return i
}

// reach reports whether option i of p is a thread that waits for this very point. If so its wait is over.
func (c *chooser) reach(p choice.Point, i int) bool {
	if p.Kind != choice.KindPreempt {
		return false
	}
	w := c.held[p.Label(i)]
	if w == nil || w.name != p.Name {
		return false
	}
	w.reached = true
	delete(c.held, p.Label(i))
	return true
}

// Failed is why the given chooser wants the run to end, as when a replay diverges.
func (c *chooser) Failed() error {
	if c.replay != nil {
		return c.replay.Failed()
	}
	return choice.Failed(c.base)
}
