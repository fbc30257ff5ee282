package trace

import (
	"bytes"
	"slices"
	"testing"

	"machvm/kernel/mach"

	"github.com/stretchr/testify/require"
)

func seqs(t *Tracer) (out []uint64) {
	for r := range t.Records() {
		out = append(out, r.Seq)
	}
	return out
}

func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		require.Equal(t, k, (&Record{Kind: k}).Event().Kind(), "the row of %s is that of its struct", k)
		back, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	_, err := ParseKind("weather")
	require.EqualError(t, err, `trace: no kind of event is named "weather"`)
	require.Equal(t, "kind(200)", Kind(200).String())
}

func TestMask(t *testing.T) {
	m, err := ParseMask("message,fault")
	require.NoError(t, err)
	require.Equal(t, MaskOf(KindMessage, KindFault), m)
	require.Equal(t, "message,fault", m.String())
	m, err = ParseMask("all,-trap")
	require.NoError(t, err)
	require.Equal(t, All&^MaskOf(KindTrap), m)
	require.False(t, m.Has(KindTrap))
	require.Equal(t, "all", All.String())
	m, err = ParseMask("")
	require.NoError(t, err)
	require.Zero(t, m)
	_, err = ParseMask("message,weather")
	require.Error(t, err)
}

type withPointer struct{ S string }

func (withPointer) Kind() Kind   { return 0 }
func (withPointer) line(*writer) {}

type tooLarge struct{ B [200]byte }

func (tooLarge) Kind() Kind   { return 0 }
func (tooLarge) line(*writer) {}

type machineWord struct{ N int }

func (machineWord) Kind() Kind   { return 0 }
func (machineWord) line(*writer) {}

type twice struct {
	Port     uint64
	PortName uint64
}

func (twice) Kind() Kind   { return 0 }
func (twice) line(*writer) {}

func TestDescribeRefuses(t *testing.T) {
	require.PanicsWithValue(t, "trace: trace.withPointer.S is a string; events hold numbers of a fixed size only",
		func() { describe[withPointer]("x") })
	require.PanicsWithValue(t, "trace: trace.tooLarge has 200 bytes and does not fit a record",
		func() { describe[tooLarge]("x") })
	require.Panics(t, func() { describe[machineWord]("x") })
	require.PanicsWithValue(t, `trace: trace.twice: a second field with the key "port_name"`,
		func() { describe[twice]("x") })
}

func TestEmitStampsAndKeeps(t *testing.T) {
	tr := New()
	tr.SetContext(1, 7)
	tr.SetTime(5)
	f := Fault{Addr: 0x1000, Task: 2, Access: mach.ProtRead}
	Emit(tr, f)
	tr.SetContext(0, 0)
	Emit(tr, Preempt{Point: ShortOf("T4")})
	got := tr.Last(10)
	require.Len(t, got, 2)
	r := got[0]
	require.Equal(t, Record{Seq: 1, Time: 5, Thread: 7, Host: 1, Kind: KindFault},
		Record{Seq: r.Seq, Time: r.Time, Thread: r.Thread, Host: r.Host, Kind: r.Kind})
	require.Equal(t, f, r.Event())
	back, ok := As[Fault](&r)
	require.True(t, ok)
	require.Equal(t, f, back)
	_, ok = As[Message](&r)
	require.False(t, ok)
	require.True(t, r.Equal(&got[0]))
	require.False(t, r.Equal(&got[1]))
	require.Equal(t, uint64(2), tr.Seq())
	host, thread := tr.Context()
	require.Zero(t, host)
	require.Zero(t, thread)
}

func TestSlotsAreReusedByOtherKinds(t *testing.T) {
	tr := New()
	tr.SetRing(1)
	var m Message
	m.SetBody(bytes.Repeat([]byte{0xff}, MessageBody))
	Emit(tr, m)
	Emit(tr, TaskEvent{Task: 3})
	require.Equal(t, TaskEvent{Task: 3}, tr.Last(1)[0].Event())
}

