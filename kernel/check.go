package kernel

import (
	"errors"
	"fmt"

	"machvm/kernel/sched"
)

// Check recounts everything: rights and queues of all ports, the memory of every host, and the tasks and
// threads. The error names the first invariant of each part that is broken. It is meant for the instant
// between two steps.
func (s *Simulation) Check() error {
	errs := []error{s.world.Check()}
	for _, h := range s.hosts {
		if err := h.vm.Check(); err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", h.name, err))
		}
		if err := h.check(); err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", h.name, err))
		}
	}
	return errors.Join(errs...)
}

// audit is Check after a step. A broken invariant panics; the scheduler adds whose step it was.
func (s *Simulation) audit() {
	if err := s.Check(); err != nil {
		panic(&CheckError{Step: s.sched.Steps(), Err: err})
	}
}

// check is the audit of a host's tasks and threads.
//
//	K-1  a task is listed while it has references; its own life and its threads are among them
//	K-2  a port of a task or thread is the kernel's, and serves it; who has ended has none
//	K-3  a dead task has no live space, no rights, and no threads but such as are on their way out of their program
//	K-4  a thread is held by every suspension of its own and of its task
func (h *Host) check() error {
	for t := h.tasks.first; t != nil; t = t.next {
		least := 0
		if t.state != taskDead {
			least++
		}
		for x := t.threads.first; x != nil; x = x.next {
			least++
			if err := x.check(); err != nil {
				return err
			}
			if t.state == taskDead && !x.th.Killed() {
				return fmt.Errorf("K-3: %v is dead and %v lives", t, x)
			}
		}
		switch {
		case t.refs < max(least, 1):
			return fmt.Errorf("K-1: %v has %d references, %d at least are known", t, t.refs, least)
		case t.state == taskDead && (t.space.Active() || !t.self.IsNull() || !t.handed.IsNull()):
			return fmt.Errorf("K-3: %v is dead and has something left", t)
		case t.state != taskDead && (t.self.Port().Kobject() != t || !t.self.Port().Alive()):
			return fmt.Errorf("K-2: the control port of %v is not its own", t)
		}
	}
	return nil
}

func (t *Thread) check() error {
	switch {
	case t.ended || t.th.State() == sched.Dead:
		return fmt.Errorf("K-1: %v has ended and is still listed", t)
	case t.self.Port().Kobject() != t || !t.self.Port().Alive():
		return fmt.Errorf("K-2: the control port of %v is not its own", t)
	case t.th.SuspendCount() < t.suspended+t.task.suspended:
		return fmt.Errorf("K-4: %v is suspended %d times, %d are its own and %d its task's", t,
			t.th.SuspendCount(), t.suspended, t.task.suspended)
	}
	return nil
}
