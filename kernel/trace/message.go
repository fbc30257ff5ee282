package trace

import "machvm/kernel/mach"

// How much of a message an event holds.
const (
	MessageDescs = 4  // descriptors
	MessageBody  = 64 // bytes
)

// MessageOp is what happened to a message.
type MessageOp uint8

const (
	MessageSend    MessageOp = iota // accepted into the queue of its destination
	MessageDeliver                  // handed to a receiving task
	MessageKernel                   // served by the kernel, which is the receiver
	MessageDestroy                  // destroyed with what it carried
	MessageRefuse                   // not accepted; Code says why
)

var messageOpNames = []string{"send", "deliver", "kernel", "destroy", "refuse"}
var messageMarks = []string{"->", "<-", "=>", "xx", "x>"}

func (o MessageOp) String() string { return spell(o, "op", messageOpNames) }

// Message is a step in the life of a message.
type Message struct {
	Kmsg       uint64 // identity of the message: the same when it is sent and when it is delivered
	Dest       uint64 `name:"port"`
	Reply      uint64 `name:"port"`
	ID         mach.MsgID
	Seqno      uint32           // deliver: position on its port
	Task       uint32           `name:"task"` // sender, or receiver where it is delivered; 0: the kernel
	Code       mach.Return      // refuse: why; kernel: the result of the call
	BodyLen    uint16           // bytes of the body, of which Body holds the first; 65535 for more
	DestKind   mach.Disposition // kind of the destination right, PortSend or PortSendOnce
	ReplyKind  mach.Disposition
	Op         MessageOp
	NDesc      uint8 // descriptors, of which Desc holds the first; 255 for more
	FromKernel bool  // the kernel is the sender
	Desc       [MessageDescs]MessageDesc
	Body       [MessageBody]byte
}

// MessageDesc is a descriptor of a message.
type MessageDesc struct {
	Kind mach.DescKind
	Disp mach.Disposition // of rights
	// Value is the id of the port, the size of the memory in bytes, or the number of rights in the array.
	Value uint64
}

// SetBody notes a message body.
func (m *Message) SetBody(body []byte) {
	m.BodyLen = uint16(min(len(body), 1<<16-1))
	copy(m.Body[:], body)
}

// AddDesc notes the next descriptor.
func (m *Message) AddDesc(d MessageDesc) {
	if int(m.NDesc) < len(m.Desc) {
		m.Desc[m.NDesc] = d
	}
	if m.NDesc < 255 {
		m.NDesc++
	}
}

// Kind is KindMessage.
func (Message) Kind() Kind { return KindMessage }

func (m Message) line(w *writer) {
	w.mark(spell(m.Op, "", messageMarks))
	w.str(w.names.Message(w.host, m.ID))
	m.args(w)
	switch m.Op {
	case MessageDeliver:
		w.str(" seqno ").dec(uint64(m.Seqno))
	case MessageDestroy:
		w.str(" destroyed")
	}
	if !m.Code.OK() {
		w.str(": ").str(m.Code.String())
	}
	if w.full {
		w.str(" msg ").dec(m.Kmsg)
	}
}
