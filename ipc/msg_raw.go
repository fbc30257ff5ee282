package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// RawArgs is where a raw message is in the task's memory.
type RawArgs struct {
	Send        mach.Addr // message to send
	SendSize    mach.Size
	Receive     mach.Addr // buffer for the message received; RcvLimit is its size
	ScatterSize mach.Size // with RCV_OVERWRITE: size of the scatter list at Receive
}

// rawBuffer is the receive buffer of the raw door.
type rawBuffer struct {
	addr        mach.Addr
	scatterSize mach.Size
}

// rawHead is the size of header and descriptor count.
const rawHead = mach.HeaderSize + 4

// MsgRaw is mach_msg with a message in the task's memory, in the form of mach's wire.go. Behind the addresses it
// is Msg: both doors meet in the same copyin and copyout.
//
// Errors beyond those of Msg: MACH_SEND_MSG_TOO_SMALL, SendSize below a header or no whole number of words, or
// too small for the descriptors; MACH_SEND_INVALID_DATA, MACH_RCV_INVALID_DATA, a buffer that cannot be read or
// written; MACH_RCV_SCATTER_SMALL, MACH_RCV_INVALID_TYPE, a scatter list that does not fit ScatterSize.
func (s *Space) MsgRaw(th *sched.Thread, as AddressSpace, r RawArgs, a *MsgArgs) mach.Return {
	var m mach.UserMessage
	a.Size, a.givenBack, a.dequeued = 0, false, false
	if a.Option&mach.SendMsg != 0 {
		if ret := s.sendRaw(th, as, &m, r, a); ret != mach.KernSuccess {
			return ret
		}
	}
	if a.Option&mach.RcvMsg == 0 {
		return mach.KernSuccess
	}
	th.Drain()
	return s.receiveRaw(th, as, &m, r, a)
}

func (s *Space) sendRaw(th *sched.Thread, as AddressSpace, m *mach.UserMessage, r RawArgs, a *MsgArgs) mach.Return {
	if r.SendSize < mach.HeaderSize || r.SendSize%4 != 0 {
		return mach.SendMsgTooSmall
	}
	if r.SendSize > maxRaw {
		return mach.SendNoBuffer
	}
	b := make([]byte, r.SendSize)
	if as.ReadBytes(th, r.Send, b) != mach.KernSuccess {
		return mach.SendInvalidData
	}
	decodeRaw(b, m)
	ret := s.sendHalf(th, as, m, a)
	if a.givenBack && as.WriteBytes(th, r.Send, encodeRaw(m, nil)) != mach.KernSuccess {
		return mach.SendInvalidData
	}
	return ret
}

// maxRaw bounds a raw message, whose bytes lie in kernel memory while it is sent.
const maxRaw mach.Size = 1 << 24

// decodeRaw reads a raw message. A complex one whose descriptors do not fit comes out with none, which
// copyin refuses after it has taken the header.
func decodeRaw(b []byte, m *mach.UserMessage) {
	mach.GetHeader(b, m)
	body := b[mach.HeaderSize:]
	if m.Complex {
		n := mach.Size(0)
		if len(body) >= 4 {
			n = mach.Size(mach.Words.Uint32(body))
			body = body[4:]
		}
		if n*mach.DescriptorSize > mach.Size(len(body)) {
			n, body = 0, nil
		}
		for range n {
			m.Descs = append(m.Descs, mach.GetDescriptor(body[:mach.DescriptorSize]))
			body = body[mach.DescriptorSize:]
		}
	}
	m.Body = append(m.Body, body...)
}

// encodeRaw writes a raw message with its trailer, if t is not nil.
func encodeRaw(m *mach.UserMessage, t *mach.Trailer) []byte {
	size := m.WireSize()
	b := make([]byte, size, size+20)
	mach.PutHeader(b, m, size)
	at := mach.HeaderSize
	if m.Complex {
		mach.Words.PutUint32(b[at:], uint32(len(m.Descs)))
		at += 4
		for i := range m.Descs {
			mach.PutDescriptor(b[at:at+mach.DescriptorSize], &m.Descs[i])
			at += mach.DescriptorSize
		}
	}
	copy(b[at:], m.Body)
	if t == nil {
		return b
	}
	b = mach.Words.AppendUint32(b, 0) // trailer type: format 0
	b = mach.Words.AppendUint32(b, uint32(t.Size))
	if t.Size >= 12 {
		b = mach.Words.AppendUint32(b, t.Seqno)
	}
	if t.Size >= 20 {
		b = mach.Words.AppendUint32(b, t.Sender[0])
		b = mach.Words.AppendUint32(b, t.Sender[1])
	}
	return b
}

func (s *Space) receiveRaw(th *sched.Thread, as AddressSpace, m *mach.UserMessage, r RawArgs, a *MsgArgs) mach.Return {
	buffer := &rawBuffer{r.Receive, r.ScatterSize}
	ret := s.receiveHalf(th, as, m, a, buffer)
	switch {
	case ret == mach.RcvTooLarge && !a.dequeued:
		size := mach.Words.AppendUint32(nil, uint32(a.Size)) // msgh_size of the message that stays queued
		if as.WriteBytes(th, r.Receive+4, size) != mach.KernSuccess {
			return mach.RcvInvalidData
		}
		return ret
	case ret == mach.RcvInvalidData || !a.dequeued:
		return ret
	}
	b := encodeRaw(m, &m.Trailer)
	if s.node.pers.MessageSet != personality.OSF {
		mach.Words.PutUint32(b[16:], m.Trailer.Seqno) // msgh_seqno
	}
	if mach.Size(len(b)) > a.RcvLimit {
		b = b[:a.RcvLimit]
	}
	if as.WriteBytes(th, r.Receive, b) != mach.KernSuccess {
		return mach.RcvInvalidData
	}
	return ret
}

// probe writes zeros over the part of the buffer that the message will need, so that a bad buffer is found
// before the task has been given anything (ID-12).
func (b *rawBuffer) probe(th *sched.Thread, as AddressSpace, size mach.Size) bool {
	return as.WriteBytes(th, b.addr, make([]byte, size)) == mach.KernSuccess
}

// readScatter reads the scatter list that stands in the receive buffer.
func (b *rawBuffer) readScatter(th *sched.Thread, as AddressSpace) (*Scatter, mach.Return) {
	if b.scatterSize < rawHead {
		return nil, mach.RcvScatterSmall
	}
	if b.scatterSize > maxRaw {
		return nil, mach.RcvInvalidData
	}
	list := make([]byte, b.scatterSize)
	if as.ReadBytes(th, b.addr, list) != mach.KernSuccess {
		return nil, mach.RcvInvalidData
	}
	n := mach.Size(mach.Words.Uint32(list[mach.HeaderSize:]))
	list = list[rawHead:]
	if n*mach.DescriptorSize > mach.Size(len(list)) {
		return nil, mach.RcvInvalidType
	}
	s := &Scatter{}
	for range n {
		s.Descs = append(s.Descs, mach.GetDescriptor(list[:mach.DescriptorSize]))
		list = list[mach.DescriptorSize:]
	}
	return s, mach.KernSuccess
}
