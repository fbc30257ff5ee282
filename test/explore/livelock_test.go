package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// pingPong are two tasks that send one another a message for ever, and a third that waits for a word of theirs. With
// progress they say that every message is one they wanted.
func pingPong(progress bool) func(s *explore.Subject) error {
	return func(s *explore.Subject) error {
		host, err := s.Sim.Boot(kernel.HostConfig{WithoutPageout: true})
		if err != nil {
			return err
		}
		var tasks [2]*kernel.Task
		var ports [2]mach.Name
		rounds := uint64(0)
		for i := range tasks {
			tasks[i] = host.NewTask([]string{"ping", "pong"}[i])
			ports[i], _ = tasks[i].Space().Allocate(mach.RightReceive)
		}
		for i, task := range tasks {
			to, err := task.GiveSend(tasks[1-i], ports[1-i])
			if err != nil {
				return err
			}
			task.Spawn("main", func(t user.Thread) {
				for first := i == 0; ; first = false {
					var m mach.UserMessage
					if !first {
						user.Receive(t, &m, ports[i])
					}
					rounds++
					m = mach.UserMessage{Remote: to, RemoteDisp: mach.CopySend, ID: 7}
					user.Msg(t, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
				}
			})
		}
		if progress {
			s.Progress(func() uint64 { return rounds })
		}
		return nil
	}
}

// TestLivelock: two tasks go round in a circle. It is found long before the step limit, with the names of those in it;
// where going round is what they are for it is none, and the run only does not end.
func TestLivelock(t *testing.T) {
	r := explore.Simulation(kernel.Config{StepLimit: 20_000}, pingPong(false))(choice.First{})
	require.NotNil(t, r.Failure)
	require.Equal(t, "livelock: a circle without progress: ping/main, pong/main", r.Failure.Error())
	require.Less(t, r.Steps, uint64(2_000))

	found := explore.Explore(explore.Config{Depth: 12, MaxExecutions: 200}, explore.Simulation(kernel.Config{StepLimit: 20_000}, pingPong(false)))
	require.Equal(t, explore.Failed, found.Verdict)
	require.Equal(t, r.Failure.Error(), found.Failures[0].Failure.Error())

	r = explore.Simulation(kernel.Config{StepLimit: 5_000}, pingPong(true))(choice.First{})
	require.Equal(t, "livelock: the step limit is reached", r.Failure.Error())
}
