package rows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/test/rows"
)

// TestPageSizes: hosts with pages of different sizes share an object. What has one owner is as large as the largest; a
// small page costs a message more where both halves are used, and a host with larger pages is refused.
func TestPageSizes(t *testing.T) {
	k := cluster(t, rows.ClusterConfig{Hosts: 3, PageSizes: []mach.Size{4096, 16384, 8192}})
	require.NoError(t, k.Do(1, func(u user.Thread, addr mach.Addr) {
		for off := mach.Addr(0); off < 16384; off += 4096 {
			require.NoError(t, u.Store64(addr+off, uint64(off)+1))
		}
	}))
	for _, node := range []int{0, 2} {
		require.NoError(t, k.Do(node, func(u user.Thread, addr mach.Addr) {
			for off := mach.Addr(0); off < 16384; off += 4096 {
				v, err := u.Load64(addr + off)
				require.NoError(t, err)
				require.Equal(t, uint64(off)+1, v)
			}
		}))
	}
	s := k.Stats()
	require.Equal(t, 4+2, s.Reads)

	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	_, err := rows.NewCluster(sim, rows.ClusterConfig{Hosts: 2, PageSizes: []mach.Size{4096, 8192}, Central: true,
		Options: pagers.CoherentOptions{Unit: 4096}}, nil)
	require.ErrorIs(t, err, mach.KernInvalidObject)
}

// TestTermination: a kernel that ends its use of the object while it is asked for a page has answered by that. What it had
// written was returned before.
func TestTermination(t *testing.T) {
	for _, central := range []bool{true, false} {
		k := cluster(t, rows.ClusterConfig{Hosts: 3, Central: central})
		require.NoError(t, k.Store(0, 11))
		// Host 1 unmaps while the flush for host 2 is on its way to it.
		k.Servers[0].Task.Suspend()
		k.Start(1, func(u user.Thread, addr mach.Addr) {
			v, err := u.Load64(addr)
			require.NoError(t, err)
			require.Equal(t, uint64(11), v)
			require.NoError(t, u.Store64(addr, 12))
		})
		k.Sim.Run()
		k.Servers[0].Task.Resume()
		n := k.Nodes[0]
		n.Task.Spawn("end", func(u user.Thread) { user.VMDeallocate(u, user.Self(u), n.Addr, n.Size) })
		out := k.Sim.Run()
		require.NoError(t, out.Err)
		v, err := k.Load(2)
		require.NoError(t, err)
		require.Equal(t, uint64(12), v)
		require.NoError(t, k.Sim.Check())
	}
}

// TestTerminationAtAnyTime: a kernel ends its use at any step of a transfer, and comes back.
func TestTerminationAtAnyTime(t *testing.T) {
	for _, c := range []rows.ClusterConfig{{Hosts: 3, Central: true}, {Hosts: 3}, {Hosts: 3, Serves: []int{0, 0, 2}}} {
		for pause := range 60 {
			k := cluster(t, c)
			n := k.Nodes[0]
			for node := range 3 {
				_, err := k.Load(node)
				require.NoError(t, err)
			}
			n.Task.Spawn("end", func(u user.Thread) {
				u.Store64(n.Addr, 5)
				for range pause {
					u.Yield()
				}
				user.VMDeallocate(u, user.Self(u), n.Addr, n.Size)
			})
			for node := 1; node < 3; node++ {
				k.Start(node, func(u user.Thread, addr mach.Addr) {
					for i := range 4 {
						require.NoError(t, u.Store64(addr+8*mach.Addr(node), uint64(i)))
						u.Yield()
					}
				})
			}
			out := k.Sim.Run()
			require.NoError(t, out.Err, "pause %d", pause)
			for node := 1; node < 3; node++ {
				require.NoError(t, k.Do(node, func(u user.Thread, addr mach.Addr) {
					for _, want := range [][2]uint64{{0, 5}, {8, 3}, {16, 3}} {
						v, err := u.Load64(addr + mach.Addr(want[0]))
						require.NoError(t, err)
						require.Equal(t, want[1], v, "pause %d", pause)
					}
				}))
			}
		}
	}
}

