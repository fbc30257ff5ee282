package mig

import (
	"fmt"

	"machvm/kernel/mach"
)

// Set is a numbering of messages: whose .defs files a host follows (E-26).
type Set uint8

const (
	OSF Set = iota // OSF MK
	CMU            // CMU Mach 3.0
	GNU            // GNU Mach

	Sets = 3
)

func (s Set) String() string {
	if int(s) < Sets {
		return [Sets]string{"osf", "cmu", "gnu"}[s]
	}
	return fmt.Sprintf("set(%d)", uint8(s))
}

// IDs holds the number of one message in each set; 0 where the set lacks the message. Write it as
// IDs{OSF: 2213}, or with Everywhere.
type IDs [Sets]mach.MsgID

// Everywhere is the same number in every set.
func Everywhere(id mach.MsgID) IDs { return IDs{id, id, id} }

// Kind tells messages that expect an answer from those that do not.
type Kind uint8

const (
	Simple  Kind = iota // simpleroutine: no reply
	Routine             // routine: answered by a reply with the number plus mach.ReplyOffset
)

func (k Kind) String() string {
	if k == Simple {
		return "simpleroutine"
	}
	return "routine"
}

// Dir says which message of a row is meant.
type Dir uint8

const (
	Request Dir = iota
	Reply
)

func (d Dir) String() string {
	if d == Request {
		return "request"
	}
	return "reply"
}

// Form selects among the forms one message can take.
type Form struct {
	Set      Set  // whose numbers
	WithName bool // arguments of option=name are present (E-25)
}

// Void is the request or reply without arguments.
type Void struct{}

// Port, Memory and Ports stand for a port, for out-of-line memory and for an out-of-line array of ports
// in the prototype of a message.
type (
	Port   struct{ _ byte }
	Memory struct{ _ byte }
	Ports  struct{ _ byte }
)
