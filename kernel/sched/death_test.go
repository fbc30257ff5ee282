package sched

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// deaf spawns a thread that swallows its unwinding and traps on for ever.
func deaf(s *Scheduler, name string) *Thread {
	return s.Spawn(name, func(th *Thread) {
		for {
			func() {
				defer func() { _ = recover() }()
				th.TrapPoint("spin")
				if th.Killed() {
					th.Exit()
				}
			}()
		}
	})
}

func TestAbortEndsAnInterruptibleWait(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var got []Result
	th := s.Spawn("a", func(th *Thread) {
		got = append(got, th.Block(&q, Wait{Interruptible: true}))
		require.False(t, th.AbortPending(), "one abort is reported by one wait")
		got = append(got, th.Block(&q, Wait{Interruptible: true}))
	})
	idle(t, s)
	th.Abort()
	idle(t, s)
	require.Equal(t, []Result{Interrupted}, got)
	require.Equal(t, 1, q.Len())
	q.Wake(Awakened)
	th.Abort()
	require.True(t, th.AbortPending())
	idle(t, s)
	require.Equal(t, []Result{Interrupted, Awakened}, got, "a wake-up before the abort wins")
	require.Equal(t, Dead, th.State())
	th.Abort()
	th.Kill()
}

func TestAbortStaysPendingThroughAnUninterruptibleWait(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var got []Result
	th := s.Spawn("a", func(th *Thread) {
		got = append(got, th.Block(&q, Wait{}))
		require.True(t, th.AbortPending())
		got = append(got, th.Block(&q, Wait{Interruptible: true})) // at once
		require.False(t, th.AbortPending())
		th.Abort()
		th.ClearAbort()
		got = append(got, th.Sleep(5))
		th.Abort()
		got = append(got, th.Sleep(5))
	})
	idle(t, s)
	th.Abort()
	require.Equal(t, Blocked, th.State())
	q.Wake(Awakened)
	idle(t, s)
	require.Equal(t, []Result{Awakened, Interrupted, TimedOut, Interrupted}, got)
}

func TestMortalWait(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var got []Result
	th := s.Spawn("a", func(th *Thread) {
		got = append(got, th.Block(&q, Wait{Mortal: true}))
		require.True(t, th.AbortPending())
		got = append(got, th.Block(&q, Wait{Mortal: true}))
		require.True(t, th.AbortPending(), "it takes no notice of an abort")
		require.True(t, th.Killed())
		got = append(got, th.Block(&q, Wait{Mortal: true})) // at once
	})
	idle(t, s)
	th.Abort()
	require.Equal(t, Blocked, th.State())
	q.Wake(Awakened)
	idle(t, s)
	require.Equal(t, []Result{Awakened}, got)
	th.Kill()
	idle(t, s)
	require.Equal(t, []Result{Awakened, Interrupted, Interrupted}, got)
	require.Equal(t, Dead, th.State())
}

func TestKillDuringAnUninterruptibleWait(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var l log
	th := s.Spawn("a", func(th *Thread) {
		defer l.add("unwound")
		l.add("%v", th.Block(&q, Wait{}))
		require.True(t, th.Killed())
		l.add("%v", th.Block(&q, Wait{Interruptible: true}))
		l.add("%v", th.Sleep(10))
		th.TrapPoint("boundary")
		th.Exit()
		l.add("unreachable")
	})
	th.OnExit(func(th *Thread) { l.add("%v", th.State()) })
	idle(t, s)
	th.Kill()
	idle(t, s)
	require.Equal(t, Blocked, th.State(), "uninterruptible waits go on")
	q.Wake(Awakened)
	require.Zero(t, idle(t, s).Stuck)
	require.Equal(t, log{"awakened", "interrupted", "interrupted", "unwound", "dead"}, l)
	require.Zero(t, s.Now())
}

