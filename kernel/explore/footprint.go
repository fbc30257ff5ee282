package explore

import (
	"slices"

	"machvm/kernel/sched"
)

// Footprint is what a step touched: resources by class and id, each read or written. Two steps commute if
// neither writes what the other touches.
type Footprint struct {
	everything bool
	touched    []touched
}

type touched struct {
	resource sched.Resource
	id       uint64
	write    bool
}

func (f *Footprint) add(r sched.Resource, id uint64, write bool) {
	if r == sched.ResourceEverything {
		f.addEverything()
		return
	}
	for i := range f.touched {
		if t := &f.touched[i]; t.resource == r && t.id == id {
			t.write = t.write || write
			return
		}
	}
	f.touched = append(f.touched, touched{r, id, write})
}

func (f *Footprint) addEverything() { f.everything = true }

func (f *Footprint) reset() { f.everything, f.touched = false, f.touched[:0] }

func (f *Footprint) empty() bool { return !f.everything && len(f.touched) == 0 }

func (f *Footprint) clone() Footprint {
	return Footprint{everything: f.everything, touched: slices.Clone(f.touched)}
}

// merge adds what g names.
func (f *Footprint) merge(g *Footprint) {
	f.everything = f.everything || g.everything
	for _, t := range g.touched {
		f.add(t.resource, t.id, t.write)
	}
}

// has reports whether f touches a resource at all.
func (f *Footprint) has(r sched.Resource, id uint64) bool {
	return f.everything || slices.ContainsFunc(f.touched, func(t touched) bool { return t.resource == r && t.id == id })
}

// conflicts reports whether the order of two steps can matter.
func (f *Footprint) conflicts(g *Footprint) bool {
	if f.everything || g.everything {
		return true
	}
	for _, a := range f.touched {
		for _, b := range g.touched {
			if a.resource == b.resource && a.id == b.id && (a.write || b.write) {
				return true
			}
		}
	}
	return false
}
