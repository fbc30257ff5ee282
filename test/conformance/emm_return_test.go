package conformance

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// TestEMM136_EvictedPreciousPageIsReturned: A precious clean page that is evicted is returned with dirty
// FALSE.
func TestEMM136_EvictedPreciousPageIsReturned(t *testing.T) {
	e := newEMM(t)
	e.m.supplies.precious = true
	r := e.c.mapPages(3)
	r.see(0)
	r.store(1, 'x')
	r.see(2)
	n := e.m.news()
	e.evict(0, 2)
	n.see("data_return(a,0,clean)", "data_return(a,1,dirty)", "lock_completed(a,0,2)")
	require.Equal(t, contents(0), e.m.kept[0])
	r.see(0) // had to be asked for
	n.see("data_request(a,0,r--)")
	r.unmap() // and is precious again
	require.Contains(t, n.take(), "data_return(a,0,clean)")

	e = newPressed(t) // the same for want of memory
	e.m.supplies.precious = true
	r = e.c.mapPages(2)
	r.see(0)
	r.store(1, 'x')
	n = e.m.news()
	e.squeeze()
	require.ElementsMatch(t, []string{"data_return(a,0,clean)", "data_return(a,1,dirty)"}, n.take())
	require.Equal(t, contents(0), e.m.kept[0])
}

// TestEMM137_EvictedCleanPageIsDropped: A non-precious clean page is evicted without a message.
func TestEMM137_EvictedCleanPageIsDropped(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	free := e.stats().Free
	r.see(0)
	r.see(1)
	n := e.m.news()
	e.evict(0, 2)
	n.see("lock_completed(a,0,2)")
	require.Equal(t, free, e.stats().Free)
	r.see(1)
	n.see("data_request(a,1,r--)")

	e = newPressed(t) // the same for want of memory
	r = e.c.mapPages(2)
	r.see(0)
	r.see(1)
	n = e.m.news()
	e.squeeze()
	n.see()
	require.Zero(t, e.resident(e.m.port))
	r.see(0)
	n.see("data_request(a,0,r--)")
}

// TestEMM154_EvictedDirtyPageIsReturned: A page evicted with modifications is returned with dirty TRUE and
// kernel_copy FALSE.
func TestEMM154_EvictedDirtyPageIsReturned(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	r.store(1, 'x')
	r.see(0)
	r.store(0, 'y') // modified after it was read
	n := e.m.news()
	e.evict(0, 3)
	n.see("data_return(a,0,dirty)", "data_return(a,1,dirty)", "lock_completed(a,0,3)")
	for p, b := range []byte{'y', 'x'} {
		want := contents(at(p))
		want[0] = b
		require.Equal(t, want, e.m.kept[at(p)])
	}
	e.m.silent("data_request")
	r.startLoad(1).requireBlocked() // the kernel has none

	e = newPressed(t) // the same for want of memory
	r = e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	n = e.m.news()
	e.squeeze()
	n.see("data_return(a,0,dirty)")
	require.Equal(t, byte('x'), e.m.kept[0][0])
	require.Equal(t, contents(0)[1:], e.m.kept[0][1:])
}

// keeper has the manager answer requests from what was returned to it, and from contents.
func keeper(m *manager) {
	m.on("data_request", func(x *turn) {
		for off := x.offset; off < x.offset+mach.Offset(x.length); off += at(1) {
			data := m.kept[off]
			if data == nil {
				data = contents(off)
			}
			x.supply(x.control, off, data, m.supplies)
		}
	})
}

// counting is a thread of a client that counts in the first word of each of some pages, n times in all, and
// ends with KERN_FAILURE if it finds another number than it left there.
func counting(x *calls, r *mapped, n int) mach.Return {
	counts := make([]uint64, r.pages)
	for i := range n {
		p := i * 7 % r.pages
		v, err := x.Load64(r.at(p))
		if i >= r.pages && err == nil && v != counts[p] {
			return mach.KernFailure
		}
		counts[p] = v + 1
		if err := x.Store64(r.at(p), v+1); err != nil {
			return mach.Code(err)
		}
	}
	return mach.KernSuccess
}

