package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// mapCall is a vm_map of some port.
func (w *world) mapCall(thread uint32, port uint64) trace.Message {
	return w.call(thread, client, "vm_map", taskPort, kv{"memory_object": right{port, send}, "reply": clientReply})
}

func (w *world) initAgain(control uint64) *world {
	w.on(mapping)
	w.post("memory_object_init", obj, kv{"memory_control": int(control), "memory_object_page_size": page})
	return w
}

const cachable = 1

func (w *world) cachedObject() *world { return w.active(int32(mach.CopyDelay), 0, cachable, 0).cache() }

func (w *world) setAttributes(words ...int32) trace.Message {
	return w.call(serving, manager, "memory_object_change_attributes", w.control, kv{"flavor": mach.FlavorAttribute, "attributes": words,
		"reply_to": right{replyPort, mach.MakeSendOnce}})
}

func (w *world) changed(control uint64, f mach.Flavor) {
	w.post("memory_object_change_completed", replyPort, kv{"memory_control": int(control), "flavor": f})
}

func (w *world) selfPort() *world {
	w.on(mapping)
	trace.Emit(w.tr, trace.Trap{Name: trace.TrapTaskSelf, Task: client})
	trace.Emit(w.tr, trace.RightEvent{Port: taskPort, Task: client, Name: 1, Right: mach.RightSend, Delta: 1, Urefs: 1})
	trace.Emit(w.tr, trace.Trap{Name: trace.TrapTaskSelf, Exit: true})
	return w
}

