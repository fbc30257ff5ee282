package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

var delayedCopy = Specimen{
	ID:    "Z10",
	Title: "allows delayed copies of an object that is written elsewhere too",
	Mistake: "With MEMORY_OBJECT_COPY_DELAY the kernel copies an object by noting that it has to, and saves a page for the " +
		"copy before its clients change it. It does not see what the manager changes itself, or another kernel: " +
		"the copy then shows data that is younger than it is.",
	Remedy: "Give an object the data of which changes elsewhere the strategy MEMORY_OBJECT_COPY_NONE, so that its pages are " +
		"copied at once.",
	// The manager is the owner itself, which changes its pages for programs.
	Wrong: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) {
		return newCopied(t, mach.CopyDelay) // the mistake
	},
	Right: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newCopied(t, mach.CopyNone) },
}

func newCopied(t user.Thread, strategy mach.CopyStrategy) (*Manager, mach.Return) {
	z := newOwner(t)
	z.copy = strategy
	z.accept()
	return exhibit(t, &z)
}
