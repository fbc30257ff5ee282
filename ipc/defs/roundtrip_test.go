package defs_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// right stands for the kernel's right: linear, and able to say what it is.
type right struct {
	port  int
	kind  mach.Disposition
	spent bool
}

func (r right) IsSpent() bool { return r.spent }

func (r right) Disposition() mach.Disposition {
	if r.spent {
		panic("a spent right was asked for its kind")
	}
	return r.kind
}

// memory stands for the kernel's out-of-line memory.
type memory interface{ size() mach.Size }

type pages []byte

func (p *pages) size() mach.Size { return mach.Size(len(*p)) }

type kernelMessage = mach.Message[right, memory]

// message is one message of one row without its types.
type message struct {
	row        *mig.Row
	dir        mig.Dir
	user       func(t *testing.T, r *rand.Rand, form mig.Form, raw bool)
	kernel     func(t *testing.T, r *rand.Rand, form mig.Form)
	decodeUser func(t *testing.T, m *mach.UserMessage, form mig.Form) mach.Return
}

func both[U, K any](row *mig.Row, dir mig.Dir) message {
	uc := mig.For[U, mach.Name, mach.Region](row, dir)
	kc := mig.For[K, right, memory](row, dir)
	return message{row: row, dir: dir,
		user: func(t *testing.T, r *rand.Rand, form mig.Form, raw bool) {
			var want, got U
			random(r, reflect.ValueOf(&want).Elem(), row.Args(dir), form)
			var m mach.UserMessage
			require.Equal(t, mach.KernSuccess, uc.Encode(&want, &m, form))
			require.Equal(t, len(m.Descs) > 0, m.Complex)
			if raw {
				m = fromRaw(toRaw(&m))
			}
			receive(&m, &want)
			require.Equal(t, mach.KernSuccess, uc.Decode(&m, &got, form))
			require.Equal(t, want, got)
		},
		kernel: func(t *testing.T, r *rand.Rand, form mig.Form) {
			var v, want, got K
			random(r, reflect.ValueOf(&v).Elem(), row.Args(dir), form)
			want = v
			clearDest(reflect.ValueOf(&want).Elem(), row.Args(dir))
			var m kernelMessage
			require.Equal(t, mach.KernSuccess, kc.Encode(&v, &m, form))
			kc.Ports(&v, form, func(p *right, _ mach.Disposition) { require.Zero(t, *p, "encode moves rights") })
			kc.Memories(&v, func(p *memory) { require.Nil(t, *p, "encode moves memory") })
			for i := range m.Descs {
				if m.Descs[i].Kind == mach.DescPort {
					require.Equal(t, m.Descs[i].Disp.Arrives(), m.Descs[i].Disp, "rights are already made")
				}
			}
			if dir == mig.Request {
				require.NotZero(t, m.Remote)
				m.LocalDisp = m.RemoteDisp
			}
			m.Trailer.Seqno = seqnoOf(&want)
			before := m
			before.Descs = append([]mach.Desc[right, memory](nil), m.Descs...)
			require.Equal(t, mach.KernSuccess, kc.Decode(&m, &got, form))
			require.Equal(t, want, got)
			for _, d := range m.Descs {
				require.Zero(t, d.Port)
				require.Nil(t, d.Memory)
				require.Nil(t, d.Ports)
			}
			kc.Restore(&got, &m, form)
			require.Equal(t, before, m)
			kc.Ports(&got, form, func(p *right, _ mach.Disposition) { require.Zero(t, *p) })
		},
		decodeUser: func(t *testing.T, m *mach.UserMessage, form mig.Form) mach.Return {
			before := clone(m)
			var v, zero U
			code := uc.Decode(m, &v, form)
			require.Equal(t, before, *m, "decoding leaves a user message as it is")
			if code != mach.KernSuccess {
				require.Equal(t, zero, v)
				return code
			}
			var again mach.UserMessage
			require.Equal(t, mach.KernSuccess, uc.Encode(&v, &again, form))
			require.Equal(t, len(m.Body), len(again.Body))
			require.Equal(t, len(m.Descs), len(again.Descs))
			return code
		},
	}
}

