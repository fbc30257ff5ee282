package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var suppliesTwice = Specimen{
	ID:    "Z3",
	Title: "supplies a page twice",
	Mistake: "The manager supplies a page once more, to be on the safe side. Mostly the kernel has it and refuses. But if " +
		"it was modified and evicted meanwhile and asked for again, the old page is taken for the answer, before the " +
		"manager has seen the new one.",
	Remedy: "Supply a page once for each request, and only then.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &eager{wrong: true}) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &eager{}) },
}

// eager is a manager that says things twice.
type eager struct {
	shelf
	wrong bool
}

// DataRequest supplies the page.
func (z *eager) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	answer := pagers.Supply{Offset: m.Offset, Data: z.page(m.Offset)}
	c.DataSupply(m.MemoryControl, answer)
	if z.wrong {
		c.DataSupply(m.MemoryControl, answer) // the mistake: this may answer a later request
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}
