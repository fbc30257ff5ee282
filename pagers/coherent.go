package pagers

import (
	"fmt"
	"slices"
	"strings"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Coherent serves memory objects that several kernels share, and keeps them strictly consistent: every load
// sees the last store, on whatever host it was. It is the shared memory server of Forin, Barrera, Young and
// Rashid (1988). One server may serve all kernels, which is their centralised scheduler; or each host has one,
// which serves its own kernel, and the servers hand pages to one another, which is the distributed scheduler.
// The code is the same: a server without others never hands on anything.
//
// The description of 1988 has gaps. Repair names what was added to close them.
type Coherent struct {
	Base
	options CoherentOptions
	server  *Server
	peers   *user.Server[*Call] // the messages of other servers
	objects map[mach.Name]*shared
	made    []*shared            // in the order of their making
	kernels map[mach.Name]*party // by control port
	outbox  []parcel
	stats   CoherentStats
}

// CoherentOptions say how a server works.
type CoherentOptions struct {
	// Unit is how much of an object has one owner: a power of two. Kernels with greater pages are refused.
	// 0: the page size of the host.
	Unit mach.Size
	// Yield is how long a server lets the new owner of a page use it before it takes the page back for the next
	// in the queue, in milliseconds. Without it a page can change hands for ever while nobody gets to use it.
	Yield mach.Timeout
	// Without leaves repairs out, to show what they are for.
	Without Repair
}

// CoherentStats counts what a server has seen and done.
type CoherentStats struct {
	Reads     int // faults of kernels: data_request to read
	Writes    int // data_request to write
	Upgrades  int // data_unlock
	Stale     int // data_unlock of a page that is being taken away
	Requests  int // of other servers, that were served here
	Forwarded int // of other servers, that were passed on
	AskBacks  int // pages asked back from the server that they had just been handed to
	Lost      int // pages that were gone with another server
	Refused   int // kernels with pages that are too large
	Ignored   int // messages about objects, kernels or servers that are not known
	Retried   int // messages for which another server's queue had no room at first
}

// Add adds what another server has seen.
func (s *CoherentStats) Add(o CoherentStats) {
	s.Reads += o.Reads
	s.Writes += o.Writes
	s.Upgrades += o.Upgrades
	s.Stale += o.Stale
	s.Requests += o.Requests
	s.Forwarded += o.Forwarded
	s.AskBacks += o.AskBacks
	s.Lost += o.Lost
	s.Refused += o.Refused
	s.Ignored += o.Ignored
	s.Retried += o.Retried
}

// Repair is a set of repairs of the description of 1988.
type Repair uint16

const (
	R1 Repair = 1 << iota // a kernel is granted an access with memory_object_lock_request, not with data_unlock
	R2                    // who wants a page decides what owner an invalidation names, not who had it
	R3                    // a writer is served when the copies of the readers are gone, not when they were told
	R4                    // an invalidation that meets a wish to write takes the copy of the kernel with that wish
	R5                    // a copy to read is no answer to a wish to write that came up meanwhile
	R6                    // a recall is over with lock_completed, not already with the data
	R7                    // a data_unlock that crossed a flush is no wish: data_request will follow
	R8                    // nobody is queued twice
)

// shared is one memory object at one server.
type shared struct {
	port  mach.Name
	size  mach.Size
	unit  mach.Size
	home  *party // the server that this one copied the object from; nil: this one made it
	pages []*sharedPage
	peers []*party // the other servers that have been heard of
}

// NewCoherent makes a server without objects.
func NewCoherent(t user.Thread, o CoherentOptions) (*Coherent, mach.Return) {
	if o.Unit == 0 {
		o.Unit = t.PageSize()
	}
	if !mach.ValidPageSize(o.Unit) {
		return nil, mach.KernInvalidArgument
	}
	s := &Coherent{options: o, objects: map[mach.Name]*shared{}, kernels: map[mach.Name]*party{}}
	s.peers = s.peerTable(t)
	var ret mach.Return
	if s.server, ret = New(t, s); ret == mach.KernSuccess {
		s.server.pending = s.flushOutbox
	}
	return s, ret
}

// Server is what runs the pager.
func (s *Coherent) Server() *Server { return s.server }

// Stats is what the server has seen so far.
func (s *Coherent) Stats() CoherentStats { return s.stats }

// fixed reports whether a repair is in force.
func (s *Coherent) fixed(r Repair) bool { return s.options.Without&r == 0 }

// NewObject makes a memory object of zeros: a receive right, from which send rights for clients and for other
// servers are made.
func (s *Coherent) NewObject(t user.Thread, size mach.Size) (mach.Name, mach.Return) {
	if size == 0 {
		return mach.NameNull, mach.KernInvalidArgument
	}
	o, ret := s.newPort(t)
	if ret != mach.KernSuccess {
		return mach.NameNull, ret
	}
	o.resize(size, s.options.Unit)
	return o.port, mach.KernSuccess
}

// Replicate makes this server serve an object that another has. The name is a send right for the other server's
// port, which is given to s; the result is this server's port of the object, for its own kernels.
func (s *Coherent) Replicate(t user.Thread, other mach.Name) (mach.Name, mach.Return) {
	o, ret := s.newPort(t)
	if ret != mach.KernSuccess {
		return mach.NameNull, ret
	}
	o.home = s.meet(t, o, other)
	info, ret := user.Call(t, coherentReplicate, &coherentReplicateRequest{Object: other, Replica: o.port})
	if ret == mach.KernSuccess && (info.Size == 0 || !mach.ValidPageSize(info.Unit)) {
		ret = mach.KernInvalidArgument
	}
	if ret != mach.KernSuccess {
		s.forget(t, o)
		return mach.NameNull, ret
	}
	o.resize(info.Size, info.Unit)
	return o.port, mach.KernSuccess
}

// newPort makes the port of an object that has no pages yet.
func (s *Coherent) newPort(t user.Thread) (*shared, mach.Return) {
	port, ret := s.server.AllocatePort(t)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	// Messages to other servers carry a copy of this right.
	if ret = user.MachPortInsertRight(t, user.Self(t), port, port, mach.MakeSend); ret != mach.KernSuccess {
		s.server.DestroyPort(t, port)
		return nil, ret
	}
	o := &shared{port: port}
	s.objects[port] = o
	s.made = append(s.made, o)
	return o, mach.KernSuccess
}

// forget gives an object up that did not come into being.
func (s *Coherent) forget(t user.Thread, o *shared) {
	delete(s.objects, o.port)
	s.made = slices.DeleteFunc(s.made, func(other *shared) bool { return other == o })
	for _, peer := range o.peers {
		user.MachPortDeallocate(t, user.Self(t), peer.port)
	}
	s.server.DestroyPort(t, o.port)
}

func (o *shared) resize(size, unit mach.Size) {
	o.size, o.unit, o.pages = size, unit, make([]*sharedPage, (size+unit-1)/unit)
}

// page is the page of an object at an offset, nil behind its end.
func (o *shared) page(off mach.Offset) *sharedPage {
	if o.unit == 0 {
		return nil
	}
	i := off / mach.Offset(o.unit)
	if i >= mach.Offset(len(o.pages)) {
		return nil
	}
	if o.pages[i] == nil {
		// At first the server that made the object owns every page, or so those believe that copied it.
		p := &sharedPage{object: o, offset: i * mach.Offset(o.unit), owner: o.home}
		if o.home != nil {
			p.status = PageWrite
		}
		o.pages[i] = p
	}
	return o.pages[i]
}

// Owner says who owns a page as far as this server knows: itself, a kernel of its own by its control port, or
// another server by its port for the object.
func (s *Coherent) Owner(object mach.Name, off mach.Offset) (owner mach.Name, status PageStatus) {
	o := s.objects[object]
	if o == nil || o.page(off) == nil {
		return mach.NameNull, PageRead
	}
	p := o.page(off)
	if p.owner == nil {
		return object, p.status
	}
	return p.owner.port, p.status
}

// Init makes the object ready for one more kernel.
func (s *Coherent) Init(c *Call, m *Init) mach.Return {
	o := s.objects[m.MemoryObject]
	c.Release(m.MemoryObjectName)
	if o == nil || s.kernels[m.MemoryControl] != nil || !m.MemoryControl.Valid() || !mach.ValidPageSize(m.PageSize) {
		s.stats.Ignored++
		c.Release(m.MemoryControl)
		return mach.KernSuccess
	}
	s.kernels[m.MemoryControl] = &party{port: m.MemoryControl, object: o, kernel: true, pageSize: m.PageSize}
	if m.PageSize > o.unit {
		s.stats.Refused++
		c.DestroyObject(m.MemoryControl, mach.KernInvalidArgument)
		return mach.KernSuccess
	}
	c.Ready(m.MemoryControl, Attributes{CopyStrategy: mach.CopyNone, ClusterSize: int32(m.PageSize)})
	return mach.KernSuccess
}

// Terminate ends a kernel's part. All data that it had was returned before; what it was asked for and had not
// done yet it will not do any more, and has no page left that would make it necessary.
func (s *Coherent) Terminate(c *Call, m *Terminate) mach.Return {
	k := s.kernels[m.MemoryControl]
	delete(s.kernels, m.MemoryControl)
	c.Drain(m.MemoryControl, nil)
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	if k == nil {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	for _, p := range k.object.pages {
		if p != nil {
			s.leave(c, p, k)
		}
	}
	return mach.KernSuccess
}

// find is the kernel a message is from. One that is not known is ignored and its right released.
func (s *Coherent) find(c *Call, control mach.Name) *party {
	c.Release(control) // what the init brought is kept until terminate
	k := s.kernels[control]
	if k == nil {
		s.stats.Ignored++
	}
	return k
}

// DataRequest is a read or a write fault for each page of the range.
func (s *Coherent) DataRequest(c *Call, m *DataRequest) mach.Return {
	k := s.find(c, m.MemoryControl)
	if k == nil {
		return mach.KernSuccess
	}
	for off := m.Offset; off < m.Offset+mach.Offset(m.Length); off += mach.Offset(k.pageSize) {
		p := k.object.page(off)
		if p == nil {
			c.DataError(k.port, off, k.pageSize, mach.KernInvalidAddress)
			continue
		}
		f := fault{kernel: k, offset: off, write: m.DesiredAccess&mach.ProtWrite != 0}
		p.addFault(f)
		if f.write {
			s.stats.Writes++
			s.writeFault(c, p, k, false)
		} else {
			s.stats.Reads++
			s.readFault(c, p, k)
		}
	}
	return mach.KernSuccess
}

// DataUnlock is a write fault of a kernel that has a copy, unless that copy is on its way out.
func (s *Coherent) DataUnlock(c *Call, m *DataUnlock) mach.Return {
	k := s.find(c, m.MemoryControl)
	if k == nil {
		return mach.KernSuccess
	}
	for off := m.Offset; off < m.Offset+mach.Offset(m.Length); off += mach.Offset(k.pageSize) {
		p := k.object.page(off)
		switch {
		case p == nil:
			s.stats.Ignored++
			continue
		case s.fixed(R7) && !p.holds(k):
			s.stats.Stale++
			continue
		case p.owner == k && p.status == PageWrite && s.fixed(R7):
			// It owns the unit and has the page from before; with pages of unit size this crossed the grant.
			if k.pageSize < k.object.unit {
				s.grantKernel(c, fault{kernel: k, offset: off})
			} else {
				s.stats.Stale++
			}
			continue
		}
		s.stats.Upgrades++
		p.addFault(fault{kernel: k, offset: off, write: true, copy: true})
		s.writeFault(c, p, k, true)
	}
	return mach.KernSuccess
}

// DataReturn saves what comes back from the owner. By itself it ends nothing unless the owner evicted the page.
func (s *Coherent) DataReturn(c *Call, m *DataReturn) mach.Return {
	defer c.Deallocate(m.Data)
	k := s.find(c, m.MemoryControl)
	if k == nil {
		return mach.KernSuccess
	}
	data, err := user.LoadBytes(c.Thread, m.Data)
	if err != nil {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	for off := m.Offset; len(data) > 0; {
		p := k.object.page(off)
		n := min(mach.Size(len(data)), k.object.unit-mach.Size(off%mach.Offset(k.object.unit)))
		if p == nil || p.owner != k {
			s.stats.Ignored++
		} else {
			copy(p.bytes()[off-p.offset:], data[:n])
			s.returned(c, p, k, m.KernelCopy)
		}
		data, off = data[n:], off+mach.Offset(n)
	}
	return mach.KernSuccess
}

// DataWrite is DataReturn of kernels that know no other.
func (s *Coherent) DataWrite(c *Call, m *DataWrite) mach.Return {
	return s.DataReturn(c, &DataReturn{MemoryObject: m.MemoryObject, MemoryControl: m.MemoryControl,
		Offset: m.Offset, Data: m.Data, Dirty: true})
}

// LockCompleted ends a flush.
func (s *Coherent) LockCompleted(c *Call, m *LockCompleted) mach.Return {
	k := s.find(c, m.MemoryControl)
	if k == nil {
		return mach.KernSuccess
	}
	p := k.object.page(m.Offset)
	if p == nil {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	i := slices.IndexFunc(p.flushes, func(f flush) bool { return f.kernel == k })
	if i < 0 {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	f := p.flushes[i]
	p.flushes = slices.Delete(p.flushes, i, i+1)
	s.flushed(c, p, f)
	return mach.KernSuccess
}

// Synchronize answers a kernel that is known: what it returned before is saved.
func (s *Coherent) Synchronize(c *Call, m *Synchronize) mach.Return {
	if k := s.find(c, m.MemoryControl); k != nil {
		c.SynchronizeCompleted(k.port, m.Offset, m.Length)
	}
	return mach.KernSuccess
}

// Describe is the server's view of an object, a line for each page that was used.
func (s *Coherent) Describe(object mach.Name) string {
	var b strings.Builder
	if o := s.objects[object]; o != nil {
		for _, p := range o.pages {
			if p != nil {
				fmt.Fprintf(&b, "%v\n", p)
			}
		}
	}
	return b.String()
}
