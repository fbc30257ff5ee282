package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestEMM179_NoStoreAfterWriteLock: After lock_completed with WRITE prohibited no store occurs before
// another data_unlock or data_request is answered.
func TestEMM179_NoStoreAfterWriteLock(t *testing.T) {
	locked, written := 0, 0
	underSeeds(t, 40, func(e *emm) {
		zeros(e.m)
		e.m.silent("data_unlock")
		r := e.c.mapPages(1)
		r.reads(0, 0)
		var addr mach.Addr // where the manager looks
		e.m.do(func(x *calls) {
			var code mach.Return
			addr, code = x.vmMap(mapping{object: x.makeSend(e.m.port), size: page})
			x.ok(code)
		})
		reply := e.m.notifyPort()
		over := false
		writers := []*job{}
		for range 2 {
			writers = append(writers, e.c.spawn("writer", func(x *calls) mach.Return {
				for !over {
					v, err := x.Load64(r.addr)
					if err == nil {
						err = x.Store64(r.addr, v+1)
					}
					if err != nil {
						return mach.Code(err)
					}
				}
				return mach.KernSuccess
			}))
		}
		a := e.m.control(0)
		observer := e.spawn(e.m.task, "locker", func(x *calls) mach.Return {
			look := func() uint64 {
				v, err := x.Load64(addr)
				x.ok(mach.Code(err))
				return v
			}
			last := uint64(0)
			for i := range 10 {
				for range 5 {
					x.Yield()
				}
				x.ok(x.lock(a, locking{size: page, ret: mach.ShouldReturn(i % 2), value: mach.ProtWrite, reply: reply}))
				e.WaitUntil(x, func() bool { return e.m.count("lock_completed") == i+1 })
				then := look()
				if then != last {
					written++
				}
				last = then
				for range 10 { // nothing changes, however long one looks
					x.Yield()
					require.Equal(e.t, then, look(), "%v", e.m.trace())
				}
				locked++
				x.ok(x.lock(a, locking{size: page, value: mach.ProtNone}))
			}
			over = true
			return mach.KernSuccess
		})
		e.settle()
		observer.requireDone()
		for _, j := range writers {
			j.requireDone()
		}
	}, loadPoints())
	require.Equal(t, 400, locked)
	require.Greater(t, written, 300) // in between they did
}

// TestEMM180_ProhibitedAccessSendsUnlock: An access prohibited by a page lock sends data_unlock with at
// least the prohibited access wanted.
func TestEMM180_ProhibitedAccessSendsUnlock(t *testing.T) {
	for lock := mach.ProtRead; lock <= mach.ProtAll; lock++ {
		for _, want := range []mach.Prot{mach.ProtRead, mach.ProtDefault, mach.ProtExecute} {
			e, r := lockedPages(t, mach.ProtNone, 3)
			r.see(1)
			e.relock(1, lock)
			n := e.m.news()
			var j *job
			switch want {
			case mach.ProtRead:
				j = r.startLoad(1)
			case mach.ProtDefault:
				j = r.startStore(1, 'x')
			case mach.ProtExecute:
				j = r.startExecute(1)
			}
			if want&lock == 0 {
				j.requireDone()
				n.see()
				continue
			}
			j.requireBlocked() // and no exception
			require.Len(t, n.take(), 1)
			asked := e.m.last("data_unlock")
			require.True(t, asked.access.Allows(want&lock), "%v wanted, %v locked: %v", want, lock, asked)
			require.Equal(t, at(1), asked.offset)
			require.Equal(t, page, asked.length)
			require.Equal(t, e.m.control(0), asked.control)
			require.Equal(t, e.m.port, asked.object)
			e.relock(1, mach.ProtNone)
			j.requireDone()
		}
	}
}

