package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/vm"
)

// content is a sort of memory that a client can have four pages of. Their bytes are 1, 2, 3 and 4, as the
// manager supplies them.
type content struct {
	name string
	have func(e *emm, v *space, addr mach.Addr)
}

var (
	anonymous   = content{"anonymous", func(_ *emm, v *space, addr mach.Addr) { v.fill(addr, 4, 1) }}
	ofDelay     = mappedContent("delay", mach.CopyDelay, false)
	ofNone      = mappedContent("none", mach.CopyNone, false)
	copyOfDelay = mappedContent("copy of delay", mach.CopyDelay, true)
	copyOfNone  = mappedContent("copy of none", mach.CopyNone, true)
)

func mappedContent(name string, strategy mach.CopyStrategy, private bool) content {
	return content{name, func(e *emm, v *space, addr mach.Addr) {
		e.m.readiness.CopyStrategy = strategy
		p := usualAt(addr, e.c.port(e.m.port), 4)
		p.copy = private
		v.ok(v.vmMap(&p))
	}}
}

// ofEvery plays a scene with each sort of memory, at va(10) of the client.
func ofEvery(t *testing.T, scene func(e *emm), sorts ...content) {
	t.Helper()
	for _, c := range sorts {
		t.Run(c.name, func(t *testing.T) {
			e := newEMM(t)
			e.c.step(func(v *space) { c.have(e, v, va(10)) })
			scene(e)
		})
	}
}

// fills makes all bytes of pages from an address on these, page after page.
func (v *space) fills(addr mach.Addr, bytes ...byte) {
	v.t.Helper()
	for i, b := range bytes {
		v.write(addr+va(i), fillOf(b))
	}
}

// chain is the objects below an address of a task, from the top down.
func (s *stage) chain(task *task, addr mach.Addr) []vm.ObjectInfo {
	s.t.Helper()
	_, chain := inspect(s.t, task, addr)
	return chain
}

// top is the object that the region at an address names.
func (s *stage) top(task *task, addr mach.Addr) vm.ObjectInfo {
	s.t.Helper()
	chain := s.chain(task, addr)
	require.NotEmpty(s.t, chain)
	return chain[0]
}

// identities is which objects these are.
func identities(chain []vm.ObjectInfo) []uint64 {
	list := []uint64{}
	for _, o := range chain {
		list = append(list, o.ID)
	}
	return list
}

// pagesOf is the numbers of the pages that an object holds data of.
func pagesOf(o vm.ObjectInfo) []int {
	list := []int{}
	for _, p := range o.Pages {
		if p.State == "data" {
			list = append(list, int(p.Offset/at(1)))
		}
	}
	return list
}

// used is how many page frames of the first host are taken.
func (s *stage) used() int {
	n := s.stats()
	return n.Active + n.Inactive + n.Wired
}

// end terminates a task.
func (s *stage) end(task *task) {
	s.t.Helper()
	task.Terminate()
	s.Settle()
}

// writable is whether the memory management unit lets a task write at an address without a fault.
func writable(task *task, addr mach.Addr) bool {
	prot, _ := task.Map().Translation(addr)
	return prot.Allows(mach.ProtWrite)
}

// drop gives up the unwired translations of a task.
func drop(task *task) { task.Map().DropTranslations(func(mach.Addr) bool { return true }) }

// unmapAt is vm_deallocate of n pages, and succeeds.
func (v *space) unmapAt(addr mach.Addr, n int) {
	v.t.Helper()
	v.ok(v.deallocate(addr, mach.Size(n)*page))
}

// startSync has a thread of the client call vm_msync for n pages.
func (c *client) startSync(addr mach.Addr, n int, flags mach.SyncFlags) *job {
	c.e.t.Helper()
	return c.start("vm_msync", func(x *calls) mach.Return { return x.msync(addr, mach.Size(n)*page, flags) })
}

// terminated is the memory objects for which the kernels have sent terminate, in the order of sending, as the
// first manager names them.
func (e *emm) terminated() []mach.Name {
	e.t.Helper()
	names := map[uint64]mach.Name{}
	for _, name := range e.m.object {
		names[e.portNamed(e.m, name).ID()] = name
	}
	list := []mach.Name{}
	for r := range e.sim.Tracer().Records() {
		m, ok := trace.As[trace.Message](r)
		if ok && m.FromKernel && m.Op == trace.MessageSend && m.ID == defs.MemoryObjectTerminateRow.ID(mig.OSF) {
			list = append(list, names[m.Dest])
		}
	}
	return list
}

// freed is which of some objects are no more, in the order of their end.
func (s *stage) freed(of []uint64) []uint64 {
	list := []uint64{}
	for r := range s.sim.Tracer().Records() {
		if p, ok := trace.As[trace.ObjectPhase](r); ok && p.To == trace.PhaseFreed && slices.Contains(of, p.Object) {
			list = append(list, p.Object)
		}
	}
	return list
}

// cachable has the manager's objects kept without mappings.
func (m *manager) cachable() { m.readiness.MayCache = true }

// object is a port of the manager, for inspection of the object it stands for.
func (m *manager) info(name mach.Name) (vm.ObjectInfo, bool) {
	m.e.t.Helper()
	return m.e.k.VM().ObjectInfo(m.e.portNamed(m, name))
}

// createTask is task_create for the client; with inherit the child gets its memory.
func (v *space) createTask(inherit bool) mach.Name {
	v.t.Helper()
	child, ret := user.TaskCreate(v, v.target(), inherit)
	v.ok(ret)
	return child
}
