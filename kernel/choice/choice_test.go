package choice

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type names []string

func (n names) ChoiceLabel(i int) string { return n[i] }

func point(kind Kind, name string, labels ...string) Point {
	return Point{Kind: kind, Name: name, Width: len(labels), Labeler: names(labels)}
}

type fixed int

func (f fixed) Choose(Point) int { return int(f) }

func TestKindNames(t *testing.T) {
	for k := KindAny; k < kindCount; k++ {
		back, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	require.Equal(t, "kind(99)", Kind(99).String())
	_, err := ParseKind("weather")
	require.EqualError(t, err, `choice: no kind is named "weather"`)
}

func TestAsk(t *testing.T) {
	p := point(KindThread, "block", "a", "b", "c")
	require.Equal(t, 2, Ask(fixed(2), p))
	require.Equal(t, 0, Ask(First{}, p))
	require.Equal(t, 0, Ask(nil, p))
	p.Width = 1
	require.Equal(t, 0, Ask(fixed(7), p), "a question with one answer is not asked")
	p.Width = 3
	require.PanicsWithValue(t, "choice: choice.fixed chose option 3 of 3 at thread block", func() { Ask(fixed(3), p) })
	require.Panics(t, func() { Ask(fixed(-1), p) })
}

func TestGreedy(t *testing.T) {
	require.True(t, Greedy(First{}))
	require.True(t, Greedy(nil))
	require.False(t, Greedy(fixed(0)))
	require.False(t, Greedy(NewRecorder(First{})))
}

func TestLabelWithoutLabeler(t *testing.T) {
	require.Empty(t, Point{Width: 3}.Label(2))
}

func TestDefaultPathDoesNotAllocate(t *testing.T) {
	var c Chooser = First{}
	owner := &names{"a", "b"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		Ask(c, Point{Kind: KindThread, Name: "trap", Width: 2, Labeler: owner})
	}))
	c = NewRandom(1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		Ask(c, Point{Kind: KindThread, Name: "trap", Width: 2, Labeler: owner})
	}))
}

func TestRandKnownSequence(t *testing.T) {
	// The reference sequence of splitmix64 with seed 1234567.
	r := Rand(1234567)
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423,
		4593380528125082431, 16408922859458223821} {
		require.Equal(t, want, r.Uint64())
	}
}

func TestIntnIsFair(t *testing.T) {
	var r Rand
	var seen [6]int
	for range 60000 {
		seen[r.Intn(len(seen))]++
	}
	for i, n := range seen {
		require.InDelta(t, 10000, n, 400, "option %d", i)
	}
	require.Panics(t, func() { r.Intn(0) })
}

func TestRandomIsReproducible(t *testing.T) {
	p := point(KindVictim, "scan", "a", "b", "c", "d", "e")
	one, two, other := NewRandom(7), NewRandom(7), NewRandom(8)
	same := true
	for range 100 {
		i := one.Choose(p)
		require.Equal(t, i, two.Choose(p))
		same = same && i == other.Choose(p)
	}
	require.False(t, same, "another seed gives other choices")
}

func TestScript(t *testing.T) {
	s, err := NewScript(
		Rule{Kind: KindPreempt, Name: "T1-*", Label: "pager", Times: 1},
		Rule{Kind: KindThread, Label: "main", Skip: 1},
		Rule{Name: "never", Label: "x"},
	)
	require.NoError(t, err)
	broken := point(KindPreempt, "T1-broken", "main", "pager2", "pager")
	block := point(KindThread, "block", "pager", "main")
	require.Equal(t, 0, s.Choose(point(KindPreempt, "T4", "main", "pager")), "another point")
	require.Equal(t, 0, s.Choose(point(KindPreempt, "T1-broken", "main", "disk")), "the label is not there")
	require.Equal(t, 2, s.Choose(broken), "the whole label wins over a part")
	require.Equal(t, 0, s.Choose(broken), "once only")
	require.Equal(t, 0, s.Choose(block), "the first match is skipped")
	require.Equal(t, 1, s.Choose(block))
	require.Equal(t, 1, s.Choose(block))
	require.Equal(t, []Rule{{Name: "never", Label: "x"}}, s.Unused())

	s, err = NewScript(Rule{Label: "age"})
	require.NoError(t, err)
	require.Equal(t, 1, s.Choose(broken), "the first label that contains the text")
	s.Else = fixed(1)
	require.Equal(t, 1, s.Choose(point(KindTimer, "tie", "a", "b")))
}

func TestScriptRefusesBadRules(t *testing.T) {
	for _, r := range []Rule{{Name: "["}, {Kind: 99}, {Skip: -1}, {Times: -1}} {
		_, err := NewScript(Rule{}, r)
		require.ErrorContains(t, err, "rule 2", "%+v", r)
	}
}
