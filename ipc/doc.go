// Package ipc is the port system: ports, rights, spaces, messages in flight, mach_msg and the
// notifications. It never looks inside a message body and never sees a VM object.
//
// The receive right of a live port is in exactly one place: in a space, with a kernel, in a message on its way to
// a known port (in transit), or nowhere for the length of one kernel step (limbo). A port without one is
// dead. port_state.go holds the sum of these places and every way from one to another.
//
// A right that no space names is naked: type Right. It is linear. Consuming operations take a pointer
// and leave the cell spent, and a spent cell panics when it is used again. There is no silent drop:
// Release is the only way to give a right up, and it is what sends no-senders and send-once
// notifications. World.Check recounts every right over spaces, messages, requests and kernel holders.
//
// Nothing here runs other code while its own state is open. Memory of destroyed messages and the hooks of dead
// memory object ports go on the caller's sched.Reap, which the outermost caller drains.
//
//	world.go        World: message pool, ports, holders of naked rights
//	node.go         Node: one kernel; ports and messages it makes
//	right.go        Right: make, copy, move, release
//	port.go         Port: counts, limits, accessors
//	port_state.go   places of a receive right and all transitions
//	port_death.go   ipc_port_destroy
//	entry.go        what a name denotes, and all its transitions
//	space.go        Space: names to entries, ports to names
//	space_death.go  termination of a space
//	names.go        allocate, rename, names, type
//	refs.go         destroy, deallocate, mod_refs, get_refs
//	insert.go       insert_right, extract_right, copyout for traps
//	attributes.go   receive-right attributes
//	portset.go      port sets: membership and receive order
//	request.go      notification requests
//	notify.go       the notifications themselves
//	kmsg.go         Kmsg: a message in flight, and its destruction
//	memory.go       out-of-line memory and address spaces, as this package needs them
//	queue.go        message queues, waiting senders and receivers
//	msg.go          mach_msg, typed door
//	msg_raw.go      mach_msg, raw door
//	scatter.go      scatter lists of MACH_RCV_OVERWRITE
//	copyin.go       names to rights: one right, the header
//	copyin_body.go  names to rights and memory: descriptors
//	copyout.go      rights to names: one right, the header
//	copyout_body.go rights and memory to names and addresses: descriptors
//	pseudo.go       giving a message back to its sender
//	accepted.go     msg-accepted (ID-18)
//	send.go         delivery
//	receive.go      waiting for a message and taking it
//	kobject.go      ports whose receiver is a kernel
//	link.go         several kernels: links, delivery and service threads
//	event.go        trace events
//	touch.go        what steps touch, for exploration
//	wait_for.go     who could end a wait at a port
//	spares.go       what one world leaves to the next
//	digest.go       the state of ports, messages and spaces as a hash
//	check.go        recount and invariants INV-1 to INV-10
//	describe.go     ports and spaces as text
package ipc
