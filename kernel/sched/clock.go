package sched

import (
	"container/heap"
	"fmt"
	"math"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
)

// Now is the virtual time, in nanoseconds since the scheduler was made. It moves by Spend, and jumps to
// the next deadline when nothing can run.
func (s *Scheduler) Now() mach.Time { return s.now }

// Spend moves the virtual clock on by the cost of something. Timers that become due fire at the end of
// the step.
func (s *Scheduler) Spend(d mach.Time) {
	s.Touch(ResourceEverything, 0, true)
	s.setNow(s.After(d))
	if s.timerDue() {
		s.refence()
	}
}

func (s *Scheduler) setNow(now mach.Time) {
	s.now = now
	s.tracer.SetTime(now)
}

// After is the time d from now, or the end of time if that is sooner.
func (s *Scheduler) After(d mach.Time) mach.Time {
	if s.now > math.MaxUint64-d {
		return math.MaxUint64
	}
	return s.now + d
}

// Timer is one pending call. A Timer is made by At.
type Timer struct {
	when   mach.Time
	seq    uint64 // order of arming, which decides between equal times
	slot   int    // 1 + place in the heap; 0: not armed
	sched  *Scheduler
	thread *Thread // whose wait times out
	call   func()  // used when thread is nil
}

// At calls f between two steps, as soon as the time is when or later. f may wake threads but not block.
// Timers of equal time fire in the order of their making, unless the chooser decides otherwise.
func (s *Scheduler) At(when mach.Time, f func()) *Timer {
	tm := &Timer{call: f}
	s.arm(tm, when)
	return tm
}

// Cancel takes the timer back; it reports false if it has fired or was cancelled before.
func (tm *Timer) Cancel() bool {
	if tm.slot == 0 {
		return false
	}
	heap.Remove(&tm.sched.timers, tm.slot-1)
	return true
}

// When is the time the timer is, or was, set to.
func (tm *Timer) When() mach.Time { return tm.when }

// Sleep waits interruptibly until d has passed: the result is TimedOut or Interrupted. A sleep of 0 is a
// Yield.
func (t *Thread) Sleep(d mach.Time) Result {
	if d == 0 {
		t.Yield()
		return TimedOut
	}
	return t.Block(nil, Wait{Kind: WaitTimer, Interruptible: true, Deadline: t.sched.After(d)})
}

func (s *Scheduler) arm(tm *Timer, when mach.Time) {
	s.Touch(ResourceEverything, 0, true) // when it fires depends on everything
	s.armed++
	tm.sched, tm.when, tm.seq = s, when, s.armed
	heap.Push(&s.timers, tm)
	if when <= s.now {
		s.refence()
	}
}

func (s *Scheduler) timerDue() bool { return len(s.timers) > 0 && s.timers[0].when <= s.now }

// nextTimer takes the timer to fire off the heap: the earliest, and among equals the chooser's.
func (s *Scheduler) nextTimer() *Timer {
	tm := heap.Pop(&s.timers).(*Timer)
	if s.greedy || len(s.timers) == 0 || s.timers[0].when != tm.when {
		return tm
	}
	s.ties = append(s.ties[:0], tm)
	for len(s.timers) > 0 && s.timers[0].when == tm.when {
		s.ties = append(s.ties, heap.Pop(&s.timers).(*Timer))
	}
	i := s.ask(choice.Point{Kind: choice.KindTimer, Name: "timer", Width: len(s.ties), Labeler: (*timerOptions)(s)})
	chosen := s.ties[i]
	for _, other := range s.ties {
		if other != chosen {
			heap.Push(&s.timers, other)
		}
	}
	clear(s.ties)
	return chosen
}

func (s *Scheduler) fire(tm *Timer) {
	if s.observer != nil {
		s.observer.Step(nil)
	}
	s.Touch(ResourceEverything, 0, true)
	if tm.thread != nil {
		tm.thread.Wake(TimedOut)
	} else {
		tm.call()
	}
}

// timerOptions labels the choice between timers of equal time.
type timerOptions Scheduler

// ChoiceLabel names the sleeping thread, or the timer by its number.
func (o *timerOptions) ChoiceLabel(i int) string {
	tm := o.ties[i]
	if tm.thread != nil {
		return tm.thread.name
	}
	return fmt.Sprintf("timer %d", tm.seq)
}

// timerHeap is a heap of timers by time and order of arming.
type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	return h[i].when < h[j].when || h[i].when == h[j].when && h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i+1, j+1
}

func (h *timerHeap) Push(x any) {
	tm := x.(*Timer)
	*h = append(*h, tm)
	tm.slot = len(*h)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	tm := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	tm.slot = 0
	return tm
}
