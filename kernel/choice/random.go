package choice

import "math/bits"

// Rand is a small generator of reproducible numbers (splitmix64). Its value is its whole state: a copy
// continues with the same numbers. The zero value is the generator with seed 0.
type Rand uint64

// Uint64 is the next number.
func (r *Rand) Uint64() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Intn is a number from 0 to n-1, each as likely as the others. It panics if n is not positive.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		panic("choice: Intn of a number that is not positive")
	}
	// The high word of number*n is uniform once the few low words that would favour some results are
	// drawn again.
	limit := -uint64(n) % uint64(n)
	for {
		if high, low := bits.Mul64(r.Uint64(), uint64(n)); low >= limit {
			return int(high)
		}
	}
}

// Random takes each option with the same probability. Runs with one seed take the same options.
type Random struct{ rand Rand }

// NewRandom is a random chooser with a seed.
func NewRandom(seed uint64) *Random { return &Random{rand: Rand(seed)} }

// Choose returns any option.
func (r *Random) Choose(p Point) int { return r.rand.Intn(p.Width) }
