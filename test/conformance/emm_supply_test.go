package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestEMM121_SupplyLetsWaitersProceed: A supply makes waiting threads proceed with the supplied contents.
func TestEMM121_SupplyLetsWaitersProceed(t *testing.T) {
	e := newSilent(t)
	r, q := e.c.mapPages(2), e.newClient("other").mapPages(2)
	data := make([]byte, 2*page)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	first, got := r.startRead(0)
	second, too := q.startRead(0)
	third, behind := q.startRead(1)
	writer := r.startStore(1, data[page])
	require.Equal(t, 2, e.m.count("data_request"))
	for _, j := range []*job{first, second, third, writer} {
		j.requireBlocked()
	}
	e.tellSupply(0, data, supplied{}).accepted(t)
	for _, j := range []*job{first, second, third, writer} {
		j.requireDone()
	}
	require.Equal(t, data[:page], *got)
	require.Equal(t, data[:page], *too)
	require.Equal(t, data[page:], *behind)
	require.Equal(t, 2, e.m.count("data_request"))
}

// wholeCluster makes the stage with a manager that does not answer; one data_request for four pages is
// outstanding, and a thread waits for each.
func wholeCluster(t *testing.T) (e *emm, waits []*job) {
	t.Helper()
	e, r := newClustered(t, 4, 0, 4, mach.BehaviorSequential)
	for p := range 4 {
		waits = append(waits, r.startLoad(p))
	}
	require.Equal(t, 1, e.m.count("data_request"))
	require.Equal(t, extent{0, 4}, e.requested())
	return e, waits
}

// TestEMM122_PartialSupply: A partial supply leaves the other requested pages outstanding.
func TestEMM122_PartialSupply(t *testing.T) {
	e, waits := wholeCluster(t)
	n := e.m.news()
	e.tellSupply(1, pagesFrom(1, 2), supplied{}).accepted(t)
	n.see("supply_completed(a,1,2,KERN_SUCCESS)")
	waits[1].requireValue(2)
	waits[2].requireValue(3)
	waits[0].requireBlocked()
	waits[3].requireBlocked()
	e.newClient("other").mapPages(4).startLoad(3).requireBlocked() // joins in
	n.see()
	e.tellSupply(3, pagesFrom(3, 1), supplied{}).accepted(t)
	waits[3].requireValue(4)
	waits[0].requireBlocked()
	e.tellSupply(0, pagesFrom(0, 1), supplied{}).accepted(t)
	waits[0].requireValue(1)
}

// TestEMM123_SuppliesInAnyOrder: One request may be answered by several supplies in any order.
func TestEMM123_SuppliesInAnyOrder(t *testing.T) {
	for _, order := range [][][2]int{ // first page and number of pages of each supply
		{{0, 4}},
		{{0, 1}, {1, 1}, {2, 1}, {3, 1}},
		{{3, 1}, {2, 1}, {1, 1}, {0, 1}},
		{{2, 2}, {0, 2}},
		{{1, 2}, {3, 1}, {0, 1}},
		{{3, 1}, {0, 3}},
	} {
		e, waits := wholeCluster(t)
		left := 4
		for _, s := range order {
			e.tellSupply(s[0], pagesFrom(s[0], s[1]), supplied{}).accepted(t)
			for p := s[0]; p < s[0]+s[1]; p++ {
				waits[p].requireValue(byte(1 + p))
				left--
			}
			waiting := 0
			for _, j := range waits {
				if !j.ended {
					waiting++
				}
			}
			require.Equal(t, left, waiting, "%v", order)
		}
		require.Equal(t, 1, e.m.count("data_request"))
	}

	// Other answers may be among them.
	e, waits := wholeCluster(t)
	e.tell(func(x *calls, a mach.Name) { x.ok(x.unavailable(a, at(2), page)) })
	e.tellSupply(3, pagesFrom(3, 1), supplied{}).accepted(t)
	e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, at(0), page, mach.KernFailure)) })
	e.tellSupply(1, pagesFrom(1, 1), supplied{}).accepted(t)
	waits[0].requireFails(mach.KernMemoryError)
	waits[1].requireValue(2)
	waits[2].requireValue(0)
	waits[3].requireValue(4)
}

