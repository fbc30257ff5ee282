package rows

import (
	"bytes"

	"machvm/kernel/mach"
)

// outcome is what a program sees of a step.
type outcome struct {
	skip bool // there is nothing that the step could be about
	code mach.Return
	addr int       // where memory is now, or the byte that could not be accessed
	cur  mach.Prot // what remapped memory has in common
	max  mach.Prot
	data []byte
	runs []run
}

func failed(code mach.Return) outcome { return outcome{code: code} }

var skipped = outcome{skip: true}

// physicalMax is the size up to which memory that is copied physically travels as bytes.
const physicalMax = 2048

// step does a step in the reference and tells what comes of it.
func (w *world) step(s Step) outcome {
	if s.Op >= OpClean {
		return w.outside(s)
	}
	t := w.task(s.Task)
	if t == nil {
		return skipped
	}
	switch s.Op {
	case OpAllocate:
		if s.Size == 0 {
			return outcome{}
		}
		return t.enter(s.Wanted, s.Addr, 0, news(s.Size, mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
	case OpMap:
		if s.Size == 0 {
			return failed(mach.KernInvalidArgument)
		}
		return t.enter(s.Wanted, s.Addr, s.Addr, news(s.Size, s.Prot, s.Max, s.Inherit))
	case OpMapObject:
		return w.mapObject(t, s)
	case OpDeallocate:
		w.remove(t, s.Addr, s.Size)
		return outcome{}
	case OpStore:
		code, n := t.until(s.Addr, s.Size, func(p *refPage) bool { return p.prot.Allows(mach.ProtDefault) })
		end := min(max(s.Addr, n*PageSize), s.Addr+s.Size)
		t.write(s.Addr, bytes.Repeat([]byte{byte(s.Value)}, end-s.Addr))
		if code != mach.KernSuccess {
			return outcome{code: code, addr: end}
		}
		return outcome{}
	case OpLoad:
		code, n := t.until(s.Addr, s.Size, func(p *refPage) bool { return p.prot&mach.ProtRead != 0 })
		if code != mach.KernSuccess {
			return outcome{code: code, addr: max(s.Addr, n*PageSize)}
		}
		return outcome{data: t.read(s.Addr, s.Size)}
	case OpProtect, OpProtectMax:
		return t.protect(s)
	case OpInherit:
		t.each(s.Addr, s.Size, func(p *refPage) { p.inherit = s.Inherit })
		return outcome{}
	case OpBehavior:
		return failed(t.allows(s.Addr, s.Size, anyPage))
	case OpLook:
		return outcome{runs: t.runs()}
	case OpCopy, OpReadOverwrite, OpWrite, OpRead:
		return w.copy(t, s)
	case OpRemap:
		return w.remap(t, s)
	case OpWire, OpUnwire:
		return w.wiring(t, s)
	case OpSync:
		return w.sync(t, s)
	case OpFork:
		return w.fork(t, s)
	case OpTerminate:
		w.end(s.Task)
		return outcome{}
	case OpSend:
		return w.send(t, s)
	case OpReceive:
		return t.receive()
	case OpMakeEntry:
		return w.makeEntry(t, s)
	case OpMapEntry:
		return w.mapEntry(t, s)
	}
	panic("rows: no operation has this number")
}

// news is pages of new memory.
func news(size int, prot, max mach.Prot, inherit mach.Inherit) []refPage {
	pages := make([]refPage, roundUp(size))
	for i := range pages {
		pages[i] = refPage{refBytes: newBytes(), prot: prot, max: max, inherit: inherit}
	}
	return pages
}

// enter puts pages into a task: exactly where it is wanted, or in the first place at or above a hint.
func (t *refTask) enter(wanted bool, addr, hint int, pages []refPage) outcome {
	if t.used()+len(pages) > maxPages {
		return skipped
	}
	first := addr / PageSize
	if !wanted {
		first = t.fit(hint/PageSize, len(pages))
	} else if !t.free(first, len(pages)) {
		return failed(mach.KernNoSpace)
	}
	for i, p := range pages {
		*t.at(first + i) = p
	}
	return outcome{addr: first * PageSize}
}

func (w *world) mapObject(t *refTask, s Step) outcome {
	first, n := s.To/PageSize, roundUp(s.Size)
	switch {
	case s.Object >= len(w.objects) || first+n > objectSize:
		return skipped
	case n == 0 || s.To%PageSize != 0:
		return failed(mach.KernInvalidArgument)
	}
	pages := news(s.Size, s.Prot, s.Max, s.Inherit)
	for i := range pages {
		pages[i].refBytes = w.taken(w.objects[s.Object].pages[first+i], s.Copy)
	}
	return t.enter(s.Wanted, s.Addr, s.Addr, pages)
}

// taken is what a second page names for the bytes of a first: the same, or a copy.
func (w *world) taken(c *refBytes, copied bool) *refBytes {
	if copied {
		return c.copied()
	}
	w.slow = true
	return c
}

func (t *refTask) protect(s Step) outcome {
	if code := t.allows(s.Addr, s.Size, func(p *refPage) bool { return p.max.Allows(s.Prot) }); code != mach.KernSuccess {
		return failed(code)
	}
	t.each(s.Addr, s.Size, func(p *refPage) {
		if s.Op == OpProtect {
			p.prot = s.Prot
		} else {
			p.max = s.Prot
			p.prot &= s.Prot
		}
	})
	return outcome{}
}

// copy is the calls that copy from one place to another: from the caller, or from Other, to one of the two.
func (w *world) copy(t *refTask, s Step) outcome {
	from, to, unreadable := t, t, mach.Return(mach.KernSuccess)
	other := w.task(s.Other)
	switch {
	case s.Op == OpCopy:
	case other == nil || s.Size == 0 && s.Op == OpWrite:
		return skipped
	case s.Op == OpWrite:
		to, unreadable = other, mach.SendInvalidMemory
	default:
		from = other
	}
	if s.Size == 0 {
		return outcome{}
	}
	if code := from.allows(s.Addr, s.Size, readable); code != mach.KernSuccess {
		if unreadable != mach.KernSuccess {
			code = unreadable
		}
		return failed(code)
	}
	if s.Op == OpRead {
		return to.arrive(w.captured(from, s.Addr, s.Size))
	}
	if code := to.allows(s.To, s.Size, writable); code != mach.KernSuccess {
		return failed(code)
	}
	to.write(s.To, from.read(s.Addr, s.Size))
	return outcome{}
}

// arrive places memory that was sent.
func (t *refTask) arrive(m refMessage) outcome {
	if t.used()+len(m.raw)/PageSize > maxPages {
		return skipped
	}
	addr := t.put(m.raw) + m.offset
	return outcome{addr: addr, data: t.read(addr, m.size)}
}

func (w *world) remap(t *refTask, s Step) outcome {
	from := w.task(s.Other)
	if from == nil {
		return skipped
	}
	n, first := roundUp(s.Size), s.Addr/PageSize
	if n == 0 {
		return failed(mach.KernInvalidArgument)
	}
	w.slow = w.slow || !s.Copy // also where the call fails half way
	if code := from.allows(first*PageSize, n*PageSize, anyPage); code != mach.KernSuccess {
		return failed(code)
	}
	var pages []refPage
	cur, most := mach.ProtAll, mach.ProtAll
	for i := range n {
		p := from.pages[first+i]
		p.refBytes, p.inherit, p.wires = w.taken(p.refBytes, s.Copy), s.Inherit, 0
		cur, most = cur&p.prot, most&p.max
		pages = append(pages, p)
	}
	out := t.enter(s.Wanted, s.To, s.To, pages)
	if out.code == mach.KernSuccess && !out.skip {
		out.cur, out.max = cur, most
	}
	return out
}

func (w *world) wiring(t *refTask, s Step) outcome {
	switch first, _ := span(s.Addr, s.Size); {
	case s.Size == 0:
		return outcome{}
	case s.Op == OpUnwire && t.page(first).refBytes == nil:
		return failed(mach.KernInvalidAddress)
	}
	if s.Op == OpUnwire {
		t.each(s.Addr, s.Size, func(p *refPage) {
			switch {
			case p.wires > 0 && w.setup.has("WiringsNest"):
				w.wire(p, -p.wires)
			case p.wires > 0:
				w.wire(p, -1)
			}
		})
		return outcome{}
	}
	// A manager that grants an access to a page waits while it is wired (EMM-187), and may be the one that the owner of
	// the wiring waits for.
	more, locked := 0, false
	t.each(s.Addr, s.Size, func(p *refPage) {
		locked = locked || w.locked(p.refBytes)
		if p.wires == 0 {
			more++
		}
	})
	if w.wires+more > maxWires || s.Prot == mach.ProtNone || locked {
		return skipped
	}
	w.slow = true
	if code := t.allows(s.Addr, s.Size, func(p *refPage) bool { return p.prot.Allows(s.Prot) }); code != mach.KernSuccess {
		return failed(code)
	}
	t.each(s.Addr, s.Size, func(p *refPage) { w.wire(p, 1) })
	return outcome{}
}

// sync changes nothing that a program could tell. It would wait for wired pages.
func (w *world) sync(t *refTask, s Step) outcome {
	wired := false
	t.each(s.Addr, s.Size, func(p *refPage) { wired = wired || p.refBytes.wires > 0 })
	return outcome{skip: wired}
}

// fork makes a child. Where memory is copied at once, what may never be read is left out; such programs are not
// asked.
func (w *world) fork(t *refTask, s Step) outcome {
	if w.task(s.Other) != nil {
		return skipped
	}
	child := &refTask{}
	shared := false
	for n, p := range t.pages {
		switch {
		case p.refBytes == nil || p.inherit == mach.InheritNone:
			continue
		case p.inherit == mach.InheritShare:
			shared = true
		case w.slow && p.max&mach.ProtRead == 0:
			return skipped
		default:
			p.refBytes = p.refBytes.copied()
		}
		p.wires = 0
		*child.at(n) = p
	}
	w.slow = w.slow || shared
	w.tasks[s.Other] = child
	return outcome{}
}

func (w *world) send(t *refTask, s Step) outcome {
	to := w.task(s.Other)
	if to == nil || len(to.queue) == maxQueued || s.Size == 0 {
		return skipped
	}
	if t.allows(s.Addr, s.Size, readable) != mach.KernSuccess {
		return failed(mach.SendInvalidMemory)
	}
	var m refMessage
	if s.Copy && (s.Size <= physicalMax || !s.Flush) {
		m = refMessage{raw: make([]byte, roundUp(s.Size)*PageSize), size: s.Size}
		copy(m.raw, t.read(s.Addr, s.Size))
	} else {
		m = w.captured(t, s.Addr, s.Size)
	}
	if s.Flush {
		w.remove(t, s.Addr, s.Size)
	}
	to.queue = append(to.queue, m)
	return outcome{}
}

func (t *refTask) receive() outcome {
	if len(t.queue) == 0 {
		return skipped
	}
	out := t.arrive(t.queue[0])
	if !out.skip {
		t.queue = t.queue[1:]
	}
	return out
}

func (w *world) makeEntry(t *refTask, s Step) outcome {
	first, last := span(s.Addr, s.Size)
	switch {
	case w.entries[s.Object] != nil:
		return skipped
	case s.Size == 0:
		return failed(mach.KernInvalidArgument)
	case s.Prot == mach.ProtNone:
		return failed(mach.KernProtectionFailure)
	}
	w.slow = w.slow || !s.Copy
	if code := t.allows(s.Addr, s.Size, anyPage); code != mach.KernSuccess {
		return failed(code)
	}
	e := &refEntry{owner: s.Task, prot: s.Prot}
	for n := first; n < last; n++ {
		p := t.pages[n]
		if !p.max.Allows(s.Prot) {
			return failed(mach.KernProtectionFailure)
		}
		e.pages = append(e.pages, w.taken(p.refBytes, s.Copy))
	}
	w.entries[s.Object] = e
	return outcome{}
}

func (w *world) mapEntry(t *refTask, s Step) outcome {
	e := w.entries[s.Object]
	if e == nil {
		return skipped
	}
	switch {
	case s.Size == 0 || s.To%PageSize != 0 || s.To+s.Size > len(e.pages)*PageSize:
		return failed(mach.KernInvalidArgument)
	case s.Copy && e.prot&mach.ProtRead == 0:
		return failed(mach.KernProtectionFailure)
	case !s.Copy:
		s.Prot &= e.prot
		s.Max &= e.prot
	}
	pages := news(s.Size, s.Prot, s.Max, s.Inherit)
	for i := range pages {
		pages[i].refBytes = w.taken(e.pages[s.To/PageSize+i], s.Copy)
	}
	return t.enter(s.Wanted, s.Addr, s.Addr, pages)
}

// outside is the steps of managers and of the machine, of which programs can tell nothing.
func (w *world) outside(s Step) outcome {
	switch s.Op {
	case OpPress:
		return outcome{skip: w.setup.Frames == 0 || w.setup.Paging == 0}
	case OpEvict:
		return outcome{}
	}
	if s.Object >= len(w.objects) {
		return skipped
	}
	o := w.objects[s.Object]
	switch s.Op {
	case OpGone:
		return outcome{skip: w.setup.Objects[s.Object].MayCache || len(w.live()) > 0}
	case OpStored:
		if o.wired(0, objectSize) {
			return skipped
		}
		var out outcome
		for _, c := range o.pages {
			out.data = append(out.data, c.b...)
		}
		return out
	}
	first, last := span(s.Addr, s.Size)
	if last > objectSize || o.wired(first, last) {
		return skipped
	}
	o.locked = o.locked || s.Prot != mach.ProtNoChange && s.Prot != mach.ProtNone
	return outcome{}
}
