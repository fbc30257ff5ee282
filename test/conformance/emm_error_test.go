package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestEMM138_UnavailableGivesZeros: data_unavailable on a directly mapped object gives a zero-filled page.
func TestEMM138_UnavailableGivesZeros(t *testing.T) {
	e := newEMM(t)
	e.c.do(func(x *calls) { dirtyFreeFrames(x) })
	e.m.on("data_request", func(x *turn) { x.ok(x.unavailable(x.control, x.offset, x.length)) })
	r, q := e.c.mapPages(3), e.newClient("other").mapPages(3)
	r.allReads(0, 0)
	r.store(1, 'x') // written at once
	q.c.step(func(v *space) {
		want := fillOf(0)
		want[0] = 'x'
		require.Equal(t, want, v.read(q.at(1), int(page)))
	})
	q.allReads(0, 0)
	q.store(0, 'y')
	r.reads(0, 'y')
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)")
}

// dirtyFreeFrames leaves nonsense in the frames that come into use next.
func dirtyFreeFrames(x *calls) {
	r, code := user.StoreNew(x, fills('j', 'u', 'n', 'k', 'j', 'u', 'n', 'k'))
	x.ok(code)
	x.ok(x.deallocate(r.Address, r.Size))
}

// TestEMM139_ZeroPageIsAskedForAgain: A zero-filled page that was never written is dropped on eviction and
// requested again.
func TestEMM139_ZeroPageIsAskedForAgain(t *testing.T) {
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) { x.ok(x.unavailable(x.control, x.offset, x.length)) })
	r := e.c.mapPages(2)
	r.reads(0, 0)
	r.store(1, 'x')
	n := e.m.news()
	e.evict(0, 2)
	n.see("data_return(a,1,dirty)", "lock_completed(a,0,2)")
	r.allReads(0, 0)
	n.see("data_request(a,0,r--)")
	e.evict(0, 1)
	n.see("lock_completed(a,0,1)")
	e.m.on("data_request", nil) // now the manager has data
	r.see(0)
	n.see("data_request(a,0,r--)")
	r.unmap()
	n.see("terminate(a)")

	e = newPressed(t) // the same for want of memory
	e.m.on("data_request", func(x *turn) { x.ok(x.unavailable(x.control, x.offset, x.length)) })
	r = e.c.mapPages(2)
	r.reads(0, 0)
	r.store(1, 'x')
	n = e.m.news()
	e.squeeze()
	n.see("data_return(a,1,dirty)")
	r.allReads(0, 0)
	n.see("data_request(a,0,r--)")
}

// TestEMM140_UnavailableShowsWhatIsBelow: data_unavailable on an object that shadows another lets the fault
// take the page from below.
func TestEMM140_UnavailableShowsWhatIsBelow(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(3)
	r.write(0, 3, 'a')
	child := &mapped{c: &client{e: e, task: e.Fork(e.c.task)}, addr: r.addr, pages: 3}
	child.write(0, 2, 'x') // in an object of its own, above that of its parent
	e.squeeze()
	supply := d.answers["data_request"]
	lost := 0
	d.on("data_request", func(x *turn) {
		if data := d.store[x.on][x.offset]; data != nil && data[0] == 'x' {
			lost++ // the manager has it no more
			x.ok(x.unavailable(x.control, x.offset, x.length))
			return
		}
		supply(x)
	})
	child.reads(0, 'a')
	child.reads(1, 'y')
	child.reads(2, 'c')
	require.Equal(t, 1, lost)
	child.store(0, 'z')
	for p, b := range []byte{'a', 'b', 'c'} {
		r.reads(p, b)
	}
}

// mixedPages makes the stage with a manager that answers nothing more: page 0 is resident, 1 modified, 2
// answered with data_unavailable, 3 and 4 are asked for, a thread waits for 3, and 5 was never touched.
func mixedPages(t *testing.T, opts ...option) (e *emm, r *mapped, waiting *job) {
	t.Helper()
	e = newEMM(t, opts...)
	r = e.c.mapPages(6)
	r.see(0)
	r.store(1, 'x')
	e.m.silent("data_request")
	r.abandonLoad(2)
	e.tell(func(x *calls, a mach.Name) { x.ok(x.unavailable(a, at(2), page)) })
	waiting = r.startLoad(3)
	r.abandonLoad(4)
	return e, r, waiting
}

