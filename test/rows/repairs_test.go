package rows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/test/rows"
)

// TestRepairs: without a repair some random run goes wrong, and with it that very run goes well.
func TestRepairs(t *testing.T) {
	central := rows.ClusterConfig{Hosts: 4, Central: true}
	distributed := rows.ClusterConfig{Hosts: 3, Pages: 2}
	shared := rows.ClusterConfig{Hosts: 4, Pages: 2, Serves: []int{0, 1, 1, 3}}
	for _, c := range []struct {
		name    string
		without pagers.Repair
		cluster rows.ClusterConfig
		failure string
	}{
		{"R1: data_unlock is no message to a kernel, and who wants to write waits for ever", pagers.R1, central, "deadlock"},
		{"R2: a server believes that a kernel has the page, and asks it", pagers.R2, distributed, "deadlock|KERN_MEMORY_ERROR"},
		{"R3: one server, a reader sees the past", pagers.R3, central, "where the last store was"},
		{"R3: several servers, a reader sees the past", pagers.R3, distributed, "where the last store was"},
		{"R4: an old page gets writable", pagers.R4, distributed, "where the last store was"},
		{"R5: two writers", pagers.R5, shared, "where the last store was"},
		{"R6: the page is supplied twice over", pagers.R6, central, "where the last store was"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(0); ; seed++ {
				require.Less(t, seed, uint64(200), "nothing goes wrong")
				broken := c.cluster
				broken.Options.Without = c.without
				if _, err := randomRun(t, seed, false, broken); err != nil {
					require.Regexp(t, c.failure, err.Error())
					_, err = randomRun(t, seed, false, c.cluster)
					require.NoError(t, err)
					return
				}
			}
		})
	}
}

// held has hosts store, at the given offsets, while the first server is stopped, and then lets it go on.
func held(t *testing.T, k *rows.Cluster, hosts []int, offsets []mach.Addr) {
	t.Helper()
	task := k.Servers[0].Task
	task.Suspend()
	for i, node := range hosts {
		k.Start(node, func(u user.Thread, addr mach.Addr) {
			if err := u.Store64(addr+offsets[i], 1); err != nil {
				t.Error(err)
			}
		})
		k.Sim.Run()
	}
	task.Resume()
	out := k.Sim.Run()
	require.NoError(t, out.Err)
}

// TestCrossedUnlock (R7): two readers want to write. The first gets the page, so the wish of the second is stale when it
// is read: the kernel has been told to flush, and asks for the page again by itself. Without the repair one
// fault counts as two.
func TestCrossedUnlock(t *testing.T) {
	for _, c := range []struct {
		without         pagers.Repair
		upgrades, stale int
	}{{0, 1, 1}, {pagers.R7, 2, 0}} {
		k := cluster(t, rows.ClusterConfig{Hosts: 2, Central: true, Options: pagers.CoherentOptions{Without: c.without}})
		for node := range 2 {
			_, err := k.Load(node)
			require.NoError(t, err)
		}
		k.Log.Reset()
		held(t, k, []int{0, 1}, []mach.Addr{0, 8})
		require.Equal(t, "U1 U2 F2 C2 D2 G1 F1 B1 C1 S2", k.Log.Sequence())
		s := k.Stats()
		require.Equal(t, []int{c.upgrades, c.stale, 1}, []int{s.Upgrades, s.Stale, s.Writes})
	}
}

// TestQueuedTwice (R8): a kernel with small pages wants to write to both halves of a page. It gets the page once; without
// the repair it gets it, loses it, and gets it back.
func TestQueuedTwice(t *testing.T) {
	for _, c := range []struct {
		without  pagers.Repair
		sequence string
	}{
		{0, "D2 D2 F1 B1 C1 S2 S2"},
		{pagers.R8, "D2 D2 F1 B1 C1 S2 S2 F2 B2 C2"},
	} {
		k := cluster(t, rows.ClusterConfig{Hosts: 2, Central: true, PageSizes: []mach.Size{8192, 4096},
			Options: pagers.CoherentOptions{Without: c.without}})
		require.NoError(t, k.Store(0, 1))
		k.Log.Reset()
		held(t, k, []int{1, 1}, []mach.Addr{0, 4096})
		require.Equal(t, c.sequence, k.Log.Sequence())
	}
}
