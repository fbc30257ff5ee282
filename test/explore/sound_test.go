package explore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// operation is something a random program does. It returns what the program saw.
type operation struct {
	name string
	do   func(t user.Thread, p *program) string
}

// program is what a random program can get at: a port that all may send to, one set of which one receives, a
// page that all have mapped.
type program struct {
	port, set mach.Name
	page      mach.Addr
	last      mach.Name
}

var operations = []operation{
	{"send", func(t user.Thread, p *program) string {
		m := mach.UserMessage{Remote: p.port, RemoteDisp: mach.CopySend, ID: mach.MsgID(p.page>>12) + 1}
		return user.Msg(t, &m, mach.SendMsg|mach.SendTimeout, 0, mach.NameNull, 0, mach.NameNull).String()
	}},
	{"send a right", func(t user.Thread, p *program) string {
		m := mach.UserMessage{Remote: p.port, RemoteDisp: mach.CopySend, Local: p.port, LocalDisp: mach.CopySend, ID: 9}
		return user.Msg(t, &m, mach.SendMsg|mach.SendTimeout, 0, mach.NameNull, 0, mach.NameNull).String()
	}},
	{"receive", func(t user.Thread, p *program) string {
		var m mach.UserMessage
		return fmt.Sprint(user.TryReceive(t, &m, p.set, 0), m.ID)
	}},
	{"allocate memory", func(t user.Thread, p *program) string {
		var a mach.Addr
		return fmt.Sprint(user.VMAllocate(t, user.Self(t), &a, t.PageSize(), true), a)
	}},
	{"allocate a port", func(t user.Thread, p *program) string {
		name, ret := user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
		p.last = name
		return fmt.Sprint(name, ret)
	}},
	{"destroy a port", func(t user.Thread, p *program) string {
		return user.MachPortDestroy(t, user.Self(t), p.last).String()
	}},
	{"drop the right", func(t user.Thread, p *program) string {
		return user.MachPortDeallocate(t, user.Self(t), p.port).String()
	}},
	{"read", func(t user.Thread, p *program) string {
		v, err := t.Load64(p.page)
		return fmt.Sprint(v, err)
	}},
	{"write", func(t user.Thread, p *program) string { return fmt.Sprint(t.Store64(p.page, uint64(p.port))) }},
	{"unmap", func(t user.Thread, p *program) string {
		return user.VMDeallocate(t, user.Self(t), p.page, t.PageSize()).String()
	}},
	{"use new memory", func(t user.Thread, p *program) string {
		var a mach.Addr
		user.VMAllocate(t, user.Self(t), &a, t.PageSize(), true)
		return fmt.Sprint(t.Store64(a, 5), a)
	}},
	{"forbid writing", func(t user.Thread, p *program) string {
		return user.VMProtect(t, user.Self(t), p.page, t.PageSize(), false, mach.ProtRead).String()
	}},
	{"destroy the set", func(t user.Thread, p *program) string {
		return user.MachPortDestroy(t, user.Self(t), p.set).String()
	}},
	{"die", func(t user.Thread, p *program) string { return user.TaskTerminate(t, user.Self(t)).String() }},
}

// randomPrograms are as many tasks as there are lists of operations. The first has the receive right of the port,
// in a set.
func randomPrograms(lists [][]operation) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		st, err := newStage(s, &manager{})
		if err != nil {
			return err
		}
		programs := make([]*program, len(lists))
		maps := make([]*mapping, len(lists))
		for i := range lists {
			if maps[i], err = st.mapper(string(rune('a'+i)), 1); err != nil {
				return err
			}
			programs[i] = &program{page: maps[i].addr}
		}
		first := maps[0].task
		port, _ := first.Space().Allocate(mach.RightReceive)
		set, _ := first.Space().Allocate(mach.RightPortSet)
		first.Space().MoveMember(port, set)
		for i, p := range programs {
			p.set = set
			if p.port, err = maps[i].task.GiveSend(first, port); err != nil {
				return err
			}
		}
		saw := make([]string, len(lists))
		for i, list := range lists {
			maps[i].run(func(t user.Thread) {
				for _, o := range list {
					saw[i] += o.name + ": "
					saw[i] += o.do(t, programs[i]) + "\n"
				}
			})
		}
		s.Fact(func() string { return fmt.Sprint(saw) })
		return nil
	}
}

// seeds is how many random programs are tried. Many are too large to be tried whole.
const seeds = 120

// TestReductionIsSound: small random programs reach the same final states, and see the same things, whether
// or not schedules are left out.
func TestReductionIsSound(t *testing.T) {
	var compared, full, reduced uint64
	for seed := range uint64(seeds) {
		r := choice.Rand(seed)
		lists := make([][]operation, 2+r.Intn(2))
		for i := range lists {
			for range 1 + r.Intn(4-len(lists)) {
				lists[i] = append(lists[i], operations[r.Intn(len(operations))])
			}
		}
		run := explore.Simulation(kernel.Config{}, randomPrograms(lists))
		// A program with many schedules that differ has too many in all.
		part := explore.Explore(explore.Config{Strategy: explore.NewReducedDFS(), MaxExecutions: 24}, run)
		if part.Verdict == explore.NoFailure {
			continue
		}
		whole := explore.Explore(explore.Config{MaxExecutions: 4000, Workers: 2}, run)
		if whole.Verdict == explore.NoFailure {
			continue
		}
		names := ""
		for _, l := range lists {
			for _, o := range l {
				names += o.name + ", "
			}
			names += "; "
		}
		require.Equal(t, explore.Verified, whole.Verdict, "seed %d: %s\n%v", seed, names, whole)
		require.Equal(t, explore.Verified, part.Verdict, "seed %d: %s\n%v", seed, names, part)
		require.Equal(t, whole.States, part.States, "seed %d: %s", seed, names)
		compared++
		full += whole.Executions
		reduced += part.Executions
	}
	t.Logf("%d programs: %d executions, reduced %d", compared, full, reduced)
	require.Greater(t, compared, uint64(30))
	require.Greater(t, full, 20*reduced, "the reduction is worth its while")
}
