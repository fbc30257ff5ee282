package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// newSilent makes the stage with a manager that does not answer data requests.
func newSilent(t *testing.T, opts ...option) *emm {
	e := newEMM(t, opts...)
	e.m.silent("data_request")
	return e
}

// supplyPages has the manager supply pages of its first memory object, one call for each.
func (e *emm) supplyPages(pages ...int) {
	e.t.Helper()
	e.m.do(func(x *calls) {
		for _, n := range pages {
			x.ok(x.supply(e.m.control(0), at(n), contents(at(n)), supplied{}))
		}
	})
}

// executes tries to fetch an instruction.
func (v *space) executes(addr mach.Addr) mach.Return {
	return v.own().Map().Execute(v.sched(), addr, make([]byte, 1)).Code
}

// startExecute has a thread fetch an instruction from page p.
func (r *mapped) startExecute(p int) *job {
	r.c.e.t.Helper()
	return r.c.start("execute", func(x *calls) mach.Return { return x.space().executes(r.at(p)) })
}

// TestVM107_FaultOutsideRegions: A fault outside every region yields KERN_INVALID_ADDRESS.
func TestVM107_FaultOutsideRegions(t *testing.T) {
	s := newStage(t)
	top := s.Host(0).VM().AddressTop()
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 2, 1)
		v.fill(top-va(1), 1, 1)
		for _, addr := range []mach.Addr{0, va(10) - 1, va(12), va(12) + 5, top - va(1) - 1, top, top + va(7), ^mach.Addr(0)} {
			v.raises(v.Load(addr, make([]byte, 1)), mach.KernInvalidAddress, addr)
			v.raises(v.Store(addr, []byte{1}), mach.KernInvalidAddress, addr)
			v.is(mach.KernInvalidAddress, v.executes(addr))
		}
		v.holds(va(10), 1, 2)
	})
}

// TestVM108_FaultAgainstProtection: A fault for an access not in the current protection yields
// KERN_PROTECTION_FAILURE.
func TestVM108_FaultAgainstProtection(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 1, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 1)
		v.put(va(20), 1)
		v.have(va(30), 1) // never touched
		for _, base := range []mach.Addr{va(10), va(20), va(30)} {
			for prot := mach.ProtNone; prot <= mach.ProtAll; prot++ {
				v.ok(v.protect(base, page, prot))
				code := func(needs mach.Prot) mach.Return {
					if prot.Allows(needs) {
						return mach.KernSuccess
					}
					return mach.KernProtectionFailure
				}
				v.is(code(mach.ProtRead), v.loads(base))
				v.is(code(mach.ProtRead|mach.ProtWrite), v.stores(base, 1)) // a write reads as well
				v.is(code(mach.ProtExecute), v.executes(base))
			}
		}
		v.have(va(40), 1)
		v.ok(v.protect(va(40), page, mach.ProtNone))
		free := v.stats().Free
		v.is(mach.KernProtectionFailure, v.loads(va(40)))
		require.Equal(t, free, v.stats().Free, "nothing was made for an access that failed")
	})
}

// TestVM109_ExceptionCodes: The exception carries the return code as code and the faulting address as
// subcode.
func TestVM109_ExceptionCodes(t *testing.T) {
	type exception struct {
		kind int32
		code mach.Return
		addr mach.Addr
	}
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) { x.ok(x.dataError(x.control, x.offset, x.length, 0x4000321)) })
	var seen []exception
	server := e.newTask("server")
	port := e.portOf(server)
	e.Spawn(server, "server", func(th user.Thread) {
		handlers := user.NewServer[int](th)
		user.OnExceptionRaise(handlers, func(_ int, kind int32, _, _ mach.Name, code, subcode int64) mach.Return {
			seen = append(seen, exception{kind, mach.Return(code), mach.Addr(subcode)})
			return mach.KernFailure // let it fail
		})
		user.Serve(th, 0, port, handlers)
	})
	name := e.GiveSend(server, port, e.c.task)
	e.c.step(func(v *space) {
		v.ok(user.TaskSetExceptionPorts(v, v.target(), 1<<defs.ExcBadAccess, name, defs.ExceptionDefault, 0))
		v.fill(va(10), 2, 1)
		v.ok(v.protect(va(11), page, mach.ProtRead))
		v.mapAt(va(20), e.c.port(e.m.port), 1)
		for _, x := range []struct {
			err  error
			code mach.Return
			addr mach.Addr
		}{
			{v.Load(va(5)+17, make([]byte, 1)), mach.KernInvalidAddress, va(5) + 17},
			{v.Store(va(11)+3, []byte{1}), mach.KernProtectionFailure, va(11) + 3},
			{v.Store(va(11)-2, []byte{1, 2, 3, 4}), mach.KernProtectionFailure, va(11)}, // the first byte that cannot be accessed
			{v.Load(va(20)+9, make([]byte, 1)), 0x4000321, va(20) + 9},
		} {
			v.raises(x.err, x.code, x.addr)
			require.NotEmpty(t, seen)
			require.Equal(t, exception{defs.ExcBadAccess, x.code, x.addr}, seen[0])
			seen = seen[1:]
		}
	})
}

