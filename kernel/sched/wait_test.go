package sched

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

func TestQueueIsFIFO(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var l log
	var ths []*Thread
	for _, n := range []string{"a", "b", "c", "d"} {
		ths = append(ths, s.Spawn(n, func(th *Thread) {
			r := th.Block(&q, Wait{Kind: WaitPage})
			l.add("%s %v", n, r)
		}))
	}
	require.True(t, q.Empty())
	require.False(t, q.Wake(Awakened))
	idle(t, s)
	require.Equal(t, 4, q.Len())
	require.Same(t, ths[0], q.Front())
	require.Same(t, ths[1], q.Next(q.Front()))
	w, waiting := ths[2].Waiting()
	require.True(t, waiting)
	require.Equal(t, WaitPage, w.Kind)
	require.EqualValues(t, 3, ths[2].BlockedSince())

	require.True(t, q.WakeThread(ths[2], Restart))
	require.False(t, q.WakeThread(ths[2], Restart))
	require.True(t, q.Wake(Awakened))
	require.Equal(t, 2, q.Len())
	q.WakeAll(TimedOut)
	require.True(t, q.Empty())
	_, waiting = ths[2].Waiting()
	require.False(t, waiting)
	idle(t, s)
	require.Equal(t, log{"c restart", "a awakened", "b timed out", "d timed out"}, l)
}

func TestRemoveLeavesTheThreadWaiting(t *testing.T) {
	s := newTest(t, Config{})
	var q, other Queue
	var got []Result
	th := s.Spawn("a", func(th *Thread) {
		got = append(got, th.Block(&q, Wait{}), th.Block(&q, Wait{Deadline: 9}))
	})
	s.Run()
	require.False(t, other.Remove(th))
	require.True(t, q.Remove(th))
	require.True(t, q.Empty())
	require.False(t, q.WakeThread(th, Awakened))
	require.Equal(t, Blocked, th.State())
	require.True(t, th.Wake(Restart))
	require.False(t, th.Wake(Restart))
	s.AfterStep(func() { q.Remove(th) })
	idle(t, s)
	require.Equal(t, []Result{Restart, TimedOut}, got)
}

func TestHandoff(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	msg := &struct{ body string }{"hello"}
	s.Spawn("receiver", func(th *Thread) {
		th.Block(&q, Wait{Kind: WaitPortReceive})
		require.Same(t, msg, th.Handoff)
		require.EqualValues(t, 7, th.Word)
	})
	s.Spawn("sender", func(*Thread) {
		r := q.Front()
		r.Handoff, r.Word = msg, 7
		q.Wake(Awakened)
	})
	o := idle(t, s)
	require.Zero(t, o.Stuck)
}

func TestDeadlineAndWakeExcludeEachOther(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var l log
	waiter := func(n string, deadline mach.Time) {
		s.Spawn(n, func(th *Thread) { l.add("%s %v at %d", n, th.Block(&q, Wait{Deadline: deadline}), s.Now()) })
	}
	waiter("late", 100)
	waiter("soon", 10)
	s.Spawn("waker", func(th *Thread) {
		require.Equal(t, TimedOut, th.Sleep(50))
		require.Equal(t, 1, q.Len(), "a wait that timed out has left its queue")
		q.Wake(Awakened)
	})
	o := idle(t, s)
	require.Equal(t, log{"soon timed out at 10", "late awakened at 50"}, l)
	require.EqualValues(t, 50, o.Now, "the deadline of an ended wait is no timer any more")
}

func TestOnlyTheRunningThreadCanStop(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	other := s.Spawn("other", func(th *Thread) { th.Block(&q, Wait{}) })
	s.Spawn("a", func(*Thread) { other.Block(&q, Wait{}) })
	require.ErrorContains(t, s.Run().Err, `Block of thread 1 "other", which is blocked`)
}

func TestSuspension(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	var l log
	a := s.Spawn("a", func(th *Thread) {
		th.Block(&q, Wait{})
		l.add("a woken")
		th.Suspend()
		l.add("a runs on to its trap")
		th.TrapPoint("x")
		l.add("a resumed")
		th.Suspend()
		th.Yield()
		l.add("a resumed again")
	})
	s.AfterStep(func() { checkLists(t, s) })
	idle(t, s)
	a.Suspend()
	a.Suspend()
	require.Equal(t, 2, a.SuspendCount())
	q.Wake(Awakened)
	require.Equal(t, Ready, a.State())
	require.Equal(t, 1, idle(t, s).Stuck)
	require.Empty(t, l, "a suspended thread is not runnable even if ready")
	require.True(t, a.Resume())
	idle(t, s)
	require.Empty(t, l)
	require.True(t, a.Resume())
	require.False(t, a.Resume())
	idle(t, s)
	require.Equal(t, log{"a woken", "a runs on to its trap"}, l)
	a.Resume()
	idle(t, s)
	require.Len(t, l, 3)
	a.Resume()
	require.Zero(t, idle(t, s).Stuck)
	require.Len(t, l, 4)
}

func TestSuspendReadyThreadAndResumeAtTheTail(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	a := s.Spawn("a", func(*Thread) { l.add("a") })
	s.Spawn("b", func(*Thread) { l.add("b") })
	a.Suspend()
	checkLists(t, s)
	a.Resume()
	checkLists(t, s)
	idle(t, s)
	require.Equal(t, log{"b", "a"}, l)
}

func TestAuditSuspendsTheChosenThread(t *testing.T) {
	c := &asker{answers: []int{0, 1}}
	s := newTest(t, Config{Chooser: c})
	var l log
	s.Spawn("a", func(th *Thread) { th.TrapPoint("x"); l.add("a") })
	b := s.Spawn("b", func(*Thread) { l.add("b") })
	s.AfterStep(func() {
		if s.Steps() == 1 {
			b.Suspend()
		}
		checkLists(t, s)
	})
	idle(t, s)
	require.Equal(t, log{"a"}, l)
	b.Resume()
	idle(t, s)
	require.Equal(t, log{"a", "b"}, l)
}
