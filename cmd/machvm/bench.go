package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"machvm/cmd/machvm/anchor"
	"machvm/kernel/trace"
	"machvm/test/rows"
)

// benchFlags are the flags of machvm bench.
type benchFlags struct {
	rounds int
	slice  time.Duration
	rows   string
	json   bool
}

// comparison is a row of ours against something else, in the same rounds.
type comparison struct {
	Row, Anchor  string
	Target, Goal float64 // upper bounds of the ratio; no goal: 0
}

// comparisons are the ratios that the simulator's speed is judged by.
var comparisons = []comparison{
	{"pager/read_supply", anchor.UserFault, 0.25, 0.12},
	{"pager/read_supply", anchor.Pull, 30, 15},
	{"pager/cycle", anchor.UserCycle, 0.2, 0.1},
	{"pager/cycle_16", anchor.UserCycle16, 0.2, 0.1},
	{"pager/cycle", "pager/read_supply", 3, 2},
	{"vm/zero_fill_sequential/10", anchor.ZeroFill, 1, 0},
	{"ipc/send_receive", anchor.Buffered, 2, 1},
	{"ipc/null_rpc_two_tasks", anchor.Channel, 1.5, 1},
	{"ipc/null_rpc_two_tasks", anchor.Pull, 8, 5},
	{"vm/lookup_random", anchor.Lookup, 1.15, 1},
	{"vm/lookup_local", anchor.Touch, 3, 0},
	{"vm/touch", anchor.Touch, 4, 0},
	{"pager/read_supply, again", "pager/read_supply", 1.05, 0},
	{"pager/read_supply, ring", "pager/read_supply", 1.15, 1.08},
	{"pager/read_supply, JSON lines", "pager/read_supply", 2.5, 1.8},
}

// variants are rows under other conditions than usual: with the trace.
var variants = map[string]func(*rows.Options){
	"again": func(*rows.Options) {},
	"ring":  func(o *rows.Options) { o.Tracer = trace.New() },
	"JSON lines": func(o *rows.Options) {
		o.Tracer = trace.New()
		o.Sinks = append(o.Sinks, func(t *trace.Tracer) trace.Sink { return trace.NewJSON(io.Discard, t.Names()) })
	},
}

func benchCommand(stdout, stderr io.Writer) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the benchmark rows against what the machine itself does",
		Long: "bench runs the benchmark rows and the anchors in rounds: in each round every part gets one slice of time after the\n" +
			"other, and ratios are formed within the round. It prints medians, with the least and the greatest in brackets.\n" +
			"Anchors that the system lacks are left out with the reason. The exit code does not depend on speed.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return bench(f, stdout, stderr) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.rounds, "rounds", 7, "how many rounds")
	flags.DurationVar(&f.slice, "slice", 20*time.Millisecond, "how long a part runs in each round")
	flags.StringVar(&f.rows, "rows", "", "measure the rows that match this regular expression, and compare those that are compared; default: all that are compared")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// Figure is a median and its range.
type Figure struct {
	Median   float64 `json:"median"`
	Least    float64 `json:"least"`
	Greatest float64 `json:"greatest"`
}

// benchPart is a row or an anchor while it is measured.
type benchPart struct {
	name    string
	measure func(n int) (nanos float64, err error) // for each operation
	n       int
	rounds  []float64
	missing string // why there is none
	row     *rows.Row
}

