package vm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// A protocolRig is one kernel with a manager task and client tasks, for tests of the pager protocol that
// need no package above this one. Everything is audited after every step.
type protocolRig struct {
	t     *testing.T
	sched *sched.Scheduler
	world *ipc.World
	node  *ipc.Node
	host  *Host

	manager *party
	object  mach.Name // the manager's receive right of the memory object
	log     []string  // what the manager received, in order
	errs    []error
}

// A party is a task: a port space and an address space.
type party struct {
	rig   *protocolRig
	space *ipc.Space
	m     *Map
}

type rigOption func(*personality.Personality, *Config, *sched.Config)

func withPersonality(set func(*personality.Personality)) rigOption {
	return func(p *personality.Personality, _ *Config, _ *sched.Config) { set(p) }
}

func withFrames(n int) rigOption {
	return func(_ *personality.Personality, c *Config, _ *sched.Config) { c.Frames = n }
}

func withChooser(c choice.Chooser) rigOption {
	return func(_ *personality.Personality, _ *Config, s *sched.Config) { s.Chooser = c }
}

func newProtocolRig(t *testing.T, options ...rigOption) *protocolRig {
	p, err := personality.ByName("osf-manual")
	require.NoError(t, err)
	c := Config{Frames: 64, WithoutPageout: true}
	sc := sched.Config{StepLimit: 100_000}
	for _, o := range options {
		o(&p, &c, &sc)
	}
	r := &protocolRig{t: t}
	r.sched = sched.New(sc)
	t.Cleanup(r.sched.Shutdown)
	r.world = ipc.NewWorld(ipc.Config{Sched: r.sched})
	r.node = r.world.NewNode(1, "k1", p)
	c.Node, c.Sched = r.node, r.sched
	r.host, err = NewHost(c)
	require.NoError(t, err)
	r.manager = r.party("manager", 1)
	var ret mach.Return
	r.object, ret = r.manager.space.Allocate(mach.RightReceive)
	require.Equal(t, mach.KernSuccess, ret)
	r.sched.AfterStep(r.audit)
	return r
}

func (r *protocolRig) audit() {
	for _, err := range []error{r.world.Check(), r.host.Check()} {
		if err != nil && len(r.errs) == 0 {
			r.errs = append(r.errs, err)
			r.sched.Stop(err)
		}
	}
}

func (r *protocolRig) party(name string, task uint32) *party {
	return &party{rig: r, space: r.node.NewSpace(name, task), m: r.host.NewMap(task, name)}
}

// spawn makes a thread; what it owes is paid when it ends.
func (r *protocolRig) spawn(name string, body func(th *sched.Thread)) *sched.Thread {
	return r.sched.Spawn(name, func(th *sched.Thread) {
		body(th)
		th.Drain()
	})
}

// run runs until nothing can go on, and requires that nothing waits then that should not.
func (r *protocolRig) run() {
	o := r.sched.Run()
	require.Empty(r.t, r.errs)
	require.NoError(r.t, o.Err, "%v", o)
	require.Equal(r.t, sched.Idle, o.Kind, sched.DeadlockReport(r.sched))
	require.Zero(r.t, o.Stuck, sched.DeadlockReport(r.sched))
}

// objectRight is a send right for the memory object, as a client would have got it.
func (r *protocolRig) objectRight(th *sched.Thread) ipc.Right {
	right, ret := r.manager.space.ExtractRight(&th.Reap, r.object, mach.MakeSend)
	require.Equal(r.t, mach.KernSuccess, ret)
	return right
}

// heldRight is a right in the hands of a test.
type heldRight struct{ right *ipc.Right }

func (h heldRight) VisitRights(visit func(ipc.Right, string)) {
	if !h.right.IsSpent() {
		visit(*h.right, "a test")
	}
}

