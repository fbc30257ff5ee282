package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/vm"
)

// TestVM134_AbsentPageIsNotAskedFor: The pager of an internal object is not asked for a page its existence map
// shows as absent.
func TestVM134_AbsentPageIsNotAskedFor(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(6)
	r.write(0, 1, 'a')
	e.squeeze()
	require.Equal(t, [][2]int{{0, 1}}, d.clusters(d.theObject()))
	r.reads(5, 0)
	d.never("data_request")
	r.reads(0, 'a')
	require.Equal(t, 1, d.count("data_request"))
}

// TestVM201_SecondChance: A page referenced while inactive is moved to the active queue instead of being
// evicted.
func TestVM201_SecondChance(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(2)
	r.see(0)
	r.see(1)
	other := e.newClient("other").anonymous(3 * fewFrames)
	for i := 0; i < 3*fewFrames; i += 8 {
		other.touch(i, i+8)
		r.touch(0, 1)
	}
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)")
	require.NotZero(t, e.stats().Reactivations)
	require.Equal(t, "active", e.pageAt(0).Queue)
	r.see(1) // which nobody used, is gone
	require.Equal(t, 2, len(e.m.all("data_request"))-1)
}

// TestVM202_CleanPageGoesSilently: A clean, non-precious, unreferenced inactive page is freed without a
// message.
func TestVM202_CleanPageGoesSilently(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(2)
	r.see(0)
	e.m.supplies = supplied{precious: true}
	r.see(1)
	e.squeeze()
	require.Zero(t, e.resident(e.m.port))
	e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "data_return(a,1,clean)")
}

// TestVM203_DirtyPageIsReturned: A dirty page of an external object is returned with dirty true and kernel copy
// false.
func TestVM203_DirtyPageIsReturned(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	e.squeeze()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)")
	require.Equal(t, byte('x'), e.m.kept[0][0])
	require.Zero(t, e.resident(e.m.port))
}

// TestVM204_MappingsGoBeforeTheDecision: All mappings of a page are removed before it is judged clean or dirty for
// eviction.
func TestVM204_MappingsGoBeforeTheDecision(t *testing.T) {
	e := newPressed(t)
	e.m.on("data_request", func(x *turn) { x.supply(x.control, x.offset, e.lastData(x.offset), supplied{}) })
	r := e.c.mapPages(1)
	r.store(0, 'x')
	other := e.newClient("other")
	q := other.mapPages(1)
	q.reads(0, 'x')
	mapped := true
	presser := e.presser()
	store := e.at("before-data-return", other.task, func(x *calls) {
		_, here := e.c.task.Map().Translation(r.addr)
		_, there := other.task.Map().Translation(q.addr)
		mapped = here || there
		x.ok(x.store(q.addr+1, 'y'))
	})
	presser.squeeze()
	store.requireDone()
	require.False(t, mapped)
	require.Equal(t, []byte{'x', 0}, e.m.all("data_return")[0].data[:2], "the store came too late to be in it")
	r.reads(0, 'x')
	r.c.do(func(x *calls) {
		b, code := x.load(r.addr + 1)
		x.ok(code)
		require.Equal(t, byte('y'), b, "and was not lost")
	})
}

// lastData is what the manager was last given for a page, or zeros.
func (e *emm) lastData(off mach.Offset) []byte {
	if data := e.m.kept[off]; data != nil {
		return data
	}
	return make([]byte, page)
}

// TestVM205_AccessDuringPageout: An access to a page being paged out to an external manager waits until the
// data_return is queued and then requests the page again.
func TestVM205_AccessDuringPageout(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	before := 0
	presser := e.presser()
	load := e.at("before-data-return", e.c.task, func(x *calls) {
		before = e.sent(dataReturnID())
		_, code := x.load(r.addr)
		x.ok(code)
		require.Equal(t, 1, e.sent(dataReturnID()), "it waits until the page has been returned")
	})
	presser.squeeze()
	load.requireDone()
	require.Zero(t, before)
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "data_request(a,0,r--)")
}

