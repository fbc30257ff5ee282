package sched

import (
	"runtime"

	"machvm/kernel/trace"
)

// AbandonAfter is how often a killed thread may go on after it was told of its death.
const AbandonAfter = 1000

// Abort ends t's wait with Interrupted if it is interruptible. Otherwise the abort stays pending, the wait
// goes on, and the next interruptible one returns Interrupted at once. One Abort is reported by one wait.
// Historic thread_abort.
func (t *Thread) Abort() {
	if t.state.gone() {
		return
	}
	t.sched.Touch(ResourceThread, uint64(t.id), true)
	t.emit(trace.ThreadAbort)
	if t.state == Blocked && t.wait.Interruptible {
		t.Wake(Interrupted)
	} else {
		t.flags |= aborted
	}
}

// AbortPending reports whether an Abort has come that no wait has reported yet.
func (t *Thread) AbortPending() bool { return t.flags&aborted != 0 }

// ClearAbort forgets a pending Abort, as at the end of the trap it was meant for.
func (t *Thread) ClearAbort() { t.flags &^= aborted }

// Kill is an Abort for good: t is Killed, every interruptible or mortal wait returns Interrupted from now on,
// and suspension no longer holds it. Other waits go on. The owner ends the thread at its trap
// boundary with Exit.
func (t *Thread) Kill() {
	if t.state.gone() {
		return
	}
	t.emit(trace.ThreadKill)
	t.flags |= killed
	t.rehold()
	if t.state == Blocked && (t.wait.Interruptible || t.wait.Mortal) {
		t.Wake(Interrupted)
	}
}

// Killed reports whether Kill or Exit has been called.
func (t *Thread) Killed() bool { return t.flags&killed != 0 }

// Exit ends t, which must be the running thread: it unwinds the stack, running deferred functions, and
// does not return.
func (t *Thread) Exit() {
	t.mustRun("Exit")
	t.flags |= killed
	t.rehold()
	panic(unwinding{})
}

// interrupted reports whether an interruptible wait must not begin, and consumes a pending abort.
func (t *Thread) interrupted() bool {
	if t.flags&killed != 0 {
		t.noteDeath()
		return true
	}
	if t.flags&aborted != 0 {
		t.flags &^= aborted
		return true
	}
	return false
}

// noteDeath counts that a killed thread is told so once more, and abandons one that does not listen.
func (t *Thread) noteDeath() {
	if t.flags&killed == 0 {
		return
	}
	if t.told++; t.told > AbandonAfter {
		t.abandon()
	}
}

// abandon stops t for good. Its stack stays, to be unwound by Shutdown.
func (t *Thread) abandon() {
	t.makeGone(Abandoned)
	t.sched.abandoned = append(t.sched.abandoned, t)
	t.sched.tracer.Note(trace.NoteInfo, t.String()+" goes on after its death and is abandoned")
	t.notifyExit()
	t.pause()
}

// Abandoned is the threads that went on and on after they were killed, in the order they were given up.
// They do not run again and are not among Threads.
func (s *Scheduler) Abandoned() []*Thread { return s.abandoned }

// unwind takes a doomed thread off its stack. What catches that panic and goes on as often as a thread may
// after a kill is ended by runtime.Goexit, which cannot be caught.
func (t *Thread) unwind() {
	if t.told++; t.told > AbandonAfter {
		runtime.Goexit()
	}
	panic(unwinding{})
}

// Shutdown unwinds every thread, whatever its state, in id order, the abandoned last. Deferred functions
// run; OnExit functions and deferred destruction do not. No goroutine of the scheduler is left afterwards,
// but for the idle ones of a Pool that was handed in, and nothing runs any more. It must not be called
// inside Run. A panic that comes out of a deferred function is kept as Failure.
func (s *Scheduler) Shutdown() {
	if s.running {
		panic("sched: Shutdown called inside Run")
	}
	s.down, s.observer = true, nil
	for s.live.head != nil {
		s.doom(s.live.head)
	}
	for _, t := range s.abandoned {
		s.doom(t)
	}
	for len(s.timers) > 0 {
		s.timers[0].Cancel()
	}
	if s.ownPool {
		s.pool.Close()
	}
}

// doom ends one thread.
func (s *Scheduler) doom(t *Thread) {
	t.flags |= doomed
	t.rehold()
	if t.co == nil {
		if !t.state.gone() {
			t.makeGone(Dead)
		}
		return
	}
	if t.state != Abandoned {
		t.leaveWait()
		t.makeRunning()
	}
	s.setCurrent(t)
	defer func() {
		s.setCurrent(nil)
		// forced comes from the base frame of a thread that had to be ended the hard way.
		if p := recover(); p != nil && p != any(forced{}) {
			panic(p)
		}
	}()
	s.resume(t)
}