// holdRight shows a right to the recount; the result releases it.
func holdRight(r *protocolRig, right *ipc.Right) (release func()) {
	f := &ipc.Frame{Holder: heldRight{right}}
	r.world.PushFrame(f)
	return func() {
		r.world.PopFrame(f)
		ipc.Release(&r.sched.Current().Reap, right)
	}
}

// portOf is the port a name of the manager denotes.
func (r *protocolRig) portOf(name mach.Name) *ipc.Port {
	e, ok := r.manager.space.Lookup(name)
	require.True(r.t, ok)
	return e.Port
}

// mapObject maps size bytes of the memory object somewhere.
func (p *party) mapObject(th *sched.Thread, size mach.Size) (mach.Addr, mach.Return) {
	right := p.rig.objectRight(th)
	release := holdRight(p.rig, &right)
	a := MapArgs{
		Size: size, Anywhere: true, Object: &right,
		Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy,
	}
	ret := p.m.MapObject(th, &a)
	release()
	th.Drain()
	return a.Addr, ret
}

func (p *party) unmap(th *sched.Thread, addr mach.Addr, size mach.Size) {
	require.Equal(p.rig.t, mach.KernSuccess, p.m.Deallocate(th, addr, size))
	th.Drain()
}

func (p *party) load(th *sched.Thread, addr mach.Addr) (byte, mach.Return) {
	var b [1]byte
	x := p.m.Load(th, addr, b[:])
	th.Drain()
	return b[0], x.Code
}

func (p *party) store(th *sched.Thread, addr mach.Addr, b byte) mach.Return {
	x := p.m.Store(th, addr, []byte{b})
	th.Drain()
	return x.Code
}

func (r *protocolRig) form() mig.Form { return r.host.form() }

// call sends a control call of the manager.
func call[T any](r *protocolRig, th *sched.Thread, row *mig.Row, v T) mach.Return {
	var m mach.UserMessage
	c := mig.For[T, mach.Name, mach.Region](row, mig.Request)
	require.Equal(r.t, mach.KernSuccess, c.Encode(&v, &m, r.form()))
	ret := r.manager.space.Msg(th, r.manager.m, &m, &ipc.MsgArgs{Option: mach.SendMsg | mach.SendTimeout})
	th.Drain()
	return ret
}

// rpc sends a control call and returns the reply.
func rpc[T, R any](r *protocolRig, th *sched.Thread, row *mig.Row, v T) (R, mach.Return) {
	var m mach.UserMessage
	require.Equal(r.t, mach.KernSuccess, mig.For[T, mach.Name, mach.Region](row, mig.Request).Encode(&v, &m, r.form()))
	m.Local, m.LocalDisp = r.manager.space.AllocateReply(), mach.MakeSendOnce
	port := m.Local
	ret := r.manager.space.Msg(th, r.manager.m, &m, &ipc.MsgArgs{
		Option: mach.SendMsg | mach.RcvMsg, RcvName: port, RcvLimit: 4096,
	})
	th.Drain()
	var rep R
	if ret == mach.KernSuccess {
		ret = mig.For[R, mach.Name, mach.Region](row, mig.Reply).Decode(&m, &rep, r.form())
	}
	r.manager.space.ModRefs(&th.Reap, port, mach.RightReceive, -1)
	th.Drain()
	return rep, ret
}

// decode reads a received message.
func decode[T any](r *protocolRig, row *mig.Row, m *mach.UserMessage) T {
	var v T
	c := mig.For[T, mach.Name, mach.Region](row, mig.Request)
	require.Equal(r.t, mach.KernSuccess, c.Decode(m, &v, r.form()), "%v", row)
	return v
}

// receive takes the next message from a port of the manager; ok is false if there is none at once.
func (r *protocolRig) receive(th *sched.Thread, port mach.Name, wait bool) (m *mach.UserMessage, ok bool) {
	m = new(mach.UserMessage)
	a := ipc.MsgArgs{Option: mach.RcvMsg, RcvName: port, RcvLimit: 1 << 20}
	if !wait {
		a.Option |= mach.RcvTimeout
	}
	ret := r.manager.space.Msg(th, r.manager.m, m, &a)
	th.Drain()
	if ret == mach.KernSuccess {
		return m, true
	}
	return nil, false
}

