package mig_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// A small interface with everything a message can hold.
var source = fstest.MapFS{"demo.go": {Data: []byte(`package demo

// Put stores something.
type Put[P, M any] struct{}
`)}}

var (
	demo   = mig.NewSubsystem("demo", 100, "an interface for tests", source)
	putRow = demo.Routine(mig.Everywhere(100), "put", put[mig.Port, mig.Memory, mig.Ports]{}, putReply[mig.Port]{})
	hitRow = demo.Simple(mig.IDs{mig.OSF: 101, mig.GNU: 102}, "hit", hit[mig.Port]{})
)

type put[P, M, A any] struct {
	Server   P                `mig:"server,dest=demo,copy_send"`
	Seqno    uint32           `mig:"seqno,trailer"`
	Flag     bool             `mig:"flag"`
	Right    P                `mig:"right,make_send,cmu=make_send_once"`
	Type     mach.Disposition `mig:"poly=Right"`
	Once     P                `mig:"once,make_send_once,strict"`
	OnceType mach.Disposition `mig:"poly=Once"`
	Extra    P                `mig:"extra,move_receive,option=name"`
	Data     M                `mig:"data"`
	Take     bool             `mig:"dealloc=Data"`
	All      A                `mig:"all,copy_send"`
	Want     mach.Disposition `mig:"want"`
	Where    mach.Addr        `mig:"where"`
	Text     []byte           `mig:"text,max=5"`
	Words    []int32          `mig:"words,max=3"`
	Wides    []mach.Offset    `mig:"wides,max=2"`
}

type putReply[P any] struct {
	Back  P      `mig:"back,move_send"`
	Count uint32 `mig:"count"`
}

type hit[P any] struct {
	Server P     `mig:"server,dest=demo,move_send_once"`
	N      int32 `mig:"n"`
}

type (
	name    = mach.Name
	region  = mach.Region
	userPut = put[name, region, region]
)

var (
	putReq   = mig.For[userPut, name, region](putRow, mig.Request)
	putRep   = mig.For[putReply[name], name, region](putRow, mig.Reply)
	hitReq   = mig.For[hit[name], name, region](hitRow, mig.Request)
	withName = mig.Form{WithName: true}
)

func sample() userPut {
	return userPut{Server: 7, Flag: true, Right: 8, Once: 9, Extra: 10, Data: region{Address: 0x1000, Size: 12}, Take: true,
		All: region{Address: 0x2000, Size: 8}, Want: mach.MakeSend, Where: 1 << 40, Text: []byte("abcde"),
		Words: []int32{-1, 2}, Wides: []mach.Offset{1 << 33}}
}

// received is m as the holder of the receive right named local finds it.
func received(m *mach.UserMessage, local name) *mach.UserMessage {
	r := *m
	r.Local, r.LocalDisp, r.Remote, r.RemoteDisp = local, m.RemoteDisp, m.Local, m.LocalDisp
	return &r
}

func TestWireForm(t *testing.T) {
	v := sample()
	var m mach.UserMessage
	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, withName))
	require.Equal(t, mach.MsgID(100), m.ID)
	require.Equal(t, name(7), m.Remote)
	require.Equal(t, mach.CopySend, m.RemoteDisp)
	require.True(t, m.Complex)
	require.Equal(t, []mach.Desc[name, region]{
		{Kind: mach.DescPort, Disp: mach.MakeSend, Port: 8},
		{Kind: mach.DescPort, Disp: mach.MakeSendOnce, Port: 9},
		{Kind: mach.DescPort, Disp: mach.MoveReceive, Port: 10},
		{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Deallocate: true, Memory: region{Address: 0x1000, Size: 12}},
		{Kind: mach.DescPorts, Disp: mach.CopySend, Memory: region{Address: 0x2000, Size: 8}},
	}, m.Descs)
	require.Equal(t, []byte{1, 0, 0, 0, // flag
		20, 0, 0, 0, // want
		0, 0, 0, 0, 0, 1, 0, 0, // where
		5, 0, 0, 0, 'a', 'b', 'c', 'd', 'e', 0, 0, 0,
		2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}, m.Body)

	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, mig.Form{Set: mig.CMU}))
	require.Len(t, m.Descs, 4, "without the name option")
	require.Equal(t, mach.MakeSendOnce, m.Descs[0].Disp, "the disposition of the CMU set")
	v.Type = mach.MoveSend
	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, mig.Form{}))
	require.Equal(t, mach.MoveSend, m.Descs[0].Disp, "the sender's choice")
}

