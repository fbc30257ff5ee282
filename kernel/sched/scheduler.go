package sched

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Config is what a scheduler is made of. The zero value is classroom Mach: first option everywhere, no
// trace, no limit.
type Config struct {
	Chooser   choice.Chooser // nil: always the first option
	Tracer    *trace.Tracer  // nil: none
	StepLimit uint64         // steps after which Run returns; 0: none
	Faults    Faults         // that the run may have; the zero value is none
	// PoolCoroutines keeps the coroutines of ended threads for new ones until Shutdown.
	PoolCoroutines bool
	// Pool keeps them beyond Shutdown, for the schedulers its owner makes after this one. It overrides
	// PoolCoroutines; the owner closes it.
	Pool *Pool
}

// Scheduler runs threads one at a time in virtual time. Make one with New; end it with Shutdown, or its
// coroutines stay behind.
type Scheduler struct {
	// Immutable.
	chooser choice.Chooser
	quits   interface{ Failed() error } // the chooser, if it is one that may want the run to end
	tracer  *trace.Tracer
	pool    *Pool // nil: coroutines end with their threads
	threads *Arena[Thread]
	ownPool bool

	// greedy says that the chooser takes the first option everywhere, so nobody need ask it.
	greedy bool

	now    mach.Time
	steps  uint64
	limit  uint64
	fence  uint64 // a TrapPoint at a step below it has nothing to look at; see refence
	timers timerHeap
	armed  uint64 // timers ever armed: the sequence number of the last
	ties   []*Timer

	current *Thread // the Running thread; nil between steps
	last    *Thread // the thread of the last step
	decided *Thread // who runs next, if at the front of the ready list: a point has chosen already
	ready   Queue
	live    liveList
	lastID  uint32

	faults    Faults
	injected  int // faults so far
	observer  Observer
	hooks     []func()
	abandoned []*Thread
	failed    *PanicError
	stopErr   error
	stopping  bool
	running   bool
	down      bool
}

// New makes a scheduler at time 0 with no threads.
func New(c Config) *Scheduler {
	s := &Scheduler{chooser: c.Chooser, tracer: c.Tracer, pool: c.Pool, limit: c.StepLimit, faults: c.Faults}
	if s.chooser == nil {
		s.chooser = choice.First{}
	}
	s.greedy = choice.Greedy(s.chooser)
	s.quits, _ = s.chooser.(interface{ Failed() error })
	if s.pool == nil && c.PoolCoroutines {
		s.pool, s.ownPool = new(Pool), true
	}
	if s.pool != nil && !s.ownPool {
		s.threads = &s.pool.threads
	}
	s.refence()
	return s
}

// OutcomeKind is why Run returned.
type OutcomeKind uint8

const (
	Idle      OutcomeKind = iota // nothing can run and no timer is pending
	Stopped                      // Stop was called, the chooser failed, or the scheduler is shut down
	StepLimit                    // the step limit is reached
	Panicked                     // a thread, a timer or an audit panicked
)

func (k OutcomeKind) String() string {
	return [...]string{"idle", "stopped", "step limit", "panicked"}[k]
}

// Outcome is how a Run ended.
type Outcome struct {
	Kind  OutcomeKind
	Err   error     // Stopped: what Stop was given, or why the chooser failed; Panicked: a *PanicError
	Steps uint64    // steps since the scheduler was made
	Now   mach.Time // virtual time
	Stuck int       // threads that are no daemons and wait or are suspended; after Idle, a deadlock
}

func (o Outcome) String() string {
	s := fmt.Sprintf("%v after %d steps", o.Kind, o.Steps)
	if o.Stuck > 0 {
		s += fmt.Sprintf(", %d threads stuck", o.Stuck)
	}
	if o.Err != nil {
		s += ": " + o.Err.Error()
	}
	return s
}

// ErrShutdown is the error of a Run after Shutdown.
var ErrShutdown = errors.New("sched: the scheduler is shut down")

// Current is the running thread, nil between steps and outside Run.
func (s *Scheduler) Current() *Thread { return s.current }

// Last is the thread of the last step, nil before the first.
func (s *Scheduler) Last() *Thread { return s.last }

// Steps is the number of steps begun since the scheduler was made.
func (s *Scheduler) Steps() uint64 { return s.steps }

// SetStepLimit changes the step limit; 0 removes it. A Run that ended with StepLimit goes on under a
// higher one.
func (s *Scheduler) SetStepLimit(n uint64) {
	s.limit = n
	s.refence()
}