// TestEMM141_OnlyRequestedPagesAreAnswered: data_unavailable and data_error affect only pages with an
// outstanding request.
func TestEMM141_OnlyRequestedPagesAreAnswered(t *testing.T) {
	for _, prefill := range bools {
		for name, answer := range map[string]func(x *calls, a mach.Name) mach.Return{
			"unavailable": func(x *calls, a mach.Name) mach.Return { return x.unavailable(a, 0, 6*page) },
			"error":       func(x *calls, a mach.Name) mach.Return { return x.dataError(a, 0, 6*page, mach.KernFailure) },
		} {
			t.Run(name+" "+prefill, func(t *testing.T) {
				e, r, waiting := mixedPages(t, withField("UnavailablePrefill", prefill))
				n := e.m.news()
				e.tell(func(x *calls, a mach.Name) { x.ok(answer(x, a)) })
				r.see(0)
				r.reads(1, 'x')
				r.reads(2, 0)
				n.see()
				if name == "error" {
					waiting.requireFails(mach.KernMemoryError)
				} else {
					waiting.requireValue(0)
					r.allReads(4, 0)
				}
				n.see()
				last := r.startLoad(5) // was not asked for
				if name == "unavailable" && prefill == "true" {
					last.requireValue(0)
					n.see()
				} else {
					last.requireBlocked()
					n.see("data_request(a,5,r--)")
				}
				e.m.on("data_request", nil)
				r.unmap()
			})
		}
	}
}

// TestEMM142_AnswersAreWholePages: data_unavailable and data_error with a size that is no page multiple are
// rejected.
func TestEMM142_AnswersAreWholePages(t *testing.T) {
	for _, size := range []mach.Size{1, page - 1, page + 1, 2*page - 1, page / 2} {
		e := newSilent(t)
		r := e.c.mapPages(2)
		waits := []*job{r.startLoad(0), r.startLoad(1)}
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.unavailable(a, 0, size))
			x.ok(x.dataError(a, 0, size, mach.KernFailure))
		})
		waits[0].requireBlocked()
		waits[1].requireBlocked()
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.unavailable(a, 0, page))
			x.ok(x.dataError(a, at(1), page, mach.KernFailure))
		})
		waits[0].requireValue(0)
		waits[1].requireFails(mach.KernMemoryError)
	}
}

// TestEMM143_ErrorFailsEveryWaiter: data_error makes every thread waiting at that time for the page fail.
func TestEMM143_ErrorFailsEveryWaiter(t *testing.T) {
	for _, wakes := range []string{"all", "first"} {
		e := newSilent(t, withField("DataErrorWakes", wakes))
		r, q := e.c.mapPages(2), e.newClient("other").mapPages(2)
		waits := []*job{r.startLoad(0), q.startLoad(0), r.startStore(0, 'x'), q.startStore(0, 'y'), r.startLoad(0)}
		another := r.startLoad(1)
		n := e.m.news()
		e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, 0, page, mach.KernFailure)) })
		another.requireBlocked()
		failed := 0
		for _, j := range waits {
			if j.ended {
				j.requireFails(mach.KernMemoryError)
				failed++
			}
		}
		if wakes == "all" {
			require.Equal(t, len(waits), failed)
			n.see()
			continue
		}
		require.Equal(t, 1, failed)
		waits[0].requireEnded()
		require.Len(t, n.take(), 1) // the others ask again
		for range len(waits) - 1 {
			e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, 0, page, mach.KernFailure)) })
		}
		for _, j := range waits {
			j.requireFails(mach.KernMemoryError)
		}
	}
}

