// Package anchor measures things that are no part of the simulator, so that its speed can be given as ratios to them,
// taken in the same run: what the Go runtime does to hand over control, what an ordered tree takes to look something
// up, and what Linux takes to have a page fault served by a user program.
//
//	anchor.go       Anchor: one such thing; those that work everywhere
//	tree.go         lookups in a bare google/btree
//	floor.go        the least that a simulated memory access can be
//	linux.go        anonymous memory and userfaultfd
//	userfault.go    userfaultfd: registering, answering, passing the descriptor
//	handler.go      the process that answers faults
//	other.go        systems that have none of that
package anchor
