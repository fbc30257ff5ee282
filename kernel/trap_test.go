package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// unchecked is a machine as benchmarks use it: no audits, no events.
func unchecked(t testing.TB) *Host {
	tracer := trace.New()
	tracer.SetMask(0)
	sim := New(Config{Tracer: tracer})
	t.Cleanup(sim.Shutdown)
	host, err := sim.Boot(HostConfig{})
	require.NoError(t, err)
	return host
}

// run runs a program on an unchecked machine.
func run(t testing.TB, body func(u user.Thread)) {
	host := unchecked(t)
	host.NewTask("p").Spawn("main", body)
	o := host.sim.Run()
	require.Equal(t, Finished, o.Kind, o.Report())
}

// TestTrapsDoNotAllocate: no trap, access, message to oneself or simple call allocates once the machine is warm.
func TestTrapsDoNotAllocate(t *testing.T) {
	run(t, func(u user.Thread) {
		self := user.Self(u)
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, self, &addr, 4096, true))
		require.NoError(t, u.Store64(addr, 1))
		port := u.ReplyPort()
		require.Equal(t, mach.KernSuccess, user.MachPortInsertRight(u, self, port, port, mach.MakeSend))
		m := mach.UserMessage{Body: make([]byte, 64)}
		buf := make([]byte, 16)
		// call sends a request whose arguments are values and their sizes, and waits for its reply.
		call := func(id mach.MsgID, args ...uint64) {
			m.ID, m.Remote, m.RemoteDisp, m.Local, m.LocalDisp = id, self, mach.CopySend, port, mach.MakeSendOnce
			m.Body = m.Body[:0]
			for i := 0; i < len(args); i += 2 {
				if args[i+1] == 8 {
					m.Body = mach.Words.AppendUint64(m.Body, args[i])
				} else {
					m.Body = mach.Words.AppendUint32(m.Body, uint32(args[i]))
				}
			}
			if ret := u.Msg(&m, mach.SendMsg|mach.RcvMsg, 1000, port, 0, 0); ret != mach.KernSuccess || mach.Words.Uint32(m.Body) != 0 {
				t.Fatal(ret, m.Body)
			}
		}
		for name, f := range map[string]func(){
			"mach_task_self": func() { u.TaskSelf() },
			"yield":          u.Yield,
			"load":           func() { u.Load64(addr) },
			"store":          func() { u.Store(addr, buf) },
			"mach_msg": func() {
				m.ID, m.Remote, m.RemoteDisp, m.Local, m.LocalDisp = 1, port, mach.CopySend, 0, 0
				m.Body = m.Body[:64]
				if ret := u.Msg(&m, mach.SendMsg|mach.RcvMsg, 1000, port, 0, 0); ret != mach.KernSuccess {
					t.Fatal(ret)
				}
			},
			"mach_port_type": func() { call(mach.MsgID(3201), uint64(port), 4) },
			"vm_protect":     func() { call(mach.MsgID(2024), uint64(addr), 8, 4096, 8, 0, 4, uint64(mach.ProtDefault), 4) },
		} {
			require.Zero(t, testing.AllocsPerRun(100, f), name)
		}
	})
}

// TestRawDoor: the raw form of mach_msg reaches the kernel's routines like the typed one.
func TestRawDoor(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self := user.Self(u)
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, self, &addr, 8192, true))
		reply := u.ReplyPort()
		m := mach.UserMessage{ID: 3204, Remote: self, RemoteDisp: mach.CopySend, Local: reply, LocalDisp: mach.MakeSendOnce}
		b := make([]byte, 28) // mach_port_allocate(PORT_SET)
		mach.PutHeader(b, &m, 28)
		mach.Words.PutUint32(b[24:], uint32(mach.RightPortSet))
		require.NoError(t, u.Store(addr, b))
		require.Equal(t, mach.KernSuccess, u.MsgRaw(addr, mach.SendMsg|mach.RcvMsg, 28, 100, reply, 0, 0))
		b = make([]byte, 32)
		require.NoError(t, u.Load(addr, b))
		require.EqualValues(t, 32, mach.GetHeader(b, &m))
		require.EqualValues(t, 3304, m.ID)
		require.Zero(t, mach.Words.Uint32(b[24:]))
		set := mach.Name(mach.Words.Uint32(b[28:]))
		typ, ret := user.MachPortType(u, self, set)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.TypePortSet, typ)

		require.NoError(t, u.Store(addr, b[:24]))
		require.Equal(t, mach.SendInvalidData, u.MsgRaw(0x800000, mach.SendMsg, 24, 0, 0, 0, 0))
		require.Equal(t, mach.SendMsgTooSmall, u.MsgRaw(addr, mach.SendMsg, 20, 0, 0, 0, 0))
	})
}

// TestOverwrite: received memory goes over memory the receiver has.
func TestOverwrite(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self, port := user.Self(u), u.ReplyPort()
		data, ret := user.StoreNew(u, []byte("payload!"))
		require.Equal(t, mach.KernSuccess, ret)
		var at mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, self, &at, 4096, true))
		m := mach.UserMessage{ID: 5, Remote: port, RemoteDisp: mach.MakeSend, Complex: true,
			Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Memory: data}}}
		var rcv mach.UserMessage
		rcv.Descs = []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescMemory, Copy: mach.CopyOverwrite, Memory: mach.Region{Address: at + 16, Size: 64}}}
		ret = u.MsgOverwrite(&m, &rcv, mach.SendMsg|mach.RcvMsg|mach.RcvOverwrite, 1000, port, 0, 0)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.Region{Address: at + 16, Size: 8}, rcv.Descs[0].Memory)
		got, err := user.LoadBytes(u, rcv.Descs[0].Memory)
		require.NoError(t, err)
		require.Equal(t, "payload!", string(got))

		// Without a second message the first is received into.
		m = mach.UserMessage{ID: 6, Remote: port, RemoteDisp: mach.MakeSend}
		require.Equal(t, mach.KernSuccess, u.MsgOverwrite(&m, nil, mach.SendMsg|mach.RcvMsg, 1000, port, 0, 0))
		require.EqualValues(t, 6, m.ID)
	})
}

