package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

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
