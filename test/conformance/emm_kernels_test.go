package conformance

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// newPair makes the stage with a second kernel and a client on each.
func newPair(t *testing.T, opts ...option) (e *emm, near, far *client) {
	t.Helper()
	e = newEMM(t, opts...)
	return e, e.c, e.newClientOn(e.boot("far", page), "far")
}

// TestEMM238_EachKernelHasItsInit: Each kernel sends its own init with its own control port.
func TestEMM238_EachKernelHasItsInit(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	sizes := []mach.Size{page, page, 2 * page}
	for i, size := range sizes[1:] {
		c := e.newClientOn(e.boot(fmt.Sprint("far", i), size), "far")
		c.mapRange(e.m.port, 0, 4)
		c.mapRange(e.m.port, 0, 2)
	}
	e.c.mapPages(2)
	e.m.see("init(a)", "init(b)", "init(c)")
	controls := map[mach.Name]bool{}
	for i, m := range e.m.all("init") {
		require.Equal(t, sizes[i], m.pageSize)
		require.Equal(t, e.m.port, m.object)
		controls[m.control] = true
	}
	require.Len(t, controls, 3)
}

// TestEMM239_OthersGoOnAfterTerminate: terminate of one kernel leaves the mappings of another usable.
func TestEMM239_OthersGoOnAfterTerminate(t *testing.T) {
	for _, first := range []int{0, 1} {
		e, near, far := newPair(t)
		clients := []*client{near, far}
		r := []*mapped{near.mapPages(3), far.mapPages(3)}
		for _, m := range r {
			m.see(0)
			m.store(1, 'x')
		}
		n := e.m.news()
		r[first].unmap()
		gone, stays := string(rune('a'+first)), string(rune('b'-first))
		n.see("data_return("+gone+",1,dirty)", "terminate("+gone+")")
		other := r[1-first]
		other.see(0)
		other.reads(1, 'x')
		other.store(0, 'y')
		other.see(2)
		n.see("data_request(" + stays + ",2,r--)")
		clients[1-first].mapPages(1).reads(0, 'y')
		n.see()
	}
}

// TestEMM240_TwoKernelsTwoTerminates: Two kernels with the object mapped produce two terminates.
func TestEMM240_TwoKernelsTwoTerminates(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		e, near, far := newPair(t)
		r := []*mapped{near.mapPages(1), far.mapPages(1), far.mapPages(1)}
		if reverse {
			r[0], r[2] = r[2], r[0]
		}
		for _, m := range r {
			m.unmap()
		}
		require.Equal(t, 2, e.m.count("terminate"))
		require.Equal(t, 2, e.sentTerminates())
		for i := range 2 { // of each its own, with the receive right
			require.Equal(t, mach.TypeReceive|mach.TypeSend, e.m.portType(e.m.control(i)))
		}
		letters := e.m.all("terminate")[0].letter + e.m.all("terminate")[1].letter
		require.Contains(t, []string{"ab", "ba"}, letters)
	}
	underSeeds(t, 30, func(e *emm) { // at the same time
		far := e.newClientOn(e.boot("far", page), "far")
		r, q := e.c.mapPages(2), far.mapPages(2)
		r.store(0, 'x')
		q.store(1, 'y')
		r.spawnUnmap()
		q.spawnUnmap()
		e.settle()
		require.Equal(e.t, 2, e.m.count("terminate"))
		require.NotEqual(e.t, e.m.all("terminate")[0].letter, e.m.all("terminate")[1].letter)
	})
}

