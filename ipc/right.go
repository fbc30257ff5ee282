package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// RightKind is the kind of a naked right.
type RightKind uint8

const (
	NullRight     RightKind = iota // no right
	DeadRight                      // a right whose port has died
	SendRight                      // one send right
	SendOnceRight                  // one send-once right
	ReceiveRight                   // the receive right
	spentRight                     // moved out; using the cell again panics
)

func (k RightKind) String() string {
	return [...]string{"null", "dead", "send", "send-once", "receive", "spent"}[k]
}

// Right is a naked right: one that a kernel or a message holds and no space names. It is linear: the
// cell that holds it is emptied by Take, Release and every other consuming operation, and a second
// use of the cell panics. The zero value is Null. Copying a Right by assignment makes two cells of one
// right, which the recount finds; move with Take.
type Right struct {
	port *Port
	kind RightKind
}

// DeadValue is the right to a port that is gone.
func DeadValue() Right { return Right{kind: DeadRight} }

// Port is the port of r, nil for Null and Dead.
func (r Right) Port() *Port { r.check("Port"); return r.port }

// Kind is the kind of r. A right whose port has died keeps its kind until it is copied out or released.
func (r Right) Kind() RightKind { r.check("Kind"); return r.kind }

// IsNull reports whether r is no right at all.
func (r Right) IsNull() bool { r.check("IsNull"); return r.kind == NullRight }

// IsDead reports whether r is Dead or its port has died.
func (r Right) IsDead() bool {
	r.check("IsDead")
	return r.kind == DeadRight || r.port != nil && !r.port.Alive()
}

// Live reports whether r is a send, send-once or receive right of a live port.
func (r Right) Live() bool {
	r.check("Live")
	return r.port != nil && r.port.Alive()
}

// IsSpent reports whether r has been moved out of its cell.
func (r Right) IsSpent() bool { return r.kind == spentRight }

// Disposition is how r shows to the receiver of a message that carries it: 16, 17, 18, or none.
func (r Right) Disposition() mach.Disposition {
	r.check("Disposition")
	switch r.kind {
	case SendRight:
		return mach.PortSend
	case SendOnceRight:
		return mach.PortSendOnce
	case ReceiveRight:
		return mach.PortReceive
	}
	return mach.DispNone
}

func (r Right) String() string {
	if r.port == nil {
		return r.kind.String()
	}
	return fmt.Sprintf("%v right of %v", r.kind, r.port)
}

// check panics when a spent cell is used: a right moved twice would count twice.
func (r Right) check(op string) {
	if r.kind == spentRight {
		panic("ipc: linear rights: " + op + " of a right that was moved before")
	}
}

// Take moves the right out of its cell. Null and Dead may be taken any number of times.
func (r *Right) Take() Right {
	r.check("Take")
	t := *r
	if t.port != nil {
		*r = Right{kind: spentRight}
	}
	return t
}

// CopySend makes another send right from the send right r, which is only borrowed. Null and Dead copy
// as themselves; a right of a dead port gives Dead. Historic ipc_port_copy_send.
func CopySend(r *Right) Right {
	r.check("CopySend")
	switch {
	case r.port == nil:
		return *r
	case !r.port.Alive():
		return DeadValue()
	case r.kind != SendRight:
		panic(fmt.Sprintf("ipc: CopySend of a %v", r))
	}
	return r.port.newSend()
}

// MakeSend makes a send right from the receive right r, which is only borrowed, and counts it in the
// make-send count. Historic ipc_port_make_send.
func MakeSend(r *Right) Right {
	p := r.receivePort("MakeSend")
	if p == nil {
		return DeadValue()
	}
	p.mscount++
	return p.newSend()
}

// MakeSendOnce makes a send-once right from the receive right r, which is only borrowed. Historic
// ipc_port_make_sonce.
func MakeSendOnce(r *Right) Right {
	p := r.receivePort("MakeSendOnce")
	if p == nil {
		return DeadValue()
	}
	return p.newSendOnce()
}

func (r *Right) receivePort(op string) *Port {
	r.check(op)
	if r.kind == DeadRight || r.port != nil && !r.port.Alive() {
		return nil
	}
	if r.kind != ReceiveRight {
		panic(fmt.Sprintf("ipc: %s of a %v", op, r))
	}
	return r.port
}

// KernelMakeSend makes a send right of a port whose receiver is a kernel, and counts it in the make-send
// count.
func (p *Port) KernelMakeSend() Right {
	p.mustBeKernels("KernelMakeSend")
	p.mscount++
	return p.newSend()
}

// KernelMakeSendOnce makes a send-once right of a port whose receiver is a kernel.
func (p *Port) KernelMakeSendOnce() Right {
	p.mustBeKernels("KernelMakeSendOnce")
	return p.newSendOnce()
}

func (p *Port) mustBeKernels(op string) {
	switch p.state.(type) {
	case InKernel, InReply:
	default:
		panic(fmt.Sprintf("ipc: %s of %v, whose receiver is no kernel", op, p))
	}
}

func (p *Port) newSend() Right     { p.touch(); p.srights++; return Right{p, SendRight} }
func (p *Port) newSendOnce() Right { p.touch(); p.sorights++; return Right{p, SendOnceRight} }

// Release gives a right up and empties its cell. A send right may cause a no-senders notification; a
// send-once right causes a send-once notification; a receive right dies with its port, unless a
// port-destroyed request takes it. Null, Dead and rights of dead ports only empty the cell.
func Release(reap *sched.Reap, r *Right) {
	t := r.Take()
	p := t.port
	if p == nil || !p.Alive() {
		return
	}
	p.touch()
	switch t.kind {
	case SendRight:
		p.dropSend(reap)
	case SendOnceRight:
		p.world.notifySendOnce(reap, t)
	case ReceiveRight:
		p.leave(reap)
		p.destroy(reap)
	}
}

// ReleaseQuietly gives up a send-once right without the notification: for the few releases that are not
// the loss of a right (IPC-172). Null and Dead only empty the cell.
func ReleaseQuietly(r *Right) {
	t := r.Take()
	if t.port == nil {
		return
	}
	if t.kind != SendOnceRight {
		panic(fmt.Sprintf("ipc: ReleaseQuietly of a %v", t))
	}
	t.port.touch()
	t.port.sorights--
}

// dropSend takes one send right off the count, and fires the no-senders request if it was the last. Historic
// ipc_port_release_send.
func (p *Port) dropSend(reap *sched.Reap) {
	if notify, mscount, fire := p.dropSendCount(); fire {
		p.world.notifyNoSenders(reap, p, notify, mscount)
	}
	if p.srights == 0 && p.kobject != nil {
		if _, wants := p.kobject.(IdleKobject); wants {
			reap.Add(idle{p})
		}
	}
}

// dropSendCount takes one send right off the count. If it was the last one and a no-senders request is
// armed, the request comes back for the caller to fire.
func (p *Port) dropSendCount() (notify Right, mscount uint32, fire bool) {
	if !p.Alive() {
		return
	}
	if p.srights == 0 {
		panic(fmt.Sprintf("ipc: INV-1: a send right of %v released that was never counted", p))
	}
	p.srights--
	if p.srights == 0 {
		p.event(trace.PortNoSenders, 0)
	}
	if p.srights == 0 && !p.nsrequest.IsNull() {
		return takeRequest(&p.nsrequest), p.mscount, true
	}
	return
}
