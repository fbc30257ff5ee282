package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// rig is a world with one kernel, whose every step is audited.
type rig struct {
	*testing.T
	s *sched.Scheduler
	w *World
	n *Node
}

func newRig(t *testing.T, change ...func(*personality.Personality)) *rig {
	p := personality.OSFManual()
	for _, c := range change {
		c(&p)
	}
	s := sched.New(sched.Config{})
	w := NewWorld(Config{Sched: s})
	r := &rig{T: t, s: s, w: w, n: w.NewNode(1, "A", p)}
	s.AfterStep(func() {
		if err := w.Check(); err != nil {
			panic(err)
		}
	})
	t.Cleanup(s.Shutdown)
	return r
}

// spawn makes a thread that runs f.
func (r *rig) spawn(name string, f func(th *sched.Thread)) *sched.Thread {
	return r.s.Spawn(name, func(th *sched.Thread) { f(th); th.Drain() })
}

// run runs until nothing can run, and demands that nothing panicked. It returns the number of threads stuck.
func (r *rig) run() int {
	r.Helper()
	o := r.s.Run()
	require.Equal(r, sched.Idle, o.Kind, "%v", o)
	require.NoError(r, r.w.Check())
	return o.Stuck
}

// do runs f as a thread of its own to its end.
func (r *rig) do(f func(th *sched.Thread)) {
	r.Helper()
	done := false
	r.spawn("test", func(th *sched.Thread) { f(th); done = true })
	r.run()
	require.True(r, done, "the test thread is stuck")
}

func (r *rig) space(name string) *Space { return r.n.NewSpace(name, uint32(len(r.n.spaces)+1)) }

// receive makes a receive right with no-senders detection.
func (r *rig) receive(s *Space) mach.Name {
	n, ret := s.AllocateFull(mach.RightReceive, false, QoS{}, mach.NameNull)
	require.Equal(r, mach.KernSuccess, ret)
	return n
}

// give puts a right made from (from, name, disp) into space to, as a message would.
func (r *rig) give(from *Space, name mach.Name, disp mach.Disposition, to *Space) mach.Name {
	r.Helper()
	var reap sched.Reap
	right, ret := from.ExtractRight(&reap, name, disp)
	require.Equal(r, mach.KernSuccess, ret)
	n, ret := to.Copyout(&reap, &right)
	require.Equal(r, mach.KernSuccess, ret)
	return n
}

// urefs are the references of a name for one right.
func (r *rig) urefs(s *Space, n mach.Name, right mach.RightCode) int {
	r.Helper()
	u, ret := s.GetRefs(n, right)
	require.Equal(r, mach.KernSuccess, ret)
	return int(u)
}

func (r *rig) typeOf(s *Space, n mach.Name) mach.TypeBits {
	t, _ := s.Type(n)
	return t
}

func (r *rig) status(s *Space, n mach.Name) ReceiveStatus {
	r.Helper()
	st, ret := s.GetReceiveStatus(n)
	require.Equal(r, mach.KernSuccess, ret)
	return st
}

// header is a simple message.
func header(id mach.MsgID, dest mach.Name, dd mach.Disposition, reply mach.Name, rd mach.Disposition) *mach.UserMessage {
	return &mach.UserMessage{ID: id, Remote: dest, RemoteDisp: dd, Local: reply, LocalDisp: rd}
}

// port is a descriptor with a right.
func port(n mach.Name, d mach.Disposition) UserDesc {
	return UserDesc{Kind: mach.DescPort, Port: n, Disp: d}
}

// with makes m complex.
func with(m *mach.UserMessage, descs ...UserDesc) *mach.UserMessage {
	m.Complex, m.Descs = true, descs
	return m
}

// send sends without waiting.
func send(th *sched.Thread, s *Space, m *mach.UserMessage) mach.Return {
	return s.Msg(th, nil, m, &MsgArgs{Option: mach.SendMsg | mach.SendTimeout})
}

// poll receives without waiting, with a seqno trailer.
func poll(th *sched.Thread, s *Space, n mach.Name) (*mach.UserMessage, mach.Return) {
	m := &mach.UserMessage{}
	ret := s.Msg(th, nil, m, &MsgArgs{Option: mach.RcvMsg | mach.RcvTimeout | mach.RcvTrailerSender, RcvName: n, RcvLimit: 1 << 20})
	return m, ret
}

// take is poll that demands a message.
func (r *rig) take(th *sched.Thread, s *Space, n mach.Name) *mach.UserMessage {
	r.Helper()
	m, ret := poll(th, s, n)
	require.Equal(r, mach.KernSuccess, ret)
	return m
}

