package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
	"machvm/vm"
)

// va is the address of page n of an address space.
func va(n int) mach.Addr { return mach.Addr(n) * mach.Addr(page) }

// space is an actor with the calls on address spaces as methods. Like the actor's they act on the
// thread's own task, or on the task that of names.
type space struct{ *actor }

// In is Do for a program about memory.
func (s *stage) In(task *task, program func(v *space)) {
	s.t.Helper()
	s.Do(task, func(a *actor) { program(&space{a}) })
}

// Fork makes a child of a task with a copy of its memory.
func (s *stage) Fork(parent *task) *task {
	s.t.Helper()
	s.In(parent, func(v *space) {
		_, ret := user.TaskCreate(v, v.target(), true)
		v.ok(ret)
	})
	all := parent.Host().Tasks()
	return all[len(all)-1]
}

// stats is the memory counters of the first host.
func (s *stage) stats() vm.Statistics { return s.Host(0).VM().Stats() }

// stats is the memory counters of the thread's host.
func (v *space) stats() vm.Statistics { return v.own().Host().VM().Stats() }

// space is the same thread with the calls of a program about memory.
func (x *calls) space() *space { return &space{x.e.actor(x.Thread)} }

// step runs a program about memory in a thread of the client.
func (c *client) step(program func(v *space)) {
	c.e.t.Helper()
	c.do(func(x *calls) { program(x.space()) })
}

// of is the same thread with calls for another task, by its control port.
func (v *space) of(task mach.Name) *space { return &space{v.on(task)} }

// own is the thread's own task, for inspection.
func (v *space) own() *task { return v.Thread.(*kernel.Thread).Task() }

// sched is the thread as routines of the kernel want it.
func (v *space) sched() *sched.Thread { return v.Thread.(*kernel.Thread).Sched() }

// allocateAt is vm_allocate at an address.
func (v *space) allocateAt(addr mach.Addr, size mach.Size) (mach.Addr, mach.Return) {
	ret := user.VMAllocate(v, v.target(), &addr, size, false)
	return addr, ret
}

// allocateAnywhere is vm_allocate where there is room.
func (v *space) allocateAnywhere(hint mach.Addr, size mach.Size) (mach.Addr, mach.Return) {
	ret := user.VMAllocate(v, v.target(), &hint, size, true)
	return hint, ret
}

// have allocates n pages at an address.
func (v *space) have(addr mach.Addr, n int) {
	v.t.Helper()
	got, ret := v.allocateAt(addr, mach.Size(n)*page)
	v.ok(ret)
	require.Equal(v.t, addr, got)
}

// fill allocates n pages at an address and makes the bytes of the i-th first+i.
func (v *space) fill(addr mach.Addr, n int, first byte) {
	v.t.Helper()
	v.have(addr, n)
	for i := range n {
		v.write(addr+va(i), fillOf(first+byte(i)))
	}
}

// fillOf is a page of one byte.
func fillOf(b byte) []byte {
	p := make([]byte, page)
	for i := range p {
		p[i] = b
	}
	return p
}

func (v *space) deallocate(addr mach.Addr, size mach.Size) mach.Return {
	return user.VMDeallocate(v, v.target(), addr, size)
}

// placed is the arguments of vm_map, and where the memory came to lie.
type placed struct {
	addr, mask mach.Addr
	size       mach.Size
	fixed      bool
	object     mach.Name
	offset     mach.Offset
	copy       bool
	cur, max   mach.Prot
	inherit    mach.Inherit
}

// usual is arguments of vm_map: n pages from the beginning of an object, anywhere.
func usual(object mach.Name, n int) placed {
	return placed{object: object, size: mach.Size(n) * page, cur: mach.ProtDefault, max: mach.ProtAll, inherit: mach.InheritCopy}
}

// usualAt is usual at an address.
func usualAt(addr mach.Addr, object mach.Name, n int) placed {
	p := usual(object, n)
	p.addr, p.fixed = addr, true
	return p
}

// copied is p with copy true.
func (p placed) copied() placed { p.copy = true; return p }

func (v *space) vmMap(p *placed) mach.Return {
	return user.VMMap(v, v.target(), &p.addr, p.size, p.mask, !p.fixed, p.object, p.offset, p.copy, p.cur, p.max, p.inherit)
}

