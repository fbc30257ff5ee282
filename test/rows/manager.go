package rows

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// objectCount is how many memory objects the manager of a row has: as many as a batch can use up.
const objectCount = 64

// releaseAfter is how many references of a control port a manager lets come together before it gives them up.
const releaseAfter = 1024

// manager serves the memory objects of a row. It supplies one page of its own memory again and again, or says
// that there is no data, and is otherwise as brief as the protocol allows.
type manager struct {
	pagers.Base
	b       *Bench
	objects []mach.Name
	// controls are the control ports of the objects, null while they have none.
	controls map[mach.Name]*control // by control port
	byObject map[mach.Name]*control
	data     mach.Region // whole pages

	// How it behaves; rows set this.
	attributes  pagers.Attributes
	unavailable bool      // answer requests with nothing
	lock        mach.Prot // prohibit this with the supply
	precious    bool
	giveBack    bool // ask for the page back while granting an access
}

// control is one association.
type control struct {
	object mach.Name
	port   mach.Name
	refs   int32 // references gathered since the last release
}

// run is the manager's thread.
func (m *manager) run(t user.Thread) {
	m.controls, m.byObject = map[mach.Name]*control{}, map[mach.Name]*control{}
	m.attributes = pagers.Attributes{CopyStrategy: mach.CopyDelay}
	server, ret := pagers.New(t, m)
	m.b.need(ret)
	var addr mach.Addr
	size := 16 * t.PageSize()
	m.b.need(user.VMAllocate(t, user.Self(t), &addr, size, true))
	for off := mach.Size(0); off < size; off += t.PageSize() {
		m.b.access(t.Store64(addr+mach.Addr(off), uint64(off)+1))
	}
	m.data = mach.Region{Address: addr, Size: size}
	for range objectCount {
		port, ret := server.AllocatePort(t)
		m.b.need(ret)
		m.objects = append(m.objects, port)
	}
	if m.b.err == nil {
		m.b.need(server.Run(t))
	}
}

// seen counts the reference that came with a message.
func (m *manager) seen(t user.Thread, port mach.Name) {
	c := m.controls[port]
	if c == nil {
		return
	}
	if c.refs++; c.refs == releaseAfter {
		m.b.need(user.MachPortModRefs(t, user.Self(t), port, mach.RightSend, -c.refs))
		c.refs = 0
	}
}

// Init makes the object ready and keeps the reference that came.
func (m *manager) Init(c *pagers.Call, msg *pagers.Init) mach.Return {
	a := &control{object: msg.MemoryObject, port: msg.MemoryControl}
	m.controls[a.port], m.byObject[a.object] = a, a
	m.b.need(c.Ready(a.port, m.attributes))
	return mach.KernSuccess
}

// Terminate gives up the control port. Nothing of this manager's can be in it: it answers at once.
func (m *manager) Terminate(c *pagers.Call, msg *pagers.Terminate) mach.Return {
	if a := m.controls[msg.MemoryControl]; a != nil {
		delete(m.controls, a.port)
		delete(m.byObject, a.object)
	}
	c.DestroyPort(msg.MemoryControl)
	return mach.KernSuccess
}

// DataRequest answers with the manager's pages, or that there is nothing.
func (m *manager) DataRequest(c *pagers.Call, msg *pagers.DataRequest) mach.Return {
	if m.unavailable {
		m.b.need(user.MemoryObjectDataUnavailable(c.Thread, msg.MemoryControl, msg.Offset, msg.Length))
	} else {
		data := m.data
		data.Size = min(data.Size, msg.Length)
		m.b.need(user.MemoryObjectDataSupply(c.Thread, msg.MemoryControl, msg.Offset, data, false, m.lock, m.precious, user.ReplyPort{}))
	}
	m.seen(c.Thread, msg.MemoryControl)
	return mach.KernSuccess
}

// DataUnlock grants everything.
func (m *manager) DataUnlock(c *pagers.Call, msg *pagers.DataUnlock) mach.Return {
	ret := mach.ReturnNone
	if m.giveBack {
		ret = mach.ReturnAll
	}
	m.b.need(user.MemoryObjectLockRequest(c.Thread, msg.MemoryControl, msg.Offset, msg.Length, ret, false, mach.ProtNone, user.ReplyPort{}))
	m.seen(c.Thread, msg.MemoryControl)
	return mach.KernSuccess
}

// DataReturn forgets the data.
func (m *manager) DataReturn(c *pagers.Call, msg *pagers.DataReturn) mach.Return {
	c.Deallocate(msg.Data)
	m.seen(c.Thread, msg.MemoryControl)
	return mach.KernSuccess
}

// Synchronize says that everything returned before is stored.
func (m *manager) Synchronize(c *pagers.Call, msg *pagers.Synchronize) mach.Return {
	m.b.need(user.MemoryObjectSynchronizeCompleted(c.Thread, msg.MemoryControl, msg.Offset, msg.Length))
	m.seen(c.Thread, msg.MemoryControl)
	return mach.KernSuccess
}
