package rows

import (
	"bytes"
	"errors"
	"fmt"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/user"
	"machvm/pagers"
)

// stepLimit ends a program that would run for ever.
const stepLimit = 2_000_000

// Mismatch is a step of a program that did not come out as the reference says.
type Mismatch struct {
	Step  int // number, from 1; steps behind the last one of the program look at what it has left
	What  Step
	Trace string // the last events, and who waits for what
	err   error
}

func (m *Mismatch) Error() string { return fmt.Sprintf("step %d, %v: %v", m.Step, m.What, m.err) }

// Unwrap is what was wrong.
func (m *Mismatch) Unwrap() error { return m.err }

// Run runs the program on a kernel and holds every return code and every byte against the reference. All audits are
// made after each step of the machine. The result is a *Mismatch or nil. Spares may be nil.
func (p Program) Run(spares *kernel.Spares) error {
	m, err := boot(&p.Setup, spares)
	if m != nil {
		defer m.sim.Shutdown()
	}
	if err != nil {
		return &Mismatch{err: err}
	}
	for _, v := range p.moves() {
		if v.after {
			if err := m.await(v); err != nil {
				return err
			}
		}
		got, err := m.begin(v.Step)
		m.going = append(m.going, going{v, got})
		if err != nil {
			return m.mismatch(v, err)
		}
		if !v.along {
			if err := m.await(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// going is a step that has begun, and where its outcome comes.
type going struct {
	move
	got *outcome
}

// await lets everything come to its end, of which v is the last, and compares.
func (m *machine) await(v move) error {
	if err := m.run(); err != nil {
		return m.mismatch(v, err)
	}
	for _, g := range m.going {
		err := m.end(g.Step, g.got)
		if err == nil {
			err = g.got.differs(g.want)
		}
		if err != nil {
			return m.mismatch(g.move, err)
		}
	}
	m.going = m.going[:0]
	return nil
}

func (m *machine) mismatch(v move, err error) error {
	return &Mismatch{Step: v.number, What: v.Step, Trace: m.report, err: err}
}

// differs tells how an outcome is not what it should be, nil if it is.
func (got outcome) differs(want outcome) error {
	if got.code.Base() != want.code {
		return fmt.Errorf("got %v, want %v", got.code, want.code)
	}
	if got.addr != want.addr {
		return fmt.Errorf("got address %#x, want %#x", got.addr, want.addr)
	}
	if got.cur != want.cur || got.max != want.max {
		return fmt.Errorf("got protections %v of %v, want %v of %v", got.cur, got.max, want.cur, want.max)
	}
	if at := difference(got.data, want.data); at >= 0 {
		return fmt.Errorf("byte %#x: got %s, want %s", at, byteAt(got.data, at), byteAt(want.data, at))
	}
	for i := range max(len(got.runs), len(want.runs)) {
		if i >= len(got.runs) || i >= len(want.runs) || !got.runs[i].like(want.runs[i]) {
			return fmt.Errorf("got regions %v, want %v", got.runs[min(i, len(got.runs)):], want.runs[min(i, len(want.runs)):])
		}
		if at := difference(got.runs[i].data, want.runs[i].data); at >= 0 {
			return fmt.Errorf("at %#x: got %s, want %s", want.runs[i].first*PageSize+at,
				byteAt(got.runs[i].data, at), byteAt(want.runs[i].data, at))
		}
	}
	return nil
}

func (r run) like(o run) bool {
	return r.first == o.first && r.last == o.last && r.prot == o.prot && r.max == o.max && r.inherit == o.inherit && r.wires == o.wires
}

func (r run) String() string {
	return fmt.Sprintf("[%#x,%#x) %v of %v, %v, %d wirings", r.first*PageSize, r.last*PageSize, r.prot, r.max, r.inherit, r.wires)
}

// difference is where a and b differ first, -1 if nowhere.
func difference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func byteAt(b []byte, at int) string {
	if at >= len(b) {
		return "none"
	}
	return fmt.Sprintf("%#02x", b[at])
}

// machine is a kernel on which a program runs.
type machine struct {
	sim      *kernel.Simulation
	host     *kernel.Host
	setup    *Setup
	managers [managerCount]objectManager
	objects  []mach.Name // by their managers' names
	tasks    [maxTasks]*player
	entries  [maxEntries]handle
	going    []going
	report   string // of the run that failed
}

// objectManager is a manager of memory objects: a pager, and a thread of its task that asks for pages.
type objectManager struct {
	*player
	pager *pagers.MemoryPager
}

// managerOf is the manager of an object: objects go to the managers in turn.
func (m *machine) managerOf(object int) *objectManager { return &m.managers[object%managerCount] }

// player is a task with a thread that does what it is told.
type player struct {
	task    *kernel.Task
	thread  *kernel.Thread
	turn    sched.Queue // the thread, until there is something to do
	todo    func(t user.Thread)
	done    bool
	objects []mach.Name // memory objects, by the task's names
	priv    mach.Name
	mailbox mach.Name
}

func newPlayer(task *kernel.Task) *player {
	q := &player{task: task, done: true}
	q.thread = task.Spawn("main", q.main)
	q.thread.SetDaemon(true)
	return q
}

// main is the program of a player's thread.
func (q *player) main(t user.Thread) {
	for {
		for q.todo == nil {
			th := q.thread.Sched()
			th.Block(&q.turn, sched.Wait{Kind: sched.WaitEvent, Interruptible: true})
			if th.Killed() {
				t.Yield() // does not come back
			}
		}
		f := q.todo
		q.todo = nil
		f(t)
		q.done = true
	}
}

// handle is a right and who has it.
type handle struct {
	task *kernel.Task
	name mach.Name
}

// boot starts a host, its managers, and the tasks of the beginning.
func boot(s *Setup, spares *kernel.Spares) (*machine, error) {
	config := kernel.Config{Checked: true, StepLimit: stepLimit, Spares: spares}
	if s.Schedule != 0 {
		config.Chooser, config.LoadPoints = choice.NewRandom(s.Schedule), true
	}
	m := &machine{setup: s, sim: kernel.New(config)}
	p := personality.Mach()
	for _, h := range habits {
		if s.has(h.field) {
			if err := p.Set(h.field, h.value); err != nil {
				return m, err
			}
		}
	}
	var err error
	if m.host, err = m.sim.Boot(kernel.HostConfig{Name: "k", Personality: p, PageSize: PageSize, Frames: s.frames()}); err != nil {
		return m, err
	}
	if s.Paging > 0 {
		if err := m.startPaging(); err != nil {
			return m, err
		}
	}
	if err := m.startManagers(); err != nil {
		return m, err
	}
	for i := range s.Tasks {
		if err := m.adopt(i, m.host.NewTask(fmt.Sprintf("t%d", i))); err != nil {
			return m, err
		}
	}
	return m, nil
}

// startManagers makes the managers and their memory objects.
func (m *machine) startManagers() error {
	for i := range m.managers {
		task := m.host.NewTask(fmt.Sprintf("manager%d", i))
		m.managers[i].player = newPlayer(task)
		var failed mach.Return
		task.Spawn("service", func(t user.Thread) {
			m.managers[i].pager, failed = pagers.NewMemory(t)
			if failed == mach.KernSuccess {
				m.managers[i].pager.Server().Run(t)
			}
		}).SetDaemon(true)
		if err := errors.Join(m.run(), failed.Err()); err != nil {
			return err
		}
	}
	m.objects = make([]mach.Name, len(m.setup.Objects))
	for i, o := range m.setup.Objects {
		options := pagers.MemoryOptions{Data: objectData(i, o), Precious: o.Precious, Attributes: pagers.Attributes{
			CopyStrategy: o.Strategy, MayCache: o.MayCache, ClusterSize: int32(o.Cluster * PageSize)}}
		if o.Locked {
			options.Lock = mach.ProtWrite
		}
		q := m.managerOf(i)
		err := m.in(q.player, func(t user.Thread) (code mach.Return) {
			m.objects[i], code = q.pager.Add(t, options)
			return code
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// startPaging makes a default manager with more paging space than any program needs.
func (m *machine) startPaging() error {
	store := pagers.NewMemStore()
	store.Put("paging", nil)
	file, err := store.Open("paging")
	if err != nil {
		return err
	}
	task := m.host.NewTask("paging")
	priv, err := task.GiveHostPriv()
	if err != nil {
		return err
	}
	var failed mach.Return
	task.Spawn("service", func(t user.Thread) {
		var p *pagers.DefaultPager
		if p, failed = pagers.NewDefault(t, pagers.DefaultOptions{File: file, Pages: pagingSpace}); failed != mach.KernSuccess {
			return
		}
		if _, failed = p.Register(t, priv, mach.Size(m.setup.Paging)*PageSize); failed == mach.KernSuccess {
			p.Run(t)
		}
	}).SetDaemon(true)
	return errors.Join(m.run(), failed.Err())
}

// adopt gives a task what programs need beside memory.
func (m *machine) adopt(slot int, task *kernel.Task) error {
	q := newPlayer(task)
	m.tasks[slot] = q
	var err error
	if q.priv, err = task.GiveHostPriv(); err != nil {
		return err
	}
	for i, o := range m.objects {
		name, err := task.GiveSend(m.managerOf(i).task, o)
		if err != nil {
			return err
		}
		q.objects = append(q.objects, name)
	}
	return m.in(q, func(t user.Thread) (code mach.Return) {
		q.mailbox, code = user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
		return code
	})
}

// run lets the machine run until nothing can.
func (m *machine) run() error {
	o := m.sim.Run()
	if o.Err != nil {
		m.report = o.Report()
	}
	return o.Err
}

var errStuck = errors.New("the call does not come back")

// start has a player do something when the machine runs.
func (q *player) start(f func(t user.Thread)) {
	q.todo, q.done = f, false
	q.turn.Wake(sched.Awakened)
}

// in has a player do something that must succeed, to its end.
func (m *machine) in(q *player, f func(t user.Thread) mach.Return) error {
	code := mach.KernFailure
	q.start(func(t user.Thread) { code = f(t) })
	err := m.run()
	if err == nil && !q.done {
		err = errStuck
	}
	return errors.Join(err, code.Err())
}

// child is the youngest task of the host.
func (m *machine) child() *kernel.Task {
	all := m.host.Tasks()
	return all[len(all)-1]
}

// give puts a right into a task; the name is the giver's.
func give(to, from *kernel.Task, name mach.Name) mach.Name {
	got, err := to.GiveSend(from, name)
	if err != nil {
		panic(err)
	}
	return got
}

// taskPort puts a right for a task's port into another.
func taskPort(to, of *kernel.Task) mach.Name {
	got, err := to.GiveTaskPort(of)
	if err != nil {
		panic(err)
	}
	return got
}

// codeOf is the code of an access.
func (out *outcome) codeOf(err error) mach.Return {
	var exc *user.Exception
	if errors.As(err, &exc) {
		out.addr = int(exc.Addr)
	}
	return mach.Code(err)
}

// regions is what vm_region tells of a task, regions that are alike joined, and what can be read of them.
func regions(t user.Thread) (list []run, code mach.Return) {
	for at := mach.Addr(0); code == mach.KernSuccess; {
		var r user.Region
		if r, code = user.VMRegion(t, user.Self(t), at); code == mach.KernSuccess {
			at = r.Address + mach.Addr(r.Size)
			list = extend(list, run{int(r.Address) / PageSize, int(at) / PageSize, r.Protection, r.MaxProtection, r.Inheritance,
				int(r.UserWiredCount), nil})
		}
	}
	if code != mach.KernInvalidAddress {
		return list, code
	}
	for i := range list {
		r := &list[i]
		if r.prot&mach.ProtRead == 0 {
			continue
		}
		r.data = make([]byte, (r.last-r.first)*PageSize)
		if err := t.Load(mach.Addr(r.first*PageSize), r.data); err != nil {
			return list, mach.Code(err)
		}
	}
	return list, mach.KernSuccess
}

// memoryMessage is a message with out-of-line memory.
func memoryMessage(s Step, to mach.Name) *mach.UserMessage {
	d := mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Deallocate: s.Flush,
		Memory: mach.Region{Address: mach.Addr(s.Addr), Size: mach.Size(s.Size)}}
	if s.Copy {
		d.Copy = mach.CopyPhysical
	}
	return &mach.UserMessage{ID: 4711, Remote: to, RemoteDisp: mach.CopySend, Complex: true, Descs: []mach.Desc[mach.Name, mach.Region]{d}}
}

// entryKind is the permission of a step that makes a memory entry.
func entryKind(s Step) uint32 {
	if s.Copy {
		return uint32(s.Prot) | defs.MapMemVMCopy
	}
	return uint32(s.Prot) | defs.MapMemVMShare
}
