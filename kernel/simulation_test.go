package kernel

import (
	"errors"
	"runtime"
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

func TestBootRefuses(t *testing.T) {
	sim := New(Config{})
	defer sim.Shutdown()
	for name, c := range map[string]HostConfig{
		"personality": {Personality: personality.Personality{Preset: "nobody"}},
		"page size":   {PageSize: 1000},
		"address top": {AddressTop: 0x1001},
		"frames":      {Frames: 3},
	} {
		h, err := sim.Boot(c)
		require.Error(t, err, name)
		require.Nil(t, h, name)
		require.ErrorContains(t, err, "kernel: host k1")
	}
	require.Empty(t, sim.Hosts())
	_, err := sim.Boot(HostConfig{Name: "a"})
	require.NoError(t, err)
	_, err = sim.Boot(HostConfig{Name: "a"})
	require.ErrorContains(t, err, "named a already")
}

func TestEmptySimulation(t *testing.T) {
	sim := New(Config{})
	o := sim.Run()
	require.Equal(t, Finished, o.Kind)
	sim.Shutdown()
	sim.Shutdown()
	o = sim.Run()
	require.Equal(t, Stopped, o.Kind)
	require.ErrorIs(t, o.Err, sched.ErrShutdown)
}

// TestShutdownLeavesNothing: threads that run, wait, sleep, were never started, or have defers are all gone after
// Shutdown, and so are their goroutines.
func TestShutdownLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	sim := New(Config{StepLimit: 500})
	host, err := sim.Boot(HostConfig{})
	require.NoError(t, err)
	other, err := sim.Boot(HostConfig{PageSize: 8192})
	require.NoError(t, err)
	deferred := 0
	task := host.NewTask("t")
	task.Spawn("waits", func(u user.Thread) {
		defer func() { deferred++; u.TaskSelf() }()
		var m mach.UserMessage
		user.Receive(u, &m, u.ReplyPort())
	})
	task.Spawn("sleeps", func(u user.Thread) {
		defer func() { deferred++ }()
		for {
			u.Sleep(1000)
		}
	})
	task.Spawn("swallows", func(u user.Thread) {
		for {
			func() {
				defer func() { recover() }()
				u.Yield()
			}()
		}
	})
	other.NewTask("u").Spawn("runs", func(u user.Thread) {
		for {
			u.Yield()
		}
	})
	o := sim.Run()
	require.Equal(t, StepLimit, o.Kind)
	require.ErrorIs(t, o.Err, ErrStepLimit)
	task.Spawn("never", func(user.Thread) { t.Error("ran") })
	sim.Shutdown()
	require.Equal(t, 2, deferred)
	require.LessOrEqual(t, goroutines(before), before)
}

// TestRunAgain: a simulation may be run, given more work, and run again.
func TestRunAgain(t *testing.T) {
	r := newRig(t)
	n := 0
	r.do(func(user.Thread) { n++ })
	r.do(func(user.Thread) { n++ })
	require.Equal(t, 2, n)
}

func TestStop(t *testing.T) {
	r := newRig(t)
	want := errors.New("enough")
	r.program("p", func(u user.Thread) {
		r.sim.Stop(want)
		u.Yield()
		u.Yield()
		t.Error("went on")
	})
	o := r.sim.Run()
	require.Equal(t, Stopped, o.Kind)
	require.ErrorIs(t, o.Err, want)
}

// work is a bit of everything that two hosts, a pager and two clients can do.
func work(t *testing.T, c Config) (transcript, description string, fingerprint uint64) {
	r := newRigWith(t, c, HostConfig{Name: "a"})
	b, err := r.sim.Boot(HostConfig{Name: "b"})
	require.NoError(t, err)
	out := r.transcript()
	pagerTask, object := r.newPager(r.host, "pager", &pager{})
	for _, h := range []*Host{r.host, b} {
		task := h.NewTask("client-" + h.name)
		name, err := task.GiveSend(pagerTask, object)
		require.NoError(t, err)
		for _, thread := range []string{"one", "two"} {
			task.Spawn(thread, func(u user.Thread) {
				addr := mapObject(t, u, name)
				u.Store64(addr+8, 1)
				v, err := u.Load64(addr)
				require.NoError(t, err)
				require.EqualValues(t, 0x1000, v)
				child, ret := user.TaskCreate(u, user.Self(u), true)
				require.Equal(t, mach.KernSuccess, ret)
				user.VMDeallocate(u, user.Self(u), addr, u.PageSize())
				user.TaskTerminate(u, child)
				u.Sleep(3)
			})
		}
	}
	o := r.sim.Run()
	require.Equal(t, Finished, o.Kind, o.Report())
	return out.String(), r.sim.Describe(), r.sim.Fingerprint()
}

