package pagers

import (
	"io"
	"io/fs"
	"math"
	"slices"
)

// MemStore keeps files in Go memory. Over another store it is a private copy: a file is read from below
// once, when it is first opened, and never written back, so what happens above stays invisible below.
type MemStore struct {
	base  Store // nil: nothing below
	files map[string]*memFile
}

// NewMemStore is an empty store.
func NewMemStore() *MemStore { return Overlay(nil) }

// Overlay is a private copy of base.
func Overlay(base Store) *MemStore { return &MemStore{base: base, files: map[string]*memFile{}} }

// Put makes a file called name with the given contents, which are copied.
func (s *MemStore) Put(name string, data []byte) { s.files[name] = &memFile{data: slices.Clone(data)} }

// Open gives the file, copying it from below if it is there only.
func (s *MemStore) Open(name string) (File, error) {
	if f := s.files[name]; f != nil {
		return f, nil
	}
	if s.base == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	below, err := s.base.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := ReadAll(below)
	if err != nil {
		return nil, err
	}
	f := &memFile{data: data}
	s.files[name] = f
	return f, nil
}

// Names lists the files of the copy and of the store below.
func (s *MemStore) Names() ([]string, error) {
	var names []string
	if s.base != nil {
		var err error
		if names, err = s.base.Names(); err != nil {
			return nil, err
		}
	}
	for name := range s.files { // unordered: sorted below
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// ReadAll is the whole contents of f.
func ReadAll(f File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], err
}

// memFile is a file in memory.
type memFile struct{ data []byte }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, fs.ErrInvalid
	}
	if end := off + int64(len(p)); end > int64(len(f.data)) {
		f.data = append(f.data, make([]byte, end-int64(len(f.data)))...)
	}
	return copy(f.data[off:], p), nil
}

func (f *memFile) Size() (int64, error) { return int64(len(f.data)), nil }
