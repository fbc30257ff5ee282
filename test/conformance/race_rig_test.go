package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// race is a line of the race catalogue: threads that a scene leaves ready to run against each other, the
// orders that make a difference, and everything that may come of them. What comes of an execution is one line,
// see scene.outcome.
type race struct {
	options []option
	loads   bool // loads and stores are choice points, too
	scene   func(s *scene)
	orders  []forced
	also    []string // legal outcomes that no order of the list forces
	// forcedOnly leaves the exploration out, for a variant of a race that is explored.
	forcedOnly bool
	within     int // preemptions that the exploration tries; 0: 2
	delays     int // delays that it tries instead, if not 0: for many racers
}

// forced is an order with its outcome. The plan is steps of a schedule, see plan.
type forced struct {
	plan string
	want string
}

// raceExecutions bounds an exploration under -short.
const raceExecutions = 40

// run plays every order, and then explores the scene: each execution has a legal outcome, and each legal
// outcome is that of some execution.
func (r race) run(t *testing.T) {
	t.Helper()
	var legal []string
	for _, o := range r.orders {
		t.Run(o.plan, func(t *testing.T) {
			p := newPlan(o.plan)
			result, s := r.execute(t, p)
			require.Nil(t, result.Failure)
			require.NoError(t, p.followed(s.sim.Tracer()))
			require.Equal(t, o.want, s.result)
		})
		if !slices.Contains(legal, o.want) {
			legal = append(legal, o.want)
		}
	}
	legal = append(legal, r.also...)
	if t.Failed() || r.forcedOnly {
		return
	}
	if r.within == 0 {
		r.within = 2
	}
	config := explore.Config{Strategy: explore.NewDFS(explore.Preemptions(r.within)), MaxExecutions: 5000}
	if r.delays > 0 {
		config.Strategy = explore.NewDFS(explore.Delays(r.delays))
	}
	if testing.Short() {
		config.MaxExecutions = raceExecutions
	}
	outcomes := map[string]int{}
	report := explore.Explore(config, func(c choice.Chooser) explore.Result {
		result, s := r.execute(t, c)
		if result.Failure == nil && choice.Failed(c) == nil {
			outcomes[s.result]++
			if !slices.Contains(legal, s.result) {
				result.Failure = &explore.Failure{Kind: explore.Property, Name: "outcome: " + s.result, Report: s.sim.Describe()}
			}
		}
		for _, o := range legal {
			if !testing.Short() {
				result.Sometimes = append(result.Sometimes, explore.Observation{Name: o, Held: s.result == o})
			}
		}
		return result
	})
	require.NotEqual(t, explore.Failed, report.Verdict, "%v", report)
	if !testing.Short() {
		require.Empty(t, report.Stopped)
	}
	t.Logf("%d orders; %s: %d executions, %d broken off", len(r.orders), report.Scope, report.Executions, report.Pruned)
	for o, n := range outcomes { // unordered: for people
		t.Logf("%6d  %s", n, o)
	}
}

// scene is one execution of a race: a stage on which everything is at rest until the racers run.
type scene struct {
	*emm
	racers   []*racer
	managers []*manager // whose messages belong to the outcome
	before   map[*manager]int
	notes    []string
	starts   []func() // let the racers run
	after    []func()
	result   string
}

// racer is a thread of a race.
type racer struct {
	*job
	thread *kernel.Thread
	reads  bool // its value belongs to the outcome
	stays  bool // that it waits at the end is no deadlock
}

// gate keeps choices from a chooser until it opens.
type raceGate struct {
	choice.Chooser
	open bool
}

// Choose is the first option while the gate is closed.
func (g *raceGate) Choose(p choice.Point) int {
	if !g.open {
		return 0
	}
	return choice.Ask(g.Chooser, p)
}

// Failed is the wish of the chooser to end the execution.
func (g *raceGate) Failed() error {
	if !g.open {
		return nil
	}
	return choice.Failed(g.Chooser)
}

// execute performs one execution under a chooser.
func (r race) execute(t *testing.T, c choice.Chooser) (explore.Result, *scene) {
	t.Helper()
	g := &raceGate{Chooser: c}
	s := &scene{before: map[*manager]int{}}
	config := setup{t: t, hosts: 1, sim: kernel.Config{Checked: true, LoadPoints: r.loads},
		host: kernel.HostConfig{Personality: personality.OSFManual(), WithoutPageout: true}}
	for _, o := range r.options {
		o(&config)
	}
	if config.sim.Spares = explore.Quick(c); config.sim.Spares != nil {
		config.sim.Tracer = config.sim.Spares.Quiet()
	}
	result := explore.Simulation(config.sim, func(x *explore.Subject) error {
		s.emm = &emm{stage: &stage{t: t, sim: x.Sim, tasks: map[string]*task{}}, letters: map[*ipc.Port]string{}}
		for range config.hosts {
			h, err := x.Sim.Boot(config.host)
			if err != nil {
				return err
			}
			s.hosts = append(s.hosts, h)
		}
		s.k = s.Host(0)
		s.m = s.newManager("manager")
		s.c = s.newClient("client")
		s.managers = []*manager{s.m}
		r.scene(s)
		s.start()
		for _, m := range s.managers {
			s.before[m] = len(m.log)
		}
		for th := range x.Sim.Sched().Threads() {
			if th.State() == sched.Blocked {
				th.SetDaemon(true) // it is no racer, or the outcome says that it waits
			}
		}
		if p, ok := c.(*plan); ok {
			if err := p.cast(x.Sim); err != nil {
				return err
			}
		}
		x.Finally("everything ends", func() error {
			g.open = false
			s.result = s.outcome()
			for _, f := range s.after {
				f()
			}
			slices.Sort(s.notes)
			s.result = strings.Join(append([]string{s.result}, s.notes...), " | ")
			return s.cleared()
		})
		g.open = true
		return nil
	})(g)
	return result, s
}

