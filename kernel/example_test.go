package kernel_test

import (
	"fmt"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// A whole machine: one host, a memory manager of a few lines, and a client that maps the manager's object,
// reads from it, writes to it, and lets it go. The manager prints every message that the kernel sends it.
func Example() {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{Name: "vax"})
	if err != nil {
		fmt.Println(err)
		return
	}

	manager, client := host.NewTask("manager"), host.NewTask("client")

	// The memory object is a port that the manager receives from.
	object, _ := manager.Space().Allocate(mach.RightReceive)
	manager.Spawn("main", func(t user.Thread) { manage(t, object) })

	// The client gets a send right for it. It could as well have come in a message.
	name, err := client.GiveSend(manager, object)
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Spawn("main", func(t user.Thread) {
		self := user.Self(t)
		var addr mach.Addr
		ret := user.VMMap(t, self, &addr, t.PageSize(), 0, true, name, 0, false,
			mach.ProtDefault, mach.ProtAll, mach.InheritShare)
		fmt.Println("client: vm_map", ret)

		word, err := t.Load64(addr)
		fmt.Printf("client: load %#x %v\n", word, err)
		fmt.Println("client: store", t.Store64(addr, 0xbeef))

		fmt.Println("client: vm_deallocate", user.VMDeallocate(t, self, addr, t.PageSize()))
	})

	fmt.Println(sim.Run().Kind)

	// Output:
	// manager: memory_object_init, pages of 0x1000
	// client: vm_map KERN_SUCCESS
	// manager: memory_object_data_request of 0x1000 at 0x0 for r--
	// client: load 0xcafe <nil>
	// client: store <nil>
	// client: vm_deallocate KERN_SUCCESS
	// manager: memory_object_data_return of 0x1000 at 0x0, first word 0xbeef
	// manager: memory_object_terminate
	// finished
}

// manager serves one memory object until the kernel terminates it.
type manager struct {
	user.Thread
	done bool
}

func manage(t user.Thread, object mach.Name) {
	m := &manager{Thread: t}
	s := user.NewServer[*manager](t)
	user.OnSimple(s, user.InitCodec, (*manager).init)
	user.OnSimple(s, user.DataRequestCodec, (*manager).dataRequest)
	user.OnSimple(s, user.DataReturnCodec, (*manager).dataReturn)
	user.OnSimple(s, user.TerminateCodec, (*manager).terminate)

	var in, out mach.UserMessage
	for !m.done {
		user.Receive(t, &in, object)
		user.ServeMessage(t, m, &in, &out, s)
	}
}

func (m *manager) init(q *defs.MemoryObjectInit[mach.Name]) mach.Return {
	fmt.Println("manager: memory_object_init, pages of", q.PageSize)
	return user.MakeReady(m, q.MemoryControl, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: int32(q.PageSize)})
}

func (m *manager) dataRequest(q *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
	fmt.Printf("manager: memory_object_data_request of %v at %v for %v\n", q.Length, q.Offset, q.DesiredAccess)
	data := mach.Region{Size: q.Length}
	user.VMAllocate(m, user.Self(m), &data.Address, data.Size, true)
	m.Store64(data.Address, 0xcafe)
	user.MemoryObjectDataSupply(m, q.MemoryControl, q.Offset, data, true, mach.ProtNone, false, user.ReplyPort{})
	return user.MachPortDeallocate(m, user.Self(m), q.MemoryControl)
}

func (m *manager) dataReturn(q *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
	word, _ := m.Load64(q.Data.Address)
	fmt.Printf("manager: memory_object_data_return of %v at %v, first word %#x\n", q.Data.Size, q.Offset, word)
	user.Deallocate(m, q.Data)
	return user.MachPortDeallocate(m, user.Self(m), q.MemoryControl)
}

// terminate gets the receive right of the control port: whoever still sends there now sends to us.
func (m *manager) terminate(q *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
	fmt.Println("manager: memory_object_terminate")
	m.done = true
	return user.MachPortDestroy(m, user.Self(m), q.MemoryControl)
}
