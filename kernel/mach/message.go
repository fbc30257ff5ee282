package mach

// MsgID is a message number. Historic msgh_id: subsystem base plus the position of the routine.
type MsgID int32

// ReplyOffset is added to a request's id to form the id of its reply.
const ReplyOffset MsgID = 100

// DescKind is the type of one descriptor in a message body.
type DescKind uint8

const (
	DescPort        DescKind = 0 // one right
	DescMemory      DescKind = 1 // out-of-line bytes
	DescPorts       DescKind = 2 // out-of-line array of rights
	DescVolatileMem DescKind = 3 // as DescMemory on one kernel
)

func (k DescKind) String() string {
	return enum(uint64(k), "port", "memory", "ports", "volatile memory")
}

// CopyOption says how out-of-line memory travels, or, in a scatter list, where it goes.
type CopyOption uint8

const (
	CopyPhysical  CopyOption = 0
	CopyVirtual   CopyOption = 1
	CopyAllocate  CopyOption = 2 // scatter list: place anywhere
	CopyOverwrite CopyOption = 3 // scatter list: write over existing memory
)

func (c CopyOption) String() string {
	return enum(uint64(c), "physical", "virtual", "allocate", "overwrite")
}

// Region is out-of-line memory as a user program names it: bytes of its own address space. For an
// array of rights it holds Size/4 names.
type Region struct {
	Address Addr
	Size    Size
}

// Desc is one descriptor of a message body. P is the form of a port and M that of memory: Name and
// Region for user programs, a right and a copy for the kernel.
type Desc[P, M any] struct {
	Kind       DescKind
	Disp       Disposition // rights: what is done with them; received: 16, 17 or 18
	Copy       CopyOption  // memory
	Deallocate bool        // memory: leave the sender's address space
	Port       P           // DescPort
	Memory     M           // DescMemory; in user form also DescPorts
	Ports      []P         // DescPorts, kernel form only
}

// Message is the one shape of a message on its way: header, descriptors in wire order, and the inline
// bytes behind them. To a sender Remote is the destination and Local the reply right; a receiver finds
// them exchanged, as in Mach: Remote is the reply right and Local names the port it arrived on.
type Message[P, M any] struct {
	ID         MsgID
	Remote     P
	RemoteDisp Disposition
	Local      P
	LocalDisp  Disposition
	// Complex says that descriptors are present; a simple message has none, whatever its bytes look like.
	Complex bool
	Descs   []Desc[P, M]
	Body    []byte // inline data behind the descriptors, in wire form
	Trailer Trailer
}

// Trailer is what the kernel adds to a received message. Historic mach_msg_security_trailer_t.
type Trailer struct {
	Size   Size   // 8, 12 or 20 bytes; what the receiver asked for
	Seqno  uint32 // position of the message on its port
	Sender [2]uint32
}

// UserMessage is a message as user programs see it.
type UserMessage = Message[Name, Region]

// Reset makes m an empty message, keeping the capacity of its slices.
func (m *Message[P, M]) Reset() {
	clear(m.Descs[:cap(m.Descs)])
	*m = Message[P, M]{Descs: m.Descs[:0], Body: m.Body[:0]}
}

// WireSize is the number of bytes of the message without its trailer, as msgh_size counts it.
func (m *Message[P, M]) WireSize() Size {
	n := HeaderSize
	if m.Complex {
		n += 4 + DescriptorSize*Size(len(m.Descs))
	}
	return n + Size(len(m.Body))
}