// TestEMM124_SuppliedPagesAreClean: A supplied page is clean even if the manager's frame had been modified.
func TestEMM124_SuppliedPagesAreClean(t *testing.T) {
	for _, accept := range bools { // a page nobody asked for is no different, where it is taken
		e := newSilent(t, withField("AcceptUnrequestedSupply", accept))
		r := e.c.mapPages(3)
		r.abandonLoad(0)
		var buffer mach.Region
		e.tell(func(x *calls, a mach.Name) {
			var code mach.Return
			buffer, code = user.StoreNew(x, pagesFrom(0, 2)) // modified by the manager, and moved
			x.ok(code)
			x.ok(user.MemoryObjectDataSupply(x, a, 0, buffer, true, mach.ProtNone, false, user.ReplyPort{}))
		})
		r.see(0)
		e.m.on("data_request", nil)
		r.see(1)
		n := e.m.news()
		e.tellLock(locking{size: 3 * page, ret: mach.ReturnDirty, value: mach.ProtNoChange, reply: e.m.port})
		n.see("lock_completed(a,0,3)")
		r.store(1, 'x') // by the client
		r.unmap()
		n.see("data_return(a,1,dirty)", "terminate(a)")
	}

	e := newSilent(t) // moved or copied
	r := e.c.mapPages(1)
	r.abandonLoad(0)
	e.tell(func(x *calls, a mach.Name) {
		buffer, code := user.StoreNew(x, contents(0))
		x.ok(code)
		x.ok(x.supplyRegion(a, 0, buffer, supplied{}))
	})
	r.see(0)
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
}

// TestEMM125_ResidentPagesAreNotOverwritten: A supply never overwrites a resident page.
func TestEMM125_ResidentPagesAreNotOverwritten(t *testing.T) {
	for _, accept := range bools {
		e := newCached(t, withField("AcceptUnrequestedSupply", accept))
		e.m.on("data_request", func(x *turn) {
			lock := mach.ProtNone
			if x.offset == at(2) {
				lock = mach.ProtWrite
			}
			x.supply(x.control, x.offset, contents(x.offset), supplied{precious: x.offset == at(3), lock: lock})
		})
		e.m.silent("data_unlock")
		r := e.c.mapPages(4)
		r.see(0)
		r.store(1, 'x')
		r.see(2)
		r.see(3)
		over := func(s supplied) {
			for p := range 4 {
				e.tellSupply(p, fills('o'), s).refusedAt(t, p)
			}
		}
		over(supplied{})
		over(supplied{lock: mach.ProtAll})
		r.allReads(0, 1)
		r.reads(1, 'x')
		r.allReads(2, 3)
		r.allReads(3, 4)
		r.startStore(2, 'y').requireBlocked() // its lock is what it was
		r.c.terminate()
		over(supplied{}) // nobody uses it
		q := e.newClient("other").mapPages(4)
		q.allReads(0, 1)
		q.reads(1, 'x')
		n := e.m.news()
		e.evict(0, 4) // modified and precious as before
		n.see("data_return(a,1,dirty)", "data_return(a,3,clean)", "lock_completed(a,0,4)")
	}
}

// TestEMM126_SupplyStopsAtResidentPage: A supply stops at the first page that is already resident and
// reports KERN_MEMORY_PRESENT with that page's offset.
func TestEMM126_SupplyStopsAtResidentPage(t *testing.T) {
	for _, accept := range bools {
		for resident := range 4 {
			e := newEMM(t, withField("AcceptUnrequestedSupply", accept))
			r := e.c.mapRange(e.m.port, at(2), 4) // pages 2 to 5
			r.see(resident)
			e.m.silent("data_request")
			waits := map[int]*job{}
			for p := range 4 {
				if p != resident {
					waits[p] = r.startLoad(p)
				}
			}
			e.tellSupply(2, pagesFrom(2, 4), supplied{}).refusedAt(t, 2+resident)
			for p, j := range waits {
				if p < resident {
					j.requireValue(byte(3 + p))
				} else {
					j.requireBlocked()
				}
			}
		}
	}
}

