package vm

import "fmt"

// Check recounts everything the memory system of the host asserts of itself and returns the first
// contradiction. It holds between any two steps.
func (h *Host) Check() error {
	if err := h.checkMaps(); err != nil {
		return fmt.Errorf("kernel %d: %w", h.node.ID(), err)
	}
	if err := h.checkObjects(); err != nil {
		return fmt.Errorf("kernel %d: %w", h.node.ID(), err)
	}
	if err := h.checkReferences(false); err != nil {
		return fmt.Errorf("kernel %d: %w", h.node.ID(), err)
	}
	return nil
}

// CheckIdle is Check for a moment in which no thread is inside the memory system: then every reference
// of an object must be accounted for, and no activity may be left.
func (h *Host) CheckIdle() error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := h.checkReferences(true); err != nil {
		return fmt.Errorf("kernel %d: %w", h.node.ID(), err)
	}
	return nil
}

// checkReferences recounts the references of every object: map entries, memory in transit, and the
// shadows above. Activities hold more; there are none when idle.
func (h *Host) checkReferences(idle bool) error {
	refs := map[*Object]int{}
	for c := h.maps.firstCopy; c != nil; c = c.nextCopy {
		for e := c.first; e != nil; e = e.next {
			if e.object != nil {
				refs[e.object]++
			}
		}
	}
	for m := range h.allMaps() {
		for e := m.first; e != nil; e = e.next {
			if e.object != nil {
				refs[e.object]++
			}
		}
	}
	for o := h.firstAll; o != nil; o = o.allNext {
		if o.shadow != nil {
			refs[o.shadow]++
		}
	}
	for o := h.firstAll; o != nil; o = o.allNext {
		if n := refs[o]; n > o.refs || idle && n < o.refs {
			return fmt.Errorf("%s has %d references; %d are known: %d regions, the rest copies in transit and shadows",
				o, o.refs, n, o.mappings.count)
		}
		if idle && o.paging != 0 {
			return fmt.Errorf("%s has %d activities although nothing is going on", o, o.paging)
		}
	}
	return nil
}
