package conformance

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// stepKinds is what a step can be, as often as it stands there; the first are likelier than the others.
var stepKinds = []func(d *drawing) step{
	drawInsert, drawSend, drawReceive, drawRequest,
	drawSend, drawReceive, drawRequest, drawDeallocate,
	drawSend, drawReceive, drawInsert, drawRequest,
	drawSend, drawReceive, drawModRefs, drawExtract,
	drawSend, drawReceive, drawRequest, drawInsert,
	drawSend, drawDestroy, drawDeallocate, drawModRefs,
	drawBoth, drawBoth, drawExtract, drawAllocate,
	drawMember, drawMember, drawAllocate, drawAllocateName,
	drawQlimit, drawMscount, drawSeqno, drawGetRefs,
	drawStatus, drawSetStatus, drawType, drawRename,
	drawTerminate, drawDestroy, drawInsert, drawAllocate,
}

// random draws the next step. Its operands depend on what the model knows: a step for which nothing is there is
// given up for another, in the end for an allocation.
func (m *machine) random(t *rapid.T) (step, recipe) {
	for range 4 {
		d := &drawing{t: t, m: m}
		kind := rapid.IntRange(0, len(stepKinds)-1).Draw(t, "")
		if s := d.step(kind); !d.lacks {
			return s, recipe{kind, d.choices}
		}
	}
	d := &drawing{t: t, m: m}
	kind := len(stepKinds) - 1
	return d.step(kind), recipe{kind, d.choices}
}

// again is the step of a recipe, as things are now.
func (m *machine) again(r recipe) step {
	d := &drawing{m: m, choices: slices.Clone(r.choices)}
	return d.step(r.kind)
}

// step draws a step of a kind.
func (d *drawing) step(kind int) step {
	d.who = d.player()
	return stepKinds[kind](d)
}

// meet is steps after which every task has a send right for a port of every other.
func (m *machine) meet() (steps []step) {
	for _, p := range m.players {
		d := &drawing{m: m, who: p}
		door := mach.Name(0x1003 + p.index<<8)
		steps = append(steps, d.simply(p, func(a *actor) mach.Return { return a.allocateName(mach.RightReceive, door) },
			func() mach.Return { _, ret := p.allocate(mach.RightReceive, door, true); return ret },
			"mach_port_allocate_name(%v, RECEIVE, %v)", p, door))
		for _, q := range m.players {
			if q != p {
				steps = append(steps, d.insert(q, door, door, mach.MakeSend))
			}
		}
	}
	return steps
}

// call is a step that is a call on the names of p. A call on a dead task does not get there.
func (d *drawing) call(p *player, text string, kern func(a *actor) seen, ref func() seen) step {
	at := d.who.control[p.index]
	return step{who: d.who, on: p, text: text, kern: func(a *actor) seen { return kern(a.on(at)) }, ref: ref}
}

// simply is a call that has no result beside its code.
func (d *drawing) simply(p *player, kern func(a *actor) mach.Return, ref func() mach.Return, text string, args ...any) step {
	return d.call(p, fmt.Sprintf(text, args...), func(a *actor) seen { return code(kern(a)) }, func() seen { return code(ref()) })
}

// named is what a call sees that gives a name if it succeeds.
func named(name refName, ret mach.Return) seen {
	s := code(ret)
	if ret == mach.KernSuccess {
		s = s.name("name", name)
	}
	return s
}

func got(name mach.Name, ret mach.Return) seen { return named(refName{fixed: name}, ret) }

