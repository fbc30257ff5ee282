package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// late queues a control call at the closed control port.
func (w *world) late() uint64 {
	w.on(serving)
	return w.queue("memory_object_data_unavailable", ctl, kv{"size": page})
}

func (w *world) arrives(port uint64, task uint32) *world {
	trace.Emit(w.tr, trace.PortEvent{Port: port, Task: task, Name: mach.Name(port), Op: trace.PortArrive})
	return w
}

func (w *world) moves(port uint64) *world {
	trace.Emit(w.tr, trace.PortEvent{Port: port, Task: manager, Name: mach.Name(port), Op: trace.PortMove})
	return w
}

// numbered delivers a message with a number.
func (w *world) numbered(kmsg uint64, seqno uint32) {
	e := w.sent[kmsg]
	e.Op, e.Task, e.Seqno = trace.MessageDeliver, manager, seqno
	w.on(serving)
	trace.Emit(w.tr, e)
}

// windowed is an association that is over, with n late calls in its control port, which the manager has.
func (w *world) windowed(n int) (calls []uint64) {
	w.active().unmap()
	for range n {
		calls = append(calls, w.late())
	}
	k := w.on(mapping).terminate()
	w.step(trace.StepT4).exit(mapping).takeTerminate(k)
	return calls
}

func (w *world) setSeqno(port uint64, n int) *world {
	w.on(serving)
	trace.Emit(w.tr, trace.Trap{Name: trace.TrapTaskSelf, Task: manager})
	trace.Emit(w.tr, trace.RightEvent{Port: taskPort, Task: manager, Name: 1, Right: mach.RightSend, Delta: 1, Urefs: 1})
	trace.Emit(w.tr, trace.Trap{Name: trace.TrapTaskSelf, Exit: true})
	call := w.call(serving, manager, "mach_port_set_seqno", taskPort, kv{"name": int(port), "seqno": n, "reply": replyPort})
	return w.reply(call, 0).exit(serving)
}

func (w *world) any(port uint64) uint64 {
	w.on(serving)
	return w.queue("mach_notify_send_once", port, kv{})
}

// portFires are about rights, queues and sequence numbers.
var portFires = []fire{
	{"EMM-008", "", func(w *world) {
		w.active().on(serving)
		w.deliver(w.dataReturn(0, page, true, false), manager)
		w.exit(serving)
	}},
	{"EMM-008", "", func(w *world) {
		w.active().on(serving)
		w.deliver(w.dataReturn(0, page, true, false), manager)
		w.reference(9)
	}},
	{"EMM-009", "", func(w *world) {
		w.active().unmap()
		k := w.terminate()
		w.on(serving).deliver(k, manager)
		trace.Emit(w.tr, trace.RightEvent{Port: ctl, Task: manager, Name: 0x999, Right: mach.RightReceive, Delta: 1, Urefs: 1, Op: trace.RightInsert})
	}},
	{"EMM-010", "", func(w *world) {
		w.active()
		trace.Emit(w.tr, trace.RightEvent{Port: ctl, Task: other, Name: 7, Right: mach.RightSend, Delta: 1, Urefs: 1})
		w.over2().call(serving, manager, "mach_port_destroy", taskPort, kv{"reply": replyPort})
		w.moves(ctl)
		trace.Emit(w.tr, trace.PortEvent{Port: ctl, Op: trace.PortDie})
		w.exit(serving)
	}},
	{"EMM-011", "", func(w *world) {
		w.over(true).call(serving, manager, "mach_port_deallocate", taskPort, kv{"reply": replyPort})
		trace.Emit(w.tr, trace.PortEvent{Port: ctl, Op: trace.PortDie})
	}},
	{"EMM-015", "", func(w *world) {
		e := w.active().on(kserver).message("memory_object_data_return", obj, kv{"memory_control": ctl})
		e.FromKernel = true
		w.refuse(e, mach.SendTimedOut)
	}},
	{"EMM-016", "", func(w *world) {
		w.active().call(serving, manager, "memory_object_destroy", ctl, kv{})
		trace.Emit(w.tr, trace.Thread{Subject: serving, Op: trace.ThreadBlock, Reason: trace.WaitQueue, What: obj})
	}},
	{"EMM-020", "", func(w *world) {
		w.active()
		k := w.dataReturn(0, page, true, false)
		w.moves(obj).arrives(obj, other).on(serving)
		w.seqno[obj] = 0
		w.deliver(k, manager)
	}},
	{"EMM-021", "", func(w *world) {
		w.active().unmap()
		w.call(serving, manager, "memory_object_data_unavailable", ctl, kv{"size": page})
	}},
	{"EMM-022", "", func(w *world) { w.active().late() }},
	{"EMM-023", "", func(w *world) { w.windowed(0); w.numbered(w.late(), 3) }},
	{"EMM-049", "", func(w *world) {
		k := w.windowed(2)
		w.numbered(k[1], 0)
		w.numbered(k[0], 1)
	}},
	{"EMM-050", "", func(w *world) {
		w.active().unmap()
		w.on(serving)
		late := w.queue("memory_object_data_supply", ctl, kv{"data": page})
		k := w.on(mapping).terminate()
		w.step(trace.StepT4).exit(mapping).takeTerminate(k)
		e := w.sent[late]
		e.Desc[0].Value = 0
		w.sent[late] = e
		w.numbered(late, 0)
	}},
	{"EMM-051", "", func(w *world) { w.numbered(w.windowed(1)[0], 1) }},
	{"EMM-052", "", func(w *world) {
		w.active().unmap()
		trace.Emit(w.tr, trace.PortEvent{Port: ctl, Other: 2, Op: trace.PortLimit})
		w.late()
		w.late()
		w.late()
	}},
	{"EMM-053", "", func(w *world) {
		w.windowed(1)
		w.on(serving).moves(ctl)
		trace.Emit(w.tr, trace.PortEvent{Port: ctl, Op: trace.PortDie})
		w.exit(serving)
	}},
	{"EMM-212", "", func(w *world) { w.active(); w.numbered(w.dataReturn(0, page, true, false), 7) }},
	{"EMM-214", "", func(w *world) {
		w.active().lockCall(0, page, retNone, false, 0, true)
		w.numbered(w.completed("memory_object_lock_completed", 0, page), 4)
	}},
	{"EMM-215", "", func(w *world) { w.numbered(w.any(replyPort), 5) }},
	{"EMM-216", "", func(w *world) {
		w.numbered(w.any(replyPort), 0)
		k := w.any(replyPort)
		w.moves(replyPort).arrives(replyPort, manager).numbered(k, 1)
	}},
	{"EMM-217", "", func(w *world) { w.setSeqno(replyPort, 40).numbered(w.any(replyPort), 0) }},
	{"EMM-218", "", func(w *world) { w.setSeqno(4711, 40) }},
	{"EMM-219", "", func(w *world) {
		w.active().on(kserver)
		first := w.dataReturn(0, page, true, false)
		n := w.seqno[obj]
		w.numbered(w.dataReturn(page, page, true, false), n)
		w.numbered(first, n+1)
	}},
}
