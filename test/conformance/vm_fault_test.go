package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
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

// newClustered makes the stage with a silent manager whose clusters are n pages, and maps pages with a
// behavior.
func newClustered(t *testing.T, n, from, pages int, b mach.Behavior, opts ...option) (*emm, *mapped) {
	t.Helper()
	e := newSilent(t, opts...)
	e.m.readiness.ClusterSize = int32(n) * int32(page)
	r := e.c.mapRange(e.m.port, at(from), pages)
	e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), b)) })
	return e, r
}

// requested is the pages of the last data request.
func (e *emm) requested() extent {
	e.t.Helper()
	x := e.m.last("data_request")
	start := int(x.offset / at(1))
	return extent{start, start + int(x.length/page)}
}

// TestVM121_ClusterErrorIsDiscarded: An error on a page that was requested only for clustering is
// discarded silently.
func TestVM121_ClusterErrorIsDiscarded(t *testing.T) {
	e, r := newClustered(t, 4, 0, 4, mach.BehaviorSequential)
	reader := r.startLoad(0)
	require.Equal(t, extent{0, 4}, e.requested())
	e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), at(1), 3*page, 0x4000123)) })
	reader.requireBlocked()
	e.supplyPages(0)
	reader.requireValue(1)
	require.Equal(t, 1, e.info().Resident)
	again := r.startLoad(1) // the error is lost, the page asked for again
	again.requireBlocked()
	require.Equal(t, 2, e.m.count("data_request"))
	require.Equal(t, extent{1, 4}, e.requested())
	waiter := r.startLoad(2) // of these one is waited for now
	e.m.do(func(x *calls) { x.ok(x.dataError(e.m.control(0), at(2), 2*page, 0x4000123)) })
	waiter.requireFails(0x4000123)
	e.supplyPages(1)
	again.requireValue(2)
}

// lockedPages makes a memory object of which the pages are resident and locked.
func lockedPages(t *testing.T, lock mach.Prot, pages int) (*emm, *mapped) {
	t.Helper()
	e := newEMM(t)
	e.m.supplies.lock = lock
	e.m.silent("data_unlock")
	r := e.c.mapPages(pages)
	e.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtAll)) })
	return e, r
}

// unlocks requires which data_unlock messages have come.
func (e *emm) unlocks(want ...string) {
	e.t.Helper()
	list := []string{}
	for _, x := range e.m.all("data_unlock") {
		require.Equal(e.t, page, x.length)
		list = append(list, fmt.Sprintf("%d %v", x.offset/at(1), x.access))
	}
	if want == nil {
		want = []string{}
	}
	require.Equal(e.t, want, list)
}

// relock has the manager set the lock of page n.
func (e *emm) relock(n int, lock mach.Prot) {
	e.t.Helper()
	e.m.do(func(x *calls) { x.ok(x.lock(e.m.control(0), locking{offset: at(n), size: page, value: lock})) })
}

// TestVM122_LockCausesUnlock: Access prohibited by a page lock causes data_unlock with the wanted access,
// not an exception.
func TestVM122_LockCausesUnlock(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 3)
	r.see(0)
	r.see(1)
	writer := r.startStore(1, 'x')
	writer.requireBlocked()
	e.unlocks("1 rw-")
	e.relock(1, mach.ProtNone)
	writer.requireDone()
	r.reads(1, 'x')
	r.see(0)

	e, r = lockedPages(t, mach.ProtAll, 3)
	for i, start := range []func() *job{
		func() *job { return r.startLoad(0) },
		func() *job { return r.startStore(1, 'x') },
		func() *job { return r.startExecute(2) },
	} {
		j := start()
		j.requireBlocked()
		e.unlocks([]string{"0 r--", "1 rw-", "2 --x"}[:i+1]...)
		e.relock(i, mach.ProtNone)
		j.requireDone()
	}
}

// TestVM123_OneUnlockForAll: A second thread wanting the same prohibited access causes no second unlock
// message.
func TestVM123_OneUnlockForAll(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 1)
	r.see(0)
	other := e.newClient("other").mapPages(1)
	jobs := []*job{r.startStore(0, 'x'), r.startStore(0, 'x'), other.startStore(0, 'x')}
	other.see(0) // reading is allowed
	e.unlocks("0 rw-")
	for _, j := range jobs {
		j.requireBlocked()
	}
	e.relock(0, mach.ProtNone)
	for _, j := range jobs {
		j.requireDone()
	}
	e.unlocks("0 rw-")
}