func drawAllocate(d *drawing) step {
	p := d.target()
	d.lacks = len(p.entries) > 6 && d.below(4) > 0 // few names, so that they meet
	plain := d.m.world.habits.plainDetects
	switch right := pick(d, mach.RightReceive, mach.RightReceive, mach.RightPortSet, mach.RightReceive, mach.RightDeadName,
		mach.RightReceiveNoNMS, mach.RightSend, mach.RightReceive); d.below(3) {
	case 0:
		return d.call(p, fmt.Sprintf("mach_port_allocate_full(%v, %v)", p, right), func(a *actor) seen {
			var name mach.Name
			ret := user.MachPortAllocateFull(a, a.target(), right, mach.NameNull, user.Qos{}, &name)
			return got(name, ret)
		}, func() seen { return named(p.allocate(right, mach.NameNull, true)) })
	case 1:
		return d.call(p, fmt.Sprintf("mach_port_allocate(%v, %v)", p, right), func(a *actor) seen { return got(a.allocate(right)) },
			func() seen { return named(p.allocate(right, mach.NameNull, plain)) })
	}
	return step{who: d.who, text: "mach_reply_port()", kern: func(a *actor) seen { return got(a.ReplyPort(), mach.KernSuccess) },
		ref: func() seen { return named(d.who.allocate(mach.RightReceive, mach.NameNull, true)) }}
}

func drawAllocateName(d *drawing) step {
	p := d.target()
	right, name := pick(d, mach.RightReceive, mach.RightPortSet, mach.RightDeadName, mach.RightSendOnce), d.fresh()
	return d.simply(p, func(a *actor) mach.Return { return a.allocateName(right, name) }, func() mach.Return {
		switch {
		case !name.Valid():
			return mach.KernInvalidValue
		case p.library[name] && right != mach.RightSendOnce:
			return mach.KernNameExists
		}
		_, ret := p.allocate(right, name, true)
		return ret
	}, "mach_port_allocate_name(%v, %v, %v)", p, right, name)
}

func drawDestroy(d *drawing) step {
	p := d.target()
	name := d.asked(p, anything)
	return d.simply(p, func(a *actor) mach.Return { return a.destroy(name) }, func() mach.Return {
		e := p.find(name)
		if e == nil {
			return mach.KernInvalidName
		}
		d.m.world.destroyName(e)
		return mach.KernSuccess
	}, "mach_port_destroy(%v, %v)", p, name)
}

func drawDeallocate(d *drawing) step {
	p := d.target()
	name := d.asked(p, mach.TypeSend|mach.TypeSendOnce|mach.TypeDeadName)
	return d.simply(p, func(a *actor) mach.Return { return a.deallocate(name) }, func() mach.Return { return p.deallocate(name) },
		"mach_port_deallocate(%v, %v)", p, name)
}

func drawModRefs(d *drawing) step {
	p := d.target()
	right := pick(d, mach.RightSend, mach.RightReceive, mach.RightDeadName, mach.RightSendOnce, mach.RightPortSet, 5, mach.RightSend)
	name := d.asked(p, mach.TypeSend<<right)
	if d.oneIn(10) {
		name = d.name(p, with(anything))
	}
	delta := pick(d, -1, 1, -2, 0, 3, mach.UrefsMaxSend-1, mach.UrefsMaxDead, math.MinInt32, -1)
	return d.simply(p, func(a *actor) mach.Return { return a.modRefs(name, right, int32(delta)) },
		func() mach.Return { return p.modRefs(name, right, delta) },
		"mach_port_mod_refs(%v, %v, %v, %d)", p, name, right, delta)
}

func drawGetRefs(d *drawing) step {
	p := d.target()
	name := d.name(p, with(anything))
	right := pick(d, mach.RightSend, mach.RightReceive, mach.RightSendOnce, mach.RightPortSet, mach.RightDeadName, 5)
	see := func(n int, ret mach.Return) seen { return code(ret).num("refs", uint64(n)) }
	return d.call(p, fmt.Sprintf("mach_port_get_refs(%v, %v, %v)", p, name, right), func(a *actor) seen {
		n, ret := a.getRefs(name, right)
		return see(int(n), ret)
	}, func() seen { return see(p.getRefs(name, right)) })
}

func drawType(d *drawing) step {
	p := d.target()
	name := d.name(p, with(anything))
	see := func(n int, ret mach.Return) seen { return code(ret).num("type", uint64(n)) }
	return d.call(p, fmt.Sprintf("mach_port_type(%v, %v)", p, name), func(a *actor) seen {
		bits, ret := a.portType(name)
		return see(int(bits), ret)
	}, func() seen {
		e := p.find(name)
		if e == nil {
			return see(0, mach.KernInvalidName)
		}
		bits := e.kind
		if e.ask != nil {
			bits |= mach.TypeDNRequest
		}
		return see(int(bits), mach.KernSuccess)
	})
}

