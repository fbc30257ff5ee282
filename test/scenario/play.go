package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/monitor"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/pagers/zoo"
)

// DefaultStepLimit is how many steps of Starlark a thread may take without blocking.
const DefaultStepLimit = 1_000_000

// DefaultKernelSteps is how many steps the scheduler may take in one run.
const DefaultKernelSteps = 1_000_000

// Options say how to run a scenario. The zero value is an ordinary run, compared with its golden transcript.
type Options struct {
	Update      bool             // write the golden transcript
	NoGolden    bool             // neither write nor compare it
	StepLimit   uint64           // steps of Starlark without blocking; 0: DefaultStepLimit
	KernelSteps uint64           // steps of the scheduler; 0: DefaultKernelSteps
	Chooser     choice.Chooser   // who decides where no rule of the script does; nil: the first option
	Replay      *choice.Schedule // every choice of an earlier run; overrides Chooser
	Personality string           // preset of hosts that name none
	// Habits are what every host starts from, whatever preset the script names; fields that the script sets
	// come on top. nil: the script decides.
	Habits    *personality.Personality
	Unchecked bool // leave out the audits after every step, and the monitor
	// Unmonitored leaves out the monitor, which holds every kernel and manager against the rules of the protocol.
	Unmonitored bool
	Strict      bool // fail a run in which a manager broke a rule, unless the script expects it
	// Spares is what an earlier run of the same owner has left. A run with it is a quick one: it has no transcript, its
	// events are not kept, and its schedule has no labels.
	Spares *kernel.Spares
	// Faults may be injected where the chooser wants it; those of Replay override them.
	Faults sched.Faults
	// Recorder writes the choices down while they are made; nil: nobody sees them before the end.
	Recorder *choice.Recorder
	// Sinks are made for the run's tracer and see every event.
	Sinks []func(*trace.Tracer) trace.Sink
	// Observe is called with the simulation before the script starts: a monitor looks on this way.
	Observe func(*kernel.Simulation)
	// Zoo makes the manager of zoo_pager, such as one with a mistake that the script is to catch; nil: one without.
	Zoo zoo.Maker
	// Ended is called when the run is over and the simulation not yet shut down.
	Ended func()
}

// Run runs the script at path once, and holds its transcript against the golden one unless told otherwise.
func Run(path string, o Options) Result {
	script, failure := Load(path)
	if failure != nil {
		return Result{Script: path, Failure: failure}
	}
	return script.Run(o)
}

// Run runs the script once. The golden transcript of a run that failed by itself is left alone.
func (s *Script) Run(o Options) Result {
	r := s.perform(o)
	if o.NoGolden || r.Failure != nil {
		return r
	}
	failure, err := checkGolden(s.Path, r.Transcript+r.Verdict(), o.Update)
	if err != nil {
		failure = &Failure{Kind: Unreadable, At: goldenPath(s.Path), Text: reason(err)}
	}
	r.Failure = failure
	return r
}

// play is one run of a script.
type play struct {
	script  *Script
	options Options
	limit   uint64

	sim      *kernel.Simulation
	chooser  *chooser
	recorder *choice.Recorder
	names    *trace.Names
	journal  *journal
	monitor  *monitor.Monitor // nil: none
	expected map[uint64]bool  // records whose violations the script expects
	text     bytes.Buffer     // the transcript so far

	hosts    []*host
	threads  []*thread // in the order of declaration
	running  bool      // inside run()
	failure  *Failure
	waiters  []*waiter
	checking bool            // evaluating the conditions of waiters
	quiet    map[uint32]bool // tasks of pagers in Go: the transcript spares the reader how they keep house
	harness  map[uint32]bool // threads of the harness
	ours     map[uint32]bool // threads that the script declared
	placing  map[uint32]bool // threads that put a script's bytes into memory, or send them off
	endless  string          // where a thread ran into its step limit
	parkStep uint64          // the last step that a thread inside t.at took
}