// TestEMM181_NoSecondUnlock: No second data_unlock is sent while one including the wanted access is
// outstanding.
func TestEMM181_NoSecondUnlock(t *testing.T) {
	e, r := lockedPages(t, mach.ProtAll, 2)
	q := e.newClient("other").mapPages(2)
	jobs := []*job{r.startStore(0, 'x')}
	e.unlocks("0 rw-")
	jobs = append(jobs, r.startStore(0, 'y'), q.startStore(0, 'z'), q.startLoad(0), r.startLoad(0))
	aborted := q.startLoad(0)
	q.c.do(func(x *calls) { x.ok(user.ThreadTerminate(x, aborted.thread)) })
	jobs = append(jobs, q.startStore(0, 'w'))
	e.unlocks("0 rw-")
	jobs = append(jobs, r.startLoad(1)) // another page
	e.unlocks("0 rw-", "1 r--")
	for _, j := range jobs {
		j.requireBlocked()
	}
	e.relock(0, mach.ProtNone)
	e.relock(1, mach.ProtNone)
	for _, j := range jobs {
		j.requireDone()
	}
	e.unlocks("0 rw-", "1 r--")

	// When it is answered a new one may follow.
	e.relock(0, mach.ProtWrite)
	r.startStore(0, 'x').requireBlocked()
	e.unlocks("0 rw-", "1 r--", "0 rw-")
}

// TestEMM182_UnlockOfTheUnion: A further prohibited access by another thread sends a data_unlock with the
// union.
func TestEMM182_UnlockOfTheUnion(t *testing.T) {
	e, r := lockedPages(t, mach.ProtAll, 2)
	q := e.newClient("other").mapPages(2).executable()
	q.startExecute(0)
	e.unlocks("0 --x")
	r.startLoad(0)
	e.unlocks("0 --x", "0 r-x")
	q.startStore(0, 'x')
	e.unlocks("0 --x", "0 r-x", "0 rwx")
	r.startStore(0, 'x')
	r.startExecute(1) // each page has its own
	e.unlocks("0 --x", "0 r-x", "0 rwx", "1 --x")
	// The union is that of the requests since locks were last set.
	e.relock(0, mach.ProtAll)
	again := e.m.all("data_unlock")[4:]
	require.NotEmpty(t, again)
	require.Equal(t, mach.ProtAll, again[len(again)-1].access)
}

// TestEMM183_RelockIsAskedAgain: A lock_request that keeps the wanted access prohibited makes the waiter
// send a new data_unlock.
func TestEMM183_RelockIsAskedAgain(t *testing.T) {
	for _, value := range []mach.Prot{mach.ProtWrite, mach.ProtWrite | mach.ProtExecute, mach.ProtRead, mach.ProtAll} {
		e, r := lockedPages(t, mach.ProtWrite, 1)
		r.see(0)
		writer := r.startStore(0, 'x')
		e.unlocks("0 rw-")
		for n := 2; n < 5; n++ {
			e.relock(0, value)
			writer.requireBlocked()
			require.Equal(t, n, e.m.count("data_unlock"))
			require.Equal(t, mach.ProtDefault, e.m.last("data_unlock").access)
		}
		e.relock(0, mach.ProtExecute) // not in its way
		writer.requireDone()
		require.Equal(t, 4, e.m.count("data_unlock"))
	}
}

// TestEMM184_FlushTurnsUnlockIntoRequest: A flush under a waiting unlock turns the waiter's next message
// into a data_request.
func TestEMM184_FlushTurnsUnlockIntoRequest(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnNone, mach.ReturnAll, mach.ReturnAnything} {
		e, r := lockedPages(t, mach.ProtAll, 2)
		e.m.silent("data_request")
		writer, reader := r.startStore(0, 'x'), r.startLoad(1)
		e.supplyLocked(0, mach.ProtWrite)
		e.supplyLocked(1, mach.ProtAll)
		e.unlocks("0 rw-", "1 r--")
		n := e.m.news()
		e.tellLock(locking{size: 2 * page, ret: ret, flush: true, value: mach.ProtNone})
		writer.requireBlocked()
		reader.requireBlocked()
		var asked []string
		for _, m := range n.take() {
			if m[:len("data_return")] != "data_return" {
				asked = append(asked, m)
			}
		}
		require.ElementsMatch(t, []string{"data_request(a,0,rw-)", "data_request(a,1,r--)"}, asked)
		e.supplyLocked(0, mach.ProtNone)
		e.supplyLocked(1, mach.ProtNone)
		writer.requireDone()
		reader.requireValue(2)
		n.see()
	}
}

