package sched

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

// asker is a chooser that answers from a list, then 0, and writes down every point it was asked.
type asker struct {
	answers []int
	asked   []string
}

func (a *asker) Choose(p choice.Point) int {
	s := fmt.Sprintf("%v %s:", p.Kind, p.Name)
	for i := range p.Width {
		s += " " + p.Label(i)
	}
	a.asked = append(a.asked, s)
	if len(a.answers) == 0 {
		return 0
	}
	i := a.answers[0]
	a.answers = a.answers[1:]
	return i
}

type chooserFunc func(choice.Point) int

func (f chooserFunc) Choose(p choice.Point) int { return f(p) }

// first takes the first option, but has to be asked.
func first(choice.Point) int { return 0 }

// log collects what threads did, in order.
type log []string

func (l *log) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// settled is the number of goroutines once those that are ending have ended.
func settled(want int) int {
	n := runtime.NumGoroutine()
	for range 200 {
		if n <= want {
			break
		}
		time.Sleep(time.Millisecond)
		n = runtime.NumGoroutine()
	}
	return n
}

func newTest(t testing.TB, c Config) *Scheduler {
	s := New(c)
	t.Cleanup(s.Shutdown)
	return s
}

func idle(t testing.TB, s *Scheduler) Outcome {
	t.Helper()
	o := s.Run()
	require.Equal(t, Idle, o.Kind, "%v", o)
	return o
}

// checkLists recounts the ready list and the live list.
func checkLists(t testing.TB, s *Scheduler) {
	t.Helper()
	onList := map[*Thread]bool{}
	n := 0
	for th := s.ready.head; th != nil; th = th.next {
		require.Equal(t, Ready, th.state)
		require.Same(t, &s.ready, th.queue)
		onList[th] = true
		n++
	}
	require.Equal(t, s.ready.n, n)
	id := uint32(0)
	for th := range s.Threads() {
		require.Greater(t, th.id, id)
		id = th.id
		require.False(t, th.state.gone())
		require.Equal(t, th.state == Ready && !th.Suspended(), onList[th], "%v", th)
	}
	for i, tm := range s.timers {
		require.Equal(t, i+1, tm.slot)
	}
}
