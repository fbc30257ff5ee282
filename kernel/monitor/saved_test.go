package monitor_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
)

// saved is a story as a saved trace, one line for each record.
func saved(t testing.TB, story func(w *world)) []string {
	t.Helper()
	var b bytes.Buffer
	w := newWorld("osf-manual") // what it has said so far is not saved: it is written below
	sink := trace.NewJSON(&b, w.tr.Names())
	for r := range w.tr.Records() {
		sink.Record(r)
	}
	w.tr.AddSink(sink, trace.All)
	story(w)
	require.NoError(t, sink.Err())
	return strings.SplitAfter(strings.TrimSpace(b.String()), "\n")
}

// watched reads a saved trace.
func watched(t testing.TB, lines []string) *monitor.Monitor {
	t.Helper()
	r, err := trace.NewReader(strings.NewReader(strings.Join(lines, "")))
	require.NoError(t, err)
	m := monitor.New(r.Names())
	for {
		record, err := r.Next()
		if err == io.EOF {
			m.Finish(false)
			return m
		}
		require.NoError(t, err)
		m.Record(record)
	}
}

func longStory(w *world) {
	w.active().request(0, mach.ProtRead).supply(0, 0, false).store(0).unmap()
	w.leavesAtEnd(0, true, false)
	w.take(w.dataReturn(0, page, true, false))
	k := w.on(mapping).terminate()
	w.step(trace.StepT4).exit(mapping).takeTerminate(k)
}

// TestSavedTrace: a saved trace says what the run said, and an altered one is found out: a message left out, one
// that comes twice, one whose contents differ.
func TestSavedTrace(t *testing.T) {
	lines := saved(t, longStory)
	require.Empty(t, watched(t, lines).Violations())

	kernelSends := func(id string) int {
		for i, l := range lines {
			if strings.Contains(l, `"id":`+id+`,`) && strings.Contains(l, `"from_kernel":true`) && strings.Contains(l, `"op":0`) {
				return i
			}
		}
		t.Fatal("no message " + id)
		return 0
	}
	without := func(i int) []string { return append(append([]string(nil), lines[:i]...), lines[i+1:]...) }
	twice := func(i int) []string { return append(append([]string(nil), lines[:i+1]...), lines[i:]...) }
	other := func(i int, from, to string) []string {
		out := append([]string(nil), lines...)
		require.Contains(t, out[i], from)
		out[i] = strings.Replace(out[i], from, to, 1)
		return out
	}
	for rule, altered := range map[string][]string{
		"EMM-054": without(kernelSends("2208")),                                     // the return of a modified page
		"EMM-029": without(kernelSends("2200")),                                     // init
		"EMM-044": twice(kernelSends("2201")),                                       // terminate
		"EMM-119": twice(kernelSends("2203")),                                       // data_request
		"EMM-007": twice(kernelSends("2200")),                                       // init
		"EMM-004": other(kernelSends("2201"), `"desc0_disp":16`, `"desc0_disp":17`), // a send right for the receive right
		"EMM-014": other(kernelSends("2203"), `"desc0_disp":20`, `"desc0_disp":16`),
	} {
		t.Run(rule, func(t *testing.T) {
			var rules []string
			for _, v := range watched(t, altered).Violations() {
				rules = append(rules, v.Rule.ID)
			}
			require.Contains(t, rules, rule)
		})
	}
}

// TestTraceFromTheMiddle: of a trace that begins late nothing is said about associations whose init was not
// seen, wherever it begins.
func TestTraceFromTheMiddle(t *testing.T) {
	lines := saved(t, longStory)
	for i := 2; i < len(lines); i++ {
		part := append([]string{lines[0]}, lines[i:]...)
		require.Empty(t, watched(t, part).Violations(), "from line %d: %s", i, lines[i])
	}
}

// FuzzTraceJSONL: whatever a file says, the reader returns a record or an error, and a monitor survives the record.
func FuzzTraceJSONL(f *testing.F) {
	f.Add([]byte(strings.Join(saved(f, longStory), "")))
	for _, c := range allFires() {
		f.Add([]byte(strings.Join(saved(f, c.story), "")))
	}
	f.Add([]byte("{\"trace\":\"machvm\",\"version\":1}\n{\"kind\":\"message\"}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := trace.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		m := monitor.New(r.Names())
		for {
			record, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				continue
			}
			m.Record(record)
		}
		m.Finish(true)
		for _, v := range m.Violations() {
			_ = v.String()
		}
		_ = m.Coverage().String()
	})
}

// TestCoverageIsSaved: what WriteJSON writes ReadCoverage reads, and counts add up.
func TestCoverageIsSaved(t *testing.T) {
	c := watched(t, saved(t, longStory)).Coverage()
	var b bytes.Buffer
	require.NoError(t, c.WriteJSON(&b))
	back, err := monitor.ReadCoverage(&b)
	require.NoError(t, err)
	require.Equal(t, c.Tables(), back.Tables())
	back.Merge(c)
	table, err := back.Table(monitor.MachineKernelPage)
	require.NoError(t, err)
	arc := table.Machine.Arc("KP-6.1")
	require.EqualValues(t, 2, table.Arcs[arc])
	require.Contains(t, c.String(), "not reached: arc KP-6.2: E to WW by poke")

	for _, bad := range []string{"", "{", `[{"machine":"lift"}]`, `[{"machine":"netmem","states":{"UP":1}}]`, `[{"machine":"netmem","arcs":{"X":1}}]`} {
		_, err := monitor.ReadCoverage(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
	_, err = c.Table("lift")
	require.Error(t, err)
}

// TestMoveBetweenTakeAndReceipt: a message that was handed to a waiting thread before the port's right moved keeps
// its old number, and may be seen to be received after one that came later and has a new number.
func TestMoveBetweenTakeAndReceipt(t *testing.T) {
	w := newWorld("osf-manual")
	w.active()
	before := w.dataReturn(0, page, true, false)
	trace.Emit(w.tr, trace.Thread{Subject: serving, Op: trace.ThreadWake, Reason: trace.WaitMessage})
	n := w.seqno[obj]
	w.on(helping).moves(obj).arrives(obj, other)
	after := w.sent[w.dataReturn(page, page, true, false)]
	after.Op, after.Task, after.Seqno = trace.MessageDeliver, other, 0
	trace.Emit(w.tr, after)
	trace.Emit(w.tr, trace.RightEvent{Port: ctl, Task: other, Name: 5, Right: mach.RightSend, Delta: 1, Urefs: 1})
	w.seqno[obj] = n
	w.take(before)
	require.Empty(t, w.m.Violations())
}
