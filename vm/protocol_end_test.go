package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

const page = mach.Size(4096)

// at is the offset of a page.
func at(n int) mach.Offset { return mach.Offset(n) * mach.Offset(page) }

// finish requires that nothing is left of any association, and every page is free.
func (r *protocolRig) finish() {
	require.NoError(r.t, r.host.CheckIdle())
	require.Zero(r.t, r.host.objects)
	require.Nil(r.t, r.host.firstAssociation)
	require.Equal(r.t, r.host.frames.total, r.host.Stats().Free)
}

func (r *protocolRig) destroy(th *sched.Thread, ctl mach.Name) {
	require.Equal(r.t, mach.KernSuccess, call(r, th, defs.MemoryObjectDestroyRow,
		defs.MemoryObjectDestroy[mach.Name]{MemoryControl: ctl, Reason: mach.KernFailure}))
}

func (r *protocolRig) lock(th *sched.Thread, ctl mach.Name, off mach.Offset, size mach.Size, ret mach.ShouldReturn, flush bool, lock mach.Prot, reply mach.Name) {
	require.Equal(r.t, mach.KernSuccess, call(r, th, defs.MemoryObjectLockRequestRow, defs.MemoryObjectLockRequest[mach.Name]{
		MemoryControl: ctl, Offset: off, Size: size, ShouldReturn: ret, ShouldFlush: flush, LockValue: lock, ReplyTo: reply,
	}))
}

// A destroy while a page is resident and another one is waited for: the waiter fails, the resident page
// stays usable, no page is returned, terminate comes once.
func TestDestroyReleasesWaiters(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	var addr mach.Addr
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.next(th).ctl
		r.setAttributes(th, ctl, mach.CopyNone, 0, true, false, mach.NameNull)
		h := r.next(th)
		r.supply(th, ctl, h.off, 1, 9, supplyOption{})
		r.next(th) // the request that is never answered
		r.destroy(th, ctl)
		require.Equal(t, defs.MemoryObjectTerminateRow, r.next(th).row)
		require.Empty(t, r.drainControl(th, ctl))
	})
	r.spawn("client", func(th *sched.Thread) {
		var ret mach.Return
		addr, ret = c.mapObject(th, 2*page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		_, ret = c.load(th, addr+mach.Addr(page))
		require.Equal(t, mach.KernMemoryFailure, ret)
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(5), b)
		_, ret = c.load(th, addr+mach.Addr(page))
		require.Equal(t, mach.KernMemoryFailure, ret, "a page that is not resident is never zero")
		c.unmap(th, addr, 2*page)
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 rw-", "request 0x1000+0x1000 r--", "terminate"}, r.log)
	r.finish()
}

func TestDestroyBeforeReady(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	r.spawn("client", func(th *sched.Thread) {
		_, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernInvalidObject, ret)
	})
	r.spawn("manager", func(th *sched.Thread) {
		r.destroy(th, r.next(th).ctl)
		r.rest(th)
	})
	r.run()
	require.Equal(t, []string{"init", "terminate"}, r.log)
	r.finish()
}

func TestPortDeath(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.next(th).ctl
		r.setAttributes(th, ctl, mach.CopyNone, 0, false, false, mach.NameNull)
		r.supply(th, ctl, r.next(th).off, 1, 9, supplyOption{})
		r.next(th)
		require.Equal(t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, r.object))
		th.Drain()
		typ, ret := r.manager.space.Type(ctl)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.TypeDeadName, typ, "the control port dies with the object port (EMM-105)")
	})
	r.spawn("client", func(th *sched.Thread) {
		addr, ret := c.mapObject(th, 2*page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		_, ret = c.load(th, addr+mach.Addr(page))
		require.Equal(t, mach.KernMemoryFailure, ret)
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(5), b)
		c.unmap(th, addr, 2*page)
	})
	r.run()
	r.finish()
}

func TestPortDeathBeforeReady(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	r.spawn("client", func(th *sched.Thread) {
		_, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernInvalidObject, ret)
	})
	r.spawn("manager", func(th *sched.Thread) {
		r.next(th)
		r.manager.space.Destroy(&th.Reap, r.object)
		th.Drain()
	})
	r.run()
	r.finish()
}

