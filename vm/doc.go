// Package vm is the virtual memory of a Mach kernel: address maps, VM objects, pages, faults, copy on
// write, and the kernel's half of the pager protocol. It never sees a port name, only rights.
//
// # The shape of it
//
//	Map ----- Entry [start, end) ----- Object ----- Page ----- frame
//	 |                                    |                      |
//	Pmap: translations of pages to frames | shadow               | who maps it
//	      derived, disposable             v                      v
//	                                   Object ...              pvEntry ...
//
// A Map says what a task may do where. Each Entry names an Object and holds a reference on it. An Object
// caches the pages of one memory object, whose manager is a task, or is anonymous memory; what it lacks
// its shadow has. The Pmap is the simulated hardware: what it does not allow faults, and the fault routine
// works out from map and objects whether it may.
//
// # Who may wait
//
// A function that may wait takes the thread first. Nothing is locked: between two waits an operation is
// atomic, and after a wait a map is looked up again when its version has moved. Waits are for a busy or
// absent page, an event of an object, a free page, a region being wired, and a port being terminated;
// each names what it waits for. Besides there are the preemption points "before-init", "association-broken",
// "before-data-return", "before-terminate", "placeholder-inserted" and "before-verify", where a schedule
// may switch threads as the originals' locks would let it.
//
// # The life of a mapping
//
//  1. MapObject finds or makes the object of a memory object port; the first mapping announces it to the
//     manager (init) and every mapping waits until the manager is ready.
//  2. A region enters the map with the reference. The object lists it: Host.Mappings counts.
//  3. An access misses in the Pmap; fault locates the object, faultPage finds, asks for, copies or zero
//     fills the page, and fault enters the translation if the map still wants it.
//  4. Regions are clipped, copied, shared and moved; each piece has its own reference.
//  5. A region leaves the map: first its wirings, then its translations, then its place in map and
//     object; last its reference. Regions go in ascending order.
//  6. The last reference caches the object or terminates it: modified and precious pages go back, then
//     terminate carries the kernel's rights to the manager.
//
// # Where it differs from the originals
//
//   - Regions are kept in a B-tree, and the spaces between them in another by magnitude (gap.go), in place
//     of the linear list and first_free of vm_map.c. Placement is the same.
//   - vm_deallocate takes every region of the range out of the map before it drops a reference; the
//     originals hold the map lock meanwhile (vm_map_delete).
//   - Out-of-line memory that is moved leaves the sender's map in one step at the end of copyin, so that
//     nobody copies or writes it half moved (vm_map_copyin), and memory shared with other tasks is copied
//     and not moved.
//   - Making wired memory shared puts no shadow over it (vm_map_fork, vm_remap): writes would miss the
//     wired pages.
//   - The object and page list forms of vm_map_copy are entry lists of one entry.
//   - A page of zeros in an object with a shadow counts as modified: what is below may change, and the
//     originals, which take it for clean, then lose it when it is thrown out (vm_fault_page).
//   - A privileged thread that waits for a page gets the next one, although the reserve is not full: it may be
//     the default manager's, on which the others wait (vm_page_release).
//   - A killed thread does not go on waiting for a page that may never be free (vm_page_wait).
//   - The pageout daemon is made when memory gets short for the first time, and sleeps where the originals
//     look again every 200 ms and find nothing to do (vm_pageout_scan).
//
// # Files
//
// Maps:
//
//	map.go           Map, its chain and tree of regions, clipping, references
//	entry.go         Entry, chains of them, the mappings of an object
//	gap.go           the spaces between regions, and placement
//	map_lookup.go    address to region; locate: what a fault concerns
//	map_enter.go     vm_allocate, vm_map, entering a region
//	map_change.go    vm_deallocate, vm_protect, vm_inherit, vm_behavior_set
//	map_glue.go      merging regions again (EntryCoalescing)
//	map_copy.go      Copy: memory in transit
//	map_copyin.go    capturing memory: messages, vm_read
//	map_copyout.go   placing captured memory, also on another host
//	map_overwrite.go vm_write, vm_copy, vm_read_overwrite
//	map_fork.go      inheritance
//	remap.go         vm_remap
//	memory_entry.go  memory with a port of its own: memory entries and proxies
//	wire.go          vm_wire, entries in transition
//	msync.go         vm_msync
//	region.go        vm_region, vm_machine_attribute, size limits
//	fault.go         the fault routine: the one that retries
//	pmap.go          translations and who maps a frame
//	access.go        loads and stores of programs
//
// Objects and memory:
//
//	host.go               Host: one kernel's memory system, statistics
//	spares.go             what the hosts of one simulation leave to the next
//	memory.go             free pages, reserve, privileged threads
//	frame.go              page frames: real bytes, made at the first write
//	page.go               Page, its states and their changes
//	page_queue.go         active and inactive queue, wiring
//	page_index.go         the pages of an object by offset
//	policy.go             Policy: which page goes; Mach's own
//	policy_more.go        FIFO, LRU, CLOCK, segmented FIFO, OPT
//	replay.go             a policy against a trace, without a host; what a replay through a host needs
//	pageout.go            the pageout daemon
//	pageout_page.go       what becomes of a page that is to go; cleaning in place
//	default_manager.go    who gets the memory that the kernel makes itself
//	object.go             Object, references
//	object_phase.go       the life of an object: one enum, one table
//	object_wait.go        the events of an object
//	object_enter.go       memory object port to object
//	object_cache.go       objects kept without references
//	object_terminate.go   last reference
//	object_destroy.go     memory_object_destroy
//	object_shadow.go      shadows, collapse, growth
//	object_copy.go        copy strategies
//	existence.go          what the default manager has
//	fault_page.go         the page search of a fault
//	cluster.go            which neighbours a request covers
//	watchdog.go           an answer for managers that give none
//	association.go        the tie between a memory object port and an object
//	pager_request.go      kernel to manager
//	pager_control.go      manager to kernel: the control port
//	pager_control_attr.go attributes calls
//	pager_control_data.go data calls
//	attributes.go         what a manager may say about its object
//	supply.go             data_supply, data_unavailable, data_error
//	data_return.go        returning pages
//	lock_request.go       memory_object_lock_request
//	synchronize.go        the handshake of vm_msync
//
// Looking at it:
//
//	inspect.go      regions, objects, mappings as values
//	describe.go     the same as text
//	touch.go        what steps touch, for exploration
//	wait_for.go     who could end a wait, and whether it should be over
//	digest.go       the same as a hash
//	check.go        audits by recount
//	check_map.go    maps, regions, translations
//	check_object.go objects, pages, queues, associations
//	trace_map.go    trace events of maps and faults
//	host_trace.go   trace events of objects and pages
package vm
