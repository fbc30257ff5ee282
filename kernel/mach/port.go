package mach

import (
	"fmt"
	"strings"
)

// Name is a task's name for a right, meaningful in that task's space only. Historic mach_port_name_t
// (the OSF headers still call it mach_port_t). It never converts to a right except in copyin and copyout.
type Name uint32

const (
	NameNull Name = 0          // no right
	NameDead Name = 0xffffffff // a right whose port has died
)

// Valid reports whether n is neither NULL nor DEAD.
func (n Name) Valid() bool { return n != NameNull && n != NameDead }

func (n Name) String() string {
	switch n {
	case NameNull:
		return "MACH_PORT_NULL"
	case NameDead:
		return "MACH_PORT_DEAD"
	}
	return fmt.Sprintf("%#x", uint32(n))
}

// RightCode selects a kind of right in port calls. Historic mach_port_right_t.
type RightCode uint32

const (
	RightSend     RightCode = 0
	RightReceive  RightCode = 1
	RightSendOnce RightCode = 2
	RightPortSet  RightCode = 3
	RightDeadName RightCode = 4
	// RightReceiveNoNMS is OSF's code for a receive right without no-senders detection (allocation only).
	RightReceiveNoNMS RightCode = 6
)

func (r RightCode) String() string {
	return enum(uint64(r), "SEND", "RECEIVE", "SEND_ONCE", "PORT_SET", "DEAD_NAME", "right(5)", "RECEIVE_NO_NMS")
}

// TypeBits say what a name denotes. Historic mach_port_type_t.
type TypeBits uint32

const (
	TypeNone        TypeBits = 0
	TypeSend        TypeBits = 0x00010000
	TypeReceive     TypeBits = 0x00020000
	TypeSendOnce    TypeBits = 0x00040000
	TypePortSet     TypeBits = 0x00080000
	TypeDeadName    TypeBits = 0x00100000
	TypeMsgAccepted TypeBits = 0x40000000 // a msg-accepted request is registered (ID-18)
	TypeDNRequest   TypeBits = 0x80000000 // a dead-name request is registered
)

func (t TypeBits) String() string {
	if t == 0 {
		return "NONE"
	}
	var s []string
	for _, b := range []struct {
		bit  TypeBits
		name string
	}{
		{TypeSend, "SEND"}, {TypeReceive, "RECEIVE"}, {TypeSendOnce, "SEND_ONCE"}, {TypePortSet, "PORT_SET"},
		{TypeDeadName, "DEAD_NAME"}, {TypeDNRequest, "DNREQUEST"}, {TypeMsgAccepted, "MAREQUEST"},
	} {
		if t&b.bit != 0 {
			s = append(s, b.name)
			t &^= b.bit
		}
	}
	if t != 0 {
		s = append(s, fmt.Sprintf("%#x", uint32(t)))
	}
	return strings.Join(s, "+")
}

// Disposition says what happens to a right that a message carries. Historic mach_msg_type_name_t.
type Disposition uint8

const (
	DispNone     Disposition = 0
	MoveReceive  Disposition = 16
	MoveSend     Disposition = 17
	MoveSendOnce Disposition = 18
	CopySend     Disposition = 19
	MakeSend     Disposition = 20
	MakeSendOnce Disposition = 21

	// What a receiver sees: the kind of right that arrived.
	PortReceive  = MoveReceive
	PortSend     = MoveSend
	PortSendOnce = MoveSendOnce
)

// Valid reports whether d is one of the six port dispositions.
func (d Disposition) Valid() bool { return d >= MoveReceive && d <= MakeSendOnce }

// Arrives is the disposition the receiver of a right sent with d sees: 16, 17 or 18.
func (d Disposition) Arrives() Disposition {
	switch d {
	case CopySend, MakeSend:
		return PortSend
	case MakeSendOnce:
		return PortSendOnce
	}
	return d
}

func (d Disposition) String() string {
	switch d {
	case DispNone:
		return "none"
	case MoveReceive:
		return "MOVE_RECEIVE"
	case MoveSend:
		return "MOVE_SEND"
	case MoveSendOnce:
		return "MOVE_SEND_ONCE"
	case CopySend:
		return "COPY_SEND"
	case MakeSend:
		return "MAKE_SEND"
	case MakeSendOnce:
		return "MAKE_SEND_ONCE"
	}
	return fmt.Sprintf("disposition(%d)", uint8(d))
}

// Limits of ports and user references.
const (
	QlimitDefault   = 5
	QlimitMax       = 16
	UrefsMaxSend    = 65534 // one less than a dead name's, so that its notification can add one
	UrefsMaxDead    = 65535
	RegisteredPorts = 3 // TASK_PORT_REGISTER_MAX of OSF MK (ID-15)
)

// Flavors of mach_port_get_attributes and mach_port_set_attributes.
const (
	PortLimitsInfo     int32 = 1 // one word: queue limit
	PortReceiveStatus  int32 = 2 // ReceiveStatusWords words
	PortDNRequestsSize int32 = 3 // one word: size of the request table

	ReceiveStatusWords = 10
)
