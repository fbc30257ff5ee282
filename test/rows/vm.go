package rows

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/vm"
)

// surroundings are how many further entries the client's map has.
var surroundings = []int{10, 100, 1000}

// vmBatch is how many pages a batch of the vm rows is about.
const vmBatch = 64

// clonePages is the size of what the clone rows copy.
const clonePages = 16

// vmRows are the rows about anonymous memory, each in maps of several sizes.
func vmRows() []Row {
	var all []Row
	for _, n := range surroundings {
		for _, r := range vmRowsAmong(n) {
			r.Name = fmt.Sprintf("vm/%s/%d", r.Name, n)
			r.Messages = 0 // nobody's memory has a manager here
			if r.batch == 0 {
				r.batch = vmBatch
			}
			all = append(all, r)
		}
	}
	return append(all, addressRows()...)
}

func vmRowsAmong(entries int) []Row {
	alone := func(b *Bench) { b.crowd(entries) }
	child := func(b *Bench) { alone(b); b.fork() }
	in := func(order func(n int) []int, then func(*Bench)) func(*Bench) {
		return func(b *Bench) { then(b); b.order = order(vmBatch) }
	}
	nothing := func(*Bench, int) {}
	rows := []Row{
		{Name: "allocate", setup: alone, op: (*Bench).allocateOne, after: (*Bench).deallocateEach},
		{Name: "allocate_deallocate", setup: alone, op: (*Bench).allocateDeallocate},
		{Name: "map_null", setup: alone, op: (*Bench).mapNull, after: (*Bench).deallocateEach},
		{Name: "protect", setup: alone, before: (*Bench).regions, op: (*Bench).protect, after: (*Bench).deallocateEach},
		{Name: "inherit", setup: alone, before: (*Bench).regions, op: (*Bench).inherit, after: (*Bench).deallocateEach},
		{Name: "region", setup: alone, before: (*Bench).regions, op: (*Bench).vmRegion, after: (*Bench).deallocateEach},
		{Name: "wire", setup: func(b *Bench) { alone(b); b.privileged() }, before: (*Bench).regions, op: (*Bench).wire,
			after: func(b *Bench, n int) { b.each(n, (*Bench).unwire); b.deallocateEach(n) }},
		{Name: "child_copy", setup: child, before: (*Bench).written, op: (*Bench).childCopy},
		{Name: "child_read", setup: child, before: (*Bench).written, op: (*Bench).childRead, after: (*Bench).deallocateEach},
		{Name: "child_read_overwrite", setup: child, before: (*Bench).written, op: (*Bench).childReadOverwrite},
		{Name: "child_write", setup: child, before: (*Bench).written, op: (*Bench).childWrite},
		{Name: "child_remap_touch", setup: child, op: (*Bench).childRemapTouch, after: (*Bench).deallocateEach},
		{Name: "clone", setup: alone, before: (*Bench).original, op: (*Bench).clone, after: (*Bench).unclone},
	}
	for _, order := range []struct {
		name string
		of   func(n int) []int
	}{{"random", shuffled}, {"sequential", ascending}, {"reversed", descending}} {
		rows = append(rows,
			Row{Name: "zero_fill_" + order.name, setup: in(order.of, alone), before: (*Bench).allocateBatch, op: (*Bench).fill,
				after: (*Bench).deallocateBatch},
			Row{Name: "lazy_fault_" + order.name, Note: "the page is resident, and this map has no translation for it",
				setup: in(order.of, alone), before: (*Bench).lazyBatch, op: (*Bench).loadInOrder, after: (*Bench).unlazy})
	}
	for _, who := range []string{"original", "clone"} {
		for _, much := range []struct {
			name string
			step int
		}{{"all", 1}, {"some", 4}} {
			rows = append(rows, Row{Name: "clone_write_" + who + "_" + much.name,
				Note:   fmt.Sprintf("clone %d pages, write every %d. of them", clonePages, much.step),
				before: (*Bench).original, setup: alone, batch: 16,
				op: func(b *Bench, i int) {
					b.clone(i)
					at := b.addrs[i]
					if who == "original" {
						at = b.addr
					}
					for p := 0; p < clonePages; p += much.step {
						b.access(b.t.Store64(at+b.pages(p), uint64(i)))
					}
				},
				after: (*Bench).unclone})
		}
	}
	for i := range rows {
		if rows[i].before == nil {
			rows[i].before = nothing
		}
	}
	return rows
}

