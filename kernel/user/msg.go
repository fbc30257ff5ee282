package user

import "machvm/kernel/mach"

// Msg is mach_msg as the library gives it to programs: a send that was interrupted is repeated unless opt
// has SendInterr, and a receive unless it has RcvInterr, with the full timeout each time. After an
// interrupted receive only the receive is repeated.
func Msg(t Thread, m *mach.UserMessage, opt mach.Option, rcvLimit mach.Size, rcvName mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	trap := opt &^ (mach.SendInterr | mach.RcvInterr)
	for {
		r := t.Msg(m, trap, rcvLimit, rcvName, timeout, notify)
		switch {
		case r == mach.SendInterrupted && opt&mach.SendInterr == 0:
		case r == mach.RcvInterrupted && opt&mach.RcvInterr == 0:
			trap &^= mach.SendMsg | mach.SendTimeout | mach.SendNotify | mach.SendCancel
		default:
			return r
		}
	}
}

// ReceiveLimit is the size up to which the library receives messages.
const ReceiveLimit mach.Size = 1 << 20

// Receive waits for a message on a port or port set and puts it into m, with its sequence number.
func Receive(t Thread, m *mach.UserMessage, name mach.Name) mach.Return {
	return Msg(t, m, mach.RcvMsg|mach.RcvTrailerSeqno, ReceiveLimit, name, 0, mach.NameNull)
}

// TryReceive is Receive with a bound on the wait: MACH_RCV_TIMED_OUT if nothing comes.
func TryReceive(t Thread, m *mach.UserMessage, name mach.Name, timeout mach.Timeout) mach.Return {
	return Msg(t, m, mach.RcvMsg|mach.RcvTimeout|mach.RcvTrailerSeqno, ReceiveLimit, name, timeout, mach.NameNull)
}
