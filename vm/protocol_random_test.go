package vm

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

var protocolRuns = flag.Int("protocol-runs", 400, "random schedules per test of the pager protocol")

// Clients and a manager that do anything legal in any order under any schedule: no invariant breaks,
// nobody waits for ever, every init has its terminate, and nothing is left behind.
func TestRandomTraffic(t *testing.T) {
	presets := []string{"osf-manual", "mach", "osf-source"}
	for seed := range *protocolRuns {
		preset := presets[seed%len(presets)]
		random := choice.Rand(seed)
		ok := t.Run("", func(t *testing.T) {
			r := newProtocolRig(t, withChooser(choice.NewRandom(uint64(seed))), withFrames(512),
				withPersonality(func(p *personality.Personality) {
					q, err := personality.ByName(preset)
					require.NoError(t, err)
					*p = q
					p.ObjectCacheMax = random.Intn(3)
				}))
			tr := &traffic{protocolRig: r, random: &random, associations: map[mach.Name]bool{}}
			tr.start()
			r.run()
			require.Equal(t, tr.inits, tr.terminates)
			require.Nil(t, r.host.firstAssociation)
			// Calls that found the queue full came back with their memory.
			r.spawn("end", func(th *sched.Thread) { r.manager.m.Destroy(th) })
			r.run()
			require.NoError(t, r.host.CheckIdle())
			require.Zero(t, r.host.objects)
			require.Equal(t, 512, r.host.Stats().Free)
		})
		if !ok {
			t.Fatalf("seed %d", seed)
		}
	}
}

type traffic struct {
	*protocolRig
	random            *choice.Rand
	associations      map[mach.Name]bool // looked up only
	last              mach.Name
	inits, terminates int
	clients           int
	over              bool
}

const trafficPages = 6

func (tr *traffic) start() {
	for i := range 3 {
		c := tr.party("client", uint32(2+i))
		tr.clients++
		tr.spawn("client", func(th *sched.Thread) {
			tr.client(th, c)
			c.m.Destroy(th)
			th.Drain()
			tr.clients--
		})
	}
	for range 2 {
		tr.spawn("manager", tr.manage)
	}
	tr.spawn("interferer", tr.interfere)
}

// client maps, reads, writes, copies, forks and unmaps.
func (tr *traffic) client(th *sched.Thread, c *party) {
	var addrs []mach.Addr
	for range 25 {
		switch k := tr.random.Intn(8); {
		case k == 0 || len(addrs) == 0:
			right := tr.objectRight(th)
			release := holdRight(tr.protocolRig, &right)
			a := MapArgs{Size: trafficPages * page, Anywhere: true, Object: &right, Copy: tr.random.Intn(3) == 0,
				Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy}
			ret := c.m.MapObject(th, &a)
			release()
			th.Drain()
			if ret == mach.KernSuccess {
				addrs = append(addrs, a.Addr)
			}
		case k == 1:
			i := tr.random.Intn(len(addrs))
			c.unmap(th, addrs[i], trafficPages*page)
			addrs = append(addrs[:i], addrs[i+1:]...)
		case k == 2:
			child := c.m.Fork(th, 99, "child")
			child.Store(th, pageAt(addrs[0], tr.random.Intn(trafficPages)), []byte{1})
			th.Drain()
			child.Destroy(th)
			th.Drain()
		case k == 3:
			c.m.Msync(th, addrs[0], trafficPages*page, mach.SyncFlags(tr.random.Intn(4))|mach.SyncSynchronous&^mach.SyncAsynchronous)
			th.Drain()
		case k < 6:
			c.load(th, pageAt(addrs[tr.random.Intn(len(addrs))], tr.random.Intn(trafficPages)))
		default:
			c.store(th, pageAt(addrs[tr.random.Intn(len(addrs))], tr.random.Intn(trafficPages)), byte(k))
		}
		th.TrapPoint("client")
	}
}

// manage answers every message in one of the legal ways.
func (tr *traffic) manage(th *sched.Thread) {
	for !tr.over || tr.inits > tr.terminates {
		m, ok := tr.receive(th, tr.object, false)
		if !ok {
			if tr.clients == 0 && tr.host.firstAssociation == nil && tr.inits == tr.terminates {
				tr.over = true
			}
			tr.uncache(th)
			th.Yield()
			continue
		}
		tr.answer(th, tr.hear(th, m))
		th.TrapPoint("manager")
	}
}

// uncache lets a cached object go once nobody will map it any more.
func (tr *traffic) uncache(th *sched.Thread) {
	if tr.clients == 0 && tr.host.cache.count > 0 && tr.associations[tr.last] {
		tr.setOld(th, tr.last, false)
	}
}

