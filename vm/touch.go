package vm

import "machvm/kernel/sched"

// What steps touch, for exploration. What programs and managers ask for by messages counts as touching everything, except
// where it is said otherwise. An access that finds its translation touches the contents of a page, and reads the memory
// of the host, for that decides where the page is. A fault writes the memory of the host; what it does beside is said
// where it is done: the messages that it sends touch ports, and the end of an object touches everything.

// TouchMemory says that the running thread reads or writes the memory of the host.
func (h *Host) TouchMemory(write bool) {
	h.sched.Touch(sched.ResourceKernel, uint64(h.node.ID()), write)
}

// touchFrame says that the running thread reads or writes the contents of a frame.
func (h *Host) touchFrame(fr *frame, write bool) {
	if h.sched.Observed() {
		h.TouchMemory(false)
		h.sched.Touch(sched.ResourcePage, uint64(h.node.ID())<<32|uint64(fr.number), write)
	}
}

// touchEverything says that the running thread may change anything.
func (h *Host) touchEverything() { h.sched.Touch(sched.ResourceKernel, 0, true) }
