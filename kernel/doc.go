// Package kernel is the machine: it ties ports, memory and threads into hosts that run programs.
//
// A Simulation owns the scheduler, the clock, the tracer and the world of ports; a Host is one kernel with
// its memory and personality; a Task is an address space and a port name space; a Thread runs a Go
// function that sees nothing but a user.Thread. Whatever a program wants, it asks by a trap or by a message to a port
// whose receiver is the kernel. A harness may look at everything, and hand out rights before and between
// runs.
//
//	sim := kernel.New(kernel.Config{})
//	defer sim.Shutdown()
//	host, err := sim.Boot(kernel.HostConfig{})
//	task := host.NewTask("client")
//	task.Spawn("main", func(t user.Thread) { ... })
//	outcome := sim.Run()
//
// # Floors
//
// Packages import downwards only:
//
//	5  kernel                                      this package
//	4  vm, pagers
//	3  ipc, kernel/user
//	2  kernel/sched, ipc/defs
//	1  kernel/trace, kernel/choice, kernel/personality, ipc/mig
//	0  kernel/mach
//
// # Files
//
//	spares.go       what simulations leave to one another
//	simulation.go   Simulation: configuration, booting hosts, Run, Shutdown
//	host.go         Host and its ports
//	task.go         Task: its life from creation to the end of its map
//	thread.go       Thread: its life; panics of programs
//	trap.go         the way into the kernel and back; the traps
//	usermem.go      loads and stores
//	exception.go    exception ports are told
//	special.go      special, exception and registered ports
//	rpc.go          from a message to a routine: conversions, the table of a host
//	rpc_task.go     calls on tasks
//	rpc_thread.go   calls on threads
//	rpc_vm.go       calls on address spaces
//	memory_entry.go memory entries and proxies: their ports, and the calls that make them
//	rpc_port.go     calls on port names
//	rpc_host.go     calls on hosts
//	harness.go      what a test may do from outside
//	outcome.go      how a run ended; Crash and CheckError
//	check.go        all audits
//	describe.go     the machine as text
//	wait_for.go     who waits for whom
//	history.go     what programs have learned, as a hash
//	digest.go      the machine as a hash
//	names.go        what the trace calls messages and their arguments
//	costs.go        how much virtual time things take
//
// # Rules of the house
//
// Exactly one thread runs at a time, so nothing here locks. A function that may block takes the thread
// first. Rights the kernel holds are shown to the recount by VisitRights. Destruction that a trap causes is put off
// to its end (sched.Reap). A panic that comes out of a program ends its task; one that comes out of the kernel
// is a broken invariant and ends the run.
package kernel
