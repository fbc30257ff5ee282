package vm

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

// readTrace reads references: "hexaddress R|W" with pages of 4096 bytes, or a block number a line, which
// ends with an asterisk. A name that ends in .gz is compressed.
func readTrace(t testing.TB, path string) (trace []Reference) {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(file)
		require.NoError(t, err)
	}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		switch f := strings.Fields(lines.Text()); len(f) {
		case 0:
		case 1:
			if f[0] == "*" {
				break
			}
			block, err := strconv.ParseUint(f[0], 10, 64)
			require.NoError(t, err)
			trace = append(trace, Reference{Page: block})
		default:
			addr, err := strconv.ParseUint(f[0], 16, 64)
			require.NoError(t, err)
			trace = append(trace, Reference{Page: addr >> 12, Write: f[1] == "W"})
		}
	}
	return trace
}

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

	{"lirs-multi1.trace.gz", "lru", 1000, 8210, -1},
	{"lirs-multi1.trace.gz", "fifo", 1000, 8755, -1},
	{"lirs-multi1.trace.gz", "clock-clear", 1000, 8154, -1},
	{"lirs-multi1.trace.gz", "opt", 1000, 4536, -1},
	{"lirs-cpp.trace.gz", "lru", 100, 2740, -1},
	{"lirs-cpp.trace.gz", "fifo", 100, 4086, -1},
	{"lirs-cpp.trace.gz", "clock-clear", 100, 2591, -1},
	{"lirs-cpp.trace.gz", "opt", 100, 1582, -1},
	{"lirs-2_pools.trace.gz", "lru", 400, 50847, -1},
	{"lirs-2_pools.trace.gz", "fifo", 400, 59996, -1},
	{"lirs-2_pools.trace.gz", "clock-clear", 400, 49389, -1},
	{"lirs-2_pools.trace.gz", "opt", 400, 38832, -1},
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

func policyFor(t testing.TB, name string, trace []Reference) Policy {
	if name == "opt" {
		return NewOPT(trace)
	}
	pol, ok := PolicyNamed(name)
	require.True(t, ok, name)
	require.Equal(t, name, pol.String())
	return pol
}

// The counts that others have published for real traces come out exactly. The traces are no part of the
// repository: MACHVM_TRACES names the directory they are in.
func TestPublishedFaultCounts(t *testing.T) {
	dir := os.Getenv("MACHVM_TRACES")
	if dir == "" {
		t.Log("MACHVM_TRACES is not set: the published fault counts were NOT checked")
		return
	}
	all := slices.Clone(publishedCounts)
	for _, row := range publishedTable {
		all = append(all,
			published{"bzip.trace.gz", "lru", row.frames, row.bzipLRU[0], row.bzipLRU[1]},
			published{"bzip.trace.gz", "clock", row.frames, row.bzipClock[0], row.bzipClock[1]},
			published{"gcc.trace.gz", "lru", row.frames, row.gccLRU[0], row.gccLRU[1]},
			published{"gcc.trace.gz", "clock", row.frames, row.gccClock[0], row.gccClock[1]})
	}
	traces := map[string][]Reference{}
	for _, p := range all {
		if traces[p.file] == nil {
			traces[p.file] = readTrace(t, filepath.Join(dir, p.file))
		}
		trace := traces[p.file]
		c := Replay(policyFor(t, p.policy, trace), p.frames, slices.Values(trace))
		name := fmt.Sprintf("%s, %s, %d frames", p.file, p.policy, p.frames)
		require.Equal(t, len(trace), c.References, name)
		require.Equal(t, p.reads, c.Reads, name)
		if p.writes >= 0 {
			require.Equal(t, p.writes, c.Writes, name)
		}
	}
	// Mach's own is no textbook policy; it does better than FIFO, and nothing beats OPT.
	for _, file := range []string{"lirs-multi1.trace.gz", "lirs-cpp.trace.gz", "lirs-2_pools.trace.gz"} {
		i := slices.IndexFunc(all, func(p published) bool { return p.file == file && p.policy == "fifo" })
		fifo, opt := all[i], all[i+2]
		mach := Replay(MachPolicy{}, fifo.frames, slices.Values(traces[file]))
		require.Less(t, mach.Reads, fifo.reads, file)
		require.Greater(t, mach.Reads, opt.reads, file)
	}
}

