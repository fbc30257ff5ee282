package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestVM227_SupplyOfPresentPage: Supplying a page already present, or already answered with an error or
// as unavailable, stops the operation with KERN_MEMORY_PRESENT at that offset and does not overwrite it.
func TestVM227_SupplyOfPresentPage(t *testing.T) {
	for _, accept := range []string{"false", "true"} {
		for name, answer := range map[string]func(e *emm, r *mapped){
			"present": func(_ *emm, r *mapped) { r.see(1) },
			"dirty":   func(_ *emm, r *mapped) { r.store(1, 2) },
			"unavailable": func(e *emm, r *mapped) {
				r.abandonLoad(1)
				e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), at(1), page)) })
			},
		} {
			t.Run(name+" "+accept, func(t *testing.T) {
				e := newEMM(t, withField("AcceptUnrequestedSupply", accept))
				r := e.c.mapPages(4)
				if name == "unavailable" {
					e.m.silent("data_request")
				}
				answer(e, r)
				e.m.silent("data_request")
				waiting := []*job{r.startLoad(0), r.startLoad(2)}
				e.m.do(func(x *calls) {
					data := append(append(fillOf(0x31), fillOf(0x32)...), fillOf(0x33)...)
					x.ok(x.supply(e.m.control(0), 0, data, supplied{reply: e.m.port}))
				})
				done := e.m.last("supply_completed")
				require.Equal(t, mach.KernMemoryPresent, done.code)
				require.Equal(t, at(1), done.errorOffset)
				waiting[0].requireValue(0x31)
				waiting[1].requireBlocked() // its page is still asked for
				if name == "unavailable" {
					r.reads(1, 0)
				} else {
					r.see(1)
				}
				e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), at(2), contents(at(2)), supplied{})) })
				waiting[1].requireValue(3)
			})
		}
	}

	// An answer with an error holds until the threads that waited for it have taken it.
	e := newEMM(t)
	e.m.silent("data_request")
	r := e.c.mapPages(1)
	waiting := r.startLoad(0)
	e.c.do(func(x *calls) { x.ok(user.ThreadSuspend(x, waiting.thread)) })
	failAndSupply := func() {
		e.m.do(func(x *calls) {
			x.ok(x.dataError(e.m.control(0), 0, page, mach.KernFailure))
			x.ok(x.supply(e.m.control(0), 0, contents(0), supplied{reply: e.m.port}))
		})
		require.Equal(t, mach.KernMemoryPresent, e.m.last("supply_completed").code)
		require.Zero(t, e.m.last("supply_completed").errorOffset)
	}
	failAndSupply()
	e.c.do(func(x *calls) { x.ok(user.ThreadResume(x, waiting.thread)) })
	waiting.requireFails(mach.KernMemoryError)
	again := r.startLoad(0) // now it is asked for once more
	again.requireBlocked()
	e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), 0, contents(0), supplied{})) })
	again.requireValue(1)

	// Where only the first waiter gets an error it is kept for whoever comes next.
	e = newEMM(t, withField("DataErrorWakes", "first"))
	e.m.silent("data_request")
	r = e.c.mapPages(1)
	r.abandonLoad(0)
	failAndSupply()
	r.fails(0, mach.KernMemoryError)
}

// TestVM228_QueueOfSuppliedPage: A requested supplied page goes to the active queue; an unrequested one
// is refused, or, where the host accepts unrequested supplies, goes to the inactive queue.
func TestVM228_QueueOfSuppliedPage(t *testing.T) {
	for _, accept := range []bool{false, true} {
		field := map[bool]string{false: "false", true: "true"}[accept]
		e := newEMM(t, withField("AcceptUnrequestedSupply", field))
		e.m.silent("data_request")
		r := e.c.mapPages(3)
		r.abandonLoad(0) // nobody touches it
		data := append(append(contents(0), contents(at(1))...), contents(at(2))...)
		e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(0), 0, data, supplied{reply: e.m.port})) })
		require.Equal(t, "active", e.pageAt(0).Queue)
		done := e.m.last("supply_completed")
		if !accept {
			require.Equal(t, mach.KernMemoryPresent, done.code)
			require.Equal(t, at(1), done.errorOffset)
			require.Equal(t, []int{0}, pagesOf(e.info()))
			continue
		}
		require.Equal(t, mach.KernSuccess, done.code)
		for p := 1; p <= 2; p++ {
			require.Equal(t, "inactive", e.pageAt(p).Queue)
			r.see(p)
		}
		require.Equal(t, 1, e.m.count("data_request"))
	}
}

