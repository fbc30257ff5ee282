package rows

import (
	"bytes"
	"slices"

	"machvm/kernel/mach"
)

// The reference: what programs can tell of memory, in the plainest way. A task's memory is an array of pages, a page
// is bytes with attributes, and pages that are shared are the same bytes. A copy is a copy. There are no objects, no
// pending copies, no managers and no shortage.
type (
	world struct {
		setup   *Setup
		tasks   [maxTasks]*refTask // nil: nobody yet
		objects []*refObject
		entries [maxEntries]*refEntry
		wires   int  // pages with a wiring
		slow    bool // some memory may be of a kind that is copied by looking at who may read it at most
	}
	refTask struct {
		dead  bool
		pages []refPage // by number
		queue []refMessage
	}
	refPage struct {
		*refBytes // nil: nothing is there
		prot, max mach.Prot
		inherit   mach.Inherit
		wires     int
	}
	refBytes struct {
		b     []byte
		wires int // pages that name these bytes and are wired
	}
	// refObject is a memory object. Its manager and the kernels have its pages between them.
	refObject struct {
		pages  [objectSize]*refBytes
		locked bool // its manager may have forbidden some access to some pages
	}
	// refEntry is a memory entry.
	refEntry struct {
		owner int
		pages []*refBytes
		prot  mach.Prot
	}
	// refMessage is out-of-line memory on its way: whole pages, of which size bytes from offset on are the data.
	refMessage struct {
		raw          []byte
		offset, size int
	}
)

func newBytes() *refBytes { return &refBytes{b: make([]byte, PageSize)} }

func (c *refBytes) copied() *refBytes { return &refBytes{b: bytes.Clone(c.b)} }

// zeroPage is a page of new memory.
func zeroPage() refPage {
	return refPage{refBytes: newBytes(), prot: mach.ProtDefault, max: mach.ProtAll, inherit: mach.InheritCopy}
}

// newWorld is what a setup stands for.
func newWorld(s *Setup) *world {
	w := &world{setup: s}
	for i := range s.Tasks {
		w.tasks[i] = &refTask{}
	}
	for i, o := range s.Objects {
		ref := &refObject{locked: o.Locked}
		data := objectData(i, o)
		for p := range ref.pages {
			ref.pages[p] = newBytes()
			if at := p * PageSize; at < len(data) {
				copy(ref.pages[p].b, data[at:])
			}
		}
		w.objects = append(w.objects, ref)
	}
	return w
}

// objectData is what the manager of object i has at first: a value of its own for each page.
func objectData(i int, o Object) []byte {
	data := make([]byte, o.Pages*PageSize)
	for at := range data {
		data[at] = byte(0x81 + i*objectSize + at/PageSize)
	}
	return data
}

// task is the live task in a slot, nil if there is none.
func (w *world) task(slot int) *refTask {
	if t := w.tasks[slot]; t != nil && !t.dead {
		return t
	}
	return nil
}

// live lists the slots of live tasks.
func (w *world) live() (slots []int) {
	for i := range w.tasks {
		if w.task(i) != nil {
			slots = append(slots, i)
		}
	}
	return slots
}

// page is page number n, which may be nothing.
func (t *refTask) page(n int) refPage {
	if n < 0 || n >= len(t.pages) {
		return refPage{}
	}
	return t.pages[n]
}

// at is page number n in place, for a change.
func (t *refTask) at(n int) *refPage {
	for n >= len(t.pages) {
		t.pages = append(t.pages, refPage{})
	}
	return &t.pages[n]
}

// used is the number of pages that are something.
func (t *refTask) used() (n int) {
	for _, p := range t.pages {
		if p.refBytes != nil {
			n++
		}
	}
	return n
}

// free reports whether n pages from page on are nothing.
func (t *refTask) free(page, n int) bool {
	for i := page; i < page+n; i++ {
		if t.page(i).refBytes != nil {
			return false
		}
	}
	return true
}

// fit is the first place for n pages at or above page.
func (t *refTask) fit(page, n int) int {
	for !t.free(page, n) {
		page++
	}
	return page
}

// span is the pages that size bytes at addr touch.
func span(addr, size int) (first, last int) {
	if size == 0 {
		return addr / PageSize, addr / PageSize
	}
	return addr / PageSize, (addr + size + PageSize - 1) / PageSize
}

func roundUp(size int) int { return (size + PageSize - 1) / PageSize }

// allows is what a call says that needs something of every page of a range: KERN_INVALID_ADDRESS if the first page
// that does not do is nothing, else KERN_PROTECTION_FAILURE.
func (t *refTask) allows(addr, size int, does func(p *refPage) bool) mach.Return {
	code, _ := t.until(addr, size, does)
	return code
}

