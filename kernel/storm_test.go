package kernel

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// storm is a program that does at random whatever a program can do, mistakes and malice included.
type storm struct {
	user.Thread
	rng   *choice.Rand
	names []mach.Name // whatever it has seen
	addrs []mach.Addr
	depth int
}

func newRand(seed uint64) *choice.Rand { r := choice.Rand(seed); return &r }

func (s *storm) name() mach.Name {
	if len(s.names) == 0 || s.rng.Intn(8) == 0 {
		return mach.Name(s.rng.Intn(12)<<8 | 3)
	}
	return s.names[s.rng.Intn(len(s.names))]
}

func (s *storm) learn(names ...mach.Name) {
	s.names = append(s.names, names...)
	if len(s.names) > 20 {
		s.names = s.names[len(s.names)-20:]
	}
}

func (s *storm) addr() mach.Addr {
	a := mach.Addr(s.rng.Intn(64)) << 12
	if len(s.addrs) > 0 && s.rng.Intn(4) != 0 {
		a = s.addrs[s.rng.Intn(len(s.addrs))] + mach.Addr(s.rng.Intn(2)<<12)
	}
	return a + mach.Addr(s.rng.Intn(8)&1*s.rng.Intn(4096))
}

func (s *storm) size() mach.Size {
	return mach.Size(s.rng.Intn(4)*4096 + s.rng.Intn(2)*s.rng.Intn(4096))
}

func (s *storm) prot() mach.Prot { return mach.Prot(s.rng.Intn(9)) }

// run does n random things, with a few ports to do them to.
func (s *storm) run(n int) {
	self := user.Self(s)
	set, _ := user.MachPortAllocate(s, self, mach.RightPortSet)
	s.learn(set, self, s.ThreadSelf())
	for range 4 {
		p, _ := user.MachPortAllocate(s, self, mach.RightReceive)
		user.MachPortInsertRight(s, self, p, p, mach.MakeSend)
		user.MachPortRequestNotification(s, self, p, mach.NotifyNoSenders, 0, p, mach.MakeSendOnce)
		s.learn(p)
	}
	for range n {
		s.act()
	}
}

func (s *storm) act() {
	r, self := s.rng, user.Self(s)
	task := self
	if r.Intn(6) == 0 {
		task = s.name()
	}
	switch r.Intn(30) {
	case 0, 1:
		addr := s.addr()
		user.VMAllocate(s, task, &addr, s.size(), r.Intn(2) == 0)
		s.addrs = append(s.addrs, addr)
	case 2, 3, 4:
		addr := s.addr()
		user.VMMap(s, task, &addr, s.size(), 0, r.Intn(3) != 0, s.name(), mach.Offset(r.Intn(3)<<12), r.Intn(3) == 0,
			s.prot(), s.prot()|mach.ProtRead, mach.Inherit(r.Intn(3)))
		s.addrs = append(s.addrs, addr)
	case 5, 6:
		s.Store64(s.addr(), r.Uint64())
	case 7, 8:
		s.Load64(s.addr())
	case 9:
		user.VMDeallocate(s, task, s.addr(), s.size())
	case 10:
		user.VMProtect(s, task, s.addr(), s.size(), r.Intn(8) == 0, s.prot())
	case 11:
		user.VMCopy(s, task, s.addr(), s.size(), s.addr())
	case 12:
		if data, ret := user.VMRead(s, task, s.addr(), s.size()); ret == mach.KernSuccess {
			user.VMWrite(s, task, s.addr(), data)
			user.Deallocate(s, data)
		}
	case 13:
		user.VMInherit(s, task, s.addr(), s.size(), mach.Inherit(r.Intn(3)))
	case 14:
		at := s.addr()
		user.VMRemap(s, task, &at, s.size(), 0, true, s.name(), s.addr(), r.Intn(2) == 0, mach.InheritCopy)
	case 15:
		name, ret := user.MachPortAllocate(s, task, mach.RightCode(r.Intn(5)))
		s.learn(name)
		if ret == mach.KernSuccess && r.Intn(2) == 0 {
			user.MachPortInsertRight(s, self, name, name, mach.MakeSend)
		}
	case 16:
		s.learn(s.ReplyPort(), s.TaskSelf(), s.ThreadSelf(), s.HostSelf())
	case 17:
		user.MachPortInsertRight(s, task, s.name(), s.name(), mach.Disposition(16+r.Intn(6)))
	case 18:
		name, _, _ := user.MachPortExtractRight(s, task, s.name(), mach.Disposition(16+r.Intn(6)))
		s.learn(name)
	case 19:
		user.MachPortDeallocate(s, task, s.name())
	case 20:
		user.MachPortModRefs(s, task, s.name(), mach.RightCode(r.Intn(5)), int32(r.Intn(3)-1))
	case 21:
		id := []mach.MsgID{mach.NotifyPortDestroyed, mach.NotifyNoSenders, mach.NotifyDeadName}[r.Intn(3)]
		user.MachPortRequestNotification(s, task, s.name(), id, uint32(r.Intn(2)), s.name(), mach.MakeSendOnce)
	case 22:
		user.MachPortMoveMember(s, task, s.name(), s.name())
	case 23, 24:
		s.send()
	case 25:
		var m mach.UserMessage
		if ret := s.Msg(&m, mach.RcvMsg|mach.RcvTimeout, 2000, s.name(), mach.Timeout(r.Intn(2)), 0); ret == mach.KernSuccess {
			s.learn(m.Remote)
			for _, d := range m.Descs {
				s.learn(d.Port)
			}
		}
	case 26:
		if child, ret := user.TaskCreate(s, task, r.Intn(2) == 0); ret == mach.KernSuccess {
			s.learn(child)
		}
		if r.Intn(3) == 0 {
			user.TaskTerminate(s, s.name())
		}
	case 27:
		s.thread()
	case 28:
		s.malice()
	case 29:
		s.Sleep(mach.Timeout(r.Intn(3)))
	}
}