// mapAt is vm_map as usual at an address, and succeeds.
func (v *space) mapAt(addr mach.Addr, object mach.Name, n int) {
	v.t.Helper()
	p := usualAt(addr, object, n)
	v.ok(v.vmMap(&p))
}

// copyAt is mapAt with copy true.
func (v *space) copyAt(addr mach.Addr, object mach.Name, n int) {
	v.t.Helper()
	p := usualAt(addr, object, n).copied()
	v.ok(v.vmMap(&p))
}

func (v *space) protect(addr mach.Addr, size mach.Size, prot mach.Prot) mach.Return {
	return user.VMProtect(v, v.target(), addr, size, false, prot)
}

func (v *space) protectMax(addr mach.Addr, size mach.Size, prot mach.Prot) mach.Return {
	return user.VMProtect(v, v.target(), addr, size, true, prot)
}

func (v *space) inherit(addr mach.Addr, size mach.Size, inherit mach.Inherit) mach.Return {
	return user.VMInherit(v, v.target(), addr, size, inherit)
}

func (v *space) behave(addr mach.Addr, size mach.Size, b mach.Behavior) mach.Return {
	return user.VMBehaviorSet(v, v.target(), addr, size, b)
}

func (v *space) vmRead(addr mach.Addr, size mach.Size) (mach.Region, mach.Return) {
	return user.VMRead(v, v.target(), addr, size)
}

// take is vm_read, and succeeds.
func (v *space) take(addr mach.Addr, size mach.Size) mach.Region {
	v.t.Helper()
	r, ret := v.vmRead(addr, size)
	v.ok(ret)
	return r
}

// vmWrite is vm_write of memory that the task has.
func (v *space) vmWrite(addr, from mach.Addr, size mach.Size) mach.Return {
	return user.VMWrite(v, v.target(), addr, mach.Region{Address: from, Size: size})
}

func (v *space) vmCopy(from mach.Addr, size mach.Size, to mach.Addr) mach.Return {
	return user.VMCopy(v, v.target(), from, size, to)
}

// remapped is the arguments of vm_remap, and what came of it. The source is the thread's own task.
type remapped struct {
	addr     mach.Addr
	source   mach.Addr
	size     mach.Size
	copy     bool
	inherit  mach.Inherit
	cur, max mach.Prot
}

func (v *space) remap(r *remapped) (ret mach.Return) {
	r.cur, r.max, ret = user.VMRemap(v, v.target(), &r.addr, r.size, 0, false, user.Self(v), r.source, r.copy, r.inherit)
	return ret
}

// share maps n pages at source once more at addr.
func (v *space) share(addr, source mach.Addr, n int) {
	v.t.Helper()
	v.ok(v.remap(&remapped{addr: addr, source: source, size: mach.Size(n) * page}))
}

// privileged is a name of the privileged host port.
func (v *space) privileged() mach.Name {
	v.t.Helper()
	name, err := v.own().GiveHostPriv()
	require.NoError(v.t, err)
	return name
}

// wire is vm_wire with the privileged host port; no access unwires.
func (v *space) wire(addr mach.Addr, size mach.Size, access mach.Prot) mach.Return {
	v.t.Helper()
	return user.VMWire(v, v.privileged(), v.target(), addr, size, access)
}

// wired wires memory for reading and writing, and succeeds.
func (v *space) wired(addr mach.Addr, n int) {
	v.t.Helper()
	v.ok(v.wire(addr, mach.Size(n)*page, mach.ProtDefault))
}

// region is what vm_region tells of an address.
func (v *space) region(addr mach.Addr) user.Region {
	v.t.Helper()
	r, ret := user.VMRegion(v, v.target(), addr)
	v.ok(ret)
	return r
}

// regions is all regions, in ascending order.
func (v *space) regions() []user.Region {
	v.t.Helper()
	list := []user.Region{}
	for addr := mach.Addr(0); ; {
		r, ret := user.VMRegion(v, v.target(), addr)
		if ret != mach.KernSuccess {
			return list
		}
		list = append(list, r)
		addr = r.Address + mach.Addr(r.Size)
	}
}

// extent is where a region lies, in pages.
type extent struct{ start, end int }

// layout is where the regions lie.
func (v *space) layout() []extent {
	v.t.Helper()
	list := []extent{}
	for _, r := range v.regions() {
		list = append(list, extent{int(r.Address / va(1)), int((r.Address + mach.Addr(r.Size)) / va(1))})
	}
	return list
}