// random fills v with values that encode and decode to themselves.
func random(r *rand.Rand, v reflect.Value, args []mig.Arg, form mig.Form) {
	t := v.Type()
	disp := map[string]mach.Disposition{} // of each right, by field
	for _, a := range args {
		f := field(v, a.Name)
		switch {
		case a.Option != "" && !form.WithName:
			continue
		case a.Kind == mig.ArgDest || a.Kind == mig.ArgPort || a.Kind == mig.ArgPorts:
			d := a.Disposition[form.Set]
			if a.Poly && !a.Strict {
				d = mach.MoveSend + mach.Disposition(r.IntN(5))
			}
			disp[fieldName(t, a.Name)] = d
			switch f.Interface().(type) {
			case mach.Name:
				f.Set(reflect.ValueOf(mach.Name(r.Uint32())))
			case right:
				disp[fieldName(t, a.Name)] = d.Arrives()
				f.Set(reflect.ValueOf(right{port: 1 + r.IntN(1000), kind: d.Arrives()}))
			case []right:
				s := make([]right, 1+r.IntN(4))
				for i := range s {
					s[i] = right{port: 1 + r.IntN(1000), kind: d.Arrives()}
				}
				f.Set(reflect.ValueOf(s))
			case mach.Region:
				f.Set(reflect.ValueOf(mach.Region{Address: mach.Addr(r.Uint32()), Size: 4 * mach.Size(r.IntN(100))}))
			}
		case a.Kind == mig.ArgMemory:
			if f.Type() == reflect.TypeFor[mach.Region]() {
				f.Set(reflect.ValueOf(mach.Region{Address: mach.Addr(r.Uint32()), Size: mach.Size(r.Uint32())}))
			} else {
				p := make(pages, r.IntN(8))
				f.Set(reflect.ValueOf(&p))
			}
		default:
			scalar(r, f, a.Max)
		}
	}
	for i := range t.NumField() {
		switch tag := t.Field(i).Tag.Get("mig"); {
		case len(tag) > 5 && tag[:5] == "poly=":
			v.Field(i).Set(reflect.ValueOf(disp[tag[5:]]))
		case len(tag) > 8 && tag[:8] == "dealloc=":
			v.Field(i).SetBool(r.IntN(2) == 0)
		}
	}
}

func scalar(r *rand.Rand, f reflect.Value, limit int) {
	switch f.Kind() {
	case reflect.Bool:
		f.SetBool(r.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		f.SetInt(int64(r.Uint64()) >> (64 - f.Type().Bits()))
	case reflect.Slice:
		if n := r.IntN(min(limit, 20) + 1); n > 0 {
			s := reflect.MakeSlice(f.Type(), n, n)
			for i := range n {
				scalar(r, s.Index(i), 0)
			}
			f.Set(s)
		}
	default:
		f.SetUint(r.Uint64() >> (64 - f.Type().Bits()))
	}
}

func fieldName(t reflect.Type, wire string) string {
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("mig")
		if tag == wire || len(tag) > len(wire) && tag[:len(wire)+1] == wire+"," {
			return t.Field(i).Name
		}
	}
	panic("no field for " + wire)
}

func field(v reflect.Value, wire string) reflect.Value {
	return v.FieldByName(fieldName(v.Type(), wire))
}

func clearDest(v reflect.Value, args []mig.Arg) {
	if len(args) > 0 && args[0].Kind == mig.ArgDest {
		field(v, args[0].Name).SetZero()
	}
}

func seqnoOf(v any) uint32 {
	if f, ok := reflect.TypeOf(v).Elem().FieldByName("Seqno"); ok && f.Tag.Get("mig") == "seqno,trailer" {
		return uint32(reflect.ValueOf(v).Elem().FieldByIndex(f.Index).Uint())
	}
	return 0
}

// receive turns m as sent into m as received.
func receive(m *mach.UserMessage, v any) {
	m.Local, m.LocalDisp = m.Remote, m.RemoteDisp
	m.Remote, m.RemoteDisp = 0, 0
	m.Trailer.Seqno = seqnoOf(v)
}

func toRaw(m *mach.UserMessage) []byte {
	b := make([]byte, mach.HeaderSize)
	mach.PutHeader(b, m, m.WireSize())
	if m.Complex {
		b = mach.Words.AppendUint32(b, uint32(len(m.Descs)))
		for i := range m.Descs {
			d := make([]byte, mach.DescriptorSize)
			mach.PutDescriptor(d, &m.Descs[i])
			b = append(b, d...)
		}
	}
	return append(b, m.Body...)
}

