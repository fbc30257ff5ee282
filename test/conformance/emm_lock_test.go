package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// fourKinds makes the stage with a mapping of six pages. The first four are resident: 0 is clean, 1 clean
// and precious, 2 modified, 3 modified and precious. Page 4 is not, and 5 is as 3.
func fourKinds(t *testing.T, opts ...option) (*emm, *mapped, *news) {
	t.Helper()
	e := newEMM(t, opts...)
	e.m.on("data_request", func(x *turn) {
		x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset/at(1)%2 == 1})
	})
	r := e.c.mapPages(6)
	r.see(0)
	r.see(1)
	for _, p := range []int{2, 3, 5} {
		r.store(p, 'x')
	}
	return e, r, e.m.news()
}

// lockFour is a lock_request for the first five pages, with a completion to the memory object.
func (e *emm) lockFour(ret mach.ShouldReturn, flush bool) {
	e.t.Helper()
	e.tellLock(locking{size: 5 * page, ret: ret, flush: flush, value: mach.ProtNoChange, reply: e.m.port})
}

// returned is a data_return as the log shows it.
func returned(p int, dirty, kept bool) string {
	s := fmt.Sprintf("data_return(a,%d,clean", p)
	if dirty {
		s = fmt.Sprintf("data_return(a,%d,dirty", p)
	}
	if kept {
		s += ",kept"
	}
	return s + ")"
}

const fourDone = "lock_completed(a,0,5)"

// TestEMM160_ReturnNoneReturnsNothing: RETURN_NONE without flush returns nothing.
func TestEMM160_ReturnNoneReturnsNothing(t *testing.T) {
	for _, value := range []mach.Prot{mach.ProtNoChange, mach.ProtNone, mach.ProtWrite, mach.ProtAll} {
		e, r, n := fourKinds(t)
		e.tellLock(locking{size: 5 * page, ret: mach.ReturnNone, value: value, reply: e.m.port})
		n.see(fourDone)
		e.tellLock(locking{size: 5 * page, value: mach.ProtNone})
		for p, b := range []byte{1, 2, 'x', 'x'} {
			r.reads(p, b)
		}
		n.see()
		r.unmap() // modified and precious as before
		require.ElementsMatch(t, []string{returned(1, false, false), returned(2, true, false), returned(3, true, false),
			returned(5, true, false), "terminate(a)"}, n.take())
	}
}

// TestEMM161_FlushWithoutReturnLosesPages: RETURN_NONE with flush discards dirty pages.
func TestEMM161_FlushWithoutReturnLosesPages(t *testing.T) {
	e, r, n := fourKinds(t)
	e.lockFour(mach.ReturnNone, true)
	n.see(fourDone)
	for p := range 4 {
		r.see(p) // what the manager has, not what the client wrote
	}
	n.see("data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,2,r--)", "data_request(a,3,r--)")
	require.Empty(t, e.m.kept)
	r.reads(5, 'x') // out of the range
	n.see()
}

// TestEMM162_ReturnDirty: RETURN_DIRTY returns dirty pages and not clean precious ones.
func TestEMM162_ReturnDirty(t *testing.T) {
	for _, flush := range []bool{false, true} {
		e, r, n := fourKinds(t)
		e.lockFour(mach.ReturnDirty, flush)
		n.see(returned(2, true, !flush), returned(3, true, !flush), fourDone)
		require.Len(t, e.m.kept, 2)
		require.Equal(t, byte('x'), e.m.kept[at(2)][0])
		require.Equal(t, byte('x'), e.m.kept[at(3)][0])
		r.reads(5, 'x')
		n.see()
	}
}

// TestEMM163_FlushDiscardsPreciousPages: RETURN_DIRTY with flush discards clean precious pages.
func TestEMM163_FlushDiscardsPreciousPages(t *testing.T) {
	e, r, n := fourKinds(t)
	e.lockFour(mach.ReturnDirty, true)
	require.NotContains(t, n.take(), returned(1, false, false))
	e.m.silent("data_request")
	j := r.startLoad(1)
	j.requireBlocked()
	n.see("data_request(a,1,r--)")
	e.supplyPages(1)
	j.requireDone()
	r.unmap() // supplied as not precious
	require.ElementsMatch(t, []string{returned(5, true, false), "terminate(a)"}, n.take())
}

