package rows

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/vm"
)

// TraceCounts is what the replay of a trace cost.
type TraceCounts struct {
	References    int
	Faults        int // accesses that the memory management unit did not let through
	Pageins       int // pages asked of the manager
	DirtyPageouts int // pages given back to the manager; clean ones go without a word
}

// MissRatio is the share of references that were faults, 0 if there was no reference.
func (c TraceCounts) MissRatio() float64 {
	if c.References == 0 {
		return 0
	}
	return float64(c.Faults) / float64(c.References)
}

// TracePolicies are what --policy may be; segmented-fifo stands for segmented-fifo-50.
const TracePolicies = "mach, lru, fifo, clock, clock-clear, segmented-fifo, segmented-fifo-PERCENT, opt"

// Replay has a program make the references of t in its address space, on a host with so many page frames whose pages
// go as policy says. The memory is one memory object, mapped from address 0 to the end of the address range; its manager
// runs on another host, so that all frames are for the pages of the program.
//
// By the policy mach the pageout daemon does its work when it likes. By any other it is off: the policy is told every
// reference and gives up one page at each fault that finds no frame free, so that counts are those of a textbook. What
// is written to a page is looked for at the next reference to it.
//
// It fails for a policy that is none, for a number of frames with which a host does not boot, and if memory does not
// hold what was written.
func (t *Trace) Replay(policy string, frames int) (TraceCounts, error) {
	c := kernel.HostConfig{Name: "program", PageSize: t.PageSize, Frames: frames, AddressTop: t.top}
	if frames < 1 {
		return TraceCounts{}, fmt.Errorf("%d page frames are too few: a replay needs one", frames)
	}
	exact := policy != vm.MachPolicy{}.String()
	if exact {
		pol, err := t.policy(policy)
		if err != nil {
			return TraceCounts{}, err
		}
		c.Policy, c.WithoutPageout = pol, true
	}
	tracer := trace.New()
	tracer.SetRing(0)
	sim := kernel.New(kernel.Config{Tracer: tracer})
	defer sim.Shutdown()
	host, err := sim.Boot(c)
	if err != nil {
		return TraceCounts{}, err
	}
	other, err := sim.Boot(kernel.HostConfig{Name: "store", PageSize: t.PageSize, WithoutPageout: true})
	if err != nil {
		return TraceCounts{}, err
	}
	r := traceRun{trace: t, host: host, exact: exact, free: frames, written: map[uint64]uint64{}}
	manager, program := other.NewTask("manager"), host.NewTask("program")
	manager.Spawn("service", func(th user.Thread) {
		server, ret := pagers.New(th, &sparse{pages: map[mach.Offset][]byte{}})
		if ret != mach.KernSuccess {
			r.err = ret
			return
		}
		object, ret := server.AllocatePort(th)
		if ret != mach.KernSuccess {
			r.err = ret
			return
		}
		name, err := program.GiveSend(manager, object)
		if err != nil {
			r.err = err
			return
		}
		program.Spawn("main", func(th user.Thread) { r.err = r.run(th.(*kernel.Thread), name) })
		server.Run(th)
	}).SetDaemon(true)
	if o := sim.Run(); !o.OK() {
		return TraceCounts{}, o.Err
	}
	return r.counts, r.err
}

// policy makes the policy of that name for one replay.
func (t *Trace) policy(name string) (vm.Policy, error) {
	switch name {
	case "opt":
		return vm.NewOPT(t.References), nil
	case "segmented-fifo":
		return vm.SegmentedFIFO{Second: 50}, nil
	}
	pol, ok := vm.PolicyNamed(name)
	if !ok {
		return nil, fmt.Errorf("no policy is named %q: there are %s", name, TracePolicies)
	}
	return pol, nil
}

// traceRun is a replay under way.
type traceRun struct {
	trace   *Trace
	host    *kernel.Host
	exact   bool
	free    int               // frames that no page of the program has, if exact
	written map[uint64]uint64 // what page holds which word; looked up only
	counts  TraceCounts
	err     error
}

// run is the program.
func (r *traceRun) run(th *kernel.Thread, object mach.Name) error {
	var addr mach.Addr
	if ret := user.VMMap(th, user.Self(th), &addr, mach.Size(r.trace.top), 0, false, object, 0, false,
		mach.ProtDefault, mach.ProtAll, mach.InheritNone); ret != mach.KernSuccess {
		return fmt.Errorf("vm_map: %w", ret)
	}
	m := th.Task().Map()
	for i, ref := range r.trace.References {
		addr := mach.Addr(ref.Page) * mach.Addr(r.trace.PageSize)
		_, resident := m.Translation(addr)
		if r.exact && !resident {
			if r.free > 0 {
				r.free--
			} else if !r.host.VM().EvictOne(th.Sched()) {
				return fmt.Errorf("reference %d: no page can be thrown out", i+1)
			}
		}
		if err := r.refer(th, addr, ref, uint64(i)+1); err != nil {
			return fmt.Errorf("reference %d, to %v: %w", i+1, addr, err)
		}
		if r.exact {
			m.Referenced(addr, !resident)
		}
	}
	s := r.host.VM().Stats()
	r.counts = TraceCounts{References: len(r.trace.References),
		Faults: int(s.Faults), Pageins: int(s.Pageins), DirtyPageouts: int(s.Pageouts)}
	return nil
}

// refer is one access. The first word of a page says which reference wrote it last.
func (r *traceRun) refer(th user.Thread, addr mach.Addr, ref vm.Reference, number uint64) error {
	if ref.Write {
		r.written[ref.Page] = number
		return th.Store64(addr, number)
	}
	word, err := th.Load64(addr)
	if err == nil && word != r.written[ref.Page] {
		err = fmt.Errorf("the page holds what reference %d wrote, not %d", word, r.written[ref.Page])
	}
	return err
}

// sparse is a manager that keeps the pages it was given, and has no others.
type sparse struct {
	pagers.Base
	pages map[mach.Offset][]byte // looked up only
}

// DataRequest supplies what came back before.
func (s *sparse) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	page := s.pages[m.Offset]
	if page == nil {
		return s.Base.DataRequest(c, m)
	}
	c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: page})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataReturn keeps a page. One page is all that is asked for or given back at a time.
func (s *sparse) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	page := s.pages[m.Offset]
	if page == nil {
		page = make([]byte, m.Data.Size)
		s.pages[m.Offset] = page
	}
	if err := c.Thread.Load(m.Data.Address, page); err != nil {
		return mach.Code(err)
	}
	return s.Base.DataReturn(c, m)
}
