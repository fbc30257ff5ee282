package explore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/sched"
)

// toy is the Run of some threads on a bare scheduler. What they write is the final state.
func toy(build func(s *sched.Scheduler, log func(string)) (check func() *Failure)) Run {
	return func(c choice.Chooser) (r Result) {
		s := sched.New(sched.Config{Chooser: c, StepLimit: 5000})
		defer s.Shutdown()
		var b strings.Builder
		check := build(s, func(text string) { b.WriteString(text) })
		Observe(s, c)
		o := s.Run()
		r.Steps = o.Steps
		switch {
		case o.Kind == sched.StepLimit:
			r.Failure = &Failure{Kind: Livelock, Name: "the step limit"}
		case o.Stuck > 0:
			r.Failure = &Failure{Kind: Deadlock, Name: "stuck"}
		case check != nil:
			r.Failure = check()
		}
		r.State = hash(b.String())
		return r
	}
}

func hash(s string) (h uint64) {
	for _, c := range s {
		h = h*31 + uint64(c) + 1
	}
	return h | 1<<63
}

// walkers are n threads of k steps each; a step is what lies before, between and behind k-1 traps. touches says
// what a step touches, 0 for nothing.
func walkers(n, k int, touches func(thread, step int) uint64) Run {
	return toy(func(s *sched.Scheduler, log func(string)) func() *Failure {
		var last [10]int
		for i := range n {
			s.Spawn(fmt.Sprint("t", i), func(t *sched.Thread) {
				for step := range k {
					if step > 0 {
						t.TrapPoint("step")
					}
					if id := touches(i, step); id != 0 {
						s.Touch(sched.ResourcePort, id, true)
						last[id] = 10*last[id] + i + 1
					}
				}
			})
		}
		return func() *Failure { log(fmt.Sprint(last)); return nil }
	})
}

func disjoint(thread, _ int) uint64 { return uint64(thread + 1) }

// TestAllInterleavings: two threads of two steps a b and c d have the interleavings
//
//	abcd acbd acdb cabd cadb cdab
//
// and in general n threads of k steps have (nk)!/(k!)^n.
func TestAllInterleavings(t *testing.T) {
	for _, c := range []struct {
		threads, steps int
		want           uint64
	}{{1, 4, 1}, {2, 1, 2}, {2, 2, 6}, {2, 4, 70}, {3, 2, 90}, {3, 3, 1680}, {4, 2, 2520}, {3, 4, 34650}} {
		r := Explore(Config{}, walkers(c.threads, c.steps, disjoint))
		require.Equal(t, Verified, r.Verdict)
		require.Equal(t, c.want, r.Executions, "%d threads of %d steps", c.threads, c.steps)
		require.Zero(t, r.Pruned)
		require.Len(t, r.States, 1)
		require.Equal(t, fmt.Sprintf("verified (%d executions, all)", c.want), r.Summary())
	}
}

// TestReduction: steps that touch nothing in common have one order that matters; one shared step of each of
// three threads has 3! orders; and where all steps touch one thing all orders remain.
func TestReduction(t *testing.T) {
	shared := func(thread, step int) uint64 {
		if step == 2 {
			return 9
		}
		return uint64(thread + 1)
	}
	all := func(int, int) uint64 { return 9 }
	for _, c := range []struct {
		threads, steps int
		touches        func(thread, step int) uint64
		want           uint64
		states         int
	}{
		{2, 2, disjoint, 1, 1}, {3, 4, disjoint, 1, 1}, {3, 4, shared, 6, 6}, {2, 4, shared, 2, 2},
		{2, 3, all, 20, 20}, {3, 3, all, 1680, 1680},
	} {
		run := walkers(c.threads, c.steps, c.touches)
		reduced := Explore(Config{Strategy: NewReducedDFS()}, run)
		require.Equal(t, Verified, reduced.Verdict, reduced)
		require.Equal(t, c.want, reduced.Executions, "%d threads of %d steps", c.threads, c.steps)
		full := Explore(Config{}, run)
		require.Equal(t, full.States, reduced.States)
		require.Len(t, full.States, c.states)
	}
}

// TestReductionNeedsAnObserver: without word of what steps touch nothing can be left out.
func TestReductionNeedsAnObserver(t *testing.T) {
	r := Explore(Config{Strategy: NewReducedDFS()}, func(c choice.Chooser) Result {
		choice.Ask(c, choice.Point{Kind: choice.KindThread, Name: "trap", Width: 2})
		return Result{}
	})
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, Unreproducible, r.Failures[0].Failure.Kind)
	require.Contains(t, r.Failures[0].Failure.Name, "call Observe")
}

