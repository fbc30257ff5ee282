package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestEMM076_CachedObjectReturnsPages: A cached object still returns dirty pages under memory pressure.
func TestEMM076_CachedObjectReturnsPages(t *testing.T) {
	e := newPressed(t)
	e.m.readiness.MayCache = true
	r := e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x')
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)")
	e.squeeze()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "data_return(a,1,dirty)")
	require.Equal(t, byte('x'), e.m.kept[at(1)][0])
	require.Zero(t, e.resident(e.m.port))
	e.c.mapPages(2).see(0) // it is cached still
	require.Equal(t, 1, e.m.count("init"))
}

// TestEMM102_DestroyedObjectLosesDirtyPages: Memory pressure frees dirty pages of a destroyed object without a
// message.
func TestEMM102_DestroyedObjectLosesDirtyPages(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	destroyFirst(e)
	r.reads(0, 'x')
	before := []string{"init(a)", "data_request(a,0,rw-)", "terminate(a)"}
	e.m.see(before...)
	e.squeeze()
	r.fails(0, mach.KernMemoryFailure)
	e.m.see(before...)
	require.Zero(t, e.sent(dataReturnID()))
}

// TestEMM159_SlowManagerHoldsNobodyUp: An untrusted manager that holds returned memory does not stop pageout of
// other objects.
func TestEMM159_SlowManagerHoldsNobodyUp(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(30)
	r.write(0, 30, 'a')
	other := e.newManager("other")
	q := e.c.mapName(e.GiveSend(other.task, other.port, e.c.task), 0, 30)
	q.write(0, 30, 'a')
	e.m.hold()
	e.squeeze()
	require.Equal(t, 30, other.count("data_return"))
	require.Equal(t, 60, e.sent(dataReturnID()))
	require.Zero(t, e.m.count("data_return"))
	e.m.resume()
	require.Equal(t, 30, e.m.count("data_return"))
}

// TestEMM220_CreateAtTheFirstPageout: memory_object_create is sent at the first pageout of an internal object and
// not earlier.
func TestEMM220_CreateAtTheFirstPageout(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(2)
	r.write(0, 2, 'a')
	clean := e.newClient("clean").anonymous(2)
	clean.touch(0, 2)
	d.never("create")
	e.squeeze()
	require.Equal(t, 1, d.count("create"), "what is clean needs nobody")
	r.unmap()
	require.Equal(t, 1, d.count("terminate"))
	r = e.c.anonymous(1)
	r.store(0, 'x')
	require.Equal(t, 1, d.count("create"))
	e.squeeze()
	require.Equal(t, 2, d.count("create"))
}

// TestEMM221_CreateMovesTheReceiveRight: memory_object_create moves the receive right of the new object port.
func TestEMM221_CreateMovesTheReceiveRight(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(3)
	r.store(0, 'a')
	e.squeeze()
	m := d.last("create")
	require.Equal(t, mach.TypeReceive, d.portType(m.object)&mach.TypeReceive)
	require.Equal(t, mach.TypeSend, d.portType(m.control))
	require.Equal(t, page, m.pageSize)
	require.Equal(t, 3*page, m.length)
	require.Equal(t, m.object, d.last("data_return").on, "data come on that port")
	require.Len(t, e.kernelRights(d.manager, m.object), 1, "the kernel keeps a send right")
}

// TestEMM222_NoInitForInternalObjects: No init is sent for an internal object.
func TestEMM222_NoInitForInternalObjects(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(2)
	r.write(0, 2, 'a')
	e.squeeze()
	r.reads(1, 'b')
	r.unmap()
	d.never("init")
	d.seeOn(d.theObject(), "data_return(a,0,dirty)", "data_return(a,1,dirty)", "data_request(a,1,r--)", "terminate(a)")
}

// TestEMM223_DataFollowCreateAtOnce: The kernel sends data to a created object without waiting for any answer.
func TestEMM223_DataFollowCreateAtOnce(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	d.hold() // the create stays in the queue
	r := e.c.anonymous(3)
	r.write(0, 3, 'a')
	e.squeeze()
	require.Equal(t, 1, e.sent(createID()))
	require.Equal(t, 3, e.sent(dataReturnID()))
	require.Empty(t, d.log)
	d.resume()
	require.Equal(t, [][2]int{{0, 1}, {1, 1}, {2, 1}}, d.clusters(d.theObject()))
	r.reads(2, 'c')
}