// TestEMM127_UnrequestedPagesAreRefused: A supply of a page that was not requested, or whose request has
// already been answered, is not accepted.
func TestEMM127_UnrequestedPagesAreRefused(t *testing.T) {
	for _, accept := range bools {
		taken := accept == "true"
		e := newSilent(t, withField("AcceptUnrequestedSupply", accept))
		r := e.c.mapPages(8)
		r.abandonLoad(2)
		n := e.m.news()
		check := func(done *received, refused int) {
			t.Helper()
			if taken {
				done.accepted(t)
			} else {
				done.refusedAt(t, refused)
			}
		}
		check(e.tellSupply(4, fills('u'), supplied{}), 4)     // nobody asked
		check(e.tellSupply(1, fills('u', 3), supplied{}), 1)  // begins before the request
		check(e.tellSupply(100, fills('u'), supplied{}), 100) // outside of every mapping
		r.abandonLoad(6)                                      // requested and answered with an error
		e.tell(func(x *calls, a mach.Name) { x.ok(x.dataError(a, at(6), page, mach.KernFailure)) })
		check(e.tellSupply(6, fills('u'), supplied{}), 6)
		n.take()
		for _, p := range []int{1, 4, 6} {
			j := r.startLoad(p)
			if taken {
				j.requireValue('u')
				continue
			}
			j.requireBlocked() // what was refused is not there
			e.supplyPages(p)
			j.requireValue(byte(1 + p))
		}
		if taken {
			n.see()
			r.reads(2, 3)
		} else {
			n.see("data_request(a,1,r--)", "data_request(a,4,r--)", "data_request(a,6,r--)")
			late := r.startLoad(2)
			late.requireBlocked() // the request is still open
			e.tellSupply(2, fills(3, 'u'), supplied{}).refusedAt(t, 3)
			late.requireValue(3)
		}

		// A page answered with data_unavailable is requested no more, and not taken.
		r.abandonLoad(7)
		e.tell(func(x *calls, a mach.Name) { x.ok(x.unavailable(a, at(7), page)) })
		e.tellSupply(7, fills('u'), supplied{}).refusedAt(t, 7)
		r.allReads(7, 0)
	}
}

// TestEMM128_PagesBehindStayRequested: Requested pages behind the point where a supply stopped remain
// outstanding.
func TestEMM128_PagesBehindStayRequested(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(5)
	r.see(1)
	e.m.silent("data_request")
	waits := []*job{r.startLoad(0), r.startLoad(2), r.startStore(4, 'x')}
	r.abandonLoad(3)
	n := e.m.news()
	e.tellSupply(0, pagesFrom(0, 5), supplied{}).refusedAt(t, 1)
	n.see("supply_completed(a,0,5,KERN_MEMORY_PRESENT)")
	waits[0].requireValue(1)
	waits[1].requireBlocked()
	waits[2].requireBlocked()
	late := r.startLoad(3) // joins what is outstanding
	late.requireBlocked()
	n.see()
	e.tellSupply(2, pagesFrom(2, 3), supplied{}).accepted(t)
	waits[1].requireValue(3)
	late.requireValue(4)
	waits[2].requireDone()
}

// TestEMM129_RefusedPreciousPagesComeBack: Precious pages that were not accepted are returned before
// supply_completed.
func TestEMM129_RefusedPreciousPagesComeBack(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(4)
	r.see(1)
	e.m.silent("data_request")
	r.abandonLoad(0)
	r.abandonLoad(2)
	n := e.m.news()
	e.tellSupply(0, fills('a', 'b', 'c', 'd'), supplied{precious: true}).refusedAt(t, 1)
	n.see("data_return(a,1,clean)", "data_return(a,2,clean)", "data_return(a,3,clean)",
		"supply_completed(a,0,4,KERN_MEMORY_PRESENT)")
	require.Equal(t, map[mach.Offset][]byte{at(1): fillOf('b'), at(2): fillOf('c'), at(3): fillOf('d')}, e.m.kept)
	r.reads(0, 'a')
	r.see(1)

	e.tellSupply(7, fills('x'), supplied{precious: true}).refusedAt(t, 7) // nobody asked
	n.see("data_return(a,7,clean)", "supply_completed(a,7,1,KERN_MEMORY_PRESENT)")
	require.Equal(t, fillOf('x'), e.m.kept[at(7)])

	e.tellSupply(1, fills('y', 'z'), supplied{}).refusedAt(t, 1) // the manager has others of these
	n.see("supply_completed(a,1,2,KERN_MEMORY_PRESENT)")
}

