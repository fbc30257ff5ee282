package kernel

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// TestTaskTerminate: the order of IPC 4.6. Threads leave their waits and unwind; then the rights go, in the
// order of the names; then the control port dies; then the map, and with it the memory object's last mapping.
func TestTaskTerminate(t *testing.T) {
	r := newRig(t)
	w := r.watch()
	pagerTask, object := r.newPager(r.host, "pager", &pager{})
	victim := r.host.NewTask("victim")
	name, err := victim.GiveSend(pagerTask, object)
	require.NoError(t, err)
	unwound := 0
	ready := 0
	for _, thread := range []string{"receives", "faults"} {
		victim.Spawn(thread, func(u user.Thread) {
			defer func() { unwound++ }()
			addr := mapObject(t, u, name)
			ready++
			if thread == "faults" {
				u.Load64(addr)
			}
			var m mach.UserMessage
			user.Receive(u, &m, u.ReplyPort())
			t.Error("went on")
		})
	}
	var dead mach.Name
	r.program("killer", func(u user.Thread) {
		self := user.Self(u)
		port, err := u.(*Thread).task.GiveTaskPort(victim)
		require.NoError(t, err)
		notify := u.ReplyPort()
		_, ret := user.MachPortRequestNotification(u, self, port, mach.NotifyDeadName, 0, notify, mach.MakeSendOnce)
		require.Equal(t, mach.KernSuccess, ret)
		for ready < 2 {
			u.Yield()
		}
		require.Equal(t, mach.KernSuccess, user.TaskTerminate(u, port))
		require.Equal(t, 2, unwound, "the threads have ended when the call returns")
		require.Empty(t, victim.Threads())
		require.False(t, victim.Space().Active())
		var m mach.UserMessage
		require.Equal(t, mach.KernSuccess, user.Receive(u, &m, notify))
		require.Equal(t, mach.NotifyDeadName, m.ID)
		dead = port
		typ, _ := user.MachPortType(u, self, port)
		require.Equal(t, mach.TypeDeadName, typ)
	})
	r.finish()
	require.NotZero(t, dead)
	require.Equal(t, "pager memory_object_terminate", w.log[len(w.log)-1])
	require.NotContains(t, r.host.Tasks(), victim)
	require.False(t, victim.Alive())
	require.Nil(t, victim.Spawn("late", func(user.Thread) {}))
}

// TestTerminateSelf: a task that terminates itself goes in the middle of its call, other threads and all.
func TestTerminateSelf(t *testing.T) {
	r := newRig(t)
	task := r.host.NewTask("suicide")
	task.Spawn("bystander", func(u user.Thread) {
		u.Sleep(1 << 30)
		t.Error("woke up")
	})
	task.Spawn("main", func(u user.Thread) {
		u.Yield()
		user.TaskTerminate(u, user.Self(u))
		t.Error("survived")
	})
	r.finish()
	require.Empty(t, r.host.Tasks())
	require.Less(t, uint64(r.sim.Now()), uint64(1<<30*mach.Millisecond))
}

// TestTerminateSelfTidily: a program that tidies up on its way out makes traps when its task is dead already.
func TestTerminateSelfTidily(t *testing.T) {
	r := newRig(t)
	tidied := 0
	r.host.NewTask("suicide").Spawn("main", func(u user.Thread) {
		self := user.Self(u)
		port, _ := user.MachPortAllocate(u, self, mach.RightReceive)
		defer func() {
			tidied++
			user.MachPortDestroy(u, self, port)
			t.Error("a trap has returned")
		}()
		defer func() {
			tidied++
			u.Yield()
		}()
		user.TaskTerminate(u, self)
	})
	r.finish()
	require.Equal(t, 2, tidied)
	require.Empty(t, r.host.Tasks())
}

