package sched

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

type numbered struct{ plain }

func (numbered) WaitID() uint64 { return 12 }

// traced is the events in the ring, with when and in whose context they happened.
func traced(tr *trace.Tracer) (events []trace.Event, at [][3]uint64) {
	for r := range tr.Records() {
		events = append(events, r.Event())
		at = append(at, [3]uint64{uint64(r.Time), uint64(r.Host), uint64(r.Thread)})
	}
	return events, at
}

func TestThreadEvents(t *testing.T) {
	tr := trace.New()
	s := New(Config{Tracer: tr})
	var q Queue
	a := s.Spawn("a", func(th *Thread) {
		th.Block(&q, Wait{Kind: WaitPage, What: numbered{"page"}})
		th.SetHost(3)
		th.Block(&q, Wait{Kind: WaitPortReceive, Deadline: s.After(5)})
	})
	a.SetTask(7)
	a.SetHost(2)
	a.SetName("renamed")
	require.Equal(t, "renamed", a.Name())
	require.EqualValues(t, 7, a.Task())
	s.Spawn("b", func(th *Thread) {
		require.EqualValues(t, 0, th.Host())
		s.Spend(4)
		q.Wake(Awakened)
	})
	idle(t, s)
	s.Shutdown()
	events, at := traced(tr)
	require.Equal(t, []trace.Event{
		trace.Thread{Op: trace.ThreadSpawn, Subject: 1, Task: 7},
		trace.Thread{Op: trace.ThreadBlock, Subject: 1, Task: 7, Reason: trace.WaitPage, What: 12},
		trace.Thread{Op: trace.ThreadSpawn, Subject: 2},
		trace.Thread{Op: trace.ThreadWake, Subject: 1, Task: 7, Reason: trace.WaitPage, What: 12},
		trace.Thread{Op: trace.ThreadExit, Subject: 2},
		trace.Thread{Op: trace.ThreadBlock, Subject: 1, Task: 7, Reason: trace.WaitMessage},
		trace.Thread{Op: trace.ThreadWake, Subject: 1, Task: 7, Reason: trace.WaitMessage, Code: mach.RcvTimedOut},
		trace.Thread{Op: trace.ThreadExit, Subject: 1, Task: 7},
	}, events)
	require.Equal(t, [][3]uint64{
		{0, 2, 1}, {0, 2, 1}, {0, 0, 2}, {4, 0, 2}, {4, 0, 2}, {4, 3, 1}, {9, 0, 0}, {9, 3, 1},
	}, at)
}

func TestDeathEvents(t *testing.T) {
	tr := trace.New()
	s := New(Config{Tracer: tr})
	a := s.Spawn("a", func(th *Thread) { th.Block(nil, Wait{Kind: WaitPortSend, Interruptible: true}) })
	idle(t, s)
	a.Suspend()
	a.Abort()
	a.Resume()
	idle(t, s)
	s.Spawn("left", func(th *Thread) { th.Block(nil, Wait{}) })
	deaf(s, "deaf").Kill()
	idle(t, s)
	s.Shutdown()
	events, _ := traced(tr)
	note, _ := trace.NewNote(trace.NoteInfo, `thread 3 "deaf" goes on after its death and is abandoned`)
	require.Equal(t, []trace.Event{
		trace.Thread{Op: trace.ThreadSpawn, Subject: 1},
		trace.Thread{Op: trace.ThreadBlock, Subject: 1, Reason: trace.WaitQueue},
		trace.Thread{Op: trace.ThreadSuspend, Subject: 1},
		trace.Thread{Op: trace.ThreadAbort, Subject: 1},
		trace.Thread{Op: trace.ThreadWake, Subject: 1, Reason: trace.WaitQueue, Code: mach.KernAborted},
		trace.Thread{Op: trace.ThreadResume, Subject: 1},
		trace.Thread{Op: trace.ThreadExit, Subject: 1},
		trace.Thread{Op: trace.ThreadKill, Subject: 3},
		trace.Thread{Op: trace.ThreadSpawn, Subject: 2},
		trace.Thread{Op: trace.ThreadBlock, Subject: 2},
		trace.Thread{Op: trace.ThreadSpawn, Subject: 3},
		trace.Thread{Op: trace.ThreadExit, Subject: 3},
		note,
	}, events, "Shutdown adds nothing")
}

func TestChoiceEvents(t *testing.T) {
	tr := trace.New()
	tr.SetMask(trace.MaskOf(trace.KindChoice))
	s := newTest(t, Config{Tracer: tr, Chooser: &asker{answers: []int{1}}})
	s.Spawn("a", func(*Thread) {})
	s.Spawn("b", func(th *Thread) { th.Preempt("T1") })
	idle(t, s)
	events, _ := traced(tr)
	require.Equal(t, []trace.Event{
		trace.Choice{Sort: trace.ShortOf("thread"), Point: trace.ShortOf("block"), Index: 1, Width: 2},
		trace.Choice{Sort: trace.ShortOf("preempt"), Point: trace.ShortOf("T1"), Index: 0, Width: 2},
	}, events)
}

func TestTimeoutCodes(t *testing.T) {
	require.Equal(t, mach.SendTimedOut, (&Wait{Kind: WaitPortSend}).code(TimedOut))
	require.Equal(t, mach.KernSuccess, (&Wait{Kind: WaitTimer}).code(TimedOut))
	require.Len(t, reasons, int(WaitLink)+1)
}

func TestTracedRunsAreEqual(t *testing.T) {
	run := func() []trace.Record {
		tr := trace.New()
		s := newTest(t, Config{Tracer: tr, Chooser: &asker{answers: []int{2, 1, 0, 1, 2, 1, 1, 0, 1}}})
		workload(s)
		idle(t, s)
		return tr.Last(1000)
	}
	one, two := run(), run()
	require.Greater(t, len(one), 20)
	require.Len(t, two, len(one))
	for i := range one {
		require.True(t, one[i].Equal(&two[i]), "record %d", i)
	}
}
