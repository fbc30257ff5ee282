package trace

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"machvm/kernel/mach"

	"github.com/stretchr/testify/require"
)

func readAll(t *testing.T, text string) (*Reader, []*Record) {
	t.Helper()
	d, err := NewReader(strings.NewReader(text))
	require.NoError(t, err)
	var out []*Record
	for {
		r, err := d.Next()
		if err == io.EOF {
			return d, out
		}
		require.NoError(t, err)
		out = append(out, r)
	}
}

func TestJSONLine(t *testing.T) {
	var b bytes.Buffer
	tr := New()
	sink := NewJSON(&b, sampleNames())
	sink.Lines = true
	tr.AddSink(sink, All)
	tr.SetContext(0, 2)
	m := message(MessageDeliver, 2201, []byte{1, 2, 0, 0}, port(mach.MoveReceive, 11))
	m.Task, m.Seqno, m.FromKernel = 2, 4, true
	Emit(tr, m)
	tr.Note(NoteInfo, `say "<hi>"`)
	require.Equal(t, `{"trace":"machvm","version":1}
{"seq":1,"time":0,"host":0,"host_name":"k0","thread":2,"thread_name":"pager","kind":"message",`+
		`"kmsg":77,"dest":10,"dest_name":"hello.txt","reply":0,"reply_name":"MACH_PORT_NULL",`+
		`"id":2201,"id_name":"memory_object_terminate","seqno":4,"task":2,"task_name":"server",`+
		`"code":0,"code_name":"KERN_SUCCESS","body_len":4,"dest_kind":17,"dest_kind_name":"MOVE_SEND",`+
		`"reply_kind":0,"reply_kind_name":"none","op":1,"op_name":"deliver","ndesc":1,"from_kernel":true,`+
		`"desc0_disp":16,"desc0_disp_name":"MOVE_RECEIVE","desc0_value":11,"body":"0102",`+
		`"line":"<- memory_object_terminate(memory_object=hello.txt, memory_control=receive right control#1, `+
		`body 01020000) seqno 4"}
{"seq":2,"time":0,"host":0,"host_name":"k0","thread":2,"thread_name":"pager","kind":"note",`+
		`"text":"say \"<hi>\"","op":0,"op_name":"info","line":"// say \"<hi>\""}
`, b.String())
}

func TestJSONRoundTrip(t *testing.T) {
	var b bytes.Buffer
	tr := New()
	names := sampleNames()
	tr.AddSink(NewJSON(&b, names), All)
	story(tr)
	d, got := readAll(t, b.String())
	want := tr.Last(1000)
	require.Len(t, got, len(want))
	d.Names().SetMessages(sampleRows)
	again, text := &bytes.Buffer{}, &bytes.Buffer{}
	js, lines := NewJSON(again, d.Names()), NewText(text, &Timeline{Names: d.Names(), Level: Full})
	for i := range got {
		require.True(t, want[i].Equal(got[i]), "%v and %v", want[i].Event(), got[i].Event())
		js.Record(got[i])
		lines.Record(got[i])
	}
	require.Equal(t, fullText, text.String())
	require.Equal(t, b.String(), again.String())
}

// Every field of every kind survives, whatever its value.
func TestJSONKeepsEveryField(t *testing.T) {
	for _, k := range Kinds() {
		for _, all := range []byte{0x01, 0x61, 0x7f} {
			r := &Record{Seq: 1<<64 - 1, Time: 1<<64 - 1, Thread: 1<<32 - 1, Host: 1<<16 - 1, Kind: k}
			fill(kinds[k].view(r), all)
			var b bytes.Buffer
			NewJSON(&b, nil).Record(r)
			require.True(t, json.Valid(bytes.Split(b.Bytes(), []byte("\n"))[1]))
			_, got := readAll(t, b.String())
			require.Len(t, got, 1)
			require.Equal(t, r.Event(), got[0].Event())
			require.True(t, r.Equal(got[0]))
		}
	}
}

