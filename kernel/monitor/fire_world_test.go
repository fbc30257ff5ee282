package monitor_test

import (
	"fmt"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
)

// world writes a trace by hand, as kernels and managers would, and has a monitor look on. Its steps do what the
// protocol asks for; a case does one of them wrong.
type world struct {
	tr      *trace.Tracer
	m       *monitor.Monitor
	set     mig.Set
	host    uint16
	kmsg    uint64
	seqno   map[uint64]uint32
	sent    map[uint64]trace.Message
	refs    map[uint64]int32
	object  uint64
	control uint64
	pending trace.Message // the vm_map under way
}

// Who is who.
const (
	manager, client, other             = 1, 2, 3        // tasks
	serving, mapping, helping, kserver = 1, 2, 3, 4     // threads of manager, client, client, kernel
	obj, obj2, ctl, ctl2               = 10, 11, 20, 21 // ports
	replyPort, clientReply, taskPort   = 30, 31, 32
	hostPort, service, newObject       = 33, 34, 35
	page                               = 0x1000
	once, send, receive                = mach.PortSendOnce, mach.PortSend, mach.PortReceive
	rw                                 = mach.ProtRead | mach.ProtWrite
	name                               = mach.Name(0x103)
)

// kv are arguments of a message by name; ports are right, numbers anything else.
type kv map[string]any

type right struct {
	port uint64
	disp mach.Disposition
}

func newWorld(habits string) *world {
	w := &world{tr: trace.New(), host: 1, seqno: map[uint64]uint32{}, sent: map[uint64]trace.Message{}, refs: map[uint64]int32{}, object: 100, control: ctl}
	w.m = monitor.Attach(w.tr)
	w.tr.Boot(1, page, habits)
	for _, p := range []struct {
		port uint64
		task uint32
	}{{obj, manager}, {obj2, manager}, {replyPort, manager}, {clientReply, client}, {hostPort, 0}, {service, manager}} {
		trace.Emit(w.tr, trace.PortEvent{Port: p.port, Task: p.task, Name: mach.Name(p.port), Op: trace.PortCreate})
	}
	return w
}

// on says whose turn it is.
func (w *world) on(thread uint32) *world {
	w.tr.SetContext(w.host, thread)
	return w
}

func (w *world) exit(thread uint32) *world {
	w.on(thread)
	trace.Emit(w.tr, trace.Trap{Name: trace.TrapMsg, Exit: true})
	return w
}

// message builds a message of the given name.
func (w *world) message(name string, dest uint64, args kv) trace.Message {
	w.kmsg++
	e := trace.Message{Kmsg: w.kmsg, Dest: dest, DestKind: send, Task: manager}
	if r, ok := args["reply"]; ok {
		e.Reply, e.ReplyKind = uint64(r.(int)), once
	}
	row, body := rowNamed(w.set, name), []byte(nil)
	if row == nil {
		panic("no message " + name)
	}
	e.ID = row.ID(w.set)
	for _, a := range row.Args(mig.Request) {
		v, given := args[a.Name]
		switch a.Kind {
		case mig.ArgDest, mig.ArgSeqno:
		case mig.ArgPort, mig.ArgPorts:
			if a.Option != "" && !given {
				continue
			}
			d := trace.MessageDesc{Kind: mach.DescPort, Disp: a.Disposition[w.set]}
			if r, ok := v.(right); ok {
				d.Value, d.Disp = r.port, r.disp
			} else if given {
				d.Value = number(v)
			}
			e.AddDesc(d)
		case mig.ArgMemory:
			e.AddDesc(trace.MessageDesc{Kind: mach.DescMemory, Value: number(v)})
		case mig.ArgWide:
			body = mach.Words.AppendUint64(body, number(v))
		case mig.ArgWords:
			words, _ := v.([]int32)
			body = mach.Words.AppendUint32(body, uint32(len(words)))
			for _, x := range words {
				body = mach.Words.AppendUint32(body, uint32(x))
			}
		default:
			body = mach.Words.AppendUint32(body, uint32(number(v)))
		}
	}
	e.SetBody(body)
	return e
}

