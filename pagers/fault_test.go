package pagers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/trace"
	"machvm/pagers"
	"machvm/test/scenario"
)

// faultStage is a memory pager that goes wrong, another object beside the one that is used, and helpers.
const faultStage = `
k = host("k0", personality = "PRESET")
mem = memory_pager(k, "mem")
data = b""
for i in range(4):
    data += bytes([i + 1]) * PAGE
obj = mem.object("object", data = data)
other = mem.object("other", data = data)
app = k.task("app")
app.give(obj)
app.give(other)
at = {}

def mapped(t, o = obj):
    a = t.vm_map(o, size = 4 * PAGE)
    at[str(o)] = a
    return a

def page(i): return bytes([i + 1])

def stuck(fn):                    # fn waits for ever, until its thread is terminated
    th = app.thread(fn)
    run(stuck = [th])
    kill(th)
    run()
    expect(th.done)
    return th

def finish(t):
    for o, a in at.items():
        t.vm_deallocate(a, 4 * PAGE)

def over():                       # every use has ended as it should
    app.thread(finish)
    run()
    expect_equal(mem.stats().uses, 0)
    expect_equal(mem.stats().ignored, 0)
`

// faultTests are the kinds of faults, and what clients see of each.
var faultTests = []struct{ name, script string }{
	{"late", `
faulty(mem, late = {"on": "data_supply", "delay": 40})
read = []
def client(t): read.append(t.read(mapped(t), 1))
def watch(t):
    t.sleep(39)
    expect_equal(read, [])
    t.sleep(2)
    expect_equal(read, [page(0)])
app.thread(client)
app.thread(watch)
run()
over()
expect_equal(mem.injected(), ["late memory_object_data_supply"])
`},
	{"silent supply", `
faulty(mem, silent = {"on": "data_supply", "times": 1})
def client(t): t.read(mapped(t), 1)
stuck(client)
def again(t):
    t.read(at[str(obj)], 1)            # waits for the same request: no second one is sent
stuck(again)
expect_equal(len([m for m in messages(obj) if m.name == "memory_object_data_request"]), 1)
def elsewhere(t): expect_equal(t.read(at[str(obj)] + PAGE, 1), page(1))
app.thread(elsewhere)
run()
over()
`},
	{"silent unlock", `
faulty(mem, silent = "lock_request")
locked = mem.object("locked", data = data, lock = VM_PROT_WRITE)
app.give(locked)
def client(t): t.write(mapped(t, locked), b"x")
stuck(client)
def reader(t): expect_equal(t.read(at[str(locked)], 1), page(0))
app.thread(reader)
run()
over()
`},
	{"silent at first", `
faulty(mem, silent = ["change_attributes", "ready"])
def client(t):
    a = mapped(t)                 # waits here where vm_map waits for readiness, and below where it does not
    t.read(a, 1)
stuck(client)
faulty(mem)
if str(obj) in at:
    over()
`},
	{"wrong data", `
faulty(mem, wrong_data = 2)
def client(t):
    a = mapped(t)
    expect_equal([t.read(a + i * PAGE, 1) for i in range(3)], [page(0), bytes([0xff ^ 2]), page(2)])
app.thread(client)
run()
over()
`},
	{"wrong offset", `
faulty(mem, wrong_offset = {"on": "data_supply", "times": 1})
def client(t): t.read(mapped(t), 1)
stuck(client)
def neighbour(t):                 # where the kernel takes what it has not asked for, that lies here
    want = page(1) if "PRESET" == "osf-manual" else page(0)
    expect_equal(t.read(at[str(obj)] + PAGE, 1), want)
app.thread(neighbour)
run()
over()
`},
	{"wrong control", `
def first(t):
    expect_equal(t.read(mapped(t, other), 1), page(0))
app.thread(first)
run()
faulty(mem, wrong_control = {"on": "data_supply", "times": 1})
def client(t): t.read(mapped(t) + PAGE, 1)
stuck(client)
def unharmed(t):                  # the other object has the page that was meant for this one, or refused it
    expect_equal(t.read(at[str(other)] + PAGE, 1), page(1))
    expect_equal(t.read(at[str(other)], 1), page(0))
app.thread(unharmed)
run()
over()
`},
	{"wrong control, nobody else", `
faulty(mem, wrong_control = {"on": "data_supply", "times": 1})
def client(t): t.read(mapped(t), 1)
stuck(client)
over()
`},
	{"wrong error", `
faulty(mem, wrong_error = {"times": 1, "error": KERN_RESOURCE_SHORTAGE})
def client(t):
    a = mapped(t)
    t.read(a, 1, expect = KERN_MEMORY_ERROR)
    expect_equal(t.read(a, 1), page(0))       # the error was of the moment
app.thread(client)
run()
over()
`},
	{"duplicated", `
faulty(mem, duplicated = True)
def client(t):
    a = mapped(t)
    for i in range(4):
        expect_equal(t.read(a + i * PAGE, 1), page(i))
        t.write(a + i * PAGE, b"w")
    if "vm_msync" in dir(t):
        t.vm_msync(a, 4 * PAGE, expect = [KERN_SUCCESS, KERN_INVALID_ARGUMENT])
    for i in range(4):
        expect_equal(t.read(a + i * PAGE, 1), b"w")
app.thread(client)
run()
over()
expect_equal([mem.contents(obj)[i * PAGE:i * PAGE + 1] for i in range(4)], 4 * [b"w"])
`},
	{"reordered", `
faulty(mem, reordered = {"on": "data_supply", "times": 1})
done = []
def setup(t): mapped(t)
app.thread(setup)
run()
def reader(t, i):
    expect_equal(t.read(at[str(obj)] + i * PAGE, 1), page(i))
    done.append(i)
app.thread(reader, 0, name = "zero")
app.thread(reader, 1, name = "one")
run()
expect_equal(done, [1, 0])
over()
`},
	{"reordered, and nothing follows", `
faulty(mem, reordered = {"on": "data_supply", "times": 1, "delay": 7})
read = []
def client(t): read.append(t.read(mapped(t), 1))
def watch(t):
    t.sleep(6)
    expect_equal(read, [])
    t.sleep(2)
    expect_equal(read, [page(0)])
app.thread(client)
app.thread(watch)
run()
over()
`},
	{"dying in a supply", `
faulty(mem, dying = {"on": "data_supply", "skip": 1})
def client(t):
    a = mapped(t)
    expect_equal(t.read(a, 1), page(0))
    t.read(a + PAGE, 1, expect = GONE)
    expect_equal(t.read(a, 1), page(0))       # what is here stays
    t.read(a + 2 * PAGE, 1, expect = GONE)
app.thread(client)
run()
expect(not obj.alive)
app.thread(finish)
run()
`},
	{"dying in an init", `
faulty(mem, dying = True)
def client(t):
    if "WAITS" == "True":
        t.vm_map(obj, size = PAGE, expect = KERN_INVALID_OBJECT)
    else:
        t.read(t.vm_map(obj, size = PAGE), 1, expect = GONE)
app.thread(client)
run()
expect(not obj.alive)
`},
	{"silent synchronize", `
if "PRESET" in ("mach", "osf-manual", "osf-source"):
    faulty(mem, silent = "synchronize_completed")
    def client(t):
        a = mapped(t)
        t.write(a, b"x")
        t.vm_msync(a, PAGE)
    stuck(client)
    expect_equal(mem.contents(obj)[:1], b"x")
    over()
`},
	{"wrong synchronize", `
if "PRESET" in ("mach", "osf-manual", "osf-source"):
    faulty(mem, wrong_offset = "synchronize_completed")
    def client(t):
        a = mapped(t)
        t.write(a, b"x")
        t.vm_msync(a, PAGE, expect = KERN_MEMORY_ERROR)
    th = app.thread(client)
    run(stuck = [th])
    def despair(t): t.memory_object_destroy(control(obj))
    mem.thread(despair)
    run()
    expect(th.done)
`},
}

