package vm

import (
	"iter"

	"machvm/ipc"
	"machvm/kernel/mach"
)

// EntryInfo describes one region of a map and the chain of objects below it.
type EntryInfo struct {
	Start, End   mach.Addr
	Object       uint64 // 0: untouched anonymous memory
	Offset       mach.Offset
	Prot         mach.Prot
	MaxProt      mach.Prot
	Inherit      mach.Inherit
	Behavior     mach.Behavior
	NeedsCopy    bool
	Shared       bool
	InTransition bool
	Wired        int
	UserWired    int
}

// Entries yields the regions in ascending order. The map must not change meanwhile.
func (m *Map) Entries() iter.Seq[EntryInfo] {
	return func(yield func(EntryInfo) bool) {
		for e := m.first; e != nil; e = e.next {
			if !yield(e.describe()) {
				return
			}
		}
	}
}

// Count is the number of regions.
func (m *Map) Count() int { return m.count }

func (e *Entry) describe() EntryInfo {
	i := EntryInfo{
		Start: e.start, End: e.end, Offset: e.offset, Prot: e.prot, MaxProt: e.maxProt,
		Inherit: e.inherit, Behavior: e.behavior, NeedsCopy: e.needsCopy, Shared: e.shared,
		InTransition: e.inTransition, Wired: int(e.wired), UserWired: int(e.userWired),
	}
	if e.object != nil {
		i.Object = e.object.id
	}
	return i
}

// ObjectInfo describes one VM object.
type ObjectInfo struct {
	ID           uint64
	Phase        Phase
	Internal     bool
	Temporary    bool
	CanPersist   bool
	Shadowed     bool
	Strategy     mach.CopyStrategy
	ClusterSize  mach.Size
	Size         mach.Size
	Refs         int
	Mappings     int // regions that name it
	Resident     int // pages, placeholders included
	Absent       int // pages asked for and not answered, or answered with nothing
	Paging       int // activities that rely on it
	Shadow       uint64
	ShadowOffset mach.Offset
	Copy         uint64
	PagingOffset mach.Offset
	Pages        []PageInfo // ascending
}

// PageInfo describes one page of an object.
type PageInfo struct {
	Offset        mach.Offset
	State         string // held, data, requested, unavailable, failed, restart
	Busy          bool
	Dirty         bool // for software or hardware
	Precious      bool
	Lock          mach.Prot
	UnlockRequest mach.Prot
	WireCount     int
	Queue         string // active, inactive, or empty
}

func (o *Object) info() ObjectInfo {
	i := ObjectInfo{
		ID: o.id, Phase: o.phase, Internal: o.internal, Temporary: o.temporary, CanPersist: o.canPersist,
		Shadowed: o.shadowed, Strategy: o.strategy, ClusterSize: o.clusterSize, Size: o.size, Refs: o.refs,
		Mappings: o.mappings.count, Resident: o.residentCount, Absent: o.absentCount, Paging: o.paging,
		ShadowOffset: o.shadowOffset, PagingOffset: o.pagingOffset,
	}
	if o.shadow != nil {
		i.Shadow = o.shadow.id
	}
	if o.copy != nil {
		i.Copy = o.copy.id
	}
	for p := o.next(0, ^mach.Offset(0)); p != nil; p = o.next(p.offset+1, ^mach.Offset(0)) {
		i.Pages = append(i.Pages, p.info())
	}
	return i
}

func (p *Page) info() PageInfo {
	i := PageInfo{
		Offset: p.offset, State: p.contents.String(), Busy: p.busy, Precious: p.precious,
		Dirty: p.dirty || p.frame != nil && p.frame.modified,
		Lock:  p.lock, UnlockRequest: p.unlockRequest, WireCount: p.wireCount,
	}
	if p.queue != nil {
		i.Queue = p.queue.name
	}
	return i
}

// Inspect describes the region that holds addr, or the next one above, and its chain of objects from the
// top down: what vm_region_info of kernel debuggers tells.
func (m *Map) Inspect(addr mach.Addr) (e EntryInfo, chain []ObjectInfo, ok bool) {
	at := m.from(addr)
	if at == nil {
		return e, nil, false
	}
	for o := at.object; o != nil; o = o.shadow {
		chain = append(chain, o.info())
	}
	return at.describe(), chain, true
}

// ObjectInfo describes the object that this kernel associates with memory object port p.
func (h *Host) ObjectInfo(p *ipc.Port) (ObjectInfo, bool) {
	o := h.objectOf(p)
	if o == nil {
		return ObjectInfo{}, false
	}
	return o.info(), true
}

// MappingInfo is one address space mapping of a memory object.
type MappingInfo struct {
	Task       uint32
	Start, End mach.Addr
	Offset     mach.Offset // of Start in the VM object
	Prot       mach.Prot
	MaxProt    mach.Prot
}

