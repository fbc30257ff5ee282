package pagers_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/test/scenario"
)

// TestPool: several threads at one server handle the messages of each object in order, whoever runs first, and
// nothing is left undone.
func TestPool(t *testing.T) {
	for order, wrong := range map[string]bool{"queued": false, "full serialisation": false, "ordered start": false, "unordered": true} {
		t.Run(order, func(t *testing.T) { pool(t, order, wrong) })
	}
}

// pool plays a scenario under many schedules. If it is to go wrong it does under some. Under ordered start messages
// start in order, but of two that run side by side either may be at its first line first.
func pool(t *testing.T, order string, wrong bool) {
	script, failure := scenario.LoadSource("test.star", []byte(strings.ReplaceAll(`
k = host("k0")
mem = memory_pager(k, "mem", threads = 4, order = "ORDER")
objects = [mem.object("object%d" % i, data = bytes([i]) * 3 * PAGE) for i in range(2)]
apps = [k.task("app%d" % i) for i in range(3)]

def client(t, n, obj):
    for i in range(2):
        a = t.vm_map(obj, size = 3 * PAGE)
        for page in range(3):
            t.write(a + page * PAGE + n, b"x")
        t.vm_deallocate(a, 3 * PAGE)

for n, app in enumerate(apps):
    for obj in objects:
        app.give(obj)
        app.thread(client, n, obj)
run()
for i, obj in enumerate(objects):
    got = received(obj)
    numbers = [m.seqno for m in got]
    expect_equal(sorted(numbers) if "ORDER" == "ordered start" else numbers, list(range(len(got))))
    expect_equal(len(got), len(messages(obj)))
    expect_equal(mem.contents(obj)[2 * PAGE:2 * PAGE + 4], b"xxx" + bytes([i]))
expect_equal(mem.stats().ignored, 0)
expect_equal(mem.stats().uses, 0)
`, "ORDER", order)))
	require.Nil(t, failure)
	busiest := 0
	for seed := range uint64(80) {
		r := script.Run(scenario.Options{NoGolden: true, Chooser: choice.NewRandom(seed), Unchecked: seed > 5})
		if wrong && r.Failure != nil {
			require.Equal(t, scenario.Expectation, r.Failure.Kind, r.Verdict())
			return
		}
		require.Nil(t, r.Failure, "seed %d\n%s%s", seed, r.Transcript, r.Verdict())
		busiest = max(busiest, threadsSeen(r.Transcript))
	}
	require.False(t, wrong, "nothing went wrong")
	require.Equal(t, 4, busiest, "in some run every thread has received something")
}

var servant = regexp.MustCompile(`mem/service\d* <-`)

// threadsSeen is how many service threads have received something.
func threadsSeen(transcript string) int {
	seen := map[string]bool{}
	for _, who := range servant.FindAllString(transcript, -1) {
		seen[who] = true
	}
	return len(seen)
}
