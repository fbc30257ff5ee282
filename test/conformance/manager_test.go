package conformance

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// manager is a memory manager that a test scripts. A service thread receives on its memory objects, writes
// every message into a log and answers by a default policy:
//
//	init          ready, with the attributes of readiness
//	data_request  every page supplied with contents, in the way of supplies
//	data_unlock   lock_request with NONE
//	data_return   the bytes kept
//	synchronize   synchronize_completed
//	all others    nothing; rights stay where they are
//
// A test replaces the answer to one kind of message with on or silent, and makes calls of its own in further
// threads with do and start. Everything but hold leaves the simulation quiet: nothing can run any more.
type manager struct {
	e      *emm
	name   string
	task   *kernel.Task
	set    mach.Name   // the service thread receives from it
	port   mach.Name   // the first memory object
	object []mach.Name // all of them

	readiness defs.ObjectAttributes
	supplies  supplied
	kept      map[mach.Offset][]byte // by page; what data_return brought last

	log     []*received
	answers map[string]func(x *turn)
}

// received is one message of the log. Fields that the message lacks are zero.
type received struct {
	kind    string    // historic name without "memory_object_" and "mach_notify_"; "message" if it has none
	on      mach.Name // the port it arrived on
	seqno   uint32
	letter  string // a for the control port of the first init of the test, b, ...; null, dead, or ?
	message *mach.UserMessage

	object, control, name mach.Name
	pageSize              mach.Size
	offset                mach.Offset
	length                mach.Size
	access                mach.Prot
	data                  []byte
	dirty, kernelCopy     bool
	code                  mach.Return
	errorOffset           mach.Offset
	flavor                mach.Flavor
	detail                string // what else String shows
}

// turn is the service thread at a message. result is what the handler returns: anything but success and
// MIG_NO_REPLY makes the library destroy the message.
type turn struct {
	calls
	*received
	result mach.Return
}

// newManager starts a manager with one memory object on the first host.
func (e *emm) newManager(name string) *manager {
	m := &manager{e: e, name: name, task: e.k.NewTask(name), readiness: defs.ObjectAttributes{CopyStrategy: mach.CopyDelay},
		kept: map[mach.Offset][]byte{}, answers: map[string]func(*turn){}}
	m.do(func(x *calls) {
		set, code := user.MachPortAllocate(x, x.self(), mach.RightPortSet)
		x.ok(code)
		m.set = set
	})
	m.port = m.newObject()
	m.addThread()
	return m
}

// addThread starts one more service thread.
func (m *manager) addThread() {
	m.e.Spawn(m.task, "service", m.serve)
	m.e.settle()
}

// serve is the service thread.
func (m *manager) serve(th user.Thread) {
	server := m.server(th)
	out := new(mach.UserMessage)
	for {
		in := new(mach.UserMessage) // the log keeps it
		if user.Receive(th, in, m.set) != mach.KernSuccess {
			return
		}
		x := &turn{calls: calls{th, m.e}, received: &received{kind: "message", on: in.Local, seqno: in.Trailer.Seqno}}
		seen := *in
		seen.Descs = slices.Clone(in.Descs)
		x.message = &seen
		m.log = append(m.log, x.received)
		user.ServeMessage(th, x, in, out, server)
	}
}