func TestAbortedMapper(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	mapper := r.spawn("client", func(th *sched.Thread) {
		_, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernAborted, ret)
	})
	r.spawn("manager", func(th *sched.Thread) {
		r.next(th)
		mapper.Abort()
		require.Equal(t, defs.MemoryObjectTerminateRow, r.next(th).row)
	})
	r.run()
	require.Equal(t, []string{"init", "terminate"}, r.log)
	r.finish()
}

// The answer to a request whose fault was aborted comes after the last unmap: it is found in the control
// port with its data (EMM-049, EMM-050).
func TestLateSupplyIsInTheControlPort(t *testing.T) {
	for _, reject := range []bool{false, true} {
		r := newProtocolRig(t, withPersonality(func(p *personality.Personality) {
			if reject {
				p.TermWindow = personality.TermReject
			}
		}))
		c := r.party("client", 2)
		var ctl mach.Name
		var client *sched.Thread
		aborted := false
		client = r.spawn("client", func(th *sched.Thread) {
			addr, ret := c.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			for !aborted {
				c.m.fault(th, addr, mach.ProtRead, faultUser)
			}
			c.unmap(th, addr, page)
		})
		r.spawn("manager", func(th *sched.Thread) {
			ctl = r.next(th).ctl
			r.setAttributes(th, ctl, mach.CopyNone, 0, false, false, mach.NameNull)
			r.next(th)
			aborted = true
			client.Abort()
			for r.host.objects > 0 {
				th.Yield()
			}
			// terminate is queued; the calls queue behind what the kernel did not take.
			r.supply(th, ctl, 0, 1, 7, supplyOption{})
			r.lock(th, ctl, 0, page, mach.ReturnAll, true, 0, mach.NameNull)
			require.Equal(t, defs.MemoryObjectTerminateRow, r.next(th).row)
			require.Equal(t, []mach.MsgID{2093, 2044}, r.drainControl(th, ctl))
		})
		r.run()
		require.Equal(t, []string{"init", "request 0x0+0x1000 r--", "terminate"}, r.log)
		require.NoError(t, r.host.Check())
	}
}

func TestRemapWaitsForTerminate(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	var controls []mach.Name
	r.spawn("manager", func(th *sched.Thread) {
		for range 2 {
			h := r.next(th)
			for h.row != defs.MemoryObjectInitRow {
				h = r.next(th)
			}
			controls = append(controls, h.ctl)
			r.setAttributes(th, h.ctl, mach.CopyNone, 0, false, false, mach.NameNull)
		}
	})
	r.spawn("client", func(th *sched.Thread) {
		for range 2 {
			addr, ret := c.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			c.unmap(th, addr, page)
		}
	})
	r.run()
	require.NotEqual(t, controls[0], controls[1], "every association has its own control port (EMM-007)")
	r.spawn("rest", func(th *sched.Thread) { r.rest(th) })
	r.run()
	require.Equal(t, []string{"init", "terminate", "init", "terminate"}, r.log)
	r.finish()
}

func TestCache(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	reply := r.object // completions arrive behind what they complete
	mapped := 0
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.next(th).ctl
		r.setAttributes(th, ctl, mach.CopyNone, 0, true, false, mach.NameNull)
		r.supply(th, ctl, r.next(th).off, 1, 9, supplyOption{})
		for mapped < 2 {
			th.Yield()
		}
		require.Equal(t, 1, r.host.cache.count)
		require.Equal(t, r.host.inactive.count, 1, "pages of a cached object are deactivated (VM-184)")
		// A control call leaves it cached.
		rep, ret := rpc[defs.MemoryObjectGetAttributes[mach.Name], defs.MemoryObjectGetAttributesReply](r, th,
			defs.MemoryObjectGetAttributesRow, defs.MemoryObjectGetAttributes[mach.Name]{MemoryControl: ctl, Flavor: mach.FlavorAttribute, Count: 6})
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, []int32{int32(mach.CopyNone), 4096, 1, 0}, rep.Attributes)
		require.Equal(t, 1, r.host.cache.count)
		// Uncaching terminates it, and the completion follows with a null control port.
		r.setAttributes(th, ctl, mach.CopyNone, 0, false, false, reply)
		r.rest(th)
	})
	r.spawn("client", func(th *sched.Thread) {
		for range 2 {
			addr, ret := c.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
			c.unmap(th, addr, page)
			mapped++
		}
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 rw-", "return 0x0+0x1000 dirty=true copy=false first=5",
		"terminate", "change completed ATTRIBUTE null=true"}, r.log)
	require.Equal(t, uint64(2), r.host.stats.Lookups)
	require.Equal(t, uint64(1), r.host.stats.Hits)
	r.finish()
}

