package vm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// Several threads in each of several tasks do anything to their maps, over memory objects and anonymous
// memory, under any schedule, while the manager answers as it likes, pages are flushed and locked, objects
// destroyed, waits aborted and translations dropped: no invariant breaks, nobody waits for ever, and
// nothing is left behind.
func TestRandomMapTraffic(t *testing.T) {
	runs := 800
	if testing.Short() {
		runs = 40
	}
	for seed := range runs {
		random := choice.Rand(seed)
		ok := t.Run("", func(t *testing.T) {
			r := newProtocolRig(t, withChooser(choice.NewRandom(uint64(seed))), withFrames(600),
				withPersonality(func(p *personality.Personality) {
					p.ObjectCacheMax = random.Intn(3)
					p.ZeroCopyEdges = random.Intn(2) == 0
					if random.Intn(3) == 0 {
						p.EntryCoalescing = personality.CoalesceBoth
					}
				}))
			tr := &mapTraffic{traffic: traffic{protocolRig: r, random: &random, associations: map[mach.Name]bool{}}}
			tr.begin()
			r.run()
			require.Equal(t, tr.inits, tr.terminates)
			r.spawn("end", func(th *sched.Thread) { r.manager.m.Destroy(th) })
			r.run()
			require.NoError(t, r.host.CheckIdle())
			require.Zero(t, r.host.objects, r.host.DescribeObjects())
			require.Zero(t, r.host.maps.count)
			require.Nil(t, r.host.maps.firstCopy)
			require.Equal(t, 600, r.host.Stats().Free)
		})
		if !ok {
			t.Fatalf("seed %d", seed)
		}
	}
}

type mapTraffic struct {
	traffic
	tasks   []*party
	threads []*sched.Thread
	running []int
}

func (tr *mapTraffic) begin() {
	for i := range 3 {
		tr.tasks = append(tr.tasks, tr.party(fmt.Sprint("task ", i), uint32(2+i)))
		tr.running = append(tr.running, 2)
		for range 2 {
			tr.clients++
			tr.threads = append(tr.threads, tr.spawn("client", func(th *sched.Thread) {
				tr.work(th, i)
				th.Drain()
				if tr.running[i]--; tr.running[i] == 0 {
					tr.tasks[i].m.Destroy(th)
				}
				th.Drain()
				tr.clients--
			}))
		}
	}
	for range 2 {
		tr.spawn("manager", tr.manage)
	}
	tr.spawn("interferer", tr.interfere)
	tr.spawn("disturber", tr.disturb)
}

// disturb aborts waits and drops translations.
func (tr *mapTraffic) disturb(th *sched.Thread) {
	for tr.clients > 0 {
		for range tr.random.Intn(8) {
			th.Yield()
		}
		i := tr.random.Intn(len(tr.threads))
		switch {
		case tr.running[i/2] == 0:
		case tr.random.Intn(3) == 0:
			tr.threads[i].Abort()
		default:
			tr.tasks[i/2].m.DropTranslations(func(mach.Addr) bool { return tr.random.Intn(2) == 0 })
		}
		th.Yield()
	}
}

// work does random things to the map of task i, some of them with other tasks.
func (tr *mapTraffic) work(th *sched.Thread, i int) {
	const space = 24
	p := tr.tasks[i]
	m := p.m
	where := func() mach.Addr { return mach.Addr(tr.random.Intn(space)) * mach.Addr(page) }
	length := func() mach.Size { return mach.Size(1+tr.random.Intn(4)) * page }
	inexact := func() mach.Addr { return mach.Addr(tr.random.Intn(2) * 100) }
	buf := make([]byte, 2*page)
	for range 30 {
		switch tr.random.Intn(19) {
		case 0, 1:
			right := tr.objectRight(th)
			release := holdRight(tr.protocolRig, &right)
			m.MapObject(th, &MapArgs{
				Addr: where(), Size: length(), Overwrite: tr.random.Intn(2) == 0, Object: &right,
				Offset: mach.Offset(tr.random.Intn(3)) * mach.Offset(page), Copy: tr.random.Intn(3) == 0,
				Cur: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.Inherit(tr.random.Intn(3)),
			})
			release()
		case 2, 3:
			a := where()
			m.Allocate(th, &a, length(), false)
		case 4:
			m.Deallocate(th, where(), length())
		case 5:
			m.Protect(where(), length(), tr.random.Intn(8) == 0, mach.Prot(tr.random.Intn(8))|mach.ProtRead)
		case 6:
			m.Inherit(where(), length(), mach.Inherit(tr.random.Intn(3)))
		case 7, 8:
			m.Store(th, where()+inexact(), buf[:1+tr.random.Intn(len(buf))])
		case 9:
			m.Load(th, where()+inexact(), buf[:1+tr.random.Intn(len(buf))])
		case 10:
			// Wired for reading only, a locked page could keep its manager from lifting the lock.
			m.Wire(th, where(), length(), mach.ProtDefault)
		case 11:
			m.Wire(th, where(), length(), mach.ProtNone)
		case 12:
			m.Copy(th, where()+inexact(), length(), where())
		case 13, 14:
			to := tr.tasks[tr.random.Intn(len(tr.tasks))].m
			c, _, ret := m.CopyinMemory(th, where()+inexact(), length(), mach.CopyOption(tr.random.Intn(2)), tr.random.Intn(2) == 0)
			if ret != ok {
				break
			}
			th.TrapPoint("in transit")
			if to.refs == 0 {
				c.Discard(th)
				break
			}
			to.Reference()
			if tr.random.Intn(3) == 0 {
				ret = to.CopyoutOverwrite(th, c, where())
			} else {
				_, ret = to.CopyoutMemory(th, c)
			}
			if ret != ok {
				c.Discard(th)
			}
			to.Release(th)
		case 15:
			child := m.Fork(th, 99, "child")
			child.Store(th, where(), buf[:page])
			m.Store(th, where(), buf[:page])
			child.Release(th)
		case 16:
			m.Remap(th, &RemapArgs{
				Addr: where(), Anywhere: true, Size: length(), Source: m, SourceAddr: where(), Copy: tr.random.Intn(2) == 0,
			})
		case 17:
			m.Msync(th, where(), length(), []mach.SyncFlags{0, mach.SyncSynchronous, mach.SyncInvalidate, mach.SyncAsynchronous | mach.SyncInvalidate}[tr.random.Intn(4)])
		case 18:
			// Somebody always makes room.
			m.Deallocate(th, where()+space*mach.Addr(page), 64*page)
		}
		th.Drain()
		th.TrapPoint("client")
	}
}
