package scenario_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// play runs a script given as text, which must pass.
func play(t *testing.T, source string) scenario.Result {
	t.Helper()
	r := attempt(t, source)
	require.Nil(t, r.Failure, "%s%s", r.Transcript, r.Verdict())
	return r
}

func attempt(t *testing.T, source string) scenario.Result {
	t.Helper()
	script, failure := scenario.LoadSource("test.star", []byte(source))
	require.Nil(t, failure)
	return script.Run(scenario.Options{NoGolden: true})
}

const oneTask = `
k = host("k0")
app = k.task("app")
def go(fn):
    app.thread(fn)
    run()
`

// TestMemoryCalls: the vm calls by their own names, with defaults, and with the codes they fail with.
func TestMemoryCalls(t *testing.T) {
	play(t, oneTask+`
def client(t):
    a = t.vm_allocate(4 * PAGE)
    t.write(a, b"one")
    t.write(a + PAGE, pages("two"))
    t.vm_allocate(PAGE, address = a, expect = KERN_NO_SPACE)
    t.vm_allocate(PAGE, a, expect = [KERN_NO_SPACE, KERN_INVALID_ADDRESS])
    expect_code(t.vm_allocate(PAGE, a, expect = ANY), KERN_NO_SPACE)

    t.vm_protect(a, PAGE, VM_PROT_READ)
    t.write(a, b"no", expect = KERN_PROTECTION_FAILURE)
    expect_equal(t.read(a, 3), b"one")
    t.vm_protect(a, PAGE, VM_PROT_DEFAULT)

    r = t.vm_region(a)
    expect_equal(r.address, a)
    expect_equal(r.protection, VM_PROT_DEFAULT)
    t.vm_inherit(a, PAGE, VM_INHERIT_NONE)
    expect_equal(t.vm_region(a).inheritance, VM_INHERIT_NONE)
    t.vm_behavior_set(a, PAGE, VM_BEHAVIOR_RANDOM)

    t.vm_copy(a + PAGE, PAGE, a + 2 * PAGE)
    expect_equal(t.read(a + 2 * PAGE, 3), b"two")
    data = t.vm_read(a + PAGE, PAGE)
    expect_equal(data.size, PAGE)
    expect_equal(t.read(data.address, 3), b"two")
    t.vm_deallocate(data.address, data.size)
    t.vm_write(a + 3 * PAGE, pages(b"written"))
    expect_equal(t.read(a + 3 * PAGE, 7), b"written")

    b = t.vm_remap(a + PAGE, PAGE)
    t.write(b.target_address, b"TWO")
    expect_equal(t.read(a + PAGE, 3), b"TWO")

    t.vm_deallocate(a, 4 * PAGE)
    t.read(a, 1, expect = KERN_INVALID_ADDRESS)
    t.touch(a, expect = KERN_INVALID_ADDRESS)
    t.vm_map(None, size = PAGE)
thread = app.thread(client)
run()
expect_exception(thread, KERN_PROTECTION_FAILURE)
expect_exception(thread, KERN_INVALID_ADDRESS)
`)
}

// TestWire: calls on the privileged host port need the right.
func TestWire(t *testing.T) {
	play(t, oneTask+`
def client(t):
    a = t.vm_allocate(PAGE)
    t.vm_wire(a, PAGE)
    expect_equal(t.vm_region(a).user_wired_count, 1)
app.give_host_priv()
go(client)
`)
	r := attempt(t, oneTask+"def client(t):\n    t.vm_wire(t.vm_allocate(PAGE), PAGE)\ngo(client)\n")
	require.Equal(t, scenario.ExitUsage, r.ExitCode())
	require.Contains(t, r.Verdict(), "host_priv")
}

