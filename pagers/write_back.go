package pagers

import (
	"io"
	"io/fs"
	"math"
	"slices"

	"machvm/kernel/mach"
)

// delayedFile is a file whose writes are put off. What was written is read back at once; it gets into the file
// below when there is more of it than the limit allows, oldest first, and with Flush. Writes reach the file in
// the order in which they were made, neighbours as one, so that at any time the file holds what the first so
// many of them have made of it: if the pager dies, the others are lost and nothing is out of order.
type delayedFile struct {
	below   File
	limit   int // bytes
	runs    []delayedRun
	pending int // bytes in runs
	// refused is told what the file below did not take and nothing newer covers. It is gone.
	refused func(off mach.Offset, size mach.Size)
}

// delayedRun is what one write of the file below will write.
type delayedRun struct {
	off  int64
	data []byte
}

func (r *delayedRun) end() int64 { return r.off + int64(len(r.data)) }

// ReadAt reads the file below, and over it what is put off.
func (f *delayedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.below.ReadAt(p, off)
	if err != nil && err != io.EOF {
		return n, err
	}
	clear(p[n:])
	for i := range f.runs {
		r := &f.runs[i]
		from, to := max(r.off, off), min(r.end(), off+int64(len(p)))
		if from < to {
			copy(p[from-off:to-off], r.data[from-r.off:])
			n = max(n, int(to-off))
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt puts a write off. It joins the one before if it begins in it or right behind it.
func (f *delayedFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, fs.ErrInvalid
	}
	if n := len(f.runs); n > 0 && off >= f.runs[n-1].off && off <= f.runs[n-1].end() {
		r := &f.runs[n-1]
		f.pending -= len(r.data)
		copied := copy(r.data[off-r.off:], p)
		r.data = append(r.data, p[copied:]...)
		f.pending += len(r.data)
	} else if len(p) > 0 {
		f.runs = append(f.runs, delayedRun{off, slices.Clone(p)})
		f.pending += len(p)
	}
	for f.pending > f.limit {
		f.writeOldest()
	}
	return len(p), nil
}

// Flush writes everything that was put off.
func (f *delayedFile) Flush() {
	for len(f.runs) > 0 {
		f.writeOldest()
	}
}

func (f *delayedFile) writeOldest() {
	r := f.runs[0]
	f.runs = slices.Delete(f.runs, 0, 1)
	f.pending -= len(r.data)
	if _, err := f.below.WriteAt(r.data, r.off); err == nil {
		return
	}
	var gone lostRanges
	gone.add(mach.Offset(r.off), mach.Size(len(r.data)))
	for _, newer := range f.runs {
		gone.remove(mach.Offset(newer.off), mach.Size(len(newer.data)))
	}
	for _, g := range gone {
		f.refused(g.from, mach.Size(g.to-g.from))
	}
}

// Size is the size that the file will have.
func (f *delayedFile) Size() (int64, error) {
	size, err := f.below.Size()
	for i := range f.runs {
		size = max(size, f.runs[i].end())
	}
	return size, err
}