// ids receives everything that is queued and returns the message ids.
func (r *rig) ids(th *sched.Thread, s *Space, n mach.Name) []mach.MsgID {
	r.Helper()
	var out []mach.MsgID
	for {
		m, ret := poll(th, s, n)
		if ret == mach.RcvTimedOut {
			return out
		}
		require.Equal(r, mach.KernSuccess, ret)
		out = append(out, m.ID)
	}
}

// ask registers a notification request of s on name, with a send-once right made from notify.
func (r *rig) ask(s *Space, name mach.Name, id mach.MsgID, sync uint32, notify mach.Name) {
	r.Helper()
	var reap sched.Reap
	right, ret := s.ExtractRight(&reap, notify, mach.MakeSendOnce)
	require.Equal(r, mach.KernSuccess, ret)
	prev, ret := s.RequestNotification(&reap, name, id, sync, &right)
	require.Equal(r, mach.KernSuccess, ret)
	require.True(r, prev.IsNull())
}

// word is the first word of a body.
func word0(m *mach.UserMessage) uint32 { return mach.Words.Uint32(m.Body) }

// arena is an address space of fixed size in which only some pages are mapped.
type arena struct {
	bytes  []byte
	mapped []bool
	copies int // memory in flight
}

const arenaPage = 4096

func newArena(pages int) *arena {
	a := &arena{bytes: make([]byte, pages*arenaPage), mapped: make([]bool, pages)}
	return a
}

// alloc maps the first run of free pages; page 0 stays free.
func (a *arena) alloc(size mach.Size) (mach.Addr, mach.Return) {
	n := int(size.Round(arenaPage) / arenaPage)
	for i := 1; i+n <= len(a.mapped); i++ {
		free := true
		for j := range n {
			free = free && !a.mapped[i+j]
		}
		if free {
			for j := range n {
				a.mapped[i+j] = true
			}
			clear(a.bytes[i*arenaPage : (i+n)*arenaPage])
			return mach.Addr(i * arenaPage), mach.KernSuccess
		}
	}
	return 0, mach.KernNoSpace
}

func (a *arena) ok(addr mach.Addr, size mach.Size) bool {
	for p := addr / arenaPage; p <= (addr+mach.Addr(size)-1)/arenaPage; p++ {
		if int(p) >= len(a.mapped) || !a.mapped[p] {
			return false
		}
	}
	return true
}

type chunk struct {
	a *arena
	b []byte
}

func (c *chunk) Size() mach.Size          { return mach.Size(len(c.b)) }
func (c *chunk) Discard(th *sched.Thread) { c.a.copies-- }

func (a *arena) CopyinMemory(th *sched.Thread, addr mach.Addr, size mach.Size, opt mach.CopyOption, dealloc bool) (Memory, mach.CopyOption, mach.Return) {
	if !a.ok(addr, size) {
		return nil, 0, mach.KernInvalidAddress
	}
	a.copies++
	c := &chunk{a, append([]byte(nil), a.bytes[addr:addr+mach.Addr(size)]...)}
	if dealloc {
		a.DeallocateRange(th, addr, size)
	}
	return c, opt, mach.KernSuccess
}

func (a *arena) CopyoutMemory(th *sched.Thread, m Memory) (mach.Addr, mach.Return) {
	addr, ret := a.AllocateBytes(th, m.(*chunk).b)
	if ret == mach.KernSuccess {
		m.(*chunk).a.copies--
	}
	return addr, ret
}

func (a *arena) CopyoutOverwrite(th *sched.Thread, m Memory, addr mach.Addr) mach.Return {
	ret := a.WriteBytes(th, addr, m.(*chunk).b)
	if ret == mach.KernSuccess {
		m.(*chunk).a.copies--
	}
	return ret
}

func (a *arena) ReadBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return {
	if !a.ok(addr, mach.Size(len(p))) {
		return mach.KernInvalidAddress
	}
	copy(p, a.bytes[addr:])
	return mach.KernSuccess
}

func (a *arena) WriteBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return {
	if !a.ok(addr, mach.Size(len(p))) {
		return mach.KernInvalidAddress
	}
	copy(a.bytes[addr:], p)
	return mach.KernSuccess
}

func (a *arena) AllocateBytes(th *sched.Thread, p []byte) (mach.Addr, mach.Return) {
	addr, ret := a.alloc(mach.Size(len(p)))
	if ret == mach.KernSuccess {
		copy(a.bytes[addr:], p)
	}
	return addr, ret
}

func (a *arena) DeallocateRange(th *sched.Thread, addr mach.Addr, size mach.Size) mach.Return {
	for p := addr / arenaPage; p <= (addr+mach.Addr(size)-1)/arenaPage; p++ {
		a.mapped[p] = false
	}
	return mach.KernSuccess
}
