package pagers

import (
	"slices"

	"machvm/kernel/mach"
)

// The scheduler of one page. Whoever may have the page is a party; that some parties are other servers makes a
// difference only where it says so. Letters and numbers in the comments are those of the transitions: C for
// the scheduler of a single server, D for what other servers change in it.

// readFault serves a party that wants to read.
func (s *Coherent) readFault(c *Call, p *sharedPage, k *party) {
	switch {
	case p.lost:
		s.fail(c, p, k)
	case p.status == PageRead: // C1
		p.addReader(k)
		s.supply(c, p, k)
	case p.status == PageWrite && p.owner == k: // it dropped the page unmodified, or never had this part of it
		s.answer(c, p, k, mach.ProtNone)
	case p.status == PageWrite: // C5
		p.addReader(k)
		p.status = PageReadWait
		s.recall(c, p)
	default: // C8, C11
		p.addReader(k)
	}
}

// writeFault serves a party that wants to write. copy says that it has a copy to read.
func (s *Coherent) writeFault(c *Call, p *sharedPage, k *party, copy bool) {
	switch {
	case p.lost:
		s.fail(c, p, k)
	case p.status == PageRead: // C2, C3
		// A server keeps its copy, and a kernel may have another part of the page.
		if !k.kernel || k.pageSize < p.object.unit {
			copy = p.reading(k)
		}
		p.removeReader(k)
		p.writers = append(p.writers, claim{k, copy})
		p.copies = s.dismissReaders(c, p, s.successor(p, k), nil)
		p.status = PageWriteWait
		if !p.here() { // D2
			s.recall(c, p)
		}
		s.serve(c, p)
	case p.status == PageWrite && p.owner == k:
		s.answer(c, p, k, mach.ProtNone)
	case p.status == PageWrite: // C6
		p.writers = append(p.writers, claim{k, copy})
		p.status = PageWriteWait
		s.recall(c, p)
	default: // C9, C12
		if i := p.writing(k); i < 0 || !s.fixed(R8) {
			p.writers = append(p.writers, claim{k, copy})
		} else if k.kernel && !copy && k.pageSize == p.object.unit {
			p.writers[i].copy = false
		}
		p.status = PageWriteWait
	}
}

// successor is the owner that an invalidation names when k gets the page: k, if the readers can reach it.
func (s *Coherent) successor(p *sharedPage, k *party) mach.Name {
	named := !k.kernel
	if !s.fixed(R2) {
		named = !p.here()
	}
	if named {
		return k.port
	}
	return p.object.port
}

// recall asks the owner to give the page back.
func (s *Coherent) recall(c *Call, p *sharedPage) {
	p.recalling = true
	if !p.owner.kernel { // D1
		if p.owner.gone {
			s.abandon(c, p, true)
			return
		}
		s.request(c, p, p.status == PageWriteWait)
		return
	}
	if p.fresh && s.options.Yield > 0 {
		c.Thread.Sleep(s.options.Yield)
	}
	p.fresh = false
	s.flush(c, p, p.owner, nil)
}

// flush takes a page from a kernel.
func (s *Coherent) flush(c *Call, p *sharedPage, k *party, of *dismissal) {
	p.flushes = append(p.flushes, flush{k, of})
	c.LockRequest(k.port, Lock{Offset: p.offset, Size: p.object.unit, Return: mach.ReturnDirty, Flush: true,
		Value: mach.ProtAll, ReplyTo: p.object.port})
}

// flushed follows up a flush that is over.
func (s *Coherent) flushed(c *Call, p *sharedPage, f flush) {
	if f.of == nil {
		s.pageout(c, p)
	} else {
		s.dismissed(c, f.of)
	}
}

// dismissReaders takes a page away from all who have copies. Servers are told the new owner.
func (s *Coherent) dismissReaders(c *Call, p *sharedPage, owner mach.Name, report *party) *dismissal {
	d := &dismissal{page: p, report: report}
	readers := p.readers
	p.readers = nil
	for _, r := range readers {
		if r.kernel {
			d.left++
			s.flush(c, p, r, d)
			continue
		}
		if s.fixed(R3) && !r.gone {
			d.left++
			p.notices = append(p.notices, dismiss{r, d})
		}
		s.invalidate(c, p, r, owner) // D3
	}
	return d
}

// dismissed counts one copy that is gone.
func (s *Coherent) dismissed(c *Call, d *dismissal) {
	if d.left--; d.left > 0 {
		return
	}
	for _, after := range d.then {
		s.dismissed(c, after)
	}
	if d.report != nil {
		s.acknowledge(c, d.page, d.report)
	} else if d.page.copies == d {
		s.serve(c, d.page)
	}
}

// returned follows up data that the owner has sent, which is saved.
func (s *Coherent) returned(c *Call, p *sharedPage, k *party, kept bool) {
	switch {
	case p.status == PageWrite: // C7
		if !kept && k.pageSize == p.object.unit {
			p.owner, p.status = nil, PageRead
		}
	case !s.fixed(R6):
		s.pageout(c, p)
	}
}