// TestDeterminism: two runs of a schedule give the same trace to the byte, and the same machine; another
// schedule gives another.
func TestDeterminism(t *testing.T) {
	for name, c := range map[string]func() Config{
		"first":  func() Config { return Config{} },
		"random": func() Config { return Config{Chooser: choice.NewRandom(7)} },
		"loads":  func() Config { return Config{Chooser: choice.NewRandom(7), LoadPoints: true, Costs: CostsRTAPC} },
	} {
		t.Run(name, func(t *testing.T) {
			log1, machine1, print1 := work(t, c())
			log2, machine2, print2 := work(t, c())
			require.Equal(t, log1, log2)
			require.Equal(t, machine1, machine2)
			require.Equal(t, print1, print2)
			require.NotContains(t, log1, "0xc000", "a Go address")
		})
	}
	log1, _, _ := work(t, Config{})
	log2, _, _ := work(t, Config{Chooser: choice.NewRandom(8)})
	require.NotEqual(t, log1, log2)
}

// TestTwoHosts: hosts of one simulation map one memory object; each has its own control port, and each tells
// the manager of its own end (IPC 7.4).
func TestTwoHosts(t *testing.T) {
	r := newRig(t)
	b, err := r.sim.Boot(HostConfig{Name: "b", PageSize: 16384})
	require.NoError(t, err)
	require.Equal(t, []*Host{r.host, b}, r.sim.Hosts())
	w := r.watch()
	pagerTask, object := r.newPager(r.host, "pager", &pager{})
	for _, h := range r.sim.Hosts() {
		task := h.NewTask("client")
		name, err := task.GiveSend(pagerTask, object)
		require.NoError(t, err)
		task.Spawn("main", func(u user.Thread) {
			require.Equal(t, h.VM().PageSize(), u.PageSize())
			addr := mapObject(t, u, name)
			v, err := u.Load64(addr)
			require.NoError(t, err)
			require.EqualValues(t, 0x1000, v)
		})
	}
	r.finish()
	for _, h := range r.sim.Hosts() {
		for _, task := range h.Tasks() {
			if task.Name() == "client" {
				require.Equal(t, 1, h.VM().Mappings(pagerTask.portNamed(object)))
				task.Terminate()
			}
		}
	}
	r.finish()
	require.ElementsMatch(t, []string{
		"pager memory_object_init", "pager memory_object_init",
		"pager memory_object_data_request", "pager memory_object_data_request",
		"pager memory_object_terminate", "pager memory_object_terminate",
	}, w.take())
}

// TestCallAcrossHosts: a call on a task of another host is executed there, by its service thread.
func TestCallAcrossHosts(t *testing.T) {
	r := newRigWith(t, Config{LinkDelay: 1000}, HostConfig{})
	b, err := r.sim.Boot(HostConfig{Name: "b", Personality: personality.CMU30()})
	require.NoError(t, err)
	far := b.NewTask("far")
	near := r.host.NewTask("near")
	port, err := near.GiveTaskPort(far)
	require.NoError(t, err)
	near.Spawn("main", func(u user.Thread) {
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, port, &addr, 1, true))
		require.NotZero(t, r.sim.Now())
		data, ret := user.StoreNew(u, []byte("over there"))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.KernSuccess, user.VMWrite(u, port, addr, data))
		back, ret := user.VMRead(u, port, addr, data.Size)
		require.Equal(t, mach.KernSuccess, ret)
		p, err := user.LoadBytes(u, back)
		require.NoError(t, err)
		require.Equal(t, "over there", string(p))
		_, ret = user.VMReadOverwrite(u, port, addr, 4, data.Address)
		require.Equal(t, mach.KernInvalidArgument, ret)
		require.Equal(t, mach.KernSuccess, user.TaskTerminate(u, port))
		require.Equal(t, mach.SendInvalidDest, user.VMAllocate(u, port, &addr, 1, true))
	})
	r.finish()
	require.False(t, far.Alive())
	require.Empty(t, b.Tasks())
}

func TestCosts(t *testing.T) {
	c, err := CostsByName("rt-apc")
	require.NoError(t, err)
	_, err = CostsByName("cray")
	require.Error(t, err)
	r := newRigWith(t, Config{Costs: c}, HostConfig{})
	r.do(func(u user.Thread) {
		var addr mach.Addr
		self := user.Self(u)
		before := r.sim.Now()
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, self, &addr, 4096, true))
		require.Equal(t, 2*c.Message, r.sim.Now()-before, "a call is a request served and a reply queued")
		before = r.sim.Now()
		require.NoError(t, u.Store64(addr, 1))
		require.Equal(t, c.Fault+c.ZeroFill, r.sim.Now()-before)
		before = r.sim.Now()
		require.NoError(t, u.Store64(addr, 2))
		require.Equal(t, before, r.sim.Now())
	})
}

// TestMessageNames: the trace knows the arguments of messages.
func TestMessageNames(t *testing.T) {
	r := newRig(t)
	out := r.transcript()
	r.do(func(u user.Thread) {
		var addr mach.Addr
		user.VMAllocate(u, user.Self(u), &addr, 4096, true)
	})
	require.Contains(t, out.String(), "vm_allocate(target_task=")
	require.Contains(t, out.String(), "size=0x1000, anywhere=TRUE")
	require.Contains(t, out.String(), "vm_allocate_reply(KERN_SUCCESS, address=")
	require.Contains(t, out.String(), "program/main")
	require.Equal(t, "vm_allocate", messageNames[mig.Form{}].MessageName(defs.VMAllocateRow.ID(0)))
}
