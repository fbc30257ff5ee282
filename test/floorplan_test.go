package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "machvm"

// topLevel is everything that may lie at the top of the repository beside dot-files.
var topLevel = []string{"go.mod", "go.sum", "kernel", "vm", "ipc", "pagers", "cmd", "test", "README.md"}

// floors is the floor plan: a package may import packages of lower floors only. Packages not named here
// take the floor of the longest prefix.
var floors = map[string]int{
	"kernel/mach":        0,
	"kernel/trace":       1,
	"kernel/choice":      1,
	"kernel/personality": 1,
	"ipc/mig":            1,
	"kernel/sched":       2,
	"ipc/defs":           2,
	"ipc":                3,
	"kernel/user":        3,
	"kernel/monitor":     3, // it hears of kernels by their traces only
	"vm":                 4,
	"pagers":             4,
	"kernel":             5,
	"kernel/explore":     6,
	"test/scenario":      6,
	"test/rows":          7,
	"cmd":                8,
	"test":               8,
}

// only narrows what a package may import beyond the floors.
var only = map[string][]string{
	"kernel/mach": {},
	"kernel/user": {"kernel/mach", "ipc/mig", "ipc/defs"},
	"pagers":      {"kernel/mach", "ipc/mig", "ipc/defs", "kernel/user"},
	"pagers/zoo":  {"kernel/mach", "ipc/mig", "ipc/defs", "kernel/user", "pagers"},
}

// libraries says which packages may import a library (by prefix), outside tests. A library not listed
// may not be imported at all.
var libraries = map[string][]string{
	"github.com/google/btree":     {"vm", "cmd/machvm/anchor"},
	"go.uber.org/zap":             {"kernel/trace/zaptrace", "cmd"},
	"go.starlark.net":             {"test/scenario", "cmd"},
	"github.com/spf13/cobra":      {"cmd"},
	"golang.org/x/sys":            {"cmd/machvm/anchor"},
	"github.com/stretchr/testify": {},
	"pgregory.net/rapid":          {},
	"golang.org/x/tools":          {},
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	require.NoError(t, err)
	return dir
}

// TestTopLevel: nothing lies at the top that the floor plan does not name.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			require.Contains(t, topLevel, e.Name())
		}
	}
}

// TestFloorPlan: imports point down, and each library is used where it may be.
func TestFloorPlan(t *testing.T) {
	eachGoFile(t, func(pkg, path string, test bool) {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		from, ok := floorOf(pkg)
		require.True(t, ok, "%s has no floor", pkg)
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			rest, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case ours && test:
				// A package's own external tests may climb: they are programs, not building blocks.
			case ours:
				to, ok := floorOf(rest)
				require.True(t, ok, "%s imports %s, which has no floor", path, imp)
				inside := strings.HasPrefix(rest, pkg+"/") || strings.HasPrefix(pkg, rest+"/")
				if to > from || (to == from && !inside) {
					t.Errorf("%s (floor %d) imports %s (floor %d)", path, from, imp, to)
				}
				if allowed, narrowed := only[pkg]; narrowed && !slices.Contains(allowed, rest) {
					t.Errorf("%s imports %s; %s may import %v only", path, imp, pkg, allowed)
				}
			case strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
				if !test && !libraryAllowed(pkg, imp) {
					t.Errorf("%s imports %s, which the floor plan does not allow there", path, imp)
				}
			}
		}
	})
}

// TestDocs: every package says what it is and names every one of its files.
func TestDocs(t *testing.T) {
	files := map[string][]string{}
	eachGoFile(t, func(pkg, path string, test bool) {
		if !test && filepath.Base(path) != "doc.go" {
			files[pkg] = append(files[pkg], filepath.Base(path))
		}
	})
	for pkg, names := range files { // unordered: only failures are reported, each on its own
		if strings.HasPrefix(pkg, "cmd/") && len(names) == 1 {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), pkg, "doc.go"))
		if err != nil {
			t.Errorf("%s has no doc.go", pkg)
			continue
		}
		for _, n := range names {
			if !strings.Contains(string(text), n) {
				t.Errorf("%s/doc.go does not list %s", pkg, n)
			}
		}
	}
}

func floorOf(pkg string) (int, bool) {
	for p := pkg; p != "." && p != ""; p = filepath.ToSlash(filepath.Dir(p)) {
		if f, ok := floors[p]; ok {
			return f, true
		}
	}
	return 0, false
}

func libraryAllowed(pkg, imp string) bool {
	for lib, users := range libraries { // unordered: prefixes exclude one another
		if !strings.HasPrefix(imp, lib) {
			continue
		}
		return slices.ContainsFunc(users, func(u string) bool { return pkg == u || strings.HasPrefix(pkg, u+"/") })
	}
	return false
}

// eachGoFile visits every Go file of the module with the package it is in, as a path below the root.
func eachGoFile(t *testing.T, visit func(pkg, path string, test bool)) {
	t.Helper()
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			rel, err := filepath.Rel(top, filepath.Dir(path))
			if err != nil {
				return err
			}
			visit(filepath.ToSlash(rel), path, strings.HasSuffix(path, "_test.go"))
		}
		return nil
	}))
}
