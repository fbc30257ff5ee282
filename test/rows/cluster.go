package rows

import (
	"fmt"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/user"
	"machvm/pagers"
)

// ClusterConfig says what a Cluster is made of.
type ClusterConfig struct {
	Hosts     int         // hosts with programs
	PageSizes []mach.Size // of each host; nil: the default
	Pages     int         // of the object, in units; 0: one
	// Central has one server for all hosts, on a machine of its own. Otherwise each host has its server.
	Central bool
	// Serves names the host whose server serves a host's kernel; nil: each its own.
	Serves []int
	// CopiedFrom names the host from whose server a server copied the object, -1 for the one that made it. nil: all
	// from the first.
	CopiedFrom []int
	Options    pagers.CoherentOptions
}

// Cluster is several hosts that share one memory object.
type Cluster struct {
	Sim     *kernel.Simulation
	Servers []*ClusterServer
	Nodes   []*ClusterNode
	Log     *MessageLog // of the messages by which the object is shared
	Watch   *monitor.Monitor

	settle func() error
}

// ClusterServer is a server of the object, in a task of its own.
type ClusterServer struct {
	Task   *kernel.Task
	Pager  *pagers.Coherent
	Object mach.Name // its port of the object, by the task's name
}

// ClusterNode is a host with a program that has mapped the object.
type ClusterNode struct {
	Host *kernel.Host
	Task *kernel.Task

	Object mach.Name // the object, by the task's name
	Addr   mach.Addr // where it is mapped
	Size   mach.Size
}

// Map maps the object once more, in a thread of the program.
func (n *ClusterNode) Map(t user.Thread) (addr mach.Addr, ret mach.Return) {
	ret = user.VMMap(t, user.Self(t), &addr, n.Size, 0, true, n.Object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare)
	return addr, ret
}

// Unmap removes a mapping.
func (n *ClusterNode) Unmap(t user.Thread, addr mach.Addr) mach.Return {
	return user.VMDeallocate(t, user.Self(t), addr, n.Size)
}

// NewCluster boots the hosts of a cluster in sim and sets everything up: it ends when every program has mapped the
// object. settle runs the machine until nothing can run; nil: sim.Run.
func NewCluster(sim *kernel.Simulation, c ClusterConfig, settle func() error) (*Cluster, error) {
	k := &Cluster{Sim: sim, settle: settle}
	if settle == nil {
		k.settle = func() error { return sim.Run().Err }
	}
	k.Log, k.Watch = newMessageLog(k), monitor.Attach(sim.Tracer())
	host := func(name string, page mach.Size) (*kernel.Host, error) {
		return sim.Boot(kernel.HostConfig{Name: name, PageSize: page, WithoutPageout: true})
	}
	if c.Options.Unit == 0 {
		c.Options.Unit = mach.DefaultPageSize
		for _, p := range c.PageSizes {
			c.Options.Unit = max(c.Options.Unit, p)
		}
	}
	if c.Central {
		h, err := host("central", 0)
		if err != nil {
			return nil, err
		}
		k.Servers = append(k.Servers, &ClusterServer{Task: h.NewTask("server")})
	}
	for i := range c.Hosts {
		var page mach.Size
		if c.PageSizes != nil {
			page = c.PageSizes[i]
		}
		h, err := host(fmt.Sprintf("k%d", i+1), page)
		if err != nil {
			return nil, err
		}
		k.Nodes = append(k.Nodes, &ClusterNode{Host: h})
		if !c.Central {
			k.Servers = append(k.Servers, &ClusterServer{Task: h.NewTask("server")})
		}
	}
	size := mach.Size(max(1, c.Pages)) * c.Options.Unit
	if err := k.startServers(c, size); err != nil {
		return nil, err
	}
	for i, n := range k.Nodes {
		s := k.Servers[0]
		switch {
		case c.Central:
		case c.Serves != nil:
			s = k.Servers[c.Serves[i]]
		default:
			s = k.Servers[i]
		}
		if err := k.mapObject(n, s, size); err != nil {
			return nil, err
		}
	}
	k.Log.Reset()
	return k, nil
}

