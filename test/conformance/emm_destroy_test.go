package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// destroyedCode sets DestroyedFaultCode.
func destroyedCode(code mach.Return) option {
	return withField("DestroyedFaultCode", fmt.Sprint(code))
}

var destroyedCodes = []mach.Return{mach.KernMemoryFailure, mach.KernMemoryError}

// destroyFirst has the manager destroy its first association.
func destroyFirst(e *emm) {
	e.m.do(func(x *calls) { require.Equal(e.t, mach.KernSuccess, x.destroy(e.m.control(0), mach.KernFailure)) })
}

// TestEMM086_DestroyTerminatesMappedObject: destroy leads to exactly one terminate even while mappings
// exist.
func TestEMM086_DestroyTerminatesMappedObject(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(1), e.newClient("other").mapPages(2)
	r.see(0)
	destroyFirst(e)
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
	require.Equal(t, e.m.control(0), e.m.last("terminate").control)
	r.unmap()
	q.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
}

// TestEMM087_DestroyIgnoresItsReason: destroy returns KERN_SUCCESS whatever the reason argument.
func TestEMM087_DestroyIgnoresItsReason(t *testing.T) {
	for _, reason := range []mach.Return{mach.KernSuccess, mach.KernFailure, mach.KernMemoryError, -1, 0x10000003, 1 << 30} {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.see(0)
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroy(e.m.control(0), reason)) })
		e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
		r.see(0)
		r.fails(1, mach.KernMemoryFailure) // the reason is not the code
	}
}

// TestEMM088_DestroyReturnsNoPage: destroy itself returns no dirty or precious page.
func TestEMM088_DestroyReturnsNoPage(t *testing.T) {
	e := newEMM(t)
	e.m.supplies = supplied{precious: true}
	r := e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	destroyFirst(e)
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "terminate(a)")
	require.Empty(t, e.m.kept)
}

// flushAndDestroy has the manager flush two pages, one of them modified, and destroy the association.
func flushAndDestroy(t *testing.T, ret mach.ShouldReturn) *emm {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	e.m.do(func(x *calls) {
		x.lock(e.m.control(0), locking{size: 2 * page, ret: ret, flush: true, value: mach.ProtWrite, reply: e.m.port})
		x.destroy(e.m.control(0), 0)
	})
	r.fails(0, mach.KernMemoryFailure)
	r.fails(1, mach.KernMemoryFailure)
	return e
}

// TestEMM089_FlushBeforeDestroyReturnsDirtyPages: A lock_request with flush and RETURN_DIRTY before
// destroy returns the modified pages before terminate.
func TestEMM089_FlushBeforeDestroyReturnsDirtyPages(t *testing.T) {
	e := flushAndDestroy(t, mach.ReturnDirty)
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)",
		"data_return(a,0,dirty)", "lock_completed(a,0,2)", "terminate(a)")
	require.Equal(t, byte('x'), e.m.kept[0][0])
}

// TestEMM090_FlushWithoutReturnLosesDirtyPages: A lock_request with flush and RETURN_NONE before
// destroy loses modified pages.
func TestEMM090_FlushWithoutReturnLosesDirtyPages(t *testing.T) {
	e := flushAndDestroy(t, mach.ReturnNone)
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "lock_completed(a,0,2)", "terminate(a)")
	require.Empty(t, e.m.kept)
}

