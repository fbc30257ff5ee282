package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// pressed is a rig with a pageout daemon and so little memory that it has work.
func pressed(t *testing.T, options ...rigOption) *protocolRig {
	return newProtocolRig(t, append([]rigOption{withFrames(128), func(_ *personality.Personality, c *Config, _ *sched.Config) {
		c.WithoutPageout = false
	}}, options...)...)
}

// squeeze reads fresh pages of zeros until everything else had to go.
func (p *party) squeeze(th *sched.Thread) {
	const pages = 256
	addr := alloc(p.rig.t, th, p.m, pages)
	for i := range pages {
		_, ret := p.load(th, addr+mach.Addr(i)*mach.Addr(page))
		require.Equal(p.rig.t, mach.KernSuccess, ret)
	}
	p.unmap(th, addr, pages*page)
}

// keeper makes the rig's manager the default manager and returns what serves its next message: create tells
// the object's port, whose messages are then received by hand.
func (r *protocolRig) keeper(th *sched.Thread, cluster mach.Size) {
	right := r.objectRight(th)
	previous := r.host.DefaultManager(&right, cluster)
	require.True(r.t, previous.IsNull())
}

// offered takes the create of an object from the service port.
func (r *protocolRig) offered(th *sched.Thread) defs.MemoryObjectCreate[mach.Name] {
	m, ok := r.receive(th, r.object, true)
	require.True(r.t, ok)
	return decode[defs.MemoryObjectCreate[mach.Name]](r, defs.MemoryObjectCreateRow, m)
}

// The daemon is a thread of the kernel that exists once memory has been short, and not before.
func TestDaemonIsMadeWhenNeeded(t *testing.T) {
	r := pressed(t)
	p := r.party("program", 2)
	r.spawn("program", func(th *sched.Thread) {
		require.Equal(t, mach.KernSuccess, p.store(th, alloc(t, th, p.m, 1), 1))
		require.Nil(t, r.host.daemon.thread)
		p.squeeze(th)
		d := r.host.daemon.thread
		require.NotNil(t, d)
		require.True(t, d.Daemon())
		require.Equal(t, "k1/pageout", d.Name())
		require.Equal(t, 1, r.host.privileged[d])
	})
	r.run()
	require.GreaterOrEqual(t, r.host.Stats().Free, r.host.targets.free)
	require.Equal(t, "a shortage of memory", r.host.daemon.WaitName())
}

// A target of cleaning is busy and wired, its neighbours are neither; all are in the message, and clean when
// it is deallocated (clean in place).
func TestCleaningInPlace(t *testing.T) {
	r := pressed(t)
	p := r.party("program", 2)
	h := r.host
	r.spawn("program", func(th *sched.Thread) {
		r.keeper(th, 4*page)
		addr := alloc(t, th, p.m, 4)
		for i := range 3 {
			require.Equal(t, mach.KernSuccess, p.store(th, addr+mach.Addr(i)*mach.Addr(page), byte(10+i)))
		}
		e, _ := p.m.lookup(addr)
		o := e.object
		target := o.lookup(at(1))
		target.unqueue()
		require.Equal(t, evictInternal, h.evict(th, target))
		require.Equal(t, 1, h.laundry)
		require.Equal(t, PhaseActive, o.phase)
		require.Equal(t, 1, o.paging)
		for i := range 3 {
			q := o.lookup(at(i))
			require.True(t, q.cleaning)
			require.Equal(t, i == 1, q.busy)
			require.Equal(t, i == 1, q.wireCount == 1)
			require.Equal(t, i == 1, q.pageout)
			require.Same(t, q.frame, q.alias.frame)
			require.Equal(t, exists, o.existence.state(h, at(i)))
		}
		require.Equal(t, existsNot, o.existence.state(h, at(3)))
		require.NoError(t, h.Check())

		c := r.offered(th)
		m, ok := r.receive(th, c.NewMemoryObject, true)
		require.True(t, ok)
		d := decode[defs.MemoryObjectDataReturn[mach.Name, mach.Region]](r, defs.MemoryObjectDataReturnRow, m)
		require.Equal(t, mach.Offset(0), d.Offset)
		require.Equal(t, 3*page, d.Data.Size)
		require.True(t, d.Dirty)
		require.False(t, d.KernelCopy)
		require.Equal(t, mach.KernSuccess, p.store(th, addr+mach.Addr(2*page), 99), "a neighbour can be written")
		// The first page of the memory is given back alone.
		require.Equal(t, mach.KernSuccess, r.manager.m.Deallocate(th, d.Data.Address, page))
		th.Drain()
		require.False(t, o.lookup(at(0)).cleaning)
		require.False(t, o.lookup(at(0)).modified())
		require.True(t, o.lookup(at(2)).cleaning)
		require.Equal(t, 1, o.paging)
		r.manager.unmap(th, d.Data.Address+mach.Addr(page), 2*page)
		require.Nil(t, o.lookup(at(1)), "the target is gone")
		require.True(t, o.lookup(at(2)).modified(), "what was written meanwhile is dirty")
		require.Zero(t, h.laundry)
		require.Zero(t, o.paging)
	})
	r.run()
	require.NoError(t, h.CheckIdle())
}

