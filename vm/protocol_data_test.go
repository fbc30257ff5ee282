package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// begin receives init and makes the object ready.
func (r *protocolRig) begin(th *sched.Thread, strategy mach.CopyStrategy, cluster mach.Size) mach.Name {
	ctl := r.next(th).ctl
	r.setAttributes(th, ctl, strategy, cluster, false, false, mach.NameNull)
	return ctl
}

func (r *protocolRig) unavailable(th *sched.Thread, ctl mach.Name, off mach.Offset, size mach.Size) {
	require.Equal(r.t, mach.KernSuccess, call(r, th, defs.MemoryObjectDataUnavailableRow,
		defs.MemoryObjectDataUnavailable[mach.Name]{MemoryControl: ctl, Offset: off, Size: size}))
}

func (r *protocolRig) dataError(th *sched.Thread, ctl mach.Name, off mach.Offset, size mach.Size, code mach.Return) {
	require.Equal(r.t, mach.KernSuccess, call(r, th, defs.MemoryObjectDataErrorRow,
		defs.MemoryObjectDataError[mach.Name]{MemoryControl: ctl, Offset: off, Size: size, ErrorValue: code}))
}

// client spawns a client that maps pages of the object, does what it wants and unmaps them.
func (r *protocolRig) client(pages int, body func(th *sched.Thread, c *party, addr mach.Addr)) {
	c := r.party("client", 2)
	r.spawn("client", func(th *sched.Thread) {
		size := mach.Size(pages) * page
		addr, ret := c.mapObject(th, size)
		require.Equal(r.t, mach.KernSuccess, ret)
		body(th, c, addr)
		c.unmap(th, addr, size)
	})
}

func pageAt(addr mach.Addr, n int) mach.Addr { return addr + mach.Addr(n)*mach.Addr(page) }

func TestUnavailableReadsAsZeros(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		h := r.next(th)
		r.unavailable(th, ctl, h.off, h.size+1) // rejected: no whole pages
		r.unavailable(th, ctl, h.off, 8*page)   // pages nobody asked for are not touched
		require.Equal(t, 1, r.host.objectOf(r.portOf(r.object)).residentCount)
		r.rest(th)
		for r.next(th).row != defs.MemoryObjectTerminateRow {
		}
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Zero(t, b)
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 r--", "terminate"}, r.log, "a page of zeros is clean")
}

func TestErrorWakesAllOrFirst(t *testing.T) {
	for _, first := range []bool{false, true} {
		r := newProtocolRig(t, withPersonality(func(p *personality.Personality) {
			if first {
				p.DataErrorWakes = personality.WakesFirst
			}
		}))
		codes := map[mach.Return]int{}
		c := r.party("client", 2)
		done := 0
		for range 3 {
			r.spawn("client", func(th *sched.Thread) {
				addr, ret := c.mapObject(th, page)
				require.Equal(t, mach.KernSuccess, ret)
				_, ret = c.load(th, addr)
				codes[ret]++
				done++
				for done < 3 {
					th.Yield()
				}
				c.unmap(th, addr, page)
			})
		}
		const mine mach.Return = 1<<26 | 5
		r.spawn("manager", func(th *sched.Thread) {
			ctl := r.begin(th, mach.CopyNone, 0)
			for i := range 3 {
				h := r.next(th)
				if h.row != defs.MemoryObjectDataRequestRow {
					break
				}
				for r.host.objectOf(r.portOf(r.object)).lookup(0).waiters.Len() < 3-i {
					th.Yield()
				}
				r.dataError(th, ctl, 0, page, mine)
				r.supply(th, ctl, 0, 1, 1, supplyOption{}) // too late: refused at the error
			}
			r.rest(th)
		})
		r.run()
		require.Equal(t, map[mach.Return]int{mine: 3}, codes)
		requests := 0
		for _, l := range r.log {
			if l == "request 0x0+0x1000 r--" {
				requests++
			}
		}
		if first {
			require.Equal(t, 3, requests)
		} else {
			require.Equal(t, 1, requests)
		}
	}
}

func TestErrorCodes(t *testing.T) {
	r := newProtocolRig(t)
	for _, c := range []struct {
		pass    personality.ErrorPass
		reason  mach.Return
		want    mach.Return
		restart bool
	}{
		{personality.PassSystem, mach.KernFailure, mach.KernMemoryError, false},
		{personality.PassSystem, 0x101, mach.KernMemoryError, false},
		{personality.PassSystem, -7, -7, false},
		{personality.PassSystem, mach.KernMemoryDataMoved, mach.KernMemoryError, false},
		{personality.PassMax, 0x101, 0x101, false},
		{personality.PassMax, 0x100, mach.KernMemoryError, false},
		{personality.PassMax, -7, mach.KernMemoryError, false},
		{personality.PassMax, mach.KernMemoryDataMoved, mach.KernSuccess, true},
		{personality.PassNever, 1 << 27, mach.KernMemoryError, false},
	} {
		r.host.personality.ErrorPassThrough = c.pass
		code, restart := r.host.errorCode(c.reason)
		require.Equal(t, c.want, code, "%v %v", c.pass, c.reason)
		require.Equal(t, c.restart, restart)
	}
}

