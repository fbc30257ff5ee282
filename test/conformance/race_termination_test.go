package conformance

import (
	"testing"

	"machvm/kernel/mach"
)

// TestRace05_SupplyAndLastUnmap: a supply that comes before the association is broken is consumed, and its completion
// precedes terminate; one that comes later travels with the control port, with its data and reply right.
func TestRace05_SupplyAndLastUnmap(t *testing.T) {
	t.Parallel()
	const before, after = "supply_completed(a,1,1,KERN_SUCCESS) terminate(a)", "terminate(a) | a holds data_supply(s)+reply"
	race{
		options: []option{withField("AcceptUnrequestedSupply", "true")},
		scene: func(s *scene) {
			s.unmap("unmap", s.c.mapPages(2))
			s.supply("supply", 1, 's')
		},
		orders: []forced{
			{"supply; unmap", before},
			{"unmap to association-broken; supply; unmap", after},
			{"unmap to before-terminate; supply; unmap", after},
			{"unmap; supply; service", after},
			{"unmap; service; supply", after},
		},
	}.run(t)
	t.Run("kernels that reject", func(t *testing.T) {
		race{
			options: []option{withField("AcceptUnrequestedSupply", "true"), withField("TermWindow", "reject")},
			scene: func(s *scene) {
				s.unmap("unmap", s.c.mapPages(2))
				s.supply("supply", 1, 's')
			},
			orders: []forced{
				{"supply; unmap", before},
				{"unmap to association-broken; supply; unmap", "send_once terminate(a)"},
				{"unmap to before-terminate; supply; unmap", "send_once terminate(a)"},
				{"unmap; supply; service", after},
			},
		}.run(t)
	})
}

// TestRace06_LockRequestAndLastUnmap: a lock_request that comes before the association is broken is complete before
// terminate; one that comes later is in the control port, and nothing completes it. The page comes back once.
func TestRace06_LockRequestAndLastUnmap(t *testing.T) {
	t.Parallel()
	const (
		before = "data_return(a,0,dirty)=x lock_completed(a,0,1) terminate(a)"
		after  = "data_return(a,0,dirty)=x terminate(a) | a holds lock_request+reply"
	)
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.unmap("unmap", r)
			s.locks("lock", locking{size: page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange})
		},
		orders: []forced{
			{"lock; unmap", before},
			{"unmap to association-broken; lock; unmap", after},
			{"unmap to before-data-return; lock; unmap", after},
			{"unmap to before-terminate; lock; unmap", after},
			{"unmap; lock; service", after},
			{"unmap; service; lock", after},
		},
	}.run(t)
}

// TestRace07_GetAttributesDuringTermination: get_attributes is answered while the kernel has the control port, with
// attributes or KERN_INVALID_ARGUMENT. Afterwards it waits for the manager, and ends when that destroys the port.
func TestRace07_GetAttributesDuringTermination(t *testing.T) {
	t.Parallel()
	const refused, queued = "terminate(a) | get KERN_INVALID_ARGUMENT", "terminate(a) | get MIG_REPLY_MISMATCH"
	race{
		scene: func(s *scene) {
			s.m.on("terminate", func(x *turn) { x.ok(x.destroyPort(x.control)) })
			s.unmap("unmap", s.c.mapPages(1))
			s.control("get", func(x *calls, a mach.Name) mach.Return {
				w, code := x.attributes(a, mach.FlavorAttribute)
				if code == mach.KernSuccess && w[0] != int32(mach.CopyDelay) {
					return mach.KernFailure
				}
				return code
			})
		},
		orders: []forced{
			{"get; unmap", "terminate(a)"},
			{"unmap to association-broken; get; unmap", refused},
			{"unmap to before-terminate; get; unmap", refused},
			{"unmap; get to wait; service", queued},
			{"unmap; service; get", "terminate(a) | get MACH_SEND_INVALID_DEST"},
		},
	}.run(t)
}

// TestRace08_DestroyAndLastUnmap: there is one terminate, whoever is first. A destroy that comes when the last mapping has
// broken the association is in the control port; one that comes earlier keeps the modified page from the manager.
func TestRace08_DestroyAndLastUnmap(t *testing.T) {
	t.Parallel()
	const destroyed, unmapped = "terminate(a)", "data_return(a,0,dirty)=x terminate(a) | a holds destroy"
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			r.store(0, 'x')
			s.unmap("unmap", r)
			s.destroys("destroy")
		},
		orders: []forced{
			{"destroy; unmap", destroyed},
			{"destroy to association-broken; unmap; destroy", destroyed},
			{"destroy to before-terminate; unmap; destroy", destroyed},
			{"unmap to association-broken; destroy; unmap", unmapped},
			{"unmap to before-data-return; destroy; unmap", unmapped},
			{"unmap to before-terminate; destroy; unmap", unmapped},
			{"unmap; destroy; service", unmapped},
			{"unmap; service; destroy", unmapped},
		},
	}.run(t)
}

