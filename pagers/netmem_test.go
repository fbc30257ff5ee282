package pagers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/pagers"
)

// TestNetmemStates: the state machine has the states and the arcs of the guide's figure 3.
func TestNetmemStates(t *testing.T) {
	states, ids := map[pagers.NetmemState]bool{}, map[string]bool{}
	for _, a := range pagers.NetmemArcs() {
		if a.ID != "" {
			states[a.From], states[a.To] = true, true
			require.False(t, ids[a.ID], a.ID)
			ids[a.ID] = true
		}
	}
	require.Len(t, states, 6)
	require.Len(t, ids, 10)
}

// TestNetmemFirstAccess: memory of a page that nobody has put anything in is zeros, by data_unavailable.
func TestNetmemFirstAccess(t *testing.T) {
	play(t, `
k = host("k0")
net = netmem_pager(k, "net")
obj = net.object("page")
app = k.task("app")
app.give(obj)

def client(t):
    a = t.vm_map(obj, size = PAGE)
    expect_equal(t.read(a, 2), b"\0\0")
    expect_equal(net.state(obj), "KERNEL_WRITE")
    t.write(a, b"\1")
    expect_equal(t.netmem_get(obj), 1)
    t.netmem_get(obj, 4, expect = KERN_INVALID_ARGUMENT)
    t.netmem_put(obj, PAGE, 1, expect = KERN_INVALID_ARGUMENT)
    t.vm_deallocate(a, PAGE)

app.thread(client)
run()
expect_equal(net.taken(), ["SWG-3.2", "SWG-3.8", "SWG-3.9"])
expect_equal(net.state(obj), "SERVER_WRITE")
`)
}

// TestNetmemDeferred: what comes during a flush is served afterwards, in the order in which it came: the puts of two
// programs, and the request of the kernel that has just lost the page. No page, no trace of one.
func TestNetmemDeferred(t *testing.T) {
	play(t, `
k = host("k0")
net = netmem_pager(k, "net")
obj = net.object("page")
app, other = k.task("app"), k.task("other")
app.give(obj)
other.give(obj)

def nothing(t):
    t.vm_deallocate(t.vm_map(obj, size = PAGE), PAGE)

app.thread(nothing)
run()
expect_equal(net.state(obj), "NONE")

where = {}

def mapper(t):
    where["a"] = t.vm_map(obj, size = PAGE)
    for i in range(20):
        t.write(where["a"] + 8, bytes([i]))
        t.yield_()

def putter(t, off):
    wait_until(lambda: "a" in where)
    for i in range(20):
        t.netmem_put(obj, off, i)
        expect_equal(t.netmem_get(obj, off), i)

app.thread(mapper)
other.thread(putter, 16)
other.thread(putter, 24)
run()
kill(app)
run()
expect_equal(net.state(obj), "SERVER_WRITE")

def reader(t):
    expect_equal([t.netmem_get(obj, off) for off in (8, 16, 24)], [19, 19, 19])

other.thread(reader)
run()
`)
}

// TestNetmemEnd: a kernel on another host gives the page up while the flush that a program waits for is on its way to
// it. No completion comes, and the program is served all the same.
func TestNetmemEnd(t *testing.T) {
	play(t, `
k0, k1 = host("k0"), host("k1")
net = netmem_pager(k0, "net")
obj = net.object("page")
app, other = k1.task("app"), k0.task("other")
app.give(obj)
other.give(obj)
where = {}

def mapper(t):
    where["a"] = t.vm_map(obj, size = PAGE)
    t.write(where["a"], b"\7")
    wait_until(lambda: net.state(obj) == "FLUSHING")
    t.vm_deallocate(where["a"], PAGE)

def putter(t):
    wait_until(lambda: net.state(obj) == "KERNEL_WRITE")
    t.netmem_put(obj, 8, 5)
    expect_equal(t.netmem_get(obj), 7)
    expect_equal(t.netmem_get(obj, 8), 5)

app.thread(mapper)
other.thread(putter)
run()
expect_equal(net.state(obj), "SERVER_WRITE")
expect_equal(messages(obj)[-1].name, "netmem_get")
expect_equal([m.name for m in messages(obj) if m.name == "memory_object_lock_completed"], [])
`)
}

// TestNetmemCrossing: a kernel has dropped the page and asks for it again while the pager asks it to flush. The request would
// not be repeated: it is served afterwards (SW-4).
func TestNetmemCrossing(t *testing.T) {
	play(t, `
k0, k1 = host("k0"), host("k1")
net = netmem_pager(k0, "net")
obj = net.object("page")
app, other = k1.task("app"), k0.task("other")
app.give(obj)
other.give(obj)
where = {}

def first(t):
    t.netmem_put(obj, 0, 4)

def mapper(t):
    where["a"] = t.vm_map(obj, size = PAGE)
    expect_equal(t.read(where["a"], 1), b"\4")

other.thread(first)
run()
app.thread(mapper)
run()
expect_equal(net.state(obj), "READ")

def putter(t):
    t.netmem_put(obj, 0, 5)

def reader(t):
    expect_equal(t.read(where["a"], 1), b"\5")

k1.evict(1)
app.thread(reader)
other.thread(putter)
run()
names = [m.name for m in messages(obj)]
expect_equal(names[-3:], ["memory_object_data_request", "netmem_put", "memory_object_lock_completed"])
`)
}