// TestFaults: what a faulty manager does to its clients, and to nobody else, under every kernel. Audits run after every
// step.
func TestFaults(t *testing.T) {
	for _, preset := range []string{"mach", "osf-manual", "osf-source", "cmu-3.0", "gnumach"} {
		gone, waits := "KERN_MEMORY_ERROR", "False"
		if preset == "mach" || preset == "osf-manual" {
			gone = "KERN_MEMORY_FAILURE"
		}
		if preset != "cmu-3.0" && preset != "gnumach" {
			waits = "True"
		}
		for _, c := range faultTests {
			t.Run(preset+" "+c.name, func(t *testing.T) {
				script := strings.NewReplacer("PRESET", preset, "GONE", gone, "WAITS", waits).Replace(faultStage + c.script)
				transcript := play(t, script)
				if c.name == "duplicated" {
					require.Equal(t, 2*4, strings.Count(transcript, "=> memory_object_data_supply("))
				}
			})
		}
	}
}

// TestNoFault: a plan that concerns nothing leaves a run as it is, to the byte.
func TestNoFault(t *testing.T) {
	run := func(faults string) string {
		script, failure := scenario.LoadSource("test.star", []byte(strings.NewReplacer("PRESET", "mach").Replace(faultStage+faults+`
def client(t):
    a = mapped(t)
    for i in range(4):
        t.write(a + i * PAGE, b"w")
    t.vm_msync(a, 4 * PAGE)
app.thread(client)
run()
over()
expect_equal(mem.injected(), [])
`)))
		require.Nil(t, failure)
		var events strings.Builder
		r := script.Run(scenario.Options{NoGolden: true, Sinks: []func(*trace.Tracer) trace.Sink{
			func(tr *trace.Tracer) trace.Sink { return trace.NewJSON(&events, tr.Names()) }}})
		require.Nil(t, r.Failure, r.Verdict())
		return events.String()
	}
	plain := run("\n")
	require.Equal(t, plain, run("faulty(mem)\n"))
	require.Equal(t, plain, run(`faulty(mem, silent = "data_error", dying = 1000, choose = ["late", "dying"], budget = 0)`+"\n"))
}

