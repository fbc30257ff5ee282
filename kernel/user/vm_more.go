package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	machVMAllocate      = NewRoutine[defs.MachVMAllocate[mach.Name], defs.VMAddressReply](defs.MachVMAllocateRow)
	machVMMap           = NewRoutine[defs.MachVMMap[mach.Name], defs.VMAddressReply](defs.MachVMMapRow)
	machVMRemap         = NewRoutine[defs.MachVMRemap[mach.Name], defs.VMRemapReply](defs.MachVMRemapRow)
	machMakeMemoryEntry = NewRoutine[defs.MachMakeMemoryEntry[mach.Name], defs.MachMakeMemoryEntryReply[mach.Name]](defs.MachMakeMemoryEntryRow)
	createProxy         = NewRoutine[defs.MemoryObjectCreateProxy[mach.Name, mach.Region], defs.ProxyReply[mach.Name]](defs.MemoryObjectCreateProxyRow)
	vmRegionCreateProxy = NewRoutine[defs.VMRegionCreateProxy[mach.Name], defs.ProxyReply[mach.Name]](defs.VMRegionCreateProxyRow)
	vmCacheStatistics   = NewRoutine[defs.VMCacheStatistics[mach.Name], defs.VMCacheStatisticsReply](defs.VMCacheStatisticsRow)
	vmWireAll           = NewRoutine[defs.VMWireAll[mach.Name], mig.Void](defs.VMWireAllRow)
	vmObjectSync        = NewRoutine[defs.VMObjectSync[mach.Name], mig.Void](defs.VMObjectSyncRow)
	vmPagesPhys         = NewRoutine[defs.VMPagesPhys[mach.Name], defs.VMPagesPhysReply[mach.Region]](defs.VMPagesPhysRow)
	vmSetSizeLimit      = NewRoutine[defs.VMSetSizeLimit[mach.Name], mig.Void](defs.VMSetSizeLimitRow)
	vmGetSizeLimit      = NewRoutine[defs.VMGetSizeLimit[mach.Name], defs.VMGetSizeLimitReply](defs.VMGetSizeLimitRow)
)

// MachVMAllocate is VMAllocate with flags.
func MachVMAllocate(t Thread, task mach.Name, addr *mach.Addr, size mach.Size, flags uint32) mach.Return {
	rep, r := Call(t, machVMAllocate, &defs.MachVMAllocate[mach.Name]{Target: task, Address: *addr, Size: size, Flags: flags})
	return setAddr(addr, rep.Address, r)
}

// MachVMMap is VMMap with flags; object may be a memory entry.
func MachVMMap(t Thread, task mach.Name, addr *mach.Addr, size mach.Size, mask mach.Addr, flags uint32,
	object mach.Name, offset mach.Offset, copy bool, cur, max mach.Prot, inherit mach.Inherit) mach.Return {
	rep, r := Call(t, machVMMap, &defs.MachVMMap[mach.Name]{TargetTask: task, Address: *addr, Size: size, Mask: mask, Flags: flags,
		Object: object, Offset: offset, Copy: copy, CurProtection: cur, MaxProtection: max, Inheritance: inherit})
	return setAddr(addr, rep.Address, r)
}

// MachVMRemap is VMRemap with flags.
func MachVMRemap(t Thread, target mach.Name, addr *mach.Addr, size mach.Size, mask mach.Addr, flags uint32,
	source mach.Name, sourceAddr mach.Addr, copy bool, inherit mach.Inherit) (cur, max mach.Prot, r mach.Return) {
	rep, r := Call(t, machVMRemap, &defs.MachVMRemap[mach.Name]{TargetTask: target, TargetAddress: *addr, Size: size, Mask: mask,
		Flags: flags, SrcTask: source, SrcAddress: sourceAddr, Copy: copy, Inheritance: inherit})
	return rep.CurProtection, rep.MaxProtection, setAddr(addr, rep.TargetAddress, r)
}