// TestRace09_TwoDestroys: two threads of a manager destroy an association: there is one terminate, the other call is
// found in the control port, and whoever waits for a page fails.
func TestRace09_TwoDestroys(t *testing.T) {
	t.Parallel()
	const both = "terminate(a) | load KERN_MEMORY_FAILURE | a holds destroy"
	race{
		scene: func(s *scene) {
			s.m.silent("data_request")
			s.waits(s.load("load", s.c.mapPages(1), 0))
			s.destroys("destroy1")
			s.destroys("destroy2")
		},
		orders: []forced{
			{"destroy1; destroy2", both},
			{"destroy2; destroy1", both},
			{"destroy1 to association-broken; destroy2; destroy1", both},
			{"destroy2 to association-broken; destroy1; destroy2", both},
			{"destroy1 to before-terminate; destroy2; destroy1", both},
			{"destroy1; service; destroy2", both},
		},
	}.run(t)
	t.Run("kernels that reject", func(t *testing.T) {
		race{
			options: []option{withField("TermWindow", "reject")},
			scene: func(s *scene) {
				s.c.mapPages(1)
				s.destroys("destroy1")
				s.destroys("destroy2")
			},
			orders: []forced{
				{"destroy1 to association-broken; destroy2; destroy1", "terminate(a)"},
				{"destroy2 to before-terminate; destroy1; destroy2", "terminate(a)"},
				{"destroy1; destroy2", "terminate(a) | a holds destroy"},
			},
		}.run(t)
	})
}

// TestRace32_ControlPortDestroyedAtOnce: a manager that destroys the control port as soon as terminate comes makes
// dead names of all send rights for it; a message to it is lost or refused, and the kernel goes on.
func TestRace32_ControlPortDestroyedAtOnce(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			s.m.on("terminate", func(x *turn) { x.ok(x.destroyPort(x.control)) })
			s.unmap("unmap", s.c.mapPages(1))
			other := s.newClient("other").task
			a := s.GiveSend(s.m.task, s.m.control(0), other)
			s.race(other, "note", func(x *calls) mach.Return { return x.noteWaiting(a, 77) })
			s.then(func() {
				s.in(other, func(x *calls) { s.note("then %v", x.portType(a)) })
				n := s.m.news()
				s.c.mapPages(1).see(0)
				s.note("then %v", n.take())
			})
		},
		orders: []forced{
			{"note; unmap", "terminate(a) | then DEAD_NAME | then [init(b) data_request(b,0,r--)]"},
			{"unmap to association-broken; note; unmap", "terminate(a) | then DEAD_NAME | then [init(b) data_request(b,0,r--)]"},
			{"unmap; note; service", "terminate(a) | then DEAD_NAME | then [init(b) data_request(b,0,r--)]"},
			{"unmap; service; note", "terminate(a) | note MACH_SEND_INVALID_DEST | then DEAD_NAME | then [init(b) data_request(b,0,r--)]"},
		},
	}.run(t)
}

