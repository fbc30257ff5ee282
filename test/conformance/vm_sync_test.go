package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

var syncKinds = []mach.SyncFlags{mach.SyncSynchronous, mach.SyncAsynchronous}

// TestVM221_BothKindsOfSync: vm_msync with both synchronous and asynchronous flags returns
// KERN_INVALID_ARGUMENT.
func TestVM221_BothKindsOfSync(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	want := e.m.trace()
	const both = mach.SyncSynchronous | mach.SyncAsynchronous
	for _, flags := range []mach.SyncFlags{both, both | mach.SyncInvalidate} {
		for _, pages := range []int{0, 1, 2} { // it is looked at first
			e.c.startSync(r.addr, pages, flags).requireFails(mach.KernInvalidArgument)
		}
		e.c.startSync(va(500), 1, flags).requireFails(mach.KernInvalidArgument)
	}
	e.m.see(want...)
	r.reads(0, 'x')
	for _, flags := range append(syncKinds, mach.SyncInvalidate|mach.SyncSynchronous, 0) {
		e.c.startSync(r.addr, 2, flags).requireDone()
	}
}

// TestVM222_SyncReturnsPages: vm_msync with the synchronous or asynchronous flag returns dirty and
// precious pages before the synchronize message, whatever the protection of the mapping.
func TestVM222_SyncReturnsPages(t *testing.T) {
	for _, kind := range syncKinds {
		for _, prot := range []mach.Prot{mach.ProtDefault, mach.ProtRead, mach.ProtNone} {
			for _, invalidate := range []bool{false, true} {
				e := newEMM(t)
				r := e.c.mapPages(5)
				r.store(0, 'x')
				r.see(1)
				r.store(4, 'y') // beyond the range
				e.m.supplies.precious = true
				r.see(2)
				r.store(3, 'z')
				before := len(e.m.trace())
				e.c.step(func(v *space) { v.ok(v.protect(r.addr, 5*page, prot)) })
				flags, kept := kind, ",kept"
				if invalidate {
					flags, kept = kind|mach.SyncInvalidate, ""
				}
				e.c.startSync(r.addr, 4, flags).requireDone()
				require.Equal(t, []string{
					"data_return(a,0,dirty" + kept + ")", "data_return(a,2,clean" + kept + ")", "data_return(a,3,dirty" + kept + ")",
					"synchronize(a,0,4)",
				}, e.m.trace()[before:])
				require.Equal(t, byte('x'), e.m.kept[at(0)][0])
				require.Equal(t, byte('z'), e.m.kept[at(3)][0])
				if invalidate {
					require.Equal(t, []int{4}, pagesOf(e.info()))
				} else {
					require.Equal(t, []int{0, 1, 2, 3, 4}, pagesOf(e.info()))
					require.False(t, e.pageAt(0).Dirty)
					require.True(t, e.pageAt(2).Precious)
				}
			}
		}
	}
	// The handshake takes place even if nothing is returned.
	e := newEMM(t)
	r := e.c.mapPages(1)
	e.c.startSync(r.addr, 1, mach.SyncSynchronous).requireDone()
	e.m.see("init(a)", "synchronize(a,0,1)")
}

// TestVM223_SyncWaitsForCompletion: vm_msync returns KERN_SUCCESS only after a completion with matching
// offset and length for each object range, and KERN_MEMORY_ERROR if the object is destroyed or its
// manager dies first.
func TestVM223_SyncWaitsForCompletion(t *testing.T) {
	// Three ranges: two of one object, one of another.
	scene := func(t *testing.T, flags mach.SyncFlags) (e *emm, other mach.Name, j *job) {
		e = newEMM(t)
		e.m.silent("synchronize")
		other = e.m.newObject()
		e.c.step(func(v *space) {
			p := usualAt(va(10), e.c.port(e.m.port), 2)
			v.ok(v.vmMap(&p))
			v.mapAt(va(12), e.c.port(other), 1)
			p = usualAt(va(13), e.c.port(e.m.port), 3)
			p.offset = at(5)
			v.ok(v.vmMap(&p))
		})
		j = e.c.startSync(va(11), 4, flags)
		j.requireBlocked()
		return e, other, j
	}
	// complete answers a synchronize that has come, by its place among all.
	complete := func(e *emm, n int) {
		e.t.Helper()
		require.Greater(e.t, e.m.count("synchronize"), n)
		m := e.m.all("synchronize")[n]
		e.m.do(func(x *calls) { x.ok(x.synchronizeCompleted(m.control, m.offset, m.length)) })
	}
	for _, flags := range append(syncKinds, 0, mach.SyncInvalidate) {
		e, other, j := scene(t, flags)
		for n := range 3 {
			j.requireBlocked()
			complete(e, n)
		}
		j.requireDone()
		require.Equal(t, 3, e.m.count("synchronize"))
		require.ElementsMatch(t, []string{"init(a)", "synchronize(a,1,1)", "synchronize(a,5,2)"}, e.m.trace())
		require.Contains(t, e.m.traceOn(other), "synchronize(b,0,1)")
	}
	for name, end := range map[string]func(e *emm){
		"destroy":          func(e *emm) { e.m.destroy(0, mach.KernFailure) },
		"death of port":    func(e *emm) { e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) }) },
		"death of manager": func(e *emm) { e.m.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			e, _, j := scene(t, mach.SyncSynchronous)
			end(e)
			j.requireFails(mach.KernMemoryError)
		})
	}
}

