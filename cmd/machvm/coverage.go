package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"machvm/kernel/monitor"
	"machvm/test/scenario"
)

// coverageFlags are the flags of machvm coverage.
type coverageFlags struct {
	json  bool
	merge string
}

func coverageCommand(stdout io.Writer) *cobra.Command {
	var f coverageFlags
	cmd := &cobra.Command{
		Use:   "coverage FILE.star|FILE.jsonl ...",
		Short: "Say which states and arcs of the published state machines runs reach",
		Long: "coverage runs scenarios, or reads saved traces, and says how much of the protocol's state machines they reach:\n" +
			"the life cycle of an association, a page in the kernel (Kernel Principles, figures 6 to 9), a page in a\n" +
			"manager (Server Writer's Guide, chapter 7). Every gap is named.\n\n" +
			"What passes between a manager and its store shows in no message. A script says it by a note that begins with\n" +
			"the arc's id: note(\"SWG-1.1 the page is read\").\n\nExit codes:\n\n" + scenario.ExitCodes,
		RunE: func(_ *cobra.Command, paths []string) error { return coverage(paths, f, stdout) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "print the counts as JSON")
	flags.StringVar(&f.merge, "merge", "", "add what this file holds, written by --json or --merge, and write the sum back")
	return cmd
}

func coverage(paths []string, f coverageFlags, stdout io.Writer) error {
	if len(paths) == 0 && f.merge == "" {
		return errors.New("coverage: no scenario and no trace is named")
	}
	sum := monitor.NewCoverage()
	if f.merge != "" {
		old, err := readCoverage(f.merge)
		if err != nil {
			return err
		}
		sum.Merge(old)
	}
	for _, path := range paths {
		one, err := coverageOf(path)
		if err != nil {
			return err
		}
		sum.Merge(one)
	}
	if f.merge != "" {
		var b strings.Builder
		if err := sum.WriteJSON(&b); err != nil {
			return err
		}
		if err := os.WriteFile(f.merge, []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	if f.json {
		return sum.WriteJSON(stdout)
	}
	_, err := fmt.Fprint(stdout, sum)
	return err
}

// readCoverage reads a saved coverage; there need not be one yet.
func readCoverage(path string) (*monitor.Coverage, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return monitor.NewCoverage(), nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c, err := monitor.ReadCoverage(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// coverageOf is what one scenario or one saved trace reaches. It fails for a scenario that does.
func coverageOf(path string) (*monitor.Coverage, error) {
	if !strings.HasSuffix(path, ".star") {
		m, _, err := readTrace(path)
		if err != nil {
			return nil, err
		}
		return m.Coverage(), nil
	}
	r := scenario.Run(path, scenario.Options{NoGolden: true})
	if !r.Passed() {
		return nil, fmt.Errorf("%s does not pass, so it says nothing about coverage: %v", path, r.Failure)
	}
	return r.Coverage, nil
}
