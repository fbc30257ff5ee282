package monitor

import (
	"iter"
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// ending is how an association came to its end.
type ending uint8

const (
	inForce ending = iota
	byUnmap
	byDestroy
	byDeath
)

// pair is an association: a memory object port and a kernel, from init or create to terminate or to the death
// of the port. It is the state machine that every check about it shares.
type pair struct {
	host     uint16
	port     uint64 // memory object
	control  uint64
	object   uint64 // VM object; 0: not yet known
	internal bool   // made by memory_object_create
	first    bool   // internal: nothing was sent for it yet

	ready      bool // attributes with a copy strategy were accepted
	kernelSays bool // the kernel has said that it is ready
	old        bool // ready by set_attributes: data_write in place of data_return
	attributes attributes

	phase      trace.Phase // as the kernel says
	ending     ending
	wasCached  bool // when it ended
	trimmed    bool // the cache has given it up
	uncachedBy uint32
	remapped   bool   // mapped again since it left the cache
	oldest     bool   // it was first in the cache when it left
	endedAt    uint64 // record
	endedBy    uint32 // thread
	terminated bool   // terminate is queued
	received   bool   // terminate was received
	terminate  uint64
	holder     uint32 // who received it
	queued     bool   // control messages were queued for the manager
	drained    bool   // some were received
	controlEnd bool   // the control port is dead
	clean      bool   // and the manager had it destroyed

	mappings int // of the VM object, as far as mappings tell
	entered  bool
	failed   bool // a vm_map that caused the init has failed
	clipped  bool

	pages   map[mach.Offset]*page
	ordered []*page // in the order in which they were first heard of
	absent  int     // outstanding
	syncs   []*synced
	names   []controlName
	manager managerState
}

// controlName is a name of a task for a control port.
type controlName struct {
	task  uint32
	name  mach.Name
	urefs uint32 // of the send right; 0: none
	due   bool   // a message with a send right was delivered, and the name's count is to rise
}

// synced is an outstanding synchronize.
type synced struct {
	offset mach.Offset
	size   mach.Size
	call   *call // the vm_msync, nil if it is over
}

// live reports whether the association is in force.
func (a *pair) live() bool { return a.ending == inForce }

// named finds the name a task has for the control port.
func (a *pair) named(task uint32) *controlName {
	for i := range a.names {
		if a.names[i].task == task {
			return &a.names[i]
		}
	}
	a.names = append(a.names, controlName{task: task})
	return &a.names[len(a.names)-1]
}

// port is what the monitor knows of a port.
type port struct {
	id       uint64
	receiver uint32 // task, 0: a kernel, or nobody
	kernel   bool   // made by a kernel
	born     bool   // its creation was seen
	dead     bool
	internal bool // a memory object made by a kernel
	moving   bool
	pairs    []*pair
	queue    []queued
	limit    int

	seqno      uint32 // of the next message received
	seqnoKnown bool
	ahead      []uint32  // greater numbers seen already
	moved      bool      // its receive right has moved
	set        bool      // its number was set
	initing    uint16    // the kernel that is about to send init
	guided     []*guided // what its manager may think of its pages
	guide      map[mach.Offset]*guided
}

// queued is a message in a queue.
type queued struct {
	kmsg uint64
	from uint16 // host
	hash uint64 // of rights and memory in it

	handed   bool // to a thread that waited for it
	stale    bool // and then the port's number was set anew
	passed   bool // a later message of the same kernel was received with this number
	passedBy uint32
}

// current is the last association of the port in a kernel, nil if there was none.
func (p *port) current(host uint16) *pair {
	for i := len(p.pairs) - 1; i >= 0; i-- {
		if p.pairs[i].host == host {
			return p.pairs[i]
		}
	}
	return nil
}

// port is the state of a port, made when it is first heard of.
func (m *Monitor) port(id uint64) *port {
	p := m.ports[id]
	if p == nil {
		p = &port{id: id}
		m.ports[id] = p
	}
	return p
}

// pairOf is the last association of a port in a kernel, nil if none was seen.
func (m *Monitor) pairOf(id uint64, host uint16) *pair {
	if p := m.ports[id]; p != nil {
		return p.current(host)
	}
	return nil
}

// newPair begins an association.
func (m *Monitor) newPair(host uint16, port, control uint64, internal bool) *pair {
	a := &pair{host: host, port: port, control: control, internal: internal, pages: map[mach.Offset]*page{},
		attributes: attributes{strategy: mach.CopyInvalid, cluster: m.host(host).pageSize}, phase: trace.PhaseIniting}
	p := m.port(port)
	p.pairs = append(p.pairs, a)
	m.controls[control] = a
	m.pairs = append(m.pairs, a)
	return a
}

// pageState is the state of a page in a kernel, as the protocol sees it.
type pageState uint8

const (
	stateEmpty pageState = iota
	stateWaiting
	stateAbsent
	stateResident
)

// page is what the monitor knows of a page of an external memory object in one kernel.
type page struct {
	pair   *pair
	offset mach.Offset
	state  pageState

	// Waiting.

	asked     bool // a data_request for it is on its way or unanswered
	clustered bool
	access    mach.Prot
	resident  bool   // it was resident when it was asked for
	group     bool   // others were asked for in the same request
	partial   bool   // others of the same request were answered
	request   uint64 // number of the record
	waiters   int    // threads waiting when it was answered

	// Resident.

	dirty    bool
	precious bool
	zero     bool // zero-filled, never written
	lock     mach.Prot
	wanted   mach.Prot // asked for in an outstanding data_unlock
	before   mach.Prot // wanted before the latest unlock event
	noChange bool      // a lock_request with NO_CHANGE was the last to pass

	// On its way out.

	due      bool // taken off or cleaned, and not yet returned
	dueDirty bool
	dueKeep  bool
	duePrec  bool
	cause    trace.PageCause // of the last change
	changed  uint64          // record of the last change
	carrier  uint64          // message that carries its last return
	returned bool            // since the association was broken
	flushed  bool            // by a lock_request, at some time
	err      uint64          // record of the data_error that answered it last
	errCode  mach.Return     // what it becomes for waiting threads

	arc pageArcs
}

// page is the state of a page, made when it is first heard of.
func (a *pair) page(off mach.Offset) *page {
	p := a.pages[off]
	if p == nil {
		p = &page{pair: a, offset: off}
		a.pages[off] = p
		a.ordered = append(a.ordered, p)
	}
	return p
}

// in calls f for the known pages of a range.
func (a *pair) in(start, end mach.Offset, pageSize mach.Size, f func(*page)) {
	if end <= start {
		return
	}
	if pageSize == 0 || uint64(end-start)/uint64(pageSize) > uint64(len(a.ordered)) {
		for _, p := range a.ordered {
			if p.offset >= start && p.offset < end {
				f(p)
			}
		}
		return
	}
	for off := range offsets(start, end, pageSize) {
		if p := a.pages[off]; p != nil {
			f(p)
		}
	}
}

// offsets are the offsets of the pages of a range. A range that wraps has none, and one that no honest message
// names is cut.
func offsets(start, end mach.Offset, pageSize mach.Size) iter.Seq[mach.Offset] {
	return func(yield func(mach.Offset) bool) {
		if pageSize == 0 || end <= start {
			return
		}
		n := (uint64(end-start) + uint64(pageSize) - 1) / uint64(pageSize)
		for i := range min(n, maxPages) {
			if !yield(start + mach.Offset(i*uint64(pageSize))) {
				return
			}
		}
	}
}

// maxPages is how many pages of one message are looked at.
const maxPages = 1 << 16

// hasPageIn reports whether a page of the range is resident.
func (a *pair) hasPageIn(start, end mach.Offset) bool {
	return slices.ContainsFunc(a.ordered, func(p *page) bool {
		return p.offset >= start && p.offset < end && p.state == stateResident
	})
}

// fault is a page fault that is being handled.
type fault struct {
	task     uint32
	begun    uint64 // record
	access   mach.Prot
	page     *page // what it waits for, nil if nothing
	request  *page // what it has requested last
	wanted   mach.Prot
	unlock   *page // what it has asked an unlock for
	relocked bool
	code     mach.Return // of the data_error that came meanwhile
	err      bool
	lost     *pair // the association ended while it waited for data
	aborted  bool
	blocked  bool
}

// call is a message that a kernel is serving.
type call struct {
	message
	thread  uint32
	host    uint16
	seq     uint64 // record
	pair    *pair
	refused bool
	result  mach.Return
	killed  bool
	aborted bool
	self    bool // mach_task_self
	replied bool

	completed int         // completions it sent
	valid     bool        // its arguments are as they should be
	accepted  mach.Offset // supply: end of what was accepted
	counted   bool        // supply: a page was accepted
	snapshot  []*page     // lock_request: resident pages of its range when it began
	ended     *pair       // the association that ended during it
	init      *pair       // vm_map: the association it began
	waited    *pair       // vm_map: the termination it waited for
	unready   *pair       // vm_map: the association whose readiness it waited for
	sync      []*synced
	mapped    *pair // vm_map: what it has mapped
	late      bool  // the association had ended when it began
	cached    bool  // the association was cached when it began
	before    attributes
	ready     bool // the association was ready when it began
}

func (c *call) end() mach.Offset {
	if end := c.start() + mach.Offset(c.size()); end >= c.start() {
		return end
	}
	return ^mach.Offset(0)
}

// lock reports whether c is a lock_request of either form.
func (c *call) lock() bool { return c.kind == msgLockRequest || c.kind == msgLockRequestOld }

// supplies reports whether c is a supply of either form.
func (c *call) supplies() bool { return c.kind == msgDataSupply || c.kind == msgDataProvided }

// wantsReply reports whether the call names a reply right.
func (c *call) wantsReply() bool { return live(c.desc(c.reply).Value) != trace.PortNull }
