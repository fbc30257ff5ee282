package pagers_test

import (
	"bytes"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/vm"
)

var pressureRuns = flag.Int("pressure-runs", 24, "random programs under memory pressure")

// A model is what the memory of a task must hold: one byte for each page, which stands for a page full of it.
type model struct {
	addr  mach.Addr
	pages []int // by page; 0 is zeros
}

// Tasks that write, read, copy, fork, wire and unmap more memory than there is, under random schedules, several
// policies and both ways of being a kernel, see what they wrote and nothing else.
func TestPressureAgainstModel(t *testing.T) {
	policies := []vm.Policy{nil, vm.FIFO{}, vm.Clock{}, vm.LRU{}, vm.SegmentedFIFO{Second: 50}}
	presets := []func() personality.Personality{personality.Mach, personality.OSFSource, personality.GNUMach, personality.CMU30}
	for seed := range *pressureRuns {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := boot(t, 128, pagers.DefaultOptions{File: must(pagers.Overlay(nil), t), Pages: 4000},
				func(c *kernel.Config, h *kernel.HostConfig) {
					h.Policy = policies[seed%len(policies)]
					h.Personality = presets[seed/len(policies)%len(presets)]()
					c.Checked = seed%3 == 0
					c.StepLimit = 20_000_000
					if seed%2 == 1 {
						c.Chooser = choice.NewRandom(uint64(seed))
					}
				})
			running := 0
			for i := range 3 {
				task := m.host.NewTask(fmt.Sprint("task", i))
				priv, err := task.GiveHostPriv()
				require.NoError(t, err)
				random := choice.Rand(uint64(seed)*8 + uint64(i))
				running++
				task.Spawn("main", func(th user.Thread) {
					p := &program{t: t, th: th, m: m, priv: priv, random: &random, next: 100 * i}
					p.play(60)
					running--
					user.TaskTerminate(th, user.Self(th))
				})
			}
			m.settle()
			require.LessOrEqual(t, running, 0)
			s := m.pager.Stats()
			require.NotZero(t, s.Returned, "there was pressure")
			require.Zero(t, s.Lost+s.Damaged+s.Ignored)
			require.Zero(t, s.Objects)
			require.NoError(t, m.host.VM().Check())
		})
		if !ok {
			t.Fatalf("seed %d", seed)
		}
	}
}

// must makes an empty file in a store in memory.
func must(s *pagers.MemStore, t *testing.T) pagers.File {
	s.Put("paging", nil)
	f, err := s.Open("paging")
	require.NoError(t, err)
	return f
}

type program struct {
	t       *testing.T
	th      user.Thread
	m       *machine
	priv    mach.Name
	random  *choice.Rand
	regions []*model
	next    int
	forks   int
}

const regionPages = 40

func (p *program) ok(ret mach.Return) { p.t.Helper(); require.Equal(p.t, mach.KernSuccess, ret) }

func fill(n int) []byte {
	if n == 0 {
		return make([]byte, pageSize)
	}
	return bytes.Repeat(mach.Words.AppendUint64(nil, uint64(n)*0x9e3779b97f4a7c15), int(pageSize)/8)
}

func (p *program) pick() (*model, int) {
	r := p.regions[p.random.Intn(len(p.regions))]
	return r, p.random.Intn(len(r.pages))
}

func (p *program) add(addr mach.Addr, pages []int) {
	p.regions = append(p.regions, &model{addr: addr, pages: pages})
}

func (p *program) check(r *model, i int) {
	p.t.Helper()
	buf := make([]byte, pageSize)
	require.NoError(p.t, p.th.Load(r.addr+mach.Addr(i)*pageAddr, buf))
	require.True(p.t, bytes.Equal(fill(r.pages[i]), buf), "page %d of %v", i, r.addr)
}

func (p *program) play(steps int) {
	self := user.Self(p.th)
	for range steps {
		if len(p.regions) == 0 {
			p.add(allocate(p.t, p.th, regionPages), make([]int, regionPages))
		}
		r, at := p.pick()
		switch p.random.Intn(12) {
		case 0:
			if len(p.regions) < 4 {
				p.add(allocate(p.t, p.th, regionPages), make([]int, regionPages))
			}
		case 1, 2, 3, 4: // write some pages
			for i := at; i < min(at+p.random.Intn(12), regionPages); i++ {
				p.next++
				require.NoError(p.t, p.th.Store(r.addr+mach.Addr(i)*pageAddr, fill(p.next)))
				r.pages[i] = p.next
			}
		case 5, 6, 7: // read some
			for i := at; i < min(at+p.random.Intn(20), regionPages); i++ {
				p.check(r, i)
			}
		case 8: // copy from one region into another
			to, _ := p.pick()
			n := 1 + p.random.Intn(regionPages-at)
			p.ok(user.VMCopy(p.th, self, r.addr+mach.Addr(at)*pageAddr, mach.Size(n)*pageSize, to.addr))
			copy(to.pages, append([]int(nil), r.pages[at:at+n]...))
		case 9: // read into new memory, and drop the old
			data, ret := user.VMRead(p.th, self, r.addr, regionPages*pageSize)
			p.ok(ret)
			p.add(data.Address, append([]int(nil), r.pages...))
			p.drop(r)
		case 10:
			if p.forks < 2 {
				p.forks++
				p.fork()
			}
		case 11: // wire and unwire a few
			n := min(3, regionPages-at)
			for _, access := range []mach.Prot{mach.ProtDefault, mach.ProtNone} {
				p.ok(user.VMWire(p.th, p.priv, self, r.addr+mach.Addr(at)*pageAddr, mach.Size(n)*pageSize, access))
			}
		}
	}
	for _, r := range p.regions {
		for i := range r.pages {
			p.check(r, i)
		}
	}
}

func (p *program) drop(r *model) {
	p.ok(user.VMDeallocate(p.th, user.Self(p.th), r.addr, regionPages*pageSize))
	for i, q := range p.regions {
		if q == r {
			p.regions = append(p.regions[:i], p.regions[i+1:]...)
			return
		}
	}
}

// fork has a child with the same memory go on for itself.
func (p *program) fork() {
	child, ret := user.TaskCreate(p.th, user.Self(p.th), true)
	p.ok(ret)
	var task *kernel.Task
	for _, c := range p.m.host.Tasks() {
		task = c
	}
	priv, err := task.GiveHostPriv()
	require.NoError(p.t, err)
	random := choice.Rand(p.random.Uint64())
	c := &program{t: p.t, m: p.m, priv: priv, random: &random, next: p.next + 1000, forks: 2}
	for _, r := range p.regions {
		c.add(r.addr, append([]int(nil), r.pages...))
	}
	task.Spawn("main", func(th user.Thread) {
		c.th = th
		c.play(20)
		user.TaskTerminate(th, user.Self(th))
	})
	p.ok(user.MachPortDeallocate(p.th, user.Self(p.th), child))
}
