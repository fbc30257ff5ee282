package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Notifications are messages of the kernel through a send-once right, which they use up. They ignore the
// queue limit and vanish if the port has died (IPC-107, IPC-161, IPC-185). The body is one word, but for
// send-once, which has none, and port-destroyed, which carries the receive right.

// notification makes a notification for notify. from is the kernel that sends it.
func (w *World) notification(from *Node, id mach.MsgID, notify Right) *Kmsg {
	k := w.NewKmsg()
	k.from, k.token = from, kernelToken
	k.Message.ID = id
	k.Message.Remote, k.Message.RemoteDisp = notify, mach.PortSendOnce
	return k
}

// notifyWord sends a notification whose body is one word.
func (w *World) notifyWord(reap *sched.Reap, from *Node, id mach.MsgID, notify Right, word uint32) {
	if !notify.Live() {
		return
	}
	k := w.notification(from, id, notify)
	k.Message.Body = mach.Words.AppendUint32(k.Message.Body, word)
	w.post(reap, k)
}

// notifyName sends dead-name, port-deleted or msg-accepted.
func (w *World) notifyName(reap *sched.Reap, from *Node, id mach.MsgID, notify Right, name mach.Name) {
	w.notifyWord(reap, from, id, notify, uint32(name))
}

// notifyDeleted answers the dead-name request of a name that went while its port lives, if there was one.
func (w *World) notifyDeleted(reap *sched.Reap, d deletion) {
	if d.notify.kind != NullRight {
		w.notifyName(reap, d.node, mach.NotifyPortDeleted, d.notify, d.name)
	}
}

// notifyNoSenders tells that the last send right of p went.
func (w *World) notifyNoSenders(reap *sched.Reap, p *Port, notify Right, mscount uint32) {
	w.notifyWord(reap, p.Home(), mach.NotifyNoSenders, notify, mscount)
}

// notifySendOnce uses up a send-once right to tell that it was not used otherwise.
func (w *World) notifySendOnce(reap *sched.Reap, r Right) {
	if r.Live() {
		w.post(reap, w.notification(r.port.Home(), mach.NotifySendOnce, r))
	}
}

// notifyPortDestroyed sends the receive right of p, which is in transit to notify's port. If that port has
// died, the message is destroyed and p with it (IPC-181).
func (w *World) notifyPortDestroyed(reap *sched.Reap, p *Port, notify Right) {
	k := w.notification(p.node, mach.NotifyPortDestroyed, notify)
	k.Message.Complex = true
	k.Message.Descs = append(k.Message.Descs,
		Desc{Kind: mach.DescPort, Disp: mach.PortReceive, Port: Right{p, ReceiveRight}})
	w.post(reap, k)
}
