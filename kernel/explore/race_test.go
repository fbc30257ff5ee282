package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/sched"
)

// act is one step of a random program: it reads or writes one thing, or waits until somebody has written it.
type act struct {
	thing uint64
	write bool
	wait  bool
}

func (a act) String() string {
	return fmt.Sprintf("%s%d", map[[2]bool]string{{false, false}: "r", {true, false}: "w", {false, true}: "?"}[[2]bool{a.write, a.wait}], a.thing)
}

// randomActs are the programs of two or three threads.
func randomActs(r *choice.Rand) [][]act {
	programs := make([][]act, 2+r.Intn(2))
	for i := range programs {
		for range 1 + r.Intn(6-len(programs)) {
			a := act{thing: uint64(1 + r.Intn(3)), write: r.Intn(2) == 0}
			a.wait = !a.write && r.Intn(3) == 0
			programs[i] = append(programs[i], a)
		}
	}
	return programs
}

// acting runs the programs. What it ends with is the class of the execution: for everything the order in which it was
// written, and who read between, without their order. Two executions are of one class if they differ in the order of
// steps that commute and in nothing else.
func acting(programs [][]act) Run {
	return toy(func(s *sched.Scheduler, log func(string)) func() *Failure {
		var access [4]strings.Builder
		var readers [4][]string
		var written [4]bool
		var queues [4]sched.Queue
		flush := func(thing uint64) {
			slices.Sort(readers[thing])
			fmt.Fprint(&access[thing], readers[thing])
			readers[thing] = nil
		}
		for i, program := range programs {
			s.Spawn(fmt.Sprint("t", i), func(t *sched.Thread) {
				for n, a := range program {
					if n > 0 {
						t.TrapPoint("step")
					}
					s.Touch(sched.ResourcePort, a.thing, a.write)
					who := fmt.Sprint(i, ".", n)
					switch {
					case a.write:
						flush(a.thing)
						fmt.Fprint(&access[a.thing], who)
						written[a.thing] = true
						queues[a.thing].WakeAll(sched.Awakened)
					case a.wait && !written[a.thing]:
						readers[a.thing] = append(readers[a.thing], who+" waits")
						t.Block(&queues[a.thing], sched.Wait{})
					default:
						readers[a.thing] = append(readers[a.thing], who)
					}
				}
			})
		}
		class := func() {
			for thing := range access {
				flush(uint64(thing))
				log(access[thing].String() + ";")
			}
		}
		return func() *Failure { class(); return nil }
	})
}

// TestOneExecutionOfEachClass: of random programs the reduced search performs exactly one execution of each class of
// those that differ only in the order of steps that commute, and reaches the same ends, deadlocks included.
func TestOneExecutionOfEachClass(t *testing.T) {
	var full, reduced, pruned uint64
	for seed := range uint64(400) {
		r := choice.Rand(seed)
		programs := randomActs(&r)
		run := acting(programs)
		all := Config{KeepGoing: true, ShrinkTries: -1, DoomTries: -1}
		whole := Explore(all, run)
		all.Strategy, all.Workers = NewReducedDFS(), 1+int(seed%3)
		part := Explore(all, run)
		require.Equal(t, whole.States, part.States, "seed %d: %v", seed, programs)
		require.Equal(t, len(whole.Failures), len(part.Failures), "seed %d: %v", seed, programs)
		require.Empty(t, part.Stopped)
		if len(whole.Failures) == 0 {
			require.Equal(t, len(whole.States), int(part.Executions), "seed %d: %v", seed, programs)
		}
		full, reduced, pruned = full+whole.Executions, reduced+part.Executions, pruned+part.Pruned
	}
	require.Equal(t, []uint64{42053, 2590, 665}, []uint64{full, reduced, pruned})
}
