package vm

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// The reference for TestMapsAgainstModel: an address space is an array of pages, a page is bytes and
// attributes, and pages that are shared are the same bytes.
type (
	modelBytes struct{ b [pg]byte }
	modelPage  struct {
		*modelBytes
		prot, max mach.Prot
		inherit   mach.Inherit
	}
	modelSpace [modelPages]*modelPage
)

const modelPages = 48

func newModelPage() *modelPage {
	return &modelPage{new(modelBytes), mach.ProtDefault, mach.ProtAll, mach.InheritCopy}
}

func (p *modelPage) copied() *modelPage {
	n := *p
	b := *p.modelBytes
	n.modelBytes = &b
	return &n
}

// place is the first fit for n pages at or above from, -1 if there is none.
func (s *modelSpace) place(from, n int) int {
	for at := from; at+n <= modelPages; at++ {
		if s.free(at, n) {
			return at
		}
	}
	return -1
}

func (s *modelSpace) free(at, n int) bool {
	for i := at; i < at+n; i++ {
		if s[i] != nil {
			return false
		}
	}
	return true
}

// allows is what a call that needs access to every page of the bytes [at, at+n) returns.
func (s *modelSpace) allows(at, n int, test func(*modelPage) bool) mach.Return {
	for i := at / pg; i*pg < at+n; i++ {
		switch {
		case i >= modelPages || s[i] == nil:
			return badAddr
		case !test(s[i]):
			return badProt
		}
	}
	return ok
}

func (s *modelSpace) read(at int, b []byte) {
	for i := range b {
		b[i] = s[(at+i)/pg].b[(at+i)%pg]
	}
}

func (s *modelSpace) write(at int, b []byte) {
	for i := range b {
		s[(at+i)/pg].b[(at+i)%pg] = b[i]
	}
}

func readable(p *modelPage) bool { return p.prot&p.max&mach.ProtRead != 0 }
func writable(p *modelPage) bool { return p.prot&mach.ProtWrite != 0 }

// modelOp is one random operation; the numbers are taken modulo whatever they stand for.
type modelOp struct {
	Kind       string
	A, B, C, D uint16
}

var modelKinds = []string{"allocate", "allocateAt", "deallocate", "protect", "protectMax", "inherit", "behavior",
	"store", "store", "store", "load", "load", "allocate", "allocateAt", "copy", "copy", "send", "move", "fork", "remapShare", "remapCopy",
	"wire", "unwire", "drop", "exit", "overwriteMap"}

// duel runs operations on maps and on their models.
type duel struct {
	h      *Host
	th     *sched.Thread
	maps   []*Map
	models []*modelSpace
	tasks  uint32
	fill   byte
}

func (d *duel) add(m *Map, s *modelSpace) {
	d.maps = append(d.maps, m)
	d.models = append(d.models, s)
}

