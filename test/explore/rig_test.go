package explore

import (
	"errors"
	"fmt"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// manager serves one memory object whose pages begin with the number of the page plus 1, and keeps what
// comes back. Its hooks replace what it does about one message.
type manager struct {
	user.Thread
	object mach.Name
	store  map[mach.Offset]uint64 // by page; looked up, never ranged over

	dataRequest func(m *manager, q *defs.MemoryObjectDataRequest[mach.Name])
	dataReturn  func(m *manager, q *defs.MemoryObjectDataReturn[mach.Name, mach.Region])
	terminate   func(m *manager, q *defs.MemoryObjectTerminate[mach.Name])
	inits, ends int
	control     mach.Name // of the last association
}

// word is what the stored page at off begins with.
func (m *manager) word(off mach.Offset) uint64 {
	if v, ok := m.store[off]; ok {
		return v
	}
	return uint64(off)/uint64(m.PageSize()) + 1
}

func (m *manager) supply(control mach.Name, off mach.Offset, word uint64) {
	data := mach.Region{Size: m.PageSize()}
	user.VMAllocate(m, user.Self(m), &data.Address, data.Size, true)
	if err := m.Store64(data.Address, word); err != nil {
		panic(err)
	}
	user.MemoryObjectDataSupply(m, control, off, data, true, mach.ProtNone, false, user.ReplyPort{})
}

// serve is the program of the manager's only thread.
func (m *manager) serve(t user.Thread) {
	m.Thread = t
	s := user.NewServer[*manager](t)
	user.OnSimple(s, user.InitCodec, func(m *manager, q *defs.MemoryObjectInit[mach.Name]) mach.Return {
		m.inits++
		m.control = q.MemoryControl
		return user.MakeReady(m, q.MemoryControl, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: int32(q.PageSize)})
	})
	user.OnSimple(s, user.DataRequestCodec, func(m *manager, q *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
		if m.dataRequest != nil {
			m.dataRequest(m, q)
		} else {
			m.supply(q.MemoryControl, q.Offset, m.word(q.Offset))
		}
		return mach.KernSuccess
	})
	user.OnSimple(s, user.DataReturnCodec, func(m *manager, q *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
		if m.dataReturn != nil {
			m.dataReturn(m, q)
		} else if v, err := m.Load64(q.Data.Address); err == nil {
			m.store[q.Offset] = v
		}
		user.Deallocate(m, q.Data)
		return mach.KernSuccess
	})
	user.OnSimple(s, user.TerminateCodec, func(m *manager, q *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
		m.ends++
		if m.terminate != nil {
			m.terminate(m, q)
		} else {
			user.MachPortDestroy(m, user.Self(m), q.MemoryControl)
		}
		return mach.KernSuccess
	})
	var in, out mach.UserMessage
	for user.Receive(t, &in, m.object) == mach.KernSuccess {
		user.ServeMessage(t, m, &in, &out, s)
	}
}

// stage is one host with a manager on it.
type stage struct {
	*explore.Subject
	host    *kernel.Host
	task    *kernel.Task
	manager *manager
}

func newStage(s *explore.Subject, m *manager) (*stage, error) {
	return newStageOn(s, m, kernel.HostConfig{Name: "k0", WithoutPageout: true})
}

// newPagedStage is newStage on a host with a pageout daemon.
func newPagedStage(s *explore.Subject, m *manager) (*stage, error) {
	return newStageOn(s, m, kernel.HostConfig{Name: "k0"})
}

func newStageOn(s *explore.Subject, m *manager, c kernel.HostConfig) (*stage, error) {
	host, err := s.Sim.Boot(c)
	if err != nil {
		return nil, err
	}
	task := host.NewTask("pager")
	object, ret := task.Space().Allocate(mach.RightReceive)
	m.object, m.store = object, map[mach.Offset]uint64{}
	task.Spawn("main", m.serve).SetDaemon(true)
	return &stage{s, host, task, m}, ret.Err()
}

// client starts a task that has a send right for the object.
func (s *stage) client(name string, body func(t user.Thread, object mach.Name)) error {
	task := s.host.NewTask(name)
	object, err := task.GiveSend(s.task, s.manager.object)
	if err != nil {
		return err
	}
	task.Spawn("main", func(t user.Thread) { body(t, object) })
	return nil
}

// mapper starts a task that has mapped pages of the object before exploration begins.
func (s *stage) mapper(name string, pages int) (*mapping, error) {
	m := &mapping{task: s.host.NewTask(name), size: mach.Size(pages) * s.host.VM().PageSize()}
	object, err := m.task.GiveSend(s.task, s.manager.object)
	if err != nil {
		return nil, err
	}
	m.task.Spawn("map", func(t user.Thread) {
		user.VMMap(t, user.Self(t), &m.addr, m.size, 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare)
	})
	return m, s.Settle()
}

// mapping is a task and where it has mapped the object.
type mapping struct {
	task *kernel.Task
	addr mach.Addr
	size mach.Size
}

// run starts a program of the task.
func (m *mapping) run(body func(t user.Thread)) { m.task.Spawn("main", body) }

// unmap removes the mapping.
func (m *mapping) unmap(t user.Thread) { user.VMDeallocate(t, user.Self(t), m.addr, m.size) }

// mapped maps size bytes of the object, and does something there.
func mapped(t user.Thread, object mach.Name, pages int, work func(addr mach.Addr)) {
	size := mach.Size(pages) * t.PageSize()
	var addr mach.Addr
	if ret := user.VMMap(t, user.Self(t), &addr, size, 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare); ret != mach.KernSuccess {
		panic(ret)
	}
	work(addr)
	user.VMDeallocate(t, user.Self(t), addr, size)
}

// load reads a word, which a program of these tests can always do.
func load(t user.Thread, addr mach.Addr) uint64 {
	v, err := t.Load64(addr)
	if err != nil {
		panic(err)
	}
	return v
}

// equal says how two values differ.
func equal(got, want any) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return errors.New("got " + g + ", want " + w)
	}
	return nil
}
