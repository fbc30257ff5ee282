package monitor

import "fmt"

// Access is what a page in a kernel permits or what its threads want: none, reading, or writing.
type access uint8

const (
	accessNone access = iota
	accessRead
	accessWrite
)

const accessLetters = "nrw"

// pageModes are the six pairs of access permitted and access wanted, which is never less.
var pageModes = [...][2]access{{accessNone, accessNone}, {accessNone, accessRead}, {accessNone, accessWrite},
	{accessRead, accessRead}, {accessRead, accessWrite}, {accessWrite, accessWrite}}

// residentName is the name of a resident state: U.nr is unmodified, nothing permitted, reading wanted.
func residentName(modified bool, permitted, wanted access) string {
	c := byte('U')
	if modified {
		c = 'M'
	}
	return string([]byte{c, '.', accessLetters[permitted], accessLetters[wanted]})
}

// The states of a page that is not resident.
const (
	pageEmpty     = "E"
	pageWaitRead  = "WR"
	pageWaitWrite = "WW"
)

// kernelPageMachine is a kernel's view of one page. Figures 7 and 8 are all non-trivial images of one rule: a
// lock to access b takes any resident state to permitted = wanted = b, and a clean makes it unmodified.
func kernelPageMachine() *Machine {
	m := &Machine{
		Name:   MachineKernelPage,
		Title:  "a kernel's view of one page",
		Source: "Mach 3 Kernel Principles, figures 6 to 9",
		States: []State{
			{pageEmpty, "no page, no request outstanding"},
			{pageWaitRead, "request outstanding; read is the strongest access wanted so far"},
			{pageWaitWrite, "request outstanding; write is wanted"},
		},
		Arcs: pageInArcs,
	}
	for _, modified := range []bool{false, true} {
		for _, mode := range pageModes {
			word := "unmodified"
			if modified {
				word = "modified"
			}
			m.States = append(m.States, State{residentName(modified, mode[0], mode[1]),
				fmt.Sprintf("resident, %s, %c permitted, %c wanted", word, accessLetters[mode[0]], accessLetters[mode[1]])})
		}
	}
	m.Arcs = append(m.Arcs, lockArcs("KP-7.", false, false)...)
	m.Arcs = append(m.Arcs, lockArcs("KP-8u.", true, false)...)
	m.Arcs = append(m.Arcs, lockArcs("KP-8c.", true, true)...)
	m.Arcs = append(m.Arcs, accessArcs...)
	for _, s := range m.States[3:] {
		m.Arcs = append(m.Arcs, Arc{"KP-9.e." + s.Name[:1] + s.Name[2:], s.Name, "evict, or flush by lock_request", "", pageEmpty,
			"data_return if modified or precious and not discarded", rules("EMM-136", "EMM-137", "EMM-154", "EMM-168")})
	}
	return m
}

// lockArcs are the arcs of figure 7 or of one half of figure 8.
func lockArcs(prefix string, modified, clean bool) (arcs []Arc) {
	for _, mode := range pageModes {
		for b := accessNone; b <= accessWrite; b++ {
			from, to := residentName(modified, mode[0], mode[1]), residentName(modified && !clean, b, b)
			if from == to {
				continue
			}
			a := Arc{ID: fmt.Sprintf("%s%02d", prefix, len(arcs)+1), From: from, To: to,
				Event: fmt.Sprintf("lock to %c", accessLetters[b]), Rules: rules("EMM-173", "EMM-179")}
			switch {
			case clean:
				a.Event, a.Emits, a.Rules = a.Event+" and clean", "data_return", rules("EMM-162", "EMM-166", "EMM-173")
			case !modified:
				a.Event += ", clean or not"
			}
			arcs = append(arcs, a)
		}
	}
	return arcs
}

// pageInArcs is figure 6.
var pageInArcs = []Arc{
	{"KP-6.1", "E", "peek", "", "WR", "data_request(read)", rules("EMM-115", "EMM-119", "EMM-120")},
	{"KP-6.2", "E", "poke", "", "WW", "data_request(write)", rules("EMM-116")},
	{"KP-6.3", "WR", "poke by another thread", "not yet answered", "WW", "", rules("EMM-119", "EMM-150")},
	{"KP-6.4", "WR", "supply", "no access allowed", "U.nr", "data_unlock(read)", rules("EMM-121", "EMM-180")},
	{"KP-6.5", "WR", "supply", "read allowed", "U.rr", "", rules("EMM-121")},
	{"KP-6.6a", "WR", "data_unavailable", "", "U.ww", "", rules("EMM-138", "EMM-139")},
	{"KP-6.6b", "WR", "supply", "write allowed", "U.ww", "", rules("EMM-121", "EMM-124")},
	{"KP-6.7", "WW", "supply", "read allowed", "U.rw", "data_unlock(write)", rules("EMM-180")},
	{"KP-6.8a", "WW", "data_unavailable", "", "U.ww", "", rules("EMM-138")},
	{"KP-6.8b", "WW", "supply", "write allowed", "U.ww", "", rules("EMM-121", "EMM-124")},
	{"KP-6.9", "WW", "supply", "no access allowed", "U.nw", "data_unlock(write)", rules("EMM-180")},
	{"KP-6.10", "WR", "data_error", "", "E", "", rules("EMM-143", "EMM-146")},
	{"KP-6.11", "WW", "data_error", "", "E", "", rules("EMM-143", "EMM-146")},
}

// accessArcs are the numbered arcs of figure 9.
var accessArcs = []Arc{
	{"KP-9.1", "U.ww", "poke", "", "M.ww", "", rules("EMM-059", "EMM-156")},
	{"KP-9.2", "U.nn", "peek", "", "U.nr", "data_unlock(read)", rules("EMM-180")},
	{"KP-9.3", "U.nn", "poke", "", "U.nw", "data_unlock(write)", rules("EMM-180")},
	{"KP-9.4", "U.nr", "poke", "", "U.nw", "a new data_unlock(write)", rules("EMM-182")},
	{"KP-9.5", "M.nn", "peek", "", "M.nr", "data_unlock(read)", rules("EMM-180")},
	{"KP-9.6", "M.nn", "poke", "", "M.nw", "data_unlock(write)", rules("EMM-180")},
	{"KP-9.7", "M.nr", "poke", "", "M.nw", "a new data_unlock(write)", rules("EMM-182")},
	{"KP-9.8", "U.rr", "poke", "", "U.rw", "data_unlock(write)", rules("EMM-180")},
	{"KP-9.9", "M.rr", "poke", "", "M.rw", "data_unlock(write)", rules("EMM-180")},
}
