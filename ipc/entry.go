package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// entryKind is what a name denotes. The six kinds are all the combinations of rights that one name can
// have (IPC-007); no other has a value.
type entryKind uint8

const (
	entryNone        entryKind = iota // not in use
	entrySend                         // send right with user references
	entryReceive                      // receive right
	entrySendReceive                  // both, for one port
	entrySendOnce                     // one send-once right
	entryPortSet                      // a port set
	entryDeadName                     // nothing: keeps the name from being used again
)

var entryTypes = [...]mach.TypeBits{
	entryNone: mach.TypeNone, entrySend: mach.TypeSend, entryReceive: mach.TypeReceive,
	entrySendReceive: mach.TypeSend | mach.TypeReceive, entrySendOnce: mach.TypeSendOnce,
	entryPortSet: mach.TypePortSet, entryDeadName: mach.TypeDeadName,
}

// entry is one row of a space. All its transitions are methods in this file.
//
//	from            transition     to
//	none            makeSend       SEND
//	none            makeReceive    RECEIVE
//	none            makeSendOnce   SEND_ONCE
//	none            makeSet        PORT_SET
//	none            makeDeadName   DEAD_NAME
//	RECEIVE         makeSend       SEND+RECEIVE
//	SEND            makeReceive    SEND+RECEIVE
//	SEND+RECEIVE    loseSend       RECEIVE
//	SEND+RECEIVE    loseReceive    SEND
//	SEND, SEND_ONCE portDied       DEAD_NAME
//	any             free           none
type entry struct {
	space    *Space
	name     mach.Name
	kind     entryKind
	urefs    uint16   // SEND, SEND+RECEIVE, DEAD_NAME
	port     *Port    // rights
	set      *PortSet // PORT_SET
	request  *request // dead-name request, on rights
	accepted *acceptance
	beside   int // 1 + place among the entries beside the table; 0: in the table

	prev, next *entry // holders of the port; next also chains the pool
}

func (e *entry) hasSend() bool    { return e.kind == entrySend || e.kind == entrySendReceive }
func (e *entry) hasReceive() bool { return e.kind == entryReceive || e.kind == entrySendReceive }
func (e *entry) isRight() bool    { return e.kind >= entrySend && e.kind <= entrySendOnce }

// typeBits is what mach_port_type answers.
func (e *entry) typeBits() mach.TypeBits {
	t := entryTypes[e.kind]
	if e.request != nil {
		t |= mach.TypeDNRequest
	}
	if e.accepted != nil {
		t |= mach.TypeMsgAccepted
	}
	return t
}

// typeFor is the type bit a right code stands for.
func typeFor(c mach.RightCode) mach.TypeBits { return mach.TypeSend << c }

func (e *entry) bad(what string) {
	panic(fmt.Sprintf("ipc: IPC-007: name %v of %s cannot %s: it is %v", e.name, e.space.label, what, entryTypes[e.kind]))
}

// makeSend adds a send right with the given references to a fresh name or to the receive right.
func (e *entry) makeSend(p *Port, urefs uint16) {
	switch {
	case e.kind == entryNone:
		e.kind = entrySend
		e.attach(p, true)
	case e.kind == entryReceive && e.port == p:
		e.kind = entrySendReceive
	default:
		e.bad("gain a send right")
	}
	e.urefs = urefs
}

// makeReceive adds the receive right to a fresh name or to the send right.
func (e *entry) makeReceive(p *Port) {
	switch {
	case e.kind == entryNone:
		e.kind = entryReceive
		e.attach(p, true)
	case e.kind == entrySend && e.port == p:
		e.kind = entrySendReceive
	default:
		e.bad("gain a receive right")
	}
	p.arrive(InSpace{e})
}

func (e *entry) makeSendOnce(p *Port) {
	if e.kind != entryNone {
		e.bad("become a send-once right")
	}
	e.kind = entrySendOnce
	e.attach(p, false)
}

func (e *entry) makeSet(s *PortSet) {
	if e.kind != entryNone {
		e.bad("become a port set")
	}
	e.kind, e.set = entryPortSet, s
	s.entry = e
}

func (e *entry) makeDeadName(urefs uint16) {
	if e.kind != entryNone {
		e.bad("become a dead name")
	}
	e.kind, e.urefs = entryDeadName, urefs
}

// loseSend takes the send right off SEND+RECEIVE.
func (e *entry) loseSend() {
	if e.kind != entrySendReceive {
		e.bad("lose its send right alone")
	}
	e.kind, e.urefs = entryReceive, 0
}

// loseReceive takes the receive right off SEND+RECEIVE and puts it in limbo.
func (e *entry) loseReceive(reap *sched.Reap) {
	if e.kind != entrySendReceive {
		e.bad("lose its receive right alone")
	}
	e.port.leave(reap)
	e.kind = entrySend
}

// portDied turns a right of a dying port into a dead name. The reference that a dead-name request adds
// belongs to the receiver of the notification; the request itself stays with the port, which fires it
// after its messages are gone.
func (e *entry) portDied() {
	switch e.kind {
	case entrySend:
	case entrySendOnce:
		e.urefs = 1
	default:
		e.bad("become a dead name")
	}
	if e.request != nil {
		e.urefs++
		e.request.settle()
		e.request = nil
	}
	e.event(trace.RightDead, e.rightCode(), 0)
	e.detach(e.kind == entrySend)
	e.kind = entryDeadName
}

// attach makes e a holder of p; named says that it is the space's one name for p (IPC-005).
func (e *entry) attach(p *Port, named bool) {
	e.port = p
	p.names.push(e)
	if named {
		e.space.byPort[p] = e
	}
}

func (e *entry) detach(named bool) {
	e.port.names.remove(e)
	if named {
		delete(e.space.byPort, e.port)
	}
	e.port = nil
}

// free gives the name back. The receive right must have left; a dead-name request comes back for the caller to
// answer with port-deleted.
func (e *entry) free() (d deletion) {
	d = deletion{node: e.space.node, name: e.name}
	if e.request != nil {
		d.notify = e.request.take()
	}
	if e.accepted != nil {
		e.accepted.entry, e.accepted = nil, nil
	}
	if e.port != nil {
		if e.hasReceive() {
			if at, ok := e.port.state.(InSpace); ok && at.entry == e {
				e.bad("be freed with its receive right")
			}
		}
		e.detach(e.kind != entrySendOnce)
	}
	e.space.freeEntry(e)
	return d
}

// deletion is a name that went, with the dead-name request that was registered on it.
type deletion struct {
	node   *Node
	name   mach.Name
	notify Right
}

// holderList is the entries that denote rights of one port.
type holderList struct{ head *entry }

func (l *holderList) push(e *entry) {
	e.prev, e.next = nil, l.head
	if l.head != nil {
		l.head.prev = e
	}
	l.head = e
}

func (l *holderList) remove(e *entry) {
	if e.prev == nil {
		l.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}