// TestEMM144_KernelReasonBecomesMemoryError: data_error with a kernel-system reason delivers
// KERN_MEMORY_ERROR.
func TestEMM144_KernelReasonBecomesMemoryError(t *testing.T) {
	for _, reason := range []mach.Return{
		mach.KernSuccess, mach.KernFailure, mach.KernMemoryFailure, mach.KernMemoryError, mach.KernReturnMax, 0x101, 0x3ffffff,
		mach.KernMemoryDataMoved,
	} {
		for _, pass := range []string{"system", "max", "never"} {
			want := mach.KernMemoryError
			switch {
			case pass != "max":
			case reason == mach.KernMemoryDataMoved:
				continue // starts the fault over
			case reason > mach.KernReturnMax:
				want = reason
			}
			require.Equal(t, want, errorOf(t, reason, withField("ErrorPassThrough", pass)), "%#x %s", int32(reason), pass)
		}
	}
}

// TestEMM145_OtherReasonsPass: data_error with a reason of another error system delivers that reason.
func TestEMM145_OtherReasonsPass(t *testing.T) {
	for _, reason := range []mach.Return{0x4000000, 0x4000005, 0x10000003, 0x7fffffff, -1, -300} {
		for _, pass := range []string{"system", "max", "never"} {
			want := reason
			if pass == "never" || pass == "max" && reason < 0 {
				want = mach.KernMemoryError
			}
			require.Equal(t, want, errorOf(t, reason, withField("ErrorPassThrough", pass)), "%#x %s", int32(reason), pass)
		}
	}
}

// TestEMM146_ErrorIsNotKept: An access after data_error sends a new data_request.
func TestEMM146_ErrorIsNotKept(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(1)
	n := e.m.news()
	fail := func() { e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, 0, page, 0x4000123)) }) }
	for range 2 {
		reader := r.startLoad(0)
		n.see("data_request(a,0,r--)")
		fail()
		reader.requireFails(0x4000123)
	}
	r.abandonLoad(0)
	n.see("data_request(a,0,r--)")
	fail() // nobody waits
	writer := r.startStore(0, 'x')
	n.see("data_request(a,0,rw-)")
	e.supplyPages(0)
	writer.requireDone()
}

// TestEMM147_ErrorDuringRead: data_error during vm_read is returned as the result of vm_read.
func TestEMM147_ErrorDuringRead(t *testing.T) {
	for reason, want := range map[mach.Return]mach.Return{
		mach.KernFailure: mach.KernMemoryError, mach.KernMemoryError: mach.KernMemoryError, 0x4000123: 0x4000123,
	} {
		for _, failing := range []int{0, 2} {
			e := newEMM(t)
			e.m.readiness.CopyStrategy = mach.CopyNone // the pages are needed in the call
			e.m.on("data_request", func(x *turn) {
				if x.offset == at(failing) {
					x.ok(x.dataError(x.control, x.offset, x.length, reason))
				} else {
					x.supply(x.control, x.offset, contents(x.offset), supplied{})
				}
			})
			r := e.c.mapPages(4)
			e.c.step(func(v *space) {
				before := v.regions()
				_, ret := v.vmRead(r.addr, 4*page)
				v.is(want, ret)
				require.Equal(t, before, v.regions())
			})
			e.m.on("data_request", nil)
			e.c.step(func(v *space) {
				got := v.take(r.addr, 4*page)
				v.holds(got.Address, 1, 2, 3, 4)
			})
		}
	}
}

// TestEMM148_ErrorOfNeighbourIsDiscarded: An error for a page requested only by clustering is discarded.
func TestEMM148_ErrorOfNeighbourIsDiscarded(t *testing.T) {
	for _, clusters := range bools {
		e, r := newClustered(t, 4, 0, 4, mach.BehaviorSequential, withField("ClusterPagein", clusters))
		reader := r.startLoad(0)
		if clusters == "false" { // there are no such pages
			require.Equal(t, extent{0, 1}, e.requested())
			continue
		}
		require.Equal(t, extent{0, 4}, e.requested())
		waiter := r.startLoad(3) // for this one somebody waits
		n := e.m.news()
		e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, 0, 4*page, 0x4000123)) })
		reader.requireFails(0x4000123)
		waiter.requireFails(0x4000123)
		again := r.startLoad(1)
		again.requireBlocked() // and does not fail
		require.Equal(t, "data_request(a,1,r--)", n.take()[0])
		e.supplyPages(1)
		again.requireValue(2)
	}
}
