package rows

import (
	"fmt"
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/pagers"
)

// Figures of the protocol between kernel and manager.

func protocolFigures() []figure {
	return []figure{
		{"PF-01", "Kernel Principles, figures 6-9", "states / drawn transitions of a page in the kernel", Exact, "15 / 82",
			machineSizes(monitor.MachineKernelPage), nil, "the table that coverage is counted against"},
		{"PF-01", "Kernel Principles, figures 6-9", "states / transitions that three sharing hosts reach", Part, "15 / 82", measureReached, reached,
			"what manager and kernel do there; other runs reach the rest (machvm coverage)"},
		{"PF-02", "Kernel Principles, figure 6", "answers to each page of a data_request, fewest and most", Exact, "1 and 1", measureAnswers, nil,
			"a program on netmem, and a loop of increments on three hosts, in which the monitor finds nothing either"},
		{"PF-03", sourceGuide + ", figures 1, 2, 3", "states / arcs of a page in a manager", Exact, "5 / 6, 7 / 10, 6 / 10",
			machineSizes(monitor.MachineStore, monitor.MachineOwnership, monitor.MachineNetmem), nil, "the tables that coverage is counted against"},
		{"PF-03", sourceGuide + ", figure 3", "arcs that the sample pager takes", Exact, "10", measureArcs, nil,
			"the golden run, and a first access from memory"},
		{"PF-04", sourceGuide, "golden run of the sample pager: kernel messages, calls", Exact, "16, 11", measureGolden, nil, ""},
		{"PF-04", sourceGuide, "their order", Exact, goldenOrder, measureGoldenOrder, nil,
			"the kernel's messages, the pager's calls in brackets"},
	}
}

// machineSizes are the sizes of state machines.
func machineSizes(names ...string) func() (string, error) {
	return func() (string, error) {
		var sizes []string
		for _, name := range names {
			m := monitor.MachineByName(name)
			if m == nil {
				return "", fmt.Errorf("no machine is named %q", name)
			}
			sizes = append(sizes, fmt.Sprintf("%d / %d", len(m.States), len(m.Arcs)))
		}
		return strings.Join(sizes, ", "), nil
	}
}

// measureReached is how much of the kernel's view of a page random programs on three hosts reach.
func measureReached() (string, error) {
	var states, arcs int
	err := withCluster(ClusterConfig{Hosts: 3, Central: true}, func(k *Cluster) error {
		memory, r := NewSharedMemory(), choice.Rand(1)
		for i, n := range k.Nodes {
			program := SharedProgram(&r, i+1, 100, n.Size, n.Size)
			k.Start(i, func(t user.Thread, addr mach.Addr) { memory.Run(t, fmt.Sprint("host ", i+1), addr, program) })
		}
		if err := k.settle(); err != nil {
			return err
		}
		table, err := k.Watch.Coverage().Table(monitor.MachineKernelPage)
		if err != nil {
			return err
		}
		states, arcs = table.Reached()
		return memory.Err
	})
	return fmt.Sprintf("%d / %d", states, arcs), err
}

// reached accepts a part of a machine that is not nothing.
func reached(published, measured string) bool {
	all, part := numbers(published), numbers(measured)
	return part[0] > 0 && part[0] <= all[0] && part[1] > 0 && part[1] <= all[1]
}

// goldenOrder is what the guide prints.
const goldenOrder = "init [ready] data_request [data_supply] data_unlock [lock_request] [lock_request] data_return lock_completed " +
	"[lock_request] lock_completed data_request [data_supply] [lock_request] data_return lock_completed terminate " +
	"init [ready] data_request [data_supply] data_unlock [lock_request] data_request [data_error] data_return terminate"

func measureGolden() (string, error) {
	l, _, err := goldenRun()
	kernel, manager := l.count()
	return fmt.Sprintf("%d, %d", kernel, manager), err
}

func measureGoldenOrder() (string, error) {
	l, _, err := goldenRun()
	return strings.Join(l.words, " "), err
}

// measureArcs is how many arcs of its state machine the sample pager takes.
func measureArcs() (string, error) {
	_, arcs, err := goldenRun()
	return fmt.Sprint(arcs), err
}

// netmemMachine is a host with the sample pager.
type netmemMachine struct {
	sim    *kernel.Simulation
	host   *kernel.Host
	task   *kernel.Task
	pager  *pagers.Netmem
	object mach.Name
}

func newNetmemMachine(sink trace.Sink) (*netmemMachine, error) {
	m := &netmemMachine{sim: kernel.New(kernel.Config{Checked: true})}
	m.sim.Tracer().AddSink(sink, trace.MaskOf(trace.KindMessage))
	var err error
	if m.host, err = m.sim.Boot(kernel.HostConfig{WithoutPageout: true}); err != nil {
		return m, err
	}
	m.task = m.host.NewTask("netmem")
	ret := mach.KernSuccess
	m.task.Spawn("serve", func(t user.Thread) {
		if m.pager, ret = pagers.NewNetmem(t); ret == mach.KernSuccess {
			if m.object, ret = m.pager.NewObject(t); ret == mach.KernSuccess {
				m.pager.Server().Run(t)
			}
		}
	}).SetDaemon(true)
	if out := m.sim.Run(); out.Err != nil {
		return m, out.Err
	}
	return m, ret.Err()
}