// Mappings is the number of address space mappings of memory object p: regions of task maps that name
// its object. When the last reference goes the object is cached or terminated; as long as no copy,
// message or fault is pending, that is when this number becomes 0.
func (h *Host) Mappings(p *ipc.Port) int {
	if o := h.objectOf(p); o != nil {
		return o.mappings.count
	}
	return 0
}

// MappingList is the address space mappings of memory object p, in the order they came.
func (h *Host) MappingList(p *ipc.Port) []MappingInfo {
	o := h.objectOf(p)
	if o == nil {
		return nil
	}
	list := make([]MappingInfo, 0, o.mappings.count)
	o.forEachEntry(func(e *Entry) bool {
		list = append(list, MappingInfo{
			Task: e.m.task, Start: e.start, End: e.end, Offset: e.offset, Prot: e.prot, MaxProt: e.maxProt,
		})
		return true
	})
	return list
}

// Reach is the number of regions from which memory object p can be reached, directly or through
// shadows.
func (h *Host) Reach(p *ipc.Port) int {
	target := h.objectOf(p)
	if target == nil {
		return 0
	}
	n := 0
	for o := h.firstAll; o != nil; o = o.allNext {
		for below := o; below != nil; below = below.shadow {
			if below == target {
				n += o.mappings.count
				break
			}
		}
	}
	return n
}

// References is the number of references of the object of memory object p: what keeps it from
// terminating.
func (h *Host) References(p *ipc.Port) int {
	if o := h.objectOf(p); o != nil {
		return o.refs
	}
	return 0
}

// InaccessiblePages is the number of resident pages that no region and no memory in transit can reach:
// what copy-on-write leaves behind when neither collapse nor bypass is possible.
func (h *Host) InaccessiblePages() int {
	seen := map[*Page]bool{}
	look := func(e *Entry) {
		off := e.offset
		var above []*Object // objects of the chain so far, each with the offset at which e begins in it
		var begins []mach.Offset
		for o := e.object; o != nil; o = o.shadow {
			end := off + mach.Offset(e.size())
			for p := o.next(off, end); p != nil; p = o.next(p.offset+1, end) {
				hidden := false
				for i, a := range above {
					hidden = hidden || a.lookup(begins[i]+p.offset-off) != nil
				}
				seen[p] = seen[p] || !hidden
			}
			above, begins = append(above, o), append(begins, off)
			off += o.shadowOffset
		}
	}
	for m := range h.allMaps() {
		for e := m.first; e != nil; e = e.next {
			look(e)
		}
	}
	for c := h.maps.firstCopy; c != nil; c = c.nextCopy {
		for e := c.first; e != nil; e = e.next {
			look(e)
		}
	}
	n := 0
	for o := h.firstAll; o != nil; o = o.allNext {
		for p := o.first; p != nil; p = p.mnext {
			if !seen[p] {
				n++
			}
		}
	}
	return n
}

// ShadowDepth is the number of objects in the longest chain that a region sees.
func (h *Host) ShadowDepth() int {
	deepest := 0
	for m := range h.allMaps() {
		for e := m.first; e != nil; e = e.next {
			n := 0
			for o := e.object; o != nil; o = o.shadow {
				n++
			}
			deepest = max(deepest, n)
		}
	}
	return deepest
}

// CacheStatistics counts the objects of memory objects and their pages. Historic vm_cache_statistics.
func (h *Host) CacheStatistics() (objects, pages int) {
	for o := h.firstAll; o != nil; o = o.allNext {
		if !o.internal {
			objects++
			pages += o.residentCount
		}
	}
	return objects, pages
}

// PagesPhys is the physical address of each page of a range, 0 for a page that is not resident; physical
// memory begins with the second page. Historic vm_pages_phys.
//
//	KERN_INVALID_ARGUMENT  the range is not whole pages, wraps, or leaves the map
func (m *Map) PagesPhys(addr mach.Addr, size mach.Size) ([]uint64, mach.Return) {
	page := m.host.pageSize
	end := addr + mach.Addr(size)
	if !addr.Aligned(page) || !size.Aligned(page) || end < addr || end > m.max {
		return nil, mach.KernInvalidArgument
	}
	list := make([]uint64, 0, size/page)
	for va := addr; va < end; va += mach.Addr(page) {
		var at uint64
		if e, ok := m.lookup(va); ok && e.object != nil {
			if p, known := e.object.peek(e.offsetOf(va)); known && p != nil {
				at = uint64(p.frame.number+1) * uint64(page)
			}
		}
		list = append(list, at)
	}
	return list, mach.KernSuccess
}

// Maps yields the maps of the host in order of creation.
func (h *Host) Maps() iter.Seq[*Map] { return h.allMaps() }
