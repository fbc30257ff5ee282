package rows

import (
	"fmt"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// second is the second word of a page.
const second = 8

// Zoo lists a scenario for each specimen.
func Zoo() []ZooScenario {
	return []ZooScenario{
		{Specimen: "Z1", Story: "a client reads what it has written, and memory is short", Property: seesItsOwn, build: evicted},
		{Specimen: "Z2", Story: "a client reads what it has written, and memory is short", Property: seesItsOwn, build: evicted},
		{Specimen: "Z3", Story: "a client writes and reads, and memory is short", Property: seesItsOwn, build: written},
		{Specimen: "Z4", Story: "one program reads a page while the manager changes another one for a second",
			Property: "both programs come to their end", build: readAndPut},
		{Specimen: "Z5", Story: "one program writes a page while the manager reads another one for a second",
			Property: "both programs come to their end", build: writeAndGet},
		{Specimen: "Z6", Story: "a client unmaps the object and maps it again", Property: "the client reads the page", build: remapped},
		{Specimen: "Z7", Story: "a client ends while it waits for its page", Property: "the manager has the page in the end", build: abandoned},
		{Specimen: "Z8", Story: "two clients read a page each", Property: "both read what is there", build: twoReaders},
		{Specimen: "Z9", Story: "a client saves a page and goes on writing while the manager changes it for another program",
			Property: "the page has what the manager has changed", build: savedAndPut},
		{Specimen: "Z10", Story: "a client copies a page before the manager changes it", Property: "the copy stays what it was",
			build: copied},
		{Specimen: "Z11", Story: "a kernel pushes the old contents of a page that it has evicted", Property: "the newest page is kept",
			build: pushed},
		{Specimen: "Z12", Story: "two pages that a client has written are thrown out, and two page frames are left",
			Property: "both pages are written in the end", host: kernel.HostConfig{Frames: 4}, build: thrownOut},
		{Specimen: "Z13", Story: "two clients read a page each", Property: "both read what is there", build: twoReaders},
		{Specimen: "Z14", Story: "clients on two hosts write the same page", Property: "a page is supplied no oftener than it is used",
			build: contended},
		{Specimen: "Z15", Story: "a client on one host writes a page and one on another reads it", Property: "the reader reads what has been written",
			build: sharedPage},
		{Specimen: "Z16", Story: "a program reads anonymous memory, and memory is short", Property: seesItsOwn, build: anonymous},
	}
}

const seesItsOwn = "the client reads what it has written"

// evicted: a client that has written a page reads it, which may be evicted before.
func evicted(s *zooStage) {
	a := s.client(s.host, "a", 1)
	a.run("write", func(t user.Thread) { a.store(t, 0, 99) })
	s.rest()
	read := uint64(0)
	a.run("main", func(t user.Thread) { read = a.load(t, 0) })
	s.host.Evict(1)
	s.finally(want("the client reads", &read, 99))
}

// written: a client writes a page and reads it, which may be evicted in between.
func written(s *zooStage) {
	a := s.client(s.host, "a", 1)
	read := uint64(0)
	a.run("main", func(t user.Thread) {
		a.store(t, 0, 99)
		t.Yield()
		read = a.load(t, 0)
	})
	s.host.Evict(1)
	s.finally(want("the client reads", &read, 99))
}

// readAndPut: a reader of a page, and a program that has the manager change another one, which the kernel has.
func readAndPut(s *zooStage) {
	a, b := s.client(s.host, "a", 2), s.client(s.host, "b", 0)
	a.run("write", func(t user.Thread) { a.store(t, 0, 99) })
	s.rest()
	read := uint64(0)
	a.run("main", func(t user.Thread) { read = a.load(t, mach.Addr(a.page)) })
	b.run("main", func(t user.Thread) { b.put(t, second, 7) })
	s.finally(want("the reader reads", &read, 2))
	s.finally(s.stored(0, 99))
	s.finally(s.stored(second, 7))
}

// writeAndGet: a writer of a page that it could only read so far, and a program that has the manager read another one,
// which the kernel may write.
func writeAndGet(s *zooStage) {
	a, b := s.client(s.host, "a", 2), s.client(s.host, "b", 0)
	a.run("write", func(t user.Thread) {
		a.store(t, 0, 99)
		a.load(t, mach.Addr(a.page))
	})
	s.rest()
	got := uint64(0)
	a.run("main", func(t user.Thread) { a.store(t, mach.Addr(a.page), 100) })
	b.run("main", func(t user.Thread) { got = b.get(t, 0) })
	s.finally(want("the other program gets", &got, 99))
}

// abandoned: a client whose task is ended, perhaps while it waits for the page.
func abandoned(s *zooStage) {
	a := s.client(s.host, "a", 1)
	a.run("main", func(t user.Thread) { a.load(t, 0) })
	a.task.Terminate()
	s.finally(s.stored(0, 1))
}

// remapped: a client reads a page through a second mapping.
func remapped(s *zooStage) {
	a := s.client(s.host, "a", 1)
	read := uint64(0)
	a.run("main", func(t user.Thread) {
		a.unmapped(t, 1)
		a.mapped(t, 1)
		read = a.load(t, 0)
	})
	s.finally(want("the client reads", &read, 1))
}

// twoReaders: two tasks that read one page each.
func twoReaders(s *zooStage) {
	var read [2]uint64
	clients := []*zooClient{s.client(s.host, "a", 2), s.client(s.host, "b", 2)}
	for i, c := range clients {
		c.run("main", func(t user.Thread) { read[i] = c.load(t, mach.Addr(i)*mach.Addr(c.page)) })
		s.finally(want(c.task.Name()+" reads", &read[i], uint64(i)+1))
	}
}

// savedAndPut: a client that has a page saved and goes on writing it, and a program that has the manager change another
// word of it.
func savedAndPut(s *zooStage) {
	a, b := s.client(s.host, "a", 1), s.client(s.host, "b", 0)
	a.run("write", func(t user.Thread) { a.store(t, 0, 10) })
	s.rest()
	a.run("save", func(t user.Thread) {
		user.VMMsync(t, user.Self(t), a.addr, a.page, mach.SyncSynchronous)
	})
	a.run("main", func(t user.Thread) { a.store(t, 0, 20) })
	b.run("main", func(t user.Thread) { b.put(t, second, 7) })
	s.finally(s.stored(second, 7))
}

// copied: a client that copies a page and reads the copy, and a thread of it that has the manager change the page.
func copied(s *zooStage) {
	a := s.client(s.host, "a", 1)
	changing, before := false, false
	var read uint64
	a.run("main", func(t user.Thread) {
		var copy mach.Addr
		if ret := user.VMMap(t, user.Self(t), &copy, a.page, 0, true, a.object, 0, true,
			mach.ProtDefault, mach.ProtAll, mach.InheritCopy); ret != mach.KernSuccess {
			panic(ret)
		}
		before = !changing
		read, _ = t.Load64(copy)
	})
	a.run("changer", func(t user.Thread) {
		changing = true
		a.put(t, 0, 7)
	})
	s.finally(func() error {
		if before {
			return want("the copy of before reads", &read, 1)()
		}
		return want("the copy reads", &read, 1, 7)()
	})
}

// contended: two hosts whose clients write a page.
func contended(s *zooStage) {
	a, b := s.client(s.host, "a", 1), s.client(s.boot(kernel.HostConfig{Name: "k1"}), "b", 1)
	a.run("main", func(t user.Thread) { a.store(t, 0, 7) })
	b.run("main", func(t user.Thread) { b.store(t, second, 8) })
	s.always = func() error {
		if n := s.manager.Supplied(); n > 4 {
			return fmt.Errorf("two clients that write once each were supplied the page %d times", n)
		}
		return nil
	}
}

// sharedPage: a page that a client on one host has written and writes again, and a client on another that reads it.
func sharedPage(s *zooStage) {
	a, b := s.client(s.host, "a", 1), s.client(s.boot(kernel.HostConfig{Name: "k1"}), "b", 1)
	a.run("write", func(t user.Thread) { a.store(t, 0, 7) })
	s.rest()
	var read uint64
	a.run("main", func(t user.Thread) { a.store(t, 0, 8) })
	b.run("main", func(t user.Thread) { read = b.load(t, 0) })
	s.finally(want("the reader reads", &read, 7, 8))
}

// pushed: a task that speaks to the manager as a kernel does whose copy object has evicted a page that is then pushed.
func pushed(s *zooStage) {
	k := s.client(s.host, "kernel", 0)
	var control mach.Name
	var data [2]mach.Region
	k.run("prepare", func(t user.Thread) {
		control, _ = user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
		for i := range data {
			page := make([]byte, k.page)
			mach.Words.PutUint64(page, uint64(i)+5)
			data[i], _ = user.StoreNew(t, page)
		}
	})
	s.rest()
	k.run("push", func(t user.Thread) {
		user.Send(t, zooInitialize, &defs.MemoryObjectDataInitialize[mach.Name, mach.Region]{MemoryObject: k.object,
			MemoryControlPort: control, Data: data[0]})
	})
	k.run("evict", func(t user.Thread) {
		user.Send(t, zooReturn, &defs.MemoryObjectDataReturn[mach.Name, mach.Region]{MemoryObject: k.object,
			MemoryControl: control, Data: data[1], Dirty: true})
	})
	s.finally(s.stored(0, 6))
}

// thrownOut: a client's pages that are evicted one after the other.
func thrownOut(s *zooStage) {
	a := s.client(s.host, "a", 2)
	a.run("write", func(t user.Thread) {
		a.store(t, 0, 98)
		a.store(t, mach.Addr(a.page), 99)
	})
	s.rest()
	s.host.Evict(2)
	s.finally(s.stored(0, 98))
	s.finally(s.stored(mach.Offset(a.page), 99))
}

// anonymous: a program that has written memory of its own reads it, which may be evicted before, and what the manager
// works with, too.
func anonymous(s *zooStage) {
	a := s.client(s.host, "a", 0)
	a.run("write", func(t user.Thread) {
		if ret := user.VMAllocate(t, user.Self(t), &a.addr, a.page, true); ret != mach.KernSuccess {
			panic(ret)
		}
		a.store(t, 0, 99)
	})
	s.rest()
	read := uint64(0)
	a.run("main", func(t user.Thread) { read = a.load(t, 0) })
	s.host.Evict(2)
	s.finally(want("the client reads", &read, 99))
}

var (
	zooReturn     = user.CodecFor[defs.MemoryObjectDataReturn[mach.Name, mach.Region]](defs.MemoryObjectDataReturnRow, mig.Request)
	zooInitialize = user.CodecFor[defs.MemoryObjectDataInitialize[mach.Name, mach.Region]](defs.MemoryObjectDataInitializeRow, mig.Request)
)
