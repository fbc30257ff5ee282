package pagers_test

import (
	"strings"
	"testing"
)

// TestFaultyDefaultPager: programs whose own memory is with a manager that goes wrong.
func TestFaultyDefaultPager(t *testing.T) {
	for faults, script := range map[string]string{
		`late = True, duplicated = {"on": "data_supply", "skip": 0}`: `expect_equal([t.read(a + i * PAGE, 1) for i in range(8)], want)`,
		`duplicated = True`:               `expect_equal([t.read(a + i * PAGE, 1) for i in range(8)], want)`,
		`reordered = True`:                `expect_equal([t.read(a + i * PAGE, 1) for i in range(8)], want)`,
		`reordered = {"delay": 3}`:        `expect_equal([t.read(a + i * PAGE, 1) for i in range(8)], want)`,
		`wrong_error = 1`:                 "t.read(a, 1, expect = KERN_MEMORY_ERROR)\n    expect_equal(t.read(a, 1), want[0])",
		`wrong_data = 1`:                  "expect(t.read(a, 1) != want[0])\n    expect_equal(t.read(a + 7 * PAGE, 1), want[7])",
		`dying = True`:                    "t.read(a, 1, expect = KERN_MEMORY_FAILURE)\n    t.write(t.vm_allocate(PAGE), b\"x\")",
		`dying = {"skip": 100}, late = 1`: `expect_equal([t.read(a + i * PAGE, 1) for i in range(8)], want)`,
	} {
		t.Run(faults, func(t *testing.T) {
			play(t, strings.NewReplacer("FAULTS", faults, "SCRIPT", script).Replace(`
k = host("k0", frames = 128)
dp = default_pager(k, "dp", pages = 64)
app = k.task("app")
want = [bytes([i + 1]) for i in range(8)]
def client(t):
    a = t.vm_allocate(8 * PAGE)
    for i in range(8):
        t.write(a + i * PAGE, bytes([i + 1]))
    k.evict(8)
    t.sleep(1)
    SCRIPT
faulty(dp, FAULTS)
app.thread(client)
run()
expect(len(dp.injected()) > 0 or not dp.alive)
`))
		})
	}
}

// TestFaultySharing: what is late or said twice does not make shared memory inconsistent.
func TestFaultySharing(t *testing.T) {
	for _, scheme := range []string{"central", "distributed"} {
		for _, faults := range []string{"late = True", `duplicated = "data_supply"`, `late = "lock_request"`} {
			t.Run(scheme+" "+faults, func(t *testing.T) {
				play(t, strings.NewReplacer("SCHEME", scheme, "FAULTS", faults).Replace(`
k1, k2 = host("k1"), host("k2")
shared = coherent(k1, k2, name = "shared", scheme = "SCHEME")
a1, a2 = k1.task("a1"), k2.task("a2")
a1.give(shared.object(k1))
a2.give(shared.object(k2))
state = {"turn": a1}
servers = [shared.server(k1)] if "SCHEME" == "central" else [shared.server(k1), shared.server(k2)]
for s in servers:
    faulty(s, FAULTS)

def player(t, me, k, other, first):
    a = t.vm_map(shared.object(k), size = PAGE)
    for ball in range(first, first + 6, 2):
        wait_until(lambda: state["turn"] == me)
        expect_equal(t.read(a, 1), bytes([ball]))
        t.write(a, bytes([ball + 1]))
        state["turn"] = other

a1.thread(player, a1, k1, a2, 0)
a2.thread(player, a2, k2, a1, 1)
run()
expect(len(servers[0].injected()) > 0)
`))
			})
		}
	}
}
