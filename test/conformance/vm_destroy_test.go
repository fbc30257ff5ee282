package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/vm"
)

// destroy is memory_object_destroy of the object of init number i.
func (m *manager) destroy(i int, reason mach.Return) {
	m.e.t.Helper()
	control := m.control(i)
	m.do(func(x *calls) { x.ok(x.destroy(control, reason)) })
}

// TestVM190_DestroyTerminates: memory_object_destroy sends terminate although mappings exist and returns
// KERN_SUCCESS.
func TestVM190_DestroyTerminates(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(2), e.newClient("other").mapPages(1)
	r.see(0)
	q.see(0)
	e.m.destroy(0, mach.KernFailure)
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
	require.NotZero(t, e.m.portType(e.m.control(0))&mach.TypeReceive)
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	e.c.step(func(v *space) { require.Len(t, v.regions(), 1) })

	e = newEMM(t) // and although it is cached
	e.m.cachable()
	e.c.mapPages(1).unmap()
	require.Equal(t, vm.PhaseCached, e.info().Phase)
	e.m.destroy(0, mach.KernSuccess)
	e.m.see("init(a)", "terminate(a)")
	require.NotContains(t, e.k.VM().DescribeObjects(), "memory object")
}

// TestVM191_DestroyReturnsNothing: memory_object_destroy returns no dirty pages by itself.
func TestVM191_DestroyReturnsNothing(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	e.m.supplies.precious = true
	r.see(1)
	e.m.destroy(0, mach.KernFailure)
	r.store(1, 'y')
	r.unmap()
	e.m.never("data_return")

	// What the manager flushes before, it gets.
	e = newEMM(t)
	r = e.c.mapPages(2)
	r.store(0, 'x')
	r.store(1, 'y')
	e.m.do(func(x *calls) {
		x.ok(x.lock(e.m.control(0), locking{size: page, ret: mach.ReturnAll, flush: true, value: mach.ProtWrite}))
		x.ok(x.destroy(e.m.control(0), mach.KernFailure))
	})
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)", "data_return(a,0,dirty)", "terminate(a)")

	e = newEMM(t) // nor those of a cached object
	e.m.cachable()
	r = e.c.mapPages(1)
	r.store(0, 'x')
	r.unmap()
	e.m.destroy(0, mach.KernFailure)
	e.m.see("init(a)", "data_request(a,0,rw-)", "terminate(a)")
}

// TestVM192_ReasonIsIgnored: The reason argument of destroy does not influence the kernel.
func TestVM192_ReasonIsIgnored(t *testing.T) {
	var first []string
	for _, reason := range []mach.Return{mach.KernSuccess, mach.KernFailure, mach.KernMemoryError, mach.KernMemoryDataMoved,
		mach.KernMemoryRestartCopy, 1 << 26, -1} {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.store(0, 'x')
		waiting := func() *job { e.m.silent("data_request"); return r.startLoad(1) }()
		e.m.destroy(0, reason)
		waiting.requireFails(mach.KernMemoryFailure)
		r.reads(0, 'x')
		r.fails(1, mach.KernMemoryFailure)
		r.unmap()
		if first == nil {
			first = e.m.trace()
		}
		e.m.see(first...)
	}
}

// TestVM193_ResidentPagesStay: After destroy resident pages remain accessible to existing mappings.
func TestVM193_ResidentPagesStay(t *testing.T) {
	e := newEMM(t)
	other := e.newClient("other")
	r, q := e.c.mapPages(3), other.mapPages(3)
	r.store(0, 'x')
	r.see(1)
	e.m.supplies.lock = mach.ProtWrite
	r.see(2)
	e.m.destroy(0, mach.KernFailure)
	for _, m := range []*mapped{r, q} { // with translations and without
		drop(m.c.task)
		m.reads(0, 'x')
		m.see(1)
		m.see(2)
	}
	q.store(1, 'y')
	r.reads(1, 'y')
	r.storeFails(2, 'z', mach.KernMemoryFailure) // within its lock
	r.see(2)
	child := e.Fork(other.task)
	e.In(child, func(v *space) {
		v.first(q.at(1), 'y')
		v.put(q.at(1), 'c')
	})
	r.reads(1, 'y')
	e.end(child)
	r.unmap()
	q.reads(0, 'x')

	// A new mapping of the port is another object.
	e.m.supplies = supplied{}
	n := e.c.mapPages(2)
	n.see(0)
	n.store(0, 'n')
	q.reads(0, 'x')
}

