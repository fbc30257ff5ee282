package rows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"machvm/kernel/mach"
	"machvm/vm"
)

// A TraceFormat is a way to write down which memory a program used.
type TraceFormat string

const (
	TraceAuto    TraceFormat = "auto"    // what the first line that is not empty looks like
	TraceMemsim  TraceFormat = "memsim"  // "hexaddress R" or "hexaddress W"
	TraceLackey  TraceFormat = "lackey"  // valgrind --tool=lackey --trace-mem=yes: "I  04025310,3", L, S, and M, which counts as one write
	TraceDinero  TraceFormat = "dinero"  // "label hexaddress": 0 reads, 1 writes, 2 fetches an instruction
	TraceLIRS    TraceFormat = "lirs"    // the number of a block; the last line may be "*"
	traceMaxLine             = 64 * 1024 // bytes of a line
)

// TraceFormats are the formats that a trace can have.
var TraceFormats = []TraceFormat{TraceMemsim, TraceLackey, TraceDinero, TraceLIRS}

// A Trace is the references of a program to pages, in order.
type Trace struct {
	Name       string
	Format     TraceFormat
	PageSize   mach.Size
	References []vm.Reference
	Pages      int // different ones
	Writes     int // references that write

	top mach.Addr // end of the address space that has them all
}

// Ends of the address space of a replay: the first that is enough is used.
var traceTops = []mach.Addr{1 << 32, 1 << 47}

// ReadTrace reads a trace; name is for errors, and r may be compressed with gzip. A reference to several pages is one to
// each.
//
// It fails, with the name and the line, for a line that is not of the format, for an address of 2^47 or more, and for
// input that ends in the middle; besides for a page size that no host can have, and for a format that is none.
func ReadTrace(name string, r io.Reader, format TraceFormat, pageSize mach.Size) (*Trace, error) {
	t := &Trace{Name: name, Format: format, PageSize: pageSize}
	if !mach.ValidPageSize(pageSize) {
		return nil, fmt.Errorf("page size %d is no power of two of at least 16", uint64(pageSize))
	}
	if format != TraceAuto && !slices.Contains(TraceFormats, format) {
		return nil, fmt.Errorf("no format is named %q: there are auto, memsim, lackey, dinero and lirs", string(format))
	}
	buffered := bufio.NewReader(r)
	r = buffered
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r = unpacked
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, traceMaxLine)
	n := 0
	for lines.Scan() {
		n++
		if err := t.line(bytes.TrimSpace(lines.Bytes())); err != nil {
			return nil, fmt.Errorf("%s:%d: %w: %q", name, n, err, abridged(lines.Bytes()))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	t.count()
	return t, nil
}

// abridged is a line as an error shows it.
func abridged(line []byte) []byte { return line[:min(len(line), 80)] }

// count fills in what is known at the end.
func (t *Trace) count() {
	pages := map[uint64]bool{}
	last := uint64(0)
	for _, r := range t.References {
		pages[r.Page] = true
		last = max(last, r.Page)
		if r.Write {
			t.Writes++
		}
	}
	t.Pages = len(pages)
	for _, t.top = range traceTops {
		if mach.Addr(last) < t.top/mach.Addr(t.PageSize) {
			break
		}
	}
}

var (
	errMalformed = errors.New("malformed line")
	errTooHigh   = errors.New("address beyond 2^47")
)

// line takes up one line.
func (t *Trace) line(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if t.Format == TraceAuto {
		t.Format = guessFormat(line)
	}
	switch t.Format {
	case TraceMemsim:
		return t.memsim(line)
	case TraceLackey:
		return t.lackey(line)
	case TraceDinero:
		return t.dinero(line)
	}
	return t.lirs(line)
}

// guessFormat is the format that a line looks like.
func guessFormat(line []byte) TraceFormat {
	_, rest := cutField(line)
	second, _ := cutField(rest)
	switch {
	case bytes.HasPrefix(line, []byte("==")):
		return TraceLackey
	case len(second) == 0:
		return TraceLIRS
	case bytes.Contains(second, []byte(",")):
		return TraceLackey
	case len(second) == 1 && strings.Contains("RWrw", string(second)):
		return TraceMemsim
	}
	return TraceDinero
}

// cutField is the first field of a line without space before it, and what is behind it.
func cutField(line []byte) (field, rest []byte) {
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.TrimLeft(line[i:], " \t")
}

func (t *Trace) memsim(line []byte) error {
	addr, rest := cutField(line)
	a, ok := hex(addr)
	if !ok || len(rest) != 1 {
		return errMalformed
	}
	switch rest[0] {
	case 'R', 'r':
		return t.touch(a, 1, false)
	case 'W', 'w':
		return t.touch(a, 1, true)
	}
	return errMalformed
}

func (t *Trace) lackey(line []byte) error {
	if bytes.HasPrefix(line, []byte("==")) || bytes.HasPrefix(line, []byte("--")) {
		return nil // valgrind itself speaks
	}
	kind, rest := cutField(line)
	addr, length, ok := bytes.Cut(rest, []byte(","))
	a, okA := hex(addr)
	n, err := strconv.ParseUint(string(length), 10, 16)
	if !ok || !okA || err != nil || n == 0 || len(kind) != 1 {
		return errMalformed
	}
	switch kind[0] {
	case 'I', 'L':
		return t.touch(a, n, false)
	case 'S', 'M':
		return t.touch(a, n, true)
	}
	return errMalformed
}

func (t *Trace) dinero(line []byte) error {
	label, rest := cutField(line)
	addr, _ := cutField(rest)
	a, ok := hex(addr)
	if !ok || len(label) != 1 {
		return errMalformed
	}
	switch label[0] {
	case '0', '2':
		return t.touch(a, 1, false)
	case '1':
		return t.touch(a, 1, true)
	case '3', '4':
		return nil // about caches
	}
	return errMalformed
}

func (t *Trace) lirs(line []byte) error {
	if string(line) == "*" {
		return nil
	}
	block, err := strconv.ParseUint(string(line), 10, 64)
	if err != nil {
		return errMalformed
	}
	return t.refer(block, block, false)
}

// hex reads a hexadecimal address, with or without 0x.
func hex(text []byte) (uint64, bool) {
	if len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		text = text[2:]
	}
	a, err := strconv.ParseUint(string(text), 16, 64)
	return a, err == nil
}

// touch adds the references of an access to n bytes.
func (t *Trace) touch(addr, n uint64, write bool) error {
	last := addr + n - 1
	if last < addr {
		return errTooHigh
	}
	return t.refer(addr/uint64(t.PageSize), last/uint64(t.PageSize), write)
}

// refer adds references to pages first to last.
func (t *Trace) refer(first, last uint64, write bool) error {
	if last >= uint64(traceTops[len(traceTops)-1])/uint64(t.PageSize) {
		return errTooHigh
	}
	for page := first; page <= last; page++ {
		t.References = append(t.References, vm.Reference{Page: page, Write: write})
	}
	return nil
}
