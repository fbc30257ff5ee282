package choice

import (
	"fmt"
	"path"
	"strings"
)

// Rule decides the points it matches: by kind, by the name of the point, and by the label of an option.
//
//	Rule{Kind: KindPreempt, Name: "T1-*", Label: "pager", Times: 1}
//
// reads: the first time at a preemption point T1-something where pager could run, run pager.
type Rule struct {
	Kind  Kind   // KindAny matches every kind
	Name  string // pattern for the name of the point, as in path.Match; "" matches every name
	Label string // picks the first option with this label, or else the first whose label contains it
	Skip  int    // lets that many matches pass before it decides
	Times int    // decides that many matches; 0: all of them
}

// Script decides by rules. The first rule that matches a point and finds its label there decides; where
// none does, Else is asked.
type Script struct {
	Else  Chooser // nil: First
	rules []scriptRule
}

type scriptRule struct {
	Rule
	matched int // points matched so far
	decided int // points decided so far
}

// NewScript makes a chooser of rules. It fails if a rule's name pattern is malformed, its kind unknown or one
// of its counts negative.
func NewScript(rules ...Rule) (*Script, error) {
	s := &Script{}
	for i, r := range rules {
		if _, err := path.Match(r.Name, ""); err != nil {
			return nil, fmt.Errorf("choice: rule %d: name pattern %q: %w", i+1, r.Name, err)
		}
		if r.Kind >= kindCount {
			return nil, fmt.Errorf("choice: rule %d: no such %v", i+1, r.Kind)
		}
		if r.Skip < 0 || r.Times < 0 {
			return nil, fmt.Errorf("choice: rule %d: negative count", i+1)
		}
		s.rules = append(s.rules, scriptRule{Rule: r})
	}
	return s, nil
}

// Choose asks the rules in order.
func (s *Script) Choose(p Point) int {
	for i := range s.rules {
		if option := s.rules[i].decide(p); option >= 0 {
			return option
		}
	}
	return Ask(s.Else, p)
}

// decide is the option the rule picks at p, -1 if it does not decide p.
func (r *scriptRule) decide(p Point) int {
	if r.Kind != KindAny && r.Kind != p.Kind || r.Times > 0 && r.decided == r.Times {
		return -1
	}
	if ok, _ := path.Match(r.Name, p.Name); !ok && r.Name != "" {
		return -1
	}
	option := find(p, r.Label)
	if option < 0 {
		return -1
	}
	if r.matched++; r.matched <= r.Skip {
		return -1
	}
	r.decided++
	return option
}

// find is the option with the label, or else the first that contains it, or -1.
func find(p Point, label string) int {
	part := -1
	for i := range p.Width {
		have := p.Label(i)
		if have == label {
			return i
		}
		if part < 0 && strings.Contains(have, label) {
			part = i
		}
	}
	return part
}

// Failed is the failure of Else.
func (s *Script) Failed() error { return Failed(s.Else) }

// Unused lists the rules that never decided anything, which usually means a name that does not occur.
func (s *Script) Unused() []Rule {
	var unused []Rule
	for i := range s.rules {
		if s.rules[i].decided == 0 {
			unused = append(unused, s.rules[i].Rule)
		}
	}
	return unused
}
