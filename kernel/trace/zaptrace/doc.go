// Package zaptrace makes a zap logger a sink of a trace. It is the only package below the command that
// imports zap: events reach zap through the sink, never from the places that emit them.
//
//	zaptrace.go  the sink, and a logger without wall time
package zaptrace
