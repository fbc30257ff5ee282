package ipc

import "machvm/kernel/sched"

// Spares is what the world of one simulation leaves to that of the next: the structures of ports, names and messages.
// The zero value is empty.
type Spares struct {
	ports   sched.Arena[Port]
	entries sched.Arena[entry]
	kmsgs   sched.Arena[Kmsg]
}

// Reclaim takes everything back. The world that uses it must not run any more.
func (s *Spares) Reclaim() {
	s.ports.Reclaim()
	s.entries.Reclaim()
	s.kmsgs.Reclaim()
}
