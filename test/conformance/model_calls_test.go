package conformance

import (
	"slices"

	"machvm/kernel/mach"
)

// The port calls, as the model has them. They are methods of the task that the call is about.

// allocate is mach_port_allocate and its relatives. detects is for receive rights. Name NULL lets the kernel choose.
func (t *refTask) allocate(right mach.RightCode, name mach.Name, detects bool) (refName, mach.Return) {
	if right != mach.RightReceive && right != mach.RightPortSet && right != mach.RightDeadName && right != mach.RightReceiveNoNMS {
		return refName{}, mach.KernInvalidValue
	}
	if t.find(name) != nil {
		return refName{}, mach.KernNameExists
	}
	e := t.add(name, 0)
	switch right {
	case mach.RightPortSet:
		e.kind, e.set = mach.TypePortSet, &refSet{entry: e}
	case mach.RightDeadName:
		e.kind, e.urefs = mach.TypeDeadName, 1
	default:
		e.addReceive(t.world.newPort(detects && right == mach.RightReceive))
	}
	return refName{entry: e}, mach.KernSuccess
}

func (t *refTask) deallocate(name mach.Name) mach.Return {
	w, e := t.world, t.find(name)
	switch {
	case e == nil && w.habits.unknownIsBad:
		return mach.KernInvalidName
	case e == nil:
		return mach.KernSuccess
	case e.has(mach.TypeSend):
		w.dropSend(e, 1)
	case e.has(mach.TypeDeadName):
		e.drop(1)
	case e.has(mach.TypeSendOnce):
		w.destroyName(e)
	default:
		return mach.KernInvalidRight
	}
	return mach.KernSuccess
}

func (t *refTask) modRefs(name mach.Name, right mach.RightCode, delta int) mach.Return {
	w, e := t.world, t.find(name)
	switch {
	case right > mach.RightDeadName:
		return mach.KernInvalidValue
	case e == nil:
		return mach.KernInvalidName
	case !e.has(mach.TypeSend << right):
		return mach.KernInvalidRight
	}
	switch right {
	case mach.RightReceive, mach.RightPortSet, mach.RightSendOnce:
		switch {
		case delta == 0:
		case delta != -1:
			return mach.KernInvalidValue
		case right == mach.RightReceive && e.has(mach.TypeSend):
			e.kind = mach.TypeSend
			w.end(e.port)
		default:
			w.destroyName(e)
		}
	case mach.RightSend, mach.RightDeadName:
		most := mach.UrefsMaxSend
		if right == mach.RightDeadName {
			most = mach.UrefsMaxDead
		}
		switch {
		case e.urefs+delta < 0:
			return mach.KernInvalidValue
		case e.urefs+delta > most:
			return mach.KernUrefsOverflow
		case delta >= 0:
			e.urefs += delta
		case right == mach.RightDeadName:
			e.drop(-delta)
		default:
			w.dropSend(e, -delta)
		}
	}
	return mach.KernSuccess
}

func (t *refTask) getRefs(name mach.Name, right mach.RightCode) (int, mach.Return) {
	e := t.find(name)
	switch {
	case right > mach.RightDeadName:
		return 0, mach.KernInvalidValue
	case e == nil:
		return 0, mach.KernInvalidName
	case !e.has(mach.TypeSend << right):
		return 0, mach.KernSuccess
	case right == mach.RightSend || right == mach.RightDeadName:
		return e.urefs, mach.KernSuccess
	}
	return 1, mach.KernSuccess
}

func (t *refTask) rename(from, to mach.Name, taken bool) mach.Return {
	e := t.find(from)
	switch {
	case !to.Valid():
		return mach.KernInvalidValue
	case t.find(to) != nil || taken:
		return mach.KernNameExists
	case e == nil:
		return mach.KernInvalidName
	}
	e.name = to
	return mach.KernSuccess
}

// insert is what mach_port_insert_right does with a right that has arrived.
func (t *refTask) insert(name mach.Name, r refRight) mach.Return {
	w := t.world
	switch {
	case !name.Valid():
		return mach.KernInvalidValue
	case r.null() || r.port.dead:
		return mach.KernInvalidCapability
	}
	there := t.find(name)
	if r.kind == mach.PortSendOnce {
		if there != nil {
			return mach.KernNameExists
		}
		t.add(name, mach.TypeSendOnce).port = r.port
		return mach.KernSuccess
	}
	e := t.known(r.port)
	switch {
	case e != nil && e.name != name:
		return mach.KernRightExists
	case e == nil && there != nil:
		return mach.KernNameExists
	case e == nil:
		e = t.add(name, 0)
	}
	if r.kind == mach.PortReceive {
		e.addReceive(r.port)
		return mach.KernSuccess
	}
	if e.has(mach.TypeSend) && e.urefs == mach.UrefsMaxSend {
		return mach.KernUrefsOverflow
	}
	w.addSend(e, r.port)
	return mach.KernSuccess
}

