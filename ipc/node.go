package ipc

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// Node is one kernel of a world.
type Node struct {
	world  *World
	id     uint16
	index  int // in the world's order
	name   string
	pers   personality.Personality
	links  []*link // towards each other node, by index; nil until used
	net    *netServer
	spaces []*Space
}

// kernelToken is the sender token of messages that a kernel sends (KERNEL_SECURITY_TOKEN).
var kernelToken = [2]uint32{0, 1}

// NewNode makes a kernel. From the second one on, every kernel has two threads: one takes messages
// from the links, one executes requests of other kernels.
func (w *World) NewNode(id uint16, name string, p personality.Personality) *Node {
	n := &Node{world: w, id: id, index: len(w.nodes), name: name, pers: p}
	w.nodes = append(w.nodes, n)
	if len(w.nodes) == 2 {
		w.nodes[0].startNet()
	}
	if len(w.nodes) >= 2 {
		n.startNet()
	}
	return n
}

// ID is the kernel's number.
func (n *Node) ID() uint16 { return n.id }

// Name is the kernel's name.
func (n *Node) Name() string { return n.name }

// Personality is whose habits the kernel has.
func (n *Node) Personality() *personality.Personality { return &n.pers }

// World is the world the kernel belongs to.
func (n *Node) World() *World { return n.world }

// NewPort makes a port whose receive right this kernel holds, without a kernel object.
func (n *Node) NewPort() Right { return n.newKernelPort(InKernel{n}, nil) }

// NewKernelPort makes a port that ko serves; the result is the naked receive right. Historic
// ipc_port_alloc_kernel.
func (n *Node) NewKernelPort(ko Kobject) Right { return n.newKernelPort(InKernel{n}, ko) }

// NewReplyPort makes a port on which this kernel awaits replies to its own requests. Its messages are
// queued and taken with ReceiveReply. Historic ipc_port_alloc_reply.
func (n *Node) NewReplyPort() Right { return n.newKernelPort(InReply{n}, nil) }

func (n *Node) newKernelPort(at Receiver, ko Kobject) Right {
	p := n.world.newPort()
	p.arrive(at)
	p.kobject = ko
	p.qlimit = n.pers.KernelPortQlimit // ID-23
	return Right{p, ReceiveRight}
}

// newPort makes a port whose receive right is in limbo.
func (w *World) newPort() *Port {
	w.sched.Touch(sched.ResourceIDs, 0, true)
	w.lastPort++
	p := w.spares.ports.New()
	*p = Port{world: w, id: w.lastPort, state: InLimbo{}, qlimit: mach.QlimitDefault, nms: true, fresh: true}
	w.ports.push(p)
	return p
}

// Send sends a message of the kernel's own. Rights in it are naked and already made; dispositions follow
// from their kinds. The destination is Remote. A receive right in a descriptor must be held by the
// kernel: it goes into limbo and then in transit to the destination (IPC-193). The message ignores the
// queue limit, and never blocks on it; th is the thread that executes it if the destination is served by
// this kernel. k is consumed in every case.
//
// A null or dead destination gives MACH_SEND_INVALID_DEST and the message is destroyed; if the
// destination's port has died it is destroyed with success.
func (n *Node) Send(th *sched.Thread, k *Kmsg) mach.Return {
	reap := &th.Reap
	k.from, k.sender, k.token = n, 0, kernelToken
	if k.Message.Remote.port == nil {
		k.Destroy(reap)
		return mach.SendInvalidDest
	}
	k.bind(reap)
	w := n.world
	if p := k.dest(); p.linkFrom(n) == nil && p.serves(k) {
		w.serve(th, k, false)
	} else {
		w.post(reap, k)
	}
	return mach.KernSuccess
}

// bind completes a kernel message: dispositions follow from the rights, and receive rights go in transit
// to the destination.
func (k *Kmsg) bind(reap *sched.Reap) {
	m := &k.Message
	m.RemoteDisp, m.LocalDisp = m.Remote.Disposition(), m.Local.Disposition()
	if m.RemoteDisp == mach.PortReceive || m.LocalDisp == mach.PortReceive {
		panic(fmt.Sprintf("ipc: a receive right in the header of kernel message %d", m.ID))
	}
	m.Complex = len(m.Descs) > 0
	for i := range m.Descs {
		d := &m.Descs[i]
		switch d.Kind {
		case mach.DescPort:
			k.bindRight(reap, &d.Port)
			if disp := d.Port.Disposition(); disp != mach.DispNone {
				d.Disp = disp
			} else {
				d.Disp = d.Disp.Arrives()
			}
		case mach.DescPorts:
			d.Disp = d.Disp.Arrives()
			for j := range d.Ports {
				k.bindRight(reap, &d.Ports[j])
			}
		}
	}
}

func (k *Kmsg) bindRight(reap *sched.Reap, r *Right) {
	if r.kind == spentRight {
		r.check("sending")
	}
	if r.kind == ReceiveRight && r.port.Alive() {
		r.port.move(reap)
		k.carry(r.port)
	}
}

// carry binds a receive right in limbo for the message's destination, or marks the message as circular:
// such a message is destroyed when it is sent (IPC-155, IPC-157).
func (k *Kmsg) carry(p *Port) {
	if !p.transit(k.dest()) {
		k.circular = true
	}
}
