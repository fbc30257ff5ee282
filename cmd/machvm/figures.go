package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"machvm/kernel/mach"
	"machvm/test/rows"
	"machvm/test/scenario"
)

// figuresFlags are the flags of machvm figures.
type figuresFlags struct {
	traces   string
	json     bool
	markdown bool
	short    bool
}

func figuresCommand(stdout io.Writer) *cobra.Command {
	var f figuresFlags
	cmd := &cobra.Command{
		Use:   "figures",
		Short: "Measure published figures and print both values",
		Long: "figures measures what papers and guides have published about Mach's pager protocol, state machines and message\n" +
			"counts, and prints each published value beside the measured one. Every measured value is counted in the trace\n" +
			"of a run. A figure of kind exact comes out or it does not; one of kind shape comes near.\n\n" +
			"With --traces, or MACHVM_TRACES in the environment, the published fault counts of real page-reference traces are\n" +
			"there as well.\n\n" +
			"Exit codes: 0 all exact figures come out, 1 one does not, 2 usage, or a trace that cannot be read.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return figures(f, stdout) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.traces, "traces", os.Getenv("MACHVM_TRACES"), "directory with page-reference traces")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.BoolVar(&f.markdown, "markdown", false, "print a Markdown table")
	flags.BoolVar(&f.short, "short", false, "leave out the replays that take longest")
	return cmd
}

func figures(f figuresFlags, stdout io.Writer) error {
	if f.json && f.markdown {
		return fmt.Errorf("--json and --markdown are two formats")
	}
	all, err := rows.Figures()
	if err != nil {
		return err
	}
	if f.traces != "" {
		counts, err := tracesIn(f.traces, rows.PublishedCounts(f.short))
		if err != nil {
			return err
		}
		all = append(all, counts...)
	}
	return printFigures(f, all, stdout)
}

// printFigures prints all figures, and fails if one does not come out.
func printFigures(f figuresFlags, all []rows.Figure, stdout io.Writer) (err error) {
	switch {
	case f.json:
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(all)
	case f.markdown:
		err = markdownFigures(stdout, all)
	default:
		err = textFigures(stdout, all)
	}
	if err != nil {
		return err
	}
	for _, fig := range all {
		if fig.Differs() {
			return exitError(scenario.ExitFail)
		}
	}
	return nil
}

// tracesIn replays the traces of a directory that others have published counts for.
func tracesIn(dir string, counts []rows.PublishedCount) ([]rows.Figure, error) {
	traces := map[string]*rows.Trace{}
	var all []rows.Figure
	for _, p := range counts {
		if traces[p.File] == nil {
			path := filepath.Join(dir, p.File)
			file, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			traces[p.File], err = rows.ReadTrace(path, file, rows.TraceAuto, mach.DefaultPageSize)
			file.Close()
			if err != nil {
				return nil, err
			}
		}
		f, err := rows.TraceFigure(traces[p.File], p)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// yes is how a table says whether a figure comes out.
func yes(f rows.Figure) string {
	switch {
	case f.Equal && f.Kind == rows.Exact:
		return "="
	case f.Kind == rows.Part:
		return "part"
	case f.Equal:
		return "near"
	case f.Kind == rows.Exact:
		return "NO"
	}
	return "far"
}

func textFigures(w io.Writer, all []rows.Figure) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "FIGURE\tKIND\tPUBLISHED\tMEASURED\t\tQUANTITY")
	failed := 0
	for _, f := range all {
		if f.Differs() {
			failed++
		}
		published, measured := f.Published, f.Measured
		if len(published) > 40 { // an order of messages
			if published, measured = "as printed", "the same"; !f.Equal {
				measured = "another"
			}
		}
		quantity := f.Quantity + " (" + f.Source + ")"
		if f.Note != "" {
			quantity += "; " + f.Note
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.Kind, published, measured, yes(f), quantity)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d figures, %d differ\n", len(all), failed)
	return err
}

func markdownFigures(w io.Writer, all []rows.Figure) error {
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	var b strings.Builder
	b.WriteString("| figure | source | quantity | kind | published | measured | equal | note |\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", f.ID, cell(f.Source), cell(f.Quantity), f.Kind, cell(f.Published),
			cell(f.Measured), yes(f), cell(f.Note))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