// TestEMM241_SupplyIsForOneKernel: A supply through kernel A's control port does not satisfy kernel B's
// request.
func TestEMM241_SupplyIsForOneKernel(t *testing.T) {
	e, near, far := newPair(t)
	e.m.silent("data_request")
	r, q := near.mapPages(2), far.mapPages(2)
	mine, theirs := r.startLoad(0), q.startLoad(0)
	lonely := q.startLoad(1) // only the other kernel asked for this one
	e.m.see("init(a)", "init(b)", "data_request(a,0,r--)", "data_request(b,0,r--)", "data_request(b,1,r--)")
	e.tellSupply(0, fills('a'), supplied{}).accepted(t)
	mine.requireValue('a')
	theirs.requireBlocked()
	e.tellSupply(1, fills('a'), supplied{}).refusedAt(t, 1)
	lonely.requireBlocked()
	e.m.do(func(x *calls) { x.ok(x.supply(e.m.control(1), 0, fills('b', 'B'), supplied{})) })
	theirs.requireValue('b')
	lonely.requireValue('B')
	r.reads(0, 'a')
}

// coherent is what a manager knows that keeps two kernels in step: one of them at a time has the page.
type coherent struct {
	data    []byte
	holder  mach.Name   // control port of the kernel that has the page
	waiting []mach.Name // those that have asked
	busy    bool        // a flush is under way
}

// keepInStep has the manager serve one page to several kernels so that each sees the latest data: it takes
// the page from the one that has it before it gives it to another.
func keepInStep(m *manager) *coherent {
	c := &coherent{data: make([]byte, page)}
	next := func(x *turn) {
		if c.busy || len(c.waiting) == 0 {
			return
		}
		if c.holder != mach.NameNull {
			c.busy = true
			x.ok(x.lock(c.holder, locking{size: page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange, reply: x.on}))
			return
		}
		c.holder, c.waiting = c.waiting[0], c.waiting[1:]
		x.supply(c.holder, 0, c.data, supplied{})
	}
	m.on("data_request", func(x *turn) {
		c.waiting = append(c.waiting, x.control)
		next(x)
	})
	m.on("data_return", func(x *turn) { c.data = x.data })
	m.on("lock_completed", func(x *turn) {
		c.busy, c.holder = false, mach.NameNull
		next(x)
	})
	return c
}

// TestEMM242_FlushBeforeSupply: A manager that flushes the writer before supplying the other kernel gives
// both the latest data.
func TestEMM242_FlushBeforeSupply(t *testing.T) {
	e, near, far := newPair(t)
	c := keepInStep(e.m)
	r, q := near.mapPages(1), far.mapPages(1)
	for i := range byte(5) {
		r.store(0, 2*i+1)
		q.reads(0, 2*i+1)
		q.store(0, 2*i+2)
		r.reads(0, 2*i+2)
	}
	require.Equal(t, byte(10), c.data[0])

	moves := 0
	underSeeds(t, 40, func(e *emm) {
		c := keepInStep(e.m)
		far := e.newClientOn(e.boot("far", page), "far")
		regions := []*mapped{e.c.mapPages(1), far.mapPages(1), e.newClient("other").mapPages(1)}
		const n = 25
		var jobs []*job
		for i, r := range regions { // each counts in a word of its own, and watches the others
			jobs = append(jobs, r.c.spawn("counter", func(x *calls) mach.Return {
				var last [3]uint64
				for k := range uint64(n) {
					for w := range regions {
						v, err := x.Load64(r.addr + mach.Addr(8*w))
						if err != nil {
							return mach.Code(err)
						}
						if v < last[w] || w == i && v != k {
							return mach.KernFailure // an old page
						}
						last[w] = v
					}
					if err := x.Store64(r.addr+mach.Addr(8*i), k+1); err != nil {
						return mach.Code(err)
					}
				}
				return mach.KernSuccess
			}))
		}
		e.settle()
		for _, j := range jobs {
			j.requireDone()
		}
		moves += e.m.count("lock_completed")
		for _, r := range regions {
			r.unmap()
		}
		for w := range regions {
			require.EqualValues(e.t, n, binary.LittleEndian.Uint64(c.data[8*w:]))
		}
	}, loadPoints())
	require.Greater(t, moves, 40)
}

