package conformance

import (
	"testing"

	"machvm/kernel/mach"
)

// TestRace14_PageoutAndLastUnmap: a modified page that is thrown out while its object's last mapping goes comes back once,
// before terminate.
func TestRace14_PageoutAndLastUnmap(t *testing.T) {
	t.Parallel()
	const once = "data_return(a,0,dirty)=x terminate(a)"
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.unmap("unmap", r)
			s.pageout()
		},
		orders: []forced{
			{"pageout; unmap", once},
			{"pageout to before-data-return; unmap to wait; pageout; unmap", once},
			{"unmap to association-broken; pageout; unmap", once},
			{"unmap to before-data-return; pageout; unmap", once},
			{"unmap to before-terminate; pageout; unmap", once},
			{"unmap; pageout; service", once},
		},
	}.run(t)
	const both = "data_return(a,1,dirty)=y data_return(a,0,dirty)=x terminate(a)"
	race{ // two pages, of which one is thrown out
		scene: func(s *scene) {
			r := s.c.mapPages(2)
			r.store(1, 'y')
			r.store(0, 'x')
			s.unmap("unmap", r)
			s.pageout()
		},
		orders: []forced{
			{"pageout; unmap", both},
			{"pageout to before-data-return; unmap to wait; pageout; unmap", both},
			{"unmap to association-broken; pageout; unmap", both},
			{"unmap to before-data-return; pageout; unmap", both},
			{"unmap to before-data-return; unmap to before-data-return; pageout; unmap", both},
		},
	}.run(t)
}

// TestRace15_PageoutAndDestroy: a page that is on its way out when the association is broken is returned before terminate.
// One that is thrown out later is lost with the orphan. None is returned after terminate.
func TestRace15_PageoutAndDestroy(t *testing.T) {
	t.Parallel()
	const returned, lost, kept = "data_return(a,0,dirty)=x terminate(a) | then load KERN_MEMORY_FAILURE",
		"terminate(a) | then load KERN_MEMORY_FAILURE", "terminate(a) | then load x"
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.destroys("destroy")
			s.pageout()
			s.then(func() { s.sees(r, 0) })
		},
		orders: []forced{
			{"pageout; destroy", returned},
			{"pageout to before-data-return; destroy to wait; pageout; destroy", returned},
			{"destroy to association-broken; pageout; destroy", lost},
			{"destroy to before-terminate; pageout; destroy", lost},
			{"destroy; pageout; service", lost},
		},
	}.run(t)
	race{ // the page that goes is another one
		scene: func(s *scene) {
			r := s.c.mapPages(2)
			r.see(1)
			r.store(0, 'x')
			s.destroys("destroy")
			s.pageout()
			s.then(func() { s.sees(r, 0) })
		},
		orders: []forced{
			{"pageout; destroy", kept},
			{"destroy to association-broken; pageout; destroy", kept},
			{"destroy; pageout", kept},
		},
	}.run(t)
}

// TestRace16_PageoutAndAccess: a page that is wanted while it is on its way out is asked for behind its data_return, so
// that the manager has what was stored.
func TestRace16_PageoutAndAccess(t *testing.T) {
	t.Parallel()
	const again = "data_return(a,0,dirty)=x data_request(a,0,r--) | load=x"
	race{
		scene: func(s *scene) {
			keeper(s.m)
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.pageout()
			s.load("load", r, 0)
		},
		orders: []forced{
			{"load; pageout", "data_return(a,0,dirty)=x | load=x"},
			{"pageout to before-data-return; load to wait; pageout; load", again},
			{"pageout; load to wait; service", again},
			{"pageout; service; load", again},
		},
	}.run(t)
}

// TestRace17_OldDataForAReturnedPage: a page that its manager supplies before it has looked at the data_return is refused
// while nobody asks for it, and taken if somebody does.
func TestRace17_OldDataForAReturnedPage(t *testing.T) {
	t.Parallel()
	const refused = "supply_completed(a,0,1,KERN_MEMORY_PRESENT)"
	race{
		within: 1,
		scene: func(s *scene) {
			keeper(s.m)
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.pageout()
			s.supply("supply", 0, 'o')
			s.load("load", r, 0)
		},
		orders: []forced{
			{"supply; pageout; load", refused + " data_return(a,0,dirty)=x data_request(a,0,r--) | load=x"},
			{"pageout; supply; load", "data_return(a,0,dirty)=x " + refused + " data_request(a,0,r--) | load=x"},
			{"pageout; load to wait; supply; load; service",
				"data_return(a,0,dirty)=x data_request(a,0,r--) supply_completed(a,0,1,KERN_SUCCESS) | load=o"},
			{"pageout; load to placeholder-inserted; supply; load", "data_return(a,0,dirty)=x supply_completed(a,0,1,KERN_SUCCESS) | load=o"},
			{"pageout; load to wait; service; supply", "data_return(a,0,dirty)=x data_request(a,0,r--) " + refused + " | load=x"},
			{"load; supply; pageout", refused + " data_return(a,0,dirty)=x | load=x"},
			{"load; pageout; supply", "data_return(a,0,dirty)=x " + refused + " | load=x"},
		},
	}.run(t)
}

