package sched

// Resource is a class of things that steps can touch. What an observer is told may name more than was
// touched, never less.
type Resource uint8

const (
	ResourceThread     Resource = iota // a thread: that it runs, waits, is to run
	ResourceTask                       // what a task owns: its names, its map, its programs' variables
	ResourcePort                       // a port or port set: its queue, its rights, who waits there
	ResourceKernel                     // 0: everything the kernels have beside ports, read by those who say what else they touch; a host: its memory, likewise
	ResourcePage                       // the contents of a page frame
	ResourceIDs                        // the numbers that new things get
	ResourceFaults                     // how many faults have been injected
	ResourceEverything                 // anything
)

// Observer is told what the steps of a run touch.
type Observer interface {
	// Step is called when t begins a step; nil: a timer fires.
	Step(t *Thread)
	// Touch is called when by, nil for a timer or an audit, reads or writes something.
	Touch(by *Thread, r Resource, id uint64, write bool)
}

// Observe tells o from now on what steps touch; nil ends it.
func (s *Scheduler) Observe(o Observer) { s.observer = o }

// Observed reports whether somebody wants to know what steps touch.
func (s *Scheduler) Observed() bool { return s.observer != nil }

// Touch says that the running thread reads or writes something. It costs a comparison if nobody listens.
func (s *Scheduler) Touch(r Resource, id uint64, write bool) {
	if s.observer != nil {
		s.touch(r, id, write)
	}
}

// touch is Touch when somebody listens. A thread that has begun to touch all of the kernel may go on to,
// when it comes back from a wait, until its trap is over.
func (s *Scheduler) touch(r Resource, id uint64, write bool) {
	if t := s.current; t != nil && r == ResourceKernel && write {
		if id == 0 {
			t.deep = true
		} else {
			t.deepIn = id
		}
	}
	s.observer.Touch(s.current, r, id, write)
}

// touchRunning says that t begins a step: what its task owns is at its mercy, and at that of a kernel's thread
// everything the kernel has.
func (s *Scheduler) touchRunning(t *Thread) {
	s.observer.Step(t)
	s.Touch(ResourceThread, uint64(t.id), true)
	switch {
	case t.task != 0:
		s.Touch(ResourceTask, uint64(t.task), true)
		s.Touch(ResourceKernel, 0, t.deep)
		if t.deepIn != 0 {
			s.Touch(ResourceKernel, t.deepIn, true)
		}
	case t.host != 0:
		s.Touch(ResourceKernel, 0, true)
	}
}
