package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Digest adds the memory of the host: maps, objects, pages and their contents. With deep it adds translations,
// reference bits and the order of the page queues too, which no program can see, but which decide what happens next.
func (h *Host) Digest(d *sched.Digest, deep bool) {
	d.Words(uint64(h.frames.free()), uint64(h.active.count), uint64(h.inactive.count), uint64(h.wired), uint64(h.laundry))
	for m := h.maps.first; m != nil; m = m.nextMap {
		m.digest(d, deep)
	}
	for o := h.firstAll; o != nil; o = o.allNext {
		o.digest(d, deep)
	}
	if deep && !h.targets.fixed {
		for _, q := range []*pageQueue{&h.active, &h.inactive} {
			for p := q.head; p != nil; p = p.qnext {
				d.Words(p.object.identity(), uint64(p.offset))
			}
		}
	}
}

func (o *Object) identity() uint64 {
	if o == nil {
		return 0
	}
	return o.id
}

func (m *Map) digest(d *sched.Digest, deep bool) {
	d.Words(uint64(m.task), uint64(m.count), uint64(m.refs))
	for e := m.first; e != nil; e = e.next {
		e.digest(d)
	}
	if !deep {
		return
	}
	d.Word(m.timestamp)
	sum := uint64(0)
	for l := m.pmap.leaves; l != nil; l = l.next {
		for i := range l.slots {
			if t := &l.slots[i]; t.frame != nil {
				var one sched.Digest
				one.Words(t.page, uint64(t.prot))
				sum += one.Sum()
			}
		}
	}
	d.Word(sum)
}

func (e *Entry) digest(d *sched.Digest) {
	d.Words(uint64(e.start), uint64(e.end), e.object.identity(), uint64(e.offset),
		uint64(e.prot)|uint64(e.maxProt)<<8|uint64(e.inherit)<<16|uint64(e.behavior)<<24, uint64(e.wired)|uint64(e.userWired)<<32)
	d.Flags(e.needsCopy, e.shared, e.inTransition)
}

func (o *Object) digest(d *sched.Digest, deep bool) {
	d.Words(o.id, uint64(o.phase), uint64(o.refs), uint64(o.size), o.shadow.identity(), uint64(o.shadowOffset), o.copy.identity(),
		uint64(o.paging), uint64(o.mappings.count), uint64(o.strategy), uint64(o.absentCount))
	d.Flags(o.internal, o.canPersist, o.temporary, o.shadowed, o.assoc != nil)
	for p := o.next(0, ^mach.Offset(0)); p != nil; p = o.next(p.offset+1, ^mach.Offset(0)) {
		p.digest(d, deep)
	}
	d.Word(uint64(o.residentCount))
}

func (p *Page) digest(d *sched.Digest, deep bool) {
	d.Words(uint64(p.offset), uint64(p.contents), uint64(p.lock)|uint64(p.unlockRequest)<<8, uint64(p.wireCount), uint64(p.code))
	d.Flags(p.busy, p.dirty || p.frame != nil && p.frame.modified, p.precious, p.cleaning, p.pageout, p.laundry,
		deep && p.reference, deep && p.frame != nil && p.frame.referenced)
	if p.frame != nil {
		d.Bytes(p.frame.data)
	}
}

// Digest adds what is on its way.
func (c *Copy) Digest(d *sched.Digest) {
	d.Words(uint64(c.offset), uint64(c.size))
	d.Bytes(c.data)
	for e := c.first; e != nil; e = e.next {
		e.digest(d)
	}
}