// TestVM194_MissingPagesFail: After destroy a fault on a non-resident page fails with DestroyedFaultCode
// and sends no message.
func TestVM194_MissingPagesFail(t *testing.T) {
	for field, code := range map[string]mach.Return{
		"KERN_MEMORY_FAILURE": mach.KernMemoryFailure, "KERN_MEMORY_ERROR": mach.KernMemoryError,
	} {
		e := newEMM(t, withField("DestroyedFaultCode", field))
		r := e.c.mapPages(3)
		r.see(0)
		e.m.destroy(0, mach.KernFailure)
		want := e.m.trace()
		for range 2 {
			r.fails(1, code)
			r.storeFails(2, 'x', code)
		}
		e.c.step(func(v *space) {
			v.raises(v.Load(r.at(1)+5, make([]byte, 1)), code, r.at(1)+5)
			v.have(va(500), 2)
			v.is(code, v.vmCopy(r.at(1)+1, 10, va(500))) // bytes, so they are needed now
			v.is(code, v.wire(r.at(1), page, mach.ProtRead))
		})
		r.see(0)
		e.m.see(want...)
	}
}

// TestVM195_SilenceAfterDestroy: After memory_object_destroy has returned no further message about the
// old association is sent, including at the last unmap.
func TestVM195_SilenceAfterDestroy(t *testing.T) {
	e := newEMM(t)
	e.m.cachable()
	r := e.c.mapPages(4)
	e.m.supplies.precious = true
	r.store(0, 'x')
	r.see(1)
	e.m.supplies.lock = mach.ProtWrite
	r.see(2)
	e.m.destroy(0, mach.KernFailure)
	want := e.m.trace()
	require.Equal(t, "terminate(a)", want[len(want)-1])
	r.store(1, 'y')
	r.storeFails(2, 'z', mach.KernMemoryFailure)
	r.fails(3, mach.KernMemoryFailure)
	e.c.startSync(r.addr, 4, mach.SyncSynchronous).requireDone()
	e.c.startSync(r.addr, 1, mach.SyncInvalidate).requireDone()
	e.m.do(func(x *calls) { // its calls stay where they are
		x.ok(x.lock(e.m.control(0), locking{size: 4 * page, ret: mach.ReturnAll, flush: true, value: mach.ProtNone, reply: e.m.port}))
	})
	r.unmap()
	e.c.terminate()
	e.m.see(want...)

	// A later association is another matter.
	e = newEMM(t)
	r = e.c.mapPages(1)
	r.store(0, 'x')
	e.m.destroy(0, mach.KernFailure)
	n := e.c.mapPages(1)
	n.store(0, 'y')
	r.unmap()
	n.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "terminate(a)", "init(b)", "data_request(b,0,rw-)", "data_return(b,0,dirty)", "terminate(b)")
}

