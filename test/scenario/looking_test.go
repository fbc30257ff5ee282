package scenario_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// TestLooking: chains of objects, what a thread waits for, counters, threads of a task; a thread is terminated from
// outside, and a call that is not answered ends with its timeout.
func TestLooking(t *testing.T) {
	play(t, `
k = host("k0", policy = "lru")
mem = memory_pager(k, "mem", threads = 2)
silent = pager(k, "silent", data_request = lambda t, m: None)
obj, never = mem.object("object", data = b"data"), silent.object("never")
app = k.task("app")
app.give(obj)
app.give(never)
where = {}

def client(t):
    a = t.vm_map(obj, size = 2 * PAGE, copy = True)
    expect_equal(shadow_chain(app, a + 2 * PAGE), [])
    t.touch(a)
    t.write(a, b"mine")
    chain = shadow_chain(app, a)
    expect_equal([o.internal for o in chain], [True, True, False])
    expect_equal([o.offsets for o in chain], [[0], [], [0]])
    expect_equal(chain[-1].has_copy, True)
    expect_equal(k.statistics().cow_faults, 1)
    expect_equal(k.statistics().shadow_depth, 3)
    port = t.mach_port_allocate()
    t.mach_port_insert_right(port, right(port, MAKE_SEND))
    expect_code(t.task_threads(target_task = port, timeout = 20, expect = MACH_RCV_TIMED_OUT), MACH_RCV_TIMED_OUT)

def stuck(t):
    t.touch(t.vm_map(never, size = PAGE))

expect_equal(len(mem.threads), 2)
app.thread(client)
run()
waiting = app.thread(stuck)
expect_equal(waiting.waits_for, None)
run(stuck = [waiting])
expect("page 0x0 of never.object#1" in waiting.waits_for and "in silent" in waiting.waits_for)
kill(waiting)
run()
expect_equal(waiting.waits_for, None)
expect(waiting.done and app.alive)
`)
}

// TestWrongHosts: what is wrong with a host, a default pager, or a question about them is said.
func TestWrongHosts(t *testing.T) {
	for _, wrong := range []struct{ line, says string }{
		{`host("k1", policy = "random")`, `no policy is named "random"`},
		{`host("k1", watchdog = "soon")`, "watchdog"},
		{`default_pager(k, "swap", pages = -1)`, "cannot be negative"},
		{`default_pager(k, "swap", file = "no-such-file")`, "no-such-file"},
		{`memory_pager(k, "mem").damage(0, b"x")`, "is no default pager"},
		{`default_pager(k, "swap").damage(0, b"x")`, "has 0 bytes only"},
		{`memory_pager(k, "mem", threads = 0)`, "got 0 threads"},
		{`memory_pager(k, "mem", order = "random")`, `"random"`},
		{`shadow_chain(k, 0)`, "want a task"},
		{`kill(k)`, "want a task"},
	} {
		r := attempt(t, oneTask+wrong.line)
		require.NotNil(t, r.Failure, wrong.line)
		require.Equal(t, scenario.ExitUsage, r.ExitCode(), wrong.line)
		require.Contains(t, r.Verdict(), wrong.says, wrong.line)
	}
	r := attempt(t, oneTask+"x = app.thread(lambda t: None)\nkill(x)")
	require.Contains(t, r.Verdict(), "has not started")
}
