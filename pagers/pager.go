package pagers

import (
	"io"
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// core is what the file pager and the memory pager share: memory objects with a File behind each, served to
// any number of kernels. All state about a kernel's use of an object is keyed by the control port, which
// also makes an init that is read before the terminate of the association before it harmless.
type core struct {
	Base
	objects map[mach.Name]*object // by memory object port
	uses    map[mach.Name]*use    // by control port
	stats   Stats
}

// Stats counts what a pager has seen.
type Stats struct {
	Objects     int // made so far
	Uses        int // associations in force
	Supplied    int // pages that were asked for
	Ahead       int // pages that were supplied without being asked for
	Unavailable int // pages
	Returned    int // pages
	Written     int // bytes
	Drained     int // messages taken back from control ports after terminate
	Ignored     int // messages with a control port that no init announced
	Failures    int // reads and writes that the store refused
}

// object is one memory object.
type object struct {
	port  mach.Name
	file  File
	attrs Attributes
	// precious makes the kernel give every page back, modified or not.
	precious bool
	// lock is the accesses that pages are supplied without.
	lock mach.Prot
	// controls are the control ports of the uses in force.
	controls []mach.Name
	copied   bool         // made by Copy: ends with its last user
	ahead    int          // pages to supply without being asked
	delayed  *delayedFile // the file, if its writes are put off
	lost     lostRanges
}

// use is one kernel's use of an object, from init to terminate.
type use struct {
	object   *object
	pageSize mach.Size
	ahead    *readAhead
}

func newCore() core {
	return core{objects: map[mach.Name]*object{}, uses: map[mach.Name]*use{}}
}

// Stats is what the pager has seen so far.
func (p *core) Stats() Stats {
	s := p.stats
	s.Uses = len(p.uses)
	return s
}

// add makes an object of a port.
func (p *core) add(o *object) {
	p.objects[o.port] = o
	p.stats.Objects++
}

// delay has the object's writes put off, up to a limit in bytes.
func (p *core) delay(o *object, limit int) {
	o.delayed = &delayedFile{below: o.file, limit: limit, refused: func(off mach.Offset, size mach.Size) {
		p.stats.Failures++
		o.lost.add(off, size)
	}}
	o.file = o.delayed
}

// flush has everything that came back stored.
func (o *object) flush() {
	if o.delayed != nil {
		o.delayed.Flush()
	}
}

// remove destroys an object's port. The control ports of its uses die with it, and no terminate comes.
func (p *core) remove(s *Server, t user.Thread, port mach.Name) mach.Return {
	o := p.objects[port]
	o.flush()
	delete(p.objects, port)
	for _, control := range o.controls {
		delete(p.uses, control)
		user.MachPortDestroy(t, user.Self(t), control)
	}
	return s.DestroyPort(t, port)
}

// find is the use a message is about. A message about none is forged or stale: its control right is
// released and it is counted.
func (p *core) find(c *Call, control mach.Name) *use {
	u := p.uses[control]
	if u == nil {
		c.Release(control)
		p.stats.Ignored++
	}
	return u
}

// Init notes the association and makes the object ready. It keeps the reference of the control port until
// terminate.
func (p *core) Init(c *Call, m *Init) mach.Return {
	o := p.objects[m.MemoryObject]
	if o == nil || p.uses[m.MemoryControl] != nil || !m.MemoryControl.Valid() || !mach.ValidPageSize(m.PageSize) {
		p.stats.Ignored++
		c.Release(m.MemoryControl)
		c.Release(m.MemoryObjectName)
		return mach.KernSuccess
	}
	u := &use{object: o, pageSize: m.PageSize}
	if o.ahead > 0 {
		u.ahead = &readAhead{pages: o.ahead, changed: map[mach.Offset]bool{}}
	}
	p.uses[m.MemoryControl] = u
	o.controls = append(o.controls, m.MemoryControl)
	c.Release(m.MemoryObjectName)
	c.Ready(m.MemoryControl, o.attrs)
	return mach.KernSuccess
}

// Terminate forgets the association, takes back what this pager had sent in vain and destroys the control
// port. What it finds there it has kept itself, so nothing needs storing.
func (p *core) Terminate(c *Call, m *Terminate) mach.Return {
	if u := p.uses[m.MemoryControl]; u != nil {
		delete(p.uses, m.MemoryControl)
		u.object.flush()
		u.object.controls = slices.DeleteFunc(u.object.controls, func(n mach.Name) bool { return n == m.MemoryControl })
		p.stats.Drained += c.Drain(m.MemoryControl, nil)
	} else {
		p.stats.Ignored++
	}
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	return mach.KernSuccess
}

// DataRequest answers every page: pages the file has are supplied, pages behind its end are unavailable,
// pages that cannot be read are an error.
func (p *core) DataRequest(c *Call, m *DataRequest) mach.Return {
	u := p.find(c, m.MemoryControl)
	if u == nil {
		return mach.KernSuccess
	}
	defer c.Release(m.MemoryControl)
	size, err := u.object.file.Size()
	if err != nil || !m.Offset.Aligned(u.pageSize) || !m.Length.Aligned(u.pageSize) || m.Offset+mach.Offset(m.Length) < m.Offset {
		p.fail(c, m.MemoryControl, m.Offset, m.Length)
		return mach.KernSuccess
	}
	var have, ahead mach.Size
	end := mach.Offset(size).Round(u.pageSize)
	if end > m.Offset {
		have = min(m.Length, mach.Size(end-m.Offset))
		ahead = u.aheadOf(m.Offset+mach.Offset(have), end)
	}
	p.supply(c, m.MemoryControl, u, m.Offset, have, ahead)
	if rest := m.Length - have; rest > 0 {
		u.given(m.Offset+mach.Offset(have), rest)
		c.DataUnavailable(m.MemoryControl, m.Offset+mach.Offset(have), rest)
		p.stats.Unavailable += int(rest / u.pageSize)
	}
	return mach.KernSuccess
}

// supply sends size bytes of the file, or errors for the pages that it cannot read, and as many bytes as ahead says
// that follow.
func (p *core) supply(c *Call, control mach.Name, u *use, off mach.Offset, size, ahead mach.Size) {
	if size == 0 {
		return
	}
	o := u.object
	for at := off; at < off+mach.Offset(size); at += mach.Offset(u.pageSize) {
		if o.lost.touch(at, u.pageSize) {
			p.supply(c, control, u, off, mach.Size(at-off), 0)
			p.fail(c, control, at, u.pageSize)
			next := at + mach.Offset(u.pageSize)
			p.supply(c, control, u, next, size-mach.Size(next-off), ahead)
			return
		}
	}
	data := make([]byte, size+ahead)
	_, err := o.file.ReadAt(data, int64(off))
	if err != nil && err != io.EOF && ahead > 0 {
		p.supply(c, control, u, off, size, 0) // perhaps it is only what nobody has asked for
		return
	}
	if err != nil && err != io.EOF {
		p.fail(c, control, off, size)
		return
	}
	u.given(off, size)
	if ret := c.DataSupply(control, Supply{Offset: off, Data: data[:size], Lock: o.lock, Precious: o.precious}); ret != mach.KernSuccess {
		p.stats.Failures++
		return
	}
	p.stats.Supplied += int(size / u.pageSize)
	if ahead > 0 {
		p.supplyAhead(c, control, u, off+mach.Offset(size), data[size:])
	}
}

// fail answers pages with an error.
func (p *core) fail(c *Call, control mach.Name, off mach.Offset, size mach.Size) {
	p.stats.Failures++
	c.DataError(control, off, size, mach.KernMemoryError)
}

// DataReturn stores what comes back.
func (p *core) DataReturn(c *Call, m *DataReturn) mach.Return {
	if u := p.find(c, m.MemoryControl); u != nil {
		if m.Dirty || u.object.precious {
			p.store(c, u, m.Offset, m.Data)
		}
		if !m.KernelCopy {
			u.gaveBack(m.Offset, m.Data.Size)
		}
		p.stats.Returned += int(m.Data.Size / u.pageSize)
		c.Release(m.MemoryControl)
	}
	c.Deallocate(m.Data)
	return mach.KernSuccess
}

// Synchronize answers a kernel that is known: what it returned before is in the store.
func (p *core) Synchronize(c *Call, m *Synchronize) mach.Return {
	u := p.find(c, m.MemoryControl)
	if u == nil {
		return mach.KernSuccess
	}
	u.object.flush()
	return p.Base.Synchronize(c, m)
}

// DataWrite stores what comes back from kernels that know no data_return.
func (p *core) DataWrite(c *Call, m *DataWrite) mach.Return {
	return p.DataReturn(c, &DataReturn{MemoryObject: m.MemoryObject, MemoryControl: m.MemoryControl,
		Offset: m.Offset, Data: m.Data, Dirty: true})
}

// store writes returned pages to the file. The file keeps its size unless what lies behind its end is
// something other than zeros; then it grows as far as there is something to keep.
func (p *core) store(c *Call, u *use, off mach.Offset, r mach.Region) {
	o := u.object
	data := make([]byte, r.Size)
	err := c.Thread.Load(r.Address, data)
	size, serr := o.file.Size()
	if err == nil {
		err = serr
	}
	if err == nil {
		o.lost.remove(off, r.Size) // before it is written, for it may be refused at once
		end := len(data)
		for end > 0 && int64(off)+int64(end) > size && data[end-1] == 0 {
			end--
		}
		if end > 0 {
			_, err = o.file.WriteAt(data[:end], int64(off))
			p.stats.Written += end
		}
	}
	if err != nil {
		p.stats.Failures++
		o.lost.add(off, r.Size)
	}
}
