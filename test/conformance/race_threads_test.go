package conformance

import (
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// The racers that most scenes are made of. Each makes one call, so that there are few points at which another one
// may go on.

// unmap is a racer that deallocates memory.
func (s *scene) unmap(name string, r *mapped) *racer {
	return s.race(r.c.task, name, func(x *calls) mach.Return { return x.deallocate(r.addr, r.size()) })
}

// mapping is a racer that maps the first n pages of a memory object; it is where the result says.
func (s *scene) mapping(name string, c *client, object mach.Name, n int) (*racer, *mapped) {
	r, port := &mapped{c: c, pages: n}, c.port(object)
	return s.race(c.task, name, func(x *calls) (code mach.Return) {
		r.addr, code = x.vmMap(mapping{object: port, size: r.size()})
		return code
	}), r
}

// load is a racer that reads page p.
func (s *scene) load(name string, r *mapped, p int) *racer {
	var j *racer
	j = s.race(r.c.task, name, func(x *calls) (code mach.Return) {
		j.value, code = x.load(r.at(p))
		return code
	})
	j.reads = true
	return j
}

// store is a racer that writes to page p.
func (s *scene) store(name string, r *mapped, p int, b byte) *racer {
	return s.race(r.c.task, name, func(x *calls) mach.Return { return x.store(r.at(p), b) })
}

// supply is a racer of the manager that supplies page p, all of it b, and asks for the completion.
func (s *scene) supply(name string, p int, b byte) *racer {
	var data mach.Region
	s.m.do(func(x *calls) { data = x.filled(b) })
	return s.control(name, func(x *calls, a mach.Name) mach.Return {
		return x.supplyRegion(a, at(p), data, supplied{reply: s.m.port})
	})
}

// filled is a new page of memory, all of it b.
func (x *calls) filled(b byte) mach.Region {
	r, code := user.StoreNew(x, fillOf(b))
	x.ok(code)
	return r
}

// control is a racer of the manager that makes a call on the first control port.
func (s *scene) control(name string, f func(x *calls, a mach.Name) mach.Return) *racer {
	a := s.m.control(0)
	return s.race(s.m.task, name, func(x *calls) mach.Return { return f(x, a) })
}

// maps is mapping for one page of the first memory object; it does not say where.
func (s *scene) maps(name string, c *client) *racer {
	r, _ := s.mapping(name, c, s.m.port, 1)
	return r
}

// locks is a racer of the manager that makes a lock_request with completion.
func (s *scene) locks(name string, l locking) *racer {
	l.reply = s.m.port
	return s.control(name, func(x *calls, a mach.Name) mach.Return { return x.lock(a, l) })
}

// destroys is a racer of the manager that destroys the first association.
func (s *scene) destroys(name string) *racer {
	return s.control(name, func(x *calls, a mach.Name) mach.Return { return x.destroy(a, mach.KernFailure) })
}

// changes is a racer of the manager that declares attributes, with completion.
func (s *scene) changes(name string, cache bool) *racer {
	w := words(int32(mach.CopyDelay), 0, 0, 0)
	if cache {
		w[2] = 1
	}
	return s.control(name, func(x *calls, a mach.Name) mach.Return { return x.change(a, mach.FlavorAttribute, w, s.m.port) })
}

// aborts is a racer that aborts another one of the same task.
func (s *scene) aborts(name string, of *racer) *racer {
	task := s.newClient("aborter").task
	thread := s.given(task.GiveThreadPort(of.thread))
	return s.race(task, name, func(x *calls) mach.Return {
		_ = user.ThreadAbort(x, thread) // it may have ended
		return mach.KernSuccess
	})
}

// kills is a racer that ends a task.
func (s *scene) kills(name string, victim *kernel.Task) *racer {
	task := s.newClient("killer").task
	port := s.GiveTaskPort(victim, task)
	return s.race(task, name, func(x *calls) mach.Return { return user.TaskTerminate(x, port) })
}

// pageout is a racer of the kernel that throws out one page, as the pageout daemon would.
func (s *scene) pageout() {
	s.starts = append(s.starts, func() {
		th := s.sim.Sched().Spawn("pageout", func(th *sched.Thread) {
			s.k.VM().EvictOne(th)
			th.Drain()
		})
		th.SetHost(s.k.ID())
	})
}

// resumes is a racer that undoes hold.
func (s *scene) resumes(name string) *racer {
	return s.race(s.m.task, name, func(x *calls) mach.Return {
		return user.MachPortMoveMember(x, x.self(), s.m.port, s.m.set)
	})
}

// phase is where the first memory object stands in the first kernel, "" if it is not associated.
func (s *scene) phase() string {
	info, ok := s.k.VM().ObjectInfo(s.portNamed(s.m, s.m.port))
	if !ok {
		return ""
	}
	return info.Phase.String()
}

// sees notes what reading page p gives.
func (s *scene) sees(r *mapped, p int) {
	s.t.Helper()
	if j := r.startLoad(p); j.requireEnded() == mach.KernSuccess {
		s.note("then load %s", byteOf(j.value))
	} else {
		s.note("then load %v", j.code)
	}
}

// objects is how many objects with a manager the first kernel has.
func (s *scene) objects() int {
	n, _ := s.k.VM().CacheStatistics()
	return n
}

// persists reports whether the first memory object may be cached.
func (s *scene) persists() bool {
	info, _ := s.k.VM().ObjectInfo(s.portNamed(s.m, s.m.port))
	return info.CanPersist
}
