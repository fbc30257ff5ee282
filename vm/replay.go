package vm

import (
	"iter"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// A Reference is one access of a trace.
type Reference struct {
	Page  uint64 // number of the page
	Write bool
}

// ReplayCounts is what a replay cost.
type ReplayCounts struct {
	References int
	Reads      int // pages brought in: the faults
	Writes     int // pages thrown out that were written since they came in
}

// Replay plays a trace against a policy and so many frames, by the policy's rules alone: each miss brings
// one page in, and throws one out once the frames are full. Nothing is thrown out at the end.
func Replay(pol Policy, frames int, trace iter.Seq[Reference]) ReplayCounts {
	m := memory{policy: pol}
	m.active.name, m.inactive.name = "active", "inactive"
	m.frames.total = frames
	resident := map[uint64]*Page{} // looked up only
	var c ReplayCounts
	for r := range trace {
		c.References++
		p := resident[r.Page]
		if p != nil {
			pol.touch(&m, p, false)
		} else {
			c.Reads++
			if len(resident) < frames {
				p = &Page{frame: &frame{}}
			} else {
				p = m.evictable()
				if p.dirty {
					c.Writes++
				}
				delete(resident, p.number)
				*p.frame = frame{}
				*p = Page{frame: p.frame}
			}
			p.number = r.Page
			resident[r.Page] = p
			pol.activate(&m, p)
			pol.touch(&m, p, true)
		}
		p.dirty = p.dirty || r.Write
	}
	return c
}

// evictable is the page that the policy gives up, off its queue.
func (m *memory) evictable() *Page {
	m.policy.refill(m, nil)
	for {
		if p := m.candidate(); p == nil || !m.policy.spares(m, p) {
			return p
		}
	}
}

// candidate is the next victim, off its queue; if there is none, all pages in use become candidates.
func (m *memory) candidate() *Page {
	p := m.policy.victim(m, nil)
	if p == nil {
		m.policy.refill(m, func(*Page) bool { return false })
		p = m.policy.victim(m, nil)
	}
	return p
}

// EvictOne has the policy choose one page and throws it out, whatever the state of memory; it reports whether
// a page went. It is for replays through an address space that bound the resident set by themselves.
func (h *Host) EvictOne(th *sched.Thread) bool {
	h.sampleBits()
	h.policy.refill(&h.memory, nil)
	later := 0 // pages in a row that cannot go before another thread has run
	for {
		p := h.candidate()
		if p == nil {
			return false
		}
		switch h.judge(th, p) {
		case evictSpared:
		case evictLater:
			if later++; later >= h.inactive.count {
				return false
			}
		case evictStuck:
			return false
		default:
			return true
		}
	}
}

// Referenced tells the host's policy that a program has accessed the page at addr, first if that access
// brought it in, and clears the bit the hardware has set for it. It is for replays that let a policy see every
// reference; an address without a page in the object its region names is nothing to tell.
func (m *Map) Referenced(addr mach.Addr, first bool) {
	e, ok := m.lookup(addr)
	if !ok || e.object == nil {
		return
	}
	h := m.host
	if p := e.object.lookup(e.offsetOf(addr.Trunc(h.pageSize))); p != nil && p.queue != nil {
		p.frame.referenced = false
		h.policy.touch(&h.memory, p, first)
	}
}
