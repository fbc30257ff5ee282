package scenario

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// userThread is a thread as its program sees it.
type userThread = user.Thread

// send sends m, and waits for room in the queue as long as it takes or as the timeout says. A message that
// comes back is given up: the script still has what it sent, except for rights and memory that it moved.
func (t *thread) send(m *mach.UserMessage, wait *mach.Timeout) mach.Return {
	ret := t.sendOnce(m, wait)
	if cameBack(ret) {
		user.DestroyUnsent(t.u, m)
	}
	return ret
}

// sendOnce is send that leaves a message that comes back as it is.
func (t *thread) sendOnce(m *mach.UserMessage, wait *mach.Timeout) mach.Return {
	opt, timeout := mach.SendMsg, mach.Timeout(0)
	if wait != nil {
		opt, timeout = opt|mach.SendTimeout, *wait
	}
	defer t.carrying(m)()
	return user.Msg(t.u, m, opt|mach.SendInterr, 0, mach.NameNull, timeout, mach.NameNull)
}

// cameBack reports whether a send with this result has put its message back into the task.
func cameBack(ret mach.Return) bool {
	base := ret.Base()
	return base == mach.SendTimedOut || base == mach.SendInterrupted
}

// receive takes the next message of a port or port set into m.
func (t *thread) receive(m *mach.UserMessage, port mach.Name, wait *mach.Timeout) mach.Return {
	opt, timeout := mach.RcvMsg|mach.RcvTrailerSeqno|mach.RcvInterr, mach.Timeout(0)
	if wait != nil {
		opt, timeout = opt|mach.RcvTimeout, *wait
	}
	return user.Msg(t.u, m, opt, user.ReceiveLimit, port, timeout, mach.NameNull)
}

// rpc sends m with the thread's reply port and overwrites it with the answer. A timeout bounds the wait for room
// in the queue, and that for the answer; after one the reply port is given up, for the answer may still come.
func (t *thread) rpc(m *mach.UserMessage, wait *mach.Timeout) mach.Return {
	if t.replyPort == mach.NameNull {
		t.replyPort = t.u.ReplyPort()
	}
	m.Local, m.LocalDisp = t.replyPort, mach.MakeSendOnce
	opt, timeout := mach.SendMsg|mach.RcvMsg, mach.Timeout(0)
	if wait != nil {
		opt, timeout = opt|mach.SendTimeout|mach.RcvTimeout, *wait
	}
	ret := user.Msg(t.u, m, opt, user.ReceiveLimit, t.replyPort, timeout, mach.NameNull)
	switch ret.Base() {
	case mach.RcvTimedOut:
		t.dropReplyPort()
	case mach.SendTimedOut, mach.SendInterrupted:
		user.DestroyUnsent(t.u, m)
	case mach.SendInvalidRight, mach.SendInvalidType, mach.SendInvalidMemory, mach.SendMsgTooSmall:
		// The reply right went with the message, and its notification waits where an answer would.
		t.dropReplyPort()
	}
	return ret
}

func (t *thread) dropReplyPort() {
	defer t.quietly()()
	user.MachPortModRefs(t.u, user.Self(t.u), t.replyPort, mach.RightReceive, -1)
	t.replyPort = mach.NameNull
}

// place puts data into fresh memory of the thread's task, to be sent.
func (t *thread) place(data []byte) (region, error) {
	defer t.quietly()()
	r, ret := user.StoreNew(t.u, data)
	if ret != mach.KernSuccess {
		return region{}, failf(KernelError, "no memory for the data of a message: %v", ret)
	}
	return region{Region: r}, nil
}

// quietly spares the transcript the calls that follow, until the function it returns is called.
func (t *thread) quietly() (end func()) {
	id := t.k.ID()
	t.p.placing[id] = true
	return func() { delete(t.p.placing, id) }
}

// carrying is quietly if m takes memory along.
func (t *thread) carrying(m *mach.UserMessage) (end func()) {
	for i := range m.Descs {
		if m.Descs[i].Deallocate {
			return t.quietly()
		}
	}
	return func() {}
}
