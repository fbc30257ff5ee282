package vm

import (
	"math/bits"

	"github.com/google/btree"

	"machvm/kernel/mach"
)

// gap is a space between entries: [start, end). class is the logarithm of its pages.
type gap struct {
	class      uint8
	start, end mach.Addr
}

func gapLess(a, b gap) bool {
	if a.class != b.class {
		return a.class < b.class
	}
	return a.start < b.start
}

// gapIndex is the set of spaces of a map, ordered by magnitude and then by address, so that the lowest
// space that is large enough is found without walking the entries. It takes the place of the first_free
// hint of vm_map, whose search is linear.
type gapIndex struct {
	tree  *btree.BTreeG[gap]
	page  mach.Size
	count [64]int32 // spaces of each class
}

func (g *gapIndex) init(page mach.Size, free *btree.FreeListG[gap]) {
	g.page = page
	g.tree = btree.NewWithFreeListG(treeDegree, gapLess, free)
}

func (g *gapIndex) classOf(n mach.Size) uint8 {
	return uint8(bits.Len64(uint64(n/g.page)) - 1)
}

// add and remove do nothing for an empty space.
func (g *gapIndex) add(start, end mach.Addr) {
	if start < end {
		c := g.classOf(mach.Size(end - start))
		g.tree.ReplaceOrInsert(gap{c, start, end})
		g.count[c]++
	}
}

func (g *gapIndex) remove(start, end mach.Addr) {
	if start < end {
		c := g.classOf(mach.Size(end - start))
		g.tree.Delete(gap{class: c, start: start})
		g.count[c]--
	}
}

// place is the lowest address in the space [lo, hi) at which size bytes fit with the bits of mask zero.
func place(lo, hi mach.Addr, size mach.Size, mask mach.Addr) (mach.Addr, bool) {
	a := (lo + mask) &^ mask
	if a < lo || a >= hi || mach.Size(hi-a) < size {
		return 0, false
	}
	return a, true
}

// lowest finds the lowest place for size bytes among the spaces that start at or above from. size is a
// positive number of whole pages.
func (g *gapIndex) lowest(from mach.Addr, size mach.Size, mask mach.Addr) (best mach.Addr, found bool) {
	for c := int(g.classOf(size)); c < len(g.count); c++ {
		if g.count[c] == 0 {
			continue
		}
		g.tree.AscendGreaterOrEqual(gap{class: uint8(c), start: from}, func(s gap) bool {
			if int(s.class) != c || found && s.start >= best {
				return false
			}
			a, ok := place(s.start, s.end, size, mask)
			if ok && (!found || a < best) {
				best, found = a, true
			}
			return !ok
		})
	}
	return best, found
}

// findSpace is the lowest free place at or above from for size bytes with the bits of mask zero, and
// the entry before it. It does not wrap round (VM-027).
func (m *Map) findSpace(from mach.Addr, size mach.Size, mask mach.Addr) (mach.Addr, *Entry, bool) {
	if from < m.min {
		from = m.min
	}
	if from > m.max || size > mach.Size(m.max-m.min) {
		return 0, nil, false
	}
	if e, inside := m.lookup(from); !inside {
		// from itself may lie in the middle of a space.
		if _, hi := m.spaceAround(e); from < hi {
			if a, ok := place(from, hi, size, mask); ok {
				return a, e, true
			}
		}
	}
	a, ok := m.gaps.lowest(from, size, mask)
	if !ok {
		return 0, nil, false
	}
	before, _ := m.lookup(a)
	return a, before, true
}

// firstFree is the last entry of the contiguous run that starts at min, nil when the map starts with a
// space. Historic first_free.
func (m *Map) firstFree() *Entry {
	lo, ok := m.gaps.lowest(m.min, m.gaps.page, 0)
	if !ok {
		return m.last
	}
	e, _ := m.lookup(lo)
	return e
}
