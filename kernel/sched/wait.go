package sched

import "machvm/kernel/mach"

// WaitKind is what sort of event a thread waits for.
type WaitKind uint8

const (
	WaitEvent       WaitKind = iota // something without a kind of its own
	WaitPage                        // a busy or absent page
	WaitObject                      // an event of a memory object, such as paging in progress
	WaitReady                       // a manager that has not yet declared its object ready
	WaitTerminating                 // a pager port whose object is being terminated
	WaitMemory                      // a free page
	WaitMap                         // a map entry in transition
	WaitMapSpace                    // room in a map
	WaitPortSend                    // room in a port's queue
	WaitPortReceive                 // a message on a port or port set
	WaitTimer                       // a time
	WaitThread                      // the end or stop of another thread
	WaitLink                        // an event between hosts
)

func (k WaitKind) String() string {
	names := [...]string{"event", "page", "object", "ready", "terminating port", "memory", "map", "map space",
		"port send", "port receive", "timer", "thread", "link"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Describer says what a wait is for, in reports. It may also have the methods HeldBy() string, which names
// who would end the wait, and WaitID() uint64, the id of the port, object or thread in the trace.
type Describer interface{ WaitName() string }

// Wait describes one wait.
type Wait struct {
	Kind WaitKind
	What Describer // what is waited for; may be nil
	A    uint64    // a detail such as an offset, shown if not 0
	// Interruptible lets Abort and Kill end the wait.
	Interruptible bool
	// Mortal lets Kill end the wait, and Abort not.
	Mortal bool
	// Deadline is the virtual time at which the wait times out; 0 for never. One that has passed
	// already times out as soon as the thread has stopped.
	Deadline mach.Time
}

// Result is how a wait ended.
type Result uint8

const (
	Awakened    Result = iota // the event came
	TimedOut                  // the deadline came first
	Interrupted               // Abort or Kill
	Restart                   // what was waited for is gone: look again from the start
)

func (r Result) String() string {
	return [...]string{"awakened", "timed out", "interrupted", "restart"}[r]
}

// Block stops t, which must be the running thread, at the tail of q until it is woken; q may be nil. It
// does not look whether there is anything to wait for: that is the caller's.
//
// An interruptible wait returns Interrupted at once if an Abort is pending, which it thereby consumes, or
// if t has been killed; a mortal one in the latter case only. Any other goes on whatever happens.
func (t *Thread) Block(q *Queue, w Wait) Result {
	t.mustRun("Block")
	if t.flags != 0 && (w.Interruptible || w.Mortal && t.Killed()) && t.interrupted() {
		return Interrupted
	}
	t.makeBlocked(q, w)
	t.pause()
	return t.result
}

// Wake ends t's wait with r wherever it stands, and puts it at the tail of the ready list. It reports
// false if t is not in a wait.
func (t *Thread) Wake(r Result) bool {
	if t.state != Blocked {
		return false
	}
	t.sched.Touch(ResourceThread, uint64(t.id), true)
	t.emitWake(r)
	t.leaveWait()
	t.result = r
	t.makeReady()
	return true
}

// Waiting is the wait t is in, and whether it is in one.
func (t *Thread) Waiting() (Wait, bool) { return t.wait, t.state == Blocked }

// BlockedSince is the step in which t's wait began; it means nothing for a thread that is not Blocked.
func (t *Thread) BlockedSince() uint64 { return t.since }