// messages is how many messages anybody has sent.
func (s *stage) messages() int {
	n := 0
	for r := range s.sim.Tracer().Records() {
		if m, ok := trace.As[trace.Message](r); ok && m.Op == trace.MessageSend {
			n++
		}
	}
	return n
}

// TestVM110_FirstTouchIsZero: The first touch of anonymous memory produces a zero page without any
// message.
func TestVM110_FirstTouchIsZero(t *testing.T) {
	s := newStage(t)
	dirtyFrames(s, 8)
	s.In(s.Task("a"), func(v *space) {
		v.have(va(10), 4)
		sent, before := s.messages(), v.stats()
		require.NotZero(t, sent)
		v.holds(va(10), 0)
		v.put(va(11), 1)
		require.Equal(t, make([]byte, page-1), v.read(va(11)+1, int(page-1)))
		require.Equal(t, sent, s.messages())
		after := v.stats()
		require.Equal(t, before.ZeroFills+2, after.ZeroFills)
		require.Equal(t, before.Pageins, after.Pageins)
		require.Equal(t, before.Free-2, after.Free)
	})
}

// TestVM111_ReadFaultRequests: A read fault on a non-resident page of an external object sends one
// data_request for that page with access read.
func TestVM111_ReadFaultRequests(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(4)
	r.see(2)
	e.m.see("init(a)", "data_request(a,2,r--)")
	require.Equal(t, page, e.m.last("data_request").length)
	r.see(2)
	r.see(0)
	e.m.see("init(a)", "data_request(a,2,r--)", "data_request(a,0,r--)")
	require.EqualValues(t, 2, e.stats().Pageins)
}

// TestVM112_RequestOffset: The offset in a data request is the object offset plus the object's paging
// offset.
func TestVM112_RequestOffset(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapRange(e.m.port, at(7), 3)
	r.see(1)
	paging := e.info().PagingOffset
	require.Equal(t, e.pageAt(8).Offset+paging, e.m.last("data_request").offset)
	require.Equal(t, at(8), e.m.last("data_request").offset)
	e.c.step(func(v *space) { // through a copy, whose object has offsets of its own
		p := usualAt(va(100), e.c.port(e.m.port), 3).copied()
		p.offset = at(20)
		v.ok(v.vmMap(&p))
		v.holds(va(102), 23)
	})
	require.Equal(t, at(22), e.m.last("data_request").offset)
	require.Equal(t, 2, e.m.count("data_request"))
}

// TestVM113_OneRequestForAll: Several threads faulting on one absent page cause one data request and are
// all released by one supply.
func TestVM113_OneRequestForAll(t *testing.T) {
	e := newSilent(t)
	other := e.newClient("other")
	r, far := e.c.mapPages(1), other.mapPages(1)
	jobs := []*job{r.startLoad(0), r.startLoad(0), far.startLoad(0), r.startStore(0, 'x'), far.startLoad(0)}
	for _, j := range jobs {
		j.requireBlocked()
	}
	e.m.see("init(a)", "data_request(a,0,r--)")
	e.supplyPages(0)
	for _, j := range jobs {
		j.requireDone()
	}
	e.m.see("init(a)", "data_request(a,0,r--)")
	far.reads(0, 'x')
}

// TestVM114_NoRequestBeforeReady: No data request is sent before the manager has declared the object
// ready.
func TestVM114_NoRequestBeforeReady(t *testing.T) {
	e := newEMM(t, withField("MapWaitsForReady", "false"))
	e.m.silent("init")
	r := e.c.mapPages(2)
	reader, writer := r.startLoad(0), r.startStore(1, 'x')
	reader.requireBlocked()
	writer.requireBlocked()
	e.m.see("init(a)")
	require.Zero(t, e.sent(2203))
	e.m.do(func(x *calls) { x.ok(x.ready(e.m.control(0), e.m.readiness)) })
	reader.requireValue(1)
	writer.requireDone()
	require.ElementsMatch(t, []string{"init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)"}, e.m.trace())
	require.Equal(t, "init(a)", e.m.trace()[0])
}

