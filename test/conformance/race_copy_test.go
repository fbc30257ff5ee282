package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// TestRace42_CopyAndDestroy: a copy of an object that its manager destroys has the pages that were resident, and others
// fail; where the pages are copied at once the call fails if one is missing.
func TestRace42_CopyAndDestroy(t *testing.T) {
	t.Parallel()
	setUp := func(s *scene, strategy mach.CopyStrategy, memory *mach.Region) {
		s.m.readiness.CopyStrategy = strategy
		s.m.on("data_request", func(x *turn) {
			if x.offset == 0 {
				x.supply(x.control, 0, fillOf('p'), supplied{})
			}
		})
		r := s.c.mapPages(2)
		r.reads(0, 'p')
		s.race(s.c.task, "copy", func(x *calls) (code mach.Return) {
			*memory, code = user.VMRead(x, x.self(), r.addr, 2*page)
			return code
		})
		s.destroys("destroy")
	}
	t.Run("delayed", func(t *testing.T) {
		race{
			scene: func(s *scene) {
				var copied mach.Region
				setUp(s, mach.CopyDelay, &copied)
				s.then(func() {
					r := &mapped{c: s.c, addr: copied.Address, pages: 2}
					s.sees(r, 0)
					s.sees(r, 1)
				})
			},
			orders: []forced{
				{"copy; destroy", "terminate(a) | then load KERN_MEMORY_FAILURE | then load p"},
				{"destroy; copy", "terminate(a) | then load KERN_MEMORY_FAILURE | then load p"},
				{"destroy to association-broken; copy; destroy", "terminate(a) | then load KERN_MEMORY_FAILURE | then load p"},
				{"destroy to before-terminate; copy; destroy", "terminate(a) | then load KERN_MEMORY_FAILURE | then load p"},
			},
		}.run(t)
	})
	t.Run("at once", func(t *testing.T) {
		race{
			scene: func(s *scene) { setUp(s, mach.CopyNone, new(mach.Region)) },
			orders: []forced{
				{"copy to wait; service; destroy", "data_request(a,1,r--) terminate(a) | copy KERN_MEMORY_FAILURE"},
				{"copy to placeholder-inserted; destroy to wait; copy; destroy", "terminate(a) | copy KERN_MEMORY_FAILURE"},
				{"destroy to association-broken; copy; destroy", "terminate(a) | copy KERN_MEMORY_FAILURE"},
				{"destroy; copy", "terminate(a) | copy KERN_MEMORY_FAILURE"},
			},
		}.run(t)
	})
}

// TestRace43_ShadowChain: of a chain whose top and bottom both have managers each object is terminated once: the bottom
// when nobody needs it, behind the top.
func TestRace43_ShadowChain(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			d := s.newDefaultManager("default", 1)
			s.managers = append(s.managers, d.manager)
			order := ""
			for _, m := range s.managers {
				m.on("terminate", func(x *turn) { order += x.letter })
			}
			bottom := s.c.mapPages(1)
			top := &mapped{c: s.c, pages: 1}
			port := s.c.port(s.m.port)
			s.c.do(func(x *calls) {
				var code mach.Return
				top.addr, code = x.vmMap(mapping{object: port, size: page, copy: true})
				x.ok(code)
				x.ok(x.store(top.at(0), 'x'))
			})
			s.evictAll()
			require.Equal(s.t, 1, d.count("create"))
			s.unmap("bottom", bottom)
			s.unmap("top", top)
			s.then(func() { s.note("order %s", order) })
		},
		orders: []forced{
			{"bottom; top to association-broken; default/service; top", "terminate(a) | default: terminate(b) | order ba"},
			{"bottom; top; default/service; manager/service", "terminate(a) | default: terminate(b) | order ba"},
			{"top; bottom; default/service; manager/service", "terminate(a) | default: terminate(b) | order ba"},
			{"top to association-broken; bottom; top; default/service; manager/service", "terminate(a) | default: terminate(b) | order ba"},
			{"top to before-terminate; bottom; top; default/service; manager/service", "terminate(a) | default: terminate(b) | order ba"},
			{"bottom; top; manager/service; default/service", "terminate(a) | default: terminate(b) | order ab"},
		},
	}.run(t)
}