func TestUnlock(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		h := r.next(th)
		r.supply(th, ctl, h.off, 1, 4, supplyOption{lock: mach.ProtWrite})
		require.Equal(t, defs.MemoryObjectDataUnlockRow, r.next(th).row)
		r.lock(th, ctl, 0, page, mach.ReturnNone, false, mach.ProtNoChange, mach.NameNull) // nobody is woken
		r.lock(th, ctl, 0, page, mach.ReturnNone, false, mach.ProtWrite, mach.NameNull)    // asked again
		require.Equal(t, defs.MemoryObjectDataUnlockRow, r.next(th).row)
		r.lock(th, ctl, 0, page, mach.ReturnNone, true, 0, mach.NameNull) // flushed: asked for data
		h = r.next(th)
		require.Equal(t, defs.MemoryObjectDataRequestRow, h.row)
		r.supply(th, ctl, h.off, 1, 6, supplyOption{lock: mach.ProtWrite})
		r.next(th)
		r.lock(th, ctl, 0, page, mach.ReturnNone, false, mach.ProtNone, mach.NameNull)
		r.next(th)
		r.rest(th)
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(4), b)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 8))
	})
	r.run()
	require.Equal(t, []string{"init", "request 0x0+0x1000 r--", "unlock 0x0 rw-", "unlock 0x0 rw-",
		"request 0x0+0x1000 rw-", "unlock 0x0 rw-", "return 0x0+0x1000 dirty=true copy=false first=8", "terminate"}, r.log)
	r.spawn("end", func(th *sched.Thread) {})
	r.run()
}

// Every cell of the table of should_return and should_flush, for a page in each of four states.
func TestLockRequestTable(t *testing.T) {
	type state struct{ dirty, precious bool }
	for _, s := range []state{{false, false}, {false, true}, {true, false}, {true, true}} {
		for ret := mach.ReturnNone; ret <= mach.ReturnAnything; ret++ {
			for _, flush := range []bool{false, true} {
				r := newProtocolRig(t)
				touched, looked := false, false
				r.spawn("manager", func(th *sched.Thread) {
					ctl := r.begin(th, mach.CopyNone, 0)
					r.supply(th, ctl, r.next(th).off, 1, 4, supplyOption{precious: s.precious})
					for !touched {
						th.Yield()
					}
					r.log = nil
					r.lock(th, ctl, 0, page, ret, flush, mach.ProtNoChange, r.object)
					r.rest(th)
					p := r.host.objectOf(r.portOf(r.object)).lookup(0)
					require.Equal(t, flush, p == nil)
					returned := ret == mach.ReturnAnything || s.dirty && ret >= mach.ReturnDirty || s.precious && ret == mach.ReturnAll
					if p != nil {
						require.Equal(t, s.precious, p.precious)
						require.Equal(t, s.dirty && !returned, p.modified())
					}
					var want []string
					if returned {
						first := 4
						if s.dirty {
							first = 5
						}
						want = append(want, "return 0x0+0x1000 dirty="+truth(s.dirty)+" copy="+truth(!flush)+" first="+string(rune('0'+first)))
					}
					require.Equal(t, append(want, "lock completed 0x0+0x1000"), r.log, "%v %v flush=%t", s, ret, flush)
					looked = true
				})
				r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
					c.load(th, addr)
					if s.dirty {
						require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
					}
					touched = true
					for !looked {
						th.Yield()
					}
				})
				r.run()
			}
		}
	}
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func TestReturnsAreBatched(t *testing.T) {
	const pages = 40
	r := newProtocolRig(t, withFrames(256))
	touched, looked := false, false
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		for range pages {
			r.supply(th, ctl, r.next(th).off, 1, 4, supplyOption{})
		}
		for !touched {
			th.Yield()
		}
		r.log = nil
		r.lock(th, ctl, 0, pages*page, mach.ReturnAnything, false, mach.ProtNoChange, r.object)
		r.rest(th)
		looked = true
	})
	r.client(pages, func(th *sched.Thread, c *party, addr mach.Addr) {
		for i := range pages {
			c.load(th, pageAt(addr, i))
			if i != 35 {
				c.store(th, pageAt(addr, i), byte(i))
			}
		}
		touched = true
		for !looked {
			th.Yield()
		}
	})
	r.run()
	require.Equal(t, []string{
		"return 0x0+0x20000 dirty=true copy=true first=0",
		"return 0x20000+0x3000 dirty=true copy=true first=32",
		"return 0x23000+0x1000 dirty=false copy=true first=4",
		"return 0x24000+0x4000 dirty=true copy=true first=36",
		"lock completed 0x0+0x28000",
	}, r.log)
}

