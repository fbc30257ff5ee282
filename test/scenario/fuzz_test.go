package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

// FuzzScript: whatever a script is, running it ends with a verdict of the table, in bounded time, and says the same
// when it is run again. A script cannot break the kernel, nor crash the process.
func FuzzScript(f *testing.F) {
	for _, folder := range []string{"../scripts/*.star", "../scripts/bad/*.star"} {
		paths, err := filepath.Glob(folder)
		require.NoError(f, err)
		for _, p := range paths {
			source, err := os.ReadFile(p)
			require.NoError(f, err)
			if len(source) < 2000 {
				f.Add(string(source), uint64(len(source)))
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source string, seed uint64) {
		if strings.Contains(source, "in_place") {
			t.Log("it could write files")
			return
		}
		run := func() Result {
			script, failure := LoadSource(filepath.Join(dir, "fuzz.star"), []byte(source))
			if failure != nil {
				return Result{Failure: failure}
			}
			return script.Run(Options{NoGolden: true, StepLimit: 20_000, KernelSteps: 2_000, Chooser: choice.NewRandom(seed)})
		}
		start := time.Now()
		first := run()
		require.Less(t, time.Since(start), 20*time.Second)
		if first.Failure != nil {
			require.NotEqual(t, Invariant, first.Failure.Kind, first.Failure.Text)
		}
		again := run()
		require.Equal(t, first.Transcript, again.Transcript)
		require.Equal(t, first.Failure, again.Failure)
	})
}

// FuzzSchedule: whatever schedule a script is replayed with, the run follows it to its end or says where it parts.
func FuzzSchedule(f *testing.F) {
	source, err := os.ReadFile("../scripts/last_unmap.star")
	require.NoError(f, err)
	script, failure := LoadSource("../scripts/last_unmap.star", source)
	require.Nil(f, failure)
	f.Add(script.Run(Options{NoGolden: true, Chooser: choice.NewRandom(3)}).Schedule)
	f.Add("machvm schedule 1\nfaults death,shortage 2\nfault death 1/2\nthread block 1/2\n")
	f.Fuzz(func(t *testing.T, text string) {
		schedule, err := choice.Parse(text)
		if err != nil {
			return
		}
		schedule.Hash = ""
		r := script.Run(Options{NoGolden: true, KernelSteps: 5_000, Replay: schedule})
		if r.Failure != nil {
			require.NotEqual(t, Invariant, r.Failure.Kind, r.Failure.Text)
		}
	})
}
