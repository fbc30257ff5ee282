package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var forgetsUnlock = Specimen{
	ID:    "Z5",
	Title: "forgets a data_unlock that comes during a clean",
	Mistake: "While a flush is out an unlock request can be thrown away: the page goes, and the kernel will ask for it with " +
		"all the access it wants. A clean leaves the pages where they are. The thread that wants to write waits for " +
		"the unlock, which the kernel does not ask for again, and for ever.",
	Remedy: "Keep an unlock request that comes during a lock sequence, and look at it again after lock_completed: grant " +
		"it unless the page was flushed.",
	Wrong: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newForgetter(t, true) },
	Right: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newForgetter(t, false) },
}

// forgetter is an owner that takes every lock sequence for a flush.
type forgetter struct {
	owner
	wrong bool
}

func newForgetter(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &forgetter{newOwner(t), wrong}
	z.accept()
	return exhibit(t, z)
}

// DataUnlock grants the access, or has it granted later.
func (z *forgetter) DataUnlock(c *pagers.Call, m *pagers.DataUnlock) mach.Return {
	if z.wrong && z.sequence != none {
		c.Release(m.MemoryControl) // the mistake: right for a flush, not for a clean
		return mach.KernSuccess
	}
	return z.owner.DataUnlock(c, m)
}
