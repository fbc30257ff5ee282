package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// giveManager makes the rig's manager the trusted manager of the internal object o.
func (r *protocolRig) giveManager(th *sched.Thread, o *Object) mach.Name {
	a := r.host.newAssociation(o, r.objectRight(th))
	o.setPhase(PhaseIniting)
	r.host.sendInit(th, a) // in place of create, so that the test learns the control port
	o.setPhase(PhaseActive)
	return r.next(th).ctl
}

// put makes a dirty page of o that holds b.
func (o *Object) put(t *testing.T, th *sched.Thread, off mach.Offset, b byte) *Page {
	h := o.host
	p := h.grabPage(th)
	require.NotNil(t, p)
	h.zeroFill(p)
	h.frames.write(p.frame)[0] = b
	p.dirty = true
	o.insert(p, off)
	p.activate()
	p.done()
	return p
}

func (o *Object) contentsAt(off mach.Offset) int {
	p := o.lookup(off)
	if p == nil {
		return -1
	}
	return int(o.host.frames.read(p.frame)[0])
}

func (r *protocolRig) alone(body func(th *sched.Thread)) {
	r.spawn("test", body)
	r.run()
}

// An object that only the one above needs is merged into it: the upper page wins, pages out of range go,
// manager and offsets move up, and no message is sent (VM-154 to VM-156).
func TestCollapseMerges(t *testing.T) {
	r := newProtocolRig(t)
	h := r.host
	r.alone(func(th *sched.Thread) {
		below := h.newAnonymous(4 * page)
		r.giveManager(th, below)
		below.pagingOffset = 0
		o := h.shadow(below, at(1), 2*page)
		below.put(t, th, at(0), 10) // before the range
		below.put(t, th, at(1), 11)
		below.put(t, th, at(2), 12)
		below.put(t, th, at(3), 13) // behind it
		o.put(t, th, at(1), 22)
		a := below.assoc
		o.collapse(th)
		require.NoError(t, h.Check())
		require.Nil(t, o.shadow)
		require.Equal(t, PhaseActive, o.phase)
		require.Same(t, a, o.assoc)
		require.Same(t, o, a.object)
		require.Equal(t, at(1), o.pagingOffset)
		require.Equal(t, 11, o.contentsAt(0))
		require.Equal(t, 22, o.contentsAt(at(1)))
		require.Equal(t, 2, o.residentCount)
		require.Equal(t, uint64(1), h.stats.Collapses)
		require.Equal(t, []string{"init"}, r.log)
		o.release(th)
		th.Drain()
		r.rest(th)
		require.Equal(t, []string{"init", "terminate"}, r.log, "internal: nothing is returned (EMM-234)")
	})
	r.finish()
}

func TestCollapseConditions(t *testing.T) {
	for name, set := range map[string]func(o, below *Object) func(){
		"paging above":             func(o, _ *Object) func() { o.beginPaging(); return o.endPaging },
		"paging below":             func(_, b *Object) func() { b.beginPaging(); return b.endPaging },
		"absent above":             func(o, _ *Object) func() { p := o.newPlaceholder(0); p.become(pageRequested); return p.free },
		"external below":           func(_, b *Object) func() { b.internal = false; return func() { b.internal = true } },
		"second reference, needed": func(_, b *Object) func() { b.reference(); return func() { b.refs-- } },
	} {
		r := newProtocolRig(t)
		r.alone(func(th *sched.Thread) {
			below := r.host.newAnonymous(2 * page)
			o := r.host.shadow(below, 0, 2*page)
			below.put(t, th, 0, 1)
			undo := set(o, below)
			o.collapse(th)
			require.Same(t, below, o.shadow, name)
			undo()
			o.collapse(th)
			require.Nil(t, o.shadow, name)
			o.release(th)
		})
		r.finish()
	}
}

// An object of which the one above sees nothing is passed by although others need it, with existence
// maps even if there are managers (VM-158, VM-159).
func TestBypass(t *testing.T) {
	for _, withPager := range []bool{true, false} {
		r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.BypassWithPager = withPager }))
		h := r.host
		r.alone(func(th *sched.Thread) {
			bottom := h.newAnonymous(2 * page)
			below := h.shadow(bottom, 0, 2*page)
			below.reference() // somebody else's
			r.giveManager(th, below)
			o := h.shadow(below, 0, 2*page)
			bottom.reference()
			bottom.put(t, th, 0, 1)
			o.put(t, th, 0, 3)
			o.collapse(th)
			require.Same(t, below, o.shadow, "what is on backing store is not known")
			below.existence = newExistence(h, 2*page)
			below.existence.set(h, at(1))
			o.collapse(th)
			require.Same(t, below, o.shadow, "a page may be on backing store")
			o.put(t, th, at(1), 4)
			o.collapse(th)
			if withPager {
				require.Nil(t, o.shadow, "nor of the bottom")
				require.Equal(t, 1, below.refs)
				require.Equal(t, uint64(2), h.stats.Bypasses)
			} else {
				require.Same(t, below, o.shadow)
			}
			require.NoError(t, h.Check())
			o.release(th)
			below.release(th)
			bottom.release(th)
			th.Drain()
			r.rest(th)
		})
		r.finish()
	}
}

