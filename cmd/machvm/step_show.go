package main

import (
	"fmt"
	"strings"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// show prints a part of the machine.
func (w *walk) show(what, rest string) {
	switch what {
	case "t", "threads":
		w.showThreads()
	case "w", "why":
		w.showWhy(rest)
	case "maps":
		w.showTasks(rest, func(t *kernel.Task) string { return t.Map().Describe() })
	case "rights":
		w.showTasks(rest, func(t *kernel.Task) string { return t.Space().Describe() })
	case "objects":
		for _, h := range w.sim.Hosts() {
			fmt.Fprintf(w.out, "objects of %s\n%s", h.Name(), indented(h.VM().DescribeObjects()))
		}
	case "queues":
		w.showQueues()
	case "machine":
		fmt.Fprint(w.out, w.sim.Describe())
	case "events":
		if n, ok := w.number(rest, lastEvents); ok {
			// Writing to a terminal or a pipe that is gone is nothing to speak of.
			_ = w.sim.Tracer().Dump(w.out, &trace.Timeline{Names: w.sim.Tracer().Names(), Level: trace.Full}, int(n))
		}
	case "schedule":
		for i, s := range w.choices.Schedule.Steps {
			fmt.Fprintf(w.out, "%4d %v\n", i+1, s)
		}
		if w.replay != nil {
			fmt.Fprintf(w.out, "the schedule has %d choices\n", len(w.replay.Steps))
		}
	default:
		fmt.Fprintf(w.out, "%q: there is no such command; help lists them\n", what)
	}
}

func (w *walk) showThreads() {
	for t := range w.sim.Sched().Threads() {
		if wait, waits := t.Waiting(); waits {
			fmt.Fprintln(w.out, sched.BlockedThread{Thread: t, Wait: wait, Since: t.BlockedSince()})
		} else {
			fmt.Fprintf(w.out, "%v: %v\n", t, t.State())
		}
	}
}

// showWhy explains the wait of a thread, which is given by its number, its name, or a part of the name.
func (w *walk) showWhy(name string) {
	var found *sched.Thread
	for t := range w.sim.Sched().Threads() {
		switch {
		case fmt.Sprint(t.ID()) == name || t.Name() == name:
			found = t
		case found == nil && name != "" && strings.Contains(t.Name(), name):
			found = t
			continue
		default:
			continue
		}
		break
	}
	if found == nil {
		fmt.Fprintf(w.out, "no thread is called %q; threads lists them\n", name)
		return
	}
	if why := w.sim.Why(found); why != "" {
		fmt.Fprint(w.out, why)
	} else {
		fmt.Fprintf(w.out, "%v does not wait: it is %v\n", found, found.State())
	}
}

func (w *walk) showTasks(name string, text func(t *kernel.Task) string) {
	shown := false
	for _, h := range w.sim.Hosts() {
		for _, t := range h.Tasks() {
			if name == "" || t.Name() == name {
				fmt.Fprint(w.out, text(t))
				shown = true
			}
		}
	}
	if !shown {
		fmt.Fprintf(w.out, "no task is called %q\n", name)
	}
}

// showQueues prints the ports at which something waits.
func (w *walk) showQueues() {
	shown := false
	names := w.sim.Tracer().Names()
	for p := range w.sim.World().Ports() {
		if p.Msgcount() == 0 && p.BlockedSenders() == 0 {
			continue
		}
		shown = true
		fmt.Fprintln(w.out, p.Describe())
		p.Queued(func(m *ipc.Kmsg) bool {
			fmt.Fprintf(w.out, "  %s from task %d\n", names.Message(p.Home().ID(), m.Message.ID), m.Sender())
			return true
		})
	}
	if !shown {
		fmt.Fprintln(w.out, "every queue is empty")
	}
}