func TestEncodeErrors(t *testing.T) {
	var m mach.UserMessage
	require.Equal(t, mach.MigBadID, hitReq.Encode(&hit[name]{}, &m, mig.Form{Set: mig.CMU}))
	require.Equal(t, mach.MigBadID, hitReq.Encode(&hit[name]{}, &m, mig.Form{Set: 9}))
	for _, spoil := range []func(*userPut){
		func(v *userPut) { v.Text = make([]byte, 6) },
		func(v *userPut) { v.Words = make([]int32, 4) },
		func(v *userPut) { v.Wides = make([]mach.Offset, 3) },
	} {
		v := sample()
		spoil(&v)
		require.Equal(t, mach.MigBadArguments, putReq.Encode(&v, &m, withName))
	}
}

func TestDecodeErrors(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(*mach.UserMessage)
		want  mach.Return
	}{
		"number":          {func(m *mach.UserMessage) { m.ID++ }, mach.MigBadID},
		"too few":         {func(m *mach.UserMessage) { m.Descs = m.Descs[1:] }, mach.MigBadArguments},
		"not complex":     {func(m *mach.UserMessage) { m.Complex = false }, mach.MigBadArguments},
		"kind":            {func(m *mach.UserMessage) { m.Descs[0].Kind = mach.DescMemory }, mach.MigTypeError},
		"memory kind":     {func(m *mach.UserMessage) { m.Descs[3].Kind = mach.DescPort }, mach.MigTypeError},
		"array kind":      {func(m *mach.UserMessage) { m.Descs[4].Kind = mach.DescMemory }, mach.MigTypeError},
		"right":           {func(m *mach.UserMessage) { m.Descs[2].Disp = mach.PortSend }, mach.MigTypeError},
		"strict right":    {func(m *mach.UserMessage) { m.Descs[1].Disp = mach.PortSend }, mach.MigTypeError},
		"no right at all": {func(m *mach.UserMessage) { m.Descs[0].Disp = 3 }, mach.MigTypeError},
		"short body":      {func(m *mach.UserMessage) { m.Body = m.Body[:len(m.Body)-4] }, mach.MigBadArguments},
		"long body":       {func(m *mach.UserMessage) { m.Body = append(m.Body, 0, 0, 0, 0) }, mach.MigBadArguments},
		"empty body":      {func(m *mach.UserMessage) { m.Body = nil }, mach.MigBadArguments},
		"array too long":  {func(m *mach.UserMessage) { m.Body[16] = 6 }, mach.MigBadArguments},
		"array much too long": {func(m *mach.UserMessage) {
			copy(m.Body[16:], []byte{0xff, 0xff, 0xff, 0xff})
		}, mach.MigBadArguments},
	} {
		v := sample()
		var m mach.UserMessage
		require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, withName))
		c.spoil(&m)
		require.Equal(t, c.want, putReq.Decode(received(&m, 70), &v, withName), what)
		require.Zero(t, v, what)
	}
}

