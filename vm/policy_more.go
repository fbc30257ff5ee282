package vm

import (
	"fmt"
	"math"
)

// The policies that textbooks compare with Mach's. With one queue there is nothing to refill, and
// a preference for some pages has no place in them.

// oneQueue is what they have in common: every page is on the active queue.
type oneQueue struct{}

func (oneQueue) activate(m *memory, p *Page) {
	if p.queue == nil {
		m.active.append(p)
	}
}

func (q oneQueue) deactivate(m *memory, p *Page) { q.activate(m, p) }

func (oneQueue) touch(*memory, *Page, bool) {}

func (oneQueue) refill(*memory, func(*Page) bool) {}

func (oneQueue) victim(m *memory, _ func(*Page) bool) *Page { return m.active.take() }

func (oneQueue) spares(*memory, *Page) bool { return false }

// FIFO throws out the page that came first.
type FIFO struct{ oneQueue }

func (FIFO) String() string { return "fifo" }

// LRU throws out the page whose last use is longest ago. It is exact where every reference is seen.
type LRU struct{ oneQueue }

func (LRU) String() string { return "lru" }

func (LRU) activate(m *memory, p *Page) {
	p.unqueue()
	m.active.append(p)
}

func (l LRU) touch(m *memory, p *Page, _ bool) { l.activate(m, p) }

// Clock goes round the pages, clears the reference bit of each and throws out the first that had none.
// The queue is the circle with the hand at its head.
type Clock struct {
	oneQueue
	// ClearOnLoad leaves the bit of a page clear when it comes in; usually the access that brought it
	// in sets it.
	ClearOnLoad bool
}

func (c Clock) String() string {
	if c.ClearOnLoad {
		return "clock-clear"
	}
	return "clock"
}

func (Clock) activate(m *memory, p *Page) {
	if p.queue == nil {
		m.active.append(p)
	}
	p.reference = true
}

func (Clock) deactivate(m *memory, p *Page) {
	if p.queue == nil {
		m.active.append(p)
		p.unreference()
	}
}

func (c Clock) touch(_ *memory, p *Page, first bool) { p.reference = !first || !c.ClearOnLoad }

func (Clock) spares(m *memory, p *Page) bool {
	if !p.referenced() {
		return false
	}
	p.unreference()
	m.active.append(p)
	return true
}

// SegmentedFIFO keeps pages in two parts. They come into the first, which is a FIFO; what falls out of it
// goes to the second, and comes back when it is used there. Pages go from the second part, the one that
// stands there longest first. The first part is the active queue, the second the inactive one.
type SegmentedFIFO struct {
	// Second is the share of the second part in percent of all frames: 0 is FIFO, 100 is LRU.
	Second int
}

func (s SegmentedFIFO) String() string { return fmt.Sprintf("segmented-fifo-%d", s.Second) }

func (s SegmentedFIFO) activate(m *memory, p *Page) {
	if p.queue != &m.active {
		p.unqueue()
		m.active.append(p)
		s.overflow(m)
	}
}

// overflow moves what the first part has no room for to the second.
func (s SegmentedFIFO) overflow(m *memory) {
	for first := m.frames.total - m.frames.total*s.Second/100; m.active.count > max(first, 1); {
		m.inactive.append(m.active.take())
	}
}

func (SegmentedFIFO) deactivate(m *memory, p *Page) {
	if p.queue == nil {
		m.inactive.append(p)
	}
}

func (s SegmentedFIFO) touch(m *memory, p *Page, _ bool) { s.activate(m, p) }

func (SegmentedFIFO) refill(*memory, func(*Page) bool) {}

func (SegmentedFIFO) victim(m *memory, _ func(*Page) bool) *Page {
	if m.inactive.head != nil {
		return m.inactive.take()
	}
	return m.active.take()
}

func (SegmentedFIFO) spares(*memory, *Page) bool { return false }

// OPT throws out the page that will not be used for the longest time. It knows the future because it was
// told, so it serves one replay of one trace.
type OPT struct {
	oneQueue
	next []int         // for each reference, when its page is used again
	now  int           // references so far
	use  map[*Page]int // when a page is used again; looked up only
}

// never is later than every reference.
const never = math.MaxInt

// NewOPT makes the policy for a replay of these references.
func NewOPT(trace []Reference) *OPT {
	o := &OPT{next: make([]int, len(trace)), use: map[*Page]int{}}
	last := map[uint64]int{}
	for i := len(trace) - 1; i >= 0; i-- {
		n, known := last[trace[i].Page]
		if !known {
			n = never
		}
		o.next[i], last[trace[i].Page] = n, i
	}
	return o
}

func (*OPT) String() string { return "opt" }

func (o *OPT) touch(_ *memory, p *Page, _ bool) {
	if o.now < len(o.next) {
		o.use[p] = o.next[o.now]
		o.now++
	}
}

func (o *OPT) victim(m *memory, _ func(*Page) bool) *Page {
	best := m.active.head
	for p := best; p != nil; p = p.qnext {
		if o.use[p] > o.use[best] {
			best = p
		}
	}
	if best != nil {
		best.unqueue()
		delete(o.use, best)
	}
	return best
}

// PolicyNamed finds a policy that needs no future by its name: mach, fifo, lru, clock, clock-clear, or
// segmented-fifo-N with N percent in the second part. ok is false for any other name.
func PolicyNamed(name string) (pol Policy, ok bool) {
	for _, pol := range []Policy{MachPolicy{}, FIFO{}, LRU{}, Clock{}, Clock{ClearOnLoad: true}} {
		if pol.String() == name {
			return pol, true
		}
	}
	var s SegmentedFIFO
	if n, err := fmt.Sscanf(name, "segmented-fifo-%d", &s.Second); n == 1 && err == nil && s.Second >= 0 && s.Second <= 100 && s.String() == name {
		return s, true
	}
	return nil, false
}