func (d *duel) step(op modelOp) error {
	i := int(op.A) % len(d.maps)
	m, s := d.maps[i], d.models[i]
	at, n := int(op.B)%modelPages, 1+int(op.C)%6
	addr, size := mach.Addr(at*pg), mach.Size(n*pg)
	byteAt, byteN := int(op.B)%(modelPages*pg), 1+int(op.C)%(4*pg)
	expect := func(what string, want, got any) error {
		if want != got {
			return fmt.Errorf("%s: model says %v, map %v", what, want, got)
		}
		return nil
	}
	switch op.Kind {
	case "allocate":
		want := s.place(0, n)
		var got mach.Addr
		ret := m.Allocate(d.th, &got, size, true)
		if want < 0 {
			return expect("allocate", noSpace, ret)
		}
		s.fresh(want, n)
		return expect("allocate", mach.Addr(want*pg), got)
	case "allocateAt":
		want := ok
		switch {
		case at+n > modelPages:
			want = badAddr
		case !s.free(at, n):
			want = noSpace
		default:
			s.fresh(at, n)
		}
		return expect("allocate at", want, m.Allocate(d.th, &addr, size, false))
	case "overwriteMap":
		if at+n > modelPages {
			return nil
		}
		s.fresh(at, n)
		a := MapArgs{Addr: addr, Size: size, Overwrite: true, Cur: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}
		return expect("overwriting vm_map", ok, m.MapObject(d.th, &a))
	case "deallocate":
		for j := at; j < min(at+n, modelPages); j++ {
			s[j] = nil
		}
		return expect("deallocate", ok, m.Deallocate(d.th, addr, size))
	case "protect", "protectMax":
		prot := mach.Prot(op.D) & 7
		if op.D&0x300 != 0 {
			prot |= mach.ProtDefault
		}
		want := s.allows(at*pg, n*pg, func(p *modelPage) bool { return p.max.Allows(prot) })
		for j := at; want == ok && j < at+n; j++ {
			if op.Kind == "protect" {
				s[j].prot = prot
			} else {
				s[j].max = prot
				s[j].prot &= prot
			}
		}
		return expect("protect", want, m.Protect(addr, size, op.Kind == "protectMax", prot))
	case "inherit":
		inherit := mach.Inherit(op.D % 3)
		for j := at; j < min(at+n, modelPages); j++ {
			if s[j] != nil {
				s[j].inherit = inherit
			}
		}
		return expect("inherit", ok, m.Inherit(addr, size, inherit))
	case "behavior":
		m.Behavior(addr, size, mach.BehaviorRandom)
	case "store":
		b := bytes.Repeat([]byte{d.fill + 1}, byteN)
		d.fill++
		want := s.allows(byteAt, byteN, func(p *modelPage) bool { return p.prot.Allows(mach.ProtDefault) })
		done := byteN
		if want != ok {
			for done = 0; s.allows(byteAt, done+1, func(p *modelPage) bool { return p.prot.Allows(mach.ProtDefault) }) == ok; {
				done++
			}
		}
		s.write(byteAt, b[:done])
		x := m.Store(d.th, mach.Addr(byteAt), b)
		if want != ok {
			return expect("store", Exception{want, mach.Addr(byteAt + done)}, x)
		}
		return expect("store", Exception{}, x)
	case "load":
		want := s.allows(byteAt, byteN, func(p *modelPage) bool { return p.prot&mach.ProtRead != 0 })
		got := make([]byte, byteN)
		if x := m.Load(d.th, mach.Addr(byteAt), got); want != ok || !x.OK() {
			return expect("load", want, x.Code)
		}
		b := make([]byte, byteN)
		s.read(byteAt, b)
		if !bytes.Equal(b, got) {
			return fmt.Errorf("load at %#x: model has % x, map % x", byteAt, b, got)
		}
	case "copy":
		to := int(op.D) % (modelPages * pg)
		if op.A%2 == 0 { // whole pages
			byteAt, byteN, to = at*pg, n*pg, to/pg*pg
		}
		want := s.allows(byteAt, byteN, readable)
		if want == ok {
			want = s.allows(to, byteN, writable)
		}
		if want == ok {
			b := make([]byte, byteN)
			s.read(byteAt, b)
			s.write(to, b)
		}
		return expect("vm_copy", want, m.Copy(d.th, mach.Addr(byteAt), mach.Size(byteN), mach.Addr(to)))
	case "send", "move":
		j := int(op.D) % len(d.maps)
		if op.D&0x100 != 0 {
			byteAt, byteN = at*pg, n*pg
		}
		return d.send(i, j, byteAt, byteN, op.Kind == "move", mach.CopyOption(op.D>>9&1))
	case "fork":
		if len(d.maps) < 5 {
			d.tasks++
			child := &modelSpace{}
			for j, p := range s {
				switch {
				case p == nil || p.inherit == mach.InheritNone:
				case p.inherit == mach.InheritShare:
					q := *p
					child[j] = &q
				default:
					child[j] = p.copied()
				}
			}
			// Copying what is wired, or shared by others, needs the maximum protection to allow reading.
			for e := range m.All() {
				if e.inherit == mach.InheritCopy && e.object != nil && e.maxProt&mach.ProtRead == 0 &&
					(e.wired > 0 || e.object.strategy != mach.CopySymmetric) {
					for a := e.start; a < e.end; a += pg {
						child[a/pg] = nil
					}
				}
			}
			d.add(m.Fork(d.th, d.tasks, "child"), child)
		}
	case "remapShare", "remapCopy":
		return d.remap(m, s, int(op.D)%len(d.maps), at, n, op.Kind == "remapCopy")
	case "wire":
		prot := mach.Prot(op.D)&7 | mach.ProtRead
		want := s.allows(at*pg, n*pg, func(p *modelPage) bool { return p.prot.Allows(prot) })
		if at+n > modelPages { // clamped
			want = s.allows(at*pg, (modelPages-at)*pg, func(p *modelPage) bool { return p.prot.Allows(prot) })
		}
		return expect("wire", want, m.Wire(d.th, addr, size, prot))
	case "unwire":
		m.Wire(d.th, addr, size, mach.ProtNone)
	case "drop":
		m.DropTranslations(func(va mach.Addr) bool { return uint16(va/pg)%3 == op.D%3 })
	case "exit":
		if len(d.maps) > 1 {
			m.Destroy(d.th)
			d.maps = append(d.maps[:i], d.maps[i+1:]...)
			d.models = append(d.models[:i], d.models[i+1:]...)
		}
	}
	return nil
}

