package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"machvm/kernel/mach"
	"machvm/test/rows"
)

// replayedTrace is one line of the result, as data.
type replayedTrace struct {
	File          string           `json:"file"`
	Format        rows.TraceFormat `json:"format"`
	PageSize      mach.Size        `json:"page_size"`
	Pages         int              `json:"pages"`
	References    int              `json:"references"`
	Writes        int              `json:"writes"`
	Policy        string           `json:"policy"`
	Frames        int              `json:"frames"`
	Faults        int              `json:"faults"`
	Pageins       int              `json:"pageins"`
	DirtyPageouts int              `json:"dirty_pageouts"`
	MissRatio     float64          `json:"miss_ratio"`
}

// traceFlags are the flags of machvm trace replay.
type traceFlags struct {
	policy   string
	format   string
	pageSize uint64
	frames   []int
	json     bool
}

func traceCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Page-reference traces of real programs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f traceFlags
	replay := &cobra.Command{
		Use:   "replay FILE ...",
		Short: "Replay a reference trace through the address space of a task",
		Long: "replay has a program make the references of a trace in its own memory, once for each number of page\n" +
			"frames, and says how many faults that made, how many pages its manager was asked for, and how many\n" +
			"modified ones it got back. The miss ratios of several numbers of frames are the trace's curve.\n\n" +
			"By the policy mach the pageout daemon runs, which needs some hundred frames. By the others it is off, the\n" +
			"policy sees every reference, and one page goes at each fault: the counts are those of a textbook.\n\n" +
			"Formats, recognised by their first line; files may be compressed with gzip:\n\n" +
			"  memsim  hexaddress R|W\n" +
			"  lackey  what valgrind --tool=lackey --trace-mem=yes prints\n" +
			"  dinero  0|1|2 hexaddress\n" +
			"  lirs    the number of a block, which counts as a page\n",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error {
			for _, path := range paths {
				if err := replayTrace(path, f, stdout); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags := replay.Flags()
	flags.StringVar(&f.policy, "policy", "mach", "which page goes: "+rows.TracePolicies)
	flags.StringVar(&f.format, "format", string(rows.TraceAuto), "auto, memsim, lackey, dinero or lirs")
	flags.Uint64Var(&f.pageSize, "page-size", uint64(mach.DefaultPageSize), "bytes of a page, a power of two")
	flags.IntSliceVar(&f.frames, "frames", []int{128, 256, 512, 1024}, "numbers of page frames, one replay each")
	flags.BoolVar(&f.json, "json", false, "one JSON object for each replay")
	cmd.AddCommand(replay)
	return cmd
}

// replayTrace replays one file and prints what came of it.
func replayTrace(path string, f traceFlags, stdout io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := rows.ReadTrace(path, file, rows.TraceFormat(f.format), mach.Size(f.pageSize))
	if err != nil {
		return err
	}
	list := make([]replayedTrace, 0, len(f.frames))
	for _, frames := range f.frames {
		c, err := t.Replay(f.policy, frames)
		if err != nil {
			return fmt.Errorf("%s: policy %s, %d frames: %w", path, f.policy, frames, err)
		}
		list = append(list, replayedTrace{
			File: path, Format: t.Format, PageSize: t.PageSize, Pages: t.Pages,
			References: c.References, Writes: t.Writes, Policy: f.policy, Frames: frames,
			Faults: c.Faults, Pageins: c.Pageins, DirtyPageouts: c.DirtyPageouts, MissRatio: c.MissRatio(),
		})
	}
	if f.json {
		out := json.NewEncoder(stdout)
		for _, r := range list {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(stdout, "%s: %d references, %d of them writes, to %d pages of %d bytes (%s)\n",
		path, len(t.References), t.Writes, t.Pages, t.PageSize, t.Format)
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "policy\tframes\tfaults\tpageins\tdirty pageouts\tmiss ratio\t\n")
	for _, r := range list {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%.4f\t\n", r.Policy, r.Frames, r.Faults, r.Pageins, r.DirtyPageouts, r.MissRatio)
	}
	return table.Flush()
}