func TestDecode(t *testing.T) {
	v, got := sample(), userPut{}
	var m mach.UserMessage
	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, withName))
	in := received(&m, 70)
	in.Trailer.Seqno = 33
	in.Descs[0].Disp, in.Descs[3].Kind = mach.PortSendOnce, mach.DescVolatileMem
	mach.Words.PutUint32(in.Body[4:], 0x114) // a disposition that does not fit a byte
	require.Equal(t, mach.KernSuccess, putReq.Decode(in, &got, withName))
	want := sample()
	want.Server, want.Seqno = 70, 33
	want.Type, want.OnceType, want.Want = mach.PortSendOnce, mach.MakeSendOnce, 0xff
	require.Equal(t, want, got)
	require.False(t, got.Want.Valid())

	var ports []name
	putReq.Ports(&got, withName, func(p *name, d mach.Disposition) { ports = append(ports, *p, name(d)) })
	require.Equal(t, []name{8, 18, 9, 18, 10, 16}, ports)
	n := 0
	putReq.Memories(&got, func(*region) { n++ })
	require.Equal(t, 2, n, "the region that holds an array of names is memory too")
}

func TestReply(t *testing.T) {
	var m mach.UserMessage
	require.Equal(t, mach.KernSuccess, putRep.Encode(&putReply[name]{Back: 4, Count: 5}, &m, mig.Form{}))
	require.Equal(t, mach.MsgID(200), m.ID)
	require.Equal(t, []byte{0, 0, 0, 0, 5, 0, 0, 0}, m.Body)
	var r putReply[name]
	require.Equal(t, mach.KernSuccess, putRep.Decode(&m, &r, mig.Form{}))
	require.Equal(t, putReply[name]{4, 5}, r)

	m.ID = 201
	require.Equal(t, mach.MigReplyMismatch, putRep.Decode(&m, &r, mig.Form{}))

	mig.PutReturn(&m, 100, mach.KernNoSpace)
	require.Equal(t, mach.HeaderSize+4, m.WireSize())
	require.Equal(t, mach.KernNoSpace, putRep.Decode(&m, &r, mig.Form{}))
	require.Zero(t, r)
	m.Body = append(m.Body, 0, 0, 0, 0)
	require.Equal(t, mach.MigBadArguments, putRep.Decode(&m, &r, mig.Form{}), "a failed reply has only its code")
	mig.PutReturn(&m, 100, mach.KernSuccess)
	require.Equal(t, mach.MigBadArguments, putRep.Decode(&m, &r, mig.Form{}), "a success without its results")
	m.Body = m.Body[:2]
	require.Equal(t, mach.MigBadArguments, putRep.Decode(&m, &r, mig.Form{}))
}

func TestDescribe(t *testing.T) {
	require.Equal(t, "demo", putRow.Server())
	require.Empty(t, hitRow.Doc())
	require.Nil(t, hitRow.Args(mig.Reply))
	var lines []string
	for _, a := range putRow.Args(mig.Request) {
		lines = append(lines, a.String())
	}
	require.Equal(t, []string{
		"server: demo port = COPY_SEND",
		"seqno: uint32",
		"right: port = MAKE_SEND (cmu, gnu: MAKE_SEND_ONCE) | polymorphic",
		"once: port = MAKE_SEND_ONCE | polymorphic, arriving as MOVE_SEND_ONCE",
		"extra: port = MOVE_RECEIVE, only with name",
		"data: memory, dealloc[]",
		"all: port array = COPY_SEND",
		"flag: bool",
		"want: mach.Disposition",
		"where: mach.Addr",
		"text: []uint8[*:5]",
		"words: []int32[*:3]",
		"wides: []mach.Offset[*:2]",
	}, lines)

	v := sample()
	var m mach.UserMessage
	require.Equal(t, mach.KernSuccess, putReq.Encode(&v, &m, withName))
	var values []string
	body := m.Body
	for _, a := range putRow.Args(mig.Request) {
		var text string
		if text, body = a.Text(body); text != "" {
			values = append(values, text)
		}
	}
	require.Equal(t, []string{"true", "MAKE_SEND", "0x10000000000", `"abcde"`, "[-1 2]", "[0x200000000]"}, values)
	require.Empty(t, body)
	for _, a := range putRow.Args(mig.Request) {
		text, _ := a.Text([]byte{0xff, 0xff})
		require.Empty(t, text, a.Name)
	}
}

