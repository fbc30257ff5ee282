package vm

import (
	"machvm/ipc"
	"machvm/kernel/mach"
)

// RegionInfo is what vm_region tells of one region. Historic vm_region_basic_info.
type RegionInfo struct {
	Size      mach.Size
	Prot      mach.Prot
	MaxProt   mach.Prot
	Inherit   mach.Inherit
	Shared    bool // by inheritance or remap; two mappings of one memory object are not (VM-071)
	Offset    mach.Offset
	Behavior  mach.Behavior
	UserWired int
}

// Region describes the region that holds *addr, or else the next one above, and sets *addr to its
// start. Historic vm_region (VM-067 to VM-069).
//
//	RegionEndCode  no region at or above the address
func (m *Map) Region(addr *mach.Addr) (RegionInfo, mach.Return) {
	e := m.from(*addr)
	if e == nil {
		return RegionInfo{}, m.host.personality.RegionEndCode
	}
	*addr = e.start
	return e.info(), mach.KernSuccess
}

func (e *Entry) info() RegionInfo {
	return RegionInfo{
		Size: e.size(), Prot: e.prot, MaxProt: e.maxProt, Inherit: e.inherit, Shared: e.shared,
		Offset: e.offset, Behavior: e.behavior, UserWired: int(e.userWired),
	}
}

// RegionName is a send right for the name port of the object at the bottom of the region's shadow
// chain, Null where there is none: what vm_region of CMU and GNU adds.
func (m *Map) RegionName(addr mach.Addr) ipc.Right {
	e := m.from(addr)
	if e == nil || e.object == nil {
		return ipc.Right{}
	}
	o := e.object
	for o.shadow != nil {
		o = o.shadow
	}
	return o.nameRight()
}

// Attributes and values of vm_machine_attribute.
const (
	AttributeCache     uint32 = 1
	AttributeMigrate   uint32 = 2
	AttributeReplicate uint32 = 4

	AttributeFlushAll         int32 = 6
	AttributeFlushData        int32 = 7
	AttributeFlushInstruction int32 = 8
	AttributeSync             int32 = 9
)

// MachineAttribute flushes or synchronizes caches of a range, of which the simulated machine has none.
// Historic vm_machine_attribute.
//
//	AttributeRangeCode     the range leaves the map
//	KERN_INVALID_ARGUMENT  any other attribute or value
func (m *Map) MachineAttribute(addr mach.Addr, size mach.Size, attribute uint32, value int32) mach.Return {
	end := addr + mach.Addr(size)
	if end < addr || addr < m.min || end > m.max {
		return m.host.personality.AttributeRangeCode
	}
	if attribute != AttributeCache || value < AttributeFlushAll || value > AttributeSync {
		return mach.KernInvalidArgument
	}
	return mach.KernSuccess
}

// SetSizeLimit bounds the bytes in regions whose maximum protection is not none. Historic
// vm_set_size_limit (VM-040 to VM-042).
//
//	KERN_INVALID_ARGUMENT  current is above maximum
//	KERN_NO_ACCESS         maximum would rise and the caller is not privileged
func (m *Map) SetSizeLimit(current, maximum mach.Size, privileged bool) mach.Return {
	if current > maximum {
		return mach.KernInvalidArgument
	}
	if maximum > m.maxLimit && !privileged {
		return mach.KernNoAccess
	}
	m.curLimit, m.maxLimit = current, maximum
	return mach.KernSuccess
}

// SizeLimit is the limits in force. Historic vm_get_size_limit.
func (m *Map) SizeLimit() (current, maximum mach.Size) { return m.curLimit, m.maxLimit }