// TestRace33_SixthMessage: once the association is broken the control port takes five messages. The sixth waits, until
// the manager has terminate and receives one of the five; with a timeout it comes back.
func TestRace33_SixthMessage(t *testing.T) {
	t.Parallel()
	const call = "data_unavailable"
	const five = call + " " + call + " " + call + " " + call + " " + call
	race{
		scene: func(s *scene) {
			s.unmap("unmap", s.c.mapPages(1))
			a := s.m.control(0)
			j := s.race(s.m.task, "send", func(x *calls) mach.Return {
				for range 6 {
					if code := x.unavailable(a, 0, page); code != mach.KernSuccess {
						return code
					}
				}
				return mach.KernSuccess
			})
			j.stays = true
			s.then(func() { s.note("send ended %v", j.ended) })
		},
		orders: []forced{
			{"send; unmap", "terminate(a) | send ended true"},
			{"unmap to association-broken; send to wait; unmap", "terminate(a) | send waits | a holds " + five + " " + call + " | send ended true"},
			{"unmap to before-terminate; send to wait; unmap", "terminate(a) | send waits | a holds " + five + " " + call + " | send ended true"},
			{"unmap; send to wait; service", "terminate(a) | send waits | a holds " + five + " " + call + " | send ended true"},
			{"unmap; service; send", "terminate(a) | send waits | a holds " + five + " " + call + " | send ended true"},
			{"send to mach_msg; send to mach_msg; unmap; service; send", "terminate(a) | a holds " + five + " | send ended true"},
		},
		also: []string{
			"terminate(a) | a holds " + call + " | send ended true",
			"terminate(a) | a holds " + call + " " + call + " | send ended true",
			"terminate(a) | a holds " + call + " " + call + " " + call + " | send ended true",
			"terminate(a) | a holds " + call + " " + call + " " + call + " " + call + " | send ended true",
		},
	}.run(t)
	const refused = "terminate(a) | note MACH_SEND_TIMED_OUT | get KERN_INVALID_ARGUMENT | a holds " + five
	race{ // the same with a timeout, and get_attributes, for which there is always room
		scene: func(s *scene) {
			s.unmap("unmap", s.c.mapPages(1))
			a := s.m.control(0)
			full := false
			s.race(s.m.task, "send", func(x *calls) mach.Return {
				for range 5 {
					x.ok(x.unavailable(a, 0, page))
				}
				full = true
				return mach.KernSuccess
			})
			s.race(s.m.task, "note", func(x *calls) mach.Return {
				if !full {
					return mach.KernSuccess
				}
				return x.note(a, 77, 0)
			})
			s.race(s.m.task, "get", func(x *calls) mach.Return {
				if !full {
					return mach.KernSuccess
				}
				_, code := x.attributes(a, mach.FlavorAttribute)
				return code
			}).stays = true
		},
		orders: []forced{
			{"unmap to association-broken; send; note; get; unmap", refused},
			{"unmap to before-terminate; send; get; note; unmap", refused},
			{"unmap to association-broken; send; note; unmap; get", "terminate(a) | note MACH_SEND_TIMED_OUT | get waits | a holds " + five + " get_attributes+reply"},
		},
		forcedOnly: true,
	}.run(t)
}

// TestRace34_NoSendersAndTerminate: when the last client and the kernel give up an object, no-senders comes behind
// terminate, whoever is last.
func TestRace34_NoSendersAndTerminate(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			r := s.c.mapPages(1)
			name := s.c.port(s.m.port)
			s.m.do(func(x *calls) { x.ok(x.askNoSenders(s.m.port, s.m.port)) })
			s.unmap("unmap", r)
			s.race(s.c.task, "drop", func(x *calls) mach.Return { return x.deallocatePort(name) })
		},
		orders: []forced{
			{"unmap; drop", "terminate(a) no_senders(1)"},
			{"drop; unmap", "terminate(a) no_senders(1)"},
			{"unmap to association-broken; drop; unmap", "terminate(a) no_senders(1)"},
			{"unmap to before-terminate; drop; unmap", "terminate(a) no_senders(1)"},
			{"unmap; drop; service", "terminate(a) no_senders(1)"},
			{"unmap; service; drop", "terminate(a) no_senders(1)"},
		},
	}.run(t)
}

// TestRace35_StaleNoSenders: no-senders tells with how many rights made there were none left. A client that maps through
// a right made later is announced behind it, or there is none.
func TestRace35_StaleNoSenders(t *testing.T) {
	t.Parallel()
	race{
		within: 1,
		scene: func(s *scene) {
			name, other := s.c.port(s.m.port), s.newClient("other")
			s.m.do(func(x *calls) { x.ok(x.askNoSenders(s.m.port, s.m.port)) })
			var box, out mach.Name
			other.do(func(x *calls) { box = x.allocatePort() })
			out = s.GiveSend(other.task, box, s.m.task)
			s.race(s.c.task, "drop", func(x *calls) mach.Return { return x.deallocatePort(name) })
			s.race(s.m.task, "give", func(x *calls) mach.Return {
				return x.sendMessage(&mach.UserMessage{ID: 77, Remote: out, RemoteDisp: mach.CopySend, Complex: true,
					Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescPort, Disp: mach.MakeSend, Port: s.m.port}}})
			})
			s.race(other.task, "map", func(x *calls) mach.Return {
				m := new(mach.UserMessage)
				x.ok(x.Msg(m, mach.RcvMsg, receiveLimit, box, 0, mach.NameNull))
				_, code := x.vmMap(mapping{object: m.Descs[0].Port, size: page})
				return code
			})
			s.then(func() { s.note("made %d", s.portNamed(s.m, s.m.port).Mscount()) })
		},
		orders: []forced{
			{"drop; give; map", "no_senders(1) init(a) | made 2"},
			{"drop; give; map to wait; service", "no_senders(1) init(a) | made 2"},
			{"give; drop; map", "init(a) | made 2"},
			{"give; map; drop", "init(a) | made 2"},
		},
	}.run(t)
}
