package monitor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/monitor"
)

// TestMachineSizes: the tables are as large as what was published (15 states and 82 drawn transitions of a
// page in the kernel; 5/6, 7/10 and 6/10 of a page in a manager).
func TestMachineSizes(t *testing.T) {
	sizes := map[string][2]int{
		monitor.MachineAssociation: {9, 24}, monitor.MachineManager: {5, 11}, monitor.MachineKernelPage: {15, 82},
		monitor.MachineStore: {5, 6}, monitor.MachineOwnership: {7, 10}, monitor.MachineNetmem: {6, 10},
	}
	require.Len(t, monitor.Machines(), len(sizes))
	for _, m := range monitor.Machines() {
		require.Equal(t, sizes[m.Name], [2]int{len(m.States), len(m.Arcs)}, m.Name)
		require.Same(t, m, monitor.MachineByName(m.Name))
	}
}

// TestMachinesAreSound: ids are unique, arcs connect states of their machine, rules exist, and nothing is a
// self loop in the published figures.
func TestMachinesAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range monitor.Machines() {
		for i, a := range m.Arcs {
			require.False(t, seen[a.ID], a.ID)
			seen[a.ID] = true
			require.Equal(t, i, m.Arc(a.ID))
			for _, from := range strings.Fields(a.From) {
				require.GreaterOrEqual(t, m.State(from), 0, a.ID)
			}
			require.GreaterOrEqual(t, m.State(a.To), 0, a.ID)
			require.NotEmpty(t, a.Event, a.ID)
			if m.Name != monitor.MachineAssociation && m.Name != monitor.MachineManager {
				require.NotEqual(t, a.From, a.To, a.ID)
			}
			for _, r := range a.Rules {
				_, ok := monitor.ByID(r)
				require.True(t, ok, "%s cites %s", a.ID, r)
			}
		}
	}
}

// TestKernelPrinciplesArcs compares the generated arcs of figures 7 and 8 with cells read off the drawings.
func TestKernelPrinciplesArcs(t *testing.T) {
	m := monitor.MachineByName(monitor.MachineKernelPage)
	counts := map[string]int{}
	for _, a := range m.Arcs {
		counts[strings.SplitN(a.ID, ".", 2)[0]]++
	}
	require.Equal(t, map[string]int{"KP-6": 13, "KP-7": 15, "KP-8u": 15, "KP-8c": 18, "KP-9": 21}, counts)
	for id, ends := range map[string]string{
		"KP-7.01": "U.nn U.rr", "KP-7.02": "U.nn U.ww", "KP-7.03": "U.nr U.nn", "KP-7.08": "U.nw U.ww",
		"KP-7.09": "U.rr U.nn", "KP-7.10": "U.rr U.ww", "KP-7.13": "U.rw U.ww", "KP-7.15": "U.ww U.rr",
		"KP-8u.01": "M.nn M.rr", "KP-8u.07": "M.nw M.rr", "KP-8u.15": "M.ww M.rr",
		"KP-8c.01": "M.nn U.nn", "KP-8c.09": "M.nw U.ww", "KP-8c.18": "M.ww U.ww",
		"KP-9.e.Unn": "U.nn E", "KP-9.e.Mrw": "M.rw E",
	} {
		a := m.Arcs[m.Arc(id)]
		require.Equal(t, ends, a.From+" "+a.To, id)
	}
}
