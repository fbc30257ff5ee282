package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/explore"
	"machvm/pagers/zoo"
	"machvm/test/rows"
)

// zooRun is the scenario of a specimen.
func zooRun(z rows.ZooScenario, right bool) explore.Run {
	return explore.Simulation(z.Config, func(s *explore.Subject) error {
		checks, err := z.Build(s.Sim, s.Settle, right)
		if err != nil {
			return err
		}
		if checks.Always != nil {
			s.Always(z.Property, checks.Always)
		}
		s.Finally(z.Property, checks.Finally)
		return nil
	})
}

// TestZoo: of every specimen the manager with the mistake is found by itself, in so many executions, and the one
// without is verified: under every schedule, or where those are too many within a bound.
func TestZoo(t *testing.T) {
	every := func() explore.Strategy { return explore.NewReducedDFS() }
	within := func(n int) func() explore.Strategy {
		return func() explore.Strategy { return explore.NewDFS(explore.Preemptions(n)) }
	}
	cases := map[string]struct {
		strategy func() explore.Strategy
		failure  string // of the wrong one
		found    uint64 // the execution that fails
		verified string // summary of the right one
	}{
		"Z1": {every, "property: the client reads what it has written", 3, "verified (214 executions, all)"},
		"Z2": {every, "property: the client reads what it has written", 8, "verified (847 executions, all)"},
		"Z3": {every, "property: the client reads what it has written", 210, "verified (445 executions, all)"},
		"Z4": {every, "deadlock: a/main waits for page", 116, "verified (192 executions, all)"},
		"Z5": {every, "deadlock: a/main waits for page", 44, "verified (46 executions, all)"},
		"Z6": {within(2), "deadlock: a/main waits for page", 1, "no failure (586 executions: all schedules with at most 2 preemptions)"},
		"Z7": {every, "property: the manager has the page in the end", 128, "verified (1021 executions, all)"},
		"Z8": {every, "deadlock: a/main waits for page, b/main waits for page", 129, "verified (972 executions, all)"},
		"Z9": {within(1), "property: the page has what the manager has changed", 275,
			"no failure (3977 executions: all schedules with at most 1 preemptions)"},
		"Z10": {within(2), "property: the copy stays what it was", 1,
			"no failure (1365 executions: all schedules with at most 2 preemptions)"},
		"Z11": {every, "property: the newest page is kept", 13, "verified (44 executions, all)"},
		"Z12": {every, "property: both pages are written in the end", 1, "verified (1482 executions, all)"},
		"Z13": {within(1), "deadlock: a/main waits for page, b/main waits for page", 1,
			"no failure (2692 executions: all schedules with at most 1 preemptions)"},
		"Z14": {within(1), "property: a page is supplied no oftener than it is used", 13,
			"no failure (615 executions: all schedules with at most 1 preemptions)"},
		"Z15": {every, "property: the reader reads what has been written", 1, "verified (225 executions, all)"},
		"Z16": {every, "deadlock: a/main waits for page", 129, "verified (180 executions, all)"},
	}
	scenarios := rows.Zoo()
	require.Len(t, scenarios, len(zoo.All()))
	require.Len(t, scenarios, len(cases))
	for _, z := range scenarios {
		t.Run(z.Specimen, func(t *testing.T) {
			c := cases[z.Specimen]
			wrong := explore.Explore(explore.Config{Strategy: c.strategy(), Workers: 2, MaxExecutions: 20_000}, zooRun(z, false))
			require.Equal(t, explore.Failed, wrong.Verdict, wrong.Summary())
			f := wrong.Failures[0]
			require.Equal(t, c.failure, f.Failure.Error(), f.Failure.Report)
			right := explore.Explore(explore.Config{Strategy: c.strategy(), Workers: 2, MaxExecutions: 20_000}, zooRun(z, true))
			require.Equal(t, []any{c.found, c.verified}, []any{f.Execution, right.Summary()}, right)
		})
	}
}
