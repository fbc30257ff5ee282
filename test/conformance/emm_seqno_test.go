package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// seqnosOn is the numbers of the messages that arrived on one port, in the order of receipt.
func (m *manager) seqnosOn(port mach.Name) []uint32 {
	list := []uint32{}
	for _, x := range m.log {
		if x.on == port {
			list = append(list, x.seqno)
		}
	}
	return list
}

// counted is the numbers from one up to and without another.
func counted(from, to int) []uint32 {
	list := []uint32{}
	for n := from; n < to; n++ {
		list = append(list, uint32(n))
	}
	return list
}

// useAll makes the kernel send each kind of message about a memory object, and terminate it.
func (e *emm) useAll(object mach.Name) {
	e.t.Helper()
	inits := e.m.count("init")
	r := e.c.mapRange(object, 0, 3)
	control := e.m.control(inits)
	e.m.supplies.lock = mach.ProtWrite
	r.store(0, 'x') // data_request, data_unlock
	r.see(1)
	e.c.startSync(r.addr, 2, mach.SyncSynchronous).requireDone() // data_return, synchronize
	e.m.do(func(x *calls) {
		x.ok(x.supply(control, at(9), contents(at(9)), supplied{reply: object}))
		x.ok(x.lock(control, locking{size: page, value: mach.ProtNone, reply: object}))
		x.ok(x.change(control, mach.FlavorPerformance, words(0, 0), object))
	})
	r.store(0, 'y')
	r.unmap()
}

// TestEMM212_NumbersAreConsecutive: Messages received from one object port carry consecutive sequence
// numbers starting at 0.
func TestEMM212_NumbersAreConsecutive(t *testing.T) {
	e := newEMM(t)
	second := e.m.newObject() // in the same port set
	for _, object := range []mach.Name{e.m.port, second, e.m.port} {
		e.useAll(object)
	}
	for _, kind := range []string{
		"init", "data_request", "data_unlock", "data_return", "synchronize", "supply_completed", "lock_completed", "change_completed", "terminate",
	} {
		require.GreaterOrEqual(t, e.m.count(kind), 3, kind)
	}
	for _, object := range []mach.Name{e.m.port, second} {
		got := e.m.seqnosOn(object)
		require.Equal(t, counted(0, len(got)), got)
	}
	require.EqualValues(t, len(e.m.traceOn(second)), e.m.status(second).seqno)
}

// decoders are a server table that decodes every message of a manager into text, sequence numbers left out.
func decoders(x *calls, seen *[]string) *user.Server[*calls] {
	s := user.NewServer[*calls](x)
	note := func(kind string, args ...any) mach.Return {
		*seen = append(*seen, fmt.Sprint(append([]any{kind, " "}, args...)...))
		return mach.KernSuccess
	}
	user.OnSimple(s, user.InitCodec, func(_ *calls, r *defs.MemoryObjectInit[mach.Name]) mach.Return {
		return note("init", r.MemoryObject, r.MemoryControl, r.PageSize)
	})
	user.OnSimple(s, user.TerminateCodec, func(_ *calls, r *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
		return note("terminate", r.MemoryObject, r.MemoryControl)
	})
	user.OnSimple(s, user.DataRequestCodec, func(_ *calls, r *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
		return note("data_request", r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.DesiredAccess)
	})
	user.OnSimple(s, user.DataUnlockCodec, func(_ *calls, r *defs.MemoryObjectDataUnlock[mach.Name]) mach.Return {
		return note("data_unlock", r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.DesiredAccess)
	})
	user.OnSimple(s, user.DataReturnCodec, func(x *calls, r *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
		return note("data_return", r.MemoryObject, r.MemoryControl, r.Offset, x.bytes(r.Data)[:2], r.Data.Size, r.Dirty, r.KernelCopy)
	})
	user.OnSimple(s, user.SynchronizeCodec, func(_ *calls, r *defs.MemoryObjectSynchronize[mach.Name]) mach.Return {
		return note("synchronize", r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.SyncFlags)
	})
	user.OnSimple(s, user.LockCompletedCodec, func(_ *calls, r *defs.MemoryObjectLockCompleted[mach.Name]) mach.Return {
		return note("lock_completed", r.MemoryObject, r.MemoryControl, r.Offset, r.Length)
	})
	user.OnSimple(s, user.SupplyCompletedCodec, func(_ *calls, r *defs.MemoryObjectSupplyCompleted[mach.Name]) mach.Return {
		return note("supply_completed", r.MemoryObject, r.MemoryControl, r.Offset, r.Length, r.Result, r.ErrorOffset)
	})
	user.OnSimple(s, user.ChangeCompletedCodec, func(_ *calls, r *defs.MemoryObjectChangeCompleted[mach.Name]) mach.Return {
		return note("change_completed", r.MemoryObject, r.MemoryControl, r.Flavor)
	})
	return s
}