// TestEMM243_DeathIsSeenByEveryKernel: Death of the manager makes waiting threads of every kernel fail.
func TestEMM243_DeathIsSeenByEveryKernel(t *testing.T) {
	for _, death := range deaths {
		e := newSilent(t)
		clients := []*client{e.c}
		for i := range 2 {
			clients = append(clients, e.newClientOn(e.boot(fmt.Sprint("far", i), page), "far"))
		}
		var jobs []*job
		for _, c := range clients {
			r := c.mapPages(2)
			jobs = append(jobs, r.startLoad(0), r.startStore(1, 'x'), r.startLoad(1))
		}
		for _, j := range jobs {
			j.requireBlocked()
		}
		death.die(e)
		for _, j := range jobs {
			j.requireFails(mach.KernMemoryFailure)
		}
	}
}

// hostile is a manager's thread that makes calls with all kinds of arguments on any of its control ports.
func hostile(x *calls, seed int, controls func() []mach.Name, n int) mach.Return {
	rnd := dice(seed)
	pick := func(list ...uint64) uint64 { return list[rnd.Intn(len(list))] }
	offset := func() mach.Offset {
		return mach.Offset(pick(0, uint64(page), 2*uint64(page), 3*uint64(page), 1, uint64(page)-1, 1<<40, 1<<63, ^uint64(0), ^uint64(0)&^uint64(page-1)))
	}
	size := func() mach.Size {
		return mach.Size(pick(0, uint64(page), 2*uint64(page), 4*uint64(page), 1, uint64(page)+1, 1<<40, 1<<63, ^uint64(0), ^uint64(0)&^uint64(page-1)))
	}
	bits := func() uint32 { return uint32(pick(0, 1, 2, 3, 4, 7, 8, 9, 0x10, 1<<31, 0xffffffff)) }
	word := func() int32 {
		return int32(pick(0, 1, 2, 3, 4, 5, 77, uint64(page), 2*uint64(page), 3*uint64(page), 1<<31, 0xffffffff))
	}
	flag := func() bool { return rnd.Intn(2) == 0 }
	for range n {
		list := controls()
		if len(list) == 0 {
			x.Yield()
			continue
		}
		a := list[rnd.Intn(len(list))]
		reply := user.ReplyPort{}
		if flag() {
			reply = user.ReplyPort{Name: x.e.m.port, Disp: mach.Disposition(pick(uint64(mach.MakeSendOnce), uint64(mach.MakeSend)))}
		}
		switch rnd.Intn(9) {
		case 0, 1:
			data, code := user.StoreNew(x, make([]byte, pick(0, 1, uint64(page)-1, uint64(page), 3*uint64(page), 4*uint64(page)+5)))
			x.ok(code)
			user.MemoryObjectDataSupply(x, a, offset(), data, flag(), mach.Prot(bits()), flag(), reply)
		case 2:
			user.MemoryObjectDataUnavailable(x, a, offset(), size())
		case 3:
			user.MemoryObjectDataError(x, a, offset(), size(), mach.Return(word()))
		case 4:
			user.MemoryObjectLockRequest(x, a, offset(), size(), mach.ShouldReturn(word()), flag(), mach.Prot(bits()), reply)
		case 5:
			w := make([]int32, rnd.Intn(7))
			for i := range w {
				w[i] = word()
			}
			user.MemoryObjectChangeAttributes(x, a, mach.Flavor(pick(0, 10, 11, 12, 13, 14, 15, 16, 0xffffffff)), w, reply)
		case 6:
			user.MemoryObjectSynchronizeCompleted(x, a, offset(), size())
		case 7:
			user.MemoryObjectGetAttributes(x, a, mach.Flavor(pick(0, 10, 11, 12, 13, 14, 15, 16)), bits())
		case 8:
			switch rnd.Intn(8) {
			case 0:
				user.MemoryObjectDestroy(x, a, mach.Return(word()))
			case 1:
				x.note(a, mach.MsgID(word()), 0)
			case 2:
				user.MemoryObjectDiscardReply(x, a, user.Discard{RequestedOffset: offset(), RequestedSize: size(), Offset: offset(), Size: size()},
					mach.ShouldReturn(word()), reply)
			}
		}
	}
	return mach.KernSuccess
}