// racer is the classic lost update: two threads read a counter, and write it back one higher after a trap.
func racer(s *sched.Scheduler, log func(string)) func() *Failure {
	counter := 0
	for i := range 2 {
		s.Spawn(fmt.Sprint("t", i), func(t *sched.Thread) {
			for range 2 {
				s.Touch(sched.ResourcePort, 1, false)
				v := counter
				t.TrapPoint("between")
				s.Touch(sched.ResourcePort, 1, true)
				counter = v + 1
				t.TrapPoint("after")
			}
		})
	}
	return func() *Failure {
		log(fmt.Sprint(counter))
		if counter != 4 {
			return &Failure{Kind: Property, Name: "no update is lost", Report: fmt.Sprint("counter ", counter)}
		}
		return nil
	}
}

func TestFailureIsShrunk(t *testing.T) {
	r := Explore(Config{Scenario: "lost update", Hash: "77"}, toy(racer))
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, "first failure", r.Stopped)
	require.Len(t, r.Failures, 1)
	f := r.Failures[0]
	require.Equal(t, "property: no update is lost", f.Failure.Error())
	// t0 reads, t1 reads, and whatever follows loses an update.
	require.Equal(t, `machvm schedule 1
scenario "lost update"
hash 77

thread block 0/2 t0
thread between 1/2 t1
`, strings.ReplaceAll(f.Text, "scenario lost update", `scenario "lost update"`))
	require.Equal(t, 2, f.Doom.Choice)
	require.Equal(t, "failure is certain after choice 2: thread between 1/2 t1", f.Doom.String())
	require.Contains(t, r.String(), "failed: property: no update is lost")

	// The schedule repeats the failure.
	s, err := choice.Parse(f.Text)
	require.NoError(t, err)
	require.True(t, toy(racer)(choice.NewReplayer(s, choice.Fail)).Failure.same(f.Failure))
}

func TestReductionFindsTheSameFailures(t *testing.T) {
	full := Explore(Config{KeepGoing: true, ShrinkTries: -1, DoomTries: -1}, toy(racer))
	reduced := Explore(Config{Strategy: NewReducedDFS(), KeepGoing: true, ShrinkTries: -1, DoomTries: -1}, toy(racer))
	require.Equal(t, full.States, reduced.States)
	require.Len(t, reduced.States, 3, "2, 3 and 4")
	require.Equal(t, uint64(252), full.Executions)
	require.Less(t, reduced.Executions, full.Executions)
	require.Len(t, full.Failures, 1)
	require.Len(t, reduced.Failures, 1)
}

func TestBounds(t *testing.T) {
	run := walkers(2, 3, disjoint)
	// Without preemption: t0 t1, t1 t0. With one: the first thread stops after one or two of its steps, and
	// the other runs to its end.
	for budget, want := range map[int]uint64{0: 2, 1: 6} { // unordered: each on its own
		r := Explore(Config{Strategy: NewDFS(Preemptions(budget))}, run)
		require.Equal(t, NoFailure, r.Verdict)
		require.Equal(t, want, r.Executions)
		require.Contains(t, r.Summary(), fmt.Sprintf("at most %d preemptions", budget))
	}
	require.Equal(t, uint64(1), Explore(Config{Strategy: NewDFS(Delays(0))}, run).Executions)
	r := Explore(Config{Strategy: NewDFS(Delays(1))}, run)
	require.Equal(t, uint64(4), r.Executions, "the delay comes at the start, at the first or second trap, or not")
	r = Explore(Config{Strategy: NewDFS(Preemptions(9))}, run)
	require.Equal(t, Verified, r.Verdict, "a bound that leaves nothing out is none")
	require.Equal(t, uint64(20), r.Executions)
	require.Equal(t, uint64(12), Explore(Config{Strategy: NewDFS(Preemptions(9)), MaxExecutions: 12}, run).Executions)
}

func TestSampling(t *testing.T) {
	r := Explore(Config{Strategy: NewRandom(1, 100)}, walkers(3, 3, disjoint))
	require.Equal(t, NoFailure, r.Verdict)
	require.Equal(t, uint64(100), r.Executions)
	require.Equal(t, "no failure (100 executions: random schedules)", r.Summary())

	r = Explore(Config{Strategy: NewRandom(1, 100)}, toy(racer))
	require.Equal(t, Failed, r.Verdict)

	var m Measure
	toy(racer)(&m)
	require.Equal(t, 2, m.Threads)
	p := NewPCT(2, m.Threads, m.Choices, 1, 200)
	require.InDelta(t, 1/float64(2*m.Choices), p.Chance(), 1e-9)
	r = Explore(Config{Strategy: p, KeepGoing: true}, toy(racer))
	require.Equal(t, Failed, r.Verdict)
	require.Greater(t, r.Chance, 0.9)
}

