package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// emm is the stage of the tests of the pager protocol: one kernel, one manager, one client, and whatever
// a test adds. A test is told step by step: each call of a helper runs the simulation until nothing can
// run any more, so that what the test looks at next is at rest. Audits run after every step.
type emm struct {
	*stage
	k     *kernel.Host
	m     *manager
	c     *client
	order *order

	letters  map[*ipc.Port]string // of control ports, in the order of their inits
	finished bool
}

func newEMM(t *testing.T, opts ...option) *emm {
	t.Helper()
	return newEMMOrdered(t, &order{}, opts...)
}

func newEMMOrdered(t *testing.T, o *order, opts ...option) *emm {
	t.Helper()
	e := &emm{stage: newStage(t, append(opts, withChooser(o))...), order: o, letters: map[*ipc.Port]string{}}
	t.Cleanup(e.finish)
	e.k = e.Host(0)
	e.m = e.newManager("manager")
	e.c = e.newClient("client")
	return e
}

// underSeeds plays a scene under n schedules that switch threads at random.
func underSeeds(t *testing.T, n int, scene func(e *emm), opts ...option) {
	t.Helper()
	for seed := range n {
		func() {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			e := newEMMOrdered(t, &order{otherwise: choice.NewRandom(uint64(seed))}, opts...)
			scene(e)
			e.finish()
		}()
	}
}

// finish ends every task and requires that nothing is left behind: the last audit passes, and no page
// outlives the tasks. It runs at the end of each test that did not fail.
func (e *emm) finish() {
	if e.finished || e.t.Failed() {
		return
	}
	e.finished = true
	for _, h := range e.sim.Hosts() {
		for _, task := range h.Tasks() {
			task.Terminate()
		}
	}
	e.Run()
	require.NoError(e.t, e.sim.Check())
	for _, h := range e.sim.Hosts() {
		require.Empty(e.t, h.Tasks(), "tasks left on %v", h)
		s := h.VM().Stats()
		require.Zero(e.t, s.Active+s.Inactive+s.Wired, "pages left on %v: %s", h, e.sim.Describe())
	}
	e.sim.Shutdown()
}

// boot starts one more kernel, with the habits of the first.
func (e *emm) boot(name string, pageSize mach.Size) *kernel.Host {
	e.t.Helper()
	h, err := e.sim.Boot(kernel.HostConfig{Name: name, Personality: *e.k.Personality(), PageSize: pageSize})
	require.NoError(e.t, err)
	return h
}

// settle runs the simulation until nothing can run.
func (e *emm) settle() {
	e.t.Helper()
	require.Nil(e.t, e.sim.Sched().Current(), "a step inside a step")
	e.Settle()
}

func (e *emm) newTask(name string) *kernel.Task { return e.k.NewTask(name) }

// job is a thread of the test.
type job struct {
	e      *emm
	name   string
	thread mach.Name // the thread's name for itself
	ended  bool
	code   mach.Return
	value  byte
}

// spawn starts a thread that runs f; it does not run yet.
func (e *emm) spawn(task *kernel.Task, name string, f func(x *calls) mach.Return) *job {
	j := &job{e: e, name: name}
	e.Spawn(task, name, func(th user.Thread) {
		j.thread = th.ThreadSelf()
		j.code = f(&calls{th, e})
		j.ended = true
	})
	return j
}

// start runs a thread until everything is quiet.
func (e *emm) start(task *kernel.Task, name string, f func(x *calls) mach.Return) *job {
	e.t.Helper()
	j := e.spawn(task, name, f)
	e.settle()
	return j
}

// in is start for a thread that must come to its end.
func (e *emm) in(task *kernel.Task, f func(x *calls)) {
	e.t.Helper()
	e.start(task, "step", func(x *calls) mach.Return { f(x); return mach.KernSuccess }).requireDone()
}

func (j *job) requireEnded() mach.Return {
	j.e.t.Helper()
	if !j.ended {
		require.FailNow(j.e.t, j.name+" waits", j.e.Settle().Report())
	}
	return j.code
}

func (j *job) requireDone() { j.e.t.Helper(); j.requireFails(mach.KernSuccess) }

func (j *job) requireFails(code mach.Return) {
	j.e.t.Helper()
	require.Equal(j.e.t, code, j.requireEnded(), j.name)
}

func (j *job) requireValue(b byte) {
	j.e.t.Helper()
	j.requireDone()
	require.Equal(j.e.t, b, j.value, j.name)
}

func (j *job) requireBlocked() {
	j.e.t.Helper()
	require.False(j.e.t, j.ended, "%s has ended with %v", j.name, j.code)
}

// order is the chooser of a stage: it lets intruders in at named points and otherwise takes the first
// option, or a random one.
type order struct {
	otherwise choice.Chooser // nil: the first option
	intruders []*intruder
}

// intruder is a thread that runs when another one comes to a point.
type intruder struct {
	script *choice.Script
	in     bool
}

