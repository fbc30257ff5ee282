package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestEMM115_ReadAsksForRead: A read of a non-resident page sends a data_request with READ.
func TestEMM115_ReadAsksForRead(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(6), e.newClient("other").mapRange(e.m.port, at(2), 4)
	n := e.m.news()
	r.see(1)
	n.see("data_request(a,1,r--)")
	q.see(3) // of the mapping
	n.see("data_request(a,5,r--)")
	e.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtRead)) })
	r.see(0)
	n.see("data_request(a,0,r--)")
	q.c.step(func(v *space) { // read by the kernel
		v.have(va(500), 1)
		got, ret := user.VMReadOverwrite(v, v.target(), q.at(2)+5, 20, va(500))
		v.ok(ret)
		require.EqualValues(t, 20, got)
		v.first(va(500), 5)
	})
	n.see("data_request(a,4,r--)")
	for _, m := range e.m.all("data_request") {
		require.Equal(t, e.m.port, m.object)
		require.Equal(t, page, m.length)
	}
}

// TestEMM116_WriteAsksForWrite: A write to a non-resident page of a directly mapped object sends a
// data_request that includes WRITE.
func TestEMM116_WriteAsksForWrite(t *testing.T) {
	e := newEMM(t)
	r, q := e.c.mapPages(6), e.newClient("other").mapRange(e.m.port, at(2), 4)
	asked := func(n int) {
		t.Helper()
		last := e.m.last("data_request")
		require.Equal(t, at(n), last.offset)
		require.True(t, last.access.Allows(mach.ProtWrite), "%v", last)
	}
	r.store(1, 'x')
	asked(1)
	q.store(3, 'x')
	asked(5)
	r.reads(5, 'x')
	e.c.step(func(v *space) { // written by the kernel
		v.fill(va(500), 1, 'w')
		v.ok(v.vmWrite(r.at(0)+100, va(500), 20))
		v.first(r.at(0)+100, 'w')
		v.first(r.at(0)+99, 1)
		v.first(r.at(0)+120, 1)
	})
	asked(0)
	require.Equal(t, 3, e.m.count("data_request"))
}

// TestEMM117_CopyOnWriteAsksSourceForRead: A write to a non-resident page of a copy-on-write region asks
// its source only for READ.
func TestEMM117_CopyOnWriteAsksSourceForRead(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(4)
	n := e.m.news()
	q := &mapped{c: e.newClient("other"), addr: va(100), pages: 4}
	q.c.step(func(v *space) { v.copyAt(q.addr, q.c.port(e.m.port), 4) })
	q.store(0, 'x')
	n.see("data_request(a,0,r--)")
	r.see(0) // the source is as it was
	q.reads(0, 'x')

	child := &mapped{c: &client{e: e, task: e.Fork(e.c.task)}, addr: r.addr, pages: 4}
	child.store(1, 'y')
	n.see("data_request(a,1,r--)")
	r.see(1)
	r.store(2, 'z') // of the region itself
	n.see("data_request(a,2,rw-)")
	child.reads(2, 3)
	n.see()
}

// TestEMM118_RequestsAreWholePages: Offset and length of a data_request are multiples of the announced
// page size.
func TestEMM118_RequestsAreWholePages(t *testing.T) {
	for _, size := range []mach.Size{page, 4 * page} {
		for _, cluster := range []mach.Size{1, 4} {
			e := newEMM(t)
			e.m.readiness.ClusterSize = int32(cluster * size)
			c := e.newClientOn(e.boot("far", size), "far")
			r := c.mapRange(e.m.port, mach.Offset(4*size), 8*int(size/page))
			for _, pos := range []mach.Addr{1, mach.Addr(2*size) - 1, mach.Addr(3*size) + 5, mach.Addr(6*size) + 77} {
				c.do(func(x *calls) {
					b, code := x.load(r.addr + pos)
					x.ok(code)
					require.Equal(t, contents(r.offset + mach.Offset(pos).Trunc(page))[0], b)
					x.ok(x.store(r.addr+pos, 'x'))
				})
			}
			c.step(func(v *space) { // unaligned, over two pages
				got := v.take(r.addr+mach.Addr(5*size)-3, 6)
				v.first(got.Address, contents(r.offset + mach.Offset(5*size-3))[0])
			})
			announced := e.m.last("init").pageSize
			require.Equal(t, size, announced)
			require.GreaterOrEqual(t, e.m.count("data_request"), 4)
			for _, m := range e.m.all("data_request") {
				require.True(t, m.offset.Aligned(announced), "%v", m.offset)
				require.True(t, m.length.Aligned(announced) && m.length > 0, "%v", m.length)
			}
		}
	}
}

