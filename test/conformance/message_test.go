package conformance

import (
	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

type (
	message = mach.UserMessage
	desc    = mach.Desc[mach.Name, mach.Region]
)

// msgArgs are the arguments of mach_msg beside the message.
type msgArgs struct {
	Option   mach.Option
	RcvLimit mach.Size
	RcvName  mach.Name
	Timeout  mach.Timeout
	Notify   mach.Name
}

// message is the trap mach_msg, without the library's retries.
func (a *actor) message(m *message, args msgArgs) mach.Return {
	return a.Msg(m, args.Option, args.RcvLimit, args.RcvName, args.Timeout, args.Notify)
}

// simple is a message without rights and memory.
func simple(dest mach.Name, disp mach.Disposition, id mach.MsgID, words ...uint32) *message {
	return withWords(&message{ID: id, Remote: dest, RemoteDisp: disp}, words...)
}

// carrying is a message with descriptors.
func carrying(dest mach.Name, disp mach.Disposition, id mach.MsgID, descs ...desc) *message {
	return &message{ID: id, Remote: dest, RemoteDisp: disp, Complex: true, Descs: descs}
}

// right is the descriptor of one right.
func right(name mach.Name, disp mach.Disposition) desc {
	return desc{Kind: mach.DescPort, Port: name, Disp: disp}
}

// withReply gives m a reply right.
func withReply(m *message, reply mach.Name, disp mach.Disposition) *message {
	m.Local, m.LocalDisp = reply, disp
	return m
}

// withWords gives m a body.
func withWords(m *message, words ...uint32) *message {
	m.Body = bytesOf(words...)
	return m
}

// bytesOf is words as they stand in a message.
func bytesOf(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = mach.Words.AppendUint32(b, w)
	}
	return b
}

// word and putWord access the i-th word of bytes.
func word(b []byte, i int) uint32       { return mach.Words.Uint32(b[4*i:]) }
func putWord(b []byte, i int, v uint32) { mach.Words.PutUint32(b[4*i:], v) }

// pattern is n bytes that differ from their neighbours.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + 1)
	}
	return b
}

// ids is a list of message numbers.
func ids(list ...mach.MsgID) []mach.MsgID { return list }

// send waits for room in the queue, trySend does not.
func (a *actor) send(m *message) mach.Return {
	return a.message(m, msgArgs{Option: mach.SendMsg})
}

func (a *actor) trySend(m *message) mach.Return {
	return a.message(m, msgArgs{Option: mach.SendMsg | mach.SendTimeout})
}

// post is trySend for a message for which there is room.
func (a *actor) post(m *message) {
	a.t.Helper()
	a.ok(a.trySend(m))
}

// fill fills the queue of a port with messages 1 to 5, through a send right; fillByMake through the receive
// right.
func (a *actor) fill(p mach.Name)       { a.t.Helper(); a.fillWith(p, mach.CopySend) }
func (a *actor) fillByMake(p mach.Name) { a.t.Helper(); a.fillWith(p, mach.MakeSend) }

func (a *actor) fillWith(p mach.Name, d mach.Disposition) {
	a.t.Helper()
	for id := range mach.MsgID(mach.QlimitDefault) {
		a.post(simple(p, d, id+1))
	}
}

const receiveLimit mach.Size = 1 << 16

// receive waits for a message on a port or set.
func (a *actor) receive(name mach.Name) *message {
	a.t.Helper()
	m := new(message)
	a.ok(a.message(m, msgArgs{Option: mach.RcvMsg | mach.RcvTrailerSeqno, RcvLimit: receiveLimit, RcvName: name}))
	return m
}

// poll receives without waiting.
func (a *actor) poll(name mach.Name) (*message, mach.Return) {
	m := new(message)
	ret := a.message(m, msgArgs{Option: mach.RcvMsg | mach.RcvTimeout | mach.RcvTrailerSeqno, RcvLimit: receiveLimit, RcvName: name})
	return m, ret
}