// TestEMM130_OneSupplyCompleted: A supply with a valid reply right yields exactly one supply_completed.
func TestEMM130_OneSupplyCompleted(t *testing.T) {
	for name, c := range map[string]struct {
		offset mach.Offset
		data   []byte
		s      supplied
	}{
		"exact":      {0, pagesFrom(0, 2), supplied{}},
		"partial":    {0, pagesFrom(0, 1), supplied{}},
		"oversize":   {0, pagesFrom(0, 5), supplied{precious: true}},
		"behind":     {at(1), pagesFrom(1, 1), supplied{lock: mach.ProtAll}},
		"refused":    {at(6), pagesFrom(6, 1), supplied{}},
		"many pages": {at(6), pagesFrom(6, 70), supplied{precious: true}},
		"no data":    {0, nil, supplied{}},
		"odd size":   {0, pagesFrom(0, 2)[:page+1], supplied{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, disp := range []mach.Disposition{mach.MakeSendOnce, mach.MakeSend, mach.CopySend, mach.MoveSend, mach.MoveSendOnce, 0} {
				e := newSilent(t)
				r := e.c.mapPages(4)
				r.abandonLoad(0)
				r.abandonLoad(1)
				notify := e.m.notifyPort()
				n := e.m.news()
				e.tell(func(x *calls, a mach.Name) {
					reply := notify
					switch disp {
					case mach.CopySend, mach.MoveSend:
						x.makeSend(notify)
					case mach.MoveSendOnce:
						reply = x.space().sendOnce(notify)
					}
					data, code := user.StoreNew(x, c.data)
					x.ok(code)
					to := user.ReplyPort{Name: reply, Disp: disp}
					if disp == 0 {
						to = user.ReplyPort{} // wants none
					}
					x.ok(user.MemoryObjectDataSupply(x, a, c.offset, data, true, c.s.lock, c.s.precious, to))
				})
				if disp == 0 {
					require.Zero(t, e.m.count("supply_completed"))
					require.Empty(t, e.m.traceOn(notify))
					continue
				}
				require.Equal(t, 1, e.m.count("supply_completed"))
				require.Len(t, e.m.traceOn(notify), 1)
				require.Equal(t, e.m.control(0), e.m.last("supply_completed").control)
				require.Equal(t, disp == mach.CopySend, e.m.status(notify).hasSenders, "%v: the right was used", disp)
				for _, m := range n.take() {
					require.NotContains(t, m, "completed")
				}
			}
		})
	}
}

// TestEMM131_SupplyCompletedNamesTheSupply: supply_completed carries offset and length of the supply call.
func TestEMM131_SupplyCompletedNamesTheSupply(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(8)
	for _, p := range []int{0, 1, 3, 5} {
		r.abandonLoad(p)
	}
	for _, c := range []struct {
		offset mach.Offset
		length mach.Size
	}{
		{0, 4 * page},       // two pages of it are taken
		{0, 2 * page},       // none
		{at(3), page},       // all
		{at(5), page + 100}, // but for the rest
		{at(5), 9},          // nothing to take
		{at(9), 3 * page},   // nobody asked
		{at(2), 0},          // no data
		{at(1 << 20), page}, // far away
	} {
		done := e.m.count("supply_completed")
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.supply(a, c.offset, make([]byte, c.length), supplied{reply: e.m.port}))
		})
		require.Equal(t, done+1, e.m.count("supply_completed"))
		require.Equal(t, c.offset, e.m.last("supply_completed").offset)
		require.Equal(t, c.length, e.m.last("supply_completed").length)
	}
}

