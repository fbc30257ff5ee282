package conformance

import (
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestRace01_TwoFirstMappings: of two tasks that map a memory object for the first time at once one sends init, and
// both have the same VM object.
func TestRace01_TwoFirstMappings(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			_, one := s.mapping("map1", s.newClient("a"), s.m.port, 1)
			_, two := s.mapping("map2", s.newClient("b"), s.m.port, 1)
			s.then(func() {
				one.store(0, 'x')
				two.reads(0, 'x')
			})
		},
		orders: []forced{
			{"map1; map2", "init(a)"},
			{"map2; map1", "init(a)"},
			{"map1 to before-init; map2 to wait; map1 to wait; service", "init(a)"},
			{"map1 to wait; map2 to wait; service", "init(a)"},
			{"map1 to wait; service; map2; map1", "init(a)"},
		},
	}.run(t)
}

// TestRace02_PlacementFails: a mapping that finds no room when its manager has answered gives the object back, which is
// then terminated, or cached if the manager allows it.
func TestRace02_PlacementFails(t *testing.T) {
	t.Parallel()
	const address = mach.Addr(16 * page)
	clash := func(s *scene) {
		port := s.c.port(s.m.port)
		s.race(s.c.task, "map", func(x *calls) mach.Return {
			_, code := x.vmMap(mapping{object: port, size: page, fixed: true, address: address})
			return code
		})
		s.race(s.c.task, "allocate", func(x *calls) mach.Return {
			at := address
			return user.VMAllocate(x, x.self(), &at, page, false)
		})
	}
	race{
		scene: clash,
		orders: []forced{
			{"map; allocate", "init(a) | allocate KERN_NO_SPACE"},
			{"allocate; map", "init(a) terminate(a) | map KERN_NO_SPACE"},
			{"map to wait; allocate; service; map", "init(a) terminate(a) | map KERN_NO_SPACE"},
			{"map to wait; service; allocate; map", "init(a) terminate(a) | map KERN_NO_SPACE"},
		},
	}.run(t)
	race{
		scene: func(s *scene) {
			s.m.readiness.MayCache = true
			clash(s)
			s.then(func() { s.note("then %s", s.phase()) })
		},
		orders: []forced{
			{"map; allocate", "init(a) | allocate KERN_NO_SPACE | then ACTIVE"},
			{"map to wait; allocate; service; map", "init(a) | map KERN_NO_SPACE | then CACHED"},
		},
	}.run(t)
}

// TestRace03_UnmapBeforeReady: an object may be given up before its manager has answered init; terminate then follows
// init, and what the manager says to readiness stays in the control port.
func TestRace03_UnmapBeforeReady(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		habits option
		answer string // to init
		window string // what becomes of it while terminate is prepared
	}{
		"kernels that do not wait": {withField("MapWaitsForReady", "false"), "change_attributes", " | a holds change_attributes"},
		"CMU":                      {withPreset(personality.CMU30()), "ready", ""},
		"GNU":                      {withPreset(personality.GNUMach()), "ready", ""},
	} {
		t.Run(name, func(t *testing.T) {
			const both = "init(a) terminate(a)"
			race{
				options: []option{k.habits},
				scene: func(s *scene) {
					s.m.hold()
					s.unmap("unmap", s.c.mapPages(1))
					s.resumes("resume")
				},
				orders: []forced{
					{"resume; unmap", both},
					{"unmap; resume", both + " | a holds " + k.answer},
					{"unmap to association-broken; resume; unmap", both + k.window},
				},
			}.run(t)
		})
	}
	t.Run("the mapper is aborted", func(t *testing.T) {
		race{
			scene: func(s *scene) {
				s.m.hold()
				j := s.waits(s.maps("map", s.c))
				s.aborts("abort", j)
				s.resumes("resume")
			},
			orders: []forced{
				{"resume; abort", "init(a)"},
				{"resume; service; abort; map", "init(a)"},
				{"abort; resume", "init(a) terminate(a) | map KERN_ABORTED | a holds change_attributes"},
				{"abort; resume; map", "init(a) terminate(a) | map KERN_ABORTED"},
				{"abort; map to association-broken; resume; map",
					"init(a) terminate(a) | map KERN_ABORTED | a holds change_attributes"},
			},
		}.run(t)
	})
}

// TestRace04_ChangeAndUnreadyTermination: attributes for an object that nobody has waited for are executed before the
// association is broken, with completion, or stay in the control port.
func TestRace04_ChangeAndUnreadyTermination(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.silent("init")
			j := s.waits(s.maps("map", s.c))
			s.aborts("abort", j)
			s.changes("change", false)
		},
		orders: []forced{
			{"change; abort", "change_completed(a,ATTRIBUTE)"},
			{"change; abort; map", "change_completed(a,ATTRIBUTE)"},
			{"abort; change; map", "change_completed(a,ATTRIBUTE) terminate(a) | map KERN_ABORTED"},
			{"abort; map to association-broken; change; map", "terminate(a) | map KERN_ABORTED | a holds change_attributes+reply"},
			{"abort; map to before-terminate; change; map", "terminate(a) | map KERN_ABORTED | a holds change_attributes+reply"},
			{"abort; map; change; service", "terminate(a) | map KERN_ABORTED | a holds change_attributes+reply"},
			{"abort; map; service; change", "terminate(a) | map KERN_ABORTED | a holds change_attributes+reply"},
		},
	}.run(t)
}

