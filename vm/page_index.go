package vm

import (
	"github.com/google/btree"

	"machvm/kernel/mach"
)

// inlinePages is the number of pages an object finds without a tree.
const inlinePages = 4

// A pageIndex finds the pages of an object by offset and in offset order. A few pages are kept inline;
// more of them in a tree.
type pageIndex struct {
	few  [inlinePages]*Page // sorted
	n    int                // pages in few; unused once there is a tree
	tree *btree.BTreeG[*Page]
}

func pageLess(a, b *Page) bool { return a.offset < b.offset }

// newPageNodes is a free list for the trees of one host.
func newPageNodes() *btree.FreeListG[*Page] { return btree.NewFreeListG[*Page](128) }

// get is the page at off, or nil.
func (x *pageIndex) get(h *Host, off mach.Offset) *Page {
	if x.tree != nil {
		h.pivot.offset = off
		p, _ := x.tree.Get(&h.pivot)
		return p
	}
	for _, p := range x.few[:x.n] {
		if p.offset == off {
			return p
		}
	}
	return nil
}

// from is the page with the lowest offset that is off or above, or nil.
func (x *pageIndex) from(h *Host, off mach.Offset) *Page {
	if x.tree != nil {
		var found *Page
		h.pivot.offset = off
		x.tree.AscendGreaterOrEqual(&h.pivot, func(p *Page) bool { found = p; return false })
		return found
	}
	for _, p := range x.few[:x.n] {
		if p.offset >= off {
			return p
		}
	}
	return nil
}

// insert adds p; there is no page at its offset.
func (x *pageIndex) insert(h *Host, p *Page) {
	if x.tree == nil && x.n < inlinePages {
		i := x.n
		for i > 0 && x.few[i-1].offset > p.offset {
			x.few[i] = x.few[i-1]
			i--
		}
		x.few[i] = p
		x.n++
		return
	}
	if x.tree == nil {
		x.tree = btree.NewWithFreeListG(32, pageLess, h.pageNodes)
		for _, q := range x.few {
			x.tree.ReplaceOrInsert(q)
		}
		x.few, x.n = [inlinePages]*Page{}, 0
	}
	x.tree.ReplaceOrInsert(p)
}

// remove takes p out.
func (x *pageIndex) remove(p *Page) {
	if x.tree != nil {
		x.tree.Delete(p)
		if x.tree.Len() == 0 {
			x.tree.Clear(true)
			x.tree = nil
		}
		return
	}
	for i, q := range x.few[:x.n] {
		if q == p {
			copy(x.few[i:], x.few[i+1:x.n])
			x.n--
			x.few[x.n] = nil
			return
		}
	}
}
