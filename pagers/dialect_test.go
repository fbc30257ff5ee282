package pagers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/test/scenario"
)

// clients are programs that use a memory object of N pages. They know nothing of kernels and pagers, and what each
// sees, and what the pager has in the end, is written down in model: one byte for each page.
const clients = `
N = 24
k = host("k0", personality = "PRESET", frames = 128)
PAGER
app = k.task("app")
app.give(obj)
model = [i % 250 + 1 for i in range(N)]

def check(t, a, want):
    for i in range(N):
        expect_equal(t.read(a + i * PAGE, 1) + t.read(a + i * PAGE + PAGE - 1, 1), 2 * bytes([want[i]]))

def put(t, a, i, v):
    t.write(a + i * PAGE, bytes([v]) * PAGE)

def reads(t):
    a = t.vm_map(obj, size = N * PAGE)
    check(t, a, model)
    t.vm_deallocate(a, N * PAGE)

def writes(t):
    a = t.vm_map(obj, size = N * PAGE)
    for i in range(0, N, 3):
        model[i] = 100 + i
        put(t, a, i, model[i])
    check(t, a, model)
    t.vm_deallocate(a, N * PAGE)
    reads(t)

def evictions(t):
    a = t.vm_map(obj, size = N * PAGE)
    for round in range(3):
        for i in range(round, N, 4):
            model[i] = 150 + i + round
            put(t, a, i, model[i])
        k.evict(N)
        check(t, a, model)
    t.vm_deallocate(a, N * PAGE)

def forks(t):
    a = t.vm_map(obj, size = N * PAGE)
    t.vm_inherit(a, N * PAGE, VM_INHERIT_COPY)
    model[1] = 201
    put(t, a, 1, model[1])
    before = list(model)
    child = t.task_create(inherit_memory = True)
    done = event("the child is done")
    def daughter(t):
        check(t, a, before)
        put(t, a, 2, 99)                 # its own
        check(t, a, before[:2] + [99] + before[3:])
        done.set()
    child.thread(daughter)
    model[3] = 203
    put(t, a, 3, model[3])               # not seen by the child
    done.wait()
    check(t, a, model)
    kill(child)
    t.vm_deallocate(a, N * PAGE)

def copies(t):
    a = t.vm_map(obj, size = N * PAGE)
    b = t.vm_map(obj, size = N * PAGE, copy = True)
    before = list(model)
    model[5] = 205
    put(t, a, 5, model[5])
    put(t, b, 6, 98)
    check(t, b, before[:6] + [98] + before[7:])
    c = t.vm_allocate(N * PAGE)
    t.vm_copy(a, N * PAGE, c)
    put(t, a, 7, 207)
    check(t, c, model)
    model[7] = 207
    data = t.vm_read(a, N * PAGE)
    for i in range(N):
        expect_equal(t.read(data.address + i * PAGE, 1), bytes([model[i]]))
    for at in (a, b, c, data.address):
        t.vm_deallocate(at, N * PAGE)

def syncs(t):
    a = t.vm_map(obj, size = N * PAGE)
    for i in range(4):
        model[8 + i] = 60 + i
        put(t, a, 8 + i, model[8 + i])
    if "vm_msync" in dir(t):             # not every kernel has it, and GNU's only fails
        t.vm_msync(a, N * PAGE, expect = [KERN_SUCCESS, KERN_INVALID_ARGUMENT])
    check(t, a, model)
    t.vm_deallocate(a, N * PAGE)

def remaps(t):
    for round in range(4):
        a = t.vm_map(obj, size = N * PAGE)
        check(t, a, model)
        model[20] = 30 + round
        put(t, a, 20, model[20])
        b = t.vm_map(obj, size = PAGE, offset = 20 * PAGE)
        expect_equal(t.read(b, 1), bytes([model[20]]))
        t.vm_deallocate(a, N * PAGE)
        t.write(b, bytes([model[20]]))
        t.vm_deallocate(b, PAGE)

def client(t):
    for program in (reads, writes, evictions, forks, copies, syncs, remaps, evictions, writes):
        note(str(program))
        program(t)

app.thread(client)
run()
expect_equal(len(contents()), N * PAGE)
data = contents()
expect_equal([data[i * PAGE] for i in range(N)], [bytes([v]) for v in model])
expect_equal([data[(i + 1) * PAGE - 1] for i in range(N)], [bytes([v]) for v in model])
expect_equal(pg.stats().uses, 0)
expect_equal(pg.stats().ignored, 0)
expect_equal(pg.stats().failures, 0)
expect("PORT_SET of 1 ports" in pg.describe(), "copies end with their users")

# A manager that gives the object up: what is resident stays, what is not is an error.
mapped, destroyed = event("mapped"), event("destroyed")

def last(t):
    a = t.vm_map(obj, size = N * PAGE)
    t.read(a, 1)
    mapped.set()
    destroyed.wait()
    expect_equal(t.read(a, 1), bytes([model[0]]))
    t.read(a + (N - 1) * PAGE, 1, expect = [KERN_MEMORY_ERROR, KERN_MEMORY_FAILURE])
    t.vm_deallocate(a, N * PAGE)

def manager(t):
    mapped.wait()
    t.memory_object_destroy(control(obj))
    destroyed.set()

app.thread(last)
pg.thread(manager)
run()
expect_equal(received(obj)[-1].name, "memory_object_terminate")
expect_equal(pg.stats().uses, 0)
`

