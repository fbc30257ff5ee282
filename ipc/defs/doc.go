// Package defs states every message between programs, managers and kernel: one file for each historic
// .defs, its rows in the order of their numbers, then the messages with their prose. The struct of a
// request is named after the routine, its row has Row behind the name, its reply Reply; a form that only
// the CMU and GNU message sets have ends in CMU.
//
// P stands for a port, M for out-of-line memory and A for an out-of-line array of ports: mach.Name,
// mach.Region and mach.Region in a program, a right, a copy and a slice of rights in the kernel.
//
//	memory_object.go          2200  kernel to manager
//	memory_object_default.go  2250  kernel to default manager
//	memory_control.go         2000  manager to kernel, by the control port
//	mach.go                   2000  tasks, threads, registered and special ports
//	mach_vm.go                2000  virtual memory
//	default_pager_object.go   2275  administration of a default pager
//	exc.go                    2400  exceptions
//	mach_host.go              2600  host; vm_wire, vm_remap
//	mach_port.go              3200  names and rights
//	notify.go                   64  notifications
//	gnumach.go                4000, 4200  proxies and other calls of GNU Mach
//	machvm.go                 4800  calls without a number in the originals
//	netmem.go                 4900  programs to the sample pager netmem
//	coherent.go               5100  between the servers of one shared memory object
//	info.go                   what the word arrays of info calls hold
//	all.go                    all subsystems, and the registry of each message set
//
// thread_create and the thread state calls are absent: a simulated thread is a function, which no message
// can carry; programs make threads by the spawn trap.
package defs
