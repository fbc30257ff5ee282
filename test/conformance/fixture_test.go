package conformance

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

type task = kernel.Task

// stage is a simulation for one test. Everything in it is audited after every step. It is shut down when
// the test ends, and the test fails if a coroutine is left behind.
//
// There are two styles. Threads that run against each other are started with Spawn or Go and let loose with
// Run. A test that goes step by step calls Do, which runs one program to its end and everything else until
// it waits; threads that block meanwhile go on in the next Do.
type stage struct {
	t     *testing.T
	sim   *kernel.Simulation
	hosts []*kernel.Host
	tasks map[string]*task
}

// setup is what options change.
type setup struct {
	sim   kernel.Config
	host  kernel.HostConfig
	hosts int
	t     *testing.T
}

type option func(*setup)

// withField sets one field of the personality of all hosts.
func withField(name, value string) option {
	return func(c *setup) { require.NoError(c.t, c.host.Personality.Set(name, value)) }
}

// withPreset replaces the personality; fields are set by options behind it.
func withPreset(p personality.Personality) option {
	return func(c *setup) { c.host.Personality = p }
}

// withHosts boots n hosts, named k1, k2, ...
func withHosts(n int) option { return func(c *setup) { c.hosts = n } }

// withFrames gives every host n page frames.
func withFrames(n int) option { return func(c *setup) { c.host.Frames = n } }

// withPageSize sets the page size of all hosts.
func withPageSize(size mach.Size) option { return func(c *setup) { c.host.PageSize = size } }

// withChooser says who decides what happens next.
func withChooser(choose choice.Chooser) option { return func(c *setup) { c.sim.Chooser = choose } }

// withConfig changes anything else.
func withConfig(change func(*kernel.Config, *kernel.HostConfig)) option {
	return func(c *setup) { change(&c.sim, &c.host) }
}

// stepLimit ends a test that would run for ever.
const stepLimit = 2_000_000

// newStage boots a checked simulation with one host of preset osf-manual, unless options say otherwise.
func newStage(t *testing.T, options ...option) *stage {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	c := setup{t: t, hosts: 1, sim: kernel.Config{Checked: true, StepLimit: stepLimit},
		host: kernel.HostConfig{Personality: personality.OSFManual()}}
	for _, o := range options {
		o(&c)
	}
	s := &stage{t: t, sim: kernel.New(c.sim), tasks: map[string]*task{}}
	watch := monitor.Attach(s.sim.Tracer())
	t.Cleanup(func() {
		watch.Finish(false)
		for _, v := range watch.KernelViolations() {
			assert.Fail(t, "a kernel broke a rule", v.String())
		}
		if !t.Failed() {
			assert.NoError(t, s.sim.Check(), "after the test")
		}
		s.sim.Shutdown()
		if t.Failed() {
			return
		}
		// A coroutine that has ended may need a moment to leave the runtime's books.
		for range 100 {
			if runtime.NumGoroutine() <= goroutines {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("%d goroutines before the test, %d after it", goroutines, runtime.NumGoroutine())
	})
	for range c.hosts {
		h, err := s.sim.Boot(c.host)
		require.NoError(t, err)
		s.hosts = append(s.hosts, h)
	}
	return s
}

// Host is the n-th host, from 0.
func (s *stage) Host(n int) *kernel.Host { return s.hosts[n] }

// Task is the task of that name on the first host, made when it is first asked for.
func (s *stage) Task(name string) *task { return s.TaskOn(0, name) }

// TaskOn is the task of that name, on the n-th host if it is new.
func (s *stage) TaskOn(n int, name string) *task {
	if s.tasks[name] == nil {
		s.tasks[name] = s.hosts[n].NewTask(name)
	}
	return s.tasks[name]
}

// Spawn starts a thread of a task. It runs with the next Run, Do or Settle.
func (s *stage) Spawn(task *task, name string, program func(th user.Thread)) *kernel.Thread {
	s.t.Helper()
	th := task.Spawn(name, program)
	require.NotNil(s.t, th, "%v is ending", task)
	return th
}

// Run lets the machine run to the end. The test fails, with a report, if programs wait for something that
// cannot come, if a program or the kernel panics, or if an audit fails.
func (s *stage) Run() {
	s.t.Helper()
	if o := s.sim.Run(); !o.OK() {
		s.t.Fatal(o.Report())
	}
}

// Settle is Run for a test in which programs may be left waiting.
func (s *stage) Settle() kernel.Outcome {
	s.t.Helper()
	o := s.sim.Run()
	if o.Kind != kernel.Finished && o.Kind != kernel.Deadlock {
		s.t.Fatal(o.Report())
	}
	return o
}

// Do runs a program in a thread of its own, which must come to its end; other threads may be left
// waiting.
func (s *stage) Do(task *task, program func(a *actor)) {
	s.t.Helper()
	ended := false
	s.Go(task, "do", func(a *actor) {
		program(a)
		ended = true
	})
	if o := s.Settle(); !ended {
		s.t.Fatal("a program does not come to its end: " + o.Report())
	}
}

// Go is Spawn for a program that is an actor.
func (s *stage) Go(task *task, name string, program func(a *actor)) *kernel.Thread {
	s.t.Helper()
	return s.Spawn(task, name, func(th user.Thread) { program(s.actor(th)) })
}

// WaitUntil lets other threads run until cond holds.
func (s *stage) WaitUntil(th user.Thread, cond func() bool) {
	s.t.Helper()
	for range 10_000 {
		if cond() {
			return
		}
		th.Yield()
	}
	s.t.Fatal("what the program waits for does not come")
}

// GiveSend gives a task a send right for the port that another one names: a made one if that has the
// receive right.
func (s *stage) GiveSend(from *task, name mach.Name, to *task) mach.Name {
	s.t.Helper()
	return s.given(to.GiveSend(from, name))
}

// GiveSendOnce gives a task a send-once right for a port of which another has the receive right.
func (s *stage) GiveSendOnce(from *task, name mach.Name, to *task) mach.Name {
	s.t.Helper()
	return s.given(to.GiveSendOnce(from, name))
}

// GiveReceive moves a receive right from one task to another.
func (s *stage) GiveReceive(from *task, name mach.Name, to *task) mach.Name {
	s.t.Helper()
	return s.given(to.GiveReceive(from, name))
}

// GiveTaskPort gives a task a send right for the control port of another.
func (s *stage) GiveTaskPort(of, to *task) mach.Name {
	s.t.Helper()
	return s.given(to.GiveTaskPort(of))
}

func (s *stage) given(name mach.Name, err error) mach.Name {
	s.t.Helper()
	require.NoError(s.t, err)
	return name
}

// portOf makes a port in a task, with nothing but its receive right.
func (s *stage) portOf(task *task) (name mach.Name) {
	s.t.Helper()
	s.Do(task, func(a *actor) { name = a.port() })
	return name
}
