package sched

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoolReusesCoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	s := New(Config{PoolCoroutines: true})
	n := 0
	for range 10 {
		s.Spawn("a", func(th *Thread) { th.Yield(); n++ })
		s.Spawn("exits", func(th *Thread) { th.Yield(); n++; th.Exit() })
		idle(t, s)
	}
	require.Equal(t, 20, n)
	require.LessOrEqual(t, settled(before+2), before+2)
	require.Len(t, s.pool.idle, 2)
	s.Shutdown()
	require.LessOrEqual(t, settled(before), before)
}

func TestPoolOutlivesItsSchedulers(t *testing.T) {
	before := runtime.NumGoroutine()
	var p Pool
	for range 5 {
		s := New(Config{Pool: &p})
		for range 3 {
			s.Spawn("blocked", func(th *Thread) { th.Block(nil, Wait{}) })
			s.Spawn("ends", func(*Thread) {})
		}
		idle(t, s)
		s.Shutdown()
		// The three that end share a coroutine made before the third blocks: four in all.
		require.Len(t, p.idle, 4)
		require.LessOrEqual(t, settled(before+4), before+4)
	}
	p.Close()
	require.LessOrEqual(t, settled(before), before)
}

func TestPanicKeepsThePoolSound(t *testing.T) {
	var p Pool
	s := New(Config{Pool: &p})
	s.Spawn("a", func(*Thread) { panic("x") })
	require.Equal(t, Panicked, s.Run().Kind)
	s.Shutdown()
	require.Len(t, p.idle, 1)
	s = New(Config{Pool: &p})
	ran := false
	s.Spawn("b", func(*Thread) { ran = true })
	idle(t, s)
	require.True(t, ran)
	p.Close()
}

// runtime.Goexit in a thread is what a failed require does. It must reach the goroutine that called Run,
// whose deferred functions must find a scheduler that can be shut down.
func TestGoexitReachesTheCallerOfRun(t *testing.T) {
	for name, c := range map[string]Config{"plain": {}, "pool": {PoolCoroutines: true}} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			var l log
			current := new(Thread)
			done := make(chan *Scheduler)
			go func() {
				s := New(c)
				defer func() { done <- s }()
				defer s.Shutdown()
				defer func() { current = s.Current() }()
				s.Spawn("waits", func(th *Thread) {
					defer l.add("waits unwound")
					th.Block(nil, Wait{})
				})
				s.Spawn("fails", func(th *Thread) {
					defer l.add("fails unwound")
					th.Yield()
					runtime.Goexit()
				}).OnExit(func(*Thread) { l.add("notified") })
				s.Spawn("ready", func(th *Thread) {
					defer l.add("ready unwound")
					th.Yield()
					th.Yield()
				})
				s.Run()
				l.add("Run returned")
			}()
			s := <-done
			require.Equal(t, log{"fails unwound", "waits unwound", "ready unwound"}, l)
			require.Nil(t, s.Failure())
			require.Nil(t, current)
			require.LessOrEqual(t, settled(before), before)
		})
	}
}

func TestGoexitDuringShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	s := New(Config{})
	for range 3 {
		s.Spawn("a", func(th *Thread) {
			defer runtime.Goexit()
			th.Block(nil, Wait{})
		})
	}
	idle(t, s)
	s.Shutdown()
	require.LessOrEqual(t, settled(before), before)
}

func TestGoexitFromAnAudit(t *testing.T) {
	before := runtime.NumGoroutine()
	done := make(chan bool)
	go func() {
		s := New(Config{})
		defer close(done)
		defer s.Shutdown()
		s.AfterStep(runtime.Goexit)
		s.Spawn("a", func(th *Thread) { th.Yield() })
		s.Run()
		t.Error("Run returned")
	}()
	<-done
	require.LessOrEqual(t, settled(before), before)
}
