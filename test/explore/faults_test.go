package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// lifecycle is a task that maps one page of a memory object, reads it and unmaps it: init, request, supply and
// terminate, with every switch between the task, the manager and the kernel that is possible.
func lifecycle(s *explore.Subject) error {
	st, err := newStage(s, &manager{})
	if err != nil {
		return err
	}
	var read uint64
	s.Finally("the page was read", func() error { return equal(read, 1) })
	s.Finally("init and terminate", func() error {
		return equal([]int{st.manager.inits, st.manager.ends}, []int{1, 1})
	})
	return st.client("a", func(t user.Thread, object mach.Name) {
		mapped(t, object, 1, func(addr mach.Addr) { read = load(t, addr) })
	})
}

// faulters are two tasks that have mapped the object and now read from it, both the same page or each its
// own, and unmap it if they are told to.
func faulters(pages int, unmap bool) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		st, err := newStage(s, &manager{})
		if err != nil {
			return err
		}
		var maps [2]*mapping
		for i := range maps {
			if maps[i], err = st.mapper([]string{"a", "b"}[i], 2); err != nil {
				return err
			}
		}
		var read [2]uint64
		for i, m := range maps {
			m.run(func(t user.Thread) {
				page := i % pages
				read[i] = load(t, m.addr+mach.Addr(page)*mach.Addr(t.PageSize())) - uint64(page)
				if unmap {
					m.unmap(t)
				}
			})
		}
		s.Finally("both have read", func() error { return equal(read, [2]uint64{1, 1}) })
		if unmap {
			s.Finally("every init has its terminate", func() error { return equal(st.manager.ends, st.manager.inits) })
			s.Sometimes("one association", func() bool { return st.manager.ends == 1 })
		}
		return nil
	}
}

// pairs are clients that each send a message to a server; with shared all to the same.
func pairs(n int, shared bool) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		host, err := s.Sim.Boot(kernel.HostConfig{WithoutPageout: true})
		if err != nil {
			return err
		}
		var order string
		s.Fact(func() string { return order })
		var server *kernel.Task
		var port mach.Name
		for i := range n {
			name := string(rune('a' + i))
			count := 1
			if shared {
				count = n
			}
			if i == 0 || !shared {
				server = host.NewTask("server " + name)
				port, _ = server.Space().Allocate(mach.RightReceive)
				server.Spawn("main", func(t user.Thread) {
					var m mach.UserMessage
					for range count {
						user.Receive(t, &m, port)
						if shared {
							order += string(rune('a' + m.ID))
						}
					}
				})
			}
			client := host.NewTask("client " + name)
			to, err := client.GiveSend(server, port)
			if err != nil {
				return err
			}
			client.Spawn("main", func(t user.Thread) {
				m := mach.UserMessage{Remote: to, RemoteDisp: mach.CopySend, ID: mach.MsgID(i)}
				user.Msg(t, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
			})
		}
		return nil
	}
}

// TestReduction: every schedule of some scenarios, whole and reduced. Both reach the same final states. For pairs the
// reduced search tries what can be told apart: each server is there before its message, or after.
func TestReduction(t *testing.T) {
	for _, c := range []struct {
		name          string
		build         func(*explore.Subject) error
		full, reduced uint64
		states        int
	}{
		{"one life cycle", lifecycle, 378, 108, 1},
		{"two faulters, one page", faulters(1, false), 292, 30, 1},
		{"one pair", pairs(1, false), 6, 2, 1},
		{"two pairs", pairs(2, false), 5166, 4, 1},
		{"two clients", pairs(2, true), 204, 12, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := explore.Simulation(kernel.Config{Checked: true}, c.build)
			full := explore.Explore(explore.Config{Workers: 2}, run)
			reduced := explore.Explore(explore.Config{Strategy: explore.NewReducedDFS(), Workers: 2}, run)
			require.Equal(t, explore.Verified, full.Verdict, full)
			require.Equal(t, explore.Verified, reduced.Verdict, reduced)
			require.Equal(t, full.States, reduced.States)
			require.Equal(t, []any{c.full, c.reduced, c.states}, []any{full.Executions, reduced.Executions, len(full.States)})
		})
	}
}

// TestTwoFaulters: two tasks fault the same page and unmap it, under every schedule. The object is terminated
// once, by whoever leaves last.
func TestTwoFaulters(t *testing.T) {
	r := explore.Explore(explore.Config{Strategy: explore.NewReducedDFS(), Workers: 2},
		explore.Simulation(kernel.Config{}, faulters(1, true)))
	require.Equal(t, "verified (1554 executions, all)", r.Summary(), r)
	require.Len(t, r.States, 1, "nothing is left of either association")
}
