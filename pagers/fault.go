package pagers

import (
	"fmt"
	"strings"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// FaultKind is a way in which what a manager says to a kernel can go wrong.
type FaultKind uint8

const (
	Late         FaultKind = iota // said after Delay; the thread that says it does nothing else
	Silent                        // not said
	WrongData                     // data: other bytes than the handler's
	WrongOffset                   // about the page behind the one meant
	WrongControl                  // to another association of the manager, or, if there is none, to nobody
	WrongError                    // an answer to a data_request: the error Error in its place
	Duplicated                    // said twice
	Reordered                     // said after what is said next, or after Delay if nothing is
	Dying                         // the manager's task ends in place of saying it
	faultKindCount
)

var faultNames = [faultKindCount]string{"late", "silent", "wrong_data", "wrong_offset", "wrong_control", "wrong_error", "duplicated",
	"reordered", "dying"}

func (k FaultKind) String() string {
	if k < faultKindCount {
		return faultNames[k]
	}
	return fmt.Sprintf("fault(%d)", uint8(k))
}

// FaultNamed finds the kind with the given name.
func FaultNamed(name string) (FaultKind, bool) {
	for k, n := range faultNames {
		if n == name {
			return FaultKind(k), true
		}
	}
	return 0, false
}

// Fault is one way to go wrong and when to do so.
type Fault struct {
	Kind FaultKind
	// On is the call that goes wrong, such as "memory_object_data_supply" or "data_supply"; "": every call that
	// can go wrong in this way.
	On    string
	Skip  int          // lets that many calls pass
	Times int          // concerns that many calls; 0: all of them
	Delay mach.Timeout // Late, Reordered: milliseconds; 0: DefaultDelay
	Error mach.Return  // WrongError; KERN_SUCCESS: KERN_FAILURE
}

// DefaultDelay is how long something is late if its Fault does not say.
const DefaultDelay mach.Timeout = 10

// Plan is what goes wrong with a manager, and where. The zero value is nothing.
type Plan struct {
	// Faults go wrong by count. Of several that concern one call the first does.
	Faults []Fault
	// Choices go wrong where whoever decides the run (user.Thread.Choose) wants it: at every call one of those that
	// it can go wrong with, or none. An exploration tries all combinations. Budget is how many are chosen at most.
	Choices []Fault
	Budget  int
}

// Faulty makes a manager go wrong as planned, whatever its handler is. It concerns what the handler says by the
// methods of Call, from within. The manager believes that all is well. A plan that does not concern
// anything changes nothing.
func Faulty(p Plan) Option { return faulty(p) }

type faulty Plan

func (p faulty) set(s *Server) { s.Inject(Plan(p)) }

// Inject makes a server go wrong as planned from now on, in place of an earlier plan.
func (s *Server) Inject(p Plan) {
	s.faults = nil
	if len(p.Faults)+len(p.Choices) > 0 {
		s.faults = &faults{plan: p, seen: make([]counts, len(p.Faults))}
	}
}

// Injected says what has gone wrong so far, in order: the kind and the call.
func (s *Server) Injected() []string {
	if s.faults == nil {
		return nil
	}
	return s.faults.log
}

// faults is a plan being carried out.
type faults struct {
	plan     Plan
	seen     []counts // of plan.Faults
	chosen   int
	log      []string
	controls []mach.Name // control ports of the associations in force, in the order of their init
	held     []*saying   // to be said after what comes next
}

type counts struct{ matched, done int }

// watch notes the associations that come and go.
func (f *faults) watch(c *Call) {
	if len(c.Message.Descs) == 0 {
		return // an imitation
	}
	form := c.Thread.Form()
	switch c.Message.ID {
	case defs.MemoryObjectInitRow.ID(form.Set):
		f.controls = append(f.controls, c.Message.Descs[0].Port)
	case defs.MemoryObjectTerminateRow.ID(form.Set):
		f.controls = without(f.controls, c.Message.Descs[0].Port)
	}
}

// pick is the fault that concerns a call, nil if it is to be left alone.
func (f *faults) pick(t user.Thread, s *saying) *Fault {
	for i := range f.plan.Faults {
		fault, n := &f.plan.Faults[i], &f.seen[i]
		if !fault.concerns(s) || fault.Times > 0 && n.done == fault.Times {
			continue
		}
		if n.matched++; n.matched > fault.Skip {
			n.done++
			return fault
		}
	}
	if f.chosen >= f.plan.Budget {
		return nil
	}
	options, choices := []string{"no fault"}, []*Fault{nil}
	for i := range f.plan.Choices {
		if fault := &f.plan.Choices[i]; fault.concerns(s) {
			options, choices = append(options, fault.Kind.String()+" "+s.name), append(choices, fault)
		}
	}
	fault := choices[t.Choose("fault", options)]
	if fault != nil {
		f.chosen++
	}
	return fault
}

// concerns reports whether a call can go wrong in this way.
func (f *Fault) concerns(s *saying) bool {
	if f.On != "" && f.On != s.name && "memory_object_"+strings.TrimPrefix(f.On, "memory_object_") != s.name {
		return false
	}
	switch f.Kind {
	case WrongData:
		return s.data != nil && s.data.Size > 0
	case WrongOffset:
		return s.offset != nil
	case WrongError:
		return s.answer
	}
	return true
}
