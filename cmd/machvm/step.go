package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/trace"
	"machvm/test/scenario"
)

func stepCommand(stdin io.Reader, stdout io.Writer) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "step FILE.star|FILE.sched",
		Short: "Walk through a run, forward and back, and look at the machine",
		Long: "step stops before the first step of a run and asks what to do, a line at a time; help says what there is. Going back\n" +
			"means running again up to there, so it shows exactly what was. Of a schedule the run is the one it was written for.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return stepThrough(args[0], f, stdin, stdout) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.scenario, "scenario", "", "the script of a schedule; default: the one the schedule names, beside it")
	flags.BoolVar(&f.force, "force", false, "try although the script's text has changed")
	return cmd
}

const stepHelp = `forward [N]   f  go N steps forward, or one; an empty line does so too
back [N]      b  go N steps back, or one
until N       u  go to step N
message       m  go to the next step in which a message is sent or received
fault         p  go to the next step in which a page fault begins
end           e  go to the end
why THREAD    w  what a thread waits for, and who holds that
threads       t  every thread: what it does or waits for, since when
maps [TASK]      the address space of a task, or of all
rights [TASK]    the port names of a task, or of all
objects          the memory objects of every host, with their pages
queues           the ports that have messages or waiting threads
machine          everything
events [N]       the last N events, or ten
schedule         the choices made so far
help          h  this
quit          q  leave
`

// walk is a run that somebody walks through. It is run again from its beginning as often as somebody goes back.
type walk struct {
	script   *scenario.Script
	replay   *choice.Schedule // nil: first options
	in       *bufio.Scanner
	out      io.Writer
	terminal bool // somebody types: what is typed is on the screen already

	stop    stopAt
	again   bool // the run is to begin again
	leave   bool
	sim     *kernel.Simulation
	choices *choice.Recorder
	seen    [2]bool         // of what stopAt looks for, in the present step
	events  strings.Builder // of the present step
	stopped bool
	over    bool
}

// stopAt is where a walk stops next: at a step, at the end, or at what is looked for.
type stopAt struct {
	step  uint64
	what  int // index of walk.seen
	event bool
	end   bool
}

const (
	seenMessage = iota
	seenFault
)

// errWalk ends a run that nobody wants to see the rest of.
var errWalk = errors.New("enough seen")

