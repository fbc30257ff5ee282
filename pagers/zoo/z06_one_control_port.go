package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var oneControlPort = Specimen{
	ID:    "Z6",
	Title: "confuses the init of the next association with the terminate of the last",
	Mistake: "The manager notes one control port for its object. When the object is unmapped and mapped again it may " +
		"handle the new init before it is done with the old terminate: with several threads, with a kernel that " +
		"reorders the two, or because it cleans up behind the scenes. " +
		"Then the terminate ends the use that has just begun, whose requests nobody knows.",
	Remedy: "Keep what is known of a use under its control port, and have terminate end the one that it names.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newRegistry(t, true) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return newRegistry(t, false) },
}

// registry is a manager that serves only those that have introduced themselves.
type registry struct {
	shelf
	wrong bool
	uses  map[mach.Name]bool // by control port
}

func newRegistry(t user.Thread, wrong bool) (*Manager, mach.Return) {
	return exhibit(t, &registry{wrong: wrong, uses: map[mach.Name]bool{}})
}

// Init begins a use. The reference of the control port is kept, so that it keeps its name.
func (z *registry) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	z.uses[m.MemoryControl] = true
	return z.welcome(c, m)
}

// Terminate ends a use. That may take a while, so a thread of its own does it.
func (z *registry) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	server, end := c.Server, *m
	c.Thread.Spawn("clean up", func(t user.Thread) {
		if z.wrong {
			clear(z.uses) // the mistake: whichever use there is now
		} else {
			delete(z.uses, end.MemoryControl)
		}
		z.Base.Terminate(&pagers.Call{Thread: t, Server: server}, &end)
	})
	return mach.KernSuccess
}

// DataRequest supplies the page to a kernel that it knows. Anybody can send such a message.
func (z *registry) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if !z.uses[m.MemoryControl] {
		c.Release(m.MemoryControl)
		return mach.KernSuccess
	}
	return z.shelf.DataRequest(c, m)
}
