package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Memory is out-of-line memory in flight: a copy of bytes fixed when the message was sent. It is either
// given to an AddressSpace or discarded, once. The VM system implements it.
type Memory interface {
	// Size is the length of the data in bytes.
	Size() mach.Size
	// Discard frees the copy. It may block, and send messages.
	Discard(th *sched.Thread)
}

// AddressSpace is what mach_msg needs of a task's address map. Every method may block on page faults.
type AddressSpace interface {
	// CopyinMemory makes a copy of [addr, addr+size), size not 0, and unmaps the pages it overlaps if
	// deallocate is set. The second result is the copy option the receiver will see.
	// Errors: MACH_SEND_INVALID_MEMORY (a hole, or unreadable), MACH_MSG_VM_KERNEL (no kernel memory).
	CopyinMemory(th *sched.Thread, addr mach.Addr, size mach.Size, opt mach.CopyOption, deallocate bool) (Memory, mach.CopyOption, mach.Return)
	// CopyoutMemory places m somewhere and consumes it; on failure m is untouched.
	// Errors: any; KERN_RESOURCE_SHORTAGE shows as a kernel shortage, all others as lack of address space.
	CopyoutMemory(th *sched.Thread, m Memory) (mach.Addr, mach.Return)
	// CopyoutOverwrite writes m over mapped memory at addr and consumes it; on failure m is untouched.
	CopyoutOverwrite(th *sched.Thread, m Memory, addr mach.Addr) mach.Return
	// ReadBytes fills p from addr. Errors: any; the caller says which code its user sees.
	ReadBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return
	// WriteBytes stores p at addr.
	WriteBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return
	// AllocateBytes places fresh memory that holds p.
	AllocateBytes(th *sched.Thread, p []byte) (mach.Addr, mach.Return)
	// DeallocateRange unmaps the pages that [addr, addr+size) overlaps.
	DeallocateRange(th *sched.Thread, addr mach.Addr, size mach.Size) mach.Return
}

// discard is a Memory waiting on a Reap.
type discard struct{ Memory }

func (d discard) Reap(th *sched.Thread) { d.Discard(th) }