// TestRace18_TwoSupplies: of two threads that supply the same page the first wins; the second is told that the page is
// there.
func TestRace18_TwoSupplies(t *testing.T) {
	t.Parallel()
	const completions = "supply_completed(a,0,1,KERN_SUCCESS) supply_completed(a,0,1,KERN_MEMORY_PRESENT) | load="
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			s.waits(s.load("load", s.c.mapPages(1), 0))
			s.supply("supply1", 0, 'p')
			s.supply("supply2", 0, 'q')
		},
		orders: []forced{
			{"supply1; supply2", completions + "p"},
			{"supply2; supply1", completions + "q"},
			{"supply1; load to before-verify; supply2; load", completions + "p"},
		},
	}.run(t)
}

// TestRace19_SupplyAndRefusal: of a supply and another answer for the same page the first decides; a supply that comes
// later stops at the page.
func TestRace19_SupplyAndRefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(x *calls, a mach.Name) mach.Return
		load   string
	}{
		"data_error":       {func(x *calls, a mach.Name) mach.Return { return x.dataError(a, 0, page, mach.KernFailure) }, "load KERN_MEMORY_ERROR"},
		"data_unavailable": {func(x *calls, a mach.Name) mach.Return { return x.unavailable(a, 0, page) }, "load=0"},
	} {
		t.Run(name, func(t *testing.T) {
			const success, refused = "supply_completed(a,0,1,KERN_SUCCESS) | ", "supply_completed(a,0,1,KERN_MEMORY_PRESENT) | "
			race{
				scene: func(s *scene) {
					s.m.silent("data_request")
					s.waits(s.load("load", s.c.mapPages(1), 0))
					s.supply("supply", 0, 'p')
					s.control("refuse", c.answer)
				},
				orders: []forced{
					{"supply; refuse", success + "load=p"},
					{"supply; refuse; load", success + "load=p"},
					{"refuse; supply", refused + c.load},
					{"refuse; supply; load", refused + c.load},
				},
			}.run(t)
		})
	}
}

// TestRace20_FlushAndSupply: a flush of a page that was asked for and has not come does not cancel the request: the page
// is installed when it comes.
func TestRace20_FlushAndSupply(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			s.waits(s.load("load", s.c.mapPages(1), 0))
			delete(s.m.answers, "data_request")
			s.locks("flush", locking{size: page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange})
			s.supply("supply", 0, 's')
		},
		orders: []forced{
			{"flush; supply", "lock_completed(a,0,1) supply_completed(a,0,1,KERN_SUCCESS) | load=s"},
			{"supply; flush", "supply_completed(a,0,1,KERN_SUCCESS) lock_completed(a,0,1) | load=s"},
			{"supply; load to before-verify; flush to wait; load; flush", "supply_completed(a,0,1,KERN_SUCCESS) lock_completed(a,0,1) | load=s"},
			{"supply; flush; load", "supply_completed(a,0,1,KERN_SUCCESS) lock_completed(a,0,1) data_request(a,0,r--) | load=1"},
		},
	}.run(t)
}

// TestRace21_LockAndWrite: when a lock against writing is complete, a write is over and the page came back modified,
// or the write asks for access.
func TestRace21_LockAndWrite(t *testing.T) {
	t.Parallel()
	const supplied = "supply_completed(a,0,1,KERN_SUCCESS) "
	const written, asked = supplied + "data_return(a,0,dirty,kept)=x lock_completed(a,0,1)", supplied + "lock_completed(a,0,1) data_unlock(a,0,rw-)"
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			s.waits(s.store("store", s.c.mapPages(1), 0, 'x'))
			s.supply("supply", 0, 's')
			s.locks("lock", locking{size: page, ret: mach.ReturnDirty, value: mach.ProtWrite})
		},
		orders: []forced{
			{"supply; store; lock", written},
			{"supply; store to before-verify; lock to wait; store; lock", written},
			{"supply; lock; store", asked},
			{"lock; supply; store", "lock_completed(a,0,1) " + supplied[:len(supplied)-1]},
		},
	}.run(t)
}