// TestVM124_UnlockUnion: A thread wanting additional access causes an unlock message carrying the union of
// the wanted accesses.
func TestVM124_UnlockUnion(t *testing.T) {
	e, r := lockedPages(t, mach.ProtAll, 1)
	jobs := []*job{r.startLoad(0)}
	e.unlocks("0 r--")
	jobs = append(jobs, r.startExecute(0))
	e.unlocks("0 r--", "0 r-x")
	jobs = append(jobs, r.startStore(0, 'x'))
	e.unlocks("0 r--", "0 r-x", "0 rwx")
	jobs = append(jobs, r.startStore(0, 'x'), r.startLoad(0))
	e.unlocks("0 r--", "0 r-x", "0 rwx")
	for _, j := range jobs {
		j.requireBlocked()
	}
	e.relock(0, mach.ProtNone)
	for _, j := range jobs {
		j.requireDone()
	}
}

// TestVM125_RelockAsksAgain: A lock request that sets a lock value leaving the needed access prohibited
// makes the waiting thread send a new unlock message; one with the no-change value does not.
func TestVM125_RelockAsksAgain(t *testing.T) {
	e, r := lockedPages(t, mach.ProtWrite, 1)
	r.see(0)
	writer := r.startStore(0, 'x')
	e.unlocks("0 rw-")
	e.relock(0, mach.ProtNoChange)
	e.unlocks("0 rw-")
	e.relock(0, mach.ProtWrite) // the value it has already
	writer.requireBlocked()
	e.unlocks("0 rw-", "0 rw-")
	e.relock(0, mach.ProtWrite|mach.ProtExecute)
	writer.requireBlocked()
	e.unlocks("0 rw-", "0 rw-", "0 rw-")
	e.m.do(func(x *calls) {
		x.ok(x.lock(e.m.control(0), locking{size: page, ret: mach.ReturnAnything, value: mach.ProtNoChange}))
	})
	writer.requireBlocked()
	e.unlocks("0 rw-", "0 rw-", "0 rw-")
	e.relock(0, mach.ProtExecute)
	writer.requireDone()
	e.unlocks("0 rw-", "0 rw-", "0 rw-")
}

// TestVM126_LockedIsNeverMapped: A page supplied with a lock is never mapped with the prohibited access.
func TestVM126_LockedIsNeverMapped(t *testing.T) {
	for lock := mach.ProtRead; lock <= mach.ProtAll; lock++ {
		e, r := lockedPages(t, lock, 1)
		other := e.newClient("other").mapPages(1)
		e.c.step(func(v *space) {
			v.mapAt(va(50), e.c.port(e.m.port), 1)
			v.ok(v.protect(va(50), page, mach.ProtAll))
		})
		second := &mapped{c: e.c, addr: va(50), pages: 1}
		for range 2 { // an access that is allowed makes none of the others so
			for _, m := range []*mapped{r, second, other} {
				for _, c := range []struct {
					needs mach.Prot
					start func() *job
				}{
					{mach.ProtRead, func() *job { return m.startLoad(0) }},
					{mach.ProtDefault, func() *job { return m.startStore(0, 1) }},
					{mach.ProtExecute, func() *job { return m.startExecute(0) }},
				} {
					if m == other && c.needs == mach.ProtExecute {
						continue // its region does not allow it
					}
					unlocks := len(e.m.all("data_unlock"))
					j := c.start()
					if c.needs&lock == 0 {
						j.requireDone()
						require.Len(t, e.m.all("data_unlock"), unlocks)
						continue
					}
					j.requireBlocked()
					m.c.do(func(x *calls) { x.ok(user.ThreadTerminate(x, j.thread)) })
				}
			}
		}
		require.Equal(t, 1, e.m.count("data_request"))
		require.NotZero(t, e.m.count("data_unlock"))
	}
}

// TestVM127_LockOfAbsentPage: A lock request covering a page not cached has no effect on later supplies.
func TestVM127_LockOfAbsentPage(t *testing.T) {
	e := newSilent(t)
	e.m.silent("data_unlock")
	r := e.c.mapPages(2)
	waiting := r.startStore(1, 'x') // requested, not cached
	e.m.do(func(x *calls) { x.ok(x.lock(e.m.control(0), locking{size: 2 * page, value: mach.ProtAll})) })
	e.supplyPages(1)
	waiting.requireDone()
	writer := r.startStore(0, 'x')
	e.supplyPages(0)
	writer.requireDone()
	e.unlocks()
	for n := range 2 {
		require.Zero(t, e.pageAt(n).Lock)
	}
}

// abortStopped suspends a thread of the client that waits, aborts its wait and says whether it has ended.
func (c *client) abortStopped(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) {
		x.ok(user.ThreadSuspend(x, j.thread))
		x.ok(user.ThreadAbort(x, j.thread))
	})
	j.requireBlocked()
}

func (c *client) resume(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) { x.ok(user.ThreadResume(x, j.thread)) })
}

