package conformance

import (
	"slices"

	"pgregory.net/rapid"

	"machvm/kernel/mach"
)

// drawing chooses the operands of one step. Small numbers are likelier, and what a failing program shrinks to.
type drawing struct {
	t       *rapid.T // nil: the choices have been made already
	choices []int
	next    int
	m       *machine
	who     *player
	lacks   bool // nothing there has what the step is about
}

// below is a number from 0 to n-1.
func (d *drawing) below(n int) int {
	switch {
	case d.t != nil:
		d.choices = append(d.choices, rapid.IntRange(0, n-1).Draw(d.t, ""))
	case d.next == len(d.choices):
		d.choices = append(d.choices, 0)
	}
	d.next++
	return d.choices[d.next-1] % n
}

// oneIn is true once in about n times.
func (d *drawing) oneIn(n int) bool { return d.below(n) == n/2 }

func pick[E any](d *drawing, list ...E) E { return list[d.below(len(list))] }

// player is a live task.
func (d *drawing) player() *player {
	live := slices.DeleteFunc(slices.Clone(d.m.players), func(p *player) bool { return p.dead })
	return pick(d, live...)
}

// target is the task that a port call is about: mostly the caller's own.
func (d *drawing) target() *player {
	if d.below(4) < 3 {
		return d.who
	}
	return pick(d, d.m.players...)
}

// name is a name of p: mostly one that has what is wanted, sometimes any at all.
func (d *drawing) name(p *player, want func(e *refEntry) bool) mach.Name {
	var list []mach.Name
	any := d.oneIn(12)
	for _, e := range slices.Backward(p.entries) { // the youngest is likeliest, and old ones do not count
		if any || want(e) {
			list = append(list, e.name)
		}
	}
	d.lacks = d.lacks || len(list) == 0
	if any || len(list) == 0 {
		list = append(list, mach.NameNull, mach.NameDead, 0x4242, 0x103)
	}
	name := pick(d, list...)
	if p.library[name] {
		return mach.NameNull
	}
	return name
}

// notifyPort is a name for notifications. Mostly it is the oldest there is, so that one port gets many and their
// order counts.
func (d *drawing) notifyPort() mach.Name {
	for _, e := range d.who.entries {
		if e.has(mach.TypeReceive) && d.below(4) > 0 {
			return e.name
		}
	}
	return d.name(d.who, with(mach.TypeReceive|mach.TypeSendOnce))
}

// asked is name among those for whose port, or by which, somebody has asked for a notification, if there are any.
func (d *drawing) asked(p *player, kinds mach.TypeBits) mach.Name {
	about := func(e *refEntry) bool {
		q := e.port
		return q != nil && e.has(kinds) && (e.ask != nil || q.ns != nil || q.pd != nil)
	}
	if d.below(2) == 0 && slices.ContainsFunc(p.entries, about) {
		return d.name(p, about)
	}
	return d.name(p, with(kinds))
}

func with(kinds mach.TypeBits) func(e *refEntry) bool {
	return func(e *refEntry) bool { return e.has(kinds) }
}

// fresh is a name of the caller's choice, mostly one that is not in use.
func (d *drawing) fresh() mach.Name {
	if d.below(3) < 2 {
		d.m.fresh++
		return mach.Name(0x100003 + d.m.fresh<<8)
	}
	return pick(d, mach.Name(0x107), 0x4242, 0x903, 0xfff01, 0xb17, 0x20007, 0x501, mach.NameDead, 0xf03)
}

const (
	anyRight = mach.TypeSend | mach.TypeReceive | mach.TypeSendOnce
	anything = anyRight | mach.TypePortSet | mach.TypeDeadName
)

// disposition is how name n of p might be sent: mostly so that it can be.
func (d *drawing) disposition(p *player, n mach.Name, allowed ...mach.Disposition) mach.Disposition {
	e := p.find(n)
	if e == nil || d.oneIn(16) {
		return pick(d, allowed...)
	}
	var list []mach.Disposition
	for _, x := range allowed {
		if e.suits(x) {
			list = append(list, x)
		}
	}
	if len(list) == 0 {
		list = allowed
	}
	return pick(d, list...)
}

var (
	headerDisps = []mach.Disposition{mach.CopySend, mach.MakeSend, mach.MoveSend, mach.MakeSendOnce, mach.MoveSendOnce}
	bodyDisps   = []mach.Disposition{mach.CopySend, mach.MakeSend, mach.MoveReceive, mach.MoveSend, mach.MakeSendOnce, mach.MoveSendOnce}
)
