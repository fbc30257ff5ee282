package kernel

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// CostProfile says how much virtual time things take, in nanoseconds. The zero value takes none. Time
// passes where the event is traced; a cost that is not zero keeps its kind of event on.
type CostProfile struct {
	Name     string    // for reports
	Trap     mach.Time // a trap, on its way in
	Message  mach.Time // a message accepted into a queue, or served by a kernel
	Fault    mach.Time // a page fault, whatever it needs
	ZeroFill mach.Time // clearing a page for a fault
	Copy     mach.Time // copying a page for a fault
	Switch   mach.Time // a thread blocking
}

// CostsRTAPC is an IBM RT-APC as the report on Mach's distributed shared memory server measured it: a
// protection fault served by a local manager, which is a fault and two messages, takes 1.1 ms, and a missing page,
// which is cleared beside, 1.5 ms. How the sums divide is our estimate.
var CostsRTAPC = CostProfile{Name: "rt-apc",
	Message: 400_000, Fault: 300_000, ZeroFill: 400_000}

// Costs lists the named profiles.
func Costs() []CostProfile { return []CostProfile{{Name: "none"}, CostsRTAPC} }

// CostsByName finds a named profile.
func CostsByName(name string) (CostProfile, error) {
	for _, c := range Costs() {
		if c.Name == name {
			return c, nil
		}
	}
	return CostProfile{}, fmt.Errorf("kernel: no cost profile is named %q", name)
}

// mask is the kinds of events that cost something.
func (c *CostProfile) mask() (m trace.Mask) {
	if c.Trap != 0 {
		m |= trace.MaskOf(trace.KindTrap)
	}
	if c.Message != 0 {
		m |= trace.MaskOf(trace.KindMessage)
	}
	if c.Fault != 0 || c.ZeroFill != 0 || c.Copy != 0 {
		m |= trace.MaskOf(trace.KindFault)
	}
	if c.Switch != 0 {
		m |= trace.MaskOf(trace.KindThread)
	}
	return m
}

// of is what an event costs.
func (c *CostProfile) of(r *trace.Record) mach.Time {
	switch r.Kind {
	case trace.KindTrap:
		if e, _ := trace.As[trace.Trap](r); !e.Exit {
			return c.Trap
		}
	case trace.KindMessage:
		if e, _ := trace.As[trace.Message](r); e.Op == trace.MessageSend || e.Op == trace.MessageKernel {
			return c.Message
		}
	case trace.KindThread:
		if e, _ := trace.As[trace.Thread](r); e.Op == trace.ThreadBlock {
			return c.Switch
		}
	case trace.KindFault:
		e, _ := trace.As[trace.Fault](r)
		switch {
		case e.Stage != trace.FaultEnd:
			return 0
		case e.How == trace.FaultZeroFilled:
			return c.Fault + c.ZeroFill
		case e.How == trace.FaultCopied:
			return c.Fault + c.Copy
		}
		return c.Fault
	}
	return 0
}

// meter is a trace sink that lets time pass.
type meter struct{ sim *Simulation }

// Record charges one event.
func (m *meter) Record(r *trace.Record) {
	if d := m.sim.config.Costs.of(r); d != 0 {
		m.sim.sched.Spend(d)
	}
}

// charge makes the events of the simulation cost what the profile says.
func (s *Simulation) charge() {
	if m := s.config.Costs.mask(); m != 0 {
		s.tracer.AddSink(&meter{s}, m)
	}
}
