package explore

import "machvm/kernel/choice"

// Random takes every option with the same probability, with one seed after another.
type Random struct{ next, end uint64 }

// NewRandom tries count seeds from seed on.
func NewRandom(seed, count uint64) *Random { return &Random{seed, seed + count} }

// Next is the chooser with the next seed.
func (r *Random) Next() choice.Chooser {
	if r.next == r.end {
		return nil
	}
	r.next++
	return choice.NewRandom(r.next - 1)
}

// Seed is the seed of the execution under way.
func (r *Random) Seed() uint64 { return r.next - 1 }

// Done has nothing to learn.
func (r *Random) Done(bool) {}

// Split gives the upper half of the seeds away.
func (r *Random) Split() Strategy {
	from, to, ok := halve(&r.next, &r.end)
	if !ok {
		return nil
	}
	return &Random{from, to}
}

// halve cuts the range next..end in two and returns the upper part.
func halve(next, end *uint64) (from, to uint64, ok bool) {
	left := *end - *next
	if left < 2 {
		return 0, 0, false
	}
	from, to = *end-left/2, *end
	*end = from
	return from, to, true
}

// Left reports whether seeds remain.
func (r *Random) Left() bool { return r.next != r.end }

// Scope is random schedules.
func (r *Random) Scope() (string, bool) { return "random schedules", false }
