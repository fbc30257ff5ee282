package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/sched"
	"machvm/test/scenario"
)

// exploreFlags are the flags of machvm explore.
type exploreFlags struct {
	strategy    string
	bound       int
	seed        uint64
	executions  uint64
	time        time.Duration
	depth       int
	kinds       []string
	prefix      string
	keepGoing   bool
	noShrink    bool
	workers     int
	out         string
	format      string
	kernelSteps uint64
	unchecked   bool
	inject      string
	faults      int
}

// strategies are the values of --strategy, with what each does.
const strategies = `  all          every schedule, depth first
  preemptions  every schedule with at most --bound switches away from a thread that could run on
  delays       every schedule with at most --bound delays
  random       --executions schedules at random, from --seed on
  pct          --executions schedules of PCT for failures of --bound ordered events, from --seed on`

// exploreGC is how much a heap may grow between collections, in percent.
const exploreGC = 400

// sampled is how many schedules random strategies try if nothing is said.
const sampled = 1000

func exploreCommand(stdout, stderr io.Writer) *cobra.Command {
	var f exploreFlags
	cmd := &cobra.Command{
		Use:   "explore FILE.star",
		Short: "Run a scenario under many schedules, or all, and say whether it can go wrong",
		Long: "explore runs the scenario again and again, each time with other choices where more than one thing could\n" +
			"happen next, and says: verified, if all schedules were tried; no failure in N of many; or failed, with the\n" +
			"smallest schedule found, which it writes to a file for machvm replay. Rules of the script and threads that wait\n" +
			"for a preemption point keep their say.\n\nStrategies:\n\n" + strategies + "\n\nExit codes:\n\n" + scenario.ExitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runExplore(args[0], f, stdout, stderr) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.strategy, "strategy", "all", "which schedules to try: all, preemptions, delays, random, pct")
	flags.IntVar(&f.bound, "bound", 2, "how many preemptions or delays, or the depth of PCT")
	flags.Uint64Var(&f.seed, "seed", 1, "first seed of random strategies")
	flags.Uint64Var(&f.executions, "executions", 0, "stop after so many executions; 0: no limit, for random strategies 1000")
	flags.DurationVar(&f.time, "time", 0, "stop after this time; 0: no limit")
	flags.IntVar(&f.depth, "depth", explore.DefaultDepth, "explore so many choices of an execution; the rest is fair")
	flags.StringSliceVar(&f.kinds, "kinds", nil, "explore these kinds of choices only, such as thread,preempt")
	flags.StringVar(&f.prefix, "prefix", "", "begin every execution with the schedule in this file, as far as it fits")
	flags.BoolVar(&f.keepGoing, "keep-going", false, "collect different failures instead of stopping at the first")
	flags.BoolVar(&f.noShrink, "no-shrink", false, "leave failing schedules as they are")
	flags.IntVar(&f.workers, "workers", runtime.NumCPU(), "executions side by side; the report does not depend on it")
	flags.StringVar(&f.out, "out", "", "where to write the schedule of the first failure; default NAME.sched")
	flags.StringVar(&f.format, "format", "text", "the report: text or json")
	flags.Uint64Var(&f.kernelSteps, "kernel-steps", explore.DefaultStepLimit, "steps of the scheduler in one execution")
	flags.BoolVar(&f.unchecked, "unchecked", false, "leave out the audits after every step, which take most of the time")
	flags.StringVar(&f.inject, "inject", "", "faults that may happen: shortage, death (of managers), queue (full), delay (between hosts), pageout")
	flags.IntVar(&f.faults, "faults", 1, "how many faults may happen in one execution")
	return cmd
}

func runExplore(path string, f exploreFlags, stdout, stderr io.Writer) error {
	script, failure := scenario.Load(path)
	if failure != nil {
		return failure
	}
	if f.format != "text" && f.format != "json" {
		return fmt.Errorf("--format=%s: there are text and json", f.format)
	}
	o := scenario.Options{NoGolden: true, KernelSteps: f.kernelSteps, Unchecked: f.unchecked}
	var err error
	if o.Faults, err = sched.ParseFaults(f.inject); err != nil {
		return fmt.Errorf("--inject: %w", err)
	}
	if f.faults < 1 {
		return fmt.Errorf("--faults=%d: it is at least 1", f.faults)
	}
	o.Faults.Most = f.faults
	cfg := explore.Config{
		Faults:        o.Faults.String(),
		MaxExecutions: f.executions, KeepGoing: f.keepGoing, Depth: f.depth, Workers: f.workers,
		Scenario: script.Name(), Hash: script.Hash(),
		PerWorker: func() explore.Run {
			// A script runs once at a time. It compiled a moment ago.
			own, _ := scenario.LoadSource(path, script.Source())
			return scriptRun(own, o)
		},
	}
	if f.noShrink {
		cfg.ShrinkTries, cfg.DoomTries = -1, -1
	}
	if err := f.configure(&cfg, scriptRun(script, o)); err != nil {
		return err
	}
	if f.time > 0 {
		end := time.Now().Add(f.time)
		cfg.Stop = func() bool { return time.Now().After(end) }
	}
	bar := newProgressBar(stderr)
	cfg.Progress = bar.show
	// Executions leave little behind and live little: a larger heap saves most collections.
	defer debug.SetGCPercent(debug.SetGCPercent(exploreGC))
	report := explore.Explore(cfg, nil)
	bar.clear()
	for i := range report.Failures {
		found := &report.Failures[i]
		if text := wholeSchedule(script, o, *found); text != found.Text {
			// Choices are counted differently in the whole schedule.
			found.Text, found.Doom = text, nil
		}
	}
	return f.tell(path, report, stdout)
}

