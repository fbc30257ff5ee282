package conformance

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

var (
	modelPrograms = flag.Int("machvm.programs", 300, "random programs that are compared with the reference model of IPC")
	modelOps      = flag.Int("machvm.ops", 100, "operations of each such program")
)

// TestModel runs random programs of port calls and messages on several tasks, and compares what they see with the
// reference model: codes, names, types, references, messages and their order. The kernel recounts every right
// after each trap as well. What fails is made as short as possible and printed as steps.
func TestModel(t *testing.T) {
	programs := *modelPrograms
	if testing.Short() {
		programs /= 10
	}
	setFlag(t, "rapid.checks", fmt.Sprint(programs))
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.shrinktime", "0s") // randomRun.shrunk knows what a step is
	var spares kernel.Spares
	defer spares.Close()
	var failing randomRun
	t.Cleanup(func() {
		if t.Failed() && failing.failure != "" {
			t.Log(failing.shrunk(&spares).text(&spares))
		}
	})
	random := rapid.Custom(func(t *rapid.T) randomRun { return drawRun(t, *modelOps, &spares) })
	rapid.Check(t, func(t *rapid.T) {
		if p := random.Draw(t, "program"); p.failure != "" {
			failing = p
			t.Fatal(p.failure)
		}
	})
}

// setFlag sets a flag of the test binary until the test ends, unless the command line has set it.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	if set {
		return
	}
	old := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, value))
	t.Cleanup(func() { require.NoError(t, flag.Set(name, old)) })
}

// machine is a kernel with some tasks, and the model of them.
type machine struct {
	log     func(text string) // nil: nobody wants to know
	failure string
	count   int // steps
	sim     *kernel.Simulation
	world   *refWorld
	players []*player
	ports   map[*refPort]*ipc.Port // those that some task has had a name for
	met     []*refPort             // the same, in order
	lastID  mach.MsgID
	fresh   int // names that programs have chosen
}

// player is a task with a thread that does what it is told.
type player struct {
	*refTask
	k    *kernel.Task
	turn sched.Queue
	todo func(a *actor)
	done bool
	// control is the task's names for the control ports of all tasks. They, and the library's reply port, are
	// nothing that programs play with.
	control []mach.Name
	reply   mach.Name
	library map[mach.Name]bool // all of these
}

func (p *player) String() string { return fmt.Sprintf("t%d", p.index+1) }