// thread does things to threads, and makes one now and then.
func (s *storm) thread() {
	r := s.rng
	switch r.Intn(6) {
	case 0:
		user.ThreadAbort(s, s.name())
	case 1:
		name := s.name()
		if user.ThreadSuspend(s, name) == mach.KernSuccess {
			user.ThreadResume(s, name)
		}
	case 2:
		if r.Intn(4) == 0 {
			user.ThreadTerminate(s, s.name())
		}
	case 3:
		if s.depth < 2 {
			child := &storm{rng: newRand(r.Uint64()), depth: s.depth + 1, names: append([]mach.Name(nil), s.names...)}
			s.Spawn("more", func(u user.Thread) { child.Thread = u; child.run(20) })
		}
	case 4:
		ports, _ := user.MachPortsLookup(s, user.Self(s))
		s.learn(ports...)
		user.MachPortsRegister(s, user.Self(s), []mach.Name{s.name(), s.name()})
	case 5:
		user.TaskSetExceptionPorts(s, user.Self(s), uint32(r.Intn(128)), s.name(), 1, 0)
	}
}

// send sends a message to somebody, with anything in it.
func (s *storm) send() {
	r := s.rng
	m := mach.UserMessage{ID: mach.MsgID(r.Intn(3000)), Remote: s.name(), RemoteDisp: mach.Disposition(17 + r.Intn(5)),
		Local: s.name(), LocalDisp: mach.Disposition(17 + r.Intn(5)), Body: make([]byte, 4*r.Intn(20))}
	for range r.Intn(3) {
		m.Complex = true
		d := mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPort, Port: s.name(), Disp: mach.Disposition(16 + r.Intn(6))}
		if r.Intn(2) == 0 {
			d = mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory, Copy: mach.CopyOption(r.Intn(2)), Deallocate: r.Intn(4) == 0,
				Memory: mach.Region{Address: s.addr(), Size: s.size()}}
		}
		m.Descs = append(m.Descs, d)
	}
	s.Msg(&m, mach.SendMsg|mach.SendTimeout, 0, 0, mach.Timeout(r.Intn(3)), 0)
}

