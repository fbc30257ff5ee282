package defs

import "machvm/kernel/mach"

// Flavors of vm_region and host_statistics, and the words they need.
const (
	RegionBasicInfo      int32 = 10
	RegionBasicInfoWords       = 9
	HostVMInfo           int32 = 2
	HostVMInfoWords            = 12
)

// RegionInfo is what the basic flavor of vm_region tells. Historic vm_region_basic_info.
type RegionInfo struct {
	Protection     mach.Prot
	MaxProtection  mach.Prot
	Inheritance    mach.Inherit
	Shared         bool
	Reserved       bool
	Offset         mach.Offset
	Behavior       mach.Behavior
	UserWiredCount uint32
}

// Words is the form in which the information travels; the offset takes two words.
func (r RegionInfo) Words() []int32 {
	return []int32{int32(r.Protection), int32(r.MaxProtection), int32(r.Inheritance), word(r.Shared),
		word(r.Reserved), int32(uint32(r.Offset)), int32(uint32(r.Offset >> 32)), int32(r.Behavior), int32(r.UserWiredCount)}
}

// ParseRegionInfo is the inverse of Words; ok is false if words are missing.
func ParseRegionInfo(w []int32) (r RegionInfo, ok bool) {
	if len(w) < RegionBasicInfoWords {
		return r, false
	}
	return RegionInfo{mach.Prot(w[0]), mach.Prot(w[1]), mach.Inherit(w[2]), w[3] != 0, w[4] != 0,
		mach.Offset(uint32(w[5])) | mach.Offset(uint32(w[6]))<<32, mach.Behavior(w[7]), uint32(w[8])}, true
}

// VMCounters is what the vm flavor of host_statistics tells. Historic vm_statistics.
type VMCounters struct {
	FreeCount, ActiveCount, InactiveCount, WireCount uint32 // pages now
	ZeroFillCount, Reactivations                     uint32 // events since boot, from here on
	Pageins, Pageouts, Faults, CowFaults             uint32
	Lookups, Hits                                    uint32
}

// Words is the form in which the counters travel.
func (c VMCounters) Words() []int32 {
	u := [...]uint32{c.FreeCount, c.ActiveCount, c.InactiveCount, c.WireCount, c.ZeroFillCount,
		c.Reactivations, c.Pageins, c.Pageouts, c.Faults, c.CowFaults, c.Lookups, c.Hits}
	w := make([]int32, len(u))
	for i := range u {
		w[i] = int32(u[i])
	}
	return w
}

// ParseVMCounters is the inverse of Words; ok is false if words are missing.
func ParseVMCounters(w []int32) (c VMCounters, ok bool) {
	if len(w) < HostVMInfoWords {
		return c, false
	}
	u := func(i int) uint32 { return uint32(w[i]) }
	return VMCounters{u(0), u(1), u(2), u(3), u(4), u(5), u(6), u(7), u(8), u(9), u(10), u(11)}, true
}

// ObjectAttributes is every attribute of a memory object, of whatever flavor.
type ObjectAttributes struct {
	CopyStrategy    mach.CopyStrategy
	ClusterSize     int32 // bytes
	MayCache        bool
	Temporary       bool
	Invalidate      bool
	SilentOverwrite bool
	AdvisoryPageout bool
	Ready           bool
}

// Words is the part of the attributes that a flavor holds, nil for an unknown flavor.
func (a ObjectAttributes) Words(f mach.Flavor) []int32 {
	strategy := int32(a.CopyStrategy)
	switch f {
	case mach.FlavorOldBehavior:
		return []int32{strategy, word(a.Temporary), word(a.Invalidate)}
	case mach.FlavorBehavior:
		return []int32{strategy, word(a.Temporary), word(a.Invalidate), word(a.SilentOverwrite), word(a.AdvisoryPageout)}
	case mach.FlavorPerformance:
		return []int32{a.ClusterSize, word(a.MayCache)}
	case mach.FlavorAttribute:
		return []int32{strategy, a.ClusterSize, word(a.MayCache), word(a.Temporary)}
	case mach.FlavorOldAttribute:
		return []int32{word(a.Ready), word(a.MayCache), strategy}
	}
	return nil
}

// Parse overwrites the part of the attributes that a flavor holds; ok is false, and nothing happens, if
// the flavor is unknown or the number of words is not the flavor's.
func (a *ObjectAttributes) Parse(f mach.Flavor, w []int32) (ok bool) {
	if n := f.Words(); n == 0 || n != len(w) {
		return false
	}
	switch f {
	case mach.FlavorOldBehavior:
		a.CopyStrategy, a.Temporary, a.Invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
	case mach.FlavorBehavior:
		a.CopyStrategy, a.Temporary, a.Invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
		a.SilentOverwrite, a.AdvisoryPageout = w[3] != 0, w[4] != 0
	case mach.FlavorPerformance:
		a.ClusterSize, a.MayCache = w[0], w[1] != 0
	case mach.FlavorAttribute:
		a.CopyStrategy, a.ClusterSize = mach.CopyStrategy(w[0]), w[1]
		a.MayCache, a.Temporary = w[2] != 0, w[3] != 0
	case mach.FlavorOldAttribute:
		a.Ready, a.MayCache, a.CopyStrategy = w[0] != 0, w[1] != 0, mach.CopyStrategy(w[2])
	}
	return true
}

func word(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
