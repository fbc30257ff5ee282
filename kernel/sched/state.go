package sched

import "machvm/kernel/trace"

// State is where a thread is. Suspension is counted beside it: a Ready thread that is suspended is not on
// the ready list.
//
//	          makeNew          makeRunning
//	(spawned) -------> Ready -------------> Running ----makeGone----> Dead or Abandoned
//	                     ^                     | |
//	                     |------makeReady------| | makeBlocked
//	                     |                       v
//	                     +------makeReady----- Blocked
//
// Shutdown takes every state to Dead: through Running if the thread has a coroutine to unwind.
type State uint8

const (
	Ready     State = iota // could run; on the ready list unless suspended
	Running                // the current thread
	Blocked                // in a wait
	Dead                   // ended
	Abandoned              // was told of its death too often and will not run again
)

func (s State) String() string {
	return [...]string{"ready", "running", "blocked", "dead", "abandoned"}[s]
}

func (s State) gone() bool { return s >= Dead }

// State is where t is now.
func (t *Thread) State() State { return t.state }

func (t *Thread) makeNew() {
	t.sched.live.push(t)
	t.enqueue()
}

// enqueue puts a Ready thread at the tail of the ready list, unless it is suspended.
func (t *Thread) enqueue() {
	if t.flags&held == 0 {
		t.sched.ready.push(t)
	}
}

// makeReady ends a wait, or a turn that could have gone on.
func (t *Thread) makeReady() {
	t.state = Ready
	t.enqueue()
}

// makeNext makes t ready and the one to run next, without a further choice.
func (t *Thread) makeNext() {
	t.state = Ready
	t.sched.decide(t)
}

// decide puts t, which is Ready, at the front of the ready list.
func (s *Scheduler) decide(t *Thread) {
	if t.queue != nil {
		t.queue.remove(t)
	}
	s.ready.pushFront(t)
	s.decided = t
}

func (t *Thread) makeRunning() {
	t.state = Running
	t.sched.setCurrent(t)
}

// makeBlocked begins a wait in q, which may be nil.
func (t *Thread) makeBlocked(q *Queue, w Wait) {
	t.state, t.wait, t.since = Blocked, w, t.sched.steps
	if q != nil {
		q.push(t)
	}
	if w.Deadline != 0 {
		t.sched.arm(&t.timer, w.Deadline)
	}
	t.emitBlock()
}

// leaveWait takes a Blocked or Ready thread off its queue and timer.
func (t *Thread) leaveWait() {
	if t.queue != nil {
		t.queue.remove(t)
	}
	t.timer.Cancel()
	t.wait = Wait{}
}

// makeGone is the end of a thread: Dead or Abandoned.
func (t *Thread) makeGone(s State) {
	t.leaveWait()
	t.state = s
	t.sched.live.remove(t)
	t.emit(trace.ThreadExit)
}

// notifyExit calls the OnExit functions once.
func (t *Thread) notifyExit() {
	fs := t.onExit
	t.onExit = nil
	for _, f := range fs {
		f(t)
	}
}

// rehold recomputes whether suspension holds t, and moves a Ready thread on or off the ready list.
func (t *Thread) rehold() {
	t.sched.Touch(ResourceThread, uint64(t.id), true)
	was := t.flags & held
	t.flags &^= held
	if t.suspended > 0 && t.flags&(killed|doomed) == 0 {
		t.flags |= held
	}
	if t.state != Ready || t.flags&held == was {
		return
	}
	if was == 0 {
		t.queue.remove(t)
	} else {
		t.enqueue()
	}
}
