package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	vmAllocate      = NewRoutine[defs.VMAllocate[mach.Name], defs.VMAddressReply](defs.VMAllocateRow)
	vmDeallocate    = NewRoutine[defs.VMDeallocate[mach.Name], mig.Void](defs.VMDeallocateRow)
	vmMap           = NewRoutine[defs.VMMap[mach.Name], defs.VMAddressReply](defs.VMMapRow)
	vmProtect       = NewRoutine[defs.VMProtect[mach.Name], mig.Void](defs.VMProtectRow)
	vmInherit       = NewRoutine[defs.VMInherit[mach.Name], mig.Void](defs.VMInheritRow)
	vmRead          = NewRoutine[defs.VMRead[mach.Name], defs.VMReadReply[mach.Region]](defs.VMReadRow)
	vmReadOverwrite = NewRoutine[defs.VMReadOverwrite[mach.Name], defs.VMReadOverwriteReply](defs.VMReadOverwriteRow)
	vmWrite         = NewRoutine[defs.VMWrite[mach.Name, mach.Region], mig.Void](defs.VMWriteRow)
	vmCopy          = NewRoutine[defs.VMCopy[mach.Name], mig.Void](defs.VMCopyRow)
	vmRegion        = NewRoutine[defs.VMRegion[mach.Name], defs.VMRegionReply[mach.Name]](defs.VMRegionRow)
	vmRegionCMU     = NewRoutine[defs.VMRegionCMU[mach.Name], defs.VMRegionCMUReply[mach.Name]](defs.VMRegionCMURow)
	vmMsync         = NewRoutine[defs.VMMsync[mach.Name], mig.Void](defs.VMMsyncRow)
	vmMsyncGNU      = NewRoutine[defs.VMMsync[mach.Name], mig.Void](defs.VMMsyncGNURow)
	vmBehaviorSet   = NewRoutine[defs.VMBehaviorSet[mach.Name], mig.Void](defs.VMBehaviorSetRow)
	vmRemap         = NewRoutine[defs.VMRemap[mach.Name], defs.VMRemapReply](defs.VMRemapRow)
	vmMachineAttr   = NewRoutine[defs.VMMachineAttribute[mach.Name], defs.VMMachineAttributeReply](defs.VMMachineAttributeRow)
)

// VMAllocate makes zero-filled memory, at *addr or anywhere, and sets *addr to where it is.
func VMAllocate(t Thread, task mach.Name, addr *mach.Addr, size mach.Size, anywhere bool) mach.Return {
	rep, r := Call(t, vmAllocate, &defs.VMAllocate[mach.Name]{TargetTask: task, Address: *addr, Size: size, Anywhere: anywhere})
	return setAddr(addr, rep.Address, r)
}

func setAddr(addr *mach.Addr, got mach.Addr, r mach.Return) mach.Return {
	if r == mach.KernSuccess {
		*addr = got
	}
	return r
}

// VMDeallocate removes all mappings from a range.
func VMDeallocate(t Thread, task mach.Name, addr mach.Addr, size mach.Size) mach.Return {
	return do(t, vmDeallocate, &defs.VMDeallocate[mach.Name]{TargetTask: task, Address: addr, Size: size})
}

// VMMap maps a memory object, at *addr or anywhere, and sets *addr to where it is. A null object is
// zero-filled memory.
func VMMap(t Thread, task mach.Name, addr *mach.Addr, size mach.Size, mask mach.Addr, anywhere bool,
	object mach.Name, offset mach.Offset, copy bool, cur, max mach.Prot, inherit mach.Inherit) mach.Return {
	rep, r := Call(t, vmMap, &defs.VMMap[mach.Name]{TargetTask: task, Address: *addr, Size: size, Mask: mask, Anywhere: anywhere,
		MemoryObject: object, Offset: offset, Copy: copy, CurProtection: cur, MaxProtection: max, Inheritance: inherit})
	return setAddr(addr, rep.Address, r)
}

// VMProtect sets the current protection of a range, or with setMaximum lowers the maximum.
func VMProtect(t Thread, task mach.Name, addr mach.Addr, size mach.Size, setMaximum bool, prot mach.Prot) mach.Return {
	return do(t, vmProtect, &defs.VMProtect[mach.Name]{TargetTask: task, Address: addr, Size: size,
		SetMaximum: setMaximum, NewProtection: prot})
}

// VMInherit says what child tasks get of a range.
func VMInherit(t Thread, task mach.Name, addr mach.Addr, size mach.Size, inherit mach.Inherit) mach.Return {
	return do(t, vmInherit, &defs.VMInherit[mach.Name]{TargetTask: task, Address: addr, Size: size, NewInheritance: inherit})
}

