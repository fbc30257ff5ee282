package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"machvm/kernel/choice"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
	"machvm/kernel/trace/zaptrace"
	"machvm/test/scenario"
)

// runFlags are the flags of machvm run.
type runFlags struct {
	trace       string
	update      bool
	noGolden    bool
	stepLimit   uint64
	kernelSteps uint64
	schedule    string
	record      string
	personality string
	monitor     bool
	strict      bool
}

// traceForms are the values of --trace. All but text write every event as it happens; the verdict then
// goes to standard error, so that standard output holds one form only.
var traceForms = map[string]func(w io.Writer) func(*trace.Tracer) trace.Sink{
	"text": nil,
	"full": func(w io.Writer) func(*trace.Tracer) trace.Sink {
		return func(t *trace.Tracer) trace.Sink {
			return trace.NewText(w, &trace.Timeline{Names: t.Names(), Level: trace.Full})
		}
	},
	"jsonl": func(w io.Writer) func(*trace.Tracer) trace.Sink {
		return func(t *trace.Tracer) trace.Sink {
			s := trace.NewJSON(w, t.Names())
			s.Lines = true
			return s
		}
	},
	"zap": func(w io.Writer) func(*trace.Tracer) trace.Sink {
		return func(t *trace.Tracer) trace.Sink {
			return zaptrace.New(zaptrace.NewLogger(w, zapcore.DebugLevel), t.Names())
		}
	},
}

func runCommand(stdout, stderr io.Writer) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE.star ...",
		Short: "Run scenarios and say what the kernel did, line by line",
		Long: "run runs each scenario, prints its transcript, and PASS or FAIL. The transcript is held against the\n" +
			"golden one beside the script, NAME.golden; --update writes that. With several scripts the exit code is\n" +
			"the worst.\n\nExit codes:\n\n" + scenario.ExitCodes,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error { return run(paths, f, stdout, stderr) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.trace, "trace", "text", "what to print: text (the transcript), full (every event), jsonl, zap")
	flags.BoolVar(&f.update, "update", false, "write the golden transcripts")
	flags.BoolVar(&f.noGolden, "no-golden", false, "do not compare with the golden transcripts")
	flags.Uint64Var(&f.stepLimit, "step-limit", scenario.DefaultStepLimit, "steps of Starlark a thread may take without blocking")
	flags.Uint64Var(&f.kernelSteps, "kernel-steps", scenario.DefaultKernelSteps, "steps of the scheduler in one run")
	flags.StringVar(&f.schedule, "schedule", "", "replay the schedule in this file")
	flags.StringVar(&f.record, "record", "", "write the schedule of the run to this file")
	flags.StringVar(&f.personality, "personality", "", "whose habits hosts have that name none: "+strings.Join(personality.Names(), ", ")+"; implies --no-golden")
	flags.BoolVar(&f.monitor, "monitor", true, "hold every kernel and manager against the rules of the protocol; what managers broke is listed")
	flags.BoolVar(&f.strict, "strict", false, "fail a run in which a manager broke a rule that the script does not expect")
	return cmd
}

func run(paths []string, f runFlags, stdout, stderr io.Writer) error {
	form, ok := traceForms[f.trace]
	switch {
	case !ok:
		return fmt.Errorf("--trace=%s: there are text, full, jsonl and zap", f.trace)
	case f.update && f.noGolden:
		return fmt.Errorf("--update and --no-golden exclude each other")
	case f.update && f.personality != "":
		return fmt.Errorf("--update and --personality exclude each other: golden transcripts are of the script's own hosts")
	case (f.schedule != "" || f.record != "") && len(paths) > 1:
		return fmt.Errorf("a schedule belongs to one script, not to %d", len(paths))
	}
	o := scenario.Options{Update: f.update, NoGolden: f.noGolden, StepLimit: f.stepLimit, KernelSteps: f.kernelSteps}
	o.Unmonitored, o.Strict = !f.monitor, f.strict
	if f.personality != "" {
		if _, err := personality.ByName(f.personality); err != nil {
			return err
		}
		o.Personality, o.NoGolden = f.personality, true
	}
	if f.schedule != "" {
		replay, err := readSchedule(f.schedule)
		if err != nil {
			return err
		}
		o.Replay = replay
	}
	out := bufio.NewWriter(stdout)
	verdicts := io.Writer(out)
	if form != nil {
		o.Sinks = append(o.Sinks, form(out))
		verdicts = stderr
	}
	worst := scenario.ExitPass
	for _, path := range paths {
		r := scenario.Run(path, o)
		if form == nil {
			fmt.Fprint(out, r.Transcript)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		fmt.Fprint(verdicts, r.Verdict())
		for _, v := range r.Violations {
			fmt.Fprint(verdicts, indent(v.String()+"\n"))
		}
		if !r.Passed() && r.Schedule != "" {
			fmt.Fprintf(verdicts, "  the schedule of this run (--record writes it, --schedule replays it):\n%s", indent(r.Schedule))
		}
		if f.record != "" {
			if err := os.WriteFile(f.record, []byte(r.Schedule), 0o644); err != nil {
				return err
			}
		}
		worst = max(worst, r.ExitCode())
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if worst != scenario.ExitPass {
		return exitError(worst)
	}
	return nil
}

func readSchedule(path string) (*choice.Schedule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := choice.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}