// hugePages is more pages than an existence map covers, so that the kernel does not know what exists.
const hugePages = 33_000

// TestEMM224_UnavailableIsZeros: data_unavailable for a never-written page of a kernel-created object yields
// zeros.
func TestEMM224_UnavailableIsZeros(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(hugePages)
	r.store(1, 'x')
	e.squeeze()
	r.reads(7, 0)
	d.seeOn(d.theObject(), "data_return(a,1,dirty)", "data_request(a,7,r--)")
	r.store(7, 'y')
	e.squeeze()
	r.reads(7, 'y')
	r.reads(1, 'x')
}

// pushed brings about a data_initialize for page 5 of a copy. An original page was saved for the copy, and went
// to the default manager; the copy is too large for an existence map, so when the original changes again
// the kernel does not know that, and saves it once more.
func pushed(e *emm) (original, copied *mapped) {
	e.t.Helper()
	e.m.on("data_request", func(x *turn) {
		data := e.m.kept[x.offset]
		if data == nil {
			data = contents(x.offset)
		}
		x.supply(x.control, x.offset, data, supplied{})
	})
	original = e.c.mapPages(hugePages)
	copied = &mapped{c: e.c, pages: hugePages}
	e.c.do(func(x *calls) {
		var code mach.Return
		copied.addr, code = x.vmMap(mapping{object: e.c.port(e.m.port), size: copied.size(), copy: true})
		x.ok(code)
	})
	original.store(5, 'o')
	e.squeeze()
	require.Equal(e.t, 1, e.sent(createID()))
	require.Zero(e.t, e.sent(initializeID()))
	original.store(5, 'p')
	require.Equal(e.t, 1, e.sent(initializeID()))
	return original, copied
}

// TestEMM225_InitializeDoesNotOverwrite: data_initialize does not overwrite data the manager already holds.
func TestEMM225_InitializeDoesNotOverwrite(t *testing.T) {
	e := newPressed(t)
	p := e.newPager(fewFrames, 0)
	original, copied := pushed(e)
	require.Zero(t, p.Stats().Initialized)
	copied.reads(5, contents(at(5))[0])
	original.reads(5, 'p')
	original.store(6, 'q') // the pager holds nothing of this page
	require.Equal(t, 1, p.Stats().Initialized)
	copied.reads(6, contents(at(6))[0])
}

// TestEMM226_InitializeIsForTheDefaultManager: data_initialize is sent only to the default manager.
func TestEMM226_InitializeIsForTheDefaultManager(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	pushed(e)
	e.m.never("data_initialize")
	require.Equal(t, d.theObject(), d.last("data_initialize").on)
	_, sent := e.sendings(initializeID())
	require.Len(t, sent, 1)
	require.Equal(t, e.portNamed(d.manager, d.theObject()).ID(), sent[0].Dest)
}

// TestEMM227_OffsetsBeyondTheSize: An offset beyond new_object_size may occur in later messages.
func TestEMM227_OffsetsBeyondTheSize(t *testing.T) {
	e := newEMM(t)
	p := e.newPager(8, 0)
	service := e.GiveSend(e.Task("pager"), p.Port(), e.c.task)
	// A program stands in for a kernel whose object of one page has grown.
	e.c.do(func(x *calls) {
		object, control := x.allocatePort(), x.allocatePort()
		send := x.makeSend(object)
		x.ok(user.Send(x, user.CreateCodec, &defs.MemoryObjectCreate[mach.Name]{OldMemoryObject: service,
			NewMemoryObject: object, NewObjectSize: page, NewControlPort: control, NewPageSize: page}))
		data, code := user.StoreNew(x, fillOf('z'))
		x.ok(code)
		x.ok(user.Send(x, user.DataReturnCodec, &defs.MemoryObjectDataReturn[mach.Name, mach.Region]{MemoryObject: send,
			MemoryControl: control, Offset: at(9), Data: data, Dirty: true}))
		x.ok(user.Send(x, user.DataRequestCodec, &defs.MemoryObjectDataRequest[mach.Name]{MemoryObject: send,
			MemoryControl: control, Offset: at(9), Length: page, DesiredAccess: mach.ProtRead}))
		m := new(mach.UserMessage)
		x.ok(user.Receive(x, m, control))
		require.Equal(t, defs.MemoryObjectDataSupplyRow.ID(x.Form().Set), m.ID)
		require.Equal(t, fillOf('z'), x.bytes(m.Descs[0].Memory))
		user.Destroy(x, m)
	})
	require.Equal(t, 1, p.Stats().Supplied)
}

