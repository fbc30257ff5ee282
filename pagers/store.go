package pagers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Store is where a file pager keeps its files. Names are slash-separated and relative, as in io/fs.
type Store interface {
	// Open gives the existing file called name; opening it twice gives the same contents.
	Open(name string) (File, error)
	// Names lists every regular file, sorted.
	Names() ([]string, error)
}

// File is one file of a Store. Offsets and sizes are in bytes.
type File interface {
	io.ReaderAt // short at the end of the file, with io.EOF
	io.WriterAt // grows the file where needed
	Size() (int64, error)
}

// Dir is a real directory. Nothing outside it can be reached, by ".." or through a symbolic link.
type Dir struct {
	root *os.Root
	mode int
}

// OpenDir opens the directory at path; writable false makes every write fail.
func OpenDir(path string, writable bool) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{root: root, mode: os.O_RDONLY}
	if writable {
		d.mode = os.O_RDWR
	}
	return d, nil
}

// Close gives the directory back; its files fail from here on.
func (d *Dir) Close() error { return d.root.Close() }

// Open checks that name is a regular file inside the directory.
func (d *Dir) Open(name string) (File, error) {
	f := dirFile{dir: d, name: name}
	return f, f.with(func(*os.File) error { return nil })
}

// Names walks the directory; symbolic links are left out, though Open follows those that stay inside.
func (d *Dir) Names() ([]string, error) { return regularFiles(d.root.FS()) }

// regularFiles lists the regular files of a tree in lexical order.
func regularFiles(tree fs.FS) (names []string, err error) {
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// errOutside is the error of a name that no file of a store can have.
var errOutside = errors.New("the name is no path inside the directory")

// dirFile opens its file for the length of one operation, so that a pager that serves thousands of
// files holds no descriptor.
type dirFile struct {
	dir  *Dir
	name string
}

func (f dirFile) with(use func(*os.File) error) error {
	if !fs.ValidPath(f.name) {
		return &fs.PathError{Op: "open", Path: f.name, Err: errOutside}
	}
	file, err := f.dir.root.OpenFile(f.name, f.dir.mode, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", f.name)
	}
	if err == nil {
		err = use(file)
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return err
}

func (f dirFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.with(func(file *os.File) (err error) { n, err = file.ReadAt(p, off); return err })
	return n, err
}

func (f dirFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.with(func(file *os.File) (err error) { n, err = file.WriteAt(p, off); return err })
	return n, err
}

func (f dirFile) Size() (size int64, err error) {
	err = f.with(func(file *os.File) error {
		info, err := file.Stat()
		if err == nil {
			size = info.Size()
		}
		return err
	})
	return size, err
}