func (o *order) Choose(p choice.Point) int {
	for _, i := range o.intruders {
		if i.in {
			continue
		}
		option := i.script.Choose(p)
		if len(i.script.Unused()) == 0 {
			i.in = true
			return option
		}
	}
	return choice.Ask(o.otherwise, p)
}

// at has a thread of task run f as soon as any other thread comes to a named preemption point of the
// kernel: "before-init", "association-broken", "before-data-return", "before-terminate", "placeholder-inserted",
// "before-verify". Say it just before the step that gets there; the test fails if that step does not. The
// other thread goes on when f ends or waits. f must not use the helpers that run the simulation.
func (e *emm) at(point string, task *kernel.Task, f func(x *calls)) *job {
	e.t.Helper()
	name := "at " + point
	script, err := choice.NewScript(choice.Rule{Kind: choice.KindPreempt, Name: point, Label: task.Name() + "/" + name, Times: 1})
	require.NoError(e.t, err)
	i := &intruder{script: script}
	e.order.intruders = append(e.order.intruders, i)
	return e.spawn(task, name, func(x *calls) mach.Return {
		e.WaitUntil(x, func() bool { return i.in })
		f(x)
		return mach.KernSuccess
	})
}

// portNamed is the port that a manager names, for inspection.
func (e *emm) portNamed(m *manager, name mach.Name) *ipc.Port {
	e.t.Helper()
	entry, ok := m.task.Space().Lookup(name)
	require.True(e.t, ok, "%v denotes nothing", name)
	require.NotNil(e.t, entry.Port)
	return entry.Port
}

// kernelRights is the rights that the first kernel holds, on behalf of associations, for the port that a
// manager names.
func (e *emm) kernelRights(m *manager, name mach.Name) []ipc.RightKind {
	e.t.Helper()
	port := e.portNamed(m, name)
	kinds := []ipc.RightKind{}
	e.k.VM().VisitRights(func(r ipc.Right, _ string) {
		if !r.IsSpent() && r.Port() == port {
			kinds = append(kinds, r.Kind())
		}
	})
	return kinds
}

// resident is how many pages of a memory object the first kernel holds data of.
func (e *emm) resident(name mach.Name) int {
	n := 0
	info, _ := e.k.VM().ObjectInfo(e.portNamed(e.m, name))
	for _, p := range info.Pages {
		if p.State == "data" {
			n++
		}
	}
	return n
}

// sent is how many messages with a number kernels have sent, received or not, also to dead ports.
func (e *emm) sent(id mach.MsgID) int {
	seen := map[uint64]bool{}
	for r := range e.sim.Tracer().Records() {
		if m, ok := trace.As[trace.Message](r); ok && m.ID == id && m.FromKernel {
			seen[m.Kmsg] = true
		}
	}
	return len(seen)
}

// christen gives the control port of an init its letter.
func (e *emm) christen(m *manager, control mach.Name) {
	if entry, ok := m.task.Space().Lookup(control); ok && entry.Port != nil && e.letters[entry.Port] == "" {
		e.letters[entry.Port] = string(rune('a' + len(e.letters)))
	}
}

// letter is the letter of a control port.
func (e *emm) letter(m *manager, control mach.Name) string {
	if control == mach.NameNull {
		return "null"
	}
	entry, ok := m.task.Space().Lookup(control)
	switch {
	case control == mach.NameDead, ok && entry.Type&mach.TypeDeadName != 0:
		return "dead"
	case ok && e.letters[entry.Port] != "":
		return e.letters[entry.Port]
	}
	return "?"
}

// client is a task that maps memory objects.
type client struct {
	e     *emm
	task  *kernel.Task
	ports map[mach.Name]mach.Name // its names for the memory objects of the first manager, by that one's
}

func (e *emm) newClient(name string) *client { return e.newClientOn(e.k, name) }

func (e *emm) newClientOn(h *kernel.Host, name string) *client {
	return &client{e: e, task: h.NewTask(name), ports: map[mach.Name]mach.Name{}}
}

func (c *client) spawn(name string, f func(x *calls) mach.Return) *job {
	return c.e.spawn(c.task, name, f)
}

func (c *client) start(name string, f func(x *calls) mach.Return) *job {
	c.e.t.Helper()
	return c.e.start(c.task, name, f)
}

func (c *client) do(f func(x *calls)) {
	c.e.t.Helper()
	c.e.in(c.task, f)
}

// port is the client's name for a memory object of the first manager.
func (c *client) port(object mach.Name) mach.Name {
	if object == mach.NameNull {
		return mach.NameNull
	}
	if c.ports[object] == mach.NameNull {
		c.ports[object] = c.e.GiveSend(c.e.m.task, object, c.task)
	}
	return c.ports[object]
}

// dropPort gives up the client's right for a memory object.
func (c *client) dropPort(object mach.Name) {
	c.e.t.Helper()
	name := c.port(object)
	delete(c.ports, object)
	c.do(func(x *calls) { x.ok(x.deallocatePort(name)) })
}

// note sends a message to a memory object.
func (c *client) note(object mach.Name, id mach.MsgID, timeout mach.Timeout) (code mach.Return) {
	name := c.port(object)
	c.do(func(x *calls) { code = x.note(name, id, timeout) })
	return code
}

