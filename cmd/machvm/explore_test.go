package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExploreVerdicts(t *testing.T) {
	sched := filepath.Join(t.TempDir(), "x.sched")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"explore --strategy preemptions --bound 1 " + scripts + "last_unmap.star", 0, "no failure (7 executions: all schedules with at most 1 preemptions)"},
		{"explore --strategy random --executions 20 --unchecked " + scripts + "cached.star", 0, "no failure (20 executions: random schedules)"},
		{"explore --strategy pct --executions 20 --workers 1 " + scripts + "cached.star", 0, "PCT schedules of depth 2"},
		{"explore --executions 5 " + scripts + "last_unmap.star", 0, "no failure in 5 of many"},
		{"explore --kinds preempt " + scripts + "last_unmap.star", 0, "no failure"},
		{"explore --out " + sched + " " + scripts + "bad/deadlock.star", 1, "failed: deadlock"},
		{"explore --no-shrink --keep-going --out " + sched + " " + scripts + "bad/expectation.star", 1, "see it again: machvm replay " + sched},
		{"explore --strategy luck x.star", 2, "x.star"},
		{"explore --strategy luck " + scripts + "last_unmap.star", 2, "preemptions"},
		{"explore --bound -1 " + scripts + "last_unmap.star", 2, "cannot be negative"},
		{"explore --kinds weather " + scripts + "last_unmap.star", 2, `no kind is named "weather"`},
		{"explore --format poetry " + scripts + "last_unmap.star", 2, "poetry"},
		{"explore --prefix nowhere " + scripts + "last_unmap.star", 2, "nowhere"},
		{"explore --inject delay --kinds fault " + scripts + "two_kernels.star", 0, "no failure (7 executions"},
		{"explore --inject death --kinds fault --out " + sched + " " + scripts + "cached.star", 1, "fault death 1/2 manager"},
		{"replay --scenario " + scripts + "cached.star " + sched, 1, "injected death: manager"},
		{"explore --inject rain " + scripts + "last_unmap.star", 2, "rain"},
		{"explore --inject death --faults 0 " + scripts + "last_unmap.star", 2, "at least 1"},
		{"replay nowhere", 2, "nowhere"},
	} {
		code, stdout, stderr := command(strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s\n%s%s", c.args, stdout, stderr)
		require.Contains(t, stdout+stderr, c.says, c.args)
	}
}

// racy is a script that holds under the first schedule only.
const racy = `k = host("k0")
task = k.task("task")
order = []

def first(t):
    t.mach_task_self()
    order.append("first")

def second(t):
    t.mach_task_self()
    order.append("second")

task.thread(first)
task.thread(second)
run()
expect_equal(order, ["first", "second"])
`

// TestReplay: exploration finds the failure, writes its schedule, and replay sees it again, to a step or to the
// end; a changed script diverges.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	script, sched := filepath.Join(dir, "racy.star"), filepath.Join(dir, "racy.sched")
	require.NoError(t, os.WriteFile(script, []byte(racy), 0o644))
	code, stdout, _ := command("explore", "--out", sched, "--format", "json", script)
	require.Equal(t, 1, code)
	var report struct {
		Verdict  string
		Failures []struct {
			Failure  struct{ Kind, Name string }
			Schedule string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Equal(t, "failed", report.Verdict)
	require.Equal(t, "property", report.Failures[0].Failure.Kind)

	text, err := os.ReadFile(sched)
	require.NoError(t, err)
	require.Equal(t, report.Failures[0].Schedule, string(text))
	require.Contains(t, string(text), "thread block 1/2 task/second\n")

	code, stdout, _ = command("replay", sched)
	require.Equal(t, 1, code, stdout)
	require.Contains(t, stdout, `racy.star:16: expectation`)

	code, stdout, _ = command("replay", "--step", "2", sched)
	require.Equal(t, 0, code, stdout)
	require.Contains(t, stdout, "stopped after step 2")
	require.Contains(t, stdout, `thread 1 "task/first": ready`)
	require.Contains(t, stdout, "space of task")
	code, stdout, _ = command("replay", "--step", "9999", sched)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "FAIL racy.star")

	// The choices are those of another run.
	require.NoError(t, os.WriteFile(sched, []byte(strings.ReplaceAll(string(text), "task/second", "task/third")), 0o644))
	code, stdout, _ = command("replay", sched)
	require.Equal(t, 3, code)
	require.Contains(t, stdout, `the run differs from its schedule at step 1: label: recorded "thread block 1/2 task/third", found "thread block 1/2 task/second"`)

	// The script has changed.
	require.NoError(t, os.WriteFile(script, []byte(racy+"# more\n"), 0o644))
	require.NoError(t, os.WriteFile(sched, text, 0o644))
	code, stdout, _ = command("replay", sched)
	require.Equal(t, 3, code)
	require.Contains(t, stdout, "another text of this script")
	code, _, _ = command("replay", "--force", sched)
	require.Equal(t, 1, code)
}