func ascending(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

func descending(n int) []int {
	order := ascending(n)
	for i := range order {
		order[i] = n - 1 - i
	}
	return order
}

// shuffled is a fixed order in which no page follows its neighbour.
func shuffled(n int) []int {
	order := ascending(n)
	for i := range order {
		order[i] = (i*29 + 7) % n // 29 and a power of two have no common factor
	}
	return order
}

// pages is the length of n pages.
func (b *Bench) pages(n int) mach.Addr { return mach.Addr(n) * mach.Addr(b.t.PageSize()) }

// crowd fills the client's map with entries that no neighbour can be merged with.
func (b *Bench) crowd(n int) {
	b.addrs = make([]mach.Addr, vmBatch)
	for i := range n {
		var a mach.Addr
		b.need(user.VMAllocate(b.t, b.self, &a, b.t.PageSize(), true))
		b.need(user.VMInherit(b.t, b.self, a, b.t.PageSize(), mach.Inherit(i%2)))
	}
}

// privileged gives the client the right for the host's privileged port.
func (b *Bench) privileged() {
	name, err := b.Client.GiveHostPriv()
	b.access(err)
	b.names = []mach.Name{name}
}

// fork makes a child of the client with a copy of its memory.
func (b *Bench) fork() {
	b.allocateBatch(vmBatch)
	b.written(vmBatch)
	child, ret := user.TaskCreate(b.t, b.self, true)
	b.need(ret)
	b.names = []mach.Name{child}
}

func (b *Bench) allocate(pages int) (a mach.Addr) {
	b.need(user.VMAllocate(b.t, b.self, &a, mach.Size(b.pages(pages)), true))
	return a
}

func (b *Bench) deallocate(a mach.Addr, pages int) {
	b.need(user.VMDeallocate(b.t, b.self, a, mach.Size(b.pages(pages))))
}

func (b *Bench) allocateBatch(int)   { b.addr = b.allocate(vmBatch) }
func (b *Bench) deallocateBatch(int) { b.deallocate(b.addr, vmBatch) }
func (b *Bench) allocateOne(i int)   { b.addrs[i] = b.allocate(1) }
func (b *Bench) deallocateEach(n int) {
	b.each(n, func(b *Bench, i int) { b.deallocate(b.addrs[i], 1) })
}
func (b *Bench) allocateDeallocate(int) { b.deallocate(b.allocate(1), 1) }
func (b *Bench) fill(i int)             { b.access(b.t.Store64(b.addr+b.pages(b.order[i]), 1)) }
func (b *Bench) loadInOrder(i int)      { b.load(b.addrs[0] + b.pages(b.order[i])) }
func (b *Bench) regions(n int)          { b.each(n, (*Bench).regionOne) }
func (b *Bench) protect(i int) {
	b.need(user.VMProtect(b.t, b.self, b.addrs[i], b.t.PageSize(), false, mach.ProtRead))
}
func (b *Bench) inherit(i int) {
	b.need(user.VMInherit(b.t, b.self, b.addrs[i], b.t.PageSize(), mach.InheritNone))
}
func (b *Bench) wire(i int)    { b.wireAs(i, mach.ProtRead) }
func (b *Bench) unwire(b2 int) { b.wireAs(b2, mach.ProtNone) }
func (b *Bench) wireAs(i int, p mach.Prot) {
	b.need(user.VMWire(b.t, b.names[0], b.self, b.addrs[i], b.t.PageSize(), p))
}

func (b *Bench) load(a mach.Addr) {
	_, err := b.t.Load64(a)
	b.access(err)
}

// regionOne is a page of its own that no neighbour can be merged with.
func (b *Bench) regionOne(i int) {
	b.addrs[i] = b.allocate(1)
	b.need(user.VMInherit(b.t, b.self, b.addrs[i], b.t.PageSize(), mach.Inherit(i%2)))
}

// lazyBatch makes a second mapping of resident pages.
func (b *Bench) lazyBatch(n int) {
	b.allocateBatch(n)
	b.written(vmBatch)
	b.addrs[0] = 0
	_, _, ret := user.VMRemap(b.t, b.self, &b.addrs[0], mach.Size(b.pages(vmBatch)), 0, true, b.self, b.addr, false, mach.InheritNone)
	b.need(ret)
}

func (b *Bench) unlazy(int) {
	b.deallocate(b.addrs[0], vmBatch)
	b.deallocate(b.addr, vmBatch)
}

// written touches every page of the batch's region.
func (b *Bench) written(int) {
	for i := range vmBatch {
		b.access(b.t.Store64(b.addr+b.pages(i), uint64(i)+1))
	}
}

func (b *Bench) mapNull(i int) {
	b.addrs[i] = 0
	b.need(user.VMMap(b.t, b.self, &b.addrs[i], b.t.PageSize(), 0, true, mach.NameNull, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
}

func (b *Bench) vmRegion(i int) {
	_, ret := user.VMRegion(b.t, b.self, b.addrs[i])
	b.need(ret)
}

// What follows works on the memory of the child, which is a copy of the client's at the same addresses.

func (b *Bench) childCopy(i int) {
	b.need(user.VMCopy(b.t, b.names[0], b.addr+b.pages(i), b.t.PageSize(), b.addr+b.pages((i+1)%vmBatch)))
}

func (b *Bench) childRead(i int) {
	r, ret := user.VMRead(b.t, b.names[0], b.addr+b.pages(i), b.t.PageSize())
	b.need(ret)
	b.addrs[i] = r.Address
}

func (b *Bench) childReadOverwrite(i int) {
	_, ret := user.VMReadOverwrite(b.t, b.names[0], b.addr+b.pages(i), b.t.PageSize(), b.addr+b.pages((i+1)%vmBatch))
	b.need(ret)
}

func (b *Bench) childWrite(i int) {
	b.need(user.VMWrite(b.t, b.names[0], b.addr+b.pages(i), mach.Region{Address: b.addr + b.pages((i+1)%vmBatch), Size: b.t.PageSize()}))
}

func (b *Bench) childRemapTouch(i int) {
	b.addrs[i] = 0
	_, _, ret := user.VMRemap(b.t, b.self, &b.addrs[i], b.t.PageSize(), 0, true, b.names[0], b.addr+b.pages(i), false, mach.InheritNone)
	b.need(ret)
	b.load(b.addrs[i])
}

// original is what the clone rows copy: written pages.
func (b *Bench) original(int) {
	b.addr = b.allocate(clonePages)
	for i := range clonePages {
		b.access(b.t.Store64(b.addr+b.pages(i), uint64(i)))
	}
}

func (b *Bench) clone(i int) {
	b.addrs[i] = 0
	_, _, ret := user.VMRemap(b.t, b.self, &b.addrs[i], mach.Size(b.pages(clonePages)), 0, true, b.self, b.addr, true, mach.InheritCopy)
	b.need(ret)
}

func (b *Bench) unclone(n int) {
	b.each(n, func(b *Bench, i int) { b.deallocate(b.addrs[i], clonePages) })
	b.deallocate(b.addr, clonePages)
}

// lookupEntries is how many regions the lookup rows have, one page each with a gap of a page behind it.
const lookupEntries = 1_000_000

// addressRows are the rows about finding what an address means.
func addressRows() []Row {
	return []Row{
		{Name: "vm/lookup_random", Note: "only the region of an address, among 1,000,000", batch: 4096, setup: (*Bench).manyRegions, top: 1 << 40,
			op: func(b *Bench, i int) {
				b.seed = b.seed*6364136223846793005 + 1442695040888963407
				b.lookup(b.seed>>20%lookupEntries, 8)
			}},
		{Name: "vm/lookup_local", Note: "the same, 64 times in one region before the next", batch: 4096, setup: (*Bench).manyRegions, top: 1 << 40,
			op: func(b *Bench, i int) { b.lookup(uint64(i/64), uint64(i%64)) }},
		{Name: "vm/touch", Note: "8 bytes of resident memory", batch: 1 << 16,
			setup: func(b *Bench) { b.allocateBatch(vmBatch); b.written(vmBatch) },
			op:    func(b *Bench, i int) { b.load(b.addr + mach.Addr(i*8)%b.pages(vmBatch)) }},
	}
}

func (b *Bench) manyRegions() {
	m, size := b.Client.Map(), b.t.PageSize()
	th := b.t.(*kernel.Thread).Sched()
	for i := range lookupEntries {
		b.need(m.MapObject(th, &vm.MapArgs{Addr: mach.Addr(size) * mach.Addr(2*i), Size: size,
			Cur: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}))
	}
}

func (b *Bench) lookup(region, in uint64) {
	if !b.Client.Map().Contains(mach.Addr(region)*b.pages(2) + mach.Addr(in)) {
		b.need(mach.KernInvalidAddress)
	}
}
