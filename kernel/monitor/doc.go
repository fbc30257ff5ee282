// Package monitor knows the rules a kernel and a manager have to keep.
//
//	rules.go    the rule table: id, one sentence, original
//	machine.go  Machine: a state machine as data, for the coverage meter
//	machine_association.go  life cycle of an association; what a manager knows of it
//	machine_page.go         a page in the kernel (Kernel Principles)
//	machine_guide.go        a page in a manager (Server Writer's Guide)
//	emm.rules   external memory management: what a manager can observe or cause
//	ipc.rules   ports, rights, messages, notifications
//	vm.rules    maps, objects, pages, faults
//
// Code and tests cite rules by id (EMM-042). Ids of the forms E-nn, ID-nn and VD-nn in the originals
// name points on which the historic kernels disagree; package personality lists them with their values.
package monitor