// TestVM206_CreateComesFirst: The first pageout from an anonymous object creates its pager with one create message
// before any data.
func TestVM206_CreateComesFirst(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(3)
	r.write(0, 3, 'a')
	e.squeeze()
	kinds := []string{}
	for _, m := range d.log {
		kinds = append(kinds, m.kind)
	}
	require.Equal(t, []string{"create", "data_return", "data_return", "data_return"}, kinds)
	creates, returns := sequence(e, createID()), sequence(e, dataReturnID())
	require.Len(t, creates, 1)
	require.Less(t, creates[0], returns[0])
	r.write(0, 3, 'k')
	e.squeeze()
	require.Equal(t, 1, d.count("create"))
	require.Equal(t, 6, d.count("data_return"))
}

// sequence is the places in the trace of the messages with a number that the kernel sent.
func sequence(e *emm, id mach.MsgID) (places []uint64) {
	_, events := e.sendings(id)
	for r := range e.sim.Tracer().Records() {
		if len(places) < len(events) && r.Event() == any(events[len(places)]) {
			places = append(places, r.Seq)
		}
	}
	return places
}

// TestVM207_NoDefaultPagerNoPageout: Without a default pager dirty anonymous pages stay resident.
func TestVM207_NoDefaultPagerNoPageout(t *testing.T) {
	e := newPressed(t)
	r := e.c.anonymous(20)
	r.write(0, 20, 'a')
	e.squeeze()
	require.Len(t, r.residentIn(), 20)
	for p := range 20 {
		r.reads(p, 'a'+byte(p))
	}
	require.Zero(t, e.sent(createID())+e.sent(dataReturnID()))
}

// TestVM208_OrphansPagesGo: Dirty pages of an object whose pager is gone are freed by the daemon.
func TestVM208_OrphansPagesGo(t *testing.T) {
	e := newPressed(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) })
	require.Equal(t, []int{0}, r.residentIn())
	e.squeeze()
	require.Empty(t, r.residentIn())
	r.fails(0, mach.KernMemoryFailure)
	require.Zero(t, e.sent(dataReturnID()))
}

// TestVM209_LaundryLimit: At most the laundry maximum of clusters is outstanding to trusted pagers; a daemon that
// has reached it waits until less than half is.
func TestVM209_LaundryLimit(t *testing.T) {
	laundryLimit(t, newPressed(t), 10)
	for _, limit := range []int{1, 5} { // a host may have another one
		laundryLimit(t, newPressed(t, withLimits(vm.PageoutLimits{Laundry: limit})), limit)
	}
}

func withLimits(l vm.PageoutLimits) option {
	return withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.Pageout = l })
}

func laundryLimit(t *testing.T, e *emm, limit int) {
	d := e.newDefaultManager("default", 1)
	d.on("create", func(x *turn) { d.privileged(x) }) // and leave the data in the queue
	r := e.c.anonymous(fewFrames)
	writer := e.start(e.c.task, "writer", func(x *calls) mach.Return {
		for p := range fewFrames {
			x.ok(x.store(r.at(p), 1))
		}
		return mach.KernSuccess
	})
	writer.requireBlocked()
	require.Equal(t, limit, e.sent(dataReturnID()))
	require.Equal(t, limit, e.stats().Laundry)
	clean := func() {
		d.do(func(x *calls) {
			m, code := x.receive(d.theObject())
			x.ok(code)
			user.Destroy(x, m)
		})
	}
	half := max(limit/2, 1)
	for left := limit - 1; left >= half; left-- {
		clean()
		require.Equal(t, left, e.stats().Laundry)
		require.Equal(t, limit, e.sent(dataReturnID()), "%d are left", left)
	}
	clean()
	require.Equal(t, limit, e.stats().Laundry, "the daemon went on, up to the limit")
	require.Equal(t, limit+limit-half+1, e.sent(dataReturnID()))
	d.store[d.theObject()] = map[mach.Offset][]byte{}
	d.do(func(x *calls) { x.ok(user.MachPortMoveMember(x, x.self(), d.theObject(), d.set)) })
	e.settle()
	writer.requireDone()
}