// TestVM115_AbsentLimit: A fault that needs a request on an external object with more than 50 absent pages
// waits until the number falls, so single-page requests leave at most 51 outstanding.
func TestVM115_AbsentLimit(t *testing.T) {
	const pages, limit = 60, 51
	e := newSilent(t)
	e.m.do(func(x *calls) { x.ok(x.setQlimit(e.m.port, mach.QlimitMax)) })
	r := e.c.mapPages(pages)
	var readers []*job
	for i := range pages {
		readers = append(readers, r.startLoad(i))
	}
	require.Equal(t, limit, e.m.count("data_request"))
	require.Equal(t, limit, e.info().Absent)
	requested := func() (list []int) {
		for _, x := range e.m.all("data_request") {
			list = append(list, int(x.offset/at(1)))
		}
		return list
	}
	e.supplyPages(3)
	readers[3].requireDone()
	require.Equal(t, limit+1, e.m.count("data_request"))
	require.Equal(t, limit, e.info().Absent)
	e.supplyPages(5, 6)
	require.Equal(t, limit+3, e.m.count("data_request"))
	for done := []int{3, 5, 6}; len(done) < pages; {
		for _, n := range requested() {
			if !slices.Contains(done, n) {
				e.supplyPages(n)
				done = append(done, n)
			}
		}
		require.LessOrEqual(t, e.info().Absent, limit)
	}
	for _, j := range readers {
		j.requireDone()
	}
	require.Equal(t, pages, e.m.count("data_request"))
}

// TestVM116_UnavailableIsZero: After data_unavailable on a direct mapping the thread sees zeros.
func TestVM116_UnavailableIsZero(t *testing.T) {
	e := newSilent(t)
	dirtyFrames(e.stage, 8)
	r := e.c.mapPages(3)
	reader, writer := r.startLoad(0), r.startStore(1, 'x')
	e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), 0, 3*page)) })
	reader.requireValue(0)
	writer.requireDone()
	e.c.step(func(v *space) {
		v.holds(r.at(0), 0)
		v.first(r.at(1), 'x')
		require.Equal(t, make([]byte, page-1), v.read(r.at(1)+1, int(page-1)))
	})
	late := r.startLoad(2) // it was not requested when the manager spoke
	late.requireBlocked()
	e.supplyPages(2)
	late.requireValue(3)
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "data_request(a,2,r--)")
}

// errorOf is what a thread gets when its page is answered with data_error.
func errorOf(t *testing.T, reason mach.Return, opts ...option) mach.Return {
	t.Helper()
	e := newSilent(t, opts...)
	r := e.c.mapPages(1)
	reader := r.startLoad(0)
	e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), 0, page, reason)) })
	return reader.requireEnded()
}

// TestVM118_ForeignErrorPasses: After data_error with a reason whose error-system field is not the
// kernel's, the thread gets that reason unchanged.
func TestVM118_ForeignErrorPasses(t *testing.T) {
	for _, reason := range []mach.Return{0x4000000, 0x4000123, 0x10000003, 0x7fffffff, -1, mach.MigBadID} {
		require.Equal(t, reason, errorOf(t, reason))
		never := errorOf(t, reason, withField("ErrorPassThrough", "never"))
		require.Equal(t, mach.KernMemoryError, never)
		want := reason
		if reason < 0 {
			want = mach.KernMemoryError // a signed comparison with 0x100
		}
		require.Equal(t, want, errorOf(t, reason, withField("ErrorPassThrough", "max")))
	}
}

// TestVM119_KernelErrorBecomesMemoryError: After data_error with any reason of the kernel's error system
// the thread gets KERN_MEMORY_ERROR.
func TestVM119_KernelErrorBecomesMemoryError(t *testing.T) {
	for _, reason := range []mach.Return{
		mach.KernSuccess, mach.KernInvalidAddress, mach.KernMemoryFailure, mach.KernMemoryError, mach.KernMemoryDataMoved,
		mach.KernReturnMax, mach.KernReturnMax + 1, 0x3ffffff,
	} {
		require.Equal(t, mach.KernMemoryError, errorOf(t, reason), "%v", reason)
		require.Equal(t, mach.KernMemoryError, errorOf(t, reason, withField("ErrorPassThrough", "never")), "%v", reason)
		if reason == mach.KernMemoryDataMoved {
			continue // looks again
		}
		want := mach.KernMemoryError
		if reason > mach.KernReturnMax {
			want = reason
		}
		require.Equal(t, want, errorOf(t, reason, withField("ErrorPassThrough", "max")), "%v", reason)
	}
}

// TestVM120_ErrorIsForgotten: A second access after data_error sends a new data request.
func TestVM120_ErrorIsForgotten(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(1)
	for n := 1; n <= 2; n++ {
		readers := []*job{r.startLoad(0), r.startLoad(0)}
		require.Equal(t, n, e.m.count("data_request"))
		e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), 0, page, mach.KernFailure)) })
		for _, j := range readers {
			j.requireFails(mach.KernMemoryError)
		}
		require.Zero(t, e.info().Resident)
	}
	writer := r.startStore(0, 'x')
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,0,r--)", "data_request(a,0,rw-)")
	e.supplyPages(0)
	writer.requireDone()
	r.reads(0, 'x')
}