func (tr *traffic) setOld(th *sched.Thread, ctl mach.Name, cache bool) {
	call(tr.protocolRig, th, defs.MemoryObjectChangeAttributesRow, defs.MemoryObjectChangeAttributes[mach.Name]{
		MemoryControl: ctl, Flavor: mach.FlavorPerformance, Attributes: []int32{int32(page) << tr.random.Intn(3), word(cache)},
	})
}

func (tr *traffic) answer(th *sched.Thread, h heard) {
	r := tr.protocolRig
	switch h.row {
	case defs.MemoryObjectInitRow:
		tr.inits++
		tr.associations[h.ctl] = true
		tr.last = h.ctl
		strategy := []mach.CopyStrategy{mach.CopyNone, mach.CopyDelay}[tr.random.Intn(2)]
		call(r, th, defs.MemoryObjectChangeAttributesRow, defs.MemoryObjectChangeAttributes[mach.Name]{
			MemoryControl: h.ctl, Flavor: mach.FlavorAttribute,
			Attributes: []int32{int32(strategy), int32(page) << tr.random.Intn(3), word(tr.random.Intn(2) == 0), word(tr.random.Intn(4) == 0)},
		})
	case defs.MemoryObjectDataRequestRow:
		switch tr.random.Intn(8) {
		case 0:
			call(r, th, defs.MemoryObjectDataUnavailableRow, defs.MemoryObjectDataUnavailable[mach.Name]{MemoryControl: h.ctl, Offset: h.off, Size: h.size})
		case 1:
			call(r, th, defs.MemoryObjectDataErrorRow, defs.MemoryObjectDataError[mach.Name]{MemoryControl: h.ctl, Offset: h.off, Size: h.size, ErrorValue: mach.KernFailure})
		default:
			tr.give(th, h.ctl, h.off, int(h.size/page))
			// A supply stops where another one came first; whatever stayed asked for is given again.
			tr.give(th, h.ctl, h.off, int(h.size/page))
			for off := h.off; off < h.off+mach.Offset(h.size); off += mach.Offset(page) {
				tr.give(th, h.ctl, off, 1)
			}
		}
	case defs.MemoryObjectDataUnlockRow:
		call(r, th, defs.MemoryObjectLockRequestRow, defs.MemoryObjectLockRequest[mach.Name]{MemoryControl: h.ctl, Offset: h.off, Size: h.size})
	case defs.MemoryObjectSynchronizeRow:
		call(r, th, defs.MemoryObjectSynchronizeCompletedRow, defs.MemoryObjectSynchronizeCompleted[mach.Name]{MemoryControl: h.ctl, Offset: h.off, Length: h.size})
	case defs.MemoryObjectTerminateRow:
		tr.terminates++
		delete(tr.associations, h.ctl)
		r.drainControl(th, h.ctl)
	}
}

func (tr *traffic) give(th *sched.Thread, ctl mach.Name, off mach.Offset, pages int) {
	size := mach.Size(pages) * page
	addr, ret := tr.manager.m.AllocateBytes(th, make([]byte, size))
	require.Equal(tr.t, mach.KernSuccess, ret)
	call(tr.protocolRig, th, defs.MemoryObjectDataSupplyRow, defs.MemoryObjectDataSupply[mach.Name, mach.Region]{
		MemoryControl: ctl, Offset: off, Data: mach.Region{Address: addr, Size: size}, Deallocate: tr.random.Intn(2) == 0,
		LockValue: mach.ProtWrite * mach.Prot(tr.random.Intn(2)), Precious: tr.random.Intn(2) == 0,
	})
	tr.manager.m.Deallocate(th, addr, size)
	th.Drain()
}

// interfere flushes, locks, changes caching and now and then destroys.
func (tr *traffic) interfere(th *sched.Thread) {
	r := tr.protocolRig
	for tr.clients > 0 {
		for range tr.random.Intn(6) {
			th.Yield()
		}
		if !tr.associations[tr.last] {
			th.Yield()
			continue
		}
		switch k := tr.random.Intn(16); {
		case k == 0:
			call(r, th, defs.MemoryObjectDestroyRow, defs.MemoryObjectDestroy[mach.Name]{MemoryControl: tr.last})
		case k < 3:
			tr.setOld(th, tr.last, k == 1)
		default:
			call(r, th, defs.MemoryObjectLockRequestRow, defs.MemoryObjectLockRequest[mach.Name]{
				MemoryControl: tr.last, Offset: at(tr.random.Intn(trafficPages)), Size: mach.Size(tr.random.Intn(4)) * page,
				ShouldReturn: mach.ShouldReturn(tr.random.Intn(4)), ShouldFlush: tr.random.Intn(2) == 0,
				LockValue: []mach.Prot{mach.ProtNone, mach.ProtWrite, mach.ProtNoChange}[tr.random.Intn(3)],
			})
		}
	}
}
