package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// faultKind says on whose behalf a fault is handled.
type faultKind uint8

const (
	// faultUser is an access of a program: interruptible, and retried by the program.
	faultUser faultKind = iota
	// faultWire makes a page resident and wires it: not interruptible.
	faultWire
)

// fault handles a fault at the page va and returns KernSuccess when the access can be tried again, or
// the code of the exception. It is the only routine that retries. Historic vm_fault.
//
// The four things that make it right:
//
//  1. The map is never held across a wait. What locate found is trusted only while version is the
//     map's; otherwise the address is looked up again, without asking for write, and everything is
//     given up when it leads elsewhere.
//  2. From locate until the translation is entered the object is kept by a reference of the fault, and
//     its structure by a paging reference. Dropping the former may terminate the object here: its
//     region may have gone meanwhile (VM-130).
//  3. The page found is busy until its translation is entered, so nobody can take it away or change
//     what may be done with it.
//  4. A translation never allows more than the entry, the manager's page lock and a copy object made
//     meanwhile allow.
func (m *Map) fault(th *sched.Thread, va mach.Addr, want mach.Prot, kind faultKind) mach.Return {
	m.host.stats.Faults++
	m.host.TouchMemory(true)
	ev := trace.Fault{Addr: va, Access: want, Task: m.task}
	trace.Emit(m.host.tracer, ev)
	ev.Stage = trace.FaultEnd
	ev.Code = m.handle(th, va, want, kind, &ev)
	trace.Emit(m.host.tracer, ev)
	return ev.Code
}

// handle is fault, and says for the trace what was found.
func (m *Map) handle(th *sched.Thread, va mach.Addr, want mach.Prot, kind faultKind, ev *trace.Fault) mach.Return {
	h := m.host
	for {
		l, ret := m.locate(va, want)
		if ret != mach.KernSuccess {
			return ret
		}
		if l.wired {
			l.access = l.prot | mach.ProtWrite
		}
		o := l.object
		ev.Object, ev.Offset = o.id, l.offset
		if kind == faultUser {
			ev.How = m.fastFault(th, va, &l)
		} else {
			ev.How = m.fastWire(va, &l)
		}
		if ev.How != trace.FaultUnknown {
			return mach.KernSuccess
		}
		o.reference()
		r := h.faultPage(th, faultArgs{
			object: o, offset: l.offset, access: l.access, prot: l.prot,
			interruptible: kind == faultUser,
			lo:            l.lo, hi: l.hi, behavior: l.behavior,
			task: m.task, va: va,
		})
		ev.How = r.how
		switch r.outcome {
		case faultSuccess:
			done, ret := m.resolve(th, va, want, kind, &l, &r)
			h.endFault(&r)
			o.release(th)
			if done {
				return ret
			}
		case faultRetry:
			o.release(th)
		case faultInterrupted:
			o.release(th)
			return mach.KernSuccess
		case faultMemoryShortage:
			o.release(th)
			if h.waitForPage(th) {
				return mach.KernAborted
			}
		case faultError:
			o.release(th)
			return r.code
		}
	}
}

// resolve enters the translation for the page that the search found, if the map still wants it. done
// false starts the fault again.
func (m *Map) resolve(th *sched.Thread, va mach.Addr, want mach.Prot, kind faultKind, l *located, r *faultResult) (done bool, ret mach.Return) {
	p := r.page
	prot := r.prot
	copied := p.object.copy
	th.Preempt("before-verify")
	wired := l.wired
	if m.timestamp != l.version {
		now, ret := m.locate(va, want&^mach.ProtWrite)
		if ret != mach.KernSuccess {
			p.settle()
			return true, ret
		}
		if now.object != l.object || now.offset != l.offset {
			p.settle()
			return false, mach.KernSuccess
		}
		prot &= now.prot
		wired = now.wired
	}
	if p.object.copy != copied {
		// A copy was made meanwhile; a write must push the page first.
		prot &^= mach.ProtWrite
	}
	if wired && l.access != prot|mach.ProtWrite {
		p.settle()
		return false, mach.KernSuccess
	}
	m.pmap.enter(va, p.frame, prot&^p.lock, wired)
	if kind == faultWire {
		p.wire()
	} else {
		p.settle()
		p.reference = true
	}
	return true, mach.KernSuccess
}

