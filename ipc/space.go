package ipc

import (
	"fmt"
	"iter"
	"slices"

	"machvm/kernel/mach"
)

// Space is the table of one task: names to what they denote.
//
// A name is an index and a generation, index<<8 | gen. Kernel-chosen names take the index freed last, or
// the lowest never used, and step its generation by 4 (IPC-001, IPC-002). A caller's name takes its index
// if that is free and otherwise lives beside the table.
type Space struct {
	node   *Node
	label  string
	task   uint32
	token  [2]uint32
	dead   bool
	limit  int // greatest number of names
	count  int
	slots  []slot           // by index; index 0 is never used
	free   uint32           // first of the chain of free slots, 0 if none
	byPort map[*Port]*entry // lookup only: its order never shows
	chosen map[mach.Name]*entry
	beside []*entry          // the values of chosen
	owners map[uint32]*entry // the first chosen name with an index the table has not reached
}

type slot struct {
	entry *entry
	next  uint32 // chain of free slots
	prev  uint32
	gen   uint8 // of the last name generated for the index
}

const (
	firstGen = 3 // the low two bits of a generated name are always set
	genStep  = 4
	maxIndex = 1<<24 - 1
)

// NewSpace makes the space of a task. name labels it in traces and reports, task is the task's number.
func (n *Node) NewSpace(name string, task uint32) *Space {
	s := &Space{node: n, label: name, task: task, token: [2]uint32{task, 0}, limit: maxIndex,
		slots: make([]slot, 1, 8), byPort: map[*Port]*entry{}}
	n.spaces = append(n.spaces, s)
	return s
}

// Node is the kernel the space belongs to.
func (s *Space) Node() *Node { return s.node }

// Name is the label given to NewSpace.
func (s *Space) Name() string { return s.label }

// Task is the task's number.
func (s *Space) Task() uint32 { return s.task }

// Active reports whether the space has not been terminated.
func (s *Space) Active() bool { return !s.dead }

// SetToken sets the sender token that trailers of the task's messages carry. At first it is {task, 0}.
func (s *Space) SetToken(t [2]uint32) { s.token = t }

// SetLimit bounds the number of names the space may hold. Names beyond it fail with KERN_NO_SPACE, or the
// name-space bit of a receive code.
func (s *Space) SetLimit(names int) { s.limit = min(names, maxIndex) }

func (s *Space) String() string { return s.label }

// find is the entry of a live name, nil if the name denotes nothing.
func (s *Space) find(name mach.Name) *entry {
	if i := int(name >> 8); i < len(s.slots) {
		if e := s.slots[i].entry; e != nil && e.name == name {
			return e
		}
	}
	if s.chosen == nil {
		return nil
	}
	return s.chosen[name]
}

// findReceive is the entry of a name that denotes a receive right, nil otherwise.
func (s *Space) findReceive(name mach.Name) *entry {
	if e := s.find(name); e != nil && e.hasReceive() {
		return e
	}
	return nil
}

// generate makes an unused entry under a name of the kernel's choice, nil if the table is full.
func (s *Space) generate() *entry {
	if s.count >= s.limit {
		return nil
	}
	for {
		i := s.free
		if i == 0 {
			if len(s.slots) > maxIndex {
				return nil
			}
			i = uint32(len(s.slots))
			s.slots = append(s.slots, slot{gen: (firstGen - genStep) & 0xff})
			if s.adopt(i) {
				continue
			}
		} else {
			s.unchain(i)
		}
		sl := &s.slots[i]
		var name mach.Name
		for {
			sl.gen += genStep
			name = mach.Name(i<<8) | mach.Name(sl.gen)
			if s.chosen == nil || s.chosen[name] == nil {
				break
			}
		}
		e := s.node.world.newEntry(s, name)
		sl.entry = e
		return e
	}
}

// adopt moves the chosen name that owns index i, if any, into the slot the table just grew.
func (s *Space) adopt(i uint32) bool {
	e := s.owners[i]
	if e == nil {
		return false
	}
	s.unchoose(e)
	s.slots[i].entry = e
	return true
}

// place makes an unused entry under a name of the caller's choice, which must be valid and unused; nil if
// the table is full.
func (s *Space) place(name mach.Name) *entry {
	if s.count >= s.limit {
		return nil
	}
	e := s.node.world.newEntry(s, name)
	s.hold(e)
	return e
}

