package rows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/test/rows"
)

func cluster(t *testing.T, c rows.ClusterConfig) *rows.Cluster {
	t.Helper()
	sim := kernel.New(kernel.Config{Checked: true, StepLimit: 1_000_000})
	t.Cleanup(sim.Shutdown)
	if c.Options.Yield == 0 {
		c.Options.Yield = 1
	}
	k, err := rows.NewCluster(sim, c, nil)
	require.NoError(t, err)
	return k
}

// TestSequences: rounds of a write hotspot are, message by message, those that follow from the published code. Letters
// are those of MessageLog; a request that asks a page back is a Q as well.
func TestSequences(t *testing.T) {
	first := "D1 S1 D2 Q2>1 F1 B1 C1 P1>2 S2 D3 Q3>1 Q1>2(3) F2 B2 C2 P2>3 S3 D4 Q4>1 Q1>3(4) F3 B3 C3 P3>4 S4"
	require.Equal(t, first, sequence(t, rows.ClusterConfig{Hosts: 4}, 0, 1, 2, 3))
	// Beliefs are one chain: the requests of all meet where the page is not yet, and it goes back along the chain.
	chained := rows.ClusterConfig{Hosts: 4, CopiedFrom: []int{1, 2, 3, -1}}
	require.Equal(t, "D4 S4 D1 Q1>2 Q2>3(1) Q3>4(1) F4 B4 C4 P4>1 S1", sequence(t, chained, 3, 0))
	// Under one server each store of another host costs the same five.
	central := rows.ClusterConfig{Hosts: 2, Central: true}
	require.Equal(t, "D1 S1 D2 F1 B1 C1 S2 D1 F2 B2 C2 S1", sequence(t, central, 0, 1, 0))
}

// sequence is the messages of stores at hosts, one after the other.
func sequence(t *testing.T, c rows.ClusterConfig, hosts ...int) string {
	k := cluster(t, c)
	for i, node := range hosts {
		require.NoError(t, k.Store(node, uint64(i+1)))
	}
	return k.Log.Sequence()
}

// life is a thread that makes the accesses of a program. Of the two threads of a host the second maps the object for itself,
// several times, and the first gives its mapping up in the middle; pages are thrown out now and then.
func life(t user.Thread, m *rows.SharedMemory, n *rows.ClusterNode, half int, addr mach.Addr, program []rows.SharedAccess) {
	who := n.Host.Name()
	if half == 0 {
		m.Run(t, who, addr, program[:8])
		n.Host.Evict(2)
		n.Unmap(t, addr)
		return
	}
	for ; len(program) >= 5; program = program[5:] {
		addr, ret := n.Map(t)
		if ret != mach.KernSuccess {
			panic(ret)
		}
		m.Run(t, who, addr, program[:3])
		n.Host.Evict(1)
		m.Run(t, who, addr, program[3:5])
		n.Unmap(t, addr)
	}
}

// randomRun has every host of a cluster make random accesses under a random schedule. In a steady run each has one thread
// and one mapping.
func randomRun(t *testing.T, seed uint64, steady bool, c rows.ClusterConfig) (*rows.Cluster, error) {
	t.Helper()
	r := choice.Rand(seed)
	sim := kernel.New(kernel.Config{Checked: seed%4 == 0, StepLimit: 300_000, Chooser: choice.NewRandom(seed)})
	defer sim.Shutdown()
	c.Options.Yield = 1
	k, err := rows.NewCluster(sim, c, nil)
	require.NoError(t, err)
	m := rows.NewSharedMemory()
	for i, n := range k.Nodes {
		unit := min(n.Size, mach.DefaultPageSize*2)
		if steady {
			program := rows.SharedProgram(&r, i+1, 30, n.Size, unit)
			k.Start(i, func(t user.Thread, addr mach.Addr) { m.Run(t, n.Host.Name(), addr, program) })
			continue
		}
		for half := range 2 {
			program := rows.SharedProgram(&r, 2*i+half+1, 15, n.Size, unit)
			k.Start(i, func(t user.Thread, addr mach.Addr) { life(t, m, n, half, addr, program) })
		}
	}
	out := sim.Run()
	if m.Err != nil {
		return k, m.Err
	}
	if !out.OK() {
		desc := ""
		for _, s := range k.Servers {
			desc += fmt.Sprintf("%d: ", s.Object) + s.Pager.Describe(s.Object)
		}
		return k, fmt.Errorf("%s\n%s\n%s", out.Report(), desc, k.Log.Sequence())
	}
	k.Watch.Finish(true)
	return k, k.Watch.Err()
}

// TestStrictConsistency: random programs on several hosts see, with every load, the last store.
func TestStrictConsistency(t *testing.T) {
	big := []mach.Size{4096, 8192, 4096, 8192}
	for _, c := range []struct {
		name string
		rows.ClusterConfig
	}{
		{"central", rows.ClusterConfig{Hosts: 3, Pages: 2, Central: true}},
		{"central, page sizes", rows.ClusterConfig{Hosts: 3, Pages: 2, Central: true, PageSizes: big}},
		{"distributed", rows.ClusterConfig{Hosts: 3, Pages: 2}},
		{"distributed, page sizes", rows.ClusterConfig{Hosts: 4, Pages: 2, PageSizes: big}},
		{"distributed, two kernels at a server", rows.ClusterConfig{Hosts: 4, Pages: 2, Serves: []int{0, 1, 1, 3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(40) {
				_, err := randomRun(t, seed, seed%2 == 0, c.ClusterConfig)
				require.NoError(t, err, "seed %d", seed)
			}
		})
	}
}