// TestEMM244_KernelSurvivesControlMessages: The kernel survives any sequence of control messages with
// arbitrary argument values.
func TestEMM244_KernelSurvivesControlMessages(t *testing.T) {
	for _, p := range []personality.Personality{personality.OSFManual(), personality.OSFSource()} {
		seed := 0
		scene := func(e *emm) { // audits run after each step
			seed += 2
			e.m.silent("data_unlock")
			controls := func() (list []mach.Name) {
				for _, m := range e.m.all("init") {
					if tp, ok := e.m.task.Space().Lookup(m.control); ok && tp.Type == mach.TypeSend {
						list = append(list, m.control)
					}
				}
				return list
			}
			for i := range 2 {
				e.m.spawn("hostile", func(x *calls) mach.Return { return hostile(x, seed+i, controls, 60) })
			}
			for i, c := range []*client{e.c, e.newClient("other")} {
				c.spawn("client", func(x *calls) mach.Return {
					v := x.space()
					for k := range 6 {
						addr, code := x.vmMap(mapping{object: c.port(e.m.port), size: 4 * page, copy: (i+k)%3 == 0})
						if code != mach.KernSuccess {
							continue
						}
						for p := range 4 {
							x.load(addr + mach.Addr(at(p)))
							x.store(addr+mach.Addr(at((p+k)%4)), byte(k))
						}
						x.msync(addr, 4*page, mach.SyncSynchronous)
						if r, ret := v.vmRead(addr, 4*page); ret == mach.KernSuccess {
							v.deallocate(r.Address, r.Size)
						}
						x.deallocate(addr, 4*page)
					}
					return mach.KernSuccess
				})
			}
			e.settle()
			// Everybody else can go on.
			fresh := e.newManager("fresh")
			c := e.newClient("last")
			r := c.mapName(e.GiveSend(fresh.task, fresh.port, c.task), 0, 2)
			r.see(0)
			r.store(1, 'x')
			r.unmap()
			require.Equal(e.t, 1, fresh.count("terminate"))
		}
		underSeeds(t, 60, scene, withPreset(p))
	}
}

// TestEMM245_UnansweredRequestDelaysOnlyItsThreads: A data_request that is never answered delays only
// threads that need that page.
func TestEMM245_UnansweredRequestDelaysOnlyItsThreads(t *testing.T) {
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) {
		if x.offset != at(1) || x.on != e.m.port {
			x.supply(x.control, x.offset, contents(x.offset), supplied{})
		}
	})
	r, q := e.c.mapPages(4), e.newClient("other").mapPages(4)
	stuck := []*job{r.startLoad(1), q.startStore(1, 'x'), r.startLoad(1)}
	r.see(0)
	q.see(2)
	q.store(3, 'y')
	r.reads(3, 'y')
	another := e.m.newObject()
	s := e.c.mapRange(another, 0, 2) // another object of the same manager
	s.see(1)
	s.store(0, 'z')
	s.unmap()
	r.unmapPage(0)
	e.c.step(func(v *space) {
		v.fill(va(500), 2, 1)
		v.ok(v.protect(r.at(1), page, mach.ProtRead))
	})
	e.c.startSync(r.at(2), 2, mach.SyncSynchronous).requireDone()
	e.tellLock(locking{size: 4 * page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange, reply: e.m.port})
	require.Equal(t, 1, e.m.count("lock_completed"))
	e.newClient("third").mapPages(1).see(0)
	for _, j := range stuck {
		j.requireBlocked()
	}
	q.unmap() // even of the region itself
	for _, j := range stuck {
		j.requireBlocked()
	}
	e.supplyPages(1)
	for i, code := range []mach.Return{mach.KernSuccess, mach.KernInvalidAddress, mach.KernSuccess} {
		stuck[i].requireFails(code)
	}

	// Copies made page by page are no different.
	e = newEMM(t)
	e.m.readiness.CopyStrategy = mach.CopyNone
	e.m.on("data_request", func(x *turn) {
		if x.offset != at(1) {
			x.supply(x.control, x.offset, contents(x.offset), supplied{})
		}
	})
	r = e.c.mapPages(4)
	r.startLoad(1).requireBlocked()
	e.c.step(func(v *space) {
		got := v.take(r.at(2), 2*page)
		v.holds(got.Address, 3, 4)
	})
}

