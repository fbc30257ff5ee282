package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var onePool = Specimen{
	ID:    "Z13",
	Title: "has one pool of threads for pageable and wired requests",
	Mistake: "To serve some requests a manager touches memory that can be paged out, and the request for that memory comes " +
		"to the same manager. One thread more is enough until all threads are busy with requests of the first sort: " +
		"then nobody is left for those of the second, which all of them wait for.",
	Remedy: "Serve requests that others depend on by threads of their own, whose work needs no memory but wired.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newDependent(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newDependent(t, false) },
}

// dependent is a manager whose table lies in an object that it manages, too.
type dependent struct {
	shelf
	tables mach.Name // the object of the table
	table  mach.Addr // where it is mapped
}

func newDependent(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &dependent{}
	m, ret := exhibit(t, z, pagers.Threads(2))
	if ret != mach.KernSuccess {
		return nil, ret
	}
	wired := m.Server // the mistake: the same threads
	if !wrong {
		if wired, ret = pagers.New(t, z); ret != mach.KernSuccess {
			return nil, ret
		}
		m.helpers = append(m.helpers, helper{"wired service", func(t user.Thread) { wired.Run(t) }})
	}
	z.tables, ret = wired.AllocatePort(t)
	m.helpers = append(m.helpers, helper{"map", func(t user.Thread) { z.table = mapOwn(t, z.tables, z.size) }})
	return m, ret
}

// DataRequest looks into the table before it supplies a page of the clients' object.
func (z *dependent) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if c.Port == z.object {
		if _, err := c.Thread.Load64(z.table); err != nil {
			c.DataError(m.MemoryControl, m.Offset, m.Length, mach.KernFailure)
			c.Release(m.MemoryControl)
			return mach.KernSuccess
		}
	}
	return z.shelf.DataRequest(c, m)
}
