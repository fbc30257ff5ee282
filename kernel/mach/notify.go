package mach

// Notification numbers (OSF notify.h).
const (
	NotifyPortDeleted   MsgID = 0o101 // 65: the name went while the port lives
	NotifyMsgAccepted   MsgID = 0o102 // 66: CMU and GNU (ID-18)
	NotifyPortDestroyed MsgID = 0o105 // 69: carries the receive right
	NotifyNoSenders     MsgID = 0o106 // 70: the last send right went
	NotifySendOnce      MsgID = 0o107 // 71: a send-once right went unused
	NotifyDeadName      MsgID = 0o110 // 72: the port died
)
