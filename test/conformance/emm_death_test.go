package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// deaths are the two ways in which an object port loses its receiver.
var deaths = []struct {
	name string
	die  func(e *emm)
}{
	{"the manager destroys the port", func(e *emm) {
		e.m.do(func(x *calls) { require.Equal(e.t, mach.KernSuccess, x.destroyPort(e.m.port)) })
	}},
	{"the manager's task ends", func(e *emm) { e.m.terminate() }},
}

// sentTerminates is how many memory_object_terminate messages any kernel has sent, received or not.
func (e *emm) sentTerminates() int { return e.sent(defs.MemoryObjectTerminateRow.ID(mig.OSF)) }

// TestEMM104_PortDeathSendsNoTerminate: Death of the object port sends no terminate.
func TestEMM104_PortDeathSendsNoTerminate(t *testing.T) {
	for _, death := range deaths {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.store(0, 'x')
		death.die(e)
		r.reads(0, 'x')
		r.unmap()
		require.Equal(t, 0, e.sentTerminates(), death.name)
	}
	e := newEMM(t)
	e.c.mapPages(1).unmap()
	require.Equal(t, 1, e.sentTerminates()) // the count sees those that are sent
}

// TestEMM105_PortDeathKillsTheControlPort: Death of the object port turns all send rights for the
// control port into dead names.
func TestEMM105_PortDeathKillsTheControlPort(t *testing.T) {
	for _, death := range deaths {
		e := newEMM(t)
		r := e.c.mapPages(1)
		r.see(0)
		a := e.m.control(0)
		control := e.portNamed(e.m, a)
		other := e.newTask("other")
		theirs := e.GiveSend(e.m.task, a, other)
		death.die(e)
		require.False(t, control.Alive(), death.name)
		e.in(other, func(x *calls) {
			require.Equal(t, mach.TypeDeadName, x.portType(theirs), death.name)
			require.Equal(t, mach.SendInvalidDest, x.destroy(theirs, 0), death.name)
		})
		if e.m.task.Alive() {
			require.Equal(t, mach.TypeDeadName, e.m.portType(a))
			require.EqualValues(t, 2, e.m.refs(a, mach.RightDeadName))
		}
		r.see(0)
	}
}

// TestEMM106_PortDeathFailsWaitingThreads: Threads waiting for data of a dead manager fail within
// bounded time.
func TestEMM106_PortDeathFailsWaitingThreads(t *testing.T) {
	for _, death := range deaths {
		e := newEMM(t)
		e.m.on("data_request", func(x *turn) {
			if x.offset == at(2) {
				x.supply(x.control, x.offset, contents(x.offset), supplied{lock: mach.ProtAll})
			}
		})
		e.m.silent("data_unlock")
		r, q := e.c.mapPages(3), e.newClient("other").mapPages(3)
		waits := []*job{r.startLoad(0), q.startLoad(0), r.startStore(1, 'x'), q.startLoad(2)}
		for _, j := range waits {
			j.requireBlocked()
		}
		death.die(e)
		for _, j := range waits {
			j.requireFails(mach.KernMemoryFailure)
		}
		require.Equal(t, 0, e.sentTerminates(), death.name)
	}
}

// TestEMM107_ResidentPagesOutliveTheManager: Resident pages of an object whose manager died stay
// accessible.
func TestEMM107_ResidentPagesOutliveTheManager(t *testing.T) {
	for _, drop := range []bool{false, true} {
		for _, death := range deaths {
			e := newEMM(t, withField("DropPagesOnManagerDeath", fmt.Sprint(drop)))
			r, q := e.c.mapPages(2), e.newClient("other").mapPages(2)
			r.see(0)
			r.store(1, 'x')
			death.die(e)
			if drop {
				r.fails(0, mach.KernMemoryFailure)
				q.fails(1, mach.KernMemoryFailure)
				continue
			}
			r.see(0)
			q.see(0)
			q.reads(1, 'x')
			q.store(0, 'y')
			r.reads(0, 'y')
		}
	}
}

// TestEMM108_NonResidentPagesFailWithoutManager: Non-resident pages of an object whose manager died
// fail with the destroyed-object code.
func TestEMM108_NonResidentPagesFailWithoutManager(t *testing.T) {
	for _, code := range destroyedCodes {
		for _, death := range deaths {
			e := newEMM(t, destroyedCode(code))
			r := e.c.mapPages(3)
			r.see(0)
			death.die(e)
			r.fails(1, code)
			r.storeFails(2, 'x', code)
			r.see(0)
		}
	}
}

// TestEMM109_CachedObjectDiesWithItsManager: A cached object whose manager dies is freed without a
// message.
func TestEMM109_CachedObjectDiesWithItsManager(t *testing.T) {
	for _, death := range deaths {
		e := newCached(t)
		heir := e.newManager("heir")
		notify := heir.watch(e.m.port, e.m) // somebody hears of the death
		free := e.k.VM().Stats().Free
		r := e.c.mapPages(2)
		r.store(0, 'x')
		r.see(1)
		r.unmap()
		object := e.portNamed(e.m, e.m.port)
		require.Equal(t, free-2, e.k.VM().Stats().Free)
		death.die(e)
		require.Equal(t, free, e.k.VM().Stats().Free, death.name)
		_, found := e.k.VM().ObjectInfo(object)
		require.False(t, found, death.name)
		require.Equal(t, 0, e.sentTerminates(), death.name)
		heir.seeOn(notify, "dead_name")
	}
}

