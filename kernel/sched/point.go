package sched

import (
	"fmt"

	"machvm/kernel/choice"
)

// TrapPoint is where a thread enters the kernel: a step ends and the next begins. The options are to run
// on, then the ready threads in order; a thread that is switched away from goes to the tail. The default
// is to run on. A suspended thread stops here. The caller looks at Killed afterwards and ends a killed
// thread; one that goes on instead is abandoned after AbandonAfter times.
func (t *Thread) TrapPoint(name string) {
	if !t.Pass() {
		t.trap(name)
	}
}

// Pass is TrapPoint where there is nothing to decide, and reports whether it was so; if not, TrapPoint is to be called.
func (t *Thread) Pass() bool {
	s := t.sched
	if t.flags == 0 && s.steps < s.fence {
		s.steps++
		return true
	}
	return false
}

func (t *Thread) trap(name string) {
	s := t.sched
	t.mustRun("TrapPoint")
	t.noteDeath()
	t.deep, t.deepIn = false, 0
	if t.flags&held != 0 {
		t.makeReady()
		t.pause()
		return
	}
	next := t.choose(choice.KindThread, name)
	if next == t && !s.looked() {
		s.refence()
		s.steps++
		if s.observer != nil {
			s.touchRunning(t)
		}
		return
	}
	t.switchTo(next)
}

// Preempt is a named preemption point inside the kernel (EMM T1, D1, T4, D5 and their like): a place where
// the originals drop their locks. The default is to run on; a schedule may switch to another ready thread,
// and then t goes to the tail of the ready list. It is no end of a step unless it switches.
func (t *Thread) Preempt(name string) {
	if t.flags&doomed == 0 && (t.sched.greedy || t.sched.ready.n == 0) {
		return
	}
	t.mustRun("Preempt")
	if next := t.choose(choice.KindPreempt, name); next != t {
		t.switchTo(next)
	} else if t.sched.observer != nil {
		t.sched.touchRunning(t)
	}
}

// Decide asks about something that is not whose turn it is, such as which fault is to be injected. Options are
// numbered from 0 and labelled in order. It is no end of a step: nobody else runs.
func (t *Thread) Decide(kind choice.Kind, name string, options []string) int {
	t.mustRun("Decide")
	if t.sched.greedy || len(options) < 2 {
		return 0
	}
	return t.sched.ask(choice.Point{Kind: kind, Name: name, Width: len(options), Labeler: labels(options)})
}

// labels labels options by their own words.
type labels []string

// ChoiceLabel is the i-th label.
func (l labels) ChoiceLabel(i int) string { return l[i] }

// Yield goes to the tail of the ready list and lets the others run.
func (t *Thread) Yield() {
	t.mustRun("Yield")
	t.noteDeath()
	t.makeReady()
	t.pause()
}

// switchTo ends t's step and makes next, t itself or a ready thread, the one to run.
func (t *Thread) switchTo(next *Thread) {
	if next == t {
		t.makeNext()
	} else {
		t.makeReady()
		t.sched.decide(next)
	}
	t.pause()
}

// choose asks who goes on where t could.
func (t *Thread) choose(kind choice.Kind, name string) *Thread {
	s := t.sched
	if s.greedy || s.ready.n == 0 {
		return t
	}
	i := s.ask(choice.Point{Kind: kind, Name: name, Width: s.ready.n + 1, Labeler: (*pointOptions)(s)})
	if i == 0 {
		return t
	}
	return s.ready.at(i - 1)
}

// pick takes the thread that runs next off the ready list, which is not empty.
func (s *Scheduler) pick() *Thread {
	t := s.ready.head
	if t != s.decided && !s.greedy && s.ready.n > 1 {
		t = s.ready.at(s.ask(choice.Point{Kind: choice.KindThread, Name: "block", Width: s.ready.n, Labeler: (*readyOptions)(s)}))
	}
	s.decided = nil
	s.ready.remove(t)
	return t
}

// ask puts a point to the chooser, and stops the scheduler if the chooser has failed.
func (s *Scheduler) ask(p choice.Point) int {
	i := choice.Ask(s.chooser, p)
	s.emitChoice(p, i)
	if s.quits != nil {
		if err := s.quits.Failed(); err != nil {
			s.Stop(err)
		}
	}
	return i
}

// readyOptions labels the choice at a block: the ready list.
type readyOptions Scheduler

// ChoiceLabel is the name of the i-th ready thread.
func (o *readyOptions) ChoiceLabel(i int) string { return o.ready.at(i).name }

// ChoiceID is the id of the i-th ready thread.
func (o *readyOptions) ChoiceID(i int) uint64 { return uint64(o.ready.at(i).id) }

// pointOptions labels the choice at a point: the current thread, then the ready list.
type pointOptions Scheduler

// ChoiceLabel is the name of the current thread for 0, else that of a ready thread.
func (o *pointOptions) ChoiceLabel(i int) string {
	if i == 0 {
		return o.current.name
	}
	return o.ready.at(i - 1).name
}

// ChoiceID is the id of the current thread for 0, else that of a ready thread.
func (o *pointOptions) ChoiceID(i int) uint64 {
	if i == 0 {
		return uint64(o.current.id)
	}
	return uint64(o.ready.at(i - 1).id)
}

// mustRun panics unless t is the running thread: only that can stop. In Shutdown it does not return.
func (t *Thread) mustRun(what string) {
	if t.flags&doomed != 0 {
		t.unwind()
	}
	if t.state != Running {
		panic(fmt.Sprintf("sched: %s of %v, which is %v: only the running thread can stop", what, t, t.state))
	}
}
