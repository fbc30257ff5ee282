package vm

import (
	"github.com/google/btree"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Spares is what the hosts of one simulation leave to those of the next: tables of calls, structures, and the bytes of
// page frames. The zero value is empty.
type Spares struct {
	control map[mig.Form]*controlServer
	bytes   map[mach.Size]*arena

	frames  sched.Arena[frame]
	pages   sched.Arena[Page]
	objects sched.Arena[Object]
	leaves  sched.Arena[leaf]
	pmaps   sched.Arena[Pmap]

	pageNodes *btree.FreeListG[*Page]
	slots     *btree.FreeListG[slot]
	spaces    *btree.FreeListG[gap]
}

func (s *Spares) init() {
	s.control, s.bytes = map[mig.Form]*controlServer{}, map[mach.Size]*arena{}
	s.pageNodes = newPageNodes()
	s.slots = btree.NewFreeListG[slot](btree.DefaultFreeListSize)
	s.spaces = btree.NewFreeListG[gap](btree.DefaultFreeListSize)
}

// Reclaim takes everything back. The hosts that use it must not run any more.
func (s *Spares) Reclaim() {
	for _, a := range s.bytes { // unordered: each on its own
		a.used = 0
	}
	s.frames.Reclaim()
	s.pages.Reclaim()
	s.objects.Reclaim()
	s.leaves.Reclaim()
	s.pmaps.Reclaim()
}

// server is the table of control calls in a form.
func (s *Spares) server(f mig.Form) *controlServer {
	if s.control[f] == nil {
		s.control[f] = newControlServer(f)
	}
	return s.control[f]
}

// arena is page buffers of one size: the first of them, as many as are used, belong to the hosts of the present
// simulation.
type arena struct {
	buffers [][]byte
	used    int
	zeros   []byte // never written
}

func (s *Spares) arena(size mach.Size) *arena {
	if s.bytes[size] == nil {
		s.bytes[size] = &arena{zeros: make([]byte, size)}
	}
	return s.bytes[size]
}

// buffer is one page of any contents.
func (a *arena) buffer() []byte {
	if a.used == len(a.buffers) {
		a.buffers = append(a.buffers, make([]byte, len(a.zeros)))
	}
	a.used++
	return a.buffers[a.used-1]
}
