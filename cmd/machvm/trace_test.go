package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const belady = "../../test/rows/testdata/belady."

// TestTraceReplay: the replays of a trace as a table and as data, and what is wrong.
func TestTraceReplay(t *testing.T) {
	code, stdout, stderr := command("trace", "replay", "--policy", "lru", "--frames", "3,4", belady+"memsim.gz", belady+"lirs")
	require.Zero(t, code, stderr)
	require.Equal(t, belady+`memsim.gz: 12 references, 3 of them writes, to 5 pages of 4096 bytes (memsim)
  policy  frames  faults  pageins  dirty pageouts  miss ratio
     lru       3      10       10               2      0.8333
     lru       4       8        8               1      0.6667
`+belady+`lirs: 12 references, 0 of them writes, to 5 pages of 4096 bytes (lirs)
  policy  frames  faults  pageins  dirty pageouts  miss ratio
     lru       3      10       10               0      0.8333
     lru       4       8        8               0      0.6667
`, stdout)

	code, stdout, stderr = command("trace", "replay", "--json", "--page-size=8192", "--frames=128", belady+"lackey")
	require.Zero(t, code, stderr)
	var r replayedTrace
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Equal(t, replayedTrace{File: belady + "lackey", Format: "lackey", PageSize: 8192, Pages: 3, References: 12, Writes: 3,
		Policy: "mach", Frames: 128, Faults: 3, Pageins: 3, MissRatio: 0.25}, r)

	bad := filepath.Join(t.TempDir(), "bad.trace")
	require.NoError(t, os.WriteFile(bad, []byte("0 R\nnonsense\n"), 0o600))
	for _, c := range []struct{ args, says string }{
		{"trace replay", "requires at least 1 arg"},
		{"trace replay nowhere", "open nowhere: no such file"},
		{"trace replay " + bad, bad + `:2: malformed line: "nonsense"`},
		{"trace replay --format=csv " + bad, `no format is named "csv"`},
		{"trace replay --policy=best " + belady + "lirs", `belady.lirs: policy best, 128 frames: no policy is named "best"`},
		{"trace replay --frames=8 " + belady + "lirs", "8 page frames are too few: the pageout daemon needs"},
		{"trace replay --page-size=5 " + belady + "lirs", "page size 5 is no power of two"},
		{"trace fly", "unknown command"},
	} {
		code, stdout, stderr := command(strings.Fields(c.args)...)
		require.Equal(t, 2, code, c.args)
		require.Contains(t, stdout+stderr, c.says, c.args)
	}
}
