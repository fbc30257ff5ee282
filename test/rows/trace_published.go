package rows

import "slices"

// PublishedCount is what others counted for a trace: pages read, and pages written if that is not -1.
type PublishedCount struct {
	File          string
	Policy        string
	Frames        int
	Reads, Writes int
}

var publishedCounts = []PublishedCount{
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

// PublishedCounts are all published counts; short leaves out most of those for the two long traces.
func PublishedCounts(short bool) []PublishedCount {
	all := slices.Clone(publishedCounts)
	for _, row := range publishedTable {
		if short && row.frames != 64 {
			continue
		}
		all = append(all,
			PublishedCount{"bzip.trace.gz", "lru", row.frames, row.bzipLRU[0], row.bzipLRU[1]},
			PublishedCount{"bzip.trace.gz", "clock", row.frames, row.bzipClock[0], row.bzipClock[1]},
			PublishedCount{"gcc.trace.gz", "lru", row.frames, row.gccLRU[0], row.gccLRU[1]},
			PublishedCount{"gcc.trace.gz", "clock", row.frames, row.gccClock[0], row.gccClock[1]})
	}
	return all
}
