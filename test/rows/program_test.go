package rows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
)

// What a source chooses decides the program, the same source the same one.
func TestDrawRepeats(t *testing.T) {
	for seed := range uint64(20) {
		a, b := choice.Rand(seed), choice.Rand(seed)
		p := Draw(&a, 30)
		require.Equal(t, p, Draw(&b, 30))
		require.NotEmpty(t, p.Steps)
		require.Equal(t, p.Scenario(""), p.Scenario(""))
	}
}

// Bytes give choices as long as they last.
func TestBytes(t *testing.T) {
	b := Bytes{7, 200, 1, 2, 9}
	require.Equal(t, 7, b.Intn(256))
	require.Equal(t, 0, b.Intn(100))
	require.Equal(t, 258, b.Intn(512))
	require.Equal(t, 0, b.Intn(1))
	require.Zero(t, b.Intn(1000))
	require.Empty(t, b)
	require.NotPanics(t, func() { Draw(&Bytes{}, 10) })
}

// Every operation is drawn often enough, and mostly about something that is there.
func TestDrawReachesEverything(t *testing.T) {
	var good, all [opCount]int
	for seed := range uint64(400) {
		r := choice.Rand(seed)
		p := Draw(&r, 40)
		w := newWorld(&p.Setup)
		for _, s := range p.whole() {
			out := w.step(s)
			if out.skip {
				continue
			}
			all[s.Op]++
			if out.code == mach.KernSuccess {
				good[s.Op]++
			}
		}
	}
	for op := range opCount {
		require.Greater(t, good[op], 20, "operation %d", op)
		require.Greater(t, 3*good[op], all[op], "operation %d", op)
	}
}

// A failing program becomes as short as it can be, whatever is wrong with it.
func TestShrunk(t *testing.T) {
	r := choice.Rand(3)
	p := Draw(&r, 60)
	// What is wrong: a store behind a fork by the same task.
	fails := func(p Program) bool {
		forked := map[int]bool{}
		for _, s := range p.Steps {
			if s.Op == OpStore && forked[s.Task] {
				return true
			}
			forked[s.Task] = forked[s.Task] || s.Op == OpFork
		}
		return false
	}
	require.True(t, fails(p))
	q := p.Shrunk(fails, 20_000)
	require.Equal(t, Setup{Tasks: 1, Objects: []Object{}, Habits: []string{}}, q.Setup)
	require.Len(t, q.Steps, 2)
	for _, s := range q.Steps {
		require.Equal(t, Step{Op: s.Op, Wanted: true, Prot: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}, s)
	}
	require.Equal(t, p, p.Shrunk(func(Program) bool { return false }, 20_000))
}

// A kernel that does not do what the reference says is found out.
func TestMismatch(t *testing.T) {
	plain := Step{Prot: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy, Wanted: true, Addr: PageSize, Size: PageSize}
	allocate, store := plain, plain
	store.Op, store.Value = OpStore, 7
	p := Program{Setup: Setup{Tasks: 1}, Steps: []Step{allocate, store}}
	require.NoError(t, p.Run(nil))

	var spares kernel.Spares
	defer spares.Close()
	w := newWorld(&p.Setup)
	m, err := boot(&p.Setup, &spares)
	require.NoError(t, err)
	defer m.sim.Shutdown()
	does := func(s Step) outcome {
		got, err := m.begin(s)
		require.NoError(t, err)
		require.NoError(t, m.run())
		require.NoError(t, m.end(s, got))
		return *got
	}
	require.NoError(t, does(allocate).differs(w.step(allocate)))
	w.step(store) // on the reference alone
	look := Step{Op: OpLook}
	require.EqualError(t, does(look).differs(w.step(look)), "at 0x200: got 0x00, want 0x07")
	require.EqualError(t, does(allocate).differs(outcome{}), "got KERN_NO_SPACE, want KERN_SUCCESS")
}
