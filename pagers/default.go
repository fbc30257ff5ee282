package pagers

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// DefaultPager is a default memory manager: it keeps the memory that kernels make themselves in a paging
// file. What came back is handed out bit by bit as it was, or not at all: every page has a checksum.
//
//   - A page for which there is no room is lost, and is an error from then on; others are not touched by that.
//     It is whole again once it is written where there is room.
//   - A page that was never written is unavailable, which the kernel takes for zeros.
//   - Memory that a kernel returned is freed at once, for the kernel waits for that.
//
// NewDefault, Register and Run make a thread the default manager. Objects that programs ask for are served beside
// the kernel's: by another thread if that calls RunObjects.
type DefaultPager struct {
	Base
	space    *pagingSpace
	options  DefaultOptions
	pageSize mach.Size
	port     mach.Name // the service port
	kernels  *Server   // serves it, and the objects that kernels made
	programs *Server   // serves the objects that programs asked for; nil: the same
	buffers  map[*Server]mach.Region
	admin    *user.Server[*Call]

	objects map[mach.Name]*paged // by memory object port; ranged over only in order of their making
	made    []*paged             // those in use, in the order of their making
	uses    map[mach.Name]*paged // by control port
	lastID  uint64
	stats   DefaultStats
}

// DefaultOptions say how much a default pager can keep.
type DefaultOptions struct {
	File  File // the paging file; what is in it does not matter
	Pages int  // size of the paging space in pages
	// Emergency is the number of pages that the pager keeps in its own memory once the space is full.
	Emergency int
	// Objects is how many objects there may be at a time; 0 is no limit.
	Objects int
}

// DefaultStats counts what a default pager has seen.
type DefaultStats struct {
	Created     int // objects that kernels made
	Objects     int // objects in use
	Returned    int // pages stored
	Initialized int // pages stored that came by data_initialize
	Supplied    int // pages
	Unavailable int // pages
	Lost        int // pages for which there was no room, or that could not be written
	Damaged     int // pages that the paging file did not give back as they were
	Errors      int // pages answered with an error
	Ignored     int // messages about objects or control ports that are not known
}

// paged is one object.
type paged struct {
	id       uint64
	port     mach.Name
	internal bool // made by a kernel, which ends it
	controls []mach.Name
	pages    map[mach.Offset]pagedPage // ranged over only to release, or sorted
}

// pagedPage is where a page is.
type pagedPage struct {
	slot int
	lost bool // nowhere
}

// transferPages is how many pages go in one answer. The reserve of the smallest host holds as many, so
// that an answer never waits for memory.
const transferPages = 4

// NewDefault makes a default pager with an empty paging space.
func NewDefault(t user.Thread, o DefaultOptions) (*DefaultPager, mach.Return) {
	p := &DefaultPager{
		space:   newPagingSpace(o.File, int(t.PageSize()), o.Pages, o.Emergency),
		options: o, pageSize: t.PageSize(),
		buffers: map[*Server]mach.Region{},
		objects: map[mach.Name]*paged{}, uses: map[mach.Name]*paged{},
	}
	p.admin = p.adminTable(t)
	var ret mach.Return
	if p.kernels, ret = New(t, p); ret == mach.KernSuccess {
		p.port, ret = p.kernels.AllocatePort(t)
	}
	return p, ret
}

// Port is the service port: a receive right.
func (p *DefaultPager) Port() mach.Name { return p.port }

// Server is what serves the kernels.
func (p *DefaultPager) Server() *Server { return p.kernels }

// Stats is what the pager has seen so far.
func (p *DefaultPager) Stats() DefaultStats {
	s := p.stats
	s.Objects = len(p.made)
	return s
}

// Stored is the number of pages that are in the paging space, or in memory in place of it.
func (p *DefaultPager) Stored() int {
	n := 0
	for _, o := range p.made {
		n += o.stored()
	}
	return n
}

// Register makes the pager the default manager of the host, for transfers of so many bytes, and returns a right
// for the one before. The thread is the one that will call Run. First it is made privileged, and its buffer
// wired, so that it does not depend on the memory that it is there to free; this needs some memory itself,
// so register before memory is short.
func (p *DefaultPager) Register(t user.Thread, hostPriv mach.Name, cluster mach.Size) (previous mach.Name, ret mach.Return) {
	if ret = p.secure(t, hostPriv, p.kernels); ret != mach.KernSuccess {
		return mach.NameNull, ret
	}
	if t.Form().Set == mig.OSF {
		return user.HostDefaultMemoryManager(t, hostPriv, p.port, cluster)
	}
	return user.VMSetDefaultMemoryManager(t, hostPriv, p.port)
}

// Run serves kernels, and programs too unless another thread does.
func (p *DefaultPager) Run(t user.Thread) mach.Return { return p.kernels.Run(t) }

// RunObjects serves the objects that programs ask for from now on, in a thread of its own.
func (p *DefaultPager) RunObjects(t user.Thread, hostPriv mach.Name) mach.Return {
	s, ret := New(t, p)
	if ret == mach.KernSuccess {
		ret = p.secure(t, hostPriv, s)
	}
	if ret != mach.KernSuccess {
		return ret
	}
	p.programs = s
	return s.Run(t)
}