// fill sets every number in v to bytes of the value c.
func fill(v reflect.Value, c byte) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), c)
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), c)
		}
	case v.Kind() == reflect.Bool:
		v.SetBool(c&1 != 0)
	case v.CanInt():
		v.SetInt(int64(c) << (v.Type().Bits() - 8))
	default:
		v.SetUint(uint64(c) << (v.Type().Bits() - 8))
	}
}

func TestReaderErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "trace: the file is empty",
		"hello":                          "trace line 1: not the beginning of a trace",
		`{"trace":"other"}`:              "trace line 1: not the beginning of a trace",
		`{"trace":"machvm","version":2}`: "trace line 1: version 2 is not 1",
		strings.Repeat("x", maxLine+1):   "trace line 1: bufio.Scanner: token too long",
	} {
		_, err := NewReader(strings.NewReader(text))
		require.EqualError(t, err, want)
	}
	const head = `{"seq":1,"time":0,"host":0,"thread":0,"kind":"task"`
	for line, want := range map[string]string{
		`{`:                  "unexpected end of JSON input",
		`{"seq":1}`:          `the field "kind" is missing`,
		`{"kind":"weather"}`: `trace: no kind of event is named "weather"`,
		`{"kind":"task","time":0,"host":0,"thread":0}`: `the field "seq" is missing`,
		head + `}`:                              `the field "task" is missing`,
		head + `,"task":-1}`:                    `the field "task"`,
		head + `,"task":1,"parent":0,"op":256}`: `the field "op"`,
		head + `,"task":"x","parent":0,"op":0}`: `the field "task"`,
		strings.Replace(head, `"task"`, `"preempt"`, 1) + `,"object":0,"point":"` + strings.Repeat("x", 25) + `"}`: `has 25 bytes and not at most 24`,
	} {
		d, err := NewReader(strings.NewReader("{\"trace\":\"machvm\",\"version\":1}\n\n" + line))
		require.NoError(t, err)
		_, err = d.Next()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "trace line 3: ")
	}
}

func FuzzReader(f *testing.F) {
	var b bytes.Buffer
	tr := New()
	tr.AddSink(NewJSON(&b, sampleNames()), All)
	story(tr)
	for _, line := range strings.Split(b.String(), "\n")[1:] {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d, err := NewReader(strings.NewReader("{\"trace\":\"machvm\",\"version\":1}\n" + line))
		require.NoError(t, err)
		r, err := d.Next()
		if err != nil {
			return
		}
		// Whatever can be read can be shown, and written and read again.
		(&Timeline{Level: Full, Names: d.Names()}).Append(nil, r)
		var b bytes.Buffer
		js := NewJSON(&b, d.Names())
		js.Record(r)
		require.NoError(t, js.Err())
		_, again := readAll(t, b.String())
		require.Len(t, again, 1)
		require.Equal(t, r.Describe(nil), again[0].Describe(nil))
	})
}

// BenchmarkJSON is one event as a line of JSON.
func BenchmarkJSON(b *testing.B) {
	r := &Record{Seq: 12345, Thread: 2, Host: 1, Kind: KindMessage}
	m := message(MessageDeliver, 2201, []byte{1, 2, 0, 0}, port(mach.MoveReceive, 11))
	for name, record := range map[string]*Record{"message": withEvent(m), "page": withEvent(PageState{Object: 3, Offset: 4096, To: 2})} { // unordered: two benchmarks
		record.Seq, record.Thread, record.Host = r.Seq, r.Thread, r.Host
		b.Run(name, func(b *testing.B) {
			s := NewJSON(io.Discard, sampleNames())
			b.ReportAllocs()
			for b.Loop() {
				s.Record(record)
			}
			b.SetBytes(int64(len(s.buf)))
		})
	}
}

// withEvent is a record of e.
func withEvent[E Event](e E) *Record {
	r := &Record{Kind: e.Kind()}
	*at[E](r) = e
	return r
}
