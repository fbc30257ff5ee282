package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/test/scenario"
)

// TestScripts: scenarios with golden transcripts hold under other schedules as well.
func TestScripts(t *testing.T) {
	for _, c := range []struct {
		script     string
		strategy   explore.Strategy
		executions uint64
		states     int
	}{
		{"last_unmap.star", explore.NewDFS(explore.Preemptions(1)), 7, 1},
		{"task_exit.star", explore.NewDFS(explore.Delays(2)), 131, 1},
		{"drain.star", explore.NewDFS(explore.Delays(1)), 29, 4},
		{"remap_race.star", explore.NewDFS(explore.Delays(1)), 32, 1},
		{"two_kernels.star", explore.NewRandom(1, 40), 40, 2},
	} {
		t.Run(c.script, func(t *testing.T) {
			script, failure := scenario.Load("../scripts/" + c.script)
			require.Nil(t, failure)
			r := explore.Explore(explore.Config{Strategy: c.strategy}, func(ch choice.Chooser) explore.Result {
				var sim *kernel.Simulation
				var state uint64
				r := script.Run(scenario.Options{NoGolden: true, Chooser: ch, Spares: explore.Quick(ch),
					Observe: func(s *kernel.Simulation) { sim = s },
					Ended:   func() { state = sim.Fingerprint() | 1 }})
				res := explore.Result{Steps: r.Steps, State: state}
				if !r.Passed() {
					res.Failure = &explore.Failure{Kind: explore.Property, Name: r.Failure.Error(), Report: r.Transcript}
				}
				return res
			})
			require.Equal(t, explore.NoFailure, r.Verdict, r)
			require.Equal(t, []any{c.executions, c.states}, []any{r.Executions, len(r.States)})
		})
	}
}
