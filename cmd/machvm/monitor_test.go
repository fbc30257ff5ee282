package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// savedTrace is the JSON trace of a script, in a file.
func savedTrace(t *testing.T, script string) (path, text string) {
	t.Helper()
	code, stdout, stderr := command("run", "--trace=jsonl", "--no-golden", scripts+script)
	require.Zero(t, code, stderr)
	return saveTrace(t, stdout), stdout
}

func saveTrace(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestMonitorSavedTrace: a saved run keeps the rules; without its terminate, or with it twice, it does not.
func TestMonitorSavedTrace(t *testing.T) {
	path, text := savedTrace(t, "last_unmap.star")
	code, stdout, stderr := command("monitor", path)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "0 rules broken by kernels, 0 by managers")

	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		if strings.Contains(l, `"id_name":"memory_object_terminate"`) && strings.Contains(l, `"op_name":"send"`) {
			twice := strings.Join(append(append([]string(nil), lines[:i+1]...), lines[i:]...), "")
			code, stdout, _ = command("monitor", saveTrace(t, twice))
			require.Equal(t, 4, code)
			require.Contains(t, stdout, "EMM-044 At most one terminate is sent per association.")
			require.Contains(t, stdout, "kernel k0 at record ")
			require.Contains(t, stdout, "-> memory_object_terminate(")
			return
		}
	}
	t.Fatal("no terminate in the trace")
}

// TestMonitorManagers: what a manager broke is listed, and fails with --strict only.
func TestMonitorManagers(t *testing.T) {
	path, _ := savedTrace(t, "coverage/wrong_answers.star")
	code, stdout, _ := command("monitor", path)
	require.Zero(t, code)
	require.Contains(t, stdout, "EMM-127 ")
	require.Contains(t, stdout, "manager manager at record ")
	code, _, _ = command("monitor", "--strict", path)
	require.Equal(t, 1, code)
}

func TestMonitorMistakes(t *testing.T) {
	empty := saveTrace(t, "")
	for args, says := range map[string]string{
		"monitor":               "no trace is named",
		"monitor nowhere.jsonl": "nowhere.jsonl",
		"monitor " + empty:      "the file is empty",
		"coverage":              "no scenario and no trace is named",
		"coverage " + empty:     "the file is empty",
		"coverage nowhere.star": "nowhere.star",
		"coverage --merge " + empty + " " + scripts + "last_unmap.star": "coverage: ",
	} {
		code, stdout, stderr := command(strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, stdout+stderr, says, args)
	}
}

// TestMonitorRules lists every rule with its check, and counts.
func TestMonitorRules(t *testing.T) {
	code, stdout, _ := command("monitor", "--rules")
	require.Zero(t, code)
	require.Regexp(t, `(?m)^EMM-044  life cycle of associations +At most one terminate`, stdout)
	require.Regexp(t, `(?m)^EMM-247  not watched +`, stdout)
	require.Regexp(t, `(\d+) of 250 rules of the pager protocol are watched\n$`, stdout)
}

// TestCoverageMerges: coverage of a run and of its saved trace are alike, and counts add up over runs.
func TestCoverageMerges(t *testing.T) {
	path, _ := savedTrace(t, "coverage/page_in.star")
	code, live, stderr := command("coverage", scripts+"coverage/page_in.star")
	require.Zero(t, code, stderr)
	_, read, _ := command("coverage", path)
	require.Equal(t, live, read)
	require.Contains(t, live, "not reached: arc KP-9.e.Unn")

	sum := filepath.Join(t.TempDir(), "sum.json")
	for range 2 {
		code, _, stderr = command("coverage", "--merge", sum, path)
		require.Zero(t, code, stderr)
	}
	code, stdout, _ := command("coverage", "--json", "--merge", sum)
	require.Zero(t, code)
	require.Contains(t, stdout, `"KP-6.3": 2`)
}
