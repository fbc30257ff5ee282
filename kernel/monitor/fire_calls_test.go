package monitor_test

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

func (w *world) change(f mach.Flavor, words ...int32) trace.Message {
	return w.call(serving, manager, "memory_object_change_attributes", ctl, kv{"flavor": f, "attributes": words, "reply_to": right{replyPort, mach.MakeSendOnce}})
}

func (w *world) attributes(f mach.Flavor, room int, code mach.Return, words ...uint32) {
	call := w.call(serving, manager, "memory_object_get_attributes", ctl, kv{"flavor": f, "attributes_count": room, "reply": replyPort})
	w.reply(call, code, append([]uint32{uint32(len(words))}, words...)...)
}

const delay = int32(mach.CopyDelay)

// callFires are about attributes, synchronize and the default manager.
var callFires = []fire{
	{"EMM-017", "", func(w *world) {
		w.active().request(0, 1)
		w.refuse(w.supplyCall(8, page, wanted), mach.KernInvalidArgument)
		w.exit(serving)
	}},
	{"EMM-034", "", func(w *world) { w.init().change(mach.FlavorPerformance, 0, 1) }}, // by the manager
	{"EMM-049", "", func(w *world) {
		w.over(false)
		w.attributes(mach.FlavorPerformance, 2, mach.KernSuccess, page, 0)
	}},
	{"EMM-191", "", func(w *world) { w.active().change(99, 1); w.exit(serving) }},
	{"EMM-191", "", func(w *world) { w.active(); w.changed(ctl, mach.FlavorAttribute) }},
	{"EMM-192", "", func(w *world) {
		w.active()
		w.refuse(w.change(mach.FlavorBehavior, delay, 0, 0, 1, 0), mach.KernInvalidArgument)
		w.exit(serving)
	}},
	{"EMM-193", "", func(w *world) { w.active().change(mach.FlavorPerformance, 0, 1); w.changed(ctl, mach.FlavorBehavior) }},
	{"EMM-193", "", func(w *world) { w.active().change(mach.FlavorPerformance, 0, 1); w.exit(serving) }},
	{"EMM-194", "", func(w *world) {
		w.active()
		w.refuse(w.change(mach.FlavorPerformance, 0, 1), mach.KernInvalidArgument)
		w.changed(ctl, mach.FlavorPerformance)
		w.exit(serving)
	}},
	{"EMM-195", "", func(w *world) { w.active().change(mach.FlavorAttribute, int32(mach.CopyNone), 0, 0, 0) }},
	{"EMM-196", "", func(w *world) { w.init().change(mach.FlavorAttribute, int32(mach.CopySymmetric), 0, 0, 0) }},
	{"EMM-197", "", func(w *world) {
		w.active(int32(mach.CopyTemporary), 0, 0, 0)
		w.attributes(mach.FlavorBehavior, 5, 0, uint32(mach.CopyTemporary), 0, 0, 0, 0)
	}},
	{"EMM-198", "", func(w *world) { w.active(); w.attributes(mach.FlavorPerformance, 2, 0, 0, 0) }},
	{"EMM-199", "", func(w *world) { w.active().change(mach.FlavorPerformance, 3*page, 0) }},
	{"EMM-200", "", func(w *world) { w.active(); w.attributes(mach.FlavorPerformance, 1, 0, page, 0) }},
	{"EMM-201", "", func(w *world) { w.active(); w.attributes(mach.FlavorPerformance, 2, 0, page, 1) }},
	{"EMM-201", "", func(w *world) { w.active(); w.attributes(mach.FlavorPerformance, 2, mach.KernFailure) }},
	{"EMM-205", "", func(w *world) { w.reply(w.msync(mach.SyncSynchronous|mach.SyncAsynchronous), 0) }},
	{"EMM-206", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).msync(mach.SyncSynchronous)
		w.passes(0, trace.PageClean, 0, false, false, false).synchronize(0, page)
	}},
	{"EMM-206", "", func(w *world) {
		w.active().resident(0, 0, false).store(0).msync(mach.SyncSynchronous)
		w.synchronize(0, page)
		w.dataReturn(0, page, true, true)
	}},
	{"EMM-207", "", func(w *world) {
		call := w.active().msync(mach.SyncSynchronous)
		w.synchronize(0, page)
		w.reply(call, 0)
	}},
	{"EMM-208", "", func(w *world) {
		w.active().call(serving, manager, "memory_object_synchronize_completed", ctl, kv{"length": page})
	}},
	{"EMM-209", "", func(w *world) {
		w.active().msync(mach.SyncSynchronous)
		w.synchronize(0, 2*page)
		w.synchronize(page, page)
	}},
	{"EMM-228", "", func(w *world) {
		w.defaultManager(service, 0)
		w.defaultManager(0, 0)
	}},
	{"EMM-229", "", func(w *world) {
		w.defaultManager(service, 0)
		w.defaultManager(obj, 0)
	}},
	{"EMM-230", "", func(w *world) { w.defaultManager(obj, 0); w.create(right{newObject, mach.MoveReceive}) }},
}

// defaultManager installs a default manager, or asks for it; the kernel names was.
func (w *world) defaultManager(port, was uint64) {
	call := w.call(mapping, client, "host_default_memory_manager", hostPort, kv{"default_manager": right{port, mach.MakeSend}, "reply": clientReply})
	w.kmsg++
	e := trace.Message{Kmsg: w.kmsg, Dest: call.Reply, DestKind: once, ID: call.ID + mach.ReplyOffset, FromKernel: true}
	e.AddDesc(trace.MessageDesc{Kind: mach.DescPort, Disp: mach.MoveSend, Value: was})
	e.SetBody(mach.Words.AppendUint32(nil, 0))
	trace.Emit(w.tr, e)
	w.exit(mapping)
}