// When the default manager dies with pages in its hands, nobody waits for them, and what is resident stays as it
// is: pages that were being cleaned are the orphan's again, and pages that it had not read go with its
// queue (H-24).
func TestDeathOfTheDefaultManager(t *testing.T) {
	for _, received := range []bool{false, true} {
		r := pressed(t)
		p := r.party("program", 2)
		h := r.host
		r.spawn("program", func(th *sched.Thread) {
			r.keeper(th, 2*page)
			addr := alloc(t, th, p.m, 2)
			require.Equal(t, mach.KernSuccess, p.store(th, addr, 1))
			require.Equal(t, mach.KernSuccess, p.store(th, addr+mach.Addr(page), 2))
			e, _ := p.m.lookup(addr)
			o := e.object
			target := o.lookup(0)
			target.unqueue()
			require.Equal(t, evictInternal, h.evict(th, target))
			c := r.offered(th)
			if received {
				_, ok := r.receive(th, c.NewMemoryObject, true)
				require.True(t, ok)
			}
			require.Equal(t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, r.object))
			require.Equal(t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, c.NewMemoryObject))
			th.Drain()
			require.Equal(t, PhaseOrphan, o.phase)
			require.Zero(t, o.paging)
			require.Zero(t, h.laundry)
			b, ret := p.load(th, addr)
			if received {
				require.Equal(t, mach.KernSuccess, ret)
				require.Equal(t, byte(1), b)
			} else {
				require.Equal(t, mach.KernMemoryFailure, ret)
			}
			b, ret = p.load(th, addr+mach.Addr(page))
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, byte(2), b)
			// Memory with no manager yet waits for another.
			require.False(t, h.createPager(th, h.newAnonymousFor(t, th)))
			null := ipc.Right{}
			dead := h.DefaultManager(&null, 0)
			require.True(t, dead.IsDead())
			p.m.Destroy(th)
			r.manager.m.Destroy(th)
		})
		r.run()
		require.NoError(t, h.CheckIdle())
		require.Zero(t, h.objects)
		require.Equal(t, 128, h.Stats().Free)
	}
}

// A modified page of anonymous memory that is thrown out because its manager has died is lost: it fails from then on,
// although the manager never had it, and does not read as zeros. The same for one that waited for a place in
// the laundry when the manager died. A page that nobody has changed still reads as zeros.
func TestLostPagesFail(t *testing.T) {
	for _, waiting := range []bool{false, true} {
		r := pressed(t)
		p := r.party("program", 2)
		h := r.host
		var addr mach.Addr
		evict := func(th *sched.Thread, page int) eviction {
			e, _ := p.m.lookup(addr)
			target := e.object.lookup(at(page))
			target.unqueue()
			return h.evict(th, target)
		}
		r.spawn("program", func(th *sched.Thread) {
			r.keeper(th, page)
			addr = alloc(t, th, p.m, 3)
			for i := range 2 {
				require.Equal(t, mach.KernSuccess, p.store(th, pageAt(addr, i), 1))
			}
			_, ret := p.load(th, pageAt(addr, 2))
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, evictInternal, evict(th, 0))
			c := r.offered(th)
			var other *sched.Thread
			if waiting {
				h.laundry += h.limits.Laundry
				other = r.spawn("pageout", func(th *sched.Thread) { require.Equal(t, evictFreed, evict(th, 1)) })
				th.Yield()
				require.Equal(t, sched.Blocked, other.State())
			}
			require.Equal(t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, c.NewMemoryObject))
			th.Drain()
			if waiting {
				h.laundry -= h.limits.Laundry
				other.Wake(sched.Awakened)
				th.Yield()
			} else {
				require.Equal(t, evictFreed, evict(th, 1))
			}
			require.Zero(t, h.laundry)
			require.Equal(t, evictFreed, evict(th, 2))
			for i, want := range []mach.Return{mach.KernMemoryFailure, mach.KernMemoryFailure, mach.KernSuccess} {
				b, ret := p.load(th, pageAt(addr, i))
				require.Equal(t, want, ret, i)
				require.Zero(t, b)
			}
			p.m.Destroy(th)
			r.manager.m.Destroy(th)
		})
		r.run()
		require.Zero(t, h.objects)
	}
}