// TestPortCalls: names, rights, sets and notifications.
func TestPortCalls(t *testing.T) {
	play(t, oneTask+`
def client(t):
    p = t.mach_port_allocate(RECEIVE)
    t.mach_port_insert_right(p, right(p, MAKE_SEND))
    expect_equal(t.mach_port_type(p), MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_RECEIVE)
    expect_equal(t.mach_port_get_refs(p, SEND), 1)
    t.mach_port_mod_refs(p, SEND, 2)
    expect_rights(app, p, receive = True, send = 3)
    t.mach_port_deallocate(p)
    expect_equal(rights(app, p).send, 2)
    s = t.mach_port_allocate(PORT_SET)
    t.mach_port_move_member(p, s)
    expect_equal(t.mach_port_get_set_status(s), [p])
    t.mach_port_move_member(p, MACH_PORT_NULL)
    t.mach_port_set_attributes(p, port_info = [2])
    status = t.mach_port_get_attributes(p)
    expect_equal(status.qlimit, 2)
    t.mach_port_rename(p, 0x4242)
    expect(0x4242 in t.mach_port_names().names)
    t.mach_port_deallocate(0x1234567, expect = KERN_INVALID_NAME)

    n = t.mach_port_allocate(RECEIVE)
    t.mach_port_request_notification(0x4242, MACH_NOTIFY_DEAD_NAME, 0, n)
    t.mach_port_mod_refs(0x4242, RECEIVE, -1)
    m = t.mach_msg_receive(n)
    expect_equal(m.name, "mach_notify_dead_name")
    expect_equal(m.args.name, 0x4242)
    expect_rights(app, 0x4242, dead = 3)
    t.mach_port_destroy(0x4242)
    expect_equal(t.mach_msg_receive(n, timeout = 0), None)
    t.mach_msg_receive(n, timeout = 0, expect = MACH_RCV_TIMED_OUT)
go(client)
`)
}

// TestMessages: messages between tasks, typed by a row or free, with rights and memory in them.
func TestMessages(t *testing.T) {
	play(t, `
k = host("k0")
server, client = k.task("server"), k.task("client")
box = {}

def serve(t):
    p = t.mach_port_allocate()
    box["port"] = server.port(p, "service")
    client.give(box["port"])
    m = t.mach_msg_receive(p)
    expect_equal(m.id, 4711)
    expect_equal(m.body[:5], b"hello")
    expect_equal(m.seqno, 0)
    free = m
    t.mach_msg_destroy(free)

    q = t.mach_msg_receive(p)
    expect_equal(q.name, "memory_object_data_return")
    expect_equal(t.read(q.data.address, 4), b"data")
    expect_equal(q.rights.memory_control, SEND)
    expect(q.dirty and not q.kernel_copy)
    t.mach_msg_destroy(q)

    g = t.mach_msg_receive(p)
    expect_equal(g.flavor, MEMORY_OBJECT_ATTRIBUTE_INFO)
    t.reply(g, attributes = [2, 4096, 0, 1])
    g = t.mach_msg_receive(p)
    t.reply(g, KERN_INVALID_ARGUMENT)
    for i in range(2):
        late = t.mach_msg_receive(p)
        expect_equal(late.seqno, 4 + i)
        t.mach_msg_destroy(late)

def speak(t):
    wait_until(lambda: "port" in box)
    service = box["port"]
    mine = t.mach_port_allocate()
    t.mach_msg_send(message("4711", data = b"hello", ports = [right(mine, MAKE_SEND)], memory = [b"some bytes"]), to = service)
    t.mach_msg_send(message("memory_object_data_return", memory_control = right(mine, MAKE_SEND), offset = 0,
                            data = b"data", dirty = True, kernel_copy = False), to = service)
    # Two client calls that another program serves.
    expect_equal(t.memory_object_get_attributes(service), [2, 4096, 0, 1])
    t.memory_object_get_attributes(service, expect = KERN_INVALID_ARGUMENT)
    t.mach_msg_send(message("1"), to = service)
    t.mach_msg_send(message("2"), to = service)

server.thread(serve)
client.thread(speak)
run()
expect_equal([m.name for m in messages(box["port"])][1:4],
             ["memory_object_data_return", "memory_object_get_attributes", "memory_object_get_attributes"])
`)
}

