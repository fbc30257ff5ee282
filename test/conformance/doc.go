// Package conformance holds one test for each numbered rule: TestIPC012_NewReceiveRightState tests rule
// IPC-012. The rules themselves, with their sources, are the table of kernel/monitor. A test sees what a
// user program can see, and what the kernel offers to whoever runs a simulation. It runs under the
// preset osf-manual, for which the rules are written; a test that runs under other habits names the field.
//
//	fixture_test.go     stage: a checked simulation with hosts, tasks and threads
//	actor_test.go       actor: a thread with the port calls and messages as methods
//	message_test.go     building messages, and sending and receiving them by both doors
//	waiting_test.go     threads that block in mach_msg: senders and receivers
//	manager_test.go     manager: a scripted memory manager with a log
//	emm_stage_test.go   emm: a stage with kernel, manager and client; threads let in at named points
//	emm_calls_test.go   calls: what managers and clients ask of the kernel, in few words
//	race_rig_test.go    race: threads against each other, in forced orders and in every schedule within a bound
//	race_plan_test.go   plan: the chooser that forces an order, and says whether it came to it
//	race_threads_test.go  the racers that most races are made of
//	model_test.go       random programs of port calls and messages, compared with a reference model
//	model_*_test.go     the model: ports, spaces, messages; the programs, and how one that fails is made shorter
//	memory_model_test.go  random programs about memory, compared with a reference model; their scripts
//	ipc_*_test.go       rules of ports, rights, messages and notifications
//	emm_*_test.go       rules of the external memory management protocol
//	vm_*_test.go        rules of virtual memory
//	race_*_test.go      TestRace05_SupplyAndLastUnmap tests R-05 of the race catalogue of the pager protocol
package conformance