// perform runs the script and leaves golden transcripts alone.
func (s *Script) perform(o Options) Result {
	p := &play{script: s, options: o, limit: o.StepLimit, quiet: map[uint32]bool{}, harness: map[uint32]bool{}, placing: map[uint32]bool{}, ours: map[uint32]bool{}}
	if p.limit == 0 {
		p.limit = DefaultStepLimit
	}
	steps := o.KernelSteps
	if steps == 0 {
		steps = DefaultKernelSteps
	}
	p.chooser = newChooser(o.Chooser)
	if o.Replay != nil {
		p.chooser.replay = choice.NewReplayer(o.Replay, choice.Fail)
	}
	if p.recorder = o.Recorder; p.recorder == nil {
		p.recorder = new(choice.Recorder)
	}
	p.recorder.Chooser = p.chooser
	p.recorder.NoLabels = o.Spares != nil
	tracer := tracerOf(o.Spares)
	p.names = tracer.Names()
	faults, err := o.faults()
	p.sim = kernel.New(kernel.Config{Chooser: p.recorder, Tracer: tracer, StepLimit: steps, Checked: !o.Unchecked, Spares: o.Spares, Faults: faults})
	defer p.sim.Shutdown()
	p.journal = newJournal(p)
	tracer.AddSink(p.journal, journalKinds)
	p.names.Label(trace.ClassThread, 0, "script")
	p.names.Label(trace.ClassHost, 0, "--")
	if o.Spares == nil {
		tracer.AddSink(trace.NewText(&p.text, &student{p: p, line: trace.Timeline{Names: p.names, Renumber: true}}), trace.All)
	}
	if !o.Unchecked && !o.Unmonitored {
		p.monitor, p.expected = monitor.New(p.names), map[uint64]bool{}
		tracer.AddSink(p.monitor, monitor.Kinds)
	}
	for _, sink := range o.Sinks {
		tracer.AddSink(sink(tracer), trace.All)
	}
	p.sim.Sched().AfterStep(p.afterStep)
	if o.Observe != nil {
		o.Observe(p.sim)
	}
	if r := o.Replay; r != nil && r.Hash != "" && r.Hash != s.Hash() {
		p.fail(&Failure{Kind: Diverged, At: s.Path, Text: "the schedule was recorded from another text of this script"})
	} else if err != nil {
		p.fail(&Failure{Kind: ScriptError, At: s.Path, Text: err.Error()})
	} else {
		p.execute()
	}
	r := p.result()
	if o.Ended != nil {
		o.Ended()
	}
	return r
}

// faults is which faults the run may have.
func (o Options) faults() (sched.Faults, error) {
	if o.Replay != nil && o.Replay.Faults != "" {
		return sched.ParseFaults(o.Replay.Faults)
	}
	return o.Faults, nil
}

func tracerOf(spares *kernel.Spares) *trace.Tracer {
	if spares != nil {
		return spares.Quiet()
	}
	return trace.New()
}

// execute runs the top level of the script.
func (p *play) execute() {
	top := p.starlarkThread("top level")
	_, err := p.script.program.Init(top, p.predeclared())
	if err != nil {
		p.fail(p.failureOf(err))
		return
	}
	if p.failure == nil {
		if t := p.undeclared(); t != nil {
			p.fail(&Failure{Kind: ScriptError, At: t.at, Text: fmt.Sprintf("thread %s never ran: there is no run() after it", t.name)})
		} else if r := p.chooser.unused(); r != nil {
			p.fail(&Failure{Kind: Expectation, At: r.at, Text: "this rule of the schedule never applied: the kernel did not come to that point, or the thread could not run there"})
		}
	}
}

// undeclared is the first thread that was declared after the last run().
func (p *play) undeclared() *thread {
	for _, t := range p.threads {
		if t.k == nil {
			return t
		}
	}
	return nil
}

// starlarkThread is a fresh interpreter under the step limit.
func (p *play) starlarkThread(name string) *starlark.Thread {
	th := &starlark.Thread{Name: name, OnMaxSteps: p.overLimit()}
	th.SetMaxExecutionSteps(p.limit)
	th.Print = func(_ *starlark.Thread, msg string) { p.note(trace.NoteInfo, msg) }
	return th
}

// note puts a remark into the trace.
func (p *play) note(op trace.NoteOp, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.sim.Tracer().Note(op, line)
	}
}

// form is how a host encodes messages.
func (p *play) form(host uint16) mig.Form {
	if n := int(host); n >= 1 && n <= len(p.hosts) {
		return p.hosts[n-1].k.Form()
	}
	return mig.Form{}
}