// TestEMM164_ReturnAll: RETURN_ALL returns dirty and precious pages.
func TestEMM164_ReturnAll(t *testing.T) {
	for _, flush := range []bool{false, true} {
		e, _, n := fourKinds(t)
		e.lockFour(mach.ReturnAll, flush)
		n.see(returned(1, false, !flush), returned(2, true, !flush), returned(3, true, !flush), fourDone)
		require.Equal(t, contents(at(1)), e.m.kept[at(1)])
		require.Equal(t, byte('x'), e.m.kept[at(3)][0])
	}
}

// TestEMM165_ReturnAnything: RETURN_ANYTHING returns every resident page of the range.
func TestEMM165_ReturnAnything(t *testing.T) {
	for _, flush := range []bool{false, true} {
		e, r, n := fourKinds(t)
		e.m.silent("data_request")
		r.abandonLoad(4)
		n.take()
		e.lockFour(mach.ReturnAnything, flush)
		n.see(returned(0, false, !flush), returned(1, false, !flush), returned(2, true, !flush), returned(3, true, !flush), fourDone)
		require.Equal(t, contents(0), e.m.kept[0])
		r.reads(5, 'x')
	}
}

// TestEMM166_ReturnedPagesStay: Without flush returned pages have kernel_copy TRUE and stay resident and
// clean.
func TestEMM166_ReturnedPagesStay(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnDirty, mach.ReturnAll, mach.ReturnAnything} {
		e, r, n := fourKinds(t)
		e.lockFour(ret, false)
		require.NotZero(t, e.m.count("data_return"))
		for _, m := range e.m.all("data_return") {
			require.True(t, m.kernelCopy)
		}
		n.take()
		for p, b := range []byte{1, 2, 'x', 'x'} {
			r.reads(p, b)
		}
		e.lockFour(mach.ReturnDirty, false)
		n.see(fourDone)
		r.store(2, 'y') // dirty again
		e.lockFour(mach.ReturnDirty, false)
		n.see(returned(2, true, true), fourDone)
		require.Equal(t, byte('y'), e.m.kept[at(2)][0])
	}
}

// TestEMM167_PreciousStaysPrecious: Without flush a precious page stays precious.
func TestEMM167_PreciousStaysPrecious(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnNone, mach.ReturnDirty, mach.ReturnAll, mach.ReturnAnything} {
		e, r, n := fourKinds(t)
		e.lockFour(ret, false)
		e.lockFour(ret, false)
		n.take()
		e.lockFour(mach.ReturnAll, false)
		modified := ret == mach.ReturnNone // nothing has made it clean
		want := []string{returned(1, false, true), returned(3, modified, true), fourDone}
		if modified {
			want = []string{returned(1, false, true), returned(2, true, true), returned(3, true, true), fourDone}
		}
		n.see(want...)
		r.unmap()
		require.ElementsMatch(t, []string{returned(1, false, false), returned(3, false, false), returned(5, true, false),
			"terminate(a)"}, n.take())
	}
}

// TestEMM168_FlushLeavesNothing: With flush no page of the range that was resident remains mapped or
// resident.
func TestEMM168_FlushLeavesNothing(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnNone, mach.ReturnDirty, mach.ReturnAll, mach.ReturnAnything} {
		for _, value := range []mach.Prot{mach.ProtNoChange, mach.ProtNone, mach.ProtWrite} {
			e, r, n := fourKinds(t)
			q := e.newClient("other").mapPages(6)
			for p := range 4 {
				q.startLoad(p).requireDone()
			}
			e.tellLock(locking{size: 5 * page, ret: ret, flush: true, value: value})
			e.m.silent("data_request")
			n.take()
			for p := range 4 {
				for _, m := range []*mapped{r, q} {
					prot, _ := m.c.task.Map().Translation(m.at(p))
					require.Zero(t, prot)
					m.startLoad(p).requireBlocked()
				}
			}
			n.see("data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,2,r--)", "data_request(a,3,r--)")
			require.Equal(t, 1, e.resident(e.m.port))
			q.reads(5, 'x')
		}
	}
}

