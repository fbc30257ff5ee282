package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// EntryKind is what a memory entry is made of.
type EntryKind uint8

const (
	EntryRegion EntryKind = iota // one region, cut where it ends
	EntryShare                   // a range, the memory itself
	EntryCopy                    // a snapshot of a range
	EntryCreate                  // new memory that nobody maps
)

// MemoryEntry is memory with a name of its own: a kernel object behind a port, which vm_map takes like a
// memory object. It is XNU's memory entry and GNU Mach's memory object proxy in one.
//
// An entry that is made from memory keeps it in a map without a task, so it holds references but counts
// as no mapping. A proxy keeps a send right for a memory object, or for another entry, and nothing else.
type MemoryEntry struct {
	host   *Host
	memory *Map      // nil: a proxy
	object ipc.Right // of a proxy: send right
	offset mach.Offset
	size   mach.Size
	prot   mach.Prot // what a mapping may allow

	prev, next *MemoryEntry
}

var _ ipc.Kobject = (*MemoryEntry)(nil)

// EntryArgs are the arguments of MakeEntry.
type EntryArgs struct {
	Kind   EntryKind
	Addr   mach.Addr    // of the range; with Parent: offset in it
	Size   mach.Size    // bytes; the result may be smaller for EntryRegion
	Prot   mach.Prot    // what mappings will be allowed
	Parent *MemoryEntry // a part of this entry, in place of memory of the map
}

// MakeEntry makes a memory entry and sets a.Size to what it covers. Historic
// mach_make_memory_entry_64 (VM-091, VM-092).
//
//	KERN_INVALID_ARGUMENT    size 0, an unknown protection, or a part that the parent does not have
//	KERN_PROTECTION_FAILURE  no access at all, or more than the memory or the parent allows
//	KERN_INVALID_ADDRESS     a page of the range is in no region
func (m *Map) MakeEntry(th *sched.Thread, a *EntryArgs) (*MemoryEntry, mach.Return) {
	page := m.host.pageSize
	switch {
	case a.Size.Round(page) == 0 || !a.Prot.Valid():
		return nil, mach.KernInvalidArgument
	case a.Prot == mach.ProtNone:
		return nil, mach.KernProtectionFailure
	}
	source, start := m, a.Addr.Trunc(page)
	end := (a.Addr + mach.Addr(a.Size)).Round(page)
	if p := a.Parent; p != nil {
		if p.memory == nil || end <= start || mach.Size(end) > p.size {
			return nil, mach.KernInvalidArgument
		}
		if !p.prot.Allows(a.Prot) {
			return nil, mach.KernProtectionFailure
		}
		source = p.memory
	}
	if end <= start && a.Kind != EntryCreate {
		return nil, mach.KernInvalidAddress
	}
	n := m.host.newMemoryEntry()
	n.memory = m.host.NewMap(0, "memory entry")
	n.memory.unmapped = true
	ret := n.fill(th, source, start, end, a)
	if ret != mach.KernSuccess {
		n.Release(th)
		return nil, ret
	}
	n.prot = a.Prot
	a.Size = n.size
	return n, mach.KernSuccess
}

// fill puts the memory of a into the new entry n.
func (n *MemoryEntry) fill(th *sched.Thread, source *Map, start, end mach.Addr, a *EntryArgs) mach.Return {
	var at mach.Addr
	if a.Kind == EntryCreate {
		n.size = a.Size.Round(n.host.pageSize)
		return n.memory.Allocate(th, &at, n.size, true)
	}
	if a.Kind == EntryRegion {
		if e, ok := source.lookup(start); ok {
			end = min(end, e.end)
		}
	}
	r := RemapArgs{
		Size: mach.Size(end - start), Anywhere: true, Source: source, SourceAddr: start,
		Copy: a.Kind == EntryCopy, Inherit: mach.InheritNone,
	}
	if ret := n.memory.Remap(th, &r); ret != mach.KernSuccess {
		return ret
	}
	if !r.Max.Allows(a.Prot) {
		return mach.KernProtectionFailure
	}
	n.size = r.Size
	return mach.KernSuccess
}

