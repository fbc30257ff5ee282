package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var nobodyHolds = Specimen{
	ID:    "Z15",
	Title: "takes one kernel's 'not resident' for 'nobody holds it'",
	Mistake: "A kernel asks for a page only if it has none, and a manager of one kernel may conclude that what it has " +
		"itself is the newest. A second kernel speaks for itself only: the first may have the page and write it. Both " +
		"get it, and what comes back last undoes what the other has written.",
	Remedy: "Remember for each page which kernels have it, and flush it there before another one may write it.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newTrusting(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newTrusting(t, false) },
}

// trusting is a sharer that believes in absence.
type trusting struct {
	sharer
	wrong bool
}

func newTrusting(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &trusting{wrong: wrong}
	z.take = z.later
	return exhibit(t, z)
}

// DataRequest supplies the page once no other kernel has it.
func (z *trusting) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if z.wrong {
		return z.shelf.DataRequest(c, m) // the mistake: another kernel may have it
	}
	return z.sharer.DataRequest(c, m)
}
