package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Netmem is how programs use a page of the sample pager netmem without mapping it. The Server Writer's Guide
// prints the pager and gives its calls no numbers.
var Netmem = mig.NewSubsystem("netmem", 4900, "programs to the sample pager netmem", source)

var (
	NetmemPutRow = Netmem.Routine(mig.Everywhere(4900), "netmem_put", NetmemPut[mig.Port]{}, mig.Void{})
	NetmemGetRow = Netmem.Routine(mig.Everywhere(4901), "netmem_get", NetmemGet[mig.Port]{}, NetmemGetReply{})
)

// NetmemPut stores a word in the page. The pager first takes the page away from the kernel that has it.
//
// Codes: KERN_INVALID_ARGUMENT, no word of the page.
type NetmemPut[P any] struct {
	NetmemObject P           `mig:"netmem_object,dest=manager,copy_send"`
	Offset       mach.Offset `mig:"offset"`
	Value        uint64      `mig:"value"`
}

// NetmemGet reads a word of the page. The pager first has the kernel write back what it modified.
//
// Codes: KERN_INVALID_ARGUMENT, no word of the page.
type NetmemGet[P any] struct {
	NetmemObject P           `mig:"netmem_object,dest=manager,copy_send"`
	Offset       mach.Offset `mig:"offset"`
}

// NetmemGetReply holds the word.
type NetmemGetReply struct {
	Value uint64 `mig:"value"`
}