// zeros has requests for pages that were never returned answered with zeros.
func zeros(m *manager) {
	m.on("data_request", func(x *turn) {
		data := m.kept[x.offset]
		if data == nil {
			data = make([]byte, page)
		}
		x.supply(x.control, x.offset, data, m.supplies)
	})
}

// TestEMM155_ReturnPrecedesRequest: The data_return of a page precedes any later data_request for that page.
func TestEMM155_ReturnPrecedesRequest(t *testing.T) {
	again := 0
	underSeeds(t, 60, func(e *emm) {
		// Which pages hold something that the manager has not got back.
		away := map[mach.Offset]bool{}
		zeros(e.m)
		supply := e.m.answers["data_request"]
		e.m.on("data_request", func(x *turn) {
			require.False(e.t, away[x.offset], "%v: %v", x.received, e.m.trace())
			supply(x)
		})
		e.m.on("data_return", func(x *turn) {
			require.True(e.t, away[x.offset] && x.dirty, "%v: %v", x.received, e.m.trace())
			away[x.offset] = false
			e.m.kept[x.offset] = x.data
			again++
		})
		r := e.c.mapPages(2)
		writer := e.c.spawn("writer", func(x *calls) mach.Return {
			for i := range 40 {
				x.ok(x.store(r.at(i%2), byte(i)))
				away[at(i%2)] = true
			}
			return mach.KernSuccess
		})
		a := e.m.control(0)
		for p := range 2 {
			e.m.spawn("evictor", func(x *calls) mach.Return {
				for range 20 {
					x.Yield()
					x.lock(a, locking{offset: at(p), size: page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange})
				}
				return mach.KernSuccess
			})
		}
		e.settle()
		writer.requireDone()
	}, loadPoints())
	require.Greater(t, again, 100)

	e := newPressed(t) // a page that went for want of memory
	keeper(e.m)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	n := e.m.news()
	e.m.hold()
	e.squeeze()
	reader := r.startLoad(0)
	reader.requireBlocked()
	e.m.resume()
	reader.requireValue('x')
	n.see("data_return(a,0,dirty)", "data_request(a,0,r--)")
}

// TestEMM156_NoStoreIsLost: No store to a page is lost between the capture for data_return and the next
// supply.
func TestEMM156_NoStoreIsLost(t *testing.T) {
	returned, requested := 0, 0
	underSeeds(t, 60, func(e *emm) {
		zeros(e.m)
		r, q := e.c.mapPages(3), e.newClient("other").mapPages(3)
		const n = 42
		// Two clients count in words of their own of the same pages.
		q.addr += 8
		writers := []*job{
			r.c.spawn("writer", func(x *calls) mach.Return { return counting(x, r, n) }),
			q.c.spawn("writer", func(x *calls) mach.Return { return counting(x, q, n) }),
		}
		a := e.m.control(0)
		e.m.spawn("evictor", func(x *calls) mach.Return {
			for i := range 30 {
				x.Yield()
				x.lock(a, locking{offset: at(i % 3), size: page, ret: mach.ReturnDirty, flush: i%4 != 0, value: mach.ProtNoChange})
			}
			return mach.KernSuccess
		})
		e.settle()
		for _, j := range writers {
			j.requireDone()
		}
		requested += e.m.count("data_request")
		returned += e.m.count("data_return")
		q.addr -= 8
		r.unmap()
		q.unmap()
		for word := range 2 {
			sum := uint64(0)
			for p := range 3 {
				sum += binary.LittleEndian.Uint64(e.m.kept[at(p)][8*word:])
			}
			require.EqualValues(t, n, sum, "%v", e.m.trace())
		}
	}, loadPoints())
	require.Greater(t, returned, 300)
	require.Greater(t, requested, 300)
}

