package pagers_test

import "testing"

// TestCoherentForged: a send right for the object is enough to send what looks like the messages of kernels and of other
// servers. What names nobody, or the server itself, or no page, is ignored and given up, and the object goes on.
func TestCoherentForged(t *testing.T) {
	play(t, `
k = host("k0")
shared = coherent(k, name = "shared", scheme = "distributed", size = 2 * PAGE)
obj = shared.object(k)
app = k.task("app")
app.give(obj)

def forger(t):
    a = t.vm_map(obj, size = 2 * PAGE)
    t.write(a, b"mine")
    mine = t.mach_port_allocate()
    page = {"data": pages(b"forged")}
    for off in (0, PAGE, 2 * PAGE, 1 << 62):
        for who in (None, right(obj, COPY_SEND)):
            def forge(name, **args):
                t.mach_msg_send(message("coherent_" + name, offset = off, **args), to = right(obj, COPY_SEND))
            forge("request", requester = who, write = True)
            forge("request", requester = who, write = False)
            forge("provide", sender = who, data = pages(b"forged"), owner = True)
            forge("provide", sender = who, data = pages(b"forged"), owner = False)
            forge("grant", sender = who)
            forge("invalidate", sender = who, owner = who)
            forge("invalidated", sender = who)
            forge("lost", sender = who)
            t.mach_msg_send(message("coherent_join", server = who), to = right(obj, COPY_SEND))
    fake = right(mine, MAKE_SEND)
    for name in ("data_request", "data_unlock"):
        t.mach_msg_send(message("memory_object_" + name, memory_control = fake, offset = 0, length = PAGE, desired_access = 3), to = right(obj, COPY_SEND))
    t.mach_msg_send(message("memory_object_lock_completed", memory_control = fake, offset = 0, length = PAGE), to = right(obj, COPY_SEND))
    t.mach_msg_send(message("memory_object_terminate", memory_control = right(t.mach_port_allocate(), MOVE_RECEIVE)), to = right(obj, COPY_SEND))
    t.coherent_replicate(object = obj, replica = None, expect = KERN_INVALID_ARGUMENT)
    t.mach_msg_send(message("4711", data = b"what is this"), to = right(obj, COPY_SEND))
    expect_equal(t.read(a, 4), b"mine")
    t.write(a + PAGE, b"and mine")
    t.vm_deallocate(a, 2 * PAGE)
    b = t.vm_map(obj, size = 2 * PAGE)
    expect_equal(t.read(b, 4) + t.read(b + PAGE, 8), b"mineand mine")

app.thread(forger)
run()
s = shared.stats()
expect(s.ignored >= 60)
expect_equal([s.requests, s.forwarded, s.lost], [0, 0, 0])
`)
}

// TestCoherentReferences: however often a page goes to and fro, a server keeps one reference of each control port and of
// each other server.
func TestCoherentReferences(t *testing.T) {
	play(t, `
k1, k2, k3 = host("k1"), host("k2"), host("k3")
shared = coherent(k1, k2, k3, name = "shared", scheme = "distributed", size = PAGE)
tasks = [k.task("on " + k.name) for k in (k1, k2, k3)]
turn = {"n": 0}

def storer(t, k, i):
    a = t.vm_map(shared.object(k), size = PAGE)
    for n in range(4):
        wait_until(lambda: turn["n"] == 3 * n + i)
        t.read(a, 1)
        t.write(a, bytes([n]))
        turn["n"] += 1

for i in range(3):
    k = (k1, k2, k3)[i]
    tasks[i].give(shared.object(k))
    tasks[i].thread(storer, k, i)
run()
for k in (k1, k2, k3):
    server = shared.server(k)
    for other in (k1, k2, k3):
        expect_equal(rights(server, shared.object(other)).send, 1)
    expect_rights(server, control(shared.object(k)), send = 1)
`)
}
