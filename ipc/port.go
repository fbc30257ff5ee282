package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Port is one port, shared by all kernels of a world. Its fields are those of the historic ipc_port;
// where its receive right is, and every change of that, is in port_state.go.
type Port struct {
	world *World
	id    uint64
	node  *Node // kernel of the last space or kernel that held the receive right
	state Receiver

	srights  int // extant send rights; meaningless once dead
	sorights int // extant send-once rights; meaningless once dead
	mscount  uint32
	seqno    uint32
	qlimit   int
	msgcount int  // queued, handed over but not yet taken, or on a link with a slot reserved
	nms      bool // no-senders detection
	fresh    bool // no place has held the receive right yet

	queue     kmsgQueue
	senders   waiterList // blocked senders
	receivers waiterList // blocked receivers; empty while the port is in a set
	sets      []*member  // memberships, in joining order

	nsrequest  Right // send-once rights of the requests, Null if not registered
	nsidle     bool  // the no-senders request was armed when there were none, to wait for newer ones
	pdrequest  Right
	dnrequests requestList
	dnsize     int // size of the request table asked for

	names holderList // entries that denote rights of this port

	kobject      Kobject
	associations []Association // by node order, nil where none
	routes       []route       // messages on links, per sending kernel
	backlog      int           // messages that wait for the service thread of their kernel

	prev, next *Port // world's list of live ports
	died       mach.Time
}

// ID is the port's number, unique in its world and never reused.
func (p *Port) ID() uint64 { return p.id }

// Alive reports whether the port has a receive right.
func (p *Port) Alive() bool { _, dead := p.state.(Dead); return !dead }

// WaitID is the port, for the trace.
func (p *Port) WaitID() uint64 { return p.id }

// Receiver says where the receive right is.
func (p *Port) Receiver() Receiver { return p.state }

// Qlimit is the number of messages beyond which senders block.
func (p *Port) Qlimit() int { return p.qlimit }

// SetQlimit changes the queue limit, 0 to QlimitMax, and lets in as many blocked senders as the
// new limit has room for (IPC-062).
func (p *Port) SetQlimit(n int) {
	if n < 0 || n > mach.QlimitMax {
		panic(fmt.Sprintf("ipc: queue limit %d of %v out of range", n, p))
	}
	p.qlimit = n
	p.event(trace.PortLimit, uint64(n))
	p.grant()
}

// Msgcount is the number of messages queued, or handed over and not yet taken.
func (p *Port) Msgcount() int { return p.msgcount }

// Seqno is the sequence number the next dequeued message gets.
func (p *Port) Seqno() uint32 { return p.seqno }

// Mscount is the make-send count.
func (p *Port) Mscount() uint32 { return p.mscount }

// Srights is the number of extant send rights.
func (p *Port) Srights() int { return p.srights }

// Sorights is the number of extant send-once rights.
func (p *Port) Sorights() int { return p.sorights }

// Died is the virtual time of death, 0 while alive.
func (p *Port) Died() mach.Time { return p.died }

// BlockedSenders is the number of threads that wait for room.
func (p *Port) BlockedSenders() int { return p.senders.len() }

// Requests reports which notification requests are registered: no-senders, port-destroyed, and the number of dead-name
// requests.
func (p *Port) Requests() (noSenders, portDestroyed bool, deadName int) {
	return p.nsrequest.kind != NullRight, p.pdrequest.kind != NullRight, p.dnrequests.len()
}

// Kobject is the kernel object that serves the port, nil if none.
func (p *Port) Kobject() Kobject { return p.kobject }

// SetKobject sets or clears (nil) the kernel object that serves the port. The association ends when the
// kernel gives the receive right away.
func (p *Port) SetKobject(ko Kobject) { p.kobject = ko }

// Association is what kernel n keeps about the memory object port p, nil if nothing.
func (p *Port) Association(n *Node) Association {
	if n.index < len(p.associations) {
		return p.associations[n.index]
	}
	return nil
}

// SetAssociation sets or clears (nil) what kernel n keeps about the memory object port p. It belongs to
// the port wherever its receive right goes.
func (p *Port) SetAssociation(n *Node, a Association) {
	if n.index >= len(p.associations) {
		if a == nil {
			return
		}
		grown := make([]Association, n.index+1)
		copy(grown, p.associations)
		p.associations = grown
	}
	p.associations[n.index] = a
}

func (p *Port) String() string { return p.world.tracer.Names().Name(trace.ClassPort, p.id) }
