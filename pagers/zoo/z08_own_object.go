package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var ownObject = Specimen{
	ID:    "Z8",
	Title: "touches a mapping of its own object",
	Mistake: "The manager reads its object through memory, like a client. If the page is not there its thread faults, and " +
		"waits for a page that it is to supply itself. As long as somebody else has touched the page before, all is well.",
	Remedy: "Never touch memory that this manager serves: read what the pages are made from.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newSelfReader(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newSelfReader(t, false) },
}

// selfReader is a manager whose second page follows from the first, and which has mapped its own object.
type selfReader struct {
	shelf
	wrong  bool
	mapped mach.Addr
}

func newSelfReader(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &selfReader{wrong: wrong}
	m, ret := exhibit(t, z)
	if ret == mach.KernSuccess {
		m.helpers = append(m.helpers, helper{"map", func(t user.Thread) { z.mapped = mapOwn(t, z.object, z.size) }})
	}
	return m, ret
}

// mapOwn maps an object of the task's own. Another thread has to make it ready.
func mapOwn(t user.Thread, object mach.Name, size mach.Size) (addr mach.Addr) {
	self := user.Self(t)
	user.MachPortInsertRight(t, self, object, object, mach.MakeSend)
	user.VMMap(t, self, &addr, size, 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare)
	return addr
}

// DataRequest makes the page from the first, and supplies it.
func (z *selfReader) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if m.Offset > 0 {
		first, _ := z.stored(0)
		if z.wrong {
			first, _ = c.Thread.Load64(z.mapped) // the mistake: who will supply it?
		}
		z.set(m.Offset, first+1)
	}
	return z.shelf.DataRequest(c, m)
}