// newAnonymousFor is an object that ends with the thread's deferred work.
func (h *Host) newAnonymousFor(t *testing.T, th *sched.Thread) *Object {
	o := h.newAnonymous(page)
	th.Reap.Add(releaseLater{o})
	return o
}

type releaseLater struct{ *Object }

func (r releaseLater) Reap(th *sched.Thread) { r.release(th) }

// Without a count limit a cached object that loses its last page is collected (VD-05).
func TestCachedObjectWithoutPagesIsCollected(t *testing.T) {
	for _, limit := range []int{500, -1} {
		r := pressed(t, withPersonality(func(p *personality.Personality) { p.ObjectCacheMax = limit }))
		p := r.party("program", 2)
		r.spawn("manager", func(th *sched.Thread) {
			c := r.next(th)
			r.setAttributes(th, c.ctl, mach.CopyDelay, 0, true, false, mach.NameNull)
			q := r.next(th)
			r.supply(th, q.ctl, q.off, 1, 7, supplyOption{})
			if limit < 0 {
				r.drainControl(th, r.next(th).ctl)
			}
		})
		r.spawn("program", func(th *sched.Thread) {
			addr, ret := p.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			_, ret = p.load(th, addr)
			require.Equal(t, mach.KernSuccess, ret)
			p.unmap(th, addr, page)
			require.Equal(t, 1, r.host.cache.count)
			p.squeeze(th)
			require.Equal(t, limit > 0, r.host.cache.count == 1)
		})
		r.run()
		want := []string{"init", "request 0x0+0x1000 r--"}
		if limit < 0 {
			want = append(want, "terminate")
		}
		require.Equal(t, want, r.log)
	}
}

// When memory is very low, pages for the default manager go first; CMU and GNU give it pages that
// another manager has not freed as well (H-16).
func TestDoublePaging(t *testing.T) {
	for _, double := range []bool{false, true} {
		r := pressed(t, withPersonality(func(p *personality.Personality) { p.DoublePaging = double }))
		h := r.host
		r.spawn("test", func(th *sched.Thread) {
			// An external object of another port of the manager, with one modified page.
			name, ret := r.manager.space.Allocate(mach.RightReceive)
			require.Equal(t, mach.KernSuccess, ret)
			right, ret := r.manager.space.ExtractRight(&th.Reap, name, mach.MakeSend)
			require.Equal(t, mach.KernSuccess, ret)
			o, ret := h.enter(th, &right, page)
			require.Equal(t, mach.KernSuccess, ret)
			ipc.Release(&th.Reap, &right)
			m, ok := r.receive(th, name, true)
			require.True(t, ok)
			ctl := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m).MemoryControl
			r.setAttributes(th, ctl, mach.CopyDelay, 0, false, false, mach.NameNull)
			p := o.put(t, th, 0, 5)

			// The default manager is somebody else.
			other := r.node.NewPort()
			service := ipc.MakeSend(&other)
			h.DefaultManager(&service, page)
			h.SetPrivileged(th, true)
			var held []*Page
			for h.frames.free() > h.targets.reserved {
				held = append(held, h.grabPage(th))
			}
			p.unqueue()
			require.Equal(t, evictExternal, h.evict(th, p))
			require.Equal(t, double, h.stats.DoublePageouts == 1)
			require.Equal(t, double, h.laundry == 1)
			for _, q := range held {
				q.free()
			}
			ipc.Release(&th.Reap, &other)
			h.SetPrivileged(th, false)
			o.release(th)
		})
		r.run()
		r.spawn("end", func(th *sched.Thread) {
			r.manager.m.Destroy(th)
			r.manager.space.Terminate(&th.Reap)
		})
		r.run()
		require.Zero(t, h.objects)
	}
}

