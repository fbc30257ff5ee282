package sched

import (
	"fmt"
	"strings"

	"machvm/kernel/choice"
	"machvm/kernel/trace"
)

// Injection is a fault that a run may be made to have, where the kernel asks for it.
type Injection uint8

const (
	InjectShortage Injection = iota // no page is free for a moment, when a thread wants one
	InjectDeath                     // a manager dies when it is about to send or receive a message
	InjectQueue                     // a queue is full for a moment, when a message with a timeout is sent
	InjectDelay                     // a message between hosts is late
	InjectPageout                   // a page goes although memory is not short
	injectionCount
)

var injectionNames = [injectionCount]string{"shortage", "death", "queue", "delay", "pageout"}

func (k Injection) String() string {
	if k < injectionCount {
		return injectionNames[k]
	}
	return fmt.Sprintf("injection(%d)", uint8(k))
}

// Faults are the kinds of faults that a run may have, and how many of them. The zero value is none.
type Faults struct {
	Kinds [injectionCount]bool
	Most  int // faults in one run; 0: one
}

// ParseFaults reads kinds by name, separated by commas, and after a space how many there may be: "death,delay 2".
func ParseFaults(text string) (f Faults, err error) {
	names, most, counted := strings.Cut(strings.TrimSpace(text), " ")
	if counted {
		if _, err := fmt.Sscanf(most, "%d", &f.Most); err != nil || f.Most < 1 {
			return Faults{}, fmt.Errorf("faults: %q is no number of them", most)
		}
	}
	for name := range strings.SplitSeq(names, ",") {
		known := false
		for k, have := range injectionNames {
			if have == name {
				f.Kinds[k], known = true, true
			}
		}
		if !known && name != "" {
			return Faults{}, fmt.Errorf("faults: no kind is named %q; there are %s", name, strings.Join(injectionNames[:], ", "))
		}
	}
	return f, nil
}

// String is what ParseFaults reads; "" for none.
func (f Faults) String() string {
	var names []string
	for k, on := range f.Kinds {
		if on {
			names = append(names, injectionNames[k])
		}
	}
	s := strings.Join(names, ",")
	if s != "" && f.Most > 1 {
		s += fmt.Sprintf(" %d", f.Most)
	}
	return s
}

// Inject reports whether a fault of a kind is to happen here; what names it. The chooser decides, if the run may have
// such a fault and has not had as many as it may.
func (s *Scheduler) Inject(k Injection, what string) bool {
	if !s.faults.Kinds[k] || s.greedy || s.down {
		return false
	}
	s.Touch(ResourceFaults, 0, false)
	if s.injected >= max(s.faults.Most, 1) {
		return false
	}
	o := injection(what)
	if s.ask(choice.Point{Kind: choice.KindFault, Name: k.String(), Width: 2, Labeler: &o}) == 0 {
		return false
	}
	s.Touch(ResourceFaults, 0, true)
	s.injected++
	s.tracer.Note(trace.NoteInfo, fmt.Sprintf("injected %v: %s", k, what))
	return true
}

// injection labels the choice whether a fault happens.
type injection string

// ChoiceLabel is "none", or what happens.
func (o *injection) ChoiceLabel(i int) string {
	if i == 0 {
		return "none"
	}
	return string(*o)
}
