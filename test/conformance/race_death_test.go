package conformance

import (
	"testing"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestRace26_DeathWithRequestsOutstanding: when a manager dies everybody who waits for a page fails, and so does who comes
// later; there is no terminate.
func TestRace26_DeathWithRequestsOutstanding(t *testing.T) {
	t.Parallel()
	const failed = " | load0 KERN_MEMORY_FAILURE | load1 KERN_MEMORY_FAILURE | load2 KERN_MEMORY_FAILURE"
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			r := s.c.mapPages(3)
			s.waits(s.load("load0", r, 0))
			s.waits(s.load("load1", r, 1))
			s.kills("die", s.m.task)
			s.load("load2", r, 2)
		},
		orders: []forced{
			{"load2 to wait; service; die", "data_request(a,2,r--)" + failed},
			{"load2 to placeholder-inserted; die; load2", failed},
			{"die; load2", failed},
		},
	}.run(t)
}

// TestRace27_DeathBeforeReady: vm_map of an object whose manager dies before it is ready fails.
func TestRace27_DeathBeforeReady(t *testing.T) {
	t.Parallel()
	const failed = " | map KERN_INVALID_OBJECT"
	race{
		scene: func(s *scene) {
			s.maps("map", s.c)
			s.kills("die", s.m.task)
		},
		orders: []forced{
			{"map; die", "init(a)"},
			{"map to wait; service; die; map", "init(a) | map KERN_INVALID_OBJECT"},
			{"map to before-init; die; map", failed},
			{"map to wait; die", failed},
			{"die; map", failed},
		},
	}.run(t)
	t.Run("two mappers", func(t *testing.T) {
		const both = " | map1 KERN_INVALID_OBJECT | map2 KERN_INVALID_OBJECT"
		race{
			within: 1,
			scene: func(s *scene) {
				s.m.silent("init")
				s.maps("map1", s.newClient("one"))
				s.maps("map2", s.newClient("two"))
				s.kills("die", s.m.task)
			},
			orders: []forced{
				{"map1 to before-init; map2 to wait; die; map1; map2", both},
				{"map1 to before-init; map2 to wait; die; map2; map1", both},
				{"map1 to wait; map2 to wait; die", both},
				{"map1 to wait; service; map2 to wait; die", "init(a)" + both},
				{"map1 to before-init; die; map1; map2", both},
			},
		}.run(t)
	})
	t.Run("kernels that do not wait", func(t *testing.T) {
		const access = " | then load KERN_MEMORY_FAILURE"
		race{
			options: []option{withField("MapWaitsForReady", "false")},
			scene: func(s *scene) {
				j, r := s.mapping("map", s.c, s.m.port, 1)
				s.kills("die", s.m.task)
				s.then(func() {
					if j.code == mach.KernSuccess {
						s.sees(r, 0)
					}
				})
			},
			orders: []forced{
				{"map; manager/service; die", "init(a)" + access},
				{"map; die; manager/service", access},
				{"map to before-init; die; map", access},
				{"die; map", failed},
			},
		}.run(t)
	})
}

// TestRace28_DeathWithTerminateQueued: a manager that dies with terminate in its queue takes the control port with it:
// others who have a right for it get a dead name.
func TestRace28_DeathWithTerminateQueued(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.unmap("unmap", s.c.mapPages(1))
			other := s.newClient("other").task
			a := s.GiveSend(s.m.task, s.m.control(0), other)
			s.m.hold()
			s.kills("die", s.m.task)
			s.then(func() { s.in(other, func(x *calls) { s.note("then %v", x.portType(a)) }) })
		},
		orders: []forced{
			{"unmap; die", " | then DEAD_NAME"},
			{"unmap to association-broken; die; unmap", " | then DEAD_NAME"},
			{"unmap to before-terminate; die; unmap", " | then DEAD_NAME"},
			{"die; unmap", " | then DEAD_NAME"},
		},
	}.run(t)
}

// TestRace29_DeathWhilePagesReturn: the manager may die while the kernel gives back its pages: what is left of them
// and terminate go nowhere, and the termination is complete.
func TestRace29_DeathWhilePagesReturn(t *testing.T) {
	t.Parallel()
	const first = "data_return(a,0,dirty)=x"
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(2)
			r.store(0, 'x')
			r.store(1, 'y')
			s.unmap("unmap", r)
			s.kills("die", s.m.task)
			s.then(func() { s.note("then %d objects", s.objects()) })
		},
		orders: []forced{
			{"unmap; die", first + " data_return(a,1,dirty)=y terminate(a) | then 0 objects"},
			{"unmap to association-broken; die; unmap", " | then 0 objects"},
			{"unmap to before-data-return; die; unmap", " | then 0 objects"},
			{"unmap to before-data-return; unmap to before-data-return; die; unmap", " | then 0 objects"},
			{"unmap to before-data-return; unmap to before-data-return; service; die; unmap", first + " | then 0 objects"},
			{"unmap to before-terminate; die; unmap", " | then 0 objects"},
			{"unmap to before-terminate; service; die; unmap", first + " data_return(a,1,dirty)=y | then 0 objects"},
			{"die; unmap", " | then 0 objects"},
		},
	}.run(t)
}

