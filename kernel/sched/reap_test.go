package sched

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type deferredFunc func(*Thread)

func (f deferredFunc) Reap(t *Thread) { f(t) }

func TestDrainRunsInOrderUntilEmpty(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	s.Spawn("a", func(th *Thread) {
		th.Drain()
		th.Reap.Add(deferredFunc(func(th *Thread) {
			l.add("1 begins")
			th.Reap.Add(deferredFunc(func(*Thread) { l.add("3") }))
			th.Drain() // the outer call goes on
			th.Yield()
			l.add("1 ends")
		}))
		th.Reap.Add(deferredFunc(func(*Thread) { l.add("2") }))
		require.Equal(t, 2, th.Reap.Len())
		th.Drain()
		require.Zero(t, th.Reap.Len())
		l.add("drained")
		th.Reap.Add(deferredFunc(func(*Thread) { l.add("4") }))
		th.Drain()
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	idle(t, s)
	require.Equal(t, log{"1 begins", "b", "1 ends", "2", "3", "drained", "4"}, l)
}

func TestEndingThreadDrains(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	th := s.Spawn("a", func(th *Thread) {
		th.Reap.Add(deferredFunc(func(*Thread) { l.add("1"); th.Exit() }))
		th.Reap.Add(deferredFunc(func(*Thread) { l.add("2") }))
		defer l.add("unwound")
		th.Drain()
	})
	th.OnExit(func(*Thread) { l.add("gone") })
	idle(t, s)
	require.Equal(t, log{"1", "unwound", "2", "gone"}, l)
}

func TestDrainAllocatesNothing(t *testing.T) {
	s := New(Config{})
	var d Deferred = deferredFunc(func(*Thread) {})
	th := s.Spawn("a", func(*Thread) {})
	require.Zero(t, testing.AllocsPerRun(100, func() { th.Drain() }))
	th.Reap.Add(d)
	th.Drain()
	require.Zero(t, testing.AllocsPerRun(100, func() { th.Reap.Add(d); th.Drain() }))
}