// TestVM210_BurstAndPause: After ten external pageouts in a burst the daemon pauses.
func TestVM210_BurstAndPause(t *testing.T) {
	burstAndPause(t, newPressed(t), 10, 300_000_000) // 30 ms for each page
	// A host may have other limits.
	burstAndPause(t, newPressed(t, withLimits(vm.PageoutLimits{Burst: 4})), 4, 120_000_000)
	burstAndPause(t, newPressed(t, withLimits(vm.PageoutLimits{Burst: 4, Pause: 7_000_000})), 4, 28_000_000)
}

func burstAndPause(t *testing.T, e *emm, burst int, pause mach.Time) {
	r := e.c.mapPages(45)
	r.write(0, 45, 'a')
	e.squeeze()
	times, _ := e.sendings(dataReturnID())
	require.Len(t, times, 45)
	bursts := []int{}
	for i, now := range times {
		switch {
		case i == 0:
			bursts = append(bursts, 1)
		case times[i-1] == now:
			bursts[len(bursts)-1]++
		default:
			bursts = append(bursts, 1)
		}
	}
	require.Equal(t, burst, bursts[0], "%v", bursts)
	for _, n := range bursts {
		require.LessOrEqual(t, n, burst)
	}
	require.Equal(t, pause, times[burst]-times[burst-1])
}

// TestVM211_TheReserveIsKept: A non-privileged thread cannot take the free count below the reserve.
func TestVM211_TheReserveIsKept(t *testing.T) {
	e := newPressed(t)
	least := fewFrames
	e.sim.Sched().AfterStep(func() { least = min(least, e.stats().Free) })
	r := e.c.anonymous(fewFrames)
	ordinary := e.start(e.c.task, "ordinary", func(x *calls) mach.Return {
		for p := range fewFrames {
			x.ok(x.store(r.at(p), 1))
		}
		return mach.KernSuccess
	})
	ordinary.requireBlocked()
	require.Equal(t, reserve-1, least, "a page can be had only as long as the reserve is there")
	p := e.newClient("privileged")
	priv, err := p.task.GiveHostPriv()
	require.NoError(t, err)
	q := p.anonymous(10)
	p.do(func(x *calls) {
		x.ok(user.ThreadWire(x, priv, x.ThreadSelf(), true))
		for i := range 10 {
			x.ok(x.store(q.at(i), 1))
		}
	})
	require.Equal(t, reserve-11, e.stats().Free)
	e.newPager(fewFrames, 0) // or nobody could ever go on
	ordinary.requireDone()
}

// TestVM212_OneWaiterForEachPage: One waiter is awakened per freed page once the reserve is satisfied.
func TestVM212_OneWaiterForEachPage(t *testing.T) {
	e := newPressed(t)
	r := e.c.anonymous(fewFrames)
	hog := e.start(e.c.task, "hog", func(x *calls) mach.Return {
		for p := range fewFrames {
			x.ok(x.store(r.at(p), 1))
		}
		return mach.KernSuccess
	})
	hog.requireBlocked()
	own := e.newClient("waiters").anonymous(3)
	waiters := []*job{hog}
	for p := range 3 {
		waiters = append(waiters, own.startStore(p, 1))
	}
	ended := func() (n int) {
		for _, w := range waiters[1:] {
			if w.ended {
				n++
			}
		}
		return n
	}
	require.Zero(t, ended())
	// The first page that is freed goes to the hog, who waits longest and takes it; it waits again behind the others.
	for i, want := range []int{0, 1, 2, 3} {
		r.unmapPage(i)
		require.Equal(t, want, ended(), "after %d pages", i+1)
		require.Equal(t, reserve-1, e.stats().Free)
	}
}