func fromRaw(b []byte) (m mach.UserMessage) {
	mach.GetHeader(b, &m)
	b = b[mach.HeaderSize:]
	if m.Complex && len(b) >= 4 {
		n := mach.Words.Uint32(b)
		b = b[4:]
		for ; n > 0 && len(b) >= int(mach.DescriptorSize); n-- {
			m.Descs = append(m.Descs, mach.GetDescriptor(b))
			b = b[mach.DescriptorSize:]
		}
	}
	m.Body = b
	return m
}

func clone(m *mach.UserMessage) mach.UserMessage {
	c := *m
	c.Descs = append([]mach.Desc[mach.Name, mach.Region](nil), m.Descs...)
	c.Body = append([]byte(nil), m.Body...)
	if m.Descs == nil {
		c.Descs = nil
	}
	if m.Body == nil {
		c.Body = nil
	} else if c.Body == nil {
		c.Body = []byte{}
	}
	return c
}

// forms are the forms in which a row's message exists.
func forms(row *mig.Row) (all []mig.Form) {
	for set := range mig.Set(mig.Sets) {
		if row.ID(set) != 0 {
			all = append(all, mig.Form{Set: set}, mig.Form{Set: set, WithName: true})
		}
	}
	return all
}

func TestEveryMessageIsHere(t *testing.T) {
	type key struct {
		row *mig.Row
		dir mig.Dir
	}
	have := map[key]bool{}
	for _, m := range messages {
		require.False(t, have[key{m.row, m.dir}], m.row)
		have[key{m.row, m.dir}] = true
	}
	for _, s := range defs.All() {
		for _, row := range s.Rows() {
			require.True(t, have[key{row, mig.Request}], row)
			require.Equal(t, row.Kind == mig.Routine, have[key{row, mig.Reply}], row)
		}
	}
}

// Every message survives the way from struct to typed message to struct, and through the raw form.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range messages {
		t.Run(m.row.Name+" "+m.dir.String(), func(t *testing.T) {
			for _, form := range forms(m.row) {
				for range 20 {
					m.user(t, r, form, false)
					m.user(t, r, form, true)
					m.kernel(t, r, form)
				}
			}
		})
	}
}

// FuzzDecode gives an arbitrary message to a codec, under the number it asks for and under its own.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for i, m := range messages {
		// A message that can be decoded, and one that is close to it.
		b := make([]byte, int(mach.HeaderSize)+4)
		mach.Words.PutUint32(b, mach.BitsComplex)
		descs := 0
		for _, a := range m.row.Args(m.dir) {
			switch a.Kind {
			case mig.ArgPort, mig.ArgPorts, mig.ArgMemory:
				d := mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPort, Disp: a.Disposition[0].Arrives()}
				if a.Kind == mig.ArgPorts {
					d.Kind = mach.DescPorts
				} else if a.Kind == mig.ArgMemory {
					d.Kind = mach.DescMemory
				}
				w := make([]byte, mach.DescriptorSize)
				mach.PutDescriptor(w, &d)
				b = append(b, w...)
				descs++
			}
		}
		mach.Words.PutUint32(b[mach.HeaderSize:], uint32(descs))
		if descs == 0 {
			b = b[:mach.HeaderSize]
			mach.Words.PutUint32(b, 0)
		}
		for tail := 0; tail <= 48; tail += 4 {
			c := append(bytes.Clone(b), make([]byte, tail)...)
			f.Add(uint16(i), true, c)
			c[r.IntN(len(c))] ^= 1 << r.IntN(8)
			f.Add(uint16(i), true, c)
		}
		f.Add(uint16(i), false, b)
	}
	f.Fuzz(func(t *testing.T, which uint16, number bool, b []byte) {
		if len(b) < int(mach.HeaderSize) {
			return
		}
		m := messages[int(which)%len(messages)]
		for _, form := range forms(m.row) {
			msg := fromRaw(bytes.Clone(b))
			if number {
				msg.ID = m.row.ID(form.Set)
				if m.dir == mig.Reply {
					msg.ID = m.row.ReplyID(form.Set)
				}
			}
			switch code := m.decodeUser(t, &msg, form); {
			case code == mach.KernSuccess:
			case m.dir == mig.Reply: // may be the server's code
			default:
				require.Contains(t, []mach.Return{mach.MigBadID, mach.MigTypeError, mach.MigBadArguments}, code)
			}
		}
	})
}