// server is the table of everything the manager understands.
func (m *manager) server(th user.Thread) *user.Server[*turn] {
	s := user.NewServer[*turn](th)
	user.OnSimple(s, user.InitCodec, func(x *turn, r *defs.MemoryObjectInit[mach.Name]) mach.Return {
		x.object, x.control, x.name, x.pageSize = r.MemoryObject, r.MemoryControl, r.MemoryObjectName, r.PageSize
		m.e.christen(m, r.MemoryControl)
		return m.answer(x, "init", func() { x.ready(x.control, m.readiness) })
	})
	user.OnSimple(s, user.TerminateCodec, func(x *turn, r *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
		x.object, x.control, x.name = r.MemoryObject, r.MemoryControl, r.MemoryObjectName
		return m.answer(x, "terminate", nil)
	})
	user.OnSimple(s, user.DataRequestCodec, func(x *turn, r *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
		x.object, x.control, x.offset, x.length, x.access = r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.DesiredAccess
		return m.answer(x, "data_request", func() {
			var data []byte
			for off := x.offset; off < x.offset+mach.Offset(x.length); off += mach.Offset(page) {
				data = append(data, contents(off)...)
			}
			x.supply(x.control, x.offset, data, m.supplies)
		})
	})
	user.OnSimple(s, user.DataUnlockCodec, func(x *turn, r *defs.MemoryObjectDataUnlock[mach.Name]) mach.Return {
		x.object, x.control, x.offset, x.length, x.access = r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.DesiredAccess
		return m.answer(x, "data_unlock", func() { x.lock(x.control, locking{offset: x.offset, size: x.length}) })
	})
	user.OnSimple(s, user.DataReturnCodec, func(x *turn, r *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
		x.object, x.control, x.offset, x.dirty, x.kernelCopy = r.MemoryObject, r.MemoryControl, r.Offset, r.Dirty, r.KernelCopy
		x.data, x.length = x.bytes(r.Data), r.Data.Size
		user.Deallocate(x, r.Data)
		return m.answer(x, "data_return", func() {
			for i := 0; i < len(x.data); i += int(page) {
				m.kept[x.offset+mach.Offset(i)] = x.data[i : i+int(page)]
			}
		})
	})
	user.OnSimple(s, user.SynchronizeCodec, func(x *turn, r *defs.MemoryObjectSynchronize[mach.Name]) mach.Return {
		x.object, x.control, x.offset, x.length = r.MemoryObject, r.MemoryControl, r.Offset, r.Length
		return m.answer(x, "synchronize", func() { x.synchronizeCompleted(x.control, x.offset, x.length) })
	})
	user.OnSimple(s, user.CreateCodec, func(x *turn, r *defs.MemoryObjectCreate[mach.Name]) mach.Return {
		x.object, x.control, x.name = r.NewMemoryObject, r.NewControlPort, r.NewName
		x.pageSize, x.length = r.NewPageSize, r.NewObjectSize
		m.e.christen(m, r.NewControlPort)
		return m.answer(x, "create", func() { x.ok(user.MachPortMoveMember(x, x.self(), x.object, m.set)) })
	})
	user.OnSimple(s, user.DataInitializeCodec, func(x *turn, r *defs.MemoryObjectDataInitialize[mach.Name, mach.Region]) mach.Return {
		x.object, x.control, x.offset = r.MemoryObject, r.MemoryControlPort, r.Offset
		x.data, x.length = x.bytes(r.Data), r.Data.Size
		user.Deallocate(x, r.Data)
		return m.answer(x, "data_initialize", nil)
	})
	user.OnSimple(s, user.LockCompletedCodec, func(x *turn, r *defs.MemoryObjectLockCompleted[mach.Name]) mach.Return {
		x.control, x.offset, x.length = r.MemoryControl, r.Offset, r.Length
		return m.answer(x, "lock_completed", nil)
	})
	user.OnSimple(s, user.SupplyCompletedCodec, func(x *turn, r *defs.MemoryObjectSupplyCompleted[mach.Name]) mach.Return {
		x.control, x.offset, x.length, x.code, x.errorOffset = r.MemoryControl, r.Offset, r.Length, r.Result, r.ErrorOffset
		return m.answer(x, "supply_completed", nil)
	})
	user.OnSimple(s, user.ChangeCompletedCodec, func(x *turn, r *defs.MemoryObjectChangeCompleted[mach.Name]) mach.Return {
		x.control, x.flavor = r.MemoryControl, r.Flavor
		return m.answer(x, "change_completed", nil)
	})
	user.OnSimple(s, user.ChangeCompletedCMUCodec, func(x *turn, r *defs.MemoryObjectChangeCompletedCMU[mach.Name]) mach.Return {
		x.detail = fmt.Sprintf("%v,%v", r.MayCache, r.CopyStrategy)
		return m.answer(x, "change_completed", nil)
	})
	user.OnSimple(s, user.NoSendersCodec, func(x *turn, r *defs.NotifyNoSenders[mach.Name]) mach.Return {
		x.detail = fmt.Sprint(r.Mscount)
		return m.answer(x, "no_senders", nil)
	})
	user.OnSimple(s, user.SendOnceCodec, func(x *turn, _ *defs.NotifySendOnce[mach.Name]) mach.Return {
		return m.answer(x, "send_once", nil)
	})
	user.OnSimple(s, user.DeadNameCodec, func(x *turn, r *defs.NotifyDeadName[mach.Name]) mach.Return {
		x.name = r.Name
		return m.answer(x, "dead_name", nil)
	})
	return s
}