func TestKillEndsAnInterruptibleWait(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	th := s.Spawn("a", func(th *Thread) {
		require.Equal(t, Interrupted, th.Block(&q, Wait{Interruptible: true, Deadline: 100}))
		th.Exit()
	})
	s.At(3, th.Kill)
	o := idle(t, s)
	require.Equal(t, Dead, th.State())
	require.EqualValues(t, 3, o.Now)
}

func TestKilledThreadRunsInSpiteOfSuspension(t *testing.T) {
	for _, ready := range []bool{false, true} {
		s := newTest(t, Config{})
		var q Queue
		th := s.Spawn("a", func(th *Thread) {
			th.Block(&q, Wait{Interruptible: true})
			th.Exit()
		})
		if !ready {
			idle(t, s)
		}
		th.Suspend()
		idle(t, s)
		require.False(t, th.State().gone())
		th.Kill()
		checkLists(t, s)
		idle(t, s)
		require.Equal(t, Dead, th.State())
	}
}

func TestExitUnwindsAndBlocksWhileUnwinding(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var l log
	s.Spawn("a", func(th *Thread) {
		defer l.add("outer")
		defer func() { l.add("%v", th.Block(&q, Wait{})) }()
		th.Exit()
	})
	s.Spawn("b", func(*Thread) { l.add("b"); q.Wake(Awakened) })
	require.Zero(t, idle(t, s).Stuck)
	require.Equal(t, log{"b", "awakened", "outer"}, l)
}

func TestOnExit(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	var q Queue
	th := s.Spawn("a", func(*Thread) {})
	s.Spawn("joiner", func(j *Thread) { j.Block(&q, Wait{Kind: WaitThread}); l.add("joined") })
	th.OnExit(func(x *Thread) {
		require.Same(t, th, x)
		require.NotContains(t, slices.Collect(s.Threads()), th)
		l.add("1")
	})
	th.OnExit(func(*Thread) { l.add("2"); q.WakeAll(Awakened) })
	s.ready.remove(th) // let the joiner wait first
	s.ready.push(th)
	idle(t, s)
	require.Equal(t, log{"1", "2", "joined"}, l)
	th.OnExit(func(*Thread) { l.add("at once") })
	require.Equal(t, "at once", l[3])

	s.Spawn("b", func(*Thread) {}).OnExit(func(x *Thread) { x.Yield() })
	require.ErrorContains(t, s.Run().Err, "Yield")
}

func TestThreadThatIgnoresItsDeathIsAbandoned(t *testing.T) {
	spins := map[string]func(*Thread){
		"trap":  func(th *Thread) { th.TrapPoint("x") },
		"yield": func(th *Thread) { th.Yield() },
		"block": func(th *Thread) { th.Block(nil, Wait{Interruptible: true}) },
		"sleep": func(th *Thread) { th.Sleep(5) },
	}
	for name, spin := range spins {
		before := runtime.NumGoroutine()
		s := New(Config{})
		turns := 0
		th := s.Spawn(name, func(th *Thread) {
			for {
				spin(th)
				turns++
			}
		})
		gone := false
		th.OnExit(func(*Thread) { gone = true })
		th.Kill()
		o := idle(t, s)
		require.Zero(t, o.Stuck)
		require.Equal(t, AbandonAfter, turns)
		require.Equal(t, []*Thread{th}, s.Abandoned())
		require.Equal(t, Abandoned, th.State())
		require.True(t, gone)
		require.Empty(t, slices.Collect(s.Threads()))
		s.Shutdown()
		require.LessOrEqual(t, settled(before), before)
		require.Equal(t, AbandonAfter, turns)
	}
}

