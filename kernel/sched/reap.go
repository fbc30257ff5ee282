package sched

// Deferred is destruction put off until no state is open: dropping a reference may end an object, which
// sends a message, which may drop further references.
type Deferred interface {
	// Reap does the deferred work as thread t and may block.
	Reap(t *Thread)
}

// Reap is the deferred work of one thread, first in, first out. The zero value is empty.
type Reap struct {
	items    []Deferred
	done     int // items before it have been run
	draining bool
}

// Add puts d at the end.
func (r *Reap) Add(d Deferred) { r.items = append(r.items, d) }

// Len is the number of items not yet begun.
func (r *Reap) Len() int { return len(r.items) - r.done }

// Drain runs t's deferred work in order until none is left, what is added meanwhile included. Only the
// outermost call on a thread does so: inside an item it returns at once. A thread that ends drains what
// it still owes.
func (t *Thread) Drain() {
	if r := &t.Reap; len(r.items) > r.done && !r.draining {
		r.drain(t)
	}
}

func (r *Reap) drain(t *Thread) {
	r.draining = true
	t.sched.Touch(ResourceKernel, 0, true)
	// An item may unwind; the rest is then drained at the thread's base.
	defer func() { r.draining = false }()
	for r.done < len(r.items) {
		d := r.items[r.done]
		r.items[r.done] = nil
		r.done++
		d.Reap(t)
	}
	r.items, r.done = r.items[:0], 0
}
