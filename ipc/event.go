package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// messageEvent traces a step in the life of a message. task is the receiver where it is delivered, and
// ignored otherwise.
func (w *World) messageEvent(k *Kmsg, op trace.MessageOp, task uint32, code mach.Return) {
	if !w.tracer.On(trace.KindMessage) {
		return
	}
	m := &k.Message
	e := trace.Message{Kmsg: k.id, Dest: portID(m.Remote), Reply: portID(m.Local), ID: m.ID, Seqno: k.seqno, Task: k.sender,
		Code: code, DestKind: m.RemoteDisp, ReplyKind: m.LocalDisp, Op: op, FromKernel: k.sender == 0}
	if op == trace.MessageDeliver {
		e.Task = task
	}
	for i := range m.Descs {
		d := &m.Descs[i]
		td := trace.MessageDesc{Kind: d.Kind, Disp: d.Disp}
		switch {
		case d.Kind == mach.DescPort:
			td.Value = portID(d.Port)
		case d.Kind == mach.DescPorts:
			td.Value = uint64(len(d.Ports))
		case d.Memory != nil:
			td.Value = uint64(d.Memory.Size())
		}
		e.AddDesc(td)
	}
	e.SetBody(m.Body)
	trace.Emit(w.tracer, e)
}

// portID is how a right shows in an event.
func portID(r Right) uint64 {
	switch {
	case r.port != nil:
		return r.port.id
	case r.kind == DeadRight:
		return trace.PortDead
	}
	return trace.PortNull
}

// portEvent traces a change of a port, with the place of its receive right.
func (p *Port) event(op trace.PortOp, other uint64) {
	t := p.world.tracer
	if !t.On(trace.KindPort) {
		return
	}
	e := trace.PortEvent{Port: p.id, Op: op, Other: other}
	if at, ok := p.state.(InSpace); ok {
		e.Task, e.Name = at.entry.space.task, at.entry.name
	}
	trace.Emit(t, e)
}

// rightCode is the code of the strongest right of the name.
func (e *entry) rightCode() mach.RightCode {
	return [...]mach.RightCode{entrySend: mach.RightSend, entryReceive: mach.RightReceive, entrySendReceive: mach.RightReceive,
		entrySendOnce: mach.RightSendOnce, entryPortSet: mach.RightPortSet, entryDeadName: mach.RightDeadName}[e.kind]
}

// event traces a change of what a name denotes; delta is that of the user references.
func (e *entry) event(op trace.RightOp, right mach.RightCode, delta int) {
	t := e.space.node.world.tracer
	if !t.On(trace.KindRight) {
		return
	}
	v := trace.RightEvent{Task: e.space.task, Name: e.name, Right: right, Delta: int32(delta), Urefs: uint32(e.info().Urefs), Op: op}
	if e.port != nil {
		v.Port = e.port.id
	}
	trace.Emit(t, v)
}
