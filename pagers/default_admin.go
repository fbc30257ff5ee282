package pagers

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// The calls of programs on the service port of a default pager. Its paging space is one file and stays
// that: the calls that add and remove stores answer KERN_FAILURE.

// Other answers the calls of programs.
func (p *DefaultPager) Other(c *Call) mach.Return {
	if c.Port != p.port {
		return mach.MigBadID
	}
	user.ServeMessage(c.Thread, c, c.Message, &c.out, p.admin)
	return mach.KernSuccess
}

func (p *DefaultPager) adminTable(t user.Thread) *user.Server[*Call] {
	s := user.NewServer[*Call](t)
	user.On(s, user.DefaultPagerObjectCreateCall, p.objectCreate)
	user.On(s, user.DefaultPagerInfoCall, p.info)
	user.On(s, user.DefaultPagerObjectsCall, p.listObjects)
	user.On(s, user.DefaultPagerObjectPagesCall, p.objectPages)
	refuse(s, user.DefaultPagerPagingFileCall)
	refuse(s, user.DefaultPagerRegisterFileserverCall)
	refuse(s, user.DefaultPagerBackingStoreCreateCall)
	refuse(s, user.DefaultPagerBackingStoreDeleteCall)
	refuse(s, user.DefaultPagerAddSegmentCall)
	refuse(s, user.DefaultPagerBackingStoreInfoCall)
	return s
}

func refuse[Q, R any](s *user.Server[*Call], r user.Routine[Q, R]) {
	user.On(s, r, func(*Call, *Q, *R) mach.Return { return mach.KernFailure })
}

// objectCreate makes an object that programs may map. It lives until nobody has a right for it.
func (p *DefaultPager) objectCreate(c *Call, _ *defs.DefaultPagerObjectCreate[mach.Name], rep *defs.DefaultPagerObjectCreateReply[mach.Name]) mach.Return {
	if p.options.Objects > 0 && len(p.made) >= p.options.Objects {
		return mach.KernResourceShortage
	}
	t, server := c.Thread, p.programs
	if server == nil {
		server = p.kernels
	}
	var port mach.Name
	var ret mach.Return
	if t.Form().Set == mig.OSF {
		ret = user.MachPortAllocateFull(t, user.Self(t), mach.RightReceive, mach.NameNull, user.Qos{}, &port)
	} else {
		port, ret = user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
	}
	if ret != mach.KernSuccess {
		return mach.KernResourceShortage
	}
	if ret = server.AddPort(t, port); ret == mach.KernSuccess {
		o := p.add(port)
		if ret = p.watch(c, o, 1); ret == mach.KernSuccess {
			rep.MemoryObject = port
			return mach.KernSuccess
		}
		p.remove(c, o)
		return mach.KernResourceShortage
	}
	c.DestroyPort(port)
	return mach.KernResourceShortage
}

// info tells how much paging space there is; what is kept in memory in an emergency does not count.
func (p *DefaultPager) info(_ *Call, _ *defs.DefaultPagerInfo[mach.Name], rep *defs.DefaultPagerInfoReply) mach.Return {
	*rep = defs.DefaultPagerInfoReply{
		TotalSpace: mach.Size(p.space.slots) * p.pageSize,
		FreeSpace:  mach.Size(p.space.room()) * p.pageSize,
		PageSize:   p.pageSize,
	}
	return mach.KernSuccess
}

// listObjects lists every object with the space it uses. Those that programs asked for come with a right; the
// ports of a kernel's own are given to nobody.
func (p *DefaultPager) listObjects(c *Call, _ *defs.DefaultPagerObjects[mach.Name], rep *defs.DefaultPagerObjectsReply[mach.Region, mach.Region]) mach.Return {
	t := c.Thread
	var words []byte
	names := make([]mach.Name, 0, len(p.made))
	for _, o := range p.made {
		words = mach.Words.AppendUint64(words, o.id)
		words = mach.Words.AppendUint64(words, uint64(o.stored())*uint64(p.pageSize))
		name := mach.NameNull
		if !o.internal && user.MachPortInsertRight(t, user.Self(t), o.port, o.port, mach.MakeSend) == mach.KernSuccess {
			name = o.port
		}
		names = append(names, name)
	}
	var ret mach.Return
	if rep.Objects, ret = user.StoreNew(t, words); ret != mach.KernSuccess {
		return mach.KernResourceShortage
	}
	if rep.Ports, ret = user.StoreNames(t, names); ret != mach.KernSuccess {
		user.Deallocate(t, rep.Objects)
		return mach.KernResourceShortage
	}
	return mach.KernSuccess
}

// objectPages lists the pages that are stored for an object.
func (p *DefaultPager) objectPages(c *Call, m *defs.DefaultPagerObjectPages[mach.Name], rep *defs.DefaultPagerObjectPagesReply[mach.Region]) mach.Return {
	o := p.objects[m.MemoryObject]
	if o == nil {
		return mach.KernInvalidArgument
	}
	c.Release(m.MemoryObject)
	var words []byte
	for _, at := range o.offsets() {
		if !o.pages[at].lost {
			words = mach.Words.AppendUint64(words, uint64(at))
		}
	}
	var ret mach.Return
	if rep.Pages, ret = user.StoreNew(c.Thread, words); ret != mach.KernSuccess {
		return mach.KernResourceShortage
	}
	return mach.KernSuccess
}

// stored is the number of pages that are somewhere.
func (o *paged) stored() int {
	n := 0
	for _, page := range o.pages { // unordered: a count
		if !page.lost {
			n++
		}
	}
	return n
}
