package rows

import "machvm/kernel/mach"

// Program is a random program about memory: tasks on one host that allocate, map memory objects, store, copy, fork,
// share, send and protect, while managers clean and flush and pages are thrown out. It means the same wherever it is
// run: by the reference model, by a kernel, and as a scenario.
type Program struct {
	Setup Setup
	Steps []Step
}

// PageSize is the page size of the hosts that programs run on: small, so that few bytes are many pages.
const PageSize = 512

// Setup is what there is before the first step.
type Setup struct {
	Tasks   int      // tasks with nothing in their memory
	Objects []Object // memory objects; the managers have them in turn
	Frames  int      // page frames of the host; 0: more than any program needs
	Paging  int      // cluster of the default manager in pages; 0: there is none
	Habits  []string // fields of the personality that differ from the default, see habits
	// Schedule decides who runs where several could; 0: always the first.
	Schedule uint64
}

// Object is a memory object.
type Object struct {
	Pages    int // that its manager has in the beginning; behind them there are zeros
	Strategy mach.CopyStrategy
	MayCache bool
	Precious bool
	Locked   bool // pages come without permission to write, until it is asked for
	Cluster  int  // pages in one request; 0 is 1
}

// Step is one operation. Which operands count, and for what, says its row in the table of operations. Addresses and
// sizes are bytes, and a task is named by its slot: the tasks of the beginning have the first slots, a child gets
// the one its parent's step says. A step about something that is not there does nothing.
type Step struct {
	Op            Op
	Task, Other   int
	Object        int
	Addr, To      int
	Size          int
	Prot, Max     mach.Prot
	Inherit       mach.Inherit
	Value         int
	Copy, Wanted  bool // Wanted: exactly at an address
	Flush, Return bool
	Along         bool // may go on when the next step begins
}

// frames is how many page frames the host has.
func (s *Setup) frames() int {
	if s.Frames == 0 {
		return 1024
	}
	return s.Frames
}

const (
	pagingSpace   = 4000 // pages; more than any program needs
	pressedFrames = 128  // page frames of a host on which memory is short: few, but enough for a pageout daemon

	maxTasks     = 6  // slots of tasks
	maxObjects   = 3  // memory objects
	managerCount = 2  // managers of memory objects
	maxEntries   = 3  // slots of memory entries
	objectSize   = 16 // pages of an object that programs map
	arena        = 40 // pages in which programs choose addresses
	maxPages     = 96 // pages a task may have, so that programs stay small
	maxWires     = 12 // pages that may be wired at a time
	maxQueued    = 4  // messages that may wait for a task
)

// habits are fields of the personality that programs may see changed, and to what. Only the last two change what a
// program can tell.
var habits = []struct{ field, value string }{
	{"ObjectCacheMax", "1"},
	{"PageoutCluster", "4"},
	{"EntryCoalescing", "both"},
	{"FreeUnmappedPages", "false"},
	{"BypassWithPager", "false"},
	{"CacheDeactivates", "false"},
	{"ClusterPagein", "false"},
	{"DoublePaging", "true"},
	{"ZeroCopyEdges", "false"},
	{"WiringsNest", "false"},
}

// has reports whether the setup has changed a field of the personality.
func (s *Setup) has(field string) bool {
	for _, h := range s.Habits {
		if h == field {
			return true
		}
	}
	return false
}

// Op is what a step does.
type Op uint8

// The operations, with the operands that count beside the task that calls.
const (
	OpAllocate      Op = iota // Addr if Wanted, Size
	OpMap                     // zero-filled memory: Addr, Wanted, Size, Prot, Max, Inherit
	OpMapObject               // Object, To (offset), Copy, and as OpMap
	OpDeallocate              // Addr, Size
	OpStore                   // Addr, Size, Value: bytes of one value
	OpLoad                    // Addr, Size
	OpProtect                 // Addr, Size, Prot
	OpProtectMax              // Addr, Size, Prot
	OpInherit                 // Addr, Size, Inherit
	OpBehavior                // Addr, Size, Value
	OpCopy                    // vm_copy: Addr, Size, To
	OpRead                    // vm_read of Other: Addr, Size
	OpReadOverwrite           // vm_read_overwrite of Other: Addr, Size, To (in the caller)
	OpWrite                   // vm_write to Other: Addr, Size (of the caller's data), To
	OpRemap                   // of memory of Other: Addr, Size, To if Wanted, Copy, Inherit
	OpWire                    // Addr, Size, Prot
	OpUnwire                  // Addr, Size
	OpSync                    // vm_msync: Addr, Size, Flush, Wanted (synchronous)
	OpFork                    // Other: the child's slot
	OpTerminate               //
	OpSend                    // out-of-line memory to Other: Addr, Size, Copy (physical), Flush (deallocate)
	OpReceive                 // the oldest such message
	OpMakeEntry               // memory entry Object: Addr, Size, Prot, Copy
	OpMapEntry                // memory entry Object: To (offset), Copy, and as OpMap
	OpLook                    // everything that the task has
	OpClean                   // lock_request: Object, Addr (offset), Size, Flush, Return (precious pages too), Prot, Along
	OpStored                  // lock_request that returns everything; what the manager has then: Object
	OpEvict                   // Value pages are thrown out, if that many can be; Along
	OpPress                   // a task reads more memory than there is
	OpGone                    // no kernel uses Object any more
	opCount
)
