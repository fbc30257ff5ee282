package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/user"
)

// stuckRig is three tasks, each with a port that the next has a send right for.
func stuckRig(t *testing.T) (r *rig, tasks [3]*Task, ports, next [3]mach.Name) {
	r = newRig(t)
	for i := range tasks {
		tasks[i] = r.host.NewTask([]string{"a", "b", "c"}[i])
		ports[i], _ = tasks[i].Space().Allocate(mach.RightReceive)
	}
	for i := range tasks {
		var err error
		next[i], err = tasks[i].GiveSend(tasks[(i+1)%3], ports[(i+1)%3])
		require.NoError(t, err)
	}
	return r, tasks, ports, next
}

// TestWaitForCircle: a and b wait for a message of one another's, by way of c; the report shows the circle, and who
// would have to send.
func TestWaitForCircle(t *testing.T) {
	r, tasks, ports, _ := stuckRig(t)
	for i, task := range tasks {
		task.Spawn("main", func(u user.Thread) {
			var m mach.UserMessage
			user.Receive(u, &m, ports[i])
		})
	}
	o := r.sim.Run()
	require.Equal(t, Deadlock, o.Kind)
	require.Equal(t, `who waits for whom:
  thread 1 "a/main" waits for a message on port#4, held by a, since step 2
    port#4 can be sent to by c
      thread 3 "c/main" waits for a message on port#8, held by c, since step 6
        port#8 can be sent to by b
          thread 2 "b/main" waits for a message on port#6, held by b, since step 4
            port#6 can be sent to by a
              thread 1 "a/main", see above
  circle: a/main -> c/main -> b/main -> a/main
`, r.sim.WaitFor())
	require.Contains(t, o.Report(), "circle: a/main -> c/main -> b/main -> a/main")
	require.Contains(t, r.sim.Why(tasks[1].Threads()[0].Sched()), `thread 2 "b/main" waits for a message`)
}

// TestWaitForRoom: a queue is full, and its receiver has ended.
func TestWaitForRoom(t *testing.T) {
	r, tasks, ports, next := stuckRig(t)
	tasks[1].Spawn("main", func(user.Thread) {})
	tasks[0].Spawn("main", func(u user.Thread) {
		for {
			m := mach.UserMessage{Remote: next[0], RemoteDisp: mach.CopySend, ID: 1}
			user.Msg(u, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
		}
	})
	tasks[2].Spawn("main", func(u user.Thread) {
		name := u.ReplyPort()
		var m mach.UserMessage
		user.Receive(u, &m, name)
	})
	require.Equal(t, Deadlock, r.sim.Run().Kind)
	text := r.sim.WaitFor()
	require.Contains(t, text, "waits for room in the queue of port#6")
	require.Contains(t, text, "to be received by b, which has no thread")
	require.Contains(t, text, "nobody has a right to send to")
	require.NotContains(t, text, "circle")
	require.NotContains(t, text, "lost")
	_ = ports
}

// TestLostWakeup: a thread that sleeps although the message it waits for is there is pointed out.
func TestLostWakeup(t *testing.T) {
	r, tasks, _, next := stuckRig(t)
	var sleeper *sched.Thread
	tasks[0].Spawn("main", func(u user.Thread) {
		m := mach.UserMessage{Remote: next[0], RemoteDisp: mach.CopySend, ID: 1}
		user.Msg(u, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
		info, ok := tasks[0].Space().Lookup(next[0])
		require.True(t, ok)
		// This is no receive: nobody will know that somebody waits.
		sleeper = r.sim.Sched().Current()
		sleeper.Block(nil, sched.Wait{Kind: sched.WaitPortReceive, What: info.Port, Interruptible: true})
	})
	require.Equal(t, Deadlock, r.sim.Run().Kind)
	require.Equal(t, []*sched.Thread{sleeper}, r.sim.LostWakeups())
	require.Contains(t, r.sim.WaitFor(), `lost wake-up: thread 1 "a/main" waits for what has come`)
}
