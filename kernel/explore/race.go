package explore

import (
	"math/bits"
	"slices"

	"machvm/kernel/sched"
)

// Source sets (Abdulla, Aronis, Jonsson, Sagonas: optimal dynamic partial order reduction). At a point that chooses a
// thread one option is tried at first. Another is wanted only if some execution shows a race: two steps of different
// threads that do not commute and have nothing between them that orders them. Then the later one, or what has to
// come before it, is to be tried in place of the earlier.
//
//  1. A step happens before another if it comes earlier and is of the same thread, or does not commute with it, or
//     happens before a third that happens before the other.
//  2. The threads that can begin what is to come in place of a step are the initials. If one of them is wanted or
//     sleeps at the point already, everything is in hand.
//  3. An initial that is no option there cannot run yet: the earlier step has woken it, and the two cannot change
//     places.
//  4. An execution that was broken off does not show all its races: every option along its path is wanted.

// event is a step, or the part of one up to a preemption point.
type event struct {
	thread uint64 // 0: a timer, or an audit
	node   int    // the point at which it was chosen, -1 if nobody else could run
	touch  Footprint
	clock  []int32 // by place of a thread: 1 + the last of its events that happened before, or is, this
}

// history is the events of the execution under way. Its memory is used again for the next.
type history struct {
	events []event
	n      int
	places []uint64 // threads
	fresh  int      // events before it were those of the last execution as well, and have their clocks
}

// restart begins an execution that repeats the last one's events before event n.
func (h *history) restart(n int) { h.n, h.fresh = 0, n }

// begin begins an event that was chosen at a node.
func (h *history) begin(thread uint64, node int) int {
	if h.n == len(h.events) {
		h.events = append(h.events, event{})
	}
	e := &h.events[h.n]
	e.thread, e.node = thread, node
	e.touch.reset()
	h.n++
	return h.n - 1
}

// step begins an event for a step, unless it was chosen just now and has begun already.
func (h *history) step(thread uint64) {
	if last := h.n - 1; last < 0 || h.events[last].thread != thread || !h.events[last].touch.empty() {
		h.begin(thread, -1)
	}
}

func (h *history) touch(thread uint64, r sched.Resource, id uint64, write bool) {
	if h.n == 0 || h.events[h.n-1].thread != thread {
		h.begin(thread, -1) // an audit
	}
	h.events[h.n-1].touch.add(r, id, write)
}

// place is where a thread stands in clocks.
func (h *history) place(thread uint64) int {
	if i := slices.Index(h.places, thread); i >= 0 {
		return i
	}
	h.places = append(h.places, thread)
	return len(h.places) - 1
}

func (e *event) at(place int) int32 {
	if place < len(e.clock) {
		return e.clock[place]
	}
	return 0
}

func (e *event) raise(place int, to int32) {
	for len(e.clock) <= place {
		e.clock = append(e.clock, 0)
	}
	e.clock[place] = max(e.clock[place], to)
}

// before reports whether event i happens before event j, which is another and has its clock.
func (h *history) before(i, j int) bool {
	return h.events[j].at(h.place(h.events[i].thread)) > int32(i)
}

// races finds the races whose later step is new, and calls found with each.
func (h *history) races(found func(i, j int)) {
	for j := min(h.fresh, h.n); j < h.n; j++ {
		e := &h.events[j]
		e.clock = e.clock[:0]
		own := h.place(e.thread)
		for i := j - 1; i >= 0; i-- {
			f := &h.events[i]
			place := h.place(f.thread)
			if e.at(place) > int32(i) {
				continue
			}
			racing := f.thread != e.thread && f.touch.conflicts(&e.touch)
			if !racing && f.thread != e.thread {
				continue
			}
			for p, c := range f.clock {
				e.raise(p, c)
			}
			if racing {
				e.raise(own, int32(j)+1)
				found(i, j)
			}
		}
		e.raise(own, int32(j)+1)
	}
}

// initials is the threads that can begin, in place of event i, what leads to event j: those of events
// behind i that do not happen after it, and before which none of those happens. The first is that of j if it is one.
func (h *history) initials(i, j int, threads []uint64) []uint64 {
	threads = threads[:0]
	var instead []int
	for k := i + 1; k <= j; k++ {
		if k < j && h.before(i, k) {
			continue
		}
		first := true
		for _, m := range instead {
			first = first && !h.before(m, k)
		}
		if instead = append(instead, k); first {
			threads = append(threads, h.events[k].thread)
		}
	}
	if last := len(threads) - 1; last > 0 && threads[last] == h.events[j].thread {
		threads[0], threads[last] = threads[last], threads[0]
	}
	return threads
}