// Every slip in a declaration shows when the program starts.
func TestSlips(t *testing.T) {
	type ok struct {
		D mig.Port `mig:"d,dest=x,copy_send"`
	}
	s := mig.NewSubsystem("slips", 1000, "", nil)
	simple := func(v any) func() { return func() { s.Simple(mig.Everywhere(1000), "slip", v) } }
	for what, slip := range map[string]func(){
		"number outside": func() { s.Simple(mig.Everywhere(3), "slip", ok{}) },
		"no struct":      simple(3),
		"nil":            simple(nil),
		"no destination": simple(struct{}{}),
		"no tag": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N int32
		}{}),
		"no name": simple(struct {
			D mig.Port `mig:",dest=x,copy_send"`
		}{}),
		"unknown item": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_sent"`
		}{}),
		"unknown disposition": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send,cmu=keep_send"`
		}{}),
		"no disposition": simple(struct {
			D mig.Port `mig:"d,dest=x"`
		}{}),
		"receive right as destination": simple(struct {
			D mig.Port `mig:"d,dest=x,move_receive"`
		}{}),
		"disposition of a word": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N int32    `mig:"n,copy_send"`
		}{}),
		"twice": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N int32    `mig:"d"`
		}{}),
		"two destinations": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			E mig.Port `mig:"e,dest=x,copy_send"`
		}{}),
		"array without max": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N []int32  `mig:"n"`
		}{}),
		"max without array": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N int32    `mig:"n,max=3"`
		}{}),
		"type without wire form": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N string   `mig:"n"`
		}{}),
		"array of what has no wire form": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N []int16  `mig:"n,max=1"`
		}{}),
		"companion of nothing": simple(struct {
			D mig.Port         `mig:"d,dest=x,copy_send"`
			N mach.Disposition `mig:"poly=X"`
		}{}),
		"companion of another type": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N bool     `mig:"poly=D"`
		}{}),
		"deallocate flag of a port": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N bool     `mig:"dealloc=D"`
		}{}),
		"strict without companion": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send,strict"`
		}{}),
		"unknown option": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N mig.Port `mig:"n,copy_send,option=other"`
		}{}),
		"deallocated word": simple(struct {
			D mig.Port `mig:"d,dest=x,copy_send"`
			N int32    `mig:"n,deallocate"`
		}{}),
		"destination in a reply": func() { s.Routine(mig.Everywhere(1000), "slip", ok{}, ok{}) },
		"reply of a simple routine": func() {
			mig.For[hit[name], name, region](hitRow, mig.Reply)
		},
		"another struct":    func() { mig.For[putReply[name], name, region](hitRow, mig.Request) },
		"another port form": func() { mig.For[hit[int32], name, region](hitRow, mig.Request) },
		"same number": func() {
			d := mig.NewSubsystem("d", 1000, "", nil)
			d.Simple(mig.Everywhere(1000), "a", ok{})
			d.Simple(mig.Everywhere(1000), "b", ok{})
			mig.NewRegistry(mig.OSF, d)
		},
		"same name": func() {
			d := mig.NewSubsystem("d", 1000, "", nil)
			d.Simple(mig.Everywhere(1000), "a", ok{})
			d.Simple(mig.Everywhere(1001), "a", ok{})
			mig.NewRegistry(mig.OSF, d)
		},
	} {
		require.Panics(t, slip, what)
	}
	require.Empty(t, s.Rows())
}

func TestRegistry(t *testing.T) {
	osf, gnu := mig.NewRegistry(mig.OSF, demo), mig.NewRegistry(mig.GNU, demo)
	require.Equal(t, mig.GNU, gnu.Set())
	require.Equal(t, []*mig.Row{putRow, hitRow}, osf.Rows())
	require.Same(t, hitRow, osf.Request(101))
	require.Nil(t, gnu.Request(101))
	require.Same(t, hitRow, gnu.Request(102))
	require.Same(t, putRow, osf.Reply(200))
	require.Nil(t, osf.Reply(201), "simple routines have no reply")
	require.Equal(t, "put_reply", osf.MessageName(200))
	require.Equal(t, "osf simplerou", mig.OSF.String()+" "+mig.Simple.String()[:9])
}