// TestEMM246_PagesAreIndependent: Reading one page of an object never waits for an outstanding request of
// another page unless the absent limit is reached.
func TestEMM246_PagesAreIndependent(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(120), e.newClient("other").mapPages(120)
	r.see(100)
	silent := func(off mach.Offset) bool { return off < at(51) }
	e.m.on("data_request", func(x *turn) {
		if !silent(x.offset) {
			x.supply(x.control, x.offset, contents(x.offset), supplied{})
		}
	})
	for p := range 51 {
		// Whatever is outstanding, another page is there as soon as the manager says so.
		r.see(52 + p%40)
		q.see(52 + p%40)
		if p%7 == 0 {
			e.evict(52, 40)
		}
		r.startLoad(p).requireBlocked()
	}
	require.Equal(t, 51, e.info().Absent)
	late := q.startLoad(110) // one that would have to be asked for
	late.requireBlocked()
	r.see(100) // one that is there
	q.see(100)
	r.see(62)
	e.supplyPages(7)
	late.requireValue(111)
}

// forge sends what looks like a message of a kernel about a memory object, with a right of the sender's choice
// in place of the control port.
func forge[T any](x *calls, object mach.Name, c *user.Codec[T], v *T, disp mach.Disposition, right mach.Name) {
	m := new(mach.UserMessage)
	x.ok(c.Encode(v, m, x.Form()))
	m.Remote, m.RemoteDisp = object, mach.CopySend
	m.Descs[0].Disp, m.Descs[0].Port = disp, right
	x.ok(x.sendMessage(m))
}

