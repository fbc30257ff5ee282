package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestKilledWithoutMemory: a thread that waits for a free page, which there will never be, ends all the same when it is
// killed, whatever it was doing; an abort alone does not end such a wait.
func TestKilledWithoutMemory(t *testing.T) {
	const page = mach.Size(mach.DefaultPageSize)
	allocate := func(u user.Thread, n int) (addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, user.VMAllocate(u, user.Self(u), &addr, mach.Size(n)*page, true))
		return addr
	}
	fill := func(u user.Thread, n int) mach.Addr {
		addr := allocate(u, n)
		for i := range n {
			require.NoError(t, u.Store64(addr+mach.Addr(i)*mach.Addr(page), 1))
		}
		return addr
	}
	priv := func(u user.Thread) mach.Name {
		name, err := u.(*Thread).Task().GiveHostPriv()
		require.NoError(t, err)
		return name
	}
	// Each prepares something while there is memory, and returns what then needs a page.
	for name, prepare := range map[string]func(u user.Thread) func(){
		"store": func(u user.Thread) func() {
			addr := allocate(u, 1)
			return func() { u.Store64(addr, 1) }
		},
		"copy on write": func(u user.Thread) func() {
			addr := fill(u, 1)
			data, ret := user.VMRead(u, user.Self(u), addr, page)
			require.Equal(t, mach.KernSuccess, ret)
			return func() { u.Store64(data.Address, 1) }
		},
		"vm_wire": func(u user.Thread) func() {
			addr, host := fill(u, 3), priv(u)
			hole := addr + mach.Addr(page)
			require.Equal(t, mach.KernSuccess, user.VMDeallocate(u, user.Self(u), hole, page))
			require.Equal(t, mach.KernSuccess, user.VMAllocate(u, user.Self(u), &hole, page, false))
			return func() { user.VMWire(u, host, user.Self(u), addr, 3*page, mach.ProtDefault) }
		},
		"vm_write": func(u user.Thread) func() {
			from, to := fill(u, 1), allocate(u, 2)
			return func() { user.VMWrite(u, user.Self(u), to+8, mach.Region{Address: from, Size: page}) }
		},
		"vm_read of wired memory": func(u user.Thread) func() {
			addr := fill(u, 1)
			require.Equal(t, mach.KernSuccess, user.VMWire(u, priv(u), user.Self(u), addr, page, mach.ProtDefault))
			return func() { user.VMRead(u, user.Self(u), addr, page) }
		},
		"message with a physical copy": func(u user.Thread) func() {
			addr, port := fill(u, 4), u.ReplyPort()
			return func() {
				user.Msg(u, &mach.UserMessage{
					Remote: port, RemoteDisp: mach.MakeSend, Complex: true, Descs: []mach.Desc[mach.Name, mach.Region]{
						{Kind: mach.DescMemory, Copy: mach.CopyPhysical, Memory: mach.Region{Address: addr, Size: 4 * page}}},
				}, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
			}
		},
		"message with zeroed edges": func(u user.Thread) func() {
			addr, port := fill(u, 2), u.ReplyPort()
			return func() {
				user.Msg(u, &mach.UserMessage{
					Remote: port, RemoteDisp: mach.MakeSend, Complex: true, Descs: []mach.Desc[mach.Name, mach.Region]{
						{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Memory: mach.Region{Address: addr + 8, Size: 2*page - 16}}},
				}, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
			}
		},
		"memory_object_data_supply": func(u user.Thread) func() {
			addr := fill(u, 1)
			control := manage(t, u, true, 2)
			return func() {
				user.MemoryObjectDataSupply(u, control, 0, mach.Region{Address: addr, Size: page}, false, mach.ProtNone, false, user.ReplyPort{})
			}
		},
		"memory_object_lock_request": func(u user.Thread) func() {
			control := manage(t, u, false, 2)
			return func() {
				user.MemoryObjectLockRequest(u, control, 0, page, mach.ReturnAll, false, mach.ProtNone, user.ReplyPort{})
			}
		},
	} {
		for _, how := range []string{"thread", "task"} {
			t.Run(name+", "+how, func(t *testing.T) {
				habits := personality.OSFManual()
				habits.ZeroCopyEdges = true
				r := newRigWith(t, Config{}, HostConfig{Frames: 32, WithoutPageout: true, Personality: habits})
				full := false
				victim := r.program("victim", func(u user.Thread) {
					act := prepare(u)
					for !full {
						u.Yield()
					}
					act()
					t.Error("went on")
				})
				hog := r.program("hog", func(u user.Thread) {
					for range 8 {
						u.Yield()
					}
					fill(u, r.host.VM().Stats().Free)
					full = true
				})
				o := r.sim.Run()
				require.Equal(t, Deadlock, o.Kind, o.Report())
				require.Contains(t, o.Report(), "a page: 0 are free")
				victim.abort()
				require.Equal(t, Deadlock, r.sim.Run().Kind, "an abort does not end the wait")

				if how == "thread" {
					victim.Terminate()
				} else {
					victim.Task().Terminate()
				}
				o = r.sim.Run()
				require.Equal(t, Finished, o.Kind, o.Report())
				require.Empty(t, o.Abandoned)
				require.True(t, victim.Ended())
				for _, task := range r.host.Tasks() {
					task.Terminate()
				}
				r.finish()
				require.Empty(t, r.host.Tasks())
				require.False(t, hog.Task().Alive())
				require.Equal(t, 32, r.host.VM().Stats().Free, r.sim.Describe())
			})
		}
	}
}

// manage serves n messages for a memory object that another thread of the task maps and writes to, and returns the
// control port.
func manage(t *testing.T, u user.Thread, silent bool, n int) mach.Name {
	p := &pager{Thread: u, silent: silent, object: u.ReplyPort()}
	task := u.(*Thread).Task()
	own, err := task.GiveSend(task, p.object)
	require.NoError(t, err)
	task.Spawn("writer", func(u user.Thread) { u.Store64(mapObject(t, u, own), 1) }).SetDaemon(true)
	s := user.NewServer[*pager](u)
	user.OnSimple(s, user.InitCodec, (*pager).init)
	user.OnSimple(s, user.DataRequestCodec, (*pager).dataRequest)
	var in, out mach.UserMessage
	for range n {
		require.Equal(t, mach.KernSuccess, user.Receive(u, &in, p.object))
		user.ServeMessage(u, p, &in, &out, s)
	}
	for range 4 {
		u.Yield()
	}
	return p.control
}
