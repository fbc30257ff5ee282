// Package monitor knows the rules a kernel and a manager have to keep, watches who breaks them, and counts which
// parts of the protocol a run has reached.
//
//	m := monitor.Attach(tracer)
//	... run ...
//	m.Finish(true)
//	for _, v := range m.Violations() { fmt.Println(v) }
//
// A Monitor is a sink of the trace, so that it can watch a run or a saved trace, and it hears of kernels by their
// traces only. A breach by a kernel is a bug of ours; one by a manager is what a kernel has to survive.
//
//	rules.go    the rule table: id, one sentence, original
//	emm.rules   external memory management: what a manager can observe or cause
//	ipc.rules   ports, rights, messages, notifications
//	vm.rules    maps, objects, pages, faults
//	watch.go    which check watches which rules
//
//	monitor.go    Monitor: the sink; kernels, threads
//	violation.go  Violation
//	state.go      what is known of associations, ports, pages, faults and calls
//	layout.go     where the arguments of a message are
//	queue.go      order of messages, sequence numbers, receive rights
//	rights.go     names of control ports and their references
//	calls.go      calls of managers and programs, and what they owe
//	lifecycle.go  init, readiness, the cache, terminate, destroy, death
//	pages.go      pages, requests, returns
//	answers.go    supply, unavailable, error
//	locks.go      lock_request
//	attributes.go attributes
//	sync.go       synchronize, the default manager
//	faults.go     what clients see; what is owed in the end
//
//	machine.go              Machine: a state machine as data
//	machine_association.go  life cycle of an association; what a manager knows of it
//	machine_page.go         a page in the kernel (Kernel Principles)
//	machine_guide.go        a page in a manager (Server Writer's Guide)
//	coverage.go             Coverage: states and arcs reached; associations
//	coverage_page.go        pages in the kernel
//	coverage_guide.go       pages in a manager
//
// Code and tests cite rules by id (EMM-042). Ids of the forms E-nn, ID-nn and VD-nn in the originals
// name points on which the historic kernels disagree; package personality lists them with their values.
package monitor
