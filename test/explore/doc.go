// Package explore holds explorations: scenarios in Go and in Starlark of which every schedule, or a stated part,
// is tried, with the number of executions asserted.
//
//	rig_test.go       a pager over a memory object, and programs that fault
//	faults_test.go    two faulters and a pager, whole and reduced
//	wrong_test.go     managers with mistakes in them, which are found
//	sound_test.go     random programs, whole and reduced
//	managers_test.go  managers of the library with several service threads, with and without order
//	scripts_test.go   scripts of test/scripts under a bound
//	inject_test.go    faults that are injected
//	prune_test.go     states that are not gone on from
//	zoo_test.go       the documented mistakes of managers, found, and the managers without them, verified
//	livelock_test.go  circles without progress
//	bench_test.go     executions and steps per second
package explore
