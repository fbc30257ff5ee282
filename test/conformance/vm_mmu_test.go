package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// TestVM231_ProtectOnlyReduces: pmap protect never increases permissions.
func TestVM231_ProtectOnlyReduces(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	may := func(want mach.Prot) {
		t.Helper()
		got, _ := e.c.task.Map().Translation(r.addr)
		require.Equal(t, want, got)
	}
	protect := func(p mach.Prot) { e.c.step(func(v *space) { v.ok(v.protect(r.addr, page, p)) }) }
	lock := func(p mach.Prot) {
		e.m.do(func(x *calls) { x.ok(x.lock(e.m.control(0), locking{size: page, value: p})) })
	}
	may(mach.ProtNone)
	protect(mach.ProtAll) // nothing is mapped, and nothing will be by this
	may(mach.ProtNone)
	r.store(0, 1)
	may(mach.ProtAll)
	protect(mach.ProtRead)
	may(mach.ProtRead)
	protect(mach.ProtDefault) // the next write will fault
	may(mach.ProtRead)
	faults := e.stats().Faults
	r.store(0, 1)
	require.Equal(t, faults+1, e.stats().Faults)
	may(mach.ProtDefault)

	// The same for what the manager prohibits.
	lock(mach.ProtWrite)
	may(mach.ProtRead)
	lock(mach.ProtNone)
	may(mach.ProtRead)
	faults = e.stats().Faults
	r.store(0, 2)
	require.Equal(t, faults+1, e.stats().Faults)
	may(mach.ProtDefault)
	lock(mach.ProtRead | mach.ProtExecute)
	lock(mach.ProtWrite)
	may(mach.ProtNone) // writing only is not read and not written
	lock(mach.ProtNone)

	// And for a copy, which takes write permission away and gives none.
	protect(mach.ProtRead)
	r.reads(0, 2)
	may(mach.ProtRead)
	e.c.step(func(v *space) {
		v.copyAt(va(500), e.c.port(e.m.port), 1)
		v.first(va(500), 2)
	})
	may(mach.ProtRead)
}

// program is a random program about memory: two tasks that share and copy, and a memory object. It tells
// what they see, and calls disturb between its steps.
func program(t *testing.T, seed uint64, disturb func(e *emm, rnd *choice.Rand)) (seen []string) {
	e := newEMM(t)
	rnd, noise := choice.Rand(seed), choice.Rand(seed+1000)
	tasks := []*task{e.c.task}
	e.c.step(func(v *space) {
		v.fill(va(10), 4, 1)
		v.mapAt(va(20), e.c.port(e.m.port), 4)
		v.copyAt(va(30), e.c.port(e.m.port), 4)
		v.fill(va(40), 4, 0x21)
		v.ok(v.inherit(va(40), 4*page, mach.InheritShare))
		v.wired(va(42), 1)
	})
	for n := range 60 {
		task := tasks[rnd.Intn(len(tasks))]
		addr := va(10*(1+rnd.Intn(4)) + rnd.Intn(4))
		other := va(10*(1+rnd.Intn(4)) + rnd.Intn(4))
		what := rnd.Intn(10)
		e.In(task, func(v *space) {
			var result any
			switch what {
			case 0, 1, 2:
				result = v.stores(addr, byte(n))
			case 3:
				result = v.vmCopy(addr, page, other)
			case 4:
				result = v.protect(addr, page, mach.ProtRead)
			case 5:
				result = v.protect(addr, page, mach.ProtDefault)
			case 6:
				r, ret := v.vmRead(addr, page)
				b := byte(0)
				if ret == mach.KernSuccess {
					b = v.read(r.Address, 1)[0]
					v.ok(user.VMDeallocate(v, v.target(), r.Address, r.Size))
				}
				result = fmt.Sprint(ret, b)
			default:
				var p [1]byte
				result = fmt.Sprint(mach.Code(v.Load(addr, p[:])), p[0])
			}
			seen = append(seen, fmt.Sprint(n, " ", task.Name(), " ", what, " ", addr, " ", result))
		})
		if n == 20 || n == 40 {
			tasks = append(tasks, e.Fork(task))
		}
		if n%7 == 0 {
			e.m.do(func(x *calls) {
				x.ok(x.lock(e.m.control(0), locking{offset: at(n % 4), size: page, ret: mach.ReturnDirty, value: mach.ProtNoChange}))
			})
		}
		disturb(e, &noise)
	}
	for _, task := range tasks {
		e.In(task, func(v *space) {
			for _, r := range v.regions() {
				v.ok(v.protect(r.Address, r.Size, mach.ProtRead))
				for off := mach.Size(0); off < r.Size; off += page {
					seen = append(seen, fmt.Sprint(r.Address, v.read(r.Address+mach.Addr(off), 8)))
				}
			}
		})
	}
	e.c.terminate()
	return append(seen, e.m.trace()...)
}

// TestVM232_TranslationsAreDisposable: Dropping any unwired MMU mapping at random never changes
// program-visible results.
func TestVM232_TranslationsAreDisposable(t *testing.T) {
	dropped := 0
	for seed := range uint64(30) {
		want := program(t, seed, func(*emm, *choice.Rand) {})
		got := program(t, seed, func(e *emm, rnd *choice.Rand) {
			for m := range e.k.VM().Maps() {
				dropped += m.DropTranslations(func(mach.Addr) bool { return rnd.Intn(2) == 0 })
			}
		})
		require.Equal(t, want, got, "seed %d", seed)
	}
	require.Greater(t, dropped, 1000)
}

// TestVM233_RunsRepeat: Two runs with the same seed and schedule produce the same message sequence.
func TestVM233_RunsRepeat(t *testing.T) {
	// run is the messages of a busy scene, and what the machine looks like at its end.
	run := func(seed uint64) (messages []trace.Message, end string) {
		e := newEMMOrdered(t, &order{otherwise: choice.NewRandom(seed)})
		for i := range 4 {
			c := e.newClient(fmt.Sprint("client", i))
			name := c.port(e.m.port)
			c.spawn("use", func(x *calls) mach.Return {
				for n := range 3 {
					addr, code := x.vmMap(mapping{object: name, size: 3 * page, copy: n == 1})
					x.ok(code)
					x.store(addr+va(i%3), byte(n))
					x.load(addr + va(n))
					x.msync(addr, 2*page, mach.SyncAsynchronous)
					x.ok(x.deallocate(addr, 3*page))
				}
				return mach.KernSuccess
			})
		}
		e.settle()
		for r := range e.sim.Tracer().Records() {
			if m, ok := trace.As[trace.Message](r); ok {
				messages = append(messages, m)
			}
		}
		end = e.sim.Describe()
		e.finish()
		return messages, end
	}
	var first []trace.Message
	different := 0
	for seed := range uint64(20) {
		messages, end := run(seed)
		again, same := run(seed)
		require.Equal(t, messages, again, "seed %d", seed)
		require.Equal(t, end, same, "seed %d", seed)
		if first == nil {
			first = messages
		} else if fmt.Sprint(first) != fmt.Sprint(messages) {
			different++
		}
	}
	require.NotZero(t, different) // schedules matter
}