// TestEMM169_ReturnsPrecedeCompletion: All data_return messages of a lock_request precede its
// lock_completed if both use the object port.
func TestEMM169_ReturnsPrecedeCompletion(t *testing.T) {
	for _, flush := range []bool{false, true} {
		e := newEMM(t)
		e.m.supplies.precious = true
		r := e.c.mapPages(50)
		resident := 0
		for p := range 50 {
			switch {
			case p%7 == 3: // not there
			case p%3 == 0:
				r.see(p)
				resident++
			default:
				r.store(p, 'x')
				resident++
			}
		}
		n := e.m.news()
		e.tellLock(locking{size: 50 * page, ret: mach.ReturnAll, flush: flush, value: mach.ProtWrite, reply: e.m.port})
		log := n.take()
		require.Equal(t, "lock_completed(a,0,50)", log[len(log)-1])
		require.Len(t, log, resident+1)
		n.see()
	}

	// Also if several are under way, and clients want the pages back at once.
	underSeeds(t, 40, func(e *emm) {
		keeper(e.m)
		r := e.c.mapPages(6)
		for p := range 6 {
			r.store(p, 'x')
		}
		a := e.m.control(0)
		for half := range 2 {
			e.m.spawn("locker", func(x *calls) mach.Return {
				return x.lock(a, locking{offset: at(3 * half), size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange, reply: e.m.port})
			})
			e.c.spawn("reader", func(x *calls) mach.Return {
				for i := range 12 {
					x.load(r.at((i + half) % 6))
				}
				return mach.KernSuccess
			})
		}
		n := e.m.news()
		e.settle()
		returns := [2]int{}
		done := [2]bool{}
		for _, m := range n.take() {
			var p int
			switch kind, _, _ := strings.Cut(m, "("); kind {
			case "data_return":
				fmt.Sscanf(m, "data_return(a,%d,dirty)", &p)
				require.False(e.t, done[p/3], "%v", e.m.trace())
				returns[p/3]++
			case "lock_completed":
				fmt.Sscanf(m, "lock_completed(a,%d,3)", &p)
				done[p/3] = true
				require.Equal(e.t, 3, returns[p/3], "%v", e.m.trace())
			}
		}
		require.Equal(e.t, [2]bool{true, true}, done)
	})
}

// TestEMM170_OneLockCompleted: lock_completed is sent exactly once per accepted lock_request with a reply
// right.
func TestEMM170_OneLockCompleted(t *testing.T) {
	for _, disp := range []mach.Disposition{mach.MakeSendOnce, mach.MakeSend, mach.CopySend, mach.MoveSend, mach.MoveSendOnce} {
		e, _, _ := fourKinds(t)
		notify := e.m.notifyPort()
		sent := 0
		for _, l := range []locking{
			{size: 5 * page, value: mach.ProtNoChange},
			{size: 5 * page, ret: mach.ReturnAnything, value: mach.ProtWrite},
			{size: 5 * page, ret: mach.ReturnAll, flush: true, value: mach.ProtNone},
			{offset: at(3), size: 0, value: mach.ProtNone},
			{offset: at(700), size: 9 * page, flush: true, value: mach.ProtAll},
			{offset: 0, size: 5*page - 7, value: mach.ProtRead},
		} {
			e.tell(func(x *calls, a mach.Name) {
				l.reply, l.disp = notify, disp
				switch disp {
				case mach.CopySend, mach.MoveSend:
					x.makeSend(notify)
				case mach.MoveSendOnce:
					l.reply = x.space().sendOnce(notify)
				}
				x.ok(x.lock(a, l))
			})
			sent++
			log := e.m.traceOn(notify)
			require.Len(t, log, sent, "%v", log)
			last := e.m.last("lock_completed")
			require.Equal(t, l.offset, last.offset)
			require.Equal(t, l.size, last.length)
			require.Equal(t, e.m.control(0), last.control)
		}
		require.Equal(t, sent, e.m.count("lock_completed"))
	}
}

