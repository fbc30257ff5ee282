package conformance

import (
	"testing"

	"machvm/kernel/mach"
)

// msyncs is a racer that synchronizes pages first to last.
func (s *scene) msyncs(name string, r *mapped, first, last int) *racer {
	return s.race(r.c.task, name, func(x *calls) mach.Return {
		return x.msync(r.at(first), mach.Size(last-first+1)*page, mach.SyncSynchronous)
	})
}

// completes is a racer of the manager that completes a synchronize of n pages.
func (s *scene) completes(name string, n int) *racer {
	return s.control(name, func(x *calls, a mach.Name) mach.Return {
		return x.synchronizeCompleted(a, 0, mach.Size(n)*page)
	})
}

// TestRace36_SyncAndDestroy: vm_msync fails when the association ends before the manager has completed it; nothing is
// synchronized after terminate.
func TestRace36_SyncAndDestroy(t *testing.T) {
	t.Parallel()
	const asked = "data_return(a,0,dirty,kept)=x synchronize(a,0,1) terminate(a)"
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.msyncs("msync", r, 0, 0)
			s.destroys("destroy")
		},
		orders: []forced{
			{"msync; destroy", asked},
			{"msync to wait; destroy; service", asked + " | msync KERN_MEMORY_ERROR | a holds synchronize_completed"},
			{"msync to wait; destroy to association-broken; service; destroy",
				asked + " | msync KERN_MEMORY_ERROR | a holds synchronize_completed"},
			{"msync to wait; service; destroy; msync", asked},
			{"destroy; msync", "terminate(a)"},
			{"destroy to association-broken; msync; destroy", "terminate(a)"},
			{"destroy to before-terminate; msync; destroy", "terminate(a)"},
		},
	}.run(t)
}

// TestRace37_OverlappingSyncs: of two vm_msyncs that overlap the second is sent when the first is complete.
func TestRace37_OverlappingSyncs(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			s.m.on("synchronize", func(x *turn) {
				if x.status(s.m.port).messages > 0 {
					s.note("two at once")
				}
				x.ok(x.synchronizeCompleted(x.control, x.offset, x.length))
			})
			r := s.c.mapPages(2)
			s.msyncs("msync1", r, 0, 1)
			s.msyncs("msync2", r, 1, 1)
		},
		orders: []forced{
			{"msync1; msync2", "synchronize(a,0,2) synchronize(a,1,1)"},
			{"msync1 to wait; msync2 to wait; service", "synchronize(a,0,2) synchronize(a,1,1)"},
			{"msync2; msync1", "synchronize(a,1,1) synchronize(a,0,2)"},
			{"msync2 to wait; msync1 to wait; service", "synchronize(a,1,1) synchronize(a,0,2)"},
		},
	}.run(t)
}

// TestRace38_SyncAndLastUnmap: a vm_msync under way delays the termination of the object until it is complete; memory that
// is unmapped first has nothing to synchronize.
func TestRace38_SyncAndLastUnmap(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			s.msyncs("msync", r, 0, 0)
			s.unmap("unmap", r)
		},
		orders: []forced{
			{"msync; unmap", "synchronize(a,0,1) terminate(a)"},
			{"msync to wait; unmap; service", "synchronize(a,0,1) terminate(a)"},
			{"msync to wait; service; unmap; msync", "synchronize(a,0,1) terminate(a)"},
			{"unmap; msync", "terminate(a)"},
			{"unmap to association-broken; msync; unmap", "terminate(a)"},
			{"unmap to before-terminate; msync; unmap", "terminate(a)"},
		},
	}.run(t)
}

// TestRace39_WrongCompletion: a synchronize_completed for another range than the one asked for does not end vm_msync.
func TestRace39_WrongCompletion(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.silent("synchronize")
			r, answered := s.c.mapPages(2), false
			s.waits(s.race(s.c.task, "msync", func(x *calls) mach.Return {
				code := x.msync(r.addr, r.size(), mach.SyncSynchronous)
				if !answered {
					s.note("msync returned unanswered")
				}
				return code
			}))
			s.completes("wrong", 1)
			s.control("right", func(x *calls, a mach.Name) mach.Return {
				answered = true
				return x.synchronizeCompleted(a, 0, r.size())
			})
		},
		orders: []forced{
			{"wrong; msync; right", ""},
			{"right; wrong", ""},
			{"right; msync; wrong", ""},
		},
	}.run(t)
	race{
		scene: func(s *scene) {
			s.m.silent("synchronize")
			s.msyncs("msync", s.c.mapPages(2), 0, 1).stays = true
			s.completes("wrong", 1)
		},
		orders: []forced{
			{"msync to wait; wrong; service", "synchronize(a,0,2) | msync waits"},
			{"wrong; msync", "synchronize(a,0,2) | msync waits"},
		},
	}.run(t)
}

// TestRace40_CompletedBeforeStored: the kernel believes what the manager says: vm_msync returns when it is completed, though
// the page before it is still in the queue.
func TestRace40_CompletedBeforeStored(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.m.silent("synchronize")
			j := s.race(r.c.task, "msync", func(x *calls) mach.Return {
				code := x.msync(r.at(0), page, mach.SyncAsynchronous)
				s.note("%d stored when msync returns", len(s.m.kept))
				return code
			})
			j.stays = true
			s.completes("complete", 1)
		},
		orders: []forced{
			{"msync to wait; complete; msync; service", "data_return(a,0,dirty,kept)=x synchronize(a,0,1) | 0 stored when msync returns"},
			{"msync to wait; service; complete", "data_return(a,0,dirty,kept)=x synchronize(a,0,1) | 1 stored when msync returns"},
			{"complete; msync", "data_return(a,0,dirty,kept)=x synchronize(a,0,1) | msync waits"},
		},
	}.run(t)
}

// TestRace41_ChangeAndLockRequest: attributes that change while a lock_request is under way do not touch it: each is
// completed once.
func TestRace41_ChangeAndLockRequest(t *testing.T) {
	t.Parallel()
	const change, lock, back, again, kept = "change_completed(a,ATTRIBUTE)", "lock_completed(a,0,1)",
		"data_return(a,0,dirty)=x", "data_request(a,0,rw-)", " | then persists true"
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			s.waits(s.store("store", s.c.mapPages(1), 0, 'x'))
			delete(s.m.answers, "data_request")
			var data mach.Region
			s.m.do(func(x *calls) { data = x.filled('s') })
			s.control("supply", func(x *calls, a mach.Name) mach.Return { return x.supplyRegion(a, 0, data, supplied{}) })
			s.locks("lock", locking{size: page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange})
			s.changes("change", true)
			s.then(func() { s.note("then persists %v", s.persists()) })
		},
		within: 1,
		orders: []forced{
			{"supply; store; lock; change", back + " " + lock + " " + change + kept},
			{"supply; store; change; lock", change + " " + back + " " + lock + kept},
			{"supply; store to before-verify; lock to wait; change; store; lock", change + " " + back + " " + lock + kept},
			{"lock; change; supply", lock + " " + change + kept},
			{"change; lock; supply", change + " " + lock + kept},
			{"supply; lock; store; change", lock + " " + again + " " + change + kept},
			{"supply; lock; change; store", lock + " " + change + " " + again + kept},
			{"supply; change; lock; store", change + " " + lock + " " + again + kept},
		},
	}.run(t)
}
