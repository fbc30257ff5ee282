package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
	"machvm/test/scenario"
)

// monitorFlags are the flags of machvm monitor.
type monitorFlags struct {
	rules  bool
	strict bool
	rest   bool
}

func monitorCommand(stdout io.Writer) *cobra.Command {
	var f monitorFlags
	cmd := &cobra.Command{
		Use:   "monitor FILE.jsonl ...",
		Short: "Hold a saved trace against the rules of the protocol",
		Long: "monitor reads traces that run --trace=jsonl has written and says which rules of the protocol a kernel or a\n" +
			"manager broke, where, and with which message. A trace may begin in the middle: then nothing is said about an\n" +
			"association before its init. Breaches by kernels fail; those by managers are listed, and fail with --strict.\n\n" +
			"Exit codes:\n\n" + scenario.ExitCodes,
		RunE: func(_ *cobra.Command, paths []string) error { return watch(paths, f, stdout) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.rules, "rules", false, "list every rule with the check that watches it")
	flags.BoolVar(&f.strict, "strict", false, "fail if a manager broke a rule")
	flags.BoolVar(&f.rest, "complete", false, "the run came to rest at the end of the trace: what is still owed is a breach too")
	return cmd
}

func watch(paths []string, f monitorFlags, stdout io.Writer) error {
	if f.rules {
		return listRules(stdout)
	}
	if len(paths) == 0 {
		return errors.New("monitor: no trace is named (or say --rules)")
	}
	worst := scenario.ExitPass
	for _, path := range paths {
		m, records, broken := readTrace(path)
		if m == nil {
			return broken
		}
		m.Finish(f.rest)
		kernels, managers := m.KernelViolations(), m.TaskViolations()
		for _, v := range m.Violations() {
			fmt.Fprintln(stdout, v)
		}
		if n := m.More(); n > 0 {
			fmt.Fprintf(stdout, "and %d more\n", n)
		}
		fmt.Fprintf(stdout, "%s: %d records, %d rules broken by kernels, %d by managers\n", path, records, len(kernels), len(managers))
		switch {
		case broken != nil:
			return broken // after what it said up to there
		case len(kernels) > 0:
			worst = max(worst, scenario.ExitInvariant)
		case len(managers) > 0 && f.strict:
			worst = max(worst, scenario.ExitFail)
		}
	}
	if worst != scenario.ExitPass {
		return exitError(worst)
	}
	return nil
}

// readTrace shows a monitor every record of a saved trace. With an error it has seen the records up to there; it is
// nil if there is no trace at all.
func readTrace(path string) (*monitor.Monitor, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	r, err := trace.NewReader(file)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	r.Names().SetMessages(kernel.MessageNames(mig.Form{}))
	m := monitor.New(r.Names())
	for n := 0; ; n++ {
		record, err := r.Next()
		if err == io.EOF {
			return m, n, nil
		}
		if err != nil {
			return m, n, fmt.Errorf("%s: %w", path, err)
		}
		m.Record(record)
	}
}

func listRules(stdout io.Writer) error {
	watched := map[string]string{}
	for _, w := range monitor.Watched() {
		watched[w.ID] = w.Check
	}
	family, n, all := "EMM", 0, 0
	for _, r := range monitor.Rules() {
		if r.ID[:3] != family {
			continue
		}
		all++
		check := watched[r.ID]
		if check == "" {
			check = "not watched"
		} else {
			n++
		}
		fmt.Fprintf(stdout, "%s  %-38s %s\n", r.ID, check, r.Sentence)
	}
	_, err := fmt.Fprintf(stdout, "%d of %d rules of the pager protocol are watched\n", n, all)
	return err
}