// TestSpinning: one thread polls for what the other does. Nothing is proved about unfair schedules; a thread
// that polls for what never comes is a livelock.
func TestSpinning(t *testing.T) {
	spin := func(never bool) Run {
		return toy(func(s *sched.Scheduler, log func(string)) func() *Failure {
			done := never
			s.Spawn("poller", func(t *sched.Thread) {
				for done == never {
					t.TrapPoint("poll")
				}
			})
			s.Spawn("doer", func(t *sched.Thread) { done = true })
			return nil
		})
	}
	r := Explore(Config{Depth: 10}, spin(false))
	require.Equal(t, NoFailure, r.Verdict, r)
	require.Equal(t, uint64(11), r.Executions)
	r = Explore(Config{Depth: 10}, spin(true))
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, Livelock, r.Failures[0].Failure.Kind)
}

func TestPrefix(t *testing.T) {
	run := walkers(2, 2, disjoint)
	prefix, err := choice.Parse("machvm schedule 1\nthread block 1/2 t1\nthread step 0/2 t1\n")
	require.NoError(t, err)
	r := Explore(Config{Prefix: prefix}, run)
	require.Equal(t, uint64(1), r.Executions)
	require.Equal(t, NoFailure, r.Verdict)
	prefix.Steps = prefix.Steps[:1]
	require.Equal(t, uint64(3), Explore(Config{Prefix: prefix}, run).Executions)
	prefix.Steps[0].Name = "elsewhere"
	require.Equal(t, uint64(6), Explore(Config{Prefix: prefix}, run).Executions, "one that does not fit has no say")
}

// TestNondeterminism: a run that depends on something other than its choices is found out.
func TestNondeterminism(t *testing.T) {
	calls := 0
	r := Explore(Config{}, func(c choice.Chooser) Result {
		calls++
		for i := range 2 + calls%2 {
			choice.Ask(c, choice.Point{Kind: choice.KindTimer, Name: fmt.Sprint(i), Width: 2})
		}
		return Result{}
	})
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, Unreproducible, r.Failures[0].Failure.Kind)

	calls = 0
	r = Explore(Config{}, func(choice.Chooser) Result {
		if calls++; calls == 1 {
			return Result{Failure: &Failure{Kind: Property, Name: "once"}}
		}
		return Result{}
	})
	require.Equal(t, Unreproducible, r.Failures[0].Failure.Kind)
}

func TestSometimes(t *testing.T) {
	run := func(c choice.Chooser) Result {
		i := choice.Ask(c, choice.Point{Kind: choice.KindTimer, Name: "tie", Width: 3})
		return Result{Sometimes: []Observation{{"two", i == 2}, {"three", i == 3}}}
	}
	r := Explore(Config{}, run)
	require.Equal(t, []Observation{{"two", true}, {"three", false}}, r.Sometimes)
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, "never: three", r.Failures[0].Failure.Name)
}

// TestWorkers: the report is the same for any number of workers, and all of the work is done once.
func TestWorkers(t *testing.T) {
	for name, config := range map[string]func() Config{ // unordered: each on its own
		"all":     func() Config { return Config{} },
		"reduced": func() Config { return Config{Strategy: NewReducedDFS(), KeepGoing: true} },
		"limit":   func() Config { return Config{MaxExecutions: 1234} },
		"random":  func() Config { return Config{Strategy: NewRandom(3, 999)} },
	} {
		for _, run := range []Run{walkers(3, 3, disjoint), walkers(3, 3, func(int, int) uint64 { return 1 }), toy(racer)} {
			one := Explore(config(), run)
			c := config()
			c.Workers = 4
			four := Explore(c, run)
			require.Equal(t, one, four, name)
		}
	}
}

func TestStop(t *testing.T) {
	asked := 0
	r := Explore(Config{Stop: func() bool { asked++; return asked > 3 }}, walkers(3, 4, disjoint))
	require.Equal(t, NoFailure, r.Verdict)
	require.Equal(t, "told to stop", r.Stopped)
	require.Greater(t, r.Executions, uint64(64))
	require.Equal(t, fmt.Sprintf("no failure in %d of many", r.Executions), r.Summary())
}

func TestWorkerPanics(t *testing.T) {
	require.PanicsWithError(t, "boom", func() {
		Explore(Config{Workers: 2}, func(choice.Chooser) Result { panic(errors.New("boom")) })
	})
}
