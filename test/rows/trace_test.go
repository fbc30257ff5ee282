package rows_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/test/rows"
	"machvm/vm"
)

func readBytes(t testing.TB, name string, text []byte) *rows.Trace {
	t.Helper()
	trace, err := rows.ReadTrace(name, bytes.NewReader(text), rows.TraceAuto, 256)
	require.NoError(t, err)
	return trace
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func TestTraceFormats(t *testing.T) {
	r, w := func(n uint64) vm.Reference { return vm.Reference{Page: n} }, func(n uint64) vm.Reference { return vm.Reference{Page: n, Write: true} }
	for _, c := range []struct {
		name   string
		format rows.TraceFormat
		text   string
		want   []vm.Reference
	}{
		{"memsim", rows.TraceMemsim, "00000fff R\n\n0x2000 W\r\n3abc r\n  ffffffff\tw", []vm.Reference{r(0), w(2), r(3), w(0xfffff)}},
		{"lackey", rows.TraceLackey, "==1== Lackey, an example\n--1-- warning\nI  04000ffe,3\n L 1ffefff7e0,8\n S 00002000,4\n M 3000,1\n",
			[]vm.Reference{r(0x4000), r(0x4001), r(0x1ffefff), w(2), w(3)}},
		{"dinero", rows.TraceDinero, "0 1000\n1 2abc 8\n2 0x3000\n3 0\n4 0\n", []vm.Reference{r(1), w(2), r(3)}},
		{"lirs", rows.TraceLIRS, "7\n\n 12 \n*\n", []vm.Reference{r(7), r(12)}},
		{"empty", rows.TraceAuto, "", nil},
		{"blank", rows.TraceAuto, "\n \n", nil},
	} {
		for _, format := range []rows.TraceFormat{rows.TraceAuto, c.format} {
			for _, text := range []string{c.text, gzipped(c.text)} {
				trace, err := rows.ReadTrace(c.name, strings.NewReader(text), format, 4096)
				require.NoError(t, err, c.name)
				require.Equal(t, c.format, trace.Format, c.name)
				require.Equal(t, c.want, trace.References, c.name)
			}
		}
	}
	trace := readBytes(t, "counted", []byte("100 R\n1ff W\n200 W\n"))
	require.Equal(t, 2, trace.Pages)
	require.Equal(t, 2, trace.Writes)
}

// What is wrong is told with the file, the line and its text.
func TestTraceErrors(t *testing.T) {
	for _, c := range []struct {
		format   rows.TraceFormat
		pageSize mach.Size
		text     string
		want     string
	}{
		{rows.TraceAuto, 4096, "0 R\n1000 X\n", `t:2: malformed line: "1000 X"`},
		{rows.TraceAuto, 4096, "0 R\n1000\n", `t:2: malformed line: "1000"`},
		{rows.TraceAuto, 4096, "hello world\n", `t:1: malformed line: "hello world"`},
		{rows.TraceAuto, 4096, "hello\n", `t:1: malformed line: "hello"`},
		{rows.TraceMemsim, 4096, "\n\n R\n", `t:3: malformed line: " R"`},
		{rows.TraceMemsim, 4096, "zz R\n", `t:1: malformed line: "zz R"`},
		{rows.TraceMemsim, 4096, "800000000000 R\n", `t:1: address beyond 2^47: "800000000000 R"`},
		{rows.TraceMemsim, 4096, strings.Repeat("x", 100), `t:1: malformed line: "` + strings.Repeat("x", 80) + `"`},
		{rows.TraceMemsim, 4096, strings.Repeat("x", 1<<17), `t:1: bufio.Scanner: token too long`},
		{rows.TraceLackey, 4096, "I  1000\n", `t:1: malformed line: "I  1000"`},
		{rows.TraceLackey, 4096, "X  1000,1\n", `t:1: malformed line: "X  1000,1"`},
		{rows.TraceLackey, 4096, "I  1000,0\n", `t:1: malformed line: "I  1000,0"`},
		{rows.TraceLackey, 4096, " L ffffffffffffffff,2\n", `t:1: address beyond 2^47: " L ffffffffffffffff,2"`},
		{rows.TraceDinero, 4096, "5 1000\n", `t:1: malformed line: "5 1000"`},
		{rows.TraceDinero, 4096, "0\n", `t:1: malformed line: "0"`},
		{rows.TraceLIRS, 4096, "-1\n", `t:1: malformed line: "-1"`},
		{rows.TraceLIRS, 4096, "34359738368\n", `t:1: address beyond 2^47: "34359738368"`},
		{rows.TraceAuto, 4096, gzipped("0 R\n1 Q\n"), `t:2: malformed line: "1 Q"`},
		{rows.TraceAuto, 4096, gzipped("0 R\n0 W\n")[:20], `t:3: unexpected EOF`},
		{rows.TraceAuto, 4096, "\x1f\x8bnothing of the kind", `t: gzip: invalid header`},
		{rows.TraceAuto, 1000, "0 R\n", `page size 1000 is no power of two of at least 16`},
		{"csv", 4096, "0 R\n", `no format is named "csv": there are auto, memsim, lackey, dinero and lirs`},
	} {
		_, err := rows.ReadTrace("t", strings.NewReader(c.text), c.format, c.pageSize)
		require.EqualError(t, err, c.want)
	}
}

// Whatever the input, it is read or refused; what is read is in the address range and replays.
func FuzzReadTrace(f *testing.F) {
	for _, text := range []string{"0 R\n1000 W\n", "I  04000ffe,3\n L 1ffefff7e0,8\n", "0 10\n1 20\n", "1\n2\n*\n", "==1==", gzipped("0 R\n")} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		trace, err := rows.ReadTrace("fuzz", bytes.NewReader(text), rows.TraceAuto, 4096)
		if err != nil {
			require.Nil(t, trace)
			return
		}
		for _, r := range trace.References {
			require.Less(t, r.Page, uint64(1)<<35)
		}
		if len(trace.References) > 0 && len(trace.References) < 50 {
			c := replay(t, trace, "lru", 2)
			require.GreaterOrEqual(t, c.Faults, trace.Pages)
		}
	})
}
