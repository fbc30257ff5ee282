package monitor

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Monitor watches a trace, live or saved, and holds every message of every kernel and manager against the rules
// that a bystander can check. It is a trace.Sink. Its checks rest on what messages say and on the kernels'
// own remarks about pages, phases and ports; it never looks into a kernel.
//
// A trace may begin in the middle: then nothing is said about an association before its init was seen, and
// nothing that depends on the habits of a kernel before it has said them.
type Monitor struct {
	names       *trace.Names
	list        []Violation
	more        int
	onViolation func(Violation)

	now    *trace.Record // being looked at
	result mach.Return   // of the trap that is over
	whole  bool          // the trace began with record 1
	booted int           // kernels

	hosts    map[uint16]*host
	lastHost *host // asked for last
	ports    map[uint64]*port
	controls map[uint64]*pair // by control port
	objects  map[uint64]*pair // by VM object
	pairs    []*pair          // every association, in the order of their inits
	calls    map[uint32]*call // by thread
	faults   map[uint32]*fault
	idle     []*call // calls to use again
	later    []deferred
	receives map[receiveKey]uint64 // ports by the names of their receive rights
	tasks    map[uint64]uint32     // by task port

	defaultManagers []uint64        // service ports, in the order in which they were installed
	lastNoSenders   uint64          // the port of the last no-senders event
	lastQueued      uint64          // the port to which a message was sent last
	dead            map[uint32]bool // tasks

	coverage *Coverage
}

type receiveKey struct {
	task uint32
	name mach.Name
}

// host is what the monitor knows of a kernel.
type host struct {
	id       uint16
	set      mig.Set
	habits   *personality.Personality // nil: unknown
	text     string                   // of habits, as far as it came
	pageSize mach.Size                // 0: unknown
	cached   []*pair                  // associations without users, the one released longest ago first

	manager      uint64 // the default manager's service port
	managerKnown bool
}

// Kinds are the events a monitor wants.
var Kinds = trace.MaskOf(trace.KindMessage, trace.KindFault, trace.KindPageState, trace.KindObjectPhase,
	trace.KindAssociation, trace.KindMapping, trace.KindPort, trace.KindRight, trace.KindThread, trace.KindTrap,
	trace.KindTask, trace.KindHost, trace.KindNote)

// New is a monitor for a trace whose names are names, which may be nil.
func New(names *trace.Names) *Monitor {
	return &Monitor{
		names: names, hosts: map[uint16]*host{}, ports: map[uint64]*port{}, controls: map[uint64]*pair{},
		objects: map[uint64]*pair{}, calls: map[uint32]*call{}, faults: map[uint32]*fault{},
		dead: map[uint32]bool{}, receives: map[receiveKey]uint64{}, tasks: map[uint64]uint32{}, coverage: NewCoverage(),
	}
}

// Attach makes a monitor that listens to t from now on.
func Attach(t *trace.Tracer) *Monitor {
	m := New(t.Names())
	t.AddSink(m, Kinds)
	return m
}

// Coverage is what the run has reached so far.
func (m *Monitor) Coverage() *Coverage { return m.coverage }

// Record looks at r.
func (m *Monitor) Record(r *trace.Record) {
	if m.now == nil {
		m.whole = r.Seq == 1
	}
	m.now = r
	switch r.Kind {
	case trace.KindMessage:
		e, _ := trace.As[trace.Message](r)
		m.message(r, e)
	case trace.KindPageState:
		e, _ := trace.As[trace.PageState](r)
		m.pageState(r, &e)
	case trace.KindFault:
		e, _ := trace.As[trace.Fault](r)
		m.faulted(r, &e)
	case trace.KindTrap:
		e, _ := trace.As[trace.Trap](r)
		m.trap(r, &e)
	case trace.KindRight:
		e, _ := trace.As[trace.RightEvent](r)
		m.right(r, &e)
	case trace.KindPort:
		e, _ := trace.As[trace.PortEvent](r)
		m.portEvent(r, &e)
	case trace.KindThread:
		e, _ := trace.As[trace.Thread](r)
		m.threadEvent(r, &e)
	case trace.KindMapping:
		e, _ := trace.As[trace.Mapping](r)
		m.mapping(r, &e)
	case trace.KindObjectPhase:
		e, _ := trace.As[trace.ObjectPhase](r)
		m.phase(r, &e)
	case trace.KindAssociation:
		e, _ := trace.As[trace.Association](r)
		m.step(r, &e)
	case trace.KindTask:
		if e, _ := trace.As[trace.TaskEvent](r); e.Op == trace.TaskTerminate {
			m.dead[e.Task] = true
		}
	case trace.KindHost:
		e, _ := trace.As[trace.HostEvent](r)
		m.boot(&e)
	case trace.KindNote:
		e, _ := trace.As[trace.Note](r)
		m.note(&e)
	}
}

