package conformance

import (
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// anonymousPage is a modified page of the client's that the kernel has made, for default managers to take.
func (s *scene) anonymousPage() *mapped {
	s.t.Helper()
	r := s.c.anonymous(1)
	r.store(0, 'x')
	return r
}

// defaultManager adds a default manager to the managers of the outcome.
func (s *scene) defaultManager(name string) *defaultManager {
	d := s.newUnregistered(name)
	s.managers = append(s.managers, d.manager)
	return d
}

// TestRace47_DefaultManagerReplaced: the pages of an object go to the default manager to which it was given, and that is
// the one in charge when the first page went.
func TestRace47_DefaultManagerReplaced(t *testing.T) {
	t.Parallel()
	const first, second = " | first: create(a) data_return(a,0,dirty)=x", " | second: create(a) data_return(a,0,dirty)=x"
	race{
		scene: func(s *scene) {
			s.defaultManager("first").register(1)
			d := s.defaultManager("second")
			r := s.anonymousPage()
			s.pageout()
			s.race(d.task, "replace", func(x *calls) mach.Return {
				_, code := user.HostDefaultMemoryManager(x, d.priv, d.port, page)
				return code
			})
			s.then(func() { r.reads(0, 'x') })
		},
		orders: []forced{
			{"pageout; replace", first},
			{"pageout to before-data-return; replace; pageout", first},
			{"pageout to before-init; replace; pageout", first},
			{"replace; pageout", second},
		},
	}.run(t)
	t.Run("it dies", func(t *testing.T) {
		const announced, kept, lost = " | first: create(a)", " | then load x", " | then load KERN_MEMORY_FAILURE"
		race{
			scene: func(s *scene) {
				d := s.defaultManager("first")
				d.register(1)
				r := s.anonymousPage()
				s.pageout()
				s.kills("die", d.task)
				s.then(func() { s.sees(r, 0) })
			},
			orders: []forced{
				{"die; pageout", kept},
				{"pageout to before-init; die; pageout", kept},
				{"pageout to before-data-return; die; pageout", kept},
				{"pageout to before-data-return; first/service; die; pageout", announced + kept},
				{"pageout; die; first/service", lost},
				{"pageout; first/service; die", first + lost},
			},
			also: []string{announced + lost},
		}.run(t)
	})
}

// TestRace48_CreateBeforeData: the data of an object come to its default manager behind the create that carries the right
// to receive them.
func TestRace48_CreateBeforeData(t *testing.T) {
	t.Parallel()
	const both, again = " | default: create(a) data_return(a,0,dirty)=x | load=x",
		" | default: create(a) data_return(a,0,dirty)=x data_request(a,0,r--) | load=x"
	race{
		scene: func(s *scene) {
			s.defaultManager("default").register(1)
			r := s.anonymousPage()
			s.pageout()
			s.load("load", r, 0)
		},
		orders: []forced{
			{"pageout; default/service; load", again},
			{"pageout to before-data-return; default/service; pageout; load", again},
			{"pageout to before-data-return; load to wait; pageout", again},
			{"load; pageout", both},
			{"pageout to before-init; load to wait; pageout", again},
		},
	}.run(t)
}

// TestRace49_UnmapWithCreateQueued: an internal object may go while its create is in the queue: the default manager has
// create, the data, and terminate. If it goes before, the default manager hears nothing.
func TestRace49_UnmapWithCreateQueued(t *testing.T) {
	t.Parallel()
	const all = " | default: create(a) data_return(a,0,dirty)=x terminate(a)"
	race{
		scene: func(s *scene) {
			s.defaultManager("default").register(1)
			r := s.anonymousPage()
			s.pageout()
			s.unmap("unmap", r)
		},
		orders: []forced{
			{"unmap; pageout", ""},
			{"pageout to before-init; unmap to wait; pageout; default/service", all},
			{"pageout; unmap to wait; default/service", all},
			{"pageout to before-data-return; unmap to wait; pageout; default/service", all},
			{"pageout to before-data-return; default/service; unmap to wait; pageout", all},
			{"pageout; default/service; unmap", all},
		},
	}.run(t)
}

// TestRace50_CreateRejected: a default manager whose handler fails for create destroys the receive right, and so loses
// the pages that were sent.
func TestRace50_CreateRejected(t *testing.T) {
	t.Parallel()
	race{
		scene: func(s *scene) {
			d := s.defaultManager("default")
			d.on("create", func(x *turn) { x.result = mach.KernResourceShortage })
			d.register(1)
			r := s.anonymousPage()
			s.pageout()
			s.load("load", r, 0)
			s.then(func() {
				s.evictAll()
				s.sees(r, 0)
			})
		},
		orders: []forced{
			{"load; pageout", " | default: create(a) | load=x | then load KERN_MEMORY_FAILURE"},
			{"pageout; load to wait; default/service", " | default: create(a) | load KERN_MEMORY_FAILURE | then load KERN_MEMORY_FAILURE"},
			{"pageout; default/service; load", " | default: create(a) | load KERN_MEMORY_FAILURE | then load KERN_MEMORY_FAILURE"},
			{"pageout to before-data-return; default/service; load; pageout", " | default: create(a) | load=x | then load KERN_MEMORY_FAILURE"},
		},
	}.run(t)
}
