package mach

// Option is the set of options of mach_msg. Historic mach_msg_option_t.
type Option uint32

const (
	OptNone      Option = 0
	SendMsg      Option = 0x1     // send first
	RcvMsg       Option = 0x2     // then receive; not attempted if the send failed
	SendTimeout  Option = 0x10    // bound the wait for queue room
	SendNotify   Option = 0x20    // CMU and GNU (ID-18)
	SendInterr   Option = 0x40    // library: do not retry an interrupted send
	SendCancel   Option = 0x80    // suppress the port-deleted of the destination name
	RcvTimeout   Option = 0x100   // bound the wait for a message
	RcvNotify    Option = 0x200   // dead-name request on a newly created reply right
	RcvInterr    Option = 0x400   // library: do not retry an interrupted receive
	RcvLarge     Option = 0x800   // leave a message that is too large in the queue
	RcvOverwrite Option = 0x1000  // scatter list
	SendAlways   Option = 0x10000 // kernel only: ignore the queue limit

	trailerShift = 24
)

// RcvTrailerSeqno and RcvTrailerSender ask for trailer elements.
const (
	RcvTrailerSeqno  Option = 1 << trailerShift
	RcvTrailerSender Option = 2 << trailerShift
)

// TrailerElements is how many elements of the format-0 trailer o asks for (0, 1 or 2), -1 if unknown.
func (o Option) TrailerElements() int {
	if o>>28 != 0 {
		return -1
	}
	if n := int(o >> trailerShift & 0xf); n <= 2 {
		return n
	}
	return -1
}

// TrailerSize is the size in bytes of the trailer o asks for: 8, 12 or 20.
func (o Option) TrailerSize() Size {
	switch o.TrailerElements() {
	case 1:
		return 12
	case 2:
		return 20
	}
	return 8
}

// Timeout is a bound on a wait in milliseconds of virtual time. Historic mach_msg_timeout_t.
type Timeout uint32

// Time is virtual time since boot, in nanoseconds.
type Time uint64

// Millisecond is one millisecond of virtual time.
const Millisecond Time = 1_000_000