// The newest copy stands next to the original and receives its pages, also those that only an older copy
// covers; an unused copy is used again (VM-147, VM-148, VM-150).
func TestDelayedCopies(t *testing.T) {
	r := newProtocolRig(t)
	h := r.host
	r.alone(func(th *sched.Thread) {
		o := h.newAnonymous(4 * page)
		o.strategy = mach.CopyDelay
		o.put(t, th, at(3), 1)
		first, off, needsCopy, ret := o.copyStrategically(th, at(3), page)
		require.Equal(t, mach.KernSuccess, ret)
		require.True(t, needsCopy)
		require.Equal(t, at(3), off)
		again, _, _, _ := o.copyStrategically(th, 0, page)
		require.Same(t, first, again)
		again.release(th)
		h.faultOnce(t, th, o, at(3), mach.ProtRead|mach.ProtWrite)
		require.Equal(t, 1, first.contentsAt(at(3)), "pushed")
		second, _, _, _ := o.copyStrategically(th, 0, page)
		require.NotSame(t, first, second)
		require.Same(t, second, first.shadow)
		require.Same(t, o, second.shadow)
		require.Same(t, second, o.copy)
		require.Equal(t, 4*page, second.size, "it receives for the older copy too")
		h.faultOnce(t, th, o, at(2), mach.ProtRead|mach.ProtWrite)
		require.Equal(t, 0, second.contentsAt(at(2)))
		require.NoError(t, h.Check())
		second.release(th)
		first.release(th)
		require.Nil(t, o.copy)
		o.release(th)
	})
	r.finish()
}

// faultOnce makes a page of o as a fault would.
func (h *Host) faultOnce(t *testing.T, th *sched.Thread, o *Object, off mach.Offset, access mach.Prot) faultResult {
	r := h.faultPage(th, faultArgs{object: o, offset: off, access: access, prot: mach.ProtAll, hi: off + mach.Offset(h.pageSize)})
	require.Equal(t, faultSuccess, r.outcome)
	r.page.settle()
	h.endFault(&r)
	return r
}

// A page pushed into a copy that has a manager goes there at once, as data_initialize, and is gone from
// the copy (VM-152). What the copy's manager has is not pushed over.
func TestPushIntoACopyWithManager(t *testing.T) {
	r := newProtocolRig(t)
	h := r.host
	r.alone(func(th *sched.Thread) {
		o := h.newAnonymous(2 * page)
		o.strategy = mach.CopyDelay
		o.put(t, th, 0, 5)
		o.put(t, th, at(1), 6)
		c, _, _, ret := o.copyStrategically(th, 0, 2*page)
		require.Equal(t, mach.KernSuccess, ret)
		r.giveManager(th, c)
		h.faultOnce(t, th, o, 0, mach.ProtRead|mach.ProtWrite)
		require.Nil(t, c.lookup(0))
		m, ok := r.receive(th, r.object, false)
		require.True(t, ok)
		v := decode[defs.MemoryObjectDataInitialize[mach.Name, mach.Region]](r, defs.MemoryObjectDataInitializeRow, m)
		require.Equal(t, mach.Offset(0), v.Offset)
		b, _ := r.manager.load(th, v.Data.Address)
		require.Equal(t, byte(5), b)
		r.manager.unmap(th, v.Data.Address, v.Data.Size)
		c.existence = newExistence(h, 2*page)
		c.existence.set(h, at(1))
		h.faultOnce(t, th, o, at(1), mach.ProtRead|mach.ProtWrite)
		require.Nil(t, c.lookup(at(1)), "already on backing store")
		c.release(th)
		o.release(th)
		th.Drain()
		r.rest(th)
	})
	r.finish()
}

// A copy whose association is broken gets no originals any more, though its end takes a while.
func TestNoPushIntoACopyThatEnds(t *testing.T) {
	r := newProtocolRig(t, withChooser(pick{"association-broken": 1}))
	h := r.host
	var o, c *Object
	r.spawn("test", func(th *sched.Thread) {
		o = h.newAnonymous(page)
		o.strategy = mach.CopyDelay
		o.put(t, th, 0, 5)
		var ret mach.Return
		c, _, _, ret = o.copyStrategically(th, 0, page)
		require.Equal(t, mach.KernSuccess, ret)
		r.giveManager(th, c)
		c.release(th)
		th.Drain()
		r.rest(th)
	})
	r.spawn("writer", func(th *sched.Thread) {
		for c == nil || c.phase.alive() {
			th.Yield()
		}
		require.Equal(t, PhaseTerminating, c.phase)
		require.Nil(t, o.copy)
		h.faultOnce(t, th, o, 0, mach.ProtRead|mach.ProtWrite)
		require.Zero(t, c.residentCount)
		o.release(th)
	})
	r.run()
	r.finish()
}