// TestEMM119_OneRequestForAPage: No second data_request is sent for a page while one is outstanding.
func TestEMM119_OneRequestForAPage(t *testing.T) {
	e := newSilent(t)
	r, q := e.c.mapPages(2), e.newClient("other").mapPages(2)
	aborted := r.startLoad(0)
	waits := []*job{
		r.startLoad(0), q.startLoad(0), r.startStore(0, 'x'),
		q.c.start("vm_read_overwrite", func(x *calls) mach.Return {
			v := x.space()
			v.have(va(500), 1)
			_, ret := user.VMReadOverwrite(v, v.target(), q.addr, 8, va(500))
			return ret
		}),
		q.startWire(0, 1),
	}
	e.c.kill(aborted)
	waits = append(waits, r.startLoad(0))
	for _, j := range waits {
		j.requireBlocked()
	}
	e.m.see("init(a)", "data_request(a,0,r--)")
	e.supplyPages(0)
	for _, j := range waits {
		j.requireDone()
	}
	q.unwire(0, 1)
	e.m.see("init(a)", "data_request(a,0,r--)")

	// Whatever the schedule, and with requests for several pages at once.
	underSeeds(t, 50, func(e *emm) {
		e.m.readiness.ClusterSize = int32(4 * page)
		e.m.addThread()
		e.m.addThread()
		outstanding := map[mach.Offset]bool{}
		e.m.on("data_request", func(x *turn) {
			for off := x.offset; off < x.offset+mach.Offset(x.length); off += at(1) {
				require.False(t, outstanding[off], "%v in %v", x.received, e.m.trace())
				outstanding[off] = true
			}
			for off := x.offset; off < x.offset+mach.Offset(x.length); off += at(1) {
				for range 5 {
					x.Yield()
				}
				delete(outstanding, off)
				x.supply(x.control, off, contents(off), supplied{})
			}
		})
		for i, c := range []*client{e.c, e.newClient("other"), e.newClient("third")} {
			r := c.mapPages(8)
			for k := range 2 {
				c.spawn("user", func(x *calls) mach.Return {
					for n := range 8 {
						p := (3*i + 5*k + n*(2*i+1)) % 8
						if n%2 == k {
							x.store(r.at(p), byte(1+p))
						} else if b, code := x.load(r.at(p)); code != mach.KernSuccess || b != byte(1+p) {
							return mach.KernFailure
						}
					}
					return mach.KernSuccess
				})
			}
		}
		e.settle()
		seen := map[string]bool{}
		for _, m := range e.m.trace()[1:] {
			m = m[:len(m)-len(",rw-)")] // whatever access
			require.False(t, seen[m], "%s in %v", m, e.m.trace())
			seen[m] = true
		}
		require.Len(t, seen, 8)
	})
}

// TestEMM120_ResidentPagesAreNotRequested: No data_request is sent for a resident page.
func TestEMM120_ResidentPagesAreNotRequested(t *testing.T) {
	e := newCached(t)
	r := e.c.mapPages(4)
	r.see(0)
	r.store(1, 'x')
	e.m.silent("data_request")
	r.abandonLoad(2)
	e.supplyPages(2) // nobody waits for it any more
	n := e.m.news()
	use := func(r *mapped) {
		t.Helper()
		for p, b := range []byte{1, 'x', 3} {
			r.reads(p, b)
			r.store(p, b)
		}
		r.c.step(func(v *space) {
			got := v.take(r.addr, 3*page)
			v.holds(got.Address, 1)
			v.first(got.Address+va(1), 'x')
			v.ok(v.deallocate(got.Address, got.Size))
		})
	}
	use(r)
	drop(e.c.task)
	use(r)
	e.c.step(func(v *space) {
		v.ok(v.protect(r.addr, r.size(), mach.ProtRead))
		v.ok(v.protect(r.addr, r.size(), mach.ProtDefault))
	})
	use(r)
	other := e.newClient("other")
	q := other.mapPages(4)
	use(q)
	q.startWire(0, 3).requireDone()
	q.unwire(0, 3)
	use(q)
	r.unmap()
	q.unmap()
	use(e.c.mapPages(4)) // cached meanwhile
	n.see()
}

