package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// The calls on the host ports.

var hostRoutines = []routine{
	on(defs.HostStatisticsRow, hostStatistics),
	on(defs.HostPageSizeRow, hostPageSize),
	on(defs.VMStatisticsRow, vmStatistics),
	onBlocking(defs.VMWireRow, vmWire),
	on(defs.ThreadWireRow, threadWire),
	on(defs.HostDefaultMemoryManagerRow, hostDefaultMemoryManager),
	on(defs.VMSetDefaultMemoryManagerRow, vmSetDefaultMemoryManager),
	on(defs.VMSetSizeLimitRow, vmSetSizeLimit),
	onBlocking(defs.VMWireAllRow, vmWireAll),
	on(defs.VMCacheStatisticsRow, vmCacheStatistics),
	on(defs.VMPagesPhysRow, vmPagesPhys),
}

// Accepts is true: a host port is never closed.
func (p *hostPort) Accepts(mach.MsgID) bool { return true }

// Serve executes a request that was sent to the host.
func (p *hostPort) Serve(th *sched.Thread, req, rep *ipc.Kmsg) mach.Return {
	return p.host.serve(th, p, req, rep)
}

// send is a new send right for the host port. Historic convert_host_to_port.
func (p *hostPort) send() ipc.Right { return ipc.MakeSend(&p.right) }

func hostStatistics(c call, req *defs.HostStatistics[ipc.Right], rep *defs.HostStatisticsReply) mach.Return {
	switch {
	case !c.onHost():
		return mach.KernInvalidHost
	case req.Flavor != defs.HostVMInfo:
		return mach.KernInvalidArgument
	case req.Count < defs.HostVMInfoWords:
		return mach.KernFailure
	}
	s := c.host.vm.Stats()
	rep.Info = defs.VMCounters{
		FreeCount: uint32(s.Free), ActiveCount: uint32(s.Active), InactiveCount: uint32(s.Inactive), WireCount: uint32(s.Wired),
		ZeroFillCount: uint32(s.ZeroFills), Reactivations: uint32(s.Reactivations),
		Pageins: uint32(s.Pageins), Pageouts: uint32(s.Pageouts), Faults: uint32(s.Faults), CowFaults: uint32(s.CowFaults),
		Lookups: uint32(s.Lookups), Hits: uint32(s.Hits),
	}.Words()
	return mach.KernSuccess
}

// vmStatistics answers on a task's port for the task's host.
func vmStatistics(c call, req *defs.VMStatistics[ipc.Right], rep *defs.VMStatisticsReply) mach.Return {
	if c.task() == nil {
		return mach.KernInvalidArgument
	}
	s := c.host.vm.Stats()
	*rep = defs.VMStatisticsReply{
		PageSize:  uint32(s.PageSize),
		FreeCount: uint32(s.Free), ActiveCount: uint32(s.Active), InactiveCount: uint32(s.Inactive), WireCount: uint32(s.Wired),
		ZeroFillCount: uint32(s.ZeroFills), Reactivations: uint32(s.Reactivations),
		Pageins: uint32(s.Pageins), Pageouts: uint32(s.Pageouts), Faults: uint32(s.Faults), CowFaults: uint32(s.CowFaults),
		Lookups: uint32(s.Lookups), Hits: uint32(s.Hits),
	}
	return mach.KernSuccess
}

func hostPageSize(c call, req *defs.HostPageSize[ipc.Right], rep *defs.HostPageSizeReply) mach.Return {
	if !c.onHost() {
		return mach.KernInvalidArgument
	}
	rep.PageSize = c.host.vm.PageSize()
	return mach.KernSuccess
}

// unprivilegedWiring is how much of its memory a task may have wired through the unprivileged host port of a GNU
// kernel (VM-106); other kernels take the privileged port only.
const unprivilegedWiring mach.Size = 8 << 20

// vmWire keeps the task while it waits.
func vmWire(c call, req *defs.VMWire[ipc.Right], _ *void) mach.Return {
	limited := !c.privileged()
	if limited && (!c.onHost() || c.host.form.Set != mig.GNU) {
		return mach.KernInvalidHost
	}
	t := c.taskOf(&req.Task)
	if t == nil {
		return mach.KernInvalidTask
	}
	if limited && req.Access != mach.ProtNone && (req.Size > unprivilegedWiring || t.vmap.WiredSize()+req.Size > unprivilegedWiring) {
		return mach.KernNoAccess
	}
	t.reference()
	ret := t.vmap.Wire(c.th, req.Address, req.Size, req.Access)
	t.release(c.th)
	return ret
}

