package ipc

import (
	"slices"

	"machvm/kernel/sched"
)

// Terminate ends the space of a task whose threads have left their waits: it is marked dead, so that nothing
// can be copied out to it any more, and its entries are cleaned in order. Sets are destroyed, send rights
// released, send-once rights answered with send-once, receive rights destroyed or redirected, and
// dead-name requests answered with port-deleted. Messages the task has sent stay valid. Historic
// ipc_space_destroy.
func (s *Space) Terminate(reap *sched.Reap) {
	if s.dead {
		return
	}
	s.dead = true
	for i := range s.slots {
		if e := s.slots[i].entry; e != nil {
			s.destroy(reap, e)
		}
	}
	for e := range s.all() { // only names beside the table are left
		s.destroy(reap, e)
	}
	n := s.node
	if i := slices.Index(n.spaces, s); i >= 0 {
		n.spaces = slices.Delete(n.spaces, i, i+1)
	}
}
