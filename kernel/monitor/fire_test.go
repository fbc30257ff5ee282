package monitor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
)

// A fire is a story in which one thing goes wrong, and the rule that a monitor cites.
type fire struct {
	rule   string
	habits string // beside osf-manual
	story  func(w *world)
}

// TestGoodStories: the steps that the cases are made of break no rule by themselves.
func TestGoodStories(t *testing.T) {
	for name, story := range map[string]func(w *world){
		"map, read, write, unmap": func(w *world) {
			w.active().request(0, mach.ProtRead).supply(0, 0, false).store(0).unmap()
			w.leavesAtEnd(0, true, false)
			w.take(w.dataReturn(0, page, true, false))
			k := w.on(mapping).terminate()
			w.step(trace.StepT4).exit(mapping).takeTerminate(k)
		},
		"clean and flush": func(w *world) {
			w.active().resident(0, 0, false).store(0)
			w.lockCall(0, page, mach.ReturnDirty, false, mach.ProtWrite, true)
			w.passes(0, trace.PageClean, mach.ProtWrite, false, false, false)
			k := w.dataReturn(0, page, true, true)
			l := w.completed("memory_object_lock_completed", 0, page)
			w.exit(serving).take(k).take(l)
			w.lockCall(0, page, mach.ReturnDirty, true, 0, true)
			w.passes(0, trace.PageFlush, mach.ProtAll, false, false, false)
			w.completed("memory_object_lock_completed", 0, page)
			w.exit(serving).over2()
		},
		"destroy": func(w *world) { w.active().destroyed() },
		"death":   func(w *world) { w.active().dies(true) },
		"cache":   func(w *world) { w.active(int32(mach.CopyDelay), 0, 1, 0).cache() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("osf-manual")
			story(w)
			w.m.Finish(true)
			require.Empty(t, w.m.Violations())
		})
	}
}

// over2 unmaps what is mapped and ends the association.
func (w *world) over2() *world {
	w.unmap()
	k := w.terminate()
	return w.step(trace.StepT4).exit(mapping).takeTerminate(k)
}

// TestEveryCheckFires: for each rule that is said to be watched there is a story in which it is broken, and the
// monitor cites that rule first.
func TestEveryCheckFires(t *testing.T) {
	seen := map[string]bool{}
	for i, f := range allFires() {
		seen[f.rule] = true
		t.Run(fmt.Sprintf("%s/%d", f.rule, i), func(t *testing.T) {
			w := newWorld(strings.TrimSpace("osf-manual " + f.habits))
			f.story(w)
			w.m.Finish(true)
			list := w.m.Violations()
			require.NotEmpty(t, list, "nothing is found")
			require.Equal(t, f.rule, list[0].Rule.ID, "%v", list)
			require.True(t, strings.HasPrefix(list[0].String(), f.rule+" "), list[0].String())
			require.NotEmpty(t, list[0].Culprit)
		})
	}
	var unseen []string
	for _, r := range monitor.Watched() {
		if !seen[r.ID] {
			unseen = append(unseen, r.ID)
		}
	}
	require.Empty(t, unseen, "rules without a story")
}

func allFires() []fire {
	var all []fire
	for _, list := range [][]fire{lifeFires, endFires, pageFires, lockFires, callFires, portFires} {
		all = append(all, list...)
	}
	return all
}