// TestEMM091_NoTrafficAfterDestroy: After destroy no data_request, data_unlock or synchronize is sent
// for the association, and no data_return except, before terminate, for a page already taken off the
// object when destroy was executed.
func TestEMM091_NoTrafficAfterDestroy(t *testing.T) {
	e := newEMM(t)
	e.m.supplies = supplied{precious: true, lock: mach.ProtWrite}
	r := e.c.mapPages(4)
	r.see(0)
	r.see(1)
	e.m.do(func(x *calls) { x.lock(e.m.control(0), locking{size: page}) }) // page 0 may be written
	r.store(0, 'x')
	before := []string{"init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "terminate(a)"}
	destroyFirst(e)
	e.m.see(before...)

	r.fails(2, mach.KernMemoryFailure)           // would be a data_request
	r.storeFails(1, 'x', mach.KernMemoryFailure) // would be a data_unlock
	e.c.do(func(x *calls) {                      // would be a data_return and a synchronize
		x.msync(r.addr, r.size(), mach.SyncSynchronous)
		x.msync(r.addr, r.size(), mach.SyncSynchronous|mach.SyncInvalidate)
	})
	r.unmap()
	e.m.see(before...)
	require.Equal(t, 0, e.m.status(e.m.port).messages)

	// A page that is on its way out when destroy is called goes to the manager still, and before the terminate; one
	// that is not stays with the mapping.
	e = newPressed(t)
	r = e.c.mapPages(2)
	r.write(0, 2, 'x')
	presser := e.presser()
	a := e.m.control(0)
	destroyer := e.at("before-data-return", e.m.task, func(x *calls) {
		require.Zero(t, e.sent(dataReturnID()))
		x.ok(x.destroy(a, mach.KernFailure))
	})
	presser.squeeze()
	destroyer.requireDone()
	returns := e.m.all("data_return")
	require.Len(t, returns, 1)
	gone := int(returns[0].offset / at(1))
	require.Equal(t, 'x'+byte(gone), returns[0].data[0])
	require.Equal(t, []string{fmt.Sprintf("data_return(a,%d,dirty)", gone), "terminate(a)"}, e.m.trace()[3:])
	r.fails(gone, mach.KernMemoryFailure)
	r.unmap()
	require.Len(t, e.m.trace(), 5)
}

// TestEMM092_ResidentPagesStayAccessible: After destroy resident pages stay accessible to existing
// mappings.
func TestEMM092_ResidentPagesStayAccessible(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(2), e.newClient("other").mapPages(2)
	r.see(0)
	r.store(1, 'x')
	destroyFirst(e)
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "terminate(a)")
	r.see(0)
	q.see(0) // not touched by this one before
	q.reads(1, 'x')
	q.store(0, 'y')
	r.reads(0, 'y')
	r.store(1, 'z')
	q.reads(1, 'z')
}

// TestEMM093_NonResidentPagesFailAfterDestroy: After destroy an access to a non-resident page fails
// with the destroyed-object code.
func TestEMM093_NonResidentPagesFailAfterDestroy(t *testing.T) {
	for _, code := range destroyedCodes {
		e := newEMM(t, destroyedCode(code))
		r := e.c.mapPages(3)
		r.see(0)
		destroyFirst(e)
		r.fails(1, code)
		r.storeFails(1, 'x', code)
		r.fails(2, code)
		r.see(0)
	}
}

// TestEMM094_NonResidentPagesAreNotZeroFilled: After destroy a non-resident page is never replaced by
// zeros.
func TestEMM094_NonResidentPagesAreNotZeroFilled(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	r.see(0)
	destroyFirst(e)
	for range 2 { // a first failure leaves nothing behind that a second access could find
		r.fails(1, mach.KernMemoryFailure)
		r.storeFails(1, 'x', mach.KernMemoryFailure)
		e.c.do(func(x *calls) {
			_, code := user.VMRead(x, x.self(), r.addr+mach.Addr(page), 2*page)
			if code == mach.KernSuccess { // a lazy copy fails when it is looked at
				return
			}
			require.Equal(t, mach.KernMemoryFailure, code)
		})
	}
	r.fails(2, mach.KernMemoryFailure)
}

// TestEMM095_DestroyFailsWaitingThreads: A thread waiting for data when destroy is executed fails with
// the destroyed-object code.
func TestEMM095_DestroyFailsWaitingThreads(t *testing.T) {
	for _, code := range destroyedCodes {
		e := newEMM(t, destroyedCode(code))
		e.m.on("data_request", func(x *turn) {
			if x.offset == at(2) {
				x.supply(x.control, x.offset, contents(x.offset), supplied{lock: mach.ProtAll})
			}
		})
		e.m.silent("data_unlock")
		r, q := e.c.mapPages(3), e.newClient("other").mapPages(3)
		waits := []*job{r.startLoad(0), q.startLoad(0), r.startStore(1, 'x'), q.startLoad(1), r.startLoad(2)}
		for _, j := range waits {
			j.requireBlocked()
		}
		destroyFirst(e)
		for _, j := range waits {
			j.requireFails(code)
		}
		e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "data_request(a,2,r--)",
			"data_unlock(a,2,r--)", "terminate(a)")
	}
}

// TestEMM096_DestroyDoesNotWaitForAnswers: destroy does not wait for an answer to an outstanding
// data_request.
func TestEMM096_DestroyDoesNotWaitForAnswers(t *testing.T) {
	e := newEMM(t)
	destroyed := false
	e.m.on("data_request", func(x *turn) { // the only thread there is to answer
		require.Equal(t, mach.KernSuccess, x.destroy(x.control, 0))
		destroyed = true
	})
	r := e.c.mapPages(1)
	j := r.startLoad(0)
	require.True(t, destroyed)
	j.requireFails(mach.KernMemoryFailure)
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
}

