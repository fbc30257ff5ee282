package trace

import "machvm/kernel/mach"

// PortOp is what happened to a port.
type PortOp uint8

const (
	PortCreate    PortOp = iota
	PortDie              // its receive right is gone
	PortMove             // its receive right left for a message
	PortArrive           // its receive right came into a space
	PortClose            // the kernel stopped consuming its messages (T1, D1)
	PortJoin             // it became a member of the set Other
	PortLeave            // it left the set Other
	PortLimit            // its queue limit is now Other
	PortNoSenders        // its last send right went
)

var portOpNames = []string{"create", "die", "move", "arrive", "close", "join", "leave", "limit", "no_senders"}

func (o PortOp) String() string { return spell(o, "op", portOpNames) }

// PortEvent is a change of a port.
type PortEvent struct {
	Port  uint64    `name:"port"`
	Other uint64    // join, leave: id of the port set; limit: messages
	Task  uint32    `name:"task"` // whose space holds the receive right; 0: the kernel
	Name  mach.Name // there
	Op    PortOp
}

// Kind is KindPort.
func (PortEvent) Kind() Kind { return KindPort }

func (p PortEvent) line(w *writer) {
	w.mark("--").port(p.Port)
	switch p.Op {
	case PortCreate:
		w.str(" created in ").task(p.Task).as(p.Name)
	case PortDie:
		w.str(" dead")
	case PortMove:
		w.str(" leaves ").task(p.Task).as(p.Name)
	case PortArrive:
		w.str(" arrives in ").task(p.Task).as(p.Name)
	case PortClose:
		w.str(" closed")
	case PortJoin:
		w.str(" joins set ").port(p.Other)
	case PortLeave:
		w.str(" leaves set ").port(p.Other)
	case PortLimit:
		w.str(" queues up to ").dec(p.Other)
	case PortNoSenders:
		w.str(" has no senders")
	default:
		w.str(" ").str(p.Op.String())
	}
}

// as writes a name, if there is one.
func (w *writer) as(n mach.Name) *writer {
	if n != mach.NameNull {
		w.str(" as ").str(n.String())
	}
	return w
}

// RightOp is why the rights of a name changed.
type RightOp uint8

const (
	RightInsert  RightOp = iota // came with a message or by mach_port_insert_right
	RightExtract                // left with a message or by mach_port_extract_right
	RightRelease                // given up
	RightDead                   // became a dead name
	RightRename                 // has another name now
	RightHarness                // put there by a test
)

var rightOpNames = []string{"insert", "extract", "release", "dead", "rename", "harness"}

func (o RightOp) String() string { return spell(o, "op", rightOpNames) }

// RightEvent is a change of what a name of a task denotes.
type RightEvent struct {
	Port  uint64 `name:"port"`
	Task  uint32 `name:"task"`
	Name  mach.Name
	Right mach.RightCode
	Delta int32  // change of the user references
	Urefs uint32 // user references afterwards
	Op    RightOp
}

// Kind is KindRight.
func (RightEvent) Kind() Kind { return KindRight }

func (r RightEvent) line(w *writer) {
	w.mark("--").task(r.Task).str(" ").str(r.Name.String()).str(" ").str(r.Right.String()).str(" ")
	w.when(r.Delta >= 0, "+").int(int64(r.Delta)).str(" = ").dec(uint64(r.Urefs))
	w.str(" (").str(r.Op.String()).str(") of ").port(r.Port)
}
