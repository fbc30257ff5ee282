package sched

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

func TestParseFaults(t *testing.T) {
	for _, text := range []string{"", "death", "shortage,queue,delay,pageout", "death,delay 3"} {
		f, err := ParseFaults(text)
		require.NoError(t, err)
		require.Equal(t, text, f.String())
	}
	for text, says := range map[string]string{"rain": `no kind is named "rain"`, "death x": "no number", "death 0": "no number"} {
		_, err := ParseFaults(text)
		require.ErrorContains(t, err, says)
	}
}

// TestInject: a fault is the chooser's choice, of the kinds that may happen, as often as they may.
func TestInject(t *testing.T) {
	asked := 0
	always := chooserFunc(func(p choice.Point) int {
		if p.Kind != choice.KindFault {
			return 0
		}
		asked++
		require.Equal(t, []string{"delay", "none", "a->b"}, []string{p.Name, p.Label(0), p.Label(1)})
		return asked % 2
	})
	s := newTest(t, Config{Chooser: always, Faults: Faults{Kinds: [injectionCount]bool{InjectDelay: true}, Most: 2}})
	var got []bool
	for range 6 {
		got = append(got, s.Inject(InjectDelay, "a->b"), s.Inject(InjectDeath, "manager"))
	}
	require.Equal(t, []bool{true, false, false, false, true, false, false, false, false, false, false, false}, got)
	require.Equal(t, 3, asked)
	require.False(t, newTest(t, Config{Faults: Faults{Kinds: [injectionCount]bool{InjectDelay: true}}}).Inject(InjectDelay, "x"), "the first option is none")
}
