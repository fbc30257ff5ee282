package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// The page of Kernel Principles, followed through the kernel's own remarks.

// pageArcs is what the meter keeps about a page beside its state.
type pageArcs struct {
	supplied bool // it was supplied at some time
	wasZero  bool // it was answered with nothing, and not supplied since
	swallow  bool // the unlock that follows belongs to the arc of the supply
}

var (
	kernelPage = machineIndex(MachineKernelPage)
	pageArc    = pagePairs()

	arcPeek, arcPoke, arcJoin   = arcOf("KP-6.1"), arcOf("KP-6.2"), arcOf("KP-6.3")
	arcZeroRead, arcZeroWrite   = arcOf("KP-6.6a"), arcOf("KP-6.8a")
	arcErrorRead, arcErrorWrite = arcOf("KP-6.10"), arcOf("KP-6.11")
	arcSupply                   = [2][3]arcRef{
		{arcOf("KP-6.4"), arcOf("KP-6.5"), arcOf("KP-6.6b")},
		{arcOf("KP-6.9"), arcOf("KP-6.7"), arcOf("KP-6.8b")},
	}
)

func machineIndex(name string) int {
	for i, m := range machines {
		if m.Name == name {
			return i
		}
	}
	panic("monitor: no machine " + name)
}

// pagePairs finds the arcs of figures 7 to 9 by their ends.
func pagePairs() (table [15][15]int16) {
	for i := range table {
		for j := range table[i] {
			table[i][j] = -1
		}
	}
	for n, a := range machines[kernelPage].Arcs {
		if a.ID[3] != '6' {
			ends := arcEnds[kernelPage][n]
			table[ends[0]][ends[1]] = int16(n)
		}
	}
	return table
}

// The numbers of states that are not resident; resident ones begin at 3.
const (
	numberE = iota
	numberWR
	numberWW
	numberResident
)

// modeNumber is the place of a pair of permitted and wanted in pageModes.
var modeNumber = [3][3]int{{0, 1, 2}, {3, 3, 4}, {5, 5, 5}}

func residentNumber(modified bool, permitted, wanted access) int {
	n := numberResident + modeNumber[permitted][max(permitted, wanted)]
	if modified {
		n += len(pageModes)
	}
	return n
}

// permits is the access that a lock leaves. Executing is not in the figures.
func permits(lock mach.Prot) access {
	switch {
	case lock&mach.ProtRead != 0:
		return accessNone
	case lock&mach.ProtWrite != 0:
		return accessRead
	}
	return accessWrite
}

func accessOf(p mach.Prot) access {
	switch {
	case p&mach.ProtWrite != 0:
		return accessWrite
	case p&(mach.ProtRead|mach.ProtExecute) != 0:
		return accessRead
	}
	return accessNone
}

// number is the state of p.
func (p *page) number() int {
	switch p.state {
	case stateWaiting:
		if p.access&mach.ProtWrite != 0 {
			return numberWW
		}
		return numberWR
	case stateAbsent:
		return residentNumber(false, accessWrite, accessWrite)
	case stateResident:
		return residentNumber(p.dirty, permits(p.lock), accessOf(p.wanted))
	}
	return numberE
}

// move counts the arc of figures 7 to 9 between two states, if there is one.
func (c *Coverage) move(from, to int) {
	if n := pageArc[from][to]; n >= 0 {
		c.reach(arcRef{kernelPage, int(n)})
	}
	c.states[kernelPage][to]++
}

// page: a page is about to change as e says.
func (c *Coverage) page(m *Monitor, p *page, e *trace.PageState, f *fault) {
	from := p.number()
	waits := p.state == stateWaiting
	writes := 0
	if from == numberWW {
		writes = 1
	}
	switch e.Cause {
	case trace.PageCluster:
		c.states[kernelPage][numberWR]++
	case trace.PageFault:
		if e.To != trace.PagePlaceholder {
			return
		}
		if e.Wanted&mach.ProtWrite != 0 {
			c.reach(arcPoke)
		} else {
			c.reach(arcPeek)
		}
	case trace.PageSupply:
		p.arc.supplied, p.arc.wasZero, p.arc.swallow = true, false, false
		permitted := permits(e.Lock)
		if !waits || m.waiting(p) == 0 {
			c.states[kernelPage][residentNumber(false, permitted, permitted)]++
			return
		}
		c.reach(arcSupply[writes][permitted])
		p.arc.swallow = accessOf(p.access) > permitted
	case trace.PageUnavailable:
		p.arc.wasZero = true
		if waits {
			c.reach([2]arcRef{arcZeroRead, arcZeroWrite}[writes])
		}
	case trace.PageDataError:
		if waits {
			c.reach([2]arcRef{arcErrorRead, arcErrorWrite}[writes])
		}
	case trace.PageLock, trace.PageClean:
		by := m.calls[m.now.Thread]
		if by == nil || !by.lock() || mach.Prot(by.get(fieldLock)) == mach.ProtNoChange || e.Wired {
			if e.Cause == trace.PageClean {
				c.states[kernelPage][residentNumber(false, permits(p.lock), accessOf(p.wanted))]++
			}
			return
		}
		p.arc.swallow = false
		b := permits(e.Lock)
		c.move(from, residentNumber(e.Cause == trace.PageLock && p.dirty, b, b))
	case trace.PageFlush, trace.PageEvict:
		if from >= numberResident && e.To == trace.PageEmpty {
			c.move(from, numberE)
		}
	case trace.PageUnlock:
		to := residentNumber(p.dirty, permits(p.lock), accessOf(e.Wanted))
		if p.arc.swallow {
			p.arc.swallow = false
			c.states[kernelPage][to]++
			return
		}
		if from != to {
			c.move(from, to)
		}
	case trace.PageStore:
		if to := residentNumber(true, permits(p.lock), accessOf(p.wanted)); from != to {
			c.move(from, to)
		}
		p.arc.wasZero = false
	}
}

// asked: a thread waits for p with an access.
func (c *Coverage) asked(p *page, wants mach.Prot) {
	if p.state == stateWaiting && wants&mach.ProtWrite != 0 && p.access&mach.ProtWrite == 0 && p.asked {
		c.reach(arcJoin)
	}
}

// requested: p is asked of its manager.
func (c *Coverage) requested(m *Monitor, p *page, wants mach.Prot) {
	m.ports[p.pair.port].page(p.offset)
}
