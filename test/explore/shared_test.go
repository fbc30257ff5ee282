package explore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/test/rows"
)

// sharing is two hosts that share a page; each makes its accesses, and every load is to see the last store.
func sharing(c rows.ClusterConfig, programs ...[]rows.SharedAccess) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		c.Hosts = len(programs)
		c.Options.Yield = 1
		k, err := rows.NewCluster(s.Sim, c, s.Settle)
		if err != nil {
			return err
		}
		m := rows.NewSharedMemory()
		for i, p := range programs {
			k.Start(i, func(t user.Thread, addr mach.Addr) {
				for _, a := range p {
					m.Access(t, fmt.Sprint("k", i+1), addr, a)
				}
			})
		}
		s.Finally("every load sees the last store", func() error { return m.Err })
		s.Fact(func() string {
			remote, _ := k.Log.Count("")
			return fmt.Sprint(remote)
		})
		return nil
	}
}

func loads() rows.SharedAccess          { return rows.SharedAccess{} }
func stores(v uint64) rows.SharedAccess { return rows.SharedAccess{Store: true, Value: v} }

// TestSharedPage: two hosts and one page, two accesses each, under one server and under two. Whoever is held up, up to
// so many times: every load sees the last store.
func TestSharedPage(t *testing.T) {
	readers := [][]rows.SharedAccess{{stores(1), loads()}, {loads(), loads()}}
	writers := [][]rows.SharedAccess{{loads(), stores(1)}, {loads(), stores(2)}}
	for _, c := range []struct {
		name     string
		cluster  rows.ClusterConfig
		programs [][]rows.SharedAccess
		delays   explore.Bound
		summary  string
	}{
		{"one server, a reader and a writer", rows.ClusterConfig{Central: true}, readers, explore.Delays(3), "no failure (455 executions: all schedules with at most 3 delays)"},
		{"one server, two writers", rows.ClusterConfig{Central: true}, writers, explore.Delays(2), "no failure (531 executions: all schedules with at most 2 delays)"},
		{"two servers, a reader and a writer", rows.ClusterConfig{}, readers, explore.Delays(3), "no failure (1024 executions: all schedules with at most 3 delays)"},
		{"two servers, two writers", rows.ClusterConfig{}, writers, explore.Delays(2), "no failure (526 executions: all schedules with at most 2 delays)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := explore.Explore(explore.Config{Strategy: explore.NewDFS(c.delays), Workers: 2},
				explore.Simulation(kernel.Config{}, sharing(c.cluster, c.programs...)))
			require.Equal(t, c.summary, r.Summary(), r)
		})
	}
}

// TestSharedPageUnrepaired: a server that does not wait until the readers' copies are gone lets a reader see the past.
func TestSharedPageUnrepaired(t *testing.T) {
	cluster := rows.ClusterConfig{Central: true, Options: pagers.CoherentOptions{Without: pagers.R3}}
	r := explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Preemptions(1)), Workers: 2, DoomTries: -1},
		explore.Simulation(kernel.Config{}, sharing(cluster, []rows.SharedAccess{stores(1), loads()}, []rows.SharedAccess{loads(), loads()})))
	require.Equal(t, explore.Failed, r.Verdict, r)
	require.Equal(t, "every load sees the last store", r.Failures[0].Failure.Name)
}

// TestFirstRoundOrders: the first round of a write hotspot of two costs two messages between the hosts if server 1 serves its
// own kernel first, and four if it does not. No order costs anything else.
func TestFirstRoundOrders(t *testing.T) {
	costs := map[int]bool{}
	r := explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Delays(3))}, explore.Simulation(kernel.Config{}, func(s *explore.Subject) error {
		k, err := rows.NewCluster(s.Sim, rows.ClusterConfig{Hosts: 2, Options: pagers.CoherentOptions{Yield: 1}}, s.Settle)
		if err != nil {
			return err
		}
		for i := range 2 {
			k.Start(i, func(t user.Thread, addr mach.Addr) { t.Store64(addr, 1) })
		}
		s.Finally("two or four", func() error {
			remote, _ := k.Log.Count("")
			costs[remote] = true
			return nil
		})
		return nil
	}))
	require.Equal(t, "no failure (1024 executions: all schedules with at most 3 delays)", r.Summary())
	require.Equal(t, map[int]bool{2: true, 4: true}, costs)
}