// Finish says that the trace is over. complete says that the run came to rest: nothing could go on any more.
// Then what is still owed is a breach too. It may be called again after more records.
func (m *Monitor) Finish(complete bool) {
	m.runDeferred(func(*deferred) bool { return true })
	if complete {
		m.owed()
	}
}

// host is the state of a kernel.
func (m *Monitor) host(id uint16) *host {
	if h := m.lastHost; h != nil && h.id == id {
		return h
	}
	h := m.hosts[id]
	if h == nil {
		h = &host{id: id}
		m.hosts[id] = h
	}
	m.lastHost = h
	return h
}

func (m *Monitor) boot(e *trace.HostEvent) {
	h := m.host(e.Subject)
	h.pageSize = e.PageSize
	if h.text != "" {
		h.text += " "
	}
	h.text += e.Habits.String()
	if e.Part == 0 {
		m.booted++
	}
	if !e.Last {
		return
	}
	if p, err := personality.Parse(h.text); err == nil {
		h.habits, h.set = &p, mig.Set(p.MessageSet)
	}
}

// habit reports whether a switch of the kernel has the wanted position; false if its habits are unknown, so that
// a check which depends on one is left out.
func (h *host) habit(is func(p *personality.Personality) bool) bool {
	return h.habits != nil && is(h.habits)
}

// A deferred check is made when a trap of a thread is over, or at the end.
type deferred struct {
	thread uint32
	check  func()
}

func (m *Monitor) afterTrap(thread uint32, check func()) {
	m.later = append(m.later, deferred{thread, check})
}

func (m *Monitor) runDeferred(due func(*deferred) bool) {
	if len(m.later) == 0 {
		return
	}
	var ready []func()
	keep := m.later[:0]
	for i := range m.later {
		if due(&m.later[i]) {
			ready = append(ready, m.later[i].check)
		} else {
			keep = append(keep, m.later[i])
		}
	}
	m.later = keep
	for _, check := range ready {
		check()
	}
}

// trap: the thread has left the kernel, so whatever it did there is done.
func (m *Monitor) trap(r *trace.Record, e *trace.Trap) {
	if e.Exit {
		m.endCall(r.Thread, e.Code)
		m.result = e.Code
		m.runDeferred(func(d *deferred) bool { return d.thread == r.Thread })
		return
	}
	if e.Name == trace.TrapTaskSelf {
		m.call(r, message{trace.Message{Task: e.Task}, other}).self = true
	}
}

// threadEvent follows threads that end, wait or are aborted.
func (m *Monitor) threadEvent(r *trace.Record, e *trace.Thread) {
	c := m.calls[e.Subject]
	switch e.Op {
	case trace.ThreadExit:
		m.endCall(e.Subject, mach.KernSuccess)
		m.runDeferred(func(d *deferred) bool { return d.thread == e.Subject })
		delete(m.faults, e.Subject)
	case trace.ThreadKill:
		if c != nil {
			c.killed = true
		}
		delete(m.faults, e.Subject)
	case trace.ThreadAbort:
		if c != nil {
			c.aborted = true
		}
		if f := m.faults[e.Subject]; f != nil {
			f.aborted = true
		}
	case trace.ThreadWake:
		if e.Reason == trace.WaitMessage {
			m.handedOver()
		}
	case trace.ThreadBlock:
		if e.Reason == trace.WaitMessage {
			m.endCall(e.Subject, mach.KernSuccess)
			return
		}
		m.blocked(r, e, c)
	}
}

// blocked looks at what a thread waits for inside the kernel.
func (m *Monitor) blocked(r *trace.Record, e *trace.Thread, c *call) {
	if f := m.faults[e.Subject]; f != nil {
		f.blocked = true
	}
	switch e.Reason {
	case trace.WaitQueue:
		// A thread that the kernel serves, or whose fault it handles, sends nothing of its own.
		if m.faults[e.Subject] != nil || c != nil && c.layout != other {
			m.kernelBroke("EMM-016", r.Host, e.What, "a kernel thread waits for room in a queue")
		}
	case trace.WaitPage:
		a := m.objects[e.What]
		switch {
		case c == nil || a == nil || c.pair != a:
		case c.kind == msgDestroy && a.ending == byDestroy:
			m.kernelBroke("EMM-096", a.host, a.port, "destroy waits for a page")
		case c.lock() && !a.hasPageIn(c.start(), c.end()):
			m.kernelBroke("EMM-188", a.host, a.port, "a lock_request waits although no page of its range is resident")
		}
	case trace.WaitPort:
		if c == nil || c.kind != msgMap {
			return
		}
		if a := m.pairOf(c.desc(c.object).Value, r.Host); a == nil || a.live() || a.terminated {
			m.kernelBroke("EMM-072", r.Host, c.desc(c.object).Value, "a mapper waits for a termination that is not under way")
		} else {
			m.coverage.reach(arcMapTerminating)
			c.waited = a
		}
	}
}

// note: a manager says what cannot be seen from outside by a note that begins with the id of an arc.
func (m *Monitor) note(e *trace.Note) { m.coverage.announce(e.Text.String()) }