// TestFaultMistakes: a plan that cannot be understood is refused.
func TestFaultMistakes(t *testing.T) {
	for call, want := range map[string]string{
		`faulty(1)`:                          "faulty: got int, want a pager",
		`faulty(mem, sleepy = True)`:         "faulty: sleepy: there is no such fault",
		`faulty(mem, late = 0)`:              "faulty: late: got 0, want the number of a call, from 1 on",
		`faulty(mem, late = {"when": 1})`:    `faulty: late: "when": there is no such word; on, skip, times, delay and error are`,
		`faulty(mem, late = 1.5)`:            "faulty: late: got float, want True, a number, the name of a call or a dictionary",
		`faulty(mem, choose = ["x"])`:        `faulty: choose: there is no fault "x"`,
		`faulty(pager(k, "p"), late = True)`: "faulty: p is written in Starlark: its functions can go wrong by themselves",
	} {
		script, failure := scenario.LoadSource("test.star", []byte("k = host(\"k0\")\nmem = memory_pager(k, \"mem\")\n"+call+"\n"))
		require.Nil(t, failure)
		r := script.Run(scenario.Options{NoGolden: true})
		require.NotNil(t, r.Failure, call)
		require.Equal(t, want, r.Failure.Text)
	}
}

// TestFaultKinds: kinds have names, and the names find them.
func TestFaultKinds(t *testing.T) {
	for k := pagers.Late; k <= pagers.Dying; k++ {
		found, ok := pagers.FaultNamed(k.String())
		require.True(t, ok)
		require.Equal(t, k, found)
	}
	_, ok := pagers.FaultNamed("fault(9)")
	require.False(t, ok)
}

// TestChosenFaults: faults that a chooser puts anywhere, and any two of them. Whatever happens the kernel keeps its
// invariants, and clients see their data, or an error, or wait.
func TestChosenFaults(t *testing.T) {
	script, failure := scenario.LoadSource("test.star", []byte(strings.NewReplacer("PRESET", "mach").Replace(faultStage+`
faulty(mem, choose = ["late", "silent", "wrong_data", "wrong_offset", "wrong_control", "wrong_error", "duplicated", "reordered", "dying"], budget = 2)
def client(t, o, n):
    t.vm_allocate(PAGE)           # so that the next call asks for nothing before it looks at its arguments
    if not o.alive:
        return
    a = t.vm_map(o, size = 4 * PAGE, expect = ANY)
    if type(a) != "int":
        return
    for i in range(4):
        t.write(a + i * PAGE, page(n), expect = ANY)
    t.vm_msync(a, 4 * PAGE, expect = ANY)
    t.vm_deallocate(a, 4 * PAGE, expect = ANY)
threads = [app.thread(client, obj, 1, name = "a"), app.thread(client, obj, 2, name = "b"), app.thread(client, other, 3, name = "c")]
run()
`)))
	require.Nil(t, failure)
	deadlocks := 0
	for seed := range uint64(120) {
		r := script.Run(scenario.Options{NoGolden: true, Chooser: choice.NewRandom(seed)})
		if r.Failure != nil {
			require.Equal(t, scenario.Deadlock, r.Failure.Kind, "seed %d\n%s%s", seed, r.Transcript, r.Verdict())
			deadlocks++
		}
	}
	require.Greater(t, deadlocks, 10)
	require.Less(t, deadlocks, 110)
}
