package bench

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"machvm/kernel/trace"
	"machvm/test/rows"
)

// BenchmarkTracing: a fault through a pager under each way to trace.
func BenchmarkTracing(b *testing.B) {
	start := time.Now()
	json := func(t *trace.Tracer) trace.Sink { return trace.NewJSON(io.Discard, t.Names()) }
	text := func(t *trace.Tracer) trace.Sink {
		return trace.NewText(io.Discard, &trace.Timeline{Names: t.Names(), Level: trace.Full})
	}
	for _, way := range []struct {
		name string
		o    rows.Options
	}{
		{"off", rows.Options{}},
		{"ring", rows.Options{Tracer: trace.New()}},
		{"json", rows.Options{Tracer: trace.New(), Sinks: []func(*trace.Tracer) trace.Sink{json}}},
		{"text", rows.Options{Tracer: trace.New(), Sinks: []func(*trace.Tracer) trace.Sink{text}}},
	} {
		b.Run(way.name, func(b *testing.B) {
			row, err := rows.Find("pager/read_supply")
			require.NoError(b, err)
			way.o.N, way.o.Clock = b.N, func() int64 { return int64(time.Since(start)) }
			r, err := rows.Run(row, way.o)
			require.NoError(b, err)
			b.ReportMetric(r.PerOp(), "ns/op")
		})
	}
}