func TestSupplyStopsAtWhatIsNotAskedFor(t *testing.T) {
	for _, accept := range []bool{false, true} {
		r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.AcceptUnrequestedSupply = accept }))
		r.spawn("manager", func(th *sched.Thread) {
			ctl := r.begin(th, mach.CopyNone, 0)
			h := r.next(th)
			require.Equal(t, at(1), h.off)
			r.log = nil
			r.supply(th, ctl, at(1), 3, 10, supplyOption{precious: true, reply: r.object})
			r.supply(th, ctl, at(1), 1, 20, supplyOption{reply: r.object}) // resident now
			r.supply(th, ctl, at(0)+1, 1, 20, supplyOption{reply: r.object})
			r.supply(th, ctl, at(0), 1, 20, supplyOption{lock: 8, reply: r.object})
			r.rest(th)
		})
		r.client(4, func(th *sched.Thread, c *party, addr mach.Addr) {
			b, ret := c.load(th, pageAt(addr, 1))
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, byte(10), b)
		})
		r.run()
		// The two rejected supplies have no completion: a reply right made from the port is released.
		want := []string{
			"return 0x2000+0x2000 dirty=false copy=false first=11",
			"supply completed 0x1000+0x3000 KERN_MEMORY_PRESENT 0x2000",
			"supply completed 0x1000+0x1000 KERN_MEMORY_PRESENT 0x1000",
		}
		if accept {
			want = []string{
				"supply completed 0x1000+0x3000 KERN_SUCCESS 0x0",
				"supply completed 0x1000+0x1000 KERN_MEMORY_PRESENT 0x1000",
			}
		}
		require.GreaterOrEqual(t, len(r.log), len(want))
		require.Equal(t, want, r.log[:len(want)])
	}
}

func TestPartialLastPage(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		r.next(th)
		addr, ret := r.manager.m.AllocateBytes(th, make([]byte, page+100))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectDataSupplyRow, defs.MemoryObjectDataSupply[mach.Name, mach.Region]{
			MemoryControl: ctl, Data: mach.Region{Address: addr, Size: page + 100}, ReplyTo: r.object,
		}))
		r.rest(th)
	})
	r.client(2, func(th *sched.Thread, c *party, addr mach.Addr) {
		_, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
	})
	r.run()
	require.Contains(t, r.log, "supply completed 0x0+0x1064 KERN_SUCCESS 0x0")
}

func TestClusteredRequests(t *testing.T) {
	for behavior, want := range map[mach.Behavior]string{
		mach.BehaviorDefault:           "request 0x5000+0x2000 r--",
		mach.BehaviorRandom:            "request 0x5000+0x1000 r--",
		mach.BehaviorSequential:        "request 0x5000+0x3000 r--",
		mach.BehaviorReverseSequential: "request 0x4000+0x2000 r--",
	} {
		r := newProtocolRig(t)
		r.spawn("manager", func(th *sched.Thread) {
			ctl := r.begin(th, mach.CopyNone, 4*page)
			h := r.next(th)
			r.dataError(th, ctl, h.off, h.size, mach.KernFailure) // neighbours are forgotten
			require.Zero(t, r.host.objectOf(r.portOf(r.object)).absentCount)
		})
		r.client(10, func(th *sched.Thread, c *party, addr mach.Addr) {
			require.Equal(t, mach.KernSuccess, c.m.Behavior(addr, 10*page, behavior))
			_, ret := c.load(th, pageAt(addr, 5))
			require.Equal(t, mach.KernMemoryError, ret)
		})
		r.run()
		require.Equal(t, []string{"init", want}, r.log[:2])
	}
}

func TestAbsentLimit(t *testing.T) {
	r := newProtocolRig(t, withFrames(256))
	c := r.party("client", 2)
	const clients = 60
	var addr mach.Addr
	left := clients
	r.spawn("client", func(th *sched.Thread) {
		var ret mach.Return
		addr, ret = c.mapObject(th, clients*page)
		require.Equal(t, mach.KernSuccess, ret)
		for i := range clients {
			r.spawn("reader", func(th *sched.Thread) {
				_, ret := c.load(th, pageAt(addr, i))
				require.Equal(t, mach.KernSuccess, ret)
				if left--; left == 0 {
					c.unmap(th, addr, clients*page)
				}
			})
		}
	})
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		for range 50 {
			th.Yield()
		}
		require.Equal(t, 51, r.host.objectOf(r.portOf(r.object)).absentCount, "VM-115")
		for range clients {
			r.supply(th, ctl, r.next(th).off, 1, 1, supplyOption{})
		}
		r.rest(th)
	})
	r.run()
	require.Equal(t, uint64(clients), r.host.stats.Pageins)
}

// Calls about the last page that an offset can name come to their end.
func TestLastPageOfAnObject(t *testing.T) {
	r := newProtocolRig(t, withPersonality(func(p *personality.Personality) { p.UnavailablePrefill = true }))
	last := ^mach.Offset(0) &^ mach.Offset(page-1)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		for range 2 {
			r.unavailable(th, ctl, last, page)
			r.lock(th, ctl, last, page, mach.ReturnAnything, true, mach.ProtNoChange, mach.NameNull)
			r.dataError(th, ctl, last, page, mach.KernFailure)
		}
		r.rest(th)
		for r.next(th).row != defs.MemoryObjectTerminateRow {
		}
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {})
	r.run()
}
