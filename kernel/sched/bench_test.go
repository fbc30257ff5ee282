package sched

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/trace"
)

// allocs is the number of allocations of one turn of body inside a thread, beside n threads that run other.
func allocs(t *testing.T, c Config, n int, other, body func(*Thread)) float64 {
	s := newTest(t, c)
	for range n {
		s.Spawn("other", func(th *Thread) {
			for {
				other(th)
			}
		}).SetDaemon(true)
	}
	var got float64
	s.Spawn("measured", func(th *Thread) {
		for range 10 {
			body(th)
		}
		got = testing.AllocsPerRun(100, func() { body(th) })
		s.Stop(nil)
	})
	s.Run()
	return got
}

func TestHotPathsAllocateNothing(t *testing.T) {
	small := trace.New()
	small.SetRing(32) // no growth while measured
	for name, c := range map[string]Config{"greedy": {}, "asking": {Chooser: chooserFunc(first)}, "traced": {Tracer: small}} {
		t.Run(name, func(t *testing.T) {
			var ping, pong Queue
			yield := func(th *Thread) { th.Yield() }
			require.Zero(t, allocs(t, c, 2, yield, yield), "Yield")
			require.Zero(t, allocs(t, c, 2, yield, func(th *Thread) { th.TrapPoint("x"); th.Preempt("y") }), "points")
			require.Zero(t, allocs(t, c, 1, func(th *Thread) {
				th.Block(&ping, Wait{Kind: WaitPage, What: plain("x"), Interruptible: true})
				pong.Wake(Awakened)
			}, func(th *Thread) {
				for !ping.Wake(Awakened) {
					th.Yield()
				}
				th.Block(&pong, Wait{Kind: WaitPage, Deadline: 1 << 60})
			}), "Block and Wake")
			require.Zero(t, allocs(t, c, 2, func(th *Thread) { th.Sleep(3) }, func(th *Thread) { th.Sleep(2) }), "Sleep")
		})
	}
}

func TestPooledSpawnAllocatesOnlyTheThread(t *testing.T) {
	s := newTest(t, Config{PoolCoroutines: true})
	body := func(*Thread) {}
	s.Spawn("first", body)
	s.Run()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { s.Spawn("a", body); s.Run() }), 1.0)
}

// BenchmarkPull is the measure of the others: one resume and yield of a bare coroutine.
func BenchmarkPull(b *testing.B) {
	b.ReportAllocs()
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		for yield(struct{}{}) {
		}
	})
	defer stop()
	for b.Loop() {
		next()
	}
}

func benchmark(b *testing.B, s *Scheduler, n int, body func(*Thread)) {
	b.ReportAllocs()
	defer s.Shutdown()
	for range n {
		s.Spawn("t", func(th *Thread) {
			for {
				body(th)
			}
		})
	}
	s.SetStepLimit(1000)
	s.Run()
	s.SetStepLimit(s.Steps() + uint64(b.N))
	b.ResetTimer()
	s.Run()
}

// BenchmarkYield: one step of one thread, the others ready behind it.
func BenchmarkYield(b *testing.B) {
	yield := func(th *Thread) { th.Yield() }
	b.Run("1", func(b *testing.B) { benchmark(b, New(Config{}), 1, yield) })
	b.Run("100", func(b *testing.B) { benchmark(b, New(Config{}), 100, yield) })
	b.Run("10000", func(b *testing.B) { benchmark(b, New(Config{}), 10000, yield) })
	b.Run("traced/2", func(b *testing.B) { benchmark(b, New(Config{Tracer: trace.New()}), 2, yield) })
	b.Run("asking/4", func(b *testing.B) { benchmark(b, New(Config{Chooser: chooserFunc(first)}), 4, yield) })
}

// BenchmarkBlockWake: two threads that wake each other; one step each.
func BenchmarkBlockWake(b *testing.B) {
	var q Queue
	benchmark(b, New(Config{}), 2, func(th *Thread) {
		q.Wake(Awakened)
		th.Block(&q, Wait{Kind: WaitPage, Interruptible: true})
	})
}

// BenchmarkBlockWakeTraced: the same, with two events a step.
func BenchmarkBlockWakeTraced(b *testing.B) {
	var q Queue
	benchmark(b, New(Config{Tracer: trace.New()}), 2, func(th *Thread) {
		q.Wake(Awakened)
		th.Block(&q, Wait{Kind: WaitPage, Interruptible: true})
	})
}

// BenchmarkSleep: a timer armed and fired, and the step after it.
func BenchmarkSleep(b *testing.B) {
	benchmark(b, New(Config{}), 16, func(th *Thread) { th.Sleep(10) })
}

// BenchmarkTrapPoint: the trap entry of an ordinary run.
func BenchmarkTrapPoint(b *testing.B) {
	benchmark(b, New(Config{}), 1, func(th *Thread) { th.TrapPoint("x") })
}

// BenchmarkPreempt: a preemption point of an ordinary run, ten a step.
func BenchmarkPreempt(b *testing.B) {
	benchmark(b, New(Config{}), 1, func(th *Thread) {
		for range 10 {
			th.Preempt("x")
		}
		th.TrapPoint("x")
	})
}

// BenchmarkAskedTrapPoint: a trap point with four options and a chooser that runs on.
func BenchmarkAskedTrapPoint(b *testing.B) {
	benchmark(b, New(Config{Chooser: chooserFunc(first)}), 4, func(th *Thread) { th.TrapPoint("x") })
}

// BenchmarkSpawn: a thread made, run and ended.
func BenchmarkSpawn(b *testing.B) {
	for name, c := range map[string]Config{"fresh": {}, "pool": {PoolCoroutines: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := newTest(b, c)
			body := func(*Thread) {}
			for b.Loop() {
				s.Spawn("t", body)
				s.Run()
			}
		})
	}
}

// BenchmarkExecution: a whole small simulation of three threads and about 20 steps, from New to Shutdown.
func BenchmarkExecution(b *testing.B) {
	var p Pool
	defer p.Close()
	for name, c := range map[string]Config{"fresh": {}, "pool": {Pool: &p}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c.Chooser = chooserFunc(first)
			for b.Loop() {
				var q Queue
				s := New(c)
				s.Spawn("service", func(th *Thread) {
					for {
						th.Block(&q, Wait{})
					}
				})
				for range 2 {
					s.Spawn("t", func(th *Thread) {
						for range 4 {
							th.TrapPoint("x")
							q.Wake(Awakened)
							th.Yield()
						}
					})
				}
				s.Run()
				s.Shutdown()
			}
		})
	}
}
