package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var storeOnItsWay = Specimen{
	ID:    "Z1",
	Title: "answers a request from the store while the evicted page is still on its way there",
	Mistake: "A page comes back by data_return and the manager has it written. The kernel asks for it again before " +
		"the store has it. Who reads the store then supplies the page of before, and what was written is lost.",
	Remedy: "Keep every page in hand until the store confirms it, and look there first.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, newSlowStore(true)) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, newSlowStore(false)) },
}

// slowStore is a manager whose store takes its time: a thread for each page that is being written.
type slowStore struct {
	shelf
	wrong   bool
	writing map[mach.Offset][]byte // on their way to the store
}

func newSlowStore(wrong bool) *slowStore {
	return &slowStore{wrong: wrong, writing: map[mach.Offset][]byte{}}
}

// DataReturn begins to write the page. What the kernel says next does not wait for the store.
func (z *slowStore) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	off := m.Offset
	z.writing[off] = z.take(c, m)
	c.Thread.Spawn("write", func(t user.Thread) {
		if data := z.writing[off]; data != nil { // else a later write has taken the newest
			z.pages[off] = data
			delete(z.writing, off)
		}
	})
	return mach.KernSuccess
}

// DataRequest supplies the page that came last.
func (z *slowStore) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	data := z.writing[m.Offset]
	if data == nil || z.wrong { // the mistake: the store is believed although a newer page is on its way
		data = z.page(m.Offset)
	}
	c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: data})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}
