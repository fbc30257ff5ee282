package sched

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

func TestClockJumpsWhenNothingRuns(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	for _, d := range []mach.Time{30, 10, 20} {
		s.Spawn(fmt.Sprint(d), func(th *Thread) {
			require.Equal(t, TimedOut, th.Sleep(d))
			l.add("%d at %d", d, s.Now())
		})
	}
	o := idle(t, s)
	require.Equal(t, log{"10 at 10", "20 at 20", "30 at 30"}, l)
	require.EqualValues(t, 30, o.Now)
}

func TestSpendMovesTheClock(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	s.At(5, func() { l.add("timer at %d", s.Now()) })
	s.Spawn("a", func(th *Thread) {
		s.Spend(7)
		l.add("a at %d", s.Now())
		th.TrapPoint("x") // a due timer fires although the thread runs on
		l.add("a2 at %d", s.Now())
	})
	s.Spawn("b", func(*Thread) { l.add("b") })
	idle(t, s)
	require.Equal(t, log{"a at 7", "timer at 7", "a2 at 7", "b"}, l)
	s.Spend(math.MaxUint64)
	require.EqualValues(t, uint64(math.MaxUint64), s.Now(), "the clock stops at the end of time")
}

func TestTimersInOrderOfTimeThenMaking(t *testing.T) {
	s := newTest(t, Config{})
	var got []int
	when := []mach.Time{5, 3, 5, 3, 9, 0, 5}
	for i, w := range when {
		s.At(w, func() { got = append(got, i) })
	}
	idle(t, s)
	require.Equal(t, []int{5, 1, 3, 0, 2, 6, 4}, got)
	require.EqualValues(t, 9, s.Now())
	s.At(2, func() { got = append(got, 7) })
	idle(t, s)
	require.Equal(t, 7, got[7], "a time that has passed fires at once")
	require.EqualValues(t, 9, s.Now(), "and does not turn the clock back")
}

func TestCancel(t *testing.T) {
	s := newTest(t, Config{})
	var got []int
	var tms []*Timer
	for i := range 20 {
		tms = append(tms, s.At(mach.Time(i*7%11), func() { got = append(got, i) }))
	}
	require.EqualValues(t, 7, tms[1].When())
	for i := range 20 {
		if i%3 == 0 {
			require.True(t, tms[i].Cancel())
			require.False(t, tms[i].Cancel())
			checkLists(t, s)
		}
	}
	idle(t, s)
	require.Len(t, got, 13)
	require.True(t, slices.IsSortedFunc(got, func(a, b int) int {
		if c := a*7%11 - b*7%11; c != 0 {
			return c
		}
		return a - b
	}), "%v", got)
	require.False(t, tms[1].Cancel())
}

func TestTimerTiesAskTheChooser(t *testing.T) {
	c := &asker{answers: []int{0, 0, 2, 1}}
	s := newTest(t, Config{Chooser: c})
	var l log
	for _, n := range []string{"a", "b"} {
		s.Spawn(n, func(th *Thread) { th.Sleep(5); l.add("%s", n) })
	}
	s.Spawn("early", func(th *Thread) { th.Sleep(4); l.add("early") })
	s.At(5, func() { l.add("call") })
	idle(t, s)
	require.Equal(t, []string{
		"thread block: a b early",
		"thread block: b early",
		"timer timer: timer 1 a b", // b; then call or a: a
		"timer timer: timer 1 a",
		"thread block: b a",
	}, c.asked)
	require.Equal(t, log{"early", "call", "b", "a"}, l)
}

func TestSleepZeroYields(t *testing.T) {
	s := newTest(t, Config{})
	var l log
	s.Spawn("a", func(th *Thread) { require.Equal(t, TimedOut, th.Sleep(0)); l.add("a") })
	s.Spawn("b", func(*Thread) { l.add("b") })
	idle(t, s)
	require.Equal(t, log{"b", "a"}, l)
}

func TestTimerPanic(t *testing.T) {
	s := newTest(t, Config{})
	s.At(1, func() { panic("late") })
	require.ErrorContains(t, s.Run().Err, "panic before the first step: late")
}
