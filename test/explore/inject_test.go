package explore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

func faults(t *testing.T, text string) sched.Faults {
	f, err := sched.ParseFaults(text)
	require.NoError(t, err)
	require.Equal(t, text, f.String())
	return f
}

// TestManagerDeath: the manager of a mapped page may die at any of its messages. A client that reads the page sees its
// contents or an exception, and nothing is left of the object when all is over. The faults are choices of kind
// fault; without them the same scenario has other ends.
func TestManagerDeath(t *testing.T) {
	mortal := func(s *explore.Subject) error {
		st, err := newStage(s, &manager{})
		if err != nil {
			return err
		}
		st.task.SetMortal(true)
		saw := "nothing"
		s.Sometimes("the page", func() bool { return saw == "1" })
		s.Sometimes("an exception", func() bool { return saw == "exception" })
		s.Sometimes("no mapping", func() bool { return saw == "no mapping" })
		s.Fact(func() string { return saw })
		return st.client("a", func(u user.Thread, object mach.Name) {
			var addr mach.Addr
			if user.VMMap(u, user.Self(u), &addr, u.PageSize(), 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare) != mach.KernSuccess {
				saw = "no mapping"
				return
			}
			saw = "exception"
			if v, err := u.Load64(addr); err == nil {
				saw = fmt.Sprint(v)
			}
			user.VMDeallocate(u, user.Self(u), addr, u.PageSize())
		})
	}
	run := explore.Simulation(kernel.Config{Checked: true, Faults: faults(t, "death")}, mortal)
	r := explore.Explore(explore.Config{Kinds: []choice.Kind{choice.KindFault}}, run)
	require.Equal(t, explore.NoFailure, r.Verdict, r)
	require.Equal(t, []any{uint64(9), 4}, []any{r.Executions, len(r.States)}, "it dies at one of its messages, or not at all: %v", r)

	full := explore.Explore(explore.Config{Workers: 2}, run)
	require.Equal(t, explore.Verified, full.Verdict, full)
	reduced := explore.Explore(explore.Config{Strategy: explore.NewReducedDFS(), Workers: 2}, run)
	require.Equal(t, explore.Verified, reduced.Verdict, reduced)
	require.Equal(t, full.States, reduced.States)
	require.Less(t, reduced.Executions, full.Executions)

	never := explore.Explore(explore.Config{Kinds: []choice.Kind{choice.KindFault}}, explore.Simulation(kernel.Config{}, mortal))
	require.Equal(t, uint64(1), never.Executions)
	require.Equal(t, "property: never: no mapping", never.Failures[0].Failure.Error())
}

// TestShortage: memory may be short for a moment whenever a page is wanted, up to three times; everybody waits, looks
// again and gets one.
func TestShortage(t *testing.T) {
	short := explore.Simulation(kernel.Config{Checked: true, Faults: faults(t, "shortage 3")}, faulters(1, true))
	r := explore.Explore(explore.Config{Kinds: []choice.Kind{choice.KindFault}}, short)
	require.Equal(t, "no failure (4 executions: all schedules)", r.Summary(), r)
}

// TestFullQueue: a send with a timeout may find the queue full, and then its message comes back.
func TestFullQueue(t *testing.T) {
	var saw mach.Return
	run := explore.Simulation(kernel.Config{Checked: true, Faults: faults(t, "queue")}, func(s *explore.Subject) error {
		host, err := s.Sim.Boot(kernel.HostConfig{})
		if err != nil {
			return err
		}
		a := host.NewTask("a")
		port, _ := a.Space().Allocate(mach.RightReceive)
		a.Spawn("main", func(u user.Thread) {
			m := mach.UserMessage{Remote: port, RemoteDisp: mach.MakeSend, ID: 1}
			saw = user.Msg(u, &m, mach.SendMsg|mach.SendTimeout, 0, mach.NameNull, 0, mach.NameNull)
		})
		s.Sometimes("sent", func() bool { return saw == mach.KernSuccess })
		s.Sometimes("full", func() bool { return saw == mach.SendTimedOut })
		return nil
	})
	r := explore.Explore(explore.Config{}, run)
	require.Equal(t, "verified (2 executions, all)", r.Summary(), r)
}

// TestPageoutTiming: a page may go at any moment although memory is not short, and comes back when it is wanted.
func TestPageoutTiming(t *testing.T) {
	run := explore.Simulation(kernel.Config{Checked: true, Faults: faults(t, "pageout")}, func(s *explore.Subject) error {
		st, err := newPagedStage(s, &manager{})
		if err != nil {
			return err
		}
		var read uint64
		s.Finally("what was written is read", func() error { return equal(read, 7) })
		s.Sometimes("the page came twice", func() bool { return st.host.VM().Stats().Pageins > 1 })
		return st.client("a", func(u user.Thread, object mach.Name) {
			mapped(u, object, 1, func(addr mach.Addr) {
				if err := u.Store64(addr, 7); err != nil {
					panic(err)
				}
				for range 3 {
					user.Self(u)
				}
				read = load(u, addr)
			})
		})
	})
	r := explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Preemptions(1)), Workers: 2}, run)
	require.Equal(t, explore.NoFailure, r.Verdict, r)
}
