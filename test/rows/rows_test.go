package rows_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/personality"
	"machvm/test/rows"
)

// TestMessages: every row takes exactly the messages between kernel and manager that it states, and leaves a sound
// machine.
func TestMessages(t *testing.T) {
	names := map[string]bool{}
	for _, row := range rows.Rows() {
		require.False(t, names[row.Name], "%s twice", row.Name)
		names[row.Name] = true
		if testing.Short() && (strings.HasPrefix(row.Name, "vm/lookup") || strings.HasSuffix(row.Name, "/100") || strings.HasSuffix(row.Name, "/1000")) {
			continue // a million regions, and surroundings that others of the row have too
		}
		t.Run(row.Name, func(t *testing.T) {
			n := 130 // two whole batches and a part
			r, err := rows.Run(row, rows.Options{N: n, Messages: true})
			require.NoError(t, err)
			require.Equal(t, n, r.N)
			if row.Messages != rows.Unstated {
				require.Equal(t, row.Messages*n, r.Messages)
			}
			if !strings.HasPrefix(row.Name, "vm/lookup") {
				_, err = rows.Run(row, rows.Options{N: 3, Checked: true})
				require.NoError(t, err)
			}
		})
	}
}

// TestEveryPortCall: each call of the interface mach_port that OSF kernels have is a row, but the one that needs what no
// host has.
func TestEveryPortCall(t *testing.T) {
	for _, row := range defs.Registry(mig.OSF).Rows() {
		if row.Subsystem == defs.MachPort && row != defs.MachPortAllocateSubsystemRow {
			_, err := rows.Find("port/" + row.Name)
			require.NoError(t, err)
		}
	}
}

func TestFind(t *testing.T) {
	_, err := rows.Find("pager/nothing")
	require.ErrorContains(t, err, "pager/read_supply")
	_, err = rows.Find("nothing")
	require.ErrorContains(t, err, "the groups are")
}

// TestMistakes: a row that goes wrong says which and how, and so does a machine that cannot be.
func TestMistakes(t *testing.T) {
	row, err := rows.Find("pager/read_supply")
	require.NoError(t, err)
	_, err = rows.Run(row, rows.Options{})
	require.ErrorContains(t, err, "pager/read_supply: 0 operations")
	_, err = rows.Run(row, rows.Options{N: 1, Host: kernel.HostConfig{PageSize: 3}})
	require.ErrorContains(t, err, "pager/read_supply: ")
	cmu := personality.CMU30()
	_, err = rows.Run(row, rows.Options{N: 1, Host: kernel.HostConfig{Personality: cmu}})
	require.NoError(t, err, "the manager speaks the other dialect too")
}
