package explore

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// stage is a scenario with one task of some threads.
func stage(build func(s *Subject, task *kernel.Task)) Run {
	return Simulation(kernel.Config{Checked: true, StepLimit: 2000}, func(s *Subject) error {
		host, err := s.Sim.Boot(kernel.HostConfig{Name: "k0", WithoutPageout: true})
		if err != nil {
			return err
		}
		build(s, host.NewTask("task"))
		return nil
	})
}

// setAfter is a program that makes a trap, and then sets a flag.
func setAfter(flag *bool) func(user.Thread) {
	return func(t user.Thread) {
		user.Self(t)
		*flag = true
	}
}

func TestProperties(t *testing.T) {
	for name, c := range map[string]struct { // unordered: each on its own
		build func(s *Subject, task *kernel.Task)
		want  string // "" if it passes
		kind  FailureKind
	}{
		"passes": {func(s *Subject, task *kernel.Task) {
			var a, b bool
			task.Spawn("a", setAfter(&a))
			task.Spawn("b", setAfter(&b))
			s.Always("fine", func() error { return nil })
			s.Eventually("a", func() bool { return a })
			s.Sometimes("b before a", func() bool { return b && !a })
			s.Sometimes("a before b", func() bool { return a && !b })
			s.Finally("both", func() error { return errors.Join() })
		}, "", 0},
		"always": {func(s *Subject, task *kernel.Task) {
			var a, b bool
			task.Spawn("a", setAfter(&a))
			task.Spawn("b", setAfter(&b))
			s.Always("a before b", func() error {
				if b && !a {
					return errors.New("b is before a")
				}
				return nil
			})
		}, "a before b", Property},
		"eventually": {func(s *Subject, task *kernel.Task) {
			s.Eventually("it rains", func() bool { return false })
			task.Spawn("a", func(user.Thread) {})
		}, "not eventually: it rains", Property},
		"finally": {func(s *Subject, task *kernel.Task) {
			s.Finally("good", func() error { return errors.New("bad") })
		}, "good", Property},
		"sometimes": {func(s *Subject, task *kernel.Task) {
			s.Sometimes("it rains", func() bool { return false })
			task.Spawn("a", func(user.Thread) {})
		}, "never: it rains", Property},
		"deadlock": {func(s *Subject, task *kernel.Task) {
			port, _ := task.Space().Allocate(mach.RightReceive)
			task.Spawn("a", func(t user.Thread) {
				var m mach.UserMessage
				user.Receive(t, &m, port)
			})
		}, "task/a waits for port receive", Deadlock},
		"crash": {func(s *Subject, task *kernel.Task) {
			task.Spawn("a", func(t user.Thread) { panic("oh") })
		}, "task/a: oh", Crash},
		"livelock": {func(s *Subject, task *kernel.Task) {
			s.Eventually("it ends", func() bool { return false })
			task.Spawn("a", func(t user.Thread) {
				for {
					t.Yield()
				}
			})
		}, "not eventually: it ends", Livelock},
		"kernel panic": {func(s *Subject, task *kernel.Task) {
			s.Sim.Sched().AfterStep(func() { panic("ledger: one right too many") })
			task.Spawn("a", func(user.Thread) {})
		}, "ledger: one right too many", Invariant},
	} {
		r := Explore(Config{Depth: 40, MaxExecutions: 500}, stage(c.build))
		if c.want == "" {
			require.Equal(t, Verified, r.Verdict, "%s\n%v", name, r)
			continue
		}
		require.Equal(t, Failed, r.Verdict, "%s\n%v", name, r)
		require.Equal(t, c.kind, r.Failures[0].Failure.Kind, name)
		require.Contains(t, r.Failures[0].Failure.Name, c.want, name)
		require.NotEmpty(t, r.Failures[0].Failure.Report, name)
	}
}

func TestBadSetup(t *testing.T) {
	r := Explore(Config{}, Simulation(kernel.Config{}, func(s *Subject) error { return errors.New("no such file") }))
	require.Equal(t, Failed, r.Verdict)
	require.Equal(t, "bad setup: no such file", r.Failures[0].Failure.Error())
}

// TestSettle: what is set up before does not count as explored.
func TestSettle(t *testing.T) {
	two := func(settle bool) Run {
		return stage(func(s *Subject, task *kernel.Task) {
			for range 2 {
				task.Spawn("early", func(t user.Thread) { user.Self(t) })
			}
			if settle {
				require.NoError(t, s.Settle())
			}
			task.Spawn("late", func(t user.Thread) { user.Self(t) })
		})
	}
	require.Equal(t, uint64(1), Explore(Config{}, two(true)).Executions)
	require.Equal(t, uint64(90), Explore(Config{}, two(false)).Executions, "three threads of two steps")
}

func TestReportAsJSON(t *testing.T) {
	text, err := json.Marshal(Explore(Config{Scenario: "x"}, toy(racer)))
	require.NoError(t, err)
	var back struct {
		Verdict  string
		Failures []struct {
			Failure  struct{ Kind, Name string }
			Schedule string
		}
	}
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, "failed", back.Verdict)
	require.Equal(t, "property", back.Failures[0].Failure.Kind)
	require.Contains(t, back.Failures[0].Schedule, "thread between 1/2 t1")
}
