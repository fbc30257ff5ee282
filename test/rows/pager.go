package rows

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// pagerRows are the rows of a client and a manager with memory objects of one page.
func pagerRows() []Row {
	row := func(name, historic string, messages int, setup, before, after func(*Bench, int), op func(*Bench, int)) Row {
		return Row{Name: "pager/" + name, Historic: historic, Messages: messages, batch: objectCount,
			setup:  func(b *Bench) { b.clientRights(); setup(b, objectCount) },
			before: before, op: op, after: after}
	}
	with := func(change func(m *manager)) func(*Bench, int) {
		return func(b *Bench, _ int) { change(b.manager) }
	}
	plain := with(func(*manager) {})
	cached := with(func(m *manager) { m.attributes.MayCache = true })
	unavailable := with(func(m *manager) { m.unavailable = true })
	locked := with(func(m *manager) { m.lock = mach.ProtWrite })
	mapped, unmapped := (*Bench).mapAll, (*Bench).unmapAll
	nothing := func(*Bench, int) {}
	mappedRead := func(b *Bench, n int) { b.mapAll(n); b.each(n, (*Bench).read) }
	mappedWritten := func(b *Bench, n int) { b.mapAll(n); b.each(n, (*Bench).write) }
	// kept leaves objects in the cache with their page, mapped or not.
	kept := func(b *Bench, n int) { cached(b, n); mappedWritten(b, n); b.unmapAll(n) }

	rows := []Row{
		row("map_init", "vm_map/MO_init/change_attributes", 2, plain, nothing, unmapped, (*Bench).mapOne),
		row("map_cached", "vm_map on a cached object", 0, kept, nothing, unmapped, (*Bench).mapOne),
		row("unmap_terminate", "vm_deallocate/MO_terminate", 1, plain, mapped, nothing, (*Bench).unmapOne),
		row("unmap_cached", "vm_deallocate on a cached object", 0, kept, mapped, nothing, (*Bench).unmapOne),
		row("read_unavailable", "Read/MO_data_request/unavailable", 2, unavailable, mapped, unmapped, (*Bench).read),
		row("read_supply", "Read/MO_data_request/supply", 2, plain, mapped, unmapped, (*Bench).read),
		row("read_cached", "Read on a cached object", 0, kept, mapped, unmapped, (*Bench).read),
		row("write_unavailable", "Write/MO_data_request/unavailable", 2, unavailable, mapped, unmapped, (*Bench).write),
		row("write_supply", "Write/MO_data_request/supply", 2, plain, mapped, unmapped, (*Bench).write),
		row("write_unlock", "Write/MO_data_unlock/lock_req", 2, locked, mappedRead, unmapped, (*Bench).write),
		row("write_cached", "Write on a cached object", 0, kept, mapped, unmapped, (*Bench).write),
		row("msync_dirty", "vm_msync/MO_data_ret/sync/completed", 3, plain, mappedWritten, unmapped, msync(mach.SyncSynchronous)),
		row("msync_invalidate", "vm_msync/invalidate/MO_sync/completed", 2, plain, mappedRead, unmapped,
			msync(mach.SyncSynchronous|mach.SyncInvalidate)),
		row("msync_untouched", "vm_msync only (data untouched)", 2, plain, mapped, unmapped, msync(mach.SyncSynchronous)),
		row("precious_read", "precious: Read/MO_data_request/supply", 2, with(func(m *manager) { m.precious = true }), mapped, unmapped,
			(*Bench).read),
		row("precious_write_unlock", "precious: Write/MO_unlock/lock/data_ret", 3,
			with(func(m *manager) { m.precious, m.giveBack, m.lock = true, true, mach.ProtWrite }), mappedRead, unmapped, (*Bench).write),
		row("cycle", "", 5, plain, nothing, nothing, func(b *Bench, i int) { b.mapOne(i); b.read(i); b.unmapOne(i) }),
		row("cycle_16", "", 5, clustered, nothing, nothing, cycle16),
		managers("data_supply", "MO_data_supply", 1, (*Bench).hold, nothing, (*Bench).supply, (*Bench).flush),
		managers("get_attributes", "MO_get_attributes", 2, (*Bench).hold, nothing, (*Bench).getAttributes, nothing),
		managers("change_attributes", "MO_change_attributes", 1, (*Bench).hold, nothing, (*Bench).changeAttributes, nothing),
	}
	for i := range rows {
		switch rows[i].Name {
		case "pager/msync_untouched":
			rows[i].Note = "2: synchronize goes to the manager whether or not pages are resident (EMM-205), and is answered"
		case "pager/cycle_16":
			rows[i].Note = "map 16 pages, fault each, unmap, terminate: 16 requests and supplies where each fault asks for one page"
			rows[i].Messages = 3 + 2*16
		case "pager/data_supply":
			rows[i].Note = "nobody has asked for the page"
		}
	}
	return rows
}

