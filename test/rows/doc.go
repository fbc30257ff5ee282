// Package rows holds what benchmarks, figures and random programs do, as plain functions, so that a benchmark, a
// test and a command can share them.
package rows