// receiver is the name of a receive right.
func (t *refTask) receiver(name mach.Name) (*refEntry, mach.Return) {
	e := t.find(name)
	switch {
	case e == nil:
		return nil, mach.KernInvalidName
	case !e.has(mach.TypeReceive):
		return nil, mach.KernInvalidRight
	}
	return e, mach.KernSuccess
}

// member is the arguments of the calls on members.
func (t *refTask) member(name, set mach.Name) (p *refPort, s *refSet, ret mach.Return) {
	e, ret := t.receiver(name)
	if ret != mach.KernSuccess {
		return nil, nil, ret
	}
	to := t.find(set)
	switch {
	case to == nil:
		return nil, nil, mach.KernInvalidName
	case to.set == nil:
		return nil, nil, mach.KernInvalidRight
	}
	return e.port, to.set, mach.KernSuccess
}

func (t *refTask) moveMember(name, set mach.Name) mach.Return {
	if set == mach.NameNull {
		e, ret := t.receiver(name)
		if ret != mach.KernSuccess {
			return ret
		}
		if len(e.port.sets) == 0 {
			return mach.KernNotInSet
		}
		e.port.leaveSets()
		return mach.KernSuccess
	}
	p, s, ret := t.member(name, set)
	if ret != mach.KernSuccess {
		return ret
	}
	if len(p.sets) == 1 && p.sets[0] == s {
		return mach.KernSuccess
	}
	p.leaveSets()
	s.join(p)
	return mach.KernSuccess
}

func (t *refTask) insertMember(name, set mach.Name) mach.Return {
	p, s, ret := t.member(name, set)
	if ret == mach.KernSuccess && !slices.Contains(p.sets, s) {
		if len(p.sets) > 0 && t.world.habits.oneSet {
			return mach.KernAlreadyInSet
		}
		s.join(p)
	}
	return ret
}

func (t *refTask) extractMember(name, set mach.Name) mach.Return {
	p, s, ret := t.member(name, set)
	if ret == mach.KernSuccess {
		if !slices.Contains(p.sets, s) {
			return mach.KernNotInSet
		}
		s.leave(p)
	}
	return ret
}

// request is what mach_port_request_notification does with a right that has arrived. The result is the right
// that was registered before.
func (t *refTask) request(name mach.Name, id mach.MsgID, sync uint32, notify refRight) (previous refRight, ret mach.Return) {
	w := t.world
	// A right whose port has died on the way counts as dead.
	if notify.dead || notify.port != nil && notify.port.dead {
		return previous, mach.KernInvalidCapability
	}
	once := func(q *refPort) refRight { return refRight{kind: mach.PortSendOnce, port: q} }
	switch id {
	case mach.NotifyPortDestroyed:
		if sync != 0 {
			return previous, mach.KernInvalidValue
		}
		e, ret := t.receiver(name)
		if ret != mach.KernSuccess {
			return previous, ret
		}
		previous, e.port.pd = once(e.port.pd), notify.port
	case mach.NotifyNoSenders:
		e, ret := t.receiver(name)
		if ret != mach.KernSuccess {
			return previous, ret
		}
		p := e.port
		if !p.detects {
			return previous, mach.KernInvalidRight
		}
		previous, p.ns = once(p.ns), notify.port
		if p.ns != nil && p.srights == 0 && sync <= p.mscount {
			p.ns = nil
			w.notify(notify.port, mach.NotifyNoSenders, p.mscount)
		}
	case mach.NotifyDeadName:
		e := t.find(name)
		switch {
		case e == nil:
			return previous, mach.KernInvalidName
		case e.kind == mach.TypePortSet:
			return previous, mach.KernInvalidRight
		case e.kind == mach.TypeDeadName && (sync == 0 || notify.null()):
			return previous, mach.KernInvalidArgument
		case e.kind == mach.TypeDeadName && e.urefs == mach.UrefsMaxDead:
			return previous, mach.KernUrefsOverflow
		case e.kind == mach.TypeDeadName:
			e.urefs++
			w.notify(notify.port, mach.NotifyDeadName, uint32(name))
			return previous, mach.KernSuccess
		}
		previous = once(e.takeAsk())
		if !notify.null() {
			e.askFor(notify.port)
		}
	default:
		return previous, mach.KernInvalidValue
	}
	return previous, mach.KernSuccess
}

// askFor registers a dead-name request.
func (e *refEntry) askFor(notify *refPort) {
	e.ask = &refAsk{entry: e, notify: notify}
	e.port.asks = append(e.port.asks, e.ask)
}
