// Package test holds what judges the whole: the floor plan and house rules as tests, the conformance
// suites, the scenario engine with its scripts, and the benchmark rows.
//
//	floorplan_test.go    which package may import which, and what may lie at the top
//	tidy_test.go         house rules: no goroutines, channels, clocks or unordered iteration below cmd
//	rules_test.go        every conformance test is named after a rule, every race has a test; -v lists the rules without one
//	readme_test.go       every command in the README is one that CI runs
//	conformance/         one test per numbered rule, named after it
//	explore/             scenarios under every schedule, with exact counts
//	scenario/            Starlark scenarios: engine
//	scripts/             Starlark scenarios: scripts with golden transcripts
//	rows/                what benchmarks, figures and random programs do, as plain functions
package test