// TestTerminateEachOther: two tasks that terminate one another both end, under every order of a hundred.
func TestTerminateEachOther(t *testing.T) {
	for seed := range uint64(100) {
		r := newRigWith(t, Config{Chooser: choice.NewRandom(seed)}, HostConfig{})
		a, b := r.host.NewTask("a"), r.host.NewTask("b")
		for _, pair := range [][2]*Task{{a, b}, {b, a}} {
			other, err := pair[0].GiveTaskPort(pair[1])
			require.NoError(t, err)
			for _, thread := range []string{"one", "two"} {
				pair[0].Spawn(thread, func(u user.Thread) {
					user.TaskTerminate(u, other)
					user.TaskTerminate(u, user.Self(u))
					t.Error("survived")
				})
			}
		}
		r.finish()
		require.Empty(t, r.host.Tasks())
		r.sim.Shutdown()
	}
}

// TestHarnessTerminate: a task that nobody refers to can be ended from outside, before it has ever run.
func TestHarnessTerminate(t *testing.T) {
	r := newRig(t)
	ran := false
	x := r.program("p", func(user.Thread) { ran = true })
	x.Task().Terminate()
	x.Task().Terminate()
	x.th.Suspend() // so that it cannot run first
	r.finish()
	require.False(t, ran)
	require.True(t, x.Ended())
	require.Empty(t, r.host.Tasks())

	y := r.program("q", func(u user.Thread) { u.Sleep(1 << 30) })
	y.Terminate()
	r.finish()
	require.True(t, y.Ended())
	require.True(t, y.Task().Alive(), "a thread is not its task")
}

// TestThreadTerminate: the thread's port dies, its task goes on.
func TestThreadTerminate(t *testing.T) {
	r := newRig(t)
	task := r.host.NewTask("p")
	other := task.Spawn("other", func(u user.Thread) { u.Sleep(1 << 30) })
	task.Spawn("main", func(u user.Thread) {
		u.Yield()
		port, err := task.GiveThreadPort(other)
		require.NoError(t, err)
		threads, ret := user.TaskThreads(u, user.Self(u))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, []mach.Name{port, u.ThreadSelf()}, threads)
		require.Equal(t, mach.KernSuccess, user.ThreadTerminate(u, port))
		require.True(t, other.Ended())
		require.Equal(t, mach.SendInvalidDest, user.ThreadTerminate(u, port))
		_, err = task.GiveThreadPort(other)
		require.Error(t, err)
		user.ThreadTerminate(u, u.ThreadSelf())
		t.Error("survived")
	})
	r.finish()
	require.True(t, task.Alive())
	require.Empty(t, task.Threads())
}

// TestKilledProgram: deferred functions of a killed program run; traps in them unwind again; one that
// swallows its death and goes on is given up after sched.AbandonAfter traps, and its task still ends.
func TestKilledProgram(t *testing.T) {
	r := newRig(t)
	var order []string
	x := r.program("p", func(u user.Thread) {
		defer func() { order = append(order, "outer") }()
		defer func() {
			defer func() { order = append(order, "inner") }()
			u.TaskSelf()
			order = append(order, "never")
		}()
		u.Sleep(1 << 30)
	})
	r.program("killer", func(u user.Thread) { u.Yield(); x.Terminate() })
	r.finish()
	require.Equal(t, []string{"inner", "outer"}, order)

	traps := 0
	headstrong := r.program("headstrong", func(u user.Thread) {
		for {
			func() {
				defer func() { recover() }()
				traps++
				u.Yield()
			}()
		}
	})
	r.program("killer", func(u user.Thread) { u.Yield(); headstrong.Task().Terminate() })
	r.sim.Sched().SetStepLimit(0)
	o := r.sim.Run()
	require.Equal(t, Finished, o.Kind, o.Report())
	require.Equal(t, []*sched.Thread{headstrong.th}, o.Abandoned)
	require.Contains(t, o.Report(), "abandoned after a kill")
	require.Greater(t, traps, sched.AbandonAfter)
	require.True(t, headstrong.Ended())
	require.False(t, headstrong.Task().Alive())
	require.NotContains(t, r.host.Tasks(), headstrong.Task())
	require.NoError(t, r.sim.Check())
}

