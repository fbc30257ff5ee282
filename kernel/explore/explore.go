package explore

import (
	"errors"
	"slices"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/sched"
)

// Run performs one execution: it builds a simulation whose chooser is c, runs it and shuts it down. It must
// behave the same whenever c decides the same.
type Run func(c choice.Chooser) Result

// Config says what to try and when to stop. The zero value tries every schedule, up to the first failure.
type Config struct {
	Strategy Strategy // nil: NewDFS(Bound{})
	// Prefix is repeated at the beginning of every execution as far as it fits; the strategy decides what
	// follows.
	Prefix *choice.Schedule
	// Kinds are the kinds of points that the strategy decides; at others the first option is taken. None: all.
	Kinds []choice.Kind
	// Depth is the number of choices after which an execution is driven to its end fairly; 0: DefaultDepth.
	Depth int

	MaxExecutions uint64      // 0: no limit
	Stop          func() bool // asked now and then; true ends the exploration. nil: never
	KeepGoing     bool        // go on after a failure, and collect different ones

	// Workers is how many executions run side by side; 0: one. The report does not depend on it.
	Workers int
	// PerWorker makes the Run of one worker, where the one given to Explore cannot be used by several at
	// a time; nil: it can.
	PerWorker func() Run

	// ShrinkTries is how many executions shrinking a failure may take; 0: DefaultShrinkTries, less than 0: none.
	ShrinkTries int
	// DoomTries is how many executions the search for the first fatal choice may take; 0: DefaultDoomTries,
	// less than 0: none.
	DoomTries int

	Scenario, Hash, Faults string // for the headers of schedules

	// Progress is called between executions with the state so far; nil: nobody is told.
	Progress func(Progress)
}

// DefaultDepth is how many choices of an execution are explored if nothing else is said.
const DefaultDepth = 10_000

// Progress is how far an exploration has come.
type Progress struct {
	Executions uint64 // performed, those without news included
	States     int    // different final states
	Depth      int    // most choices of an execution
	Failures   int    // different failures
}

const (
	lanes   = 16 // parts of the work that are in hand at a time
	quantum = 64 // executions a part is given before it may be divided
)

// Explore performs executions until the strategy has tried everything, or something fails, or it is told
// to stop. The report is the same for the same Config and Run, whatever the number of workers, unless Stop
// ends it.
func Explore(cfg Config, run Run) Report {
	x := newExploration(cfg, run)
	defer x.close()
	x.explore()
	return x.finish()
}

// exploration is the state of one Explore.
type exploration struct {
	cfg    Config
	runs   []Run            // one for each worker
	spares []*kernel.Spares // likewise
	kinds  kindSet
	depth  int
	queue  []Strategy // parts of the work, in the order in which results count
	report Report
	states map[uint64]bool
	whole  bool // nothing that could happen was left out so far
}

func newExploration(cfg Config, run Run) *exploration {
	x := &exploration{cfg: cfg, kinds: kindsOf(cfg.Kinds), depth: cfg.Depth, states: map[uint64]bool{}, whole: true}
	if x.depth == 0 {
		x.depth = DefaultDepth
	}
	if cfg.Strategy == nil {
		x.cfg.Strategy = NewDFS(Bound{})
	}
	x.queue = []Strategy{x.cfg.Strategy}
	x.runs = make([]Run, max(cfg.Workers, 1))
	x.spares = make([]*kernel.Spares, len(x.runs))
	for i := range x.runs {
		x.spares[i] = new(kernel.Spares)
		if x.runs[i] = run; cfg.PerWorker != nil {
			x.runs[i] = cfg.PerWorker()
		}
	}
	return x
}

// close gives up what was kept from execution to execution.
func (x *exploration) close() {
	for _, s := range x.spares {
		s.Close()
	}
}

// explore works in rounds: the first parts of the queue are worked on side by side, and their results are merged
// in the order of the queue.
func (x *exploration) explore() {
	for len(x.queue) > 0 {
		if x.cfg.Stop != nil && x.cfg.Stop() {
			x.report.Stopped = "told to stop"
			return
		}
		shares := x.shares()
		if len(shares) == 0 {
			x.report.Stopped = "limit of executions"
			return
		}
		batches := make([]batch, len(shares))
		sideBySide(len(x.runs), len(shares), func(worker, i int) {
			batches[i] = x.work(worker, x.queue[i], shares[i])
		})
		for i := range batches {
			x.merge(&batches[i])
			if len(x.report.Failures) > 0 && !x.cfg.KeepGoing {
				x.report.Stopped = "first failure"
				return
			}
		}
		x.divide(len(shares))
		if x.cfg.Progress != nil {
			x.cfg.Progress(Progress{x.report.Executions + x.report.Pruned, len(x.states), x.report.Depth, len(x.report.Failures)})
		}
	}
}

// shares is how many executions each part of the next round may perform.
func (x *exploration) shares() []uint64 {
	var shares []uint64
	left := ^uint64(0)
	if x.cfg.MaxExecutions > 0 {
		left = x.cfg.MaxExecutions - x.report.Executions - x.report.Pruned
	}
	for range min(lanes, len(x.queue)) {
		share := min(quantum, left)
		if share == 0 {
			break
		}
		shares = append(shares, share)
		left -= share
	}
	return shares
}