// TestNoMessage: mistakes of the program give codes, whatever it passes.
func TestNoMessage(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		require.Equal(t, mach.SendInvalidData, u.Msg(nil, mach.SendMsg, 0, 0, 0, 0))
		require.Equal(t, mach.RcvInvalidData, u.Msg(nil, mach.RcvMsg, 0, u.ReplyPort(), 0, 0))
		require.Equal(t, mach.KernSuccess, u.Msg(nil, mach.OptNone, 0, 0, 0, 0))
		require.Equal(t, mach.SendInvalidData, u.MsgOverwrite(nil, nil, mach.SendMsg, 0, 0, 0, 0))
		var m mach.UserMessage
		require.Equal(t, mach.KernSuccess, u.Msg(&m, mach.OptNone, 0, 0, 0, 0))
		require.Equal(t, mach.SendInvalidHeader, u.Msg(&m, mach.SendMsg|mach.SendAlways, 0, 0, 0, 0))
		require.Equal(t, mach.RcvInvalidName, u.Msg(&m, mach.RcvMsg, 0, 0, 0, 0))
	})
}

// TestPolling: a program that waits by polling gets what it waits for, though the first choice is always to let
// it run on.
func TestPolling(t *testing.T) {
	for name, poll := range map[string]func(u user.Thread, addr mach.Addr){
		"loads": func(u user.Thread, addr mach.Addr) {
			for {
				if v, _ := u.Load64(addr); v != 0 {
					return
				}
			}
		},
		"traps": func(u user.Thread, addr mach.Addr) {
			for {
				u.TaskSelf()
				if v, _ := u.Load64(addr); v != 0 {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := unchecked(t)
			task := host.NewTask("p")
			task.Spawn("polls", func(u user.Thread) {
				var addr mach.Addr
				user.VMAllocate(u, user.Self(u), &addr, 4096, true)
				u.Spawn("answers", func(u user.Thread) { u.Store64(addr, 1) })
				poll(u, addr)
			})
			o := host.sim.Run()
			require.Equal(t, Finished, o.Kind, o.Report())
		})
	}
}

// TestLoadPoints: loads and stores are points where another thread may go on, if the simulation says so.
func TestLoadPoints(t *testing.T) {
	count := func(points bool) (lost bool) {
		for seed := range uint64(40) {
			r := newRigWith(t, Config{Chooser: choice.NewRandom(seed), LoadPoints: points}, HostConfig{})
			task := r.host.NewTask("p")
			var addr mach.Addr
			ready := false
			increment := func(u user.Thread) {
				for !ready {
					u.Yield()
				}
				v, err := u.Load64(addr)
				require.NoError(t, err)
				require.NoError(t, u.Store64(addr, v+1))
			}
			task.Spawn("one", increment)
			task.Spawn("two", increment)
			task.Spawn("main", func(u user.Thread) {
				require.Equal(t, mach.KernSuccess, user.VMAllocate(u, user.Self(u), &addr, 4096, true))
				require.NoError(t, u.Store64(addr, 0))
				ready = true
			})
			r.finish()
			task.Spawn("check", func(u user.Thread) {
				v, _ := u.Load64(addr)
				lost = lost || v != 2
			})
			r.finish()
			r.sim.Shutdown()
		}
		return lost
	}
	require.True(t, count(true), "an increment is lost under some schedule")
	require.False(t, count(false), "an access of resident memory is no point")
}

// TestSleep: sleeps end in the order of their times, and virtual time jumps.
func TestSleep(t *testing.T) {
	r := newRig(t)
	var order []int
	for _, ms := range []int{30, 10, 20} {
		r.program("p", func(u user.Thread) { u.Sleep(mach.Timeout(ms)); order = append(order, ms) })
	}
	r.finish()
	require.Equal(t, []int{10, 20, 30}, order)
	require.Equal(t, 30*mach.Millisecond, r.sim.Now())
}

func BenchmarkTrap(b *testing.B) {
	run(b, func(u user.Thread) {
		b.ReportAllocs()
		for b.Loop() {
			u.TaskSelf()
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	run(b, func(u user.Thread) {
		var addr mach.Addr
		user.VMAllocate(u, user.Self(u), &addr, 4096, true)
		u.Store64(addr, 1)
		b.ReportAllocs()
		for b.Loop() {
			u.Load64(addr)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	run(b, func(u user.Thread) {
		self := user.Self(u)
		b.ReportAllocs()
		for b.Loop() {
			user.MachPortType(u, self, self)
		}
	})
}

// BenchmarkSimulation is a machine made, booted, run once and shut down.
func BenchmarkSimulation(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tracer := trace.New()
		tracer.SetMask(0)
		sim := New(Config{Tracer: tracer})
		host, err := sim.Boot(HostConfig{})
		if err != nil {
			b.Fatal(err)
		}
		host.NewTask("p").Spawn("main", func(user.Thread) {})
		sim.Run()
		sim.Shutdown()
	}
}