// TestVM128_AbortedThreadTriesAgain: A thread aborted while waiting for data re-executes the access when
// resumed.
func TestVM128_AbortedThreadTriesAgain(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	reader := r.startLoad(0)
	faults := e.stats().Faults
	e.c.abort(reader)
	reader.requireBlocked()
	require.Equal(t, faults+1, e.stats().Faults, "it has tried again")
	e.m.see("init(a)", "data_request(a,0,r--)") // what was requested is still requested
	e.supplyPages(0)
	reader.requireValue(1)

	writer := r.startStore(1, 'x')
	e.c.abortStopped(writer)
	e.supplyPages(1)
	writer.requireBlocked()
	require.False(t, e.pageAt(1).Dirty)
	e.c.step(func(v *space) { v.ok(v.protect(r.at(1), page, mach.ProtNone)) })
	e.c.resume(writer)
	writer.requireFails(mach.KernProtectionFailure) // the access meets what is there now
}

// TestVM129_DataAfterAbortIsKept: Data supplied after the waiting thread was aborted is kept and satisfies
// the next fault without a new request.
func TestVM129_DataAfterAbortIsKept(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	r.abandonLoad(0)
	stopped := r.startLoad(1)
	e.c.abortStopped(stopped)
	e.supplyPages(0, 1)
	require.Equal(t, "data", e.pageAt(0).State)
	require.Equal(t, 2, e.resident(e.m.port))
	r.see(0)
	r.store(1, 'x')
	e.c.resume(stopped)
	stopped.requireValue('x')
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)")
}

// TestVM130_RegionGoesDuringFault: A fault whose region is deallocated while it waits fails with
// KERN_INVALID_ADDRESS once data arrives.
func TestVM130_RegionGoesDuringFault(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	reader, writer := r.startLoad(0), r.startStore(1, 'x')
	r.unmap()
	reader.requireBlocked()
	writer.requireBlocked()
	e.m.never("terminate") // the faults keep the object
	e.supplyPages(0)
	reader.requireFails(mach.KernInvalidAddress)
	writer.requireBlocked()
	e.supplyPages(1)
	writer.requireFails(mach.KernInvalidAddress)
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,rw-)", "terminate(a)")
}

// TestVM131_RegionLosesWriteDuringFault: A fault whose region becomes read-only while it waits for a write
// does not grant write access.
func TestVM131_RegionLosesWriteDuringFault(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	writer := r.startStore(0, 'x')
	e.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtRead)) })
	writer.requireBlocked()
	e.supplyPages(0)
	writer.requireFails(mach.KernProtectionFailure)
	r.see(0)
	r.storeFails(0, 'y', mach.KernProtectionFailure)
	require.False(t, e.pageAt(0).Dirty)
	r.unmap()
	e.m.never("data_return")

	// The loss may come as late as between the data and the translation.
	e = newEMM(t)
	r = e.c.mapPages(1)
	thief := e.at("before-verify", e.c.task, func(x *calls) { x.ok(x.protect(r.addr, r.size(), mach.ProtRead)) })
	writer = r.startStore(0, 'x')
	thief.requireDone()
	writer.requireFails(mach.KernProtectionFailure)
	r.see(0)
	require.False(t, e.pageAt(0).Dirty)
}

// TestVM132_FaultWaitsForPage: A fault that finds no free page waits, holding no busy page, and succeeds
// later.
func TestVM132_FaultWaitsForPage(t *testing.T) {
	const frames = 8
	few := withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.Frames, h.WithoutPageout = frames, true })
	// starve takes all free pages, and is told to give them back.
	starve := func(e *emm, v *space) {
		n := v.stats().Free
		v.fill(va(500), n, 1)
		require.Zero(t, v.stats().Free)
	}
	t.Run("zero fill", func(t *testing.T) {
		e := newEMM(t, few)
		hog := e.newClient("hog")
		e.c.step(func(v *space) { v.have(va(10), 1) })
		hog.step(func(v *space) { starve(e, v) })
		j := e.c.start("store", func(x *calls) mach.Return { return x.space().stores(va(10), 'x') })
		j.requireBlocked()
		e.c.step(func(v *space) {
			_, chain := v.inspect(va(10))
			for _, o := range chain {
				require.Empty(t, o.Pages)
				require.Zero(t, o.Paging)
			}
		})
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		e.c.step(func(v *space) { v.first(va(10), 'x') })
	})
	t.Run("copy", func(t *testing.T) {
		e := newEMM(t, few)
		e.c.step(func(v *space) { v.fill(va(10), 1, 1) })
		child := e.Fork(e.c.task)
		hog := e.newClient("hog")
		hog.step(func(v *space) { starve(e, v) })
		j := e.start(child, "store", func(x *calls) mach.Return { return x.space().stores(va(10), 'x') })
		j.requireBlocked()
		_, chain := inspect(t, child, va(10))
		for _, o := range chain {
			require.Zero(t, o.Paging)
			for _, p := range o.Pages {
				require.False(t, p.Busy)
			}
		}
		e.c.step(func(v *space) { v.holds(va(10), 1) }) // the page below is not kept
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		e.c.step(func(v *space) { v.holds(va(10), 1) })
		e.In(child, func(v *space) { v.first(va(10), 'x') })
	})
	t.Run("unavailable", func(t *testing.T) {
		e := newSilent(t, few)
		r := e.c.mapPages(1)
		j := r.startStore(0, 'x')
		hog := e.newClient("hog")
		hog.step(func(v *space) { starve(e, v) })
		e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), 0, page)) })
		j.requireBlocked()
		require.False(t, e.pageAt(0).Busy)
		require.Zero(t, e.info().Paging)
		hog.step(func(v *space) { v.ok(v.deallocate(va(500), page)) })
		j.requireDone()
		r.reads(0, 'x')
	})
}

