package scenario_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/test/scenario"
)

// traces are the conversations that the protocol requires, by script. Left to right is the order of the memory
// object's queue for what the kernel sends; what the manager does stands in brackets, other things in parentheses.
//
//	I init  T terminate  RQ data_request  RT data_return  U data_unlock  LC lock_completed  AC change_completed
//	A change_attributes  S data_supply  L lock_request  D destroy
var traces = []struct{ script, row string }{
	{"01_read_unmap", "I(a) [A] RQ(0) [S(0)] T(a)"},
	{"02_write_unmap", "I(a) [A] RQ(0) [S(0)] RT(0,dirty,!copy) T(a)"},
	{"03_cached", "I(a) [A cache] RQ(0) [S(0)]"},
	{"04_uncache", "I(a) [A cache] RQ(0) [S(0)] [A nocache reply] RT(0,dirty,!copy) T(a) AC(null)"},
	{"05_cache_hit", "I(a) [A cache] RQ(0) [S(0)]"},
	{"06_destroy_mapped", "I(a) [A] RQ(0) [S(0)] [D] T(a)"},
	{"07_destroy_faulting", "I(a) [A] RQ(0) [D] T(a)"},
	{"08_remap", "I(a) [A] T(a) I(b) [A] T(b)"},
	{"09_late_supply", "I(a) [A] RQ(0) (abort) T(a) (control queue: S(0))"},
	{"10_unlock", "I(a) [A] RQ(0) [S(0) lock W] U(0,RW) [L unlock]"},
	{"11_flush", "I(a) [A] RQ(0) [S(0)] [L flush return reply] RT(0,dirty,!copy) LC"},
	{"12_refused", "I(a) [D] T(a)"},
	{"13_aborted_map", "I(a) (abort) T(a)"},
}

// TestTraces: the conversation in each script's transcript is the row it is written for.
func TestTraces(t *testing.T) {
	for _, c := range traces {
		r := scenario.Run(filepath.Join("..", "scripts", "traces", c.script+".star"), scenario.Options{})
		require.True(t, r.Passed(), "%s: %s", c.script, r.Verdict())
		require.Equal(t, c.row, conversation(t, r.Transcript), c.script)
	}
	require.Len(t, scripts(t, "traces/*.star"), len(traces), "every script is in the table")
}

var (
	messageLine = regexp.MustCompile(`^ *\d+ \S+ (\S.*?) +(->|<-|=>) memory_object_(\w+)\((.*?)\)(?: seqno.*)?$`)
	abortLine   = regexp.MustCompile(`// the harness (aborts|terminates) `)
)

// conversation is what a transcript says about the memory object, in the notation of the table.
func conversation(t *testing.T, transcript string) string {
	t.Helper()
	var words []string
	for line := range strings.Lines(transcript) {
		if abortLine.MatchString(line) {
			words = append(words, "(abort)")
		}
		m := messageLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		what := notation(t, m[3], arguments(m[4]))
		kernels := m[1] == "kernel"
		switch {
		case kernels && m[2] == "->":
			words = append(words, what)
		case m[2] == "=>":
			words = append(words, "["+what+"]")
		case m[2] == "<-" && strings.Trim(what, "SLDA()0123456789 ") == "": // a manager's own message, found again
			words = append(words, "(control queue: "+what+")")
		}
	}
	return strings.Join(words, " ")
}

func arguments(text string) map[string]string {
	args := map[string]string{}
	for _, a := range strings.Split(text, ", ") {
		name, value, _ := strings.Cut(a, "=")
		args[name] = value
	}
	return args
}

// notation is one message in the notation of the table.
func notation(t *testing.T, name string, a map[string]string) string {
	t.Helper()
	offset, _ := strconv.ParseUint(strings.TrimPrefix(a["offset"], "0x"), 16, 64)
	page := offset / 0x1000
	control := "null"
	if _, n, ok := strings.Cut(a["memory_control"], ".control#"); ok {
		number, err := strconv.Atoi(n)
		require.NoError(t, err)
		control = string(rune('a' + number - 1))
	}
	access := strings.ToUpper(strings.ReplaceAll(a["desired_access"], "-", ""))
	option := func(word string, on bool) string {
		if on {
			return " " + word
		}
		return ""
	}
	reply := option("reply", a["reply_to"] != "" && a["reply_to"] != "MACH_PORT_NULL")
	switch name {
	case "init":
		return "I(" + control + ")"
	case "terminate":
		return "T(" + control + ")"
	case "data_request":
		return fmt.Sprintf("RQ(%d)", page)
	case "data_return":
		copied := map[string]string{"FALSE": "!copy", "TRUE": "copy"}[a["kernel_copy"]]
		dirty := map[string]string{"FALSE": "clean", "TRUE": "dirty"}[a["dirty"]]
		return fmt.Sprintf("RT(%d,%s,%s)", page, dirty, copied)
	case "data_unlock":
		return fmt.Sprintf("U(%d,%s)", page, access)
	case "lock_completed":
		return "LC"
	case "change_completed":
		return "AC(" + control + ")"
	case "change_attributes":
		caches := strings.Fields(a["attributes"])[2] == "1"
		return "A" + option("cache", caches) + option("nocache", !caches && reply != "") + reply
	case "data_supply":
		return fmt.Sprintf("S(%d)", page) + option("lock W", a["lock_value"] == "-w-")
	case "lock_request":
		return "L" + option("flush", a["should_flush"] == "TRUE") + option("return", a["should_return"] != "none") +
			option("unlock", a["lock_value"] == "---") + reply
	case "destroy":
		return "D"
	}
	return name
}