func threadWire(c call, req *defs.ThreadWire[ipc.Right], _ *void) mach.Return {
	t := c.threadOf(&req.Thread)
	if !c.privileged() || t == nil || t.th != c.th {
		return mach.KernInvalidArgument
	}
	c.host.vm.SetPrivileged(c.th, req.Wired)
	return mach.KernSuccess
}

func hostDefaultMemoryManager(c call, req *defs.HostDefaultMemoryManager[ipc.Right], rep *defs.DefaultManagerReply[ipc.Right]) mach.Return {
	return c.defaultManager(&req.DefaultManager, req.ClusterSize, rep)
}

// vmSetDefaultMemoryManager sets a cluster of 4 pages where clusters are known.
func vmSetDefaultMemoryManager(c call, req *defs.VMSetDefaultMemoryManager[ipc.Right], rep *defs.DefaultManagerReply[ipc.Right]) mach.Return {
	cluster := c.host.vm.PageSize()
	if c.host.form.Set == mig.OSF {
		cluster *= 4
	}
	return c.defaultManager(&req.DefaultManager, cluster, rep)
}

func (c call) defaultManager(port *ipc.Right, cluster mach.Size, rep *defs.DefaultManagerReply[ipc.Right]) mach.Return {
	if !c.privileged() {
		return mach.KernInvalidHost
	}
	if port.Live() && port.Kind() != ipc.SendRight {
		return mach.KernInvalidArgument
	}
	rep.DefaultManager = c.host.vm.DefaultManager(port, cluster)
	return mach.KernSuccess
}

func vmSetSizeLimit(c call, req *defs.VMSetSizeLimit[ipc.Right], _ *void) mach.Return {
	if !c.onHost() {
		return mach.KernInvalidHost
	}
	t := c.taskOf(&req.Map)
	if t == nil {
		return mach.KernInvalidTask
	}
	return t.vmap.SetSizeLimit(req.CurrentLimit, req.MaxLimit, c.privileged())
}

// vmWireAll wires what the task has now, region by region, and what it will have; flags without a bit take
// that wiring back. The first region that cannot be wired ends it, and those before stay wired.
func vmWireAll(c call, req *defs.VMWireAll[ipc.Right], _ *void) mach.Return {
	if !c.onHost() {
		return mach.KernInvalidHost
	}
	t := c.taskOf(&req.Task)
	if t == nil {
		return mach.KernInvalidTask
	}
	if req.Flags&^(defs.WireCurrent|defs.WireFuture) != 0 {
		return mach.KernInvalidArgument
	}
	t.reference()
	defer t.release(c.th)
	t.vmap.SetWiringRequired(req.Flags&defs.WireFuture != 0)
	for addr := mach.Addr(0); ; {
		region, ret := t.vmap.Region(&addr)
		if ret != mach.KernSuccess {
			return mach.KernSuccess
		}
		access := mach.ProtNone
		if req.Flags&defs.WireCurrent != 0 {
			access = region.Prot
		}
		if access != mach.ProtNone || region.UserWired > 0 {
			if ret := t.vmap.Wire(c.th, addr, region.Size, access); ret != mach.KernSuccess {
				return ret
			}
		}
		addr += mach.Addr(region.Size)
	}
}

// vmCacheStatistics answers on a task's port for the task's host.
func vmCacheStatistics(c call, req *defs.VMCacheStatistics[ipc.Right], rep *defs.VMCacheStatisticsReply) mach.Return {
	if c.task() == nil {
		return mach.KernInvalidTask
	}
	objects, pages := c.host.vm.CacheStatistics()
	rep.CacheObjectCount, rep.CacheCount = uint32(objects), uint32(pages)
	return mach.KernSuccess
}

func vmPagesPhys(c call, req *defs.VMPagesPhys[ipc.Right], rep *defs.VMPagesPhysReply[ipc.Memory]) mach.Return {
	if !c.privileged() {
		return mach.KernInvalidHost
	}
	t := c.taskOf(&req.TargetTask)
	if t == nil {
		return mach.KernInvalidTask
	}
	pages, ret := t.vmap.PagesPhys(req.Address, req.Size)
	if ret != mach.KernSuccess || len(pages) == 0 {
		return ret
	}
	b := make([]byte, 0, 8*len(pages))
	for _, at := range pages {
		b = mach.Words.AppendUint64(b, at)
	}
	rep.Pages = c.host.vm.NewBytes(b)
	return mach.KernSuccess
}
