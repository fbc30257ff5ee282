package scenario

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"machvm/pagers"
)

// dialect is Starlark with the things a test script wants.
var dialect = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true}

// Script is a scenario, read and compiled. It may be run any number of times, one run at a time, and
// every run sees the same files.
type Script struct {
	Path    string
	source  []byte
	program *starlark.Program
	// roots holds what the file pagers of earlier runs have read, by directory.
	roots map[string]*pagers.MemStore
}

// Load reads and compiles a script. The failure is a ScriptError that names the file and, where there is
// one, the line, or Unreadable.
func Load(path string) (*Script, *Failure) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, &Failure{Kind: Unreadable, At: path, Text: reason(err)}
	}
	return LoadSource(path, source)
}

// LoadSource compiles a script that is already in memory; path names it and is where its files lie.
func LoadSource(path string, source []byte) (*Script, *Failure) {
	_, program, err := starlark.SourceProgramOptions(dialect, path, source, predeclaredNames.Has)
	if err != nil {
		return nil, loadFailure(path, err)
	}
	return &Script{Path: path, source: source, program: program, roots: map[string]*pagers.MemStore{}}, nil
}

// loadFailure turns what the compiler says into a failure that names the line once.
func loadFailure(path string, err error) *Failure {
	var syn syntax.Error
	if errors.As(err, &syn) {
		return &Failure{Kind: ScriptError, At: position(syn.Pos), Text: syn.Msg}
	}
	var list resolve.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &Failure{Kind: ScriptError, At: position(list[0].Pos), Text: list[0].Msg}
	}
	return &Failure{Kind: ScriptError, At: path, Text: err.Error()}
}

// reason is an error of the file system without the path, which the failure names already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func position(p syntax.Position) string { return fmt.Sprintf("%s:%d", p.Filename(), p.Line) }

// Name is the file name without directory.
func (s *Script) Name() string { return filepath.Base(s.Path) }

// Hash tells scripts apart, for schedules.
func (s *Script) Hash() string {
	sum := sha256.Sum256(s.source)
	return fmt.Sprintf("%x", sum[:8])
}

// Source is the text of the script.
func (s *Script) Source() []byte { return s.source }

// statement is the source text that begins on a line, up to the end of its brackets, on one line.
func (s *Script) statement(n int) string {
	lines := strings.Split(string(s.source), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	var b strings.Builder
	depth := 0
	for _, l := range lines[n-1:] {
		l = strings.TrimSpace(withoutComment(l))
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(l)
		depth += strings.Count(l, "(") + strings.Count(l, "[") + strings.Count(l, "{")
		depth -= strings.Count(l, ")") + strings.Count(l, "]") + strings.Count(l, "}")
		if depth <= 0 {
			break
		}
	}
	return b.String()
}

// withoutComment is a line of Starlark up to its comment.
func withoutComment(l string) string {
	quote := byte(0)
	for i := 0; i < len(l); i++ {
		switch c := l[i]; {
		case c == '\\' && quote != 0:
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '#' && quote == 0:
			return l[:i]
		}
	}
	return l
}

// store is the directory root, relative to the script, as a file pager sees it: a private copy, whose
// originals are read once for all runs, or with inPlace the directory itself.
func (s *Script) store(root string, inPlace bool) (pagers.Store, error) {
	if !filepath.IsAbs(root) {
		root = filepath.Join(filepath.Dir(s.Path), root)
	}
	if !inPlace {
		if read := s.roots[root]; read != nil {
			return pagers.Overlay(read), nil
		}
	}
	dir, err := pagers.OpenDir(root, inPlace)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", root, reason(err))
	}
	if inPlace {
		return dir, nil
	}
	s.roots[root] = pagers.Overlay(dir)
	return pagers.Overlay(s.roots[root]), nil
}
