package monitor

import (
	_ "embed"
	"fmt"
	"strings"
)

// Rule is one sentence that a test or a bystander can check.
type Rule struct {
	ID       string // "EMM-042"
	Topic    string // the heading it stands under
	Sentence string
	Original string // where the behaviour comes from
}

func (r Rule) String() string { return fmt.Sprintf("%s %s [%s]", r.ID, r.Sentence, r.Original) }

//go:embed emm.rules
var emm string

//go:embed ipc.rules
var ipc string

//go:embed vm.rules
var vm string

var (
	table = parse(emm, ipc, vm)
	byID  = index(table)
)

// Rules are all rules: EMM, then IPC, then VM, each in order of number.
func Rules() []Rule { return append([]Rule(nil), table...) }

// ByID finds a rule by its id.
func ByID(id string) (Rule, bool) {
	i, ok := byID[id]
	if !ok {
		return Rule{}, false
	}
	return table[i], true
}

// parse reads "# topic" and "id | sentence | original" lines. The tables are part of the program: a
// malformed line is a mistake of ours.
func parse(files ...string) (rules []Rule) {
	for _, f := range files {
		topic := ""
		for line := range strings.Lines(f) {
			line = strings.TrimSpace(line)
			if t, ok := strings.CutPrefix(line, "# "); ok {
				topic = t
				continue
			}
			if line == "" {
				continue
			}
			cols := strings.Split(line, " | ")
			if len(cols) != 3 {
				panic("monitor: malformed rule: " + line)
			}
			rules = append(rules, Rule{ID: cols[0], Topic: topic, Sentence: cols[1], Original: cols[2]})
		}
	}
	return rules
}

func index(rules []Rule) map[string]int {
	m := make(map[string]int, len(rules))
	for i, r := range rules {
		if _, twice := m[r.ID]; twice {
			panic("monitor: two rules " + r.ID)
		}
		m[r.ID] = i
	}
	return m
}