// answer notes what kind of message this is and does what the test has set for it, or else usual.
func (m *manager) answer(x *turn, kind string, usual func()) mach.Return {
	x.kind, x.letter = kind, m.e.letter(m, x.control)
	if f := m.answers[kind]; f != nil {
		f(x)
	} else if usual != nil {
		usual()
	}
	return x.result
}

// on has f answer messages of a kind from now on.
func (m *manager) on(kind string, f func(x *turn)) { m.answers[kind] = f }

// silent leaves messages of a kind unanswered from now on.
func (m *manager) silent(kind string) { m.answers[kind] = func(*turn) {} }

// Threads.

// spawn starts a thread of the manager; it does not run yet.
func (m *manager) spawn(name string, f func(x *calls) mach.Return) *job {
	return m.e.spawn(m.task, name, f)
}

// start runs a thread of the manager until everything is quiet.
func (m *manager) start(name string, f func(x *calls) mach.Return) *job {
	return m.e.start(m.task, name, f)
}

// do is start for a thread that must come to its end.
func (m *manager) do(f func(x *calls)) { m.e.in(m.task, f) }

// Objects.

// newObject makes one more memory object, with no-senders detection.
func (m *manager) newObject() mach.Name { return m.add((*calls).allocateObject) }

// newPlainObject makes one by plain mach_port_allocate.
func (m *manager) newPlainObject() mach.Name { return m.add((*calls).allocatePort) }

func (m *manager) add(allocate func(*calls) mach.Name) (name mach.Name) {
	m.do(func(x *calls) {
		name = allocate(x)
		x.ok(user.MachPortMoveMember(x, x.self(), name, m.set))
	})
	m.object = append(m.object, name)
	return name
}

// hold keeps the service thread from receiving messages of the memory objects, until resume.
func (m *manager) hold() {
	m.do(func(x *calls) {
		for _, name := range m.object {
			x.ok(user.MachPortMoveMember(x, x.self(), name, mach.NameNull))
		}
	})
}

func (m *manager) resume() {
	m.do(func(x *calls) {
		for _, name := range m.object {
			x.ok(user.MachPortMoveMember(x, x.self(), name, m.set))
		}
	})
}

// moveObject moves the first memory object's receive right to another manager, as its first one.
func (m *manager) moveObject(to *manager) {
	var box mach.Name
	to.do(func(x *calls) { box = x.allocatePort() })
	out := m.e.GiveSend(to.task, box, m.task)
	m.do(func(x *calls) { x.ok(x.sendReceiver(out, 77, m.port)) })
	to.do(func(x *calls) {
		got, code := x.receive(box)
		x.ok(code)
		to.port = got.Descs[0].Port
		to.object = append(to.object, to.port)
		x.ok(user.MachPortMoveMember(x, x.self(), to.port, to.set))
	})
}

// notifyPort is a new port whose messages are logged but are not those of a memory object.
func (m *manager) notifyPort() (name mach.Name) {
	m.do(func(x *calls) {
		name = x.allocatePort()
		x.ok(user.MachPortMoveMember(x, x.self(), name, m.set))
	})
	return name
}

// requestNoSenders asks for no-senders of name; the result is where it will be notified.
func (m *manager) requestNoSenders(name mach.Name) mach.Name {
	notify := m.notifyPort()
	m.do(func(x *calls) { x.ok(x.askNoSenders(name, notify)) })
	return notify
}

// watch asks for the death of a port of another manager; the result is where it will be notified.
func (m *manager) watch(name mach.Name, of *manager) mach.Name {
	notify := m.notifyPort()
	mine := m.e.GiveSend(of.task, name, m.task)
	m.do(func(x *calls) { x.ok(x.askDeadName(mine, notify)) })
	return notify
}