// TestEMM247_ForgedMessagesChangeNothing: A forged kernel message sent by a client changes no kernel state.
func TestEMM247_ForgedMessagesChangeNothing(t *testing.T) {
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) {
		x.supply(x.control, x.offset, contents(x.offset), supplied{precious: true})
	})
	r := e.c.mapPages(3)
	r.see(0)
	r.store(1, 'x')
	a := e.m.control(0)
	forger := e.newTask("forger")
	object, known := e.GiveSend(e.m.task, e.m.port, forger), e.GiveSend(e.m.task, a, forger)
	kinds := []string{"init", "terminate", "data_request", "data_unlock", "data_return", "synchronize", "lock_completed",
		"supply_completed", "change_completed"}
	for _, kind := range kinds {
		e.m.silent(kind)
	}
	waiting := r.startLoad(2)
	info, rights := e.info(), e.kernelRights(e.m, e.m.port)
	controlRights, space := e.kernelRights(e.m, a), e.c.task.Map().Describe()
	before := len(e.m.log)
	type name = mach.Name
	e.in(forger, func(x *calls) {
		for _, genuine := range []bool{false, true} {
			// The right is one for a port of the forger's, or one for the true control port.
			disp, moved := mach.MakeSend, mach.MoveReceive
			own := x.allocatePort()
			right, last := own, own
			if genuine {
				disp, moved, right, last = mach.CopySend, mach.MoveSend, known, known
			}
			data, code := user.StoreNew(x, contents(at(50)))
			x.ok(code)
			forge(x, object, user.InitCodec, &defs.MemoryObjectInit[name]{PageSize: page}, disp, right)
			forge(x, object, user.DataRequestCodec, &defs.MemoryObjectDataRequest[name]{Length: page, DesiredAccess: mach.ProtRead}, disp, right)
			forge(x, object, user.DataUnlockCodec, &defs.MemoryObjectDataUnlock[name]{Length: page, DesiredAccess: mach.ProtWrite}, disp, right)
			forge(x, object, user.DataReturnCodec, &defs.MemoryObjectDataReturn[name, mach.Region]{Offset: at(1), Data: data, Dirty: true}, disp, right)
			forge(x, object, user.SynchronizeCodec, &defs.MemoryObjectSynchronize[name]{Length: 2 * page}, disp, right)
			forge(x, object, user.LockCompletedCodec, &defs.MemoryObjectLockCompleted[name]{Length: page}, disp, right)
			forge(x, object, user.SupplyCompletedCodec, &defs.MemoryObjectSupplyCompleted[name]{Length: page}, disp, right)
			forge(x, object, user.ChangeCompletedCodec, &defs.MemoryObjectChangeCompleted[name]{Flavor: mach.FlavorBehavior}, disp, right)
			forge(x, object, user.TerminateCodec, &defs.MemoryObjectTerminate[name]{}, moved, last)
		}
	})
	require.Len(t, e.m.log, before+2*len(kinds))
	for _, kind := range kinds { // the manager has them, and cannot tell but by the right in them
		require.NotZero(t, e.m.count(kind), kind)
	}
	require.Equal(t, info, e.info())
	require.Equal(t, rights, e.kernelRights(e.m, e.m.port))
	require.Equal(t, controlRights, e.kernelRights(e.m, a))
	require.Equal(t, space, e.c.task.Map().Describe())

	// The association goes on as if nothing had come.
	waiting.requireBlocked()
	n := e.m.news()
	e.supplyPages(2)
	waiting.requireValue(3)
	r.see(0)
	r.reads(1, 'x')
	r.unmap()
	require.ElementsMatch(t, []string{"data_return(a,0,clean)", "data_return(a,1,dirty)", "terminate(a)"}, n.take())
}

// TestEMM248_ReferencesCountMessages: The number of messages of an association that carry the control port
// equals the manager's user references for it when none was released.
func TestEMM248_ReferencesCountMessages(t *testing.T) {
	// carry counts the messages of the log that carry a port as a send right.
	carry := func(e *emm, a mach.Name) (n uint32) {
		for _, m := range e.m.log {
			if m.control == a && m.kind != "terminate" {
				n++
			}
		}
		return n
	}
	underSeeds(t, 20, func(e *emm) {
		e.m.supplies = supplied{lock: mach.ProtWrite, precious: true, reply: e.m.port}
		far := e.newClientOn(e.boot("far", page), "far")
		regions := []*mapped{e.c.mapPages(4), far.mapPages(4)}
		for _, r := range regions {
			r.c.spawn("user", func(x *calls) mach.Return {
				for p := range 8 {
					x.load(r.at(p / 2))
					x.store(r.at(p*3%4), byte(p))
					x.msync(r.at(p%4), page, mach.SyncSynchronous)
				}
				return mach.KernSuccess
			})
		}
		controls := []mach.Name{e.m.control(0), e.m.control(1)}
		for i, a := range controls {
			e.m.spawn("locker", func(x *calls) mach.Return {
				for p := range 6 {
					x.lock(a, locking{offset: at(p % 3), size: 2 * page, ret: mach.ReturnAll, flush: p%2 == i, value: mach.ProtNoChange, reply: e.m.port})
				}
				return x.change(a, mach.FlavorPerformance, words(0, 0), e.m.port)
			})
		}
		e.settle()
		for _, a := range controls {
			require.Greater(e.t, carry(e, a), uint32(20))
			require.Equal(e.t, carry(e, a), e.m.refs(a, mach.RightSend))
		}
		regions[0].unmap()
		regions[1].unmap()
		for _, a := range controls { // terminate brings the receive right to them
			require.Equal(e.t, mach.TypeSend|mach.TypeReceive, e.m.portType(a))
			require.Equal(e.t, carry(e, a), e.m.refs(a, mach.RightSend))
		}
	})

	e := newEMM(t) // a completion without control port adds none
	e.m.readiness.MayCache = true
	e.c.mapPages(1).unmap()
	uncache(e)
	require.Equal(t, mach.NameNull, e.m.last("change_completed").control)
	require.EqualValues(t, 1, e.m.refs(e.m.control(0), mach.RightSend))
}

