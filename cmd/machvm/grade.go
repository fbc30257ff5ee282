package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/pagers/zoo"
	"machvm/test/scenario"
)

// gradeFlags are the flags of machvm grade.
type gradeFlags struct {
	zoo        bool
	executions uint64
	seed       uint64
	format     string
	workers    int
}

func gradeCommand(stdout io.Writer) *cobra.Command {
	var f gradeFlags
	cmd := &cobra.Command{
		Use:   "grade --zoo TEST.star...",
		Short: "Say which documented mistakes of memory managers the given tests catch",
		Long: "grade runs tests that take the manager under test from zoo_pager(host, name). For every mistake of the zoo it\n" +
			"puts the manager that makes it there, and then the same without it. A test catches the mistake if it fails with\n" +
			"the one, under the plain schedule or under one of so many at random, and passes all of them with the other.\n" +
			"Grading succeeds whatever the tests catch.\n\nExit codes:\n\n" + scenario.ExitCodes,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runGrade(args, f, stdout) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.zoo, "zoo", false, "grade tests by the mistakes of the zoo")
	flags.Uint64Var(&f.executions, "executions", 100, "how many schedules at random each manager is tried under")
	flags.Uint64Var(&f.seed, "seed", 1, "the first seed")
	flags.StringVar(&f.format, "format", "text", "the report: text, junit or gradescope")
	flags.IntVar(&f.workers, "workers", runtime.NumCPU(), "executions side by side; the report does not depend on it")
	return cmd
}

// grade is what tests make of one mistake.
type grade struct {
	specimen zoo.Specimen
	caught   string   // the test that has caught it; "": none
	how      string   // what the test said
	unfit    []string // tests that fail with the manager without the mistake as well
}

func runGrade(paths []string, f gradeFlags, stdout io.Writer) error {
	if !f.zoo {
		return fmt.Errorf("grade: say by what: there is --zoo")
	}
	write, ok := map[string]func(io.Writer, []grade) error{"text": gradeText, "junit": gradeJUnit, "gradescope": gradeGradescope}[f.format]
	if !ok {
		return fmt.Errorf("--format=%s: there are text, junit and gradescope", f.format)
	}
	tests := make([]*scenario.Script, len(paths))
	for i, path := range paths {
		var failure *scenario.Failure
		if tests[i], failure = scenario.Load(path); failure != nil {
			return failure
		}
	}
	var grades []grade
	for _, s := range zoo.All() {
		g := grade{specimen: s}
		for i, test := range tests {
			wrong := f.try(test, paths[i], s.Wrong)
			if wrong == nil {
				continue
			}
			if f.try(test, paths[i], s.Right) != nil {
				g.unfit = append(g.unfit, filepath.Base(paths[i]))
				continue
			}
			g.caught, g.how = filepath.Base(paths[i]), strings.TrimPrefix(wrong.Name, paths[i]+":")
			break
		}
		grades = append(grades, g)
	}
	return write(stdout, grades)
}

// try is the first failure of a test with a manager, nil if there is none.
func (f gradeFlags) try(test *scenario.Script, path string, maker zoo.Maker) *explore.Failure {
	o := scenario.Options{NoGolden: true, KernelSteps: explore.DefaultStepLimit, Unchecked: true, Zoo: maker}
	if r := scriptRun(test, o)(choice.First{}); r.Failure != nil || f.executions == 0 {
		return r.Failure
	}
	r := explore.Explore(explore.Config{Strategy: explore.NewRandom(f.seed, f.executions), Workers: f.workers,
		ShrinkTries: -1, DoomTries: -1,
		PerWorker: func() explore.Run {
			own, _ := scenario.LoadSource(path, test.Source()) // it compiled a moment ago
			return scriptRun(own, o)
		}}, nil)
	if len(r.Failures) == 0 {
		return nil
	}
	return r.Failures[0].Failure
}

// remark says what became of a mistake.
func (g grade) remark() string {
	switch {
	case g.caught != "":
		return "caught by " + g.caught + ":" + g.how
	case len(g.unfit) > 0:
		return "not caught; failed without the mistake too: " + strings.Join(g.unfit, ", ")
	}
	return "not caught"
}

func caught(grades []grade) (n int) {
	for _, g := range grades {
		if g.caught != "" {
			n++
		}
	}
	return n
}

func gradeText(w io.Writer, grades []grade) error {
	for _, g := range grades {
		fmt.Fprintf(w, "%-4s %s\n     %s\n", g.specimen.ID, g.specimen.Title, g.remark())
	}
	_, err := fmt.Fprintf(w, "caught %d of %d mistakes\n", caught(grades), len(grades))
	return err
}

// gradeJUnit writes a test suite with a case for each mistake, which fails if no test catches it.
func gradeJUnit(w io.Writer, grades []grade) error {
	type failure struct {
		Message string `xml:"message,attr"`
	}
	type testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *failure `xml:"failure"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testCase `xml:"testcase"`
	}{Name: "zoo", Tests: len(grades), Failures: len(grades) - caught(grades)}
	for _, g := range grades {
		c := testCase{Class: "zoo", Name: g.specimen.ID + " " + g.specimen.Title}
		if g.caught == "" {
			c.Failure = &failure{g.remark()}
		}
		suite.Cases = append(suite.Cases, c)
	}
	fmt.Fprint(w, xml.Header)
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// gradeGradescope writes the results file of a Gradescope autograder: a point for each mistake that is caught.
func gradeGradescope(w io.Writer, grades []grade) error {
	type result struct {
		Name   string `json:"name"`
		Score  int    `json:"score"`
		Max    int    `json:"max_score"`
		Output string `json:"output"`
	}
	report := struct {
		Score int      `json:"score"`
		Tests []result `json:"tests"`
	}{Score: caught(grades)}
	for _, g := range grades {
		r := result{Name: g.specimen.ID + " " + g.specimen.Title, Max: 1, Output: g.remark()}
		if g.caught != "" {
			r.Score = 1
		}
		report.Tests = append(report.Tests, r)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(report)
}
