package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func preset(name string) rigOption {
	return withPersonality(func(p *personality.Personality) {
		q, err := personality.ByName(name)
		if err != nil {
			panic(err)
		}
		*p = q
	})
}

// A lock request that would change a wired page waits for the unwiring; one that would not passes and
// makes waiters of an unlock look again.
func TestLockRequestOnWiredPage(t *testing.T) {
	r := newProtocolRig(t)
	wired, unwired := false, false
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		r.supply(th, ctl, r.next(th).off, 1, 4, supplyOption{})
		for !wired {
			th.Yield()
		}
		r.lock(th, ctl, 0, page, mach.ReturnNone, false, mach.ProtNone, r.object)
		require.False(t, unwired, "no change: it does not wait")
		r.lock(th, ctl, 0, page, mach.ReturnDirty, true, mach.ProtNoChange, r.object)
		require.True(t, unwired)
		r.rest(th)
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, c.m.Wire(th, addr, page, mach.ProtAll))
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		wired = true
		for range 10 {
			th.Yield()
		}
		unwired = true
		require.Equal(t, mach.KernSuccess, c.m.Wire(th, addr, page, mach.ProtNone))
		for range 10 {
			th.Yield()
		}
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 rwx", "lock completed 0x0+0x1000",
		"return 0x0+0x1000 dirty=true copy=false first=5", "lock completed 0x0+0x1000"}, r.log[:5])
}

// destroy ends the wait of a lock request for a wired page; what is left is left alone, and the
// completion is sent before terminate.
func TestDestroyEndsLockRequest(t *testing.T) {
	for _, abort := range []bool{false, true} {
		r := newProtocolRig(t)
		wired, done := false, false
		var ctl mach.Name
		locker := r.spawn("manager", func(th *sched.Thread) {
			ctl = r.begin(th, mach.CopyNone, 0)
			r.supply(th, ctl, r.next(th).off, 1, 4, supplyOption{})
			for !wired {
				th.Yield()
			}
			r.lock(th, ctl, 0, page, mach.ReturnDirty, true, mach.ProtNoChange, r.object)
			done = true
		})
		r.spawn("destroyer", func(th *sched.Thread) {
			for !wired {
				th.Yield()
			}
			for range 5 {
				th.Yield()
			}
			require.False(t, done)
			if abort {
				locker.Abort()
				for !done {
					th.Yield()
				}
			}
			r.destroy(th, ctl)
			require.True(t, done || r.host.firstAssociation == nil)
		})
		r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
			require.Equal(t, mach.KernSuccess, c.m.Wire(th, addr, page, mach.ProtAll))
			require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
			wired = true
			for !done || r.host.firstAssociation != nil {
				th.Yield()
			}
			require.Equal(t, mach.KernSuccess, c.m.Wire(th, addr, page, mach.ProtNone))
			b, ret := c.load(th, addr)
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, byte(5), b)
		})
		r.run()
		r.spawn("rest", func(th *sched.Thread) { r.rest(th) })
		r.run()
		want := []string{"init", "request 0x0+0x1000 rwx", "lock completed 0x0+0x1000", "terminate"}
		if abort {
			// An aborted call has no completion: the reply right is released.
			want = []string{"init", "request 0x0+0x1000 rwx", "terminate"}
		}
		require.Equal(t, want, r.log)
	}
}

func TestEnterRefuses(t *testing.T) {
	for _, name := range []string{"osf-manual", "cmu-3.0"} {
		r := newProtocolRig(t, preset(name))
		r.spawn("test", func(th *sched.Thread) {
			dead := ipc.DeadValue()
			o, ret := r.host.enter(th, &dead, page)
			require.Nil(t, o)
			if name == "cmu-3.0" {
				require.Equal(t, mach.KernSuccess, ret, "zeros")
			} else {
				require.Equal(t, mach.KernInvalidObject, ret)
			}
			receive := r.node.NewKernelPort(nameObject{})
			foreign := ipc.MakeSend(&receive)
			_, ret = r.host.enter(th, &foreign, page)
			require.Equal(t, r.host.personality.ForeignPortCode, ret)
			ipc.Release(&th.Reap, &foreign)
			ipc.Release(&th.Reap, &receive)
			require.Zero(t, r.host.objects)
		})
		r.run()
	}
}

