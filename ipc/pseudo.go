package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// pseudoReceive gives a message that could not be sent back to its sender: every right and region is copied out
// to the sender, and m says 17 or 18 where it said COPY or MAKE, so that it can be sent again as it
// stands (IPC-109 to IPC-114). The header is not exchanged. The result is the detail bits of what could not
// be given back. Historic ipc_kmsg_copyout_pseudo.
func (s *Space) pseudoReceive(th *sched.Thread, as AddressSpace, k *Kmsg, m *mach.UserMessage) mach.Return {
	var detail, bits mach.Return
	m.RemoteDisp, m.LocalDisp = k.Message.RemoteDisp, k.Message.LocalDisp
	m.Remote, detail = s.copyoutRight(&th.Reap, &k.Message.Remote)
	m.Local, bits = s.copyoutRight(&th.Reap, &k.Message.Local)
	detail |= bits
	if k.Message.Complex {
		detail |= s.copyoutBody(th, as, k, m, nil)
	}
	k.Free()
	return detail
}