// Stop makes Run return Stopped with err, which may be nil, once the current step is over. Called
// outside Run it ends the next one before its first step. The first of several errors counts.
func (s *Scheduler) Stop(err error) {
	if s.stopErr == nil {
		s.stopErr = err
	}
	s.stopping = true
	s.refence()
}

// AfterStep adds an audit that runs after every step, with no thread current. It may look at everything,
// wake threads and stop the scheduler, but not block. Its panic ends Run like a thread's.
func (s *Scheduler) AfterStep(audit func()) {
	s.hooks = append(s.hooks, audit)
	s.refence()
}

// Failure is the first panic caught from a thread, a timer or an audit, also during Shutdown; nil if none.
func (s *Scheduler) Failure() *PanicError { return s.failed }

// Run runs threads and timers until nothing can run and no timer is pending, or Stop, or the step limit,
// or a panic. It may be called again, except that a scheduler that has Panicked does not run on.
//
// runtime.Goexit inside a thread, as from a failed require in a test, ends that thread and then the
// goroutine that called Run; Shutdown still works in its deferred functions.
func (s *Scheduler) Run() (o Outcome) {
	if s.running {
		panic("sched: Run called inside Run")
	}
	if s.down {
		return s.outcome(Stopped, ErrShutdown)
	}
	s.running = true
	returned := false
	defer func() {
		s.running = false
		s.setCurrent(nil)
		if returned {
			return
		}
		if p := recover(); p != nil {
			s.fail(&PanicError{Thread: s.last, Between: true, Value: p, Stack: debug.Stack()})
			o = s.outcome(Panicked, s.failed)
		}
	}()
	o = s.loop()
	returned = true
	return o
}

func (s *Scheduler) loop() Outcome {
	for {
		switch {
		case s.failed != nil:
			return s.outcome(Panicked, s.failed)
		case s.stopping:
			err := s.stopErr
			s.stopping, s.stopErr = false, nil
			s.refence()
			return s.outcome(Stopped, err)
		case s.ready.n == 0 && len(s.timers) == 0:
			return s.outcome(Idle, nil)
		case s.limit != 0 && s.steps >= s.limit:
			return s.outcome(StepLimit, nil)
		}
		if s.ready.n == 0 && !s.timerDue() {
			s.setNow(s.timers[0].when)
		}
		if s.timerDue() {
			s.steps++
			s.fire(s.nextTimer())
			s.refence()
		} else if t := s.pick(); !s.stopping {
			s.dispatch(t)
		} else {
			s.decide(t)
			continue
		}
		if s.failed == nil {
			for _, audit := range s.hooks {
				audit()
			}
		}
	}
}

// dispatch runs t to the end of its step.
func (s *Scheduler) dispatch(t *Thread) {
	s.steps++
	s.last = t
	t.makeRunning()
	if s.observer != nil {
		s.touchRunning(t)
	}
	s.resume(t)
	s.setCurrent(nil)
}

// setCurrent names the running thread, for callers of Current and for the trace.
func (s *Scheduler) setCurrent(t *Thread) {
	s.current = t
	if t == nil {
		s.tracer.SetContext(0, 0)
	} else {
		s.tracer.SetContext(t.host, t.id)
	}
}

// looked reports whether something between steps has to look on: an audit, a stop, the limit or a timer.
func (s *Scheduler) looked() bool {
	return len(s.hooks) > 0 || s.stopping || s.timerDue() || s.limit != 0 && s.steps >= s.limit
}

// refence computes the fence anew. The whole test of an ordinary TrapPoint is one comparison with it, so
// whatever a TrapPoint must notice lowers it to 0.
func (s *Scheduler) refence() {
	switch {
	case !s.greedy || len(s.hooks) > 0 || s.stopping || s.timerDue():
		s.fence = 0
	case s.limit != 0:
		s.fence = s.limit
	default:
		s.fence = math.MaxUint64
	}
}

// fail records the first panic; Run returns it.
func (s *Scheduler) fail(e *PanicError) {
	if s.failed == nil {
		s.failed = e
	}
	s.stopping = true
	s.refence()
}

func (s *Scheduler) outcome(k OutcomeKind, err error) Outcome {
	o := Outcome{Kind: k, Err: err, Steps: s.steps, Now: s.now}
	for t := range s.Threads() {
		if !t.daemon && (t.state == Blocked || t.Suspended()) {
			o.Stuck++
		}
	}
	return o
}
