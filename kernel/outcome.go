package kernel

import (
	"errors"
	"fmt"
	"strings"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// OutcomeKind is how a Run ended.
type OutcomeKind uint8

const (
	Finished    OutcomeKind = iota // every program has ended; only service threads wait
	Deadlock                       // nothing can run, and programs wait or are suspended
	Crashed                        // as Finished or Deadlock, but a program has panicked
	Stopped                        // Stop was called, or the chooser gave up, or the simulation is shut down
	StepLimit                      // the step limit is reached
	CheckFailed                    // an audit found a broken invariant
	Panicked                       // the kernel panicked: a broken invariant
)

func (k OutcomeKind) String() string {
	return [...]string{"finished", "deadlock", "crashed", "stopped", "step limit", "check failed", "panicked"}[k]
}

// ErrDeadlock is the error of a run that ended in a deadlock.
var ErrDeadlock = errors.New("kernel: nothing can run and programs wait")

// ErrStepLimit is the error of a run that reached its step limit.
var ErrStepLimit = errors.New("kernel: step limit reached")

// Outcome is how a Run ended.
type Outcome struct {
	Kind OutcomeKind
	// Err is nil if all is well: the run finished, or was stopped without an error. Otherwise it is
	// ErrDeadlock, ErrStepLimit, a *Crash, a *sched.PanicError, which wraps a *CheckError if an audit
	// failed, or what Stop was given.
	Err     error
	Steps   uint64                // steps since the simulation was made
	Now     mach.Time             // virtual time
	Blocked []sched.BlockedThread // threads in a wait that are no service threads, in id order
	// Suspended is the threads that could run but for their suspension.
	Suspended []*sched.Thread
	Crashes   []*Crash        // programs that have panicked so far
	Abandoned []*sched.Thread // threads that went on trapping after they were killed

	sim *Simulation
}

// Deadlocked reports whether programs wait for something that cannot come any more.
func (o Outcome) Deadlocked() bool {
	return (o.Kind == Deadlock || o.Kind == Crashed) && len(o.Blocked)+len(o.Suspended) > 0
}

// OK reports whether the run ended without an error.
func (o Outcome) OK() bool { return o.Err == nil }

func (o Outcome) String() string {
	s := fmt.Sprintf("%v after %d steps", o.Kind, o.Steps)
	if n := len(o.Blocked) + len(o.Suspended); n > 0 {
		s += fmt.Sprintf(", %d threads stuck", n)
	}
	if o.Err != nil {
		s += ": " + o.Err.Error()
	}
	return s
}

// reportEvents is how many of the last events a report shows.
const reportEvents = 20

// Report is the outcome for people: what went wrong, who waits for what, held by whom, since which step,
// and the last events.
func (o Outcome) Report() string {
	var w strings.Builder
	fmt.Fprintln(&w, o)
	for _, c := range o.Crashes {
		fmt.Fprintf(&w, "%v\n%s", c, c.Stack)
	}
	var p *sched.PanicError
	if errors.As(o.Err, &p) {
		fmt.Fprintf(&w, "%s", p.Stack)
	}
	w.WriteString(sched.DeadlockReport(o.sim.sched))
	w.WriteString(o.sim.WaitFor())
	if o.Err != nil {
		fmt.Fprintf(&w, "last events:\n")
		// Writing to a strings.Builder does not fail.
		_ = o.sim.tracer.Dump(&w, o.sim.timeline(), reportEvents)
	}
	return w.String()
}

// outcome is what the scheduler says, seen with the programs' eyes.
func (s *Simulation) outcome(so sched.Outcome) Outcome {
	o := Outcome{Err: so.Err, Steps: so.Steps, Now: so.Now, Crashes: s.crashes, Abandoned: s.sched.Abandoned(), sim: s}
	for _, b := range s.sched.Blocked() {
		if !b.Thread.Daemon() {
			o.Blocked = append(o.Blocked, b)
		}
	}
	for th := range s.sched.Threads() {
		if th.Suspended() && th.State() != sched.Blocked && !th.Daemon() {
			o.Suspended = append(o.Suspended, th)
		}
	}
	switch so.Kind {
	case sched.Panicked:
		o.Kind = Panicked
		if broken := (*CheckError)(nil); errors.As(so.Err, &broken) {
			o.Kind = CheckFailed
		}
	case sched.StepLimit:
		o.Kind, o.Err = StepLimit, ErrStepLimit
	case sched.Stopped:
		o.Kind = Stopped
	default:
		switch {
		case len(s.crashes) > 0:
			o.Kind, o.Err = Crashed, s.crashes[0]
		case len(o.Blocked)+len(o.Suspended) > 0:
			o.Kind, o.Err = Deadlock, ErrDeadlock
		}
	}
	return o
}

// Crash is the panic of a user program. It ends the program's task as an unhandled exception would, and
// nothing else.
type Crash struct {
	Thread *Thread
	Step   uint64
	Value  any    // what the program panicked with
	Stack  []byte // Go's stack; addresses in it differ from run to run
}

func (c *Crash) Error() string {
	return fmt.Sprintf("%s panicked in step %d: %v", c.Thread.name, c.Step, c.Value)
}

// Unwrap is what the program panicked with if that is an error.
func (c *Crash) Unwrap() error {
	err, _ := c.Value.(error)
	return err
}

// CheckError is an audit that found a broken invariant.
type CheckError struct {
	Step uint64 // after which it was found
	Err  error
}

func (e *CheckError) Error() string { return fmt.Sprintf("after step %d: %v", e.Step, e.Err) }

// Unwrap is what the audit found.
func (e *CheckError) Unwrap() error { return e.Err }