// TestVM137_DeactivatesBehind: A fault at the offset following the previous fault of the same object
// deactivates the previously faulted page unless it is busy.
func TestVM137_DeactivatesBehind(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(10)
	queues := func(want map[int]string) {
		t.Helper()
		for n, q := range want {
			require.Equal(t, q, e.pageAt(n).Queue, "page %d", n)
		}
	}
	r.see(2)
	queues(map[int]string{2: "active"})
	r.see(3)
	queues(map[int]string{2: "inactive", 3: "active"})
	r.see(4)
	queues(map[int]string{2: "inactive", 3: "inactive", 4: "active"})
	r.see(6) // not the next
	queues(map[int]string{4: "active", 6: "active"})
	r.see(5) // the one before
	queues(map[int]string{5: "active", 6: "active"})

	// The page before is busy: it was flushed and is being requested again.
	e.m.silent("data_request")
	e.m.do(func(x *calls) { x.ok(x.lock(e.m.control(0), locking{offset: at(5), size: page, flush: true})) })
	again := r.startLoad(5)
	require.True(t, e.pageAt(5).Busy)
	next := r.startLoad(6)
	next.requireValue(7)
	e.supplyPages(5)
	again.requireValue(6)
	queues(map[int]string{5: "active"})

	// The page before is busy: its fault is about to enter the translation. A copy keeps writes off the fast path.
	e = newEMM(t)
	r = e.c.mapPages(2)
	r.see(1)
	r.see(0)
	e.c.step(func(v *space) { v.copyAt(va(50), e.c.port(e.m.port), 2) })
	behind := e.at("before-verify", e.c.task, func(x *calls) {
		require.True(t, e.pageAt(0).Busy)
		x.ok(x.store(r.at(1), 'y'))
	})
	r.store(0, 'x')
	behind.requireDone()
	queues(map[int]string{0: "active", 1: "active"})
}

// TestVM138_WriteLeavesLowerPage: A write fault on a page held below the top object leaves the lower page
// unchanged.
func TestVM138_WriteLeavesLowerPage(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 2)
		v.first(va(20), 1) // page 1 comes when the copy is written
		v.copyAt(va(30), e.c.port(e.m.port), 2)
		for i := range 2 {
			v.put(va(30+i)+5, 'x')
			v.holds(va(20+i), byte(1+i))
		}
	})
	require.False(t, e.pageAt(0).Dirty)
	require.False(t, e.pageAt(1).Dirty)
	child := e.Fork(e.c.task)
	grandchild := e.Fork(child)
	e.In(grandchild, func(v *space) {
		v.put(va(10)+5, 'z')
		_, chain := v.inspect(va(10))
		require.Greater(t, len(chain), 1)
		require.NotEmpty(t, chain[len(chain)-1].Pages)
	})
	e.In(child, func(v *space) {
		v.holds(va(10), 1, 2)
		v.put(va(11)+5, 'y')
	})
	e.c.step(func(v *space) { v.holds(va(10), 1, 2) })
	e.In(grandchild, func(v *space) {
		v.holds(va(11), 2)
		v.first(va(10)+5, 'z')
		v.first(va(10), 1) // the rest is the copy
	})
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)")
}

// TestVM139_ReadMapsLowerPage: A read fault on a page held below the top object maps it without write
// permission and copies nothing.
func TestVM139_ReadMapsLowerPage(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 2)
		v.ok(v.loads(va(20)))
		v.ok(v.loads(va(21)))
		v.copyAt(va(10+20), e.c.port(e.m.port), 2)
	})
	child := e.Fork(e.c.task)
	e.In(child, func(v *space) {
		v.put(va(11), 2) // now the region has an object of its own
		for _, addr := range []mach.Addr{va(10), va(30)} {
			_, chain := v.inspect(addr)
			require.Len(t, chain, 2)
			before := v.stats()
			v.ok(v.loads(addr))
			after := v.stats()
			require.Equal(t, before.Faults+1, after.Faults)
			require.Equal(t, before.CowFaults, after.CowFaults)
			require.Equal(t, before.Free, after.Free)
			v.ok(v.loads(addr))
			require.Equal(t, after.Faults, v.stats().Faults, "it is mapped")
			prot, mapped := v.own().Map().Translation(addr)
			require.True(t, mapped)
			require.Zero(t, prot&mach.ProtWrite)
			v.put(addr, 'x')
			require.Equal(t, after.Faults+1, v.stats().Faults, "but not for writing")
			require.Equal(t, after.CowFaults+1, v.stats().CowFaults)
		}
	})
	e.c.step(func(v *space) { v.holds(va(10), 1, 2) })
}