// everyState fills s with threads in every state, each with a deferred function that counts, and runs it
// until it stops.
func everyState(t *testing.T, s *Scheduler) (unwound *int, want int) {
	unwound = new(int)
	q := new(Queue)
	body := func(f func(*Thread)) func(*Thread) {
		return func(th *Thread) {
			defer func() { *unwound++ }()
			f(th)
			t.Errorf("%v was not unwound", th)
		}
	}
	block := func(w Wait) func(*Thread) {
		return body(func(th *Thread) { th.Block(q, w) })
	}
	s.Spawn("blocked", block(Wait{}))
	s.Spawn("interruptible", block(Wait{Interruptible: true}))
	s.Spawn("with deadline", block(Wait{Deadline: 1 << 50}))
	s.Spawn("asleep", body(func(th *Thread) { th.Sleep(1 << 50) }))
	s.Spawn("killed", block(Wait{})).Kill()
	held := s.Spawn("suspended", body(func(th *Thread) { th.Suspend(); th.Yield() }))
	s.Spawn("suspended in a wait", block(Wait{})).Suspend()
	s.Spawn("draining", body(func(th *Thread) {
		th.Reap.Add(deferredFunc(func(th *Thread) { th.Block(q, Wait{}) }))
		th.Drain()
	}))
	s.Spawn("blocks again", body(func(th *Thread) {
		defer th.Block(q, Wait{})
		defer th.Sleep(1)
		defer th.TrapPoint("x")
		defer th.Yield()
		defer th.Preempt("x")
		th.Block(q, Wait{})
	}))
	s.Spawn("spawns", body(func(th *Thread) {
		defer s.Spawn("never", func(*Thread) { t.Error("runs in Shutdown") })
		th.Block(q, Wait{})
	}))
	s.Spawn("unwinding", func(th *Thread) {
		defer func() { *unwound++ }()
		defer th.Block(q, Wait{})
		th.Exit()
	})
	deaf(s, "deaf and killed").Kill()
	s.Spawn("preempted", body(func(th *Thread) {
		for {
			th.TrapPoint("x")
			th.Yield()
		}
	}))
	s.At(1<<49, func() { t.Error("fires in Shutdown") })
	s.SetStepLimit(3000)
	require.Equal(t, StepLimit, s.Run().Kind)
	require.True(t, held.Suspended())
	s.Spawn("fresh", func(*Thread) { t.Error("runs in Shutdown") })
	// All but the abandoned one, the one suspended before it began, and the two that never ran.
	return unwound, 11
}

func TestShutdownLeavesNothing(t *testing.T) {
	configs := map[string]Config{"plain": {}, "pool": {PoolCoroutines: true}, "asking": {Chooser: &asker{}}}
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			s := New(c)
			unwound, want := everyState(t, s)
			require.Greater(t, runtime.NumGoroutine(), before)
			s.Shutdown()
			require.LessOrEqual(t, settled(before), before)
			require.Equal(t, want, *unwound)
			require.Nil(t, s.Failure())
			require.Empty(t, slices.Collect(s.Threads()))
			require.Zero(t, s.ready.n)
			require.Empty(t, s.timers)
			s.Shutdown()
			s.Spawn("late", func(*Thread) { t.Error("runs after Shutdown") })
			o := s.Run()
			require.Equal(t, Stopped, o.Kind)
			require.ErrorIs(t, o.Err, ErrShutdown)
		})
	}
}

func TestShutdownEndsThreadsThatCatchEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	s := New(Config{PoolCoroutines: true})
	s.Spawn("obstinate", func(th *Thread) {
		again := func() {
			for {
				func() {
					defer func() { _ = recover() }()
					th.Block(nil, Wait{})
				}()
			}
		}
		defer again()
		again()
	})
	unwound := false
	s.Spawn("next", func(th *Thread) {
		defer func() { unwound = true }()
		th.Block(nil, Wait{})
	})
	idle(t, s)
	s.Shutdown()
	require.True(t, unwound)
	require.LessOrEqual(t, settled(before), before)
}

func TestPanicInShutdownIsKept(t *testing.T) {
	s := New(Config{})
	s.Spawn("a", func(th *Thread) {
		defer func() { panic("half-open state") }()
		th.Block(nil, Wait{})
	})
	unwound := false
	s.Spawn("b", func(th *Thread) {
		defer func() { unwound = true }()
		th.Block(nil, Wait{})
	})
	idle(t, s)
	s.Shutdown()
	require.ErrorContains(t, s.Failure(), `thread 1 "a" panicked: half-open state`)
	require.True(t, unwound)
}