// settle sees to it that a page that is in use is on a queue.
func (p *Page) settle() {
	if p.queue == nil && p.wireCount == 0 {
		p.activate()
	}
}

// endFault gives back what a successful page search holds: the busy page, the placeholder in the top
// object, and the paging references of both. Historic vm_fault_cleanup.
func (h *Host) endFault(r *faultResult) {
	r.page.done()
	h.endSearch(r)
}

// endSearch is endFault for a page that is no longer busy, but wired instead.
func (h *Host) endSearch(r *faultResult) {
	r.page.object.endPaging()
	if r.top != nil {
		top := r.top.object
		r.top.free()
		top.endPaging()
	}
}

// fastFault handles the faults that need neither a wait nor a manager, and says where the page was; it
// says FaultUnknown, and has done nothing, where it cannot. Historic: the first part of vm_fault.
func (m *Map) fastFault(th *sched.Thread, va mach.Addr, l *located) trace.FaultHow {
	h := m.host
	top := l.object
	write := l.access&mach.ProtWrite != 0
	if write && top.copy != nil {
		return trace.FaultUnknown
	}
	o, off := top, l.offset
	for {
		if p := o.lookup(off); p != nil {
			if p.busy || p.contents != pageData || l.access&p.lock != 0 || !p.real() {
				return trace.FaultUnknown
			}
			switch {
			case o == top && top.copy == nil:
				m.enterFast(va, p, l.prot, l.wired)
				return trace.FaultResident
			case !write:
				m.enterFast(va, p, l.prot&^mach.ProtWrite, l.wired)
				return trace.FaultResident
			case p.cleaning:
				return trace.FaultUnknown
			}
			return m.fastCopyUp(th, va, l, p)
		}
		if o.phase.created() {
			return trace.FaultUnknown
		}
		if o.shadow == nil {
			break
		}
		off += o.shadowOffset
		o = o.shadow
	}
	p := h.grabPage(th)
	if p == nil {
		return trace.FaultUnknown
	}
	h.zeroFill(p)
	p.dirty = top.shadow != nil // as in zero
	top.insert(p, l.offset)
	prot := l.prot
	if top.copy != nil {
		prot &^= mach.ProtWrite
	}
	p.done()
	m.enterFast(va, p, prot, l.wired)
	return trace.FaultZeroFilled
}

// fastWire wires a page that is ready in the entry's own object. What the entry does not allow need not be
// asked of the manager then. Historic vm_fault_wire_fast.
func (m *Map) fastWire(va mach.Addr, l *located) trace.FaultHow {
	o := l.object
	p := o.lookup(l.offset)
	if p == nil || p.busy || p.contents != pageData || p.cleaning || p.lock&l.prot != 0 ||
		o.copy != nil && l.prot&mach.ProtWrite != 0 {
		return trace.FaultUnknown
	}
	p.wire()
	m.pmap.enter(va, p.frame, l.prot, true)
	return trace.FaultResident
}

// fastCopyUp gives the top object its own copy of below, which an object further down holds.
func (m *Map) fastCopyUp(th *sched.Thread, va mach.Addr, l *located, below *Page) trace.FaultHow {
	h, top := m.host, l.object
	p := h.grabPage(th)
	if p == nil {
		return trace.FaultUnknown
	}
	h.copyPage(p, below)
	below.deactivate()
	if top.refs > 1 {
		// Others may read the page below through the top object: they must find the new one.
		h.pageProtect(below, mach.ProtNone)
	}
	top.insert(p, l.offset)
	p.done()
	h.stats.CowFaults++
	m.enterFast(va, p, l.prot, l.wired)
	top.reference()
	top.collapse(th)
	top.release(th)
	return trace.FaultCopied
}

func (m *Map) enterFast(va mach.Addr, p *Page, prot mach.Prot, wired bool) {
	m.pmap.enter(va, p.frame, prot&^p.lock, wired)
	p.settle()
	p.reference = true
}
