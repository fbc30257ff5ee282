package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/vm"
)

// Memory entries and proxies: ports of the kernel that stand for memory, and are mapped like memory
// objects. One lives as long as somebody can send to its port.

var entryRoutines = []routine{
	onBlocking(defs.MachMakeMemoryEntryRow, machMakeMemoryEntry),
	on(defs.MemoryObjectCreateProxyRow, memoryObjectCreateProxy),
	on(defs.VMRegionCreateProxyRow, vmRegionCreateProxy),
}

// memoryEntry is a memory entry with its port.
type memoryEntry struct {
	*vm.MemoryEntry
	host  *Host
	right ipc.Right // receive right

	prev, next *memoryEntry // neighbours in host.entries
}

var _ ipc.IdleKobject = (*memoryEntry)(nil)

// Serve finds no call of the entry's own: calls are on other kinds of objects (IPC-191).
func (e *memoryEntry) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	return e.host.serve(th, e, req, rep)
}

// NoSenders ends the entry.
func (e *memoryEntry) NoSenders(th *sched.Thread) {
	e.host.entries.remove(e)
	drop(&th.Reap, &e.right)
	e.MemoryEntry.Release(th)
}

// export gives a new entry its port; the result is a send right.
func (h *Host) export(n *vm.MemoryEntry) ipc.Right {
	e := &memoryEntry{MemoryEntry: n, host: h}
	e.right = h.node.NewKernelPort(e)
	h.labelPort(&e.right, h.name+" memory entry")
	h.entries.push(e)
	return ipc.MakeSend(&e.right)
}

// entryOf converts a right in the body of a request to a memory entry of the host, nil if it is none.
func (c call) entryOf(r *ipc.Right) *vm.MemoryEntry {
	if !r.Live() {
		return nil
	}
	if e, ok := r.Port().Kobject().(*memoryEntry); ok && e.host == c.host {
		return e.MemoryEntry
	}
	return nil
}

// machMakeMemoryEntry: the kind of the entry is or-ed into its permission; with none it is a region. The
// simulated memory has one cache mode, so MapMemOnly, which changes that of the parent, makes nothing.
func machMakeMemoryEntry(c call, req *defs.MachMakeMemoryEntry[ipc.Right], rep *defs.MachMakeMemoryEntryReply[ipc.Right]) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidTask
	}
	a := vm.EntryArgs{Addr: mach.Addr(req.Offset), Size: req.Size, Prot: mach.Prot(req.Permission & defs.MapMemPermissionMask)}
	if a.Parent = c.entryOf(&req.ParentEntry); a.Parent == nil && !req.ParentEntry.IsNull() {
		return mach.KernInvalidArgument
	}
	switch req.Permission &^ defs.MapMemPermissionMask {
	case 0:
	case defs.MapMemVMShare:
		a.Kind = vm.EntryShare
	case defs.MapMemVMCopy:
		a.Kind = vm.EntryCopy
	case defs.MapMemNamedCreate:
		a.Kind = vm.EntryCreate
	case defs.MapMemOnly:
		if a.Parent == nil {
			return mach.KernInvalidArgument
		}
		rep.Size = req.Size
		return mach.KernSuccess
	default:
		return mach.KernInvalidArgument
	}
	n, ret := t.vmap.MakeEntry(c.th, &a)
	if ret != mach.KernSuccess {
		return ret
	}
	rep.ObjectHandle, rep.Size = c.host.export(n), a.Size
	return mach.KernSuccess
}

func memoryObjectCreateProxy(c call, req *defs.MemoryObjectCreateProxy[ipc.Right, []ipc.Right], rep *defs.ProxyReply[ipc.Right]) mach.Return {
	switch {
	case c.task() == nil:
		return mach.KernInvalidTask
	case len(req.Object) != 1 || len(req.Offset) != 1 || len(req.Start) != 1 || len(req.Len) != 1 || req.Offset[0] != 0:
		return mach.KernInvalidArgument
	case !req.Object[0].Live():
		return mach.KernInvalidName
	}
	n, ret := c.host.vm.NewProxy(&req.Object[0], req.Start[0], req.Len[0], req.MaxProtection)
	if ret != mach.KernSuccess {
		return ret
	}
	rep.Proxy = c.host.export(n)
	return mach.KernSuccess
}

func vmRegionCreateProxy(c call, req *defs.VMRegionCreateProxy[ipc.Right], rep *defs.ProxyReply[ipc.Right]) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	start := req.Address
	region, ret := t.vmap.Region(&start)
	switch {
	case ret != mach.KernSuccess || start > req.Address:
		return mach.KernNoSpace
	case req.Len > region.Size-mach.Size(req.Address-start):
		return mach.KernInvalidArgument
	}
	n, ret := t.vmap.MakeEntry(c.th, &vm.EntryArgs{Kind: vm.EntryShare, Addr: req.Address, Size: req.Len, Prot: req.MaxProtection})
	if ret != mach.KernSuccess {
		return ret
	}
	rep.Proxy = c.host.export(n)
	return mach.KernSuccess
}

// entryList is the memory entries of a host that have a port, oldest first.
type entryList struct{ first, last *memoryEntry }

func (l *entryList) push(e *memoryEntry) {
	e.prev = l.last
	if l.last == nil {
		l.first = e
	} else {
		l.last.next = e
	}
	l.last = e
}

func (l *entryList) remove(e *memoryEntry) {
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}