// TestRace22_UnlockAndUnlockFault: a manager that lifts a lock while a program runs into it gets a data_unlock that is out
// of date; the program goes on before that is answered.
func TestRace22_UnlockAndUnlockFault(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.supplies.lock = mach.ProtWrite
			r := s.c.mapPages(1)
			r.see(0)
			s.store("store", r, 0, 'x')
			s.locks("relax", locking{size: page, value: mach.ProtNone})
			s.then(func() { r.reads(0, 'x') })
		},
		orders: []forced{
			{"relax; store", "lock_completed(a,0,1)"},
			{"store to wait; relax; store; service", "data_unlock(a,0,rw-) lock_completed(a,0,1)"},
			{"store to wait; service; relax", "data_unlock(a,0,rw-) lock_completed(a,0,1)"},
		},
	}.run(t)
}

// TestRace23_CleaningAndStores: a page that is returned and kept is returned as it was at one moment; a store behind it
// makes it dirty again.
func TestRace23_CleaningAndStores(t *testing.T) {
	t.Parallel()
	race{
		loads: true,
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.see(0)
			s.race(s.c.task, "store", func(x *calls) mach.Return {
				x.ok(x.store(r.at(0), 'x'))
				return x.store(r.at(0), 'y')
			})
			s.locks("lock", locking{size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange})
			s.then(func() {
				n := s.m.news()
				r.unmap()
				s.note("then %v %s", n.take(), byteOf(s.m.kept[0][0]))
			})
		},
		orders: []forced{
			{"lock; store", "lock_completed(a,0,1) | then [data_return(a,0,dirty) terminate(a)] y"},
			{"store to store; store to store; lock; store", "data_return(a,0,dirty,kept)=x lock_completed(a,0,1) | then [data_return(a,0,dirty) terminate(a)] y"},
			{"store; lock", "data_return(a,0,dirty,kept)=y lock_completed(a,0,1) | then [terminate(a)] y"},
		},
	}.run(t)
}

// TestRace24_TaskDiesWaiting: the request of a task that dies while it waits stays. Data that come later fill the page if
// somebody else has the object, and otherwise are in the control port.
func TestRace24_TaskDiesWaiting(t *testing.T) {
	t.Parallel()
	t.Run("others have it", func(t *testing.T) {
		race{
			scene: func(s *scene) {
				s.m.silent("data_request")
				q := s.newClient("other").mapPages(1)
				s.waits(s.load("load", s.c.mapPages(1), 0))
				s.kills("kill", s.c.task)
				s.supply("supply", 0, 's')
				s.then(func() {
					n := s.m.news()
					q.reads(0, 's')
					n.see()
				})
			},
			orders: []forced{
				{"kill; supply", "supply_completed(a,0,1,KERN_SUCCESS) | load is gone"},
				{"supply; kill", "supply_completed(a,0,1,KERN_SUCCESS) | load=s"},
				{"supply; load to before-verify; kill; load", "supply_completed(a,0,1,KERN_SUCCESS) | load is gone"},
			},
		}.run(t)
	})
	t.Run("nobody has it", func(t *testing.T) {
		race{
			scene: func(s *scene) {
				s.m.silent("data_request")
				s.waits(s.load("load", s.c.mapPages(1), 0))
				s.kills("kill", s.c.task)
				s.supply("supply", 0, 's')
			},
			orders: []forced{
				{"kill; supply", "terminate(a) | load is gone | a holds data_supply(s)+reply"},
				{"kill to association-broken; supply; kill", "terminate(a) | load is gone | a holds data_supply(s)+reply"},
				{"supply; kill", "supply_completed(a,0,1,KERN_SUCCESS) terminate(a) | load=s"},
				{"supply; kill; load", "supply_completed(a,0,1,KERN_SUCCESS) terminate(a) | load is gone"},
			},
		}.run(t)
	})
}

// TestRace25_AbortWaiting: a thread that is aborted while it waits for data waits for the same request when it tries
// again, and so does everybody else: none is sent twice.
func TestRace25_AbortWaiting(t *testing.T) {
	t.Parallel()
	race{
		delays: 2,
		scene: func(s *scene) {
			s.m.silent("data_request")
			r := s.c.mapPages(1)
			j := s.waits(s.load("load", r, 0))
			s.aborts("abort", j)
			s.load("other", r, 0)
			s.supply("supply", 0, 's')
		},
		orders: []forced{
			{"abort; load to wait; other to wait; supply", "supply_completed(a,0,1,KERN_SUCCESS) | load=s | other=s"},
			{"other to wait; abort; supply", "supply_completed(a,0,1,KERN_SUCCESS) | load=s | other=s"},
			{"supply; abort; load; other", "supply_completed(a,0,1,KERN_SUCCESS) | load=s | other=s"},
		},
	}.run(t)
}
