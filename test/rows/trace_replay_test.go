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

// published is what others counted for a trace: pages read, and pages written if that is not -1.
type published struct {
	file          string
	policy        string
	frames        int
	reads, writes int
}

var publishedCounts = []published{
	{"trace1", "clock", 4, 9, 3},
	{"trace1", "lru", 8, 6, 0},
	{"trace2", "lru", 6, 10, 4},
	{"trace3", "lru", 4, 50, 6},

	{"bzip.trace.gz", "fifo", 8, 47828, -1},
	{"bzip.trace.gz", "segmented-fifo-0", 8, 47828, -1},
	{"bzip.trace.gz", "segmented-fifo-95", 8, 30691, -1},

	{"lirs-multi1.trace.gz", "lru", 1000, 8210, 0},
	{"lirs-multi1.trace.gz", "fifo", 1000, 8755, 0},
	{"lirs-multi1.trace.gz", "clock-clear", 1000, 8154, 0},
	{"lirs-multi1.trace.gz", "opt", 1000, 4536, 0},
	{"lirs-cpp.trace.gz", "lru", 100, 2740, 0},
	{"lirs-cpp.trace.gz", "fifo", 100, 4086, 0},
	{"lirs-cpp.trace.gz", "clock-clear", 100, 2591, 0},
	{"lirs-cpp.trace.gz", "opt", 100, 1582, 0},
	{"lirs-2_pools.trace.gz", "lru", 400, 50847, 0},
	{"lirs-2_pools.trace.gz", "fifo", 400, 59996, 0},
	{"lirs-2_pools.trace.gz", "clock-clear", 400, 49389, 0},
	{"lirs-2_pools.trace.gz", "opt", 400, 38832, 0},
}

// publishedTable is reads and writes of LRU and CLOCK for two traces by the number of frames.
var publishedTable = []struct {
	frames             int
	bzipLRU, bzipClock [2]int
	gccLRU, gccClock   [2]int
}{
	{4, [2]int{92770, 35650}, [2]int{111442, 37740}, [2]int{243809, 43187}, [2]int{276968, 51481}},
	{8, [2]int{30691, 11092}, [2]int{46164, 17568}, [2]int{171186, 23983}, [2]int{181856, 29401}},
	{16, [2]int{3344, 1069}, [2]int{3468, 1128}, [2]int{116604, 14749}, [2]int{121682, 16376}},
	{32, [2]int{2133, 702}, [2]int{2203, 734}, [2]int{84401, 11737}, [2]int{87686, 12293}},
	{64, [2]int{1264, 420}, [2]int{1318, 443}, [2]int{59089, 8863}, [2]int{61640, 9346}},
	{128, [2]int{771, 224}, [2]int{802, 235}, [2]int{40821, 6131}, [2]int{43017, 6671}},
	{256, [2]int{397, 48}, [2]int{432, 71}, [2]int{25308, 4231}, [2]int{26789, 4528}},
	{512, [2]int{317, 0}, [2]int{317, 0}, [2]int{10425, 2173}, [2]int{11472, 2398}},
}

// allPublished is every row; short leaves out the longest half.
func allPublished(short bool) []published {
	all := slices.Clone(publishedCounts)
	for _, row := range publishedTable {
		all = append(all,
			published{"bzip.trace.gz", "lru", row.frames, row.bzipLRU[0], row.bzipLRU[1]},
			published{"bzip.trace.gz", "clock", row.frames, row.bzipClock[0], row.bzipClock[1]})
		if !short || row.frames > 64 {
			all = append(all,
				published{"gcc.trace.gz", "lru", row.frames, row.gccLRU[0], row.gccLRU[1]},
				published{"gcc.trace.gz", "clock", row.frames, row.gccClock[0], row.gccClock[1]})
		}
	}
	return all
}

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
	for _, p := range allPublished(testing.Short()) {
		if traces[p.file] == nil {
			traces[p.file] = readFile(t, filepath.Join(dir, p.file))
		}
		trace := traces[p.file]
		name := fmt.Sprintf("%s, %s, %d frames", p.file, p.policy, p.frames)
		c := replay(t, trace, p.policy, p.frames)
		if p.writes < 0 {
			c.DirtyPageouts = p.writes
		}
		require.Equal(t, rows.TraceCounts{References: len(trace.References), Faults: p.reads, Pageins: p.reads, DirtyPageouts: p.writes}, c, name)
	}
	// Mach's own is no textbook policy; it does better than FIFO, and nothing beats OPT.
	for _, p := range publishedCounts {
		if p.policy == "fifo" && p.frames >= 128 {
			opt := replay(t, traces[p.file], "opt", p.frames)
			mach := replay(t, traces[p.file], "mach", p.frames)
			require.Less(t, mach.Faults, p.reads, p.file)
			require.Greater(t, mach.Faults, opt.Faults, p.file)
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
