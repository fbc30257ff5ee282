// Package scenario runs scripts against simulated kernels: a script declares hosts, tasks, managers and
// threads, lets them run, and says what is to hold. It is importable from go test:
//
//	r := scenario.Run("scripts/last_unmap.star", scenario.Options{})
//	if !r.Passed() {
//		t.Fatal(r.Transcript, r.Verdict())
//	}
//
//	script.go       a script read and compiled; the files its pagers serve
//	play.go         one run: Options, Run, the run loop, threads of the harness
//	result.go       Result, Failure, the one table of exit codes
//	failure.go      errors of a script with the line they happened on; the step limit
//	chooser.go      who decides: rules of the script, threads that wait for a point, a replay
//	predeclared.go  the functions a script may call
//	constants.go    the constants, return codes
//	host.go         host(...)
//	task.go         tasks and ports
//	thread.go       threads: functions of the script inside kernel threads
//	signature.go    the calls' arguments by position and their defaults
//	call.go         making a call, expect = CODE
//	codec.go        messages between a script's values and the wire, by row
//	message.go      received messages; mach_msg_send and mach_msg_receive
//	memory.go       loads and stores
//	trap.go         sending and receiving
//	wait.go         events, barriers, wait_until, waiting for a preemption point
//	pager.go        managers: pager, file_pager, memory_pager
//	zoo.go          zoo_pager: the manager under test of machvm grade
//	service.go      their service threads
//	faulty.go       faulty(...): pagers that go wrong
//	default_pager.go default_pager, and damage to its paging file
//	disk.go         the paging file
//	coherent.go     objects that several hosts share: coherent; the sample pager: netmem_pager
//	manager.go      a manager whose handlers are functions of a script
//	expect.go       expectations
//	violation.go    rules of the protocol, watched; expect_violation
//	pattern.go      what a script expects of a message
//	journal.go      messages and exceptions, recorded from the trace
//	inspect.go      what a script can see of the kernel; kill, abort
//	student.go      the transcript
//	golden.go       golden transcripts
//	value.go        Starlark values
//
// # Scripts
//
// A script is Starlark with while, top-level control, recursion and reassignment.
//
//	k = host("k0")                                  # personality=, page_size=, frames=, any personality field
//	files = file_pager(k, "pager", root = "data")   # a private copy of real files; in_place = True: the files
//	obj = files.open("hello.txt")                   # a memory object
//	app = k.task("app")
//	app.give(obj)                                   # the harness puts a send right there; the transcript says so
//
//	def client(t):                                  # runs inside a kernel thread; t has Mach's calls
//	    a = t.vm_map(obj, size = 2 * PAGE)
//	    expect(t.read(a, 5) == b"hello")
//	    t.vm_allocate(PAGE, address = a, expect = KERN_NO_SPACE)
//	    t.vm_deallocate(a, 2 * PAGE)
//
//	app.thread(client)                              # starts with the next run()
//	run()                                           # until nothing can run any more
//	expect_messages(obj, ["memory_object_init", "memory_object_data_request", "memory_object_terminate"])
//
// Calls. Every message of the host's message set is a method of a thread, with the arguments of its row by
// name, the usual ones by position (signature.go), and the caller's own task, thread or host where it does
// not say. A call that does not return KERN_SUCCESS fails the scenario at its line, unless expect = CODE, a
// list of codes, or ANY says otherwise; the value of such a call is the code. timeout = milliseconds bounds
// the wait of a call, for its reply too. A port may be given as a name, as a port the script knows, or as
// right(port, MAKE_SEND) with a disposition; memory as bytes, which are placed and leave with the message, as a
// region that came with one, or as region(address, size, deallocate=, physical=) of the caller's own. Further methods:
// read, write, touch; mach_msg_send(message(...), to=),
// mach_msg_receive(port, timeout=), reply(m, ...), mach_msg_destroy(m); sleep, yield_, at.
//
// A message without a row is message("4711", data =, ports = [right(port, MAKE_SEND), ...], memory =), and to = may
// be a right(...) too. A received one has id, seqno, body, reply_port, local_port, memory: the regions that came with
// it, and ports and kinds: the names of the rights in its body and what they are (SEND, RECEIVE, SEND_ONCE). mach_msg_send(..., timeout = 0,
// give_back = True) has the message for its value that came back, with destination in place of local_port, or None if
// it was sent; such a message can be sent again as it is. Without give_back what came back is given up.
//
// Hosts. Beside the fields of its personality a host has page_size, frames, policy ("mach", "fifo", "lru", "clock",
// "clock-clear", "segmented-fifo-N": which page goes when memory is short), collapse = False and bypass = False
// (shadow chains are not shortened), and watchdog = milliseconds (a request that a manager leaves unanswered that
// long is an error), and for the pageout daemon laundry (clusters that the default manager may have at a time), burst
// (pages to other managers between two pauses) and pause = milliseconds (for each of them). statistics() has the counters of vm_statistics and some that no call tells. evict(n) throws out
// up to n pages, as if memory were short.
//
// Managers. pager(host, name, init = fn, data_request = fn, ...) has a function fn(t, m) for each message it
// cares about; the rest is handled as pagers.Base does. memory_pager(host, name) keeps pages in memory:
// object(name, data=, may_cache=, copy_strategy=, precious=, lock=, ...), contents(object). threads = N gives any of them
// as many service threads, which keep the messages of each object in order, unless order = "unordered",
// "full serialisation" or "ordered start" says otherwise than "queued" (pagers.Discipline). With oldest_calls = True it
// speaks to kernels of the CMU message set in their oldest calls (pagers.Oldest). A pager is a task too, and its
// port_set is what the service threads receive from.
// zoo_pager(host, name) is a manager of one object, object(name), that machvm grade --zoo puts a mistake into: a test
// that uses it is to notice. Otherwise it makes none. It may be asked netmem_get and netmem_put of that object.
// file_pager(..., read_ahead=N, write_back=True) supplies N pages more than asked for, and stores what comes back
// later: pages of one file up to 32, or to the number given, wait until the next synchronize or terminate.
//
// faulty(pager, kind = when, ...) has what such a pager says to kernels go wrong: late, silent, wrong_data, wrong_offset,
// wrong_control, wrong_error, duplicated, reordered, dying (pagers.FaultKind). when is True, the number of the call, its
// name, {"on": name, "skip":, "times":, "delay": milliseconds, "error": CODE}, or a list of these. choose = [kind, (kind, when),
// ...] with budget = N leaves it to the chooser where up to N faults are, so that machvm explore tries them all;
// schedule(kind = "fault", run = "silent memory_object_data_supply") chooses one. pager.injected() lists what went wrong.
//
// default_pager(host, name, pages=64, emergency=0, objects=0, cluster=PAGE, file=None) is the default memory manager,
// with a paging space of so many pages and so many more in its own memory. damage(offset, data), truncate(size) and
// break_disk(writes=True, reads=False) do to its paging file what happens to disks; stats() counts.
//
// netmem_pager(host, name) is the
// sample pager of the Server Writer's Guide: object(name) is a page that threads map or use by t.netmem_put(object,
// offset, value) and t.netmem_get(object, offset); state(object) and taken() show its state machine.
//
// Sharing. s = coherent(host, host, ..., name =, scheme = "central" or "distributed", size =) is a memory object that
// those hosts share, kept consistent by one server, which is on the first host or on server =, or by one server for
// each host. s.object(host) is the port that tasks of that host map; s.owner(host, offset) is where that host's server
// believes the page to be; s.server(host); s.stats(). unit = is how much has one owner, the largest page size unless
// said; yield_ms = how long a server lets a new owner be before it takes the page back; without = ["R3", ...] leaves
// repairs of the description of 1988 out.
//
// Waiting. event(name).set() and wait(), barrier(n).wait(), wait_until(lambda: ...), whose condition is
// looked at after every step. t.at(point) waits until another thread is at that preemption point of the
// kernel ("before-init", "association-broken", "before-data-return", "before-terminate",
// "placeholder-inserted", "before-verify") and goes on in its stead; schedule(at=, run=, kind=, skip=,
// times=) is a rule for the chooser. run(stuck = [thread]) expects a thread to be waiting at the end; any other that waits is a
// deadlock.
//
// From outside. kill(task), kill(thread) and abort(thread) are task_terminate, thread_terminate and thread_abort of the
// harness; from the top level they take effect with the next run().
//
// Expectations. expect(cond, msg=), expect_equal(got, want), expect_code(got, CODE), expect_messages(port,
// [...], host=), expect_rights(task, port, receive=, send=, send_once=, dead=), expect_exception(thread, CODE,
// address=). Messages are those accepted by the port's queue, all of them, in that order. A message is its
// name, or message(name, argument = value, ...) with the arguments that matter: a port is compared as SEND,
// RECEIVE or SEND_ONCE for the kind of right that travelled, as the port itself, as a tuple of both, or as
// None for null; memory as its size; ANY matches anything and a function is asked.
//
// Rules. A monitor watches every checked run. A rule that a kernel broke fails it; what a manager broke is listed, and
// expect_violation("EMM-127", manager) says that it is to be so.
//
// Looking. mappings(object), inspect(object), shadow_chain(task, address), host.statistics(), messages(port),
// received(object), control(object, n), rights(task, port), task.threads, thread.waits_for (what it waits for and who
// holds it, None if it does not wait), task.describe(), host.describe(), pager.contents(path), pager.stats().
//
// A run is a pure function of script, files and schedule: two runs are equal to the byte.
package scenario