func TestRingGrowsAndWraps(t *testing.T) {
	tr := New()
	tr.SetRing(200) // 256
	require.Empty(t, seqs(tr))
	for i := range 300 {
		Emit(tr, TaskEvent{Task: uint32(i + 1)})
		want := min(i+1, 256)
		have := seqs(tr)
		require.Len(t, have, want)
		require.Equal(t, uint64(i+1), have[want-1])
		require.True(t, slices.IsSorted(have))
		require.Equal(t, uint64(i+1-want+1), have[0])
	}
	for r := range tr.Records() {
		require.Equal(t, TaskEvent{Task: uint32(r.Seq)}, r.Event(), "no record moved")
	}
	require.Len(t, tr.Last(3), 3)
	require.Equal(t, uint64(298), tr.Last(3)[0].Seq)
	require.Empty(t, tr.Last(0))
	for r := range tr.Records() {
		require.Equal(t, uint64(45), r.Seq)
		break
	}
	tr.SetRing(4)
	require.Empty(t, seqs(tr))
}

type counter struct{ kinds []Kind }

func (c *counter) Record(r *Record) { c.kinds = append(c.kinds, r.Kind) }

func TestMasksAndSinks(t *testing.T) {
	tr := New()
	tr.SetMask(MaskOf(KindFault))
	require.True(t, tr.On(KindFault))
	require.False(t, tr.On(KindTask))
	Emit(tr, TaskEvent{})
	Emit(tr, Fault{})
	require.Equal(t, uint64(1), tr.Seq(), "what nobody wants is not counted")

	tasks, all := &counter{}, &counter{}
	tr.AddSink(tasks, MaskOf(KindTask))
	require.True(t, tr.On(KindTask))
	Emit(tr, TaskEvent{})
	Emit(tr, Fault{})
	tr.AddSink(all, All)
	Emit(tr, Note{})
	tr.RemoveSink(tasks)
	Emit(tr, TaskEvent{})
	require.Equal(t, []Kind{KindTask}, tasks.kinds)
	require.Equal(t, []Kind{KindNote, KindTask}, all.kinds)

	tr.SetRing(0)
	Emit(tr, Fault{})
	require.Equal(t, []Kind{KindNote, KindTask, KindFault}, all.kinds, "a ring that is off keeps the sinks going")
	require.Empty(t, seqs(tr))
	tr.RemoveSink(all)
	require.False(t, tr.On(KindFault))
}

func TestNilTracer(t *testing.T) {
	var tr *Tracer
	Emit(tr, Fault{})
	tr.SetContext(1, 2)
	tr.SetTime(3)
	tr.Note(NoteInfo, "x")
	tr.Reset()
	require.False(t, tr.On(KindFault))
	require.Zero(t, tr.Seq())
	require.Empty(t, tr.Last(3))
	require.Empty(t, seqs(tr))
	tr.Names().Label(ClassPort, 1, "x")
	tr.Names().Replace(ClassPort, 1, "x")
	tr.Names().Number(ClassPort, 1, "x")
	tr.Names().Forget(ClassPort, 1)
	tr.Names().SetDescribe(nil)
	tr.Names().SetMessages(nil)
	require.Equal(t, "port#1", tr.Names().Name(ClassPort, 1))
	require.Equal(t, "message 9", tr.Names().Message(0, 9))
}

func TestEmitDoesNotAllocate(t *testing.T) {
	tr := New()
	tr.SetRing(64)
	sink := &last{}
	tr.AddSink(sink, All)
	var m Message
	var seen Fault
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		Emit(tr, Fault{Addr: 1})
		seen, _ = As[Fault](sink.r)
		Emit(tr, m)
		Emit(tr, Choice{Sort: ShortOf("thread"), Point: ShortOf("block")})
		if tr.On(KindTrap) {
			Emit(tr, Trap{Name: TrapMsg})
		}
		tr.SetContext(0, 1)
		tr.SetTime(2)
	}))
	require.Equal(t, mach.Addr(1), seen.Addr)
}