// The CMU and GNU numbering: ready, change_attributes with two values, get_attributes without flavor, the
// old lock request, data_provided; vm_map does not wait.
func TestOtherNumberings(t *testing.T) {
	for _, name := range []string{"cmu-3.0", "gnumach"} {
		r := newProtocolRig(t, preset(name))
		mapped, stored := false, false
		r.spawn("client", func(th *sched.Thread) {
			c := r.party("client", 2)
			addr, ret := c.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			mapped = true
			require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
			stored = true
			for stored {
				th.Yield()
			}
			c.unmap(th, addr, page)
		})
		r.spawn("manager", func(th *sched.Thread) {
			m, _ := r.receive(th, r.object, true)
			ctl := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m).MemoryControl
			for !mapped {
				th.Yield()
			}
			get := func() defs.MemoryObjectGetAttributesCMUReply {
				v, ret := rpc[defs.MemoryObjectGetAttributesCMU[mach.Name], defs.MemoryObjectGetAttributesCMUReply](r, th,
					defs.MemoryObjectGetAttributesCMURow, defs.MemoryObjectGetAttributesCMU[mach.Name]{MemoryControl: ctl})
				require.Equal(t, mach.KernSuccess, ret)
				return v
			}
			require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{CopyStrategy: mach.CopyInvalid}, get())
			call(r, th, defs.MemoryObjectReadyRow, defs.MemoryObjectReady[mach.Name]{MemoryControl: ctl, CopyStrategy: 77})
			require.False(t, get().ObjectReady)
			call(r, th, defs.MemoryObjectReadyRow, defs.MemoryObjectReady[mach.Name]{MemoryControl: ctl, CopyStrategy: mach.CopyCall})
			require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{ObjectReady: true, CopyStrategy: mach.CopyCall}, get())
			h := r.next(th)
			if name == "cmu-3.0" {
				addr, _ := r.manager.m.AllocateBytes(th, make([]byte, page))
				require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectDataProvidedRow, defs.MemoryObjectDataProvided[mach.Name, mach.Region]{
					MemoryControl: ctl, Offset: h.off, Data: mach.Region{Address: addr, Size: page}}))
			} else {
				r.supply(th, ctl, h.off, 1, 1, supplyOption{})
			}
			for !stored {
				th.Yield()
			}
			if name == "cmu-3.0" {
				require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectLockRequestOldRow, defs.MemoryObjectLockRequestOld[mach.Name]{
					MemoryControl: ctl, Size: page, ShouldClean: true, LockValue: mach.ProtNoChange, ReplyTo: r.object}))
			} else {
				r.lock(th, ctl, 0, page, mach.ReturnDirty, false, mach.ProtNoChange, r.object)
			}
			require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectChangeAttributesCMURow, defs.MemoryObjectChangeAttributesCMU[mach.Name]{
				MemoryControl: ctl, MayCache: true, CopyStrategy: mach.CopyDelay, ReplyTo: r.object}))
			require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{ObjectReady: true, MayCache: true, CopyStrategy: mach.CopyDelay}, get())
			r.rest(th)
			stored = false
		})
		r.run()
		require.Equal(t, []string{"request 0x0+0x1000 rw-", "return 0x0+0x1000 dirty=true copy=true first=5",
			"lock completed 0x0+0x1000", "message 2209"}, r.log)
		require.Equal(t, 1, r.host.cache.count)
	}
}

