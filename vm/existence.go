package vm

import "machvm/kernel/mach"

// An existence map says of which pages of an internal object the manager has data, one bit for each.
// No map is a map that knows nothing. Historic vm_external.
type existence struct{ bits []uint64 }

// presence is what an existence map knows of a page.
type presence uint8

const (
	existsPerhaps presence = iota
	exists
	existsNot
)

// newExistence is the map of an object of size bytes, nil if it would fill more than a page.
func newExistence(h *Host, size mach.Size) *existence {
	pages := size / h.pageSize
	if pages/8 > h.pageSize {
		return nil
	}
	return &existence{bits: make([]uint64, (pages+63)/64)}
}

func (e *existence) state(h *Host, off mach.Offset) presence {
	if e == nil {
		return existsPerhaps
	}
	i := uint64(off) / uint64(h.pageSize)
	switch {
	case i/64 >= uint64(len(e.bits)):
		return existsPerhaps
	case e.bits[i/64]&(1<<(i%64)) != 0:
		return exists
	}
	return existsNot
}

// set notes that the page at off goes to the manager.
func (e *existence) set(h *Host, off mach.Offset) {
	if e == nil {
		return
	}
	if i := uint64(off) / uint64(h.pageSize); i/64 < uint64(len(e.bits)) {
		e.bits[i/64] |= 1 << (i % 64)
	}
}