// TestRace30_DeathWhileMappersWait: a task that waits for a termination to map the object anew fails when the manager dies.
func TestRace30_DeathWhileMappersWait(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			s.unmap("unmap", s.c.mapPages(1))
			s.maps("map", s.newClient("other"))
			s.kills("die", s.m.task)
		},
		orders: []forced{
			{"unmap to association-broken; map to wait; die; unmap", " | map KERN_INVALID_OBJECT"},
			{"unmap to before-terminate; map to wait; die; unmap", " | map KERN_INVALID_OBJECT"},
			{"unmap to association-broken; map to wait; die; map; unmap", " | map KERN_INVALID_OBJECT"},
			{"unmap; map to wait; die; service", " | map KERN_INVALID_OBJECT"},
			{"unmap; service; map to wait; die; service", "terminate(a) | map KERN_INVALID_OBJECT"},
			{"map; die; unmap", ""},
			{"unmap; map; die", "terminate(a) init(b)"},
			{"unmap; map to wait; service; die; map", "terminate(a) init(b) | map KERN_INVALID_OBJECT"},
		},
	}.run(t)
	t.Run("destroy", func(t *testing.T) {
		race{
			within: 1,
			scene: func(s *scene) {
				s.c.mapPages(1)
				other := s.newClient("other")
				a := s.GiveSend(s.m.task, s.m.control(0), other.task)
				s.race(other.task, "destroy", func(x *calls) mach.Return {
					_ = x.destroy(a, mach.KernFailure) // the control port may be dead
					return mach.KernSuccess
				})
				s.maps("map", other)
				s.kills("die", s.m.task)
			},
			orders: []forced{
				{"destroy to association-broken; map to wait; die; destroy", " | map KERN_INVALID_OBJECT"},
				{"destroy to before-terminate; map to wait; die; map; destroy", " | map KERN_INVALID_OBJECT"},
				{"destroy; map to wait; die; service", " | map KERN_INVALID_OBJECT"},
				{"destroy; service; map to wait; die", "terminate(a) | map KERN_INVALID_OBJECT"},
				{"destroy; map to wait; service; die; map", "terminate(a) init(b) | map KERN_INVALID_OBJECT"},
				{"destroy; map; die", "terminate(a) init(b)"},
				{"map; die; destroy", ""},
				{"map; destroy; die", "terminate(a)"},
			},
		}.run(t)
	})
}

// TestRace31_ReceiveRightMoves: messages that are in the queue of an object when its receive right moves go along in order:
// each comes to one of the two managers. Numbers begin at 0 again, and a no-senders request is taken back.
func TestRace31_ReceiveRightMoves(t *testing.T) {
	t.Parallel()
	moving := func(s *scene) {
		heir := s.newManager("heir")
		s.managers = append(s.managers, heir)
		r := s.c.mapPages(2)
		var box mach.Name
		heir.do(func(x *calls) { box = x.allocatePort() })
		out := s.GiveSend(heir.task, box, s.m.task)
		s.m.requestNoSenders(s.m.port)
		s.race(s.m.task, "move", func(x *calls) mach.Return { return x.sendReceiver(out, 77, s.m.port) })
		s.race(heir.task, "adopt", func(x *calls) mach.Return {
			m := new(mach.UserMessage)
			x.ok(x.Msg(m, mach.RcvMsg, receiveLimit, box, 0, mach.NameNull))
			return user.MachPortMoveMember(x, x.self(), m.Descs[0].Port, heir.set)
		})
		s.load("load0", r, 0)
		s.load("load1", r, 1)
		s.then(func() {
			for _, q := range heir.all("data_request") {
				s.note("number %d is page %d", q.seqno, q.offset/at(1))
			}
		})
	}
	const both = " | load0=1 | load1=2"
	const up, down = "send_once | heir: data_request(a,0,r--) data_request(a,1,r--)" + both + " | number 0 is page 0 | number 1 is page 1",
		"send_once | heir: data_request(a,1,r--) data_request(a,0,r--)" + both + " | number 0 is page 1 | number 1 is page 0"
	t.Run("one does not receive", func(t *testing.T) {
		race{
			delays: 2,
			scene: func(s *scene) {
				moving(s)
				s.m.hold()
			},
			orders: []forced{
				{"load0 to wait; load1 to wait; move; adopt", up},
				{"load0 to wait; move; load1 to wait; adopt", up},
				{"move; load0 to wait; load1 to wait; adopt", up},
				{"move; adopt; load0; load1", up},
				{"load1 to wait; load0 to wait; move; adopt", down},
				{"load1 to wait; move; adopt; load0", down},
			},
		}.run(t)
	})
	t.Run("both receive", func(t *testing.T) {
		race{
			// The monitor takes the order in which threads go on for the order in which they are given messages, and
			// two managers may go on in any: it watches checked executions only.
			options: []option{withConfig(func(c *kernel.Config, _ *kernel.HostConfig) { c.Checked = false })},
			delays:  3,
			scene:   moving,
			orders: []forced{
				{"move; adopt; load0; load1", up},
				{"move; adopt; load1; load0", down},
				{"load0 to wait; manager/service; move; load1 to wait; adopt",
					"data_request(a,0,r--) send_once | heir: data_request(a,1,r--)" + both + " | number 0 is page 1"},
				{"load1; move; load0; adopt",
					"data_request(a,1,r--) send_once | heir: data_request(a,0,r--)" + both + " | number 0 is page 0"},
				{"load0; load1; move; adopt", "data_request(a,0,r--) data_request(a,1,r--) send_once" + both},
				{"load1; load0; move; adopt", "data_request(a,1,r--) data_request(a,0,r--) send_once" + both},
			},
		}.run(t)
	})
}