func (m *manager) status(name mach.Name) (s receiveStatus) {
	m.do(func(x *calls) { s = x.status(name) })
	return s
}

func (m *manager) portType(name mach.Name) (t mach.TypeBits) {
	m.do(func(x *calls) { t = x.portType(name) })
	return t
}

func (m *manager) refs(name mach.Name, right mach.RightCode) (n uint32) {
	m.do(func(x *calls) { n = x.refs(name, right) })
	return n
}

// terminate ends the manager's task.
func (m *manager) terminate() {
	m.task.Terminate()
	m.e.settle()
}

// The log.

// String is "kind(letter,arguments)": offsets and lengths in pages, access as r--, data_return with dirty or
// clean and, if the kernel keeps a copy, kept.
func (r *received) String() string {
	switch n := r.offset / mach.Offset(page); r.kind {
	case "data_request", "data_unlock":
		return fmt.Sprintf("%s(%s,%d,%v)", r.kind, r.letter, n, r.access)
	case "data_return":
		s := "clean"
		if r.dirty {
			s = "dirty"
		}
		if r.kernelCopy {
			s += ",kept"
		}
		return fmt.Sprintf("data_return(%s,%d,%s)", r.letter, n, s)
	case "lock_completed", "synchronize":
		return fmt.Sprintf("%s(%s,%d,%d)", r.kind, r.letter, n, r.length/page)
	case "supply_completed":
		return fmt.Sprintf("%s(%s,%d,%d,%v)", r.kind, r.letter, n, r.length/page, r.code)
	case "change_completed":
		if r.detail == "" {
			return fmt.Sprintf("%s(%s,%v)", r.kind, r.letter, r.flavor)
		}
		return fmt.Sprintf("%s(%s)", r.kind, r.detail)
	case "data_initialize":
		return fmt.Sprintf("%s(%s,%d)", r.kind, r.letter, n)
	case "init", "terminate", "create":
		return fmt.Sprintf("%s(%s)", r.kind, r.letter)
	case "no_senders":
		return fmt.Sprintf("%s(%s)", r.kind, r.detail)
	case "message":
		return fmt.Sprintf("message(%d)", r.message.ID)
	}
	return r.kind
}

// traceOn is the messages that arrived on one port. A message about several pages is shown as one for each,
// since how many pages go into one is nobody's promise.
func (m *manager) traceOn(port mach.Name) []string {
	lines := []string{}
	for _, r := range m.log {
		if r.on != port {
			continue
		}
		pages := 1
		if r.kind == "data_request" || r.kind == "data_unlock" || r.kind == "data_return" {
			pages = int(r.length / page)
		}
		for i := range pages {
			one := *r
			one.offset += at(i)
			lines = append(lines, one.String())
		}
	}
	return lines
}

// trace is the messages of the first memory object.
func (m *manager) trace() []string { return m.traceOn(m.port) }

// see requires that the first memory object has received these messages and no others.
func (m *manager) see(want ...string) {
	m.e.t.Helper()
	m.seeOn(m.port, want...)
}

func (m *manager) seeOn(port mach.Name, want ...string) {
	m.e.t.Helper()
	if want == nil {
		want = []string{}
	}
	require.Equal(m.e.t, want, m.traceOn(port))
}

// all is the messages of a kind, on whatever port.
func (m *manager) all(kind string) []*received {
	var found []*received
	for _, r := range m.log {
		if r.kind == kind {
			found = append(found, r)
		}
	}
	return found
}

func (m *manager) count(kind string) int { return len(m.all(kind)) }

// last is the last message of a kind, which there must be.
func (m *manager) last(kind string) *received {
	m.e.t.Helper()
	found := m.all(kind)
	require.NotEmpty(m.e.t, found, "no %s in %v", kind, m.trace())
	return found[len(found)-1]
}

// never requires that no message of a kind has come.
func (m *manager) never(kind string) {
	m.e.t.Helper()
	require.Empty(m.e.t, m.all(kind), "%v", m.trace())
}

// control is the manager's name of the control port that init number i brought.
func (m *manager) control(i int) mach.Name {
	m.e.t.Helper()
	found := m.all("init")
	require.Greater(m.e.t, len(found), i)
	return found[i].control
}