// The pause grows while there is laundry after it, and shrinks again.
func TestPauseAdapts(t *testing.T) {
	r := pressed(t)
	d := &r.host.daemon
	r.spawn("test", func(th *sched.Thread) {
		pause := func(burst int) mach.Time {
			d.burst = burst
			begin := r.sched.Now()
			d.pause(th)
			return r.sched.Now() - begin
		}
		require.Equal(t, emptyWait, pause(0))
		require.Equal(t, 30*millisecond*3/4, d.wait)
		r.host.laundry = 1
		require.Equal(t, 10*(30*millisecond*3/4), pause(10))
		require.Equal(t, 30*millisecond*3/4+millisecond, d.wait)
		r.host.laundry = 0
		for range 30 {
			pause(0)
		}
		require.Equal(t, millisecond, d.wait)
	})
	r.run()
}

// With another policy the daemon throws out what that picks: FIFO takes pages in use.
func TestDaemonWithAnotherPolicy(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		again  bool // a page in use has to be asked for again and again
	}{{MachPolicy{}, false}, {FIFO{}, true}, {LRU{}, false}, {SegmentedFIFO{Second: 80}, false}} {
		r := pressed(t, func(_ *personality.Personality, conf *Config, _ *sched.Config) { conf.Policy = c.policy })
		p := r.party("program", 2)
		r.spawn("manager", func(th *sched.Thread) {
			r.setAttributes(th, r.next(th).ctl, mach.CopyDelay, 0, false, false, mach.NameNull)
			for {
				m, ok := r.receive(th, r.object, true)
				if !ok {
					return
				}
				if q := r.hear(th, m); q.row == defs.MemoryObjectDataRequestRow {
					r.supply(th, q.ctl, q.off, 1, 7, supplyOption{})
				}
			}
		}).SetDaemon(true)
		r.spawn("program", func(th *sched.Thread) {
			addr, ret := p.mapObject(th, page)
			require.Equal(t, mach.KernSuccess, ret)
			fresh := alloc(t, th, p.m, 400)
			for i := range 400 {
				_, ret := p.load(th, fresh+mach.Addr(i)*mach.Addr(page))
				require.Equal(t, mach.KernSuccess, ret)
				b, ret := p.load(th, addr)
				require.Equal(t, mach.KernSuccess, ret)
				require.Equal(t, byte(7), b)
				th.Yield()
			}
		})
		r.run()
		// Once it may go with the others, before there was time to use it since its bits were looked at.
		require.Equal(t, c.again, r.host.stats.Pageins > 3, "%v: %d", c.policy, r.host.stats.Pageins)
	}
}

// EvictOne throws out one page at a time, whatever the state of memory.
func TestEvictOne(t *testing.T) {
	r := newProtocolRig(t)
	p := r.party("program", 2)
	r.spawn("program", func(th *sched.Thread) {
		addr := alloc(t, th, p.m, 3)
		for i := range 3 {
			_, ret := p.load(th, addr+mach.Addr(i)*mach.Addr(page))
			require.Equal(t, mach.KernSuccess, ret)
		}
		free := r.host.Stats().Free
		for i := range 3 {
			require.True(t, r.host.EvictOne(th))
			require.Equal(t, free+i+1, r.host.Stats().Free)
		}
		require.False(t, r.host.EvictOne(th))
		require.Equal(t, mach.KernSuccess, p.store(th, addr, 1))
		require.False(t, r.host.EvictOne(th), "nobody takes it")
		require.Equal(t, free+2, r.host.Stats().Free)
	})
	r.run()
}

func TestPageoutLimits(t *testing.T) {
	for _, l := range []PageoutLimits{{Laundry: -1}, {Burst: -1}, {Pause: 3601 * 1000 * millisecond}} {
		w := ipc.NewWorld(ipc.Config{})
		_, err := NewHost(Config{Node: w.NewNode(1, "k", personality.Mach()), Sched: sched.New(sched.Config{}), Pageout: l})
		require.ErrorContains(t, err, "limits of the pageout daemon")
	}
}