func drawRename(d *drawing) step {
	p := d.target()
	from, to := d.name(p, with(anything)), d.fresh()
	return d.simply(p, func(a *actor) mach.Return { return a.rename(from, to) },
		func() mach.Return { return p.rename(from, to, p.library[to]) }, "mach_port_rename(%v, %v, %v)", p, from, to)
}

// receiving sets something of a receive right.
func receiving(d *drawing, text string, v uint32, kern func(a *actor, name mach.Name) mach.Return, set func(q *refPort)) step {
	p := d.target()
	name := d.name(p, with(mach.TypeReceive))
	return d.simply(p, func(a *actor) mach.Return { return kern(a, name) }, func() mach.Return {
		e, ret := p.receiver(name)
		if ret == mach.KernSuccess {
			set(e.port)
		}
		return ret
	}, "%s(%v, %v, %d)", text, p, name, v)
}

func drawQlimit(d *drawing) step {
	v := pick(d, uint32(5), 1, 0, 2, 16, 3, 17)
	s := receiving(d, "mach_port_set_qlimit", v, func(a *actor, name mach.Name) mach.Return { return a.setLimit(name, int32(v)) },
		func(q *refPort) { q.limit = int(v) })
	if v > mach.QlimitMax {
		s.ref = func() seen { return code(mach.KernInvalidValue) }
	}
	return s
}

func drawMscount(d *drawing) step {
	v := pick(d, uint32(0), 1, 2, 7)
	return receiving(d, "mach_port_set_mscount", v, func(a *actor, name mach.Name) mach.Return { return a.setMscount(name, v) },
		func(q *refPort) { q.mscount = v })
}

func drawSeqno(d *drawing) step {
	v := pick(d, uint32(0), 7, math.MaxUint32)
	return receiving(d, "mach_port_set_seqno", v, func(a *actor, name mach.Name) mach.Return { return a.setSeqno(name, v) },
		func(q *refPort) { q.seqno = v })
}

func drawStatus(d *drawing) step {
	p := d.target()
	name := d.name(p, with(mach.TypeReceive))
	return d.call(p, fmt.Sprintf("mach_port_get_attributes(%v, %v)", p, name), func(a *actor) seen {
		st, ret := user.MachPortGetReceiveStatus(a, a.target(), name)
		if ret != mach.KernSuccess {
			return code(ret)
		}
		return status(uint64(st.Pset), st.Seqno, st.Mscount, st.Qlimit, st.Msgcount, st.Sorights, st.Srights, st.PDRequest, st.NSRequest)
	}, func() seen {
		e, ret := p.receiver(name)
		if ret != mach.KernSuccess {
			return code(ret)
		}
		q := e.port
		sets := uint64(len(q.sets)) // or, where one is all there can be, its name
		if sets > 0 && d.m.world.habits.oneSet {
			sets = uint64(q.sets[0].entry.name)
		}
		return status(sets, q.seqno, q.mscount, uint32(q.limit), uint32(len(q.queue)), uint32(q.sorights),
			q.srights > 0, q.pd != nil, q.ns != nil)
	})
}

func status(sets uint64, seqno, mscount, qlimit, msgcount, sorights uint32, srights, pd, ns bool) seen {
	s := code(mach.KernSuccess).num("sets", sets).num("seqno", uint64(seqno)).num("mscount", uint64(mscount)).
		num("qlimit", uint64(qlimit)).num("msgcount", uint64(msgcount)).num("sorights", uint64(sorights))
	for _, b := range []bool{srights, pd, ns} {
		n := uint64(0)
		if b {
			n = 1
		}
		s = s.num("flag", n)
	}
	return s
}

