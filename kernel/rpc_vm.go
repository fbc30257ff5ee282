package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/vm"
)

// The calls on the address space of a task. Each is the operation of the same name on the task's map;
// without a task the answer is KERN_INVALID_ARGUMENT where no other is named.

var memoryRoutines = []routine{
	onMap(defs.TaskWireRow, taskWire),
	onMap(defs.VMRegionRow, vmRegion),
	onMap(defs.VMRegionCMURow, vmRegionCMU),
	onMap(defs.VMAllocateRow, vmAllocate),
	onMap(defs.MachVMAllocateRow, machVMAllocate),
	onMap(defs.VMDeallocateRow, vmDeallocate),
	onMap(defs.VMProtectRow, vmProtect),
	onMap(defs.VMInheritRow, vmInherit),
	onMap(defs.VMReadRow, vmRead),
	onMap(defs.VMReadOverwriteRow, vmReadOverwrite),
	onMap(defs.VMWriteRow, vmWrite),
	onMap(defs.VMCopyRow, vmCopy),
	onMap(defs.VMBehaviorSetRow, vmBehaviorSet),
	onMap(defs.VMMachineAttributeRow, vmMachineAttribute),
	on(defs.VMMsyncRow, vmMsync),
	on(defs.VMMsyncGNURow, vmMsync),
	onBlocking(defs.VMMapRow, vmMap),
	onBlocking(defs.MachVMMapRow, machVMMap),
	onBlocking(defs.VMRemapRow, vmRemap),
	onBlocking(defs.MachVMRemapRow, machVMRemap),
	on(defs.VMGetSizeLimitRow, vmGetSizeLimit),
}

// onMap makes the entry of a routine on the address space of a task.
func onMap[T, R any](row *mig.Row, f func(m *vm.Map, c call, req *T, rep *R) mach.Return) routine {
	return on(row, func(c call, req *T, rep *R) mach.Return {
		t := c.task()
		if t == nil {
			return mach.KernInvalidArgument
		}
		return f(t.vmap, c, req, rep)
	})
}

func taskWire(m *vm.Map, c call, req *defs.TaskWire[ipc.Right], _ *void) mach.Return {
	m.SetWiringRequired(req.MustWire)
	return mach.KernSuccess
}

func vmAllocate(m *vm.Map, c call, req *defs.VMAllocate[ipc.Right], rep *defs.VMAddressReply) mach.Return {
	rep.Address = req.Address
	return m.Allocate(c.th, &rep.Address, req.Size, req.Anywhere)
}

func machVMAllocate(m *vm.Map, c call, req *defs.MachVMAllocate[ipc.Right], rep *defs.VMAddressReply) mach.Return {
	if req.Flags&^(defs.VMFlagsAnywhere|defs.VMFlagsOverwrite) != 0 {
		return mach.KernInvalidArgument
	}
	anywhere := req.Flags&defs.VMFlagsAnywhere != 0
	if anywhere || req.Flags&defs.VMFlagsOverwrite == 0 || req.Size == 0 {
		rep.Address = req.Address
		return m.Allocate(c.th, &rep.Address, req.Size, anywhere)
	}
	a := vm.MapArgs{Addr: req.Address, Size: req.Size, Overwrite: true,
		Cur: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}
	ret := m.MapObject(c.th, &a)
	rep.Address = a.Addr
	return ret
}

func vmDeallocate(m *vm.Map, c call, req *defs.VMDeallocate[ipc.Right], _ *void) mach.Return {
	return m.Deallocate(c.th, req.Address, req.Size)
}

func vmProtect(m *vm.Map, c call, req *defs.VMProtect[ipc.Right], _ *void) mach.Return {
	return m.Protect(req.Address, req.Size, req.SetMaximum, req.NewProtection)
}

func vmInherit(m *vm.Map, c call, req *defs.VMInherit[ipc.Right], _ *void) mach.Return {
	return m.Inherit(req.Address, req.Size, req.NewInheritance)
}

