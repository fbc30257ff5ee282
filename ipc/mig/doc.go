// Package mig derives everything from one statement of each message. A message is a Go struct, generic
// in the form of a port (mach.Name for programs, a right for the kernel) and of memory (mach.Region or
// the kernel's copy); a row gives it its historic name and its numbers. From the rows come the codecs
// that programs and kernel use, the server tables, the labels of the trace and the printed reference.
//
//	set.go       message sets (whose numbering), kinds, directions, the form of an encoding
//	row.go       subsystems and rows: the statement of an interface, checked when the program starts
//	arg.go       arguments: what a struct field means on the wire, read from its tag
//	plan.go      a concrete struct against its row: field offsets, checked when the program starts
//	codec.go     encode and decode by plan, without reflection; the only file with unsafe code
//	server.go    from message number to handler; reply and failure messages
//	registry.go  all rows of one message set by number
//	describe.go  rows as text: prose, argument lists, the values in a body
//
// # Wire form
//
// A message is complex if it has a descriptor. Descriptors follow the order of the fields, then come all
// other fields in order, little endian: integers of up to 32 bits, booleans and single bytes are one
// word; integers of 64 bits are eight bytes (MIG's vm_address_t, widened); an inline array is a count
// word and its elements, padded to a whole word. A reply begins with its return code, and a reply whose
// code is not KERN_SUCCESS has nothing else (historic mig_reply_error_t).
//
// # Tags
//
//	`mig:"name,dest=server"`          destination, in the header; who serves it
//	`mig:"name,make_send"`            port with a disposition
//	`mig:"name,make_send,cmu=make_send_once"`  another one in the CMU and GNU message sets
//	`mig:"name,make_send,option=name"` port present only in a Form with that option
//	`mig:"poly=Field"`                Disposition in place of the tag's, and what arrived (polymorphic)
//	`mig:"name,make_send_once,strict"` with a companion: must nevertheless arrive as a send-once right
//	`mig:"name"` on memory            out-of-line bytes; with deallocate, taken from the sender
//	`mig:"dealloc=Field"`             bool: take that memory from the sender (MIG's dealloc[])
//	`mig:"name,max=6"`                inline array of at most so many elements
//	`mig:"seqno,trailer"`             uint32, not on the wire: the sequence number a receiver was given
//
// # Ownership
//
// Rights and the kernel's memory are linear: Encode moves them from struct to message, Decode from
// message to struct, Restore back. Names and regions are plain data and are copied, so that a received
// user message stays whole until its receiver decides that it must be destroyed.
package mig
