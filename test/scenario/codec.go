package scenario

import (
	"fmt"
	"reflect"

	"go.starlark.net/starlark"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// region is out-of-line memory of a message as a script has it: address and size in the thread's task, and, if the
// script has chosen it itself, how it is sent.
type region struct {
	mach.Region
	chosen               bool
	deallocate, physical bool
}

// newRegion is region(address, size, deallocate=False, physical=False): memory of the thread's task for a message to
// carry.
func newRegion(_ *play, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var addr, n size
	r := region{chosen: true}
	if err := starlark.UnpackArgs("region", args, kwargs, "address", &addr, "size", &n, "deallocate?", &r.deallocate, "physical?", &r.physical); err != nil {
		return nil, err
	}
	r.Region = mach.Region{Address: mach.Addr(addr), Size: mach.Size(n)}
	return r, nil
}

// rightArg is a port argument with a disposition of the script's choice: right(name, MAKE_SEND).
type rightArg struct {
	port starlark.Value
	disp mach.Disposition
}

// fielder is what encoding needs from the thread that sends: names for ports, and memory to send.
type fielder interface {
	portName(v starlark.Value) (mach.Name, error)
	place(data []byte) (region, error)
}

// encode makes m the request or reply of row that fields state, in the user form: header and descriptors
// with names, body in wire form. A right without a word about it has the disposition of the row; memory
// given as bytes is placed in fresh memory that leaves the sender with the message. What is missing and has
// no zero value is an error that names the argument.
func encode(f fielder, row *mig.Row, dir mig.Dir, form mig.Form, fields starlark.StringDict, m *mach.UserMessage) error {
	m.Reset()
	if m.ID = row.ID(form.Set); dir == mig.Reply {
		m.ID = row.ReplyID(form.Set)
		m.Body = mach.Words.AppendUint32(m.Body, uint32(mach.KernSuccess))
	}
	if m.ID == 0 {
		return fmt.Errorf("%s has no number in the message set %s", row, form.Set)
	}
	for _, a := range row.Args(dir) {
		if a.Kind == mig.ArgSeqno || a.Option == "name" && !form.WithName {
			continue
		}
		v, ok := fields[a.Name]
		if !ok {
			return fmt.Errorf("%s: missing argument %s", row, a.Name)
		}
		if err := encodeArg(f, a, form, v, m); err != nil {
			return fmt.Errorf("%s: argument %s: %w", row, a.Name, err)
		}
	}
	m.Complex = len(m.Descs) > 0
	return nil
}

func encodeArg(f fielder, a mig.Arg, form mig.Form, v starlark.Value, m *mach.UserMessage) error {
	disp := a.Disposition[form.Set]
	if r, ok := v.(rightArg); ok {
		v, disp = r.port, r.disp
	}
	switch a.Kind {
	case mig.ArgDest:
		name, err := f.portName(v)
		m.Remote, m.RemoteDisp = name, disp
		return err
	case mig.ArgPort:
		name, err := f.portName(v)
		m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPort, Disp: disp, Port: name})
		return err
	case mig.ArgPorts:
		data, err := nameWords(f, v)
		if err != nil {
			return err
		}
		r, err := f.place(data)
		m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPorts, Disp: disp,
			Copy: mach.CopyVirtual, Deallocate: true, Memory: r.Region})
		return err
	case mig.ArgMemory:
		d := mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory, Copy: mach.CopyVirtual}
		switch v := v.(type) {
		case region:
			d.Memory, d.Deallocate = v.Region, a.Deallocate
			if v.chosen {
				d.Deallocate = v.deallocate
			}
			if v.physical {
				d.Copy = mach.CopyPhysical
			}
		case starlark.Bytes:
			r, err := f.place([]byte(v))
			if err != nil {
				return err
			}
			d.Memory, d.Deallocate = r.Region, true
		default:
			return fmt.Errorf("got %s, want bytes or a region", v.Type())
		}
		m.Descs = append(m.Descs, d)
		return nil
	}
	if a.Type == typeName {
		name, err := f.portName(v)
		m.Body = mach.Words.AppendUint32(m.Body, uint32(name))
		return err
	}
	body, err := appendInline(m.Body, a, v)
	m.Body = body
	return err
}

