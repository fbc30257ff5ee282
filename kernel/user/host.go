package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	hostDefaultMemoryManager  = NewRoutine[defs.HostDefaultMemoryManager[mach.Name], defs.DefaultManagerReply[mach.Name]](defs.HostDefaultMemoryManagerRow)
	vmSetDefaultMemoryManager = NewRoutine[defs.VMSetDefaultMemoryManager[mach.Name], defs.DefaultManagerReply[mach.Name]](defs.VMSetDefaultMemoryManagerRow)
	vmWire                    = NewRoutine[defs.VMWire[mach.Name], mig.Void](defs.VMWireRow)
	threadWire                = NewRoutine[defs.ThreadWire[mach.Name], mig.Void](defs.ThreadWireRow)
	hostStatistics            = NewRoutine[defs.HostStatistics[mach.Name], defs.HostStatisticsReply](defs.HostStatisticsRow)
	vmStatistics              = NewRoutine[defs.VMStatistics[mach.Name], defs.VMStatisticsReply](defs.VMStatisticsRow)
	hostPageSize              = NewRoutine[defs.HostPageSize[mach.Name], defs.HostPageSizeReply](defs.HostPageSizeRow)
)

// HostDefaultMemoryManager makes the port whose receive right is manager the default memory manager and
// returns a right for the one before; a null manager only asks (OSF).
func HostDefaultMemoryManager(t Thread, hostPriv, manager mach.Name, clusterSize mach.Size) (mach.Name, mach.Return) {
	rep, r := Call(t, hostDefaultMemoryManager, &defs.HostDefaultMemoryManager[mach.Name]{HostPriv: hostPriv,
		DefaultManager: manager, ClusterSize: clusterSize})
	return rep.DefaultManager, r
}

// VMSetDefaultMemoryManager is the older form. In the OSF message set it uses up a send right for manager,
// in the others manager is a receive right.
func VMSetDefaultMemoryManager(t Thread, hostPriv, manager mach.Name) (mach.Name, mach.Return) {
	rep, r := Call(t, vmSetDefaultMemoryManager, &defs.VMSetDefaultMemoryManager[mach.Name]{HostPriv: hostPriv, DefaultManager: manager})
	return rep.DefaultManager, r
}

// VMWire makes a range resident and keeps it so, or with no access undoes that once.
func VMWire(t Thread, hostPriv, task mach.Name, addr mach.Addr, size mach.Size, access mach.Prot) mach.Return {
	return do(t, vmWire, &defs.VMWire[mach.Name]{HostPriv: hostPriv, Task: task, Address: addr, Size: size, Access: access})
}

// ThreadWire lets the calling thread, or no longer lets it, use the last free pages.
func ThreadWire(t Thread, hostPriv, thread mach.Name, wired bool) mach.Return {
	return do(t, threadWire, &defs.ThreadWire[mach.Name]{HostPriv: hostPriv, Thread: thread, Wired: wired})
}

// HostStatistics gives the memory counters of the host (OSF).
func HostStatistics(t Thread, host mach.Name) (defs.VMCounters, mach.Return) {
	rep, r := Call(t, hostStatistics, &defs.HostStatistics[mach.Name]{HostPriv: host, Flavor: defs.HostVMInfo, Count: defs.HostVMInfoWords})
	if r != mach.KernSuccess {
		return defs.VMCounters{}, r
	}
	c, ok := defs.ParseVMCounters(rep.Info)
	if !ok {
		return c, mach.MigBadArguments
	}
	return c, mach.KernSuccess
}

// VMStatistics gives the page size and the memory counters of the host (CMU, GNU).
func VMStatistics(t Thread, task mach.Name) (defs.VMStatisticsReply, mach.Return) {
	return Call(t, vmStatistics, &defs.VMStatistics[mach.Name]{TargetTask: task})
}

// HostPageSize gives the page size of the host (OSF).
func HostPageSize(t Thread, host mach.Name) (mach.Size, mach.Return) {
	rep, r := Call(t, hostPageSize, &defs.HostPageSize[mach.Name]{Host: host})
	return rep.PageSize, r
}