// TestEMM213_SameMessagesForBothStubs: seqnos_ and plain stubs decode the same messages.
func TestEMM213_SameMessagesForBothStubs(t *testing.T) {
	// The same scene, received by a manager that asks for sequence numbers and by one that does not.
	run := func(option mach.Option) (seen []string, numbers []uint32, ids []mach.MsgID) {
		e := newEMM(t)
		e.useAll(e.m.port) // once, so that both know what to expect
		e.m.log = nil
		object := e.m.port
		var control mach.Name
		e.m.hold()
		receive := func(n int) {
			e.m.do(func(x *calls) {
				s := decoders(x, &seen)
				for range n {
					m, out := new(mach.UserMessage), new(mach.UserMessage)
					x.ok(user.Msg(x, m, mach.RcvMsg|mach.RcvTimeout|option, user.ReceiveLimit, object, 0, mach.NameNull))
					ids = append(ids, m.ID)
					if control == mach.NameNull {
						control = m.Descs[0].Port // that init brings
					}
					numbers = append(numbers, m.Trailer.Seqno)
					require.Equal(t, option.TrailerSize(), m.Trailer.Size)
					require.Equal(t, mach.KernSuccess, user.ServeMessage(x, x, m, out, s))
				}
			})
		}
		mapper := e.c.startMap(object, 2)
		receive(1)
		e.m.do(func(x *calls) { x.ok(x.ready(control, e.m.readiness)) })
		mapper.requireDone()
		list := e.k.VM().MappingList(e.portNamed(e.m, object))
		require.Len(t, list, 1)
		r := &mapped{c: e.c, addr: list[0].Start, pages: 2}
		writer := r.startStore(0, 'x')
		receive(1)
		e.m.do(func(x *calls) { x.ok(x.supply(control, 0, contents(0), supplied{lock: mach.ProtWrite, reply: object})) })
		receive(2) // supply_completed and data_unlock
		e.m.do(func(x *calls) { x.ok(x.lock(control, locking{size: page, value: mach.ProtNone, reply: object})) })
		writer.requireDone()
		sync := e.c.startSync(r.addr, 2, mach.SyncSynchronous)
		receive(3) // lock_completed, data_return, synchronize
		e.m.do(func(x *calls) {
			x.ok(x.synchronizeCompleted(control, 0, 2*page))
			x.ok(x.change(control, mach.FlavorPerformance, words(0, 0), object))
		})
		sync.requireDone()
		r.unmap()
		receive(2) // change_completed, terminate
		return seen, numbers, ids
	}
	with, numbers, ids := run(mach.RcvTrailerSeqno)
	without, none, sameIDs := run(0)
	require.Equal(t, with, without)
	require.Equal(t, ids, sameIDs)
	require.Len(t, with, 9)
	require.Equal(t, counted(int(numbers[0]), int(numbers[0])+9), numbers)
	require.Equal(t, make([]uint32, 9), none) // that is all the difference
}

// TestEMM214_CompletionsAreNumberedByReplyPort: Sequence numbers of completion messages refer to the reply
// port.
func TestEMM214_CompletionsAreNumberedByReplyPort(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(4)
	for p := range 4 {
		r.abandonLoad(p)
	}
	first, second := e.m.notifyPort(), e.m.notifyPort()
	e.tell(func(x *calls, a mach.Name) {
		x.ok(x.lock(a, locking{size: page, value: mach.ProtNone, reply: first}))
		x.ok(x.supply(a, 0, contents(0), supplied{reply: second}))
		x.ok(x.change(a, mach.FlavorPerformance, words(0, 0), first))
		x.ok(x.supply(a, at(1), contents(at(1)), supplied{reply: first}))
		x.ok(x.lock(a, locking{size: page, value: mach.ProtNone, reply: e.m.port}))
	})
	require.Equal(t, []string{"lock_completed(a,0,1)", "change_completed(a,PERFORMANCE)", "supply_completed(a,1,1,KERN_SUCCESS)"}, e.m.traceOn(first))
	require.Equal(t, counted(0, 3), e.m.seqnosOn(first))
	require.Equal(t, counted(0, 1), e.m.seqnosOn(second))
	require.Equal(t, "lock_completed", e.m.log[len(e.m.log)-1].kind)
	require.Equal(t, counted(0, 1+4+1), e.m.seqnosOn(e.m.port)) // init, four requests, a completion
}

