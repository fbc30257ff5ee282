package kernel

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// rig is a simulation with one host under test: audits on, shut down at the end.
type rig struct {
	*testing.T
	sim  *Simulation
	host *Host
}

func newRig(t *testing.T) *rig { return newRigWith(t, Config{}, HostConfig{}) }

func newRigWith(t *testing.T, c Config, h HostConfig) *rig {
	t.Helper()
	c.Checked = true
	if c.StepLimit == 0 {
		c.StepLimit = 1 << 20
	}
	r := &rig{T: t, sim: New(c)}
	t.Cleanup(r.sim.Shutdown)
	host, err := r.sim.Boot(h)
	require.NoError(t, err)
	r.host = host
	return r
}

// program starts a task with one thread.
func (r *rig) program(name string, body func(t user.Thread)) *Thread {
	return r.host.NewTask(name).Spawn("main", body)
}

// do runs a program to its end and expects everything else to end well too.
func (r *rig) do(body func(t user.Thread)) {
	r.Helper()
	r.program("program", body)
	r.finish()
}

func (r *rig) finish() {
	r.Helper()
	o := r.sim.Run()
	require.Equal(r, Finished, o.Kind, o.Report())
	require.NoError(r, o.Err)
	require.True(r, o.OK())
	require.NoError(r, r.sim.Check())
}

// received notes every message of some kinds that tasks receive.
type received struct {
	names *trace.Names
	log   []string
}

// watch notes the names of the manager's messages and of notifications from now on.
func (r *rig) watch() *received {
	w := &received{names: r.sim.Tracer().Names()}
	r.sim.Tracer().AddSink(w, trace.MaskOf(trace.KindMessage))
	return w
}

// Record notes a delivered message.
func (w *received) Record(rec *trace.Record) {
	m, _ := trace.As[trace.Message](rec)
	if m.Op == trace.MessageDeliver && m.FromKernel && (m.ID >= 2200 && m.ID < 2300 || m.ID < 100) {
		w.log = append(w.log, w.names.Name(trace.ClassTask, uint64(m.Task))+" "+w.names.Message(rec.Host, m.ID))
	}
}

// take is what was noted since the last take.
func (w *received) take() []string {
	log := w.log
	w.log = nil
	return log
}

// pager serves one memory object; every page begins with the word 0x1000 + its offset.
type pager struct {
	user.Thread
	object  mach.Name
	control mach.Name
	silent  bool // do not answer data requests
	done    bool
	once    bool // end after the first terminate
}

// newPager starts a task that serves a memory object as a service thread.
func (r *rig) newPager(h *Host, name string, p *pager) (*Task, mach.Name) {
	task := h.NewTask(name)
	object, ret := task.space.Allocate(mach.RightReceive)
	require.Equal(r, mach.KernSuccess, ret)
	p.object = object
	task.Spawn("main", p.serve).SetDaemon(true)
	return task, object
}

func (p *pager) serve(t user.Thread) {
	p.Thread = t
	s := user.NewServer[*pager](t)
	user.OnSimple(s, user.InitCodec, (*pager).init)
	user.OnSimple(s, user.DataRequestCodec, (*pager).dataRequest)
	user.OnSimple(s, user.DataReturnCodec, (*pager).dataReturn)
	user.OnSimple(s, user.TerminateCodec, (*pager).terminate)
	var in, out mach.UserMessage
	for !p.done {
		if r := user.Receive(t, &in, p.object); r != mach.KernSuccess {
			return
		}
		user.ServeMessage(t, p, &in, &out, s)
	}
}

func (p *pager) init(q *defs.MemoryObjectInit[mach.Name]) mach.Return {
	p.control = q.MemoryControl
	return user.MakeReady(p, q.MemoryControl, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: int32(q.PageSize)})
}

func (p *pager) dataRequest(q *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
	if !p.silent {
		data := mach.Region{Size: q.Length}
		user.VMAllocate(p, user.Self(p), &data.Address, data.Size, true)
		for at := mach.Size(0); at < q.Length; at += p.PageSize() {
			p.Store64(data.Address+mach.Addr(at), 0x1000+uint64(q.Offset)+uint64(at))
		}
		user.MemoryObjectDataSupply(p, q.MemoryControl, q.Offset, data, true, mach.ProtNone, false, user.ReplyPort{})
	}
	return user.MachPortDeallocate(p, user.Self(p), q.MemoryControl)
}

func (p *pager) dataReturn(q *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
	user.Deallocate(p, q.Data)
	return user.MachPortDeallocate(p, user.Self(p), q.MemoryControl)
}

func (p *pager) terminate(q *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
	p.done = p.once
	return user.MachPortDestroy(p, user.Self(p), q.MemoryControl)
}

// mapObject maps one page of a memory object and fails the test if that fails.
func mapObject(t *testing.T, u user.Thread, object mach.Name) mach.Addr {
	var addr mach.Addr
	ret := user.VMMap(u, user.Self(u), &addr, u.PageSize(), 0, true, object, 0, false,
		mach.ProtDefault, mach.ProtAll, mach.InheritShare)
	require.Equal(t, mach.KernSuccess, ret)
	return addr
}

// goroutines waits until no more than n goroutines are left and returns how many there are.
func goroutines(n int) int {
	for range 100 {
		if runtime.NumGoroutine() <= n {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// transcript is everything that happens from now on as text.
func (r *rig) transcript() *bytes.Buffer {
	var b bytes.Buffer
	r.sim.Tracer().AddSink(trace.NewText(&b, r.sim.timeline()), trace.All)
	return &b
}

// portNamed is the port that a name of the task denotes.
func (t *Task) portNamed(name mach.Name) *ipc.Port {
	e, _ := t.space.Lookup(name)
	return e.Port
}
