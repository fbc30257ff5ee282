package pagers

import (
	"slices"

	"machvm/kernel/mach"
)

// find is the object a message of a kernel is about; nil, and the message is done with, if the control port is
// not known.
func (p *DefaultPager) find(c *Call, control mach.Name) *paged {
	o := p.uses[control]
	if o == nil {
		p.stats.Ignored++
	}
	c.Release(control)
	return o
}

// DataReturn stores what comes back. Pages are whole and clean ones are stored as well: if the kernel gives a
// page away, it has no other.
func (p *DefaultPager) DataReturn(c *Call, m *DataReturn) mach.Return {
	if o := p.find(c, m.MemoryControl); o != nil {
		p.stats.Returned += p.store(c, o, m.Offset, m.Data, true)
	}
	c.Deallocate(m.Data)
	return mach.KernSuccess
}

// DataWrite is DataReturn of kernels that know no data_return.
func (p *DefaultPager) DataWrite(c *Call, m *DataWrite) mach.Return {
	return p.DataReturn(c, &DataReturn{MemoryControl: m.MemoryControl, Offset: m.Offset, Data: m.Data})
}

// DataInitialize stores the pages for which there is nothing yet.
func (p *DefaultPager) DataInitialize(c *Call, m *DataInitialize) mach.Return {
	if o := p.find(c, m.MemoryControlPort); o != nil {
		p.stats.Initialized += p.store(c, o, m.Offset, m.Data, false)
	}
	c.Deallocate(m.Data)
	return mach.KernSuccess
}

// store keeps the pages of a region, each for itself: one that cannot be stored is lost, which its object
// remembers. It tells how many were stored.
func (p *DefaultPager) store(c *Call, o *paged, off mach.Offset, r mach.Region, overwrite bool) (stored int) {
	data := make([]byte, p.pageSize)
	for in := mach.Size(0); in+p.pageSize <= r.Size; in += p.pageSize {
		at := off + mach.Offset(in)
		if _, known := o.pages[at]; known && !overwrite {
			continue
		}
		if c.Thread.Load(r.Address+mach.Addr(in), data) == nil && p.keep(o, at, data) {
			stored++
			continue
		}
		p.lose(o, at)
	}
	return stored
}

// keep stores one page, where it was before if it was anywhere.
func (p *DefaultPager) keep(o *paged, at mach.Offset, data []byte) bool {
	page, known := o.pages[at]
	if known && !page.lost {
		if p.space.write(page.slot, data) == nil {
			return true
		}
		p.space.release(page.slot)
	}
	slot, err := p.space.put(data)
	o.pages[at] = pagedPage{slot: slot, lost: err != nil}
	return err == nil
}

// lose notes that the data of a page are nowhere.
func (p *DefaultPager) lose(o *paged, at mach.Offset) {
	if page, known := o.pages[at]; known && !page.lost {
		p.space.release(page.slot)
	}
	o.pages[at] = pagedPage{lost: true}
	p.stats.Lost++
}

// DataRequest answers every page: what is stored is supplied, what was never written is unavailable, and what
// is lost or damaged is an error.
func (p *DefaultPager) DataRequest(c *Call, m *DataRequest) mach.Return {
	if o := p.uses[m.MemoryControl]; o == nil {
		p.stats.Ignored++
	} else {
		p.answer(c, o, m)
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// holding is what there is of a page.
type holding uint8

const (
	hasNothing holding = iota
	hasLost
	hasStored
)

func (o *paged) has(at mach.Offset) holding {
	switch page, known := o.pages[at]; {
	case !known:
		return hasNothing
	case page.lost:
		return hasLost
	}
	return hasStored
}

// answer sends one message for each run of pages that have the same answer.
func (p *DefaultPager) answer(c *Call, o *paged, m *DataRequest) {
	buffer, ret := p.buffer(c.Thread, c.Server)
	if ret != mach.KernSuccess {
		c.DataError(m.MemoryControl, m.Offset, m.Length, mach.KernResourceShortage)
		return
	}
	page := mach.Offset(p.pageSize)
	end := m.Offset + mach.Offset(m.Length)
	for at := m.Offset; at < end; {
		what, run := o.has(at), at
		for run < end && o.has(run) == what && (what != hasStored || run-at < transferPages*page) {
			run += page
		}
		size := mach.Size(run - at)
		switch what {
		case hasNothing:
			c.DataUnavailable(m.MemoryControl, at, size)
			p.stats.Unavailable += int(size / p.pageSize)
		case hasLost:
			p.fail(c, m.MemoryControl, at, size)
		default:
			p.supply(c, m.MemoryControl, o, at, size, buffer)
		}
		at = run
	}
}

// supply sends stored pages, and errors for those that the file does not give back.
func (p *DefaultPager) supply(c *Call, control mach.Name, o *paged, off mach.Offset, size mach.Size, buffer mach.Region) {
	data := make([]byte, p.pageSize)
	var n mach.Size // bytes in the buffer
	flush := func(next mach.Offset) {
		if n > 0 {
			ret := c.supply(control, &Supply{Offset: next - mach.Offset(n)}, mach.Region{Address: buffer.Address, Size: n}, true)
			if ret == mach.KernSuccess {
				p.stats.Supplied += int(n / p.pageSize)
			}
		}
		n = 0
	}
	for at := off; at < off+mach.Offset(size); at += mach.Offset(p.pageSize) {
		err := p.space.read(o.pages[at].slot, data)
		if err == nil && c.Thread.Store(buffer.Address+mach.Addr(n), data) == nil {
			n += p.pageSize
			continue
		}
		p.stats.Damaged++
		flush(at)
		p.fail(c, control, at, p.pageSize)
	}
	flush(off + mach.Offset(size))
}

// fail answers pages with an error, which programs see as KERN_MEMORY_ERROR.
func (p *DefaultPager) fail(c *Call, control mach.Name, off mach.Offset, size mach.Size) {
	p.stats.Errors += int(size / p.pageSize)
	c.DataError(control, off, size, mach.KernFailure)
}

// offsets lists the pages of o that are stored or lost, in ascending order.
func (o *paged) offsets() []mach.Offset {
	list := make([]mach.Offset, 0, len(o.pages))
	for at := range o.pages { // unordered: sorted below
		list = append(list, at)
	}
	slices.Sort(list)
	return list
}

// without is list without x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(list, func(y T) bool { return y == x })
}
