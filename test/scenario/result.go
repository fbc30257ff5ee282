package scenario

import (
	"fmt"
	"path/filepath"
	"strings"

	"machvm/kernel/monitor"
)

// Kind is what sort of failure ended a scenario.
type Kind uint8

const (
	Expectation    Kind = iota // an expectation does not hold
	KernelError                // a call returned what the script did not expect
	Deadlock                   // threads wait for what cannot come
	GoldenMismatch             // the transcript is not the golden one
	ScriptError                // the script is wrong, or a file it needs is missing
	Unreadable                 // there is no such script or transcript, or it cannot be read
	StepLimit                  // the script or the simulation ran too long
	Diverged                   // a schedule to replay does not fit the run
	Invariant                  // the kernel broke one of its invariants
	Protocol                   // the kernel broke a rule of the protocol
)

var kinds = [...]struct {
	name string
	exit int
}{
	Expectation:    {"expectation", ExitFail},
	KernelError:    {"unexpected result", ExitFail},
	Deadlock:       {"deadlock", ExitFail},
	GoldenMismatch: {"golden transcript", ExitFail},
	ScriptError:    {"script error", ExitUsage},
	Unreadable:     {"cannot be read", ExitUsage},
	StepLimit:      {"step limit", ExitUsage},
	Diverged:       {"replay diverged", ExitDiverged},
	Invariant:      {"broken invariant", ExitInvariant},
	Protocol:       {"broken rule", ExitInvariant},
}

func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Exit codes of every machvm command.
const (
	ExitPass      = 0 // everything held
	ExitFail      = 1 // an expectation, the golden transcript, an unexpected kernel error, a deadlock, an exploration
	ExitUsage     = 2 // usage, an error in a script, a missing file, a step limit
	ExitDiverged  = 3 // a replay left its schedule
	ExitInvariant = 4 // the kernel broke an invariant, or a rule of the protocol
)

// ExitCodes is the one table of exit codes, as text.
const ExitCodes = `0  pass
1  a failed expectation, a golden mismatch, an unexpected kernel error, a deadlock, a failed exploration
2  usage, a script error, a missing file, a step limit
3  a replay that diverged from its schedule
4  a broken kernel invariant, or a rule of the protocol that a kernel broke`

// Failure is why a scenario did not pass.
type Failure struct {
	Kind Kind
	At   string // file:line of the script, or a file
	Text string // what went wrong; further lines explain
}

func (f *Failure) Error() string {
	if f.At == "" {
		return fmt.Sprintf("%s: %s", f.Kind, f.Text)
	}
	return fmt.Sprintf("%s: %s: %s", f.At, f.Kind, f.Text)
}

// ExitCode is the exit code the failure stands for.
func (f *Failure) ExitCode() int { return kinds[f.Kind].exit }

// Result is the outcome of one run of a scenario.
type Result struct {
	Script     string // path of the script
	Transcript string // what the student reads, without the verdict
	Failure    *Failure
	Steps      uint64 // scheduler steps
	// Violations are what managers did against the rules and the script did not expect. A run that did not come
	// to rest has only those up to there.
	Violations []monitor.Violation
	Coverage   *monitor.Coverage // states and arcs reached; nil without a monitor
	Schedule   string            // every choice that was not the first option, as a schedule that repeats the run
}

// Passed reports whether nothing failed.
func (r Result) Passed() bool { return r.Failure == nil }

// ExitCode is what a command returns for the result.
func (r Result) ExitCode() int {
	if r.Failure == nil {
		return ExitPass
	}
	return r.Failure.ExitCode()
}

// Verdict is the end of a transcript: PASS, or FAIL with what failed and where.
func (r Result) Verdict() string {
	name := filepath.Base(r.Script)
	if r.Failure == nil {
		return "PASS " + name + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "FAIL %s\n", name)
	for line := range strings.Lines(r.Failure.Error() + "\n") {
		b.WriteString("  " + line)
	}
	return b.String()
}
