package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/rows"
	"machvm/test/scenario"
)

// TestFigures: all figures come out, in each format.
func TestFigures(t *testing.T) {
	t.Setenv("MACHVM_TRACES", "")
	code, text, errs := command("figures")
	require.Equal(t, scenario.ExitPass, code, text+errs)
	require.Contains(t, text, " 0 differ")

	code, out, _ := command("figures", "--json")
	require.Equal(t, scenario.ExitPass, code)
	var all []rows.Figure
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Equal(t, len(all)+3, strings.Count(text, "\n"))

	code, out, _ = command("figures", "--markdown")
	require.Equal(t, scenario.ExitPass, code)
	require.Equal(t, len(all)+2, strings.Count(out, "\n"))

	code, _, _ = command("figures", "--markdown", "--json")
	require.Equal(t, scenario.ExitUsage, code)
}

// TestFigureDiffers: a figure that does not come out is marked, and makes the command fail.
func TestFigureDiffers(t *testing.T) {
	wrong := []rows.Figure{{ID: "PF-00", Kind: rows.Exact, Published: "2", Measured: "3"}}
	for _, f := range []figuresFlags{{}, {json: true}, {markdown: true}} {
		var out bytes.Buffer
		require.Equal(t, exitError(scenario.ExitFail), printFigures(f, wrong, &out))
		require.Regexp(t, `NO|"equal": false`, out.String())
	}
}

// TestFiguresOfTraces: traces that are not there are an error that names the file.
func TestFiguresOfTraces(t *testing.T) {
	dir := t.TempDir()
	code, _, errs := command("figures", "--traces", dir)
	require.Equal(t, scenario.ExitUsage, code)
	require.Contains(t, errs, filepath.Join(dir, "trace1"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "trace1"), []byte("1000 R\n2000 W\n"), 0o600))
	f, err := tracesIn(dir, []rows.PublishedCount{{File: "trace1", Policy: "lru", Frames: 1, Reads: 2, Writes: 0}, {File: "trace1", Policy: "lru", Frames: 1, Reads: 3, Writes: -1}})
	require.NoError(t, err)
	require.Equal(t, []string{"2 / 0", "2"}, []string{f[0].Measured, f[1].Measured})
	require.Equal(t, []bool{true, false}, []bool{f[0].Equal, f[1].Equal})
}
