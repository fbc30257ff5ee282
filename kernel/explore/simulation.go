package explore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/monitor"
	"machvm/kernel/sched"
)

// DefaultStepLimit is how many steps one execution may take if its Config does not say.
const DefaultStepLimit = 100_000

// Subject is one execution of a scenario in Go while it is being built: the simulation, and what is to hold
// in it.
type Subject struct {
	Sim *kernel.Simulation

	always     []property
	eventually []*occurrence
	sometimes  []*occurrence
	finally    []property
	facts      []func() string
	failure    *Failure
	gate       *gate
	monitor    *monitor.Monitor // nil: the run is not checked
	cycles     cycles
}

// gate keeps choices from the explorer while a scenario is set up.
type gate struct {
	choice.Chooser
	closed bool
}

// Choose is the explorer's choice, or the first option while the gate is closed.
func (g *gate) Choose(p choice.Point) int {
	if g.closed {
		return 0
	}
	return choice.Ask(g.Chooser, p)
}

// Failed is the explorer's wish to end the execution.
func (g *gate) Failed() error { return choice.Failed(g.Chooser) }

// Settle runs what build has spawned so far until nothing can run, with first options, before exploration
// begins. It fails if the run fails.
func (s *Subject) Settle() error {
	s.gate.closed = true
	defer func() { s.gate.closed = false }()
	if o := s.Sim.Run(); !o.OK() {
		return fmt.Errorf("explore: setting up: %v", o)
	}
	return nil
}

type property struct {
	name  string
	holds func() error
}

type occurrence struct {
	name  string
	holds func() bool
	held  bool
}

// Always says that f returns nil after every step. A reduced search tries one of several executions that differ in
// the order of steps only, so under it f should depend on things whose steps do not commute.
func (s *Subject) Always(name string, f func() error) {
	s.always = append(s.always, property{name, f})
}

// Eventually says that f holds after some step of every execution that treats its threads fairly.
func (s *Subject) Eventually(name string, f func() bool) {
	s.eventually = append(s.eventually, &occurrence{name: name, holds: f})
}

// Sometimes says that f holds after some step of some execution. It shows that a scenario is not void.
func (s *Subject) Sometimes(name string, f func() bool) {
	s.sometimes = append(s.sometimes, &occurrence{name: name, holds: f})
}

// Progress says by what it is to be seen that clients come further: a number that changes. A circle in which it does
// not is a livelock; without it only the end of a thread is progress.
func (s *Subject) Progress(f func() uint64) { s.cycles.further = f }

// Finally says that f returns nil when nothing can run any more.
func (s *Subject) Finally(name string, f func() error) {
	s.finally = append(s.finally, property{name, f})
}

// Fact adds what f says at the end to the final state by which executions are told apart.
func (s *Subject) Fact(f func() string) { s.facts = append(s.facts, f) }

// Simulation is the Run of a scenario in Go: build boots hosts, spawns programs and says what is to hold. It
// is called for every execution, possibly by several workers at a time, and must share nothing between
// executions. An execution fails if a property does not hold, programs wait for ever or panic, the kernel breaks an
// invariant, or the step limit is reached; and, if it is checked, if a kernel breaks a rule of the protocol.
//
// Under a reduced search programs of different tasks must share nothing but what the kernel gives them.
func Simulation(c kernel.Config, build func(s *Subject) error) Run {
	if c.StepLimit == 0 {
		c.StepLimit = DefaultStepLimit
	}
	return func(chooser choice.Chooser) Result {
		config := c
		g := &gate{Chooser: chooser}
		config.Chooser = g
		if config.Spares = Quick(chooser); config.Spares != nil && config.Tracer == nil {
			config.Tracer = config.Spares.Quiet()
		}
		if Prunes(chooser) {
			config.Histories = kernel.HistoriesOfTasks
		}
		s := &Subject{Sim: kernel.New(config), gate: g}
		defer s.Sim.Shutdown()
		if c.Checked {
			s.monitor = monitor.Attach(s.Sim.Tracer())
			defer s.Sim.Tracer().RemoveSink(s.monitor)
		}
		if err := build(s); err != nil {
			return Result{Failure: &Failure{Kind: Harness, Name: err.Error()}}
		}
		ObserveMachine(s.Sim, chooser)
		s.cycles.sim, s.cycles.ran = s.Sim, map[uint32]step{}
		return s.result(s.run(c.StepLimit))
	}
}

// run runs the machine. Who has no properties to be looked at is not looked at before a livelock is possible.
func (s *Subject) run(limit uint64) kernel.Outcome {
	sc := s.Sim.Sched()
	if len(s.always)+len(s.eventually)+len(s.sometimes) == 0 && limit > cycleFrom {
		sc.SetStepLimit(min(limit, sc.Steps()+cycleFrom))
		if o := s.Sim.Run(); o.Kind != kernel.StepLimit {
			return o
		}
		sc.SetStepLimit(limit)
	}
	sc.AfterStep(s.look)
	return s.Sim.Run()
}

