package conformance

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
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