// lifeFires are about init, readiness, mappings and the cache.
var lifeFires = []fire{
	{"EMM-001", "", func(w *world) { w.active(); trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortNoSenders}) }},
	{"EMM-002", "", func(w *world) {
		w.mapBegins()
		w.post("memory_object_init", obj, kv{"memory_control": right{ctl, mach.MoveReceive}, "memory_object_page_size": page})
	}},
	{"EMM-003", "", func(w *world) { w.active(); trace.Emit(w.tr, trace.PortEvent{Port: ctl, Op: trace.PortMove}) }},
	{"EMM-007", "", func(w *world) { w.over(true).initAgain(ctl) }},
	{"EMM-018", "", func(w *world) {
		w.over(true)
		trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortNoSenders})
		w.as(200, ctl2, func() { w.active() })
		w.post("mach_notify_no_senders", replyPort, kv{})
	}},
	{"EMM-019", "", func(w *world) {
		w.active().unmap()
		trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortNoSenders})
		w.post("mach_notify_no_senders", replyPort, kv{})
	}},
	{"EMM-024", "", func(w *world) { w.mapCall(mapping, 0); w.initAgain(ctl) }},
	{"EMM-025", "", func(w *world) { w.selfPort().reply(w.mapCall(mapping, taskPort), mach.KernSuccess) }},
	{"EMM-025", "", func(w *world) { w.selfPort().mapCall(mapping, taskPort); w.initAgain(ctl) }},
	{"EMM-026", "", func(w *world) { w.reply(w.mapCall(mapping, trace.PortDead), mach.KernSuccess) }},
	{"EMM-027", "", func(w *world) { w.init().initAgain(ctl2) }},
	{"EMM-027", "", func(w *world) { w.reply(w.mapCall(mapping, obj), mach.KernSuccess) }},
	{"EMM-028", "", func(w *world) { w.init(); w.mapCall(helping, obj); w.initAgain(ctl2) }},
	{"EMM-029", "", func(w *world) {
		w.post("memory_object_data_request", obj, kv{"memory_control": ctl, "length": page, "desired_access": 1})
	}},
	{"EMM-029", "", func(w *world) { w.terminate() }},
	{"EMM-030", "", func(w *world) {
		w.on(mapping).post("memory_object_init", obj, kv{"memory_control": ctl, "memory_object_page_size": 2 * page})
	}},
	{"EMM-031", "", func(w *world) { w.init().mapped() }},
	{"EMM-031", "", func(w *world) { w.init() }}, // the manager never answers
	{"EMM-032", "", func(w *world) { w.init().on(mapping).placeholder(0, 1).dataRequest(0, page, 1) }},
	{"EMM-033", "", func(w *world) { w.init().phase(trace.PhaseUnready, trace.PhaseActive).step(trace.StepReady) }},
	{"EMM-033", "", func(w *world) {
		w.init().setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.changed(ctl, mach.FlavorAttribute)
		w.exit(serving)
	}},
	{"EMM-035", "", func(w *world) { w.active().initAgain(ctl2) }},
	{"EMM-036", "", func(w *world) {
		w.active().mapBegins()
		w.as(200, ctl2, func() {
			trace.Emit(w.tr, trace.Association{Object: 200, ObjectPort: obj2, ControlPort: ctl2, Step: trace.StepInit})
		})
		w.post("memory_object_init", obj2, kv{"memory_control": ctl2, "memory_object_page_size": page})
		trace.Emit(w.tr, trace.Association{Object: 200, ObjectPort: obj2, ControlPort: ctl2, Step: trace.StepInit})
		trace.Emit(w.tr, trace.Mapping{Object: 200, Task: client, Mappings: 1, Op: trace.MappingEnter})
	}},
	{"EMM-037", "", func(w *world) { w.init().on(mapping).reply(w.pending, mach.KernNoSpace).exit(mapping) }},
	{"EMM-039", "", func(w *world) {
		w.init()
		trace.Emit(w.tr, trace.Thread{Subject: mapping, Op: trace.ThreadAbort})
		w.on(mapping).reply(w.pending, mach.KernSuccess)
	}},
	{"EMM-041", "", func(w *world) { w.init().destroyBegins(); w.on(mapping).reply(w.pending, mach.KernSuccess) }},
	{"EMM-042", "", func(w *world) { w.init().dies(true).on(mapping).reply(w.pending, mach.KernSuccess) }},
	{"EMM-070", "", func(w *world) {
		w.active().unmap().exit(mapping).mapBegins()
		w.mapEvent(trace.MappingEnter, 1).reply(w.pending, mach.KernSuccess)
	}},
	{"EMM-071", "", func(w *world) { w.active().unmap().exit(mapping); w.mapBegins().initAgain(ctl2) }},
	{"EMM-072", "", func(w *world) {
		w.over(false).mapBegins()
		trace.Emit(w.tr, trace.Thread{Subject: mapping, Op: trace.ThreadBlock, Reason: trace.WaitPort, What: obj})
	}},
	{"EMM-073", "", func(w *world) { w.over(true).as(100, ctl2, func() { w.init() }) }},
	{"EMM-074", "", func(w *world) { w.active(int32(mach.CopyDelay), 0, cachable, 0).unmap() }},
	{"EMM-075", "", func(w *world) { w.cachedObject().mapBegins().initAgain(ctl2) }},
	{"EMM-077", "", func(w *world) {
		w.cachedObject()
		trace.Emit(w.tr, trace.PortEvent{Port: obj2, Task: manager, Op: trace.PortCreate})
		w.post("memory_object_init", obj2, kv{"memory_control": ctl2, "memory_object_page_size": page})
		w.as(200, ctl2, func() {
			trace.Emit(w.tr, trace.Association{Object: 200, ObjectPort: obj2, ControlPort: ctl2, Step: trace.StepInit})
			w.ready(int32(mach.CopyDelay), 0, cachable, 0).cache()
			w.on(kserver).phase(trace.PhaseCached, trace.PhaseTerminating)
		})
	}},
	{"EMM-079", "", func(w *world) {
		w.cachedObject().setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.changed(ctl, mach.FlavorAttribute)
		w.exit(serving)
	}},
	{"EMM-082", "", func(w *world) {
		w.active(int32(mach.CopyDelay), 0, cachable, 0).setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
	}},
	{"EMM-083", "", func(w *world) {
		w.cachedObject().call(serving, manager, "memory_object_data_unavailable", ctl, kv{"size": 0})
		w.phase(trace.PhaseCached, trace.PhaseActive).phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
		w.terminate()
		w.exit(serving)
	}},
	{"EMM-083", "", func(w *world) {
		w.cachedObject().setAttributes(int32(mach.CopyDelay), 0, cachable, 0)
		w.phase(trace.PhaseCached, trace.PhaseActive).phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
		w.terminate()
		w.changed(0, mach.FlavorAttribute)
		w.exit(serving)
	}},
	{"EMM-084", "", func(w *world) { w.active(int32(mach.CopyDelay), 0, cachable, 1).cache() }},
	{"EMM-085", "", func(w *world) { w.init().cache() }},
	{"EMM-222", "", func(w *world) {
		w.create(right{newObject, mach.MoveReceive})
		w.post("memory_object_init", newObject, kv{"memory_control": ctl, "memory_object_page_size": page})
	}},
	{"EMM-238", "", func(w *world) {
		w.active()
		w.tr.Boot(2, page, "osf-manual")
		w.host = 2
		w.on(kserver)
		w.post("memory_object_init", obj, kv{"memory_control": ctl, "memory_object_page_size": page})
	}},
}