// TestEMM249_AbortsLoseNoPage: Aborting or killing a waiting thread never leaves a page that cannot be
// obtained by a later access of a correct manager.
func TestEMM249_AbortsLoseNoPage(t *testing.T) {
	for _, strategy := range []mach.CopyStrategy{mach.CopyDelay, mach.CopyNone} {
		seed, killed := 0, 0
		underSeeds(t, 60, func(e *emm) {
			seed++
			rnd := dice(seed)
			e.m.readiness = defs.ObjectAttributes{CopyStrategy: strategy, ClusterSize: int32(2 * page), MayCache: true}
			e.m.on("data_request", func(x *turn) { // correct, but slow and particular
				for range rnd.Intn(12) {
					x.Yield()
				}
				for off := x.offset; off < x.offset+mach.Offset(x.length); off += at(1) {
					x.supply(x.control, off, contents(off), supplied{lock: []mach.Prot{mach.ProtNone, mach.ProtWrite, mach.ProtAll}[rnd.Intn(3)]})
				}
			})
			e.m.on("data_unlock", func(x *turn) {
				for range rnd.Intn(8) {
					x.Yield()
				}
				x.lock(x.control, locking{offset: x.offset, size: x.length})
			})
			other := e.newClient("other")
			var victims []*job
			for i := range 6 {
				c := []*client{e.c, other}[i%2]
				victims = append(victims, c.spawn("victim", func(x *calls) mach.Return {
					v := x.space()
					addr, code := x.vmMap(mapping{object: c.port(e.m.port), size: 6 * page, copy: i == 5})
					if code != mach.KernSuccess {
						return code
					}
					for k := range 12 {
						p := addr + mach.Addr(at((i+5*k)%6))
						switch (i + k) % 4 {
						case 0:
							x.store(p, contents(at((i + 5*k) % 6))[0])
						case 1:
							if r, ret := v.vmRead(addr, 6*page); ret == mach.KernSuccess {
								v.deallocate(r.Address, r.Size)
							}
						default:
							x.load(p)
						}
					}
					return mach.KernSuccess
				}))
			}
			e.spawn(e.c.task, "killer", func(x *calls) mach.Return {
				for range 12 {
					for range rnd.Intn(10) {
						x.Yield()
					}
					j := victims[2*rnd.Intn(3)] // those of its own task
					if j.ended || j.thread == mach.NameNull {
						continue
					}
					killed++
					if rnd.Intn(3) == 0 {
						user.ThreadTerminate(x, j.thread)
					} else {
						user.ThreadAbort(x, j.thread)
					}
				}
				return mach.KernSuccess
			})
			e.settle()
			fresh := e.newClient("fresh").mapPages(6)
			for p := range 6 {
				fresh.see(p)
				fresh.store(p, 'x')
			}
			for _, m := range e.m.all("init")[1:] {
				require.NotEqual(e.t, m.letter, "a")
			}
		})
		require.Greater(t, killed, 200)
	}
}

