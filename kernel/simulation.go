package kernel

import (
	"fmt"

	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/vm"
)

// Config is what a simulation is made of. The zero value is classroom Mach: the first option everywhere,
// no limit, no audits, no time.
type Config struct {
	Chooser   choice.Chooser // who decides; nil: choice.First
	Tracer    *trace.Tracer  // nil: a new one with the default ring
	StepLimit uint64         // steps after which Run returns; 0: none
	// Faults may happen if the chooser wants them. The zero value: none.
	Faults sched.Faults
	// Histories notes what programs learn, for those who tell states apart.
	Histories Histories
	// Checked audits everything after every step, and ends the run with a CheckError when an audit fails.
	Checked bool
	// Costs says how much virtual time things take. The zero value: none.
	Costs CostProfile
	// LoadPoints makes every load and store a trap, at which another thread may go on.
	LoadPoints bool
	// LinkDelay is the virtual time that a message spends between two hosts.
	LinkDelay mach.Time
	// Spares is what earlier simulations of the same owner have left, and where this one leaves what it has; nil:
	// everything is made anew.
	Spares *Spares
}

// Simulation is one machine room: hosts that share a clock, a scheduler, a chooser, a tracer and a world
// of ports. Nothing is shared between simulations.
type Simulation struct {
	config Config
	tracer *trace.Tracer
	sched  *sched.Scheduler
	world  *ipc.World
	hosts  []*Host
	spares *Spares

	lastTask uint32
	history  sched.Digest // of all programs, if they share
	crashes  []*Crash
}

// New makes a simulation without hosts. Call Shutdown when done with it, or its coroutines stay behind.
func New(c Config) *Simulation {
	if c.Tracer == nil {
		c.Tracer = trace.New()
	}
	s := &Simulation{config: c, tracer: c.Tracer}
	var pool *sched.Pool
	if s.spares = c.Spares; s.spares == nil {
		s.spares = new(Spares)
	} else {
		pool = &s.spares.pool
	}
	s.spares.reclaim()
	s.sched = sched.New(sched.Config{Chooser: c.Chooser, Tracer: c.Tracer, StepLimit: c.StepLimit, Pool: pool, Faults: c.Faults})
	s.world = ipc.NewWorld(ipc.Config{Sched: s.sched, Tracer: c.Tracer, Chooser: c.Chooser, LinkDelay: c.LinkDelay, Spares: &s.spares.ports})
	s.world.AddHolder(s)
	s.charge()
	if c.Checked {
		s.sched.AfterStep(s.audit)
	}
	return s
}

// HostConfig is what a host is made of. Every zero field has a default.
type HostConfig struct {
	Name        string                  // "": k1, k2, ... in the order of booting
	Personality personality.Personality // zero: personality.Mach
	PageSize    mach.Size               // a power of two; 0: mach.DefaultPageSize
	Frames      int                     // page frames; 0: vm.DefaultFrames
	AddressTop  mach.Addr               // end of a task's address range; 0: vm.DefaultAddressTop
	CPUs        int                     // enters the reserve formula; 0: 1
	// WithoutPageout keeps no reserve for a pageout daemon: any number of frames will do.
	WithoutPageout bool
	// Policy says which pages go when memory is short; nil: vm.MachPolicy.
	Policy vm.Policy
	// WithoutCollapse and WithoutBypass leave shadow chains as they grow.
	WithoutCollapse, WithoutBypass bool
	// Pageout limits what the pageout daemon gives to managers at a time; zero fields have defaults.
	Pageout vm.PageoutLimits
	// Watchdog is how long a manager may take to answer a data_request before the kernel answers with an error;
	// 0: for ever.
	Watchdog mach.Time
}

// Boot starts a host. Hosts are numbered from 1.
//
// It fails for a personality that no host can have, a name that another host has, and for what vm.NewHost
// refuses: the page size, the number of frames, the address range. After a failure of that last sort the
// world has an empty kernel more, so shut the simulation down.
func (s *Simulation) Boot(c HostConfig) (*Host, error) {
	if c.Name == "" {
		c.Name = fmt.Sprintf("k%d", len(s.hosts)+1)
	}
	if c.Personality == (personality.Personality{}) {
		c.Personality = personality.Mach()
	} else if err := c.Personality.Validate(); err != nil {
		return nil, fmt.Errorf("kernel: host %s: %w", c.Name, err)
	}
	for _, h := range s.hosts {
		if h.name == c.Name {
			return nil, fmt.Errorf("kernel: a host is named %s already", c.Name)
		}
	}
	return s.boot(c)
}

// Run lets the machine run until nothing can run any more and no timer is pending, or until the step
// limit, a failed audit, a broken invariant, or Stop. It may be called again.
func (s *Simulation) Run() Outcome { return s.outcome(s.sched.Run()) }

// Stop makes Run return once the current step is over; err, which may be nil, is in the Outcome.
func (s *Simulation) Stop(err error) { s.sched.Stop(err) }

// Shutdown unwinds every thread. Deferred functions of programs run, and every trap of theirs unwinds
// again. Nothing runs any more afterwards. It may be called any number of times, but not inside Run.
func (s *Simulation) Shutdown() { s.sched.Shutdown() }

// Sched is the scheduler of all hosts.
func (s *Simulation) Sched() *sched.Scheduler { return s.sched }

// Tracer records what happens.
func (s *Simulation) Tracer() *trace.Tracer { return s.tracer }

// World is the ports of all hosts.
func (s *Simulation) World() *ipc.World { return s.world }

// Hosts lists the hosts in the order of booting.
func (s *Simulation) Hosts() []*Host { return s.hosts }

// Now is the virtual time.
func (s *Simulation) Now() mach.Time { return s.sched.Now() }

// Crashes lists the panics of user programs so far. Each ended its thread and nothing else.
func (s *Simulation) Crashes() []*Crash { return s.crashes }

// VisitRights shows the rights that the kernels hold for hosts, tasks and threads to the recount.
func (s *Simulation) VisitRights(visit func(r ipc.Right, owner string)) {
	for _, h := range s.hosts {
		h.visitRights(visit)
	}
}

// show shows a right to the recount, if there is one.
func show(visit func(r ipc.Right, owner string), r ipc.Right, name, what string) {
	if !r.IsNull() {
		visit(r, name+what)
	}
}

// server is the table of calls for hosts with the given form.
func (s *Simulation) server(form mig.Form) *server {
	servers := s.spares.servers
	if servers[form] == nil {
		servers[form] = newServer(form)
	}
	return servers[form]
}
