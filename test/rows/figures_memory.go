package rows

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/pagers"
)

// Figures of memory on one host.

func memoryFigures() []figure {
	return []figure{
		{"PF-39", sourceMachine + "table 7-1", "pages copied by the fork of a task with 256 KB", Exact, "0", measureFork, nil, "page frames that it takes"},
		{"PF-40", sourceMachine + "table 7-1", "page-ins of the second read of a cached file", Exact, "0", measureSecondRead, nil, "a memory object that may be cached"},
		{"PF-41", sourceMachine + "table 7-1", "messages to a manager for memory that is filled with zeros", Exact, "0", measureZeroFill, nil, ""},
	}
}

// onHost runs a program on a host of its own, with the object of a memory pager that holds data.
func onHost(data []byte, program func(t user.Thread, h *kernel.Host, object mach.Name) error) error {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{})
	if err != nil {
		return err
	}
	manager, task := host.NewTask("manager"), host.NewTask("program")
	var object mach.Name
	ret := mach.KernSuccess
	manager.Spawn("serve", func(t user.Thread) {
		var p *pagers.MemoryPager
		if p, ret = pagers.NewMemory(t); ret != mach.KernSuccess {
			return
		}
		object, ret = p.Add(t, pagers.MemoryOptions{Data: data, Attributes: pagers.Attributes{CopyStrategy: mach.CopyDelay, MayCache: true}})
		if ret == mach.KernSuccess {
			p.Server().Run(t)
		}
	}).SetDaemon(true)
	if out := sim.Run(); out.Err != nil || ret != mach.KernSuccess {
		return fmt.Errorf("%v, %v", out.Err, ret)
	}
	name, err := task.GiveSend(manager, object)
	if err != nil {
		return err
	}
	var failed error
	task.Spawn("main", func(t user.Thread) { failed = program(t, host, name) })
	if out := sim.Run(); out.Err != nil {
		return out.Err
	}
	return failed
}

// measureFork is the page frames that a fork takes.
func measureFork() (string, error) {
	taken := 0
	err := onHost(nil, func(t user.Thread, h *kernel.Host, _ mach.Name) error {
		self, size := user.Self(t), mach.Size(256<<10)
		var addr mach.Addr
		if ret := user.VMAllocate(t, self, &addr, size, true); ret != mach.KernSuccess {
			return ret
		}
		for off := mach.Addr(0); off < mach.Addr(size); off += mach.Addr(t.PageSize()) {
			if err := t.Store64(addr+off, 1); err != nil {
				return err
			}
		}
		before := h.VM().Stats()
		_, ret := user.TaskCreate(t, self, true)
		after := h.VM().Stats()
		taken = before.Free - after.Free
		return ret.Err()
	})
	return fmt.Sprint(taken), err
}

// measureSecondRead is the page-ins of reading an object that was mapped and read before.
func measureSecondRead() (string, error) {
	size := 16 * mach.DefaultPageSize
	var first, second uint64
	err := onHost(make([]byte, size), func(t user.Thread, h *kernel.Host, object mach.Name) error {
		read := func() (uint64, error) {
			before := h.VM().Stats().Pageins
			var addr mach.Addr
			if ret := user.VMMap(t, user.Self(t), &addr, size, 0, true, object, 0, false, mach.ProtRead, mach.ProtRead, mach.InheritNone); ret != mach.KernSuccess {
				return 0, ret
			}
			err := t.Load(addr, make([]byte, size))
			if ret := user.VMDeallocate(t, user.Self(t), addr, size); err == nil {
				err = ret.Err()
			}
			return h.VM().Stats().Pageins - before, err
		}
		var err error
		if first, err = read(); err == nil {
			second, err = read()
		}
		return err
	})
	if err == nil && first == 0 {
		err = fmt.Errorf("the first read took no page-in either")
	}
	return fmt.Sprint(second), err
}

// measureZeroFill is the messages of the pager protocol when memory is touched for the first time.
func measureZeroFill() (string, error) {
	var count messageCount
	err := onHost(nil, func(t user.Thread, h *kernel.Host, _ mach.Name) error {
		h.Simulation().Tracer().AddSink(&count, trace.MaskOf(trace.KindMessage))
		var addr mach.Addr
		if ret := user.VMAllocate(t, user.Self(t), &addr, t.PageSize(), true); ret != mach.KernSuccess {
			return ret
		}
		before := h.VM().Stats().ZeroFills
		if err := t.Store64(addr, 1); err != nil {
			return err
		}
		if h.VM().Stats().ZeroFills != before+1 {
			return fmt.Errorf("no page was filled with zeros")
		}
		return nil
	})
	return fmt.Sprint(count.n), err
}