// What a manager heard: one line for each message.
type heard struct {
	row  *mig.Row
	m    *mach.UserMessage
	ctl  mach.Name
	off  mach.Offset
	size mach.Size
	acc  mach.Prot
	data []byte
}

// hear decodes a message to the manager and notes it.
func (r *protocolRig) hear(th *sched.Thread, m *mach.UserMessage) heard {
	h := heard{m: m}
	set := r.form().Set
	line := fmt.Sprintf("message %d", m.ID)
	switch m.ID {
	case defs.MemoryObjectInitRow.ID(set):
		v := decode[defs.MemoryObjectInit[mach.Name]](r, defs.MemoryObjectInitRow, m)
		h.row, h.ctl, line = defs.MemoryObjectInitRow, v.MemoryControl, "init"
	case defs.MemoryObjectTerminateRow.ID(set):
		v := decode[defs.MemoryObjectTerminate[mach.Name]](r, defs.MemoryObjectTerminateRow, m)
		h.row, h.ctl, line = defs.MemoryObjectTerminateRow, v.MemoryControl, "terminate"
	case defs.MemoryObjectDataRequestRow.ID(set):
		v := decode[defs.MemoryObjectDataRequest[mach.Name]](r, defs.MemoryObjectDataRequestRow, m)
		h.row, h.ctl, h.off, h.size, h.acc = defs.MemoryObjectDataRequestRow, v.MemoryControl, v.Offset, v.Length, v.DesiredAccess
		line = fmt.Sprintf("request %v+%v %v", v.Offset, v.Length, v.DesiredAccess)
	case defs.MemoryObjectDataUnlockRow.ID(set):
		v := decode[defs.MemoryObjectDataUnlock[mach.Name]](r, defs.MemoryObjectDataUnlockRow, m)
		h.row, h.ctl, h.off, h.size, h.acc = defs.MemoryObjectDataUnlockRow, v.MemoryControl, v.Offset, v.Length, v.DesiredAccess
		line = fmt.Sprintf("unlock %v %v", v.Offset, v.DesiredAccess)
	case defs.MemoryObjectDataReturnRow.ID(set):
		v := decode[defs.MemoryObjectDataReturn[mach.Name, mach.Region]](r, defs.MemoryObjectDataReturnRow, m)
		h.row, h.ctl, h.off, h.size = defs.MemoryObjectDataReturnRow, v.MemoryControl, v.Offset, v.Data.Size
		h.data = make([]byte, v.Data.Size)
		require.Equal(r.t, mach.KernSuccess, r.manager.m.ReadBytes(th, v.Data.Address, h.data))
		r.manager.unmap(th, v.Data.Address, v.Data.Size)
		line = fmt.Sprintf("return %v+%v dirty=%t copy=%t first=%d", v.Offset, v.Data.Size, v.Dirty, v.KernelCopy, h.data[0])
	case defs.MemoryObjectDataWriteRow.ID(set):
		v := decode[defs.MemoryObjectDataWrite[mach.Name, mach.Region]](r, defs.MemoryObjectDataWriteRow, m)
		h.row, h.ctl, h.off, h.size = defs.MemoryObjectDataWriteRow, v.MemoryControl, v.Offset, v.Data.Size
		r.manager.unmap(th, v.Data.Address, v.Data.Size)
		line = fmt.Sprintf("write %v+%v", v.Offset, v.Data.Size)
	case defs.MemoryObjectLockCompletedRow.ID(set):
		v := decode[defs.MemoryObjectLockCompleted[mach.Name]](r, defs.MemoryObjectLockCompletedRow, m)
		h.row, line = defs.MemoryObjectLockCompletedRow, fmt.Sprintf("lock completed %v+%v", v.Offset, v.Length)
	case defs.MemoryObjectSupplyCompletedRow.ID(set):
		v := decode[defs.MemoryObjectSupplyCompleted[mach.Name]](r, defs.MemoryObjectSupplyCompletedRow, m)
		h.row, line = defs.MemoryObjectSupplyCompletedRow, fmt.Sprintf("supply completed %v+%v %v %v", v.Offset, v.Length, v.Result, v.ErrorOffset)
	case defs.MemoryObjectChangeCompletedRow.ID(set):
		v := decode[defs.MemoryObjectChangeCompleted[mach.Name]](r, defs.MemoryObjectChangeCompletedRow, m)
		h.row, line = defs.MemoryObjectChangeCompletedRow, fmt.Sprintf("change completed %v null=%t", v.Flavor, v.MemoryControl == mach.NameNull)
	case defs.MemoryObjectSynchronizeRow.ID(set):
		v := decode[defs.MemoryObjectSynchronize[mach.Name]](r, defs.MemoryObjectSynchronizeRow, m)
		h.row, h.ctl, h.off, h.size = defs.MemoryObjectSynchronizeRow, v.MemoryControl, v.Offset, v.Length
		line = fmt.Sprintf("synchronize %v+%v %v", v.Offset, v.Length, v.SyncFlags)
	}
	r.log = append(r.log, line)
	return h
}

