package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// studentTest is a test whose client writes a page that may be evicted, and reads it again.
const studentTest = `
k = host("k0")
manager = zoo_pager(k, "manager")
obj = manager.object("object")
app = k.task("app")
app.give(obj)

def client(t):
    a = t.vm_map(obj, size = PAGE)
    t.write(a, b"new")
    k.evict(1)
    t.yield_()
    expect_equal(t.read(a, 3), b"new")

app.thread(client)
run()
`

// TestGradeZoo: a test catches the mistakes that its story can show, and no others; one that no manager passes catches
// none. The reports agree.
func TestGradeZoo(t *testing.T) {
	dir := t.TempDir()
	good, unfit := filepath.Join(dir, "good.star"), filepath.Join(dir, "unfit.star")
	require.NoError(t, os.WriteFile(good, []byte(studentTest), 0o600))
	require.NoError(t, os.WriteFile(unfit, []byte(strings.Replace(studentTest, `3), b"new"`, `3), b"old"`, 1)), 0o600))
	run := func(args ...string) string {
		var out, errs strings.Builder
		code := execute(append([]string{"grade"}, args...), strings.NewReader(""), &out, &errs)
		require.Equal(t, scenario.ExitPass, code, errs.String())
		return out.String()
	}

	text := run("--zoo", unfit, good)
	require.Contains(t, text, "caught by good.star:13: expectation: got b\"\\x01\\x00\\x00\", want b\"new\"\n")
	require.Contains(t, text, "not caught; failed without the mistake too: unfit.star\n")
	require.True(t, strings.HasSuffix(text, "caught 3 of 16 mistakes\n"), text)

	var scores struct {
		Score int
		Tests []struct {
			Name  string
			Score int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(run("--zoo", "--format", "gradescope", good)), &scores))
	require.Equal(t, 3, scores.Score)
	require.Len(t, scores.Tests, 16)
	for i, r := range scores.Tests {
		require.Equal(t, i < 3, r.Score == 1, r.Name)
	}

	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	require.NoError(t, xml.Unmarshal([]byte(run("--zoo", "--format", "junit", good)), &suite))
	require.Equal(t, []int{16, 13}, []int{suite.Tests, suite.Failures})

	for _, args := range [][]string{{"grade", good}, {"grade", "--zoo", "--format", "csv", good}, {"grade", "--zoo"}} {
		var out, errs strings.Builder
		require.Equal(t, scenario.ExitUsage, execute(args, strings.NewReader(""), &out, &errs), args)
	}
}
