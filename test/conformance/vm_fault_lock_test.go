package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

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