func rowNamed(set mig.Set, name string) *mig.Row {
	for _, r := range defs.Registry(set).Rows() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func number(v any) uint64 {
	switch n := v.(type) {
	case nil:
		return 0
	case int:
		return uint64(n)
	case bool:
		if n {
			return 1
		}
		return 0
	case uint64:
		return n
	case mach.Prot:
		return uint64(n)
	case mach.Return:
		return uint64(uint32(n))
	case mach.ShouldReturn:
		return uint64(uint32(n))
	case mach.Flavor:
		return uint64(uint32(n))
	case mach.SyncFlags:
		return uint64(n)
	case mach.CopyStrategy:
		return uint64(uint32(n))
	case mach.Name:
		return uint64(n)
	}
	panic(fmt.Sprintf("no number: %T", v))
}

// post is a message of the kernel, queued; it returns what identifies it.
func (w *world) post(name string, dest uint64, args kv) uint64 {
	e := w.message(name, dest, args)
	e.Task, e.FromKernel, e.Op = 0, true, trace.MessageSend
	w.sent[e.Kmsg] = e
	trace.Emit(w.tr, e)
	return e.Kmsg
}

// queue is a message of the manager that is queued at a port.
func (w *world) queue(name string, dest uint64, args kv) uint64 {
	e := w.message(name, dest, args)
	e.Op = trace.MessageSend
	w.sent[e.Kmsg] = e
	trace.Emit(w.tr, e)
	return e.Kmsg
}

// deliver has a task receive a message, with the number that is due.
func (w *world) deliver(kmsg uint64, task uint32) trace.Message {
	e := w.sent[kmsg]
	e.Op, e.Task, e.Seqno = trace.MessageDeliver, task, w.seqno[e.Dest]
	w.seqno[e.Dest]++
	trace.Emit(w.tr, e)
	return e
}

// take has the manager receive a message, with a send right for the control port if it brings one.
func (w *world) take(kmsg uint64) *world {
	w.on(serving)
	e := w.deliver(kmsg, manager)
	if e.NDesc > 0 && e.Desc[0].Disp.Arrives() == send {
		w.refs[w.control]++
		w.reference(w.refs[w.control])
	}
	return w.exit(serving)
}

// reference is the manager's name for the control port gaining a reference.
func (w *world) reference(urefs int32) {
	trace.Emit(w.tr, trace.RightEvent{Port: w.control, Task: manager, Name: name, Right: mach.RightSend, Delta: 1, Urefs: uint32(urefs), Op: trace.RightInsert})
}

// call is a message that the kernel serves; the call is open until the thread's trap ends.
func (w *world) call(thread, task uint32, name string, dest uint64, args kv) trace.Message {
	w.on(thread)
	e := w.message(name, dest, args)
	e.Op, e.Task = trace.MessageKernel, task
	trace.Emit(w.tr, e)
	return e
}

// refuse says that the kernel rejected the call.
func (w *world) refuse(e trace.Message, code mach.Return) {
	e.Op, e.Code = trace.MessageRefuse, code
	trace.Emit(w.tr, e)
}

// reply answers a call of the client.
func (w *world) reply(call trace.Message, code mach.Return, words ...uint32) *world {
	w.kmsg++
	e := trace.Message{Kmsg: w.kmsg, Dest: call.Reply, DestKind: once, ID: call.ID + mach.ReplyOffset, FromKernel: true}
	body := mach.Words.AppendUint32(nil, uint32(code))
	for _, x := range words {
		body = mach.Words.AppendUint32(body, x)
	}
	e.SetBody(body)
	trace.Emit(w.tr, e)
	return w
}

// Steps of the protocol.

func (w *world) phase(from, to trace.Phase) *world {
	trace.Emit(w.tr, trace.ObjectPhase{Object: w.object, Port: obj, From: from, To: to})
	return w
}

func (w *world) step(s trace.AssociationStep) *world {
	trace.Emit(w.tr, trace.Association{Object: w.object, ObjectPort: obj, ControlPort: w.control, Step: s})
	return w
}

func (w *world) mapBegins() *world {
	w.pending = w.call(mapping, client, "vm_map", taskPort, kv{"memory_object": right{obj, send}, "reply": clientReply})
	return w
}

// init is the first half of a first vm_map.
func (w *world) init() *world {
	w.mapBegins()
	trace.Emit(w.tr, trace.PortEvent{Port: w.control, Op: trace.PortCreate})
	w.phase(trace.PhaseNone, trace.PhaseIniting)
	k := w.post("memory_object_init", obj, kv{"memory_control": w.control, "memory_object_page_size": page})
	w.step(trace.StepInit).phase(trace.PhaseIniting, trace.PhaseUnready)
	return w.take(k)
}

// ready is the manager's answer.
func (w *world) ready(words ...int32) *world {
	if words == nil {
		words = []int32{int32(mach.CopyDelay), 0, 0, 0}
	}
	w.call(serving, manager, "memory_object_change_attributes", w.control, kv{"flavor": mach.FlavorAttribute, "attributes": words})
	return w.phase(trace.PhaseUnready, trace.PhaseActive).step(trace.StepReady).exit(serving)
}

func (w *world) mapEvent(op trace.MappingOp, mappings uint32) *world {
	trace.Emit(w.tr, trace.Mapping{End: 8 * page, Object: w.object, Task: client, Mappings: mappings, Op: op})
	return w
}

// mapped is the second half of vm_map.
func (w *world) mapped() *world {
	w.on(mapping).mapEvent(trace.MappingEnter, 1)
	return w.reply(w.pending, mach.KernSuccess).exit(mapping)
}

// active is a mapped object that is ready.
func (w *world) active(words ...int32) *world { return w.init().ready(words...).mapped() }

func (w *world) page(p trace.PageState) *world {
	p.Object = w.object
	trace.Emit(w.tr, p)
	return w
}

func (w *world) faultBegins(thread uint32, off int, access mach.Prot) *world {
	w.on(thread)
	trace.Emit(w.tr, trace.Fault{Addr: mach.Addr(off), Task: client, Access: access})
	return w
}

func (w *world) faultEnds(thread uint32, off int, code mach.Return, how trace.FaultHow, access mach.Prot) *world {
	w.on(thread)
	trace.Emit(w.tr, trace.Fault{Addr: mach.Addr(off), Object: w.object, Offset: mach.Offset(off), Task: client, Access: access,
		Stage: trace.FaultEnd, Code: code, How: how})
	return w
}

func (w *world) asks(thread uint32, off int, access mach.Prot) *world {
	w.on(thread)
	trace.Emit(w.tr, trace.Fault{Addr: mach.Addr(off), Object: w.object, Offset: mach.Offset(off), Task: client, Access: access, Stage: trace.FaultAsk})
	trace.Emit(w.tr, trace.Thread{Subject: thread, Task: client, Op: trace.ThreadBlock, Reason: trace.WaitPage, What: w.object})
	return w
}

func (w *world) placeholder(off int, access mach.Prot) *world {
	return w.page(trace.PageState{Offset: mach.Offset(off), Wanted: access, To: trace.PagePlaceholder})
}

func (w *world) dataRequest(off, size int, access mach.Prot) uint64 {
	return w.post("memory_object_data_request", obj, kv{"memory_control": w.control, "offset": off, "length": size, "desired_access": access})
}

// request has the client fault on a page that is not there.
func (w *world) request(off int, access mach.Prot) *world {
	w.faultBegins(mapping, off, access).placeholder(off, access)
	k := w.dataRequest(off, page, access)
	w.asks(mapping, off, access)
	return w.take(k)
}

func (w *world) supplyCall(off, size int, args kv) trace.Message {
	all := kv{"offset": off, "data": size}
	for k, v := range args {
		all[k] = v
	}
	return w.call(serving, manager, "memory_object_data_supply", w.control, all)
}

func (w *world) accept(off int, lock mach.Prot, precious bool) *world {
	return w.page(trace.PageState{Offset: mach.Offset(off), Lock: lock, Precious: precious, From: trace.PagePlaceholder, To: trace.PageResident, Cause: trace.PageSupply})
}

// supply answers a request.
func (w *world) supply(off int, lock mach.Prot, precious bool) *world {
	w.supplyCall(off, page, kv{"lock_value": lock, "precious": precious})
	w.accept(off, lock, precious).exit(serving)
	return w.faultEnds(mapping, off, mach.KernSuccess, trace.FaultPagedIn, mach.ProtRead)
}

// resident is a page that was asked for and supplied.
func (w *world) resident(off int, lock mach.Prot, precious bool) *world {
	return w.request(off, mach.ProtRead).supply(off, lock, precious)
}

// store is the first write to a page.
func (w *world) store(off int) *world {
	w.on(mapping)
	return w.page(trace.PageState{Offset: mach.Offset(off), From: trace.PageResident, To: trace.PageResident, Cause: trace.PageStore, Dirty: true})
}

func (w *world) dataReturn(off, size int, dirty, keep bool) uint64 {
	return w.post("memory_object_data_return", obj, kv{"memory_control": w.control, "offset": off, "data": size, "dirty": dirty, "kernel_copy": keep})
}

func (w *world) lockCall(off, size int, pick mach.ShouldReturn, flush bool, lock mach.Prot, reply bool) trace.Message {
	a := kv{"offset": off, "size": size, "should_return": pick, "should_flush": flush, "lock_value": lock}
	if reply {
		a["reply_to"] = right{replyPort, mach.MakeSendOnce}
	}
	return w.call(serving, manager, "memory_object_lock_request", w.control, a)
}

// passes is the kernel's remark that a lock_request has passed a page.
func (w *world) passes(off int, cause trace.PageCause, lock mach.Prot, dirty, precious, wired bool) *world {
	to := trace.PageResident
	if cause == trace.PageFlush {
		to = trace.PageEmpty
	}
	return w.page(trace.PageState{Offset: mach.Offset(off), Lock: lock, From: trace.PageResident, To: to, Cause: cause, Dirty: dirty, Precious: precious, Wired: wired})
}

func (w *world) evict(off int, dirty, precious bool) *world {
	w.on(kserver)
	return w.page(trace.PageState{Offset: mach.Offset(off), From: trace.PageResident, To: trace.PageEmpty, Cause: trace.PageEvict, Dirty: dirty, Precious: precious})
}

func (w *world) leavesAtEnd(off int, dirty, precious bool) *world {
	return w.page(trace.PageState{Offset: mach.Offset(off), From: trace.PageResident, To: trace.PageEmpty, Cause: trace.PageTerminate, Dirty: dirty, Precious: precious})
}

func (w *world) completed(kind string, off, size int) uint64 {
	return w.post(kind, replyPort, kv{"memory_control": w.control, "offset": off, "length": size})
}

// unmap removes the last mapping and breaks the association.
func (w *world) unmap() *world {
	w.call(mapping, client, "vm_deallocate", taskPort, kv{"reply": clientReply})
	w.mapEvent(trace.MappingRemove, 0)
	return w.phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepT1)
}

