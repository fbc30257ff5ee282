package explore

import (
	"testing"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/test/scenario"
)

// benchFaulters is a manager and two threads of one task that touch the same four pages of its object, which
// is mapped before exploration begins.
func benchFaulters(s *explore.Subject) error {
	st, err := newStage(s, &manager{})
	if err != nil {
		return err
	}
	m, err := st.mapper("a", 4)
	if err != nil {
		return err
	}
	for _, name := range []string{"one", "two"} {
		m.task.Spawn(name, func(t user.Thread) {
			for addr := m.addr; addr < m.addr+mach.Addr(m.size); addr += mach.Addr(t.PageSize()) {
				load(t, addr)
			}
		})
	}
	return nil
}

// BenchmarkExploreTwoFaulters explores benchFaulters by random schedules: whole executions, each on a machine of its
// own, and steps of the scheduler, those of setting up included.
func BenchmarkExploreTwoFaulters(b *testing.B) {
	b.ReportAllocs()
	run := explore.Simulation(kernel.Config{}, benchFaulters)
	var spares kernel.Spares
	defer spares.Close()
	steps := uint64(0)
	for i := range b.N {
		r := run(explore.NewExecution(choice.NewRandom(uint64(i)), &spares))
		if r.Failure != nil {
			b.Fatal(r.Failure)
		}
		steps += r.Steps
	}
	b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}

// benchScript is benchFaulters in Starlark, whose manager keeps its pages in Go.
const benchScript = `
k = host("k0")
files = memory_pager(k, "pager")
obj = files.object("four", data = bytes("x" * (4 * PAGE)))
app = k.task("app")
app.give(obj)
at = []

def mapper(t):
    at.append(t.vm_map(obj, size = 4 * PAGE))

app.thread(mapper)
run()

def reader(t):
    for i in range(4):
        t.read(at[0] + i * PAGE, 8)

app.thread(reader, name = "one")
app.thread(reader, name = "two")
run()
`

// BenchmarkExploreScript is BenchmarkExploreTwoFaulters with a script.
func BenchmarkExploreScript(b *testing.B) {
	b.ReportAllocs()
	script, failure := scenario.LoadSource("bench.star", []byte(benchScript))
	if failure != nil {
		b.Fatal(failure)
	}
	var spares kernel.Spares
	defer spares.Close()
	steps := uint64(0)
	for i := range b.N {
		r := script.Run(scenario.Options{NoGolden: true, Unchecked: true, Chooser: choice.NewRandom(uint64(i)), Spares: &spares})
		if !r.Passed() {
			b.Fatal(r.Failure)
		}
		steps += r.Steps
	}
	b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}