// take is poll for a message that is there.
func (a *actor) take(name mach.Name) *message {
	a.t.Helper()
	m, ret := a.poll(name)
	a.ok(ret)
	return m
}

// drain receives all messages that are there, and returns their numbers.
func (a *actor) drain(name mach.Name) (list []mach.MsgID) {
	a.t.Helper()
	for _, n := range a.notes(name) {
		list = append(list, n.ID)
	}
	return list
}

// note is a notification: what it is, and the name or count in it. For another message it is the number.
type note struct {
	ID    mach.MsgID
	Value uint32
}

// notes receives all messages that are there, as notifications.
func (a *actor) notes(name mach.Name) (list []note) {
	a.t.Helper()
	for {
		m, ret := a.poll(name)
		if ret != mach.KernSuccess {
			a.is(mach.RcvTimedOut, ret)
			return list
		}
		n := note{ID: m.ID}
		switch m.ID {
		case mach.NotifyPortDeleted, mach.NotifyMsgAccepted, mach.NotifyNoSenders, mach.NotifyDeadName:
			require.Len(a.t, m.Body, 4)
			n.Value = word(m.Body, 0)
		case mach.NotifyPortDestroyed:
			require.Len(a.t, m.Descs, 1)
			n.Value = uint32(m.Descs[0].Port)
		}
		list = append(list, n)
	}
}

// typeRequest is a request for mach_port_type of a name.
func (a *actor) typeRequest(name mach.Name) *message {
	m := new(message)
	a.ok(machPortType.Encode(&defs.MachPortType[mach.Name]{Task: a.target(), Name: name}, m, a.Form()))
	return m
}

var machPortType = user.CodecFor[defs.MachPortType[mach.Name]](defs.MachPortTypeRow, mig.Request)

// encode is m in its raw form.
func encode(m *message) []byte {
	b := make([]byte, mach.HeaderSize)
	mach.PutHeader(b, m, m.WireSize())
	if m.Complex {
		b = mach.Words.AppendUint32(b, uint32(len(m.Descs)))
		for i := range m.Descs {
			b = append(b, make([]byte, mach.DescriptorSize)...)
			mach.PutDescriptor(b[len(b)-int(mach.DescriptorSize):], &m.Descs[i])
		}
	}
	return append(b, m.Body...)
}

// encoded puts m in its raw form into fresh memory.
func (a *actor) encoded(m *message) (mach.Addr, mach.Size) {
	a.t.Helper()
	r := a.memory(encode(m))
	return r.Address, r.Size
}

// rawSend sends a message that lies in memory, without waiting.
func (a *actor) rawSend(addr mach.Addr, size mach.Size) mach.Return {
	return a.MsgRaw(addr, mach.SendMsg|mach.SendTimeout, size, 0, mach.NameNull, 0, mach.NameNull)
}

// rawTake receives a message that is there into a fresh page, and returns the page.
func (a *actor) rawTake(name mach.Name) []byte {
	a.t.Helper()
	buffer := a.page()
	a.ok(a.MsgRaw(buffer, mach.RcvMsg|mach.RcvTimeout|mach.RcvTrailerSeqno, 0, a.PageSize(), name, 0, mach.NameNull))
	return a.read(buffer, int(a.PageSize()))
}

// memory puts bytes into fresh memory.
func (a *actor) memory(b []byte) mach.Region {
	a.t.Helper()
	r, ret := user.StoreNew(a, b)
	a.ok(ret)
	return r
}

// page allocates a page.
func (a *actor) page() mach.Addr {
	a.t.Helper()
	var addr mach.Addr
	a.ok(user.VMAllocate(a, a.target(), &addr, a.PageSize(), true))
	return addr
}

// read and write access memory.
func (a *actor) read(addr mach.Addr, n int) []byte {
	a.t.Helper()
	b := make([]byte, n)
	require.NoError(a.t, a.Load(addr, b))
	return b
}

func (a *actor) write(addr mach.Addr, b []byte) {
	a.t.Helper()
	require.NoError(a.t, a.Store(addr, b))
}
