package explore

import (
	"fmt"
	"slices"
	"strings"

	"machvm/kernel"
	"machvm/kernel/sched"
)

// A livelock shows as a circle: the machine comes to the same state again and again, everybody who could run has run
// meanwhile, and no program has come further. The state is that of the machine without its counts of messages; what a
// program counts for itself is not in it, so a circle is believed only when it has been gone round many times.

const (
	cycleFrom   = 300 // steps after which it is looked at states
	cycleRounds = 100 // times a state is met before it is believed that nothing will change
)

// cycles watches one execution.
type cycles struct {
	sim      *kernel.Simulation
	met      map[uint64]*meeting
	progress uint64
	further  func() uint64   // what clients have achieved; nil: nobody says
	ran      map[uint32]step // last step of each thread; looked up by id
}

type step struct {
	number uint64
	name   string
}

// meeting is a state that was met.
type meeting struct {
	times int
	last  uint64 // step
}

// look is called after every step. It names the threads of a livelock, "" if there is none.
func (c *cycles) look() string {
	s := c.sim.Sched()
	now := s.Steps()
	if now < cycleFrom {
		return ""
	}
	if t := s.Last(); t != nil {
		c.ran[t.ID()] = step{now, t.Name()}
	}
	if p := c.achieved(); p != c.progress || c.met == nil {
		c.progress, c.met = p, map[uint64]*meeting{}
	}
	var d sched.Digest
	c.sim.DigestStill(&d)
	m := c.met[d.Sum()]
	if m == nil {
		c.met[d.Sum()] = &meeting{last: now}
		return ""
	}
	since := m.last
	m.last = now
	for t := range s.Threads() {
		if t.State() == sched.Ready && !t.Suspended() && c.ran[t.ID()].number <= since {
			return "" // it was not its turn: another schedule would let it run
		}
	}
	if m.times++; m.times < cycleRounds {
		return ""
	}
	var names []string
	for t := range s.Threads() {
		if r := c.ran[t.ID()]; r.number > since {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return fmt.Sprintf("a circle without progress: %s", strings.Join(slices.Compact(names), ", "))
}

// achieved grows when a program comes further: a thread has ended, or what the scenario counts has changed.
func (c *cycles) achieved() uint64 {
	var d sched.Digest
	for t := range c.sim.Sched().Threads() {
		d.Word(uint64(t.ID()))
	}
	if c.further != nil {
		d.Word(c.further())
	}
	return d.Sum()
}