// TestEMM149_LateSupplyIsKept: A supply that arrives after the waiting thread was aborted is kept and
// satisfies the next access without a request.
func TestEMM149_LateSupplyIsKept(t *testing.T) {
	e := newSilent(t)
	r := e.c.mapPages(2)
	r.abandonLoad(0)
	writer := r.startStore(1, 'x')
	e.c.abortStopped(writer)
	n := e.m.news()
	e.tellSupply(0, pagesFrom(0, 2), supplied{}).accepted(t)
	n.see("supply_completed(a,0,2,KERN_SUCCESS)")
	r.allReads(0, 1)
	r.allReads(1, 2) // the store was not made
	e.c.resume(writer)
	writer.requireDone()
	r.reads(1, 'x')
	n.see()

	// The same when the whole client has gone.
	e = newSilent(t)
	keeper := e.newClient("keeper").mapPages(1)
	e.c.mapPages(1).startLoad(0)
	e.c.terminate()
	e.supplyPages(0)
	keeper.see(0)
	e.m.see("init(a)", "data_request(a,0,r--)")
}

// TestEMM150_LaterFaultsJoinTheRequest: A later fault on an outstanding page waits without sending a
// message, whatever its access.
func TestEMM150_LaterFaultsJoinTheRequest(t *testing.T) {
	for _, first := range []mach.Prot{mach.ProtRead, mach.ProtDefault, mach.ProtExecute} {
		e := newSilent(t)
		r := e.c.mapPages(1).executable()
		q := e.newClient("other").mapPages(1)
		var waits []*job
		begin := map[mach.Prot]func() *job{
			mach.ProtRead:    func() *job { return r.startLoad(0) },
			mach.ProtDefault: func() *job { return r.startStore(0, 'x') },
			mach.ProtExecute: func() *job { return r.startExecute(0) },
		}
		waits = append(waits, begin[first]())
		e.m.see("init(a)", fmt.Sprintf("data_request(a,0,%v)", first))
		for _, access := range []mach.Prot{mach.ProtRead, mach.ProtDefault, mach.ProtExecute} {
			waits = append(waits, begin[access]())
		}
		waits = append(waits, q.startStore(0, 'y'), q.startWire(0, 1))
		for _, j := range waits {
			j.requireBlocked()
		}
		e.m.see("init(a)", fmt.Sprintf("data_request(a,0,%v)", first))
		e.supplyPages(0)
		for _, j := range waits {
			j.requireDone()
		}
		e.m.see("init(a)", fmt.Sprintf("data_request(a,0,%v)", first))
		q.unwire(0, 1)
	}

	// Where the page comes locked against the later access, the manager hears of that then.
	e := newSilent(t)
	e.m.silent("data_unlock")
	r := e.c.mapPages(1)
	reader, writer := r.startLoad(0), r.startStore(0, 'x')
	e.m.see("init(a)", "data_request(a,0,r--)")
	e.tell(func(x *calls, a mach.Name) { x.ok(x.supply(a, 0, contents(0), supplied{lock: mach.ProtWrite})) })
	reader.requireValue(1)
	writer.requireBlocked()
	e.m.see("init(a)", "data_request(a,0,r--)", "data_unlock(a,0,rw-)")
}

// TestEMM151_AbsentPagesAreLimited: A fault that needs a request on an external object with more than 50
// absent pages waits until the number falls.
func TestEMM151_AbsentPagesAreLimited(t *testing.T) {
	const limit = 51 // single faults come to one more than 50
	for name, answer := range map[string]func(x *calls, a mach.Name, n int){
		"supply":      func(x *calls, a mach.Name, n int) { x.ok(x.supply(a, at(n), contents(at(n)), supplied{})) },
		"unavailable": func(x *calls, a mach.Name, n int) { x.ok(x.unavailable(a, at(n), page)) },
		"error":       func(x *calls, a mach.Name, n int) { x.ok(x.dataError(a, at(n), page, mach.KernFailure)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			r, q := e.c.mapPages(60), e.newClient("other").mapPages(60)
			r.see(59)
			e.m.silent("data_request")
			before := e.m.count("data_request")
			var jobs []*job
			for n := range 57 {
				m := []*mapped{r, q}[n%2]
				jobs = append(jobs, m.startLoad(n))
			}
			asked := func() int { return e.m.count("data_request") - before }
			require.Equal(t, limit, asked())
			for _, j := range jobs {
				j.requireBlocked()
			}
			r.reads(59, 60) // needs no request
			r.startLoad(0).requireBlocked()
			require.Equal(t, limit, asked())
			another := e.m.newObject()
			s := e.c.mapRange(another, 0, 1)
			late := s.startLoad(0) // of another object
			late.requireBlocked()
			require.Equal(t, limit+1, asked())

			e.tell(func(x *calls, a mach.Name) { answer(x, a, 0) })
			require.Equal(t, limit+2, asked()) // one more, and no more than that
			e.tell(func(x *calls, a mach.Name) { answer(x, a, 1); answer(x, a, 2) })
			require.Equal(t, limit+4, asked())
			for _, m := range e.m.all("data_request")[before:] {
				if m.on == e.m.port && m.offset > at(2) {
					e.tell(func(x *calls, a mach.Name) { answer(x, a, int(m.offset/at(1))) })
				}
			}
			for n := limit; n < 57; n++ { // those that had to wait
				e.tell(func(x *calls, a mach.Name) { answer(x, a, n) })
			}
			require.Equal(t, 57+1, asked())
			for _, j := range jobs {
				j.requireEnded()
			}
		})
	}
}

