package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Mach4 and GNUMach are the calls that only GNU Mach has.
var (
	Mach4   = mig.NewSubsystem("mach4", 4000, "proxies of memory objects", source)
	GNUMach = mig.NewSubsystem("gnumach", 4200, "virtual memory calls of GNU Mach", source)
)

var (
	MemoryObjectCreateProxyRow = Mach4.Routine(mig.IDs{mig.GNU: 4010}, "memory_object_create_proxy", MemoryObjectCreateProxy[mig.Port, mig.Ports]{}, ProxyReply[mig.Port]{})
	VMRegionCreateProxyRow     = Mach4.Routine(mig.IDs{mig.GNU: 4011}, "vm_region_create_proxy", VMRegionCreateProxy[mig.Port]{}, ProxyReply[mig.Port]{})

	VMCacheStatisticsRow = GNUMach.Routine(mig.IDs{mig.GNU: 4200}, "vm_cache_statistics", VMCacheStatistics[mig.Port]{}, VMCacheStatisticsReply{})
	VMWireAllRow         = GNUMach.Routine(mig.IDs{mig.GNU: 4207}, "vm_wire_all", VMWireAll[mig.Port]{}, mig.Void{})
	VMObjectSyncRow      = GNUMach.Routine(mig.IDs{mig.GNU: 4208}, "vm_object_sync", VMObjectSync[mig.Port]{}, mig.Void{})
	VMMsyncGNURow        = GNUMach.Routine(mig.IDs{mig.GNU: 4209}, "vm_msync", VMMsync[mig.Port]{}, mig.Void{})
	VMPagesPhysRow       = GNUMach.Routine(mig.IDs{mig.GNU: 4212}, "vm_pages_phys", VMPagesPhys[mig.Port]{}, VMPagesPhysReply[mig.Memory]{})
	VMSetSizeLimitRow    = GNUMach.Routine(mig.IDs{mig.GNU: 4215}, "vm_set_size_limit", VMSetSizeLimit[mig.Port]{}, mig.Void{})
	VMGetSizeLimitRow    = GNUMach.Routine(mig.IDs{mig.GNU: 4216}, "vm_get_size_limit", VMGetSizeLimit[mig.Port]{}, VMGetSizeLimitReply{})
)

// Flags of vm_wire_all.
const (
	WireCurrent uint32 = 1
	WireFuture  uint32 = 2
)

// MemoryObjectCreateProxy makes a port that stands for a range of a memory object with a lower maximum
// protection. The arrays must hold exactly one element, the offset 0.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, another number of elements, another offset, or a range
// that wraps; KERN_INVALID_NAME, not a port; KERN_RESOURCE_SHORTAGE.
type MemoryObjectCreateProxy[P, A any] struct {
	Task          P             `mig:"task,dest=task,copy_send"`
	Object        A             `mig:"object,copy_send"`
	MaxProtection mach.Prot     `mig:"max_protection"`
	Offset        []mach.Offset `mig:"offset,max=1024"`
	Start         []mach.Offset `mig:"start,max=1024"`
	Len           []mach.Size   `mig:"len,max=1024"`
}

// ProxyReply holds the port of a proxy.
type ProxyReply[P any] struct {
	Proxy P `mig:"proxy,move_send"`
}

// VMRegionCreateProxy makes a proxy of the object behind a region.
//
// Codes: KERN_NO_SPACE, no region; KERN_INVALID_ARGUMENT, longer than the region, or not a task.
type VMRegionCreateProxy[P any] struct {
	Task          P         `mig:"task,dest=task,copy_send"`
	Address       mach.Addr `mig:"address"`
	MaxProtection mach.Prot `mig:"max_protection"`
	Len           mach.Size `mig:"len"`
}

// VMCacheStatistics asks how much the kernel caches of external objects.
//
// Codes: KERN_INVALID_TASK.
type VMCacheStatistics[P any] struct {
	TargetTask P `mig:"target_task,dest=task,copy_send"`
}

// VMCacheStatisticsReply holds the counters.
type VMCacheStatisticsReply struct {
	CacheObjectCount uint32 `mig:"cache_object_count"` // external objects
	CacheCount       uint32 `mig:"cache_count"`        // their resident pages
}

// VMWireAll wires all memory a task has, all it will get, or neither.
//
// Codes: KERN_INVALID_HOST; KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, unknown flags; those of vm_wire.
type VMWireAll[P any] struct {
	Host  P      `mig:"host,dest=host,copy_send"`
	Task  P      `mig:"task,copy_send"`
	Flags uint32 `mig:"flags"`
}

// VMObjectSync returns and flushes pages of an object given by its name port, and waits for it.
//
// Codes: KERN_INVALID_ARGUMENT, not a memory object.
type VMObjectSync[P any] struct {
	Object       P           `mig:"object,dest=memory_object,copy_send"`
	Offset       mach.Offset `mig:"offset"`
	Size         mach.Size   `mig:"size"`
	ShouldFlush  bool        `mig:"should_flush"`
	ShouldReturn bool        `mig:"should_return"`
	ShouldIosync bool        `mig:"should_iosync"` // without effect
}

// VMPagesPhys asks for the physical address of each page of a range.
//
// Codes: KERN_INVALID_HOST; KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, not page aligned.
type VMPagesPhys[P any] struct {
	HostPriv   P         `mig:"host_priv,dest=host_priv,copy_send"`
	TargetTask P         `mig:"target_task,copy_send"`
	Address    mach.Addr `mig:"vaddr"`
	Size       mach.Size `mig:"size"`
}

// VMPagesPhysReply holds one 64-bit address for each page, 0 where none is resident.
type VMPagesPhysReply[M any] struct {
	Pages M `mig:"pages"`
}

// VMSetSizeLimit bounds the size of a task's address space; to raise the maximum takes the privileged
// host port.
//
// Codes: KERN_INVALID_TASK; KERN_INVALID_HOST; KERN_INVALID_ARGUMENT, current above maximum;
// KERN_NO_ACCESS.
type VMSetSizeLimit[P any] struct {
	HostPort     P         `mig:"host_port,dest=host,copy_send"`
	Map          P         `mig:"map,copy_send"`
	CurrentLimit mach.Size `mig:"current_limit"`
	MaxLimit     mach.Size `mig:"max_limit"`
}

// VMGetSizeLimit asks for the limits of a task's address space.
//
// Codes: KERN_INVALID_TASK.
type VMGetSizeLimit[P any] struct {
	Map P `mig:"map,dest=task,copy_send"`
}

// VMGetSizeLimitReply holds the limits in bytes.
type VMGetSizeLimitReply struct {
	CurrentLimit mach.Size `mig:"current_limit"`
	MaxLimit     mach.Size `mig:"max_limit"`
}