func TestCacheTrimsTheOldest(t *testing.T) {
	r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.ObjectCacheMax = 2 }))
	c := r.party("client", 2)
	var ports []mach.Name
	for range 4 {
		name, ret := r.manager.space.Allocate(mach.RightReceive)
		require.Equal(t, mach.KernSuccess, ret)
		ports = append(ports, name)
	}
	r.spawn("client", func(th *sched.Thread) {
		for i, name := range ports {
			r.object = name
			r.spawn("manager", func(th *sched.Thread) {
				m, _ := r.receive(th, name, true)
				h := r.hear(th, m)
				r.setAttributes(th, h.ctl, mach.CopyNone, 0, true, false, mach.NameNull)
			})
			addr, ret := c.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			c.unmap(th, addr, page)
			require.Equal(t, min(i+1, 2), r.host.cache.count)
		}
	})
	r.run()
	r.log = nil
	r.spawn("look", func(th *sched.Thread) {
		for i, name := range ports {
			_, terminated := r.receive(th, name, false)
			require.Equal(t, i < 2, terminated, "object %d", i)
		}
	})
	r.run()
}

func TestFlushBeforeDestroy(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	stored := false
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.next(th).ctl
		r.setAttributes(th, ctl, mach.CopyNone, 0, true, false, mach.NameNull)
		for range 3 {
			h := r.next(th)
			r.supply(th, ctl, h.off, 1, 9, supplyOption{})
		}
		for !stored {
			th.Yield()
		}
		r.lock(th, ctl, 0, 4*page, mach.ReturnDirty, true, mach.ProtWrite, r.object)
		r.destroy(th, ctl)
		r.rest(th)
		r.drainControl(th, ctl)
	})
	r.spawn("client", func(th *sched.Thread) {
		addr, ret := c.mapObject(th, 4*page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		require.Equal(t, mach.KernSuccess, c.store(th, addr+mach.Addr(page), 6))
		_, ret = c.load(th, addr+2*mach.Addr(page))
		require.Equal(t, mach.KernSuccess, ret)
		stored = true
		for r.host.firstAssociation != nil {
			th.Yield()
		}
		_, ret = c.load(th, addr)
		require.Equal(t, mach.KernMemoryFailure, ret)
		c.unmap(th, addr, 4*page)
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 rw-", "request 0x1000+0x1000 rw-", "request 0x2000+0x1000 r--",
		"return 0x0+0x2000 dirty=true copy=false first=5", "lock completed 0x0+0x4000", "terminate"}, r.log)
	r.finish()
}

func TestNamePorts(t *testing.T) {
	p, err := personality.ByName("cmu-3.0")
	require.NoError(t, err)
	r := newProtocolRig(t, withPersonality(func(q *personality.Personality) { *q = p }))
	c := r.party("client", 2)
	r.spawn("manager", func(th *sched.Thread) {
		m, _ := r.receive(th, r.object, true)
		init := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m)
		require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectSetAttributesRow, defs.MemoryObjectSetAttributes[mach.Name]{
			MemoryControl: init.MemoryControl, ObjectReady: true, CopyStrategy: mach.CopyDelay,
		}))
		h := r.next(th)
		require.Equal(t, defs.MemoryObjectDataRequestRow, h.row)
		r.supply(th, h.ctl, h.off, 1, 9, supplyOption{})
		require.Equal(t, defs.MemoryObjectDataWriteRow, r.next(th).row, "a manager of the oldest kind gets data_write")
		m, _ = r.receive(th, r.object, true)
		term := decode[defs.MemoryObjectTerminate[mach.Name]](r, defs.MemoryObjectTerminateRow, m)
		require.Equal(t, init.MemoryControl, term.MemoryControl, "EMM-009")
		require.Equal(t, init.MemoryObjectName, term.MemoryObjectName)
		for _, name := range []mach.Name{term.MemoryControl, term.MemoryObjectName} {
			require.Equal(t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, name))
		}
	})
	r.spawn("client", func(th *sched.Thread) {
		addr, ret := c.mapObject(th, page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 1))
		c.unmap(th, addr, page)
	})
	r.run()
	r.finish()
}