// TestVM224_WrongCompletion: A completion that matches no request is rejected with KERN_INVALID_ARGUMENT
// and releases nobody; a manager that sent it as a message sees nothing of this.
func TestVM224_WrongCompletion(t *testing.T) {
	e := newEMM(t)
	e.m.silent("synchronize")
	r := e.c.mapPages(4)
	a := e.m.control(0)
	completed := func(off mach.Offset, size mach.Size) {
		e.m.do(func(x *calls) { x.ok(x.synchronizeCompleted(a, off, size)) }) // always
	}
	rejected := func() (n int) { // as whoever watches the kernel sees
		for rec := range e.sim.Tracer().Records() {
			m, ok := trace.As[trace.Message](rec)
			if ok && m.Op == trace.MessageRefuse && m.ID == defs.MemoryObjectSynchronizeCompletedRow.ID(mig.OSF) {
				require.Equal(t, mach.KernInvalidArgument, m.Code)
				n++
			}
		}
		return n
	}
	completed(0, page) // none is outstanding
	j := e.c.startSync(r.at(1), 2, mach.SyncSynchronous)
	j.requireBlocked()
	e.m.see("init(a)", "synchronize(a,1,2)")
	wrong := []struct {
		off  mach.Offset
		size mach.Size
	}{{at(1), page}, {at(1), 3 * page}, {at(2), page}, {0, 2 * page}, {0, 4 * page}, {at(1), 2*page - 1}, {at(1) + 1, 2 * page}, {at(1), 0}}
	for _, c := range wrong {
		completed(c.off, c.size)
		j.requireBlocked()
	}
	require.Equal(t, 1+len(wrong), rejected())
	completed(at(1), 2*page)
	j.requireDone()
	require.Equal(t, 1+len(wrong), rejected())
	completed(at(1), 2*page) // once more
	require.Equal(t, 2+len(wrong), rejected())
	e.m.see("init(a)", "synchronize(a,1,2)")
}

// TestVM225_SyncSkips: vm_msync skips holes and anonymous memory and succeeds.
func TestVM225_SyncSkips(t *testing.T) {
	e := newEMM(t)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 1)
		v.have(va(13), 1) // never touched
		v.mapAt(va(15), e.c.port(e.m.port), 2)
		v.put(va(15), 'x')
		v.copyAt(va(20), e.c.port(e.m.port), 1)
		v.put(va(20), 'y') // its own memory now
	})
	before := len(e.m.trace())
	for _, flags := range []mach.SyncFlags{mach.SyncSynchronous, mach.SyncAsynchronous, mach.SyncInvalidate, 0} {
		e.c.startSync(va(100), 5, flags).requireDone() // nothing is there
		e.c.startSync(va(10), 5, flags).requireDone()  // anonymous memory and a hole
		e.c.startSync(va(20), 1, flags).requireDone()
		e.c.startSync(va(13), 0, flags).requireDone()
	}
	require.Len(t, e.m.trace(), before)
	e.c.startSync(va(0), 60, mach.SyncSynchronous).requireDone()
	require.Equal(t, []string{"data_return(a,0,dirty,kept)", "synchronize(a,0,2)"}, e.m.trace()[before:])
	e.c.step(func(v *space) {
		v.holds(va(10), 1, 2)
		v.first(va(20), 'y')
	})
}

// TestVM226_OverlappingSyncs: Overlapping synchronize requests on one object are never outstanding
// together.
func TestVM226_OverlappingSyncs(t *testing.T) {
	e := newEMM(t)
	e.m.silent("synchronize")
	r, q := e.c.mapPages(6), e.newClient("other").mapPages(6)
	a := e.m.control(0)
	complete := func(p, n int) {
		e.m.do(func(x *calls) { x.ok(x.synchronizeCompleted(a, at(p), mach.Size(n)*page)) })
	}
	first := e.c.startSync(r.at(1), 2, mach.SyncSynchronous)
	second := q.c.startSync(q.at(2), 2, mach.SyncSynchronous)
	third := q.c.startSync(q.at(0), 1, mach.SyncAsynchronous)  // does not overlap
	fourth := q.c.startSync(q.at(2), 1, mach.SyncAsynchronous) // overlaps both
	e.m.see("init(a)", "synchronize(a,1,2)", "synchronize(a,0,1)")
	complete(0, 1)
	third.requireDone()
	e.m.see("init(a)", "synchronize(a,1,2)", "synchronize(a,0,1)")
	complete(1, 2)
	first.requireDone()
	e.m.see("init(a)", "synchronize(a,1,2)", "synchronize(a,0,1)", "synchronize(a,2,2)")
	second.requireBlocked()
	complete(2, 2)
	second.requireDone()
	e.m.see("init(a)", "synchronize(a,1,2)", "synchronize(a,0,1)", "synchronize(a,2,2)", "synchronize(a,2,1)")
	fourth.requireBlocked()
	complete(2, 1)
	fourth.requireDone()

	// Whatever the schedule, and however soon the manager answers.
	underSeeds(t, 50, func(e *emm) {
		type extent struct{ start, end mach.Offset }
		var open []extent
		e.m.on("synchronize", func(x *turn) {
			now := extent{x.offset, x.offset + mach.Offset(x.length)}
			for _, o := range open {
				require.False(e.t, now.start < o.end && o.start < now.end, "%v", e.m.trace())
			}
			open = append(open, now)
		})
		r := e.c.mapPages(4)
		var jobs []*job
		for i := range 6 {
			jobs = append(jobs, e.c.spawn("vm_msync", func(x *calls) mach.Return {
				return x.msync(r.at(i%3), 2*page, mach.SyncSynchronous)
			}))
		}
		e.settle()
		for len(open) > 0 {
			now := open[0]
			open = open[1:]
			e.m.do(func(x *calls) {
				x.ok(x.synchronizeCompleted(e.m.control(0), now.start, mach.Size(now.end-now.start)))
			})
		}
		for _, j := range jobs {
			j.requireDone()
		}
		require.Equal(e.t, 6, e.m.count("synchronize"))
	})
}
