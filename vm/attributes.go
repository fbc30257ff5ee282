package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// attributes are what a manager may say about its object.
type attributes struct {
	strategy    mach.CopyStrategy
	canPersist  bool      // may be cached when nobody uses it
	temporary   bool      // contents need not survive the last reference
	clusterSize mach.Size // preferred size of a transfer

	invalidate      bool // kept and told, without effect
	silentOverwrite bool
	advisoryPageout bool
	oldManager      bool // became ready through set_attributes: one page at a time, and data_write
}

// setAttributes makes n the attributes of o, whose caller holds a reference. The strategy is as a
// manager may name it; TEMPORARY is kept as DELAY and makes the object temporary (EMM-197). The first
// call that leaves o with a strategy makes it ready (EMM-033), unless ready says that it is not to.
//
// KERN_INVALID_ARGUMENT, and no change: a strategy that a manager cannot choose, or none yet; another
// strategy than a ready object has (EMM-195); a cluster that is no power of two of pages (EMM-199); a
// feature the kernel does not have.
func (o *Object) setAttributes(n attributes, ready bool) mach.Return {
	p, h := o.host.personality, o.host
	switch n.strategy {
	case mach.CopyNone, mach.CopyDelay:
	case mach.CopyTemporary:
		n.strategy, n.temporary = mach.CopyDelay, true
	case mach.CopyCall:
		if !p.CopyCall {
			return mach.KernInvalidArgument
		}
	case mach.CopySymmetric:
		// The strategy of an object made by the kernel itself, whose manager names others only.
		if !o.internal || o.strategy != mach.CopySymmetric {
			return mach.KernInvalidArgument
		}
	default:
		return mach.KernInvalidArgument
	}
	if o.phase.ready() && n.strategy != o.strategy && !p.AllowStrategyChange {
		return mach.KernInvalidArgument
	}
	if n.clusterSize == 0 {
		n.clusterSize = h.pageSize
	}
	if n.clusterSize&(n.clusterSize-1) != 0 || !n.clusterSize.Aligned(h.pageSize) {
		return mach.KernInvalidArgument
	}
	if (n.silentOverwrite || n.advisoryPageout) && !p.AdvisoryPageout {
		return mach.KernInvalidArgument
	}
	o.attributes = n
	if o.phase == PhaseUnready && ready {
		o.setPhase(PhaseActive)
		o.host.traceAssociation(o.assoc, trace.StepReady)
	}
	return mach.KernSuccess
}

// withFlavor is the attributes a after a call that names the words of one flavor; what the flavor does not
// name stays (EMM-194). ok is false for an unknown flavor or another number of words.
func (a attributes) withFlavor(h *Host, f mach.Flavor, w []int32) (n attributes, ok bool) {
	if f.Words() == 0 || len(w) != f.Words() {
		return a, false
	}
	switch f {
	case mach.FlavorOldBehavior:
		a.strategy, a.temporary, a.invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
	case mach.FlavorBehavior:
		a.strategy, a.temporary, a.invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
		a.silentOverwrite, a.advisoryPageout = w[3] != 0, w[4] != 0
	case mach.FlavorPerformance:
		a.clusterSize, a.canPersist = mach.Size(uint32(w[0])).Round(h.pageSize), w[1] != 0
	case mach.FlavorOldAttribute:
		// Its ready field is not looked at, and the cluster is one page again.
		a.canPersist, a.strategy, a.clusterSize = w[1] != 0, mach.CopyStrategy(w[2]), h.pageSize
	case mach.FlavorAttribute:
		a.strategy, a.clusterSize = mach.CopyStrategy(w[0]), mach.Size(uint32(w[1]))
		a.canPersist, a.temporary = w[2] != 0, w[3] != 0
	}
	return a, true
}

// words is the attributes of o in one flavor, appended to w; ok is false for an unknown flavor.
func (o *Object) words(f mach.Flavor, w []int32) (_ []int32, ok bool) {
	a := o.attributes
	switch f {
	case mach.FlavorOldBehavior:
		w = append(w, int32(a.strategy), word(a.temporary), word(a.invalidate))
	case mach.FlavorBehavior:
		w = append(w, int32(a.strategy), word(a.temporary), word(a.invalidate), word(a.silentOverwrite), word(a.advisoryPageout))
	case mach.FlavorPerformance:
		w = append(w, int32(a.clusterSize), word(a.canPersist))
	case mach.FlavorOldAttribute:
		w = append(w, word(o.phase.ready()), word(a.canPersist), int32(a.strategy))
	case mach.FlavorAttribute:
		w = append(w, int32(a.strategy), int32(a.clusterSize), word(a.canPersist), word(a.temporary))
	default:
		return w, false
	}
	return w, true
}

func word(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
