package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// withoutMsync are the ways in which a kernel has no vm_msync, and what the call returns.
var withoutMsync = map[string]struct {
	options []option
	code    mach.Return
}{
	"absent":  {[]option{withPreset(personality.CMU30())}, mach.MigBadID},
	"useless": {[]option{withPreset(personality.GNUMach())}, mach.KernInvalidArgument},
}

// TestEMM205_BothFlagsOfMsync: vm_msync with both SYNCHRONOUS and ASYNCHRONOUS fails with
// KERN_INVALID_ARGUMENT.
func TestEMM205_BothFlagsOfMsync(t *testing.T) {
	const both = mach.SyncSynchronous | mach.SyncAsynchronous
	e := newEMM(t)
	r := e.c.mapPages(1)
	r.store(0, 'x')
	n := e.m.news()
	e.c.startSync(r.addr, 1, both).requireFails(mach.KernInvalidArgument)
	e.c.startSync(r.addr, 1, both|mach.SyncInvalidate).requireFails(mach.KernInvalidArgument)
	n.see()
	r.reads(0, 'x')
	for _, one := range []mach.SyncFlags{mach.SyncSynchronous, mach.SyncAsynchronous} {
		e.c.startSync(r.addr, 1, one).requireDone()
	}
	for name, c := range withoutMsync {
		e := newEMM(t, c.options...)
		r := e.c.mapPages(1)
		for _, flags := range []mach.SyncFlags{both, mach.SyncSynchronous, 0} { // whatever is asked
			require.Equal(t, c.code, e.c.startSync(r.addr, 1, flags).requireEnded(), name)
		}
	}
}

// TestEMM206_ReturnsPrecedeSynchronize: data_return messages of a vm_msync precede its synchronize.
func TestEMM206_ReturnsPrecedeSynchronize(t *testing.T) {
	for _, flags := range []mach.SyncFlags{
		mach.SyncSynchronous, mach.SyncAsynchronous, mach.SyncSynchronous | mach.SyncInvalidate, mach.SyncInvalidate,
	} {
		e := newEMM(t)
		e.m.supplies.precious = true
		r := e.c.mapPages(40)
		for p := range 40 {
			if p%3 == 0 {
				r.see(p)
			} else if p%7 != 0 {
				r.store(p, byte(p))
			}
		}
		resident := e.resident(e.m.port)
		n := e.m.news()
		e.c.startSync(r.addr, 40, flags).requireDone()
		log := n.take()
		require.Len(t, log, resident+1)
		require.Equal(t, "synchronize(a,0,40)", log[resident])
		for _, m := range log[:resident] {
			require.True(t, strings.HasPrefix(m, "data_return(a,"), "%v", log)
		}
	}

	// What was written before the call has come back when its synchronize comes.
	underSeeds(t, 40, func(e *emm) {
		keeper(e.m)
		r := e.c.mapPages(3)
		written := map[mach.Offset]byte{} // before the call that is under way
		e.m.on("synchronize", func(x *turn) {
			for off, b := range written {
				require.Equal(e.t, b, e.m.kept[off][0], "%v", e.m.trace())
			}
			x.synchronizeCompleted(x.control, x.offset, x.length)
		})
		j := e.c.spawn("user", func(x *calls) mach.Return {
			for i := range 10 {
				b := byte(10 + i)
				x.ok(x.store(r.at(i%3), b))
				written[at(i%3)] = b
				x.ok(x.msync(r.addr, 3*page, []mach.SyncFlags{mach.SyncSynchronous, mach.SyncSynchronous | mach.SyncInvalidate}[i%2]))
			}
			return mach.KernSuccess
		})
		e.c.spawn("reader", func(x *calls) mach.Return {
			for i := range 30 {
				x.load(r.at(i % 3))
			}
			return mach.KernSuccess
		})
		e.settle()
		j.requireDone()
	})
}

