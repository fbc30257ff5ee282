package trace

import (
	"strings"

	"machvm/kernel/mach"
)

// HabitsSize is how many bytes of its habits a HostEvent holds.
const HabitsSize = 128

// Habits is a part of what a personality says of itself. Zero bytes end it.
type Habits [HabitsSize]byte

func (h Habits) String() string { return textOf(h[:]) }

// HostEvent says that a kernel has started, and what its habits are: a preset's name and the fields that differ
// from it. What does not fit continues in the next event, whose Part is one more; Last ends it.
type HostEvent struct {
	PageSize mach.Size
	Subject  uint16 `name:"host"`
	Part     uint8
	Last     bool
	Habits   Habits
}

// Kind is KindHost.
func (HostEvent) Kind() Kind { return KindHost }

func (h HostEvent) line(w *writer) {
	w.mark("--").name(ClassHost, uint64(h.Subject)).str(" starts with pages of ").hex(uint64(h.PageSize)).str(" bytes: ")
	w.str(h.Habits.String())
	w.when(!h.Last, " ...")
}

// Boot emits the events of a kernel that has started.
func (t *Tracer) Boot(host uint16, pageSize mach.Size, habits string) {
	if !t.On(KindHost) {
		return
	}
	e := HostEvent{PageSize: pageSize, Subject: host}
	for !e.Last {
		cut := len(habits)
		if cut > HabitsSize {
			cut = strings.LastIndexByte(habits[:HabitsSize], ' ')
		}
		e.Habits, e.Last = Habits{}, cut == len(habits)
		copy(e.Habits[:], habits[:cut])
		habits = strings.TrimPrefix(habits[cut:], " ")
		Emit(t, e)
		e.Part++
	}
}
