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
//	trace_replay.go  a trace replayed through the address space of a task, under any page replacement policy
package rows