// wholeSchedule is the schedule of a failure with the choices that the script's own rules made, which exploration
// does not see.
func wholeSchedule(script *scenario.Script, o scenario.Options, f explore.Found) string {
	s := f.Minimal
	if s == nil {
		s = f.Schedule
	}
	if s == nil {
		return ""
	}
	o.Chooser = choice.NewReplayer(s, choice.FallBack)
	if text := script.Run(o).Schedule; text != "" {
		return text
	}
	return (&choice.Schedule{Scenario: s.Scenario, Hash: s.Hash, Faults: s.Faults}).String()
}

// configure turns flags into what to try.
func (f exploreFlags) configure(cfg *explore.Config, run explore.Run) error {
	count := f.executions
	if count == 0 {
		count = sampled
	}
	if f.bound < 0 {
		return fmt.Errorf("--bound=%d: it cannot be negative", f.bound)
	}
	switch f.strategy {
	case "all":
		cfg.Strategy = explore.NewDFS(explore.Bound{})
	case "preemptions":
		cfg.Strategy = explore.NewDFS(explore.Preemptions(f.bound))
	case "delays":
		cfg.Strategy = explore.NewDFS(explore.Delays(f.bound))
	case "random":
		cfg.Strategy = explore.NewRandom(f.seed, count)
	case "pct":
		var m explore.Measure
		run(&m)
		cfg.Strategy = explore.NewPCT(f.bound, m.Threads, m.Choices, f.seed, count)
	default:
		return fmt.Errorf("--strategy=%s: there are\n%s", f.strategy, strategies)
	}
	for _, name := range f.kinds {
		k, err := choice.ParseKind(name)
		if err != nil {
			return err
		}
		cfg.Kinds = append(cfg.Kinds, k)
	}
	if f.prefix != "" {
		s, err := readSchedule(f.prefix)
		if err != nil {
			return err
		}
		cfg.Prefix = s
	}
	return nil
}

// tell prints the report and writes the schedule of the first failure that has one.
func (f exploreFlags) tell(path string, r explore.Report, stdout io.Writer) error {
	file := ""
	for _, found := range r.Failures {
		if found.Text == "" {
			continue
		}
		if file = f.out; file == "" {
			base := filepath.Base(path)
			file = strings.TrimSuffix(base, filepath.Ext(base)) + ".sched"
		}
		if err := os.WriteFile(file, []byte(found.Text), 0o644); err != nil {
			return err
		}
		break
	}
	if f.format == "json" {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprint(stdout, r)
		if file != "" {
			fmt.Fprintf(stdout, "see it again: machvm replay %s --scenario %s\n", file, path)
		}
	}
	return exploreExit(r)
}

// exploreExit is the exit code of the worst failure.
func exploreExit(r explore.Report) error {
	if r.Verdict != explore.Failed {
		return nil
	}
	code := scenario.ExitFail
	for _, f := range r.Failures {
		switch f.Failure.Kind {
		case explore.Harness:
			code = max(code, scenario.ExitUsage)
		case explore.Unreproducible:
			code = max(code, scenario.ExitDiverged)
		case explore.Invariant:
			code = max(code, scenario.ExitInvariant)
		}
	}
	return exitError(code)
}

// scriptRun is one execution of a script. What its transcript says at the end is the final state, with the
// machine's.
func scriptRun(script *scenario.Script, o scenario.Options) explore.Run {
	return func(c choice.Chooser) explore.Result {
		var sim *kernel.Simulation
		var state uint64
		o := o
		o.Chooser, o.Spares = c, explore.Quick(c)
		o.Observe = func(s *kernel.Simulation) { sim = s }
		o.Ended = func() { state = sim.Fingerprint() | 1 }
		r := script.Run(o)
		return explore.Result{Failure: scriptFailure(r), State: state, Steps: r.Steps}
	}
}

// scriptFailure is a failure of a script in the terms of exploration. Two are the same if they are of one
// kind and on one line of the script.
func scriptFailure(r scenario.Result) *explore.Failure {
	if r.Passed() {
		return nil
	}
	kind := explore.Property
	switch r.Failure.Kind {
	case scenario.Deadlock:
		kind = explore.Deadlock
	case scenario.ScriptError:
		kind = explore.Harness
	case scenario.StepLimit:
		kind = explore.Livelock
	case scenario.Invariant:
		kind = explore.Invariant
	}
	first, _, _ := strings.Cut(r.Failure.Text, "\n")
	name := r.Failure.Kind.String() + ": " + first
	if r.Failure.At != "" {
		name = r.Failure.At + ": " + name
	}
	return &explore.Failure{Kind: kind, Name: name, Report: r.Transcript + r.Verdict()}
}