// maxOptions is how many options of a point are told apart; at wider ones all are wanted.
const maxOptions = 64

func option(i int) uint64 { return 1 << (i % maxOptions) }

// findRaces adds what the execution that has ended shows to be wanted.
func (d *DFS) findRaces(broken bool) {
	if broken {
		for i := range d.path {
			d.wish(i, ^uint64(0))
		}
		return
	}
	d.history.races(func(i, j int) {
		at := d.history.events[i].node
		if at < 0 || at >= len(d.path) || d.path[at].want == ^uint64(0) {
			return
		}
		n := &d.path[at]
		d.initials = d.history.initials(i, j, d.initials)
		missing := uint64(0)
		for _, thread := range d.initials {
			k := slices.Index(n.threads, thread)
			switch {
			case k < 0:
			case n.wants(k) || n.sleeps(k):
				return
			case missing == 0:
				missing = option(k)
			}
		}
		if missing != 0 {
			d.wish(at, missing)
		}
	})
}

// wants reports whether option i is, was or will be tried, unless it sleeps.
func (n *node) wants(i int) bool {
	return n.want&option(i) != 0 || n.crossing != nil && n.crossing.taken&option(i) != 0
}

// wish wants options of node i, here or, if the node is shared with others, of whoever comes.
func (d *DFS) wish(i int, options uint64) {
	n := &d.path[i]
	if n.width < maxOptions {
		options &= 1<<n.width - 1
	}
	n.want |= options
}

// crossing is a point on the paths of several parts of the work. Workers only read it.
type crossing struct {
	taken uint64 // options that some part has, or had
	sleep []sleeper
}

// share makes node n a crossing.
func (n *node) share() {
	if n.crossing == nil {
		n.crossing = &crossing{taken: option(n.index), sleep: slices.Clone(n.sleep)}
		if n.threads == nil {
			n.crossing.taken = option(n.index)<<1 - 1 // they are tried in order
		}
		for _, s := range n.sleep {
			if i := slices.Index(n.threads, s.thread); i >= 0 {
				n.crossing.taken |= option(i)
			}
		}
	}
}

// publish lets the option that was taken here sleep in parts that begin later.
func (n *node) publish() {
	if n.published || !n.known || n.varied || n.threads == nil {
		return
	}
	n.published = true
	n.crossing.sleep = append(n.crossing.sleep, sleeper{n.threads[n.index], n.touch.clone()})
}

// Spread makes parts of what is wanted at crossings and nobody has taken. It is called between rounds.
func (d *DFS) Spread() (parts []Strategy) {
	if !d.reduce || d.drift != nil {
		return nil
	}
	for i := range min(d.frozen, len(d.path)) {
		n := &d.path[i]
		if n.crossing == nil {
			continue
		}
		n.publish()
		for left := n.want &^ n.crossing.taken; left != 0; left &= left - 1 {
			if k := bits.TrailingZeros64(left); k < n.width {
				parts = append(parts, d.part(i, k))
			}
		}
	}
	return parts
}

// part is a search of what follows option k of crossing i.
func (d *DFS) part(i, k int) *DFS {
	c := d.path[i].crossing
	c.taken |= option(k)
	path := make([]node, 0, len(d.path))
	for _, n := range d.path[:i] {
		n = n.clone()
		n.published = true // by whom it has been run
		path = append(path, n)
	}
	at := d.path[i]
	path = append(path, node{kind: at.kind, name: at.name, width: at.width, index: k, threads: at.threads,
		sleep: slices.Clone(c.sleep), want: option(k), crossing: c})
	return &DFS{reduce: true, path: path, frozen: i + 1, began: true}
}

// splitReduced gives away one wanted option of the first point where there is one, and shares all points up to it.
func (d *DFS) splitReduced() Strategy {
	if d.ended || !d.began {
		return nil
	}
	for i := d.frozen; i < len(d.path)-1; i++ {
		n := &d.path[i]
		if n.width > maxOptions {
			return nil
		}
		rest := n.clone()
		more := d.advance(&rest)
		n.share()
		d.frozen = i + 1
		if more {
			n.publish()
			return d.part(i, rest.index)
		}
	}
	return nil
}
