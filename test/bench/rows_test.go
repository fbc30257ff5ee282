package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"machvm/test/rows"
)

// BenchmarkRows: nanoseconds, allocations and messages of the pager protocol for each operation. Only what the
// row names is timed, not what has to be prepared for it.
func BenchmarkRows(b *testing.B) {
	start := time.Now()
	clock := func() int64 { return int64(time.Since(start)) }
	for _, row := range rows.Rows() {
		b.Run(row.Name, func(b *testing.B) {
			b.ReportAllocs()
			timed, err := rows.Run(row, rows.Options{N: b.N, Clock: clock})
			require.NoError(b, err)
			b.ReportMetric(timed.PerOp(), "ns/op")
			counted, err := rows.Run(row, rows.Options{N: 256, Messages: true})
			require.NoError(b, err)
			b.ReportMetric(float64(counted.Messages)/float64(counted.N), "messages/op")
			counted, err = rows.Run(row, rows.Options{N: 1024, Allocs: true})
			require.NoError(b, err)
			b.ReportMetric(float64(counted.Allocs)/float64(counted.N), "allocs/op")
			b.ReportMetric(float64(counted.Bytes)/float64(counted.N), "B/op")
		})
	}
}