var typeName = reflect.TypeFor[mach.Name]()

// appendInline puts an argument of the body behind b.
func appendInline(b []byte, a mig.Arg, v starlark.Value) ([]byte, error) {
	switch a.Kind {
	case mig.ArgWord:
		w, err := wordOf(v, a.Type)
		return mach.Words.AppendUint32(b, uint32(w)), err
	case mig.ArgWide:
		w, err := wordOf(v, a.Type)
		return mach.Words.AppendUint64(b, w), err
	case mig.ArgBytes:
		data, ok := bytesOf(v)
		if !ok {
			return b, fmt.Errorf("got %s, want bytes", v.Type())
		}
		b = append(mach.Words.AppendUint32(b, uint32(len(data))), data...)
		for n := len(data); n%4 != 0; n++ {
			b = append(b, 0)
		}
		return b, nil
	case mig.ArgWords:
		list, ok := v.(starlark.Indexable)
		if !ok {
			return b, fmt.Errorf("got %s, want a list", v.Type())
		}
		b = mach.Words.AppendUint32(b, uint32(list.Len()))
		for i := range list.Len() {
			w, err := wordOf(list.Index(i), a.Type.Elem())
			if err != nil {
				return b, err
			}
			b = mach.Words.AppendUint32(b, uint32(w))
		}
		return b, nil
	}
	return b, fmt.Errorf("a %s cannot stand in a body", a.Kind)
}

// nameWords is a list of ports as an array of names.
func nameWords(f fielder, v starlark.Value) ([]byte, error) {
	list, ok := v.(starlark.Indexable)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list of ports", v.Type())
	}
	var data []byte
	for i := range list.Len() {
		name, err := f.portName(list.Index(i))
		if err != nil {
			return nil, err
		}
		data = mach.Words.AppendUint32(data, uint32(name))
	}
	return data, nil
}

// wordOf is a script's number or truth value as a field of type t.
func wordOf(v starlark.Value, t reflect.Type) (uint64, error) {
	if b, ok := v.(starlark.Bool); ok && t.Kind() == reflect.Bool {
		if b {
			return 1, nil
		}
		return 0, nil
	}
	i, ok := v.(starlark.Int)
	if !ok {
		if c, isCode := v.(code); isCode {
			return uint64(uint32(c.Return)), nil
		}
		return 0, fmt.Errorf("got %s, want %s", v.Type(), t.Kind())
	}
	if t.Kind() == reflect.Bool {
		return 0, fmt.Errorf("got int, want bool")
	}
	bits := t.Bits()
	if n, ok := i.Uint64(); ok && (bits == 64 || n < 1<<bits) {
		return n, nil
	}
	if n, ok := i.Int64(); ok && n < 0 && n >= -1<<(bits-1) {
		return uint64(n) & (1<<(bits-1)<<1 - 1), nil
	}
	return 0, fmt.Errorf("%s does not fit %d bits", i, bits)
}

func bytesOf(v starlark.Value) ([]byte, bool) {
	switch v := v.(type) {
	case starlark.Bytes:
		return []byte(v), true
	case starlark.String:
		return []byte(v), true
	}
	return nil, false
}