// TestEMM207_MsyncWaitsForEachManager: vm_msync returns KERN_SUCCESS only after synchronize_completed for
// each range of each manager's object, also for ranges from which no page was returned.
func TestEMM207_MsyncWaitsForEachManager(t *testing.T) {
	for _, flags := range []mach.SyncFlags{mach.SyncSynchronous, mach.SyncAsynchronous, mach.SyncInvalidate, 0} {
		e := newEMM(t)
		e.m.silent("synchronize")
		second := e.newManager("second")
		second.silent("synchronize")
		theirs := e.GiveSend(second.task, second.port, e.c.task)
		e.c.step(func(v *space) {
			v.mapAt(va(10), e.c.port(e.m.port), 2)
			v.mapAt(va(12), theirs, 2)
			p := usualAt(va(14), e.c.port(e.m.port), 2)
			p.offset = at(6)
			v.ok(v.vmMap(&p))
			v.put(va(12), 'x') // the only page there is
			v.ok(v.protect(va(14), 2*page, mach.ProtRead))
		})
		j := e.c.startSync(va(11), 5, flags)
		// All are asked before any has answered, as the originals do.
		require.Equal(t, 2, e.m.count("synchronize"))
		require.Equal(t, 1, second.count("synchronize"))
		answered := map[*received]bool{}
		var ranges []string
		for range 3 {
			j.requireBlocked()
			for _, m := range []*manager{e.m, second} {
				all := m.all("synchronize")
				i := slices.IndexFunc(all, func(x *received) bool { return !answered[x] })
				if i < 0 {
					continue
				}
				answered[all[i]] = true
				ranges = append(ranges, fmt.Sprintf("%s %d %d", m.name, all[i].offset/at(1), all[i].length/page))
				m.do(func(x *calls) { x.ok(x.synchronizeCompleted(all[i].control, all[i].offset, all[i].length)) })
				break
			}
		}
		j.requireDone()
		require.ElementsMatch(t, []string{"manager 1 1", "second 0 2", "manager 6 2"}, ranges)
	}
	for name, c := range withoutMsync { // nobody hears of it
		e := newEMM(t, c.options...)
		r := e.c.mapPages(1)
		r.store(0, 'x')
		n := e.m.news()
		e.c.startSync(r.addr, 1, mach.SyncSynchronous).requireFails(c.code)
		n.see()
		require.Zero(t, e.m.count("synchronize"), name)
	}
}

// TestEMM208_WrongCompletionReleasesNobody: synchronize_completed with another offset or length is rejected
// and releases nobody.
func TestEMM208_WrongCompletionReleasesNobody(t *testing.T) {
	e := newEMM(t)
	e.m.silent("synchronize")
	r := e.c.mapPages(6)
	first, second := e.c.startSync(r.at(1), 2, mach.SyncSynchronous), e.c.startSync(r.at(4), 1, mach.SyncSynchronous)
	complete := func(off mach.Offset, size mach.Size) {
		e.tell(func(x *calls, a mach.Name) { x.ok(x.synchronizeCompleted(a, off, size)) })
	}
	for _, c := range []struct {
		off  mach.Offset
		size mach.Size
	}{{at(1), page}, {at(1), 3 * page}, {at(2), page}, {0, 6 * page}, {at(4), 2 * page}, {at(3), page}, {at(4), 0}, {at(1) + 1, 2 * page}} {
		complete(c.off, c.size)
		first.requireBlocked()
		second.requireBlocked()
	}
	complete(at(4), page)
	second.requireDone()
	first.requireBlocked()
	complete(at(4), page) // once more
	first.requireBlocked()
	complete(at(1), 2*page)
	first.requireDone()
}

