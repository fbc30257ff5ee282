package vm

import (
	"fmt"

	"machvm/kernel/mach"
)

// checkMaps recounts everything the maps of the host assert of themselves and returns the first
// contradiction: order, bounds, gaps and sizes; the mappings of each object; the marks of each entry; and
// that no translation allows more than entry, objects and page lock do.
func (h *Host) checkMaps() error {
	mappings := map[*Object]int{}
	maps := 0
	for m := range h.allMaps() {
		maps++
		if err := m.check(mappings); err != nil {
			return fmt.Errorf("map %q of task %d: %w", m.name, m.task, err)
		}
	}
	if maps != h.maps.count {
		return fmt.Errorf("vm: %d maps are listed, %d counted", maps, h.maps.count)
	}
	for o := h.firstAll; o != nil; o = o.allNext {
		listed := 0
		for e := o.mappings.first; e != nil; e = e.below {
			if e.object != o || e.m == nil || e.below != nil && e.below.above != e {
				return fmt.Errorf("%s lists the mapping [%v, %v), which is none", o, e.start, e.end)
			}
			listed++
		}
		if n := mappings[o]; n != o.mappings.count || n != listed {
			return fmt.Errorf("%s: %d regions name it, %d are counted, %d listed", o, n, o.mappings.count, listed)
		}
	}
	return nil
}

// check audits one map and adds its mappings up.
func (m *Map) check(mappings map[*Object]int) error {
	var prev *Entry
	var size, none, wired mach.Size
	lo, spaces, n := m.min, 0, 0
	for e := m.first; e != nil; e = e.next {
		if err := m.checkEntry(prev, e); err != nil {
			return fmt.Errorf("region [%v, %v): %w", e.start, e.end, err)
		}
		if lo < e.start {
			spaces++
			if !m.gaps.has(lo, e.start) {
				return fmt.Errorf("the space [%v, %v) is not indexed", lo, e.start)
			}
		}
		lo = e.end
		size += e.size()
		if e.maxProt == mach.ProtNone {
			none += e.size()
		}
		if e.wired > 0 {
			wired += e.size()
		}
		if e.object != nil && !m.unmapped {
			mappings[e.object]++
		}
		prev = e
		n++
	}
	if lo < m.max {
		spaces++
		if !m.gaps.has(lo, m.max) {
			return fmt.Errorf("the space [%v, %v) is not indexed", lo, m.max)
		}
	}
	switch {
	case m.refs < 0: // 0: it is being destroyed
		return fmt.Errorf("%d references", m.refs)
	case n != m.count || n != m.tree.Len() || prev != m.last:
		return fmt.Errorf("%d regions in the chain, %d counted, %d in the tree", n, m.count, m.tree.Len())
	case spaces != m.gaps.tree.Len():
		return fmt.Errorf("%d spaces, %d indexed", spaces, m.gaps.tree.Len())
	case size != m.size || none != m.sizeNone || wired != m.sizeWired:
		return fmt.Errorf("sizes %v, none %v, wired %v; accounts say %v, %v, %v",
			size, none, wired, m.size, m.sizeNone, m.sizeWired)
	case m.hint != nil && m.hint.m != m:
		return fmt.Errorf("the hint is a region of another map")
	}
	return m.pmap.check(m)
}

func (m *Map) checkEntry(prev, e *Entry) error {
	page := m.host.pageSize
	found, ok := m.tree.Get(slot{start: e.start})
	switch {
	case e.start >= e.end || !e.start.Aligned(page) || !e.end.Aligned(page):
		return fmt.Errorf("it is empty or not whole pages")
	case e.start < m.min || e.end > m.max:
		return fmt.Errorf("it lies outside the map")
	case prev != nil && prev.end > e.start || e.prev != prev:
		return fmt.Errorf("it is out of order")
	case !ok || found.entry != e:
		return fmt.Errorf("it is not in the tree")
	case e.m != m:
		return fmt.Errorf("it does not know its map")
	case e.userWired > 0 && e.wired == 0:
		return fmt.Errorf("wired by the user and not at all")
	case e.needsCopy && (e.object == nil || e.shared || e.wired > 0):
		return fmt.Errorf("needs a copy without object, or while shared or wired")
	case e.pendingMove:
		return fmt.Errorf("it is on its way out")
	case e.object != nil && (!e.object.phase.alive() || e.object.refs == 0):
		return fmt.Errorf("it names %s, which is %s with %d references", e.object, e.object.phase, e.object.refs)
	}
	if e.wired > 0 && !e.inTransition {
		for va := e.start; va < e.end; va += mach.Addr(page) {
			if p := e.object.lookup(e.offsetOf(va)); p == nil || p.wireCount == 0 {
				return fmt.Errorf("it is wired and its page at %v is not", va)
			}
		}
	}
	return nil
}

// has reports whether the space [start, end) is indexed.
func (g *gapIndex) has(start, end mach.Addr) bool {
	s, ok := g.tree.Get(gap{class: g.classOf(mach.Size(end - start)), start: start})
	return ok && s.end == end
}

// check audits the translations of a map.
func (pm *Pmap) check(m *Map) error {
	resident, wired := 0, 0
	for l := pm.leaves; l != nil; l = l.next {
		live := 0
		for i := range l.slots {
			t := &l.slots[i]
			if t.frame == nil {
				continue
			}
			live++
			if t.wired {
				wired++
			}
			va := mach.Addr(t.page) << pm.shift
			if t.pmap != pm || t.page != l.base*leafSize+uint64(i) || !t.frame.maps(t) {
				return fmt.Errorf("the translation of %v is misplaced", va)
			}
			if err := m.checkTranslation(va, t); err != nil {
				return fmt.Errorf("the translation of %v: %w", va, err)
			}
		}
		if live != l.live || live == 0 || pm.table[l.base] != l {
			return fmt.Errorf("a leaf of the page table has %d translations and counts %d", live, l.live)
		}
		resident += live
	}
	if resident != pm.resident || wired != pm.wired {
		return fmt.Errorf("%d translations, %d wired; counted are %d, %d", resident, wired, pm.resident, pm.wired)
	}
	return nil
}

// maps reports whether t is among the translations of fr.
func (fr *frame) maps(t *pvEntry) bool {
	for p := fr.pv; p != nil; p = p.next {
		if p == t {
			return true
		}
	}
	return false
}

// checkTranslation compares one translation with what entry, objects and page allow.
func (m *Map) checkTranslation(va mach.Addr, t *pvEntry) error {
	e, ok := m.lookup(va)
	if !ok {
		return fmt.Errorf("it lies in no region")
	}
	if e.object == nil {
		return fmt.Errorf("its region has no object")
	}
	o, off := e.object, e.offsetOf(va)
	for o != nil {
		p := o.lookup(off)
		if p == nil || p.contents != pageData {
			off += o.shadowOffset
			o = o.shadow
			continue
		}
		switch {
		case p.frame != t.frame:
			return fmt.Errorf("it leads to another frame than that of %s", p)
		case t.prot&p.lock != 0:
			return fmt.Errorf("it allows %s, which the lock %s of %s prohibits", t.prot, p.lock, p)
		case t.prot&mach.ProtWrite != 0 && (o != e.object || e.needsCopy):
			return fmt.Errorf("it allows writing to %s, which is shared", p)
		case !e.prot.Allows(t.prot):
			return fmt.Errorf("it allows %s, its region %s", t.prot, e.prot)
		case t.wired && e.wired == 0:
			return fmt.Errorf("it is wired and its region is not")
		}
		return nil
	}
	return fmt.Errorf("it leads to a frame that no object has")
}