const (
	memorySetup = `
pg = memory_pager(k, "pager"OPTIONS)
data = b""
for i in range(N):
    data += bytes([i % 250 + 1]) * PAGE
obj = pg.object("object", data = dataOBJECT)
def contents(): return pg.contents(obj)
`
	fileSetup = `
pg = file_pager(k, "pager", root = "ROOT"OPTIONS)
obj = pg.open("file")
def contents(): return pg.contents("file")
`
)

// said are the calls that tell the dialects apart.
var said = []string{"memory_object_change_attributes", "memory_object_ready", "memory_object_set_attributes", "memory_object_data_supply",
	"memory_object_data_provided", "memory_object_data_return", "memory_object_data_write", "memory_object_synchronize",
	"memory_object_name", "memory_object_copy"}

// TestDialects: the same clients see the same memory, and leave the same with the pager, under every kernel and with
// every way to talk to it.
func TestDialects(t *testing.T) {
	root := t.TempDir()
	var data []byte
	for i := range 24 {
		data = append(data, strings.Repeat(string([]byte{byte(i%250 + 1)}), int(mach.DefaultPageSize))...)
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), data, 0o600))

	newest := "change_attributes data_supply data_return synchronize"
	cmu := "ready data_supply data_return name"
	oldest := "set_attributes data_provided data_write name"
	for _, c := range []struct{ preset, options, object, said string }{
		{"mach", "", "", newest},
		{"osf-manual", "", "", newest},
		{"osf-source", "", "", newest},
		{"cmu-3.0", "", "", cmu},
		{"cmu-3.0", ", oldest_calls = True", "", oldest},
		{"gnumach", "", "", cmu},
		{"gnumach", ", oldest_calls = True", "", cmu},
		{"mach", ", threads = 3", "", newest},
		{"cmu-3.0", `, threads = 3, order = "ordered start"`, "", cmu},
		{"cmu-3.0", "", ", copy_strategy = MEMORY_OBJECT_COPY_CALL", cmu + " copy"},
		{"cmu-3.0", ", oldest_calls = True", ", copy_strategy = MEMORY_OBJECT_COPY_CALL", oldest + " copy"},
		{"gnumach", "", ", copy_strategy = MEMORY_OBJECT_COPY_CALL", cmu + " copy"},
		{"gnumach", "", ", copy_strategy = MEMORY_OBJECT_COPY_NONE", cmu},
		{"mach", "", ", copy_strategy = MEMORY_OBJECT_COPY_NONE", newest},
		{"osf-manual", "", ", precious = True", newest},
		{"cmu-3.0", ", oldest_calls = True", ", precious = True", "set_attributes data_supply data_write name"},
		{"cmu-3.0", "", ", precious = True", cmu},
		{"mach", ", read_ahead = 3, write_back = 5", "", newest},
		{"osf-manual", ", read_ahead = 3, write_back = True", "", newest},
		{"cmu-3.0", ", read_ahead = 3, write_back = True", "", cmu},
		{"cmu-3.0", ", oldest_calls = True, read_ahead = 3, write_back = 2", "", oldest + " data_supply"},
		{"gnumach", ", read_ahead = 7, write_back = 2, threads = 3", "", cmu},
	} {
		for _, setup := range []string{memorySetup, fileSetup} {
			name, options := "memory", c.options
			if setup == memorySetup && strings.Contains(options, "read_ahead") {
				continue
			}
			if setup == fileSetup {
				if strings.Contains(c.object, "precious") {
					continue
				}
				name = "file"
				options += c.object
			}
			t.Run(c.preset+" "+name+options+c.object, func(t *testing.T) {
				setup := strings.NewReplacer("OPTIONS", options, "OBJECT", c.object, "ROOT", root).Replace(setup)
				script, failure := scenario.LoadSource("test.star", []byte(strings.NewReplacer("PRESET", c.preset, "PAGER", setup).Replace(clients)))
				require.Nil(t, failure)
				r := script.Run(scenario.Options{NoGolden: true})
				require.Nil(t, r.Failure, r.Verdict())
				var heard []string
				for _, word := range said {
					if strings.Contains(r.Transcript, word+"(") || strings.Contains(r.Transcript, word+"=") {
						heard = append(heard, word)
					}
				}
				var want []string
				for word := range strings.FieldsSeq(c.said) {
					want = append(want, "memory_object_"+word)
				}
				require.ElementsMatch(t, want, heard)
			})
		}
	}
	require.Len(t, personality.Names(), 5, "every preset is here")
}
