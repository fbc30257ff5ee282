package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// walked is what a walk prints that is told the given lines.
func walked(t *testing.T, lines string, args ...string) (code int, stdout string) {
	var out, err bytes.Buffer
	code = execute(append([]string{"step"}, args...), strings.NewReader(lines), &out, &err)
	require.Empty(t, err.String())
	return code, out.String()
}

// walkGolden is a walk through racy, forward, back and to the end.
const walkGolden = `before the first step
> forward
step 1, time 0 ns, thread 1 "task/first"
      9 k0 task/first -- task/first starts in task
> threads
thread 1 "task/first": ready
thread 2 "task/second": ready
> f 2
step 3, time 0 ns, thread 2 "task/second"
     18 k0 task/second -- task/second starts in task
> rights task
space of task, 1 names
  0x103 SEND of task task x1
> schedule
   1 thread block 0/2 task/first
   2 thread mach_task_self 0/2 task/first
> back
step 2, time 0 ns, thread 1 "task/first"
     11 k0 task/first >> mach_task_self
     12 k0 task/first -- task 0x103 SEND +1 = 1 (insert) of task task
     13 k0 task/first << mach_task_self: KERN_SUCCESS
     14 k0 task/first -- task/first thread has no senders
     15 k0 task/first -- task/first thread leaves kernel
     16 k0 task/first -- task/first thread dead
     17 k0 task/first -- task/first exits
> back 2
before the first step
> until 2
step 2, time 0 ns, thread 1 "task/first"
     11 k0 task/first >> mach_task_self
     12 k0 task/first -- task 0x103 SEND +1 = 1 (insert) of task task
     13 k0 task/first << mach_task_self: KERN_SUCCESS
     14 k0 task/first -- task/first thread has no senders
     15 k0 task/first -- task/first thread leaves kernel
     16 k0 task/first -- task/first thread dead
     17 k0 task/first -- task/first exits
> maps
map of task 1 "task": 0 regions, 0 bytes, 0 pages resident
> queues
every queue is empty
> objects
objects of k0
> why second
thread 2 "task/second" does not wait: it is ready
> why nobody
no thread is called "nobody"; threads lists them
> maps nobody
no task is called "nobody"
> forward many
"many" is no number of steps
> dance
"dance": there is no such command; help lists them
> end
`

func TestStep(t *testing.T) {
	dir := t.TempDir()
	script, sched := filepath.Join(dir, "racy.star"), filepath.Join(dir, "racy.sched")
	require.NoError(t, os.WriteFile(script, []byte(racy), 0o644))
	lines := ""
	for line := range strings.Lines(walkGolden) {
		if told, ok := strings.CutPrefix(line, "> "); ok {
			lines += told
		}
	}
	code, out := walked(t, lines, script)
	require.Equal(t, 0, code)
	require.Equal(t, walkGolden, strings.Join(strings.SplitAfter(out, "\n")[:strings.Count(walkGolden, "\n")], ""))
	require.Contains(t, out, "the run is over after step 4\n> \nPASS racy.star\n")

	// A schedule is walked as it was written, and its failure is the verdict.
	require.NoError(t, os.WriteFile(sched, []byte("machvm schedule 1\nscenario racy.star\n\nthread block 1/2 task/second\n"), 0o644))
	code, out = walked(t, "f\nschedule\ne\nf\nq\n", sched)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "thread 2 \"task/second\"\n")
	require.Contains(t, out, "   1 thread block 1/2 task/second\n   2 thread mach_task_self 0/2 task/second\nthe schedule has 1 choices\n")
	require.Contains(t, out, "> f\nthe run is over after step 4\n> q\nFAIL racy.star")

	code, out = walked(t, "q\n", sched)
	require.Equal(t, 0, code)
	require.Equal(t, "before the first step\n> q\n", out)
	code, _ = walked(t, "", script)
	require.Equal(t, 0, code)
}

// TestStepFinds: the next message and the next fault, why a thread waits, and a step back from there.
func TestStepFinds(t *testing.T) {
	code, out := walked(t, "fault\nwhy client\nb\nmessage\nhelp\nevents 2\nmachine\nq\n", scripts+"last_unmap.star")
	require.Equal(t, 0, code)
	require.Contains(t, out, "** read fault at 0x0 of app")
	require.Contains(t, out, "memory_object_data_request")
	require.Contains(t, out, "> why client\nthread ")
	require.Contains(t, out, "waits for page 0x0 of")
	require.Contains(t, out, "to be answered by pager")
	require.Contains(t, out, stepHelp)
	require.Contains(t, out, "host 1 \"k0\"")

	var stderr bytes.Buffer
	require.Equal(t, 2, execute([]string{"step", "nowhere.sched"}, strings.NewReader(""), &stderr, &stderr))
	require.Equal(t, 2, execute([]string{"step", "nowhere.star"}, strings.NewReader(""), &stderr, &stderr))
}