func stepThrough(path string, f replayFlags, in io.Reader, out io.Writer) error {
	w := &walk{in: bufio.NewScanner(in), out: out}
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil {
			w.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	if filepath.Ext(path) != ".star" {
		s, err := readSchedule(path)
		if err != nil {
			return err
		}
		if f.force {
			s.Hash = ""
		}
		w.replay = s
		if path, err = f.scriptOf(path, s); err != nil {
			return err
		}
	}
	script, failure := scenario.Load(path)
	if failure != nil {
		return failure
	}
	w.script = script
	for {
		w.again, w.stopped, w.over, w.sim, w.seen, w.choices = false, false, false, nil, [2]bool{}, choice.NewRecorder(nil)
		w.events.Reset()
		r := script.Run(scenario.Options{NoGolden: true, Replay: w.replay, Recorder: w.choices, Observe: w.watch, Ended: w.ended,
			Sinks: []func(*trace.Tracer) trace.Sink{func(*trace.Tracer) trace.Sink { return w }}})
		switch {
		case w.again:
		case !w.over:
			return nil
		default:
			fmt.Fprint(out, r.Verdict())
			if code := r.ExitCode(); code != scenario.ExitPass {
				return exitError(code)
			}
			return nil
		}
	}
}

// watch looks on from the beginning of a run.
func (w *walk) watch(sim *kernel.Simulation) {
	w.sim = sim
	sim.Sched().AfterStep(w.afterStep)
	if !w.stop.wanted() {
		w.prompt("before the first step")
	}
}

// wanted reports whether the walk goes further than the beginning.
func (s stopAt) wanted() bool { return s.step > 0 || s.event || s.end }

// Record notes what happens in the present step.
func (w *walk) Record(r *trace.Record) {
	switch r.Kind {
	case trace.KindMessage:
		w.seen[seenMessage] = true
	case trace.KindFault:
		w.seen[seenFault] = true
	case trace.KindChoice:
		return
	}
	if w.sim == nil || w.sim.Sched().Steps() == 0 {
		return // the script sets up
	}
	text := trace.NewText(&w.events, &trace.Timeline{Names: w.sim.Tracer().Names(), Level: trace.Full})
	text.Record(r)
}

func (w *walk) afterStep() {
	now := w.sim.Sched().Steps()
	here := !w.stop.end && !w.stop.event && now >= w.stop.step || w.stop.event && now > w.stop.step && w.seen[w.stop.what]
	if here && !w.stopped {
		w.prompt(w.position())
	}
	w.seen = [2]bool{}
	w.events.Reset()
}

// position is where the walk is, with what happened in the last step.
func (w *walk) position() string {
	s := w.sim.Sched()
	who := ""
	if t := s.Last(); t != nil {
		who = ", " + t.String()
	}
	return fmt.Sprintf("step %d, time %d ns%s\n%s", s.Steps(), w.sim.Now(), who, indented(w.events.String()))
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// ended stops once more when the run is over.
func (w *walk) ended() {
	if w.stopped {
		return
	}
	w.over = true
	for where := w.position(); !w.again && !w.leave; where = "" {
		w.prompt(where + fmt.Sprintf("the run is over after step %d", w.sim.Sched().Steps()))
	}
}

// halt ends the run under way.
func (w *walk) halt() {
	w.stopped = true
	w.sim.Stop(errWalk)
}

// prompt says where the walk is, and does what it is told until that is to go on.
func (w *walk) prompt(where string) {
	fmt.Fprintln(w.out, strings.TrimRight(where, "\n"))
	for {
		fmt.Fprint(w.out, "> ")
		if !w.in.Scan() {
			fmt.Fprintln(w.out)
			w.leave = true
			w.halt()
			return
		}
		line := strings.TrimSpace(w.in.Text())
		if !w.terminal {
			fmt.Fprintln(w.out, line)
		}
		word, rest, _ := strings.Cut(line, " ")
		if w.obey(word, strings.TrimSpace(rest)) {
			return
		}
	}
}

// obey executes one command. It reports whether the run goes on, or ends.
func (w *walk) obey(word, rest string) (goes bool) {
	now := w.sim.Sched().Steps()
	switch word {
	case "", "f", "forward":
		n, ok := w.number(rest, 1)
		w.stop = stopAt{step: now + n}
		return ok && n > 0
	case "b", "back":
		n, ok := w.number(rest, 1)
		return ok && w.goTo(now-min(n, now))
	case "u", "until":
		n, ok := w.number(rest, now)
		return ok && w.goTo(n)
	case "m", "message":
		w.stop = stopAt{step: now, event: true, what: seenMessage}
		return true
	case "p", "fault":
		w.stop = stopAt{step: now, event: true, what: seenFault}
		return true
	case "e", "end":
		w.stop = stopAt{end: true}
		return true
	case "q", "quit":
		w.leave = true
		w.halt()
		return true
	case "h", "help":
		fmt.Fprint(w.out, stepHelp)
	default:
		w.show(word, rest)
	}
	return false
}

// goTo goes on to a later step, or runs again to an earlier one.
func (w *walk) goTo(step uint64) bool {
	now := w.sim.Sched().Steps()
	w.stop = stopAt{step: step}
	if step > now {
		return true
	}
	w.again = true
	w.halt()
	return true
}

func (w *walk) number(text string, byDefault uint64) (uint64, bool) {
	if text == "" {
		return byDefault, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		fmt.Fprintf(w.out, "%q is no number of steps\n", text)
		return 0, false
	}
	return n, true
}