// The manager of an internal object is asked only for what it may have, and the frame is taken before
// (VM-133, VM-134); unavailable shows what is below (VM-117).
func TestPageinOfInternalObject(t *testing.T) {
	r := newProtocolRig(t)
	h := r.host
	r.alone(func(th *sched.Thread) {
		below := h.newAnonymous(4 * page)
		below.put(t, th, at(1), 9)
		o := h.shadow(below, 0, 4*page)
		below.reference() // so that nothing is merged
		ctl := r.giveManager(th, o)
		o.existence = newExistence(h, 4*page)
		h.faultOnce(t, th, o, at(0), mach.ProtRead|mach.ProtWrite)
		require.Zero(t, h.stats.Pageins, "known not to exist")
		o.existence.set(h, at(1))
		o.existence.set(h, at(2))
		r.spawn("answer", func(th *sched.Thread) {
			q := r.next(th)
			require.True(t, o.lookup(at(1)).real())
			r.unavailable(th, ctl, q.off, q.size)
			q = r.next(th)
			r.supply(th, ctl, q.off, 1, 44, supplyOption{})
		})
		got := h.faultOnce(t, th, o, at(1), mach.ProtRead)
		require.Equal(t, mach.ProtAll&^mach.ProtWrite, got.prot)
		require.Equal(t, below.lookup(at(1)), got.page)
		require.Nil(t, o.lookup(at(1)))
		h.faultOnce(t, th, o, at(2), mach.ProtRead)
		require.Equal(t, 44, o.contentsAt(at(2)))
		require.NoError(t, h.Check())
		o.release(th)
		below.release(th)
		th.Drain()
		r.rest(th)
	})
	r.finish()
}

// A fault that finds no free page holds nothing while it waits, and succeeds later (VM-132).
func TestFaultWaitsForMemory(t *testing.T) {
	r := newProtocolRig(t, withFrames(3))
	h := r.host
	r.alone(func(th *sched.Thread) {
		o := h.newAnonymous(4 * page)
		shadow := h.shadow(o, 0, 4*page)
		o.put(t, th, 0, 1)
		p := h.grabPage(th)
		q := h.grabPage(th)
		for _, off := range []mach.Offset{0, at(1)} {
			res := h.faultPage(th, faultArgs{object: shadow, offset: off, access: mach.ProtRead | mach.ProtWrite, prot: mach.ProtAll})
			require.Equal(t, faultMemoryShortage, res.outcome)
			require.Zero(t, shadow.paging+o.paging+shadow.residentCount)
			require.False(t, o.lookup(0).busy)
		}
		o.strategy = mach.CopyDelay
		c, _, _, _ := o.copyStrategically(th, 0, page)
		res := h.faultPage(th, faultArgs{object: o, offset: 0, access: mach.ProtRead | mach.ProtWrite, prot: mach.ProtAll})
		require.Equal(t, faultMemoryShortage, res.outcome, "no page to push into")
		require.False(t, o.lookup(0).busy)
		p.free()
		h.faultOnce(t, th, o, 0, mach.ProtRead|mach.ProtWrite)
		require.Equal(t, 1, c.contentsAt(0))
		q.free()
		require.NoError(t, h.Check())
		c.release(th)
		shadow.release(th)
	})
	r.finish()
}

// Pages answered with unavailable that nobody used do not keep others from being asked for, and where the
// personality plants them it stops at the limit.
func TestUnavailablePages(t *testing.T) {
	r := newProtocolRig(t, withFrames(256), withPersonality(func(p *personality.Personality) { p.UnavailablePrefill = true }))
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 64*page)
		o := r.host.objectOf(r.portOf(r.object))
		r.unavailable(th, ctl, at(128), 100*page)
		require.Equal(t, absentLimit, o.absentCount)
		require.Nil(t, o.lookup(at(128+absentLimit)))
		h := r.next(th) // 64 pages
		require.Equal(t, 64*page, h.size)
		r.unavailable(th, ctl, h.off, h.size)
		h = r.next(th)
		require.Equal(t, at(64), h.off)
		r.supply(th, ctl, h.off, int(h.size/page), 1, supplyOption{})
		r.rest(th)
	})
	r.client(256, func(th *sched.Thread, c *party, addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, c.m.Behavior(addr, 256*page, mach.BehaviorSequential))
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Zero(t, b)
		b, ret = c.load(th, pageAt(addr, 64))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(1), b)
	})
	r.run()
}

// KERN_MEMORY_DATA_MOVED makes the faults look again, where the personality passes it on.
func TestDataMovedRestarts(t *testing.T) {
	r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.ErrorPassThrough = personality.PassMax }))
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		r.dataError(th, ctl, r.next(th).off, page, mach.KernMemoryDataMoved)
		r.supply(th, ctl, r.next(th).off, 1, 6, supplyOption{})
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(6), b)
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 r--", "request 0x0+0x1000 r--"}, r.log)
}

func TestDeactivateBehind(t *testing.T) {
	r := newProtocolRig(t)
	r.alone(func(th *sched.Thread) {
		o := r.host.newAnonymous(4 * page)
		for i := range 3 {
			r.host.faultOnce(t, th, o, at(i), mach.ProtRead|mach.ProtWrite)
		}
		require.Equal(t, &r.host.inactive, o.lookup(at(1)).queue)
		require.Equal(t, &r.host.active, o.lookup(at(2)).queue)
		o.release(th)
	})
}
