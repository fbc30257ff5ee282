package sched

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

// three threads that trap, are preemptible, and block in turn; the log is the order of things.
func workload(s *Scheduler) *log {
	l := new(log)
	q := new(Queue)
	for _, n := range []string{"a", "b", "c"} {
		s.Spawn(n, func(th *Thread) {
			for i := range 3 {
				th.TrapPoint("trap")
				l.add("%s%d trap", n, i)
				th.Preempt("T1")
				l.add("%s%d T1", n, i)
				r := th.Block(q, Wait{Deadline: s.After(10)})
				l.add("%s%d %v at %d", n, i, r, s.Now())
				q.Wake(Awakened)
			}
		})
	}
	return l
}

func TestTrapPointContinuesByDefault(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	s.Spawn("a", func(th *Thread) {
		th.TrapPoint("1")
		th.Preempt("2")
		th.TrapPoint("3")
		l.add("a")
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	o := idle(t, s)
	require.Equal(t, log{"a", "b"}, l)
	require.EqualValues(t, 4, o.Steps, "each trap point begins a step, a preemption point does not")
}

func TestPointOptionsAndLabels(t *testing.T) {
	// a runs first (0); at its trap switch to c (2: options a b c); c's end leaves b a: take a (1).
	c := &asker{answers: []int{0, 2, 1, 1}}
	s := newTest(t, Config{Chooser: c})
	var l log
	s.Spawn("a", func(th *Thread) {
		l.add("a1")
		th.TrapPoint("mach_msg")
		l.add("a2")
		th.Preempt("T1-broken")
		l.add("a3")
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	s.Spawn("c", func(*Thread) { l.add("c") })
	idle(t, s)
	require.Equal(t, []string{
		"thread block: a b c",
		"thread mach_msg: a b c",
		"thread block: b a",
		"preempt T1-broken: a b",
	}, c.asked, "points of width one are not asked")
	require.Equal(t, log{"a1", "c", "a2", "b", "a3"}, l)
}

func TestSwitchedAwayGoesToTheTail(t *testing.T) {
	for _, at := range []func(*Thread){
		func(th *Thread) { th.TrapPoint("p") },
		func(th *Thread) { th.Preempt("p") },
	} {
		c := &asker{answers: []int{0, 1}} // a first; at p run b
		s := newTest(t, Config{Chooser: c})
		var l log
		s.Spawn("a", func(th *Thread) { at(th); l.add("a") })
		s.Spawn("b", func(*Thread) { l.add("b") })
		s.Spawn("c", func(*Thread) { l.add("c") })
		idle(t, s)
		require.Equal(t, log{"b", "c", "a"}, l)
	}
}

func TestAskingChooserThatTakesFirstEqualsGreedy(t *testing.T) {
	greedy := newTest(t, Config{})
	l1 := workload(greedy)
	o1 := idle(t, greedy)
	c := &asker{}
	asked := newTest(t, Config{Chooser: c})
	l2 := workload(asked)
	o2 := idle(t, asked)
	require.Equal(t, l1, l2)
	require.Equal(t, o1, o2)
	require.NotEmpty(t, c.asked)
}

func TestSameScheduleSameRun(t *testing.T) {
	run := func(seed uint64) (*log, Outcome) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newTest(t, Config{Chooser: chooserFunc(func(p choice.Point) int { return r.IntN(p.Width) }), PoolCoroutines: seed%2 == 0})
		s.AfterStep(func() { checkLists(t, s) })
		l := workload(s)
		return l, idle(t, s)
	}
	different := false
	first, _ := run(0)
	for seed := range uint64(50) {
		l1, o1 := run(seed)
		l2, o2 := run(seed)
		require.Equal(t, l1, l2)
		require.Equal(t, o1, o2)
		different = different || len(*l1) != len(*first) || (*l1)[3] != (*first)[3]
	}
	require.True(t, different, "the chooser has no effect")
}

type quitter struct {
	asker
	after int
}

var errQuit = errors.New("schedule departs")

func (q *quitter) Failed() error {
	if len(q.asked) >= q.after {
		return errQuit
	}
	return nil
}

func TestChooserFailureStops(t *testing.T) {
	for after := 1; after < 4; after++ {
		c := &quitter{after: after}
		s := newTest(t, Config{Chooser: c})
		workload(s)
		o := s.Run()
		require.Equal(t, Stopped, o.Kind)
		require.Equal(t, errQuit, o.Err)
		require.Len(t, c.asked, after)
		checkLists(t, s)
	}
}

func TestADecisionHoldsForOneStep(t *testing.T) {
	c := &asker{answers: []int{0, 1}} // a first; at its trap run b
	s := newTest(t, Config{Chooser: c})
	s.Spawn("a", func(th *Thread) { th.TrapPoint("x"); th.Yield() })
	s.Spawn("b", func(th *Thread) { th.Yield(); th.Yield() })
	idle(t, s)
	require.Equal(t, []string{"thread block: a b", "thread x: a b", "thread block: a b", "thread block: b a", "thread block: a b"},
		c.asked, "b at the front again is asked about again")
}

func TestIllegalChoicePanics(t *testing.T) {
	s := newTest(t, Config{Chooser: chooserFunc(func(p choice.Point) int { return p.Width })})
	s.Spawn("a", func(*Thread) {})
	s.Spawn("b", func(*Thread) {})
	o := s.Run()
	require.Equal(t, Panicked, o.Kind)
}

func TestEveryScheduleOfTwoThreads(t *testing.T) {
	// Two threads of two steps each: C(4,2) = 6 interleavings. An odometer enumerates them.
	seen := map[string]int{}
	var path []int
	for runs := 0; ; runs++ {
		require.Less(t, runs, 100)
		var widths []int
		c := chooserFunc(func(p choice.Point) int {
			i := len(widths)
			widths = append(widths, p.Width)
			if i == len(path) {
				path = append(path, 0)
			}
			return path[i]
		})
		s := New(Config{Chooser: c})
		order := ""
		for _, n := range []string{"a", "b"} {
			s.Spawn(n, func(th *Thread) {
				order += n
				th.TrapPoint("x")
				order += n
			})
		}
		idle(t, s)
		s.Shutdown()
		seen[order]++
		i := len(path) - 1
		for i >= 0 && path[i] == widths[i]-1 {
			i--
		}
		if i < 0 {
			break
		}
		path = append(path[:i:i], path[i]+1)
	}
	require.Equal(t, map[string]int{"aabb": 1, "abab": 1, "abba": 1, "baab": 1, "baba": 1, "bbaa": 1}, seen)
}

// TestDecide: a choice of something else than a thread is asked like any other, ends no step and lets nobody else run.
func TestDecide(t *testing.T) {
	c := &asker{answers: []int{0, 2}}
	s := newTest(t, Config{Chooser: c})
	var l log
	s.Spawn("a", func(th *Thread) {
		l.add("a %d", th.Decide(choice.KindFault, "supply", []string{"none", "late", "silent"}))
		l.add("a %d", th.Decide(choice.KindFault, "supply", []string{"none"}))
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	o := idle(t, s)
	require.Equal(t, log{"a 2", "a 0", "b"}, l)
	require.Equal(t, []string{"thread block: a b", "fault supply: none late silent"}, c.asked)
	require.EqualValues(t, 2, o.Steps)

	s = newTest(t, Config{})
	s.Spawn("a", func(th *Thread) {
		require.Zero(t, th.Decide(choice.KindFault, "supply", []string{"none", "late"}), "nobody decides")
	})
	idle(t, s)
}
