package explore

import (
	"fmt"

	"machvm/kernel/choice"
)

// PCT gives threads random priorities and lowers the running thread's at random moments (Burckhardt,
// Kothari, Musuvathi, Nagarakatte: a randomized scheduler with probabilistic guarantees of finding bugs). With n
// threads and at most k choices between them, a failure that needs d ordered events is found by each
// execution with a probability of at least 1/(n*k^(d-1)).
type PCT struct {
	seeds   Random
	depth   int // d
	threads int // n
	choices int // k, of which d-1 are drawn
}

// NewPCT tries count seeds from seed on, for failures of depth d (1 or more) in executions of at most
// the given numbers of threads and of choices between threads. Measure counts them.
func NewPCT(d, threads, choices int, seed, count uint64) *PCT {
	return &PCT{seeds: *NewRandom(seed, count), depth: max(d, 1), threads: max(threads, 1), choices: max(choices, 1)}
}

// Chance is the probability, at least, with which one execution finds a failure of the depth, as long as none has
// more threads or choices than the strategy was made for.
func (s *PCT) Chance() float64 {
	p := 1 / float64(s.threads)
	for range s.depth - 1 {
		p /= float64(s.choices)
	}
	return p
}

// Next is the chooser with the next seed.
func (s *PCT) Next() choice.Chooser {
	if !s.seeds.Left() {
		return nil
	}
	s.seeds.next++
	r := &priorities{rand: choice.Rand(s.seeds.Seed()), of: map[uint64]uint64{}}
	for range s.depth - 1 {
		r.changes = append(r.changes, r.rand.Intn(s.choices))
	}
	return r
}

// Seed is the seed of the execution under way.
func (s *PCT) Seed() uint64 { return s.seeds.Seed() }

// Done has nothing to learn.
func (s *PCT) Done(bool) {}

// Split gives the upper half of the seeds away.
func (s *PCT) Split() Strategy {
	from, to, ok := halve(&s.seeds.next, &s.seeds.end)
	if !ok {
		return nil
	}
	other := *s
	other.seeds = Random{from, to}
	return &other
}

// Left reports whether seeds remain.
func (s *PCT) Left() bool { return s.seeds.Left() }

// Scope is the schedules of PCT.
func (s *PCT) Scope() (string, bool) {
	return fmt.Sprintf("PCT schedules of depth %d, %d threads, %d choices", s.depth, s.threads, s.choices), false
}

// priorities is one execution of PCT.
type priorities struct {
	rand    choice.Rand
	of      map[uint64]uint64 // by thread; looked up, never ranged over
	changes []int             // numbers of choices at which the priority of the favourite drops
	chosen  int               // choices so far
}

// firstPriority is above everything that change points give.
const firstPriority = 1 << 32

// Choose is the option with the highest priority. Points that choose no thread are decided at random.
func (r *priorities) Choose(p choice.Point) int {
	if !choosesThread(p) {
		return r.rand.Intn(p.Width)
	}
	for i, at := range r.changes {
		if at == r.chosen {
			r.of[p.ID(r.best(p))] = uint64(i)
		}
	}
	r.chosen++
	return r.best(p)
}

func (r *priorities) best(p choice.Point) int {
	best, most := 0, uint64(0)
	for i := range p.Width {
		id := p.ID(i)
		v, known := r.of[id]
		if !known {
			v = firstPriority + r.rand.Uint64()>>1
			r.of[id] = v
		}
		if i == 0 || v > most {
			best, most = i, v
		}
	}
	return best
}

// Measure is a chooser that takes first options and counts what PCT must know.
type Measure struct {
	Threads int // that could be chosen
	Choices int // between threads
	seen    map[uint64]bool
}

// Choose counts and takes the first option.
func (m *Measure) Choose(p choice.Point) int {
	if choosesThread(p) {
		m.Choices++
		if m.seen == nil {
			m.seen = map[uint64]bool{}
		}
		for i := range p.Width {
			m.seen[p.ID(i)] = true
		}
		m.Threads = len(m.seen)
	}
	return 0
}
