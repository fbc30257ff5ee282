package vm

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

var codecCreate = request[defs.MemoryObjectCreate[ipc.Right]](defs.MemoryObjectCreateRow)

// defaultManager is who gets the memory that the kernel makes itself.
type defaultManager struct {
	port    ipc.Right // send right for its service port; Null: there is none
	cluster mach.Size // preferred size of a pageout, whole pages
}

// DefaultManager makes the port that a send right is for the default memory manager of objects that have
// none yet, with transfers of so many bytes, and takes the right over. A null port changes nothing. The result
// is a send right for who it was before, Null if there was none and Dead if its port has died. Historic
// host_default_memory_manager (EMM-228 to EMM-230).
//
// Memory that could not be paged out for want of a manager now can (EMM-232).
func (h *Host) DefaultManager(port *ipc.Right, cluster mach.Size) (previous ipc.Right) {
	m := &h.defaultManager
	if port.IsNull() {
		return ipc.CopySend(&m.port)
	}
	previous = m.port
	m.port, m.cluster = port.Take(), max(cluster.Round(h.pageSize), h.pageSize)
	if h.wakeDaemon != nil && !h.daemon.satisfied() {
		h.wakeDaemon()
	}
	return previous
}

// clusterOf is the cluster size of an object: a power of two of pages, at most what a message may hold.
func (m *defaultManager) clusterOf(h *Host) mach.Size {
	size := h.pageSize
	for size*2 <= m.cluster && size*2 <= maxReturn*h.pageSize {
		size *= 2
	}
	return size
}

// creation is what a create carries while it is not sent: the manager it goes to stays the one that was in charge
// when it began.
type creation struct {
	ipc.Frame
	manager, receive ipc.Right
}

// VisitRights shows the rights to the recount.
func (c *creation) VisitRights(visit func(ipc.Right, string)) {
	visit(c.manager, "create under way")
	visit(c.receive, "create under way")
}

// createPager gives o, which never had a manager, to the default manager: ports are made and
// memory_object_create tells of them. Nothing is waited for; data may follow at once (EMM-220 to EMM-223). It
// reports false, and has done nothing, while there is no default manager. Historic
// vm_object_pager_create.
func (h *Host) createPager(th *sched.Thread, o *Object) bool {
	m := &h.defaultManager
	if !m.port.Live() {
		return false
	}
	o.beginPaging()
	o.existence = newExistence(h, o.size)
	o.clusterSize = m.clusterOf(h)
	o.pagingOffset = 0
	c := &creation{manager: ipc.CopySend(&m.port), receive: h.node.NewPort()}
	c.Holder = c
	a := h.newAssociation(o, ipc.MakeSend(&c.receive))
	o.setPhase(PhaseIniting)
	h.node.World().PushFrame(&c.Frame)
	th.Preempt("before-init")
	h.node.World().PopFrame(&c.Frame)
	create := defs.MemoryObjectCreate[ipc.Right]{
		OldMemoryObject: c.manager.Take(), NewMemoryObject: c.receive.Take(),
		NewObjectSize: o.size, NewControlPort: a.controlRight(), NewPageSize: h.pageSize,
	}
	if !a.name.IsNull() {
		create.NewName = ipc.MakeSend(&a.name)
	}
	send(h, th, codecCreate, &create)
	if o.phase == PhaseIniting {
		o.setPhase(PhaseActive)
	}
	o.endPaging()
	return true
}