type last struct{ r *Record }

func (l *last) Record(r *Record) { l.r = r }

func TestResetServesAnotherRun(t *testing.T) {
	tr := New()
	run := func() string {
		tr.SetContext(0, 1)
		tr.SetTime(tr.time + 1)
		tr.Names().Number(ClassPort, 4, "control")
		Emit(tr, PortEvent{Port: 4, Op: PortClose})
		var b bytes.Buffer
		require.NoError(t, tr.Dump(&b, &Timeline{Names: tr.Names(), Level: Full}, 10))
		return b.String()
	}
	first := run()
	tr.Reset()
	require.Empty(t, seqs(tr))
	require.Equal(t, first, run())
}

func TestNames(t *testing.T) {
	n := NewNames()
	for want, id := range map[string]labelKey{
		"k0": {ClassHost, 0}, "task#3": {ClassTask, 3}, "thread#2": {ClassThread, 2}, "port#12": {ClassPort, 12},
		"object#4": {ClassObject, 4}, "kernel": {ClassThread, 0}, "MACH_PORT_NULL": {ClassPort, PortNull},
		"MACH_PORT_DEAD": {ClassPort, PortDead}, "none": {ClassObject, 0},
	} {
		require.Equal(t, want, n.Name(id.class, id.id))
	}
	n.Label(ClassPort, 12, "hello.txt")
	n.Label(ClassPort, 12, "other")
	require.Equal(t, "hello.txt", n.Name(ClassPort, 12), "the first label wins")
	require.Equal(t, "object#12", n.Name(ClassObject, 12))
	n.Number(ClassPort, 12, "control")
	n.Number(ClassPort, 13, "control")
	n.Number(ClassPort, 13, "control")
	n.Number(ClassPort, 14, "control")
	require.Equal(t, "hello.txt control#1 control#2",
		n.Name(ClassPort, 12)+" "+n.Name(ClassPort, 13)+" "+n.Name(ClassPort, 14))
	n.Replace(ClassPort, 12, "bye.txt")
	require.Equal(t, "bye.txt", n.Name(ClassPort, 12))
	n.Forget(ClassPort, 12)
	n.SetDescribe(func(c Class, id uint64) string {
		if c == ClassPort {
			return "described"
		}
		return ""
	})
	require.Equal(t, "described", n.Name(ClassPort, 12))
	require.Equal(t, "task#1", n.Name(ClassTask, 1))
}

func TestNoteSplits(t *testing.T) {
	tr := New()
	text := ""
	for range 100 {
		text += "äöü"
	}
	tr.Note(NoteFail, text+"\nend")
	got := ""
	for r := range tr.Records() {
		n, ok := As[Note](r)
		require.True(t, ok)
		require.Equal(t, NoteFail, n.Op)
		got += n.Text.String()
	}
	require.Equal(t, text+" end", got)
	require.Equal(t, uint64(4), tr.Seq())
	tr.SetMask(0)
	tr.Note(NoteInfo, "unseen")
	require.Equal(t, uint64(4), tr.Seq())
}

func BenchmarkEmit(b *testing.B) {
	b.Run("nil", func(b *testing.B) {
		var tr *Tracer
		for b.Loop() {
			if tr.On(KindFault) {
				Emit(tr, Fault{Addr: 1})
			}
		}
	})
	b.Run("masked", func(b *testing.B) {
		tr := New()
		tr.SetMask(0)
		for b.Loop() {
			if tr.On(KindFault) {
				Emit(tr, Fault{Addr: 1})
			}
		}
	})
	b.Run("fault", func(b *testing.B) {
		tr := New()
		b.ReportAllocs()
		for b.Loop() {
			Emit(tr, Fault{Addr: 1, Task: 2})
		}
	})
	b.Run("message", func(b *testing.B) {
		tr := New()
		b.ReportAllocs()
		var m Message
		for b.Loop() {
			m.Kmsg++
			Emit(tr, m)
		}
	})
}
