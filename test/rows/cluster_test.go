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

func store(t *testing.T, k *rows.Cluster, node int, v uint64) {
	t.Helper()
	require.NoError(t, k.Store(node, v))
}

// TestFirstRound: every party stores once, one after the other.
func TestFirstRound(t *testing.T) {
	k := cluster(t, rows.ClusterConfig{Hosts: 4})
	for i := range 4 {
		store(t, k, i, uint64(i+1))
	}
	require.Equal(t, "D1 S1 D2 Q2>1 F1 B1 C1 P1>2 S2 D3 Q3>1 Q1>2(3) F2 B2 C2 P2>3 S3 D4 Q4>1 Q1>3(4) F3 B3 C3 P3>4 S4", k.Log.Sequence())
}

func randomRun(t *testing.T, seed uint64, c rows.ClusterConfig) (*rows.Cluster, error) {
	t.Helper()
	r := choice.Rand(seed)
	sim := kernel.New(kernel.Config{Checked: seed%4 == 0, StepLimit: 300_000, Chooser: choice.NewRandom(seed)})
	defer sim.Shutdown()
	c.Options.Yield = 1
	k, err := rows.NewCluster(sim, c, nil)
	require.NoError(t, err)
	m := rows.NewSharedMemory()
	for i, n := range k.Nodes {
		program := rows.SharedProgram(&r, i+1, 30, n.Size, mach.DefaultPageSize*2)
		k.Start(i, func(t user.Thread, addr mach.Addr) { m.Run(t, fmt.Sprint("k", i+1), addr, program) })
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
	return k, nil
}

func TestRandom(t *testing.T) {
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
				_, err := randomRun(t, seed, c.ClusterConfig)
				require.NoError(t, err, "seed %d", seed)
			}
		})
	}
}