// NewProxy makes a stand-in for size bytes from offset on of the memory object that object is a send
// right for, which it takes; mappings through it allow no more than prot. Historic
// memory_object_create_proxy.
//
//	KERN_INVALID_ARGUMENT  an unknown protection, or the range wraps
func (h *Host) NewProxy(object *ipc.Right, offset mach.Offset, size mach.Size, prot mach.Prot) (*MemoryEntry, mach.Return) {
	if !prot.Valid() || offset+mach.Offset(size) < offset || !object.Live() {
		return nil, mach.KernInvalidArgument
	}
	n := h.newMemoryEntry()
	n.object, n.offset, n.size, n.prot = object.Take(), offset, size, prot
	return n, mach.KernSuccess
}

func (h *Host) newMemoryEntry() *MemoryEntry {
	n := &MemoryEntry{host: h, prev: h.maps.lastEntry}
	if n.prev == nil {
		h.maps.firstEntry = n
	} else {
		n.prev.next = n
	}
	h.maps.lastEntry = n
	if !h.maps.holding {
		h.maps.holding = true
		h.node.World().AddHolder(proxies{h})
	}
	return n
}

// Release ends the entry, whose port has lost its last sender. Memory nobody else uses terminates.
func (n *MemoryEntry) Release(th *sched.Thread) {
	s := &n.host.maps
	if n.prev == nil {
		s.firstEntry = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		s.lastEntry = n.prev
	} else {
		n.next.prev = n.prev
	}
	if n.memory != nil {
		n.memory.Release(th)
		return
	}
	ipc.Release(&th.Reap, &n.object)
}

// Entry is the entry itself. A kernel object with this method is mapped as the entry it gives.
func (n *MemoryEntry) Entry() *MemoryEntry { return n }

// Size is the number of bytes the entry covers.
func (n *MemoryEntry) Size() mach.Size { return n.size }

// Prot is what mappings through the entry may allow.
func (n *MemoryEntry) Prot() mach.Prot { return n.prot }

// proxies are the holders of the send rights inside proxies.
type proxies struct{ *Host }

// VisitRights shows the recount the send rights that proxies hold.
func (p proxies) VisitRights(visit func(r ipc.Right, owner string)) {
	for n := p.maps.firstEntry; n != nil; n = n.next {
		visit(n.object, "a memory object proxy")
	}
}

// KobjectType is that of a kernel object that serves no messages.
func (n *MemoryEntry) KobjectType() ipc.KobjectType { return ipc.KobjectPagingName }

// Accepts says that the kernel takes every message, to refuse it.
func (n *MemoryEntry) Accepts(mach.MsgID) bool { return true }

// Serve refuses: a memory entry is only mapped.
func (n *MemoryEntry) Serve(*sched.Thread, *ipc.Kmsg, *ipc.Kmsg) mach.Return { return mach.MigBadID }

// mapEntry is MapObject for a memory entry (VM-037 to VM-039).
//
//	KERN_INVALID_ARGUMENT    beyond the end of the entry
//	KERN_PROTECTION_FAILURE  a copy of what may not be read
func (m *Map) mapEntry(th *sched.Thread, a *MapArgs, n *MemoryEntry) mach.Return {
	end := a.Offset + mach.Offset(a.Size)
	if end < a.Offset || mach.Size(end) > n.size || n.host != m.host {
		return mach.KernInvalidArgument
	}
	b := *a
	if a.Copy {
		if n.prot&mach.ProtRead == 0 {
			return mach.KernProtectionFailure
		}
	} else {
		b.Cur &= n.prot
		b.Max &= n.prot
	}
	if n.memory == nil {
		b.Object, b.Offset = &n.object, n.offset+a.Offset
		ret := m.MapObject(th, &b)
		a.Addr = b.Addr
		return ret
	}
	r := RemapArgs{
		Addr: a.Addr, Size: a.Size, Mask: a.Mask, Anywhere: a.Anywhere, Overwrite: a.Overwrite,
		Source: n.memory, SourceAddr: mach.Addr(a.Offset), Copy: a.Copy, Inherit: a.Inherit,
	}
	ret := m.remap(th, &r, func(e *Entry) { e.prot, e.maxProt = b.Cur, b.Max })
	a.Addr = r.Addr
	return ret
}
