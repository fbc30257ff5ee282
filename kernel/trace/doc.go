// Package trace answers one question: what happened?
//
// Kernel code states facts with Emit, one plain struct per kind of event. A Tracer numbers them, stamps them
// with virtual time, host and thread, keeps the last few thousand in a ring, and hands them to sinks: a
// text for people, JSON lines for tools, a monitor, zap. Call sites never know who listens:
//
//	trace.Emit(tr, trace.Fault{Task: 3, Addr: addr, Access: mach.ProtRead, Stage: trace.FaultBegin})
//
// Events hold numbers only, never pointers, wall time or places in the source, so a trace is the same on
// every machine. Emitting copies the struct into the ring without allocation (about 10 ns, a message about
// twice that); a nil *Tracer is legal everywhere and records nothing. Where even building the struct is too
// much, ask tr.On(kind) first. Ids are the simulation's own and start at 1; 0 means none or the kernel.
//
//	kind.go      kinds of events, sets of kinds, the table of kinds
//	record.go    Record: an event with its number, time, host and thread (the one file that uses unsafe)
//	tracer.go    Tracer: context, ring, sinks; Emit
//	message.go   the event Message
//	memory.go    Fault, PageState, ObjectPhase, Association, Mapping
//	port.go      PortEvent, RightEvent
//	thread.go    Thread, Trap, TaskEvent, Exception
//	harness.go   Choice, Preempt, Note
//	host.go      HostEvent
//	names.go     Names: what people call hosts, tasks, threads, ports and objects
//	args.go      MessageInfo: names of messages and of their arguments; a body as text
//	writer.go    pieces of text that events share
//	timeline.go  Timeline: one line per event, at two levels of detail; the text sink
//	attr.go      the fields of a record as a flat list, for sinks that want data
//	json.go      JSON lines, written
//	json_read.go JSON lines, read back
//	zaptrace     zap as a sink (the only package that imports it)
//
// To add a kind: a constant and a row in kind.go, a struct of numbers with the methods Kind and line, and,
// unless every line of it is for students, nothing else.
package trace
