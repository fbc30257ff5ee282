package rows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/test/rows"
	"machvm/vm"
)

func readFile(t testing.TB, path string) *rows.Trace {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	trace, err := rows.ReadTrace(path, file, rows.TraceAuto, 4096)
	require.NoError(t, err)
	return trace
}

func replay(t testing.TB, trace *rows.Trace, policy string, frames int) rows.TraceCounts {
	t.Helper()
	c, err := trace.Replay(policy, frames)
	require.NoError(t, err, "%s, %s, %d frames", trace.Name, policy, frames)
	return c
}

// The counts that others have published for real traces come out exactly, with every reference made by a program in its
// address space. The traces are no part of the repository: MACHVM_TRACES names the directory they are in.
func TestPublishedFaultCounts(t *testing.T) {
	dir := os.Getenv("MACHVM_TRACES")
	if dir == "" {
		t.Skip("MACHVM_TRACES is not set: the published fault counts are not checked")
	}
	traces := map[string]*rows.Trace{}
	for _, p := range rows.PublishedCounts(testing.Short()) {
		if traces[p.File] == nil {
			traces[p.File] = readFile(t, filepath.Join(dir, p.File))
		}
		trace := traces[p.File]
		name := fmt.Sprintf("%s, %s, %d frames", p.File, p.Policy, p.Frames)
		c := replay(t, trace, p.Policy, p.Frames)
		if p.Writes < 0 {
			c.DirtyPageouts = p.Writes
		}
		require.Equal(t, rows.TraceCounts{References: len(trace.References), Faults: p.Reads, Pageins: p.Reads, DirtyPageouts: p.Writes}, c, name)
	}
	// Mach's own is no textbook policy; it does better than FIFO, and nothing beats OPT.
	for _, p := range rows.PublishedCounts(true) {
		if p.Policy == "fifo" && p.Frames >= 128 {
			opt := replay(t, traces[p.File], "opt", p.Frames)
			mach := replay(t, traces[p.File], "mach", p.Frames)
			require.Less(t, mach.Faults, p.Reads, p.File)
			require.Greater(t, mach.Faults, opt.Faults, p.File)
		}
	}
}

// Our own small traces, one of each format, cost what somebody can count with a pencil.
func TestSmallTraces(t *testing.T) {
	for _, c := range []struct {
		file   string
		policy string
		frames int
		want   rows.TraceCounts
	}{
		// 1w 2 3 4 1 2 5 1 2 3 4 5: with FIFO more frames make more faults.
		{"belady.memsim", "fifo", 3, rows.TraceCounts{References: 12, Faults: 9, Pageins: 9, DirtyPageouts: 2}},
		{"belady.memsim", "fifo", 4, rows.TraceCounts{References: 12, Faults: 10, Pageins: 10, DirtyPageouts: 2}},
		{"belady.memsim", "lru", 3, rows.TraceCounts{References: 12, Faults: 10, Pageins: 10, DirtyPageouts: 2}},
		{"belady.memsim", "lru", 4, rows.TraceCounts{References: 12, Faults: 8, Pageins: 8, DirtyPageouts: 1}},
		{"belady.memsim", "opt", 3, rows.TraceCounts{References: 12, Faults: 7, Pageins: 7, DirtyPageouts: 1}},
		{"belady.memsim", "segmented-fifo", 3, rows.TraceCounts{References: 12, Faults: 10, Pageins: 10, DirtyPageouts: 2}},
		{"belady.memsim", "clock", 1, rows.TraceCounts{References: 12, Faults: 12, Pageins: 12, DirtyPageouts: 3}},
		{"belady.memsim", "mach", 128, rows.TraceCounts{References: 12, Faults: 5, Pageins: 5}},
		// The same, from three other tools.
		{"belady.lackey", "lru", 4, rows.TraceCounts{References: 12, Faults: 8, Pageins: 8, DirtyPageouts: 1}},
		{"belady.dinero", "lru", 4, rows.TraceCounts{References: 12, Faults: 8, Pageins: 8, DirtyPageouts: 1}},
		{"belady.lirs", "lru", 4, rows.TraceCounts{References: 12, Faults: 8, Pageins: 8}}, // it says nothing of writes
		{"belady.memsim.gz", "lru", 4, rows.TraceCounts{References: 12, Faults: 8, Pageins: 8, DirtyPageouts: 1}},
	} {
		trace := readFile(t, filepath.Join("testdata", c.file))
		require.Equal(t, 5, trace.Pages, c.file)
		require.Equal(t, c.want, replay(t, trace, c.policy, c.frames), "%s, %s, %d frames", c.file, c.policy, c.frames)
	}
}