// TestEMM097_DestroyedObjectAndItsSuccessor: After destroy a new vm_map of the port creates a new
// association while old mappings keep the old pages.
func TestEMM097_DestroyedObjectAndItsSuccessor(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'o')
	destroyFirst(e)
	q := e.c.mapPages(2)
	q.see(0) // as the manager has it
	q.store(0, 'n')
	q.see(1)
	r.reads(0, 'o')
	r.fails(1, mach.KernMemoryFailure)
	r.unmap()
	q.reads(0, 'n')
	q.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "terminate(a)",
		"init(b)", "data_request(b,0,r--)", "data_request(b,1,r--)", "data_return(b,0,dirty)", "terminate(b)")
}

// TestEMM098_LastUnmapOfDestroyedObjectIsSilent: The last unmap of a destroyed object sends no
// message.
func TestEMM098_LastUnmapOfDestroyedObjectIsSilent(t *testing.T) {
	e := newEMM(t)
	free := e.k.VM().Stats().Free
	r := e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	destroyFirst(e)
	before := e.m.trace()
	r.store(1, 'y')
	r.unmap()
	e.m.see(before...)
	require.Equal(t, 0, e.m.status(e.m.port).messages)
	require.Equal(t, free, e.k.VM().Stats().Free) // and the pages are gone
}

// TestEMM099_SecondDestroyHasNoEffect: A second destroy on the same control port causes no second
// terminate.
func TestEMM099_SecondDestroyHasNoEffect(t *testing.T) {
	for _, point := range windowPoints {
		e := newEMM(t)
		r := e.c.mapPages(1)
		a := e.m.control(0)
		w := e.at(point, e.m.task, func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroy(a, 0)) })
		destroyFirst(e)
		w.requireDone()
		e.m.do(func(x *calls) {
			require.Equal(t, mach.KernSuccess, x.destroy(a, 0))
			require.Equal(t, []string{"memory_object_destroy", "memory_object_destroy"}, x.drain(a))
		})
		r.unmap()
		e.m.see("init(a)", "terminate(a)")
	}
}

// TestEMM100_DestroyOfCachedObject: destroy on a cached object terminates it without returning pages.
func TestEMM100_DestroyOfCachedObject(t *testing.T) {
	e := newCached(t)
	e.m.supplies = supplied{precious: true}
	free := e.k.VM().Stats().Free
	r := e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	r.unmap()
	e.m.never("terminate")
	destroyFirst(e)
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "terminate(a)")
	require.Equal(t, free, e.k.VM().Stats().Free)
	e.c.mapPages(2).see(0) // nothing of the old pages is left
	require.Equal(t, "data_request(b,0,r--)", e.m.trace()[len(e.m.trace())-1])
}

// TestEMM101_DestroyConcernsOneKernel: destroy by one kernel's control port leaves other kernels'
// associations intact.
func TestEMM101_DestroyConcernsOneKernel(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	q := e.newClientOn(e.boot("far", page), "far").mapPages(2)
	r.see(0)
	q.see(0)
	destroyFirst(e)
	e.m.see("init(a)", "init(b)", "data_request(a,0,r--)", "data_request(b,0,r--)", "terminate(a)")
	r.fails(1, mach.KernMemoryFailure)
	q.see(1)
	q.store(0, 'x')
	q.unmap()
	e.m.see("init(a)", "init(b)", "data_request(a,0,r--)", "data_request(b,0,r--)", "terminate(a)",
		"data_request(b,1,r--)", "data_return(b,0,dirty)", "terminate(b)")
}

// TestEMM103_UnlockOfDestroyedObjectFails: An access that needs an unlock on a destroyed object fails
// with the destroyed-object code.
func TestEMM103_UnlockOfDestroyedObjectFails(t *testing.T) {
	for _, code := range destroyedCodes {
		e := newEMM(t, destroyedCode(code))
		e.m.supplies = supplied{lock: mach.ProtWrite}
		r := e.c.mapPages(2)
		r.see(0)
		r.see(1)
		e.m.do(func(x *calls) { x.lock(e.m.control(0), locking{offset: at(1), size: page, value: mach.ProtAll}) })
		destroyFirst(e)
		r.storeFails(0, 'x', code)
		r.see(0) // a read is allowed
		r.fails(1, code)
		e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "terminate(a)")
	}
}
