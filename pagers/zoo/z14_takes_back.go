package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

var takesBack = Specimen{
	ID:    "Z14",
	Title: "takes a page back before the faulting thread has used it, for ever",
	Mistake: "Two kernels want a page. The manager supplies it to the first and at once asks for it back, for the second. " +
		"The thread that had faulted has not run yet, and faults again, and so does that of the second kernel: " +
		"the page goes to and fro, and nobody gets to use it.",
	Remedy: "Leave a page with a kernel for a while before it is taken back.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newGrabber(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newGrabber(t, false) },
}

// grabber is a sharer that is in a hurry.
type grabber struct{ sharer }

func newGrabber(t user.Thread, wrong bool) (*Manager, mach.Return) {
	z := &grabber{}
	z.take = z.later
	if wrong {
		z.take = z.flush // the mistake
	}
	return exhibit(t, z)
}
