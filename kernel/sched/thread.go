package sched

import (
	"fmt"
	"iter"

	"machvm/kernel/trace"
)

// Thread is one simulated thread: a coroutine that runs only when the scheduler picks it.
type Thread struct {
	// Local is whatever the owner hangs on the thread; the scheduler never looks at it.
	Local any
	// Reap is the destruction this thread still owes; see Drain.
	Reap Reap
	// Handoff and Word carry what a waker gives the thread it wakes, such as a message that goes
	// directly to its receiver. The woken thread takes it and clears it.
	Handoff any
	Word    uint64
	// Seen is what whoever tells states apart wants to know about the way of the thread to where it is.
	Seen Digest

	// Immutable.
	sched *Scheduler
	id    uint32
	body  func(*Thread)

	name   string
	host   uint16 // with task, for the trace
	task   uint32
	daemon bool
	onExit []func(*Thread)
	co     *coroutine // nil before the first step and after the last

	// Owned by state.go.
	state      State
	next, prev *Thread // neighbours in queue
	queue      *Queue  // where the thread stands: a wait queue, the ready list, or nil
	newer      *Thread // neighbours among the live threads
	older      *Thread

	// The wait under way, or the result of the last.
	wait   Wait
	since  uint64
	result Result
	timer  Timer

	deep   bool   // observed, and touching all of the kernel since its last TrapPoint
	deepIn uint64 // likewise, the memory of a host

	flags     flags
	suspended int
	told      int // times the thread was told of its death and went on
}

// flags are what a thread must notice at its next point or wait.
type flags uint8

const (
	aborted flags = 1 << iota // Abort came and no wait has reported it yet
	killed                    // Kill or Exit
	held                      // suspended, and not killed
	doomed                    // Shutdown: unwind, whatever it is doing
)

// Spawn makes a thread that will run body and puts it at the tail of the ready list. Ids count from 1 in
// the order of spawning. The thread enters the trace with its first step, so that host, task and name can
// be set before. After Shutdown it never runs.
func (s *Scheduler) Spawn(name string, body func(*Thread)) *Thread {
	s.lastID++
	s.Touch(ResourceIDs, 0, true)
	t := s.threads.New()
	*t = Thread{sched: s, id: s.lastID, name: name, body: body}
	t.timer.thread = t
	t.makeNew()
	return t
}

// Scheduler is the scheduler that runs t.
func (t *Thread) Scheduler() *Scheduler { return t.sched }

// ID is the thread's number, from 1, never used again.
func (t *Thread) ID() uint32 { return t.id }

// Name is the thread's name; names need not be unique.
func (t *Thread) Name() string { return t.name }

// SetName renames the thread. Schedules are labelled with names, so rename before it first runs.
func (t *Thread) SetName(name string) { t.name = name }

// Host is the number of the host the thread belongs to, for the trace.
func (t *Thread) Host() uint16 { return t.host }

// SetHost sets the host number.
func (t *Thread) SetHost(h uint16) {
	t.host = h
	if t.sched.current == t {
		t.sched.setCurrent(t)
	}
}

// Task is the number of the task the thread belongs to, for the trace.
func (t *Thread) Task() uint32 { return t.task }

// SetTask sets the task number.
func (t *Thread) SetTask(id uint32) { t.task = id }

// Daemon reports whether t is a service thread, whose waiting is no deadlock.
func (t *Thread) Daemon() bool { return t.daemon }

// SetDaemon makes t a service thread, or an ordinary one.
func (t *Thread) SetDaemon(daemon bool) { t.daemon = daemon }

func (t *Thread) String() string { return fmt.Sprintf("thread %d %q", t.id, t.name) }

// OnExit adds a function that is called when t has ended or was abandoned: in order of addition, with t
// already Dead or Abandoned and off the list of threads. It runs as t's last act and may wake threads but
// not block. It is called at once if t is gone already. It is not called where the world ends with the
// thread: after a panic or runtime.Goexit, and in Shutdown.
func (t *Thread) OnExit(f func(*Thread)) {
	if t.state.gone() {
		f(t)
		return
	}
	t.onExit = append(t.onExit, f)
}

// Suspend keeps t from running until as many Resumes have come, whatever it waits for. A running thread
// that suspends itself goes on to its next TrapPoint, Block or Yield. A killed thread runs all the same,
// so that it can end.
func (t *Thread) Suspend() {
	t.suspended++
	t.emit(trace.ThreadSuspend)
	t.rehold()
}

// Resume undoes one Suspend; it reports false if there was none. A thread that was ready meanwhile goes
// to the tail of the ready list.
func (t *Thread) Resume() bool {
	if t.suspended == 0 {
		return false
	}
	t.suspended--
	t.emit(trace.ThreadResume)
	t.rehold()
	return true
}

// SuspendCount is the number of Suspends not yet undone.
func (t *Thread) SuspendCount() int { return t.suspended }

// Suspended reports whether suspension keeps t from running now.
func (t *Thread) Suspended() bool { return t.flags&held != 0 && !t.state.gone() }

// Threads is the live threads in id order, those spawned meanwhile included. The caller must not block
// inside the loop.
func (s *Scheduler) Threads() iter.Seq[*Thread] {
	return func(yield func(*Thread) bool) {
		for t := s.live.head; t != nil && yield(t); t = t.newer {
		}
	}
}

// liveList is the threads that have not ended, oldest first.
type liveList struct{ head, tail *Thread }

func (l *liveList) push(t *Thread) {
	t.older = l.tail
	if l.tail == nil {
		l.head = t
	} else {
		l.tail.newer = t
	}
	l.tail = t
}

func (l *liveList) remove(t *Thread) {
	if t.older == nil {
		l.head = t.newer
	} else {
		t.older.newer = t.newer
	}
	if t.newer == nil {
		l.tail = t.older
	} else {
		t.newer.older = t.older
	}
	t.newer, t.older = nil, nil
}