// next receives and notes the next message on the object port, waiting for it.
func (r *protocolRig) next(th *sched.Thread) heard {
	m, ok := r.receive(th, r.object, true)
	require.True(r.t, ok, "the object port went")
	return r.hear(th, m)
}

// rest notes what is queued on the object port.
func (r *protocolRig) rest(th *sched.Thread) {
	for {
		m, ok := r.receive(th, r.object, false)
		if !ok {
			return
		}
		r.hear(th, m)
	}
}

// setAttributes makes the object ready, or changes it, with flavor ATTRIBUTE.
func (r *protocolRig) setAttributes(th *sched.Thread, ctl mach.Name, strategy mach.CopyStrategy, cluster mach.Size, cache, temporary bool, reply mach.Name) {
	ret := call(r, th, defs.MemoryObjectChangeAttributesRow, defs.MemoryObjectChangeAttributes[mach.Name]{
		MemoryControl: ctl, Flavor: mach.FlavorAttribute,
		Attributes: []int32{int32(strategy), int32(cluster), word(cache), word(temporary)}, ReplyTo: reply,
	})
	require.Equal(r.t, mach.KernSuccess, ret)
}

type supplyOption struct {
	lock     mach.Prot
	precious bool
	reply    mach.Name
}

// supply supplies pages filled with b, b+1 and so on.
func (r *protocolRig) supply(th *sched.Thread, ctl mach.Name, off mach.Offset, pages int, b byte, o supplyOption) {
	page := r.host.PageSize()
	size := mach.Size(pages) * page
	data := make([]byte, size)
	for i := range data {
		data[i] = b + byte(i/int(page))
	}
	addr, ret := r.manager.m.AllocateBytes(th, data)
	require.Equal(r.t, mach.KernSuccess, ret)
	ret = call(r, th, defs.MemoryObjectDataSupplyRow, defs.MemoryObjectDataSupply[mach.Name, mach.Region]{
		MemoryControl: ctl, Offset: off, Data: mach.Region{Address: addr, Size: size}, Deallocate: true,
		LockValue: o.lock, Precious: o.precious, ReplyTo: o.reply,
	})
	require.Equal(r.t, mach.KernSuccess, ret)
}

// drainControl destroys the control port that a terminate brought, and says how many calls were in it.
func (r *protocolRig) drainControl(th *sched.Thread, ctl mach.Name) (ids []mach.MsgID) {
	for {
		m, ok := r.receive(th, ctl, false)
		if !ok {
			break
		}
		ids = append(ids, m.ID)
	}
	require.Equal(r.t, mach.KernSuccess, r.manager.space.Destroy(&th.Reap, ctl))
	th.Drain()
	return ids
}
