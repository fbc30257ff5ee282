package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Notify is what the kernel says about ports to those who asked. Every notification uses up the
// send-once right it is sent to, names no reply port and ignores the queue limit.
var Notify = mig.NewSubsystem("notify", 64, "kernel to program: what became of ports", source)

var (
	NotifyPortDeletedRow   = Notify.Simple(mig.Everywhere(mach.NotifyPortDeleted), "mach_notify_port_deleted", NotifyPortDeleted[mig.Port]{})
	NotifyMsgAcceptedRow   = Notify.Simple(mig.IDs{mig.CMU: mach.NotifyMsgAccepted, mig.GNU: mach.NotifyMsgAccepted}, "mach_notify_msg_accepted", NotifyMsgAccepted[mig.Port]{})
	NotifyPortDestroyedRow = Notify.Simple(mig.Everywhere(mach.NotifyPortDestroyed), "mach_notify_port_destroyed", NotifyPortDestroyed[mig.Port]{})
	NotifyNoSendersRow     = Notify.Simple(mig.Everywhere(mach.NotifyNoSenders), "mach_notify_no_senders", NotifyNoSenders[mig.Port]{})
	NotifySendOnceRow      = Notify.Simple(mig.Everywhere(mach.NotifySendOnce), "mach_notify_send_once", NotifySendOnce[mig.Port]{})
	NotifyDeadNameRow      = Notify.Simple(mig.Everywhere(mach.NotifyDeadName), "mach_notify_dead_name", NotifyDeadName[mig.Port]{})
)

// NotifyPortDeleted says that a name with a dead-name request no longer denotes the port, which lives, or
// went away together with it.
type NotifyPortDeleted[P any] struct {
	Notify P         `mig:"notify,dest=notify,move_send_once"`
	Seqno  uint32    `mig:"seqno,trailer"`
	Name   mach.Name `mig:"name"`
}

// NotifyMsgAccepted says that a message which a send had forced into a full queue was received or
// destroyed (ID-18).
type NotifyMsgAccepted[P any] struct {
	Notify P         `mig:"notify,dest=notify,move_send_once"`
	Seqno  uint32    `mig:"seqno,trailer"`
	Name   mach.Name `mig:"name"` // of the port it was sent to, or null
}

// NotifyPortDestroyed saves the receive right of a port that was being destroyed: it is in the message.
type NotifyPortDestroyed[P any] struct {
	Notify P      `mig:"notify,dest=notify,move_send_once"`
	Seqno  uint32 `mig:"seqno,trailer"`
	Rights P      `mig:"rights,move_receive"`
}

// NotifyNoSenders says that the last send right of a port is gone.
type NotifyNoSenders[P any] struct {
	Notify  P      `mig:"notify,dest=notify,move_send_once"`
	Seqno   uint32 `mig:"seqno,trailer"`
	Mscount uint32 `mig:"mscount"` // the port's make-send count at that moment
}

// NotifySendOnce says that the send-once right it was sent to ceased to exist without a message.
type NotifySendOnce[P any] struct {
	Notify P      `mig:"notify,dest=notify,move_send_once"`
	Seqno  uint32 `mig:"seqno,trailer"`
}

// NotifyDeadName says that a port died. The name is a dead name now, with one reference more, which
// belongs to the receiver.
type NotifyDeadName[P any] struct {
	Notify P         `mig:"notify,dest=notify,move_send_once"`
	Seqno  uint32    `mig:"seqno,trailer"`
	Name   mach.Name `mig:"name"`
}
