package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// Specimen is a documented mistake.
type Specimen struct {
	ID      string // Z1 to Z16
	Title   string // what the manager does
	Mistake string // what goes wrong, and when
	Remedy  string // what to do instead
	// Wrong makes the manager with the mistake, Right the one without. The thread need not be the one that runs it.
	Wrong, Right Maker
}

// Maker makes a manager in the task of t. Default managers need the privileged port of the host; for others it may be
// null.
type Maker func(t user.Thread, hostPriv mach.Name) (*Manager, mach.Return)

// Manager is a manager of one memory object.
type Manager struct {
	Object mach.Name // the memory object: a receive right
	Server *pagers.Server
	// Word is the word at an offset as the manager has it now; false if it has not.
	Word func(off mach.Offset) (uint64, bool)
	// Supplied is how many pages it has supplied.
	Supplied func() int

	helpers []helper
}

// helper is a thread that a manager runs beside its service threads.
type helper struct {
	name string
	body func(user.Thread)
}

// Run is the program of the manager's first thread. It serves until the manager's ports are gone.
func (m *Manager) Run(t user.Thread) {
	m.Assist(t)
	m.Server.Run(t)
}

// Assist starts the threads that the manager has beside those of its Server, for who runs that himself.
func (m *Manager) Assist(t user.Thread) {
	for _, h := range m.helpers {
		t.Spawn(h.name, h.body)
	}
}

// All lists the specimens.
func All() []Specimen {
	return []Specimen{storeOnItsWay, swappedMessages, suppliesTwice, dropsRequest, forgetsUnlock, oneControlPort,
		undrainedPort, ownObject, earlyOwner, delayedCopy, twiceInitialized, noFlowControl, onePool, takesBack, nobodyHolds, pagedOut}
}

// Find is the specimen with an ID.
func Find(id string) (Specimen, bool) {
	for _, s := range All() {
		if s.ID == id {
			return s, true
		}
	}
	return Specimen{}, false
}

// keeper is a handler that is built on a shelf.
type keeper interface {
	pagers.Handler
	base() *shelf
}

// exhibit makes the manager whose handler is k.
func exhibit(t user.Thread, k keeper, options ...pagers.Option) (*Manager, mach.Return) {
	s, ret := pagers.New(t, k, options...)
	if ret != mach.KernSuccess {
		return nil, ret
	}
	b := k.base()
	b.size, b.pages = t.PageSize(), map[mach.Offset][]byte{}
	b.object, ret = s.AllocatePort(t)
	return &Manager{Object: b.object, Server: s, Word: b.stored, Supplied: func() int { return b.supplied }}, ret
}