// TestCrash: a panic of a program is caught and named, ends its task, and leaves the rest of the machine
// alone.
func TestCrash(t *testing.T) {
	r := newRig(t)
	boom := errors.New("boom")
	server := r.host.NewTask("server")
	port, ret := server.Space().Allocate(mach.RightReceive)
	require.Equal(t, mach.KernSuccess, ret)
	unwound := false
	server.Spawn("helper", func(u user.Thread) {
		defer func() { unwound = true }()
		u.Sleep(1 << 30)
	})
	x := server.Spawn("main", func(u user.Thread) {
		var m mach.UserMessage
		user.Receive(u, &m, port)
		panic(boom)
	})
	client := r.host.NewTask("client")
	name, err := client.GiveSend(server, port)
	require.NoError(t, err)
	done := false
	client.Spawn("main", func(u user.Thread) {
		reply := u.ReplyPort()
		m := mach.UserMessage{ID: 1, Remote: name, RemoteDisp: mach.MoveSend, Local: reply, LocalDisp: mach.MakeSendOnce}
		require.Equal(t, mach.KernSuccess, user.Msg(u, &m, mach.SendMsg|mach.RcvMsg, 1000, reply, 0, 0))
		require.Equal(t, mach.NotifySendOnce, m.ID, "the server died with the request")
		done = true
	})
	o := r.sim.Run()
	require.Equal(t, Crashed, o.Kind, o.Report())
	require.ErrorIs(t, o.Err, boom)
	require.ErrorContains(t, o.Err, "server/main panicked in step")
	require.Len(t, o.Crashes, 1)
	require.Same(t, x, o.Crashes[0].Thread)
	require.Same(t, x.Crash(), o.Crashes[0])
	require.Contains(t, o.Report(), "lifecycle_test.go", "the stack shows where")
	require.True(t, done)
	require.True(t, unwound)
	require.False(t, server.Alive())
	require.False(t, o.Deadlocked())
	require.NoError(t, r.sim.Check())
}

// TestGoexit: a failed require inside a program ends the test and not the machine's order: Shutdown still works.
func TestGoexit(t *testing.T) {
	sim := New(Config{})
	host, err := sim.Boot(HostConfig{})
	require.NoError(t, err)
	unwound := false
	host.NewTask("p").Spawn("waits", func(u user.Thread) {
		defer func() { unwound = true }()
		u.Sleep(5)
	})
	exited := make(chan bool)
	go func() {
		defer close(exited)
		defer sim.Shutdown()
		host.NewTask("q").Spawn("fails", func(u user.Thread) {
			u.Yield()
			new(testing.T).FailNow()
		})
		sim.Run()
		t.Error("Run returned")
	}()
	<-exited
	require.True(t, unwound)
	require.Empty(t, sim.Crashes())
}

// TestMisuse: a trap on another program's thread is the caller's mistake, and named.
func TestMisuse(t *testing.T) {
	r := newRig(t)
	var other user.Thread
	r.program("victim", func(u user.Thread) { other = u; u.Sleep(10) })
	r.program("thief", func(u user.Thread) { other.TaskSelf() })
	o := r.sim.Run()
	require.Equal(t, Crashed, o.Kind)
	require.ErrorContains(t, o.Err, "thief/main")
	require.ErrorContains(t, o.Err, "only its own program may use a thread")
	require.False(t, r.host.Tasks()[0].Alive() && len(r.host.Tasks()) > 1)
}