// TestEMM157_ManagerOwnsReturnedMemory: The manager owns the returned memory until it deallocates it.
func TestEMM157_ManagerOwnsReturnedMemory(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	for p := range 3 {
		r.store(p, byte('x'+p))
	}
	e.m.hold()
	free := e.stats().Free
	e.tellLock(locking{size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange})
	require.Equal(t, free, e.stats().Free) // the pages are in the message now
	var data []mach.Region
	e.m.do(func(x *calls) {
		for n := mach.Size(0); n < 3*page; {
			m, code := x.receive(e.m.port)
			x.ok(code)
			require.Equal(t, defs.MemoryObjectDataReturnRow.ID(mig.OSF), m.ID)
			data = append(data, m.Descs[1].Memory)
			n += m.Descs[1].Memory.Size
		}
	})
	e.m.resume()
	whole := func() (all []byte) {
		e.m.do(func(x *calls) {
			for _, d := range data {
				all = append(all, x.bytes(d)...)
			}
		})
		return all
	}
	want := pagesFrom(0, 3)
	for p := range 3 {
		want[p*int(page)] = byte('x' + p)
	}
	require.Equal(t, want, whole())
	r.see(0) // supplied anew
	r.store(0, 'c')
	require.Equal(t, want, whole())
	e.m.do(func(x *calls) { x.ok(x.store(data[0].Address, 'm')) }) // it may do with it what it likes
	r.reads(0, 'c')
	r.unmap()
	e.c.terminate()
	want[0] = 'm'
	require.Equal(t, want, whole())
	free = e.stats().Free
	e.m.do(func(x *calls) {
		for _, d := range data {
			x.ok(x.deallocate(d.Address, d.Size))
			_, code := x.load(d.Address)
			require.Equal(t, mach.KernInvalidAddress, code)
		}
	})
	require.Equal(t, free+3, e.stats().Free)
}

// uniform requires that each data_return since the n-th is all of pages that were modified, or all of pages
// that were not; dirty says which were. It counts the pages of each kind.
func (e *emm) uniform(n int, dirty func(p int) bool) (modified, clean int) {
	e.t.Helper()
	for _, m := range e.m.all("data_return")[n:] {
		for i := range int(m.length / page) {
			p := int(m.offset/at(1)) + i
			require.Equal(e.t, dirty(p), m.dirty, "page %d of %v, %d pages", p, m, m.length/page)
			if m.dirty {
				modified++
			} else {
				clean++
			}
		}
	}
	return modified, clean
}

// patchwork makes the stage with a mapping of precious pages of which some are modified.
func patchwork(t *testing.T, seed, pages int) (e *emm, r *mapped, dirty func(p int) bool) {
	t.Helper()
	e = newEMM(t)
	e.m.supplies.precious = true
	r = e.c.mapPages(pages)
	rnd := dice(seed)
	modified := make([]bool, pages)
	for p := range pages {
		modified[p] = rnd.Intn(2) == 0
		if modified[p] {
			r.store(p, 'x')
		} else {
			r.see(p)
		}
	}
	return e, r, func(p int) bool { return modified[p] }
}

// TestEMM158_PagesOfAReturnAreAlike: All pages of one data_return have the same dirty state.
func TestEMM158_PagesOfAReturnAreAlike(t *testing.T) {
	const pages = 12
	for name, giveBack := range map[string]func(e *emm, r *mapped){
		"termination":  func(_ *emm, r *mapped) { r.unmap() },
		"task death":   func(e *emm, _ *mapped) { e.c.terminate() },
		"lock_request": func(e *emm, _ *mapped) { e.evict(0, pages) },
		"vm_msync":     func(e *emm, r *mapped) { e.c.startSync(r.addr, pages, mach.SyncSynchronous).requireDone() },
		"refusal": func(e *emm, _ *mapped) { // these are not modified, whatever those in the kernel are
			e.tellSupply(0, pagesFrom(0, pages), supplied{precious: true}).refusedAt(e.t, 0)
		},
	} {
		for seed := range 10 {
			e, r, dirty := patchwork(t, seed, pages)
			giveBack(e, r)
			if name == "refusal" {
				dirty = func(int) bool { return false }
			}
			modified, clean := e.uniform(0, dirty)
			require.Equal(t, pages, modified+clean, name)
		}
	}
}