// The example that every textbook has: with FIFO more frames make more faults.
func TestBeladysAnomaly(t *testing.T) {
	var trace []Reference
	for _, page := range []uint64{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5} {
		trace = append(trace, Reference{Page: page, Write: page == 1})
	}
	for _, c := range []struct {
		policy        string
		frames        int
		reads, writes int
	}{
		{"fifo", 3, 9, 2}, {"fifo", 4, 10, 2},
		{"lru", 3, 10, 2}, {"lru", 4, 8, 1},
		{"opt", 3, 7, 1}, {"opt", 4, 6, 1},
		{"segmented-fifo-0", 3, 9, 2}, {"segmented-fifo-100", 3, 10, 2},
	} {
		got := Replay(policyFor(t, c.policy, trace), c.frames, slices.Values(trace))
		require.Equal(t, c.reads, got.Reads, "%s with %d frames", c.policy, c.frames)
		require.Equal(t, c.writes, got.Writes, "%s with %d frames", c.policy, c.frames)
	}
}

// oracle counts the faults of a policy that is written down as simply as it can be: pages in a slice, the one
// to go found by its rule.
func oracle(trace []Reference, frames int, worst func(pages []uint64, now int) int) (c ReplayCounts) {
	var pages []uint64
	dirty := map[uint64]bool{}
	for now, r := range trace {
		c.References++
		if !slices.Contains(pages, r.Page) {
			c.Reads++
			if len(pages) == frames {
				i := worst(pages, now)
				if dirty[pages[i]] {
					c.Writes++
				}
				delete(dirty, pages[i])
				pages = slices.Delete(pages, i, i+1)
			}
			pages = append(pages, r.Page)
		}
		dirty[r.Page] = dirty[r.Page] || r.Write
	}
	return c
}

// Random traces cost what the simplest programs for the same policies say. Segmented FIFO lies between its
// ends by construction, OPT below everything, and Mach's own is a legal policy.
func TestPoliciesAgainstOracles(t *testing.T) {
	random := choice.Rand(7)
	for range 60 {
		frames := 1 + random.Intn(9)
		trace := make([]Reference, 300)
		for i := range trace {
			trace[i] = Reference{Page: uint64(random.Intn(1 + random.Intn(20))), Write: random.Intn(3) == 0}
		}
		play := func(name string) ReplayCounts {
			return Replay(policyFor(t, name, trace), frames, slices.Values(trace))
		}
		require.Equal(t, oracle(trace, frames, func([]uint64, int) int { return 0 }), play("fifo"))
		lru := oracle(trace, frames, func(pages []uint64, now int) int {
			best, oldest := 0, now
			for i, page := range pages {
				last := now - 1
				for trace[last].Page != page {
					last--
				}
				if last < oldest {
					best, oldest = i, last
				}
			}
			return best
		})
		require.Equal(t, lru, play("lru"))
		require.Equal(t, lru, play("segmented-fifo-100"))
		opt := oracle(trace, frames, func(pages []uint64, now int) int {
			best, latest := 0, now
			for i, page := range pages {
				next := slices.IndexFunc(trace[now:], func(r Reference) bool { return r.Page == page })
				if next < 0 {
					return i
				}
				if now+next > latest {
					best, latest = i, now+next
				}
			}
			return best
		})
		require.Equal(t, opt.Reads, play("opt").Reads)
		for _, name := range []string{"mach", "clock", "clock-clear", "segmented-fifo-50"} {
			require.GreaterOrEqual(t, play(name).Reads, opt.Reads, name)
		}
	}
}

// A page used while inactive is not thrown out by Mach's policy, and is by FIFO.
func TestMachPolicyGivesASecondChance(t *testing.T) {
	var trace []Reference
	for i := range uint64(300) {
		trace = append(trace, Reference{Page: 1000}, Reference{Page: i})
	}
	// Once it goes: the first victim has just been made inactive, and nobody has had the time to use it.
	require.Equal(t, 302, Replay(MachPolicy{}, 6, slices.Values(trace)).Reads)
	require.Greater(t, Replay(FIFO{}, 6, slices.Values(trace)).Reads, 340)
}

func TestPolicyNames(t *testing.T) {
	for _, name := range []string{"", "opt", "segmented-fifo-", "segmented-fifo-101", "segmented-fifo-7x", "LRU"} {
		_, ok := PolicyNamed(name)
		require.False(t, ok, name)
	}
}
