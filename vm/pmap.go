package vm

import "machvm/kernel/mach"

// Pmap is the simulated memory management unit of one address space: the translations that are in
// force. It is derived from the map and disposable. Dropping an unwired translation at any time costs a
// fault and nothing else (VM-232); protect never adds a permission (VM-231).
//
// Translations stand in leaves of neighbouring pages, found through a table; the few in use stand also
// in cache, whose elements are checked when they are used and need no flushing.
type Pmap struct {
	host     *Host
	owner    *Map             // whose address space it is
	shift    uint             // logarithm of the page size
	table    map[uint64]*leaf // by page number / leafSize; never iterated
	leaves   *leaf            // all of them, linked by next, newest first
	resident int              // translations
	wired    int              // wired translations
	cache    [cacheSize]*pvEntry
}

const (
	leafSize  = 16
	cacheSize = 64
)

// pvEntry is one translation, from a page of an address space to a frame. The translations of a frame
// are linked to each other: historic pv_entry, the physical to virtual map.
type pvEntry struct {
	frame      *frame // nil: no translation
	pmap       *Pmap
	page       uint64 // virtual page number
	prot       mach.Prot
	wired      bool
	prev, next *pvEntry // other translations of frame
}

// leaf is the translations of leafSize pages.
type leaf struct {
	slots      [leafSize]pvEntry
	base       uint64 // virtual page number of the first slot / leafSize
	live       int
	prev, next *leaf
}

// newPmap makes an empty pmap. Historic pmap_create.
func newPmap(m *Map) *Pmap {
	h := m.host
	pm := h.spares.pmaps.New()
	table := pm.table
	if clear(table); table == nil {
		table = map[uint64]*leaf{}
	}
	*pm = Pmap{host: h, owner: m, table: table}
	for mach.Size(1)<<pm.shift < h.pageSize {
		pm.shift++
	}
	return pm
}

func (pm *Pmap) number(va mach.Addr) uint64 { return uint64(va) >> pm.shift }

// find is the translation of a page, nil if there is none.
func (pm *Pmap) find(page uint64) *pvEntry {
	t := pm.cache[page%cacheSize]
	if t != nil && t.page == page && t.pmap == pm && t.frame != nil {
		return t
	}
	l := pm.table[page/leafSize]
	if l == nil {
		return nil
	}
	t = &l.slots[page%leafSize]
	if t.frame == nil {
		return nil
	}
	pm.cache[page%cacheSize] = t
	return t
}

// translate is the hardware's part of an access: the frame behind va if there is a translation that
// allows want, with the frame's bits set; nil is a fault.
func (pm *Pmap) translate(va mach.Addr, want mach.Prot) *frame {
	t := pm.find(uint64(va) >> pm.shift)
	if t == nil || want&^t.prot != 0 {
		return nil
	}
	fr := t.frame
	fr.referenced = true
	if want&mach.ProtWrite != 0 && !fr.modified {
		fr.modified = true
		pm.owner.traceStore(va)
	}
	return fr
}

// enter makes va translate to fr with exactly prot, in place of whatever it translated to. Historic
// pmap_enter.
func (pm *Pmap) enter(va mach.Addr, fr *frame, prot mach.Prot, wired bool) {
	n := pm.number(va)
	l := pm.table[n/leafSize]
	if l == nil {
		l = pm.newLeaf(n / leafSize)
	}
	t := &l.slots[n%leafSize]
	if t.frame != fr {
		if t.frame != nil {
			t.unlink()
		} else {
			l.live++
			pm.resident++
		}
		t.frame, t.pmap, t.page = fr, pm, n
		t.prev, t.next = nil, fr.pv
		if fr.pv != nil {
			fr.pv.prev = t
		}
		fr.pv = t
	}
	t.prot = prot
	t.setWired(wired)
	pm.cache[n%cacheSize] = t
}

func (t *pvEntry) setWired(wired bool) {
	if t.wired == wired {
		return
	}
	t.wired = wired
	if wired {
		t.pmap.wired++
	} else {
		t.pmap.wired--
	}
}

