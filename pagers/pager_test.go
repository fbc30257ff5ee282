package pagers_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
	"machvm/test/scenario"
)

// play runs a scenario that must pass, and gives its transcript.
func play(t *testing.T, source string) string {
	t.Helper()
	script, failure := scenario.LoadSource("test.star", []byte(source))
	require.Nil(t, failure)
	r := script.Run(scenario.Options{NoGolden: true})
	require.Nil(t, r.Failure, "%s%s", r.Transcript, r.Verdict())
	return r.Transcript
}

// TestDefaults: Base alone is a manager of zeros, whose pages are forgotten.
func TestDefaults(t *testing.T) {
	play(t, `
k = host("k0")
zeros = pager(k, "zeros")
obj = zeros.object("object")
app = k.task("app")
app.give(obj)

def client(t):
    for i in range(3):
        a = t.vm_map(obj, size = PAGE)
        expect_equal(t.read(a, 3), b"\0\0\0")
        t.write(a, b"abc")
        t.vm_msync(a, PAGE)
        t.vm_deallocate(a, PAGE)

app.thread(client)
run()
expect_messages(obj, 3 * ["memory_object_init", "memory_object_data_request", "memory_object_data_return",
                          "memory_object_synchronize", "memory_object_terminate"])
expect_equal([m.seqno for m in received(obj)], list(range(15)))
expect(not control(obj, 1).alive and not control(obj, 2).alive and not control(obj, 3).alive)
`)
}

// TestEndOfFile: what lies behind the end reads as zeros; the file grows as far as there is something to keep.
func TestEndOfFile(t *testing.T) {
	play(t, `
k = host("k0")
mem = memory_pager(k, "mem")
obj = mem.object("object", data = b"0123456789")
app = k.task("app")
app.give(obj)

def visit(t, at, data):
    a = t.vm_map(obj, size = 4 * PAGE)
    expect_equal(t.read(a, 12), mem.contents(obj)[:10] + b"\0\0")
    expect_equal(t.read(a + 3 * PAGE, 2), b"\0\0")
    t.write(a + at, data)
    t.vm_deallocate(a, 4 * PAGE)
    wait_until(lambda: not control(obj).alive)

def client(t):
    visit(t, 0, b"A")
    expect_equal(mem.contents(obj), b"A123456789")
    visit(t, 20, b"\0\0\0")
    expect_equal(mem.contents(obj), b"A123456789")
    visit(t, 2 * PAGE, b"xy")
    expect_equal(len(mem.contents(obj)), 2 * PAGE + 2)

app.thread(client)
run()
expect_equal(mem.contents(obj)[2 * PAGE:], b"xy")
`)
}

// TestReferences: every message with the control port leaves the manager with as many references as before.
func TestReferences(t *testing.T) {
	play(t, `
k = host("k0")
mem = memory_pager(k, "mem")
obj = mem.object("object", data = pages(b"x", 16 * PAGE), precious = True, may_cache = True)
app = k.task("app")
app.give(obj)

def client(t):
    a = t.vm_map(obj, size = 16 * PAGE)
    for i in range(16):
        t.write(a + i * PAGE, b"y")
    t.vm_msync(a, 16 * PAGE)
    expect_equal(rights(mem, control(obj)).send, 1)
    t.vm_deallocate(a, 16 * PAGE)

app.thread(client)
run()
expect_rights(mem, control(obj), send = 1)
expect_equal(mem.stats().supplied, 16)
expect_equal(mem.stats().uses, 1)
`)
}

// TestForged: a send right for the object is enough to send what looks like the kernel's messages. The pager
// ignores control ports that no init announced, and gives up whatever comes with them.
func TestForged(t *testing.T) {
	play(t, `
k = host("k0")
mem = memory_pager(k, "mem")
obj = mem.object("object", data = b"contents")
app = k.task("app")
app.give(obj)

def forger(t):
    mine = t.mach_port_allocate()
    fake = right(mine, MAKE_SEND)
    def forge(name, **args):
        t.mach_msg_send(message("memory_object_" + name, **args), to = right(obj, COPY_SEND))
    forge("data_request", memory_control = fake, offset = 0, length = PAGE, desired_access = 1)
    forge("data_return", memory_control = fake, offset = 0, data = pages(b"forged"), dirty = True, kernel_copy = False)
    forge("data_unlock", memory_control = fake, offset = 0, length = PAGE, desired_access = 2)
    forge("synchronize", memory_control = fake, offset = 0, length = PAGE, sync_flags = 2)
    forge("data_request", memory_control = None, offset = 0, length = PAGE, desired_access = 1)
    forge("terminate", memory_control = right(t.mach_port_allocate(), MOVE_RECEIVE))
    forge("init", memory_control = None, memory_object_page_size = PAGE)
    forge("init", memory_control = fake, memory_object_page_size = 3)
    t.mach_msg_send(message("4711", data = b"what is this", memory = [b"and this"]), to = obj)
    t.mach_msg_send(message("4711", data = b"x" * (2 << 20)), to = obj)   # more than it receives
    # A kernel that is none: it is served, and it does not hold the pager up.
    other = t.mach_port_allocate()
    forge("init", memory_control = right(other, MAKE_SEND), memory_object_page_size = PAGE)
    for i in range(8):
        forge("data_request", memory_control = right(other, MAKE_SEND), offset = 0, length = PAGE, desired_access = 1)
    a = t.vm_map(obj, size = PAGE)
    expect_equal(t.read(a, 8), b"contents")
    t.vm_deallocate(a, PAGE)

app.thread(forger)
run()
expect_equal(mem.stats().ignored, 8)
expect_equal(mem.contents(obj), b"contents")
expect_equal(mem.stats().failures, 4)                     # four supplies found no room in the queue
# Nothing of the forgeries is left but what came by the init that was believed.
expect_equal(mem.describe().count("SEND+"), 0)
`)
}

