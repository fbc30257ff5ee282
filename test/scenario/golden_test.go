package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// TestGolden: a missing transcript fails and names --update, which writes it; a transcript that differs
// fails and shows where; a run that fails leaves the transcript alone.
func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.star")
	golden := path[:len(path)-len(".star")] + ".golden"
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }

	write("host('k0')\nnote('one')\nnote('two')\n")
	r := scenario.Run(path, scenario.Options{})
	require.Equal(t, scenario.ExitFail, r.ExitCode())
	require.Contains(t, r.Verdict(), "--update")
	require.Contains(t, r.Verdict(), golden)

	require.True(t, scenario.Run(path, scenario.Options{NoGolden: true}).Passed())
	require.NoFileExists(t, golden)

	r = scenario.Run(path, scenario.Options{Update: true})
	require.True(t, r.Passed(), r.Verdict())
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, r.Transcript+"PASS small.star\n", string(text))
	require.True(t, scenario.Run(path, scenario.Options{}).Passed())

	write("host('k0')\nnote('one')\nnote('three')\n")
	r = scenario.Run(path, scenario.Options{})
	require.Equal(t, scenario.ExitFail, r.ExitCode())
	require.Contains(t, r.Verdict(), "line 2")
	require.Contains(t, r.Verdict(), "-       2 -- script   // two")
	require.Contains(t, r.Verdict(), "+       2 -- script   // three")

	write("host('k0')\nexpect(False)\n")
	r = scenario.Run(path, scenario.Options{Update: true})
	require.Equal(t, scenario.ExitFail, r.ExitCode())
	after, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, text, after)
}

// TestPrivateCopy: a file pager leaves the files below its root alone, unless it is told otherwise.
func TestPrivateCopy(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "files"), 0o700))
	file := filepath.Join(dir, "files", "a.txt")
	source := `
k = host("k0")
files = file_pager(k, "pager", root = "files", in_place = IN_PLACE)
obj = files.open("a.txt")
app = k.task("app")
app.give(obj)

def client(t):
    a = t.vm_map(obj, size = PAGE)
    expect(t.read(a, 3) == b"old")
    t.write(a, b"new")
    t.vm_deallocate(a, PAGE)

app.thread(client)
run()
expect(files.contents("a.txt") == b"new")
`
	run := func(inPlace string) {
		path := filepath.Join(dir, "script.star")
		script, failure := scenario.LoadSource(path, []byte("IN_PLACE = "+inPlace+"\n"+source))
		require.Nil(t, failure)
		for range 2 { // the second run sees what the first saw
			r := script.Run(scenario.Options{NoGolden: true})
			require.True(t, r.Passed(), "%s%s", r.Transcript, r.Verdict())
			if inPlace == "True" {
				break
			}
		}
	}
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
	run("False")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
	run("True")
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "new", string(text))
}