// TestEMM152_ClusterIsBounded: A clustered request contains only non-resident, non-requested pages inside
// one aligned cluster and the faulting region.
func TestEMM152_ClusterIsBounded(t *testing.T) {
	const cluster, pages = 8, 40
	for _, clusters := range bools {
		longest := 1
		for seed := range 40 {
			rnd := dice(seed)
			e := newSilent(t, withField("ClusterPagein", clusters))
			e.m.readiness.ClusterSize = int32(cluster * page)
			// A region of the object somewhere, some pages of which are there and some are asked for.
			from := rnd.Intn(pages - 20)
			r := e.c.mapRange(e.m.port, at(from), 6+rnd.Intn(14))
			e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), mach.BehaviorRandom)) })
			taken := map[int]bool{}
			for range 4 {
				p := rnd.Intn(r.pages)
				if taken[from+p] {
					continue
				}
				taken[from+p] = true
				r.abandonLoad(p)
				if rnd.Intn(2) == 0 {
					e.supplyPages(from + p)
				}
			}
			behavior := mach.Behavior(rnd.Intn(4))
			if behavior != mach.BehaviorRandom {
				e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), behavior)) })
			}
			for range 6 {
				p := rnd.Intn(r.pages)
				before := e.m.count("data_request")
				r.startLoad(p)
				if taken[from+p] {
					require.Equal(t, before, e.m.count("data_request"))
					continue
				}
				require.Equal(t, before+1, e.m.count("data_request"))
				got := e.requested()
				touched := from + p
				require.True(t, got.start <= touched && touched < got.end, "%v for page %d", got, touched)
				require.GreaterOrEqual(t, got.start, from)
				require.LessOrEqual(t, got.end, from+r.pages)
				require.Equal(t, got.start/cluster, (got.end-1)/cluster, "%v", got)
				if clusters == "false" {
					require.Equal(t, got.start+1, got.end)
				}
				longest = max(longest, got.end-got.start)
				for n := got.start; n < got.end; n++ {
					require.False(t, taken[n], "page %d of %v", n, got)
					taken[n] = true
				}
			}
		}
		require.Equal(t, clusters == "true", longest > 2, "longest %d", longest)
	}
}

// TestEMM153_RandomAccessIsNotClustered: A region with random behaviour hint causes single-page requests
// whatever the cluster size.
func TestEMM153_RandomAccessIsNotClustered(t *testing.T) {
	for _, clusters := range bools {
		for _, size := range []int{1, 2, 16} {
			e, r := newClustered(t, size, 0, 16, mach.BehaviorRandom, withField("ClusterPagein", clusters))
			for _, p := range []int{5, 0, 15, 8, 6} {
				r.startLoad(p)
				require.Equal(t, extent{p, p + 1}, e.requested())
			}
			require.Equal(t, 5, e.m.count("data_request"))
			// Another region of the same object is another matter.
			q := e.newClient("other").mapPages(16)
			q.c.step(func(v *space) { v.ok(v.behave(q.addr, q.size(), mach.BehaviorSequential)) })
			q.startLoad(10)
			want := extent{10, 11}
			if clusters == "true" {
				want.end = map[int]int{1: 11, 2: 12, 16: 15}[size] // up to the end of the cluster, or page 15
			}
			require.Equal(t, want, e.requested())
		}
	}
}
