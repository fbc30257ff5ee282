// Command machvm runs scenarios against a simulated Mach kernel and prints its interfaces.
//
//	main.go        the root command and exit codes
//	run.go         machvm run: scenarios, transcripts, schedules
//	interfaces.go  machvm interfaces: every message, from the rows the code uses
package main