func vmRead(m *vm.Map, c call, req *defs.VMRead[ipc.Right], rep *defs.VMReadReply[ipc.Memory]) mach.Return {
	data, ret := m.Read(c.th, req.Address, req.Size)
	if data != nil {
		rep.Data = data
	}
	return ret
}

// vmReadOverwrite writes into the map of the thread that asks; a request from another host comes from no
// task of this one.
func vmReadOverwrite(m *vm.Map, c call, req *defs.VMReadOverwrite[ipc.Right], rep *defs.VMReadOverwriteReply) mach.Return {
	caller := c.caller()
	if caller == nil {
		return mach.KernInvalidArgument
	}
	rep.OutSize = req.Size
	return m.ReadOverwrite(c.th, req.Address, req.Size, caller.task.vmap, req.Data)
}

func vmWrite(m *vm.Map, c call, req *defs.VMWrite[ipc.Right, ipc.Memory], _ *void) mach.Return {
	data, _ := req.Data.(*vm.Copy)
	req.Data = nil
	return m.Write(c.th, req.Address, data)
}

func vmCopy(m *vm.Map, c call, req *defs.VMCopy[ipc.Right], _ *void) mach.Return {
	return m.Copy(c.th, req.SourceAddress, req.Size, req.DestAddress)
}

func vmBehaviorSet(m *vm.Map, c call, req *defs.VMBehaviorSet[ipc.Right], _ *void) mach.Return {
	return m.Behavior(req.Address, req.Size, req.NewBehavior)
}

func vmMachineAttribute(m *vm.Map, c call, req *defs.VMMachineAttribute[ipc.Right], rep *defs.VMMachineAttributeReply) mach.Return {
	rep.Value = req.Value
	return m.MachineAttribute(req.Address, req.Size, uint32(req.Attribute), req.Value)
}

func vmRegion(m *vm.Map, c call, req *defs.VMRegion[ipc.Right], rep *defs.VMRegionReply[ipc.Right]) mach.Return {
	if req.Flavor != defs.RegionBasicInfo || req.Count < defs.RegionBasicInfoWords {
		return mach.KernInvalidArgument
	}
	addr := req.Address
	r, ret := m.Region(&addr)
	if ret != mach.KernSuccess {
		return ret
	}
	rep.Address, rep.Size = addr, r.Size
	rep.Info = defs.RegionInfo{
		Protection: r.Prot, MaxProtection: r.MaxProt, Inheritance: r.Inherit, Shared: r.Shared,
		Offset: r.Offset, Behavior: r.Behavior, UserWiredCount: uint32(r.UserWired),
	}.Words()
	return mach.KernSuccess
}

func vmRegionCMU(m *vm.Map, c call, req *defs.VMRegionCMU[ipc.Right], rep *defs.VMRegionCMUReply[ipc.Right]) mach.Return {
	addr := req.Address
	r, ret := m.Region(&addr)
	if ret != mach.KernSuccess {
		return ret
	}
	*rep = defs.VMRegionCMUReply[ipc.Right]{
		ObjectName: m.RegionName(addr), Address: addr, Size: r.Size,
		Protection: r.Prot, MaxProtection: r.MaxProt, Inheritance: r.Inherit, IsShared: r.Shared, Offset: r.Offset,
	}
	return mach.KernSuccess
}

func vmMsync(c call, req *defs.VMMsync[ipc.Right], _ *void) mach.Return {
	if req.SyncFlags&mach.SyncSynchronous != 0 && req.SyncFlags&mach.SyncAsynchronous != 0 {
		return mach.KernInvalidArgument // tested first (VM-221)
	}
	t := c.task()
	if t == nil {
		return mach.KernInvalidTask
	}
	return t.vmap.Msync(c.th, req.Address, req.Size, req.SyncFlags)
}