// abort calls thread_abort for a thread of the client.
func (c *client) abort(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) { x.ok(user.ThreadAbort(x, j.thread)) })
}

// kill calls thread_terminate for a thread of the client.
func (c *client) kill(j *job) {
	c.e.t.Helper()
	c.do(func(x *calls) { x.ok(user.ThreadTerminate(x, j.thread)) })
	require.False(c.e.t, j.ended, j.name)
}

// terminate ends the client's task.
func (c *client) terminate() {
	c.task.Terminate()
	c.e.settle()
}

// mapped is memory that a client has mapped.
type mapped struct {
	c      *client
	addr   mach.Addr
	offset mach.Offset // of its first byte in the memory object
	pages  int
}

// mapPages maps the first n pages of the manager's first memory object.
func (c *client) mapPages(n int) *mapped {
	c.e.t.Helper()
	return c.mapRange(c.e.m.port, 0, n)
}

// mapRange maps n pages of a memory object of the first manager; a null one is zero-filled memory.
func (c *client) mapRange(object mach.Name, off mach.Offset, n int) *mapped {
	c.e.t.Helper()
	return c.mapName(c.port(object), off, n)
}

// mapName maps what name denotes in the client.
func (c *client) mapName(name mach.Name, off mach.Offset, n int) *mapped {
	c.e.t.Helper()
	r := &mapped{c: c, offset: off, pages: n}
	c.start("vm_map", func(x *calls) (code mach.Return) {
		r.addr, code = x.vmMap(mapping{object: name, offset: off, size: r.size()})
		return code
	}).requireDone()
	return r
}

// spawnMap has a thread map the first n pages of a memory object; it does not run yet.
func (c *client) spawnMap(object mach.Name, n int) *job {
	name := c.port(object)
	return c.spawn("vm_map", func(x *calls) mach.Return {
		_, code := x.vmMap(mapping{object: name, size: mach.Size(n) * page})
		return code
	})
}

func (c *client) startMap(object mach.Name, n int) *job {
	c.e.t.Helper()
	j := c.spawnMap(object, n)
	c.e.settle()
	return j
}

// tryMap maps one page of what name denotes in the client.
func (c *client) tryMap(name mach.Name) mach.Return {
	c.e.t.Helper()
	return c.start("vm_map", func(x *calls) mach.Return {
		_, code := x.vmMap(mapping{object: name, size: page})
		return code
	}).requireEnded()
}

func (r *mapped) size() mach.Size { return mach.Size(r.pages) * page }

func (r *mapped) at(p int) mach.Addr { return r.addr + mach.Addr(at(p)) }

// startLoad has a thread read the first byte of page p.
func (r *mapped) startLoad(p int) *job {
	r.c.e.t.Helper()
	var j *job
	j = r.c.spawn("load", func(x *calls) (code mach.Return) {
		j.value, code = x.load(r.at(p))
		return code
	})
	r.c.e.settle()
	return j
}

// abandonLoad has a thread read page p and ends the thread while it waits for the manager.
func (r *mapped) abandonLoad(p int) {
	r.c.e.t.Helper()
	j := r.startLoad(p)
	j.requireBlocked()
	r.c.kill(j)
}

// startStore has a thread write the first byte of page p.
func (r *mapped) startStore(p int, b byte) *job {
	r.c.e.t.Helper()
	return r.c.start("store", func(x *calls) mach.Return { return x.store(r.at(p), b) })
}

// see requires that page p reads as the manager supplied it.
func (r *mapped) see(p int) {
	r.c.e.t.Helper()
	r.reads(p, contents(r.offset + at(p))[0])
}

// reads requires what the first byte of page p is.
func (r *mapped) reads(p int, b byte) {
	r.c.e.t.Helper()
	r.startLoad(p).requireValue(b)
}

func (r *mapped) store(p int, b byte) {
	r.c.e.t.Helper()
	r.startStore(p, b).requireDone()
}

// fails requires that reading page p fails.
func (r *mapped) fails(p int, code mach.Return) {
	r.c.e.t.Helper()
	r.startLoad(p).requireFails(code)
}

// storeFails requires that writing page p fails.
func (r *mapped) storeFails(p int, b byte, code mach.Return) {
	r.c.e.t.Helper()
	r.startStore(p, b).requireFails(code)
}

// spawnUnmap has a thread deallocate the memory; it does not run yet.
func (r *mapped) spawnUnmap() *job {
	return r.c.spawn("vm_deallocate", func(x *calls) mach.Return { return x.deallocate(r.addr, r.size()) })
}

func (r *mapped) unmap() {
	r.c.e.t.Helper()
	j := r.spawnUnmap()
	r.c.e.settle()
	j.requireDone()
}

// unmapPage deallocates page p.
func (r *mapped) unmapPage(p int) {
	r.c.e.t.Helper()
	r.c.do(func(x *calls) { x.ok(x.deallocate(r.at(p), page)) })
}