// newMachine boots a host with habits of its own and three tasks.
func newMachine(h refHabits, spares *kernel.Spares) *machine {
	m := &machine{sim: kernel.New(kernel.Config{Checked: true, Spares: spares, StepLimit: stepLimit}),
		world: &refWorld{habits: h}, ports: map[*refPort]*ipc.Port{}}
	p := personality.OSFManual()
	p.DeallocUnknownOK, p.PlainPortsNoNMS, p.MultiSet = !h.unknownIsBad, !h.plainDetects, !h.oneSet
	if h.keepNoSenders {
		must(p.Set("NSRequestOnMove", "keep"))
	}
	if h.fullTrailer {
		must(p.Set("TooLargeTrailer", "requested"))
	}
	host, err := m.sim.Boot(kernel.HostConfig{Personality: p, Frames: 256})
	must(err)
	for i := range 3 {
		q := &player{refTask: &refTask{world: m.world, index: i}, library: map[mach.Name]bool{}}
		q.k = host.NewTask(q.String())
		m.world.tasks = append(m.world.tasks, q.refTask)
		m.players = append(m.players, q)
	}
	for _, q := range m.players {
		q.k.Spawn("main", q.main).SetDaemon(true)
		for _, of := range m.players {
			name, err := q.k.GiveTaskPort(of.k)
			must(err)
			q.control = append(q.control, name)
			q.library[name] = true
		}
	}
	for _, q := range m.players {
		m.run(q, func(a *actor) { _, _, _ = a.on(q.control[q.index]).portNames() })
		q.learn()
	}
	return m
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// main is the program of a player's thread.
func (p *player) main(th user.Thread) {
	a := &actor{Thread: th}
	for {
		if p.todo == nil {
			s := p.k.Threads()[0].Sched()
			s.Block(&p.turn, sched.Wait{Kind: sched.WaitEvent, Interruptible: true})
			if s.Killed() {
				th.Yield()
			}
		}
		f := p.todo
		p.todo = nil
		f(a)
		p.done = true
	}
}

// run lets a player's thread do something, and reports whether it came to the end of it.
func (m *machine) run(p *player, f func(a *actor)) bool {
	p.todo, p.done = f, false
	p.turn.Wake(sched.Awakened)
	if o := m.sim.Run(); !o.OK() {
		m.fail("%v", o.Err)
		if m.log != nil {
			m.log(o.Report())
		}
	}
	return p.done
}

// field is one thing that a program sees: the name of an entry that the model knows, or a number.
type field struct {
	label string
	value uint64
	entry *refEntry
}

func (f field) String() string {
	if f.entry != nil && f.entry.name == mach.NameNull {
		return f.label + " a new name"
	}
	if f.label == "code" {
		return mach.Return(f.number()).String()
	}
	return fmt.Sprintf("%s %#x", f.label, f.number())
}

func (f field) number() uint64 {
	if f.entry != nil {
		return uint64(f.entry.name)
	}
	return f.value
}

// seen is all that a program sees of an operation.
type seen []field

func code(ret mach.Return) seen { return seen{{label: "code", value: uint64(uint32(ret))}} }

func (s seen) num(label string, v uint64) seen { return append(s, field{label: label, value: v}) }

func (s seen) name(label string, n refName) seen {
	return append(s, field{label: label, value: uint64(n.fixed), entry: n.entry})
}

func (s seen) String() string {
	var b strings.Builder
	for i, f := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// step is one operation of a program.
type step struct {
	who  *player
	on   *player // whose names it is about, nil for a mach_msg
	text string
	kern func(a *actor) seen // what the kernel does
	ref  func() seen         // what the model does
	ends bool                // the thread does not come back
}

// do makes one step in both worlds and compares.
func (m *machine) do(s step) {
	m.count++
	if m.log != nil {
		m.log(fmt.Sprintf("%3d  %v: %s", m.count, s.who, s.text))
	}
	gone := s.on != nil && s.on.dead
	var got, want seen
	done := m.run(s.who, func(a *actor) { got = s.kern(a) })
	s.who.learn()
	switch {
	case m.failure != "":
		return
	case done == s.ends:
		m.fail("the call came back: %v, want %v", done, !s.ends)
		return
	case gone:
		got, want = got[:1], code(mach.SendInvalidDest) // the dead name of a task port
	default:
		want = s.ref()
	}
	if m.log != nil {
		m.log(fmt.Sprintf("       %v", want))
	}
	if !s.ends && !m.same(got, want) {
		m.fail("got  %v\nwant %v", got, want)
	}
	for _, p := range m.players {
		if diff := m.compare(p); diff != "" {
			m.fail("%s", diff)
		}
	}
	for _, q := range m.met {
		if diff := comparePort(q, m.ports[q]); diff != "" {
			m.fail("%s", diff)
		}
	}
	m.met = slices.DeleteFunc(m.met, func(q *refPort) bool { return q.dead })
}

// fail notes what is wrong first.
func (m *machine) fail(format string, args ...any) {
	if m.failure == "" {
		m.failure = fmt.Sprintf("in step %d: ", m.count) + fmt.Sprintf(format, args...)
	}
}

// learn finds out the name of the library's reply port. The library gives the old one up after a call that took
// the reply right along and failed.
func (p *player) learn() {
	if e, ok := p.k.Space().Lookup(p.reply); ok && e.Type == mach.TypeReceive {
		return
	}
	delete(p.library, p.reply)
	for _, e := range p.k.Rights() {
		if p.find(e.Name) == nil && !p.library[e.Name] && e.Type == mach.TypeReceive {
			p.reply = e.Name
			p.library[p.reply] = true
			return
		}
	}
}

// same compares what programs see. Where the model expects a new name, it learns it.
func (m *machine) same(got, want seen) bool {
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		if e := w.entry; e != nil && e.name == mach.NameNull {
			name := mach.Name(got[i].value)
			p := m.players[e.task.index]
			if !name.Valid() || p.find(name) != nil || p.library[name] {
				return false
			}
			e.name = name
		}
		if got[i].label != w.label || got[i].value != w.number() {
			return false
		}
	}
	return true
}

// compare compares the names of a task.
func (m *machine) compare(p *player) string {
	if p.dead {
		return ""
	}
	n := 0
	for _, got := range p.k.Rights() {
		if p.library[got.Name] {
			continue
		}
		e := p.find(got.Name)
		if e == nil {
			return fmt.Sprintf("%v has %v, of which the model knows nothing", p, got)
		}
		n++
		want := e.kind
		if e.ask != nil {
			want |= mach.TypeDNRequest
		}
		if got.Type != want || e.has(mach.TypeSend|mach.TypeDeadName) && got.Urefs != e.urefs {
			return fmt.Sprintf("%v has %v; want %v x%d", p, got, want, e.urefs)
		}
		if e.port == nil {
			continue
		}
		if m.ports[e.port] == nil {
			m.ports[e.port] = got.Port
			m.met = append(m.met, e.port)
		}
		if m.ports[e.port] != got.Port {
			return fmt.Sprintf("%v has %v, which is another port than it should be", p, got)
		}
	}
	if n != len(p.entries) {
		for _, e := range p.entries {
			if _, ok := p.k.Space().Lookup(e.name); !ok {
				return fmt.Sprintf("%v has no name %v any more; want %v x%d", p, e.name, e.kind, e.urefs)
			}
		}
	}
	return ""
}

// comparePort compares the state of a port and its queue.
func comparePort(q *refPort, k *ipc.Port) string {
	if q.dead || !k.Alive() {
		if q.dead == k.Alive() {
			return fmt.Sprintf("%v is alive: %v, want %v", k, k.Alive(), !q.dead)
		}
		return ""
	}
	ns, pd, asks := k.Requests()
	got := portState{k.Seqno(), k.Mscount(), k.Qlimit(), k.Msgcount(), k.Srights(), k.Sorights(), ns, pd, asks}
	want := portState{q.seqno, q.mscount, q.limit, len(q.queue), q.srights, q.sorights, q.ns != nil, q.pd != nil, len(q.asks)}
	if got != want {
		return fmt.Sprintf("%v is\ngot  %+v\nwant %+v", k, got, want)
	}
	i, diff := 0, ""
	k.Queued(func(x *ipc.Kmsg) bool {
		if w := q.queue[i]; x.Message.ID != w.id || !slices.Equal(x.Message.Body, bytesOf(w.words...)) {
			diff = fmt.Sprintf("message %d of %v is %d %x; want %d %x", i+1, k, x.Message.ID, x.Message.Body, w.id, bytesOf(w.words...))
		}
		i++
		return diff == ""
	})
	return diff
}

type portState struct {
	seqno, mscount                     uint32
	limit, messages, srights, sorights int
	ns, pd                             bool
	dn                                 int
}
