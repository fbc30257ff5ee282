package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
)

// TestPruning: without going on from states that were met before, the same ends are reached in fewer executions.
func TestPruning(t *testing.T) {
	for _, c := range []struct {
		name       string
		build      func(*explore.Subject) error
		executions uint64
		visited    int
	}{
		{"one life cycle", lifecycle, 10, 30},
		{"two faulters, one page", faulters(1, false), 238, 215},
		{"two faulters who unmap", faulters(1, true), 1585, 2672},
		{"two pairs", pairs(2, false), 539, 579},
		{"two clients", pairs(2, true), 42, 63},
		{"forgetful", forgetful, 261, 333},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := explore.Simulation(kernel.Config{}, c.build)
			keep := explore.Config{KeepGoing: true, ShrinkTries: -1, DoomTries: -1, Strategy: explore.NewReducedDFS()}
			if c.name != "two faulters who unmap" { // there are too many
				keep.Strategy = explore.NewDFS(explore.Bound{})
			}
			whole := explore.Explore(keep, run)
			keep.Strategy = explore.NewPrunedDFS(explore.Bound{})
			pruned := explore.Explore(keep, run)
			require.Equal(t, whole.States, pruned.States)
			require.Equal(t, whole.Verdict, pruned.Verdict, pruned)
			require.Len(t, pruned.Failures, len(whole.Failures))
			require.Equal(t, []any{c.executions, c.visited}, []any{pruned.Executions, pruned.Visited}, "%v", pruned)
			keep.Strategy, keep.Workers = explore.NewPrunedDFS(explore.Bound{}), 3
			require.Equal(t, pruned, explore.Explore(keep, run), "whatever the number of workers")
		})
	}
}

// TestPruningIsSound: small random programs reach the same ends.
func TestPruningIsSound(t *testing.T) {
	var whole, pruned uint64
	for seed := range uint64(30) {
		r := choice.Rand(seed)
		lists := make([][]operation, 2+r.Intn(2))
		for i := range lists {
			for range 1 + r.Intn(4-len(lists)) {
				lists[i] = append(lists[i], operations[r.Intn(len(operations))])
			}
		}
		run := explore.Simulation(kernel.Config{}, randomPrograms(lists))
		all := explore.Explore(explore.Config{MaxExecutions: 2000}, run)
		if all.Verdict == explore.NoFailure {
			continue
		}
		part := explore.Explore(explore.Config{Strategy: explore.NewPrunedDFS(explore.Bound{})}, run)
		require.Equal(t, all.Verdict, part.Verdict, "seed %d: %v", seed, part)
		require.Equal(t, all.States, part.States, "seed %d", seed)
		whole, pruned = whole+all.Executions, pruned+part.Executions+part.Pruned
	}
	t.Logf("%d executions, pruned %d", whole, pruned)
	require.Greater(t, whole, 2*pruned)
}