// malice sends a kernel a request of the right shape with wrong contents.
func (s *storm) malice() {
	r := s.rng
	rows := defs.Registry(s.Form().Set).Rows()
	row := rows[r.Intn(len(rows))]
	if row == defs.ThreadSuspendRow || row == defs.TaskSuspendRow {
		return // nobody would ever resume it
	}
	m := mach.UserMessage{ID: row.ID(s.Form().Set), Remote: s.name(), RemoteDisp: mach.CopySend}
	if r.Intn(2) == 0 {
		m.Local, m.LocalDisp = s.name(), mach.MakeSendOnce
	}
	for _, a := range row.Args(mig.Request) {
		switch a.Kind {
		case mig.ArgPort:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPort, Port: s.name(), Disp: mach.Disposition(16 + r.Intn(6))})
		case mig.ArgMemory:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory, Copy: mach.CopyVirtual,
				Memory: mach.Region{Address: s.addr(), Size: s.size()}})
		case mig.ArgPorts:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPorts, Disp: mach.CopySend,
				Memory: mach.Region{Address: s.addr(), Size: 4 * mach.Size(r.Intn(4))}})
		case mig.ArgWord:
			m.Body = mach.Words.AppendUint32(m.Body, uint32(r.Intn(1<<r.Intn(32))))
		case mig.ArgWide:
			m.Body = mach.Words.AppendUint64(m.Body, r.Uint64()>>r.Intn(64))
		case mig.ArgWords:
			n := r.Intn(6)
			m.Body = mach.Words.AppendUint32(m.Body, uint32(n))
			for range n {
				m.Body = mach.Words.AppendUint32(m.Body, uint32(r.Intn(100)))
			}
		}
	}
	m.Complex = len(m.Descs) > 0
	s.Msg(&m, mach.SendMsg|mach.SendTimeout, 0, 0, 0, 0)
}

// TestStorm: random programs on two hosts of different habits, with managers that are killed now and then,
// under random schedules: no invariant breaks, nothing panics, nothing is left behind. Programs may well end up
// waiting for each other.
func TestStorm(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runStorm(t, uint64(seed)) })
	}
}

func runStorm(t *testing.T, seed uint64) {
	presets := personality.Names()
	first, err := personality.ByName(presets[int(seed)%len(presets)])
	require.NoError(t, err)
	second, err := personality.ByName(presets[int(seed/2)%len(presets)])
	require.NoError(t, err)
	r := newRigWith(t, Config{Chooser: choice.NewRandom(seed), StepLimit: 20000, LoadPoints: seed%3 == 0},
		HostConfig{Name: "a", Personality: first})
	b, err := r.sim.Boot(HostConfig{Name: "b", Personality: second, PageSize: []mach.Size{4096, 8192}[seed%2]})
	require.NoError(t, err)
	rng := newRand(seed)
	pagerTask, object := r.newPager(r.host, "pager", &pager{silent: seed%7 == 6})
	other, object2 := r.newPager(b, "pager2", &pager{})
	for i, h := range []*Host{r.host, b, r.host, b} {
		task := h.NewTask(fmt.Sprint("storm", i))
		s := &storm{rng: newRand(rng.Uint64())}
		for _, from := range []struct {
			task *Task
			port mach.Name
		}{{pagerTask, object}, {other, object2}} {
			name, err := task.GiveSend(from.task, from.port)
			require.NoError(t, err)
			s.learn(name)
		}
		if i == 1 {
			priv, err := task.GiveHostPriv()
			require.NoError(t, err)
			s.learn(priv)
		}
		task.Spawn("main", func(u user.Thread) { s.Thread = u; s.run(120) })
	}
	if seed%4 == 1 {
		r.host.NewTask("reaper").Spawn("main", func(u user.Thread) {
			u.Sleep(1)
			pagerTask.Terminate()
		})
	}
	o := r.sim.Run()
	switch o.Kind {
	case Finished, Deadlock, StepLimit:
	default:
		t.Fatal(o.Report())
	}
	require.NoError(t, r.sim.Check())
	require.NotEmpty(t, r.sim.Describe())

	// Everything can be ended, and then nothing is left. A task that ends in the middle of a task_create may
	// leave a child.
	r.sim.sched.SetStepLimit(0)
	for range 3 {
		for _, h := range r.sim.Hosts() {
			for _, task := range h.Tasks() {
				task.Terminate()
			}
		}
		o = r.sim.Run()
		require.Contains(t, []OutcomeKind{Finished, Deadlock}, o.Kind, o.Report())
	}
	if o.Kind == Deadlock {
		// A task that wires memory it should provide itself waits for itself, and not even its end ends that.
		for _, x := range o.Blocked {
			require.True(t, !x.Wait.Interruptible || x.Wait.Kind == sched.WaitThread, o.Report())
		}
		return
	}
	for _, h := range r.sim.Hosts() {
		require.Empty(t, h.Tasks(), r.sim.Describe())
	}
	for th := range r.sim.sched.Threads() {
		require.True(t, th.Daemon(), th)
	}
}
