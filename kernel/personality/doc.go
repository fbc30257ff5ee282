// Package personality answers one question: whose habits does a host have?
//
// The Mach kernels and their manuals disagree in known places. Each disagreement that has a switch is one field of
// Personality; a host gets one value at boot, and kernel code asks a field at the one place where the
// behaviour differs. Mach is the default: the OSF manual, save where every kernel agrees against it.
//
//	personality.go  the struct Personality, comparison, validity
//	values.go       the small types of its fields and their spellings
//	fields.go       what is known about a field; Get, Set, listing
//	table.go        the one table of fields: question, values, rules and ids
//	presets.go      the five presets
package personality
