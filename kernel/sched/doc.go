// Package sched answers three questions: who runs, who waits, what time is it? Threads are coroutines
// under one deterministic scheduler with a virtual clock; the package knows nothing of Mach objects.
//
//	scheduler.go  Scheduler: configuration, the run loop, outcomes, Stop, the audit hook
//	thread.go     Thread: identity, OnExit, suspension
//	state.go      the states of a thread and every transition between them
//	point.go      where a thread may be switched away: TrapPoint, Preempt, Yield, and the choice at a block
//	wait.go       Block, Wait, Result, waking
//	queue.go      Queue: the intrusive FIFO that waiters and ready threads stand in
//	death.go      Abort, Kill, Exit, abandonment, Shutdown
//	coroutine.go  the coroutine under a thread, its base frame, Pool, PanicError
//	clock.go      virtual time, timers, Sleep
//	reap.go       deferred destruction, run by a thread's outermost caller
//	report.go     blocked threads and the deadlock report
//	touch.go      what a step touches, for those who want to know which steps commute
//	inject.go     faults that a run may be made to have
//	arena.go      structures that are taken back all at once
//	digest.go     Digest: a hash of state
//	trace.go      the events this package emits
//
// Exactly one thread runs at a time and only the scheduler decides which, so what Mach guards with
// locks is atomic between two points where a thread may stop. A function that may block takes the
// *Thread as its first parameter; one that does not take it cannot block. After a call that may block,
// whatever other threads can change must be read again.
//
// A step is one turn of a thread: from being picked, or from passing a TrapPoint, to its next TrapPoint,
// Block or Yield. The firing of one timer is a step too. Steps are counted alike whether or not a chooser
// or an audit looks on, so that step numbers mean the same in every run of a schedule.
//
// With the default chooser the ready list is first-in-first-out, a thread runs on through its trap and
// preemption points, and no choice point is built. Any other chooser is asked wherever more than one
// thing could happen next; an option list is always in ready order, with the running thread in front
// where it could run on.
//
// Everything here is for one goroutine at a time. Nothing is shared between schedulers but a Pool that
// their owner hands to one after the other.
package sched