// look is the audit of the properties after a step.
func (s *Subject) look() {
	for _, p := range s.always {
		if err := p.holds(); err != nil {
			s.fail(Property, p.name, err.Error())
			s.Sim.Stop(s.failure)
			return
		}
	}
	for _, o := range s.eventually {
		o.held = o.held || o.holds()
	}
	for _, o := range s.sometimes {
		o.held = o.held || o.holds()
	}
	if circle := s.cycles.look(); circle != "" {
		name := circle
		if i := s.missing(); i >= 0 {
			name = "not eventually: " + s.eventually[i].name
		}
		s.fail(Livelock, name, circle+"\n"+s.Sim.WaitFor())
		s.Sim.Stop(s.failure)
	}
}

// missing is the first property that has not held yet, -1 if all have.
func (s *Subject) missing() int {
	return slices.IndexFunc(s.eventually, func(e *occurrence) bool { return !e.held })
}

func (s *Subject) fail(kind FailureKind, name, report string) {
	if s.failure == nil {
		s.failure = &Failure{Kind: kind, Name: name, Report: report}
	}
}

// result judges how the run ended.
func (s *Subject) result(o kernel.Outcome) Result {
	switch o.Kind {
	case kernel.Crashed:
		c := o.Crashes[0]
		s.fail(Crash, fmt.Sprintf("%s: %v", c.Thread.Sched().Name(), c.Value), o.Report())
	case kernel.Deadlock:
		kind := Deadlock
		for _, t := range s.Sim.LostWakeups() {
			if !t.Daemon() {
				kind = LostWakeup
			}
		}
		s.fail(kind, stuck(o), o.Report())
	case kernel.CheckFailed, kernel.Panicked:
		err := o.Err
		if broken := (*kernel.CheckError)(nil); errors.As(err, &broken) {
			err = broken.Err // without the step, which shrinking changes
		}
		s.fail(Invariant, firstLine(err.Error()), o.Report())
	case kernel.StepLimit:
		if i := s.missing(); i >= 0 {
			s.fail(Livelock, "not eventually: "+s.eventually[i].name, o.Report())
		}
		s.fail(Livelock, "the step limit is reached", o.Report())
	case kernel.Finished:
		s.judgeEnd(o)
	case kernel.Stopped:
		if s.failure != nil {
			s.failure.Report += "\n" + o.Report()
		}
	}
	s.monitored(o)
	r := Result{Failure: s.failure, Steps: o.Steps}
	r.Proved = o.Kind == kernel.Stopped
	r.Complete = o.Kind == kernel.Finished || o.Kind == kernel.Deadlock || o.Kind == kernel.Crashed
	if o.Kind != kernel.Stopped {
		r.State = s.fingerprint()
	}
	for _, p := range s.sometimes {
		r.Sometimes = append(r.Sometimes, Observation{p.name, p.held})
	}
	return r
}

// judgeEnd looks at what is to hold once all is done.
func (s *Subject) judgeEnd(o kernel.Outcome) {
	for _, e := range s.eventually {
		if !e.held {
			s.fail(Property, "not eventually: "+e.name, o.Report())
		}
	}
	for _, p := range s.finally {
		if err := p.holds(); err != nil {
			s.fail(Property, p.name, err.Error()+"\n"+o.Report())
		}
	}
	if err := s.Sim.Check(); err != nil {
		s.fail(Invariant, firstLine(err.Error()), o.Report())
	}
}

// fingerprint is a hash of the machine and of the facts. It is never 0.
func (s *Subject) fingerprint() uint64 {
	var d sched.Digest
	s.Sim.Digest(&d, false)
	for _, f := range s.facts {
		d.Text(f())
	}
	return d.Sum() | 1
}

// stuck names who cannot go on.
func stuck(o kernel.Outcome) string {
	var names []string
	for _, b := range o.Blocked {
		names = append(names, b.Thread.Name()+" waits for "+b.Wait.Kind.String())
	}
	for _, t := range o.Suspended {
		names = append(names, t.Name()+" is suspended")
	}
	return strings.Join(names, ", ")
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

// monitored fails an execution in which a kernel broke a rule of the protocol.
func (s *Subject) monitored(o kernel.Outcome) {
	if s.monitor == nil {
		return
	}
	s.monitor.Finish(o.Kind == kernel.Finished || o.Kind == kernel.Deadlock)
	if broken := s.monitor.KernelViolations(); len(broken) > 0 {
		v := broken[0]
		s.fail(Invariant, v.Rule.ID+": "+v.Text, v.String()+"\n"+o.Report())
	}
}