// decode is a received message as a script sees it: one value per argument of the row. Rights are the
// names they got, memory is a region of the receiver. rights holds, for every right, what kind arrived.
// What does not match the row is a bad message, with the codes of MIG.
func decode(row *mig.Row, dir mig.Dir, form mig.Form, m *mach.UserMessage) (fields, rights starlark.StringDict, ret mach.Return) {
	fields, rights = starlark.StringDict{}, starlark.StringDict{}
	body, next := m.Body, 0
	if dir == mig.Reply {
		if len(body) < 4 {
			return nil, nil, mach.MigBadArguments
		}
		if ret := mach.Return(mach.Words.Uint32(body)); ret != mach.KernSuccess {
			return nil, nil, ret
		}
		body = body[4:]
	}
	for _, a := range row.Args(dir) {
		if a.Option == "name" && !form.WithName {
			continue
		}
		switch a.Kind {
		case mig.ArgDest:
			fields[a.Name], rights[a.Name] = nameValue(m.Local), rightKind(m.LocalDisp)
		case mig.ArgSeqno:
			fields[a.Name] = starlark.MakeUint64(uint64(m.Trailer.Seqno))
		case mig.ArgPort, mig.ArgPorts, mig.ArgMemory:
			if next == len(m.Descs) {
				return nil, nil, mach.MigBadArguments
			}
			d := &m.Descs[next]
			next++
			if (d.Kind == mach.DescPort) != (a.Kind == mig.ArgPort) {
				return nil, nil, mach.MigTypeError
			}
			if a.Kind != mig.ArgMemory {
				rights[a.Name] = rightKind(d.Disp)
			}
			if a.Kind == mig.ArgPort {
				fields[a.Name] = nameValue(d.Port)
			} else {
				fields[a.Name] = region{Region: d.Memory}
			}
		default:
			var ok bool
			if fields[a.Name], body, ok = readInline(body, a); !ok {
				return nil, nil, mach.MigBadArguments
			}
		}
	}
	if next != len(m.Descs) || len(body) > 0 {
		return nil, nil, mach.MigBadArguments
	}
	return fields, rights, mach.KernSuccess
}

// readInline takes an argument off the front of a body.
func readInline(b []byte, a mig.Arg) (starlark.Value, []byte, bool) {
	switch a.Kind {
	case mig.ArgWord:
		if len(b) < 4 {
			return nil, b, false
		}
		return scalar(uint64(mach.Words.Uint32(b)), a.Type), b[4:], true
	case mig.ArgWide:
		if len(b) < 8 {
			return nil, b, false
		}
		return scalar(mach.Words.Uint64(b), a.Type), b[8:], true
	}
	if len(b) < 4 {
		return nil, b, false
	}
	n := uint64(mach.Words.Uint32(b))
	b = b[4:]
	if a.Kind == mig.ArgBytes {
		size := (n + 3) &^ 3
		if size > uint64(len(b)) {
			return nil, b, false
		}
		return starlark.Bytes(b[:n]), b[size:], true
	}
	if 4*n > uint64(len(b)) {
		return nil, b, false
	}
	words := make([]starlark.Value, n)
	for i := range words {
		words[i] = scalar(uint64(mach.Words.Uint32(b[4*i:])), a.Type.Elem())
	}
	return starlark.NewList(words), b[4*n:], true
}

// scalar is a word of a message as a value of type t.
func scalar(w uint64, t reflect.Type) starlark.Value {
	switch {
	case t == reflect.TypeFor[mach.Return]():
		return code{mach.Return(w)}
	case t == typeName:
		return nameValue(mach.Name(w))
	case t.Kind() == reflect.Bool:
		return starlark.Bool(w != 0)
	case t.Kind() == reflect.Int32:
		return starlark.MakeInt64(int64(int32(w)))
	case t.Kind() == reflect.Int64:
		return starlark.MakeInt64(int64(w))
	}
	return starlark.MakeUint64(w)
}

func nameValue(n mach.Name) starlark.Value { return starlark.MakeUint64(uint64(n)) }

// rightKind is the kind of right that arrived, as the constant a script compares with.
func rightKind(d mach.Disposition) starlark.Value {
	switch d.Arrives() {
	case mach.PortReceive:
		return starlark.MakeInt(int(mach.RightReceive))
	case mach.PortSendOnce:
		return starlark.MakeInt(int(mach.RightSendOnce))
	}
	return starlark.MakeInt(int(mach.RightSend))
}