// TestEMM215_EveryMessageConsumesANumber: Every received message consumes a number, whatever its id.
func TestEMM215_EveryMessageConsumesANumber(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	e.m.do(func(x *calls) { x.ok(x.askNoSenders(e.m.port, e.m.port)) })
	next := 1
	for _, id := range []mach.MsgID{0, 77, -1, 2199, 2202, 2212, 2299, 1 << 30} {
		require.Equal(t, mach.KernSuccess, e.c.note(e.m.port, id, 0))
		next++
		require.Equal(t, counted(0, next), e.m.seqnosOn(e.m.port), "id %d", id)
	}
	e.m.do(func(x *calls) { // rights and memory of no kind that is expected
		r, code := user.StoreNew(x, contents(0))
		x.ok(code)
		x.ok(x.sendMemory(e.m.port, 4711, r))
	})
	next++
	r.see(0)
	next++
	require.Equal(t, counted(0, next), e.m.seqnosOn(e.m.port))

	// One that the receiver cannot take, and one that it will not.
	e.m.hold()
	r.abandonLoad(1)
	require.Equal(t, mach.KernSuccess, e.c.note(e.m.port, 78, 0))
	e.m.do(func(x *calls) {
		m := new(mach.UserMessage)
		code := user.Msg(x, m, mach.RcvMsg|mach.RcvTimeout|mach.RcvLarge, 4, e.m.port, 0, mach.NameNull)
		require.Equal(t, mach.RcvTooLarge, code) // stays where it is
		code = user.Msg(x, m, mach.RcvMsg|mach.RcvTimeout, 30, e.m.port, 0, mach.NameNull)
		require.Equal(t, mach.RcvTooLarge, code) // received and destroyed
	})
	next++
	e.m.resume()
	require.EqualValues(t, next, e.m.log[len(e.m.log)-1].seqno)
	next++
	r.unmap()
	require.EqualValues(t, next, e.m.last("terminate").seqno)
	e.c.dropPort(e.m.port)
	require.EqualValues(t, next+1, e.m.last("no_senders").seqno)
}

// TestEMM216_MoveResetsTheNumber: Moving the receive right resets the number to 0.
func TestEMM216_MoveResetsTheNumber(t *testing.T) {
	e := newEMM(t)
	heir := e.newManager("heir")
	r := e.c.mapPages(5)
	r.see(0)
	r.see(1)
	require.Equal(t, counted(0, 3), e.m.seqnosOn(e.m.port))
	e.m.hold()
	r.startLoad(2)
	r.startLoad(3) // two are in the queue
	old := e.m.port
	e.m.moveObject(heir)
	require.Equal(t, counted(0, 2), heir.seqnosOn(heir.port))
	require.Equal(t, []string{"data_request(a,2,r--)", "data_request(a,3,r--)"}, heir.traceOn(heir.port))
	require.Equal(t, counted(0, 3), e.m.seqnosOn(old)) // those keep theirs
	r.see(4)
	require.Equal(t, counted(0, 3), heir.seqnosOn(heir.port))

	// Between the sets of one task nothing changes.
	heir.do(func(x *calls) {
		x.ok(user.MachPortMoveMember(x, x.self(), heir.port, mach.NameNull))
		x.ok(user.MachPortMoveMember(x, x.self(), heir.port, heir.set))
	})
	r.unmap()
	require.EqualValues(t, 3, heir.last("terminate").seqno)

	// The control port arrives with 0, as any port that moves.
	require.Zero(t, heir.status(heir.last("terminate").control).seqno)
}

// TestEMM217_SetSeqno: mach_port_set_seqno determines the number of the next message received.
func TestEMM217_SetSeqno(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(6)
	set := func(n uint32) {
		e.m.do(func(x *calls) { x.ok(user.MachPortSetSeqno(x, x.self(), e.m.port, n)) })
	}
	for i, n := range []uint32{100, 0, 7, 1 << 31} {
		set(n)
		r.see(i)
		require.Equal(t, n, e.m.last("data_request").seqno)
		require.Equal(t, mach.KernSuccess, e.c.note(e.m.port, 77, 0))
		require.Equal(t, n+1, e.m.last("message").seqno)
	}
	set(^uint32(0)) // the last one
	r.see(4)
	require.Equal(t, ^uint32(0), e.m.last("data_request").seqno)
	e.m.hold() // messages in the queue have none yet
	reader := r.startLoad(5)
	set(33)
	e.m.resume()
	reader.requireDone()
	require.EqualValues(t, 33, e.m.last("data_request").seqno)
	r.unmap()
	require.EqualValues(t, 34, e.m.last("terminate").seqno)

	e = newEMM(t)
	r = e.c.mapPages(2)
	e.m.do(func(x *calls) { x.ok(user.MachPortSetSeqno(x, x.self(), e.m.port, ^uint32(0))) })
	r.see(0)
	r.see(1)
	require.EqualValues(t, 0, e.m.last("data_request").seqno) // it wraps
}

