package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// onPort sends a completion of a supply.
func (w *world) supplied(off, size int, result mach.Return, at int) {
	w.post("memory_object_supply_completed", replyPort, kv{"memory_control": ctl, "offset": off, "length": size, "result": result, "error_offset": at})
}

var wanted = kv{"reply_to": right{replyPort, mach.MakeSendOnce}}

func wantedWith(more kv) kv {
	all := kv{"reply_to": wanted["reply_to"]}
	for k, v := range more {
		all[k] = v
	}
	return all
}

func (w *world) unlock(thread uint32, off int, access, union mach.Prot) *world {
	w.faultBegins(thread, off, access)
	w.page(trace.PageState{Offset: mach.Offset(off), Lock: mach.ProtWrite, Wanted: union, From: trace.PageResident, To: trace.PageResident, Cause: trace.PageUnlock})
	w.post("memory_object_data_unlock", obj, kv{"memory_control": ctl, "offset": off, "length": page, "desired_access": union})
	return w
}

func (w *world) dataError(off, size int, reason mach.Return) trace.Message {
	return w.call(serving, manager, "memory_object_data_error", ctl, kv{"offset": off, "size": size, "error_value": reason})
}

func (w *world) failed(off int) *world {
	return w.page(trace.PageState{Offset: mach.Offset(off), From: trace.PagePlaceholder, To: trace.PageError, Cause: trace.PageDataError})
}

func (w *world) nothingHere(off int) *world {
	w.call(serving, manager, "memory_object_data_unavailable", ctl, kv{"offset": off, "size": page})
	w.page(trace.PageState{Offset: mach.Offset(off), From: trace.PagePlaceholder, To: trace.PageAbsent, Cause: trace.PageUnavailable})
	return w.exit(serving)
}

const foreign = mach.Return(0x0400_0001) // a code of another error system