// TestVM213_WhenTheDaemonStarts: The daemon starts when free pages fall below the minimum, or below the target while
// inactive pages are short.
func TestVM213_WhenTheDaemonStarts(t *testing.T) {
	e := newPressed(t)
	e.m.readiness.MayCache = true
	r, cached := e.c.anonymous(2*fewFrames), e.c.mapPages(20)
	n := e.stats().Free - minimumFree - 20
	r.touch(0, n)
	for p := 19; p >= 0; p-- { // upwards, each would be deactivated as the next comes
		cached.touch(p, p+1)
	}
	require.Equal(t, minimumFree, e.stats().Free, "not yet")
	require.Zero(t, e.stats().Inactive)
	r.touch(n, n+1)
	require.Equal(t, targetFree, e.stats().Free, "one page below the minimum")

	// Between minimum and target it does not start as long as enough pages are inactive: those of an object
	// in the cache are.
	short := e.stats().Inactive
	cached.unmap()
	require.Equal(t, short+20, e.stats().Inactive)
	r.touch(n+1, n+3)
	require.Equal(t, targetFree-2, e.stats().Free, "below the target, but inactive pages are not short")
	e.m.do(func(x *calls) { x.ok(x.destroyPort(e.m.port)) }) // which empties the cache
	require.Equal(t, short, e.stats().Inactive)
	above := e.stats().Free - targetFree
	require.Positive(t, above)
	r.touch(n+3, n+3+above)
	require.Equal(t, targetFree, e.stats().Free)
	r.touch(n+3+above, n+4+above)
	require.Equal(t, targetFree, e.stats().Free, "one page below the target, and inactive pages are short")
}

// TestVM214_WhenTheDaemonStops: The daemon stops when free pages reach the target and nobody waits.
func TestVM214_WhenTheDaemonStops(t *testing.T) {
	e := newPressed(t)
	r := e.c.anonymous(fewFrames)
	n := e.stats().Free - minimumFree + 1
	r.touch(0, n)
	require.Equal(t, targetFree, e.stats().Free, "it goes so far and no further")
	s := e.stats()
	require.Equal(t, n-(targetFree-minimumFree+1), s.Active+s.Inactive)
}

// TestVM215_Clusters: Clustered pageout to a trusted pager includes only contiguous resident dirty neighbours inside
// the aligned cluster.
func TestVM215_Clusters(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 4)
	r := e.c.anonymous(16)
	for _, p := range []int{0, 1, 2, 3, 5, 6, 8, 10, 11, 12, 14} {
		r.store(p, byte(p+1))
	}
	r.reads(13, 0) // resident, and clean
	e.squeeze()
	require.Equal(t, [][2]int{{0, 4}, {5, 2}, {8, 1}, {10, 2}, {12, 1}, {14, 1}}, d.clusters(d.theObject()))
	for _, p := range []int{0, 1, 2, 3, 5, 6, 8, 10, 11, 12, 14} {
		r.reads(p, byte(p+1))
	}
}

// TestVM216_ModifiedWhileCleaned: A page modified while being cleaned in place is kept and reactivated.
func TestVM216_ModifiedWhileCleaned(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 2)
	d.on("create", func(x *turn) { d.privileged(x) }) // and leave the data in the queue
	r, clean := e.c.anonymous(2), e.c.anonymous(fewFrames)
	r.store(0, 'a')
	clean.touch(0, 40)
	r.store(1, 'b') // its turn comes later
	clean.touch(40, fewFrames)
	require.Equal(t, []string{"data_return of 2 pages"}, d.queued(d.theObject()))
	r.startLoad(0).requireBlocked()
	r.store(1, 'z') // goes on at once
	e.squeeze()     // now it is chosen itself
	require.Equal(t, []int{0, 1}, r.residentIn())
	before := e.stats().Reactivations
	d.do(func(x *calls) {
		m, code := x.receive(d.theObject())
		x.ok(code)
		user.Destroy(x, m)
	})
	require.Equal(t, []int{1}, r.residentIn())
	require.Equal(t, before+1, e.stats().Reactivations)
	r.reads(1, 'z')
}

