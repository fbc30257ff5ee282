// Package mach is what the kernel and user programs agree on: addresses, protections, port names,
// dispositions, options, the shape of a message, and return codes. It depends on the standard library
// only and holds no state; every other package imports it and it imports none of them.
//
//	addr.go     addresses, sizes, offsets and page arithmetic (64 bits inside)
//	prot.go     protections, inheritance, copy strategies, behaviours, sync flags, attribute flavors
//	port.go     port names, kinds of rights, type bits, dispositions, limits
//	message.go  the one shape of a message, generic in its port and memory form
//	option.go   mach_msg options, timeouts, trailers
//	notify.go   notification numbers
//	return.go   the one return-code type
//	codes.go    every code with its historic spelling
//	wire.go     the raw form of a message: 24-byte header and 12-byte descriptors
//
// Names are Mach's own; numbers are those of the OSF MK headers.
package mach
