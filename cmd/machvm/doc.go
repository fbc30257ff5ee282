// Command machvm runs scenarios against a simulated Mach kernel and prints its interfaces.
//
//	main.go        the root command and exit codes
//	run.go         machvm run: scenarios, transcripts, schedules
//	explore.go     machvm explore: a scenario under many schedules, or all
//	progress.go    how far an exploration has come, on a terminal
//	replay.go      machvm replay: the run of a schedule again, to a step or to its end
//	step.go        machvm step: a run step by step, forward and back
//	step_show.go   what it shows of the machine
//	diff.go        machvm diff: where two personalities part
//	trace.go       machvm trace replay: a page-reference trace through a task's address space
//	bench.go       machvm bench: rows against anchors, in rounds
//	bench_print.go what it found, as text and JSON
//	anchor         what is compared with
//	figures.go     machvm figures: published values beside measured ones
//	monitor.go     machvm monitor: a saved trace held against the rules
//	coverage.go    machvm coverage: which parts of the protocol runs reach
//	grade.go       machvm grade: which mistakes of the zoo tests catch
//	interfaces.go  machvm interfaces: every message, from the rows the code uses
package main