// fresh makes n new pages.
func (s *modelSpace) fresh(at, n int) {
	for j := at; j < at+n; j++ {
		s[j] = newModelPage()
	}
}

// send passes bytes of one space to another as out-of-line memory.
func (d *duel) send(i, j, at, n int, deallocate bool, opt mach.CopyOption) error {
	s, to := d.models[i], d.models[j]
	c, _, ret := d.maps[i].CopyinMemory(d.th, mach.Addr(at), mach.Size(n), opt, deallocate)
	want := ok
	if s.allows(at, n, readable) != ok {
		want = mach.SendInvalidMemory
	}
	if want != ret {
		return fmt.Errorf("copyin: model says %v, map %v", want, ret)
	}
	if ret != ok {
		return nil
	}
	b := make([]byte, n)
	s.read(at, b)
	for k := at / pg; deallocate && k*pg < at+n; k++ {
		s[k] = nil
	}
	in := at % pg
	if c.(*Copy).buffer || opt == mach.CopyPhysical && n > int(bufferMax) && !deallocate {
		in = 0
	}
	pages := (in + n + pg - 1) / pg
	place := to.place(0, pages)
	got, ret := d.maps[j].CopyoutMemory(d.th, c)
	if place < 0 {
		c.Discard(d.th)
		if ret != noSpace {
			return fmt.Errorf("copyout into a full map: %v", ret)
		}
		return nil
	}
	if ret != ok || got != mach.Addr(place*pg+in) {
		return fmt.Errorf("copyout: model places at %#x, map at %v (%v)", place*pg+in, got, ret)
	}
	to.fresh(place, pages)
	to.write(place*pg+in, b)
	return nil
}

func (d *duel) remap(m *Map, s *modelSpace, j, at, n int, copied bool) error {
	to := d.models[j]
	a := RemapArgs{Size: mach.Size(n * pg), Anywhere: true, Source: m, SourceAddr: mach.Addr(at * pg), Copy: copied, Inherit: mach.InheritCopy}
	ret := d.maps[j].Remap(d.th, &a)
	want := s.allows(at*pg, n*pg, func(*modelPage) bool { return true })
	place := to.place(0, n)
	if want == ok && place < 0 {
		want = noSpace
	}
	if want != ret {
		return fmt.Errorf("remap: model says %v, map %v", want, ret)
	}
	if ret != ok {
		return nil
	}
	if a.Addr != mach.Addr(place*pg) {
		return fmt.Errorf("remap: model places at %#x, map at %v", place*pg, a.Addr)
	}
	pages := make([]*modelPage, n)
	for k := range pages {
		q := *s[at+k]
		if copied {
			q = *s[at+k].copied()
		}
		q.inherit = mach.InheritCopy
		pages[k] = &q
	}
	copy(to[place:], pages)
	return nil
}

