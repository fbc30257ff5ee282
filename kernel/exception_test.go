package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// handler answers exceptions for the tests; it makes memory where it is missing if fix is set.
type handler struct {
	user.Thread
	fix  bool
	seen []mach.Addr
	code mach.Return
	task mach.Name
}

func (h *handler) serve(t user.Thread, port mach.Name) {
	h.Thread = t
	s := user.NewServer[*handler](t)
	user.OnExceptionRaise(s, func(h *handler, exception int32, thread, task mach.Name, code, subcode int64) mach.Return {
		h.seen = append(h.seen, mach.Addr(subcode))
		h.code, h.task = mach.Return(code), task
		if exception != defs.ExcBadAccess || !h.fix {
			return mach.KernFailure
		}
		addr := mach.Addr(subcode).Trunc(h.PageSize())
		return user.VMAllocate(h, task, &addr, h.PageSize(), false)
	})
	user.Serve(t, h, port, s)
}

// TestExceptionWithoutServer: an access that fails gives the program an error with code and address, and is
// traced; the program goes on.
func TestExceptionWithoutServer(t *testing.T) {
	r := newRig(t)
	out := r.transcript()
	x := r.program("p", func(u user.Thread) {
		for _, access := range []func() error{
			func() error { return u.Load(0x5004, make([]byte, 4)) },
			func() error { return u.Store(0x5004, make([]byte, 4)) },
			func() error { _, err := u.Load64(0x5004); return err },
			func() error { return u.Store64(0x5004, 1) },
		} {
			err := access()
			var e *user.Exception
			require.ErrorAs(t, err, &e)
			require.Equal(t, user.Exception{Code: mach.KernInvalidAddress, Addr: 0x5004}, *e)
			require.ErrorIs(t, err, mach.KernInvalidAddress)
		}
		require.NoError(t, u.Load(0x5004, nil))
	})
	r.finish()
	require.Contains(t, out.String(), "!! EXC_BAD_ACCESS KERN_INVALID_ADDRESS at 0x5004 of p")
	require.Equal(t, mach.Addr(0x5004), x.Exception().Addr)
}

// TestExceptionServer: the thread's exception port is told first, then the task's; whoever answers
// KERN_SUCCESS has the access done again. In each message set.
func TestExceptionServer(t *testing.T) {
	for _, name := range personality.Names() {
		t.Run(name, func(t *testing.T) {
			pers, err := personality.ByName(name)
			require.NoError(t, err)
			r := newRigWith(t, Config{}, HostConfig{Personality: pers})
			refuses, fixes := &handler{}, &handler{fix: true}
			client := r.host.NewTask("client")
			var ports []mach.Name
			for i, h := range []*handler{refuses, fixes} {
				task := r.host.NewTask([]string{"refuses", "fixes"}[i])
				port, ret := task.Space().Allocate(mach.RightReceive)
				require.Equal(t, mach.KernSuccess, ret)
				task.Spawn("main", func(u user.Thread) { h.serve(u, port) }).SetDaemon(true)
				given, err := client.GiveSend(task, port)
				require.NoError(t, err)
				ports = append(ports, given)
			}
			client.Spawn("main", func(u user.Thread) {
				self, thread := user.Self(u), u.ThreadSelf()
				if u.Form().Set == mig.OSF {
					require.Equal(t, mach.KernSuccess, user.ThreadSetExceptionPorts(u, thread, 1<<defs.ExcBadAccess, ports[0], defs.ExceptionDefault, 0))
					require.Equal(t, mach.KernSuccess, user.TaskSetExceptionPorts(u, self, exceptionMask, ports[1], defs.ExceptionDefault, 0))
					require.Equal(t, mach.KernInvalidArgument, user.TaskSetExceptionPorts(u, self, 1, ports[1], defs.ExceptionDefault, 0))
					require.Equal(t, mach.KernInvalidArgument, user.TaskSetExceptionPorts(u, self, 2, ports[1], 9, 0))
				} else {
					require.Equal(t, mach.KernSuccess, user.ThreadSetSpecialPort(u, thread, defs.ThreadExceptionPort, ports[0]))
					require.Equal(t, mach.KernSuccess, user.TaskSetSpecialPort(u, self, defs.TaskExceptionPort, ports[1]))
				}
				require.NoError(t, u.Store(0x5004, []byte("made good")))
				b := make([]byte, 9)
				require.NoError(t, u.Load(0x5004, b))
				require.Equal(t, "made good", string(b))
				// A child inherits the task's port, and its server sees the child's task.
				child, ret := user.TaskCreate(u, self, false)
				require.Equal(t, mach.KernSuccess, ret)
				require.Equal(t, mach.KernSuccess, user.TaskTerminate(u, child))
			})
			r.finish()
			require.Equal(t, []mach.Addr{0x5004}, refuses.seen)
			require.Equal(t, []mach.Addr{0x5004}, fixes.seen)
			require.Equal(t, mach.KernInvalidAddress, fixes.code)
			require.Nil(t, client.Threads())
		})
	}
}

// TestExceptionServerDies: without an answer the access fails; the death of the server does not hang the thread, and
// neither does the thread's own.
func TestExceptionServerDies(t *testing.T) {
	r := newRig(t)
	server := r.host.NewTask("server")
	port, ret := server.Space().Allocate(mach.RightReceive)
	require.Equal(t, mach.KernSuccess, ret)
	client := r.host.NewTask("client")
	name, err := client.GiveSend(server, port)
	require.NoError(t, err)
	failed := false
	client.Spawn("main", func(u user.Thread) {
		require.Equal(t, mach.KernSuccess, user.TaskSetExceptionPorts(u, user.Self(u), exceptionMask, name, defs.ExceptionDefault, 0))
		require.ErrorIs(t, u.Store64(0x5000, 1), mach.KernInvalidAddress)
		failed = true
	})
	o := r.sim.Run()
	require.Equal(t, Deadlock, o.Kind, "nobody answers")
	require.NoError(t, r.sim.Check())
	server.Terminate()
	r.finish()
	require.True(t, failed)

	victim := r.host.NewTask("victim")
	other := r.host.NewTask("server")
	port, _ = other.Space().Allocate(mach.RightReceive)
	name, err = victim.GiveSend(other, port)
	require.NoError(t, err)
	victim.Spawn("main", func(u user.Thread) {
		user.TaskSetExceptionPorts(u, user.Self(u), exceptionMask, name, defs.ExceptionDefault, 0)
		u.Store64(0x5000, 1)
		t.Error("survived")
	})
	r.sim.Run()
	victim.Terminate()
	r.finish()
	require.NotContains(t, r.host.Tasks(), victim)
}
