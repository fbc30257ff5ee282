package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

const (
	retNone     = mach.ReturnNone
	retDirty    = mach.ReturnDirty
	retAll      = mach.ReturnAll
	retAnything = mach.ReturnAnything
	noChange    = mach.ProtNoChange
)

func (w *world) dirtyPage(off int) *world { return w.active().resident(off, 0, false).store(off) }

// lockFires are about lock_request.
var lockFires = []fire{
	{"EMM-160", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retNone, false, 0, false)
		w.passes(0, trace.PageLock, 0, true, false, false).dataReturn(0, page, true, true)
	}},
	{"EMM-161", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retNone, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, true, false, false).dataReturn(0, page, true, false)
	}},
	{"EMM-162", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retDirty, false, 0, false)
		w.passes(0, trace.PageLock, 0, false, false, false).dataReturn(0, page, false, true)
	}},
	{"EMM-162", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, false, 0, false)
		w.exit(serving)
	}},
	{"EMM-163", "", func(w *world) {
		w.active().resident(0, 0, true).lockCall(0, page, retDirty, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, false, true, false).dataReturn(0, page, false, false)
	}},
	{"EMM-164", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retAll, false, 0, false)
		w.passes(0, trace.PageLock, 0, false, false, false).dataReturn(0, page, false, true)
	}},
	{"EMM-164", "", func(w *world) {
		w.active().resident(0, 0, true).lockCall(0, page, retAll, false, 0, false)
		w.exit(serving)
	}},
	{"EMM-165", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retAnything, false, noChange, false)
		w.exit(serving)
	}},
	{"EMM-166", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, false, 0, false)
		w.passes(0, trace.PageClean, 0, false, false, false).dataReturn(0, page, true, false)
	}},
	{"EMM-166", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, false, 0, false)
		w.passes(0, trace.PageFlush, 0, true, false, false)
	}},
	{"EMM-167", "", func(w *world) {
		w.active().resident(0, 0, true).lockCall(0, page, retAll, false, 0, false)
		w.passes(0, trace.PageClean, 0, false, false, false)
	}},
	{"EMM-168", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, true, 0, false)
		w.exit(serving)
	}},
	{"EMM-168", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, true, false, false).dataReturn(0, page, true, true)
	}},
	{"EMM-169", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, false, 0, true)
		w.passes(0, trace.PageClean, 0, false, false, false).completed("memory_object_lock_completed", 0, page)
	}},
	{"EMM-170", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, false, 0, true)
		w.passes(0, trace.PageLock, 0, false, false, false).exit(serving)
	}},
	{"EMM-170", "", func(w *world) {
		w.active().lockCall(0, page, retNone, false, 0, true)
		w.completed("memory_object_lock_completed", 0, page)
		w.completed("memory_object_lock_completed", 0, page)
	}},
	{"EMM-170", "", func(w *world) { w.active().completed("memory_object_lock_completed", 0, page) }},
	{"EMM-171", "", func(w *world) { w.active().lockCall(0, page, retNone, false, 0, true); w.exit(serving) }},
	{"EMM-172", "", func(w *world) {
		w.active().lockCall(0, page, retNone, false, 0, false)
		w.completed("memory_object_lock_completed", 0, page)
	}},
	{"EMM-173", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, false, mach.ProtWrite, false)
		w.passes(0, trace.PageLock, mach.ProtAll, false, false, false)
	}},
	{"EMM-173", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, false, mach.ProtWrite, false)
		w.exit(serving)
	}},
	{"EMM-174", "", func(w *world) {
		w.dirtyPage(0).lockCall(0, page, retDirty, false, noChange, false)
		w.passes(0, trace.PageClean, mach.ProtWrite, false, false, false)
	}},
	{"EMM-175", "", func(w *world) {
		w.active().resident(0, mach.ProtWrite, false).unlock(mapping, 0, rw, rw)
		w.lockCall(0, page, retAnything, false, noChange, false)
		w.page(trace.PageState{Lock: mach.ProtWrite, Wanted: rw, From: trace.PageResident, To: trace.PageResident, Cause: trace.PageClean})
		w.dataReturn(0, page, false, true)
		w.exit(serving).unlock(helping, 0, rw, rw)
	}},
	{"EMM-176", "", func(w *world) { w.active().lockCall(0, page, retNone, false, 64, false) }},
	{"EMM-177", "", func(w *world) {
		w.active().request(0, 1).lockCall(0, page, retNone, false, 0, false)
		w.passes(0, trace.PageLock, 0, false, false, false)
	}},
	{"EMM-178", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, false, false, false).exit(serving).request(0, 1)
		w.supplyCall(0, page, nil)
		w.accept(0, mach.ProtWrite, false)
	}},
	{"EMM-179", "", func(w *world) { w.active().resident(0, mach.ProtWrite, false).store(0) }},
	{"EMM-183", "", func(w *world) {
		w.active().resident(0, mach.ProtWrite, false).unlock(mapping, 0, rw, rw)
		trace.Emit(w.tr, trace.Thread{Subject: mapping, Op: trace.ThreadBlock, Reason: trace.WaitPage, What: 100})
		w.lockCall(0, page, retNone, false, mach.ProtAll, false)
		w.passes(0, trace.PageLock, mach.ProtAll, false, false, false).exit(serving)
	}},
	{"EMM-184", "", func(w *world) {
		w.active().resident(0, mach.ProtWrite, false).lockCall(0, page, retNone, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, false, false, false).exit(serving).on(mapping)
		w.post("memory_object_data_unlock", obj, kv{"memory_control": ctl, "length": page, "desired_access": rw})
	}},
	{"EMM-187", "", func(w *world) {
		w.active().resident(0, 0, false).lockCall(0, page, retNone, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, false, false, true)
	}},
	{"EMM-188", "", func(w *world) {
		w.active().request(0, 1).lockCall(0, page, retNone, true, 0, false)
		trace.Emit(w.tr, trace.Thread{Subject: serving, Op: trace.ThreadBlock, Reason: trace.WaitPage, What: 100})
	}},
	{"EMM-190", "", func(w *world) {
		w.dirtyPage(0).resident(page, 0, true).lockCall(0, 2*page, retAll, true, 0, false)
		w.passes(0, trace.PageFlush, mach.ProtAll, true, false, false).passes(page, trace.PageFlush, mach.ProtAll, false, true, false)
		w.dataReturn(0, 2*page, true, false)
	}},
}