// managers is a row whose operation is the manager's.
func managers(name, historic string, messages int, setup func(*Bench), before, op, after func(*Bench, int)) Row {
	return Row{Name: "pager/" + name, Historic: historic, Messages: messages, batch: objectCount, manager: true,
		setup: setup, before: before, op: op, after: after}
}

// clientRights gives the client a right for every memory object.
func (b *Bench) clientRights() {
	for _, port := range b.manager.objects {
		name, err := b.Client.GiveSend(b.Server, port)
		b.access(err)
		b.objects = append(b.objects, name)
	}
	b.addrs = make([]mach.Addr, objectCount)
}

func (b *Bench) each(n int, op func(*Bench, int)) {
	for i := range n {
		op(b, i)
	}
}

func (b *Bench) mapAll(n int)   { b.each(n, (*Bench).mapOne) }
func (b *Bench) unmapAll(n int) { b.each(n, (*Bench).unmapOne); b.settle() }

func (b *Bench) mapOne(i int) { b.mapPages(i, 1) }

func (b *Bench) mapPages(i int, pages mach.Size) {
	b.addrs[i] = 0
	b.need(user.VMMap(b.t, b.self, &b.addrs[i], pages*b.t.PageSize(), 0, true, b.objects[i], 0, false,
		mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
}

func (b *Bench) unmapOne(i int) {
	b.need(user.VMDeallocate(b.t, b.self, b.addrs[i], b.t.PageSize()))
}

func (b *Bench) read(i int) {
	_, err := b.t.Load64(b.addrs[i])
	b.access(err)
}

func (b *Bench) write(i int) { b.access(b.t.Store64(b.addrs[i], uint64(i))) }

func msync(flags mach.SyncFlags) func(b *Bench, i int) {
	return func(b *Bench, i int) { b.need(user.VMMsync(b.t, b.self, b.addrs[i], b.t.PageSize(), flags)) }
}

func clustered(*Bench, int) {}

// cycle16 maps 16 pages, touches each, and unmaps them.
func cycle16(b *Bench, i int) {
	b.mapPages(i, 16)
	size := b.t.PageSize()
	for page := range mach.Size(16) {
		_, err := b.t.Load64(b.addrs[i] + mach.Addr(page*size))
		b.access(err)
	}
	b.need(user.VMDeallocate(b.t, b.self, b.addrs[i], 16*size))
}

// hold has a thread of the client map every object for good, for the rows that the manager performs.
func (b *Bench) hold() {
	b.clientRights()
	done := false
	b.Client.Spawn("mapper", func(t user.Thread) {
		for i := range objectCount {
			b.need(user.VMMap(t, user.Self(t), &b.addrs[i], t.PageSize(), 0, true, b.objects[i], 0, false,
				mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
		}
		done = true
	})
	for !done && b.err == nil {
		b.t.Yield()
	}
}

// control is the control port of object i.
func (b *Bench) control(i int) mach.Name { return b.manager.byObject[b.manager.objects[i]].port }

func (b *Bench) supply(i int) {
	data := b.manager.data
	data.Size = b.t.PageSize()
	b.need(user.MemoryObjectDataSupply(b.t, b.control(i), 0, data, false, mach.ProtNone, false, user.ReplyPort{}))
}

// flush throws out what was supplied.
func (b *Bench) flush(n int) {
	for i := range n {
		b.need(user.MemoryObjectLockRequest(b.t, b.control(i), 0, b.t.PageSize(), mach.ReturnNone, true, mach.ProtNone, user.ReplyPort{}))
	}
}

func (b *Bench) getAttributes(i int) {
	_, ret := user.MemoryObjectGetAttributes(b.t, b.control(i), mach.FlavorAttribute, uint32(len(b.manager.attributes.Words(mach.FlavorAttribute))))
	b.need(ret)
}

func (b *Bench) changeAttributes(i int) {
	b.need(user.MemoryObjectChangeAttributes(b.t, b.control(i), mach.FlavorAttribute,
		b.manager.attributes.Words(mach.FlavorAttribute), user.ReplyPort{}))
}
