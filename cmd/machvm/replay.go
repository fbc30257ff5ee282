package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/trace"
	"machvm/test/scenario"
)

// replayFlags are the flags of machvm replay.
type replayFlags struct {
	scenario string
	step     uint64
	force    bool
}

// lastEvents is how many events --step shows.
const lastEvents = 10

func replayCommand(stdout io.Writer) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE.sched",
		Short: "Repeat the run that a schedule was written for",
		Long: "replay repeats a run choice by choice and prints its transcript. If the scenario has changed since, it says at\n" +
			"which choice the run differs and how, and the exit code is 3. The scenario is the file that the schedule names,\n" +
			"beside the schedule, unless --scenario says otherwise.\n\nExit codes:\n\n" + scenario.ExitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return replay(args[0], f, stdout) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.scenario, "scenario", "", "the script; default: the one the schedule names, beside the schedule")
	flags.Uint64Var(&f.step, "step", 0, "stop after this step of the scheduler and print the whole machine; 0: run to the end")
	flags.BoolVar(&f.force, "force", false, "try although the script's text has changed")
	return cmd
}

func replay(path string, f replayFlags, stdout io.Writer) error {
	schedule, err := readSchedule(path)
	if err != nil {
		return err
	}
	if f.force {
		schedule.Hash = ""
	}
	file, err := f.scriptOf(path, schedule)
	if err != nil {
		return err
	}
	o := scenario.Options{NoGolden: true, Replay: schedule}
	stop := stepper{step: f.step}
	if f.step > 0 {
		o.KernelSteps = f.step
		o.Observe, o.Ended = stop.watch, stop.look
	}
	r := scenario.Run(file, o)
	fmt.Fprint(stdout, r.Transcript)
	if stop.text != "" && r.Failure != nil && r.Failure.Kind == scenario.StepLimit {
		fmt.Fprint(stdout, stop.text)
		return nil
	}
	fmt.Fprint(stdout, r.Verdict())
	if f.step > 0 && r.Failure == nil {
		fmt.Fprintf(stdout, "the run is over after step %d\n", r.Steps)
	}
	if code := r.ExitCode(); code != scenario.ExitPass {
		return exitError(code)
	}
	return nil
}

// scriptOf is the script that the schedule in a file was written for.
func (f replayFlags) scriptOf(path string, s *choice.Schedule) (string, error) {
	switch {
	case f.scenario != "":
		return f.scenario, nil
	case s.Scenario == "":
		return "", fmt.Errorf("%s names no scenario: say --scenario", path)
	}
	return filepath.Join(filepath.Dir(path), s.Scenario), nil
}

// stepper stops a run at a step.
type stepper struct {
	step uint64
	sim  *kernel.Simulation
	text string
}

func (s *stepper) watch(sim *kernel.Simulation) { s.sim = sim }

// look describes the machine at the end of the run.
func (s *stepper) look() {
	steps := s.sim.Sched().Steps()
	if steps < s.step {
		return
	}
	var events strings.Builder
	// Writing to memory does not fail.
	_ = s.sim.Tracer().Dump(&events, &trace.Timeline{Names: s.sim.Tracer().Names(), Level: trace.Full}, lastEvents)
	s.text = fmt.Sprintf("stopped after step %d, time %d ns\nlast events:\n%s%s", steps, s.sim.Now(), events.String(), s.sim.Describe())
}
