package trace

import (
	"fmt"
	"strings"
)

// Kind is the kind of an event.
type Kind uint8

const (
	KindMessage Kind = iota
	KindFault
	KindPageState
	KindObjectPhase
	KindAssociation
	KindMapping
	KindPort
	KindRight
	KindThread
	KindTrap
	KindTask
	KindException
	KindChoice
	KindPreempt
	KindNote
	KindHost
	kindCount
)

// kinds is the table of kinds. describe checks each struct when the program starts.
var kinds = [kindCount]kindInfo{
	KindMessage:     describe[Message]("message"),
	KindFault:       describe[Fault]("fault"),
	KindPageState:   describe[PageState]("page_state"),
	KindObjectPhase: describe[ObjectPhase]("object_phase"),
	KindAssociation: describe[Association]("association"),
	KindMapping:     describe[Mapping]("mapping"),
	KindPort:        describe[PortEvent]("port"),
	KindRight:       describe[RightEvent]("right"),
	KindThread:      describe[Thread]("thread"),
	KindTrap:        describe[Trap]("trap"),
	KindTask:        describe[TaskEvent]("task"),
	KindException:   describe[Exception]("exception"),
	KindChoice:      describe[Choice]("choice"),
	KindPreempt:     describe[Preempt]("preempt"),
	KindNote:        describe[Note]("note"),
	KindHost:        describe[HostEvent]("host_start"),
}

// Event is one fact. The types that implement it are the structs of this package.
type Event interface {
	Kind() Kind
	// line writes what happened: a mark of two characters, a space, a sentence.
	line(w *writer)
}

func (k Kind) String() string {
	if k < kindCount {
		return kinds[k].name
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Kinds lists all kinds in order.
func Kinds() []Kind {
	out := make([]Kind, kindCount)
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// ParseKind finds the kind with the given name. It fails for a name that no kind has.
func ParseKind(s string) (Kind, error) {
	for k := range kinds {
		if kinds[k].name == s {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("trace: no kind of event is named %q", s)
}

// Mask is a set of kinds.
type Mask uint64

// All is every kind.
const All Mask = 1<<kindCount - 1

// MaskOf is the set of the given kinds.
func MaskOf(kinds ...Kind) Mask {
	var m Mask
	for _, k := range kinds {
		m |= 1 << k
	}
	return m
}

// Has reports whether k is in the set.
func (m Mask) Has(k Kind) bool { return m>>k&1 != 0 }

func (m Mask) String() string {
	if m == All {
		return "all"
	}
	var names []string
	for _, k := range Kinds() {
		if m.Has(k) {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, ",")
}

// ParseMask reads kinds separated by commas, or "all", or "" for none. A kind after a minus sign is taken out:
// "all,-trap".
func ParseMask(s string) (Mask, error) {
	var m Mask
	if s == "" {
		return 0, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		if word == "all" {
			m = All
			continue
		}
		name, out := strings.CutPrefix(word, "-")
		k, err := ParseKind(name)
		if err != nil {
			return 0, err
		}
		if out {
			m &^= MaskOf(k)
		} else {
			m |= MaskOf(k)
		}
	}
	return m, nil
}

// spell is names[v], or the type's name with the number where there is none.
func spell[V ~uint8](v V, what string, names []string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", what, uint8(v))
}
