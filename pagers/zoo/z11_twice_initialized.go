package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var twiceInitialized = Specimen{
	ID:    "Z11",
	Title: "accepts data_initialize for a page that it has",
	Mistake: "A kernel pushes the old contents of a page into a copy by data_initialize. The copy may have that page already: " +
		"changed, evicted, and now on backing store. A default manager that stores whatever comes then puts the old " +
		"contents over the new.",
	Remedy: "Let data_initialize fill only pages that are not there. data_return overwrites.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &credulous{wrong: true}) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &credulous{}) },
}

// credulous is a manager of objects that a kernel has made.
type credulous struct {
	shelf
	wrong bool
}

// DataInitialize keeps the page, unless there is one.
func (z *credulous) DataInitialize(c *pagers.Call, m *pagers.DataInitialize) mach.Return {
	data, err := user.LoadBytes(c.Thread, m.Data)
	_, there := z.pages[m.Offset]
	if err == nil && (!there || z.wrong) { // the mistake: what is there is newer
		z.pages[m.Offset] = data
	}
	c.Deallocate(m.Data)
	c.Release(m.MemoryControlPort)
	return mach.KernSuccess
}