// TestEMM218_SetSeqnoNeedsReceiveRight: mach_port_set_seqno on a name without receive right fails with
// KERN_INVALID_RIGHT.
func TestEMM218_SetSeqnoNeedsReceiveRight(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	e.tell(func(x *calls, a mach.Name) {
		v := x.space()
		for name, right := range map[string]mach.Name{
			"send right": a, "port set": e.m.set, "send-once right": v.sendOnce(e.m.port), "dead name": v.deadName(1),
		} {
			require.Equal(t, mach.KernInvalidRight, user.MachPortSetSeqno(x, x.self(), right, 5), name)
		}
		require.Equal(t, mach.KernInvalidName, user.MachPortSetSeqno(x, x.self(), 0x7ff00, 5))
		x.ok(user.MachPortSetSeqno(x, x.self(), e.m.port, 5))
	})
	theirs := e.c.port(e.m.port)
	e.c.do(func(x *calls) { require.Equal(t, mach.KernInvalidRight, user.MachPortSetSeqno(x, x.self(), theirs, 5)) })
}

// TestEMM219_OrderByNumbers: A manager that processes messages of one port in sequence-number order sees
// init, data messages and terminate in kernel order, whatever its number of threads.
func TestEMM219_OrderByNumbers(t *testing.T) {
	mixed := 0
	underSeeds(t, 60, func(e *emm) {
		for range 3 {
			e.m.addThread()
		}
		var next uint32
		var processed []*received
		inOrder := func(kind string, work func(x *turn)) {
			e.m.on(kind, func(x *turn) {
				e.WaitUntil(x, func() bool { return x.seqno == next })
				processed = append(processed, x.received)
				work(x)
				next++
			})
		}
		inOrder("init", func(x *turn) { x.ready(x.control, e.m.readiness) })
		inOrder("data_request", func(x *turn) {
			data := e.m.kept[x.offset]
			if data == nil {
				data = contents(x.offset)
			}
			x.supply(x.control, x.offset, data, supplied{})
		})
		inOrder("data_return", func(x *turn) {
			for i := range int(x.length / page) {
				e.m.kept[x.offset+at(i)] = x.data[i*int(page) : (i+1)*int(page)]
			}
		})
		inOrder("lock_completed", func(*turn) {})
		inOrder("terminate", func(*turn) {})
		var jobs []*job
		for _, c := range []*client{e.c, e.newClient("other")} {
			jobs = append(jobs, c.spawn("user", func(x *calls) mach.Return {
				for round := range 3 {
					addr, code := x.vmMap(mapping{object: c.port(e.m.port), size: 3 * page})
					if code != mach.KernSuccess {
						return code
					}
					for p := range 3 {
						if code := x.store(addr+mach.Addr(at(p)), byte(round)); code != mach.KernSuccess {
							return code
						}
					}
					x.ok(x.deallocate(addr, 3*page))
				}
				return mach.KernSuccess
			}))
		}
		e.m.spawn("locker", func(x *calls) mach.Return {
			for range 6 {
				e.WaitUntil(x, func() bool { return e.m.count("init") > 0 })
				x.lock(e.m.control(0), locking{size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange, reply: e.m.port})
				for range 20 {
					x.Yield()
				}
			}
			return mach.KernSuccess
		})
		e.settle()
		for _, j := range jobs {
			j.requireDone()
		}
		if !slices.IsSorted(e.m.seqnosOn(e.m.port)) {
			mixed++
		}
		// The order in which the kernel sent them.
		object := e.portNamed(e.m, e.m.port).ID()
		var sent []mach.MsgID
		for r := range e.sim.Tracer().Records() {
			if m, ok := trace.As[trace.Message](r); ok && m.Op == trace.MessageSend && m.FromKernel && m.Dest == object {
				sent = append(sent, m.ID)
			}
		}
		var got []mach.MsgID
		open := ""
		for i, m := range processed {
			require.EqualValues(e.t, i, m.seqno)
			got = append(got, m.message.ID)
			switch m.kind {
			case "init":
				require.Empty(e.t, open)
				open = m.kind
			case "terminate":
				open = ""
			default:
				require.NotEmpty(e.t, open)
			}
		}
		require.Equal(e.t, sent, got)
		require.Empty(e.t, open)
	})
	require.NotZero(t, mixed) // the threads alone do not keep the order
}
