package sched

import (
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// reasons is how the trace calls each kind of wait.
var reasons = [...]trace.Wait{
	WaitEvent: trace.WaitNone, WaitPage: trace.WaitPage, WaitObject: trace.WaitObject, WaitReady: trace.WaitObject,
	WaitTerminating: trace.WaitPort, WaitMemory: trace.WaitMemory, WaitMap: trace.WaitEntry,
	WaitMapSpace: trace.WaitSpace, WaitPortSend: trace.WaitQueue, WaitPortReceive: trace.WaitMessage,
	WaitTimer: trace.WaitTime, WaitThread: trace.WaitThread, WaitLink: trace.WaitNone,
}

// code is how the trace shows that a wait of w's kind ended with r.
func (w *Wait) code(r Result) mach.Return {
	switch {
	case r == Interrupted:
		return mach.KernAborted
	case r == TimedOut && w.Kind == WaitPortSend:
		return mach.SendTimedOut
	case r == TimedOut && w.Kind == WaitPortReceive:
		return mach.RcvTimedOut
	}
	return mach.KernSuccess
}

// reason is what t waits for, in the terms of the trace.
func (w *Wait) reason() (why trace.Wait, id uint64) {
	if int(w.Kind) < len(reasons) {
		why = reasons[w.Kind]
	}
	if n, ok := w.What.(interface{ WaitID() uint64 }); ok {
		id = n.WaitID()
	}
	return why, id
}

// traced reports whether events of threads are wanted. What Shutdown does to threads is no event.
func (s *Scheduler) traced() bool { return s.tracer.On(trace.KindThread) && !s.down }

func (t *Thread) emit(op trace.ThreadOp) {
	if t.sched.traced() {
		trace.Emit(t.sched.tracer, trace.Thread{Op: op, Subject: t.id, Task: t.task})
	}
}

func (t *Thread) emitBlock() {
	if t.sched.traced() {
		why, id := t.wait.reason()
		trace.Emit(t.sched.tracer, trace.Thread{Op: trace.ThreadBlock, Subject: t.id, Task: t.task, Reason: why, What: id})
	}
}

func (t *Thread) emitWake(r Result) {
	if t.sched.traced() {
		why, id := t.wait.reason()
		trace.Emit(t.sched.tracer, trace.Thread{Op: trace.ThreadWake, Subject: t.id, Task: t.task, Reason: why, What: id, Code: t.wait.code(r)})
	}
}

func (s *Scheduler) emitChoice(p choice.Point, i int) {
	if s.tracer.On(trace.KindChoice) {
		trace.Emit(s.tracer, trace.Choice{
			Sort: trace.ShortOf(p.Kind.String()), Point: trace.ShortOf(p.Name), Index: uint32(i), Width: uint32(p.Width),
		})
	}
}
