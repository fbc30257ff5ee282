package vm

import (
	"iter"

	"github.com/google/btree"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Map is the address space of one task: what the task may do where. Historic vm_map.
//
// Entries are ordered, do not overlap, and lie inside [min, max); the spaces between them are kept in
// gaps. The pmap is a cache of what the entries and their objects allow; it never allows more.
//
// Every change of an entry moves timestamp. A routine that waited compares the value it saw before with
// the present one, and looks everything up again when they differ.
type Map struct {
	entryList
	host     *Host
	name     string
	task     uint32
	min, max mach.Addr
	tree     *btree.BTreeG[slot]
	gaps     gapIndex
	hint     *Entry // last successful lookup

	size      mach.Size // sum of the entries
	sizeNone  mach.Size // the part whose maximum protection is none; not charged to the limit
	sizeWired mach.Size // the part that is wired
	curLimit  mach.Size // bound on size - sizeNone (VM-040)
	maxLimit  mach.Size // bound on curLimit

	pmap           *Pmap
	refs           int
	timestamp      uint64
	wiringRequired bool // every new entry is wired when it is made (task_wire)
	unmapped       bool // it belongs to a memory entry, not to a task: its regions are no mappings

	transition sched.Queue // threads that wait for an entry in transition

	prevMap, nextMap *Map // the host's maps, in order of creation
}

var _ ipc.AddressSpace = (*Map)(nil)

// slot is an element of a map's tree: the key beside the pointer, so that a descent reads one array.
type slot struct {
	start mach.Addr
	entry *Entry
}

const treeDegree = 64

func slotLess(a, b slot) bool { return a.start < b.start }

// hostMaps is what the maps of one host share. The zero value is ready for use.
type hostMaps struct {
	first, last *Map
	count       int
	slots       *btree.FreeListG[slot]
	spaces      *btree.FreeListG[gap]
	spare       *Entry   // entries for reuse, linked by next
	leaves      *leaf    // page table leaves for reuse, linked by next
	copies      *Copy    // Copy structs for reuse, linked by nextFree
	buffers     [][]byte // one page each, for bytes on their way

	firstCopy, lastCopy *Copy // memory in transit, oldest first

	firstEntry, lastEntry *MemoryEntry // memory entries, oldest first
	maxWired              int          // bound on wired pages; 0: computed
	holding               bool         // the rights of proxies are shown to the recount
}

// newEntry is a zero entry.
func (s *hostMaps) newEntry() *Entry {
	e := s.spare
	if e == nil {
		return &Entry{}
	}
	s.spare = e.next
	e.next = nil
	return e
}

// freeEntry takes back an entry that stands nowhere and holds no reference.
func (s *hostMaps) freeEntry(e *Entry) {
	*e = Entry{next: s.spare}
	s.spare = e
}

// NewMap makes an empty address space [0, top) with one reference. task is the number under which
// the owner appears in traces and lists.
func (h *Host) NewMap(task uint32, name string) *Map {
	s := &h.maps
	if s.slots == nil {
		s.slots, s.spaces = h.spares.slots, h.spares.spaces
	}
	m := &Map{
		host: h, name: name, task: task,
		min: 0, max: h.addressTop,
		tree: btree.NewWithFreeListG(treeDegree, slotLess, s.slots),
		refs: 1,
	}
	m.gaps.init(h.pageSize, s.spaces)
	m.gaps.add(m.min, m.max)
	m.curLimit, m.maxLimit = mach.Size(m.max), mach.Size(m.max)
	m.pmap = newPmap(m)
	m.prevMap = s.last
	if s.last == nil {
		s.first = m
	} else {
		s.last.nextMap = m
	}
	s.last = m
	s.count++
	return m
}

// Host is the host whose memory the map uses.
func (m *Map) Host() *Host { return m.host }

// Name is the name the map was made with.
func (m *Map) Name() string { return m.name }

// Task is the number of the task the map was made for.
func (m *Map) Task() uint32 { return m.task }

// Size is the number of bytes in regions.
func (m *Map) Size() mach.Size { return m.size }

// Version counts the changes of the map.
func (m *Map) Version() uint64 { return m.timestamp }

// SetWiringRequired says whether later allocations are wired at once (task_wire, VM-103).
func (m *Map) SetWiringRequired(on bool) { m.wiringRequired = on }

// Reference takes a reference. Historic vm_map_reference.
func (m *Map) Reference() { m.refs++ }

// Release drops a reference; the last one destroys the map. It may block while objects terminate.
// Historic vm_map_deallocate.
func (m *Map) Release(th *sched.Thread) {
	if m.refs--; m.refs == 0 {
		m.destroy(th)
	}
}

// Destroy gives up the reference that NewMap made.
func (m *Map) Destroy(th *sched.Thread) { m.Release(th) }

// destroy drops every mapping in ascending order, which may terminate memory objects in that order
// (VM-180), then the translations.
func (m *Map) destroy(th *sched.Thread) {
	m.wiringRequired = false
	m.remove(th, m.min, m.max, removeForce)
	m.pmap.destroy()
	s := &m.host.maps
	if m.prevMap == nil {
		s.first = m.nextMap
	} else {
		m.prevMap.nextMap = m.nextMap
	}
	if m.nextMap == nil {
		s.last = m.prevMap
	} else {
		m.nextMap.prevMap = m.prevMap
	}
	m.prevMap, m.nextMap = nil, nil
	s.count--
}

// changing is called at the start of every change of the map, and again after each wait inside one.
func (m *Map) changing() { m.timestamp++ }

// link puts e, whose bounds lie in one gap, into the map behind prev (nil: in front).
func (m *Map) link(prev, e *Entry) {
	lo, hi := m.spaceAround(prev)
	m.gaps.remove(lo, hi)
	m.gaps.add(lo, e.start)
	m.gaps.add(e.end, hi)
	m.insertAfter(prev, e)
	m.tree.ReplaceOrInsert(slot{e.start, e})
	e.m = m
	if e.object != nil {
		e.object.mapped(e)
	}
	m.account(e, e.size())
}

// detach takes e out of the map, its object's mappings and the accounts. The caller has removed its
// translations and gets its reference.
func (m *Map) detach(e *Entry) {
	lo, hi := m.min, m.max
	if e.prev != nil {
		lo = e.prev.end
	}
	if e.next != nil {
		hi = e.next.start
	}
	m.gaps.remove(lo, e.start)
	m.gaps.remove(e.end, hi)
	m.gaps.add(lo, hi)
	if m.hint == e {
		m.hint = e.prev
	}
	m.unlink(e)
	m.tree.Delete(slot{start: e.start})
	if e.object != nil {
		e.object.unmapped(e)
	}
	m.discount(e, e.size())
	e.m = nil
}

// extend moves the end of e up to end, which lies in the gap behind it.
func (m *Map) extend(e *Entry, end mach.Addr) {
	lo, hi := m.spaceAround(e)
	m.gaps.remove(lo, hi)
	m.gaps.add(end, hi)
	m.account(e, mach.Size(end-e.end))
	e.end = end
}

// extendDown moves the start of e down to start, which lies in the gap before it.
func (m *Map) extendDown(e *Entry, start mach.Addr) {
	lo, hi := m.spaceAround(e.prev)
	m.gaps.remove(lo, hi)
	m.gaps.add(lo, start)
	m.account(e, mach.Size(e.start-start))
	m.tree.Delete(slot{start: e.start})
	e.start = start
	m.tree.ReplaceOrInsert(slot{start, e})
}

// account adds n bytes of e's kind to the sizes, discount takes them away.
func (m *Map) account(e *Entry, n mach.Size) {
	m.size += n
	if e.maxProt == mach.ProtNone {
		m.sizeNone += n
	}
	if e.wired > 0 {
		m.sizeWired += n
	}
}

func (m *Map) discount(e *Entry, n mach.Size) {
	m.size -= n
	if e.maxProt == mach.ProtNone {
		m.sizeNone -= n
	}
	if e.wired > 0 {
		m.sizeWired -= n
	}
}

// clipStart splits e at a when a lies inside it; e keeps the upper part. Both parts hold a reference.
// Historic vm_map_clip_start.
func (m *Map) clipStart(e *Entry, a mach.Addr) {
	if a <= e.start {
		return
	}
	low := m.split(e)
	low.end = a
	e.offset += mach.Offset(a - e.start)
	e.start = a
	m.insertAfter(e.prev, low)
	m.tree.ReplaceOrInsert(slot{low.start, low})
	m.tree.ReplaceOrInsert(slot{e.start, e})
	m.traceMapping(e, trace.MappingClip)
}

// clipEnd splits e at a when a lies inside it; e keeps the lower part. Historic vm_map_clip_end.
func (m *Map) clipEnd(e *Entry, a mach.Addr) {
	if a >= e.end {
		return
	}
	high := m.split(e)
	high.start = a
	high.offset += mach.Offset(a - e.start)
	e.end = a
	m.insertAfter(e, high)
	m.tree.ReplaceOrInsert(slot{high.start, high})
	m.traceMapping(high, trace.MappingClip)
}

// split makes a second entry like e in the same map, with its own reference.
func (m *Map) split(e *Entry) *Entry {
	n := e.clone(m.host)
	n.m = m
	if n.object != nil {
		n.object.reference()
		n.object.mapped(n)
	}
	return n
}

// All yields the entries in ascending order. The map must not change meanwhile.
func (m *Map) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := m.first; e != nil; e = e.next {
			if !yield(e) {
				return
			}
		}
	}
}

// allMaps yields the maps of the host in order of creation.
func (h *Host) allMaps() iter.Seq[*Map] {
	return func(yield func(*Map) bool) {
		for m := h.maps.first; m != nil; m = m.nextMap {
			if !yield(m) {
				return
			}
		}
	}
}
