package kernel

import (
	"fmt"
	"strings"

	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Describe is the whole machine as text: every host with its tasks, threads, names, regions and objects,
// then every port with the messages in its queue. It depends on what the machine is and not on how it
// got there: steps and time are not in it, nor are the contents of memory.
func (s *Simulation) Describe() string {
	var b strings.Builder
	for _, h := range s.hosts {
		h.describe(&b)
	}
	b.WriteString("ports\n")
	names := s.tracer.Names()
	for p := range s.world.Ports() {
		fmt.Fprintf(&b, "  %s %s\n", names.Name(trace.ClassPort, p.ID()), p.Describe())
		p.Queued(func(k *ipc.Kmsg) bool {
			fmt.Fprintf(&b, "    %s from task %d, %d descriptors, %d bytes\n",
				names.Message(p.Home().ID(), k.Message.ID), k.Sender(), len(k.Message.Descs), len(k.Message.Body))
			return true
		})
	}
	return b.String()
}

func (h *Host) describe(b *strings.Builder) {
	st := h.vm.Stats()
	fmt.Fprintf(b, "host %d %q: %v, pages of %d bytes: %d free, %d active, %d inactive, %d wired\n", h.ID(), h.name,
		h.Personality(), uint64(h.vm.PageSize()), st.Free, st.Active, st.Inactive, st.Wired)
	for t := h.tasks.first; t != nil; t = t.next {
		b.WriteString(indent(t.Describe()))
	}
	b.WriteString("  objects\n")
	b.WriteString(indent(indent(h.vm.DescribeObjects())))
}

// Describe is the task as text: its threads, its names, its regions.
func (t *Task) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %v", t, t.state)
	if t.suspended > 0 {
		fmt.Fprintf(&b, ", suspended %d times", t.suspended)
	}
	b.WriteByte('\n')
	for x := t.threads.first; x != nil; x = x.next {
		fmt.Fprintf(&b, "  %s\n", x.Describe())
	}
	b.WriteString(indent(t.space.Describe()))
	b.WriteString(indent(t.vmap.Describe()))
	return b.String()
}

// Describe is the thread in one line: what it does, or waits for.
func (t *Thread) Describe() string {
	w, waits := t.th.Waiting()
	s := fmt.Sprintf("%v: %v", t.th, t.th.State())
	if waits {
		s += " for " + describeWait(w)
	}
	if n := t.th.SuspendCount(); n > 0 {
		s += fmt.Sprintf(", suspended %d times", n)
	}
	if t.th.Killed() {
		s += ", killed"
	}
	return s
}

func describeWait(w sched.Wait) string {
	s := w.Kind.String()
	if w.What != nil {
		s += " " + w.What.WaitName()
	}
	return s
}

// indent puts two spaces before every line.
func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// timeline writes the events of the simulation for people who look for a fault in it.
func (s *Simulation) timeline() *trace.Timeline {
	return &trace.Timeline{Names: s.tracer.Names(), Level: trace.Full}
}

// Unserved lists the rows of the kernel's interfaces in a message set that no routine serves: they answer
// MIG_BAD_ID. Rows that managers, default pagers, exception servers and those who asked for notifications
// serve are none of the kernel's; those of the memory control port are vm's.
func Unserved(set mig.Set) []*mig.Row {
	return newServer(mig.Form{Set: set}).unserved()
}