func drawMember(d *drawing) step {
	p := d.target()
	name, set := d.name(p, with(mach.TypeReceive)), d.name(p, with(mach.TypePortSet))
	switch d.below(3) {
	case 0:
		return d.simply(p, func(a *actor) mach.Return { return a.insertMember(name, set) },
			func() mach.Return { return p.insertMember(name, set) }, "mach_port_insert_member(%v, %v, %v)", p, name, set)
	case 1:
		if d.below(3) == 2 {
			set = mach.NameNull
		}
		return d.simply(p, func(a *actor) mach.Return { return a.moveMember(name, set) },
			func() mach.Return { return p.moveMember(name, set) }, "mach_port_move_member(%v, %v, %v)", p, name, set)
	}
	return d.simply(p, func(a *actor) mach.Return { return a.extractMember(name, set) },
		func() mach.Return { return p.extractMember(name, set) }, "mach_port_extract_member(%v, %v, %v)", p, name, set)
}

func drawSetStatus(d *drawing) step {
	p := d.target()
	set := d.name(p, with(mach.TypePortSet))
	return d.call(p, fmt.Sprintf("mach_port_get_set_status(%v, %v)", p, set), func(a *actor) seen {
		names, ret := a.getSetStatus(set)
		return sorted(code(ret), names)
	}, func() seen {
		e := p.find(set)
		switch {
		case e == nil:
			return code(mach.KernInvalidName)
		case e.set == nil:
			return code(mach.KernInvalidRight)
		}
		var names []mach.Name
		for _, q := range e.set.members {
			names = append(names, q.holder.name)
		}
		return sorted(code(mach.KernSuccess), names)
	})
}

func sorted(s seen, names []mach.Name) seen {
	slices.Sort(names)
	for _, n := range names {
		s = s.num("name", uint64(n))
	}
	return s
}

// drawInsert is mach_port_insert_right: a right of the caller's for any task.
func drawInsert(d *drawing) step {
	p := d.player()
	if d.oneIn(16) {
		p = pick(d, d.m.players...)
	}
	carried := d.name(d.who, with(anyRight))
	disp := d.disposition(d.who, carried, bodyDisps...)
	name := mach.NameNull
	switch d.below(4) {
	case 0, 1: // where it belongs, or is bound to go if it is new
		if e := d.who.find(carried); e != nil && e.port != nil {
			if known := p.known(e.port); known != nil && disp != mach.MoveSendOnce && disp != mach.MakeSendOnce {
				name = known.name
			} else {
				name = d.fresh()
			}
		}
	case 2:
		name = d.fresh()
	case 3:
		name = d.name(p, with(mach.TypeSend|mach.TypeReceive))
	}
	return d.insert(p, name, carried, disp)
}

// insert is mach_port_insert_right.
func (d *drawing) insert(p *player, name, carried mach.Name, disp mach.Disposition) step {
	return d.simply(p, func(a *actor) mach.Return { return a.insertRight(name, carried, disp) }, func() mach.Return {
		return d.m.passed(d.who, carried, disp, func(r refRight) mach.Return {
			if p.library[name] {
				return p.insertThere(name, r)
			}
			return p.insert(name, r)
		})
	}, "mach_port_insert_right(%v, %v, %v %v)", p, name, carried, disp)
}

// insertThere is insert under a name that the library uses.
func (t *refTask) insertThere(name mach.Name, r refRight) mach.Return {
	switch {
	case r.null() || r.port.dead:
		return mach.KernInvalidCapability
	case r.kind != mach.PortSendOnce && t.known(r.port) != nil:
		return mach.KernRightExists
	}
	return mach.KernNameExists
}

// passed is a call with a right as argument: it is lost unless the call succeeds.
func (m *machine) passed(p *player, name mach.Name, d mach.Disposition, call func(r refRight) mach.Return) mach.Return {
	r, ret := p.bodyRight(name, d)
	if ret != mach.KernSuccess {
		return ret
	}
	if ret = call(r); ret != mach.KernSuccess {
		m.world.destroy(&refMessage{body: []refRight{r}})
	}
	return ret
}

