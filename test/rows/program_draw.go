package rows

import "machvm/kernel/mach"

// subjects are what programs can be about: how likely each operation is. Chances to meet what is rare are better where
// a program does much of a kind.
var subjects = [][opCount]int{
	{ // a bit of everything
		OpAllocate: 5, OpMap: 3, OpMapObject: 9, OpDeallocate: 4,
		OpStore: 22, OpLoad: 6, OpProtect: 4, OpProtectMax: 1, OpInherit: 5, OpBehavior: 1,
		OpCopy: 7, OpRead: 3, OpReadOverwrite: 3, OpWrite: 4, OpRemap: 6,
		OpWire: 3, OpUnwire: 3, OpSync: 3, OpFork: 6, OpTerminate: 2,
		OpSend: 7, OpReceive: 7, OpMakeEntry: 4, OpMapEntry: 10,
		OpLook: 2, OpClean: 6, OpStored: 2, OpEvict: 6, OpPress: 1,
	},
	{ // copies of copies, and who goes first
		OpAllocate: 2, OpMapObject: 2, OpDeallocate: 3,
		OpStore: 40, OpLoad: 5, OpProtect: 3, OpInherit: 5,
		OpCopy: 3, OpRead: 2, OpRemap: 4, OpFork: 14, OpTerminate: 10,
		OpSend: 3, OpReceive: 3, OpLook: 2, OpEvict: 2,
	},
	{ // managers and shortage
		OpMapObject: 20, OpDeallocate: 6, OpStore: 30, OpLoad: 10, OpCopy: 5, OpRemap: 3, OpWire: 2, OpUnwire: 2,
		OpSync: 6, OpFork: 5, OpTerminate: 4, OpSend: 4, OpReceive: 4,
		OpLook: 2, OpClean: 12, OpStored: 5, OpEvict: 10, OpPress: 3,
	},
}

// Draw draws a program of n steps. It looks at the reference on the way, so that most steps are about something that
// is there.
func Draw(src Source, n int) Program {
	d := drawer{src: src}
	p := Program{Setup: d.setup()}
	d.w = newWorld(&p.Setup)
	d.weights = pick(&d, subjects...)
	for range tries * n {
		if len(p.Steps) == n {
			break
		}
		if s := d.step(); !d.w.step(s).skip {
			p.Steps = append(p.Steps, s)
		}
	}
	return p
}

// tries is how many steps are drawn at most for each that does something.
const tries = 4

// drawer chooses the operands of steps.
type drawer struct {
	src     Source
	w       *world
	weights [opCount]int
	stored  int // stores so far, each of another value
}

func (d *drawer) below(n int) int { return d.src.Intn(n) }

// oneIn is true once in about n times, and not where choices are used up.
func (d *drawer) oneIn(n int) bool { return d.below(n) == n-1 }

func pick[E any](d *drawer, list ...E) E { return list[d.below(len(list))] }

func (d *drawer) setup() Setup {
	s := Setup{Tasks: 1 + d.below(2)}
	for range d.below(maxObjects + 1) {
		s.Objects = append(s.Objects, Object{Pages: d.below(7), Strategy: pick(d, mach.CopyDelay, mach.CopyDelay, mach.CopyNone),
			MayCache: d.oneIn(3), Precious: d.oneIn(4), Locked: d.oneIn(4), Cluster: pick(d, 0, 0, 2, 4)})
	}
	if d.below(4) > 0 {
		s.Paging = pick(d, 1, 1, 4)
		s.Frames = pick(d, 0, 0, pressedFrames)
	}
	if d.oneIn(2) {
		s.Schedule = uint64(d.below(1 << 16))
	}
	for _, h := range habits {
		if d.oneIn(5) {
			s.Habits = append(s.Habits, h.field)
		}
	}
	return s
}

// step chooses an operation and all its operands, whether or not they count.
func (d *drawer) step() Step {
	s := Step{Op: d.op(), Prot: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}
	slots := d.w.live()
	if len(slots) == 0 {
		return s
	}
	s.Task = pick(d, slots...)
	s.Other = pick(d, slots...)
	t := d.w.tasks[s.Task]
	if t.used() < 4 && d.below(4) > 0 {
		s.Op = pick(d, OpAllocate, OpAllocate, OpMapObject, OpMapObject, OpRemap, OpReceive)
	}
	s.Addr, s.Size = d.span(t)
	switch s.Op {
	case OpStore:
		s.Along = d.oneIn(4)
		d.stored++
		s.Value = 1 + (d.stored-1)%0x7f
		s.Size = max(s.Size, 1)
		if d.oneIn(2) {
			s.Size = min(s.Size, 1+d.below(64))
		}
	case OpLoad:
		s.Along = d.oneIn(4)
		s.Size = max(s.Size, 1)
	case OpAllocate, OpMap, OpMapObject, OpMapEntry:
		d.placing(&s)
		if s.Size = d.pages(8); s.Op == OpMapEntry {
			d.inEntry(&s)
		}
	case OpProtect:
		s.Prot = pick(d, mach.ProtDefault, mach.ProtRead, mach.ProtNone, mach.ProtAll, mach.ProtWrite, mach.ProtDefault)
	case OpProtectMax:
		s.Prot = pick(d, mach.ProtDefault, mach.ProtRead, mach.ProtAll, mach.ProtDefault, mach.ProtNone, mach.ProtWrite)
	case OpInherit:
		s.Inherit = pick(d, mach.InheritShare, mach.InheritShare, mach.InheritCopy, mach.InheritNone)
	case OpDeallocate:
		s.Along = d.oneIn(3)
	case OpBehavior:
		s.Value = d.below(4)
	case OpCopy, OpReadOverwrite, OpWrite, OpRead, OpRemap:
		s.Along = d.oneIn(3)
		d.between(&s)
	case OpWire:
		s.Prot = pick(d, mach.ProtRead, mach.ProtDefault, mach.ProtWrite)
		s.Size = min(s.Size, 4*PageSize)
	case OpReceive:
		for _, i := range slots {
			if len(d.w.tasks[i].queue) > len(d.w.tasks[s.Task].queue) {
				s.Task = i
			}
		}
	case OpSync:
		s.Flush, s.Wanted = d.oneIn(2), d.oneIn(2)
	case OpFork:
		s.Other = d.below(maxTasks)
	case OpTerminate:
		s.Along = d.oneIn(2)
		if len(slots) == 1 {
			s.Op = OpLook
		}
	case OpSend:
		s.Copy, s.Flush = d.oneIn(3), d.oneIn(2)
		s.Size = max(s.Size, 1)
	case OpMakeEntry:
		s.Object, s.Copy = d.below(maxEntries), d.oneIn(2)
		s.Prot = pick(d, mach.ProtDefault, mach.ProtAll, mach.ProtRead, mach.ProtDefault, mach.ProtWrite)
	case OpClean:
		d.cleaning(&s)
	case OpStored:
		s.Object = d.below(maxObjects)
	case OpEvict:
		s.Value, s.Along = 1+d.below(30), d.oneIn(2)
	}
	return s
}