// With copy strategy CALL the manager gets the modified pages, memory_object_copy with a port, and init for that.
func TestCopyCall(t *testing.T) {
	r := newProtocolRig(t, preset("cmu-3.0"))
	r.spawn("manager", func(th *sched.Thread) {
		m, _ := r.receive(th, r.object, true)
		ctl := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m).MemoryControl
		call(r, th, defs.MemoryObjectReadyRow, defs.MemoryObjectReady[mach.Name]{MemoryControl: ctl, CopyStrategy: mach.CopyCall})
		r.supply(th, ctl, r.next(th).off, 1, 1, supplyOption{})
		require.Equal(t, defs.MemoryObjectDataReturnRow, r.next(th).row)
		m, _ = r.receive(th, r.object, true)
		v := decode[defs.MemoryObjectCopy[mach.Name]](r, defs.MemoryObjectCopyRow, m)
		require.Equal(t, ctl, v.OldMemoryControl)
		require.Equal(t, page, v.Length)
		m, _ = r.receive(th, v.NewMemoryObject, true)
		fresh := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m).MemoryControl
		call(r, th, defs.MemoryObjectReadyRow, defs.MemoryObjectReady[mach.Name]{MemoryControl: fresh, CopyStrategy: mach.CopyDelay})
		m, _ = r.receive(th, v.NewMemoryObject, true)
		h := r.hear(th, m)
		r.supply(th, fresh, h.off, 1, 33, supplyOption{})
		m, _ = r.receive(th, v.NewMemoryObject, true)
		r.hear(th, m)
		for r.host.objectOf(r.portOf(r.object)) != nil {
			th.Yield()
		}
		r.rest(th)
	})
	r.spawn("client", func(th *sched.Thread) {
		c := r.party("client", 2)
		addr, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		right := r.objectRight(th)
		release := holdRight(r, &right)
		a := MapArgs{Size: page, Anywhere: true, Object: &right, Copy: true, Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy}
		require.Equal(t, mach.KernSuccess, c.m.MapObject(th, &a))
		release()
		b, ret := c.load(th, a.Addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(33), b)
		c.unmap(th, a.Addr, page)
		c.unmap(th, addr, page)
	})
	r.run()
	require.Equal(t, []string{"request 0x0+0x1000 rw-", "return 0x0+0x1000 dirty=true copy=true first=5",
		"request 0x0+0x1000 r--", "terminate", "terminate"}, r.log)
	r.finish()
}

func TestPagesDroppedWithTheManager(t *testing.T) {
	for _, die := range []bool{false, true} {
		r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.DropPagesOnManagerDeath = true }))
		gone := false
		r.spawn("manager", func(th *sched.Thread) {
			ctl := r.begin(th, mach.CopyNone, 0)
			r.supply(th, ctl, r.next(th).off, 1, 1, supplyOption{})
			for r.host.objectOf(r.portOf(r.object)).lookup(0).busy {
				th.Yield()
			}
			th.Yield()
			if die {
				r.manager.space.Destroy(&th.Reap, r.object)
				th.Drain()
			} else {
				r.destroy(th, ctl)
			}
			gone = true
		})
		r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
			_, ret := c.load(th, addr)
			require.Equal(t, mach.KernSuccess, ret)
			for !gone {
				th.Yield()
			}
			_, ret = c.load(th, addr)
			require.Equal(t, mach.KernMemoryFailure, ret)
		})
		r.run()
		require.NoError(t, r.host.CheckIdle())
	}
}

// pick runs the options it is given at named points, and the first option elsewhere.
type pick map[string]int

func (p pick) Choose(at choice.Point) int {
	if n, ok := p[at.Name]; ok && n < at.Width {
		return n
	}
	return 0
}

// In the window between the break of the association and terminate, calls stay in the control port, a
// get_attributes is answered with an error, and a mapper waits (EMM-049, EMM-070). With
// TermWindow=reject nothing is left.
func TestCallsInTheWindow(t *testing.T) {
	for _, reject := range []bool{false, true} {
		r := newProtocolRig(t, withChooser(pick{"association-broken": 1}), withPersonality(func(p *personality.Personality) {
			if reject {
				p.TermWindow = personality.TermReject
			}
		}))
		var ctl mach.Name
		ready := false
		r.spawn("client", func(th *sched.Thread) {
			c := r.party("client", 2)
			for range 2 {
				addr, ret := c.mapObject(th, page)
				require.Equal(t, mach.KernSuccess, ret)
				for !ready {
					th.Yield()
				}
				c.unmap(th, addr, page)
			}
		})
		r.spawn("manager", func(th *sched.Thread) {
			ctl = r.begin(th, mach.CopyNone, 0)
			ready = true
			for r.host.objectOf(r.portOf(r.object)) != nil {
				th.Yield()
			}
			require.NotNil(t, r.host.firstAssociation, "the window")
			require.Equal(t, ipc.KobjectNone, r.host.firstAssociation.KobjectType())
			_, ret := rpc[defs.MemoryObjectGetAttributes[mach.Name], defs.MemoryObjectGetAttributesReply](r, th,
				defs.MemoryObjectGetAttributesRow, defs.MemoryObjectGetAttributes[mach.Name]{MemoryControl: ctl, Flavor: mach.FlavorAttribute, Count: 6})
			require.Equal(t, mach.KernInvalidArgument, ret)
			r.supply(th, ctl, 0, 1, 3, supplyOption{reply: r.object})
			r.destroy(th, ctl)
			h := r.next(th)
			for h.row != defs.MemoryObjectTerminateRow {
				h = r.next(th)
			}
			if reject {
				require.Empty(t, r.drainControl(th, h.ctl))
			} else {
				require.Equal(t, []mach.MsgID{2093, 2092}, r.drainControl(th, h.ctl))
			}
			r.begin(th, mach.CopyNone, 0)
			r.next(th)
		})
		r.run()
		require.Equal(t, []string{"init", "terminate", "init", "terminate"}, r.log)
	}
}

