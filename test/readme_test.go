package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadme: every command of the README is one that .ci/run runs, word for word, and every path it
// names is there.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	ci, err := os.ReadFile(filepath.Join(root(t), ".ci", "run"))
	require.NoError(t, err)
	ran := strings.Split(string(ci), "\n")
	for i := range ran {
		ran[i] = strings.TrimSpace(ran[i])
	}

	commands, inside := 0, false
	for line := range strings.Lines(string(readme)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "```sh":
			inside = true
		case line == "```":
			inside = false
		case inside && line != "":
			command, _, _ := strings.Cut(line, "#")
			require.Contains(t, ran, strings.TrimSpace(command), "CI does not run this command of the README")
			commands++
		}
	}
	require.GreaterOrEqual(t, commands, 2)

	quoted := strings.Split(string(readme), "`")
	for i := 1; i < len(quoted); i += 2 {
		path, _, _ := strings.Cut(quoted[i], " ")
		top, _, slash := strings.Cut(path, "/")
		switch top {
		case "kernel", "ipc", "vm", "pagers", "cmd", "test", ".ci":
			if slash || top == path {
				_, err := os.Stat(filepath.Join(root(t), path))
				require.NoError(t, err, "the README names it")
			}
		}
	}
}
