package scenario_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/test/scenario"
)

func scripts(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "scripts", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// good is every script but those that show what can be wrong with one.
func good(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(append(scripts(t, "*.star"), scripts(t, "*/*.star")...), func(path string) bool {
		return filepath.Base(filepath.Dir(path)) == "bad"
	})
}

// title is a script's path below the scripts.
func title(path string) string {
	return strings.TrimPrefix(filepath.ToSlash(path), "../scripts/")
}

// TestScripts: every script passes and its transcript is the golden one.
func TestScripts(t *testing.T) {
	for _, path := range good(t) {
		t.Run(title(path), func(t *testing.T) {
			r := scenario.Run(path, scenario.Options{})
			require.Nil(t, r.Failure, "%s%s", r.Transcript, r.Verdict())
		})
	}
}

// TestTwice: a script run twice, freshly loaded or not, says the same to the byte.
func TestTwice(t *testing.T) {
	for _, path := range append(good(t), scripts(t, "bad/*.star")...) {
		first := scenario.Run(path, scenario.Options{NoGolden: true})
		second := scenario.Run(path, scenario.Options{NoGolden: true})
		require.Equal(t, first, second, path)
		script, failure := scenario.Load(path)
		if failure != nil {
			continue
		}
		third := script.Run(scenario.Options{NoGolden: true})
		fourth := script.Run(scenario.Options{NoGolden: true})
		require.Equal(t, first, third, path)
		require.Equal(t, first, fourth, path)
	}
}

// TestReplay: the schedule of a run repeats it, and a schedule that does not fit is noticed.
func TestReplay(t *testing.T) {
	path := filepath.Join("..", "scripts", "drain.star")
	first := scenario.Run(path, scenario.Options{NoGolden: true})
	require.Nil(t, first.Failure)
	require.Contains(t, first.Schedule, "preempt association-broken 1/2 manager/sender")
	schedule, err := choice.Parse(first.Schedule)
	require.NoError(t, err)
	second := scenario.Run(path, scenario.Options{NoGolden: true, Replay: schedule})
	require.Nil(t, second.Failure)
	require.Equal(t, first, second)

	schedule.Steps[0].Label = "somebody else"
	third := scenario.Run(path, scenario.Options{NoGolden: true, Replay: schedule})
	require.Equal(t, scenario.ExitDiverged, third.ExitCode(), third.Verdict())
	require.Contains(t, third.Verdict(), "somebody else")

	other := scenario.Run(filepath.Join("..", "scripts", "fork.star"), scenario.Options{NoGolden: true, Replay: schedule})
	require.Equal(t, scenario.ExitDiverged, other.ExitCode(), other.Verdict())
}

// ordered are the scripts that need the order they are written for.
var ordered = []string{"drain.star", "double_paging.star", "association.star"}

// TestAnySchedule: what the scripts expect holds under other schedules than the default too, but for a few.
func TestAnySchedule(t *testing.T) {
	for _, path := range good(t) {
		if slices.Contains(ordered, filepath.Base(path)) {
			continue
		}
		script, failure := scenario.Load(path)
		require.Nil(t, failure)
		for seed := range uint64(20) {
			r := script.Run(scenario.Options{NoGolden: true, Chooser: choice.NewRandom(seed), Unchecked: seed >= 8})
			require.True(t, r.Passed(), "seed %d\n%s%s", seed, r.Transcript, r.Verdict())
		}
	}
}

// TestBadScripts: what is wrong with a script is said clearly, with the line, and with the exit code of the
// table.
func TestBadScripts(t *testing.T) {
	for _, bad := range []struct {
		script string
		exit   int
		line   string // "" where the failure names a file only
		says   []string
	}{
		{"syntax", scenario.ExitUsage, "4", []string{"script error", "want ','"}},
		{"undefined", scenario.ExitUsage, "3", []string{"undefined: mapings"}},
		{"unknown_call", scenario.ExitUsage, "6", []string{"vm_alocate", "did you mean .vm_allocate"}},
		{"bad_argument", scenario.ExitUsage, "6", []string{"vm_allocate has no argument anywher", "anywhere"}},
		{"bad_personality", scenario.ExitUsage, "2", []string{"TermWindoww"}},
		{"endless", scenario.ExitUsage, "8", []string{"step limit", "endless loop"}},
		{"endless_traps", scenario.ExitUsage, "8", []string{"step limit", "endless loop"}},
		{"endless_top", scenario.ExitUsage, "5", []string{"step limit", "endless loop"}},
		{"missing_file", scenario.ExitUsage, "4", []string{"no-such-file.txt", "no such file"}},
		{"outside", scenario.ExitUsage, "4", []string{"../last_unmap.star", "no path inside the directory"}},
		{"never_run", scenario.ExitUsage, "8", []string{"app/client never ran"}},
		{"no_right", scenario.ExitUsage, "8", []string{"task app has no right of object", "app.give"}},
		{"borrowed_thread", scenario.ExitUsage, "9", []string{"only thread app/client itself"}},
		{"no_such_script", scenario.ExitUsage, "", []string{"no_such_script.star", "no such file"}},

		{"deadlock", scenario.ExitFail, "26", []string{"deadlock", "app/client, app/watcher cannot go on",
			"app/client is at ", "deadlock.star:18: t.read(a, 1)", "deadlock.star:22: done.wait()",
			`"app/client" waits for page`, "requested in step", "held by", "manager", `"app/watcher" waits for event the client has read`}},
		{"expectation", scenario.ExitFail, "14", []string{"expectation", "message 2, memory_object_terminate",
			"has memory_control = RECEIVE of object.control#1, not SEND", "1 memory_object_init("}},
		{"kernel_error", scenario.ExitFail, "7", []string{"vm_allocate returned KERN_NO_SPACE, not KERN_SUCCESS"}},
		{"wrong_code", scenario.ExitFail, "6", []string{"vm_allocate returned KERN_SUCCESS, not KERN_NO_SPACE"}},
		{"exception", scenario.ExitFail, "6", []string{"EXC_BAD_ACCESS KERN_INVALID_ADDRESS at 0x10000"}},
		{"unused_rule", scenario.ExitFail, "8", []string{"never applied"}},
	} {
		t.Run(bad.script, func(t *testing.T) {
			path := filepath.Join("..", "scripts", "bad", bad.script+".star")
			r := scenario.Run(path, scenario.Options{NoGolden: true})
			require.False(t, r.Passed())
			require.Equal(t, bad.exit, r.ExitCode(), r.Verdict())
			at := path
			if bad.line != "" {
				at += ":" + bad.line
			}
			require.Equal(t, at, r.Failure.At, r.Verdict())
			for _, s := range bad.says {
				require.Contains(t, r.Verdict(), s)
			}
			require.True(t, strings.HasPrefix(r.Verdict(), "FAIL "+bad.script+".star\n"))
		})
	}
	// Every script in the directory is in the table.
	require.Len(t, scripts(t, "bad/*.star"), 19)
}