// hold files an entry under its name: in the table if the index is free, else beside it.
func (s *Space) hold(e *entry) {
	i := uint32(e.name >> 8)
	if i != 0 && int(i) < len(s.slots) && s.slots[i].entry == nil {
		s.unchain(i)
		s.slots[i].entry = e
		return
	}
	if s.chosen == nil {
		s.chosen = map[mach.Name]*entry{}
		s.owners = map[uint32]*entry{}
	}
	if int(i) >= len(s.slots) && s.owners[i] == nil {
		s.owners[i] = e
	}
	s.chosen[e.name] = e
	s.beside = append(s.beside, e)
	e.beside = len(s.beside)
}

// chain puts a free index at the front of the chain of free slots.
func (s *Space) chain(i uint32) {
	s.slots[i].prev, s.slots[i].next = 0, s.free
	if s.free != 0 {
		s.slots[s.free].prev = i
	}
	s.free = i
}

// unchain takes a free index off the chain.
func (s *Space) unchain(i uint32) {
	sl := &s.slots[i]
	if s.free == i {
		s.free = sl.next
	} else {
		s.slots[sl.prev].next = sl.next
	}
	if sl.next != 0 {
		s.slots[sl.next].prev = sl.prev
	}
	sl.prev, sl.next = 0, 0
}

// release undoes hold: the name is no longer in use, and its index is the next to be handed out.
func (s *Space) release(e *entry) {
	if e.beside != 0 {
		s.unchoose(e)
		return
	}
	i := uint32(e.name >> 8)
	s.slots[i].entry = nil
	s.chain(i)
}

func (s *Space) unchoose(e *entry) {
	delete(s.chosen, e.name)
	if i := uint32(e.name >> 8); s.owners[i] == e {
		delete(s.owners, i)
	}
	last := len(s.beside) - 1
	moved := s.beside[last]
	s.beside[e.beside-1] = moved
	moved.beside = e.beside
	s.beside[last] = nil
	s.beside = s.beside[:last]
	e.beside = 0
}

func (s *Space) freeEntry(e *entry) {
	s.release(e)
	s.node.world.dropEntry(e)
}

// newEntry takes an entry from the pool.
func (w *World) newEntry(s *Space, name mach.Name) *entry {
	e := w.entries
	if e == nil {
		e = w.spares.entries.New()
		*e = entry{}
	} else {
		w.entries, e.next = e.next, nil
	}
	e.space, e.name = s, name
	s.count++
	return e
}

func (w *World) dropEntry(e *entry) {
	e.space.count--
	*e = entry{next: w.entries}
	w.entries = e
}

// all is the live entries: ascending index, then the names beside the table, ascending.
func (s *Space) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := range s.slots {
			if e := s.slots[i].entry; e != nil && !yield(e) {
				return
			}
		}
		if len(s.beside) == 0 {
			return
		}
		rest := slices.Clone(s.beside)
		slices.SortFunc(rest, func(a, b *entry) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
		for _, e := range rest {
			if !yield(e) {
				return
			}
		}
	}
}

// EntryInfo is one row of a space, for inspection.
type EntryInfo struct {
	Name      mach.Name
	Type      mach.TypeBits // with the request bits, as mach_port_type
	Urefs     int           // as mach_port_get_refs counts them for the kind: 1 where only one is possible
	Port      *Port         // rights
	Set       *PortSet      // port sets
	HasNotify bool          // a dead-name request is registered
}

func (e *entry) info() EntryInfo {
	i := EntryInfo{Name: e.name, Type: e.typeBits(), Urefs: 1, Port: e.port, Set: e.set, HasNotify: e.request != nil}
	if e.hasSend() || e.kind == entryDeadName {
		i.Urefs = int(e.urefs)
	}
	return i
}

// Lookup is what a name denotes, for inspection; false if nothing.
func (s *Space) Lookup(name mach.Name) (EntryInfo, bool) {
	e := s.find(name)
	if e == nil {
		return EntryInfo{}, false
	}
	return e.info(), true
}

// Entries is all rows in the order of mach_port_names. The caller must not change the space inside the loop.
func (s *Space) Entries() iter.Seq[EntryInfo] {
	return func(yield func(EntryInfo) bool) {
		for e := range s.all() {
			if !yield(e.info()) {
				return
			}
		}
	}
}

// NameOf is the space's name for send and receive rights of p, false if it has none.
func (s *Space) NameOf(p *Port) (mach.Name, bool) {
	if e := s.byPort[p]; e != nil {
		return e.name, true
	}
	return mach.NameNull, false
}

func (i EntryInfo) String() string {
	t := fmt.Sprintf("%v %v", i.Name, i.Type)
	if i.Port != nil {
		t += fmt.Sprintf(" of %v", i.Port)
	}
	if i.Type&(mach.TypeSend|mach.TypeDeadName) != 0 {
		t += fmt.Sprintf(" x%d", i.Urefs)
	}
	return t
}