// TestRace10_MapWhileTerminating: a task that maps an object while its last mapping goes shares it, or waits and
// begins a new association: terminate of the old one comes before init of the new one.
func TestRace10_MapWhileTerminating(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.unmap("unmap", r)
			_, q := s.mapping("map", s.newClient("other"), s.m.port, 1)
			keeper(s.m)
			s.then(func() { q.reads(0, 'x') })
		},
		orders: []forced{
			{"map; unmap", ""},
			{"unmap to association-broken; map to wait; unmap", "data_return(a,0,dirty)=x terminate(a) init(b)"},
			{"unmap to before-data-return; map to wait; unmap", "data_return(a,0,dirty)=x terminate(a) init(b)"},
			{"unmap to before-terminate; map to wait; unmap", "data_return(a,0,dirty)=x terminate(a) init(b)"},
			{"unmap; map to wait; service", "data_return(a,0,dirty)=x terminate(a) init(b)"},
			{"unmap; service; map", "data_return(a,0,dirty)=x terminate(a) init(b)"},
		},
	}.run(t)
}

// TestRace11_MapWhileDestroying: a task that maps an object that its manager destroys has the old object, whose missing
// pages fail, or a new association, whose init comes after terminate.
func TestRace11_MapWhileDestroying(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.c.mapPages(1)
			s.destroys("destroy")
			_, q := s.mapping("map", s.newClient("other"), s.m.port, 1)
			s.then(func() {
				j := q.startLoad(0)
				s.note("then load %v", j.requireEnded())
			})
		},
		orders: []forced{
			{"map; destroy", "terminate(a) | then load KERN_MEMORY_FAILURE"},
			{"destroy to association-broken; map to wait; destroy", "terminate(a) init(b) | then load KERN_SUCCESS"},
			{"destroy to before-terminate; map to wait; destroy", "terminate(a) init(b) | then load KERN_SUCCESS"},
			{"destroy; map to wait; service", "terminate(a) init(b) | then load KERN_SUCCESS"},
			{"destroy; service; map", "terminate(a) init(b) | then load KERN_SUCCESS"},
		},
	}.run(t)
}

// TestRace12_MapAndUncaching: a cached object is mapped before its manager forbids caching, and stays; or it is terminated,
// before the change is complete, and the mapping begins a new association.
func TestRace12_MapAndUncaching(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.readiness.MayCache = true
			r := s.c.mapPages(1)
			r.see(0)
			r.unmap()
			s.m.readiness.MayCache = false
			_, q := s.mapping("map", s.c, s.m.port, 1)
			s.changes("change", false)
			s.then(func() {
				n := s.m.news()
				q.unmap()
				s.note("then %v", n.take())
			})
		},
		orders: []forced{
			{"map; change", "change_completed(a,ATTRIBUTE) | then [terminate(a)]"},
			{"change to association-broken; map to wait; change", "terminate(a) change_completed(null,ATTRIBUTE) init(b) | then [terminate(b)]"},
			{"change to before-terminate; map to wait; change", "terminate(a) change_completed(null,ATTRIBUTE) init(b) | then [terminate(b)]"},
			{"change; map", "terminate(a) change_completed(null,ATTRIBUTE) init(b) | then [terminate(b)]"},
		},
	}.run(t)
}

// TestRace13_MapAndCacheTrim: an object at the head of a full cache is mapped before it is trimmed, without a message,
// or terminated first and announced anew.
func TestRace13_MapAndCacheTrim(t *testing.T) {
	t.Parallel()
	race{
		options: []option{withField("ObjectCacheMax", "1")},
		scene: func(s *scene) {
			s.m.readiness.MayCache = true
			r := s.c.mapPages(1)
			r.see(0)
			r.unmap()
			other := s.m.newObject()
			s.unmap("unmap", s.c.mapRange(other, 0, 1))
			_, q := s.mapping("map", s.newClient("other"), s.m.port, 1)
			s.then(func() {
				n := s.m.news()
				q.see(0)
				s.note("then %v", n.take())
			})
		},
		orders: []forced{
			{"map; unmap", " | then []"},
			{"unmap to association-broken; map to wait; unmap", "terminate(a) init(c) | then [data_request(c,0,r--)]"},
			{"unmap to before-terminate; map to wait; unmap", "terminate(a) init(c) | then [data_request(c,0,r--)]"},
			{"unmap; map", "terminate(a) init(c) | then [data_request(c,0,r--)]"},
		},
	}.run(t)
}