// VMRead copies a range into new memory of the caller, who deallocates it in the end.
func VMRead(t Thread, task mach.Name, addr mach.Addr, size mach.Size) (mach.Region, mach.Return) {
	rep, r := Call(t, vmRead, &defs.VMRead[mach.Name]{TargetTask: task, Address: addr, Size: size})
	return rep.Data, r
}

// VMReadOverwrite copies a range over memory of the caller at data and returns how many bytes.
func VMReadOverwrite(t Thread, task mach.Name, addr mach.Addr, size mach.Size, data mach.Addr) (mach.Size, mach.Return) {
	rep, r := Call(t, vmReadOverwrite, &defs.VMReadOverwrite[mach.Name]{TargetTask: task, Address: addr, Size: size, Data: data})
	return rep.OutSize, r
}

// VMWrite overwrites memory of the task at addr with memory of the caller.
func VMWrite(t Thread, task mach.Name, addr mach.Addr, data mach.Region) mach.Return {
	return do(t, vmWrite, &defs.VMWrite[mach.Name, mach.Region]{TargetTask: task, Address: addr, Data: data})
}

// VMCopy copies size bytes at src over those at dst.
func VMCopy(t Thread, task mach.Name, src mach.Addr, size mach.Size, dst mach.Addr) mach.Return {
	return do(t, vmCopy, &defs.VMCopy[mach.Name]{TargetTask: task, SourceAddress: src, Size: size, DestAddress: dst})
}

// Region is what vm_region tells of a region.
type Region struct {
	Address mach.Addr
	Size    mach.Size
	defs.RegionInfo
	ObjectName mach.Name // a right of the caller's, null in the OSF message set
}

// VMRegion describes the region that contains addr, or the next one above. The CMU and GNU message sets
// say nothing of behavior and wiring.
func VMRegion(t Thread, task mach.Name, addr mach.Addr) (Region, mach.Return) {
	if t.Form().Set != mig.OSF {
		rep, r := Call(t, vmRegionCMU, &defs.VMRegionCMU[mach.Name]{TargetTask: task, Address: addr})
		return Region{rep.Address, rep.Size, defs.RegionInfo{Protection: rep.Protection, MaxProtection: rep.MaxProtection,
			Inheritance: rep.Inheritance, Shared: rep.IsShared, Offset: rep.Offset}, rep.ObjectName}, r
	}
	rep, r := Call(t, vmRegion, &defs.VMRegion[mach.Name]{TargetTask: task, Address: addr,
		Flavor: defs.RegionBasicInfo, Count: defs.RegionBasicInfoWords})
	if r != mach.KernSuccess {
		return Region{}, r
	}
	info, ok := defs.ParseRegionInfo(rep.Info)
	if !ok {
		return Region{}, mach.MigBadArguments
	}
	return Region{rep.Address, rep.Size, info, rep.ObjectName}, mach.KernSuccess
}

// VMMsync returns the modified pages of a range to their managers and waits until they are stored.
func VMMsync(t Thread, task mach.Name, addr mach.Addr, size mach.Size, flags mach.SyncFlags) mach.Return {
	req := &defs.VMMsync[mach.Name]{TargetTask: task, Address: addr, Size: size, SyncFlags: flags}
	if t.Form().Set == mig.GNU {
		return do(t, vmMsyncGNU, req)
	}
	return do(t, vmMsync, req)
}

// VMBehaviorSet announces how a range will be referenced.
func VMBehaviorSet(t Thread, task mach.Name, addr mach.Addr, size mach.Size, behavior mach.Behavior) mach.Return {
	return do(t, vmBehaviorSet, &defs.VMBehaviorSet[mach.Name]{TargetTask: task, Address: addr, Size: size, NewBehavior: behavior})
}

// VMRemap maps a range of the source task into the target task, at *addr or anywhere, and sets *addr to
// where it is. It returns the protections that all of the source has in common.
func VMRemap(t Thread, target mach.Name, addr *mach.Addr, size mach.Size, mask mach.Addr, anywhere bool,
	source mach.Name, sourceAddr mach.Addr, copy bool, inherit mach.Inherit) (cur, max mach.Prot, r mach.Return) {
	rep, r := Call(t, vmRemap, &defs.VMRemap[mach.Name]{TargetTask: target, TargetAddress: *addr, Size: size, Mask: mask,
		Anywhere: anywhere, SrcTask: source, SrcAddress: sourceAddr, Copy: copy, Inheritance: inherit})
	return rep.CurProtection, rep.MaxProtection, setAddr(addr, rep.TargetAddress, r)
}

// VMMachineAttribute gets or sets an attribute of the simulated MMU.
func VMMachineAttribute(t Thread, task mach.Name, addr mach.Addr, size mach.Size, attribute, value int32) (int32, mach.Return) {
	rep, r := Call(t, vmMachineAttr, &defs.VMMachineAttribute[mach.Name]{TargetTask: task, Address: addr, Size: size,
		Attribute: attribute, Value: value})
	return rep.Value, r
}
