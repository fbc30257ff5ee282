package monitor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/monitor"
)

// TestRulesAreComplete: the numbers of each family run from 1 without a gap, and every rule is one
// sentence with an original.
func TestRulesAreComplete(t *testing.T) {
	next := map[string]int{"EMM": 1, "IPC": 1, "VM": 1}
	for _, r := range monitor.Rules() {
		family, _, _ := strings.Cut(r.ID, "-")
		require.Equal(t, fmt.Sprintf("%s-%03d", family, next[family]), r.ID)
		next[family]++
		require.NotEmpty(t, r.Topic, r.ID)
		require.True(t, strings.HasSuffix(r.Sentence, "."), r.ID)
		require.NotEmpty(t, r.Original, r.ID)
	}
	require.Equal(t, map[string]int{"EMM": 251, "IPC": 221, "VM": 234}, next)
}

func TestByID(t *testing.T) {
	r, ok := monitor.ByID("EMM-004")
	require.True(t, ok)
	require.Contains(t, r.Sentence, "moves the receive right")
	require.Contains(t, r.Original, "memory_object_terminate")
	_, ok = monitor.ByID("EMM-999")
	require.False(t, ok)
}
