package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// abortStopped suspends a thread of the client that waits, aborts its wait and says whether it has ended.
func (c *client) abortStopped(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) {
		x.ok(user.ThreadSuspend(x, j.thread))
		x.ok(user.ThreadAbort(x, j.thread))
	})
	j.requireBlocked()
}

func (c *client) resume(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) { x.ok(user.ThreadResume(x, j.thread)) })
}

// TestVM128_AbortedThreadTriesAgain: A thread aborted while waiting for data re-executes the access when
// resumed.
func TestVM128_AbortedThreadTriesAgain(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	reader := r.startLoad(0)
	faults := e.stats().Faults
	e.c.abort(reader)
	reader.requireBlocked()
	require.Equal(t, faults+1, e.stats().Faults, "it has tried again")
	e.m.see("init(a)", "data_request(a,0,r--)") // what was requested is still requested
	e.supplyPages(0)
	reader.requireValue(1)

	writer := r.startStore(1, 'x')
	e.c.abortStopped(writer)
	e.supplyPages(1)
	writer.requireBlocked()
	require.False(t, e.pageAt(1).Dirty)
	e.c.step(func(v *space) { v.ok(v.protect(r.at(1), page, mach.ProtNone)) })
	e.c.resume(writer)
	writer.requireFails(mach.KernProtectionFailure) // the access meets what is there now
}

// TestVM129_DataAfterAbortIsKept: Data supplied after the waiting thread was aborted is kept and satisfies
// the next fault without a new request.
func TestVM129_DataAfterAbortIsKept(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	r.abandonLoad(0)
	stopped := r.startLoad(1)
	e.c.abortStopped(stopped)
	e.supplyPages(0, 1)
	require.Equal(t, "data", e.pageAt(0).State)
	require.Equal(t, 2, e.resident(e.m.port))
	r.see(0)
	r.store(1, 'x')
	e.c.resume(stopped)
	stopped.requireValue('x')
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)")
}

// TestVM130_RegionGoesDuringFault: A fault whose region is deallocated while it waits fails with
// KERN_INVALID_ADDRESS once data arrives.
func TestVM130_RegionGoesDuringFault(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	reader, writer := r.startLoad(0), r.startStore(1, 'x')
	r.unmap()
	reader.requireBlocked()
	writer.requireBlocked()
	e.m.never("terminate") // the faults keep the object
	e.supplyPages(0)
	reader.requireFails(mach.KernInvalidAddress)
	writer.requireBlocked()
	e.supplyPages(1)
	writer.requireFails(mach.KernInvalidAddress)
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "terminate(a)")
}

// TestVM131_RegionLosesWriteDuringFault: A fault whose region becomes read-only while it waits for a write
// does not grant write access.
func TestVM131_RegionLosesWriteDuringFault(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	writer := r.startStore(0, 'x')
	e.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtRead)) })
	writer.requireBlocked()
	e.supplyPages(0)
	writer.requireFails(mach.KernProtectionFailure)
	r.see(0)
	r.storeFails(0, 'y', mach.KernProtectionFailure)
	require.False(t, e.pageAt(0).Dirty)
	r.unmap()
	e.m.never("data_return")

	// The loss may come as late as between the data and the translation.
	e = newEMM(t)
	r = e.c.mapPages(1)
	thief := e.at("before-verify", e.c.task, func(x *calls) { x.ok(x.protect(r.addr, r.size(), mach.ProtRead)) })
	writer = r.startStore(0, 'x')
	thief.requireDone()
	writer.requireFails(mach.KernProtectionFailure)
	r.see(0)
	require.False(t, e.pageAt(0).Dirty)
}

// TestVM132_FaultWaitsForPage: A fault that finds no free page waits, holding no busy page, and succeeds
// later.
func TestVM132_FaultWaitsForPage(t *testing.T) {
	const frames = 8
	few := withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.Frames, h.WithoutPageout = frames, true })
	// starve takes all free pages, and is told to give them back.
	starve := func(e *emm, v *space) {
		n := v.stats().Free
		v.fill(va(500), n, 1)
		require.Zero(t, v.stats().Free)
	}
	t.Run("zero fill", func(t *testing.T) {
		e := newEMM(t, few)
		hog := e.newClient("hog")
		e.c.step(func(v *space) { v.have(va(10), 1) })
		hog.step(func(v *space) { starve(e, v) })
		j := e.c.start("store", func(x *calls) mach.Return { return x.space().stores(va(10), 'x') })
		j.requireBlocked()
		e.c.step(func(v *space) {
			_, chain := v.inspect(va(10))
			for _, o := range chain {
				require.Empty(t, o.Pages)
				require.Zero(t, o.Paging)
			}
		})
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		e.c.step(func(v *space) { v.first(va(10), 'x') })
	})
	t.Run("copy", func(t *testing.T) {
		e := newEMM(t, few)
		e.c.step(func(v *space) { v.fill(va(10), 1, 1) })
		child := e.Fork(e.c.task)
		hog := e.newClient("hog")
		hog.step(func(v *space) { starve(e, v) })
		j := e.start(child, "store", func(x *calls) mach.Return { return x.space().stores(va(10), 'x') })
		j.requireBlocked()
		_, chain := inspect(t, child, va(10))
		for _, o := range chain {
			require.Zero(t, o.Paging)
			for _, p := range o.Pages {
				require.False(t, p.Busy)
			}
		}
		e.c.step(func(v *space) { v.holds(va(10), 1) }) // the page below is not kept
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		e.c.step(func(v *space) { v.holds(va(10), 1) })
		e.In(child, func(v *space) { v.first(va(10), 'x') })
	})
	t.Run("unavailable", func(t *testing.T) {
		e := newSilent(t, few)
		r := e.c.mapPages(1)
		j := r.startStore(0, 'x')
		hog := e.newClient("hog")
		hog.step(func(v *space) { starve(e, v) })
		e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), 0, page)) })
		j.requireBlocked()
		require.False(t, e.pageAt(0).Busy)
		require.Zero(t, e.info().Paging)
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		r.reads(0, 'x')
	})
}
