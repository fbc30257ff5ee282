package choice

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var sample = Schedule{
	Scenario: "terminate race.star", Hash: "5f0c", Seed: 7, Faults: "death,delay 2",
	Steps: []Step{
		{KindThread, "block", 1, 3, "pager"},
		{KindPreempt, "T1-broken", 0, 2, "main thread"},
		{KindDelivery, "odd name", 1, 2, ""},
		{KindTimer, "", 1, 2, " \"quoted\"\n"},
		{KindFault, "# no comment", 2, 4, "\xff"},
	},
}

func TestScheduleText(t *testing.T) {
	text := sample.String()
	require.Equal(t, `machvm schedule 1
scenario terminate race.star
hash 5f0c
seed 7
faults death,delay 2

thread block 1/3 pager
preempt T1-broken 0/2 main thread
delivery "odd name" 1/2
timer "" 1/2 " \"quoted\"\n"
fault "# no comment" 2/4 "\xff"
`, text)
	back, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, &sample, back)

	back, err = Parse("# found by hand\r\n\nmachvm schedule 1\n  thread  trap  1/2  b  \n")
	require.NoError(t, err)
	require.Equal(t, &Schedule{Steps: []Step{{KindThread, "trap", 1, 2, "b"}}}, back)
}

func TestScheduleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          `schedule: no line "machvm schedule 1"`,
		"thread trap 0/2":                           `schedule line 1: want "machvm schedule 1", have "thread trap 0/2"`,
		"machvm schedule 2":                         `schedule line 1: version "2" is not 1`,
		"machvm schedule 1\n\nwind trap 0/2":        `schedule line 3: choice: no kind is named "wind"`,
		"machvm schedule 1\nany trap 0/2":           `schedule line 2: a step has a kind of its own, not "any"`,
		"machvm schedule 1\nthread":                 `schedule line 2: the name of the point is missing`,
		"machvm schedule 1\nthread trap 2":          `schedule line 2: want index/width, have "2"`,
		"machvm schedule 1\nthread trap 2/2":        `schedule line 2: no choice: 2/2`,
		"machvm schedule 1\nthread trap 0/1":        `schedule line 2: no choice: 0/1`,
		"machvm schedule 1\nthread trap -1/2":       `schedule line 2: no choice: -1/2`,
		"machvm schedule 1\nthread trap x/2":        `schedule line 2: index: strconv.Atoi: parsing "x": invalid syntax`,
		"machvm schedule 1\nthread trap 0/y":        `schedule line 2: width: strconv.Atoi: parsing "y": invalid syntax`,
		"machvm schedule 1\nthread \"trap 0/2":      `schedule line 2: bad quotes in "trap 0/2`,
		"machvm schedule 1\nthread trap 0/2 \"a\"b": `schedule line 2: bad quotes in "a"b`,
		"machvm schedule 1\nseed -1":                `schedule line 2: strconv.ParseUint: parsing "-1": invalid syntax`,
	} {
		_, err := Parse(text)
		require.EqualError(t, err, want)
	}
}

func TestTrim(t *testing.T) {
	s := Schedule{Steps: []Step{{Index: 0, Width: 2}, {Index: 1, Width: 2}, {Index: 0, Width: 2}}}
	s.Trim()
	require.Len(t, s.Steps, 2)
	s.Trim()
	require.Len(t, s.Steps, 2)
}

// run asks the points of an imaginary run whose later points depend on its first choice.
func run(c Chooser) []int {
	got := []int{Ask(c, point(KindThread, "block", "a", "b"))}
	if got[0] == 1 {
		got = append(got, Ask(c, point(KindPreempt, "T4", "a", "b", "c")))
	}
	return append(got, Ask(c, point(KindTimer, "tie", "x", "y", "z")))
}

func TestRecordThenReplay(t *testing.T) {
	for seed := range uint64(20) {
		rec := NewRecorder(NewRandom(seed))
		want := run(rec)
		require.Len(t, rec.Schedule.Steps, len(want))
		parsed, err := Parse(rec.Schedule.String())
		require.NoError(t, err)
		rep := NewReplayer(parsed, Fail)
		require.Equal(t, want, run(rep))
		require.NoError(t, Failed(rep))
		require.Nil(t, rep.Diverged())
		require.Zero(t, rep.Left())
		require.Zero(t, rep.Extra())

		parsed.Trim()
		rep = NewReplayer(parsed, Fail)
		require.Equal(t, want, run(rep), "a trimmed schedule is the same schedule")
		require.NoError(t, Failed(rep))
		require.Equal(t, len(want)-len(parsed.Steps), rep.Extra())
	}
}

func TestRecorderWithoutLabels(t *testing.T) {
	rec := &Recorder{NoLabels: true}
	require.Equal(t, []int{0, 0}, run(rec))
	require.Equal(t, []Step{{KindThread, "block", 0, 2, ""}, {KindTimer, "tie", 0, 3, ""}}, rec.Schedule.Steps)
	require.NoError(t, Failed(NewReplayer(&rec.Schedule, Fail)))
}

func TestDivergence(t *testing.T) {
	ok := Step{KindThread, "block", 1, 2, "b"}
	for what, step := range map[string]Step{
		"kind":  {KindVictim, "block", 1, 2, "b"},
		"point": {KindThread, "trap", 1, 2, "b"},
		"width": {KindThread, "block", 2, 3, "c"},
		"label": {KindThread, "block", 1, 2, "c"},
	} {
		rep := NewReplayer(&Schedule{Steps: []Step{step, ok}}, Fail)
		require.Equal(t, 0, Ask(rep, point(KindThread, "block", "a", "b")))
		require.NotNil(t, rep.Diverged(), what)
		require.Equal(t, what, rep.Diverged().What)
		require.Equal(t, 1, rep.Diverged().Step)
		require.ErrorContains(t, Failed(rep), "at step 1: "+what)
		require.ErrorContains(t, Failed(NewRecorder(rep)), "at step 1", "a recorder passes the failure on")
		require.Equal(t, 0, Ask(rep, point(KindThread, "block", "a", "b")), "first options from there")
		require.Equal(t, 1, rep.Left())

		rep = NewReplayer(&Schedule{Steps: []Step{step, ok}}, FallBack)
		Ask(rep, point(KindThread, "block", "a", "b"))
		require.NoError(t, Failed(rep))
		require.NotNil(t, rep.Diverged())
	}
	require.EqualError(t, &Divergence{3, "label", ok, Step{KindThread, "block", 1, 2, "c"}},
		`the run differs from its schedule at step 3: label: recorded "thread block 1/2 b", found "thread block 1/2 c"`)
	require.NoError(t, Failed(First{}))
}

func FuzzParse(f *testing.F) {
	f.Add(sample.String())
	f.Add("machvm schedule 1\nthread trap 0/2 a\n# x\nhash \"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
