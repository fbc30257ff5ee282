package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// watchdog answers requests that managers leave unanswered: whoever waits for the page longer than patience gets
// an error, as if the manager had sent data_error. Mach has none, and a host has one only where its Config
// says so (H-1): a manager may be slow for good reasons, and what it supplies afterwards was not asked for.
//
// It is a thread of the kernel, made at the first request.
type watchdog struct {
	host     *Host
	patience mach.Time // 0: no watchdog
	thread   *sched.Thread
	asleep   sched.Queue // the thread, while nothing is requested
}

// note begins to watch the request that p stands for.
func (w *watchdog) note(p *Page) {
	if w.patience == 0 {
		return
	}
	h := w.host
	p.deadline = h.sched.After(w.patience)
	if w.thread == nil {
		w.thread = h.sched.Spawn(h.node.Name()+"/watchdog", w.run)
		w.thread.SetHost(h.node.ID())
		w.thread.SetDaemon(true)
		if h.tracer != nil {
			h.tracer.Names().Label(trace.ClassThread, uint64(w.thread.ID()), w.thread.Name())
		}
	}
	w.asleep.Wake(sched.Awakened)
}

// WaitName says what the idle watchdog waits for.
func (w *watchdog) WaitName() string { return "a request to watch" }

func (w *watchdog) run(th *sched.Thread) {
	for {
		switch next := w.look(); {
		case next == 0:
			th.Block(&w.asleep, sched.Wait{Kind: sched.WaitObject, What: w})
		default:
			th.Block(nil, sched.Wait{Kind: sched.WaitTimer, Deadline: next})
		}
		th.Drain()
	}
}

// look ends the requests that are overdue and returns when the next one will be, 0 if there is none.
func (w *watchdog) look() (next mach.Time) {
	h := w.host
	page := mach.Offset(h.pageSize)
	for o := h.firstAll; o != nil; o = o.allNext {
		if o.absentCount == 0 {
			continue
		}
		for p := o.first; p != nil; {
			following := p.mnext
			switch {
			case p.contents != pageRequested:
			case p.deadline <= h.sched.Now():
				h.stats.Overdue++
				o.fail(p.offset, p.offset+page, mach.KernMemoryError)
			case next == 0 || p.deadline < next:
				next = p.deadline
			}
			p = following
		}
	}
	return next
}
