package pagers

import (
	"machvm/kernel/mach"
)

// Read-ahead is data that nobody has asked for. A kernel takes it for pages it does not have, also for one it
// has just given back: the page that is on its way to the pager would be overwritten by what the store had
// before. So data is supplied ahead only for pages that the kernel cannot have changed. It is supplied with
// a lock against writing, and a page without lock counts as changed from its supply until it comes back.

// aheadState is what is known about a kernel's liking for read-ahead. Some refuse what they have not asked for.
type aheadState uint8

const (
	aheadUnknown aheadState = iota
	aheadAsked              // the first data is with the kernel, and supply_completed will tell
	aheadTaken
	aheadRefused
)

// readAhead is what a use remembers for the sake of read-ahead; nil if there is none.
type readAhead struct {
	pages   int
	state   aheadState
	asked   mach.Offset          // where the first data was
	changed map[mach.Offset]bool // pages that the kernel may have changed; looked up only
}

// given notes that a kernel has got pages that it may change.
func (u *use) given(off mach.Offset, size mach.Size) {
	if u.ahead == nil {
		return
	}
	for at := off; at < off+mach.Offset(size); at += mach.Offset(u.pageSize) {
		u.ahead.changed[at] = true
	}
}

// gaveBack notes that the kernel has given pages back and has them no longer.
func (u *use) gaveBack(off mach.Offset, size mach.Size) {
	if u.ahead == nil {
		return
	}
	for at := off; at < off+mach.Offset(size); at += mach.Offset(u.pageSize) {
		delete(u.ahead.changed, at)
	}
}

// aheadOf is how much to supply ahead from off on, of a file that ends at end.
func (u *use) aheadOf(off, end mach.Offset) (size mach.Size) {
	a := u.ahead
	if a == nil || a.state == aheadAsked || a.state == aheadRefused {
		return 0
	}
	for range a.pages {
		at := off + mach.Offset(size)
		if at >= end || a.changed[at] || u.object.lost.touch(at, u.pageSize) {
			break
		}
		size += u.pageSize
	}
	return size
}

// supplyAhead supplies data that was not asked for. The first time the kernel is to say whether it took it.
func (p *core) supplyAhead(c *Call, control mach.Name, u *use, off mach.Offset, data []byte) {
	s := Supply{Offset: off, Data: data, Lock: u.object.lock | mach.ProtWrite, Precious: u.object.precious}
	if u.ahead.state == aheadUnknown {
		u.ahead.state, u.ahead.asked = aheadAsked, off
		s.ReplyTo = u.object.port
	}
	if c.DataSupply(control, s) == mach.KernSuccess {
		p.stats.Ahead += len(data) / int(u.pageSize)
	}
}

// SupplyCompleted learns whether the kernel takes data that it has not asked for.
func (p *core) SupplyCompleted(c *Call, m *SupplyCompleted) mach.Return {
	u := p.find(c, m.MemoryControl)
	if u == nil {
		return mach.KernSuccess
	}
	if a := u.ahead; a != nil && a.state == aheadAsked && m.Offset == a.asked {
		switch {
		case m.Result == mach.KernSuccess:
			a.state = aheadTaken
		case m.ErrorOffset == a.asked:
			a.state = aheadRefused
		default:
			a.state = aheadUnknown // what it took it was just about to ask for
		}
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataUnlock grants the access to a kernel that is known.
func (p *core) DataUnlock(c *Call, m *DataUnlock) mach.Return {
	u := p.find(c, m.MemoryControl)
	if u == nil {
		return mach.KernSuccess
	}
	u.given(m.Offset.Trunc(u.pageSize), m.Length)
	return p.Base.DataUnlock(c, m)
}
