package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var swappedMessages = Specimen{
	ID:    "Z2",
	Title: "two service threads swap a return and the request behind it",
	Mistake: "The kernel queues data_return ahead of the next data_request of the page, and threads take messages in " +
		"that order. But the thread with the request may be the first to run: it answers with the page of before.",
	Remedy: "Handle the messages of an object in the order of their sequence numbers: here, requests wait for the " +
		"data that came back before them.",
	// The manager is the shelf itself: nothing in it knows of threads.
	Wrong: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) {
		return exhibit(t, &shelf{}, pagers.Threads(2), pagers.Unordered) // the mistake
	},
	Right: func(t user.Thread, _ mach.Name) (*Manager, mach.Return) {
		return exhibit(t, &shelf{}, pagers.Threads(2), pagers.OrderedStart)
	},
}
