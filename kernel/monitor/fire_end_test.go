package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

const gone = mach.KernMemoryFailure

// endFires are about terminate, destroy and death.
var endFires = []fire{
	{"EMM-004", "", func(w *world) {
		w.active().unmap()
		w.post("memory_object_terminate", obj, kv{"memory_control": right{ctl, mach.MakeSend}})
	}},
	{"EMM-006", "", func(w *world) { w.over(true); w.dataReturn(0, page, true, false) }},
	{"EMM-012", "", func(w *world) {
		w.active().unmap()
		w.post("memory_object_terminate", obj, kv{"memory_control": ctl, "memory_object_name": 99})
	}},
	{"EMM-013", "TerminateWithName=true", func(w *world) { w.active().unmap(); w.terminate() }},
	{"EMM-043", "", func(w *world) { w.active(); w.post("memory_object_terminate", obj, kv{"memory_control": ctl}) }},
	{"EMM-043", "", func(w *world) { w.active().on(kserver).step(trace.StepD1) }},
	{"EMM-044", "", func(w *world) { w.over(false); w.post("memory_object_terminate", obj, kv{"memory_control": ctl}) }},
	{"EMM-045", "", func(w *world) { w.over(false); w.dataReturn(0, page, true, false) }},
	{"EMM-046", "", func(w *world) {
		w.active().mapEvent(trace.MappingEnter, 2).mapEvent(trace.MappingRemove, 1).step(trace.StepT1)
	}},
	{"EMM-047", "", func(w *world) { w.active().unmap(); w.post("memory_object_terminate", obj2, kv{"memory_control": ctl}) }},
	{"EMM-054", "", func(w *world) { w.active().resident(0, 0, false).store(0).unmap(); w.terminate() }},
	{"EMM-055", "", func(w *world) { w.active().resident(0, 0, true).unmap(); w.terminate() }},
	{"EMM-055", "", func(w *world) {
		w.active().resident(0, 0, true).unmap()
		w.leavesAtEnd(0, false, true).dataReturn(0, page, true, false)
	}},
	{"EMM-056", "", func(w *world) { w.active().resident(0, 0, false).unmap(); w.dataReturn(0, page, false, false) }},
	{"EMM-057", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).unmap()
		w.leavesAtEnd(0, true, false).dataReturn(0, page, true, true)
	}},
	{"EMM-058", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).unmap()
		w.leavesAtEnd(0, true, false).dataReturn(0, page, true, false)
		w.dataReturn(0, page, true, false)
	}},
	{"EMM-059", "", func(w *world) { w.active().resident(0, 0, false).store(0).unmap().leavesAtEnd(0, false, false) }},
	{"EMM-059", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).unmap()
		w.leavesAtEnd(0, true, false).dataReturn(0, page, false, false)
	}},
	{"EMM-060", "", func(w *world) {
		w.active(int32(mach.CopyDelay), 0, 0, 1).resident(0, 0, false).store(0).unmap()
		w.leavesAtEnd(0, true, false).dataReturn(0, page, true, false)
		w.terminate()
	}},
	{"EMM-061", "", func(w *world) {
		w.active().resident(0, 0, false).store(0)
		w.lockCall(0, page, mach.ReturnNone, false, mach.ProtWrite, false)
		w.passes(0, trace.PageLock, mach.ProtWrite, true, false, false).exit(serving).unmap().terminate()
	}},
	{"EMM-062", "", func(w *world) { w.active().request(0, 1).unmap(); w.dataReturn(0, page, true, false) }},
	{"EMM-064", "", func(w *world) {
		w.over(false)
		w.post("memory_object_lock_completed", obj, kv{"memory_control": ctl})
	}},
	{"EMM-066", "", func(w *world) {
		w.active().mapEvent(trace.MappingClip, 2).mapEvent(trace.MappingRemove, 1).step(trace.StepT1)
	}},
	{"EMM-078", "", func(w *world) {
		w.active(int32(mach.CopyDelay), 0, cachable, 0).resident(0, 0, false).store(0).cache()
		w.on(kserver).phase(trace.PhaseCached, trace.PhaseTerminating).step(trace.StepT1).terminate()
	}},
	{"EMM-080", "", func(w *world) {
		w.cachedObject().setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.phase(trace.PhaseCached, trace.PhaseActive).phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
		w.changed(0, mach.FlavorAttribute)
	}},
	{"EMM-081", "", func(w *world) {
		w.cachedObject().setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.phase(trace.PhaseCached, trace.PhaseActive).phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
		w.changed(ctl, mach.FlavorAttribute)
	}},
	{"EMM-086", "", func(w *world) { w.active().destroyBegins().exit(serving) }},
	{"EMM-087", "", func(w *world) {
		w.active()
		w.refuse(w.call(serving, manager, "memory_object_destroy", ctl, kv{}), mach.KernInvalidArgument)
		w.exit(serving)
	}},
	{"EMM-088", "", func(w *world) { w.active().destroyBegins().dataReturn(0, page, true, false) }},
	{"EMM-091", "", func(w *world) { w.active().destroyBegins().on(mapping).dataRequest(0, page, 1) }},
	{"EMM-092", "", func(w *world) {
		w.active().resident(0, 0, false).destroyed().faultBegins(mapping, 0, 1).faultEnds(mapping, 0, gone, trace.FaultUnknown, 1)
	}},
	{"EMM-093", "", func(w *world) {
		w.active().destroyed().faultBegins(mapping, 0, 1).faultEnds(mapping, 0, mach.KernSuccess, trace.FaultPagedIn, 1)
	}},
	{"EMM-094", "", func(w *world) {
		w.active().destroyed().faultBegins(mapping, 0, 1).faultEnds(mapping, 0, mach.KernSuccess, trace.FaultZeroFilled, 1)
	}},
	{"EMM-095", "", func(w *world) {
		w.active().request(0, 1).destroyed().faultEnds(mapping, 0, mach.KernSuccess, trace.FaultPagedIn, 1)
	}},
	{"EMM-096", "", func(w *world) {
		w.active().destroyBegins()
		trace.Emit(w.tr, trace.Thread{Subject: serving, Op: trace.ThreadBlock, Reason: trace.WaitPage, What: 100})
	}},
	{"EMM-097", "", func(w *world) { w.active().destroyed().as(100, ctl2, func() { w.init() }) }},
	{"EMM-098", "", func(w *world) {
		w.active().destroyed().on(mapping)
		w.post("memory_object_terminate", obj, kv{"memory_control": ctl})
	}},
	{"EMM-099", "", func(w *world) {
		w.active().destroyBegins().terminate()
		w.post("memory_object_terminate", obj, kv{"memory_control": ctl})
	}},
	{"EMM-100", "", func(w *world) {
		w.cachedObject().call(serving, manager, "memory_object_destroy", ctl, kv{})
		w.phase(trace.PhaseCached, trace.PhaseActive).phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepD1)
		w.dataReturn(0, page, true, false)
	}},
	{"EMM-101", "", func(w *world) {
		w.active()
		w.post("memory_object_init", obj2, kv{"memory_control": ctl2, "memory_object_page_size": page})
		w.destroyBegins()
		trace.Emit(w.tr, trace.Association{ObjectPort: obj2, ControlPort: ctl2, Step: trace.StepD1})
	}},
	{"EMM-102", "", func(w *world) {
		w.active().destroyBegins()
		w.terminate()
		w.on(kserver).dataReturn(0, page, true, false)
	}},
	{"EMM-103", "", func(w *world) {
		w.active().resident(0, mach.ProtWrite, false).destroyed().faultBegins(mapping, 0, rw)
		w.faultEnds(mapping, 0, mach.KernSuccess, trace.FaultResident, rw)
	}},
	{"EMM-104", "", func(w *world) {
		w.active().dies(true)
		w.post("memory_object_terminate", obj, kv{"memory_control": ctl})
	}},
	{"EMM-105", "", func(w *world) { w.active().dies(false) }},
	{"EMM-105", "", func(w *world) {
		w.active()
		trace.Emit(w.tr, trace.RightEvent{Port: ctl, Task: other, Name: 7, Right: mach.RightSend, Delta: 1, Urefs: 1})
		w.dies(true)
	}},
	{"EMM-106", "", func(w *world) {
		w.active().request(0, 1).dies(true).faultEnds(mapping, 0, mach.KernSuccess, trace.FaultPagedIn, 1)
	}},
	{"EMM-107", "", func(w *world) {
		w.active().resident(0, 0, false).dies(true).faultBegins(mapping, 0, 1).faultEnds(mapping, 0, gone, trace.FaultUnknown, 1)
	}},
	{"EMM-108", "", func(w *world) {
		w.active().dies(true).faultBegins(mapping, 0, 1).faultEnds(mapping, 0, mach.KernSuccess, trace.FaultZeroFilled, 1)
	}},
	{"EMM-109", "", func(w *world) {
		w.cachedObject().dies(true)
		w.post("memory_object_terminate", obj, kv{"memory_control": ctl})
	}},
	{"EMM-110", "", func(w *world) {
		w.over(false).on(serving)
		trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortDie})
		w.exit(serving)
	}},
	{"EMM-112", "", func(w *world) {
		w.active().unmap().exit(mapping).call(helping, client, "vm_map", taskPort, kv{"memory_object": right{obj, send}, "reply": clientReply})
		call := w.mapCall(helping, obj)
		trace.Emit(w.tr, trace.Thread{Subject: helping, Op: trace.ThreadBlock, Reason: trace.WaitPort, What: obj})
		w.on(serving)
		trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortDie})
		w.on(helping).reply(call, mach.KernSuccess)
	}},
	{"EMM-113", "", func(w *world) {
		call := w.active().msync(mach.SyncSynchronous)
		w.synchronize(0, page)
		w.destroyed().on(mapping).reply(call, mach.KernSuccess)
	}},
	{"EMM-114", "", func(w *world) {
		w.active().dataReturn(0, page, true, false)
		w.dies(true)
	}},
	{"EMM-234", "", func(w *world) {
		w.create(right{newObject, mach.MoveReceive})
		w.post("memory_object_data_return", newObject, kv{"memory_control": ctl2, "data": page})
		trace.Emit(w.tr, trace.Association{ObjectPort: newObject, ControlPort: ctl2, Step: trace.StepT1})
		w.post("memory_object_data_return", newObject, kv{"memory_control": ctl2, "data": page})
	}},
	{"EMM-250", "", func(w *world) { w.active().unmap().exit(mapping) }},
}

func (w *world) create(object right) *world {
	w.on(kserver)
	w.post("memory_object_create", service, kv{"new_memory_object": object, "new_control_port": ctl2, "new_page_size": page})
	return w
}

func (w *world) msync(flags mach.SyncFlags) trace.Message {
	return w.call(mapping, client, "vm_msync", taskPort, kv{"size": 8 * page, "sync_flags": flags, "reply": clientReply})
}

func (w *world) synchronize(off, size int) {
	w.post("memory_object_synchronize", obj, kv{"memory_control": ctl, "offset": off, "length": size, "sync_flags": mach.SyncSynchronous})
}
