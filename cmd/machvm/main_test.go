package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const scripts = "../../test/scripts/"

// command runs a command line.
func command(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = execute(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// TestExitCodes: every way to end has its code, and says why.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string // on either stream
	}{
		{"run " + scripts + "last_unmap.star", 0, "PASS last_unmap.star"},
		{"run " + scripts + "last_unmap.star " + scripts + "drain.star", 0, "PASS drain.star"},
		{"run " + scripts + "bad/expectation.star", 1, "FAIL expectation.star"},
		{"run --no-golden " + scripts + "bad/kernel_error.star", 1, "KERN_NO_SPACE"},
		{"run " + scripts + "bad/deadlock.star", 1, "deadlock"},
		{"run " + scripts + "bad/syntax.star", 2, "syntax.star:4"},
		{"run " + scripts + "bad/endless.star", 2, "step limit"},
		{"run " + scripts + "bad/deadlock.star " + scripts + "bad/syntax.star " + scripts + "drain.star", 2, "PASS drain.star"},
		{"run no_such_script.star", 2, "no_such_script.star: cannot be read: no such file"},
		{"explore no_such_script.star", 2, "no_such_script.star: cannot be read: no such file"},
		{"run", 2, "requires at least 1 arg"},
		{"run --nonsense x.star", 2, "unknown flag: --nonsense"},
		{"run --trace=smoke x.star", 2, "there are text, full, jsonl and zap"},
		{"run --update --no-golden x.star", 2, "exclude each other"},
		{"run --personality=nobody x.star", 2, "nobody"},
		{"run --schedule=nowhere x.star", 2, "nowhere"},
		{"run --step-limit=10 " + scripts + "drain.star", 2, "more than 10 steps"},
		{"run --personality=gnumach " + scripts + "task_exit.star", 0, "PASS task_exit.star"},
		{"fly", 2, "unknown command"},
		{"", 0, "Available Commands"},
		{"interfaces nonsense", 2, "nonsense"},
		{"interfaces --format=poetry", 2, "poetry"},
	} {
		code, stdout, stderr := command(strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s\n%s%s", c.args, stdout, stderr)
		require.Contains(t, stdout+stderr, c.says, c.args)
	}
}

// TestTraceForms: standard output holds one form only, and the verdict goes where it does not disturb.
func TestTraceForms(t *testing.T) {
	path := scripts + "last_unmap.star"
	code, stdout, stderr := command("run", "--trace=jsonl", path)
	require.Zero(t, code, stderr)
	require.Equal(t, "PASS last_unmap.star\n", stderr)
	for line := range strings.Lines(stdout) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	require.Contains(t, stdout, "memory_object_terminate")

	code, stdout, stderr = command("run", "--trace=zap", path)
	require.Zero(t, code, stderr)
	for line := range strings.Lines(stdout) {
		require.True(t, json.Valid([]byte(line)), line)
	}

	_, student, _ := command("run", path)
	code, full, stderr := command("run", "--trace=full", path)
	require.Zero(t, code, stderr)
	require.Greater(t, strings.Count(full, "\n"), 3*strings.Count(student, "\n"))
}

// TestSchedules: --record and --schedule repeat a run; a schedule that does not fit is noticed.
func TestSchedules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "schedule")
	code, first, stderr := command("run", "--record="+file, scripts+"drain.star")
	require.Zero(t, code, stderr)
	code, second, stderr := command("run", "--schedule="+file, scripts+"drain.star")
	require.Zero(t, code, stderr)
	require.Equal(t, first, second)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	other := strings.Replace(string(text), "preempt association-broken 1", "preempt association-broken 0", 1)
	require.NotEqual(t, string(text), other)
	require.NoError(t, os.WriteFile(file, []byte(other), 0o600))
	code, stdout, _ := command("run", "--schedule="+file, scripts+"drain.star")
	require.Equal(t, 3, code, stdout)
	require.Contains(t, stdout, "replay diverged")

	require.NoError(t, os.WriteFile(file, []byte("no schedule\n"), 0o600))
	code, _, stderr = command("run", "--schedule="+file, scripts+"drain.star")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "schedule line 1")
}

// TestInterfaces: every message is printed in every form.
func TestInterfaces(t *testing.T) {
	code, text, _ := command("interfaces")
	require.Zero(t, code)
	code, markdown, _ := command("interfaces", "--format=markdown")
	require.Zero(t, code)
	code, data, _ := command("interfaces", "--format=json")
	require.Zero(t, code)
	var rows []interfaceRow
	require.NoError(t, json.Unmarshal([]byte(data), &rows))
	require.Greater(t, len(rows), 80)
	for _, r := range rows {
		require.NotEmpty(t, r.Doc, r.Name)
		require.NotEmpty(t, r.Numbers, r.Name)
		require.Contains(t, text, r.Name)
		require.Contains(t, markdown, "### "+r.Name)
	}
	_, one, _ := command("interfaces", "memory_object_terminate")
	require.Contains(t, one, "memory_control: port = MOVE_RECEIVE")
	require.Equal(t, 1, strings.Count(one, "simpleroutine"))
}
