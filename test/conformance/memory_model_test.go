package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/test/rows"
	"machvm/test/scenario"
)

var (
	memoryPrograms = flag.Int("machvm.memory.programs", 1000, "random programs that are compared with the reference model of memory")
	memoryOps      = flag.Int("machvm.memory.ops", 40, "operations of each such program")
	memorySeed     = flag.Uint64("machvm.memory.seed", 1, "number of the first such program")
)

// memoryProgram is the random program with a number.
func memoryProgram(number uint64, ops int) rows.Program {
	r := choice.Rand(number << 20)
	return rows.Draw(&r, ops)
}

// TestMemoryModel runs random programs of maps, stores, copies, forks, protections, inheritances, out-of-line sends and
// unmaps over several tasks, with managers that clean and flush and pages that are thrown out meanwhile, and compares every
// return code and every byte with the reference model. What fails is made as short as possible and printed as a script.
func TestMemoryModel(t *testing.T) {
	programs := *memoryPrograms
	if testing.Short() {
		programs /= 10
	}
	const workers = 4
	var failed atomic.Bool // one failure is enough to make shorter
	for i := range workers {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			var spares kernel.Spares
			defer spares.Close()
			for n := i; n < programs && !failed.Load(); n += workers {
				number := *memorySeed + uint64(n)
				p := memoryProgram(number, *memoryOps)
				if err := p.Run(&spares); err != nil && !failed.Swap(true) {
					t.Fatalf("program %d: %v\n%s", number, err, report(t, p, &spares))
				}
			}
		})
	}
}

// shrinkMemoryRuns is how often a failing program is run at most to make it shorter.
const shrinkMemoryRuns = 5_000

// report is a failing program made shorter, as a script, and what comes of that.
func report(t *testing.T, p rows.Program, spares *kernel.Spares) string {
	t.Helper()
	p = p.Shrunk(func(q rows.Program) bool { return q.Run(spares) != nil }, shrinkMemoryRuns)
	err := p.Run(spares)
	title := fmt.Sprintf("%d steps; save this as x.star and see with: machvm run x.star\n%v", len(p.Steps), err)
	if p.Setup.Schedule != 0 {
		title += "\nit takes another schedule than the first; look for one with: machvm explore x.star"
	}
	text := p.Scenario(title)
	return fmt.Sprintf("the shortest program found: %v\n%s\n%s", err, text, runText(t, text).Verdict())
}

// runText runs a script given as text.
func runText(t *testing.T, text string) scenario.Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.star")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return scenario.Run(path, scenario.Options{NoGolden: true})
}

// expectation is what a line of such a script expects: a code, or that nothing differs.
var expectation = regexp.MustCompile(`expect = [A-Z_]+|, None\)`)

// TestMemoryModelScripts: the script of a program passes as the program does, and says what the reference says: it
// fails at the line where that is changed.
func TestMemoryModelScripts(t *testing.T) {
	programs := 50
	if testing.Short() {
		programs = 5
	}
	var spares kernel.Spares
	defer spares.Close()
	for n := range programs {
		p := memoryProgram(uint64(n+1), 30)
		require.NoError(t, p.Run(&spares))
		text := p.Scenario(fmt.Sprint("program ", n+1))
		r := runText(t, text)
		require.True(t, r.Passed(), "%s\n%s", text, r.Verdict())

		lines := strings.Split(text, "\n")
		start := 0
		for i, l := range lines {
			if strings.HasPrefix(l, "adopt(") {
				start = i + 1
			}
		}
		// Another expectation in every program.
		var candidates []int
		for i := start; i < len(lines); i++ {
			if expectation.MatchString(lines[i]) {
				candidates = append(candidates, i)
			}
		}
		require.NotEmpty(t, candidates)
		at := candidates[n*7%len(candidates)]
		lines[at] = expectation.ReplaceAllStringFunc(lines[at], func(s string) string {
			if strings.HasPrefix(s, "expect") {
				return "expect = KERN_ABORTED"
			}
			return ", 0)"
		})
		r = runText(t, strings.Join(lines, "\n"))
		require.False(t, r.Passed(), lines[at])
		require.Equal(t, scenario.ExitFail, r.ExitCode(), lines[at])
		require.Contains(t, r.Failure.At, fmt.Sprintf("x.star:%d", at+1), r.Verdict())
	}
}

// FuzzMemoryProgram takes a program's choices from the fuzzer.
func FuzzMemoryProgram(f *testing.F) {
	// The fuzzer would spend its time on making inputs shorter byte by byte; programs know better how.
	require.NoError(f, flag.Set("test.fuzzminimizetime", "1x"))
	for seed := range uint64(20) {
		r := choice.Rand(seed)
		b := make([]byte, 1000)
		for i := range b {
			b[i] = byte(r.Intn(256))
		}
		f.Add(b)
	}
	var spares kernel.Spares
	f.Cleanup(spares.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		source := rows.Bytes(data)
		p := rows.Draw(&source, min(len(data)/16, 60))
		if err := p.Run(&spares); err != nil {
			t.Fatalf("%v\n%s", err, report(t, p, &spares))
		}
	})
}
