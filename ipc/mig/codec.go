package mig

import (
	"reflect"
	"unsafe"

	"machvm/kernel/mach"
)

// spendable is what a linear port form can tell about a cell: whether the right in it was taken, and how
// the right shows to its receiver.
type spendable interface {
	IsSpent() bool
	Disposition() mach.Disposition
}

// Codec translates one message between its struct T and its shape in flight, with ports of form P and
// memory of form M. It is made once, by For, and does not change; any number of threads may use it.
type Codec[T, P, M any] struct {
	row    *Row
	dir    Dir
	linear bool // ports and memory move; false for names and regions, which are copied
	plan   plan
}

// For makes the codec of a row's request or reply. It panics if T is not the struct of that message in
// the given forms; make codecs while the program starts.
func For[T, P, M any](row *Row, dir Dir) *Codec[T, P, M] {
	return &Codec[T, P, M]{row: row, dir: dir,
		linear: reflect.TypeFor[P]() != reflect.TypeFor[mach.Name](),
		plan:   newPlan(row, dir, reflect.TypeFor[T](), reflect.TypeFor[P](), reflect.TypeFor[M]())}
}

// Row is the row the codec was made from.
func (c *Codec[T, P, M]) Row() *Row { return c.row }

// ID is the number of the message in a set, 0 if the set lacks it.
func (c *Codec[T, P, M]) ID(set Set) mach.MsgID {
	if c.dir == Reply {
		return c.row.ReplyID(set)
	}
	return c.row.ID(set)
}

// Encode makes m the message that v states: number, descriptors, body and, for a request, the
// destination in Remote. Local, and the ports in the header of a reply, are left to the caller. It
// allocates nothing once m has capacity.
//
// In the linear form rights are already made, so dispositions are written as the receiver will see them
// (MakeSend as PortSend), and that of a polymorphic right is the right's own.
//
// Errors, after which v and the rights in it are unchanged: MIG_BAD_ID, the message set of the form
// lacks the message; MIG_BAD_ARGUMENTS, an inline array is longer than declared.
func (c *Codec[T, P, M]) Encode(v *T, m *mach.Message[P, M], form Form) mach.Return {
	id := c.ID(form.Set)
	if id == 0 {
		return mach.MigBadID
	}
	base := unsafe.Pointer(v)
	for i := range c.plan.body {
		// The length of a slice does not depend on what it is a slice of.
		if op := &c.plan.body[i]; op.code >= opBytes && len(*(*[]byte)(unsafe.Add(base, op.offset))) > int(op.max) {
			return mach.MigBadArguments
		}
	}
	m.ID = id
	if op := c.plan.dest; op != nil {
		m.Remote = move(c.linear, (*P)(unsafe.Add(base, op.offset)))
		m.RemoteDisp = c.disposition(base, op, form.Set)
		if c.linear && op.poly {
			own(&m.Remote, &m.RemoteDisp)
		}
	}
	m.Descs = m.Descs[:0]
	for i := range c.plan.descs {
		op := &c.plan.descs[i]
		if op.option && !form.WithName {
			continue
		}
		m.Descs = append(m.Descs, mach.Desc[P, M]{})
		d := &m.Descs[len(m.Descs)-1]
		c.transfer(base, op, d, true)
		switch op.kind {
		case ArgPort:
			d.Kind, d.Disp = mach.DescPort, c.disposition(base, op, form.Set)
			if c.linear && op.poly {
				own(&d.Port, &d.Disp)
			}
		case ArgMemory:
			d.Kind, d.Copy, d.Deallocate = mach.DescMemory, mach.CopyVirtual, op.takes(base)
		case ArgPorts:
			d.Kind, d.Disp, d.Deallocate = mach.DescPorts, c.disposition(base, op, form.Set), op.takes(base)
		}
	}
	m.Complex = len(m.Descs) > 0
	m.Body = c.encodeBody(base, m.Body[:0])
	return mach.KernSuccess
}

func (c *Codec[T, P, M]) encodeBody(base unsafe.Pointer, b []byte) []byte {
	if c.dir == Reply {
		b = mach.Words.AppendUint32(b, uint32(mach.KernSuccess))
	}
	for i := range c.plan.body {
		op := &c.plan.body[i]
		at := unsafe.Add(base, op.offset)
		switch op.code {
		case opWord:
			b = mach.Words.AppendUint32(b, *(*uint32)(at))
		case opBool, opByte:
			b = mach.Words.AppendUint32(b, uint32(*(*uint8)(at)))
		case opWide:
			b = mach.Words.AppendUint64(b, *(*uint64)(at))
		case opBytes:
			s := *(*[]byte)(at)
			b = append(mach.Words.AppendUint32(b, uint32(len(s))), s...)
			for n := len(s); n%4 != 0; n++ {
				b = append(b, 0)
			}
		case opWords:
			s := *(*[]uint32)(at)
			b = mach.Words.AppendUint32(b, uint32(len(s)))
			for _, w := range s {
				b = mach.Words.AppendUint32(b, w)
			}
		case opWides:
			s := *(*[]uint64)(at)
			b = mach.Words.AppendUint32(b, uint32(len(s)))
			for _, w := range s {
				b = mach.Words.AppendUint64(b, w)
			}
		}
	}
	return b
}