// ask asks who the default manager is.
func (c *client) ask(hostPort mach.Name) (manager mach.Name, code mach.Return) {
	c.do(func(x *calls) { manager, code = user.HostDefaultMemoryManager(x, hostPort, mach.NameNull, 0) })
	return manager, code
}

// hostPriv is the client's name for the privileged host port.
func (c *client) hostPriv() mach.Name {
	c.e.t.Helper()
	return c.e.given(c.task.GiveHostPriv())
}

// same requires that two tasks name the same port.
func (e *emm) same(m *manager, name mach.Name, of *task, other mach.Name) {
	e.t.Helper()
	entry, ok := of.Space().Lookup(other)
	require.True(e.t, ok, "%v denotes nothing", other)
	require.Same(e.t, e.portNamed(m, name), entry.Port)
}

// TestEMM228_AskingChangesNothing: host_default_memory_manager with a null port returns the current manager and
// changes nothing.
func TestEMM228_AskingChangesNothing(t *testing.T) {
	e := newPressed(t)
	priv := e.c.hostPriv()
	manager, code := e.c.ask(priv)
	require.Equal(t, mach.KernSuccess, code)
	require.Equal(t, mach.NameNull, manager, "there is none")
	d := e.newDefaultManager("default", 1)
	for range 2 {
		manager, code = e.c.ask(priv)
		require.Equal(t, mach.KernSuccess, code)
		e.same(d.manager, d.port, e.c.task, manager)
	}
	e.c.anonymous(1).store(0, 'x')
	e.squeeze()
	require.Equal(t, 1, d.count("create"), "it is still in charge")
}

// TestEMM229_InstallingReturnsThePrevious: host_default_memory_manager returns the previous manager when it installs
// a new one.
func TestEMM229_InstallingReturnsThePrevious(t *testing.T) {
	e := newPressed(t)
	first, second := e.newUnregistered("first"), e.newUnregistered("second")
	require.Equal(t, mach.NameNull, first.register(1))
	e.same(first.manager, first.port, second.task, second.register(1))
	e.same(second.manager, second.port, first.task, first.register(1))
	first.do(func(x *calls) { // the obsolete form
		previous, code := user.VMSetDefaultMemoryManager(x, first.priv, x.makeSend(first.port))
		x.ok(code)
		e.same(first.manager, first.port, first.task, previous)
	})
}

// TestEMM230_ANewManagerServesNewObjects: A new default manager serves only objects created later.
func TestEMM230_ANewManagerServesNewObjects(t *testing.T) {
	e := newPressed(t)
	first := e.newDefaultManager("first", 1)
	old := e.c.anonymous(2)
	old.store(0, 'a')
	e.squeeze()
	second := e.newDefaultManager("second", 1)
	old.store(1, 'b')
	fresh := e.newClient("other").anonymous(1)
	fresh.store(0, 'c')
	e.squeeze()
	require.Equal(t, [][2]int{{0, 1}, {1, 1}}, first.clusters(first.theObject()))
	require.Equal(t, [][2]int{{0, 1}}, second.clusters(second.theObject()))
	old.reads(0, 'a')
	fresh.reads(0, 'c')
	require.Equal(t, 1, first.count("data_request"))
	require.Equal(t, 1, second.count("data_request"))
}

// TestEMM231_OnlyThePrivileged: host_default_memory_manager without the privileged host port fails with
// KERN_INVALID_HOST.
func TestEMM231_OnlyThePrivileged(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	e.c.do(func(x *calls) {
		manager, code := user.HostDefaultMemoryManager(x, x.HostSelf(), mach.NameNull, 0)
		require.Equal(t, mach.KernInvalidHost, code)
		require.Equal(t, mach.NameNull, manager)
		mine := x.allocatePort()
		_, code = user.HostDefaultMemoryManager(x, x.HostSelf(), mine, page)
		require.Equal(t, mach.KernInvalidHost, code)
		_, code = user.VMSetDefaultMemoryManager(x, x.HostSelf(), x.makeSend(mine))
		require.Equal(t, mach.KernInvalidHost, code)
	})
	e.c.anonymous(1).store(0, 'x')
	e.squeeze()
	require.Equal(t, 1, d.count("create"), "it is still in charge")
}

