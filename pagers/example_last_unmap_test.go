package pagers_test

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// The last unmap: a file is mapped in two places, read, and changed. The first vm_deallocate is silent, the
// second makes the kernel return the changed page and send memory_object_terminate.
func Example_lastUnmap() {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{Name: "k0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	pager, client := host.NewTask("pager"), host.NewTask("client")
	store := pagers.NewMemStore()
	store.Put("hello.txt", []byte("hello, mach\n"))

	pager.Spawn("service", func(t user.Thread) {
		files, _ := pagers.NewFile(t, store, pagers.FileOptions{Attributes: pagers.Attributes{CopyStrategy: mach.CopyDelay}})
		files.Server().Observe(func(c *pagers.Call) {
			fmt.Println("pager receives", sim.Tracer().Names().Message(host.ID(), c.Message.ID))
		})
		object, err := files.Open(t, "hello.txt")
		if err != nil {
			fmt.Println(err)
			return
		}
		name, err := client.GiveSend(pager, object)
		if err != nil {
			fmt.Println(err)
			return
		}
		client.Spawn("main", func(t user.Thread) {
			task, size := user.Self(t), t.PageSize()
			var a, b mach.Addr
			user.VMMap(t, task, &a, size, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
			user.VMMap(t, task, &b, size, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
			text := make([]byte, 5)
			_ = t.Load(a, text)
			fmt.Printf("client reads %q\n", text)
			_ = t.Store(b, []byte("HELLO"))
			fmt.Println("client unmaps one place:", user.VMDeallocate(t, task, a, size))
			fmt.Println("client unmaps the other:", user.VMDeallocate(t, task, b, size))
		})
		files.Server().Run(t)
	}).SetDaemon(true)

	fmt.Println(sim.Run().Kind)
	file, _ := store.Open("hello.txt")
	text, _ := pagers.ReadAll(file)
	fmt.Printf("the file: %q\n", text)

	// Output:
	// pager receives memory_object_init
	// pager receives memory_object_data_request
	// client reads "hello"
	// client unmaps one place: KERN_SUCCESS
	// client unmaps the other: KERN_SUCCESS
	// pager receives memory_object_data_return
	// pager receives memory_object_terminate
	// finished
	// the file: "HELLO, mach\n"
}
