package scenario

import (
	"errors"
	"io"
)

// disk is a file that a script can damage while a pager uses it.
type disk struct {
	data              []byte
	noWrites, noReads bool
}

var errDisk = errors.New("the disk is broken")

// ReadAt is for pagers.File.
func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if d.noReads {
		return 0, errDisk
	}
	if off < 0 || off >= int64(len(d.data)) {
		return 0, io.EOF
	}
	n := copy(p, d.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt is for pagers.File.
func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if d.noWrites || off < 0 {
		return 0, errDisk
	}
	if end := off + int64(len(p)); end > int64(len(d.data)) {
		d.data = append(d.data, make([]byte, end-int64(len(d.data)))...)
	}
	return copy(d.data[off:], p), nil
}

// Size is for pagers.File.
func (d *disk) Size() (int64, error) { return int64(len(d.data)), nil }