// TestSuspend: thread_suspend and task_suspend nest, stop a thread at the end of its trap, and hold a new
// thread too.
func TestSuspend(t *testing.T) {
	r := newRig(t)
	var log []string
	task := r.host.NewTask("p")
	task.Spawn("main", func(u user.Thread) {
		log = append(log, "suspends")
		require.Equal(t, mach.KernSuccess, user.TaskSuspend(u, user.Self(u)))
		log = append(log, "runs")
	})
	o := r.sim.Run()
	require.Equal(t, Deadlock, o.Kind)
	require.True(t, o.Deadlocked())
	require.ErrorIs(t, o.Err, ErrDeadlock)
	require.Len(t, o.Suspended, 1)
	require.Contains(t, o.Report(), "suspend count 1")
	require.Equal(t, []string{"suspends"}, log)

	late := task.Spawn("late", func(user.Thread) { log = append(log, "late") })
	r.program("helper", func(u user.Thread) {
		own := u.(*Thread).task
		port, err := own.GiveTaskPort(task)
		require.NoError(t, err)
		thread, err := own.GiveThreadPort(late)
		require.NoError(t, err)
		require.Equal(t, mach.KernSuccess, user.ThreadSuspend(u, thread))
		require.Equal(t, mach.KernSuccess, user.TaskResume(u, port))
		require.Equal(t, mach.KernFailure, user.TaskResume(u, port))
		u.Yield()
		require.Equal(t, []string{"suspends", "runs"}, log)
		require.Equal(t, mach.KernSuccess, user.ThreadResume(u, thread))
		require.Equal(t, mach.KernFailure, user.ThreadResume(u, thread))
		u.Yield()
	})
	r.finish()
	require.Equal(t, []string{"suspends", "runs", "late"}, log)
}

// TestAbort: thread_abort ends a receive and a sleep; a fault is tried again; a thread that runs its program is left
// alone.
func TestAbort(t *testing.T) {
	r := newRig(t)
	p := &pager{silent: true}
	pagerTask, object := r.newPager(r.host, "pager", p)
	victim := r.host.NewTask("victim")
	name, err := victim.GiveSend(pagerTask, object)
	require.NoError(t, err)
	step := 0
	x := victim.Spawn("main", func(u user.Thread) {
		u.Yield()
		var m mach.UserMessage
		step = 1
		require.Equal(t, mach.RcvInterrupted, u.Msg(&m, mach.RcvMsg, 1000, u.ReplyPort(), 0, 0))
		step = 2
		u.Sleep(1 << 30)
		addr := mapObject(t, u, name)
		step = 3
		_, err := u.Load64(addr)
		require.ErrorIs(t, err, mach.KernMemoryFailure)
		step = 4
	})
	r.program("aborter", func(u user.Thread) {
		port, err := u.(*Thread).task.GiveThreadPort(x)
		require.NoError(t, err)
		require.Equal(t, mach.KernSuccess, user.ThreadAbort(u, port))
		for next := 1; next <= 3; next++ {
			for step < next || x.th.State() != sched.Blocked {
				u.Yield()
			}
			require.Equal(t, mach.KernSuccess, user.ThreadAbort(u, port))
		}
	})
	o := r.sim.Run()
	require.Equal(t, Deadlock, o.Kind, "the page was asked for and the manager keeps silent")
	require.Equal(t, 3, step)
	require.Len(t, o.Blocked, 1)
	require.Same(t, x.th, o.Blocked[0].Thread)
	require.Contains(t, o.Report(), "held by pager")
	pagerTask.Terminate()
	r.finish()
	require.Equal(t, 4, step)
	require.Equal(t, mach.KernMemoryFailure, x.Exception().Code)
}

// TestDeadlockReport: who waits for what, held by whom, since which step.
func TestDeadlockReport(t *testing.T) {
	r := newRig(t)
	task := r.host.NewTask("p")
	var port mach.Name
	task.Spawn("receiver", func(u user.Thread) {
		port = u.ReplyPort()
		var m mach.UserMessage
		user.Receive(u, &m, port)
	})
	other := task.Spawn("sleeper", func(u user.Thread) {
		var m mach.UserMessage
		user.Receive(u, &m, u.ReplyPort())
	})
	other.SetDaemon(true)
	o := r.sim.Run()
	require.Equal(t, Deadlock, o.Kind)
	require.True(t, o.Deadlocked())
	require.Len(t, o.Blocked, 1)
	report := o.Report()
	for _, part := range []string{"deadlock after", "p/receiver", "waits for", "held by p", "since step", "daemons:", "last events:", ">> mach_msg"} {
		require.Contains(t, report, part)
	}
	require.NotEmpty(t, strings.TrimSpace(r.sim.Describe()))
}

