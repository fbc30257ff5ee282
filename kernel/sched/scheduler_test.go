package sched

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpawnRunsInOrder(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	for _, n := range []string{"a", "b", "c"} {
		th := s.Spawn(n, func(th *Thread) {
			require.Same(t, th, s.Current())
			require.Equal(t, Running, th.State())
			l.add("%s1", n)
			th.Yield()
			l.add("%s2", n)
		})
		require.Equal(t, Ready, th.State())
		require.Equal(t, n, th.Name())
		require.Same(t, s, th.Scheduler())
	}
	var ids []uint32
	for th := range s.Threads() {
		ids = append(ids, th.ID())
		if len(ids) == 3 {
			break
		}
	}
	require.Equal(t, []uint32{1, 2, 3}, ids)
	require.Nil(t, s.Current())
	o := idle(t, s)
	require.Equal(t, log{"a1", "b1", "c1", "a2", "b2", "c2"}, l)
	require.EqualValues(t, 6, o.Steps)
	require.Zero(t, o.Stuck)
	require.Empty(t, slices.Collect(s.Threads()))
}

func TestSpawnInsideThreadGoesToTheTail(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	s.Spawn("a", func(th *Thread) {
		s.Spawn("child", func(*Thread) { l.add("child") })
		l.add("a")
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	idle(t, s)
	require.Equal(t, log{"a", "b", "child"}, l)
}

func TestThreadsAfterTheNewestHasEnded(t *testing.T) {
	s := newTest(t, Config{})
	a := s.Spawn("a", func(th *Thread) { th.Block(nil, Wait{}) })
	s.Spawn("b", func(*Thread) {})
	idle(t, s)
	c := s.Spawn("c", func(*Thread) {})
	require.Equal(t, []*Thread{a, c}, slices.Collect(s.Threads()))
	var seen []*Thread
	for th := range s.Threads() {
		if th == c {
			s.Spawn("d", func(*Thread) {})
		}
		seen = append(seen, th)
	}
	require.Len(t, seen, 3, "threads spawned meanwhile are included")
}

func TestStopReturnsAfterTheStep(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	boom := errors.New("enough")
	s.Spawn("a", func(th *Thread) {
		l.add("1")
		s.Stop(boom)
		s.Stop(errors.New("later"))
		l.add("2")
		th.TrapPoint("trap")
		l.add("3")
	})
	o := s.Run()
	require.Equal(t, Stopped, o.Kind)
	require.Equal(t, boom, o.Err)
	require.Equal(t, log{"1", "2"}, l)
	require.EqualValues(t, 1, o.Steps)
	idle(t, s)
	require.Equal(t, log{"1", "2", "3"}, l)

	s.Stop(nil)
	s.Spawn("b", func(*Thread) { l.add("b") })
	o = s.Run()
	require.Equal(t, Stopped, o.Kind)
	require.NoError(t, o.Err)
	require.Len(t, l, 3, "a Stop outside Run ends the next one before its first step")
	idle(t, s)
	require.Len(t, l, 4)
}

func TestStepLimit(t *testing.T) {
	for _, audited := range []bool{false, true} {
		s := newTest(t, Config{StepLimit: 10})
		if audited {
			s.AfterStep(func() {})
		}
		traps := 0
		s.Spawn("spinner", func(th *Thread) {
			for {
				th.TrapPoint("spin")
				traps++
			}
		})
		o := s.Run()
		require.Equal(t, StepLimit, o.Kind)
		require.EqualValues(t, 10, o.Steps)
		require.Equal(t, 9, traps)
		require.Equal(t, o, s.Run())
		s.SetStepLimit(15)
		require.EqualValues(t, 15, s.Run().Steps)
		require.Equal(t, 14, traps)
		checkLists(t, s)
	}
}

func TestStepLimitCountsTimers(t *testing.T) {
	s := newTest(t, Config{StepLimit: 7})
	var again func()
	fired := 0
	again = func() { fired++; s.At(s.Now(), again) }
	s.At(0, again)
	require.Equal(t, StepLimit, s.Run().Kind)
	require.Equal(t, 7, fired)
}

func TestAfterStepRunsBetweenSteps(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var audits []uint64
	s.AfterStep(func() {
		require.Nil(t, s.Current())
		checkLists(t, s)
		audits = append(audits, s.Steps())
	})
	s.Spawn("a", func(th *Thread) {
		th.TrapPoint("one")
		th.TrapPoint("two")
		th.Block(&q, Wait{})
		th.Sleep(5)
	})
	s.Spawn("b", func(th *Thread) { q.Wake(Awakened) })
	o := idle(t, s)
	// a to its first trap, to its second, to the block; b; a to its sleep; the timer; a to its end.
	require.EqualValues(t, 7, o.Steps)
	require.Equal(t, []uint64{1, 2, 3, 4, 5, 6, 7}, audits)
}

func TestStepsAreCountedAlikeWithAndWithoutOnlookers(t *testing.T) {
	run := func(c Config, audit bool) (Outcome, []uint64) {
		s := newTest(t, c)
		if audit {
			s.AfterStep(func() {})
		}
		var at []uint64
		var q Queue
		for range 3 {
			s.Spawn("t", func(th *Thread) {
				for range 4 {
					th.TrapPoint("x")
					at = append(at, s.Steps())
					s.Spend(3)
					th.Preempt("y")
					th.Sleep(2)
					th.Block(&q, Wait{Deadline: s.After(10)})
					at = append(at, s.Steps())
					q.Wake(Awakened)
				}
			})
		}
		return idle(t, s), at
	}
	o, at := run(Config{}, false)
	for _, audit := range []bool{false, true} {
		o2, at2 := run(Config{Chooser: &asker{}}, audit)
		require.Equal(t, o, o2)
		require.Equal(t, at, at2)
	}
	o2, at2 := run(Config{}, true)
	require.Equal(t, o, o2)
	require.Equal(t, at, at2)
}

func TestAuditPanicEndsRun(t *testing.T) {
	s := newTest(t, Config{})
	s.AfterStep(func() { panic("invariant V1") })
	swallowed := false
	s.Spawn("hider", func(th *Thread) {
		defer func() { swallowed = recover() != nil }()
		th.TrapPoint("x")
	})
	o := s.Run()
	require.Equal(t, Panicked, o.Kind)
	require.ErrorContains(t, o.Err, `panic after a step of thread 1 "hider": invariant V1`)
	require.False(t, swallowed)
	require.Equal(t, Panicked, s.Run().Kind)
}

func TestPanicIsCaughtAtTheBase(t *testing.T) {
	s := newTest(t, Config{})
	cause := errors.New("page neither busy nor clean")
	deferred := false
	s.Spawn("pager", func(th *Thread) {
		defer func() { deferred = true }()
		th.TrapPoint("x")
		explode(cause)
	})
	other := s.Spawn("other", func(*Thread) { t.Error("runs after a panic") })
	o := s.Run()
	require.Equal(t, Panicked, o.Kind)
	var p *PanicError
	require.ErrorAs(t, o.Err, &p)
	require.ErrorIs(t, o.Err, cause)
	require.Equal(t, "pager", p.Thread.Name())
	require.Equal(t, Dead, p.Thread.State())
	require.Equal(t, `thread 1 "pager" panicked: page neither busy nor clean`, o.Err.Error())
	require.Contains(t, string(p.Stack), "explode")
	require.True(t, deferred)
	require.Equal(t, Ready, other.State())
	require.Same(t, p, s.Failure())
	require.Equal(t, Panicked, s.Run().Kind)
}

//go:noinline
func explode(err error) { panic(err) }

func TestRunInsideRunPanics(t *testing.T) {
	s := newTest(t, Config{})
	s.Spawn("a", func(*Thread) { s.Run() })
	require.ErrorContains(t, s.Run().Err, "Run called inside Run")
	s = newTest(t, Config{})
	s.Spawn("a", func(*Thread) { s.Shutdown() })
	require.ErrorContains(t, s.Run().Err, "Shutdown called inside Run")
}

func TestOutcomeText(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	s.Spawn("a", func(th *Thread) { th.Block(&q, Wait{}) })
	require.Equal(t, "idle after 1 steps, 1 threads stuck", s.Run().String())
	s.Stop(errors.New("why"))
	require.True(t, strings.HasSuffix(s.Run().String(), ": why"))
}
