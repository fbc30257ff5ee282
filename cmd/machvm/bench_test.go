package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/cmd/machvm/anchor"
)

// TestMain: the anchors start the program again, and here that is the test.
func TestMain(m *testing.M) {
	if is, err := anchor.Handler(); is {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestBench: every part is measured in every round, and each ratio is there or says that it was left out.
func TestBench(t *testing.T) {
	code, stdout, stderr := command("bench", "--rounds=2", "--slice=200us", "--rows=^pager/(read_supply|cycle)$", "--json")
	require.Zero(t, code, stderr)
	var r benchReport
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Equal(t, 2, r.Rounds)
	missing := map[string]bool{}
	for _, a := range r.Anchors {
		missing[a.Name] = a.Missing != ""
		if a.Missing == "" {
			require.Positive(t, a.Nanos.Least, a.Name)
		}
	}
	require.False(t, missing[anchor.Pull])
	messages := map[string]float64{"pager/read_supply": 2, "pager/cycle": 5}
	require.Len(t, r.Rows, 2)
	for _, row := range r.Rows {
		require.Positive(t, row.Nanos.Least, row.Name)
		require.Equal(t, messages[row.Name], *row.Messages, row.Name)
	}
	require.NotEmpty(t, r.Ratios)
	for _, c := range r.Ratios {
		if missing[c.Anchor] {
			require.Equal(t, "left out", c.Met)
			require.Nil(t, c.Ratio)
			continue
		}
		require.Positive(t, c.Ratio.Least)
		require.Contains(t, []string{"goal", "target", "no"}, c.Met)
	}

	code, stdout, stderr = command("bench", "--rounds=1", "--slice=100us", "--rows=^port/mach_port_type$")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "port/mach_port_type")
}

func TestBenchMistakes(t *testing.T) {
	for _, c := range []struct{ arg, says string }{
		{"--rounds=0", "--rounds=0"},
		{"--rows=(", "--rows"},
		{"--rows=^nothing$", "no row has such a name"},
	} {
		code, _, stderr := command("bench", c.arg)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, c.says)
	}
}
