package pagers

import (
	"slices"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Netmem is the sample pager of the Server Writer's Guide, without the defects of the printed one. Its memory
// objects are of one page, which programs use in two ways: they map it, or they send netmem_put and
// netmem_get. So the pager has to take the page from the kernel and give it back, and to remember what
// comes meanwhile. One kernel at a time uses an object; another that maps it waits for its end.
type Netmem struct {
	Base
	server  *Server
	clients *user.Server[*Call]
	objects map[mach.Name]*netmem
	uses    map[mach.Name]*netmem // by control port
	taken   map[string]int        // how often each arc was taken; looked up, never ranged over
	stats   NetmemStats
}

// NetmemStats counts what the pager has seen.
type NetmemStats struct {
	Ignored  int // messages about objects or control ports that are not known, and stale ones
	Deferred int // requests that waited for a lock_request
}

// netmem is one object.
type netmem struct {
	port     mach.Name
	state    NetmemState
	page     []byte
	control  mach.Name // of the kernel that uses it, null if none does
	next     []*Init   // kernels that wait for the end of that
	pageSize mach.Size
	deferred []func(*Call) // what waits for a lock_request to complete, in order
}

var (
	netmemPut = user.NewRoutine[defs.NetmemPut[mach.Name], mig.Void](defs.NetmemPutRow)
	netmemGet = user.NewRoutine[defs.NetmemGet[mach.Name], defs.NetmemGetReply](defs.NetmemGetRow)
)

// NewNetmem makes a pager without objects.
func NewNetmem(t user.Thread) (*Netmem, mach.Return) {
	n := &Netmem{objects: map[mach.Name]*netmem{}, uses: map[mach.Name]*netmem{}, taken: map[string]int{}}
	n.clients = user.NewServer[*Call](t)
	user.On(n.clients, netmemPut, n.put)
	user.On(n.clients, netmemGet, n.get)
	var ret mach.Return
	n.server, ret = New(t, n)
	return n, ret
}

// Server is what runs the pager.
func (n *Netmem) Server() *Server { return n.server }

// Stats is what the pager has seen so far.
func (n *Netmem) Stats() NetmemStats { return n.stats }

// NewObject makes a memory object of one page, which does not exist until it is used.
func (n *Netmem) NewObject(t user.Thread) (mach.Name, mach.Return) {
	port, ret := n.server.AllocatePort(t)
	if ret == mach.KernSuccess {
		n.objects[port] = &netmem{port: port, pageSize: t.PageSize()}
	}
	return port, ret
}

// State is the state of an object.
func (n *Netmem) State(object mach.Name) NetmemState {
	if o := n.objects[object]; o != nil {
		return o.state
	}
	return NetmemNone
}

// Init makes the object ready for a kernel, at once or when the one before has ended.
func (n *Netmem) Init(c *Call, m *Init) mach.Return {
	o := n.objects[m.MemoryObject]
	c.Release(m.MemoryObjectName)
	if o == nil || n.uses[m.MemoryControl] != nil || !m.MemoryControl.Valid() || !mach.ValidPageSize(m.PageSize) {
		n.stats.Ignored++
		c.Release(m.MemoryControl)
		return mach.KernSuccess
	}
	n.uses[m.MemoryControl] = o
	if o.control.Valid() {
		o.next = append(o.next, m)
		return mach.KernSuccess
	}
	n.use(c, o, m)
	return mach.KernSuccess
}

// use begins a kernel's use.
func (n *Netmem) use(c *Call, o *netmem, m *Init) {
	o.control = m.MemoryControl
	o.pageSize = m.PageSize
	c.Ready(o.control, Attributes{CopyStrategy: mach.CopyNone, ClusterSize: int32(m.PageSize)})
}

// Terminate ends a kernel's use. All data has come by now; what was asked of the kernel and not done is not
// waited for any more.
func (n *Netmem) Terminate(c *Call, m *Terminate) mach.Return {
	o := n.uses[m.MemoryControl]
	delete(n.uses, m.MemoryControl)
	c.Drain(m.MemoryControl, nil)
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	switch {
	case o == nil:
		n.stats.Ignored++
	case o.control != m.MemoryControl:
		o.next = slices.DeleteFunc(o.next, func(i *Init) bool { return i.MemoryControl == m.MemoryControl })
	default:
		o.control = mach.NameNull
		n.move(o, "terminate", NetmemServerWrite)
		n.resume(c, o)
		if len(o.next) > 0 {
			i := o.next[0]
			o.next = o.next[1:]
			n.use(c, o, i)
		}
	}
	return mach.KernSuccess
}

// find is the object a message from its kernel is about. The reference of the control port is released.
func (n *Netmem) find(c *Call, control mach.Name) *netmem {
	c.Release(control)
	o := n.uses[control]
	if o == nil || o.control != control {
		n.stats.Ignored++
		return nil
	}
	return o
}

// DataRequest supplies the page; behind it there is nothing.
func (n *Netmem) DataRequest(c *Call, m *DataRequest) mach.Return {
	o := n.find(c, m.MemoryControl)
	if o == nil {
		return mach.KernSuccess
	}
	first := mach.Offset(o.pageSize)
	if end := m.Offset + mach.Offset(m.Length); end > first {
		beyond := max(m.Offset, first)
		c.DataError(o.control, beyond, mach.Size(end-beyond), mach.KernInvalidAddress)
	}
	if m.Offset < first {
		n.request(c, o, m.DesiredAccess)
	}
	return mach.KernSuccess
}

// request answers a request for the page, or leaves it for later: it would not be repeated.
func (n *Netmem) request(c *Call, o *netmem, access mach.Prot) {
	if n.locking(o) {
		n.later(o, func(c *Call) { n.request(c, o, access) })
		return
	}
	switch {
	case !o.control.Valid(): // the kernel that wanted it is gone
	case o.state == NetmemNone:
		c.DataUnavailable(o.control, 0, o.pageSize)
		o.page = make([]byte, o.pageSize)
		n.move(o, "I", NetmemKernelWrite)
	case access&mach.ProtWrite != 0:
		c.DataSupply(o.control, Supply{Data: n.bytes(o)})
		n.move(o, "Sw", NetmemKernelWrite)
	default:
		c.DataSupply(o.control, Supply{Data: n.bytes(o), Lock: mach.ProtWrite})
		n.move(o, "Sr", NetmemRead)
	}
}

// bytes is the page, as large as the kernel's.
func (n *Netmem) bytes(o *netmem) []byte {
	if short := int(o.pageSize) - len(o.page); short > 0 {
		o.page = append(o.page, make([]byte, short)...)
	}
	return o.page[:o.pageSize]
}

// DataUnlock grants the access. A kernel whose page is being flushed will ask for it again.
func (n *Netmem) DataUnlock(c *Call, m *DataUnlock) mach.Return {
	if o := n.find(c, m.MemoryControl); o != nil {
		n.unlock(c, o)
	}
	return mach.KernSuccess
}

func (n *Netmem) unlock(c *Call, o *netmem) {
	switch o.state {
	case NetmemRead:
		if o.control.Valid() {
			c.LockRequest(o.control, Lock{Size: o.pageSize})
			n.move(o, "U", NetmemKernelWrite)
		}
	case NetmemCleaning:
		n.later(o, func(c *Call) { n.unlock(c, o) })
	default:
		n.stats.Ignored++
	}
}

// DataReturn keeps the data. Whether the kernel has kept a copy is not the point while a lock_request is out:
// lock_completed tells.
func (n *Netmem) DataReturn(c *Call, m *DataReturn) mach.Return {
	if o := n.find(c, m.MemoryControl); o != nil && m.Offset == 0 {
		if data, err := user.LoadBytes(c.Thread, m.Data); err == nil {
			copy(n.bytes(o), data)
		}
		if !m.KernelCopy && o.state == NetmemKernelWrite {
			n.move(o, "data_return", NetmemServerWrite)
		}
	}
	c.Deallocate(m.Data)
	return mach.KernSuccess
}

// DataWrite is DataReturn of kernels that know no other.
func (n *Netmem) DataWrite(c *Call, m *DataWrite) mach.Return {
	return n.DataReturn(c, &DataReturn{MemoryObject: m.MemoryObject, MemoryControl: m.MemoryControl,
		Offset: m.Offset, Data: m.Data, Dirty: true})
}

// LockCompleted ends a clean or a flush.
func (n *Netmem) LockCompleted(c *Call, m *LockCompleted) mach.Return {
	o := n.find(c, m.MemoryControl)
	switch {
	case o == nil:
	case o.state == NetmemCleaning:
		n.move(o, "OK", NetmemRead)
		n.resume(c, o)
	case o.state == NetmemFlushing:
		n.move(o, "OK", NetmemServerWrite)
		n.resume(c, o)
	default:
		n.stats.Ignored++
	}
	return mach.KernSuccess
}

// Other serves the calls of programs.
func (n *Netmem) Other(c *Call) mach.Return {
	user.ServeMessage(c.Thread, c, c.Message, &c.out, n.clients)
	return mach.KernSuccess
}

// put stores a word once nobody else has the page.
func (n *Netmem) put(c *Call, q *defs.NetmemPut[mach.Name], _ *mig.Void) mach.Return {
	o, word, ret := n.word(c, q.NetmemObject, q.Offset)
	if ret != mach.KernSuccess {
		return ret
	}
	switch o.state {
	case NetmemRead, NetmemKernelWrite:
		n.lock(c, o, Lock{Size: o.pageSize, Return: mach.ReturnDirty, Flush: true, Value: mach.ProtAll}, "F", NetmemFlushing)
		return n.again(c, o)
	case NetmemFlushing, NetmemCleaning:
		return n.again(c, o)
	}
	mach.Words.PutUint64(word, q.Value)
	return mach.KernSuccess
}

// get reads a word once the kernel has written back what it modified.
func (n *Netmem) get(c *Call, q *defs.NetmemGet[mach.Name], rep *defs.NetmemGetReply) mach.Return {
	o, word, ret := n.word(c, q.NetmemObject, q.Offset)
	if ret != mach.KernSuccess {
		return ret
	}
	switch o.state {
	case NetmemKernelWrite:
		n.lock(c, o, Lock{Size: o.pageSize, Return: mach.ReturnDirty, Value: mach.ProtWrite}, "C", NetmemCleaning)
		return n.again(c, o)
	case NetmemFlushing, NetmemCleaning:
		return n.again(c, o)
	}
	rep.Value = mach.Words.Uint64(word)
	return mach.KernSuccess
}

// word finds a word of an object's page, which comes into being if need be.
func (n *Netmem) word(_ *Call, object mach.Name, off mach.Offset) (*netmem, []byte, mach.Return) {
	o := n.objects[object]
	if o == nil || off%8 != 0 || off >= mach.Offset(o.pageSize) {
		return nil, nil, mach.KernInvalidArgument
	}
	if o.state == NetmemNone {
		n.move(o, "I", NetmemServerWrite)
	}
	return o, n.bytes(o)[off:], mach.KernSuccess
}

// lock has the kernel give the page back, whole or only the right to write.
func (n *Netmem) lock(c *Call, o *netmem, l Lock, label string, to NetmemState) {
	l.ReplyTo = o.port
	c.LockRequest(o.control, l)
	n.move(o, label, to)
}

// locking reports whether a lock_request is out.
func (n *Netmem) locking(o *netmem) bool {
	return o.state == NetmemFlushing || o.state == NetmemCleaning
}

// again has the call that is being served made once more when the lock_request is done.
func (n *Netmem) again(c *Call, o *netmem) mach.Return {
	m := *c.Message
	m.Body = slices.Clone(m.Body)
	n.later(o, func(c *Call) {
		user.ServeMessage(c.Thread, &Call{Thread: c.Thread, Server: c.Server, Message: &m}, &m, &c.out, n.clients)
	})
	return mach.MigNoReply
}

func (n *Netmem) later(o *netmem, f func(*Call)) {
	n.stats.Deferred++
	o.deferred = append(o.deferred, f)
}

// resume does what was deferred, in the order in which it came, until another lock_request is out.
func (n *Netmem) resume(c *Call, o *netmem) {
	for len(o.deferred) > 0 && !n.locking(o) {
		f := o.deferred[0]
		o.deferred = o.deferred[1:]
		f(c)
	}
}
