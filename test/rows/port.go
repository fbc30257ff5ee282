package rows

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// portBatch is how many names a batch of the port rows is about.
const portBatch = 64

// portRows are the calls of the interface mach_port that OSF kernels have, one each. mach_port_allocate_subsystem
// is not among them: no host has a subsystem to bind a port to.
func portRows() []Row {
	receive := (*Bench).receiveRights
	gone := (*Bench).destroyEach
	nothing := func(*Bench, int) {}
	row := func(name string, before, op, after func(*Bench, int)) Row {
		return Row{Name: "port/" + name, batch: portBatch, before: before, op: op, after: after,
			setup: func(b *Bench) {
				b.names = make([]mach.Name, portBatch)
				b.addrs = make([]mach.Addr, portBatch)
				b.another()
			}}
	}
	dead := func(b *Bench, n int) {
		b.each(n, func(b *Bench, i int) { b.allocated(i, mach.RightDeadName) })
	}
	sets := func(b *Bench, n int) { b.each(n, func(b *Bench, i int) { b.allocated(i, mach.RightPortSet) }) }
	return []Row{
		row("mach_port_names", receive, func(b *Bench, _ int) {
			_, _, ret := user.MachPortNames(b.t, b.self)
			b.need(ret)
		}, gone),
		row("mach_port_type", receive, func(b *Bench, i int) {
			_, ret := user.MachPortType(b.t, b.self, b.names[i])
			b.need(ret)
		}, gone),
		row("mach_port_rename", receive, func(b *Bench, i int) {
			to := mach.Name(0x100000 + i<<8)
			b.need(user.MachPortRename(b.t, b.self, b.names[i], to))
			b.names[i] = to
		}, gone),
		row("mach_port_allocate_name", nothing, func(b *Bench, i int) {
			b.names[i] = mach.Name(0x100000 + i<<8)
			b.need(user.MachPortAllocateName(b.t, b.self, mach.RightReceive, b.names[i]))
		}, gone),
		row("mach_port_allocate", nothing, func(b *Bench, i int) { b.allocated(i, mach.RightReceive) }, gone),
		row("mach_port_allocate_qos", nothing, func(b *Bench, i int) {
			b.names[i] = mach.NameNull
			b.need(user.MachPortAllocateQos(b.t, b.self, mach.RightReceive, user.Qos{}, &b.names[i]))
		}, gone),
		row("mach_port_allocate_full", nothing, func(b *Bench, i int) {
			b.names[i] = mach.NameNull
			b.need(user.MachPortAllocateFull(b.t, b.self, mach.RightReceive, mach.NameNull, user.Qos{}, &b.names[i]))
		}, gone),
		row("mach_port_destroy", receive, func(b *Bench, i int) { b.need(user.MachPortDestroy(b.t, b.self, b.names[i])) }, nothing),
		row("mach_port_deallocate", dead, func(b *Bench, i int) { b.need(user.MachPortDeallocate(b.t, b.self, b.names[i])) }, nothing),
		row("mach_port_get_refs", receive, func(b *Bench, i int) {
			_, ret := user.MachPortGetRefs(b.t, b.self, b.names[i], mach.RightReceive)
			b.need(ret)
		}, gone),
		row("mach_port_mod_refs", dead, func(b *Bench, i int) {
			b.need(user.MachPortModRefs(b.t, b.self, b.names[i], mach.RightDeadName, -1))
		}, nothing),
		row("mach_port_request_notification", receive, func(b *Bench, i int) {
			_, ret := user.MachPortRequestNotification(b.t, b.self, b.names[i], mach.NotifyNoSenders, 1, b.other, mach.MakeSendOnce)
			b.need(ret)
		}, gone),
		row("mach_port_insert_right", receive, func(b *Bench, i int) {
			b.need(user.MachPortInsertRight(b.t, b.self, b.names[i], b.names[i], mach.MakeSend))
		}, gone),
		row("mach_port_extract_right", receive, func(b *Bench, i int) {
			_, _, ret := user.MachPortExtractRight(b.t, b.self, b.names[i], mach.MakeSend)
			b.need(ret)
		}, gone),
		row("mach_port_get_attributes", receive, func(b *Bench, i int) {
			_, ret := user.MachPortGetAttributes(b.t, b.self, b.names[i], mach.PortReceiveStatus, mach.ReceiveStatusWords)
			b.need(ret)
		}, gone),
		row("mach_port_set_attributes", receive, func(b *Bench, i int) {
			b.need(user.MachPortSetAttributes(b.t, b.self, b.names[i], mach.PortLimitsInfo, limits))
		}, gone),
		row("mach_port_set_mscount", receive, func(b *Bench, i int) {
			b.need(user.MachPortSetMscount(b.t, b.self, b.names[i], 7))
		}, gone),
		row("mach_port_set_seqno", receive, func(b *Bench, i int) {
			b.need(user.MachPortSetSeqno(b.t, b.self, b.names[i], 7))
		}, gone),
		row("mach_port_move_member", receive, func(b *Bench, i int) {
			b.need(user.MachPortMoveMember(b.t, b.self, b.names[i], b.set))
		}, gone),
		row("mach_port_get_set_status", sets, func(b *Bench, i int) {
			_, ret := user.MachPortGetSetStatus(b.t, b.self, b.names[i])
			b.need(ret)
		}, gone),
	}
}

// limits are what the row of mach_port_set_attributes sets: a queue limit.
var limits = []int32{3}

func (b *Bench) allocated(i int, right mach.RightCode) {
	var ret mach.Return
	b.names[i], ret = user.MachPortAllocate(b.t, b.self, right)
	b.need(ret)
}

func (b *Bench) receiveRights(n int) {
	b.each(n, func(b *Bench, i int) { b.allocated(i, mach.RightReceive) })
}

func (b *Bench) destroyEach(n int) {
	b.each(n, func(b *Bench, i int) { b.need(user.MachPortDestroy(b.t, b.self, b.names[i])) })
}

// another is a port for notifications, and a port set.
func (b *Bench) another() {
	var ret mach.Return
	b.other, ret = user.MachPortAllocate(b.t, b.self, mach.RightReceive)
	b.need(ret)
	b.set, ret = user.MachPortAllocate(b.t, b.self, mach.RightPortSet)
	b.need(ret)
}
