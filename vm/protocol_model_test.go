package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// A program sees in a memory object and in its copies what plain arrays would hold, whatever the manager
// flushes, locks and returns meanwhile and however the kernel caches, under any schedule. The manager
// keeps what it is given back and gives nothing else.
func TestObjectAgainstModel(t *testing.T) {
	for seed := range *protocolRuns {
		random := choice.Rand(seed)
		r := newProtocolRig(t, withChooser(choice.NewRandom(uint64(seed))), withFrames(1024),
			withPersonality(func(p *personality.Personality) {
				p.ObjectCacheMax = random.Intn(2)
				p.AcceptUnrequestedSupply = random.Intn(2) == 0
			}))
		m := &storeManager{protocolRig: r, random: &random, stored: map[mach.Offset]byte{},
			strategy: []mach.CopyStrategy{mach.CopyNone, mach.CopyDelay}[random.Intn(2)], cache: random.Intn(2) == 0}
		r.spawn("manager", m.run)
		r.spawn("flusher", m.flush)
		var failure string
		r.spawn("client", func(th *sched.Thread) {
			failure = m.client(th, r.party("client", 2))
			m.over = true
		})
		r.run()
		require.Empty(t, failure, "seed %d", seed)
		r.sched.Shutdown()
	}
}

const modelObjectPages = 5

type storeManager struct {
	*protocolRig
	random   *choice.Rand
	strategy mach.CopyStrategy
	cache    bool
	stored   map[mach.Offset]byte // by page; looked up only
	ctl      mach.Name
	live     bool
	over     bool
}

func (m *storeManager) run(th *sched.Thread) {
	r := m.protocolRig
	for {
		msg, ok := r.receive(th, r.object, false)
		if !ok {
			if m.over && !m.live {
				return
			}
			if m.over && m.cache {
				m.cache = false
				r.setAttributes(th, m.ctl, m.strategy, 0, false, false, mach.NameNull)
			}
			th.Yield()
			continue
		}
		switch h := r.hear(th, msg); h.row {
		case defs.MemoryObjectInitRow:
			m.ctl, m.live = h.ctl, true
			r.setAttributes(th, h.ctl, m.strategy, page<<m.random.Intn(3), m.cache, false, mach.NameNull)
		case defs.MemoryObjectDataRequestRow:
			for off := h.off; off < h.off+mach.Offset(h.size); off += mach.Offset(page) {
				if b, has := m.stored[off]; has {
					r.supply(th, h.ctl, off, 1, b, supplyOption{
						lock: mach.ProtWrite * mach.Prot(m.random.Intn(2)), precious: m.random.Intn(2) == 0,
					})
				} else {
					r.unavailable(th, h.ctl, off, page)
				}
			}
		case defs.MemoryObjectDataReturnRow:
			for i := mach.Size(0); i < h.size; i += page {
				m.stored[h.off+mach.Offset(i)] = h.data[i]
			}
		case defs.MemoryObjectDataUnlockRow:
			r.lock(th, h.ctl, h.off, h.size, mach.ReturnNone, false, mach.ProtNone, mach.NameNull)
		case defs.MemoryObjectTerminateRow:
			m.live = false
			r.drainControl(th, h.ctl)
		}
	}
}

// flush takes pages away and locks them, but never loses a modified one.
func (m *storeManager) flush(th *sched.Thread) {
	for !m.over {
		for range m.random.Intn(5) {
			th.Yield()
		}
		if m.live {
			call(m.protocolRig, th, defs.MemoryObjectLockRequestRow, defs.MemoryObjectLockRequest[mach.Name]{
				MemoryControl: m.ctl, Offset: at(m.random.Intn(modelObjectPages)), Size: mach.Size(1+m.random.Intn(3)) * page,
				ShouldReturn: mach.ReturnDirty + mach.ShouldReturn(m.random.Intn(3)), ShouldFlush: m.random.Intn(2) == 0,
				LockValue: []mach.Prot{mach.ProtNone, mach.ProtWrite, mach.ProtAll, mach.ProtNoChange}[m.random.Intn(4)],
			})
		} else {
			th.Yield()
		}
	}
}

// A view is a mapping and what it must show.
type view struct {
	addr mach.Addr
	b    *[modelObjectPages]byte
}

func (m *storeManager) client(th *sched.Thread, c *party) (failure string) {
	object := new([modelObjectPages]byte)
	var views []view
	fill := byte(0)
	defer func() {
		for _, v := range views {
			c.unmap(th, v.addr, modelObjectPages*page)
		}
	}()
	for range 40 {
		k := m.random.Intn(10)
		switch {
		case k == 0 || len(views) == 0:
			private := m.random.Intn(2) == 0
			right := m.objectRight(th)
			release := holdRight(m.protocolRig, &right)
			a := MapArgs{Size: modelObjectPages * page, Anywhere: true, Object: &right, Copy: private,
				Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy}
			ret := c.m.MapObject(th, &a)
			release()
			th.Drain()
			if ret != mach.KernSuccess {
				return "vm_map: " + ret.String()
			}
			v := view{a.Addr, object}
			if private {
				v.b = new([modelObjectPages]byte)
				*v.b = *object
			}
			views = append(views, v)
		case k == 1 && len(views) > 1:
			i := m.random.Intn(len(views))
			c.unmap(th, views[i].addr, modelObjectPages*page)
			views = append(views[:i], views[i+1:]...)
		default:
			v := views[m.random.Intn(len(views))]
			n := m.random.Intn(modelObjectPages)
			if k < 6 {
				fill++
				var p [4096]byte
				for i := range p {
					p[i] = fill
				}
				if x := c.m.Store(th, pageAt(v.addr, n), p[:]); !x.OK() {
					return "store: " + x.Code.String()
				}
				v.b[n] = fill
			}
			for _, v := range views {
				if b, ret := c.load(th, pageAt(v.addr, n)); ret != mach.KernSuccess || b != v.b[n] {
					return "load: " + ret.String()
				}
			}
		}
		th.TrapPoint("client")
	}
	return ""
}