// TestVM196_DestroyReleasesWaiters: A thread waiting for data, an unlock, readiness or a synchronize when
// destroy arrives is released with an error and does not delay destroy.
func TestVM196_DestroyReleasesWaiters(t *testing.T) {
	for _, c := range []struct {
		name string
		wait func(e *emm) *job
		code mach.Return
	}{
		{"data", func(e *emm) *job {
			e.m.silent("data_request")
			return e.c.mapPages(1).startLoad(0)
		}, mach.KernMemoryFailure},
		{"data for a copy", func(e *emm) *job {
			e.m.silent("data_request")
			e.copyTo(va(20), 1)
			return e.c.start("load", func(x *calls) mach.Return { _, ret := x.load(va(20)); return ret })
		}, mach.KernMemoryFailure},
		{"an unlock", func(e *emm) *job {
			e.m.supplies.lock = mach.ProtWrite
			e.m.silent("data_unlock")
			return e.c.mapPages(1).startStore(0, 'x')
		}, mach.KernMemoryFailure},
		{"readiness", func(e *emm) *job {
			e.m.silent("init")
			return e.c.startMap(e.m.port, 1)
		}, mach.KernInvalidObject},
		{"a synchronize", func(e *emm) *job {
			e.m.silent("synchronize")
			r := e.c.mapPages(1)
			r.see(0)
			return e.c.startSync(r.addr, 1, mach.SyncSynchronous)
		}, mach.KernMemoryError},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEMM(t)
			waiter := c.wait(e)
			waiter.requireBlocked()
			e.m.destroy(0, mach.KernFailure) // which comes to its end
			waiter.requireFails(c.code)
			require.Equal(t, 1, e.m.count("terminate"))
			require.Equal(t, "terminate", e.m.log[len(e.m.log)-1].kind)
		})
	}
}

// TestVM197_CallsAfterDestroy: Calls on the control port after destroy affect no object and are left to
// the manager in the port's queue.
func TestVM197_CallsAfterDestroy(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	e.m.destroy(0, mach.KernFailure)
	a := e.m.control(0)
	e.c.mapPages(1).see(0) // another association is in force
	e.m.do(func(x *calls) {
		x.ok(x.supply(a, at(1), contents(at(1)), supplied{}))
		x.ok(x.lock(a, locking{size: page, flush: true, value: mach.ProtNone}))
		x.ok(x.change(a, mach.FlavorPerformance, words(0, 1), mach.NameNull))
		x.ok(x.destroy(a, mach.KernFailure))
		x.ok(x.dataError(a, at(1), page, mach.KernFailure))
	})
	r.reads(0, 'x')
	r.fails(1, mach.KernMemoryFailure)
	require.False(t, e.info().CanPersist)
	require.Equal(t, vm.PhaseActive, e.info().Phase)
	require.Equal(t, 1, e.m.count("terminate"))
	e.m.do(func(x *calls) {
		m, code := x.receive(a)
		x.ok(code)
		require.Equal(t, "memory_object_data_supply", callName(x.Form().Set, m.ID))
		require.Equal(t, contents(at(1)), x.bytes(m.Descs[0].Memory))
		user.Destroy(x, m)
		require.Equal(t, []string{"memory_object_lock_request", "memory_object_change_attributes",
			"memory_object_destroy", "memory_object_data_error"}, x.drain(a))
	})

	// With TermWindow=reject the kernel swallows those sent before terminate is queued, without effect.
	for field, left := range map[string][]string{
		"queue": {"memory_object_lock_request", "memory_object_destroy"}, "reject": {},
	} {
		e := newEMM(t, withField("TermWindow", field))
		r := e.c.mapPages(1)
		r.store(0, 'x')
		a := e.m.control(0)
		late := e.at("before-terminate", e.m.task, func(x *calls) {
			x.ok(x.lock(a, locking{size: page, flush: true, value: mach.ProtNone}))
			x.ok(x.destroy(a, mach.KernFailure))
		})
		e.m.destroy(0, mach.KernFailure)
		late.requireDone()
		r.reads(0, 'x')
		e.m.do(func(x *calls) { require.Equal(t, left, x.drain(a)) })
	}
}

// TestVM198_PortDeath: A memory object port destroyed by its manager yields no terminate message, and
// waiting faults fail with DestroyedFaultCode.
func TestVM198_PortDeath(t *testing.T) {
	for field, code := range map[string]mach.Return{
		"KERN_MEMORY_FAILURE": mach.KernMemoryFailure, "KERN_MEMORY_ERROR": mach.KernMemoryError,
	} {
		for name, die := range map[string]func(e *emm){
			"the port":    func(e *emm) { e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) }) },
			"the manager": func(e *emm) { e.m.terminate() },
		} {
			t.Run(field+", "+name, func(t *testing.T) {
				e := newEMM(t, withField("DestroyedFaultCode", field))
				r := e.c.mapPages(4)
				r.store(0, 'x')
				e.m.supplies.lock = mach.ProtWrite
				r.see(1)
				e.m.silent("data_request")
				e.m.silent("data_unlock")
				waiting := []*job{r.startLoad(2), r.startStore(3, 'y'), r.startStore(1, 'z')}
				for _, j := range waiting {
					j.requireBlocked()
				}
				die(e)
				for _, j := range waiting {
					j.requireFails(code)
				}
				r.reads(0, 'x')
				r.fails(2, code)
				r.unmap()
				e.m.never("terminate")
				require.Zero(t, e.sent(defs.MemoryObjectTerminateRow.ID(mig.OSF)))
			})
		}
	}
}