// Decode reads m, as its receiver has it, into v. In the linear form ports and memory move out of the
// descriptors and the destination of v stays zero; in the user form they are copied and the destination
// is Local. Arrays in v are new.
//
// A reply with a return code other than KERN_SUCCESS is that return code. Errors: MIG_BAD_ID, or
// MIG_REPLY_MISMATCH for a reply, m has another number; MIG_TYPE_ERROR, a descriptor is of another kind
// or carries another kind of right; MIG_BAD_ARGUMENTS, another number of descriptors, another size, or
// an array longer than declared. After an error v is zero and m is as it was.
func (c *Codec[T, P, M]) Decode(m *mach.Message[P, M], v *T, form Form) mach.Return {
	*v = *new(T)
	if r := c.check(m, form); r != mach.KernSuccess {
		return r
	}
	base := unsafe.Pointer(v)
	if c.plan.seqno != noField {
		*(*uint32)(unsafe.Add(base, c.plan.seqno)) = m.Trailer.Seqno
	}
	if op := c.plan.dest; op != nil {
		if !c.linear {
			*(*P)(unsafe.Add(base, op.offset)) = m.Local
		}
		if op.poly {
			*(*mach.Disposition)(unsafe.Add(base, op.companion)) = m.LocalDisp
		}
	}
	next := 0
	for i := range c.plan.descs {
		op := &c.plan.descs[i]
		if op.option && !form.WithName {
			continue
		}
		d := &m.Descs[next]
		next++
		c.transfer(base, op, d, false)
		if op.companion != noField {
			if op.poly {
				*(*mach.Disposition)(unsafe.Add(base, op.companion)) = d.Disp
			} else {
				*(*bool)(unsafe.Add(base, op.companion)) = d.Deallocate
			}
		}
	}
	b := m.Body
	if c.dir == Reply {
		b = b[4:]
	}
	c.decodeBody(base, b)
	return mach.KernSuccess
}

// check holds everything about m against the plan, so that the rest of Decode cannot fail.
func (c *Codec[T, P, M]) check(m *mach.Message[P, M], form Form) mach.Return {
	if id := c.ID(form.Set); id == 0 || m.ID != id {
		if c.dir == Reply {
			return mach.MigReplyMismatch
		}
		return mach.MigBadID
	}
	if c.dir == Reply {
		if len(m.Body) < 4 {
			return mach.MigBadArguments
		}
		if code := mach.Return(mach.Words.Uint32(m.Body)); code != mach.KernSuccess {
			if m.Complex || len(m.Body) != 4 {
				return mach.MigBadArguments
			}
			return code
		}
	}
	want := len(c.plan.descs)
	if !form.WithName {
		want -= c.plan.optional
	}
	if m.Complex != (want > 0) || len(m.Descs) != want || !c.plan.bodyFits(m.Body, c.dir) {
		return mach.MigBadArguments
	}
	next := 0
	for i := range c.plan.descs {
		op := &c.plan.descs[i]
		if op.option && !form.WithName {
			continue
		}
		d := &m.Descs[next]
		next++
		ok := false
		switch op.kind {
		case ArgPort:
			ok = d.Kind == mach.DescPort && op.accepts(d.Disp, form.Set)
		case ArgPorts:
			ok = d.Kind == mach.DescPorts && op.accepts(d.Disp, form.Set)
		case ArgMemory:
			ok = d.Kind == mach.DescMemory || d.Kind == mach.DescVolatileMem
		}
		if !ok {
			return mach.MigTypeError
		}
	}
	return mach.KernSuccess
}

func (c *Codec[T, P, M]) decodeBody(base unsafe.Pointer, b []byte) {
	for i := range c.plan.body {
		op := &c.plan.body[i]
		at := unsafe.Add(base, op.offset)
		w := mach.Words.Uint32(b)
		switch op.code {
		case opWord:
			*(*uint32)(at) = w
		case opBool:
			*(*bool)(at) = w != 0
		case opByte:
			*(*uint8)(at) = uint8(min(w, 0xff)) // no value that needs more bits becomes a legal one
		case opWide:
			*(*uint64)(at) = mach.Words.Uint64(b)
			b = b[8:]
			continue
		case opBytes:
			if w > 0 {
				*(*[]byte)(at) = append([]byte(nil), b[4:4+w]...)
			}
			b = b[arraySize(opBytes, int(w)):]
		case opWords:
			if w > 0 {
				s := make([]uint32, w)
				for j := range s {
					s[j] = mach.Words.Uint32(b[4+4*j:])
				}
				*(*[]uint32)(at) = s
			}
			b = b[arraySize(opWords, int(w)):]
		case opWides:
			if w > 0 {
				s := make([]uint64, w)
				for j := range s {
					s[j] = mach.Words.Uint64(b[4+8*j:])
				}
				*(*[]uint64)(at) = s
			}
			b = b[arraySize(opWides, int(w)):]
		}
		b = b[4:]
	}
}