// TestEMM110_UnreceivedTerminateDiesWithTheManager: Death of the manager with an unreceived terminate
// destroys the control port in that message.
func TestEMM110_UnreceivedTerminateDiesWithTheManager(t *testing.T) {
	for _, death := range deaths {
		e := newEMM(t)
		r := e.c.mapPages(1)
		a := e.m.control(0)
		control := e.portNamed(e.m, a)
		other := e.newTask("other")
		theirs := e.GiveSend(e.m.task, a, other)
		e.m.hold()
		r.unmap()
		require.True(t, control.Alive(), death.name)
		e.in(other, func(x *calls) { require.Equal(t, mach.KernSuccess, x.note(theirs, 77, 0)) }) // queued there
		death.die(e)
		require.False(t, control.Alive(), death.name)
		e.in(other, func(x *calls) { require.Equal(t, mach.TypeDeadName, x.portType(theirs), death.name) })
		require.Equal(t, 1, e.sentTerminates(), death.name)
	}
}

// TestEMM111_PortDeathDuringTermination: Death of the manager during termination does not hang the
// terminating thread.
func TestEMM111_PortDeathDuringTermination(t *testing.T) {
	for _, point := range []string{"association-broken", "before-data-return", "before-terminate"} {
		e := newEMM(t)
		r := e.c.mapPages(2)
		r.store(0, 'x')
		r.store(1, 'y')
		control := e.portNamed(e.m, e.m.control(0))
		w := e.at(point, e.m.task, func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroyPort(e.m.port)) })
		r.unmap() // returns
		w.requireDone()
		require.False(t, control.Alive(), point)
	}
	for _, point := range windowPoints { // the same while the manager destroys the object
		e := newEMM(t)
		r := e.c.mapPages(1)
		r.see(0)
		w := e.at(point, e.m.task, func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroyPort(e.m.port)) })
		destroyFirst(e)
		w.requireDone()
		r.see(0)
	}
}

// TestEMM112_PortDeathFailsMapperOfTerminatingObject: A mapper waiting for termination of a port that
// dies fails with KERN_INVALID_OBJECT.
func TestEMM112_PortDeathFailsMapperOfTerminatingObject(t *testing.T) {
	for _, zeros := range []bool{false, true} {
		e := newEMM(t, withField("DeadObjectMapsZero", fmt.Sprint(zeros)))
		r := e.c.mapPages(1)
		other := e.newClient("other")
		other.port(e.m.port)
		mapper := e.at("association-broken", other.task, func(x *calls) {
			addr, code := x.vmMap(mapping{object: other.port(e.m.port), size: page})
			if !zeros {
				require.Equal(t, mach.KernInvalidObject, code)
				return
			}
			require.Equal(t, mach.KernSuccess, code)
			b, code := x.load(addr)
			require.Equal(t, mach.KernSuccess, code)
			require.Zero(t, b)
		})
		waited, freed := false, false
		killer := e.at("before-terminate", e.m.task, func(x *calls) {
			waited = !mapper.ended
			require.Equal(t, mach.KernSuccess, x.destroyPort(e.m.port))
			e.c.task.Suspend() // the terminating thread stays where it is
			for range 10 {
				x.Yield()
			}
			freed = mapper.ended
			require.Equal(t, mach.KernSuccess, e.c.task.Resume())
		})
		r.unmap()
		killer.requireDone()
		mapper.requireDone()
		require.True(t, waited)
		require.True(t, freed, "the death alone ends the wait")
		require.Len(t, e.m.all("init"), 1)
	}
}

// TestEMM113_PortDeathFailsMsync: A vm_msync waiting for a manager that dies returns
// KERN_MEMORY_ERROR.
func TestEMM113_PortDeathFailsMsync(t *testing.T) {
	for _, death := range deaths {
		e := newEMM(t)
		e.m.silent("synchronize")
		r := e.c.mapPages(1)
		r.store(0, 'x')
		j := e.c.start("msync", func(x *calls) mach.Return { return x.msync(r.addr, page, mach.SyncSynchronous) })
		j.requireBlocked()
		e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty,kept)", "synchronize(a,0,1)")
		death.die(e)
		j.requireFails(mach.KernMemoryError)
	}
}

// TestEMM114_ReturnedPagesOfDeadManagerAreFreed: Dirty pages queued in data_return messages to a dead manager
// are freed.
func TestEMM114_ReturnedPagesOfDeadManagerAreFreed(t *testing.T) {
	for _, death := range deaths {
		for _, last := range []bool{true, false} { // returned by the last unmap, or to a manager that asked
			e := newEMM(t)
			r := e.c.mapPages(3)
			free := e.stats().Free
			for p := range 3 {
				r.store(p, 'x')
			}
			e.m.hold()
			if last {
				r.unmap()
			} else {
				e.m.do(func(x *calls) {
					x.ok(x.lock(e.m.control(0), locking{size: 3 * page, ret: mach.ReturnDirty, flush: true, value: mach.ProtNoChange}))
				})
			}
			require.NotZero(t, e.m.status(e.m.port).messages)
			require.Equal(t, free-3, e.stats().Free, "%s: they are in messages", death.name)
			death.die(e)
			require.Equal(t, free, e.stats().Free, death.name)
			require.Empty(t, e.m.all("data_return"))
		}
	}
}