// TestGiveBack: a message that could not be sent comes back if the script wants it, and can be sent again; the
// rights in a message without a row are known by kind; a call whose body was refused does not spoil the next.
func TestGiveBack(t *testing.T) {
	play(t, `
k = host("k0")
app = k.task("app")
def client(t):
    p, q = t.mach_port_allocate(), t.mach_port_allocate()
    t.mach_port_set_attributes(p, port_info = [0])
    t.mach_port_insert_right(p, right(p, MAKE_SEND))
    def go(**how):
        return t.mach_msg_send(message("1", data = b"four", ports = [right(q, MOVE_RECEIVE), right(q, MAKE_SEND_ONCE)]), to = p, **how)
    go(timeout = 0, expect = MACH_SEND_INVALID_RIGHT)      # q is gone when the second right is made
    q = t.mach_port_allocate()
    t.mach_port_insert_right(q, right(q, MAKE_SEND))
    m = t.mach_msg_send(message("1", data = b"four", ports = [right(q, MAKE_SEND_ONCE), right(q, MOVE_RECEIVE), None]), to = p,
                        reply_port = q, timeout = 0, give_back = True)
    expect_equal([m.destination, m.kinds, m.ports[1:], m.body], [p, [SEND_ONCE, RECEIVE, SEND], [q, MACH_PORT_NULL], b"four"])
    expect_rights(app, m.reply_port, send_once = 1)
    t.mach_port_set_attributes(p, port_info = [1])
    expect_equal(t.mach_msg_send(m, timeout = 0, give_back = True), None)
    again = t.mach_msg_receive(p)
    expect_equal([again.id, again.kinds, again.local_port, again.body], [1, [SEND_ONCE, RECEIVE, SEND], p, b"four"])
    t.mach_port_insert_right(0x9999, right(0x4242, COPY_SEND), expect = MACH_SEND_INVALID_RIGHT)
    t.mach_port_type(0x9999, expect = KERN_INVALID_NAME)
    t.mach_port_type(p)
app.thread(client)
run()
`)
}

// TestWaiting: events, barriers, conditions, virtual time, and threads that end by other hands.
func TestWaiting(t *testing.T) {
	play(t, `
k = host("k0")
app = k.task("app")
log = []
go, meet = event("go"), barrier(3)

def waiter(t, name):
    meet.wait()
    go.wait()
    log.append(name)
    wait_until(lambda: len(log) >= 3)
    log.append(name + " again")

def starter(t):
    t.sleep(5)
    meet.wait()
    log.append("start")
    t.yield_()
    go.set()

app.thread(waiter, "a")
app.thread(waiter, "b", name = "second")
app.thread(starter)
run()
expect_equal(log, ["start", "a", "b", "b again", "a again"])

def never(t):
    event("nothing").wait()

stuck = app.thread(never)
run(stuck = [stuck])
def behind(t):
    wait_until(lambda: False)
other = app.thread(behind)
run(stuck = [stuck, other])
kill(app)
run()
expect(not app.alive and stuck.done and other.done)
`)
}

// TestSchedule: a rule lets a thread run at a preemption point, where it would otherwise have come later.
func TestSchedule(t *testing.T) {
	const source = `
k = host("k0")
zeros = memory_pager(k, "pager")
obj = zeros.object("object", data = b"contents")
app = k.task("app")
app.give(obj)
log = []

def client(t):
    a = t.vm_map(obj, size = PAGE)
    log.append(t.read(a, 8))
    t.vm_deallocate(a, PAGE)
    t.vm_allocate(PAGE)
    log.append("client")

def other(t):
    wait_until(lambda: len(log) >= 1)
    log.append("other")

def setup():
    app.thread(client)
    app.thread(other)
    run()
    expect_equal(zeros.stats().supplied, 1)
    expect_equal(zeros.contents(obj), b"contents")
`
	play(t, source+"setup()\nexpect_equal(log, [b'contents', 'client', 'other'])\n")
	play(t, source+"schedule(at = 'association-broken', run = 'app/other')\nsetup()\nexpect_equal(log, [b'contents', 'other', 'client'])\n")
}

