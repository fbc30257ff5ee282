package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/monitor"
)

var ruleTest = regexp.MustCompile(`^Test(EMM|IPC|VM)(\d{3})_\w+$`)

// TestRules: every test of the conformance suite is named after a rule of the table, one test a rule.
// With -v it prints the rules that have none.
func TestRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "test", "conformance", "*_test.go"))
	require.NoError(t, err)
	tested := map[string]string{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			m := ruleTest.FindStringSubmatch(fn.Name.Name)
			if m == nil {
				continue
			}
			id := m[1] + "-" + m[2]
			_, known := monitor.ByID(id)
			require.True(t, known, "%s: %s names no rule", path, fn.Name.Name)
			require.Empty(t, tested[id], "%s and %s both test %s", fn.Name.Name, tested[id], id)
			tested[id] = fn.Name.Name
		}
	}
	missing := 0
	for _, r := range monitor.Rules() {
		if tested[r.ID] == "" {
			missing++
			t.Logf("no test: %v", r)
		}
	}
	t.Logf("%d of %d rules have a test", len(monitor.Rules())-missing, len(monitor.Rules()))
}
