package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/vm"
)

var (
	exceptionRaise      = mig.For[defs.ExceptionRaise[ipc.Right], ipc.Right, ipc.Memory](defs.ExceptionRaiseRow, mig.Request)
	exceptionRaiseReply = mig.For[mig.Void, ipc.Right, ipc.Memory](defs.ExceptionRaiseRow, mig.Reply)

	exceptionRaiseCMU      = mig.For[defs.ExceptionRaiseCMU[ipc.Right], ipc.Right, ipc.Memory](defs.ExceptionRaiseCMURow, mig.Request)
	exceptionRaiseCMUReply = mig.For[mig.Void, ipc.Right, ipc.Memory](defs.ExceptionRaiseCMURow, mig.Reply)
)

// raise tells the thread's exception port, and if that does not help its task's, that an access failed. It
// reports whether the access is to be done again: a server answered KERN_SUCCESS, or the wait was aborted.
// Historic exception.
func (t *Thread) raise(x vm.Exception) (again bool) {
	trace.Emit(t.task.host.sim.tracer, trace.Exception{Task: t.task.id, Type: trace.ExcBadAccess, Code: x.Code, Addr: x.Address})
	for _, ports := range [...]*exceptionPorts{&t.exceptions, &t.task.exceptions} {
		if port := &ports[defs.ExcBadAccess]; port.Live() {
			switch t.tell(port, x) {
			case mach.KernSuccess, mach.KernAborted:
				return true
			}
		}
	}
	return false
}

// tell sends exception_raise to a port and waits for the answer, which is the result.
//
// Further codes: KERN_ABORTED, the wait was interrupted; KERN_FAILURE, there will be no answer;
// MIG_REPLY_MISMATCH, the answer is another message, such as the notification that the port died.
func (t *Thread) tell(port *ipc.Right, x vm.Exception) mach.Return {
	h := t.task.host
	world, reap := h.sim.world, &t.th.Reap
	k := world.NewKmsg()
	ret := t.encodeException(k, port, x)
	if ret != mach.KernSuccess {
		k.Destroy(reap)
		return ret
	}
	t.reply = h.node.NewReplyPort()
	k.Message.Local = ipc.MakeSendOnce(&t.reply)
	h.node.Send(t.th, k)
	t.th.Drain()
	answer, got := h.node.ReceiveReply(t.th, &t.reply, 0)
	switch got {
	case mach.KernSuccess:
		reply := exceptionRaiseReply
		if h.form.Set != mig.OSF {
			reply = exceptionRaiseCMUReply
		}
		var none mig.Void
		ret = reply.Decode(&answer.Message, &none, h.form)
		ipc.ReleaseQuietly(&answer.Message.Remote)
		answer.Message.Remote = ipc.Right{}
		answer.Destroy(reap)
	case mach.RcvInterrupted:
		ret = mach.KernAborted
	default:
		ret = mach.KernFailure
	}
	drop(reap, &t.reply)
	return ret
}

func (t *Thread) encodeException(k *ipc.Kmsg, port *ipc.Right, x vm.Exception) mach.Return {
	form := t.task.host.form
	if form.Set != mig.OSF {
		return exceptionRaiseCMU.Encode(&defs.ExceptionRaiseCMU[ipc.Right]{
			ExceptionPort: ipc.CopySend(port), Thread: t.port(), Task: t.task.port(),
			Exception: defs.ExcBadAccess, Code: int64(x.Code), Subcode: int64(x.Address),
		}, &k.Message, form)
	}
	return exceptionRaise.Encode(&defs.ExceptionRaise[ipc.Right]{
		ExceptionPort: ipc.CopySend(port), Thread: t.port(), Task: t.task.port(),
		Exception: defs.ExcBadAccess, Code: []int64{int64(x.Code), int64(x.Address)},
	}, &k.Message, form)
}