// TestEMM209_SynchronizesDoNotOverlap: Outstanding synchronize messages of one object never overlap.
func TestEMM209_SynchronizesDoNotOverlap(t *testing.T) {
	together := 0
	underSeeds(t, 50, func(e *emm) {
		type span struct{ start, end mach.Offset }
		var open []span
		e.m.on("synchronize", func(x *turn) {
			now := span{x.offset, x.offset + mach.Offset(x.length)}
			for _, o := range open {
				require.False(e.t, now.start < o.end && o.start < now.end, "%v", e.m.trace())
			}
			if len(open) > 0 {
				together++
			}
			open = append(open, now)
		})
		r, q := e.c.mapPages(8), e.newClient("other").mapPages(8)
		rnd := dice(len(e.t.Name()) + together)
		jobs := []*job{}
		for i := range 8 {
			m := []*mapped{r, q}[i%2]
			p, n := rnd.Intn(6), 1+rnd.Intn(3)
			jobs = append(jobs, m.c.spawn("vm_msync", func(x *calls) mach.Return {
				x.ok(x.store(m.at(p), 'x'))
				return x.msync(m.at(p), mach.Size(min(n, 8-p))*page, mach.SyncSynchronous)
			}))
		}
		a := e.m.control(0)
		completer := e.m.spawn("completer", func(x *calls) mach.Return {
			for range jobs {
				e.WaitUntil(x, func() bool { return len(open) > 0 })
				for range rnd.Intn(30) {
					x.Yield()
				}
				i := rnd.Intn(len(open))
				now := open[i]
				// From now on the kernel may send the next.
				open = append(open[:i:i], open[i+1:]...)
				x.ok(x.synchronizeCompleted(a, now.start, mach.Size(now.end-now.start)))
			}
			return mach.KernSuccess
		})
		e.settle()
		completer.requireDone()
		for _, j := range jobs {
			j.requireDone()
		}
		require.Equal(e.t, len(jobs), e.m.count("synchronize"))
	})
	require.Greater(t, together, 20) // others may be outstanding together

	// Nor do those of one call, which otherwise asks for all its regions at once.
	e := newEMM(t)
	e.m.silent("synchronize")
	e.c.step(func(v *space) {
		v.mapAt(va(10), e.c.port(e.m.port), 2)
		v.mapAt(va(12), e.c.port(e.m.port), 2)
	})
	j := e.c.startSync(va(10), 4, mach.SyncSynchronous)
	for n := 1; n <= 2; n++ {
		j.requireBlocked()
		require.Equal(t, n, e.m.count("synchronize"))
		e.tell(func(x *calls, a mach.Name) { x.ok(x.synchronizeCompleted(a, 0, 2*page)) })
	}
	j.requireDone()
}

// TestEMM210_InvalidateAlone: VM_SYNC_INVALIDATE alone returns precious pages, clean or dirty, and discards
// the rest of the range.
func TestEMM210_InvalidateAlone(t *testing.T) {
	e, r, n := fourKinds(t)
	e.c.startSync(r.addr, 5, mach.SyncInvalidate).requireDone()
	n.see(returned(1, false, false), returned(3, true, false), "synchronize(a,0,5)")
	require.Equal(t, byte('x'), e.m.kept[at(3)][0])
	for p := range 3 {
		r.see(p) // what the client wrote to page 2 is lost
	}
	n.see("data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,2,r--)")
	r.reads(5, 'x') // out of the range
	n.see()

	// The protection of the region plays no part.
	e, r, n = fourKinds(t)
	e.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtRead)) })
	e.c.startSync(r.addr, 5, mach.SyncInvalidate).requireDone()
	n.see(returned(1, false, false), returned(3, true, false), "synchronize(a,0,5)")
}

// TestEMM211_MsyncOfAnonymousMemory: vm_msync of anonymous memory sends no synchronize and succeeds.
func TestEMM211_MsyncOfAnonymousMemory(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	e.c.step(func(v *space) {
		v.fill(va(10), 2, 'x')
		v.have(va(12), 1) // never touched
		v.copyAt(va(20), e.c.port(e.m.port), 2)
		v.put(va(20), 'y') // its own page, with an object of the manager below
	})
	r.see(0)
	n := e.m.news()
	for _, flags := range []mach.SyncFlags{0, mach.SyncSynchronous, mach.SyncAsynchronous, mach.SyncInvalidate, mach.SyncSynchronous | mach.SyncInvalidate} {
		e.c.startSync(va(10), 3, flags).requireDone()
		e.c.startSync(va(20), 2, flags).requireDone()
	}
	n.see()
	require.Zero(t, e.sent(defs.MemoryObjectSynchronizeRow.ID(mig.OSF)))
	e.c.step(func(v *space) {
		v.holds(va(10), 'x', 'x'+1)
		v.first(va(20), 'y')
		v.first(va(21), 2)
	})
	for name, c := range withoutMsync { // where it is another matter
		e := newEMM(t, c.options...)
		e.c.step(func(v *space) { v.fill(va(10), 1, 'x') })
		require.Equal(t, c.code, e.c.startSync(va(10), 1, mach.SyncSynchronous).requireEnded(), name)
	}
}