// secure makes the thread of a server and the memory it works with independent of pageout.
func (p *DefaultPager) secure(t user.Thread, hostPriv mach.Name, s *Server) mach.Return {
	if ret := user.ThreadWire(t, hostPriv, t.ThreadSelf(), true); ret != mach.KernSuccess {
		return ret
	}
	b, ret := p.buffer(t, s)
	if ret != mach.KernSuccess {
		return ret
	}
	return user.VMWire(t, hostPriv, user.Self(t), b.Address, b.Size, mach.ProtDefault)
}

// buffer is where the answers of a server are built.
func (p *DefaultPager) buffer(t user.Thread, s *Server) (mach.Region, mach.Return) {
	b, ok := p.buffers[s]
	ret := mach.KernSuccess
	if !ok {
		b.Size = transferPages * p.pageSize
		if ret = user.VMAllocate(t, user.Self(t), &b.Address, b.Size, true); ret == mach.KernSuccess {
			p.buffers[s] = b
		}
	}
	return b, ret
}

// Create takes an object that a kernel has made. It declines, and the object is lost, for want of room for one
// more, and for a kernel with pages of another size.
func (p *DefaultPager) Create(c *Call, m *Create) mach.Return {
	if p.options.Objects > 0 && len(p.made) >= p.options.Objects || m.NewPageSize != p.pageSize {
		return mach.KernResourceShortage
	}
	if ret := p.kernels.AddPort(c.Thread, m.NewMemoryObject); ret != mach.KernSuccess {
		return ret
	}
	o := p.add(m.NewMemoryObject)
	o.internal = true
	o.controls = append(o.controls, m.NewControlPort)
	p.uses[m.NewControlPort] = o
	c.Release(m.NewName)
	c.Release(m.OldMemoryObject)
	p.stats.Created++
	return mach.KernSuccess
}

func (p *DefaultPager) add(port mach.Name) *paged {
	p.lastID++
	o := &paged{id: p.lastID, port: port, pages: map[mach.Offset]pagedPage{}}
	p.objects[port] = o
	p.made = append(p.made, o)
	return o
}

// Init makes an object that a program asked for ready. Its contents survive unmapping, so it is not temporary.
// No correct kernel sends init for an object of its own, or a second one while the control port is in force.
func (p *DefaultPager) Init(c *Call, m *Init) mach.Return {
	o := p.objects[m.MemoryObject]
	c.Release(m.MemoryObjectName)
	if o == nil || o.internal || p.uses[m.MemoryControl] != nil || !m.MemoryControl.Valid() {
		p.stats.Ignored++
		c.Release(m.MemoryControl)
		return mach.KernSuccess
	}
	if m.PageSize != p.pageSize {
		c.DestroyObject(m.MemoryControl, mach.KernFailure)
		c.Release(m.MemoryControl)
		return mach.KernSuccess
	}
	p.uses[m.MemoryControl] = o
	o.controls = append(o.controls, m.MemoryControl)
	c.Ready(m.MemoryControl, Attributes{CopyStrategy: mach.CopyDelay})
	return mach.KernSuccess
}

// Terminate ends a use, and with it an object that a kernel made.
func (p *DefaultPager) Terminate(c *Call, m *Terminate) mach.Return {
	o := p.uses[m.MemoryControl]
	if o == nil {
		p.stats.Ignored++
	} else {
		delete(p.uses, m.MemoryControl)
		c.Drain(m.MemoryControl, nil)
		o.controls = without(o.controls, m.MemoryControl)
	}
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	if o != nil && o.internal {
		p.remove(c, o)
	}
	return mach.KernSuccess
}

// remove ends an object: its space is free and its port dies.
func (p *DefaultPager) remove(c *Call, o *paged) {
	for _, at := range o.offsets() {
		if page := o.pages[at]; !page.lost {
			p.space.release(page.slot)
		}
	}
	delete(p.objects, o.port)
	p.made = without(p.made, o)
	for _, control := range o.controls {
		delete(p.uses, control)
		c.DestroyPort(control)
	}
	c.DestroyPort(o.port)
}

// NoSenders ends an object that a program asked for: nobody can map it any more.
func (p *DefaultPager) NoSenders(c *Call, m *NoSenders) mach.Return {
	o := p.objects[c.Port]
	if o == nil || o.internal {
		return mach.KernSuccess
	}
	status, ret := user.MachPortGetReceiveStatus(c.Thread, user.Self(c.Thread), o.port)
	if ret == mach.KernSuccess && status.Mscount != m.Mscount {
		p.watch(c, o, status.Mscount) // a right was made meanwhile
		return mach.KernSuccess
	}
	p.remove(c, o)
	return mach.KernSuccess
}

// watch asks to be told when so many rights for the object have been made and nobody has one.
func (p *DefaultPager) watch(c *Call, o *paged, made uint32) mach.Return {
	_, ret := user.MachPortRequestNotification(c.Thread, user.Self(c.Thread), o.port, mach.NotifyNoSenders,
		made, o.port, mach.MakeSendOnce)
	return ret
}