// A mapper that waits for a termination gets an error if the port dies meanwhile (EMM-112).
func TestMapperWaitsForDyingPort(t *testing.T) {
	r := newProtocolRig(t, withChooser(pick{"association-broken": 1, "before-terminate": 1}))
	c := r.party("client", 2)
	mapped, ready := 0, false
	r.spawn("client", func(th *sched.Thread) {
		addr, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernSuccess, ret)
		for !ready {
			th.Yield()
		}
		c.unmap(th, addr, page)
	})
	r.spawn("manager", func(th *sched.Thread) {
		r.begin(th, mach.CopyNone, 0)
		right := r.objectRight(th)
		release := holdRight(r, &right)
		ready = true
		for r.host.objectOf(r.portOf(r.object)) != nil {
			th.Yield()
		}
		r.spawn("mapper", func(th *sched.Thread) {
			a := MapArgs{Size: page, Anywhere: true, Object: &right, Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy}
			require.Equal(t, mach.KernInvalidObject, c.m.MapObject(th, &a))
			mapped++
		})
		if r.host.firstAssociation != nil {
			r.manager.space.Destroy(&th.Reap, r.object)
			th.Drain()
		}
		for mapped == 0 {
			th.Yield()
		}
		release()
	})
	r.run()
	require.Equal(t, 1, mapped)
}

// Two kernels map one object: each has its own association, and the end of one is not the other's
// (EMM-238 to EMM-240).
func TestTwoKernels(t *testing.T) {
	r := newProtocolRig(t)
	p := *r.host.personality
	node := r.world.NewNode(2, "k2", p)
	second, err := NewHost(Config{Node: node, Sched: r.sched, Frames: 64, PageSize: 8192, WithoutPageout: true})
	require.NoError(t, err)
	far := &party{rig: r, space: node.NewSpace("far", 3), m: second.NewMap(3, "far")}
	r.spawn("manager", func(th *sched.Thread) {
		for terminated := 0; terminated < 2; {
			switch h := r.next(th); h.row {
			case defs.MemoryObjectInitRow:
				r.setAttributes(th, h.ctl, mach.CopyNone, 0, false, false, mach.NameNull)
			case defs.MemoryObjectDataRequestRow:
				r.supply(th, h.ctl, h.off, int(h.size/page), 7, supplyOption{})
			case defs.MemoryObjectTerminateRow:
				r.drainControl(th, h.ctl)
				terminated++
			}
		}
	})
	r.client(2, func(th *sched.Thread, c *party, addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, c.store(th, pageAt(addr, 1), 9))
	})
	r.spawn("far", func(th *sched.Thread) {
		addr, ret := far.mapObject(th, 8192)
		require.Equal(t, mach.KernSuccess, ret)
		b, ret := far.load(th, pageAt(addr, 1))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(8), b)
		far.unmap(th, addr, 8192)
	})
	o := r.sched.Run()
	require.Empty(t, r.errs)
	require.NoError(t, o.Err)
	require.Zero(t, o.Stuck, sched.DeadlockReport(r.sched))
	require.NoError(t, second.CheckIdle())
	r.finish()
}

// A report says which page of which object a thread waits for, since when, and who owes it.
func TestReportNamesPageAndManager(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		r.begin(th, mach.CopyNone, 0)
		r.next(th)
	})
	r.client(2, func(th *sched.Thread, c *party, addr mach.Addr) { c.load(th, pageAt(addr, 1)) })
	o := r.sched.Run()
	require.Equal(t, 1, o.Stuck)
	report := sched.DeadlockReport(r.sched)
	require.Contains(t, report, `"client" waits for page 0x1000 of object#1, requested in step`)
	require.Contains(t, report, "held by the receiver of port#1 (in manager as")
}