func bench(f benchFlags, stdout, stderr io.Writer) error {
	if f.rounds < 1 || f.slice <= 0 {
		return fmt.Errorf("--rounds=%d --slice=%v: want at least one round and some time", f.rounds, f.slice)
	}
	wanted, err := regexp.Compile(f.rows)
	if err != nil {
		return fmt.Errorf("--rows: %w", err)
	}
	names := benchRows(f, wanted)
	if len(names) == 0 {
		return fmt.Errorf("--rows=%s: no row has such a name", f.rows)
	}
	start := time.Now()
	clock := func() int64 { return int64(time.Since(start)) }
	var parts []*benchPart
	for _, a := range anchor.All() {
		p, done := anchorPart(a, clock)
		defer done()
		parts = append(parts, p)
	}
	for _, name := range names {
		p, done, err := rowPart(name, clock)
		if err != nil {
			return err
		}
		defer done()
		parts = append(parts, p)
	}
	for _, p := range parts {
		if p.missing != "" {
			fmt.Fprintf(stderr, "left out: %s: %s\n", p.name, p.missing)
			continue
		}
		if err := p.calibrate(f.slice); err != nil {
			return err
		}
	}
	for range f.rounds {
		for _, p := range parts {
			if p.missing != "" {
				continue
			}
			nanos, err := p.measure(p.n)
			if err != nil {
				return err
			}
			p.rounds = append(p.rounds, nanos)
		}
	}
	return printBench(parts, compared(wanted), f, stdout)
}

// compared are the comparisons whose row is wanted.
func compared(wanted *regexp.Regexp) []comparison {
	return slices.DeleteFunc(slices.Clone(comparisons), func(c comparison) bool { return !wanted.MatchString(c.Row) })
}

// benchRows are the rows to measure, with their variants: those compared first.
func benchRows(f benchFlags, wanted *regexp.Regexp) []string {
	isAnchor := map[string]bool{}
	for _, a := range anchor.All() {
		isAnchor[a.Name] = true
	}
	var names []string
	add := func(name string) {
		if !isAnchor[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range compared(wanted) {
		add(c.Anchor)
		add(c.Row)
	}
	if f.rows != "" {
		for _, r := range rows.Rows() {
			if wanted.MatchString(r.Name) {
				add(r.Name)
			}
		}
	}
	return names
}

func anchorPart(a anchor.Anchor, clock func() int64) (*benchPart, func()) {
	p := &benchPart{name: a.Name, n: a.Slice}
	run, done, err := a.Prepare()
	if err != nil {
		p.missing = err.Error()
		return p, func() {}
	}
	p.measure = func(n int) (float64, error) {
		// An anchor's slice is its own: n of them are done one after the other.
		began := clock()
		for left := n; left > 0; left -= a.Slice {
			run(min(left, a.Slice))
		}
		return float64(clock()-began) / float64(n), nil
	}
	return p, done
}

func rowPart(name string, clock func() int64) (*benchPart, func(), error) {
	base, variant := name, ""
	for v := range variants { // unordered: at most one suffix fits
		if rest, ok := strings.CutSuffix(name, ", "+v); ok {
			base, variant = rest, v
		}
	}
	row, err := rows.Find(base)
	if err != nil {
		return nil, nil, err
	}
	o := rows.Options{Clock: clock}
	if variant != "" {
		variants[variant](&o)
	}
	b, err := rows.Open(row, o)
	if err != nil {
		return nil, nil, err
	}
	p := &benchPart{name: name, n: 1, row: &row}
	p.measure = func(n int) (float64, error) {
		r, err := b.Measure(n)
		if err != nil {
			return 0, err
		}
		return r.PerOp(), nil
	}
	return p, b.Close, nil
}

// calibrate finds how many operations fill a slice.
func (p *benchPart) calibrate(slice time.Duration) error {
	for {
		nanos, err := p.measure(p.n)
		if err != nil {
			return err
		}
		total := nanos * float64(p.n)
		if total >= float64(slice)/2 {
			p.n = max(1, int(float64(slice)/nanos))
			return nil
		}
		p.n *= 2
	}
}

func (p *benchPart) figure() Figure { return figureOf(p.rounds) }

func figureOf(values []float64) Figure {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Figure{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// ratioOf is p against q, round by round.
func ratioOf(p, q *benchPart) Figure {
	var ratios []float64
	for i := range p.rounds {
		ratios = append(ratios, p.rounds[i]/q.rounds[i])
	}
	return figureOf(ratios)
}
