package conformance

import "machvm/kernel/mach"

// refTask is a task: its names.
type refTask struct {
	world   *refWorld
	index   int
	dead    bool
	entries []*refEntry // in the order in which they were made
}

// refEntry is a name. While the kernel has not told which name it has chosen, name is NULL.
type refEntry struct {
	task  *refTask
	name  mach.Name
	kind  mach.TypeBits // without the request bit
	port  *refPort
	set   *refSet
	urefs int // of send rights and dead names
	ask   *refAsk
}

func (e *refEntry) has(kind mach.TypeBits) bool { return e.kind&kind != 0 }

// find is what a name denotes, nil if nothing.
func (t *refTask) find(name mach.Name) *refEntry {
	for _, e := range t.entries {
		if e.name == name && name.Valid() {
			return e
		}
	}
	return nil
}

// known is the name of a task for send and receive rights of a port, nil if it has none.
func (t *refTask) known(p *refPort) *refEntry {
	for _, e := range t.entries {
		if e.port == p && e.has(mach.TypeSend|mach.TypeReceive) {
			return e
		}
	}
	return nil
}

func (t *refTask) add(name mach.Name, kind mach.TypeBits) *refEntry {
	e := &refEntry{task: t, name: name, kind: kind}
	t.entries = append(t.entries, e)
	return e
}

func (e *refEntry) remove() { e.task.entries = without(e.task.entries, e) }

// takeAsk takes the dead-name request off a name, and returns where it goes.
func (e *refEntry) takeAsk() *refPort {
	if e.ask == nil {
		return nil
	}
	q := e.ask.notify
	e.port.asks = without(e.port.asks, e.ask)
	e.ask = nil
	return q
}

// deleted tells q, if there is a q, that a name has gone.
func (w *refWorld) deleted(q *refPort, name mach.Name) {
	if q != nil {
		w.notify(q, mach.NotifyPortDeleted, uint32(name))
	}
}

// suits reports whether a name has what a disposition needs.
func (e *refEntry) suits(d mach.Disposition) bool {
	switch d {
	case mach.MoveReceive, mach.MakeSend, mach.MakeSendOnce:
		return e.has(mach.TypeReceive)
	case mach.MoveSend, mach.CopySend:
		return e.has(mach.TypeSend | mach.TypeDeadName)
	case mach.MoveSendOnce:
		return e.has(mach.TypeSendOnce | mach.TypeDeadName)
	}
	return false
}

// copyin takes a right that suits out of a space. asked is who has to be told that the name is gone.
func (w *refWorld) copyin(e *refEntry, d mach.Disposition) (r refRight, asked *refPort) {
	p := e.port
	r = refRight{kind: d.Arrives(), port: p}
	if e.kind == mach.TypeDeadName {
		if d != mach.CopySend {
			e.drop(1)
		}
		return refRight{kind: d.Arrives(), dead: true}, nil
	}
	switch d {
	case mach.MakeSend:
		p.srights++
		p.mscount++
	case mach.MakeSendOnce:
		p.sorights++
	case mach.CopySend:
		p.srights++
	case mach.MoveSend:
		if e.urefs--; e.urefs > 0 {
			p.srights++
		} else if e.has(mach.TypeReceive) {
			e.kind = mach.TypeReceive
		} else {
			asked = e.takeAsk()
			e.remove()
		}
	case mach.MoveSendOnce:
		asked = e.takeAsk()
		e.remove()
	case mach.MoveReceive:
		w.lift(p)
		if e.has(mach.TypeSend) {
			e.kind = mach.TypeSend
		} else {
			asked = e.takeAsk()
			e.remove()
		}
	}
	return r, asked
}

// drop takes references from a dead name.
func (e *refEntry) drop(n int) {
	if e.urefs -= n; e.urefs == 0 {
		e.remove()
	}
}

// copyout puts a right into a space. The result is the name.
func (w *refWorld) copyout(t *refTask, r refRight) refName {
	switch {
	case r.port == nil && !r.dead:
		return refName{}
	case r.port == nil || r.port.dead:
		return refName{fixed: mach.NameDead}
	}
	e := t.known(r.port)
	switch r.kind {
	case mach.PortSend:
		if e == nil {
			e = t.add(mach.NameNull, 0)
		}
		w.addSend(e, r.port)
	case mach.PortSendOnce:
		e = t.add(mach.NameNull, mach.TypeSendOnce)
		e.port = r.port
	case mach.PortReceive:
		if e == nil {
			e = t.add(mach.NameNull, 0)
		}
		e.addReceive(r.port)
	}
	return refName{entry: e}
}

// addSend adds a send right to a name; beyond the greatest number it is given up.
func (w *refWorld) addSend(e *refEntry, p *refPort) {
	if e.has(mach.TypeSend) {
		p.srights--
		e.urefs = min(e.urefs+1, mach.UrefsMaxSend)
		return
	}
	e.kind, e.port, e.urefs = e.kind|mach.TypeSend, p, 1
}

func (e *refEntry) addReceive(p *refPort) {
	e.kind, e.port = e.kind|mach.TypeReceive, p
	p.holder, p.to = e, nil
}

// destroy gives up everything under a name.
func (w *refWorld) destroyName(e *refEntry) {
	p, name := e.port, e.name
	switch {
	case e.kind == mach.TypeDeadName:
		e.remove()
	case e.kind == mach.TypePortSet:
		for len(e.set.members) > 0 {
			e.set.leave(e.set.members[0])
		}
		e.remove()
	case e.kind == mach.TypeSend:
		asked := e.takeAsk()
		e.remove()
		w.sendGone(p)
		w.deleted(asked, name)
	case e.kind == mach.TypeSendOnce:
		asked := e.takeAsk()
		e.remove()
		w.notify(p, mach.NotifySendOnce)
		w.deleted(asked, name)
	case e.kind == mach.TypeReceive:
		asked := e.takeAsk()
		e.remove()
		w.end(p)
		w.deleted(asked, name)
	default: // send and receive
		asked := e.takeAsk()
		e.remove()
		var ns *refPort
		count := p.mscount
		if p.srights--; p.srights == 0 {
			ns, p.ns = p.ns, nil
		}
		w.end(p)
		if ns != nil {
			w.notify(ns, mach.NotifyNoSenders, count)
		}
		w.deleted(asked, name)
	}
}

// dropSend takes references from a send right.
func (w *refWorld) dropSend(e *refEntry, n int) {
	if e.urefs > n {
		e.urefs -= n
		return
	}
	if !e.has(mach.TypeReceive) {
		w.destroyName(e)
		return
	}
	e.kind, e.urefs = mach.TypeReceive, 0
	w.sendGone(e.port)
}

// terminate is the death of a task, whose names go in the given order.
func (w *refWorld) terminate(t *refTask, order []mach.Name) {
	t.dead = true
	for _, name := range order {
		if e := t.find(name); e != nil {
			w.destroyName(e)
		}
	}
}