// lies requires where the regions lie.
func (v *space) lies(want ...extent) {
	v.t.Helper()
	if want == nil {
		want = []extent{}
	}
	require.Equal(v.t, want, v.layout())
}

// unchanged requires that what f does changes no region.
func (v *space) unchanged(f func()) {
	v.t.Helper()
	before := v.regions()
	f()
	require.Equal(v.t, before, v.regions())
}

// attributes is what vm_region tells of each page that is in a region, but for where the region lies.
func (v *space) attributes() map[mach.Addr]defs.RegionInfo {
	v.t.Helper()
	all := map[mach.Addr]defs.RegionInfo{}
	for _, r := range v.regions() {
		info := r.RegionInfo
		info.Offset = 0
		for addr := r.Address; addr < r.Address+mach.Addr(r.Size); addr += va(1) {
			all[addr] = info
		}
	}
	return all
}

// keepsAttributes requires that what f does changes no page's attributes. Regions may be split.
func (v *space) keepsAttributes(f func()) {
	v.t.Helper()
	before := v.attributes()
	f()
	require.Equal(v.t, before, v.attributes())
}

// loads and stores try to access one byte.
func (v *space) loads(addr mach.Addr) mach.Return {
	return mach.Code(v.Load(addr, make([]byte, 1)))
}

func (v *space) stores(addr mach.Addr, b byte) mach.Return {
	return mach.Code(v.Store(addr, []byte{b}))
}

// put writes one byte.
func (v *space) put(addr mach.Addr, b byte) {
	v.t.Helper()
	v.ok(v.stores(addr, b))
}

// holds requires that the bytes of pages from an address on are these, page after page all the same.
func (v *space) holds(addr mach.Addr, want ...byte) {
	v.t.Helper()
	for i, b := range want {
		require.Equal(v.t, fillOf(b), v.read(addr+va(i), int(page)), "page %d from %v", i, addr)
	}
}

// first requires what the first byte at an address is.
func (v *space) first(addr mach.Addr, want byte) {
	v.t.Helper()
	require.Equal(v.t, want, v.read(addr, 1)[0], "at %v", addr)
}

// raises requires how an access of one byte fails.
func (v *space) raises(err error, code mach.Return, addr mach.Addr) {
	v.t.Helper()
	require.Equal(v.t, &user.Exception{Code: code, Addr: addr}, err)
}

// inspect is the region at an address and the objects below it, from the top down.
func (v *space) inspect(addr mach.Addr) (vm.EntryInfo, []vm.ObjectInfo) {
	v.t.Helper()
	return inspect(v.t, v.own(), addr)
}

func inspect(t *testing.T, task *task, addr mach.Addr) (vm.EntryInfo, []vm.ObjectInfo) {
	t.Helper()
	e, chain, ok := task.Map().Inspect(addr)
	require.True(t, ok && e.Start <= addr, "no region at %v: %s", addr, task.Map().Describe())
	return e, chain
}

// pageOf is the page at an address in the object that its region names, if it has one there.
func (v *space) pageOf(addr mach.Addr) (vm.PageInfo, bool) {
	v.t.Helper()
	e, chain := v.inspect(addr)
	if len(chain) == 0 {
		return vm.PageInfo{}, false
	}
	off := e.Offset + mach.Offset(addr.Trunc(page)-e.Start)
	for _, p := range chain[0].Pages {
		if p.Offset == off {
			return p, true
		}
	}
	return vm.PageInfo{}, false
}

// info is the object of the manager's first memory object.
func (e *emm) info() vm.ObjectInfo {
	e.t.Helper()
	i, ok := e.k.VM().ObjectInfo(e.object())
	require.True(e.t, ok, "no object")
	return i
}

// object is the port of the manager's first memory object, for inspection.
func (e *emm) object() *ipc.Port { return e.portNamed(e.m, e.m.port) }

// pageAt is page n of the manager's first memory object.
func (e *emm) pageAt(n int) vm.PageInfo {
	e.t.Helper()
	for _, p := range e.info().Pages {
		if p.Offset == at(n) {
			return p
		}
	}
	require.Fail(e.t, "page is not resident", "page %d of %v", n, e.info())
	return vm.PageInfo{}
}