// TestAuditFails: a broken invariant ends a checked run at the step that broke it, and says who.
func TestAuditFails(t *testing.T) {
	r := newRig(t)
	r.program("p", func(u user.Thread) {
		u.Yield()
		task := u.(*Thread).task
		task.refs -= 2 // nobody may do this
		u.Yield()
		t.Error("went on")
	})
	o := r.sim.Run()
	require.Equal(t, CheckFailed, o.Kind)
	var broken *CheckError
	require.ErrorAs(t, o.Err, &broken)
	require.ErrorContains(t, o.Err, "K-1")
	require.ErrorContains(t, o.Err, "p/main")
	require.Error(t, r.sim.Check())
}

// TestKernelPanic: a panic inside the kernel is a broken invariant, and not the program's.
func TestKernelPanic(t *testing.T) {
	r := newRig(t)
	r.program("p", func(u user.Thread) {
		x := u.(*Thread)
		space := x.task.space
		x.task.space = nil // nobody may do this
		defer func() { x.task.space = space }()
		u.ReplyPort()
	})
	o := r.sim.Run()
	require.Equal(t, Panicked, o.Kind)
	require.Empty(t, o.Crashes)
	var p *sched.PanicError
	require.ErrorAs(t, o.Err, &p)
	require.Contains(t, o.Report(), "AllocateReply")
}

// TestTaskCreate: a child inherits memory if asked, and the registered and special ports; not the names.
func TestTaskCreate(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self := user.Self(u)
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, self, &addr, 4096, true))
		require.NoError(t, u.Store64(addr, 42))
		port := u.ReplyPort()
		require.Equal(t, mach.KernSuccess, user.MachPortInsertRight(u, self, port, port, mach.MakeSend))
		require.Equal(t, mach.KernSuccess, user.MachPortsRegister(u, self, []mach.Name{port}))
		require.Equal(t, mach.KernSuccess, user.TaskSetSpecialPort(u, self, defs.TaskBootstrapPort, port))

		child, ret := user.TaskCreate(u, self, true)
		require.Equal(t, mach.KernSuccess, ret)
		data, ret := user.VMRead(u, child, addr, 8)
		require.Equal(t, mach.KernSuccess, ret)
		v, err := u.Load64(data.Address)
		require.NoError(t, err)
		require.EqualValues(t, 42, v)
		names, _, ret := user.MachPortNames(u, child)
		require.Equal(t, mach.KernSuccess, ret)
		require.Empty(t, names)
		ports, ret := user.MachPortsLookup(u, child)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, []mach.Name{port, 0, 0}, ports)
		boot, ret := user.TaskGetSpecialPort(u, child, defs.TaskBootstrapPort)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, port, boot)

		empty, ret := user.TaskCreate(u, self, false)
		require.Equal(t, mach.KernSuccess, ret)
		_, ret = user.VMRead(u, empty, addr, 8)
		require.Equal(t, mach.KernInvalidAddress, ret)
		for _, task := range []mach.Name{child, empty} {
			require.Equal(t, mach.KernSuccess, user.TaskTerminate(u, task))
		}
		// A registered port that has died is looked up as dead, and inherited so.
		require.Equal(t, mach.KernSuccess, user.MachPortModRefs(u, self, port, mach.RightReceive, -1))
		orphan, ret := user.TaskCreate(u, self, false)
		require.Equal(t, mach.KernSuccess, ret)
		ports, ret = user.MachPortsLookup(u, orphan)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, []mach.Name{mach.NameDead, 0, 0}, ports)
	})
}