// TestPersonalities: one script under every preset: calls have the numbers of the host's message set.
func TestPersonalities(t *testing.T) {
	for _, preset := range []string{"mach", "osf-manual", "osf-source", "cmu-3.0", "gnumach"} {
		t.Run(preset, func(t *testing.T) {
			play(t, `
k = host("k0", personality = "`+preset+`", frames = 256)
def data_request(t, m):
    t.memory_object_data_supply(m.memory_control, m.offset, pages(b"page"))
manager = pager(k, "manager", data_request = data_request)
zeros = memory_pager(k, "zeros")
app = k.task("app")
objects = [manager.object("one"), zeros.object("two", data = b"page")]
for obj in objects:
    app.give(obj)

def client(t):
    for obj in objects:
        a = t.vm_map(obj, size = PAGE)
        expect_equal(t.read(a, 4), b"page")
        t.write(a, b"more")
        t.vm_deallocate(a, PAGE)

app.thread(client)
run()
for obj in objects:
    expect_messages(obj, ["memory_object_init", "memory_object_data_request", "memory_object_data_return", "memory_object_terminate"])
expect_equal(zeros.contents(objects[1])[:4], b"more")
`)
		})
	}
}

// TestInspection: what a script can see of the machine.
func TestInspection(t *testing.T) {
	r := play(t, `
k = host("k0")
zeros = memory_pager(k, "pager")
obj = zeros.object("object", may_cache = True, precious = True)
app = k.task("app")
name = app.give(obj)
expect_equal(inspect(obj), None)
expect_equal(obj.srights, 1)

def client(t):
    a = t.vm_map(obj, size = 2 * PAGE)
    t.write(a, b"x")
    o = inspect(obj)
    expect_equal((o.phase, o.references, o.mappings, o.resident), ("ACTIVE", 1, 1, 1))
    expect(o.pages[0].dirty and not o.pages[0].busy)
    expect("object" in k.describe() and "map of task" in app.describe())
    print("seen", len(received(obj)))
    t.mach_port_deallocate(name)

app.thread(client)
run()
expect_rights(app, obj)
expect_equal(rights(app, control(obj)).send, 0)
`)
	require.Contains(t, r.Transcript, "// seen 2")
}

// TestOwnMemory: a message takes memory of the sender's own along, copied or moved.
func TestOwnMemory(t *testing.T) {
	play(t, oneTask+`
def client(t):
    port = t.mach_port_allocate()
    t.mach_port_insert_right(port, right(port, MAKE_SEND))
    a = t.vm_allocate(2 * PAGE)
    t.write(a, pages("first") + b"second")
    t.mach_msg_send(message("4711", memory = [region(a, PAGE + 6)]), to = port)
    t.write(a, b"later")
    got = t.mach_msg_receive(port).memory[0]
    expect_equal(got.size, PAGE + 6)
    expect_equal(t.read(got.address, 5), b"first")
    expect_equal(t.read(got.address + PAGE, 6), b"second")
    t.mach_msg_send(message("4711", memory = [region(a + 1, 3, deallocate = True, physical = True)]), to = port)
    t.read(a, 1, expect = KERN_INVALID_ADDRESS)
    expect_equal(t.read(t.mach_msg_receive(port).memory[0].address, 3), b"ate")
    t.mach_msg_send(message("4711", memory = [region(64 * PAGE, 1)]), to = port, expect = MACH_SEND_INVALID_MEMORY)
    t.vm_write(got.address, region(a + PAGE, 6))
    expect_equal(t.read(got.address, 6), b"second")
go(client)
`)
}

// TestPaging: memory goes to the default manager and comes back, and a page without write permission gets it when
// somebody asks.
func TestPaging(t *testing.T) {
	play(t, `
k = host("k0", page_size = 512)
d = default_pager(k, "paging", pages = 16, cluster = 1024)
m = memory_pager(k, "files")
o = m.object("object", data = b"abc", lock = VM_PROT_WRITE)
app = k.task("app")
app.give(o)
where = []
def store(t):
    where.append(t.vm_allocate(1024))
    t.write(where[0], b"one")
    where.append(t.vm_map(o, size = 512))
    expect_equal(t.read(where[1], 3), b"abc")
    t.write(where[1], b"A")
app.thread(store)
run()
expect_messages(o, ["memory_object_init", "memory_object_data_request", "memory_object_data_unlock"])
k.evict(100)
run()
expect_equal(m.contents(o), b"Abc")
def look(t):
    expect_equal(t.read(where[0], 3), b"one")
    expect_equal(t.read(where[1], 3), b"Abc")
app.thread(look)
run()
`)
}
