// Package rows holds what benchmarks, figures and random programs do, as plain functions, so that a benchmark, a
// test and a command can share them.
//
//	row.go           Row: one thing that a benchmark measures; all of them, and by name
//	bench.go         Run: a row performed so many times, and what it cost
//	messages.go      counting the messages of the pager protocol
//	manager.go       the manager of a row
//	pager.go         rows of the pager protocol
//	vm.go            rows of anonymous memory
//	ipc.go           rows of messages between programs
//	port.go          rows of the interface mach_port
//	task.go          rows of tasks
//	trace.go         page-reference traces of real programs: readers of four formats
//	trace_published.go  what others counted for real traces
//	trace_replay.go  a trace replayed through the address space of a task, under any page replacement policy
//
// Several hosts:
//
//	cluster.go      Cluster: several hosts that share a memory object
//	cluster_log.go  MessageLog: the messages by which they do, counted from the trace
//	shared.go       random programs on shared memory, and what their loads must see
//
// Documented mistakes:
//
//	zoo.go            ZooScenario: a small program around a specimen of pagers/zoo; how one is set up
//	zoo_scenarios.go  a scenario for each specimen
//
// Published figures:
//
//	figures.go           Figure: a published value and a measured one; all of them
//	figures_protocol.go  of the protocol between kernel and manager; the golden run of the sample pager
//	figures_log.go       the messages of that protocol in their order, and who has answered what
//	figures_sharing.go   of rounds of a write hotspot
//	figures_loop.go      of closed loops
//	figures_memory.go    of memory on one host
//	figures_trace.go     of page-reference traces
//
// Random programs:
//
//	program.go           a random program about memory: its operations and operands
//	program_source.go    where its choices come from
//	program_draw.go      drawing a program
//	program_model.go     the reference: memory as arrays of pages
//	program_calls.go     what each operation does to the reference
//	program_moves.go     steps in their places: what comes of them, and what goes on along with what
//	program_run.go       running a program on a kernel, and comparing
//	program_steps.go     what each operation does on a kernel
//	program_shrink.go    making a failing program shorter
//	program_scenario.go  a program as a script, with what the reference expects
package rows
