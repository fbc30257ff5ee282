package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// saw is a witness of accesses one after the other: who, "r" or "w", where, what.
func saw(accesses ...any) *Witness {
	w := NewWitness()
	for i := 0; i < len(accesses); i += 4 {
		name := accesses[i].(string)
		p := w.Program(nil, name, "x", 0)
		w.note(p, mach.Offset(accesses[i+2].(int)), uint64(accesses[i+3].(int)), accesses[i+1] == "w", w.tick())
	}
	return w
}

func TestConsistency(t *testing.T) {
	for _, c := range []struct {
		what           string
		w              *Witness
		strict, causal string
	}{
		{"nothing", saw(), "", ""},
		{"the initial value", saw("a", "r", 0, 0), "", ""},
		{"its own write", saw("a", "w", 0, 1, "a", "r", 0, 1), "", ""},
		{"its own write is lost", saw("a", "w", 0, 1, "a", "r", 0, 0), "after a writes 1", "a reads 0 at 0x0 of x, although it knows that a writes 1"},
		{"another's write is not seen yet", saw("a", "w", 0, 1, "b", "r", 0, 0), "not strict: b reads 0 at 0x0 of x, after a writes 1", ""},
		{"back in time", saw("a", "w", 0, 1, "a", "w", 0, 2, "b", "r", 0, 2, "b", "r", 0, 1), "not strict", "b reads 1 at 0x0 of x, although it knows that a writes 2"},
		{"an effect without its cause", saw("a", "w", 0, 1, "b", "r", 0, 1, "b", "w", 8, 2, "c", "r", 8, 2, "c", "r", 0, 0), "not strict", "c reads 0"},
		{"two orders of two writes", saw("a", "w", 0, 1, "b", "w", 0, 2, "c", "r", 0, 1, "c", "r", 0, 2, "d", "r", 0, 2, "d", "r", 0, 1), "not strict", ""},
		{"a value that was written twice", saw("a", "w", 0, 1, "a", "w", 0, 2, "a", "w", 0, 1, "b", "r", 0, 2, "b", "r", 0, 1), "not strict", ""},
	} {
		for got, want := range map[error]string{c.w.Strict(): c.strict, c.w.Causal(): c.causal} { // unordered: each on its own
			if want == "" {
				require.NoError(t, got, c.what)
			} else {
				require.ErrorContains(t, got, want, c.what)
			}
		}
	}
	// A write under way may be seen or not.
	w := saw("a", "w", 0, 1)
	begin := w.tick()
	w.note(w.Program(nil, "b", "x", 0), 0, 1, false, w.tick())
	w.note(w.Program(nil, "b", "x", 0), 0, 2, false, w.tick())
	w.note(w.Program(nil, "a", "x", 0), 0, 2, true, begin)
	require.NoError(t, w.Strict())
}