func drawExtract(d *drawing) step {
	p := d.target()
	name := d.name(p, with(anyRight))
	disp := d.disposition(p, name, mach.CopySend, mach.MakeSend, mach.MoveReceive, mach.MoveSend, mach.MakeSendOnce, 22, mach.MoveSendOnce)
	return d.call(p, fmt.Sprintf("mach_port_extract_right(%v, %v, %v)", p, name, disp), func(a *actor) seen {
		n, kind, ret := a.extractRight(name, disp)
		s := got(n, ret)
		if ret == mach.KernSuccess {
			s = s.num("type", uint64(kind))
		}
		return s
	}, func() seen {
		w, e := d.m.world, p.find(name)
		switch {
		case !disp.Valid():
			return code(mach.KernInvalidValue)
		case e == nil:
			return code(mach.KernInvalidName)
		case !e.suits(disp):
			return code(mach.KernInvalidRight)
		}
		r, asked := w.copyin(e, disp)
		w.deleted(asked, name)
		return named(w.copyout(d.who.refTask, r), mach.KernSuccess).num("type", uint64(disp.Arrives()))
	})
}

func drawRequest(d *drawing) step {
	p := pick(d, d.who, d.who, d.m.players[0], d.m.players[1], d.m.players[2])
	id := pick(d, mach.NotifyDeadName, mach.NotifyNoSenders, mach.NotifyPortDestroyed, mach.NotifyDeadName, mach.NotifyNoSenders, mach.NotifySendOnce, mach.NotifyPortDestroyed)
	kinds := mach.TypeReceive
	if id == mach.NotifyDeadName {
		kinds = anyRight | mach.TypeDeadName
	}
	name := d.asked(p, kinds)
	sync := uint32(0)
	if id != mach.NotifyPortDestroyed || d.oneIn(8) {
		sync = pick(d, uint32(0), 1, 2)
	}
	notify, disp := mach.NameNull, mach.MakeSendOnce
	if d.below(5) > 0 {
		notify = d.notifyPort()
		disp = d.disposition(d.who, notify, mach.MakeSendOnce, mach.MoveSendOnce)
	}
	return d.call(p, fmt.Sprintf("mach_port_request_notification(%v, %v, %s, sync %d, %v %v)", p, name, noteName(id), sync, notify, disp), func(a *actor) seen {
		return got(user.MachPortRequestNotification(a, a.target(), name, id, sync, notify, disp))
	}, func() seen {
		var previous refRight
		ret := d.m.passed(d.who, notify, disp, func(r refRight) (ret mach.Return) {
			previous, ret = p.request(name, id, sync, r)
			return ret
		})
		if ret != mach.KernSuccess {
			return code(ret)
		}
		return named(d.m.world.copyout(d.who.refTask, previous), ret)
	})
}

func noteName(id mach.MsgID) string { return cmp.Or(id2name[id], fmt.Sprint(int(id))) }

func drawTerminate(d *drawing) step {
	p := pick(d, d.m.players...)
	live := 0
	for _, x := range d.m.players {
		if !x.dead {
			live++
		}
	}
	if live < 2 || d.below(4) > 0 {
		return drawSend(d)
	}
	order := p.order()
	s := d.simply(p, func(a *actor) mach.Return { return user.TaskTerminate(a, a.target()) }, func() mach.Return {
		d.m.world.terminate(p.refTask, order)
		return mach.KernSuccess
	}, "task_terminate(%v)", p)
	s.ends = p == d.who
	return s
}

// order is the names of a task in the order of mach_port_names.
func (p *player) order() (names []mach.Name) {
	for _, e := range p.k.Rights() {
		names = append(names, e.Name)
	}
	return names
}

// lookAround is the last step of a program: all that its tasks hold, as they see it themselves.
func (m *machine) lookAround() step {
	i := slices.IndexFunc(m.players, func(p *player) bool { return !p.dead })
	p := m.players[i]
	d := &drawing{m: m, who: p}
	s := d.call(p, "mach_port_names", func(a *actor) seen {
		names, types, ret := a.portNames()
		s := code(ret)
		for i, n := range names {
			if !p.library[n] {
				s = s.num("name", uint64(n)).num("type", uint64(types[i]))
			}
		}
		return s
	}, func() seen {
		s := code(mach.KernSuccess)
		for _, n := range p.order() {
			if e := p.find(n); e != nil {
				bits := e.kind
				if e.ask != nil {
					bits |= mach.TypeDNRequest
				}
				s = s.num("name", uint64(n)).num("type", uint64(bits))
			}
		}
		return s
	})
	return s
}
