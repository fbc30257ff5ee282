package kernel

import (
	"fmt"

	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/vm"
)

// Host is one kernel with its memory and its tasks.
type Host struct {
	sim  *Simulation
	name string
	node *ipc.Node
	vm   *vm.Host

	// form is whose message numbers the host uses; server has its calls.
	form   mig.Form
	server *server

	self hostPort // receive right of the host port
	priv hostPort // receive right of the privileged host port

	tasks   taskList
	entries entryList // memory entries that have a port
}

// hostPort is the host, or with KobjectHostPriv the privileged host, as the receiver of messages.
type hostPort struct {
	host  *Host
	kind  ipc.KobjectType
	right ipc.Right
}

// KobjectType is KobjectHost or KobjectHostPriv.
func (p *hostPort) KobjectType() ipc.KobjectType { return p.kind }

func (s *Simulation) boot(c HostConfig) (*Host, error) {
	h := &Host{sim: s, name: c.Name}
	h.node = s.world.NewNode(uint16(len(s.hosts)+1), c.Name, c.Personality)
	memory, err := vm.NewHost(vm.Config{
		Node: h.node, Sched: s.sched, Tracer: s.tracer,
		PageSize: c.PageSize, Frames: c.Frames, AddressTop: c.AddressTop, CPUs: c.CPUs, WithoutPageout: c.WithoutPageout,
		WithoutCollapse: c.WithoutCollapse, WithoutBypass: c.WithoutBypass, Watchdog: c.Watchdog, Pageout: c.Pageout,
		Policy: c.Policy, Chooser: s.config.Chooser, Spares: &s.spares.memory,
		Foreign: h.serve,
	})
	if err != nil {
		return nil, fmt.Errorf("kernel: host %s: %w", c.Name, err)
	}
	h.vm = memory
	h.form = mig.Form{Set: messageSet(c.Personality.MessageSet), WithName: c.Personality.TerminateWithName}
	h.server = s.server(h.form)
	h.self.enable(h, ipc.KobjectHost, "host")
	h.priv.enable(h, ipc.KobjectHostPriv, "host_priv")
	s.hosts = append(s.hosts, h)
	if s.tracer.On(trace.KindHost) {
		s.tracer.Boot(h.ID(), memory.PageSize(), c.Personality.String())
	}
	names := s.tracer.Names()
	names.Label(trace.ClassHost, uint64(h.ID()), h.name)
	names.SetMessages(messageNames[h.form], h.ID())
	if len(s.hosts) == 1 {
		names.SetMessages(messageNames[h.form])
	}
	return h, nil
}

func (p *hostPort) enable(h *Host, kind ipc.KobjectType, label string) {
	p.host, p.kind = h, kind
	p.right = h.node.NewKernelPort(p)
	h.labelPort(&p.right, h.name+" "+label)
}

// labelPort names a port of the kernel in the trace.
func (h *Host) labelPort(r *ipc.Right, label string) {
	h.sim.tracer.Names().Label(trace.ClassPort, r.Port().ID(), label)
}

// messageSet is the numbering that a personality speaks of.
func messageSet(m personality.MessageSet) mig.Set {
	switch m {
	case personality.CMU:
		return mig.CMU
	case personality.GNU:
		return mig.GNU
	}
	return mig.OSF
}

// Name is the host's name.
func (h *Host) Name() string { return h.name }

// ID is the host's number, from 1.
func (h *Host) ID() uint16 { return h.node.ID() }

// Simulation is the simulation that the host is part of.
func (h *Host) Simulation() *Simulation { return h.sim }

// VM is the host's memory.
func (h *Host) VM() *vm.Host { return h.vm }

// Node is the host's half of the port system.
func (h *Host) Node() *ipc.Node { return h.node }

// Personality is whose habits the host has.
func (h *Host) Personality() *personality.Personality { return h.node.Personality() }

// Form is how the host encodes its messages.
func (h *Host) Form() mig.Form { return h.form }

// Tasks lists the tasks that have not ended, in the order of their making.
func (h *Host) Tasks() []*Task { return h.tasks.all() }

func (h *Host) String() string { return h.name }

// serve executes a request that was sent to a port of kernel object ko.
func (h *Host) serve(th *sched.Thread, ko ipc.Kobject, req, rep *ipc.Kmsg) mach.Return {
	return h.server.serve(call{th: th, host: h, object: ko}, req, rep)
}

// visitRights shows what the host and its tasks hold to the recount.
func (h *Host) visitRights(visit func(r ipc.Right, owner string)) {
	visit(h.self.right, h.name+": host port")
	visit(h.priv.right, h.name+": privileged host port")
	for t := h.tasks.first; t != nil; t = t.next {
		t.visitRights(visit)
	}
	for e := h.entries.first; e != nil; e = e.next {
		visit(e.right, h.name+": port of a memory entry")
	}
}

// kernelThread runs work as a thread of the host's kernel, which owes its deferred destruction.
func (h *Host) kernelThread(name string, work func(th *sched.Thread)) {
	th := h.sim.sched.Spawn(h.name+"/"+name, work)
	th.SetHost(h.ID())
	h.sim.tracer.Names().Label(trace.ClassThread, uint64(th.ID()), th.Name())
}
