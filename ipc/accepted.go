package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// acceptance is the promise to tell a sender that a message it forced into a full queue has been taken. A
// space has one outstanding at most for each port. Historic ipc_marequest.
type acceptance struct {
	entry  *entry // the sender's name for the port, nil once it is gone
	node   *Node
	notify Right
}

// sendNotify sends with MACH_SEND_NOTIFY: a message that would block, after the timeout if one is given, is
// forced into the queue and answered with msg-accepted when it is received or destroyed (ID-18).
//
// Codes: MACH_SEND_WILL_NOTIFY, the message was forced; MACH_SEND_INVALID_NOTIFY, the notify argument
// names no receive right; MACH_SEND_NOTIFY_IN_PROGRESS, a message of this space for this port is
// outstanding; MACH_SEND_INTERRUPTED.
func (s *Space) sendNotify(th *sched.Thread, k *Kmsg, a *MsgArgs) mach.Return {
	timeout := mach.Timeout(0)
	if a.Option&mach.SendTimeout != 0 {
		timeout = a.Timeout
	}
	ret := s.send(th, k, a.Option|mach.SendTimeout, timeout)
	if ret != mach.SendTimedOut {
		return ret
	}
	notify := s.findReceive(a.Notify)
	if notify == nil {
		return mach.SendInvalidNotify
	}
	p := k.dest()
	e := s.byPort[p]
	if e != nil && e.accepted != nil {
		return mach.SendNotifyInProgress
	}
	k.accepted = &acceptance{entry: e, node: s.node, notify: notify.port.newSendOnce()}
	if e != nil {
		e.accepted = k.accepted
	}
	p.admit(k)
	return mach.SendWillNotify
}

// settleAccepted sends the msg-accepted of a message that has been received or destroyed.
func (k *Kmsg) settleAccepted(reap *sched.Reap) {
	a := k.accepted
	if a == nil {
		return
	}
	k.world.touchKernel() // the sender's name is another task's
	k.accepted = nil
	name := mach.NameNull
	if a.entry != nil {
		name = a.entry.name
		a.entry.accepted = nil
	}
	k.world.notifyName(reap, a.node, mach.NotifyMsgAccepted, a.notify, name)
}