// until is allows that tells which page does not do.
func (t *refTask) until(addr, size int, does func(p *refPage) bool) (mach.Return, int) {
	first, last := span(addr, size)
	for n := first; n < last; n++ {
		switch p := t.page(n); {
		case p.refBytes == nil:
			return mach.KernInvalidAddress, n
		case !does(&p):
			return mach.KernProtectionFailure, n
		}
	}
	return mach.KernSuccess, last
}

func readable(p *refPage) bool { return p.prot&p.max&mach.ProtRead != 0 }
func writable(p *refPage) bool { return p.prot&mach.ProtWrite != 0 }
func anyPage(*refPage) bool    { return true }

// each changes the pages of a range that are something.
func (t *refTask) each(addr, size int, change func(p *refPage)) {
	first, last := span(addr, size)
	for n := first; n < min(last, len(t.pages)); n++ {
		if t.pages[n].refBytes != nil {
			change(&t.pages[n])
		}
	}
}

func (t *refTask) read(addr, size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; {
		in := (addr + i) % PageSize
		i += copy(b[i:], t.pages[(addr+i)/PageSize].b[in:])
	}
	return b
}

func (t *refTask) write(addr int, b []byte) {
	for i := 0; i < len(b); {
		in := (addr + i) % PageSize
		i += copy(t.pages[(addr+i)/PageSize].b[in:], b[i:])
	}
}

// remove makes pages nothing.
func (w *world) remove(t *refTask, addr, size int) {
	t.each(addr, size, func(p *refPage) {
		if p.wires > 0 {
			w.wire(p, -p.wires)
		}
		*p = refPage{}
	})
}

// wire counts n more wirings of a page.
func (w *world) wire(p *refPage, n int) {
	was := p.wires > 0
	p.wires += n
	switch is := p.wires > 0; {
	case is && !was:
		p.refBytes.wires++
		w.wires++
	case was && !is:
		p.refBytes.wires--
		w.wires--
	}
}

// put places memory that arrives as new memory in the lowest place.
func (t *refTask) put(raw []byte) (addr int) {
	n := len(raw) / PageSize
	page := t.fit(0, n)
	for i := range n {
		p := zeroPage()
		copy(p.b, raw[i*PageSize:])
		*t.at(page + i) = p
	}
	return page * PageSize
}

// captured is a copy of memory as it travels: the pages of the range, with zeros beside the data.
func (w *world) captured(t *refTask, addr, size int) refMessage {
	first, last := span(addr, size)
	m := refMessage{raw: t.read(first*PageSize, (last-first)*PageSize), offset: addr % PageSize, size: size}
	if !w.setup.has("ZeroCopyEdges") {
		clear(m.raw[:m.offset])
		clear(m.raw[m.offset+size:])
	}
	return m
}

// end is what becomes of a task's memory, its messages and its entries when it ends.
func (w *world) end(slot int) {
	t := w.tasks[slot]
	w.remove(t, 0, len(t.pages)*PageSize)
	t.dead, t.queue = true, nil
	for i, e := range w.entries {
		if e != nil && e.owner == slot {
			w.entries[i] = nil
		}
	}
}

// wired reports whether somebody has wired pages of an object in a range; its manager must leave them alone.
func (o *refObject) wired(first, last int) bool {
	return slices.ContainsFunc(o.pages[first:last], func(c *refBytes) bool { return c.wires > 0 })
}

// locked reports whether some access to c may be forbidden.
func (w *world) locked(c *refBytes) bool {
	return slices.ContainsFunc(w.objects, func(o *refObject) bool { return o.locked && slices.Contains(o.pages[:], c) })
}

// run is a stretch of pages with the same attributes.
type run struct {
	first, last int // pages
	prot, max   mach.Prot
	inherit     mach.Inherit
	wires       int
	data        []byte // if it can be read
}

// runs is everything that a task has.
func (t *refTask) runs() (list []run) {
	for n, p := range t.pages {
		if p.refBytes == nil {
			continue
		}
		list = extend(list, run{n, n + 1, p.prot, p.max, p.inherit, p.wires, nil})
		if p.prot&mach.ProtRead != 0 {
			r := &list[len(list)-1]
			r.data = append(r.data, p.b...)
		}
	}
	return list
}

// extend puts r behind the others, joined with the last if they are alike and adjacent.
func extend(list []run, r run) []run {
	if n := len(list); n > 0 {
		if last := &list[n-1]; last.last == r.first && last.prot == r.prot && last.max == r.max &&
			last.inherit == r.inherit && last.wires == r.wires {
			last.last = r.last
			return list
		}
	}
	return append(list, r)
}