// TestEMM171_CompletionWithoutPages: lock_completed is sent even if no page of the range is resident.
func TestEMM171_CompletionWithoutPages(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(4)
	n := e.m.news()
	for _, flush := range []bool{false, true} {
		e.tellLock(locking{size: 4 * page, ret: mach.ReturnAll, flush: flush, value: mach.ProtAll, reply: e.m.port})
		n.see("lock_completed(a,0,4)")
	}
	r.abandonLoad(1) // only asked for
	n.take()
	e.tellLock(locking{offset: at(1), size: page, ret: mach.ReturnAnything, flush: true, value: mach.ProtNone, reply: e.m.port})
	n.see("lock_completed(a,1,1)")
	e.tellLock(locking{offset: at(90), size: page, value: mach.ProtNone, reply: e.m.port})
	n.see("lock_completed(a,90,1)")
	e.tellLock(locking{offset: at(2), value: mach.ProtNone, reply: e.m.port})
	n.see("lock_completed(a,2,0)")
}

// TestEMM172_NoCompletionWithoutReplyRight: A null reply right suppresses lock_completed.
func TestEMM172_NoCompletionWithoutReplyRight(t *testing.T) {
	e, r, n := fourKinds(t)
	e.tellLock(locking{size: 5 * page, ret: mach.ReturnDirty, value: mach.ProtWrite})
	n.see(returned(2, true, true), returned(3, true, true))
	e.tellLock(locking{size: 5 * page, ret: mach.ReturnAll, flush: true, value: mach.ProtNone})
	n.see(returned(1, false, false), returned(3, false, false)) // it was executed all the same
	r.see(0)
	require.Zero(t, e.m.count("lock_completed"))
	require.Zero(t, e.m.count("message"))
}

// TestEMM173_LockReplacesLock: A lock value replaces the previous page lock.
func TestEMM173_LockReplacesLock(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 1)
	r.see(0)
	writer := r.startStore(0, 'x')
	e.unlocks("0 rw-")
	e.relock(0, mach.ProtExecute) // no longer WRITE
	writer.requireDone()
	r.reads(0, 'x')
	r.store(0, 'y')
	e.unlocks("0 rw-")
	runner := r.startExecute(0)
	e.unlocks("0 rw-", "0 --x")
	e.relock(0, mach.ProtWrite) // no longer EXECUTE
	runner.requireDone()
	writer = r.startStore(0, 'z')
	writer.requireBlocked()
	e.unlocks("0 rw-", "0 --x", "0 rw-")
	e.relock(0, mach.ProtNone)
	writer.requireDone()
	r.startExecute(0).requireDone()
	e.unlocks("0 rw-", "0 --x", "0 rw-")
}

// TestEMM174_NoChangeLeavesLocks: VM_PROT_NO_CHANGE leaves page locks as they are.
func TestEMM174_NoChangeLeavesLocks(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnNone, mach.ReturnDirty, mach.ReturnAll, mach.ReturnAnything} {
		e, r := lockedPages(t, mach.ProtWrite, 3)
		r.see(0)
		r.see(1)
		e.relock(1, mach.ProtNone)
		r.store(1, 'x')
		r.see(2)
		e.relock(2, mach.ProtAll)
		e.tellLock(locking{size: 3 * page, ret: ret, value: mach.ProtNoChange})
		r.see(0)
		r.store(1, 'y')
		e.unlocks()
		r.startStore(0, 'x').requireBlocked()
		e.unlocks("0 rw-")
		r.startLoad(2).requireBlocked()
		e.unlocks("0 rw-", "2 r--")
	}
}

