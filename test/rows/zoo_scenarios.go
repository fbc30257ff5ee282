package rows

import (
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
		{Specimen: "Z7", Story: "a client ends while it waits for its page", Property: "the manager has the page in the end", build: abandoned},
		{Specimen: "Z6", Story: "a client unmaps the object and maps it again", Property: "the client reads the page", build: remapped},
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