// run lets the machine run until nothing can run any more. Threads that still wait then, and are neither
// daemons nor allowed to, are a deadlock.
func (p *play) run(allowed []*thread) error {
	for _, t := range p.threads {
		if t.k == nil {
			t.spawn()
		}
	}
	return p.settle(func(stuck []*thread) error {
		var bad []string
		where := ""
		for _, t := range stuck {
			if !slices.Contains(allowed, t) {
				bad = append(bad, t.name)
				where += fmt.Sprintf("\n  %s is at %s", t.name, t.where())
			}
		}
		if len(bad) > 0 {
			return failf(Deadlock, "nothing can run, and %s cannot go on%s\n%s", strings.Join(bad, ", "), where,
				strings.TrimRight(sched.DeadlockReport(p.sim.Sched())+p.sim.WaitFor(), "\n"))
		}
		for _, t := range allowed {
			if !slices.Contains(stuck, t) {
				return failf(Expectation, "thread %s was expected to be stuck, but it has ended", t.name)
			}
		}
		return nil
	})
}

// settle runs the scheduler, and turns the ways it can end into an error.
func (p *play) settle(idle func(stuck []*thread) error) error {
	if p.failure != nil {
		return p.failure
	}
	p.running = true
	out := p.sim.Run()
	p.running = false
	if p.failure != nil {
		return p.failure
	}
	switch out.Kind {
	case kernel.Finished, kernel.Deadlock:
		var stuck []*thread
		for _, t := range p.threads {
			if t.k != nil && !t.done && !t.daemon && t.k.Task().Alive() {
				stuck = append(stuck, t)
			}
		}
		return idle(stuck)
	case kernel.StepLimit:
		return failf(StepLimit, "the simulation took %d steps and is not done", out.Steps)
	case kernel.Stopped:
		if err := p.chooser.Failed(); err != nil {
			return failf(Diverged, "%v", err)
		}
	}
	return &Failure{Kind: Invariant, Text: out.Err.Error()}
}

// result is what became of the run.
func (p *play) result() Result {
	if p.failure == nil {
		if err := p.sim.Check(); err != nil {
			p.fail(&Failure{Kind: Invariant, At: p.script.Path, Text: err.Error()})
		}
	}
	if r := p.chooser.replay; p.failure == nil && r != nil && r.Left() > 0 {
		p.fail(&Failure{Kind: Diverged, At: p.script.Path, Text: fmt.Sprintf("the run is over and %d steps of its schedule are left", r.Left())})
	}
	p.monitored()
	r := Result{Script: p.script.Path, Violations: p.violations(), Failure: p.failure, Steps: p.sim.Sched().Steps()}
	if p.monitor != nil {
		r.Coverage = p.monitor.Coverage()
	}
	faults, _ := p.options.faults()
	schedule := choice.Schedule{Scenario: p.script.Name(), Hash: p.script.Hash(), Faults: faults.String(), Steps: p.recorder.Schedule.Steps}
	schedule.Trim()
	if len(schedule.Steps) > 0 {
		r.Schedule = schedule.String()
	}
	r.Transcript = p.text.String()
	return r
}

// inTask runs work in a thread of a task, on behalf of the harness, and waits for it: by running the
// machine from the top level, by blocking from within a thread of the script.
func (p *play) inTask(th *starlark.Thread, t *task, name string, work func(u userThread) error) error {
	var err error
	done := false
	body := func(u userThread) {
		err = work(u)
		done = true
	}
	k := t.k.Spawn(name, body)
	if k == nil {
		return fmt.Errorf("task %s is dead", t)
	}
	p.harness[k.ID()] = true
	if caller := threadOf(th); caller != nil {
		var q sched.Queue
		k.Sched().OnExit(func(*sched.Thread) { q.WakeAll(sched.Awakened) })
		caller.block(&q, reasonName("the harness"))
	} else if e := p.settle(func([]*thread) error { return nil }); e != nil {
		return e
	}
	if !done {
		return errors.New("task " + t.k.Name() + " could not do it: it is stuck or dead")
	}
	return err
}

// portOf finds a live port by its id, nil if it is dead.
func (p *play) portOf(id uint64) *ipc.Port {
	for port := range p.sim.World().Ports() {
		if port.ID() == id {
			return port
		}
	}
	return nil
}
