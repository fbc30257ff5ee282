package pagers_test

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// keeper keeps what is written to its object, and tells the number of each message (the seqnos_ forms of handlers).
type keeper struct {
	pagers.Base
	pages map[mach.Offset][]byte
}

// DataRequest supplies the page if it has come back before; if not there is nothing.
func (k keeper) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	fmt.Printf("message %d: page %v is asked for\n", c.Seqno, m.Offset)
	data, kept := k.pages[m.Offset]
	if !kept {
		return k.Base.DataRequest(c, m)
	}
	c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: data})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataReturn keeps the page. While it is copied another thread may have taken the next message off the port.
func (k keeper) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	data, err := user.LoadBytes(c.Thread, m.Data)
	if err == nil {
		k.pages[m.Offset] = data
	}
	fmt.Printf("message %d: page %v comes back\n", c.Seqno, m.Offset)
	return k.Base.DataReturn(c, m)
}

// A pager of four threads on one port set. The numbers of the messages keep each object in order: a request waits for
// the page that came back ahead of it.
func Example_seqnos() {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{Name: "k0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	pager, client := host.NewTask("pager"), host.NewTask("client")

	pager.Spawn("service", func(t user.Thread) {
		server, _ := pagers.New(t, keeper{pages: map[mach.Offset][]byte{}}, pagers.Threads(4), pagers.OrderedStart)
		object, _ := server.AllocatePort(t)
		name, err := client.GiveSend(pager, object)
		if err != nil {
			fmt.Println(err)
			return
		}
		client.Spawn("main", func(t user.Thread) {
			task := user.Self(t)
			for range 2 {
				var addr mach.Addr
				user.VMMap(t, task, &addr, 1<<20, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
				word, _ := t.Load64(addr)
				fmt.Println("client reads", word)
				_ = t.Store64(addr, word+1)
				user.VMDeallocate(t, task, addr, 1<<20)
			}
		})
		server.Run(t)
	}).SetDaemon(true)

	fmt.Println(sim.Run().Kind)

	// Output:
	// message 1: page 0x0 is asked for
	// client reads 0
	// message 2: page 0x0 comes back
	// message 5: page 0x0 is asked for
	// client reads 1
	// message 6: page 0x0 comes back
	// finished
}
