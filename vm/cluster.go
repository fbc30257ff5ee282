package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// cluster decides which neighbours of p, the requested page of the current object, are asked for with
// it, makes placeholders for them, and returns the range of the request in object offsets.
//
// The cluster is aligned in memory object offsets and clipped to the map entry. It grows as the
// announced behaviour of the region suggests and stops at the first page that is there, asked for, or
// known not to exist (EMM-152, VM-136).
func (s *search) cluster(p *Page) (start mach.Offset, length mach.Size) {
	o, h := s.o, s.host
	page := mach.Offset(h.pageSize)
	start, end := s.off, s.off+page
	size := mach.Offset(o.clusterSize)
	if !h.personality.ClusterPagein || size <= page || s.behavior == mach.BehaviorRandom {
		return start, h.pageSize
	}
	// In object offsets; the paging offset may put the start of the cluster before the object.
	inCluster := (s.off + o.pagingOffset) & (size - 1)
	last := s.off - inCluster + size
	first := mach.Offset(0)
	if inCluster <= s.off {
		first = s.off - inCluster
	}
	below := s.off - s.offset // how far the search has shifted
	first = max(first, s.lo+below)
	last = min(last, s.hi+below)
	switch s.behavior {
	case mach.BehaviorDefault:
		first, last = s.off, min(last, end+page)
	case mach.BehaviorSequential:
		first = s.off
	case mach.BehaviorReverseSequential:
		last = end
	}
	for end < last && s.neighbour(end) {
		end += page
	}
	for start > first && s.neighbour(start-page) {
		start -= page
	}
	return start, mach.Size(end - start)
}

// neighbour makes a placeholder for the page at off if it can be asked for.
func (s *search) neighbour(off mach.Offset) bool {
	o := s.o
	if o.lookup(off) != nil || o.existence.state(s.host, off) == existsNot {
		return false
	}
	var fr *frame
	if o.internal {
		if fr = s.host.grabFrame(s.th); fr == nil {
			return false
		}
	}
	p := o.newPlaceholder(off)
	p.frame = fr
	p.clustered = true
	p.request(trace.PageCluster, s.need)
	return true
}
