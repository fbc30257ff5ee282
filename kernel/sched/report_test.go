package sched

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type thing struct{ name, holder string }

func (t thing) WaitName() string { return t.name }
func (t thing) HeldBy() string   { return t.holder }

type plain string

func (p plain) WaitName() string { return string(p) }

func TestDeadlockReport(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	s.Spawn("reader", func(th *Thread) {
		th.TrapPoint("load")
		th.Block(&q, Wait{Kind: WaitPage, What: thing{"page of object 7", `thread 2 "pager"`}, A: 0x1000, Interruptible: true})
	})
	s.Spawn("pager", func(th *Thread) { th.Block(&q, Wait{Kind: WaitPortSend, What: thing{"port 3", ""}}) })
	s.Spawn("pageout", func(th *Thread) {
		th.SetDaemon(true)
		th.Block(&q, Wait{Kind: WaitEvent, What: plain("low memory")})
	}).SetDaemon(true)
	s.Spawn("frozen", func(*Thread) {}).Suspend()
	dying := s.Spawn("dying", func(th *Thread) { th.Block(&q, Wait{Kind: WaitMemory, Deadline: 1 << 40}) })
	deaf(s, "deaf").Kill()
	s.At(9, func() { s.Stop(nil) })
	dying.Kill()
	o := s.Run()
	require.Equal(t, Stopped, o.Kind)
	require.Equal(t, 4, o.Stuck)
	require.Equal(t, `step 1007, time 9 ns
blocked:
  thread 1 "reader" waits for page of object 7 at 0x1000, held by thread 2 "pager", since step 2
  thread 2 "pager" waits for room in the queue of port 3, since step 3
  thread 5 "dying" waits for memory, until 1099511627776 ns, killed but not interruptible, since step 5
suspended:
  thread 4 "frozen", suspend count 1
daemons:
  thread 3 "pageout" waits for event low memory, since step 4
abandoned after a kill:
  thread 6 "deaf"
`, DeadlockReport(s))
	bs := s.Blocked()
	require.Len(t, bs, 4)
	require.Equal(t, "reader", bs[0].Thread.Name())
	require.EqualValues(t, 2, bs[0].Since)
	require.EqualValues(t, 0x1000, bs[0].Wait.A)
	require.True(t, bs[2].Thread.Daemon())
}

func TestBlockedDaemonsAreNoDeadlock(t *testing.T) {
	s := newTest(t, Config{})
	var q Queue
	s.Spawn("service", func(th *Thread) { th.Block(&q, Wait{}) }).SetDaemon(true)
	require.Zero(t, idle(t, s).Stuck)
	require.Len(t, s.Blocked(), 1)
}

func TestNames(t *testing.T) {
	for k := WaitEvent; k <= WaitLink; k++ {
		require.NotEqual(t, "unknown", k.String())
		require.NotEmpty(t, k.String())
	}
	require.Equal(t, "unknown", (WaitLink + 1).String())
	require.Equal(t, "terminating port", WaitTerminating.String())
	require.Equal(t, "restart", Restart.String())
	require.Equal(t, "abandoned", Abandoned.String())
	require.Equal(t, "panicked", Panicked.String())
}