// client runs a program that has mapped two pages of the object, and then is gone.
func (m *netmemMachine) client(body func(t user.Thread, object mach.Name, addr mach.Addr) error) error {
	task := m.host.NewTask("client")
	object, err := task.GiveSend(m.task, m.object)
	if err != nil {
		return err
	}
	var failed error
	task.Spawn("main", func(t user.Thread) {
		var addr mach.Addr
		if ret := user.VMMap(t, user.Self(t), &addr, 2*t.PageSize(), 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll,
			mach.InheritShare); ret != mach.KernSuccess {
			failed = ret
		} else {
			failed = body(t, object, addr)
		}
		user.TaskTerminate(t, user.Self(t))
	})
	if out := m.sim.Run(); out.Err != nil {
		return out.Err
	}
	return failed
}

// goldenRun is the golden run of the sample pager with all its messages, and on an object of its own a first
// access from memory. It gives the number of arcs of the state machine that were taken.
func goldenRun() (*protocolLog, int, error) {
	l := &protocolLog{}
	m, err := newNetmemMachine(l)
	defer m.sim.Shutdown()
	if err != nil {
		return l, 0, err
	}
	err = m.client(func(t user.Thread, object mach.Name, addr mach.Addr) error {
		c := netmemClient{t: t, object: object, addr: addr}
		c.put(0, 11)
		c.get(0, 11)
		c.load(0, 11)
		c.get(0, 11)
		c.store(0, 22)
		c.load(0, 22)
		c.get(0, 22)
		c.put(0, 33)
		c.store(8, 44)
		c.put(16, 55)
		return c.err
	})
	if err == nil {
		err = m.client(func(t user.Thread, object mach.Name, addr mach.Addr) error {
			c := netmemClient{t: t, object: object, addr: addr}
			c.get(8, 44)
			c.load(0, 33)
			c.store(0, 66)
			if _, err := t.Load64(addr + mach.Addr(t.PageSize())); err == nil && c.err == nil {
				c.err = fmt.Errorf("there is something behind the page")
			}
			return c.err
		})
	}
	if err != nil {
		return l, 0, err
	}
	golden := *l
	m.task.Spawn("another object", func(t user.Thread) {
		if name, ret := m.pager.NewObject(t); ret == mach.KernSuccess {
			m.object = name
		}
	})
	m.sim.Run()
	err = m.client(func(t user.Thread, object mach.Name, addr mach.Addr) error {
		c := netmemClient{t: t, object: object, addr: addr}
		c.load(0, 0)
		return c.err
	})
	return &golden, len(m.pager.Taken()), err
}

// netmemClient is a program that uses a page in both ways, and notes the first thing that goes wrong.
type netmemClient struct {
	t      user.Thread
	object mach.Name
	addr   mach.Addr
	err    error
}

var (
	netmemPut = user.NewRoutine[defs.NetmemPut[mach.Name], mig.Void](defs.NetmemPutRow)
	netmemGet = user.NewRoutine[defs.NetmemGet[mach.Name], defs.NetmemGetReply](defs.NetmemGetRow)
)

func (c *netmemClient) note(what string, off mach.Offset, got, want uint64, err error) {
	switch {
	case c.err != nil:
	case err != nil:
		c.err = fmt.Errorf("%s %#x: %w", what, uint64(off), err)
	case got != want:
		c.err = fmt.Errorf("%s %#x: got %d, want %d", what, uint64(off), got, want)
	}
}

func (c *netmemClient) put(off mach.Offset, v uint64) {
	_, ret := user.Call(c.t, netmemPut, &defs.NetmemPut[mach.Name]{NetmemObject: c.object, Offset: off, Value: v})
	c.note("put", off, 0, 0, ret.Err())
}

func (c *netmemClient) get(off mach.Offset, want uint64) {
	rep, ret := user.Call(c.t, netmemGet, &defs.NetmemGet[mach.Name]{NetmemObject: c.object, Offset: off})
	c.note("get", off, rep.Value, want, ret.Err())
}

func (c *netmemClient) load(off mach.Offset, want uint64) {
	v, err := c.t.Load64(c.addr + mach.Addr(off))
	c.note("load", off, v, want, err)
}

func (c *netmemClient) store(off mach.Offset, v uint64) {
	c.note("store", off, 0, 0, c.t.Store64(c.addr+mach.Addr(off), v))
}

// measureAnswers is the fewest and the most answers that a page of a data_request got.
func measureAnswers() (string, error) {
	l, _, err := goldenRun()
	if err != nil {
		return "", err
	}
	fewest, most := l.answers()
	err = withCluster(ClusterConfig{Hosts: 3}, func(k *Cluster) error {
		shared := &protocolLog{}
		k.Sim.Tracer().AddSink(shared, trace.MaskOf(trace.KindMessage))
		if err := k.increment(20); err != nil {
			return err
		}
		k.Watch.Finish(true)
		if err := k.Watch.Err(); err != nil {
			return err
		}
		f, m := shared.answers()
		fewest, most = min(fewest, f), max(most, m)
		return nil
	})
	return fmt.Sprintf("%d and %d", fewest, most), err
}
