package choice

import "fmt"

// Kind says what sort of thing is being chosen.
type Kind uint8

const (
	KindAny      Kind = iota // no kind: in a Rule it matches every kind; no Point has it
	KindThread               // which runnable thread runs next, at a trap or where the last one blocked
	KindPreempt              // who goes on at a named preemption point, where the originals drop their locks
	KindDelivery             // which message crosses between hosts next
	KindTimer                // which of several timers with one deadline fires first
	KindVictim               // which page goes, where Mach leaves it open
	KindReceiver             // which blocked receiver gets a message, where a scenario relaxes the order
	KindFault                // whether and which fault is injected here; option 0 is "none"
	kindCount
)

var kindNames = [kindCount]string{
	KindAny: "any", KindThread: "thread", KindPreempt: "preempt", KindDelivery: "delivery", KindTimer: "timer",
	KindVictim: "victim", KindReceiver: "receiver", KindFault: "fault",
}

func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind finds the kind with the given name. It fails for a name that no kind has.
func ParseKind(s string) (Kind, error) {
	for k, name := range kindNames {
		if name == s {
			return Kind(k), nil
		}
	}
	return KindAny, fmt.Errorf("choice: no kind is named %q", s)
}

// Labeler names the options of a point. The same situation must give the same labels in every run.
type Labeler interface {
	ChoiceLabel(i int) string
}

// Point is one open decision: pick one of Width options. It is passed by value and holds nothing that has
// to be allocated for it; the labeler is whoever owns the options.
type Point struct {
	Kind    Kind
	Name    string  // where in the kernel: "trap", "block", "T1-broken"
	Width   int     // number of options
	Labeler Labeler // may be nil: options then have empty labels
}

// Label is the name of option i, "" if nobody can tell.
func (p Point) Label(i int) string {
	if p.Labeler == nil {
		return ""
	}
	return p.Labeler.ChoiceLabel(i)
}

// Identifier is what a Labeler may have besides: a number for each option that stays the same from point to
// point of one run, such as the id of a thread. Names need not be unique; these are, within a kind.
type Identifier interface {
	ChoiceID(i int) uint64
}

// ID is the identity of option i, 0 if it has none.
func (p Point) ID(i int) uint64 {
	if l, ok := p.Labeler.(Identifier); ok {
		return l.ChoiceID(i)
	}
	return 0
}

// Chooser decides. Choose returns a number from 0 to p.Width-1; it is called with a width of at least 2.
// Kernel code calls Ask, which keeps both promises.
type Chooser interface {
	Choose(p Point) int
}

// First takes the first option everywhere. It is the default.
type First struct{}

// Choose returns 0.
func (First) Choose(Point) int { return 0 }

// Greedy reports whether c always takes the first option, so that points need not be built for it. A nil
// chooser counts as First.
func Greedy(c Chooser) bool {
	if c == nil {
		return true
	}
	_, ok := c.(First)
	return ok
}

// Ask is how the kernel asks: it answers 0 where there is no choice and otherwise asks c. It panics if c's
// answer is out of range.
func Ask(c Chooser, p Point) int {
	if p.Width <= 1 || c == nil {
		return 0
	}
	i := c.Choose(p)
	if uint(i) >= uint(p.Width) {
		panic(fmt.Sprintf("choice: %T chose option %d of %d at %s %s", c, i, p.Width, p.Kind, p.Name))
	}
	return i
}

// Failed is the reason why c wants the run to end, nil for choosers that never do. The scheduler asks
// after each choice; a scheduler that does not still gets a legal answer each time.
func Failed(c Chooser) error {
	if f, ok := c.(interface{ Failed() error }); ok {
		return f.Failed()
	}
	return nil
}