// TestVM199_TopDown: Dropping a copy chain terminates objects from the top down, each at most once.
func TestVM199_TopDown(t *testing.T) {
	e := delayed(t)
	for i := range 3 { // three copy objects, one below the other
		e.copyTo(va(20+10*i), 4)
		e.c.step(func(v *space) { v.fills(va(10+i), byte(0x11+i)) })
	}
	chain := identities(e.below(va(20)))
	require.Len(t, chain, 4)
	e.c.step(func(v *space) {
		for _, at := range []int{10, 30, 40} {
			v.unmapAt(va(at), 4)
		}
	})
	require.Empty(t, e.terminated())
	require.Equal(t, chain, identities(e.below(va(20))))
	for _, o := range e.below(va(20)) {
		require.Equal(t, 1, o.Refs)
	}
	e.c.step(func(v *space) { v.unmapAt(va(20), 4) })
	require.Equal(t, chain, e.freed(chain))
	require.Equal(t, []mach.Name{e.m.port}, e.terminated())

	// One that is still needed in the middle stops it.
	e = delayed(t)
	e.copyTo(va(20), 4)
	e.c.step(func(v *space) { v.fills(va(10), 0x11) })
	e.copyTo(va(30), 4)
	older, rest := identities(e.below(va(20)))[:1:1], identities(e.below(va(30)))
	e.c.step(func(v *space) {
		v.unmapAt(va(10), 4)
		v.unmapAt(va(20), 4)
	})
	all := append(older, rest...)
	require.Equal(t, older, e.freed(all))
	e.m.never("terminate")
	e.c.step(func(v *space) {
		v.holds(va(30), 0x11, 2, 3, 4)
		v.unmapAt(va(30), 4)
	})
	require.Equal(t, all, e.freed(all))
	require.Equal(t, 1, e.m.count("terminate"))
}

// TestVM200_CopyPointerIsCleared: Termination of a copy object clears the copy pointer of the object
// below so that later writes are not pushed.
func TestVM200_CopyPointerIsCleared(t *testing.T) {
	e := delayed(t)
	e.copyTo(va(20), 4)
	require.Equal(t, e.below(va(20))[0].ID, e.info().Copy)
	e.c.step(func(v *space) {
		v.fills(va(10), 0x11)
		v.unmapAt(va(20), 4)
	})
	require.Zero(t, e.info().Copy)
	require.Equal(t, 4, e.used())
	e.c.step(func(v *space) { v.fills(va(11), 0x12) })
	require.Equal(t, 4, e.used())
	e.copyTo(va(30), 4) // and a new copy begins anew
	require.Equal(t, e.below(va(30))[0].ID, e.info().Copy)
	require.Equal(t, e.info().ID, e.below(va(30))[0].Shadow)
	e.c.step(func(v *space) {
		v.fills(va(12), 0x13)
		v.holds(va(30), 0x11, 0x12, 3, 4)
	})

	// The termination of an older copy object leaves the newest alone.
	e = delayed(t)
	e.copyTo(va(20), 4)
	e.c.step(func(v *space) { v.fills(va(10), 0x11) })
	e.copyTo(va(30), 4)
	newest := e.info().Copy
	e.c.step(func(v *space) { v.unmapAt(va(20), 4) })
	require.Equal(t, newest, e.info().Copy)
	e.c.step(func(v *space) {
		v.fills(va(11), 0x12)
		v.holds(va(30), 0x11, 2, 3, 4)
	})
}
