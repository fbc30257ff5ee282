package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// rewriter is a client that changes a page, unmaps it, and reads it again through a new mapping. The manager has
// as many service threads as it is told to. With one it stores the page before it looks at the next request;
// with two another thread may answer the request while the page is still on its way to the store.
func rewriter(threads int) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		m, w := &manager{}, explore.NewWitness()
		s.Finally("strict", w.Strict)
		s.Finally("causal", w.Causal)
		st, err := newStage(s, m)
		if err != nil {
			return err
		}
		for range threads - 1 {
			other := &manager{object: m.object, store: m.store}
			st.task.Spawn("second", other.serve).SetDaemon(true)
		}
		if err := s.Settle(); err != nil {
			return err
		}
		var read uint64
		s.Finally("the reader sees what was written", func() error { return equal(read, 99) })
		return st.client("a", func(t user.Thread, object mach.Name) {
			mapped(t, object, 1, func(addr mach.Addr) {
				if err := w.Program(t, "a", "object", addr).Store(0, 99); err != nil {
					panic(err)
				}
			})
			mapped(t, object, 1, func(addr mach.Addr) {
				var err error
				if read, err = w.Program(t, "a", "object", addr).Load(0); err != nil {
					panic(err)
				}
			})
		})
	}
}

// TestStaleStore: a manager with two service threads answers from storage that the evicted page has not reached.
// The first schedule does not show it; within two preemptions it is found, and shrunk to the one switch that
// matters.
func TestStaleStore(t *testing.T) {
	config := kernel.Config{LoadPoints: true}
	wrong := explore.Simulation(config, rewriter(2))
	require.Nil(t, wrong(choice.First{}).Failure, "classroom Mach does not show it")

	r := explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Preemptions(2)), Workers: 2}, wrong)
	require.Equal(t, explore.Failed, r.Verdict)
	f := r.Failures[0]
	require.Equal(t, "property: strict", f.Failure.Error())
	require.Contains(t, f.Failure.Report, "not strict: a reads 1 at 0x0 of object, after a writes 99 at 0x0 of object")
	require.Equal(t, uint64(277), f.Execution)
	require.Equal(t, "thread load 1/3 a/main", f.Minimal.Steps[len(f.Minimal.Steps)-1].String())

	// Whoever has the file sees the same.
	s, err := choice.Parse(f.Text)
	require.NoError(t, err)
	require.Equal(t, f.Failure, wrong(choice.NewReplayer(s, choice.Fail)).Failure)

	right := explore.Simulation(config, rewriter(1))
	r = explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Preemptions(1)), Workers: 2}, right)
	require.Equal(t, "no failure (8 executions: all schedules with at most 1 preemptions)", r.Summary())
}

// forgetful is a manager that destroys the control port at terminate only if somebody has asked it for a page.
// Of the two threads of its client one reads and one unmaps, so mostly somebody has.
func forgetful(s *explore.Subject) error {
	m := &manager{}
	asked := false
	m.dataRequest = func(m *manager, q *defs.MemoryObjectDataRequest[mach.Name]) {
		asked = true
		m.supply(q.MemoryControl, q.Offset, m.word(q.Offset))
	}
	m.terminate = func(m *manager, q *defs.MemoryObjectTerminate[mach.Name]) {
		if asked {
			user.MachPortDestroy(m, user.Self(m), q.MemoryControl)
		}
	}
	st, err := newStage(s, m)
	if err != nil {
		return err
	}
	s.Finally("no control port is left", func() error {
		_, left := st.task.Space().Lookup(m.control)
		return equal(left, false)
	})
	a, err := st.mapper("a", 1)
	if err != nil {
		return err
	}
	a.task.Spawn("reader", func(t user.Thread) {
		_, _ = t.Load64(a.addr) // fails if the other thread was faster
	})
	a.task.Spawn("unmapper", a.unmap)
	return nil
}

// TestForgottenTerminate: if the client unmaps before it reads, the control port stays for ever.
func TestForgottenTerminate(t *testing.T) {
	for _, strategy := range []explore.Strategy{explore.NewDFS(explore.Bound{}), explore.NewReducedDFS()} {
		r := explore.Explore(explore.Config{Strategy: strategy, Workers: 2}, explore.Simulation(kernel.Config{}, forgetful))
		require.Equal(t, explore.Failed, r.Verdict)
		f := r.Failures[0]
		require.Equal(t, "property: no control port is left", f.Failure.Error())
		require.Equal(t, "machvm schedule 1\n\nthread block 1/2 a/unmapper\n", f.Text)
		require.Contains(t, f.Failure.Report, "got true, want false")
		require.Equal(t, "failure is certain after choice 4: thread mach_msg 0/2 a/unmapper", f.Doom.String())
	}
}
