package kernel

import "machvm/kernel/sched"

// Digest adds the whole machine: tasks and threads, ports and messages, memory with its contents. Like Describe it
// depends on what the machine is and not on how it got there. With deep it adds what only the kernels know, such as
// translations and the order of page queues.
func (s *Simulation) Digest(d *sched.Digest, deep bool) {
	for _, h := range s.hosts {
		for t := h.tasks.first; t != nil; t = t.next {
			d.Words(uint64(t.id), uint64(t.state), uint64(t.suspended))
			if deep {
				d.Word(uint64(t.refs))
			}
		}
		h.vm.Digest(d, deep)
	}
	for t := range s.sched.Threads() {
		t.Digest(d)
	}
	s.world.Digest(d, true)
}

// DigestStill is Digest without the counts of messages that have passed: a machine in which nothing changes but those
// stands still.
func (s *Simulation) DigestStill(d *sched.Digest) {
	for _, h := range s.hosts {
		h.vm.Digest(d, false)
	}
	for t := range s.sched.Threads() {
		t.Digest(d)
	}
	s.world.Digest(d, false)
}

// Fingerprint is a hash of the machine: equal for machines that are alike.
func (s *Simulation) Fingerprint() uint64 {
	var d sched.Digest
	s.Digest(&d, false)
	return d.Sum()
}