// TestDrained: a thread of the pager that waits for an answer from a kernel that is gone gets one.
func TestDrained(t *testing.T) {
	play(t, `
k = host("k0")
mem = memory_pager(k, "mem")
obj = mem.object("object")
app = k.task("app")
app.give(obj)

def client(t):
    t.vm_deallocate(t.vm_map(obj, size = PAGE), PAGE)

def asker(t):
    while len(messages(obj)) < 2:
        t.yield_()
    ctl = received(obj)[0].memory_control
    t.memory_object_lock_request(ctl, 0, PAGE)
    t.memory_object_get_attributes(ctl, expect = KERN_INVALID_ARGUMENT)

app.thread(client)
mem.thread(asker)
run()
expect_messages(obj, ["memory_object_init", "memory_object_terminate"])
expect_equal(mem.stats().drained, 2)
expect(not control(obj).alive)
`)
}

// broken is a store whose files cannot be written.
type broken struct{ *pagers.MemStore }

type brokenFile struct{ pagers.File }

func (b broken) Open(name string) (pagers.File, error) {
	f, err := b.MemStore.Open(name)
	return brokenFile{f}, err
}

func (brokenFile) WriteAt([]byte, int64) (int, error) { return 0, errors.New("disk full") }

// TestWriteFails: a page that could not be stored is an error from then on, and only that page.
func TestWriteFails(t *testing.T) {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{})
	require.NoError(t, err)
	store := broken{pagers.NewMemStore()}
	store.Put("file", make([]byte, 3*mach.DefaultPageSize))
	pager, client := host.NewTask("pager"), host.NewTask("client")
	var files *pagers.FilePager
	pager.Spawn("service", func(th user.Thread) {
		files, _ = pagers.NewFile(th, store, pagers.FileOptions{Attributes: pagers.Attributes{CopyStrategy: mach.CopyDelay}})
		object, err := files.Open(th, "file")
		require.NoError(t, err)
		again, err := files.Open(th, "file")
		require.NoError(t, err)
		require.Equal(t, object, again)
		_, err = files.Open(th, "other")
		require.Error(t, err)
		name, err := client.GiveSend(pager, object)
		require.NoError(t, err)
		client.Spawn("main", func(th user.Thread) {
			visit := func(use func(addr mach.Addr)) {
				var addr mach.Addr
				self, size := user.Self(th), 3*th.PageSize()
				require.Equal(t, mach.KernSuccess, user.VMMap(th, self, &addr, size, 0, true, name, 0, false,
					mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
				use(addr)
				require.Equal(t, mach.KernSuccess, user.VMDeallocate(th, self, addr, size))
			}
			page := mach.Addr(th.PageSize())
			visit(func(addr mach.Addr) { require.NoError(t, th.Store64(addr+page, 1)) })
			visit(func(addr mach.Addr) {
				for i := range mach.Addr(3) {
					_, err := th.Load64(addr + i*page)
					if i == 1 {
						require.ErrorIs(t, err, mach.KernMemoryError)
					} else {
						require.NoError(t, err)
					}
				}
			})
			require.Equal(t, 1, files.Stats().Objects)
		})
		files.Server().Run(th)
	}).SetDaemon(true)
	out := sim.Run()
	require.NoError(t, out.Err, out.Report())
	require.Positive(t, files.Stats().Failures)
}

// TestClose: closing a file is the death of the manager for those who map it.
func TestClose(t *testing.T) {
	play(t, `
k = host("k0")
files = file_pager(k, "pager", root = "../test/scripts/data")
obj = files.open("hello.txt")
app = k.task("app")
app.give(obj)
mapped, closed = event("mapped"), event("closed")

def client(t):
    a = t.vm_map(obj, size = 2 * PAGE)
    t.read(a, 1)
    mapped.set()
    closed.wait()
    t.read(a, 1)
    t.read(a + PAGE, 1, expect = KERN_MEMORY_FAILURE)

def closer(t):
    mapped.wait()
    files.close("hello.txt")
    closed.set()

app.thread(client)
app.thread(closer)
run()
expect_messages(obj, ["memory_object_init", "memory_object_data_request"])
expect(not obj.alive and not control(obj).alive)
expect_equal(files.stats().uses, 0)
`)
}

// TestExamplesAreShort: a pager, with a client and all that is around it, in both forms of handlers, is a page of code.
func TestExamplesAreShort(t *testing.T) {
	for _, name := range []string{"example_test.go", "example_seqnos_test.go", "example_last_unmap_test.go", "example_destroy_test.go"} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Less(t, strings.Count(string(source), "\n"), 100, name)
	}
}