func vmMap(c call, req *defs.VMMap[ipc.Right], rep *defs.VMAddressReply) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidArgument
	}
	a := vm.MapArgs{
		Addr: req.Address, Size: req.Size, Mask: req.Mask, Anywhere: req.Anywhere,
		Object: &req.MemoryObject, Offset: req.Offset, Copy: req.Copy,
		Cur: req.CurProtection, Max: req.MaxProtection, Inherit: req.Inheritance,
	}
	ret := t.vmap.MapObject(c.th, &a)
	rep.Address = a.Addr
	return ret
}

// machVMMap with VMFlagsReturnDataAddr maps whole pages and answers with the address of the first byte
// asked for.
func machVMMap(c call, req *defs.MachVMMap[ipc.Right], rep *defs.VMAddressReply) mach.Return {
	t := c.task()
	const flags = defs.VMFlagsAnywhere | defs.VMFlagsOverwrite | defs.VMFlagsReturnDataAddr
	if t == nil || req.Flags&^flags != 0 {
		return mach.KernInvalidArgument
	}
	a := vm.MapArgs{
		Addr: req.Address, Size: req.Size, Mask: req.Mask,
		Anywhere: req.Flags&defs.VMFlagsAnywhere != 0, Overwrite: req.Flags&defs.VMFlagsOverwrite != 0,
		Object: &req.Object, Offset: req.Offset, Copy: req.Copy,
		Cur: req.CurProtection, Max: req.MaxProtection, Inherit: req.Inheritance,
	}
	in := mach.Offset(0)
	if req.Flags&defs.VMFlagsReturnDataAddr != 0 {
		a.Offset = req.Offset.Trunc(c.host.vm.PageSize())
		in = req.Offset - a.Offset
		if a.Size += mach.Size(in); a.Size < req.Size {
			return mach.KernInvalidArgument
		}
	}
	ret := t.vmap.MapObject(c.th, &a)
	rep.Address = a.Addr + mach.Addr(in)
	return ret
}

func vmRemap(c call, req *defs.VMRemap[ipc.Right], rep *defs.VMRemapReply) mach.Return {
	return remap(c, &req.SrcTask, rep, vm.RemapArgs{
		Addr: req.TargetAddress, Size: req.Size, Mask: req.Mask, Anywhere: req.Anywhere,
		SourceAddr: req.SrcAddress, Copy: req.Copy, Inherit: req.Inheritance,
	})
}

// machVMRemap knows the flag anywhere only: its source may lie where it would overwrite.
func machVMRemap(c call, req *defs.MachVMRemap[ipc.Right], rep *defs.VMRemapReply) mach.Return {
	if req.Flags&^defs.VMFlagsAnywhere != 0 {
		return mach.KernInvalidArgument
	}
	return remap(c, &req.SrcTask, rep, vm.RemapArgs{
		Addr: req.TargetAddress, Size: req.Size, Mask: req.Mask, Anywhere: req.Flags&defs.VMFlagsAnywhere != 0,
		SourceAddr: req.SrcAddress, Copy: req.Copy, Inherit: req.Inheritance,
	})
}

// remap keeps the source task while it waits.
func remap(c call, source *ipc.Right, rep *defs.VMRemapReply, a vm.RemapArgs) mach.Return {
	to, from := c.task(), c.taskOf(source)
	if to == nil || from == nil {
		return mach.KernInvalidArgument
	}
	from.reference()
	a.Source = from.vmap
	ret := to.vmap.Remap(c.th, &a)
	from.release(c.th)
	*rep = defs.VMRemapReply{TargetAddress: a.Addr, CurProtection: a.Cur, MaxProtection: a.Max}
	return ret
}

func vmGetSizeLimit(c call, req *defs.VMGetSizeLimit[ipc.Right], rep *defs.VMGetSizeLimitReply) mach.Return {
	t := c.task()
	if t == nil {
		return mach.KernInvalidTask
	}
	rep.CurrentLimit, rep.MaxLimit = t.vmap.SizeLimit()
	return mach.KernSuccess
}