func (w *world) terminate() uint64 {
	trace.Emit(w.tr, trace.PortEvent{Port: w.control, Op: trace.PortMove})
	return w.post("memory_object_terminate", obj, kv{"memory_control": w.control})
}

// over is an association that was unmapped and terminated; its terminate is received if taken.
func (w *world) over(taken bool) *world {
	w.active().unmap()
	k := w.terminate()
	w.step(trace.StepT4).exit(mapping)
	if taken {
		w.takeTerminate(k)
	}
	return w
}

func (w *world) takeTerminate(k uint64) *world {
	w.on(serving).deliver(k, manager)
	trace.Emit(w.tr, trace.PortEvent{Port: w.control, Task: manager, Name: name, Op: trace.PortArrive})
	trace.Emit(w.tr, trace.RightEvent{Port: w.control, Task: manager, Name: name, Right: mach.RightReceive, Delta: 1, Urefs: 1, Op: trace.RightInsert})
	return w.exit(serving)
}

// destroyBegins is the manager's destroy up to the break.
func (w *world) destroyBegins() *world {
	w.call(serving, manager, "memory_object_destroy", w.control, kv{"reason": mach.KernFailure})
	return w.phase(trace.PhaseActive, trace.PhaseTerminating).step(trace.StepD1)
}

