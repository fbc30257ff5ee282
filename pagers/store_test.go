package pagers_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/pagers"
)

// contents reads a whole file of a store.
func contents(t *testing.T, s pagers.Store, name string) string {
	t.Helper()
	f, err := s.Open(name)
	require.NoError(t, err)
	data, err := pagers.ReadAll(f)
	require.NoError(t, err)
	return string(data)
}

func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in", "deep"), 0o700))
	for name, text := range map[string]string{"secret": "secret", "in/a": "alpha", "in/deep/b": "beta"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// TestDir: files below the directory are read and written, and nothing else can be reached.
func TestDir(t *testing.T) {
	dir := tree(t)
	require.NoError(t, os.Symlink("../secret", filepath.Join(dir, "in", "out")))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "in", "inside")))
	s, err := pagers.OpenDir(filepath.Join(dir, "in"), true)
	require.NoError(t, err)
	defer s.Close()

	names, err := s.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "deep/b"}, names)
	require.Equal(t, "alpha", contents(t, s, "a"))
	require.Equal(t, "alpha", contents(t, s, "inside"))
	for _, bad := range []string{"../secret", "out", "deep", "missing", "", ".", "/etc/passwd", "deep/../../secret"} {
		_, err := s.Open(bad)
		require.Error(t, err, bad)
	}

	f, err := s.Open("deep/b")
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("BE"), 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("!"), 6)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "in", "deep", "b"))
	require.NoError(t, err)
	require.Equal(t, "BEta\x00\x00!", string(text))

	readOnly, err := pagers.OpenDir(filepath.Join(dir, "in"), false)
	require.NoError(t, err)
	defer readOnly.Close()
	f, err = readOnly.Open("a")
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("x"), 0)
	require.Error(t, err)

	_, err = pagers.OpenDir(filepath.Join(dir, "nowhere"), true)
	require.Error(t, err)
}

// TestOverlay: a private copy shows what lies below as it was when it was opened, and keeps its own writes.
func TestOverlay(t *testing.T) {
	below := pagers.NewMemStore()
	below.Put("a", []byte("alpha"))
	below.Put("b", []byte("beta"))
	one, two := pagers.Overlay(below), pagers.Overlay(below)
	f, err := one.Open("a")
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("A"), 0)
	require.NoError(t, err)
	one.Put("c", nil)

	require.Equal(t, "Alpha", contents(t, one, "a"))
	require.Equal(t, "alpha", contents(t, two, "a"))
	require.Equal(t, "alpha", contents(t, below, "a"))
	below.Put("a", []byte("changed"))
	require.Equal(t, "alpha", contents(t, two, "a"))
	names, err := one.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, names)
	_, err = two.Open("c")
	require.ErrorIs(t, err, os.ErrNotExist)

	p := make([]byte, 4)
	n, err := f.ReadAt(p, 3)
	require.Equal(t, 2, n)
	require.ErrorIs(t, err, io.EOF)
	_, err = f.ReadAt(p, 99)
	require.ErrorIs(t, err, io.EOF)
	_, err = f.WriteAt(p, -1)
	require.Error(t, err)
}
