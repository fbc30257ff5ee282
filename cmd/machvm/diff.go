package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"machvm/kernel/personality"
	"machvm/kernel/trace"
	"machvm/test/scenario"
)

// diffFlags are the flags of machvm diff.
type diffFlags struct {
	full    bool
	context int
	fields  bool
}

func diffCommand(stdout io.Writer) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff A B FILE.star",
		Short: "Show where a scenario parts under two personalities, and which habit parts it",
		Long: "diff runs the scenario twice: once every host has the habits of A, once those of B, whatever preset the script\n" +
			"names; single fields that the script sets stay. It prints the first line in which the transcripts differ. Then\n" +
			"each field in which A and B disagree is changed alone, so that the field to blame can be named.\n\n" +
			"A and B are presets: " + strings.Join(personality.Names(), ", ") + ".\n\n" +
			"Exit codes: 0 the runs are alike, 1 they part, 2 usage or an error in the script.",
		Args: cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error { return diff(args[0], args[1], args[2], f, stdout) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.full, "full", false, "compare every event, not only the lines of the transcript")
	flags.IntVar(&f.context, "context", 3, "lines to show before the difference and after it")
	flags.BoolVar(&f.fields, "fields", true, "look for the fields that make the difference")
	return cmd
}

func diff(left, right, path string, f diffFlags, stdout io.Writer) error {
	if f.context < 0 {
		return fmt.Errorf("--context=%d: want 0 or more lines", f.context)
	}
	a, err := personality.ByName(left)
	if err != nil {
		return err
	}
	b, err := personality.ByName(right)
	if err != nil {
		return err
	}
	script, failure := scenario.Load(path)
	if failure != nil {
		fmt.Fprint(stdout, scenario.Result{Script: path, Failure: failure}.Verdict())
		return exitError(failure.ExitCode())
	}
	runA, runB := habitual(script, a, f.full), habitual(script, b, f.full)
	at := parting(runA, runB)
	if at < 0 {
		fmt.Fprintf(stdout, "%s: %s and %s are alike, %d lines\n", path, left, right, len(runA))
		return nil
	}
	fmt.Fprintf(stdout, "%s: %s and %s part at line %d\n\n", path, left, right, at+1)
	for _, line := range runA[max(0, at-f.context):at] {
		fmt.Fprintf(stdout, "  %s\n", line)
	}
	hunk := func(mark string, run []string) {
		for _, line := range run[min(at, len(run)):min(at+1+f.context, len(run))] {
			fmt.Fprintf(stdout, "%s %s\n", mark, line)
		}
		if at >= len(run) {
			fmt.Fprintf(stdout, "%s (nothing more)\n", mark)
		}
	}
	hunk("-", runA)
	hunk("+", runB)
	fmt.Fprintf(stdout, "\n- %s: %s\n+ %s: %s\n", left, runA[len(runA)-1], right, runB[len(runB)-1])
	if f.fields {
		fmt.Fprint(stdout, "\n"+blame(script, a, b, runA, at, f.full))
	}
	return exitError(scenario.ExitFail)
}

// habitual is the run of a script on hosts of one personality, line by line, the verdict at its end.
func habitual(script *scenario.Script, p personality.Personality, full bool) []string {
	o := scenario.Options{NoGolden: true, Habits: &p}
	var events bytes.Buffer
	if full {
		o.Sinks = append(o.Sinks, func(t *trace.Tracer) trace.Sink {
			return trace.NewText(&events, &trace.Timeline{Names: t.Names(), Level: trace.Full})
		})
	}
	r := script.Run(o)
	text := r.Transcript
	if full {
		text = events.String()
	}
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	return append(lines, strings.ReplaceAll(strings.TrimSpace(r.Verdict()), "\n", "\n  "))
}

// parting is the number of the first line that differs, from 0; -1 if none does.
func parting(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// blame tells what each field in which a and b disagree does by itself to the run of a, that parts from
// the run of b at line at.
func blame(script *scenario.Script, a, b personality.Personality, runA []string, at int, full bool) string {
	var here, later, dependent []string
	for _, d := range a.Diff(b) {
		p := a
		if err := p.Set(d.Field, d.Right); err != nil {
			panic(err) // it is a value of b
		}
		field, _ := personality.FieldNamed(d.Field)
		said := fmt.Sprintf("  %s: %s -> %s  (%s) %s\n", d.Field, d.Left, d.Right, strings.Join(field.IDs, " "), field.Question)
		if p.Validate() != nil {
			dependent = append(dependent, said)
			continue
		}
		switch n := parting(runA, habitual(script, p, full)); {
		case n == at:
			here = append(here, said)
		case n >= 0:
			later = append(later, fmt.Sprintf("  line %d%s", n+1, said))
		}
	}
	var out strings.Builder
	group := func(title string, lines []string) {
		if len(lines) > 0 {
			out.WriteString(title + "\n" + strings.Join(lines, ""))
		}
	}
	group("They part there by", here)
	group("Other habits that change this run, each alone", later)
	if len(here) == 0 {
		out.WriteString("No field does it alone.\n")
	}
	group("Not tried alone, since no host can have it without others", dependent)
	return out.String()
}