// destroyed is a whole destroy.
func (w *world) destroyed() *world {
	w.destroyBegins()
	k := w.terminate()
	w.step(trace.StepD5).phase(trace.PhaseTerminating, trace.PhaseOrphan).exit(serving)
	return w.takeTerminate(k)
}

// dies is the death of the memory object, with its control port if the kernel does its part.
func (w *world) dies(control bool) *world {
	w.call(serving, manager, "mach_port_destroy", taskPort, kv{"name": obj, "reply": replyPort})
	trace.Emit(w.tr, trace.PortEvent{Port: obj, Task: manager, Op: trace.PortMove})
	trace.Emit(w.tr, trace.PortEvent{Port: obj, Op: trace.PortDie})
	w.step(trace.StepP3)
	if control {
		trace.Emit(w.tr, trace.PortEvent{Port: w.control, Op: trace.PortMove})
		trace.Emit(w.tr, trace.PortEvent{Port: w.control, Op: trace.PortDie})
		trace.Emit(w.tr, trace.RightEvent{Port: w.control, Task: manager, Name: name, Right: mach.RightSend, Op: trace.RightDead})
	}
	return w.exit(serving)
}

// cache is the last unmap of an object that may be cached.
func (w *world) cache() *world {
	w.call(mapping, client, "vm_deallocate", taskPort, kv{"reply": clientReply})
	return w.mapEvent(trace.MappingRemove, 0).phase(trace.PhaseActive, trace.PhaseCached).exit(mapping)
}

// second makes a second world of names: another association of another port, for cases that need two.
func (w *world) as(object, control uint64, f func()) *world {
	o, c := w.object, w.control
	w.object, w.control = object, control
	f()
	w.object, w.control = o, c
	return w
}
