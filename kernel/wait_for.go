package kernel

import (
	"fmt"
	"slices"
	"strings"

	"machvm/ipc"
	"machvm/kernel/sched"
)

// WaitFor says who waits for whom: every program that waits, for which page, port, reply or memory, since which step;
// under it who holds that, and what those wait for in turn. It ends with the circles, if there are any, and with
// threads that were not woken although what they wait for has come.
func (s *Simulation) WaitFor() string {
	g := waitGraph{sim: s, shown: map[*sched.Thread]bool{}}
	for _, b := range s.sched.Blocked() {
		if !b.Thread.Daemon() && !g.shown[b.Thread] {
			g.thread(b.Thread, 1, nil)
		}
	}
	if g.text.Len() == 0 {
		return ""
	}
	for _, c := range g.circles {
		fmt.Fprintf(&g.text, "  circle: %s\n", c)
	}
	for _, t := range s.LostWakeups() {
		fmt.Fprintf(&g.text, "  lost wake-up: %v waits for what has come\n", t)
	}
	return "who waits for whom:\n" + g.text.String()
}

// LostWakeups lists the threads that wait although what they wait for has come, in id order. There are some in the
// middle of a step; none should be left when nothing can run.
func (s *Simulation) LostWakeups() (lost []*sched.Thread) {
	for _, b := range s.sched.Blocked() {
		if w, ok := b.Wait.What.(interface{ WaitOver(sched.Wait) bool }); ok && w.WaitOver(b.Wait) {
			lost = append(lost, b.Thread)
		}
	}
	return lost
}

// waitGraph is a report under construction.
type waitGraph struct {
	sim     *Simulation
	text    strings.Builder
	shown   map[*sched.Thread]bool
	circles []string
}

// thread writes what t waits for, and who holds it. path is the threads on whose account it is asked, the first of
// all first.
func (g *waitGraph) thread(t *sched.Thread, depth int, path []*sched.Thread) {
	pad := strings.Repeat("  ", depth)
	wait, waits := t.Waiting()
	switch at := slices.Index(path, t); {
	case at >= 0:
		names := ""
		for _, p := range path[at:] {
			names += p.Name() + " -> "
		}
		if names += t.Name(); !slices.Contains(g.circles, names) {
			g.circles = append(g.circles, names)
		}
		fallthrough
	case g.shown[t]:
		fmt.Fprintf(&g.text, "%s%v, see above\n", pad, t)
		return
	case !waits:
		fmt.Fprintf(&g.text, "%s%v, which is %v\n", pad, t, t.State())
		return
	}
	g.shown[t] = true
	fmt.Fprintf(&g.text, "%s%v\n", pad, sched.BlockedThread{Thread: t, Wait: wait, Since: t.BlockedSince()})
	path = append(path, t)
	for _, h := range g.holders(wait) {
		fmt.Fprintf(&g.text, "%s  %s\n", pad, h.what)
		for _, next := range h.threads {
			g.thread(next, depth+2, path)
		}
	}
}

// holder is somebody who could end a wait: the threads of a task, or words.
type holder struct {
	what    string
	threads []*sched.Thread
}

// holders is who could end a wait.
func (g *waitGraph) holders(w sched.Wait) (list []holder) {
	switch what := w.What.(type) {
	case *ipc.Port:
		return g.atPort(what, w.Kind)
	case *ipc.PortSet:
		for _, p := range what.Ports() {
			list = append(list, g.atPort(p, w.Kind)...)
		}
	case *Task:
		list = append(list, g.task(what.id, "to end"))
	case *Thread:
		list = append(list, holder{"to end", []*sched.Thread{what.th}})
	case interface{ ManagerPort() *ipc.Port }:
		if p := what.ManagerPort(); p != nil {
			list = append(list, g.receiver(p, "to be answered by"))
		}
	}
	return list
}

// atPort is who could end a wait at a port: its receiver makes room, those who have rights send.
func (g *waitGraph) atPort(p *ipc.Port, kind sched.WaitKind) (list []holder) {
	if kind == sched.WaitPortSend {
		return []holder{g.receiver(p, "to be received by")}
	}
	tasks, others := p.SenderTasks()
	for _, id := range tasks {
		list = append(list, g.task(id, fmt.Sprintf("%v can be sent to by", p)))
	}
	carriers := p.Carriers()
	for _, at := range carriers {
		list = append(list, g.receiver(at, fmt.Sprintf("a right for %v lies in the queue of %v, to be received by", p, at)))
	}
	switch {
	case others && len(carriers) == 0:
		list = append(list, holder{what: fmt.Sprintf("%v can be sent to by a kernel", p)})
	case len(list) == 0:
		list = append(list, holder{what: fmt.Sprintf("nobody has a right to send to %v", p)})
	}
	return list
}

func (g *waitGraph) receiver(p *ipc.Port, what string) holder {
	if id := p.ReceiverTask(); id != 0 {
		return g.task(id, what)
	}
	return holder{what: fmt.Sprintf("%s %s", what, p.HeldBy())}
}

func (g *waitGraph) task(id uint32, what string) holder {
	for _, h := range g.sim.hosts {
		for t := h.tasks.first; t != nil; t = t.next {
			if t.id != id {
				continue
			}
			list := holder{what: what + " " + t.name}
			for x := t.threads.first; x != nil; x = x.next {
				list.threads = append(list.threads, x.th)
			}
			if len(list.threads) == 0 {
				list.what += ", which has no thread"
			}
			return list
		}
	}
	return holder{what: fmt.Sprintf("%s task %d, which is gone", what, id)}
}

// Why is what a thread waits for and who holds that, as WaitFor says it; it is "" for one that does not wait.
func (s *Simulation) Why(t *sched.Thread) string {
	if _, waits := t.Waiting(); !waits {
		return ""
	}
	g := waitGraph{sim: s, shown: map[*sched.Thread]bool{}}
	g.thread(t, 0, nil)
	for _, c := range g.circles {
		fmt.Fprintf(&g.text, "circle: %s\n", c)
	}
	return g.text.String()
}
