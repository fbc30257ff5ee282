package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/monitor"
	"machvm/test/scenario"
)

// TestCoverage: the scripts of the folder coverage, with those beside it, reach every state and arc of the
// published state machines. One arc of the life cycle cannot be reached: between the making of an object and the
// queueing of its init no other thread runs, so no second vm_map meets the state INITING.
func TestCoverage(t *testing.T) {
	sum := monitor.NewCoverage()
	for _, pattern := range []string{"*.star", "coverage/*.star", "traces/*.star", "hazards/*.star"} {
		paths, err := filepath.Glob(filepath.Join("..", "scripts", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			r := scenario.Run(path, scenario.Options{NoGolden: true})
			require.True(t, r.Passed(), r.Verdict())
			sum.Merge(r.Coverage)
		}
	}
	for _, table := range sum.Tables() {
		states, arcs := table.Gaps()
		require.Empty(t, states, table.Machine.Name)
		if table.Machine.Name == monitor.MachineAssociation {
			require.Len(t, arcs, 1)
			require.Equal(t, "A-03", arcs[0].ID)
			continue
		}
		require.Empty(t, arcs, table.Machine.Name)
	}
}

// TestUnwatchedRunHasNoCoverage: without a monitor nothing is counted, and nobody is accused.
func TestUnwatchedRunHasNoCoverage(t *testing.T) {
	r := scenario.Run(filepath.Join("..", "scripts", "last_unmap.star"), scenario.Options{NoGolden: true, Unmonitored: true})
	require.True(t, r.Passed(), r.Verdict())
	require.Nil(t, r.Coverage)
	require.Empty(t, r.Violations)
}

const answersTwice = `
k = host("k0")
def init(t, m):
    t.memory_object_change_attributes(m.memory_control)
def data_request(t, m):
    for _ in range(2):
        t.memory_object_data_supply(m.memory_control, m.offset, pages(b"page"))
manager = pager(k, "manager", init = init, data_request = data_request)
obj = manager.object("object")
app = k.task("app")
app.give(obj)
def client(t):
    t.read(t.vm_map(obj, size = PAGE), 1)
app.thread(client)
run()
`

// TestViolations: what a manager does against the rules is listed; it fails a strict run, and an expectation of
// something else.
func TestViolations(t *testing.T) {
	r := play(t, answersTwice)
	require.Len(t, r.Violations, 1)
	require.Equal(t, "EMM-127", r.Violations[0].Rule.ID)
	require.Equal(t, "manager manager", r.Violations[0].Who())
	require.Contains(t, r.Violations[0].String(), "memory_object_data_supply(")

	require.Empty(t, play(t, answersTwice+`expect_violation("EMM-127", manager)`).Violations)

	r = attempt(t, answersTwice+`expect_violation("EMM-141", manager)`)
	require.NotNil(t, r.Failure)
	require.Contains(t, r.Failure.Text, "manager has not broken EMM-141; seen: EMM-127 by manager")
	require.NotNil(t, attempt(t, answersTwice+`expect_violation("EMM-999", manager)`).Failure)

	path := filepath.Join(t.TempDir(), "twice.star")
	require.NoError(t, os.WriteFile(path, []byte(answersTwice), 0o600))
	r = scenario.Run(path, scenario.Options{NoGolden: true, Strict: true})
	require.NotNil(t, r.Failure)
	require.Equal(t, scenario.ExitFail, r.ExitCode())
}
