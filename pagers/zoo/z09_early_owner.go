package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var earlyOwner = Specimen{
	ID:    "Z9",
	Title: "takes ownership at the wrong moment of a lock sequence",
	Mistake: "The manager asks for a page by a flush and takes the first data_return for the answer. That may be an older " +
		"one, of an msync or an eviction, behind which the kernel has written on. The manager changes the page, and " +
		"the data_return of the flush undoes it.",
	Remedy: "A page that the kernel may write is the manager's again when lock_completed comes: not when the flush is sent, " +
		"and not with the data.",
	Wrong: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newHasty(t, true) },
	Right: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newHasty(t, false) },
}

// hasty is an owner that goes by data.
type hasty struct {
	owner
	wrong bool
}

func newHasty(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &hasty{newOwner(t), wrong}
	z.accept()
	return exhibit(t, z)
}

// DataReturn keeps the page.
func (z *hasty) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	ret := z.owner.DataReturn(c, m)
	if z.wrong && z.sequence != none && m.Offset == z.locked {
		z.finish(c) // the mistake: there may be more to come
	}
	return ret
}