// supplyLocked has the manager supply page n with a lock.
func (e *emm) supplyLocked(n int, lock mach.Prot) {
	e.t.Helper()
	e.tell(func(x *calls, a mach.Name) { x.ok(x.supply(a, at(n), contents(at(n)), supplied{lock: lock})) })
}

// TestEMM185_ErrorRefusesAccess: A data_error answering that request refuses the access.
func TestEMM185_ErrorRefusesAccess(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 1)
	r.see(0)
	refuse := true
	e.m.on("data_unlock", func(x *turn) {
		x.ok(x.lock(x.control, locking{offset: x.offset, size: x.length, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange}))
	})
	e.m.on("data_request", func(x *turn) {
		if refuse {
			x.ok(x.dataError(x.control, x.offset, x.length, 0x4000123))
			return
		}
		x.supply(x.control, x.offset, contents(x.offset), supplied{lock: mach.ProtWrite})
	})
	n := e.m.news()
	r.storeFails(0, 'x', 0x4000123)
	n.see("data_unlock(a,0,rw-)", "data_request(a,0,rw-)")
	refuse = false
	r.see(0) // reading goes on
	n.see("data_request(a,0,r--)")
}

// TestEMM186_UnlockingKeepsProtection: Unlocking never grants more than the mapping's own protection.
func TestEMM186_UnlockingKeepsProtection(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 1)
	q := e.newClient("other").mapPages(1)
	q.c.step(func(v *space) { v.ok(v.protect(q.addr, page, mach.ProtRead)) })
	q.see(0)
	q.storeFails(0, 'x', mach.KernProtectionFailure)
	e.unlocks() // the manager is not asked
	writer := r.startStore(0, 'x')
	reader := q.startLoad(0)
	reader.requireDone()
	e.relock(0, mach.ProtNone)
	writer.requireDone()
	q.reads(0, 'x')
	require.False(t, writable(q.c.task, q.addr))
	q.storeFails(0, 'y', mach.KernProtectionFailure)
	q.startExecute(0).requireFails(mach.KernProtectionFailure)
	r.reads(0, 'x')
	r.startExecute(0).requireDone()
	e.unlocks("0 rw-")

	// A supply without a lock grants no more either.
	q.storeFails(0, 'y', mach.KernProtectionFailure)
	e.evict(0, 1)
	e.m.supplies.lock = mach.ProtNone
	q.startLoad(0).requireDone()
	q.storeFails(0, 'y', mach.KernProtectionFailure)
}

// wiredMiddle makes the stage with three resident pages, of which the middle one is wired and modified.
func wiredMiddle(t *testing.T) (*emm, *mapped, *news) {
	t.Helper()
	e := newEMM(t)
	r := e.c.mapPages(3)
	for p := range 3 {
		r.store(p, byte('a'+p))
	}
	r.startWire(1, 1).requireDone()
	return e, r, e.m.news()
}

// wiredChanges are lock requests that change all three pages of wiredMiddle.
var wiredChanges = []locking{
	{size: 3 * page, flush: true, value: mach.ProtNoChange},
	{size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange},
	{size: 3 * page, ret: mach.ReturnDirty, value: mach.ProtNoChange},
	{size: 3 * page, ret: mach.ReturnAnything, value: mach.ProtNoChange},
	{size: 3 * page, value: mach.ProtWrite},
	{size: 3 * page, value: mach.ProtAll},
}

// startLock has a thread of the manager make a lock request with a completion to the memory object.
func (e *emm) startLock(l locking) *job {
	e.t.Helper()
	a := e.m.control(0)
	l.reply = e.m.port
	return e.m.start("locker", func(x *calls) mach.Return { return x.lock(a, l) })
}

