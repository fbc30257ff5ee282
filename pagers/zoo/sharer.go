package zoo

import (
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// sharer is a manager without mistakes of one page that several kernels map. One of them has it at a time; the page is
// taken from it before another gets it, though not at once.
type sharer struct {
	shelf
	holder  mach.Name   // the kernel that has the page, by control port; null: none
	asked   bool        // a flush is out
	waiting []mach.Name // kernels that have asked for the page
	// take has the page taken from the holder: later, if nothing else is said.
	take func(c *pagers.Call)
}

// Init makes the object ready and keeps the reference of the control port.
func (s *sharer) Init(c *pagers.Call, m *pagers.Init) mach.Return { return s.welcome(c, m) }

// Terminate ends a kernel's use. Its page has come back.
func (s *sharer) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	s.forget(m.MemoryControl)
	if s.holder == m.MemoryControl {
		s.next(c)
	}
	return s.Base.Terminate(c, m)
}

// DataRequest has the kernel wait for the page, and asks for it.
func (s *sharer) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	s.waiting = append(s.waiting, m.MemoryControl)
	c.Release(m.MemoryControl)
	switch {
	case s.asked:
	case s.holder == mach.NameNull, s.holder == m.MemoryControl: // or it has lost the page
		s.next(c)
	default:
		s.take(c)
	}
	return mach.KernSuccess
}

// LockCompleted says that the holder has the page no more.
func (s *sharer) LockCompleted(c *pagers.Call, m *pagers.LockCompleted) mach.Return {
	if s.asked && m.MemoryControl == s.holder {
		s.next(c)
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// next gives the page to whoever has waited longest, and if others wait has it taken back.
func (s *sharer) next(c *pagers.Call) {
	s.holder, s.asked = mach.NameNull, false
	if len(s.waiting) == 0 {
		return
	}
	s.holder, s.waiting = s.waiting[0], s.waiting[1:]
	s.supply(c, s.holder, 0)
	if len(s.waiting) > 0 {
		s.take(c)
	}
}

// grace is how long a kernel may use a page that another one waits for, in milliseconds.
const grace = 1

// later takes the page back after a while. The service thread goes on meanwhile.
func (s *sharer) later(c *pagers.Call) {
	server, holder := c.Server, s.holder
	c.Thread.Spawn("take back", func(t user.Thread) {
		t.Sleep(grace)
		if s.holder == holder { // else it has come back by itself
			s.flush(&pagers.Call{Thread: t, Server: server})
		}
	})
}

// flush asks the holder for the page.
func (s *sharer) flush(c *pagers.Call) {
	if s.holder == mach.NameNull || s.asked {
		return
	}
	s.asked = true
	c.LockRequest(s.holder, pagers.Lock{Size: s.size, Return: mach.ReturnDirty, Flush: true, Value: mach.ProtAll, ReplyTo: s.object})
}

// forget drops what a kernel has asked for.
func (s *sharer) forget(control mach.Name) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w mach.Name) bool { return w == control })
}
