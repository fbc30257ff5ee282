package explore

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Witness keeps what programs have read and written, and says whether that is consistent:
//
//	w := explore.NewWitness()
//	task.Spawn("main", func(t user.Thread) {
//		x := w.Program(t, "a", "object", addr) // what a sees of the object it has mapped at addr
//		x.Store(0, 1)
//		x.Load(8)
//	})
//	s.Finally("strict", w.Strict)
//
// A word that nobody wrote before is what the first who reads it sees. Two writes of one word should differ in what
// they write; a read of what several have written is taken for a read of the one that suits it best.
type Witness struct {
	accesses []access
	programs []*Program
	now      uint64 // accesses begun and ended
}

// NewWitness is a witness that has seen nothing.
func NewWitness() *Witness { return &Witness{} }

// Program is what one program sees of one object.
type Program struct {
	w      *Witness
	t      user.Thread
	name   string
	object string
	base   mach.Addr
	place  int // among the programs with other names
}

type place struct {
	object string
	offset mach.Offset
}

// access is one load or store.
type access struct {
	by         int // place of its program
	name       string
	at         place
	value      uint64
	write      bool
	begin, end uint64
	past       []int // by place of a program: how many of its writes come causally before this, itself included
	number     int   // of a write among those of its program, from 1
}

func (a access) String() string {
	what := "reads"
	if a.write {
		what = "writes"
	}
	return fmt.Sprintf("%s %s %d at %#x of %s", a.name, what, a.value, uint64(a.at.offset), a.at.object)
}

// Program is the view of a program called name, which runs in t, of an object that it has mapped at base. Views with one
// name are one program's.
func (w *Witness) Program(t user.Thread, name, object string, base mach.Addr) *Program {
	p := &Program{w: w, t: t, name: name, object: object, base: base}
	for _, other := range w.programs {
		if other.name == name {
			p.place = other.place
			w.programs = append(w.programs, p)
			return p
		}
		p.place = max(p.place, other.place+1)
	}
	w.programs = append(w.programs, p)
	return p
}

// Load reads the word at off. The error is that of user.Thread.Load64, and then nothing was seen.
func (p *Program) Load(off mach.Offset) (uint64, error) {
	begin := p.w.tick()
	v, err := p.t.Load64(p.base + mach.Addr(off))
	if err == nil {
		p.w.note(p, off, v, false, begin)
	}
	return v, err
}

// Store writes the word at off. The error is that of user.Thread.Store64, and then nothing was written.
func (p *Program) Store(off mach.Offset, v uint64) error {
	begin := p.w.tick()
	err := p.t.Store64(p.base+mach.Addr(off), v)
	if err == nil {
		p.w.note(p, off, v, true, begin)
	}
	return err
}

func (w *Witness) tick() uint64 { w.now++; return w.now }

func (w *Witness) note(p *Program, off mach.Offset, v uint64, write bool, begin uint64) {
	w.accesses = append(w.accesses, access{by: p.place, name: p.name, at: place{p.object, off}, value: v, write: write, begin: begin, end: w.tick()})
}

// Strict is nil if every read has seen the last write of its word that ended before it began, or one that was under way
// meanwhile: what a single memory would show.
func (w *Witness) Strict() error {
	for i := range w.accesses {
		r := &w.accesses[i]
		if r.write {
			continue
		}
		known, fits := false, false
		var newer *access
		for j := range w.accesses {
			x := &w.accesses[j]
			if !x.write || x.at != r.at || x.begin > r.end {
				continue
			}
			if x.end < r.begin && (newer == nil || x.end > newer.end) {
				newer = x
			}
			if x.value != r.value {
				continue
			}
			known = true
			fits = fits || !w.overwritten(x, r)
		}
		if known && !fits || !known && newer != nil {
			return fmt.Errorf("not strict: %v, after %v", r, newer)
		}
	}
	return nil
}

// overwritten reports whether a write of the word of x began after x had ended, and ended before r began.
func (w *Witness) overwritten(x, r *access) bool {
	for j := range w.accesses {
		y := &w.accesses[j]
		if y.write && y.at == r.at && y.begin > x.end && y.end < r.begin {
			return true
		}
	}
	return false
}

// Causal is nil if for each object alone what programs saw is causal: nobody sees a word as it was before a write that
// it knows of, by its own doing or since it has read that or something that was written in that knowledge. Different
// programs may see writes that know nothing of one another in different orders.
func (w *Witness) Causal() error {
	var objects []string
	seen := map[string]bool{}
	for _, a := range w.accesses {
		if !seen[a.at.object] {
			seen[a.at.object] = true
			objects = append(objects, a.at.object)
		}
	}
	for _, o := range objects {
		if err := w.causal(o); err != nil {
			return err
		}
	}
	return nil
}

func (w *Witness) causal(object string) error {
	places := 0
	for _, p := range w.programs {
		places = max(places, p.place+1)
	}
	past := make([][]int, places) // by program: the writes it knows of
	for i := range past {
		past[i] = make([]int, places)
	}
	var writes []*access
	knows := func(by []int, x *access) bool { return by[x.by] >= x.number }
	for i := range w.accesses {
		a := &w.accesses[i]
		if a.at.object != object {
			continue
		}
		mine := past[a.by]
		if a.write {
			mine[a.by]++
			a.number, a.past = mine[a.by], append([]int(nil), mine...)
			writes = append(writes, a)
			continue
		}
		// stale is a write that the program knows of and that knows of x: it has taken the place of x.
		stale := func(x *access) *access {
			for _, y := range writes {
				if y != x && y.at == a.at && knows(mine, y) && (x == nil || knows(y.past, x)) {
					return y
				}
			}
			return nil
		}
		var from, by *access
		written := false
		for _, x := range writes {
			if x.at != a.at || x.value != a.value {
				continue
			}
			written = true
			if y := stale(x); y == nil {
				from = x
			} else {
				by = y
			}
		}
		if !written {
			by = stale(nil)
		}
		switch {
		case from != nil:
			for p, n := range from.past {
				mine[p] = max(mine[p], n)
			}
		case by != nil:
			return fmt.Errorf("not causal: %v, although it knows that %v", a, by)
		}
	}
	return nil
}
