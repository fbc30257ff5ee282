package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// shelf is a manager without mistakes: one object, of which it has every page, each beginning with its number plus 1.
// It supplies one page for each request and keeps what comes back.
type shelf struct {
	pagers.Base
	object mach.Name
	size   mach.Size // of a page
	// pages are those that differ from what they were in the beginning; nil: given away. Looked up, never ranged over.
	pages    map[mach.Offset][]byte
	copy     mach.CopyStrategy
	supplied int // pages
}

func (s *shelf) base() *shelf { return s }

// Init makes the object ready.
func (s *shelf) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	s.welcome(c, m)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// welcome makes the object ready, with requests for one page at a time, and keeps the control port.
func (s *shelf) welcome(c *pagers.Call, m *pagers.Init) mach.Return {
	c.Ready(m.MemoryControl, pagers.Attributes{CopyStrategy: s.copy, ClusterSize: int32(s.size)})
	c.Release(m.MemoryObjectName)
	return mach.KernSuccess
}

// DataRequest supplies the page.
func (s *shelf) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	s.supply(c, m.MemoryControl, m.Offset)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// supply supplies the page at off with all access.
func (s *shelf) supply(c *pagers.Call, control mach.Name, off mach.Offset) {
	s.supplied++
	c.DataSupply(control, pagers.Supply{Offset: off, Data: s.page(off)})
}

// DataReturn keeps the page.
func (s *shelf) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	s.pages[m.Offset] = s.take(c, m)
	return mach.KernSuccess
}

// take is the page that a message brings, and releases the rest.
func (s *shelf) take(c *pagers.Call, m *pagers.DataReturn) []byte {
	data, err := user.LoadBytes(c.Thread, m.Data)
	if err != nil {
		data = s.page(m.Offset)
	}
	c.Deallocate(m.Data)
	c.Release(m.MemoryControl)
	return data
}

// page is the page at off as the shelf has it, for changing, too.
func (s *shelf) page(off mach.Offset) []byte {
	data := s.pages[off]
	if data == nil {
		data = make([]byte, s.size)
		mach.Words.PutUint64(data, uint64(off)/uint64(s.size)+1)
		s.pages[off] = data
	}
	return data
}

// stored is the word at off.
func (s *shelf) stored(off mach.Offset) (uint64, bool) {
	in := off % mach.Offset(s.size)
	if data, known := s.pages[off-in]; known && data == nil {
		return 0, false
	}
	return mach.Words.Uint64(s.page(off - in)[in:]), true
}

// set changes the word at off.
func (s *shelf) set(off mach.Offset, v uint64) {
	in := off % mach.Offset(s.size)
	mach.Words.PutUint64(s.page(off - in)[in:], v)
}