// TestVM135_RandomIsNotClustered: Random behavior and one-page clusters suppress page-in clustering.
func TestVM135_RandomIsNotClustered(t *testing.T) {
	for _, c := range []struct {
		cluster  int
		behavior mach.Behavior
		field    string
		want     extent
	}{
		{4, mach.BehaviorRandom, "true", extent{1, 2}},
		{1, mach.BehaviorSequential, "true", extent{1, 2}},
		{1, mach.BehaviorReverseSequential, "true", extent{1, 2}},
		{1, mach.BehaviorDefault, "true", extent{1, 2}},
		{0, mach.BehaviorSequential, "true", extent{1, 2}}, // a manager that says nothing
		{4, mach.BehaviorSequential, "false", extent{1, 2}},
		{4, mach.BehaviorDefault, "true", extent{1, 3}},
		{4, mach.BehaviorSequential, "true", extent{1, 4}},
		{4, mach.BehaviorReverseSequential, "true", extent{0, 2}},
	} {
		e, r := newClustered(t, c.cluster, 0, 4, c.behavior, withField("ClusterPagein", c.field))
		j := r.startLoad(1)
		require.Equal(t, c.want, e.requested(), "%+v", c)
		for n := c.want.start; n < c.want.end; n++ {
			e.supplyPages(n)
		}
		j.requireValue(2)
		require.EqualValues(t, 1, e.stats().Pageins)
	}
}

// TestVM136_ClusterBounds: A clustered request never extends beyond the map entry, the aligned cluster, a
// resident page or a page known absent.
func TestVM136_ClusterBounds(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, pages int // what is mapped
		resident    []int
		unavailable []int // the manager has said so
		behavior    mach.Behavior
		touch       int
		want        extent
	}{
		{name: "whole cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 8}},
		{name: "end of cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 6, want: extent{6, 8}},
		{name: "last of cluster", pages: 12, behavior: mach.BehaviorSequential, touch: 7, want: extent{7, 8}},
		{name: "last of cluster by default", pages: 12, touch: 7, want: extent{7, 8}},
		{name: "start of cluster", pages: 12, behavior: mach.BehaviorReverseSequential, touch: 6, want: extent{4, 7}},
		{name: "first of cluster", pages: 12, behavior: mach.BehaviorReverseSequential, touch: 4, want: extent{4, 5}},
		{name: "end of entry", from: 4, pages: 3, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 7}},
		{name: "end of entry by default", from: 4, pages: 1, touch: 4, want: extent{4, 5}},
		{name: "start of entry", from: 5, pages: 3, behavior: mach.BehaviorReverseSequential, touch: 7, want: extent{5, 8}},
		{name: "resident ahead", pages: 12, resident: []int{6}, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 6}},
		{name: "resident behind", pages: 12, resident: []int{5}, behavior: mach.BehaviorReverseSequential, touch: 7, want: extent{6, 8}},
		{name: "known absent", pages: 12, unavailable: []int{6}, behavior: mach.BehaviorSequential, touch: 4, want: extent{4, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, r := newClustered(t, 4, c.from, c.pages, mach.BehaviorRandom)
			for _, n := range c.resident {
				j := r.startLoad(n - c.from)
				e.supplyPages(n)
				j.requireDone()
			}
			for _, n := range c.unavailable {
				r.abandonLoad(n - c.from) // nobody takes the zeros
				e.m.do(func(x *calls) { x.ok(x.unavailable(e.m.control(0), at(n), page)) })
			}
			e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), c.behavior)) })
			j := r.startLoad(c.touch - c.from)
			require.Equal(t, c.want, e.requested())
			for n := c.want.start; n < c.want.end; n++ {
				e.supplyPages(n)
			}
			j.requireDone()
		})
	}
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
