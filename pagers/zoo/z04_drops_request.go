package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var dropsRequest = Specimen{
	ID:    "Z4",
	Title: "drops a data_request that comes during a lock sequence",
	Mistake: "While a flush is out the manager cannot supply the page, and lets the request go: the kernel will ask again. " +
		"It does not: a page that was asked for and not provided is never asked for again, and the faulting thread " +
		"waits for ever. The printed sample pager of the Server Writer's Guide does this.",
	Remedy: "Keep the request, and answer it after lock_completed.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newDropper(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newDropper(t, false) },
}

// dropper is an owner that has no patience with requests.
type dropper struct {
	owner
	wrong bool
}

func newDropper(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &dropper{newOwner(t), wrong}
	z.accept()
	return exhibit(t, z)
}

// DataRequest supplies the page, or has it supplied later.
func (z *dropper) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if z.wrong && z.sequence != none {
		c.Release(m.MemoryControl) // the mistake: nobody will ask again
		return mach.KernSuccess
	}
	return z.owner.DataRequest(c, m)
}
