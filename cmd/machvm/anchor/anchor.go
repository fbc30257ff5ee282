package anchor

import "iter"

// Anchor is one thing to compare with. Prepare makes it ready and says how to perform it n times and how to put it
// away; it fails where the system lacks what is needed, or the user may not use it, with an error that says which.
type Anchor struct {
	Name    string
	What    string
	Prepare func() (run func(n int), close func(), err error)
	Slice   int // operations in one slice of time
}

// Names of the anchors.
const (
	Pull          = "iter.Pull pair"
	Channel       = "channel round trip"
	Buffered      = "buffered channel"
	Lookup        = "btree lookup"
	Touch         = "floor touch"
	ZeroFill      = "anonymous zero fill"
	UserFault     = "userfaultfd fault"
	UserCycle     = "userfaultfd cycle"
	UserCycle16   = "userfaultfd cycle, 16 pages"
	lookupEntries = 1_000_000
)

// All are the anchors, those of the system last.
func All() []Anchor {
	return append([]Anchor{
		{Pull, "next and yield of a coroutine: there and back", ready(pulls), 20_000},
		{Channel, "there and back between two goroutines on unbuffered channels", ready(channels), 5_000},
		{Buffered, "send and receive of 64 bytes in one goroutine", ready(buffered), 50_000},
		{Lookup, "floor lookup among 1,000,000 regions, google/btree of degree 64 with the key beside the pointer", lookups, 10_000},
		{Touch, "load of 8 bytes through a last-region hint and a page table", touches, 200_000},
	}, system()...)
}

// ready is an anchor that needs nothing.
func ready(run func(n int)) func() (func(int), func(), error) {
	return func() (func(int), func(), error) { return run, func() {}, nil }
}

func pulls(n int) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for yield(0) {
		}
	})
	defer stop()
	for range n {
		next()
	}
}

func channels(n int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	for i := range n {
		there <- i
		<-back
	}
	close(there)
}

func buffered(n int) {
	c := make(chan [64]byte, 16)
	var v [64]byte
	for range n {
		c <- v
		v = <-c
	}
}
