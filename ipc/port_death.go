package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// destroy ends a port whose receive right is in limbo, or redirects it alive to its port-destroyed request.
// Historic ipc_port_destroy; the order of the steps is that of IPC-184.
func (p *Port) destroy(reap *sched.Reap) {
	w := p.world
	p.touchDeath()
	if !p.pdrequest.IsNull() {
		notify := takeRequest(&p.pdrequest)
		if p.transit(notify.port) {
			p.cancelNoSenders(reap)
			w.notifyPortDestroyed(reap, p, notify)
			return
		}
		// Circular: the request goes without a word, and the port dies (IPC-182).
		ReleaseQuietly(&notify)
	}

	p.senders.wakeAll(mach.SendInvalidDest)
	p.die()
	w.ports.remove(p)
	for p.names.head != nil {
		p.names.head.portDied()
	}
	if !p.nsrequest.IsNull() {
		notify := takeRequest(&p.nsrequest)
		Release(reap, &notify)
	}
	for k := p.queue.pop(); k != nil; k = p.queue.pop() {
		p.msgcount--
		w.destroyKmsg(reap, k)
	}
	for r := p.dnrequests.head; r != nil; r = p.dnrequests.head {
		notify, name, node := r.notify, r.name, r.node
		r.discard()
		w.notifyName(reap, node, mach.NotifyDeadName, notify, name)
	}
	for i, a := range p.associations {
		if a != nil {
			p.associations[i] = nil
			reap.Add(portDied{a})
		}
	}
}

// portDied is the death of a memory object port, waiting on a Reap to be told to the VM system.
type portDied struct{ Association }

func (d portDied) Reap(th *sched.Thread) { d.PortDied(th) }