// pageFires are about requests, answers and returns.
var pageFires = []fire{
	{"EMM-014", "", func(w *world) {
		w.active().placeholder(0, 1)
		w.post("memory_object_data_request", obj, kv{"memory_control": right{ctl, mach.MoveReceive}, "length": page, "desired_access": 1})
	}},
	{"EMM-014", "", func(w *world) {
		w.active().setAttributes(int32(mach.CopyDelay), 0, 0, 0)
		w.changed(0, mach.FlavorAttribute)
	}},
	{"EMM-115", "", func(w *world) { w.active().on(mapping).placeholder(0, 0).dataRequest(0, page, mach.ProtNone) }},
	{"EMM-116", "", func(w *world) {
		w.active().faultBegins(mapping, 0, rw).placeholder(0, 1).dataRequest(0, page, 1)
		w.asks(mapping, 0, rw)
	}},
	{"EMM-117", "", func(w *world) {
		w.active().faultBegins(mapping, 0, rw).placeholder(0, rw).dataRequest(0, page, rw)
		w.asks(mapping, 0, 1)
	}},
	{"EMM-118", "", func(w *world) { w.active().on(mapping).dataRequest(0, 100, 1) }},
	{"EMM-118", "", func(w *world) { w.active().on(mapping).dataReturn(8, page, true, false) }},
	{"EMM-119", "", func(w *world) { w.active().request(0, 1).on(helping).dataRequest(0, page, 1) }},
	{"EMM-120", "", func(w *world) {
		w.active().resident(0, 0, false).faultBegins(helping, 0, 1).placeholder(0, 1).dataRequest(0, page, 1)
	}},
	{"EMM-121", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, nil)
		w.accept(0, 0, false).exit(serving)
	}},
	{"EMM-121", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, kv{"lock_value": mach.ProtWrite})
		w.accept(0, 0, false)
	}},
	{"EMM-122", "", func(w *world) {
		w.active(int32(mach.CopyDelay), 2*page, 0, 0).on(mapping).placeholder(0, 1)
		w.page(trace.PageState{Offset: page, Wanted: 1, To: trace.PagePlaceholder, Cause: trace.PageCluster})
		w.dataRequest(0, 2*page, 1)
		w.supplyCall(0, page, nil)
		w.accept(0, 0, false).exit(serving).on(helping).dataRequest(page, page, 1)
	}},
	{"EMM-124", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, nil)
		w.page(trace.PageState{From: trace.PagePlaceholder, To: trace.PageResident, Cause: trace.PageSupply, Dirty: true})
	}},
	{"EMM-125", "", func(w *world) { w.active().resident(0, 0, false).on(helping).accept(0, 0, false) }},
	{"EMM-126", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, wanted)
		w.accept(0, 0, false).supplied(0, page, mach.KernMemoryPresent, 0)
	}},
	{"EMM-126", "", func(w *world) {
		w.active().request(0, 1).request(page, 1).supplyCall(0, 2*page, nil)
		w.accept(0, 0, false).accept(page, 0, false)
		w.request(2*page, 1) // and once more the first
		_ = w
		w.on(serving).supplyCall(2*page, page, nil)
		w.accept(page, 0, false)
	}},
	{"EMM-127", "", func(w *world) { w.active().on(helping).accept(0, 0, false) }},
	{"EMM-127", "", func(w *world) { w.active().supplyCall(0, page, nil) }}, // by the manager
	{"EMM-128", "", func(w *world) {
		w.active().request(0, 1).request(page, 1).supplyCall(0, 2*page, nil)
		w.accept(page, 0, false)
	}},
	{"EMM-129", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, wantedWith(kv{"precious": true}))
		w.supplied(0, page, mach.KernMemoryPresent, 0)
	}},
	{"EMM-130", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, wanted)
		w.accept(0, 0, false).exit(serving)
	}},
	{"EMM-130", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, wanted)
		w.accept(0, 0, false).supplied(0, page, 0, 0)
		w.supplied(0, page, 0, 0)
	}},
	{"EMM-130", "", func(w *world) { w.active().supplied(0, page, 0, 0) }},
	{"EMM-131", "", func(w *world) {
		w.active().request(0, 1).supplyCall(0, page, wanted)
		w.accept(0, 0, false).supplied(0, 2*page, 0, 0)
	}},
	{"EMM-132", "", func(w *world) { w.active().request(0, 1).supplyCall(0, page, kv{"lock_value": 64}) }},
	{"EMM-133", "", func(w *world) {
		w.active().request(0, 1).request(page, 1).supplyCall(0, page+100, nil)
		w.accept(0, 0, false).accept(page, 0, false)
	}},
	{"EMM-136", "", func(w *world) { w.active().resident(0, 0, true).evict(0, false, true).dataReturn(0, page, true, false) }},
	{"EMM-136", "", func(w *world) { w.active().resident(0, 0, true).evict(0, false, true) }},
	{"EMM-137", "", func(w *world) {
		w.active().resident(0, 0, false).evict(0, false, false).dataReturn(0, page, false, false)
	}},
	{"EMM-138", "", func(w *world) {
		w.active().request(0, 1).nothingHere(0).faultEnds(mapping, 0, 0, trace.FaultPagedIn, 1)
	}},
	{"EMM-139", "", func(w *world) {
		w.active().request(0, 1).nothingHere(0).on(mapping)
		w.page(trace.PageState{From: trace.PageAbsent, To: trace.PageResident})
		w.evict(0, false, false).dataReturn(0, page, false, false)
	}},
	{"EMM-141", "", func(w *world) { w.active().on(serving).failed(0) }},
	{"EMM-141", "", func(w *world) { w.active().dataError(0, page, 5) }}, // by the manager
	{"EMM-142", "", func(w *world) { w.active().request(0, 1).dataError(0, 100, 5) }},
	{"EMM-143", "", func(w *world) {
		w.active().request(0, 1).dataError(0, page, 5)
		w.failed(0).exit(serving).faultEnds(mapping, 0, 0, trace.FaultPagedIn, 1)
	}},
	{"EMM-144", "", func(w *world) {
		w.active().request(0, 1).dataError(0, page, 5)
		w.failed(0).exit(serving).faultEnds(mapping, 0, mach.KernFailure, 0, 1)
	}},
	{"EMM-145", "", func(w *world) {
		w.active().request(0, 1).dataError(0, page, foreign)
		w.failed(0).exit(serving).faultEnds(mapping, 0, mach.KernMemoryError, 0, 1)
	}},
	{"EMM-146", "", func(w *world) {
		w.active().request(0, 1).dataError(0, page, 5)
		w.failed(0).exit(serving).faultEnds(mapping, 0, mach.KernMemoryError, 0, 1)
		w.faultBegins(mapping, 0, 1).faultEnds(mapping, 0, mach.KernMemoryError, 0, 1)
	}},
	{"EMM-149", "", func(w *world) {
		w.active().request(0, 1).faultEnds(mapping, 0, mach.KernAborted, 0, 1)
		w.supplyCall(0, page, nil)
		w.accept(0, 0, false).exit(serving)
		w.faultBegins(mapping, 0, 1).placeholder(0, 1).dataRequest(0, page, 1)
	}},
	{"EMM-150", "", func(w *world) { w.active().request(0, 1).on(helping).dataRequest(0, page, rw) }},
	{"EMM-150", "", func(w *world) {
		w.active().request(0, 1).on(helping).post("memory_object_data_unlock", obj, kv{"memory_control": ctl, "length": page, "desired_access": rw})
	}},
	{"EMM-151", "", func(w *world) {
		w.active()
		for i := range 53 {
			w.on(mapping).placeholder(i*page, 1).dataRequest(i*page, page, 1)
		}
	}},
	{"EMM-152", "ClusterPagein=true", func(w *world) {
		w.active(int32(mach.CopyDelay), 2*page, 0, 0).on(mapping).placeholder(page, 1)
		w.page(trace.PageState{Offset: 2 * page, Wanted: 1, To: trace.PagePlaceholder, Cause: trace.PageCluster})
		w.dataRequest(page, 2*page, 1)
	}},
	{"EMM-154", "", func(w *world) { w.active().resident(0, 0, false).store(0).evict(0, true, false) }},
	{"EMM-154", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).evict(0, true, false).dataReturn(0, page, true, true)
	}},
	{"EMM-154", "", func(w *world) { w.active().resident(0, 0, false).store(0).evict(0, false, false) }},
	{"EMM-155", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).evict(0, true, false)
		w.faultBegins(mapping, 0, 1).placeholder(0, 1).dataRequest(0, page, 1)
	}},
	{"EMM-155", "", func(w *world) { // by the manager: it answers before it has received what came back
		w.active().resident(0, 0, false).store(0).evict(0, true, false).dataReturn(0, page, true, false)
		w.faultBegins(mapping, 0, 1).placeholder(0, 1).dataRequest(0, page, 1)
		w.asks(mapping, 0, 1).supplyCall(0, page, nil)
	}},
	{"EMM-158", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).resident(page, 0, true).evict(0, true, false).evict(page, false, true)
		w.dataReturn(0, 2*page, true, false)
	}},
	{"EMM-180", "", func(w *world) { w.active().resident(0, 0, false).unlock(mapping, 0, rw, rw) }},
	{"EMM-180", "", func(w *world) {
		w.active().on(mapping).post("memory_object_data_unlock", obj, kv{"memory_control": ctl, "length": page, "desired_access": rw})
	}},
	{"EMM-181", "", func(w *world) {
		w.active().resident(0, mach.ProtWrite, false).unlock(mapping, 0, rw, rw).unlock(helping, 0, rw, rw)
	}},
	{"EMM-182", "", func(w *world) {
		w.active().resident(0, mach.ProtAll, false).unlock(mapping, 0, 1, 1).unlock(helping, 0, mach.ProtWrite, mach.ProtWrite)
	}},
	{"EMM-189", "", func(w *world) { w.active().on(kserver).dataReturn(0, 33*page, true, false) }},
	{"EMM-220", "", func(w *world) {
		w.create(right{newObject, mach.MoveReceive})
		w.post("memory_object_data_request", newObject, kv{"memory_control": ctl2, "length": page, "desired_access": 1})
	}},
	{"EMM-221", "", func(w *world) { w.create(right{newObject, mach.MakeSend}) }},
	{"EMM-226", "", func(w *world) {
		w.active().on(kserver).post("memory_object_data_initialize", obj, kv{"memory_control_port": ctl, "data": page})
	}},
	{"EMM-241", "", func(w *world) {
		w.active().twoKernels().request(0, 1).on(serving)
		w.call(serving, manager, "memory_object_data_supply", ctl2, kv{"data": page})
		w.accept(0, 0, false)
	}},
	{"EMM-245", "", func(w *world) { w.active().request(0, 1).faultEnds(mapping, 0, mach.KernAborted, 0, 1) }},
}

// twoKernels gives another kernel an association with the same object.
func (w *world) twoKernels() *world {
	w.tr.Boot(2, page, "osf-manual")
	w.host = 2
	w.on(kserver)
	k := w.post("memory_object_init", obj, kv{"memory_control": ctl2, "memory_object_page_size": page})
	w.as(200, ctl2, func() { w.take(k) })
	trace.Emit(w.tr, trace.Association{Object: 200, ObjectPort: obj, ControlPort: ctl2, Step: trace.StepInit})
	w.as(200, ctl2, func() { w.ready() })
	w.host = 1
	return w
}
