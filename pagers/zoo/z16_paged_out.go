package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var pagedOut = Specimen{
	ID:    "Z16",
	Title: "is a default pager that can itself be paged out",
	Mistake: "A default pager keeps its tables in ordinary memory. When memory is short they go where all such memory " +
		"goes: to the default pager. To handle any message it needs them back, and asks itself. Anonymous memory " +
		"that is not resident is then lost to everybody.",
	Remedy: "Wire all memory that a default pager touches: code, data, stacks, buffers.",
	Wrong:  func(t user.Thread, hostPriv mach.Name) (*Manager, mach.Return) { return newPagedOut(t, hostPriv, true) },
	Right: func(t user.Thread, hostPriv mach.Name) (*Manager, mach.Return) {
		return newPagedOut(t, hostPriv, false)
	},
}

// pageableDefault is a default manager with a table in memory. Its memory object is the port that kernels know.
type pageableDefault struct {
	shelf
	table  mach.Addr
	stored map[place][]byte // looked up, never ranged over
}

// place is a page of an object that a kernel has made.
type place struct {
	object mach.Name
	offset mach.Offset
}

func newPagedOut(t user.Thread, hostPriv mach.Name, wrong bool) (*Manager, mach.Return) {
	z := &pageableDefault{stored: map[place][]byte{}}
	m, ret := exhibit(t, z)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	m.Word = func(mach.Offset) (uint64, bool) { return 0, false } // its object has no pages
	if ret = user.VMAllocate(t, user.Self(t), &z.table, z.size, true); ret != mach.KernSuccess {
		return nil, ret
	}
	if err := t.Store64(z.table, 1); err != nil {
		return nil, mach.Code(err)
	}
	if !wrong { // the mistake is not to do this
		if ret = user.VMWire(t, hostPriv, user.Self(t), z.table, z.size, mach.ProtDefault); ret != mach.KernSuccess {
			return nil, ret
		}
	}
	_, ret = user.HostDefaultMemoryManager(t, hostPriv, z.object, z.size)
	return m, ret
}

// consult looks into the table, and reports whether it could.
func (z *pageableDefault) consult(t user.Thread) bool {
	_, err := t.Load64(z.table)
	return err == nil
}

// Create takes an object.
func (z *pageableDefault) Create(c *pagers.Call, m *pagers.Create) mach.Return {
	c.Release(m.NewName)
	c.Release(m.OldMemoryObject)
	return c.Server.AddPort(c.Thread, m.NewMemoryObject)
}

// DataReturn stores a page.
func (z *pageableDefault) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	data := z.take(c, m)
	if z.consult(c.Thread) {
		z.stored[place{c.Port, m.Offset}] = data
	}
	return mach.KernSuccess
}

// DataRequest supplies a page, if there is one.
func (z *pageableDefault) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	data := z.stored[place{c.Port, m.Offset}]
	switch {
	case !z.consult(c.Thread):
		c.DataError(m.MemoryControl, m.Offset, m.Length, mach.KernFailure)
	case data == nil:
		c.DataUnavailable(m.MemoryControl, m.Offset, m.Length)
	default:
		c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: data})
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}