// Restore moves back into m, from which v was decoded, every port and memory that is still in v; a right
// that was taken leaves nothing. In the user form there is nothing to do.
func (c *Codec[T, P, M]) Restore(v *T, m *mach.Message[P, M], form Form) {
	if !c.linear {
		return
	}
	next := 0
	for i := range c.plan.descs {
		op := &c.plan.descs[i]
		if op.option && !form.WithName {
			continue
		}
		d := &m.Descs[next]
		next++
		c.transfer(unsafe.Pointer(v), op, d, true)
		clearSpent(&d.Port)
		for j := range d.Ports {
			clearSpent(&d.Ports[j])
		}
	}
}

// transfer moves, or copies, what op stands for from struct to descriptor, or back.
func (c *Codec[T, P, M]) transfer(base unsafe.Pointer, op *descOp, d *mach.Desc[P, M], toDesc bool) {
	switch at := unsafe.Add(base, op.offset); {
	case op.kind == ArgPort && toDesc:
		d.Port = move(c.linear, (*P)(at))
	case op.kind == ArgPort:
		*(*P)(at) = move(c.linear, &d.Port)
	case op.kind == ArgPorts && !op.naming && toDesc:
		d.Ports = move(c.linear, (*[]P)(at))
	case op.kind == ArgPorts && !op.naming:
		*(*[]P)(at) = move(c.linear, &d.Ports)
	case toDesc:
		d.Memory = move(c.linear, (*M)(at))
	default:
		*(*M)(at) = move(c.linear, &d.Memory)
	}
}

// Ports calls f with every port in v that was not taken, in the order of the descriptors, the elements
// of arrays included, and with the kind of right it is to its receiver. In the linear form the
// destination comes first.
func (c *Codec[T, P, M]) Ports(v *T, form Form, f func(p *P, disp mach.Disposition)) {
	base := unsafe.Pointer(v)
	visit := func(op *descOp, p *P) {
		if !spent(p) {
			disp := c.disposition(base, op, form.Set)
			if c.linear && op.poly {
				own(p, &disp)
			}
			f(p, disp.Arrives())
		}
	}
	if op := c.plan.dest; op != nil && c.linear {
		visit(op, (*P)(unsafe.Add(base, op.offset)))
	}
	for i := range c.plan.descs {
		op := &c.plan.descs[i]
		switch at := unsafe.Add(base, op.offset); {
		case op.kind == ArgPort:
			visit(op, (*P)(at))
		case op.kind == ArgPorts && !op.naming:
			s := *(*[]P)(at)
			for j := range s {
				visit(op, &s[j])
			}
		}
	}
}

// Memories calls f with every out-of-line memory in v in the order of the descriptors; in the user form
// that includes the regions which hold arrays of ports.
func (c *Codec[T, P, M]) Memories(v *T, f func(*M)) {
	for i := range c.plan.descs {
		if op := &c.plan.descs[i]; op.kind == ArgMemory || op.naming && op.kind == ArgPorts {
			f((*M)(unsafe.Add(unsafe.Pointer(v), op.offset)))
		}
	}
}

// disposition is the one to send with: the companion's if it names one, else the tag's.
func (c *Codec[T, P, M]) disposition(base unsafe.Pointer, op *descOp, set Set) mach.Disposition {
	d := op.disp[set]
	if op.poly {
		if chosen := *(*mach.Disposition)(unsafe.Add(base, op.companion)); chosen != mach.DispNone {
			d = chosen
		}
	}
	if c.linear {
		return d.Arrives()
	}
	return d
}

// accepts reports whether a right that arrived with d is of the declared kind.
func (op *descOp) accepts(d mach.Disposition, set Set) bool {
	if op.poly && !op.strict {
		return d.Valid()
	}
	return d.Arrives() == op.disp[set].Arrives()
}

// takes reports whether the memory leaves the sender.
func (op *descOp) takes(base unsafe.Pointer) bool {
	if op.companion != noField && !op.poly {
		return *(*bool)(unsafe.Add(base, op.companion))
	}
	return op.deallocate
}

// own replaces d by what the right in p says it is, if it is one that can say it. Encode gives it cells of
// the message only: a pointer in an interface escapes, and structs of callers should stay on their stacks.
func own[P any](p *P, d *mach.Disposition) {
	if s, ok := any(p).(spendable); ok {
		if is := s.Disposition(); is != mach.DispNone {
			*d = is
		}
	}
}

// spent reports whether p is a cell whose right was taken.
func spent[P any](p *P) bool {
	s, ok := any(p).(spendable)
	return ok && s.IsSpent()
}

func clearSpent[P any](p *P) {
	if spent(p) {
		*p = *new(P)
	}
}

// move is *p, which it clears if what it points to is linear.
func move[X any](linear bool, p *X) X {
	x := *p
	if linear {
		*p = *new(X)
	}
	return x
}