// evictAll throws out pages until none can go.
func (s *scene) evictAll() {
	s.sim.Sched().Spawn("evict all", func(th *sched.Thread) {
		for s.k.VM().EvictOne(th) {
			th.Drain()
		}
		th.Drain()
	}).SetHost(s.k.ID())
	s.settle()
}

// far is a client on a second kernel.
func (s *scene) far() *client {
	h, err := s.sim.Boot(kernel.HostConfig{Name: "far", Personality: *s.k.Personality(), WithoutPageout: true})
	require.NoError(s.t, err)
	return s.newClientOn(h, "far")
}

// TestRace44_OneKernelTerminates: terminate of one kernel names its control port; another kernel goes on.
func TestRace44_OneKernelTerminates(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			near, far := s.c.mapPages(2), s.far().mapPages(2)
			far.see(0)
			s.unmap("unmap", near)
			s.load("load", far, 1)
			s.then(func() { far.store(0, 'x') })
		},
		orders: []forced{
			{"unmap; load", "terminate(a) data_request(b,1,r--) | load=2"},
			{"load; unmap", "data_request(b,1,r--) terminate(a) | load=2"},
			{"unmap to association-broken; load; unmap", "data_request(b,1,r--) terminate(a) | load=2"},
			{"load to placeholder-inserted; unmap; load", "terminate(a) data_request(b,1,r--) | load=2"},
		},
	}.run(t)
}

// TestRace45_TwoKernelsTerminate: two kernels that give an object up send a terminate each.
func TestRace45_TwoKernelsTerminate(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			near, far := s.c.mapPages(1), s.far().mapPages(1)
			s.unmap("near", near)
			s.unmap("far", far)
		},
		orders: []forced{
			{"near; far", "terminate(a) terminate(b)"},
			{"far; near", "terminate(b) terminate(a)"},
			{"near to before-terminate; far; near", "terminate(b) terminate(a)"},
			{"far to before-terminate; near; far", "terminate(a) terminate(b)"},
		},
	}.run(t)
}

// TestRace46_FlushForAnotherKernel: a manager flushes one kernel so that another may write. If the first terminates
// instead, its pages come before its terminate, which stands for the completion.
func TestRace46_FlushForAnotherKernel(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			near := s.c.mapPages(1)
			near.store(0, 'x')
			far := s.far().mapPages(1)
			waiting, gone := mach.NameNull, false // who wants to write; the first kernel has terminated
			flushed := func(x *turn) {
				if waiting != mach.NameNull {
					x.supply(waiting, 0, s.m.kept[0], supplied{})
				}
				waiting = mach.NameNull
			}
			s.m.on("data_request", func(x *turn) {
				waiting = x.control
				if gone {
					flushed(x)
					return
				}
				x.lock(s.m.control(0), locking{size: page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange, reply: s.m.port})
			})
			s.m.on("lock_completed", flushed)
			s.m.on("terminate", func(x *turn) {
				gone = true
				flushed(x)
			})
			s.unmap("unmap", near)
			s.race(far.c.task, "store", func(x *calls) mach.Return { return x.store(far.at(0)+1, 'y') })
			s.then(func() { far.reads(0, 'x') })
		},
		orders: []forced{
			{"store; unmap", "data_request(b,0,rw-) data_return(a,0,dirty)=x lock_completed(a,0,1) terminate(a)"},
			{"unmap; store", "data_return(a,0,dirty)=x terminate(a) data_request(b,0,rw-)"},
			{"unmap to association-broken; store to wait; service; unmap", "data_request(b,0,rw-) data_return(a,0,dirty)=x terminate(a) | a holds lock_request+reply"},
			{"unmap to before-terminate; store to wait; service; unmap", "data_return(a,0,dirty)=x data_request(b,0,rw-) terminate(a) | a holds lock_request+reply"},
		},
	}.run(t)
}
