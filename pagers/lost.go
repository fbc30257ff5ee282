package pagers

import "machvm/kernel/mach"

// lostRanges are the parts of an object whose data the store has not taken: errors until data comes back again.
// Kernels with pages of different sizes share them, so they are bytes. They are few, in no order, and do not overlap.
type lostRanges []lostRange

type lostRange struct{ from, to mach.Offset }

// touch reports whether anything from off on for size bytes is lost.
func (l lostRanges) touch(off mach.Offset, size mach.Size) bool {
	for _, r := range l {
		if r.from < off+mach.Offset(size) && off < r.to {
			return true
		}
	}
	return false
}

// add notes that a range is lost.
func (l *lostRanges) add(off mach.Offset, size mach.Size) {
	l.remove(off, size)
	*l = append(*l, lostRange{off, off + mach.Offset(size)})
}

// remove notes that a range has data again.
func (l *lostRanges) remove(off mach.Offset, size mach.Size) {
	if !l.touch(off, size) {
		return
	}
	end := off + mach.Offset(size)
	var left lostRanges
	for _, r := range *l {
		if r.to <= off || end <= r.from {
			left = append(left, r)
			continue
		}
		if r.from < off {
			left = append(left, lostRange{r.from, off})
		}
		if end < r.to {
			left = append(left, lostRange{end, r.to})
		}
	}
	*l = left
}