// compare holds every page of every map against the model, through the map and without disturbing it.
func (d *duel) compare() error {
	for i, m := range d.maps {
		for j, p := range d.models[i] {
			e, found := m.lookup(mach.Addr(j * pg))
			if found != (p != nil) {
				return fmt.Errorf("map %d page %d: model %v, map %v", i, j, p != nil, found)
			}
			if p == nil {
				continue
			}
			if e.prot != p.prot || e.maxProt != p.max || e.inherit != p.inherit {
				return fmt.Errorf("map %d page %d: model %v/%v %v, map %v/%v %v", i, j, p.prot, p.max, p.inherit, e.prot, e.maxProt, e.inherit)
			}
			var got [pg]byte
			if e.object != nil {
				q, known := e.object.peek(e.offsetOf(mach.Addr(j * pg)))
				if !known {
					return fmt.Errorf("map %d page %d: something is going on", i, j)
				}
				if q != nil {
					copy(got[:], d.h.frames.read(q.frame))
				}
			}
			if got != p.b {
				return fmt.Errorf("map %d page %d: model has % x, map % x", i, j, p.b, got)
			}
		}
	}
	return d.h.CheckIdle()
}

// duelOver runs ops on fresh maps and models and returns the first difference.
func duelOver(t testing.TB, ops []modelOp, glue bool) error {
	r := newRig(t, Config{AddressTop: modelPages * pg, Frames: 4000}, func(p *personality.Personality) {
		if glue {
			p.EntryCoalescing = personality.CoalesceBoth
		}
	})
	defer r.sched.Shutdown()
	d := &duel{h: r.host, tasks: 1}
	d.add(r.host.NewMap(1, "first"), &modelSpace{})
	var failed error
	r.sched.Spawn("duel", func(th *sched.Thread) {
		d.th = th
		for i, op := range ops {
			err := d.step(op)
			if err == nil {
				err = d.compare()
			}
			if err != nil {
				failed = fmt.Errorf("step %d, %+v: %w", i, op, err)
				return
			}
		}
		for _, m := range d.maps {
			m.Destroy(th)
		}
	})
	o := r.sched.Run()
	switch {
	case o.Err != nil:
		return o.Err
	case failed != nil:
		return failed
	case r.host.frames.free() != r.host.frames.total || r.host.objects != 0:
		return fmt.Errorf("%d frames and %d objects are left", r.host.frames.total-r.host.frames.free(), r.host.objects)
	}
	return nil
}

// Any sequence of operations on anonymous memory does what it does to plain arrays of bytes, and leaves
// everything accounted for (VM-001 to VM-106, VM-140 to VM-160, VM-232).
func TestMapsAgainstModel(t *testing.T) {
	for seed := range uint64(*modelRuns) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		ops := make([]modelOp, 150)
		for i := range ops {
			ops[i] = modelOp{
				Kind: modelKinds[rnd.IntN(len(modelKinds))],
				A:    uint16(rnd.Uint32()), B: uint16(rnd.Uint32()), C: uint16(rnd.Uint32()), D: uint16(rnd.Uint32()),
			}
		}
		err := duelOver(t, ops, seed%3 == 0)
		if err == nil {
			continue
		}
		// Leave out what is not needed for a difference.
		for i := 0; i < len(ops); {
			fewer := slices.Delete(slices.Clone(ops), i, i+1)
			if e := duelOver(t, fewer, seed%3 == 0); e != nil {
				ops, err = fewer, e
			} else {
				i++
			}
		}
		for _, op := range ops {
			t.Logf("%+v", op)
		}
		t.Fatalf("seed %d: %v", seed, err)
	}
}

var modelRuns = flag.Int("model.runs", 200, "random sequences of TestMapsAgainstModel")
