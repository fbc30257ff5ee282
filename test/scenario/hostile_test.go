package scenario_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// TestMistakes: a script that misuses a function is told so, with its line. Nothing panics.
func TestMistakes(t *testing.T) {
	const prelude = `k = host("k0")
mem = memory_pager(k, "mem")
obj = mem.object("object")
app = k.task("app")
app.give(obj)
`
	for _, wrong := range []string{
		`host("k0")`, `host()`, `host(1)`, `host("k1", page_size = 3)`, `host("k1", page_size = -1)`, `host("k1", frames = -1)`,
		`host("k1", personality = "nobody")`, `host("k1", personality = 1)`, `host("k1", TermWindow = "maybe")`, `host("k1", MessageSet = 5)`,
		`k.task("app")`, `k.task()`, `k.nothing`, `k.name = 1`,
		`app.thread()`, `app.thread(1)`, `app.thread(len, daemon = "x")`, `app.give(1)`, `app.give(None)`, `app.port(77)`, `app.port("x")`,
		`pager(k, "p", nonsense = len)`, `pager(k, "p", init = 1)`, `pager(1, "p")`, `pager(k, "mem")`, `memory_pager(k)`,
		`file_pager(k, "p", root = "/nowhere/at/all")`, `file_pager(k, "p")`, `mem.open("x")`, `mem.contents("x")`, `mem.contents(1)`,
		`mem.object()`, `mem.object("x", data = 1)`, `mem.close("x")`, `mem.object("x", copy_strategy = "many")`,
		`run(1)`, `run(stuck = [1])`, `kill(1)`, `kill(obj)`, `abort(1)`, `abort(app.thread(len))`,
		`schedule()`, `schedule(at = "[", run = "x")`, `schedule(at = "x", run = 1)`, `schedule(at = "x", run = "x", kind = "y")`,
		`schedule(at = "x", run = "x", skip = -1)`,
		`event()`, `barrier(0)`, `barrier("x")`, `wait_until(lambda: True)`, `event("e").wait()`, `barrier(1).wait()`, `note()`, `note(1)`,
		`message()`, `message(1)`, `right(1)`, `right(1, 999)`, `pages(1)`, `pages(b"", 0)`, `pages(b"", 1 << 60)`,
		`expect()`, `expect_equal(1)`, `expect_code(1, 2)`, `expect_messages(1, [])`, `expect_messages(obj, 1)`, `expect_messages(obj, [1])`,
		`expect_messages(obj, [], host = 1)`, `expect_rights(1, obj)`, `expect_rights(app, "x")`, `expect_exception(1, KERN_FAILURE)`,
		`mappings(1)`, `mappings(obj, host = 1)`, `inspect("x")`, `control(obj)`, `control(1)`, `control(obj, 7)`, `messages(1)`, `received(1)`, `rights(app, 1.5)`,
		`KERN_FAILURE < KERN_SUCCESS`, `obj.nothing`, `{obj: 1}`, `load("x.star", "y")`,
	} {
		script, failure := scenario.LoadSource("test.star", []byte(prelude+wrong+"\n"))
		if failure == nil {
			r := script.Run(scenario.Options{NoGolden: true})
			require.False(t, r.Passed(), wrong)
			failure = r.Failure
		}
		require.Equal(t, scenario.ScriptError, failure.Kind, "%s: %v", wrong, failure)
		require.Equal(t, "test.star:6", failure.At, "%s: %v", wrong, failure)
		require.NotEmpty(t, failure.Text, wrong)
	}
}

// TestCallMistakes: the same for what threads can do wrong.
func TestCallMistakes(t *testing.T) {
	const prelude = `k = host("k0")
app = k.task("app")
def client(t):
    `
	for _, wrong := range []string{
		`t.vm_map()`, `t.vm_map(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)`, `t.vm_map(None, size = "x")`, `t.vm_map("x", size = PAGE)`,
		`t.vm_map(1 << 40, size = PAGE)`, `t.vm_allocate(1 << 70)`, `t.vm_allocate(PAGE, expect = 1)`, `t.vm_allocate(PAGE, PAGE, address = 0)`,
		`t.vm_protect(0, PAGE, "rw")`, `t.vm_protect(0, PAGE, 1, set_maximum = 1)`, `t.read(0)`, `t.read(-1, 1)`, `t.read(0, 1 << 40)`, `t.write(0, 1)`,
		`t.vm_write(0, 1)`, `t.vm_write(0, [1])`, `t.mach_port_allocate("x")`, `t.mach_port_insert_right(1, right("x", MAKE_SEND))`,
		`t.mach_msg_send(1)`, `t.mach_msg_send("nonsense")`, `t.mach_msg_send("4711")`, `t.mach_msg_send(message("4711", body = 1), to = 1)`,
		`t.mach_msg_send(message("4711", data = 1), to = 1)`, `t.mach_msg_send(message("4711", ports = 1), to = 1)`,
		`t.mach_msg_send(message("memory_object_init"), to = 1)`, `t.mach_msg_send("vm_map", timeout = -1)`, `t.mach_msg_receive("x")`,
		`t.mach_msg_receive(1, timeout = "x")`, `t.mach_msg_destroy(1)`, `t.reply(1)`, `t.at("nowhere")`, `t.at()`, `t.sleep(-1)`, `t.sleep(1 << 40)`,
		`t.memory_object_change_attributes(1, attributes = 7)`, `t.memory_object_change_attributes(1, attributes = ["x"])`, `t.mach_ports_register(init_port_set = 1)`,
		`t.host_page_size(host = "x")`, `run()`, `pager(k, "p")`, `memory_pager(k, "p")`, `file_pager(k, "p", root = ".")`,
	} {
		script, failure := scenario.LoadSource("test.star", []byte(prelude+wrong+"\napp.thread(client)\nrun()\n"))
		require.Nil(t, failure, wrong)
		r := script.Run(scenario.Options{NoGolden: true})
		require.False(t, r.Passed(), wrong)
		require.Equal(t, scenario.ScriptError, r.Failure.Kind, "%s: %v", wrong, r.Failure)
		require.Equal(t, "test.star:4", r.Failure.At, "%s: %v", wrong, r.Failure)
	}
}

// TestNothingLeft: no run leaves a goroutine behind, however it ended.
func TestNothingLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, path := range append(good(t), scripts(t, filepath.Join("bad", "*.star"))...) {
		scenario.Run(path, scenario.Options{NoGolden: true})
		require.LessOrEqual(t, runtime.NumGoroutine(), before, path)
	}
}

// TestKernelSteps: threads that keep each other going for ever end at the step limit of the machine.
func TestKernelSteps(t *testing.T) {
	script, failure := scenario.LoadSource("test.star", []byte(`
k = host("k0")
app = k.task("app")
turns = []
def play(t, who):
    while True:
        wait_until(lambda: len(turns) % 2 == who)
        turns.append(who)
app.thread(play, 0)
app.thread(play, 1)
run()
`))
	require.Nil(t, failure)
	r := script.Run(scenario.Options{NoGolden: true, KernelSteps: 1000})
	require.Equal(t, scenario.StepLimit, r.Failure.Kind, "%v", r.Failure)
	require.Equal(t, scenario.ExitUsage, r.ExitCode())
	require.Equal(t, "test.star:11", r.Failure.At)
	require.Contains(t, r.Failure.Text, fmt.Sprint(1000))
}