// pageout is the end of a recall from a kernel: the page is here.
func (s *Coherent) pageout(c *Call, p *sharedPage) {
	p.hinted = false // D5
	switch p.status {
	case PageRead: // C4
	case PageWrite:
		p.owner, p.status = nil, PageRead
	default:
		s.arrived(c, p)
	}
}

// arrived makes this server the owner of a page that somebody waits for.
func (s *Coherent) arrived(c *Call, p *sharedPage) {
	p.owner, p.recalling, p.lost = nil, false, false
	if p.status == PageWriteWait {
		s.serve(c, p)
	} else {
		s.supplyReaders(c, p) // C10
	}
}

// supplyReaders gives a copy to everybody who waits for one.
func (s *Coherent) supplyReaders(c *Call, p *sharedPage) {
	p.recalling = false
	p.status = PageRead
	for _, r := range p.readers {
		s.supply(c, p, r)
	}
}

// serve hands the page to the first writer if it is here and all copies are gone.
func (s *Coherent) serve(c *Call, p *sharedPage) {
	if p.status != PageWriteWait || p.recalling || !p.here() || s.fixed(R3) && p.copies != nil && p.copies.left > 0 {
		return
	}
	p.copies = nil
	if len(p.writers) == 0 { // D6
		s.supplyReaders(c, p)
		return
	}
	w := p.writers[0]
	p.writers = p.writers[1:]
	p.removeReader(w.party)
	p.owner, p.status, p.fresh, p.hinted = w.party, PageWrite, w.party.kernel, false
	switch {
	case w.party.kernel:
		s.answer(c, p, w.party, mach.ProtNone)
	case w.copy:
		s.grant(c, p, w.party)
	default:
		s.provide(c, p, w.party, true)
	}
	switch {
	case len(p.writers) > 0: // C15, D9
		p.status = PageWriteWait
	case len(p.readers) == 0: // C13
		return
	case w.party.kernel: // C14
		p.status = PageReadWait
	default: // D7
		p.status = PageWriteWait
	}
	if !w.party.kernel {
		s.stats.AskBacks++
		if s.options.Yield > 0 {
			c.Thread.Sleep(s.options.Yield)
		}
	}
	s.recall(c, p)
}

// supply gives a party a copy to read.
func (s *Coherent) supply(c *Call, p *sharedPage, k *party) {
	if k.kernel {
		s.answer(c, p, k, mach.ProtWrite)
	} else {
		s.provide(c, p, k, false)
	}
}

// answer ends the faults of a kernel, those that the lock lets pass.
func (s *Coherent) answer(c *Call, p *sharedPage, k *party, lock mach.Prot) {
	p.removeFaults(func(f fault) bool {
		switch {
		case f.kernel != k || f.write && lock != mach.ProtNone:
			return false
		case f.copy:
			s.grantKernel(c, f)
		default:
			at := f.offset - p.offset
			c.DataSupply(k.port, Supply{Offset: f.offset, Data: p.bytes()[at : at+mach.Offset(k.pageSize)], Lock: lock})
		}
		return true
	})
}

// grantKernel lets a kernel write to a page that it has.
func (s *Coherent) grantKernel(c *Call, f fault) {
	if !s.fixed(R1) {
		try(c, printedGrantCodec, &DataUnlock{MemoryObject: f.kernel.port, MemoryControl: f.kernel.object.port,
			Offset: f.offset, Length: f.kernel.pageSize, DesiredAccess: mach.ProtWrite})
		return
	}
	c.LockRequest(f.kernel.port, Lock{Offset: f.offset, Size: f.kernel.pageSize})
}

// fail tells a party that the page is lost.
func (s *Coherent) fail(c *Call, p *sharedPage, k *party) {
	if !k.kernel {
		s.lose(c, p, k)
		return
	}
	p.removeFaults(func(f fault) bool {
		switch {
		case f.kernel != k:
			return false
		case f.copy: // the kernel will ask for the page again
			c.LockRequest(k.port, Lock{Offset: f.offset, Size: k.pageSize, Flush: true, Value: mach.ProtAll})
		default:
			c.DataError(k.port, f.offset, k.pageSize, mach.KernMemoryError)
		}
		return true
	})
}

// leave forgets a kernel that is gone.
func (s *Coherent) leave(c *Call, p *sharedPage, k *party) {
	p.removeReader(k)
	p.removeFaults(func(f fault) bool { return f.kernel == k })
	p.writers = slices.DeleteFunc(p.writers, func(w claim) bool { return w.party == k })
	var over []flush
	p.flushes = slices.DeleteFunc(p.flushes, func(f flush) bool {
		if f.kernel == k {
			over = append(over, f)
		}
		return f.kernel == k
	})
	if p.owner == k && p.status == PageWrite {
		p.owner, p.status = nil, PageRead
	}
	for _, f := range over {
		s.flushed(c, p, f)
	}
}