// TestEMM132_InvalidLockBitsOfSupply: A supply with invalid lock bits is rejected without completion.
func TestEMM132_InvalidLockBitsOfSupply(t *testing.T) {
	for _, lock := range []mach.Prot{mach.ProtNoChange, mach.ProtWantsCopy, mach.ProtNoChange | mach.ProtWrite, 1 << 31, ^mach.Prot(0)} {
		e := newSilent(t)
		r := e.c.mapPages(2)
		reader := r.startLoad(0)
		notify := e.m.notifyPort()
		n := e.m.news()
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.supply(a, 0, contents(at(8)), supplied{lock: lock, precious: true, reply: notify}))
		})
		reader.requireBlocked()
		n.see()                        // nothing comes back either
		e.m.seeOn(notify, "send_once") // the reply right is gone
		e.tellSupply(0, contents(0), supplied{lock: mach.ProtWrite | mach.ProtExecute}).accepted(t)
		reader.requireValue(1)
	}
}

// TestEMM133_PartialPageIsDiscarded: A trailing partial page of a supply is discarded without notification.
func TestEMM133_PartialPageIsDiscarded(t *testing.T) {
	for _, partial := range []string{"drop", "reject"} {
		for _, precious := range []bool{false, true} {
			e := newSilent(t, withField("SupplyPartialPage", partial))
			r := e.c.mapPages(3)
			waits := []*job{r.startLoad(0), r.startLoad(1)}
			n := e.m.news()
			e.tell(func(x *calls, a mach.Name) {
				s := supplied{precious: precious, reply: e.m.port}
				x.ok(x.supply(a, 0, pagesFrom(0, 2)[:2*page-1], s))
				x.ok(x.supply(a, at(1), fillOf('x')[:1], s)) // less than a page
			})
			waits[1].requireBlocked()
			if partial == "reject" {
				waits[0].requireBlocked()
				n.see("send_once", "send_once") // no completion
				continue
			}
			waits[0].requireValue(1)
			done := e.m.all("supply_completed")
			require.Len(t, done, 2)
			done[0].accepted(t)
			done[1].accepted(t)
			e.m.never("data_return")
			e.supplyPages(1)
			waits[1].requireValue(2)
		}
	}
}

// TestEMM134_DeallocatedDataLeaveTheManager: With deallocate TRUE the data leave the manager's address
// space.
func TestEMM134_DeallocatedDataLeaveTheManager(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(4)
	for _, c := range []struct {
		page     int
		lock     mach.Prot
		accepted bool
	}{{0, mach.ProtNone, true}, {2, mach.ProtNone, false}, {1, mach.ProtNoChange, false}} {
		if c.accepted {
			r.abandonLoad(c.page)
		}
		for _, deallocate := range []bool{false, true} {
			e.tell(func(x *calls, a mach.Name) {
				data, code := user.StoreNew(x, contents(at(c.page)))
				x.ok(code)
				x.ok(user.MemoryObjectDataSupply(x, a, at(c.page), data, deallocate, c.lock, false, user.ReplyPort{}))
				b, code := x.load(data.Address)
				if !deallocate {
					x.ok(code)
					require.Equal(t, byte(1+c.page), b)
					x.ok(x.store(data.Address, 'm'))
					return
				}
				require.Equal(t, mach.KernInvalidAddress, code, "page %d", c.page)
			})
		}
		if c.accepted {
			r.see(c.page)
		}
	}
}

// TestEMM135_SuppliedDataAreACopy: The manager's later changes to its own buffer do not change supplied
// pages.
func TestEMM135_SuppliedDataAreACopy(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	r.abandonLoad(0)
	r.abandonLoad(1)
	var buffer mach.Region
	e.tell(func(x *calls, a mach.Name) {
		var code mach.Return
		buffer, code = user.StoreNew(x, pagesFrom(0, 2))
		x.ok(code)
		x.ok(x.supplyRegion(a, 0, buffer, supplied{}))
		x.ok(x.store(buffer.Address, 'm')) // before a client has looked
	})
	r.allReads(0, 1)
	r.allReads(1, 2)
	e.m.do(func(x *calls) {
		x.ok(x.store(buffer.Address, 'n'))
		x.ok(x.store(buffer.Address+mach.Addr(page)+9, 'n'))
	})
	r.allReads(0, 1)
	r.allReads(1, 2)
	r.store(1, 'c')
	e.m.do(func(x *calls) { // nor the other way
		b, code := x.load(buffer.Address + mach.Addr(page))
		x.ok(code)
		require.Equal(t, byte(2), b)
	})
}
