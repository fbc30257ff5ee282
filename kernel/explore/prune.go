package explore

import (
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/sched"
)

// Pruning by states. A point at which the whole state is one that was met before need not be gone on from: whatever
// can follow has been tried, or will be. The state is a hash of the machine and of what all programs have learned
// (kernel.Simulation.Digest, DigestPrograms).
//
//  1. It is assumed that equal hashes mean equal states: that what is hashed decides what happens, and that no two
//     states have one hash by chance.
//  2. Within a bound the state counts with what of the bound is used up.
//  3. Whatever depends on the way to a state and not on the state alone, such as "eventually", is looked at in the
//     executions that are performed only.

// visited is the states that points were met in: those of earlier rounds, which all parts of the work share and only
// read meanwhile, and those a part has met in this.
type visited struct {
	all *map[uint64]bool
	own map[uint64]bool
}

// NewPrunedDFS is NewDFS that does not go on from a state that was met before. Its Run must tell the machine
// (ObserveMachine), as Simulation does.
func NewPrunedDFS(b Bound) *DFS {
	return &DFS{bound: b, seen: &visited{&map[uint64]bool{}, map[uint64]bool{}}}
}

// revisits reports whether the state at p was met before, and notes it.
func (d *DFS) revisits(p choice.Point, spent int) bool {
	if d.machine == nil {
		return false
	}
	var s sched.Digest
	d.machine.Digest(&s, true)
	d.machine.DigestPrograms(&s)
	s.Words(uint64(p.Kind), uint64(spent), uint64(p.Width))
	s.Text(p.Name)
	key := s.Sum()
	if (*d.seen.all)[key] || d.seen.own[key] {
		return true
	}
	d.seen.own[key] = true
	return false
}

// remember lets a thread that goes on in the middle of a trap know the state in which it does.
func (d *DFS) remember(t *sched.Thread) {
	var s sched.Digest
	d.machine.Digest(&s, true)
	t.Seen.Word(s.Sum())
}

// settle makes what this part has met known to all. It is called between rounds, and returns how many states are known.
func (d *DFS) settle() int {
	for key := range d.seen.own { // unordered: they are put into a map
		(*d.seen.all)[key] = true
	}
	clear(d.seen.own)
	return len(*d.seen.all)
}

// pruner watches the steps of a machine for a search that prunes.
type pruner struct{ *DFS }

// Step is told by the scheduler that a thread begins a step.
func (p pruner) Step(t *sched.Thread) {
	if t != nil && p.machine != nil && !p.pruned {
		p.remember(t)
	}
}

// Touch is of no interest.
func (p pruner) Touch(*sched.Thread, sched.Resource, uint64, bool) {}

// Prunes reports whether the search behind c tells states apart, for which a simulation must note Histories.
func Prunes(c choice.Chooser) bool {
	e, ok := c.(*Execution)
	return ok && e.dfs != nil && e.dfs.seen != nil
}

// ObserveMachine is Observe for a whole machine, which a search that prunes needs.
func ObserveMachine(s *kernel.Simulation, c choice.Chooser) {
	if Prunes(c) {
		e := c.(*Execution)
		e.dfs.machine = s
		s.Sched().Observe(pruner{e.dfs})
		return
	}
	Observe(s.Sched(), c)
}
