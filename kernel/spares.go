package kernel

import (
	"machvm/ipc"
	"machvm/ipc/mig"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/vm"
)

// Spares is what simulations of one owner leave to one another: coroutines, tables of calls, page buffers. The zero
// value is empty. Simulations use it by turns, never at the same time: one may be made when the one before is shut
// down, and whoever looks at memory of a simulation does so before the next is made. Close it in the end.
type Spares struct {
	pool    sched.Pool
	servers map[mig.Form]*server // the calls of the kernels in each form that a host has had
	memory  vm.Spares
	ports   ipc.Spares
	threads sched.Arena[Thread]
	tracer  *trace.Tracer
}

// Close ends the idle coroutines. The spares may be used again.
func (s *Spares) Close() { s.pool.Close() }

// reclaim takes back what the simulation before had.
func (s *Spares) reclaim() {
	if s.servers == nil {
		s.servers = map[mig.Form]*server{}
	}
	s.pool.Reclaim()
	s.memory.Reclaim()
	s.ports.Reclaim()
	s.threads.Reclaim()
}

// Quiet is a tracer that keeps no events, as good as new, for the next simulation.
func (s *Spares) Quiet() *trace.Tracer {
	if s.tracer == nil {
		s.tracer = trace.New()
		s.tracer.SetRing(0)
	}
	s.tracer.DropSinks()
	s.tracer.Reset()
	return s.tracer
}