// TestEMM250_EveryInitHasItsEnd: At the end of a run with correct managers every init has exactly one
// terminate or a dead object port.
func TestEMM250_EveryInitHasItsEnd(t *testing.T) {
	ends, deaths := 0, 0
	seed := 0
	underSeeds(t, 60, func(e *emm) {
		seed++
		rnd := dice(seed)
		e.m.readiness.MayCache = seed%3 == 0
		second := e.newManager("second")
		keeper(second)
		keeper(e.m)
		far := e.boot("far", page)
		managers := []*manager{e.m, second}
		for i := range 4 {
			c := e.newClientOn([]*kernel.Host{e.k, far}[i%2], fmt.Sprint("client", i))
			var ports []mach.Name
			for _, m := range managers {
				ports = append(ports, e.GiveSend(m.task, m.port, c.task))
			}
			c.spawn("user", func(x *calls) mach.Return {
				for range 5 {
					addr, code := x.vmMap(mapping{object: ports[rnd.Intn(2)], size: 3 * page, copy: rnd.Intn(4) == 0})
					if code != mach.KernSuccess {
						continue
					}
					for range 4 {
						p := addr + mach.Addr(at(rnd.Intn(3)))
						if rnd.Intn(2) == 0 {
							x.load(p)
						} else {
							x.store(p, 'x')
						}
					}
					if rnd.Intn(3) > 0 {
						x.deallocate(addr, 3*page)
					}
				}
				return mach.KernSuccess
			})
		}
		for _, m := range managers {
			e.spawn(m.task, "busybody", func(x *calls) mach.Return {
				for range 10 {
					for range rnd.Intn(30) {
						x.Yield()
					}
					inits := m.all("init")
					if len(inits) == 0 {
						continue
					}
					a := inits[rnd.Intn(len(inits))].control
					if entry, ok := m.task.Space().Lookup(a); !ok || entry.Type != mach.TypeSend {
						continue // its association is over
					}
					switch rnd.Intn(6) {
					case 0:
						x.destroy(a, 0)
					case 1:
						user.MemoryObjectChangeAttributes(x, a, mach.FlavorPerformance, words(0, int32(rnd.Intn(2))), user.ReplyPort{})
					default:
						x.lock(a, locking{size: 3 * page, ret: mach.ReturnAll, flush: rnd.Intn(2) == 0, value: mach.ProtNoChange})
					}
				}
				return mach.KernSuccess
			})
		}
		dies := seed%4 == 0 // one of the managers dies in the midst of it
		if dies {
			e.spawn(second.task, "suicide", func(x *calls) mach.Return {
				for range 100 + rnd.Intn(200) {
					x.Yield()
				}
				return x.destroyPort(second.port)
			})
		}
		e.settle()
		for _, h := range e.sim.Hosts() { // everybody else leaves
			for _, task := range h.Tasks() {
				if task != e.m.task && task != second.task {
					task.Terminate()
				}
			}
		}
		e.settle()
		for _, m := range managers { // and what is cached is let go
			for _, x := range m.all("init") {
				if entry, ok := m.task.Space().Lookup(x.control); ok && entry.Type == mach.TypeSend {
					m.do(func(c *calls) { c.change(x.control, mach.FlavorPerformance, words(0, 0), mach.NameNull) })
				}
			}
		}
		for _, m := range managers {
			terminates := map[mach.Name]int{}
			for _, x := range m.all("terminate") {
				terminates[x.control]++
			}
			seen := map[mach.Name]bool{}
			for _, x := range m.all("init") {
				require.False(e.t, seen[x.control])
				seen[x.control] = true
				if n := terminates[x.control]; n != 1 {
					require.Zero(e.t, n)
					require.True(e.t, dies && m == second, "%s: %v", m.name, m.trace())
					require.Equal(e.t, mach.TypeDeadName, m.portType(x.control))
					deaths++
				} else {
					ends++
				}
			}
			require.LessOrEqual(e.t, len(terminates), len(seen))
		}
	})
	require.Greater(t, ends, 300)
	require.NotZero(t, deaths)
}
