// Package pagers is memory managers: a library to write them with, and some that do real work. They are user
// programs: they speak to the kernel by messages only and see names, never rights.
//
//	handler.go        Handler: one method per message; the table that dispatches to it
//	base.go           Base: what to do with a message by default, a complete manager of zeros
//	server.go         Server: service threads and their receive loop over a port set; Call
//	options.go        Option: what a server can be told when it is made
//	order.go          Discipline: what the numbers of messages are used for
//	call.go           what a manager asks of a kernel; Release, Drain
//	dialect.go        the same said to kernels of different message sets
//	fault.go          Faulty: managers that go wrong as planned
//	fault_say.go      what is done to a call that goes wrong
//	pager.go          what the two pagers share: objects, associations, data in and out
//	file.go           FilePager: the files of a store as memory objects
//	copy.go           copies that a kernel asks the pagers for
//	read_ahead.go     data supplied without being asked for
//	write_back.go     writes that are put off
//	lost.go           what a store has not taken
//	memory.go         MemoryPager: memory objects in Go memory
//	default.go        DefaultPager: the default memory manager, its objects
//	default_data.go   pages in and out of the paging space
//	default_admin.go  what programs may ask of a default pager
//	paging_space.go   the paging file: slots and checksums
//	store.go          Store, and Dir: a real directory that nothing leads out of
//	store_memory.go   MemStore: files in memory, or a private copy of another store
//	netmem.go         Netmem: the sample pager of the Server Writer's Guide
//	netmem_state.go   its state machine
//	coherent.go            Coherent: memory that several kernels share; what kernels tell it
//	coherent_page.go       the page directory: who has a page, who waits for it
//	coherent_scheduler.go  the scheduler of one page
//	coherent_servers.go    what servers do with each other's messages
//	coherent_messages.go   the messages between servers
//
// # How to write a pager
//
// Embed Base and write the methods for the messages that matter. This one answers every request with the
// page's own number:
//
//	type numbers struct{ pagers.Base }
//
//	func (numbers) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
//		page := make([]byte, m.Length)
//		binary.LittleEndian.PutUint64(page, uint64(m.Offset)/uint64(c.Thread.PageSize()))
//		c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: page})
//		c.Release(m.MemoryControl)
//		return mach.KernSuccess
//	}
//
//	server, _ := pagers.New(t, numbers{})
//	object, _ := server.AllocatePort(t) // a memory object: hand out send rights for it
//	server.Run(t)
//
// Example and Example_seqnos are whole programs of this kind, in under 100 lines.
//
// What the protocol asks of a handler:
//
//   - Answer init by making the object ready; until then the mapper waits.
//   - Answer every page of a data_request once: supply, unavailable or error, in any order and at any time.
//   - Store what data_return brings and deallocate its memory. The kernel may ask for the page again at once.
//   - Each message with the control port adds one reference to its name: release it.
//   - Key what you know of a kernel by control port. Several kernels may use one object, and the init of the
//     next association can be read before the terminate of the last.
//   - On terminate the control port is yours. Take back what you had sent there in vain, then destroy it.
//     Nothing that is unanswered by then will ever be answered.
//   - A send right for the object is enough to send you any of these messages: ignore control ports that no
//     init announced.
//
// A handler may block, but a server with one thread then serves nobody. A pager must not keep state outside
// the simulation it runs in: two runs would no longer be alike.
//
// # Several threads
//
// pagers.New(t, h, pagers.Threads(4), pagers.OrderedStart) serves with four threads, which receive from one port
// set. Handlers of messages to different ports then run at the same time. Those of one port do as the
// Discipline says, which goes by the numbers that messages are stamped with when they are received:
//
//   - Unordered, which is what nothing said means: at the same time, and in any order. A request may be
//     answered before the page that came back ahead of it is stored.
//   - FullSerialisation: one at a time, in order. What takes long can go on behind Call.Proceed.
//   - Queued: the same, but a thread leaves a message that is out of turn to the one at work on the port, and
//     receives another.
//   - OrderedStart: requests side by side, behind the data that came back before them; data side by side, unless
//     it is the same pages; everything else alone.
//
// "At the same time" means that another handler may run whenever one makes a trap: a call, a message, an access to
// memory. Between two traps nobody else runs, so plain Go data needs no lock. Except under Queued a thread that waits
// for its turn is no longer there to receive: a handler that waits for another message of its server needs a
// thread more than can wait. Numbers belong to a port: completions have those of the reply port.
//
// A receive right that comes from elsewhere counts from 0 again. AddPort starts there; RemovePort waits until
// what was taken is done and gives the number that is next, and AddPortAt goes on from a number.
//
// # Managers that go wrong
//
// pagers.New(t, h, pagers.Faulty(plan)) is the manager h whose words come late, wrong, twice, in another order, or
// not at all. The plan says which, or leaves it to whoever decides the run, so that exploration tries every
// place. What clients get of it: data late or other data; KERN_MEMORY_ERROR for an error; the code of an
// object without manager when the manager dies (KERN_INVALID_OBJECT from a vm_map that waits for it); and a wait
// without end where nothing is said or to the wrong kernel, until the thread is terminated, the manager
// destroys the object, or dies. The kernel and the other clients go on.
package pagers
