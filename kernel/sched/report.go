package sched

import (
	"fmt"
	"strings"
)

// BlockedThread is one thread in a wait.
type BlockedThread struct {
	Thread *Thread
	Wait   Wait
	Since  uint64 // the step in which the wait began
}

// Blocked is the threads in a wait, daemons included, in id order.
func (s *Scheduler) Blocked() []BlockedThread {
	var bs []BlockedThread
	for t := range s.Threads() {
		if t.state == Blocked {
			bs = append(bs, BlockedThread{t, t.wait, t.since})
		}
	}
	return bs
}

// String says who waits for what, held by whom, since when.
func (b BlockedThread) String() string {
	var w strings.Builder
	fmt.Fprintf(&w, "%v waits for ", b.Thread)
	switch {
	case b.Wait.What == nil:
		w.WriteString(b.Wait.Kind.String())
	case b.Wait.Kind == WaitEvent:
		w.WriteString("event " + b.Wait.What.WaitName())
	case b.Wait.Kind == WaitPortSend:
		w.WriteString("room in the queue of " + b.Wait.What.WaitName())
	case b.Wait.Kind == WaitPortReceive:
		w.WriteString("a message on " + b.Wait.What.WaitName())
	default:
		w.WriteString(b.Wait.What.WaitName())
	}
	if b.Wait.A != 0 {
		fmt.Fprintf(&w, " at %#x", b.Wait.A)
	}
	if h, ok := b.Wait.What.(interface{ HeldBy() string }); ok {
		if who := h.HeldBy(); who != "" {
			fmt.Fprintf(&w, ", held by %s", who)
		}
	}
	if b.Wait.Deadline != 0 {
		fmt.Fprintf(&w, ", until %d ns", b.Wait.Deadline)
	}
	if b.Thread.Killed() && !b.Wait.Interruptible {
		w.WriteString(", killed but not interruptible")
	}
	if b.Thread.Suspended() {
		w.WriteString(", suspended")
	}
	fmt.Fprintf(&w, ", since step %d", b.Since)
	return w.String()
}

// DeadlockReport is the state of s as text: threads that wait, threads that are suspended, then daemons
// and abandoned threads, which are no deadlock.
func DeadlockReport(s *Scheduler) string {
	var stuck, suspended, daemons []string
	for t := range s.Threads() {
		switch b := (BlockedThread{t, t.wait, t.since}); {
		case t.state == Blocked && t.daemon:
			daemons = append(daemons, b.String())
		case t.state == Blocked:
			stuck = append(stuck, b.String())
		case t.Suspended():
			suspended = append(suspended, fmt.Sprintf("%v, suspend count %d", t, t.suspended))
		}
	}
	var abandoned []string
	for _, t := range s.abandoned {
		abandoned = append(abandoned, t.String())
	}
	var w strings.Builder
	fmt.Fprintf(&w, "step %d, time %d ns\n", s.steps, s.now)
	section(&w, "blocked", stuck)
	section(&w, "suspended", suspended)
	section(&w, "daemons", daemons)
	section(&w, "abandoned after a kill", abandoned)
	return w.String()
}

func section(w *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", title)
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\n", l)
	}
}
