package test

import (
	"go/ast"
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// banned are imports that would let a run depend on something other than scenario and schedule.
var banned = []string{"sync", "sync/atomic", "math/rand", "math/rand/v2", "crypto/rand", "os/signal"}

// bannedCalls read a clock or start something.
var bannedCalls = []string{"time.Now", "time.Since", "time.After", "time.Sleep", "time.NewTimer", "time.Tick"}

// sideBySide is the one file that runs whole simulations in parallel and merges results in a fixed order.
const sideBySide = "kernel/explore/parallel.go"

// TestConstructs: below cmd there is no goroutine, channel, lock, clock, random source, or
// iteration over a Go map whose order could show. A range over a map carries a comment "unordered: why".
func TestConstructs(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{
		Dir:  root(t),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}, "./kernel/...", "./ipc/...", "./vm/...", "./pagers/...", "./test/scenario/...", "./test/rows/...")
	require.NoError(t, err)
	require.NotEmpty(t, pkgs)
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, e)
		}
		for _, f := range p.Syntax {
			checkFile(t, p, f)
		}
	}
}

func checkFile(t *testing.T, p *packages.Package, f *ast.File) {
	name := p.Fset.Position(f.Pos()).Filename
	if strings.HasSuffix(name, sideBySide) {
		return
	}
	for _, imp := range f.Imports {
		for _, b := range banned {
			if imp.Path.Value == `"`+b+`"` {
				t.Errorf("%s imports %s", name, b)
			}
		}
	}
	excused := map[int]bool{}
	for _, g := range f.Comments {
		for _, c := range g.List {
			if strings.Contains(c.Text, "unordered:") {
				line := p.Fset.Position(c.Pos()).Line
				excused[line], excused[line+1] = true, true
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			return false
		}
		at := p.Fset.Position(n.Pos())
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: go statement", at)
		case *ast.SelectStmt:
			t.Errorf("%s: select", at)
		case *ast.ChanType:
			t.Errorf("%s: channel", at)
		case *ast.RangeStmt:
			if tv, ok := p.TypesInfo.Types[n.X]; ok {
				if _, isMap := tv.Type.Underlying().(*types.Map); isMap && !excused[at.Line] {
					t.Errorf("%s: range over a map without a comment \"unordered: why\"", at)
				}
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				for _, b := range bannedCalls {
					if x.Name+"."+n.Sel.Name == b {
						t.Errorf("%s: %s", at, b)
					}
				}
			}
		}
		return true
	})
}