// unlink takes t off the translations of its frame.
func (t *pvEntry) unlink() {
	if t.prev == nil {
		t.frame.pv = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	t.setWired(false)
}

// drop makes t no translation. It may release the leaf.
func (pm *Pmap) drop(l *leaf, t *pvEntry) {
	t.unlink()
	t.frame, t.prot = nil, mach.ProtNone
	pm.resident--
	if l.live--; l.live == 0 {
		pm.freeLeaf(l)
	}
}

func (pm *Pmap) newLeaf(base uint64) *leaf {
	s := &pm.host.maps
	l := s.leaves
	if l == nil {
		l = pm.host.spares.leaves.New()
		*l = leaf{}
	} else {
		s.leaves = l.next
	}
	l.base = base
	l.prev, l.next = nil, pm.leaves
	if l.next != nil {
		l.next.prev = l
	}
	pm.leaves = l
	pm.table[base] = l
	return l
}

func (pm *Pmap) freeLeaf(l *leaf) {
	if l.prev == nil {
		pm.leaves = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	delete(pm.table, l.base)
	s := &pm.host.maps
	l.prev, l.next = nil, s.leaves
	s.leaves = l
}

// eachIn visits the translations of [start, end), which visit may drop. The order does not matter to
// any caller.
func (pm *Pmap) eachIn(start, end mach.Addr, visit func(*leaf, *pvEntry)) {
	if pm.resident == 0 || start >= end {
		return
	}
	lo, hi := pm.number(start), pm.number(end-1)
	if hi/leafSize-lo/leafSize < uint64(len(pm.table)) {
		for b := lo / leafSize; b <= hi/leafSize; b++ {
			if l := pm.table[b]; l != nil {
				l.eachIn(lo, hi, visit)
			}
		}
		return
	}
	for l := pm.leaves; l != nil; {
		next := l.next
		if l.base >= lo/leafSize && l.base <= hi/leafSize {
			l.eachIn(lo, hi, visit)
		}
		l = next
	}
}

func (l *leaf) eachIn(lo, hi uint64, visit func(*leaf, *pvEntry)) {
	for i := range l.slots {
		if t := &l.slots[i]; t.frame != nil && t.page >= lo && t.page <= hi {
			visit(l, t)
		}
	}
}

// remove forgets the translations of [start, end), wired or not. Historic pmap_remove.
func (pm *Pmap) remove(start, end mach.Addr) {
	pm.eachIn(start, end, func(l *leaf, t *pvEntry) { pm.drop(l, t) })
}

// protect takes from the translations of [start, end) every permission that prot lacks; none removes
// them. It never adds one. Historic pmap_protect.
func (pm *Pmap) protect(start, end mach.Addr, prot mach.Prot) {
	if prot == mach.ProtNone {
		pm.remove(start, end)
		return
	}
	pm.eachIn(start, end, func(_ *leaf, t *pvEntry) { t.prot &= prot })
}

// changeWiring notes whether the translation of va is wired. Historic pmap_change_wiring.
func (pm *Pmap) changeWiring(va mach.Addr, wired bool) {
	if t := pm.find(pm.number(va)); t != nil {
		t.setWired(wired)
	}
}

// extract is the frame va translates to, nil if none. Historic pmap_extract.
func (pm *Pmap) extract(va mach.Addr) *frame {
	if t := pm.find(pm.number(va)); t != nil {
		return t.frame
	}
	return nil
}

// destroy drops all translations. Historic pmap_destroy.
func (pm *Pmap) destroy() {
	for pm.leaves != nil {
		l := pm.leaves
		for i := range l.slots {
			if t := &l.slots[i]; t.frame != nil {
				pm.drop(l, t)
			}
		}
	}
}

// collect drops the unwired translations that choose picks and tells how many. Historic pmap_collect,
// which may drop any.
func (pm *Pmap) collect(choose func(va mach.Addr) bool) int {
	n := 0
	for l := pm.leaves; l != nil; {
		next := l.next
		for i := range l.slots {
			t := &l.slots[i]
			if t.frame != nil && !t.wired && choose(mach.Addr(t.page)<<pm.shift) {
				pm.drop(l, t)
				n++
			}
		}
		l = next
	}
	return n
}

// pageProtect takes from every translation of p the permissions that prot lacks, in all address
// spaces; none removes them. Historic pmap_page_protect.
func (h *Host) pageProtect(p *Page, prot mach.Prot) {
	if p.frame == nil {
		return
	}
	for t := p.frame.pv; t != nil; {
		next := t.next
		if prot == mach.ProtNone {
			t.pmap.drop(t.pmap.table[t.page/leafSize], t)
		} else {
			t.prot &= prot
		}
		t = next
	}
}

// DropTranslations drops the unwired translations that choose picks and tells how many: always legal,
// and never visible to a program but in time (VM-232).
func (m *Map) DropTranslations(choose func(va mach.Addr) bool) int { return m.pmap.collect(choose) }

// Translation tells what the memory management unit allows at addr now: ProtNone and false when nothing.
func (m *Map) Translation(addr mach.Addr) (prot mach.Prot, ok bool) {
	if t := m.pmap.find(m.pmap.number(addr)); t != nil {
		return t.prot, true
	}
	return mach.ProtNone, false
}

// Resident is the number of translations in force.
func (m *Map) Resident() int { return m.pmap.resident }