// TestEMM187_LockWaitsForWiredPage: A lock_request that would change a wired page waits until it is unwired
// or the association ends.
func TestEMM187_LockWaitsForWiredPage(t *testing.T) {
	for _, l := range wiredChanges {
		e, r, n := wiredMiddle(t)
		j := e.startLock(l)
		j.requireBlocked()
		require.Zero(t, e.m.count("lock_completed"))
		r.store(1, 'w') // nothing has been done to the page
		r.reads(1, 'w')
		r.unwire(1, 1)
		j.requireDone()
		log := n.take()
		require.Equal(t, "lock_completed(a,0,3)", log[len(log)-1])
		if l.ret != mach.ReturnNone {
			require.Equal(t, byte('w'), e.m.kept[at(1)][0])
			require.Len(t, e.m.kept, 3)
		}
	}

	// The association ends: what is left is left alone.
	for _, l := range wiredChanges {
		e, r, n := wiredMiddle(t)
		j := e.startLock(l)
		destroyFirst(e)
		j.requireDone()
		log := n.take()
		require.Equal(t, []string{"lock_completed(a,0,3)", "terminate(a)"}, log[len(log)-2:])
		r.reads(1, 'b')
		r.reads(2, 'c')
		require.NotContains(t, e.m.kept, at(1))
		r.unwire(1, 1)

		e, r, _ = wiredMiddle(t)
		j = e.startLock(l)
		j.requireBlocked()
		e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) })
		j.requireDone()
		r.reads(1, 'b')
		r.unwire(1, 1)
	}

	// What changes nothing does not wait.
	e, r, n := wiredMiddle(t)
	for _, l := range []locking{
		{size: 3 * page, value: mach.ProtNone},
		{size: 3 * page, value: mach.ProtNoChange},
		{size: 3 * page, ret: mach.ReturnNone, value: mach.ProtNone},
	} {
		e.startLock(l).requireDone()
		n.see("lock_completed(a,0,3)")
	}
	e.startLock(locking{offset: at(2), size: page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNone}).requireDone()
	r.unwire(1, 1)
}

// TestEMM188_LockDoesNotWaitForRequests: A lock_request does not wait for outstanding data_requests.
func TestEMM188_LockDoesNotWaitForRequests(t *testing.T) {
	for _, l := range append(wiredChanges, locking{size: 3 * page, ret: mach.ReturnAnything, flush: true, value: mach.ProtAll}) {
		e := newEMM(t)
		r := e.c.mapPages(3)
		r.store(0, 'x')
		e.m.silent("data_request")
		reader, writer := r.startLoad(1), r.startStore(2, 'y')
		n := e.m.news()
		e.startLock(l).requireDone()
		reader.requireBlocked()
		writer.requireBlocked()
		log := n.take()
		require.Equal(t, "lock_completed(a,0,3)", log[len(log)-1])
		e.supplyPages(1, 2) // they are still asked for
		reader.requireValue(2)
		writer.requireDone()
	}
}

// TestEMM189_ReturnsOfAtMost32Pages: A lock_request of n contiguous dirty pages returns them in messages of
// at most 32 pages.
func TestEMM189_ReturnsOfAtMost32Pages(t *testing.T) {
	for _, pages := range []int{1, 31, 32, 33, 64, 70} {
		for _, flush := range []bool{false, true} {
			e := newEMM(t)
			r := e.c.mapPages(pages)
			for p := range pages {
				r.store(p, byte(100+p))
			}
			e.tellLock(locking{size: mach.Size(pages) * page, ret: mach.ReturnDirty, flush: flush, value: mach.ProtNoChange})
			next := mach.Offset(0)
			for _, m := range e.m.all("data_return") {
				require.LessOrEqual(t, m.length, 32*page)
				require.Equal(t, next, m.offset) // in ascending order, each page once
				next += mach.Offset(m.length)
			}
			require.Equal(t, at(pages), next)
			for p := range pages {
				require.Equal(t, byte(100+p), e.m.kept[at(p)][0])
				require.Equal(t, contents(at(p))[1:], e.m.kept[at(p)][1:])
			}
		}
	}
}

// TestEMM190_ReturnsAreNotMixed: Dirty and clean precious pages are never mixed in one data_return.
func TestEMM190_ReturnsAreNotMixed(t *testing.T) {
	const pages = 40
	for seed := range 10 {
		for _, ret := range []mach.ShouldReturn{mach.ReturnAll, mach.ReturnAnything} {
			for _, flush := range []bool{false, true} {
				e, _, dirty := patchwork(t, seed, pages)
				e.tellLock(locking{size: pages * page, ret: ret, flush: flush, value: mach.ProtNoChange})
				modified, clean := e.uniform(0, dirty)
				require.Equal(t, pages, modified+clean)
				require.NotZero(t, modified)
				require.NotZero(t, clean)
			}
		}
	}
}
