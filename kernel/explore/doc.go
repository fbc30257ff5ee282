// Package explore answers one question: can it go wrong under any schedule?
//
// A run is a pure function of scenario and choices, so all runs can be had by trying all choices. One
// execution builds a simulation, runs it and shuts it down under a given chooser; Explore performs one
// execution after another and says honestly what that has shown: verified, which means all of them; no
// failure in some of many; or failed, with a schedule that repeats the failure, the smallest found.
//
//	run := explore.Simulation(kernel.Config{Checked: true}, func(s *explore.Subject) error {
//		host, err := s.Sim.Boot(kernel.HostConfig{})
//		...
//		s.Finally("both have read", func() error { ... })
//		return err
//	})
//	fmt.Print(explore.Explore(explore.Config{}, run))
//
//	explore.go     Explore: Config, the rounds in which work is handed out and results are merged
//	parallel.go    executions side by side (the one file with goroutines)
//	strategy.go    Strategy, and what surrounds each: prefix, kinds, the fair tail
//	dfs.go         DFS: the exhaustive search
//	bound.go       bounds for it: preemptions, delays
//	sleep.go       partial-order reduction for it: sleep sets
//	race.go        and source sets: which races an execution shows
//	prune.go      states that were met before are not gone on from
//	cycle.go      livelocks
//	consistency.go what readers saw: strict, causal
//	footprint.go   what a step touched, and whether two steps commute
//	random.go      Random: seeds
//	pct.go         PCT: random priorities, with a probability bound
//	result.go      Result of one execution, Failure
//	report.go      Report: verdict, counts, failures, as text and JSON
//	shrink.go      smaller schedules with the same failure
//	doom.go        the first choice after which failure is certain
//	simulation.go  scenarios in Go: properties, deadlocks, crashes
//
// # What is tried
//
// Every point of every kind is a digit of an odometer, unless Config.Kinds narrows them. Where threads
// switch is the kernel's to say: at traps, at blocks, and at its named preemption points. From
// Config.Depth on an execution is driven to its end fairly; then the verdict is no longer about all schedules. A
// program that polls makes infinitely many schedules: Depth ends them, and one that does not end under a
// fair schedule either is a livelock.
//
// # Reduction
//
// Most schedules differ only in the order of steps that have nothing to do with one another. NewReducedDFS
// tries one of each such class, as far as the scheduler's Touch lets it tell: another option of a point is tried where
// an execution shows a race for it (race.go), and what would only repeat another execution is broken off (sleep.go).
// Footprints are sound and in places coarse: two threads of one task never commute; new ports and threads get numbers, so
// steps that make any do not commute; an access that finds its page touches that page, a fault all of its host's
// memory, and most calls on the kernel, out-of-line regions and the end of an object everything; timers, and any cost of
// time, touch everything too. What steps leave to do between them, such as audits, is looked at in the executions
// that are tried only.
//
// NewPrunedDFS instead does not go on from a state that was met before. What is assumed of states stands in prune.go.
//
// # Faults
//
// kernel.Config.Faults are faults that a run may have: they are choices of kind fault, tried like any other.
//
// The threads of a script share its variables, and conditions it waits for look at anything: scripts are
// explored whole, or within a bound.
package explore
