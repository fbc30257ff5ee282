package monitor

import "machvm/kernel/mach"

// The pages of the Server Writer's Guide: what a manager may think of a page of its object, from its own messages
// and those it has received. What passes between a manager and its store cannot be seen; a manager says it by
// a note that begins with the arc's id.

// guided is a page of a memory object as its manager sees it.
type guided struct {
	offset mach.Offset
	store  int // figure 1
	owner  int // figure 2
	netmem int // figure 3
}

// States of figure 1 that messages tell of, of figure 2 and of figure 3, by their place in the tables.
const (
	storeMemory = 2
	storeKernel = 3

	ownManager        = 0
	ownBoth           = 1
	ownKernel         = 2
	ownLocking        = 3
	ownCleaning       = 4
	ownKernelFlushing = 5
	ownBothFlushing   = 6

	netNone        = 0
	netServerWrite = 1
	netRead        = 2
	netKernelWrite = 3
	netCleaning    = 4
	netFlushing    = 5
)

var (
	ownership, netmem = machineIndex(MachineOwnership), machineIndex(MachineNetmem)

	arcStoreSupply, arcStoreReturn = arcOf("SWG-1.3"), arcOf("SWG-1.4")
)

// page is the page of the object at an offset, made when it is first heard of.
func (p *port) page(off mach.Offset) *guided {
	if g := p.guide[off]; g != nil {
		return g
	}
	if p.guide == nil {
		p.guide = map[mach.Offset]*guided{}
	}
	g := &guided{offset: off}
	p.guided, p.guide[off] = append(p.guided, g), g
	return g
}

// own moves a page in figure 2, along an arc or as the guide's text says.
func (c *Coverage) own(g *guided, to int) { c.between(ownership, &g.owner, to) }

// net moves a page in figure 3.
func (c *Coverage) net(g *guided, to int) { c.between(netmem, &g.netmem, to) }

func (c *Coverage) between(machine int, at *int, to int) {
	if *at == to {
		return
	}
	for n, ends := range arcEnds[machine] {
		if ends == [2]int{*at, to} {
			c.reach(arcRef{machine, n})
		}
	}
	*at = to
}

// guide: a manager makes a call that moves pages.
func (c *Coverage) guide(m *Monitor, by *call) {
	h := m.host(by.host)
	p := m.ports[by.pair.port]
	if h.pageSize == 0 {
		return
	}
	lock := mach.Prot(by.get(fieldLock))
	switch {
	case by.supplies() && by.valid:
		for off := range offsets(by.start(), m.supplyEndsAt(by), h.pageSize) {
			g := p.page(off)
			c.reach(arcStoreSupply)
			g.store = storeKernel
			if g.netmem == netNone {
				c.net(g, netServerWrite) // a page without data cannot be supplied: a client has created it
			}
			if lock&mach.ProtWrite != 0 && !by.is(fieldPrecious) {
				c.own(g, ownBoth)
				c.net(g, netRead)
			} else {
				c.own(g, ownKernel)
				c.net(g, netKernelWrite)
			}
		}
	case by.kind == msgDataUnavailable && by.valid:
		by.pair.in(by.start(), by.end(), h.pageSize, func(q *page) {
			if q.state == stateWaiting {
				g := p.page(q.offset)
				c.own(g, ownKernel)
				c.net(g, netKernelWrite)
			}
		})
	case by.lock() && by.valid:
		start, end := m.span(by)
		for _, g := range p.guided {
			if g.offset >= start && g.offset < end {
				c.locks(g, lock, by)
			}
		}
	}
}

// locks: a lock_request names a page.
func (c *Coverage) locks(g *guided, lock mach.Prot, by *call) {
	reply := by.wantsReply()
	switch {
	case by.is(fieldFlush):
		switch {
		case !reply:
			g.owner, g.netmem = ownManager, netServerWrite
			return
		case g.owner == ownBoth:
			c.own(g, ownBothFlushing)
		case g.owner == ownKernel:
			c.own(g, ownKernelFlushing)
		}
		if g.netmem == netRead || g.netmem == netKernelWrite {
			c.net(g, netFlushing)
		}
	case lock == mach.ProtNoChange:
	case lock&mach.ProtWrite == 0:
		switch {
		case g.owner == ownBoth && reply:
			c.own(g, ownLocking)
		case g.owner == ownBoth:
			g.owner = ownKernel
		}
		if g.netmem == netRead && !reply {
			c.net(g, netKernelWrite)
		}
	case by.pick() != mach.ReturnNone:
		switch {
		case !reply && g.owner == ownKernel:
			g.owner = ownBoth
		case g.owner == ownKernel:
			c.own(g, ownCleaning)
		}
		if g.netmem == netKernelWrite && reply {
			c.net(g, netCleaning)
		}
	}
}

// confirmed: a manager has received lock_completed.
func (c *Coverage) confirmed(p *port, start mach.Offset, size mach.Size) {
	for _, g := range p.guided {
		if g.offset < start || g.offset >= start+mach.Offset(size) {
			continue
		}
		switch g.owner {
		case ownLocking:
			c.own(g, ownKernel)
		case ownCleaning:
			c.own(g, ownBoth)
		case ownKernelFlushing, ownBothFlushing:
			c.own(g, ownManager)
		}
		switch g.netmem {
		case netCleaning:
			c.net(g, netRead)
		case netFlushing:
			c.net(g, netServerWrite)
		}
	}
}

// returned: a manager has received pages.
func (c *Coverage) returned(m *Monitor, a *pair, e *message) {
	h := m.host(a.host)
	if h.pageSize == 0 {
		return
	}
	end := e.start() + mach.Offset(e.desc(e.data).Value)
	for off := range offsets(e.start(), end, h.pageSize) {
		if g := m.ports[a.port].page(off); g.store == storeKernel {
			c.reach(arcStoreReturn)
			g.store = storeMemory
		}
	}
}

// terminatedPages: the association is over, and the manager has all there is.
func (p *port) terminatedPages() {
	for _, g := range p.guided {
		g.owner = ownManager
		if g.netmem != netNone {
			g.netmem = netServerWrite
		}
	}
}
