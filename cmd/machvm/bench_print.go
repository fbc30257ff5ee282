package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"machvm/test/rows"
)

// countedOps are how many operations are counted for allocations and messages, apart from the timing.
const countedOps = 1024

// benchReport is what bench prints, in nanoseconds for each operation.
type benchReport struct {
	Rounds  int           `json:"rounds"`
	Anchors []benchFigure `json:"anchors"`
	Rows    []benchFigure `json:"rows"`
	Ratios  []benchRatio  `json:"ratios"`
}

type benchFigure struct {
	Name     string   `json:"name"`
	Nanos    *Figure  `json:"ns,omitempty"`
	Allocs   *float64 `json:"allocs,omitempty"`
	Messages *float64 `json:"messages,omitempty"`
	Missing  string   `json:"missing,omitempty"`
}

type benchRatio struct {
	Row    string  `json:"row"`
	Anchor string  `json:"against"`
	Ratio  *Figure `json:"ratio,omitempty"`
	Target float64 `json:"target"`
	Goal   float64 `json:"goal,omitempty"`
	Met    string  `json:"met"` // "goal", "target", "no", or "left out"
}

func printBench(parts []*benchPart, comparisons []comparison, f benchFlags, stdout io.Writer) error {
	report := benchReport{Rounds: f.rounds}
	byName := map[string]*benchPart{}
	for _, p := range parts {
		byName[p.name] = p
		figure := benchFigure{Name: p.name, Missing: p.missing}
		if p.missing == "" {
			nanos := p.figure()
			figure.Nanos = &nanos
		}
		if p.row == nil {
			report.Anchors = append(report.Anchors, figure)
			continue
		}
		if p.name == p.row.Name {
			counted, err := count(*p.row)
			if err != nil {
				return err
			}
			allocs := float64(counted.Allocs) / float64(counted.N)
			messages := float64(counted.Messages) / float64(counted.N)
			figure.Allocs, figure.Messages = &allocs, &messages
		}
		report.Rows = append(report.Rows, figure)
	}
	for _, c := range comparisons {
		r := benchRatio{Row: c.Row, Anchor: c.Anchor, Target: c.Target, Goal: c.Goal, Met: "left out"}
		if p, q := byName[c.Row], byName[c.Anchor]; p.missing == "" && q.missing == "" {
			ratio := ratioOf(p, q)
			r.Ratio = &ratio
			switch {
			case c.Goal > 0 && ratio.Median <= c.Goal:
				r.Met = "goal"
			case ratio.Median <= c.Target:
				r.Met = "target"
			default:
				r.Met = "no"
			}
		}
		report.Ratios = append(report.Ratios, r)
	}
	if f.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	return report.print(stdout)
}

// count performs a row with allocations counted, and again with messages counted, whose trace allocates too.
func count(row rows.Row) (rows.Result, error) {
	allocs, err := rows.Run(row, rows.Options{N: countedOps, Allocs: true})
	if err != nil {
		return allocs, err
	}
	messages, err := rows.Run(row, rows.Options{N: countedOps, Messages: true})
	allocs.Messages = messages.Messages
	return allocs, err
}

func (f *Figure) text(digits int) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.*f [%.*f..%.*f]", digits, f.Median, digits, f.Least, digits, f.Greatest)
}

func (r benchReport) print(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "anchor\tns (median of %d rounds)\n", r.Rounds)
	for _, a := range r.Anchors {
		if a.Missing != "" {
			fmt.Fprintf(w, "%s\tleft out: %s\n", a.Name, a.Missing)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\n", a.Name, a.Nanos.text(1))
	}
	fmt.Fprintf(w, "\nrow\tns/op\tallocs/op\tmessages/op\n")
	for _, a := range r.Rows {
		fmt.Fprintf(w, "%s\t%s", a.Name, a.Nanos.text(1))
		if a.Allocs != nil {
			fmt.Fprintf(w, "\t%.2f\t%g", *a.Allocs, *a.Messages)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nrow\tagainst\tratio\ttarget\tgoal\tmet\n")
	for _, c := range r.Ratios {
		goal := "-"
		if c.Goal > 0 {
			goal = fmt.Sprintf("%g", c.Goal)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%g\t%s\t%s\n", c.Row, c.Anchor, c.Ratio.text(3), c.Target, goal, c.Met)
	}
	return w.Flush()
}
