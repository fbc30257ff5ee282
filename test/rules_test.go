package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/monitor"
)

var ruleTest = regexp.MustCompile(`^Test(EMM|IPC|VM)(\d{3})_\w+$`)

// testsNamed calls f for each function of the conformance suite.
func testsNamed(t *testing.T, f func(path, name string)) {
	files, err := filepath.Glob(filepath.Join(root(t), "test", "conformance", "*_test.go"))
	require.NoError(t, err)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				f(path, fn.Name.Name)
			}
		}
	}
}

// TestRules: every test of the conformance suite is named after a rule of the table, one test a rule.
// With -v it prints the rules that have none.
func TestRules(t *testing.T) {
	tested := map[string]string{}
	testsNamed(t, func(path, name string) {
		m := ruleTest.FindStringSubmatch(name)
		if m == nil {
			return
		}
		id := m[1] + "-" + m[2]
		_, known := monitor.ByID(id)
		require.True(t, known, "%s: %s names no rule", path, name)
		require.Empty(t, tested[id], "%s and %s both test %s", name, tested[id], id)
		tested[id] = name
	})
	missing := 0
	for _, r := range monitor.Rules() {
		if tested[r.ID] == "" {
			missing++
			t.Logf("no test: %v", r)
		}
	}
	t.Logf("%d of %d rules have a test", len(monitor.Rules())-missing, len(monitor.Rules()))
}

// races is how many races the catalogue of the pager protocol has.
const races = 50

var raceTest = regexp.MustCompile(`^TestRace(\d+)_\w+$`)

// TestRaces: each race of the catalogue has one test, named after it.
func TestRaces(t *testing.T) {
	tested := map[int]string{}
	testsNamed(t, func(path, name string) {
		m := raceTest.FindStringSubmatch(name)
		if m == nil {
			return
		}
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.True(t, n >= 1 && n <= races, "%s: %s names no race", path, name)
		require.Empty(t, tested[n], "%s and %s both test R-%02d", name, tested[n], n)
		tested[n] = name
	})
	for n := 1; n <= races; n++ {
		require.NotEmpty(t, tested[n], "R-%02d has no test", n)
	}
}
