package pagers

import (
	"errors"
	"fmt"
	"hash/crc64"
)

// pagingSpace is the paging file: slots of one page, and what each must read as. The checksums are kept
// beside the file, so that a page that was torn, truncated away, or overwritten by something else is noticed
// whatever the file says.
type pagingSpace struct {
	file     File
	pageSize int
	slots    int      // in the file
	fresh    int      // slots from here on were never used
	free     []int    // slots given back, used again last first
	sums     []uint64 // of every slot below fresh
	spare    [][]byte // pages kept in memory when the file is full: slots from slots on
	unused   []int    // those of them that hold nothing
}

var (
	errFull  = errors.New("pagers: the paging space is full")
	checksum = crc64.MakeTable(crc64.ECMA)
)

// newPagingSpace makes an empty space of so many pages in file, and so many in memory.
func newPagingSpace(file File, pageSize, pages, spare int) *pagingSpace {
	s := &pagingSpace{file: file, pageSize: pageSize, slots: pages, spare: make([][]byte, spare)}
	for i := range spare {
		s.unused = append(s.unused, spare-1-i)
	}
	return s
}

// room is the number of free slots, those in memory not counted.
func (s *pagingSpace) room() int { return s.slots - s.fresh + len(s.free) }

// put stores a page in a slot of its choice. When the file has no room, or cannot be written, the page is kept
// in memory as long as there is room for that.
func (s *pagingSpace) put(data []byte) (slot int, err error) {
	err = errFull
	if s.room() > 0 {
		slot = s.take()
		if err = s.write(slot, data); err == nil {
			return slot, nil
		}
		s.release(slot)
	}
	if n := len(s.unused); n > 0 {
		i := s.unused[n-1]
		s.unused = s.unused[:n-1]
		s.spare[i] = append(s.spare[i][:0], data...)
		return s.slots + i, nil
	}
	return 0, err
}

// take takes a free slot of the file, of which there is one.
func (s *pagingSpace) take() int {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	s.fresh++
	s.sums = append(s.sums, 0)
	return s.fresh - 1
}

// write replaces the contents of a slot. After an error the slot holds nothing.
func (s *pagingSpace) write(slot int, data []byte) error {
	if slot >= s.slots {
		copy(s.spare[slot-s.slots], data)
		return nil
	}
	s.sums[slot] = crc64.Checksum(data, checksum)
	_, err := s.file.WriteAt(data, int64(slot)*int64(s.pageSize))
	return err
}

// read reads the page in a slot into data. It fails where the file does, and for a page that is not what was
// written.
func (s *pagingSpace) read(slot int, data []byte) error {
	if slot >= s.slots {
		copy(data, s.spare[slot-s.slots])
		return nil
	}
	n, err := s.file.ReadAt(data, int64(slot)*int64(s.pageSize))
	switch {
	case n < s.pageSize:
		return fmt.Errorf("pagers: slot %d of the paging file is cut off after %d bytes: %w", slot, n, err)
	case crc64.Checksum(data, checksum) != s.sums[slot]:
		return fmt.Errorf("pagers: slot %d of the paging file does not hold what was written to it", slot)
	}
	return nil
}

// release gives a slot back.
func (s *pagingSpace) release(slot int) {
	if slot >= s.slots {
		s.unused = append(s.unused, slot-s.slots)
		return
	}
	s.free = append(s.free, slot)
}