// TestVM229_SuppliedPageIsClean: A supplied page is clean even if the frame was modified before it was
// moved.
func TestVM229_SuppliedPageIsClean(t *testing.T) {
	for _, deallocate := range []bool{false, true} {
		e := newEMM(t)
		e.m.on("data_request", func(x *turn) {
			region, code := user.StoreNew(x, contents(x.offset))
			x.ok(code)
			x.ok(x.store(region.Address+5, 0x77)) // the frame has just been written
			x.ok(user.MemoryObjectDataSupply(x, x.control, x.offset, region, deallocate, mach.ProtNone, false, user.ReplyPort{}))
		})
		r := e.c.mapPages(2)
		r.see(0)
		require.False(t, e.pageAt(0).Dirty)
		r.store(1, 'x')
		require.True(t, e.pageAt(1).Dirty)
		e.c.step(func(v *space) { v.first(r.at(0)+5, 0x77) })
		e.m.do(func(x *calls) {
			x.ok(x.lock(e.m.control(0), locking{size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange}))
		})
		e.m.never("data_return")
		r.unmap()
		require.Equal(t, []string{"data_return(a,1,dirty)", "terminate(a)"}, e.m.trace()[3:])
	}
}

// TestVM230_FlushOfWiredPage: A lock request that flushes a wired page waits until it is unwired or the
// association ends.
func TestVM230_FlushOfWiredPage(t *testing.T) {
	scene := func(t *testing.T) (e *emm, r *mapped, flush *job) {
		e = newEMM(t)
		r = e.c.mapPages(3)
		r.store(0, 'x')
		r.store(1, 'y')
		e.c.step(func(v *space) {
			v.wired(r.at(1), 1)
			v.wired(r.at(1), 1) // twice
		})
		a := e.m.control(0)
		flush = e.m.start("flush", func(x *calls) mach.Return {
			return x.lock(a, locking{size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange, reply: e.m.port})
		})
		flush.requireBlocked()
		r.reads(1, 'y')
		e.m.never("lock_completed")
		require.Equal(t, 1, e.pageAt(1).WireCount)
		return e, r, flush
	}
	t.Run("unwired", func(t *testing.T) {
		e, r, flush := scene(t)
		unwire := func() { e.c.step(func(v *space) { v.ok(v.wire(r.at(1), page, mach.ProtNone)) }) }
		unwire()
		flush.requireBlocked()
		unwire()
		flush.requireDone()
		require.Equal(t, []string{"data_return(a,0,dirty)", "data_return(a,1,dirty)", "lock_completed(a,0,3)"}, e.m.trace()[3:])
		require.Empty(t, pagesOf(e.info()))
	})
	t.Run("unmapped", func(t *testing.T) {
		e, r, flush := scene(t)
		r.unmap()
		flush.requireDone()
		require.Equal(t, []string{"data_return(a,0,dirty)", "data_return(a,1,dirty)", "lock_completed(a,0,3)", "terminate(a)"}, e.m.trace()[3:])
	})
	t.Run("destroyed", func(t *testing.T) {
		e, r, flush := scene(t)
		e.m.destroy(0, mach.KernFailure)
		flush.requireDone()
		require.Equal(t, []string{"data_return(a,0,dirty)", "lock_completed(a,0,3)", "terminate(a)"}, e.m.trace()[3:])
		r.reads(1, 'y')
	})
	t.Run("port death", func(t *testing.T) {
		e, r, flush := scene(t)
		e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) })
		require.True(t, flush.ended)
		r.reads(1, 'y')
	})
	// One that changes nothing passes.
	e := newEMM(t)
	r := e.c.mapPages(1)
	r.see(0)
	e.c.step(func(v *space) { v.ok(v.wire(r.at(0), page, mach.ProtRead)) })
	e.m.do(func(x *calls) {
		x.ok(x.lock(e.m.control(0), locking{size: page, value: mach.ProtNoChange, reply: e.m.port}))
	})
	require.Equal(t, 1, e.m.count("lock_completed"))
}