// TestServerDeath: a page that was at a server which dies is lost, and who wants it gets an error. Pages that were
// elsewhere live on. Nobody waits for ever.
func TestServerDeath(t *testing.T) {
	k := cluster(t, rows.ClusterConfig{Hosts: 3, Pages: 3})
	page := mach.Addr(mach.DefaultPageSize)
	require.NoError(t, k.Do(1, func(u user.Thread, addr mach.Addr) { require.NoError(t, u.Store64(addr+page, 1)) }))
	require.NoError(t, k.Do(2, func(u user.Thread, addr mach.Addr) { require.NoError(t, u.Store64(addr+2*page, 2)) }))
	k.Servers[2].Task.Suspend()
	var waited error
	k.Start(1, func(u user.Thread, addr mach.Addr) { _, waited = u.Load64(addr + 2*page) })
	k.Sim.Run()
	k.Servers[2].Task.Terminate()
	require.NoError(t, k.Sim.Run().Err)
	require.ErrorIs(t, waited, mach.KernMemoryError)

	require.NoError(t, k.Do(0, func(u user.Thread, addr mach.Addr) {
		v, err := u.Load64(addr + page)
		require.NoError(t, err)
		require.Equal(t, uint64(1), v)
		require.NoError(t, u.Store64(addr+page, 7))
		require.NoError(t, u.Store64(addr, 3))
		_, err = u.Load64(addr + 2*page)
		require.ErrorIs(t, err, mach.KernMemoryError)
		require.ErrorIs(t, u.Store64(addr+2*page, 3), mach.KernMemoryError)
	}))
	require.NoError(t, k.Do(1, func(u user.Thread, addr mach.Addr) {
		v, err := u.Load64(addr + page)
		require.NoError(t, err)
		require.Equal(t, uint64(7), v)
		v, err = u.Load64(addr)
		require.NoError(t, err)
		require.Equal(t, uint64(3), v)
	}))
	require.Positive(t, k.Servers[0].Pager.Stats().Lost)
	require.NoError(t, k.Sim.Check())
}

// TestServerDeathAtAnyTime: a server dies in the middle of whatever goes on. Accesses go through or fail; none hangs.
func TestServerDeathAtAnyTime(t *testing.T) {
	failed := 0
	for seed := range uint64(60) {
		k := cluster(t, rows.ClusterConfig{Hosts: 4})
		for node := range 3 {
			k.Start(node, func(u user.Thread, addr mach.Addr) {
				for i := range 12 {
					var err error
					if (i+node)%3 == 0 {
						_, err = u.Load64(addr)
					} else {
						err = u.Store64(addr, uint64(i))
					}
					if err != nil {
						failed++
						return
					}
					u.Yield()
				}
			})
		}
		k.Start(3, func(u user.Thread, addr mach.Addr) {
			u.Store64(addr+8, 1)
			for range seed {
				u.Yield()
			}
			u.Store64(addr+8, 2)
			k.Servers[3].Task.Terminate()
		})
		require.NoError(t, k.Sim.Run().Err, "seed %d", seed)
		require.NoError(t, k.Sim.Check())
	}
	require.Positive(t, failed)
}

// TestFullQueue: a server whose queue has no room for more holds up nobody: what it could not be sent is sent later, in
// order.
func TestFullQueue(t *testing.T) {
	const hosts = 9
	k := cluster(t, rows.ClusterConfig{Hosts: hosts})
	require.NoError(t, k.Store(0, 1))
	task := k.Servers[0].Task
	task.Suspend()
	for node := 1; node < hosts; node++ {
		k.Start(node, func(u user.Thread, addr mach.Addr) {
			require.NoError(t, u.Store64(addr+8*mach.Addr(node), uint64(node)))
		})
	}
	k.Start(0, func(u user.Thread, _ mach.Addr) {
		u.Sleep(20)
		task.Resume()
	})
	require.NoError(t, k.Sim.Run().Err)
	require.Positive(t, k.Stats().Retried)
	require.NoError(t, k.Do(0, func(u user.Thread, addr mach.Addr) {
		for node := 1; node < hosts; node++ {
			v, err := u.Load64(addr + 8*mach.Addr(node))
			require.NoError(t, err)
			require.Equal(t, uint64(node), v)
		}
	}))
}

// TestInvalidationInPassing: a server that is taking copies away for a writer of its own is told to give its own copy up. It
// says that it has when those copies are gone too: host 3, which has the last of them, is stopped, so nobody stores.
func TestInvalidationInPassing(t *testing.T) {
	k := cluster(t, rows.ClusterConfig{Hosts: 3, CopiedFrom: []int{-1, 0, 1}})
	require.NoError(t, k.Store(0, 1))
	for node := 1; node < 3; node++ { // 2 has its copy from 1, and 3 from 2
		v, err := k.Load(node)
		require.NoError(t, err)
		require.Equal(t, uint64(1), v)
	}
	first, last := k.Servers[0].Task, k.Servers[2].Task
	first.Suspend()
	last.Suspend()
	var stored []int
	for node := range 2 {
		k.Start(node, func(u user.Thread, addr mach.Addr) {
			require.NoError(t, u.Store64(addr, uint64(node+2)))
			stored = append(stored, node)
		})
		k.Sim.Run()
	}
	first.Resume()
	k.Sim.Run()
	require.Empty(t, stored)
	v, err := uint64(0), error(nil)
	k.Start(2, func(u user.Thread, addr mach.Addr) { v, err = u.Load64(addr) })
	k.Sim.Run()
	require.NoError(t, err)
	require.Equal(t, uint64(1), v)
	last.Resume()
	require.NoError(t, k.Sim.Run().Err)
	require.Equal(t, []int{0, 1}, stored)
	v, err = k.Load(2)
	require.NoError(t, err)
	require.Equal(t, uint64(3), v)
}
