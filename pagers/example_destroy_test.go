package pagers_test

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// refuser supplies the first page of its object and destroys the object when asked for another.
type refuser struct{ pagers.Base }

// DataRequest supplies page 0 and answers any other request by giving the object up.
func (refuser) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if m.Offset == 0 {
		c.DataSupply(m.MemoryControl, pagers.Supply{Data: make([]byte, m.Length)})
	} else {
		fmt.Println("manager destroys the object")
		c.DestroyObject(m.MemoryControl, mach.KernFailure)
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// Terminate tells that the control port has come.
func (r refuser) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	fmt.Println("manager receives memory_object_terminate, seqno", c.Seqno)
	return r.Base.Terminate(c, m)
}

// The object is destroyed while a thread waits for a page: that thread gets an exception, the page that is
// resident and dirty stays where it is mapped and is not returned, and terminate follows.
func Example_destroy() {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{Name: "k0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	manager, client := host.NewTask("manager"), host.NewTask("client")

	manager.Spawn("service", func(t user.Thread) {
		server, _ := pagers.New(t, refuser{})
		object, _ := server.AllocatePort(t)
		name, err := client.GiveSend(manager, object)
		if err != nil {
			fmt.Println(err)
			return
		}
		client.Spawn("main", func(t user.Thread) {
			task, page := user.Self(t), mach.Addr(t.PageSize())
			var addr mach.Addr
			user.VMMap(t, task, &addr, 2*mach.Size(page), 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
			fmt.Println("client writes:", t.Store64(addr, 42))
			_, err := t.Load64(addr + page)
			fmt.Println("client reads:", err)
			word, err := t.Load64(addr)
			fmt.Println("client still has", word, err)
			user.VMDeallocate(t, task, addr, 2*mach.Size(page))
		})
		server.Run(t)
	}).SetDaemon(true)

	fmt.Println(sim.Run().Kind)

	// Output:
	// client writes: <nil>
	// manager destroys the object
	// client reads: EXC_BAD_ACCESS KERN_MEMORY_FAILURE at 0x1000
	// client still has 42 <nil>
	// manager receives memory_object_terminate, seqno 3
	// finished
}