// TestEMM175_NoChangeLeavesUnlockRequests: VM_PROT_NO_CHANGE without flush leaves the outstanding unlock
// requests of unwired pages outstanding.
func TestEMM175_NoChangeLeavesUnlockRequests(t *testing.T) {
	for _, ret := range []mach.ShouldReturn{mach.ReturnNone, mach.ReturnDirty, mach.ReturnAll, mach.ReturnAnything} {
		e, r := lockedPages(t, mach.ProtWrite, 1)
		r.see(0)
		writer := r.startStore(0, 'x')
		e.unlocks("0 rw-")
		e.tellLock(locking{size: page, ret: ret, value: mach.ProtNoChange})
		second := r.startStore(0, 'y') // the manager knows already
		writer.requireBlocked()
		second.requireBlocked()
		e.unlocks("0 rw-")
		e.relock(0, mach.ProtNone)
		writer.requireDone()
		second.requireDone()
	}

	// A wired page to which nothing happens is looked at anew.
	e, r := lockedPages(t, mach.ProtExecute, 1)
	q := e.newClient("other").mapPages(1)
	q.startWire(0, 1).requireDone()
	runner := r.startExecute(0)
	e.unlocks("0 --x")
	e.tellLock(locking{size: page, value: mach.ProtNoChange})
	runner.requireBlocked()
	e.unlocks("0 --x", "0 --x")
	q.unwire(0, 1)
}

// TestEMM176_InvalidLockValue: An invalid lock value is rejected without completion.
func TestEMM176_InvalidLockValue(t *testing.T) {
	for _, value := range []mach.Prot{
		mach.ProtNoChange | mach.ProtRead, mach.ProtNoChange | mach.ProtAll, mach.ProtWantsCopy, 0x20, 1 << 31, ^mach.Prot(0),
	} {
		e, r, n := fourKinds(t)
		notify := e.m.notifyPort()
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.lock(a, locking{size: 5 * page, ret: mach.ReturnAll, flush: true, value: value, reply: notify}))
		})
		n.see()
		e.m.seeOn(notify, "send_once")
		for p, b := range []byte{1, 2, 'x', 'x'} { // nothing has happened
			r.reads(p, b)
		}
		r.store(0, 'y')
		n.see()
		e.tellLock(locking{size: page, value: mach.ProtAll, reply: notify})
		e.m.seeOn(notify, "send_once", "lock_completed(a,0,1)")
	}
}

// TestEMM177_LockAffectsResidentPagesOnly: lock_request affects only pages resident when it is executed.
func TestEMM177_LockAffectsResidentPagesOnly(t *testing.T) {
	for _, flush := range []bool{false, true} {
		e := newSilent(t)
		e.m.silent("data_unlock")
		r := e.c.mapPages(4)
		r.abandonLoad(0)
		e.supplyPages(0)
		reader := r.startLoad(1) // asked for
		r.abandonLoad(2)
		e.tell(func(x *calls, a mach.Name) { x.ok(x.unavailable(a, at(2), page)) })
		e.tellLock(locking{size: 4 * page, ret: mach.ReturnAll, flush: flush, value: mach.ProtWrite})
		n := e.m.news()
		e.supplyPages(1) // the request has not been cancelled
		reader.requireValue(2)
		r.store(1, 'x')
		r.store(2, 'x')
		writer := r.startStore(3, 'x')
		e.supplyPages(3)
		writer.requireDone()
		n.see("data_request(a,3,rw-)") // and nothing is locked
		r.startStore(0, 'x').requireBlocked()
		if flush {
			n.see("data_request(a,0,rw-)")
		} else {
			n.see("data_unlock(a,0,rw-)")
		}
	}
}

// TestEMM178_NewSupplyNewLock: A page re-supplied after a flush has the lock of the new supply.
func TestEMM178_NewSupplyNewLock(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 2)
	r.see(0)
	r.see(1)
	e.relock(1, mach.ProtAll)
	e.evict(0, 2)
	e.m.supplies.lock = mach.ProtNone
	r.store(0, 'x')
	r.store(1, 'x')
	e.unlocks()
	e.evict(0, 2)
	e.m.supplies.lock = mach.ProtWrite
	r.startLoad(0).requireDone()
	writer := r.startStore(0, 'y')
	writer.requireBlocked()
	e.unlocks("0 rw-")
}
