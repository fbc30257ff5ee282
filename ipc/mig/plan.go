package mig

import (
	"fmt"
	"reflect"
	"strings"

	"machvm/kernel/mach"
)

// descOp moves one right, array or region between a struct field and a descriptor.
type descOp struct {
	kind       ArgKind
	disp       [Sets]mach.Disposition
	poly       bool // companion holds the disposition
	strict     bool // but the right must arrive as the tag says
	option     bool // present only WithName
	deallocate bool
	naming     bool    // port array in user form: the field is a region
	offset     uintptr // of the field
	companion  uintptr // of the companion, noField if there is none
}

// bodyOp moves one inline value.
type bodyOp struct {
	code   opCode
	max    uint32
	offset uintptr
}

type opCode uint8

const (
	opWord  opCode = iota // 32-bit integer
	opBool                // one byte, as a word 0 or 1
	opByte                // uint8 as a word
	opWide                // 64 bits
	opBytes               // []byte
	opWords               // slice of 32-bit integers
	opWides               // slice of 64-bit integers
)

const noField = ^uintptr(0)

// plan is what a codec runs: a shape with the offsets of a concrete struct.
type plan struct {
	dest     *descOp // nil in a reply
	seqno    uintptr
	descs    []descOp
	optional int // how many of descs are optional
	body     []bodyOp
	fixed    int // bytes of the body if it holds no array, else -1
}

// newPlan fits struct t, whose ports have type port and whose memory has type memory, to a shape. It
// panics if they differ, which can only happen while the program starts.
func newPlan(r *Row, dir Dir, t, port, memory reflect.Type) plan {
	sh := r.shapes[dir]
	if sh == nil {
		panic(fmt.Sprintf("mig: %s is a simple routine and has no %s", r.Name, dir))
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != sh.proto.PkgPath() || baseName(t) != baseName(sh.proto) {
		panic(fmt.Sprintf("mig: %v is not the %s of %s", t, dir, r.Name))
	}
	for i := range t.NumField() {
		f, proto := t.Field(i), sh.proto.Field(i)
		ok := f.Name == proto.Name && f.Tag == proto.Tag
		switch proto.Type {
		case protoPort:
			ok = ok && f.Type == port
		case protoMemory:
			ok = ok && f.Type == memory
		case protoPorts:
			ok = ok && (f.Type == memory || f.Type == reflect.SliceOf(port))
		default:
			ok = ok && f.Type == proto.Type
		}
		if !ok {
			panic(fmt.Sprintf("mig: field %s of %v is not that of the %s of %s", f.Name, t, dir, r.Name))
		}
	}
	p := plan{seqno: noField}
	if dir == Reply {
		p.fixed = 4 // return code
	}
	for i := range sh.args {
		a := &sh.args[i]
		f := t.Field(a.field)
		switch {
		case a.Kind == ArgSeqno:
			p.seqno = f.Offset
		case a.Kind == ArgDest || a.Kind.descriptor():
			op := descOp{kind: a.Kind, disp: a.Disposition, poly: a.Poly, strict: a.Strict, option: a.Option != "",
				deallocate: a.Deallocate, naming: f.Type == memory, offset: f.Offset, companion: noField}
			if a.companion >= 0 {
				op.companion = t.Field(a.companion).Offset
			}
			if a.Kind == ArgDest {
				p.dest = &op
				break
			}
			if op.option {
				p.optional++
			}
			p.descs = append(p.descs, op)
		default:
			p.addBody(a, f)
		}
	}
	return p
}

// baseName is the name of t without type arguments.
func baseName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

func (p *plan) addBody(a *Arg, f reflect.StructField) {
	op := bodyOp{offset: f.Offset, max: uint32(a.Max)}
	size := 4
	switch {
	case a.Kind == ArgWide:
		op.code, size = opWide, 8
	case a.Kind >= ArgBytes:
		op.code, size = opBytes+opCode(a.Kind-ArgBytes), -1
	case f.Type.Kind() == reflect.Bool:
		op.code = opBool
	case f.Type.Kind() == reflect.Uint8:
		op.code = opByte
	}
	if size < 0 || p.fixed < 0 {
		p.fixed = -1
	} else {
		p.fixed += size
	}
	p.body = append(p.body, op)
}

// bodyFits reports whether b has exactly the size that the inline values need, beginning with the return
// code in a reply, and no array is longer than declared.
func (p *plan) bodyFits(b []byte, dir Dir) bool {
	if p.fixed >= 0 {
		return len(b) == p.fixed
	}
	n := 0
	if dir == Reply {
		n = 4
	}
	for i := range p.body {
		op := &p.body[i]
		switch op.code {
		case opWide:
			n += 8
		case opBytes, opWords, opWides:
			if n+4 > len(b) {
				return false
			}
			count := mach.Words.Uint32(b[n:])
			if count > op.max {
				return false
			}
			n += 4 + arraySize(op.code, int(count))
		default:
			n += 4
		}
		if n > len(b) {
			return false
		}
	}
	return n == len(b)
}

// arraySize is the number of bytes that n elements of an inline array take.
func arraySize(code opCode, n int) int {
	switch code {
	case opWords:
		return 4 * n
	case opWides:
		return 8 * n
	}
	return (n + 3) &^ 3
}