// startServers starts the servers, each after the one that it copies the object from.
func (k *Cluster) startServers(c ClusterConfig, size mach.Size) error {
	started := 0
	for done := map[int]bool{}; started < len(k.Servers); {
		before := started
		for i, s := range k.Servers {
			from := -1
			if c.CopiedFrom != nil {
				from = c.CopiedFrom[i]
			} else if i > 0 {
				from = 0
			}
			if done[i] || from >= 0 && !done[from] {
				continue
			}
			var other mach.Name
			if from >= 0 {
				var err error
				if other, err = s.Task.GiveSend(k.Servers[from].Task, k.Servers[from].Object); err != nil {
					return err
				}
			}
			if err := k.startServer(s, c.Options, size, other); err != nil {
				return err
			}
			done[i] = true
			started++
		}
		if started == before {
			return fmt.Errorf("rows: the servers copy the object from one another in a ring")
		}
	}
	return nil
}

func (k *Cluster) startServer(s *ClusterServer, o pagers.CoherentOptions, size mach.Size, other mach.Name) error {
	var ret mach.Return
	s.Task.Spawn("serve", func(t user.Thread) {
		if s.Pager, ret = pagers.NewCoherent(t, o); ret != mach.KernSuccess {
			return
		}
		if other.Valid() {
			s.Object, ret = s.Pager.Replicate(t, other)
		} else {
			s.Object, ret = s.Pager.NewObject(t, size)
		}
		if ret == mach.KernSuccess {
			s.Pager.Server().Run(t)
		}
	}).SetDaemon(true)
	if err := k.settle(); err != nil {
		return err
	}
	return ret.Err()
}

func (k *Cluster) mapObject(n *ClusterNode, s *ClusterServer, size mach.Size) error {
	n.Task = n.Host.NewTask("program")
	n.Size = size
	var err error
	if n.Object, err = n.Task.GiveSend(s.Task, s.Object); err != nil {
		return err
	}
	var ret mach.Return
	n.Task.Spawn("map", func(t user.Thread) { n.Addr, ret = n.Map(t) })
	if err := k.settle(); err != nil {
		return err
	}
	return ret.Err()
}

// Do has the program of one host do something and runs the machine until nothing can run.
func (k *Cluster) Do(node int, body func(t user.Thread, addr mach.Addr)) error {
	k.Start(node, body)
	return k.settle()
}

// Start has the program of one host do something the next time the machine runs.
func (k *Cluster) Start(node int, body func(t user.Thread, addr mach.Addr)) {
	n := k.Nodes[node]
	n.Task.Spawn("main", func(t user.Thread) { body(t, n.Addr) })
}

// Store has the program of one host store a word at the beginning of the object.
func (k *Cluster) Store(node int, v uint64) error {
	var err error
	if e := k.Do(node, func(t user.Thread, addr mach.Addr) { err = t.Store64(addr, v) }); e != nil {
		return e
	}
	return err
}

// Load has the program of one host load it.
func (k *Cluster) Load(node int) (v uint64, err error) {
	if e := k.Do(node, func(t user.Thread, addr mach.Addr) { v, err = t.Load64(addr) }); e != nil {
		return 0, e
	}
	return v, err
}

// Belief is the number of the host, from 1, where a server believes the first page to be: its own number if its
// own kernel or itself has it, 0 if that cannot be told.
func (k *Cluster) Belief(server int) int {
	s := k.Servers[server]
	name, _ := s.Pager.Owner(s.Object, 0)
	e, ok := s.Task.Space().Lookup(name)
	if !ok || e.Port == nil {
		return 0
	}
	return k.place(e.Port)
}

// place is the number of the host, from 1, at which a port is; 0 for the machine of a central server.
func (k *Cluster) place(p *ipc.Port) int {
	if home := p.Home(); home != nil {
		return k.number(home.ID())
	}
	return 0
}

func (k *Cluster) number(host uint16) int {
	for i, n := range k.Nodes {
		if n.Host.ID() == host {
			return i + 1
		}
	}
	return 0
}

// Stats adds up what all servers have done.
func (k *Cluster) Stats() (sum pagers.CoherentStats) {
	for _, s := range k.Servers {
		sum.Add(s.Pager.Stats())
	}
	return sum
}
