package rows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/rows"
)

// TestFigures: every published figure comes out.
func TestFigures(t *testing.T) {
	figures, err := rows.Figures()
	require.NoError(t, err)
	for _, f := range figures {
		t.Logf("%s %s: published %s, measured %s", f.ID, f.Quantity, f.Published, f.Measured)
		require.True(t, f.Equal, "%s %s: published %s, measured %s", f.ID, f.Quantity, f.Published, f.Measured)
	}
}