// race adds a racer, which runs when the scene is complete.
func (s *scene) race(task *kernel.Task, name string, f func(x *calls) mach.Return) *racer {
	r := &racer{job: &job{e: s.emm, name: name}}
	s.racers = append(s.racers, r)
	s.starts = append(s.starts, func() {
		r.thread = s.Spawn(task, name, func(th user.Thread) {
			r.job.thread = th.ThreadSelf()
			r.code = f(&calls{th, s.emm})
			r.ended = true
		})
		r.thread.Sched().SetDaemon(r.stays)
	})
	return r
}

// start makes the racers ready to run.
func (s *scene) start() {
	for _, f := range s.starts {
		f()
	}
	s.starts = nil
}

// waits has the racers that there are, and with them r, run until everything is at rest: the race finds r waiting.
func (s *scene) waits(r *racer) *racer {
	s.t.Helper()
	s.start()
	s.settle()
	r.requireBlocked()
	return r
}

// note adds something to the outcome.
func (s *scene) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// then has f run when all is over: what it notes belongs to the outcome. It may use the helpers that run
// the simulation.
func (s *scene) then(f func()) { s.after = append(s.after, f) }

// byteOf shows a byte of memory as a test wrote it.
func byteOf(b byte) string {
	if b >= 'a' && b <= 'z' {
		return string(rune(b))
	}
	return fmt.Sprint(b)
}

// outcome is what became of the race: the messages that the managers received, in order; the codes of racers other
// than success, what they read, and who still waits; calls that control ports hold which have come to their manager.
func (s *scene) outcome() string {
	var parts []string
	for i, m := range s.managers {
		var lines []string
		if i > 0 {
			lines = append(lines, m.name+":")
		}
		for _, r := range m.log[s.before[m]:] {
			if r.kind == "message" && !m.task.Alive() {
				continue // it died with the message in its hands
			}
			line := r.String()
			if r.kind == "data_return" {
				line += "=" + byteOf(r.data[0])
			}
			lines = append(lines, line)
		}
		if len(lines) > 1 || i == 0 {
			parts = append(parts, strings.Join(lines, " "))
		}
	}
	for _, r := range s.racers {
		switch {
		case !r.ended && r.thread.Sched().State() >= sched.Dead:
			parts = append(parts, r.name+" is gone")
		case !r.ended:
			parts = append(parts, r.name+" waits")
		case r.code != mach.KernSuccess:
			parts = append(parts, fmt.Sprintf("%s %v", r.name, r.code))
		case r.reads:
			parts = append(parts, r.name+"="+byteOf(r.value))
		}
	}
	for _, m := range s.managers {
		for _, r := range m.log {
			if r.kind != "init" && r.kind != "create" {
				continue
			}
			if held := s.held(m, r.control); len(held) > 0 {
				parts = append(parts, r.letter+" holds "+strings.Join(held, " "))
			}
		}
	}
	return strings.Join(parts, " | ")
}

// held drains a control port, if the manager has its receive right, and says what was in it.
func (s *scene) held(m *manager, control mach.Name) (list []string) {
	if e, ok := m.task.Space().Lookup(control); !ok || e.Type&mach.TypeReceive == 0 {
		return nil
	}
	m.do(func(x *calls) {
		for {
			msg, code := x.receive(control)
			if code == mach.RcvTimedOut {
				return
			}
			x.ok(code)
			what := strings.TrimPrefix(callName(x.Form().Set, msg.ID), "memory_object_")
			for _, d := range msg.Descs {
				if d.Kind == mach.DescMemory {
					data := x.bytes(d.Memory)
					what += "(" + byteOf(data[0]) + ")"
					require.Empty(s.t, strings.Trim(string(data), string(data[:1])), "the data is whole")
				}
			}
			port := func(d mach.Desc[mach.Name, mach.Region]) bool {
				return d.Kind == mach.DescPort && d.Port != mach.NameNull
			}
			if msg.Remote != mach.NameNull || slices.ContainsFunc(msg.Descs, port) {
				what += "+reply"
			}
			list = append(list, what)
			user.Destroy(x, msg)
		}
	})
	return list
}

// cleared ends every task, and reports what is left behind.
func (s *scene) cleared() error {
	for _, h := range s.sim.Hosts() {
		for _, task := range h.Tasks() {
			task.Terminate()
		}
	}
	if o := s.sim.Run(); !o.OK() {
		return errors.New(o.Report())
	}
	for _, h := range s.sim.Hosts() {
		if v := h.VM().Stats(); len(h.Tasks()) > 0 || v.Active+v.Inactive+v.Wired > 0 {
			return errors.New("something is left behind: " + s.sim.Describe())
		}
	}
	return s.sim.Check()
}