// MachMakeMemoryEntry makes a port that names memory of a task, or a part of parent, and sets *size to
// what it covers. permission is a protection with the flags of the kind of entry.
func MachMakeMemoryEntry(t Thread, task mach.Name, size *mach.Size, offset mach.Offset, permission uint32, parent mach.Name) (mach.Name, mach.Return) {
	rep, r := Call(t, machMakeMemoryEntry, &defs.MachMakeMemoryEntry[mach.Name]{TargetTask: task, Size: *size, Offset: offset,
		Permission: permission, ParentEntry: parent})
	if r == mach.KernSuccess {
		*size = rep.Size
	}
	return rep.ObjectHandle, r
}

// MemoryObjectCreateProxy makes a port that stands for a range of each of some memory objects; kernels
// accept exactly one (GNU).
func MemoryObjectCreateProxy(t Thread, task mach.Name, max mach.Prot, objects []mach.Name, offsets, starts []mach.Offset, lens []mach.Size) (mach.Name, mach.Return) {
	array, r := StoreNames(t, objects)
	if r != mach.KernSuccess {
		return mach.NameNull, r
	}
	rep, r := Call(t, createProxy, &defs.MemoryObjectCreateProxy[mach.Name, mach.Region]{Task: task, Object: array,
		MaxProtection: max, Offset: offsets, Start: starts, Len: lens})
	Deallocate(t, array)
	return rep.Proxy, r
}

// VMRegionCreateProxy makes a proxy of the object behind a region (GNU).
func VMRegionCreateProxy(t Thread, task mach.Name, addr mach.Addr, max mach.Prot, size mach.Size) (mach.Name, mach.Return) {
	rep, r := Call(t, vmRegionCreateProxy, &defs.VMRegionCreateProxy[mach.Name]{Task: task, Address: addr, MaxProtection: max, Len: size})
	return rep.Proxy, r
}

// VMCacheStatistics says how much the kernel caches of external objects (GNU).
func VMCacheStatistics(t Thread, task mach.Name) (defs.VMCacheStatisticsReply, mach.Return) {
	return Call(t, vmCacheStatistics, &defs.VMCacheStatistics[mach.Name]{TargetTask: task})
}

// VMWireAll wires all memory a task has, all it will get, or neither (GNU).
func VMWireAll(t Thread, host, task mach.Name, flags uint32) mach.Return {
	return do(t, vmWireAll, &defs.VMWireAll[mach.Name]{Host: host, Task: task, Flags: flags})
}

// VMObjectSync returns and flushes pages of an object given by its name port (GNU).
func VMObjectSync(t Thread, object mach.Name, offset mach.Offset, size mach.Size, flush, giveBack, iosync bool) mach.Return {
	return do(t, vmObjectSync, &defs.VMObjectSync[mach.Name]{Object: object, Offset: offset, Size: size,
		ShouldFlush: flush, ShouldReturn: giveBack, ShouldIosync: iosync})
}

// VMPagesPhys is the physical address of each page of a range, 0 where none is resident (GNU).
func VMPagesPhys(t Thread, host, task mach.Name, addr mach.Addr, size mach.Size) ([]uint64, mach.Return) {
	rep, r := Call(t, vmPagesPhys, &defs.VMPagesPhys[mach.Name]{HostPriv: host, TargetTask: task, Address: addr, Size: size})
	if r != mach.KernSuccess {
		return nil, r
	}
	p, r := takeBytes(t, rep.Pages)
	pages := make([]uint64, len(p)/8)
	for i := range pages {
		pages[i] = mach.Words.Uint64(p[8*i:])
	}
	return pages, r
}

// VMSetSizeLimit bounds the size of a task's address space (GNU).
func VMSetSizeLimit(t Thread, host, task mach.Name, current, max mach.Size) mach.Return {
	return do(t, vmSetSizeLimit, &defs.VMSetSizeLimit[mach.Name]{HostPort: host, Map: task, CurrentLimit: current, MaxLimit: max})
}

// VMGetSizeLimit says what VMSetSizeLimit set (GNU).
func VMGetSizeLimit(t Thread, task mach.Name) (current, max mach.Size, r mach.Return) {
	rep, r := Call(t, vmGetSizeLimit, &defs.VMGetSizeLimit[mach.Name]{Map: task})
	return rep.CurrentLimit, rep.MaxLimit, r
}