// op is any operation, by weight.
func (d *drawer) op() Op {
	all := 0
	for _, n := range d.weights {
		all += n
	}
	at := d.below(all)
	for op, n := range d.weights {
		if at < n {
			return Op(op)
		}
		at -= n
	}
	panic("rows: weights do not add up")
}

// span is a range, mostly of memory that the task has, and often of whole pages.
func (d *drawer) span(t *refTask) (addr, size int) {
	first, last := d.below(arena), arena
	if have := t.stretches(); len(have) > 0 && d.below(8) > 0 {
		r := pick(d, have...)
		first, last = r[0]+d.below(r[1]-r[0]), r[1]
	}
	addr, size = first*PageSize, d.pages(5)
	if d.oneIn(3) {
		addr += d.below(PageSize)
	}
	if d.below(8) > 0 {
		size = min(size, last*PageSize-addr)
	}
	return addr, size
}

// stretches is the first and last pages of what a task has without holes.
func (t *refTask) stretches() (list [][2]int) {
	for n, p := range t.pages {
		switch k := len(list); {
		case p.refBytes == nil:
		case k > 0 && list[k-1][1] == n:
			list[k-1][1]++
		default:
			list = append(list, [2]int{n, n + 1})
		}
	}
	return list
}

// pages is a size: mostly of up to n whole pages.
func (d *drawer) pages(n int) int {
	size := (1 + d.below(n)) * PageSize
	switch d.below(6) {
	case 4:
		size -= d.below(PageSize)
	case 5:
		size = d.below(24)
	}
	return size
}

// placing chooses where new memory goes, and what it is like.
func (d *drawer) placing(s *Step) {
	s.Wanted, s.Addr = d.oneIn(2), d.below(arena)*PageSize
	s.Object, s.To = d.below(maxObjects), d.below(8)*PageSize
	if d.oneIn(16) {
		s.To += 1 + d.below(PageSize-1)
	}
	s.Copy = d.oneIn(3)
	s.Inherit = pick(d, mach.InheritCopy, mach.InheritCopy, mach.InheritShare, mach.InheritNone)
	if d.oneIn(5) {
		s.Prot = pick(d, mach.ProtRead, mach.ProtNone, mach.ProtAll, mach.ProtWrite)
	}
	if d.oneIn(8) {
		s.Max = pick(d, mach.ProtDefault, mach.ProtRead, mach.ProtNone)
	}
}

// inEntry chooses a memory entry that there is, if any, and mostly a part of it.
func (d *drawer) inEntry(s *Step) {
	for i, e := range d.w.entries {
		if e == nil || i < s.Object && d.w.entries[s.Object] != nil {
			continue
		}
		s.Object = i
		if n := len(e.pages); d.below(6) > 0 {
			first := d.below(n)
			s.To, s.Size = first*PageSize, min(s.Size, (n-first)*PageSize)
		}
	}
}

// between chooses where a copy goes.
func (d *drawer) between(s *Step) {
	to, from := d.w.tasks[s.Task], d.w.tasks[s.Other]
	switch s.Op {
	case OpWrite:
		to, from = from, to
	case OpCopy:
		from = to
	}
	s.Addr, s.Size = d.span(from)
	s.To, _ = d.span(to)
	if s.Op == OpRemap {
		s.Wanted, s.To = d.oneIn(2), d.below(arena)*PageSize
		s.Copy, s.Inherit = d.oneIn(2), pick(d, mach.InheritCopy, mach.InheritShare, mach.InheritNone)
	} else if d.oneIn(2) {
		s.To = s.To/PageSize*PageSize + s.Addr%PageSize
	}
}

// cleaning chooses what a manager asks for.
func (d *drawer) cleaning(s *Step) {
	s.Object = d.below(maxObjects)
	s.Addr = d.below(objectSize) * PageSize
	s.Size = min(1+d.below(objectSize), objectSize-s.Addr/PageSize) * PageSize
	s.Flush, s.Return, s.Along = d.oneIn(2), d.oneIn(2), d.oneIn(2)
	s.Prot = pick(d, mach.ProtNoChange, mach.ProtNoChange, mach.ProtNone, mach.ProtWrite, mach.ProtAll)
}
