package rows

import (
	"errors"
	"fmt"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers/zoo"
)

// ZooScenario is a small program around a specimen of the zoo in which its mistake can show. Build sets up one
// execution on a simulation of the given Config: settle runs what has been started so far to its rest, before the
// part whose schedule matters. What it returns says whether the Property holds.
type ZooScenario struct {
	Specimen string // ID
	Story    string // what the clients do
	Property string // what a manager without the mistake guarantees
	Config   kernel.Config
	host     kernel.HostConfig // of the manager
	build    func(s *zooStage)
}

// ZooChecks are the property as functions of one execution.
type ZooChecks struct {
	Always  func() error // after every step; nil: at the end only
	Finally func() error
}

// Build sets up one execution with the specimen, wrong or right.
func (z ZooScenario) Build(sim *kernel.Simulation, settle func() error, right bool) (checks ZooChecks, err error) {
	spec, ok := zoo.Find(z.Specimen)
	if !ok {
		return checks, fmt.Errorf("rows: the zoo has no %q", z.Specimen)
	}
	s := &zooStage{sim: sim, settle: settle, make: spec.Wrong}
	if right {
		s.make = spec.Right
	}
	defer func() {
		// Steps of a set-up do not return what cannot be gone on without.
		switch p := recover().(type) {
		case nil:
		case setUpError:
			err = p.error
		default:
			panic(p)
		}
	}()
	z.host.Name = "k0"
	s.boot(z.host)
	s.start()
	z.build(s)
	return ZooChecks{Always: s.always, Finally: s.verdict}, nil
}

type setUpError struct{ error }

// zooStage is one execution while it is set up.
type zooStage struct {
	sim     *kernel.Simulation
	settle  func() error
	make    zoo.Maker
	host    *kernel.Host
	task    *kernel.Task // the manager's
	manager *zoo.Manager
	checks  []func() error
	always  func() error
}

func must(err error) {
	if err != nil {
		panic(setUpError{err})
	}
}

func (s *zooStage) rest() { must(s.settle()) }

// boot starts a host. The first is that of the manager.
func (s *zooStage) boot(c kernel.HostConfig) *kernel.Host {
	c.WithoutPageout = true
	h, err := s.sim.Boot(c)
	must(err)
	if s.host == nil {
		s.host = h
	}
	return h
}

// start runs the manager.
func (s *zooStage) start() {
	s.task = s.host.NewTask("pager")
	priv, err := s.task.GiveHostPriv()
	must(err)
	s.task.Spawn("service", func(t user.Thread) {
		m, ret := s.make(t, priv)
		if ret != mach.KernSuccess {
			panic(ret)
		}
		s.manager = m
		m.Run(t)
	}).SetDaemon(true)
	s.rest()
}

// finally says what is to hold in the end.
func (s *zooStage) finally(f func() error) { s.checks = append(s.checks, f) }

func (s *zooStage) verdict() error {
	for _, f := range s.checks {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// want says how a word is not what it should be.
func want(what string, got *uint64, legal ...uint64) func() error {
	return func() error {
		for _, w := range legal {
			if *got == w {
				return nil
			}
		}
		return fmt.Errorf("%s: %d, not %v", what, *got, legal)
	}
}

// zooClient is a task that has mapped the object.
type zooClient struct {
	task   *kernel.Task
	object mach.Name // a send right
	addr   mach.Addr
	page   mach.Size
}

// client starts a task on a host that maps so many pages of the object before anything else happens; 0: it has a
// right only.
func (s *zooStage) client(h *kernel.Host, name string, pages int) *zooClient {
	c := &zooClient{task: h.NewTask(name), page: h.VM().PageSize()}
	var err error
	c.object, err = c.task.GiveSend(s.task, s.manager.Object)
	must(err)
	if pages > 0 {
		c.run("map", func(t user.Thread) { c.mapped(t, pages) })
		s.rest()
	}
	return c
}

func (c *zooClient) run(name string, body func(t user.Thread)) *kernel.Thread {
	return c.task.Spawn(name, body)
}

func (c *zooClient) mapped(t user.Thread, pages int) {
	if ret := user.VMMap(t, user.Self(t), &c.addr, mach.Size(pages)*c.page, 0, true, c.object, 0, false,
		mach.ProtDefault, mach.ProtAll, mach.InheritShare); ret != mach.KernSuccess {
		panic(ret)
	}
}

func (c *zooClient) unmapped(t user.Thread, pages int) {
	user.VMDeallocate(t, user.Self(t), c.addr, mach.Size(pages)*c.page)
}

// load and store are accesses that cannot fail.
func (c *zooClient) load(t user.Thread, off mach.Addr) uint64 {
	v, err := t.Load64(c.addr + off)
	if err != nil {
		panic(err)
	}
	return v
}

func (c *zooClient) store(t user.Thread, off mach.Addr, v uint64) {
	if err := t.Store64(c.addr+off, v); err != nil {
		panic(err)
	}
}

var (
	zooPut = user.NewRoutine[defs.NetmemPut[mach.Name], mig.Void](defs.NetmemPutRow)
	zooGet = user.NewRoutine[defs.NetmemGet[mach.Name], defs.NetmemGetReply](defs.NetmemGetRow)
)

// put and get have the manager change and read a word.
func (c *zooClient) put(t user.Thread, off mach.Offset, v uint64) {
	if _, ret := user.Call(t, zooPut, &defs.NetmemPut[mach.Name]{NetmemObject: c.object, Offset: off, Value: v}); ret != mach.KernSuccess {
		panic(ret)
	}
}

func (c *zooClient) get(t user.Thread, off mach.Offset) uint64 {
	r, ret := user.Call(t, zooGet, &defs.NetmemGet[mach.Name]{NetmemObject: c.object, Offset: off})
	if ret != mach.KernSuccess {
		panic(ret)
	}
	return r.Value
}

// stored is the word at off as the manager has it in the end.
func (s *zooStage) stored(off mach.Offset, legal uint64) func() error {
	return func() error {
		v, ok := s.manager.Word(off)
		if !ok {
			return errors.New("the manager has lost the page")
		}
		return want(fmt.Sprintf("the manager's word at %d", off), &v, legal)()
	}
}