// TestEMM232_WaitersProceed: Threads waiting for a default manager proceed when one is installed.
func TestEMM232_WaitersProceed(t *testing.T) {
	e := newPressed(t)
	d := e.newUnregistered("default")
	r := e.c.anonymous(2 * fewFrames)
	writer := e.start(e.c.task, "writer", func(x *calls) mach.Return {
		for p := range 2 * fewFrames {
			x.ok(x.store(r.at(p), byte(p)))
		}
		return mach.KernSuccess
	})
	writer.requireBlocked()
	d.register(4)
	writer.requireDone()
	for p := range 2 * fewFrames {
		r.reads(p, byte(p))
	}
}

// TestEMM233_NoManagerNoPageout: Without a default manager dirty anonymous pages stay resident.
func TestEMM233_NoManagerNoPageout(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	d.terminate() // from now on there is none
	r := e.c.anonymous(10)
	r.write(0, 10, 'a')
	e.squeeze()
	require.Len(t, r.residentIn(), 10)
	for p := range 10 {
		r.reads(p, 'a'+byte(p))
	}
	require.Zero(t, e.sent(createID()))
	again := e.newDefaultManager("another", 1)
	e.squeeze()
	require.Equal(t, 10, again.count("data_return"))
	require.Empty(t, r.residentIn())
}

// TestEMM234_TerminationReturnsNothing: Termination of an internal object returns none of its pages.
func TestEMM234_TerminationReturnsNothing(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(3)
	r.store(0, 'a')
	e.squeeze()
	r.write(0, 3, 'x') // resident and dirty
	r.unmap()
	d.seeOn(d.theObject(), "data_return(a,0,dirty)", "data_request(a,0,rw-)", "terminate(a)")
}

// full fills the memory of a client far beyond a paging space of 40 pages, and sorts its pages by whether they
// can be read.
func full(e *emm) (lost, whole []int) {
	e.t.Helper()
	e.newPager(40, 0)
	const pages = 200
	r := e.c.anonymous(pages)
	e.c.do(func(x *calls) {
		for p := range pages {
			x.ok(mach.Code(x.Store(r.at(p), fillOf(byte(p+1)))))
		}
		for p := range pages {
			data := make([]byte, page)
			switch code := mach.Code(x.Load(r.at(p), data)); code {
			case mach.KernSuccess:
				require.Equal(e.t, fillOf(byte(p+1)), data, "page %d", p)
				whole = append(whole, p)
			default:
				require.Equal(e.t, mach.KernMemoryError, code, "page %d", p)
				lost = append(lost, p)
			}
		}
	})
	return lost, whole
}

// TestEMM235_LostPageFails: A page lost to exhausted paging space fails with KERN_MEMORY_ERROR when accessed.
func TestEMM235_LostPageFails(t *testing.T) {
	lost, _ := full(newPressed(t))
	require.NotEmpty(t, lost)
}

// TestEMM236_ExhaustionIsPerPage: Exhaustion affects only pages that could not be stored.
func TestEMM236_ExhaustionIsPerPage(t *testing.T) {
	lost, whole := full(newPressed(t))
	// What is not lost is what was stored and what is resident.
	require.GreaterOrEqual(t, len(whole), 40)
	require.LessOrEqual(t, len(lost), 200-40)
	require.NotEmpty(t, lost)
}

// TestEMM237_FailedCreate: A failed create handler makes the object's non-resident pages fail.
func TestEMM237_FailedCreate(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	d.on("create", func(x *turn) { x.result = mach.KernResourceShortage })
	r := e.c.anonymous(3)
	r.write(0, 2, 'a')
	e.squeeze()
	require.Empty(t, r.residentIn())
	r.fails(0, mach.KernMemoryFailure)
	r.fails(1, mach.KernMemoryFailure)
	r.reads(2, 0) // nobody ever had this page, as the existence map knows
	require.Equal(t, mach.TypeNone, d.portType(d.last("create").object))
	other := e.newClient("other").anonymous(1)
	other.store(0, 'b')
	other.reads(0, 'b')
}
