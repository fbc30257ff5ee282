package pagers_test

import (
	"encoding/binary"
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// squares is a whole pager: word i of its object is the square of i, and what is written to it is told and
// forgotten. Everything else is what Base does.
type squares struct{ pagers.Base }

// DataRequest computes the pages that are asked for.
func (squares) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	data := make([]byte, m.Length)
	for at := 0; at < len(data); at += 8 {
		i := (uint64(m.Offset) + uint64(at)) / 8
		binary.LittleEndian.PutUint64(data[at:], i*i)
	}
	c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: data})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataReturn shows the first word that comes back.
func (s squares) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	word, err := c.Thread.Load64(m.Data.Address)
	fmt.Printf("pager: page %v comes back, it begins with %d %v\n", m.Offset, word, err)
	return s.Base.DataReturn(c, m)
}

// A pager of two methods, and a client that maps its object.
func Example() {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{Name: "k0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	pager, client := host.NewTask("pager"), host.NewTask("client")

	pager.Spawn("service", func(t user.Thread) {
		server, _ := pagers.New(t, squares{})
		object, _ := server.AllocatePort(t)
		// A real pager would hand the right out by a message of its own.
		name, err := client.GiveSend(pager, object)
		if err != nil {
			fmt.Println(err)
			return
		}
		client.Spawn("main", func(t user.Thread) {
			task := user.Self(t)
			var addr mach.Addr
			user.VMMap(t, task, &addr, 1<<20, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
			word, _ := t.Load64(addr + 8*1000)
			fmt.Println("client: word 1000 is", word)
			_ = t.Store64(addr, 7)
			user.VMDeallocate(t, task, addr, 1<<20)
		})
		server.Run(t)
	}).SetDaemon(true)

	fmt.Println(sim.Run().Kind)

	// Output:
	// client: word 1000 is 1000000
	// pager: page 0x0 comes back, it begins with 7 <nil>
	// finished
}