// divide drops the parts of the queue that are done, and divides others until there is one for each lane.
func (x *exploration) divide(worked int) {
	for _, s := range x.queue[:worked] {
		what, all := s.Scope()
		x.report.Scope, x.whole = what, x.whole && all
	}
	for _, s := range x.queue[:worked] {
		if d, ok := s.(*DFS); ok && d.seen != nil {
			x.report.Visited = d.settle()
		}
	}
	for i := worked - 1; i >= 0; i-- {
		if s, ok := x.queue[i].(interface{ Spread() []Strategy }); ok {
			x.queue = slices.Insert(x.queue, i+1, s.Spread()...)
		}
	}
	x.queue = slices.DeleteFunc(x.queue, func(s Strategy) bool { return !s.Left() })
	for i := 0; i < len(x.queue) && len(x.queue) < lanes; i++ {
		if other := x.queue[i].Split(); other != nil {
			x.queue = slices.Insert(x.queue, i+1, other)
			i++
		}
	}
}

// batch is what came of some executions of one part.
type batch struct {
	executions, pruned, unfinished uint64
	depth                          int
	cut                            bool
	states                         []uint64
	failures                       []Found
	sometimes                      []Observation
}

// work performs up to share executions, and stops at a failure unless all are wanted.
func (x *exploration) work(worker int, s Strategy, share uint64) (b batch) {
	run := x.runs[worker]
	var steps []choice.Step
	for n := uint64(0); n < share && s.Left(); n++ {
		e := x.execution(s.Next(), x.spares[worker], steps)
		r := run(e)
		err := e.Failed()
		steps = e.Schedule.Steps
		failure := r.Failure
		switch {
		case errors.Is(err, errPruned):
			b.pruned++
			s.Done(false)
			continue
		case err != nil:
			failure = &Failure{Kind: Unreproducible, Name: err.Error()}
		case failure != nil && failure.Kind == Livelock && !r.Proved && !e.frame.mostlyFair(r.Steps):
			// The schedule was not fair, so nothing is proved.
			b.unfinished++
			b.cut = true
			failure = nil
		}
		b.executions++
		b.cut = b.cut || e.frame.fair > 0 || e.frame.skipped > 0 || e.frame.prefix != nil
		b.depth = max(b.depth, len(e.Schedule.Steps))
		if r.State != 0 {
			b.states = append(b.states, r.State)
		}
		b.observe(r.Sometimes)
		s.Done(r.Failure != nil && !r.Complete)
		// A strategy may find at the end of an execution that it was not the one it thought it was.
		if err := e.Failed(); failure == nil && err != nil && !errors.Is(err, errPruned) {
			failure = &Failure{Kind: Unreproducible, Name: err.Error()}
		}
		if failure != nil && !slices.ContainsFunc(b.failures, func(f Found) bool { return f.Failure.same(failure) }) {
			f := Found{Failure: failure, Execution: b.executions + b.pruned, steps: slices.Clone(e.Schedule.Steps)}
			if seeded, ok := s.(interface{ Seed() uint64 }); ok {
				f.seed = seeded.Seed()
			}
			b.failures = append(b.failures, f)
			if !x.cfg.KeepGoing {
				return b
			}
		}
	}
	return b
}

func (b *batch) observe(seen []Observation) { b.sometimes = observe(b.sometimes, seen) }

// observe adds what was seen to what has been seen, in the order of first mention.
func observe(have, seen []Observation) []Observation {
	for _, o := range seen {
		i := slices.IndexFunc(have, func(h Observation) bool { return h.Name == o.Name })
		if i < 0 {
			have = append(have, o)
		} else {
			have[i].Held = have[i].Held || o.Held
		}
	}
	return have
}

// merge adds a batch to the report.
func (x *exploration) merge(b *batch) {
	r := &x.report
	before := r.Executions + r.Pruned
	r.Executions += b.executions
	r.Pruned += b.pruned
	r.Unfinished += b.unfinished
	r.Depth = max(r.Depth, b.depth)
	x.whole = x.whole && !b.cut
	for _, s := range b.states {
		x.states[s] = true
	}
	r.Sometimes = observe(r.Sometimes, b.sometimes)
	for _, f := range b.failures {
		if !slices.ContainsFunc(r.Failures, func(g Found) bool { return g.Failure.same(f.Failure) }) {
			f.Execution += before
			r.Failures = append(r.Failures, f)
		}
	}
}

// Execution is the chooser of one execution: it asks the strategy and keeps what was decided.
type Execution struct {
	choice.Recorder
	frame    *frame
	observer sched.Observer
	dfs      *DFS // nil: another strategy
	spares   *kernel.Spares
}

// NewExecution is the chooser of an execution outside of Explore: as quick as one inside, with what spares has.
func NewExecution(c choice.Chooser, spares *kernel.Spares) *Execution {
	return &Execution{Recorder: choice.Recorder{Chooser: c, NoLabels: true}, spares: spares}
}

// execution is the chooser of the next execution of a strategy whose chooser is c; steps is room for what is decided.
func (x *exploration) execution(c choice.Chooser, spares *kernel.Spares, steps []choice.Step) *Execution {
	f := &frame{inner: c, kinds: x.kinds, depth: x.depth}
	if x.cfg.Prefix != nil {
		f.prefix = choice.NewReplayer(x.cfg.Prefix, choice.FallBack)
	}
	e := NewExecution(f, spares)
	e.frame = f
	e.Schedule.Steps = steps[:0]
	if d, ok := c.(*DFS); ok {
		if e.dfs = d; d.reduce {
			e.observer = d
		}
	}
	return e
}

// Quick is what the execution before has left, for one of which nobody wants to know more than the Result: it need
// keep no events and make no report. It is nil if chooser is not that of such an execution.
func Quick(chooser choice.Chooser) *kernel.Spares {
	if e, ok := chooser.(*Execution); ok {
		return e.spares
	}
	return nil
}

// Observe lets the strategy behind c, if it wants to, see what the steps of a simulation touch. Every Run
// calls it before it runs its simulation.
func Observe(s *sched.Scheduler, c choice.Chooser) {
	if e, ok := c.(*Execution); ok && e.observer != nil {
		s.Observe(e.observer)
	}
}