// TestVM217_PageinsCountRequests: A page-in counts one per request message regardless of length.
func TestVM217_PageinsCountRequests(t *testing.T) {
	e := newEMM(t)
	e.m.readiness.ClusterSize = int32(4 * page)
	r := e.c.mapPages(8)
	r.c.do(func(x *calls) {
		x.ok(user.VMBehaviorSet(x, x.self(), r.addr, r.size(), mach.BehaviorSequential))
	})
	r.see(0)
	require.Equal(t, 4*page, e.m.last("data_request").length)
	require.EqualValues(t, 1, e.stats().Pageins)
	r.see(3)
	require.EqualValues(t, 1, e.stats().Pageins)
	r.see(7)
	require.Equal(t, page, e.m.last("data_request").length)
	require.EqualValues(t, 2, e.stats().Pageins)
}

// TestVM218_CowFaultsCountCopies: A copy-up counts one copy-on-write fault and a push counts none.
func TestVM218_CowFaultsCountCopies(t *testing.T) {
	e := newEMM(t)
	r := e.c.anonymous(2)
	r.write(0, 2, 'a')
	e.Fork(e.c.task)
	before := e.stats().CowFaults
	r.store(0, 'x')
	require.Equal(t, before+1, e.stats().CowFaults)

	q := e.c.mapPages(2)
	q.see(0)
	var copied mach.Addr
	e.c.do(func(x *calls) {
		var code mach.Return
		copied, code = x.vmMap(mapping{object: e.c.port(e.m.port), size: 2 * page, copy: true})
		x.ok(code)
	})
	before = e.stats().CowFaults
	q.store(0, 'y') // the original is saved for the copy
	require.Equal(t, before, e.stats().CowFaults)
	e.c.do(func(x *calls) {
		b, code := x.load(copied)
		x.ok(code)
		require.Equal(t, contents(0)[0], b)
		x.ok(x.store(copied+mach.Addr(page), 'z')) // from the object below
	})
	require.Equal(t, before+1, e.stats().CowFaults)
}

// TestVM219_LookupsAndHits: Object lookups count every find-or-create, hits only those that found an object.
func TestVM219_LookupsAndHits(t *testing.T) {
	e := newEMM(t)
	lookups, hits := e.stats().Lookups, e.stats().Hits
	counted := func(l, h uint64) {
		t.Helper()
		require.Equal(t, []uint64{lookups + l, hits + h}, []uint64{e.stats().Lookups, e.stats().Hits})
	}
	r := e.c.mapPages(1)
	counted(1, 0)
	q := e.newClient("other").mapPages(1)
	counted(2, 1)
	e.c.anonymous(1)
	counted(2, 1)
	r.unmap()
	q.unmap()
	e.c.mapPages(1)
	counted(3, 1)
}

// TestVM220_FramesAddUp: Free, active, inactive, wired, in-transit and in-message pages always add up to the number
// of frames.
func TestVM220_FramesAddUp(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 4)
	steps, transit := 0, 0
	e.sim.Sched().AfterStep(func() {
		s, n := e.stats(), e.k.VM().InTransit()
		require.Equal(t, fewFrames, s.Free+s.Active+s.Inactive+s.Wired+n, "step %d: %+v and %d in transit", steps, s, n)
		steps++
		transit = max(transit, n)
	})
	r, q := e.c.mapPages(20), e.c.anonymous(100)
	r.write(0, 20, 'a')
	q.write(0, 100, 'a')
	e.c.step(func(v *space) { v.wired(q.at(0), 5) })
	e.squeeze()
	r.write(0, 20, 'k')
	e.m.hold() // the pages stay in messages
	e.squeeze()
	e.m.resume()
	require.NotZero(t, d.count("data_return"))
	require.NotZero(t, transit)
	require.NotZero(t, steps)
}