// A replay through an address space costs what the policy's rules alone say, whatever the trace.
func TestReplayIsThePolicy(t *testing.T) {
	random := choice.Rand(11)
	for i := range 25 {
		trace := &rows.Trace{Name: fmt.Sprint("random trace ", i), PageSize: 256}
		frames := 1 + random.Intn(9)
		var text []byte
		for range 300 {
			op := "R"
			if random.Intn(3) == 0 {
				op = "W"
			}
			text = fmt.Appendf(text, "%x %s\n", 256*random.Intn(1+random.Intn(20)), op)
		}
		trace = readBytes(t, trace.Name, text)
		for _, policy := range []string{"lru", "fifo", "clock", "clock-clear", "segmented-fifo-0", "segmented-fifo-50", "segmented-fifo-100", "opt"} {
			want := vm.Replay(policyNamed(t, policy, trace), frames, slices.Values(trace.References))
			got := replay(t, trace, policy, frames)
			require.Equal(t, rows.TraceCounts{References: 300, Faults: want.Reads, Pageins: want.Reads, DirtyPageouts: want.Writes}, got,
				"trace %d, %s, %d frames", i, policy, frames)
		}
	}
}

func policyNamed(t testing.TB, name string, trace *rows.Trace) vm.Policy {
	if name == "opt" {
		return vm.NewOPT(trace.References)
	}
	pol, ok := vm.PolicyNamed(name)
	require.True(t, ok, name)
	return pol
}

// The pageout daemon itself makes room under the policy mach, which needs no more than the program has pages.
func TestReplayWithTheDaemon(t *testing.T) {
	var text []byte
	for round := range 3 {
		for page := range 200 {
			text = fmt.Appendf(text, "%x %s\n", page*256, []string{"W", "R", "R"}[round])
		}
	}
	trace := readBytes(t, "rounds", text)
	c := replay(t, trace, "mach", 128)
	require.Equal(t, c.Faults, c.Pageins)
	require.Greater(t, c.Faults, 200)
	require.NotZero(t, c.DirtyPageouts)
	require.Equal(t, rows.TraceCounts{References: 600, Faults: 200, Pageins: 200}, replay(t, trace, "mach", 512))
	require.Equal(t, c, replay(t, trace, "mach", 128), "a second time")
	require.InDelta(t, 1./3, replay(t, trace, "mach", 512).MissRatio(), 1e-9)
	require.Zero(t, rows.TraceCounts{}.MissRatio())
}

// Addresses of 64-bit programs lie above the 4 GB that other traces need.
func TestReplayOfHighAddresses(t *testing.T) {
	trace := readBytes(t, "high", []byte(" S 1ffefff7e0,8\nI  0401f9b0,3\n L 1ffefff7e0,8\n S 7ffffffffff8,8\n L 1ffefff7e0,8\n"))
	require.Equal(t, rows.TraceCounts{References: 5, Faults: 3, Pageins: 3}, replay(t, trace, "lru", 3))
	require.Equal(t, rows.TraceCounts{References: 5, Faults: 5, Pageins: 5, DirtyPageouts: 2}, replay(t, trace, "lru", 1))
}

func TestReplayRefuses(t *testing.T) {
	trace := readBytes(t, "one", []byte("0 R\n"))
	for _, c := range []struct {
		policy string
		frames int
		text   string
	}{
		{"best", 8, `no policy is named "best"`},
		{"mach", 8, "8 page frames are too few"},
		{"lru", 0, "0 page frames are too few"},
		{"lru", -1, "-1 page frames are too few"},
	} {
		_, err := trace.Replay(c.policy, c.frames)
		require.ErrorContains(t, err, c.text)
	}
}
